/* SPDX-License-Identifier: Apache-2.0 */
/* Joins the stages of `camwarden run`; owns the loop, the signals and the exit status. */
#ifndef CW_PIPELINE_H
#define CW_PIPELINE_H

#include "printer.h"

enum cw_exit { CW_EXIT_OK, CW_EXIT_FLAGGED, CW_EXIT_USAGE, CW_EXIT_FAILED };

struct cw_run_config {
	const char *policy; /* NULL: the built-in one */
	const char *output; /* NULL: standard output */
	const char *trace;  /* NULL: none is written */
	const char *state;  /* directory of the sign of life; NULL: where systemd, or we, have it */
	const char *keys;   /* directory of the keys that seal the trace */
	uint64_t segment_bytes, segment_age_ns, trace_budget; /* of its files; 0: no bound */
	uint64_t keep_ns, keep_bytes; /* only what was around flags is written; 0: all is */
	bool record;	    /* nothing is judged or printed, the trace is all */
	enum cw_format format;
	bool harden;	    /* what would end or change the agent is refused */
	bool all;	    /* allowed accesses, too */
	bool quiet;	    /* no account of what is found at start */
	unsigned int duration_s; /* 0: until a signal */
	enum cw_probe best; /* highest rung to use */
	const char *types;  /* BTF of a kernel that has none itself, or NULL */
};

/* Runs until a signal or the duration ends it. Returns an exit status. */
int cw_pipeline_run(const struct cw_run_config *config);

#endif
