// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: the JSON form is a contract, so whole lines are compared byte by byte; and
 * nothing that a process can choose (names, arguments, paths) breaks the line.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
#include <cmocka.h>

#include "sink/json.h"

static const char *argv_ffmpeg[] = { "ffmpeg", "-f", "v4l2", NULL };

/* The event of docs/design: alice by ssh, ffmpeg on the front door. */
static void fill(struct cw_event *e)
{
	*e = (struct cw_event){
		.seq = 42, .time_ns = 1795494959123456789ULL, .boot_ns = 73123456789ULL,
		.boot_id = "b007", .hub = "hub-1", .kind = CW_KIND_OPEN, .probe = CW_PROBE_LSM,
		.asset = { .name = "front-door", .kind = CW_ASSET_CAMERA, .path = "/dev/video0",
			   .node = "/dev/video0", .dev_major = 81, .inode = 123,
			   .access = CW_ACCESS_READ | CW_ACCESS_WRITE, .driver = "vivid",
			   .bus = "platform:vivid-000", .card = "vivid" },
		.process = { .pid = 811, .tid = 812, .ns_pid = 811, .ppid = 640,
			     .start_ns = 72000000000ULL, .exe = "/usr/bin/ffmpeg",
			     .exe_inode = 9876, .exe_sha256 = "abcd", .comm = "ffmpeg",
			     .argv = argv_ffmpeg, .uid = 1001, .euid = 1001, .gid = 1001,
			     .cap_effective = 0x1ff, .user = "alice",
			     .unit = "session-1.scope", .cgroup = "/user.slice",
			     .ancestors = { { 640, 1, "/bin/bash" }, { 1, 1, NULL } },
			     .n_ancestors = 2 },
		.origin = { .type = CW_ORIGIN_REMOTE, .login_uid = 1001, .login_user = "alice",
			    .session = 1, .tty = "pts/0", .family = AF_INET, .peer_port = 51512,
			    .local_port = 22, .via = "/usr/sbin/sshd" },
		.verdict = { .decision = CW_DECISION_FLAG, .class = CW_CLASS_REMOTE,
			     .severity = CW_SEVERITY_HIGH, .rule = "no grant",
			     .why = "nearest grant 'support': peer", .technique = "T1125" },
	};
	inet_pton(AF_INET, "203.0.113.7", &e->origin.peer.v4);
}

static void assert_line(const struct cw_event *e, const char *expected)
{
	cw_auto_buf struct cw_buf b = { 0 };

	cw_json_event(&b, e);
	assert_int_equal(b.error, 0);
	assert_string_equal(b.data, expected);
	assert_int_equal(b.len, strlen(expected));
}

static void assert_contains(const struct cw_event *e, const char *part)
{
	cw_auto_buf struct cw_buf b = { 0 };

	cw_json_event(&b, e);
	if (!strstr(b.data, part))
		fail_msg("%s is not in %s", part, b.data);
	assert_ptr_equal(strchr(b.data, '\n'), b.data + b.len - 1);
}

static void test_whole(void **state)
{
	struct cw_event e;

	(void)state;
	fill(&e);
	assert_line(&e,
		    "{\"schema\":\"camwarden.event/1\",\"seq\":42,"
		    "\"time\":\"2026-11-24T04:35:59.123456789Z\",\"boot_ns\":73123456789,"
		    "\"boot_id\":\"b007\",\"hub\":\"hub-1\",\"kind\":\"open\",\"probe\":\"lsm\","
		    "\"result\":0,"
		    "\"asset\":{\"name\":\"front-door\",\"kind\":\"camera\","
		    "\"path\":\"/dev/video0\",\"dev\":\"81:0\",\"inode\":123,"
		    "\"access\":[\"read\",\"write\"],\"node\":\"/dev/video0\",\"root\":null,"
		    "\"by_id\":null,\"driver\":\"vivid\",\"bus\":\"platform:vivid-000\","
		    "\"card\":\"vivid\"},"
		    "\"process\":{\"pid\":811,\"tid\":812,\"start_ns\":72000000000,\"ppid\":640,"
		    "\"exe\":\"/usr/bin/ffmpeg\",\"exe_inode\":9876,\"exe_sha256\":\"abcd\","
		    "\"comm\":\"ffmpeg\",\"argv\":[\"ffmpeg\",\"-f\",\"v4l2\"],\"uid\":1001,"
		    "\"user\":\"alice\",\"euid\":1001,\"unit\":\"session-1.scope\","
		    "\"cgroup\":\"/user.slice\",\"container\":null,"
		    "\"ancestors\":[{\"pid\":640,\"exe\":\"/bin/bash\"},{\"pid\":1,\"exe\":null}],"
		    "\"ns_pid\":811,\"gid\":1001,\"cap_effective\":\"00000000000001ff\"},"
		    "\"origin\":{\"type\":\"remote\",\"login_uid\":1001,\"login_user\":\"alice\","
		    "\"session\":1,\"tty\":\"pts/0\",\"peer\":\"203.0.113.7:51512\","
		    "\"local_port\":22,\"via\":\"/usr/sbin/sshd\",\"seeded\":false},"
		    "\"detail\":{},"
		    "\"verdict\":{\"decision\":\"flag\",\"class\":\"remote\","
		    "\"severity\":\"high\",\"grant\":null,\"rule\":\"no grant\","
		    "\"why\":\"nearest grant 'support': peer\",\"technique\":\"T1125\"}}\n");
}

