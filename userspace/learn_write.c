// SPDX-License-Identifier: Apache-2.0
/*
 * Writes. First the assets, as a policy of their own, which is asked what each use belongs to; so
 * that a grant is on the asset that the finished policy will find, too. Everything is sorted, and
 * comments never hold what was not made harmless.
 */
#include "learn_state.h"
#include "policy/write.h"
#include "sink/json.h"
#include "sink/text.h"

#define RIGHTS_MAX	8192
#define RIGHTS_SHOWN	64 /* of one grant, in its comment */
#define GRANTS_TEXT_MAX (640u << 10) /* of the 1 MiB that a policy may have */
#define DECISION_LINES	400
#define WHATS_SHOWN	12 /* of one person */
#define NAME_LEN	96 /* of 128; a number may follow */

/* What one subject did to one asset. Those that differ in the asset alone become one grant. */
struct right {
	struct cw_tally_entry tally;
	const struct cw_learn_use *who; /* one of the uses it was made of */
	size_t asset;			/* of the policy */
	uint64_t on[CW_LEARN_POLICY_MAX / 64]; /* bits: this asset, and those within it */
	unsigned int verbs;
	uint64_t day_max, flagged;
};

struct writer {
	struct cw_learn *l;
	struct cw_buf *out;
	struct cw_policy *assets; /* those of the finished policy, without grants */
	struct cw_tally *rights;
	char **names; /* of assets, then of grants: unique among each other's kind */
	size_t n_names, first_name;
	uint64_t without_room;
};

/* ---- names ---- */

static bool is_kind_word(const char *s)
{
	static const char *const words[] = { "cameras", "microphones", "recordings", "shm",
					     "disks" };

	for (size_t i = 0; i < CW_ARRAY_SIZE(words); i++)
		if (!strcmp(s, words[i]))
			return true;
	return false;
}

static bool is_taken(const struct writer *w, const char *name)
{
	for (size_t i = w->first_name; i < w->n_names; i++)
		if (!strcmp(w->names[i], name))
			return true;
	return false;
}

/* A name like `base` that nothing of its kind has yet; the writer owns it. */
static int make_name(struct writer *w, const char *base, const char **ret_name)
{
	cw_auto_buf struct cw_buf name = { 0 };

	for (unsigned int i = 1;; i++) {
		cw_buf_reset(&name);
		cw_buf_puts(&name, base);
		cw_policy_cut_text(&name, NAME_LEN);
		if (i > 1)
			cw_buf_printf(&name, " %u", i);
		if (name.error)
			return name.error;
		if (!is_taken(w, name.data))
			break;
	}
	*ret_name = w->names[w->n_names++] = name.data;
	name.data = NULL;
	return 0;
}

/* What the trace calls it, else the end of its path: if that is a name and not a word. */
static int name_asset(struct writer *w, const char *hint, const char *path,
		      enum cw_asset_kind kind, const char **ret_name)
{
	const char *const bases[] = { hint && strchr(hint, '/') ? NULL : hint,
				      cw_base_name(path) };
	char base[32];

	for (size_t i = 0; i < CW_ARRAY_SIZE(bases); i++)
		if (cw_policy_can_hold(bases[i]) && !is_kind_word(bases[i]))
			return make_name(w, bases[i], ret_name);
	snprintf(base, sizeof(base), "%s of the hub", cw_asset_kind_name(kind));
	return make_name(w, base, ret_name);
}

/* ---- assets ---- */

static void put_field(struct cw_buf *b, const char *key, const char *value)
{
	if (!value)
		return;
	cw_buf_printf(b, ", %s: ", key);
	cw_policy_put_text(b, value);
}

static void put_asset(struct cw_buf *b, const char *name, const struct cw_policy_asset *a)
{
	cw_buf_puts(b, "  ");
	cw_policy_put_text(b, name);
	cw_buf_printf(b, ": {kind: %s", cw_asset_kind_name(a->kind));
	put_field(b, "device", a->device);
	put_field(b, "by-id", a->by_id);
	put_field(b, "card", a->card);
	put_field(b, "bus", a->bus);
	put_field(b, "path", a->path);
	cw_buf_puts(b, "}\n");
}

