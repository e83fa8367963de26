/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several traces as one stream of events, for the verbs that read them. Traces of one boot are
 * merged by the time since boot, boots by when they began. A trace brings its own policies unless
 * one is given: each holds for the events after it. The same trace given twice is read once. Never
 * looks at the machine it runs on.
 *
 * Says on standard error, under the verb's name, what is wrong with a file, and how far it is if
 * that is a terminal and standard output is not.
 */
#ifndef CW_TRACES_H
#define CW_TRACES_H

#include "model/event.h"
#include "policy/policy.h"

struct cw_traces;

struct cw_traces_config {
	const char *verb;
	char **paths; /* files and pipes; "-" is standard input, at most once */
	unsigned int n;
	bool judge;		/* fill in verdicts and the names of the policy's assets */
	const char *policy;	/* a file, judged by instead of those in the traces; NULL: none */
	uint64_t since_ns;	/* only events of since <= time < until are given */
	uint64_t until_ns;	/* UINT64_MAX: no end */
	/*
	 * Asked about each judged event, if given: false leaves it out. Reads nothing but the event
	 * and what `ctx` points to, and changes neither; is called by several threads at once.
	 */
	bool (*keep)(const void *ctx, const struct cw_event *e);
	/*
	 * The same for what is known before an event is looked at closely, asked once in a while
	 * for each process and asset: false leaves out all their events. The asset does not have
	 * its name of the policy yet. Not asked where a limit makes every event count.
	 */
	bool (*keep_process)(const void *ctx, const struct cw_process *p,
			     const struct cw_origin *o);
	bool (*keep_asset)(const void *ctx, const struct cw_asset *a);
	const void *ctx;
};

/*
 * For getopt, and for what takes the options: --policy, --since, --until. cw_traces_take returns 0,
 * the status to exit with, or CW_GO_ON if the option is none of these.
 */
#define CW_TRACES_OPTIONS \
	{ "policy", required_argument, NULL, 'p' }, { "since", required_argument, NULL, 's' }, \
	{ "until", required_argument, NULL, 'u' }
int cw_traces_take(struct cw_traces_config *c, int option, const char *value);
/* What is no option: the traces. Returns like cw_traces_take. */
int cw_traces_take_paths(struct cw_traces_config *c, int argc, char **argv);

/*
 * 0, or the status to exit with; what is wrong was said. The configuration must live on. A path
 * that cannot be read is no error if another one can; cw_traces_status() tells in the end.
 */
int cw_traces_open(const struct cw_traces_config *c, struct cw_traces **ret_traces);
/*
 * 1: an event, which lives until the next call; 0: the end; negative errno: it ended early, which
 * cw_traces_status() will say.
 */
int cw_traces_next(struct cw_traces *t, const struct cw_event **ret_event);
/* Which of the configuration's paths the event given last is from. */
unsigned int cw_traces_which(const struct cw_traces *t);
/* The policy that judged it; NULL: none did. */
const struct cw_policy *cw_traces_policy(const struct cw_traces *t);
/* True if events came that no policy judged, though it was asked for. */
bool cw_traces_unjudged(const struct cw_traces *t);
/* True if a file was damaged somewhere: what was given is not all. */
bool cw_traces_damaged(const struct cw_traces *t);
/* Says of each file that was written with --keep that it is not all; true if there is one. */
bool cw_traces_say_kept(const struct cw_traces *t);
/*
 * At the end, with what cw_traces_next or the caller's own work returned last: says if it ended
 * early, and gives the status: CW_EXIT_OK or CW_EXIT_FAILED. Damage alone is no failure.
 */
int cw_traces_status(struct cw_traces *t, int error);
void cw_traces_free(struct cw_traces *t);

#define CW_TRACES_NO_TRACE "this is no trace, or its first 256 bytes are damaged"
/* A line for people: "camwarden VERB: FILE: WHAT"; the file's name is made harmless. */
void cw_traces_message(const char *verb, const char *path, const char *what);

#endif
