/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is done to the agent itself: signals, ptrace, its BPF objects, foreign programs and modules,
 * the wall clock, a look into all memory. Its files are inodes with a mark like any other
 * (CW_SELF_ASSET); the hooks of open.bpf.h and tree.bpf.h tell of them. Whatever does not concern
 * the agent costs one comparison.
 *
 * Here nothing is refused; what refuses is in harden.bpf.h and only loaded on demand.
 */
#ifndef CW_SELF_BPF_H
#define CW_SELF_BPF_H

#include "emit.bpf.h"
#include "hook.bpf.h"

#define PTRACE_MODE_ATTACH_ 0x02

#define SIGHUP_	  1
#define SIGINT_	  2
#define SIGUSR1_  10
#define SIGPIPE_  13
#define SIGTERM_  15
#define SIGCHLD_  17
#define SIGCONT_  18
#define SIGURG_	  23
#define SIGWINCH_ 28
#define SIGIO_	  29

#define BPF_PROG_LOAD_		5
#define BPF_PROG_GET_FD_BY_ID_	13
#define BPF_MAP_GET_FD_BY_ID_	14
#define BPF_LINK_GET_FD_BY_ID_	30

#define WAIT_NS (500 * 1000000ull)

struct bpf_map {
	__u32 id;
} CW_RELOC;

struct bpf_prog_aux {
	__u32 id;
} CW_RELOC;

struct bpf_prog {
	struct bpf_prog_aux *aux;
} CW_RELOC;

struct kernel_siginfo {
	int si_signo;
	int si_errno;
	int si_code;
} CW_RELOC;

struct module {
	char name[56];
} CW_RELOC;

struct timespec64 {
	__s64 tv_sec;
	long tv_nsec;
} CW_RELOC;

static __always_inline bool of_agent(int tgid)
{
	return (__u32)tgid == self_tgid;
}

#define WAIT_TURNS 260 /* of each of three loops, in functions that the verifier reads once each */

/* Some looks at whether the agent has told of everything up to `number`. 1: that is enough. */
__noinline int wait_some(__u64 number, __u64 until)
{
	for (__u32 i = 0; i < WAIT_TURNS; i++)
		if (*(volatile __u64 *)&tampers_told >= number ||
		    bpf_ktime_get_boot_ns() > until)
			return 1;
	return 0;
}

__noinline int wait_more(__u64 number, __u64 until)
{
	for (__u32 i = 0; i < WAIT_TURNS; i++)
		if (wait_some(number, until))
			return 1;
	return 0;
}

/*
 * Keeps the caller until the agent has told of what he is about to do, on disk: a signal that ends
 * the agent would also end the record of it. Programs cannot sleep here, so this is a loop; it
 * takes what the agent needs, some milliseconds for a disk, and WAIT_NS at most. A machine with one
 * processor has nobody who could do the work meanwhile.
 */
static __noinline int wait_told(__u64 number)
{
	__u64 until = bpf_ktime_get_boot_ns() + WAIT_NS;

	if (!number || !can_wait)
		return 0;
	for (__u32 i = 0; i < WAIT_TURNS; i++)
		if (wait_more(number, until))
			break;
	return 0;
}

/* What there is to tell; `name` is NUL-terminated, and read from the kernel. */
struct tamper {
	__u32 what; /* enum cw_tamper */
	__s32 result;
	__u32 rung;
	__u32 pad;
	__u64 arg[2];
	__u64 name; /* address in the kernel; 0: none */
};

/* Tells of it; the number of the record, or 0 if it could not be placed. */
CW_GLOBAL int emit_tamper(struct tamper *t)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cw_record_tamper *r;
	__u64 name;

	if (!t)
		return 0;
	announce_current(CW_RING_FILES);
	r = reserve_record(CW_RING_FILES, sizeof(*r), CW_RECORD_TAMPER, CW_LOSS_TAMPERS);
	if (!r)
		return 0;
	r->hdr.rung = t->rung;
	actor_fill(&r->actor, task);
	r->what = t->what;
	r->result = t->result;
	r->arg[0] = t->arg[0];
	r->arg[1] = t->arg[1];
	name = t->name;
	r->name[0] = '\0';
	if (name)
		bpf_probe_read_kernel_str(r->name, sizeof(r->name), (void *)name);
	r->number = FETCH_ADD(&tampers_made, 1) + 1;
	bpf_ringbuf_submit(r, BPF_RB_FORCE_WAKEUP);
	return 1;
}