static int put_known_assets(struct writer *w)
{
	for (size_t i = 0; w->l->known && i < cw_policy_n_assets(w->l->known); i++) {
		const struct cw_policy_asset *a = cw_policy_asset(w->l->known, i);
		bool all = !a->device && !a->by_id && !a->card && !a->bus && !a->path;
		const char *name;
		int r;

		/* A kind's word stays one only if it means all of the kind. */
		r = is_kind_word(a->name) && !all ?
			    name_asset(w, NULL, a->device ? a->device : a->path, a->kind, &name) :
			    make_name(w, a->name, &name);
		if (r)
			return r;
		put_asset(w->out, name, a);
	}
	return 0;
}

static int by_description(const void *pa, const void *pb)
{
	const struct cw_learn_asset *a = pa, *b = pb;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->by != b->by)
		return a->by < b->by ? -1 : 1;
	return strcmp(a->text, b->text);
}

static int put_new_assets(struct writer *w)
{
	cw_tally_sort(w->l->assets, by_description);
	for (unsigned int i = 0; i < cw_tally_n(w->l->assets); i++) {
		const struct cw_learn_asset *a = cw_tally_at(w->l->assets, i);
		struct cw_policy_asset p = { .kind = a->kind };
		const char *name;
		int r = name_asset(w, a->hint, a->text, a->kind, &name);

		if (r)
			return r;
		p.by_id = a->by == CW_LEARN_BY_ID ? a->text : NULL;
		p.device = a->by == CW_LEARN_DEVICE ? a->text : NULL;
		p.path = a->by == CW_LEARN_PATH ? a->text : NULL;
		put_asset(w->out, name, &p);
	}
	return 0;
}

/* From here on `assets` is the policy that finds them. */
static int put_assets(struct writer *w, struct cw_buf *errors)
{
	size_t begin = w->out->len;
	int r;

	cw_buf_puts(w->out, "version: 1\nassets:\n");
	r = put_known_assets(w);
	if (!r)
		r = put_new_assets(w);
	if (!r && !w->n_names)
		cw_buf_puts(w->out, "  # none was seen; a policy has at least one\n"
				    "  cameras: {kind: camera}\n");
	if (r || w->out->error)
		return r ? r : w->out->error;
	return cw_policy_parse("learned assets", w->out->data + begin, w->out->len - begin, errors,
			       &w->assets);
}

/* ---- grants ---- */

static size_t index_of(const struct writer *w, const struct cw_policy_asset *asset)
{
	size_t i = 0;

	while (cw_policy_asset(w->assets, i) != asset)
		i++;
	return i;
}

static bool is_strictly_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return !strncmp(path, folder, len) && path[len] == '/';
}

static void set_bit(uint64_t *bits, size_t i)
{
	bits[i / 64] |= 1ULL << i % 64;
}

/*
 * A folder inside that of this use became an asset only later: some of the use may have been there,
 * and belongs to that asset now.
 */
static void add_inner_assets(const struct writer *w, const struct cw_learn_use *u, uint64_t *on)
{
	const char *folder = u->object.path ? u->object.path : u->object.root;

	for (unsigned int i = 0; folder && i < cw_tally_n(w->l->assets); i++) {
		const struct cw_learn_asset *a = cw_tally_at(w->l->assets, i);
		struct cw_asset inner = { .kind = a->kind, .root = a->text, .path = a->text };

		if (a->by == CW_LEARN_PATH && a->kind == u->object.kind &&
		    a->number >= u->assets_before && is_strictly_below(a->text, folder))
			set_bit(on, index_of(w, cw_policy_asset_of(w->assets, &inner)));
	}
}

