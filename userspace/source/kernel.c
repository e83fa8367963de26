// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "abi.h" /* types of the skeleton */
#include "probes.skel.h"
#include "source/kernel.h"
#include "source/probes.h"
#include "source/ringbuf.h"

#define BATCH		     64	 /* records of files before those of devices are looked for */
#define CONSUME_MAX	     4096
#define MODULE_PROGRAMS_MAX 3

struct cw_kernel {
	struct cw_probes probes;
	struct probes_bpf *skel; /* of `probes` */
	struct cw_ringbuf ring[CW_RING_MAX];
	int poll_fd; /* readable when a ring is */
	struct bpf_link *links[CW_PROGRAMS_MAX];
	unsigned int n_links;
	int module_links[MODULE_PROGRAMS_MAX];		 /* -1: none */
	int mark_wanted, proc_task, proc_task_file; /* programs that the agent runs; -1: none */
	bool module_way; /* frames are counted by tracepoints of a module */
	struct cw_loss_count told[CW_LOSS_MAX];
	uint64_t told_skipped;
	uint32_t left_behind; /* as it was at the last sweep */
	cw_record_fn fn;
	void *ctx;
};

static const struct {
	const char *program, *tracepoint;
} module_programs[MODULE_PROGRAMS_MAX] = {
	{ "tp__v4l2_dqbuf", "v4l2_dqbuf" },
	{ "tp__vb2_dqbuf", "vb2_dqbuf" },
	{ "tp__vb2_buf_queue", "vb2_buf_queue" },
};

/* ---- system calls by number, for the tracepoint rung ---- */

#if defined(__x86_64__)
#define NR32(n) n
#else
#define NR32(n) -1 /* the numbers of 32-bit arm programs are not followed */
#endif

