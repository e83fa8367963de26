/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof that the whole path works: the agent opens an object of its own, an unnamed file in memory
 * that carries a mark like any recording, and checks the event that the probes make of it.
 */
#ifndef CW_CANARY_H
#define CW_CANARY_H

#include "decode/decode.h"
#include "source/kernel.h"

#define CW_CANARY_ASSET 0xfffffffeu /* index of the canary's mark; no tree has it */

struct cw_canary {
	struct cw_kernel *kernel;
	int fd; /* the object; -1: none */
	uint64_t ino;
	bool flying; /* opened, and its event is awaited */
	uint64_t since_ns;
	char exe[512]; /* what the event has to say */
	char wrong[256];
};

/* Negative errno: no canary can be had (the message of cw_canary_late says so at each try). */
int cw_canary_start(struct cw_canary *c, struct cw_kernel *k);
void cw_canary_stop(struct cw_canary *c);
/* Opens the object. */
void cw_canary_fly(struct cw_canary *c, uint64_t now_ns);
/*
 * Is this the canary's event? 1: yes and right, -1: yes and wrong (c->wrong says how), 0: another.
 */
int cw_canary_check(struct cw_canary *c, const struct cw_event *e,
		    const struct cw_decoded_record *r);

#endif
