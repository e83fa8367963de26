// SPDX-License-Identifier: Apache-2.0
/*
 * The query language:
 *
 *	any   := all { "or" all }
 *	all   := not { "and" not }
 *	not   := "not" not | "(" any ")" | test
 *	test  := "flagged" | "denied" | FACT | FACT op value { "," value }
 *	op    := = | != | ~ | !~ | < | <= | > | >=
 *
 * A value is a word, or anything in quotes, in which a backslash takes the next byte as it is.
 */
#include <stdarg.h>

#include "filter_nodes.h"
#include "sink/text.h"

struct parser {
	struct cw_filter *filter;
	const char *text;
	size_t at;	   /* behind the token */
	size_t start;	   /* of the token */
	char type;	   /* 'w': word, 'q': quoted, 'o': operator, '(' ')' ',', 0: the end */
	struct cw_buf token;
	struct cw_buf *error;
	unsigned int depth;
	int result; /* 0, or what ends it */
};

static struct cw_filter_node *parse_any(struct parser *p);

/* What is wrong, and under the text a mark where. */
static void *fail(struct parser *p, size_t at, const char *format, ...) CW_PRINTF(3, 4);
static void *fail(struct parser *p, size_t at, const char *format, ...)
{
	cw_auto_buf struct cw_buf before = { 0 };
	cw_auto_free char *what = NULL, *head = NULL;
	size_t column;
	va_list ap;

	if (p->result)
		return NULL;
	p->result = -EINVAL;
	va_start(ap, format);
	if (vasprintf(&what, format, ap) < 0)
		what = NULL;
	va_end(ap);
	head = strndup(p->text, at);
	if (!what || !head) {
		p->result = -ENOMEM;
		return NULL;
	}
	cw_text_safe(&before, head);
	cw_text_fit(before.data ? before.data : "", before.len, SIZE_MAX, &column);
	cw_buf_printf(p->error, "column %zu: %s\n    ", column + 1, what);
	cw_text_safe(p->error, p->text);
	cw_buf_printf(p->error, "\n    %*s^\n", (int)column, "");
	return NULL;
}

static void *no_room(struct parser *p)
{
	if (p->filter->n_nodes >= CW_FILTER_NODES_MAX)
		return fail(p, p->start, "this is too much; at most %u tests and what joins them",
			    CW_FILTER_NODES_MAX);
	if (!p->result)
		p->result = -ENOMEM;
	return NULL;
}

/* ---- tokens ---- */

static bool is_word(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f && !strchr("()=!~<>,\"'", c);
}

static void take_quoted(struct parser *p)
{
	char quote = p->text[p->start];
	size_t i = p->start + 1;

	for (; p->text[i] && p->text[i] != quote; i++) {
		if (p->text[i] == '\\' && p->text[i + 1])
			i++;
		cw_buf_putc(&p->token, p->text[i]);
	}
	if (!p->text[i]) {
		fail(p, p->start, "this quote does not end; expected another %c", quote);
		return;
	}
	p->type = 'q';
	p->at = i + 1;
}

/* The next token; after an error there is none any more. */
static void next(struct parser *p)
{
	size_t n = 0;
	char c;

	cw_buf_reset(&p->token);
	while (p->text[p->at] && strchr(" \t\n\r", p->text[p->at]))
		p->at++;
	p->start = p->at;
	p->type = 0;
	c = p->text[p->at];
	if (!c || p->result)
		return;
	if (c == '"' || c == '\'') {
		take_quoted(p);
	} else if (strchr("(),", c)) {
		p->type = c;
		n = 1;
	} else if (strchr("=~<>!", c)) {
		p->type = 'o';
		n = 1 + (c != '=' && c != '~' && (p->text[p->at + 1] == '=' ||
						  (c == '!' && p->text[p->at + 1] == '~')));
	} else if (is_word(c)) {
		p->type = 'w';
		while (is_word(p->text[p->at + n]))
			n++;
	} else {
		fail(p, p->at, "a byte that belongs in quotes");
	}
	cw_buf_add(&p->token, p->text + p->at, n);
	p->at += n;
	if (p->token.error)
		p->result = -ENOMEM;
}

static bool is_keyword(const struct parser *p, const char *word)
{
	return p->type == 'w' && cw_streq(p->token.data, word);
}

/* ---- tests ---- */

static struct cw_filter_node *no_such_fact(struct parser *p, const char *name)
{
	cw_auto_buf struct cw_buf list = { 0 }, safe = { 0 };

	for (int i = 0; i < CW_FACT_MAX; i++)
		cw_buf_printf(&list, "%s, ", cw_fact_name((enum cw_fact)i));
	cw_text_safe(&safe, name);
	return fail(p, p->start, "'%s' is nothing that is known of an event; expected %sflagged, "
		    "denied, not or (", safe.data ? safe.data : "", list.data ? list.data : "");
}

static bool has_order(enum cw_fact fact)
{
	enum cw_fact_type t = cw_fact_type(fact);

	return t == CW_FACT_NUMBER || t == CW_FACT_REAL || t == CW_FACT_MOMENT ||
	       fact == CW_FACT_SEVERITY;
}

