// SPDX-License-Identifier: Apache-2.0
/*
 * Against the monitor: what ends, stops, reads or changes the agent that --agent names, which must
 * be a camwarden. The proof is that it was to be had; refused by a hardened agent, it is denied.
 * What ends the agent, or disturbs others on the machine, runs by its name only.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attacks.h"

#ifndef __NR_pidfd_getfd
#define __NR_pidfd_getfd 438
#endif

/* Reached, or refused as a hardened agent has it. */
static int outcome(const struct attack *a, bool done, const char *how)
{
	if (done)
		return attack_reached(a, NULL, "camwarden", how);
	return errno == EPERM ? attack_denied(a, NULL, "camwarden", -EPERM, how) :
				attack_fail(a, "%s", how);
}

static int signal_agent(const struct attack *a, int number, const char *how)
{
	bool done = !kill(a->agent, number);
	int err = errno;

	kill(a->agent, SIGCONT);
	errno = err;
	return outcome(a, done, how);
}

static int run_stop(const struct attack *a)
{
	return signal_agent(a, SIGSTOP, "kill STOP");
}

static int run_kill(const struct attack *a)
{
	return outcome(a, !kill(a->agent, SIGKILL), "kill KILL");
}

static int run_kill_thread(const struct attack *a)
{
	bool done = !syscall(SYS_tgkill, a->agent, a->agent, SIGTSTP);
	int err = errno;

	kill(a->agent, SIGCONT);
	errno = err;
	return outcome(a, done, "tgkill TSTP");
}

static int run_kill_pidfd(const struct attack *a)
{
	int fd = (int)syscall(SYS_pidfd_open, a->agent, 0);

	bool done = fd >= 0 && !syscall(SYS_pidfd_send_signal, fd, SIGTSTP, NULL, 0);
	int err = errno;

	if (fd < 0)
		return attack_cannot(a, "pidfd_open");
	kill(a->agent, SIGCONT);
	errno = err;
	return outcome(a, done, "pidfd_send_signal TSTP");
}

/* The kernel sends the signal, because there is something to read. */
static int run_sigio(const struct attack *a)
{
	int fd[2];

	if (pipe(fd) || fcntl(fd[0], F_SETOWN, a->agent) || fcntl(fd[0], F_SETSIG, SIGTSTP) ||
	    fcntl(fd[0], F_SETFL, O_ASYNC))
		return attack_fail(a, "F_SETSIG");
	if (write(fd[1], "x", 1) != 1)
		return attack_fail(a, "write");
	kill(a->agent, SIGCONT);
	/* Whether it came, nobody is told. */
	return attack_reached(a, NULL, "camwarden", "F_SETSIG TSTP");
}

static int run_attach(const struct attack *a)
{
	bool done = !ptrace(PTRACE_SEIZE, a->agent, NULL, NULL);

	return outcome(a, done, "ptrace SEIZE");
}

/* Where something is mapped in the agent. */
static unsigned long mapped(const struct attack *a)
{
	char *path = text_of("/proc/%d/maps", (int)a->agent);
	FILE *f = fopen(path, "re");
	unsigned long start = 0;

	if (f && fscanf(f, "%lx", &start) != 1)
		start = 0;
	if (f)
		fclose(f);
	free(path);
	return start;
}

/* Twenty times, which is told once. */
static int run_memory(const struct attack *a)
{
	char here[16];
	unsigned long there = mapped(a);
	struct iovec local = {here, sizeof(here)}, remote = {(void *)there, sizeof(here)};
	ssize_t n = -1;

	if (!there)
		return outcome(a, false, "/proc/PID/maps");
	for (int i = 0; i < 20; i++)
		n = process_vm_readv(a->agent, &local, 1, &remote, 1, 0);
	return outcome(a, n == sizeof(here), "process_vm_readv");
}

static int run_descriptor(const struct attack *a)
{
	int fd = (int)syscall(SYS_pidfd_open, a->agent, 0);

	if (fd < 0)
		return attack_cannot(a, "pidfd_open");
	return outcome(a, syscall(__NR_pidfd_getfd, fd, 2, 0) >= 0, "pidfd_getfd");
}

static int run_limit(const struct attack *a)
{
	struct rlimit64 now;

	if (syscall(SYS_prlimit64, a->agent, RLIMIT_CORE, NULL, &now))
		return outcome(a, false, "prlimit");
	return outcome(a, !syscall(SYS_prlimit64, a->agent, RLIMIT_CORE, &now, NULL), "prlimit");
}

/* ---- BPF ---- */

