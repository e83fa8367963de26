// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: what a grant says is what it allows, nothing that is unknown or made up counts
 * for it, and a flag names who, how bad, and the first condition that failed.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "policy/policy.h"

#define ASSETS                                                       \
	"version: 1\n"                                               \
	"assets:\n"                                                  \
	"  door: {kind: camera, device: /dev/video0}\n"              \
	"  garage: {kind: camera, card: 'C920*', bus: 'usb-?'}\n"    \
	"  any: {kind: camera}\n"                                    \
	"  mics: {kind: microphone}\n"                               \
	"  footage: {kind: recordings, path: /var/lib/motion}\n"     \
	"  secret: {kind: recordings, path: /var/lib/motion/s}\n"    \
	"  frames: {kind: shm, path: /dev/shm/sink}\n"               \
	"  sda: {kind: disk, device: /dev/sda1}\n"
#define HEX  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX2 "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOON 1764590400 /* Monday 2025-12-01T12:00:00Z */

static struct cw_policy *make(const char *grants)
{
	cw_auto_buf struct cw_buf text = { 0 }, errors = { 0 };
	struct cw_policy *p = NULL;

	cw_buf_printf(&text, "%s%s", ASSETS, grants);
	if (cw_policy_parse("p", text.data, text.len, &errors, &p))
		fail_msg("%s", errors.data);
	return p;
}

/* One grant of `open` on everything with these conditions. */
static struct cw_policy *make_to(const char *to)
{
	cw_auto_buf struct cw_buf text = { 0 };

	cw_buf_printf(&text,
		      "grants:\n- name: g\n  allow: open\n  on: [cameras, recordings]\n  %s\n", to);
	return make(text.data);
}

static struct cw_event event(enum cw_kind kind, enum cw_asset_kind asset)
{
	struct cw_event e = { .kind = kind, .time_ns = NOON * CW_NSEC_PER_SEC };

	e.asset.kind = asset;
	if (asset == CW_ASSET_RECORDINGS)
		e.asset.root = "/var/lib/motion";
	if (asset == CW_ASSET_CAMERA)
		e.asset.node = "/dev/video0";
	e.asset.access = CW_ACCESS_READ;
	e.process.pid = 1;
	e.process.uid = 1001;
	e.origin.login_uid = CW_NO_UID;
	return e;
}

static void is_allowed(struct cw_policy *p, struct cw_event *e)
{
	cw_policy_judge(p, e);
	assert_string_equal(e->verdict.why ? e->verdict.why : "", "");
	assert_int_equal(e->verdict.decision, CW_DECISION_ALLOW);
	assert_string_equal(e->verdict.grant, "g");
	assert_string_equal(e->verdict.rule, "grant 'g'");
	assert_int_equal(e->verdict.class, CW_CLASS_NONE);
	assert_int_equal(e->verdict.severity, CW_SEVERITY_NONE);
	assert_null(e->verdict.technique);
}

static void is_flagged(struct cw_policy *p, struct cw_event *e, const char *why)
{
	cw_policy_judge(p, e);
	assert_int_equal(e->verdict.decision, CW_DECISION_FLAG);
	assert_string_equal(e->verdict.rule, "no grant");
	assert_null(e->verdict.grant);
	assert_string_equal(e->verdict.why, why);
}

static void with_reason(struct cw_policy *p, struct cw_event *e, const char *reason)
{
	cw_auto_buf struct cw_buf why = { 0 };

	cw_buf_printf(&why, "nearest grant 'g': %s", reason);
	is_flagged(p, e, why.data);
}

static void check_asset(struct cw_policy *p, struct cw_asset a, const char *name)
{
	struct cw_event e = event(CW_KIND_OPEN, CW_ASSET_NONE);

	e.asset = a;
	e.asset.name = "made up";
	cw_policy_judge(p, &e);
	assert_string_equal(e.asset.name, name);
}

static void names_the_device(void **state)
{
	cw_auto_policy struct cw_policy *p = make("grants: []\n");

	(void)state;
#define CAM .kind = CW_ASSET_CAMERA
	check_asset(p, (struct cw_asset){ CAM, .node = "/dev/video0" }, "door");
	check_asset(p, (struct cw_asset){ CAM, .path = "/dev/video0" }, "door");
	check_asset(p, (struct cw_asset){ CAM, .by_id = "/dev/video0" }, "door");
	check_asset(p, (struct cw_asset){ CAM, .node = "/dev/video00" }, "any");
	check_asset(p, (struct cw_asset){ CAM }, "any");
	/* A name that somebody mounted another device at. */
	check_asset(p, (struct cw_asset){ CAM, .node = "/dev/video1", .path = "/dev/video0" },
		    "any");
	check_asset(p, (struct cw_asset){ CAM, .card = "C920 x/y", .bus = "usb-1" }, "garage");
	check_asset(p, (struct cw_asset){ CAM, .card = "C920", .bus = "usb-11" }, "any");
	check_asset(p, (struct cw_asset){ CAM, .card = "C920" }, "any");
	check_asset(p, (struct cw_asset){ CAM, .card = "C920", .bus = "usb-1",
					  .node = "/dev/video0" }, "door");
	check_asset(p, (struct cw_asset){ .kind = CW_ASSET_MICROPHONE, .node = "/dev/video0" },
		    "mics");
	check_asset(p, (struct cw_asset){ .kind = CW_ASSET_DISK, .node = "/dev/sda1" }, "sda");
	check_asset(p, (struct cw_asset){ .kind = CW_ASSET_DISK, .node = "/dev/sda" }, "made up");
	check_asset(p, (struct cw_asset){ .kind = CW_ASSET_NONE, .node = "/dev/video0" },
		    "made up");
	check_asset(p, (struct cw_asset){ .kind = CW_ASSET_KIND_MAX }, "made up");
}

