/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Connections that end on the machine that made them: a jump host, a tunnel of ssh, a proxy. Who
 * accepts one gets, in place of an address that says nothing, the connection of the process that
 * made it. Works by the two ends of a connection, which the kernel keeps, on every rung.
 */
#ifndef CW_HOP_BPF_H
#define CW_HOP_BPF_H

#include "task.bpf.h"

static __always_inline void address_v4(__u8 out[16], const __u32 *from)
{
	out[10] = out[11] = 0xff;
	bpf_core_read(out + 12, 4, from);
}

/* The ends of a connection as its own side sees them, or as the other side does. */
static __always_inline void ends_fill(struct cw_ends *e, struct sock *sk, bool other)
{
	__u8 *here = other ? e->remote : e->local, *there = other ? e->local : e->remote;
	__u16 port = BPF_CORE_READ(sk, __sk_common.skc_dport);
	__u16 num = BPF_CORE_READ(sk, __sk_common.skc_num);

	port = port << 8 | port >> 8;
	if (bpf_core_field_exists(sk->__sk_common.skc_net))
		e->net = (__u64)BPF_CORE_READ(sk, __sk_common.skc_net.net);
	e->local_port = other ? port : num;
	e->remote_port = other ? num : port;
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET) {
		address_v4(here, &sk->__sk_common.skc_rcv_saddr);
		address_v4(there, &sk->__sk_common.skc_daddr);
	} else {
		bpf_core_read(here, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(there, 16, &sk->__sk_common.skc_v6_daddr);
	}
}

/* Replaces the peer of an accepted connection by the one behind it, if it was made here. */
static __noinline int hop_follow(struct cw_conn *c, struct sock *sk)
{
	struct cw_dialler *d;
	struct cw_ends e = {};

	if (c->hop_tgid)
		return 0; /* known from the start of the agent */
	ends_fill(&e, sk, true);
	d = bpf_map_lookup_elem(&dialled, &e);
	if (!d)
		return 0;
	if (d->conn.family)
		*c = d->conn;
	else
		c->hop_local = 1;
	if (!c->hop_tgid) { /* of several hops the first */
		c->hop_tgid = d->tgid;
		c->hop = d->exe;
		c->hop_login_uid = d->login_uid;
	}
	return 0;
}

/*
 * For whom a process may be making a connection, best first: the peer that it was spawned for, the
 * one that its thread serves, the one at the other end of its own connection to elsewhere that just
 * sent something (a tunnel that was opened from here). False: for itself.
 */
static __always_inline bool hop_behind(struct cw_conn *c, struct cw_task *t)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), tgid = t->tgid;
	struct cw_accepted *a;

	if (t->conn.family) {
		*c = t->conn;
		return true;
	}
	a = bpf_map_lookup_elem(&accepted, &tid);
	if (!a || !conn_served(a)) {
		a = bpf_map_lookup_elem(&outward, &tgid);
		if (!a || a->time_ns < t->start_ns || !conn_served(a))
			return false;
	}
	*c = a->conn;
	if (!c->outbound)
		hop_follow(c, (struct sock *)a->sk);
	return true;
}

/* In the context of the thread that calls connect(2); the socket has no port yet. */
static __noinline int hop_dialling(struct sock *sk)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cw_task *t = task_get(task);
	struct cw_dialler d = {};
	__u64 key = (__u64)sk;

	if (!t)
		return 0;
	d.tgid = t->tgid;
	d.exe = t->exe;
	d.login_uid = task_login_uid(task);
	hop_behind(&d.conn, t);
	if (bpf_map_update_elem(&dialling, &key, &d, BPF_ANY))
		count_loss(CW_LOSS_CONNECTIONS);
	return 0;
}

static __noinline int hop_outward(struct sock *sk, struct cw_dialler *d)
{
	struct cw_accepted a = {};

	a.sk = (__u64)sk;
	a.time_ns = bpf_ktime_get_boot_ns();
	a.ports = sock_ports(sk);
	conn_fill(&a.conn, sk);
	if (conn_loopback(&a.conn))
		return 0;
	a.conn.outbound = 1;
	a.conn.via_tgid = d->tgid;
	a.conn.via = d->exe;
	if (bpf_map_update_elem(&outward, &d->tgid, &a, BPF_ANY))
		count_loss(CW_LOSS_CONNECTIONS);
	return 0;
}

/* The other side has answered; this may run in any context. Before it can be accepted. */
static __noinline int hop_dialled(struct sock *sk)
{
	struct cw_dialler *d;
	struct cw_ends e = {};
	__u64 key = (__u64)sk;

	d = bpf_map_lookup_elem(&dialling, &key);
	if (!d)
		return 0;
	ends_fill(&e, sk, false);
	if (bpf_map_update_elem(&dialled, &e, d, BPF_ANY))
		count_loss(CW_LOSS_CONNECTIONS);
	hop_outward(sk, d);
	bpf_map_delete_elem(&dialling, &key);
	return 0;
}

/*
 * Every TCP connection that is made here passes these two states, with connect(2), io_uring or fast
 * open. Since 4.16. Misses: UNIX sockets and pipes between a proxy and what it starts.
 */
SEC("raw_tp/inet_sock_set_state")
int state__sock(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (void *)ctx->args[0];
	int from = ctx->args[1], to = ctx->args[2];

	if (to == TCP_SYN_SENT)
		hop_dialling(sk);
	else if (from == TCP_SYN_SENT && to == TCP_ESTABLISHED)
		hop_dialled(sk);
	return 0;
}

#endif
