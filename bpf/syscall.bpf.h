/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The tracepoint rung: one program at the end of every system call, which leaves after a look into
 * a table by number. Sees what a call gave (a descriptor, an error), not what the kernel did
 * inside: accesses by the kernel itself and by io_uring's own descriptors pass unseen.
 */
#ifndef CW_SYSCALL_BPF_H
#define CW_SYSCALL_BPF_H

#include "descriptor.bpf.h"
#include "lifecycle.bpf.h"
#include "self.bpf.h"

#define AT_FDCWD_ -100
#define F_DUPFD_  0
#define F_DUPFD_CLOEXEC_ 1030
#define ENOSYS_ 38
#define CW_SCM_SCAN 32 /* descriptors looked at in one message */

#if defined(__TARGET_ARCH_x86)
#define COMPAT_FIELD status
#define COMPAT_BIT   TS_COMPAT
#else
#define COMPAT_FIELD flags
#define COMPAT_BIT   (1ul << TIF_32BIT_ARM64)
#endif

/* Is the call in the ABI of 32-bit programs? `typed`: pointers of the kernel have types. */
static __always_inline bool is_compat(bool typed)
{
	struct task_struct *task;

#ifndef CW_BEFORE_5_13
	if (typed) {
		task = bpf_get_current_task_btf();
		return task->thread_info.COMPAT_FIELD & COMPAT_BIT;
	}
#endif
	task = (void *)bpf_get_current_task();
	return BPF_CORE_READ(task, thread_info.COMPAT_FIELD) & COMPAT_BIT;
}

/* The arguments as the call got them; the registers still hold them at its end. */
struct call {
	unsigned long arg[5];
	long ret;
	bool compat;
};

/* Of a pointer that has a type, a plain load will do: a tenth of the helper's cost. */
#define REG(typed, regs, name) (typed ? (regs)->name : BPF_CORE_READ(regs, name))

static __always_inline void call_fill(struct call *c, struct pt_regs *regs, bool typed)
{
#if defined(__TARGET_ARCH_x86)
	if (c->compat) {
		c->arg[0] = (__u32)REG(typed, regs, bx);
		c->arg[1] = (__u32)REG(typed, regs, cx);
		c->arg[2] = (__u32)REG(typed, regs, dx);
		c->arg[3] = (__u32)REG(typed, regs, si);
		c->arg[4] = (__u32)REG(typed, regs, di);
		return;
	}
	c->arg[0] = REG(typed, regs, di);
	c->arg[1] = REG(typed, regs, si);
	c->arg[2] = REG(typed, regs, dx);
	c->arg[3] = REG(typed, regs, r10);
	c->arg[4] = REG(typed, regs, r8);
#else
	c->arg[0] = REG(typed, regs, orig_x0);
	c->arg[1] = REG(typed, regs, regs[1]);
	c->arg[2] = REG(typed, regs, regs[2]);
	c->arg[3] = REG(typed, regs, regs[3]);
	c->arg[4] = REG(typed, regs, regs[4]);
#endif
}

/*
 * The directory that a relative path starts from, for a process that has ended when the agent gets
 * to look: one that lives for a millisecond is named by where it was.
 */
static __noinline void attempt_base(struct cw_record_attempt *r, struct task_struct *task)
{
	struct path_result base = {};
	struct dentry *dentry;
	struct vfsmount *mnt;
	struct file *file;

	if (r->dirfd == AT_FDCWD_) {
		dentry = BPF_CORE_READ(task, fs, pwd.dentry);
		mnt = BPF_CORE_READ(task, fs, pwd.mnt);
	} else {
		file = task_file(task, r->dirfd);
		dentry = BPF_CORE_READ(file, f_path.dentry);
		mnt = BPF_CORE_READ(file, f_path.mnt);
	}
	if (dentry)
		path_write(r->base, dentry, mnt, CW_NO_ASSET, &base);
	r->base_len = base.len;
	r->base_flags = base.flags;
}

/*
 * A call that named an object by path: which one it was, only the agent can find out, afterwards.
 * `path` is evidence of where to look, and the agent reports the object that is there.
 */
