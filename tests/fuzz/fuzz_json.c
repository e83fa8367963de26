// SPDX-License-Identifier: Apache-2.0
/*
 * An event made of the fuzzer's bytes, through all forms. Whatever it holds, the JSON of each
 * schema is lines of plain UTF-8 whose strings close and whose brackets balance, the text sends no
 * control byte to a terminal, and a row of the table has the cells of its header and no formula.
 */
#include "sink/csv.h"
#include "sink/ecs.h"
#include "sink/json.h"
#include "sink/ocsf.h"
#include "sink/text.h"

struct input {
	const uint8_t *p;
	size_t left;
	char pool[8192]; /* strings of the event */
	size_t used;
};

static uint64_t number(struct input *in, size_t bytes)
{
	uint64_t v = 0;

	for (size_t i = 0; i < bytes && in->left; i++, in->left--)
		v = v << 8 | *in->p++;
	return v;
}

/* Up to 63 bytes without NUL, or NULL. */
static const char *string(struct input *in)
{
	size_t len = number(in, 1) % 64;
	char *s = in->pool + in->used;

	if (!len || in->used + len + 1 > sizeof(in->pool))
		return NULL;
	for (size_t i = 0; i < len; i++)
		if (!(s[i] = (char)number(in, 1)))
			break;
	s[len] = '\0';
	in->used += len + 1;
	return s;
}

static void take_process(struct input *in, struct cw_event *e, const char **argv)
{
	struct cw_process *p = &e->process;

	p->pid = (uint32_t)number(in, 1);
	p->uid = (uint32_t)number(in, 4);
	p->euid = (uint32_t)number(in, 4);
	p->exe = string(in);
	p->comm = string(in);
	p->user = string(in);
	p->unit = string(in);
	p->container = string(in);
	for (int i = 0; i < 4; i++)
		argv[i] = string(in);
	p->argv = argv;
	p->n_ancestors = (unsigned int)number(in, 1);
	for (int i = 0; i < 2; i++)
		p->ancestors[i].exe = string(in);
	e->origin.type = (enum cw_origin_type)number(in, 1);
	e->origin.login_uid = (uint32_t)number(in, 4);
	e->origin.session = (uint32_t)number(in, 4);
	e->origin.login_user = string(in);
	e->origin.tty = string(in);
	e->origin.via = string(in);
	e->origin.family = (int)number(in, 1);
	for (int i = 0; i < 16; i++)
		e->origin.peer.v6.s6_addr[i] = (uint8_t)number(in, 1);
}

static void take_details(struct input *in, struct cw_event *e)
{
	static const char *const keys[] = { "lost", "class", "from", "to", "ok", "version",
					    "rung", "blind", "frames", "seconds" };

	for (unsigned int n = (unsigned int)number(in, 1) % CW_DETAILS_MAX; n; n--) {
		struct cw_detail *d = &e->detail[e->n_detail++];

		d->key = keys[number(in, 1) % CW_ARRAY_SIZE(keys)];
		d->type = (enum cw_detail_type)(number(in, 1) % 6);
		if (d->type == CW_DETAIL_STRING)
			d->s = string(in);
		else
			d->u = number(in, 8);
	}
}

static void check_json(const struct cw_buf *b)
{
	bool quoted = false;
	uint32_t code;
	int depth = 0;

	for (size_t i = 0, n; i + 1 < b->len; i += n) {
		n = cw_json_utf8(b->data + i, &code);
		if (!n || code < 0x20 || (code >= 0x7f && code < 0xa0))
			abort();
		if (quoted && code == '\\')
			n = 2;
		else if (code == '"')
			quoted = !quoted;
		else if (!quoted && strchr("{[", (int)code))
			depth++;
		else if (!quoted && strchr("}]", (int)code) && --depth < 0)
			abort();
	}
	if (quoted || depth || b->data[b->len - 1] != '\n')
		abort();
}

/* The other schemas write a line or two. */
static void check_lines(void (*put)(struct cw_buf *b, const struct cw_event *e),
			const struct cw_event *e)
{
	cw_auto_buf struct cw_buf all = { 0 };

	put(&all, e);
	if (!all.len || all.data[all.len - 1] != '\n')
		abort();
	for (char *line = all.data, *end; (end = strchr(line, '\n')); line = end + 1) {
		struct cw_buf one = { .data = line, .len = (size_t)(end - line) + 1 };

		check_json(&one);
	}
}

/* Counts the cells of the first row, and looks at how each begins. */
static size_t check_row(const struct cw_buf *b)
{
	const char *s = b->data;
	size_t cells = 0;

	for (;; s++) {
		bool quoted = *s == '"';

		s += quoted;
		if (*s == '=' || *s == '@' || *s == '+' ||
		    (*s == '-' && !strchr("0123456789", s[1])))
			abort();
		for (; quoted ? *s != '"' || s[1] == '"' : !strchr(",\r", *s); s++) {
			if ((unsigned char)*s < 0x20)
				abort();
			s += quoted && *s == '"';
		}
		s += quoted;
		cells++;
		if (*s != ',')
			break;
	}
	if (strcmp(s, "\r\n"))
		abort();
	return cells;
}

static void check_table(const struct cw_event *e)
{
	cw_auto_buf struct cw_buf head = { 0 }, row = { 0 };

	cw_csv_header(&head);
	cw_csv_event(&row, e);
	if (check_row(&head) != check_row(&row))
		abort();
}

static void check_text(const struct cw_buf *b)
{
	uint32_t code;

	for (size_t i = 0, n; i < b->len; i += n) {
		n = cw_json_utf8(b->data + i, &code);
		if (!n || (code < 0x20 && code != '\n') || (code >= 0x7f && code < 0xa0))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .p = data, .left = size };
	cw_auto_buf struct cw_buf json = { 0 }, text = { 0 };
	struct cw_text_style style = { .width = (unsigned int)number(&in, 1) };
	const char *argv[5] = { NULL };
	struct cw_event e = { 0 };

	e.kind = (enum cw_kind)number(&in, 1);
	e.time_ns = number(&in, 8);
	e.result = (int)number(&in, 4);
	e.verdict.decision = (enum cw_decision)number(&in, 1);
	e.verdict.class = (enum cw_class)number(&in, 1);
	e.verdict.severity = (enum cw_severity)number(&in, 1);
	e.asset.kind = (enum cw_asset_kind)(number(&in, 1) % 8);
	e.asset.access = (uint32_t)number(&in, 4);
	take_process(&in, &e, argv);
	take_details(&in, &e);
	e.verdict.why = string(&in);
	e.verdict.rule = string(&in);
	e.asset.name = string(&in);
	e.asset.path = string(&in);
	e.asset.card = string(&in);
	e.hub = string(&in);
	cw_json_event(&json, &e);
	check_json(&json);
	e.verdict.technique = string(&in);
	check_lines(cw_ocsf_event, &e);
	check_lines(cw_ecs_event, &e);
	check_table(&e);
	cw_text_event(&text, &e, &style);
	check_text(&text);
	return 0;
}
