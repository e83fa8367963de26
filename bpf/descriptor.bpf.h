/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Tracepoint rung: which process holds which watched object by which descriptor. The LSM rung sees
 * open files themselves and needs none of this. An object is always read from the kernel's
 * descriptor table; numbers that a process passes only say where to look.
 */
#ifndef CW_DESCRIPTOR_BPF_H
#define CW_DESCRIPTOR_BPF_H

#include "open.bpf.h"

/*
 * Higher descriptors are not followed over fork and exec; at exit they are left to the agent, which
 * says so (cw_kernel_sweep). A loop of 4096 has too many ways out for the verifier.
 */
#define CW_FD_SCAN 1024

static __always_inline __u32 *holder_slot(__u32 tgid)
{
	return &holders[tgid & (CW_HOLDERS_SIZE - 1)];
}

static __always_inline void object_of_fd(struct object *o, const struct cw_fd *d)
{
	__builtin_memset(o, 0, sizeof(*o));
	o->ino = d->ino;
	o->dev = d->dev;
	o->gen = d->gen;
	o->rdev = d->rdev;
	o->mode = d->mode;
	o->asset = d->asset;
}

static __always_inline void fd_fill(struct cw_fd *d, const struct object *o,
				    const struct cw_open *open)
{
	d->open_id = open->open_id;
	d->since_ns = bpf_ktime_get_boot_ns();
	d->ino = o->ino;
	d->dev = o->dev;
	d->gen = o->gen;
	d->rdev = o->rdev;
	d->mode = o->mode;
	d->asset = o->asset;
}

/* One more descriptor of an open file. */
static __always_inline void fd_add(__u32 tgid, __u32 fd, struct cw_fd *d)
{
	struct cw_fd_key key = { .tgid = tgid, .fd = fd };
	struct cw_open *open;

	if (bpf_map_update_elem(&fds, &key, d, BPF_ANY)) {
		count_loss(CW_LOSS_OPENS);
		return;
	}
	__sync_fetch_and_add(holder_slot(tgid), 1);
	open = bpf_map_lookup_elem(&opens, &d->file);
	if (open && open->open_id == d->open_id)
		__sync_fetch_and_add(&open->refs, 1);
}

static __always_inline struct cw_open *open_of_fd(const struct cw_fd *d)
{
	__u64 file = d->file;
	struct cw_open *open = bpf_map_lookup_elem(&opens, &file);

	return open && open->open_id == d->open_id ? open : NULL;
}

/*
 * Is descriptor `fd` of the current process still what it was (and not `gone`)? If not, it is one
 * less of its open file. 1: it was the last, and the close has to be told; it is remembered until
 * fd_closed().
 *
 * This and the next functions are global, so that the verifier reads each once and not at every
 * turn of the loops that call them. They are called one after the other and not one by the other:
 * before 6.13 all functions that are under way share a stack of 512 bytes.
 */
__noinline int fd_left(__u32 tgid, __u32 fd, __u32 gone)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cw_fd_key key = { .tgid = tgid, .fd = fd };
	struct cw_fd *d = bpf_map_lookup_elem(&fds, &key);
	struct cw_open *open;

	if (!d || (!gone && (__u64)task_file(task, fd) == d->file))
		return 0;
	open = open_of_fd(d);
	if (open) {
		__sync_fetch_and_add(&open->refs, -1);
		if (!open->refs)
			return 1;
	}
	if (!bpf_map_delete_elem(&fds, &key))
		__sync_fetch_and_add(holder_slot(tgid), -1);
	return 0;
}

/* The end of a capture by a descriptor: by the process itself, or with the last close. */
__noinline int fd_stream_ends(__u32 tgid, __u32 fd, __u32 closing)
{
	struct cw_fd_key key = { .tgid = tgid, .fd = fd };
	struct cw_fd *d = bpf_map_lookup_elem(&fds, &key);
	struct cw_open *open;
	struct object o;

	if (!d)
		return 0;
	if (closing) {
		open = open_of_fd(d);
		tgid = open ? open->streamer_tgid : 0;
	}
	object_of_fd(&o, d);
	return tgid ? stream_end(tgid, &o, CW_RUNG_TRACEPOINT) : 0;
}