__noinline int emit_attempt(__u32 op, __s32 dirfd, __u64 path, __s32 result)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cw_record_attempt *r;
	long n;

	if (is_agent())
		return 0;
	/*
	 * Anybody can be refused at files that nobody watches, as often as he likes: that takes
	 * half of the ring at most, and the accesses that are known to matter keep the other half.
	 */
	if (bpf_ringbuf_query(&ring_files, BPF_RB_AVAIL_DATA) >
	    bpf_ringbuf_query(&ring_files, BPF_RB_RING_SIZE) / 2) {
		count_loss(CW_LOSS_ATTEMPTS);
		return 0;
	}
	announce_current(CW_RING_FILES);
	r = reserve_record(CW_RING_FILES, sizeof(*r), CW_RECORD_ATTEMPT, CW_LOSS_ATTEMPTS);
	if (!r)
		return -1;
	r->hdr.rung = CW_RUNG_TRACEPOINT;
	actor_fill(&r->actor, task);
	r->op = op;
	r->result = result;
	r->dirfd = dirfd;
	r->open_flags = 0;
	r->base_len = 0;
	r->base_flags = 0;
	r->pad = 0;
	n = bpf_probe_read_user_str(r->path, sizeof(r->path), (void *)path);
	if (n < 0)
		count_loss(CW_LOSS_PATHS);
	r->path_len = n > 0 ? n - 1 : 0;
	if (n > 1 && r->path[0] != '/')
		attempt_base(r, task);
	submit_record(r);
	return 0;
}

/* Errors that say that an object is there and was refused; a missing file is no attempt. */
static __always_inline bool is_refusal(long ret)
{
	return ret == -1 || ret == -5 || ret == -6 || ret == -13 || ret == -16 || ret == -19 ||
	       ret == -26 || ret == -30; /* EPERM EIO ENXIO EACCES EBUSY ENODEV ETXTBSY EROFS */
}

/*
 * Whether the open emptied the file. The kernel has dropped O_TRUNC from the file's own flags by
 * now, so the caller's have to be asked; those of io_uring and of handles are not.
 */
static __always_inline __u32 truncated(struct call *c, __u32 op)
{
	__u64 flags = 0;

	switch (op) {
	case CW_SYSCALL_CREAT:
		return CW_ABI_TRUNCATE;
	case CW_SYSCALL_OPEN:
		flags = c->arg[1];
		break;
	case CW_SYSCALL_OPENAT:
		flags = c->arg[2];
		break;
	case CW_SYSCALL_OPENAT2: /* struct open_how begins with the flags */
		bpf_probe_read_user(&flags, sizeof(flags), (void *)c->arg[2]);
		break;
	}
	return flags & O_TRUNC_ ? CW_ABI_TRUNCATE : 0;
}

static __always_inline void call_opened(struct call *c, __u32 op)
{
	if (c->ret >= 0) {
		if (tp_open)
			fd_new(c->ret, CW_OP_OPEN, truncated(c, op));
		return;
	}
	if (!tp_denied || op == CW_SYSCALL_OPEN_BY_HANDLE || !is_refusal(c->ret))
		return;
	if (op == CW_SYSCALL_OPEN || op == CW_SYSCALL_CREAT)
		emit_attempt(CW_OP_DENIED, AT_FDCWD_, c->arg[0], c->ret);
	else
		emit_attempt(CW_OP_DENIED, c->arg[0], c->arg[1], c->ret);
}

struct user_cmsg {
	__u64 len;
	__s32 level;
	__s32 type;
};

struct user_cmsg32 {
	__u32 len;
	__s32 level;
	__s32 type;
};

/* The first control message of a received message: where to look for new descriptors. */
static __always_inline int message_received(unsigned long control, __u64 room, bool compat)
{
	struct user_cmsg h = {};
	struct user_cmsg32 h32 = {};
	__u32 head = compat ? sizeof(h32) : sizeof(h);
	__s32 fd;

	if (!control || room < head)
		return 0;
	if (compat) {
		if (bpf_probe_read_user(&h32, sizeof(h32), (void *)control))
			return 0;
		h.len = h32.len;
		h.level = h32.level;
		h.type = h32.type;
	} else if (bpf_probe_read_user(&h, sizeof(h), (void *)control)) {
		return 0;
	}
	if (h.level != 1 || h.type != 1) /* SOL_SOCKET, SCM_RIGHTS */
		return 0;
	for (__u32 i = 0; i < CW_SCM_SCAN; i++) {
		if (head + (i + 1) * 4 > h.len)
			break;
		if (bpf_probe_read_user(&fd, sizeof(fd), (void *)(control + head + i * 4)))
			break;
		if (fd >= 0)
			fd_new(fd, CW_OP_RECEIVE, 0);
	}
	return 0;
}

