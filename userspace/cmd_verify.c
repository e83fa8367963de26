// SPDX-License-Identifier: Apache-2.0
/*
 * camwarden verify: what a trace proves, what not, and where it breaks. It believes nothing but the
 * key that it is given: without one, a trace that somebody made up whole looks as good as any.
 */
#include <time.h>

#include "base/sha256.h"
#include "cmd.h"
#include "sink/json.h"
#include "trace/roots.h"
#include "trace/verify.h"
#include "traces.h"

#define FAULTS_SHOWN 20u
#define PROGRESS_NS  (CW_NSEC_PER_SEC / 5)

static const char help[] =
	"Usage: camwarden verify [--key KEY] FILE...\n"
	"\n"
	"Follows each trace from its first byte to its last: checksums, the chain of blocks, the\n"
	"seals, the numbers of the events, the clock. Says what is proven, what is not, and where\n"
	"it breaks. - is standard input.\n"
	"\n"
	"      --key KEY   the hub's public key, a PEM file (camwarden.pub, copied from the hub\n"
	"                  when it was set up) or 64 hexadecimal digits\n"
	"  -h, --help      this text\n"
	"\n"
	"Exit status: 0 whole and sealed to its end (with --key: by that hub) and, of several,\n"
	"none is missing before another, 1 it is not, 2 usage, 3 could not be read.\n";

struct file {
	const char *path;
	bool progress;
	unsigned int faults;
	uint64_t next_progress_ns;
	struct cw_trace_report report;
};

struct files {
	const struct file *file;
	const struct cw_trace_report *const *report; /* of each */
	unsigned int n;
};

static void put_time(uint64_t ns, FILE *f)
{
	char t[CW_JSON_TIME_SIZE];

	cw_json_time(ns, t);
	fputs(t, f);
}

static void put_safe(const char *s)
{
	cw_auto_buf struct cw_buf b = { 0 };

	cw_text_safe(&b, s);
	fputs(b.data ? b.data : "", stdout);
}

static void on_problem(void *ctx, const struct cw_trace_problem *p)
{
	struct file *f = ctx;

	if (p->fault == CW_TRACE_NEWER) {
		printf("  newer    %s\n", p->what);
		return;
	}
	if (f->faults++ >= FAULTS_SHOWN)
		return;
	if (f->progress)
		fputs("\r\033[K", stderr);
	printf("  BROKEN   ");
	if (p->sequence)
		printf("block %llu, ", (unsigned long long)p->sequence);
	printf("byte %llu", (unsigned long long)p->offset);
	if (p->wall_ns) {
		printf(", after ");
		put_time(p->wall_ns, stdout);
	}
	printf(": %s\n", p->what);
}

static void on_tick(void *ctx, const struct cw_trace_reader *r)
{
	cw_auto_buf struct cw_buf name = { 0 };
	struct file *f = ctx;
	struct timespec t;
	uint64_t now, size, at = cw_trace_reader_at(r, &size);

	if (!f->progress || !size)
		return;
	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * CW_NSEC_PER_SEC + (uint64_t)t.tv_nsec;
	if (now < f->next_progress_ns)
		return;
	f->next_progress_ns = now + PROGRESS_NS;
	cw_text_safe(&name, f->path);
	fprintf(stderr, "\r%s: %3u %% ", name.data ? name.data : "",
		(unsigned int)(at * 100 / size));
}

/* ---- the report ---- */

static void print_events(const struct cw_trace_report *t)
{
	printf("  blocks   %llu, %llu bytes\n", (unsigned long long)t->blocks,
	       (unsigned long long)t->bytes);
	printf("  events   %llu", (unsigned long long)t->events);
	if (t->events) {
		printf(", from ");
		put_time(t->wall_first, stdout);
		printf(" to ");
		put_time(t->wall_last, stdout);
		printf("\n  numbers  %llu to %llu, %llu missing", (unsigned long long)t->seq_first,
		       (unsigned long long)t->seq_last, (unsigned long long)t->seq_missing);
	}
	printf("\n  gaps     %llu, %llu events lost; %llu failed canaries\n",
	       (unsigned long long)t->gaps, (unsigned long long)t->lost,
	       (unsigned long long)t->blind_canaries);
	printf("  runs     %llu started, %llu stopped, %llu policies\n",
	       (unsigned long long)t->starts, (unsigned long long)t->stops,
	       (unsigned long long)t->policies);
	if (!t->n_jumps)
		printf("  clock    was not set\n");
	for (uint64_t i = 0; i < t->n_jumps && i < CW_TRACE_JUMPS_MAX; i++) {
		printf("  clock    set by %+.3f s before ", (double)t->jump[i].by_ns / 1e9);
		put_time(t->jump[i].wall_ns, stdout);
		putchar('\n');
	}
	if (t->n_jumps > CW_TRACE_JUMPS_MAX)
		printf("  clock    set %llu times in all\n", (unsigned long long)t->n_jumps);
}

