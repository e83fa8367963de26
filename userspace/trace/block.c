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

#define BLOCK_SOFT (128u << 10) /* a block is closed above that */

_Static_assert(CW_TRACE_INTERNED_MAX < CW_TRACE_SLOTS, "a look-up ends at a free slot");
_Static_assert(CW_TRACE_INTERNED_MAX < CW_TRACE_STRINGS_MAX, "a reader takes what is written");
_Static_assert(CW_TRACE_INTERNED_MAX <= UINT16_MAX, "a slot has its number");

void cw_trace_block_reset(struct cw_trace_block *b, struct cw_trace_interner *in)
{
	struct cw_buf raw = b->raw;

	if (raw.cap > 2 * BLOCK_SOFT)
		cw_buf_free(&raw); /* it held a policy */
	cw_buf_reset(&raw);
	memset(b, 0, sizeof(*b));
	b->raw = raw;
	memset(in->slot, 0, sizeof(in->slot));
	in->n_interned = 0;
	if (!++in->generation) {
		memset(in->known, 0, sizeof(in->known));
		in->last_process.generation = in->last_asset.generation = 0;
		in->generation = 1;
	}
}

bool cw_trace_block_is_full(const struct cw_trace_block *b)
{
	uint32_t n = b->n[CW_TRACE_RECORD_STRING] + b->n[CW_TRACE_RECORD_PROCESS] +
		     b->n[CW_TRACE_RECORD_ASSET];

	return b->raw.len >= BLOCK_SOFT || n >= CW_TRACE_FULL ||
	       b->n[CW_TRACE_RECORD_PROCESS] >= CW_TRACE_PROCESSES_MAX ||
	       b->n[CW_TRACE_RECORD_ASSET] >= CW_TRACE_ASSETS_MAX;
}

/* ---- interning ---- */

static uint32_t hash_bytes(const uint8_t *p, size_t len, uint32_t type)
{
	uint64_t h = 0x9e3779b97f4a7c15ULL ^ ((uint64_t)len << 8) ^ type, w = 0;

	if (len < 8)
		memcpy(&w, p, len);
	else
		memcpy(&w, p + len - 8, 8); /* the last: overlaps with those before */
	h = (h ^ w) * 0xff51afd7ed558ccdULL;
	for (; len > 8; p += 8, len -= 8) {
		h ^= h >> 32;
		memcpy(&w, p, 8);
		h = (h ^ w) * 0xff51afd7ed558ccdULL;
	}
	return (uint32_t)(h >> 32);
}

static uint8_t *put_record_head(uint8_t *p, enum cw_trace_record_type type, size_t len)
{
	p += cw_put_varint(p, type);
	return p + cw_put_varint(p, len);
}

/* Room is asked for once. `nul`: one is added. Returns where the body is. */
static uint32_t add_record(struct cw_buf *raw, enum cw_trace_record_type type, const void *body,
			   size_t len, bool nul)
{
	uint8_t *head = (uint8_t *)cw_buf_room(raw, 2 * CW_VARINT_MAX + len + nul), *p;

	if (!head)
		return (uint32_t)raw->len;
	p = put_record_head(head, type, len + nul);
	memcpy(p, body, len);
	p += len;
	if (nul)
		*p++ = '\0';
	cw_buf_wrote(raw, (size_t)(p - head));
	return (uint32_t)(raw->len - len - nul);
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
	struct cw_trace_interned *known;
	struct cw_trace_slot *s;

	for (uint32_t i = hash ^ hash >> 16;; i++) { /* the last bytes reach the upper half only */
		s = &in->slot[i & (CW_TRACE_SLOTS - 1)];
		if (!s->number)
			break;
		if (s->hash != hash >> 16)
			continue;
		known = &in->interned[s->number - 1];
		if (known->type == type && known->len == len &&
		    !memcmp(b->raw.data + known->at, body, len)) {
			*ret_at = known->at;
			return known->id;
		}
	}
	*ret_at = add_record(&b->raw, type, body, len, nul);
	b->n[type]++;
	if (!b->raw.error) {
		*s = (struct cw_trace_slot){ .hash = (uint16_t)(hash >> 16),
					     .number = (uint16_t)++in->n_interned };
		in->interned[in->n_interned - 1] = (struct cw_trace_interned){
			.at = *ret_at, .len = (uint32_t)len, .type = (uint16_t)type,
			.id = (uint16_t)b->n[type] };
	}
	return b->n[type];
}

