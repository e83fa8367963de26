// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: the canary believes nothing but the whole truth about its own access. Each
 * fact that differs is told; what is not its own is left alone. Needs no kernel: the event is made
 * here.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "canary.h"

static void fill(struct cw_canary *c, struct cw_event *e, struct cw_decoded_record *r)
{
	*c = (struct cw_canary){ .fd = -1, .ino = 55, .flying = true, .exe = "/usr/bin/camwarden" };
	*r = (struct cw_decoded_record){ .type = CW_DECODED_EVENT, .asset = CW_CANARY_ASSET,
					 .ino = 55 };
	*e = (struct cw_event){ .kind = CW_KIND_OPEN };
	e->asset.access = CW_ACCESS_READ;
	e->process.pid = (uint32_t)getpid();
	e->process.exe = "/usr/bin/camwarden";
}

static void assert_wrong(struct cw_canary *c, const struct cw_event *e,
			 const struct cw_decoded_record *r, const char *part)
{
	assert_int_equal(cw_canary_check(c, e, r), -1);
	assert_false(c->flying);
	if (!strstr(c->wrong, part))
		fail_msg("'%s' is not in '%s'", part, c->wrong);
}

static void test_right(void **state)
{
	struct cw_decoded_record r;
	struct cw_canary c;
	struct cw_event e;

	(void)state;
	fill(&c, &e, &r);
	assert_int_equal(cw_canary_check(&c, &e, &r), 1);
	assert_false(c.flying);
	assert_string_equal(c.wrong, "");
	/* The program was replaced on disk while it runs. */
	fill(&c, &e, &r);
	strcpy(c.exe, "/usr/bin/camwarden (deleted)");
	assert_int_equal(cw_canary_check(&c, &e, &r), 1);
	assert_string_equal(c.wrong, "");
}

static void test_wrong(void **state)
{
	struct cw_decoded_record r;
	struct cw_canary c;
	struct cw_event e;

	(void)state;
	fill(&c, &e, &r);
	r.ino = 56;
	assert_wrong(&c, &e, &r, "inode 56 came, 55 was opened");
	fill(&c, &e, &r);
	e.process.pid++;
	assert_wrong(&c, &e, &r, "process");
	fill(&c, &e, &r);
	e.process.exe = "/usr/bin/other";
	assert_wrong(&c, &e, &r, "/usr/bin/other came");
	fill(&c, &e, &r);
	e.process.exe = "/usr/bin/cam"; /* a part of the name is not the name */
	assert_wrong(&c, &e, &r, "/usr/bin/cam came");
	fill(&c, &e, &r);
	e.process.exe = NULL;
	assert_wrong(&c, &e, &r, "unknown came");
	fill(&c, &e, &r);
	e.asset.access = CW_ACCESS_WRITE;
	assert_wrong(&c, &e, &r, "access");
	fill(&c, &e, &r);
	e.result = -EIO;
	assert_wrong(&c, &e, &r, "result -5");
}

/* Its close, an open that comes too late, everybody else's events. */
static void test_not_awaited(void **state)
{
	struct cw_decoded_record r;
	struct cw_canary c;
	struct cw_event e;

	(void)state;
	fill(&c, &e, &r);
	e.kind = CW_KIND_CLOSE;
	assert_int_equal(cw_canary_check(&c, &e, &r), 1);
	assert_true(c.flying);
	fill(&c, &e, &r);
	c.flying = false;
	r.ino = 1;
	assert_int_equal(cw_canary_check(&c, &e, &r), 1);
	assert_string_equal(c.wrong, "");
	fill(&c, &e, &r);
	r.asset = 0;
	assert_int_equal(cw_canary_check(&c, &e, &r), 0);
	assert_true(c.flying);
}

/* A name that is too long for the message must not break it. */
static void test_long_names(void **state)
{
	struct cw_decoded_record r;
	struct cw_canary c;
	struct cw_event e;
	char exe[2000];

	(void)state;
	fill(&c, &e, &r);
	memset(exe, 'x', sizeof(exe) - 1);
	exe[sizeof(exe) - 1] = '\0';
	memset(c.exe, 'y', sizeof(c.exe) - 1);
	e.process.exe = exe;
	assert_wrong(&c, &e, &r, "xxx");
	assert_true(strlen(c.wrong) < sizeof(c.wrong));
}

/* It opens its own object, and leaves no descriptor behind. */
static void test_fly(void **state)
{
	struct cw_canary c = { .fd = memfd_create("canary", MFD_CLOEXEC) };
	int before = dup(c.fd), after;

	(void)state;
	assert_true(c.fd >= 0 && before >= 0);
	close(before);
	cw_canary_fly(&c, 77);
	assert_true(c.flying);
	assert_int_equal(c.since_ns, 77);
	after = dup(c.fd);
	assert_int_equal(after, before);
	close(after);
	cw_canary_stop(&c);
	assert_int_equal(c.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right), cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_not_awaited), cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_fly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