static const struct {
	int nr, nr32; /* -1: none */
	enum cw_syscall_op op;
	enum cw_capability capability;
} syscalls[] = {
#ifdef __NR_open
	{ __NR_open, NR32(5), CW_SYSCALL_OPEN, CW_CAP_OPEN },
	{ __NR_creat, NR32(8), CW_SYSCALL_CREAT, CW_CAP_OPEN },
	{ __NR_unlink, NR32(10), CW_SYSCALL_NAME, CW_CAP_NAMES },
	{ __NR_rmdir, NR32(40), CW_SYSCALL_NAME, CW_CAP_NAMES },
	{ __NR_link, NR32(9), CW_SYSCALL_LINK, CW_CAP_NAMES },
	{ __NR_rename, NR32(38), CW_SYSCALL_TREE, CW_CAP_NAMES },
	{ __NR_mkdir, NR32(39), CW_SYSCALL_TREE, CW_CAP_NAMES },
	{ __NR_chmod, NR32(15), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ __NR_chown, NR32(212), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ __NR_lchown, NR32(198), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ __NR_dup2, NR32(63), CW_SYSCALL_DUP, CW_CAP_CLOSE },
	{ __NR_getdents, NR32(141), CW_SYSCALL_USE0, CW_CAP_USE },
	{ -1, NR32(90), CW_SYSCALL_MMAP_OLD, CW_CAP_MAP },
	{ -1, NR32(16) /* lchown, with 16 bits */, CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ -1, NR32(95) /* fchown, likewise */, CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ -1, NR32(182) /* chown, likewise */, CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ -1, NR32(22) /* umount */, CW_SYSCALL_UMOUNT, CW_CAP_MOUNTS },
	{ -1, NR32(25) /* stime */, CW_SYSCALL_CLOCK, CW_CAP_SELF },
	{ -1, NR32(102), CW_SYSCALL_SOCKETCALL, CW_CAP_RECEIVE },
	{ -1, NR32(417) /* recvmmsg_time64 */, CW_SYSCALL_RECVMMSG, CW_CAP_RECEIVE },
	/* Of x32 programs, where theirs differ from ours. */
	{ 514, -1, CW_SYSCALL_IOCTL, CW_CAP_USE },
	{ 515 /* readv */, -1, CW_SYSCALL_USE0, CW_CAP_USE },
	{ 516 /* writev */, -1, CW_SYSCALL_USE0, CW_CAP_USE },
	{ 519, -1, CW_SYSCALL_RECVMSG32, CW_CAP_RECEIVE },
	{ 521, -1, CW_SYSCALL_PTRACE, CW_CAP_PEEK },
	{ 534 /* preadv */, -1, CW_SYSCALL_USE0, CW_CAP_USE },
	{ 535 /* pwritev */, -1, CW_SYSCALL_USE0, CW_CAP_USE },
	{ 537 /* recvmmsg */, -1, CW_SYSCALL_RECVMSG32, CW_CAP_RECEIVE },
	{ 539, -1, CW_SYSCALL_VM_READV, CW_CAP_PEEK },
	{ 540, -1, CW_SYSCALL_VM_WRITEV, CW_CAP_PEEK },
	{ 546 /* preadv2 */, -1, CW_SYSCALL_USE0, CW_CAP_USE },
	{ 547 /* pwritev2 */, -1, CW_SYSCALL_USE0, CW_CAP_USE },
	{ -1, NR32(192), CW_SYSCALL_MMAP, CW_CAP_MAP },
	{ -1, NR32(193), CW_SYSCALL_TRUNCATE, CW_CAP_ATTRIBUTES },
	{ -1, NR32(194), CW_SYSCALL_FTRUNCATE, CW_CAP_ATTRIBUTES },
	{ -1, NR32(221), CW_SYSCALL_FCNTL, CW_CAP_CLOSE },
	{ -1, NR32(239), CW_SYSCALL_USE1, CW_CAP_USE },
#endif
	{ __NR_openat, NR32(295), CW_SYSCALL_OPENAT, CW_CAP_OPEN },
	{ __NR_openat2, NR32(437), CW_SYSCALL_OPENAT2, CW_CAP_OPEN },
	{ __NR_open_by_handle_at, NR32(342), CW_SYSCALL_OPEN_BY_HANDLE, CW_CAP_OPEN },
	{ __NR_accept, -1, CW_SYSCALL_ACCEPT, CW_CAP_CONNECTION },
	{ __NR_accept4, NR32(364), CW_SYSCALL_ACCEPT, CW_CAP_CONNECTION },
	{ __NR_recvmsg, NR32(372), CW_SYSCALL_RECVMSG, CW_CAP_RECEIVE },
	{ __NR_recvmmsg, NR32(337), CW_SYSCALL_RECVMMSG, CW_CAP_RECEIVE },
	{ 438 /* pidfd_getfd */, NR32(438), CW_SYSCALL_PIDFD_GETFD, CW_CAP_RECEIVE },
	{ __NR_truncate, NR32(92), CW_SYSCALL_TRUNCATE, CW_CAP_ATTRIBUTES },
	{ __NR_fchmod, NR32(94), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ __NR_fchmodat, NR32(306), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ 452 /* fchmodat2 */, NR32(452), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ __NR_fchown, NR32(207), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ __NR_fchownat, NR32(298), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	/* Access lists are extended attributes. */
	{ __NR_setxattr, NR32(226), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ __NR_lsetxattr, NR32(227), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ __NR_fsetxattr, NR32(228), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ __NR_removexattr, NR32(235), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ __NR_lremovexattr, NR32(236), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ __NR_fremovexattr, NR32(237), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ 463 /* setxattrat */, NR32(463), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ 466 /* removexattrat */, NR32(466), CW_SYSCALL_ATTR, CW_CAP_ATTRIBUTES },
	{ __NR_unlinkat, NR32(301), CW_SYSCALL_NAME, CW_CAP_NAMES },
	{ __NR_linkat, NR32(303), CW_SYSCALL_LINK, CW_CAP_NAMES },
	{ __NR_mkdirat, NR32(296), CW_SYSCALL_TREE, CW_CAP_NAMES },
#ifdef __NR_renameat
	{ __NR_renameat, NR32(302), CW_SYSCALL_TREE, CW_CAP_NAMES },
#endif
	{ __NR_renameat2, NR32(353), CW_SYSCALL_TREE, CW_CAP_NAMES },
	{ __NR_dup, NR32(41), CW_SYSCALL_DUP, CW_CAP_CLOSE },
	{ __NR_dup3, NR32(330), CW_SYSCALL_DUP, CW_CAP_CLOSE },
	{ __NR_fcntl, NR32(55), CW_SYSCALL_FCNTL, CW_CAP_CLOSE },
	{ __NR_close, NR32(6), CW_SYSCALL_CLOSE, CW_CAP_CLOSE },
	{ 436 /* close_range */, NR32(436), CW_SYSCALL_CLOSE_RANGE, CW_CAP_CLOSE },
	{ __NR_read, NR32(3), CW_SYSCALL_READ, CW_CAP_USE },
	{ __NR_readv, NR32(145), CW_SYSCALL_READ, CW_CAP_USE },
	{ __NR_pread64, NR32(180), CW_SYSCALL_READ, CW_CAP_USE },
	{ __NR_preadv, NR32(333), CW_SYSCALL_READ, CW_CAP_USE },
	{ __NR_preadv2, NR32(378), CW_SYSCALL_READ, CW_CAP_USE },
	{ __NR_getdents64, NR32(220), CW_SYSCALL_USE0, CW_CAP_USE },
	{ __NR_write, NR32(4), CW_SYSCALL_USE0, CW_CAP_USE },
	{ __NR_writev, NR32(146), CW_SYSCALL_USE0, CW_CAP_USE },
	{ __NR_pwrite64, NR32(181), CW_SYSCALL_USE0, CW_CAP_USE },
	{ __NR_pwritev, NR32(334), CW_SYSCALL_USE0, CW_CAP_USE },
	{ __NR_pwritev2, NR32(379), CW_SYSCALL_USE0, CW_CAP_USE },
	{ __NR_sendfile, NR32(187), CW_SYSCALL_USE1, CW_CAP_USE },
	{ __NR_splice, NR32(313), CW_SYSCALL_USE0, CW_CAP_USE },
	{ __NR_copy_file_range, NR32(377), CW_SYSCALL_USE0, CW_CAP_USE },
	{ __NR_ftruncate, NR32(93), CW_SYSCALL_FTRUNCATE, CW_CAP_ATTRIBUTES },
	{ __NR_bpf, NR32(357), CW_SYSCALL_BPF, CW_CAP_SELF },
	{ __NR_settimeofday, NR32(79), CW_SYSCALL_CLOCK, CW_CAP_SELF },
	{ __NR_clock_settime, NR32(264), CW_SYSCALL_CLOCK, CW_CAP_SELF },
	{ -1, NR32(404) /* clock_settime64 */, CW_SYSCALL_CLOCK, CW_CAP_SELF },
	{ __NR_ioctl, NR32(54), CW_SYSCALL_IOCTL, CW_CAP_USE },
	{ __NR_mmap, -1, CW_SYSCALL_MMAP, CW_CAP_MAP },
	{ __NR_connect, NR32(362), CW_SYSCALL_CONNECT, CW_CAP_EGRESS },
	{ __NR_mount, NR32(21), CW_SYSCALL_MOUNT, CW_CAP_MOUNTS },
	{ __NR_umount2, NR32(52), CW_SYSCALL_UMOUNT, CW_CAP_MOUNTS },
	{ 429 /* move_mount */, NR32(429), CW_SYSCALL_MOVE_MOUNT, CW_CAP_MOUNTS },
	{ __NR_ptrace, NR32(26), CW_SYSCALL_PTRACE, CW_CAP_PEEK },
	{ __NR_process_vm_readv, NR32(347), CW_SYSCALL_VM_READV, CW_CAP_PEEK },
	{ __NR_process_vm_writev, NR32(348), CW_SYSCALL_VM_WRITEV, CW_CAP_PEEK },
};

static bool by_syscall(const struct cw_ladder *l, enum cw_capability c)
{
	return l->way[c] && strstr(l->way[c]->programs[0], "tp__sys_exit");
}

static void fill_syscalls(struct probes_bpf *skel, const struct cw_ladder *l)
{
	__u16 *ops = (__u16 *)skel->rodata->syscall_ops;

	for (size_t i = 0; i < CW_ARRAY_SIZE(syscalls); i++) {
		bool used = by_syscall(l, syscalls[i].capability);

		/* Refusals are told by the same calls as opens. */
		if (syscalls[i].capability == CW_CAP_OPEN)
			used = used || by_syscall(l, CW_CAP_DENIED);
		/* Descriptors are followed as a whole or not at all. */
		if (syscalls[i].op > CW_SYSCALL_HELD)
			used = by_syscall(l, CW_CAP_OPEN);
		if (!used)
			continue;
		if (syscalls[i].nr >= 0 && syscalls[i].nr < CW_SYSCALLS_MAX)
			ops[syscalls[i].nr] |= (__u16)syscalls[i].op;
		if (syscalls[i].nr32 >= 0 && syscalls[i].nr32 < CW_SYSCALLS_MAX)
			ops[syscalls[i].nr32] |= (__u16)(syscalls[i].op << 8);
	}
	for (size_t i = 0; i < CW_SYSCALLS_MAX; i++) {
		unsigned int op = ops[i] & 0xff, op32 = ops[i] >> 8;

		/* What matters to holders alone ends as unseen for all others, whichever it is. */
		if (op32 && op32 != op && (op < CW_SYSCALL_HELD || op32 < CW_SYSCALL_HELD))
			ops[i] |= CW_SYSCALL_ASK;
	}
}

/* ---- loading ---- */

static __u32 mount_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/mnt", &st) ? 0 : (__u32)st.st_ino;
}

