// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: an expression takes the events that its words say, an option means the same as
 * its expression, what is wrong is told with its place, and nothing unknown ever fits.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "filter.h"

static struct cw_event alice(void)
{
	struct cw_event e = { .kind = CW_KIND_OPEN, .hub = "hub-1", .boot_id = "b007", .seq = 7 };

	e.time_ns = 1795494959000000000ULL; /* 2026-11-24T04:35:59Z */
	e.asset = (struct cw_asset){ .name = "front", .kind = CW_ASSET_CAMERA, .inode = 300,
				     .path = "/dev/my cam", .node = "/dev/video0" };
	e.process = (struct cw_process){ .pid = 811, .uid = 0, .euid = 0, .user = "root",
					 .exe = "/usr/bin/ffmpeg", .comm = "x" };
	e.origin = (struct cw_origin){ .type = CW_ORIGIN_REMOTE, .login_uid = 1001, .session = 3,
				       .login_user = "alice", .family = AF_INET6 };
	inet_pton(AF_INET6, "::ffff:203.0.113.7", &e.origin.peer.v6);
	e.verdict = (struct cw_verdict){ .decision = CW_DECISION_FLAG, .class = CW_CLASS_REMOTE,
					 .severity = CW_SEVERITY_HIGH };
	return e;
}

static struct cw_event footage(void)
{
	struct cw_event e = alice();

	e.asset = (struct cw_asset){ .name = "footage", .kind = CW_ASSET_RECORDINGS, .inode = 9,
				     .path = "/srv/new/a.mp4", .root = "/var/lib/motion" };
	cw_event_add_string(&e, "to", "/tmp/b.mp4");
	cw_event_add_double(&e, "seconds", 2.5);
	cw_event_add_uint(&e, "frames", UINT64_MAX);
	return e;
}

static bool takes(const char *where, const struct cw_event *e)
{
	cw_auto_buf struct cw_buf error = { 0 };
	struct cw_filter *f = NULL;
	bool r;

	assert_int_equal(cw_filter_new(0, &f), 0);
	if (cw_filter_where(f, where, &error))
		fail_msg("%s: %s", where, error.data);
	r = cw_filter_takes(f, e);
	if (r)
		for (unsigned int parts = 0; parts < 16; parts++)
			assert_true(cw_filter_may_take(f, e, parts));
	cw_filter_free(f);
	return r;
}

static void test_language(void **state)
{
	static const struct {
		const char *where;
		bool camera, footage, nobody;
	} cases[] = {
		{ "login = alice", true, true, false },
		{ "login = 1001", true, true, false },
		{ "login = bob,alice", true, true, false },
		{ "login != alice", false, false, true },
		{ "not login", false, false, true },
		{ "user = root and not login = root", true, true, false },
		{ "user=0", true, true, false },
		{ "login ~ a*e", true, true, false },
		{ "login !~ 'a?ice'", false, false, true },
		{ "asset = front", true, false, false },
		{ "asset = cameras", true, false, false },
		{ "asset = /dev", true, false, false },
		{ "asset = /dev/video", false, false, false },
		{ "asset = \"/dev/my cam\"", true, false, false },
		{ "asset = /srv/new/", false, true, false },
		{ "asset = /var/lib/motion", false, true, false },
		{ "asset = /tmp", false, true, false },
		{ "asset = /", true, true, false },
		{ "asset ~ *.mp4", false, true, false },
		{ "asset ~ foot*", false, true, false },
		{ "exe = ffmpeg", true, true, false },
		{ "exe = /usr/bin/ffmpeg", true, true, false },
		{ "exe ~ /usr/bin/*", true, true, false },
		{ "exe ~ /usr/*", false, false, false },
		{ "exe ~ ff*", true, true, false },
		{ "peer = 203.0.113.0/24", true, true, false },
		{ "peer = 203.0.113.7, 2001:db8::/32", true, true, false },
		{ "peer != 203.0.113.0/24", false, false, true },
		{ "kind = open,map", true, true, false },
		{ "class = remote and severity >= medium", true, true, false },
		{ "flagged", true, true, false },
		{ "not flagged", false, false, true },
		{ "denied or flagged", true, true, false },
		{ "hours = 04:00-05:00", true, true, true },
		{ "hours = 22:00-04:35", false, false, false },
		{ "time = 2026-11-24", true, true, true },
		{ "time >= 2026-11-24T04:35:59Z and time < 2026-11-24T04:36:00Z", true, true,
		  true },
		{ "time > 2026-11-24", false, false, false },
		{ "time <= 2026-11-24", true, true, true },
		{ "time < 2026-11-24", false, false, false },
		{ "pid >= 811 and pid <= 811", true, true, false },
		{ "uid = 0", true, true, false },
		{ "session = 3", true, true, false },
		{ "seconds > 2.4 and seconds < 2.6 and seconds = 2.5", false, true, false },
		{ "frames = 18446744073709551615", false, true, false },
		{ "hub = hub-1 and boot = b007", true, true, true },
		{ "(kind = gap or login = bob) or inode = 300", true, false, true },
		{ "kind = gap or login = alice and inode = 300", true, false, true },
		{ "not not (not (login = bob))", true, true, true },
		{ "unit", false, false, false },
		{ "origin = remote", true, true, false },
		{ "sha256 = ''", false, false, false },
		{ "asset = '/dev/my\\ cam'", true, false, false },
	};
	struct cw_event a = alice(), b = footage(), c = { .kind = CW_KIND_GAP, .hub = "hub-1" };

	(void)state;
	c.boot_id = "b007";
	c.time_ns = a.time_ns;
	c.origin.login_uid = CW_NO_UID;
	for (size_t i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		if (takes(cases[i].where, &a) != cases[i].camera)
			fail_msg("camera: %s", cases[i].where);
		if (takes(cases[i].where, &b) != cases[i].footage)
			fail_msg("footage: %s", cases[i].where);
		if (takes(cases[i].where, &c) != cases[i].nobody)
			fail_msg("nobody: %s", cases[i].where);
	}
}

