// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as an expression of the query language: the first line is an option's values, the rest
 * an expression. Either it is refused with a place and harmless words, or it answers about events
 * that come at it from all sides: the same each time, the opposite of its negation, and never "no"
 * before an event is judged and "yes" after.
 */
#include <assert.h>
#include <netinet/in.h>

#include "filter.h"

static struct cw_event event(unsigned int i)
{
	static const char *const texts[] = { NULL, "", "alice", "/usr/bin/motion", "a/b*c?",
					     "\xff" };
	struct cw_event e = { .kind = (enum cw_kind)(i % CW_KIND_MAX) };

	e.time_ns = (uint64_t)i * 104729 * CW_NSEC_PER_SEC;
	e.result = i % 3 ? 0 : -EACCES;
	e.hub = texts[i % 6];
	e.asset.kind = (enum cw_asset_kind)(i % CW_ASSET_KIND_MAX);
	e.asset.name = texts[i / 2 % 6];
	e.asset.path = texts[i / 3 % 6];
	e.asset.root = texts[i / 5 % 6];
	e.asset.path_partial = i & 1;
	e.process.pid = i % 4;
	e.process.exe = texts[i / 7 % 6];
	e.process.user = texts[i % 6];
	e.process.uid = i % 5 ? 1001 : CW_NO_UID;
	e.process.unit = texts[i / 11 % 6];
	e.origin.login_uid = i % 2 ? 1001 : CW_NO_UID;
	e.origin.login_user = texts[i / 13 % 6];
	e.origin.family = i % 3 == 0 ? AF_INET : i % 3 == 1 ? AF_INET6 : 0;
	e.origin.peer.v4.s_addr = htonl(0x0a000000 + i);
	if (i & 4)
		cw_event_add_string(&e, "to", texts[i % 6]);
	if (i & 8)
		cw_event_add_double(&e, "seconds", i * 0.5);
	return e;
}

static void judge(struct cw_event *e, unsigned int i)
{
	e->asset.name = i & 1 ? e->asset.name : "footage";
	e->verdict.decision = (enum cw_decision)(i % CW_DECISION_MAX);
	e->verdict.class = (enum cw_class)(i % CW_CLASS_MAX);
	e->verdict.severity = (enum cw_severity)(i % CW_SEVERITY_MAX);
	e->verdict.grant = i & 2 ? "x" : NULL;
}

static void check_words(const struct cw_buf *error)
{
	assert(error->len && error->data[error->len - 1] == '\n');
	for (const char *c = error->data; *c; c++)
		assert(*c == '\n' || ((unsigned char)*c >= 0x20 && *c != 0x7f));
}

/* 0, or it was refused as it has to be. */
static int build(const char *values, enum cw_fact fact, const char *where,
		 struct cw_filter **ret_filter)
{
	cw_auto_buf struct cw_buf error = { 0 };
	struct cw_filter *f = NULL;
	int r;

	assert(!cw_filter_new(3600, &f));
	r = values ? cw_filter_option(f, fact, values, &error) : 0;
	if (!r && where)
		r = cw_filter_where(f, where, &error);
	if (r) {
		assert(r == -EINVAL);
		check_words(&error);
		cw_filter_free(f);
		return r;
	}
	*ret_filter = f;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cw_auto_free char *text = strndup((const char *)data, size), *not = NULL;
	char *where = strchr(text, '\n');
	struct cw_filter *f = NULL, *g = NULL, *o = NULL;

	if (where)
		*where++ = '\0';
	if (*text && !build(text + 1, (enum cw_fact)((uint8_t)*text % CW_FACT_MAX), where, &o))
		for (unsigned int i = 0; i < 64; i++) {
			struct cw_event e = event(i);

			cw_filter_takes(o, &e);
		}
	cw_filter_free(o);
	if (!where || build(NULL, CW_FACT_MAX, where, &f))
		return 0;
	assert(asprintf(&not, "not (%s)", where) > 0);
	if (build(NULL, CW_FACT_MAX, not, &g))
		g = NULL; /* one too deep */
	for (unsigned int i = 0; i < 256; i++) {
		struct cw_event e = event(i);
		bool may[16], takes;

		for (unsigned int parts = 0; parts < 16; parts++)
			may[parts] = cw_filter_may_take(f, &e, parts & ~CW_FACT_OF_VERDICT);

		judge(&e, i);
		takes = cw_filter_takes(f, &e);
		for (unsigned int parts = 0; parts < 16; parts++)
			assert(may[parts] || !takes);
		assert(!g || cw_filter_takes(g, &e) == !takes);
	}
	cw_filter_free(f);
	cw_filter_free(g);
	return 0;
}
