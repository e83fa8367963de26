// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: a policy is taken whole or refused with every fault at its place, and no text,
 * however hostile, is taken for something else than it says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "policy/policy.h"

#define ASSETS                                                    \
	"version: 1\n"                                            \
	"assets:\n"                                               \
	"  door: {kind: camera, device: /dev/video0}\n"           \
	"  mics: {kind: microphone}\n"                            \
	"  footage: {kind: recordings, path: /var/lib/motion}\n"
#define GRANT ASSETS "grants:\n- {name: g, allow: open, on: door, to: anyone, "
#define TO ASSETS "grants:\n- name: g\n  allow: open\n  on: door\n  to: {"
#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* What is wrong with `text`, as one text of lines; "" if nothing is. */
static void check_text(const char *text, size_t len, const char *expected)
{
	cw_auto_policy struct cw_policy *p = NULL;
	cw_auto_buf struct cw_buf errors = { 0 };
	/* Exactly as long as it is, so that a byte read beyond it is found. */
	cw_auto_free char *copy = malloc(len ? len : 1);
	int r;

	memcpy(copy, text, len);
	r = cw_policy_parse("p", copy, len, &errors, &p);
	assert_string_equal(errors.data ? errors.data : "", expected);
	assert_int_equal(r, expected[0] ? -EINVAL : 0);
	assert_true(!p == !!expected[0]);
}

static void check_fault(const char *text, const char *expected)
{
	check_text(text, strlen(text), expected);
}

static void valid(const char *text)
{
	check_fault(text, "");
}

static void takes_the_whole_language(void **state)
{
	cw_auto_policy struct cw_policy *p = NULL;
	cw_auto_buf struct cw_buf errors = { 0 };
	static const char text[] = "version: 1\n"
				   "timezone: \"-05:30\"\n"
				   "assets:\n"
				   "  front-door: {kind: camera, device: /dev/video0}\n"
				   "  garage: {kind: camera, card: 'C9* (?)', bus: usb-*}\n"
				   "  desk: {kind: camera, by-id: usb-046d-video-index0}\n"
				   "  mics: {kind: microphone}\n"
				   "  footage: {kind: recordings, path: /var/lib/motion/}\n"
				   "  frames: {kind: shm, path: /dev/shm/sink}\n"
				   "  sda: {kind: disk, device: /dev/sda1}\n"
				   "grants:\n"
				   "  - name: all\n"
				   "    allow: [open, stream, write, delete]\n"
				   "    on: [cameras, microphones, recordings, shm, disks]\n"
				   "    to:\n"
				   "      exe: [/usr/bin/motion, /opt/*/bin/m?tion]\n"
				   "      sha256: " HEX "\n"
				   "      user: [motion, 112]\n"
				   "      unit: motion@*.service\n"
				   "      container: [" HEX ", web]\n"
				   "      login: alice\n"
				   "      origin: [login, remote]\n"
				   "      peer: [10.0.0.0/8, 'fe80::/10', 192.0.2.1]\n"
				   "      parent: /bin/bash\n"
				   "      ancestor: /usr/sbin/sshd\n"
				   "    from: 2026-01-01\n"
				   "    until: 2026-12-01T00:00:00.5+01:00\n"
				   "    hours: 22:00-06:00\n"
				   "    days: [fri, sat]\n"
				   "    limit: {files: 20/day, cameras: 2/week, minutes: 60/hour}\n"
				   "    reason: TICKET-42\n";
	const struct cw_policy_grant *g;
	size_t len = 0;

	(void)state;
	assert_int_equal(cw_policy_parse("p", text, strlen(text), &errors, &p), 0);
	assert_int_equal(errors.len, 0);
	assert_int_equal(cw_policy_n_assets(p), 7);
	assert_int_equal(cw_policy_n_grants(p), 1);
	assert_string_equal(cw_policy_asset(p, 4)->path, "/var/lib/motion");
	assert_string_equal(cw_policy_asset(p, 1)->card, "C9* (?)");
	assert_int_equal(cw_policy_asset(p, 5)->kind, CW_ASSET_SHM);
	assert_null(cw_policy_asset(p, 7));
	g = cw_policy_grant(p, 0);
	assert_string_equal(g->name, "all");
	assert_string_equal(g->reason, "TICKET-42");
	/* A date begins where the policy's clocks show midnight. */
	assert_int_equal(g->from_ns, (1767225600 + 19800) * CW_NSEC_PER_SEC);
	assert_int_equal(g->until_ns, (1796079600ULL) * CW_NSEC_PER_SEC + 500000000);
	assert_null(cw_policy_grant(p, 1));
	assert_string_equal(cw_policy_text(p, &len), text);
	assert_int_equal(len, strlen(text));
	assert_int_equal(strlen(cw_policy_sha256(p)), 64);
	assert_string_equal(cw_policy_name(p), "p");
}

