// SPDX-License-Identifier: Apache-2.0
/* One event against the policy: what it needs, who grants it, and the words when nobody does. */
#include "policy/compiled.h"

/* What a kind of event asks for. Devices and files differ only in what "write" means. */
static const struct {
	bool by_access; /* the bits of the access tell */
	unsigned int verbs;
} needs[CW_KIND_MAX] = {
	[CW_KIND_OPEN] = { true, 0 },
	[CW_KIND_DENIED] = { true, 0 },
	[CW_KIND_RECEIVE] = { true, 0 },
	[CW_KIND_USE] = { true, 0 },
	[CW_KIND_MAP] = { true, 0 },
	[CW_KIND_RAWDISK] = { true, 0 },
	[CW_KIND_STREAM] = { false, CW_POLICY_STREAM },
	[CW_KIND_CREATE] = { false, CW_POLICY_WRITE },
	[CW_KIND_RENAME] = { false, CW_POLICY_WRITE },
	[CW_KIND_LINK] = { false, CW_POLICY_WRITE },
	[CW_KIND_TRUNCATE] = { false, CW_POLICY_WRITE },
	[CW_KIND_ATTR] = { false, CW_POLICY_WRITE },
	[CW_KIND_MOUNT] = { false, CW_POLICY_WRITE },
	[CW_KIND_UNLINK] = { false, CW_POLICY_DELETE },
	[CW_KIND_PEEK] = { false, CW_POLICY_OPEN },
	[CW_KIND_EGRESS] = { false, CW_POLICY_OPEN },
	[CW_KIND_COPY] = { false, CW_POLICY_OPEN },
};

static const struct {
	unsigned int verb;
	const char *name;
} verb_names[] = {
	{ CW_POLICY_OPEN, "open" },
	{ CW_POLICY_STREAM, "stream" },
	{ CW_POLICY_WRITE, "write" },
	{ CW_POLICY_DELETE, "delete" },
};

unsigned int cw_policy_verbs(const struct cw_event *e)
{
	uint32_t access = e->asset.access;
	bool device = e->asset.kind == CW_ASSET_CAMERA || e->asset.kind == CW_ASSET_MICROPHONE;
	unsigned int verbs = 0;

	if (!needs[e->kind].by_access)
		return needs[e->kind].verbs;
	if (access & (CW_ACCESS_WRITE | CW_ACCESS_CREATE | CW_ACCESS_TRUNCATE))
		verbs |= CW_POLICY_WRITE;
	if (access & CW_ACCESS_DELETE)
		verbs |= CW_POLICY_DELETE;
	/* Capture opens a device for reading and writing; that changes nothing on it. */
	if (device && (access & CW_ACCESS_READ))
		verbs &= ~(unsigned int)CW_POLICY_WRITE;
	if ((access & (CW_ACCESS_READ | CW_ACCESS_EXEC)) || !verbs)
		verbs |= CW_POLICY_OPEN;
	return verbs;
}

void cw_policy_put_verbs(struct cw_buf *out, unsigned int verbs, const char *between)
{
	bool first = true;

	for (size_t i = 0; i < CW_ARRAY_SIZE(verb_names); i++) {
		if (!(verbs & verb_names[i].verb))
			continue;
		cw_buf_printf(out, "%s%s", first ? "" : between, verb_names[i].name);
		first = false;
	}
}

/* The words of the verdict; where memory is short the rule still stands. */
static const char *words(struct cw_policy *p)
{
	return p->why.error || !p->why.len ? NULL : p->why.data;
}

