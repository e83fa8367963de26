// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdarg.h>
#include <yaml.h>

#include "policy/tree.h"

#define BLOCK_SIZE 8192

struct cw_policy_block {
	struct cw_policy_block *next;
	size_t used;
	size_t size;
	_Alignas(max_align_t) char data[];
};

void *cw_policy_alloc(struct cw_policy_arena *a, size_t size)
{
	struct cw_policy_block *b = a->blocks;
	size_t need = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);

	if (need < size)
		return NULL;
	if (!b || b->size - b->used < need) {
		size_t room = need > BLOCK_SIZE ? need : BLOCK_SIZE;

		b = calloc(1, sizeof(*b) + room);
		if (!b)
			return NULL;
		b->size = room;
		b->next = a->blocks;
		a->blocks = b;
	}
	b->used += need;
	return b->data + b->used - need;
}

char *cw_policy_copy(struct cw_policy_arena *a, const char *s, size_t len)
{
	char *copy = cw_policy_alloc(a, len + 1);

	if (copy && len)
		memcpy(copy, s, len);
	return copy;
}

void cw_policy_arena_free(struct cw_policy_arena *a)
{
	while (a->blocks) {
		struct cw_policy_block *b = a->blocks;

		a->blocks = b->next;
		free(b);
	}
}

void cw_policy_fault_at(struct cw_policy_faults *f, unsigned int line, unsigned int column,
			const char *fmt, ...)
{
	struct cw_policy_fault *v;
	char *text = NULL;
	va_list ap;
	int n;

	if (f->error)
		return;
	if (f->n == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 16;

		v = realloc(f->v, cap * sizeof(*v));
		if (!v) {
			f->error = -ENOMEM;
			return;
		}
		f->v = v;
		f->cap = cap;
	}
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		f->error = -ENOMEM;
		return;
	}
	f->v[f->n] = (struct cw_policy_fault){ line, column, (unsigned int)f->n, text };
	f->n++;
}

static int by_place(const void *pa, const void *pb)
{
	const struct cw_policy_fault *a = pa, *b = pb;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

void cw_policy_faults_write(struct cw_policy_faults *f, const char *name, struct cw_buf *out)
{
	if (f->n)
		qsort(f->v, f->n, sizeof(*f->v), by_place);
	for (size_t i = 0; out && i < f->n; i++) {
		if (f->v[i].line)
			cw_buf_printf(out, "%s:%u:%u: %s\n", name, f->v[i].line, f->v[i].column,
				      f->v[i].text);
		else
			cw_buf_printf(out, "%s: %s\n", name, f->v[i].text);
	}
}

void cw_policy_faults_free(struct cw_policy_faults *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].text);
	free(f->v);
	memset(f, 0, sizeof(*f));
}

/* Line and column of a byte, as an editor counts them. */
static void place_of(const char *text, size_t offset, unsigned int *ret_line,
		     unsigned int *ret_column)
{
	unsigned int line = 1, column = 1;

	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	*ret_line = line;
	*ret_column = column;
}

size_t cw_policy_utf8(const unsigned char *s, size_t left, uint32_t *ret_code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t n;

	if (s[0] < 0x80) {
		*ret_code = s[0];
		return 1;
	}
	n = s[0] >= 0xf0 && s[0] < 0xf8 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] >= 0xf8 || n > left)
		return 0;
	code = s[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return n;
}

static void byte_fault(struct cw_policy_faults *f, const char *text, size_t offset,
		       const char *what, unsigned int value, const char *expected)
{
	unsigned int line, column;

	place_of(text, offset, &line, &column);
	cw_policy_fault_at(f, line, column, "%s 0x%02x; expected %s", what, value, expected);
}

