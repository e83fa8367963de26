// SPDX-License-Identifier: Apache-2.0
#include "trace/format.h"
#include "trace/zip.h"

/* Offsets of docs/trace-format.md. */
enum {
	H_MAJOR = 8, H_MINOR = 10, H_SIZE = 12, H_FLAGS = 16, H_CRC = 20, H_WALL = 24, H_BOOT = 32,
	H_BOOT_ID = 40, H_HUB = 80, H_VERSION = 160, H_PREVIOUS = 192, H_ID = 224,
};

enum {
	B_SIZE = 4, B_TYPE = 6, B_SEQUENCE = 8, B_RAW = 16, B_PACKED = 20, B_BOOT_MIN = 24,
	B_BOOT_MAX = 32, B_WALL_MIN = 40, B_WALL_MAX = 48, B_EVENTS = 56, B_CRC = 60,
	B_PREVIOUS = 64, B_SEQ_FIRST = 96, B_SEQ_LAST = 104, B_OFFSET = 112, B_FLAGS = 120,
	B_HEAD_CRC = 124,
};

enum { F_INDEX = 8, F_SEAL = 16, F_REST = 24, F_CRC = 28 };

static void put_text(uint8_t *out, const char *s, size_t size)
{
	size_t n = strnlen(s, size - 1);

	memcpy(out, s, n);
	memset(out + n, 0, size - n);
}

static void get_text(const uint8_t *in, char *s, size_t size)
{
	memcpy(s, in, size);
	s[size - 1] = '\0';
}

void cw_trace_head_put(const struct cw_trace_head *h, uint8_t out[CW_TRACE_HEAD_SIZE])
{
	memset(out, 0, CW_TRACE_HEAD_SIZE);
	memcpy(out, CW_TRACE_MAGIC, H_MAJOR);
	cw_put_le(out + H_MAJOR, h->major, 2);
	cw_put_le(out + H_MINOR, h->minor, 2);
	cw_put_le(out + H_SIZE, CW_TRACE_HEAD_SIZE, 4);
	cw_put_le(out + H_FLAGS, h->flags, 4);
	cw_put_le(out + H_WALL, h->wall_ns, 8);
	cw_put_le(out + H_BOOT, h->boot_ns, 8);
	put_text(out + H_BOOT_ID, h->boot_id, sizeof(h->boot_id));
	put_text(out + H_HUB, h->hub, sizeof(h->hub));
	put_text(out + H_VERSION, h->version, sizeof(h->version));
	memcpy(out + H_PREVIOUS, h->previous, sizeof(h->previous));
	memcpy(out + H_ID, h->id, sizeof(h->id));
	cw_put_le(out + H_CRC, cw_zip_crc(out, CW_TRACE_HEAD_SIZE), 4);
}

int cw_trace_head_get(const uint8_t in[CW_TRACE_HEAD_SIZE], struct cw_trace_head *ret_head)
{
	uint8_t copy[CW_TRACE_HEAD_SIZE];
	struct cw_trace_head h = { 0 };

	if (memcmp(in, CW_TRACE_MAGIC, H_MAJOR))
		return -EBADMSG;
	memcpy(copy, in, sizeof(copy));
	memset(copy + H_CRC, 0, 4);
	h.damaged = cw_zip_crc(copy, sizeof(copy)) != cw_get_le(in + H_CRC, 4);
	h.major = (uint16_t)cw_get_le(in + H_MAJOR, 2);
	h.minor = (uint16_t)cw_get_le(in + H_MINOR, 2);
	if (h.damaged && h.major != CW_TRACE_MAJOR)
		return -EBADMSG;
	if (!h.damaged && (h.major != CW_TRACE_MAJOR ||
			   cw_get_le(in + H_SIZE, 4) != CW_TRACE_HEAD_SIZE)) {
		ret_head->major = h.major;
		return -ENOTSUP;
	}
	h.flags = (uint32_t)cw_get_le(in + H_FLAGS, 4);
	h.wall_ns = cw_get_le(in + H_WALL, 8);
	h.boot_ns = cw_get_le(in + H_BOOT, 8);
	get_text(in + H_BOOT_ID, h.boot_id, sizeof(h.boot_id));
	get_text(in + H_HUB, h.hub, sizeof(h.hub));
	get_text(in + H_VERSION, h.version, sizeof(h.version));
	memcpy(h.previous, in + H_PREVIOUS, sizeof(h.previous));
	memcpy(h.id, in + H_ID, sizeof(h.id));
	*ret_head = h;
	return 0;
}

