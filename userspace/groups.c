// SPDX-License-Identifier: Apache-2.0
/*
 * Two tables, both open-addressed and grown by doubling: groups by their names, and which objects
 * each group has touched. An object is known by 128 bits of a hash with a secret key, so that who
 * made the events cannot make two of them meet.
 */
#include <sys/random.h>

#include "base/calendar.h"
#include "facts.h"
#include "groups.h"
#include "policy/value.h"
#include "sink/json.h"
#include "sink/text.h"

#define CAPTURES_MAX 1024
#define OTHERS "(more than can be told apart)"
#define NO_TIME UINT64_MAX

struct group {
	size_t name; /* in `names`: a string for each level, each with its NUL */
	size_t name_len;
	uint64_t events, flags;
	uint64_t recordings, cameras, microphones;
	bool at_least;	       /* a recording that is distinct could not be counted */
	bool devices_at_least; /* the same of cameras and microphones */
	uint32_t running;  /* captures that began and did not end, as far as it was seen */
	double seconds;	   /* of captures that ended */
	uint64_t first_ns, last_ns;
	uint64_t lead; /* while they are sorted: breadth of all with the same first name */
};

struct capture {
	uint64_t id;
	uint32_t group;
};

struct seen {
	uint64_t a, b; /* of the object */
	uint32_t group;
	uint32_t used;
};

struct cw_groups {
	enum cw_group_by by[CW_GROUP_LEVELS];
	unsigned int n_by;
	int offset_s;
	uint64_t since_ns;
	uint64_t unit_ns; /* an hour or a day, whichever the finest level is; 0: neither */
	unsigned int parts_left;
	uint64_t key[2];
	struct group *groups;
	size_t n, room;
	uint32_t *slots; /* index + 1 of a group */
	size_t n_slots;
	struct seen *seen;
	size_t n_seen, n_seen_slots, n_seen_devices;
	struct capture captures[CAPTURES_MAX]; /* that run; what finds no room runs for ever */
	unsigned int n_captures;
	struct cw_buf names, name;
	bool crowded, uncounted, unsplit;
	enum cw_table_form form;
	struct cw_table_column columns[CW_GROUP_LEVELS + 1 + 8];
	unsigned int n_columns;
};

static const char *const by_words[CW_BY_MAX] = {
	[CW_BY_LOGIN] = "login", [CW_BY_ASSET] = "asset", [CW_BY_DAY] = "day",
	[CW_BY_HOUR] = "hour", [CW_BY_PROGRAM] = "program", [CW_BY_PEER] = "peer",
	[CW_BY_KIND] = "kind", [CW_BY_CLASS] = "class", [CW_BY_FILE] = "file",
	[CW_BY_USER] = "user", [CW_BY_UNIT] = "unit", [CW_BY_ORIGIN] = "origin",
	[CW_BY_HUB] = "hub",
};

static const char *const sort_words[CW_SORT_MAX] = {
	[CW_SORT_DEFAULT] = "default", [CW_SORT_BREADTH] = "breadth", [CW_SORT_NAME] = "name",
	[CW_SORT_EVENTS] = "events", [CW_SORT_FLAGS] = "flags",
	[CW_SORT_RECORDINGS] = "recordings", [CW_SORT_CAMERAS] = "cameras",
	[CW_SORT_MICROPHONES] = "microphones", [CW_SORT_MINUTES] = "minutes",
	[CW_SORT_FIRST] = "first", [CW_SORT_LAST] = "last",
};

static int find_word(const char *const *words, int n, const char *word)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(words[i], word))
			return i;
	return -ENOENT;
}

int cw_group_by_parse(const char *word, enum cw_group_by *ret_by)
{
	int i = cw_streq(word, "person") ? CW_BY_LOGIN : find_word(by_words, CW_BY_MAX, word);

	if (i >= 0)
		*ret_by = (enum cw_group_by)i;
	return i < 0 ? i : 0;
}