static void takes_the_least(void **state)
{
	(void)state;
	valid("version: 1\nassets: {cameras: {kind: camera}}");
	valid("version: 1\nassets: {cameras: {kind: camera}}\ngrants: []\n");
	valid("---\nversion: \"1\"\nassets: {a: {kind: camera}}\n...\n");
	valid("version: 1\r\nassets:\r\n  a: {kind: disk}\r\n");
	/* Called like its kind, and there is no other. */
	valid("version: 1\nassets: {recordings: {kind: recordings, path: /srv}}\n");
	valid("version: 1\nassets: {cameras: {kind: camera}, a: {kind: camera, card: x}}\n");
	/* Order of keys is free, also where one needs the other. */
	valid("grants: [{to: anyone, on: a, until: 2030-01-01, allow: open, name: g}]\n"
	      "assets: {a: {path: /srv, kind: recordings}}\ntimezone: Z\nversion: 1\n");
	valid("version: 1\nassets: {\"\xc3\xa4 b\": {kind: camera}}\n");
}

static void refuses_what_is_no_policy(void **state)
{
	(void)state;
#define EMPTY "p:1:1: the policy is empty; expected at least 'version: 1' and 'assets: {cameras:" \
	      " {kind: camera}}'\n"
	check_fault("", EMPTY);
	check_fault("# only a comment\n", EMPTY);
	check_fault("---\n", EMPTY);
	check_fault("~", EMPTY);
	check_fault("{}", "p:1:1: the policy lacks 'version'; expected 'version: 1'\n"
			  "p:1:1: the policy lacks 'assets'; expected a map such as 'cameras:"
			  " {kind: camera}'\n");
	check_fault("[]", "p:1:1: the policy is not a map; expected 'key: value' pairs\n");
	check_fault("text", "p:1:1: the policy is not a map; expected 'key: value' pairs\n");
	check_fault("version: 1\nassets: {a: {kind: camera}}\n---\nversion: 1\n",
		    "p:3:1: a second document starts here; expected one document\n");
	check_fault("version: 1\nassets:\n",
		    "p:2:8: 'assets' is empty; expected a map such as 'cameras: {kind: camera}'\n");
	check_fault("version: 1\nassets: []\n",
		    "p:2:9: 'assets' is a list; expected a map such as 'cameras: {kind:"
		    " camera}'\n");
	check_fault(ASSETS "grants:\n",
		    "p:6:8: 'grants' is empty; expected a list of grants, each beginning with"
		    " '- name:' ([] grants nothing to anybody)\n");
	check_fault(ASSETS "grants: {a: b}\n",
		    "p:6:9: 'grants' is a map; expected a list of grants, each beginning with"
		    " '- name:' ([] grants nothing to anybody)\n");
	check_fault("version: 2\nassets: {a: {kind: camera}}\n",
		    "p:1:10: version '2' is not known; expected 1\n");
	check_fault("version: 1.0\nassets: {a: {kind: camera}}\n",
		    "p:1:10: version '1.0' is not known; expected 1\n");
}

