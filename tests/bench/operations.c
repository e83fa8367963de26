// SPDX-License-Identifier: Apache-2.0
/*
 * Usage: operations DIR [NAME…]
 *
 * What one operation costs its caller, in nanoseconds of the clock, which are instructions in a
 * guest that counts them. Prints a JSON object, name to number. DIR is an existing directory on the
 * file system that is to be measured; without NAMEs, all but those that need something watched:
 * "allowed" and "flagged" open DIR/allowed/file and DIR/flagged/file, and count the caller's own
 * time only, because there the agent works, too. "spawn" takes `true` from DIR/root, if there is
 * one, so that program and libraries are on the measured file system.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAMES 10
#define FEW 4 /* in one batch: of many, some need memory of the kernel that is not at hand */
#define PASSES 4
#define HELD 5
#define FIRST_TABLE 64 /* descriptors that the kernel has room for before it needs a larger table */

static int dir, file, listener;
static pid_t child; /* somebody to signal and to look into */
static struct sockaddr_in address = { .sin_family = AF_INET };

static void fail(const char *what)
{
	fprintf(stderr, "operations: %s: %s\n", what, strerror(errno));
	exit(3);
}

static void open_close(int at, const char *path, int flags)
{
	int fd = openat(at, path, flags);

	if (fd < 0)
		fail(path);
	close(fd);
}

static void do_getppid(void)
{
	syscall(SYS_getppid);
}

/*
 * Ten names in turn: how many others share a name's place in the kernel's table of names is chance,
 * and the best batch is that of names that have few beside them.
 */
static void open_at_depth(const char *path)
{
	static unsigned int n;
	size_t len = strlen(path);
	char name[128];

	memcpy(name, path, len + 1);
	name[len - 1] = (char)('0' + n++ % NAMES);
	open_close(dir, name, O_RDONLY);
}

static void do_open_1(void)
{
	open_at_depth("file0");
}

static void do_open_4(void)
{
	open_at_depth("d/d/d/file0");
}

static void do_open_12(void)
{
	open_at_depth("d/d/d/d/d/d/d/d/d/d/d/file0");
}

static void do_dev_null(void)
{
	open_close(AT_FDCWD, "/dev/null", O_RDWR);
}

static void do_read(void)
{
	char c;

	if (pread(file, &c, 1, 0) != 1)
		fail("pread");
}

static void do_write(void)
{
	if (pwrite(file, "x", 1, 0) != 1)
		fail("pwrite");
}

static void do_ioctl(void)
{
	int n;

	if (ioctl(file, FIONREAD, &n))
		fail("ioctl");
}

static void do_mmap(void)
{
	void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	munmap(p, 4096);
}

static void do_kill(void)
{
	if (kill(child, 0))
		fail("kill");
}

/* A second time: refused, but as the last thing, after all questions whether it is allowed. */
static void do_ptrace(void)
{
	if (!ptrace(PTRACE_SEIZE, child, NULL, NULL) || errno != EPERM)
		fail("ptrace");
}

static void do_peek(void)
{
	static char theirs;
	char mine;
	struct iovec to = { &mine, 1 }, from = { &theirs, 1 };

	if (process_vm_readv(child, &to, 1, &from, 1, 0) != 1)
		fail("process_vm_readv");
}

static void do_spawn(void)
{
	char *const argv[] = { "true", NULL }, *const env[] = { NULL };
	int status;
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (!pid) {
		if (fchdir(dir) || (chroot("root") && errno != ENOENT))
			_exit(127);
		execve("/bin/true", argv, env);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		fail("true");
}

static void do_accept(void)
{
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), served;

	if (client < 0 || connect(client, (void *)&address, sizeof(address)))
		fail("connect");
	served = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (served < 0)
		fail("accept");
	close(client);
	close(served);
}

static void do_allowed(void)
{
	open_close(dir, "allowed/file", O_RDONLY);
}

static void do_flagged(void)
{
	open_close(dir, "flagged/file", O_RDONLY);
}

