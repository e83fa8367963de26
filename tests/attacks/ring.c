// SPDX-License-Identifier: Apache-2.0
/*
 * The least of io_uring: a ring that does one request at a time, by system call, because
 * the library is not everywhere.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attacks.h"

#define ENTRIES 4

static int map_part(int fd, off_t offset, size_t length, void **ret_start)
{
	void *start = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (start == MAP_FAILED)
		return -errno;
	*ret_start = start;
	return 0;
}

static unsigned int *at(void *start, unsigned int offset)
{
	return (unsigned int *)((char *)start + offset);
}

int ring_open(struct ring *r, unsigned int flags)
{
	struct io_uring_params p;
	void *sqes = NULL;
	int err;

	memset(&p, 0, sizeof(p));
	memset(r, 0, sizeof(*r));
	p.flags = flags;
	p.sq_thread_idle = 1000;
	r->polled = flags & IORING_SETUP_SQPOLL;
	r->fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &p);
	if (r->fd < 0)
		return -errno;
	err = map_part(r->fd, IORING_OFF_SQ_RING,
		       p.sq_off.array + p.sq_entries * sizeof(unsigned int), &r->sq);
	if (!err)
		err = map_part(r->fd, IORING_OFF_CQ_RING,
			       p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), &r->cq);
	if (!err)
		err = map_part(r->fd, IORING_OFF_SQES,
			       p.sq_entries * sizeof(struct io_uring_sqe), &sqes);
	if (err)
		return err;
	r->sqes = sqes;
	r->sq_tail = at(r->sq, p.sq_off.tail);
	r->sq_mask = at(r->sq, p.sq_off.ring_mask);
	r->sq_flags = at(r->sq, p.sq_off.flags);
	r->sq_array = at(r->sq, p.sq_off.array);
	r->cq_head = at(r->cq, p.cq_off.head);
	r->cq_tail = at(r->cq, p.cq_off.tail);
	r->cq_mask = at(r->cq, p.cq_off.ring_mask);
	r->cqes = at(r->cq, p.cq_off.cqes);
	return 0;
}

int ring_register_files(struct ring *r, const int *fds, unsigned int n)
{
	return syscall(SYS_io_uring_register, r->fd, IORING_REGISTER_FILES, fds, n) ? -errno : 0;
}

int ring_do(struct ring *r, const struct io_uring_sqe *request)
{
	unsigned int tail = *r->sq_tail, index = tail & *r->sq_mask, head, flags, submit = 1;
	const struct io_uring_cqe *cqe;
	int result;

	r->sqes[index] = *request;
	r->sq_array[index] = index;
	__atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_RELEASE);

	flags = IORING_ENTER_GETEVENTS;
	if (r->polled) {
		submit = 0;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (__atomic_load_n(r->sq_flags, __ATOMIC_ACQUIRE) & IORING_SQ_NEED_WAKEUP)
			flags |= IORING_ENTER_SQ_WAKEUP;
	}
	head = *r->cq_head;
	do {
		if (syscall(SYS_io_uring_enter, r->fd, submit, 1, flags, NULL, 0) < 0) {
			if (errno != EINTR)
				return -errno;
		} else {
			submit = 0;
		}
	} while (__atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) == head);

	cqe = (const struct io_uring_cqe *)r->cqes + (head & *r->cq_mask);
	result = cqe->res;
	__atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
	return result;
}