static void refuses_bytes(void **state)
{
	static const char nul[] = "version: 1\nassets: \0{a: {kind: camera}}\n";
	char *big = calloc(1, (1 << 20) + 2);

	(void)state;
	check_text(nul, sizeof(nul) - 1, "p:2:9: NUL byte 0x00; expected text\n");
	check_fault("\xef\xbb\xbfversion: 1\n", "p:1:1: the file starts with a byte order mark;"
						" expected UTF-8 without one\n");
	check_fault("a: \xff\n", "p:1:4: not UTF-8: byte 0xff; expected UTF-8 text\n");
	check_fault("\xc3\xa4: \xc0\x80\n", "p:1:4: not UTF-8: byte 0xc0; expected UTF-8 text\n");
	check_fault("a\xed\xa0\x80", "p:1:2: not UTF-8: byte 0xed; expected UTF-8 text\n");
	check_fault("a\xe2\x82", "p:1:2: not UTF-8: byte 0xe2; expected UTF-8 text\n");
	check_fault("a\xf4\x90\x80\x80", "p:1:2: not UTF-8: byte 0xf4; expected UTF-8 text\n");
	check_fault("a\n\x1b[31m\n", "p:2:1: control character 0x1b; expected text\n");
	check_fault("a: \"\\0\"\n", "p:1:4: a value holds a NUL byte; expected text\n");
	check_fault("a:\n\tb: 1\n",
		    "p:2:1: not valid YAML: a character that cannot start a value, often a tab;"
		    " expected spaces for indentation, or quotes\n");
	memset(big, '#', (1 << 20) + 1);
	check_text(big, (1 << 20) + 1,
		   "p: the policy is larger than 1 MiB; expected at most that\n");
	check_text(big, 1 << 20, EMPTY);
	free(big);
}

static void refuses_clever_yaml(void **state)
{
	(void)state;
	check_fault("version: &v 1\nassets: {a: {kind: camera}}\n",
		    "p:1:10: an anchor (&); expected a value without one\n");
	check_fault("a: *v\n", "p:1:4: an alias (*); expected the value itself\n");
	check_fault("version: !!int 1\n", "p:1:10: a tag (!); expected a value without one\n");
	check_fault("version: ! 1\n", "p:1:10: a tag (!); expected a value without one\n");
	check_fault("[[[[[[[[[[[[[[[[", "p:1:13: nested too deep; expected at most 12 levels\n");
	check_fault("{a: 1", "p:2:1: not valid YAML: did not find expected ',' or '}' while parsing"
			     " a flow mapping from line 1 on; expected YAML\n");
	check_fault("? [a]\n: b\nversion: 1\nassets: {a: {kind: camera}}\n",
		    "p:1:3: a key of the policy is not a word; expected one\n");
	check_fault("? [a]\n: b\n<<: c\nversion: 1\nassets: {a: {kind: camera}}\n",
		    "p:1:3: a key of the policy is not a word; expected one\n"
		    "p:3:1: unknown key '<<' of the policy; expected version, timezone, assets or"
		    " grants\n");
}

static void bounds_the_number_of_values(void **state)
{
	cw_auto_buf struct cw_buf b = { 0 };

	(void)state;
	cw_buf_puts(&b, "- 0\n");
	for (int i = 0; i < 1024; i++)
		cw_buf_puts(&b, "- 1\n");
	check_text(b.data, b.len, "p:1025:3: too many entries; expected at most 1024\n");
	cw_buf_reset(&b);
	for (int i = 0; i < 66; i++) {
		cw_buf_puts(&b, "- [");
		for (int j = 0; j < 1000; j++)
			cw_buf_puts(&b, "1,");
		cw_buf_puts(&b, "1]\n");
	}
	check_text(b.data, b.len, "p:66:812: too many values; expected at most 65536\n");
	cw_buf_reset(&b);
	cw_buf_puts(&b, "a: '");
	for (int i = 0; i < 4097; i++)
		cw_buf_putc(&b, 'x');
	cw_buf_puts(&b, "'\n");
	check_text(b.data, b.len, "p:1:4: a value is too long; expected at most 4096 bytes\n");
}

