// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: names come from the right place, are remembered, and are right again as soon
 * as the files change; hostile files do no harm.
 */
#include <ftw.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "enrich/users.h"

static char root[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void path_of(const char *name, char ret_path[128])
{
	snprintf(ret_path, 128, "%s/etc/%s", root, name);
}

static void write_bytes(const char *name, const char *text, size_t len)
{
	char path[128], other[160];
	FILE *f;

	/* By a rename, as passwd and vipw do it. */
	path_of(name, path);
	snprintf(other, sizeof(other), "%s.new", path);
	f = fopen(other, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(other, path), 0);
}

static void write_file(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

static int set_up(void **state)
{
	char etc[80];

	(void)state;
	strcpy(root, "/tmp/cw-users-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(etc, sizeof(etc), "%s/etc", root);
	return mkdir(etc, 0755);
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct cw_users *open_users(void)
{
	struct cw_users *u = NULL;

	assert_int_equal(cw_users_new_root(root, &u), 0);
	assert_non_null(u);
	return u;
}

static void names_real_users(void **state)
{
	const struct passwd *pw = getpwuid(0);
	struct cw_users *u = NULL;
	char expected[64];

	(void)state;
	assert_non_null(pw);
	snprintf(expected, sizeof(expected), "%s", pw->pw_name);
	assert_int_equal(cw_users_new(&u), 0);
	assert_string_equal(cw_users_name(u, 0), expected);
	assert_null(cw_users_name(u, UINT32_MAX));
	assert_null(cw_users_name(u, 3999999999U));
	assert_false(cw_users_is_person(u, 0));
	cw_users_free(u);
	cw_users_free(NULL);
}

static void forgets_when_passwd_changes(void **state)
{
	struct cw_users *u;

	(void)state;
	write_file("passwd", "alice:x:1001:1001::/home/alice:/bin/sh\n");
	u = open_users();
	assert_string_equal(cw_users_name(u, 1001), "alice");
	assert_null(cw_users_name(u, 1002));

	/* Also what was known not to exist. */
	write_file("passwd", "mally:x:1001:1001::/:/bin/sh\nbob:x:1002:1002::/:/bin/sh\n");
	cw_users_recheck(u);
	assert_string_equal(cw_users_name(u, 1001), "mally");
	assert_string_equal(cw_users_name(u, 1002), "bob");

	write_file("passwd", "");
	cw_users_recheck(u);
	assert_null(cw_users_name(u, 1001));
	cw_users_free(u);
}

static void keeps_uids_of_one_slot_apart(void **state)
{
	struct cw_users *u;

	(void)state;
	write_file("passwd", "low:x:7:7::/:\nhigh:x:263:7::/:\nhigher:x:4294967047:7::/:\n");
	u = open_users();
	for (int i = 0; i < 3; i++) {
		assert_string_equal(cw_users_name(u, 7), "low");
		assert_string_equal(cw_users_name(u, 263), "high");
		assert_string_equal(cw_users_name(u, 4294967047U), "higher");
		assert_null(cw_users_name(u, 519));
	}
	cw_users_free(u);
}

static void does_without_files(void **state)
{
	struct cw_users *u = open_users();

	(void)state;
	assert_null(cw_users_name(u, 0));
	assert_true(cw_users_is_person(u, 1000));
	write_file("passwd", "root:x:0:0::/root:/bin/sh\n");
	cw_users_recheck(u);
	assert_string_equal(cw_users_name(u, 0), "root");
	cw_users_free(u);
}

static void hands_on_bytes(void **state)
{
	struct cw_users *u;

	(void)state;
	write_file("passwd", "\xff\"\x1b[2J:x:1001:1001::/:/bin/sh\n");
	u = open_users();
	assert_string_equal(cw_users_name(u, 1001), "\xff\"\x1b[2J");
	cw_users_free(u);
}

static void cuts_no_name(void **state)
{
	static char text[200 * 1024];
	struct cw_users *u;
	size_t len;

	(void)state;
	/* 255 bytes are a name, 256 are none. */
	memset(text, 'a', 255);
	len = 255 + (size_t)sprintf(text + 255, ":x:1:1::/:\n");
	memset(text + len, 'b', 256);
	len += 256 + (size_t)sprintf(text + len + 256, ":x:2:2::/:\n");
	write_bytes("passwd", text, len);
	u = open_users();
	assert_int_equal(strlen(cw_users_name(u, 1)), 255);
	assert_null(cw_users_name(u, 2));

	memset(text, 'c', 100 * 1024);
	len = 100 * 1024 + (size_t)sprintf(text + 100 * 1024, ":x:1:1::/:\n");
	write_bytes("passwd", text, len);
	cw_users_recheck(u);
	assert_null(cw_users_name(u, 1));
	cw_users_free(u);
}

static void takes_persons_from_login_defs(void **state)
{
	struct cw_users *u = open_users();

	(void)state;
	assert_false(cw_users_is_person(u, 0));
	assert_false(cw_users_is_person(u, 999));
	assert_true(cw_users_is_person(u, 1000));
	assert_true(cw_users_is_person(u, 65533));
	assert_false(cw_users_is_person(u, 65534));
	assert_false(cw_users_is_person(u, UINT32_MAX));

	write_file("login.defs", "# UID_MIN 3\n\nUID_MIN\t\t  500\nUID_MAX 60000\nSYS_UID_MIN 1\n"
				 "UID_MINIMUM 4\n");
	cw_users_recheck(u);
	cw_users_name(u, 0);
	assert_false(cw_users_is_person(u, 499));
	assert_true(cw_users_is_person(u, 500));
	assert_true(cw_users_is_person(u, 60001));
	assert_false(cw_users_is_person(u, 65536));

	/* A directory server's users. */
	write_file("login.defs", "UID_MAX 2000000\n");
	cw_users_recheck(u);
	cw_users_name(u, 0);
	assert_false(cw_users_is_person(u, 999));
	assert_false(cw_users_is_person(u, 65534));
	assert_false(cw_users_is_person(u, 65535));
	assert_true(cw_users_is_person(u, 1234567));
	assert_false(cw_users_is_person(u, 2000001));
	cw_users_free(u);
}

static void ignores_bad_login_defs(void **state)
{
	static const char text[] = "UID_MIN\nUID_MIN \nUID_MIN -1\nUID_MIN 1x\n"
				   "UID_MIN 99999999999999999999999\nUID_MAX 4294967295\n"
				   "\0UID_MIN 5\nUID_MIN";
	struct cw_users *u;

	(void)state;
	write_bytes("login.defs", text, sizeof(text) - 1);
	u = open_users();
	assert_false(cw_users_is_person(u, 999));
	assert_true(cw_users_is_person(u, 1000));
	assert_false(cw_users_is_person(u, UINT32_MAX));
	cw_users_free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_real_users),
		cmocka_unit_test_setup_teardown(forgets_when_passwd_changes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_uids_of_one_slot_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(does_without_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hands_on_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cuts_no_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(takes_persons_from_login_defs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ignores_bad_login_defs, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
