// SPDX-License-Identifier: Apache-2.0
#include <assert.h>

#include "model/event.h"

static const char *const kind_names[] = {
	[CW_KIND_OPEN] = "open",	 [CW_KIND_DENIED] = "denied",
	[CW_KIND_RECEIVE] = "receive",	 [CW_KIND_USE] = "use",
	[CW_KIND_MAP] = "map",		 [CW_KIND_STREAM] = "stream",
	[CW_KIND_CLOSE] = "close",	 [CW_KIND_CREATE] = "create",
	[CW_KIND_RENAME] = "rename",	 [CW_KIND_LINK] = "link",
	[CW_KIND_UNLINK] = "unlink",	 [CW_KIND_TRUNCATE] = "truncate",
	[CW_KIND_ATTR] = "attr",	 [CW_KIND_MOUNT] = "mount",
	[CW_KIND_PEEK] = "peek",	 [CW_KIND_RAWDISK] = "rawdisk",
	[CW_KIND_EGRESS] = "egress",	 [CW_KIND_TAMPER] = "tamper",
	[CW_KIND_GAP] = "gap",		 [CW_KIND_COVERAGE] = "coverage",
	[CW_KIND_CANARY] = "canary",	 [CW_KIND_START] = "start",
	[CW_KIND_STOP] = "stop",	 [CW_KIND_POLICY] = "policy",
	[CW_KIND_GONE] = "gone",	 [CW_KIND_COPY] = "copy",
};

static const char *const probe_names[] = {
	[CW_PROBE_NONE] = "agent",	   [CW_PROBE_LSM] = "lsm",
	[CW_PROBE_FENTRY] = "fentry",	   [CW_PROBE_KPROBE] = "kprobe",
	[CW_PROBE_TRACEPOINT] = "tracepoint", [CW_PROBE_FANOTIFY] = "fanotify",
	[CW_PROBE_ITERATOR] = "iterator",  [CW_PROBE_PROC] = "proc",
};

static const char *const asset_names[] = {
	[CW_ASSET_NONE] = "none", [CW_ASSET_CAMERA] = "camera",
	[CW_ASSET_MICROPHONE] = "microphone", [CW_ASSET_RECORDINGS] = "recordings",
	[CW_ASSET_SHM] = "shm", [CW_ASSET_DISK] = "disk", [CW_ASSET_SELF] = "self",
};

static const char *const origin_names[] = {
	[CW_ORIGIN_UNKNOWN] = "unknown", [CW_ORIGIN_SERVICE] = "service",
	[CW_ORIGIN_LOGIN] = "login", [CW_ORIGIN_REMOTE] = "remote",
	[CW_ORIGIN_CONTAINER] = "container", [CW_ORIGIN_KERNEL] = "kernel",
};

static const char *const decision_names[] = {
	[CW_DECISION_NONE] = "none", [CW_DECISION_ALLOW] = "allow", [CW_DECISION_FLAG] = "flag",
};

static const char *const class_names[] = {
	[CW_CLASS_NONE] = "none", [CW_CLASS_EMPLOYEE] = "employee", [CW_CLASS_REMOTE] = "remote",
	[CW_CLASS_SERVICE] = "service", [CW_CLASS_LIMIT] = "limit", [CW_CLASS_TAMPER] = "tamper",
	[CW_CLASS_BLIND] = "blind",
};

static const char *const severity_names[] = {
	[CW_SEVERITY_NONE] = "none", [CW_SEVERITY_LOW] = "low", [CW_SEVERITY_MEDIUM] = "medium",
	[CW_SEVERITY_HIGH] = "high", [CW_SEVERITY_CRITICAL] = "critical",
};

static const char *const access_names[] = { "read", "write", "create", "truncate", "delete",
					    "exec" };

_Static_assert(CW_ARRAY_SIZE(kind_names) == CW_KIND_MAX, "a kind lacks its name");
_Static_assert(CW_ARRAY_SIZE(probe_names) == CW_PROBE_MAX, "a probe lacks its name");
_Static_assert(CW_ARRAY_SIZE(asset_names) == CW_ASSET_KIND_MAX, "an asset kind lacks its name");
_Static_assert(CW_ARRAY_SIZE(origin_names) == CW_ORIGIN_MAX, "an origin lacks its name");
_Static_assert(CW_ARRAY_SIZE(decision_names) == CW_DECISION_MAX, "a decision lacks its name");
_Static_assert(CW_ARRAY_SIZE(class_names) == CW_CLASS_MAX, "a class lacks its name");
_Static_assert(CW_ARRAY_SIZE(severity_names) == CW_SEVERITY_MAX, "a severity lacks its name");

#define NAME_OF(table, i) ((unsigned int)(i) < CW_ARRAY_SIZE(table) ? (table)[i] : "invalid")

