/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Calls that copy out of a tree and have both ends in hand. */
#ifndef CW_CLONE_BPF_H
#define CW_CLONE_BPF_H

#include "open.bpf.h"

/* One call that reads the one and writes the other. */
static __noinline int copied(struct file *from, struct file *to, __u32 way, __u32 rung)
{
	struct telling *p;
	__u64 key = address_of(from), target = address_of(to);
	struct cw_open *open = bpf_map_lookup_elem(&opens, &key);
	struct object o;

	if (!open || is_agent())
		return 0;
	object_fill(&o, BPF_CORE_READ(from, f_inode), NULL, NULL);
	o.asset = open->asset;
	touch_note((void *)bpf_get_current_task(), &o, CW_ABI_READ, key);
	p = copy_keeps(to) ? telling_new(CW_OP_COPY, way, rung) : NULL;
	if (!p)
		return 0;
	p->source = o.ino;
	p->file = target;
	touches_tell(p);
	return 0;
}

static __always_inline void on_copy_range(enum cw_rung rung, struct file *from, struct file *to)
{
	if (open_maybe(rung, from))
		copied(from, to, CW_COPY_RANGE, rung);
}

/* copy_file_range(2) and its io_uring and NFS kin. 4.5 to 7.3. */
HOOK_FENTRY(copy_range, vfs_copy_file_range,
	    (struct file *from, loff_t at, struct file *to), (from, to))
HOOK_KPROBE(copy_range, vfs_copy_file_range,
	    (struct file *from, loff_t at, struct file *to), (from, to))

static __always_inline void on_clone_range(enum cw_rung rung, struct file *from, struct file *to)
{
	if (open_maybe(rung, from))
		copied(from, to, CW_COPY_CLONE, rung);
}

/* FICLONE, FICLONERANGE: a second file with the same blocks. */
HOOK_FENTRY(clone_range, vfs_clone_file_range,
	    (struct file *from, loff_t at, struct file *to), (from, to))
HOOK_KPROBE(clone_range, vfs_clone_file_range,
	    (struct file *from, loff_t at, struct file *to), (from, to))

static __always_inline void on_send(enum cw_rung rung, struct file *from, struct file *to)
{
	if (open_maybe(rung, from))
		copied(from, to, CW_COPY_SENDFILE, rung);
}

/* sendfile(2) into a file, by way of a pipe that nobody sees. */
HOOK_FENTRY(send, do_splice_direct,
	    (struct file *from, loff_t *at, struct file *to), (from, to))
HOOK_KPROBE(send, do_splice_direct,
	    (struct file *from, loff_t *at, struct file *to), (from, to))

#endif