static void configure(struct probes_bpf *skel, const struct cw_ladder *l)
{
	skel->rodata->self_tgid = (__u32)getpid();
	skel->rodata->self_mnt_ns = mount_namespace();
	skel->rodata->hz = l->hz ? l->hz : 250;
	skel->rodata->defer_devices = cw_ladder_uses(l, "fexit__chrdev_open") ||
				      cw_ladder_uses(l, "kretprobe__chrdev_open");
	skel->rodata->denied_rung = (__u8)l->coverage.row[CW_CAP_DENIED].rung;
	skel->rodata->close_rung = (__u8)l->coverage.row[CW_CAP_CLOSE].rung;
	skel->rodata->tp_open = by_syscall(l, CW_CAP_OPEN);
	skel->rodata->tp_denied = by_syscall(l, CW_CAP_DENIED);
	skel->rodata->tp_copy = by_syscall(l, CW_CAP_COPY);
	skel->rodata->tp_peek = by_syscall(l, CW_CAP_PEEK);
	skel->rodata->track_fds = by_syscall(l, CW_CAP_OPEN);
	skel->rodata->hardened = cw_ladder_uses(l, "harden__task_kill");
	skel->rodata->kill_by_hook = !by_syscall(l, CW_CAP_SELF);
	skel->rodata->kernel_types = l->types.kernel;
	skel->rodata->can_wait = sysconf(_SC_NPROCESSORS_ONLN) > 1;
	skel->rodata->io_complete_by_cqe = l->io_complete_by_cqe;
	/* File hooks look for a mark alone; fd_maybe() asks for the folder in any case. */
	if (!by_syscall(l, CW_CAP_OPEN) && !cw_ladder_uses(l, "lsm__d_instantiate") &&
	    !cw_ladder_uses(l, "fentry__d_instantiate") &&
	    !cw_ladder_uses(l, "kprobe__d_instantiate"))
		skel->bss->look_closer = CW_MARKS_LACK;
	fill_syscalls(skel, l);
}

