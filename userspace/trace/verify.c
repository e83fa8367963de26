// SPDX-License-Identifier: Apache-2.0
#include <openssl/evp.h>
#include <stdarg.h>

#include "base/sha256.h"
#include "trace/keys.h"
#include "trace/verify.h"

#define INDEX_ENTRY  48u
#define CLOCK_JUMP_NS ((int64_t)CW_NSEC_PER_SEC)

struct verify {
	struct cw_trace_reader *reader;
	cw_trace_problem_fn *problem;
	void *ctx;
	const uint8_t *key;
	struct cw_trace_report *report;
	struct cw_trace_unpacker *unpacker;
	const struct cw_trace_view *view; /* the block in hand */
	uint8_t chain[CW_TRACE_HASH];
	uint8_t next_key[CW_TRACE_KEY]; /* that has to make the next seal */
	uint64_t epoch, seal_offset, index_offset;
	bool knows_key, chain_known, seen_last;
	uint64_t clock_offset;
	uint64_t moved, unaccounted; /* bytes and events, by which what follows is off: told once */
	uint32_t n_index;
	uint8_t index[CW_TRACE_INDEX_ENTRIES * INDEX_ENTRY];
};

static CW_PRINTF(3, 4) void fault(struct verify *v, enum cw_trace_fault kind, const char *format,
				  ...)
{
	struct cw_trace_problem p = { .fault = kind, .wall_ns = v->report->wall_last };
	char what[256];
	va_list ap;

	if (v->view) {
		p.offset = v->view->head.offset;
		p.sequence = v->view->head.sequence;
	} else {
		p.offset = v->report->bytes;
	}
	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	p.what = what;
	v->problem(v->ctx, &p);
}

/* ---- keys and seals ---- */

static bool follows(const struct cw_trace_link *before, const struct cw_trace_link *l)
{
	return l->index == before->index + 1 &&
	       !memcmp(l->root, before->next_root, CW_TRACE_KEY);
}

static void take_links(struct verify *v, const uint8_t *raw, size_t len)
{
	struct cw_trace_report *t = v->report;
	struct cw_trace_link l, before;

	if (t->has_links || t->seals || !len || len % CW_TRACE_LINK_SIZE) {
		fault(v, CW_TRACE_DAMAGED, "keys stand where no writer puts them");
		return;
	}
	for (size_t at = 0; at < len; at += CW_TRACE_LINK_SIZE, before = l) {
		cw_trace_link_get(raw + at, &l);
		if (!cw_trace_link_is_signed(&l) || (at && !follows(&before, &l))) {
			fault(v, CW_TRACE_DAMAGED, "link %llu of the keys is forged",
			      (unsigned long long)l.index);
			return;
		}
		if (!at) {
			memcpy(t->first_root, l.root, CW_TRACE_KEY);
			t->first_link = l.index;
		}
		if (v->key && !memcmp(l.root, v->key, CW_TRACE_KEY))
			t->key_found = true;
	}
	t->has_links = true;
	v->knows_key = true;
	memcpy(v->next_key, l.seal_key, CW_TRACE_KEY);
}

/* What is wrong with a seal; NULL: nothing. */
static const char *judge_seal(const struct verify *v, const struct cw_trace_seal *s)
{
	if (!cw_trace_seal_is_signed(s))
		return "this seal is forged: its signature is not that of its key";
	if (!v->knows_key)
		return "this seal proves nothing: no link leads to its key";
	if (memcmp(s->key, v->next_key, CW_TRACE_KEY))
		return "this seal is forged: the seal before it names another key";
	if (s->epoch != v->epoch)
		return "seals before this one are missing";
	if (v->chain_known && memcmp(s->hash, v->chain, CW_TRACE_HASH))
		return "this seal is of other blocks than those before it";
	if (s->sequence + 1 != v->view->head.sequence ||
	    s->offset != v->view->head.offset + v->moved)
		return "this seal is of more or fewer blocks than those before it";
	if (s->events != v->report->events + v->unaccounted)
		return "this seal is of more or fewer events than those before it";
	return NULL;
}

