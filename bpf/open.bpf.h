/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Opening, receiving, first use and closing as the kernel's own functions tell of them: the rungs
 * LSM, fentry and kprobe. Every hook first asks file_maybe() or a slot of open_filter, which costs
 * a few loads, and leaves.
 */
#ifndef CW_OPEN_BPF_H
#define CW_OPEN_BPF_H

#include "copy.bpf.h"
#include "disk.bpf.h"
#include "peek.bpf.h"
#include "stream.bpf.h"

/*
 * A slot of open_filter for an address. The verifier forbids arithmetic on a pointer, except taking
 * its distance from another, which is a number: from open_filter itself, which never moves.
 */
static __always_inline __u32 slot_of_distance(__u64 n)
{
	return (n >> 8) & (CW_OPENS_SIZE - 1);
}

/* The same for an address that is a mere number. What is written to a map is read back as one. */
static __always_inline __u32 address_slot(__u64 file)
{
	if (!*(volatile __u64 *)&filter_base)
		*(volatile __u64 *)&filter_base = (__u64)open_filter;
	return slot_of_distance(file - *(volatile __u64 *)&filter_base);
}

/* May a file be a watched one that is open? */
static __always_inline bool open_maybe(enum cw_rung rung, struct file *file)
{
	if (rung == CW_RUNG_KPROBE)
		return open_filter[address_slot((__u64)file)] != 0;
	return open_filter[slot_of_distance((const char *)file - (const char *)open_filter)] != 0;
}

static __always_inline __u32 access_of(struct file *file)
{
	__u32 mode = BPF_CORE_READ(file, f_mode), flags = BPF_CORE_READ(file, f_flags);
	__u32 access = 0;

	if (mode & FMODE_READ)
		access |= CW_ABI_READ;
	if (mode & FMODE_WRITE)
		access |= CW_ABI_WRITE;
	if (mode & FMODE_CREATED)
		access |= CW_ABI_CREATE;
	if (flags & O_TRUNC_ && !(access & CW_ABI_CREATE)) /* a new file has nothing to lose */
		access |= CW_ABI_TRUNCATE;
	if (flags & FMODE_EXEC)
		access |= CW_ABI_EXEC;
	return access;
}

/*
 * A number that no open file had before. Atomic additions give their result since 5.12; until then
 * two processors may read the same count, so each adds its own number, and never has a count twice.
 */
static __always_inline __u64 new_open_id(void)
{
#ifdef CW_BEFORE_5_13
	__sync_fetch_and_add(&next_open_id, 1);
	return next_open_id << 12 | (bpf_get_smp_processor_id() & 4095);
#else
	return __sync_fetch_and_add(&next_open_id, 1) + 1;
#endif
}

/* Remembers an open file description of a watched object. */
static __noinline struct cw_open *open_new(struct object *o, struct file *file,
					   struct task_struct *task, bool pending)
{
	struct cw_open open = {};
	__u64 key = address_of(file);

	open.open_id = new_open_id();
	open.since_ns = bpf_ktime_get_boot_ns();
	open.opener_tgid = BPF_CORE_READ(task, tgid);
	open.opener_start_ns = task_start(task);
	open.asset = o->asset;
	open.pending = pending;
	open.access = access_of(file);
	open.rdev = o->rdev;
	if (bpf_map_update_elem(&opens, &key, &open, BPF_NOEXIST)) {
		count_loss(CW_LOSS_OPENS);
		return NULL;
	}
	__sync_fetch_and_add(&open_filter[address_slot(key)], 1);
	return bpf_map_lookup_elem(&opens, &key);
}

static __always_inline void open_forget(__u64 file)
{
	if (!bpf_map_delete_elem(&opens, &file))
		__sync_fetch_and_add(&open_filter[address_slot(file)], -1);
}

/* What open_seen() found, if there is more to do. */
#define OPEN_UNWATCHED 1
#define OPEN_READS     2 /* a file of a tree */