/* The last descriptor of an open file went. */
__noinline int fd_closed(__u32 tgid, __u32 fd)
{
	struct access a = { .op = CW_OP_CLOSE, .fd = fd, .rung = CW_RUNG_TRACEPOINT };
	struct cw_fd_key key = { .tgid = tgid, .fd = fd };
	struct cw_fd *d = bpf_map_lookup_elem(&fds, &key);
	struct cw_open *open;
	struct object o;

	if (!d)
		return 0;
	object_of_fd(&o, d);
	a.file = d->file;
	open = open_of_fd(d);
	if (bpf_map_delete_elem(&fds, &key))
		return 0;
	__sync_fetch_and_add(holder_slot(tgid), -1);
	if (!open)
		return 0;
	a.access = open->access;
	emit_access(&o, &a);
	open_forget(a.file);
	return 0;
}

/* Looks after a descriptor of the current process: if it is not what it was, that is told. */
static __always_inline void fd_check(__u32 tgid, __u32 fd, __u32 gone)
{
	if (!fd_left(tgid, fd, gone))
		return;
	fd_stream_ends(tgid, fd, 1);
	fd_closed(tgid, fd);
}

__noinline int fd_inherit(__u32 from, __u32 to, __u32 fd)
{
	struct cw_fd_key key = { .tgid = from, .fd = fd };
	struct cw_fd *found = bpf_map_lookup_elem(&fds, &key), d;

	if (!found)
		return 0;
	d = *found;
	d.flags = CW_FD_INHERITED;
	d.since_ns = bpf_ktime_get_boot_ns();
	fd_add(to, fd, &d);
	return 1;
}

#define FDS_AT_ONCE 32

/* So many of them, in a function that the verifier reads once. 1: that was all. */
__noinline int fds_sweep_some(__u32 first, __u32 gone)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	for (__u32 fd = 0; fd < FDS_AT_ONCE; fd++) {
		if (!*holder_slot(tgid))
			return 1;
		fd_check(tgid, first + fd, gone);
	}
	return 0;
}

/*
 * All descriptors of the current process: those that are not what they were go. Unrolled, so that
 * no register is in use over a call, which the caller would have to save at its beginning.
 */
static __always_inline void fds_sweep(__u32 gone)
{
#pragma clang loop unroll(full)
	for (__u32 i = 0; i < CW_FD_SCAN / FDS_AT_ONCE; i++)
		if (fds_sweep_some(i * FDS_AT_ONCE, gone))
			break;
}

/*
 * Programs of their own, beside those of lifecycle.bpf.h on the same tracepoints: the stack that
 * they need is only there once.
 */
SEC("raw_tp/sched_process_fork")
int fork__descriptors(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *parent = (void *)ctx->args[0], *child = (void *)ctx->args[1];
	__u32 from = BPF_CORE_READ(parent, tgid), to = BPF_CORE_READ(child, tgid), left;

	if (from == to)
		return 0;
	left = *holder_slot(from); /* at least its own */
	for (__u32 fd = 0; fd < CW_FD_SCAN; fd++) {
		if (!left)
			break;
		left -= fd_inherit(from, to, fd);
	}
	return 0;
}

/* Descriptors that were closed because of close-on-exec are gone by now. */
SEC("raw_tp/sched_process_exec")
int exec__descriptors(struct bpf_raw_tracepoint_args *ctx)
{
	fds_sweep(0);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int exit__descriptors(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];

	__u32 tgid = BPF_CORE_READ(task, tgid);

	if (BPF_CORE_READ(task, signal, live.counter))
		return 0;
	fds_sweep(1);
	/* It may be another process that has the slot, too: the agent looks. */
	if (*holder_slot(tgid))
		__sync_fetch_and_add(&left_behind, 1);
	return 0;
}

/*
 * An asset as the answer to "is it watched?", where 0 is no. The numbers that are no trees stand at
 * the upper end (CW_NO_ASSET, CW_ASSET_MAYBE, the canary's); 16 of them fit in.
 */
#define ASSET_SEEN(asset) ((asset) + 17)
#define SEEN_ASSET(seen)  ((seen) - 17)
#define SEEN_ELSEWHERE	  2 /* not watched; written to by who has touched something */
#define SEEN_MEMORY	  1 /* not watched, but it may be a /proc/PID/mem */

/*
 * Is there a watched object under descriptor `fd` of the current process, opened, received or
 * found? Then it is remembered. The open file may be known already, under another descriptor or by
 * another process.
 */
