// SPDX-License-Identifier: Apache-2.0
/*
 * Keeps the watched trees complete: folders that come in, roots that go and come back, and, on the
 * tracepoint rung, the names of which fanotify tells.
 */
#include "pipeline_state.h"

#define NAMES_AGE_MS	  10 /* the call behind an event of fanotify has returned by then */
#define ROOTS_SOON_NS	  (10 * 1000000ull) /* after a folder went; then ever less often */
#define ROOTS_AGAIN_NS	  (2 * CW_NSEC_PER_SEC) /* while a folder is missing */
#define RESCAN_PATIENCE_NS (2 * CW_NSEC_PER_SEC)

/* ---- directories that came into a tree ---- */

/*
 * A folder came into a tree, and which one is not known: its record was lost, or it has another
 * name by now. Until all trees are walked, every open asks all ancestors: slow, not blind.
 */
void cw_trees_rescan_all_later(struct pipeline *p)
{
	if (!p->rescan_all_ns)
		p->rescan_all_ns = cw_pipeline_now() + ROOTS_AGAIN_NS;
}

void cw_trees_rescan_later(struct pipeline *p, uint32_t index, const char *path)
{
	struct rescan *r;

	if (p->n_rescans == RESCANS_MAX) {
		cw_trees_rescan_all_later(p);
		return;
	}
	r = &p->rescan[p->n_rescans++];
	r->index = index;
	r->path = strdup(path);
	r->until_ns = cw_pipeline_now() + RESCAN_PATIENCE_NS;
}

/* All marks that generation `gen` of the trees needs are set. */
void cw_trees_complete(struct pipeline *p, uint64_t gen)
{
	if (p->rescan_all_ns)
		return;
	cw_kernel_tree_clean(p->kernel, cw_watch_unstable(p->watch) ? gen - 1 : gen);
}

void cw_trees_rescan_all(struct pipeline *p)
{
	uint64_t gen = cw_kernel_tree_gen(p->kernel);

	p->rescan_all_ns = 0;
	cw_watch_rescan_all(p->watch);
	if (!p->n_rescans)
		cw_trees_complete(p, gen);
}

/* The record comes before the move is done: a folder that is not there yet is tried again. */
void cw_trees_run_rescans(struct pipeline *p)
{
	uint64_t gen = cw_kernel_tree_gen(p->kernel);
	unsigned int left = 0;

	for (unsigned int i = 0; i < p->n_rescans; i++) {
		struct rescan *r = &p->rescan[i];
		int done = r->path ? cw_watch_rescan(p->watch, r->index, r->path) : -ENOMEM;

		if (done == -ENOENT && cw_pipeline_now() < r->until_ns) {
			p->rescan[left++] = *r;
			continue;
		}
		if (done)
			cw_trees_rescan_all_later(p);
		free(r->path);
	}
	p->n_rescans = left;
	if (!left)
		cw_trees_complete(p, gen);
}

/* ---- roots ---- */

static void root_changed(void *ctx, uint32_t index, enum cw_root_state s)
{
	struct pipeline *p = ctx;
	const char *path = cw_watch_root(p->watch, index);
	struct cw_event e;

	if (p->assets.retired[index])
		return;
	if (s == CW_ROOT_WATCHED) {
		cw_pipeline_say("%s is there now and watched", path);
		return;
	}
	cw_pipeline_say("%s: the recordings folder is %s; %s", path, cw_root_state_name(s),
	    s == CW_ROOT_REPLACED || s == CW_ROOT_MOUNTED_OVER ?
		    "what stands there now is watched, and so are the old files" :
		    "put it back or correct the policy; its old files stay watched, and it is "
		    "watched again as soon as it is there");
	cw_pipeline_begin_event(p, &e, CW_KIND_TAMPER);
	e.asset.kind = CW_ASSET_RECORDINGS;
	e.asset.name = e.asset.path = e.asset.root = path;
	cw_event_add_string(&e, "what", "recordings folder");
	cw_event_add_string(&e, "state", cw_root_state_name(s));
	cw_pipeline_deliver(p, &e);
}

/* Something happened that may concern a root, but may not be done yet. */
void cw_trees_check_roots_soon(struct pipeline *p)
{
	uint64_t at = cw_pipeline_now() + ROOTS_SOON_NS;

	if (!p->next_roots_ns || at < p->next_roots_ns)
		p->next_roots_ns = at;
}

void cw_trees_check_roots(struct pipeline *p)
{
	uint64_t now, wait;
	bool missing = false;

	cw_watch_check(p->watch, root_changed, p);
	for (uint32_t i = 0; i < cw_watch_n(p->watch); i++)
		missing = missing || (!p->assets.retired[i] &&
				      !cw_root_is_there(cw_watch_state(p->watch, i)));
	p->next_roots_ns = 0;
	if (!missing) {
		p->missing_since_ns = 0;
		return;
	}
	/* Who puts another folder in its place does so at once: its content must not be missed. */
	now = cw_pipeline_now();
	if (!p->missing_since_ns)
		p->missing_since_ns = now;
	wait = (now - p->missing_since_ns) / 4;
	p->next_roots_ns = now + (wait < ROOTS_SOON_NS ? ROOTS_SOON_NS :
				  wait > ROOTS_AGAIN_NS ? ROOTS_AGAIN_NS : wait);
}

