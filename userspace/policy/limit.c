// SPDX-License-Identifier: Apache-2.0
/*
 * How much of a limit is used, by grant and person, in event time. Every grant with a limit counts
 * what it covers, whatever other grants do, so that the order of grants never matters.
 *
 * Memory is bounded: PERSONS_MAX persons, OBJECTS_MAX remembered objects, HOLDS_MAX open ones. When
 * a table is full, whole new persons of a grant share one count, objects count again when they come
 * again, and an open that could not be noted runs until any unknown close: always too much rather
 * than too little, and the verdict says so.
 */
#include <math.h>

#include "base/calendar.h"
#include "policy/compiled.h"

#define BUCKETS	     1024 /* power of two */
#define PERSONS_MAX  2048
#define OBJECTS_MAX  32768
#define HOLDS_MAX    8192
#define BEYOND_MAX   256 /* objects remembered beyond a limit, so that the count stays true */
#define SAME_NS	     10000000ULL /* an open and what its close tells of it are no further apart */
#define SECONDS_MAX  (366.0 * CW_DAY_S)
#define NO_OBJECT    UINT64_MAX

enum person_type { PERSON_LOGIN_UID, PERSON_LOGIN_NAME, PERSON_PROGRAM, PERSON_SHARED };

struct person {
	enum person_type type;
	uint32_t uid;
	uint64_t hash; /* of the login name or the executable */
};

/* Device and inode, or a hash with a mark that no device number has. */
struct object {
	uint64_t space;
	uint64_t id;
};

#define SPACE_OPEN  UINT64_MAX	     /* the number of an open */
#define SPACE_PATH  (UINT64_MAX - 1)
#define SPACE_ASSET (UINT64_MAX - 2)
#define SPACE_NONE  (UINT64_MAX - 3) /* nothing tells it from any other */

struct slot {
	struct object object;
	uint32_t ordinal; /* from 1, in the order of coming; 0: free */
};

/* Distinct objects within one window. */
struct counter {
	struct slot *slots;
	uint32_t cap; /* power of two, or 0 */
	uint32_t n;   /* slots in use */
	uint32_t count;
	bool forgetful;
	int64_t last_s; /* of the last event counted: tells its window */
};

struct entry {
	struct entry *next;
	size_t grant;
	struct person person;
	struct counter counters[CW_POLICY_MINUTES]; /* files, cameras */
	uint64_t minutes_ns;
	uint64_t mark_ns; /* all time up to here is counted */
	uint32_t n_holds;
	uint32_t n_untold; /* holds that found no room */
};

/* What a person has open under a grant. */
struct hold {
	struct hold *next;
	struct object object;
	struct entry *entry;
	uint64_t since_ns;   /* of the latest open */
	uint32_t n_open;     /* opened by the person */
	uint32_t n_received; /* opened by somebody else and handed over */
	uint32_t n_stream;
};

struct cw_policy_usage {
	struct entry *entries[BUCKETS];
	struct hold *holds[BUCKETS];
	size_t n_entries;
	size_t n_objects;
	size_t n_holds;
	int64_t swept_s;
	uint64_t last_ns; /* latest event time seen */
	struct entry *shared; /* by grant: everybody whom the table had no room for */
	size_t n_shared;
};

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ULL;
	h ^= h >> 29;
	return h;
}

static uint64_t hash_text(const char *s)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (; s && *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3ULL;
	return mix(h);
}

static size_t bucket_of_person(size_t grant, const struct person *p)
{
	return mix(p->hash ^ ((uint64_t)p->uid << 16) ^ grant ^ ((uint64_t)p->type << 60)) &
	       (BUCKETS - 1);
}

static uint64_t hash_object(const struct object *o)
{
	return mix(o->id ^ mix(o->space));
}

static bool same_object(const struct object *a, const struct object *b)
{
	return a->space == b->space && a->id == b->id && a->space != SPACE_NONE;
}

static bool same_person(const struct person *a, const struct person *b)
{
	return a->type == b->type && a->uid == b->uid && a->hash == b->hash;
}

/* A login is a person whatever programs run; without one, a user's program is. */
static struct person person_of(const struct cw_event *e)
{
	if (e->origin.login_uid != CW_NO_UID)
		return (struct person){ PERSON_LOGIN_UID, e->origin.login_uid, 0 };
	if (e->origin.login_user)
		return (struct person){ PERSON_LOGIN_NAME, 0, hash_text(e->origin.login_user) };
	return (struct person){ PERSON_PROGRAM, e->process.uid, hash_text(e->process.exe) };
}