/* No later block has the hash of the last seal's header: that holds nothing which is not known. */
static bool has_plain_head(const struct verify *v, const struct cw_trace_seal *s)
{
	const struct cw_trace_block_head *h = &v->view->head;

	return v->report->head.minor > CW_TRACE_MINOR ||
	       (h->raw == CW_TRACE_SEAL_SIZE && !h->events && !h->flags && !h->seq_first &&
		!h->seq_last && h->boot_min == s->boot_ns && h->boot_max == s->boot_ns &&
		h->wall_min == s->wall_ns && h->wall_max == s->wall_ns);
}

static void take_seal(struct verify *v, const uint8_t *raw, size_t len)
{
	struct cw_trace_seal s;
	const char *wrong;

	if (len < CW_TRACE_SEAL_SIZE) {
		fault(v, CW_TRACE_DAMAGED, "this seal is too short");
		return;
	}
	cw_trace_seal_get(raw, &s);
	wrong = judge_seal(v, &s);
	if (wrong)
		fault(v, CW_TRACE_MISSING, "%s", wrong);
	else if (!has_plain_head(v, &s))
		fault(v, CW_TRACE_DAMAGED, "the header of this block does not tell its seal");
	/* One that its key made tells the next key, even if blocks before it are gone. */
	if (!cw_trace_seal_is_signed(&s) || (v->knows_key && s.epoch == v->epoch &&
					     memcmp(s.key, v->next_key, CW_TRACE_KEY)))
		return;
	memcpy(v->next_key, s.next_key, CW_TRACE_KEY);
	v->knows_key = true; /* if no link leads there, that was told */
	v->epoch = s.epoch + 1;
	v->unaccounted = s.events - v->report->events;
	v->seal_offset = v->view->head.offset;
	v->seen_last = s.flags & CW_TRACE_SEAL_LAST;
	if (wrong)
		return;
	v->report->seals++;
	v->report->sealed_events = v->report->events;
	v->report->sealed_wall_ns = s.wall_ns;
}

/* ---- index ---- */

static void note_index(struct verify *v, const struct cw_trace_block_head *h)
{
	uint8_t *p = v->index + (size_t)v->n_index * INDEX_ENTRY;

	if (v->n_index == CW_TRACE_INDEX_ENTRIES) {
		fault(v, CW_TRACE_MISSING, "an index block is missing before this block");
		v->n_index = 0;
		p = v->index;
	}
	cw_put_le(p, h->offset, 8);
	cw_put_le(p + 8, h->boot_min, 8);
	cw_put_le(p + 16, h->boot_max, 8);
	cw_put_le(p + 24, h->wall_min, 8);
	cw_put_le(p + 32, h->wall_max, 8);
	cw_put_le(p + 40, h->events, 4);
	cw_put_le(p + 44, h->flags, 4);
	v->n_index++;
}

static void take_index(struct verify *v, const uint8_t *raw, size_t len)
{
	if (len != (size_t)v->n_index * INDEX_ENTRY || memcmp(raw, v->index, len) ||
	    v->view->head.seq_first != v->index_offset)
		fault(v, CW_TRACE_DAMAGED, "the index does not tell the blocks that are there");
	v->n_index = 0;
	v->index_offset = v->view->head.offset;
}

/* ---- events ---- */

static void take_clock(struct verify *v, const struct cw_event *e)
{
	struct cw_trace_report *t = v->report;
	uint64_t offset = e->time_ns - e->boot_ns;
	int64_t by = (int64_t)(offset - v->clock_offset);

	if (t->events && (by > CLOCK_JUMP_NS || by < -CLOCK_JUMP_NS)) {
		if (t->n_jumps < CW_TRACE_JUMPS_MAX) {
			t->jump[t->n_jumps].wall_ns = e->time_ns;
			t->jump[t->n_jumps].by_ns = by;
		}
		t->n_jumps++;
	}
	v->clock_offset = offset;
}

