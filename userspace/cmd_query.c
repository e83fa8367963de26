// SPDX-License-Identifier: Apache-2.0
/*
 * camwarden query: who touched what, from traces. Never looks at the machine it runs on, except for
 * the clock if a time is given as so long ago.
 */
#include "cmd.h"
#include "filter.h"
#include "groups.h"
#include "policy/value.h"
#include "sink/csv.h"
#include "sink/json.h"
#include "sink/text.h"
#include "traces.h"

#define OUT_FLUSH 65536

static const char help[] =
	"Usage: camwarden query [OPTION...] FILE...\n"
	"\n"
	"Who touched what: the events of traces that fit, a line each, or counted in groups.\n"
	"Needs no root, no probes and nothing of the machine that was recorded. Several traces\n"
	"are merged by boot and time; - is standard input.\n"
	"\n"
	"Which events; of several values of one option (VALUE,VALUE, or the option again) one\n"
	"must fit, of several options all:\n"
	"      --login PERSON    who logged in, by name or uid, from wherever\n"
	"      --asset ASSET     by name, path (with all below it), pattern, or all cameras,\n"
	"                        microphones, recordings, shm, disks\n"
	"      --exe PROGRAM     by path, last name, pattern or SHA-256\n"
	"      --peer NET        the address at the other end, or its network: 10.0.0.0/8\n"
	"      --kind KIND       open, stream, unlink, ...; without it every access\n"
	"      --class CLASS     of a flag: employee, remote, service, limit, tamper, blind\n"
	"      --flagged         what the policy did not allow\n"
	"      --denied          what was refused or failed\n"
	"      --pid PID   --hub HUB   --boot ID\n"
	"      --hours FROM-TO   by the clock: 22:00-06:00\n"
	"      --since TIME      at or after then: 2026-11-24T04:30:00Z, a day, -2h\n"
	"      --until TIME      before then; a day is meant to its end\n"
	"      --where EXPR      any other: 'login = alice and not exe ~ \"/usr/bin/*\"'\n"
	"\n"
	"What is shown:\n"
	"      --by WHAT[,WHAT]  counts for each login, asset, day, hour, program, peer, kind,\n"
	"                        class, file, user, unit, origin, hub; up to 4 of them\n"
	"      --sort COLUMN     of the groups: breadth, name, events, ...\n"
	"      --limit N         at most so many lines; what is left out is counted\n"
	"      --format FORMAT   table (default), json (an object a line) or csv\n"
	"      --timezone OFFSET of hours, days and times shown: +01:00; without it UTC\n"
	"      --policy FILE     judge by this one instead of those in the trace\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 done, whether something fits or not, 2 usage or invalid policy,\n"
	"3 a trace could not be read, or was damaged.\n";

enum { TAKES_FACT = 0x100 }; /* options from here on: TAKES_FACT + enum cw_fact */

struct options {
	struct cw_traces_config traces;
	const char *values[64]; /* of options that narrow the filter; their fact, or where */
	int facts[64];
	unsigned int n_values;
	const char *since, *until;
	bool denied;
	enum cw_group_by by[CW_GROUP_LEVELS];
	unsigned int n_by;
	enum cw_group_sort sort;
	bool sorted;
	uint64_t limit; /* UINT64_MAX: none */
	enum cw_table_form form;
	int offset_s;
	struct cw_filter *filter;
};

struct query {
	const struct options *o;
	struct cw_printer terminal; /* its style only */
	struct cw_table *table;
	struct cw_groups *groups;
	struct cw_buf out;
	uint64_t found, shown;
	uint64_t gaps, lost, gap_first_ns, gap_last_ns;
};

/* ---- which ---- */

/* What the agent says of itself is asked for by its kind only, but a gap is always counted. */
static bool is_default(const struct options *o, const struct cw_event *e)
{
	return cw_filter_asks(o->filter, CW_FACT_KIND) || cw_kind_is_access(e->kind) ||
	       e->kind == CW_KIND_TAMPER;
}

static bool is_found(const struct options *o, const struct cw_event *e)
{
	return is_default(o, e) && cw_filter_takes(o->filter, e);
}