static bool is_device(const struct cw_event *e)
{
	return e->asset.kind == CW_ASSET_CAMERA || e->asset.kind == CW_ASSET_MICROPHONE;
}

/* The thing itself. A device is its number: nodes with other inodes are the same device. */
static struct object object_of(const struct cw_event *e)
{
	const struct cw_asset *a = &e->asset;
	uint64_t dev = (uint64_t)a->dev_major << 32 | a->dev_minor;
	const char *name = a->node ? a->node : a->by_id ? a->by_id : a->path;

	if (is_device(e) && dev)
		return (struct object){ dev, 0 };
	if (!is_device(e) && a->inode)
		return (struct object){ dev, a->inode };
	if (is_device(e) ? name != NULL : a->path != NULL)
		return (struct object){ SPACE_PATH, hash_text(is_device(e) ? name : a->path) };
	return (struct object){ SPACE_NONE, NO_OBJECT };
}

static bool is_directory(const struct cw_event *e)
{
	const struct cw_detail *d = cw_event_detail(e, "directory");

	return d && d->type == CW_DETAIL_BOOL && d->u;
}

static uint64_t open_id_of(const struct cw_event *e)
{
	const struct cw_detail *d = cw_event_detail(e, "open_id");

	return d && d->type == CW_DETAIL_UINT ? d->u : 0;
}

/* What a close will name: the one open, if it has a number, else the thing that was opened. */
static struct object opened_of(const struct cw_event *e)
{
	uint64_t id = open_id_of(e);

	return id ? (struct object){ SPACE_OPEN, id } : object_of(e);
}

/* A camera has several nodes; if the policy names it by what they share, they are one. */
static struct object camera_of(const struct cw_policy *p, size_t asset, const struct cw_event *e)
{
	if (p->assets[asset].weight)
		return (struct object){ SPACE_ASSET, hash_text(p->assets[asset].pub.name) };
	return object_of(e);
}

int cw_policy_usage_new(const struct cw_policy *p, struct cw_policy_usage **ret_usage)
{
	struct cw_policy_usage *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->shared = calloc(p->n_grants + 1, sizeof(*u->shared));
	if (!u->shared) {
		free(u);
		return -ENOMEM;
	}
	u->n_shared = p->n_grants;
	for (size_t i = 0; i < p->n_grants; i++) {
		u->shared[i].grant = i;
		u->shared[i].person.type = PERSON_SHARED;
	}
	*ret_usage = u;
	return 0;
}

static void clear_counter(struct cw_policy_usage *u, struct counter *c)
{
	u->n_objects -= c->n;
	free(c->slots);
	*c = (struct counter){ 0 };
}

static void clear_entry(struct cw_policy_usage *u, struct entry *entry)
{
	for (size_t i = 0; i < CW_POLICY_MINUTES; i++)
		clear_counter(u, &entry->counters[i]);
}

void cw_policy_usage_free(struct cw_policy_usage *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct entry *e = u->entries[i], *next; e; e = next) {
			next = e->next;
			clear_entry(u, e);
			free(e);
		}
		for (struct hold *h = u->holds[i], *next; h; h = next) {
			next = h->next;
			free(h);
		}
	}
	for (size_t i = 0; i < u->n_shared; i++)
		clear_entry(u, &u->shared[i]);
	free(u->shared);
	free(u);
}

/* Windows. */

static int64_t seconds_of(uint64_t ns)
{
	return (int64_t)(ns / CW_NSEC_PER_SEC);
}

static int64_t window_of(const struct cw_policy *p, const struct cw_policy_rate *rate, int64_t s)
{
	return cw_policy_window_start(rate->window, s, p->offset_s);
}

/* A clock that is set back opens no new window. */
static bool is_later_window(const struct cw_policy *p, const struct cw_policy_rate *rate,
			    int64_t last_s, int64_t now_s)
{
	return now_s > last_s && window_of(p, rate, now_s) > window_of(p, rate, last_s);
}

static void roll_counter(struct cw_policy *p, const struct cw_policy_rate *rate,
			 struct counter *c, int64_t now_s)
{
	if (c->count && is_later_window(p, rate, c->last_s, now_s))
		clear_counter(p->usage, c);
	if (now_s > c->last_s)
		c->last_s = now_s;
}