static void names_the_folder(void **state)
{
	cw_auto_policy struct cw_policy *p = make("grants: []\n");

	(void)state;
#define REC .kind = CW_ASSET_RECORDINGS
	check_asset(p, (struct cw_asset){ REC, .root = "/var/lib/motion" }, "footage");
	check_asset(p, (struct cw_asset){ REC, .root = "/var/lib/motion/cam1" }, "footage");
	check_asset(p, (struct cw_asset){ REC, .root = "/var/lib/motion2" }, "made up");
	check_asset(p, (struct cw_asset){ REC, .root = "/var/lib" }, "made up");
	check_asset(p, (struct cw_asset){ REC }, "made up");
	check_asset(p, (struct cw_asset){ REC, .path = "/var/lib/motion/a.mkv" }, "footage");
	check_asset(p, (struct cw_asset){ REC, .path = "/var/lib/motion2/a.mkv" }, "made up");
	check_asset(p, (struct cw_asset){ REC, .path = "/var/lib/motion/s/a.mkv" }, "secret");
	check_asset(p, (struct cw_asset){ REC, .path = "/var/lib/motion/sa.mkv" }, "footage");
	check_asset(p, (struct cw_asset){ REC, .root = "/var/lib/motion",
					  .path = "/var/lib/motion/s/a.mkv" }, "secret");
	/* Linked or mounted elsewhere, it is still what it was. */
	check_asset(p, (struct cw_asset){ REC, .root = "/var/lib/motion/s",
					  .path = "/var/lib/motion/a.mkv" }, "secret");
	check_asset(p, (struct cw_asset){ REC, .root = "/var/lib/motion", .path = "/tmp/a.mkv" },
		    "footage");
	check_asset(p, (struct cw_asset){ REC, .path = "/var/lib/motion/s/a",
					  .path_partial = true }, "made up");
	check_asset(p, (struct cw_asset){ .kind = CW_ASSET_SHM, .path = "/dev/shm/sink" },
		    "frames");
	check_asset(p, (struct cw_asset){ .kind = CW_ASSET_SHM, .root = "/var/lib/motion" },
		    "made up");
}

