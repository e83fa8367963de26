/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events to the content of one block, and back. A block stands alone: its strings, processes and
 * assets are written once, before the first event that needs them. Neither side knows of files.
 * Private to the trace module.
 */
#ifndef CW_TRACE_BLOCK_H
#define CW_TRACE_BLOCK_H

#include "base/buf.h"
#include "model/event.h"
#include "trace/format.h"

#define CW_TRACE_SLOTS 8192u /* a power of 2 */
#define CW_TRACE_KNOWN 256u
#define CW_TRACE_FULL  (CW_TRACE_SLOTS / 4 * 3) /* a block is, with that many interned */
#define CW_TRACE_INTERNED_MAX (CW_TRACE_FULL + 256) /* and one event adds at most some 130 */
#define CW_TRACE_SAID  (CW_TRACE_ARGS_MAX + CW_ANCESTORS_MAX + 16)

/* ---- writing ---- */

struct cw_trace_block {
	struct cw_buf raw;
	uint32_t events, flags;
	uint32_t n[CW_TRACE_RECORD_ASSET + 1]; /* by record type: how many were interned */
	uint64_t boot_min, boot_max, wall_min, wall_max;
	uint64_t seq_first, seq_last;
	uint64_t last_boot;
	uint64_t last_offset; /* wall - boot of the last event */
};

/*
 * What the block being filled has interned already. Serves one block at a time. The slots say
 * where, and are few bytes, for every look-up goes to a line of them that no cache expects.
 */
struct cw_trace_interner {
	struct cw_trace_slot {
		uint16_t hash, number; /* in interned[], from 1; 0: free */
	} slot[CW_TRACE_SLOTS];
	struct cw_trace_interned {
		uint32_t at, len;
		uint16_t type, id;
	} interned[CW_TRACE_INTERNED_MAX];
	uint32_t n_interned;
	struct cw_trace_known { /* by address: what stood there, and still does if it is equal */
		const char *s;
		uint32_t generation, at, id;
	} known[CW_TRACE_KNOWN];
	struct cw_trace_last_process { /* of the last event, and where its strings stand */
		uint32_t generation, id;
		struct cw_process process;
		struct cw_origin origin;
		unsigned int n, argv_at, n_argv;
		struct cw_trace_said {
			const char *s; /* NULL: none */
			uint32_t at;
		} said[CW_TRACE_SAID];
	} last_process;
	struct cw_trace_last_asset {
		uint32_t generation, id;
		size_t len;
		uint8_t body[14 * CW_VARINT_MAX];
	} last_asset;
	uint32_t generation;
};

void cw_trace_block_reset(struct cw_trace_block *b, struct cw_trace_interner *in);
/*
 * -E2BIG: the block has no room for it; it is as before, but nothing may be added any more. An
 * event that does not fit into an empty block fits nowhere. -ENOMEM as well.
 */
int cw_trace_block_add_event(struct cw_trace_block *b, struct cw_trace_interner *in,
			     const struct cw_event *e);
int cw_trace_block_add_policy(struct cw_trace_block *b, enum cw_trace_policy_how how,
			      const char *name, const char *text, size_t len);
/* True if it should be closed: it is large enough, or a table is nearly full. */
bool cw_trace_block_is_full(const struct cw_trace_block *b);

/* ---- reading ---- */

struct cw_trace_policy {
	enum cw_trace_policy_how how;
	const char *name, *text; /* the text is not NUL-terminated */
	size_t len;
	uint8_t sha256[CW_TRACE_HASH];
};

/* Which events are wanted, told early: others cost next to nothing. */
struct cw_trace_filter {
	uint64_t since_ns, until_ns; /* since <= time < until */
	/* Asked once for each process and asset of a block; NULL: all are wanted. */
	bool (*process)(const void *ctx, const struct cw_process *p, const struct cw_origin *o);
	bool (*asset)(const void *ctx, const struct cw_asset *a);
	const void *ctx;
};

struct cw_trace_unpacker;

int cw_trace_unpacker_new(struct cw_trace_unpacker **ret_unpacker);
void cw_trace_unpacker_free(struct cw_trace_unpacker *u);
/* The content of the next block; it must live and stay as it is until the next call of this. */
void cw_trace_unpacker_begin(struct cw_trace_unpacker *u, const struct cw_trace_head *file,
			     const void *raw, size_t len);
/* After begin, for this block; must live as long as its content. NULL: every event. */
void cw_trace_unpacker_filter(struct cw_trace_unpacker *u, const struct cw_trace_filter *filter);
/*
 * The next event (1) or policy (2) of the block; 0: there is none. -EBADMSG: the content is
 * malformed, and the rest of the block cannot be read. All strings live as long as the content.
 */
int cw_trace_unpacker_next(struct cw_trace_unpacker *u, struct cw_event *ret_event,
			   struct cw_trace_policy *ret_policy);
/* Where in the content the record begins that was read last. */
size_t cw_trace_unpacker_at(const struct cw_trace_unpacker *u);
/* Records, kinds and details of a later version that were passed over so far. */
uint64_t cw_trace_unpacker_unknown(const struct cw_trace_unpacker *u);

#endif
