/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the kernel side and the agent share: records of the ring buffers, map keys and values,
 * constants. Not the trace format, which has a version of its own. Includes nothing but
 * <linux/types.h>; every structure is padded by hand, and the asserts at the end hold both
 * compilers to the same layout.
 */
#ifndef CW_ABI_H
#define CW_ABI_H

#include <linux/types.h>

#define CW_PATH_SIZE	 512 /* leaf first, each component NUL-terminated */
#define CW_ARGV_SIZE	 512
#define CW_CGROUP_SIZE	 256
#define CW_TTY_SIZE	 16
#define CW_COMM_SIZE	 16
#define CW_LINEAGE_MAX	 8
#define CW_ASSETS_MAX	 64
#define CW_MAJORS_MAX	 512
#define CW_FILTER_SIZE	 (1 << 18)
#define CW_HOLDERS_SIZE	 (1 << 14)
#define CW_OPENS_SIZE	 (1 << 14)
#define CW_SYSCALLS_MAX	 1024 /* a power of two above all numbers of the kernel */
#define CW_TOUCH_DEVICES 8 /* the last that a process touched are remembered, */
#define CW_TOUCH_FILES	 8 /* of each sort so many; the sum is a power of two */
#define CW_TOUCHES_MAX	 (CW_TOUCH_DEVICES + CW_TOUCH_FILES)
#define CW_QUIET_SIZE	 1024
#define CW_QUIET_NS	 500000000ull /* for so long a record may wait that nobody waits for */
#define CW_QUIET_PARTS	 8 /* of a ring: its reader is woken when one more has filled, anyway */
#define CW_DUMPING	 (1ull << 32) /* in look_closer */
#define CW_MARKS_LACK	 (1ull << 44)
#define CW_TOUCHING	 (1ull << 56)
#define CW_TOUCHERS	 2 /* threads of the agent that mark inodes at once; a power of two */
#define CW_WANTED_MAX	 256 /* a power of two */
#define CW_INODES_SIZE	 262144
#define CW_INODES_OWN	 1024 /* of these, for what is no recording: the agent's own files */
#define CW_NO_ASSET	 0xffffffffu
#define CW_ASSET_MAYBE	 0xfffffffdu /* the agent decides, after what fanotify has told */
#define CW_ASSET_BELOW	 0xfffffffbu /* a device or a file that has what is in a tree */
#define CW_ASSET_CORE	 0xfffffffcu /* a core dump of a process that had touched something */
#define CW_SELF_ASSET	 0xfffffff1u /* + enum cw_self_kind: what the agent lives on */

/* Which ring a record goes to: cameras and microphones have room of their own. */
enum cw_ring {
	CW_RING_DEVICES,
	CW_RING_FILES,
	CW_RING_MAX,
};

enum cw_record_type {
	CW_RECORD_PROCESS = 1, /* who: once per process and ring, before its first access */
	CW_RECORD_ACCESS,
	CW_RECORD_EXIT,	   /* a process that had a watched descriptor ended */
	CW_RECORD_ATTEMPT, /* a refused open whose object the agent has to look up */
	CW_RECORD_RESCAN,  /* a directory came into a watched tree: its content has to be marked */
	CW_RECORD_TREE,	   /* tracepoint rung: some directory was made or moved */
	CW_RECORD_TAMPER,  /* something was done to the agent */
};

enum cw_access_op {
	CW_OP_OPEN,
	CW_OP_DENIED,
	CW_OP_RECEIVE,
	CW_OP_USE,
	CW_OP_MAP,
	CW_OP_STREAM_START,
	CW_OP_STREAM_STOP,
	CW_OP_CLOSE,
	CW_OP_CREATE,
	CW_OP_RENAME,
	CW_OP_LINK,
	CW_OP_UNLINK,
	CW_OP_TRUNCATE,
	CW_OP_ATTR,
	CW_OP_PEEK, /* struct cw_record_touch */
	CW_OP_EGRESS, /* the same */
	CW_OP_COPY, /* the same */
	CW_OP_GONE, /* an inode without a name left memory */
	CW_OP_MOUNT, /* struct cw_record_mount, or an attempt that succeeded */
	CW_OP_MAX,
};