/* Programs that are not in the ladder's list are never loaded; those of modules always are. */
static void choose_programs(struct probes_bpf *skel, const struct cw_ladder *l, bool module_way)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, skel->obj) {
		const char *name = bpf_program__name(p);
		bool load = cw_ladder_uses(l, name) || p == skel->progs.mark__wanted;

		for (int i = 0; i < MODULE_PROGRAMS_MAX; i++)
			load = load || (module_way && cw_streq(name, module_programs[i].program));
		bpf_program__set_autoload(p, load);
	}
}

/* The rings are as large as the machine's pages and memory ask for. */
static void size_rings(struct probes_bpf *skel)
{
	long page = sysconf(_SC_PAGESIZE);
	__u32 devices = 512 * 1024, files = 4 * 1024 * 1024;

	if (page > 0 && devices < (__u32)page)
		devices = (__u32)page;
	bpf_map__set_max_entries(skel->maps.ring_devices, devices);
	bpf_map__set_max_entries(skel->maps.ring_files, files);
}

static int attach_all(struct cw_kernel *k, const struct cw_ladder *l, struct cw_buf *errors,
		      const char **ret_failed)
{
	for (unsigned int i = 0; i < l->n_programs; i++) {
		struct bpf_link *link;
		int r;

		if (!strncmp(l->program[i], "iter__", 6) || !strncmp(l->program[i], "proc__", 6))
			continue;
		link = cw_probes_attach(&k->probes, l->program[i]);
		if (!link) {
			r = -errno;
			cw_buf_printf(errors, "cannot attach %s: %s\n", l->program[i],
				      strerror(-r));
			*ret_failed = l->program[i];
			return r;
		}
		k->links[k->n_links++] = link;
	}
	return 0;
}

/* ---- objects of our own ---- */

static int own(struct cw_kernel *k, enum cw_tamper kind, uint32_t id)
{
	struct cw_object_key key = { .kind = kind, .id = id };
	__u32 one = 1;

	return bpf_map__update_elem(k->skel->maps.ours, &key, sizeof(key), &one, sizeof(one),
				    BPF_ANY);
}

/* Probes of some kinds are no links before 5.15, and have no id. */
static int own_link(struct cw_kernel *k, int link)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(link, &info, &size))
		return 0;
	return own(k, CW_TAMPER_LINK, info.id);
}

/* Tells the kernel side which maps, programs and links are ours. */
static int own_objects(struct cw_kernel *k)
{
	struct bpf_map *m;
	int r = 0;

	bpf_object__for_each_map(m, k->skel->obj) {
		struct bpf_map_info info = {};
		__u32 size = sizeof(info);

		if (!r && !bpf_obj_get_info_by_fd(bpf_map__fd(m), &info, &size))
			r = own(k, CW_TAMPER_MAP, info.id);
	}
	for (unsigned int i = 0; i < k->probes.n; i++) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (!r && !bpf_obj_get_info_by_fd(k->probes.program[i].fd, &info, &size))
			r = own(k, CW_TAMPER_PROGRAM, info.id);
	}
	for (unsigned int i = 0; !r && i < k->n_links; i++)
		r = own_link(k, bpf_link__fd(k->links[i]));
	return r;
}

/*
 * What only the programs write, or nobody any more, cannot be written by bpf(2) from now on, by
 * whoever gets a descriptor of it. (Read-only data libbpf has frozen; what the agent writes through
 * memory, and `devices`, cannot be.)
 */
void cw_kernel_freeze(struct cw_kernel *k)
{
	struct bpf_map *maps[] = {
		k->skel->maps.inodes, k->skel->maps.tasks, k->skel->maps.ended,
		k->skel->maps.executables, k->skel->maps.accepted, k->skel->maps.inbound,
		k->skel->maps.uses, k->skel->maps.calls,
		k->skel->maps.streams, k->skel->maps.reading, k->skel->maps.namers,
		k->skel->maps.portraits, k->skel->maps.tampered, k->skel->maps.exports,
		k->skel->maps.exporting,
	};

	for (size_t i = 0; i < CW_ARRAY_SIZE(maps); i++)
		bpf_map_freeze(bpf_map__fd(maps[i]));
	if (!k->module_way)
		bpf_map_freeze(bpf_map__fd(k->skel->maps.ours));
	/* Where descriptors are followed, cw_kernel_sweep() takes out what is stale. */
	if (k->skel->rodata->track_fds)
		return;
	bpf_map_freeze(bpf_map__fd(k->skel->maps.opens));
	bpf_map_freeze(bpf_map__fd(k->skel->maps.fds));
}

void cw_kernel_tampers_told(struct cw_kernel *k, uint64_t number)
{
	__atomic_store_n(&k->skel->bss->tampers_told, number, __ATOMIC_SEQ_CST);
}

static int take_record(void *ctx, void *data, size_t size)
{
	struct cw_kernel *k = ctx;

	return k->fn(k->ctx, data, size);
}

static int open_ring(struct cw_kernel *k, enum cw_ring ring, const struct bpf_map *map)
{
	struct epoll_event e = { .events = EPOLLIN };
	int r = cw_ringbuf_open(&k->ring[ring], bpf_map__fd(map), bpf_map__max_entries(map));

	if (r)
		return r;
	return epoll_ctl(k->poll_fd, EPOLL_CTL_ADD, bpf_map__fd(map), &e) ? -errno : 0;
}