static void kinds_need_their_verbs(void **state)
{
	static const struct {
		enum cw_kind kind;
		enum cw_asset_kind asset;
		uint32_t access;
		const char *verbs;
	} cases[] = {
#define R CW_ACCESS_READ
#define W CW_ACCESS_WRITE
		{ CW_KIND_OPEN, CW_ASSET_RECORDINGS, R, "open" },
		{ CW_KIND_OPEN, CW_ASSET_RECORDINGS, 0, "open" },
		{ CW_KIND_OPEN, CW_ASSET_RECORDINGS, CW_ACCESS_EXEC, "open" },
		{ CW_KIND_OPEN, CW_ASSET_RECORDINGS, W, "write" },
		{ CW_KIND_OPEN, CW_ASSET_RECORDINGS, W | CW_ACCESS_CREATE, "write" },
		{ CW_KIND_OPEN, CW_ASSET_RECORDINGS, R | W, "open and write" },
		{ CW_KIND_OPEN, CW_ASSET_RECORDINGS, R | CW_ACCESS_TRUNCATE, "open and write" },
		{ CW_KIND_DENIED, CW_ASSET_RECORDINGS, CW_ACCESS_DELETE, "delete" },
		{ CW_KIND_RECEIVE, CW_ASSET_RECORDINGS, W, "write" },
		{ CW_KIND_USE, CW_ASSET_RECORDINGS, R, "open" },
		{ CW_KIND_MAP, CW_ASSET_RECORDINGS, W, "write" },
		/* A camera is captured from through a descriptor for both. */
		{ CW_KIND_OPEN, CW_ASSET_CAMERA, R | W, "open" },
		{ CW_KIND_OPEN, CW_ASSET_CAMERA, W, "write" },
		{ CW_KIND_OPEN, CW_ASSET_MICROPHONE, R | W, "open" },
		{ CW_KIND_STREAM, CW_ASSET_CAMERA, W, "stream" },
		{ CW_KIND_CREATE, CW_ASSET_RECORDINGS, R, "write" },
		{ CW_KIND_RENAME, CW_ASSET_RECORDINGS, 0, "write" },
		{ CW_KIND_LINK, CW_ASSET_RECORDINGS, 0, "write" },
		{ CW_KIND_TRUNCATE, CW_ASSET_RECORDINGS, 0, "write" },
		{ CW_KIND_ATTR, CW_ASSET_RECORDINGS, 0, "write" },
		{ CW_KIND_MOUNT, CW_ASSET_RECORDINGS, 0, "write" },
		{ CW_KIND_UNLINK, CW_ASSET_RECORDINGS, 0, "delete" },
		{ CW_KIND_PEEK, CW_ASSET_CAMERA, 0, "open" },
		{ CW_KIND_EGRESS, CW_ASSET_RECORDINGS, 0, "open" },
		{ CW_KIND_RAWDISK, CW_ASSET_RECORDINGS, R, "open" },
	};
	static const char *const verbs[] = { "open", "stream", "write", "delete" };

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		for (size_t v = 0; v < CW_ARRAY_SIZE(verbs); v++) {
			cw_auto_policy struct cw_policy *p = NULL;
			cw_auto_buf struct cw_buf text = { 0 };
			struct cw_event e = event(cases[i].kind, cases[i].asset);

			cw_buf_printf(&text, "grants:\n- {name: g, allow: %s, on: [cameras,"
				      " microphones, recordings], to: anyone}\n", verbs[v]);
			p = make(text.data);
			e.asset.access = cases[i].access;
			cw_policy_judge(p, &e);
			if (!strcmp(verbs[v], cases[i].verbs)) {
				assert_int_equal(e.verdict.decision, CW_DECISION_ALLOW);
				continue;
			}
			assert_int_equal(e.verdict.decision, CW_DECISION_FLAG);
			assert_non_null(strstr(e.verdict.why, "it does not allow "));
			if (!strstr(cases[i].verbs, verbs[v]))
				assert_string_equal(strstr(e.verdict.why, "allow ") + 6,
						    cases[i].verbs);
		}
	}
}

static void one_grant_covers_the_whole_access(void **state)
{
	cw_auto_policy struct cw_policy *p =
		make("grants:\n- {name: r, allow: open, on: footage, to: anyone}\n"
		     "- {name: w, allow: write, on: footage, to: anyone}\n");
	struct cw_event e = event(CW_KIND_OPEN, CW_ASSET_RECORDINGS);

	(void)state;
	e.asset.access = R | W;
	is_flagged(p, &e, "nearest grant 'r': it does not allow write");
}

static void knows_programs(void **state)
{
	cw_auto_policy struct cw_policy *p = make_to("to: {exe: /usr/bin/motion}");
	cw_auto_policy struct cw_policy *many = make_to("to: {exe: [/a, '/opt/*/m?']}");
	cw_auto_policy struct cw_policy *hash = make_to("to: {sha256: " HEX "}");
	struct cw_event e = event(CW_KIND_OPEN, CW_ASSET_CAMERA);

	(void)state;
	with_reason(p, &e, "executable is unknown");
	e.process.exe = "/usr/bin/motio";
	with_reason(p, &e, "executable /usr/bin/motio is not /usr/bin/motion");
	e.process.exe = "/usr/bin/motion2";
	with_reason(p, &e, "executable /usr/bin/motion2 is not /usr/bin/motion");
	e.process.exe = "/usr/bin/motion";
	is_allowed(p, &e);
	e.process.exe_deleted = true;
	with_reason(p, &e, "executable /usr/bin/motion has been deleted or replaced");
	e.process.exe_deleted = false;
	with_reason(many, &e, "executable /usr/bin/motion is none of /a, /opt/*/m?");
	e.process.exe = "/opt/x/mm";
	is_allowed(many, &e);
	e.process.exe = "/opt/x/y/mm"; /* a star stays within a folder */
	with_reason(many, &e, "executable /opt/x/y/mm is none of /a, /opt/*/m?");
	e.process.exe = "/opt/x/m/"; /* and so does a question mark */
	with_reason(many, &e, "executable /opt/x/m/ is none of /a, /opt/*/m?");
	with_reason(hash, &e, "SHA-256 of the executable is unknown");
	e.process.exe_sha256 = HEX2;
	with_reason(hash, &e, "SHA-256 1123456789abcdef... of the executable is not"
			      " 0123456789abcdef...");
	e.process.exe_sha256 = HEX;
	is_allowed(hash, &e);
}