enum cw_copy_way {
	CW_COPY_PROBABLE,
	CW_COPY_RANGE,
	CW_COPY_CLONE,
	CW_COPY_SENDFILE,
	CW_COPY_MAX,
};

enum cw_mount_change {
	CW_MOUNT_NEW,
	CW_MOUNT_BIND,
	CW_MOUNT_MOVE,
	CW_MOUNT_CHANGED, /* its options */
	CW_MOUNT_GONE,
	CW_MOUNT_CHANGE_MAX,
};

/* By which way a process gets at the memory or the descriptors of another. */
enum cw_peek_way {
	CW_PEEK_ATTACH, /* one of the next, the kernel does not say which */
	CW_PEEK_PTRACE,
	CW_PEEK_READV,
	CW_PEEK_WRITEV,
	CW_PEEK_MEM, /* /proc/PID/mem */
	CW_PEEK_GETFD,
	CW_PEEK_CORE, /* it crashed, and the kernel wrote down its memory */
	CW_PEEK_CODE, /* it maps code that is not its own */
	CW_PEEK_MAX,
};

#define CW_SYSCALL_ASK 0x80 /* with these: 32-bit programs mean something else by the number */

/* Tracepoint rung: what a system call means. From HELD on, only to who holds something. */
enum cw_syscall_op {
	CW_SYSCALL_NONE,
	CW_SYSCALL_OPEN,
	CW_SYSCALL_CREAT,
	CW_SYSCALL_OPENAT,
	CW_SYSCALL_OPENAT2,
	CW_SYSCALL_OPEN_BY_HANDLE,
	CW_SYSCALL_ACCEPT,
	CW_SYSCALL_RECVMSG,
	CW_SYSCALL_RECVMMSG,
	CW_SYSCALL_RECVMSG32, /* the same, of x32 programs: the message is that of 32-bit ones */
	CW_SYSCALL_SOCKETCALL, /* all calls on sockets, of 32-bit programs */
	CW_SYSCALL_PIDFD_GETFD,
	CW_SYSCALL_TRUNCATE,
	CW_SYSCALL_NAME, /* unlink: fanotify tells of the object, this call of who */
	CW_SYSCALL_ATTR, /* chmod, chown: the same */
	CW_SYSCALL_TREE, /* mkdir, rename: the same, and something may have come into a tree */
	CW_SYSCALL_LINK, /* link: the same */
	CW_SYSCALL_PTRACE,
	CW_SYSCALL_CONNECT,
	CW_SYSCALL_MOUNT,
	CW_SYSCALL_UMOUNT,
	CW_SYSCALL_MOVE_MOUNT,
	CW_SYSCALL_VM_READV,
	CW_SYSCALL_VM_WRITEV,
	CW_SYSCALL_BPF,
	CW_SYSCALL_CLOCK,
	CW_SYSCALL_HELD,
	CW_SYSCALL_DUP,
	CW_SYSCALL_FCNTL,
	CW_SYSCALL_CLOSE,
	CW_SYSCALL_CLOSE_RANGE,
	CW_SYSCALL_READ,
	CW_SYSCALL_USE0, /* the descriptor is the first argument */
	CW_SYSCALL_USE1, /* the second */
	CW_SYSCALL_FTRUNCATE,
	CW_SYSCALL_IOCTL,
	CW_SYSCALL_MMAP,
	CW_SYSCALL_MMAP_OLD, /* the arguments are in memory */
};

enum cw_rung {
	CW_RUNG_NONE,
	CW_RUNG_LSM,
	CW_RUNG_FENTRY,
	CW_RUNG_KPROBE,
	CW_RUNG_TRACEPOINT,
	CW_RUNG_FANOTIFY,
	CW_RUNG_ITERATOR,
	CW_RUNG_PROC,
	CW_RUNG_MAX,
};

/* Files whose mark says that they are the agent's own; a change of one is tampering. */
enum cw_self_kind {
	CW_SELF_PROGRAM,
	CW_SELF_POLICY,
	CW_SELF_TRACE,
	CW_SELF_OUTPUT,
	CW_SELF_KEYS,
	CW_SELF_UNIT,	/* of systemd */
	CW_SELF_CGROUP, /* the files that freeze or kill a control group */
	CW_SELF_STATE,
	CW_SELF_MAX,
};