static int open_rings(struct cw_kernel *k)
{
	int r;

	k->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (k->poll_fd < 0)
		return -errno;
	r = open_ring(k, CW_RING_DEVICES, k->skel->maps.ring_devices);
	return r ? r : open_ring(k, CW_RING_FILES, k->skel->maps.ring_files);
}

int cw_kernel_open(const struct cw_ladder *ladder, struct cw_buf *errors, const char **ret_failed,
		   struct cw_kernel **ret_kernel)
{
	struct cw_kernel *k = calloc(1, sizeof(*k));
	int r;

	*ret_failed = NULL;
	if (!k)
		return -ENOMEM;
	k->poll_fd = -1;
	for (int i = 0; i < MODULE_PROGRAMS_MAX; i++)
		k->module_links[i] = -1;
	r = cw_probes_open(ladder, &k->probes);
	if (r)
		goto fail;
	k->skel = k->probes.skel;
	k->module_way = ladder->way[CW_CAP_STREAM] && !by_syscall(ladder, CW_CAP_STREAM);
	configure(k->skel, ladder);
	choose_programs(k->skel, ladder, k->module_way);
	size_rings(k->skel);
	r = cw_probes_load(&k->probes, ladder, errors);
	if (r)
		goto fail;
	k->mark_wanted = cw_probes_find(&k->probes, "mark__wanted");
	k->proc_task = cw_probes_find(&k->probes, "proc__task");
	k->proc_task_file = cw_probes_find(&k->probes, "proc__task_file");
	r = open_rings(k);
	if (!r)
		r = attach_all(k, ladder, errors, ret_failed);
	cw_probes_settle(&k->probes);
	if (!r && (r = own_objects(k)))
		cw_buf_printf(errors, "cannot note our own BPF objects: %s\n", strerror(-r));
	if (r)
		goto fail;
	cw_kernel_attach_modules(k);
	*ret_kernel = k;
	return 0;
fail:
	cw_kernel_close(k);
	return r;
}

void cw_kernel_close(struct cw_kernel *k)
{
	if (!k)
		return;
	for (unsigned int i = 0; i < k->n_links; i++)
		bpf_link__destroy(k->links[i]);
	for (int i = 0; i < MODULE_PROGRAMS_MAX; i++)
		cw_closep(&k->module_links[i]);
	for (int i = 0; i < CW_RING_MAX; i++)
		cw_ringbuf_close(&k->ring[i]);
	cw_closep(&k->poll_fd);
	cw_probes_close(&k->probes);
	free(k);
}

bool cw_kernel_attach_modules(struct cw_kernel *k)
{
	bool news = false;

	for (int i = 0; k->module_way && i < MODULE_PROGRAMS_MAX; i++) {
		int link;

		if (k->module_links[i] >= 0)
			continue;
		link = bpf_raw_tracepoint_open(module_programs[i].tracepoint,
					       cw_probes_find(&k->probes,
							      module_programs[i].program));
		if (link < 0)
			continue;
		k->module_links[i] = link;
		own_link(k, link);
		news = true;
		/* The first tells of every frame that an ioctl takes. */
		if (i == 0)
			k->skel->data->frames_by_ioctl = false;
	}
	return news;
}

/* ---- what is watched ---- */

void cw_kernel_watch_major(struct cw_kernel *k, unsigned int major, bool block, bool whole)
{
	if (major >= CW_MAJORS_MAX)
		return;
	if (block)
		k->skel->bss->block_majors[major] = whole ? 1 : 2;
	else
		k->skel->bss->majors[major] = whole ? 1 : 2;
}

int cw_kernel_watch_device(struct cw_kernel *k, unsigned int major, unsigned int minor, bool block,
			   uint32_t asset)
{
	struct cw_device_key key = { .rdev = CW_MKDEV(major, minor) | (block ? CW_BLOCK_BIT : 0) };
	struct cw_device value = { .asset = asset };
	__u8 *majors = block ? k->skel->bss->block_majors : k->skel->bss->majors;

	if (major >= CW_MAJORS_MAX)
		return -ERANGE;
	if (!majors[major])
		majors[major] = 2;
	return bpf_map__update_elem(k->skel->maps.devices, &key, sizeof(key), &value, sizeof(value),
				    BPF_ANY);
}

int cw_kernel_ignore_node(struct cw_kernel *k, uint32_t rdev, uint64_t ino, uint32_t dev)
{
	struct cw_device_key key = { .rdev = rdev, .ino = ino, .dev = dev };
	struct cw_device value = { .asset = CW_NO_ASSET, .flags = CW_DEVICE_IGNORE };

	return bpf_map__update_elem(k->skel->maps.devices, &key, sizeof(key), &value, sizeof(value),
				    BPF_ANY);
}

void cw_kernel_heed_nodes(struct cw_kernel *k)
{
	const struct bpf_map *map = k->skel->maps.devices;
	struct cw_device_key key, next;
	struct cw_device value;
	bool more = !bpf_map__get_next_key(map, NULL, &next, sizeof(next));

	while (more) {
		key = next;
		more = !bpf_map__get_next_key(map, &key, &next, sizeof(next));
		if (!bpf_map__lookup_elem(map, &key, sizeof(key), &value, sizeof(value), 0) &&
		    value.flags & CW_DEVICE_IGNORE)
			bpf_map__delete_elem(map, &key, sizeof(key), 0);
	}
}

