// SPDX-License-Identifier: Apache-2.0
/* Owns the compiled filter; filter_parse.c reads the language. */
#include <limits.h>

#include "filter_nodes.h"
#include "sink/text.h"

enum answer { NO, MAYBE, YES };

struct question {
	const struct cw_filter *filter;
	const struct cw_event *event;
	unsigned int parts; /* that are known */
};

/* ---- nodes ---- */

void cw_filter_node_free(struct cw_filter_node *n)
{
	if (!n)
		return;
	for (struct cw_filter_node *c = n->first, *next; c; c = next) {
		next = c->next;
		cw_filter_node_free(c);
	}
	for (struct cw_filter_value *v = n->values, *next; v; v = next) {
		next = v->next;
		free(v);
	}
	free(n);
}

struct cw_filter_node *cw_filter_node_new(struct cw_filter *f, enum cw_filter_node_type type,
					  enum cw_fact fact)
{
	struct cw_filter_node *n;

	if (f->n_nodes >= CW_FILTER_NODES_MAX)
		return NULL;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	f->n_nodes++;
	n->type = type;
	n->fact = fact;
	if (type == CW_FILTER_TEST || type == CW_FILTER_KNOWN)
		f->asks[fact] = true;
	return n;
}

void cw_filter_node_add(struct cw_filter_node *to, struct cw_filter_node *n)
{
	if (to->last)
		to->last->next = n;
	else
		to->first = n;
	to->last = n;
}

int cw_filter_new(int offset_s, struct cw_filter **ret_filter)
{
	struct cw_filter *f = calloc(1, sizeof(*f));

	if (f)
		f->root = cw_filter_node_new(f, CW_FILTER_ALL, CW_FACT_MAX);
	if (!f || !f->root) {
		free(f);
		return -ENOMEM;
	}
	f->offset_s = offset_s;
	*ret_filter = f;
	return 0;
}

void cw_filter_free(struct cw_filter *f)
{
	if (!f)
		return;
	cw_filter_node_free(f->root);
	free(f);
}

bool cw_filter_asks(const struct cw_filter *f, enum cw_fact fact)
{
	return f->asks[fact];
}

bool cw_filter_asks_part(const struct cw_filter *f, enum cw_fact_part part)
{
	for (int i = 0; i < CW_FACT_MAX; i++)
		if (f->asks[i] && cw_fact_part((enum cw_fact)i) == part)
			return true;
	return false;
}

/* ---- values ---- */

/* As a policy calls all assets of a kind. */
static const char *const plurals[CW_ASSET_KIND_MAX] = {
	[CW_ASSET_CAMERA] = "cameras", [CW_ASSET_MICROPHONE] = "microphones",
	[CW_ASSET_RECORDINGS] = "recordings", [CW_ASSET_SHM] = "shm", [CW_ASSET_DISK] = "disks",
};

static int take_word(struct cw_filter_value *v, enum cw_fact fact, struct cw_buf *what)
{
	const char *word;

	v->form = CW_FILTER_NUMBER;
	for (unsigned int i = 0; (word = cw_fact_word_name(fact, i)); i++) {
		if (strcmp(word, v->text))
			continue;
		v->number = i;
		return 0;
	}
	cw_buf_puts(what, "one of");
	for (unsigned int i = 0; (word = cw_fact_word_name(fact, i)); i++)
		cw_buf_printf(what, "%s %s", i ? "," : "", word);
	return -EINVAL;
}

/* A day alone is meant as a whole, whatever it is compared by. */
static int take_moment(struct cw_filter_value *v, int offset_s, struct cw_buf *what)
{
	bool day = !strchr(v->text, 'T');
	bool behind = day && (v->op == CW_FILTER_AT_MOST || v->op == CW_FILTER_MORE);

	v->form = CW_FILTER_NUMBER;
	if ((!day && v->op == CW_FILTER_IS) ||
	    cw_policy_parse_time(v->text, offset_s, behind, &v->number)) {
		cw_buf_puts(what, v->op == CW_FILTER_IS ? "a day like 2026-11-24" :
				  "a time like 2026-11-24T04:30:00Z, or a day");
		return -EINVAL;
	}
	if (behind)
		v->op = v->op == CW_FILTER_MORE ? CW_FILTER_AT_LEAST : CW_FILTER_LESS;
	if (v->op == CW_FILTER_IS) {
		v->form = CW_FILTER_RANGE;
		return cw_policy_parse_time(v->text, offset_s, true, &v->end);
	}
	return 0;
}

