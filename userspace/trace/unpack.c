// SPDX-License-Identifier: Apache-2.0
/*
 * The reading half. The content comes from whoever wrote the file: every number is checked before
 * it is used, every string ends inside the content, and the tables have fixed sizes, allocated
 * once. No allocation and no copy of a string per event.
 */
#include <sys/socket.h>

#include "trace/block.h"

struct process {
	struct cw_process process;
	struct cw_origin origin;
	const char *argv[CW_TRACE_ARGS_MAX + 1];
	bool unwanted;
};

struct asset {
	struct cw_asset asset;
	bool unwanted;
	/* Not looked into yet: its body, and the strings that it may name. */
	struct cw_cursor body;
	uint32_t n_strings;
};

struct cw_trace_unpacker {
	const uint8_t *raw;
	size_t at;
	struct cw_cursor in;
	const struct cw_trace_head *file;
	const struct cw_trace_filter *filter;
	uint32_t n_strings, n_processes, n_assets;
	uint64_t seq, boot_ns, unknown;
	int64_t offset;
	const char *string[CW_TRACE_STRINGS_MAX];
	struct asset asset[CW_TRACE_ASSETS_MAX];
	struct process process[CW_TRACE_PROCESSES_MAX];
};

int cw_trace_unpacker_new(struct cw_trace_unpacker **ret_unpacker)
{
	struct cw_trace_unpacker *u = malloc(sizeof(*u)); /* only what is used becomes memory */

	if (!u)
		return -ENOMEM;
	memset(u, 0, offsetof(struct cw_trace_unpacker, string));
	*ret_unpacker = u;
	return 0;
}

void cw_trace_unpacker_free(struct cw_trace_unpacker *u)
{
	free(u);
}

void cw_trace_unpacker_begin(struct cw_trace_unpacker *u, const struct cw_trace_head *file,
			     const void *raw, size_t len)
{
	uint64_t unknown = u->unknown;

	memset(u, 0, offsetof(struct cw_trace_unpacker, string));
	u->unknown = unknown;
	u->file = file;
	u->raw = raw;
	u->in = (struct cw_cursor){ .p = raw, .end = u->raw + len };
}

void cw_trace_unpacker_filter(struct cw_trace_unpacker *u, const struct cw_trace_filter *filter)
{
	u->filter = filter;
}

size_t cw_trace_unpacker_at(const struct cw_trace_unpacker *u)
{
	return u->at;
}

uint64_t cw_trace_unpacker_unknown(const struct cw_trace_unpacker *u)
{
	return u->unknown;
}

/* ---- values ---- */

static const char *in_s(const struct cw_trace_unpacker *u, struct cw_cursor *c)
{
	uint64_t id = cw_get_varint(c);

	if (id > u->n_strings) {
		c->bad = true;
		return NULL;
	}
	return id ? u->string[id - 1] : NULL;
}

static uint32_t in_u32(struct cw_cursor *c)
{
	uint64_t v = cw_get_varint(c);

	c->bad = c->bad || v > UINT32_MAX;
	return (uint32_t)v;
}

/* A value of a later version reads as `otherwise`, and is counted. */
static unsigned int in_enum(struct cw_trace_unpacker *u, struct cw_cursor *c, unsigned int max,
			    unsigned int otherwise)
{
	uint64_t v = cw_get_varint(c);

	if (v < max)
		return (unsigned int)v;
	u->unknown++;
	return otherwise;
}

/* ---- tables ---- */

static void take_string(struct cw_trace_unpacker *u, struct cw_cursor *c)
{
	size_t len = (size_t)(c->end - c->p);

	if (u->n_strings == CW_TRACE_STRINGS_MAX || !len || len > CW_TRACE_STRING_MAX ||
	    memchr(c->p, '\0', len) != c->end - 1)
		c->bad = true;
	else
		u->string[u->n_strings++] = (const char *)c->p;
}