void cw_trace_block_head_put(const struct cw_trace_block_head *h, uint8_t out[CW_TRACE_BLOCK_SIZE])
{
	memset(out, 0, CW_TRACE_BLOCK_SIZE);
	memcpy(out, CW_TRACE_BLOCK_MAGIC, B_SIZE);
	cw_put_le(out + B_SIZE, CW_TRACE_BLOCK_SIZE, 2);
	cw_put_le(out + B_TYPE, h->type, 2);
	cw_put_le(out + B_SEQUENCE, h->sequence, 8);
	cw_put_le(out + B_RAW, h->raw, 4);
	cw_put_le(out + B_PACKED, h->packed, 4);
	cw_put_le(out + B_BOOT_MIN, h->boot_min, 8);
	cw_put_le(out + B_BOOT_MAX, h->boot_max, 8);
	cw_put_le(out + B_WALL_MIN, h->wall_min, 8);
	cw_put_le(out + B_WALL_MAX, h->wall_max, 8);
	cw_put_le(out + B_EVENTS, h->events, 4);
	cw_put_le(out + B_CRC, h->crc, 4);
	memcpy(out + B_PREVIOUS, h->previous, sizeof(h->previous));
	cw_put_le(out + B_SEQ_FIRST, h->seq_first, 8);
	cw_put_le(out + B_SEQ_LAST, h->seq_last, 8);
	cw_put_le(out + B_OFFSET, h->offset, 8);
	cw_put_le(out + B_FLAGS, h->flags, 4);
	cw_put_le(out + B_HEAD_CRC, cw_zip_crc(out, B_HEAD_CRC), 4);
}

int cw_trace_block_head_get(const uint8_t in[CW_TRACE_BLOCK_SIZE],
			    struct cw_trace_block_head *ret_head)
{
	struct cw_trace_block_head h = { 0 };

	if (memcmp(in, CW_TRACE_BLOCK_MAGIC, B_SIZE) ||
	    cw_get_le(in + B_SIZE, 2) != CW_TRACE_BLOCK_SIZE ||
	    cw_zip_crc(in, B_HEAD_CRC) != cw_get_le(in + B_HEAD_CRC, 4))
		return -EBADMSG;
	h.type = (uint16_t)cw_get_le(in + B_TYPE, 2);
	h.sequence = cw_get_le(in + B_SEQUENCE, 8);
	h.raw = (uint32_t)cw_get_le(in + B_RAW, 4);
	h.packed = (uint32_t)cw_get_le(in + B_PACKED, 4);
	h.boot_min = cw_get_le(in + B_BOOT_MIN, 8);
	h.boot_max = cw_get_le(in + B_BOOT_MAX, 8);
	h.wall_min = cw_get_le(in + B_WALL_MIN, 8);
	h.wall_max = cw_get_le(in + B_WALL_MAX, 8);
	h.events = (uint32_t)cw_get_le(in + B_EVENTS, 4);
	h.crc = (uint32_t)cw_get_le(in + B_CRC, 4);
	memcpy(h.previous, in + B_PREVIOUS, sizeof(h.previous));
	h.seq_first = cw_get_le(in + B_SEQ_FIRST, 8);
	h.seq_last = cw_get_le(in + B_SEQ_LAST, 8);
	h.offset = cw_get_le(in + B_OFFSET, 8);
	h.flags = (uint32_t)cw_get_le(in + B_FLAGS, 4);
	if (h.raw > CW_TRACE_RAW_MAX || h.packed > CW_TRACE_PACKED_MAX)
		return -EBADMSG;
	*ret_head = h;
	return 0;
}

void cw_trace_footer_put(const struct cw_trace_footer *f, uint8_t out[CW_TRACE_FOOTER_SIZE])
{
	memset(out, 0, CW_TRACE_FOOTER_SIZE);
	memcpy(out, CW_TRACE_FOOTER_MAGIC, F_INDEX);
	cw_put_le(out + F_INDEX, f->index, 8);
	cw_put_le(out + F_SEAL, f->seal, 8);
	cw_put_le(out + F_CRC, cw_zip_crc(out, F_CRC), 4);
}

int cw_trace_footer_get(const uint8_t in[CW_TRACE_FOOTER_SIZE], struct cw_trace_footer *ret_footer)
{
	if (memcmp(in, CW_TRACE_FOOTER_MAGIC, F_INDEX) ||
	    cw_zip_crc(in, F_CRC) != cw_get_le(in + F_CRC, 4))
		return -EBADMSG;
	ret_footer->index = cw_get_le(in + F_INDEX, 8);
	ret_footer->seal = cw_get_le(in + F_SEAL, 8);
	ret_footer->rest = (uint32_t)cw_get_le(in + F_REST, 4);
	return 0;
}