/* Brings the minutes up to `now`: one clock for a person, however much is open at once. */
static void run_clock(struct cw_policy *p, struct entry *entry, uint64_t now)
{
	const struct cw_policy_rate *rate = &p->grants[entry->grant].limits[CW_POLICY_MINUTES];
	bool running = entry->n_holds || entry->n_untold;

	if (!rate->max || now <= entry->mark_ns)
		return;
	if (is_later_window(p, rate, seconds_of(entry->mark_ns), seconds_of(now))) {
		int64_t start = window_of(p, rate, seconds_of(now));

		entry->minutes_ns = 0;
		/* Not back before what is counted; windows start on whole seconds. */
		entry->mark_ns = start < 0 ? 0 : (uint64_t)start * CW_NSEC_PER_SEC;
	}
	if (!running)
		return;
	entry->minutes_ns += now - entry->mark_ns;
	entry->mark_ns = now;
}

/* Entries. */

static bool is_idle(struct cw_policy *p, const struct entry *entry, int64_t now_s)
{
	const struct cw_policy_rate *rates = p->grants[entry->grant].limits;

	if (entry->n_holds || entry->n_untold)
		return false;
	for (size_t i = 0; i < CW_POLICY_MINUTES; i++)
		if (entry->counters[i].count &&
		    !is_later_window(p, &rates[i], entry->counters[i].last_s, now_s))
			return false;
	return !entry->minutes_ns || is_later_window(p, &rates[CW_POLICY_MINUTES],
						     seconds_of(entry->mark_ns), now_s);
}

/* Drops whoever has nothing in a current window. At most once a minute of event time. */
static void sweep(struct cw_policy *p, int64_t now_s)
{
	struct cw_policy_usage *u = p->usage;

	if (now_s < u->swept_s + 60)
		return;
	u->swept_s = now_s;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct entry **at = &u->entries[i]; *at;) {
			struct entry *entry = *at;

			if (!is_idle(p, entry, now_s)) {
				at = &entry->next;
				continue;
			}
			*at = entry->next;
			clear_entry(u, entry);
			free(entry);
			u->n_entries--;
		}
	}
}

static struct entry *find_entry(struct cw_policy_usage *u, size_t grant,
				const struct person *person)
{
	struct entry *entry = u->entries[bucket_of_person(grant, person)];

	while (entry && (entry->grant != grant || !same_person(&entry->person, person)))
		entry = entry->next;
	return entry;
}

static void link_entry(struct cw_policy_usage *u, struct entry *entry)
{
	size_t bucket = bucket_of_person(entry->grant, &entry->person);

	entry->next = u->entries[bucket];
	u->entries[bucket] = entry;
	u->n_entries++;
}

static struct entry *get_entry(struct cw_policy *p, size_t grant, const struct cw_event *e)
{
	struct cw_policy_usage *u = p->usage;
	struct person person = person_of(e);
	struct entry *entry = find_entry(u, grant, &person);

	if (entry)
		return entry;
	if (u->n_entries >= PERSONS_MAX)
		sweep(p, seconds_of(e->time_ns));
	entry = u->n_entries < PERSONS_MAX ? calloc(1, sizeof(*entry)) : NULL;
	if (!entry)
		return &u->shared[grant];
	entry->grant = grant;
	entry->person = person;
	link_entry(u, entry);
	return entry;
}

/* Counters. */

static struct slot *find_slot(const struct counter *c, const struct object *o)
{
	uint32_t i;

	if (!c->cap)
		return NULL;
	for (i = (uint32_t)hash_object(o) & (c->cap - 1); c->slots[i].ordinal;
	     i = (i + 1) & (c->cap - 1))
		if (same_object(&c->slots[i].object, o))
			break;
	return &c->slots[i];
}

static bool grow(struct counter *c)
{
	struct counter bigger = *c;

	bigger.cap = c->cap ? 2 * c->cap : 8;
	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (uint32_t i = 0; i < c->cap; i++)
		if (c->slots[i].ordinal)
			*find_slot(&bigger, &c->slots[i].object) = c->slots[i];
	free(c->slots);
	*c = bigger;
	return true;
}

