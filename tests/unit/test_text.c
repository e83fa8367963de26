// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: what a person reads at night is complete and aligned, says "unknown" rather
 * than nothing, and no name or argument that a process chose reaches the terminal as a control.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "sink/csv.h"
#include "sink/ecs.h"
#include "sink/json.h"
#include "sink/ocsf.h"
#include "sink/text.h"

static const struct cw_text_style plain;
static const char *argv_ffmpeg[] = { "ffmpeg", "-f", "v4l2", "a b", "it's", "", NULL };

static void fill(struct cw_event *e)
{
	*e = (struct cw_event){
		.seq = 42, .time_ns = 1795494959123456789ULL, .hub = "hub-1", .kind = CW_KIND_OPEN,
		.probe = CW_PROBE_LSM,
		.asset = { .name = "front-door", .kind = CW_ASSET_CAMERA, .path = "/dev/video0",
			   .node = "/dev/video0", .dev_major = 81, .inode = 123,
			   .access = CW_ACCESS_READ | CW_ACCESS_WRITE,
			   .bus = "platform:vivid-000", .card = "vivid" },
		.process = { .pid = 811, .tid = 811, .ppid = 640, .exe = "/usr/bin/ffmpeg",
			     .exe_sha256 = "abcd", .comm = "ffmpeg", .argv = argv_ffmpeg,
			     .uid = 1001, .euid = 1001, .user = "alice",
			     .unit = "session-1.scope",
			     .ancestors = { { 700, 1, "/bin/bash" },
					    { 640, 1, "/usr/sbin/sshd" },
					    { 1, 1, "/usr/lib/systemd/systemd" } },
			     .n_ancestors = 3 },
		.origin = { .type = CW_ORIGIN_REMOTE, .login_uid = 1001, .login_user = "alice",
			    .session = 1, .tty = "pts/0", .family = AF_INET,
			    .peer_port = 51512, .local_port = 22, .via = "/usr/sbin/sshd" },
		.verdict = { .decision = CW_DECISION_FLAG, .class = CW_CLASS_REMOTE,
			     .severity = CW_SEVERITY_HIGH, .rule = "no grant",
			     .why = "nearest grant 'support': peer 203.0.113.7 not in 10.0.0.0/8",
			     .technique = "T1125" },
	};
	inet_pton(AF_INET, "203.0.113.7", &e->origin.peer.v4);
}

static void assert_text(const struct cw_event *e, const struct cw_text_style *style,
			const char *expected)
{
	cw_auto_buf struct cw_buf b = { 0 };

	cw_text_event(&b, e, style);
	assert_int_equal(b.error, 0);
	assert_string_equal(b.data, expected);
}

static void assert_contains(const struct cw_event *e, const char *part)
{
	cw_auto_buf struct cw_buf b = { 0 };

	cw_text_event(&b, e, &plain);
	if (!strstr(b.data, part))
		fail_msg("%s is not in %s", part, b.data);
}

static void test_flag(void **state)
{
	struct cw_event e;

	(void)state;
	fill(&e);
	cw_event_add_uint(&e, "frames", 250);
	cw_event_add_double(&e, "seconds", 10);
	assert_text(&e, &plain,
		    "2026-11-24 04:35:59Z  FLAG   remote    high      open      "
		    "front-door (/dev/video0)      "
		    "alice from 203.0.113.7:51512 (ssh session 1, pts/0)  ffmpeg[811]\n"
		    "    why:   nearest grant 'support': peer 203.0.113.7 not in 10.0.0.0/8 "
		    "[no grant] [T1125]\n"
		    "    who:   alice (login uid 1001), session 1, pts/0, peer 203.0.113.7:51512, "
		    "local port 22 through /usr/sbin/sshd; runs as alice, unit session-1.scope\n"
		    "    what:  /dev/video0 \"vivid\" (platform:vivid-000), camera, read write, "
		    "result 0\n"
		    "    chain: systemd[1] > sshd[640] > bash[700] > ffmpeg[811]\n"
		    "    exe:   /usr/bin/ffmpeg, sha256 abcd\n"
		    "    cmd:   ffmpeg -f v4l2 'a b' 'it'\\''s' ''\n"
		    "    more:  event 42, probe lsm, frames 250, seconds 10.000\n");
}

