// SPDX-License-Identifier: Apache-2.0
/*
 * The writing half. A record is {type, length, body}; body of a string ends in a NUL that its
 * length counts, so that a reader points into the content instead of copying. Strings, processes
 * and assets have numbers from 1 in the order of their records; 0 is "none".
 *
 * Runs for every event on the hub: one comparison or hash look-up per string, no allocation once
 * the buffers have grown.
 */
#include <openssl/evp.h>
#include <sys/socket.h>

#include "trace/block.h"

#define BLOCK_SOFT   (128u << 10) /* a block is closed above that */
#define INTERNED_MAX (CW_TRACE_SLOTS / 4 * 3) /* and one event adds at most some 130 */

_Static_assert(INTERNED_MAX + 256 < CW_TRACE_SLOTS, "a look-up ends at a free slot");
_Static_assert(INTERNED_MAX + 256 < CW_TRACE_STRINGS_MAX, "a reader takes what is written");

void cw_trace_block_reset(struct cw_trace_block *b, struct cw_trace_interner *in)
{
	struct cw_buf raw = b->raw;

	if (raw.cap > 2 * BLOCK_SOFT)
		cw_buf_free(&raw); /* it held a policy */
	cw_buf_reset(&raw);
	memset(b, 0, sizeof(*b));
	b->raw = raw;
	if (!++in->generation) {
		memset(in->slot, 0, sizeof(in->slot));
		memset(in->known, 0, sizeof(in->known));
		memset(in->latest, 0, sizeof(in->latest));
		in->generation = 1;
	}
}

bool cw_trace_block_is_full(const struct cw_trace_block *b)
{
	uint32_t n = b->n[CW_TRACE_RECORD_STRING] + b->n[CW_TRACE_RECORD_PROCESS] +
		     b->n[CW_TRACE_RECORD_ASSET];

	return b->raw.len >= BLOCK_SOFT || n >= INTERNED_MAX ||
	       b->n[CW_TRACE_RECORD_PROCESS] >= CW_TRACE_PROCESSES_MAX ||
	       b->n[CW_TRACE_RECORD_ASSET] >= CW_TRACE_ASSETS_MAX;
}

/* ---- interning ---- */

static uint32_t hash_bytes(const uint8_t *p, size_t len, uint32_t type)
{
	uint64_t h = 0x9e3779b97f4a7c15ULL ^ ((uint64_t)len << 8) ^ type, w;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&w, p, 8);
		h = (h ^ w) * 0xff51afd7ed558ccdULL;
		h ^= h >> 32;
	}
	w = 0;
	memcpy(&w, p, len);
	h = (h ^ w) * 0xff51afd7ed558ccdULL;
	return (uint32_t)(h >> 32);
}

static void add_record_head(struct cw_buf *raw, enum cw_trace_record_type type, size_t len)
{
	uint8_t t[2 * CW_VARINT_MAX];
	unsigned int n = cw_put_varint(t, type);

	n += cw_put_varint(t + n, len);
	cw_buf_add(raw, t, n);
}

/*
 * The number of a record with that body, and where the body is; writes it if there is none yet.
 * `nul`: one is added.
 */
static uint32_t intern(struct cw_trace_block *b, struct cw_trace_interner *in,
		       enum cw_trace_record_type type, const void *body, size_t len, bool nul,
		       uint32_t *ret_at)
{
	uint32_t hash = hash_bytes(body, len, type);
	struct cw_trace_slot *s;

	for (uint32_t i = hash;; i++) {
		s = &in->slot[i & (CW_TRACE_SLOTS - 1)];
		if (s->generation != in->generation)
			break;
		if (s->hash == hash && s->type == type && s->len == len &&
		    !memcmp(b->raw.data + s->at, body, len)) {
			*ret_at = s->at;
			return s->id;
		}
	}
	add_record_head(&b->raw, type, len + nul);
	*s = (struct cw_trace_slot){ .generation = in->generation, .hash = hash,
				     .at = (uint32_t)b->raw.len, .len = (uint32_t)len,
				     .type = (uint16_t)type, .id = (uint16_t)++b->n[type] };
	cw_buf_add(&b->raw, body, len);
	if (nul)
		cw_buf_add(&b->raw, "", 1);
	if (b->raw.error)
		s->generation = in->generation - 1;
	*ret_at = s->at;
	return s->id;
}

/* Most strings come again and again from the same place: then one comparison does. */
static uint32_t intern_string(struct cw_trace_block *b, struct cw_trace_interner *in, const char *s)
{
	struct cw_trace_known *k;
	size_t len;

	if (!s)
		return 0;
	k = &in->known[((uintptr_t)s >> 3 ^ (uintptr_t)s >> 11) % CW_TRACE_KNOWN];
	if (k->generation == in->generation && k->s == s && !strcmp(b->raw.data + k->at, s))
		return k->id;
	len = strnlen(s, CW_TRACE_STRING_MAX - 1);
	k->s = s;
	k->id = intern(b, in, CW_TRACE_RECORD_STRING, s, len, true, &k->at);
	k->generation = in->generation - (b->raw.error != 0);
	return k->id;
}

