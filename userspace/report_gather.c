// SPDX-License-Identifier: Apache-2.0
/*
 * From events to what a report says: who, where, the flags, the time axis. What others did with an
 * open file is in report_chains.c. Keeps copies of all strings, since an event's live only until
 * the next one.
 */
#include "base/calendar.h"
#include "facts.h"
#include "report_gather.h"

#define RUNS_MAX       256u
#define FIRST_OF_GROUP 100u
#define BYTES_A_ITEM   1500u /* of the page, about; a quarter of it is for the list of events */

/* A capture, or an open device, whose end has not come yet. */
struct cw_report_run {
	bool used, stream, flagged;
	uint32_t row, pid;
	uint64_t open_id, since_ns;
};

static const char *keep(struct cw_report *r, const char *s)
{
	return cw_report_keep(&r->strings, s);
}

void cw_report_list_add(struct cw_report_list *l, const char *item)
{
	if (!item)
		return;
	for (unsigned int i = 0; i < l->n; i++)
		if (l->item[i] == item)
			return;
	if (l->n < CW_REPORT_LIST_MAX)
		l->item[l->n++] = item;
	else
		l->more = true;
}

/* The address; the port is another one each time. */
static const char *keep_peer(struct cw_report *r, const struct cw_event *e)
{
	char room[CW_FACT_ROOM];

	return keep(r, cw_fact_text(CW_FACT_PEER, e, room));
}

/* ---- who ---- */

static const char *keep_user(struct cw_report *r, const char *name, uint32_t uid)
{
	char text[32];

	if (name)
		return keep(r, name);
	snprintf(text, sizeof(text), uid == CW_NO_UID ? "unknown user" : "uid %u", uid);
	return keep(r, text);
}

static const char *name_of(struct cw_report *r, const struct cw_event *e, const char *peer)
{
	const struct cw_origin *o = &e->origin;
	const struct cw_process *p = &e->process;
	cw_auto_buf struct cw_buf b = { 0 };
	const char *login;
	uint32_t uid = cw_origin_login(o, &login);

	if (uid != CW_NO_UID)
		return keep_user(r, login, uid);
	if (o->type == CW_ORIGIN_REMOTE) {
		cw_buf_puts(&b, "somebody at ");
		cw_buf_puts(&b, peer ? peer : "an unknown address");
		return keep(r, b.data);
	}
	if (o->type == CW_ORIGIN_KERNEL)
		return keep(r, "the kernel");
	return keep(r, p->exe ? cw_base_name(p->exe) : p->comm ? p->comm : "unknown");
}

static void describe_who(struct cw_report *r, struct cw_report_who *w, const struct cw_event *e,
			 const char *peer)
{
	const struct cw_origin *o = &e->origin;
	const char *login;

	w->name = name_of(r, e, peer);
	w->hub = keep(r, e->hub);
	w->person = cw_origin_login(o, &login) != CW_NO_UID || o->type == CW_ORIGIN_REMOTE;
	w->acts_as = keep_user(r, e->process.user, e->process.uid);
	w->exe = keep(r, e->process.exe);
	w->unit = keep(r, e->process.container ? e->process.container : e->process.unit);
	w->last_day = -1;
}

/* A person is the login; else the far end of the connection; else user, program and unit. */
static uint32_t find_who(struct cw_report *r, const struct cw_event *e, const char *peer)
{
	const struct cw_origin *o = &e->origin;
	const struct cw_process *p = &e->process;
	uint64_t key[6] = { (uintptr_t)keep(r, e->hub) };
	const char *login;
	uint32_t uid = cw_origin_login(o, &login);
	bool is_new;
	int64_t i;

	if (!p->pid)
		return CW_REPORT_NOBODY;
	if (uid != CW_NO_UID) {
		key[1] = 1ULL << 32 | uid;
		key[2] = (uintptr_t)keep(r, login);
	} else if (o->type == CW_ORIGIN_REMOTE) {
		key[1] = 2ULL << 32 | p->uid;
		key[2] = (uintptr_t)peer;
	} else {
		key[1] = 3ULL << 32 | p->uid;
		key[2] = (uintptr_t)keep(r, p->exe ? p->exe : p->comm);
		key[3] = (uintptr_t)keep(r, p->unit);
		key[4] = (uintptr_t)keep(r, p->container);
		key[5] = (uint64_t)o->type;
	}
	i = cw_report_table_find(&r->who_keys, key, &is_new);
	if (i < 0)
		return CW_REPORT_WHO_MAX; /* the others */
	if (is_new)
		describe_who(r, &r->whos[i + 1], e, peer);
	return (uint32_t)i + 1;
}