static int add_right(struct writer *w, const struct cw_learn_use *u)
{
	const struct cw_policy_asset *asset = cw_policy_asset_of(w->assets, &u->object);
	const char *const parts[] = { u->exe,  u->sha256,    u->unit,
				      u->user, u->container, u->code ? "code" : NULL };
	cw_auto_buf struct cw_buf key = { 0 };
	struct right *g;
	void *entry;
	int r;

	if (!asset) {
		w->without_room += u->tally.count;
		return 0;
	}
	cw_buf_printf(&key, "%d %zu ", u->origin, index_of(w, asset));
	for (size_t i = 0; i < CW_ARRAY_SIZE(parts); i++)
		cw_tally_key(&key, parts[i]);
	r = cw_tally_add(w->rights, &key, u->tally.first_ns, &entry);
	if (r == -ENOSPC)
		w->without_room += u->tally.count;
	if (r)
		return r == -ENOSPC ? 0 : r;
	g = entry;
	if (g->tally.count == 1) {
		g->who = u;
		g->asset = index_of(w, asset);
		set_bit(g->on, g->asset);
	}
	g->tally.count += u->tally.count - 1;
	if (u->tally.last_ns > g->tally.last_ns)
		g->tally.last_ns = u->tally.last_ns;
	add_inner_assets(w, u, g->on);
	g->verbs |= u->verbs;
	g->flagged += u->flagged;
	g->day_max += u->day_max; /* an upper bound where there are several */
	return 0;
}

/* NULL before everything. */
static int order(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

/* All that a grant says of who, but for the hash. */
static int by_subject(const struct right *a, const struct right *b)
{
	int r = order(a->who->exe, b->who->exe);

	r = r ? r : order(a->who->unit, b->who->unit);
	r = r ? r : order(a->who->user, b->who->user);
	r = r ? r : order(a->who->container, b->who->container);
	r = r ? r : (a->who->code != NULL) - (b->who->code != NULL);
	return r ? r : (a->who->origin > b->who->origin) - (a->who->origin < b->who->origin);
}

static int by_grant(const struct right *a, const struct right *b)
{
	int r = by_subject(a, b);

	r = r ? r : order(a->who->sha256, b->who->sha256);
	return r ? r : (a->verbs > b->verbs) - (a->verbs < b->verbs);
}

static int by_grant_and_asset(const void *pa, const void *pb)
{
	const struct right *a = pa, *b = pb;
	int r = by_grant(a, b);

	return r ? r : (a->asset > b->asset) - (a->asset < b->asset);
}

static void put_times(struct cw_buf *b, uint64_t count, uint64_t first_ns, uint64_t last_ns)
{
	char first[CW_JSON_TIME_SIZE], last[CW_JSON_TIME_SIZE];

	cw_json_time(first_ns, first);
	cw_json_time(last_ns, last);
	if (count == 1)
		cw_buf_printf(b, "once, %.19sZ", first);
	else
		cw_buf_printf(b, "%llu times, %.19sZ to %.19sZ", (unsigned long long)count, first,
			      last);
}

/* True if the same executable has another hash in a right before or behind. */
static bool was_replaced(const struct writer *w, unsigned int i)
{
	const struct right *g = cw_tally_at(w->rights, i), *other;

	while (i && !by_subject(cw_tally_at(w->rights, i - 1), g))
		i--;
	for (; i < cw_tally_n(w->rights); i++) {
		other = cw_tally_at(w->rights, i);
		if (by_subject(other, g))
			break;
		if (order(other->who->sha256, g->who->sha256))
			return true;
	}
	return false;
}

/* Programs that do whatever a script, or a first argument, says. */
static bool is_interpreter(const char *exe)
{
	static const char *const names[] = { "bash", "busybox", "dash", "java", "lua", "node",
					     "perl", "php",	"python", "ruby", "sh" };
	const char *base = cw_base_name(exe);

	for (size_t i = 0; i < CW_ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i]);

		if (strncmp(base, names[i], len))
			continue;
		len += strspn(base + len, "0123456789.-"); /* python3.11 */
		if (!base[len])
			return true;
	}
	return false;
}

/* What makes a grant wider than it looks, or older. */
static void put_marks(struct writer *w, unsigned int first, uint64_t flagged)
{
	const struct cw_learn_use *u = ((const struct right *)cw_tally_at(w->rights, first))->who;
	struct cw_buf *b = w->out;

	if (flagged)
		cw_buf_printf(b, "  # FLAGGED: the policy of that time did not grant %llu of "
				 "this. Is it meant?\n", (unsigned long long)flagged);
	if (is_interpreter(u->exe))
		cw_buf_puts(b, "  # INTERPRETER: it does what a script says, and any script may "
			       "say it.\n");
	if (u->code) {
		cw_buf_puts(b, "  # FOREIGN CODE: ");
		cw_text_safe(b, u->code);
		cw_buf_puts(b, ". Is it meant?\n");
	}
	if (!u->sha256)
		cw_buf_puts(b, "  # NO HASH was known: whatever stands at this path is granted.\n");
	if (!u->unit && !u->container)
		cw_buf_puts(b, "  # NO UNIT: whichever service runs this program is granted.\n");
	if (was_replaced(w, first))
		cw_buf_puts(b, "  # REPLACED: this executable was seen with several hashes. Keep "
			       "those that are meant.\n");
	if (u->container)
		cw_buf_puts(b, "  # A container that is made anew has another id: its name may be "
			       "better.\n");
}

