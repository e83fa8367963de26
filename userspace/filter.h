/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which events are meant: the query language of camwarden-query(1), and options that are short for
 * it. Compiled once; asking reads nothing but the filter and the event, so any thread may ask.
 *
 * An event whose fact is not known meets no test of that fact.
 */
#ifndef CW_FILTER_H
#define CW_FILTER_H

#include "base/buf.h"
#include "facts.h"

#define CW_FILTER_TEXT_MAX  65536 /* bytes of an expression */
#define CW_FILTER_VALUE_MAX 4096  /* bytes of a value */
#define CW_FILTER_NODES_MAX 4096  /* tests and what joins them, of all expressions and options */
#define CW_FILTER_DEPTH_MAX 64	  /* brackets and nots inside each other */

struct cw_filter;

/* Without anything added it takes every event. `offset_s`: where clocks stand, east of UTC. */
int cw_filter_new(int offset_s, struct cw_filter **ret_filter);
void cw_filter_free(struct cw_filter *f);

/*
 * These narrow it down. -EINVAL: `error` says what is wrong and where, in one line or several, each
 * ended and harmless for a terminal; the filter must not be used then. -ENOMEM.
 */
int cw_filter_where(struct cw_filter *f, const char *text, struct cw_buf *error);
/*
 * Values separated by commas (one in a value is written \,), of which one must fit: those of the
 * same fact in one filter count together, whatever calls they came by.
 */
int cw_filter_option(struct cw_filter *f, enum cw_fact fact, const char *values,
		     struct cw_buf *error);
/* Events that were refused or failed. */
int cw_filter_denied(struct cw_filter *f);

bool cw_filter_takes(const struct cw_filter *f, const struct cw_event *e);
/*
 * Of an event of which only these parts are known (enum cw_fact_part, together): false if it cannot
 * be taken, whatever the rest is.
 */
bool cw_filter_may_take(const struct cw_filter *f, const struct cw_event *e, unsigned int parts);
/* Does it look at that fact? */
bool cw_filter_asks(const struct cw_filter *f, enum cw_fact fact);
/* Does it look at any fact of that part? */
bool cw_filter_asks_part(const struct cw_filter *f, enum cw_fact_part part);

#endif
