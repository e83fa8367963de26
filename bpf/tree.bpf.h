/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The LSM rung of names: created, moved, linked, removed, cut. Marks follow the inodes before the
 * call is done, so a first access is not lost; the events are evidence of what was asked and
 * permitted, just before the file system does it.
 */
#ifndef CW_TREE_BPF_H
#define CW_TREE_BPF_H

#include "emit.bpf.h"

/*
 * A device node gets, changes or loses a name. The kernel's own threads make and remove the nodes
 * of devtmpfs as devices come and go: that is no access.
 */
static __always_inline bool node_maybe(struct dentry *dentry)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct inode *inode = dentry->d_inode;
	umode_t mode;

	if (!inode)
		return false;
	mode = inode->i_mode;
	if ((mode & S_IFMT) != S_IFCHR && (mode & S_IFMT) != S_IFBLK)
		return false;
	return device_maybe(inode->i_rdev, mode) && !(BPF_CORE_READ(task, flags) & PF_KTHREAD);
}

static __noinline int removed(struct dentry *dentry)
{
	struct access a = { .op = CW_OP_UNLINK, .access = CW_ABI_DELETE, .fd = ~0u,
			    .rung = CW_RUNG_LSM };
	struct object o;

	object_of_dentry(&o, dentry);
	if (is_agent() || !object_watched(&o))
		return 0;
	return emit_access(&o, &a);
}

/* unlink(2), and whatever else takes a name away. The inode is still there: nlink says whether
 * this is the last name. */
SEC("lsm/inode_unlink")
int BPF_PROG(lsm__inode_unlink, struct inode *dir, struct dentry *dentry)
{
	if (dentry_maybe(dir, dentry) || node_maybe(dentry))
		removed(dentry);
	return 0;
}

SEC("lsm/inode_rmdir")
int BPF_PROG(lsm__inode_rmdir, struct inode *dir, struct dentry *dentry)
{
	if (dentry_maybe(dir, dentry))
		removed(dentry);
	return 0;
}

/* A directory with unmarked content has come in: all ancestors are asked until the agent has
 * marked it. */
static __noinline void tree_entered(struct object *o, struct dentry *to, __u32 asset)
{
	struct cw_record_rescan *r;
	struct path_result path = {};

	__sync_fetch_and_add(&tree_gen, 1);
	r = reserve_record(CW_RING_FILES, sizeof(*r), CW_RECORD_RESCAN, CW_LOSS_FILES);
	if (!r)
		return;
	r->ino = o->ino;
	r->dev = o->dev;
	r->asset = asset;
	path_write(r->path, (void *)address_of(to), NULL, asset, &path);
	r->path_len = path.len;
	r->path_flags = path.flags;
	bpf_ringbuf_submit(r, 0);
}

static __noinline int moved(struct dentry *from, struct inode *to_dir, struct dentry *to, __u32 op)
{
	struct access a = { .op = op, .access = CW_ABI_WRITE, .fd = ~0u, .rung = CW_RUNG_LSM };
	struct object o;
	__u32 asset = dir_asset(to_dir, to);
	bool was;

	object_of_dentry(&o, from);
	was = object_watched(&o);
	if (!was && asset == CW_NO_ASSET)
		return 0;
	if (!was) {
		o.asset = asset;
		if (!is_agent())
			inode_set(o.ino, o.dev, o.gen, asset);
		if ((o.mode & S_IFMT) == S_IFDIR)
			tree_entered(&o, to, asset);
	}
	if (is_agent())
		return 0;
	return emit_move(&o, &a, address_of(to), asset);
}

SEC("lsm/inode_rename")
int BPF_PROG(lsm__inode_rename, struct inode *old_dir, struct dentry *old, struct inode *new_dir,
	     struct dentry *new)
{
	if (dentry_maybe(old_dir, old) || dentry_maybe(new_dir, new) || node_maybe(old))
		moved(old, new_dir, new, CW_OP_RENAME);
	return 0;
}

SEC("lsm/inode_link")
int BPF_PROG(lsm__inode_link, struct dentry *old, struct inode *dir, struct dentry *new)
{
	struct inode *inode = old->d_inode;

	if (dentry_maybe(dir, new) || (inode && inode_maybe(inode, inode->i_mode)) ||
	    name_maybe(old))
		moved(old, dir, new, CW_OP_LINK);
	return 0;
}

/*
 * Something is made in a directory: if the directory lies in a tree it gets its mark now, so that
 * of two new directories below each other the upper always has one (see ancestor_asset).
 */
static __always_inline void made(struct inode *dir, struct dentry *dentry)
{
	if (dentry_maybe(dir, dentry))
		dir_asset(dir, dentry);
}

SEC("lsm/inode_mkdir")
int BPF_PROG(lsm__inode_mkdir, struct inode *dir, struct dentry *dentry)
{
	made(dir, dentry);
	return 0;
}

SEC("lsm/inode_mknod")
int BPF_PROG(lsm__inode_mknod, struct inode *dir, struct dentry *dentry)
{
	made(dir, dentry);
	return 0;
}

static __noinline int attributes_set(struct dentry *dentry, struct iattr *attr)
{
	struct access a = { .access = CW_ABI_WRITE, .fd = ~0u, .rung = CW_RUNG_LSM };
	__u32 valid = BPF_CORE_READ(attr, ia_valid);
	struct object o;

	if (!(valid & (ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_SIZE)))
		return 0;
	object_of_dentry(&o, dentry);
	if (is_agent() || !object_watched(&o))
		return 0;
	a.op = valid & ATTR_SIZE ? CW_OP_TRUNCATE : CW_OP_ATTR;
	if (valid & ATTR_SIZE) {
		a.access |= CW_ABI_TRUNCATE;
		a.bytes = BPF_CORE_READ(attr, ia_size);
	}
	return emit_access(&o, &a);
}

static __always_inline void setattr_asked(struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = dentry->d_inode;

	if ((inode && inode_maybe(inode, inode->i_mode)) || name_maybe(dentry))
		attributes_set(dentry, attr);
}

/* truncate, ftruncate, open with O_TRUNC, chmod, chown. 6.0 added the first argument
 * (0e363cf3fa59). */
SEC("lsm/inode_setattr")
int BPF_PROG(lsm__inode_setattr, void *idmap, struct dentry *dentry, struct iattr *attr)
{
	setattr_asked(dentry, attr);
	return 0;
}

SEC("lsm/inode_setattr")
int BPF_PROG(lsm__inode_setattr_v5_10, struct dentry *dentry, struct iattr *attr)
{
	setattr_asked(dentry, attr);
	return 0;
}

/*
 * An inode leaves memory. One without a name is gone for good, and its number is free. On FAT and
 * on overlays it is free in any case: there an inode has a number for as long as it is in memory.
 */
SEC("lsm/inode_free_security")
int BPF_PROG(lsm__inode_free_security, struct inode *inode)
{
	struct cw_inode_key key = {};
	unsigned long magic;

	if (!filter_maybe(inode->i_ino))
		return 0;
	magic = inode->i_sb->s_magic;
	if (inode->i_nlink && magic != MSDOS_MAGIC && magic != EXFAT_MAGIC &&
	    magic != OVERLAY_MAGIC)
		return 0;
	key.ino = inode->i_ino;
	key.dev = inode->i_sb->s_dev;
	if (inode_mark(key.ino, key.dev, inode_generation(inode)))
		bpf_map_delete_elem(&inodes, &key);
	return 0;
}

#endif
