/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is probably a copy out of a tree: a process read a recording and opens a file elsewhere for
 * writing within a minute, or has one as standard output. Calls that copy are in clone.bpf.h.
 */
#ifndef CW_COPY_BPF_H
#define CW_COPY_BPF_H

#include "hook.bpf.h"
#include "tell.bpf.h"

#define SYSFS_MAGIC   0x62656572
#define CGROUP_MAGIC  0x0027e0eb
#define CGROUP2_MAGIC 0x63677270

/* A file that could keep a copy. */
static __always_inline bool copy_keeps(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	unsigned long magic;

	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFREG ||
	    !(BPF_CORE_READ(file, f_mode) & FMODE_WRITE))
		return false;
	magic = BPF_CORE_READ(inode, i_sb, s_magic);
	return magic != PROC_MAGIC && magic != SYSFS_MAGIC && magic != CGROUP_MAGIC &&
	       magic != CGROUP2_MAGIC;
}

/* The current process opens a file that is not watched, for writing. */
static __always_inline int copy_probable(struct file *file, __u32 rung)
{
	struct telling *p;

	if (!copy_keeps(file))
		return 0;
	p = telling_new(CW_OP_COPY, CW_COPY_PROBABLE, rung);
	if (!p)
		return 0;
	p->file = address_of(file);
	touches_tell(p);
	return 0;
}

/* It opened a recording: does its standard output go into a file? */
static __noinline int copy_to_output(__u32 fd, __u32 rung)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *file = task_file(task, fd);
	__u64 key = (__u64)file;

	if (file && !bpf_map_lookup_elem(&opens, &key))
		copy_probable(file, rung);
	return 0;
}

#endif
