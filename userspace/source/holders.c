// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "source/holders.h"
#include "source/types.h"
#include "who.skel.h"

#define AGENTS_MAX 8

enum map { OPENS, FDS, STREAMS, INODES, TASKS, EXECUTABLES, MAP_MAX };

static const struct {
	const char *name;
	uint32_t key, value;
} wanted[MAP_MAX] = {
	[OPENS] = { "opens", sizeof(__u64), sizeof(struct cw_open) },
	[FDS] = { "fds", sizeof(struct cw_fd_key), sizeof(struct cw_fd) },
	[STREAMS] = { "streams", sizeof(struct cw_stream_key), sizeof(struct cw_stream) },
	[INODES] = { "inodes", sizeof(struct cw_inode_key), sizeof(struct cw_inode) },
	[TASKS] = { "tasks", sizeof(__u32), sizeof(struct cw_task) },
	[EXECUTABLES] = { "executables", sizeof(struct cw_exe_key), sizeof(struct cw_exe) },
};

struct cw_agent_maps {
	int fd[MAP_MAX][AGENTS_MAX];
	unsigned int n[MAP_MAX];
};

/* ---- the iterator ---- */

typedef void holding_fn(void *ctx, const struct cw_holding *h);

static int read_all(int fd, holding_fn *fn, void *ctx)
{
	struct cw_holding h[128];
	size_t have = 0;
	ssize_t n;

	while ((n = read(fd, (char *)h + have, sizeof(h) - have)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		have += (size_t)n;
		for (size_t i = 0; i < have / sizeof(h[0]); i++)
			fn(ctx, &h[i]);
		memmove(h, (char *)h + have - have % sizeof(h[0]), have % sizeof(h[0]));
		have %= sizeof(h[0]);
	}
	return 0;
}

static int scan(const struct who_bpf *skel, holding_fn *fn, void *ctx)
{
	struct bpf_link *link = bpf_program__attach_iter(skel->progs.iter__holders, NULL);
	cw_auto_close int fd = -1;
	int r = (int)libbpf_get_error(link);

	if (r)
		return r;
	fd = bpf_iter_create(bpf_link__fd(link));
	r = fd < 0 ? -errno : read_all(fd, fn, ctx);
	bpf_link__destroy(link);
	return r;
}

struct own {
	const int *roots;
	unsigned int n;
	struct who_bpf *skel;
};

/* What the kernel calls a folder that is open here: stat(2) gives other numbers on btrfs. */
static void take_own(void *ctx, const struct cw_holding *h)
{
	struct own *o = ctx;

	for (unsigned int i = 0; i < o->n; i++)
		if (o->roots[i] >= 0 && (uint32_t)o->roots[i] == h->fd)
			o->skel->bss->roots[i] = (struct cw_inode_key){ .ino = h->ino,
									.dev = h->dev };
}

int cw_holders_scan(const int *roots, unsigned int n, holding_fn *fn, void *ctx)
{
	struct own own = { roots, n, NULL };
	struct who_bpf *skel;
	int r;

	if (!cw_types_in_kernel())
		return -EOPNOTSUPP;
	libbpf_set_print(NULL);
	skel = who_bpf__open();
	if (!skel)
		return -errno;
	own.skel = skel;
	r = who_bpf__load(skel);
	if (!r && n) {
		skel->bss->only_tgid = (__u32)getpid();
		r = scan(skel, take_own, &own);
	}
	if (!r) {
		skel->bss->not_tgid = (__u32)getpid();
		skel->bss->only_tgid = 0;
		skel->bss->n_roots = n;
		r = scan(skel, fn, ctx);
	}
	who_bpf__destroy(skel);
	return r;
}

/* ---- what a running agent knows ---- */

static void take_map(struct cw_agent_maps *m, int fd)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size)) {
		close(fd);
		return;
	}
	for (int i = 0; i < MAP_MAX; i++) {
		if (!strcmp(info.name, wanted[i].name) && info.key_size == wanted[i].key &&
		    info.value_size == wanted[i].value && m->n[i] < AGENTS_MAX) {
			m->fd[i][m->n[i]++] = fd;
			return;
		}
	}
	close(fd);
}