/* What was done to the agent, other than to a file. */
enum cw_tamper {
	CW_TAMPER_SIGNAL,  /* arg: number, sent by a process (1) or by the kernel (0) */
	CW_TAMPER_PTRACE,  /* mode of the access */
	CW_TAMPER_LIMIT,   /* which resource */
	CW_TAMPER_TRACING, /* its name */
	CW_TAMPER_FROZEN,  /* name of the file system's device */
	CW_TAMPER_HELD = CW_TAMPER_FROZEN, /* up to here who does it is held up until it is told */
	CW_TAMPER_FREEZE,  /* id of the control group */
	CW_TAMPER_MAP,	   /* id of the object, here and in the next two */
	CW_TAMPER_PROGRAM,
	CW_TAMPER_LINK,
	CW_TAMPER_LOAD,	   /* type of the foreign program; its name */
	CW_TAMPER_MODULE,  /* its name */
	CW_TAMPER_CLOCK,   /* nanoseconds since 1970, 0: not known */
	CW_TAMPER_MEMORY,  /* enum cw_memory */
	CW_TAMPER_LOGIN,   /* login uid so far */
	CW_TAMPER_MAX,
};

/*
 * File systems, uapi/linux/magic.h, on which an inode has its number only for as long as it is in
 * memory; on FUSE and SMB the number is the server's, who may well do so.
 */
#define CW_MAGIC_OVERLAY 0x794c7630u
#define CW_NUMBERS_PASS(magic)                                                            \
	((magic) == CW_MAGIC_OVERLAY || (magic) == 0x4d44u /* FAT */ ||                   \
	 (magic) == 0x2011bab0u /* exFAT */ || (magic) == 0x65735546u /* FUSE */ ||       \
	 (magic) == 0xff534d42u /* CIFS */ || (magic) == 0xfe534d42u /* SMB2 */)

/* What shows the memory of the whole machine. */
enum cw_memory {
	CW_MEMORY_MEM,
	CW_MEMORY_KMEM, /* before Linux 5.13 */
	CW_MEMORY_KCORE,
	CW_MEMORY_MAX,
};

/* What the kernel side could not deliver or remember, by class. */
enum cw_loss {
	CW_LOSS_DEVICES,      /* ring of the devices full */
	CW_LOSS_FILES,	      /* ring of the files full */
	CW_LOSS_PROCESSES,    /* no room for the record of a process */
	CW_LOSS_TASKS,	      /* map of processes full: an origin was lost */
	CW_LOSS_OPENS,	      /* map of open files full: hand-over or close cannot be told */
	CW_LOSS_INODES,	      /* map of watched inodes full: a recording is not watched */
	CW_LOSS_EXECUTABLES,  /* map of executables full */
	CW_LOSS_CONNECTIONS,  /* map of connections full */
	CW_LOSS_STREAMS,      /* map of streams full: frames were not counted */
	CW_LOSS_USES,	      /* map of uses full */
	CW_LOSS_PATHS,	      /* a helper failed to read a path */
	CW_LOSS_ATTEMPTS,     /* half of the ring of the files full: a refusal is not told */
	CW_LOSS_TOUCHES,      /* map of touches full: who looks into that process is not told */
	CW_LOSS_TAMPERS,      /* something was done to the agent, and what is not told */
	CW_LOSS_MAX,
};

enum cw_device_flag {
	CW_DEVICE_IGNORE = 1 << 0, /* known not to be a camera or a microphone */
};

enum cw_task_flag {
	CW_TASK_SEEDED = 1 << 0,      /* was there before the agent */
	CW_TASK_EXE_DELETED = 1 << 2, /* its executable had no name left at exec */
	CW_TASK_KNOWN = 1 << 8,	      /* << enum cw_ring: its record is in that ring */
	CW_TASK_CODE_KNOWN = 1 << 10, /* likewise: a record that tells of foreign code */
	CW_TASK_KNOWNS = 15 << 8,     /* all of these */
};