#define ONCE   (~0ull)
#define SECOND 1000000000ull

/*
 * Somebody may do the same thousands of times, and one look over all BPF objects takes hold of each
 * of ours: a kind of thing that a process does is told again after `pause_ns` at the earliest.
 */
static __always_inline bool tamper_is_news(__u32 what, __u64 pause_ns)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cw_use_key key = { .file = what, .start_ns = task_start(task),
				  .tgid = bpf_get_current_pid_tgid() >> 32 };
	__u64 now = bpf_ktime_get_boot_ns(), *told = bpf_map_lookup_elem(&tampered, &key);

	if (told && now - *told < pause_ns)
		return false;
	if (bpf_map_update_elem(&tampered, &key, &now, BPF_ANY))
		count_loss(CW_LOSS_TAMPERS);
	return true;
}

/* ---- signals ---- */

/* Those that neither end nor stop the agent: it reads them, or nobody does. */
static __always_inline bool signal_harmless(__u32 sig)
{
	return !sig || sig == SIGHUP_ || sig == SIGUSR1_ || sig == SIGPIPE_ || sig == SIGCHLD_ ||
	       sig == SIGCONT_ || sig == SIGURG_ || sig == SIGWINCH_;
}

/* An orderly end that init, or whoever started the agent, asks for is told by the agent itself. */
static __always_inline bool signal_orderly(__u32 sig)
{
	struct task_struct *agent = (void *)agent_task;

	if (sig != SIGTERM_ && sig != SIGINT_)
		return false;
	return bpf_get_current_pid_tgid() >> 32 ==
	       (__u32)BPF_CORE_READ(agent, group_leader, real_parent, tgid);
}

static __noinline int signalled(__u32 sig, __u32 from_user, __s32 result, __u32 rung)
{
	struct tamper t = { .what = CW_TAMPER_SIGNAL, .result = result, .rung = rung };

	if (is_agent() || signal_harmless(sig) || signal_orderly(sig))
		return 0;
	/* A terminal's Ctrl-C comes from the kernel. */
	if ((is_init() || !from_user) && (sig == SIGTERM_ || sig == SIGINT_))
		return 0;
	t.arg[0] = sig;
	t.arg[1] = from_user;
	return emit_tamper(&t) && rung != CW_RUNG_TRACEPOINT &&
	       sig != SIGTERM_ && sig != SIGINT_ ? wait_told(tampers_made) : 0;
}

/*
 * kill, tkill, tgkill, pidfd_send_signal, rt_sigqueueinfo, before the signal is there. Since 2.6.
 * Misses what the kernel sends by itself: a terminal's Ctrl-C, out of memory, cgroup.kill.
 */
static __always_inline void on_task_kill(enum cw_rung rung, struct task_struct *p, int sig)
{
	if (of_agent(FIELD(rung, p, tgid)))
		signalled(sig, 1, 0, rung);
}

#define TASK_KILL (struct task_struct *p, void *info, int sig, const struct cred *cred)
HOOK_LSM(task_kill, task_kill, TASK_KILL, (p, sig))
HOOK_FENTRY(task_kill, security_task_kill, TASK_KILL, (p, sig))
HOOK_KPROBE(task_kill, security_task_kill, TASK_KILL, (p, sig))

/* A file that was told to announce by a signal that there is something to read (F_SETSIG). */
static __always_inline void on_sigiotask(enum cw_rung rung, struct task_struct *p, int sig)
{
	if (of_agent(FIELD(rung, p, tgid)))
		signalled(sig ? sig : SIGIO_, 1, 0, rung);
}