static void take_argv(struct cw_trace_unpacker *u, struct cw_cursor *c, struct process *p)
{
	uint64_t n = cw_get_varint(c);

	p->process.argv = NULL;
	if (n > CW_TRACE_ARGS_MAX + 1) {
		c->bad = true;
		return;
	}
	for (uint64_t i = 0; i + 1 < n; i++) {
		p->argv[i] = in_s(u, c);
		c->bad = c->bad || !p->argv[i];
	}
	if (n) {
		p->argv[n - 1] = NULL;
		p->process.argv = p->argv;
	}
	p->process.argv_cut = cw_get_varint(c);
}

static void take_origin(struct cw_trace_unpacker *u, struct cw_cursor *c, struct cw_origin *o)
{
	const uint8_t *peer = NULL;
	uint64_t bits;
	unsigned int family;

	memset(o, 0, sizeof(*o));
	o->type = in_enum(u, c, CW_ORIGIN_MAX, CW_ORIGIN_UNKNOWN);
	o->login_uid = in_u32(c);
	o->login_user = in_s(u, c);
	o->session = in_u32(c);
	o->tty = in_s(u, c);
	family = in_u32(c);
	if (family == 4 && (peer = cw_get_bytes(c, 4))) {
		o->family = AF_INET;
		memcpy(&o->peer.v4, peer, 4);
	} else if (family == 6 && (peer = cw_get_bytes(c, 16))) {
		o->family = AF_INET6;
		memcpy(&o->peer.v6, peer, 16);
	} else if (family) {
		c->bad = true;
	}
	o->peer_port = (uint16_t)in_u32(c);
	o->local_port = (uint16_t)in_u32(c);
	bits = cw_get_varint(c);
	o->outbound = bits & 1;
	o->seeded = bits & 2;
	o->via = in_s(u, c);
	if (c->p == c->end) /* of 1.0 */
		return;
	o->hop_pid = in_u32(c);
	if (!o->hop_pid)
		return;
	o->hop_exe = in_s(u, c);
	o->hop_login_uid = in_u32(c);
	o->hop_login_user = in_s(u, c);
	o->hop_local = cw_get_varint(c);
}

/* Where nothing of it is known, and before it was thought of, the body ends here. */
static void take_code(struct cw_trace_unpacker *u, struct cw_cursor *c, struct cw_process *p)
{
	if (c->p == c->end)
		return;
	p->code = in_enum(u, c, CW_CODE_MAX, CW_CODE_NONE);
	p->code_path = in_s(u, c);
	p->code_pid = in_u32(c);
}

static void take_ancestors(struct cw_trace_unpacker *u, struct cw_cursor *c, struct cw_process *p)
{
	uint32_t n = in_u32(c);

	if (n > CW_ANCESTORS_MAX) {
		c->bad = true;
		return;
	}
	p->n_ancestors = n;
	for (uint32_t i = 0; i < n; i++) {
		p->ancestors[i].pid = in_u32(c);
		p->ancestors[i].start_ns = cw_get_varint(c);
		p->ancestors[i].exe = in_s(u, c);
	}
}

static void take_process(struct cw_trace_unpacker *u, struct cw_cursor *c)
{
	struct process *t;
	struct cw_process *p;

	if (u->n_processes == CW_TRACE_PROCESSES_MAX) {
		c->bad = true;
		return;
	}
	t = &u->process[u->n_processes++];
	p = &t->process;
	memset(p, 0, sizeof(*p));
	p->pid = in_u32(c);
	p->tid = in_u32(c);
	p->ns_pid = in_u32(c);
	p->ppid = in_u32(c);
	p->start_ns = cw_get_varint(c);
	p->exe = in_s(u, c);
	p->exe_inode = cw_get_varint(c);
	p->exe_dev_major = in_u32(c);
	p->exe_dev_minor = in_u32(c);
	p->exe_sha256 = in_s(u, c);
	p->exe_deleted = cw_get_varint(c);
	p->comm = in_s(u, c);
	take_argv(u, c, t);
	p->uid = in_u32(c);
	p->euid = in_u32(c);
	p->gid = in_u32(c);
	p->cap_effective = cw_get_varint(c);
	p->user = in_s(u, c);
	p->unit = in_s(u, c);
	p->cgroup = in_s(u, c);
	p->container = in_s(u, c);
	take_ancestors(u, c, p);
	take_origin(u, c, &t->origin);
	take_code(u, c, p);
	t->unwanted = u->filter && u->filter->process &&
		      !u->filter->process(u->filter->ctx, p, &t->origin);
}