static bool keep(const void *ctx, const struct cw_event *e)
{
	return e->kind == CW_KIND_GAP || is_found(ctx, e);
}

/* Where there is no process it may be a gap. */
static bool keep_process(const void *ctx, const struct cw_process *p, const struct cw_origin *o)
{
	const struct options *options = ctx;
	struct cw_event e = { .process = *p, .origin = *o };

	return !p->pid || cw_filter_may_take(options->filter, &e, CW_FACT_OF_PROCESS);
}

static bool keep_asset(const void *ctx, const struct cw_asset *a)
{
	const struct options *options = ctx;
	struct cw_event e = { .asset = *a };

	return a->kind == CW_ASSET_NONE ||
	       cw_filter_may_take(options->filter, &e, CW_FACT_OF_ASSET);
}

static void count_gap(struct query *q, const struct cw_event *e)
{
	const struct cw_detail *lost = cw_event_detail(e, "lost");

	if (!q->gaps++)
		q->gap_first_ns = e->time_ns;
	q->gap_last_ns = e->time_ns;
	cw_add_up(&q->lost, lost && lost->type == CW_DETAIL_UINT ? lost->u : 0);
}

/* ---- one event a line ---- */

static const struct cw_table_column text_columns[] = {
	{ "time", false },  { "verdict", false }, { "kind", false },	{ "who", false },
	{ "asset", false }, { "path", false },	  { "program", false },
};

static void text_verdict(struct cw_table *t, const struct cw_verdict *v)
{
	char text[64];

	if (v->decision != CW_DECISION_FLAG) {
		cw_table_safe(t, v->decision == CW_DECISION_ALLOW ? "allow" : "-", CW_TABLE_DIM);
		return;
	}
	snprintf(text, sizeof(text), "%s %s", cw_class_name(v->class),
		 cw_severity_name(v->severity));
	cw_table_safe(t, text, v->severity >= CW_SEVERITY_HIGH ? CW_TABLE_ALARM : CW_TABLE_WARN);
}

static void text_kind(struct cw_table *t, const struct cw_event *e)
{
	const struct cw_detail *phase = cw_event_detail(e, "phase");
	cw_auto_buf struct cw_buf b = { 0 };

	cw_buf_puts(&b, cw_kind_name(e->kind));
	if (e->kind == CW_KIND_STREAM && phase && phase->type == CW_DETAIL_STRING) {
		cw_buf_puts(&b, " ");
		cw_text_safe(&b, phase->s);
	}
	if (e->result < 0) {
		cw_buf_puts(&b, " ");
		cw_text_errno(&b, e->result);
	}
	cw_table_safe(t, b.data, CW_TABLE_PLAIN);
}

static void text_row(struct query *q, const struct cw_event *e)
{
	cw_auto_buf struct cw_buf who = { 0 }, program = { 0 }, path = { 0 };
	const char *raw = e->asset.path ? e->asset.path : e->asset.node;
	struct cw_table *t = q->table;

	cw_groups_time(t, CW_TABLE_TEXT, e->time_ns, q->o->offset_s);
	text_verdict(t, &e->verdict);
	text_kind(t, e);
	if (e->process.pid) {
		cw_text_who(&who, e);
		cw_text_program(&program, &e->process);
	}
	cw_table_safe(t, who.data, CW_TABLE_PLAIN);
	cw_table_text(t, e->asset.kind == CW_ASSET_NONE ? NULL : e->asset.name, CW_TABLE_PLAIN);
	if (raw && e->asset.path_partial)
		cw_buf_puts(&path, "...");
	if (raw)
		cw_text_safe(&path, raw);
	cw_table_safe(t, path.data, CW_TABLE_PLAIN);
	cw_table_safe(t, program.data, CW_TABLE_PLAIN);
}

/* ---- the whole ---- */

static int flush(struct query *q, size_t from)
{
	if (q->out.error)
		return q->out.error;
	if (q->out.len < from || !q->out.len)
		return 0;
	if (fwrite(q->out.data, q->out.len, 1, stdout) != 1)
		return -errno;
	cw_buf_reset(&q->out);
	return 0;
}

