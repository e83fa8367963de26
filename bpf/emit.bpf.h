/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The one way into the rings. Every record passes reserve_record(), which counts what it could not
 * place, by class.
 */
#ifndef CW_EMIT_BPF_H
#define CW_EMIT_BPF_H

#include "object.bpf.h"
#include "task.bpf.h"
#include "touch.bpf.h"

/* The rest of a record of an access, beyond the object. Small: stacks are 512 bytes in all. */
struct access {
	__u32 op;
	__s32 result;
	__u32 access;
	__u32 fd;
	__u32 rung;
	__u32 streamer_tgid; /* the end of a capture of this process */
	__u64 file;	     /* an open file that may be known; 0: none */
	__u64 bytes;
};

static __always_inline bool is_agent(void)
{
	return bpf_get_current_pid_tgid() >> 32 == self_tgid;
}

/* Process 1 of the machine; the one of a container has another number here. */
static __always_inline bool is_init(void)
{
	return bpf_get_current_pid_tgid() >> 32 == 1;
}

/* What becomes of a change of the agent's own files: see harden.bpf.h. */
static __always_inline __s32 self_result(__u32 asset)
{
	return hardened && asset_is_self(asset) && !is_init() ? -1 : 0;
}

static __always_inline struct cw_toucher *current_toucher(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	_Static_assert(CW_TOUCHERS == 2, "both are asked");
	return toucher[0].tid == tid ? &toucher[0] : toucher[1].tid == tid ? &toucher[1] : NULL;
}

/*
 * An open by the agent. True: it is not an access. A touch gives the inode its mark: the kernel's
 * own idea of the inode counts, which stat(2) hides on some file systems. The canary's own object
 * is reported like any other.
 */
