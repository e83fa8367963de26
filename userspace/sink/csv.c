// SPDX-License-Identifier: Apache-2.0
#include "sink/csv.h"
#include "sink/json.h"
#include "sink/text.h"

/*
 * What a spreadsheet reads as the start of a formula: = + - @, also in full width and the minus of
 * mathematics, which some take for the same. A tab or a carriage return in front, which hide one,
 * are escaped before.
 */
static bool is_formula(const char *s)
{
	static const char *const wide[] = { "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d",
					    "\xef\xbc\xa0", "\xe2\x88\x92" };

	for (size_t i = 0; i < CW_ARRAY_SIZE(wide); i++)
		if (!strncmp(s, wide[i], strlen(wide[i])))
			return true;
	return *s && strchr("=+-@\t\r", *s);
}

/* Between cells, but not at the start of a row. */
static void next_cell(struct cw_buf *b)
{
	if (b->len && b->data[b->len - 1] != '\n')
		cw_buf_putc(b, ',');
}

void cw_csv_cell(struct cw_buf *b, const char *s)
{
	bool quoted;

	next_cell(b);
	if (!s)
		return;
	quoted = s[strcspn(s, "\",;\r\n\t")] || is_formula(s) || *s == ' ';
	if (quoted)
		cw_buf_putc(b, '"');
	if (is_formula(s))
		cw_buf_putc(b, '\'');
	for (const char *end; (end = strchr(s, '"')); s = end + 1) {
		cw_buf_add(b, s, (size_t)(end - s));
		cw_buf_puts(b, "\"\"");
	}
	cw_buf_puts(b, s);
	if (quoted)
		cw_buf_putc(b, '"');
}

/* ---- one function a column; the cell is in `t`, empty: unknown ---- */

static void put(struct cw_buf *t, const char *s)
{
	if (s)
		cw_text_safe(t, s);
}

static void put_known(struct cw_buf *t, uint64_t v)
{
	if (v)
		cw_buf_printf(t, "%llu", (unsigned long long)v);
}

static void put_uid(struct cw_buf *t, uint32_t uid)
{
	if (uid != CW_NO_UID)
		cw_buf_printf(t, "%u", uid);
}

static void put_access(struct cw_buf *t, uint32_t access)
{
	for (uint32_t left = access; left; left &= left - 1)
		cw_buf_printf(t, "%s%s", t->len ? " " : "",
			      cw_access_name((enum cw_access)(left & -left)));
}

static void put_dev(struct cw_buf *t, const struct cw_asset *a)
{
	if (a->dev_major || a->dev_minor)
		cw_buf_printf(t, "%u:%u", a->dev_major, a->dev_minor);
}

static void put_code(struct cw_buf *t, const struct cw_process *p)
{
	cw_auto_buf struct cw_buf raw = { 0 };

	cw_code_put(&raw, p);
	put(t, raw.data);
}

static void put_ancestors(struct cw_buf *t, const struct cw_process *p)
{
	for (unsigned int i = 0; i < p->n_ancestors && i < CW_ANCESTORS_MAX; i++) {
		cw_buf_puts(t, i ? " < " : "");
		cw_text_safe(t, p->ancestors[i].exe);
		cw_buf_printf(t, "[%u]", p->ancestors[i].pid);
	}
}

static void put_details(struct cw_buf *t, const struct cw_event *e)
{
	cw_auto_buf struct cw_buf raw = { 0 };

	for (unsigned int i = 0; i < e->n_detail && i < CW_DETAILS_MAX; i++) {
		cw_buf_puts(&raw, i ? " " : "");
		cw_buf_puts(&raw, e->detail[i].key ? e->detail[i].key : "");
		cw_buf_putc(&raw, '=');
		cw_json_detail(&raw, &e->detail[i]);
	}
	if (raw.error)
		t->error = raw.error;
	else
		put(t, raw.data);
}

static void put_peer(struct cw_buf *t, const struct cw_origin *o)
{
	char peer[CW_JSON_PEER_SIZE];

	if (cw_json_peer(o, peer))
		cw_buf_puts(t, peer);
}

static void put_time(struct cw_buf *t, uint64_t ns)
{
	char text[CW_JSON_TIME_SIZE];

	cw_json_time(ns, text);
	cw_buf_puts(t, text);
}

/* Unless nothing was judged. */
static void put_verdict(struct cw_buf *t, const struct cw_verdict *v, const char *s)
{
	if (v->decision != CW_DECISION_NONE)
		put(t, s);
}

