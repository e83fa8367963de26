// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: a learned policy is valid, always the same, and flags nothing that a service
 * did, whatever the names; the fuzzer's check, with made-up bytes. And what it says for people.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../fuzz/fuzz_learn.c"

#define HASH_A "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HASH_B "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

static uint64_t seed = 88172645463325252ULL;

static uint8_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint8_t)(seed >> 32);
}

static void test_random(void **state)
{
	uint8_t data[1400];

	(void)state;
	for (unsigned int i = 0; i < 3000; i++) {
		for (size_t k = 0; k < sizeof(data); k++)
			data[k] = draw();
		assert_int_equal(LLVMFuzzerTestOneInput(data, draw() * sizeof(data) / 255), 0);
	}
}

static struct cw_event by_motion(void)
{
	return (struct cw_event){
		.kind = CW_KIND_OPEN, .time_ns = 1764590400 * CW_NSEC_PER_SEC, .hub = "hub",
		.asset = { .kind = CW_ASSET_RECORDINGS, .name = "footage", .root = "/srv",
			   .path = "/srv/x.mp4", .access = CW_ACCESS_READ },
		.process = { .pid = 7, .exe = "/usr/bin/motion", .uid = 110, .euid = 110,
			     .user = "motion",
			     .unit = "motion.service",
			     .exe_sha256 = HASH_A },
		.origin = { .type = CW_ORIGIN_SERVICE, .login_uid = CW_NO_UID },
	};
}

static void assert_learns(struct cw_event *events, size_t n, const char *part, bool has)
{
	cw_auto_buf struct cw_buf yaml = { 0 };

	learn(NULL, events, n, &yaml);
	if (!strstr(yaml.data, part) == has)
		fail_msg("%s: %s\n%s", has ? "not said" : "said", part, yaml.data);
}

static void test_least(void **state)
{
	struct cw_event e[4] = { by_motion(), by_motion(), by_motion(), by_motion() };

	(void)state;
	assert_learns(e, 1, "allow: [open]\n", true);
	assert_learns(e, 1, "RARE", true);
	assert_learns(e, 2, "RARE", true);
	assert_learns(e, 3, "RARE", false);
	assert_learns(e, 3, "REPLACED", false);
	e[1].asset.access = CW_ACCESS_WRITE;
	assert_learns(e, 2, "allow: [open, write]\n", true);
	e[1].process.exe_sha256 = HASH_B;
	assert_learns(e, 2, "allow: [open, write]\n", false);
	assert_learns(e, 2, "REPLACED", true);
	assert_learns(e, 2, "name: motion of motion.service 2\n", true);
	assert_learns(e, 2, "FLAGGED", false);
	e[1].verdict.decision = CW_DECISION_FLAG;
	assert_learns(e, 2, "FLAGGED: the policy of that time did not grant 1 of this", true);
	e[0].process.exe_sha256 = NULL;
	assert_learns(e, 1, "NO HASH", true);
	assert_learns(e, 1, "sha256:", false);
}

static void test_marks(void **state)
{
	struct cw_event e = by_motion();

	(void)state;
	assert_learns(&e, 1, "NO UNIT", false);
	assert_learns(&e, 1, "INTERPRETER", false);
	e.process.unit = NULL;
	assert_learns(&e, 1, "NO UNIT", true);
	e.process.exe = "/usr/bin/python3.11";
	assert_learns(&e, 1, "INTERPRETER", true);
	e.process.exe = "/usr/bin/shred";
	assert_learns(&e, 1, "INTERPRETER", false);
	assert_learns(&e, 1, "code:", false);
	e.process.code = CW_CODE_OWNER;
	e.process.code_path = "/tmp/x.so\n";
	assert_learns(&e, 1, "FOREIGN CODE: it runs code of /tmp/x.so\\n, which is not root's. Is",
		      true);
	assert_learns(&e, 1, "      code: any\n", true);
}

static void test_people(void **state)
{
	struct cw_event e = by_motion();

	(void)state;
	e.origin.type = CW_ORIGIN_LOGIN;
	e.origin.login_uid = 1001;
	e.origin.login_user = "alice\n- name: evil";
	assert_learns(&e, 1, "grants: []\n", true);
	assert_learns(&e, 1, "#   \"alice\\n- name: evil\" as motion, login\n"
			     "#     open footage with /usr/bin/motion, once, ", true);
	e.origin.type = CW_ORIGIN_REMOTE;
	e.origin.family = AF_INET;
	e.origin.peer.v4.s_addr = htonl(0xc000020a);
	e.origin.via = "/usr/sbin/sshd";
	assert_learns(&e, 1, ", remote from 192.0.2.10 by /usr/sbin/sshd\n#     open footage",
		      true);
	e.origin.type = CW_ORIGIN_UNKNOWN;
	e.origin.family = 0;
	assert_learns(&e, 1, "# Of unknown origin:\n", true);
	assert_learns(&e, 1, "grants: []\n", true);
}