static __always_inline bool is_unix_socket(__u32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *file = task_file(task, fd);
	struct socket *socket;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return false;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk, __sk_common.skc_family) == AF_UNIX;
}

/* struct msghdr: control and its length stand at 32 and 40 (64-bit), 16 and 20 (32-bit). */
static __always_inline int call_recvmsg(__u32 fd, __u64 message, bool compat)
{
	unsigned long control = 0;
	__u64 room = 0;
	__u32 w[2] = {};

	if (!is_unix_socket(fd))
		return 0;
	if (compat) {
		if (bpf_probe_read_user(w, sizeof(w), (void *)(message + 16)))
			return 0;
		control = w[0];
		room = w[1];
	} else {
		if (bpf_probe_read_user(&control, 8, (void *)(message + 32)) ||
		    bpf_probe_read_user(&room, 8, (void *)(message + 40)))
			return 0;
	}
	return message_received(control, room, compat);
}

static __always_inline void call_accept(struct call *c)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct sock *sk = file_tcp(task_file(task, c->ret));

	if (sk)
		conn_accept(sk);
}

#define SOCKETCALL_CONNECT  3
#define SOCKETCALL_ACCEPT   5
#define SOCKETCALL_RECVMSG  17
#define SOCKETCALL_ACCEPT4  18
#define SOCKETCALL_RECVMMSG 19

static __always_inline void call_connect(struct call *c, __u32 fd)
{
	if ((!c->ret || c->ret == -115) && /* EINPROGRESS */
	    touched_maybe(bpf_get_current_pid_tgid() >> 32))
		egress_of_fd(fd);
}

/* socketcall(2): which call it is, and where its arguments are. */
static __always_inline void call_socket(struct call *c)
{
	__u32 arg[2] = {};

	if (bpf_probe_read_user(arg, sizeof(arg), (void *)c->arg[1]))
		return;
	if (c->arg[0] == SOCKETCALL_CONNECT)
		call_connect(c, arg[0]);
	else if (c->ret < 0)
		return;
	else if (c->arg[0] == SOCKETCALL_ACCEPT || c->arg[0] == SOCKETCALL_ACCEPT4)
		call_accept(c);
	else if (c->arg[0] == SOCKETCALL_RECVMSG || c->arg[0] == SOCKETCALL_RECVMMSG)
		call_recvmsg(arg[0], arg[1], true);
}

const volatile struct cw_record_process zero_process = {};

/* Keeps what is known of the current process, unless that is done since its last exec. */
__noinline int portray_current(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct cw_task *t = task_get(task);
	struct cw_record_process *r = bpf_map_lookup_elem(&portraits, &tgid);

	if (!t || (r && r->task.start_ns == t->start_ns && r->task.exe.ino == t->exe.ino))
		return 0;
	bpf_map_update_elem(&portraits, &tgid, (const void *)&zero_process, BPF_ANY);
	r = bpf_map_lookup_elem(&portraits, &tgid);
	if (!r) {
		count_loss(CW_LOSS_PROCESSES);
		return 0;
	}
	r->hdr.size = sizeof(*r);
	r->hdr.type = CW_RECORD_PROCESS;
	process_write(r, task, t);
	return 0;
}

/* Who gives, moves or takes a name, as it stands now. */
__noinline int name_changed(__u32 op)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct cw_namer namer = { .op = op, .time_ns = bpf_ktime_get_boot_ns() };

	if (is_agent())
		return 0;
	portray_current();
	actor_fill(&namer.actor, task);
	bpf_map_update_elem(&namers, &tgid, &namer, BPF_ANY);
	return 0;
}

/* Directories came or moved: what was opened by names alone may lack its mark for a moment. */
__noinline int tree_changed(__u32 op)
{
	struct cw_record *r;
	/*
	 * In this order: the agent sets tree_clean and looks at tree_gen then, so that one of the
	 * two sides always sees the other.
	 */
	__u64 before = tree_raise();
	/* The second: FETCH_ADD() may tell an older number. To tell twice does no harm. */
	bool told = before != tree_clean && tree_gen - 1 != tree_clean;

	if (op == CW_SYSCALL_LINK)
		link_gen = tree_gen;
	if (told || is_agent())
		return 0;
	r = reserve_record(CW_RING_FILES, sizeof(*r), CW_RECORD_TREE, CW_LOSS_FILES);
	if (r)
		submit_record(r);
	return 0;
}