static void test_empty(void **state)
{
	struct cw_event e = { 0 };

	(void)state;
	assert_line(&e, "{\"schema\":\"camwarden.event/1\",\"seq\":0,"
			"\"time\":\"1970-01-01T00:00:00.000000000Z\",\"boot_ns\":0,"
			"\"boot_id\":null,\"hub\":null,\"kind\":\"open\",\"probe\":\"agent\","
			"\"result\":0,\"asset\":null,\"process\":null,\"origin\":null,"
			"\"detail\":{},\"verdict\":null}\n");
}

/* Every key stays although nothing is known, and every "only when true" key shows. */
static void test_unknown(void **state)
{
	struct cw_event e = {
		.result = -EACCES,
		.asset = { .kind = CW_ASSET_RECORDINGS, .path_partial = true },
		.process = { .pid = 7, .uid = CW_NO_UID, .euid = CW_NO_UID, .gid = CW_NO_UID,
			     .exe_deleted = true, .argv_cut = true, .code = CW_CODE_OWNER },
		.origin = { .login_uid = CW_NO_UID, .session = CW_NO_UID, .seeded = true,
			    .outbound = true, .hop_pid = 9, .hop_login_uid = CW_NO_UID },
		.verdict = { .decision = CW_DECISION_ALLOW },
	};

	(void)state;
	assert_line(&e,
		    "{\"schema\":\"camwarden.event/1\",\"seq\":0,"
		    "\"time\":\"1970-01-01T00:00:00.000000000Z\",\"boot_ns\":0,"
		    "\"boot_id\":null,\"hub\":null,\"kind\":\"open\",\"probe\":\"agent\","
		    "\"result\":-13,"
		    "\"asset\":{\"name\":null,\"kind\":\"recordings\",\"path\":null,\"dev\":null,"
		    "\"inode\":null,\"access\":[],\"node\":null,\"root\":null,\"by_id\":null,"
		    "\"driver\":null,\"bus\":null,\"card\":null,\"path_partial\":true},"
		    "\"process\":{\"pid\":7,\"tid\":null,\"start_ns\":null,\"ppid\":0,"
		    "\"exe\":null,\"exe_inode\":null,\"exe_sha256\":null,\"comm\":null,"
		    "\"argv\":null,\"uid\":null,\"user\":null,\"euid\":null,\"unit\":null,"
		    "\"cgroup\":null,\"container\":null,\"ancestors\":[],\"ns_pid\":null,"
		    "\"gid\":null,\"cap_effective\":\"0000000000000000\",\"exe_deleted\":true,"
		    "\"argv_cut\":true,"
		    "\"code\":{\"how\":\"mapped\",\"path\":null,\"why\":\"owner\",\"pid\":null}},"
		    "\"origin\":{\"type\":\"unknown\",\"login_uid\":null,\"login_user\":null,"
		    "\"session\":null,\"tty\":null,\"peer\":null,\"local_port\":null,"
		    "\"via\":null,\"seeded\":true,\"outbound\":true,"
		    "\"hop\":{\"pid\":9,\"exe\":null,\"login_uid\":null,\"login_user\":null}},"
		    "\"detail\":{},"
		    "\"verdict\":{\"decision\":\"allow\",\"class\":null,\"severity\":null,"
		    "\"grant\":null,\"rule\":null,\"why\":null,\"technique\":null}}\n");
}

static void test_details(void **state)
{
	struct cw_event e = { .kind = CW_KIND_GAP };

	(void)state;
	cw_event_add_uint(&e, "lost", UINT64_MAX);
	cw_event_add_int(&e, "least", INT64_MIN);
	cw_event_add_double(&e, "seconds", 12.0005);
	cw_event_add_string(&e, "class", "files");
	cw_event_add_string(&e, "none", NULL);
	cw_event_add_bool(&e, "ok", true);
	cw_event_add_bool(&e, "last", false);
	cw_event_add_time(&e, "from", 1);
	cw_event_add_time(&e, "to", 0);
	assert_contains(&e, "\"detail\":{\"lost\":18446744073709551615,"
			    "\"least\":-9223372036854775808,\"seconds\":12.001,"
			    "\"class\":\"files\",\"none\":null,\"ok\":true,\"last\":false,"
			    "\"from\":\"1970-01-01T00:00:00.000000001Z\",\"to\":null},");
}

