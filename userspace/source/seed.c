// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>

#include "source/seed.h"

#define PASSES 4 /* a lineage names 8 ancestors; longer ones are reached through them */

struct assigned {
	uint32_t tgid;
	uint64_t start_ns;
	struct cw_conn conn;
};

struct seed {
	struct cw_kernel *k;
	struct cw_found *found;
	size_t n, room;
	struct assigned *assigned;
	size_t n_assigned, assigned_room;
	int error;
};

static void take_found(void *ctx, const struct cw_found *f)
{
	struct seed *s = ctx;

	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 256;
		void *grown = realloc(s->found, room * sizeof(*s->found));

		if (!grown) {
			s->error = -ENOMEM;
			return;
		}
		s->found = grown;
		s->room = room;
	}
	s->found[s->n++] = *f;
}

static const struct assigned *find_assigned(const struct seed *s, uint32_t tgid, uint64_t start_ns)
{
	for (size_t i = 0; i < s->n_assigned; i++)
		if (s->assigned[i].tgid == tgid && s->assigned[i].start_ns == start_ns)
			return &s->assigned[i];
	return NULL;
}

static void assign(struct seed *s, uint32_t tgid, uint64_t start_ns, const struct cw_conn *conn)
{
	struct assigned *a;

	if (find_assigned(s, tgid, start_ns) || cw_kernel_set_conn(s->k, tgid, start_ns, conn))
		return;
	if (s->n_assigned == s->assigned_room) {
		size_t room = s->assigned_room ? s->assigned_room * 2 : 64;
		void *grown = realloc(s->assigned, room * sizeof(*s->assigned));

		if (!grown) {
			s->error = -ENOMEM;
			return;
		}
		s->assigned = grown;
		s->assigned_room = room;
	}
	a = &s->assigned[s->n_assigned++];
	*a = (struct assigned){ .tgid = tgid, .start_ns = start_ns, .conn = *conn };
}

static const struct cw_found *listener_of(const struct seed *s, const struct cw_found *c)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->found[i].type == CW_FOUND_LISTENER && s->found[i].netns == c->netns &&
		    s->found[i].conn.local_port == c->conn.local_port)
			return &s->found[i];
	return NULL;
}

static bool listens_itself(const struct seed *s, const struct cw_found *c)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->found[i].type == CW_FOUND_LISTENER && s->found[i].tgid == c->tgid &&
		    s->found[i].conn.local_port == c->conn.local_port)
			return true;
	return false;
}

/* The other end of a connection, if it is on this machine: it was made by that process. */
static const struct cw_found *maker_of(const struct seed *s, const struct cw_found *f)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct cw_found *x = &s->found[i];

		if (x->type == CW_FOUND_CONNECTION && x->netns == f->netns && x->sk != f->sk &&
		    x->conn.family == f->conn.family && x->conn.local_port == f->conn.peer_port &&
		    x->conn.peer_port == f->conn.local_port &&
		    !memcmp(x->conn.peer, f->conn.peer, sizeof(x->conn.peer)))
			return x;
	}
	return NULL;
}

/* As hop_follow() of the kernel side does it for what is accepted later. */
static void follow_hop(struct seed *s, struct cw_conn *c, const struct cw_found *maker)
{
	const struct assigned *behind = find_assigned(s, maker->tgid, maker->start_ns);
	struct cw_task t;

	if (behind)
		*c = behind->conn;
	else
		c->hop_local = 1;
	if (c->hop_tgid)
		return;
	c->hop_tgid = maker->tgid;
	c->hop_login_uid = maker->login_uid;
	if (!cw_kernel_task(s->k, maker->tgid, &t))
		c->hop = t.exe;
}

static void take_connection(struct seed *s, const struct cw_found *f, const struct cw_found *maker)
{
	struct cw_accepted a = { .sk = f->sk, .ports = f->ports, .conn = f->conn };
	const struct cw_found *l = listener_of(s, f);
	struct cw_task t;

	a.conn.seeded = 1;
	if (l) {
		a.conn.via_tgid = l->tgid;
		if (!cw_kernel_task(s->k, l->tgid, &t))
			a.conn.via = t.exe;
		if (maker)
			follow_hop(s, &a.conn, maker);
		cw_kernel_set_inbound(s->k, &a);
	} else {
		a.conn.outbound = 1;
	}
	/* Who serves peers is not remote for it; who was made to serve one is. */
	if (l ? !listens_itself(s, f) : f->fd < 3)
		assign(s, f->tgid, f->start_ns, &a.conn);
}

/* Those from afar first: what is behind the others is known by them. */
static void take_connections(struct seed *s)
{
	for (int hops = 0; hops < 2; hops++)
		for (size_t i = 0; i < s->n; i++) {
			const struct cw_found *maker;

			if (s->found[i].type != CW_FOUND_CONNECTION)
				continue;
			maker = maker_of(s, &s->found[i]);
			if (!maker == !hops)
				take_connection(s, &s->found[i], maker);
		}
}

static void inherit(void *ctx, const struct cw_task *t)
{
	struct seed *s = ctx;
	const struct assigned *a;

	for (uint32_t i = 0; !t->conn.family && i < t->n_lineage && i < CW_LINEAGE_MAX; i++) {
		a = find_assigned(s, t->lineage[i].tgid, t->lineage[i].start_ns);
		if (!a)
			continue;
		assign(s, t->tgid, t->start_ns, &a->conn);
		return;
	}
}

/* ---- without iterators: by /proc ---- */

typedef int process_fn(struct seed *s, int folder);

static int seed_process(struct seed *s, int folder)
{
	return cw_kernel_seed_process(s->k, folder);
}

static int seed_descriptors(struct seed *s, int folder)
{
	int fd = openat(folder, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct cw_found found;
	struct dirent *d;

	if (!dir) { /* it has ended */
		cw_closep(&fd);
		return 0;
	}
	while (r >= 0 && (d = readdir(dir))) {
		if (!isdigit(*d->d_name))
			continue;
		r = cw_kernel_seed_descriptor(s->k, folder,
					      (uint32_t)strtoul(d->d_name, NULL, 10), &found);
		if (r == 1)
			take_found(s, &found);
	}
	closedir(dir);
	return r;
}

static int each_process(struct seed *s, process_fn *fn)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	int r = 0;

	if (!proc)
		return -errno;
	while (r >= 0 && (d = readdir(proc))) {
		cw_auto_close int folder = -1;

		if (!isdigit(*d->d_name))
			continue;
		folder = openat(dirfd(proc), d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (folder >= 0)
			r = fn(s, folder);
	}
	closedir(proc);
	return r < 0 ? r : 0;
}

static int seed_by_proc(struct seed *s)
{
	int r = each_process(s, seed_process);

	return r ? r : each_process(s, seed_descriptors);
}

int cw_seed_run(struct cw_kernel *k, unsigned int *ret_sessions)
{
	struct seed s = { .k = k };
	int r = cw_kernel_seed(k, take_found, &s);

	if (r == -EOPNOTSUPP)
		r = seed_by_proc(&s);
	if (!r)
		take_connections(&s);
	for (int pass = 0; !r && s.n_assigned && pass < PASSES; pass++)
		cw_kernel_each_task(k, inherit, &s);
	if (!r)
		r = s.error;
	if (!r)
		*ret_sessions = (unsigned int)s.n_assigned;
	free(s.found);
	free(s.assigned);
	return r;
}
