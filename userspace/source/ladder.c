// SPDX-License-Identifier: Apache-2.0
/*
 * The table of ways, best first, and the choice among them. A way is taken only if every hook that
 * it needs was found by loading and attaching an empty program to it, and if its kind of hook was
 * seen to run (calib.bpf.c).
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "calib.skel.h"
#include "source/ladder.h"
#include "source/preempt.h"

#define BETTER_TYPES \
	"a kernel built with CONFIG_DEBUG_INFO_BTF: better probes need types of its own"
#define BETTER_TRAMPOLINE \
	"a kernel with BPF trampolines (x86-64; arm64 since 6.4), where the result is known"
#define BETTER_HOOKS "a kernel with CONFIG_SECURITY and CONFIG_KPROBE_EVENTS"
#ifdef __aarch64__
#define BLIND_32BIT ", and all calls of programs for 32-bit arm"
#else
#define BLIND_32BIT ""
#endif
#define BLIND_SYSCALL \
	"what the kernel opens for itself, io_uring's own descriptors and SQPOLL rings" BLIND_32BIT
#define BLIND_OUTSIDE \
	"on FAT, exFAT, overlays, FUSE and SMB, a recording by a name outside of its tree, once " \
	"it has left memory"
#define BLIND_CONNECTION \
	"protocols other than TCP; what a proxy passes on by UNIX sockets or pipes; which of its " \
	"peers a server serves whose threads share the work"
#define COPIES \
	"?fentry__copy_range|kprobe__copy_range", "?fentry__clone_range|kprobe__clone_range", \
	"?fentry__send|kprobe__send"
#define BLIND_EGRESS \
	"connections that were there before the touch, that are not IP, or that another process " \
	"makes, to this one or for it; connectx of SCTP"
#define BLIND_COPY \
	"copies by a process that only gets what another read, into memory or by a descriptor " \
	"that it had before"
#define BLIND_MOUNTS \
	"mounts over a folder above a tree, in other mount namespaces; options that " \
	"mount_setattr or fsconfig changes"
#define BLIND_DISKS \
	"disks of a network file system, and all but the first of a btrfs; what a driver of " \
	"another kind than SCSI and NVMe offers beside the block device; what is mapped over a " \
	"disk and opened before the kernel has told of it"
#define BLIND_MEMORY "without CONFIG_MEMCG, /proc/PID/mem of who opened it before"
#define BLIND_CORE "who reads a core dump that a handler took through a pipe; " BLIND_MEMORY
#define BLIND_BUFFERS \
	"buffers that were exported before the start, or by other calls than those of V4L2; " \
	"buffers of another device that a camera writes into"
#define WRITES(prefix, less) \
	prefix "access_traced", prefix "access_remote", prefix "pin_remote" less
/* Core dumps, and who was let in before there was anything to see. */
#define LOOKS \
	"?tp__signal_deliver", "?fentry__access_traced|kprobe__access_traced", \
	"?fentry__access_remote|kprobe__access_remote"
#define BLIND_CODE \
	"what was written before the start, or (before Linux 5.12) mapped; code that a process " \
	"makes in memory of its own, or a script; registers that a tracer sets; root's own files" \
	"; without CONFIG_MEMCG, what others write into memory"
#define BLIND_LINKED \
	"mapped samples of a microphone that a playback stream starts (SNDRV_PCM_IOCTL_LINK)"
#define BLIND_REFUSED "whether a security module refuses it then"

#define CAPABLE(prefix) prefix "capable_wrt_inode|" prefix "capable_wrt_inode_v5_10"
#define SETATTR(prefix) \
	prefix "inode_setattr|" prefix "inode_setattr_v5_10", \
	prefix "inode_set_acl|" prefix "inode_setxattr|" prefix "inode_setxattr_v5_10", \
	prefix "inode_remove_acl|" prefix "inode_removexattr|" prefix "inode_removexattr_v5_10"
#define MOUNTS(prefix) { prefix "sb_mount", prefix "sb_umount", prefix "move_mount" }
#define NAMES(prefix, freed) \
	{ prefix "inode_unlink", prefix "inode_rmdir", prefix "inode_rename", prefix "inode_link", \
	  prefix "inode_mkdir", prefix "inode_mknod", freed "inode_free" }

/* The end of every system call; by types of the kernel it costs less. */
#define SYS_EXIT "tp__sys_exit|raw__sys_exit"
/* Hot hooks, where they can be had for less. */
#define QUICK(name) "entry__" name "|lsm__" name
#define SELF(prefix) \
	{ prefix "task_kill", prefix "agent_ptrace", prefix "bpf", prefix "bpf_map", \
	  prefix "bpf_prog", prefix "settime", "?" prefix "setrlimit", "?" prefix "sigiotask", \
	  "?tp__signal_generate", "?tp__module_load", "?tp__cgroup_freeze", \
	  "?fentry__open_mem|kprobe__open_mem", "?fentry__open_kcore|kprobe__open_kcore", \
	  "?fentry__ftrace_switch|kprobe__ftrace_switch", \
	  "?fentry__kprobe_switch|kprobe__kprobe_switch", "?fentry__loginuid|kprobe__loginuid", \
	  "?fentry__freeze_super|kprobe__freeze_super" }
#define BLIND_SELF \
	"what the kernel itself ends or stops (out of memory, cgroup.kill); the clock moved by " \
	"adjtimex has no culprit"

#define BLIND_SEED \
	"descriptors in flight in a message, in io_uring, or in a table that a thread has for " \
	"itself, mappings whose descriptor is closed, and dma-bufs"