static void finds_all_faults_in_their_order(void **state)
{
	(void)state;
	check_fault("grants:\n"
		    "- {name: a, allow: opne, on: dor, to: {exe: motion}}\n"
		    "- {name: a, allow: open, on: door, to: {}, nmae: x}\n"
		    "- oops\n"
		    "asets: 1\n"
		    "assets: {door: {kind: camra}}\n"
		    "version: 1\n"
		    "version: 1\n",
		    "p:2:20: verb 'opne' is not known; expected open\n"
		    "p:2:30: unknown asset 'dor'; did you mean 'door'? Expected a name under"
		    " 'assets', or cameras, microphones, recordings, shm or disks\n"
		    "p:2:45: exe 'motion' is not absolute; expected an absolute path such as"
		    " /usr/bin/motion\n"
		    "p:3:10: grant 'a' is given twice, first in line 2; expected a name of its"
		    " own\n"
		    "p:3:40: 'to' is empty; expected conditions such as {exe: /usr/bin/motion}, or"
		    " 'anyone' for a grant to everybody\n"
		    "p:3:44: unknown key 'nmae' of a grant; did you mean 'name'? Expected name,"
		    " allow, on, to, from, until, hours, days, limit or reason\n"
		    "p:4:3: a grant is not a map; expected 'key: value' pairs\n"
		    "p:5:1: unknown key 'asets' of the policy; did you mean 'assets'? Expected"
		    " version, timezone, assets or grants\n"
		    "p:6:23: unknown kind 'camra'; did you mean 'camera'? Expected camera,"
		    " microphone, recordings, shm or disk\n"
		    "p:8:1: key 'version' is given twice, first in line 7; expected once\n");
}

static void refuses_bad_assets(void **state)
{
	static const struct {
		const char *asset, *fault;
	} cases[] = {
		{ "a: {}", "4: asset 'a' lacks 'kind'; expected camera, microphone, recordings, shm"
			   " or disk" },
		{ "a: x", "4: asset 'a' is not a map; expected 'key: value' pairs" },
		{ "a: {kind: self}", "11: unknown kind 'self'; expected camera, microphone,"
				     " recordings, shm or disk" },
		{ "a: {kind: none}", "11: unknown kind 'none'; expected camera, microphone,"
				     " recordings, shm or disk" },
		{ "a: {kind: recordings}",
		  "4: asset 'a' lacks 'path'; expected an absolute folder" },
		{ "a: {kind: recordings, path: srv}",
		  "29: path 'srv' is not absolute; expected an absolute folder such as"
		  " /var/lib/motion" },
		{ "a: {kind: recordings, path: /a/../b//c/.}",
		  "29: path is not in its simplest form; expected '/b/c'" },
		{ "a: {kind: recordings, path: //}",
		  "29: path '//' is the root of everything; expected an absolute folder such as"
		  " /var/lib/motion" },
		{ "a: {kind: recordings, path: /}",
		  "29: path '/' is the root of everything; expected an absolute folder such as"
		  " /var/lib/motion" },
		{ "a: {kind: recordings, path: /srv/*}",
		  "29: path '/srv/*' is a pattern; expected an absolute folder such as"
		  " /var/lib/motion" },
		{ "a: {kind: shm, path: /x, card: y}",
		  "26: 'card' does not describe shm; expected 'path'" },
		{ "a: {kind: camera, path: /x}", "19: 'path' does not describe camera; expected"
						 " 'device', 'card', 'bus' or 'by-id'" },
		{ "a: {kind: disk, bus: x}",
		  "17: 'bus' does not describe disk; expected 'device'" },
		{ "a: {kind: camera, device: /dev/video*}",
		  "27: device '/dev/video*' is a pattern; expected one device ('card' and 'bus'"
		  " take patterns)" },
		{ "a: {kind: camera, device: /dev/video0/}",
		  "27: device is not in its simplest form; expected '/dev/video0'" },
		{ "a: {kind: camera, device: }", "27: device is empty; expected an absolute path"
						 " such as /dev/video0" },
		{ "a: {kind: camera, device: [/dev/video0]}",
		  "27: device is a list; expected an absolute path such as /dev/video0" },
		{ "a: {kind: camera, by-id: v4l/by-id/x}",
		  "26: by-id 'v4l/by-id/x' is neither a name nor absolute; expected a name below"
		  " /dev/v4l/by-id or /dev/snd/by-id, or its whole path" },
		{ "a: {kind: camera, by_id: x}",
		  "19: unknown key 'by_id' of asset 'a'; did you mean 'by-id'? Expected kind,"
		  " device, card, bus, by-id or path" },
		{ "a: {kind: camera, card: \"x\\ty\"}",
		  "25: card holds a control character; expected a card's name; * and ? are"
		  " wildcards" },
		{ "recordings: {kind: camera}",
		  "1: in a grant the word 'recordings' means every recordings; expected another"
		  " name for this asset" },
		{ "'': {kind: camera}", "1: asset name is empty; expected a name" },
	};

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		cw_auto_buf struct cw_buf text = { 0 }, fault = { 0 };

		cw_buf_printf(&text, "version: 1\nassets:\n  %s\n", cases[i].asset);
		cw_buf_printf(&fault, "p:3:%d%s\n", atoi(cases[i].fault) + 2,
			      strchr(cases[i].fault, ':'));
		check_text(text.data, text.len, fault.data);
	}
}