static const struct operation {
	const char *name;
	void (*run)(void);
	unsigned int batch, batches;
	int watched, grown; /* measured when the table of descriptors has grown: it never shrinks */
} operations[] = {
	{ "getppid", do_getppid, 1000, 20, 0, 0 },
	{ "open_1", do_open_1, FEW, 1000, 0, 0 },
	{ "open_4", do_open_4, FEW, 1000, 0, 0 },
	{ "open_12", do_open_12, FEW, 1000, 0, 0 },
	{ "open_many", do_open_1, FEW, 1000, 0, 1 },
	{ "dev_null", do_dev_null, FEW, 1000, 0, 0 },
	{ "read", do_read, 500, 20, 0, 0 },
	{ "write", do_write, FEW, 1000, 0, 0 },
	{ "ioctl", do_ioctl, 500, 20, 0, 0 },
	{ "mmap", do_mmap, FEW, 1000, 0, 0 },
	{ "kill", do_kill, 500, 20, 0, 0 },
	{ "ptrace", do_ptrace, 200, 20, 0, 0 },
	{ "peek", do_peek, 200, 20, 0, 0 },
	{ "spawn", do_spawn, 1, 150, 0, 0 },
	{ "accept", do_accept, 1, 200, 0, 0 },
	{ "allowed", do_allowed, 50, 20, 1, 0 },
	{ "flagged", do_flagged, 50, 20, 1, 0 },
};
#define N_OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static uint64_t now(const struct operation *o)
{
	struct timespec t;

	clock_gettime(o->watched ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* The fastest batch is the one that no tick, no writeback and nobody else ran into. */
static uint64_t measure(const struct operation *o)
{
	uint64_t best = UINT64_MAX, begin, took;

	for (unsigned int b = 0; b < o->batches; b++) {
		begin = now(o);
		for (unsigned int i = 0; i < o->batch; i++)
			o->run();
		took = now(o) - begin;
		if (took < best)
			best = took;
	}
	return (best + o->batch / 2) / o->batch;
}

/*
 * Where the kernel has the next open file is chance, too, and stays so for a while: from a page
 * that is in use elsewhere, each costs a hundred instructions more. Other work and some files that
 * stay open move it; `best` is from all passes.
 */
static void measure_all(const int *wanted, uint64_t *best, int grown)
{
	uint64_t cost;

	for (int pass = 0; pass < PASSES; pass++) {
		for (size_t i = 0; i < N_OPERATIONS; i++) {
			if (!wanted[i] || operations[i].grown != grown)
				continue;
			cost = measure(&operations[i]);
			/* The first is to warm up. */
			if (pass && (pass == 1 || cost < best[i]))
				best[i] = cost;
		}
		for (int i = 0; i < HELD; i++)
			if (open("/dev/null", O_RDONLY) < 0)
				fail("/dev/null");
	}
}

static void prepare(const char *path)
{
	socklen_t size = sizeof(address);
	char at[64] = "";

	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		fail(path);
	for (int i = 0; i < 12; i++) {
		char name[80];

		for (int k = 0; k < NAMES; k++) {
			int fd;

			snprintf(name, sizeof(name), "%sfile%d", at, k);
			fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
			if (fd < 0 || pwrite(fd, "x", 1, 0) != 1)
				fail(name);
			close(fd);
		}
		strcat(at, "d/");
		if (mkdirat(dir, at, 0755) && errno != EEXIST)
			fail(at);
	}
	/* The time of the last access is written now and then: not in our time. */
	file = openat(dir, "file0", O_RDWR | O_NOATIME | O_CLOEXEC);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 16) ||
	    getsockname(listener, (void *)&address, &size))
		fail("listen");
	child = fork();
	if (child < 0)
		fail("fork");
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	if (ptrace(PTRACE_SEIZE, child, NULL, NULL))
		fail("ptrace");
}

/*
 * Goes on in a child, whose table of descriptors is as small as what is open. Whoever started this
 * may have left a larger one: bash has a descriptor 255.
 */
static void fork_once(void)
{
	int status;
	pid_t pid;

	syscall(SYS_close_range, 3, ~0u, 0);
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return;
	}
	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid");
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 3);
}

static int wanted(const struct operation *o, int argc, char **argv)
{
	if (argc == 2)
		return !o->watched;
	for (int i = 2; i < argc; i++)
		if (!strcmp(argv[i], o->name))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	int asked[N_OPERATIONS];
	uint64_t best[N_OPERATIONS];
	const char *comma = "";

	if (argc < 2) {
		fputs("usage: operations DIR [NAME...]\n", stderr);
		return 2;
	}
	/* The same addresses each time: how many page tables a process needs is no chance then. */
	if (!getenv("OPERATIONS_FIXED")) {
		personality(ADDR_NO_RANDOMIZE);
		setenv("OPERATIONS_FIXED", "1", 1);
		execv("/proc/self/exe", argv);
	}
	fork_once();
	prepare(argv[1]);
	for (size_t i = 0; i < N_OPERATIONS; i++)
		asked[i] = wanted(&operations[i], argc, argv);
	measure_all(asked, best, 0);
	if (dup2(dir, FIRST_TABLE) < 0)
		fail("dup2");
	measure_all(asked, best, 1);
	putchar('{');
	for (size_t i = 0; i < N_OPERATIONS; i++) {
		if (!asked[i])
			continue;
		printf("%s\"%s\": %llu", comma, operations[i].name, (unsigned long long)best[i]);
		comma = ", ";
	}
	puts("}");
	return 0;
}