static int take_event(struct query *q, const struct cw_event *e)
{
	q->found++;
	if (q->groups)
		return cw_groups_add(q->groups, e);
	if (q->shown >= q->o->limit)
		return 0;
	q->shown++;
	if (q->o->form == CW_TABLE_JSON)
		cw_json_event(&q->out, e);
	else if (q->o->form == CW_TABLE_CSV)
		cw_csv_event(&q->out, e);
	else
		text_row(q, e);
	return flush(q, OUT_FLUSH);
}

static int read_events(struct query *q, struct cw_traces *t)
{
	const struct cw_event *e;
	int r;

	while ((r = cw_traces_next(t, &e)) == 1) {
		if (e->kind == CW_KIND_GAP)
			count_gap(q, e);
		if (e->kind == CW_KIND_GAP && !is_found(q->o, e))
			continue;
		r = take_event(q, e);
		if (r)
			return r;
	}
	return r;
}

static int open_table(struct query *q, const struct cw_table_column *columns, unsigned int n)
{
	return cw_table_new(q->o->form, columns, n, q->terminal.style.width,
			    q->terminal.style.color, &q->out, &q->table);
}

static int show_groups(struct query *q)
{
	const struct cw_table_column *columns;
	unsigned int n;
	int r;

	cw_groups_sort(q->groups, q->o->sort);
	columns = cw_groups_columns(q->groups, &n);
	r = open_table(q, columns, n);
	for (size_t i = 0; !r && i < cw_groups_n(q->groups) && i < q->o->limit; i++, q->shown++) {
		cw_groups_row(q->groups, i, q->table);
		r = flush(q, OUT_FLUSH);
	}
	return r;
}

static int start(struct query *q)
{
	const struct options *o = q->o;

	cw_printer_ask_terminal(&q->terminal);
	if (o->n_by)
		return cw_groups_new(o->by, o->n_by, o->form, o->offset_s, o->traces.since_ns,
				     &q->groups);
	if (o->form == CW_TABLE_CSV)
		cw_csv_header(&q->out);
	if (o->form == CW_TABLE_TEXT)
		return open_table(q, text_columns, CW_ARRAY_SIZE(text_columns));
	return 0;
}

static int end(struct query *q)
{
	int r = q->groups ? show_groups(q) : 0;

	if (!r && q->table && (q->shown || q->o->form == CW_TABLE_CSV))
		cw_table_finish(q->table);
	if (!r)
		r = flush(q, 0);
	return !r && fflush(stdout) ? -errno : r;
}

/* What the answer does not hold. */
static void say_what_is_missing(const struct query *q, const struct cw_traces *t)
{
	uint64_t all = q->groups ? cw_groups_n(q->groups) : q->found;
	char from[CW_JSON_TIME_SIZE], to[CW_JSON_TIME_SIZE];

	if (!q->found)
		fputs("camwarden query: no event fits\n", stderr);
	if (all > q->shown)
		fprintf(stderr, "camwarden query: %llu more are not shown (--limit)\n",
			(unsigned long long)(all - q->shown));
	if (q->gaps) {
		cw_json_time(q->gap_first_ns, from);
		cw_json_time(q->gap_last_ns, to);
		fprintf(stderr, "camwarden query: not all was seen: %llu events lost, in %llu gaps "
			"told of between %.19sZ and %.19sZ; see --kind gap\n",
			(unsigned long long)q->lost, (unsigned long long)q->gaps, from, to);
	}
	if (q->groups && cw_groups_crowded(q->groups))
		fprintf(stderr, "camwarden query: more than %u groups (or %u MiB of names): the "
			"rest is in one of its own\n", CW_GROUPS_MAX, CW_GROUP_TEXT_MAX >> 20);
	if (q->groups && cw_groups_uncounted(q->groups))
		fprintf(stderr, "camwarden query: more than %u recordings (or %u devices): counts "
			"with >= are at least that\n", CW_DISTINCT_MAX, CW_DISTINCT_DEVICES_MAX);
	if (q->groups && cw_groups_unsplit(q->groups))
		fprintf(stderr, "camwarden query: a capture of more than %u days or hours, or all "
			"over more than %u borders of them: minutes of the time before are in a "
			"group of their own\n", CW_CAPTURE_PARTS_MAX, CW_PARTS_MAX);
	if (cw_traces_unjudged(t) && cw_filter_asks_part(q->o->filter, CW_FACT_OF_VERDICT))
		fputs("camwarden query: a trace has no policy (camwarden record); give one by "
		      "--policy\n", stderr);
}