/* As printf("%.3f"), without its locale; what JSON cannot say is null. */
static void test_doubles(void **state)
{
	static const double values[] = {
		1, 0.0004999, 0.0005, 0.0015, 0.0625, 0.1875, 0.0625 + 0x1p-56, 0.9994999999,
		0.9995, 0.9999999, 1.0005, 2.5, 1e-300, 123456789.9875, 4503599627370495.5, 1e15,
		3600.1, 0.1, 0.3, 8e18, -1.5, -0.001, 2.0005, 1234.5675,
	};
	char expected[64];

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_SIZE(values); i++) {
		struct cw_event e = { 0 };

		cw_event_add_double(&e, "d", values[i]);
		snprintf(expected, sizeof(expected), "\"detail\":{\"d\":%.3f}", values[i]);
		assert_contains(&e, expected);
	}
	for (uint64_t i = 0, x = 1; i < 100000; i++) {
		struct cw_event e = { 0 };

		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		cw_event_add_double(&e, "d", (double)(x >> 33) / (double)(1ULL << (x % 45)));
		snprintf(expected, sizeof(expected), "\"detail\":{\"d\":%.3f}", e.detail[0].d);
		assert_contains(&e, expected);
	}
	for (int i = 0; i < 5; i++) {
		static const double odd[] = { __builtin_nan(""), __builtin_inf(),
					      -__builtin_inf(), 1e300, -1e19 };
		struct cw_event e = { 0 };

		cw_event_add_double(&e, "d", odd[i]);
		assert_contains(&e, "\"detail\":{\"d\":null}");
	}
}

static void assert_string(const char *in, const char *out)
{
	cw_auto_buf struct cw_buf b = { 0 };

	cw_json_string(&b, in);
	assert_string_equal(b.data, out);
}

