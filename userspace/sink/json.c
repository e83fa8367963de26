// SPDX-License-Identifier: Apache-2.0
/*
 * Owns nothing. Millions of events pass here when a trace is exported, so numbers are formatted by
 * hand and pieces are gathered on the stack: the buffer grows once per 4 KiB, not once per piece.
 */
#include <math.h>

#include "base/calendar.h"
#include "sink/json.h"

struct out {
	struct cw_buf *b;
	size_t n;
	char d[4096];
};

static void out_flush(struct out *o)
{
	cw_buf_add(o->b, o->d, o->n);
	o->n = 0;
}

static inline void out_add(struct out *o, const char *p, size_t len)
{
	if (len > sizeof(o->d) - o->n) {
		out_flush(o);
		if (len > sizeof(o->d)) {
			cw_buf_add(o->b, p, len);
			return;
		}
	}
	memcpy(o->d + o->n, p, len);
	o->n += len;
}

#define OUT_LITERAL(o, s) out_add(o, s, sizeof(s) - 1)

static const char hex_digits[] = "0123456789abcdef";

/* Writes `v` so that it ends before `end`; returns where it begins. */
static char *format_u64(char *end, uint64_t v)
{
	do {
		*--end = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return end;
}

static void out_u64(struct out *o, uint64_t v)
{
	char t[20];
	char *p = format_u64(t + sizeof(t), v);

	out_add(o, p, (size_t)(t + sizeof(t) - p));
}

static void out_i64(struct out *o, int64_t v)
{
	if (v < 0)
		OUT_LITERAL(o, "-");
	out_u64(o, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

/* For numbers that are never 0 when they are known. */
static void out_known(struct out *o, uint64_t v)
{
	if (v)
		out_u64(o, v);
	else
		OUT_LITERAL(o, "null");
}

static void out_uid(struct out *o, uint32_t uid)
{
	if (uid != CW_NO_UID)
		out_u64(o, uid);
	else
		OUT_LITERAL(o, "null");
}

static void out_bool(struct out *o, bool v)
{
	if (v)
		OUT_LITERAL(o, "true");
	else
		OUT_LITERAL(o, "false");
}

/*
 * Three decimals, rounded as printf("%.3f") rounds (to even on a tie). In integers, because a
 * compiler may fuse a floating multiply and add on one machine and not on another. JSON has no
 * infinity and no NaN: null, as for what is too large to be a quantity.
 *
 * The fraction is taken in units of 2^-63: exact from 2^-11 on, and what is smaller rounds to 0.
 */
static void out_double(struct out *o, double d)
{
	const uint64_t half = 1ULL << 62;
	double abs = fabs(d);
	uint64_t whole, fraction, low, high, milli, rest;
	char t[4] = ".";

	if (!(abs < 9e18)) {
		OUT_LITERAL(o, "null");
		return;
	}
	whole = (uint64_t)abs;
	fraction = (uint64_t)((abs - (double)whole) * 9223372036854775808.0);
	low = (fraction & UINT32_MAX) * 1000;
	high = (fraction >> 32) * 1000 + (low >> 32);
	milli = high >> 31;
	rest = (high & INT32_MAX) << 32 | (low & UINT32_MAX);
	if (rest > half || (rest == half && (milli & 1)))
		milli++;
	if (milli == 1000) {
		milli = 0;
		whole++;
	}
	if (d < 0 && (whole || milli))
		OUT_LITERAL(o, "-");
	out_u64(o, whole);
	cw_put_padded(t + 1, milli, 3);
	out_add(o, t, sizeof(t));
}

unsigned int cw_json_utf8(const char *s, uint32_t *ret_code)
{
	const unsigned char *p = (const unsigned char *)s;
	uint32_t code, min;
	unsigned int n;

	if (p[0] < 0x80) {
		*ret_code = p[0];
		return 1;
	}
	if (p[0] < 0xc0 || p[0] > 0xf7)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	min = n == 2 ? 0x80 : n == 3 ? 0x800 : 0x10000;
	code = p[0] & (0x7f >> n);
	for (unsigned int i = 1; i < n; i++) { /* the NUL at the end is no continuation */
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < min || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return n;
}

static void out_escape(struct out *o, uint32_t code)
{
	char t[6] = { '\\', 'u', hex_digits[code >> 12 & 15], hex_digits[code >> 8 & 15],
		      hex_digits[code >> 4 & 15], hex_digits[code & 15] };

	out_add(o, t, sizeof(t));
}

/*
 * JSON allows all of these but the first in a string; they are escaped because lines are shown on
 * terminals (C1, direction marks) and pasted into JavaScript (U+2028, U+2029).
 */
static bool must_escape(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* One character that is not a plain one; returns the bytes taken. */
static unsigned int out_special(struct out *o, const char *s)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = strchr(from, *s);
	uint32_t code;
	unsigned int n;

	if (at) {
		char t[2] = { '\\', to[at - from] };

		out_add(o, t, sizeof(t));
		return 1;
	}
	n = cw_json_utf8(s, &code);
	if (!n)
		OUT_LITERAL(o, "\\ufffd");
	else if (must_escape(code))
		out_escape(o, code);
	else
		out_add(o, s, n);
	return n ? n : 1;
}

static void out_string(struct out *o, const char *s)
{
	static const bool plain[256] = {
		[0x20 ... 0x21] = true, [0x23 ... 0x5b] = true, [0x5d ... 0x7e] = true,
	};
	const char *run;

	if (!s) {
		OUT_LITERAL(o, "null");
		return;
	}
	OUT_LITERAL(o, "\"");
	while (*s) {
		for (run = s; plain[(unsigned char)*s]; s++)
			;
		out_add(o, run, (size_t)(s - run));
		if (*s)
			s += out_special(o, s);
	}
	OUT_LITERAL(o, "\"");
}

void cw_json_string(struct cw_buf *b, const char *s)
{
	struct out o;

	o.b = b;
	o.n = 0;
	out_string(&o, s);
	out_flush(&o);
}

size_t cw_json_time(uint64_t ns, char ret_text[CW_JSON_TIME_SIZE])
{
	char *p = cw_put_seconds(ret_text, (int64_t)(ns / CW_NSEC_PER_SEC));

	*p++ = '.';
	p = cw_put_padded(p, ns % CW_NSEC_PER_SEC, 9);
	*p++ = 'Z';
	*p = '\0';
	return (size_t)(p - ret_text);
}

static char *add_u64(char *p, uint64_t v)
{
	char t[20];
	char *from = format_u64(t + sizeof(t), v);
	size_t n = (size_t)(t + sizeof(t) - from);

	memcpy(p, from, n);
	return p + n;
}

static char *add_v4(char *p, const uint8_t a[4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*p++ = '.';
		p = add_u64(p, a[i]);
	}
	return p;
}

/* RFC 5952: lower case, no leading zeros, the first longest run of two or more zeros is "::". */
static char *add_v6(char *p, const uint8_t a[16])
{
	uint16_t g[8];
	int best = -1, best_len = 1;

	for (int i = 0; i < 8; i++)
		g[i] = (uint16_t)(a[2 * i] << 8 | a[2 * i + 1]);
	for (int i = 0, len; i < 8; i += len ? len : 1) {
		for (len = 0; i + len < 8 && !g[i + len]; len++)
			;
		if (len > best_len) {
			best = i;
			best_len = len;
		}
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			*p++ = ':';
			i += best_len - 1;
			if (i == 7)
				*p++ = ':';
			continue;
		}
		if (i)
			*p++ = ':';
		for (int shift = 12; shift >= 0; shift -= 4)
			if (!shift || g[i] >> shift)
				*p++ = hex_digits[g[i] >> shift & 15];
	}
	return p;
}

size_t cw_json_peer(const struct cw_origin *o, char ret_text[CW_JSON_PEER_SIZE])
{
	char *p = ret_text;

	if (o->family == AF_INET) {
		p = add_v4(p, (const uint8_t *)&o->peer.v4);
	} else if (o->family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&o->peer.v6)) {
		p = add_v4(p, o->peer.v6.s6_addr + 12);
	} else if (o->family == AF_INET6) {
		*p++ = '[';
		p = add_v6(p, o->peer.v6.s6_addr);
		*p++ = ']';
	} else {
		return 0;
	}
	*p++ = ':';
	p = add_u64(p, o->peer_port);
	*p = '\0';
	return (size_t)(p - ret_text);
}

static void out_time(struct out *o, uint64_t ns)
{
	char t[CW_JSON_TIME_SIZE];
	size_t n = cw_json_time(ns, t);

	OUT_LITERAL(o, "\"");
	out_add(o, t, n);
	OUT_LITERAL(o, "\"");
}

static void out_head(struct out *o, const struct cw_event *e)
{
	OUT_LITERAL(o, "{\"schema\":\"" CW_SCHEMA "\",\"seq\":");
	out_u64(o, e->seq);
	OUT_LITERAL(o, ",\"time\":");
	out_time(o, e->time_ns);
	OUT_LITERAL(o, ",\"boot_ns\":");
	out_u64(o, e->boot_ns);
	OUT_LITERAL(o, ",\"boot_id\":");
	out_string(o, e->boot_id);
	OUT_LITERAL(o, ",\"hub\":");
	out_string(o, e->hub);
	OUT_LITERAL(o, ",\"kind\":");
	out_string(o, cw_kind_name(e->kind));
	OUT_LITERAL(o, ",\"probe\":");
	out_string(o, cw_probe_name(e->probe));
	OUT_LITERAL(o, ",\"result\":");
	out_i64(o, e->result);
}

static void out_access(struct out *o, uint32_t access)
{
	bool first = true;

	OUT_LITERAL(o, "[");
	for (uint32_t left = access; left; left &= left - 1) {
		if (!first)
			OUT_LITERAL(o, ",");
		first = false;
		out_string(o, cw_access_name((enum cw_access)(left & -left)));
	}
	OUT_LITERAL(o, "]");
}

static void out_asset(struct out *o, const struct cw_asset *a)
{
	OUT_LITERAL(o, ",\"asset\":");
	if (a->kind == CW_ASSET_NONE) {
		OUT_LITERAL(o, "null");
		return;
	}
	OUT_LITERAL(o, "{\"name\":");
	out_string(o, a->name);
	OUT_LITERAL(o, ",\"kind\":");
	out_string(o, cw_asset_kind_name(a->kind));
	OUT_LITERAL(o, ",\"path\":");
	out_string(o, a->path);
	OUT_LITERAL(o, ",\"dev\":");
	if (a->dev_major || a->dev_minor) {
		OUT_LITERAL(o, "\"");
		out_u64(o, a->dev_major);
		OUT_LITERAL(o, ":");
		out_u64(o, a->dev_minor);
		OUT_LITERAL(o, "\"");
	} else {
		OUT_LITERAL(o, "null");
	}
	OUT_LITERAL(o, ",\"inode\":");
	out_known(o, a->inode);
	OUT_LITERAL(o, ",\"access\":");
	out_access(o, a->access);
	OUT_LITERAL(o, ",\"node\":");
	out_string(o, a->node);
	OUT_LITERAL(o, ",\"root\":");
	out_string(o, a->root);
	OUT_LITERAL(o, ",\"by_id\":");
	out_string(o, a->by_id);
	OUT_LITERAL(o, ",\"driver\":");
	out_string(o, a->driver);
	OUT_LITERAL(o, ",\"bus\":");
	out_string(o, a->bus);
	OUT_LITERAL(o, ",\"card\":");
	out_string(o, a->card);
	if (a->path_partial)
		OUT_LITERAL(o, ",\"path_partial\":true");
	OUT_LITERAL(o, "}");
}

static void out_argv(struct out *o, const char *const *argv)
{
	if (!argv) {
		OUT_LITERAL(o, "null");
		return;
	}
	OUT_LITERAL(o, "[");
	for (size_t i = 0; argv[i]; i++) {
		if (i)
			OUT_LITERAL(o, ",");
		out_string(o, argv[i]);
	}
	OUT_LITERAL(o, "]");
}

static void out_ancestors(struct out *o, const struct cw_process *p)
{
	OUT_LITERAL(o, "[");
	for (unsigned int i = 0; i < p->n_ancestors && i < CW_ANCESTORS_MAX; i++) {
		if (i)
			OUT_LITERAL(o, ",");
		OUT_LITERAL(o, "{\"pid\":");
		out_u64(o, p->ancestors[i].pid);
		OUT_LITERAL(o, ",\"exe\":");
		out_string(o, p->ancestors[i].exe);
		OUT_LITERAL(o, "}");
	}
	OUT_LITERAL(o, "]");
}

/* As in /proc/PID/status: 16 digits. */
static void out_capabilities(struct out *o, uint64_t caps)
{
	char t[16];

	for (int i = 0; i < 16; i++)
		t[i] = hex_digits[caps >> (60 - 4 * i) & 15];
	OUT_LITERAL(o, "\"");
	out_add(o, t, sizeof(t));
	OUT_LITERAL(o, "\"");
}

/* Who the process is; what it runs as and belongs to is out_credentials(). */
static void out_program(struct out *o, const struct cw_process *p)
{
	OUT_LITERAL(o, "{\"pid\":");
	out_u64(o, p->pid);
	OUT_LITERAL(o, ",\"tid\":");
	out_known(o, p->tid);
	OUT_LITERAL(o, ",\"start_ns\":");
	out_known(o, p->start_ns);
	OUT_LITERAL(o, ",\"ppid\":");
	out_u64(o, p->ppid);
	OUT_LITERAL(o, ",\"exe\":");
	out_string(o, p->exe);
	OUT_LITERAL(o, ",\"exe_inode\":");
	out_known(o, p->exe_inode);
	OUT_LITERAL(o, ",\"exe_sha256\":");
	out_string(o, p->exe_sha256);
	OUT_LITERAL(o, ",\"comm\":");
	out_string(o, p->comm);
	OUT_LITERAL(o, ",\"argv\":");
	out_argv(o, (const char *const *)p->argv);
}

static void out_credentials(struct out *o, const struct cw_process *p)
{
	OUT_LITERAL(o, ",\"uid\":");
	out_uid(o, p->uid);
	OUT_LITERAL(o, ",\"user\":");
	out_string(o, p->user);
	OUT_LITERAL(o, ",\"euid\":");
	out_uid(o, p->euid);
	OUT_LITERAL(o, ",\"unit\":");
	out_string(o, p->unit);
	OUT_LITERAL(o, ",\"cgroup\":");
	out_string(o, p->cgroup);
	OUT_LITERAL(o, ",\"container\":");
	out_string(o, p->container);
}

static void out_code(struct out *o, const struct cw_process *p)
{
	OUT_LITERAL(o, ",\"code\":{\"how\":");
	out_string(o, cw_code_how(p->code));
	OUT_LITERAL(o, ",\"path\":");
	out_string(o, p->code_path);
	OUT_LITERAL(o, ",\"why\":");
	out_string(o, cw_code_why(p->code));
	OUT_LITERAL(o, ",\"pid\":");
	out_known(o, p->code_pid);
	OUT_LITERAL(o, "}");
}

static void out_process(struct out *o, const struct cw_process *p)
{
	OUT_LITERAL(o, ",\"process\":");
	if (!p->pid) {
		OUT_LITERAL(o, "null");
		return;
	}
	out_program(o, p);
	out_credentials(o, p);
	OUT_LITERAL(o, ",\"ancestors\":");
	out_ancestors(o, p);
	OUT_LITERAL(o, ",\"ns_pid\":");
	out_known(o, p->ns_pid);
	OUT_LITERAL(o, ",\"gid\":");
	out_uid(o, p->gid);
	OUT_LITERAL(o, ",\"cap_effective\":");
	out_capabilities(o, p->cap_effective);
	if (p->exe_deleted)
		OUT_LITERAL(o, ",\"exe_deleted\":true");
	if (p->argv_cut)
		OUT_LITERAL(o, ",\"argv_cut\":true");
	if (p->code)
		out_code(o, p);
	OUT_LITERAL(o, "}");
}

static void out_peer(struct out *o, const struct cw_origin *from)
{
	char t[CW_JSON_PEER_SIZE];
	size_t n = cw_json_peer(from, t);

	if (!n) {
		OUT_LITERAL(o, "null");
		return;
	}
	OUT_LITERAL(o, "\"");
	out_add(o, t, n);
	OUT_LITERAL(o, "\"");
}

static void out_hop(struct out *o, const struct cw_origin *from)
{
	OUT_LITERAL(o, ",\"hop\":{\"pid\":");
	out_u64(o, from->hop_pid);
	OUT_LITERAL(o, ",\"exe\":");
	out_string(o, from->hop_exe);
	OUT_LITERAL(o, ",\"login_uid\":");
	out_uid(o, from->hop_login_uid);
	OUT_LITERAL(o, ",\"login_user\":");
	out_string(o, from->hop_login_user);
	OUT_LITERAL(o, "}");
}

static void out_origin(struct out *o, const struct cw_origin *from, bool has_process)
{
	OUT_LITERAL(o, ",\"origin\":");
	if (!has_process) {
		OUT_LITERAL(o, "null");
		return;
	}
	OUT_LITERAL(o, "{\"type\":");
	out_string(o, cw_origin_name(from->type));
	OUT_LITERAL(o, ",\"login_uid\":");
	out_uid(o, from->login_uid);
	OUT_LITERAL(o, ",\"login_user\":");
	out_string(o, from->login_user);
	OUT_LITERAL(o, ",\"session\":");
	out_uid(o, from->session);
	OUT_LITERAL(o, ",\"tty\":");
	out_string(o, from->tty);
	OUT_LITERAL(o, ",\"peer\":");
	out_peer(o, from);
	OUT_LITERAL(o, ",\"local_port\":");
	out_known(o, from->local_port);
	OUT_LITERAL(o, ",\"via\":");
	out_string(o, from->via);
	OUT_LITERAL(o, ",\"seeded\":");
	out_bool(o, from->seeded);
	if (from->outbound)
		OUT_LITERAL(o, ",\"outbound\":true");
	if (from->hop_pid)
		out_hop(o, from);
	OUT_LITERAL(o, "}");
}

static void out_value(struct out *o, const struct cw_detail *d)
{
	switch (d->type) {
	case CW_DETAIL_UINT:
		out_u64(o, d->u);
		return;
	case CW_DETAIL_INT:
		out_i64(o, d->i);
		return;
	case CW_DETAIL_DOUBLE:
		out_double(o, d->d);
		return;
	case CW_DETAIL_STRING:
		out_string(o, d->s);
		return;
	case CW_DETAIL_BOOL:
		out_bool(o, d->u);
		return;
	case CW_DETAIL_TIME:
		if (d->u)
			out_time(o, d->u);
		else
			OUT_LITERAL(o, "null");
		return;
	}
	OUT_LITERAL(o, "null");
}

void cw_json_detail(struct cw_buf *b, const struct cw_detail *d)
{
	struct out o;

	o.b = b;
	o.n = 0;
	out_value(&o, d);
	out_flush(&o);
}

static void out_detail(struct out *o, const struct cw_event *e)
{
	OUT_LITERAL(o, ",\"detail\":{");
	for (unsigned int i = 0; i < e->n_detail && i < CW_DETAILS_MAX; i++) {
		if (i)
			OUT_LITERAL(o, ",");
		out_string(o, e->detail[i].key ? e->detail[i].key : "");
		OUT_LITERAL(o, ":");
		out_value(o, &e->detail[i]);
	}
	OUT_LITERAL(o, "}");
}

static void out_verdict(struct out *o, const struct cw_verdict *v)
{
	OUT_LITERAL(o, ",\"verdict\":");
	if (v->decision == CW_DECISION_NONE) {
		OUT_LITERAL(o, "null");
		return;
	}
	OUT_LITERAL(o, "{\"decision\":");
	out_string(o, cw_decision_name(v->decision));
	OUT_LITERAL(o, ",\"class\":");
	out_string(o, v->class == CW_CLASS_NONE ? NULL : cw_class_name(v->class));
	OUT_LITERAL(o, ",\"severity\":");
	out_string(o, v->severity == CW_SEVERITY_NONE ? NULL : cw_severity_name(v->severity));
	OUT_LITERAL(o, ",\"grant\":");
	out_string(o, v->grant);
	OUT_LITERAL(o, ",\"rule\":");
	out_string(o, v->rule);
	OUT_LITERAL(o, ",\"why\":");
	out_string(o, v->why);
	OUT_LITERAL(o, ",\"technique\":");
	out_string(o, v->technique);
	OUT_LITERAL(o, "}");
}

void cw_json_event(struct cw_buf *b, const struct cw_event *e)
{
	struct out o;

	o.b = b;
	o.n = 0;
	out_head(&o, e);
	out_asset(&o, &e->asset);
	out_process(&o, &e->process);
	out_origin(&o, &e->origin, e->process.pid != 0);
	out_detail(&o, e);
	out_verdict(&o, &e->verdict);
	OUT_LITERAL(&o, "}\n");
	out_flush(&o);
}