/* ---- bodies ---- */

/*
 * One body at a time is gathered here; strings that it names go to the block meanwhile. None is
 * near that long: the most numbers are in a process, 64 arguments and some 60 more.
 */
struct out {
	struct cw_trace_block *b;
	struct cw_trace_interner *in;
	size_t n;
	uint8_t body[4096];
};

_Static_assert((CW_TRACE_ARGS_MAX + 3 * CW_ANCESTORS_MAX + 64) * CW_VARINT_MAX < 4096,
	       "a process fits");
_Static_assert((3 * CW_DETAILS_MAX + 16) * CW_VARINT_MAX < 4096, "an event fits");

static void out_u(struct out *o, uint64_t v)
{
	if (v < 0x80)
		o->body[o->n++] = (uint8_t)v;
	else
		o->n += cw_put_varint(o->body + o->n, v);
}

static void out_bytes(struct out *o, const void *p, size_t len)
{
	memcpy(o->body + o->n, p, len);
	o->n += len;
}

static void out_i(struct out *o, int64_t v)
{
	out_u(o, cw_zigzag(v));
}

static void out_s(struct out *o, const char *s)
{
	out_u(o, intern_string(o->b, o->in, s));
}

static void out_argv(struct out *o, const char **argv, bool cut)
{
	size_t n = 0;

	if (!argv) {
		out_u(o, 0);
		out_u(o, cut);
		return;
	}
	while (argv[n] && n < CW_TRACE_ARGS_MAX)
		n++;
	out_u(o, n + 1);
	for (size_t i = 0; i < n; i++)
		out_s(o, argv[i]);
	out_u(o, cut || argv[n]);
}

static void out_process(struct out *o, const struct cw_process *p)
{
	unsigned int n = p->n_ancestors < CW_ANCESTORS_MAX ? p->n_ancestors : CW_ANCESTORS_MAX;

	out_u(o, p->pid);
	out_u(o, p->tid);
	out_u(o, p->ns_pid);
	out_u(o, p->ppid);
	out_u(o, p->start_ns);
	out_s(o, p->exe);
	out_u(o, p->exe_inode);
	out_u(o, p->exe_dev_major);
	out_u(o, p->exe_dev_minor);
	out_s(o, p->exe_sha256);
	out_u(o, p->exe_deleted);
	out_s(o, p->comm);
	out_argv(o, p->argv, p->argv_cut);
	out_u(o, p->uid);
	out_u(o, p->euid);
	out_u(o, p->gid);
	out_u(o, p->cap_effective);
	out_s(o, p->user);
	out_s(o, p->unit);
	out_s(o, p->cgroup);
	out_s(o, p->container);
	out_u(o, n);
	for (unsigned int i = 0; i < n; i++) {
		out_u(o, p->ancestors[i].pid);
		out_u(o, p->ancestors[i].start_ns);
		out_s(o, p->ancestors[i].exe);
	}
}

static void out_origin(struct out *o, const struct cw_origin *from)
{
	out_u(o, from->type);
	out_u(o, from->login_uid);
	out_s(o, from->login_user);
	out_u(o, from->session);
	out_s(o, from->tty);
	if (from->family == AF_INET) {
		out_u(o, 4);
		out_bytes(o, &from->peer.v4, 4);
	} else if (from->family == AF_INET6) {
		out_u(o, 6);
		out_bytes(o, &from->peer.v6, 16);
	} else {
		out_u(o, 0);
	}
	out_u(o, from->peer_port);
	out_u(o, from->local_port);
	out_u(o, (uint64_t)from->outbound | (uint64_t)from->seeded << 1);
	out_s(o, from->via);
	out_u(o, from->hop_pid);
	if (!from->hop_pid)
		return;
	out_s(o, from->hop_exe);
	out_u(o, from->hop_login_uid);
	out_s(o, from->hop_login_user);
	out_u(o, from->hop_local);
}

static void out_code(struct out *o, const struct cw_process *p)
{
	if (!p->code)
		return;
	out_u(o, p->code);
	out_s(o, p->code_path);
	out_u(o, p->code_pid);
}

static void out_asset(struct out *o, const struct cw_asset *a)
{
	out_s(o, a->name);
	out_u(o, a->kind);
	out_s(o, a->path);
	out_s(o, a->root);
	out_s(o, a->node);
	out_s(o, a->by_id);
	out_u(o, a->path_partial);
	out_u(o, a->dev_major);
	out_u(o, a->dev_minor);
	out_u(o, a->inode);
	out_u(o, a->access);
	out_s(o, a->driver);
	out_s(o, a->bus);
	out_s(o, a->card);
}

static void out_detail(struct out *o, const struct cw_detail *d)
{
	uint8_t t[8];
	uint64_t bits;

	out_s(o, d->key ? d->key : "");
	out_u(o, d->type);
	switch (d->type) {
	case CW_DETAIL_UINT:
	case CW_DETAIL_BOOL:
	case CW_DETAIL_TIME:
		out_u(o, d->u);
		return;
	case CW_DETAIL_INT:
		out_i(o, d->i);
		return;
	case CW_DETAIL_DOUBLE:
		memcpy(&bits, &d->d, sizeof(bits));
		cw_put_le(t, bits, 8);
		out_bytes(o, t, 8);
		return;
	case CW_DETAIL_STRING:
		out_s(o, d->s);
		return;
	}
	out_u(o, 0); /* of a type that is not known: a length */
}

