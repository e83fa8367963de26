/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a report says, gathered from events in one pass, and the page made of it. Everything is
 * bounded, whatever the events are: what is new when a table is full goes to an entry of its own
 * ("others"), which the page shows. Each event is counted in exactly one cell, so that sums add up.
 * Gathering writes nothing, writing reads no trace.
 */
#ifndef CW_REPORT_H
#define CW_REPORT_H

#include "base/buf.h"
#include "base/sha256.h"
#include "model/event.h"
#include "trace/verify.h"

#define CW_REPORT_BINS	    1024u /* of the time axis */
#define CW_REPORT_WHO_MAX   512u
#define CW_REPORT_LANES_MAX 64u /* one bit each in cw_report_who.devices */
#define CW_REPORT_ROWS_MAX  1024u
#define CW_REPORT_CELLS_MAX 8192u
#define CW_REPORT_GROUPS_MAX 512u
#define CW_REPORT_SEEN_MAX  (1u << 20) /* distinct recordings, counted for each who */
#define CW_REPORT_SEEN_PROGRAMS (CW_REPORT_SEEN_MAX / 4) /* of them not of people */
#define CW_REPORT_CHAINS_MAX 256u
#define CW_REPORT_STEPS_MAX 8u
#define CW_REPORT_OPENS	    16384u
#define CW_REPORT_LIST_MAX  8u /* addresses, sessions, programs of one who */
#define CW_REPORT_LEVELS    5u
#define CW_REPORT_NOTES_MAX 64u
#define CW_REPORT_PROBLEMS_MAX 20u
#define CW_REPORT_NOBODY    0u /* who of what the agent says of itself */

/* ---- tables with bounds: report_tables.c ---- */

/* Keys of a fixed number of words, numbered from 0 in the order they came. */
struct cw_report_table {
	unsigned int words;
	uint32_t n, max, cap, n_slots;
	uint64_t *keys;
	uint32_t *slots;
};

/* The number of the key, or -ENOSPC if it is new and the table is full, or -ENOMEM. */
int64_t cw_report_table_find(struct cw_report_table *t, const uint64_t *key, bool *ret_new);
void cw_report_table_free(struct cw_report_table *t);

/* Strings, each kept once, so that equal ones have equal addresses. */
struct cw_report_strings {
	char **slots;
	size_t n, n_slots, bytes;
	uint64_t refused; /* there was no room for them; all look alike then */
};

/* NULL for NULL. Never fails: without room it gives a text that says so. */
const char *cw_report_keep(struct cw_report_strings *s, const char *text);
void cw_report_strings_free(struct cw_report_strings *s);

/* ---- the time axis: report_axis.c ---- */

struct cw_report_bits {
	uint64_t word[CW_REPORT_BINS / 64];
};

enum cw_report_mark {
	CW_MARK_HELD,	      /* a device was open */
	CW_MARK_HELD_FLAG,    /* by an open that was flagged */
	CW_MARK_CAPTURE,      /* frames were taken */
	CW_MARK_CAPTURE_FLAG,
	CW_MARK_OPEN,	      /* and what is like it: receive, use, map */
	CW_MARK_OPEN_FLAG,
	CW_MARK_REFUSED,
	CW_MARK_REFUSED_FLAG,
	CW_MARK_CHANGE,	      /* deleted, renamed, linked, cut, copied … */
	CW_MARK_CHANGE_FLAG,
	CW_MARK_MAX,
};

enum cw_report_band { CW_BAND_GAP, CW_BAND_DOWN, CW_BAND_ABSENT, CW_BAND_BLIND, CW_BAND_MAX };

/* Its bins double in width when a time is outside, so it needs no range in advance. */
struct cw_report_axis {
	uint64_t begin_ns, width_ns; /* width 0: nothing was seen yet */
	struct cw_report_bits band[CW_BAND_MAX];
};

/* ---- what is gathered ---- */