static void look_closer(struct cw_kernel *k, uint64_t more)
{
	__atomic_fetch_add(&k->skel->bss->look_closer, more, __ATOMIC_SEQ_CST);
}

/* Which of the two threads that may mark inodes this is: the first, or another. */
static unsigned int toucher(void)
{
	static _Thread_local int is_other; /* 0: not asked, -1: no. For 100,000 files it counts */

	if (!is_other)
		is_other = gettid() == getpid() ? -1 : 1;
	return is_other == 1;
}

int cw_kernel_touch(struct cw_kernel *k, int dirfd, const char *name, int flags, uint32_t asset)
{
	struct cw_toucher *t = &k->skel->bss->toucher[toucher()];
	cw_auto_close int fd = -1;
	int error;
	bool seen;

	t->asset = asset;
	__atomic_store_n(&t->tid, (__u32)gettid(), __ATOMIC_SEQ_CST);
	look_closer(k, CW_TOUCHING);
	fd = openat(dirfd, name, flags | O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	error = errno;
	look_closer(k, -CW_TOUCHING);
	seen = !__atomic_exchange_n(&t->tid, 0, __ATOMIC_SEQ_CST);
	if (fd < 0)
		return -error;
	return seen ? CW_TAKE_FD(fd) : -EIO;
}

void cw_kernel_set_root(struct cw_kernel *k, uint32_t asset, uint64_t ino)
{
	if (asset < CW_ASSETS_MAX)
		k->skel->bss->asset_roots[asset].ino = ino;
}

void cw_kernel_set_canary(struct cw_kernel *k, uint64_t ino)
{
	k->skel->bss->canary_ino = ino;
}

static int run_on_demand(int program, uint64_t arg0, uint64_t arg1)
{
	__u64 args[2] = { arg0, arg1 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));
	int r = bpf_prog_test_run_opts(program, &opts);

	return r ? r : (int)opts.retval;
}

int cw_kernel_mark(struct cw_kernel *k, uint32_t dev, uint32_t asset,
		   const struct cw_wanted_inode *inodes, unsigned int n)
{
	struct cw_wanted *w = &k->skel->bss->wanted[toucher()];

	if (n > CW_WANTED_MAX)
		return -E2BIG;
	w->dev = dev;
	w->asset = asset;
	w->n = n;
	memcpy(w->inode, inodes, n * sizeof(*inodes));
	return run_on_demand(k->mark_wanted, toucher(), 0);
}

static bool mark_of(struct cw_kernel *k, uint64_t ino, uint32_t dev, struct cw_inode *ret_mark)
{
	struct cw_inode_key key = { .ino = ino, .dev = dev };

	return !bpf_map__lookup_elem(k->skel->maps.inodes, &key, sizeof(key), ret_mark,
				     sizeof(*ret_mark), 0);
}

uint32_t cw_kernel_marked(struct cw_kernel *k, uint64_t ino, uint32_t dev)
{
	struct cw_inode m;

	return mark_of(k, ino, dev, &m) ? m.asset : CW_NO_ASSET;
}

bool cw_kernel_knows(struct cw_kernel *k, uint64_t ino, uint32_t dev, uint32_t gen, uint32_t asset)
{
	struct cw_inode m;

	return mark_of(k, ino, dev, &m) && m.gen == gen && m.asset == asset;
}

uint64_t cw_kernel_tree_gen(const struct cw_kernel *k)
{
	return __atomic_load_n(&k->skel->bss->tree_gen, __ATOMIC_SEQ_CST);
}

void cw_kernel_tree_clean(struct cw_kernel *k, uint64_t gen)
{
	uint64_t before = k->skel->bss->tree_clean; /* only we write it */

	__atomic_store_n(&k->skel->bss->tree_clean, gen, __ATOMIC_SEQ_CST);
	look_closer(k, before - gen);
}

bool cw_kernel_tree_is_clean(const struct cw_kernel *k)
{
	return cw_kernel_tree_gen(k) ==
	       __atomic_load_n(&k->skel->bss->tree_clean, __ATOMIC_SEQ_CST);
}

/* ---- what comes out ---- */

int cw_kernel_fd(const struct cw_kernel *k)
{
	return k->poll_fd;
}

bool cw_kernel_has_room(const struct cw_kernel *k)
{
	for (int i = 0; i < CW_RING_MAX; i++)
		if (cw_ringbuf_fill(&k->ring[i]) > k->ring[i].size / 2)
			return false;
	return true;
}

void cw_kernel_will_look(struct cw_kernel *k, uint64_t until_ns)
{
	__atomic_store_n(&k->skel->bss->reader_until_ns, until_ns, __ATOMIC_SEQ_CST);
}

void cw_kernel_set_quiet(struct cw_kernel *k, const struct cw_record_access *r, bool quiet)
{
	__u64 key = cw_quiet_key(r);
	__u64 *slot = &k->skel->bss->quiet_pairs[key % CW_QUIET_SIZE];

	if (quiet)
		*slot = key;
	else if (*slot == key)
		*slot = 0;
}

void cw_kernel_forget_quiet(struct cw_kernel *k)
{
	memset(k->skel->bss->quiet_pairs, 0, sizeof(k->skel->bss->quiet_pairs));
}

bool cw_kernel_has_records(const struct cw_kernel *k)
{
	for (int i = 0; i < CW_RING_MAX; i++)
		if (cw_ringbuf_fill(&k->ring[i]))
			return true;
	return false;
}