static void explain_no_grant(struct cw_policy *p, size_t asset, unsigned int verbs,
			     const struct cw_event *e)
{
	const struct cw_policy_grant_rules *nearest = NULL;
	const struct cw_policy_asset_rules *a;
	size_t best = 0;

	cw_buf_reset(&p->why);
	if (asset == CW_POLICY_NO_ASSET || !p->assets[asset].n_grants) {
		cw_buf_puts(&p->why, "no grant is for this asset");
		return;
	}
	a = &p->assets[asset];
	for (size_t i = 0; i < a->n_grants; i++) {
		const struct cw_policy_grant_rules *g = &p->grants[a->grants[i].grant];
		bool able = !(verbs & ~g->verbs);
		size_t score = able ? 1 + cw_policy_match_conds(p, g, e) : 0;

		/* Among equals the first of the file: the index puts limits behind. */
		if (nearest && (score < best || (score == best && g > nearest)))
			continue;
		nearest = g;
		best = score;
	}
	cw_buf_printf(&p->why, "nearest %s: ", nearest->rule);
	if (best) {
		cw_policy_explain(p, nearest, best - 1, e, &p->why);
		return;
	}
	cw_buf_puts(&p->why, "it does not allow ");
	cw_policy_put_verbs(&p->why, verbs & ~nearest->verbs, " and ");
}

static void explain_excess(struct cw_policy *p, const struct cw_policy_excess *x)
{
	const struct cw_policy_grant_rules *g = &p->grants[x->grant];
	const struct cw_policy_rate *rate = &g->limits[x->limit];
	const char *window = cw_policy_window_names[rate->window];
	int64_t start = x->window_s < 0 ? 0 : x->window_s;

	cw_buf_reset(&p->why);
	if (x->limit == CW_POLICY_MINUTES)
		cw_buf_printf(&p->why, "%s: %.1f", g->rule, (double)x->counted_ns / 60e9);
	else
		cw_buf_printf(&p->why, "%s: %u", g->rule, x->count);
	cw_buf_printf(&p->why, " %s in the %s from ", cw_policy_limit_names[x->limit], window);
	cw_policy_put_time(&p->why, (uint64_t)start * CW_NSEC_PER_SEC, p->offset_s);
	cw_buf_printf(&p->why, ", limit %u/%s", rate->max, window);
	if (x->shared)
		cw_buf_puts(&p->why, " (counted together with other people: the table is full)");
	if (x->forgetful && x->limit == CW_POLICY_MINUTES)
		cw_buf_puts(&p->why, " (some may be closed already: the table is full)");
	else if (x->forgetful)
		cw_buf_puts(&p->why, " (some may be counted twice: not all could be told apart)");
}

static void flag_limit(struct cw_policy *p, struct cw_event *e, const struct cw_policy_excess *x)
{
	explain_excess(p, x);
	cw_policy_grade(e, CW_CLASS_LIMIT, &e->verdict);
	e->verdict.rule = "limit";
	e->verdict.why = words(p);
}

static void allow(struct cw_event *e, const struct cw_policy_grant_rules *g)
{
	e->verdict.decision = CW_DECISION_ALLOW;
	e->verdict.grant = g->pub.name;
	e->verdict.rule = g->rule;
	e->verdict.why = g->pub.reason;
}

static void judge_access(struct cw_policy *p, size_t asset, struct cw_event *e)
{
	const struct cw_policy_asset_rules *a = asset == CW_POLICY_NO_ASSET ? NULL :
									      &p->assets[asset];
	const struct cw_policy_grant_rules *within = NULL;
	uint64_t exe = cw_policy_exe_bit(e->process.exe);
	struct cw_policy_excess excess, first;
	unsigned int verbs = cw_policy_verbs(e);
	bool over = false;

	for (size_t i = 0; a && i < a->n_grants; i++) {
		const struct cw_policy_candidate *c = &a->grants[i];
		const struct cw_policy_grant_rules *g = &p->grants[c->grant];

		if ((verbs & ~c->verbs) || !(exe & c->exe_filter) ||
		    cw_policy_match_conds(p, g, e) != g->n_conds)
			continue;
		if (!g->limited)
			return allow(e, g);
		/* Each counts what it covers, also when another one settles it. */
		if (cw_policy_limit_charge(p, c->grant, asset, e, &excess)) {
			within = within ? within : g;
		} else if (!over) {
			over = true;
			first = excess;
		}
	}
	if (within)
		return allow(e, within);
	if (over)
		return flag_limit(p, e, &first);
	explain_no_grant(p, asset, verbs, e);
	cw_policy_grade(e, cw_policy_class(e), &e->verdict);
	e->verdict.rule = "no grant";
	e->verdict.why = words(p);
}