static __noinline int open_seen(struct file *file, int result, __u32 rung)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct access a = { .op = CW_OP_OPEN, .fd = ~0u, .rung = rung };
	struct object o;
	struct cw_open *open;
	bool device;

	object_fill(&o, BPF_CORE_READ(file, f_inode), BPF_CORE_READ(file, f_path.dentry),
		    BPF_CORE_READ(file, f_path.mnt));
	if (agent_open(&o))
		return 0;
	if (!object_watched(&o))
		return OPEN_UNWATCHED;
	a.access = access_of(file);
	if (asset_is_self(o.asset)) {
		a.result = result ? result : self_result(o.asset);
		return self_only_read(o.asset, a.access) ? 0 : emit_access(&o, &a);
	}
	if (result) {
		a.op = CW_OP_DENIED;
		a.result = result;
		emit_access(&o, &a);
		return 0;
	}
	device = (o.mode & S_IFMT) == S_IFCHR;
	/* Whether a driver lets the caller in is known when chrdev_open() returns. */
	open = open_new(&o, file, task, device && defer_devices);
	if (open && open->pending)
		return 0;
	a.file = address_of(file);
	emit_access(&o, &a);
	return (o.mode & S_IFMT) == S_IFREG && a.access == CW_ABI_READ ? OPEN_READS : 0;
}

/* A file is opened for writing that is not watched: is it by one who has touched something? */
static __noinline int written_elsewhere(struct file *file, __u32 rung)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (!touched_maybe(bpf_get_current_pid_tgid() >> 32))
		return 0;
	if (BPF_CORE_READ(task, flags) & PF_DUMPCORE)
		core_opened(file, rung);
	else
		copy_probable(file, rung);
	return 0;
}

/*
 * A file that may be watched. Apart from what most opens pass, so that those need not save a
 * register: nothing is done with the file after a call there.
 */
static __noinline int opened(struct file *file, int result, __u32 rung)
{
	int seen = open_seen(file, result, rung);

	if (seen == OPEN_READS)
		copy_to_output(1, rung);
	if (seen == OPEN_UNWATCHED && !result && BPF_CORE_READ(file, f_mode) & FMODE_WRITE)
		written_elsewhere(file, rung);
	return 0;
}

/*
 * Every way to a new open file description comes here: open, openat, openat2, creat, handles,
 * io_uring and its kernel threads, exec, the kernel's own openers. Since 5.7. Misses: O_PATH, which
 * gives no access; as LSM, what a security module before us in the list has refused. As kprobe, a
 * file that a module refuses then is told as opened.
 */
static __always_inline void on_file_open(enum cw_rung rung, struct file *file, int result)
{
	if (file_maybe(rung, file))
		opened(file, result, rung);
	else if (!result && FIELD(rung, file, f_mode) & FMODE_WRITE)
		written_elsewhere(file, rung);
}

HOOK_LSM(file_open, file_open, (struct file *file), (file, 0))
HOOK_ENTRY(file_open, (struct file *file), (file, 0))
HOOK_KPROBE(file_open, security_file_open, (struct file *file), (file, 0))

SEC("fexit/security_file_open")
int BPF_PROG(fexit__file_open, struct file *file, int result)
{
	on_file_open(CW_RUNG_FENTRY, file, result);
	return 0;
}

static __noinline int open_returned(struct file *file, int result)
{
	struct access a = { .op = CW_OP_OPEN, .fd = ~0u, .rung = denied_rung };
	__u64 key = address_of(file);
	struct cw_open *open = bpf_map_lookup_elem(&opens, &key);
	struct object o;

	if (!open || !open->pending)
		return 0;
	open->pending = 0;
	object_fill(&o, BPF_CORE_READ(file, f_inode), BPF_CORE_READ(file, f_path.dentry),
		    BPF_CORE_READ(file, f_path.mnt));
	o.asset = open->asset;
	a.access = open->access;
	a.result = result;
	if (result)
		a.op = CW_OP_DENIED;
	else
		a.file = key;
	emit_access(&o, &a);
	if (result)
		open_forget(key);
	return 0;
}

/*
 * The result of every open of a character device: 0, or what the driver (EBUSY, ENXIO, EIO) or its
 * absence (ENXIO) says. Only opens of character devices pay. 5.10 to 7.3: static, but its address
 * is taken, so it stays a function.
 */
SEC("fexit/chrdev_open")
int BPF_PROG(fexit__chrdev_open, struct inode *inode, struct file *file, int result)
{
	if (open_maybe(CW_RUNG_FENTRY, file))
		open_returned(file, result);
	return 0;
}

