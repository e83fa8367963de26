// SPDX-License-Identifier: Apache-2.0
#include "facts.h"
#include "sink/json.h"

static const struct {
	const char *name;
	enum cw_fact_type type;
} facts[] = {
	[CW_FACT_LOGIN] = { "login", CW_FACT_PERSON },
	[CW_FACT_USER] = { "user", CW_FACT_PERSON },
	[CW_FACT_ASSET] = { "asset", CW_FACT_OBJECT },
	[CW_FACT_PATH] = { "path", CW_FACT_TEXT },
	[CW_FACT_EXE] = { "exe", CW_FACT_PROGRAM },
	[CW_FACT_SHA256] = { "sha256", CW_FACT_TEXT },
	[CW_FACT_COMM] = { "comm", CW_FACT_TEXT },
	[CW_FACT_UNIT] = { "unit", CW_FACT_TEXT },
	[CW_FACT_CONTAINER] = { "container", CW_FACT_TEXT },
	[CW_FACT_VIA] = { "via", CW_FACT_PROGRAM },
	[CW_FACT_TTY] = { "tty", CW_FACT_TEXT },
	[CW_FACT_PEER] = { "peer", CW_FACT_NET },
	[CW_FACT_KIND] = { "kind", CW_FACT_WORD },
	[CW_FACT_CLASS] = { "class", CW_FACT_WORD },
	[CW_FACT_SEVERITY] = { "severity", CW_FACT_WORD },
	[CW_FACT_DECISION] = { "decision", CW_FACT_WORD },
	[CW_FACT_ORIGIN] = { "origin", CW_FACT_WORD },
	[CW_FACT_PROBE] = { "probe", CW_FACT_WORD },
	[CW_FACT_GRANT] = { "grant", CW_FACT_TEXT },
	[CW_FACT_HUB] = { "hub", CW_FACT_TEXT },
	[CW_FACT_BOOT] = { "boot", CW_FACT_TEXT },
	[CW_FACT_TIME] = { "time", CW_FACT_MOMENT },
	[CW_FACT_HOURS] = { "hours", CW_FACT_CLOCK },
	[CW_FACT_PID] = { "pid", CW_FACT_NUMBER },
	[CW_FACT_PPID] = { "ppid", CW_FACT_NUMBER },
	[CW_FACT_UID] = { "uid", CW_FACT_NUMBER },
	[CW_FACT_EUID] = { "euid", CW_FACT_NUMBER },
	[CW_FACT_SESSION] = { "session", CW_FACT_NUMBER },
	[CW_FACT_PORT] = { "port", CW_FACT_NUMBER },
	[CW_FACT_INODE] = { "inode", CW_FACT_NUMBER },
	[CW_FACT_SEQ] = { "seq", CW_FACT_NUMBER },
	[CW_FACT_FRAMES] = { "frames", CW_FACT_NUMBER },
	[CW_FACT_BYTES] = { "bytes", CW_FACT_NUMBER },
	[CW_FACT_SECONDS] = { "seconds", CW_FACT_REAL },
};

_Static_assert(CW_ARRAY_SIZE(facts) == CW_FACT_MAX, "a fact lacks its name");

const char *cw_fact_name(enum cw_fact f)
{
	return facts[f].name;
}

enum cw_fact_type cw_fact_type(enum cw_fact f)
{
	return facts[f].type;
}

int cw_fact_find(const char *name)
{
	for (int i = 0; i < CW_FACT_MAX; i++)
		if (!strcmp(facts[i].name, name))
			return i;
	return -ENOENT;
}

enum cw_fact_part cw_fact_part(enum cw_fact f)
{
	switch (f) {
	case CW_FACT_ASSET:
	case CW_FACT_PATH:
	case CW_FACT_INODE:
		return CW_FACT_OF_ASSET;
	case CW_FACT_CLASS:
	case CW_FACT_SEVERITY:
	case CW_FACT_DECISION:
	case CW_FACT_GRANT:
		return CW_FACT_OF_VERDICT;
	case CW_FACT_KIND:
	case CW_FACT_PROBE:
	case CW_FACT_HUB:
	case CW_FACT_BOOT:
	case CW_FACT_TIME:
	case CW_FACT_HOURS:
	case CW_FACT_SEQ:
	case CW_FACT_FRAMES:
	case CW_FACT_BYTES:
	case CW_FACT_SECONDS:
		return CW_FACT_OF_EVENT;
	default:
		return CW_FACT_OF_PROCESS;
	}
}

static const char *person(const char *name, uint32_t uid, char room[CW_FACT_ROOM])
{
	if (name)
		return name;
	if (uid == CW_NO_UID)
		return NULL;
	snprintf(room, CW_FACT_ROOM, "%u", uid);
	return room;
}

/* Without the port and the brackets of IPv6. */
static const char *peer_text(const struct cw_event *e, char room[CW_FACT_ROOM])
{
	size_t n = cw_json_peer(&e->origin, room), skip = *room == '[';

	if (!n)
		return NULL;
	*strrchr(room, ':') = '\0';
	n = strlen(room);
	if (skip)
		room[n - 1] = '\0';
	return room + skip;
}