/* The first byte that no policy may hold. libyaml would refuse most of them, without a place. */
static int scan_bytes(const char *text, size_t len, struct cw_policy_faults *f)
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t code = 0;
	size_t n;

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		cw_policy_fault_at(f, 1, 1, "the file starts with a byte order mark; expected UTF-8"
				   " without one");
		return -EINVAL;
	}
	for (size_t i = 0; i < len; i += n) {
		n = cw_policy_utf8(s + i, len - i, &code);
		if (!n) {
			byte_fault(f, text, i, "not UTF-8: byte", s[i], "UTF-8 text");
			return -EINVAL;
		}
		if ((code < 0x20 && code != '\t' && code != '\n' && code != '\r') ||
		    (code >= 0x7f && code < 0xa0 && code != 0x85)) {
			byte_fault(f, text, i, code ? "control character" : "NUL byte", code,
				   "text");
			return -EINVAL;
		}
	}
	return 0;
}

struct builder {
	yaml_parser_t parser;
	struct cw_policy_arena *arena;
	struct cw_policy_faults *faults;
	const char *text;
	size_t len;
	size_t n_nodes;
};

/* What libyaml has to say about its input, with a hint where its own words help nobody. */
static int syntax_fault(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	unsigned int line = (unsigned int)p->problem_mark.line + 1;
	unsigned int column = (unsigned int)p->problem_mark.column + 1;
	const char *problem = p->problem ? p->problem : "cannot be read";

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (p->error == YAML_READER_ERROR) {
		size_t offset = p->problem_offset < b->len ? p->problem_offset : b->len;

		place_of(b->text, offset, &line, &column);
	} else if (strstr(problem, "cannot start any token")) {
		cw_policy_fault_at(b->faults, line, column,
				   "not valid YAML: a character that cannot start a value, often a"
				   " tab; expected spaces for indentation, or quotes");
		return -EINVAL;
	}
	if (p->context && p->error != YAML_READER_ERROR)
		cw_policy_fault_at(b->faults, line, column,
				   "not valid YAML: %s %s from line %zu on; expected YAML", problem,
				   p->context, p->context_mark.line + 1);
	else
		cw_policy_fault_at(b->faults, line, column, "not valid YAML: %s; expected YAML",
				   problem);
	return -EINVAL;
}

static int next_event(struct builder *b, yaml_event_t *ret_event)
{
	return yaml_parser_parse(&b->parser, ret_event) ? 0 : syntax_fault(b);
}

static int event_fault(struct builder *b, const yaml_event_t *event, const char *text)
{
	cw_policy_fault_at(b->faults, (unsigned int)event->start_mark.line + 1,
			   (unsigned int)event->start_mark.column + 1, "%s", text);
	return -EINVAL;
}

/* Anchors, aliases and tags would let one place change what another means. */
static int refuse_extras(struct builder *b, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return event_fault(b, event, "an alias (*); expected the value itself");
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	default:
		break;
	}
	if (anchor)
		return event_fault(b, event, "an anchor (&); expected a value without one");
	if (tag)
		return event_fault(b, event, "a tag (!); expected a value without one");
	return 0;
}

static int fill_scalar(struct builder *b, const yaml_event_t *event, struct cw_policy_node *node)
{
	size_t len = event->data.scalar.length;

	if (len > CW_POLICY_SCALAR_MAX)
		return event_fault(b, event, "a value is too long; expected at most 4096 bytes");
	if (memchr(event->data.scalar.value, 0, len))
		return event_fault(b, event, "a value holds a NUL byte; expected text");
	node->type = CW_POLICY_SCALAR;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->len = len;
	node->text = cw_policy_copy(b->arena, (const char *)event->data.scalar.value, len);
	return node->text ? 0 : -ENOMEM;
}

static int build(struct builder *b, const yaml_event_t *event, unsigned int depth,
		 struct cw_policy_node **ret_node);

/* Takes the events up to the end of a list or map. */
static int fill_children(struct builder *b, unsigned int depth, struct cw_policy_node *node)
{
	struct cw_policy_node **tail = &node->child, *key = NULL;
	int r;

	for (;;) {
		struct cw_policy_node *child = NULL;
		yaml_event_t event;

		r = next_event(b, &event);
		if (r)
			return r;
		if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&event);
			return 0;
		}
		if (node->n == CW_POLICY_ENTRIES_MAX)
			r = event_fault(b, &event, "too many entries; expected at most 1024");
		else
			r = build(b, &event, depth, &child);
		yaml_event_delete(&event);
		if (r)
			return r;
		if (node->type == CW_POLICY_MAP && !key) {
			key = child;
			continue;
		}
		child->key = key;
		key = NULL;
		*tail = child;
		tail = &child->next;
		node->n++;
	}
}

