/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Writes the names on the way from an object to the root, leaf first, each NUL-terminated; the
 * agent turns them round. Evidence only: nothing is decided by a name. bpf_d_path is not used: it
 * may be called from few hooks only, and not at all on the lower rungs.
 */
#ifndef CW_PATH_BPF_H
#define CW_PATH_BPF_H

#include "maps.bpf.h"

#define CW_PATH_STEPS 40
#define CW_NAME_ROOM  256 /* NAME_MAX and its NUL */

struct path_result {
	__u32 len;
	__u32 flags;
};

/*
 * Advances an offset. The mask changes nothing (an offset never exceeds CW_PATH_SIZE) but gives the
 * verifier the same range in every turn of a loop; with the growing ranges of a plain addition it
 * followed each number of names separately and ran out of instructions.
 */
static __always_inline __u64 path_advance(__u64 off, long n)
{
	off += n;
	asm volatile("" : "+r"(off));
	return off & (2 * CW_PATH_SIZE - 1);
}

/*
 * Appends one name, its NUL included; 0: no room. The check and the use must stand together on one
 * register: 6.1 forgets what it learned of a copy that was spilled between them.
 */
static __always_inline long path_name(char *buf, __u64 off, __u64 last, __u32 room,
				      const void *name)
{
	asm volatile("" : "+r"(off));
	if (off > last)
		return 0;
	return bpf_probe_read_kernel_str(buf + off, room, name);
}

/*
 * Where a walk is; stands behind the names, for want of room on the stack. Addresses are numbers:
 * in memory the verifier would not know them anyway.
 */
struct path_state {
	__u64 dentry;
	__u64 mnt; /* 0: the way ends at the root of the file system */
	__u64 mnt_root;
	__u64 root_ino; /* or at this inode; 0: none */
	__u64 off;	/* 64 bits: the verifier loses track of halves */
	__u64 flags;
};

static __always_inline struct path_state *path_state(struct cw_names *names)
{
	_Static_assert(sizeof(struct path_state) == sizeof(names->walk), "what abi.h keeps for it");
	return (void *)names->walk;
}

/* `mount` may be 0: then the way ends at the file system's root or, with `asset`, at its tree's. */
static __always_inline void path_begin(struct path_state *s, __u64 start, __u64 mount, __u32 asset)
{
	__builtin_memset(s, 0, sizeof(*s));
	s->dentry = start;
	s->flags = CW_PATH_CUT;
	if (mount) {
		s->mnt = mount - bpf_core_field_offset(struct mount, mnt);
		s->mnt_root = (__u64)BPF_CORE_READ((struct vfsmount *)mount, mnt_root);
	} else if (asset < CW_ASSETS_MAX) {
		s->root_ino = asset_roots[asset].ino;
	}
}

/* From a mount's root to what it is mounted on. 0: it is on nothing, which is the end. */
static __always_inline int path_cross(struct path_state *s)
{
	struct mount *mnt = (void *)s->mnt, *up = BPF_CORE_READ(mnt, mnt_parent);

	if (!up || up == mnt) {
		/* The root of all, or of a mount that was taken away. */
		s->flags = BPF_CORE_READ(mnt, mnt_ns) ? 0 : CW_PATH_IN_FS;
		return 0;
	}
	s->dentry = (__u64)BPF_CORE_READ(mnt, mnt_mountpoint);
	s->mnt_root = (__u64)BPF_CORE_READ(up, mnt.mnt_root);
	s->mnt = (__u64)up;
	return 1;
}

/* Adds a name, or crosses a mount. 0: that was the end of the way. */
static __always_inline int path_one(struct cw_names *names)
{
	struct path_state *s = path_state(names);
	struct dentry *dentry = (void *)s->dentry, *parent;
	const void *name;
	long n;

	if (s->mnt && s->dentry == s->mnt_root)
		return path_cross(s);
	if (s->root_ino && BPF_CORE_READ(dentry, d_inode, i_ino) == s->root_ino) {
		s->flags = CW_PATH_IN_ASSET;
		return 0;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	/* A dentry without a way to the root (memfd, by handle) has a name still. */
	if (!parent || (parent == dentry && !(s->mnt && s->off == 0))) {
		s->flags = CW_PATH_IN_FS;
		return 0;
	}
	name = BPF_CORE_READ(dentry, d_name.name);
	n = path_name(names->text, s->off, CW_PATH_SIZE - CW_NAME_ROOM, CW_NAME_ROOM, name);
	if (n < 0)
		count_loss(CW_LOSS_PATHS);
	if (n <= 0)
		return 0;
	s->off = path_advance(s->off, n);
	if (parent == dentry) {
		s->flags = CW_PATH_IN_FS;
		return 0;
	}
	s->dentry = (__u64)parent;
	return 1;
}

/* What came of it; addresses do not leave the kernel. */
static __always_inline void path_result(struct path_result *r, struct cw_names *names)
{
	struct path_state *s = path_state(names);

	r->len = s->off;
	r->flags = s->flags;
	s->dentry = s->mnt = s->mnt_root = 0;
}

#ifdef CW_BEFORE_5_13
/*
 * A function that is read once may not be given the memory to write to. Memory of each processor
 * will do: until 5.11 no program is preempted by another (but on a real-time kernel a path, which
 * is evidence only, might get mixed up).
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cw_names);
} names_here SEC(".maps");

__noinline int path_here(__u64 dentry, __u64 mount, __u32 asset)
{
	__u32 zero = 0;
	struct cw_names *names = bpf_map_lookup_elem(&names_here, &zero);

	if (!names)
		return 0;
	path_begin(path_state(names), dentry, mount, asset);
	for (__u32 i = 0; i < CW_PATH_STEPS && path_one(names); i++)
		;
	return 1;
}

static __always_inline void path_write(char *text, struct dentry *dentry, struct vfsmount *mnt,
				       __u32 asset, struct path_result *r)
{
	__u32 zero = 0;
	struct cw_names *here = bpf_map_lookup_elem(&names_here, &zero);

	/* They may come with a type, which is no number for the verifier. */
	if (path_here(address_of(dentry), address_of(mnt), asset) && here &&
	    !bpf_probe_read_kernel(text, CW_PATH_SIZE, here))
		path_result(r, here);
}
#else
/* Read once by the verifier, not at each turn: it was most of what a program cost to load. */
__noinline int path_step(struct cw_names *names)
{
	return names ? path_one(names) : 0;
}

static __always_inline void path_write(char *text, struct dentry *dentry, struct vfsmount *mnt,
				       __u32 asset, struct path_result *r)
{
	struct cw_names *names = (void *)text;

	path_begin(path_state(names), (__u64)dentry, (__u64)mnt, asset);
	for (__u32 i = 0; i < CW_PATH_STEPS && path_step(names); i++)
		;
	path_result(r, names);
}
#endif

/*
 * The path of an executable, by which it may be granted something. Where a user made the mount
 * namespace, for which he needs no rights, he mounts what he likes wherever he likes: that path is
 * not one of the machine.
 */
static __always_inline void path_of_exe(char *text, struct file *exe, struct path_result *r)
{
	struct vfsmount *mnt = BPF_CORE_READ(exe, f_path.mnt);
	struct mount *m = (void *)((__u64)mnt - bpf_core_field_offset(struct mount, mnt));

	path_write(text, BPF_CORE_READ(exe, f_path.dentry), mnt, CW_NO_ASSET, r);
	if (BPF_CORE_READ(m, mnt_ns, user_ns, level) > 0)
		r->flags |= CW_PATH_IN_FS;
}

#endif
