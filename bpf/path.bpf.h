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
 * `buf` is CW_PATH_SIZE bytes. `mnt` may be NULL: then the way ends at the root of the file system
 * or, with `asset`, at the root of that asset's tree.
 */
static __always_inline void path_write(char *buf, struct dentry *dentry, struct vfsmount *vfsmnt,
				       __u32 asset, struct path_result *r)
{
	struct mount *mnt = NULL;
	struct dentry *mnt_root = NULL;
	struct dentry *parent;
	__u64 root_ino = 0;
	__u32 off = 0;
	long n;

	if (vfsmnt) {
		mnt = (void *)vfsmnt - bpf_core_field_offset(struct mount, mnt);
		mnt_root = BPF_CORE_READ(vfsmnt, mnt_root);
	} else if (asset < CW_ASSETS_MAX) {
		root_ino = asset_roots[asset].ino;
	}
	r->flags = CW_PATH_CUT;
	for (int i = 0; i < CW_PATH_STEPS; i++) {
		if (mnt && dentry == mnt_root) {
			struct mount *up = BPF_CORE_READ(mnt, mnt_parent);

			if (!up || up == mnt) {
				r->flags = 0;
				break;
			}
			dentry = BPF_CORE_READ(mnt, mnt_mountpoint);
			mnt_root = BPF_CORE_READ(up, mnt.mnt_root);
			mnt = up;
			continue;
		}
		if (root_ino && BPF_CORE_READ(dentry, d_inode, i_ino) == root_ino) {
			r->flags = CW_PATH_IN_ASSET;
			break;
		}
		parent = BPF_CORE_READ(dentry, d_parent);
		if (!parent || parent == dentry) {
			r->flags = mnt ? 0 : CW_PATH_IN_FS;
			/* A disconnected or anonymous dentry (memfd, by handle) has a name still. */
			if (mnt && off == 0 && off <= CW_PATH_SIZE - CW_NAME_ROOM) {
				n = bpf_probe_read_kernel_str(&buf[off], CW_NAME_ROOM,
							      BPF_CORE_READ(dentry, d_name.name));
				if (n > 0)
					off += n;
			}
			break;
		}
		if (off > CW_PATH_SIZE - CW_NAME_ROOM)
			break;
		n = bpf_probe_read_kernel_str(&buf[off], CW_NAME_ROOM,
					      BPF_CORE_READ(dentry, d_name.name));
		if (n < 0) {
			count_loss(CW_LOSS_PATHS);
			break;
		}
		off += n;
		dentry = parent;
	}
	r->len = off;
}

#endif