static void print_seals(const struct cw_trace_report *t)
{
	char root[CW_SHA256_HEX];

	printf("  seals    %llu valid", (unsigned long long)t->seals);
	if (t->seals) {
		printf(", the last of ");
		put_time(t->sealed_wall_ns, stdout);
	}
	putchar('\n');
	if (!t->has_links)
		return;
	cw_sha256_hex(t->first_root, root); /* 32 bytes like any */
	printf("  key      %s, of start %llu of this hub\n", root,
	       (unsigned long long)t->first_link + 1);
}

static bool is_proven(const struct file *f, bool has_key)
{
	return cw_trace_is_proven(&f->report, f->faults, has_key);
}

static void print_proof(const struct file *f, bool has_key)
{
	const struct cw_trace_report *t = &f->report;

	if (is_proven(f, has_key)) {
		printf("  PROVEN   the %llu events of this file are as they were recorded: none of "
		       "them was removed, added or moved\n", (unsigned long long)t->events);
		if (!has_key)
			printf("  not      by which hub: compare the key with the hub's "
			       "camwarden.pub, or give it by --key\n");
		return;
	}
	if (t->no_seals)
		printf("  NOT      sealed at all: anyone may have written this\n");
	else if (has_key && !t->key_found && t->has_links && t->first_link)
		printf("  NOT      known to be of this hub: its links begin at start %llu, so this "
		       "key, which may be older, proves nothing: give the traces in between as "
		       "well\n", (unsigned long long)t->first_link + 1);
	else if (has_key && !t->key_found)
		printf("  NOT      of this hub: its keys do not lead back to the one given\n");
	if (!t->ended)
		printf("  NOT      ended: what was recorded at the end may be missing\n");
	if (!t->no_seals && t->sealed_events != t->events)
		printf("  NOT      sealed: the last %llu events\n",
		       (unsigned long long)(t->events - t->sealed_events));
	if (f->faults)
		printf("  NOT      unchanged: %u faults\n", f->faults);
}

static void print_report(const struct file *f, bool has_key)
{
	const struct cw_trace_report *t = &f->report;

	if (f->faults > FAULTS_SHOWN)
		printf("  BROKEN   at %u more places\n", f->faults - FAULTS_SHOWN);
	printf("  hub      ");
	put_safe(t->head.hub);
	printf(", boot ");
	put_safe(t->head.boot_id);
	printf(", camwarden ");
	put_safe(t->head.version);
	printf("\n  begun    ");
	put_time(t->head.wall_ns, stdout);
	putchar('\n');
	if (t->head.flags & CW_TRACE_IS_KEPT)
		printf("  kept     is only what was around flags (--keep)\n");
	print_events(t);
	print_seals(t);
	print_proof(f, has_key);
}

/* ---- the files beside each other ---- */

/* The chain leaves no block out; numbers tell of events that were never written. */
static void print_between(const struct cw_trace_report *before, const struct cw_trace_report *t)
{
	if (cw_trace_between(before, t))
		printf(", and the events %llu to %llu between were not recorded\n",
		       (unsigned long long)before->seq_last + 1,
		       (unsigned long long)t->seq_first - 1);
	else
		printf(", and nothing between\n");
}

/* Of a file alone nothing was promised: that it is one of more is no fault of it. */
static void print_absent(const struct file *f, bool alone)
{
	if (alone) {
		printf("  before   another trace, which is not given: this is one segment of "
		       "more\n");
		return;
	}
	printf("  NOT      complete: before ");
	put_safe(f->path);
	printf(" stood another trace that is not among these\n");
}

