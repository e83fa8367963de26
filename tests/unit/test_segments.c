// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: a trace in several files stays within its budget, lets go of whole files in
 * the right order and tells of each, and what is left is one chain with its policy. What is held in
 * memory comes out when something is flagged, with the time before it, and says what is missing.
 */
#include <dirent.h>
#include <malloc.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <cmocka.h>

#include "trace/recorder.h"
#include "trace/segments.h"
#include "trace/verify.h"

#define PATIENCE_MS 20000
#define SEGMENT	    (64u << 10)
#define BUDGET	    (16 * SEGMENT)

static char dir[] = "/tmp/cw-segments-XXXXXX";
static char keys[64], path[64];
static const char policy[] = "version: 1\nassets: {a: {kind: camera}}\n";

static struct cw_recorder *start(struct cw_recorder_config c)
{
	cw_auto_buf struct cw_buf notes = { 0 };
	struct cw_recorder *r = NULL;

	c.path = path;
	c.keys = keys;
	c.boot_id = "b007";
	c.hub = "hub-1";
	assert_int_equal(cw_recorder_open(&c, &notes, &r), 0);
	assert_true(cw_recorder_policy(r, false, "p.yaml", policy, sizeof(policy) - 1));
	return r;
}

static uint64_t boot_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * CW_NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

/* Paths that do not compress, so that files fill quickly. */
static void put_at(struct cw_recorder *r, uint64_t seq, uint64_t boot_ns)
{
	static uint64_t random = 88172645463325252ULL;
	struct cw_recorder_loss loss;
	struct cw_event e;
	char name[200];

	for (size_t i = 0; i < sizeof(name) - 1; i++) {
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		name[i] = (char)('0' + (random >> 58));
	}
	name[sizeof(name) - 1] = '\0';
	memset(&e, 0, sizeof(e));
	e.seq = seq;
	e.boot_ns = boot_ns;
	e.time_ns = 1795494959000000000ULL + boot_ns;
	e.asset.kind = CW_ASSET_CAMERA;
	e.asset.path = name;
	while (!cw_recorder_event(r, &e))
		for (poll(NULL, 0, 1); !cw_recorder_take_loss(r, &loss); poll(NULL, 0, 1))
			; /* it is tried again: nothing was lost */
}

static void put(struct cw_recorder *r, uint64_t seq)
{
	put_at(r, seq, boot_now());
}

