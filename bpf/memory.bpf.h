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

static __always_inline void on_access_traced(enum cw_rung rung, struct task_struct *task,
					     __u32 flags)
{
	__u32 tgid = FIELD(rung, task, tgid);

	if (flags & FOLL_WRITE_)
		code_written(task);
	else if (memory_matters(tgid))
		peeked(tgid, tracer_way(), rung, 0);
}

#define ACCESS_TRACED \
	(struct task_struct *task, unsigned long addr, void *buf, int len, unsigned int flags)

/* A tracer's words. Since 4.10. */
HOOK_FENTRY(access_traced, ptrace_access_vm, ACCESS_TRACED, (task, flags))
HOOK_KPROBE(access_traced, ptrace_access_vm, ACCESS_TRACED, (task, flags))

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

/* Whose memory it is; NULL: the kernel does not know, it has no control groups of memory. */
static __always_inline struct task_struct *owner_of(struct mm_struct *mm)
{
	return bpf_core_field_exists(mm->owner) ? BPF_CORE_READ(mm, owner) : NULL;
}

static __always_inline void on_access_remote(enum cw_rung rung, struct mm_struct *mm, __u64 addr,
					     __u32 flags)
{
	struct task_struct *owner = owner_of(mm);
	__u32 tgid = BPF_CORE_READ(owner, tgid);

	if (flags & FOLL_WRITE_)
		code_written(owner);
	else if (memory_matters(tgid) && !is_arguments(mm, addr))
		peeked(tgid, is_traced(owner) ? tracer_way() : CW_PEEK_MEM, rung, 0);
}

#define ACCESS_REMOTE \
	(struct mm_struct *mm, unsigned long addr, void *buf, int len, unsigned int flags)

/*
 * /proc/PID/mem, and the arguments and variables there; since 6.7 a tracer's words, too. Since 2.6.
 * Misses all where whose memory it is is not known.
 */
HOOK_FENTRY(access_remote, access_remote_vm, ACCESS_REMOTE, (mm, addr, flags))
HOOK_KPROBE(access_remote, access_remote_vm, ACCESS_REMOTE, (mm, addr, flags))

static __always_inline void on_pin_remote(enum cw_rung rung, struct mm_struct *mm, __u32 flags)
{
	if (flags & FOLL_WRITE_)
		code_written(owner_of(mm));
}

#define PIN_REMOTE \
	(struct mm_struct *mm, unsigned long start, unsigned long pages, unsigned int flags)

/*
 * process_vm_writev; who reads is asked each time. Since 5.6. Before 6.5 it has more parameters
 * than a trampoline passes on.
 */
HOOK_FENTRY(pin_remote, pin_user_pages_remote, PIN_REMOTE, (mm, flags))
HOOK_KPROBE(pin_remote, pin_user_pages_remote, PIN_REMOTE, (mm, flags))

#endif