static void refuses_assets_that_meet(void **state)
{
	(void)state;
	check_fault("version: 1\nassets:\n  a: {kind: camera}\n  a: {kind: microphone}\n",
		    "p:4:3: asset 'a' is given twice, first in line 3; expected a name of its"
		    " own\n");
	check_fault("version: 1\nassets:\n  a: {kind: recordings, path: /x}\n"
		    "  b: {path: /x/, kind: recordings}\n",
		    "p:4:3: asset 'b' describes the same as 'a' in line 3; expected one of them\n");
	check_fault("version: 1\nassets:\n  recordings: {kind: recordings, path: /x}\n"
		    "  b: {path: /y, kind: recordings}\n",
		    "p:3:3: in a grant the word 'recordings' means every recordings; expected"
		    " another name for this asset\n");
}

static void check_rest(const char *head, const char *rest, const char *fault)
{
	cw_auto_buf struct cw_buf text = { 0 }, expected = { 0 };

	cw_buf_printf(&text, "%s%s}\n", head, rest);
	cw_buf_printf(&expected, "p:%s\n", fault);
	check_text(text.data, text.len, fault[0] ? expected.data : "");
}

static void refuses_bad_conditions(void **state)
{
	static const struct {
		const char *to, *fault;
	} cases[] = {
		{ "exe: /bin/a", "" },
		{ "exe: bin/a", "12: exe 'bin/a' is not absolute; expected an absolute path such as"
				" /usr/bin/motion" },
		{ "exe: /bin/../a", "12: exe is not in its simplest form; expected '/a'" },
		{ "exe: '/bin/[ab]*'", "12: exe '/bin/[ab]*' has wildcards that are not known;"
				       " expected no wildcards but * and ?" },
		{ "exe: []", "12: exe is an empty list; expected an absolute path such as"
			     " /usr/bin/motion" },
		{ "exe: [/a, /a]", "17: '/a' is given twice in exe; expected once" },
		{ "exe: {a: b}", "12: exe is a map; expected an absolute path such as"
				 " /usr/bin/motion" },
		{ "exe: null", "12: exe is empty; expected an absolute path such as"
			       " /usr/bin/motion" },
		{ "sha256: " HEX, "" },
		{ "sha256: " HEX "0", "15: sha256 '" HEX "0' is no SHA-256; expected 64 hexadecimal"
				      " digits" },
		{ "sha256: xyz", "15: sha256 'xyz' is no SHA-256; expected 64 hexadecimal digits" },
		{ "user: 0", "" },
		{ "user: 4294967294", "" },
		{ "user: 4294967295", "13: user '4294967295' is out of range; expected a uid from 0"
				      " to 4294967294" },
		{ "user: 99999999999999999999", "13: user '99999999999999999999' is out of range;"
						" expected a uid from 0 to 4294967294" },
		{ "user: '-1'", "13: user '-1' is no user; expected a user name or uid" },
		{ "user: a b", "13: user 'a b' is no user; expected a user name or uid" },
		{ "unit: motion", "13: unit 'motion' is no unit; expected a systemd unit with its"
				  " type, such as motion.service" },
		{ "unit: motion*", "" },
		{ "origin: servic", "15: origin 'servic' is not known; expected service" },
		{ "origin: x", "15: origin 'x' is not known; expected service, login, remote,"
			       " container, kernel or unknown" },
		{ "origin: [service, login], login: a", "" },
		{ "origin: service, login: a",
		  "24: 'login' never holds together with 'origin: service'; expected one of them,"
		  " or origin login or remote" },
		{ "peer: 10.0.0.0/8, origin: [service, kernel]",
		  "7: 'peer' never holds together with 'origin: service'; expected one of them, or"
		  " origin login or remote" },
		{ "peer: 0.0.0.0/0", "" },
		{ "peer: '::/0'", "" },
		{ "peer: '::ffff:10.0.0.0/104'", "" },
		{ "peer: 10.0.0.1/8", "13: peer '10.0.0.1/8' has bits set behind its prefix;"
				      " expected 10.0.0.0/8" },
		{ "peer: 10.0.0.1/32", "" },
		{ "peer: '2001:db8::1/64'", "13: peer '2001:db8::1/64' has bits set behind its"
					    " prefix; expected 2001:db8::/64" },
		{ "peer: 10.0.0.0/33", "13: peer '10.0.0.0/33' is no network; expected an address"
				       " or a network such as 10.0.0.0/8" },
		{ "peer: 10.0.0.0/08", "13: peer '10.0.0.0/08' is no network; expected an address"
				       " or a network such as 10.0.0.0/8" },
		{ "peer: 10.0.0.0/", "13: peer '10.0.0.0/' is no network; expected an address or a"
				     " network such as 10.0.0.0/8" },
		{ "peer: 10.0/8", "13: peer '10.0/8' is no network; expected an address or a"
				  " network such as 10.0.0.0/8" },
		{ "peer: localhost", "13: peer 'localhost' is no network; expected an address or a"
				     " network such as 10.0.0.0/8" },
		{ "pear: 10.0.0.0/8", "7: unknown key 'pear' of 'to'; did you mean 'peer'? Expected"
				      " exe, sha256, user, unit, container, login, origin, peer,"
				      " parent, ancestor or code" },
	};

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		cw_auto_buf struct cw_buf fault = { 0 };

		if (cases[i].fault[0])
			cw_buf_printf(&fault, "10:%d%s", atoi(cases[i].fault) + 1,
				      strchr(cases[i].fault, ':'));
		check_rest(TO, cases[i].to, fault.len ? fault.data : "");
	}
	check_fault(ASSETS "grants: [{name: g, allow: open, on: door, to: everyone}]\n",
		    "p:6:47: 'to' is not a map; expected conditions such as {exe:"
		    " /usr/bin/motion}, or 'anyone' for a grant to everybody\n");
}

