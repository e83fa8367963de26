// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "decode/decode.h"

#define LIVE_MAX      2048 /* processes kept at once; the least used goes */
#define ENDED_MAX     256  /* ended ones, for records that are still on their way; the first goes */
#define HASH_SIZE     1024
#define OPENS_MAX     4096 /* paths of open files that a later record names by number only */
#define CW_PF_KTHREAD 0x00200000 /* include/linux/sched.h */

struct open_path {
	uint64_t id;
	char *path;
};

struct proc_list {
	struct cw_proc *newest, *oldest;
	size_t n;
};

struct cw_decode {
	struct cw_decode_ops ops;
	struct cw_proc *hash[HASH_SIZE];
	struct proc_list live, ended;
	struct open_path opens[OPENS_MAX]; /* by id modulo size; an older one gives way */
	struct cw_buf path, target;
	char dev[24]; /* of a target */
};

/* ---- the table of processes ---- */

static size_t slot_of(uint32_t tgid, uint64_t start_ns)
{
	return (tgid * 2654435761u ^ (uint32_t)(start_ns >> 10)) % HASH_SIZE;
}

static void forget_facts(struct cw_proc *p)
{
	free(p->exe);
	free(p->cgroup);
	free(p->argv_data);
	free(p->via);
	free(p->code_path);
	free(p->hop_exe);
	free(p->unit);
	free(p->container);
	p->exe = p->cgroup = p->argv_data = p->via = p->hop_exe = p->unit = NULL;
	p->container = p->code_path = NULL;
	p->argv[0] = NULL;
	p->sha256[0] = '\0';
	p->enriched = false;
	p->argv_cut = false;
	for (int i = 0; i < CW_LINEAGE_MAX; i++) {
		free(p->ancestor_exe[i]);
		p->ancestor_exe[i] = NULL;
	}
}

static void take_off(struct proc_list *l, struct cw_proc *p)
{
	if (p->newer)
		p->newer->older = p->older;
	else
		l->newest = p->older;
	if (p->older)
		p->older->newer = p->newer;
	else
		l->oldest = p->newer;
	p->newer = p->older = NULL;
	l->n--;
}

static void put_on(struct proc_list *l, struct cw_proc *p)
{
	p->older = l->newest;
	if (l->newest)
		l->newest->newer = p;
	else
		l->oldest = p;
	l->newest = p;
	l->n++;
}

static void drop(struct cw_decode *d, struct cw_proc *p)
{
	struct cw_proc **at = &d->hash[slot_of(p->task.tgid, p->task.start_ns)];

	while (*at && *at != p)
		at = &(*at)->hash_next;
	if (*at)
		*at = p->hash_next;
	take_off(p->exited ? &d->ended : &d->live, p);
	forget_facts(p);
	free(p);
}

static struct cw_proc *find(struct cw_decode *d, uint32_t tgid, uint64_t start_ns)
{
	for (struct cw_proc *p = d->hash[slot_of(tgid, start_ns)]; p; p = p->hash_next)
		if (p->task.tgid == tgid && p->task.start_ns == start_ns)
			return p;
	return NULL;
}

static struct cw_proc *find_or_add(struct cw_decode *d, uint32_t tgid, uint64_t start_ns)
{
	struct cw_proc *p = find(d, tgid, start_ns), **at;

	if (p) {
		if (!p->exited) {
			take_off(&d->live, p);
			put_on(&d->live, p);
		}
		return p;
	}
	if (d->live.n >= LIVE_MAX)
		drop(d, d->live.oldest);
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->task.tgid = tgid;
	p->task.start_ns = start_ns;
	at = &d->hash[slot_of(tgid, start_ns)];
	p->hash_next = *at;
	*at = p;
	put_on(&d->live, p);
	return p;
}

static char *copy_string(const char *s)
{
	return s ? strdup(s) : NULL;
}

static bool exe_known(const struct cw_exe_key *k)
{
	return k->ino != 0;
}

/* Files of ancestors, acceptor and foreign code, while the kernel side still has their names. */
static void name_lineage(struct cw_decode *d, struct cw_proc *p)
{
	for (uint32_t i = 0; i < p->task.n_lineage && i < CW_LINEAGE_MAX; i++)
		if (exe_known(&p->task.lineage[i].exe))
			p->ancestor_exe[i] = copy_string(
				d->ops.exe_path(d->ops.ctx, &p->task.lineage[i].exe));
	if (exe_known(&p->task.conn.via))
		p->via = copy_string(d->ops.exe_path(d->ops.ctx, &p->task.conn.via));
	if (exe_known(&p->task.conn.hop))
		p->hop_exe = copy_string(d->ops.exe_path(d->ops.ctx, &p->task.conn.hop));
	if (p->task.code.what && exe_known(&p->task.code.exe))
		p->code_path = copy_string(d->ops.exe_path(d->ops.ctx, &p->task.code.exe));
}

