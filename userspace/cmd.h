/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs: one file and one line in the table of main.c each. They return an exit status. */
#ifndef CW_CMD_H
#define CW_CMD_H

#include <getopt.h>

#include "pipeline.h"
#include "policy/policy.h"
#include "trace/keys.h"

int cw_cmd_run(int argc, char **argv);
int cw_cmd_check(int argc, char **argv);
int cw_cmd_coverage(int argc, char **argv);
int cw_cmd_diff(int argc, char **argv);
int cw_cmd_export(int argc, char **argv);
int cw_cmd_learn(int argc, char **argv);
int cw_cmd_record(int argc, char **argv);
int cw_cmd_replay(int argc, char **argv);
int cw_cmd_query(int argc, char **argv);
int cw_cmd_report(int argc, char **argv);
int cw_cmd_verify(int argc, char **argv);
int cw_cmd_who(int argc, char **argv);

/* ---- what they share: cmd.c ---- */

#define CW_GO_ON (-1) /* no exit status: go on */

struct cw_verb {
	const char *name, *help;
	const char *shorts; /* for getopt; begins with ":h" */
	const struct option *options;
	/* One option into the verb's own structure: 0, or the status to exit with. */
	int (*take)(void *into, int option, const char *value);
};

/* Prints "camwarden VERB: WHATWHICH; see …" and returns CW_EXIT_USAGE. */
int cw_usage_error(const char *verb, const char *what, const char *which);
/* CW_GO_ON, what is no option stands from `optind` on; or the status to exit with (--help). */
int cw_read_options(const struct cw_verb *v, void *into, int argc, char **argv);

/* These say what is wrong with a value and return CW_EXIT_USAGE, or 0. */
int cw_take_format(const char *verb, const char *value, enum cw_format *ret_format);
int cw_take_rung(const char *verb, const char *value, enum cw_probe *ret_best);
/* 64M: bytes, or K, M, G of 1024; and 10m: seconds, or m, h, d. `option` is named in messages. */
int cw_take_size(const char *verb, const char *option, const char *value, uint64_t *ret_bytes);
int cw_take_span(const char *verb, const char *option, const char *value, uint64_t *ret_ns);

/*
 * What run and record share: how long, where keys and state are, how a trace is cut into files. For
 * getopt, and for what takes the options.
 */
#define CW_RECORD_OPTIONS \
	{ "keys", required_argument, NULL, 'k' }, \
	{ "trace-size", required_argument, NULL, 'S' }, \
	{ "trace-age", required_argument, NULL, 'A' }, \
	{ "trace-budget", required_argument, NULL, 'B' }, \
	{ "state", required_argument, NULL, 's' }, \
	{ "duration", required_argument, NULL, 'd' }, \
	{ "btf", required_argument, NULL, 'b' }, \
	{ "quiet", no_argument, NULL, 'q' }
/* 0, CW_EXIT_USAGE, or CW_GO_ON if the option is none of these. */
int cw_take_record(const char *verb, struct cw_run_config *c, int option, const char *value);
/* Do they fit together? Fills in what follows from them. 0 or CW_EXIT_USAGE. */
int cw_check_segments(const char *verb, struct cw_run_config *c);

/*
 * A moment, or a day: its begin, for --since, or its end, for --until. Or so long ago by the clock
 * of this machine: -90s, -30m, -2h, -7d. The day is one of UTC, or of clocks `offset_s` east of it.
 */
int cw_take_time(const char *verb, const char *value, bool end, uint64_t *ret_ns);
int cw_take_local_time(const char *verb, const char *value, int offset_s, bool end,
		       uint64_t *ret_ns);
/* CW_GO_ON, or CW_EXIT_USAGE if nothing can lie between them, which is said. */
int cw_check_times(const char *verb, uint64_t since_ns, uint64_t until_ns);

/* A hub's public key, a PEM file or 64 hexadecimal digits: 0, or the status to exit with. */
int cw_take_key(const char *verb, const char *value, uint8_t ret_key[CW_TRACE_KEY]);
/* Loads a policy; its faults are said. */
int cw_take_policy(const char *path, struct cw_policy **ret_policy);
/*
 * Opens a file to write into, made with mode 0640, and empties it, unless it is one of the inputs:
 * evidence is not overwritten. 0, or the status to exit with; what is wrong was said.
 */
int cw_output_open(const char *verb, const char *path, char *const *inputs, unsigned int n,
		   FILE **ret_file);

#endif