static void test_strings(void **state)
{
	(void)state;
	assert_string(NULL, "null");
	assert_string("", "\"\"");
	assert_string("a\"b\\c/", "\"a\\\"b\\\\c/\"");
	assert_string("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"");
	assert_string("\x01\x1b[2J\x1f\x7f", "\"\\u0001\\u001b[2J\\u001f\\u007f\"");
	assert_string("caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x93\xb7",
		      "\"caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x93\xb7\"");
	assert_string("\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\"");
	assert_string("\xe2\x80\xae\xe2\x81\xa6", "\"\\u202e\\u2066\"");
	assert_string("\xc2\x9b" "2J", "\"\\u009b2J\"");
}

/* Overlong, surrogate, too large, cut off, lone continuation: one escape for each byte. */
static void test_not_utf8(void **state)
{
	(void)state;
	assert_string("\xff", "\"\\ufffd\"");
	assert_string("a\x80z", "\"a\\ufffdz\"");
	assert_string("\xc0\xaf", "\"\\ufffd\\ufffd\"");
	assert_string("\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\"");
	assert_string("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
	assert_string("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	assert_string("\xf5\x80\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	assert_string("\xe6\x97", "\"\\ufffd\\ufffd\"");
	assert_string("\xe6\x97\"", "\"\\ufffd\\ufffd\\\"\"");
	assert_string("\xf0\x9f\x93\x0a", "\"\\ufffd\\ufffd\\ufffd\\n\"");
	assert_string("\xef\xbf\xbd", "\"\xef\xbf\xbd\"");
}

/* Longer than what is gathered on the stack, with escapes across its end. */
static void test_long_strings(void **state)
{
	static char in[20000], out[130000];

	(void)state;
	for (size_t shift = 0; shift < 8; shift++) {
		char *p = out;

		*p++ = '"';
		for (size_t i = 0; i < sizeof(in) - 1; i++) {
			in[i] = i % 7 == shift ? '\x01' : 'x';
			p = stpcpy(p, i % 7 == shift ? "\\u0001" : "x");
		}
		strcpy(p, "\"");
		assert_string(in, out);
	}
	memset(in, 'y', sizeof(in) - 1);
	memset(out, 'y', sizeof(in) + 1);
	out[0] = '"';
	strcpy(out + sizeof(in), "\"");
	assert_string(in, out);
}

static void assert_peer(int family, const char *address, uint16_t port, const char *expected)
{
	struct cw_origin o = { .family = family, .peer_port = port };
	char text[CW_JSON_PEER_SIZE];

	assert_int_equal(inet_pton(family, address, &o.peer), 1);
	assert_int_equal(cw_json_peer(&o, text), strlen(expected));
	assert_string_equal(text, expected);
}

static void test_peers(void **state)
{
	struct cw_origin none = { .family = AF_UNIX };
	char text[CW_JSON_PEER_SIZE] = "untouched";

	(void)state;
	assert_peer(AF_INET, "0.0.0.0", 0, "0.0.0.0:0");
	assert_peer(AF_INET, "255.255.255.255", 65535, "255.255.255.255:65535");
	assert_peer(AF_INET6, "::ffff:203.0.113.7", 22, "203.0.113.7:22");
	assert_peer(AF_INET6, "::", 1, "[::]:1");
	assert_peer(AF_INET6, "::1", 1, "[::1]:1");
	assert_peer(AF_INET6, "2001:db8::", 1, "[2001:db8::]:1");
	assert_peer(AF_INET6, "2001:db8:0:1:1:1:1:1", 1, "[2001:db8:0:1:1:1:1:1]:1");
	assert_peer(AF_INET6, "2001:0:0:1:0:0:0:1", 1, "[2001:0:0:1::1]:1");
	assert_peer(AF_INET6, "2001:db8:0:0:1:0:0:1", 1, "[2001:db8::1:0:0:1]:1");
	assert_peer(AF_INET6, "fe80::0a0b:c0d", 443, "[fe80::a0b:c0d]:443");
	assert_peer(AF_INET6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535,
		    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	assert_int_equal(cw_json_peer(&none, text), 0);
	assert_string_equal(text, "untouched");
}

static void assert_time(uint64_t sec, uint64_t ns, const char *expected)
{
	char text[CW_JSON_TIME_SIZE];

	assert_int_equal(cw_json_time(sec * CW_NSEC_PER_SEC + ns, text), strlen(expected));
	assert_string_equal(text, expected);
}

static void test_times(void **state)
{
	(void)state;
	assert_time(0, 0, "1970-01-01T00:00:00.000000000Z");
	assert_time(951782399, 999999999, "2000-02-28T23:59:59.999999999Z");
	assert_time(951782400, 0, "2000-02-29T00:00:00.000000000Z");
	assert_time(4107542400, 1, "2100-03-01T00:00:00.000000001Z");
	assert_time(1798761599, 0, "2026-12-31T23:59:59.000000000Z");
	assert_time(UINT64_MAX / CW_NSEC_PER_SEC, 709551615, "2554-07-21T23:34:33.709551615Z");
	for (time_t t = 0; t < 18000000000; t += 86399 * 7) { /* as the C library has it */
		char expected[CW_JSON_TIME_SIZE];
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(expected, sizeof(expected), "%FT%T.000000000Z", &tm);
		assert_time((uint64_t)t, 0, expected);
	}
}

/* Arrays at their limit, and beyond it what an event must never have but might. */
static void test_maximum(void **state)
{
	static const char *many[1001];
	cw_auto_buf struct cw_buf b = { 0 };
	struct cw_event e;
	size_t args = 0;

	(void)state;
	fill(&e);
	for (int i = 0; i < 1000; i++)
		many[i] = "hostile\n\"\xff";
	e.process.argv = many;
	e.process.n_ancestors = CW_ANCESTORS_MAX + 5;
	for (int i = 0; i < CW_DETAILS_MAX; i++)
		cw_event_add_uint(&e, "k", UINT64_MAX);
	e.n_detail = CW_DETAILS_MAX + 5;
	e.kind = 250;
	e.probe = 250;
	e.origin.type = 250;
	e.asset.access = UINT32_MAX;
	cw_json_event(&b, &e);
	for (char *p = b.data; (p = strstr(p, "\"hostile\\n\\\"\\ufffd\"")); p++)
		args++;
	assert_int_equal(args, 1000);
	assert_non_null(strstr(b.data, "\"kind\":\"invalid\",\"probe\":\"invalid\""));
	assert_ptr_equal(strchr(b.data, '\n'), b.data + b.len - 1);
}

/* Lines are appended: what is in the buffer stays. */
static void test_append(void **state)
{
	cw_auto_buf struct cw_buf b = { 0 };
	struct cw_event e = { 0 };
	size_t one;

	(void)state;
	cw_json_event(&b, &e);
	one = b.len;
	cw_json_event(&b, &e);
	assert_int_equal(b.len, 2 * one);
	assert_memory_equal(b.data, b.data + one, one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	 cmocka_unit_test(test_empty),
		cmocka_unit_test(test_unknown),	 cmocka_unit_test(test_details),
		cmocka_unit_test(test_doubles),	 cmocka_unit_test(test_strings),
		cmocka_unit_test(test_not_utf8), cmocka_unit_test(test_long_strings),
		cmocka_unit_test(test_peers),	 cmocka_unit_test(test_times),
		cmocka_unit_test(test_maximum),	 cmocka_unit_test(test_append),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
