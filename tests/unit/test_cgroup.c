// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: unit and container of every spelling of a control group that is in the field,
 * no trust in names that a user or a container can make up, and no harm from hostile text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "enrich/cgroup.h"

#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHORT "0123456789ab"
#define OTHER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define POD   "kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1_2.slice"

static const struct {
	const char *cgroup, *unit, *container;
	bool system;
} cases[] = {
	{ "", "", "", false },
	{ "/", "", "", false },
	{ "///", "", "", false },
	{ "/user.slice", "", "", false },
	{ "/init.scope", "init.scope", "", true },
	{ "/system.slice/motion.service", "motion.service", "", true },
	{ "system.slice//motion.service/", "motion.service", "", true },
	{ "/system.slice/motion.service (deleted)", "motion.service", "", true },
	{ "/system.slice/motion.service/worker", "motion.service", "", true },
	{ "/system.slice/sshd.socket", "sshd.socket", "", true },
	{ "/user.slice/user-1001.slice/session-1.scope", "session-1.scope", "", true },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/app-foo.service",
	  "app-foo.service", "", false },
	{ "/user.slice/user-1000.slice/user@1000.service/app.service", "app.service", "", false },
	{ "/user.slice/user-1000.slice/user@1000.service", "user@1000.service", "", true },
	/* Templates and escapes. */
	{ "/system.slice/system-mjpg_streamer.slice/mjpg_streamer@video0.service",
	  "mjpg_streamer@video0.service", "", true },
	{ "/system.slice/mjpg\\x2dstreamer.service", "mjpg-streamer.service", "", true },
	{ "/system.slice/dev-disk-by\\x2did.swap", "dev-disk-by-id.swap", "", true },
	{ "/system.slice/_cgroup.service", "cgroup.service", "", true },
	{ "/system.slice/a\\x00b.service", "a\\x00b.service", "", true },
	{ "/system.slice/a\\x2fb.service", "a\\x2fb.service", "", true },
	{ "/system.slice/a\\x2.service", "a\\x2.service", "", true },
	{ "/system.slice/\\x2d\\x2D\\x", "", "", false },
	/* Not units. */
	{ "/system.slice/.service", "", "", false },
	{ "/system.slice/motion.services", "", "", false },
	{ "/system.slice/service", "", "", false },
	/* Container engines. */
	{ "/system.slice/docker-" ID ".scope", "docker-" ID ".scope", SHORT, true },
	{ "/docker/" ID, "", SHORT, false },
	{ "/docker/" ID "/system.slice/x.service", "x.service", SHORT, false },
	{ "/machine.slice/libpod-" ID ".scope", "libpod-" ID ".scope", SHORT, true },
	{ "/machine.slice/libpod-" ID ".scope/container", "libpod-" ID ".scope", SHORT, true },
	{ "/machine.slice/libpod-conmon-" ID ".scope", "libpod-conmon-" ID ".scope", "", true },
	{ "/libpod_parent/libpod-" ID, "", SHORT, false },
	{ "/" POD "/cri-containerd-" ID ".scope", "cri-containerd-" ID ".scope", SHORT, true },
	{ "/" POD "/crio-" ID ".scope", "crio-" ID ".scope", SHORT, true },
	{ "/" POD "/crio-conmon-" ID ".scope", "crio-conmon-" ID ".scope", "", true },
	{ "/kubepods/besteffort/pod12/" ID, "", SHORT, false },
	{ "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" ID,
	  "containerd.service", SHORT, true },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope",
	  "libpod-" ID ".scope", SHORT, false },
	{ "/docker/" ID "/docker/" OTHER, "", SHORT, false },
	{ "/system.slice/docker-x" ID ".scope", "docker-x" ID ".scope", "", true },
	{ "/docker/0123456789abcdef", "", "", false },
	{ "/docker/" ID "0", "", "", false },
	/* LXC. */
	{ "/lxc.payload.cam.hub", "", "cam.hub", false },
	{ "/lxc.payload.hub/system.slice/motion.service", "motion.service", "hub", false },
	{ "/lxc.monitor.hub", "", "", false },
	{ "/lxc/101/ns/system.slice/cron.service", "cron.service", "101", false },
	{ "/lxc.payload/hub", "", "hub", false },
	{ "/lxc.payload.", "", "", false },
	{ "/lxc", "", "", false },
	/* nspawn and machined. */
	{ "/machine.slice/systemd-nspawn@hub.service", "systemd-nspawn@hub.service", "hub", true },
	{ "/machine.slice/systemd-nspawn@my\\x2dhub.service/payload",
	  "systemd-nspawn@my-hub.service", "my-hub", true },
	{ "/machine.slice/systemd-nspawn@hub.service/supervisor", "systemd-nspawn@hub.service",
	  "", true },
	{ "/machine.slice/systemd-nspawn@hub.service/payload/system.slice/a.service", "a.service",
	  "hub", false },
	{ "/machine.slice/machine-hub.scope", "machine-hub.scope", "hub", true },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", "machine-qemu-1-vm.scope", "", true },
	/* Made up by whom a part of the tree was given to. */
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/motion.service",
	  "motion.service", "", false },
	{ "/system.slice/webcamd.service/motion.service", "motion.service", "", false },
	{ "/delegated/motion.service", "motion.service", "", false },
};