const char *cw_kind_name(enum cw_kind kind) { return NAME_OF(kind_names, kind); }
const char *cw_probe_name(enum cw_probe probe) { return NAME_OF(probe_names, probe); }
const char *cw_asset_kind_name(enum cw_asset_kind kind) { return NAME_OF(asset_names, kind); }
const char *cw_origin_name(enum cw_origin_type type) { return NAME_OF(origin_names, type); }
const char *cw_decision_name(enum cw_decision d) { return NAME_OF(decision_names, d); }
const char *cw_class_name(enum cw_class class) { return NAME_OF(class_names, class); }
const char *cw_severity_name(enum cw_severity s) { return NAME_OF(severity_names, s); }

const char *cw_access_name(enum cw_access bit)
{
	return bit ? NAME_OF(access_names, __builtin_ctz(bit)) : "none";
}

const char *cw_code_how(enum cw_code_kind code)
{
	return code == CW_CODE_WRITTEN ? "written" : "mapped";
}

const char *cw_code_why(enum cw_code_kind code)
{
	static const char *const why[CW_CODE_MAX] = { [CW_CODE_OWNER] = "owner",
						      [CW_CODE_WRITABLE] = "writable",
						      [CW_CODE_NAMELESS] = "no name" };

	return (unsigned int)code < CW_CODE_MAX ? why[code] : NULL;
}

void cw_code_put(struct cw_buf *out, const struct cw_process *p)
{
	static const char *const why[CW_CODE_MAX] = {
		[CW_CODE_OWNER] = "is not root's",
		[CW_CODE_WRITABLE] = "others can write to",
		[CW_CODE_NAMELESS] = "has no name",
	};

	if (p->code == CW_CODE_WRITTEN)
		cw_buf_printf(out, "%s[%u] wrote to its memory",
			      p->code_path ? p->code_path : "unknown", p->code_pid);
	else if (p->code)
		cw_buf_printf(out, "it runs code of %s, which %s",
			      p->code_path ? p->code_path : "a file", why[p->code]);
}

static int parse(const char *const *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (cw_streq(table[i], name))
			return (int)i;
	return -ENOENT;
}

int cw_kind_parse(const char *name) { return parse(kind_names, CW_KIND_MAX, name); }
int cw_asset_kind_parse(const char *n) { return parse(asset_names, CW_ASSET_KIND_MAX, n); }
int cw_origin_parse(const char *name) { return parse(origin_names, CW_ORIGIN_MAX, name); }
int cw_class_parse(const char *name) { return parse(class_names, CW_CLASS_MAX, name); }

static struct cw_detail *add(struct cw_event *e, const char *key, enum cw_detail_type type)
{
	static struct cw_detail spill; /* never read */
	struct cw_detail *d;

	assert(e->n_detail < CW_DETAILS_MAX);
	d = e->n_detail < CW_DETAILS_MAX ? &e->detail[e->n_detail++] : &spill;
	d->key = key;
	d->type = type;
	return d;
}

void cw_event_add_uint(struct cw_event *e, const char *key, uint64_t value)
{
	add(e, key, CW_DETAIL_UINT)->u = value;
}

void cw_event_add_int(struct cw_event *e, const char *key, int64_t value)
{
	add(e, key, CW_DETAIL_INT)->i = value;
}

void cw_event_add_double(struct cw_event *e, const char *key, double value)
{
	add(e, key, CW_DETAIL_DOUBLE)->d = value;
}

void cw_event_add_string(struct cw_event *e, const char *key, const char *value)
{
	add(e, key, CW_DETAIL_STRING)->s = value;
}

void cw_event_add_bool(struct cw_event *e, const char *key, bool value)
{
	add(e, key, CW_DETAIL_BOOL)->u = value;
}

void cw_event_add_time(struct cw_event *e, const char *key, uint64_t ns)
{
	add(e, key, CW_DETAIL_TIME)->u = ns;
}

const struct cw_detail *cw_event_detail(const struct cw_event *e, const char *key)
{
	for (unsigned int i = 0; i < e->n_detail; i++)
		if (!strcmp(e->detail[i].key, key))
			return &e->detail[i];
	return NULL;
}

uint32_t cw_origin_login(const struct cw_origin *o, const char **ret_name)
{
	bool here = o->login_uid != CW_NO_UID;

	if (!here && (!o->hop_local || o->hop_login_uid == CW_NO_UID))
		return CW_NO_UID;
	*ret_name = here ? o->login_user : o->hop_login_user;
	return here ? o->login_uid : o->hop_login_uid;
}

unsigned int cw_origin_peer(const struct cw_origin *o, const void **ret_addr)
{
	if (o->family == AF_INET) {
		*ret_addr = &o->peer.v4;
		return 4;
	}
	if (o->family != AF_INET6)
		return 0;
	if (IN6_IS_ADDR_V4MAPPED(&o->peer.v6)) {
		*ret_addr = &o->peer.v6.s6_addr[12];
		return 4;
	}
	*ret_addr = &o->peer.v6;
	return 16;
}

bool cw_kind_is_access(enum cw_kind kind)
{
	return kind <= CW_KIND_EGRESS || kind == CW_KIND_COPY;
}
