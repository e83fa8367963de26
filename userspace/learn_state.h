/* SPDX-License-Identifier: Apache-2.0 */
/* What learn.c gathers and learn_write.c writes. Private to the two. */
#ifndef CW_LEARN_STATE_H
#define CW_LEARN_STATE_H

#include "learn.h"
#include "tally.h"

#define CW_LEARN_ASSETS_MAX    512 /* new ones; with known ones no more than a policy may have */
#define CW_LEARN_USES_MAX      8192 /* one subject on one object */
#define CW_LEARN_DECISIONS_MAX 2048
#define CW_LEARN_ASSET_BYTES   (128u << 10) /* of names, so that they fit into a policy */
#define CW_LEARN_KEY_BYTES     (16u << 20)
#define CW_LEARN_TEXT_LEN      200 /* of who, and of what, in a decision */
#define CW_LEARN_POLICY_MAX    1024 /* assets of a policy, and grants */

/* How an asset is described. */
enum cw_learn_by { CW_LEARN_BY_ID, CW_LEARN_DEVICE, CW_LEARN_PATH };

/* An asset that no known one describes. */
struct cw_learn_asset {
	struct cw_tally_entry tally;
	enum cw_asset_kind kind;
	enum cw_learn_by by;
	char *text; /* the link, the node or the folder */
	char *hint; /* what the policy of the trace calls it; NULL */
	unsigned int number; /* in the order in which they came */
};

/* What one subject did to one object, as far as matching an asset looks at the object. */
struct cw_learn_use {
	struct cw_tally_entry tally;
	struct cw_asset object;
	unsigned int assets_before; /* assets that had come when the first of it was seen */
	char *exe, *sha256, *unit, *user, *container;
	char *code; /* of what foreign code it ran first, in words; NULL: of none */
	enum cw_origin_type origin;
	unsigned int verbs;
	uint64_t flagged; /* by the policy that was in force */
	uint64_t day, day_count, day_max; /* accesses of one day, UTC */
};

enum cw_learn_reason {
	CW_LEARN_PERSON,
	CW_LEARN_STRANGER, /* of unknown origin */
	CW_LEARN_KERNEL,
	CW_LEARN_NO_EXE,
	CW_LEARN_DELETED_EXE,
	CW_LEARN_NO_ASSET,
	CW_LEARN_ACT, /* a kind of access that no service needs */
	CW_LEARN_UNWRITABLE,
	CW_LEARN_REASON_MAX,
};

struct cw_learn_decision {
	struct cw_tally_entry tally;
	enum cw_learn_reason reason;
	char *who;  /* and from where */
	char *what; /* with which program */
};

struct cw_learn {
	const struct cw_policy *known;
	unsigned int min;
	struct cw_tally *assets, *uses, *decisions;
	uint64_t events, refused, gaps, first_ns, last_ns;
	uint64_t without_room; /* accesses that are not granted because a table was full */
	char *hub;
	bool several_hubs, kept;
	struct cw_buf key, text;
};

#endif
