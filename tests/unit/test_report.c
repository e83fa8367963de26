// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: a report counts every event once, whatever comes; memory and page stay within
 * their bounds under floods; and nothing that an event says becomes markup. With CW_REPORT_PAGE set
 * the page of the hostile events is left there, for a browser.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "report.h"

#define SIZE (1u << 20)

static const char hostile[] = "</title><script>alert(1)</script>\"' onload='x' &lt; \x1b[31m"
			      "\xe2\x80\xae" "fdp.exe\xff\xef\xbf\xbf\\n\n]]>";
static struct cw_report_proof proof;

static struct cw_report *begin(void)
{
	struct cw_report *r = NULL;

	proof = (struct cw_report_proof){ .path = hostile, .before = -1, .faults = 1 };
	proof.problem[0].offset = 4711;
	snprintf(proof.problem[0].what, sizeof(proof.problem[0].what), "%s", hostile);
	assert_int_equal(cw_report_new(SIZE, &r), 0);
	r->proofs = &proof;
	r->n_proofs = 1;
	r->until_ns = UINT64_MAX;
	return r;
}

static void fill(struct cw_event *e, enum cw_kind kind, uint64_t seq)
{
	memset(e, 0, sizeof(*e));
	e->seq = seq;
	e->boot_ns = seq * CW_NSEC_PER_SEC;
	e->time_ns = 1795494959000000000ULL + e->boot_ns;
	e->boot_id = "b007";
	e->hub = "hub-1";
	e->kind = kind;
	e->asset = (struct cw_asset){ .name = "front", .kind = CW_ASSET_CAMERA, .dev_major = 81,
				      .path = "/dev/video0", .node = "/dev/video0", .inode = 77 };
	e->process = (struct cw_process){ .pid = 811, .exe = "/usr/bin/ffmpeg", .uid = 1001,
					  .euid = 1001, .user = "alice" };
	e->origin = (struct cw_origin){ .type = CW_ORIGIN_LOGIN, .login_uid = 1001,
					.login_user = "alice", .session = 3 };
}

static void flag(struct cw_event *e, enum cw_severity severity)
{
	e->verdict = (struct cw_verdict){ .decision = CW_DECISION_FLAG, .severity = severity,
					  .class = CW_CLASS_EMPLOYEE, .rule = "no grant",
					  .why = "no grant is for this asset" };
}

static void allow(struct cw_event *e)
{
	e->verdict = (struct cw_verdict){ .decision = CW_DECISION_ALLOW, .grant = "all" };
	e->origin = (struct cw_origin){ .type = CW_ORIGIN_SERVICE, .login_uid = CW_NO_UID,
					.session = CW_NO_UID };
}

static void take(struct cw_report *r, const struct cw_event *e)
{
	cw_report_take(r, e, 0, "policy.yaml", "00");
}

/* What the page says of the sums, and what is in the cells. */
static char *finish(struct cw_report *r, uint64_t events)
{
	struct cw_buf b = { 0 };
	uint64_t n = 0, listed = 0;

	assert_int_equal(cw_report_end(r), 0);
	assert_int_equal(cw_report_write(r, &b), 0);
	assert_in_range(b.len, 1, SIZE);
	for (uint32_t i = 0; i <= CW_REPORT_CELLS_MAX; i++) {
		assert_true(r->cells[i].listed <= r->cells[i].n);
		n += r->cells[i].n;
		listed += r->cells[i].listed;
	}
	assert_int_equal(r->events, events);
	assert_int_equal(n, events);
	assert_true(listed <= r->n_items);
	cw_report_free(r);
	return b.data;
}

static void is_there(const char *page, const char *what)
{
	if (!strstr(page, what))
		fail_msg("the page does not say: %s", what);
}

/* ---- tests ---- */

