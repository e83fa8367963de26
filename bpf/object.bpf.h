/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Is this object watched? By device number or inode, never by name. The first step is a look into
 * an array (no helper call); only what may be watched asks a map.
 */
#ifndef CW_OBJECT_BPF_H
#define CW_OBJECT_BPF_H

#include "hook.bpf.h"
#include "maps.bpf.h"

#define CW_TREE_DEPTH_MAX 48

/* What a hook found out about an object before it asks who is there. */
struct object {
	struct inode *inode;
	struct dentry *dentry;
	struct vfsmount *mnt; /* NULL: not known */
	__u64 ino;
	__u32 dev;
	__u32 rdev;
	__u32 mode;
	__u32 gen;
	__u32 asset;
};

static __always_inline __u32 filter_slot(__u64 ino)
{
	return ino & (CW_FILTER_SIZE - 1);
}

static __always_inline bool filter_maybe(__u64 ino)
{
	return inode_filter[filter_slot(ino)] != 0;
}

/* A character or block device: what the two have in common, and nothing else. */
static __always_inline bool is_node(__u32 mode)
{
	_Static_assert((S_IFCHR & S_IFBLK) == S_IFCHR, "one bit more");
	return (mode & S_IFMT & ~(S_IFBLK ^ S_IFCHR)) == S_IFCHR;
}

static __always_inline bool device_maybe(__u32 rdev, __u32 mode)
{
	__u32 major = CW_MAJOR(rdev);

	if (major >= CW_MAJORS_MAX)
		return false;
	return (mode & S_IFMT) == S_IFBLK ? block_majors[major] != 0 : majors[major] != 0;
}

static __always_inline bool device_watched(struct object *o)
{
	bool block = (o->mode & S_IFMT) == S_IFBLK;
	struct cw_device_key key = { .rdev = block ? o->rdev | CW_BLOCK_BIT : o->rdev };
	__u32 major = CW_MAJOR(o->rdev);
	struct cw_device *d;

	o->asset = CW_NO_ASSET;
	d = bpf_map_lookup_elem(&devices, &key);
	if (d) {
		o->asset = d->asset;
		return !(d->flags & CW_DEVICE_IGNORE);
	}
	key.ino = o->ino;
	key.dev = o->dev;
	d = bpf_map_lookup_elem(&devices, &key);
	if (d && d->flags & CW_DEVICE_IGNORE)
		return false;
	/* 1: the whole major is watched, 2: only the numbers in the map. */
	if (major >= CW_MAJORS_MAX)
		return false;
	return (block ? block_majors[major] : majors[major]) == 1;
}

/*
 * The mark of an inode. A mark whose generation differs belongs to a file that is gone; its number
 * was given out again.
 */
static __always_inline struct cw_inode *inode_mark(__u64 ino, __u32 dev, __u32 gen)
{
	struct cw_inode_key key = { .ino = ino, .dev = dev };
	struct cw_inode *m = bpf_map_lookup_elem(&inodes, &key);

	if (m && m->gen && m->gen != gen)
		return NULL;
	return m;
}

/*
 * Counted before it is there: a look between the two asks the map in vain; the other way round it
 * would not ask.
 */
static __always_inline void inode_set(__u64 ino, __u32 dev, __u32 gen, __u32 asset)
{
	struct cw_inode_key key = { .ino = ino, .dev = dev };
	struct cw_inode value = { .asset = asset, .gen = gen };
	bool room = asset >= CW_ASSETS_MAX || marks < CW_INODES_SIZE - CW_INODES_OWN;

	__sync_fetch_and_add(&inode_filter[filter_slot(ino)], 1);
	if (room && !bpf_map_update_elem(&inodes, &key, &value, BPF_NOEXIST)) {
		__sync_fetch_and_add(&marks, 1);
		return;
	}
	__sync_fetch_and_add(&inode_filter[filter_slot(ino)], -1);
	if (!bpf_map_update_elem(&inodes, &key, &value, BPF_EXIST))
		return;
	count_loss(CW_LOSS_INODES);
	/* Full: from now on each look asks for the folders. */
	marks_full = 1;
	if (!(look_closer & CW_MARKS_LACK))
		__sync_fetch_and_add(&look_closer, CW_MARKS_LACK);
}

/* FS_IOC_SETVERSION, and that of ext4, of 64-bit and 32-bit programs: the length is left out. */
static __always_inline bool is_setversion(__u32 cmd)
{
	return IOC_KEY(cmd) == ('v' << 8 | 2) || IOC_KEY(cmd) == ('f' << 8 | 4);
}

