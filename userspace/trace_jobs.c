// SPDX-License-Identifier: Apache-2.0
/*
 * A thread fills a block's table of events as far as it reaches. What does not fit is left to the
 * caller, who goes on where the thread stopped; so no thread ever waits for the caller, and memory
 * is bounded whatever a block holds.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "trace_jobs.h"

#define THREADS_MAX 8u
#define EVENTS_MAX  2048u /* more than a block of 128 KiB usually holds */

enum state { WAITING, RUNNING, DONE };

struct cw_job {
	struct cw_job *next; /* of those that wait, or are free */
	enum state state;
	struct cw_job_rules rules;
	struct cw_trace_block_head head;
	struct cw_buf payload;
	struct cw_trace_decoder *decoder;
	struct cw_policy *policy; /* a view: what it says is this block's own */
	bool begun, ended;
	int error;	 /* with which it ended */
	uint64_t before; /* the decoder counts on: what was unknown in other blocks */
	size_t n, taken;
	struct cw_event *event; /* EVENTS_MAX; only what is used becomes memory */
	uint32_t *why_at;	/* where in `words` the why of each verdict is; 0: elsewhere */
	struct cw_buf words;
};

struct cw_jobs {
	unsigned int n_threads, n_begun;
	pthread_t thread[THREADS_MAX];
	unsigned int given; /* blocks that are not done with */
	struct cw_job *free;

	pthread_mutex_t lock; /* for all below, and the states */
	pthread_cond_t work, progress;
	struct cw_job *first, **last; /* those that wait */
	bool stop;
};

/* ---- one block ---- */

static bool is_kept(const struct cw_job *job, struct cw_event *e)
{
	const struct cw_job_rules *r = &job->rules;

	if (r->raw)
		return true;
	if (job->policy)
		cw_policy_judge(job->policy, e);
	return !r->keep || r->keep(r->ctx, e);
}

static int next_event(struct cw_job *job, struct cw_event *e, struct cw_trace_policy *policy)
{
	int r;

	if (!job->begun) {
		job->begun = true;
		r = cw_trace_decoder_begin(job->decoder, job->rules.file, &job->head,
					   job->payload.data,
					   job->rules.raw ? NULL : &job->rules.filter);
		if (r)
			return r;
	}
	while ((r = cw_trace_decoder_next(job->decoder, e, policy)) > 0) {
		if (r == 1 && is_kept(job, e))
			return 1;
		if (r == 2 && job->rules.policies)
			return job->head.flags & CW_TRACE_HAS_POLICY ? 2 : -EBADMSG;
	}
	return r;
}

/* What the policy says of an event lasts until the next; a copy lasts as long as the block. */
static bool keep_words(struct cw_job *job, struct cw_event *e)
{
	const char *why = e->verdict.why;

	job->why_at[job->n] = 0;
	if (!why || e->verdict.decision != CW_DECISION_FLAG)
		return true;
	if (!job->words.len)
		cw_buf_add(&job->words, "", 1);
	job->why_at[job->n] = (uint32_t)job->words.len;
	cw_buf_add(&job->words, why, strlen(why) + 1);
	return !job->words.error;
}

static void fill(struct cw_job *job)
{
	struct cw_trace_policy policy;
	int r = 1;

	while (job->n < EVENTS_MAX && (r = next_event(job, &job->event[job->n], &policy)) > 0) {
		if (!keep_words(job, &job->event[job->n])) {
			r = -ENOMEM;
			break;
		}
		job->n++;
	}
	for (size_t i = 0; i < job->n; i++)
		if (job->why_at[i])
			job->event[i].verdict.why = job->words.data + job->why_at[i];
	job->ended = r <= 0;
	job->error = r < 0 ? r : 0;
}

/* ---- threads ---- */