/* Distinct recordings by device and inode, else by path; folders are none. */
static void count_recording(struct cw_report *r, uint32_t who, const struct cw_event *e)
{
	const struct cw_asset *a = &e->asset;
	struct cw_report_who *w = &r->whos[who];
	uint64_t key[3] = { (uint64_t)who << 1, (uint64_t)a->dev_major << 32 | a->dev_minor,
			    a->inode };
	bool is_new;

	if (cw_event_detail(e, "directory"))
		return;
	if (!a->inode) {
		key[0] |= 1;
		key[1] = (uintptr_t)keep(r, e->hub);
		key[2] = (uintptr_t)keep(r, a->path);
	}
	/* A recorder that goes through all numbers leaves room for what people see. */
	if ((!w->person && r->seen_programs >= CW_REPORT_SEEN_PROGRAMS) ||
	    cw_report_table_find(&r->seen, key, &is_new) < 0) {
		w->recordings_more = true;
		r->seen_lost++;
		return;
	}
	w->recordings += is_new;
	r->seen_programs += is_new && !w->person;
}

static double seconds_of(const struct cw_event *e)
{
	const struct cw_detail *d = cw_event_detail(e, "seconds");

	if (!d || d->type != CW_DETAIL_DOUBLE || !(d->d >= 0) || d->d > 1e9)
		return 0;
	return d->d;
}

static uint64_t number_of(const struct cw_event *e, const char *key)
{
	const struct cw_detail *d = cw_event_detail(e, key);

	return d && d->type == CW_DETAIL_UINT ? d->u : 0;
}

static const char *text_of(struct cw_report *r, const struct cw_event *e, const char *key)
{
	const struct cw_detail *d = cw_event_detail(e, key);

	return d && d->type == CW_DETAIL_STRING ? keep(r, d->s) : NULL;
}

static bool is_device(enum cw_asset_kind kind)
{
	return kind == CW_ASSET_CAMERA || kind == CW_ASSET_MICROPHONE;
}

static void set_change_kinds(struct cw_report *r)
{
	static const char *const names[] = { "create", "rename", "link",  "unlink",
					     "truncate", "attr",  "copy" };

	for (size_t i = 0; i < CW_ARRAY_SIZE(names); i++) {
		int kind = cw_kind_parse(names[i]); /* not every version has all of them */

		if (kind >= 0)
			r->change_kinds |= 1ULL << kind;
	}
}

bool cw_report_is_change(const struct cw_report *r, unsigned int kind)
{
	return kind < 64 && (r->change_kinds >> kind & 1);
}

/* Where the process comes from, and by which program. */
static void note_origin(struct cw_report *r, struct cw_report_who *w, const struct cw_event *e,
			const char *peer)
{
	char session[24];

	w->origins |= 1u << (e->origin.type % 32u);
	cw_report_list_add(&w->from, peer ? peer : keep(r, e->origin.tty));
	cw_report_list_add(&w->programs, keep(r, e->process.exe));
	if (e->origin.session == CW_NO_UID)
		return;
	snprintf(session, sizeof(session), "%u", e->origin.session);
	cw_report_list_add(&w->sessions, keep(r, session));
}

static void count_who(struct cw_report *r, uint32_t who, uint32_t lane, const struct cw_event *e,
		      const struct cw_report_moment *at)
{
	struct cw_report_who *w = &r->whos[who];
	const struct cw_verdict *v = &e->verdict;
	int64_t day = (int64_t)(at->time_ns / CW_DAY_NS);

	if (!w->events++)
		w->first = *at;
	w->last = *at;
	if (day > w->last_day) {
		w->last_day = day;
		w->days++;
	}
	w->accesses += e->result >= 0 && cw_kind_is_access(e->kind) && e->kind != CW_KIND_CLOSE;
	w->refused += e->result < 0;
	w->deletions += e->kind == CW_KIND_UNLINK && e->result >= 0;
	if (v->decision == CW_DECISION_FLAG) {
		w->flags++;
		w->worst = v->severity > w->worst ? v->severity : w->worst;
	}
	if (e->result < 0 || lane == UINT32_MAX)
		return;
	if (e->asset.kind == CW_ASSET_RECORDINGS)
		count_recording(r, who, e);
	if (!is_device(e->asset.kind))
		return;
	if (r->lanes[lane].other)
		w->devices_more = true;
	else
		w->devices |= 1ULL << lane;
	if (e->kind == CW_KIND_STREAM) {
		w->captured_s += seconds_of(e);
		cw_add_up(&w->frames, number_of(e, "frames"));
	} else if (e->kind == CW_KIND_CLOSE) {
		w->held_s += seconds_of(e);
	}
}

