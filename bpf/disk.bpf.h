/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Loop devices over what is watched. Which disks have the content of a tree, the agent reads in
 * sysfs (userspace/enrich/disk.c), and their opens are seen like those of any device. A loop device
 * may be opened first and put over a disk then: that is seen here, before it can be read.
 */
#ifndef CW_DISK_BPF_H
#define CW_DISK_BPF_H

#include "emit.bpf.h"

/* uapi/linux/loop.h */
#define LOOP_SET_FD_    0x4c00
#define LOOP_CHANGE_FD_ 0x4c06
#define LOOP_CONFIGURE_ 0x4c0a

static __always_inline bool is_loop_ioctl(__u32 cmd)
{
	return cmd == LOOP_SET_FD_ || cmd == LOOP_CHANGE_FD_ || cmd == LOOP_CONFIGURE_;
}

/*
 * What the loop device is put over, as CW_LOOP_OVER_DISK or an inode number; 0: nothing watched.
 * struct loop_config begins with the descriptor, too.
 */
static __noinline __u64 loop_source(__u32 cmd, __u64 arg)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *file;
	struct object o;
	__u32 fd = arg;

	if (cmd == LOOP_CONFIGURE_ && bpf_probe_read_user(&fd, sizeof(fd), (void *)arg))
		return 0;
	file = task_file(task, fd);
	if (!file)
		return 0;
	object_fill(&o, BPF_CORE_READ(file, f_inode), BPF_CORE_READ(file, f_path.dentry),
		    BPF_CORE_READ(file, f_path.mnt));
	if (!object_watched(&o) || o.asset == CW_ASSET_MAYBE)
		return 0;
	return (o.mode & S_IFMT) == S_IFBLK ? CW_LOOP_OVER_DISK | o.rdev : o.ino;
}

/*
 * Misses: who has the device open already by another descriptor; the agent is told by the kernel
 * and watches the next open.
 */
static __noinline int loop_set(struct file *file, __u32 cmd, __u64 arg, __u32 rung)
{
	struct access a = { .op = CW_OP_OPEN, .access = CW_ABI_READ, .fd = ~0u, .rung = rung };
	struct cw_device value = { .asset = CW_ASSET_BELOW };
	struct cw_device_key key = {};
	struct object o;

	object_fill(&o, BPF_CORE_READ(file, f_inode), BPF_CORE_READ(file, f_path.dentry),
		    BPF_CORE_READ(file, f_path.mnt));
	if ((o.mode & S_IFMT) != S_IFBLK || CW_MAJOR(o.rdev) != CW_LOOP_MAJOR || is_agent())
		return 0;
	a.bytes = loop_source(cmd, arg);
	if (!a.bytes)
		return 0;
	key.rdev = o.rdev | CW_BLOCK_BIT;
	bpf_map_update_elem(&devices, &key, &value, BPF_ANY);
	if (!block_majors[CW_LOOP_MAJOR])
		block_majors[CW_LOOP_MAJOR] = 2;
	o.asset = CW_ASSET_BELOW;
	return emit_access(&o, &a);
}

#endif