static const struct cw_way ways[] = {
	{ CW_CAP_OPEN, CW_PROBE_LSM, { QUICK("file_open"), "?lsm__d_instantiate" },
	  "what a security module before bpf in the list refuses; " BLIND_OUTSIDE, NULL,
	  CW_NEEDS_NOTHING },
	{ CW_CAP_OPEN, CW_PROBE_FENTRY, { "fexit__file_open", "?fentry__d_instantiate" },
	  BLIND_OUTSIDE, NULL, CW_NEEDS_NOTHING },
	{ CW_CAP_OPEN, CW_PROBE_KPROBE, { "kprobe__file_open", "?kprobe__d_instantiate" },
	  "whether a security module refuses the open of a file then; " BLIND_OUTSIDE,
	  BETTER_TRAMPOLINE, CW_NEEDS_NOTHING },
	{ CW_CAP_OPEN, CW_PROBE_TRACEPOINT, { SYS_EXIT, "?tp__io_uring_complete" },
	  BLIND_SYSCALL "; " BLIND_OUTSIDE, BETTER_HOOKS, CW_NEEDS_NOTHING },

	/* A driver's refusal is told by who began the open. */
	{ CW_CAP_DENIED, CW_PROBE_LSM, { "fexit__chrdev_open", CAPABLE("fexit__") },
	  "refusals by other security modules and by mount options", NULL, CW_NEEDS_OPEN_LSM },
	{ CW_CAP_DENIED, CW_PROBE_FENTRY, { "fexit__chrdev_open", CAPABLE("fexit__") },
	  "refusals by mount options", NULL, CW_NEEDS_FILES },
	{ CW_CAP_DENIED, CW_PROBE_KPROBE,
	  { "kprobe__chrdev_open", "kretprobe__chrdev_open", CAPABLE("kprobe__"),
	    "kretprobe__capable_wrt_inode" },
	  "refusals by security modules and by mount options", BETTER_TRAMPOLINE, CW_NEEDS_FILES },
	{ CW_CAP_DENIED, CW_PROBE_TRACEPOINT, { SYS_EXIT },
	  "refusals of open_by_handle_at and io_uring; the object is looked up after the call, so "
	  "a path that changes meanwhile names another", BETTER_HOOKS, CW_NEEDS_NOTHING },

	{ CW_CAP_RECEIVE, CW_PROBE_LSM, { "lsm__file_receive" }, "", NULL, CW_NEEDS_FILES },
	{ CW_CAP_RECEIVE, CW_PROBE_FENTRY, { "fexit__file_receive" }, "", NULL, CW_NEEDS_FILES },
	{ CW_CAP_RECEIVE, CW_PROBE_KPROBE, { "kprobe__file_receive" }, BLIND_REFUSED,
	  BETTER_TRAMPOLINE, CW_NEEDS_FILES },
	{ CW_CAP_RECEIVE, CW_PROBE_TRACEPOINT, { SYS_EXIT },
	  "descriptors beyond the first control message or the 32nd of it, by io_uring, and by a "
	  "seccomp supervisor; their first use is not seen then", BETTER_HOOKS, CW_NEEDS_NOTHING },

	{ CW_CAP_USE, CW_PROBE_LSM,
	  { QUICK("file_permission"), QUICK("file_ioctl"), "?" QUICK("file_ioctl_compat") }, "",
	  NULL,
	  CW_NEEDS_FILES },
	{ CW_CAP_USE, CW_PROBE_FENTRY,
	  { "fexit__file_permission", "fexit__file_ioctl", "?fexit__file_ioctl_compat" }, "", NULL,
	  CW_NEEDS_FILES },
	{ CW_CAP_USE, CW_PROBE_KPROBE,
	  { "kprobe__file_permission", "kprobe__file_ioctl", "?kprobe__file_ioctl_compat" },
	  BLIND_REFUSED, BETTER_TRAMPOLINE, CW_NEEDS_FILES },
	{ CW_CAP_USE, CW_PROBE_TRACEPOINT, { SYS_EXIT },
	  "reads by io_uring and io_submit; descriptors above 1023 that came by fork, or in a "
	  "table that two processes share", BETTER_HOOKS, CW_NEEDS_DESCRIPTORS },

	{ CW_CAP_MAP, CW_PROBE_LSM, { QUICK("mmap_file") }, "", NULL, CW_NEEDS_FILES },
	{ CW_CAP_MAP, CW_PROBE_FENTRY, { "fexit__mmap_file" }, "", NULL, CW_NEEDS_FILES },
	{ CW_CAP_MAP, CW_PROBE_KPROBE, { "kprobe__mmap_file" }, BLIND_REFUSED, BETTER_TRAMPOLINE,
	  CW_NEEDS_FILES },
	{ CW_CAP_MAP, CW_PROBE_TRACEPOINT, { SYS_EXIT }, "", BETTER_HOOKS,
	  CW_NEEDS_DESCRIPTORS },

	{ CW_CAP_BUFFERS, CW_PROBE_LSM, { "fentry__dma_buf_fd", "fexit__dma_buf_get" },
	  BLIND_BUFFERS, NULL, CW_NEEDS_OPEN_LSM },
	{ CW_CAP_BUFFERS, CW_PROBE_FENTRY, { "fentry__dma_buf_fd", "fexit__dma_buf_get" },
	  BLIND_BUFFERS, NULL, CW_NEEDS_FILES },
	{ CW_CAP_BUFFERS, CW_PROBE_KPROBE, { "kprobe__dma_buf_fd", "kretprobe__dma_buf_get" },
	  BLIND_BUFFERS, NULL, CW_NEEDS_FILES },

	{ CW_CAP_CLOSE, CW_PROBE_LSM, { "fentry__fput|lsm__file_free" }, "", NULL,
	  CW_NEEDS_OPEN_LSM },
	{ CW_CAP_CLOSE, CW_PROBE_FENTRY, { "fentry__fput|fentry__file_free" }, "", NULL,
	  CW_NEEDS_FILES },
	{ CW_CAP_CLOSE, CW_PROBE_KPROBE, { "kprobe__fput|kprobe__file_free" }, "", NULL,
	  CW_NEEDS_FILES },
	/* Where system calls tell of opens, descriptors have to be followed as a whole. */
	{ CW_CAP_CLOSE, CW_PROBE_TRACEPOINT,
	  { SYS_EXIT, "fork__descriptors", "exec__descriptors", "exit__descriptors" },
	  "that a mapping or a message in flight still holds the file; how much was read or "
	  "written", BETTER_HOOKS, CW_NEEDS_DESCRIPTORS },

	/* Frames are counted by tracepoints of a module, what else belongs to it by the ioctl. */
	{ CW_CAP_STREAM, CW_PROBE_TRACEPOINT,
	  { QUICK("file_ioctl") "|fexit__file_ioctl|kprobe__file_ioctl" },
	  "frames of drivers that do not use the V4L2 core's ioctls or videobuf2; without "
	  "videobuf2, pictures that are never dequeued; " BLIND_LINKED, NULL, CW_NEEDS_FILES },
	{ CW_CAP_STREAM, CW_PROBE_TRACEPOINT, { SYS_EXIT },
	  "frames of a process whose descriptor came unseen; " BLIND_LINKED, BETTER_HOOKS,
	  CW_NEEDS_DESCRIPTORS },

	{ CW_CAP_NAMES, CW_PROBE_LSM, NAMES("lsm__", "lsm__"), "", NULL, CW_NEEDS_NOTHING },
	{ CW_CAP_NAMES, CW_PROBE_FENTRY, NAMES("fexit__", "fentry__"), "", NULL, CW_NEEDS_NOTHING },
	{ CW_CAP_NAMES, CW_PROBE_KPROBE, NAMES("kprobe__", "kprobe__"), BLIND_REFUSED,
	  BETTER_TRAMPOLINE, CW_NEEDS_NOTHING },
	{ CW_CAP_NAMES, CW_PROBE_FANOTIFY, { SYS_EXIT },
	  "names of a recording outside its tree; a further name that is gone again at once; file "
	  "systems without file handles; the person behind io_uring's calls; when content is "
	  "gone", BETTER_HOOKS,
	  CW_NEEDS_NOTHING },

	{ CW_CAP_ATTRIBUTES, CW_PROBE_LSM, { SETATTR("lsm__") }, "", NULL, CW_NEEDS_NOTHING },
	{ CW_CAP_ATTRIBUTES, CW_PROBE_FENTRY, { SETATTR("fexit__") }, "", NULL, CW_NEEDS_NOTHING },
	{ CW_CAP_ATTRIBUTES, CW_PROBE_KPROBE, { SETATTR("kprobe__") },
	  BLIND_REFUSED, BETTER_TRAMPOLINE, CW_NEEDS_NOTHING },
	{ CW_CAP_ATTRIBUTES, CW_PROBE_FANOTIFY, { SYS_EXIT },
	  "who changed a mode or an owner through a name outside the tree", BETTER_HOOKS,
	  CW_NEEDS_NOTHING },

	{ CW_CAP_PEEK, CW_PROBE_LSM, { "lsm__ptrace_access_check", LOOKS },
	  BLIND_CORE, NULL, CW_NEEDS_FILES },
	{ CW_CAP_PEEK, CW_PROBE_FENTRY, { "fexit__ptrace_access_check", LOOKS },
	  BLIND_CORE, NULL, CW_NEEDS_FILES },
	{ CW_CAP_PEEK, CW_PROBE_KPROBE, { "kprobe__ptrace_access_check", LOOKS },
	  BLIND_CORE "; " BLIND_REFUSED, BETTER_TRAMPOLINE, CW_NEEDS_FILES },
	{ CW_CAP_PEEK, CW_PROBE_TRACEPOINT, { SYS_EXIT },
	  "who reads a core dump; ptrace and process_vm_readv by a thread's number or out of a "
	  "container; /proc/PID/mem by io_uring, or opened before there was anything to see",
	  BETTER_HOOKS, CW_NEEDS_DESCRIPTORS },

	{ CW_CAP_CODE, CW_PROBE_LSM,
	  { QUICK("mmap_file"), QUICK("file_mprotect"), WRITES("fentry__", "|kprobe__pin_remote") },
	  BLIND_CODE, NULL, CW_NEEDS_FILES },
	{ CW_CAP_CODE, CW_PROBE_FENTRY,
	  { "fexit__mmap_file", "fexit__file_mprotect",
	    WRITES("fentry__", "|kprobe__pin_remote") }, BLIND_CODE, NULL, CW_NEEDS_FILES },
	{ CW_CAP_CODE, CW_PROBE_KPROBE,
	  { "kprobe__mmap_file", "kprobe__file_mprotect", WRITES("kprobe__", "") }, BLIND_CODE,
	  NULL, CW_NEEDS_FILES },

	{ CW_CAP_EGRESS, CW_PROBE_LSM, { "lsm__socket_connect", "lsm__socket_sendmsg" },
	  BLIND_EGRESS, NULL, CW_NEEDS_FILES },
	{ CW_CAP_EGRESS, CW_PROBE_FENTRY, { "fexit__socket_connect", "fexit__socket_sendmsg" },
	  BLIND_EGRESS, NULL, CW_NEEDS_FILES },
	{ CW_CAP_EGRESS, CW_PROBE_KPROBE, { "kprobe__socket_connect", "kprobe__socket_sendmsg" },
	  BLIND_EGRESS "; " BLIND_REFUSED, BETTER_TRAMPOLINE, CW_NEEDS_FILES },
	{ CW_CAP_EGRESS, CW_PROBE_TRACEPOINT, { SYS_EXIT },
	  BLIND_EGRESS "; UDP and TCP without connect; connections by io_uring", BETTER_HOOKS,
	  CW_NEEDS_DESCRIPTORS },

	{ CW_CAP_COPY, CW_PROBE_LSM, { QUICK("file_open"), COPIES }, BLIND_COPY, NULL,
	  CW_NEEDS_FILES },
	{ CW_CAP_COPY, CW_PROBE_FENTRY, { "fexit__file_open", COPIES }, BLIND_COPY, NULL,
	  CW_NEEDS_FILES },
	{ CW_CAP_COPY, CW_PROBE_KPROBE, { "kprobe__file_open", COPIES }, BLIND_COPY,
	  BETTER_TRAMPOLINE, CW_NEEDS_FILES },
	{ CW_CAP_COPY, CW_PROBE_TRACEPOINT, { SYS_EXIT },
	  BLIND_COPY "; which call copied, and standard output", BETTER_HOOKS,
	  CW_NEEDS_DESCRIPTORS },

	{ CW_CAP_MOUNTS, CW_PROBE_LSM, MOUNTS("lsm__"), BLIND_MOUNTS, NULL, CW_NEEDS_NOTHING },
	{ CW_CAP_MOUNTS, CW_PROBE_FENTRY, MOUNTS("fexit__"), BLIND_MOUNTS, NULL, CW_NEEDS_NOTHING },
	{ CW_CAP_MOUNTS, CW_PROBE_KPROBE, MOUNTS("kprobe__"), BLIND_MOUNTS "; " BLIND_REFUSED,
	  BETTER_TRAMPOLINE, CW_NEEDS_NOTHING },
	{ CW_CAP_MOUNTS, CW_PROBE_TRACEPOINT, { SYS_EXIT },
	  BLIND_MOUNTS "; what was bound or moved away from a tree; all by another name than that "
	  "of the policy", BETTER_HOOKS, CW_NEEDS_NOTHING },

	{ CW_CAP_DISKS, CW_PROBE_LSM, { QUICK("file_open"), QUICK("file_ioctl") }, BLIND_DISKS,
	  NULL, CW_NEEDS_FILES },
	{ CW_CAP_DISKS, CW_PROBE_FENTRY, { "fexit__file_open", "fexit__file_ioctl" }, BLIND_DISKS,
	  NULL, CW_NEEDS_FILES },
	{ CW_CAP_DISKS, CW_PROBE_KPROBE, { "kprobe__file_open", "kprobe__file_ioctl" },
	  BLIND_DISKS "; " BLIND_REFUSED, BETTER_TRAMPOLINE, CW_NEEDS_FILES },
	{ CW_CAP_DISKS, CW_PROBE_TRACEPOINT, { SYS_EXIT },
	  BLIND_DISKS "; a loop device that is put over one by who has it open already",
	  BETTER_HOOKS, CW_NEEDS_DESCRIPTORS },

	{ CW_CAP_PROCESS, CW_PROBE_TRACEPOINT,
	  { "fork__process", "exec__process", "exit__process" }, "", NULL, CW_NEEDS_NOTHING },

	{ CW_CAP_CONNECTION, CW_PROBE_LSM, { "lsm__sock_graft", "?state__sock" }, BLIND_CONNECTION,
	  NULL, CW_NEEDS_NOTHING },
	{ CW_CAP_CONNECTION, CW_PROBE_FENTRY, { "fentry__sock_graft", "?state__sock" },
	  BLIND_CONNECTION, NULL, CW_NEEDS_NOTHING },
	{ CW_CAP_CONNECTION, CW_PROBE_KPROBE, { "kprobe__sock_graft", "?state__sock" },
	  BLIND_CONNECTION, NULL, CW_NEEDS_NOTHING },
	{ CW_CAP_CONNECTION, CW_PROBE_TRACEPOINT, { SYS_EXIT, "?state__sock" },
	  BLIND_CONNECTION, NULL, CW_NEEDS_NOTHING },

	{ CW_CAP_SELF, CW_PROBE_LSM, SELF("lsm__"), BLIND_SELF, NULL, CW_NEEDS_NOTHING },
	{ CW_CAP_SELF, CW_PROBE_FENTRY, SELF("fentry__"), BLIND_SELF, NULL, CW_NEEDS_NOTHING },
	{ CW_CAP_SELF, CW_PROBE_KPROBE, SELF("kprobe__"), BLIND_SELF, NULL, CW_NEEDS_NOTHING },
	{ CW_CAP_SELF, CW_PROBE_TRACEPOINT,
	  { SYS_EXIT, "tp__signal_generate", "?tp__module_load", "?tp__cgroup_freeze" },
	  "who ended it: a signal is seen when it is on its way, and the record ends with the "
	  "agent; limits; a descriptor of it that is taken; ptrace by the number of a thread that "
	  "is not the first; BPF objects by other ways than their number; /dev/mem "
	  "and /proc/kcore; a login uid that is changed; frozen file systems",
	  BETTER_HOOKS,
	  CW_NEEDS_NOTHING },

	{ CW_CAP_SEED, CW_PROBE_ITERATOR, { "iter__task", "?iter__task_vma", "iter__task_file" },
	  BLIND_SEED, NULL, CW_NEEDS_NOTHING },
	{ CW_CAP_SEED, CW_PROBE_PROC, { "proc__task", "proc__task_file" },
	  BLIND_SEED "; what is handed over while /proc is read, and what that does not show",
	  BETTER_TYPES, CW_NEEDS_NOTHING },
};