/* ---- lanes and rows ---- */

static uint32_t find_lane(struct cw_report *r, const struct cw_event *e)
{
	const struct cw_asset *a = &e->asset;
	const char *what = keep(r, is_device(a->kind) || a->kind == CW_ASSET_DISK ?
				   (a->node ? a->node : a->path) : a->root);
	const char *name = keep(r, a->name);
	uint64_t key[4] = { (uintptr_t)keep(r, e->hub), (uint64_t)a->kind, (uintptr_t)what,
			    (uintptr_t)name };
	struct cw_report_lane *l;
	bool is_new;
	int64_t i;

	if (a->kind == CW_ASSET_NONE)
		return UINT32_MAX;
	i = cw_report_table_find(&r->lane_keys, key, &is_new);
	if (i < 0)
		i = CW_REPORT_LANES_MAX - 1;
	l = &r->lanes[i];
	if (i < CW_REPORT_LANES_MAX - 1 && is_new) {
		l->name = name;
		l->what = what;
		l->hub = keep(r, e->hub);
		l->kind = a->kind;
		l->card = keep(r, a->card);
		l->bus = keep(r, a->bus);
		l->driver = keep(r, a->driver);
	}
	l->events++;
	l->flags += e->verdict.decision == CW_DECISION_FLAG;
	return (uint32_t)i;
}

static int64_t find_row(struct cw_report *r, uint32_t who, uint32_t lane)
{
	uint64_t key[1] = { (uint64_t)who << 32 | lane };
	bool is_new;
	int64_t i = cw_report_table_find(&r->row_keys, key, &is_new);

	if (i < 0) {
		r->rows_lost++;
		return -1;
	}
	if (is_new) {
		r->rows[i].who = who;
		r->rows[i].lane = lane;
	}
	return i;
}

static enum cw_report_mark mark_of(const struct cw_report *r, const struct cw_event *e,
				   bool flagged)
{
	if (e->result < 0 || e->kind == CW_KIND_DENIED)
		return flagged ? CW_MARK_REFUSED_FLAG : CW_MARK_REFUSED;
	if (cw_report_is_change(r, e->kind))
		return flagged ? CW_MARK_CHANGE_FLAG : CW_MARK_CHANGE;
	return flagged ? CW_MARK_OPEN_FLAG : CW_MARK_OPEN;
}

static void mark(struct cw_report *r, uint32_t row, enum cw_report_mark m, uint64_t from,
		 uint64_t to)
{
	cw_report_axis_mark(r, &r->rows[row].mark[m], from, to);
}

/* ---- what lasts ---- */

static void begin_run(struct cw_report *r, uint32_t row, const struct cw_event *e, uint64_t open_id)
{
	for (unsigned int i = 0; i < RUNS_MAX; i++) {
		struct cw_report_run *run = &r->runs[i];

		if (run->used)
			continue;
		*run = (struct cw_report_run){
			.used = true, .stream = e->kind == CW_KIND_STREAM, .row = row,
			.flagged = e->verdict.decision == CW_DECISION_FLAG,
			.pid = e->process.pid, .open_id = open_id, .since_ns = e->time_ns,
		};
		return;
	}
	r->runs_lost++; /* its end tells how long it was */
}

static struct cw_report_run *find_run(struct cw_report *r, uint32_t row, bool stream, uint32_t pid,
				      uint64_t open_id)
{
	for (unsigned int i = 0; i < RUNS_MAX; i++) {
		struct cw_report_run *run = &r->runs[i];

		if (!run->used || run->stream != stream)
			continue;
		if (stream ? run->row == row && run->pid == pid :
			     open_id && run->open_id == open_id)
			return run;
	}
	return NULL;
}

