// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: what is counted in groups is right, and where the bounds of memory are reached
 * it says so instead of being wrong; and cells arrive harmless in each form of a table.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "groups.h"

static struct cw_event opened(const char *who, const char *path, uint64_t inode)
{
	struct cw_event e = { .kind = CW_KIND_OPEN, .hub = "hub-1", .boot_id = "b" };

	e.time_ns = 1795494959ULL * CW_NSEC_PER_SEC;
	e.asset = (struct cw_asset){ .name = "footage", .kind = CW_ASSET_RECORDINGS, .path = path,
				     .inode = inode, .dev_major = 8 };
	e.process.pid = 5;
	e.origin.login_uid = who ? 1000 : CW_NO_UID;
	e.origin.login_user = who;
	return e;
}

static char *shown(struct cw_groups *g)
{
	cw_auto_buf struct cw_buf out = { 0 };
	struct cw_table *t = NULL;
	const struct cw_table_column *columns;
	unsigned int n;

	columns = cw_groups_columns(g, &n);
	assert_int_equal(cw_table_new(CW_TABLE_CSV, columns, n, 0, false, &out, &t), 0);
	for (size_t i = 0; i < cw_groups_n(g); i++)
		cw_groups_row(g, i, t);
	cw_table_finish(t);
	cw_table_free(t);
	return CW_TAKE_PTR(out.data);
}

static struct cw_groups *groups(enum cw_group_by by)
{
	struct cw_groups *g = NULL;

	assert_int_equal(cw_groups_new(&by, 1, CW_TABLE_CSV, 0, 0, &g), 0);
	return g;
}

static void add(struct cw_groups *g, struct cw_event e)
{
	assert_int_equal(cw_groups_add(g, &e), 0);
}

static struct cw_event streamed(const char *phase, uint32_t pid, double seconds)
{
	struct cw_event e = opened("bob", NULL, 300);

	e.kind = CW_KIND_STREAM;
	e.asset = (struct cw_asset){ .kind = CW_ASSET_CAMERA, .node = "/dev/video0",
				     .dev_major = 81 };
	e.process.pid = pid;
	cw_event_add_string(&e, "phase", phase);
	if (*phase == 's' && phase[2] == 'o')
		cw_event_add_double(&e, "seconds", seconds);
	return e;
}

static void test_counts(void **state)
{
	struct cw_groups *g = groups(CW_BY_LOGIN);
	struct cw_event e;
	cw_auto_free char *text = NULL;

	(void)state;
	for (int i = 0; i < 3; i++)
		add(g, opened("alice", "/a", 1));
	add(g, opened("alice", "/b", 2));
	add(g, opened("alice", "/c", 2)); /* the number was given out again */
	e = opened("alice", "/d", 4);
	e.result = -EACCES;
	add(g, e); /* refused: not touched */
	e = opened("alice", "/e", 5);
	cw_event_add_bool(&e, "directory", true);
	add(g, e); /* no recording */
	e = opened("alice", "/a", 1);
	e.hub = "hub-2";
	add(g, e); /* another one */
	e.verdict.decision = CW_DECISION_FLAG;
	add(g, e);
	add(g, streamed("start", 7, 0));
	add(g, streamed("stop", 7, 90));
	add(g, streamed("stop", 8, 30)); /* whose beginning was not seen */
	cw_groups_sort(g, CW_SORT_DEFAULT);
	text = shown(g);
	assert_string_equal(text,
		"person,person_type,events,flags,recordings,cameras,microphones,minutes,first,"
		"last\r\n"
		"alice,login,9,1,4,0,0,0.000,2026-11-24T04:35:59.000000000Z,"
		"2026-11-24T04:35:59.000000000Z\r\n"
		"bob,login,3,0,0,1,0,2.000,2026-11-24T04:35:59.000000000Z,"
		"2026-11-24T04:35:59.000000000Z\r\n");
	cw_groups_free(g);
}

/* What still runs makes the minutes a lower bound. */
static void test_running(void **state)
{
	struct cw_groups *g = groups(CW_BY_LOGIN);
	cw_auto_free char *text = NULL;

	(void)state;
	add(g, streamed("start", 7, 0));
	add(g, streamed("start", 8, 0));
	add(g, streamed("stop", 8, 60));
	text = shown(g);
	assert_non_null(strstr(text, ",>=1.000,"));
	cw_groups_free(g);
}

/* From 20 November 22:00 to 23 November 06:00 in UTC, by what `by` says. */
static char *long_capture(enum cw_group_by by, int offset_s, uint64_t since_ns)
{
	struct cw_event e = streamed("stop", 7, 56 * 3600);
	struct cw_groups *g = NULL;
	char *text;

	e.time_ns = 1795413600ULL * CW_NSEC_PER_SEC;
	assert_int_equal(cw_groups_new(&by, 1, CW_TABLE_CSV, offset_s, since_ns, &g), 0);
	add(g, e);
	assert_false(cw_groups_unsplit(g));
	cw_groups_sort(g, CW_SORT_DEFAULT);
	text = shown(g);
	cw_groups_free(g);
	return text;
}