static __always_inline bool agent_open(struct object *o)
{
	struct cw_toucher *t;

	if (!is_agent())
		return false;
	t = current_toucher();
	if (t) {
		inode_set(o->ino, o->dev, o->gen, t->asset);
		agent_task = (__u64)BPF_CORE_READ((struct task_struct *)bpf_get_current_task(),
						  group_leader);
		t->tid = 0;
		return true;
	}
	return !canary_ino || o->ino != canary_ino;
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

/*
 * Hands a record over and wakes the agent, unless it is reading. The kernel decides that by whether
 * the agent has read all that is before: behind a quiet record it has to be told.
 */
static __always_inline void submit_record(void *r)
{
	bpf_ringbuf_submit(r, quiet_waits ? BPF_RB_FORCE_WAKEUP : 0);
}

/*
 * The same for an access. One that was judged before, with nothing to say of it, is read when the
 * agent looks by itself, or when enough has come together.
 */
static __always_inline void submit_access(struct cw_record_access *r, enum cw_ring ring)
{
	__u64 key = cw_quiet_key(r), waiting, step;

	if (r->result || r->hdr.time_ns > reader_until_ns ||
	    quiet_pairs[key & (CW_QUIET_SIZE - 1)] != key) {
		submit_record(r);
		return;
	}
	if (ring == CW_RING_DEVICES) {
		waiting = bpf_ringbuf_query(&ring_devices, BPF_RB_AVAIL_DATA);
		step = bpf_ringbuf_query(&ring_devices, BPF_RB_RING_SIZE) / CW_QUIET_PARTS;
	} else {
		waiting = bpf_ringbuf_query(&ring_files, BPF_RB_AVAIL_DATA);
		step = bpf_ringbuf_query(&ring_files, BPF_RB_RING_SIZE) / CW_QUIET_PARTS;
	}
	quiet_waits = 1;
	bpf_ringbuf_submit(r, waiting % step < sizeof(*r) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

static __always_inline __u32 cgroup_write(char *buf, struct task_struct *task, __u64 *id)
{
	struct kernfs_node *kn = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
	__u64 off = 0;
	const void *name;
	long n;

	*id = BPF_CORE_READ(kn, id);
	for (int i = 0; i < 12; i++) {
		struct kernfs_node *parent = kernfs_parent(kn);

		if (!parent)
			break;
		name = BPF_CORE_READ(kn, name);
		n = path_name(buf, off, CW_CGROUP_SIZE - 128, 128, name);
		if (n <= 0)
			break;
		off = path_advance(off, n);
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

static __always_inline void process_write(struct cw_record_process *r, struct task_struct *task,
					  struct cw_task *t)
{
	struct path_result path = {};
	struct file *exe;

	task_tty(t, task);
	r->task = *t;
	r->ns_pid = ns_pid(task);
	r->cgroup_len = cgroup_write(r->cgroup, task, &r->cgroup_id);
	argv_write(r, task);
	exe = BPF_CORE_READ(task, mm, exe_file);
	if (exe)
		path_of_exe(r->path, exe, &path);
	r->path_len = path.len;
	r->path_flags = path.flags;
}

/* Sends what is known of a process, once per ring. A failure is tried again at its next access. */
static __noinline void emit_process(struct task_struct *task, struct cw_task *t, __u32 ring)
{
	struct cw_record_process *r;
	__u32 known = CW_TASK_KNOWN;

	r = reserve_record(ring, sizeof(*r), CW_RECORD_PROCESS, CW_LOSS_PROCESSES);
	if (!r)
		return;
	process_write(r, task, t);
	if (r->task.code.what)
		known |= CW_TASK_CODE_KNOWN;
	submit_record(r);
	t->flags |= known << ring;
}

/* What the ring has of it may be from before it got foreign code. */
static __always_inline bool is_known(const struct cw_task *t, __u32 ring)
{
	return t->flags & (CW_TASK_KNOWN << ring) &&
	       (!t->code.what || t->flags & (CW_TASK_CODE_KNOWN << ring));
}

static __always_inline void actor_fill(struct cw_actor *a, struct task_struct *task)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);

	a->start_ns = task_start(task);
	a->tgid = BPF_CORE_READ(task, tgid);
	a->tid = BPF_CORE_READ(task, pid);
	a->uid = BPF_CORE_READ(cred, uid.val);
	a->euid = BPF_CORE_READ(cred, euid.val);
	a->gid = BPF_CORE_READ(cred, gid.val);
	bpf_core_read(&a->cap_effective, sizeof(a->cap_effective), &cred->cap_effective);
	a->login_uid = task_login_uid(task);
	a->session = ~0u;
	if (bpf_core_field_exists(task->sessionid))
		a->session = BPF_CORE_READ(task, sessionid);
	a->task_flags = BPF_CORE_READ(task, flags);
	bpf_core_read(a->comm, sizeof(a->comm), &task->comm);
}

/*
 * Makes sure that the agent can name a process. One that is ending closes its files after it left
 * `tasks`: its entry is in `ended` then and must not be made anew. Global: the verifier reads it
 * once, not at every caller; therefore the address is a number.
 */
__noinline int announce(__u64 address, __u32 ring)
{
	struct task_struct *task = (void *)address;
	struct cw_task *t = task_lookup(task);
	__u32 tgid;

	if (!t && BPF_CORE_READ(task, flags) & PF_EXITING) {
		tgid = BPF_CORE_READ(task, tgid);
		t = bpf_map_lookup_elem(&ended, &tgid);
	} else if (!t) {
		t = task_rebuild(task, BPF_CORE_READ(task, tgid));
	}
	if (t && !is_known(t, ring))
		emit_process(task, t, ring);
	return 0;
}

static __always_inline void announce_current(__u32 ring)
{
	announce(bpf_get_current_task(), ring);
}

static __always_inline void open_write(struct cw_record_access *r, __u64 file)
{
	struct cw_open *open = file ? bpf_map_lookup_elem(&opens, &file) : NULL;

	r->open_id = open ? open->open_id : 0;
	r->since_ns = open ? open->since_ns : 0;
	r->opener_start_ns = open ? open->opener_start_ns : 0;
	r->opener_tgid = open ? open->opener_tgid : 0;
	r->flags = open && open->buffer_of ? CW_ACCESS_BUFFER : 0;
}

static __always_inline void stream_write(struct cw_record_access *r, __u32 tgid, __u32 rdev)
{
	struct cw_stream_key key = { .tgid = tgid, .rdev = rdev };
	struct cw_stream *s = bpf_map_lookup_elem(&streams, &key);

	r->opener_tgid = tgid;
	if (!s)
		return;
	r->since_ns = s->first_ns;
	r->frames = s->frames;
	r->bytes = s->bytes;
}

static __always_inline void access_write(struct cw_record_access *r, struct object *o,
					 struct access *a, struct task_struct *task)
{
	struct path_result path = {};
	struct inode *inode = o->inode;

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
	r->nlink = 0;
	r->size_bytes = 0;
	if (inode) {
		r->nlink = BPF_CORE_READ(inode, i_nlink);
		r->size_bytes = BPF_CORE_READ(inode, i_size);
	}
	r->fd = a->fd;
	r->frames = 0;
	r->bytes = a->bytes;
	open_write(r, a->file);
	if (a->streamer_tgid)
		stream_write(r, a->streamer_tgid, o->rdev);
	if (o->dentry)
		path_write(r->path, o->dentry, o->mnt, o->asset, &path);
	r->path_len = path.len;
	r->path_flags = path.flags;
}

/*
 * One access to a watched object by `task`, which was announced. Negative: the ring was full, which
 * is counted.
 */
static __always_inline int emit_access_of(struct object *o, struct access *a,
					  struct task_struct *task)
{
	enum cw_ring ring = ring_of(o->mode);
	struct cw_record_access *r;

	r = reserve_record(ring, sizeof(*r), CW_RECORD_ACCESS,
			   ring == CW_RING_DEVICES ? CW_LOSS_DEVICES : CW_LOSS_FILES);
	if (!r)
		return -1;
	access_write(r, o, a, task);
	submit_access(r, ring);
	return 0;
}

static __always_inline bool is_touch(const struct access *a)
{
	return !a->result && (a->op == CW_OP_OPEN || a->op == CW_OP_RECEIVE ||
			      a->op == CW_OP_USE || a->op == CW_OP_MAP);
}

/* The same by the current task. */
CW_GLOBAL int emit_access(struct object *o, struct access *a)
{
	if (!o || !a)
		return 0;
	announce_current(ring_of(o->mode));
	if (is_touch(a))
		touch_note((void *)bpf_get_current_task(), o, a->access, a->file);
	return emit_access_of(o, a, (void *)bpf_get_current_task());
}

/* A name of a recording that is given, moved or taken away. `to` is the new dentry. */
CW_GLOBAL int emit_move(struct object *o, struct access *a, __u64 new_name, __u32 to_asset)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct dentry *to = (void *)new_name;
	struct cw_record_move *r;
	struct path_result path = {};

	if (!o || !a)
		return 0;

	announce_current(CW_RING_FILES);
	r = reserve_record(CW_RING_FILES, sizeof(*r), CW_RECORD_ACCESS, CW_LOSS_FILES);
	if (!r)
		return -1;
	access_write(&r->access, o, a, task);
	r->asset = to_asset;
	r->dir = (o->mode & S_IFMT) == S_IFDIR;
	r->replaced_ino = BPF_CORE_READ(to, d_inode, i_ino);
	path_write(r->path, to, NULL, to_asset, &path);
	r->path_len = path.len;
	r->path_flags = path.flags;
	submit_record(r);
	return 0;
}

#endif