struct cw_report_moment {
	uint64_t time_ns, seq;
	uint32_t file; /* of the proofs */
};

struct cw_report_list {
	const char *item[CW_REPORT_LIST_MAX];
	unsigned int n;
	bool more;
};

/* A person, or a program where nobody is logged in. */
struct cw_report_who {
	const char *name, *hub, *acts_as, *exe, *unit;
	bool person, other; /* other: all for whom there was no room */
	uint32_t origins;   /* bits of enum cw_origin_type */
	struct cw_report_list from, sessions, programs;
	uint64_t events, accesses, flags, refused, deletions, frames;
	uint64_t devices; /* cameras and microphones: bits of lanes */
	uint32_t recordings, days;
	bool recordings_more, devices_more; /* the numbers are lower bounds */
	int64_t last_day;
	double captured_s, held_s;
	enum cw_severity worst;
	struct cw_report_moment first, last;
};

/* An asset on the time axis: a device, or a tree of recordings. */
struct cw_report_lane {
	const char *name, *what, *hub, *card, *bus, *driver;
	enum cw_asset_kind kind;
	bool other;
	uint64_t events, flags;
};

/* What one who did at one lane. */
struct cw_report_row {
	uint32_t who, lane;
	uint64_t n[CW_MARK_MAX], frames, flags;
	double captured_s;
	struct cw_report_bits mark[CW_MARK_MAX];
};

/* Events of one sort: by who, at what, of which kind, judged how. Each event is in one. */
struct cw_report_cell {
	uint32_t who, lane; /* lane UINT32_MAX: no asset */
	enum cw_kind kind;
	enum cw_decision decision;
	enum cw_class class;
	enum cw_severity severity;
	uint64_t n, listed; /* how many of them stand in the list one by one */
	const char *example;
	struct cw_report_moment first, last;
};

/* An event of the list. */
struct cw_report_item {
	struct cw_report_moment at;
	uint32_t who, lane, cell, pid;
	uint32_t group; /* UINT32_MAX: of none */
	uint8_t level; /* 0 is shown longest */
	uint8_t kind, decision, severity;
	int result;
	const char *exe, *path, *more;
};

/* Flags that say the same. */
struct cw_report_group {
	uint32_t who, lane;
	enum cw_severity severity;
	enum cw_class class;
	uint64_t n, kinds[CW_KIND_MAX], frames;
	const char *from, *last_why; /* last_why: where it is not that of the sample */
	struct cw_report_moment first, last;
	struct cw_event *sample; /* its strings are kept */
};

struct cw_report_step {
	enum cw_kind kind;
	uint32_t who, pid;
	uint64_t n;
	bool flagged;
	const char *exe;
	struct cw_report_moment at;
};

/* An open file that others than its opener used. Step 0 is the open. */
struct cw_report_chain {
	uint64_t open_id;
	uint32_t lane, n_steps;
	uint64_t same; /* further ones of the same shape */
	bool flagged, more_steps, opener_seen;
	const char *path;
	struct cw_report_step step[CW_REPORT_STEPS_MAX];
};

struct cw_report_gap {
	const char *class;
	uint64_t n, lost, from_ns, to_ns;
};

struct cw_report_coverage {
	const char *capability, *rung, *hooks, *blind;
	uint64_t n;
};

struct cw_report_policy {
	const char *name;
	char sha256[CW_SHA256_HEX];
	uint64_t events; /* judged by it */
};

/* What the bytes of one trace prove. */
struct cw_report_proof {
	const char *path;
	char sha256[CW_SHA256_HEX]; /* of the file; "": it could not be read */
	int error;		    /* it could not be looked at */
	bool proven, newer;
	int before; /* of the proofs, or CW_TRACE_FIRST, _ABSENT, _DROPPED */
	/* If it is absent: what is missing lies between these; from 0: since before all others. */
	uint64_t hole_from_ns, hole_to_ns;
	unsigned int faults;
	struct cw_trace_report trace;
	struct {
		uint64_t offset, sequence, wall_ns;
		char what[160];
	} problem[CW_REPORT_PROBLEMS_MAX];
};