/* The limited grants that cover what was just closed; none if one without a limit does. */
static size_t covering(struct cw_policy *p, size_t asset, const struct cw_event *e, uint16_t *list)
{
	const struct cw_policy_asset_rules *a = &p->assets[asset];
	uint64_t exe = cw_policy_exe_bit(e->process.exe);
	size_t n = 0;

	for (size_t i = 0; i < a->n_grants; i++) {
		const struct cw_policy_candidate *c = &a->grants[i];
		const struct cw_policy_grant_rules *g = &p->grants[c->grant];

		if (!(c->verbs & (CW_POLICY_OPEN | CW_POLICY_WRITE)) || !(exe & c->exe_filter) ||
		    cw_policy_match_conds(p, g, e) != g->n_conds)
			continue;
		if (!g->limited)
			return 0;
		list[n++] = c->grant;
	}
	return n;
}

static void judge_close(struct cw_policy *p, size_t asset, struct cw_event *e)
{
	uint16_t list[CW_POLICY_ENTRIES_MAX];
	struct cw_policy_excess excess;
	bool known = false, over;

	e->verdict.rule = "close";
	if (!p->usage)
		return;
	over = cw_policy_limit_close(p, e, &known, &excess);
	if (!known && asset != CW_POLICY_NO_ASSET)
		over = cw_policy_limit_add_unseen(p, list, covering(p, asset, e, list), e, &excess);
	if (over)
		flag_limit(p, e, &excess);
}

static void flag_fixed(struct cw_event *e, enum cw_class class, enum cw_severity severity,
		       const char *rule, const char *why, const char *technique)
{
	e->verdict = (struct cw_verdict){
		.decision = CW_DECISION_FLAG,
		.class = class,
		.severity = severity,
		.rule = rule,
		.why = why,
		.technique = technique,
	};
}

static void judge_gap(struct cw_policy *p, struct cw_event *e)
{
	const struct cw_detail *lost = cw_event_detail(e, "lost");
	const struct cw_detail *class = cw_event_detail(e, "class");

	cw_buf_reset(&p->why);
	if (lost && lost->type == CW_DETAIL_UINT && !lost->u)
		cw_buf_puts(&p->why, "events will be lost");
	else if (lost && lost->type == CW_DETAIL_UINT)
		cw_buf_printf(&p->why, "%llu events were lost", (unsigned long long)lost->u);
	else if (!lost && class && class->type == CW_DETAIL_STRING && cw_streq(class->s, "agent"))
		cw_buf_puts(&p->why, "nothing was watched");
	else
		cw_buf_puts(&p->why, "events were lost");
	if (class && class->type == CW_DETAIL_STRING && class->s)
		cw_buf_printf(&p->why, ", class %s", class->s);
	flag_fixed(e, CW_CLASS_BLIND, cw_policy_gap_severity(e), "gap", words(p), NULL);
}

static void judge_canary(struct cw_policy *p, struct cw_event *e)
{
	const struct cw_detail *ok = cw_event_detail(e, "ok");
	const struct cw_detail *wrong = cw_event_detail(e, "wrong");

	if (!ok || (ok->type != CW_DETAIL_BOOL && ok->type != CW_DETAIL_UINT) || ok->u)
		return;
	cw_buf_reset(&p->why);
	cw_buf_puts(&p->why, "the canary's own access was not seen as it was made");
	if (wrong && wrong->type == CW_DETAIL_STRING && wrong->s)
		cw_buf_printf(&p->why, ": %s", wrong->s);
	flag_fixed(e, CW_CLASS_BLIND, CW_SEVERITY_CRITICAL, "canary", words(p), NULL);
}