/* In the words of who reads the policy: what was done, to each asset how often. */
static void put_why(struct writer *w, unsigned int first, unsigned int end)
{
	const struct right *g = cw_tally_at(w->rights, first);
	const struct cw_learn_use *u = g->who;
	struct cw_buf *b = w->out;
	uint64_t flagged = 0;

	cw_buf_puts(b, "  # ");
	cw_text_safe(b, u->unit ? u->unit : u->container ? u->container : u->exe);
	cw_buf_puts(b, " did ");
	cw_policy_put_verbs(b, g->verbs, ", ");
	cw_buf_putc(b, '\n');
	for (unsigned int i = first; i < end && i < first + RIGHTS_SHOWN; i++) {
		g = cw_tally_at(w->rights, i);
		cw_buf_puts(b, "  #   on ");
		cw_text_safe(b, cw_policy_asset(w->assets, g->asset)->name);
		cw_buf_putc(b, ' ');
		put_times(b, g->tally.count, g->tally.first_ns, g->tally.last_ns);
		cw_buf_printf(b, ", at most %llu in a day%s\n", (unsigned long long)g->day_max,
			      g->tally.count < w->l->min ? ". RARE: is it meant?" : "");
		flagged += g->flagged;
	}
	if (end - first > RIGHTS_SHOWN)
		cw_buf_printf(b, "  #   on %u more\n", end - first - RIGHTS_SHOWN);
	put_marks(w, first, flagged);
}

static void put_condition(struct cw_buf *b, const char *key, const char *value)
{
	if (!value)
		return;
	cw_buf_printf(b, "      %s: ", key);
	cw_policy_put_text(b, value);
	cw_buf_putc(b, '\n');
}

/* "motion of motion.service" */
static int name_grant(struct writer *w, const struct cw_learn_use *u, const char **ret_name)
{
	const char *of = u->unit ? u->unit : u->container;
	cw_auto_buf struct cw_buf base = { 0 };

	cw_buf_puts(&base, cw_base_name(u->exe));
	cw_policy_cut_text(&base, NAME_LEN / 2);
	cw_buf_printf(&base, "%s%s", of ? " of " : "", of ? of : "");
	return base.error ? base.error : make_name(w, base.data, ret_name);
}

static int put_grant(struct writer *w, unsigned int first, unsigned int end)
{
	const struct right *g = cw_tally_at(w->rights, first);
	uint64_t on[CW_LEARN_POLICY_MAX / 64] = { 0 };
	const struct cw_learn_use *u = g->who;
	const char *name, *between = "";
	int r = name_grant(w, u, &name);

	if (r)
		return r;
	put_why(w, first, end);
	cw_buf_puts(w->out, "  - name: ");
	cw_policy_put_text(w->out, name);
	cw_buf_puts(w->out, "\n    allow: [");
	cw_policy_put_verbs(w->out, g->verbs, ", ");
	cw_buf_puts(w->out, "]\n    on: [");
	for (unsigned int i = first; i < end; i++)
		for (size_t k = 0; k < CW_ARRAY_SIZE(on); k++)
			on[k] |= ((const struct right *)cw_tally_at(w->rights, i))->on[k];
	for (size_t i = 0; i < cw_policy_n_assets(w->assets); i++) {
		if (!(on[i / 64] >> i % 64 & 1))
			continue;
		cw_buf_puts(w->out, between);
		cw_policy_put_text(w->out, cw_policy_asset(w->assets, i)->name);
		between = ", ";
	}
	cw_buf_puts(w->out, "]\n    to:\n");
	put_condition(w->out, "exe", u->exe);
	put_condition(w->out, "sha256", u->sha256);
	put_condition(w->out, "user", u->user);
	put_condition(w->out, "unit", u->unit);
	put_condition(w->out, "container", u->container);
	put_condition(w->out, "origin", cw_origin_name(u->origin));
	put_condition(w->out, "code", u->code ? "any" : NULL);
	return w->out->error;
}