static int build(struct builder *b, const yaml_event_t *event, unsigned int depth,
		 struct cw_policy_node **ret_node)
{
	struct cw_policy_node *node;
	int r = refuse_extras(b, event);

	if (r)
		return r;
	if (depth >= CW_POLICY_DEPTH_MAX)
		return event_fault(b, event, "nested too deep; expected at most 12 levels");
	if (++b->n_nodes > CW_POLICY_NODES_MAX)
		return event_fault(b, event, "too many values; expected at most 65536");
	node = cw_policy_alloc(b->arena, sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->line = (unsigned int)event->start_mark.line + 1;
	node->column = (unsigned int)event->start_mark.column + 1;
	if (event->type == YAML_SCALAR_EVENT) {
		r = fill_scalar(b, event, node);
	} else {
		node->type = event->type == YAML_MAPPING_START_EVENT ? CW_POLICY_MAP :
								       CW_POLICY_LIST;
		r = fill_children(b, depth + 1, node);
	}
	if (!r)
		*ret_node = node;
	return r;
}

/* One event of the frame around the document: its type, or a negative errno. */
static int frame_event(struct builder *b, unsigned int *ret_line, unsigned int *ret_column)
{
	yaml_event_t event;
	int r = next_event(b, &event);

	if (r)
		return r;
	r = (int)event.type;
	*ret_line = (unsigned int)event.start_mark.line + 1;
	*ret_column = (unsigned int)event.start_mark.column + 1;
	yaml_event_delete(&event);
	return r;
}

static int load_stream(struct builder *b, struct cw_policy_node **ret_root)
{
	unsigned int line = 1, column = 1;
	struct cw_policy_node *root = NULL;
	yaml_event_t event;
	int r;

	r = frame_event(b, &line, &column); /* start of the stream */
	if (r < 0)
		return r;
	r = frame_event(b, &line, &column);
	if (r < 0)
		return r;
	if (r != YAML_DOCUMENT_START_EVENT)
		return -ENODATA;
	r = next_event(b, &event);
	if (r)
		return r;
	r = build(b, &event, 0, &root);
	yaml_event_delete(&event);
	if (r)
		return r;
	r = frame_event(b, &line, &column); /* end of the document */
	if (r < 0)
		return r;
	r = frame_event(b, &line, &column);
	if (r < 0)
		return r;
	if (r != YAML_STREAM_END_EVENT) {
		cw_policy_fault_at(b->faults, line, column,
				   "a second document starts here; expected one document");
		return -EINVAL;
	}
	*ret_root = root;
	return 0;
}

int cw_policy_tree_load(const char *text, size_t len, struct cw_policy_arena *arena,
			struct cw_policy_faults *faults, struct cw_policy_node **ret_root)
{
	struct builder b = { .arena = arena, .faults = faults, .text = text, .len = len };
	int r;

	if (len > CW_POLICY_SIZE_MAX) {
		cw_policy_fault_at(faults, 0, 0, "larger than 1 MiB; expected at most that");
		return -EINVAL;
	}
	r = scan_bytes(text, len, faults);
	if (r)
		return r;
	if (!yaml_parser_initialize(&b.parser))
		return -ENOMEM;
	/* Stated, or the first bytes would choose it. */
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, len);
	r = load_stream(&b, ret_root);
	yaml_parser_delete(&b.parser);
	return faults->error ? faults->error : r;
}

int cw_policy_file_read(const char *path, char **ret_text, size_t *ret_len)
{
	cw_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	cw_auto_free char *text = NULL;
	size_t len = 0;

	if (fd < 0)
		return -errno;
	text = malloc(CW_POLICY_SIZE_MAX + 1);
	if (!text)
		return -ENOMEM;
	while (len < CW_POLICY_SIZE_MAX + 1) {
		ssize_t n = read(fd, text + len, CW_POLICY_SIZE_MAX + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	*ret_text = CW_TAKE_PTR(text);
	return 0;
}