/* Each day has the minutes that lay in it, also without an event of its own. */
static void test_days_of_capture(void **state)
{
	cw_auto_free char *utc = long_capture(CW_BY_DAY, 0, 0);
	cw_auto_free char *east = long_capture(CW_BY_DAY, 7200, 0);
	cw_auto_free char *west = long_capture(CW_BY_DAY, -5400, 0);
	cw_auto_free char *since = long_capture(CW_BY_DAY, 0, 1795384800ULL * CW_NSEC_PER_SEC);
	cw_auto_free char *whole = long_capture(CW_BY_LOGIN, 0, 0);

	(void)state;
	assert_string_equal(utc,
		"day,events,flags,recordings,cameras,microphones,minutes,first,last\r\n"
		"2026-11-20,0,0,0,0,0,120.000,,\r\n"
		"2026-11-21,0,0,0,0,0,1440.000,,\r\n"
		"2026-11-22,0,0,0,0,0,1440.000,,\r\n"
		"2026-11-23,1,0,0,1,0,360.000,2026-11-23T06:00:00.000000000Z,"
		"2026-11-23T06:00:00.000000000Z\r\n");
	assert_null(strstr(east, "2026-11-20"));
	assert_non_null(strstr(east, "2026-11-21,0,0,0,0,0,1440.000,"));
	assert_non_null(strstr(east, "2026-11-23,1,0,0,1,0,480.000,"));
	assert_non_null(strstr(west, "2026-11-20,0,0,0,0,0,210.000,"));
	assert_non_null(strstr(west, "2026-11-23,1,0,0,1,0,270.000,"));
	assert_null(strstr(since, "2026-11-21"));
	assert_non_null(strstr(since, "2026-11-22,0,0,0,0,0,120.000,"));
	assert_non_null(strstr(whole, "bob,login,1,0,0,1,0,3360.000,"));
}

/* Of a day and an hour the finer one; an end on the border is no part of what begins there. */
static void test_hours_of_capture(void **state)
{
	static const enum cw_group_by by[] = { CW_BY_HOUR, CW_BY_LOGIN, CW_BY_DAY };
	struct cw_event e = streamed("stop", 7, 3600);
	struct cw_groups *g = NULL;
	cw_auto_free char *text = NULL;

	(void)state;
	e.time_ns = 1795413600ULL * CW_NSEC_PER_SEC;
	assert_int_equal(cw_groups_new(by, 3, CW_TABLE_CSV, 0, 0, &g), 0);
	add(g, e);
	cw_groups_sort(g, CW_SORT_DEFAULT);
	text = shown(g);
	assert_non_null(strstr(text, "\n2026-11-23 05:00,bob,login,2026-11-23,0,0,0,0,0,60.000,,"));
	assert_non_null(strstr(text, "\n2026-11-23 06:00,bob,login,2026-11-23,1,0,0,1,0,0.000,2"));
	cw_groups_free(g);
}

/* What an event claims is not worked off without an end, and nothing of it is lost. */
static void test_endless_captures(void **state)
{
	struct cw_groups *g = groups(CW_BY_HOUR);
	struct cw_event e = streamed("stop", 7, 60);
	cw_auto_free char *text = NULL;

	(void)state;
	add(g, streamed("stop", 7, (CW_CAPTURE_PARTS_MAX - 1) * 3600.0));
	assert_int_equal(cw_groups_n(g), CW_CAPTURE_PARTS_MAX);
	assert_false(cw_groups_unsplit(g));
	for (unsigned int i = 0; i < 1000; i++)
		add(g, streamed("stop", 7, i % 2 ? 1e300 : (double)INFINITY));
	assert_true(cw_groups_unsplit(g));
	assert_false(cw_groups_crowded(g));
	assert_int_equal(cw_groups_n(g), CW_CAPTURE_PARTS_MAX + 1);
	e.time_ns += 86400 * CW_NSEC_PER_SEC;
	add(g, e); /* one within an hour needs none of what is bounded */
	cw_groups_sort(g, CW_SORT_DEFAULT);
	text = shown(g);
	assert_non_null(strstr(text, "\r\n(more than can be told apart),0,0,0,0,0,"));
	assert_non_null(strstr(text, "\n2026-11-25 04:00,1,0,0,1,0,1.000,"));
	cw_groups_free(g);
}

static void test_many_groups(void **state)
{
	struct cw_groups *g = groups(CW_BY_FILE);
	cw_auto_free char *text = NULL;
	char path[64];

	(void)state;
	for (unsigned int i = 0; i < CW_GROUPS_MAX + 1000; i++) {
		assert_int_equal(cw_groups_crowded(g), i > CW_GROUPS_MAX);
		snprintf(path, sizeof(path), "/%u", i);
		add(g, opened("alice", path, i));
	}
	assert_int_equal(cw_groups_n(g), CW_GROUPS_MAX + 1);
	cw_groups_sort(g, CW_SORT_EVENTS);
	text = shown(g);
	assert_non_null(strstr(text, "\r\n(more than can be told apart),1000,0,1000,"));
	cw_groups_free(g);
}