/* sudo: the person stays in front, root is named. */
static void test_sudo(void **state)
{
	struct cw_event e;

	(void)state;
	fill(&e);
	e.process.uid = 0;
	e.process.euid = 0;
	e.process.user = "root";
	e.process.comm = "innocent";
	e.process.exe_deleted = true;
	assert_contains(&e, "alice as root from 203.0.113.7:51512 (ssh session 1, pts/0)");
	assert_contains(&e, "; runs as root, unit session-1.scope\n");
	assert_contains(&e, "/usr/bin/ffmpeg (deleted), sha256 abcd, calls itself innocent\n");
	e.process.code = CW_CODE_OWNER;
	e.process.code_path = "/tmp/\033x.so";
	assert_contains(&e, "innocent; it runs code of /tmp/\\x1bx.so, which is not root's\n");
	e.process.code = CW_CODE_NAMELESS;
	e.process.code_path = NULL;
	assert_contains(&e, "; it runs code of a file, which has no name\n");
	e.process.code = CW_CODE_WRITTEN;
	e.process.code_path = "/usr/bin/gdb";
	e.process.code_pid = 812;
	assert_contains(&e, "; /usr/bin/gdb[812] wrote to its memory\n");
	e.process.uid = 1001;
	e.process.user = "alice";
	assert_contains(&e, "alice as uid 0 from");
	assert_contains(&e, "; runs as alice, effectively uid 0,");
}

/* Whoever reads an export must not take a granted program for itself when it is not. */
static void test_code_in_exports(void **state)
{
	static void (*const sinks[])(struct cw_buf *, const struct cw_event *) = {
		cw_csv_event, cw_ecs_event, cw_ocsf_event,
	};
	struct cw_event e;

	(void)state;
	fill(&e);
	e.process.code = CW_CODE_WRITTEN;
	e.process.code_path = "/usr/bin/gdb";
	e.process.code_pid = 812;
	for (size_t i = 0; i < CW_ARRAY_SIZE(sinks); i++) {
		cw_auto_buf struct cw_buf b = { 0 };

		sinks[i](&b, &e);
		assert_non_null(strstr(b.data, "/usr/bin/gdb[812] wrote to its memory"));
	}
}

static void test_allow(void **state)
{
	struct cw_event e;

	(void)state;
	fill(&e);
	e.kind = CW_KIND_STREAM;
	e.origin = (struct cw_origin){ .type = CW_ORIGIN_SERVICE, .login_uid = CW_NO_UID,
				       .session = CW_NO_UID };
	e.process.unit = "motion.service";
	e.process.exe = "/usr/bin/motion";
	e.process.user = "motion";
	e.verdict = (struct cw_verdict){ .decision = CW_DECISION_ALLOW,
					 .grant = "motion records" };
	cw_event_add_string(&e, "phase", "stop");
	cw_event_add_double(&e, "seconds", 1.5);
	assert_text(&e, &plain,
		    "2026-11-24 04:35:59Z  allow  -         -         stream    "
		    "front-door (/dev/video0)      motion.service as motion                  "
		    "motion[811]  phase stop, seconds 1.500  grant \"motion records\"\n");
}

