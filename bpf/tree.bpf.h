/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Names as the kernel's own functions tell of them (LSM, fentry, kprobe): created, moved, linked,
 * removed, cut. Marks follow the inodes before the call is done, so a first access is not lost; the
 * events are evidence of what was asked and permitted (kprobe: asked), just before the file system
 * does it.
 */
#ifndef CW_TREE_BPF_H
#define CW_TREE_BPF_H

#include "emit.bpf.h"

/*
 * A device node gets, changes or loses a name. The kernel's own threads make and remove the nodes
 * of devtmpfs as devices come and go: that is no access.
 */
static __always_inline bool node_maybe(enum cw_rung rung, struct dentry *dentry)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct inode *inode = FIELD(rung, dentry, d_inode);
	umode_t mode;

	if (!inode)
		return false;
	mode = FIELD(rung, inode, i_mode);
	if ((mode & S_IFMT) != S_IFCHR && (mode & S_IFMT) != S_IFBLK)
		return false;
	return inode_maybe(rung, inode, mode) && !(BPF_CORE_READ(task, flags) & PF_KTHREAD);
}

/* Another name of the object that is in memory; 0: none that is known. */
static __always_inline __u64 name_left(struct object *o, struct dentry *but)
{
	struct inode *inode = o->inode;
	struct hlist_node *link;
	__u64 offset, skip = address_of(but);

	if ((o->mode & S_IFMT) != S_IFREG || BPF_CORE_READ(inode, i_nlink) < 2)
		return 0;
	if (bpf_core_field_exists(((struct dentry___v7_3 *)0)->d_alias))
		offset = bpf_core_field_offset(struct dentry___v7_3, d_alias);
	else if (bpf_core_field_exists(((struct dentry *)0)->d_u))
		offset = bpf_core_field_offset(struct dentry, d_u);
	else
		return 0;
	link = BPF_CORE_READ(inode, i_dentry.first);
	for (int i = 0; i < 8 && link; i++) {
		if ((__u64)link - offset != skip)
			return (__u64)link - offset;
		link = BPF_CORE_READ(link, next);
	}
	return 0;
}

static __noinline int removed(struct dentry *dentry, __u32 rung)
{
	struct access a = { .op = CW_OP_UNLINK, .access = CW_ABI_DELETE, .fd = ~0u, .rung = rung };
	struct object o;
	__u64 other;

	object_of_dentry(&o, dentry);
	if (is_agent() || !object_watched(&o))
		return 0;
	a.result = self_result(o.asset);
	other = name_left(&o, dentry);
	if (other)
		return emit_move(&o, &a, other, o.asset);
	return emit_access(&o, &a);
}

/* unlink(2), and whatever else takes a name away. The inode is still there: nlink says whether
 * this is the last name. */
static __always_inline void on_inode_unlink(enum cw_rung rung, struct inode *dir,
					    struct dentry *dentry)
{
	if (dentry_maybe(rung, dir, dentry) || node_maybe(rung, dentry))
		removed(dentry, rung);
}

HOOK(inode_unlink, (struct inode *dir, struct dentry *dentry), (dir, dentry))

static __always_inline void on_inode_rmdir(enum cw_rung rung, struct inode *dir,
					   struct dentry *dentry)
{
	if (dentry_maybe(rung, dir, dentry))
		removed(dentry, rung);
}

HOOK(inode_rmdir, (struct inode *dir, struct dentry *dentry), (dir, dentry))

/* A directory with unmarked content has come in: all ancestors are asked until the agent has
 * marked it. */
static __noinline void tree_entered(struct object *o, struct dentry *to, __u32 asset)
{
	struct cw_record_rescan *r;
	struct path_result path = {};

	tree_raise();
	r = reserve_record(CW_RING_FILES, sizeof(*r), CW_RECORD_RESCAN, CW_LOSS_FILES);
	if (!r)
		return;
	r->ino = o->ino;
	r->dev = o->dev;
	r->asset = asset;
	path_write(r->path, (void *)address_of(to), NULL, asset, &path);
	r->path_len = path.len;
	r->path_flags = path.flags;
	submit_record(r);
}