static int put_grants(struct writer *w, struct cw_learn_summary *s)
{
	unsigned int n = cw_tally_n(w->rights), end;
	int r = 0;

	cw_tally_sort(w->rights, by_grant_and_asset);
	cw_buf_puts(w->out, n ? "grants:\n" : "grants: []\n");
	w->first_name = w->n_names;
	for (unsigned int i = 0; !r && i < n; i = end) {
		const struct right *g = cw_tally_at(w->rights, i);
		bool room = s->grants < CW_LEARN_POLICY_MAX && w->out->len < GRANTS_TEXT_MAX;
		bool rare = false;

		for (end = i; end < n && !by_grant(g, cw_tally_at(w->rights, end)); end++) {
			const struct right *one = cw_tally_at(w->rights, end);

			rare = rare || one->tally.count < w->l->min;
			w->without_room += room ? 0 : one->tally.count;
		}
		if (!room)
			continue;
		r = put_grant(w, i, end);
		s->grants++;
		s->rare += rare;
	}
	return r;
}

/* ---- what is left for a decision ---- */

static const char *const captions[CW_LEARN_REASON_MAX] = {
	[CW_LEARN_PERSON] = "People, and whatever came from elsewhere:",
	[CW_LEARN_STRANGER] = "Of unknown origin:",
	[CW_LEARN_KERNEL] = "Threads of the kernel, which have no executable:",
	[CW_LEARN_NO_EXE] = "Whose executable is not known:",
	[CW_LEARN_DELETED_EXE] = "Whose executable was deleted or replaced while it ran:",
	[CW_LEARN_NO_ASSET] = "On an object that is not known:",
	[CW_LEARN_ACT] = "What no grant is for: another process's memory, a mount:",
	[CW_LEARN_UNWRITABLE] = "With names that a policy cannot hold as they are:",
};

static int by_who(const struct cw_learn_decision *a, const struct cw_learn_decision *b)
{
	if (a->reason != b->reason)
		return a->reason < b->reason ? -1 : 1;
	return strcmp(a->who, b->who);
}

static int by_who_and_count(const void *pa, const void *pb)
{
	const struct cw_learn_decision *a = pa, *b = pb;
	int r = by_who(a, b);

	if (r)
		return r;
	if (a->tally.count != b->tally.count)
		return a->tally.count > b->tally.count ? -1 : 1;
	return strcmp(a->what, b->what);
}

/* One person or program: what it did, the most frequent first. Returns how many lines that took. */
static unsigned int put_person(struct writer *w, unsigned int first, unsigned int end)
{
	const struct cw_learn_decision *d = cw_tally_at(w->l->decisions, first);
	unsigned int shown = end - first < WHATS_SHOWN ? end - first : WHATS_SHOWN;
	uint64_t more = 0;

	cw_buf_printf(w->out, "#   %s\n", d->who);
	for (unsigned int i = first; i < end; i++) {
		d = cw_tally_at(w->l->decisions, i);
		if (i >= first + shown) {
			more += d->tally.count;
			continue;
		}
		cw_buf_printf(w->out, "#     %s, ", d->what);
		put_times(w->out, d->tally.count, d->tally.first_ns, d->tally.last_ns);
		cw_buf_putc(w->out, '\n');
	}
	if (more)
		cw_buf_printf(w->out, "#     and %llu accesses of %u other kinds\n",
			      (unsigned long long)more, end - first - shown);
	return shown + 2;
}

