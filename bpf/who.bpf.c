/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who holds what at this moment, for `camwarden who`: every open device and every open file that
 * lies in a folder of recordings. An object of its own, so that it loads at once; it attaches to
 * nothing, keeps nothing, and is gone when it has been read.
 *
 * iter/task_file: since 5.8. Visits each table of descriptors once, also those that a thread has
 * for itself. Misses descriptors in a message or in a table of io_uring, and mappings.
 */
#include "kernel.bpf.h"

#define TREE_DEPTH_MAX 64

/* ---- set before each reading ---- */
__u32 n_roots;
struct cw_inode_key roots[CW_ASSETS_MAX];
__u32 only_tgid; /* of this process everything is told, whatever it is; 0: of the others */
__u32 not_tgid;	 /* of this one nothing */

static __always_inline __u32 root_of(__u64 ino, __u32 dev)
{
	for (__u32 i = 0; i < CW_ASSETS_MAX; i++) {
		if (i >= n_roots)
			break;
		if (roots[i].ino == ino && roots[i].dev == dev)
			return i;
	}
	return CW_NO_ASSET;
}

/* The folder of recordings that the file lies in, by the folders above it, not by its name. */
static __noinline __u32 tree_of(struct dentry *dentry, __u32 dev)
{
	struct dentry *parent;
	__u32 root;

	for (__u32 i = 0; i < TREE_DEPTH_MAX; i++) {
		parent = BPF_CORE_READ(dentry, d_parent);
		if (!parent || parent == dentry)
			break;
		root = root_of(BPF_CORE_READ(parent, d_inode, i_ino), dev);
		if (root != CW_NO_ASSET)
			return root;
		dentry = parent;
	}
	return CW_NO_ASSET;
}

static __always_inline __u32 access_of_mode(fmode_t mode)
{
	return (mode & FMODE_READ ? CW_ABI_READ : 0) | (mode & FMODE_WRITE ? CW_ABI_WRITE : 0);
}

SEC("iter/task_file")
int iter__holders(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct cw_holding h = {};
	struct inode *inode;
	__u32 type;

	if (!task || !file)
		return 0;
	h.tgid = BPF_CORE_READ(task, tgid);
	if ((only_tgid && h.tgid != only_tgid) || h.tgid == not_tgid)
		return 0;
	if (BPF_CORE_READ(file, f_mode) & FMODE_PATH && !only_tgid)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	h.mode = BPF_CORE_READ(inode, i_mode);
	type = h.mode & S_IFMT;
	h.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	h.ino = BPF_CORE_READ(inode, i_ino);
	h.asset = type == S_IFREG ? tree_of(BPF_CORE_READ(file, f_path.dentry), h.dev) :
				    CW_NO_ASSET;
	/* A regular file elsewhere may be a recording under another name: the agent's marks say. */
	if (type != S_IFREG && type != S_IFCHR && !only_tgid)
		return 0;
	h.rdev = type == S_IFCHR ? BPF_CORE_READ(inode, i_rdev) : 0;
	h.gen = BPF_CORE_READ(inode, i_sb, s_magic) == CW_MAGIC_OVERLAY ?
		0 : BPF_CORE_READ(inode, i_generation);
	h.fd = ctx->fd;
	h.access = access_of_mode(BPF_CORE_READ(file, f_mode));
	bpf_probe_read_kernel(&h.file, sizeof(h.file), &file);
	bpf_seq_write(ctx->meta->seq, &h, sizeof(h));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
