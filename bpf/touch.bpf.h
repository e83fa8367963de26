/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who has touched what: the watched objects that a process opened, received, used or mapped, or
 * that the process did which it was forked from. Its memory may hold what it got there, for as long
 * as it lives; so a look into it counts (peek.bpf.h). Who has touched nothing is known by a look
 * into an array.
 */
#ifndef CW_TOUCH_BPF_H
#define CW_TOUCH_BPF_H

#include "object.bpf.h"
#include "task.bpf.h"

const volatile struct cw_touched zero_touched = {};

static __always_inline __u32 *toucher_slot(__u32 tgid)
{
	return &touchers[tgid & (CW_HOLDERS_SIZE - 1)];
}

static __always_inline bool touched_maybe(__u32 tgid)
{
	return *toucher_slot(tgid) != 0;
}

/* What a process has touched, or NULL. */
static __always_inline struct cw_touched *touched_by(struct task_struct *task, __u32 tgid)
{
	struct cw_touched *t = bpf_map_lookup_elem(&touched, &tgid);

	return t && t->start_ns == task_start(task) ? t : NULL;
}

static __always_inline struct cw_touched *touched_new(__u32 tgid, const void *value)
{
	bool known = bpf_map_lookup_elem(&touched, &tgid);

	if (bpf_map_update_elem(&touched, &tgid, value, BPF_ANY)) {
		count_loss(CW_LOSS_TOUCHES);
		return NULL;
	}
	if (!known)
		__sync_fetch_and_add(toucher_slot(tgid), 1);
	return bpf_map_lookup_elem(&touched, &tgid);
}

/* A mask, not a check: clang computes the address of an element before it checks the index. */
static __always_inline struct cw_touch *touch_at(struct cw_touched *t, __u64 i)
{
	asm volatile("" : "+r"(i));
	return &t->touch[i & (CW_TOUCHES_MAX - 1)];
}

static __always_inline bool touch_is(const struct cw_touch *c, const struct object *o, bool device)
{
	if (!c->time_ns)
		return false;
	return device ? c->rdev == o->rdev : c->ino == o->ino && c->dev == o->dev;
}

/* Where a touch of that object is, or where a new one goes: instead of the oldest of its sort. */
static __always_inline struct cw_touch *touch_slot(struct cw_touched *t, const struct object *o,
						   bool device)
{
	__u64 i;

	for (i = 0; i < CW_TOUCHES_MAX; i++)
		if ((i < CW_TOUCH_DEVICES) == device && touch_is(&t->touch[i], o, device))
			return &t->touch[i];
	i = device ? t->next_device++ & (CW_TOUCH_DEVICES - 1) :
		     CW_TOUCH_DEVICES + (t->next_file++ & (CW_TOUCH_FILES - 1));
	return touch_at(t, i);
}

/* A process touched an object by an open file (address; 0: not known). Folders do not count. */
static __noinline int touch_note(struct task_struct *task, struct object *o, __u32 access,
				 __u64 file)
{
	bool device = (o->mode & S_IFMT) == S_IFCHR;
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct cw_touched *t;
	struct cw_touch *c;
	struct cw_open *open;

	/* Who ends has lost its entry already. */
	if (tgid == self_tgid || (o->mode & S_IFMT) == S_IFDIR ||
	    asset_is_self(o->asset) ||
	    BPF_CORE_READ(task, flags) & PF_EXITING)
		return 0;
	t = touched_by(task, tgid);
	if (!t) {
		t = touched_new(tgid, (const void *)&zero_touched);
		if (!t)
			return 0;
		t->start_ns = task_start(task);
	}
	c = touch_slot(t, o, device);
	open = file ? bpf_map_lookup_elem(&opens, &file) : NULL;
	c->open_id = open ? open->open_id : 0;
	c->ino = o->ino;
	c->dev = o->dev;
	c->gen = o->gen;
	c->rdev = o->rdev;
	c->mode = o->mode;
	c->asset = o->asset;
	c->access = access;
	c->flags = 0;
	c->time_ns = bpf_ktime_get_boot_ns();
	return 0;
}

static __always_inline void touches_flag(struct cw_touched *t, __u32 flag)
{
	for (int i = 0; i < CW_TOUCHES_MAX; i++)
		t->touch[i].flags |= flag;
}

/* The child has a copy of the parent's memory. */
static __noinline void touch_inherit(struct task_struct *parent, struct task_struct *child)
{
	__u32 from = BPF_CORE_READ(parent, tgid), to = BPF_CORE_READ(child, tgid);
	struct cw_touched *t;

	if (!touched_maybe(from))
		return;
	t = touched_by(parent, from);
	if (!t)
		return;
	t = touched_new(to, t);
	if (!t)
		return;
	t->start_ns = task_start(child);
	touches_flag(t, CW_TOUCH_FORKED);
}

/* What was in memory is gone, but not that it was known. */
static __noinline void touch_exec(struct task_struct *task)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct cw_touched *t;

	if (!touched_maybe(tgid))
		return;
	t = touched_by(task, tgid);
	if (t)
		touches_flag(t, CW_TOUCH_EXECED);
}

static __always_inline void touch_end(__u32 tgid)
{
	if (touched_maybe(tgid) && !bpf_map_delete_elem(&touched, &tgid))
		__sync_fetch_and_add(toucher_slot(tgid), -1);
}

/* First time that this is to be told? Then it counts as told. */
static __always_inline bool told_first(const struct cw_told_key *key)
{
	__u8 yes = 1;

	if (bpf_map_lookup_elem(&told, key))
		return false;
	bpf_map_update_elem(&told, key, &yes, BPF_ANY);
	return true;
}

static __always_inline void object_of_touch(struct object *o, const struct cw_touch *c)
{
	__builtin_memset(o, 0, sizeof(*o));
	o->ino = c->ino;
	o->dev = c->dev;
	o->gen = c->gen;
	o->rdev = c->rdev;
	o->mode = c->mode;
	o->asset = c->asset;
}

#endif