static bool goes_on(const struct cw_trace_report *t)
{
	static const uint8_t none[CW_TRACE_HASH];

	return memcmp(t->head.previous, none, sizeof(none)) != 0;
}

static void take_number(struct verify *v, const struct cw_event *e)
{
	struct cw_trace_report *t = v->report;

	if (!t->events) {
		t->seq_first = e->seq;
		t->wall_first = e->time_ns;
		t->seq_missing = e->seq > 1 && !goes_on(t) ? e->seq - 1 : 0;
	} else if (e->seq > t->seq_last) {
		t->seq_missing += e->seq - t->seq_last - 1;
	} else {
		fault(v, CW_TRACE_MISSING, "event %llu follows event %llu",
		      (unsigned long long)e->seq, (unsigned long long)t->seq_last);
	}
	t->seq_last = e->seq;
}

static const char *text_of(const struct cw_event *e, const char *key)
{
	const struct cw_detail *d = cw_event_detail(e, key);

	return d && d->type == CW_DETAIL_STRING ? d->s : NULL;
}

static void take_gap(struct cw_trace_report *t, const struct cw_event *e)
{
	const struct cw_detail *d = cw_event_detail(e, "lost");
	const char *last = text_of(e, "last_block");
	uint64_t lost = d && d->type == CW_DETAIL_UINT ? d->u : 1, drop;
	uint8_t hash[CW_TRACE_HASH];

	t->gaps++;
	cw_add_up(&t->lost, lost);
	if (!lost || !last || !cw_streq(text_of(e, "class"), "rotation"))
		return;
	if (!cw_trace_key_read_hex(last, hash)) /* 64 digits like a key */
		return;
	drop = t->n_drops++ % CW_TRACE_DROPS_MAX;
	memcpy(t->drop[drop].last, hash, sizeof(hash));
	t->drop[drop].wall_ns = e->time_ns;
	t->drop[drop].events = lost;
}

static void take_event(struct verify *v, const struct cw_event *e)
{
	struct cw_trace_report *t = v->report;
	const struct cw_detail *d;

	take_number(v, e);
	take_clock(v, e);
	t->wall_last = e->time_ns;
	t->events++;
	t->stopped = e->kind == CW_KIND_STOP;
	switch (e->kind) {
	case CW_KIND_GAP:
		take_gap(t, e);
		break;
	case CW_KIND_CANARY:
		d = cw_event_detail(e, "ok");
		t->blind_canaries += d && !d->u;
		break;
	case CW_KIND_START:
		t->starts++;
		break;
	case CW_KIND_STOP:
		t->stops++;
		break;
	default:
		break;
	}
}

static void take_policy(struct verify *v, const struct cw_trace_policy *p)
{
	char is[CW_SHA256_HEX], named[CW_SHA256_HEX];

	v->report->policies++;
	cw_sha256_hex(p->sha256, named);
	if (cw_sha256(p->text, p->len, is) || strcmp(is, named))
		fault(v, CW_TRACE_DAMAGED, "a policy is not the one that its hash names");
}

static void count(struct cw_trace_block_head *h, const struct cw_event *e)
{
	if (!h->events++) {
		h->seq_first = e->seq;
		h->boot_min = h->boot_max = e->boot_ns;
		h->wall_min = h->wall_max = e->time_ns;
	}
	h->seq_last = e->seq;
	h->boot_min = e->boot_ns < h->boot_min ? e->boot_ns : h->boot_min;
	h->boot_max = e->boot_ns > h->boot_max ? e->boot_ns : h->boot_max;
	h->wall_min = e->time_ns < h->wall_min ? e->time_ns : h->wall_min;
	h->wall_max = e->time_ns > h->wall_max ? e->time_ns : h->wall_max;
}

