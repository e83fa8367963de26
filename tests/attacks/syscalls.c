// SPDX-License-Identifier: Apache-2.0
/*
 * The system calls that open: the family of open itself, in the numbers of other ABIs too, by
 * handle, by io_uring in the caller, in a worker and in a polling kernel thread, and a descriptor
 * out of fanotify.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
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

/* Opens as descriptor `wanted`: what is free below is taken first. */
static int open_as(const struct attack *a, int wanted)
{
	int fd;

	do
		fd = dup(STDIN_FILENO);
	while (fd >= 0 && fd < wanted - 1);
	if (fd != wanted - 1)
		return attack_cannot(a, "a descriptor %d", wanted - 1);
	fd = open(a->target, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fd != wanted)
		return attack_cannot(a, "descriptor %d", wanted);
	return attack_prove_opened(a, fd, a->target, "open");
}

/* The table of descriptors that a process begins with has room for 64. */
static int run_open_63(const struct attack *a)
{
	return open_as(a, 63);
}

static int run_open_64(const struct attack *a)
{
	return open_as(a, 64);
}

static int run_openat2(const struct attack *a)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, a->target, &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS)
		return attack_cannot(a, "openat2");
	return attack_prove_opened(a, fd, a->target, "openat2");
}

#ifdef __x86_64__
/* Numbers of 32-bit programs. */
#define OPEN_32	      5
#define MMAP_32	      90
#define SOCKETCALL_32 102
#define RECVMSG_32    17 /* of socketcall */

static sigjmp_buf no_gate;

static void gate_is_shut(int signal)
{
	siglongjmp(no_gate, signal);
}

/* A 64-bit program may use the gate of 32-bit programs: numbers and registers are theirs then. */
static int int80(long number, const void *first, const void *second)
{
	long volatile ret = -ENOSYS;

	signal(SIGSEGV, gate_is_shut);
	if (!sigsetjmp(no_gate, 1))
		__asm__ volatile("int $0x80" : "=a"(ret)
				 : "0"(number), "b"(first), "c"(second), "d"(0L)
				 : "memory", "r8", "r9", "r10", "r11");
	signal(SIGSEGV, SIG_DFL);
	return (int)ret;
}

/* Memory that such a call reaches. */
struct low {
	char path[PATH_MAX];
	uint32_t arg[6];
	uint32_t message[7], iov[2];
	struct {
		uint32_t len;
		int32_t level, type, fd;
	} control;
	char byte;
};

static struct low *low_memory(void)
{
	struct low *low = mmap(NULL, sizeof(*low), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	return low == MAP_FAILED ? NULL : low;
}

static uint32_t low_address(const void *p)
{
	return (uint32_t)(uintptr_t)p;
}

#define NO_GATE "this kernel has no calls for 32-bit programs"

static int run_int80(const struct attack *a)
{
	struct low *low = low_memory();
	int fd;

	if (!low)
		return attack_fail(a, "mmap below 4 GiB");
	snprintf(low->path, sizeof(low->path), "%s", a->target);
	fd = int80(OPEN_32, low->path, (void *)O_RDONLY);
	errno = fd < 0 ? -fd : 0;
	if (errno == ENOSYS)
		return attack_skip(a, NO_GATE);
	return attack_prove_opened(a, fd < 0 ? -1 : fd, a->target, "int 0x80, open");
}

static int run_int80_receive(const struct attack *a)
{
	struct low *low = low_memory();
	struct holder holder;
	int n, err;

	if (!low)
		return attack_fail(a, "mmap below 4 GiB");
	if (holder_start(a, &holder, hold_and_send))
		return a->result->error;
	low->iov[0] = low_address(&low->byte);
	low->iov[1] = 1;
	low->message[2] = low_address(low->iov);
	low->message[3] = 1;
	low->message[4] = low_address(&low->control);
	low->message[5] = sizeof(low->control);
	low->arg[0] = (uint32_t)holder.sock;
	low->arg[1] = low_address(low->message);
	n = int80(SOCKETCALL_32, (void *)RECVMSG_32, low->arg);
	errno = n < 0 ? -n : 0;
	if (errno == ENOSYS)
		err = attack_skip(a, NO_GATE);
	else
		err = attack_prove_opened(a, n < 0 || low->control.type != SCM_RIGHTS ?
					  -1 : low->control.fd, a->target, "int 0x80, recvmsg");
	holder_stop(&holder);
	return err;
}

static int run_int80_map(const struct attack *a)
{
	struct low *low = low_memory();
	int fd = open(a->target, O_RDONLY | O_CLOEXEC), at;

	if (!low || fd < 0)
		return attack_fail(a, "open");
	low->arg[1] = (uint32_t)a->stat.st_size;
	low->arg[2] = PROT_READ;
	low->arg[3] = MAP_PRIVATE;
	low->arg[4] = (uint32_t)fd;
	at = int80(MMAP_32, low->arg, NULL);
	close(fd);
	errno = at < 0 && at > -4096 ? -at : 0;
	if (errno == ENOSYS)
		return attack_skip(a, NO_GATE);
	if (errno || !find_marker((void *)(uintptr_t)(uint32_t)at, (size_t)a->stat.st_size))
		return attack_fail(a, "int 0x80, mmap");
	return attack_reached(a, &a->stat, a->target, "read marker");
}

static int run_x32(const struct attack *a)
{
	int fd = (int)syscall(0x40000000 | SYS_openat, AT_FDCWD, a->target, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOSYS)
		return attack_skip(a, "this kernel has no calls for x32 programs");
	return attack_prove_opened(a, fd, a->target, "x32 openat");
}
#else
static int run_int80(const struct attack *a)
{
	return attack_skip(a, "there is no such gate on this architecture");
}

#define run_int80_receive run_int80
#define run_int80_map	  run_int80
#define run_x32		  run_int80
#endif

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
	{"open-63", 0, NEEDS_ANY, "open as the last descriptor of a process's first table",
	 run_open_63},
	{"open-64", 0, NEEDS_ANY, "open as the first descriptor of a larger table", run_open_64},
	{"creat", 1, NEEDS_ANY, "creat, of a new file in the directory or of the camera itself",
	 run_creat},
	{"int80", 0, NEEDS_ANY, "open by the gate of 32-bit programs, int 0x80", run_int80},
	{"int80-receive", 0, NEEDS_ANY, "a descriptor over a socket, received by that gate's "
	 "socketcall", run_int80_receive},
	{"int80-map", 0, NEEDS_FILE, "mmap by that gate, its arguments in memory", run_int80_map},
	{"x32", 0, NEEDS_ANY, "openat in the numbers of x32 programs", run_x32},
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