/* Which of the window's objects this one is, from 1; `add`: a new one is counted. */
static uint32_t ordinal_of(struct cw_policy_usage *u, struct counter *c, const struct object *o,
			   uint32_t max, bool add)
{
	struct slot *slot = find_slot(c, o);

	if (slot && slot->ordinal)
		return slot->ordinal;
	if (!add || c->count == UINT32_MAX)
		return c->count < UINT32_MAX ? c->count + 1 : c->count;
	c->count++;
	if (o->space == SPACE_NONE || u->n_objects >= OBJECTS_MAX || c->n >= max + BEYOND_MAX ||
	    ((c->n + 1) * 4 > c->cap * 3 && !grow(c))) {
		c->forgetful = true;
		return c->count;
	}
	*find_slot(c, o) = (struct slot){ *o, c->count };
	c->n++;
	u->n_objects++;
	return c->count;
}

/* Holds. */

static struct hold **find_hold(struct cw_policy_usage *u, const struct object *o,
			       const struct entry *entry)
{
	struct hold **at = &u->holds[hash_object(o) & (BUCKETS - 1)];

	while (*at && (!same_object(&(*at)->object, o) || (*at)->entry != entry))
		at = &(*at)->next;
	return at;
}

static void drop_hold(struct cw_policy_usage *u, struct hold **at)
{
	struct hold *h = *at;

	*at = h->next;
	h->entry->n_holds--;
	free(h);
	u->n_holds--;
}

static void begin_hold(struct cw_policy *p, struct entry *entry, const struct cw_event *e)
{
	struct cw_policy_usage *u = p->usage;
	struct object object = opened_of(e);
	struct hold **at = find_hold(u, &object, entry);

	/* Nothing ran before now: the clock starts here, not where it last stood. */
	if (!entry->n_holds && !entry->n_untold && e->time_ns > entry->mark_ns)
		entry->mark_ns = e->time_ns;
	if (!*at) {
		struct hold *h = NULL;

		if (u->n_holds < HOLDS_MAX && object.space != SPACE_NONE)
			h = calloc(1, sizeof(*h));
		if (!h) {
			entry->n_untold += entry->n_untold < UINT32_MAX;
			return;
		}
		h->object = object;
		h->entry = entry;
		*at = h;
		u->n_holds++;
		entry->n_holds++;
	}
	if (e->kind == CW_KIND_STREAM) {
		(*at)->n_stream += (*at)->n_stream < UINT32_MAX;
		return;
	}
	(*at)->since_ns = e->time_ns;
	if (e->kind != CW_KIND_OPEN)
		(*at)->n_received += (*at)->n_received < UINT32_MAX;
	else
		(*at)->n_open += (*at)->n_open < UINT32_MAX;
}

/* The event's seconds, as nanoseconds; 0 where it has none that make sense. */
static uint64_t lasted_ns(const struct cw_event *e)
{
	const struct cw_detail *d = cw_event_detail(e, "seconds");
	double s = 0;

	if (d && d->type == CW_DETAIL_DOUBLE)
		s = d->d;
	else if (d && d->type == CW_DETAIL_UINT)
		s = (double)d->u;
	if (!isfinite(s) || s <= 0)
		return 0;
	return (uint64_t)((s < SECONDS_MAX ? s : SECONDS_MAX) * 1e9);
}

/* Time that ended now and whose beginning was not seen. True: some of it was not counted yet. */
static bool add_interval(struct cw_policy *p, struct entry *entry, const struct cw_event *e)
{
	uint64_t lasted = lasted_ns(e), from;

	run_clock(p, entry, e->time_ns);
	if (!lasted || e->time_ns <= entry->mark_ns)
		return false;
	from = e->time_ns > lasted ? e->time_ns - lasted : 0;
	if (is_later_window(p, &p->grants[entry->grant].limits[CW_POLICY_MINUTES],
			    seconds_of(from), seconds_of(e->time_ns)))
		from = (uint64_t)window_of(p, &p->grants[entry->grant].limits[CW_POLICY_MINUTES],
					   seconds_of(e->time_ns)) * CW_NSEC_PER_SEC;
	if (from < entry->mark_ns)
		from = entry->mark_ns;
	entry->minutes_ns += e->time_ns - from;
	entry->mark_ns = e->time_ns;
	return true;
}

/* Verdicts. */