/* Why code in a process is neither its executable's nor the system's: cw_code_kind of the model. */
enum cw_foreign {
	CW_FOREIGN_NONE,
	CW_FOREIGN_OWNER,	  /* mapped from a file that is not root's */
	CW_FOREIGN_WRITABLE, /* mapped from one that others can write to */
	CW_FOREIGN_NAMELESS, /* mapped from one without a name: deleted, or in memory */
	CW_FOREIGN_WRITTEN,  /* another process wrote to its memory */
	CW_FOREIGN_MAX,
};

enum cw_path_flag {
	CW_PATH_CUT = 1 << 0,	    /* did not fit: the head is missing */
	CW_PATH_IN_ASSET = 1 << 1,  /* ends at the root of the asset's tree, not at / */
	CW_PATH_IN_FS = 1 << 2,	    /* ends at the root of the file system */
};

/*
 * Names on the way from an object to the root, leaf first, each NUL-terminated; behind them is
 * where the probes are with it, of use to nobody else.
 */
struct cw_names {
	char text[CW_PATH_SIZE];
	__u64 walk[6];
};

/* The same as members of a struct. */
#define CW_NAMES(text) char text[CW_PATH_SIZE]; __u64 text##_walk[6]

struct cw_exe_key {
	__u64 ino;
	__u32 dev; /* s_dev */
	__u32 gen; /* inode_generation() of the kernel side */
};

struct cw_exe {
	__u32 path_len;
	__u32 path_flags;
	CW_NAMES(path);
};

/* A TCP connection that a process was spawned for. */
struct cw_conn {
	__u16 family; /* AF_INET, AF_INET6; 0: none */
	__u8 outbound;
	__u8 seeded; /* worked out by the agent at its start, not seen */
	__u16 peer_port;
	__u16 local_port;
	__u8 peer[16];
	__u32 via_tgid;
	__u32 hop_tgid; /* what made the connection on this machine; 0: not known, or from afar */
	struct cw_exe_key via;
	struct cw_exe_key hop;
	__u32 hop_login_uid;
	__u32 hop_local; /* that process has no connection itself: nobody is afar */
};

/* A connection that a thread accepted, or that a process made. */
struct cw_accepted {
	__u64 sk;
	__u64 time_ns;
	__u32 ports; /* of the socket itself; conn may be of another, farther one */
	__u32 pad;
	struct cw_conn conn;
};

struct cw_lineage {
	__u64 start_ns;
	__u32 tgid;
	__u32 pad;
	struct cw_exe_key exe;
};

/* The first of it that a process got. */
struct cw_code {
	struct cw_exe_key exe; /* the file; written: the executable of who did it */
	__u32 what; /* enum cw_foreign */
	__u32 tgid; /* who mapped or wrote it; a child has it of its parent */
};

/* One process, kept from fork to its end; ancestors stay although they exit. */
struct cw_task {
	__u64 start_ns;
	__u32 tgid;
	__u32 ppid;
	__u32 flags; /* enum cw_task_flag */
	__u32 n_lineage;
	struct cw_exe_key exe;
	struct cw_code code;
	struct cw_conn conn;
	char tty[CW_TTY_SIZE];
	struct cw_lineage lineage[CW_LINEAGE_MAX]; /* nearest first */
};

struct cw_record {
	__u32 size;
	__u16 type; /* enum cw_record_type */
	__u8 rung;  /* enum cw_rung */
	__u8 pad;
	__u64 time_ns; /* CLOCK_BOOTTIME */
};

struct cw_record_process {
	struct cw_record hdr;
	struct cw_task task;
	__u32 ns_pid;
	__u32 argv_len;	  /* bytes read of argv */
	__u32 argv_total; /* bytes that the process has */
	__u32 path_len;
	__u32 path_flags;
	__u32 cgroup_len;
	__u64 cgroup_id;
	char argv[CW_ARGV_SIZE];
	CW_NAMES(path);     /* of the executable */
	char cgroup[CW_CGROUP_SIZE]; /* leaf first */
};

/* Who did it, as it stood at the access. */
struct cw_actor {
	__u64 start_ns;
	__u64 cap_effective;
	__u32 tgid;
	__u32 tid;
	__u32 uid;
	__u32 euid;
	__u32 gid;
	__u32 login_uid;
	__u32 session;
	__u32 task_flags; /* kernel's task_struct.flags */
	char comm[CW_COMM_SIZE];
};

