/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What was there before the agent: every process, every watched open file, every TCP socket. Run
 * once at start, after the other programs are attached.
 */
#ifndef CW_SEED_BPF_H
#define CW_SEED_BPF_H

#include "descriptor.bpf.h"

SEC("iter/task")
int iter__task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task && BPF_CORE_READ(task, pid) == BPF_CORE_READ(task, tgid))
		task_get(task);
	return 0;
}

static __noinline int found_open(struct task_struct *task, struct file *file, __u32 fd, __u32 rung)
{
	struct access a = { .op = CW_OP_OPEN, .fd = fd, .rung = rung };
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct cw_open *open;
	struct cw_fd d = {};
	struct object o;

	if (tgid == self_tgid || BPF_CORE_READ(file, f_mode) & FMODE_PATH)
		return 0;
	if (!object_of_file(&o, file) || self_only_read(o.asset, access_of(file)))
		return 0;
	d.file = address_of(file);
	open = bpf_map_lookup_elem(&opens, &d.file);
	if (!open)
		open = open_new(&o, file, task, false);
	if (!open)
		return 0;
	a.access = access_of(file);
	a.file = d.file;
	/* Held by a process that did not open it: it came by inheritance or was handed over. */
	if (open->opener_tgid != tgid)
		a.op = CW_OP_RECEIVE;
	if (track_fds) {
		fd_fill(&d, &o, open);
		fd_add(tgid, fd, &d);
	}
	announce(address_of(task), ring_of(o.mode));
	touch_note(task, &o, a.access, a.file);
	return emit_access_of(&o, &a, task);
}

static __always_inline bool is_socket(struct file *file)
{
	return (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFSOCK;
}

/* The last socket: only the agent runs these programs, and one at a time. */
struct cw_found found = {};

/* 1: a TCP socket that matters, which is in `found` then. */
static __noinline int found_socket(struct task_struct *task, struct file *file, __u32 fd)
{
	struct cw_found *f = &found;
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (family != AF_INET && family != AF_INET6)
		return 0;
	if (state != TCP_LISTEN && state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT)
		return 0;
	__builtin_memset(f, 0, sizeof(*f));
	f->type = state == TCP_LISTEN ? CW_FOUND_LISTENER : CW_FOUND_CONNECTION;
	f->tgid = BPF_CORE_READ(task, tgid);
	f->start_ns = task_start(task);
	f->fd = fd;
	f->netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	f->sk = (__u64)sk;
	f->ports = sock_ports(sk);
	f->login_uid = task_login_uid(task);
	conn_fill(&f->conn, sk);
	return 1;
}

SEC("iter/task_file")
int iter__task_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (!task || !file || BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid))
		return 0;
	if (!is_socket(file))
		found_open(task, file, ctx->fd, CW_RUNG_ITERATOR);
	else if (found_socket(task, file, ctx->fd))
		bpf_seq_write(ctx->meta->seq, &found, sizeof(found));
	return 0;
}

/*
 * The same where there are no iterators. The agent runs these by itself (BPF_PROG_TEST_RUN, since
 * 5.10), for each process and each descriptor that it sees in /proc: with the descriptor by which
 * it has the folder of the process open, which leads to that process and never to another that was
 * given its number, and the number of the other's descriptor, which only says where to look. Misses
 * what comes and goes, or is handed over, while it reads /proc.
 */
static __always_inline struct task_struct *task_of_folder(__u32 fd)
{
	struct file *folder = task_file((void *)bpf_get_current_task(), fd);

	return folder ? task_of_proc(BPF_CORE_READ(folder, f_inode)) : NULL;
}

SEC("raw_tp")
int proc__task(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = task_of_folder(ctx->args[0]);

	if (task)
		task_get(task);
	return 0;
}

/* 1: `found` is news. */
SEC("raw_tp")
int proc__task_file(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = task_of_folder(ctx->args[0]);
	__u32 fd = ctx->args[1];
	struct file *file;

	if (!task)
		return 0;
	file = task_file(task, fd);
	if (!file)
		return 0;
	if (is_socket(file))
		return found_socket(task, file, fd);
	found_open(task, file, fd, CW_RUNG_PROC);
	return 0;
}

/* One of `wanted`. 1: there are no more. Read once by the verifier, not at each turn. */
__noinline int mark_wanted(__u32 toucher, __u32 i)
{
	struct cw_wanted *w = &wanted[toucher & (CW_TOUCHERS - 1)];
	struct cw_wanted_inode *inode = &w->inode[i & (CW_WANTED_MAX - 1)];

	if (i >= w->n)
		return 1;
	inode_set(inode->ino, w->dev, inode->gen, w->asset);
	return 0;
}

/* Marks what a thread of the agent wants marked: many at once, for each alone would cost a call. */
SEC("raw_tp")
int mark__wanted(struct bpf_raw_tracepoint_args *ctx)
{
	for (__u32 i = 0; i < CW_WANTED_MAX; i++)
		if (mark_wanted(ctx->args[0], i))
			break;
	return 0;
}

#endif
