/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Code in a process that is not of its own executable: a file that is not root's, or that others
 * can change, mapped to be executed (LD_PRELOAD, a plug-in, a memfd); or memory that another
 * process wrote to. The first of it is kept with the process, passed on by fork and gone with exec.
 * What a process makes in memory of its own, as just-in-time compilers do, is no file and not told.
 */
#ifndef CW_CODE_BPF_H
#define CW_CODE_BPF_H

#include "open.bpf.h"

#define PROT_EXEC_ 4
#define VM_EXEC_ 4
#define S_IWOTHERS 0022 /* group and others; the group's bits bound what an access list gives */

/*
 * By the object alone, whatever path led to it. A library of root's that was mapped `before` may
 * have lost its name to an update since.
 */
static __always_inline __u32 code_of(enum cw_rung rung, struct file *file, bool before)
{
	struct inode *inode = FIELD(rung, file, f_inode);
	umode_t mode = FIELD(rung, inode, i_mode);
	__u32 what = CW_FOREIGN_NONE;

	if ((mode & S_IFMT) != S_IFREG)
		return CW_FOREIGN_NONE;
	if (FIELD(rung, inode, i_uid.val))
		what = CW_FOREIGN_OWNER;
	else if (mode & S_IWOTHERS)
		what = CW_FOREIGN_WRITABLE;
	return FIELD(rung, inode, i_nlink) || (before && !what) ? what : CW_FOREIGN_NAMELESS;
}

/* True: it is the first of that process. */
static __noinline int code_found(struct task_struct *task, struct file *file, __u32 what)
{
	__u64 exe = (__u64)BPF_CORE_READ(task, mm, exe_file, f_inode);
	struct cw_task *t;
	__u32 nlink;

	/* Its own executable is told of as such. */
	if (!exe || exe == (__u64)BPF_CORE_READ(file, f_inode))
		return 0;
	t = task_get(task);
	if (!t || t->code.what)
		return 0;
	exe_of_file(&t->code.exe, &nlink, file);
	t->code.tgid = t->tgid;
	t->code.what = what; /* last: its next access tells of it */
	return 1;
}

static __always_inline void code_mapped(struct file *file, __u32 what, __u32 rung)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	/* Who holds something already may never open anything again. */
	if (code_found((void *)bpf_get_current_task(), file, what) && touched_maybe(tgid))
		peeked(tgid, CW_PEEK_CODE, rung, address_of(file));
}

/* Apart, so that what has no code of others in it needs no registers saved. */
static __noinline int code_and_use(struct file *file, __u32 what, __u32 rung)
{
	code_mapped(file, what, rung);
	return used(file, CW_OP_MAP, rung);
}

/*
 * Every mapping comes here; those that are not for execution leave after a look at an argument.
 * Since 3.5. Misses the loader that an executable itself names, which is mapped by exec.
 */
static __always_inline void on_mmap_file(enum cw_rung rung, struct file *file, unsigned long prot)
{
	__u32 code;

	if (!file)
		return;
	if (prot & PROT_EXEC_) {
		code = code_of(rung, file, false);
		if (code) {
			code_and_use(file, code, rung);
			return;
		}
	}
	if (open_maybe(rung, file))
		used(file, CW_OP_MAP, rung);
}

/* `prot` is what is given, which personality(2) may make more of than was asked for. */
HOOK_LSM(mmap_file, mmap_file, (struct file *file, unsigned long asked, unsigned long prot),
	 (file, prot))
HOOK_ENTRY(mmap_file, (struct file *file, unsigned long asked, unsigned long prot), (file, prot))
HOOK_FEXIT(mmap_file, security_mmap_file,
	   (struct file *file, unsigned long prot, unsigned long flags), (file, prot))
HOOK_KPROBE(mmap_file, security_mmap_file,
	    (struct file *file, unsigned long prot, unsigned long flags), (file, prot))

/* What was mapped to be read is made executable. Since 2.6. */
static __always_inline void on_file_mprotect(enum cw_rung rung, struct vm_area_struct *vma,
					     unsigned long prot)
{
	struct file *file;
	__u32 code;

	if (!(prot & PROT_EXEC_))
		return;
	file = BPF_CORE_READ(vma, vm_file);
	code = file ? code_of(CW_RUNG_KPROBE, file, false) : CW_FOREIGN_NONE;
	if (code)
		code_mapped(file, code, rung);
}

HOOK(file_mprotect, (struct vm_area_struct *vma, unsigned long asked, unsigned long prot),
     (vma, prot))
HOOK_ENTRY(file_mprotect, (struct vm_area_struct *vma, unsigned long asked, unsigned long prot),
	   (vma, prot))

/* What was mapped before the agent started. Since 5.12. */
SEC("iter/task_vma")
int iter__task_vma(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;
	struct file *file;
	__u32 code;

	if (!task || !vma || !bpf_core_field_exists(vma->vm_flags) ||
	    !(BPF_CORE_READ(vma, vm_flags) & VM_EXEC_))
		return 0;
	file = BPF_CORE_READ(vma, vm_file);
	code = file ? code_of(CW_RUNG_KPROBE, file, true) : CW_FOREIGN_NONE;
	if (code)
		code_found(task, file, code);
	return 0;
}

/* The current process writes to the memory of `task`. */
static __noinline int code_written(struct task_struct *task)
{
	struct task_struct *by = (void *)bpf_get_current_task();
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct cw_task *t, *writer;

	if (!task || (__u32)BPF_CORE_READ(task, tgid) == tgid)
		return 0;
	t = task_get(task);
	if (!t || t->code.what)
		return 0;
	writer = task_get(by);
	if (writer)
		t->code.exe = writer->exe;
	t->code.tgid = tgid;
	t->code.what = CW_FOREIGN_WRITTEN;
	return 0;
}

#endif