#define SIGIOTASK (struct task_struct *p, void *fown, int sig)
HOOK_LSM(sigiotask, file_send_sigiotask, SIGIOTASK, (p, sig))
HOOK_FENTRY(sigiotask, security_file_send_sigiotask, SIGIOTASK, (p, sig))
HOOK_KPROBE(sigiotask, security_file_send_sigiotask, SIGIOTASK, (p, sig))

/*
 * Every signal, also those of the kernel itself, when it is on its way already: one that ends the
 * agent ends this record, too. Where the hooks above are, only those that they miss.
 */
SEC("raw_tp/signal_generate")
int tp__signal_generate(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[2];
	struct kernel_siginfo *info = (void *)ctx->args[1];
	__u64 special = (__u64)info;
	bool from_user;

	if (!of_agent(BPF_CORE_READ(task, tgid)))
		return 0;
	/* 0 and 1 stand for "from a process" and "from the kernel". */
	from_user = special == 0 || (special > 1 && BPF_CORE_READ(info, si_code) <= 0);
	if (!from_user || !kill_by_hook)
		signalled(ctx->args[0], from_user, 0, CW_RUNG_TRACEPOINT);
	return 0;
}

/* ---- the process ---- */

static __noinline int process_tampered(__u32 what, __u64 arg, __s32 result, __u32 rung)
{
	struct tamper t = { .what = what, .result = result, .rung = rung };

	if (is_agent() || (what == CW_TAMPER_PTRACE && !tamper_is_news(what, SECOND)))
		return 0;
	t.arg[0] = arg;
	return emit_tamper(&t) && rung != CW_RUNG_TRACEPOINT ? wait_told(tampers_made) : 0;
}

/*
 * ptrace, process_vm_readv and writev, pidfd_getfd, /proc/PID/mem. Whoever only reads what ps shows
 * asks for less and is no news.
 */
static __always_inline void on_agent_ptrace(enum cw_rung rung, struct task_struct *child,
					    unsigned int mode)
{
	if (mode & PTRACE_MODE_ATTACH_ && of_agent(FIELD(rung, child, tgid)))
		process_tampered(CW_TAMPER_PTRACE, mode, 0, rung);
}

#define PTRACE_CHECK (struct task_struct *child, unsigned int mode)
HOOK_LSM(agent_ptrace, ptrace_access_check, PTRACE_CHECK, (child, mode))
HOOK_FENTRY(agent_ptrace, security_ptrace_access_check, PTRACE_CHECK, (child, mode))
HOOK_KPROBE(agent_ptrace, security_ptrace_access_check, PTRACE_CHECK, (child, mode))

/* A limit of processor time ends a process, too. */
static __always_inline void on_setrlimit(enum cw_rung rung, struct task_struct *p,
					 unsigned int resource)
{
	if (of_agent(FIELD(rung, p, tgid)))
		process_tampered(CW_TAMPER_LIMIT, resource, 0, rung);
}

#define SETRLIMIT (struct task_struct *p, unsigned int resource, void *limit)
HOOK_LSM(setrlimit, task_setrlimit, SETRLIMIT, (p, resource))
HOOK_FENTRY(setrlimit, security_task_setrlimit, SETRLIMIT, (p, resource))
HOOK_KPROBE(setrlimit, security_task_setrlimit, SETRLIMIT, (p, resource))

/*
 * A control group is frozen, and the agent is in it or below. Version 2; the freezer of version 1
 * is seen by its file only.
 */
SEC("raw_tp/cgroup_freeze")
int tp__cgroup_freeze(struct bpf_raw_tracepoint_args *ctx)
{
	struct cgroup *frozen = (void *)ctx->args[0];
	struct task_struct *agent = (void *)agent_task;
	struct kernfs_node *kn = BPF_CORE_READ(agent, group_leader, cgroups, dfl_cgrp, kn);
	__u64 id = BPF_CORE_READ(frozen, kn, id);

	for (int i = 0; i < 16 && kn; i++) {
		if (BPF_CORE_READ(kn, id) == id) {
			process_tampered(CW_TAMPER_FREEZE, id, 0, CW_RUNG_TRACEPOINT);
			break;
		}
		kn = kernfs_parent(kn);
	}
	return 0;
}