static bool over_minutes(const struct cw_policy *p, const struct entry *entry, bool more)
{
	uint64_t max = (uint64_t)p->grants[entry->grant].limits[CW_POLICY_MINUTES].max * 60 *
		       CW_NSEC_PER_SEC;

	/* What is used up to the last moment leaves nothing for a new access. */
	return max && (more ? entry->minutes_ns >= max : entry->minutes_ns > max);
}

static bool exceed(const struct cw_policy *p, const struct entry *entry,
		   enum cw_policy_limit limit, uint32_t count, uint64_t now,
		   struct cw_policy_excess *ret_excess)
{
	const struct cw_policy_rate *rate = &p->grants[entry->grant].limits[limit];
	int64_t last_s = limit < CW_POLICY_MINUTES ? entry->counters[limit].last_s :
						     seconds_of(entry->mark_ns);
	int64_t at_s = seconds_of(now) > last_s ? seconds_of(now) : last_s;

	*ret_excess = (struct cw_policy_excess){
		.grant = entry->grant,
		.limit = limit,
		.count = count,
		.counted_ns = entry->minutes_ns,
		.window_s = window_of(p, rate, at_s),
		.shared = entry->person.type == PERSON_SHARED,
		.forgetful = limit < CW_POLICY_MINUTES ? entry->counters[limit].forgetful :
							 entry->n_untold > 0,
	};
	return true;
}

/* Files or cameras: true if this one is over the limit. */
static bool charge_count(struct cw_policy *p, struct entry *entry, enum cw_policy_limit limit,
			 const struct object *o, const struct cw_event *e, bool counts,
			 struct cw_policy_excess *ret_excess)
{
	const struct cw_policy_rate *rate = &p->grants[entry->grant].limits[limit];
	struct counter *c = &entry->counters[limit];
	uint32_t ordinal;

	roll_counter(p, rate, c, seconds_of(e->time_ns));
	ordinal = ordinal_of(p->usage, c, o, rate->max, counts);
	return ordinal > rate->max && exceed(p, entry, limit, ordinal, e->time_ns, ret_excess);
}

static bool is_stream_start(const struct cw_event *e)
{
	const struct cw_detail *d = cw_event_detail(e, "phase");

	return e->kind == CW_KIND_STREAM && d && d->type == CW_DETAIL_STRING &&
	       cw_streq(d->s, "start");
}

/* The stream's own time ends; the device may stay open. */
static void end_stream(struct cw_policy *p, struct entry *entry, const struct cw_event *e)
{
	struct object object = opened_of(e);
	struct hold **at = find_hold(p->usage, &object, entry);

	if (!*at) {
		add_interval(p, entry, e);
		return;
	}
	if ((*at)->n_stream)
		(*at)->n_stream--;
	if (!(*at)->n_open && !(*at)->n_received && !(*at)->n_stream)
		drop_hold(p->usage, at);
}

/* What is inherited counts from its first use, if the close can be told to be of it. */
static bool begins(const struct cw_event *e)
{
	switch (e->kind) {
	case CW_KIND_OPEN:
	case CW_KIND_RECEIVE:
		return true;
	case CW_KIND_USE:
	case CW_KIND_MAP:
		return open_id_of(e) != 0;
	default:
		return is_stream_start(e);
	}
}

static bool charge_minutes(struct cw_policy *p, struct entry *entry, const struct cw_event *e,
			   bool counts, struct cw_policy_excess *ret_excess)
{
	bool more = e->kind != CW_KIND_STREAM || is_stream_start(e), over;

	run_clock(p, entry, e->time_ns);
	if (e->kind == CW_KIND_STREAM && !more && counts)
		end_stream(p, entry, e);
	over = over_minutes(p, entry, more);
	if (over)
		exceed(p, entry, CW_POLICY_MINUTES, 0, e->time_ns, ret_excess);
	/* Time beyond the limit counts too, or the next message would show less than there was. */
	if (counts && begins(e))
		begin_hold(p, entry, e);
	return over;
}