static void draw_run(struct cw_report *r, const struct cw_report_run *run, uint64_t until_ns)
{
	enum cw_report_mark m = run->stream ? CW_MARK_CAPTURE : CW_MARK_HELD;

	if (run->flagged)
		m++;
	if (until_ns >= run->since_ns)
		mark(r, run->row, m, run->since_ns, until_ns);
}

static void end_run(struct cw_report *r, uint32_t row, const struct cw_event *e, uint64_t open_id)
{
	bool stream = e->kind == CW_KIND_STREAM;
	struct cw_report_run *run = find_run(r, row, stream, e->process.pid, open_id);
	uint64_t lasted = (uint64_t)(seconds_of(e) * 1e9);
	struct cw_report_run made = {
		.stream = stream, .row = row,
		.flagged = e->verdict.decision == CW_DECISION_FLAG,
		.since_ns = e->time_ns > lasted ? e->time_ns - lasted : 0,
	};

	if (run) {
		run->used = false;
		made.flagged |= run->flagged;
		made.row = run->row;
		/* The clock may have been set meanwhile: what the kernel counted holds. */
		if (!lasted)
			made.since_ns = run->since_ns;
	}
	/* What began before the first event is drawn from there. */
	if (made.since_ns < r->first.time_ns)
		made.since_ns = r->first.time_ns;
	draw_run(r, &made, e->time_ns);
}

/* The agent's run is over: nothing is known to go on. */
static void end_all_runs(struct cw_report *r, uint64_t until_ns)
{
	for (unsigned int i = 0; i < RUNS_MAX; i++) {
		if (!r->runs[i].used)
			continue;
		draw_run(r, &r->runs[i], until_ns);
		r->runs[i].used = false;
		r->still_open++;
	}
}

static void draw(struct cw_report *r, uint32_t who, uint32_t lane, const struct cw_event *e)
{
	bool flagged = e->verdict.decision == CW_DECISION_FLAG;
	uint64_t open_id = number_of(e, "open_id");
	const char *phase = e->kind == CW_KIND_STREAM ? text_of(r, e, "phase") : NULL;
	enum cw_report_mark m = mark_of(r, e, flagged);
	int64_t row = lane == UINT32_MAX ? -1 : find_row(r, who, lane);
	bool device;

	if (row < 0)
		return;
	device = is_device(r->lanes[lane].kind);
	r->rows[row].flags += flagged;
	if (e->kind == CW_KIND_CLOSE) {
		if (device)
			end_run(r, (uint32_t)row, e, open_id);
		return;
	}
	if (e->kind == CW_KIND_STREAM && e->result >= 0) {
		r->rows[row].n[flagged ? CW_MARK_CAPTURE_FLAG : CW_MARK_CAPTURE] +=
			!cw_streq(phase, "start");
		r->rows[row].captured_s += seconds_of(e);
		cw_add_up(&r->rows[row].frames, number_of(e, "frames"));
		if (cw_streq(phase, "start"))
			begin_run(r, (uint32_t)row, e, 0);
		else
			end_run(r, (uint32_t)row, e, 0);
		return;
	}
	r->rows[row].n[m]++;
	mark(r, (uint32_t)row, m, e->time_ns, e->time_ns);
	if (device && e->kind == CW_KIND_OPEN && e->result >= 0 && open_id)
		begin_run(r, (uint32_t)row, e, open_id);
}

/* ---- cells: every event in one ---- */

static uint32_t find_cell(struct cw_report *r, uint32_t who, uint32_t lane,
			  const struct cw_event *e, const struct cw_report_moment *at)
{
	const struct cw_verdict *v = &e->verdict;
	uint64_t key[2] = { (uint64_t)who << 32 | lane,
			    (uint64_t)e->kind << 24 | (uint64_t)v->decision << 16 |
			    (uint64_t)v->class << 8 | v->severity };
	struct cw_report_cell *c;
	bool is_new;
	int64_t i = cw_report_table_find(&r->cell_keys, key, &is_new);

	c = &r->cells[i < 0 ? CW_REPORT_CELLS_MAX : i];
	if (i >= 0 && is_new) {
		c->who = who;
		c->lane = lane;
		c->kind = e->kind;
		c->decision = v->decision;
		c->class = v->class;
		c->severity = v->severity;
	}
	if (!c->n++) {
		c->first = *at;
		c->example = keep(r, e->asset.path);
	}
	c->last = *at;
	return (uint32_t)(c - r->cells);
}

/* ---- the list ---- */

