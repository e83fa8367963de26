// SPDX-License-Identifier: Apache-2.0
/*
 * camwarden verify: what a trace proves, what not, and where it breaks. It believes nothing but the
 * key that it is given: without one, a trace that somebody made up whole looks as good as any.
 */
#include <time.h>

#include "base/sha256.h"
#include "cmd.h"
#include "sink/json.h"
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
	"Exit status: 0 whole and sealed to its end (with --key: by that hub), 1 it is not,\n"
	"2 usage, 3 could not be read.\n";

struct file {
	const char *path;
	bool progress;
	unsigned int faults;
	uint64_t next_progress_ns;
	struct cw_trace_report report;
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
	fprintf(stderr, "\r%s: %3u %% ", f->path, (unsigned int)(at * 100 / size));
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
		printf("  PROVEN   all %llu events are as they were recorded, none was removed, "
		       "added or moved\n", (unsigned long long)t->events);
		if (!has_key)
			printf("  not      by which hub: compare the key with the hub's "
			       "camwarden.pub, or give it by --key\n");
		return;
	}
	if (t->no_seals)
		printf("  NOT      sealed at all: anyone may have written this\n");
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

/* The chain leaves no block out; numbers tell of events that were never written. */
static void print_between(const struct cw_trace_report *before, const struct cw_trace_report *t)
{
	if (t->events && before->events && t->seq_first > before->seq_last + 1)
		printf(", and the events %llu to %llu between were not recorded\n",
		       (unsigned long long)before->seq_last + 1,
		       (unsigned long long)t->seq_first - 1);
	else
		printf(", and nothing between\n");
}

/* A later file may say that the one before was deleted. */
static bool print_dropped(const struct file *files, int n, const uint8_t *last)
{
	for (int i = 0; i < n; i++) {
		const struct cw_trace_report *t = &files[i].report;

		for (uint64_t k = 0; k < t->n_drops && k < CW_TRACE_DROPS_MAX; k++) {
			if (memcmp(t->drop[k].last, last, CW_TRACE_HASH))
				continue;
			printf("one of %llu events that was deleted for the budget at ",
			       (unsigned long long)t->drop[k].events);
			put_time(t->drop[k].wall_ns, stdout);
			putchar('\n');
			return true;
		}
	}
	return false;
}

/* Each trace names the last block of the one before it, if there was one. */
static void print_before(const struct file *files, int n, int which)
{
	static const uint8_t none[CW_TRACE_HASH];
	const uint8_t *previous = files[which].report.head.previous;

	if (!memcmp(previous, none, sizeof(none)))
		return;
	printf("  before   ");
	for (int i = 0; i < n; i++)
		if (i != which && !memcmp(files[i].report.last_hash, previous, CW_TRACE_HASH)) {
			put_safe(files[i].path);
			print_between(&files[i].report, &files[which].report);
			return;
		}
	if (!print_dropped(files, n, previous))
		printf("another trace, which is not among these\n");
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
	fprintf(stderr, "camwarden verify: %s: %s\n", f->path,
		e == -ENOTSUP ? "this trace needs a later version of camwarden" : strerror(-e));
	return CW_EXIT_FAILED;
}

static int verify_files(char **paths, int n, const uint8_t *key)
{
	cw_auto_free struct file *files = calloc((size_t)n, sizeof(*files));
	int status = CW_EXIT_OK;

	if (!files)
		return CW_EXIT_FAILED;
	for (int i = 0; i < n; i++) {
		int s;

		files[i].path = paths[i];
		files[i].progress = isatty(STDERR_FILENO);
		s = verify_file(&files[i], key);
		status = s > status ? s : status;
	}
	for (int i = 0; n > 1 && i < n; i++) {
		put_safe(paths[i]);
		putchar('\n');
		print_before(files, n, i);
	}
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
	return verify_files(traces.paths, (int)traces.n, o.has_key ? o.key : NULL);
}