/* How each kind of hook is loaded, found in the kernel's type information and tried. */
static const struct {
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
	const char *prefix; /* of the name in the type information */
	const char *trial;  /* program of calib.bpf.c; NULL: attaching is proof enough */
	enum cw_probe rung; /* not to be used where a lower one is asked for */
} kinds[] = {
	[CW_HOOK_LSM] = { BPF_PROG_TYPE_LSM, BPF_LSM_MAC, "bpf_lsm_", "calib__lsm", CW_PROBE_LSM },
	[CW_HOOK_LSM_ENTRY] = { BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, "bpf_lsm_", NULL,
				CW_PROBE_LSM },
	[CW_HOOK_FENTRY] = { BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, "", "calib__fentry",
			     CW_PROBE_FENTRY },
	[CW_HOOK_FEXIT] = { BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, "", "calib__fexit",
			    CW_PROBE_FENTRY },
	[CW_HOOK_KPROBE] = { BPF_PROG_TYPE_KPROBE, 0, "", "calib__kprobe", CW_PROBE_KPROBE },
	[CW_HOOK_KRETPROBE] = { BPF_PROG_TYPE_KPROBE, 0, "", "calib__kretprobe", CW_PROBE_KPROBE },
	[CW_HOOK_TP_BTF] = { BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "btf_trace_",
			     "calib__tp_btf", CW_PROBE_TRACEPOINT },
	[CW_HOOK_RAW_TP] = { BPF_PROG_TYPE_RAW_TRACEPOINT, 0, "", "calib__raw_tp",
			     CW_PROBE_TRACEPOINT },
	[CW_HOOK_ITER] = { BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "bpf_iter_", NULL,
			   CW_PROBE_TRACEPOINT },
	[CW_HOOK_DEMAND] = { BPF_PROG_TYPE_RAW_TRACEPOINT, 0, "", NULL, CW_PROBE_TRACEPOINT },
};

