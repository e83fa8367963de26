/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who: the entry of a process in `tasks`, its executable, its connection. Entries are made at fork,
 * renewed at exec and removed at the end; one that is missing is rebuilt from the kernel's own
 * structures and says so (CW_TASK_SEEDED).
 */
#ifndef CW_TASK_BPF_H
#define CW_TASK_BPF_H

#include "path.bpf.h"

#define CW_RECENT_SEC 5 /* a peer that sent something no longer ago is being served */

const volatile struct cw_task zero_task = {};
const volatile struct cw_exe zero_exe = {};
const volatile struct cw_accepted zero_accepted = {};

static __always_inline __u64 task_start(struct task_struct *t)
{
	return BPF_CORE_READ(t, group_leader, start_boottime);
}

static __always_inline __u32 task_login_uid(struct task_struct *t)
{
	return bpf_core_field_exists(t->loginuid) ? BPF_CORE_READ(t, loginuid.val) : ~0u;
}

static __always_inline struct file *task_file(struct task_struct *t, __u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(t, files, fdt);
	struct file **slots = BPF_CORE_READ(fdt, fd);
	struct file *file = NULL;

	if (!slots || fd >= BPF_CORE_READ(fdt, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), slots + fd);
	return file;
}

/* The connected TCP socket behind a file, or NULL. */
static __always_inline struct sock *file_tcp(struct file *file)
{
	struct socket *socket;
	struct sock *sk;
	__u8 state;
	__u16 family;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	if (!sk)
		return NULL;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (family != AF_INET && family != AF_INET6)
		return NULL;
	if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT)
		return NULL;
	return sk;
}

static __always_inline void conn_fill(struct cw_conn *c, struct sock *sk)
{
	__u16 port = BPF_CORE_READ(sk, __sk_common.skc_dport);

	c->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	c->peer_port = (__u16)(port << 8 | port >> 8);
	c->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	if (c->family == AF_INET)
		bpf_core_read(c->peer, 4, &sk->__sk_common.skc_daddr);
	else
		bpf_core_read(c->peer, 16, &sk->__sk_common.skc_v6_daddr);
}

static __always_inline bool conn_loopback(const struct cw_conn *c)
{
	const __u32 *w = (const __u32 *)c->peer;

	if (c->family == AF_INET)
		return c->peer[0] == 127;
	if (w[0] || w[1])
		return false;
	if (w[2] == 0)
		return c->peer[15] == 1 && !c->peer[12] && !c->peer[13] && !c->peer[14];
	return c->peer[10] == 0xff && c->peer[11] == 0xff && c->peer[12] == 127;
}

/* Keeps the outer connection where the newer one only hops over loopback. */
static __always_inline void task_set_conn(struct cw_task *t, const struct cw_conn *c)
{
	if (t->conn.family && !t->conn.hop_local && conn_loopback(c) && !conn_loopback(&t->conn))
		return;
	t->conn = *c;
}

static __always_inline __u32 sock_ports(struct sock *sk)
{
	return (__u32)BPF_CORE_READ(sk, __sk_common.skc_dport) << 16 |
	       BPF_CORE_READ(sk, __sk_common.skc_num);
}

/* Is `sk`, which may be freed by now, still that connection? Its memory may be read anyway. */
static __always_inline bool conn_alive(const struct cw_accepted *a, struct sock *sk)
{
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);

	return (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT) && sock_ports(sk) == a->ports;
}

/*
 * Is a thread that accepted a connection serving it now? Yes just after the accept, and just after
 * the peer sent something; not while the peer merely stays connected.
 */
static __always_inline bool conn_served(const struct cw_accepted *a)
{
	struct sock *sk = (void *)a->sk;
	__u32 last;

	if (!conn_alive(a, sk))
		return false;
	if (bpf_ktime_get_boot_ns() - a->time_ns < CW_RECENT_SEC * 1000000000ull)
		return true;
	last = BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ack.lrcvtime);
	return (__u32)bpf_jiffies64() - last < CW_RECENT_SEC * hz;
}

/*
 * The TCP connection that a process has as its standard input, output or error: a shell that hangs
 * on a socket. Returns the socket, 0: none.
 */