/* ---- system calls of a process that holds something ---- */

/* Is this use or mapping by a descriptor the first that is news? */
__noinline int fd_first(__u32 fd, __u32 op)
{
	struct cw_fd_key key = { .tgid = bpf_get_current_pid_tgid() >> 32, .fd = fd };
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cw_fd *d = bpf_map_lookup_elem(&fds, &key);

	if (!d)
		return 0;
	if (!(op == CW_OP_MAP ? !(d->flags & CW_FD_MAPPED) : d->flags & CW_FD_INHERITED))
		return 0;
	d->flags &= ~CW_FD_INHERITED;
	if (op == CW_OP_MAP)
		d->flags |= CW_FD_MAPPED;
	return (__u64)task_file(task, fd) == d->file ? ASSET_SEEN(d->asset) : 0;
}

static __always_inline void fd_used(__u32 fd, __u32 op)
{
	__u32 seen = fd_first(fd, op);

	if (seen)
		fd_tell(fd, op, 0, seen);
}

__noinline int fd_copy(__u32 from, __u32 to)
{
	struct cw_fd_key key = { .tgid = bpf_get_current_pid_tgid() >> 32, .fd = from };
	struct cw_fd *found = bpf_map_lookup_elem(&fds, &key), d;

	if (!found)
		return 0;
	d = *found;
	fd_add(key.tgid, to, &d);
	return 0;
}

static __always_inline void fd_dup(__u32 from, __u32 to)
{
	if (from == to)
		return;
	fd_check(bpf_get_current_pid_tgid() >> 32, to, 1);
	fd_copy(from, to);
}

enum stream_step { STREAM_GOES_ON, STREAM_BEGINS, STREAM_ENDS };

/* A device's ioctl that succeeded, or a read of a camera or a microphone: frames. */
__noinline int fd_frames(__u32 fd, __u32 cmd, __u64 arg, __s64 ret, __u32 op)
{
	struct cw_fd_key key = { .tgid = bpf_get_current_pid_tgid() >> 32, .fd = fd };
	struct cw_fd *d = bpf_map_lookup_elem(&fds, &key);
	struct v4l2_buffer_head b = {};

	if (!d || (d->mode & S_IFMT) != S_IFCHR || ret < 0)
		return STREAM_GOES_ON;
	stream_owner((void *)d->file);
	if (op == CW_SYSCALL_READ) {
		if (!ret)
			return STREAM_GOES_ON;
		if (is_sound(d->rdev))
			return stream_add(d->rdev, 0, 0) ? STREAM_BEGINS : STREAM_GOES_ON;
		if (CW_MAJOR(d->rdev) != CW_V4L2_MAJOR)
			return STREAM_GOES_ON;
		return stream_add(d->rdev, 1, ret) ? STREAM_BEGINS : STREAM_GOES_ON;
	}
	if (CW_MAJOR(d->rdev) != CW_V4L2_MAJOR) {
		if (cmd == IOC_PCM_DROP || cmd == IOC_PCM_DRAIN)
			return STREAM_ENDS;
		if (!pcm_ioctl_begins(cmd))
			return STREAM_GOES_ON;
		return stream_add(d->rdev, 0, 0) ? STREAM_BEGINS : STREAM_GOES_ON;
	}
	if (cmd == IOC_V4L2_STREAMOFF)
		return asks_capture(arg, false) ? STREAM_ENDS : STREAM_GOES_ON;
	if (cmd == IOC_V4L2_STREAMON && asks_capture(arg, true))
		return stream_add(d->rdev, 0, 0) ? STREAM_BEGINS : STREAM_GOES_ON;
	if (cmd != IOC_V4L2_DQBUF || !frames_by_ioctl)
		return STREAM_GOES_ON;
	/* The type is the caller's word; a writer that lies would only look like a watcher. */
	if (!bpf_probe_read_user(&b, sizeof(b), (void *)arg) &&
	    !is_capture(b.type))
		return STREAM_GOES_ON;
	return stream_add(d->rdev, 1, b.bytesused) ? STREAM_BEGINS : STREAM_GOES_ON;
}

