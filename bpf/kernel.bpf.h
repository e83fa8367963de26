/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel's types, declared by hand: only the fields that are read, relocated at load time
 * (CO-RE). Fields that moved between kernels have accessors here, one for each, with the commit or
 * version that moved them.
 */
#ifndef CW_KERNEL_BPF_H
#define CW_KERNEL_BPF_H

#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#define __VMLINUX_H__ /* bpf_tracing.h: call registers as the kernel does, not as ptrace(2) */
#include <bpf/bpf_tracing.h>

#include "abi.h"

#define CW_RELOC __attribute__((preserve_access_index))

typedef unsigned short umode_t;
typedef unsigned int fmode_t;
typedef long long loff_t;
typedef _Bool bool;
#define false 0
#define true  1

#define PROC_MAGIC 0x9fa0

#define IOC_KEY(cmd) ((cmd) & 0xffff) /* of an ioctl, its type and number: enough to know it */

#define AF_UNIX	 1
#define AF_INET	 2
#define AF_INET6 10

#define S_IFMT	 0170000
#define S_IFSOCK 0140000
#define S_IFREG	 0100000
#define S_IFBLK	 0060000
#define S_IFDIR	 0040000
#define S_IFCHR	 0020000

#define FMODE_READ   0x1
#define FMODE_WRITE  0x2
#define FMODE_EXEC   0x20
#define FMODE_PATH   0x4000
#define FMODE_OPENED 0x80000

#define O_CREAT_ 00000100 /* the same on x86 and arm64 */
#define O_TRUNC_ 00001000

#define FMODE_CREATED 0x100000
#define O_ACCMODE_  00000003

#define PF_EXITING   0x00000004
#define PF_DUMPCORE  0x00000200
#define PF_KTHREAD   0x00200000
#define TS_COMPAT    0x0002 /* x86: thread_info.status */
#define TIF_32BIT_ARM64 22
#define ATTR_MODE    (1 << 0)
#define ATTR_UID     (1 << 1)
#define ATTR_GID     (1 << 2)
#define ATTR_SIZE    (1 << 3)
#define CAP_DAC_OVERRIDE 1

#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT    2
#define TCP_CLOSE_WAIT	8
#define TCP_LISTEN	10

typedef struct { __u32 val; } kuid_t;
typedef struct { __u32 val; } kgid_t;

struct super_block {
	__u32 s_dev;
	char s_id[32];
	unsigned long s_magic;
} CW_RELOC;

struct ctl_table {
	const char *procname;
} CW_RELOC;

struct hlist_node {
	struct hlist_node *next;
} CW_RELOC;

struct hlist_head {
	struct hlist_node *first;
} CW_RELOC;

struct inode {
	umode_t i_mode;
	kuid_t i_uid;
	__u32 i_rdev;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	__u32 i_generation;
	loff_t i_size;
	struct hlist_head i_dentry; /* the names that are in memory */
} CW_RELOC;

struct qstr {
	__u32 len;
	const unsigned char *name;
} CW_RELOC;

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	union {
		struct hlist_node d_alias;
	} d_u; /* in i_dentry */
} CW_RELOC;

struct vfsmount {
	struct dentry *mnt_root;
} CW_RELOC;

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns; /* NULL: it is attached nowhere any more */
} CW_RELOC;

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
} CW_RELOC;

struct file {
	fmode_t f_mode;
	unsigned int f_flags;
	loff_t f_pos;
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
} CW_RELOC;

struct dma_buf {
	struct file *file;
} CW_RELOC;

struct iattr {
	unsigned int ia_valid;
	loff_t ia_size;
} CW_RELOC;

typedef struct { __u32 cap[2]; } kernel_cap_t;

struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t euid;
	kernel_cap_t cap_effective; /* 8 bytes in every form it has had */
} CW_RELOC;

struct vm_area_struct {
	unsigned long vm_flags;
	struct file *vm_file;
} CW_RELOC;

struct mm_struct {
	struct task_struct *owner; /* CONFIG_MEMCG */
	struct file *exe_file;
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long env_start;
	unsigned long env_end;
} CW_RELOC;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} CW_RELOC;

struct files_struct {
	struct fdtable *fdt;
	struct fdtable fdtab;
	struct file *fd_array[1]; /* NR_OPEN_DEFAULT of them: as many as a long has bits */
} CW_RELOC;

struct fs_struct {
	struct path pwd;
} CW_RELOC;

