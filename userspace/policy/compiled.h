/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy as it is judged by: grants whose conditions stand in a fixed order, and for each asset
 * the grants that name it. Private to the policy module.
 */
#ifndef CW_POLICY_COMPILED_H
#define CW_POLICY_COMPILED_H

#include "policy/policy.h"
#include "policy/tree.h"
#include "policy/value.h"

#define CW_POLICY_NO_ASSET SIZE_MAX

/* In the order in which they are tried, and in which "the first that failed" is meant. */
enum cw_policy_cond_kind {
	CW_POLICY_EXE,
	CW_POLICY_SHA256,
	CW_POLICY_USER,
	CW_POLICY_UNIT,
	CW_POLICY_CONTAINER,
	CW_POLICY_LOGIN,
	CW_POLICY_ORIGIN,
	CW_POLICY_PEER,
	CW_POLICY_PARENT,
	CW_POLICY_ANCESTOR,
	CW_POLICY_CODE, /* written "any", it is none; else that of who names an executable */
	CW_POLICY_FROM, /* from here on: fields of the grant, no values */
	CW_POLICY_UNTIL,
	CW_POLICY_HOURS,
	CW_POLICY_DAYS,
	CW_POLICY_COND_MAX,
};

struct cw_policy_value {
	const char *text; /* as messages show it */
	size_t len;
	bool pattern; /* text is a pattern */
	bool number;  /* user, login: `uid` is meant, not a name */
	union {
		uint32_t uid;
		enum cw_origin_type origin;
		struct cw_policy_net net;
	};
};

/* Holds if any of the values does. */
struct cw_policy_cond {
	enum cw_policy_cond_kind kind;
	unsigned int line;
	unsigned int column;
	bool sound; /* every value could be read */
	struct cw_policy_value *values;
	size_t n;
};

enum cw_policy_limit {
	CW_POLICY_FILES,
	CW_POLICY_CAMERAS,
	CW_POLICY_MINUTES,
	CW_POLICY_LIMIT_MAX,
};

struct cw_policy_grant_rules {
	struct cw_policy_grant pub;
	const char *rule; /* "grant 'x'" */
	unsigned int column;
	bool sound; /* no fault was found in it */
	unsigned int verbs;
	bool *on; /* by asset */
	struct cw_policy_cond conds[CW_POLICY_COND_MAX];
	size_t n_conds;
	unsigned int hours_from; /* minutes of the day */
	unsigned int hours_to;
	unsigned int days; /* bit 0: Monday */
	bool limited;
	struct cw_policy_rate limits[CW_POLICY_LIMIT_MAX];
};

/*
 * What rules most grants out at a glance. `exe_filter` has the bit of every executable that the
 * grant names; all bits, if that is left open.
 */
struct cw_policy_candidate {
	uint64_t exe_filter;
	uint16_t grant;
	uint8_t verbs;
};

struct cw_policy_asset_rules {
	struct cw_policy_asset pub;
	unsigned int column;
	bool sound; /* no fault was found in it */
	uint8_t weight; /* of what the description states; the heaviest match wins */
	/* Grants on this asset: those without a limit first, each part in the order of the file. */
	struct cw_policy_candidate *grants;
	size_t n_grants;
};

/* What an event's asset is held against; small, for it is done for every event. */
struct cw_policy_rank {
	const char *path; /* NULL: a device */
	uint32_t path_len;
	uint16_t asset;
	uint8_t weight;
};

struct cw_policy_usage;

struct cw_policy {
	struct cw_policy_arena arena;
	const char *name;
	char *text;
	size_t len;
	char sha256[65];
	int offset_s; /* of the time zone */
	struct cw_policy_asset_rules *assets;
	size_t n_assets;
	/* By kind: the first of its assets that fits is the one meant. */
	struct {
		struct cw_policy_rank *rank;
		size_t n;
	} kinds[CW_ASSET_KIND_MAX];
	struct cw_policy_grant_rules *grants;
	size_t n_grants;
	struct cw_policy_usage *usage; /* NULL: no grant has a limit */
	struct cw_buf why;
	bool view; /* all but `why` belongs to another one */
};