static bool has_patterns(enum cw_fact fact)
{
	enum cw_fact_type t = cw_fact_type(fact);

	return t == CW_FACT_TEXT || t == CW_FACT_PERSON || t == CW_FACT_OBJECT ||
	       t == CW_FACT_PROGRAM;
}

/* The operator that is the token; *ret_not: it is turned round. */
static bool take_operator(struct parser *p, enum cw_fact fact, enum cw_filter_op *ret_op,
			  bool *ret_not)
{
	static const struct {
		const char *text;
		enum cw_filter_op op;
		bool not;
	} ops[] = {
		{ "=", CW_FILTER_IS, false },	    { "!=", CW_FILTER_IS, true },
		{ "~", CW_FILTER_LIKE, false },	    { "!~", CW_FILTER_LIKE, true },
		{ "<", CW_FILTER_LESS, false },	    { "<=", CW_FILTER_AT_MOST, false },
		{ ">", CW_FILTER_MORE, false },	    { ">=", CW_FILTER_AT_LEAST, false },
	};

	for (size_t i = 0; i < CW_ARRAY_SIZE(ops); i++) {
		bool like = ops[i].op == CW_FILTER_LIKE, order = ops[i].op > CW_FILTER_LIKE;

		if (!cw_streq(p->token.data, ops[i].text))
			continue;
		if ((like && !has_patterns(fact)) || (order && !has_order(fact))) {
			fail(p, p->start, "%s does not go with %s; expected = or !=%s",
			     ops[i].text, cw_fact_name(fact), has_patterns(fact) ? ", ~, !~" :
			     has_order(fact) ? ", <, <=, >, >=" : "");
			return false;
		}
		*ret_op = ops[i].op;
		*ret_not = ops[i].not;
		return true;
	}
	fail(p, p->start, "'!' alone is no operator; expected != or !~, or 'not' in front");
	return false;
}

static bool take_value(struct parser *p, struct cw_filter_node *n, enum cw_filter_op op)
{
	cw_auto_buf struct cw_buf what = { 0 }, safe = { 0 };
	int r;

	if (p->type != 'w' && p->type != 'q') {
		fail(p, p->start, "a value is missing here");
		return false;
	}
	r = cw_filter_value_add(p->filter, n, op, p->token.data ? p->token.data : "", &what);
	if (r == -EINVAL) {
		cw_text_safe(&safe, p->token.data ? p->token.data : "");
		fail(p, p->start, "'%s' cannot be compared with %s; expected %s",
		     safe.data ? safe.data : "", cw_fact_name(n->fact),
		     what.data ? what.data : "");
	} else if (r) {
		no_room(p);
	}
	next(p);
	return !p->result;
}

static struct cw_filter_node *negate(struct parser *p, struct cw_filter_node *n)
{
	struct cw_filter_node *not = n ? cw_filter_node_new(p->filter, CW_FILTER_NOT, CW_FACT_MAX) :
				     NULL;

	if (!not) {
		cw_filter_node_free(n);
		return n ? no_room(p) : NULL;
	}
	cw_filter_node_add(not, n);
	return not;
}

static struct cw_filter_node *new_test(struct parser *p, enum cw_filter_node_type type,
				       enum cw_fact fact)
{
	struct cw_filter_node *n = cw_filter_node_new(p->filter, type, fact);

	return n ? n : no_room(p);
}

static struct cw_filter_node *parse_comparison(struct parser *p, enum cw_fact fact)
{
	enum cw_filter_op op = CW_FILTER_IS;
	bool not = false;
	struct cw_filter_node *n;

	if (!take_operator(p, fact, &op, &not))
		return NULL;
	n = new_test(p, CW_FILTER_TEST, fact);
	next(p);
	if (!n || !take_value(p, n, op))
		goto fail;
	while (p->type == ',') {
		if (op > CW_FILTER_LIKE) {
			fail(p, p->start, "a list has no order; expected one value");
			goto fail;
		}
		next(p);
		if (!take_value(p, n, op))
			goto fail;
	}
	return not ? negate(p, n) : n;
fail:
	cw_filter_node_free(n);
	return NULL;
}

static struct cw_filter_node *parse_test(struct parser *p)
{
	struct cw_filter_node *n;
	cw_auto_buf struct cw_buf what = { 0 };
	int fact;

	if (p->type != 'w')
		return fail(p, p->start, "a test is missing here, like 'login = alice'");
	if (is_keyword(p, "denied") || is_keyword(p, "flagged")) {
		n = is_keyword(p, "denied") ? new_test(p, CW_FILTER_DENIED, CW_FACT_MAX) :
					      new_test(p, CW_FILTER_TEST, CW_FACT_DECISION);
		if (n && n->type == CW_FILTER_TEST &&
		    cw_filter_value_add(p->filter, n, CW_FILTER_IS, "flag", &what)) {
			cw_filter_node_free(n);
			return no_room(p);
		}
		next(p);
		return n;
	}
	fact = cw_fact_find(p->token.data);
	if (fact < 0)
		return no_such_fact(p, p->token.data);
	next(p);
	if (p->type == 'o')
		return parse_comparison(p, (enum cw_fact)fact);
	return p->result ? NULL : new_test(p, CW_FILTER_KNOWN, (enum cw_fact)fact);
}

