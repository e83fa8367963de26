// SPDX-License-Identifier: Apache-2.0
/*
 * camwarden replay: traces through the same policy and printer as `run`. Never looks at the
 * machine it runs on.
 *
 * Traces of one boot are merged by the time since boot, boots by when they began. A trace brings
 * its own policies unless one is given: each holds for the events after it.
 */
#include <getopt.h>
#include <time.h>

#include "base/sha256.h"
#include "cmd.h"
#include "policy/policy.h"
#include "policy/value.h"
#include "trace/reader.h"

#define PROBLEMS_SHOWN 20u
#define PROGRESS_NS    (CW_NSEC_PER_SEC / 5)

static const char help[] =
	"Usage: camwarden replay [OPTION...] FILE...\n"
	"\n"
	"Judges the events of traces and prints a line for each one that is flagged: for the\n"
	"policy that was in force the same lines as camwarden run, for another one what it\n"
	"would have said. Needs no root, no probes and nothing of the machine that was\n"
	"recorded. Several traces are merged by boot and time; - is standard input.\n"
	"\n"
	"      --policy FILE     judge by this one instead of those in the trace\n"
	"      --format FORMAT   text (default) or json, one event a line\n"
	"      --since TIME      only events at or after then: 2026-11-24T04:30:00Z, or a day\n"
	"      --until TIME      only events before then; a day is meant to its end\n"
	"      --all             every event, not only flags\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 nothing was flagged, 1 something was, 2 usage or invalid policy,\n"
	"3 a trace could not be read, or was damaged and nothing was flagged in the rest.\n";

struct options {
	const char *policy;
	enum cw_format format;
	bool all;
	uint64_t since_ns, until_ns;
};

/* Looked into at the start for its head, and open only while its events are due. */
struct input {
	const char *path;
	struct replay *replay;
	struct cw_trace_head head;
	struct cw_trace_reader *reader; /* NULL: not open */
	struct cw_policy *policy;	/* of the trace, in force now */
	struct cw_event event;		/* the next one, if `ready` */
	uint64_t group;			/* when its boot began */
	unsigned int problems;
	bool begun, ready, ended;
};

struct replay {
	const struct options *o;
	struct input *inputs;
	unsigned int n;
	struct cw_policy *policy; /* given; NULL: those of the traces */
	struct cw_printer printer;
	bool progress, damaged, failed, unjudged;
	uint64_t events, next_progress_ns;
};

static void message(const char *path, const char *what)
{
	cw_auto_buf struct cw_buf b = { 0 };

	cw_text_safe(&b, path);
	fprintf(stderr, "camwarden replay: %s: %s\n", b.data ? b.data : "", what);
}

/* ---- problems of the files ---- */

static void show_problem(struct input *in, const struct cw_trace_problem *p)
{
	char what[400], when[64] = "", block[32] = "";
	cw_auto_buf struct cw_buf t = { 0 };

	if (in->problems++ >= PROBLEMS_SHOWN)
		return;
	if (p->wall_ns) {
		cw_policy_put_time(&t, p->wall_ns, 0);
		snprintf(when, sizeof(when), ", after %s", t.data ? t.data : "");
	}
	if (p->sequence)
		snprintf(block, sizeof(block), "block %llu, ", (unsigned long long)p->sequence);
	snprintf(what, sizeof(what), "%sbyte %llu%s: %s", block, (unsigned long long)p->offset,
		 when, p->what);
	message(in->path, what);
	if (in->problems == PROBLEMS_SHOWN)
		message(in->path, "more of this is not shown; camwarden verify counts it");
}

/* An end such as a power cut leaves behind is no damage. */
static void on_problem(void *ctx, const struct cw_trace_problem *p)
{
	struct input *in = ctx;

	show_problem(in, p);
	if (p->fault != CW_TRACE_TORN && p->fault != CW_TRACE_NEWER)
		in->replay->damaged = true;
}