static const char *process_text(enum cw_fact f, const struct cw_process *p,
				char room[CW_FACT_ROOM])
{
	switch (f) {
	case CW_FACT_USER:
		return person(p->user, p->uid, room);
	case CW_FACT_EXE:
		return p->exe;
	case CW_FACT_SHA256:
		return p->exe_sha256;
	case CW_FACT_COMM:
		return p->comm;
	case CW_FACT_UNIT:
		return p->unit;
	case CW_FACT_CONTAINER:
		return p->container;
	default:
		return NULL;
	}
}

const char *cw_fact_text(enum cw_fact f, const struct cw_event *e, char room[CW_FACT_ROOM])
{
	const char *name = NULL;
	uint32_t uid;

	switch (f) {
	case CW_FACT_ASSET:
		return e->asset.name;
	case CW_FACT_PATH:
		return e->asset.path ? e->asset.path : e->asset.node;
	case CW_FACT_GRANT:
		return e->verdict.grant;
	case CW_FACT_HUB:
		return e->hub;
	case CW_FACT_BOOT:
		return e->boot_id;
	default:
		break;
	}
	if (facts[f].type == CW_FACT_WORD)
		return cw_fact_word_name(f, cw_fact_word(f, e));
	if (!e->process.pid)
		return NULL;
	switch (f) {
	case CW_FACT_LOGIN:
		uid = cw_origin_login(&e->origin, &name);
		return person(name, uid, room);
	case CW_FACT_VIA:
		return e->origin.via;
	case CW_FACT_TTY:
		return e->origin.tty;
	case CW_FACT_PEER:
		return peer_text(e, room);
	default:
		return process_text(f, &e->process, room);
	}
}

/* What is 0, or unset, is not known. */
static bool known(uint64_t value, uint64_t unknown, uint64_t *ret_number)
{
	if (value == unknown)
		return false;
	*ret_number = value;
	return true;
}

static bool detail_number(const struct cw_event *e, const char *key, uint64_t *ret_number)
{
	const struct cw_detail *d = cw_event_detail(e, key);

	if (!d || d->type != CW_DETAIL_UINT)
		return false;
	*ret_number = d->u;
	return true;
}

bool cw_fact_number(enum cw_fact f, const struct cw_event *e, uint64_t *ret_number)
{
	const struct cw_process *p = &e->process;

	switch (f) {
	case CW_FACT_INODE:
		return known(e->asset.inode, 0, ret_number);
	case CW_FACT_SEQ:
		return known(e->seq, 0, ret_number);
	case CW_FACT_FRAMES:
		return detail_number(e, "frames", ret_number);
	case CW_FACT_BYTES:
		return detail_number(e, "bytes", ret_number);
	default:
		break;
	}
	if (!p->pid)
		return false;
	switch (f) {
	case CW_FACT_PID:
		return known(p->pid, 0, ret_number);
	case CW_FACT_PPID:
		return known(p->ppid, UINT64_MAX, ret_number);
	case CW_FACT_UID:
		return known(p->uid, CW_NO_UID, ret_number);
	case CW_FACT_EUID:
		return known(p->euid, CW_NO_UID, ret_number);
	case CW_FACT_SESSION:
		return known(e->origin.session, CW_NO_UID, ret_number);
	case CW_FACT_PORT:
		return known(e->origin.local_port, 0, ret_number);
	default:
		return false;
	}
}

bool cw_fact_real(enum cw_fact f, const struct cw_event *e, double *ret_real)
{
	const struct cw_detail *d = f == CW_FACT_SECONDS ? cw_event_detail(e, "seconds") : NULL;

	if (!d || d->type != CW_DETAIL_DOUBLE)
		return false;
	*ret_real = d->d;
	return true;
}

unsigned int cw_fact_word(enum cw_fact f, const struct cw_event *e)
{
	switch (f) {
	case CW_FACT_KIND:
		return e->kind;
	case CW_FACT_CLASS:
		return e->verdict.class;
	case CW_FACT_SEVERITY:
		return e->verdict.severity;
	case CW_FACT_DECISION:
		return e->verdict.decision;
	case CW_FACT_ORIGIN:
		return e->origin.type;
	default:
		return e->probe;
	}
}

const char *cw_fact_word_name(enum cw_fact f, unsigned int i)
{
	switch (f) {
	case CW_FACT_KIND:
		return i < CW_KIND_MAX ? cw_kind_name((enum cw_kind)i) : NULL;
	case CW_FACT_CLASS:
		return i < CW_CLASS_MAX ? cw_class_name((enum cw_class)i) : NULL;
	case CW_FACT_SEVERITY:
		return i < CW_SEVERITY_MAX ? cw_severity_name((enum cw_severity)i) : NULL;
	case CW_FACT_DECISION:
		return i < CW_DECISION_MAX ? cw_decision_name((enum cw_decision)i) : NULL;
	case CW_FACT_ORIGIN:
		return i < CW_ORIGIN_MAX ? cw_origin_name((enum cw_origin_type)i) : NULL;
	case CW_FACT_PROBE:
		return i < CW_PROBE_MAX ? cw_probe_name((enum cw_probe)i) : NULL;
	default:
		return NULL;
	}
}