/*
 * Takes in what fanotify has to say about new directories; then, in a while, the kernel side need
 * not ask every ancestor any more. It tells of one change only as long as it is not clean, so a
 * change during the reading has to be looked after here.
 */
void cw_trees_read_names(struct pipeline *p)
{
	uint64_t gen = cw_kernel_tree_gen(p->kernel);

	cw_watch_read(p->watch);
	if (!p->next_names_ns || cw_pipeline_now() < p->next_names_ns)
		return;
	cw_trees_complete(p, gen);
	p->next_names_ns = 0;
	if (cw_kernel_tree_gen(p->kernel) != gen)
		p->next_names_ns = cw_pipeline_now() + NAMES_EVERY_NS;
}

/* ---- names by fanotify ---- */

static void fill_name_event(struct pipeline *p, struct cw_event *e, struct cw_name_event *n)
{
	static const enum cw_kind kinds[] = {
		[CW_NAME_DELETED] = CW_KIND_UNLINK, [CW_NAME_MOVED] = CW_KIND_RENAME,
		[CW_NAME_LINKED] = CW_KIND_LINK, [CW_NAME_ATTRIBUTES] = CW_KIND_ATTR,
	};

	cw_pipeline_begin_event(p, e, kinds[n->change]);
	e->probe = CW_PROBE_FANOTIFY;
	e->asset.kind = CW_ASSET_RECORDINGS;
	e->asset.root = cw_watch_root(p->watch, n->index);
	e->asset.name = e->asset.root;
	e->asset.path = n->path;
	e->asset.inode = n->ino;
	e->asset.dev_major = CW_MAJOR(n->dev);
	e->asset.dev_minor = CW_MINOR(n->dev);
	e->asset.access = n->change == CW_NAME_DELETED ? CW_ACCESS_DELETE : CW_ACCESS_WRITE;
	if (n->change == CW_NAME_DELETED && n->last >= 0)
		cw_event_add_bool(e, "last", n->last);
	if (n->change == CW_NAME_LINKED)
		cw_event_add_string(e, "to", n->path);
	if (n->change == CW_NAME_MOVED) {
		if (n->to)
			cw_event_add_string(e, "to", n->to);
		cw_event_add_bool(e, "to_watched", n->to != NULL);
	}
	if (n->directory)
		cw_event_add_bool(e, "directory", true);
}

struct cw_proc *cw_trees_namer(struct pipeline *p, uint32_t pid, struct cw_namer *ret_namer,
			       bool *ret_known)
{
	struct cw_record_process portrait;
	struct cw_decoded_record nothing;
	struct cw_namer namer = {};
	struct cw_task task;
	struct cw_event e;

	*ret_known = !cw_kernel_namer(p->kernel, pid, &namer, &portrait);
	/* A record like those of the ring; it is for the table of processes alone. */
	if (*ret_known && portrait.task.start_ns == namer.actor.start_ns)
		cw_decode_record(p->decode, &portrait, sizeof(portrait), &e, &nothing);
	if (!*ret_known) {
		namer.actor.tgid = namer.actor.tid = pid;
		namer.actor.uid = namer.actor.euid = namer.actor.gid = CW_NO_UID;
		namer.actor.login_uid = namer.actor.session = CW_NO_UID;
		if (!cw_kernel_task(p->kernel, pid, &task))
			namer.actor.start_ns = task.start_ns;
	}
	*ret_namer = namer;
	return *ret_known || namer.actor.start_ns ?
		       cw_decode_process(p->decode, pid, namer.actor.start_ns) : NULL;
}

/* fanotify names a pid; who that was when it called, the kernel side kept. */
static void take_name(struct pipeline *p, struct cw_name_event *n)
{
	struct cw_namer namer;
	struct cw_event e;
	bool known;
	struct cw_proc *proc = cw_trees_namer(p, n->pid, &namer, &known);

	/* Attributes also change by a write or an unlink: only chmod and its kin are news. */
	if (n->change == CW_NAME_ATTRIBUTES &&
	    (!known || namer.op != CW_SYSCALL_ATTR ||
	     cw_pipeline_now() - namer.time_ns > CW_NSEC_PER_SEC))
		return;
	fill_name_event(p, &e, n);
	if (known)
		e.boot_ns = namer.time_ns;
	cw_enrich_process(p->enrich, proc);
	cw_decode_fill(&e, proc, &namer.actor);
	cw_pipeline_deliver_access(p, &e, proc);
	/* The kernel side tells the end of those only that it told of on a ring. */
	cw_decode_ended(p->decode, proc);
}

/* Returns how long the next event has to wait, in milliseconds; -1: none waits. */
int cw_trees_run_names(struct pipeline *p)
{
	struct cw_name_event n;
	uint64_t lost;
	int r;

	cw_trees_read_names(p);
	while ((r = cw_watch_next(p->watch, NAMES_AGE_MS, &n, &lost)) == 1) {
		if (lost)
			cw_pipeline_deliver_gap(p, "names", lost, p->losses_since_ns,
						cw_pipeline_now());
		if (n.directory)
			cw_trees_check_roots_soon(p);
		if (!p->assets.retired[n.index])
			take_name(p, &n);
	}
	return r == -EAGAIN ? NAMES_AGE_MS : -1;
}