/* Pseudo terminals are "pts0" to the kernel and pts/0 to everybody else. */
static void take_tty(struct cw_proc *p, const struct cw_task *t)
{
	char *tty = p->task.tty;

	memcpy(tty, t->tty, CW_TTY_SIZE);
	tty[CW_TTY_SIZE - 1] = '\0';
	if (strncmp(tty, "pts", 3) || tty[3] < '0' || tty[3] > '9')
		return;
	memmove(tty + 4, tty + 3, CW_TTY_SIZE - 5);
	tty[3] = '/';
}

struct cw_proc *cw_decode_process(struct cw_decode *d, uint32_t tgid, uint64_t start_ns)
{
	struct cw_proc *p = find_or_add(d, tgid, start_ns);
	struct cw_task t;

	/* Its record was lost: the maps of the kernel side may still know it. */
	if (p && !p->known && !d->ops.task(d->ops.ctx, tgid, &t) && t.start_ns == start_ns) {
		p->task = t;
		take_tty(p, &t);
		p->known = true;
		p->exe = exe_known(&t.exe) ? copy_string(d->ops.exe_path(d->ops.ctx, &t.exe)) :
					     NULL;
		name_lineage(d, p);
	}
	return p;
}

size_t cw_decode_n_processes(const struct cw_decode *d)
{
	return d->live.n + d->ended.n;
}

/* ---- paths ---- */

void cw_decode_path(struct cw_buf *out, const char *leaf_first, size_t len, uint32_t flags,
		    const char *root)
{
	size_t end = len;

	if (flags & CW_PATH_IN_ASSET)
		cw_buf_puts(out, root ? root : "…");
	else if (flags & (CW_PATH_CUT | CW_PATH_IN_FS))
		cw_buf_puts(out, "…");
	/* From the last component back to the first. */
	while (end > 0) {
		size_t start = end - 1; /* the NUL of this component */

		while (start > 0 && leaf_first[start - 1] != '\0')
			start--;
		cw_buf_putc(out, '/');
		cw_buf_add(out, leaf_first + start, strnlen(leaf_first + start, end - start));
		end = start;
	}
	if (!out->len)
		cw_buf_putc(out, '/');
}

static const char *turn_path(struct cw_decode *d, struct cw_buf *b, const char *names, uint32_t len,
			     uint32_t flags, uint32_t asset)
{
	cw_buf_reset(b);
	if (!len && !(flags & CW_PATH_IN_ASSET))
		return NULL;
	cw_decode_path(b, names, len < CW_PATH_SIZE ? len : CW_PATH_SIZE, flags,
		       d->ops.asset_root(d->ops.ctx, asset));
	return b->error ? NULL : b->data;
}

static void remember_open(struct cw_decode *d, uint64_t id, const char *path)
{
	struct open_path *o = &d->opens[id % OPENS_MAX];

	/* What was recalled from here a moment ago is what stands here. */
	if (!id || (path && o->id == id && o->path == path))
		return;
	free(o->path);
	o->path = copy_string(path);
	o->id = id;
}

static const char *recall_open(struct cw_decode *d, uint64_t id)
{
	struct open_path *o = &d->opens[id % OPENS_MAX];

	return id && o->id == id ? o->path : NULL;
}

/* ---- records ---- */

static size_t argv_len(const struct cw_record_process *r)
{
	return r->argv_len < CW_ARGV_SIZE ? r->argv_len : CW_ARGV_SIZE;
}

static void take_argv(struct cw_proc *p, const struct cw_record_process *r)
{
	size_t len = argv_len(r), n = 0, last;
	const char *s;

	p->argv_cut = r->argv_total > len;
	p->argv_len = 0;
	if (!len)
		return;
	p->argv_data = calloc(1, len + 1);
	if (!p->argv_data)
		return;
	p->argv_len = len;
	memcpy(p->argv_data, r->argv, len);
	for (s = p->argv_data; s < p->argv_data + len && n < CW_ARGS_MAX; s += strlen(s) + 1)
		p->argv[n++] = s;
	p->argv_cut = p->argv_cut || s < p->argv_data + len;
	/* A title that a program wrote over its arguments, padded: "sshd: alice [priv]". */
	for (last = n; last > 1 && !*p->argv[last - 1]; last--)
		;
	if (last == 1 && n > 2)
		n = 1;
	p->argv[n] = NULL;
}

/*
 * Both rings bring it; the second time nothing is new, unless it has exec'ed since, hangs on a
 * connection now, has got foreign code, or was moved to another control group.
 */
static bool is_news(const struct cw_proc *p, const struct cw_record_process *r)
{
	return !p->known || !p->argv_data || p->argv_len != argv_len(r) ||
	       memcmp(p->argv_data, r->argv, p->argv_len) != 0 ||
	       memcmp(&p->task.exe, &r->task.exe, sizeof(r->task.exe)) != 0 ||
	       (r->task.conn.family &&
		memcmp(&p->task.conn, &r->task.conn, sizeof(r->task.conn)) != 0) ||
	       p->task.code.what != r->task.code.what || p->cgroup_id != r->cgroup_id;
}