struct tty_struct {
	char name[64];
} CW_RELOC;

typedef struct { int counter; } atomic_t;

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	struct tty_struct *tty;
} CW_RELOC;

struct kernfs_node {
	struct kernfs_node *parent;
	const char *name;
	__u64 id;
} CW_RELOC;

/* kernfs_node.parent became RCU-protected __parent in 6.15 (633488947ef6). */
struct kernfs_node___v6_15 {
	struct kernfs_node *__parent;
} CW_RELOC;

struct cgroup {
	struct kernfs_node *kn;
} CW_RELOC;

struct css_set {
	struct cgroup *dfl_cgrp;
} CW_RELOC;

struct upid {
	int nr;
} CW_RELOC;

struct pid {
	unsigned int level;
	struct hlist_head tasks[1]; /* [PIDTYPE_PID] comes first */
	struct upid numbers[1];
} CW_RELOC;

struct ns_common {
	unsigned int inum;
} CW_RELOC;

struct net {
	struct ns_common ns;
} CW_RELOC;

struct user_namespace {
	int level; /* 0: the first */
} CW_RELOC;

struct mnt_namespace {
	struct ns_common ns;
	struct user_namespace *user_ns;
} CW_RELOC;

struct nsproxy {
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
} CW_RELOC;

struct thread_info {
	unsigned long flags;
	__u32 status;
} CW_RELOC;

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *parent;
	unsigned int ptrace;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct hlist_node pid_links[1]; /* in the tasks of its pid */
	__u64 start_boottime; /* since 5.5 (cf25e24db61c) */
	const struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct mm_struct *mm;
	kuid_t loginuid; /* CONFIG_AUDIT */
	unsigned int sessionid;
	struct css_set *cgroups;
} CW_RELOC;

/* The inode of a file below /proc/PID. */
struct proc_inode {
	struct pid *pid;
	struct inode vfs_inode;
} CW_RELOC;

struct sigaction {
	void *sa_handler;
} CW_RELOC;

struct k_sigaction {
	struct sigaction sa;
} CW_RELOC;

struct linux_binprm {
	struct file *file;
} CW_RELOC;

struct in6_addr {
	__u8 in6_u[16];
};

struct sock_common {
	__u32 skc_daddr;
	__u32 skc_rcv_saddr;
	__u16 skc_dport; /* network order */
	__u16 skc_num;	 /* host order */
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct {
		struct net *net;
	} skc_net; /* CONFIG_NET_NS */
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
} CW_RELOC;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
	struct socket *sk_socket;
} CW_RELOC;

/* sk_type and sk_protocol were bit-fields until 5.6; nothing older is supported. */

struct socket {
	struct file *file;
	struct sock *sk;
} CW_RELOC;

/* Where the time of the last data stands; the nested structure has no name in the kernel either. */
struct inet_connection_sock {
	struct {
		__u32 lrcvtime; /* jiffies, low half */
	} icsk_ack;
} CW_RELOC;

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r10, r9, r8, ax, bx, cx, dx, si, di, orig_ax;
} CW_RELOC;
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
} CW_RELOC;

/* The head of pt_regs, which is all that bpf_tracing.h looks at. */
struct user_pt_regs {
	__u64 regs[31];
} CW_RELOC;
#endif

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
} CW_RELOC;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} CW_RELOC;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
} CW_RELOC;

struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct vm_area_struct *vma;
} CW_RELOC;

/* dentry.d_alias stands in the union d_u up to 6.18, outside of it in 7.3. */
struct dentry___v7_3 {
	struct hlist_node d_alias;
} CW_RELOC;

/* A name of an inode that is in memory, or NULL. */
static __always_inline struct dentry *inode_name(struct inode *inode)
{
	struct hlist_node *first = BPF_CORE_READ(inode, i_dentry.first);

	if (!first)
		return NULL;
	if (bpf_core_field_exists(((struct dentry___v7_3 *)0)->d_alias))
		return (void *)first - bpf_core_field_offset(struct dentry___v7_3, d_alias);
	if (!bpf_core_field_exists(((struct dentry *)0)->d_u))
		return NULL;
	return (void *)first - bpf_core_field_offset(struct dentry, d_u);
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	struct kernfs_node___v6_15 *new = (void *)kn;

	if (bpf_core_field_exists(new->__parent))
		return BPF_CORE_READ(new, __parent);
	return BPF_CORE_READ(kn, parent);
}

#endif