static void reads_code(void **state)
{
	(void)state;
	check_rest(TO, "exe: /a, code: any", "");
	check_rest(TO, "exe: /a, code: own", "10:23: code 'own' is not known; expected any (no"
					     " 'code': none but its own and the system's)");
	check_rest(TO, "user: a, code: any", "10:17: 'code' says nothing without 'exe' or"
					     " 'sha256'; expected one of them, or no 'code'");
}

static void refuses_bad_grants(void **state)
{
#define TIME "expected ISO 8601 with Z or an offset, such as 2026-12-01T09:00:00Z, or a date"
#define RATE "expected a whole number from 1 to 1000000 per hour, day or week, such as 20/day"
	static const struct {
		const char *rest, *fault;
	} cases[] = {
		{ "until: 2026-12-01", "" },
		{ "until: 2024-02-29T23:59:59.123456789-08:00", "" },
		{ "until: 2026-02-29", "until '2026-02-29' is no time; " TIME },
		{ "until: 2026-12-01T09:00:00", "until '2026-12-01T09:00:00' is no time; " TIME },
		{ "until: 2026-12-01 09:00:00Z", "until '2026-12-01 09:00:00Z' is no time; " TIME },
		{ "until: 2026-12-01T24:00:00Z", "until '2026-12-01T24:00:00Z' is no time; " TIME },
		{ "until: 2026-12-01T09:00:60Z", "until '2026-12-01T09:00:60Z' is no time; " TIME },
		{ "until: 1970-01-01T00:00:00+01:00",
		  "until '1970-01-01T00:00:00+01:00' is no time; " TIME },
		{ "until: 99999999999999999999", "until '99999999999999999999' is no time; " TIME },
		{ "from: tomorrow", "from 'tomorrow' is no time; " TIME },
		{ "hours: 00:00-24:00", "" },
		{ "hours: 22:00-06:00", "" },
		{ "hours: 9:00-17:00", "hours '9:00-17:00' are no hours; expected from and to such"
				       " as \"09:00-17:00\"" },
		{ "hours: 09:00-17:60", "hours '09:00-17:60' are no hours; expected from and to"
					" such as \"09:00-17:00\"" },
		{ "hours: 24:00-09:00", "hours '24:00-09:00' are no hours; expected from and to"
					" such as \"09:00-17:00\"" },
		{ "hours: 09:00-24:01", "hours '09:00-24:01' are no hours; expected from and to"
					" such as \"09:00-17:00\"" },
		{ "hours: 10:00-10:00", "hours '10:00-10:00' are empty; expected an end other than"
					" the start (no 'hours': always)" },
		{ "days: mon", "" },
		{ "days: monday", "day 'monday' is not known; expected mon, tue, wed, thu, fri, sat"
				  " or sun" },
		{ "reason: ''", "reason is empty; expected one line of text" },
	};
	static const char *const rates[] = { "0/day", "-1/day", "1/month", "1", "/day", "1.5/day",
					     "1000001/day", "+1/day", "1 /day",
					     "99999999999999999999/day" };

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		const char *value = strchr(cases[i].rest, ':') + 2;
		cw_auto_buf struct cw_buf fault = { 0 };

		if (cases[i].fault[0])
			cw_buf_printf(&fault, "7:%d: %s", (int)(48 + value - cases[i].rest),
				      cases[i].fault);
		check_rest(GRANT, cases[i].rest, fault.len ? fault.data : "");
	}
	for (size_t i = 0; i < CW_ARRAY_SIZE(rates); i++) {
		cw_auto_buf struct cw_buf rest = { 0 }, fault = { 0 };

		cw_buf_printf(&rest, "limit: {files: %s}", rates[i]);
		cw_buf_printf(&fault, "7:63: files '%s' is no limit; " RATE, rates[i]);
		check_rest(GRANT, rest.data, fault.data);
	}
	check_rest(GRANT, "limit: {minutes: 1440/day}", "");
	check_rest(GRANT, "limit: {minutes: 1441/day}",
		   "7:65: minutes '1441/day' can never be reached; expected at most 60/hour,"
		   " 1440/day or 10080/week");
	check_rest(GRANT, "limit: {}", "7:55: 'limit' is empty; expected files, cameras or"
				       " minutes");
	check_rest(GRANT, "from: 2026-12-01, until: 2026-11-30",
		   "7:73: 'until' is not after 'from', so the grant never holds; expected a later"
		   " time");
	/* The day that `until` names is still granted. */
	check_rest(GRANT, "from: 2026-12-01, until: 2026-12-01", "");
}