static void take_process(struct cw_decode *d, const struct cw_record_process *r)
{
	struct cw_proc *p = find_or_add(d, r->task.tgid, r->task.start_ns);
	struct cw_task now;

	if (!p)
		return;
	/* One ring may bring what was before an exec later than the other what was after it. */
	if (p->known && r->hdr.time_ns < p->record_ns)
		return;
	p->record_ns = r->hdr.time_ns;
	take_tty(p, &r->task);
	if (!is_news(p, r))
		return;
	forget_facts(p);
	p->task = r->task;
	take_tty(p, &r->task);
	/* Of what was there before, the connection was worked out after this record was made. */
	if (r->task.flags & CW_TASK_SEEDED && !r->task.conn.family &&
	    !d->ops.task(d->ops.ctx, r->task.tgid, &now) && now.start_ns == r->task.start_ns)
		p->task.conn = now.conn;
	p->known = true;
	p->ns_pid = r->ns_pid;
	take_argv(p, r);
	cw_buf_reset(&d->target);
	cw_decode_path(&d->target, r->path, r->path_len < CW_PATH_SIZE ? r->path_len : CW_PATH_SIZE,
		       r->path_flags, NULL);
	p->exe = r->path_len ? copy_string(d->target.data) : NULL;
	cw_buf_reset(&d->target);
	cw_decode_path(&d->target, r->cgroup,
		       r->cgroup_len < CW_CGROUP_SIZE ? r->cgroup_len : CW_CGROUP_SIZE, 0, NULL);
	p->cgroup_id = r->cgroup_id;
	p->cgroup = r->cgroup_id ? copy_string(d->target.data) : NULL;
	name_lineage(d, p);
}

/* Records about an ended process may still be on their way: it stays for a while. */
void cw_decode_ended(struct cw_decode *d, struct cw_proc *p)
{
	if (!p || p->exited)
		return;
	take_off(&d->live, p);
	p->exited = true;
	put_on(&d->ended, p);
	if (d->ended.n > ENDED_MAX)
		drop(d, d->ended.oldest);
}

static void take_exit(struct cw_decode *d, const struct cw_record_exit *r)
{
	cw_decode_ended(d, find(d, r->tgid, r->start_ns));
}

static void fill_origin(struct cw_event *e, const struct cw_proc *p, const struct cw_actor *a)
{
	const struct cw_conn *c = &p->task.conn;
	struct cw_origin *o = &e->origin;

	o->login_uid = a->login_uid;
	o->session = a->session;
	o->tty = p->task.tty[0] ? p->task.tty : NULL;
	o->seeded = c->family ? c->seeded : !!(p->task.flags & CW_TASK_SEEDED);
	if (!c->family)
		return;
	o->family = c->family;
	memcpy(&o->peer, c->peer, sizeof(o->peer));
	o->peer_port = c->peer_port;
	o->local_port = c->local_port;
	o->outbound = c->outbound;
	o->via = p->via;
	if (!c->hop_tgid)
		return;
	o->hop_pid = c->hop_tgid;
	o->hop_exe = p->hop_exe;
	o->hop_login_uid = c->hop_login_uid;
	o->hop_local = c->hop_local;
}

void cw_decode_fill(struct cw_event *e, const struct cw_proc *p, const struct cw_actor *a)
{
	struct cw_process *out = &e->process;

	out->pid = a->tgid;
	out->tid = a->tid;
	out->start_ns = a->start_ns;
	out->comm = memchr(a->comm, '\0', sizeof(a->comm)) ? a->comm : NULL;
	out->uid = a->uid;
	out->euid = a->euid;
	out->gid = a->gid;
	out->cap_effective = a->cap_effective;
	if (a->task_flags & CW_PF_KTHREAD)
		e->origin.type = CW_ORIGIN_KERNEL;
	e->origin.login_uid = CW_NO_UID;
	e->origin.session = CW_NO_UID;
	if (!p)
		return;
	out->ns_pid = p->ns_pid;
	out->ppid = p->task.ppid;
	out->exe = p->exe;
	out->exe_inode = p->task.exe.ino;
	out->exe_dev_major = CW_MAJOR(p->task.exe.dev);
	out->exe_dev_minor = CW_MINOR(p->task.exe.dev);
	out->exe_sha256 = p->sha256[0] ? p->sha256 : NULL;
	out->exe_deleted = p->task.flags & CW_TASK_EXE_DELETED;
	out->code = p->task.code.what < CW_CODE_MAX ? (enum cw_code_kind)p->task.code.what :
						      CW_CODE_NONE;
	if (out->code) {
		out->code_path = p->code_path;
		out->code_pid = p->task.code.tgid;
	}
	out->argv = p->argv[0] ? (const char **)p->argv : NULL;
	out->argv_cut = p->argv_cut;
	out->unit = p->unit;
	out->cgroup = p->cgroup;
	out->container = p->container;
	for (uint32_t i = 0; i < p->task.n_lineage && i < CW_ANCESTORS_MAX; i++) {
		out->ancestors[i].pid = p->task.lineage[i].tgid;
		out->ancestors[i].start_ns = p->task.lineage[i].start_ns;
		out->ancestors[i].exe = p->ancestor_exe[i];
		out->n_ancestors = i + 1;
	}
	fill_origin(e, p, a);
}