bool cw_policy_limit_charge(struct cw_policy *p, size_t grant, size_t asset,
			    const struct cw_event *e, struct cw_policy_excess *ret_excess)
{
	const struct cw_policy_rate *limits = p->grants[grant].limits;
	bool counts = e->kind != CW_KIND_DENIED && e->result >= 0, over = false;
	struct cw_policy_excess excess;
	struct object object;
	struct entry *entry;

	if (is_directory(e)) /* no recording: only the way there */
		return true;
	entry = get_entry(p, grant, e);
	/* Every limit counts, also behind the first that is exceeded; the first is reported. */
	if (limits[CW_POLICY_FILES].max && !is_device(e)) {
		object = object_of(e);
		over = charge_count(p, entry, CW_POLICY_FILES, &object, e, counts, ret_excess);
	}
	if (limits[CW_POLICY_CAMERAS].max && is_device(e)) {
		object = camera_of(p, asset, e);
		over = charge_count(p, entry, CW_POLICY_CAMERAS, &object, e, counts, ret_excess);
	}
	if (limits[CW_POLICY_MINUTES].max &&
	    charge_minutes(p, entry, e, counts, over ? &excess : ret_excess))
		over = true;
	return !over;
}

static bool is_own(struct cw_policy_usage *u, const struct hold *h,
		   const struct person *person)
{
	if (h->entry->person.type != PERSON_SHARED)
		return same_person(&h->entry->person, person);
	return !find_entry(u, h->entry->grant, person);
}

/*
 * One close tells of one open. Where the event has no number for it, that is the closer's, and
 * also that of whoever opened what was handed on (it began when the close says), or got it from
 * there (it began later).
 */
static bool ends_with(const struct hold *h, bool own, const struct cw_event *e)
{
	uint64_t lasted = lasted_ns(e), opened;

	if (own || !lasted)
		return own;
	opened = e->time_ns > lasted ? e->time_ns - lasted : 0;
	if (h->n_received && h->since_ns + SAME_NS >= opened)
		return true;
	return h->n_open && h->since_ns + SAME_NS >= opened && h->since_ns <= opened + SAME_NS;
}

static bool end_open(struct hold *h)
{
	if (h->n_open)
		h->n_open--;
	else if (h->n_received)
		h->n_received--;
	/* A stream does not outlive its descriptor. */
	return !h->n_open && !h->n_received;
}

/* Streams have no number of an open: those of the closer on the device end with it. */
static void end_streams(struct cw_policy *p, const struct cw_event *e, const struct person *person)
{
	struct object object = object_of(e);
	struct hold **at = &p->usage->holds[hash_object(&object) & (BUCKETS - 1)];

	while (*at) {
		struct hold *h = *at;

		if (!same_object(&h->object, &object) || h->n_open || h->n_received ||
		    !is_own(p->usage, h, person)) {
			at = &h->next;
			continue;
		}
		run_clock(p, h->entry, e->time_ns);
		drop_hold(p->usage, at);
	}
}

bool cw_policy_limit_close(struct cw_policy *p, const struct cw_event *e, bool *ret_known,
			   struct cw_policy_excess *ret_excess)
{
	struct object object = opened_of(e);
	struct person person = person_of(e);
	struct hold **at = &p->usage->holds[hash_object(&object) & (BUCKETS - 1)];
	bool exact = object.space == SPACE_OPEN, within = false, over = false, known = false;

	while (*at) {
		struct hold *h = *at;

		if (!same_object(&h->object, &object) ||
		    !(exact || ends_with(h, is_own(p->usage, h, &person), e))) {
			at = &h->next;
			continue;
		}
		known = true;
		run_clock(p, h->entry, e->time_ns);
		if (!over_minutes(p, h->entry, false))
			within = true;
		else if (!over)
			over = exceed(p, h->entry, CW_POLICY_MINUTES, 0, e->time_ns, ret_excess);
		if (exact || end_open(h))
			drop_hold(p->usage, at);
		else
			at = &h->next;
	}
	if (exact)
		end_streams(p, e, &person);
	*ret_known = known;
	return over && !within;
}

bool cw_policy_limit_add_unseen(struct cw_policy *p, const uint16_t *grants, size_t n,
				const struct cw_event *e, struct cw_policy_excess *ret_excess)
{
	bool within = false, over = false;

	if (is_directory(e))
		return false;
	for (size_t i = 0; i < n; i++) {
		struct entry *entry;
		bool added = true;

		if (!p->grants[grants[i]].limits[CW_POLICY_MINUTES].max) {
			within = true;
			continue;
		}
		entry = get_entry(p, grants[i], e);
		if (entry->n_untold) {
			run_clock(p, entry, e->time_ns);
			entry->n_untold--;
		} else {
			added = add_interval(p, entry, e);
		}
		if (!added || !over_minutes(p, entry, false))
			within = true;
		else if (!over)
			over = exceed(p, entry, CW_POLICY_MINUTES, 0, e->time_ns, ret_excess);
	}
	return over && !within;
}