static void test_many_objects(void **state)
{
	struct cw_groups *g = groups(CW_BY_LOGIN);
	cw_auto_free char *text = NULL;
	char path[64];

	(void)state;
	for (unsigned int i = 0; i < CW_DISTINCT_MAX; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		add(g, opened("alice", path, 1));
	}
	assert_false(cw_groups_uncounted(g));
	add(g, opened("alice", "/0", 1));
	assert_false(cw_groups_uncounted(g));
	add(g, opened("alice", "/new", 1));
	assert_true(cw_groups_uncounted(g));
	text = shown(g);
	assert_non_null(strstr(text, "alice,login,1048578,0,>=1048576,"));
	cw_groups_free(g);
}

static void test_long_names(void **state)
{
	struct cw_groups *g = groups(CW_BY_FILE);
	static char path[65536];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	for (unsigned int i = 0; i < 1000; i++) {
		snprintf(path, 16, "/%u", i);
		path[strlen(path)] = 'x';
		add(g, opened("alice", path, i));
	}
	assert_true(cw_groups_crowded(g));
	assert_true(cw_groups_n(g) * sizeof(path) <= CW_GROUP_TEXT_MAX + 2 * sizeof(path));
	cw_groups_free(g);
}

static void test_table(void **state)
{
	static const struct cw_table_column columns[] = { { "name", false }, { "n_of", true },
							  { "last", false } };
	cw_auto_buf struct cw_buf out = { 0 };
	struct cw_table *t = NULL;

	(void)state;
	assert_int_equal(cw_table_new(CW_TABLE_TEXT, columns, 3, 0, true, &out, &t), 0);
	cw_table_text(t, "\xe6\x97\xa5\x1b", CW_TABLE_PLAIN);
	cw_table_number(t, 5, true);
	cw_table_text(t, NULL, CW_TABLE_ALARM);
	cw_table_text(t, "e\xcc\x81", CW_TABLE_PLAIN);
	cw_table_real(t, 0.25, false);
	cw_table_text(t, "x", CW_TABLE_PLAIN);
	cw_table_finish(t);
	assert_string_equal(out.data, "NAME    N OF  LAST\n"
				      "\xe6\x97\xa5\\x1b   >=5  \033[1;31m-\033[0m\n"
				      "e\xcc\x81        0.2  x\n");
	cw_table_free(t);
}

/* On a terminal the longest cells give way, and a table that is long keeps its columns. */
static void test_terminal(void **state)
{
	static const struct cw_table_column columns[] = { { "a", false }, { "b", false } };
	cw_auto_buf struct cw_buf out = { 0 };
	struct cw_table *t = NULL;

	(void)state;
	assert_int_equal(cw_table_new(CW_TABLE_TEXT, columns, 2, 24, false, &out, &t), 0);
	for (int i = 0; i < 600; i++) {
		cw_table_text(t, "short", CW_TABLE_PLAIN);
		cw_table_text(t, "a name that is longer than all that is there", CW_TABLE_PLAIN);
	}
	cw_table_finish(t);
	for (char *line = strtok(out.data, "\n"); line; line = strtok(NULL, "\n")) {
		assert_true(strlen(line) <= 24);
		assert_true(!strcmp(line, "A      B") ||
			    !strcmp(line, "short  a name that is..."));
	}
	cw_table_free(t);
}

static void test_json(void **state)
{
	static const struct cw_table_column columns[] = { { "a", false }, { "b", true } };
	cw_auto_buf struct cw_buf out = { 0 };
	struct cw_table *t = NULL;

	(void)state;
	assert_int_equal(cw_table_new(CW_TABLE_JSON, columns, 2, 0, false, &out, &t), 0);
	cw_table_text(t, "\"\x1b", CW_TABLE_PLAIN);
	cw_table_number(t, UINT64_MAX, true);
	cw_table_text(t, NULL, CW_TABLE_PLAIN);
	cw_table_real(t, 1e300, false);
	cw_table_finish(t);
	assert_string_equal(out.data,
			    "{\"a\":\"\\\"\\u001b\",\"b\":18446744073709551615,"
			    "\"b_at_least\":true}\n"
			    "{\"a\":null,\"b\":0.000,\"b_at_least\":true}\n");
	cw_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),	     cmocka_unit_test(test_running),
		cmocka_unit_test(test_days_of_capture),
		cmocka_unit_test(test_hours_of_capture),
		cmocka_unit_test(test_endless_captures),
		cmocka_unit_test(test_many_groups),  cmocka_unit_test(test_many_objects),
		cmocka_unit_test(test_long_names),   cmocka_unit_test(test_table),
		cmocka_unit_test(test_terminal),     cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
