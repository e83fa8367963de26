/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least policy that would have allowed what services did in a stream of events: for each asset
 * the executable, its hash, unit, user, container and origin, with the verbs that were used. What
 * people did, and what cannot be told or written exactly, is listed in comments and not granted.
 * Memory is bounded; what found no room is counted, and said in the policy.
 *
 * The same events give the same bytes. Owns copies of what it keeps of them.
 */
#ifndef CW_LEARN_H
#define CW_LEARN_H

#include "policy/policy.h"

struct cw_learn;

struct cw_learn_summary {
	unsigned int assets, grants, rare; /* rare: grants of which some rest on few accesses */
	unsigned int decisions;		   /* groups of accesses that are left for a decision */
	uint64_t undecided;		   /* the accesses in them, and those without room */
};

/*
 * `known`: its assets are taken over as they are, and nothing else of it; NULL: none. It must live
 * on. Grants that rest on fewer than `min` accesses say so.
 */
int cw_learn_new(const struct cw_policy *known, unsigned int min, struct cw_learn **ret_learn);
void cw_learn_free(struct cw_learn *l);
/* Not all that was seen is in the events: the policy says so. */
void cw_learn_kept(struct cw_learn *l);
/* In the order of the stream. Names of assets are taken from events that were judged. */
int cw_learn_add(struct cw_learn *l, const struct cw_event *e);
/*
 * Appends the policy; nothing can be added afterwards. It was parsed: -EINVAL and its faults in
 * `errors` would be a fault of this module.
 */
int cw_learn_write(struct cw_learn *l, struct cw_buf *errors, struct cw_buf *ret_yaml,
		   struct cw_learn_summary *ret_summary);

#endif
