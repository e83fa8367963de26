// SPDX-License-Identifier: Apache-2.0
/*
 * Which asset an event is about, which conditions of a grant it meets, and words for the one that
 * it does not. A fact that is not known meets nothing.
 */
#include <arpa/inet.h>

#include "policy/compiled.h"

#define CONTAINER_ID_MIN 12 /* the short form of a container's id, in hexadecimal digits */

bool cw_policy_is_below(const char *path, const char *dir, size_t dir_len)
{
	return path && !strncmp(path, dir, dir_len) &&
	       (path[dir_len] == '/' || path[dir_len] == '\0');
}

static bool glob_or_equal(const char *pattern, const char *text)
{
	return text && cw_policy_glob(pattern, text, false);
}

static bool is_by_id(const char *wanted, const char *link)
{
	const char *name;

	if (!link)
		return false;
	name = strrchr(link, '/');
	return !strcmp(wanted, link) || (name && !strcmp(wanted, name + 1));
}

/*
 * The node is the kernel's name for the device. The path is what the opener used, which a mount of
 * his own can make anything, so it counts only where the node is not known.
 */
static bool is_device(const char *device, const struct cw_asset *a)
{
	return cw_streq(device, a->node) || cw_streq(device, a->by_id) ||
	       (!a->node && cw_streq(device, a->path));
}

static bool describes_device(const struct cw_policy_asset *rule, const struct cw_asset *a)
{
	return (!rule->device || is_device(rule->device, a)) &&
	       (!rule->by_id || is_by_id(rule->by_id, a->by_id)) &&
	       (!rule->card || glob_or_equal(rule->card, a->card)) &&
	       (!rule->bus || glob_or_equal(rule->bus, a->bus));
}

static size_t match_device(const struct cw_policy *p, const struct cw_asset *a)
{
	const struct cw_policy_rank *rank = p->kinds[a->kind].rank;

	for (size_t i = 0; i < p->kinds[a->kind].n; i++)
		if (describes_device(&p->assets[rank[i].asset].pub, a))
			return rank[i].asset;
	return CW_POLICY_NO_ASSET;
}

/* The same with lengths, for every event and asset: most differ in the last character. */
static bool is_within(const char *path, size_t len, const char *dir, size_t dir_len)
{
	return len >= dir_len && (!path[dir_len] || path[dir_len] == '/') &&
	       (!dir_len || path[dir_len - 1] == dir[dir_len - 1]) && !memcmp(path, dir, dir_len);
}

/*
 * The root is what the object really belongs to; the path is a name it has now. So a path only
 * picks a finer asset below the root, and speaks for itself only where no asset fits the root: a
 * folder mounted or linked into another does not change whose it is.
 */
static size_t match_tree(const struct cw_policy *p, const struct cw_asset *a)
{
	const struct cw_policy_rank *r = p->kinds[a->kind].rank, *end = r + p->kinds[a->kind].n;
	const char *path = a->path_partial ? NULL : a->path, *root = a->root;
	size_t root_len = root ? strlen(root) : 0, len = path ? strlen(path) : 0;
	size_t by_path = CW_POLICY_NO_ASSET;

	for (; r < end; r++) {
		if (root && is_within(root, root_len, r->path, r->path_len))
			return r->asset;
		if (!path || !is_within(path, len, r->path, r->path_len))
			continue;
		if (root && is_within(r->path, r->path_len, root, root_len))
			return r->asset;
		if (by_path == CW_POLICY_NO_ASSET)
			by_path = r->asset;
	}
	return by_path;
}

size_t cw_policy_match_asset(const struct cw_policy *p, const struct cw_asset *asset)
{
	switch (asset->kind) {
	case CW_ASSET_CAMERA:
	case CW_ASSET_MICROPHONE:
	case CW_ASSET_DISK:
		return match_device(p, asset);
	case CW_ASSET_RECORDINGS:
	case CW_ASSET_SHM:
		return match_tree(p, asset);
	default:
		return CW_POLICY_NO_ASSET;
	}
}

/* A record without a process leaves its uid 0, which must not pass for root's. */
static uint32_t uid_of(const struct cw_process *process)
{
	return process->pid || process->uid ? process->uid : CW_NO_UID;
}

uint64_t cw_policy_exe_bit(const char *exe)
{
	size_t len = exe ? strlen(exe) : 0;
	uint32_t h = (uint32_t)len;

	/* Paths differ at their ends. */
	for (size_t i = len > 8 ? len - 8 : 0; i < len; i++)
		h = (h ^ (unsigned char)exe[i]) * 0x01000193U;
	return 1ULL << (h >> 26);
}