_Static_assert(CW_ARRAY_SIZE(kinds) == CW_HOOK_MAX, "a kind of hook lacks its line");

/* Where a program hooks in. */
static const struct {
	const char *program;
	enum cw_hook_kind kind;
	const char *target;
	unsigned int n_args; /* 0: any; a signature that changed is told apart by their number */
} hooks[] = {
/* fexit finds the result behind the last argument, so their number must be what we think. */
#define HOOKS(name, n_args) \
	{ "lsm__" name, CW_HOOK_LSM, name, 0 }, \
	{ "fexit__" name, CW_HOOK_FEXIT, "security_" name, n_args }, \
	{ "kprobe__" name, CW_HOOK_KPROBE, "security_" name, 0 }
#define HOOKS_VOID(name, hook) \
	{ "lsm__" name, CW_HOOK_LSM, hook, 0 }, \
	{ "fentry__" name, CW_HOOK_FENTRY, "security_" name, 0 }, \
	{ "kprobe__" name, CW_HOOK_KPROBE, "security_" name, 0 }
#define QUICK_HOOK(name) { "entry__" name, CW_HOOK_LSM_ENTRY, name, 0 }
	HOOKS("file_open", 1),
	HOOKS("file_receive", 1),
	HOOKS("file_permission", 2),
	HOOKS("file_ioctl", 3),
	HOOKS("file_ioctl_compat", 3),
	HOOKS("mmap_file", 3),
	HOOKS("file_mprotect", 3),
	QUICK_HOOK("file_open"),
	QUICK_HOOK("file_permission"),
	QUICK_HOOK("file_ioctl"),
	QUICK_HOOK("file_ioctl_compat"),
	QUICK_HOOK("mmap_file"),
	QUICK_HOOK("file_mprotect"),
	HOOKS("inode_unlink", 2),
	HOOKS("inode_rmdir", 2),
	HOOKS("inode_rename", 5),
	HOOKS("inode_link", 3),
	HOOKS("inode_mkdir", 3),
	HOOKS("inode_mknod", 4),
	HOOKS("ptrace_access_check", 2),
	HOOKS("inode_set_acl", 4),
	HOOKS("inode_remove_acl", 3),
	HOOKS("socket_connect", 3),
	HOOKS("socket_sendmsg", 3),
	HOOKS("sb_mount", 5),
	HOOKS("sb_umount", 2),
	HOOKS("move_mount", 2),
	HOOKS_VOID("file_free", "file_free_security"),
	HOOKS_VOID("d_instantiate", "d_instantiate"),
	HOOKS_VOID("inode_free", "inode_free_security"),
	HOOKS_VOID("sock_graft", "sock_graft"),
#undef HOOKS
#undef HOOKS_VOID
#undef QUICK_HOOK
#define HOOKS_ASKED(name, hook, function) \
	{ "lsm__" name, CW_HOOK_LSM, hook, 0 }, \
	{ "fentry__" name, CW_HOOK_FENTRY, function, 0 }, \
	{ "kprobe__" name, CW_HOOK_KPROBE, function, 0 }
	HOOKS_ASKED("task_kill", "task_kill", "security_task_kill"),
	HOOKS_ASKED("sigiotask", "file_send_sigiotask", "security_file_send_sigiotask"),
	HOOKS_ASKED("agent_ptrace", "ptrace_access_check", "security_ptrace_access_check"),
	HOOKS_ASKED("setrlimit", "task_setrlimit", "security_task_setrlimit"),
	HOOKS_ASKED("bpf", "bpf", "security_bpf"),
	HOOKS_ASKED("bpf_map", "bpf_map", "security_bpf_map"),
	HOOKS_ASKED("bpf_prog", "bpf_prog", "security_bpf_prog"),
	HOOKS_ASKED("settime", "settime", "security_settime64"),
#undef HOOKS_ASKED
	{ "tp__signal_deliver", CW_HOOK_RAW_TP, "signal_deliver", 0 },
	{ "tp__signal_generate", CW_HOOK_RAW_TP, "signal_generate", 0 },
	{ "tp__module_load", CW_HOOK_RAW_TP, "module_load", 0 },
	{ "tp__cgroup_freeze", CW_HOOK_RAW_TP, "cgroup_freeze", 0 },
#define SIGNATURE(name, hook, n) \
	{ "lsm__" name, CW_HOOK_LSM, hook, n }, \
	{ "fexit__" name, CW_HOOK_FEXIT, "security_" hook, n }, \
	{ "kprobe__" name, CW_HOOK_KPROBE, "security_" hook, n }
	SIGNATURE("inode_setattr", "inode_setattr", 3),
	SIGNATURE("inode_setattr_v5_10", "inode_setattr", 2),
	SIGNATURE("inode_setxattr", "inode_setxattr", 6),
	SIGNATURE("inode_setxattr_v5_10", "inode_setxattr", 5),
	SIGNATURE("inode_removexattr", "inode_removexattr", 3),
	SIGNATURE("inode_removexattr_v5_10", "inode_removexattr", 2),
#undef SIGNATURE
#define CALLED(name, function) \
	{ "fentry__" name, CW_HOOK_FENTRY, function, 0 }, \
	{ "kprobe__" name, CW_HOOK_KPROBE, function, 0 }
	CALLED("copy_range", "vfs_copy_file_range"),
	CALLED("clone_range", "vfs_clone_file_range"),
	CALLED("send", "do_splice_direct"),
	CALLED("access_traced", "ptrace_access_vm"),
	CALLED("access_remote", "access_remote_vm"),
	CALLED("pin_remote", "pin_user_pages_remote"),
	CALLED("open_mem", "open_port"),
	CALLED("open_kcore", "open_kcore"),
	CALLED("ftrace_switch", "proc_dointvec"),
	CALLED("kprobe_switch", "write_enabled_file_bool"),
	CALLED("loginuid", "proc_loginuid_write"),
	CALLED("freeze_super", "freeze_super"),
#undef CALLED
	{ "fentry__fput", CW_HOOK_FENTRY, "__fput", 0 },
	{ "kprobe__fput", CW_HOOK_KPROBE, "__fput", 0 },
	{ "fentry__dma_buf_fd", CW_HOOK_FENTRY, "dma_buf_fd", 0 },
	{ "kprobe__dma_buf_fd", CW_HOOK_KPROBE, "dma_buf_fd", 0 },
	{ "fexit__dma_buf_get", CW_HOOK_FEXIT, "dma_buf_get", 1 },
	{ "kretprobe__dma_buf_get", CW_HOOK_KRETPROBE, "dma_buf_get", 0 },
	{ "fexit__chrdev_open", CW_HOOK_FEXIT, "chrdev_open", 2 },
	{ "kprobe__chrdev_open", CW_HOOK_KPROBE, "chrdev_open", 0 },
	{ "kretprobe__chrdev_open", CW_HOOK_KRETPROBE, "chrdev_open", 0 },
	{ "fexit__capable_wrt_inode", CW_HOOK_FEXIT, "capable_wrt_inode_uidgid", 3 },
	{ "fexit__capable_wrt_inode_v5_10", CW_HOOK_FEXIT, "capable_wrt_inode_uidgid", 2 },
	{ "kprobe__capable_wrt_inode", CW_HOOK_KPROBE, "capable_wrt_inode_uidgid", 3 },
	{ "kprobe__capable_wrt_inode_v5_10", CW_HOOK_KPROBE, "capable_wrt_inode_uidgid", 2 },
	{ "kretprobe__capable_wrt_inode", CW_HOOK_KRETPROBE, "capable_wrt_inode_uidgid", 0 },
	{ "tp__sys_exit", CW_HOOK_TP_BTF, "sys_exit", 0 },
	{ "raw__sys_exit", CW_HOOK_RAW_TP, "sys_exit", 0 },
	{ "tp__io_uring_complete", CW_HOOK_RAW_TP, "io_uring_complete", 0 },
	{ "state__sock", CW_HOOK_RAW_TP, "inet_sock_set_state", 0 },
	{ "fork__process", CW_HOOK_RAW_TP, "sched_process_fork", 0 },
	{ "exec__process", CW_HOOK_RAW_TP, "sched_process_exec", 0 },
	{ "exit__process", CW_HOOK_RAW_TP, "sched_process_exit", 0 },
	{ "fork__descriptors", CW_HOOK_RAW_TP, "sched_process_fork", 0 },
	{ "exec__descriptors", CW_HOOK_RAW_TP, "sched_process_exec", 0 },
	{ "exit__descriptors", CW_HOOK_RAW_TP, "sched_process_exit", 0 },
	{ "iter__task", CW_HOOK_ITER, "task", 0 },
	{ "iter__task_vma", CW_HOOK_ITER, "task_vma", 0 },
	{ "iter__task_file", CW_HOOK_ITER, "task_file", 0 },
	{ "proc__task", CW_HOOK_DEMAND, "/proc/PID", 0 },
	{ "proc__task_file", CW_HOOK_DEMAND, "/proc/PID/fd", 0 },
};

