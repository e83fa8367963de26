// SPDX-License-Identifier: Apache-2.0
/*
 * camwarden diff: the events of traces judged by two policies, and where they do not agree. Events
 * that are alike are one entry of a bounded table, with the first of them as the example.
 */
#include "cmd.h"
#include "sink/json.h"
#include "sink/object.h"
#include "sink/text.h"
#include "tally.h"
#include "traces.h"

#define SCHEMA	     "camwarden.diff/1"
#define GROUPS_MAX   2048
#define KEYS_MAX     (8u << 20) /* bytes of what tells groups apart */
#define EXAMPLES_MAX (16u << 20) /* bytes of all examples */

static const char help[] =
	"Usage: camwarden diff --policy OLD --policy NEW [OPTION...] FILE...\n"
	"\n"
	"Judges the events of traces by two policies, in order, and prints what one would have\n"
	"said otherwise than the other: from allow to flag or back, or with another class or\n"
	"severity. Events that are alike are counted together. With one --policy, it is held\n"
	"against those that were in force. Several traces are merged; - is standard input.\n"
	"\n"
	"      --policy FILE     once or twice: the old one and the new one, or the new one\n"
	"      --format FORMAT   text (default) or json, one group a line and then a summary\n"
	"      --since TIME      only events at or after then: 2026-11-24T04:30:00Z, or a day\n"
	"      --until TIME      only events before then; a day is meant to its end\n"
	"      --all             also what both judge alike\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 both judge alike, 1 they do not, 2 usage or invalid policy, 3 a trace\n"
	"could not be read, or was damaged and both judge the rest alike.\n";

struct options {
	struct cw_traces_config traces;
	const char *policies[2];
	unsigned int n_policies;
	uint64_t since_ns;
	enum cw_format format;
	bool all;
};

struct group {
	struct cw_tally_entry tally;
	struct cw_verdict from, to; /* enums only */
	char *example; /* lines, or members of an object; NULL: there was no room */
};

struct differ {
	const struct options *o;
	struct cw_policy *old, *new; /* old NULL: those of the traces have judged already */
	struct cw_tally *groups;
	uint64_t events, alike, regraded, changed[CW_DECISION_MAX][CW_DECISION_MAX];
	size_t example_bytes;
	struct cw_buf key, text;
};

static void drop(void *entry)
{
	free(((struct group *)entry)->example);
}

/* ---- one pair of verdicts ---- */

static bool is_alike(const struct cw_verdict *a, const struct cw_verdict *b)
{
	return a->decision == b->decision && a->class == b->class && a->severity == b->severity;
}

/* What makes two events alike. The words of a verdict may hold a time or a number. */
static void make_key(struct cw_buf *key, const struct cw_event *from, const struct cw_event *to)
{
	const struct cw_verdict *a = &from->verdict, *b = &to->verdict;
	cw_auto_buf struct cw_buf who = { 0 };

	cw_buf_reset(key);
	cw_buf_printf(key, "%d %d %d %d %d %d %d ", a->decision, a->class, a->severity,
		      b->decision, b->class, b->severity, to->kind);
	cw_tally_key(key, a->grant ? a->grant : a->rule);
	cw_tally_key(key, b->grant ? b->grant : b->rule);
	cw_tally_key(key, to->asset.name);
	cw_tally_key(key, to->process.exe);
	if (to->process.pid)
		cw_text_subject(&who, to);
	cw_tally_key(key, who.data);
	key->error = who.error ? who.error : key->error;
}

static void put_verdict(struct cw_buf *b, const char *label, const struct cw_verdict *v)
{
	cw_buf_printf(b, "    %-7s", label);
	if (v->decision == CW_DECISION_NONE) {
		cw_buf_puts(b, "not judged\n");
		return;
	}
	cw_text_safe(b, v->rule);
	if (v->why) {
		cw_buf_puts(b, ": ");
		cw_text_safe(b, v->why);
	}
	cw_buf_putc(b, '\n');
}