/* What stands in a trace may be anything. */
static void show_faults(const char *lines)
{
	for (const char *at = lines, *end; at && *at; at = *end ? end + 1 : end) {
		cw_auto_free char *line = NULL;
		cw_auto_buf struct cw_buf b = { 0 };

		end = strchrnul(at, '\n');
		line = strndup(at, (size_t)(end - at));
		cw_text_safe(&b, line);
		fprintf(stderr, "%s\n", b.data ? b.data : "");
	}
}

/* ---- policies ---- */

static int take_policy(struct replay *r, struct input *in, const struct cw_trace_policy *t)
{
	cw_auto_buf struct cw_buf errors = { 0 };
	struct cw_policy *next = NULL;
	char expected[CW_SHA256_HEX];
	int e;

	if (r->policy)
		return 0;
	cw_sha256_hex(t->sha256, expected);
	e = cw_policy_parse(t->name, t->text, t->len, &errors, &next);
	if (!e && strcmp(cw_policy_sha256(next), expected)) {
		message(in->path, "the policy in this trace is not the one that its hash names");
		cw_policy_free(next);
		e = -EBADMSG;
	} else if (e) {
		message(in->path, "a policy in this trace is not valid for this version; give "
			"another by --policy");
		show_faults(errors.data);
	}
	if (e)
		return e;
	if (t->how != CW_TRACE_POLICY_START && in->policy)
		cw_policy_keep_usage(next, in->policy);
	cw_policy_free(in->policy);
	in->policy = next;
	if (cw_policy_has_limits(next))
		cw_trace_reader_all(in->reader); /* what was before counts */
	return 0;
}

static int load_policy(struct replay *r)
{
	cw_auto_buf struct cw_buf errors = { 0 };
	int e;

	if (!r->o->policy)
		return CW_EXIT_OK;
	e = cw_policy_load(r->o->policy, &errors, &r->policy);
	if (!e)
		return CW_EXIT_OK;
	fputs(errors.data ? errors.data : "", stderr);
	return e == -EINVAL ? CW_EXIT_USAGE : CW_EXIT_FAILED;
}

/* ---- one event ---- */

static void show_progress(struct replay *r, const struct input *in)
{
	struct timespec t;
	uint64_t now, size, at;

	if (!r->progress || (r->events & 0xfff))
		return;
	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * CW_NSEC_PER_SEC + (uint64_t)t.tv_nsec;
	if (now < r->next_progress_ns)
		return;
	at = cw_trace_reader_at(in->reader, &size);
	r->next_progress_ns = now + PROGRESS_NS;
	fprintf(stderr, "\r%u of %u: %3u %%, %llu events ", (unsigned int)(in - r->inputs) + 1,
		r->n, size ? (unsigned int)(at * 100 / size) : 0,
		(unsigned long long)r->events);
}

static int deliver(struct replay *r, struct input *in)
{
	struct cw_policy *policy = r->policy ? r->policy : in->policy;
	struct cw_event *e = &in->event;

	r->events++;
	show_progress(r, in);
	if (policy)
		cw_policy_judge(policy, e);
	else
		r->unjudged = true;
	if (e->time_ns < r->o->since_ns || e->time_ns >= r->o->until_ns ||
	    !cw_printer_take(&r->printer, e))
		return 0;
	if (r->printer.line.error)
		return -ENOMEM;
	return fwrite(r->printer.line.data, r->printer.line.len, 1, stdout) == 1 ? 0 : -errno;
}

/* ---- merging ---- */

static int open_input(struct input *in, cw_trace_problem_fn *problem)
{
	int e = cw_trace_reader_open(in->path, problem, in, &in->reader);

	if (!e)
		return 0;
	message(in->path, e == -EBADMSG ? "this is no trace, or its first 256 bytes are damaged" :
			  e == -ENOTSUP ? "this trace needs a later version of camwarden" :
					  strerror(-e));
	return e;
}