/* Most strings come again and again from the same place: then one comparison does. */
static struct cw_trace_known *intern_string(struct cw_trace_block *b,
					    struct cw_trace_interner *in, const char *s)
{
	struct cw_trace_known *k;
	size_t len;

	k = &in->known[((uintptr_t)s >> 3 ^ (uintptr_t)s >> 11) % CW_TRACE_KNOWN];
	if (k->generation == in->generation && k->s == s && !strcmp(b->raw.data + k->at, s))
		return k;
	len = strnlen(s, CW_TRACE_STRING_MAX - 1);
	k->s = s;
	k->id = intern(b, in, CW_TRACE_RECORD_STRING, s, len, true, &k->at);
	k->generation = in->generation - (b->raw.error != 0);
	return k;
}

/* ---- bodies ---- */

/*
 * One body at a time is gathered here; strings that it names go to the block meanwhile. None is
 * near that long: the most numbers are in a process, 64 arguments and some 60 more.
 */
struct out {
	struct cw_trace_block *b;
	struct cw_trace_interner *in;
	uint8_t body[4096];
};

_Static_assert((CW_TRACE_ARGS_MAX + 3 * CW_ANCESTORS_MAX + 64) * CW_VARINT_MAX < 4096,
	       "a process fits");
_Static_assert(sizeof(((struct cw_trace_last_asset *)0)->body) < 4096, "an asset fits");
_Static_assert((3 * CW_DETAILS_MAX + 16) * CW_VARINT_MAX < 4096, "an event fits");

/* `p` is where the next byte goes: by value, for a store of a byte could change anything else. */
static inline uint8_t *put_u(uint8_t *p, uint64_t v)
{
	return p + cw_put_varint(p, v);
}

static inline uint8_t *put_i(uint8_t *p, int64_t v)
{
	return put_u(p, cw_zigzag(v));
}

static uint8_t *put_bytes(uint8_t *p, const void *bytes, size_t len)
{
	memcpy(p, bytes, len);
	return p + len;
}

static inline uint8_t *put_s(struct out *o, uint8_t *p, const char *s)
{
	return put_u(p, s ? intern_string(o->b, o->in, s)->id : 0);
}

/* A string of a process: the next that begins with the same ones is compared, not encoded. */
static inline uint8_t *put_said(struct out *o, uint8_t *p, const char *s)
{
	struct cw_trace_last_process *l = &o->in->last_process;
	const struct cw_trace_known *k = s ? intern_string(o->b, o->in, s) : NULL;

	l->said[l->n++] = (struct cw_trace_said){ s, k ? k->at : 0 };
	return put_u(p, k ? k->id : 0);
}

static uint8_t *put_argv(struct out *o, uint8_t *p, const char **argv, bool cut)
{
	struct cw_trace_last_process *l = &o->in->last_process;
	size_t n = 0;

	if (!argv)
		return put_u(put_u(p, 0), cut);
	while (argv[n] && n < CW_TRACE_ARGS_MAX)
		n++;
	p = put_u(p, n + 1);
	l->argv_at = l->n;
	l->n_argv = (unsigned int)n;
	for (size_t i = 0; i < n; i++)
		p = put_said(o, p, argv[i]);
	return put_u(p, cut || argv[n]);
}

