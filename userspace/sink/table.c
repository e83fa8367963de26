// SPDX-License-Identifier: Apache-2.0
/* Owns the rows that wait until the widths of a table are known: few, whatever comes after them. */
#include <ctype.h>

#include "sink/csv.h"
#include "sink/json.h"
#include "sink/table.h"
#include "sink/text.h"

#define COLUMNS_MAX  32
#define SAMPLE_ROWS  512
#define SAMPLE_BYTES (1u << 20)
#define NARROW	     10 /* no column is cut below that */
#define FIRST_COLOR  '\x01' /* before each cell that waits; no harmless text has such a byte */

struct cw_table {
	enum cw_table_form form;
	const struct cw_table_column *columns;
	unsigned int n, at; /* the next cell */
	size_t width[COLUMNS_MAX];
	unsigned int terminal;
	bool color, settled;
	struct cw_buf waiting; /* cells, each with its color in front and a NUL behind */
	unsigned int n_waiting;
	struct cw_buf cell;
	struct cw_buf *out;
};

/* ---- tables ---- */

static void put_cell(struct cw_table *t, unsigned int i, const char *text, char color)
{
	static const char *const codes[CW_TABLE_COLOR_MAX] = { "", "\033[2m", "\033[33m",
							       "\033[1;31m" };
	const char *code = t->color ? codes[color - FIRST_COLOR] : "";
	size_t len = strlen(text), columns, width = t->width[i], fit;
	bool last = i + 1 == t->n;

	fit = cw_text_fit(text, len, SIZE_MAX, &columns);
	if (t->terminal && columns > width && width > 3) {
		fit = cw_text_fit(text, len, width - 3, &columns);
		columns += 3;
	}
	if (t->columns[i].right && columns < width)
		cw_buf_pad(t->out, width - columns);
	cw_buf_puts(t->out, code);
	cw_buf_add(t->out, text, fit);
	if (fit < len)
		cw_buf_puts(t->out, "...");
	if (*code)
		cw_buf_puts(t->out, "\033[0m");
	if (!t->columns[i].right && !last && columns < width)
		cw_buf_pad(t->out, width - columns);
	cw_buf_puts(t->out, last ? "\n" : "  ");
}

/* Takes from the widest column until all fit. */
static void shrink(struct cw_table *t)
{
	size_t total = 2 * (t->n - 1);

	for (unsigned int i = 0; i < t->n; i++)
		total += t->width[i];
	while (t->terminal && total > t->terminal) {
		unsigned int widest = 0;

		for (unsigned int i = 1; i < t->n; i++)
			if (!t->columns[i].right && (t->columns[widest].right ||
						     t->width[i] > t->width[widest]))
				widest = i;
		if (t->columns[widest].right || t->width[widest] <= NARROW)
			return;
		t->width[widest]--;
		total--;
	}
}

static void settle(struct cw_table *t)
{
	const char *s = t->waiting.data;
	char title[32];

	if (t->settled)
		return;
	t->settled = true;
	shrink(t);
	for (unsigned int i = 0; i < t->n; i++) {
		size_t n = 0;

		for (; t->columns[i].key[n] && n < sizeof(title) - 1; n++)
			title[n] = t->columns[i].key[n] == '_' ? ' ' :
				   (char)toupper((unsigned char)t->columns[i].key[n]);
		title[n] = '\0';
		put_cell(t, i, title, FIRST_COLOR);
	}
	for (unsigned int row = 0; row < t->n_waiting; row++)
		for (unsigned int i = 0; i < t->n; i++, s += strlen(s) + 1)
			put_cell(t, i, s + 1, *s);
	cw_buf_free(&t->waiting);
}

static void table_cell(struct cw_table *t, const char *safe, enum cw_table_color color)
{
	size_t columns;

	if (t->settled) {
		put_cell(t, t->at, safe, (char)(FIRST_COLOR + color));
	} else {
		cw_text_fit(safe, strlen(safe), SIZE_MAX, &columns);
		if (columns > t->width[t->at])
			t->width[t->at] = columns;
		cw_buf_putc(&t->waiting, (char)(FIRST_COLOR + color));
		cw_buf_add(&t->waiting, safe, strlen(safe) + 1);
		if (t->waiting.error)
			t->out->error = t->waiting.error;
	}
	if (++t->at < t->n)
		return;
	t->at = 0;
	t->n_waiting += !t->settled;
	if (t->n_waiting >= SAMPLE_ROWS || t->waiting.len >= SAMPLE_BYTES)
		settle(t);
}

