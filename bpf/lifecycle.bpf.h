/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Where processes come from: fork, exec, exit and accepted connections. The first three by raw
 * tracepoints on every rung: they exist since 4.17, on every architecture, and cost less than any
 * other hook there.
 */
#ifndef CW_LIFECYCLE_BPF_H
#define CW_LIFECYCLE_BPF_H

#include "hook.bpf.h"
#include "hop.bpf.h"
#include "peek.bpf.h"
#include "stream.bpf.h"

/* A thread works on what its creator accepted. */
static __always_inline void thread_new(struct task_struct *parent, struct task_struct *child)
{
	__u32 from = BPF_CORE_READ(parent, pid), to = BPF_CORE_READ(child, pid);
	struct cw_accepted *a = bpf_map_lookup_elem(&accepted, &from);

	if (a && conn_served(a))
		bpf_map_update_elem(&accepted, &to, a, BPF_ANY);
}

static __always_inline void lineage_push(struct cw_task *t, struct cw_task *parent)
{
	t->lineage[0].tgid = parent->tgid;
	t->lineage[0].start_ns = parent->start_ns;
	t->lineage[0].exe = parent->exe;
	for (int i = 1; i < CW_LINEAGE_MAX; i++)
		t->lineage[i] = parent->lineage[i - 1];
	t->n_lineage = parent->n_lineage < CW_LINEAGE_MAX ? parent->n_lineage + 1 : CW_LINEAGE_MAX;
}

/* A process was spawned for a connection, the farthest that is known. */
static __noinline int task_serves(struct cw_task *t, __u64 sk, const struct cw_conn *c)
{
	struct cw_conn conn;

	if (!t || !c)
		return 0;
	conn = *c;
	if (!conn.outbound)
		hop_follow(&conn, (struct sock *)sk);
	task_set_conn(t, &conn);
	return 0;
}

/* Misses nothing: every process and thread is made here. The caller is the parent. */
SEC("raw_tp/sched_process_fork")
int fork__process(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *parent = (void *)ctx->args[0], *child = (void *)ctx->args[1];
	__u32 tgid = BPF_CORE_READ(child, tgid), tid = BPF_CORE_READ(parent, pid);
	struct cw_task *p, *t;
	struct cw_accepted *a;
	struct cw_conn conn = {};
	__u64 sk;

	if ((__u32)BPF_CORE_READ(child, pid) != tgid) {
		thread_new(parent, child);
		return 0;
	}
	touch_inherit(parent, child);
	p = task_get(parent);
	if (!p)
		return 0;
	if (bpf_map_update_elem(&tasks, &tgid, p, BPF_ANY)) {
		count_loss(CW_LOSS_TASKS);
		return 0;
	}
	t = bpf_map_lookup_elem(&tasks, &tgid);
	if (!t)
		return 0;
	t->tgid = tgid;
	t->ppid = p->tgid;
	t->start_ns = task_start(child);
	t->flags = p->flags & CW_TASK_EXE_DELETED;
	lineage_push(t, p);
	task_tty(t, parent);
	a = bpf_map_lookup_elem(&accepted, &tid);
	if (a && conn_served(a))
		task_serves(t, a->sk, &a->conn);
	sk = conn_of_stdio(parent, &conn);
	if (sk)
		task_serves(t, sk, &conn);
	return 0;
}

/* After the point of no return: executable and arguments are the new ones. */
SEC("raw_tp/sched_process_exec")
int exec__process(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];
	struct cw_task *t = task_get(task);
	struct cw_conn conn = {};
	__u64 sk;

	touch_exec(task);
	if (!t)
		return 0;
	t->code.what = CW_FOREIGN_NONE;
	task_exe(t, task);
	task_tty(t, task);
	t->flags &= ~CW_TASK_KNOWNS;
	sk = conn_of_stdio(task, &conn);
	if (sk)
		task_serves(t, sk, &conn);
	return 0;
}

static __always_inline void emit_exit(struct cw_task *t, enum cw_ring ring)
{
	struct cw_record_exit *r;

	if (!(t->flags & (CW_TASK_KNOWN << ring)))
		return;
	r = reserve_record(ring, sizeof(*r), CW_RECORD_EXIT, CW_LOSS_PROCESSES);
	if (!r)
		return;
	r->start_ns = t->start_ns;
	r->tgid = t->tgid;
	r->pad = 0;
	submit_record(r);
}

/* Before its files are closed, on every kernel: the entry moves to `ended` for what comes after. */
SEC("raw_tp/sched_process_exit")
int exit__process(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];
	__u32 tid = BPF_CORE_READ(task, pid), tgid = BPF_CORE_READ(task, tgid);
	struct cw_task *t;

	bpf_map_delete_elem(&accepted, &tid);
	if (exporting_now)
		export_ends();
	if (BPF_CORE_READ(task, signal, live.counter))
		return 0;
	if (touched_maybe(tgid))
		toucher_ends(task, tgid);
	t = task_lookup(task);
	if (!t)
		return 0;
	emit_exit(t, CW_RING_DEVICES);
	emit_exit(t, CW_RING_FILES);
	if (bpf_map_update_elem(&ended, &tgid, t, BPF_ANY))
		count_loss(CW_LOSS_TASKS);
	bpf_map_delete_elem(&tasks, &tgid);
	return 0;
}

static __noinline int conn_accepted(struct cw_accepted *a, struct sock *sk)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cw_task *t;

	if (!a)
		return 0;
	a->sk = (__u64)sk;
	a->time_ns = bpf_ktime_get_boot_ns();
	a->ports = sock_ports(sk);
	conn_fill(&a->conn, sk);
	t = task_get(task);
	if (t) {
		a->conn.via_tgid = t->tgid;
		a->conn.via = t->exe;
	}
	return 0;
}

/* Filled in where it lies: the stack has no room for it. LRU maps: the oldest goes when full. */
static __always_inline void conn_accept(struct sock *sk)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u64 key = (__u64)sk;
	struct cw_accepted *a;

	if (bpf_map_update_elem(&accepted, &tid, (const void *)&zero_accepted, BPF_ANY)) {
		count_loss(CW_LOSS_CONNECTIONS);
		return;
	}
	a = bpf_map_lookup_elem(&accepted, &tid);
	if (!a)
		return;
	conn_accepted(a, sk);
	if (bpf_map_update_elem(&inbound, &key, a, BPF_ANY))
		count_loss(CW_LOSS_CONNECTIONS);
}

/*
 * Called when accept(2), or io_uring's accept, ties an established connection to a socket, in the
 * context of the thread that accepts. Misses connections that the kernel itself accepts.
 */
static __always_inline void on_sock_graft(enum cw_rung rung, struct sock *sk)
{
	unsigned short family = FIELD(rung, sk, __sk_common.skc_family);

	if ((family == AF_INET || family == AF_INET6) &&
	    FIELD(rung, sk, __sk_common.skc_state) != TCP_LISTEN &&
	    FIELD(rung, sk, __sk_common.skc_dport))
		conn_accept(sk);
}

HOOK_VOID(sock_graft, sock_graft, (struct sock *sk, struct socket *parent), (sk))

#endif