static void put_example_text(struct cw_buf *b, const struct cw_event *from,
			     const struct cw_event *to)
{
	char peer[CW_JSON_PEER_SIZE];

	cw_buf_printf(b, "    %-7s%s", "what:", cw_kind_name(to->kind));
	if (to->asset.kind != CW_ASSET_NONE) {
		cw_buf_putc(b, ' ');
		cw_text_safe(b, to->asset.name);
		cw_buf_puts(b, " (");
		cw_text_safe(b, to->asset.path ? to->asset.path : to->asset.node);
		cw_buf_putc(b, ')');
	}
	cw_buf_putc(b, '\n');
	if (to->process.pid) {
		cw_buf_printf(b, "    %-7s", "who:");
		cw_text_subject(b, to);
		if (cw_json_peer(&to->origin, peer))
			cw_buf_printf(b, " from %s", peer);
		cw_buf_puts(b, ", ");
		cw_text_safe(b, to->process.exe ? to->process.exe : to->process.comm);
		cw_buf_printf(b, "[%u]\n", to->process.pid);
	}
	put_verdict(b, "old:", &from->verdict);
	put_verdict(b, "new:", &to->verdict);
}

static void put_verdict_json(struct cw_buf *b, const char *key, const struct cw_verdict *v)
{
	cw_object_open(b, key);
	cw_object_text(b, "decision", cw_decision_name(v->decision));
	if (v->class != CW_CLASS_NONE)
		cw_object_text(b, "class", cw_class_name(v->class));
	if (v->severity != CW_SEVERITY_NONE)
		cw_object_text(b, "severity", cw_severity_name(v->severity));
	cw_object_text(b, "grant", v->grant);
	cw_object_text(b, "rule", v->rule);
	cw_object_text(b, "why", v->why);
	cw_object_text(b, "technique", v->technique);
	cw_object_close(b);
}

/* The event is shown with the new verdict. */
static void put_example_json(struct cw_buf *b, const struct cw_event *from,
			     const struct cw_event *to)
{
	put_verdict_json(b, "old", &from->verdict);
	put_verdict_json(b, "new", &to->verdict);
	cw_buf_puts(b, ",\"example\":");
	cw_json_event(b, to);
	if (!b->error)
		b->data[--b->len] = '\0'; /* the newline */
}

static int keep_example(struct differ *d, struct group *g, const struct cw_event *from,
			const struct cw_event *to)
{
	cw_buf_reset(&d->text);
	if (d->o->format == CW_FORMAT_JSON)
		put_example_json(&d->text, from, to);
	else
		put_example_text(&d->text, from, to);
	if (d->text.error)
		return d->text.error;
	if (d->example_bytes + d->text.len > EXAMPLES_MAX)
		return 0;
	d->example_bytes += d->text.len;
	g->example = strdup(d->text.data);
	return g->example ? 0 : -ENOMEM;
}

static int compare(struct differ *d, const struct cw_event *from, const struct cw_event *to)
{
	bool alike = is_alike(&from->verdict, &to->verdict);
	struct group *g;
	void *entry;
	int r;

	d->events++;
	if (alike)
		d->alike++;
	else if (from->verdict.decision == to->verdict.decision)
		d->regraded++;
	else
		d->changed[from->verdict.decision][to->verdict.decision]++;
	if (alike && !(d->o->all && (from->verdict.decision || to->verdict.decision)))
		return 0;
	make_key(&d->key, from, to);
	r = cw_tally_add(d->groups, &d->key, to->time_ns, &entry);
	if (r)
		return r == -ENOSPC ? 0 : r;
	g = entry;
	if (g->tally.count > 1)
		return 0;
	g->from = (struct cw_verdict){ from->verdict.decision, from->verdict.class,
				       from->verdict.severity, NULL, NULL, NULL, NULL };
	g->to = (struct cw_verdict){ to->verdict.decision, to->verdict.class,
				     to->verdict.severity, NULL, NULL, NULL, NULL };
	return keep_example(d, g, from, to);
}

/* Both policies see every event: limits count from one to the next. */
static int read_events(struct differ *d, struct cw_traces *t)
{
	const struct cw_event *e;
	int r;

	while ((r = cw_traces_next(t, &e)) == 1) {
		struct cw_event from = *e, to = *e;

		if (d->old)
			cw_policy_judge(d->old, &from);
		cw_policy_judge(d->new, &to);
		if (e->time_ns < d->o->since_ns)
			continue;
		r = compare(d, &from, &to);
		if (r)
			return r;
	}
	return r;
}