static uint8_t *put_process(struct out *o, uint8_t *p, const struct cw_process *who)
{
	unsigned int n = who->n_ancestors < CW_ANCESTORS_MAX ? who->n_ancestors : CW_ANCESTORS_MAX;

	p = put_u(p, who->pid);
	p = put_u(p, who->tid);
	p = put_u(p, who->ns_pid);
	p = put_u(p, who->ppid);
	p = put_u(p, who->start_ns);
	p = put_said(o, p, who->exe);
	p = put_u(p, who->exe_inode);
	p = put_u(p, who->exe_dev_major);
	p = put_u(p, who->exe_dev_minor);
	p = put_said(o, p, who->exe_sha256);
	p = put_u(p, who->exe_deleted);
	p = put_said(o, p, who->comm);
	p = put_argv(o, p, who->argv, who->argv_cut);
	p = put_u(p, who->uid);
	p = put_u(p, who->euid);
	p = put_u(p, who->gid);
	p = put_u(p, who->cap_effective);
	p = put_said(o, p, who->user);
	p = put_said(o, p, who->unit);
	p = put_said(o, p, who->cgroup);
	p = put_said(o, p, who->container);
	p = put_u(p, n);
	for (unsigned int i = 0; i < n; i++) {
		p = put_u(p, who->ancestors[i].pid);
		p = put_u(p, who->ancestors[i].start_ns);
		p = put_said(o, p, who->ancestors[i].exe);
	}
	return p;
}

static uint8_t *put_origin(struct out *o, uint8_t *p, const struct cw_origin *from)
{
	p = put_u(p, from->type);
	p = put_u(p, from->login_uid);
	p = put_said(o, p, from->login_user);
	p = put_u(p, from->session);
	p = put_said(o, p, from->tty);
	if (from->family == AF_INET) {
		p = put_u(p, 4);
		p = put_bytes(p, &from->peer.v4, 4);
	} else if (from->family == AF_INET6) {
		p = put_u(p, 6);
		p = put_bytes(p, &from->peer.v6, 16);
	} else {
		p = put_u(p, 0);
	}
	p = put_u(p, from->peer_port);
	p = put_u(p, from->local_port);
	p = put_u(p, (uint64_t)from->outbound | (uint64_t)from->seeded << 1);
	p = put_said(o, p, from->via);
	p = put_u(p, from->hop_pid);
	if (!from->hop_pid)
		return p;
	p = put_said(o, p, from->hop_exe);
	p = put_u(p, from->hop_login_uid);
	p = put_said(o, p, from->hop_login_user);
	return put_u(p, from->hop_local);
}

static uint8_t *put_code(struct out *o, uint8_t *p, const struct cw_process *who)
{
	if (!who->code)
		return p;
	p = put_u(p, who->code);
	p = put_said(o, p, who->code_path);
	return put_u(p, who->code_pid);
}

static uint8_t *put_asset(struct out *o, uint8_t *p, const struct cw_asset *a)
{
	p = put_s(o, p, a->name);
	p = put_u(p, a->kind);
	p = put_s(o, p, a->path);
	p = put_s(o, p, a->root);
	p = put_s(o, p, a->node);
	p = put_s(o, p, a->by_id);
	p = put_u(p, a->path_partial);
	p = put_u(p, a->dev_major);
	p = put_u(p, a->dev_minor);
	p = put_u(p, a->inode);
	p = put_u(p, a->access);
	p = put_s(o, p, a->driver);
	p = put_s(o, p, a->bus);
	return put_s(o, p, a->card);
}

static uint8_t *put_detail(struct out *o, uint8_t *p, const struct cw_detail *d)
{
	uint8_t t[8];
	uint64_t bits;

	p = put_s(o, p, d->key ? d->key : "");
	p = put_u(p, d->type);
	switch (d->type) {
	case CW_DETAIL_UINT:
	case CW_DETAIL_BOOL:
	case CW_DETAIL_TIME:
		return put_u(p, d->u);
	case CW_DETAIL_INT:
		return put_i(p, d->i);
	case CW_DETAIL_DOUBLE:
		memcpy(&bits, &d->d, sizeof(bits));
		cw_put_le(t, bits, 8);
		return put_bytes(p, t, 8);
	case CW_DETAIL_STRING:
		return put_s(o, p, d->s);
	}
	return put_u(p, 0); /* of a type that is not known: a length */
}

