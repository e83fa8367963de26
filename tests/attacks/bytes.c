// SPDX-License-Identifier: Apache-2.0
/*
 * The bytes without a new descriptor: mapped or copied by an inherited one, or taken out of
 * the memory of the process that has them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/videodev2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attacks.h"

#define CORE_PATTERN "/proc/sys/kernel/core_pattern"

/* Set before the fork, for the child. */
static struct camera inherited;
static unsigned int filled;

static int map_and_prove(const struct attack *a, int fd, size_t length, off_t offset,
			 bool (*check)(const void *data, size_t length), const char *how)
{
	void *data = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, offset);

	if (data == MAP_FAILED)
		return attack_fail(a, "mmap");
	errno = ENODATA;
	if (!check(data, length))
		return attack_fail(a, "%s", how);
	return attack_reached(a, &a->stat, a->target, how);
}

static int use_map(const struct attack *a, int fd)
{
	if (!a->camera)
		return map_and_prove(a, fd, (size_t)a->stat.st_size, 0, find_marker,
				     "mapped marker");
	return map_and_prove(a, fd, inherited.buffer[filled].length,
			     inherited.buffer[filled].offset, is_picture, "mapped frame");
}

static int use_dmabuf(const struct attack *a, int fd)
{
	close(inherited.fd);
	return map_and_prove(a, fd, inherited.buffer[filled].length, 0, is_picture,
			     "mapped dma-buf");
}

/* Leaves a captured frame in buffer "filled" of the driver. */
static int capture_one(const struct attack *a, int fd)
{
	int number;

	inherited = (struct camera){.fd = fd, .memory = V4L2_MEMORY_MMAP};
	number = camera_start(&inherited);
	if (!number)
		number = camera_take(&inherited);
	if (number < 0) {
		errno = -number;
		return attack_fail(a, "capture");
	}
	filled = (unsigned int)number;
	a->result->frames = 1;
	return 0;
}

static int run_map(const struct attack *a)
{
	int err = 0, fd = open(a->target, (a->camera ? O_RDWR : O_RDONLY) | O_CLOEXEC);

	if (fd < 0)
		return attack_fail(a, "open");
	if (a->camera)
		err = capture_one(a, fd);
	return err ? err : child_run(a, use_map, fd);
}

/* Returns a dma-buf of that buffer. */
static int export_buffer(int fd, unsigned int number)
{
	struct v4l2_exportbuffer export;

	memset(&export, 0, sizeof(export));
	export.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	export.index = number;
	export.flags = O_RDONLY | O_CLOEXEC;
	return ioctl(fd, VIDIOC_EXPBUF, &export) ? -errno : export.fd;
}