/* A grant for a program is not for what others put into its process. */
static void knows_code(void **state)
{
	cw_auto_policy struct cw_policy *exe =
		make_to("to: {exe: /usr/bin/motion, unit: m.service}");
	cw_auto_policy struct cw_policy *hash = make_to("to: {sha256: " HEX "}");
	cw_auto_policy struct cw_policy *any = make_to("to: {exe: /usr/bin/motion, code: any}");
	cw_auto_policy struct cw_policy *unit = make_to("to: {unit: m.service}");
	struct cw_event e = event(CW_KIND_OPEN, CW_ASSET_CAMERA);

	(void)state;
	e.process.exe = "/usr/bin/motion";
	e.process.exe_sha256 = HEX;
	e.process.unit = "m.service";
	is_allowed(exe, &e);
	is_allowed(hash, &e);
	e.process.code = CW_CODE_WRITABLE;
	e.process.code_path = "/srv/x.so";
	with_reason(exe, &e, "it runs code of /srv/x.so, which others can write to");
	with_reason(hash, &e, "it runs code of /srv/x.so, which others can write to");
	is_allowed(any, &e);
	is_allowed(unit, &e);
	e.process.code = CW_CODE_WRITTEN;
	e.process.code_path = NULL;
	e.process.code_pid = 9;
	with_reason(exe, &e, "unknown[9] wrote to its memory");
	e.process.unit = "other.service"; /* what was written is said first */
	with_reason(exe, &e, "unit other.service is not m.service");
}

static void knows_users(void **state)
{
	cw_auto_policy struct cw_policy *name = make_to("to: {user: motion}");
	cw_auto_policy struct cw_policy *root = make_to("to: {user: 0}");
	cw_auto_policy struct cw_policy *both = make_to("to: {user: [motion, 7]}");
	struct cw_event e = event(CW_KIND_OPEN, CW_ASSET_CAMERA);

	(void)state;
	with_reason(name, &e, "user is unknown (uid 1001)");
	with_reason(root, &e, "user with uid 1001 is not 0");
	with_reason(both, &e, "user with uid 1001 is none of motion, 7");
	e.process.user = "bob";
	with_reason(name, &e, "user bob is not motion");
	e.process.user = "motion";
	is_allowed(name, &e);
	e.process.uid = 0;
	is_allowed(root, &e);
	e.process.pid = 0; /* no process: its uid is no fact */
	with_reason(root, &e, "user is unknown");
	e.process.user = NULL;
	e.process.uid = 7;
	is_allowed(both, &e);
	e.process.uid = CW_NO_UID;
	with_reason(root, &e, "user is unknown");
}

static void knows_units_and_containers(void **state)
{
	cw_auto_policy struct cw_policy *unit =
		make_to("to: {unit: [motion.service, 'm@*.service']}");
	cw_auto_policy struct cw_policy *box = make_to("to: {container: [" HEX ", web]}");
	struct cw_event e = event(CW_KIND_OPEN, CW_ASSET_CAMERA);

	(void)state;
	with_reason(unit, &e, "unit is unknown");
	e.process.unit = "cron.service";
	with_reason(unit, &e, "unit cron.service is none of motion.service, m@*.service");
	e.process.unit = "m@video0.service";
	is_allowed(unit, &e);
	e.process.unit = "motion.service";
	is_allowed(unit, &e);
	/* systemd-run --user --unit=m@1: who made it stands before the slash. */
	e.process.unit = "user@1001.service/m@1.service";
	with_reason(unit, &e, "unit user@1001.service/m@1.service is none of motion.service,"
			      " m@*.service");
	with_reason(box, &e, "container is unknown");
	e.process.container = "0123456789ab";
	is_allowed(box, &e);
	e.process.container = "0123456789ac";
	with_reason(box, &e, "container 0123456789ac is none of " HEX ", web");
	e.process.container = "01234567";
	with_reason(box, &e, "container 01234567 is none of " HEX ", web");
	e.process.container = "web";
	is_allowed(box, &e);
}

static void knows_people(void **state)
{
	cw_auto_policy struct cw_policy *name = make_to("to: {login: alice}");
	cw_auto_policy struct cw_policy *uid = make_to("to: {login: 1001}");
	cw_auto_policy struct cw_policy *origin = make_to("to: {origin: remote}");
	cw_auto_policy struct cw_policy *some = make_to("to: {origin: [login, unknown]}");
	struct cw_event e = event(CW_KIND_OPEN, CW_ASSET_CAMERA);

	(void)state;
	e.origin.type = CW_ORIGIN_REMOTE;
	with_reason(name, &e, "nobody is logged in");
	e.origin.login_uid = 1001;
	with_reason(name, &e, "login user is unknown (uid 1001)");
	is_allowed(uid, &e);
	e.origin.login_user = "bob";
	e.origin.login_uid = 1002;
	with_reason(name, &e, "login user bob is not alice");
	with_reason(uid, &e, "login user with uid 1002 is not 1001");
	/* A person's remote session is remote, and has its login. */
	e.origin.login_user = "alice";
	is_allowed(name, &e);
	is_allowed(origin, &e);
	with_reason(some, &e, "origin remote is none of login, unknown");
	e.origin.type = CW_ORIGIN_UNKNOWN;
	is_allowed(some, &e);
	with_reason(origin, &e, "origin unknown is not remote");
}

