/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was there before the agent: processes and watched open files (the programs in the kernel
 * take those in by themselves) and the connections that sessions came by, which are worked out
 * here: a process that holds a connection to a port on which another one listens was spawned for
 * that peer, and so were its descendants.
 */
#ifndef CW_SEED_H
#define CW_SEED_H

#include "source/kernel.h"

/* *ret_sessions: how many processes were found to stem from a connection. */
int cw_seed_run(struct cw_kernel *k, unsigned int *ret_sessions);

#endif