static void refuses_grants_that_never_matter(void **state)
{
	(void)state;
	check_fault(ASSETS "grants:\n- {name: a, allow: stream, on: footage, to: anyone}\n",
		    "p:7:3: only cameras and microphones stream, and the grant is on none, so it"
		    " never holds; expected 'open' in 'allow', or a camera in 'on'\n");
	check_fault(ASSETS "grants:\n- {name: a, allow: [open, write], on: [door, mics], to: {user:"
			   " [1, b]}}\n- {name: b, allow: [write, open], on: [mics, cameras], to:"
			   " {user: [b, 1]}, reason: x}\n",
		    "p:8:3: grant 'b' grants the same as 'a' in line 7; expected one of them\n");
	check_fault(ASSETS "grants:\n- {name: a, allow: open, on: shm, to: anyone}\n",
		    "p:7:30: on 'shm' means every asset of a kind, and there is none; expected an"
		    " asset of that kind under 'assets'\n");
	valid(ASSETS "grants:\n- {name: a, allow: open, on: door, to: {user: b}}\n"
		     "- {name: b, allow: open, on: door, to: {login: b}}\n");
}

static void knows_only_fixed_time_zones(void **state)
{
	static const char *const bad[] = { "Europe/Berlin", "+1:00", "+01", "+0100", "+14:01",
					   "+01:60", "UTC", "01:00" };

	(void)state;
	valid("timezone: +14:00\nversion: 1\nassets: {a: {kind: camera}}\n");
	for (size_t i = 0; i < CW_ARRAY_SIZE(bad); i++) {
		cw_auto_buf struct cw_buf text = { 0 }, fault = { 0 };

		cw_buf_printf(&text, "timezone: %s\nversion: 1\nassets: {a: {kind: camera}}\n",
			      bad[i]);
		cw_buf_printf(&fault,
			      "p:1:11: timezone '%s' is no offset; expected a fixed offset such as"
			      " \"+01:00\" (names of zones mean other hours on other machines)\n",
			      bad[i]);
		check_text(text.data, text.len, fault.data);
	}
}