static int take_hours(struct cw_filter_value *v, struct cw_buf *what)
{
	unsigned int from, to;

	if (cw_policy_parse_hours(v->text, &from, &to)) {
		cw_buf_puts(what, "hours like 22:00-06:00");
		return -EINVAL;
	}
	v->form = CW_FILTER_HOURS;
	v->number = from;
	v->end = to;
	return 0;
}

static int take_real(struct cw_filter_value *v, struct cw_buf *what)
{
	uint64_t whole, part = 0;
	char *dot = strchr(v->text, '.');
	double unit = 1;
	int r;

	if (dot)
		*dot = '\0';
	r = cw_policy_parse_uint(v->text, UINT32_MAX, &whole);
	if (!r && dot)
		r = strlen(dot + 1) > 9 ? -EINVAL :
					  cw_policy_parse_uint(dot + 1, UINT32_MAX, &part);
	if (r) {
		cw_buf_puts(what, "a number like 60 or 2.5");
		return r;
	}
	for (const char *p = dot; p && *++p;)
		unit *= 10;
	v->form = CW_FILTER_REAL;
	v->real = (double)whole + (double)part / unit;
	return 0;
}

static int take_object(struct cw_filter_value *v)
{
	v->form = *v->text == '/' ? CW_FILTER_BELOW : CW_FILTER_TEXT;
	while (v->form == CW_FILTER_BELOW && v->len > 1 && v->text[v->len - 1] == '/')
		v->text[--v->len] = '\0';
	for (unsigned int i = 1; i < CW_ASSET_KIND_MAX; i++) {
		if (!cw_streq(plurals[i], v->text))
			continue;
		v->form = CW_FILTER_ASSET_KIND;
		v->number = i;
	}
	return 0;
}

static void take_program(struct cw_filter_value *v)
{
	char hash[65];

	if (!cw_policy_parse_sha256(v->text, hash)) {
		memcpy(v->text, hash, sizeof(hash));
		v->form = CW_FILTER_HASH;
	} else {
		v->form = strchr(v->text, '/') ? CW_FILTER_TEXT : CW_FILTER_LAST;
	}
}

static int take_net(struct cw_filter_value *v, struct cw_buf *what)
{
	int r = cw_policy_parse_net(v->text, &v->net);

	v->form = CW_FILTER_NET;
	if (!r)
		return 0;
	if (r == -ERANGE)
		cw_policy_put_net(what, &v->net);
	else
		cw_buf_puts(what, "an address, or a network like 10.0.0.0/8");
	return -EINVAL;
}

static int take_exact(const struct cw_filter *f, struct cw_filter_value *v, enum cw_fact fact,
		      struct cw_buf *what)
{
	switch (cw_fact_type(fact)) {
	case CW_FACT_PERSON:
		v->form = cw_policy_parse_uint(v->text, CW_NO_UID - 1, &v->number) ?
			  CW_FILTER_TEXT : CW_FILTER_UID;
		return 0;
	case CW_FACT_OBJECT:
		return take_object(v);
	case CW_FACT_PROGRAM:
		take_program(v);
		return 0;
	case CW_FACT_NET:
		return take_net(v, what);
	case CW_FACT_WORD:
		return take_word(v, fact, what);
	case CW_FACT_MOMENT:
		return take_moment(v, f->offset_s, what);
	case CW_FACT_CLOCK:
		return take_hours(v, what);
	case CW_FACT_NUMBER:
		v->form = CW_FILTER_NUMBER;
		if (!cw_policy_parse_uint(v->text, UINT64_MAX, &v->number))
			return 0;
		cw_buf_puts(what, "a number");
		return -EINVAL;
	case CW_FACT_REAL:
		return take_real(v, what);
	case CW_FACT_TEXT:
		break;
	}
	v->form = CW_FILTER_TEXT;
	return 0;
}

int cw_filter_value_add(const struct cw_filter *f, struct cw_filter_node *n, enum cw_filter_op op,
			const char *text, struct cw_buf *what)
{
	size_t len = strlen(text);
	struct cw_filter_value *v;
	int r = 0;

	if (len > CW_FILTER_VALUE_MAX) {
		cw_buf_printf(what, "at most %u bytes", CW_FILTER_VALUE_MAX);
		return -EINVAL;
	}
	v = calloc(1, sizeof(*v) + len + 1);
	if (!v)
		return -ENOMEM;
	memcpy(v->text, text, len + 1);
	v->len = len;
	v->op = op;
	v->form = CW_FILTER_PATTERN;
	if (op != CW_FILTER_LIKE)
		r = take_exact(f, v, n->fact, what);
	else if (cw_fact_type(n->fact) == CW_FACT_PROGRAM && !strchr(text, '/'))
		v->form = CW_FILTER_PATTERN_LAST;
	if (r) {
		free(v);
		return r;
	}
	v->next = n->values;
	n->values = v;
	return 0;
}