/* Who changed a name or an attribute last, for the events of fanotify. */
struct cw_namer {
	struct cw_actor actor;
	__u64 time_ns;
	__u32 op; /* enum cw_syscall_op */
	__u32 pad;
};

enum cw_access_flag {
	CW_ACCESS_BUFFER = 1 << 0, /* by a dma-buf that the camera exported */
};

struct cw_record_access {
	struct cw_record hdr;
	struct cw_actor actor;
	__u32 op;	  /* enum cw_access_op */
	__s32 result;	  /* 0 or negative errno */
	__u32 asset;	  /* index, or CW_NO_ASSET: the agent knows by device number */
	__u32 access;	  /* enum cw_access of the model, see below */
	__u64 ino;
	__u32 dev;	  /* s_dev of the file system */
	__u32 gen;
	__u32 rdev;	  /* device number; 0 for files */
	__u32 mode;	  /* i_mode */
	__u32 nlink;
	__u32 path_len;
	__u32 path_flags;
	__u32 fd;	  /* where a descriptor number is known, else ~0 */
	__u64 open_id;	  /* one open file description; 0: none */
	__u64 since_ns;	  /* opened or stream begun at */
	__u64 frames;
	__u64 bytes;	  /* open: what a loop device was put over, see CW_LOOP_OVER_DISK */
	__u64 opener_start_ns; /* who opened what is used, received, closed */
	__u32 opener_tgid;
	__u32 flags; /* enum cw_access_flag */
	__u64 size_bytes; /* of the file */
	CW_NAMES(path);
};

/*
 * Process, object and access in one number, never 0. Two that meet in one number would merely wait
 * for each other's wake-up.
 */
static inline __u64 cw_quiet_key(const struct cw_record_access *r)
{
	__u64 h = r->actor.start_ns * 0x9e3779b97f4a7c15ull + r->actor.tgid;

	h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9ull + r->ino + ((__u64)r->rdev << 32) + r->dev;
	h = (h ^ h >> 32) * 0x94d049bb133111ebull + ((__u64)r->op << 8) + r->access;
	return (h ^ h >> 31) | 1;
}

/* CW_OP_RENAME and CW_OP_LINK: also where to. */
struct cw_record_move {
	struct cw_record_access access;
	__u32 asset; /* of the target directory, or CW_NO_ASSET */
	__u32 dir;   /* the moved object is a directory */
	__u64 replaced_ino; /* of the file whose name was taken; 0: none */
	__u32 path_len;
	__u32 path_flags;
	CW_NAMES(path); /* the new name, leaf first */
};

/* CW_OP_PEEK: what a process had touched, and who got at that by way of it. */
struct cw_record_touch {
	struct cw_record_access access; /* of the object touched; by whom, the actor tells */
	__u64 touch_ns;
	__u64 victim_start_ns;
	struct cw_exe_key victim_exe;
	__u32 victim_tgid;
	__u32 way; /* enum cw_peek_way, cw_copy_way; egress: see egress_way() */
	__u64 target_ino; /* of the file it went into */
	__u32 target_dev;
	__u32 path_len;
	__u32 path_flags;
	__u32 touch_flags; /* enum cw_touch_flag */
	struct cw_conn conn; /* where the connection goes: family, peer */
	__u64 pad;
	CW_NAMES(path); /* its name, leaf first */
};

/*
 * CW_OP_MOUNT: the path of the access is where. If its asset is CW_NO_ASSET the agent decides
 * whether a tree is concerned.
 */
struct cw_record_mount {
	struct cw_record_access access;
	__u32 change; /* enum cw_mount_change */
	__u32 given;  /* the path is as it was given, not leaf first */
	__u32 path_len;
	__u32 path_flags;
	CW_NAMES(path); /* what was mounted or moved */
};

struct cw_record_exit {
	struct cw_record hdr;
	__u64 start_ns;
	__u32 tgid;
	__u32 pad;
};

struct cw_record_attempt {
	struct cw_record hdr;
	struct cw_actor actor;
	__u32 op; /* CW_OP_DENIED or CW_OP_TRUNCATE */
	__s32 result;
	__s32 dirfd;
	__u32 open_flags;
	__u32 path_len;
	__u32 base_len; /* 0: the path is absolute, or the directory is unknown */
	__u32 base_flags;
	__u32 pad;
	char path[CW_PATH_SIZE]; /* as the process gave it */
	CW_NAMES(base); /* the directory it is relative to, leaf first */
};

