// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>

#include "policy/schema.h"

#define WORD_MAX  32 /* longest word that suggestions are made for */
#define SLIPS_MAX 256

void cw_policy_fault(struct cw_policy_reader *r, const struct cw_policy_node *node,
		     const char *fmt, ...)
{
	cw_auto_free char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		r->faults->error = -ENOMEM;
		return;
	}
	cw_policy_fault_at(r->faults, node->line, node->column, "%s", text);
}

void *cw_policy_take_memory(struct cw_policy_reader *r, size_t size)
{
	void *p = cw_policy_alloc(r->arena, size);

	if (!p)
		r->no_memory = true;
	return p;
}

char *cw_policy_take_copy(struct cw_policy_reader *r, const char *s, size_t len)
{
	char *copy = cw_policy_copy(r->arena, s, len);

	if (!copy)
		r->no_memory = true;
	return copy;
}

const char *cw_policy_shown(const char *text, char *buf, size_t size)
{
	size_t i;

	for (i = 0; text[i] && i < size - 1; i++)
		buf[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
	if (text[i]) {
		i = size - 4;
		/* Not in the middle of a character. */
		while (i > 0 && ((unsigned char)text[i] & 0xc0) == 0x80)
			i--;
		memcpy(buf + i, "...", 3);
		i += 3;
	}
	buf[i] = '\0';
	return buf;
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Changes of one letter (swapping two counts as one) that make `a` into `b`. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[3][WORD_MAX + 1];
	size_t na = strlen(a), nb = strlen(b);
	unsigned int *before = row[0], *last = row[1], *now = row[2];

	for (size_t j = 0; j <= nb; j++)
		last[j] = (unsigned int)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned int *spare = before;

		now[0] = (unsigned int)i;
		for (size_t j = 1; j <= nb; j++) {
			now[j] = min3(last[j] + 1, now[j - 1] + 1,
				      last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[nb];
}

const char *cw_policy_suggest(const struct cw_policy_reader *r, const char *text,
			      const char *const *names, size_t n)
{
	size_t len = strlen(text);
	unsigned int best = len < 5 ? 2 : 3; /* one less is the most that still looks like a slip */
	const char *found = NULL;

	if (len > WORD_MAX || r->faults->n > SLIPS_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		unsigned int d;

		if (!names[i] || strlen(names[i]) > WORD_MAX)
			continue;
		d = distance(text, names[i]);
		if (d < best) {
			best = d;
			found = names[i];
		}
	}
	return found;
}

static void unknown_key(struct cw_policy_reader *r, const struct cw_policy_node *key,
			const char *what, const struct cw_policy_key *keys, size_t n)
{
	const char *names[CW_POLICY_KEYS_MAX], *close;
	char shown[CW_POLICY_SHOWN];
	cw_auto_buf struct cw_buf all = { 0 };

	for (size_t i = 0; i < n; i++) {
		names[i] = keys[i].name;
		cw_buf_printf(&all, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", names[i]);
	}
	if (all.error) {
		r->no_memory = true;
		return;
	}
	close = cw_policy_suggest(r, key->text, names, n);
	cw_policy_shown(key->text, shown, sizeof(shown));
	if (close)
		cw_policy_fault(r, key, "unknown key '%s' of %s; did you mean '%s'? Expected %s",
				shown, what, close, all.data);
	else
		cw_policy_fault(r, key, "unknown key '%s' of %s; expected %s", shown, what,
				all.data);
}

static bool check_required(struct cw_policy_reader *r, const struct cw_policy_node *node,
			   const char *what, const struct cw_policy_key *keys, size_t n,
			   const unsigned int *lines)
{
	bool complete = true;

	for (size_t i = 0; i < n; i++) {
		if (!keys[i].required || lines[i])
			continue;
		cw_policy_fault(r, node, "%s lacks '%s'; expected %s", what, keys[i].name,
				keys[i].required);
		complete = false;
	}
	return complete;
}

bool cw_policy_walk(struct cw_policy_reader *r, const struct cw_policy_node *node,
		    const char *what, const struct cw_policy_key *keys, size_t n, void *object)
{
	unsigned int lines[CW_POLICY_KEYS_MAX] = { 0 };

	if (node->type != CW_POLICY_MAP) {
		cw_policy_fault(r, node, "%s is not a map; expected 'key: value' pairs", what);
		return false;
	}
	cw_policy_each(value, node) {
		const struct cw_policy_node *key = value->key;
		size_t i = 0;

		if (key->type != CW_POLICY_SCALAR) {
			cw_policy_fault(r, key, "a key of %s is not a word; expected one", what);
			continue;
		}
		while (i < n && strcmp(keys[i].name, key->text))
			i++;
		if (i == n) {
			unknown_key(r, key, what, keys, n);
		} else if (lines[i]) {
			cw_policy_fault(r, key,
					"key '%s' is given twice, first in line %u; expected once",
					keys[i].name, lines[i]);
		} else {
			lines[i] = key->line;
			keys[i].take(r, value, object);
		}
	}
	return check_required(r, node, what, keys, n, lines);
}

bool cw_policy_is_null(const struct cw_policy_node *node)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };

	if (node->type != CW_POLICY_SCALAR || !node->plain)
		return false;
	for (size_t i = 0; i < CW_ARRAY_SIZE(nulls); i++)
		if (!strcmp(node->text, nulls[i]))
			return true;
	return false;
}

/* Codes below space, DEL, and the second set of control codes behind ASCII (0xc2 0x80-0x9f). */
static bool has_control(const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s; s++)
		if (*s < 0x20 || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0))
			return true;
	return false;
}

