/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Mounts that hide a tree, show it elsewhere or take it away. What is mounted on, or moved, is an
 * object like any other. A mount over a folder above a tree hides it as well: of the agent's own
 * mount namespace all changes are reported, and the agent, which knows the paths, decides.
 */
#ifndef CW_MOUNT_BPF_H
#define CW_MOUNT_BPF_H

#include "emit.bpf.h"
#include "hook.bpf.h"

/* uapi/linux/mount.h */
#define MS_REMOUNT_ 32ul
#define MS_BIND_    4096ul
#define MS_MOVE_    8192ul
#define MS_PROPAGATION_ (0xful << 17)
#define MS_MGC_VAL_ 0xc0ed0000ul
#define MS_MGC_MSK_ 0xffff0000ul

/*
 * Does mount(2) change nothing but how mounts spread? The kernel looks for what ranks above that
 * first, and takes away the number that old programs give along, whose bits would look like it.
 */
static __always_inline bool mount_spreads(unsigned long flags)
{
	return (flags & MS_MGC_MSK_) != MS_MGC_VAL_ && flags & MS_PROPAGATION_ &&
	       !(flags & (MS_REMOUNT_ | MS_BIND_));
}

static __always_inline bool in_agents_mounts(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum) == self_mnt_ns;
}

/* Half of the ring at most for what may concern nobody, as for refusals. */
static __always_inline bool ring_crowded(void)
{
	return bpf_ringbuf_query(&ring_files, BPF_RB_AVAIL_DATA) >
	       bpf_ringbuf_query(&ring_files, BPF_RB_RING_SIZE) / 2;
}

struct mounting {
	__u64 dentry, mnt; /* where */
	__u64 from_dentry, from_mnt; /* what was moved; 0: `given` */
	const char *given;
	__u32 change;
	__u32 rung;
};

CW_GLOBAL int mount_tell(struct mounting *m, struct object *o, __u32 watched)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct access a = { .op = CW_OP_MOUNT, .access = CW_ABI_WRITE, .fd = ~0u };
	enum cw_ring ring;
	struct cw_record_mount *r;
	struct path_result path = {};
	long n;

	if (!m || !o)
		return 0;
	ring = watched ? ring_of(o->mode) : CW_RING_FILES;
	r = reserve_record(ring, sizeof(*r), CW_RECORD_ACCESS,
			   !watched ? CW_LOSS_ATTEMPTS :
			   ring == CW_RING_DEVICES ? CW_LOSS_DEVICES : CW_LOSS_FILES);
	if (!r)
		return -1;
	a.rung = m->rung;
	access_write(&r->access, o, &a, task);
	r->change = m->change;
	r->given = !m->from_dentry;
	if (m->from_dentry) {
		path_write(r->path, (void *)m->from_dentry, (void *)m->from_mnt, CW_NO_ASSET,
			   &path);
	} else if (m->given) {
		n = bpf_probe_read_kernel_str(r->path, sizeof(r->path), m->given);
		path.len = n > 0 ? n - 1 : 0;
	}
	r->path_len = path.len;
	r->path_flags = path.flags;
	submit_record(r);
	return 0;
}

static __noinline int mount_changed(struct mounting *m)
{
	struct dentry *dentry = (void *)m->dentry, *from = (void *)m->from_dentry;
	struct object o;
	bool watched;

	if (is_agent())
		return 0;
	object_fill(&o, BPF_CORE_READ(dentry, d_inode), dentry, (void *)m->mnt);
	watched = object_watched(&o) && o.asset != CW_ASSET_MAYBE;
	if (!watched && from) {
		/* What is told is where it goes, of the object that goes. */
		object_fill(&o, BPF_CORE_READ(from, d_inode), from, NULL);
		watched = object_watched(&o) && o.asset != CW_ASSET_MAYBE;
		o.dentry = dentry;
		o.mnt = (void *)m->mnt;
	}
	if (!watched) {
		o.asset = CW_NO_ASSET;
		if (!in_agents_mounts())
			return 0;
		if (ring_crowded()) {
			count_loss(CW_LOSS_ATTEMPTS);
			return 0;
		}
	}
	announce_current(watched ? ring_of(o.mode) : CW_RING_FILES);
	return mount_tell(m, &o, watched);
}

/* mount(2) in all its uses. Since 5.7. */
static __always_inline void on_sb_mount(enum cw_rung rung, const char *name,
					const struct path *path, unsigned long flags)
{
	struct mounting m = { .rung = rung, .given = name };

	if (mount_spreads(flags))
		return;
	m.dentry = (__u64)BPF_CORE_READ(path, dentry);
	m.mnt = (__u64)BPF_CORE_READ(path, mnt);
	m.change = flags & MS_REMOUNT_ ? CW_MOUNT_CHANGED :
		   flags & MS_BIND_ ? CW_MOUNT_BIND :
		   flags & MS_MOVE_ ? CW_MOUNT_MOVE : CW_MOUNT_NEW;
	mount_changed(&m);
}

HOOK(sb_mount, (const char *name, const struct path *path, const char *type, unsigned long flags,
		void *data), (name, path, flags))

static __always_inline void on_sb_umount(enum cw_rung rung, struct vfsmount *mnt)
{
	struct mounting m = { .rung = rung, .change = CW_MOUNT_GONE };

	m.dentry = (__u64)BPF_CORE_READ(mnt, mnt_root);
	m.mnt = address_of(mnt);
	mount_changed(&m);
}

HOOK(sb_umount, (struct vfsmount *mnt, int flags), (mnt))

/* move_mount(2), by which what open_tree(2) and fsmount(2) made gets its place. Since 5.7. */
static __always_inline void on_move_mount(enum cw_rung rung, const struct path *from,
					  const struct path *to)
{
	struct mounting m = { .rung = rung, .change = CW_MOUNT_MOVE };

	m.dentry = (__u64)BPF_CORE_READ(to, dentry);
	m.mnt = (__u64)BPF_CORE_READ(to, mnt);
	m.from_dentry = (__u64)BPF_CORE_READ(from, dentry);
	m.from_mnt = (__u64)BPF_CORE_READ(from, mnt);
	mount_changed(&m);
}

HOOK(move_mount, (const struct path *from, const struct path *to), (from, to))

#endif
