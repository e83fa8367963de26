/* SPDX-License-Identifier: Apache-2.0 */
/* Gives up rights. Of the calling thread alone, as the kernel has it; nothing gives them back. */
#ifndef CW_CAPS_H
#define CW_CAPS_H

#include "base/base.h"

/*
 * Keeps, of the capabilities that the thread has, those in `mask` (1 << CAP_…), and bars it from
 * getting others by running a program. 0 gives up all. Negative errno.
 */
int cw_caps_keep(uint64_t mask);
/*
 * Of the process: a program that it runs has no more rights than itself, it leaves no core, and
 * only who may trace anything may look into it. Before any thread is made.
 */
void cw_caps_close_process(void);

#endif