__noinline int fd_stream_begins(__u32 fd)
{
	struct cw_fd_key key = { .tgid = bpf_get_current_pid_tgid() >> 32, .fd = fd };
	struct cw_fd *d = bpf_map_lookup_elem(&fds, &key);

	return d ? stream_begin(d->rdev, CW_RUNG_TRACEPOINT) : 0;
}

static __always_inline void fd_streamed(struct call *c, __u32 op)
{
	__u32 fd = c->arg[0];
	int step = fd_frames(fd, IOC_KEY((__u32)c->arg[1]), c->arg[2], c->ret, op);

	if (step == STREAM_BEGINS)
		fd_stream_begins(fd);
	else if (step == STREAM_ENDS)
		fd_stream_ends(bpf_get_current_pid_tgid() >> 32, fd, 0);
}

__noinline int fd_keeps_mark(__u32 fd)
{
	struct cw_fd_key key = { .tgid = bpf_get_current_pid_tgid() >> 32, .fd = fd };
	struct cw_fd *d = bpf_map_lookup_elem(&fds, &key);

	return d ? mark_keeps((void *)d->file) : 0;
}

static __always_inline void fd_truncated(__u32 fd)
{
	struct cw_fd_key key = { .tgid = bpf_get_current_pid_tgid() >> 32, .fd = fd };
	struct cw_fd *d = bpf_map_lookup_elem(&fds, &key);

	if (d)
		fd_tell(fd, CW_OP_TRUNCATE, CW_ABI_WRITE | CW_ABI_TRUNCATE,
			ASSET_SEEN(d->asset));
}

static __always_inline int call_held(struct call *c, __u32 op)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, fd;

	switch (op) {
	case CW_SYSCALL_CLOSE:
		fd_check(tgid, c->arg[0], 0);
		break;
	case CW_SYSCALL_DUP:
		if (c->ret >= 0)
			fd_dup(c->arg[0], c->ret);
		break;
	case CW_SYSCALL_FCNTL:
		if (c->ret >= 0 &&
		    ((__u32)c->arg[1] == F_DUPFD_ || (__u32)c->arg[1] == F_DUPFD_CLOEXEC_))
			fd_dup(c->arg[0], c->ret);
		break;
	case CW_SYSCALL_READ:
	case CW_SYSCALL_IOCTL:
		if (op == CW_SYSCALL_IOCTL && is_setversion(c->arg[1]))
			fd_keeps_mark(c->arg[0]);
		fd_used(c->arg[0], CW_OP_USE);
		fd_streamed(c, op);
		break;
	case CW_SYSCALL_USE0:
		fd_used(c->arg[0], CW_OP_USE);
		break;
	case CW_SYSCALL_USE1:
		fd_used(c->arg[1], CW_OP_USE);
		break;
	case CW_SYSCALL_MMAP_OLD: /* address, length, rights, flags, descriptor, offset */
		if (bpf_probe_read_user(&fd, sizeof(fd), (void *)(c->arg[0] + 16)))
			break;
		c->arg[4] = fd;
		/* fall through */
	case CW_SYSCALL_MMAP:
		if (c->ret > 0 || c->ret < -4095)
			fd_used(c->arg[4], CW_OP_MAP);
		break;
	case CW_SYSCALL_FTRUNCATE:
		if (!c->ret)
			fd_truncated(c->arg[0]);
		break;
	}
	return 0;
}

#define PTRACE_PEEKTEXT_ 1
#define PTRACE_PEEKDATA_ 2
#define PTRACE_ATTACH_	 16
#define PTRACE_SEIZE_	 0x4206

/* What lets see memory, or shows it to who was let in before there was anything to see. */
static __always_inline bool ptrace_looks(__u64 request)
{
	return request == PTRACE_ATTACH_ || request == PTRACE_SEIZE_ ||
	       request == PTRACE_PEEKTEXT_ || request == PTRACE_PEEKDATA_;
}

/*
 * A look into another process. Its number is that of the caller's own pid namespace: followed where
 * that is the first. Misses threads that are not the leader.
 */
static __always_inline void call_peeked(__u32 tgid, __u32 way)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	bool agent = of_agent(tgid);

	if ((!agent && !touched_maybe(tgid)) || tgid == bpf_get_current_pid_tgid() >> 32 ||
	    BPF_CORE_READ(task, thread_pid, level))
		return;
	if (agent)
		process_tampered(CW_TAMPER_PTRACE, 0, 0, CW_RUNG_TRACEPOINT);
	else
		peeked(tgid, way, CW_RUNG_TRACEPOINT, 0);
}

