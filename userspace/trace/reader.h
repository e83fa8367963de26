/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads traces, from files and pipes. The file may have been written by an adversary: memory is
 * bounded whatever it says (some 6 MiB), and time by its length. What cannot be read is named with
 * its offset and passed over.
 */
#ifndef CW_TRACE_READER_H
#define CW_TRACE_READER_H

#include "trace/decoder.h"

struct cw_trace_reader;

enum cw_trace_fault {
	CW_TRACE_TORN,	    /* the file ends too early: power cut, kill, truncation; or it grows */
	CW_TRACE_DAMAGED,   /* bytes are not what was written */
	CW_TRACE_MISSING,   /* blocks are not there, or not in their order */
	CW_TRACE_NEWER,	    /* of a later version; what is known of it is read */
	CW_TRACE_UNREADABLE, /* the medium */
};

struct cw_trace_problem {
	enum cw_trace_fault fault;
	uint64_t offset;   /* in the file */
	uint64_t sequence; /* of the block; 0: not known */
	uint64_t wall_ns;  /* last that was read before; 0: nothing was */
	const char *what;
};

typedef void cw_trace_problem_fn(void *ctx, const struct cw_trace_problem *p);

/*
 * `path` "-": standard input, from where it stands; if it is a file, it stays there and can be
 * read again. -EBADMSG: not a trace, or not to be known as one; -ENOTSUP: of a later major version.
 * `problem` is called while opening and reading.
 */
int cw_trace_reader_open(const char *path, cw_trace_problem_fn *problem, void *ctx,
			 struct cw_trace_reader **ret_reader);
void cw_trace_reader_free(struct cw_trace_reader *r);
const struct cw_trace_head *cw_trace_reader_head(const struct cw_trace_reader *r);
/* As in the file, CW_TRACE_HEAD_SIZE: what the first block's hash is of. */
const uint8_t *cw_trace_reader_head_bytes(const struct cw_trace_reader *r);
/* How far it is, and the whole length (0: not known). */
uint64_t cw_trace_reader_at(const struct cw_trace_reader *r, uint64_t *ret_size);

/* ---- events ---- */

/*
 * From now on only blocks that may hold events of since <= time < until, and those that hold a
 * policy, are read; by the index where there is one. Events of other times come along: a block is
 * read whole. cw_trace_reader_all() takes it back for what is still to come.
 */
void cw_trace_reader_range(struct cw_trace_reader *r, uint64_t since_ns, uint64_t until_ns);
void cw_trace_reader_all(struct cw_trace_reader *r);
/*
 * 1: an event, 2: a policy, 0: the end, -EIO: the medium failed. All that they point to lives until
 * the next call.
 */
int cw_trace_reader_next(struct cw_trace_reader *r, struct cw_event *ret_event,
			 struct cw_trace_policy *ret_policy);

/*
 * The next block that may hold such events, for who decodes it himself; `bytes` until the next
 * call. 1, 0: the end, -EIO. Not to be mixed with cw_trace_reader_next().
 */
struct cw_trace_view;
int cw_trace_reader_events(struct cw_trace_reader *r, struct cw_trace_view *ret_view);
/* Tells what came of decoding it: an error (0: none), records that are not known. */
void cw_trace_reader_decoded(struct cw_trace_reader *r, const struct cw_trace_block_head *h,
			     int error, uint64_t unknown);

/* ---- blocks, for who looks at the file itself ---- */

struct cw_trace_view {
	struct cw_trace_block_head head;
	const uint8_t *bytes; /* header and payload as in the file; until the next call */
	size_t len;
	bool whole; /* the payload has its checksum */
};

/* 1: a block of any type, 0: the end, -EIO. Range and index play no role here. */
int cw_trace_reader_block(struct cw_trace_reader *r, struct cw_trace_view *ret_view);
/* The content; -EPROTO: it is no zlib stream of that length, and the problem was told. */
int cw_trace_reader_inflate(struct cw_trace_reader *r, const struct cw_trace_view *v,
			    const uint8_t **ret_raw);
/* True once a valid footer was read; after the end. */
bool cw_trace_reader_footer(const struct cw_trace_reader *r, struct cw_trace_footer *ret_footer);

struct cw_trace_survey {
	struct cw_trace_head head;
	uint64_t bytes, events, wall_min, wall_max;
	bool flagged; /* something in it was flagged, or that is not known */
	uint8_t last[CW_TRACE_HASH]; /* SHA-256 of the last whole block, or of the head */
};

/*
 * What the headers of a file's blocks say, up to the first that is damaged; reads little of it. For
 * the hub's own traces: proves nothing.
 */
int cw_trace_survey(const char *path, struct cw_trace_survey *ret_survey);

/* The SHA-256 of the last whole block of a trace. */
int cw_trace_last_hash(const char *path, uint8_t ret_hash[CW_TRACE_HASH]);

#endif
