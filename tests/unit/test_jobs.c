// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: blocks that are worked on by several threads come out as those that one thread
 * reads: every event, in its order, with the words of its own verdict; also where a block has more
 * events than a thread may leave behind, where it is malformed, and where it hides a policy.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <zlib.h>
#include <cmocka.h>

#include "trace_jobs.h"

#define BLOCKS 40u

static const char policy_text[] = "version: 1\n"
				  "assets: {a: {kind: camera}}\n"
				  "grants: [{name: g, allow: open, on: a, to: {exe: /bin/even}}]\n";
static const struct cw_trace_head file = { .major = 1, .boot_id = "b007", .hub = "hub-1" };
static struct cw_policy *policy;
static struct cw_trace_interner interner;

struct packed {
	struct cw_trace_view view;
	uint8_t *bytes;
};

/* `n` events from number `seq` on; the even ones are granted, what is said of others differs. */
static void fill(struct cw_trace_block *b, uint64_t seq, unsigned int n)
{
	char exe[32];

	memset(b, 0, sizeof(*b));
	cw_trace_block_reset(b, &interner);
	for (unsigned int i = 0; i < n; i++, seq++) {
		struct cw_event e = { .seq = seq, .boot_ns = seq, .time_ns = 1000 + seq };

		snprintf(exe, sizeof(exe), "/bin/odd%u", (unsigned int)(seq % 5));
		e.asset.kind = CW_ASSET_CAMERA;
		e.asset.access = CW_ACCESS_READ;
		e.process.pid = 7;
		e.process.exe = seq % 2 ? exe : "/bin/even";
		assert_int_equal(cw_trace_block_add_event(b, &interner, &e), 0);
	}
}

static void pack(struct packed *p, const struct cw_trace_block *b)
{
	uLongf len = compressBound(b->raw.len);

	p->bytes = malloc(CW_TRACE_BLOCK_SIZE + len);
	assert_int_equal(compress(p->bytes + CW_TRACE_BLOCK_SIZE, &len,
				  (const Bytef *)b->raw.data, b->raw.len), Z_OK);
	p->view = (struct cw_trace_view){ .bytes = p->bytes, .len = CW_TRACE_BLOCK_SIZE + len };
	p->view.head = (struct cw_trace_block_head){ .raw = (uint32_t)b->raw.len,
						     .packed = (uint32_t)len, .flags = b->flags,
						     .events = b->events };
}

static void make(struct packed *p, uint64_t seq, unsigned int n)
{
	struct cw_trace_block b;

	fill(&b, seq, n);
	pack(p, &b);
	cw_buf_free(&b.raw);
}

static bool is_flag(const void *ctx, const struct cw_event *e)
{
	(void)ctx;
	return e->verdict.decision == CW_DECISION_FLAG;
}

static void assert_flag(const struct cw_event *e, uint64_t seq)
{
	char odd[32];

	assert_int_equal(e->seq, seq);
	assert_int_equal(e->verdict.decision, CW_DECISION_FLAG);
	snprintf(odd, sizeof(odd), "/bin/odd%u", (unsigned int)(seq % 5));
	assert_non_null(strstr(e->verdict.why, odd));
	assert_string_equal(e->hub, "hub-1");
}

/* Gives blocks as long as there is room, takes what comes. `n`: events of each. */
static void run(unsigned int n, const struct cw_job_rules *rules, unsigned int step)
{
	struct packed p[BLOCKS];
	struct cw_job *job[BLOCKS];
	struct cw_jobs *j = NULL;
	struct cw_trace_policy unused;
	struct cw_event *e;
	unsigned int given = 0;
	uint64_t seq = 1;

	for (unsigned int i = 0; i < BLOCKS; i++)
		make(&p[i], 1 + i * n, n);
	assert_int_equal(cw_jobs_new(&j), 0);
	for (unsigned int i = 0; i < BLOCKS; i++) {
		while (given < BLOCKS && (given == i || cw_jobs_have_room(j))) {
			assert_int_equal(cw_jobs_give(j, rules, &p[given].view, &job[given]), 0);
			given++;
		}
		while (cw_jobs_next(j, job[i], &e, &unused) == 1) {
			if (step == 2)
				assert_flag(e, seq);
			assert_int_equal(e->seq, seq);
			seq += step;
		}
		cw_jobs_done(j, job[i]);
	}
	assert_int_equal(seq, 1 + BLOCKS * n);
	cw_jobs_free(j);
	for (unsigned int i = 0; i < BLOCKS; i++)
		free(p[i].bytes);
}

static const struct cw_job_rules flags = { .file = &file, .keep = is_flag,
					   .filter = { .until_ns = UINT64_MAX } };

static void test_judged(void **state)
{
	struct cw_job_rules rules = flags;

	(void)state;
	rules.policy = policy;
	run(100, &rules, 2);
	run(6000, &rules, 2); /* 3000 flags: more than a thread may leave */
}

static void test_raw(void **state)
{
	struct cw_job_rules rules = { .file = &file, .raw = true };

	(void)state;
	run(100, &rules, 1);
	run(5000, &rules, 1);
}