/* ---- BPF ---- */

static __always_inline bool is_ours(__u32 kind, __u32 id)
{
	struct cw_object_key key = { .kind = kind, .id = id };

	return bpf_map_lookup_elem(&ours, &key) != NULL;
}

static __noinline int object_taken(__u32 what, __u32 id, __s32 result, __u32 rung)
{
	struct tamper t = { .what = what, .result = result, .rung = rung };

	if (is_agent() || is_init() || !is_ours(what, id) || !tamper_is_news(what, ONCE))
		return 0;
	t.arg[0] = id;
	return emit_tamper(&t);
}

/* Somebody gets a descriptor of a map or of a program: there is no other way to either. */
static __always_inline void on_bpf_map(enum cw_rung rung, struct bpf_map *map)
{
	object_taken(CW_TAMPER_MAP, BPF_CORE_READ(map, id), 0, rung);
}

#define BPF_MAP_HOOK (struct bpf_map *map, unsigned int fmode)
HOOK_LSM(bpf_map, bpf_map, BPF_MAP_HOOK, (map))
HOOK_FENTRY(bpf_map, security_bpf_map, BPF_MAP_HOOK, (map))
HOOK_KPROBE(bpf_map, security_bpf_map, BPF_MAP_HOOK, (map))

static __always_inline void on_bpf_prog(enum cw_rung rung, struct bpf_prog *prog)
{
	object_taken(CW_TAMPER_PROGRAM, BPF_CORE_READ(prog, aux, id), 0, rung);
}

#define BPF_PROG_HOOK (struct bpf_prog *prog)
HOOK_LSM(bpf_prog, bpf_prog, BPF_PROG_HOOK, (prog))
HOOK_FENTRY(bpf_prog, security_bpf_prog, BPF_PROG_HOOK, (prog))
HOOK_KPROBE(bpf_prog, security_bpf_prog, BPF_PROG_HOOK, (prog))

/*
 * Programs that could look at, or get in the way of, what the agent does. What systemd loads for
 * control groups, and what filters packets, is everyday.
 */
static __always_inline bool prog_type_matters(__u32 type)
{
	switch (type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_STRUCT_OPS:
	case BPF_PROG_TYPE_EXT:
	case BPF_PROG_TYPE_LSM:
		return true;
	}
	return false;
}

/* The start of the kernel's union bpf_attr, for the commands that matter. */
struct bpf_attr_head {
	__u32 first; /* program: its type; else: an id */
	char pad[44];
	char prog_name[16];
};

_Static_assert(__builtin_offsetof(struct bpf_attr_head, prog_name) == 48, "prog_name");

static __noinline int program_loaded(__u64 attr, __u32 type, __u32 rung)
{
	struct tamper t = { .what = CW_TAMPER_LOAD, .rung = rung };

	if (is_agent() || is_init() || !prog_type_matters(type) ||
	    !tamper_is_news(CW_TAMPER_LOAD, ONCE))
		return 0;
	t.arg[0] = type;
	if (attr)
		t.name = attr + __builtin_offsetof(struct bpf_attr_head, prog_name);
	return emit_tamper(&t);
}

/* bpf(2), before it does anything. Links have no hook of their own. */
static __always_inline void on_bpf(enum cw_rung rung, int cmd, void *attr)
{
	__u32 first = 0;

	if (cmd != BPF_PROG_LOAD_ && cmd != BPF_LINK_GET_FD_BY_ID_)
		return;
	bpf_probe_read_kernel(&first, sizeof(first), attr);
	if (cmd == BPF_PROG_LOAD_)
		program_loaded(address_of(attr), first, rung);
	else
		object_taken(CW_TAMPER_LINK, first, 0, rung);
}

