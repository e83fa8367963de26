/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy: what is watched (assets), who may (grants), and the verdict on one event. Reads
 * nothing but the event, its facts and event time, so that live and replay agree. Owns the text of
 * the policy and the usage that limits count. docs/policy.md is the language.
 */
#ifndef CW_POLICY_H
#define CW_POLICY_H

#include "base/buf.h"
#include "model/event.h"

struct cw_policy;

/* An asset as the policy describes it; strings belong to the policy, NULL: not given. */
struct cw_policy_asset {
	const char *name;
	enum cw_asset_kind kind;
	const char *device; /* "/dev/video0" or a link to it */
	const char *card;
	const char *bus;
	const char *by_id;
	const char *path; /* recordings and shm: absolute directory, no trailing slash */
	unsigned int line; /* in the policy, for messages */
};

/* What a grant can allow; bits. */
enum cw_policy_verb {
	CW_POLICY_OPEN = 1 << 0,
	CW_POLICY_STREAM = 1 << 1,
	CW_POLICY_WRITE = 1 << 2,
	CW_POLICY_DELETE = 1 << 3,
};

/* A grant, as far as others need it; strings belong to the policy, NULL: not given. */
struct cw_policy_grant {
	const char *name;
	const char *reason;
	uint64_t from_ns;  /* since 1970; 0: always */
	uint64_t until_ns; /* first moment at which it does not hold any more; UINT64_MAX: never */
	unsigned int line;
};

/*
 * Parses a policy. `name` is what messages call it. On -EINVAL every fault found is in `errors`, a
 * line each: "name:line:column: what is wrong; what was expected". The caller frees *ret_policy.
 */
int cw_policy_parse(const char *name, const char *text, size_t len, struct cw_buf *errors,
		    struct cw_policy **ret_policy);
/* The same for a file (at most 1 MiB); an unreadable file is a line in `errors` and its errno. */
int cw_policy_load(const char *path, struct cw_buf *errors, struct cw_policy **ret_policy);
void cw_policy_free(struct cw_policy *p);
void cw_policy_freep(struct cw_policy **p);
#define cw_auto_policy CW_CLEANUP(cw_policy_freep)

/*
 * Writes the policy of a machine that has none, as YAML: every camera and microphone, and for each
 * known recorder (docs/policy.md lists them) that is installed below `root` ("/" live) its
 * recordings folder and a grant by executable and unit.
 */
int cw_policy_default(const char *root, struct cw_buf *ret_yaml);

/* That of the file, or with NULL that of this machine. Errors as cw_policy_load() has them. */
int cw_policy_load_or_default(const char *path, struct cw_buf *errors,
			      struct cw_policy **ret_policy);

const char *cw_policy_name(const struct cw_policy *p);
const char *cw_policy_sha256(const struct cw_policy *p); /* of the text, 64 hexadecimal digits */
const char *cw_policy_text(const struct cw_policy *p, size_t *ret_len);
/* True if a verdict can depend on events before it: a grant has a limit. */
bool cw_policy_has_limits(const struct cw_policy *p);
size_t cw_policy_n_assets(const struct cw_policy *p);
size_t cw_policy_n_grants(const struct cw_policy *p);
const struct cw_policy_asset *cw_policy_asset(const struct cw_policy *p, size_t i);
const struct cw_policy_grant *cw_policy_grant(const struct cw_policy *p, size_t i);

/*
 * Judges one event: sets e->asset.name where an asset of the policy matches, and e->verdict. Must
 * be called in the order of the stream. Strings that it sets live until the next call for `p`. An
 * allow costs no allocation unless its grant has a limit; its `why` is the grant's reason or NULL.
 */
void cw_policy_judge(struct cw_policy *p, struct cw_event *e);

/*
 * The same policy for another thread to judge by; its verdicts' strings are its own. The policy
 * must have no limits, stay as it is, and live longer. Freed by cw_policy_free().
 */
int cw_policy_view(const struct cw_policy *p, struct cw_policy **ret_view);

/* The asset that an object belongs to; NULL: none. */
const struct cw_policy_asset *cw_policy_asset_of(const struct cw_policy *p,
						 const struct cw_asset *asset);
/* The verbs that one grant must allow to cover an access; 0: the event asks for none. */
unsigned int cw_policy_verbs(const struct cw_event *e);
/* Appends the verbs as a policy spells them. */
void cw_policy_put_verbs(struct cw_buf *out, unsigned int verbs, const char *between);

/* After a reload: `to` goes on counting what `from` counted, by grant name. */
void cw_policy_keep_usage(struct cw_policy *to, struct cw_policy *from);

/*
 * Runs the expectation cases of `file` (docs/policy.md) against `p`; a line for each failed case
 * goes to `out`. 0: all passed, 1: some failed, negative errno (-EINVAL: faults are in `out`).
 */
int cw_policy_run_cases(struct cw_policy *p, const char *file, struct cw_buf *out,
			unsigned int *ret_passed, unsigned int *ret_failed);

#endif