int cw_group_sort_parse(const char *word, enum cw_group_sort *ret_sort)
{
	int i = find_word(sort_words, CW_SORT_MAX, word);

	if (i >= 0)
		*ret_sort = (enum cw_group_sort)i;
	return i < 0 ? i : 0;
}

/* ---- hashing ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash(uint64_t key, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = mix(key ^ len, 0x9e3779b97f4a7c15ULL), part;

	for (; len; p += sizeof(part), len -= len < sizeof(part) ? len : sizeof(part)) {
		part = 0;
		memcpy(&part, p, len < sizeof(part) ? len : sizeof(part));
		h = mix(h ^ part, key | 1) + 0xd1b54a32d192ed03ULL;
	}
	return mix(h ^ key, 0x94d049bb133111ebULL);
}

/* ---- names of groups ---- */

static void add_local(struct cw_buf *b, uint64_t ns, int offset_s, size_t from, size_t len)
{
	char t[CW_JSON_TIME_SIZE];

	cw_json_time(ns + (uint64_t)((int64_t)offset_s * (int64_t)CW_NSEC_PER_SEC), t);
	cw_buf_add(b, t + from, len);
}

static void add_time(struct cw_buf *b, bool hour, uint64_t ns, int offset_s)
{
	if (ns == NO_TIME) {
		cw_buf_puts(b, OTHERS);
		return;
	}
	add_local(b, ns, offset_s, 0, 10);
	if (!hour)
		return;
	cw_buf_putc(b, ' ');
	add_local(b, ns, offset_s, 11, 2);
	cw_buf_puts(b, ":00");
}

static const char *raw_name(enum cw_group_by by, const struct cw_event *e, char room[CW_FACT_ROOM])
{
	switch (by) {
	case CW_BY_ASSET:
		return e->asset.kind == CW_ASSET_NONE ? NULL :
		       e->asset.name ? e->asset.name : cw_asset_kind_name(e->asset.kind);
	case CW_BY_PROGRAM:
		return !e->process.pid ? NULL : e->process.exe ? e->process.exe : e->process.comm;
	case CW_BY_PEER:
		return cw_fact_text(CW_FACT_PEER, e, room);
	case CW_BY_KIND:
		return cw_kind_name(e->kind);
	case CW_BY_CLASS:
		return e->verdict.decision == CW_DECISION_FLAG ? cw_class_name(e->verdict.class) :
		       cw_decision_name(e->verdict.decision);
	case CW_BY_FILE:
		return cw_fact_text(CW_FACT_PATH, e, room);
	case CW_BY_USER:
		return cw_fact_text(CW_FACT_USER, e, room);
	case CW_BY_UNIT:
		return cw_fact_text(CW_FACT_UNIT, e, room);
	case CW_BY_ORIGIN:
		return e->process.pid ? cw_origin_name(e->origin.type) : NULL;
	default:
		return e->hub;
	}
}

/* A type of origin; whoever logged in is that first of all, as in cw_text_person(). */
static enum cw_origin_type person_type(const struct cw_event *e)
{
	const char *name;

	if (e->process.pid && cw_origin_login(&e->origin, &name) != CW_NO_UID)
		return CW_ORIGIN_LOGIN;
	return e->process.pid && e->origin.family ? CW_ORIGIN_REMOTE : e->origin.type;
}

/* Harmless, and empty if unknown. */
static void add_name(const struct cw_groups *g, struct cw_buf *b, enum cw_group_by by,
		     const struct cw_event *e, uint64_t at_ns)
{
	char room[CW_FACT_ROOM];
	const char *raw;

	switch (by) {
	case CW_BY_LOGIN: /* a unit that is called like a person is none */
		cw_buf_putc(b, (char)('a' + person_type(e)));
		cw_text_person(b, e);
		break;
	case CW_BY_DAY:
	case CW_BY_HOUR:
		add_time(b, by == CW_BY_HOUR, at_ns, g->offset_s);
		break;
	default:
		raw = raw_name(by, e, room);
		if (raw)
			cw_text_safe(b, raw);
	}
	cw_buf_putc(b, '\0');
}