static int query(const struct options *o)
{
	struct query q = { .o = o };
	struct cw_traces *t = NULL;
	int status = cw_traces_open(&o->traces, &t), r;

	if (status)
		return status;
	cw_traces_say_kept(t);
	r = start(&q);
	if (!r)
		r = read_events(&q, t);
	if (!r)
		r = end(&q);
	status = cw_traces_status(t, r);
	if (!r)
		say_what_is_missing(&q, t);
	if (!status && cw_traces_damaged(t))
		status = CW_EXIT_FAILED;
	cw_traces_free(t);
	cw_table_free(q.table);
	cw_groups_free(q.groups);
	cw_buf_free(&q.out);
	return status;
}

/* ---- options ---- */

static int add_by(struct options *o, const char *word)
{
	enum cw_group_by by;

	if (cw_group_by_parse(word, &by))
		return cw_usage_error("query", "--by is login, asset, day, hour, program, peer, "
				      "kind, class, file, user, unit, origin or hub, not ", word);
	for (unsigned int i = 0; i < o->n_by; i++)
		if (o->by[i] == by)
			return cw_usage_error("query", "--by has this twice: ", word);
	if (o->n_by == CW_GROUP_LEVELS)
		return cw_usage_error("query", "--by takes 4 at most, not also ", word);
	o->by[o->n_by++] = by;
	return 0;
}

static int take_by(struct options *o, const char *value)
{
	cw_auto_free char *copy = strdup(value);
	char *save = NULL, *word;
	int status = 0;

	if (!copy)
		return CW_EXIT_FAILED;
	word = strtok_r(copy, ",", &save);
	if (!word)
		return add_by(o, "");
	for (; word && !status; word = strtok_r(NULL, ",", &save))
		status = add_by(o, word);
	return status;
}

static int take_limit(struct options *o, const char *value)
{
	if (!cw_policy_parse_uint(value, INT64_MAX, &o->limit) && o->limit)
		return 0;
	return cw_usage_error("query", "--limit is a number of lines, not ", value);
}

static int take_form(struct options *o, const char *value)
{
	static const char *const words[] = { "table", "csv", "json" };

	for (unsigned int i = 0; i < CW_ARRAY_SIZE(words); i++) {
		if (!cw_streq(value, words[i]))
			continue;
		o->form = (enum cw_table_form)i;
		return 0;
	}
	return cw_usage_error("query", "--format is table, json or csv, not ", value);
}

static int take_value(struct options *o, int fact, const char *value)
{
	if (o->n_values == CW_ARRAY_SIZE(o->values))
		return cw_usage_error("query", "too many options; --where takes more", "");
	o->facts[o->n_values] = fact;
	o->values[o->n_values++] = value;
	return 0;
}

static int take(void *into, int option, const char *value)
{
	struct options *o = into;

	switch (option) {
	case 'b':
		return take_by(o, value);
	case 'S':
		o->sorted = true;
		if (!cw_group_sort_parse(value, &o->sort))
			return 0;
		return cw_usage_error("query", "--sort is breadth, name, events, flags, "
				      "recordings, cameras, microphones, minutes, first or "
				      "last, not ", value);
	case 'l':
		return take_limit(o, value);
	case 'f':
		return take_form(o, value);
	case 'z':
		if (!cw_policy_parse_offset(value, &o->offset_s))
			return 0;
		return cw_usage_error("query", "--timezone is an offset like +01:00, not ", value);
	case 's':
		o->since = value;
		return 0;
	case 'u':
		o->until = value;
		return 0;
	case 'd':
		o->denied = true;
		return 0;
	case 'F':
		return take_value(o, CW_FACT_DECISION, "flag");
	case 'w':
		return take_value(o, CW_FACT_MAX, value);
	default:
		if (option >= TAKES_FACT)
			return take_value(o, option - TAKES_FACT, value);
		return cw_traces_take(&o->traces, option, value);
	}
}

