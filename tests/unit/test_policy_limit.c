// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: limits count per grant and person over the event's own time, a window at a
 * time, never too little, and say what they counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "policy/policy.h"

#define ASSETS                                                  \
	"version: 1\n"                                          \
	"assets:\n"                                             \
	"  cameras: {kind: camera}\n"                           \
	"  front: {kind: camera, card: C920}\n"                 \
	"  mics: {kind: microphone}\n"                          \
	"  footage: {kind: recordings, path: /v}\n"
#define MONDAY 1764547200ULL /* 2025-12-01T00:00:00Z */
#define ALICE  1001

static struct cw_policy *make(const char *rest)
{
	cw_auto_buf struct cw_buf text = { 0 }, errors = { 0 };
	struct cw_policy *p = NULL;

	cw_buf_printf(&text, "%s%s", ASSETS, rest);
	if (cw_policy_parse("p", text.data, text.len, &errors, &p))
		fail_msg("%s", errors.data);
	return p;
}

static struct cw_policy *make_limit(const char *limit)
{
	cw_auto_buf struct cw_buf rest = { 0 };

	cw_buf_printf(&rest, "grants:\n- name: g\n  allow: [open, stream, write, delete]\n"
		      "  on: [cameras, mics, footage]\n  to: anyone\n  limit: {%s}\n", limit);
	return make(rest.data);
}

/* `seconds` after Monday's midnight; `id`: inode of a recording, or minor number of a camera. */
static struct cw_event event(enum cw_kind kind, enum cw_asset_kind asset, uint64_t id,
			     int64_t seconds)
{
	struct cw_event e = { .kind = kind };

	e.time_ns = (uint64_t)((int64_t)MONDAY + seconds) * CW_NSEC_PER_SEC;
	e.asset.kind = asset;
	e.asset.access = CW_ACCESS_READ;
	e.asset.dev_major = asset == CW_ASSET_RECORDINGS ? 8 : 81;
	if (asset == CW_ASSET_RECORDINGS) {
		e.asset.root = "/v";
		e.asset.inode = id;
	} else {
		e.asset.dev_minor = (uint32_t)id;
	}
	e.process.pid = 1;
	e.process.uid = ALICE;
	e.process.exe = "/bin/cat";
	e.origin.login_uid = ALICE;
	e.origin.login_user = "alice";
	return e;
}

#define file(id, seconds)   event(CW_KIND_OPEN, CW_ASSET_RECORDINGS, id, seconds)
#define camera(id, seconds) event(CW_KIND_OPEN, CW_ASSET_CAMERA, id, seconds)

static void allowed(struct cw_policy *p, struct cw_event e)
{
	cw_policy_judge(p, &e);
	assert_string_equal(e.verdict.why ? e.verdict.why : "", "");
	assert_int_equal(e.verdict.decision, CW_DECISION_ALLOW);
}

static void flagged(struct cw_policy *p, struct cw_event e, const char *why)
{
	cw_policy_judge(p, &e);
	assert_int_equal(e.verdict.decision, CW_DECISION_FLAG);
	assert_int_equal(e.verdict.class, CW_CLASS_LIMIT);
	assert_int_equal(e.verdict.severity, CW_SEVERITY_MEDIUM);
	assert_string_equal(e.verdict.rule, "limit");
	assert_null(e.verdict.grant);
	assert_string_equal(e.verdict.why, why);
}

static void closed(struct cw_policy *p, struct cw_event e, double seconds, const char *why)
{
	e.kind = CW_KIND_CLOSE;
	if (seconds > 0)
		cw_event_add_double(&e, "seconds", seconds);
	if (why) {
		flagged(p, e, why);
		return;
	}
	cw_policy_judge(p, &e);
	assert_int_equal(e.verdict.decision, CW_DECISION_NONE);
	assert_string_equal(e.verdict.rule, "close");
}

static struct cw_event stream(uint64_t id, int64_t seconds, const char *phase, double lasted)
{
	struct cw_event e = event(CW_KIND_STREAM, CW_ASSET_CAMERA, id, seconds);

	cw_event_add_string(&e, "phase", phase);
	if (lasted > 0)
		cw_event_add_double(&e, "seconds", lasted);
	return e;
}