struct cw_record_tamper {
	struct cw_record hdr;
	struct cw_actor actor;
	__u32 what; /* enum cw_tamper */
	__s32 result;
	__u64 arg[2];
	__u64 number; /* rising by one; who waits for it goes on when the agent says so */
	char name[56];
};

struct cw_record_rescan {
	struct cw_record hdr;
	__u64 ino;
	__u32 dev;
	__u32 asset;
	__u32 path_len;
	__u32 path_flags;
	CW_NAMES(path);
};

/* Maps. */
struct cw_inode_key {
	__u64 ino;
	__u32 dev; /* s_dev; 0 in keys of file systems whose number user space cannot learn */
	__u32 pad;
};

struct cw_inode {
	__u32 asset;
	__u32 gen; /* 0: not checked */
};

/*
 * A device number is watched (or not) as such: ino 0. What turned out to be no camera is ignored
 * through one node only, so that a new device that is given the number again is seen.
 */
struct cw_device_key {
	__u64 ino;
	__u32 rdev; /* with CW_BLOCK_BIT for block devices */
	__u32 dev;  /* of the file system with the node; 0 with ino 0 */
};

struct cw_device {
	__u32 asset;
	__u32 flags; /* enum cw_device_flag */
};

/* A map, program or link of the agent. */
struct cw_object_key {
	__u32 kind; /* CW_TAMPER_MAP, _PROGRAM, _LINK */
	__u32 id;
};

/* One open file description. */
struct cw_open {
	__u64 open_id;
	__u64 since_ns;
	__u64 opener_start_ns;
	__u32 opener_tgid;
	__u32 asset;
	__u32 pending; /* a device whose open has not returned yet */
	__u32 streamer_tgid;
	__u32 refs; /* tracepoint rung: descriptors known of it */
	__u32 access;
	__u32 rdev;	 /* of a device; 0: none */
	__u32 buffer_of; /* a dma-buf: device number of the camera that exported it; else 0 */
};

/* The dma-bufs that one open of a camera exported. */
struct cw_export {
	__u64 camera; /* its file */
	__u32 buffers;
	__u32 told; /* somebody else got at one */
};

enum cw_touch_flag {
	CW_TOUCH_FORKED = 1 << 0, /* by the process that this one was forked from */
	CW_TOUCH_EXECED = 1 << 1, /* by the program that ran before: it is not in memory */
};

/* A watched object that a process opened, received, used or mapped. */
struct cw_touch {
	__u64 ino;
	__u64 open_id;
	__u64 time_ns; /* 0: none */
	__u32 dev;
	__u32 gen;
	__u32 rdev;
	__u32 mode;
	__u32 asset;
	__u32 access;
	__u32 flags; /* enum cw_touch_flag */
	__u32 pad;
};

/* A thread of the agent (0: none) whose next open marks its inode as that asset's. */
struct cw_toucher {
	__u32 tid;
	__u32 asset;
};

/* What the agent knows the inodes of already, and wants marked together. */
struct cw_wanted_inode {
	__u64 ino;
	__u32 gen;
	__u32 pad;
};

struct cw_wanted {
	__u32 dev;
	__u32 asset;
	__u32 n;
	__u32 pad;
	struct cw_wanted_inode inode[CW_WANTED_MAX];
};

struct cw_touched {
	__u64 start_ns;
	__u32 next_device; /* where the next goes, modulo */
	__u32 next_file;
	struct cw_touch touch[CW_TOUCHES_MAX]; /* devices first */
};

/* What was told of a touch already. */
struct cw_told_key {
	__u64 start_ns; /* of who is told of */
	__u64 object;	/* inode or device number */
	__u64 other[2]; /* whose memory, which address */
	__u32 tgid;
	__u32 dev;
	__u32 op; /* enum cw_access_op */
	__u32 way;
};

struct cw_use_key {
	__u64 file;
	__u64 start_ns;
	__u32 tgid;
	__u32 pad;
};

/* A descriptor on the tracepoint rung, where the end of a file cannot be seen. */
struct cw_fd_key {
	__u32 tgid;
	__u32 fd;
};

