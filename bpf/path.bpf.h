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
 * `mount` may be 0: then the way ends at the root of the file system or, with `asset`, at the root
 * of that asset's tree. Returns the length, and the flags shifted by 16. The addresses come as
 * numbers.
 */
static __always_inline int path_walk(struct cw_names *names, __u64 start, __u64 mount, __u32 asset)
{
	struct dentry *dentry = (void *)start;
	struct vfsmount *vfsmnt = (void *)mount;
	struct mount *mnt = NULL, *up;
	struct dentry *mnt_root = NULL, *parent;
	__u64 root_ino = 0;
	__u64 off = 0; /* 64 bits: the verifier loses track of halves */
	__u32 flags = CW_PATH_CUT;
	const void *name;
	long n;

	if (vfsmnt) {
		mnt = (void *)vfsmnt - bpf_core_field_offset(struct mount, mnt);
		mnt_root = BPF_CORE_READ(vfsmnt, mnt_root);
	} else if (asset < CW_ASSETS_MAX) {
		root_ino = asset_roots[asset].ino;
	}
	for (__u32 i = 0; i < CW_PATH_STEPS; i++) {
		if (mnt && dentry == mnt_root) {
			up = BPF_CORE_READ(mnt, mnt_parent);
			if (!up || up == mnt) {
				flags = 0;
				break;
			}
			dentry = BPF_CORE_READ(mnt, mnt_mountpoint);
			mnt_root = BPF_CORE_READ(up, mnt.mnt_root);
			mnt = up;
			continue;
		}
		if (root_ino && BPF_CORE_READ(dentry, d_inode, i_ino) == root_ino) {
			flags = CW_PATH_IN_ASSET;
			break;
		}
		parent = BPF_CORE_READ(dentry, d_parent);
		/* A dentry without a way to the root (memfd, by handle) has a name still. */
		if (!parent || (parent == dentry && !(mnt && off == 0))) {
			flags = CW_PATH_IN_FS;
			break;
		}
		name = BPF_CORE_READ(dentry, d_name.name);
		n = path_name(names->text, off, CW_PATH_SIZE - CW_NAME_ROOM, CW_NAME_ROOM, name);
		if (!n)
			break;
		if (n < 0) {
			count_loss(CW_LOSS_PATHS);
			break;
		}
		off = path_advance(off, n);
		if (parent == dentry) {
			flags = CW_PATH_IN_FS;
			break;
		}
		dentry = parent;
	}
	return (int)(off | flags << 16);
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

__noinline int path_here(__u64 start, __u64 mount, __u32 asset)
{
	__u32 zero = 0;
	struct cw_names *names = bpf_map_lookup_elem(&names_here, &zero);

	return names ? path_walk(names, start, mount, asset) : 0;
}

static __always_inline int path_fill(struct cw_names *names, __u64 start, __u64 mount, __u32 asset)
{
	__u32 zero = 0;
	struct cw_names *here = bpf_map_lookup_elem(&names_here, &zero);
	/* They may come with a type, which is no number for the verifier. */
	int n = path_here(address_of((void *)start), address_of((void *)mount), asset);

	if (!here || bpf_probe_read_kernel(names, sizeof(*names), here))
		return 0;
	return n;
}
#else
__noinline int path_fill(struct cw_names *names, __u64 start, __u64 mount, __u32 asset)
{
	return names ? path_walk(names, start, mount, asset) : 0;
}
#endif

static __always_inline void path_write(char *text, struct dentry *dentry, struct vfsmount *mnt,
				       __u32 asset, struct path_result *r)
{
	int n = path_fill((struct cw_names *)text, (__u64)dentry, (__u64)mnt, asset);

	r->len = n & 0xffff;
	r->flags = (__u32)n >> 16;
}

#endif