static void put_decisions(struct writer *w, struct cw_learn_summary *s)
{
	unsigned int n = cw_tally_n(w->l->decisions), last = CW_LEARN_REASON_MAX, lines = 0, end;
	uint64_t more = cw_tally_lost(w->l->decisions);

	s->decisions = n;
	s->undecided = more + w->without_room;
	cw_tally_sort(w->l->decisions, by_who_and_count);
	if (n)
		cw_buf_puts(w->out, "\n# FOR A DECISION: none of this is granted, and all of it "
				    "stays flagged.\n");
	for (unsigned int i = 0; i < n; i = end) {
		const struct cw_learn_decision *d = cw_tally_at(w->l->decisions, i);
		uint64_t count = 0;

		for (end = i; end < n; end++) {
			const struct cw_learn_decision *one = cw_tally_at(w->l->decisions, end);

			if (by_who(d, one))
				break;
			count += one->tally.count;
		}
		s->undecided += count;
		if (lines >= DECISION_LINES) {
			more += count;
			continue;
		}
		if (d->reason != last)
			cw_buf_printf(w->out, "#\n# %s\n", captions[d->reason]);
		last = d->reason;
		lines += put_person(w, i, end);
	}
	if (more)
		cw_buf_printf(w->out, "#\n# And %llu accesses of others, who are too many to "
				      "list.\n", (unsigned long long)more);
	if (w->without_room)
		cw_buf_printf(w->out, "#\n# NOT GRANTED for want of room: %llu accesses of "
				      "services. There are too many different ones.\n",
			      (unsigned long long)w->without_room);
}

/* ---- the whole ---- */

static void put_head(struct writer *w)
{
	const struct cw_learn *l = w->l;
	char first[CW_JSON_TIME_SIZE], last[CW_JSON_TIME_SIZE];
	struct cw_buf *b = w->out;

	cw_json_time(l->first_ns, first);
	cw_json_time(l->last_ns, last);
	cw_buf_printf(b, "# Learned by camwarden from %llu events",
		      (unsigned long long)l->events);
	if (l->several_hubs) {
		cw_buf_puts(b, " of several hubs");
	} else if (l->hub) {
		cw_buf_puts(b, " of ");
		cw_text_safe(b, l->hub);
	}
	if (l->events)
		cw_buf_printf(b, ", %.19sZ to %.19sZ", first, last);
	cw_buf_puts(b, ".\n# It grants what services did in that time, and nothing else. Read each "
		       "grant before you use it.\n");
	if (l->kept)
		cw_buf_puts(b, "# Only what was around flags was recorded (--keep): what services "
			       "did at other times is not granted.\n");
	if (l->refused)
		cw_buf_printf(b, "# %llu attempts were refused: nothing is granted for them.\n",
			      (unsigned long long)l->refused);
	if (l->gaps)
		cw_buf_printf(b, "# Events were lost (%llu gaps): what was not seen is not "
				 "granted.\n", (unsigned long long)l->gaps);
}

static int by_key(const void *pa, const void *pb)
{
	return strcmp(((const struct cw_tally_entry *)pa)->key,
		      ((const struct cw_tally_entry *)pb)->key);
}

static int write_all(struct writer *w, struct cw_buf *errors, struct cw_learn_summary *s)
{
	cw_auto_policy struct cw_policy *whole = NULL;
	size_t begin = w->out->len;
	int r;

	put_head(w);
	r = put_assets(w, errors);
	if (r)
		return r;
	s->assets = (unsigned int)cw_policy_n_assets(w->assets);
	cw_tally_sort(w->l->uses, by_key);
	for (unsigned int i = 0; !r && i < cw_tally_n(w->l->uses); i++)
		r = add_right(w, cw_tally_at(w->l->uses, i));
	if (!r)
		r = put_grants(w, s);
	if (r)
		return r;
	put_decisions(w, s);
	if (w->out->error)
		return w->out->error;
	return cw_policy_parse("learned policy", w->out->data + begin, w->out->len - begin, errors,
			       &whole);
}

int cw_learn_write(struct cw_learn *l, struct cw_buf *errors, struct cw_buf *ret_yaml,
		   struct cw_learn_summary *ret_summary)
{
	struct writer w = { .l = l, .out = ret_yaml, .without_room = l->without_room };
	struct cw_learn_summary s = { 0 };
	int r = cw_tally_new(RIGHTS_MAX, CW_LEARN_KEY_BYTES, sizeof(struct right), NULL, &w.rights);

	if (!r) {
		w.names = calloc(2 * CW_LEARN_POLICY_MAX, sizeof(*w.names));
		r = w.names ? write_all(&w, errors, &s) : -ENOMEM;
	}
	for (size_t i = 0; i < w.n_names; i++)
		free(w.names[i]);
	free(w.names);
	cw_tally_free(w.rights);
	cw_policy_free(w.assets);
	if (!r)
		*ret_summary = s;
	return r;
}