#define FILES(n, max, unit, from) \
	"grant 'g': " n " files in the " unit " from " from ", limit " max "/" unit
#define MINUTES(n, max) \
	"grant 'g': " n " minutes in the day from 2025-12-01T00:00:00Z, limit " max "/day"

static void counts_distinct_files(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("files: 2/day");
	struct cw_event e = file(3, 10);

	(void)state;
	allowed(p, file(1, 0));
	allowed(p, file(1, 1));
	allowed(p, file(2, 2));
	/* A refused attempt gets at nothing, but the next file would be one too many. */
	e.kind = CW_KIND_DENIED;
	flagged(p, e, FILES("3", "2", "day", "2025-12-01T00:00:00Z"));
	e.kind = CW_KIND_OPEN;
	e.result = -EBUSY;
	flagged(p, e, FILES("3", "2", "day", "2025-12-01T00:00:00Z"));
	flagged(p, file(3, 11), FILES("3", "2", "day", "2025-12-01T00:00:00Z"));
	flagged(p, file(4, 12), FILES("4", "2", "day", "2025-12-01T00:00:00Z"));
	flagged(p, file(3, 13), FILES("3", "2", "day", "2025-12-01T00:00:00Z"));
	allowed(p, file(2, 14)); /* one of the two that are granted */
	allowed(p, camera(1, 15));
	/* Another file system, the same inode number. */
	e = file(1, 16);
	e.asset.dev_minor = 1;
	flagged(p, e, FILES("5", "2", "day", "2025-12-01T00:00:00Z"));
	allowed(p, file(5, 86400));
}

static void falls_back_to_paths(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("files: 1/day");
	struct cw_event e = file(0, 0);

	(void)state;
	e.asset.path = "/v/a";
	allowed(p, e);
	allowed(p, e);
	e.asset.path = "/v/b";
	flagged(p, e, FILES("2", "1", "day", "2025-12-01T00:00:00Z"));
	/* What cannot be told apart from anything counts each time. */
	e.asset.path = NULL;
	flagged(p, e, FILES("3", "1", "day", "2025-12-01T00:00:00Z")
		      " (some may be counted twice: not all could be told apart)");
}

static void counts_by_person(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("files: 1/day");
	const char *over = FILES("2", "1", "day", "2025-12-01T00:00:00Z");
	struct cw_event bob = file(2, 1), service = file(3, 2), name = file(4, 3);

	(void)state;
	allowed(p, file(1, 0));
	bob.origin.login_uid = 1002;
	allowed(p, bob);
	/* Another program, user or session of the same person. */
	bob = file(5, 4);
	bob.process.exe = "/bin/vlc";
	bob.process.uid = 0;
	flagged(p, bob, over);
	/* Nobody logged in: the user's program. */
	service.origin.login_uid = CW_NO_UID;
	service.origin.login_user = NULL;
	allowed(p, service);
	service.process.exe = "/bin/tar";
	allowed(p, service);
	service.process.uid = 0;
	allowed(p, service);
	service.asset.inode = 9;
	flagged(p, service, over);
	/* A login of which only the name is known. */
	name.origin.login_uid = CW_NO_UID;
	allowed(p, name);
	name.asset.inode = 9;
	flagged(p, name, over);
}

static void windows_are_of_the_calendar(void **state)
{
	cw_auto_policy struct cw_policy *hour = make_limit("files: 1/hour");
	cw_auto_policy struct cw_policy *day = make_limit("files: 1/day");
	cw_auto_policy struct cw_policy *week = make_limit("files: 1/week");

	(void)state;
	allowed(hour, file(1, 3599));
	flagged(hour, file(2, 3599), FILES("2", "1", "hour", "2025-12-01T00:00:00Z"));
	allowed(hour, file(2, 3600));
	flagged(hour, file(1, 7199), FILES("2", "1", "hour", "2025-12-01T01:00:00Z"));
	allowed(day, file(1, 86399));
	allowed(day, file(2, 86400));
	flagged(day, file(1, 172799), FILES("2", "1", "day", "2025-12-02T00:00:00Z"));
	allowed(week, file(1, -1)); /* Sunday */
	allowed(week, file(2, 0));
	flagged(week, file(1, 7 * 86400 - 1), FILES("2", "1", "week", "2025-12-01T00:00:00Z"));
	allowed(week, file(1, 7 * 86400));
}

