// SPDX-License-Identifier: Apache-2.0
#include "sink/object.h"
#include "sink/json.h"

static void begin(struct cw_buf *b, const char *key)
{
	char last = b->len ? b->data[b->len - 1] : '\n';

	if (last != '{' && last != '[' && last != '\n')
		cw_buf_putc(b, ',');
	if (!key)
		return;
	cw_buf_putc(b, '"');
	cw_buf_puts(b, key);
	cw_buf_puts(b, "\":");
}

void cw_object_open(struct cw_buf *b, const char *key)
{
	begin(b, key);
	cw_buf_putc(b, '{');
}

void cw_object_close(struct cw_buf *b)
{
	cw_buf_putc(b, '}');
}

void cw_object_list(struct cw_buf *b, const char *key)
{
	begin(b, key);
	cw_buf_putc(b, '[');
}

void cw_object_list_end(struct cw_buf *b)
{
	cw_buf_putc(b, ']');
}

void cw_object_text(struct cw_buf *b, const char *key, const char *s)
{
	if (!s)
		return;
	begin(b, key);
	cw_json_string(b, s);
}

void cw_object_uint(struct cw_buf *b, const char *key, uint64_t v)
{
	begin(b, key);
	cw_buf_printf(b, "%llu", (unsigned long long)v);
}

void cw_object_int(struct cw_buf *b, const char *key, int64_t v)
{
	begin(b, key);
	cw_buf_printf(b, "%lld", (long long)v);
}

void cw_object_bool(struct cw_buf *b, const char *key, bool v)
{
	begin(b, key);
	cw_buf_puts(b, v ? "true" : "false");
}

void cw_object_number_text(struct cw_buf *b, const char *key, uint64_t v)
{
	begin(b, key);
	cw_buf_printf(b, "\"%llu\"", (unsigned long long)v);
}

void cw_object_time(struct cw_buf *b, const char *key, uint64_t ns)
{
	char t[CW_JSON_TIME_SIZE];

	cw_json_time(ns, t);
	cw_object_text(b, key, t);
}

void cw_object_peer_ip(struct cw_buf *b, const char *key, const struct cw_origin *o)
{
	char t[CW_JSON_PEER_SIZE], *ip = t;

	if (!cw_json_peer(o, t))
		return;
	*strrchr(t, ':') = '\0';
	if (*t == '[') {
		ip++;
		t[strlen(t) - 1] = '\0';
	}
	cw_object_text(b, key, ip);
}

/* What a detail is called may be anything in a trace. */
static void add_detail(struct cw_buf *b, const struct cw_detail *d)
{
	begin(b, NULL);
	cw_json_string(b, d->key ? d->key : "");
	cw_buf_putc(b, ':');
	cw_json_detail(b, d);
}

void cw_object_details(struct cw_buf *b, const char *key, const struct cw_event *e)
{
	if (!e->n_detail)
		return;
	cw_object_open(b, key);
	for (unsigned int i = 0; i < e->n_detail && i < CW_DETAILS_MAX; i++)
		add_detail(b, &e->detail[i]);
	cw_object_close(b);
}

void cw_object_code(struct cw_buf *b, const char *key, const struct cw_process *p)
{
	cw_auto_buf struct cw_buf t = { 0 };

	cw_code_put(&t, p);
	cw_object_text(b, key, t.data);
}

void cw_object_uid(struct cw_buf *b, const char *key, const struct cw_event *e, const char *behind)
{
	cw_auto_buf struct cw_buf t = { 0 };

	cw_buf_printf(&t, "%s/%llu/%llu%s", e->boot_id ? e->boot_id : "unknown",
		      (unsigned long long)e->boot_ns, (unsigned long long)e->seq, behind);
	cw_object_text(b, key, t.error ? "" : t.data);
}

void cw_object_user(struct cw_buf *b, const char *key, const char *uid_key, uint32_t uid,
		    const char *name)
{
	if (uid == CW_NO_UID && !name)
		return;
	cw_object_open(b, key);
	cw_object_text(b, "name", name);
	if (uid != CW_NO_UID)
		cw_object_number_text(b, uid_key, uid);
	cw_object_close(b);
}

struct cw_ancestor cw_object_parent(const struct cw_process *p)
{
	return p->n_ancestors ? p->ancestors[0] : (struct cw_ancestor){ .pid = p->ppid };
}

uint64_t cw_object_started(const struct cw_event *e)
{
	uint64_t start = e->process.start_ns;

	if (!start || start > e->boot_ns || e->boot_ns - start > e->time_ns)
		return 0;
	return e->time_ns - (e->boot_ns - start);
}

void cw_object_technique(const char *technique, char ret_whole[16], const char **ret_sub)
{
	const char *dot = strchr(technique, '.');
	size_t len = dot ? (size_t)(dot - technique) : strlen(technique);

	snprintf(ret_whole, 16, "%.*s", (int)(len < 15 ? len : 15), technique);
	*ret_sub = dot ? technique : NULL;
}