#define CW_POLICY_TAMPER_TECHNIQUE "T1562.001" /* Impair Defenses: Disable or Modify Tools */

extern const char *const cw_policy_cond_names[CW_POLICY_COND_MAX];
extern const char *const cw_policy_limit_names[CW_POLICY_LIMIT_MAX];

/* parse.c: fills a zeroed policy whose text is set. */
int cw_policy_compile(struct cw_policy *p, struct cw_policy_faults *faults);

/* check.c: what only the whole shows; adds faults. */
struct cw_policy_reader;
void cw_policy_check_grant(struct cw_policy_reader *r, const struct cw_policy *p,
			   const struct cw_policy_grant_rules *g);
void cw_policy_check_doubles(struct cw_policy_reader *r, const struct cw_policy *p);

/* match.c */
/* Index of the asset that the event is about, or CW_POLICY_NO_ASSET. */
size_t cw_policy_match_asset(const struct cw_policy *p, const struct cw_asset *asset);
/* True if `path` is `dir` or lies below it, by whole components. */
bool cw_policy_is_below(const char *path, const char *dir, size_t dir_len);
/* The bit of an executable in filters; NULL has one too. */
uint64_t cw_policy_exe_bit(const char *exe);
uint64_t cw_policy_exe_filter(const struct cw_policy_grant_rules *g);
/* Number of conditions that hold before the first that does not; n_conds: all hold. */
size_t cw_policy_match_conds(const struct cw_policy *p, const struct cw_policy_grant_rules *g,
			     const struct cw_event *e);
/* Says why condition `i` of the grant does not hold. */
void cw_policy_explain(const struct cw_policy *p, const struct cw_policy_grant_rules *g, size_t i,
		       const struct cw_event *e, struct cw_buf *out);

/* limit.c */
struct cw_policy_excess {
	size_t grant;
	enum cw_policy_limit limit;
	uint32_t count;	     /* files, cameras */
	uint64_t counted_ns; /* minutes */
	int64_t window_s;    /* start of the window, seconds since 1970 */
	bool shared;	     /* counted together with other people: the table was full */
	bool forgetful;	     /* too much may be counted: not all was known or found room */
};

int cw_policy_usage_new(const struct cw_policy *p, struct cw_policy_usage **ret_usage);
void cw_policy_usage_free(struct cw_policy_usage *u);
/* Counts the access for a grant that covers it; false: over a limit, see *ret_excess. */
bool cw_policy_limit_charge(struct cw_policy *p, size_t grant, size_t asset,
			    const struct cw_event *e, struct cw_policy_excess *ret_excess);
/*
 * A descriptor is gone: ends the time that ran for it. *ret_known: there was such time. True: a
 * limit of minutes is exceeded by it.
 */
bool cw_policy_limit_close(struct cw_policy *p, const struct cw_event *e, bool *ret_known,
			   struct cw_policy_excess *ret_excess);
/* The same where the open was not seen: the event's own seconds count for these grants. */
bool cw_policy_limit_add_unseen(struct cw_policy *p, const uint16_t *grants, size_t n,
				const struct cw_event *e, struct cw_policy_excess *ret_excess);
/* The time of an event that was judged. */
void cw_policy_limit_saw(struct cw_policy *p, uint64_t now);
/* The agent starts or stops: nothing that was open is known to be any more. */
void cw_policy_limit_forget_open(struct cw_policy *p, const struct cw_event *e);

/* grade.c: class, severity and technique of a flag on an access. */
void cw_policy_grade(const struct cw_event *e, enum cw_class class, struct cw_verdict *ret_verdict);
/* The class of an access that no grant covers: by who is behind it. */
enum cw_class cw_policy_class(const struct cw_event *e);
/* Severity of a gap, by what was lost. */
enum cw_severity cw_policy_gap_severity(const struct cw_event *e);

#endif
