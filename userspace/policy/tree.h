/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML text as a bounded tree whose every node knows its line and column, the memory it lives in,
 * and the list of faults found in it. Private to the policy module. Refuses what a policy never
 * needs and what could hide or blow up: anchors, aliases, tags, several documents, depth.
 */
#ifndef CW_POLICY_TREE_H
#define CW_POLICY_TREE_H

#include "base/buf.h"

#define CW_POLICY_SIZE_MAX    (1U << 20) /* bytes of text */
#define CW_POLICY_DEPTH_MAX   12
#define CW_POLICY_NODES_MAX   65536
#define CW_POLICY_ENTRIES_MAX 1024 /* of one list or map */
#define CW_POLICY_SCALAR_MAX  4096

/* Memory that is freed at once. Zeroed. */
struct cw_policy_arena {
	struct cw_policy_block *blocks;
};

void *cw_policy_alloc(struct cw_policy_arena *a, size_t size); /* NULL: out of memory */
char *cw_policy_copy(struct cw_policy_arena *a, const char *s, size_t len);
void cw_policy_arena_free(struct cw_policy_arena *a);

struct cw_policy_fault {
	unsigned int line; /* 0: the file as a whole */
	unsigned int column;
	unsigned int order;
	char *text;
};

/* Faults of one file. Once memory is short, `error` is set and what else is added is dropped. */
struct cw_policy_faults {
	struct cw_policy_fault *v;
	size_t n;
	size_t cap;
	int error; /* 0 or -ENOMEM */
};

void cw_policy_fault_at(struct cw_policy_faults *f, unsigned int line, unsigned int column,
			const char *fmt, ...) CW_PRINTF(4, 5);
/* Appends "name:line:column: text" for each, in the order of the file. `out` may be NULL. */
void cw_policy_faults_write(struct cw_policy_faults *f, const char *name, struct cw_buf *out);
void cw_policy_faults_free(struct cw_policy_faults *f);

enum cw_policy_node_type {
	CW_POLICY_SCALAR,
	CW_POLICY_LIST,
	CW_POLICY_MAP,
};

struct cw_policy_node {
	enum cw_policy_node_type type;
	bool plain; /* scalar without quotes: empty, ~ and null mean "no value" */
	unsigned int line; /* from 1 */
	unsigned int column;
	const char *text; /* scalar: NUL-terminated UTF-8 without NUL bytes */
	size_t len;
	size_t n; /* list, map: number of children */
	struct cw_policy_node *key; /* in a map */
	struct cw_policy_node *child;
	struct cw_policy_node *next;
};

#define cw_policy_each(node_, parent_) \
	for (struct cw_policy_node *node_ = (parent_)->child; node_; node_ = node_->next)

/*
 * 0; -EINVAL: the text is not YAML of our kind, the reason is in `faults`; -ENODATA: there is no
 * document in it; -ENOMEM.
 */
int cw_policy_tree_load(const char *text, size_t len, struct cw_policy_arena *arena,
			struct cw_policy_faults *faults, struct cw_policy_node **ret_root);
/*
 * Length of the UTF-8 sequence at `s`, of which `left` bytes are there; 0 if it is none: overlong
 * forms and surrogates are none.
 */
size_t cw_policy_utf8(const unsigned char *s, size_t left, uint32_t *ret_code);
/* Reads a file of at most CW_POLICY_SIZE_MAX + 1 bytes; the caller frees. */
int cw_policy_file_read(const char *path, char **ret_text, size_t *ret_len);

#endif