static const char *level_name(const struct cw_groups *g, const struct group *group,
			      unsigned int level)
{
	const char *s = g->names.data + group->name;

	while (level--)
		s += strlen(s) + 1;
	return s;
}

/* ---- finding ---- */

static uint32_t *find_slot(struct cw_groups *g, const char *name, size_t len)
{
	size_t at = hash(g->key[0], name, len) & (g->n_slots - 1);

	for (;; at = (at + 1) & (g->n_slots - 1)) {
		const struct group *group;

		if (!g->slots[at])
			return &g->slots[at];
		group = &g->groups[g->slots[at] - 1];
		if (group->name_len == len && !memcmp(g->names.data + group->name, name, len))
			return &g->slots[at];
	}
}

static int grow(struct cw_groups *g)
{
	size_t room = g->room ? g->room * 2 : 64;
	struct group *groups;
	uint32_t *slots;

	if (g->n < g->room)
		return 0;
	groups = realloc(g->groups, room * sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	g->groups = groups;
	slots = calloc(room * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(g->slots);
	g->slots = slots;
	g->n_slots = room * 2;
	g->room = room;
	for (size_t i = 0; i < g->n; i++)
		*find_slot(g, g->names.data + g->groups[i].name, g->groups[i].name_len) =
			(uint32_t)i + 1;
	return 0;
}

/* The group of that name; once there are too many, one for all that is new. */
static int find_group(struct cw_groups *g, struct cw_buf *name, size_t *ret_i)
{
	uint32_t *slot;
	int r = grow(g);

	if (r || name->error)
		return r ? r : name->error;
	slot = find_slot(g, name->data, name->len);
	if (!*slot && (g->n >= CW_GROUPS_MAX || g->names.len + name->len > CW_GROUP_TEXT_MAX)) {
		g->crowded = true;
		cw_buf_reset(name);
		cw_buf_puts(name, g->by[0] == CW_BY_LOGIN ? "a" OTHERS : OTHERS);
		cw_buf_putc(name, '\0');
		for (unsigned int i = 1; i < g->n_by; i++) {
			if (g->by[i] == CW_BY_LOGIN)
				cw_buf_putc(name, 'a');
			cw_buf_putc(name, '\0');
		}
		slot = find_slot(g, name->data, name->len);
	}
	if (!*slot) {
		struct group *group = &g->groups[g->n];

		memset(group, 0, sizeof(*group));
		group->name = g->names.len;
		group->name_len = name->len;
		group->first_ns = UINT64_MAX;
		cw_buf_add(&g->names, name->data, name->len);
		if (g->names.error)
			return g->names.error;
		*slot = (uint32_t)++g->n;
	}
	*ret_i = *slot - 1;
	return 0;
}

/* That of an event, at a time that may be another than its own, or NO_TIME. */
static int find_group_of(struct cw_groups *g, const struct cw_event *e, uint64_t at_ns,
			 size_t *ret_i)
{
	cw_buf_reset(&g->name);
	for (unsigned int level = 0; level < g->n_by; level++)
		add_name(g, &g->name, g->by[level], e, at_ns);
	return find_group(g, &g->name, ret_i);
}

/* ---- objects ---- */

static int grow_seen(struct cw_groups *g)
{
	size_t n = g->n_seen_slots ? g->n_seen_slots * 2 : 1024;
	struct seen *old = g->seen, *seen;

	if (g->n_seen * 4 < g->n_seen_slots * 3)
		return 0;
	seen = calloc(n, sizeof(*seen));
	if (!seen)
		return -ENOMEM;
	for (size_t i = 0; i < g->n_seen_slots; i++) {
		size_t at = (old[i].a + old[i].group) & (n - 1);

		if (!old[i].used)
			continue;
		while (seen[at].used)
			at = (at + 1) & (n - 1);
		seen[at] = old[i];
	}
	free(old);
	g->seen = seen;
	g->n_seen_slots = n;
	return 0;
}

/* 1: the group touches it for the first time; 0: not; -ENOSPC: nobody can say any more. */
static int see(struct cw_groups *g, size_t group, uint64_t a, uint64_t b, bool device)
{
	size_t at;
	int r = grow_seen(g);

	if (r)
		return r;
	at = (a + group) & (g->n_seen_slots - 1);
	for (; g->seen[at].used; at = (at + 1) & (g->n_seen_slots - 1))
		if (g->seen[at].a == a && g->seen[at].b == b && g->seen[at].group == group)
			return 0;
	if (device ? g->n_seen_devices >= CW_DISTINCT_DEVICES_MAX :
		     g->n_seen - g->n_seen_devices >= CW_DISTINCT_MAX)
		return -ENOSPC;
	g->seen[at] = (struct seen){ a, b, (uint32_t)group, 1 };
	g->n_seen++;
	g->n_seen_devices += device;
	return 1;
}

/*
 * A camera is its node. A recording is its inode under its name: numbers of inodes are given out
 * again soon, and two that had the same must not count as one.
 */
static int see_object(struct cw_groups *g, size_t group, const struct cw_event *e)
{
	const struct cw_asset *a = &e->asset;
	bool file = a->kind == CW_ASSET_RECORDINGS || a->kind == CW_ASSET_SHM;
	const char *name = file || !a->node ? a->path : a->node;
	struct {
		uint64_t hub, inode, kind;
		uint32_t major, minor;
	} id = { 0 };
	uint64_t key;

	id.hub = hash(g->key[0], e->hub ? e->hub : "", e->hub ? strlen(e->hub) : 0);
	id.kind = a->kind;
	if (file)
		id.inode = a->inode;
	if (file || !a->node) {
		id.major = a->dev_major;
		id.minor = a->dev_minor;
	}
	name = name ? name : "";
	key = hash(g->key[0], &id, sizeof(id));
	return see(g, group, hash(key, name, strlen(name)),
		   hash(hash(g->key[1], &id, sizeof(id)), name, strlen(name)), !file);
}

static int count_object(struct cw_groups *g, size_t i, const struct cw_event *e)
{
	struct group *group = &g->groups[i];
	uint64_t *count;
	int r;

	switch (e->asset.kind) {
	case CW_ASSET_RECORDINGS:
		count = &group->recordings;
		break;
	case CW_ASSET_CAMERA:
		count = &group->cameras;
		break;
	case CW_ASSET_MICROPHONE:
		count = &group->microphones;
		break;
	default:
		return 0;
	}
	if (!cw_kind_is_access(e->kind) || e->kind == CW_KIND_DENIED || e->result < 0 ||
	    cw_event_detail(e, "directory"))
		return 0; /* it was not touched, or is no recording */
	r = see_object(g, i, e);
	if (r == -ENOSPC) {
		g->uncounted = true;
		if (e->asset.kind == CW_ASSET_RECORDINGS)
			group->at_least = true;
		else
			group->devices_at_least = true;
		return 0;
	}
	*count += r == 1;
	return r < 0 ? r : 0;
}

static uint64_t capture_id(const struct cw_groups *g, const struct cw_event *e)
{
	struct {
		uint64_t boot, start_ns;
		uint32_t pid, major, minor, pad;
	} id = { .start_ns = e->process.start_ns, .pid = e->process.pid,
		 .major = e->asset.dev_major, .minor = e->asset.dev_minor };

	id.boot = hash(g->key[0], e->boot_id ? e->boot_id : "",
		       e->boot_id ? strlen(e->boot_id) : 0);
	return hash(g->key[1], &id, sizeof(id));
}

static void capture_begins(struct cw_groups *g, size_t group, uint64_t id)
{
	for (unsigned int i = 0; i < g->n_captures; i++)
		if (g->captures[i].id == id && g->captures[i].group == group)
			return;
	g->groups[group].running++;
	if (g->n_captures < CAPTURES_MAX)
		g->captures[g->n_captures++] = (struct capture){ id, (uint32_t)group };
}

/* It may have begun in another group: on the day before, with another name of the asset. */
static void capture_ends(struct cw_groups *g, uint64_t id)
{
	for (unsigned int i = 0; i < g->n_captures; i++) {
		if (g->captures[i].id != id)
			continue;
		g->groups[g->captures[i].group].running--;
		g->captures[i--] = g->captures[--g->n_captures];
	}
}

/*
 * To each day or hour what lay in it, the last first. An event may claim any number of years:
 * beyond the bounds what is left goes to none of them. The last is no more work than the event.
 */
static int split_capture(struct cw_groups *g, const struct cw_event *e, uint64_t length)
{
	uint64_t offset_ns = (uint64_t)((int64_t)g->offset_s * (int64_t)CW_NSEC_PER_SEC);
	uint64_t to = e->time_ns, part;
	size_t i;

	for (unsigned int n = 0; length; n++, to -= part, length -= part) {
		bool rest = n == CW_CAPTURE_PARTS_MAX || (n && !g->parts_left);
		int r;

		part = (to - 1 + offset_ns) % g->unit_ns + 1;
		if (rest || part > length)
			part = length;
		r = find_group_of(g, e, rest ? NO_TIME : to - 1, &i);
		if (r)
			return r;
		g->groups[i].seconds += (double)part / (double)CW_NSEC_PER_SEC;
		g->unsplit |= rest;
		g->parts_left -= n && !rest;
	}
	return 0;
}

static int count_capture(struct cw_groups *g, size_t group, const struct cw_event *e)
{
	const struct cw_detail *phase = cw_event_detail(e, "phase");
	uint64_t in_range = e->time_ns - g->since_ns, length;
	double seconds, ns;

	if (e->kind != CW_KIND_STREAM || !phase || phase->type != CW_DETAIL_STRING)
		return 0;
	if (cw_streq(phase->s, "start"))
		capture_begins(g, group, capture_id(g, e));
	else
		capture_ends(g, capture_id(g, e));
	if (!cw_fact_real(CW_FACT_SECONDS, e, &seconds) || !(seconds > 0))
		return 0;
	ns = seconds * (double)CW_NSEC_PER_SEC;
	length = ns < (double)in_range ? (uint64_t)ns : in_range;
	if (length > in_range) /* as a double it was rounded up */
		length = in_range;
	if (g->unit_ns)
		return split_capture(g, e, length);
	g->groups[group].seconds += (double)length / (double)CW_NSEC_PER_SEC;
	return 0;
}

int cw_groups_add(struct cw_groups *g, const struct cw_event *e)
{
	struct group *group;
	size_t i;
	int r = find_group_of(g, e, e->time_ns, &i);

	if (r)
		return r;
	group = &g->groups[i];
	group->events++;
	group->flags += e->verdict.decision == CW_DECISION_FLAG;
	if (e->time_ns < group->first_ns)
		group->first_ns = e->time_ns;
	if (e->time_ns > group->last_ns)
		group->last_ns = e->time_ns;
	r = count_capture(g, i, e);
	return r ? r : count_object(g, i, e);
}

/* ---- order ---- */

static uint64_t breadth(const struct group *g)
{
	return g->recordings + g->cameras + g->microphones;
}

/* More comes first. */
static int falling(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b;
}

static int by_breadth(const struct group *a, const struct group *b)
{
	int r = falling(breadth(a), breadth(b));

	if (!r)
		r = a->seconds > b->seconds ? -1 : a->seconds < b->seconds;
	return r ? r : falling(a->events, b->events);
}

static bool is_time(enum cw_group_by by)
{
	return by == CW_BY_DAY || by == CW_BY_HOUR;
}

static int by_name(const struct cw_groups *g, const struct group *a, const struct group *b)
{
	size_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
	int r = memcmp(g->names.data + a->name, g->names.data + b->name, len);

	return r ? r : falling(b->name_len, a->name_len);
}

/* Times in their order; of other first names the widest first, and its parts together. */
static int by_default(const struct cw_groups *g, const struct group *a, const struct group *b)
{
	int r = 0;

	if (!is_time(g->by[0])) {
		r = falling(a->lead, b->lead);
		if (!r && g->n_by == 1)
			r = by_breadth(a, b);
	}
	if (!r)
		r = strcmp(level_name(g, a, 0), level_name(g, b, 0));
	if (!r && g->n_by > 1 && !is_time(g->by[1]))
		r = by_breadth(a, b);
	return r;
}

struct order {
	const struct cw_groups *groups;
	enum cw_group_sort sort;
};

static int compare(const void *pa, const void *pb, void *ctx)
{
	const struct group *a = pa, *b = pb;
	const struct order *o = ctx;
	int r = 0;

	switch (o->sort) {
	case CW_SORT_BREADTH:
		r = by_breadth(a, b);
		break;
	case CW_SORT_EVENTS:
		r = falling(a->events, b->events);
		break;
	case CW_SORT_FLAGS:
		r = falling(a->flags, b->flags);
		break;
	case CW_SORT_RECORDINGS:
		r = falling(a->recordings, b->recordings);
		break;
	case CW_SORT_CAMERAS:
		r = falling(a->cameras, b->cameras);
		break;
	case CW_SORT_MICROPHONES:
		r = falling(a->microphones, b->microphones);
		break;
	case CW_SORT_MINUTES:
		r = a->seconds > b->seconds ? -1 : a->seconds < b->seconds;
		break;
	case CW_SORT_FIRST:
		r = falling(b->first_ns, a->first_ns);
		break;
	case CW_SORT_LAST:
		r = falling(a->last_ns, b->last_ns);
		break;
	case CW_SORT_DEFAULT:
		r = by_default(o->groups, a, b);
		break;
	default:
		break;
	}
	return r ? r : by_name(o->groups, a, b);
}

static void sum_leads(struct cw_groups *g)
{
	for (size_t i = 0, end; i < g->n; i = end) {
		uint64_t lead = 0;

		for (end = i; end < g->n && !strcmp(level_name(g, &g->groups[i], 0),
						    level_name(g, &g->groups[end], 0)); end++)
			lead += breadth(&g->groups[end]);
		for (size_t k = i; k < end; k++)
			g->groups[k].lead = lead;
	}
}

/* Nothing can be added afterwards: the slots no longer lead to their groups. */
void cw_groups_sort(struct cw_groups *g, enum cw_group_sort sort)
{
	struct order o = { g, CW_SORT_NAME };

	if (!g->n)
		return;
	qsort_r(g->groups, g->n, sizeof(*g->groups), compare, &o);
	sum_leads(g);
	o.sort = sort;
	qsort_r(g->groups, g->n, sizeof(*g->groups), compare, &o);
}

/* ---- what is shown ---- */

size_t cw_groups_n(const struct cw_groups *g)
{
	return g->n;
}

bool cw_groups_crowded(const struct cw_groups *g)
{
	return g->crowded;
}

bool cw_groups_uncounted(const struct cw_groups *g)
{
	return g->uncounted;
}

bool cw_groups_unsplit(const struct cw_groups *g)
{
	return g->unsplit;
}

const struct cw_table_column *cw_groups_columns(const struct cw_groups *g, unsigned int *ret_n)
{
	*ret_n = g->n_columns;
	return g->columns;
}

void cw_groups_time(struct cw_table *t, enum cw_table_form form, uint64_t ns, int offset_s)
{
	cw_auto_buf struct cw_buf b = { 0 };
	char iso[CW_JSON_TIME_SIZE];

	if (form == CW_TABLE_TEXT) {
		cw_policy_put_time(&b, ns, offset_s);
		if (b.len > 10)
			b.data[10] = ' ';
	} else {
		cw_json_time(ns, iso);
		cw_buf_puts(&b, iso);
	}
	cw_table_safe(t, b.data, CW_TABLE_PLAIN);
}

void cw_groups_row(const struct cw_groups *g, size_t i, struct cw_table *t)
{
	const struct group *group = &g->groups[i];
	const char *name = g->names.data + group->name;

	for (unsigned int level = 0; level < g->n_by; level++, name += strlen(name) + 1) {
		const char *type = NULL;

		if (g->by[level] == CW_BY_LOGIN)
			type = cw_origin_name((enum cw_origin_type)(*name++ - 'a'));
		cw_table_safe(t, *name ? name : NULL, CW_TABLE_PLAIN);
		if (type && g->form != CW_TABLE_TEXT)
			cw_table_safe(t, type, CW_TABLE_PLAIN);
	}
	cw_table_number(t, group->events, false);
	cw_table_number(t, group->flags, false);
	cw_table_number(t, group->recordings, group->at_least);
	cw_table_number(t, group->cameras, group->devices_at_least);
	cw_table_number(t, group->microphones, group->devices_at_least);
	cw_table_real(t, group->seconds / 60, group->running > 0);
	if (group->events) {
		cw_groups_time(t, g->form, group->first_ns, g->offset_s);
		cw_groups_time(t, g->form, group->last_ns, g->offset_s);
	} else { /* only a part of a capture */
		cw_table_safe(t, NULL, CW_TABLE_PLAIN);
		cw_table_safe(t, NULL, CW_TABLE_PLAIN);
	}
}

int cw_groups_new(const enum cw_group_by *by, unsigned int n, enum cw_table_form form,
		  int offset_s, uint64_t since_ns, struct cw_groups **ret_groups)
{
	static const struct cw_table_column counts[] = {
		{ "events", true },  { "flags", true },	      { "recordings", true },
		{ "cameras", true }, { "microphones", true }, { "minutes", true },
		{ "first", false },  { "last", false },
	};
	struct cw_groups *g;

	if (!n || n > CW_GROUP_LEVELS)
		return -EINVAL;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	if (getrandom(g->key, sizeof(g->key), 0) != sizeof(g->key)) {
		free(g);
		return -EIO;
	}
	g->n_by = n;
	g->offset_s = offset_s;
	g->since_ns = since_ns;
	g->form = form;
	g->parts_left = CW_PARTS_MAX;
	for (unsigned int i = 0; i < n; i++) {
		bool person = by[i] == CW_BY_LOGIN;

		g->by[i] = by[i];
		if (by[i] == CW_BY_HOUR)
			g->unit_ns = 3600 * CW_NSEC_PER_SEC;
		else if (by[i] == CW_BY_DAY && !g->unit_ns)
			g->unit_ns = CW_DAY_NS;
		g->columns[g->n_columns++].key = person ? "person" : by_words[by[i]];
		if (person && form != CW_TABLE_TEXT)
			g->columns[g->n_columns++].key = "person_type";
	}
	memcpy(g->columns + g->n_columns, counts, sizeof(counts));
	g->n_columns += CW_ARRAY_SIZE(counts);
	*ret_groups = g;
	return 0;
}

void cw_groups_free(struct cw_groups *g)
{
	if (!g)
		return;
	free(g->groups);
	free(g->slots);
	free(g->seen);
	cw_buf_free(&g->names);
	cw_buf_free(&g->name);
	free(g);
}
