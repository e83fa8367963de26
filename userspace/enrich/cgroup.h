/* SPDX-License-Identifier: Apache-2.0 */
/* What a control group's path says: systemd unit and container. Pure text. */
#ifndef CW_CGROUP_H
#define CW_CGROUP_H

#include "base/base.h"

#define CW_UNIT_SIZE 256

/*
 * Sets the innermost unit ("motion.service", "session-1.scope", "user@1000.service/app.service" is
 * given as "app.service") and the container's id (12 hexadecimal digits for docker, podman, crio,
 * containerd, kubepods; the name for lxc and nspawn). Empty strings where there is none. systemd's
 * escapes (\x2d) are undone. Slices are no units here: no process is of a slice.
 *
 * Of nested containers the outermost counts: it alone was named by the hub and not from within.
 */
void cw_cgroup_parse(const char *cgroup, char ret_unit[CW_UNIT_SIZE],
		     char ret_container[CW_UNIT_SIZE]);
/*
 * True if the unit that cw_cgroup_parse() gives can only have been made by the system's manager:
 * nothing but slices is above it. Below another unit, a container or a group of somebody's own,
 * whoever that part of the tree was delegated to (a user's own manager, by "systemd-run --user
 * --unit=motion") may call a group whatever he likes, so a unit there proves nothing. False if
 * there is no unit.
 */
bool cw_cgroup_unit_is_system(const char *cgroup);

#endif
