/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace file: its constants, its fixed parts as structs in memory, and how those go to bytes
 * and back. docs/trace-format.md is the contract; everything is little-endian. Private to the
 * trace module and its tests.
 */
#ifndef CW_TRACE_FORMAT_H
#define CW_TRACE_FORMAT_H

#include "base/base.h"

#define CW_TRACE_MAJOR	     1
#define CW_TRACE_MINOR	     1
#define CW_TRACE_HEAD_SIZE   256u
#define CW_TRACE_BLOCK_SIZE  128u /* of a block's header */
#define CW_TRACE_FOOTER_SIZE 32u
#define CW_TRACE_HASH	     32u
#define CW_TRACE_KEY	     32u
#define CW_TRACE_SIGNATURE   64u

/* What a reader accepts, whatever the file says. */
#define CW_TRACE_RAW_MAX	(2u << 20)
#define CW_TRACE_PACKED_MAX	(CW_TRACE_RAW_MAX + (CW_TRACE_RAW_MAX >> 10) + 64)
#define CW_TRACE_STRING_MAX	65535u
#define CW_TRACE_STRINGS_MAX	16384u /* of each in one block */
#define CW_TRACE_PROCESSES_MAX	1024u
#define CW_TRACE_ASSETS_MAX	4096u
#define CW_TRACE_ARGS_MAX	64u
#define CW_TRACE_LINKS_MAX	256u
#define CW_TRACE_INDEX_ENTRIES	1024u

#define CW_TRACE_MAGIC	      "\x89" "CWT\r\n\x1a\n"
#define CW_TRACE_BLOCK_MAGIC  "CWB\n"
#define CW_TRACE_FOOTER_MAGIC "CWEND\r\n\x1a"

enum cw_trace_block_type {
	CW_TRACE_BLOCK_EVENTS = 1,
	CW_TRACE_BLOCK_SEAL,
	CW_TRACE_BLOCK_KEYS,
	CW_TRACE_BLOCK_INDEX,
};

enum cw_trace_record_type {
	CW_TRACE_RECORD_STRING = 1,
	CW_TRACE_RECORD_PROCESS,
	CW_TRACE_RECORD_ASSET,
	CW_TRACE_RECORD_EVENT,
	CW_TRACE_RECORD_POLICY,
};

/* Bits of a block's flags. */
#define CW_TRACE_HAS_POLICY 1u
#define CW_TRACE_HAS_FLAG   2u /* something in it was flagged when it was written (1.1) */

/* Bits of the file header's flags. */
#define CW_TRACE_IS_KEPT 1u /* holds what was around flags only: numbers are missing (1.1) */

/* Bits of a seal's flags. */
#define CW_TRACE_SEAL_LAST 1u

/* How a policy came into force. */
enum cw_trace_policy_how { CW_TRACE_POLICY_START, CW_TRACE_POLICY_RELOAD, CW_TRACE_POLICY_CARRIED };

struct cw_trace_head {
	uint16_t major, minor;
	bool damaged; /* the checksum is wrong: so may be anything else. Of reading only */
	uint32_t flags;
	uint64_t wall_ns, boot_ns; /* when the file was begun */
	char boot_id[40];
	char hub[80];
	char version[32];
	uint8_t previous[CW_TRACE_HASH]; /* last block of the segment before; zero: none */
	uint8_t id[16];			 /* random */
};

struct cw_trace_block_head {
	uint16_t type;
	uint64_t sequence; /* from 1 */
	uint32_t raw, packed;
	uint64_t boot_min, boot_max, wall_min, wall_max;
	uint64_t seq_first, seq_last; /* 0: no event */
	uint32_t events, crc;
	uint8_t previous[CW_TRACE_HASH];
	uint32_t flags;
	uint64_t offset; /* of this header in the file */
};

struct cw_trace_footer {
	uint64_t index; /* offset of the last index block, 0: none */
	uint64_t seal;	/* offset of the last seal, 0: none */
	uint32_t rest;	/* 0 in this version. Of reading only */
};

void cw_trace_head_put(const struct cw_trace_head *h, uint8_t out[CW_TRACE_HEAD_SIZE]);
/*
 * -EBADMSG: not a trace, or damaged where that is said; -ENOTSUP: of a later major version
 * (ret_head->major is set). A wrong checksum alone is no error.
 */
int cw_trace_head_get(const uint8_t in[CW_TRACE_HEAD_SIZE], struct cw_trace_head *ret_head);
void cw_trace_block_head_put(const struct cw_trace_block_head *h,
			     uint8_t out[CW_TRACE_BLOCK_SIZE]);
/* -EBADMSG: no header, or one that claims what no writer makes. */
int cw_trace_block_head_get(const uint8_t in[CW_TRACE_BLOCK_SIZE],
			    struct cw_trace_block_head *ret_head);
void cw_trace_footer_put(const struct cw_trace_footer *f, uint8_t out[CW_TRACE_FOOTER_SIZE]);
int cw_trace_footer_get(const uint8_t in[CW_TRACE_FOOTER_SIZE], struct cw_trace_footer *ret_footer);

/* ---- bytes ---- */

static inline void cw_put_le(uint8_t *p, uint64_t v, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t cw_get_le(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static inline uint64_t cw_zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t cw_unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

#define CW_VARINT_MAX 10u

static inline size_t cw_put_varint(uint8_t *p, uint64_t v)
{
	uint8_t *end = p;

	for (; v >= 0x80; v >>= 7)
		*end++ = (uint8_t)(v | 0x80);
	*end++ = (uint8_t)v;
	return (size_t)(end - p);
}

/* Reads on until its end; what is behind it reads as 0 and sets `bad`. */
struct cw_cursor {
	const uint8_t *p, *end;
	bool bad;
};

static inline uint64_t cw_get_varint(struct cw_cursor *c)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; c->p < c->end && shift < 64; shift += 7) {
		uint8_t b = *c->p++;

		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	c->bad = true;
	return 0;
}

static inline const uint8_t *cw_get_bytes(struct cw_cursor *c, uint64_t len)
{
	const uint8_t *p = c->p;

	if (len > (uint64_t)(c->end - c->p)) {
		c->bad = true;
		c->p = c->end;
		return NULL;
	}
	c->p += len;
	return p;
}

static inline uint64_t cw_get_fixed(struct cw_cursor *c, unsigned int bytes)
{
	const uint8_t *p = cw_get_bytes(c, bytes);

	return p ? cw_get_le(p, bytes) : 0;
}

#endif
