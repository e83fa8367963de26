// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/sha256.h"
#include "cmd.h"
#include "policy/value.h"
#include "sink/text.h"
#include "trace_jobs.h"
#include "traces.h"

#define PROBLEMS_SHOWN 20u
#define PROGRESS_NS    (CW_NSEC_PER_SEC / 5)
#define AHEAD	       16u /* blocks that are read before their events are due */

/* Looked into at the start for its head, and open only while its events are due. */
struct input {
	const char *path;
	unsigned int which; /* in the configuration */
	struct cw_traces *traces;
	struct cw_trace_head head;
	struct cw_trace_reader *reader; /* NULL: not open */
	uint64_t size;			/* 0: not known */
	struct cw_policy *policy;	/* of the trace, in force now */
	struct cw_job *job[AHEAD];	/* blocks in their order; a ring */
	unsigned int first_job, n_jobs;
	bool at_policy; /* the last of them has one: what comes then is judged by that */
	bool read;	/* to the end, or to the error */
	int error;
	struct cw_event *event; /* the next one, if `ready` */
	bool raw;		/* it is not judged yet, nor is it known to be wanted */
	uint64_t group;			/* when its boot began */
	unsigned int problems;
	bool begun, ready, ended;
};

struct cw_traces {
	const struct cw_traces_config *c;
	struct input **inputs;
	unsigned int n;
	unsigned int first, end; /* those of the boot that is read */
	struct input *current;	 /* whose event was given last */
	struct cw_policy *policy; /* given; NULL: those of the traces */
	struct cw_policy *left; /* by the trace that ended last: a later one may carry it on */
	uint64_t left_group;
	struct cw_jobs *jobs;
	bool progress, damaged, failed, unjudged;
	uint64_t events, next_progress_ns;
};

void cw_traces_message(const char *verb, const char *path, const char *what)
{
	cw_auto_buf struct cw_buf b = { 0 };

	cw_text_safe(&b, path);
	fprintf(stderr, "camwarden %s: %s: %s\n", verb, b.data ? b.data : "", what);
}

static void message(const struct input *in, const char *what)
{
	cw_traces_message(in->traces->c->verb, in->path, what);
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
	message(in, what);
	if (in->problems == PROBLEMS_SHOWN)
		message(in, "more of this is not shown; camwarden verify counts it");
}