static void set_peer(struct cw_event *e, const char *addr)
{
	e->origin.family = strchr(addr, ':') ? AF_INET6 : AF_INET;
	inet_pton(e->origin.family, addr, &e->origin.peer);
}

static void knows_networks(void **state)
{
	static const struct {
		const char *nets, *inside, *outside;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.1.2", "11.0.0.0" },
		{ "10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3" },
		{ "10.0.0.0/8", "10.0.0.0", "9.255.255.255" },
		{ "192.0.2.128/25", "192.0.2.255", "192.0.2.127" },
		{ "192.0.2.1", "192.0.2.1", "192.0.2.0" },
		{ "0.0.0.0/0", "203.0.113.7", "2001:db8::1" },
		{ "'2001:db8::/33'", "2001:db8:7fff::1", "2001:db8:8000::1" },
		{ "'::/0'", "2001:db8::1", "203.0.113.7" },
		{ "'::/0'", "2001:db8::1", "::ffff:203.0.113.7" },
		{ "'::ffff:10.0.0.0/104'", "10.1.2.3", "11.1.2.3" },
		{ "[192.0.2.0/24, 'fe80::/10']", "fe80::1", "fec0::1" },
	};

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		cw_auto_policy struct cw_policy *p = NULL;
		cw_auto_buf struct cw_buf to = { 0 };
		struct cw_event e = event(CW_KIND_OPEN, CW_ASSET_CAMERA);

		cw_buf_printf(&to, "to: {peer: %s}", cases[i].nets);
		p = make_to(to.data);
		with_reason(p, &e, "there is no peer");
		set_peer(&e, cases[i].inside);
		is_allowed(p, &e);
		set_peer(&e, cases[i].outside);
		cw_policy_judge(p, &e);
		assert_int_equal(e.verdict.decision, CW_DECISION_FLAG);
		assert_int_equal(e.verdict.class, CW_CLASS_REMOTE);
	}
}

static void knows_ancestors(void **state)
{
	cw_auto_policy struct cw_policy *parent = make_to("to: {parent: /bin/bash}");
	cw_auto_policy struct cw_policy *any = make_to("to: {ancestor: [/usr/sbin/sshd]}");
	struct cw_event e = event(CW_KIND_OPEN, CW_ASSET_CAMERA);

	(void)state;
	with_reason(parent, &e, "parent is unknown");
	with_reason(any, &e, "ancestors are unknown");
	e.process.n_ancestors = 3;
	with_reason(parent, &e, "parent is unknown");
	with_reason(any, &e, "ancestors are unknown");
	e.process.ancestors[0].exe = "/bin/sudo";
	e.process.ancestors[1].exe = "/bin/bash";
	with_reason(parent, &e, "parent /bin/sudo is not /bin/bash");
	with_reason(any, &e, "no ancestor is /usr/sbin/sshd");
	e.process.ancestors[2].exe = "/usr/sbin/sshd";
	is_allowed(any, &e);
	e.process.ancestors[0].exe = "/bin/bash";
	is_allowed(parent, &e);
	e.process.n_ancestors = 1000; /* nonsense is not followed */
	is_allowed(any, &e);
}

static void knows_times(void **state)
{
	cw_auto_policy struct cw_policy *from = make_to("to: anyone\n  from: 2025-12-01T12:00:00Z");
	cw_auto_policy struct cw_policy *until =
		make_to("to: anyone\n  until: 2025-12-01T13:00:00+01:00");
	cw_auto_policy struct cw_policy *date = make_to("to: anyone\n  until: 2025-12-01");
	struct cw_event e = event(CW_KIND_OPEN, CW_ASSET_CAMERA);

	(void)state;
	is_allowed(from, &e);
	with_reason(until, &e, "it ended at 2025-12-01T12:00:00Z");
	e.time_ns--;
	with_reason(from, &e, "it begins at 2025-12-01T12:00:00Z");
	is_allowed(until, &e);
	e.time_ns = (NOON + 12 * 3600) * CW_NSEC_PER_SEC - 1;
	is_allowed(date, &e);
	e.time_ns++;
	with_reason(date, &e, "it ended at 2025-12-02T00:00:00Z");
	e.time_ns = UINT64_MAX;
	is_allowed(from, &e);
	e.time_ns = 0;
	is_allowed(until, &e);
}

static void check_at(struct cw_policy *p, unsigned int day, const char *clock, const char *reason)
{
	struct cw_event e = event(CW_KIND_OPEN, CW_ASSET_CAMERA);
	int hour = atoi(clock), minute = atoi(clock + 3);

	e.time_ns = (uint64_t)(NOON - 12 * 3600 + day * 86400 + hour * 3600 + minute * 60) *
		    CW_NSEC_PER_SEC;
	if (reason)
		with_reason(p, &e, reason);
	else
		is_allowed(p, &e);
}

