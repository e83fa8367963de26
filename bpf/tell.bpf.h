/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Tells of one object that a process touched, by way of that process: who looks into its memory,
 * where it connects to, what it writes elsewhere. Each once.
 */
#ifndef CW_TELL_BPF_H
#define CW_TELL_BPF_H

#include "emit.bpf.h"

#define CW_COPY_NS (60 * 1000000000ull) /* what is written within a minute may be what was read */

struct telling {
	__u32 op; /* enum cw_access_op */
	__u32 way;
	__u32 rung;
	__u32 tgid; /* who touched it */
	__u64 start_ns;
	struct cw_exe_key exe;
	__u64 file; /* what it goes into; 0: not known */
	__u64 source; /* a copy: inode of what was read, 0: of all that was read lately */
	struct cw_conn conn; /* where it goes */
};

/*
 * By thread: what is told of does not fit on the stack beside what tells of it, and a thread tells
 * of one thing at a time. Full: the oldest goes, which was told long ago.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct telling);
} tellings SEC(".maps");

const volatile char zero_telling[sizeof(struct telling)] = {};

/* The current thread's, empty; NULL: no memory, which is counted. */
static __always_inline struct telling *telling_new(__u32 op, __u32 way, __u32 rung)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct telling *p;

	bpf_map_update_elem(&tellings, &tid, (const void *)&zero_telling, BPF_ANY);
	p = bpf_map_lookup_elem(&tellings, &tid);
	if (!p) {
		count_loss(CW_LOSS_TOUCHES);
		return NULL;
	}
	p->op = op;
	p->way = way;
	p->rung = rung;
	return p;
}

static __always_inline void tell_target(struct cw_record_touch *r, struct file *file)
{
	struct path_result path = {};

	r->target_ino = 0;
	r->target_dev = 0;
	if (file) {
		r->target_ino = BPF_CORE_READ(file, f_inode, i_ino);
		r->target_dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
		path_write(r->path, BPF_CORE_READ(file, f_path.dentry),
			   BPF_CORE_READ(file, f_path.mnt), CW_NO_ASSET, &path);
	}
	r->path_len = path.len;
	r->path_flags = path.flags;
	r->pad = 0;
}

/* Is this touch one that what happens is about? */
static __always_inline bool tell_concerns(const struct telling *p, const struct cw_touch *c)
{
	if (!c->time_ns)
		return false;
	if (p->op == CW_OP_PEEK)
		return !(c->flags & CW_TOUCH_EXECED);
	if (p->op != CW_OP_COPY)
		return true;
	if ((c->mode & S_IFMT) != S_IFREG || c->asset >= CW_ASSETS_MAX)
		return false;
	if (p->source)
		return c->ino == p->source;
	return c->access & CW_ABI_READ && !(c->access & (CW_ABI_CREATE | CW_ABI_TRUNCATE)) &&
	       bpf_ktime_get_boot_ns() - c->time_ns < CW_COPY_NS;
}

static __always_inline void tell_key(struct cw_told_key *key, const struct telling *p,
				     const struct object *o)
{
	struct file *file = (void *)p->file;

	key->object = (o->mode & S_IFMT) == S_IFCHR ? o->rdev : o->ino;
	key->dev = o->dev;
	key->op = p->op;
	key->way = p->way;
	if (p->op == CW_OP_PEEK) {
		key->other[0] = p->start_ns;
		key->other[1] = p->tgid;
	} else if (p->op == CW_OP_COPY) {
		key->other[0] = BPF_CORE_READ(file, f_inode, i_ino);
		key->other[1] = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
	} else {
		/* Of a tree, whichever file it was. */
		if (o->asset < CW_ASSETS_MAX) {
			key->object = o->asset;
			key->dev = 0;
		}
		__builtin_memcpy(key->other, p->conn.peer, sizeof(key->other));
	}
}

/* Has the process touched something of the asset since? Read once by every verifier. */
__noinline int touched_since(__u32 tgid, __u32 asset, __u64 time_ns)
{
	struct cw_touched *t = bpf_map_lookup_elem(&touched, &tgid);

	for (int i = 0; t && i < CW_TOUCHES_MAX; i++)
		if (t->touch[i].asset == asset && t->touch[i].time_ns > time_ns)
			return 1;
	return 0;
}

/* A connection is told once for an asset: with what of it was touched last. */
static __always_inline bool tell_is_last(const struct telling *p, const struct cw_touch *c)
{
	return p->op != CW_OP_EGRESS || c->asset >= CW_ASSETS_MAX ||
	       !touched_since(p->tgid, c->asset, c->time_ns);
}

/* One object that the process touched, as the thread is telling. Read once by every verifier. */
__noinline int touch_tell(__u32 index)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct telling *p = bpf_map_lookup_elem(&tellings, &tid);
	struct access a = { .access = CW_ABI_READ, .fd = ~0u };
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cw_told_key key = {};
	struct cw_record_touch *r;
	struct cw_touched *t;
	struct cw_touch *c;
	struct object o;
	enum cw_ring ring;
	__u32 tgid;

	if (!p)
		return 0;
	tgid = p->tgid;
	t = bpf_map_lookup_elem(&touched, &tgid);
	if (!t || t->start_ns != p->start_ns)
		return 0;
	c = touch_at(t, index);
	if (!tell_concerns(p, c) || !tell_is_last(p, c))
		return 0;
	object_of_touch(&o, c);
	ring = ring_of(o.mode);
	key.tgid = bpf_get_current_pid_tgid() >> 32;
	key.start_ns = task_start(task);
	tell_key(&key, p, &o);
	if (!told_first(&key))
		return 0;
	r = reserve_record(ring, sizeof(*r), CW_RECORD_ACCESS,
			   ring == CW_RING_DEVICES ? CW_LOSS_DEVICES : CW_LOSS_FILES);
	if (!r)
		return -1;
	a.op = p->op;
	a.rung = p->rung;
	access_write(&r->access, &o, &a, task);
	r->access.open_id = c->open_id;
	r->touch_ns = c->time_ns;
	r->touch_flags = c->flags;
	r->victim_start_ns = p->start_ns;
	r->victim_tgid = tgid;
	r->victim_exe = p->exe;
	r->way = p->way;
	r->conn = p->conn;
	tell_target(r, (void *)p->file);
	submit_record(r);
	return 0;
}

/* All that the current process touched. */
static __always_inline void touches_tell(struct telling *p)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	p->tgid = bpf_get_current_pid_tgid() >> 32;
	p->start_ns = task_start(task);
	announce_current(CW_RING_DEVICES);
	announce_current(CW_RING_FILES);
	for (__u32 i = 0; i < CW_TOUCHES_MAX; i++)
		touch_tell(i);
}

#endif