/* One program of the calibration object, loaded alone and attached. */
struct cw_ladder_hold {
	struct calib_bpf *object;
	struct bpf_link *link;
	uint64_t jiffies[2], ns[2];
};

static void let_go(struct cw_ladder_hold *h)
{
	bpf_link__destroy(h->link);
	calib_bpf__destroy(h->object);
}

/* Was the program seen to run? The caller lets go of *ret_hold in any case. */
static bool runs(const char *program, struct cw_ladder_hold *ret_hold)
{
	struct calib_bpf *c = calib_bpf__open();
	struct bpf_program *p;
	struct bpf_link *link;
	int fd;

	memset(ret_hold, 0, sizeof(*ret_hold));
	ret_hold->object = c;
	if (!c)
		return false;
	bpf_object__for_each_program(p, c->obj)
		bpf_program__set_autoload(p, cw_streq(bpf_program__name(p), program));
	c->rodata->self_tgid = (__u32)getpid();
	p = bpf_object__find_program_by_name(c->obj, program);
	if (!p || calib_bpf__load(c))
		return false;
	link = bpf_program__attach(p);
	if (libbpf_get_error(link))
		return false;
	ret_hold->link = link;
	fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return c->bss->lsm_runs || c->bss->fentry_runs || c->bss->fexit_runs ||
	       c->bss->kprobe_runs || c->bss->kretprobe_runs || c->bss->tp_btf_runs ||
	       c->bss->raw_tp_runs;
}