__noinline int fd_see(__u32 fd, __u32 op)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *file = task_file(task, fd);
	struct cw_open *open;
	struct cw_fd d = {};
	struct object o;

	if (!file || BPF_CORE_READ(file, f_mode) & FMODE_PATH)
		return 0;
	object_fill(&o, BPF_CORE_READ(file, f_inode), BPF_CORE_READ(file, f_path.dentry),
		    BPF_CORE_READ(file, f_path.mnt));
	if (agent_open(&o))
		return 0;
	if (!object_watched(&o))
		return tp_peek && o.mode == (S_IFREG | 0600) ? SEEN_MEMORY :
		       tp_copy && BPF_CORE_READ(file, f_mode) & FMODE_WRITE &&
		       touched_maybe(bpf_get_current_pid_tgid() >> 32) ? SEEN_ELSEWHERE : 0;
	if (asset_is_self(o.asset))
		return self_only_read(o.asset, access_of(file)) ? 0 : ASSET_SEEN(o.asset);
	d.file = address_of(file);
	/* An open can only be new: what stands at this address is of a file that went unseen. */
	if (op == CW_OP_OPEN)
		open_forget(d.file);
	open = bpf_map_lookup_elem(&opens, &d.file);
	if (!open)
		open = open_new(&o, file, task, false);
	if (!open)
		return ASSET_SEEN(o.asset);
	fd_fill(&d, &o, open);
	fd_add(bpf_get_current_pid_tgid() >> 32, fd, &d);
	return ASSET_SEEN(o.asset);
}

/*
 * Two fields by one read, and what lies between them: a read costs about a hundred instructions,
 * eight bytes more cost six. False: not read, or they are too far from each other.
 */
#define CW_BLOCK 96
static __always_inline bool read_two(const void *from, __u32 a, __u32 b, void *block, void **at_a,
				     void **at_b)
{
	__u32 begin = a < b ? a : b, size = a + b - 2 * begin + 8;

	*at_a = block + (a - begin);
	*at_b = block + (b - begin);
	return size <= CW_BLOCK && !bpf_probe_read_kernel(block, size, from + begin);
}

/*
 * May it be watched? False: surely not. Of the folders above only the nearest is asked: one that
 * may lack its mark has raised look_closer.
 */
static __always_inline bool untyped_maybe(struct file *file)
{
	__u64 block[CW_BLOCK / sizeof(__u64)];
	struct dentry *dentry;
	struct inode *inode;
	void *a, *b;
	umode_t mode;

	if (!read_two(file, bpf_core_field_offset(struct file, f_inode),
		      bpf_core_field_offset(struct file, f_path.dentry), block, &a, &b))
		return true;
	inode = *(struct inode **)a;
	dentry = *(struct dentry **)b;
	if (!read_two(inode, bpf_core_field_offset(struct inode, i_mode),
		      bpf_core_field_offset(struct inode, i_ino), block, &a, &b))
		return true;
	mode = *(umode_t *)a;
	if (is_node(mode))
		return device_maybe(BPF_CORE_READ(inode, i_rdev), mode);
	if (filter_maybe(*(unsigned long *)b) || (tp_peek && mode == (S_IFREG | 0600)))
		return true;
	return filter_maybe(BPF_CORE_READ(dentry, d_parent, d_inode, i_ino));
}

#ifndef CW_BEFORE_5_13
#define FD_ARRAY 64 /* NR_OPEN_DEFAULT where a long has 64 bits */

#define LOAD_SLOT(fd)                                                                              \
	case fd:                                                                                   \
		asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(file) : "r"(slots), "i"((fd) * 8));   \
		break
#define LOAD_SLOTS(fd)                                                                             \
	LOAD_SLOT(fd);                                                                             \
	LOAD_SLOT((fd) + 1);                                                                       \
	LOAD_SLOT((fd) + 2);                                                                       \
	LOAD_SLOT((fd) + 3);                                                                       \
	LOAD_SLOT((fd) + 4);                                                                       \
	LOAD_SLOT((fd) + 5);                                                                       \
	LOAD_SLOT((fd) + 6);                                                                       \
	LOAD_SLOT((fd) + 7)

/*
 * A file of the current process whose pointer has a type. The verifier gives one only to what lies
 * at a constant offset, hence a load of its own for each descriptor; in assembly, for the compiler
 * would make one of them, slots[fd], which has no type.
 */
static __always_inline struct file *typed_file(struct files_struct *files, __u32 fd)
{
	struct file **slots = files->fd_array, *file = NULL;

	switch (fd) {
		LOAD_SLOTS(0);
		LOAD_SLOTS(8);
		LOAD_SLOTS(16);
		LOAD_SLOTS(24);
		LOAD_SLOTS(32);
		LOAD_SLOTS(40);
		LOAD_SLOTS(48);
		LOAD_SLOTS(56);
	}
	return file;
}

/*
 * The same with a plain load for each field, where untyped_maybe() calls a helper for most. Of
 * processes that never had a descriptor FD_ARRAY or above: a larger table lies elsewhere.
 */