static void test_origins(void **state)
{
	struct cw_event e;

	(void)state;
	fill(&e);
	e.origin.login_uid = CW_NO_UID;
	e.origin.session = CW_NO_UID;
	e.origin.tty = NULL;
	e.origin.outbound = true;
	e.origin.via = "/usr/bin/nc";
	assert_contains(&e, "session-1.scope as alice over its connection to 203.0.113.7:51512 "
			    "(via nc)");
	assert_contains(&e, "who:   nobody logged in, remote origin, connected out to 203.0.113.7");
	e.origin.family = 0;
	assert_contains(&e, "session-1.scope as alice from unknown peer (via nc)");
	e.origin.via = NULL;
	e.process.container = "0123456789ab";
	e.origin.type = CW_ORIGIN_CONTAINER;
	assert_contains(&e, "container 0123456789ab as alice  ");
	e.process.container = NULL;
	e.process.unit = NULL;
	e.origin.type = CW_ORIGIN_KERNEL;
	assert_contains(&e, "the kernel  ");
	e.origin.type = CW_ORIGIN_UNKNOWN;
	e.process.user = NULL;
	e.process.uid = e.process.euid = CW_NO_UID;
	assert_contains(&e, "unknown origin as unknown user  ");
	e.origin.login_uid = 1001;
	e.origin.login_user = NULL;
	e.origin.seeded = true;
	e.origin.local_port = 0;
	assert_contains(&e, "who:   unknown (login uid 1001), no session; runs as unknown user; "
			    "was there before camwarden started");
}

/* No field is blank when nothing at all is known. */
static void test_unknown(void **state)
{
	struct cw_event e = { 0 };

	(void)state;
	assert_text(&e, &plain, "1970-01-01 00:00:00Z  -      -         -         open      "
				"unknown object                unknown process\n");
	e.verdict.decision = CW_DECISION_FLAG;
	e.asset.kind = CW_ASSET_RECORDINGS;
	e.process.pid = 5;
	e.origin.login_uid = CW_NO_UID;
	e.origin.session = CW_NO_UID;
	e.result = -EACCES;
	e.kind = CW_KIND_DENIED;
	assert_text(&e, &plain,
		    "1970-01-01 00:00:00Z  FLAG   none      none      denied    "
		    "unknown recordings (unknown)  unknown origin as uid 0                   "
		    "unknown[5]  refused: EACCES\n"
		    "    why:   unknown\n"
		    "    who:   nobody logged in, unknown origin; runs as uid 0\n"
		    "    what:  unknown, recordings, refused: EACCES\n"
		    "    chain: unknown[5]\n"
		    "    exe:   unknown, sha256 unknown\n"
		    "    cmd:   unknown\n"
		    "    more:  event 0, probe agent\n");
	e.result = -71;
	assert_contains(&e, "refused: errno 71");
}

static void assert_sentence(const struct cw_event *e, const char *sentence)
{
	char expected[512];

	snprintf(expected, sizeof(expected),
		 "1970-01-01 00:00:00Z  -      -         -         %-8s  %s\n",
		 cw_kind_name(e->kind), sentence);
	assert_text(e, &plain, expected);
}

static void test_sentences(void **state)
{
	struct cw_event gap = { .kind = CW_KIND_GAP }, cover = { .kind = CW_KIND_COVERAGE };
	struct cw_event canary = { .kind = CW_KIND_CANARY }, policy = { .kind = CW_KIND_POLICY };
	struct cw_event start = { .kind = CW_KIND_START, .hub = "hub-1" };
	struct cw_event stop = { .kind = CW_KIND_STOP }, tamper = { .kind = CW_KIND_TAMPER };

	(void)state;
	assert_sentence(&gap, "lost unknown events of class unknown between unknown and unknown");
	cw_event_add_uint(&gap, "lost", 12);
	cw_event_add_string(&gap, "class", "files");
	cw_event_add_time(&gap, "from", 1795494959123456789ULL);
	cw_event_add_time(&gap, "to", 1795494960123456789ULL);
	cw_event_add_uint(&gap, "cpu", 3);
	assert_sentence(&gap, "lost 12 events of class files between 2026-11-24 04:35:59Z and "
			      "2026-11-24 04:36:00Z; cpu 3");
	gap.n_detail = 0;
	cw_event_add_uint(&gap, "lost", 0);
	cw_event_add_string(&gap, "class", "folders");
	cw_event_add_time(&gap, "from", 1795494959123456789ULL);
	cw_event_add_uint(&gap, "folders", 2);
	assert_sentence(&gap, "2 folders cannot tell of renames, links and deletions, since "
			      "2026-11-24 04:35:59Z");
	cw_event_add_string(&cover, "capability", "open");
	cw_event_add_string(&cover, "rung", "lsm");
	assert_sentence(&cover, "open: seen by lsm");
	cw_event_add_string(&cover, "blind", "io_uring");
	assert_sentence(&cover, "open: seen by lsm; blind to: io_uring");
	cover.detail[1].s = "none";
	assert_sentence(&cover, "open: not seen; blind to: io_uring");
	cw_event_add_bool(&canary, "ok", true);
	assert_sentence(&canary, "an access of our own came through the whole path");
	canary.detail[0].u = 0;
	cw_event_add_string(&canary, "stage", "ring");
	assert_sentence(&canary, "an access of our own did NOT come through; stage ring");
	cw_event_add_bool(&policy, "ok", true);
	cw_event_add_string(&policy, "sha256", "abcd");
	assert_sentence(&policy, "policy in force; sha256 abcd");
	cw_event_add_string(&start, "version", "0.1.0");
	assert_sentence(&start, "camwarden 0.1.0 started on hub-1");
	assert_sentence(&stop, "camwarden unknown stopped on unknown");
	cw_event_add_string(&tamper, "what", "map");
	assert_sentence(&tamper, "camwarden itself was interfered with; what map");
}