/* Such a program names what it hooks into by its number among the kernel's own types. */
static bool by_type(enum cw_hook_kind kind)
{
	return kinds[kind].type == BPF_PROG_TYPE_LSM || kinds[kind].type == BPF_PROG_TYPE_TRACING;
}

/* Asked once for each kind, and only if a way needs it: attaching rewrites the kernel's code. */
static bool kind_runs(struct cw_ladder *l, enum cw_hook_kind kind)
{
	struct cw_ladder_hold hold;

	if (kinds[kind].rung < l->config.best || (by_type(kind) && !l->types.kernel))
		return false;
	if (kind == CW_HOOK_LSM_ENTRY)
		return !l->preemptible && kind_runs(l, CW_HOOK_LSM) && kind_runs(l, CW_HOOK_FENTRY);
	if (!kinds[kind].trial)
		return true;
	if (l->runs[kind] == CW_UNTRIED) {
		l->runs[kind] = runs(kinds[kind].trial, &hold) ? CW_RUNS : CW_FAILS;
		let_go(&hold);
	}
	return l->runs[kind] == CW_RUNS;
}

/* Loads a program that does nothing. */
static int load_nothing(enum bpf_prog_type type, const struct bpf_prog_load_opts *opts)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(type, "camwarden_test", "GPL", insns, CW_ARRAY_SIZE(insns), opts);
}

#define REGISTER_ARGS 6 /* some kernels have no trampoline for a function with more */

/*
 * Loads one, which the kernel refuses where there is no such hook, and attaches it if asked to.
 * That can still fail where others have filled the hook, but rewrites the kernel's code twice, and
 * each time it waits until no process is in what was replaced: a tenth of a second.
 */
static bool hook_takes(enum bpf_prog_type type, enum bpf_attach_type attach, int btf_id,
		       bool for_good)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach,
		    .attach_btf_id = (__u32)btf_id);
	int fd = load_nothing(type, &opts), link = -1;

	if (fd < 0)
		return false;
	if (for_good)
		link = attach == BPF_TRACE_ITER ? bpf_link_create(fd, 0, attach, NULL) :
						  bpf_raw_tracepoint_open(NULL, fd);
	close(fd);
	if (link >= 0)
		close(link);
	return !for_good || link >= 0;
}

/*
 * Is there a tracepoint of that name? The kernel's own types tell; attaching to it, and again after
 * that, costs it a hundredth of a second each.
 */
static bool raw_tp_attaches(const struct cw_ladder *l, const char *name)
{
	char type[160];
	int fd, link;

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	if (l->types.kernel && !l->config.attach)
		return btf__find_by_name_kind(l->types.btf, type, BTF_KIND_TYPEDEF) > 0;
	fd = load_nothing(BPF_PROG_TYPE_RAW_TRACEPOINT, NULL);
	if (fd < 0)
		return false;
	link = bpf_raw_tracepoint_open(name, fd);
	close(fd);
	if (link < 0)
		return false;
	close(link);
	return true;
}

/* Does the kernel run such a program when it is asked to? */
static bool runs_on_demand(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int fd = load_nothing(BPF_PROG_TYPE_RAW_TRACEPOINT, NULL);
	bool r = fd >= 0 && !bpf_prog_test_run_opts(fd, &opts);

	if (fd >= 0)
		close(fd);
	return r;
}

/* A number in sysfs: "8\n", "config:0\n"; -1: it is not there. */
static int read_number(const char *path, const char *prefix)
{
	FILE *f = fopen(path, "re");
	char text[32] = "";
	size_t len = strlen(prefix);

	if (!f)
		return -1;
	if (!fgets(text, sizeof(text), f) || strncmp(text, prefix, len) || !isdigit(text[len]))
		text[len] = '\0';
	fclose(f);
	return text[len] ? atoi(text + len) : -1;
}

/* Can the kernel probe that function? The probe is made, never switched on, and goes. */
static bool kprobe_attaches(const char *function, bool at_return)
{
	struct perf_event_attr attr = { .size = sizeof(attr) };
	int type = read_number("/sys/bus/event_source/devices/kprobe/type", "");
	int bit = read_number("/sys/bus/event_source/devices/kprobe/format/retprobe", "config:");
	long fd;

	if (type < 0 || (at_return && bit < 0))
		return false;
	attr.type = (__u32)type;
	attr.config = at_return ? 1ull << bit : 0;
	attr.config1 = (__u64)(uintptr_t)function;
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return false;
	close((int)fd);
	return true;
}

/* The kernel's version, as 6.12 is 6 << 8 | 12; 0: not told. */
static unsigned int kernel_version(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname u = {};

	uname(&u);
	return sscanf(u.release, "%u.%u", &major, &minor) == 2 ? major << 8 | minor : 0;
}