static const enum cw_kind kinds[] = {
	[CW_OP_OPEN] = CW_KIND_OPEN,	     [CW_OP_DENIED] = CW_KIND_DENIED,
	[CW_OP_RECEIVE] = CW_KIND_RECEIVE,   [CW_OP_USE] = CW_KIND_USE,
	[CW_OP_MAP] = CW_KIND_MAP,	     [CW_OP_STREAM_START] = CW_KIND_STREAM,
	[CW_OP_STREAM_STOP] = CW_KIND_STREAM, [CW_OP_CLOSE] = CW_KIND_CLOSE,
	[CW_OP_CREATE] = CW_KIND_CREATE,     [CW_OP_RENAME] = CW_KIND_RENAME,
	[CW_OP_LINK] = CW_KIND_LINK,	     [CW_OP_UNLINK] = CW_KIND_UNLINK,
	[CW_OP_TRUNCATE] = CW_KIND_TRUNCATE, [CW_OP_ATTR] = CW_KIND_ATTR,
	[CW_OP_PEEK] = CW_KIND_PEEK,	     [CW_OP_MOUNT] = CW_KIND_MOUNT,
	[CW_OP_EGRESS] = CW_KIND_EGRESS,     [CW_OP_COPY] = CW_KIND_COPY,
	[CW_OP_GONE] = CW_KIND_GONE,
};

_Static_assert(CW_ARRAY_SIZE(kinds) == CW_OP_MAX, "an operation lacks its kind");
_Static_assert((int)CW_PROBE_MAX == (int)CW_RUNG_MAX && (int)CW_PROBE_LSM == (int)CW_RUNG_LSM &&
	       (int)CW_PROBE_ITERATOR == (int)CW_RUNG_ITERATOR, "rungs and probes are the same");
_Static_assert(CW_ABI_READ == CW_ACCESS_READ && CW_ABI_EXEC == CW_ACCESS_EXEC &&
	       CW_ABI_DELETE == CW_ACCESS_DELETE, "access bits are the same");
_Static_assert((int)CW_FOREIGN_OWNER == (int)CW_CODE_OWNER &&
	       (int)CW_FOREIGN_WRITTEN == (int)CW_CODE_WRITTEN &&
	       (int)CW_FOREIGN_MAX == (int)CW_CODE_MAX, "foreign code is the same");

static double seconds_between(uint64_t from, uint64_t to)
{
	return to > from ? (double)(to - from) / 1e9 : 0;
}

static void add_error(struct cw_event *e, int32_t result)
{
	const char *name = result < 0 && result > -4096 ? strerrorname_np(-result) : NULL;

	if (name)
		cw_event_add_string(e, "error", name);
}

static void add_details(struct cw_event *e, const struct cw_record_access *r)
{
	bool other = r->opener_tgid && r->opener_tgid != r->actor.tgid;

	switch (r->op) {
	case CW_OP_STREAM_START:
		cw_event_add_string(e, "phase", "start");
		break;
	case CW_OP_STREAM_STOP:
		cw_event_add_string(e, "phase", "stop");
		if (r->frames)
			cw_event_add_uint(e, "frames", r->frames);
		cw_event_add_double(e, "seconds", seconds_between(r->since_ns, r->hdr.time_ns));
		if (r->bytes)
			cw_event_add_uint(e, "bytes", r->bytes);
		break;
	case CW_OP_CLOSE:
		cw_event_add_double(e, "seconds", seconds_between(r->since_ns, r->hdr.time_ns));
		/* Without a hook at the end of a file, its position is gone with it. */
		if (r->hdr.rung != CW_RUNG_TRACEPOINT)
			cw_event_add_uint(e, "bytes", r->bytes);
		break;
	case CW_OP_UNLINK:
		if (!S_ISDIR(r->mode) && r->nlink)
			cw_event_add_bool(e, "last", r->nlink == 1);
		if (!S_ISDIR(r->mode) && r->nlink > 1)
			cw_event_add_uint(e, "names_left", r->nlink - 1);
		break;
	case CW_OP_TRUNCATE:
		/* A system call tells when it is done: the old size is not known any more. */
		if (r->hdr.rung != CW_RUNG_TRACEPOINT)
			cw_event_add_uint(e, "size_before", r->size_bytes);
		cw_event_add_uint(e, "size_after", r->bytes);
		break;
	case CW_OP_ATTR:
		if (r->bytes)
			cw_event_add_bool(e, "acl", true);
		break;
	case CW_OP_DENIED:
		add_error(e, r->result);
		break;
	}
	if (other) {
		cw_event_add_uint(e, "opener_pid", r->opener_tgid);
		cw_event_add_uint(e, "opener_start_ns", r->opener_start_ns);
	}
	if (r->hdr.rung == CW_RUNG_ITERATOR || r->hdr.rung == CW_RUNG_PROC)
		cw_event_add_bool(e, "before_start", true);
	if (S_ISDIR(r->mode))
		cw_event_add_bool(e, "directory", true);
	if (r->flags & CW_ACCESS_BUFFER)
		cw_event_add_string(e, "by", "dma-buf");
	if (r->open_id)
		cw_event_add_uint(e, "open_id", r->open_id);
}