static int run_dmabuf(const struct attack *a)
{
	int err, buffer, fd = open(a->target, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return attack_fail(a, "open");
	err = capture_one(a, fd);
	if (err)
		return err;
	buffer = export_buffer(fd, filled);
	if (buffer < 0)
		return attack_skip(a, "this camera exports no dma-buf: %s", strerror(-buffer));
	return child_run(a, use_dmabuf, buffer);
}

/* Exports all buffers, maps them like a recorder that shows them, and sends the filled one last. */
static int hold_and_send_buffers(const struct attack *a, int sock)
{
	int buffer[CAMERA_BUFFERS], err = hold_open(a, sock);
	size_t length;

	if (!err)
		err = capture_one(a, a->result->held.fd);
	if (err)
		return err;
	for (unsigned int i = 0; i < inherited.buffers; i++) {
		buffer[i] = export_buffer(inherited.fd, i);
		if (buffer[i] < 0)
			return attack_skip(a, "this camera exports no dma-buf: %s",
					   strerror(-buffer[i]));
		length = inherited.buffer[i].length;
		munmap(mmap(NULL, length, PROT_READ, MAP_SHARED, buffer[i], 0), length);
	}
	a->result->held.length = inherited.buffer[filled].length;
	a->result->objects = inherited.buffers;
	close(inherited.fd);
	for (unsigned int i = 0; !err && i < inherited.buffers; i++)
		if (i != filled)
			err = send_fd(sock, buffer[i]);
	return err ? err : send_fd(sock, buffer[filled]);
}

static int run_dmabuf_passed(const struct attack *a)
{
	struct holder holder;
	unsigned int buffers;
	int fd = -1, err;

	if (holder_start(a, &holder, hold_and_send_buffers))
		return a->result->error;
	buffers = a->result->objects;
	for (unsigned int i = 0; i < buffers; i++)
		fd = receive_fd(holder.sock);
	if (a->result->skipped[0])
		err = 0;
	else
		err = map_and_prove(a, fd, a->result->held.length, 0, is_picture,
				    "mapped received dma-buf");
	holder_stop(&holder);
	return err;
}

static int prove_copy(const struct attack *a, ssize_t copied, int fd, const char *how)
{
	int err;

	if (copied <= 0)
		return copied ? attack_cannot(a, "%s", how) : attack_fail(a, "%s of nothing", how);
	err = read_marker(fd);
	errno = -err;
	return err ? attack_fail(a, "%s, read marker", how) :
		     attack_reached(a, &a->stat, a->target, how);
}

static int use_sendfile(const struct attack *a, int fd)
{
	int copy = memfd_create("copy", MFD_CLOEXEC);

	return prove_copy(a, sendfile(copy, fd, NULL, 65536), copy, "sendfile");
}

static int use_splice(const struct attack *a, int fd)
{
	int copy = memfd_create("copy", MFD_CLOEXEC), ends[2];
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC))
		return attack_fail(a, "pipe");
	n = splice(fd, NULL, ends[1], NULL, 65536, 0);
	if (n > 0)
		n = splice(ends[0], NULL, copy, NULL, (size_t)n, 0);
	return prove_copy(a, n, copy, "splice");
}