/* An end such as a power cut leaves behind is no damage. */
static void on_problem(void *ctx, const struct cw_trace_problem *p)
{
	struct input *in = ctx;

	show_problem(in, p);
	if (p->fault != CW_TRACE_TORN && p->fault != CW_TRACE_NEWER)
		in->traces->damaged = true;
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

static int take_policy(struct cw_traces *t, struct input *in, const struct cw_trace_policy *p)
{
	cw_auto_buf struct cw_buf errors = { 0 };
	struct cw_policy *next = NULL;
	char expected[CW_SHA256_HEX];
	int e;

	if (t->policy)
		return 0;
	cw_sha256_hex(p->sha256, expected);
	e = cw_policy_parse(p->name, p->text, p->len, &errors, &next);
	if (!e && strcmp(cw_policy_sha256(next), expected)) {
		message(in, "the policy in this trace is not the one that its hash names");
		cw_policy_free(next);
		e = -EBADMSG;
	} else if (e) {
		message(in, "a policy in this trace is not valid for this version; give "
			"another by --policy");
		show_faults(errors.data);
	}
	if (e)
		return e;
	if (p->how != CW_TRACE_POLICY_START && in->policy)
		cw_policy_keep_usage(next, in->policy);
	else if (p->how == CW_TRACE_POLICY_CARRIED && t->left && t->left_group == in->group)
		cw_policy_keep_usage(next, t->left);
	cw_policy_free(in->policy);
	in->policy = next;
	if (cw_policy_has_limits(next))
		cw_trace_reader_all(in->reader); /* what was before counts */
	return 0;
}

/* ---- one event ---- */

static void show_progress(struct cw_traces *t, const struct input *in)
{
	struct timespec ts;
	uint64_t now, size, at;

	if (!t->progress)
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * CW_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
	if (now < t->next_progress_ns)
		return;
	at = cw_trace_reader_at(in->reader, &size);
	t->next_progress_ns = now + PROGRESS_NS;
	fprintf(stderr, "\r%u of %u: %3u %%, %llu events ", t->first + 1, t->n,
		size ? (unsigned int)(at * 100 / size) : 0, (unsigned long long)t->events);
}

static struct cw_policy *policy_of(const struct cw_traces *t, const struct input *in)
{
	return t->policy ? t->policy : in->policy;
}

/* Judges it, which has to be done whether it is wanted or not: limits count. */
static bool is_wanted(struct cw_traces *t, struct input *in)
{
	struct cw_policy *policy = policy_of(t, in);
	struct cw_event *e = in->event;

	if (!in->raw)
		return true;
	if (t->c->judge && policy)
		cw_policy_judge(policy, e);
	return e->time_ns >= t->c->since_ns && cw_is_before(e->time_ns, t->c->until_ns) &&
	       (!t->c->keep || t->c->keep(t->c->ctx, e));
}

/* ---- blocks ---- */

/*
 * A policy with limits judges in order, so its events come raw; so do those of a block with a
 * policy, which holds for some of them only.
 */
static struct cw_job_rules rules_for(const struct cw_traces *t, const struct input *in,
				     bool has_policy)
{
	const struct cw_policy *policy = t->c->judge ? policy_of(t, in) : NULL;
	bool limits = policy && cw_policy_has_limits(policy);

	return (struct cw_job_rules){
		.file = &in->head, .policies = !t->policy, .raw = limits || has_policy,
		.policy = limits || has_policy ? NULL : policy,
		.filter = { .since_ns = t->c->since_ns, .until_ns = t->c->until_ns,
			    .process = t->c->keep_process, .asset = t->c->keep_asset,
			    .ctx = t->c->ctx },
		.keep = t->c->keep, .ctx = t->c->ctx,
	};
}

/* One block is always there, if there is one, and more where there is room for them. */
static int read_ahead(struct cw_traces *t, struct input *in)
{
	while (!in->read && !in->at_policy && in->n_jobs < AHEAD &&
	       (!in->n_jobs || cw_jobs_have_room(t->jobs))) {
		struct cw_trace_view view;
		struct cw_job_rules rules;
		struct cw_job **job = &in->job[(in->first_job + in->n_jobs) % AHEAD];
		int r = cw_trace_reader_events(in->reader, &view);

		if (r <= 0) {
			in->read = true;
			in->error = r;
			break;
		}
		in->at_policy = !t->policy && (view.head.flags & CW_TRACE_HAS_POLICY);
		rules = rules_for(t, in, in->at_policy);
		r = cw_jobs_give(t->jobs, &rules, &view, job);
		if (r)
			return r;
		in->n_jobs++;
	}
	return 0;
}

static void leave_block(struct input *in)
{
	cw_jobs_done(in->traces->jobs, in->job[in->first_job]);
	in->first_job = (in->first_job + 1) % AHEAD;
	if (!--in->n_jobs)
		in->at_policy = false;
}

static void end_block(struct cw_traces *t, struct input *in, int error)
{
	const struct cw_job *job = in->job[in->first_job];

	cw_trace_reader_decoded(in->reader, cw_job_head(job), error, cw_job_unknown(job));
	t->events += cw_job_head(job)->events;
	t->unjudged |= t->c->judge && !policy_of(t, in) && cw_job_head(job)->events;
	leave_block(in);
	show_progress(t, in);
}

/* ---- merging ---- */

static int open_input(struct input *in, cw_trace_problem_fn *problem)
{
	int e = cw_trace_reader_open(in->path, problem, in, &in->reader);

	if (!e)
		return 0;
	message(in, e == -EBADMSG ? CW_TRACES_NO_TRACE :
			  e == -ENOTSUP ? "this trace needs a later version of camwarden" :
					  strerror(-e));
	return e;
}

static int begin_input(struct cw_traces *t, struct input *in)
{
	int e = in->reader ? 0 : open_input(in, on_problem);

	if (!e && (t->c->since_ns || t->c->until_ns != UINT64_MAX) &&
	    !(t->policy && cw_policy_has_limits(t->policy)))
		cw_trace_reader_range(in->reader, t->c->since_ns, t->c->until_ns);
	in->begun = !e;
	return e;
}

static void end_input(struct input *in)
{
	while (in->n_jobs)
		leave_block(in);
	cw_trace_reader_free(in->reader);
	if (in->policy) {
		cw_policy_free(in->traces->left);
		in->traces->left = in->policy;
		in->traces->left_group = in->group;
	}
	in->reader = NULL;
	in->policy = NULL;
	in->ended = true;
}

static int fetch(struct cw_traces *t, struct input *in)
{
	struct cw_trace_policy policy;
	int e = in->begun || in->ended ? 0 : begin_input(t, in);

	if (e && e != -ENOMEM) { /* it was there before */
		t->failed = true;
		end_input(in);
		return 0;
	}
	while (!e && !in->ready && !in->ended) {
		e = read_ahead(t, in);
		if (e)
			break;
		if (!in->n_jobs) {
			t->failed |= in->error < 0;
			end_input(in);
			break;
		}
		e = cw_jobs_next(t->jobs, in->job[in->first_job], &in->event, &policy);
		if (e == 1) {
			in->raw = cw_job_is_raw(in->job[in->first_job]);
			in->ready = true;
			e = 0;
		} else if (e == 2) {
			e = take_policy(t, in, &policy);
		} else if (e != -ENOMEM) {
			end_block(t, in, e);
			e = 0;
		}
	}
	return e;
}

static int compare(const void *pa, const void *pb)
{
	const struct input *a = *(struct input *const *)pa, *b = *(struct input *const *)pb;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return a->head.boot_ns < b->head.boot_ns ? -1 : a->head.boot_ns > b->head.boot_ns;
}

/* A boot begins when the first of its traces does, minus how long it ran by then. */
static void sort_inputs(struct cw_traces *t)
{
	for (unsigned int i = 0; i < t->n; i++) {
		struct input *in = t->inputs[i];

		in->group = UINT64_MAX;
		for (unsigned int k = 0; k < t->n; k++) {
			const struct cw_trace_head *h = &t->inputs[k]->head;

			if (!strcmp(h->boot_id, in->head.boot_id) &&
			    h->wall_ns - h->boot_ns < in->group)
				in->group = h->wall_ns - h->boot_ns;
		}
	}
	qsort(t->inputs, t->n, sizeof(*t->inputs), compare);
}

/*
 * The input whose event comes next. One that begins after that event is not looked into yet, so
 * that segments of one run cost no more than one file.
 */
static int pick(struct cw_traces *t, unsigned int first, unsigned int end, struct input **ret_input)
{
	struct input *best = NULL;

	for (unsigned int i = first; i < end; i++) {
		struct input *in = t->inputs[i];
		int e;

		if (in->ended)
			continue;
		if (best && !in->begun && in->head.boot_ns > best->event->boot_ns)
			break;
		e = fetch(t, in);
		if (e)
			return e;
		if (in->ready && (!best || in->event->boot_ns < best->event->boot_ns))
			best = in;
	}
	*ret_input = best;
	return 0;
}

int cw_traces_next(struct cw_traces *t, const struct cw_event **ret_event)
{
	int e;

	for (;;) {
		if (t->current)
			t->current->ready = false;
		t->current = NULL;
		while (t->first < t->end && t->inputs[t->first]->ended)
			t->first++;
		if (t->first == t->end) {
			if (t->end == t->n)
				return 0;
			do
				t->end++;
			while (t->end < t->n &&
			       t->inputs[t->end]->group == t->inputs[t->first]->group);
		}
		e = pick(t, t->first, t->end, &t->current);
		if (e)
			return e;
		if (t->current && is_wanted(t, t->current)) {
			*ret_event = t->current->event;
			return 1;
		}
	}
}

/* ---- the whole ---- */

int cw_traces_take(struct cw_traces_config *c, int option, const char *value)
{
	switch (option) {
	case 'p':
		c->policy = value;
		return 0;
	case 's':
		return cw_take_time(c->verb, value, false, &c->since_ns);
	case 'u':
		return cw_take_time(c->verb, value, true, &c->until_ns);
	default:
		return CW_GO_ON;
	}
}

int cw_traces_take_paths(struct cw_traces_config *c, int argc, char **argv)
{
	unsigned int stdins = 0;

	if (!argc)
		return cw_usage_error(c->verb, "a trace is needed", "");
	for (int i = 0; i < argc; i++)
		stdins += cw_streq(argv[i], "-");
	if (stdins > 1)
		return cw_usage_error(c->verb, "standard input can be given once", "");
	c->paths = argv;
	c->n = (unsigned int)argc;
	return CW_GO_ON;
}

static void free_input(struct input *in)
{
	end_input(in);
	free(in);
}

/* What can be opened again: neither a pipe nor standard input, which may stand anywhere. */
static bool is_file(const char *path)
{
	struct stat st;

	return !cw_streq(path, "-") && !stat(path, &st) && S_ISREG(st.st_mode);
}

/* Its head; what is no file stays open. */
static int look_at(struct cw_traces *t, unsigned int which, struct input **ret_input)
{
	struct input *in = calloc(1, sizeof(*in));
	bool stays;
	int e;

	if (!in)
		return -ENOMEM;
	in->path = t->c->paths[which];
	in->which = which;
	in->traces = t;
	stays = !is_file(in->path);
	e = open_input(in, stays ? on_problem : NULL);
	if (e) {
		free(in);
		return e;
	}
	in->head = *cw_trace_reader_head(in->reader);
	cw_trace_reader_at(in->reader, &in->size);
	if (!stays) {
		cw_trace_reader_free(in->reader);
		in->reader = NULL;
	}
	*ret_input = in;
	return 0;
}

static bool is_same(const struct cw_trace_head *a, const struct cw_trace_head *b)
{
	static const uint8_t none[sizeof(a->id)];

	return memcmp(a->id, none, sizeof(none)) && !memcmp(a->id, b->id, sizeof(a->id)) &&
	       !strcmp(a->boot_id, b->boot_id);
}

/* A copy, or a file that was renamed since: of the same trace only the longest counts. */
static void add_input(struct cw_traces *t, struct input *in)
{
	cw_auto_buf struct cw_buf what = { 0 };
	struct input **same = t->inputs, *other = in;

	while (same < t->inputs + t->n && !is_same(&(*same)->head, &in->head))
		same++;
	if (same == t->inputs + t->n) {
		t->inputs[t->n++] = in;
		return;
	}
	if (in->size > (*same)->size) {
		other = *same;
		*same = in;
	}
	cw_buf_puts(&what, "the same trace as ");
	cw_text_safe(&what, (*same)->path);
	cw_buf_puts(&what, ", not read again");
	message(other, what.data ? what.data : "");
	free_input(other);
}

/* One that cannot be read keeps nobody from the others. */
static int look_into(struct cw_traces *t)
{
	int e = 0;

	for (unsigned int i = 0; i < t->c->n; i++) {
		struct input *in;
		int r = look_at(t, i, &in);

		if (r == -ENOMEM)
			return r;
		if (r)
			e = r;
		else
			add_input(t, in);
	}
	t->failed = e;
	return t->n ? 0 : e;
}

int cw_traces_open(const struct cw_traces_config *c, struct cw_traces **ret_traces)
{
	struct cw_traces *t = calloc(1, sizeof(*t));
	int status = CW_EXIT_FAILED;

	if (!t)
		return CW_EXIT_FAILED;
	t->c = c;
	t->inputs = calloc(c->n, sizeof(*t->inputs));
	if (t->inputs && !cw_jobs_new(&t->jobs))
		status = c->policy ? cw_take_policy(c->policy, &t->policy) : CW_EXIT_OK;
	if (!status && look_into(t))
		status = CW_EXIT_FAILED;
	if (status) {
		cw_traces_free(t);
		return status;
	}
	t->progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
	sort_inputs(t);
	*ret_traces = t;
	return CW_EXIT_OK;
}

unsigned int cw_traces_which(const struct cw_traces *t)
{
	return t->current->which;
}

const struct cw_policy *cw_traces_policy(const struct cw_traces *t)
{
	return t->policy ? t->policy : t->current->policy;
}

bool cw_traces_unjudged(const struct cw_traces *t)
{
	return t->unjudged;
}

bool cw_traces_damaged(const struct cw_traces *t)
{
	return t->damaged;
}

bool cw_traces_say_kept(const struct cw_traces *t)
{
	bool any = false;

	for (unsigned int i = 0; i < t->n; i++) {
		if (!(t->inputs[i]->head.flags & CW_TRACE_IS_KEPT))
			continue;
		message(t->inputs[i], "holds only what was around flags (--keep)");
		any = true;
	}
	return any;
}

int cw_traces_status(struct cw_traces *t, int error)
{
	if (t->progress)
		fputs("\r\033[K", stderr);
	if (error && error != -EPIPE)
		fprintf(stderr, "camwarden %s: ended early: %s\n", t->c->verb, strerror(-error));
	return error || t->failed ? CW_EXIT_FAILED : CW_EXIT_OK;
}

void cw_traces_free(struct cw_traces *t)
{
	if (!t)
		return;
	for (unsigned int i = 0; i < t->n; i++)
		free_input(t->inputs[i]);
	free(t->inputs);
	cw_jobs_free(t->jobs);
	cw_policy_free(t->left);
	cw_policy_free(t->policy);
	free(t);
}