struct names {
	char name[64][300];
	unsigned int n;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The old files in their order, and then the present one. */
static void list(struct names *all)
{
	struct dirent *e;
	DIR *d = opendir(dir);

	all->n = 0;
	while ((e = readdir(d)) && all->n < 63)
		if (!strncmp(e->d_name, "t.cw.", 5))
			snprintf(all->name[all->n++], sizeof(all->name[0]), "%s/%s", dir,
				 e->d_name);
	closedir(d);
	qsort(all->name, all->n, sizeof(all->name[0]), by_name);
	snprintf(all->name[all->n++], sizeof(all->name[0]), "%s", path);
}

static void clean(void)
{
	struct names all;

	list(&all);
	for (unsigned int i = 0; i < all.n; i++)
		unlink(all.name[i]);
}

static void on_problem(void *ctx, const struct cw_trace_problem *p)
{
	(void)p;
	++*(unsigned int *)ctx;
}

static void verify(const char *file, struct cw_trace_report *ret_report)
{
	struct cw_trace_reader *r = NULL;
	unsigned int problems = 0;

	assert_int_equal(cw_trace_reader_open(file, on_problem, &problems, &r), 0);
	assert_int_equal(cw_trace_verify(r, on_problem, NULL, &problems, NULL, ret_report), 0);
	cw_trace_reader_free(r);
	assert_int_equal(problems, 0);
}

/* ---- rotation ---- */

static uint64_t bytes_of(const struct names *all)
{
	uint64_t bytes = 0;
	struct stat st;

	for (unsigned int i = 0; i < all->n; i++)
		if (!stat(all->name[i], &st))
			bytes += (uint64_t)st.st_size;
	return bytes;
}

static uint64_t events_on_disk(void)
{
	struct cw_trace_survey s;
	uint64_t events = 0;
	struct names all;

	list(&all);
	for (unsigned int i = 0; i < all.n; i++)
		events += cw_trace_survey(all.name[i], &s) ? 0 : s.events;
	return events;
}

static void test_rotation(void **state)
{
	struct cw_recorder *r = start((struct cw_recorder_config){ .segment_bytes = SEGMENT });
	static struct cw_trace_report report[64];
	struct names all;

	(void)state;
	for (uint64_t i = 1; i <= 4000; i++)
		put(r, i);
	assert_int_equal(cw_recorder_close(r, PATIENCE_MS), 0);
	list(&all);
	assert_in_range(all.n, 3, 20);
	for (unsigned int i = 0; i < all.n; i++) {
		verify(all.name[i], &report[i]);
		assert_int_equal(report[i].policies, 1); /* carried into each */
		assert_true(report[i].ended && report[i].seals);
		assert_int_equal(report[i].sealed_events, report[i].events);
		assert_int_equal(report[i].seq_missing, 0);
		if (!i)
			continue;
		assert_memory_equal(report[i].head.previous, report[i - 1].last_hash,
				    CW_TRACE_HASH);
		assert_int_equal(report[i].seq_first, report[i - 1].seq_last + 1);
	}
	assert_int_equal(report[0].seq_first, 1);
	assert_int_equal(report[all.n - 1].seq_last, 4000);
	clean();
}

/* The carried policy says so, and stands before the first event. */
static void test_carried(void **state)
{
	struct cw_recorder *r = start((struct cw_recorder_config){ .segment_bytes = SEGMENT });
	struct cw_trace_reader *reader = NULL;
	struct cw_trace_policy p;
	struct cw_event e;
	struct names all;

	(void)state;
	for (uint64_t i = 1; i <= 4000; i++)
		put(r, i);
	assert_int_equal(cw_recorder_close(r, PATIENCE_MS), 0);
	list(&all);
	assert_true(all.n >= 2);
	assert_int_equal(cw_trace_reader_open(all.name[1], NULL, NULL, &reader), 0);
	assert_int_equal(cw_trace_reader_next(reader, &e, &p), 2);
	assert_int_equal(p.how, CW_TRACE_POLICY_CARRIED);
	assert_string_equal(p.name, "p.yaml");
	assert_int_equal(p.len, sizeof(policy) - 1);
	assert_memory_equal(p.text, policy, p.len);
	cw_trace_reader_free(reader);
	clean();
}

/*
 * Something is flagged in the first file alone: it outlives the others. Each of those that go is
 * told of, after a warning, and what is told is what was in it.
 */
static void test_budget(void **state)
{
	struct cw_recorder *r = start((struct cw_recorder_config){ .segment_bytes = SEGMENT,
								   .budget = BUDGET });
	uint64_t seq = 0, lost = 0;
	unsigned int warned = 0, dropped = 0;
	struct cw_trace_dropped d;
	struct cw_trace_report report;
	struct names all;

	(void)state;
	while (seq < 16000) {
		put(r, ++seq);
		if (seq == 10)
			cw_recorder_urgent(r, true);
		while (cw_recorder_take_dropped(r, &d)) {
			warned += d.soon;
			assert_true(warned); /* before anything goes */
			dropped += !d.soon;
			lost += d.soon ? 0 : d.events;
		}
		list(&all);
		assert_true(seq % 500 || bytes_of(&all) <= BUDGET);
	}
	cw_recorder_urgent(r, false);
	for (int i = 0; i < PATIENCE_MS && events_on_disk() + lost != 16000; i++, poll(NULL, 0, 1))
		while (cw_recorder_take_dropped(r, &d)) {
			dropped += !d.soon;
			lost += d.soon ? 0 : d.events;
		}
	assert_int_equal(events_on_disk() + lost, 16000);
	assert_int_equal(cw_recorder_close(r, PATIENCE_MS), 0);
	assert_true(dropped >= 5);
	list(&all);
	assert_in_range(all.n, 4, 17);
	for (unsigned int i = 0; i < all.n; i++) {
		verify(all.name[i], &report);
		if (!i)
			assert_int_equal(report.seq_first, 1);
	}
	clean();
}

/* What stands before a file: one that is there, one that was told of as deleted, or neither. */
static void test_before(void **state)
{
	struct cw_trace_report file[4] = { 0 };
	const struct cw_trace_report *all[] = { &file[0], &file[1], &file[2], &file[3] };
	unsigned int by = 9, drop = 9;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		file[i].last_hash[0] = (uint8_t)(i + 1);
		file[i].head.previous[0] = (uint8_t)i;
		file[i].events = 10;
		file[i].seq_first = 20 * i + 1;
		file[i].seq_last = 20 * i + 10;
	}
	assert_int_equal(cw_trace_before(all, 4, 0, &by, &drop), CW_TRACE_FIRST);
	assert_int_equal(cw_trace_before(all, 4, 3, &by, &drop), 2);
	assert_int_equal(cw_trace_between(&file[2], &file[3]), 10);
	assert_int_equal(cw_trace_between(&file[3], &file[2]), 0);
	assert_int_equal(cw_trace_before(all + 1, 3, 0, &by, &drop), CW_TRACE_ABSENT);
	file[3].n_drops = 1000; /* more than are told */
	file[3].drop[CW_TRACE_DROPS_MAX - 1].last[0] = 1;
	assert_int_equal(cw_trace_before(all + 1, 3, 0, &by, &drop), CW_TRACE_DROPPED);
	assert_int_equal(by, 2);
	assert_int_equal(drop, CW_TRACE_DROPS_MAX - 1);
}

