/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Another process's memory: what it took out of a camera or a recording can be read there without
 * ever touching the device or the file. Told for each object that it touched, once for each process
 * that looks, and way.
 */
#ifndef CW_PEEK_BPF_H
#define CW_PEEK_BPF_H

#include "hook.bpf.h"
#include "tell.bpf.h"

#define PTRACE_MODE_ATTACH_ 0x02
#define PTRACE_MODE_FSCREDS_ 0x08
#define CORE_DUMPED 0x80 /* in an exit code */

#if defined(__TARGET_ARCH_x86)
#define NR_PTRACE 101
#define NR_VM_READV 310
#define NR_VM_WRITEV 311
#define NR_READ 0
#define NR_PREAD 17
#define NR_READV 19
#define NR_PREADV 295
#else
#define NR_PTRACE 117
#define NR_VM_READV 270
#define NR_VM_WRITEV 271
#define NR_READ 63
#define NR_PREAD 67
#define NR_READV 65
#define NR_PREADV 69
#endif
#define NR_GETFD 438

/* The victim touched something, as far as the array knows. Global, like touch_tell(). */
__noinline int peeked(__u32 tgid, __u32 way, __u32 rung, __u64 file)
{
	struct cw_touched *t = bpf_map_lookup_elem(&touched, &tgid);
	struct cw_task *task = bpf_map_lookup_elem(&tasks, &tgid);
	struct telling *p;

	if (!t || is_agent())
		return 0;
	p = telling_new(CW_OP_PEEK, way, rung);
	if (!p)
		return 0;
	p->tgid = tgid;
	p->file = file;
	p->start_ns = t->start_ns;
	if (task && task->start_ns == t->start_ns)
		p->exe = task->exe;
	/* Here, not in touch_tell(): functions under way share a stack of 512 bytes. */
	announce_current(CW_RING_DEVICES);
	announce_current(CW_RING_FILES);
	for (__u32 i = 0; i < CW_TOUCHES_MAX; i++)
		touch_tell(i);
	return 0;
}

/*
 * The current process ends, by a signal that made the kernel write down its memory, or without. The
 * handler of core dumps got them through a pipe, if no file was seen (core_opened).
 */
static __noinline void toucher_ends(struct task_struct *task, __u32 tgid)
{
	if (BPF_CORE_READ(task, signal, group_exit_code) & CORE_DUMPED)
		peeked(tgid, CW_PEEK_CORE, CW_RUNG_TRACEPOINT, 0);
	if (!bpf_map_delete_elem(&dumping, &tgid))
		__sync_fetch_and_add(&look_closer, -CW_DUMPING);
	touch_end(tgid);
}

/* The signals whose default is a core dump, signal(7): the same numbers on x86 and arm64. */
#define CORE_SIGNALS ((1u << 3) | (1u << 4) | (1u << 5) | (1u << 6) | (1u << 7) | (1u << 8) | \
		      (1u << 11) | (1u << 24) | (1u << 25) | (1u << 31))

/*
 * A signal is about to be acted upon: one that nobody catches ends the process, with a core dump.
 * From here to its end every open is looked at closely (core_opened), which is dear; so the other
 * opens on the machine need not ask who dumps core.
 */
SEC("raw_tp/signal_deliver")
int tp__signal_deliver(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 signal = ctx->args[0], tgid = bpf_get_current_pid_tgid() >> 32;
	struct k_sigaction *action = (void *)ctx->args[2];
	__u8 yes = 1;
	long r;

	if (signal > 31 || !(CORE_SIGNALS & 1u << signal) || !touched_maybe(tgid) ||
	    BPF_CORE_READ(action, sa.sa_handler))
		return 0;
	r = bpf_map_update_elem(&dumping, &tgid, &yes, BPF_NOEXIST);
	if (!r)
		__sync_fetch_and_add(&look_closer, CW_DUMPING);
	else if (r != -17 && !(look_closer & CW_MARKS_LACK)) /* EEXIST: another thread */
		__sync_fetch_and_add(&look_closer, CW_MARKS_LACK);
	return 0;
}

/*
 * The kernel makes a file for the memory of the current process. Whoever opens that file later gets
 * at what the process had.
 */
static __noinline int core_opened(struct file *file, __u32 rung)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	inode_set(BPF_CORE_READ(inode, i_ino), BPF_CORE_READ(inode, i_sb, s_dev),
		  inode_generation(inode), CW_ASSET_CORE);
	return peeked(bpf_get_current_pid_tgid() >> 32, CW_PEEK_CORE, rung, address_of(file));
}

/*
 * By which call? Kernels before 5.15 do not let a program see the registers (dd6e10fbd9f8), nor do
 * those without types of their own.
 */
static __always_inline bool call_is_known(void)
{
	return kernel_types && bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs);
}

static __always_inline __u32 peek_way(__u32 mode)
{
	struct pt_regs *regs;
	__u64 nr;

	if (!call_is_known())
		return mode & PTRACE_MODE_FSCREDS_ ? CW_PEEK_MEM : CW_PEEK_ATTACH;
	regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
#if defined(__TARGET_ARCH_x86)
	nr = BPF_CORE_READ(regs, orig_ax);
#else
	nr = (__u32)BPF_CORE_READ(regs, syscallno);
#endif
	if (mode & PTRACE_MODE_FSCREDS_)
		/* The stack of a process and the call it is in are asked for like its memory. */
		return nr == NR_READ || nr == NR_PREAD || nr == NR_READV || nr == NR_PREADV ?
			       CW_PEEK_MAX : CW_PEEK_MEM;
	switch (nr) {
	case NR_PTRACE: return CW_PEEK_PTRACE;
	case NR_VM_READV: return CW_PEEK_READV;
	case NR_VM_WRITEV: return CW_PEEK_WRITEV;
	case NR_GETFD: return CW_PEEK_GETFD;
	}
	return CW_PEEK_ATTACH;
}

static __noinline int peek_asked(__u32 tgid, __u32 mode, __u32 rung)
{
	__u32 way;

	if (bpf_get_current_pid_tgid() >> 32 == tgid)
		return 0;
	way = peek_way(mode);
	return way == CW_PEEK_MAX ? 0 : peeked(tgid, way, rung, 0);
}

/*
 * The one question before ptrace(2) attaches or seizes, before process_vm_readv and _writev,
 * /proc/PID/mem and pidfd_getfd. Since 5.7. Misses who asked before the other touched anything, or
 * was asked by it (PTRACE_TRACEME): memory.bpf.h.
 */
static __always_inline void on_ptrace_access_check(enum cw_rung rung, struct task_struct *child,
						   unsigned int mode)
{
	__u32 tgid = FIELD(rung, child, tgid);

	if (mode & PTRACE_MODE_ATTACH_ && touched_maybe(tgid))
		peek_asked(tgid, mode, rung);
}

HOOK(ptrace_access_check, (struct task_struct *child, unsigned int mode), (child, mode))

#endif
