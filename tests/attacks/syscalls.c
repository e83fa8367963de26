// SPDX-License-Identifier: Apache-2.0
/*
 * The system calls that open: the family of open itself, by handle, by io_uring in the
 * caller, in a worker and in a polling kernel thread, and a descriptor out of fanotify.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attacks.h"

#define FRAME_MAX (16 << 20)

static int run_open(const struct attack *a)
{
#ifdef SYS_open
	return attack_prove_opened(a, (int)syscall(SYS_open, a->target, O_RDONLY | O_CLOEXEC),
				   a->target, "open");
#else
	return attack_skip(a, "this architecture has no open, only openat");
#endif
}

static int run_openat(const struct attack *a)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, a->target, O_RDONLY | O_CLOEXEC);

	return attack_prove_opened(a, fd, a->target, "openat");
}

static int run_openat2(const struct attack *a)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, a->target, &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS)
		return attack_cannot(a, "openat2");
	return attack_prove_opened(a, fd, a->target, "openat2");
}

static int run_creat(const struct attack *a)
{
#ifdef SYS_creat
	struct stat st;
	char *path;
	int fd, err;

	if (a->camera)
		return attack_prove_opened(a, (int)syscall(SYS_creat, a->target, 0600), a->target,
					   "creat");
	path = attack_name(a, a->dir, "created");
	fd = (int)syscall(SYS_creat, path, 0600);
	if (fd < 0)
		return attack_fail(a, "creat %s", path);
	err = write_marker(fd, "created");
	if (err || fstat(fd, &st))
		return attack_fail(a, "write %s", path);
	close(fd);
	return attack_reached(a, &st, path, "wrote marker");
#else
	return attack_skip(a, "this architecture has no creat, only openat");
#endif
}

static int run_handle(const struct attack *a)
{
	struct file_handle *handle = calloc(1, sizeof(*handle) + MAX_HANDLE_SZ);
	int fd, dirfd, id;

	if (!handle)
		return attack_fail(a, "calloc");
	handle->handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(AT_FDCWD, a->target, handle, &id, 0))
		return attack_cannot(a, "name_to_handle_at");
	dirfd = open(a->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return attack_fail(a, "open %s", a->parent);
	fd = open_by_handle_at(dirfd, handle, O_RDONLY | O_CLOEXEC);
	close(dirfd);
	if (fd < 0)
		return attack_cannot(a, "open_by_handle_at");
	return attack_prove_opened(a, fd, a->target, "open_by_handle_at");
}

/* Returns the ring's result, or 0 with "skipped" set if there is none here. */
static int open_by_ring(const struct attack *a, struct ring *ring, unsigned int setup,
			const struct io_uring_sqe *request)
{
	int err = ring_open(ring, setup);

	if (err) {
		errno = -err;
		attack_cannot(a, "io_uring_setup");
		return 0;
	}
	return ring_do(ring, request);
}

static int prove_ring(const struct attack *a, unsigned int setup,
		      const struct io_uring_sqe *request)
{
	struct ring ring;
	int fd = open_by_ring(a, &ring, setup, request), err;

	if (a->result->skipped[0])
		return 0;
	/* The opcode is not there, or not in this form. */
	if (fd == -EINVAL)
		return attack_skip(a, "io_uring cannot do this");
	errno = fd < 0 ? -fd : 0;
	err = attack_prove_opened(a, fd < 0 ? -1 : fd, a->target, "io_uring open");
	close(ring.fd);
	return err;
}

static void prepare_openat(const struct attack *a, struct io_uring_sqe *request)
{
	memset(request, 0, sizeof(*request));
	request->opcode = IORING_OP_OPENAT;
	request->fd = AT_FDCWD;
	request->addr = (uint64_t)(uintptr_t)a->target;
	request->open_flags = O_RDONLY | O_CLOEXEC;
}

static int run_ring_openat(const struct attack *a)
{
	struct io_uring_sqe request;

	prepare_openat(a, &request);
	return prove_ring(a, 0, &request);
}

static int run_ring_worker(const struct attack *a)
{
	struct io_uring_sqe request;

	prepare_openat(a, &request);
	request.flags = IOSQE_ASYNC;
	return prove_ring(a, 0, &request);
}

static int run_ring_polled(const struct attack *a)
{
	struct io_uring_sqe request;

	prepare_openat(a, &request);
	return prove_ring(a, IORING_SETUP_SQPOLL, &request);
}

static int run_ring_openat2(const struct attack *a)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};
	struct io_uring_sqe request;

	memset(&request, 0, sizeof(request));
	request.opcode = IORING_OP_OPENAT2;
	request.fd = AT_FDCWD;
	request.addr = (uint64_t)(uintptr_t)a->target;
	request.len = sizeof(how);
	request.off = (uint64_t)(uintptr_t)&how;
	return prove_ring(a, 0, &request);
}