/* ---- what joins them ---- */

static struct cw_filter_node *parse_not(struct parser *p)
{
	struct cw_filter_node *n;
	size_t start = p->start;
	bool not = is_keyword(p, "not");

	if (!not && p->type != '(')
		return parse_test(p);
	if (++p->depth > CW_FILTER_DEPTH_MAX)
		return fail(p, start, "more than %u inside each other", CW_FILTER_DEPTH_MAX);
	next(p);
	if (not) {
		n = negate(p, parse_not(p));
	} else {
		n = parse_any(p);
		if (n && p->type != ')') {
			fail(p, p->start, "expected 'and', 'or', or the ) of the ( in column %zu",
			     start + 1);
			cw_filter_node_free(n);
			return NULL;
		}
		next(p);
	}
	p->depth--;
	return n;
}

/* One or more of what `part` reads, with `word` between. */
static struct cw_filter_node *parse_list(struct parser *p, const char *word,
					 enum cw_filter_node_type type,
					 struct cw_filter_node *(*part)(struct parser *))
{
	struct cw_filter_node *n = part(p), *list, *more;

	if (!n || !is_keyword(p, word))
		return n;
	list = new_test(p, type, CW_FACT_MAX);
	if (!list) {
		cw_filter_node_free(n);
		return NULL;
	}
	cw_filter_node_add(list, n);
	while (is_keyword(p, word)) {
		next(p);
		more = part(p);
		if (!more) {
			cw_filter_node_free(list);
			return NULL;
		}
		cw_filter_node_add(list, more);
	}
	return list;
}

static struct cw_filter_node *parse_all(struct parser *p)
{
	return parse_list(p, "and", CW_FILTER_ALL, parse_not);
}

static struct cw_filter_node *parse_any(struct parser *p)
{
	return parse_list(p, "or", CW_FILTER_ANY, parse_all);
}

int cw_filter_where(struct cw_filter *f, const char *text, struct cw_buf *error)
{
	struct parser p = { .filter = f, .text = text, .error = error };
	struct cw_filter_node *n = NULL;

	if (strlen(text) > CW_FILTER_TEXT_MAX) {
		cw_buf_printf(error, "longer than %u bytes\n", CW_FILTER_TEXT_MAX);
		return -EINVAL;
	}
	next(&p);
	if (!p.result)
		n = parse_any(&p);
	if (n && p.type)
		fail(&p, p.start, "expected 'and', 'or', or the end");
	if (n && !p.result)
		cw_filter_node_add(f->root, n);
	else
		cw_filter_node_free(n);
	cw_buf_free(&p.token);
	return p.result ? p.result : error->error;
}

/* ---- options ---- */

/* An option takes a pattern where there can be one and the value looks like one. */
static int add_option_value(struct cw_filter *f, struct cw_filter_node *n, const char *value,
			    struct cw_buf *error)
{
	bool like = has_patterns(n->fact) && strpbrk(value, "*?");
	cw_auto_buf struct cw_buf what = { 0 };
	int r = cw_filter_value_add(f, n, like ? CW_FILTER_LIKE : CW_FILTER_IS, value, &what);

	if (r != -EINVAL)
		return r;
	cw_buf_puts(error, "'");
	cw_text_safe(error, value);
	cw_buf_printf(error, "' is no %s; expected %s\n", cw_fact_name(n->fact),
		      what.data ? what.data : "");
	return r;
}

int cw_filter_option(struct cw_filter *f, enum cw_fact fact, const char *values,
		     struct cw_buf *error)
{
	struct cw_filter_node *n = f->options[fact];
	cw_auto_buf struct cw_buf value = { 0 };
	int r = 0;

	if (!n) {
		n = cw_filter_node_new(f, CW_FILTER_TEST, fact);
		if (!n)
			return -ENOMEM;
		cw_filter_node_add(f->root, n);
		f->options[fact] = n;
	}
	for (const char *s = values;; s++) {
		if (*s && *s != ',') {
			if (*s == '\\' && (s[1] == ',' || s[1] == '\\'))
				s++;
			cw_buf_putc(&value, *s);
			continue;
		}
		if (!value.len) {
			cw_buf_printf(error, "a %s is missing\n", cw_fact_name(fact));
			return -EINVAL;
		}
		r = add_option_value(f, n, value.data, error);
		if (r || !*s)
			return r;
		cw_buf_reset(&value);
	}
}

int cw_filter_denied(struct cw_filter *f)
{
	struct cw_filter_node *n = cw_filter_node_new(f, CW_FILTER_DENIED, CW_FACT_MAX);

	if (!n)
		return -ENOMEM;
	cw_filter_node_add(f->root, n);
	return 0;
}
