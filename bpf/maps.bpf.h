/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Every map and every variable that the agent sets or reads. Each says what happens when it is
 * full.
 */
#ifndef CW_MAPS_BPF_H
#define CW_MAPS_BPF_H

#include "kernel.bpf.h"

/*
 * A function that the verifier reads once for a program, not at every call. Its pointers may only
 * be to memory of a known size, which kernels before 5.13 (e5069b9c23b3) do not allow: for those it
 * is an ordinary one.
 */
#ifdef CW_BEFORE_5_13
#define CW_GLOBAL static __noinline
#else
#define CW_GLOBAL __noinline
#endif

/*
 * The number before an addition. Atomic additions tell it since 5.12 (5ca419f2864a); until then the
 * sum is as right, but two additions at once may be told the same.
 */
#ifdef CW_BEFORE_5_13
#define FETCH_ADD(p, n) \
	({ __u64 before_ = *(volatile __u64 *)(p); __sync_fetch_and_add(p, n); before_; })
#else
#define FETCH_ADD(p, n) __sync_fetch_and_add(p, n)
#endif

/* ---- set before load ---- */
const volatile __u32 self_tgid = 0;	/* the agent: its own accesses are not reported */
const volatile __u32 self_mnt_ns = 0;	/* its mount namespace */
const volatile bool defer_devices = false; /* the result of a device's open is seen later */
const volatile bool tp_open = false;	/* system calls tell of opens (else of refusals only) */
const volatile bool tp_denied = false;	/* system calls tell of refusals */
const volatile bool tp_copy = false;	/* system calls tell of copies */
const volatile bool tp_peek = false;	/* system calls tell who looks into memory */
const volatile bool track_fds = false;	/* no hook sees a file's end: follow descriptors */
const volatile bool io_complete_by_cqe = false;
/* enum cw_rung of the programs that more than one rung has */
const volatile __u8 denied_rung = CW_RUNG_LSM; /* results of devices, permission */
const volatile __u8 close_rung = CW_RUNG_LSM;
const volatile bool hardened = false;	/* what changes the agent's files is refused afterwards */
const volatile bool kill_by_hook = false; /* signals of processes are told by a better hook */
const volatile bool kernel_types = true; /* the kernel knows its own types (BTF) */
const volatile bool can_wait = false;	/* there is another processor for the agent */
const volatile __u32 hz = 250;		/* jiffies a second */
/* Tracepoint rung: enum cw_syscall_op; in the high byte the same for 32-bit programs. */
const volatile __u16 syscall_ops[CW_SYSCALLS_MAX] = {};

/* ---- set at any time; all have a value, so that every compilation keeps their order ---- */
__u8 majors[CW_MAJORS_MAX] = {}; /* 1: every character device of this major is watched */
__u8 block_majors[CW_MAJORS_MAX] = {}; /* the same for block devices */
__u32 inode_filter[CW_FILTER_SIZE] = {}; /* how many marks its inodes have; 0: ask no map */
__u32 holders[CW_HOLDERS_SIZE] = {}; /* how many descriptors processes of this id mod size hold */
__u32 touchers[CW_HOLDERS_SIZE] = {}; /* how many of this id mod size are in `touched` */
__u32 open_filter[CW_OPENS_SIZE] = {}; /* how many watched open files have that slot */
__u32 exporting_now = 0; /* threads in `exporting` */
__u32 left_behind = 0; /* ends after which the holders' slot was not empty */
__u64 filter_base = 0; /* the address of open_filter */
struct cw_toucher toucher[CW_TOUCHERS] = {};
struct cw_wanted wanted[CW_TOUCHERS] = {};
__u64 canary_ino = 0; /* the agent's own opens of this inode are reported */
__u64 tampers_told = 0; /* up to this number the agent has told of what is done to it */
bool frames_by_ioctl = true; /* count ioctls: the V4L2 tracepoints are not attached (yet) */
/*
 * Not 0: that an inode has no mark says nothing. tree_gen - tree_clean, raised before the one and
 * lowered after the other; CW_TOUCHING while the agent touches; CW_DUMPING for each process that
 * dumps core; CW_MARKS_LACK when `inodes` was full, or where files are looked at
 * by hooks and none marks a new inode with its first name. One look instead of five.
 */