/* ---- output ---- */

static uint64_t n_changed(const struct differ *d)
{
	return d->events - d->alike;
}

/* What is neither of the two that have a line of their own, nor graded otherwise. */
static uint64_t n_other(const struct differ *d)
{
	return n_changed(d) - d->regraded - d->changed[CW_DECISION_ALLOW][CW_DECISION_FLAG] -
	       d->changed[CW_DECISION_FLAG][CW_DECISION_ALLOW];
}

static void put_decision(struct cw_buf *b, const struct cw_verdict *v)
{
	cw_buf_puts(b, cw_decision_name(v->decision));
	if (v->decision == CW_DECISION_FLAG)
		cw_buf_printf(b, " (%s, %s)", cw_class_name(v->class),
			      cw_severity_name(v->severity));
}

static void put_group_text(struct cw_buf *b, const struct group *g)
{
	char first[CW_JSON_TIME_SIZE], last[CW_JSON_TIME_SIZE];

	put_decision(b, &g->from);
	cw_buf_puts(b, " -> ");
	put_decision(b, &g->to);
	cw_json_time(g->tally.first_ns, first);
	cw_json_time(g->tally.last_ns, last);
	if (g->tally.count == 1)
		cw_buf_printf(b, ": once, %.19sZ\n", first);
	else
		cw_buf_printf(b, ": %llu times, %.19sZ to %.19sZ\n",
			      (unsigned long long)g->tally.count, first, last);
	cw_buf_puts(b, g->example ? g->example : "    (no room for an example)\n");
}

static void put_group_json(struct cw_buf *b, const struct group *g)
{
	cw_object_open(b, NULL);
	cw_object_text(b, "schema", SCHEMA);
	cw_object_text(b, "from", cw_decision_name(g->from.decision));
	cw_object_text(b, "to", cw_decision_name(g->to.decision));
	cw_object_uint(b, "count", g->tally.count);
	cw_object_time(b, "first", g->tally.first_ns);
	cw_object_time(b, "last", g->tally.last_ns);
	if (g->example) {
		cw_buf_putc(b, ',');
		cw_buf_puts(b, g->example);
	}
	cw_object_close(b);
	cw_buf_putc(b, '\n');
}

static void put_summary_text(struct cw_buf *b, const struct differ *d)
{
	const struct {
		uint64_t n;
		const char *what;
	} lines[] = {
		{ d->changed[CW_DECISION_ALLOW][CW_DECISION_FLAG], "allow -> flag" },
		{ d->changed[CW_DECISION_FLAG][CW_DECISION_ALLOW], "flag -> allow" },
		{ d->regraded, "flagged by both, with another class or severity" },
		{ n_other(d), "judged by one only" },
	};
	uint64_t lost = cw_tally_lost(d->groups);

	cw_buf_printf(b, "%llu events, %llu judged alike\n", (unsigned long long)d->events,
		      (unsigned long long)d->alike);
	for (size_t i = 0; i < CW_ARRAY_SIZE(lines); i++)
		if (lines[i].n)
			cw_buf_printf(b, "%llu %s\n", (unsigned long long)lines[i].n,
				      lines[i].what);
	if (lost)
		cw_buf_printf(b, "%llu of these are not shown: there are too many kinds\n",
			      (unsigned long long)lost);
}

static void put_summary_json(struct cw_buf *b, const struct differ *d)
{
	cw_object_open(b, NULL);
	cw_object_text(b, "schema", SCHEMA);
	cw_object_open(b, "summary");
	cw_object_uint(b, "events", d->events);
	cw_object_uint(b, "alike", d->alike);
	cw_object_uint(b, "allow_to_flag", d->changed[CW_DECISION_ALLOW][CW_DECISION_FLAG]);
	cw_object_uint(b, "flag_to_allow", d->changed[CW_DECISION_FLAG][CW_DECISION_ALLOW]);
	cw_object_uint(b, "regraded", d->regraded);
	cw_object_uint(b, "other", n_other(d));
	cw_object_uint(b, "not_listed", cw_tally_lost(d->groups));
	cw_object_close(b);
	cw_object_close(b);
	cw_buf_putc(b, '\n');
}