static void fill_asset(struct cw_decode *d, struct cw_event *e, const struct cw_record_access *r)
{
	bool device = S_ISCHR(r->mode) || S_ISBLK(r->mode);
	uint32_t dev = device ? r->rdev : r->dev;

	e->asset.dev_major = CW_MAJOR(dev);
	e->asset.dev_minor = CW_MINOR(dev);
	e->asset.inode = r->ino;
	e->asset.access = r->access;
	e->asset.root = d->ops.asset_root(d->ops.ctx, r->asset);
	e->asset.kind = device ? CW_ASSET_CAMERA : CW_ASSET_RECORDINGS;
	e->asset.path = turn_path(d, &d->path, r->path, r->path_len, r->path_flags, r->asset);
	e->asset.path_partial = e->asset.path && (r->path_flags & (CW_PATH_CUT | CW_PATH_IN_FS));
	if (!e->asset.path)
		e->asset.path = recall_open(d, r->open_id);
	if (r->op == CW_OP_OPEN || r->op == CW_OP_RECEIVE)
		remember_open(d, r->open_id, e->asset.path);
}

static void add_move(struct cw_decode *d, struct cw_event *e, const struct cw_record_move *m)
{
	const char *to = turn_path(d, &d->target, m->path, m->path_len, m->path_flags, m->asset);

	if (to)
		cw_event_add_string(e, "to", to);
	cw_event_add_bool(e, "to_watched", m->asset != CW_NO_ASSET);
	if (m->replaced_ino)
		cw_event_add_uint(e, "replaced_inode", m->replaced_ino);
}

static const char *const peek_ways[] = {
	[CW_PEEK_ATTACH] = "attach",		  [CW_PEEK_PTRACE] = "ptrace",
	[CW_PEEK_READV] = "process_vm_readv",	  [CW_PEEK_WRITEV] = "process_vm_writev",
	[CW_PEEK_MEM] = "/proc/PID/mem",	  [CW_PEEK_GETFD] = "pidfd_getfd",
	[CW_PEEK_CORE] = CW_PEEK_BY_CORE,	  [CW_PEEK_CODE] = "mapped code",
};

_Static_assert(CW_ARRAY_SIZE(peek_ways) == CW_PEEK_MAX, "a way to look lacks its name");

static const char *const copy_ways[] = {
	[CW_COPY_PROBABLE] = NULL, [CW_COPY_RANGE] = "copy_file_range",
	[CW_COPY_CLONE] = "reflink", [CW_COPY_SENDFILE] = "sendfile",
};

_Static_assert(CW_ARRAY_SIZE(copy_ways) == CW_COPY_MAX, "a way to copy lacks its name");

/* Where a connection goes. */
static void add_egress(struct cw_decode *d, struct cw_event *e, const struct cw_record_touch *t)
{
	char address[INET6_ADDRSTRLEN];
	bool v6 = t->conn.family == AF_INET6;

	if (!inet_ntop(v6 ? AF_INET6 : AF_INET, t->conn.peer, address, sizeof(address)))
		return;
	cw_buf_reset(&d->target);
	if (t->conn.peer_port)
		cw_buf_printf(&d->target, v6 ? "[%s]:%u" : "%s:%u", address, t->conn.peer_port);
	else /* it has no ports */
		cw_buf_printf(&d->target, "%s", address);
	if (!d->target.error)
		cw_event_add_string(e, "to", d->target.data);
	cw_event_add_string(e, "protocol", t->way == SOCK_STREAM ? "tcp" :
					   t->way == SOCK_DGRAM ? "udp" : "other");
}