static int use_copy_range(const struct attack *a, int fd)
{
	const char *directory = a->outside ? a->outside : a->dir;
	int copy = open(directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	if (copy < 0)
		return attack_cannot(a, "O_TMPFILE in %s", directory);
	return prove_copy(a, copy_file_range(fd, NULL, copy, NULL, 65536, 0), copy,
			  "copy_file_range");
}

static int use_aio(const struct attack *a, int fd)
{
	static char data[65536];
	struct iocb request, *requests[] = {&request};
	struct io_event event;
	aio_context_t context = 0;

	memset(&request, 0, sizeof(request));
	request.aio_lio_opcode = IOCB_CMD_PREAD;
	request.aio_fildes = (uint32_t)fd;
	request.aio_buf = (uint64_t)(uintptr_t)data;
	request.aio_nbytes = sizeof(data);
	if (syscall(SYS_io_setup, 1, &context))
		return attack_cannot(a, "io_setup");
	if (syscall(SYS_io_submit, context, 1, requests) != 1 ||
	    syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
		return attack_fail(a, "io_submit");
	errno = event.res < 0 ? (int)-event.res : ENODATA;
	if (event.res < 0 || !find_marker(data, (size_t)event.res))
		return attack_fail(a, "asynchronous read");
	return attack_reached(a, &a->stat, a->target, "asynchronous read");
}

static int copy_inherited(const struct attack *a, int (*use)(const struct attack *a, int fd))
{
	int fd = open(a->target, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? attack_fail(a, "open") : child_run(a, use, fd);
}

static int run_sendfile(const struct attack *a)
{
	return copy_inherited(a, use_sendfile);
}

static int run_splice(const struct attack *a)
{
	return copy_inherited(a, use_splice);
}

static int run_copy_range(const struct attack *a)
{
	return copy_inherited(a, use_copy_range);
}

static int run_aio(const struct attack *a)
{
	return copy_inherited(a, use_aio);
}

/* The ways to read another process's memory return the number of bytes. */
typedef ssize_t (*peek_fn)(const struct held *held, void *data);

static ssize_t peek_readv(const struct held *held, void *data)
{
	struct iovec to = {data, held->length};
	struct iovec from = {(void *)(uintptr_t)held->address, held->length};

	return process_vm_readv(held->pid, &to, 1, &from, 1, 0);
}

static ssize_t peek_proc_mem(const struct held *held, void *data)
{
	int fd = open(text_of("/proc/%d/mem", (int)held->pid), O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = pread(fd, data, held->length, (off_t)held->address);
	close(fd);
	return n;
}

/* It is traced. */
static ssize_t peek_stopped(const struct held *held, void *data)
{
	size_t done, part;
	long word;

	for (done = 0; done < held->length; done += part) {
		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, held->pid, (char *)(uintptr_t)held->address + done,
			      NULL);
		if (errno)
			return -1;
		part = held->length - done < sizeof(word) ? held->length - done : sizeof(word);
		memcpy((char *)data + done, &word, part);
	}
	ptrace(PTRACE_DETACH, held->pid, NULL, NULL);
	return (ssize_t)done;
}

static ssize_t peek_ptrace(const struct held *held, void *data)
{
	if (ptrace(PTRACE_ATTACH, held->pid, NULL, NULL) ||
	    waitpid(held->pid, NULL, 0) != held->pid)
		return -1;
	return peek_stopped(held, data);
}

static ssize_t peek_traced(const struct held *held, void *data)
{
	if (kill(held->pid, SIGSTOP) || waitpid(held->pid, NULL, 0) != held->pid)
		return -1;
	return peek_stopped(held, data);
}

static int early_fd;

static ssize_t peek_early_fd(const struct held *held, void *data)
{
	return pread(early_fd, data, held->length, (off_t)held->address);
}

/*
 * What is done before the holder gets the target, if it waits; a negative number: it cannot be
 * done.
 */
typedef int (*before_fn)(const struct held *held);

static int open_early(const struct held *held)
{
	early_fd = open(text_of("/proc/%d/mem", (int)held->pid), O_RDONLY | O_CLOEXEC);
	return early_fd;
}

static int seize_early(const struct held *held)
{
	return (int)ptrace(PTRACE_SEIZE, held->pid, NULL, NULL);
}

static int nothing_early(const struct held *held)
{
	(void)held;
	return 0;
}

static int hold_traced(const struct attack *a, int sock)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) ? -errno : hold_secret_later(a, sock);
}

static int peek(const struct attack *a, hold_fn hold, before_fn before, peek_fn how,
		const char *what)
{
	const struct held *held = &a->result->held;
	struct holder holder;
	void *data;
	ssize_t n;
	int err;

	if (holder_start(a, &holder, hold))
		return a->result->error;
	if (before && (before(held) < 0 || holder_go_on(a, &holder))) {
		err = a->result->error ? a->result->error : attack_cannot(a, "%s", what);
		holder_stop(&holder);
		return err;
	}
	data = calloc(1, held->length);
	n = how(held, data);
	if (n != (ssize_t)held->length)
		err = attack_cannot(a, "%s", what);
	else if (errno = EBADMSG, checksum(data, held->length) != held->sum)
		err = attack_fail(a, "%s", what);
	else
		err = attack_reached(a, &a->stat, a->target, what);
	holder_stop(&holder);
	return err;
}

static int run_peek_heap(const struct attack *a)
{
	return peek(a, hold_secret, NULL, peek_readv, "process_vm_readv of the heap");
}

static int run_peek_frame(const struct attack *a)
{
	return peek(a, hold_frame, NULL, peek_readv, "process_vm_readv of a frame buffer");
}

static int run_proc_mem(const struct attack *a)
{
	return peek(a, hold_secret, NULL, peek_proc_mem, "read /proc/PID/mem");
}

static int run_ptrace(const struct attack *a)
{
	return peek(a, hold_secret, NULL, peek_ptrace, "PTRACE_PEEKDATA");
}

static int run_proc_mem_early(const struct attack *a)
{
	return peek(a, hold_secret_later, open_early, peek_early_fd, "read /proc/PID/mem");
}

static int run_ptrace_early(const struct attack *a)
{
	return peek(a, hold_secret_later, seize_early, peek_traced, "PTRACE_PEEKDATA");
}

static int run_traceme(const struct attack *a)
{
	return peek(a, hold_traced, nothing_early, peek_traced, "PTRACE_PEEKDATA");
}

/* Cores are to go into the working directory. Returns 0 when they do. */
static int core_here(const struct attack *a)
{
	const struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
	char pattern[128];
	int n, fd = open(CORE_PATTERN, O_RDONLY | O_CLOEXEC);

	n = fd < 0 ? -1 : (int)read(fd, pattern, sizeof(pattern) - 1);
	close(fd);
	if (n < 0 || chdir(a->tmp))
		return attack_fail(a, "read " CORE_PATTERN);
	pattern[n] = '\0';
	pattern[strcspn(pattern, "\n")] = '\0';
	if (setrlimit(RLIMIT_CORE, &limit)) {
		attack_skip(a, "core dumps are limited: %s", strerror(errno));
		return 1;
	}
	if (pattern[0] && pattern[0] != '|' && !strchr(pattern, '/'))
		return 0;
	fd = open(CORE_PATTERN, O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		attack_skip(a, "core_pattern is \"%s\" and cannot be changed: %s", pattern,
			    strerror(errno));
		return 1;
	}
	undo_add(a, UNDO_WRITE, CORE_PATTERN, pattern, 0, 0);
	n = (int)write(fd, "core", 4);
	close(fd);
	return n == 4 ? 0 : attack_fail(a, "write " CORE_PATTERN);
}

static bool secret_in_file(const struct attack *a, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool found = false;
	void *data;

	if (fd < 0 || fstat(fd, &st) || !st.st_size)
		return false;
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data != MAP_FAILED) {
		found = find_secret(&a->result->held, data, (size_t)st.st_size);
		munmap(data, (size_t)st.st_size);
	}
	close(fd);
	return found;
}