static void every_text_at_once(struct cw_event *e)
{
	static const char *argv[] = { hostile, NULL };

	e->hub = e->boot_id = hostile;
	e->asset.name = e->asset.path = e->asset.node = e->asset.card = e->asset.bus =
		e->asset.root = hostile;
	e->process.exe = e->process.exe_sha256 = e->process.comm = e->process.user =
		e->process.unit = e->process.container = hostile;
	e->process.argv = argv;
	e->process.n_ancestors = 1;
	e->process.ancestors[0].exe = hostile;
	e->origin.login_user = e->origin.tty = e->origin.via = hostile;
	e->verdict.why = e->verdict.rule = e->verdict.technique = hostile;
}

static void hostile_text_stays_text(void **state)
{
	static const char *const never[] = { "<script", "onload='", "\x1b", "\xe2\x80\xae", "\xff",
					     "\xef\xbf\xbf", "]]>" };
	struct cw_report *r = begin();
	const char *to = getenv("CW_REPORT_PAGE");
	struct cw_event e;
	char *page;

	(void)state;
	r->title = hostile;
	for (unsigned int i = 0; i < CW_KIND_MAX * 2; i++) {
		fill(&e, (enum cw_kind)(i / 2), i + 1);
		e.result = i % 3 ? 0 : -13;
		flag(&e, (enum cw_severity)(i % CW_SEVERITY_MAX));
		every_text_at_once(&e);
		if (i % 2)
			e.process.pid = 0;
		cw_event_add_string(&e, "class", hostile);
		cw_event_add_string(&e, "capability", hostile);
		cw_event_add_string(&e, "blind", hostile);
		cw_event_add_string(&e, "to", hostile);
		cw_event_add_uint(&e, "open_id", 7);
		cw_event_add_uint(&e, "opener_pid", i);
		cw_event_add_double(&e, "seconds", i % 2 ? 1e300 : -1.0);
		cw_report_take(r, &e, 0, hostile, "<00>");
	}
	page = finish(r, CW_KIND_MAX * 2);
	for (size_t i = 0; i < CW_ARRAY_SIZE(never); i++)
		if (strstr(page, never[i]))
			fail_msg("the page has: %s", never[i]);
	is_there(page, "&lt;00&gt;");
	is_there(page, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39; onload=&#39;x&#39; "
		       "&amp;lt; \\x1b[31m\\u202efdp.exe\\xff\\uffff\\\\n\\n]]&gt;");
	is_there(page, "byte 4,711");
	if (to) {
		FILE *f = fopen(to, "we");

		assert_non_null(f);
		fputs(page, f);
		assert_int_equal(fclose(f), 0);
	}
	free(page);
}

/* Programs are allowed much, a person deletes something once: it is listed, they are summed. */
static void thinned_by_level(void **state)
{
	struct cw_report *r = begin();
	struct cw_event e;
	char *page;

	(void)state;
	for (unsigned int i = 0; i < 100000; i++) {
		fill(&e, CW_KIND_OPEN, i + 1);
		allow(&e);
		e.process.exe = "/usr/bin/motion";
		take(r, &e);
	}
	fill(&e, CW_KIND_UNLINK, 100001);
	flag(&e, CW_SEVERITY_HIGH);
	cw_event_add_bool(&e, "last", true);
	take(r, &e);
	page = finish(r, 100001);
	is_there(page, "100,001 events in all: 1 listed one by one, 100,000 summed up in 1 row.");
	is_there(page, "The list was thinned by level");
	is_there(page, "last yes");
	free(page);
}

/* As many people, assets, programs, paths and reasons as events. */
static void flood(void **state)
{
	struct cw_report *r = begin();
	struct cw_event e;
	char text[32], *page;

	(void)state;
	for (unsigned int i = 0; i < 200000; i++) {
		snprintf(text, sizeof(text), "x%u", i);
		fill(&e, (enum cw_kind)(i % CW_KIND_MAX), i + 1);
		flag(&e, CW_SEVERITY_CRITICAL);
		e.origin.login_uid = i;
		e.origin.login_user = e.asset.name = e.asset.path = e.asset.node = text;
		e.process.exe = e.verdict.why = text;
		e.asset.kind = i % 2 ? CW_ASSET_CAMERA : CW_ASSET_RECORDINGS;
		e.asset.inode = i;
		e.time_ns += (uint64_t)i * (i % 7 ? 1 : 86400) * CW_NSEC_PER_SEC;
		cw_event_add_uint(&e, "open_id", i / 2 + 1);
		cw_event_add_uint(&e, "opener_pid", 5);
		take(r, &e);
	}
	page = finish(r, 200000);
	is_there(page, "200,000 events in all");
	is_there(page, "Bounds of this report");
	is_there(page, "more flags found no room here");
	free(page);
}