/* One who is flagged without end does not take the room of all others. */
static unsigned int level_of(const struct cw_report *r, const struct cw_report_item *i,
			     const struct cw_event *e)
{
	const struct cw_verdict *v = &e->verdict;
	bool person = r->whos[i->who].person;

	if (v->decision == CW_DECISION_FLAG &&
	    (i->group == UINT32_MAX || r->groups[i->group].n > FIRST_OF_GROUP))
		return 3;
	if (v->decision == CW_DECISION_FLAG)
		return v->severity >= CW_SEVERITY_HIGH ? 0 : 1;
	if (e->kind == CW_KIND_CANARY)
		return 4;
	if (!cw_kind_is_access(e->kind) && !e->process.pid)
		return 2;
	if (person && (e->result < 0 || cw_report_is_change(r, e->kind)))
		return 2;
	return person || e->origin.type == CW_ORIGIN_UNKNOWN ? 3 : 4;
}

/* Takes out the least important level that is there, until there is room. */
static bool make_room(struct cw_report *r, unsigned int level)
{
	size_t n = 0;

	while (r->n_items == r->max_items && r->level > 1) {
		r->level--;
		n = 0;
		for (size_t i = 0; i < r->n_items; i++)
			if (r->items[i].level < r->level)
				r->items[n++] = r->items[i];
			else
				r->cells[r->items[i].cell].listed--;
		r->n_items = n;
	}
	return level < r->level && r->n_items < r->max_items;
}

static void add_details(struct cw_buf *b, const struct cw_event *e)
{
	for (unsigned int i = 0; i < e->n_detail && i < CW_DETAILS_MAX; i++) {
		if (cw_streq(e->detail[i].key, "hooks") || cw_streq(e->detail[i].key, "open_id"))
			continue;
		if (b->len)
			cw_buf_puts(b, ", ");
		cw_text_detail(b, &e->detail[i]);
	}
}

static void list(struct cw_report *r, const struct cw_report_item *into,
		 const struct cw_event *e)
{
	cw_auto_buf struct cw_buf more = { 0 };
	unsigned int level = level_of(r, into, e);
	struct cw_report_item *item;

	if (level >= r->level || (r->n_items == r->max_items && !make_room(r, level)))
		return;
	add_details(&more, e);
	item = &r->items[r->n_items++];
	*item = *into;
	item->level = (uint8_t)level;
	item->kind = (uint8_t)e->kind;
	item->decision = (uint8_t)e->verdict.decision;
	item->severity = (uint8_t)e->verdict.severity;
	item->pid = e->process.pid;
	item->result = e->result;
	item->exe = keep(r, e->process.exe ? e->process.exe : e->process.comm);
	item->path = keep(r, e->asset.path ? e->asset.path : e->asset.node);
	item->more = keep(r, more.data);
	r->cells[item->cell].listed++;
}

/* ---- flags ---- */

static void keep_argv(struct cw_report *r, struct cw_process *p)
{
	const char **argv;
	size_t n = 0;

	while (p->argv && p->argv[n])
		n++;
	argv = p->argv ? calloc(n + 1, sizeof(*argv)) : NULL;
	for (size_t i = 0; argv && i < n; i++)
		argv[i] = keep(r, p->argv[i]);
	p->argv = argv; /* NULL: unknown, or no memory */
}

/* A copy whose strings live as long as the report. */
static struct cw_event *keep_event(struct cw_report *r, const struct cw_event *e)
{
	struct cw_event *c = malloc(sizeof(*c));
	struct cw_process *p;

	if (!c)
		return NULL;
	*c = *e;
	p = &c->process;
	{
		const char **strings[] = {
			&c->boot_id, &c->hub, &c->asset.name, &c->asset.path, &c->asset.root,
			&c->asset.node, &c->asset.by_id, &c->asset.driver, &c->asset.bus,
			&c->asset.card, &p->exe, &p->exe_sha256, &p->comm, &p->user, &p->unit,
			&p->cgroup, &p->container, &c->origin.login_user, &c->origin.tty,
			&c->origin.via, &c->origin.hop_exe,
			&c->origin.hop_login_user, &c->verdict.grant, &c->verdict.rule,
			&c->verdict.why, &c->verdict.technique,
		};

		for (size_t i = 0; i < CW_ARRAY_SIZE(strings); i++)
			*strings[i] = keep(r, *strings[i]);
	}
	for (unsigned int i = 0; i < p->n_ancestors && i < CW_ANCESTORS_MAX; i++)
		p->ancestors[i].exe = keep(r, p->ancestors[i].exe);
	for (unsigned int i = 0; i < c->n_detail && i < CW_DETAILS_MAX; i++) {
		c->detail[i].key = keep(r, c->detail[i].key);
		if (c->detail[i].type == CW_DETAIL_STRING)
			c->detail[i].s = keep(r, c->detail[i].s);
	}
	keep_argv(r, p);
	return c;
}