static int print(struct differ *d)
{
	bool json = d->o->format == CW_FORMAT_JSON;

	for (unsigned int i = 0; i <= cw_tally_n(d->groups); i++) {
		bool last = i == cw_tally_n(d->groups);
		struct group *g = last ? NULL : cw_tally_at(d->groups, i);

		cw_buf_reset(&d->text);
		if (last)
			(json ? put_summary_json : put_summary_text)(&d->text, d);
		else
			(json ? put_group_json : put_group_text)(&d->text, g);
		if (d->text.error)
			return d->text.error;
		if (fwrite(d->text.data, d->text.len, 1, stdout) != 1)
			return -errno;
	}
	return fflush(stdout) ? -errno : 0;
}

/* ---- the whole ---- */

static int load(struct differ *d)
{
	const struct options *o = d->o;
	int status = 0;

	if (o->n_policies == 2)
		status = cw_take_policy(o->policies[0], &d->old);
	return status ? status : cw_take_policy(o->policies[o->n_policies - 1], &d->new);
}

static int run(struct differ *d, struct cw_traces *t)
{
	int status, r = cw_tally_new(GROUPS_MAX, KEYS_MAX, sizeof(struct group), drop, &d->groups);

	if (!r)
		r = read_events(d, t);
	if (d->groups && !r)
		r = print(d);
	status = cw_traces_status(t, r);
	if (!status && cw_traces_unjudged(t))
		fputs("camwarden diff: a trace has no policy (camwarden record); its events count "
		      "as not judged by the old one\n", stderr);
	if (!status && n_changed(d))
		return CW_EXIT_FLAGGED;
	return !status && cw_traces_damaged(t) ? CW_EXIT_FAILED : status;
}

static int diff(struct options *o)
{
	struct differ d = { .o = o };
	struct cw_traces *t = NULL;
	int status = load(&d);

	/* What limits count may have begun before. */
	if (!status && !cw_policy_has_limits(d.new) && !(d.old && cw_policy_has_limits(d.old)))
		o->traces.since_ns = o->since_ns;
	o->traces.judge = !d.old;
	if (!status)
		status = cw_traces_open(&o->traces, &t);
	if (!status) {
		cw_traces_say_kept(t);
		status = run(&d, t);
	}
	cw_traces_free(t);
	cw_tally_free(d.groups);
	cw_policy_free(d.old);
	cw_policy_free(d.new);
	cw_buf_free(&d.key);
	cw_buf_free(&d.text);
	return status;
}

static int take(void *into, int option, const char *value)
{
	struct options *o = into;

	switch (option) {
	case 'a':
		o->all = true;
		return 0;
	case 'f':
		return cw_take_format("diff", value, &o->format);
	case 's':
		return cw_take_time("diff", value, false, &o->since_ns);
	case 'p':
		if (o->n_policies == CW_ARRAY_SIZE(o->policies))
			return cw_usage_error("diff", "--policy can be given twice", "");
		o->policies[o->n_policies++] = value;
		return 0;
	default:
		return cw_traces_take(&o->traces, option, value);
	}
}

int cw_cmd_diff(int argc, char **argv)
{
	static const struct option options[] = {
		CW_TRACES_OPTIONS,
		{ "format", required_argument, NULL, 'f' },
		{ "all", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct cw_verb verb = { "diff", help, ":h", options, take };
	struct options o = { .traces = { .verb = verb.name, .until_ns = UINT64_MAX } };
	int status = cw_read_options(&verb, &o, argc, argv);

	if (status == CW_GO_ON)
		status = cw_traces_take_paths(&o.traces, argc - optind, argv + optind);
	if (status == CW_GO_ON)
		status = cw_check_times(verb.name, o.since_ns, o.traces.until_ns);
	if (status == CW_GO_ON && !o.n_policies)
		status = cw_usage_error("diff", "--policy is needed", "");
	return status == CW_GO_ON ? diff(&o) : status;
}