static void shows_hostile_text_harmless(void **state)
{
	(void)state;
	check_fault("\"\\e[2J\\n\": 1\nversion: 1\nassets: {a: {kind: camera}}\n",
		    "p:1:1: unknown key '?[2J?' of the policy; expected version, timezone, assets"
		    " or grants\n");
	check_fault(ASSETS "grants: [{name: \"a\\u009bb\", allow: open, on: door, to: anyone}]\n",
		    "p:6:17: name holds a control character; expected a name\n");
}

static void tells_of_files_it_cannot_read(void **state)
{
	cw_auto_buf struct cw_buf errors = { 0 };
	struct cw_policy *p = NULL;

	(void)state;
	assert_int_equal(cw_policy_load("/nonexistent/p", &errors, &p), -ENOENT);
	assert_string_equal(errors.data, "/nonexistent/p: cannot be read: No such file or"
					 " directory; expected a policy\n");
	assert_int_equal(cw_policy_load("/", NULL, &p), -EISDIR);
	assert_null(p);
	cw_policy_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_whole_language),
		cmocka_unit_test(takes_the_least),
		cmocka_unit_test(refuses_what_is_no_policy),
		cmocka_unit_test(refuses_bytes),
		cmocka_unit_test(refuses_clever_yaml),
		cmocka_unit_test(bounds_the_number_of_values),
		cmocka_unit_test(finds_all_faults_in_their_order),
		cmocka_unit_test(refuses_bad_assets),
		cmocka_unit_test(refuses_assets_that_meet),
		cmocka_unit_test(refuses_bad_conditions),
		cmocka_unit_test(reads_code), cmocka_unit_test(refuses_bad_grants),
		cmocka_unit_test(refuses_grants_that_never_matter),
		cmocka_unit_test(knows_only_fixed_time_zones),
		cmocka_unit_test(shows_hostile_text_harmless),
		cmocka_unit_test(tells_of_files_it_cannot_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