/* An owner may change the generation of what is his. From then on the mark holds for whichever. */
static __noinline int mark_keeps(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct cw_inode_key key = { .ino = BPF_CORE_READ(inode, i_ino),
				    .dev = BPF_CORE_READ(inode, i_sb, s_dev) };
	struct cw_inode *m = bpf_map_lookup_elem(&inodes, &key);

	if (m)
		m->gen = 0;
	return 0;
}

/* The mark of a directory, by its dentry's address. Read once by the verifier, not at each turn. */
__noinline int dir_mark_at(__u64 dentry, __u32 dev)
{
	struct inode *inode = BPF_CORE_READ((struct dentry *)dentry, d_inode);
	__u64 ino = BPF_CORE_READ(inode, i_ino);
	struct cw_inode *m;

	if (!filter_maybe(ino))
		return CW_NO_ASSET;
	m = inode_mark(ino, dev, inode_generation(inode));
	return m ? m->asset : CW_NO_ASSET;
}

/*
 * The mark of the nearest ancestor directory, for an inode that has none of its own. Two steps are
 * enough as a rule: a directory gets its mark when something is made or opened in it (dir_watched),
 * so of two new ones below each other the upper has it. All steps are walked while directories
 * that came into a tree may lack theirs, and once there was no room for a mark.
 */
static __noinline __u32 ancestor_asset(struct dentry *dentry, __u32 dev, __u32 steps)
{
	struct dentry *parent;
	__u32 asset;

	for (__u32 i = 0; i < CW_TREE_DEPTH_MAX && i < steps; i++) {
		parent = BPF_CORE_READ(dentry, d_parent);
		if (!parent || parent == dentry)
			break;
		asset = (__u32)dir_mark_at((__u64)parent, dev);
		if (asset != CW_NO_ASSET)
			return asset;
		dentry = parent;
	}
	return CW_NO_ASSET;
}

/* Something may have come into a tree whose content has no marks yet. Returns the number before. */
static __always_inline __u64 tree_raise(void)
{
	__sync_fetch_and_add(&look_closer, 1);
	return FETCH_ADD(&tree_gen, 1);
}

static __always_inline __u32 tree_steps(void)
{
	return tree_gen != tree_clean || marks_full ? CW_TREE_DEPTH_MAX : 2;
}

/* Gives a directory in which something of a tree was found its own mark. */
static __always_inline void dir_mark(struct dentry *dir, __u32 dev, __u32 asset)
{
	struct inode *inode = BPF_CORE_READ(dir, d_inode);
	__u64 ino = BPF_CORE_READ(inode, i_ino);
	__u32 gen = inode_generation(inode);

	if (!inode || (filter_maybe(ino) && inode_mark(ino, dev, gen)))
		return;
	inode_set(ino, dev, gen, asset);
}

static __always_inline void object_fill(struct object *o, struct inode *inode,
					struct dentry *dentry, struct vfsmount *mnt)
{
	o->inode = inode;
	o->dentry = dentry;
	o->mnt = mnt;
	o->ino = BPF_CORE_READ(inode, i_ino);
	o->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	o->rdev = BPF_CORE_READ(inode, i_rdev);
	o->mode = BPF_CORE_READ(inode, i_mode);
	o->gen = inode_generation(inode);
	o->asset = CW_NO_ASSET;
}

/*
 * Tracepoint rung: a file may have been linked into a tree just now, under another name than this,
 * and fanotify tells the agent before the call is done. Until the agent has set its mark, files
 * with several names are its business.
 */
static __always_inline bool maybe_linked(struct object *o)
{
	struct inode *inode = o->inode;

	if (!track_fds || (__s64)(link_gen - tree_clean) <= 0)
		return false;
	if ((o->mode & S_IFMT) != S_IFREG || BPF_CORE_READ(inode, i_nlink) < 2)
		return false;
	o->asset = CW_ASSET_MAYBE;
	return true;
}

/*
 * Decides about an object that is filled in. A file without a mark that lies in a watched tree gets
 * its mark here.
 */
static __always_inline bool object_watched(struct object *o)
{
	__u32 type = o->mode & S_IFMT;
	struct dentry *dentry = o->dentry; /* BPF_CORE_READ would relocate the access to *o, too */
	struct cw_inode *m;

	if (type == S_IFCHR || type == S_IFBLK)
		return device_maybe(o->rdev, o->mode) &&
		       device_watched(o);
	if (filter_maybe(o->ino)) {
		m = inode_mark(o->ino, o->dev, o->gen);
		if (m) {
			o->asset = m->asset;
			return true;
		}
	}
	if (!dentry)
		return false;
	o->asset = ancestor_asset(dentry, o->dev, tree_steps());
	if (o->asset == CW_NO_ASSET)
		return maybe_linked(o);
	inode_set(o->ino, o->dev, o->gen, o->asset);
	dir_mark(BPF_CORE_READ(dentry, d_parent), o->dev, o->asset);
	return true;
}