static void test_faults(void **state)
{
	static const struct {
		const char *where, *place, *what;
	} cases[] = {
		{ "", "column 1:", "a test is missing" },
		{ "login = ", "column 9:", "a value is missing" },
		{ "login = alice and", "column 18:", "a test is missing" },
		{ "login = alice bob", "column 15:", "expected 'and', 'or', or the end" },
		{ "lgin = alice", "column 1:", "'lgin' is nothing that is known" },
		{ "kind = opne", "column 8:", "expected one of open, denied" },
		{ "peer = 10.1.2.3/8", "column 8:", "expected 10.0.0.0/8" },
		{ "peer ~ 10.*", "column 6:", "~ does not go with peer" },
		{ "login < bob", "column 7:", "< does not go with login" },
		{ "pid < 5,6", "column 8:", "a list has no order" },
		{ "pid = -1", "column 7:", "expected a number" },
		{ "time = yesterday", "column 8:", "expected a day" },
		{ "time < 2026-13-01", "column 8:", "expected a time" },
		{ "hours = 9-17", "column 9:", "expected hours" },
		{ "seconds > 1.2.3", "column 11:", "expected a number" },
		{ "(login = a or (flagged)", "column 24:", "the ) of the ( in column 1" },
		{ "login = 'alice", "column 9:", "quote does not end" },
		{ "login ! alice", "column 7:", "'!' alone" },
		{ "login = a) or flagged", "column 10:", "expected 'and'" },
		{ "\xe6\x97\xa5 = 1", "column 1:", "is nothing that is known" },
		{ "login = \xe6\x97\xa5 x", "column 12:", "expected 'and'" },
		{ "comm = \x1b[2J", "column 8:", "belongs in quotes" },
		{ "flagged = 1", "column 9:", "expected 'and'" },
	};

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		cw_auto_buf struct cw_buf error = { 0 };
		struct cw_filter *f = NULL;

		assert_int_equal(cw_filter_new(0, &f), 0);
		assert_int_equal(cw_filter_where(f, cases[i].where, &error), -EINVAL);
		if (strncmp(error.data, cases[i].place, strlen(cases[i].place)) ||
		    !strstr(error.data, cases[i].what))
			fail_msg("%s: %s", cases[i].where, error.data);
		assert_null(strchr(error.data, 0x1b));
		cw_filter_free(f);
	}
}

/* An option is short for an expression; lists of one option add up, options narrow. */
static void test_options(void **state)
{
	struct cw_event a = alice(), b = footage();
	cw_auto_buf struct cw_buf error = { 0 };
	struct cw_filter *f = NULL;

	(void)state;
	assert_int_equal(cw_filter_new(0, &f), 0);
	assert_true(cw_filter_takes(f, &a));
	assert_int_equal(cw_filter_option(f, CW_FACT_LOGIN, "bob,carol", &error), 0);
	assert_false(cw_filter_takes(f, &a));
	assert_int_equal(cw_filter_option(f, CW_FACT_LOGIN, "al*", &error), 0);
	assert_true(cw_filter_takes(f, &a));
	assert_int_equal(cw_filter_option(f, CW_FACT_ASSET, "x\\,y,*.mp4", &error), 0);
	assert_false(cw_filter_takes(f, &a));
	assert_true(cw_filter_takes(f, &b));
	b.asset.name = "x,y";
	assert_true(cw_filter_takes(f, &b));
	assert_int_equal(cw_filter_denied(f), 0);
	assert_false(cw_filter_takes(f, &b));
	b.result = -EACCES;
	assert_true(cw_filter_takes(f, &b));
	assert_true(cw_filter_asks(f, CW_FACT_ASSET));
	assert_false(cw_filter_asks(f, CW_FACT_KIND));
	assert_false(cw_filter_asks_part(f, CW_FACT_OF_VERDICT));
	assert_int_equal(cw_filter_option(f, CW_FACT_KIND, "opne", &error), -EINVAL);
	assert_non_null(strstr(error.data, "'opne' is no kind; expected one of open,"));
	assert_int_equal(cw_filter_option(f, CW_FACT_LOGIN, "a,,b", &error), -EINVAL);
	cw_filter_free(f);
}

