// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What can this kernel do? Loaded before the probes, program by program. A kind of hook counts as
 * there only when it was seen to run: BPF LSM, for one, loads and attaches and stays silent where
 * "bpf" is not in the list of security modules.
 */
#include "kernel.bpf.h"

const volatile __u32 self_tgid = 0;
__u64 lsm_runs, fentry_runs, fexit_runs, kprobe_runs, kretprobe_runs, tp_btf_runs, raw_tp_runs;
__u64 jiffies_now, time_now_ns; /* two samples give the jiffies a second */

static __always_inline void ran(__u64 *counter)
{
	if (bpf_get_current_pid_tgid() >> 32 == self_tgid)
		__sync_fetch_and_add(counter, 1);
}

SEC("lsm/file_open")
int BPF_PROG(calib__lsm, struct file *file)
{
	ran(&lsm_runs);
	return 0;
}

SEC("fentry/security_file_open")
int BPF_PROG(calib__fentry, struct file *file)
{
	ran(&fentry_runs);
	return 0;
}

SEC("fexit/security_file_open")
int BPF_PROG(calib__fexit, struct file *file, int ret)
{
	ran(&fexit_runs);
	return 0;
}

SEC("kprobe/security_file_open")
int calib__kprobe(void *ctx)
{
	ran(&kprobe_runs);
	return 0;
}

SEC("kretprobe/security_file_open")
int calib__kretprobe(void *ctx)
{
	ran(&kretprobe_runs);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(calib__tp_btf, struct pt_regs *regs, long ret)
{
	ran(&tp_btf_runs);
	return 0;
}

SEC("raw_tp/sys_exit")
int calib__raw_tp(void *ctx)
{
	if (bpf_get_current_pid_tgid() >> 32 != self_tgid)
		return 0;
	raw_tp_runs++;
	jiffies_now = bpf_jiffies64();
	time_now_ns = bpf_ktime_get_boot_ns();
	return 0;
}

/* A function of its own with a pointer to memory of a known size: since 5.13. */
__noinline int global_function(struct cw_exe_key *key)
{
	return key ? key->dev : 0;
}

SEC("raw_tp/sys_exit")
int calib__global(void *ctx)
{
	struct cw_exe_key key = {};

	raw_tp_runs++;
	return global_function(&key);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