/* After all options were read, as the filter: days and hours are those of the time zone. */
static int take_times(struct options *o)
{
	struct cw_traces_config *c = &o->traces;
	int status = 0;

	if (o->since)
		status = cw_take_local_time(c->verb, o->since, o->offset_s, false, &c->since_ns);
	if (!status && o->until)
		status = cw_take_local_time(c->verb, o->until, o->offset_s, true, &c->until_ns);
	return status ? status : cw_check_times(c->verb, c->since_ns, c->until_ns);
}

static int build_filter(struct options *o)
{
	cw_auto_buf struct cw_buf error = { 0 };
	int r = cw_filter_new(o->offset_s, &o->filter);

	for (unsigned int i = 0; !r && i < o->n_values; i++) {
		bool where = o->facts[i] == CW_FACT_MAX;

		r = where ? cw_filter_where(o->filter, o->values[i], &error) :
			    cw_filter_option(o->filter, (enum cw_fact)o->facts[i], o->values[i],
					     &error);
		if (r == -EINVAL) {
			fprintf(stderr, "camwarden query: --%s: %s",
				where ? "where" : cw_fact_name((enum cw_fact)o->facts[i]),
				error.data ? error.data : "");
			return CW_EXIT_USAGE;
		}
	}
	if (!r && o->denied)
		r = cw_filter_denied(o->filter);
	if (!r)
		return CW_GO_ON;
	fprintf(stderr, "camwarden query: %s\n", strerror(-r));
	return CW_EXIT_FAILED;
}

int cw_cmd_query(int argc, char **argv)
{
#define FACT(name, fact) { name, required_argument, NULL, TAKES_FACT + (fact) }
	static const struct option options[] = {
		CW_TRACES_OPTIONS,
		FACT("login", CW_FACT_LOGIN),
		FACT("asset", CW_FACT_ASSET),
		FACT("exe", CW_FACT_EXE),
		FACT("peer", CW_FACT_PEER),
		FACT("kind", CW_FACT_KIND),
		FACT("class", CW_FACT_CLASS),
		FACT("pid", CW_FACT_PID),
		FACT("hub", CW_FACT_HUB),
		FACT("boot", CW_FACT_BOOT),
		FACT("hours", CW_FACT_HOURS),
		{ "flagged", no_argument, NULL, 'F' },
		{ "denied", no_argument, NULL, 'd' },
		{ "where", required_argument, NULL, 'w' },
		{ "by", required_argument, NULL, 'b' },
		{ "sort", required_argument, NULL, 'S' },
		{ "limit", required_argument, NULL, 'l' },
		{ "format", required_argument, NULL, 'f' },
		{ "timezone", required_argument, NULL, 'z' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct cw_verb verb = { "query", help, ":h", options, take };
	struct options o = { .traces = { .verb = verb.name, .judge = true, .keep = keep,
					 .keep_process = keep_process,
					 .until_ns = UINT64_MAX },
			     .limit = UINT64_MAX };
	int status = cw_read_options(&verb, &o, argc, argv);

	if (status == CW_GO_ON)
		status = cw_traces_take_paths(&o.traces, argc - optind, argv + optind);
	if (status == CW_GO_ON)
		status = take_times(&o);
	if (status == CW_GO_ON && o.sorted && !o.n_by)
		status = cw_usage_error(verb.name, "--sort goes with --by; events come in their "
					"order", "");
	if (status == CW_GO_ON)
		status = build_filter(&o);
	o.traces.ctx = &o;
	if (status == CW_GO_ON && cw_filter_asks_part(o.filter, CW_FACT_OF_ASSET))
		o.traces.keep_asset = keep_asset;
	if (status == CW_GO_ON)
		status = query(&o);
	cw_filter_free(o.filter);
	return status;
}