/* The why of a limit counts up: the rule stands for it. */
static const char *sameness(struct cw_report *r, const struct cw_verdict *v)
{
	return keep(r, cw_streq(v->rule, "limit") || cw_streq(v->rule, "gap") ? v->rule : v->why);
}

static uint32_t count_flag(struct cw_report *r, uint32_t who, uint32_t lane,
			   const struct cw_event *e, const struct cw_report_moment *at,
			   const char *peer)
{
	const struct cw_verdict *v = &e->verdict;
	uint64_t key[6] = { (uint64_t)who << 32 | lane, (uint64_t)v->class << 32 | v->severity,
			    (uintptr_t)sameness(r, v), (uintptr_t)keep(r, e->process.exe),
			    (uintptr_t)keep(r, e->process.exe_sha256), (uintptr_t)peer };
	struct cw_report_group *g;
	bool is_new;
	int64_t i;

	r->flags++;
	r->by_severity[(unsigned int)v->severity % CW_SEVERITY_MAX]++;
	i = cw_report_table_find(&r->group_keys, key, &is_new);
	if (i < 0) {
		r->groups_lost++;
		return UINT32_MAX;
	}
	g = &r->groups[i];
	if (is_new) {
		g->who = who;
		g->lane = lane;
		g->severity = v->severity;
		g->class = v->class;
		g->from = peer;
		g->first = *at;
		g->sample = keep_event(r, e);
		if (!g->sample)
			r->error = -ENOMEM;
	} else {
		g->last_why = keep(r, v->why);
	}
	g->n++;
	g->kinds[(unsigned int)e->kind % CW_KIND_MAX]++;
	cw_add_up(&g->frames, number_of(e, "frames"));
	g->last = *at;
	return (uint32_t)i;
}

/* ---- what the agent says of itself ---- */

static void take_gap(struct cw_report *r, const struct cw_event *e)
{
	const struct cw_detail *from = cw_event_detail(e, "from"), *to = cw_event_detail(e, "to");
	uint64_t key[1] = { (uintptr_t)text_of(r, e, "class") };
	uint64_t from_ns = from && from->type == CW_DETAIL_TIME && from->u ? from->u : e->time_ns;
	uint64_t to_ns = to && to->type == CW_DETAIL_TIME && to->u ? to->u : e->time_ns;
	struct cw_report_gap *g;
	bool is_new;
	int64_t i = cw_report_table_find(&r->gap_keys, key, &is_new);

	r->gaps_more |= i < 0;
	g = &r->gaps[i < 0 ? CW_REPORT_NOTES_MAX - 1 : i];
	if (i >= 0 && is_new) {
		g->class = (const char *)(uintptr_t)key[0];
		g->from_ns = from_ns;
	}
	g->n++;
	cw_add_up(&g->lost, number_of(e, "lost"));
	g->from_ns = from_ns < g->from_ns ? from_ns : g->from_ns;
	g->to_ns = to_ns > g->to_ns ? to_ns : g->to_ns;
	cw_add_up(&r->lost, number_of(e, "lost"));
	/* A time that nobody would believe does not stretch the axis. */
	cw_report_axis_mark(r, &r->axis.band[CW_BAND_GAP],
			    from_ns < r->first.time_ns ? r->first.time_ns : from_ns,
			    to_ns > e->time_ns ? e->time_ns : to_ns);
}

static void take_coverage(struct cw_report *r, const struct cw_event *e)
{
	struct cw_report_coverage c = {
		.capability = text_of(r, e, "capability"), .rung = text_of(r, e, "rung"),
		.hooks = text_of(r, e, "hooks"), .blind = text_of(r, e, "blind"),
	};
	uint64_t key[4] = { (uintptr_t)c.capability, (uintptr_t)c.rung, (uintptr_t)c.hooks,
			    (uintptr_t)c.blind };
	bool is_new;
	int64_t i = cw_report_table_find(&r->coverage_keys, key, &is_new);

	if (i < 0) {
		r->coverage_more = true;
		return;
	}
	if (is_new)
		r->coverage[i] = c;
	r->coverage[i].n++;
}