#define BPF_HOOK (int cmd, void *attr, unsigned int size)
HOOK_LSM(bpf, bpf, BPF_HOOK, (cmd, attr))
HOOK_FENTRY(bpf, security_bpf, BPF_HOOK, (cmd, attr))
HOOK_KPROBE(bpf, security_bpf, BPF_HOOK, (cmd, attr))

/* ---- the kernel ---- */

/* A module is in memory and is about to run. Since 2.6; none where the kernel has no modules. */
SEC("raw_tp/module_load")
int tp__module_load(struct bpf_raw_tracepoint_args *ctx)
{
	struct module *m = (void *)ctx->args[0];
	struct tamper t = { .what = CW_TAMPER_MODULE, .rung = CW_RUNG_TRACEPOINT };

	t.name = (__u64)&m->name;
	if (!is_agent())
		emit_tamper(&t);
	return 0;
}

/*
 * All memory is about to be opened: that of the agent, of who holds a camera, of the kernel. By
 * whichever node or mount. The permissions of the file have let him; lockdown or a lacking
 * capability may refuse him yet.
 */
static __noinline int memory_opened(enum cw_memory which, __u32 rung)
{
	struct tamper t = { .what = CW_TAMPER_MEMORY, .rung = rung };

	if (is_agent() || !tamper_is_news(CW_TAMPER_MEMORY | which << 8, ONCE))
		return 0;
	t.arg[0] = which;
	return emit_tamper(&t);
}

static __always_inline void on_open_mem(enum cw_rung rung, struct inode *inode)
{
	__u32 minor = FIELD(rung, inode, i_rdev) & 0xff;

	if (minor == 1 || minor == 2)
		memory_opened(minor == 1 ? CW_MEMORY_MEM : CW_MEMORY_KMEM, rung);
}

/* Misses /dev/port, which is no memory. Since 2.4. */
HOOK_FENTRY(open_mem, open_port, (struct inode *inode), (inode))
HOOK_KPROBE(open_mem, open_port, (struct inode *inode), (inode))

static __always_inline void on_open_kcore(enum cw_rung rung, struct inode *inode)
{
	memory_opened(CW_MEMORY_KCORE, rung);
}

/* Since 2.4. */
HOOK_FENTRY(open_kcore, open_kcore, (struct inode *inode), (inode))
HOOK_KPROBE(open_kcore, open_kcore, (struct inode *inode), (inode))

/*
 * What makes hooks fail without touching them: fentry, fexit and the LSM rung's trampolines hang on
 * ftrace, which a sysctl switches off on some kernels; kprobes have a switch of their own. Before
 * it takes effect.
 */
static __noinline int tracing_switched(const char *name, __u32 rung)
{
	struct tamper t = { .what = CW_TAMPER_TRACING, .rung = rung };

	if (is_agent())
		return 0;
	t.name = (__u64)name;
	return emit_tamper(&t) ? wait_told(tampers_made) : 0;
}

const char ftrace_switch[] = "ftrace_enabled";
const char kprobe_switch[] = "kprobes";

static __always_inline void on_ftrace_switch(enum cw_rung rung, struct ctl_table *table,
					     int write)
{
	char name[sizeof(ftrace_switch)] = {};

	if (!write)
		return;
	bpf_probe_read_kernel_str(name, sizeof(name), FIELD(rung, table, procname));
	for (__u32 i = 0; i < sizeof(name); i++)
		if (name[i] != ftrace_switch[i])
			return;
	tracing_switched(ftrace_switch, rung);
}

/* What ftrace's own function, which cannot be traced, calls for its value. Since 2.6. */
HOOK_FENTRY(ftrace_switch, proc_dointvec, (struct ctl_table *table, int write), (table, write))
HOOK_KPROBE(ftrace_switch, proc_dointvec, (struct ctl_table *table, int write), (table, write))