static int begin_input(struct replay *r, struct input *in)
{
	int e = in->reader ? 0 : open_input(in, on_problem);

	if (!e && (r->o->since_ns || r->o->until_ns != UINT64_MAX) &&
	    !(r->policy && cw_policy_has_limits(r->policy)))
		cw_trace_reader_range(in->reader, r->o->since_ns, r->o->until_ns);
	in->begun = !e;
	return e;
}

static void end_input(struct input *in)
{
	cw_trace_reader_free(in->reader);
	cw_policy_free(in->policy);
	in->reader = NULL;
	in->policy = NULL;
	in->ended = true;
}

static int fetch(struct replay *r, struct input *in)
{
	struct cw_trace_policy policy;
	int e = in->begun || in->ended ? 0 : begin_input(r, in);

	if (e)
		return e;
	while (!in->ready && !in->ended) {
		e = cw_trace_reader_next(in->reader, &in->event, &policy);
		if (e == 1) {
			in->ready = true;
		} else if (e == 2) {
			e = take_policy(r, in, &policy);
			if (e)
				return e;
		} else {
			end_input(in);
			if (e < 0)
				r->failed = true;
		}
	}
	return 0;
}

static int compare(const void *pa, const void *pb)
{
	const struct input *a = pa, *b = pb;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return a->head.boot_ns < b->head.boot_ns ? -1 : a->head.boot_ns > b->head.boot_ns;
}

/* A boot begins when the first of its traces does, minus how long it ran by then. */
static void sort_inputs(struct replay *r)
{
	for (unsigned int i = 0; i < r->n; i++) {
		struct input *in = &r->inputs[i];

		in->group = UINT64_MAX;
		for (unsigned int k = 0; k < r->n; k++) {
			const struct cw_trace_head *h = &r->inputs[k].head;

			if (!strcmp(h->boot_id, in->head.boot_id) &&
			    h->wall_ns - h->boot_ns < in->group)
				in->group = h->wall_ns - h->boot_ns;
		}
	}
	qsort(r->inputs, r->n, sizeof(*r->inputs), compare);
}

/*
 * The input whose event comes next. One that begins after that event is not looked into yet, so
 * that segments of one run cost no more than one file.
 */
static int pick(struct replay *r, unsigned int first, unsigned int end, struct input **ret_input)
{
	struct input *best = NULL;

	for (unsigned int i = first; i < end; i++) {
		struct input *in = &r->inputs[i];
		int e;

		if (in->ended)
			continue;
		if (best && !in->begun && in->head.boot_ns > best->event.boot_ns)
			break;
		e = fetch(r, in);
		if (e)
			return e;
		if (in->ready && (!best || in->event.boot_ns < best->event.boot_ns))
			best = in;
	}
	*ret_input = best;
	return 0;
}

static int replay_boot(struct replay *r, unsigned int first, unsigned int end)
{
	struct input *in = NULL;
	int e;

	while (!(e = pick(r, first, end, &in)) && in) {
		e = deliver(r, in);
		if (e)
			return e;
		in->ready = false;
		while (first < end && r->inputs[first].ended)
			first++;
	}
	return e;
}

static int replay_all(struct replay *r)
{
	int e = 0;

	for (unsigned int i = 0, end; i < r->n && !e; i = end) {
		for (end = i + 1; end < r->n && r->inputs[end].group == r->inputs[i].group;)
			end++;
		e = replay_boot(r, i, end);
	}
	if (!e && fflush(stdout))
		e = -errno;
	return e;
}

/* ---- the command ---- */

/* Their heads, so that they can be sorted; standard input stays open. */
static int look_into(struct replay *r, char **paths)
{
	for (unsigned int i = 0; i < r->n; i++) {
		struct input *in = &r->inputs[i];
		bool stays = cw_streq(paths[i], "-");
		int e;

		in->path = paths[i];
		in->replay = r;
		e = open_input(in, stays ? on_problem : NULL);
		if (e)
			return e;
		in->head = *cw_trace_reader_head(in->reader);
		if (!stays)
			end_input(in);
		in->ended = false;
	}
	return 0;
}