static __always_inline void call_begins(enum cw_called function, __u64 arg)
{
	struct cw_call_key key = { .tid = (__u32)bpf_get_current_pid_tgid(), .function = function };

	bpf_map_update_elem(&calls, &key, &arg, BPF_ANY);
}

/* What call_begins() was told in this thread; 0: it was not. */
static __always_inline __u64 call_ends(enum cw_called function)
{
	struct cw_call_key key = { .tid = (__u32)bpf_get_current_pid_tgid(), .function = function };
	__u64 *found = bpf_map_lookup_elem(&calls, &key), arg;

	if (!found)
		return 0;
	arg = *found;
	bpf_map_delete_elem(&calls, &key);
	return arg;
}

/* The same where there are no trampolines. Misses: more opens at once than the kernel has room for
 * the return of (10, or twice the number of processors). */
SEC("kprobe/chrdev_open")
int BPF_KPROBE(kprobe__chrdev_open, struct inode *inode, struct file *file)
{
	if (open_maybe(CW_RUNG_KPROBE, file))
		call_begins(CW_CALLED_CHRDEV_OPEN, (__u64)file);
	return 0;
}

SEC("kretprobe/chrdev_open")
int BPF_KRETPROBE(kretprobe__chrdev_open, int result)
{
	struct file *file = (void *)call_ends(CW_CALLED_CHRDEV_OPEN);

	if (file)
		open_returned(file, result);
	return 0;
}

/* A device's open may have succeeded without our being told of its return. */
static __always_inline void open_overdue(enum cw_rung rung, struct file *file)
{
	if (rung == CW_RUNG_KPROBE && BPF_CORE_READ(file, f_mode) & FMODE_OPENED)
		open_returned(file, 0);
}

#define CAP_DAC_READ_SEARCH 2

static __noinline int permission_refused(struct inode *inode)
{
	struct access a = { .op = CW_OP_DENIED, .result = -13, .fd = ~0u, .rung = denied_rung };
	struct object o;

	if (is_agent())
		return 0;
	object_fill(&o, inode, NULL, NULL);
	if (!object_watched(&o))
		return 0;
	/* Which of its names was tried is not known here; one of them helps who reads it. */
	if ((o.mode & S_IFMT) != S_IFCHR && (o.mode & S_IFMT) != S_IFBLK)
		o.dentry = inode_name(inode);
	return emit_access(&o, &a);
}

/*
 * The kernel asks here whether a capability overrides the mode bits or the ACL of an inode that do
 * not let the caller in: only refused (or overridden) callers pay. The last question before EACCES
 * is CAP_DAC_OVERRIDE, or CAP_DAC_READ_SEARCH where a directory is searched. Misses: refusals by
 * security modules, by read-only file systems and by mount options. Signatures: 5.12 added the user
 * namespace (or idmap) as first argument (0558c1bf5a08).
 */
static __always_inline bool capability_asked(enum cw_rung rung, struct inode *inode, int cap)
{
	umode_t mode = FIELD(rung, inode, i_mode);

	return cap == ((mode & S_IFMT) == S_IFDIR ? CAP_DAC_READ_SEARCH : CAP_DAC_OVERRIDE) &&
	       inode_maybe(rung, inode, mode);
}

SEC("fexit/capable_wrt_inode_uidgid")
int BPF_PROG(fexit__capable_wrt_inode, void *idmap, struct inode *inode, int cap, bool held)
{
	if (!held && capability_asked(CW_RUNG_FENTRY, inode, cap))
		permission_refused(inode);
	return 0;
}

SEC("fexit/capable_wrt_inode_uidgid")
int BPF_PROG(fexit__capable_wrt_inode_v5_10, struct inode *inode, int cap, bool held)
{
	if (!held && capability_asked(CW_RUNG_FENTRY, inode, cap))
		permission_refused(inode);
	return 0;
}

SEC("kprobe/capable_wrt_inode_uidgid")
int BPF_KPROBE(kprobe__capable_wrt_inode, void *idmap, struct inode *inode, int cap)
{
	if (capability_asked(CW_RUNG_KPROBE, inode, cap))
		call_begins(CW_CALLED_CAPABLE, (__u64)inode);
	return 0;
}