static __always_inline void on_kprobe_switch(enum cw_rung rung, struct file *file)
{
	tracing_switched(kprobe_switch, rung);
}

/* Since 2.6.31. */
HOOK_FENTRY(kprobe_switch, write_enabled_file_bool, (struct file *file), (file))
HOOK_KPROBE(kprobe_switch, write_enabled_file_bool, (struct file *file), (file))

/*
 * A person who becomes another, or nobody, to all that asks who logged in. A login gives its first
 * uid to a process that has none.
 */
static __always_inline void on_loginuid(enum cw_rung rung, struct file *file)
{
	struct tamper t = { .what = CW_TAMPER_LOGIN, .rung = rung };
	__u32 uid = task_login_uid((void *)bpf_get_current_task());

	if (uid == ~0u)
		return;
	t.arg[0] = uid;
	emit_tamper(&t);
}

/* Since 2.6.14 (CONFIG_AUDIT). */
HOOK_FENTRY(loginuid, proc_loginuid_write, (struct file *file), (file))
HOOK_KPROBE(loginuid, proc_loginuid_write, (struct file *file), (file))

/* Nothing is written to that file system from then on, evidence included. */
static __always_inline void on_freeze_super(enum cw_rung rung, struct super_block *sb)
{
	struct tamper t = { .what = CW_TAMPER_FROZEN, .rung = rung };

	t.name = (__u64)&sb->s_id;
	if (emit_tamper(&t))
		wait_told(tampers_made);
}

/* Since 3.0, by whatever way: an ioctl, a snapshot of a disk, sleep. */
HOOK_FENTRY(freeze_super, freeze_super, (struct super_block *sb), (sb))
HOOK_KPROBE(freeze_super, freeze_super, (struct super_block *sb), (sb))

static __noinline int clock_set(__u64 to_ns, __s32 result, __u32 rung)
{
	struct tamper t = { .what = CW_TAMPER_CLOCK, .result = result, .rung = rung };

	t.arg[0] = to_ns;
	return is_agent() ? 0 : emit_tamper(&t);
}

/* The wall clock is about to be set. Misses adjtimex; that it jumped, the agent sees itself. */
static __always_inline void on_settime(enum cw_rung rung, const struct timespec64 *ts)
{
	if (ts)
		clock_set(BPF_CORE_READ(ts, tv_sec) * 1000000000ull + BPF_CORE_READ(ts, tv_nsec), 0,
			  rung);
}

#define SETTIME (const struct timespec64 *ts, const void *tz)
HOOK_LSM(settime, settime, SETTIME, (ts))
HOOK_FENTRY(settime, security_settime64, SETTIME, (ts))
HOOK_KPROBE(settime, security_settime64, SETTIME, (ts))

/* ---- tracepoint rung: the end of system calls ---- */

/* Global and small: see fd_left() about stacks. */
__noinline int self_call(__u32 op, __u64 arg0, __u64 arg1, __s64 ret)
{
	__u32 first = 0;

	switch (op) {
	case CW_SYSCALL_BPF:
		if (ret < 0 || bpf_probe_read_user(&first, sizeof(first), (void *)arg1))
			break;
		if (arg0 == BPF_PROG_LOAD_)
			program_loaded(0, first, CW_RUNG_TRACEPOINT);
		else if (arg0 == BPF_MAP_GET_FD_BY_ID_)
			object_taken(CW_TAMPER_MAP, first, 0, CW_RUNG_TRACEPOINT);
		else if (arg0 == BPF_PROG_GET_FD_BY_ID_)
			object_taken(CW_TAMPER_PROGRAM, first, 0, CW_RUNG_TRACEPOINT);
		else if (arg0 == BPF_LINK_GET_FD_BY_ID_)
			object_taken(CW_TAMPER_LINK, first, 0, CW_RUNG_TRACEPOINT);
		break;
	case CW_SYSCALL_CLOCK:
		if (!ret)
			clock_set(0, 0, CW_RUNG_TRACEPOINT);
		break;
	}
	return 0;
}

#endif