/* ---- asking ---- */

static bool is_below(const char *path, const struct cw_filter_value *v)
{
	if (!path || strncmp(path, v->text, v->len))
		return false;
	return path[v->len] == '/' || !path[v->len] || v->len == 1;
}

static const char *new_name(const struct cw_event *e)
{
	const struct cw_detail *to = cw_event_detail(e, "to");

	return to && to->type == CW_DETAIL_STRING ? to->s : NULL;
}

/* A recording may be about to get a name that is not known yet. */
static enum answer not_this_path(const struct question *q)
{
	enum cw_asset_kind kind = q->event->asset.kind;

	return (kind == CW_ASSET_RECORDINGS || kind == CW_ASSET_SHM) &&
	       !(q->parts & CW_FACT_OF_EVENT) ? MAYBE : NO;
}

/* Any of its names, also the one that it just got. */
static bool object_has_path(const struct cw_filter_value *v, const struct cw_event *e)
{
	const struct cw_asset *a = &e->asset;

	return (!a->path_partial && is_below(a->path, v)) || is_below(a->node, v) ||
	       is_below(a->by_id, v) || is_below(a->root, v) || is_below(new_name(e), v);
}

static bool object_is_like(const struct cw_filter_value *v, const struct cw_event *e)
{
	const char *const names[] = { e->asset.path, e->asset.node, e->asset.by_id, new_name(e) };

	for (size_t i = 0; i < CW_ARRAY_SIZE(names); i++)
		if (names[i] && cw_policy_glob(v->text, names[i], false))
			return true;
	return false;
}

static enum answer ask_object(const struct question *q, const struct cw_filter_value *v)
{
	const struct cw_event *e = q->event;
	const char *name = e->asset.name;

	if (e->asset.kind == CW_ASSET_NONE)
		return NO;
	if (v->form == CW_FILTER_BELOW)
		return object_has_path(v, e) ? YES : not_this_path(q);
	if (v->form == CW_FILTER_ASSET_KIND && v->number == e->asset.kind)
		return YES;
	if (v->form == CW_FILTER_PATTERN && object_is_like(v, e))
		return YES;
	if (!(q->parts & CW_FACT_OF_VERDICT)) /* the policy may give it that name */
		return MAYBE;
	if (v->form == CW_FILTER_PATTERN)
		return name && cw_policy_glob(v->text, name, false) ? YES : NO;
	return cw_streq(v->text, name) ? YES : NO;
}

static bool ask_text(const struct cw_filter_value *v, enum cw_fact fact, const struct cw_event *e)
{
	bool program = cw_fact_type(fact) == CW_FACT_PROGRAM;
	char room[CW_FACT_ROOM];
	const char *text = cw_fact_text(fact, e, room);

	switch (v->form) {
	case CW_FILTER_PATTERN:
		return text && cw_policy_glob(v->text, text, program);
	case CW_FILTER_PATTERN_LAST:
		return text && cw_policy_glob(v->text, cw_base_name(text), true);
	case CW_FILTER_LAST:
		return cw_streq(v->text, cw_base_name(text));
	default:
		return cw_streq(v->text, text);
	}
}

static bool ask_person(const struct cw_filter_value *v, enum cw_fact fact, const struct cw_event *e)
{
	const char *name;
	uint32_t uid = fact == CW_FACT_LOGIN ? cw_origin_login(&e->origin, &name) : e->process.uid;

	if (v->form == CW_FILTER_UID && e->process.pid && uid == v->number)
		return true;
	return ask_text(v, fact, e);
}

static bool in_order(enum cw_filter_op op, int order)
{
	switch (op) {
	case CW_FILTER_LESS:
		return order < 0;
	case CW_FILTER_AT_MOST:
		return order <= 0;
	case CW_FILTER_MORE:
		return order > 0;
	case CW_FILTER_AT_LEAST:
		return order >= 0;
	default:
		return !order;
	}
}

static bool ask_hours(const struct question *q, const struct cw_filter_value *v)
{
	int64_t local = (int64_t)(q->event->time_ns / CW_NSEC_PER_SEC) + q->filter->offset_s;
	unsigned int minute = cw_policy_minute_of_day(local);

	if (v->number < v->end)
		return minute >= v->number && minute < v->end;
	return minute >= v->number || minute < v->end;
}