static void add_copy(struct cw_decode *d, struct cw_event *e, const struct cw_record_touch *t)
{
	const char *to = turn_path(d, &d->target, t->path, t->path_len, t->path_flags,
				   CW_NO_ASSET);

	if (to)
		cw_event_add_string(e, "to", to);
	snprintf(d->dev, sizeof(d->dev), "%u:%u", CW_MAJOR(t->target_dev),
		 CW_MINOR(t->target_dev));
	cw_event_add_string(e, "to_dev", d->dev);
	cw_event_add_uint(e, "to_inode", t->target_ino);
	if (t->way < CW_COPY_MAX && copy_ways[t->way])
		cw_event_add_string(e, "by", copy_ways[t->way]);
	else
		cw_event_add_bool(e, "probable", true);
}

/* What was touched once, and is got at now by way of the process that did. */
static void add_touch(struct cw_decode *d, struct cw_event *e, const struct cw_record_touch *t,
		      struct cw_decoded_record *ret)
{
	const char *exe = exe_known(&t->victim_exe) ?
				  d->ops.exe_path(d->ops.ctx, &t->victim_exe) : NULL;

	cw_event_add_double(e, "age", seconds_between(t->touch_ns, t->access.hdr.time_ns));
	if (t->access.op != CW_OP_PEEK) {
		if (t->touch_flags & CW_TOUCH_FORKED)
			cw_event_add_bool(e, "inherited", true);
		if (t->access.op == CW_OP_EGRESS)
			add_egress(d, e, t);
		else
			add_copy(d, e, t);
		return;
	}
	cw_event_add_string(e, "by", t->way < CW_PEEK_MAX ? peek_ways[t->way] : "unknown");
	cw_event_add_uint(e, "victim_pid", t->victim_tgid);
	cw_event_add_uint(e, "victim_start_ns", t->victim_start_ns);
	if (exe)
		cw_event_add_string(e, "victim_exe", exe);
	if (!t->target_ino)
		return;
	ret->target = turn_path(d, &d->target, t->path, t->path_len, t->path_flags, CW_NO_ASSET);
	ret->target_ino = t->target_ino;
	ret->target_dev = t->target_dev;
	if (ret->target)
		cw_event_add_string(e, "file", ret->target);
}

static const char *const mount_changes[] = {
	[CW_MOUNT_NEW] = "mounted",	 [CW_MOUNT_BIND] = "bound",
	[CW_MOUNT_MOVE] = "moved",	 [CW_MOUNT_CHANGED] = "options",
	[CW_MOUNT_GONE] = "unmounted",
};

_Static_assert(CW_ARRAY_SIZE(mount_changes) == CW_MOUNT_CHANGE_MAX, "a change lacks its name");

static void add_mount(struct cw_decode *d, struct cw_event *e, const struct cw_record_mount *m,
		      struct cw_decoded_record *ret)
{
	size_t len = m->path_len < CW_PATH_SIZE ? m->path_len : CW_PATH_SIZE - 1;

	cw_event_add_string(e, "what", m->change < CW_MOUNT_CHANGE_MAX ?
					       mount_changes[m->change] : "unknown");
	cw_buf_reset(&d->target);
	if (m->given)
		cw_buf_add(&d->target, m->path, strnlen(m->path, len));
	else if (m->path_len)
		cw_decode_path(&d->target, m->path, len, m->path_flags, NULL);
	if (d->target.len && !d->target.error)
		cw_event_add_string(e, "from", d->target.data);
	if (m->change == CW_MOUNT_BIND || m->change == CW_MOUNT_MOVE)
		ret->target = d->target.len ? d->target.data : NULL;
}

static bool is_about_touch(uint32_t op)
{
	return op == CW_OP_PEEK || op == CW_OP_EGRESS || op == CW_OP_COPY;
}

static void add_other_name(struct cw_decode *d, struct cw_event *e, const struct cw_record_move *m)
{
	const char *name = turn_path(d, &d->target, m->path, m->path_len, m->path_flags, m->asset);

	if (name)
		cw_event_add_string(e, "other_name", name);
}

static int decode_access(struct cw_decode *d, const struct cw_record_access *r, size_t size,
			 struct cw_event *e, struct cw_decoded_record *ret)
{
	const struct cw_actor *a = &r->actor;
	struct cw_proc *p;

	if (r->op >= CW_OP_MAX ||
	    (is_about_touch(r->op) && size < sizeof(struct cw_record_touch)) ||
	    (r->op == CW_OP_MOUNT && size < sizeof(struct cw_record_mount)))
		return -EBADMSG;
	e->kind = kinds[r->op];
	e->result = r->result;
	p = cw_decode_process(d, a->tgid, a->start_ns);
	cw_decode_fill(e, p, a);
	fill_asset(d, e, r);
	add_details(e, r);
	if (size >= sizeof(struct cw_record_move) && (r->op == CW_OP_RENAME || r->op == CW_OP_LINK))
		add_move(d, e, (const struct cw_record_move *)r);
	if (size >= sizeof(struct cw_record_move) && r->op == CW_OP_UNLINK)
		add_other_name(d, e, (const struct cw_record_move *)r);
	if (is_about_touch(r->op))
		add_touch(d, e, (const struct cw_record_touch *)r, ret);
	if (r->op == CW_OP_MOUNT)
		add_mount(d, e, (const struct cw_record_mount *)r, ret);
	ret->type = CW_DECODED_EVENT;
	ret->proc = p;
	ret->asset = r->asset;
	ret->rdev = S_ISCHR(r->mode) || S_ISBLK(r->mode) ? r->rdev : 0;
	if (r->op == CW_OP_OPEN && r->bytes & CW_LOOP_OVER_DISK)
		ret->target_dev = (uint32_t)r->bytes;
	else if (r->op == CW_OP_OPEN)
		ret->target_ino = r->bytes;
	ret->ino = r->ino;
	ret->dev = r->dev;
	ret->mode = r->mode;
	return 0;
}

