/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a BPF ring buffer through a small window that moves over it. libbpf maps the whole buffer,
 * twice: of a large one that is almost always empty the agent would hold every page, and the size
 * of a buffer would be paid for with resident memory. To move the window takes as long as to judge
 * some dozens of records, so all is mapped once a quarter of it waits, until nothing does.
 * Owns the mappings, not the map.
 */
#ifndef CW_RINGBUF_H
#define CW_RINGBUF_H

#include "base/base.h"

struct cw_ringbuf {
	int fd;
	size_t size; /* of the data; a power of two */
	size_t page;
	unsigned long *consumer; /* where we are: counts bytes for ever */
	const unsigned long *producer;
	char *window; /* NULL: nothing is mapped */
	size_t window_size;
	size_t window_at; /* offset of its first byte in the data */
};

/* `fd` is that of the map, `size` its max_entries. */
int cw_ringbuf_open(struct cw_ringbuf *r, int fd, size_t size);
/* Bytes that wait to be read. */
size_t cw_ringbuf_fill(const struct cw_ringbuf *r);
void cw_ringbuf_close(struct cw_ringbuf *r);
/*
 * Hands over the records that are there, and those that come meanwhile, `most` at most. Returns how
 * many, or a negative errno. The bytes are `fn`'s until it returns.
 */
int cw_ringbuf_consume(struct cw_ringbuf *r, int most,
		       int (*fn)(void *ctx, void *data, size_t size), void *ctx);

#endif