/* The same with one CPU, where nobody else works. */
static void test_alone(void **state)
{
	cpu_set_t all, one;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	test_judged(state);
	test_raw(state);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

static bool is_nobody(const void *ctx, const struct cw_process *p, const struct cw_origin *o)
{
	(void)ctx;
	(void)o;
	return !strcmp(p->exe, "/bin/nobody");
}

/* Of what nobody wants nothing is judged, and nothing comes. */
static void test_filter(void **state)
{
	struct cw_job_rules rules = flags;
	struct cw_trace_policy unused;
	struct cw_jobs *j = NULL;
	struct cw_job *job;
	struct cw_event *e;
	struct packed p;

	(void)state;
	make(&p, 1, 1000);
	rules.policy = policy;
	assert_int_equal(cw_jobs_new(&j), 0);
	rules.filter.process = is_nobody;
	assert_int_equal(cw_jobs_give(j, &rules, &p.view, &job), 0);
	assert_int_equal(cw_jobs_next(j, job, &e, &unused), 0);
	cw_jobs_done(j, job);
	rules.filter = (struct cw_trace_filter){ .since_ns = 1501, .until_ns = 1503 };
	assert_int_equal(cw_jobs_give(j, &rules, &p.view, &job), 0);
	assert_int_equal(cw_jobs_next(j, job, &e, &unused), 1);
	assert_flag(e, 501);
	assert_int_equal(cw_jobs_next(j, job, &e, &unused), 0);
	cw_jobs_done(j, job);
	cw_jobs_free(j);
	free(p.bytes);
}

/* What is whole before the damage comes; then it is told, again and again. */
static void test_malformed(void **state)
{
	struct cw_job_rules rules = flags;
	struct cw_trace_policy unused;
	struct cw_trace_block b;
	struct cw_jobs *j = NULL;
	struct cw_job *job[2];
	struct cw_event *e;
	struct packed p[2];
	unsigned int n = 0;

	(void)state;
	rules.policy = policy;
	fill(&b, 1, 10);
	cw_buf_add(&b.raw, "\x04\x01\xff", 3);
	pack(&p[0], &b);
	cw_buf_free(&b.raw);
	make(&p[1], 1, 10);
	p[1].bytes[CW_TRACE_BLOCK_SIZE + 20] ^= 1;
	assert_int_equal(cw_jobs_new(&j), 0);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(cw_jobs_give(j, &rules, &p[i].view, &job[i]), 0);
	while (cw_jobs_next(j, job[0], &e, &unused) == 1)
		n++;
	assert_int_equal(n, 5);
	assert_int_equal(cw_jobs_next(j, job[0], &e, &unused), -EBADMSG);
	assert_int_equal(cw_jobs_next(j, job[1], &e, &unused), -EPROTO);
	assert_int_equal(cw_jobs_next(j, job[1], &e, &unused), -EPROTO);
	cw_jobs_done(j, job[0]);
	cw_jobs_done(j, job[1]);
	cw_jobs_free(j);
	free(p[0].bytes);
	free(p[1].bytes);
}

/*
 * A block that says it has a policy hands it over. One that does not say so must not change what
 * others are judged by: whether they wait for it would decide.
 */
static void test_policies(void **state)
{
	struct cw_job_rules rules = { .file = &file, .raw = true, .policies = true };
	struct cw_trace_policy got;
	struct cw_trace_block b;
	struct cw_jobs *j = NULL;
	struct cw_job *job;
	struct cw_event *e;
	struct packed p;

	(void)state;
	fill(&b, 1, 0);
	assert_int_equal(cw_trace_block_add_policy(&b, CW_TRACE_POLICY_START, "p", policy_text,
						   sizeof(policy_text) - 1), 0);
	pack(&p, &b);
	cw_buf_free(&b.raw);
	assert_int_equal(cw_jobs_new(&j), 0);
	assert_int_equal(cw_jobs_give(j, &rules, &p.view, &job), 0);
	assert_int_equal(cw_jobs_next(j, job, &e, &got), 2);
	assert_string_equal(got.name, "p");
	assert_int_equal(cw_jobs_next(j, job, &e, &got), 0);
	cw_jobs_done(j, job);
	p.view.head.flags = 0;
	assert_int_equal(cw_jobs_give(j, &rules, &p.view, &job), 0);
	assert_int_equal(cw_jobs_next(j, job, &e, &got), -EBADMSG);
	cw_jobs_done(j, job);
	rules.policies = false; /* another one is given */
	assert_int_equal(cw_jobs_give(j, &rules, &p.view, &job), 0);
	assert_int_equal(cw_jobs_next(j, job, &e, &got), 0);
	cw_jobs_done(j, job);
	cw_jobs_free(j);
	free(p.bytes);
}

static int set_up(void **state)
{
	(void)state;
	return cw_policy_parse("p", policy_text, sizeof(policy_text) - 1, NULL, &policy);
}

static int tear_down(void **state)
{
	(void)state;
	cw_policy_free(policy);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judged),	  cmocka_unit_test(test_raw),
		cmocka_unit_test(test_alone),	  cmocka_unit_test(test_filter),
		cmocka_unit_test(test_malformed), cmocka_unit_test(test_policies),
	};

	return cmocka_run_group_tests_name("jobs", tests, set_up, tear_down);
}
