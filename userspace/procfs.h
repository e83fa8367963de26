/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process as the agent would remember it, from /proc alone: who it is, who logged in, what it
 * descends from, which connection it was spawned for. Reads only; what cannot be read is unknown.
 */
#ifndef CW_PROCFS_H
#define CW_PROCFS_H

#include "model/process.h"

struct cw_procfs; /* the connections of this machine, read once */

int cw_procfs_new(struct cw_procfs **ret_procfs);
void cw_procfs_free(struct cw_procfs *p);
/*
 * Fills both; cw_procfs_forget() frees what the first holds. -ESRCH: there is no such process.
 * `conn`: look for the connection, too.
 */
int cw_procfs_read(struct cw_procfs *p, uint32_t pid, bool conn, struct cw_proc *ret_proc,
		   struct cw_actor *ret_actor);
void cw_procfs_forget(struct cw_proc *proc);
/* Target of /proc/PID/NAME, to be freed; NULL: it cannot be read. */
char *cw_procfs_link(uint32_t pid, const char *name);

#endif