uint64_t cw_policy_exe_filter(const struct cw_policy_grant_rules *g)
{
	const struct cw_policy_cond *c = &g->conds[0];
	uint64_t filter = 0;

	if (!g->n_conds || c->kind != CW_POLICY_EXE)
		return UINT64_MAX;
	for (size_t i = 0; i < c->n; i++)
		filter |= c->values[i].pattern ? UINT64_MAX : cw_policy_exe_bit(c->values[i].text);
	return filter;
}

static bool any_exe(const struct cw_policy_cond *c, const char *exe)
{
	size_t len;

	if (!exe)
		return false;
	len = strlen(exe);
	for (size_t i = 0; i < c->n; i++) {
		const struct cw_policy_value *v = &c->values[i];

		if (v->pattern ? cw_policy_glob(v->text, exe, true) :
				 v->len == len && !memcmp(v->text, exe, len))
			return true;
	}
	return false;
}

/* No wildcard passes a slash: what is before one in a unit is whose manager made it. */
static bool any_text(const struct cw_policy_cond *c, const char *text)
{
	if (!text)
		return false;
	for (size_t i = 0; i < c->n; i++) {
		const struct cw_policy_value *v = &c->values[i];

		if (v->pattern ? cw_policy_glob(v->text, text, true) : !strcmp(v->text, text))
			return true;
	}
	return false;
}

static bool any_user(const struct cw_policy_cond *c, uint32_t uid, const char *name)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct cw_policy_value *v = &c->values[i];

		if (v->number ? uid != CW_NO_UID && v->uid == uid : cw_streq(v->text, name))
			return true;
	}
	return false;
}

/* The long and the short form of an id mean the same container. */
static bool same_container(const char *a, const char *b)
{
	size_t na = strspn(a, "0123456789abcdef"), nb = strspn(b, "0123456789abcdef");

	if (a[na] || b[nb] || na < CONTAINER_ID_MIN || nb < CONTAINER_ID_MIN)
		return false;
	return !memcmp(a, b, na < nb ? na : nb);
}

static bool any_container(const struct cw_policy_cond *c, const char *container)
{
	if (!container)
		return false;
	for (size_t i = 0; i < c->n; i++)
		if (!c->values[i].pattern && same_container(c->values[i].text, container))
			return true;
	return any_text(c, container);
}

static bool any_origin(const struct cw_policy_cond *c, enum cw_origin_type type)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->values[i].origin == type)
			return true;
	return false;
}

static bool any_peer(const struct cw_policy_cond *c, const struct cw_origin *o)
{
	const void *addr = NULL;
	unsigned int size = cw_origin_peer(o, &addr);

	for (size_t i = 0; size && i < c->n; i++)
		if (cw_policy_net_has(&c->values[i].net, addr, size))
			return true;
	return false;
}

static unsigned int n_ancestors(const struct cw_process *process)
{
	return process->n_ancestors < CW_ANCESTORS_MAX ? process->n_ancestors : CW_ANCESTORS_MAX;
}

static bool any_ancestor(const struct cw_policy_cond *c, const struct cw_process *process,
			 unsigned int max)
{
	for (unsigned int i = 0; i < n_ancestors(process) && i < max; i++)
		if (any_exe(c, process->ancestors[i].exe))
			return true;
	return false;
}

static int64_t local_s(const struct cw_policy *p, const struct cw_event *e)
{
	return (int64_t)(e->time_ns / CW_NSEC_PER_SEC) + p->offset_s;
}

static bool in_hours(const struct cw_policy_grant_rules *g, unsigned int minute)
{
	if (g->hours_from < g->hours_to)
		return minute >= g->hours_from && minute < g->hours_to;
	return minute >= g->hours_from || minute < g->hours_to;
}

/* Hours that pass midnight belong to the day on which they begin. */
static unsigned int day_meant(const struct cw_policy_grant_rules *g, int64_t local)
{
	unsigned int minute = cw_policy_minute_of_day(local);
	unsigned int day = cw_policy_weekday(local);
	bool wraps = g->hours_from > g->hours_to;

	return wraps && minute < g->hours_to ? (day + 6) % 7 : day;
}