enum cw_fd_flag {
	CW_FD_INHERITED = 1 << 0, /* came by fork; not used yet */
	CW_FD_MAPPED = 1 << 1,
};

struct cw_fd {
	__u64 file; /* address, the key of opens */
	__u64 open_id;
	__u64 since_ns; /* this process has it since */
	__u64 ino;
	__u32 dev;
	__u32 gen;
	__u32 rdev;
	__u32 mode;
	__u32 asset;
	__u32 flags; /* enum cw_fd_flag */
};

struct cw_stream_key {
	__u32 tgid;
	__u32 rdev;
};

struct cw_stream {
	__u64 frames;
	__u64 bytes;
	__u64 first_ns;
	__u64 last_ns;
};

struct cw_loss_count {
	__u64 count;
	__u64 last_ns;
};

/* What is reported to the agent of a socket that was there before it. */
enum cw_found_type { CW_FOUND_CONNECTION = 1, CW_FOUND_LISTENER };

struct cw_found {
	__u32 type;
	__u32 tgid;
	__u64 start_ns;
	__u32 fd;
	__u32 login_uid;
	__u32 ports; /* as in cw_accepted */
	__u32 netns; /* inode of the network namespace */
	__u64 sk;
	struct cw_conn conn;
};

/* What `camwarden who` is told of each descriptor. */
struct cw_holding {
	__u64 file; /* address, the key of opens */
	__u64 ino;
	__u32 dev; /* s_dev */
	__u32 gen; /* 0: says nothing */
	__u32 rdev;
	__u32 mode;
	__u32 tgid;
	__u32 fd;
	__u32 asset; /* index of the root of its tree, or CW_NO_ASSET */
	__u32 access;
};

#define CW_BLOCK_BIT (1u << 31)
#define CW_LOOP_MAJOR 7
/* With the number of the block device that a loop device stands over; without, a file's inode. */
#define CW_LOOP_OVER_DISK (1ull << 63)

/* Bits of access, the same as enum cw_access in userspace/model/event.h. */
#define CW_ABI_READ	1u
#define CW_ABI_WRITE	2u
#define CW_ABI_CREATE	4u
#define CW_ABI_TRUNCATE 8u
#define CW_ABI_DELETE	16u
#define CW_ABI_EXEC	32u

/* Device numbers as the kernel keeps them (not as stat(2) encodes them). */
#define CW_MKDEV(major, minor) (((__u32)(major) << 20) | (__u32)(minor))
#define CW_MAJOR(dev)	       ((dev) >> 20)
#define CW_MINOR(dev)	       ((dev) & 0xfffffu)

_Static_assert(sizeof(struct cw_record) == 16, "record header");
_Static_assert(sizeof(struct cw_exe_key) == 16, "exe key");
_Static_assert(sizeof(struct cw_conn) == 72, "connection");
_Static_assert(sizeof(struct cw_lineage) == 32, "lineage");
_Static_assert(sizeof(struct cw_code) == 24, "code");
_Static_assert(sizeof(struct cw_task) == 408, "task");
_Static_assert(sizeof(struct cw_actor) == 64, "actor");
_Static_assert(sizeof(struct cw_names) == 560, "names");
_Static_assert(sizeof(struct cw_record_process) == 16 + 408 + 32 + 512 + 560 + 256, "process");
_Static_assert(sizeof(struct cw_record_access) == 192 + 560, "access");
_Static_assert(sizeof(struct cw_record_move) == 752 + 24 + 560, "move");
_Static_assert(sizeof(struct cw_record_touch) == 752 + 72 + sizeof(struct cw_conn) + 560, "touch");
_Static_assert(sizeof(struct cw_record_mount) == 752 + 16 + 560, "mount");
_Static_assert(sizeof(struct cw_touch) == 56, "touch");
_Static_assert(sizeof(struct cw_told_key) == 48, "told");
_Static_assert(sizeof(struct cw_record_tamper) == 168, "tamper");
_Static_assert(sizeof(struct cw_open) == 56, "open");
_Static_assert(sizeof(struct cw_fd) == 56, "descriptor");
_Static_assert(sizeof(struct cw_holding) == 48, "holding");
_Static_assert(sizeof(struct cw_found) == 112, "found");

#endif
