// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Do type descriptions from a file fit the kernel that runs? Those of another kernel mostly load as
 * well, and then every field is read from a wrong place. So the agent has a few things read that it
 * knows, about itself and a file of its own, and compares (userspace/source/types.c).
 */
#include "kernel.bpf.h"

const volatile __u32 self_tgid = 0;
const volatile __u32 known_fd = 0;
__u32 seen_tgid, seen_leader, seen_uid, seen_dev, seen_mode;
__u64 seen_ino, seen_size, seen_start_ns;
char seen_comm[16], seen_name[16];

SEC("raw_tp/sys_exit")
int types__read(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file **slots, *file = 0;

	if (bpf_get_current_pid_tgid() >> 32 != self_tgid)
		return 0;
	seen_tgid = BPF_CORE_READ(task, tgid);
	seen_leader = BPF_CORE_READ(task, group_leader, pid);
	seen_uid = BPF_CORE_READ(task, cred, uid.val);
	seen_start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	bpf_core_read_str(seen_comm, sizeof(seen_comm), &task->comm);
	slots = BPF_CORE_READ(task, files, fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), slots + known_fd);
	seen_ino = BPF_CORE_READ(file, f_inode, i_ino);
	seen_dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
	seen_mode = BPF_CORE_READ(file, f_inode, i_mode);
	seen_size = BPF_CORE_READ(file, f_inode, i_size);
	bpf_probe_read_kernel_str(seen_name, sizeof(seen_name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