static void windows_are_of_the_policys_zone(void **state)
{
	static const char text[] = "timezone: '-05:30'\nversion: 1\n"
				   "assets: {footage: {kind: recordings, path: /v}}\n"
				   "grants:\n- {name: g, allow: open, on: footage, to: anyone,"
				   " limit: {files: 1/day}}\n";
	cw_auto_buf struct cw_buf errors = { 0 };
	cw_auto_policy struct cw_policy *p = NULL;
	int64_t midnight = 5 * 3600 + 1800;

	(void)state;
	assert_int_equal(cw_policy_parse("p", text, strlen(text), &errors, &p), 0);
	allowed(p, file(1, midnight - 1));
	allowed(p, file(2, midnight));
	flagged(p, file(3, midnight + 86399),
		FILES("2", "1", "day", "2025-12-01T00:00:00-05:30"));
}

static void a_clock_set_back_opens_nothing(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("files: 1/day, minutes: 10/day");

	(void)state;
	allowed(p, file(1, 86400 + 100));
	flagged(p, file(2, 100), FILES("2", "1", "day", "2025-12-02T00:00:00Z"));
	closed(p, file(1, 50), 0, NULL);
	flagged(p, file(2, 86400 + 200), FILES("2", "1", "day", "2025-12-02T00:00:00Z"));
	allowed(p, file(2, 2 * 86400));
}

static void counts_cameras(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("cameras: 2/day");
	struct cw_event front = camera(4, 4), mic = event(CW_KIND_OPEN, CW_ASSET_MICROPHONE, 0, 5);

	(void)state;
	allowed(p, camera(0, 0));
	allowed(p, camera(0, 1));
	/* Both nodes of one card that the policy names. */
	front.asset.card = "C920";
	allowed(p, front);
	front.asset.dev_minor = 5;
	allowed(p, front);
	mic.asset.dev_major = 116;
	flagged(p, mic, "grant 'g': 3 cameras in the day from 2025-12-01T00:00:00Z, limit 2/day");
	allowed(p, file(1, 6));
	allowed(p, camera(0, 7));
}

static void time_runs_while_open(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("minutes: 60/day");

	(void)state;
	allowed(p, camera(0, 0));
	allowed(p, camera(1, 600)); /* at once: the person's time runs once */
	closed(p, camera(0, 1200), 1200, NULL);
	closed(p, camera(1, 1800), 1200, NULL);
	allowed(p, camera(0, 36000)); /* 30 minutes so far */
	allowed(p, file(1, 36000 + 1799));
	flagged(p, file(2, 36000 + 1800), MINUTES("60.0", "60"));
	flagged(p, camera(0, 36000 + 2400), MINUTES("70.0", "60"));
	closed(p, camera(0, 36000 + 3000), 3000, MINUTES("80.0", "60"));
	closed(p, camera(0, 36000 + 3000), 600, MINUTES("80.0", "60"));
	closed(p, file(1, 36000 + 3000), 1201, MINUTES("80.0", "60"));
	closed(p, file(2, 36000 + 3000), 1200, MINUTES("80.0", "60"));
	/* Nothing is open: the clock stands, and the next day is new. */
	flagged(p, camera(0, 80000), MINUTES("80.0", "60"));
	closed(p, camera(0, 80000), 0, MINUTES("80.0", "60"));
	allowed(p, camera(0, 86400));
}

static void time_up_to_the_limit_is_granted(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("minutes: 1/day");

	(void)state;
	allowed(p, file(1, 0));
	closed(p, file(1, 60), 60, NULL);
	flagged(p, file(1, 61), MINUTES("1.0", "1"));
}

static void time_runs_on_over_midnight(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("minutes: 30/day");

	(void)state;
	allowed(p, camera(0, -3600));
	allowed(p, file(1, 1799));
	flagged(p, file(1, 1860), MINUTES("31.0", "30"));
	flagged(p, file(1, 3600), MINUTES("60.0", "30"));
}