static void read_asset(struct cw_trace_unpacker *u, struct cw_cursor *c, struct asset *t)
{
	struct cw_asset *a = &t->asset;

	memset(a, 0, sizeof(*a));
	a->name = in_s(u, c);
	a->kind = in_enum(u, c, CW_ASSET_KIND_MAX, CW_ASSET_NONE);
	a->path = in_s(u, c);
	a->root = in_s(u, c);
	a->node = in_s(u, c);
	a->by_id = in_s(u, c);
	a->path_partial = cw_get_varint(c);
	a->dev_major = in_u32(c);
	a->dev_minor = in_u32(c);
	a->inode = cw_get_varint(c);
	a->access = in_u32(c);
	a->driver = in_s(u, c);
	a->bus = in_s(u, c);
	a->card = in_s(u, c);
	t->unwanted = u->filter && u->filter->asset && !u->filter->asset(u->filter->ctx, a);
}

/* False: it is malformed. */
static bool look_into(struct cw_trace_unpacker *u, struct asset *t)
{
	uint32_t n_strings = u->n_strings;

	if (!t->body.p)
		return true;
	u->n_strings = t->n_strings;
	read_asset(u, &t->body, t);
	u->n_strings = n_strings;
	t->body.p = NULL;
	return !t->body.bad;
}

static void take_asset(struct cw_trace_unpacker *u, struct cw_cursor *c)
{
	struct asset *t;

	if (u->n_assets == CW_TRACE_ASSETS_MAX) {
		c->bad = true;
		return;
	}
	t = &u->asset[u->n_assets++];
	t->body = *c;
	t->n_strings = u->n_strings;
	/* With a filter, most are of events that nobody wants for their process. */
	if (!u->filter)
		c->bad = !look_into(u, t);
}

/* ---- events ---- */

/* True: the detail is one that this version knows. */
static bool take_detail(struct cw_trace_unpacker *u, struct cw_cursor *c, struct cw_detail *d)
{
	uint64_t type, bits;

	d->key = in_s(u, c);
	c->bad = c->bad || !d->key;
	type = cw_get_varint(c);
	d->u = 0;
	switch (type) {
	case CW_DETAIL_UINT:
	case CW_DETAIL_BOOL:
	case CW_DETAIL_TIME:
		d->u = cw_get_varint(c);
		break;
	case CW_DETAIL_INT:
		d->i = cw_unzigzag(cw_get_varint(c));
		break;
	case CW_DETAIL_DOUBLE:
		bits = cw_get_fixed(c, 8);
		memcpy(&d->d, &bits, sizeof(d->d));
		break;
	case CW_DETAIL_STRING:
		d->s = in_s(u, c);
		break;
	default:
		cw_get_bytes(c, cw_get_varint(c));
		u->unknown++;
		return false;
	}
	d->type = (enum cw_detail_type)type;
	return true;
}

static void take_details(struct cw_trace_unpacker *u, struct cw_cursor *c, struct cw_event *e)
{
	uint64_t n = cw_get_varint(c);
	struct cw_detail spill;

	e->n_detail = 0;
	for (uint64_t i = 0; i < n && !c->bad; i++) {
		bool room = e->n_detail < CW_DETAILS_MAX;

		if (take_detail(u, c, room ? &e->detail[e->n_detail] : &spill) && room)
			e->n_detail++;
	}
}

static bool is_wanted(struct cw_trace_unpacker *u, struct cw_cursor *c, uint64_t process,
		      struct asset *asset, uint64_t time_ns)
{
	if (!u->filter)
		return true;
	if (time_ns < u->filter->since_ns || !cw_is_before(time_ns, u->filter->until_ns) ||
	    u->process[process - 1].unwanted)
		return false;
	c->bad = c->bad || !look_into(u, asset);
	return !c->bad && !asset->unwanted;
}

/* Most have fewer ancestors than fit. */
static void copy_process(struct cw_process *to, const struct cw_process *from)
{
	memcpy(to, from, offsetof(struct cw_process, ancestors[from->n_ancestors]));
}

