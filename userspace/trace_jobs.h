/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of traces, decoded and judged by several threads at once and taken in the order in which
 * they were given. Owns the threads and a bounded number of blocks; reads no file and says nothing.
 * All calls come from one thread, which does a block itself if nobody has begun it when it is due.
 * With one CPU there are no threads.
 */
#ifndef CW_TRACE_JOBS_H
#define CW_TRACE_JOBS_H

#include "policy/policy.h"
#include "trace/reader.h"

/* How the events of a block are treated. What it points to must live as long as the block. */
struct cw_job_rules {
	const struct cw_trace_head *file;
	bool policies; /* those in blocks that say they have one are wanted; else none is */
	/* NULL: they are not judged. Must have no limits: those need every event in its order. */
	const struct cw_policy *policy;
	bool raw; /* all events come as they are: nothing of what stands here is asked */
	struct cw_trace_filter filter;
	/* Asked of each judged event, if given; by several threads at once. */
	bool (*keep)(const void *ctx, const struct cw_event *e);
	const void *ctx;
};

struct cw_jobs;
struct cw_job;

int cw_jobs_new(struct cw_jobs **ret_jobs);
void cw_jobs_free(struct cw_jobs *j);
/* True if another block may be given though it is not due yet. */
bool cw_jobs_have_room(const struct cw_jobs *j);
/* Takes a copy of the block. */
int cw_jobs_give(struct cw_jobs *j, const struct cw_job_rules *rules, const struct cw_trace_view *v,
		 struct cw_job **ret_job);
/*
 * The next event of a block (1), which lives until the next call for it, or a policy (2); 0: there
 * is no further one; -EBADMSG, -EPROTO: as of the decoder; -ENOMEM. Waits if it must.
 */
int cw_jobs_next(struct cw_jobs *j, struct cw_job *job, struct cw_event **ret_event,
		 struct cw_trace_policy *ret_policy);
/* After its end, or to leave its rest. */
void cw_jobs_done(struct cw_jobs *j, struct cw_job *job);
const struct cw_trace_block_head *cw_job_head(const struct cw_job *job);
/* As in its rules. */
bool cw_job_is_raw(const struct cw_job *job);
/* Records of a later version that were passed over. */
uint64_t cw_job_unknown(const struct cw_job *job);

#endif