static void streams_run_too(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("minutes: 10/day");

	(void)state;
	allowed(p, camera(0, 0));
	allowed(p, stream(0, 60, "start", 0));
	allowed(p, stream(0, 300, "stop", 240));
	closed(p, camera(0, 360), 360, NULL); /* 6 minutes, not 10 */
	allowed(p, stream(0, 1000, "start", 0));
	allowed(p, stream(0, 1240, "stop", 240)); /* the tenth to the end */
	flagged(p, stream(0, 1300, "start", 0), MINUTES("10.0", "10"));
	flagged(p, stream(0, 1360, "stop", 60), MINUTES("11.0", "10"));
	closed(p, camera(0, 1400), 0, NULL);
}

static void a_close_ends_its_streams(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("minutes: 10/day");

	(void)state;
	allowed(p, camera(0, 0));
	allowed(p, stream(0, 10, "start", 0));
	closed(p, camera(0, 60), 60, NULL);
	allowed(p, camera(0, 7200));
}

static void time_before_the_trace_counts(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("minutes: 60/day");

	(void)state;
	closed(p, file(1, 36000), 1800, NULL);
	closed(p, file(2, 36600), 2400, NULL); /* half an hour of it is counted already */
	allowed(p, stream(0, 38000, "stop", 600));
	closed(p, file(3, 50000), 1201, MINUTES("70.0", "60"));
	/* What was open yesterday counts from midnight. */
	closed(p, file(4, 86400 + 600), 86400, NULL);
	allowed(p, file(5, 86400 + 600));
}

static void nonsense_does_not_count(void **state)
{
	static const double seconds[] = { -1, 0.0 / 0.0, -1.0 / 0.0, 1.0 / 0.0 };
	cw_auto_policy struct cw_policy *p = make_limit("minutes: 10/day");

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_SIZE(seconds); i++) {
		struct cw_event e = file(1, 36000);

		e.kind = CW_KIND_CLOSE;
		cw_event_add_double(&e, "seconds", seconds[i]);
		cw_policy_judge(p, &e);
		assert_int_equal(e.verdict.decision, CW_DECISION_NONE);
	}
	closed(p, file(1, 36000), 1e300,
	       "grant 'g': 600.0 minutes in the day from 2025-12-01T00:00:00Z, limit 10/day");
}

static void a_stranger_cannot_stop_the_clock(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("minutes: 10/day");
	struct cw_event other = file(1, 100);

	(void)state;
	allowed(p, file(1, 0));
	other.origin.login_uid = 1002;
	allowed(p, other);
	other.time_ns += 10 * CW_NSEC_PER_SEC;
	closed(p, other, 10, NULL);
	closed(p, other, 10, NULL);
	flagged(p, file(2, 600), MINUTES("10.0", "10"));
}

static void a_hand_over_ends_for_both(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("minutes: 10/day");
	struct cw_event other = file(1, 100);

	(void)state;
	allowed(p, file(1, 0));
	other.origin.login_uid = 1002;
	other.kind = CW_KIND_RECEIVE;
	allowed(p, other);
	/* The receiver closes last; the opener's time ends with it. */
	other.time_ns += 100 * CW_NSEC_PER_SEC;
	closed(p, other, 200, NULL);
	allowed(p, file(2, 7200));
	closed(p, file(2, 7200), 0, NULL);
	/* The opener closes last; so does the receiver's. */
	allowed(p, file(3, 7300));
	other = file(3, 7310);
	other.origin.login_uid = 1002;
	other.kind = CW_KIND_RECEIVE;
	allowed(p, other);
	closed(p, file(3, 7320), 20, NULL);
	other.time_ns += 7200 * CW_NSEC_PER_SEC;
	allowed(p, other);
}

static struct cw_event with_id(struct cw_event e, enum cw_kind kind, uint64_t id)
{
	e.kind = kind;
	cw_event_add_uint(&e, "open_id", id);
	return e;
}