/* Only what is a trace under such a name is ever deleted. */
static void test_not_ours(void **state)
{
	static const char *const others[] = { "t.cw.20200101T000000Z", "t.cw.old", "t.cw.2020",
					      "u.cw.20200101T000000Z" };
	struct cw_recorder *r;
	char name[128];
	FILE *f;

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_SIZE(others); i++) {
		snprintf(name, sizeof(name), "%s/%s", dir, others[i]);
		f = fopen(name, "w");
		assert_non_null(f);
		assert_int_equal(fprintf(f, "%0200000d", 1), 200000);
		fclose(f);
	}
	r = start((struct cw_recorder_config){ .segment_bytes = SEGMENT, .budget = BUDGET });
	for (uint64_t i = 1; i <= 4000; i++)
		put(r, i);
	assert_int_equal(cw_recorder_close(r, PATIENCE_MS), 0);
	for (size_t i = 0; i < CW_ARRAY_SIZE(others); i++) {
		snprintf(name, sizeof(name), "%s/%s", dir, others[i]);
		assert_int_equal(access(name, F_OK), 0);
		unlink(name);
	}
	clean();
}

/* A restart goes on with the chain, and counts what is there. */
static void test_survey(void **state)
{
	struct cw_recorder *r = start((struct cw_recorder_config){ 0 });
	struct cw_trace_survey s;
	uint8_t last[CW_TRACE_HASH];

	(void)state;
	put(r, 1);
	put(r, 2);
	assert_int_equal(cw_recorder_close(r, PATIENCE_MS), 0);
	assert_int_equal(cw_trace_survey(path, &s), 0);
	assert_int_equal(s.events, 2);
	assert_false(s.flagged);
	assert_int_equal(cw_trace_last_hash(path, last), 0);
	assert_memory_equal(s.last, last, CW_TRACE_HASH);
	/* What is cut off may have been flagged. */
	assert_int_equal(truncate(path, (off_t)s.bytes - 1), 0);
	assert_int_equal(cw_trace_survey(path, &s), 0);
	assert_true(s.flagged);
	clean();
}

/* ---- memory ---- */

static uint64_t count_events(uint64_t *ret_first, uint64_t *ret_last, unsigned int *ret_policies)
{
	struct cw_trace_reader *r = NULL;
	struct cw_trace_policy p;
	struct cw_event e;
	uint64_t n = 0;
	int got;

	*ret_first = *ret_last = *ret_policies = 0;
	assert_int_equal(cw_trace_reader_open(path, NULL, NULL, &r), 0);
	assert_true(cw_trace_reader_head(r)->flags & CW_TRACE_IS_KEPT);
	while ((got = cw_trace_reader_next(r, &e, &p)) > 0) {
		*ret_policies += got == 2;
		if (got == 2)
			continue;
		if (!n++)
			*ret_first = e.seq;
		*ret_last = e.seq;
	}
	assert_int_equal(got, 0);
	cw_trace_reader_free(r);
	return n;
}

/* Nothing is written while nothing is flagged; then what is not too old, and the policy. */
static void test_keep(void **state)
{
	struct cw_recorder *r = start((struct cw_recorder_config){
		.keep_ns = 60 * CW_NSEC_PER_SEC });
	uint64_t now = boot_now(), first, last;
	unsigned int policies;

	(void)state;
	assert_true(now > 90 * CW_NSEC_PER_SEC); /* since the boot of this machine */
	/* A block each of old and of new ones: a block goes or stays whole. */
	for (uint64_t i = 1; i <= 2000; i++)
		put_at(r, i, now - 90 * CW_NSEC_PER_SEC);
	for (uint64_t i = 2001; i <= 4000; i++)
		put_at(r, i, now - 30 * CW_NSEC_PER_SEC);
	assert_int_equal(count_events(&first, &last, &policies), 0);
	cw_recorder_urgent(r, true);
	for (int64_t i = 0; i < PATIENCE_MS && !count_events(&first, &last, &policies); i++)
		poll(NULL, 0, 1);
	put(r, 4001); /* is not flagged, and not written */
	assert_int_equal(cw_recorder_close(r, PATIENCE_MS), 0);
	assert_true(count_events(&first, &last, &policies) >= 2000);
	assert_in_range(first, 1001, 2001);
	assert_int_equal(last, 4000);
	assert_int_equal(policies, 1);
	clean();
}