SEC("kprobe/capable_wrt_inode_uidgid")
int BPF_KPROBE(kprobe__capable_wrt_inode_v5_10, struct inode *inode, int cap)
{
	if (capability_asked(CW_RUNG_KPROBE, inode, cap))
		call_begins(CW_CALLED_CAPABLE, (__u64)inode);
	return 0;
}

SEC("kretprobe/capable_wrt_inode_uidgid")
int BPF_KRETPROBE(kretprobe__capable_wrt_inode, bool held)
{
	struct inode *inode = (void *)call_ends(CW_CALLED_CAPABLE);

	if (inode && !held)
		permission_refused(inode);
	return 0;
}

/* The object behind an open file that is known: of a dma-buf, the camera that exported it. */
static __noinline int object_of_open(struct object *o, struct file *file, struct cw_open *open)
{
	if (!open)
		return 0;
	if (open->buffer_of)
		stream_object(o, open->buffer_of);
	else
		object_fill(o, BPF_CORE_READ(file, f_inode), BPF_CORE_READ(file, f_path.dentry),
			    BPF_CORE_READ(file, f_path.mnt));
	o->asset = open->asset;
	return 0;
}

/* What a use is remembered by: all buffers of one open of a camera are one. */
static __always_inline __u64 use_file(struct cw_open *open, __u64 file)
{
	return open->buffer_of ? open->open_id : file;
}

static __always_inline void export_told(struct cw_open *open)
{
	__u64 id = open->open_id;
	struct cw_export *e = open->buffer_of ? bpf_map_lookup_elem(&exports, &id) : NULL;

	if (e)
		e->told = 1;
}

/* A descriptor handed over: SCM_RIGHTS, pidfd_getfd(2), seccomp's notifier. In the receiver. */
static __noinline int received(struct file *file, __u32 rung)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct access a = { .op = CW_OP_RECEIVE, .fd = ~0u, .rung = rung };
	struct cw_use_key use = {};
	struct object o;
	__u64 key = address_of(file), seen = 1, *told;
	struct cw_open *open = bpf_map_lookup_elem(&opens, &key);

	if (is_agent())
		return 0;
	if (open && open->buffer_of)
		object_of_open(&o, file, open);
	else if (!object_of_file(&o, file))
		return 0;
	if (!open)
		open = open_new(&o, file, task, false);
	a.access = access_of(file);
	a.file = key;
	use.file = key;
	use.tgid = BPF_CORE_READ(task, tgid);
	use.start_ns = task_start(task);
	if (open) {
		seen = open->open_id;
		use.file = use_file(open, key);
		export_told(open);
	}
	/* Of several buffers the first is told of. */
	told = open && open->buffer_of ? bpf_map_lookup_elem(&uses, &use) : NULL;
	if (told && *told == seen)
		return 0;
	if (bpf_map_update_elem(&uses, &use, &seen, BPF_ANY))
		count_loss(CW_LOSS_USES);
	return emit_access(&o, &a);
}

static __always_inline void on_file_receive(enum cw_rung rung, struct file *file)
{
	if (file_maybe(rung, file) || open_maybe(rung, file))
		received(file, rung);
}

HOOK(file_receive, (struct file *file), (file))

/*
 * An access through an open file of a watched object. Told once for each process that neither
 * opened it nor was told of before; the opener's own are no news.
 */
static __noinline int used(struct file *file, __u32 op, __u32 rung)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct access a = { .op = op, .fd = ~0u, .rung = rung };
	struct cw_use_key use = {};
	__u64 key = address_of(file), *seen, id;
	struct cw_open *open;
	struct object o;
	__u64 start = task_start(task);
	__u32 tgid = BPF_CORE_READ(task, tgid);

	open = bpf_map_lookup_elem(&opens, &key);
	if (!open)
		return 0;
	if (op != CW_OP_MAP && open->opener_tgid == tgid && open->opener_start_ns == start)
		return 0;
	id = open->open_id;
	/* The opener's first mapping is told: it can outlive the descriptor. */
	if (op == CW_OP_MAP)
		id |= 1ull << 63;
	use.file = use_file(open, key);
	use.tgid = tgid;
	use.start_ns = start + (op == CW_OP_MAP);
	seen = bpf_map_lookup_elem(&uses, &use);
	if (seen && *seen == id)
		return 0;
	if (is_agent())
		return 0;
	if (bpf_map_update_elem(&uses, &use, &id, BPF_ANY))
		count_loss(CW_LOSS_USES);
	object_of_open(&o, file, open);
	if (open->opener_tgid != tgid)
		export_told(open);
	a.access = access_of(file);
	a.file = key;
	return emit_access(&o, &a);
}