/* Where opens are numbered, a close ends exactly the one, whoever closes it. */
static void numbered_opens_end_exactly(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("minutes: 10/day");
	struct cw_event other = file(1, 10), e;

	(void)state;
	other.origin.login_uid = 1002;
	allowed(p, with_id(file(1, 0), CW_KIND_OPEN, 1));
	allowed(p, with_id(other, CW_KIND_OPEN, 2));
	/* Inherited: counts from its first use. */
	allowed(p, with_id(other, CW_KIND_USE, 1));
	e = with_id(other, CW_KIND_CLOSE, 2);
	cw_policy_judge(p, &e);
	assert_int_equal(e.verdict.decision, CW_DECISION_NONE);
	e = with_id(file(1, 300), CW_KIND_CLOSE, 1); /* ends for both */
	cw_policy_judge(p, &e);
	assert_int_equal(e.verdict.decision, CW_DECISION_NONE);
	other.time_ns += 7200 * CW_NSEC_PER_SEC;
	allowed(p, with_id(other, CW_KIND_OPEN, 3));
	allowed(p, with_id(file(2, 7200), CW_KIND_OPEN, 4));
	flagged(p, with_id(file(3, 7200 + 300), CW_KIND_OPEN, 5), MINUTES("10.0", "10"));
}

static void a_numbered_close_ends_streams(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("minutes: 10/day");
	struct cw_event e;

	(void)state;
	allowed(p, with_id(camera(0, 0), CW_KIND_OPEN, 1));
	allowed(p, stream(0, 10, "start", 0));
	e = with_id(camera(0, 60), CW_KIND_CLOSE, 1);
	cw_policy_judge(p, &e);
	allowed(p, with_id(camera(0, 7200), CW_KIND_OPEN, 2));
}

static void folders_are_no_recordings(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("files: 1/day, minutes: 1/day");

	(void)state;
	for (uint64_t i = 0; i < 9; i++) {
		struct cw_event e = file(i + 1, 0);

		cw_event_add_bool(&e, "directory", true);
		allowed(p, e);
		e.kind = CW_KIND_CLOSE;
		e.time_ns += 7200 * CW_NSEC_PER_SEC;
		cw_event_add_double(&e, "seconds", 7200);
		cw_policy_judge(p, &e);
		assert_int_equal(e.verdict.decision, CW_DECISION_NONE);
	}
	allowed(p, file(1, 7201));
}

static void a_restart_closes_all(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("minutes: 10/day");
	struct cw_event e = event(CW_KIND_STOP, CW_ASSET_NONE, 0, 300);

	(void)state;
	allowed(p, camera(0, 0));
	cw_policy_judge(p, &e);
	allowed(p, camera(0, 7200)); /* 5 minutes used; now it was killed */
	allowed(p, file(1, 7260));
	e = event(CW_KIND_START, CW_ASSET_NONE, 0, 36000);
	cw_policy_judge(p, &e);
	allowed(p, camera(0, 36000)); /* 6 minutes: up to the last event seen */
	flagged(p, file(1, 36240), MINUTES("10.0", "10"));
}

static void any_grant_is_enough(void **state)
{
	cw_auto_policy struct cw_policy *p =
		make("grants:\n"
		     "- {name: few, allow: open, on: footage, to: anyone, limit: {files: 1/day}}\n"
		     "- {name: more, allow: open, on: footage, to: {login: alice}, limit: {files:"
		     " 2/day}}\n"
		     "- {name: free, allow: open, on: footage, to: {exe: /bin/free}}\n");
	struct cw_event e = file(9, 0);

	(void)state;
	e.process.exe = "/bin/free"; /* counts against no limit */
	allowed(p, e);
	allowed(p, file(1, 1));
	e = file(2, 2);
	cw_policy_judge(p, &e);
	assert_string_equal(e.verdict.grant, "more");
	flagged(p, file(3, 3), "grant 'few': 3 files in the day from 2025-12-01T00:00:00Z, limit"
			       " 1/day");
}

/* The order of grants never matters: the same verdicts whichever stands first. */
static void order_is_nothing(void **state)
{
#define A "- {name: a, allow: open, on: footage, to: anyone, limit: {files: 1/day}}\n"
#define B "- {name: b, allow: open, on: footage, to: {exe: /bin/b}, limit: {files: 2/day}}\n"
	cw_auto_policy struct cw_policy *ab = make("grants:\n" A B), *ba = make("grants:\n" B A);

	(void)state;
	for (uint64_t i = 0; i < 12; i++) {
		struct cw_event e = file(i % 5, (int64_t)i), f;

		if (i % 3)
			e.process.exe = "/bin/b";
		f = e;
		cw_policy_judge(ab, &e);
		cw_policy_judge(ba, &f);
		assert_int_equal(e.verdict.decision, f.verdict.decision);
	}
}