/* A file that the agent lives on. */
static __always_inline bool asset_is_self(__u32 asset)
{
	return asset >= CW_SELF_ASSET && asset < CW_SELF_ASSET + CW_SELF_MAX;
}

/* Such a file is only watched for changes: everybody may read it, or run the program. */
static __always_inline bool self_only_read(__u32 asset, __u32 access)
{
	return asset_is_self(asset) &&
	       !(access & (CW_ABI_WRITE | CW_ABI_TRUNCATE | CW_ABI_CREATE));
}

/* A function of its own: its stack is free again when the event is told. */
static __noinline bool object_of_file(struct object *o, struct file *file)
{
	object_fill(o, BPF_CORE_READ(file, f_inode), BPF_CORE_READ(file, f_path.dentry),
		    BPF_CORE_READ(file, f_path.mnt));
	return object_watched(o);
}

static __always_inline void object_of_dentry(struct object *o, struct dentry *dentry)
{
	object_fill(o, BPF_CORE_READ(dentry, d_inode), dentry, NULL);
}

/* The asset of a directory in which something is about to be made; it gets its mark by the way. */
static __always_inline __u32 dir_asset(struct inode *dir, struct dentry *child)
{
	struct object o;
	struct dentry *dentry = BPF_CORE_READ(child, d_parent);

	object_fill(&o, dir, dentry, NULL);
	return object_watched(&o) ? o.asset : CW_NO_ASSET;
}

/* The first look at an inode whose name is not at hand. False: surely not watched. */
static __always_inline bool inode_maybe(enum cw_rung rung, struct inode *inode, umode_t mode)
{
	if (is_node(mode))
		return device_maybe(FIELD(rung, inode, i_rdev), mode);
	return filter_maybe(FIELD(rung, inode, i_ino));
}

/* The same for a directory that a name led to. */
static __always_inline bool dentry_filter(enum cw_rung rung, struct dentry *dentry)
{
	/* Tested and not loaded a second time: 7.3 demands it. */
	struct inode *inode = FIELD(rung, dentry, d_inode);

	return inode && filter_maybe(FIELD(rung, inode, i_ino));
}

/*
 * What a hook's own name stands for; NULL: nothing yet. By the helper, and so a mere number: of a
 * plain load the verifier of 6.12 believes that it is never NULL, leaves out the test, and the
 * kernel crashes at a new name (mended in 6.17, 560bb43c4cd7).
 */
static __always_inline struct inode *own_inode(struct dentry *dentry)
{
	return BPF_CORE_READ(dentry, d_inode);
}

/*
 * The same for a file: where pointers have types, plain loads, no helper, no map. Nodes of devices
 * have a device number, and it takes less to look at than the mode.
 */
static __always_inline bool file_maybe(enum cw_rung rung, struct file *file)
{
	struct inode *inode = FIELD(rung, file, f_inode);
	__u32 rdev = FIELD(rung, inode, i_rdev);
	umode_t mode;

	if (rdev) {
		mode = FIELD(rung, inode, i_mode);
		if (is_node(mode))
			return device_maybe(rdev, mode);
	}
	/* Every open comes by: one test for both. */
	return inode_filter[filter_slot(FIELD(rung, inode, i_ino))] | look_closer;
}

/* The same for a name in a directory. */
static __always_inline bool dentry_maybe(enum cw_rung rung, struct inode *dir,
					 struct dentry *dentry)
{
	struct dentry *parent = FIELD(rung, dentry, d_parent);
	struct inode *inode = own_inode(dentry);

	if (filter_maybe(FIELD(rung, dir, i_ino)) ||
	    dentry_filter(rung, FIELD(rung, parent, d_parent)) ||
	    (inode && filter_maybe(BPF_CORE_READ(inode, i_ino))))
		return true;
	return look_closer != 0;
}

/* The same for a name alone. */
static __always_inline bool name_maybe(enum cw_rung rung, struct dentry *dentry)
{
	struct dentry *parent = FIELD(rung, dentry, d_parent);
	struct inode *dir = FIELD(rung, parent, d_inode);

	return dir && dentry_maybe(rung, dir, dentry);
}

#endif
