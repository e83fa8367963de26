/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs: one file and one line in the table of main.c each. They return an exit status. */
#ifndef CW_CMD_H
#define CW_CMD_H

#include "pipeline.h"

int cw_cmd_run(int argc, char **argv);
int cw_cmd_check(int argc, char **argv);
int cw_cmd_coverage(int argc, char **argv);

#endif