/* A blind gap is flagged: the sentence, and why. */
static void test_flagged_sentence(void **state)
{
	struct cw_event e = { .kind = CW_KIND_GAP,
			      .verdict = { .decision = CW_DECISION_FLAG, .class = CW_CLASS_BLIND,
					   .severity = CW_SEVERITY_MEDIUM, .why = "not seen" } };

	(void)state;
	cw_event_add_uint(&e, "lost", 1);
	assert_text(&e, &plain,
		    "1970-01-01 00:00:00Z  FLAG   blind     medium    gap       "
		    "lost 1 events of class unknown between unknown and unknown\n"
		    "    why:   not seen\n"
		    "    more:  event 0, probe agent\n");
}

static void test_colors(void **state)
{
	static const struct cw_text_style color = { .color = true };
	cw_auto_buf struct cw_buf b = { 0 };
	struct cw_event e;

	(void)state;
	fill(&e);
	cw_text_event(&b, &e, &color);
	assert_non_null(strstr(b.data, "Z  \033[1;31mFLAG   remote    high    \033[0m  open"));
	cw_buf_reset(&b);
	e.verdict.severity = CW_SEVERITY_MEDIUM;
	cw_text_event(&b, &e, &color);
	assert_non_null(strstr(b.data, "Z  \033[33mFLAG   remote    medium  \033[0m  open"));
	cw_buf_reset(&b);
	e.verdict.severity = CW_SEVERITY_LOW;
	cw_text_event(&b, &e, &color);
	assert_null(strchr(b.data, '\033'));
	cw_buf_reset(&b);
	e.verdict.decision = CW_DECISION_ALLOW;
	cw_text_event(&b, &e, &color);
	assert_non_null(strstr(b.data, "Z  \033[2mallow"));
	assert_string_equal(b.data + b.len - 5, "\033[0m\n");
}

static void assert_safe(const char *in, const char *out)
{
	cw_auto_buf struct cw_buf b = { 0 };

	cw_text_safe(&b, in);
	assert_string_equal(b.data ? b.data : "", out);
}

static void test_safe(void **state)
{
	(void)state;
	assert_safe(NULL, "unknown");
	assert_safe("", "");
	assert_safe("plain caf\xc3\xa9 \xf0\x9f\x93\xb7", "plain caf\xc3\xa9 \xf0\x9f\x93\xb7");
	assert_safe("a\nb\rc\td\\x1b", "a\\nb\\rc\\td\\\\x1b");
	assert_safe("\x1b[2J\x07\x7f", "\\x1b[2J\\x07\\x7f");
	assert_safe("\xc2\x9b" "2J", "\\u009b2J");
	assert_safe("\xff\xc0\xaf\xe6\x97", "\\xff\\xc0\\xaf\\xe6\\x97");
	assert_safe("\xe2\x80\xae" "gpj.exe", "\\u202egpj.exe");
	assert_safe("\xe2\x81\xa6\xe2\x80\x8b\xef\xbb\xbf", "\\u2066\\u200b\\ufeff");
	assert_safe("\xf3\xa0\x81\x81", "\\U000e0041");
}