/* False: of a kind that this version does not know, or nobody wants it. */
static bool take_event(struct cw_trace_unpacker *u, struct cw_cursor *c, struct cw_event *e)
{
	unsigned int kind;
	uint64_t process, asset;

	u->seq += (uint64_t)cw_unzigzag(cw_get_varint(c));
	u->boot_ns += (uint64_t)cw_unzigzag(cw_get_varint(c));
	u->offset = (int64_t)((uint64_t)u->offset + (uint64_t)cw_unzigzag(cw_get_varint(c)));
	kind = in_enum(u, c, CW_KIND_MAX, CW_KIND_MAX);
	e->seq = u->seq;
	e->boot_ns = u->boot_ns;
	e->time_ns = u->boot_ns + (uint64_t)u->offset;
	e->boot_id = u->file->boot_id[0] ? u->file->boot_id : NULL;
	e->hub = u->file->hub[0] ? u->file->hub : NULL;
	e->kind = (enum cw_kind)kind;
	e->probe = in_enum(u, c, CW_PROBE_MAX, CW_PROBE_NONE);
	e->result = (int)cw_unzigzag(cw_get_varint(c));
	process = cw_get_varint(c);
	asset = cw_get_varint(c);
	if (!process || process > u->n_processes || !asset || asset > u->n_assets) {
		c->bad = true;
		return false;
	}
	if (!is_wanted(u, c, process, &u->asset[asset - 1], e->time_ns))
		return false;
	copy_process(&e->process, &u->process[process - 1].process);
	e->origin = u->process[process - 1].origin;
	e->asset = u->asset[asset - 1].asset;
	memset(&e->verdict, 0, sizeof(e->verdict));
	take_details(u, c, e);
	return kind < CW_KIND_MAX;
}

static void take_policy(struct cw_trace_unpacker *u, struct cw_cursor *c,
			struct cw_trace_policy *p)
{
	uint64_t len;
	const uint8_t *sha256;

	p->how = in_enum(u, c, CW_TRACE_POLICY_CARRIED + 1, CW_TRACE_POLICY_RELOAD);
	len = cw_get_varint(c);
	p->name = (const char *)cw_get_bytes(c, len);
	if (!p->name || !len || p->name[len - 1]) {
		c->bad = true;
		return;
	}
	sha256 = cw_get_bytes(c, CW_TRACE_HASH);
	if (sha256)
		memcpy(p->sha256, sha256, CW_TRACE_HASH);
	p->text = (const char *)c->p;
	p->len = (size_t)(c->end - c->p);
}

/* 0: nothing for the caller, 1: an event, 2: a policy. */
static int take_record(struct cw_trace_unpacker *u, uint64_t type, struct cw_cursor *c,
		       struct cw_event *e, struct cw_trace_policy *p)
{
	switch (type) {
	case CW_TRACE_RECORD_STRING:
		take_string(u, c);
		return 0;
	case CW_TRACE_RECORD_PROCESS:
		take_process(u, c);
		return 0;
	case CW_TRACE_RECORD_ASSET:
		take_asset(u, c);
		return 0;
	case CW_TRACE_RECORD_EVENT:
		return take_event(u, c, e);
	case CW_TRACE_RECORD_POLICY:
		take_policy(u, c, p);
		return 2;
	default:
		u->unknown++;
		return 0;
	}
}

int cw_trace_unpacker_next(struct cw_trace_unpacker *u, struct cw_event *ret_event,
			   struct cw_trace_policy *ret_policy)
{
	while (u->in.p < u->in.end) {
		struct cw_cursor body = { 0 };
		uint64_t type, len;
		int r;

		u->at = (size_t)(u->in.p - u->raw);
		type = cw_get_varint(&u->in);
		len = cw_get_varint(&u->in);
		body.p = cw_get_bytes(&u->in, len);
		body.end = u->in.p;
		if (u->in.bad) {
			u->in.p = u->in.end;
			return -EBADMSG;
		}
		r = take_record(u, type, &body, ret_event, ret_policy);
		if (body.bad) {
			u->in.p = u->in.end;
			return -EBADMSG;
		}
		if (r)
			return r;
	}
	return 0;
}