static void knows_hours_and_days(void **state)
{
	cw_auto_policy struct cw_policy *day = make_to("to: anyone\n  hours: 09:00-17:00");
	cw_auto_policy struct cw_policy *night =
		make_to("to: anyone\n  hours: 22:00-06:00\n  days: [mon, tue]");
	cw_auto_policy struct cw_policy *week = make_to("to: anyone\n  days: sun");
	cw_auto_policy struct cw_policy *whole = make_to("to: anyone\n  hours: 00:00-24:00");

	(void)state;
	check_at(day, 0, "08:59", "08:59 is not in 09:00-17:00");
	check_at(day, 0, "09:00", NULL);
	check_at(day, 0, "16:59", NULL);
	check_at(day, 0, "17:00", "17:00 is not in 09:00-17:00");
	check_at(whole, 0, "23:59", NULL);
	/* A night belongs to the day on which it begins. */
	check_at(night, 0, "21:59", "21:59 is not in 22:00-06:00");
	check_at(night, 0, "22:00", NULL);
	check_at(night, 1, "05:59", NULL);
	check_at(night, 1, "06:00", "06:00 is not in 22:00-06:00");
	check_at(night, 2, "03:00", NULL);
	check_at(night, 2, "23:00", "wed is none of mon, tue");
	check_at(night, 0, "03:00", "sun is none of mon, tue");
	check_at(week, 6, "00:00", NULL);
	check_at(week, 7, "00:00", "mon is not sun");
}

static void clocks_are_the_policys(void **state)
{
	static const char text[] = "timezone: '+05:30'\nversion: 1\n"
				   "assets: {any: {kind: camera}}\n"
				   "grants:\n- {name: g, allow: open, on: any, to: anyone,"
				   " hours: 17:00-18:00, days: mon, until: 2025-12-01}\n";
	cw_auto_buf struct cw_buf errors = { 0 };
	cw_auto_policy struct cw_policy *p = NULL;
	struct cw_event e = event(CW_KIND_OPEN, CW_ASSET_CAMERA);

	(void)state;
	assert_int_equal(cw_policy_parse("p", text, strlen(text), &errors, &p), 0);
	is_allowed(p, &e); /* 17:30 there */
	e.time_ns += 1800 * CW_NSEC_PER_SEC;
	with_reason(p, &e, "18:00 is not in 17:00-18:00");
	e.time_ns += 6 * 3600 * CW_NSEC_PER_SEC;
	with_reason(p, &e, "it ended at 2025-12-02T00:00:00+05:30");
}

static void names_the_nearest_grant(void **state)
{
	cw_auto_policy struct cw_policy *p =
		make("grants:\n"
		     "- {name: a, allow: write, on: footage, to: anyone}\n"
		     "- {name: b, allow: open, on: footage, to: {exe: /a, user: x, login: y}}\n"
		     "- {name: c, allow: open, on: footage, to: {user: x, login: y, origin:"
		     " remote}}\n"
		     "- {name: d, allow: open, on: door, to: {exe: /b}}\n"
		     "- {name: l, allow: open, on: footage, to: {user: x, login: y, peer:"
		     " 10.0.0.0/8}, limit: {files: 1/day}}\n");
	struct cw_event e = event(CW_KIND_OPEN, CW_ASSET_RECORDINGS);

	(void)state;
	is_flagged(p, &e, "nearest grant 'b': executable is unknown");
	e.process.user = "x";
	is_flagged(p, &e, "nearest grant 'c': nobody is logged in");
	e.process.exe = "/a";
	is_flagged(p, &e, "nearest grant 'b': nobody is logged in");
	e.process.exe = "/b";
	e.origin.login_user = "y";
	is_flagged(p, &e, "nearest grant 'c': origin unknown is not remote");
	e.kind = CW_KIND_UNLINK;
	is_flagged(p, &e, "nearest grant 'a': it does not allow delete");
	e = event(CW_KIND_OPEN, CW_ASSET_MICROPHONE);
	is_flagged(p, &e, "no grant is for this asset");
	e = event(CW_KIND_OPEN, CW_ASSET_CAMERA);
	e.asset.node = "/dev/video9";
	is_flagged(p, &e, "no grant is for this asset");
	e.asset.kind = CW_ASSET_NONE;
	is_flagged(p, &e, "no grant is for this asset");
}

