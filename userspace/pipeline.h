/* SPDX-License-Identifier: Apache-2.0 */
/* Joins the stages of `camwarden run`; owns the loop, the signals and the exit status. */
#ifndef CW_PIPELINE_H
#define CW_PIPELINE_H

#include "model/event.h"

enum cw_format { CW_FORMAT_TEXT, CW_FORMAT_JSON };

enum cw_exit { CW_EXIT_OK, CW_EXIT_FLAGGED, CW_EXIT_USAGE, CW_EXIT_FAILED };

struct cw_run_config {
	const char *policy; /* NULL: the built-in one */
	const char *output; /* NULL: standard output */
	enum cw_format format;
	bool all;	    /* allowed accesses, too */
	bool quiet;	    /* no account of what is found at start */
	unsigned int duration_s; /* 0: until a signal */
	enum cw_probe best; /* highest rung to use */
};

/* Runs until a signal or the duration ends it. Returns an exit status. */
int cw_pipeline_run(const struct cw_run_config *config);

#endif
