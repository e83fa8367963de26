/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a key reaches over several traces. Each carries the links of the last 256 starts only;
 * but a root that one of them proves is a key for the next. Reads no more than the links, and says
 * nothing of what the traces hold.
 */
#ifndef CW_TRACE_ROOTS_H
#define CW_TRACE_ROOTS_H

#include "trace/format.h"

/*
 * For each trace a key to verify it by: a root in its links that the given key leads to by links of
 * the traces, or the given key itself if there is none. What can be read but once is left out, such
 * as a pipe, and so is what cannot be read. -ENOMEM.
 */
int cw_trace_roots_follow(const uint8_t key[CW_TRACE_KEY], char *const *paths, unsigned int n,
			  uint8_t (*ret_keys)[CW_TRACE_KEY]);

#endif
