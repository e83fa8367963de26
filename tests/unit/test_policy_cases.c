// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: the built-in policy grants what is installed and is itself valid; expectation
 * cases pass, fail and are refused where they should; the command's exit status tells which.
 */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cmd.h"
#include "policy/policy.h"

static char root[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(root, "/tmp/cw-policy-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* `path` below the root, and the folders above it. */
static const char *below(const char *path)
{
	static char full[256];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *s = full + strlen(root) + 1; (s = strchr(s, '/')); s++) {
		*s = '\0';
		mkdir(full, 0755);
		*s = '/';
	}
	return full;
}

static void put(const char *path, const char *text)
{
	int fd = open(below(path), O_WRONLY | O_CREAT | O_TRUNC, 0755);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void link_to(const char *path, const char *target)
{
	assert_int_equal(symlink(target, below(path)), 0);
}

static void check_default(const char *expected)
{
	cw_auto_buf struct cw_buf yaml = { 0 }, errors = { 0 };
	cw_auto_policy struct cw_policy *p = NULL;

	assert_int_equal(cw_policy_default(root, &yaml), 0);
	assert_int_equal(yaml.data[0], '#');
	assert_string_equal(strstr(yaml.data, "version:"), expected);
	if (cw_policy_parse("default", yaml.data, yaml.len, &errors, &p))
		fail_msg("%s", errors.data);
}

#define DEVICES                                \
	"version: 1\nassets:\n"                \
	"  cameras: {kind: camera}\n"           \
	"  microphones: {kind: microphone}\n" \
	"  disks: {kind: disk}\n"

static void default_of_an_empty_machine(void **state)
{
	(void)state;
	check_default(DEVICES "grants: []\n");
	/* Recordings without a recorder, a recorder without a unit, a unit that is masked. */
	put("var/lib/motioneye/x", "");
	put("usr/bin/ustreamer", "");
	put("usr/local/bin/go2rtc", "");
	link_to("etc/systemd/system/go2rtc.service", "/dev/null");
	check_default(DEVICES "  # go2rtc is installed, but not as a unit of systemd: no grant\n"
			      "  # uStreamer is installed, but not as a unit of systemd: no grant\n"
			      "grants: []\n");
}

static void default_of_recorders(void **state)
{
	(void)state;
	put("usr/bin/motion", "");
	put("lib/systemd/system/motion.service", "");
	put("var/lib/motion/x", "");
	put("usr/local/bin/meyectl", "");
	put("usr/bin/python3.11", "");
	link_to("usr/bin/python3", "python3.11");
	put("etc/systemd/system/motioneye.service", "");
	put("usr/bin/zmc", "");
	put("usr/bin/perl", "");
	put("usr/lib/systemd/system/zoneminder.service", "");
	put("var/cache/zoneminder/events/x", "");
	link_to("var/lib/zoneminder/events", "../../cache/zoneminder/./events");
	put("usr/local/bin/mjpg_streamer", "");
	put("usr/lib/systemd/system/mjpg_streamer@.service", "");
	put("usr/lib/udev/v4l_id", "");
	put("usr/lib/systemd/system/systemd-udevd.service", "");
	check_default(DEVICES
		      "  motion recordings: {kind: recordings, path: /var/lib/motion}\n"
		      "  ZoneMinder recordings: {kind: recordings, path:"
		      " /var/cache/zoneminder/events}\n"
		      "grants:\n"
		      "  - name: motion\n"
		      "    allow: [open, stream, write, delete]\n"
		      "    on: [cameras, motion recordings]\n"
		      "    to: {exe: [/usr/bin/motion], unit: [motion.service]}\n"
		      "  - name: motionEye\n"
		      "    allow: [open, stream, write, delete]\n"
		      "    on: [cameras]\n"
		      "    to: {exe: [/usr/bin/python3.11, /usr/bin/motion], unit:"
		      " [motioneye.service]}\n"
		      "  - name: ZoneMinder\n"
		      "    allow: [open, stream, write, delete]\n"
		      "    on: [cameras, ZoneMinder recordings]\n"
		      "    to: {exe: [/usr/bin/zmc, /usr/bin/perl], unit: [zoneminder.service]}\n"
		      "  - name: mjpg-streamer\n"
		      "    allow: [open, stream, write, delete]\n"
		      "    on: [cameras]\n"
		      "    to: {exe: [/usr/local/bin/mjpg_streamer], unit:"
		      " [\"mjpg_streamer@*.service\"]}\n"
		      "  - name: udev\n"
		      "    allow: [open]\n"
		      "    on: [cameras]\n"
		      "    to: {exe: [/usr/lib/udev/v4l_id], unit: [systemd-udevd.service]}\n");
}

static void default_survives_odd_links(void **state)
{
	(void)state;
	link_to("usr/bin/motion", "motion");
	link_to("usr/local/bin/motion", "../../../../../../../../usr/bin/gone");
	put("usr/bin/mediamtx: {}\n", "");
	link_to("usr/local/bin/mediamtx", "/usr/bin/mediamtx: {}\n");
	put("usr/lib/systemd/system/mediamtx.service", "");
	check_default(DEVICES "  # MediaMTX is installed, but not as a unit of systemd: no grant\n"
			      "grants: []\n");
}

static const char policy[] =
	"version: 1\n"
	"assets:\n"
	"  door: {kind: camera, device: /dev/video0}\n"
	"  footage: {kind: recordings, path: /v}\n"
	"grants:\n"
	"- {name: motion, allow: [open, stream], on: door, to: {exe: /usr/bin/motion}}\n"
	"- {name: alice, allow: open, on: footage, to: {login: alice, peer: 10.0.0.0/8},"
	" limit: {files: 1/day, minutes: 10/day}}\n";

static int run_cases(const char *cases, const char *expected, unsigned int n_passed,
		     unsigned int n_failed)
{
	cw_auto_buf struct cw_buf out = { 0 }, errors = { 0 };
	cw_auto_policy struct cw_policy *p = NULL;
	unsigned int passed = 77, failed = 77;
	char file[128];
	int r;

	put("cases", cases);
	snprintf(file, sizeof(file), "%s/cases", root);
	assert_int_equal(cw_policy_parse("p", policy, strlen(policy), &errors, &p), 0);
	r = cw_policy_run_cases(p, file, &out, &passed, &failed);
	/* Without the folder's name, which no test knows. */
	for (char *s = out.data; s && (s = strstr(s, root));)
		memmove(s, s + strlen(root), strlen(s + strlen(root)) + 1);
	assert_string_equal(out.data ? out.data : "", expected);
	assert_int_equal(passed, n_passed);
	assert_int_equal(failed, n_failed);
	return r;
}

static const char good_cases[] =
	"- name: motion records\n"
	"  event:\n"
	"    kind: open\n"
	"    time: 2026-11-24T04:35:59Z\n"
	"    asset: {name: door, access: [read, write]}\n"
	"    process: {exe: /usr/bin/motion, uid: 112, user: motion, unit: motion.service}\n"
	"  expect: allow\n"
	"  grant: motion\n"
	"- name: a replaced motion\n"
	"  event: {asset: {kind: camera, node: /dev/video0}, process: {exe: /usr/bin/motion,"
	" exe-deleted: true}}\n"
	"  expect: flag\n"
	"  class: service\n"
	"- name: a motion with a library of somebody's\n"
	"  event: {asset: {name: door}, process: {exe: /usr/bin/motion, unit: motion.service,"
	" code: /tmp/x.so}}\n"
	"  expect: flag\n"
	"- name: a motion that a debugger wrote to\n"
	"  event: {asset: {name: door}, process: {exe: /usr/bin/motion, unit: motion.service,"
	" code: written}}\n"
	"  expect: flag\n";

static void runs_cases(void **state)
{
	static const char alice[] =
		"- name: one\n"
		"  event: {asset: {kind: recordings, path: /v/a, inode: 5, dev: '8:1'}, origin:"
		" {type: remote, login: alice, peer: '10.1.2.3:22'}, process: {ancestors:"
		" [/bin/bash, /bin/bash], pid: 7}}\n"
		"  expect: allow\n"
		"- name: two\n"
		"  event: {asset: {kind: recordings, root: /v, inode: 6, dev: '8:1'}, origin:"
		" {login: alice, peer: '::ffff:10.1.2.3', login-uid: 1001}}\n"
		"  expect: allow\n"
		"- name: three\n"
		"  event: {asset: {kind: recordings, root: /v, inode: 7, dev: '8:1'}, origin:"
		" {login: alice, peer: '[::ffff:10.1.2.3]:22', login-uid: 1001}}\n"
		"  expect: flag\n"
		"  class: limit\n"
		"- name: closed\n"
		"  event: {kind: close, time: '2000-01-03T13:00:00Z', asset: {kind: recordings,"
		" root: /v, inode: 9}, origin: {login: 1001, login-uid: 1001}, detail:"
		" {seconds: 600.5, bytes: 3}}\n"
		"  expect: none\n"
		"- name: gap\n"
		"  event: {kind: gap, detail: {lost: 5, class: devices}}\n"
		"  expect: flag\n"
		"  class: blind\n";

	(void)state;
	assert_int_equal(run_cases(good_cases, "", 4, 0), 0);
	assert_int_equal(run_cases(alice, "", 5, 0), 0);
	assert_int_equal(run_cases("cases:\n- name: x\n  event: {kind: open, asset: {name: door},"
				   " process: {exe: /bin/x}}\n  expect: allow\n  grant: motion\n"
				   "- name: y\n  event: {kind: unlink, asset: {name: footage}}\n"
				   "  expect: flag\n  class: remote\n"
				   "- name: z\n  event: {kind: start}\n  expect: none\n",
				   "/cases:2: case 'x': expected allow by grant 'motion'; came flag"
				   " of class service, severity high: no grant: nearest grant"
				   " 'motion': executable /bin/x is not /usr/bin/motion\n"
				   "/cases:6: case 'y': expected flag of class remote; came flag of"
				   " class service, severity medium: no grant: nearest grant"
				   " 'alice': it does not allow delete\n",
				   1, 2),
			 1);
}

static void refuses_cases(void **state)
{
	static const struct {
		const char *text, *fault;
	} faults[] = {
		{ "", "1:1: there are no cases; expected a list of cases" },
		{ "[]", "1:1: there are no cases; expected a list of cases, each beginning with"
			" '- name:'" },
		{ "a: b", "1:1: there are no cases; expected a list of cases, each beginning with"
			  " '- name:'" },
		{ "- &x {}", "1:3: an anchor (&); expected a value without one" },
		{ "- {name: x, event: {}}", "1:3: a case lacks 'expect'; expected allow, flag or"
					    " none" },
		{ "- {name: x, event: {}, expect: flags}",
		  "1:32: expect 'flags' is not known; expected allow, flag or none" },
		{ "- {name: x, event: {}, expect: allow, class: remote}",
		  "1:3: 'class' is of a flag; expected 'expect: flag'" },
		{ "- {name: x, event: {}, expect: flag, grant: motion}",
		  "1:3: 'grant' is of an allow; expected 'expect: allow'" },
		{ "- {name: x, event: {}, expect: allow, grant: nobody}",
		  "1:46: grant 'nobody' is not known; expected a grant of the policy" },
		{ "- {name: x, event: {asset: {name: dor}}, expect: flag}",
		  "1:35: name 'dor' is not known; expected an asset of the policy" },
		{ "- {name: x, event: {asset: {node: /dev/a}}, expect: flag}",
		  "1:28: 'asset' is of no kind; expected 'kind', or the 'name' of an asset of the"
		  " policy" },
		{ "- {name: x, event: {kind: opn}, expect: flag}",
		  "1:27: kind 'opn' is not known; expected a kind of event such as open, stream,"
		  " close or unlink" },
		{ "- {name: x, event: {time: noon}, expect: flag}",
		  "1:27: time 'noon' is not known; expected ISO 8601 with Z or an offset, such as"
		  " 2026-12-01T09:00:00Z" },
		{ "- {name: x, event: {result: 5}, expect: flag}",
		  "1:29: result '5' is not known; expected 0, or the negative number of an error"
		  " such as -13" },
		{ "- {name: x, event: {origin: {peer: '1.2.3.4:99999'}}, expect: flag}",
		  "1:36: peer '1.2.3.4:99999' is not known; expected an address such as"
		  " 203.0.113.7 or \"[2001:db8::1]:51512\"" },
		{ "- {name: x, event: {detail: {seconds: 1e9}}, expect: flag}",
		  "1:39: seconds '1e9' is not known; expected seconds such as 12.5" },
		{ "- {name: x, event: {detail: {ok: yes}}, expect: flag}",
		  "1:34: ok 'yes' is not known; expected true or false" },
	};

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_SIZE(faults); i++) {
		cw_auto_buf struct cw_buf expected = { 0 };

		cw_buf_printf(&expected, "/cases:%s\n", faults[i].fault);
		assert_int_equal(run_cases(faults[i].text, expected.data, 77, 77), -EINVAL);
	}
}

/* Runs the command with both outputs thrown away, but kept for errors of the test itself. */
static int check(const char *const *args)
{
	char *argv[8] = { (char *)"check" };
	int argc = 1, out, r;

	while (args[argc - 1]) {
		argv[argc] = (char *)args[argc - 1];
		argc++;
	}
	fflush(NULL);
	out = dup(STDOUT_FILENO);
	r = dup(STDERR_FILENO);
	assert_non_null(freopen("/dev/null", "w", stdout));
	assert_non_null(freopen("/dev/null", "w", stderr));
	argc = cw_cmd_check(argc, argv);
	fflush(NULL);
	dup2(out, STDOUT_FILENO);
	dup2(r, STDERR_FILENO);
	close(out);
	close(r);
	return argc;
}

#define CHECK(...) check((const char *const[]){ __VA_ARGS__, NULL })

static void command_tells_by_its_status(void **state)
{
	char p[128], bad[128], cases[128];

	(void)state;
	put("p", policy);
	put("bad", "version: 2\n");
	put("cases", "- {name: x, event: {kind: open, asset: {name: door}}, expect: allow}\n");
	snprintf(p, sizeof(p), "%s/p", root);
	snprintf(bad, sizeof(bad), "%s/bad", root);
	snprintf(cases, sizeof(cases), "%s/cases", root);
	assert_int_equal(CHECK(p), 0);
	assert_int_equal(CHECK("--help"), 0);
	assert_int_equal(CHECK("--print-default"), 0);
	assert_int_equal(CHECK(p, "--cases", cases), 1);
	assert_int_equal(CHECK("--cases", cases, p), 1);
	put("cases", "- {name: x, event: {kind: open, asset: {name: door}}, expect: flag}\n");
	assert_int_equal(CHECK(p, "--cases", cases), 0);
	assert_int_equal(CHECK(bad), 2);
	assert_int_equal(CHECK(p, "--cases", bad), 2);
	assert_int_equal(CHECK("--nonsense"), 2);
	assert_int_equal(CHECK(p, "--cases"), 2);
	assert_int_equal(CHECK(p, p), 2);
	assert_int_equal(CHECK("--print-default", p), 2);
	assert_int_equal(check((const char *const[]){ NULL }), 2);
	assert_int_equal(CHECK("/nonexistent"), 3);
	assert_int_equal(CHECK(root), 3);
	assert_int_equal(CHECK(p, "--cases", "/nonexistent"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(default_of_an_empty_machine, set_up, tear_down),
		cmocka_unit_test_setup_teardown(default_of_recorders, set_up, tear_down),
		cmocka_unit_test_setup_teardown(default_survives_odd_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(runs_cases, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_cases, set_up, tear_down),
		cmocka_unit_test_setup_teardown(command_tells_by_its_status, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