/* Events of one process come together, and so do those of one asset. */
static uint32_t intern_body(struct out *o, enum cw_trace_record_type type)
{
	struct cw_trace_latest *l = &o->in->latest[type == CW_TRACE_RECORD_ASSET];
	uint32_t at, id;

	if (l->generation == o->in->generation && l->len == o->n &&
	    !memcmp(l->body, o->body, o->n))
		return l->id;
	id = intern(o->b, o->in, type, o->body, o->n, false, &at);
	if (o->b->raw.error || o->n > sizeof(l->body))
		return id;
	l->generation = o->in->generation;
	l->id = id;
	l->len = o->n;
	memcpy(l->body, o->body, o->n);
	return id;
}

/* ---- records ---- */

static void note_times(struct cw_trace_block *b, const struct cw_event *e)
{
	if (!b->events || e->boot_ns < b->boot_min)
		b->boot_min = e->boot_ns;
	if (!b->events || e->boot_ns > b->boot_max)
		b->boot_max = e->boot_ns;
	if (!b->events || e->time_ns < b->wall_min)
		b->wall_min = e->time_ns;
	if (!b->events || e->time_ns > b->wall_max)
		b->wall_max = e->time_ns;
	if (!b->events)
		b->seq_first = e->seq;
	b->seq_last = e->seq;
	b->last_boot = e->boot_ns;
	b->last_offset = e->time_ns - e->boot_ns;
	b->events++;
}

static void encode(struct out *o, const struct cw_event *e)
{
	struct cw_trace_block *b = o->b;
	uint32_t process, asset;
	unsigned int n = e->n_detail < CW_DETAILS_MAX ? e->n_detail : CW_DETAILS_MAX;

	o->n = 0;
	out_process(o, &e->process);
	out_origin(o, &e->origin);
	out_code(o, &e->process);
	process = intern_body(o, CW_TRACE_RECORD_PROCESS);
	o->n = 0;
	out_asset(o, &e->asset);
	asset = intern_body(o, CW_TRACE_RECORD_ASSET);
	o->n = 0;
	out_i(o, (int64_t)(e->seq - b->seq_last));
	out_i(o, (int64_t)(e->boot_ns - b->last_boot));
	out_i(o, (int64_t)(e->time_ns - e->boot_ns - b->last_offset));
	out_u(o, e->kind);
	out_u(o, e->probe);
	out_i(o, e->result);
	out_u(o, process);
	out_u(o, asset);
	out_u(o, n);
	for (unsigned int i = 0; i < n; i++)
		out_detail(o, &e->detail[i]);
	add_record_head(&b->raw, CW_TRACE_RECORD_EVENT, o->n);
	cw_buf_add(&b->raw, o->body, o->n);
}

int cw_trace_block_add_event(struct cw_trace_block *b, struct cw_trace_interner *in,
			     const struct cw_event *e)
{
	struct out o;
	size_t before = b->raw.len;
	uint32_t n[CW_ARRAY_SIZE(b->n)];
	int r;

	o.b = b;
	o.in = in;
	memcpy(n, b->n, sizeof(n));
	encode(&o, e);
	r = b->raw.error;
	if (!r && b->raw.len > CW_TRACE_RAW_MAX)
		r = -E2BIG;
	if (!r) {
		note_times(b, e);
		return 0;
	}
	b->raw.len = before;
	b->raw.error = 0;
	memcpy(b->n, n, sizeof(n));
	return r;
}

int cw_trace_block_add_policy(struct cw_trace_block *b, enum cw_trace_policy_how how,
			      const char *name, const char *text, size_t len)
{
	size_t name_len = strnlen(name, CW_TRACE_STRING_MAX - 1), before = b->raw.len, n = 0;
	unsigned char sha256[EVP_MAX_MD_SIZE];
	uint8_t t[2 * CW_VARINT_MAX];
	int r;

	if (EVP_Digest(text, len, sha256, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	n = cw_put_varint(t, how);
	n += cw_put_varint(t + n, name_len + 1);
	add_record_head(&b->raw, CW_TRACE_RECORD_POLICY,
			n + name_len + 1 + CW_TRACE_HASH + len);
	cw_buf_add(&b->raw, t, n);
	cw_buf_add(&b->raw, name, name_len);
	cw_buf_add(&b->raw, "", 1);
	cw_buf_add(&b->raw, sha256, CW_TRACE_HASH);
	cw_buf_add(&b->raw, text, len);
	r = b->raw.error ? b->raw.error : b->raw.len > CW_TRACE_RAW_MAX ? -E2BIG : 0;
	if (r) {
		b->raw.len = before;
		b->raw.error = 0;
		return r;
	}
	b->flags |= CW_TRACE_HAS_POLICY;
	return 0;
}