int cw_kernel_consume(struct cw_kernel *k, cw_record_fn fn, void *ctx)
{
	int n = 0, devices, files;

	k->fn = fn;
	k->ctx = ctx;
	/* Before the reading: what comes quietly after it is marked again. */
	__atomic_store_n(&k->skel->bss->quiet_waits, 0, __ATOMIC_SEQ_CST);
	do {
		devices = cw_ringbuf_consume(&k->ring[CW_RING_DEVICES], CONSUME_MAX, take_record,
					     k);
		files = cw_ringbuf_consume(&k->ring[CW_RING_FILES], BATCH, take_record, k);
		if (devices < 0 || files < 0)
			return devices < 0 ? devices : files;
		n += devices + files;
	} while (files == BATCH && n < CONSUME_MAX);
	return n;
}

bool cw_kernel_take_losses(struct cw_kernel *k, struct cw_loss_count ret_losses[CW_LOSS_MAX])
{
	bool any = false;

	for (int i = 0; i < CW_LOSS_MAX; i++) {
		__u64 count = __atomic_load_n(&k->skel->bss->losses[i].count, __ATOMIC_RELAXED);

		ret_losses[i].count = count - k->told[i].count;
		ret_losses[i].last_ns = k->skel->bss->losses[i].last_ns;
		any = any || ret_losses[i].count;
		k->told[i].count = count;
	}
	return any;
}

uint64_t cw_kernel_take_skipped(struct cw_kernel *k)
{
	uint64_t total = 0, news;

	for (unsigned int i = 0; i < k->probes.n; i++) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (!bpf_obj_get_info_by_fd(k->probes.program[i].fd, &info, &size))
			total += info.recursion_misses;
	}
	news = total - k->told_skipped;
	k->told_skipped = total;
	return news;
}

int cw_kernel_task(struct cw_kernel *k, uint32_t tgid, struct cw_task *ret_task)
{
	int r = bpf_map__lookup_elem(k->skel->maps.tasks, &tgid, sizeof(tgid), ret_task,
				     sizeof(*ret_task), 0);

	if (r)
		r = bpf_map__lookup_elem(k->skel->maps.ended, &tgid, sizeof(tgid), ret_task,
					 sizeof(*ret_task), 0);
	return r;
}

void cw_kernel_each_toucher(struct cw_kernel *k, uint64_t ino, uint32_t dev,
			    void (*fn)(void *ctx, uint32_t tgid), void *ctx)
{
	uint32_t key, next;
	struct cw_touched t;

	for (int r = bpf_map__get_next_key(k->skel->maps.touched, NULL, &next, sizeof(next)); !r;
	     r = bpf_map__get_next_key(k->skel->maps.touched, &key, &next, sizeof(next))) {
		key = next;
		if (bpf_map__lookup_elem(k->skel->maps.touched, &key, sizeof(key), &t, sizeof(t),
					 0))
			continue;
		for (int i = CW_TOUCH_DEVICES; i < CW_TOUCHES_MAX; i++)
			if (t.touch[i].time_ns && t.touch[i].ino == ino && t.touch[i].dev == dev)
				fn(ctx, key);
	}
}

void cw_kernel_each_task(struct cw_kernel *k, void (*fn)(void *ctx, const struct cw_task *t),
			 void *ctx)
{
	uint32_t key, next;
	struct cw_task t;

	for (int r = bpf_map__get_next_key(k->skel->maps.tasks, NULL, &next, sizeof(next)); !r;
	     r = bpf_map__get_next_key(k->skel->maps.tasks, &key, &next, sizeof(next))) {
		key = next;
		if (!bpf_map__lookup_elem(k->skel->maps.tasks, &key, sizeof(key), &t, sizeof(t), 0))
			fn(ctx, &t);
	}
}

static bool fd_is_stale(struct cw_kernel *k, const struct cw_fd_key *key, const struct cw_fd *d)
{
	struct probes_bpf *s = k->skel;
	struct cw_task t;

	if (!bpf_map__lookup_elem(s->maps.tasks, &key->tgid, sizeof(key->tgid), &t, sizeof(t), 0))
		return t.start_ns > d->since_ns;
	/* It may still be there as a zombie. */
	if (!bpf_map__lookup_elem(s->maps.ended, &key->tgid, sizeof(key->tgid), &t, sizeof(t), 0))
		return true;
	return kill((pid_t)key->tgid, 0) && errno == ESRCH;
}

/* As address_slot() of the kernel side. */
static uint32_t *filter_slot(struct probes_bpf *s, uint64_t file)
{
	uint64_t n = file - s->bss->filter_base;

	return &s->bss->open_filter[(n >> 8) % CW_ARRAY_SIZE(s->bss->open_filter)];
}

