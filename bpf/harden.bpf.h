/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * `run --harden`: what would end, stop or change the agent is refused (-EPERM) to everybody but
 * process 1 and the agent itself. LSM programs of their own, loaded only then: no other program of
 * camwarden can refuse anything. The kernel's own doings (a terminal's Ctrl-C, out of memory) do
 * not come here.
 *
 * A program that refuses ends the round of those behind it on the same hook, whose order nobody
 * promises. So each tells what it refuses, and stands in the place of the one that only tells.
 */
#ifndef CW_HARDEN_BPF_H
#define CW_HARDEN_BPF_H

#include "open.bpf.h"
#include "self.bpf.h"
#include "tree.bpf.h"

#define EPERM_ 1

static __always_inline bool is_privileged(void)
{
	return is_agent() || is_init();
}

/* HUP, USR1 and CONT neither end nor stop it: `systemctl reload` and logrotate need them. */
static __always_inline bool signal_refused(__u32 sig)
{
	return !is_privileged() && !signal_harmless(sig);
}

SEC("lsm/task_kill")
int BPF_PROG(harden__task_kill, struct task_struct *p, void *info, int sig)
{
	if (!of_agent(p->tgid))
		return 0;
	signalled(sig, 1, signal_refused(sig) ? -EPERM_ : 0, CW_RUNG_LSM);
	return signal_refused(sig) ? -EPERM_ : 0;
}

SEC("lsm/file_send_sigiotask")
int BPF_PROG(harden__sigiotask, struct task_struct *p, void *fown, int sig)
{
	if (!of_agent(p->tgid))
		return 0;
	if (!sig)
		sig = SIGIO_;
	signalled(sig, 1, signal_refused(sig) ? -EPERM_ : 0, CW_RUNG_LSM);
	return signal_refused(sig) ? -EPERM_ : 0;
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(harden__agent_ptrace, struct task_struct *child, unsigned int mode)
{
	if (!(mode & PTRACE_MODE_ATTACH_) || !of_agent(child->tgid) || is_privileged())
		return 0;
	process_tampered(CW_TAMPER_PTRACE, mode, -EPERM_, CW_RUNG_LSM);
	return -EPERM_;
}

SEC("lsm/task_setrlimit")
int BPF_PROG(harden__setrlimit, struct task_struct *p, unsigned int resource)
{
	if (!of_agent(p->tgid) || is_privileged())
		return 0;
	process_tampered(CW_TAMPER_LIMIT, resource, -EPERM_, CW_RUNG_LSM);
	return -EPERM_;
}

static __noinline int object_refused(__u32 what, __u32 id)
{
	if (is_privileged() || !is_ours(what, id))
		return 0;
	object_taken(what, id, -EPERM_, CW_RUNG_LSM);
	return -EPERM_;
}

SEC("lsm/bpf_map")
int BPF_PROG(harden__bpf_map, struct bpf_map *map)
{
	return object_refused(CW_TAMPER_MAP, BPF_CORE_READ(map, id)) ?
		       -EPERM_ : 0;
}

SEC("lsm/bpf_prog")
int BPF_PROG(harden__bpf_prog, struct bpf_prog *prog)
{
	return object_refused(CW_TAMPER_PROGRAM,
			      BPF_CORE_READ(prog, aux, id)) ?
		       -EPERM_ : 0;
}

SEC("lsm/bpf")
int BPF_PROG(harden__bpf, int cmd, void *attr)
{
	__u32 first = 0;

	if (cmd != BPF_LINK_GET_FD_BY_ID_) {
		on_bpf(CW_RUNG_LSM, cmd, attr);
		return 0;
	}
	bpf_probe_read_kernel(&first, sizeof(first), attr);
	return object_refused(CW_TAMPER_LINK, first) ? -EPERM_ : 0;
}

/* ---- files ---- */

static __noinline int inode_refused(struct inode *inode)
{
	struct cw_inode *m;
	__u64 ino = BPF_CORE_READ(inode, i_ino);
	__u32 dev = BPF_CORE_READ(inode, i_sb, s_dev);

	if (is_privileged())
		return 0;
	m = inode_mark(ino, dev, inode_generation(inode));
	return m && asset_is_self(m->asset);
}

static __always_inline int refuse(struct inode *inode)
{
	return inode && filter_maybe(BPF_CORE_READ(inode, i_ino)) && inode_refused(inode) ?
		       -EPERM_ : 0;
}

/* Where another program has told of the open. */
SEC("lsm/file_open")
int BPF_PROG(harden__open, struct file *file)
{
	return file->f_mode & FMODE_WRITE ? refuse(file->f_inode) : 0;
}

SEC("lsm/file_open")
int BPF_PROG(harden__file_open, struct file *file)
{
	on_file_open(CW_RUNG_LSM, file, 0);
	return file->f_mode & FMODE_WRITE ? refuse(file->f_inode) : 0;
}

SEC("lsm/inode_unlink")
int BPF_PROG(harden__inode_unlink, struct inode *dir, struct dentry *dentry)
{
	on_inode_unlink(CW_RUNG_LSM, dir, dentry);
	return refuse(dentry->d_inode);
}

SEC("lsm/inode_rename")
int BPF_PROG(harden__inode_rename, struct inode *old_dir, struct dentry *old,
	     struct inode *new_dir, struct dentry *new)
{
	on_inode_rename(CW_RUNG_LSM, old_dir, old, new_dir, new, 0);
	return refuse(old->d_inode) || refuse(own_inode(new)) ? -EPERM_ : 0;
}

SEC("lsm/inode_setattr")
int BPF_PROG(harden__inode_setattr, void *idmap, struct dentry *dentry, struct iattr *attr)
{
	on_inode_setattr(CW_RUNG_LSM, dentry, attr);
	return attr->ia_valid & ATTR_TOLD ? refuse(dentry->d_inode) : 0;
}

SEC("lsm/inode_setattr")
int BPF_PROG(harden__inode_setattr_v5_10, struct dentry *dentry, struct iattr *attr)
{
	on_inode_setattr(CW_RUNG_LSM, dentry, attr);
	return attr->ia_valid & ATTR_TOLD ? refuse(dentry->d_inode) : 0;
}

#endif