/* A file of the agent loses its name to another. */
static __noinline int replaced(struct dentry *dentry, __u32 rung)
{
	struct access a = { .op = CW_OP_UNLINK, .access = CW_ABI_DELETE | CW_ABI_WRITE, .fd = ~0u,
			    .rung = rung };
	struct object o;

	object_of_dentry(&o, dentry);
	if (is_agent() || !o.inode || !object_watched(&o) || !asset_is_self(o.asset))
		return 0;
	a.result = self_result(o.asset);
	return emit_access(&o, &a);
}

static __noinline int moved(struct dentry *from, struct inode *to_dir, struct dentry *to, __u32 op,
			    __u32 rung)
{
	struct access a = { .op = op, .access = CW_ABI_WRITE, .fd = ~0u, .rung = rung };
	struct object o;
	__u32 asset = dir_asset(to_dir, to);
	bool was;

	object_of_dentry(&o, from);
	was = object_watched(&o);
	a.result = op == CW_OP_RENAME ? self_result(o.asset) : 0;
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

#define RENAME_EXCHANGE_ 2

/* Of an exchange the hook is told twice, the function behind it once: the other way round first. */
static __always_inline void on_inode_rename(enum cw_rung rung, struct inode *old_dir,
					    struct dentry *old, struct inode *new_dir,
					    struct dentry *new, unsigned int flags)
{
	if (!dentry_maybe(rung, old_dir, old) && !dentry_maybe(rung, new_dir, new) &&
	    !node_maybe(rung, old))
		return;
	if (flags & RENAME_EXCHANGE_)
		moved(new, old_dir, old, CW_OP_RENAME, rung);
	moved(old, new_dir, new, CW_OP_RENAME, rung);
	replaced(new, rung);
}

HOOK_LSM(inode_rename, inode_rename, (struct inode *old_dir, struct dentry *old,
				      struct inode *new_dir, struct dentry *new),
	 (old_dir, old, new_dir, new, 0))
HOOK_FEXIT(inode_rename, security_inode_rename, (struct inode *old_dir, struct dentry *old,
						 struct inode *new_dir, struct dentry *new,
						 unsigned int flags),
	   (old_dir, old, new_dir, new, flags))
HOOK_KPROBE(inode_rename, security_inode_rename, (struct inode *old_dir, struct dentry *old,
						  struct inode *new_dir, struct dentry *new,
						  unsigned int flags),
	    (old_dir, old, new_dir, new, flags))

static __always_inline void on_inode_link(enum cw_rung rung, struct dentry *old, struct inode *dir,
					  struct dentry *new)
{
	struct inode *inode = FIELD(rung, old, d_inode);

	if (dentry_maybe(rung, dir, new) || name_maybe(rung, old) ||
	    (inode && inode_maybe(rung, inode, FIELD(rung, inode, i_mode))))
		moved(old, dir, new, CW_OP_LINK, rung);
}

HOOK(inode_link, (struct dentry *old, struct inode *dir, struct dentry *new), (old, dir, new))

/*
 * Something is made in a directory: if the directory lies in a tree it gets its mark now, so that
 * of two new directories below each other the upper always has one (see ancestor_asset).
 */
static __always_inline void on_inode_mkdir(enum cw_rung rung, struct inode *dir,
					   struct dentry *dentry)
{
	if (dentry_maybe(rung, dir, dentry))
		dir_asset(dir, dentry);
}

HOOK(inode_mkdir, (struct inode *dir, struct dentry *dentry, umode_t mode), (dir, dentry))

#define on_inode_mknod on_inode_mkdir
HOOK(inode_mknod, (struct inode *dir, struct dentry *dentry, umode_t mode, unsigned int rdev),
     (dir, dentry))

/*
 * An inode in a tree without a mark gets a name in memory: it was just made, or found in its
 * folder. A folder that has another name already brings content.
 */
static __noinline int named(struct dentry *dentry, struct inode *inode)
{
	struct object o;
	bool known;

	object_fill(&o, inode, dentry, NULL);
	if (is_node(o.mode))
		return 0;
	known = filter_maybe(o.ino) && inode_mark(o.ino, o.dev, o.gen);
	if (!known && object_watched(&o) && (o.mode & S_IFMT) == S_IFDIR && inode_name(inode))
		tree_entered(&o, dentry, o.asset);
	return 0;
}

/*
 * Every way by which an inode gets a name in memory comes here, before anybody can open it: made by
 * whatever call, or looked up. So what a tree has gets its mark, and an open need not ask for the
 * folder. The price is paid by look-ups that are not in the cache of names. Misses: a network file
 * system that moves a name by itself.
 */
static __always_inline void on_d_instantiate(enum cw_rung rung, struct dentry *dentry,
					     struct inode *inode)
{
	if (inode && dentry_filter(rung, FIELD(rung, dentry, d_parent)))
		named(dentry, inode);
}

HOOK_VOID(d_instantiate, d_instantiate, (struct dentry *dentry, struct inode *inode),
	  (dentry, inode))
#define ATTR_TOLD (ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_SIZE)

static __noinline int attributes_set(struct dentry *dentry, struct iattr *attr, __u32 rung)
{
	struct access a = { .access = CW_ABI_WRITE, .fd = ~0u, .rung = rung };
	__u32 valid = BPF_CORE_READ(attr, ia_valid);
	struct object o;

	if (!(valid & ATTR_TOLD))
		return 0;
	object_of_dentry(&o, dentry);
	if (is_agent() || !object_watched(&o))
		return 0;
	a.result = self_result(o.asset);
	a.op = valid & ATTR_SIZE ? CW_OP_TRUNCATE : CW_OP_ATTR;
	if (valid & ATTR_SIZE) {
		a.access |= CW_ABI_TRUNCATE;
		a.bytes = BPF_CORE_READ(attr, ia_size);
	}
	return emit_access(&o, &a);
}

static __always_inline void on_inode_setattr(enum cw_rung rung, struct dentry *dentry,
					     struct iattr *attr)
{
	struct inode *inode = FIELD(rung, dentry, d_inode);

	if ((inode && inode_maybe(rung, inode, FIELD(rung, inode, i_mode))) ||
	    name_maybe(rung, dentry))
		attributes_set(dentry, attr, rung);
}

/* truncate, ftruncate, open with O_TRUNC, chmod, chown. 6.0 added the first argument
 * (0e363cf3fa59). */
HOOK(inode_setattr, (void *idmap, struct dentry *dentry, struct iattr *attr), (dentry, attr))

#define on_inode_setattr_v5_10 on_inode_setattr
HOOK_LSM(inode_setattr_v5_10, inode_setattr, (struct dentry *dentry, struct iattr *attr),
	 (dentry, attr))
HOOK_FEXIT(inode_setattr_v5_10, security_inode_setattr, (struct dentry *dentry, struct iattr *attr),
	   (dentry, attr))
HOOK_KPROBE(inode_setattr_v5_10, security_inode_setattr,
	    (struct dentry *dentry, struct iattr *attr), (dentry, attr))

static __noinline int acl_set(struct dentry *dentry, __u32 rung)
{
	/* `bytes`: it is an access list. */
	struct access a = { .op = CW_OP_ATTR, .access = CW_ABI_WRITE, .fd = ~0u, .rung = rung,
			    .bytes = 1 };
	struct object o;

	object_of_dentry(&o, dentry);
	if (is_agent() || !object_watched(&o))
		return 0;
	return emit_access(&o, &a);
}

static __always_inline void on_inode_set_acl(enum cw_rung rung, struct dentry *dentry)
{
	struct inode *inode = FIELD(rung, dentry, d_inode);

	if ((inode && inode_maybe(rung, inode, FIELD(rung, inode, i_mode))) ||
	    name_maybe(rung, dentry))
		acl_set(dentry, rung);
}

/* Access lists have hooks of their own since 6.2 (72b3897e7813, 31acceb97500). */
HOOK(inode_set_acl, (void *idmap, struct dentry *dentry, const char *name, void *acl), (dentry))
#define on_inode_remove_acl on_inode_set_acl
HOOK(inode_remove_acl, (void *idmap, struct dentry *dentry, const char *name), (dentry))

/* Before, they are extended attributes like others: "system.posix_acl_access" and "_default". */
static __always_inline void on_inode_setxattr(enum cw_rung rung, struct dentry *dentry,
					      const char *name)
{
	static const char wanted[] = "system.posix_acl";
	char begin[16] = {};

	bpf_probe_read_kernel(begin, sizeof(begin), name);
	for (int i = 0; i < (int)sizeof(begin); i++)
		if (begin[i] != wanted[i])
			return;
	on_inode_set_acl(rung, dentry);
}

/* 5.12 added the first argument, as of inode_setattr (c7c7a1a18af4). */
HOOK_LSM(inode_setxattr, inode_setxattr, (void *idmap, struct dentry *dentry, const char *name),
	 (dentry, name))
HOOK_FEXIT(inode_setxattr, security_inode_setxattr,
	   (void *idmap, struct dentry *dentry, const char *name, const void *value,
	    unsigned long size, int flags), (dentry, name))
HOOK_KPROBE(inode_setxattr, security_inode_setxattr,
	    (void *idmap, struct dentry *dentry, const char *name), (dentry, name))
#define on_inode_removexattr on_inode_setxattr
HOOK(inode_removexattr, (void *idmap, struct dentry *dentry, const char *name), (dentry, name))
#define on_inode_setxattr_v5_10 on_inode_setxattr
HOOK_LSM(inode_setxattr_v5_10, inode_setxattr, (struct dentry *dentry, const char *name),
	 (dentry, name))
HOOK_FEXIT(inode_setxattr_v5_10, security_inode_setxattr,
	   (struct dentry *dentry, const char *name, const void *value, unsigned long size,
	    int flags), (dentry, name))
HOOK_KPROBE(inode_setxattr_v5_10, security_inode_setxattr,
	    (struct dentry *dentry, const char *name), (dentry, name))
#define on_inode_removexattr_v5_10 on_inode_setxattr
HOOK_LSM(inode_removexattr_v5_10, inode_removexattr, (struct dentry *dentry, const char *name),
	 (dentry, name))
HOOK_FEXIT(inode_removexattr_v5_10, security_inode_removexattr,
	   (struct dentry *dentry, const char *name), (dentry, name))
HOOK_KPROBE(inode_removexattr_v5_10, security_inode_removexattr,
	    (struct dentry *dentry, const char *name), (dentry, name))

/* The content of a recording is gone for good. */
static __noinline int gone(struct inode *inode, __u32 asset, __u32 rung)
{
	struct access a = { .op = CW_OP_GONE, .fd = ~0u, .rung = rung };
	struct object o;

	object_fill(&o, inode, NULL, NULL);
	o.asset = asset;
	return (o.mode & S_IFMT) == S_IFREG ? emit_access(&o, &a) : 0;
}

/*
 * An inode leaves memory. One without a name is gone for good, and its number is free; where
 * numbers pass, in any case.
 */
static __always_inline void on_inode_free(enum cw_rung rung, struct inode *inode)
{
	struct cw_inode_key key = { .ino = FIELD(rung, inode, i_ino) };
	unsigned long magic;
	struct cw_inode *m;

	if (!filter_maybe(key.ino))
		return;
	magic = BPF_CORE_READ(inode, i_sb, s_magic);
	if (BPF_CORE_READ(inode, i_nlink) && !CW_NUMBERS_PASS(magic))
		return;
	key.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	m = inode_mark(key.ino, key.dev, inode_generation(inode));
	if (!m)
		return;
	if (m->asset < CW_ASSETS_MAX && !BPF_CORE_READ(inode, i_nlink))
		gone(inode, m->asset, rung);
	if (bpf_map_delete_elem(&inodes, &key))
		return;
	__sync_fetch_and_add(&inode_filter[filter_slot(key.ino)], -1);
	__sync_fetch_and_add(&marks, -1);
}

HOOK_VOID(inode_free, inode_free_security, (struct inode *inode), (inode))

#endif
