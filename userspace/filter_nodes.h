/* SPDX-License-Identifier: Apache-2.0 */
/* The filter as it is asked: a tree of tests. Private to filter.c and filter_parse.c. */
#ifndef CW_FILTER_NODES_H
#define CW_FILTER_NODES_H

#include "filter.h"
#include "policy/value.h"

enum cw_filter_node_type {
	CW_FILTER_ALL,	  /* every one below holds; none: true */
	CW_FILTER_ANY,	  /* one below holds */
	CW_FILTER_NOT,	  /* the one below does not */
	CW_FILTER_TEST,	  /* the fact is one of the values */
	CW_FILTER_KNOWN,  /* the fact is known */
	CW_FILTER_DENIED, /* the access was refused or failed */
};

enum cw_filter_op {
	CW_FILTER_IS,
	CW_FILTER_LIKE, /* a pattern */
	CW_FILTER_LESS,
	CW_FILTER_AT_MOST,
	CW_FILTER_MORE,
	CW_FILTER_AT_LEAST,
};

enum cw_filter_form {
	CW_FILTER_TEXT,
	CW_FILTER_PATTERN,
	CW_FILTER_PATTERN_LAST, /* of the last name of a path */
	CW_FILTER_LAST,		/* the last name of a path */
	CW_FILTER_UID,		/* a uid, or a name that looks like one */
	CW_FILTER_BELOW,	/* a path, and what lies below it */
	CW_FILTER_ASSET_KIND,
	CW_FILTER_HASH,
	CW_FILTER_NET,
	CW_FILTER_NUMBER,
	CW_FILTER_REAL,
	CW_FILTER_RANGE, /* moments: from `number` to before `end` */
	CW_FILTER_HOURS, /* minutes of the day */
};

struct cw_filter_value {
	struct cw_filter_value *next;
	enum cw_filter_form form;
	enum cw_filter_op op;
	size_t len;
	uint64_t number; /* also: place in a list of words, asset kind, minute */
	uint64_t end;
	double real;
	struct cw_policy_net net;
	char text[];
};

struct cw_filter_node {
	enum cw_filter_node_type type;
	enum cw_fact fact;
	struct cw_filter_node *first, *last; /* below */
	struct cw_filter_node *next;	     /* beside */
	struct cw_filter_value *values;
};

struct cw_filter {
	struct cw_filter_node *root; /* CW_FILTER_ALL */
	struct cw_filter_node *options[CW_FACT_MAX];
	unsigned int n_nodes;
	int offset_s;
	bool asks[CW_FACT_MAX];
};

/* Frees a node with all below it, not what is beside. */
void cw_filter_node_free(struct cw_filter_node *n);
/* NULL: no memory or too many. */
struct cw_filter_node *cw_filter_node_new(struct cw_filter *f, enum cw_filter_node_type type,
					  enum cw_fact fact);
void cw_filter_node_add(struct cw_filter_node *to, struct cw_filter_node *n);
/* -EINVAL: `what` says what was expected. */
int cw_filter_value_add(const struct cw_filter *f, struct cw_filter_node *n, enum cw_filter_op op,
			const char *text, struct cw_buf *what);

#endif