static void grades_flags(void **state)
{
	static const struct {
		enum cw_kind kind;
		enum cw_asset_kind asset;
		enum cw_origin_type origin;
		enum cw_class class;
		enum cw_severity severity;
		const char *technique;
	} cases[] = {
#define CAMERA(o) CW_ASSET_CAMERA, CW_ORIGIN_##o
#define FILES(o)  CW_ASSET_RECORDINGS, CW_ORIGIN_##o
		{ CW_KIND_OPEN, CAMERA(REMOTE), CW_CLASS_REMOTE, CW_SEVERITY_HIGH, "T1125" },
		{ CW_KIND_STREAM, CAMERA(LOGIN), CW_CLASS_EMPLOYEE, CW_SEVERITY_HIGH, "T1125" },
		{ CW_KIND_OPEN, CAMERA(SERVICE), CW_CLASS_SERVICE, CW_SEVERITY_HIGH, "T1125" },
		{ CW_KIND_OPEN, CW_ASSET_MICROPHONE, CW_ORIGIN_KERNEL, CW_CLASS_SERVICE,
		  CW_SEVERITY_HIGH, "T1123" },
		{ CW_KIND_DENIED, CAMERA(REMOTE), CW_CLASS_REMOTE, CW_SEVERITY_MEDIUM, "T1125" },
		{ CW_KIND_OPEN, FILES(REMOTE), CW_CLASS_REMOTE, CW_SEVERITY_HIGH, "T1005" },
		{ CW_KIND_OPEN, FILES(LOGIN), CW_CLASS_EMPLOYEE, CW_SEVERITY_MEDIUM, "T1005" },
		{ CW_KIND_OPEN, FILES(UNKNOWN), CW_CLASS_SERVICE, CW_SEVERITY_MEDIUM, "T1005" },
		{ CW_KIND_UNLINK, FILES(LOGIN), CW_CLASS_EMPLOYEE, CW_SEVERITY_HIGH,
		  "T1070.004" },
		{ CW_KIND_TRUNCATE, FILES(REMOTE), CW_CLASS_REMOTE, CW_SEVERITY_HIGH,
		  "T1070.004" },
		{ CW_KIND_UNLINK, FILES(CONTAINER), CW_CLASS_SERVICE, CW_SEVERITY_MEDIUM,
		  "T1070.004" },
		{ CW_KIND_RENAME, FILES(LOGIN), CW_CLASS_EMPLOYEE, CW_SEVERITY_MEDIUM,
		  "T1565.001" },
		{ CW_KIND_RAWDISK, CW_ASSET_DISK, CW_ORIGIN_LOGIN, CW_CLASS_EMPLOYEE,
		  CW_SEVERITY_HIGH, "T1006" },
	};
	cw_auto_policy struct cw_policy *p = make("grants: []\n");

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		struct cw_event e = event(cases[i].kind, cases[i].asset);

		e.origin.type = cases[i].origin;
		is_flagged(p, &e, "no grant is for this asset");
		assert_int_equal(e.verdict.class, cases[i].class);
		assert_int_equal(e.verdict.severity, cases[i].severity);
		assert_string_equal(e.verdict.technique, cases[i].technique);
	}
}

static void is_fixed(struct cw_policy *p, struct cw_event *e, const char *rule,
		     enum cw_class class, enum cw_severity severity)
{
	cw_policy_judge(p, e);
	assert_int_equal(e->verdict.decision, CW_DECISION_FLAG);
	assert_string_equal(e->verdict.rule, rule);
	assert_int_equal(e->verdict.class, class);
	assert_int_equal(e->verdict.severity, severity);
	assert_non_null(e->verdict.why);
}

static void has_rules_of_its_own(void **state)
{
	static const enum cw_kind unjudged[] = { CW_KIND_START, CW_KIND_STOP, CW_KIND_POLICY,
						 CW_KIND_COVERAGE, CW_KIND_CANARY, CW_KIND_MAX };
	cw_auto_policy struct cw_policy *p = make_to("to: anyone");
	struct cw_event e;

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_SIZE(unjudged); i++) {
		e = event(unjudged[i], CW_ASSET_NONE);
		e.verdict.decision = CW_DECISION_FLAG;
		cw_policy_judge(p, &e);
		assert_int_equal(e.verdict.decision, CW_DECISION_NONE);
		assert_null(e.verdict.rule);
	}
	e = event(CW_KIND_CANARY, CW_ASSET_NONE);
	cw_event_add_bool(&e, "ok", true);
	cw_policy_judge(p, &e);
	assert_int_equal(e.verdict.decision, CW_DECISION_NONE);
	e = event(CW_KIND_CANARY, CW_ASSET_NONE);
	cw_event_add_bool(&e, "ok", false);
	cw_event_add_string(&e, "wrong", "no answer");
	is_fixed(p, &e, "canary", CW_CLASS_BLIND, CW_SEVERITY_CRITICAL);
	assert_string_equal(e.verdict.why,
			    "the canary's own access was not seen as it was made: no answer");
	e = event(CW_KIND_GAP, CW_ASSET_NONE);
	is_fixed(p, &e, "gap", CW_CLASS_BLIND, CW_SEVERITY_CRITICAL);
	cw_event_add_uint(&e, "lost", 7);
	cw_event_add_string(&e, "class", "files");
	is_fixed(p, &e, "gap", CW_CLASS_BLIND, CW_SEVERITY_HIGH);
	assert_string_equal(e.verdict.why, "7 events were lost, class files");
	e = event(CW_KIND_TAMPER, CW_ASSET_SELF);
	is_fixed(p, &e, "tamper", CW_CLASS_TAMPER, CW_SEVERITY_CRITICAL);
	assert_string_equal(e.verdict.technique, "T1562.001");
	cw_event_add_string(&e, "what", "output");
	is_fixed(p, &e, "tamper", CW_CLASS_TAMPER, CW_SEVERITY_MEDIUM);
	e = event(CW_KIND_TAMPER, CW_ASSET_SELF);
	cw_event_add_string(&e, "what", "kernel module");
	e.origin.type = CW_ORIGIN_LOGIN;
	is_fixed(p, &e, "tamper", CW_CLASS_TAMPER, CW_SEVERITY_HIGH);
	e.origin.type = CW_ORIGIN_SERVICE;
	cw_policy_judge(p, &e);
	assert_int_equal(e.verdict.decision, CW_DECISION_ALLOW);
	assert_string_equal(e.verdict.rule, "everyday");
	e = event(CW_KIND_TAMPER, CW_ASSET_SELF);
	cw_event_add_string(&e, "what", "kernel memory");
	cw_event_add_string(&e, "name", "/dev/mem");
	e.origin.type = CW_ORIGIN_LOGIN;
	is_fixed(p, &e, "tamper", CW_CLASS_TAMPER, CW_SEVERITY_HIGH);
	e.origin.type = CW_ORIGIN_SERVICE;
	cw_policy_judge(p, &e);
	assert_string_equal(e.verdict.rule, "everyday");
	e = event(CW_KIND_TAMPER, CW_ASSET_SELF);
	cw_event_add_string(&e, "what", "kernel memory");
	cw_event_add_string(&e, "name", "/proc/kcore");
	e.origin.type = CW_ORIGIN_SERVICE;
	is_fixed(p, &e, "tamper", CW_CLASS_TAMPER, CW_SEVERITY_HIGH);
	e = event(CW_KIND_OPEN, CW_ASSET_SELF);
	is_fixed(p, &e, "tamper", CW_CLASS_TAMPER, CW_SEVERITY_CRITICAL);
	e = event(CW_KIND_CLOSE, CW_ASSET_MICROPHONE); /* nobody is granted it */
	cw_policy_judge(p, &e);
	assert_int_equal(e.verdict.decision, CW_DECISION_NONE);
	assert_string_equal(e.verdict.rule, "close");
	assert_string_equal(e.asset.name, "mics");
}

