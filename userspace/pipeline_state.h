/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the pipeline share: the state of a running agent and the way of one event.
 * pipeline.c owns it; trees.c keeps the marks of the watched trees complete. Nobody else includes
 * this.
 */
#ifndef CW_PIPELINE_STATE_H
#define CW_PIPELINE_STATE_H

#include "alive.h"
#include "assets.h"
#include "canary.h"
#include "pipeline.h"
#include "printer.h"
#include "self.h"
#include "sink/writer.h"
#include "trace/recorder.h"

#define NAMES_EVERY_NS	  (CW_NSEC_PER_SEC / 5)
#define RESCANS_MAX	  64

struct rescan {
	uint32_t index;
	char *path;
	uint64_t until_ns;
};

struct pipeline {
	const struct cw_run_config *config;
	struct cw_kernel *kernel;
	struct cw_watch *watch;
	struct cw_decode *decode;
	struct cw_enrich *enrich;
	struct cw_policy *policy;
	struct cw_writer *writer;     /* NULL: nothing is printed */
	struct cw_recorder *recorder; /* NULL: no trace */
	uint64_t dropped_files, dropped_events; /* of it, for its budget, in this run */
	struct cw_printer printer;
	struct cw_ladder ladder;
	struct cw_assets assets;
	struct cw_canary canary;
	struct cw_self self;
	struct cw_alive *alive; /* NULL: nobody will know since when we are gone */
	uint64_t last_sign_ns, wake_ns, stopped_ns; /* see life.c */
	bool hardened;
	bool clock_set;		/* since the records that wait were made */
	uint64_t old_offset_ns; /* wall_offset_ns before that */
	int clock;		/* readable when the wall clock is set; -1 */
	uint32_t stop_signal, stop_pid, stop_uid;

	struct cw_buf exe_path;
	struct rescan rescan[RESCANS_MAX];
	unsigned int n_rescans;
	uint64_t rescan_all_ns; /* when all trees have to be walked; 0: need not be */
	char boot_id[40];
	char hub[65];
	uint64_t seq, events;
	uint64_t wall_offset_ns; /* CLOCK_REALTIME - CLOCK_BOOTTIME */
	struct cw_watch_blind blind; /* told of it */
	uint64_t losses_since_ns, skipped_since_ns, missing_since_ns, end_ns;
	uint64_t next_look_ns; /* into the rings, unasked; 0: not */
	bool looked_idle; /* nothing had come at the last look */
	uint64_t next_canary_ns, next_roots_ns, next_names_ns, next_self_ns, swept_ns;
	int signals, uevents, mounts;
	int output_error, trace_error; /* told already */
	bool stopping;
};

/* CLOCK_BOOTTIME in nanoseconds. */
uint64_t cw_pipeline_now(void);
/* A message for people, on standard error; what it quotes cannot send commands to the terminal. */
void cw_pipeline_say(const char *format, ...) CW_PRINTF(1, 2);

/* An event of the agent's own, with its time; the rest is empty. */
void cw_pipeline_begin_event(struct pipeline *p, struct cw_event *e, enum cw_kind kind);
/* Number, time of day and hub; then trace, policy, output. */
void cw_pipeline_deliver(struct pipeline *p, struct cw_event *e);
void cw_pipeline_deliver_gap(struct pipeline *p, const char *class, uint64_t lost,
			     uint64_t from_ns, uint64_t to_ns);
/* An access by a process: names are added first. */
void cw_pipeline_deliver_access(struct pipeline *p, struct cw_event *e,
				const struct cw_proc *proc);

/* ---- tamper.c ---- */
/* Something was done to the agent itself. */
void cw_tamper_take(struct pipeline *p, struct cw_event *e, const struct cw_decoded_record *d);
void cw_tamper_start(struct pipeline *p);
/* Marks the files that the agent lives on again, and tells of the names among them that went. */
void cw_tamper_mark(struct pipeline *p);
void cw_tamper_mark_soon(struct pipeline *p);
void cw_tamper_run(struct pipeline *p);

/* ---- life.c ---- */
/* Tells of holes that agents before this one left, and begins to leave signs of life. */
void cw_life_start(struct pipeline *p);
void cw_life_sign(struct pipeline *p);
/* It is going to sleep for so long; it was stopped, or is going to be; it is awake again. */
void cw_life_sleeps(struct pipeline *p, int timeout_ms);
void cw_life_stops(struct pipeline *p, uint64_t since_ns);
uint64_t cw_life_check_ns(const struct pipeline *p);
void cw_life_woke(struct pipeline *p);
/* What CLOCK_REALTIME is ahead of CLOCK_BOOTTIME now. */
void cw_life_clock(struct pipeline *p, uint64_t offset_ns);
int cw_life_clock_fd(void);

/* ---- trees.c ---- */
/*
 * Who made the last call that changes names, of which fanotify gave the pid only; *ret_known: the
 * kernel side kept it. NULL: nothing is known of that process.
 */
struct cw_proc *cw_trees_namer(struct pipeline *p, uint32_t pid, struct cw_namer *ret_namer,
			       bool *ret_known);

/* A folder came into tree `index`; or many did, or its record was lost. */
void cw_trees_rescan_later(struct pipeline *p, uint32_t index, const char *path);
void cw_trees_rescan_all_later(struct pipeline *p);
void cw_trees_rescan_all(struct pipeline *p);
void cw_trees_run_rescans(struct pipeline *p);
/* All marks that generation `gen` of the trees needs are set. */
void cw_trees_complete(struct pipeline *p, uint64_t gen);
/* Are the roots what they were? Now, or in a moment, when what happens to one is done. */
void cw_trees_check_roots(struct pipeline *p);
void cw_trees_check_roots_soon(struct pipeline *p);
/* Takes in what fanotify has to say, */
void cw_trees_read_names(struct pipeline *p);
/* and tells it. Returns how long the next has to wait, in milliseconds; -1: none waits. */
int cw_trees_run_names(struct pipeline *p);

#endif