/*
 * Events of one process come together. Pointers that are the same may have got another string
 * since, hence every string is compared.
 */
static bool is_last_process(const struct out *o, const struct cw_event *e)
{
	const struct cw_trace_last_process *l = &o->in->last_process;
	const struct cw_process *who = &e->process;
	unsigned int i;

	if (l->generation != o->in->generation || who->n_ancestors > CW_ANCESTORS_MAX ||
	    memcmp(who, &l->process, offsetof(struct cw_process, ancestors)) ||
	    memcmp(who->ancestors, l->process.ancestors,
		   who->n_ancestors * sizeof(who->ancestors[0])) ||
	    memcmp(&e->origin, &l->origin, sizeof(l->origin)))
		return false;
	for (i = 0; i < l->n_argv; i++)
		if (who->argv[i] != l->said[l->argv_at + i].s)
			return false;
	if (who->argv && who->argv[i])
		return false;
	for (i = 0; i < l->n; i++)
		if (l->said[i].s && strcmp(o->b->raw.data + l->said[i].at, l->said[i].s))
			return false;
	return true;
}

static uint32_t intern_process(struct out *o, const struct cw_event *e)
{
	struct cw_trace_last_process *l = &o->in->last_process;
	uint32_t at;
	uint8_t *p;

	if (is_last_process(o, e))
		return l->id;
	l->generation = o->in->generation - 1;
	l->n = l->n_argv = 0;
	p = put_process(o, o->body, &e->process);
	p = put_origin(o, p, &e->origin);
	p = put_code(o, p, &e->process);
	l->id = intern(o->b, o->in, CW_TRACE_RECORD_PROCESS, o->body, (size_t)(p - o->body), false,
		       &at);
	if (!o->b->raw.error) {
		l->process = e->process;
		l->origin = e->origin;
		l->generation = o->in->generation;
	}
	return l->id;
}

static uint32_t intern_asset(struct out *o, const struct cw_asset *a)
{
	struct cw_trace_last_asset *l = &o->in->last_asset;
	size_t len = (size_t)(put_asset(o, o->body, a) - o->body);
	uint32_t at;

	if (l->generation == o->in->generation && l->len == len && !memcmp(l->body, o->body, len))
		return l->id;
	l->id = intern(o->b, o->in, CW_TRACE_RECORD_ASSET, o->body, len, false, &at);
	l->generation = o->in->generation - (o->b->raw.error != 0);
	l->len = len;
	memcpy(l->body, o->body, len);
	return l->id;
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
	uint32_t process = intern_process(o, e), asset = intern_asset(o, &e->asset);
	unsigned int n = e->n_detail < CW_DETAILS_MAX ? e->n_detail : CW_DETAILS_MAX;
	uint8_t *p;

	p = put_i(o->body, (int64_t)(e->seq - b->seq_last));
	p = put_i(p, (int64_t)(e->boot_ns - b->last_boot));
	p = put_i(p, (int64_t)(e->time_ns - e->boot_ns - b->last_offset));
	p = put_u(p, e->kind);
	p = put_u(p, e->probe);
	p = put_i(p, e->result);
	p = put_u(p, process);
	p = put_u(p, asset);
	p = put_u(p, n);
	for (unsigned int i = 0; i < n; i++)
		p = put_detail(o, p, &e->detail[i]);
	add_record(&b->raw, CW_TRACE_RECORD_EVENT, o->body, (size_t)(p - o->body), false);
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
	uint8_t t[2 * CW_VARINT_MAX], head[2 * CW_VARINT_MAX];
	int r;

	if (EVP_Digest(text, len, sha256, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	n = cw_put_varint(t, how);
	n += cw_put_varint(t + n, name_len + 1);
	cw_buf_add(&b->raw, head, (size_t)(put_record_head(head, CW_TRACE_RECORD_POLICY, n +
				  name_len + 1 + CW_TRACE_HASH + len) - head));
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
