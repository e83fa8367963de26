// SPDX-License-Identifier: Apache-2.0
#include <strings.h>

#include "policy/tree.h"
#include "policy/write.h"

bool cw_policy_can_hold(const char *s)
{
	size_t left = s ? strlen(s) : 0, n;
	uint32_t code = 0;

	if (!left || left > CW_POLICY_TEXT_MAX)
		return false;
	for (; left; s += n, left -= n) {
		n = cw_policy_utf8((const unsigned char *)s, left, &code);
		if (!n || code < 0x20 || (code >= 0x7f && code < 0xa0))
			return false;
	}
	return true;
}

bool cw_policy_can_hold_path(const char *s)
{
	if (!cw_policy_can_hold(s) || *s != '/' || !s[1] || strpbrk(s, "*?"))
		return false;
	for (size_t n; *s; s += n) {
		n = strcspn(++s, "/");
		if (!n || !strncmp(s, ".", n) || !strncmp(s, "..", n > 2 ? n : 2))
			return false;
	}
	return true;
}

/* Words that some reader of YAML takes for something else than text. */
static bool is_word(const char *s)
{
	static const char *const words[] = { "null", "true", "false", "yes", "no",
					     "on",   "off",  "y",     "n" };

	for (size_t i = 0; i < CW_ARRAY_SIZE(words); i++)
		if (!strcasecmp(s, words[i]))
			return true;
	return false;
}

static bool is_plain(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/";
	static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/"
				   "0123456789_.+@-";

	if (!*s || !strchr(letters, *s) || is_word(s))
		return false;
	for (; *s; s++)
		if (!strchr(more, *s) && !(*s == ' ' && s[1] && s[1] != ' ' && s[1] != '-'))
			return false;
	return true;
}

/*
 * No reader may show it: soft hyphen, direction marks, invisible characters; and those that YAML
 * takes for the end of a line or does not take at all.
 */
static bool is_hidden(uint32_t code)
{
	return code == 0xa0 || code == 0xad || code == 0x61c || code == 0x180e ||
	       (code >= 0x2000 && code <= 0x200f) || (code >= 0x2028 && code <= 0x202f) ||
	       (code >= 0x205f && code <= 0x206f) || code == 0x3000 ||
	       (code >= 0xfe00 && code <= 0xfe0f) || code == 0xfeff || code >= 0xfff0;
}

void cw_policy_put_text(struct cw_buf *b, const char *s)
{
	size_t left = strlen(s), n;
	uint32_t code = 0;

	if (is_plain(s)) {
		cw_buf_puts(b, s);
		return;
	}
	cw_buf_putc(b, '"');
	for (; left; s += n, left -= n) {
		n = cw_policy_utf8((const unsigned char *)s, left, &code);
		if (!n) /* which no text that can be held has */
			return;
		if (code == '"' || code == '\\')
			cw_buf_printf(b, "\\%c", (int)code);
		else if (is_hidden(code))
			cw_buf_printf(b, code > 0xffff ? "\\U%08x" : "\\u%04x", code);
		else
			cw_buf_add(b, s, n);
	}
	cw_buf_putc(b, '"');
}

void cw_policy_cut_text(struct cw_buf *b, size_t max)
{
	if (b->len <= max)
		return;
	while (max && ((unsigned char)b->data[max] & 0xc0) == 0x80)
		max--;
	b->len = max;
	cw_buf_puts(b, "...");
}
