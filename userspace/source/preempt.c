// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "source/preempt.h"

/* <linux/mount.h>, which collides with the C library's. */
#define FSCONFIG_CREATE	    6
#define MOUNT_FLAGS	    0

/* debugfs, mounted nowhere; -1: not to be had. */
static int open_debugfs(void)
{
	cw_auto_close int context = (int)syscall(SYS_fsopen, "debugfs", 1 /* FSOPEN_CLOEXEC */);

	if (context < 0 || syscall(SYS_fsconfig, context, FSCONFIG_CREATE, NULL, NULL, 0))
		return -1;
	return (int)syscall(SYS_fsmount, context, 1 /* FSMOUNT_CLOEXEC */, MOUNT_FLAGS);
}

bool cw_preempt_parse(const char *version, const char *mode)
{
	if (!strstr(version, "PREEMPT"))
		return false;
	/* "none (voluntary) full": the mode in force stands in brackets. */
	if (strstr(version, "PREEMPT_DYNAMIC") && mode)
		return !strstr(mode, "(none)") && !strstr(mode, "(voluntary)");
	return true;
}

bool cw_preempt_in_kernel(void)
{
	cw_auto_close int debugfs = -1, fd = -1;
	char mode[64];
	struct utsname u;
	ssize_t n = -1;

	if (uname(&u))
		return true;
	if (strstr(u.version, "PREEMPT_DYNAMIC")) {
		debugfs = open_debugfs();
		if (debugfs >= 0)
			fd = openat(debugfs, "sched/preempt", O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			n = read(fd, mode, sizeof(mode) - 1);
		if (n > 0)
			mode[n] = '\0';
	}
	return cw_preempt_parse(u.version, n > 0 ? mode : NULL);
}