static void times_of_all_ages(void **state)
{
	static const uint64_t times[] = { 1795494959000000000ULL, 0, UINT64_MAX, 1, 1ULL << 63,
					  1795494959000000001ULL };
	struct cw_report *r = begin();
	struct cw_event e;

	(void)state;
	for (unsigned int i = 0; i < CW_ARRAY_SIZE(times); i++) {
		fill(&e, CW_KIND_STREAM, i + 1);
		e.time_ns = times[i];
		cw_event_add_double(&e, "seconds", 1e8);
		take(r, &e);
	}
	free(finish(r, CW_ARRAY_SIZE(times)));
}

/* Opened by one, handed on, used, streamed: one chain; a second of the same shape is counted. */
static void hand_overs(void **state)
{
	static const enum cw_kind kinds[] = { CW_KIND_OPEN, CW_KIND_RECEIVE, CW_KIND_MAP,
					      CW_KIND_STREAM, CW_KIND_CLOSE };
	struct cw_report *r = begin();
	struct cw_event e;
	uint64_t seq = 0;
	char *page;

	(void)state;
	for (unsigned int n = 0; n < 2; n++)
		for (unsigned int i = 0; i < CW_ARRAY_SIZE(kinds); i++) {
			fill(&e, kinds[i], ++seq);
			allow(&e);
			if (i) {
				flag(&e, CW_SEVERITY_HIGH);
				e.process.pid = 900 + n;
				e.process.exe = "/usr/bin/thief";
				cw_event_add_uint(&e, "opener_pid", 811);
			}
			if (kinds[i] != CW_KIND_STREAM)
				cw_event_add_uint(&e, "open_id", n + 1);
			take(r, &e);
		}
	assert_int_equal(r->n_chains, 1);
	assert_int_equal(r->chains[0].n_steps, 4);
	assert_int_equal(r->chains[0].same, 1);
	assert_true(r->chains[0].opener_seen && r->chains[0].flagged);
	page = finish(r, 2 * CW_ARRAY_SIZE(kinds));
	is_there(page, "and 1 more like this");
	is_there(page, ">received<");
	is_there(page, ">streamed<");
	free(page);
}

/* The recorder's files do not take the room of what a person saw. */
static void breadth_of_people_is_exact(void **state)
{
	struct cw_report *r = begin();
	struct cw_event e;

	(void)state;
	for (unsigned int i = 0; i < CW_REPORT_SEEN_PROGRAMS + 10; i++) {
		fill(&e, CW_KIND_OPEN, 2 * i + 1);
		allow(&e);
		e.asset.kind = CW_ASSET_RECORDINGS;
		e.asset.inode = i + 1;
		take(r, &e);
		if (i % 100)
			continue;
		fill(&e, CW_KIND_OPEN, 2 * i + 2);
		e.asset.kind = CW_ASSET_RECORDINGS;
		e.asset.inode = i % 1000 + 1;
		flag(&e, CW_SEVERITY_MEDIUM);
		take(r, &e);
	}
	assert_int_equal(r->whos[1].recordings, CW_REPORT_SEEN_PROGRAMS);
	assert_true(r->whos[1].recordings_more);
	assert_int_equal(r->whos[2].recordings, 10);
	assert_false(r->whos[2].recordings_more);
	cw_report_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_text_stays_text), cmocka_unit_test(thinned_by_level),
		cmocka_unit_test(flood), cmocka_unit_test(times_of_all_ages),
		cmocka_unit_test(hand_overs), cmocka_unit_test(breadth_of_people_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