/*
 * Has the function the signature that the program expects? A small description of types, as
 * scripts/btf makes them, has no functions: then the version tells whether the first parameter is
 * that of idmapped mounts, by which all these signatures differ.
 */
static bool signature_fits(const struct cw_ladder *l, const char *function, size_t i)
{
	int n = cw_types_args(&l->types, function, false);
	unsigned int since = cw_streq(function, "security_inode_setattr") ? 0x600 : 0x50c;

	if (n >= 0 || l->types.kernel)
		return n == (int)hooks[i].n_args;
	return (kernel_version() >= since) == !strstr(hooks[i].program, "_v5_10");
}

static bool hook_possible(struct cw_ladder *l, size_t i)
{
	enum cw_hook_kind kind = hooks[i].kind;
	char name[128];
	bool for_good;
	int id;

	if (cw_ladder_without(&l->config, hooks[i].program))
		return false;
	snprintf(name, sizeof(name), "%s%s", kinds[kind].prefix, hooks[i].target);
	if (!kind_runs(l, kind) || (hooks[i].n_args && !signature_fits(l, name, i)))
		return false;
	if (kinds[kind].type == BPF_PROG_TYPE_KPROBE)
		return kprobe_attaches(name, kind == CW_HOOK_KRETPROBE);
	if (kind == CW_HOOK_RAW_TP)
		return raw_tp_attaches(l, name);
	if (kind == CW_HOOK_DEMAND)
		return runs_on_demand();
	id = btf__find_by_name_kind(l->types.btf, name,
				    kind == CW_HOOK_TP_BTF ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC);
	for_good = l->config.attach || cw_types_args(&l->types, name, false) > REGISTER_ARGS;
	return id > 0 && hook_takes(kinds[kind].type, kinds[kind].attach, id, for_good);
}

static void choose_program(struct cw_ladder *l, struct cw_coverage_row *row, size_t hook)
{
	size_t len = strlen(row->hooks);
	const char *last = strrchr(row->hooks, ' ');

	last = last ? last + 1 : row->hooks;
	if (!cw_streq(hooks[hook].target, last))
		snprintf(row->hooks + len, sizeof(row->hooks) - len, "%s%s", len ? " " : "",
			 hooks[hook].target);
	if (!cw_ladder_uses(l, hooks[hook].program) && l->n_programs < CW_PROGRAMS_MAX)
		l->program[l->n_programs++] = hooks[hook].program;
}

/* The place of the first alternative in `entry` that this kernel can have, or -1. */
static int find_program(struct cw_ladder *l, const char *entry)
{
	char copy[128], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", entry + (*entry == '?'));
	for (char *p = strtok_r(copy, "|", &save); p; p = strtok_r(NULL, "|", &save))
		for (size_t i = 0; i < CW_ARRAY_SIZE(hooks); i++)
			if (cw_streq(hooks[i].program, p) && hook_possible(l, i))
				return (int)i;
	return -1;
}

static bool take_way(struct cw_ladder *l, const struct cw_way *w)
{
	struct cw_coverage_row row = { .rung = w->rung, .blind = w->blind, .improve = w->improve };
	int hook[CW_RUNG_PROGRAMS_MAX], n = 0;

	for (; n < CW_RUNG_PROGRAMS_MAX && w->programs[n]; n++) {
		hook[n] = find_program(l, w->programs[n]);
		if (hook[n] < 0 && *w->programs[n] != '?')
			return false;
	}
	for (int i = 0; i < n; i++)
		if (hook[i] >= 0)
			choose_program(l, &row, (size_t)hook[i]);
	l->way[w->capability] = w;
	l->coverage.row[w->capability] = row;
	return true;
}

/* Rungs are ordered as in enum cw_probe. OPEN is the first capability in the table. */
static bool way_allowed(const struct cw_ladder *l, const struct cw_way *w)
{
	const struct cw_way *open = l->way[CW_CAP_OPEN];

	switch (w->needs) {
	case CW_NEEDS_NOTHING: break;
	case CW_NEEDS_OPEN_LSM: return open && open->rung == CW_PROBE_LSM;
	case CW_NEEDS_FILES: return open && open->rung <= CW_PROBE_KPROBE;
	case CW_NEEDS_DESCRIPTORS: return open && open->rung == CW_PROBE_TRACEPOINT;
	}
	return true;
}

static void choose(struct cw_ladder *l)
{
	for (size_t i = 0; i < CW_ARRAY_SIZE(ways); i++)
		if (!l->way[ways[i].capability] && way_allowed(l, &ways[i]))
			take_way(l, &ways[i]);
	for (int c = 0; c < CW_CAP_MAX; c++)
		if (!l->way[c]) {
			l->coverage.row[c].blind = "everything: no hook of this kernel shows it";
			l->coverage.row[c].improve = BETTER_HOOKS;
		}
	for (int c = 0; c < CW_CAP_MAX && !l->types.kernel; c++)
		if (cw_streq(l->coverage.row[c].improve, BETTER_TRAMPOLINE))
			l->coverage.row[c].improve = BETTER_TYPES;
}

/*
 * Programs that refuse, each in the place of one that tells of the same: of several on one hook,
 * which may run in any order, the first that refuses is the last.
 */
static const char *const refuse_instead[][2] = {
	{ "lsm__task_kill", "harden__task_kill" },
	{ "lsm__sigiotask", "harden__sigiotask" },
	{ "lsm__agent_ptrace", "harden__agent_ptrace" },
	{ "lsm__setrlimit", "harden__setrlimit" },
	{ "lsm__bpf", "harden__bpf" },
	{ "lsm__bpf_map", "harden__bpf_map" },
	{ "lsm__bpf_prog", "harden__bpf_prog" },
	{ "lsm__file_open", "harden__file_open" },
	{ "lsm__inode_unlink", "harden__inode_unlink" },
	{ "lsm__inode_rename", "harden__inode_rename" },
	{ "lsm__inode_setattr", "harden__inode_setattr" },
	{ "lsm__inode_setattr_v5_10", "harden__inode_setattr_v5_10" },
};

int cw_ladder_harden(struct cw_ladder *l)
{
	static const enum cw_capability needed[] = { CW_CAP_SELF, CW_CAP_OPEN, CW_CAP_NAMES,
						     CW_CAP_ATTRIBUTES };

	for (size_t i = 0; i < CW_ARRAY_SIZE(needed); i++)
		if (!cw_ladder_on(l, needed[i], CW_PROBE_LSM))
			return -EOPNOTSUPP;
	for (size_t i = 0; i < CW_ARRAY_SIZE(refuse_instead); i++)
		for (unsigned int j = 0; j < l->n_programs; j++)
			if (cw_streq(l->program[j], refuse_instead[i][0]))
				l->program[j] = refuse_instead[i][1];
	/* Where opens are told by a program that runs before the hook, and cannot refuse. */
	if (!cw_ladder_uses(l, "entry__file_open"))
		return 0;
	if (l->n_programs == CW_PROGRAMS_MAX)
		return -E2BIG;
	l->program[l->n_programs++] = "harden__open";
	return 0;
}