static void gives_the_reason(void **state)
{
	cw_auto_policy struct cw_policy *p = make_to("to: anyone\n  reason: TICKET-42");
	struct cw_event e = event(CW_KIND_OPEN, CW_ASSET_CAMERA);

	(void)state;
	cw_policy_judge(p, &e);
	assert_int_equal(e.verdict.decision, CW_DECISION_ALLOW);
	assert_string_equal(e.verdict.why, "TICKET-42");
}

static void nothing_known_harms_nothing(void **state)
{
	cw_auto_policy struct cw_policy *p =
		make("grants:\n- name: g\n  allow: [open, stream, write, delete]\n"
		     "  on: [cameras, microphones, recordings, shm, disks]\n"
		     "  to: {exe: /a, sha256: " HEX ", user: u, unit: u.service, container: c,"
		     " login: l, origin: remote, peer: 10.0.0.0/8, parent: /a, ancestor: /a}\n"
		     "  limit: {files: 1/day, cameras: 1/day, minutes: 1/day}\n"
		     "- name: h\n  allow: [open, stream, write, delete]\n"
		     "  on: [cameras, microphones, recordings, shm, disks]\n"
		     "  to: anyone\n  limit: {files: 1/day, cameras: 1/day, minutes: 1/day}\n");

	(void)state;
	for (int kind = 0; kind <= CW_KIND_MAX; kind++)
		for (int asset = 0; asset <= CW_ASSET_KIND_MAX; asset++)
			for (int result = -1; result < 2; result++) {
				struct cw_event e = { .kind = (enum cw_kind)kind,
						      .result = result };

				e.asset.kind = (enum cw_asset_kind)asset;
				cw_policy_judge(p, &e);
				assert_true(e.verdict.decision < CW_DECISION_MAX);
				if (e.verdict.decision == CW_DECISION_FLAG)
					assert_non_null(e.verdict.why);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_the_device),
		cmocka_unit_test(names_the_folder),
		cmocka_unit_test(kinds_need_their_verbs),
		cmocka_unit_test(one_grant_covers_the_whole_access),
		cmocka_unit_test(knows_programs), cmocka_unit_test(knows_code),
		cmocka_unit_test(knows_users),
		cmocka_unit_test(knows_units_and_containers),
		cmocka_unit_test(knows_people),
		cmocka_unit_test(knows_networks),
		cmocka_unit_test(knows_ancestors),
		cmocka_unit_test(knows_times),
		cmocka_unit_test(knows_hours_and_days),
		cmocka_unit_test(clocks_are_the_policys),
		cmocka_unit_test(names_the_nearest_grant),
		cmocka_unit_test(grades_flags),
		cmocka_unit_test(has_rules_of_its_own),
		cmocka_unit_test(gives_the_reason),
		cmocka_unit_test(nothing_known_harms_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