static void wait_for(uint64_t last_seq)
{
	uint64_t first, last = 0;
	unsigned int policies;

	for (int i = 0; i < PATIENCE_MS && last != last_seq; i++, poll(NULL, 0, 1))
		count_events(&first, &last, &policies);
	assert_int_equal(last, last_seq);
}

/* Several flags: what is between them is there once. The next start goes on with the chain. */
static void test_keep_again(void **state)
{
	struct cw_recorder_config c = { .keep_ns = 60 * CW_NSEC_PER_SEC };
	struct cw_trace_report report[2];
	unsigned int policies;
	uint64_t first, last;
	struct names all;

	(void)state;
	for (unsigned int run = 0; run < 2; run++) {
		struct cw_recorder *r = start(c);

		for (uint64_t seq = 1; seq <= 3000; seq++) {
			put(r, seq);
			if (seq % 1000)
				continue;
			cw_recorder_urgent(r, true);
			wait_for(seq);
		}
		put(r, 3001);
		assert_int_equal(cw_recorder_close(r, PATIENCE_MS), 0);
		assert_int_equal(count_events(&first, &last, &policies), 3000);
		assert_int_equal(first, 1);
		assert_int_equal(last, 3000);
		assert_int_equal(policies, 1);
	}
	list(&all);
	assert_int_equal(all.n, 2);
	for (unsigned int i = 0; i < all.n; i++) {
		verify(all.name[i], &report[i]);
		assert_true(report[i].ended && report[i].seq_missing == 0);
		assert_int_equal(report[i].sealed_events, 3000);
	}
	assert_memory_equal(report[1].head.previous, report[0].last_hash, CW_TRACE_HASH);
	clean();
}

/* However long nothing is flagged, it does not take more memory. */
static void test_keep_is_fixed(void **state)
{
	struct cw_recorder *r = start((struct cw_recorder_config){
		.keep_ns = 600 * CW_NSEC_PER_SEC, .keep_bytes = 256 << 10 });
	size_t before = 0, after;

	(void)state;
	for (uint64_t i = 1; i <= 30000; i++) {
		put(r, i);
		if (i == 10000)
			before = mallinfo2().uordblks;
	}
	after = mallinfo2().uordblks;
	assert_true(before > 256 << 10 || !before); /* a sanitizer does not say */
	assert_true(after <= before + (128 << 10));
	assert_int_equal(cw_recorder_close(r, PATIENCE_MS), 0);
	clean();
}

/* What had no room is told once, with its number and time. */
static void test_keep_is_small(void **state)
{
	struct cw_recorder *r = start((struct cw_recorder_config){
		.keep_ns = 600 * CW_NSEC_PER_SEC, .keep_bytes = 256 << 10 });
	uint64_t first, last, n, from = boot_now();
	struct cw_recorder_loss loss = { 0 };
	unsigned int policies;

	(void)state;
	for (uint64_t i = 1; i <= 8000; i++)
		put(r, i);
	assert_false(cw_recorder_take_short(r, &loss));
	cw_recorder_urgent(r, true);
	for (int64_t i = 0; i < PATIENCE_MS && !cw_recorder_take_short(r, &loss); i++)
		poll(NULL, 0, 1);
	assert_false(cw_recorder_take_short(r, &loss));
	assert_int_equal(cw_recorder_close(r, PATIENCE_MS), 0);
	n = count_events(&first, &last, &policies);
	assert_int_equal(last, 8000);
	assert_int_equal(n + loss.events, 8000);
	assert_int_equal(first, loss.events + 1);
	assert_true(loss.from_ns >= from && loss.to_ns >= loss.from_ns);
	assert_int_equal(policies, 1);
	clean();
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(keys, sizeof(keys), "%s/keys", dir);
	snprintf(path, sizeof(path), "%s/t.cw", dir);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rotation),   cmocka_unit_test(test_carried),
		cmocka_unit_test(test_budget),	   cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_before),	   cmocka_unit_test(test_survey),
		cmocka_unit_test(test_keep),	   cmocka_unit_test(test_keep_again),
		cmocka_unit_test(test_keep_is_fixed), cmocka_unit_test(test_keep_is_small),
	};

	return cmocka_run_group_tests_name("segments", tests, set_up, tear_down);
}