static int decode_attempt(struct cw_decode *d, const struct cw_record_attempt *r,
			  struct cw_event *e, struct cw_decoded_record *ret)
{
	size_t len = r->path_len < CW_PATH_SIZE ? r->path_len : CW_PATH_SIZE - 1;

	e->kind = r->op == CW_OP_TRUNCATE ? CW_KIND_TRUNCATE :
		  r->op == CW_OP_MOUNT ? CW_KIND_MOUNT : CW_KIND_DENIED;
	e->result = r->result;
	ret->proc = cw_decode_process(d, r->actor.tgid, r->actor.start_ns);
	cw_decode_fill(e, ret->proc, &r->actor);
	add_error(e, r->result);
	cw_buf_reset(&d->path);
	cw_buf_add(&d->path, r->path, len);
	ret->type = CW_DECODED_ATTEMPT;
	ret->path = d->path.data ? d->path.data : "";
	ret->dirfd = r->dirfd;
	if (r->base_len && !(r->base_flags & (CW_PATH_CUT | CW_PATH_IN_FS)))
		ret->base = turn_path(d, &d->target, r->base, r->base_len, r->base_flags,
				      CW_NO_ASSET);
	return 0;
}

static const char *const tampers[] = {
	[CW_TAMPER_SIGNAL] = "signal",	       [CW_TAMPER_PTRACE] = "ptrace",
	[CW_TAMPER_LIMIT] = "limit",	       [CW_TAMPER_FREEZE] = "freeze",
	[CW_TAMPER_MAP] = "bpf map",	       [CW_TAMPER_PROGRAM] = "bpf program",
	[CW_TAMPER_LINK] = "bpf link",	       [CW_TAMPER_LOAD] = "foreign bpf program",
	[CW_TAMPER_MODULE] = "kernel module",  [CW_TAMPER_CLOCK] = "wall clock",
	[CW_TAMPER_MEMORY] = "kernel memory",  [CW_TAMPER_TRACING] = "kernel tracing",
	[CW_TAMPER_LOGIN] = "login uid",       [CW_TAMPER_FROZEN] = "frozen file system",
};

_Static_assert(CW_ARRAY_SIZE(tampers) == CW_TAMPER_MAX, "a way of tampering lacks its name");

static const char *const memories[] = {
	[CW_MEMORY_MEM] = "/dev/mem",
	[CW_MEMORY_KMEM] = "/dev/kmem",
	[CW_MEMORY_KCORE] = "/proc/kcore",
};

_Static_assert(CW_ARRAY_SIZE(memories) == CW_MEMORY_MAX, "a memory lacks its name");

/* linux/bpf.h, enum bpf_prog_type: those that the kernel side tells of. */
static const char *program_type(uint64_t type)
{
	switch (type) {
	case 2: return "kprobe";
	case 5: return "tracepoint";
	case 7: return "perf_event";
	case 17: return "raw_tracepoint";
	case 24: return "raw_tracepoint_writable";
	case 26: return "tracing";
	case 27: return "struct_ops";
	case 28: return "ext";
	case 29: return "lsm";
	default: return "other";
	}
}