static int bpf_call(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int by_id(int command, __u32 id)
{
	union bpf_attr attr = {.map_id = id};

	return bpf_call(command, &attr);
}

/* A map of that name, or the first that is refused; -1. */
static int find_map(const char *name)
{
	union bpf_attr attr = {0};
	int fd;

	while (!bpf_call(BPF_MAP_GET_NEXT_ID, &attr)) {
		struct bpf_map_info info = {0};
		union bpf_attr ask = {0};

		attr.start_id = attr.next_id;
		fd = by_id(BPF_MAP_GET_FD_BY_ID, attr.start_id);
		if (fd < 0)
			return -1;
		ask.info.bpf_fd = (__u32)fd;
		ask.info.info_len = sizeof(info);
		ask.info.info = (__u64)(unsigned long)&info;
		if (!bpf_call(BPF_OBJ_GET_INFO_BY_FD, &ask) && !strcmp(info.name, name))
			return fd;
		close(fd);
	}
	errno = ENOENT;
	return -1;
}

static int run_map_read(const struct attack *a)
{
	return outcome(a, find_map("inodes") >= 0, "BPF_MAP_GET_FD_BY_ID");
}

/* The marks of the recordings: whoever could take them away would have blinded the agent. */
static int run_map_write(const struct attack *a)
{
	char key[16] = {0}, value[8] = {0};
	union bpf_attr attr = {0};
	int fd = find_map("inodes");

	if (fd < 0)
		return outcome(a, false, "BPF_MAP_GET_FD_BY_ID");
	attr.map_fd = (__u32)fd;
	attr.key = (__u64)(unsigned long)key;
	attr.value = (__u64)(unsigned long)value;
	return outcome(a, !bpf_call(BPF_MAP_UPDATE_ELEM, &attr), "BPF_MAP_UPDATE_ELEM");
}

/* Takes hold of each link that there is. */
static int run_link(const struct attack *a)
{
	union bpf_attr attr = {0};
	int fd = -1, n = 0;

	while (!bpf_call(BPF_LINK_GET_NEXT_ID, &attr)) {
		attr.start_id = attr.next_id;
		fd = by_id(BPF_LINK_GET_FD_BY_ID, attr.start_id);
		if (fd < 0)
			return outcome(a, false, "BPF_LINK_GET_FD_BY_ID");
		close(fd);
		n++;
	}
	errno = ENOENT;
	return outcome(a, n > 0, "BPF_LINK_GET_FD_BY_ID");
}

/* A program that the agent has not seen. It is never attached. */
static int run_load(const struct attack *a)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .insn_cnt = 2};

	attr.insns = (__u64)(unsigned long)insns;
	attr.license = (__u64)(unsigned long)"GPL";
	strcpy(attr.prog_name, "foreign");
	return outcome(a, bpf_call(BPF_PROG_LOAD, &attr) >= 0, "BPF_PROG_LOAD");
}

/* ---- files and time ---- */

/* What stands behind an option of the agent; NULL: it has none. */
static char *option_of(const struct attack *a, const char *option)
{
	char *path = text_of("/proc/%d/cmdline", (int)a->agent);
	static char line[8192];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(line, 1, sizeof(line) - 1, f) : 0;
	bool next = false;

	if (f)
		fclose(f);
	free(path);
	for (char *word = line; word < line + n; word += strlen(word) + 1) {
		if (next)
			return word;
		next = !strcmp(word, option);
	}
	return NULL;
}

static int write_file(const struct attack *a, const char *option)
{
	char *path = option_of(a, option);
	struct stat st;
	int fd;

	if (!path)
		return attack_skip(a, "the agent has no %s", option);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return outcome(a, false, "open for writing");
	return fstat(fd, &st) ? attack_fail(a, "fstat") :
				attack_reached(a, &st, path, "open for writing");
}

static int run_policy(const struct attack *a)
{
	return write_file(a, "--policy");
}

static int run_trace(const struct attack *a)
{
	return write_file(a, "--trace");
}

/* Another file takes the name of the policy; the runner puts it back. */
static int run_replace(const struct attack *a)
{
	char *path = option_of(a, "--policy"), *aside, *new;
	struct stat st;

	if (!path || stat(path, &st))
		return attack_skip(a, "the agent has no --policy");
	aside = text_of("%s.aside", path);
	new = text_of("%s.new", path);
	if (link(path, aside))
		return outcome(a, false, "link");
	undo_add(a, UNDO_RENAME, aside, path, 0, 0);
	undo_add(a, UNDO_REMOVE, new, NULL, 0, 0);
	if (close(open(new, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)))
		return attack_fail(a, "open %s", new);
	if (!rename(new, path))
		return attack_reached(a, &st, path, "rename over it");
	return outcome(a, false, "rename over it");
}

static int run_clock(const struct attack *a)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now))
		return attack_fail(a, "clock_gettime");
	now.tv_sec -= 3600;
	if (clock_settime(CLOCK_REALTIME, &now))
		return attack_cannot(a, "clock_settime");
	return attack_reached(a, NULL, "wall clock", "clock_settime, an hour back");
}

const struct attack_case cases_monitor[] = {
	{"self-stop", 39, NEEDS_AGENT, "SIGSTOP to the agent", run_stop},
	{"self-tgkill", 39, NEEDS_AGENT, "SIGTSTP to its thread", run_kill_thread},
	{"self-pidfd", 39, NEEDS_AGENT, "SIGTSTP by pidfd_send_signal", run_kill_pidfd},
	{"self-sigio", 39, NEEDS_AGENT, "SIGTSTP by a file that the agent is to own", run_sigio},
	{"self-attach", 39, NEEDS_AGENT, "ptrace attach to the agent", run_attach},
	{"self-memory", 39, NEEDS_AGENT, "read the agent's memory", run_memory},
	{"self-getfd", 39, NEEDS_AGENT, "take a descriptor of the agent", run_descriptor},
	{"self-limit", 39, NEEDS_AGENT, "set a limit of the agent", run_limit},
	{"self-map", 40, NEEDS_AGENT, "take hold of the map of marks", run_map_read},
	{"self-map-write", 40, NEEDS_AGENT, "write the map of marks", run_map_write},
	{"self-link", 40, NEEDS_AGENT, "take hold of the agent's links", run_link},
	{"self-policy", 41, NEEDS_AGENT, "open the policy for writing", run_policy},
	{"self-trace", 41, NEEDS_AGENT, "open the trace for writing", run_trace},
	{"self-replace", 41, NEEDS_AGENT, "put another policy in its place", run_replace},
	{"foreign-bpf", 43, NEEDS_AGENT, "load a BPF program", run_load},
	{"clock-back", 44, NEEDS_AGENT_ALONE, "set the wall clock back by an hour", run_clock},
	{"self-kill", 39, NEEDS_AGENT_ALONE, "SIGKILL to the agent", run_kill},
	{0},
};