static __always_inline bool typed_maybe(struct file *file)
{
	return !file || file_maybe(CW_RUNG_TRACEPOINT, file) ||
	       (tp_peek && file->f_inode->i_mode == (S_IFREG | 0600)) ||
	       filter_maybe(file->f_path.dentry->d_parent->d_inode->i_ino);
}
#endif

/*
 * The first look at what a call opened, for who holds nothing watched. False: fd_see() would surely
 * find nothing.
 */
__noinline int fd_maybe(__u32 fd, __u32 tgid)
{
	struct file *file = NULL;

	if (look_closer || touched_maybe(tgid))
		return true;
#ifndef CW_BEFORE_5_13
	if (kernel_types) {
		struct files_struct *files = bpf_get_current_task_btf()->files;
		struct fdtable *fdt = files->fdt;

		if (bpf_core_field_exists(files->fd_array) && fd < FD_ARRAY &&
		    fdt == &files->fdtab)
			return typed_maybe(typed_file(files, fd));
		if (fd < fdt->max_fds)
			bpf_probe_read_kernel(&file, sizeof(file), (void *)fdt->fd + fd * 8ul);
	} else
#endif
		file = task_file((void *)bpf_get_current_task(), fd);
	return untyped_maybe(file);
}

/*
 * Tells of an access by descriptor `fd` to the watched object that it was `seen` to be. `access` is
 * what the call asked for and the file itself does not tell.
 */
__noinline int fd_tell(__u32 fd, __u32 op, __u32 access, __u32 seen)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct access a = { .op = op, .fd = fd, .rung = CW_RUNG_TRACEPOINT };
	struct file *file = task_file(task, fd);
	struct inode *inode;
	struct object o;

	if (!file)
		return 0;
	object_fill(&o, BPF_CORE_READ(file, f_inode), BPF_CORE_READ(file, f_path.dentry),
		    BPF_CORE_READ(file, f_path.mnt));
	o.asset = SEEN_ASSET(seen);
	a.access = access_of(file) | access;
	if (a.access & CW_ABI_CREATE)
		a.access &= ~CW_ABI_TRUNCATE;
	if (op == CW_OP_TRUNCATE) {
		inode = o.inode; /* BPF_CORE_READ would relocate the access to o, too */
		a.access = access;
		a.bytes = BPF_CORE_READ(inode, i_size);
	}
	a.file = address_of(file);
	return emit_access(&o, &a);
}

/* Whose folder in /proc it is, or whose file there. NULL: none, or the process is gone. */
static __always_inline struct task_struct *task_of_proc(struct inode *inode)
{
	struct hlist_node *link;
	struct pid *pid;

	if (BPF_CORE_READ(inode, i_sb, s_magic) != PROC_MAGIC)
		return NULL;
	pid = BPF_CORE_READ((struct proc_inode *)((void *)inode -
			    bpf_core_field_offset(struct proc_inode, vfs_inode)), pid);
	link = BPF_CORE_READ(pid, tasks[0].first);
	return link ? (void *)link - bpf_core_field_offset(struct task_struct, pid_links) : NULL;
}

/* Whose memory is it, if it is the memory of a process that touched something? 0: it is not. */
__noinline int fd_memory(__u32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *file = task_file(task, fd);
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	const void *text = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	char name[4] = {};
	__u32 tgid;

	if (bpf_probe_read_kernel(name, sizeof(name), text) ||
	    name[0] != 'm' || name[1] != 'e' || name[2] != 'm' || name[3])
		return 0;
	task = task_of_proc(inode);
	if (!task)
		return 0;
	tgid = BPF_CORE_READ(task, tgid);
	return touched_maybe(tgid) && tgid != bpf_get_current_pid_tgid() >> 32 ? tgid : 0;
}

/*
 * A new descriptor: what had its number is gone. One step after the other, not one inside the
 * other, see fd_left().
 */
static __always_inline void fd_new(__u32 fd, __u32 op, __u32 access)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, seen;

	if (*holder_slot(tgid))
		fd_check(tgid, fd, 1);
	seen = fd_see(fd, op);
	if (seen == SEEN_ELSEWHERE) {
		copy_to_output(fd, CW_RUNG_TRACEPOINT);
	} else if (seen == SEEN_MEMORY) {
		tgid = fd_memory(fd);
		if (tgid)
			peeked(tgid, CW_PEEK_MEM, CW_RUNG_TRACEPOINT, 0);
	} else if (seen)
		fd_tell(fd, op, access, seen);
}

#endif
