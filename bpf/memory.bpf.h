/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What really reads or writes another process's memory, unlike the question that
 * ptrace_access_check is: that is asked once, maybe long before the other process touches anything,
 * and not at all of a tracer that a process itself asked for (PTRACE_TRACEME).
 */
#ifndef CW_MEMORY_BPF_H
#define CW_MEMORY_BPF_H

#include "code.bpf.h"
#include "peek.bpf.h"

#define FOLL_WRITE_ 1

/* Is it the memory of another process than the current, which may have something in it? */
static __always_inline bool memory_matters(__u32 tgid)
{
	return touched_maybe(tgid) && tgid != bpf_get_current_pid_tgid() >> 32;
}

/* What ptrace_access_check said of who attached; told once, so by the same word. */
static __always_inline __u32 tracer_way(void)
{
	return call_is_known() ? CW_PEEK_PTRACE : CW_PEEK_ATTACH;
}

/* A tracer's words. Since 4.10. */
static __always_inline void access_traced(struct task_struct *task, __u32 flags, __u32 rung)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);

	if (flags & FOLL_WRITE_)
		code_written(task);
	else if (memory_matters(tgid))
		peeked(tgid, tracer_way(), rung, 0);
}

SEC("fentry/ptrace_access_vm")
int BPF_PROG(fentry__access_traced, struct task_struct *task, unsigned long addr, void *buf,
	     int len, unsigned int flags)
{
	access_traced(task, flags, CW_RUNG_FENTRY);
	return 0;
}

SEC("kprobe/ptrace_access_vm")
int BPF_KPROBE(kprobe__access_traced, struct task_struct *task, unsigned long addr, void *buf,
	       int len, unsigned int flags)
{
	access_traced(task, flags, CW_RUNG_KPROBE);
	return 0;
}

/*
 * What it was started with: ps(1) reads that of every process, up to a page of it at once, whatever
 * its length. Behind it are the name of its file and the end of its stack.
 */
static __always_inline bool is_arguments(struct mm_struct *mm, __u64 addr)
{
	__u64 args = BPF_CORE_READ(mm, arg_start), args_end = BPF_CORE_READ(mm, arg_end);
	__u64 env = BPF_CORE_READ(mm, env_start), env_end = BPF_CORE_READ(mm, env_end);

	/* As one, unless the process has moved them: prctl(2), PR_SET_MM. */
	if (args_end == env)
		return addr >= args && addr < env_end;
	return (addr >= args && addr < args_end) || (addr >= env && addr < env_end);
}

static __always_inline bool is_traced(struct task_struct *task)
{
	return BPF_CORE_READ(task, ptrace) &&
	       (__u64)BPF_CORE_READ(task, parent) == bpf_get_current_task();
}

/*
 * /proc/PID/mem, and the arguments and variables there; since 6.7 a tracer's words, too. Since 2.6.
 * Misses all where the kernel has no control groups of memory: it does not know whose memory it is.
 */
static __always_inline void access_remote(struct mm_struct *mm, __u64 addr, __u32 flags,
					  __u32 rung)
{
	struct task_struct *owner;
	__u32 tgid;

	if (!bpf_core_field_exists(mm->owner))
		return;
	owner = BPF_CORE_READ(mm, owner);
	tgid = BPF_CORE_READ(owner, tgid);
	if (flags & FOLL_WRITE_)
		code_written(owner);
	else if (memory_matters(tgid) && !is_arguments(mm, addr))
		peeked(tgid, is_traced(owner) ? tracer_way() : CW_PEEK_MEM, rung, 0);
}

SEC("fentry/access_remote_vm")
int BPF_PROG(fentry__access_remote, struct mm_struct *mm, unsigned long addr, void *buf, int len,
	     unsigned int flags)
{
	access_remote(mm, addr, flags, CW_RUNG_FENTRY);
	return 0;
}

SEC("kprobe/access_remote_vm")
int BPF_KPROBE(kprobe__access_remote, struct mm_struct *mm, unsigned long addr, void *buf, int len,
	       unsigned int flags)
{
	access_remote(mm, addr, flags, CW_RUNG_KPROBE);
	return 0;
}

static __always_inline void memory_written(struct mm_struct *mm, __u32 flags)
{
	if (flags & FOLL_WRITE_ && bpf_core_field_exists(mm->owner))
		code_written(BPF_CORE_READ(mm, owner));
}

/*
 * process_vm_writev; who reads is asked each time. Since 5.6. Before 6.5 it has more parameters
 * than a trampoline passes on.
 */
SEC("fentry/pin_user_pages_remote")
int BPF_PROG(fentry__pin_remote, struct mm_struct *mm, unsigned long start, unsigned long pages,
	     unsigned int flags)
{
	memory_written(mm, flags);
	return 0;
}

SEC("kprobe/pin_user_pages_remote")
int BPF_KPROBE(kprobe__pin_remote, struct mm_struct *mm, unsigned long start, unsigned long pages,
	       unsigned int flags)
{
	memory_written(mm, flags);
	return 0;
}

#endif