static bool jumped_back(const struct cw_event *e)
{
	const struct cw_detail *seconds = cw_event_detail(e, "seconds");

	return !seconds || seconds->type != CW_DETAIL_DOUBLE || seconds->d < 0;
}

/* Pins are driven and tables of the firmware read through /dev/mem; nothing needs /proc/kcore. */
static bool is_everyday_memory(const struct cw_event *e)
{
	const struct cw_detail *name = cw_event_detail(e, "name");

	return name && name->type == CW_DETAIL_STRING && cw_streq(name->s, "/dev/mem");
}

/*
 * A module for a device that was plugged in, a clock that is set by the network, a file system
 * that stands still for a snapshot: everyday where the system itself does it. A person who does it
 * may be about to hide something.
 */
static enum cw_severity tamper_severity(const struct cw_event *e)
{
	static const char *const everyday[] = { "kernel module", "foreign bpf program",
						"wall clock", "frozen file system" };
	const struct cw_detail *what = cw_event_detail(e, "what");
	bool system = e->origin.type == CW_ORIGIN_SERVICE || e->origin.type == CW_ORIGIN_KERNEL;

	if (!what || what->type != CW_DETAIL_STRING || !what->s)
		return CW_SEVERITY_CRITICAL;
	for (size_t i = 0; i < CW_ARRAY_SIZE(everyday); i++)
		if (cw_streq(what->s, everyday[i]))
			return system ? CW_SEVERITY_NONE : CW_SEVERITY_HIGH;
	if (cw_streq(what->s, "kernel memory"))
		return system && is_everyday_memory(e) ? CW_SEVERITY_NONE : CW_SEVERITY_HIGH;
	/* Of a jump nobody is known; who set the clock, another event says. */
	if (cw_streq(what->s, "wall clock jumped"))
		return jumped_back(e) ? CW_SEVERITY_HIGH : CW_SEVERITY_NONE;
	/* Its files are rotated every night. */
	return cw_streq(what->s, "output") ? CW_SEVERITY_MEDIUM : CW_SEVERITY_CRITICAL;
}

static void judge_tamper(struct cw_event *e)
{
	enum cw_severity severity = tamper_severity(e);

	if (severity == CW_SEVERITY_NONE)
		e->verdict = (struct cw_verdict){ .decision = CW_DECISION_ALLOW,
						  .rule = "everyday" };
	else
		flag_fixed(e, CW_CLASS_TAMPER, severity, "tamper",
			   "something acts against the monitor itself",
			   CW_POLICY_TAMPER_TECHNIQUE);
}

void cw_policy_judge(struct cw_policy *p, struct cw_event *e)
{
	size_t asset = cw_policy_match_asset(p, &e->asset);

	e->verdict = (struct cw_verdict){ .decision = CW_DECISION_NONE };
	if (asset != CW_POLICY_NO_ASSET)
		e->asset.name = p->assets[asset].pub.name;
	if (e->kind == CW_KIND_GAP)
		judge_gap(p, e);
	else if (e->kind == CW_KIND_CANARY)
		judge_canary(p, e);
	else if (e->kind == CW_KIND_CLOSE)
		judge_close(p, asset, e);
	else if (e->kind == CW_KIND_TAMPER ||
		 (e->asset.kind == CW_ASSET_SELF && cw_kind_is_access(e->kind)))
		judge_tamper(e);
	else if (cw_kind_is_access(e->kind))
		judge_access(p, asset, e);
	else if (p->usage && (e->kind == CW_KIND_START || e->kind == CW_KIND_STOP))
		cw_policy_limit_forget_open(p, e);
	if (p->usage)
		cw_policy_limit_saw(p, e->time_ns);
}