__u64 look_closer = 0;
/* Accesses that were judged and allowed, by cw_quiet_key() modulo size: they wake nobody. */
__u64 quiet_pairs[CW_QUIET_SIZE] = {};
__u64 reader_until_ns = 0; /* the agent looks by itself until then */
__u32 quiet_waits = 0; /* a record was put into a ring without waking the agent */
__u32 marks = 0; /* in `inodes` */
__u32 marks_full = 0; /* `inodes` was: folders may lack theirs for good */
__u64 tree_gen = 0; /* raised when a directory may have come into a tree */
__u64 tree_clean = 0; /* tree_gen as it was when the agent last set all marks */
__u64 link_gen = 0; /* tree_gen at the last link(2) */
struct cw_inode_key asset_roots[CW_ASSETS_MAX] = {};

/* ---- read by the agent ---- */
struct cw_loss_count losses[CW_LOSS_MAX] = {};
__u64 next_open_id = 0;
__u64 tampers_made = 0;
__u64 agent_task = 0; /* the task_struct of its first thread, known since it opened something */

/* Full: the record is counted in losses and a gap event follows. Sized by the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 512 * 1024);
} ring_devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} ring_files SEC(".maps");

/* Devices by number or by node. Full: the agent says so. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct cw_device_key);
	__type(value, struct cw_device);
} devices SEC(".maps");

/* Watched inodes. Full: CW_LOSS_INODES, and the recording is found by its folders at each open. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CW_INODES_SIZE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct cw_inode_key);
	__type(value, struct cw_inode);
} inodes SEC(".maps");

/* Processes by tgid. Full: CW_LOSS_TASKS; the origin is rebuilt without its past, as seeded. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct cw_task);
} tasks SEC(".maps");

/* Processes that have ended, for reports that arrive later. Full: the oldest goes. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, __u32);
	__type(value, struct cw_task);
} ended SEC(".maps");

/* Executables by inode, so that ancestors keep their names. Full: the least used goes. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct cw_exe_key);
	__type(value, struct cw_exe);
} executables SEC(".maps");

/* By thread: what it accepted, or its creator for it. Full: the oldest goes. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct cw_accepted);
} accepted SEC(".maps");

/* Connections that were accepted, by socket: told apart from those made. Full: the oldest goes. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct cw_accepted);
} inbound SEC(".maps");

/*
 * Who made a connection, for whoever accepts it on this machine: by socket until it has its ports,
 * then by its ends. Full: the oldest goes, and that hop is not followed.
 */
struct cw_dialler {
	struct cw_conn conn; /* of the process that dialled, or of those that it serves */
	struct cw_exe_key exe;
	__u32 tgid;
	__u32 login_uid;
};

struct cw_ends {
	__u64 net;
	__u8 local[16], remote[16]; /* IPv4 as ::ffff:a.b.c.d */
	__u16 local_port, remote_port;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct cw_dialler);
} dialling SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct cw_ends);
	__type(value, struct cw_dialler);
} dialled SEC(".maps");

/* The connection to elsewhere that a process made last, by tgid. Full: the oldest goes. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct cw_accepted);
} outward SEC(".maps");

/* Open file descriptions of watched objects, by struct file. Full: CW_LOSS_OPENS. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct cw_open);
} opens SEC(".maps");

/*
 * By number of the camera's open; goes with the last buffer. Full: CW_LOSS_OPENS, and the buffer is
 * not followed.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct cw_export);
} exports SEC(".maps");

/*
 * The camera that a thread asks for a dma-buf, from the ioctl on until there is one, or the next
 * ioctl. Full: CW_LOSS_OPENS, and the buffer is not followed.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64); /* its file */
} exporting SEC(".maps");

