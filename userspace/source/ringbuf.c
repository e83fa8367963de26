// SPDX-License-Identifier: Apache-2.0
/*
 * The layout is the kernel's (kernel/bpf/ringbuf.c, since 5.8): a page with the consumer's
 * position, a page with the producer's, then the data, which are mapped twice in a row so that a
 * record that goes over the end is still in one piece. A record begins with 8 bytes: its length,
 * with two bits that say that it is not finished, or that it was given up.
 */
#include <linux/bpf.h>
#include <sys/mman.h>

#include "source/ringbuf.h"

#define WINDOW	     (128 * 1024)
#define RELEASE_STEP (16 * 1024)  /* the kernel gets so much room back at a time */

int cw_ringbuf_open(struct cw_ringbuf *r, int fd, size_t size)
{
	void *p;

	memset(r, 0, sizeof(*r));
	r->fd = fd;
	r->size = size;
	r->page = (size_t)sysconf(_SC_PAGESIZE);
	p = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->consumer = p;
	p = mmap(NULL, r->page, PROT_READ, MAP_SHARED, fd, (off_t)r->page);
	if (p == MAP_FAILED) {
		int error = -errno;

		cw_ringbuf_close(r);
		return error;
	}
	r->producer = p;
	return 0;
}

size_t cw_ringbuf_fill(const struct cw_ringbuf *r)
{
	return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) -
	       __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
}

static void drop_window(struct cw_ringbuf *r)
{
	if (r->window)
		munmap(r->window, r->window_size);
	r->window = NULL;
	r->window_size = 0;
}

void cw_ringbuf_close(struct cw_ringbuf *r)
{
	if (r->consumer)
		munmap(r->consumer, r->page);
	if (r->producer)
		munmap((void *)r->producer, r->page);
	drop_window(r);
	memset(r, 0, sizeof(*r));
}

/* `len` bytes of the data at position `pos`; NULL with errno: the window cannot be moved there. */
static char *bytes_at(struct cw_ringbuf *r, unsigned long pos, size_t len)
{
	size_t at = pos & (r->size - 1), from = at & ~(r->page - 1);
	size_t wanted;
	void *p;

	if (r->window && at >= r->window_at && at + len <= r->window_at + r->window_size)
		return r->window + (at - r->window_at);
	wanted = r->size < WINDOW ? r->size : WINDOW;
	if (cw_ringbuf_fill(r) > r->size / 4) {
		/* Behind its end the kernel has the data once more, for what lies across. */
		from = 0;
		wanted += r->size;
	}
	if (at - from + len > wanted) {
		errno = EBADMSG;
		return NULL;
	}
	drop_window(r);
	p = mmap(NULL, wanted, PROT_READ, MAP_SHARED, r->fd, (off_t)(2 * r->page + from));
	if (p == MAP_FAILED)
		return NULL;
	r->window = p;
	r->window_size = wanted;
	r->window_at = from;
	return r->window + (at - from);
}

/* One record at `pos`. Returns the bytes to go on by, 0: it is not finished. */
static long take(struct cw_ringbuf *r, unsigned long pos, int (*fn)(void *, void *, size_t),
		 void *ctx, int *n)
{
	char *head = bytes_at(r, pos, BPF_RINGBUF_HDR_SZ);
	uint32_t len;
	size_t whole;

	if (!head)
		return -errno;
	len = __atomic_load_n((uint32_t *)head, __ATOMIC_ACQUIRE);
	if (len & BPF_RINGBUF_BUSY_BIT)
		return 0;
	whole = ((len & ~BPF_RINGBUF_DISCARD_BIT) + BPF_RINGBUF_HDR_SZ + 7) & ~(size_t)7;
	if (!(len & BPF_RINGBUF_DISCARD_BIT)) {
		head = bytes_at(r, pos, whole);
		if (!head)
			return -errno;
		fn(ctx, head + BPF_RINGBUF_HDR_SZ, len);
		(*n)++;
	}
	return (long)whole;
}

/* Gives the room before `pos` back to the kernel. */
static void release(struct cw_ringbuf *r, unsigned long pos)
{
	__atomic_store_n(r->consumer, pos, __ATOMIC_SEQ_CST);
}

int cw_ringbuf_consume(struct cw_ringbuf *r, int most,
		       int (*fn)(void *ctx, void *data, size_t size), void *ctx)
{
	unsigned long pos = __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE), end, released = pos;
	long step = 1;
	int n = 0;

	while (step > 0 && n < most &&
	       pos < (end = __atomic_load_n(r->producer, __ATOMIC_SEQ_CST))) {
		while (step > 0 && n < most && pos < end) {
			step = take(r, pos, fn, ctx, &n);
			if (step <= 0)
				break;
			pos += (unsigned long)step;
			if (pos - released >= RELEASE_STEP) {
				release(r, pos);
				released = pos;
			}
		}
		release(r, pos);
		released = pos;
	}
	if (r->window_size > WINDOW && !cw_ringbuf_fill(r))
		drop_window(r);
	return step < 0 ? (int)step : n;
}