static bool holds_for_process(const struct cw_policy_cond *c, const struct cw_process *process)
{
	switch (c->kind) {
	case CW_POLICY_EXE:
		return !process->exe_deleted && any_exe(c, process->exe);
	case CW_POLICY_SHA256:
		return any_text(c, process->exe_sha256);
	case CW_POLICY_USER:
		return any_user(c, uid_of(process), process->user);
	case CW_POLICY_UNIT:
		return any_text(c, process->unit);
	case CW_POLICY_CONTAINER:
		return any_container(c, process->container);
	case CW_POLICY_PARENT:
		return any_ancestor(c, process, 1);
	case CW_POLICY_ANCESTOR:
		return any_ancestor(c, process, CW_ANCESTORS_MAX);
	case CW_POLICY_CODE:
		return !process->code;
	default:
		return false;
	}
}

static bool holds(const struct cw_policy *p, const struct cw_policy_grant_rules *g,
		  const struct cw_policy_cond *c, const struct cw_event *e)
{
	switch (c->kind) {
	case CW_POLICY_LOGIN:
		return any_user(c, e->origin.login_uid, e->origin.login_user);
	case CW_POLICY_ORIGIN:
		return any_origin(c, e->origin.type);
	case CW_POLICY_PEER:
		return any_peer(c, &e->origin);
	case CW_POLICY_FROM:
		return e->time_ns >= g->pub.from_ns;
	case CW_POLICY_UNTIL:
		return e->time_ns < g->pub.until_ns;
	case CW_POLICY_HOURS:
		return in_hours(g, cw_policy_minute_of_day(local_s(p, e)));
	case CW_POLICY_DAYS:
		return g->days >> day_meant(g, local_s(p, e)) & 1;
	default:
		return holds_for_process(c, &e->process);
	}
}

size_t cw_policy_match_conds(const struct cw_policy *p, const struct cw_policy_grant_rules *g,
			     const struct cw_event *e)
{
	size_t i = 0;

	while (i < g->n_conds && holds(p, g, &g->conds[i], e))
		i++;
	return i;
}

/* Words. */

/* "is not A", "is none of A, B", "is in none of A, B". */
static void put_values(const struct cw_policy_cond *c, const char *one, const char *many,
		       struct cw_buf *out)
{
	cw_buf_printf(out, " %s ", c->n == 1 ? one : many);
	for (size_t i = 0; i < c->n; i++)
		cw_buf_printf(out, "%s%s", i ? ", " : "", c->values[i].text);
}

static void explain_text(const struct cw_policy_cond *c, const char *what, const char *text,
			 struct cw_buf *out)
{
	if (!text) {
		cw_buf_printf(out, "%s is unknown", what);
		return;
	}
	cw_buf_printf(out, "%s %s", what, text);
	put_values(c, c->values[0].pattern ? "does not match" : "is not", "is none of", out);
}

static void explain_exe(const struct cw_policy_cond *c, const struct cw_process *process,
			struct cw_buf *out)
{
	if (process->exe && process->exe_deleted)
		cw_buf_printf(out, "executable %s has been deleted or replaced", process->exe);
	else
		explain_text(c, "executable", process->exe, out);
}

/* Sixteen digits tell two files apart for a reader; the event has them all. */
static void explain_sha256(const struct cw_policy_cond *c, const struct cw_process *process,
			   struct cw_buf *out)
{
	if (!process->exe_sha256) {
		cw_buf_puts(out, "SHA-256 of the executable is unknown");
		return;
	}
	cw_buf_printf(out, "SHA-256 %.16s... of the executable is", process->exe_sha256);
	if (c->n == 1)
		cw_buf_printf(out, " not %.16s...", c->values[0].text);
	else
		cw_buf_puts(out, " none of those granted");
}

/* Shows the name and the uid, whichever the values are about. */
static void explain_user(const struct cw_policy_cond *c, const char *what, uint32_t uid,
			 const char *name, struct cw_buf *out)
{
	bool wants_name = false, wants_uid = false;

	for (size_t i = 0; i < c->n; i++) {
		wants_uid = wants_uid || c->values[i].number;
		wants_name = wants_name || !c->values[i].number;
	}
	if ((!name || !wants_name) && (uid == CW_NO_UID || !wants_uid)) {
		cw_buf_printf(out, "%s is unknown", what);
		if (uid != CW_NO_UID)
			cw_buf_printf(out, " (uid %u)", uid);
		return;
	}
	if (name && wants_name)
		cw_buf_printf(out, "%s %s", what, name);
	else
		cw_buf_printf(out, "%s with uid %u", what, uid);
	put_values(c, "is not", "is none of", out);
}

