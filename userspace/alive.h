/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that says until when the agent was running, for the next one: if no orderly end removed
 * it, there is a hole. Owns the file. Written through memory, so that it survives a SIGKILL to the
 * last moment; a power cut takes what was not on disk, half a minute as a rule.
 */
#ifndef CW_ALIVE_H
#define CW_ALIVE_H

#include "base/base.h"

#define CW_STATE_DIR "/var/lib/camwarden"

struct cw_alive;

/* What one that ended without a word left. */
struct cw_alive_hole {
	char boot_id[40];
	uint64_t boot_ns, wall_ns; /* last sign of life */
	uint32_t pid;
};

/*
 * Takes up `dir` (made, mode 0700, if it is not there): `fn` is told of each that is not running
 * any more, whose file goes; those of running agents stay. Negative errno: no file of our own.
 */
int cw_alive_open(const char *dir, const char *boot_id,
		  void (*fn)(void *ctx, const struct cw_alive_hole *h), void *ctx,
		  struct cw_alive **ret_alive);
/* A sign of life. NULL: there is no file. */
void cw_alive_sign(struct cw_alive *a, uint64_t boot_ns, uint64_t wall_ns);
const char *cw_alive_path(const struct cw_alive *a);
/* The orderly end. */
void cw_alive_close(struct cw_alive *a);

#endif
