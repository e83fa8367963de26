// SPDX-License-Identifier: Apache-2.0
/* What only several values together show: contradictions, and the same thing said twice. */
#include "policy/compiled.h"
#include "policy/schema.h"

static const struct cw_policy_cond *cond_of(const struct cw_policy_grant_rules *g,
					    enum cw_policy_cond_kind kind)
{
	for (size_t i = 0; i < g->n_conds; i++)
		if (g->conds[i].kind == kind)
			return &g->conds[i];
	return NULL;
}

/* Nobody is logged in to a service or the kernel, and nobody is at the other end of one. */
static void check_origin(struct cw_policy_reader *r, const struct cw_policy_grant_rules *g)
{
	static const enum cw_policy_cond_kind against[] = { CW_POLICY_LOGIN, CW_POLICY_PEER };
	const struct cw_policy_cond *origin = cond_of(g, CW_POLICY_ORIGIN);

	if (!origin || !origin->sound)
		return;
	for (size_t i = 0; i < origin->n; i++)
		if (origin->values[i].origin != CW_ORIGIN_SERVICE &&
		    origin->values[i].origin != CW_ORIGIN_KERNEL)
			return;
	for (size_t i = 0; i < CW_ARRAY_SIZE(against); i++) {
		const struct cw_policy_cond *c = cond_of(g, against[i]);

		if (c)
			cw_policy_fault_at(r->faults, c->line, c->column,
					   "'%s' never holds together with 'origin: %s'; expected"
					   " one of them, or origin login or remote",
					   cw_policy_cond_names[c->kind], origin->values[0].text);
	}
}

static void check_times(struct cw_policy_reader *r, const struct cw_policy_grant_rules *g)
{
	const struct cw_policy_cond *until = cond_of(g, CW_POLICY_UNTIL);

	if (until && g->pub.until_ns <= g->pub.from_ns)
		cw_policy_fault_at(r->faults, until->line, until->column,
				   "'until' is not after 'from', so the grant never holds;"
				   " expected a later time");
}

static void check_stream(struct cw_policy_reader *r, const struct cw_policy *p,
			 const struct cw_policy_grant_rules *g)
{
	/* A verb or an asset that could not be read may be the one that makes sense of it. */
	if (g->verbs != CW_POLICY_STREAM || !g->sound)
		return;
	for (size_t i = 0; i < p->n_assets; i++)
		if (g->on[i] && (p->assets[i].pub.kind == CW_ASSET_CAMERA ||
				 p->assets[i].pub.kind == CW_ASSET_MICROPHONE))
			return;
	cw_policy_fault_at(r->faults, g->pub.line, g->column,
			   "only cameras and microphones stream, and the grant is on none, so it"
			   " never holds; expected 'open' in 'allow', or a camera in 'on'");
}

void cw_policy_check_grant(struct cw_policy_reader *r, const struct cw_policy *p,
			   const struct cw_policy_grant_rules *g)
{
	check_origin(r, g);
	check_times(r, g);
	check_stream(r, p, g);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || cw_streq(a, b);
}

static bool same_values(const struct cw_policy_cond *a, const struct cw_policy_cond *b)
{
	if (a->kind != b->kind || a->n != b->n)
		return false;
	/* A list holds no doubles, so equal length and one-way inclusion are enough. */
	for (size_t i = 0; i < a->n; i++) {
		size_t j = 0;

		while (j < b->n && strcmp(a->values[i].text, b->values[j].text))
			j++;
		if (j == b->n)
			return false;
	}
	return true;
}

static bool same_grant(const struct cw_policy *p, const struct cw_policy_grant_rules *a,
		       const struct cw_policy_grant_rules *b)
{
	if (a->verbs != b->verbs || a->n_conds != b->n_conds ||
	    a->pub.from_ns != b->pub.from_ns || a->pub.until_ns != b->pub.until_ns ||
	    a->hours_from != b->hours_from || a->hours_to != b->hours_to || a->days != b->days)
		return false;
	for (size_t i = 0; i < CW_POLICY_LIMIT_MAX; i++)
		if (a->limits[i].max != b->limits[i].max ||
		    a->limits[i].window != b->limits[i].window)
			return false;
	if (memcmp(a->on, b->on, p->n_assets))
		return false;
	for (size_t i = 0; i < a->n_conds; i++)
		if (!same_values(&a->conds[i], &b->conds[i]))
			return false;
	return true;
}

static bool same_asset(const struct cw_policy_asset *a, const struct cw_policy_asset *b)
{
	return a->kind == b->kind && same_text(a->device, b->device) &&
	       same_text(a->card, b->card) && same_text(a->bus, b->bus) &&
	       same_text(a->by_id, b->by_id) && same_text(a->path, b->path);
}

static void check_double_assets(struct cw_policy_reader *r, const struct cw_policy *p)
{
	for (size_t i = 0; i < p->n_assets; i++) {
		const struct cw_policy_asset_rules *a = &p->assets[i];

		for (size_t j = 0; a->sound && j < i; j++) {
			if (!p->assets[j].sound || !same_asset(&a->pub, &p->assets[j].pub))
				continue;
			cw_policy_fault_at(r->faults, a->pub.line, a->column,
					   "asset '%s' describes the same as '%s' in line %u;"
					   " expected one of them",
					   a->pub.name, p->assets[j].pub.name,
					   p->assets[j].pub.line);
			break;
		}
	}
}

static void check_double_grants(struct cw_policy_reader *r, const struct cw_policy *p)
{
	for (size_t i = 0; i < p->n_grants; i++) {
		const struct cw_policy_grant_rules *g = &p->grants[i];

		for (size_t j = 0; g->sound && j < i; j++) {
			if (!p->grants[j].sound || !same_grant(p, g, &p->grants[j]))
				continue;
			cw_policy_fault_at(r->faults, g->pub.line, g->column,
					   "grant '%s' grants the same as '%s' in line %u; expected"
					   " one of them", g->pub.name, p->grants[j].pub.name,
					   p->grants[j].pub.line);
			break;
		}
	}
}

void cw_policy_check_doubles(struct cw_policy_reader *r, const struct cw_policy *p)
{
	/* Of what could not be read, the rest may look the same: only sound ones are compared. */
	check_double_assets(r, p);
	check_double_grants(r, p);
}