/* Which processes have used an open file description already. Full: a use is told again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct cw_use_key);
	__type(value, __u64); /* open_id */
} uses SEC(".maps");

/* Tracepoint rung: watched descriptors. Full: CW_LOSS_OPENS. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct cw_fd_key);
	__type(value, struct cw_fd);
} fds SEC(".maps");

/* Running captures. Full: CW_LOSS_STREAMS. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct cw_stream_key);
	__type(value, struct cw_stream);
} streams SEC(".maps");

/*
 * The camera that a thread is reading from, for drivers that deliver frames by read(2); with
 * CW_GIVING: that it gives buffers to. Full: the oldest goes, and the next call tells.
 */
#define CW_GIVING (1u << 31)
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32); /* rdev */
} reading SEC(".maps");

/*
 * kprobe rung: what a thread called a function with, until that returns. Full: the oldest goes, a
 * refusal is not told, and the open of a device is at the first use or the end of the file.
 */
enum cw_called { CW_CALLED_CHRDEV_OPEN, CW_CALLED_CAPABLE };

struct cw_call_key {
	__u32 tid;
	__u32 function; /* enum cw_called */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct cw_call_key);
	__type(value, __u64);
} calls SEC(".maps");

/*
 * Tracepoint rung: who last gave, moved or took a name, by tgid, for the events of fanotify, which
 * tell of nobody but a pid. Full: the oldest goes, and the event says that the person is unknown.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct cw_namer);
} namers SEC(".maps");

/*
 * The same processes as records, for the one in a thousand whose change turns out to concern a
 * recording. Kept, not sent: what is not watched must not wake the agent. Full: the oldest goes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct cw_record_process);
} portraits SEC(".maps");

/*
 * What a process has touched, by tgid. Full: CW_LOSS_TOUCHES; then it is not told who looks into
 * that process, and where it connects to.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct cw_touched);
} touched SEC(".maps");

/* Who has touched something and dies with a core dump. Full: look_closer stays raised. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u8);
} dumping SEC(".maps");

/* What was told of touches. Full: the oldest goes, and is told again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct cw_told_key);
	__type(value, __u8);
} told SEC(".maps");
/* When a process was told of last, by kind of tampering. Full: told again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct cw_use_key);
	__type(value, __u64);
} tampered SEC(".maps");

/* The agent's maps, programs and links. Filled once, frozen then. Full: the agent says so. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, struct cw_object_key);
	__type(value, __u32);
} ours SEC(".maps");

/* An address as a number, which a pointer with a type is not for the verifier. */
static __always_inline __u64 address_of(const void *p)
{
	__u64 n = 0;

	bpf_probe_read_kernel(&n, sizeof(n), &p);
	return n;
}

/*
 * What tells an inode from another that had, or has, its number. Usually i_generation. Overlayfs
 * passes on the numbers of its layers: a directory, a file of the upper layer and one of a lower
 * layer can have the same at once, and its generation is always 0. There it says which of the three
 * it is: struct ovl_inode, in a module, has the upper dentry just behind the inode (4.8 to 7.3). A
 * file that is copied up becomes another; its folder gives it its mark again.
 */
static __noinline __u32 inode_generation(struct inode *inode)
{
	__u64 at, upper = 0;

	if (BPF_CORE_READ(inode, i_sb, s_magic) != CW_MAGIC_OVERLAY)
		return BPF_CORE_READ(inode, i_generation);
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFDIR)
		return 1;
	at = address_of(inode) + bpf_core_type_size(struct inode);
	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)at);
	return upper ? 2 : 3;
}

static __always_inline void count_loss(enum cw_loss class)
{
	if ((__u32)class >= CW_LOSS_MAX)
		return;
	__sync_fetch_and_add(&losses[class].count, 1);
	losses[class].last_ns = bpf_ktime_get_boot_ns();
}

#endif