static void test_refused(void **state)
{
	struct cw_event e = by_motion();

	(void)state;
	e.kind = CW_KIND_DENIED;
	e.result = -EACCES;
	assert_learns(&e, 1, "grants: []\n", true);
	assert_learns(&e, 1, "# 1 attempts were refused", true);
	assert_learns(&e, 1, "path: /srv}", true);
}

static void test_names(void **state)
{
	struct cw_event e = by_motion();

	(void)state;
	e.process.exe = "/usr/bin/a*b";
	assert_learns(&e, 1, "# With names that a policy cannot hold as they are:\n", true);
	assert_learns(&e, 1, "grants: []\n", true);
	e = by_motion();
	e.process.user = "1001"; /* would be a number */
	assert_learns(&e, 1, "user: \"110\"\n", true);
	e = by_motion();
	e.asset = (struct cw_asset){ .kind = CW_ASSET_CAMERA, .name = "cameras",
				     .node = "/dev/video0", .by_id = "/dev/v4l/by-id/usb-X" };
	assert_learns(&e, 1, "  usb-X: {kind: camera, by-id: /dev/v4l/by-id/usb-X}\n", true);
	e.asset.by_id = NULL;
	assert_learns(&e, 1, "  video0: {kind: camera, device: /dev/video0}\n", true);
}

/* Far more programs and people than there is room for: bounded, valid, and said. */
static void test_flood(void **state)
{
	cw_auto_buf struct cw_buf yaml = { 0 }, errors = { 0 };
	struct cw_learn_summary s;
	struct cw_learn *l;
	char exe[64], node[64];

	(void)state;
	assert_int_equal(cw_learn_new(NULL, 3, &l), 0);
	for (unsigned int i = 0; i < 20000; i++) {
		struct cw_event e = by_motion();

		snprintf(exe, sizeof(exe), "/usr/bin/%u", i);
		snprintf(node, sizeof(node), "/dev/video%u", i % 700);
		e.process.exe = exe;
		if (i & 1)
			e.asset = (struct cw_asset){ .kind = CW_ASSET_CAMERA, .node = node };
		if (i % 4 == 0)
			e.origin.type = CW_ORIGIN_LOGIN;
		assert_int_equal(cw_learn_add(l, &e), 0);
	}
	assert_int_equal(cw_learn_write(l, &errors, &yaml, &s), 0);
	assert_true(s.grants > 500 && s.grants <= 1024);
	assert_true(s.assets <= 512);
	assert_int_equal(s.undecided + s.grants, 20000); /* each was seen once */
	assert_non_null(strstr(yaml.data, "# NOT GRANTED for want of room: "));
	assert_non_null(strstr(yaml.data, "and 2036 accesses of 2036 other kinds"));
	cw_learn_free(l);
}

/* As many names as fit, each as long as it can be, and all of it to be escaped. */
static void test_long_names(void **state)
{
	cw_auto_buf struct cw_buf yaml = { 0 }, errors = { 0 };
	struct cw_learn_summary s;
	struct cw_learn *l;
	char root[1000], exe[1020];

	(void)state;
	assert_int_equal(cw_learn_new(NULL, 3, &l), 0);
	for (unsigned int i = 0; i < 4000; i++) {
		struct cw_event e = by_motion();
		int n = snprintf(root, sizeof(root), "/%u/", i % 500);

		for (; n < (int)sizeof(root) - 4; n += 3)
			memcpy(root + n, "\xe2\x80\xae", 4);
		snprintf(exe, sizeof(exe), "/%u%s", i, root);
		e.asset.root = root;
		e.asset.name = NULL;
		e.asset.path = NULL;
		e.process.exe = i % 2 ? exe : e.process.exe;
		e.process.unit = i % 3 ? exe : e.process.unit;
		assert_int_equal(cw_learn_add(l, &e), 0);
	}
	assert_int_equal(cw_learn_write(l, &errors, &yaml, &s), 0);
	assert_true(yaml.len < 1 << 20);
	assert_non_null(strstr(yaml.data, "NOT GRANTED for want of room"));
	cw_learn_free(l);
}

static void test_nothing(void **state)
{
	(void)state;
	assert_learns(NULL, 0, "grants: []\n", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random), cmocka_unit_test(test_least),
		cmocka_unit_test(test_marks), cmocka_unit_test(test_people),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_names),
		cmocka_unit_test(test_flood), cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
