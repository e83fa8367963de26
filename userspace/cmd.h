/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs: one file and one line in the table of main.c each. They return an exit status. */
#ifndef CW_CMD_H
#define CW_CMD_H

#include "pipeline.h"

int cw_cmd_run(int argc, char **argv);
int cw_cmd_check(int argc, char **argv);
int cw_cmd_coverage(int argc, char **argv);
int cw_cmd_record(int argc, char **argv);
int cw_cmd_replay(int argc, char **argv);
int cw_cmd_verify(int argc, char **argv);

/* Seconds, 1 to a year. 0 or -EINVAL. */
int cw_parse_duration(const char *s, unsigned int *ret_seconds);

#endif
