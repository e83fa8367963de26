// SPDX-License-Identifier: Apache-2.0
/*
 * Foreign code in a process that may have the data: loaded into a program as it starts, or written
 * into the memory of one that runs. It is that process which then reads.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attacks.h"

/* In the victim: what the other process sets, to have it read. */
static volatile long order;

/* This program again, with a library of somebody else's. */
static int use_preloaded(const struct attack *a, int library)
{
	char *const arguments[] = {"attacks", "--use-fd", "-1", "--result-fd",
				   text_of("%d", dup(a->result_fd)), "--target",
				   text_of("%s", a->target), NULL};
	char *const environment[] = {text_of("LD_PRELOAD=/proc/self/fd/%d", library), NULL};

	execve("/proc/self/exe", arguments, environment);
	return attack_fail(a, "exec with LD_PRELOAD");
}

/* The C library that runs here, copied: any code would do, and this is sure to be loadable. */
static int copy_library(const struct attack *a, int to)
{
	Dl_info info;
	int from, err = 0;

	if (to < 0)
		return attack_cannot(a, "a file for a library");
	from = dladdr((void *)(uintptr_t)printf, &info) ? open(info.dli_fname, O_RDONLY) : -1;
	if (from < 0)
		return attack_skip(a, "the C library is no file here");
	while ((err = (int)sendfile(to, from, NULL, 1 << 20)) > 0)
		;
	close(from);
	return err ? attack_fail(a, "copy the C library") : 0;
}

static int load(const struct attack *a, int library)
{
	int err = child_run(a, use_preloaded, library);

	a->result->from_pid = 0; /* nobody had it before */
	return err;
}

static int run_preload(const struct attack *a)
{
	const char *path = text_of("%s/library.so", a->tmp);
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	int err = copy_library(a, file);

	if (err || a->result->skipped[0])
		return err;
	if (fchown(file, ATTACK_NOBODY, ATTACK_NOBODY))
		return attack_fail(a, "chown");
	close(file);
	file = open(path, O_RDONLY); /* stays open over exec */
	return file < 0 ? attack_fail(a, "open %s", path) : load(a, file);
}

static int run_preload_memfd(const struct attack *a)
{
	int file = memfd_create("library", 0), err = copy_library(a, file);

	return err || a->result->skipped[0] ? err : load(a, file);
}

static int wait_for_order(const struct attack *a)
{
	while (!order)
		usleep(1000);
	return attack_prove_opened(a, open(a->target, O_RDONLY | O_CLOEXEC), a->target,
				   "told to open");
}

static bool write_vm(pid_t pid, long value)
{
	struct iovec from = {&value, sizeof(value)};
	struct iovec to = {(void *)(uintptr_t)&order, sizeof(order)};

	return process_vm_writev(pid, &from, 1, &to, 1, 0) == sizeof(value);
}

static bool write_mem(pid_t pid, long value)
{
	int fd = open(text_of("/proc/%d/mem", (int)pid), O_RDWR | O_CLOEXEC);
	bool done = fd >= 0 && pwrite(fd, &value, sizeof(value), (off_t)(uintptr_t)&order) ==
				       sizeof(value);

	close(fd);
	return done;
}

static bool write_ptrace(pid_t pid, long value)
{
	bool done;

	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) || waitpid(pid, NULL, 0) != pid)
		return false;
	done = !ptrace(PTRACE_POKEDATA, pid, (void *)(uintptr_t)&order, value);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return done;
}

static int give_order(const struct attack *a, bool (*write_to)(pid_t pid, long value),
		      const char *how)
{
	int status;
	pid_t pid = child_start();

	if (pid < 0)
		return attack_fail(a, "fork");
	if (!pid)
		_exit(-wait_for_order(a) & 0xff);
	if (!write_to(pid, 1))
		return attack_cannot(a, "%s", how);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return attack_fail(a, "waitpid");
	return -WEXITSTATUS(status);
}

static int run_write_vm(const struct attack *a)
{
	return give_order(a, write_vm, "process_vm_writev");
}

static int run_write_mem(const struct attack *a)
{
	return give_order(a, write_mem, "write /proc/PID/mem");
}

static int run_write_ptrace(const struct attack *a)
{
	return give_order(a, write_ptrace, "PTRACE_POKEDATA");
}

const struct attack_case cases_code[] = {
	{"preload", 23, NEEDS_ANY, "a program loads a library that is nobody's (LD_PRELOAD)",
	 run_preload},
	{"preload-memfd", 23, NEEDS_ANY, "a program loads a library that is only in a memfd",
	 run_preload_memfd},
	{"write-vm", 23, NEEDS_ANY, "process_vm_writev has another process open it", run_write_vm},
	{"write-mem", 23, NEEDS_ANY, "/proc/PID/mem has another process open it", run_write_mem},
	{"write-ptrace", 23, NEEDS_ANY, "PTRACE_POKEDATA has another process open it",
	 run_write_ptrace},
	{0},
};