#define PROCESS if (e->process.pid)
#define COLUMNS(_)                                                                         \
	_(time, put_time(t, e->time_ns))                                                   \
	_(seq, cw_buf_printf(t, "%llu", (unsigned long long)e->seq))                       \
	_(hub, put(t, e->hub))                                                             \
	_(boot_id, put(t, e->boot_id))                                                     \
	_(boot_ns, cw_buf_printf(t, "%llu", (unsigned long long)e->boot_ns))               \
	_(kind, put(t, cw_kind_name(e->kind)))                                             \
	_(probe, put(t, cw_probe_name(e->probe)))                                          \
	_(result, cw_buf_printf(t, "%d", e->result))                                       \
	_(asset, put(t, e->asset.name))                                                    \
	_(asset_kind, put(t, e->asset.kind ? cw_asset_kind_name(e->asset.kind) : NULL))    \
	_(path, put(t, e->asset.path))                                                     \
	_(root, put(t, e->asset.root))                                                     \
	_(node, put(t, e->asset.node))                                                     \
	_(by_id, put(t, e->asset.by_id))                                                   \
	_(card, put(t, e->asset.card))                                                     \
	_(dev, put_dev(t, &e->asset))                                                      \
	_(inode, put_known(t, e->asset.inode))                                             \
	_(access, put_access(t, e->asset.access))                                          \
	_(pid, put_known(t, e->process.pid))                                               \
	_(start_ns, put_known(t, e->process.start_ns))                                     \
	_(ppid, put_known(t, e->process.ppid))                                             \
	_(exe, put(t, e->process.exe))                                                     \
	_(exe_sha256, put(t, e->process.exe_sha256))                                       \
	_(comm, put(t, e->process.comm))                                                   \
	_(command, PROCESS if (e->process.argv) cw_text_command(t, &e->process))           \
	_(uid, PROCESS put_uid(t, e->process.uid))                                         \
	_(user, put(t, e->process.user))                                                   \
	_(euid, PROCESS put_uid(t, e->process.euid))                                       \
	_(unit, put(t, e->process.unit))                                                   \
	_(container, put(t, e->process.container))                                         \
	_(cgroup, put(t, e->process.cgroup))                                               \
	_(ancestors, put_ancestors(t, &e->process))                                        \
	_(origin, PROCESS put(t, cw_origin_name(e->origin.type)))                          \
	_(login_uid, PROCESS put_uid(t, e->origin.login_uid))                              \
	_(login_user, put(t, e->origin.login_user))                                        \
	_(session, PROCESS put_uid(t, e->origin.session))                                  \
	_(tty, put(t, e->origin.tty))                                                      \
	_(peer, put_peer(t, &e->origin))                                                   \
	_(local_port, put_known(t, e->origin.local_port))                                  \
	_(via, put(t, e->origin.via))                                                      \
	_(detail, put_details(t, e))                                                       \
	_(decision, put_verdict(t, v, cw_decision_name(v->decision)))                      \
	_(class, put_verdict(t, v, v->class ? cw_class_name(v->class) : NULL))             \
	_(severity, put_verdict(t, v, v->severity ? cw_severity_name(v->severity) : NULL)) \
	_(grant, put_verdict(t, v, v->grant))                                              \
	_(rule, put_verdict(t, v, v->rule))                                                \
	_(why, put_verdict(t, v, v->why))                                                  \
	_(technique, put_verdict(t, v, v->technique))                                      \
	_(code, PROCESS put_code(t, &e->process))

#define DEFINE(name, statement)                                                            \
	static void column_##name(struct cw_buf *t, const struct cw_event *e,              \
				  const struct cw_verdict *v)                              \
	{                                                                                  \
		(void)e;                                                                   \
		(void)v;                                                                   \
		statement;                                                                 \
	}
COLUMNS(DEFINE)
#undef DEFINE

static const struct {
	const char *name;
	void (*put)(struct cw_buf *t, const struct cw_event *e, const struct cw_verdict *v);
} columns[] = {
#define ENTRY(name, statement) { #name, column_##name },
	COLUMNS(ENTRY)
#undef ENTRY
};

void cw_csv_header(struct cw_buf *b)
{
	for (size_t i = 0; i < CW_ARRAY_SIZE(columns); i++)
		cw_csv_cell(b, columns[i].name);
	cw_buf_puts(b, "\r\n");
}

void cw_csv_event(struct cw_buf *b, const struct cw_event *e)
{
	cw_auto_buf struct cw_buf t = { 0 };

	for (size_t i = 0; i < CW_ARRAY_SIZE(columns); i++) {
		cw_buf_reset(&t);
		columns[i].put(&t, e, &e->verdict);
		if (t.error)
			b->error = t.error;
		/* A negative errno is a number, no formula. */
		if (columns[i].put == column_result) {
			next_cell(b);
			cw_buf_puts(b, t.data ? t.data : "");
		} else {
			cw_csv_cell(b, t.len ? t.data : NULL);
		}
	}
	cw_buf_puts(b, "\r\n");
}