/* ---- cells ---- */

static void csv_cell(struct cw_table *t, const char *safe)
{
	if (!t->at && !*safe)
		cw_buf_puts(t->out, "\"\"");
	else
		cw_csv_cell(t->out, *safe ? safe : NULL);
	if (++t->at == t->n)
		cw_buf_puts(t->out, "\r\n");
	t->at %= t->n;
}

static void json_key(struct cw_table *t, const char *behind)
{
	cw_buf_printf(t->out, "%c\"%s%s\":", t->at || *behind ? ',' : '{', t->columns[t->at].key,
		      behind);
}

static void json_cell_ends(struct cw_table *t, bool at_least)
{
	if (at_least) {
		json_key(t, "_at_least");
		cw_buf_puts(t->out, "true");
	}
	if (++t->at == t->n)
		cw_buf_puts(t->out, "}\n");
	t->at %= t->n;
}

void cw_table_safe(struct cw_table *t, const char *safe, enum cw_table_color color)
{
	switch (t->form) {
	case CW_TABLE_TEXT:
		table_cell(t, safe && *safe ? safe : "-", color);
		return;
	case CW_TABLE_CSV:
		csv_cell(t, safe ? safe : "");
		return;
	case CW_TABLE_JSON:
		json_key(t, "");
		cw_json_string(t->out, safe);
		json_cell_ends(t, false);
		return;
	}
}

void cw_table_text(struct cw_table *t, const char *raw, enum cw_table_color color)
{
	if (!raw || t->form == CW_TABLE_JSON) {
		cw_table_safe(t, raw, color);
		return;
	}
	cw_buf_reset(&t->cell);
	cw_buf_puts(&t->cell, "");
	cw_text_safe(&t->cell, raw);
	if (t->cell.error)
		t->out->error = t->cell.error;
	else
		cw_table_safe(t, t->cell.data, color);
}

static void number(struct cw_table *t, const char *digits, bool at_least)
{
	char text[48];

	if (t->form == CW_TABLE_JSON) {
		json_key(t, "");
		cw_buf_puts(t->out, digits);
		json_cell_ends(t, at_least);
		return;
	}
	snprintf(text, sizeof(text), "%s%s", at_least ? ">=" : "", digits);
	cw_table_safe(t, text, CW_TABLE_PLAIN);
}

void cw_table_number(struct cw_table *t, uint64_t n, bool at_least)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
	number(t, digits, at_least);
}

void cw_table_real(struct cw_table *t, double d, bool at_least)
{
	char digits[40];

	/* Nothing that is measured here is larger, and no file may make it so. */
	snprintf(digits, sizeof(digits), t->form == CW_TABLE_TEXT ? "%.1f" : "%.3f",
		 d >= 0 && d < 1e15 ? d : 0);
	number(t, digits, at_least || !(d >= 0 && d < 1e15));
}

int cw_table_new(enum cw_table_form form, const struct cw_table_column *columns, unsigned int n,
		 unsigned int width, bool color, struct cw_buf *out, struct cw_table **ret_table)
{
	struct cw_table *t;

	if (!n || n > COLUMNS_MAX)
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->form = form;
	t->columns = columns;
	t->n = n;
	t->terminal = width;
	t->color = color;
	t->out = out;
	for (unsigned int i = 0; i < n; i++) {
		t->width[i] = strlen(columns[i].key);
		if (form == CW_TABLE_CSV)
			csv_cell(t, columns[i].key);
	}
	*ret_table = t;
	return 0;
}

void cw_table_finish(struct cw_table *t)
{
	if (t->form == CW_TABLE_TEXT)
		settle(t);
}

void cw_table_free(struct cw_table *t)
{
	if (!t)
		return;
	cw_buf_free(&t->waiting);
	cw_buf_free(&t->cell);
	free(t);
}