static bool ask_number(const struct cw_filter_value *v, enum cw_fact fact,
		       const struct cw_event *e)
{
	uint64_t n;
	double d;

	switch (cw_fact_type(fact)) {
	case CW_FACT_MOMENT:
		n = e->time_ns;
		if (v->form == CW_FILTER_RANGE)
			return n >= v->number && n < v->end;
		break;
	case CW_FACT_WORD:
		n = cw_fact_word(fact, e);
		break;
	case CW_FACT_REAL:
		return cw_fact_real(fact, e, &d) &&
		       in_order(v->op, d < v->real ? -1 : d > v->real);
	default:
		if (!cw_fact_number(fact, e, &n))
			return false;
	}
	return in_order(v->op, n < v->number ? -1 : n > v->number);
}

static bool ask_value(const struct question *q, const struct cw_filter_value *v, enum cw_fact fact)
{
	const struct cw_event *e = q->event;
	const void *addr = NULL;
	unsigned int size;

	switch (cw_fact_type(fact)) {
	case CW_FACT_PERSON:
		return ask_person(v, fact, e);
	case CW_FACT_PROGRAM:
		if (v->form == CW_FILTER_HASH)
			return fact == CW_FACT_EXE && e->process.pid &&
			       cw_streq(v->text, e->process.exe_sha256);
		return ask_text(v, fact, e);
	case CW_FACT_TEXT:
		return ask_text(v, fact, e);
	case CW_FACT_NET:
		size = e->process.pid ? cw_origin_peer(&e->origin, &addr) : 0;
		return size && cw_policy_net_has(&v->net, addr, size);
	case CW_FACT_CLOCK:
		return ask_hours(q, v);
	default:
		return ask_number(v, fact, e);
	}
}

static enum answer ask_test(const struct question *q, const struct cw_filter_node *n)
{
	enum answer best = NO, a;

	if (!(q->parts & cw_fact_part(n->fact)))
		return MAYBE;
	for (const struct cw_filter_value *v = n->values; v && best != YES; v = v->next) {
		a = n->fact == CW_FACT_ASSET ? ask_object(q, v) :
		    ask_value(q, v, n->fact) ? YES : NO;
		best = a > best ? a : best;
	}
	return best;
}

static enum answer ask_known(const struct question *q, enum cw_fact fact)
{
	const struct cw_event *e = q->event;
	char room[CW_FACT_ROOM];
	uint64_t n;
	double d;

	if (!(q->parts & cw_fact_part(fact)))
		return MAYBE;
	switch (cw_fact_type(fact)) {
	case CW_FACT_OBJECT:
		return e->asset.kind != CW_ASSET_NONE ? YES : NO;
	case CW_FACT_WORD:
		return fact == CW_FACT_KIND || cw_fact_word(fact, e) ? YES : NO;
	case CW_FACT_MOMENT:
	case CW_FACT_CLOCK:
		return YES;
	case CW_FACT_NUMBER:
		return cw_fact_number(fact, e, &n) ? YES : NO;
	case CW_FACT_REAL:
		return cw_fact_real(fact, e, &d) ? YES : NO;
	default:
		return cw_fact_text(fact, e, room) ? YES : NO;
	}
}

/* Depth is bounded by CW_FILTER_DEPTH_MAX. */
static enum answer ask(const struct question *q, const struct cw_filter_node *n)
{
	enum answer all = YES, any = NO, a;

	switch (n->type) {
	case CW_FILTER_ALL:
		for (const struct cw_filter_node *c = n->first; c && all != NO; c = c->next) {
			a = ask(q, c);
			all = a < all ? a : all;
		}
		return all;
	case CW_FILTER_ANY:
		for (const struct cw_filter_node *c = n->first; c && any != YES; c = c->next) {
			a = ask(q, c);
			any = a > any ? a : any;
		}
		return any;
	case CW_FILTER_NOT:
		return (enum answer)(YES - ask(q, n->first));
	case CW_FILTER_TEST:
		return ask_test(q, n);
	case CW_FILTER_KNOWN:
		return ask_known(q, n->fact);
	case CW_FILTER_DENIED:
		if (!(q->parts & CW_FACT_OF_EVENT))
			return MAYBE;
		return q->event->result < 0 || q->event->kind == CW_KIND_DENIED ? YES : NO;
	}
	return NO;
}

bool cw_filter_takes(const struct cw_filter *f, const struct cw_event *e)
{
	struct question q = { f, e, UINT_MAX };

	return ask(&q, f->root) == YES;
}

bool cw_filter_may_take(const struct cw_filter *f, const struct cw_event *e, unsigned int parts)
{
	struct question q = { f, e, parts };

	return ask(&q, f->root) != NO;
}