static void take_sample(struct cw_ladder_hold *h, unsigned int i)
{
	if (!h || !h->link)
		return;
	getppid(); /* the program runs at the end of this call */
	h->jiffies[i] = h->object->bss->jiffies_now;
	h->ns[i] = h->object->bss->time_now_ns;
}

#define HZ_SAMPLE_NS 50000000ull /* five ticks at the least */

/* Jiffies a second, from two samples; the kernels' choices are few. */
static unsigned int measure_hz(struct cw_ladder_hold *h)
{
	static const unsigned int known[] = { 100, 250, 300, 1000 };
	unsigned int best = 250, hz;

	take_sample(h, 1);
	if (h->ns[1] - h->ns[0] < HZ_SAMPLE_NS) {
		usleep((useconds_t)((HZ_SAMPLE_NS - (h->ns[1] - h->ns[0])) / 1000));
		take_sample(h, 1);
	}
	if (h->ns[1] <= h->ns[0] || h->jiffies[1] <= h->jiffies[0])
		return best;
	hz = (unsigned int)((h->jiffies[1] - h->jiffies[0]) * CW_NSEC_PER_SEC /
			    (h->ns[1] - h->ns[0]));
	for (size_t i = 0; i < CW_ARRAY_SIZE(known); i++)
		if (abs((int)known[i] - (int)hz) < abs((int)best - (int)hz))
			best = known[i];
	return best;
}

/*
 * The first one stays attached until the probes are: every kind of program at the end of system
 * calls makes the kernel rewrite its own code for all processors when the first comes and the last
 * goes, and that is once enough.
 */
static void hold_syscalls(struct cw_ladder *l)
{
	struct cw_ladder_hold hold;

	l->hold = calloc(1, sizeof(*l->hold));
	if (!l->hold)
		return;
	l->raw_tp = runs("calib__raw_tp", l->hold);
	take_sample(l->hold, 0);
	l->global_functions = runs("calib__global", &hold);
	let_go(&hold);
}

void cw_ladder_release(struct cw_ladder *l)
{
	if (l->hold)
		let_go(l->hold);
	free(l->hold);
	l->hold = NULL;
}

/* From 6.13 on the tracepoint is given the completion itself, not its fields (3 arguments). */
static bool completes_by_cqe(const struct cw_types *t)
{
	int n = cw_types_args(t, "btf_trace_io_uring_complete", true);

	return n < 0 ? kernel_version() >= 0x60d : n == 4;
}

static int explain(struct cw_buf *errors, int r, const struct utsname *u)
{
	if (r == -EPERM || r == -EACCES)
		cw_buf_printf(errors, "cannot load BPF programs: %s; run it as root, or with the "
			      "capabilities BPF, PERFMON, SYS_ADMIN, SYS_PTRACE, DAC_READ_SEARCH\n",
			      strerror(-r));
	else
		cw_buf_printf(errors, "kernel %s has no usable BPF tracepoints (%s); Linux 5.10 or "
			      "newer with CONFIG_BPF_SYSCALL and CONFIG_BPF_EVENTS is needed\n",
			      u->release, strerror(-r));
	return r;
}

/* The first thing that must work at all; its errno says what is wrong. */
static int can_load(void)
{
	int fd = load_nothing(BPF_PROG_TYPE_RAW_TRACEPOINT, NULL);
	int err = errno;

	if (fd < 0)
		return -err;
	close(fd);
	return 0;
}

static int silent(enum libbpf_print_level level, const char *format, va_list ap)
{
	(void)level;
	(void)format;
	(void)ap;
	return 0;
}

/* The kernel as the coverage names it, with where its types are from if not from itself. */
static void name_kernel(struct cw_coverage *c, const struct utsname *u, const struct cw_types *t)
{
	snprintf(c->kernel, sizeof(c->kernel), "%s %s%s%s", u->release, u->machine,
		 t->path ? ", its types from " : "", t->path ? t->path : "");
}

static int decide(struct cw_ladder *l, const struct utsname *u, struct cw_buf *errors)
{
	int r = can_load();

	if (r)
		return explain(errors, r, u);
	r = cw_types_open(l->config.types, errors, &l->types);
	if (r)
		return r;
	name_kernel(&l->coverage, u, &l->types);
	hold_syscalls(l);
	l->preemptible = cw_preempt_in_kernel();
	l->io_complete_by_cqe = completes_by_cqe(&l->types);
	if (l->raw_tp) {
		choose(l);
		l->hz = measure_hz(l->hold); /* now, for it takes a while after the first sample */
	} else {
		r = explain(errors, -EOPNOTSUPP, u);
	}
	cw_types_close(&l->types);
	return r;
}

int cw_ladder_decide(const struct cw_ladder_config *config, struct cw_buf *errors,
		     struct cw_ladder *ret_ladder)
{
	unsigned int version = kernel_version();
	struct cw_ladder l = { .config = *config };
	libbpf_print_fn_t print;
	struct utsname u = {};
	int r;

	uname(&u);
	/* The oldest that was tried; ring buffers and the time since boot came with 5.8. */
	if (version && version < 0x50a) {
		cw_buf_printf(errors, "kernel %s is too old; Linux 5.10 or newer is needed\n",
			      u.release);
		return -EOPNOTSUPP;
	}
	/* Failures are the answer here, not news. */
	print = libbpf_set_print(silent);
	r = decide(&l, &u, errors);
	libbpf_set_print(print);
	if (r)
		cw_ladder_release(&l);
	else
		*ret_ladder = l;
	return r;
}

bool cw_ladder_without(const struct cw_ladder_config *c, const char *program)
{
	for (unsigned int i = 0; i < c->n_without; i++)
		if (cw_streq(c->without[i], program))
			return true;
	return false;
}

bool cw_ladder_uses(const struct cw_ladder *l, const char *program)
{
	for (unsigned int i = 0; i < l->n_programs; i++)
		if (cw_streq(l->program[i], program))
			return true;
	return false;
}

bool cw_ladder_on(const struct cw_ladder *l, enum cw_capability c, enum cw_probe rung)
{
	return l->way[c] && l->way[c]->rung == rung;
}