static __always_inline int call_any(struct call *c, __u32 op)
{
	switch (op) {
	case CW_SYSCALL_OPEN:
	case CW_SYSCALL_CREAT:
	case CW_SYSCALL_OPENAT:
	case CW_SYSCALL_OPENAT2:
	case CW_SYSCALL_OPEN_BY_HANDLE:
		call_opened(c, op);
		break;
	case CW_SYSCALL_ACCEPT:
		if (c->ret >= 0)
			call_accept(c);
		break;
	case CW_SYSCALL_RECVMSG:
	case CW_SYSCALL_RECVMMSG: /* the first message only */
	case CW_SYSCALL_RECVMSG32:
		if (c->ret >= 0)
			call_recvmsg(c->arg[0], c->arg[1],
				     c->compat || op == CW_SYSCALL_RECVMSG32);
		break;
	case CW_SYSCALL_PIDFD_GETFD:
		if (c->ret >= 0)
			fd_new(c->ret, CW_OP_RECEIVE, 0);
		break;
	case CW_SYSCALL_TRUNCATE:
		if (!c->ret)
			emit_attempt(CW_OP_TRUNCATE, AT_FDCWD_, c->arg[0], 0);
		break;
	case CW_SYSCALL_NAME:
	case CW_SYSCALL_ATTR:
		if (!c->ret)
			name_changed(op);
		break;
	case CW_SYSCALL_CONNECT:
		call_connect(c, c->arg[0]);
		break;
	case CW_SYSCALL_SOCKETCALL:
		call_socket(c);
		break;
	case CW_SYSCALL_MOUNT:
		if (!c->ret && !mount_spreads(c->arg[3]))
			emit_attempt(CW_OP_MOUNT, AT_FDCWD_, c->arg[1], 0);
		break;
	case CW_SYSCALL_UMOUNT:
		if (!c->ret)
			emit_attempt(CW_OP_MOUNT, AT_FDCWD_, c->arg[0], 0);
		break;
	case CW_SYSCALL_MOVE_MOUNT:
		if (!c->ret)
			emit_attempt(CW_OP_MOUNT, c->arg[2], c->arg[3], 0);
		break;
	case CW_SYSCALL_PTRACE:
		if (!c->ret && ptrace_looks(c->arg[0]))
			call_peeked(c->arg[1], CW_PEEK_PTRACE);
		break;
	case CW_SYSCALL_VM_READV:
	case CW_SYSCALL_VM_WRITEV:
		if (c->ret > 0)
			call_peeked(c->arg[0], op == CW_SYSCALL_VM_READV ? CW_PEEK_READV :
									    CW_PEEK_WRITEV);
		break;
	case CW_SYSCALL_TREE:
	case CW_SYSCALL_LINK:
		if (c->ret)
			break;
		name_changed(op);
		tree_changed(op);
		break;
	case CW_SYSCALL_BPF:
	case CW_SYSCALL_CLOCK:
		self_call(op, c->arg[0], c->arg[1], c->ret);
		break;
	}
	return 0;
}

static __always_inline bool for_all(__u64 op)
{
	return op - 1 < CW_SYSCALL_HELD - 1;
}

/*
 * Most calls that mean something end here: of a process that holds nothing watched, an open of a
 * file that is not. A number that the kernel does not know is another's below CW_SYSCALLS_MAX.
 */
static __always_inline bool ends_unseen(__u64 op, long ret)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (ret == -ENOSYS_)
		return true;
	if (*holder_slot(tgid))
		return false;
	if (op > CW_SYSCALL_OPEN_BY_HANDLE)
		return !for_all(op);
	return ret < 0 ? !is_refusal(ret) : !tp_open || !fd_maybe(ret, tgid);
}

static __always_inline int on_sys_exit(struct pt_regs *regs, __u64 ops, long ret, bool typed)
{
	struct call c;
	__u64 op;

	if (ops & CW_SYSCALL_ASK) { /* from then on it means one thing, in the half that is read */
		ops = is_compat(typed) ? ops >> 8 | (ops & 0xff00) : ops & (CW_SYSCALL_ASK - 1);
		if (!ops)
			return 0;
	}
	if (ends_unseen(ops & 0xff, ret))
		return 0;
	c.ret = ret;
	c.compat = is_compat(typed);
	op = c.compat ? ops >> 8 : ops & 0xff;
	if (!op)
		return 0;
	call_fill(&c, regs, typed);
	if (for_all(op))
		call_any(&c, op);
	else
		call_held(&c, op);
	return 0;
}

