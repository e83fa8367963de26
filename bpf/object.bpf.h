/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Is this object watched? By device number or inode, never by name. The first step is a look into
 * an array (no helper call); only what may be watched asks a map.
 */
#ifndef CW_OBJECT_BPF_H
#define CW_OBJECT_BPF_H

#include "maps.bpf.h"

#define CW_BLOCK_BIT	  (1u << 31)
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
	__u32 nlink;
	__u64 size;
};

static __always_inline __u32 filter_slot(__u64 ino)
{
	return (ino ^ (ino >> 18)) & (CW_FILTER_SIZE - 1);
}

static __always_inline bool filter_maybe(__u64 ino)
{
	return inode_filter[filter_slot(ino)] != 0;
}

static __always_inline bool device_maybe(__u32 rdev, __u32 mode)
{
	__u32 major = CW_MAJOR(rdev);

	if (major >= CW_MAJORS_MAX)
		return false;
	return (mode & S_IFMT) == S_IFBLK ? block_majors[major] != 0 : majors[major] != 0;
}

static __always_inline bool device_watched(__u32 rdev, __u32 mode, __u32 *asset)
{
	bool block = (mode & S_IFMT) == S_IFBLK;
	__u32 key = block ? rdev | CW_BLOCK_BIT : rdev;
	struct cw_device *d = bpf_map_lookup_elem(&devices, &key);
	__u32 major = CW_MAJOR(rdev);

	if (d) {
		*asset = d->asset;
		return !(d->flags & CW_DEVICE_IGNORE);
	}
	/* 1: the whole major is watched, 2: only the numbers in the map. */
	*asset = CW_NO_ASSET;
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

static __always_inline void inode_set(__u64 ino, __u32 dev, __u32 gen, __u32 asset)
{
	struct cw_inode_key key = { .ino = ino, .dev = dev };
	struct cw_inode value = { .asset = asset, .gen = gen };

	inode_filter[filter_slot(ino)] = 1;
	if (bpf_map_update_elem(&inodes, &key, &value, BPF_ANY))
		count_loss(CW_LOSS_INODES);
}

/*
 * The mark of the nearest ancestor directory, for an inode that has none of its own: of the parent
 * alone as a rule, of all while directories that came into a tree may lack theirs.
 */
static __noinline __u32 ancestor_asset(struct dentry *dentry, __u32 dev, __u32 steps)
{
	struct dentry *parent;
	struct inode *inode;
	struct cw_inode *m;
	__u64 ino;

	for (int i = 0; i < CW_TREE_DEPTH_MAX; i++) {
		if (i >= steps)
			break;
		parent = BPF_CORE_READ(dentry, d_parent);
		if (!parent || parent == dentry)
			break;
		inode = BPF_CORE_READ(parent, d_inode);
		ino = BPF_CORE_READ(inode, i_ino);
		if (filter_maybe(ino)) {
			m = inode_mark(ino, dev, BPF_CORE_READ(inode, i_generation));
			if (m)
				return m->asset;
		}
		dentry = parent;
	}
	return CW_NO_ASSET;
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
	o->gen = BPF_CORE_READ(inode, i_generation);
	o->nlink = BPF_CORE_READ(inode, i_nlink);
	o->size = BPF_CORE_READ(inode, i_size);
	o->asset = CW_NO_ASSET;
}

/*
 * Decides about an object that is filled in. A file without a mark that lies in a watched tree gets
 * its mark here.
 */
static __always_inline bool object_watched(struct object *o)
{
	__u32 type = o->mode & S_IFMT;
	struct cw_inode *m;

	if (type == S_IFCHR || type == S_IFBLK)
		return device_maybe(o->rdev, o->mode) &&
		       device_watched(o->rdev, o->mode, &o->asset);
	if (filter_maybe(o->ino)) {
		m = inode_mark(o->ino, o->dev, o->gen);
		if (m) {
			o->asset = m->asset;
			return true;
		}
	}
	if (!o->dentry)
		return false;
	o->asset = ancestor_asset(o->dentry, o->dev,
				  tree_gen != tree_clean ? CW_TREE_DEPTH_MAX : 1);
	if (o->asset == CW_NO_ASSET)
		return false;
	inode_set(o->ino, o->dev, o->gen, o->asset);
	return true;
}

static __always_inline bool object_of_file(struct object *o, struct file *file)
{
	object_fill(o, BPF_CORE_READ(file, f_inode), BPF_CORE_READ(file, f_path.dentry),
		    BPF_CORE_READ(file, f_path.mnt));
	return object_watched(o);
}

#endif