/* Of the header, by which a reader finds events and passes over what it does not want. */
static bool tells(const struct cw_trace_block_head *h, const struct cw_trace_block_head *is)
{
	if (h->events != is->events || ((h->flags ^ is->flags) & CW_TRACE_HAS_POLICY))
		return false;
	return !is->events || (h->seq_first == is->seq_first && h->seq_last == is->seq_last &&
			       h->boot_min == is->boot_min && h->boot_max == is->boot_max &&
			       h->wall_min == is->wall_min && h->wall_max == is->wall_max);
}

static void take_events(struct verify *v, const uint8_t *raw, size_t len)
{
	uint64_t unknown = cw_trace_unpacker_unknown(v->unpacker);
	struct cw_trace_block_head is = { 0 };
	struct cw_trace_policy policy;
	struct cw_event e;
	int r;

	cw_trace_unpacker_begin(v->unpacker, &v->report->head, raw, len);
	while ((r = cw_trace_unpacker_next(v->unpacker, &e, &policy)) > 0) {
		if (r == 2) {
			is.flags = CW_TRACE_HAS_POLICY;
			take_policy(v, &policy);
			continue;
		}
		count(&is, &e);
		take_event(v, &e);
	}
	if (r < 0)
		fault(v, CW_TRACE_DAMAGED, "the content of this block is malformed");
	else if (cw_trace_unpacker_unknown(v->unpacker) != unknown)
		return; /* of a later version: there may be more than what was counted */
	else if (!tells(&v->view->head, &is))
		fault(v, CW_TRACE_DAMAGED, "the header of this block does not tell its events");
}

/* ---- blocks ---- */

static int take_content(struct verify *v)
{
	const struct cw_trace_view *view = v->view;
	const uint8_t *raw;
	int r = cw_trace_reader_inflate(v->reader, view, &raw);

	if (r)
		return r == -ENOMEM ? r : 0;
	switch (view->head.type) {
	case CW_TRACE_BLOCK_EVENTS:
		take_events(v, raw, view->head.raw);
		return 0;
	case CW_TRACE_BLOCK_SEAL:
		take_seal(v, raw, view->head.raw);
		return 0;
	case CW_TRACE_BLOCK_KEYS:
		take_links(v, raw, view->head.raw);
		return 0;
	case CW_TRACE_BLOCK_INDEX:
		take_index(v, raw, view->head.raw);
		return 0;
	default:
		return 0;
	}
}

static int take_block(struct verify *v)
{
	const struct cw_trace_view *view = v->view;
	uint64_t written_at = cw_get_le(view->bytes + 112, 8);
	int r = 0;

	if (v->seen_last)
		fault(v, CW_TRACE_MISSING, "this block stands behind the last seal");
	v->seen_last = false;
	if (v->chain_known && memcmp(view->head.previous, v->chain, CW_TRACE_HASH))
		fault(v, CW_TRACE_MISSING, "the chain breaks: this block was written after another "
		      "one than that before it");
	if (written_at - view->head.offset != v->moved)
		fault(v, CW_TRACE_MISSING, "this block was written at byte %llu",
		      (unsigned long long)written_at);
	v->moved = written_at - view->head.offset;
	if (view->head.type == CW_TRACE_BLOCK_EVENTS)
		note_index(v, &view->head);
	if (view->whole)
		r = take_content(v);
	v->chain_known = view->whole; /* a damaged one was told already */
	if (EVP_Digest(view->bytes, view->len, v->chain, NULL, EVP_sha256(), NULL) != 1)
		r = -EIO;
	v->report->blocks++;
	return r;
}