/* From the event before until then a trace is missing: whether the agent ran is not known. */
static bool in_hole(const struct cw_report *r, uint64_t until_ns)
{
	for (unsigned int i = 0; i < r->n_proofs; i++)
		if (r->proofs[i].hole_from_ns && r->proofs[i].hole_from_ns < until_ns &&
		    r->proofs[i].hole_to_ns > r->last.time_ns)
			return true;
	return false;
}

static void take_agent(struct cw_report *r, const struct cw_event *e)
{
	const struct cw_detail *ok = cw_event_detail(e, "ok");

	switch (e->kind) {
	case CW_KIND_GAP:
		take_gap(r, e);
		return;
	case CW_KIND_COVERAGE:
		take_coverage(r, e);
		return;
	case CW_KIND_CANARY:
		r->canaries++;
		if (ok && ok->u)
			return;
		r->blind_canaries++;
		cw_report_axis_mark(r, &r->axis.band[CW_BAND_BLIND], e->time_ns, e->time_ns);
		return;
	case CW_KIND_START:
		cw_report_list_add(&r->versions, text_of(r, e, "version"));
		cw_report_list_add(&r->kernels, text_of(r, e, "kernel"));
		if (r->events > 1) {
			end_all_runs(r, r->last.time_ns);
			if (e->time_ns > r->last.time_ns && !in_hole(r, e->time_ns))
				cw_report_axis_mark(r, &r->axis.band[CW_BAND_DOWN],
						    r->last.time_ns, e->time_ns);
		}
		cw_report_chains_forget(r);
		r->starts++;
		return;
	case CW_KIND_STOP:
		end_all_runs(r, e->time_ns);
		r->stops++;
		return;
	default:
		return;
	}
}

static void take_policy(struct cw_report *r, const char *name, const char *sha256)
{
	uint32_t i;

	for (i = 0; i < r->n_policies; i++)
		if (!strcmp(r->policies[i].sha256, sha256))
			break;
	if (i == CW_REPORT_NOTES_MAX) {
		r->policies_more = true;
		return;
	}
	if (i == r->n_policies) {
		r->policies[i].name = keep(r, name);
		snprintf(r->policies[i].sha256, sizeof(r->policies[i].sha256), "%s", sha256);
		r->n_policies++;
	}
	r->policies[i].events++;
}

void cw_report_take(struct cw_report *r, const struct cw_event *e, uint32_t file,
		    const char *policy, const char *policy_sha256)
{
	const struct cw_report_moment at = { e->time_ns, e->seq, file };
	const char *peer = keep_peer(r, e);
	struct cw_report_item item = { .at = at, .group = UINT32_MAX };
	uint32_t who, lane;

	cw_report_axis_reach(r, e->time_ns);
	if (!r->events++)
		r->first = at;
	item.who = who = find_who(r, e, peer);
	item.lane = lane = find_lane(r, e);
	item.cell = find_cell(r, who, lane, e, &at);
	if (e->verdict.decision == CW_DECISION_FLAG)
		item.group = count_flag(r, who, lane, e, &at, peer);
	r->kinds[(unsigned int)e->kind % CW_KIND_MAX]++;
	r->allowed += e->verdict.decision == CW_DECISION_ALLOW;
	r->unjudged += e->verdict.decision == CW_DECISION_NONE;
	note_origin(r, &r->whos[who], e, peer);
	count_who(r, who, lane, e, &at);
	draw(r, who, lane, e);
	list(r, &item, e);
	cw_report_chains_take(r, who, lane, e, &at);
	if (!e->process.pid)
		take_agent(r, e);
	if (e->kind == CW_KIND_TAMPER) { /* by a process, or found */
		r->tampers++;
		cw_report_axis_mark(r, &r->axis.band[CW_BAND_BLIND], e->time_ns, e->time_ns);
	}
	cw_report_list_add(&r->hubs, keep(r, e->hub));
	cw_report_list_add(&r->boots, keep(r, e->boot_id));
	if (policy)
		take_policy(r, policy, policy_sha256);
	r->last = at;
}