#if defined(__TARGET_ARCH_x86)
#define SYSCALL_NUMBER orig_ax /* the bit of x32 programs lies above CW_SYSCALLS_MAX */
#define CLOSE_RANGES   (CW_SYSCALL_CLOSE_RANGE | CW_SYSCALL_CLOSE_RANGE << 8)
#else
#define SYSCALL_NUMBER syscallno
#define CLOSE_RANGES   CW_SYSCALL_CLOSE_RANGE
#endif

/* A mask, not a check: every system call of every process comes by. */
static __always_inline __u16 ops_of(__u64 nr)
{
	asm volatile("" : "+r"(nr));
	return syscall_ops[nr & (CW_SYSCALLS_MAX - 1)];
}

/*
 * A function of its own, so that calls that mean nothing need not save a register. What 5.10 is
 * given has no room for the stack of one more.
 */
#ifdef CW_BEFORE_5_13
static __always_inline int exit_wanted(__u64 *ctx, __u16 ops)
#else
static __noinline int exit_wanted(__u64 *ctx, __u16 ops)
#endif
{
	return on_sys_exit((void *)ctx[0], ops, ctx[1], true);
}

SEC("tp_btf/sys_exit")
int tp__sys_exit(__u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	__u16 ops = ops_of(regs->SYSCALL_NUMBER);

	/* The same number in all ABIs. From here: at most seven functions may be under way. */
	if (ops == CLOSE_RANGES)
		fds_sweep(0);
	else if (ops)
		exit_wanted(ctx, ops);
	return 0;
}

/* A function of its own: the stack of the program below is full. */
static __noinline __u64 syscall_number(struct pt_regs *regs)
{
	return BPF_CORE_READ(regs, SYSCALL_NUMBER);
}

/* The same where the kernel has no types of its own: the registers are read by a helper. */
SEC("raw_tp/sys_exit")
int raw__sys_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (void *)ctx->args[0];
	__u16 ops = ops_of(syscall_number(regs));

	if (ops == CLOSE_RANGES)
		fds_sweep(0);
	else if (ops)
		on_sys_exit(regs, ops, ctx->args[1], false);
	return 0;
}

#define IORING_OP_ACCEPT_  13
#define IORING_OP_OPENAT_  18
#define IORING_OP_OPENAT2_ 28
#define IORING_OP_RENAMEAT_ 35
#define IORING_OP_MKDIRAT_ 37
#define IORING_OP_LINKAT_  39

struct io_kiocb {
	__u8 opcode;
} CW_RELOC;

struct io_uring_cqe {
	__u64 user_data;
	__s32 res;
} CW_RELOC;

static __always_inline int ring_completed(struct io_kiocb *req, __s32 res)
{
	__u8 op;
	struct sock *sk;

	if (res < 0)
		return 0;
	op = BPF_CORE_READ(req, opcode);
	if (op == IORING_OP_OPENAT_ || op == IORING_OP_OPENAT2_)
		fd_new(res, CW_OP_OPEN, 0);
	if (op == IORING_OP_RENAMEAT_ || op == IORING_OP_MKDIRAT_)
		tree_changed(CW_SYSCALL_TREE);
	if (op == IORING_OP_LINKAT_)
		tree_changed(CW_SYSCALL_LINK);
	if (op == IORING_OP_ACCEPT_) {
		sk = file_tcp(task_file((void *)bpf_get_current_task(), res));
		if (sk)
			conn_accept(sk);
	}
	return 0;
}

/* Misses descriptors that exist in the ring alone, and rings that a kernel thread serves. */
SEC("raw_tp/io_uring_complete")
int tp__io_uring_complete(struct bpf_raw_tracepoint_args *ctx)
{
	/* The result is passed by value before 6.14, in the completion since. */
	if (io_complete_by_cqe) {
		struct io_uring_cqe *cqe = (void *)ctx->args[2];

		return ring_completed((void *)ctx->args[1], BPF_CORE_READ(cqe, res));
	}
	return ring_completed((void *)ctx->args[1], (__s32)ctx->args[3]);
}

#endif
