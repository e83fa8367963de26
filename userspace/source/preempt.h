/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can one process take the processor from another that is inside the kernel? Where it can, a
 * program of the kind fentry is left out while another run of it is interrupted (the kernel's guard
 * against recursion, prog->active); a program of BPF LSM never is.
 */
#ifndef CW_PREEMPT_H
#define CW_PREEMPT_H

#include "base/base.h"

/* When in doubt, true. */
bool cw_preempt_in_kernel(void);

/*
 * The same from what the kernel says: `version` as uname(2) has it, `mode` as in debugfs,
 * sched/preempt (5.12; NULL: cannot be read).
 */
bool cw_preempt_parse(const char *version, const char *mode);

#endif