/* As far as it lies in what was asked for. One before all traces is not on the axis. */
static void draw_hole(struct cw_report *r, const struct cw_report_proof *p)
{
	if (!p->hole_from_ns || p->hole_to_ns <= r->first.time_ns ||
	    p->hole_from_ns >= r->last.time_ns)
		return;
	cw_report_axis_mark(r, &r->axis.band[CW_BAND_ABSENT],
			    p->hole_from_ns > r->first.time_ns ? p->hole_from_ns : r->first.time_ns,
			    p->hole_to_ns < r->last.time_ns ? p->hole_to_ns : r->last.time_ns);
}

int cw_report_end(struct cw_report *r)
{
	end_all_runs(r, r->last.time_ns);
	for (unsigned int i = 0; i < r->n_proofs; i++)
		draw_hole(r, &r->proofs[i]);
	return r->error;
}

/* ---- the whole ---- */

static void bound(struct cw_report_table *t, unsigned int words, uint32_t max)
{
	t->words = words;
	t->max = max;
}

int cw_report_new(size_t max_size, struct cw_report **ret_report)
{
	struct cw_report *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->max_size = max_size;
	r->level = CW_REPORT_LEVELS;
	r->max_items = max_size / BYTES_A_ITEM;
	set_change_kinds(r);
	bound(&r->who_keys, 6, CW_REPORT_WHO_MAX - 1);
	bound(&r->lane_keys, 4, CW_REPORT_LANES_MAX - 1);
	bound(&r->row_keys, 1, CW_REPORT_ROWS_MAX);
	bound(&r->cell_keys, 2, CW_REPORT_CELLS_MAX);
	bound(&r->group_keys, 6, CW_REPORT_GROUPS_MAX);
	bound(&r->seen, 3, CW_REPORT_SEEN_MAX);
	bound(&r->gap_keys, 1, CW_REPORT_NOTES_MAX - 1);
	bound(&r->coverage_keys, 4, CW_REPORT_NOTES_MAX);
	r->whos = calloc(CW_REPORT_WHO_MAX + 1, sizeof(*r->whos));
	r->lanes = calloc(CW_REPORT_LANES_MAX, sizeof(*r->lanes));
	r->rows = calloc(CW_REPORT_ROWS_MAX, sizeof(*r->rows));
	r->cells = calloc(CW_REPORT_CELLS_MAX + 1, sizeof(*r->cells));
	r->groups = calloc(CW_REPORT_GROUPS_MAX, sizeof(*r->groups));
	r->items = calloc(r->max_items, sizeof(*r->items));
	r->runs = calloc(RUNS_MAX, sizeof(*r->runs));
	if (!r->whos || !r->lanes || !r->rows || !r->cells || !r->groups || !r->items ||
	    !r->runs || cw_report_chains_new(r)) {
		cw_report_free(r);
		return -ENOMEM;
	}
	r->whos[CW_REPORT_NOBODY].name = "camwarden itself";
	r->whos[CW_REPORT_WHO_MAX].name = "others";
	r->whos[CW_REPORT_WHO_MAX].other = true;
	r->lanes[CW_REPORT_LANES_MAX - 1].name = "other assets";
	r->lanes[CW_REPORT_LANES_MAX - 1].other = true;
	r->cells[CW_REPORT_CELLS_MAX].who = CW_REPORT_WHO_MAX;
	r->cells[CW_REPORT_CELLS_MAX].lane = UINT32_MAX;
	r->cells[CW_REPORT_CELLS_MAX].kind = CW_KIND_MAX;
	*ret_report = r;
	return 0;
}

void cw_report_free(struct cw_report *r)
{
	struct cw_report_table *tables[] = { &r->who_keys, &r->lane_keys, &r->row_keys,
					     &r->cell_keys, &r->group_keys, &r->seen, &r->gap_keys,
					     &r->coverage_keys };

	for (uint32_t i = 0; i < r->group_keys.n && r->groups; i++) {
		if (r->groups[i].sample)
			free(r->groups[i].sample->process.argv);
		free(r->groups[i].sample);
	}
	for (size_t i = 0; i < CW_ARRAY_SIZE(tables); i++)
		cw_report_table_free(tables[i]);
	cw_report_strings_free(&r->strings);
	free(r->whos);
	free(r->lanes);
	free(r->rows);
	free(r->cells);
	free(r->groups);
	free(r->items);
	free(r->runs);
	free(r->chains);
	free(r->opens);
	free(r);
}
