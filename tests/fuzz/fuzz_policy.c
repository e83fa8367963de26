// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a policy. Either it is refused with at least one fault, each on a line of its own
 * that begins with the policy's name, or it is taken and then judges events that come at it from
 * all sides. A policy that is taken once is taken again, with the same hash and verdicts.
 */
#include <assert.h>
#include <netinet/in.h>

#include "policy/policy.h"

#define NAME "p"

static void check_faults(const struct cw_buf *errors)
{
	assert(errors->len && errors->data[errors->len - 1] == '\n');
	for (const char *s = errors->data; *s; s = strchr(s, '\n') + 1) {
		assert(!strncmp(s, NAME ":", 2));
		for (const char *c = s; *c != '\n'; c++)
			assert((unsigned char)*c >= 0x20 && *c != 0x7f);
	}
}

/* Event `i`: kinds, assets and facts come in all combinations, times move on unevenly. */
static struct cw_event event(unsigned int i)
{
	static const char *const exes[] = { NULL, "/usr/bin/motion", "/bin/a", "/" };
	static const char *const users[] = { NULL, "motion", "alice" };
	struct cw_event e = { .kind = (enum cw_kind)(i % CW_KIND_MAX) };

	e.result = i % 5 == 4 ? -EBUSY : 0;
	e.time_ns = (1764590400ULL + (uint64_t)i * 997 - (i % 7) * 3600) * CW_NSEC_PER_SEC;
	e.asset.kind = (enum cw_asset_kind)(i / 3 % CW_ASSET_KIND_MAX);
	e.asset.node = i & 1 ? "/dev/video0" : NULL;
	e.asset.path = i & 2 ? "/var/lib/motion/a.mkv" : NULL;
	e.asset.root = i & 4 ? "/var/lib/motion" : NULL;
	e.asset.card = i & 8 ? "C920" : NULL;
	e.asset.bus = i & 16 ? "usb-1" : NULL;
	e.asset.inode = i % 11;
	e.asset.access = i % 64;
	e.process.pid = i % 3;
	e.process.uid = i % 2 ? 1001 : CW_NO_UID;
	e.process.exe = exes[i % CW_ARRAY_SIZE(exes)];
	e.process.exe_deleted = i % 13 == 0;
	e.process.code = (enum cw_code_kind)(i % 17 < CW_CODE_MAX ? i % 17 : 0);
	e.process.user = users[i % CW_ARRAY_SIZE(users)];
	e.process.unit = i & 32 ? "motion.service" : NULL;
	e.process.container = i & 64 ? "0123456789ab" : NULL;
	e.process.n_ancestors = i % 3;
	e.process.ancestors[0].exe = exes[i / 2 % CW_ARRAY_SIZE(exes)];
	e.origin.type = (enum cw_origin_type)(i % CW_ORIGIN_MAX);
	e.origin.login_uid = i % 5 ? CW_NO_UID : 1001;
	e.origin.login_user = users[i / 2 % CW_ARRAY_SIZE(users)];
	e.origin.family = i % 4 == 0 ? AF_INET : i % 4 == 1 ? AF_INET6 : 0;
	e.origin.peer.v4.s_addr = htonl(0x0a000000 + i);
	if (i % 2)
		cw_event_add_double(&e, "seconds", (double)i * 17);
	if (i % 6 == 0)
		cw_event_add_uint(&e, "open_id", i / 60 + 1);
	if (i % 3)
		cw_event_add_string(&e, "phase", i % 3 == 1 ? "start" : "stop");
	return e;
}

static bool same(const char *a, const char *b)
{
	return a == b || cw_streq(a, b);
}

static void judge_both(struct cw_policy *p, struct cw_policy *q)
{
	for (unsigned int i = 0; i < 512; i++) {
		struct cw_event e = event(i), f = event(i);

		cw_policy_judge(p, &e);
		cw_policy_judge(q, &f);
		assert(e.verdict.decision == f.verdict.decision);
		assert(e.verdict.class == f.verdict.class);
		assert(same(e.verdict.why, f.verdict.why));
		assert(same(e.verdict.grant, f.verdict.grant));
		assert(e.verdict.decision != CW_DECISION_FLAG || (e.verdict.why && e.verdict.rule));
		assert(e.verdict.decision != CW_DECISION_ALLOW || e.verdict.grant);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cw_auto_buf struct cw_buf errors = { 0 };
	cw_auto_policy struct cw_policy *p = NULL, *q = NULL, *r = NULL;

	if (cw_policy_parse(NAME, (const char *)data, size, &errors, &p)) {
		check_faults(&errors);
		return 0;
	}
	assert(!errors.len);
	assert(!cw_policy_parse(NAME, (const char *)data, size, &errors, &q));
	assert(!strcmp(cw_policy_sha256(p), cw_policy_sha256(q)));
	judge_both(p, q);
	/* A reload counts on: the third goes on where the first was, like the second. */
	assert(!cw_policy_parse(NAME, (const char *)data, size, &errors, &r));
	cw_policy_keep_usage(r, p);
	judge_both(r, q);
	return 0;
}