const char *cw_policy_text_of(struct cw_policy_reader *r, const struct cw_policy_node *node,
			      const char *what, const char *expected)
{
	if (node->type != CW_POLICY_SCALAR) {
		cw_policy_fault(r, node, "%s is a %s; expected %s", what,
				node->type == CW_POLICY_LIST ? "list" : "map", expected);
		return NULL;
	}
	if (cw_policy_is_null(node) || node->len == 0) {
		cw_policy_fault(r, node, "%s is empty; expected %s", what, expected);
		return NULL;
	}
	if (has_control(node->text)) {
		cw_policy_fault(r, node, "%s holds a control character; expected %s", what,
				expected);
		return NULL;
	}
	return node->text;
}

size_t cw_policy_list_size(const struct cw_policy_node *node)
{
	return node->type == CW_POLICY_LIST ? node->n : 1;
}

static const struct cw_policy_node *earlier(const struct cw_policy_node *list,
					    const struct cw_policy_node *node)
{
	cw_policy_each(other, list) {
		if (other == node)
			return NULL;
		if (other->type == CW_POLICY_SCALAR && !strcmp(other->text, node->text))
			return other;
	}
	return NULL;
}

size_t cw_policy_walk_list(struct cw_policy_reader *r, const struct cw_policy_node *node,
			   const char *what, const char *expected,
			   void (*take)(struct cw_policy_reader *r,
					const struct cw_policy_node *node, void *object),
			   void *object)
{
	char shown[CW_POLICY_SHOWN];
	size_t n = 0;

	if (node->type == CW_POLICY_LIST && !node->n)
		cw_policy_fault(r, node, "%s is an empty list; expected %s", what, expected);
	if (node->type != CW_POLICY_LIST) {
		if (!cw_policy_text_of(r, node, what, expected))
			return 0;
		take(r, node, object);
		return 1;
	}
	cw_policy_each(item, node) {
		if (!cw_policy_text_of(r, item, what, expected))
			continue;
		if (earlier(node, item)) {
			cw_policy_fault(r, item, "'%s' is given twice in %s; expected once",
					cw_policy_shown(item->text, shown, sizeof(shown)), what);
			continue;
		}
		take(r, item, object);
		n++;
	}
	return n;
}