static int run_core(const struct attack *a)
{
	struct dirent *entry;
	struct holder holder;
	bool found = false;
	int status, err = core_here(a);
	DIR *dir;

	if (err)
		return a->result->skipped[0] ? 0 : err;
	if (holder_start(a, &holder, hold_secret))
		return a->result->error;
	kill(holder.pid, SIGSEGV);
	if (waitpid(holder.pid, &status, 0) != holder.pid)
		return attack_fail(a, "waitpid");
	dir = opendir(".");
	while (dir && !found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.' && secret_in_file(a, entry->d_name);
	if (dir)
		closedir(dir);
	errno = ENODATA;
	return found ? attack_reached(a, &a->stat, a->target, "found in the core dump") :
		       attack_fail(a, "core dump %s",
				   WCOREDUMP(status) ? "written" : "not written");
}

const struct attack_case cases_bytes[] = {
	{"map", 18, NEEDS_ANY, "child maps an inherited descriptor", run_map},
	{"dmabuf", 18, NEEDS_CAMERA, "child maps a dma-buf exported from the camera", run_dmabuf},
	{"dmabuf-passed", 18, NEEDS_CAMERA, "dma-bufs of the camera received over SCM_RIGHTS",
	 run_dmabuf_passed},
	{"sendfile", 19, NEEDS_FILE, "child's sendfile from an inherited descriptor", run_sendfile},
	{"splice", 19, NEEDS_FILE, "child's splice from an inherited descriptor", run_splice},
	{"copy-range", 19, NEEDS_FILE, "child's copy_file_range from an inherited descriptor",
	 run_copy_range},
	{"aio", 19, NEEDS_FILE, "child's io_submit on an inherited descriptor", run_aio},
	{"peek-heap", 20, NEEDS_ANY, "process_vm_readv of a holder's heap", run_peek_heap},
	{"peek-frame", 20, NEEDS_CAMERA, "process_vm_readv of a holder's mapped frame buffer",
	 run_peek_frame},
	{"proc-mem", 20, NEEDS_ANY, "/proc/PID/mem of a holder", run_proc_mem},
	{"ptrace", 21, NEEDS_ANY, "ptrace attach to a holder and peek", run_ptrace},
	{"proc-mem-early", 20, NEEDS_ANY, "/proc/PID/mem of a holder, opened before it was one",
	 run_proc_mem_early},
	{"ptrace-early", 21, NEEDS_ANY, "ptrace of a holder, attached before it was one",
	 run_ptrace_early},
	{"traceme", 21, NEEDS_ANY, "ptrace of a holder that asked for it (PTRACE_TRACEME)",
	 run_traceme},
	{"core", 22, NEEDS_ANY, "core dump of a holder that crashes", run_core},
	{0},
};
