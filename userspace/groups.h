/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events by who, what or when: how many, and how far they reach. Memory is bounded, whatever the
 * events are: beyond CW_GROUPS_MAX groups what is new goes to one of its own, and beyond
 * CW_DISTINCT_MAX recordings, or CW_DISTINCT_DEVICES_MAX cameras and microphones, a count is marked
 * as "at least". Work is bounded too: of captures that are split at the borders of days or hours,
 * what is beyond CW_CAPTURE_PARTS_MAX of one, or CW_PARTS_MAX borders of all, goes to a group of no
 * day.
 */
#ifndef CW_GROUPS_H
#define CW_GROUPS_H

#include "model/event.h"
#include "sink/table.h"

#define CW_GROUPS_MAX	   65536
#define CW_GROUP_TEXT_MAX  (32u << 20) /* bytes of the names of all groups */
#define CW_DISTINCT_MAX	   (1u << 20) /* recordings, each counted in each group that touched it */
#define CW_DISTINCT_DEVICES_MAX 65536
#define CW_CAPTURE_PARTS_MAX 10000	 /* of hours more than a year */
#define CW_PARTS_MAX	   (1u << 22)	 /* some seconds of work */
#define CW_GROUP_LEVELS	   4

enum cw_group_by {
	CW_BY_LOGIN,
	CW_BY_ASSET,
	CW_BY_DAY,
	CW_BY_HOUR,
	CW_BY_PROGRAM,
	CW_BY_PEER,
	CW_BY_KIND,
	CW_BY_CLASS,
	CW_BY_FILE,
	CW_BY_USER,
	CW_BY_UNIT,
	CW_BY_ORIGIN,
	CW_BY_HUB,
	CW_BY_MAX,
};

enum cw_group_sort {
	CW_SORT_DEFAULT,
	CW_SORT_BREADTH, /* distinct recordings, cameras and microphones, then minutes, events */
	CW_SORT_NAME,
	CW_SORT_EVENTS,
	CW_SORT_FLAGS,
	CW_SORT_RECORDINGS,
	CW_SORT_CAMERAS,
	CW_SORT_MICROPHONES,
	CW_SORT_MINUTES,
	CW_SORT_FIRST,
	CW_SORT_LAST,
	CW_SORT_MAX,
};

struct cw_groups;

/* -ENOENT: there is no such word. */
int cw_group_by_parse(const char *word, enum cw_group_by *ret_by);
int cw_group_sort_parse(const char *word, enum cw_group_sort *ret_sort);

/*
 * `n`, at most CW_GROUP_LEVELS, of `by`, none twice. Days and hours are those of clocks `offset_s`
 * east of UTC. Seconds of a capture count from `since_ns` on, each for the day or hour it lay in,
 * which makes groups without an event where nothing else happened.
 */
int cw_groups_new(const enum cw_group_by *by, unsigned int n, enum cw_table_form form,
		  int offset_s, uint64_t since_ns, struct cw_groups **ret_groups);
void cw_groups_free(struct cw_groups *g);
/* -ENOMEM: it is not counted. */
int cw_groups_add(struct cw_groups *g, const struct cw_event *e);
void cw_groups_sort(struct cw_groups *g, enum cw_group_sort sort);

size_t cw_groups_n(const struct cw_groups *g);
/* True if groups, distinct objects, or parts of captures went beyond the bounds. */
bool cw_groups_crowded(const struct cw_groups *g);
bool cw_groups_uncounted(const struct cw_groups *g);
bool cw_groups_unsplit(const struct cw_groups *g);
/* Columns of a table with a row for each group, and the cells of row `i` in it. */
const struct cw_table_column *cw_groups_columns(const struct cw_groups *g, unsigned int *ret_n);
void cw_groups_row(const struct cw_groups *g, size_t i, struct cw_table *t);

/* "2026-11-24 04:35:59Z" of a table; in other forms ISO 8601 with nanoseconds, UTC. */
void cw_groups_time(struct cw_table *t, enum cw_table_form form, uint64_t ns, int offset_s);

#endif