static bool is_stop(uint64_t number)
{
	return number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

static void add_signal(struct cw_event *e, uint64_t number, bool from_process)
{
	const char *name = number < 65 ? sigabbrev_np((int)number) : NULL;

	cw_event_add_uint(e, "number", number);
	if (name)
		cw_event_add_string(e, "signal", name);
	if (!from_process)
		cw_event_add_bool(e, "by_kernel", true);
}

static void add_tamper(struct cw_decode *d, struct cw_event *e, const struct cw_record_tamper *r)
{
	cw_event_add_string(e, "what", tampers[r->what]);
	switch (r->what) {
	case CW_TAMPER_SIGNAL:
		add_signal(e, r->arg[0], r->arg[1]);
		return;
	case CW_TAMPER_MAP:
	case CW_TAMPER_PROGRAM:
	case CW_TAMPER_LINK:
		cw_event_add_uint(e, "id", r->arg[0]);
		return;
	case CW_TAMPER_CLOCK:
		if (r->arg[0])
			cw_event_add_time(e, "to", r->arg[0]);
		return;
	case CW_TAMPER_MEMORY:
		if (r->arg[0] < CW_MEMORY_MAX)
			cw_event_add_string(e, "name", memories[r->arg[0]]);
		return;
	case CW_TAMPER_LOGIN:
		cw_event_add_uint(e, "from", r->arg[0]);
		return;
	case CW_TAMPER_LIMIT:
		cw_event_add_uint(e, "resource", r->arg[0]);
		return;
	case CW_TAMPER_LOAD:
		cw_event_add_string(e, "type", program_type(r->arg[0]));
		break;
	}
	if (!r->name[0])
		return;
	cw_buf_reset(&d->path);
	cw_buf_add(&d->path, r->name, strnlen(r->name, sizeof(r->name)));
	if (d->path.data)
		cw_event_add_string(e, "name", d->path.data);
}

static int decode_tamper(struct cw_decode *d, const struct cw_record_tamper *r, struct cw_event *e,
			 struct cw_decoded_record *ret)
{
	if (r->what >= CW_TAMPER_MAX)
		return -EBADMSG;
	e->kind = CW_KIND_TAMPER;
	e->result = r->result;
	e->asset.kind = CW_ASSET_SELF;
	e->asset.name = "camwarden";
	ret->type = CW_DECODED_TAMPER;
	ret->proc = cw_decode_process(d, r->actor.tgid, r->actor.start_ns);
	ret->tamper = r->number;
	ret->urgent = r->what <= CW_TAMPER_HELD;
	ret->stops = !r->result && (r->what == CW_TAMPER_FREEZE ||
				    (r->what == CW_TAMPER_SIGNAL && is_stop(r->arg[0])));
	cw_decode_fill(e, ret->proc, &r->actor);
	add_tamper(d, e, r);
	return 0;
}

static int decode_rescan(struct cw_decode *d, const struct cw_record_rescan *r,
			 struct cw_decoded_record *ret)
{
	ret->type = CW_DECODED_RESCAN;
	ret->asset = r->asset;
	ret->ino = r->ino;
	ret->path = turn_path(d, &d->path, r->path, r->path_len, r->path_flags, r->asset);
	return 0;
}

int cw_decode_record(struct cw_decode *d, const void *data, size_t size,
		     struct cw_event *ret_event, struct cw_decoded_record *ret)
{
	static const size_t sizes[] = {
		[CW_RECORD_PROCESS] = sizeof(struct cw_record_process),
		[CW_RECORD_ACCESS] = sizeof(struct cw_record_access),
		[CW_RECORD_EXIT] = sizeof(struct cw_record_exit),
		[CW_RECORD_ATTEMPT] = sizeof(struct cw_record_attempt),
		[CW_RECORD_RESCAN] = sizeof(struct cw_record_rescan),
		[CW_RECORD_TAMPER] = sizeof(struct cw_record_tamper),
		[CW_RECORD_TREE] = sizeof(struct cw_record),
	};
	const struct cw_record *h = data;

	if (size < sizeof(*h) || h->type >= CW_ARRAY_SIZE(sizes) || !sizes[h->type] ||
	    h->size < sizes[h->type] || size < h->size || h->rung >= CW_RUNG_MAX)
		return -EBADMSG;
	memset(ret_event, 0, sizeof(*ret_event));
	memset(ret, 0, sizeof(*ret));
	ret->asset = CW_NO_ASSET;
	ret_event->boot_ns = h->time_ns;
	ret_event->probe = (enum cw_probe)h->rung;
	switch (h->type) {
	case CW_RECORD_PROCESS:
		take_process(d, data);
		return 0;
	case CW_RECORD_EXIT:
		take_exit(d, data);
		return 0;
	case CW_RECORD_ACCESS:
		return decode_access(d, data, h->size, ret_event, ret);
	case CW_RECORD_ATTEMPT:
		return decode_attempt(d, data, ret_event, ret);
	case CW_RECORD_RESCAN:
		return decode_rescan(d, data, ret);
	case CW_RECORD_TAMPER:
		return decode_tamper(d, data, ret_event, ret);
	default:
		ret->type = CW_DECODED_TREE;
		return 0;
	}
}

int cw_decode_new(const struct cw_decode_ops *ops, struct cw_decode **ret_decode)
{
	struct cw_decode *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->ops = *ops;
	*ret_decode = d;
	return 0;
}

void cw_decode_free(struct cw_decode *d)
{
	if (!d)
		return;
	while (d->live.oldest)
		drop(d, d->live.oldest);
	while (d->ended.oldest)
		drop(d, d->ended.oldest);
	for (size_t i = 0; i < OPENS_MAX; i++)
		free(d->opens[i].path);
	cw_buf_free(&d->path);
	cw_buf_free(&d->target);
	free(d);
}