int cw_agent_maps_open(struct cw_agent_maps **ret_maps)
{
	LIBBPF_OPTS(bpf_get_fd_by_id_opts, readonly, .open_flags = BPF_F_RDONLY);
	struct cw_agent_maps *m = calloc(1, sizeof(*m));
	__u32 id = 0;
	int fd;

	if (!m)
		return -ENOMEM;
	while (!bpf_map_get_next_id(id, &id)) {
		fd = bpf_map_get_fd_by_id_opts(id, &readonly);
		if (fd >= 0)
			take_map(m, fd);
	}
	if (!m->n[OPENS]) {
		cw_agent_maps_free(m);
		return id || errno != EPERM ? -ENOENT : -EPERM;
	}
	*ret_maps = m;
	return 0;
}

void cw_agent_maps_free(struct cw_agent_maps *m)
{
	if (!m)
		return;
	for (int i = 0; i < MAP_MAX; i++)
		for (unsigned int k = 0; k < m->n[i]; k++)
			close(m->fd[i][k]);
	free(m);
}

static bool look_up(const struct cw_agent_maps *m, enum map map, const void *key, void *ret_value)
{
	for (unsigned int i = 0; m && i < m->n[map]; i++)
		if (!bpf_map_lookup_elem(m->fd[map][i], key, ret_value))
			return true;
	return false;
}

/* That description of an open file, whichever agent knows it. */
static bool find_open(const struct cw_agent_maps *m, const struct cw_fd *fd, uint32_t *ret_opener)
{
	struct cw_open open;

	for (unsigned int i = 0; i < m->n[OPENS]; i++) {
		if (bpf_map_lookup_elem(m->fd[OPENS][i], &fd->file, &open) ||
		    open.open_id != fd->open_id)
			continue;
		*ret_opener = open.opener_tgid;
		return true;
	}
	return false;
}

/*
 * An agent that follows descriptors by number does not see the end of an open file, so what it says
 * of an address may be of another file: it is believed about a number and what that led to. One
 * that sees files counts no descriptors (refs), and forgets each with its end.
 */
bool cw_agent_open(const struct cw_agent_maps *m, const struct cw_holding *h,
		   uint64_t *ret_since_ns, uint32_t *ret_opener)
{
	struct cw_fd_key key = { .tgid = h->tgid, .fd = h->fd };
	struct cw_open open;
	struct cw_fd fd;

	for (unsigned int i = 0; m && i < m->n[FDS]; i++) {
		if (bpf_map_lookup_elem(m->fd[FDS][i], &key, &fd) || fd.ino != h->ino ||
		    fd.rdev != h->rdev || !find_open(m, &fd, ret_opener))
			continue;
		*ret_since_ns = fd.since_ns;
		return true;
	}
	for (unsigned int i = 0; m && h->file && i < m->n[OPENS]; i++) {
		if (bpf_map_lookup_elem(m->fd[OPENS][i], &h->file, &open) || open.refs)
			continue;
		*ret_since_ns = open.since_ns;
		*ret_opener = open.opener_tgid;
		return true;
	}
	return false;
}

bool cw_agent_stream(const struct cw_agent_maps *m, uint32_t tgid, uint32_t rdev,
		     struct cw_stream *ret_stream)
{
	struct cw_stream_key key = { .tgid = tgid, .rdev = rdev };

	return look_up(m, STREAMS, &key, ret_stream);
}

bool cw_agent_marked(const struct cw_agent_maps *m, uint64_t ino, uint32_t dev, uint32_t gen)
{
	struct cw_inode_key key = { .ino = ino, .dev = dev };
	struct cw_inode mark;

	return look_up(m, INODES, &key, &mark) &&
	       mark.asset < CW_ASSETS_MAX && /* not that of the canary */
	       (!mark.gen || !gen || mark.gen == gen);
}

bool cw_agent_task(const struct cw_agent_maps *m, uint32_t tgid, struct cw_task *ret_task)
{
	return look_up(m, TASKS, &tgid, ret_task);
}

bool cw_agent_exe(const struct cw_agent_maps *m, const struct cw_exe_key *key,
		  struct cw_exe *ret_exe)
{
	return look_up(m, EXECUTABLES, key, ret_exe);
}