static __noinline __u64 conn_of_stdio(struct task_struct *task, struct cw_conn *c)
{
	struct cw_accepted *a;
	struct sock *sk;
	__u64 key;

	for (__u32 fd = 0; fd < 3; fd++) {
		sk = file_tcp(task_file(task, fd));
		if (!sk)
			continue;
		key = (__u64)sk;
		a = bpf_map_lookup_elem(&inbound, &key);
		if (a && conn_alive(a, sk)) {
			*c = a->conn;
			return key;
		}
		conn_fill(c, sk);
		c->outbound = 1;
		return key;
	}
	return 0;
}

static __always_inline void exe_of_file(struct cw_exe_key *key, __u32 *nlink, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct cw_exe *exe;

	key->ino = BPF_CORE_READ(inode, i_ino);
	key->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	key->gen = inode_generation(inode);
	*nlink = BPF_CORE_READ(inode, i_nlink);
	exe = bpf_map_lookup_elem(&executables, key);
	if (exe)
		return;
	/* Another CPU may have been faster: its entry is as good. */
	bpf_map_update_elem(&executables, key, (const void *)&zero_exe, BPF_NOEXIST);
	exe = bpf_map_lookup_elem(&executables, key);
	if (!exe) {
		count_loss(CW_LOSS_EXECUTABLES);
		return;
	}
	struct path_result r = {};

	path_of_exe(exe->path, file, &r);
	exe->path_flags = r.flags;
	exe->path_len = r.len;
}

static __always_inline void task_tty(struct cw_task *t, struct task_struct *task)
{
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);

	if (tty)
		bpf_core_read_str(t->tty, sizeof(t->tty), &tty->name);
}

static __always_inline void task_exe(struct cw_task *t, struct task_struct *task)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	__u32 nlink = 0;

	if (!file)
		return;
	exe_of_file(&t->exe, &nlink, file);
	t->flags &= ~CW_TASK_EXE_DELETED;
	if (!nlink)
		t->flags |= CW_TASK_EXE_DELETED;
}

/* Ancestors of a process that no fork told of: those that the kernel still knows. */
static __always_inline void task_ancestors(struct cw_task *t, struct task_struct *task)
{
	struct task_struct *p = BPF_CORE_READ(task, group_leader);
	__u32 n = 0;

	for (int i = 0; i < CW_LINEAGE_MAX; i++) {
		struct cw_lineage *l = &t->lineage[i];
		struct file *exe;

		p = BPF_CORE_READ(p, real_parent, group_leader);
		if (!p || !BPF_CORE_READ(p, tgid))
			break;
		l->tgid = BPF_CORE_READ(p, tgid);
		l->start_ns = BPF_CORE_READ(p, start_boottime);
		exe = BPF_CORE_READ(p, mm, exe_file);
		if (exe) {
			struct inode *inode = BPF_CORE_READ(exe, f_inode);

			l->exe.ino = BPF_CORE_READ(inode, i_ino);
			l->exe.dev = BPF_CORE_READ(inode, i_sb, s_dev);
			l->exe.gen = inode_generation(inode);
		}
		n++;
	}
	t->n_lineage = n;
}

/* Rebuilds an entry from the kernel's structures. NULL: the map is full, which is counted. */
static __noinline struct cw_task *task_rebuild(struct task_struct *task, __u32 tgid)
{
	struct cw_task *t;

	if (bpf_map_update_elem(&tasks, &tgid, (const void *)&zero_task, BPF_ANY)) {
		count_loss(CW_LOSS_TASKS);
		return NULL;
	}
	t = bpf_map_lookup_elem(&tasks, &tgid);
	if (!t)
		return NULL;
	t->tgid = tgid;
	t->start_ns = task_start(task);
	t->ppid = BPF_CORE_READ(task, group_leader, real_parent, tgid);
	t->flags = CW_TASK_SEEDED;
	task_exe(t, task);
	task_tty(t, task);
	task_ancestors(t, task);
	return t;
}

static __always_inline struct cw_task *task_lookup(struct task_struct *task)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct cw_task *t = bpf_map_lookup_elem(&tasks, &tgid);

	return t && t->start_ns == task_start(task) ? t : NULL;
}

static __always_inline struct cw_task *task_get(struct task_struct *task)
{
	struct cw_task *t = task_lookup(task);

	return t ? t : task_rebuild(task, BPF_CORE_READ(task, tgid));
}

#endif