static void take_end(struct verify *v)
{
	struct cw_trace_report *t = v->report;
	struct cw_trace_footer f;

	v->view = NULL;
	t->no_seals = !v->epoch && !t->has_links;
	if (!cw_trace_reader_footer(v->reader, &f))
		return; /* the reader told */
	if (f.rest && t->head.minor <= CW_TRACE_MINOR)
		fault(v, CW_TRACE_DAMAGED, "the footer is not what a writer makes");
	if (f.index != v->index_offset || f.seal != v->seal_offset) {
		fault(v, CW_TRACE_DAMAGED, "the footer does not tell where index and seal are");
	} else if (!t->no_seals && !v->seen_last) {
		fault(v, CW_TRACE_MISSING, "the last seal is missing");
	} else {
		t->ended = true;
	}
}

static int run(struct verify *v, cw_trace_tick_fn *tick)
{
	struct cw_trace_view view;
	uint64_t size;
	int r;

	while ((r = cw_trace_reader_block(v->reader, &view)) == 1) {
		v->view = &view;
		v->report->bytes = cw_trace_reader_at(v->reader, &size);
		r = take_block(v);
		if (r)
			break;
		if (tick)
			tick(v->ctx, v->reader);
	}
	if (r)
		return r;
	v->report->bytes = cw_trace_reader_at(v->reader, &size);
	take_end(v);
	memcpy(v->report->last_hash, v->chain, CW_TRACE_HASH);
	return 0;
}

int cw_trace_verify(struct cw_trace_reader *r, cw_trace_problem_fn *problem, cw_trace_tick_fn *tick,
		    void *ctx, const uint8_t *key, struct cw_trace_report *ret_report)
{
	struct verify *v = calloc(1, sizeof(*v));
	int e;

	if (!v)
		return -ENOMEM;
	memset(ret_report, 0, sizeof(*ret_report));
	ret_report->head = *cw_trace_reader_head(r);
	ret_report->bytes = CW_TRACE_HEAD_SIZE;
	v->reader = r;
	v->problem = problem;
	v->ctx = ctx;
	v->key = key;
	v->report = ret_report;
	v->chain_known = true;
	e = EVP_Digest(cw_trace_reader_head_bytes(r), CW_TRACE_HEAD_SIZE, v->chain, NULL,
		       EVP_sha256(), NULL) == 1 ? 0 : -EIO;
	if (!e)
		e = cw_trace_unpacker_new(&v->unpacker);
	if (!e)
		e = run(v, tick);
	cw_trace_unpacker_free(v->unpacker);
	free(v);
	return e;
}

bool cw_trace_is_proven(const struct cw_trace_report *t, unsigned int faults, bool has_key)
{
	return !faults && t->ended && t->seals && t->sealed_events == t->events &&
	       (!has_key || t->key_found);
}

/* ---- several files ---- */

static bool find_drop(const struct cw_trace_report *t, const uint8_t *last, unsigned int *ret_drop)
{
	for (unsigned int i = 0; i < t->n_drops && i < CW_TRACE_DROPS_MAX; i++)
		if (!memcmp(t->drop[i].last, last, CW_TRACE_HASH)) {
			*ret_drop = i;
			return true;
		}
	return false;
}

int cw_trace_before(const struct cw_trace_report *const *reports, unsigned int n,
		    unsigned int which, unsigned int *ret_by, unsigned int *ret_drop)
{
	const uint8_t *previous = reports[which]->head.previous;

	if (!goes_on(reports[which]))
		return CW_TRACE_FIRST;
	for (unsigned int i = 0; i < n; i++)
		if (i != which && !memcmp(reports[i]->last_hash, previous, CW_TRACE_HASH))
			return (int)i;
	for (unsigned int i = 0; i < n; i++)
		if (find_drop(reports[i], previous, ret_drop)) {
			*ret_by = i;
			return CW_TRACE_DROPPED;
		}
	return CW_TRACE_ABSENT;
}

uint64_t cw_trace_between(const struct cw_trace_report *before, const struct cw_trace_report *t)
{
	return t->events && before->events && t->seq_first > before->seq_last ?
		       t->seq_first - before->seq_last - 1 : 0;
}
