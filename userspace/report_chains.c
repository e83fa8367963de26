// SPDX-License-Identifier: Apache-2.0
/*
 * Hand-overs: open files that another process than the opener received, inherited, used or mapped.
 * Known by the number of the open file; the last CW_REPORT_OPENS opens are remembered.
 */
#include "report_gather.h"

struct cw_report_open {
	uint64_t id; /* 0: none */
	uint32_t who, lane, pid, chain; /* chain: its number + 1 */
	bool flagged;
	const char *exe, *path;
	struct cw_report_moment at;
};

int cw_report_chains_new(struct cw_report *r)
{
	r->opens = calloc(CW_REPORT_OPENS, sizeof(*r->opens));
	r->chains = calloc(CW_REPORT_CHAINS_MAX, sizeof(*r->chains));
	return r->opens && r->chains ? 0 : -ENOMEM;
}

void cw_report_chains_forget(struct cw_report *r)
{
	memset(r->opens, 0, CW_REPORT_OPENS * sizeof(*r->opens));
	for (uint32_t i = 0; i < r->n_chains; i++)
		r->chains[i].open_id = 0;
}

static uint64_t number(const struct cw_event *e, const char *key)
{
	const struct cw_detail *d = cw_event_detail(e, key);

	return d && d->type == CW_DETAIL_UINT ? d->u : 0;
}

static bool same_shape(const struct cw_report_chain *a, const struct cw_report_chain *b)
{
	if (a->n_steps != b->n_steps || a->lane != b->lane || a->flagged != b->flagged ||
	    a->more_steps != b->more_steps)
		return false;
	for (uint32_t i = 0; i < a->n_steps; i++)
		if (a->step[i].kind != b->step[i].kind || a->step[i].who != b->step[i].who ||
		    a->step[i].exe != b->step[i].exe)
			return false;
	return true;
}

/* The file is closed: what it tells may have been told before. */
static void finish(struct cw_report *r, uint32_t which)
{
	struct cw_report_chain *c = &r->chains[which];

	c->open_id = 0;
	for (uint32_t i = 0; i < r->n_chains; i++) {
		if (i == which || r->chains[i].open_id || !same_shape(&r->chains[i], c))
			continue;
		r->chains[i].same += c->same + 1;
		*c = r->chains[--r->n_chains];
		for (uint32_t k = 0; c->open_id && k < CW_REPORT_OPENS; k++)
			if (r->opens[k].chain == r->n_chains + 1)
				r->opens[k].chain = which + 1;
		return;
	}
}

static void add_step(struct cw_report *r, struct cw_report_chain *c, uint32_t who,
		     const struct cw_event *e, const struct cw_report_moment *at)
{
	bool flagged = e->verdict.decision == CW_DECISION_FLAG;
	const char *exe = cw_report_keep(&r->strings, e->process.exe);

	c->flagged |= flagged;
	for (uint32_t i = 1; i < c->n_steps; i++) {
		struct cw_report_step *s = &c->step[i];

		if (s->kind == e->kind && s->pid == e->process.pid && s->exe == exe) {
			s->n++;
			s->flagged |= flagged;
			return;
		}
	}
	if (c->n_steps == CW_REPORT_STEPS_MAX) {
		c->more_steps = true;
		return;
	}
	c->step[c->n_steps++] = (struct cw_report_step){
		.kind = e->kind, .who = who, .pid = e->process.pid, .n = 1, .flagged = flagged,
		.exe = exe, .at = *at,
	};
}

/* Room for one more: a flagged one may take the place of one that is not. */
static struct cw_report_chain *new_chain(struct cw_report *r, bool flagged)
{
	if (r->n_chains < CW_REPORT_CHAINS_MAX)
		return &r->chains[r->n_chains++];
	r->chains_lost++;
	for (uint32_t i = 0; flagged && i < r->n_chains; i++)
		if (!r->chains[i].flagged && !r->chains[i].open_id)
			return &r->chains[i];
	return NULL;
}

static struct cw_report_chain *begin_chain(struct cw_report *r, struct cw_report_open *o,
					   uint32_t lane, const struct cw_event *e)
{
	struct cw_report_chain *c = new_chain(r, e->verdict.decision == CW_DECISION_FLAG);
	uint64_t id = number(e, "open_id");

	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	c->open_id = id;
	c->lane = lane;
	c->path = cw_report_keep(&r->strings, e->asset.path);
	c->n_steps = 1;
	c->step[0].kind = CW_KIND_OPEN;
	c->step[0].pid = (uint32_t)number(e, "opener_pid");
	if (o->id == id) {
		c->opener_seen = true;
		c->flagged = o->flagged;
		c->step[0] = (struct cw_report_step){ .kind = CW_KIND_OPEN, .who = o->who,
						      .pid = o->pid, .n = 1, .exe = o->exe,
						      .flagged = o->flagged, .at = o->at };
	} else {
		*o = (struct cw_report_open){ .id = id };
	}
	o->chain = (uint32_t)(c - r->chains) + 1;
	return c;
}

/* A stream does not say of which open file it is: that of the process, at this device. */
static void take_stream(struct cw_report *r, uint32_t who, uint32_t lane, const struct cw_event *e,
			const struct cw_report_moment *at)
{
	for (uint32_t i = 0; i < r->n_chains; i++) {
		struct cw_report_chain *c = &r->chains[i];

		if (!c->open_id || c->lane != lane)
			continue;
		for (uint32_t k = 1; k < c->n_steps; k++)
			if (c->step[k].pid == e->process.pid) {
				add_step(r, c, who, e, at);
				return;
			}
	}
}

void cw_report_chains_take(struct cw_report *r, uint32_t who, uint32_t lane,
			   const struct cw_event *e, const struct cw_report_moment *at)
{
	uint64_t id = number(e, "open_id"), opener = number(e, "opener_pid");
	struct cw_report_open *o = &r->opens[id % CW_REPORT_OPENS];
	struct cw_report_chain *c;

	if (e->kind == CW_KIND_STREAM && lane != UINT32_MAX)
		take_stream(r, who, lane, e, at);
	if (!id || lane == UINT32_MAX || e->kind == CW_KIND_STREAM)
		return;
	if (e->kind == CW_KIND_CLOSE) {
		if (o->id == id && o->chain)
			finish(r, o->chain - 1);
		if (o->id == id)
			o->id = o->chain = 0;
		return;
	}
	if (e->kind == CW_KIND_OPEN && !opener) {
		*o = (struct cw_report_open){
			.id = id, .who = who, .lane = lane, .pid = e->process.pid,
			.flagged = e->verdict.decision == CW_DECISION_FLAG,
			.exe = cw_report_keep(&r->strings, e->process.exe), .at = *at,
		};
		return;
	}
	if (!opener || opener == e->process.pid)
		return;
	c = o->id == id && o->chain ? &r->chains[o->chain - 1] : begin_chain(r, o, lane, e);
	if (c)
		add_step(r, c, who, e, at);
}