static void parses_every_spelling(void **state)
{
	char unit[CW_UNIT_SIZE], container[CW_UNIT_SIZE];

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		const char *cgroup = cases[i].cgroup;

		cw_cgroup_parse(cgroup, unit, container);
		if (strcmp(unit, cases[i].unit) || strcmp(container, cases[i].container))
			fail_msg("%s: unit \"%s\", container \"%s\"", cgroup, unit, container);
		if (cw_cgroup_unit_is_system(cgroup) != cases[i].system)
			fail_msg("%s: a unit of the system's manager: %d", cgroup,
				 !cases[i].system);
	}
}

static void knows_nothing_of_null(void **state)
{
	char unit[CW_UNIT_SIZE] = "x", container[CW_UNIT_SIZE] = "x";

	(void)state;
	cw_cgroup_parse(NULL, unit, container);
	assert_string_equal(unit, "");
	assert_string_equal(container, "");
	assert_false(cw_cgroup_unit_is_system(NULL));
}

static void leaves_out_what_does_not_fit(void **state)
{
	char unit[CW_UNIT_SIZE], container[CW_UNIT_SIZE];
	static char cgroup[70000];

	(void)state;
	/* The longest name that the kernel takes fits exactly. */
	memset(cgroup, 'a', 255);
	memcpy(cgroup + 255 - 8, ".service", 9);
	cw_cgroup_parse(cgroup, unit, container);
	assert_string_equal(unit, cgroup);

	memset(cgroup, 'a', sizeof(cgroup) - 1);
	memcpy(cgroup + sizeof(cgroup) - 9, ".service", 9);
	cw_cgroup_parse(cgroup, unit, container);
	assert_string_equal(unit, "");

	memset(cgroup, '/', 69000);
	memcpy(cgroup + 69000, "m.service", 10);
	cw_cgroup_parse(cgroup, unit, container);
	assert_string_equal(unit, "m.service");
}

static void hands_on_bytes(void **state)
{
	char unit[CW_UNIT_SIZE], container[CW_UNIT_SIZE];

	(void)state;
	cw_cgroup_parse("/system.slice/\xff\xfe\n\x1b[2J.service", unit, container);
	assert_string_equal(unit, "\xff\xfe\n\x1b[2J.service");
	cw_cgroup_parse("/lxc.payload.\xc3(", unit, container);
	assert_string_equal(container, "\xc3(");
	cw_cgroup_parse("/system.slice/\\xff.service", unit, container);
	assert_string_equal(unit, "\xff.service");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_every_spelling),
		cmocka_unit_test(knows_nothing_of_null),
		cmocka_unit_test(leaves_out_what_does_not_fit),
		cmocka_unit_test(hands_on_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