/* Everything that comes from outside, hostile: no control byte, and the same number of lines. */
static void test_hostile(void **state)
{
	static const char evil[] = "\x1b]0;x\x07\n    why:   fine\r\xc2\x9b\xe2\x80\xae\xff\"'";
	static const char *args[] = { evil, evil, NULL };
	cw_auto_buf struct cw_buf b = { 0 };
	struct cw_event e;
	uint32_t code;
	int lines = 0;

	(void)state;
	fill(&e);
	e.asset.name = e.asset.path = e.asset.node = e.asset.card = e.asset.bus = evil;
	e.process.exe = e.process.comm = e.process.user = e.process.unit = evil;
	e.process.container = e.process.exe_sha256 = evil;
	e.process.argv = args;
	e.process.ancestors[0].exe = evil;
	e.origin.login_user = e.origin.tty = e.origin.via = evil;
	e.verdict.why = e.verdict.rule = e.verdict.technique = e.verdict.grant = evil;
	cw_event_add_string(&e, "to", evil);
	cw_text_event(&b, &e, &plain);
	for (size_t i = 0, n; i < b.len; i += n) {
		n = cw_json_utf8(b.data + i, &code);
		assert_int_not_equal(n, 0);
		lines += code == '\n';
		assert_true(code == '\n' || (code >= 0x20 && code < 0x7f) || code > 0x9f);
		assert_int_not_equal(code, 0x202e);
	}
	assert_int_equal(lines, 8);
}

/* A name that imitates the fields around it is in quotes. */
static void test_imitation(void **state)
{
	struct cw_event e;

	(void)state;
	fill(&e);
	e.process.exe = "/tmp/motion[1]  allow";
	e.asset.path = "/dev/video0)  \"root";
	assert_contains(&e, "\"motion[1]  allow\"[811]");
	assert_contains(&e, "front-door (\"/dev/video0)  \\\"root\")");
}

static void test_width(void **state)
{
	static const struct cw_text_style narrow = { .width = 60 }, tiny = { .width = 1 };
	static char path[5000];
	cw_auto_buf struct cw_buf b = { 0 };
	struct cw_event e;
	char *line, *save = NULL;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	fill(&e);
	e.asset.path = path;
	cw_text_event(&b, &e, &narrow);
	assert_non_null(strstr(b.data, "xxx...  alice from 203.0.113.7:51512 (ssh session 1"));
	assert_non_null(strstr(b.data,
			       "\n    why:   nearest grant 'support': peer 203.0.113.7 not in\n"
			       "           10.0.0.0/8 [no grant] [T1125]\n"));
	strtok_r(b.data, "\n", &save);
	while ((line = strtok_r(NULL, "\n", &save)))
		assert_in_range(strlen(line), 12, 60);
	cw_buf_reset(&b);
	e.verdict.why = " ";
	e.process.exe = "          ";
	cw_text_event(&b, &e, &tiny);
	assert_int_equal(b.data[b.len - 1], '\n');
}

/* Columns count characters, not bytes. */
static void test_alignment(void **state)
{
	cw_auto_buf struct cw_buf one = { 0 }, two = { 0 };
	struct cw_event e;

	(void)state;
	fill(&e);
	e.asset.name = "kuche";
	cw_text_event(&one, &e, &plain);
	e.asset.name = "k\xc3\xbc" "che";
	cw_text_event(&two, &e, &plain);
	assert_int_equal(strstr(one.data, "alice") - one.data + 1,
			 strstr(two.data, "alice") - two.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flag),	  cmocka_unit_test(test_sudo),
		cmocka_unit_test(test_allow),	  cmocka_unit_test(test_origins),
		cmocka_unit_test(test_unknown),	  cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_flagged_sentence), cmocka_unit_test(test_colors),
		cmocka_unit_test(test_safe),	  cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_imitation), cmocka_unit_test(test_width),
		cmocka_unit_test(test_alignment), cmocka_unit_test(test_code_in_exports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