static int status_of(struct replay *r, int e)
{
	if (r->progress)
		fputs("\r\033[K", stderr);
	if (e == -EPIPE)
		return CW_EXIT_FAILED;
	if (e) {
		fprintf(stderr, "camwarden replay: ended early: %s\n", strerror(-e));
		return CW_EXIT_FAILED;
	}
	if (r->unjudged && r->printer.format == CW_FORMAT_TEXT && !r->printer.all)
		fputs("camwarden replay: a trace has no policy (camwarden record); give one by "
		      "--policy, or see every event by --all\n", stderr);
	if (r->failed || (r->damaged && !r->printer.flags))
		return CW_EXIT_FAILED;
	return r->printer.flags ? CW_EXIT_FLAGGED : CW_EXIT_OK;
}

static int replay(const struct options *o, char **paths, unsigned int n)
{
	struct replay r = { .o = o, .n = n, .printer = { .format = o->format, .all = o->all } };
	int status = load_policy(&r);

	r.inputs = calloc(n, sizeof(*r.inputs));
	if (!status && (!r.inputs || look_into(&r, paths)))
		status = CW_EXIT_FAILED;
	if (!status) {
		cw_printer_ask_terminal(&r.printer);
		r.progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
		sort_inputs(&r);
		status = status_of(&r, replay_all(&r));
	}
	for (unsigned int i = 0; r.inputs && i < n; i++)
		end_input(&r.inputs[i]);
	free(r.inputs);
	cw_policy_free(r.policy);
	cw_printer_free(&r.printer);
	return status;
}

static int usage_error(const char *what, const char *which)
{
	fprintf(stderr, "camwarden replay: %s%s; see camwarden replay --help\n", what, which);
	return CW_EXIT_USAGE;
}

static int parse_option(struct options *o, int option, const char *value)
{
	switch (option) {
	case 'p':
		o->policy = value;
		return 0;
	case 'a':
		o->all = true;
		return 0;
	case 'f':
		if (!cw_streq(value, "text") && !cw_streq(value, "json"))
			return usage_error("--format is text or json, not ", value);
		o->format = *value == 'j' ? CW_FORMAT_JSON : CW_FORMAT_TEXT;
		return 0;
	case 's':
		return cw_policy_parse_time(value, 0, false, &o->since_ns) ?
			       usage_error("--since is a time like 2026-11-24T04:30:00Z, not ",
					   value) : 0;
	case 'u':
		return cw_policy_parse_time(value, 0, true, &o->until_ns) ?
			       usage_error("--until is a time like 2026-11-24T04:30:00Z, not ",
					   value) : 0;
	case ':':
		return usage_error("a value is missing behind ", value);
	default:
		return usage_error("unknown option ", value);
	}
}

int cw_cmd_replay(int argc, char **argv)
{
	static const struct option options[] = {
		{ "policy", required_argument, NULL, 'p' },
		{ "format", required_argument, NULL, 'f' },
		{ "since", required_argument, NULL, 's' },
		{ "until", required_argument, NULL, 'u' },
		{ "all", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .until_ns = UINT64_MAX };
	unsigned int stdins = 0;
	int option, r;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return CW_EXIT_OK;
		}
		r = parse_option(&o, option, optarg ? optarg : argv[optind - 1]);
		if (r)
			return r;
	}
	if (optind == argc)
		return usage_error("a trace is needed", "");
	for (int i = optind; i < argc; i++)
		stdins += cw_streq(argv[i], "-");
	if (stdins > 1)
		return usage_error("standard input can be given once", "");
	return replay(&o, argv + optind, (unsigned int)(argc - optind));
}
