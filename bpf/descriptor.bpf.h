/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Tracepoint rung: which process holds which watched object by which descriptor. The LSM rung sees
 * open files themselves and needs none of this. An object is always read from the kernel's
 * descriptor table; numbers that a process passes only say where to look.
 */
#ifndef CW_DESCRIPTOR_BPF_H
#define CW_DESCRIPTOR_BPF_H

#include "open.bpf.h"

#define CW_FD_SCAN 256 /* higher descriptors are not followed over fork, exec and exit */

static __always_inline __u32 *holder_slot(__u32 tgid)
{
	return &holders[tgid & (CW_HOLDERS_SIZE - 1)];
}

static __always_inline void object_of_fd(struct object *o, const struct cw_fd *d)
{
	__builtin_memset(o, 0, sizeof(*o));
	o->ino = d->ino;
	o->dev = d->dev;
	o->gen = d->gen;
	o->rdev = d->rdev;
	o->mode = d->mode;
	o->asset = d->asset;
}

/* One more descriptor of an open file. */
static __always_inline void fd_add(__u32 tgid, __u32 fd, struct cw_fd *d)
{
	struct cw_fd_key key = { .tgid = tgid, .fd = fd };
	struct cw_open *open;

	if (bpf_map_update_elem(&fds, &key, d, BPF_ANY)) {
		count_loss(CW_LOSS_OPENS);
		return;
	}
	__sync_fetch_and_add(holder_slot(tgid), 1);
	open = bpf_map_lookup_elem(&opens, &d->file);
	if (open && open->open_id == d->open_id)
		__sync_fetch_and_add(&open->refs, 1);
}

/*
 * Looks after descriptor `fd` of the current process: if it is not what it was (or `gone`), it is
 * forgotten, and with the last one of an open file the close is told. Global, so that the verifier
 * reads it once and not at every turn of the loops that call it.
 */
__noinline int fd_check(__u32 tgid, __u32 fd, __u32 gone)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cw_fd_key key = { .tgid = tgid, .fd = fd };
	struct cw_fd *d = bpf_map_lookup_elem(&fds, &key);
	struct access a = { .op = CW_OP_CLOSE, .fd = fd, .rung = CW_RUNG_TRACEPOINT };
	struct cw_open *open;
	struct object o;
	__u64 file;

	if (!d || (!gone && (__u64)task_file(task, fd) == d->file))
		return 0;
	file = d->file;
	object_of_fd(&o, d);
	open = bpf_map_lookup_elem(&opens, &file);
	if (open && open->open_id != d->open_id)
		open = NULL;
	if (bpf_map_delete_elem(&fds, &key))
		return 0;
	__sync_fetch_and_add(holder_slot(tgid), -1);
	if (!open)
		return 0;
	__sync_fetch_and_add(&open->refs, -1);
	if (open->refs)
		return 0;
	if (open->streamer_tgid)
		stream_end(open->streamer_tgid, &o, CW_RUNG_TRACEPOINT);
	a.access = open->access;
	a.file = file;
	emit_access(&o, &a);
	open_forget(file);
	return 0;
}

__noinline int fd_inherit(__u32 from, __u32 to, __u32 fd)
{
	struct cw_fd_key key = { .tgid = from, .fd = fd };
	struct cw_fd *found = bpf_map_lookup_elem(&fds, &key), d;

	if (!found)
		return 0;
	d = *found;
	d.flags = CW_FD_INHERITED;
	d.since_ns = bpf_ktime_get_boot_ns();
	fd_add(to, fd, &d);
	return 0;
}

/* All descriptors of the current process: those that are not what they were go. */
static __noinline void fds_sweep(__u32 tgid, __u32 gone)
{
	if (!*holder_slot(tgid))
		return;
	for (__u32 fd = 0; fd < CW_FD_SCAN; fd++)
		fd_check(tgid, fd, gone);
}

/*
 * Programs of their own, beside those of lifecycle.bpf.h on the same tracepoints: the stack that
 * they need is only there once.
 */
SEC("raw_tp/sched_process_fork")
int fork__descriptors(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *parent = (void *)ctx->args[0], *child = (void *)ctx->args[1];
	__u32 from = BPF_CORE_READ(parent, tgid), to = BPF_CORE_READ(child, tgid);

	if (from == to || !*holder_slot(from))
		return 0;
	for (__u32 fd = 0; fd < CW_FD_SCAN; fd++)
		fd_inherit(from, to, fd);
	return 0;
}

/* Descriptors that were closed because of close-on-exec are gone by now. */
SEC("raw_tp/sched_process_exec")
int exec__descriptors(struct bpf_raw_tracepoint_args *ctx)
{
	fds_sweep(bpf_get_current_pid_tgid() >> 32, 0);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int exit__descriptors(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];

	if (!BPF_CORE_READ(task, signal, live.counter))
		fds_sweep(BPF_CORE_READ(task, tgid), 1);
	return 0;
}

/*
 * A watched object under descriptor `fd` of the current process: opened, received or found. The
 * open file may be known already, under another descriptor or by another process.
 */
__noinline int fd_new(__u32 fd, __u32 op, __u32 access)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct access a = { .op = op, .fd = fd, .rung = CW_RUNG_TRACEPOINT };
	struct file *file = task_file(task, fd);
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct cw_open *open;
	struct cw_fd d = {};
	struct object o;

	if (!file || BPF_CORE_READ(file, f_mode) & FMODE_PATH)
		return 0;
	object_fill(&o, BPF_CORE_READ(file, f_inode), BPF_CORE_READ(file, f_path.dentry),
		    BPF_CORE_READ(file, f_path.mnt));
	if (agent_open(&o) || !object_watched(&o))
		return 0;
	d.file = address_of(file);
	/* An open can only be new: what stands at this address is of a file that went unseen. */
	if (op == CW_OP_OPEN)
		open_forget(d.file);
	open = bpf_map_lookup_elem(&opens, &d.file);
	if (!open)
		open = open_new(&o, file, task, false);
	/* `access` is what the call asked for and the file itself does not tell. */
	a.access = access_of(file) | access;
	if (a.access & CW_ABI_CREATE)
		a.access &= ~CW_ABI_TRUNCATE;
	a.file = d.file;
	if (open) {
		d.open_id = open->open_id;
		d.since_ns = bpf_ktime_get_boot_ns();
		d.ino = o.ino;
		d.dev = o.dev;
		d.gen = o.gen;
		d.rdev = o.rdev;
		d.mode = o.mode;
		d.asset = o.asset;
		fd_check(tgid, fd, 1);
		fd_add(tgid, fd, &d);
	}
	return emit_access(&o, &a);
}

#endif