/* Reads the ring's file number 0 and checks what comes. */
static int read_fixed(const struct attack *a, struct ring *ring)
{
	struct io_uring_sqe request;
	unsigned char *data = malloc(FRAME_MAX);
	int n, tries = 0;

	if (!data)
		return attack_fail(a, "malloc");
	memset(&request, 0, sizeof(request));
	request.opcode = IORING_OP_READ;
	request.flags = IOSQE_FIXED_FILE;
	request.addr = (uint64_t)(uintptr_t)data;
	request.len = FRAME_MAX;
	do {
		n = ring_do(ring, &request);
		if (n == -EBUSY)
			usleep(50000);
	} while (n == -EBUSY && ++tries < 60);
	if (n < 0) {
		errno = -n;
		return attack_fail(a, "io_uring read of a fixed file");
	}
	errno = ENODATA;
	if (a->camera ? !is_picture(data, (size_t)n) : !find_marker(data, (size_t)n))
		return attack_fail(a, "io_uring read of a fixed file, %d bytes", n);
	a->result->frames = a->camera;
	return attack_reached(a, &a->stat, a->target, a->camera ? "read frame" : "read marker");
}

static int run_ring_direct(const struct attack *a)
{
	static const int none = -1;
	struct io_uring_sqe request;
	struct ring ring;
	int err;

	prepare_openat(a, &request);
	request.open_flags = O_RDONLY;
	request.file_index = 1;
	err = ring_open(&ring, 0);
	if (!err)
		err = ring_register_files(&ring, &none, 1);
	if (err) {
		errno = -err;
		return attack_cannot(a, "io_uring with an empty file table");
	}
	err = ring_do(&ring, &request);
	if (err == -EINVAL)
		return attack_skip(a, "io_uring cannot open into its file table");
	if (err < 0) {
		errno = -err;
		return attack_fail(a, "io_uring open into the file table");
	}
	/* Older kernels do not know file_index and give an ordinary descriptor. */
	if (err > 0)
		return attack_skip(a, "io_uring has no direct descriptors");
	return read_fixed(a, &ring);
}

static struct ring shared_ring;

static int use_shared_ring(const struct attack *a, int fd)
{
	(void)fd;
	return read_fixed(a, &shared_ring);
}

/* The child has no descriptor of the target, only the ring that knows it. */
static int run_ring_inherited(const struct attack *a)
{
	int fd, err = ring_open(&shared_ring, 0);

	if (err) {
		errno = -err;
		return attack_cannot(a, "io_uring_setup");
	}
	fd = open(a->target, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return attack_fail(a, "open");
	err = ring_register_files(&shared_ring, &fd, 1);
	close(fd);
	if (err) {
		errno = -err;
		return attack_cannot(a, "io_uring register");
	}
	return child_run(a, use_shared_ring, -1);
}

/* Whoever opens the file next, opens it for us too; devices send no events. */
static int run_fanotify(const struct attack *a)
{
	struct fanotify_event_metadata event;
	struct pollfd wait;
	struct holder holder;
	int err, fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return attack_cannot(a, "fanotify_init");
	if (fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, a->target))
		return attack_cannot(a, "fanotify_mark");
	if (holder_start(a, &holder, hold_open))
		return a->result->error;
	wait = (struct pollfd){.fd = fd, .events = POLLIN};
	if (poll(&wait, 1, 5000) != 1 || read(fd, &event, sizeof(event)) != sizeof(event) ||
	    event.fd < 0) {
		holder_stop(&holder);
		return attack_fail(a, "fanotify");
	}
	err = attack_prove_opened(a, event.fd, a->target, "fanotify");
	close(fd);
	holder_stop(&holder);
	return err;
}

const struct attack_case cases_syscalls[] = {
	{"open", 1, NEEDS_ANY, "open", run_open},
	{"openat", 1, NEEDS_ANY, "openat", run_openat},
	{"openat2", 1, NEEDS_ANY, "openat2", run_openat2},
	{"creat", 1, NEEDS_ANY, "creat, of a new file in the directory or of the camera itself",
	 run_creat},
	{"handle", 11, NEEDS_ANY, "open_by_handle_at", run_handle},
	{"ring-openat", 12, NEEDS_ANY, "io_uring OPENAT", run_ring_openat},
	{"ring-openat2", 12, NEEDS_ANY, "io_uring OPENAT2", run_ring_openat2},
	{"ring-worker", 12, NEEDS_ANY, "io_uring OPENAT in a worker thread", run_ring_worker},
	{"ring-direct", 12, NEEDS_ANY, "io_uring open into its file table, read there: no "
	 "descriptor ever", run_ring_direct},
	{"ring-polled", 13, NEEDS_ANY, "io_uring with SQPOLL: a kernel thread opens",
	 run_ring_polled},
	{"ring-inherited", 16, NEEDS_ANY, "child reads by an inherited ring, without a descriptor",
	 run_ring_inherited},
	{"fanotify", 0, NEEDS_FILE, "fanotify opens it when somebody else does", run_fanotify},
	{0},
};