struct cw_report_open; /* private to report_gather.c */
struct cw_report_run;

struct cw_report {
	/* how it was asked for */
	const char *title, *policy_file;
	uint64_t since_ns, until_ns;
	size_t max_size;
	bool has_key;

	struct cw_report_proof *proofs;
	unsigned int n_proofs;

	struct cw_report_strings strings;
	struct cw_report_table who_keys, lane_keys, row_keys, cell_keys, group_keys, seen;
	struct cw_report_table coverage_keys, gap_keys;
	struct cw_report_who *whos;
	struct cw_report_lane *lanes;
	struct cw_report_row *rows;
	struct cw_report_cell *cells;
	struct cw_report_group *groups;
	struct cw_report_item *items;
	size_t n_items, max_items;
	unsigned int level; /* those of this level and above it were not kept */
	struct cw_report_chain *chains;
	uint32_t n_chains;
	uint64_t chains_lost;
	struct cw_report_open *opens;
	struct cw_report_run *runs;
	struct cw_report_axis axis;

	struct cw_report_gap gaps[CW_REPORT_NOTES_MAX];
	struct cw_report_coverage coverage[CW_REPORT_NOTES_MAX];
	struct cw_report_policy policies[CW_REPORT_NOTES_MAX];
	uint32_t n_policies;
	bool policies_more, gaps_more, coverage_more;
	struct cw_report_list hubs, boots, versions, kernels;

	uint64_t events, flags, allowed, unjudged, by_severity[CW_SEVERITY_MAX];
	uint64_t change_kinds; /* bits: what changes, removes or copies a recording */
	uint64_t kinds[CW_KIND_MAX], groups_lost, rows_lost, runs_lost, seen_lost;
	uint32_t seen_programs;
	uint64_t lost, canaries, blind_canaries, tampers, starts, stops, still_open;
	struct cw_report_moment first, last;
	int error; /* -ENOMEM */
};

/* `max_size`: of the page. -ENOMEM. */
int cw_report_new(size_t max_size, struct cw_report **ret_report);
void cw_report_free(struct cw_report *r);
/* An event, of the trace with number `file` of the proofs; the policy that judged it, or NULL. */
void cw_report_take(struct cw_report *r, const struct cw_event *e, uint32_t file,
		    const char *policy, const char *policy_sha256);
bool cw_report_is_change(const struct cw_report *r, unsigned int kind);
/* After the last one. 0, or -ENOMEM: something is missing from what was gathered. */
int cw_report_end(struct cw_report *r);

/* Sets the bins from one time to another. */
void cw_report_axis_mark(struct cw_report *r, struct cw_report_bits *bits, uint64_t from_ns,
			 uint64_t to_ns);
/* Widens the axis so that the time is on it. */
void cw_report_axis_reach(struct cw_report *r, uint64_t time_ns);
/*
 * The next run of bins that are set, from bin *at on, with `step` bins taken as one. False: there
 * is none. *ret_n: how many bins.
 */
bool cw_report_axis_run(const struct cw_report_bits *bits, unsigned int step, unsigned int *at,
			unsigned int *ret_begin, unsigned int *ret_n);

/* Looks at the bytes of one trace: report_proof.c. `key` NULL: none. */
void cw_report_prove(struct cw_report_proof *p, const char *path, const uint8_t *key);
/* When all were looked at: what stands before what. -ENOMEM. */
int cw_report_link(struct cw_report_proof *proofs, unsigned int n);
/* How many of them follow on a trace that is not among them. */
unsigned int cw_report_holes(const struct cw_report *r);

/* The page: report_page.c. 0 or -ENOMEM. */
int cw_report_write(struct cw_report *r, struct cw_buf *b);

#endif
