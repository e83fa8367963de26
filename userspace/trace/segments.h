/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace in several files: the present one has the name that was given, older ones that name and
 * the time of their beginning. Owns these names, and which files go when there are too many bytes.
 */
#ifndef CW_TRACE_SEGMENTS_H
#define CW_TRACE_SEGMENTS_H

#include "base/buf.h"
#include "trace/reader.h"

#define CW_TRACE_SEGMENTS_MAX 4096u

/* An old segment that was deleted, or will be. */
struct cw_trace_dropped {
	bool soon; /* not yet: as soon as the present segment is full */
	char name[96];
	uint64_t events, from_ns, to_ns; /* wall time */
	uint8_t last[CW_TRACE_HASH];	 /* SHA-256 of its last block: what the next one names */
};

/* What a file that will be at `path` is called until then: .NAME.new beside it; NULL: no memory. */
char *cw_trace_fresh_name(const char *path);
/*
 * SHA-256 of the last whole block of the trace at `path`; untouched if there is none. -EEXIST:
 * something else than a file is there.
 */
int cw_trace_last_of(const char *path, const char *fresh, uint8_t ret_last[CW_TRACE_HASH]);
/*
 * Gives the file `fresh`, which can be read by now, the name `path`. What had it before, if it is
 * not empty, becomes PATH.TIME-OF-ITS-BEGINNING; a line about it goes to `notes`, if given. Killed
 * in between, nothing is at `path`, and cw_trace_last_of() puts `fresh` there.
 */
int cw_trace_put_in_place(const char *path, const char *fresh, struct cw_buf *notes);
/*
 * Deletes the old segments of `path` that have to go so that the others and `room` bytes for the
 * present one are at most `budget`: those without flags first, the oldest first. Tells of each that
 * went; if none had to, of the one that would next, if it is due with the next `room` bytes.
 */
int cw_trace_keep_budget(const char *path, uint64_t room, uint64_t budget,
			 void (*tell)(void *ctx, const struct cw_trace_dropped *d), void *ctx);

#endif