static void explain_login(const struct cw_policy_cond *c, const struct cw_origin *o,
			  struct cw_buf *out)
{
	if (o->login_uid == CW_NO_UID && !o->login_user)
		cw_buf_puts(out, "nobody is logged in");
	else
		explain_user(c, "login user", o->login_uid, o->login_user, out);
}

static void explain_peer(const struct cw_policy_cond *c, const struct cw_origin *o,
			 struct cw_buf *out)
{
	const void *addr = NULL;
	unsigned int size = cw_origin_peer(o, &addr);
	char text[INET6_ADDRSTRLEN];

	if (!size) {
		cw_buf_puts(out, "there is no peer");
		return;
	}
	inet_ntop(size == 4 ? AF_INET : AF_INET6, addr, text, sizeof(text));
	cw_buf_printf(out, "peer %s", text);
	put_values(c, "is not in", "is in none of", out);
}

static void explain_ancestor(const struct cw_policy_cond *c, const struct cw_process *process,
			     struct cw_buf *out)
{
	bool known = false;

	for (unsigned int i = 0; i < n_ancestors(process); i++)
		known = known || process->ancestors[i].exe;
	if (!known) {
		cw_buf_puts(out, "ancestors are unknown");
		return;
	}
	cw_buf_puts(out, "no ancestor");
	put_values(c, c->values[0].pattern ? "matches" : "is", "is one of", out);
}

static void explain_hours(const struct cw_policy *p, const struct cw_policy_grant_rules *g,
			  const struct cw_event *e, struct cw_buf *out)
{
	unsigned int minute = cw_policy_minute_of_day(local_s(p, e));

	cw_buf_printf(out, "%02u:%02u is not in %02u:%02u-%02u:%02u", minute / 60, minute % 60,
		      g->hours_from / 60, g->hours_from % 60, g->hours_to / 60, g->hours_to % 60);
}

static void explain_days(const struct cw_policy *p, const struct cw_policy_grant_rules *g,
			 const struct cw_event *e, struct cw_buf *out)
{
	bool several = g->days & (g->days - 1), first = true;

	cw_buf_printf(out, "%s is %s", cw_policy_day_names[day_meant(g, local_s(p, e))],
		      several ? "none of " : "not ");
	for (unsigned int i = 0; i < 7; i++) {
		if (!(g->days >> i & 1))
			continue;
		cw_buf_printf(out, "%s%s", first ? "" : ", ", cw_policy_day_names[i]);
		first = false;
	}
}

void cw_policy_explain(const struct cw_policy *p, const struct cw_policy_grant_rules *g, size_t i,
		       const struct cw_event *e, struct cw_buf *out)
{
	const struct cw_policy_cond *c = &g->conds[i];
	const struct cw_process *process = &e->process;

	switch (c->kind) {
	case CW_POLICY_EXE:
		return explain_exe(c, process, out);
	case CW_POLICY_SHA256:
		return explain_sha256(c, process, out);
	case CW_POLICY_USER:
		return explain_user(c, "user", uid_of(process), process->user, out);
	case CW_POLICY_UNIT:
		return explain_text(c, "unit", process->unit, out);
	case CW_POLICY_CONTAINER:
		return explain_text(c, "container", process->container, out);
	case CW_POLICY_LOGIN:
		return explain_login(c, &e->origin, out);
	case CW_POLICY_ORIGIN:
		cw_buf_printf(out, "origin %s", cw_origin_name(e->origin.type));
		return put_values(c, "is not", "is none of", out);
	case CW_POLICY_PEER:
		return explain_peer(c, &e->origin, out);
	case CW_POLICY_PARENT:
		return explain_text(c, "parent",
				    n_ancestors(process) ? process->ancestors[0].exe : NULL, out);
	case CW_POLICY_ANCESTOR:
		return explain_ancestor(c, process, out);
	case CW_POLICY_CODE:
		return cw_code_put(out, process);
	case CW_POLICY_FROM:
		cw_buf_puts(out, "it begins at ");
		return cw_policy_put_time(out, g->pub.from_ns, p->offset_s);
	case CW_POLICY_UNTIL:
		cw_buf_puts(out, "it ended at ");
		return cw_policy_put_time(out, g->pub.until_ns, p->offset_s);
	case CW_POLICY_HOURS:
		return explain_hours(p, g, e, out);
	case CW_POLICY_DAYS:
		return explain_days(p, g, e, out);
	case CW_POLICY_COND_MAX:
		break;
	}
}