static void forget_fd(struct cw_kernel *k, const struct cw_fd_key *key, const struct cw_fd *d)
{
	struct probes_bpf *s = k->skel;
	struct cw_open open;

	if (bpf_map__delete_elem(s->maps.fds, key, sizeof(*key), 0))
		return;
	__atomic_fetch_sub(&s->bss->holders[key->tgid % CW_ARRAY_SIZE(s->bss->holders)], 1,
			   __ATOMIC_RELAXED);
	if (bpf_map__lookup_elem(s->maps.opens, &d->file, sizeof(d->file), &open, sizeof(open),
				 0) ||
	    open.open_id != d->open_id)
		return;
	if (open.refs > 1) {
		open.refs--;
		bpf_map__update_elem(s->maps.opens, &d->file, sizeof(d->file), &open, sizeof(open),
				     BPF_EXIST);
	} else if (!bpf_map__delete_elem(s->maps.opens, &d->file, sizeof(d->file), 0)) {
		__atomic_fetch_sub(filter_slot(s, d->file), 1, __ATOMIC_RELAXED);
	}
}

bool cw_kernel_needs_sweep(const struct cw_kernel *k)
{
	return k->left_behind != k->skel->bss->left_behind;
}

uint64_t cw_kernel_sweep(struct cw_kernel *k)
{
	struct bpf_map *fds = k->skel->maps.fds;
	struct cw_fd_key key, next;
	struct cw_fd d;
	uint64_t n = 0;
	int r;

	k->left_behind = k->skel->bss->left_behind;
	r = bpf_map__get_next_key(fds, NULL, &key, sizeof(key));

	for (; !r; key = next) {
		r = bpf_map__get_next_key(fds, &key, &next, sizeof(next));
		if (bpf_map__lookup_elem(fds, &key, sizeof(key), &d, sizeof(d), 0) ||
		    !fd_is_stale(k, &key, &d))
			continue;
		forget_fd(k, &key, &d);
		n++;
	}
	return n;
}

int cw_kernel_set_conn(struct cw_kernel *k, uint32_t tgid, uint64_t start_ns,
		       const struct cw_conn *conn)
{
	struct cw_task t;
	int r = bpf_map__lookup_elem(k->skel->maps.tasks, &tgid, sizeof(tgid), &t, sizeof(t), 0);

	if (r)
		return r;
	if (t.start_ns != start_ns)
		return -ESRCH;
	t.conn = *conn;
	return bpf_map__update_elem(k->skel->maps.tasks, &tgid, sizeof(tgid), &t, sizeof(t),
				    BPF_EXIST);
}

int cw_kernel_set_inbound(struct cw_kernel *k, const struct cw_accepted *a)
{
	return bpf_map__update_elem(k->skel->maps.inbound, &a->sk, sizeof(a->sk), a, sizeof(*a),
				    BPF_ANY);
}

int cw_kernel_exe(struct cw_kernel *k, const struct cw_exe_key *key, struct cw_exe *ret_exe)
{
	return bpf_map__lookup_elem(k->skel->maps.executables, key, sizeof(*key), ret_exe,
				    sizeof(*ret_exe), 0);
}

int cw_kernel_namer(struct cw_kernel *k, uint32_t tgid, struct cw_namer *ret_namer,
		    struct cw_record_process *ret_process)
{
	int r = bpf_map__lookup_elem(k->skel->maps.namers, &tgid, sizeof(tgid), ret_namer,
				     sizeof(*ret_namer), 0);

	if (!r && bpf_map__lookup_elem(k->skel->maps.portraits, &tgid, sizeof(tgid), ret_process,
				       sizeof(*ret_process), 0))
		memset(ret_process, 0, sizeof(*ret_process));
	return r;
}

static int run_iterator(int program, void (*fn)(void *ctx, const struct cw_found *f), void *ctx)
{
	cw_auto_close int link = bpf_link_create(program, 0, BPF_TRACE_ITER, NULL);
	cw_auto_close int fd = -1;
	struct cw_found found[64];
	size_t have = 0;
	ssize_t n;
	int r;

	if (link < 0)
		return -errno;
	fd = bpf_iter_create(link);
	r = fd < 0 ? -errno : 0;
	while (!r) {
		n = read(fd, (char *)found + have, sizeof(found) - have);
		if (n <= 0) {
			r = n < 0 && errno == EINTR ? 0 : n < 0 ? -errno : 1;
			continue;
		}
		have += (size_t)n;
		for (size_t i = 0; i < have / sizeof(found[0]); i++)
			fn(ctx, &found[i]);
		memmove(found, (char *)found + have - have % sizeof(found[0]),
			have % sizeof(found[0]));
		have %= sizeof(found[0]);
	}
	return r < 0 ? r : 0;
}

int cw_kernel_seed(struct cw_kernel *k, void (*fn)(void *ctx, const struct cw_found *f), void *ctx)
{
	int task = cw_probes_find(&k->probes, "iter__task");
	int vma = cw_probes_find(&k->probes, "iter__task_vma");
	int file = cw_probes_find(&k->probes, "iter__task_file");
	int r;

	if (task < 0 || file < 0)
		return -EOPNOTSUPP;
	r = run_iterator(task, fn, ctx);
	if (!r && vma >= 0)
		r = run_iterator(vma, fn, ctx);
	return r ? r : run_iterator(file, fn, ctx);
}

int cw_kernel_seed_process(struct cw_kernel *k, int folder)
{
	return run_on_demand(k->proc_task, (uint64_t)folder, 0);
}

int cw_kernel_seed_descriptor(struct cw_kernel *k, int folder, uint32_t fd,
			      struct cw_found *ret_found)
{
	int r = run_on_demand(k->proc_task_file, (uint64_t)folder, fd);

	if (r == 1)
		*ret_found = k->skel->bss->found;
	return r;
}