static void *run(void *arg)
{
	struct cw_jobs *j = arg;

	pthread_mutex_lock(&j->lock);
	while (!j->stop) {
		struct cw_job *job = j->first;

		if (!job) {
			pthread_cond_wait(&j->work, &j->lock);
			continue;
		}
		j->first = job->next;
		if (!j->first)
			j->last = &j->first;
		job->state = RUNNING;
		pthread_mutex_unlock(&j->lock);
		fill(job);
		pthread_mutex_lock(&j->lock);
		job->state = DONE;
		pthread_cond_signal(&j->progress);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

/* Fewer threads than there could be are no failure: the caller does the rest. */
static void start_threads(struct cw_jobs *j)
{
	sigset_t all, before;

	sigfillset(&all); /* signals are the caller's business */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (j->n_begun < j->n_threads &&
	       !pthread_create(&j->thread[j->n_begun], NULL, run, j))
		j->n_begun++;
	j->n_threads = j->n_begun;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int cw_jobs_new(struct cw_jobs **ret_jobs)
{
	struct cw_jobs *j = calloc(1, sizeof(*j));
	cpu_set_t cpus;
	unsigned int n = 1;

	if (!j)
		return -ENOMEM;
	if (!sched_getaffinity(0, sizeof(cpus), &cpus))
		n = (unsigned int)CPU_COUNT(&cpus);
	j->n_threads = n < 2 ? 0 : n < THREADS_MAX ? n : THREADS_MAX;
	j->last = &j->first;
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->work, NULL);
	pthread_cond_init(&j->progress, NULL);
	*ret_jobs = j;
	return 0;
}

static void free_job(struct cw_job *job)
{
	cw_buf_free(&job->payload);
	cw_buf_free(&job->words);
	cw_trace_decoder_free(job->decoder);
	cw_policy_free(job->policy);
	free(job->event);
	free(job->why_at);
	free(job);
}

void cw_jobs_free(struct cw_jobs *j)
{
	struct cw_job *job;

	if (!j)
		return;
	pthread_mutex_lock(&j->lock);
	j->stop = true;
	pthread_cond_broadcast(&j->work);
	pthread_mutex_unlock(&j->lock);
	for (unsigned int i = 0; i < j->n_begun; i++)
		pthread_join(j->thread[i], NULL);
	while ((job = j->free)) {
		j->free = job->next;
		free_job(job);
	}
	pthread_cond_destroy(&j->work);
	pthread_cond_destroy(&j->progress);
	pthread_mutex_destroy(&j->lock);
	free(j);
}

bool cw_jobs_have_room(const struct cw_jobs *j)
{
	return j->n_threads && j->given < j->n_threads + 2;
}

/* ---- giving and taking ---- */

static int new_job(struct cw_job **ret_job)
{
	struct cw_job *job = calloc(1, sizeof(*job));
	int e;

	if (!job)
		return -ENOMEM;
	e = cw_trace_decoder_new(&job->decoder);
	job->event = malloc(EVENTS_MAX * sizeof(*job->event));
	job->why_at = malloc(EVENTS_MAX * sizeof(*job->why_at));
	if (e || !job->event || !job->why_at) {
		free_job(job);
		return -ENOMEM;
	}
	*ret_job = job;
	return 0;
}

static int load(struct cw_job *job, const struct cw_job_rules *rules, const struct cw_trace_view *v)
{
	job->rules = *rules;
	job->head = v->head;
	job->begun = job->ended = false;
	job->error = 0;
	job->n = job->taken = 0;
	job->before = cw_trace_decoder_unknown(job->decoder);
	cw_buf_reset(&job->words);
	cw_buf_reset(&job->payload);
	cw_buf_add(&job->payload, v->bytes + CW_TRACE_BLOCK_SIZE, v->head.packed);
	if (job->payload.error)
		return -ENOMEM;
	return rules->policy ? cw_policy_view(rules->policy, &job->policy) : 0;
}

int cw_jobs_give(struct cw_jobs *j, const struct cw_job_rules *rules, const struct cw_trace_view *v,
		 struct cw_job **ret_job)
{
	struct cw_job *job = j->free;
	int e = 0;

	if (job)
		j->free = job->next;
	else
		e = new_job(&job);
	if (e)
		return e;
	e = load(job, rules, v);
	if (e) {
		free_job(job);
		return e;
	}
	if (++j->given > 1 && j->n_begun < j->n_threads)
		start_threads(j);
	*ret_job = job;
	job->state = DONE;
	if (rules->policies && (v->head.flags & CW_TRACE_HAS_POLICY))
		return 0; /* the caller's */
	pthread_mutex_lock(&j->lock);
	job->next = NULL;
	job->state = WAITING;
	*j->last = job;
	j->last = &job->next;
	/* One that is due at once is rather done by the caller. */
	if (j->given > 1)
		pthread_cond_signal(&j->work);
	pthread_mutex_unlock(&j->lock);
	return 0;
}

/* Nobody works on it from now on but the caller. */
static void take_over(struct cw_jobs *j, struct cw_job *job)
{
	struct cw_job **at;

	pthread_mutex_lock(&j->lock);
	if (job->state == WAITING) {
		for (at = &j->first; *at != job; at = &(*at)->next)
			;
		*at = job->next;
		if (!*at)
			j->last = at;
		job->state = DONE;
	}
	while (job->state == RUNNING)
		pthread_cond_wait(&j->progress, &j->lock);
	pthread_mutex_unlock(&j->lock);
}

int cw_jobs_next(struct cw_jobs *j, struct cw_job *job, struct cw_event **ret_event,
		 struct cw_trace_policy *ret_policy)
{
	int r;

	if (!job->taken)
		take_over(j, job);
	if (job->taken < job->n) {
		*ret_event = &job->event[job->taken++];
		return 1;
	}
	job->taken = EVENTS_MAX; /* the table is used up; from now on its first entry serves */
	if (job->ended)
		return job->error;
	r = next_event(job, job->event, ret_policy);
	job->ended = r <= 0;
	job->error = r < 0 ? r : 0;
	*ret_event = job->event;
	return r;
}

void cw_jobs_done(struct cw_jobs *j, struct cw_job *job)
{
	take_over(j, job);
	cw_policy_free(job->policy);
	job->policy = NULL;
	job->next = j->free;
	j->free = job;
	j->given--;
}

const struct cw_trace_block_head *cw_job_head(const struct cw_job *job)
{
	return &job->head;
}

bool cw_job_is_raw(const struct cw_job *job)
{
	return job->rules.raw;
}

uint64_t cw_job_unknown(const struct cw_job *job)
{
	return cw_trace_decoder_unknown(job->decoder) - job->before;
}
