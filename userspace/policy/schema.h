/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a tree of nodes by tables of known keys and reports everything that does not fit, going on
 * after each fault. Private to the policy module; the policy and its cases share it.
 */
#ifndef CW_POLICY_SCHEMA_H
#define CW_POLICY_SCHEMA_H

#include "policy/tree.h"

struct cw_policy_reader {
	struct cw_policy_arena *arena;
	struct cw_policy_faults *faults;
	bool no_memory;
	void *context; /* of who walks: parse.c, cases.c */
};

/* One key of a map. `take` gets the value's node and the object that the map fills. */
struct cw_policy_key {
	const char *name;
	void (*take)(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object);
	const char *required; /* what to expect where the key is missing; NULL: it may be */
};

#define CW_POLICY_KEYS_MAX 32

void cw_policy_fault(struct cw_policy_reader *r, const struct cw_policy_node *node,
		     const char *fmt, ...) CW_PRINTF(3, 4);
/*
 * Gives each value of a map to its key. `what` names the map in messages: "a grant". False if it is
 * not a map at all or a required key is missing.
 */
bool cw_policy_walk(struct cw_policy_reader *r, const struct cw_policy_node *node,
		    const char *what, const struct cw_policy_key *keys, size_t n, void *object);
/* True for nothing, ~ and null without quotes. */
bool cw_policy_is_null(const struct cw_policy_node *node);
/*
 * The text of a scalar that is neither empty nor holds control characters, else NULL and a fault
 * that names `what` and says what was expected.
 */
const char *cw_policy_text_of(struct cw_policy_reader *r, const struct cw_policy_node *node,
			      const char *what, const char *expected);
/*
 * Calls `take` for a scalar, or for each scalar of a list that is neither empty nor has doubles.
 * Returns the number of scalars.
 */
size_t cw_policy_walk_list(struct cw_policy_reader *r, const struct cw_policy_node *node,
			   const char *what, const char *expected,
			   void (*take)(struct cw_policy_reader *r,
					const struct cw_policy_node *node, void *object),
			   void *object);
/* Number of scalars that cw_policy_walk_list() would give at most. */
size_t cw_policy_list_size(const struct cw_policy_node *node);
/*
 * The one of `n` names that is closest to a misspelt one, or NULL if none is close. NULL also once
 * there are more faults than slips: the search is dear, and a file may be all faults.
 */
const char *cw_policy_suggest(const struct cw_policy_reader *r, const char *text,
			      const char *const *names, size_t n);
/* Copies at most `size - 1` bytes of `text`, control characters as `?`, cut with "...". */
const char *cw_policy_shown(const char *text, char *buf, size_t size);
/* From the reader's arena; NULL is noted in `no_memory`. */
void *cw_policy_take_memory(struct cw_policy_reader *r, size_t size);
char *cw_policy_take_copy(struct cw_policy_reader *r, const char *s, size_t len);

#define CW_POLICY_SHOWN 80

#endif
