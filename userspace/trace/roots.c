// SPDX-License-Identifier: Apache-2.0
#include <search.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/keys.h"
#include "trace/reader.h"
#include "trace/roots.h"

struct links {
	unsigned int which;
	uint64_t first;
};

static void on_problem(void *ctx, const struct cw_trace_problem *p)
{
	(void)ctx; /* who verifies the trace tells of it */
	(void)p;
}

/* The content of the block behind the head, if it is one of keys. 0: how many links. */
static int read_links(const char *path, uint8_t *links, size_t *ret_n)
{
	struct cw_trace_reader *r = NULL;
	struct cw_trace_view view;
	const uint8_t *raw;
	struct stat st;
	int e = cw_streq(path, "-") ? fstat(STDIN_FILENO, &st) : stat(path, &st);

	if (e || !S_ISREG(st.st_mode))
		return -ESPIPE; /* it can be read once, and that is for its verification */
	e = cw_trace_reader_open(path, on_problem, NULL, &r);
	if (!e && (cw_trace_reader_block(r, &view) != 1 || !view.whole ||
		   view.head.type != CW_TRACE_BLOCK_KEYS ||
		   view.head.raw > CW_TRACE_LINKS_MAX * CW_TRACE_LINK_SIZE))
		e = -ENODATA;
	if (!e)
		e = cw_trace_reader_inflate(r, &view, &raw);
	if (!e) {
		*ret_n = view.head.raw / CW_TRACE_LINK_SIZE;
		memcpy(links, raw, *ret_n * CW_TRACE_LINK_SIZE);
	}
	cw_trace_reader_free(r);
	return e;
}

/* ---- roots that are proven: a tree of keys ---- */

static int compare_roots(const void *a, const void *b)
{
	return memcmp(a, b, CW_TRACE_KEY);
}

static bool has(void *const *roots, const uint8_t *root)
{
	return tfind(root, roots, compare_roots) != NULL;
}

static int add(void **roots, const uint8_t *root)
{
	uint8_t *copy = malloc(CW_TRACE_KEY);

	if (copy)
		memcpy(copy, root, CW_TRACE_KEY);
	if (copy && tsearch(copy, roots, compare_roots))
		return 0;
	free(copy);
	return -ENOMEM;
}

/* Each link is a statement of its root, whoever carries it. *ret_key: the first that is proven. */
static int take_links(void **roots, const uint8_t *links, size_t n, uint8_t ret_key[CW_TRACE_KEY])
{
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		struct cw_trace_link l;

		cw_trace_link_get(links + i * CW_TRACE_LINK_SIZE, &l);
		if (!has(roots, l.root))
			continue;
		if (!found)
			memcpy(ret_key, l.root, CW_TRACE_KEY);
		found = true;
		if (!has(roots, l.next_root) && cw_trace_link_is_signed(&l) &&
		    add(roots, l.next_root))
			return -ENOMEM;
	}
	return 0;
}

/* ---- the traces, by the start that their links begin with ---- */

static int by_first(const void *pa, const void *pb)
{
	const struct links *a = pa, *b = pb;

	return a->first < b->first ? -1 : a->first > b->first;
}

static unsigned int sort(char *const *paths, unsigned int n, uint8_t *links,
			 struct links *ret_order)
{
	unsigned int sorted = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct cw_trace_link l;
		size_t n_links;

		if (read_links(paths[i], links, &n_links) || !n_links)
			continue;
		cw_trace_link_get(links, &l);
		ret_order[sorted++] = (struct links){ i, l.index };
	}
	qsort(ret_order, sorted, sizeof(*ret_order), by_first);
	return sorted;
}

int cw_trace_roots_follow(const uint8_t key[CW_TRACE_KEY], char *const *paths, unsigned int n,
			  uint8_t (*ret_keys)[CW_TRACE_KEY])
{
	cw_auto_free uint8_t *links = malloc(CW_TRACE_LINKS_MAX * CW_TRACE_LINK_SIZE);
	cw_auto_free struct links *order = calloc(n, sizeof(*order));
	unsigned int sorted;
	void *roots = NULL;
	size_t n_links;
	int e;

	if (!links || !order)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++)
		memcpy(ret_keys[i], key, CW_TRACE_KEY);
	if (n < 2)
		return 0; /* it stands alone */
	sorted = sort(paths, n, links, order);
	e = add(&roots, key);
	for (unsigned int i = 0; !e && i < sorted; i++)
		if (!read_links(paths[order[i].which], links, &n_links))
			e = take_links(&roots, links, n_links, ret_keys[order[i].which]);
	tdestroy(roots, free);
	return e;
}
