/* SPDX-License-Identifier: Apache-2.0 */
/* What the monitor can see on this kernel: a row for each capability. Plain data. */
#ifndef CW_COVERAGE_H
#define CW_COVERAGE_H

#include "model/event.h"

enum cw_capability {
	CW_CAP_OPEN,
	CW_CAP_DENIED,
	CW_CAP_RECEIVE,
	CW_CAP_USE,
	CW_CAP_MAP,
	CW_CAP_BUFFERS, /* dma-bufs that a camera exports */
	CW_CAP_CLOSE,
	CW_CAP_STREAM,
	CW_CAP_NAMES, /* unlink, rename, link */
	CW_CAP_ATTRIBUTES, /* truncate, mode, owner */
	CW_CAP_PEEK, /* memory of a process that touched something */
	CW_CAP_CODE, /* code in a process that is not its own */
	CW_CAP_EGRESS, /* connections of a process that touched something */
	CW_CAP_COPY,
	CW_CAP_MOUNTS, /* over, away from and of a tree */
	CW_CAP_DISKS, /* the devices below a tree */
	CW_CAP_PROCESS,
	CW_CAP_CONNECTION,
	CW_CAP_SEED,
	CW_CAP_SELF, /* what is done to the agent */
	CW_CAP_MAX,
};

struct cw_coverage_row {
	enum cw_probe rung;    /* CW_PROBE_NONE: not seen at all */
	char hooks[384];       /* attach points in use, separated by blanks */
	const char *blind;     /* what this rung cannot see; literal, "" for nothing known */
	const char *improve;   /* what would bring a better rung; literal, NULL: it is the best */
};

struct cw_coverage {
	struct cw_coverage_row row[CW_CAP_MAX];
	char kernel[160]; /* uname: release and machine */
};

const char *cw_capability_name(enum cw_capability c);
/* The rung of that name, from CW_PROBE_LSM to CW_PROBE_TRACEPOINT. -EINVAL: there is none. */
int cw_rung_parse(const char *name, enum cw_probe *ret_rung);

#endif
