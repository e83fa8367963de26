/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a trace what was written? Follows chain, seals, keys, numbers, times and index from the first
 * byte to the last. Says what is proven; judges no event and trusts nothing but the given key.
 */
#ifndef CW_TRACE_VERIFY_H
#define CW_TRACE_VERIFY_H

#include "trace/reader.h"

#define CW_TRACE_JUMPS_MAX 16u
#define CW_TRACE_DROPS_MAX 64u

struct cw_trace_report {
	struct cw_trace_head head;
	uint64_t bytes, blocks, events, policies;
	/*
	 * Numbers that no event has. A file that goes on from another one begins with a later
	 * number than 1, which is no fault of it.
	 */
	uint64_t seq_first, seq_last, seq_missing;
	uint64_t wall_first, wall_last;		   /* of the first and the last event */
	uint64_t gaps, lost, starts, stops, blind_canaries;
	uint64_t n_jumps; /* the wall clock was set */
	struct {
		uint64_t wall_ns; /* of the first event after it */
		int64_t by_ns;
	} jump[CW_TRACE_JUMPS_MAX];

	/* Files before this one of which it says that they were deleted for the budget. */
	uint64_t n_drops; /* only the last CW_TRACE_DROPS_MAX of them stand below, in any order */
	struct {
		uint8_t last[CW_TRACE_HASH]; /* SHA-256 of the last block */
		uint64_t wall_ns, events;
	} drop[CW_TRACE_DROPS_MAX];

	uint64_t seals;	 /* valid ones */
	bool ended;	 /* the last seal says so, and nothing but the footer follows */
	bool stopped;	 /* its last event is that of a stop */
	bool no_seals;	 /* the trace was written without keys */
	uint64_t sealed_events, sealed_wall_ns; /* by the last valid seal */
	uint8_t first_root[CW_TRACE_KEY]; /* the oldest key that the trace leads back to */
	uint64_t first_link;		  /* its number: 0 is the first start of the hub */
	bool has_links, key_found;
	uint8_t last_hash[CW_TRACE_HASH];
};

typedef void cw_trace_tick_fn(void *ctx, const struct cw_trace_reader *r);

/*
 * Reads `r` from its first block to its end; `problem` is the function that `r` was opened with and
 * gets what is found here, too. `key` NULL: none is given. 0, or -EIO and -ENOMEM.
 */
int cw_trace_verify(struct cw_trace_reader *r, cw_trace_problem_fn *problem, cw_trace_tick_fn *tick,
		    void *ctx, const uint8_t *key, struct cw_trace_report *ret_report);
/*
 * Whole and sealed to its end, and by the hub of the key if one was given. `faults`: how many were
 * told, those of a later version apart.
 */
bool cw_trace_is_proven(const struct cw_trace_report *t, unsigned int faults, bool has_key);

#define CW_TRACE_FIRST	 (-1) /* it names none */
#define CW_TRACE_ABSENT	 (-2) /* it is not here */
#define CW_TRACE_DROPPED (-3) /* it was deleted for the budget, as one that is here says */

/*
 * Which of several stands before number `which`, by the chain, or one of the above. If it was
 * dropped, *ret_by and *ret_drop are which one says so, and where.
 */
int cw_trace_before(const struct cw_trace_report *const *reports, unsigned int n,
		    unsigned int which, unsigned int *ret_by, unsigned int *ret_drop);
/* How many numbers of events were never recorded between a file and the one before it. */
uint64_t cw_trace_between(const struct cw_trace_report *before, const struct cw_trace_report *t);

#endif
