/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The one way into the rings. Every record passes reserve_record(), which counts what it could not
 * place, by class.
 */
#ifndef CW_EMIT_BPF_H
#define CW_EMIT_BPF_H

#include "object.bpf.h"
#include "task.bpf.h"

/* The rest of a record of an access, beyond the object. */
struct access {
	__u32 op;
	__s32 result;
	__u32 access;
	__u32 fd;
	__u32 rung;
	__u32 opener_tgid;
	__u64 open_id;
	__u64 since_ns;
	__u64 frames;
	__u64 bytes;
	__u32 target_asset;
	__u64 target_ino;
};

static __always_inline bool is_agent(void)
{
	return bpf_get_current_pid_tgid() >> 32 == self_tgid;
}

static __always_inline enum cw_ring ring_of(__u32 mode)
{
	return (mode & S_IFMT) == S_IFCHR ? CW_RING_DEVICES : CW_RING_FILES;
}

static __always_inline void *reserve_record(enum cw_ring ring, __u32 size, __u32 type,
					    enum cw_loss class)
{
	struct cw_record *r;

	/* The verifier wants constant maps and sizes: one call for each ring. */
	if (ring == CW_RING_DEVICES)
		r = bpf_ringbuf_reserve(&ring_devices, size, 0);
	else
		r = bpf_ringbuf_reserve(&ring_files, size, 0);
	if (!r) {
		count_loss(class);
		return NULL;
	}
	r->size = size;
	r->type = type;
	r->rung = 0;
	r->pad = 0;
	r->time_ns = bpf_ktime_get_boot_ns();
	return r;
}

static __always_inline __u32 cgroup_write(char *buf, struct task_struct *task, __u64 *id)
{
	struct kernfs_node *kn = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
	__u32 off = 0;
	long n;

	*id = BPF_CORE_READ(kn, id);
	for (int i = 0; i < 12; i++) {
		struct kernfs_node *parent = kernfs_parent(kn);

		if (!parent || off > CW_CGROUP_SIZE - 128)
			break;
		n = bpf_probe_read_kernel_str(&buf[off], 128, BPF_CORE_READ(kn, name));
		if (n < 0)
			break;
		off += n;
		kn = parent;
	}
	return off;
}

static __always_inline void argv_write(struct cw_record_process *r, struct task_struct *task)
{
	unsigned long start = BPF_CORE_READ(task, mm, arg_start);
	unsigned long end = BPF_CORE_READ(task, mm, arg_end);
	unsigned long len = end - start;

	r->argv_total = start && end > start ? len : 0;
	r->argv_len = 0;
	if (!r->argv_total)
		return;
	if (len > CW_ARGV_SIZE)
		len = CW_ARGV_SIZE;
	if (len && !bpf_probe_read_user(r->argv, len, (void *)start))
		r->argv_len = len;
}

static __always_inline __u32 ns_pid(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	struct upid *upid;

	if (level > 32)
		return 0;
	upid = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
	       level * bpf_core_type_size(struct upid);
	return BPF_CORE_READ(upid, nr);
}

/* Sends what is known of a process, once per ring. A failure is tried again at its next access. */
static __noinline void emit_process(struct task_struct *task, struct cw_task *t, __u32 ring)
{
	struct cw_record_process *r;
	struct path_result path = {};
	struct file *exe;

	r = reserve_record(ring, sizeof(*r), CW_RECORD_PROCESS, CW_LOSS_PROCESSES);
	if (!r)
		return;
	task_tty(t, task);
	r->task = *t;
	r->ns_pid = ns_pid(task);
	r->cgroup_len = cgroup_write(r->cgroup, task, &r->cgroup_id);
	argv_write(r, task);
	exe = BPF_CORE_READ(task, mm, exe_file);
	if (exe)
		path_write(r->path, BPF_CORE_READ(exe, f_path.dentry),
			   BPF_CORE_READ(exe, f_path.mnt), CW_NO_ASSET, &path);
	r->path_len = path.len;
	r->path_flags = path.flags;
	bpf_ringbuf_submit(r, 0);
	t->flags |= CW_TASK_KNOWN << ring;
}

static __always_inline void actor_fill(struct cw_actor *a, struct task_struct *task)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);
	__u64 id = bpf_get_current_pid_tgid();

	a->start_ns = task_start(task);
	a->tgid = id >> 32;
	a->tid = (__u32)id;
	a->uid = BPF_CORE_READ(cred, uid.val);
	a->euid = BPF_CORE_READ(cred, euid.val);
	a->gid = BPF_CORE_READ(cred, gid.val);
	bpf_core_read(&a->cap_effective, sizeof(a->cap_effective), &cred->cap_effective);
	a->login_uid = ~0u;
	a->session = ~0u;
	if (bpf_core_field_exists(task->loginuid)) {
		a->login_uid = BPF_CORE_READ(task, loginuid.val);
		a->session = BPF_CORE_READ(task, sessionid);
	}
	a->task_flags = BPF_CORE_READ(task, flags);
	bpf_get_current_comm(a->comm, sizeof(a->comm));
}

/* Makes sure that the agent can name the current process. */
static __always_inline struct cw_task *announce(struct task_struct *task, enum cw_ring ring)
{
	struct cw_task *t = task_get(task);

	if (t && !(t->flags & (CW_TASK_KNOWN << ring)))
		emit_process(task, t, ring);
	return t;
}

/* One access to a watched object by the current process. */
static __noinline int emit_access(struct object *o, struct access *a)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	enum cw_ring ring = ring_of(o->mode);
	struct cw_record_access *r;
	struct path_result path = {};

	if (a->op < CW_OP_MAX)
		__sync_fetch_and_add(&calls[a->op], 1);
	announce(task, ring);
	r = reserve_record(ring, sizeof(*r), CW_RECORD_ACCESS,
			   ring == CW_RING_DEVICES ? CW_LOSS_DEVICES : CW_LOSS_FILES);
	if (!r)
		return -1;
	r->hdr.rung = a->rung;
	actor_fill(&r->actor, task);
	r->op = a->op;
	r->result = a->result;
	r->asset = o->asset;
	r->access = a->access;
	r->ino = o->ino;
	r->dev = o->dev;
	r->gen = o->gen;
	r->rdev = o->rdev;
	r->mode = o->mode;
	r->nlink = o->nlink;
	r->fd = a->fd;
	r->open_id = a->open_id;
	r->since_ns = a->since_ns;
	r->frames = a->frames;
	r->bytes = a->bytes;
	r->opener_tgid = a->opener_tgid;
	r->target_asset = a->target_asset;
	r->target_ino = a->target_ino;
	r->size_bytes = o->size;
	if (o->dentry)
		path_write(r->path, o->dentry, o->mnt, o->asset, &path);
	r->path_len = path.len;
	r->path_flags = path.flags;
	bpf_ringbuf_submit(r, 0);
	return 0;
}

#endif
