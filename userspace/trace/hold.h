/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed blocks that wait in memory for something to be flagged, the oldest first: the last minutes
 * at a fixed size. Private to the trace module.
 */
#ifndef CW_TRACE_HOLD_H
#define CW_TRACE_HOLD_H

#include "trace/format.h"

/* A policy as it came into force; freed by free(). */
struct cw_trace_policy_copy {
	enum cw_trace_policy_how how;
	size_t len;	  /* of the text */
	const char *text; /* behind the name */
	char name[];
};

struct cw_trace_held {
	struct cw_trace_held *next;
	struct cw_trace_block_head head; /* sequence, offset and chain are not set yet */
	struct cw_trace_policy_copy *policy; /* the last in it; NULL: none */
	uint8_t payload[];
};

/* Zeroed but for the bounds. */
struct cw_trace_hold {
	uint64_t age_ns, bytes_max;
	struct cw_trace_held *first, *last;
	uint64_t bytes;
	struct cw_trace_policy_copy *policy; /* the last that fell out */
	/* What fell out for its size although it was not old: events, and when (boot). */
	uint64_t short_events, short_from, short_to;
};

struct cw_trace_policy_copy *cw_trace_policy_copy(enum cw_trace_policy_how how, const char *name,
						  const char *text, size_t len);
/* Takes the policy, also on failure: -ENOMEM. Makes room first. */
int cw_trace_hold_add(struct cw_trace_hold *h, const struct cw_trace_block_head *head,
		      const void *payload, struct cw_trace_policy_copy *policy);
/* What is older than the age at that time (boot) goes. */
void cw_trace_hold_age(struct cw_trace_hold *h, uint64_t now_ns);
/* The oldest, which is the caller's then, as is its policy; NULL: it is empty. */
struct cw_trace_held *cw_trace_hold_take(struct cw_trace_hold *h);
void cw_trace_held_free(struct cw_trace_held *b);
void cw_trace_hold_free(struct cw_trace_hold *h);

#endif