void cw_policy_limit_saw(struct cw_policy *p, uint64_t now)
{
	if (now > p->usage->last_ns)
		p->usage->last_ns = now;
}

void cw_policy_limit_forget_open(struct cw_policy *p, const struct cw_event *e)
{
	struct cw_policy_usage *u = p->usage;
	/* A stop ends what was seen; before a start nobody looked. */
	uint64_t until = e->kind == CW_KIND_STOP ? e->time_ns : u->last_ns;

	for (size_t i = 0; i < BUCKETS; i++) {
		while (u->holds[i]) {
			run_clock(p, u->holds[i]->entry, until);
			drop_hold(u, &u->holds[i]);
		}
		for (struct entry *entry = u->entries[i]; entry; entry = entry->next) {
			run_clock(p, entry, until);
			entry->n_untold = 0;
		}
	}
	for (size_t i = 0; i < u->n_shared; i++) {
		run_clock(p, &u->shared[i], until);
		u->shared[i].n_untold = 0;
	}
}

/* After a reload. */

static void move_holds(struct cw_policy_usage *to, struct cw_policy_usage *from,
		       struct entry *old, struct entry *entry)
{
	for (size_t i = 0; old->n_holds && i < BUCKETS; i++) {
		for (struct hold **at = &from->holds[i]; *at;) {
			struct hold *h = *at;

			if (h->entry != old) {
				at = &h->next;
				continue;
			}
			*at = h->next;
			from->n_holds--;
			h->entry = entry;
			h->next = to->holds[i];
			to->holds[i] = h;
			to->n_holds++;
		}
	}
}

static void move_objects(struct cw_policy_usage *to, struct cw_policy_usage *from,
			 const struct entry *entry)
{
	for (size_t i = 0; i < CW_POLICY_MINUTES; i++) {
		from->n_objects -= entry->counters[i].n;
		to->n_objects += entry->counters[i].n;
	}
}

/* The grant of that name that goes on counting, or n_grants. */
static size_t heir_of(const struct cw_policy *to, const struct cw_policy *from, size_t grant)
{
	size_t i = 0;

	while (i < to->n_grants && (!to->grants[i].limited ||
				    strcmp(to->grants[i].pub.name, from->grants[grant].pub.name)))
		i++;
	return i;
}

static void move_shared(struct cw_policy *to, struct cw_policy *from, size_t grant)
{
	struct entry *old = &from->usage->shared[grant], *heir;
	size_t i = heir_of(to, from, grant);

	if (i == to->n_grants)
		return;
	heir = &to->usage->shared[i];
	clear_entry(to->usage, heir);
	move_objects(to->usage, from->usage, old);
	move_holds(to->usage, from->usage, old, heir);
	*heir = *old;
	heir->grant = i;
	*old = (struct entry){ .grant = grant, .person.type = PERSON_SHARED };
}

static void move_entry(struct cw_policy *to, struct cw_policy *from, struct entry **at)
{
	struct entry *entry = *at;
	size_t i = heir_of(to, from, entry->grant);

	if (i == to->n_grants || to->usage->n_entries >= PERSONS_MAX ||
	    find_entry(to->usage, i, &entry->person)) {
		*at = entry->next;
		from->usage->n_entries--;
		for (size_t b = 0; entry->n_holds && b < BUCKETS; b++)
			for (struct hold **h = &from->usage->holds[b]; *h;)
				if ((*h)->entry == entry)
					drop_hold(from->usage, h);
				else
					h = &(*h)->next;
		clear_entry(from->usage, entry);
		free(entry);
		return;
	}
	*at = entry->next;
	from->usage->n_entries--;
	move_objects(to->usage, from->usage, entry);
	move_holds(to->usage, from->usage, entry, entry);
	entry->grant = i;
	link_entry(to->usage, entry);
}

void cw_policy_keep_usage(struct cw_policy *to, struct cw_policy *from)
{
	if (!to || !from || to == from || !to->usage || !from->usage)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (from->usage->entries[i])
			move_entry(to, from, &from->usage->entries[i]);
	for (size_t i = 0; i < from->n_grants; i++)
		move_shared(to, from, i);
	to->usage->last_ns = from->usage->last_ns;
}