static void a_reload_counts_on(void **state)
{
	struct cw_policy *old = make_limit("files: 2/day, minutes: 10/day");
	cw_auto_policy struct cw_policy *p =
		make("grants:\n"
		     "- {name: x, allow: open, on: cameras, to: anyone, limit: {files: 9/day}}\n"
		     "- {name: g, allow: [open, stream], on: [footage], to: anyone, limit: {files:"
		     " 3/week, minutes: 5/day}}\n");

	(void)state;
	allowed(old, file(1, 0));
	allowed(old, file(2, 60));
	cw_policy_keep_usage(p, old);
	cw_policy_free(old);
	allowed(p, file(1, 61));
	allowed(p, file(3, 62));
	flagged(p, file(4, 63), FILES("4", "3", "week", "2025-12-01T00:00:00Z"));
	flagged(p, file(1, 300), MINUTES("5.0", "5"));
	cw_policy_keep_usage(p, p);
	cw_policy_keep_usage(p, NULL);
}

static void full_tables_count_too_much(void **state)
{
	cw_auto_policy struct cw_policy *p = make_limit("files: 1000000/day, minutes: 60/day");
	cw_auto_policy struct cw_policy *few = make_limit("files: 2/day");
	struct cw_event e;

	(void)state;
	/* Open for good, far more than can be noted: the clock runs and nothing breaks. */
	for (uint64_t i = 1; i <= 40000; i++)
		allowed(p, file(i, 1));
	flagged(p, file(1, 3661), MINUTES("61.0", "60")
				  " (some may be closed already: the table is full)");
	/* More people than can be told apart share one count. */
	for (uint32_t i = 0; i < 2048; i++) {
		e = file(1, 1);
		e.origin.login_uid = 5000 + i;
		allowed(few, e);
	}
	e = file(7, 1);
	e.origin.login_uid = 1;
	allowed(few, e);
	e.asset.inode = 8;
	e.origin.login_uid = 2;
	allowed(few, e);
	e.asset.inode = 9;
	e.origin.login_uid = 3;
	flagged(few, e, FILES("3", "2", "day", "2025-12-01T00:00:00Z")
			" (counted together with other people: the table is full)");
	/* The next day there is room again. */
	e.time_ns += 86400 * CW_NSEC_PER_SEC;
	allowed(few, e);
	e.asset.inode = 10;
	allowed(few, e);
	e.asset.inode = 11;
	flagged(few, e, FILES("3", "2", "day", "2025-12-02T00:00:00Z"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_distinct_files),
		cmocka_unit_test(falls_back_to_paths),
		cmocka_unit_test(counts_by_person),
		cmocka_unit_test(windows_are_of_the_calendar),
		cmocka_unit_test(windows_are_of_the_policys_zone),
		cmocka_unit_test(a_clock_set_back_opens_nothing),
		cmocka_unit_test(counts_cameras),
		cmocka_unit_test(time_runs_while_open),
		cmocka_unit_test(time_up_to_the_limit_is_granted),
		cmocka_unit_test(time_runs_on_over_midnight),
		cmocka_unit_test(streams_run_too),
		cmocka_unit_test(a_close_ends_its_streams),
		cmocka_unit_test(time_before_the_trace_counts),
		cmocka_unit_test(nonsense_does_not_count),
		cmocka_unit_test(a_stranger_cannot_stop_the_clock),
		cmocka_unit_test(a_hand_over_ends_for_both),
		cmocka_unit_test(numbered_opens_end_exactly),
		cmocka_unit_test(a_numbered_close_ends_streams),
		cmocka_unit_test(folders_are_no_recordings),
		cmocka_unit_test(a_restart_closes_all),
		cmocka_unit_test(any_grant_is_enough),
		cmocka_unit_test(order_is_nothing),
		cmocka_unit_test(a_reload_counts_on),
		cmocka_unit_test(full_tables_count_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