/* Before it is judged, an event is left out only if no verdict and no name can change that. */
static void test_unjudged(void **state)
{
	static const struct {
		const char *where;
		bool may;
	} cases[] = {
		{ "flagged", true },		   { "not flagged", true },
		{ "flagged and login = bob", false }, { "asset = anything", true },
		{ "asset = /nowhere", false },	   { "not asset = /dev", false },
		{ "asset = microphones", true },   { "login = bob or class = limit", true },
		{ "login = alice", true },	   { "not (grant = x or login = alice)", false },
	};
	struct cw_event a = alice();

	(void)state;
	memset(&a.verdict, 0, sizeof(a.verdict));
	for (size_t i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		cw_auto_buf struct cw_buf error = { 0 };
		struct cw_filter *f = NULL;

		assert_int_equal(cw_filter_new(0, &f), 0);
		assert_int_equal(cw_filter_where(f, cases[i].where, &error), 0);
		if (cw_filter_may_take(f, &a, ~(unsigned int)CW_FACT_OF_VERDICT) != cases[i].may)
			fail_msg("%s", cases[i].where);
		cw_filter_free(f);
	}
}

/* A process, or an asset, is left out only if no event of it can be taken. */
static void test_parts(void **state)
{
	static const struct {
		const char *where;
		bool process, asset;
	} cases[] = {
		{ "login = bob", false, true },		{ "not login = alice", false, true },
		{ "login = bob or kind = open", true, true }, { "asset = /srv", true, false },
		{ "asset = cameras", true, true },	{ "asset = microphones", true, true },
		{ "login = bob and asset = /srv", false, false },
		{ "inode = 5", true, false },		{ "time < 2020-01-01", true, true },
		{ "denied", true, true },
	};
	struct cw_event a = alice(), b = footage();

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		cw_auto_buf struct cw_buf error = { 0 };
		struct cw_filter *f = NULL;

		assert_int_equal(cw_filter_new(0, &f), 0);
		assert_int_equal(cw_filter_where(f, cases[i].where, &error), 0);
		if (cw_filter_may_take(f, &a, CW_FACT_OF_PROCESS) != cases[i].process ||
		    cw_filter_may_take(f, &a, CW_FACT_OF_ASSET) != cases[i].asset)
			fail_msg("%s", cases[i].where);
		cw_filter_free(f);
	}
	/* A recording may be the one that gets the name. */
	b.n_detail = 0;
	{
		cw_auto_buf struct cw_buf error = { 0 };
		struct cw_filter *f = NULL;

		assert_int_equal(cw_filter_new(0, &f), 0);
		assert_int_equal(cw_filter_where(f, "asset = /tmp/b.mp4", &error), 0);
		assert_true(cw_filter_may_take(f, &b, CW_FACT_OF_ASSET));
		cw_filter_free(f);
	}
}

static void assert_refused(const char *text, const char *why)
{
	cw_auto_buf struct cw_buf error = { 0 };
	struct cw_filter *f = NULL;

	assert_int_equal(cw_filter_new(0, &f), 0);
	assert_int_equal(cw_filter_where(f, text, &error), -EINVAL);
	assert_non_null(strstr(error.data, why));
	cw_filter_free(f);
}

static void test_bounds(void **state)
{
	cw_auto_buf struct cw_buf deep = { 0 }, many = { 0 }, longest = { 0 }, value = { 0 };

	(void)state;
	for (int i = 0; i < CW_FILTER_DEPTH_MAX + 1; i++)
		cw_buf_putc(&deep, '(');
	assert_refused(deep.data, "inside each other");
	cw_buf_puts(&many, "denied");
	for (int i = 0; i < CW_FILTER_NODES_MAX; i++)
		cw_buf_puts(&many, " or denied");
	assert_refused(many.data, "too much");
	for (int i = 0; i < CW_FILTER_TEXT_MAX + 1; i++)
		cw_buf_putc(&longest, ' ');
	assert_refused(longest.data, "longer than");
	cw_buf_puts(&value, "comm = ");
	for (int i = 0; i < CW_FILTER_VALUE_MAX + 1; i++)
		cw_buf_putc(&value, 'x');
	assert_refused(value.data, "at most 4096 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_language), cmocka_unit_test(test_faults),
		cmocka_unit_test(test_options),	 cmocka_unit_test(test_unjudged),
		cmocka_unit_test(test_parts),	 cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