#define MAY_READ_ 4

/*
 * read, write, sendfile, splice, copy_file_range and their io_uring forms; also getdents. Hot: an
 * unwatched file costs one look into open_filter.
 */
static __always_inline void on_file_permission(enum cw_rung rung, struct file *file, int mask)
{
	if (!open_maybe(rung, file))
		return;
	open_overdue(rung, file);
	used(file, CW_OP_USE, rung);
	if (mask & MAY_READ_)
		stream_reading(file, rung);
}

HOOK(file_permission, (struct file *file, int mask), (file, mask))
HOOK_ENTRY(file_permission, (struct file *file, int mask), (file, mask))

static __always_inline void on_file_ioctl(enum cw_rung rung, struct file *file, unsigned int cmd,
					  unsigned long arg)
{
	if (is_loop_ioctl(cmd)) {
		loop_set(file, cmd, arg, rung);
		arg = 0; /* see stream_command() */
	}
	if (!open_maybe(rung, file)) {
		if (exporting_now)
			export_ends();
		return;
	}
	cmd = stream_command(cmd, arg);
	if (exporting_now)
		export_ends();
	if (is_setversion(cmd))
		mark_keeps(file);
	open_overdue(rung, file);
	used(file, CW_OP_USE, rung);
	stream_ioctl(file, cmd, rung);
}

HOOK(file_ioctl, (struct file *file, unsigned int cmd, unsigned long arg), (file, cmd, arg))
HOOK_ENTRY(file_ioctl, (struct file *file, unsigned int cmd, unsigned long arg), (file, cmd, arg))

/* Since 6.8 (f1bb47a31dff): ioctl of 32-bit programs, which went through file_ioctl before. */
#define on_file_ioctl_compat on_file_ioctl
HOOK(file_ioctl_compat, (struct file *file, unsigned int cmd, unsigned long arg), (file, cmd, arg))
HOOK_ENTRY(file_ioctl_compat, (struct file *file, unsigned int cmd, unsigned long arg),
	   (file, cmd, arg))

/*
 * One buffer less. The last that outlived the camera's own open is told of, if somebody else than
 * the exporter got at one: until then the picture could be had.
 */
static __noinline bool buffer_last(struct cw_open *open)
{
	__u64 id = open->open_id, camera;
	struct cw_export *e = bpf_map_lookup_elem(&exports, &id);
	bool told;

	if (!e)
		return false;
	__sync_fetch_and_add(&e->buffers, -1);
	if (e->buffers)
		return false;
	camera = e->camera;
	told = e->told;
	if (bpf_map_delete_elem(&exports, &id))
		return false;
	open = bpf_map_lookup_elem(&opens, &camera);
	return told && (!open || open->open_id != id);
}

static __noinline int closed(struct file *file, __u32 rung)
{
	struct access a = { .op = CW_OP_CLOSE, .fd = ~0u, .rung = rung };
	__u64 key = address_of(file);
	struct cw_open *open = bpf_map_lookup_elem(&opens, &key);
	struct object o;

	if (!open)
		return 0;
	object_of_open(&o, file, open);
	if (open->streamer_tgid)
		stream_end(open->streamer_tgid, &o, rung);
	if (open->buffer_of ? buffer_last(open) : !open->pending) {
		a.access = open->access;
		a.bytes = BPF_CORE_READ(file, f_pos);
		a.file = key;
		emit_access(&o, &a);
	}
	open_forget(key);
	return 0;
}

/* The end of an open file description, whoever held it last. In the task that let go of it. */
static __always_inline void on_fput(enum cw_rung rung, struct file *file)
{
	if (!open_maybe(rung, file))
		return;
	open_overdue(rung, file);
	closed(file, close_rung);
}

HOOK_FENTRY(fput, __fput, (struct file *file), (file))
HOOK_KPROBE(fput, __fput, (struct file *file), (file))

/* The same, where the other is inlined or has another name. */
#define on_file_free on_fput
HOOK_VOID(file_free, file_free_security, (struct file *file), (file))

#endif
