// SPDX-License-Identifier: Apache-2.0
/*
 * What is done to the agent: events about it, and the marks on the files that it lives on. Who does
 * something that would end or stop the agent is kept waiting in the kernel (bpf/self.bpf.h) until
 * the event is on disk.
 */
#include "pipeline_state.h"

#define FLUSH_MS     200
#define MARK_SOON_NS (15 * 1000000ull) /* the call behind an event has returned by then */
#define CALL_NS	     CW_NSEC_PER_SEC	/* what fanotify tells of was called no longer ago */

static struct cw_self_config files_of(const struct pipeline *p)
{
	return (struct cw_self_config){
		.policy = p->config->policy, .output = p->config->output,
		.trace = p->config->trace, .keys = p->config->keys,
		.state = cw_alive_path(p->alive),
	};
}

void cw_tamper_mark(struct pipeline *p)
{
	struct cw_self_config c = files_of(p);
	bool full = p->self.full;

	cw_self_mark(&p->self, &c);
	if (p->self.full && !full)
		cw_pipeline_say("more than %u files of its own, the rest is not watched",
				CW_SELF_FILES_MAX);
}

void cw_tamper_mark_soon(struct pipeline *p)
{
	if (!p->next_self_ns)
		p->next_self_ns = cw_pipeline_now() + MARK_SOON_NS;
}

void cw_tamper_start(struct pipeline *p)
{
	cw_self_start(&p->self, p->kernel,
		      cw_ladder_on(&p->ladder, CW_CAP_NAMES, CW_PROBE_FANOTIFY));
	cw_tamper_mark(p);
}

/* ---- records ---- */

/* On disk, wherever events go, or as far as that gets in the time that we have. */
static void flush(struct pipeline *p)
{
	if (p->recorder)
		cw_recorder_flush(p->recorder, FLUSH_MS);
	if (p->writer)
		cw_writer_flush(p->writer, FLUSH_MS);
}

/* How far the clock is going to jump; it may have been set already. */
static void add_jump(struct pipeline *p, struct cw_event *e)
{
	const struct cw_detail *to = cw_event_detail(e, "to");
	uint64_t now = e->boot_ns + (p->clock_set ? p->old_offset_ns : p->wall_offset_ns);

	if (to)
		cw_event_add_double(e, "seconds", (double)(int64_t)(to->u - now) / 1e9);
}

void cw_tamper_take(struct pipeline *p, struct cw_event *e, const struct cw_decoded_record *d)
{
	/* A large program takes long to hash: not while somebody waits. */
	if (d->urgent)
		cw_enrich_place(d->proc);
	else
		cw_enrich_process(p->enrich, d->proc);
	if (d->proc) {
		e->process.exe_sha256 = d->proc->sha256[0] ? d->proc->sha256 : NULL;
		e->process.unit = d->proc->unit;
		e->process.container = d->proc->container;
	}
	add_jump(p, e);
	if (d->stops)
		cw_life_stops(p, e->boot_ns);
	cw_pipeline_deliver_access(p, e, d->proc);
	if (d->urgent)
		flush(p);
	cw_kernel_tampers_told(p->kernel, d->tamper);
}

/* ---- names, by fanotify ---- */

static void take_change(struct pipeline *p, const struct cw_self_change *c)
{
	struct cw_namer namer;
	struct cw_proc *proc;
	struct cw_event e;
	bool known;
	const char *how;

	proc = cw_trees_namer(p, c->pid, &namer, &known);
	known = known && cw_pipeline_now() - namer.time_ns < CALL_NS;
	/* By the call and not by what there is now: another may have come after it. */
	how = known && namer.op == CW_SYSCALL_ATTR ? "attributes changed" :
						     cw_self_became(c->file, c->moved);
	if (!how)
		return;
	cw_pipeline_begin_event(p, &e, CW_KIND_TAMPER);
	e.probe = CW_PROBE_FANOTIFY;
	if (known)
		e.boot_ns = namer.time_ns;
	e.asset.kind = CW_ASSET_SELF;
	e.asset.name = cw_self_name(c->file->kind);
	e.asset.path = c->file->path;
	e.asset.inode = c->file->ino;
	e.asset.access = CW_ACCESS_WRITE;
	cw_event_add_string(&e, "what", e.asset.name);
	cw_event_add_string(&e, "how", how);
	cw_enrich_process(p->enrich, proc);
	cw_decode_fill(&e, proc, &namer.actor);
	cw_pipeline_deliver_access(p, &e, proc);
	cw_decode_ended(p->decode, proc);
}

void cw_tamper_run(struct pipeline *p)
{
	struct cw_self_change c;

	p->next_self_ns = 0;
	while (cw_self_next_change(&p->self, &c))
		take_change(p, &c);
	cw_tamper_mark(p);
}