/* Each trace names the last block of the one before it, if there was one. */
static int print_before(const struct files *all, unsigned int which)
{
	const struct file *f = &all->file[which];
	unsigned int by, drop;
	int before = cw_trace_before(all->report, all->n, which, &by, &drop);

	if (before >= 0) {
		printf("  before   ");
		put_safe(all->file[before].path);
		print_between(&all->file[before].report, &f->report);
	} else if (before == CW_TRACE_DROPPED) {
		printf("  before   one of %llu events that was deleted for the budget at ",
		       (unsigned long long)all->report[by]->drop[drop].events);
		put_time(all->report[by]->drop[drop].wall_ns, stdout);
		putchar('\n');
	} else if (before == CW_TRACE_ABSENT) {
		print_absent(f, all->n == 1);
	}
	return before;
}

static bool is_last(const struct files *all, unsigned int which)
{
	for (unsigned int i = 0; i < all->n; i++)
		if (i != which && !memcmp(all->report[i]->head.previous,
					  all->report[which]->last_hash, CW_TRACE_HASH))
			return false;
	return true;
}

/* What is proven of each file says nothing of those that are not here. */
static int print_whole(const struct files *all)
{
	int status = CW_EXIT_OK;

	for (unsigned int i = 0; i < all->n; i++) {
		const struct cw_trace_report *t = all->report[i];

		if (all->n > 1) {
			put_safe(all->file[i].path);
			putchar('\n');
		}
		if (print_before(all, i) == CW_TRACE_ABSENT && all->n > 1)
			status = CW_EXIT_FLAGGED;
		if (t->ended && !t->stopped && is_last(all, i))
			printf("  after    the recording went on in another trace, or ended "
			       "without a stop\n");
	}
	return status;
}

/* ---- the command ---- */

static int verify_file(struct file *f, const uint8_t *key)
{
	struct cw_trace_reader *r = NULL;
	int e;

	put_safe(f->path);
	putchar('\n');
	e = cw_trace_reader_open(f->path, on_problem, f, &r);
	if (!e)
		e = cw_trace_verify(r, on_problem, on_tick, f, key, &f->report);
	cw_trace_reader_free(r);
	if (f->progress)
		fputs("\r\033[K", stderr);
	if (!e) {
		print_report(f, key);
		return is_proven(f, key) ? CW_EXIT_OK : CW_EXIT_FLAGGED;
	}
	if (e == -EBADMSG) {
		printf("  BROKEN   byte 0: " CW_TRACES_NO_TRACE "\n");
		return CW_EXIT_FLAGGED;
	}
	cw_traces_message("verify", f->path,
			  e == -ENOTSUP ? "this trace needs a later version of camwarden" :
					  strerror(-e));
	return CW_EXIT_FAILED;
}

static int verify_files(char **paths, unsigned int n, const uint8_t *key)
{
	cw_auto_free struct file *files = calloc(n, sizeof(*files));
	cw_auto_free const struct cw_trace_report **reports = calloc(n, sizeof(*reports));
	cw_auto_free uint8_t(*keys)[CW_TRACE_KEY] = calloc(n, sizeof(*keys));
	struct files all = { files, reports, n };
	int status = CW_EXIT_OK, s;

	if (!files || !reports || !keys || (key && cw_trace_roots_follow(key, paths, n, keys)))
		return CW_EXIT_FAILED;
	for (unsigned int i = 0; i < n; i++) {
		files[i].path = paths[i];
		files[i].progress = isatty(STDERR_FILENO);
		reports[i] = &files[i].report;
		s = verify_file(&files[i], key ? keys[i] : NULL);
		status = s > status ? s : status;
	}
	s = print_whole(&all);
	status = s > status ? s : status;
	return fflush(stdout) ? CW_EXIT_FAILED : status;
}

struct options {
	uint8_t key[CW_TRACE_KEY];
	bool has_key;
};

static int take(void *into, int option, const char *value)
{
	struct options *o = into;

	(void)option; /* there is but one */
	o->has_key = true;
	return cw_take_key("verify", value, o->key);
}

int cw_cmd_verify(int argc, char **argv)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct cw_verb verb = { "verify", help, ":h", options, take };
	struct cw_traces_config traces = { .verb = verb.name };
	struct options o = { 0 };
	int status = cw_read_options(&verb, &o, argc, argv);

	if (status == CW_GO_ON)
		status = cw_traces_take_paths(&traces, argc - optind, argv + optind);
	if (status != CW_GO_ON)
		return status;
	return verify_files(traces.paths, traces.n, o.has_key ? o.key : NULL);
}
