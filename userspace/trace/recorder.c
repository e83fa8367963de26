// SPDX-License-Identifier: Apache-2.0
/*
 * A ring of POOL blocks: `first` is the oldest, `ready` of them wait to be written, and the one
 * behind those, if any is left, is being filled. The caller fills under the lock; the thread closes
 * the block being filled when it is old or urgent, and reads closed blocks without the lock.
 *
 * A block that is closed because it is full is synced with one that is closed for its age or for a
 * flag, and no later than it would have been closed for its age.
 *
 * Only the thread touches the file. A failed write is tried again where it stopped; what is in the
 * file always is whole blocks and at most one that is torn.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "trace/block.h"
#include "trace/keys.h"
#include "base/caps.h"
#include "trace/hold.h"
#include "trace/recorder.h"
#include "trace/segments.h"
#include "trace/zip.h"

#define POOL	      6u
#define FLUSH_NS      (CW_NSEC_PER_SEC / 2)
#define URGENT_NS     (CW_NSEC_PER_SEC / 50) /* between two syncs, in a flood of flags */
#define SEAL_NS	      (60 * CW_NSEC_PER_SEC)
#define SEAL_BLOCKS   256u
#define RETRY_NS      (CW_NSEC_PER_SEC / 5)
#define GRACE_MS      200
#define INDEX_ENTRY   48u
#define DROPPED_MAX   16u
#define BLOCK_ROOM    (192u << 10) /* by which a file may be too large: a block, index, seal */
#define HOLD_FLUSH_NS (5 * CW_NSEC_PER_SEC) /* in memory; nobody waits for it on the disk */

struct cw_recorder {
	pthread_t thread;

	/* Of the thread alone. */
	int fd;
	uint64_t offset, sequence, events;
	uint8_t chain[CW_TRACE_HASH];
	struct cw_zip *zip;
	struct cw_buf out;
	struct cw_trace_keys *keys; /* NULL: no seals */
	uint32_t unsealed;	    /* blocks */
	uint64_t unsealed_since, synced_at;
	uint64_t index_at, seal_at; /* offsets of the last ones; 0: none */
	struct cw_trace_block_head index_head;
	uint32_t n_index;
	uint8_t index[CW_TRACE_INDEX_ENTRIES * INDEX_ENTRY];
	struct cw_recorder_config config; /* what it points to is the recorder's */
	struct cw_trace_policy_copy *in_force; /* the last that was written; NULL: none */
	bool carry;			       /* to be written before the next block */
	uint64_t begun_ns;		       /* the file */
	struct cw_trace_hold hold;	       /* in use if config.keep_ns */

	struct cw_trace_interner *interner; /* of the caller alone, under the lock */

	pthread_mutex_t lock; /* for all below */
	pthread_cond_t wake, ended, written;
	struct cw_trace_block pool[POOL];
	struct cw_trace_policy_copy *policy[POOL]; /* the last in each block; NULL: none */
	struct due {
		uint64_t begun_at;
		bool sync; /* as soon as it is written */
	} due[POOL];
	unsigned int first, ready;
	bool begun;	     /* the block being filled was reset */
	uint64_t begun_at;   /* and when something came into it; 0: nothing */
	uint64_t unsynced;   /* begun_at of the first block that is written only; 0: none */
	uint64_t unsynced_events;
	bool urgent;
	bool flagged;	      /* the next block is to say so: that of the event is closed */
	bool write_out;	      /* what is held goes to the file */
	bool writing_out;     /* right now */
	uint64_t block, last; /* numbers of the block being filled, and of the last event's */
	struct cw_recorder_loss loss, short_of;
	struct cw_trace_dropped dropped[DROPPED_MAX];
	unsigned int n_dropped;
	bool told; /* there is one of the last three; read without the lock, too */
	int error; /* written under the lock, read without */
	bool stop, finished, abandoned;
	uint64_t deadline;
};

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * CW_NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* With the lock held; until then at the latest. */
static void wait_until(struct cw_recorder *r, uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / CW_NSEC_PER_SEC),
			      .tv_nsec = (long)(ns % CW_NSEC_PER_SEC) };

	pthread_cond_timedwait(&r->wake, &r->lock, &t);
}

/* ---- the file ---- */

static void set_error(struct cw_recorder *r, int error)
{
	__atomic_store_n(&r->error, error, __ATOMIC_RELAXED);
}

/* After a failure: a while. False: the time of close is over. */
static bool may_retry(struct cw_recorder *r, int error)
{
	uint64_t until = now_ns() + RETRY_NS;
	bool again;

	pthread_mutex_lock(&r->lock);
	set_error(r, error);
	while (now_ns() < until && !(r->stop && now_ns() >= r->deadline))
		wait_until(r, r->stop && r->deadline < until ? r->deadline : until);
	again = !(r->stop && now_ns() >= r->deadline);
	pthread_mutex_unlock(&r->lock);
	return again;
}

static int write_all(struct cw_recorder *r, const void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(r->fd, (const char *)data + done, len - done,
				   (off_t)(r->offset + done));

		if (n > 0)
			done += (size_t)n;
		else if ((!n || errno != EINTR) && !may_retry(r, n ? -errno : -EIO))
			return r->error;
	}
	r->offset += len;
	return 0;
}

static int sync_file(struct cw_recorder *r)
{
	while (fdatasync(r->fd))
		if (errno != EINTR && !may_retry(r, -errno))
			return r->error;
	if (r->error)
		set_error(r, 0);
	return 0;
}

static int room_in_out(struct cw_recorder *r, size_t len)
{
	cw_buf_reset(&r->out);
	if (r->out.cap > len)
		return 0;
	cw_buf_free(&r->out);
	r->out.data = malloc(len + 1);
	if (!r->out.data)
		return -ENOMEM;
	r->out.cap = len + 1;
	return 0;
}

/* The compressed content to r->out, behind room for the header. */
static int pack(struct cw_recorder *r, struct cw_trace_block_head *h, const void *raw, size_t len)
{
	size_t bound = cw_zip_bound(r->zip, len), n;

	if (room_in_out(r, CW_TRACE_BLOCK_SIZE + bound))
		return -ENOMEM;
	n = cw_zip_pack(r->zip, raw, len, r->out.data + CW_TRACE_BLOCK_SIZE, bound);
	if (!n)
		return -EIO;
	h->raw = (uint32_t)len;
	h->packed = (uint32_t)n;
	return 0;
}

/* The header of what was packed, and the chain on to it; then both to the file. */
static int put_block(struct cw_recorder *r, struct cw_trace_block_head *h)
{
	uint8_t head[CW_TRACE_BLOCK_SIZE] = { 0 };
	uint64_t before = r->offset;
	int e;

	h->sequence = r->sequence + 1;
	h->offset = r->offset;
	h->crc = cw_zip_crc(r->out.data + sizeof(head), h->packed);
	memcpy(h->previous, r->chain, sizeof(h->previous));
	cw_trace_block_head_put(h, head);
	memcpy(r->out.data, head, sizeof(head));
	r->out.len = sizeof(head) + h->packed;
	e = write_all(r, r->out.data, r->out.len);
	if (!e && EVP_Digest(r->out.data, r->out.len, r->chain, NULL, EVP_sha256(), NULL) != 1)
		e = -EIO;
	if (e) {
		r->offset = before;
		return e;
	}
	r->sequence++;
	if (!r->unsealed++)
		r->unsealed_since = now_ns();
	return 0;
}

static int pack_patiently(struct cw_recorder *r, struct cw_trace_block_head *h, const void *raw,
			  size_t len)
{
	int e;

	while ((e = pack(r, h, raw, len)) == -ENOMEM && may_retry(r, e))
		;
	return e;
}

static int write_block(struct cw_recorder *r, struct cw_trace_block_head *h, const void *raw,
		       size_t len)
{
	int e = pack_patiently(r, h, raw, len);

	return e ? e : put_block(r, h);
}

static int write_index(struct cw_recorder *r)
{
	uint64_t at = r->offset;
	int e;

	if (!r->n_index)
		return 0;
	r->index_head.type = CW_TRACE_BLOCK_INDEX;
	r->index_head.seq_first = r->index_at;
	e = write_block(r, &r->index_head, r->index, (size_t)r->n_index * INDEX_ENTRY);
	if (e)
		return e;
	r->index_at = at;
	r->n_index = 0;
	memset(&r->index_head, 0, sizeof(r->index_head));
	return 0;
}

static int add_index(struct cw_recorder *r, const struct cw_trace_block_head *h)
{
	struct cw_trace_block_head *all = &r->index_head;
	uint8_t *p = r->index + (size_t)r->n_index * INDEX_ENTRY;

	cw_put_le(p, h->offset, 8);
	cw_put_le(p + 8, h->boot_min, 8);
	cw_put_le(p + 16, h->boot_max, 8);
	cw_put_le(p + 24, h->wall_min, 8);
	cw_put_le(p + 32, h->wall_max, 8);
	cw_put_le(p + 40, h->events, 4);
	cw_put_le(p + 44, h->flags, 4);
	if (!r->n_index || h->boot_min < all->boot_min)
		all->boot_min = h->boot_min;
	if (!r->n_index || h->boot_max > all->boot_max)
		all->boot_max = h->boot_max;
	if (!r->n_index || h->wall_min < all->wall_min)
		all->wall_min = h->wall_min;
	if (!r->n_index || h->wall_max > all->wall_max)
		all->wall_max = h->wall_max;
	all->flags |= h->flags;
	return ++r->n_index == CW_TRACE_INDEX_ENTRIES ? write_index(r) : 0;
}

static struct cw_trace_block_head head_of(const struct cw_trace_block *b)
{
	struct cw_trace_block_head h = {
		.type = CW_TRACE_BLOCK_EVENTS, .boot_min = b->boot_min, .boot_max = b->boot_max,
		.wall_min = b->wall_min, .wall_max = b->wall_max, .events = b->events,
		.seq_first = b->seq_first, .seq_last = b->seq_last, .flags = b->flags,
	};

	if (!b->events) { /* a policy alone: of this moment */
		h.boot_min = h.boot_max = clock_ns(CLOCK_BOOTTIME);
		h.wall_min = h.wall_max = clock_ns(CLOCK_REALTIME);
	}
	return h;
}

static int put_events(struct cw_recorder *r, struct cw_trace_block_head *h)
{
	int e = put_block(r, h);

	if (e)
		return e;
	r->events += h->events;
	return add_index(r, h);
}

/* The policy that is in force, where the one that said so is in another file or nowhere. */
static int carry_policy(struct cw_recorder *r)
{
	const struct cw_trace_policy_copy *p = r->in_force;
	struct cw_trace_block b = { 0 };
	struct cw_trace_block_head h;
	int e;

	if (!r->carry || !p) {
		r->carry = false;
		return 0;
	}
	while ((e = cw_trace_block_add_policy(&b, CW_TRACE_POLICY_CARRIED, p->name, p->text,
					      p->len)) == -ENOMEM && may_retry(r, e))
		;
	if (!e) {
		h = head_of(&b);
		e = pack_patiently(r, &h, b.raw.data, b.raw.len);
	}
	if (!e)
		e = put_events(r, &h);
	cw_buf_free(&b.raw);
	r->carry = r->carry && e;
	return e;
}

static void set_in_force(struct cw_recorder *r, struct cw_trace_policy_copy *policy)
{
	if (!policy)
		return;
	free(r->in_force);
	r->in_force = policy;
}

static int write_events(struct cw_recorder *r, const struct cw_trace_block *b)
{
	struct cw_trace_block_head h = head_of(b);
	int e = carry_policy(r);

	if (!e)
		e = pack_patiently(r, &h, b->raw.data, b->raw.len);
	return e ? e : put_events(r, &h);
}

static int write_seal(struct cw_recorder *r, bool last)
{
	struct cw_trace_seal s = {
		.flags = last ? CW_TRACE_SEAL_LAST : 0, .sequence = r->sequence,
		.offset = r->offset, .boot_ns = clock_ns(CLOCK_BOOTTIME),
		.wall_ns = clock_ns(CLOCK_REALTIME), .events = r->events,
	};
	struct cw_trace_block_head h = {
		.type = CW_TRACE_BLOCK_SEAL, .boot_min = s.boot_ns, .boot_max = s.boot_ns,
		.wall_min = s.wall_ns, .wall_max = s.wall_ns,
	};
	uint8_t t[CW_TRACE_SEAL_SIZE];
	uint64_t at = r->offset;
	int e;

	if (!r->keys)
		return 0;
	memcpy(s.hash, r->chain, sizeof(s.hash));
	e = cw_trace_keys_seal(r->keys, &s);
	if (e)
		return e;
	cw_trace_seal_put(&s, t);
	e = write_block(r, &h, t, sizeof(t));
	if (e)
		return e;
	r->unsealed = 0;
	r->seal_at = at;
	return 0;
}

static int write_end(struct cw_recorder *r)
{
	struct cw_trace_footer f;
	uint8_t t[CW_TRACE_FOOTER_SIZE];
	int e = write_index(r);

	if (!e)
		e = write_seal(r, true);
	if (e)
		return e;
	f = (struct cw_trace_footer){ .index = r->index_at, .seal = r->seal_at };
	cw_trace_footer_put(&f, t);
	e = write_all(r, t, sizeof(t));
	return e ? e : sync_file(r);
}

/* ---- memory instead of the file ---- */

static int hold_events(struct cw_recorder *r, const struct cw_trace_block *b,
		       struct cw_trace_policy_copy **policy)
{
	struct cw_trace_block_head h = head_of(b);
	int e = pack_patiently(r, &h, b->raw.data, b->raw.len);

	if (e)
		return e;
	cw_trace_hold_age(&r->hold, clock_ns(CLOCK_BOOTTIME));
	e = cw_trace_hold_add(&r->hold, &h, r->out.data + CW_TRACE_BLOCK_SIZE, *policy);
	*policy = NULL;
	return e;
}

/* All that is held goes to the file, and is forgotten. */
static int write_held(struct cw_recorder *r)
{
	struct cw_trace_held *b;
	int e = 0;

	cw_trace_hold_age(&r->hold, clock_ns(CLOCK_BOOTTIME));
	if (r->hold.policy) {
		set_in_force(r, r->hold.policy);
		r->hold.policy = NULL;
		r->carry = true;
	}
	while (!e && (b = cw_trace_hold_take(&r->hold))) {
		e = carry_policy(r);
		if (!e)
			e = room_in_out(r, CW_TRACE_BLOCK_SIZE + b->head.packed);
		if (!e) {
			memcpy(r->out.data + CW_TRACE_BLOCK_SIZE, b->payload, b->head.packed);
			e = put_events(r, &b->head);
		}
		set_in_force(r, b->policy);
		b->policy = NULL;
		cw_trace_held_free(b);
	}
	return e;
}

/* ---- several files ---- */

static int open_file(struct cw_recorder *r, const uint8_t *last, bool sealed, struct cw_buf *notes);

/* With the lock held. */
static void note_told(struct cw_recorder *r)
{
	__atomic_store_n(&r->told, r->n_dropped || r->short_of.events, __ATOMIC_RELAXED);
}

static void on_dropped(void *ctx, const struct cw_trace_dropped *d)
{
	struct cw_recorder *r = ctx;
	struct cw_trace_dropped *last;

	pthread_mutex_lock(&r->lock);
	if (r->n_dropped < DROPPED_MAX) {
		r->dropped[r->n_dropped] = *d;
		r->n_dropped++;
	} else { /* more at once than there is room: told together */
		last = &r->dropped[DROPPED_MAX - 1];
		last->events += d->events;
		last->soon = last->soon && d->soon;
		last->from_ns = d->from_ns < last->from_ns ? d->from_ns : last->from_ns;
		last->to_ns = d->to_ns > last->to_ns ? d->to_ns : last->to_ns;
		snprintf(last->name, sizeof(last->name), "%s", d->name);
		memcpy(last->last, d->last, sizeof(last->last));
	}
	note_told(r);
	pthread_mutex_unlock(&r->lock);
}

static int keep_budget(struct cw_recorder *r)
{
	return r->config.budget ? cw_trace_keep_budget(r->config.path,
						       r->config.segment_bytes + BLOCK_ROOM,
						       r->config.budget, on_dropped, r) : 0;
}

/* Not at the end, when nobody would tell of what has to go for it. */
static bool segment_is_due(struct cw_recorder *r)
{
	bool stop;

	pthread_mutex_lock(&r->lock);
	stop = r->stop;
	pthread_mutex_unlock(&r->lock);
	return !stop && r->events &&
	       ((r->config.segment_bytes && r->offset >= r->config.segment_bytes) ||
		(r->config.segment_age_ns && now_ns() >= r->begun_ns + r->config.segment_age_ns));
}

/* Without the lock. Ends the present file and begins the next, as often as it takes. */
static int next_segment(struct cw_recorder *r)
{
	uint8_t last[CW_TRACE_HASH];
	bool sealed = r->keys;
	int e = write_end(r);

	if (e)
		return e;
	memcpy(last, r->chain, sizeof(last));
	cw_trace_keys_free(r->keys);
	r->keys = NULL;
	r->config.boot_ns = r->config.wall_ns = 0;
	do {
		cw_closep(&r->fd);
		r->fd = -1;
		e = open_file(r, last, sealed, NULL);
	} while (e && may_retry(r, e));
	r->carry = true;
	if (!e)
		e = carry_policy(r);
	if (!e)
		e = sync_file(r);
	if (!e)
		keep_budget(r); /* if it fails, the next time */
	return e;
}

/* ---- the thread ---- */

/* The block being filled waits to be written from now on. With the lock held. */
static void close_block(struct cw_recorder *r, bool sync)
{
	unsigned int i = (r->first + r->ready) % POOL;

	if (r->flagged)
		r->pool[i].flags |= CW_TRACE_HAS_FLAG;
	r->due[i] = (struct due){ r->begun_at, sync || r->urgent };
	r->flagged = r->urgent = false;
	r->block++;
	r->ready++;
	r->begun = false;
	r->begun_at = 0;
}

static void recorder_free(struct cw_recorder *r)
{
	for (unsigned int i = 0; i < POOL; i++) {
		cw_buf_free(&r->pool[i].raw);
		free(r->policy[i]);
	}
	cw_trace_hold_free(&r->hold);
	free(r->in_force);
	free((char *)(uintptr_t)r->config.path);
	free((char *)(uintptr_t)r->config.keys);
	free((char *)(uintptr_t)r->config.boot_id);
	free((char *)(uintptr_t)r->config.hub);
	free((char *)(uintptr_t)r->config.version);
	free(r->interner);
	cw_buf_free(&r->out);
	cw_trace_keys_free(r->keys);
	cw_zip_free(r->zip);
	cw_closep(&r->fd);
	pthread_cond_destroy(&r->wake);
	pthread_cond_destroy(&r->ended);
	pthread_cond_destroy(&r->written);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static bool seal_is_due(const struct cw_recorder *r)
{
	return r->keys && r->unsealed &&
	       (r->unsealed >= SEAL_BLOCKS || now_ns() >= r->unsealed_since + SEAL_NS);
}

/* When the block being filled has to be written; UINT64_MAX: there is nothing in it. */
static uint64_t flush_time(const struct cw_recorder *r)
{
	if (!r->begun_at)
		return UINT64_MAX;
	if (r->stop)
		return 0;
	if (r->urgent)
		return r->synced_at + URGENT_NS;
	if (!r->config.keep_ns)
		return r->begun_at + FLUSH_NS;
	return r->begun_at + (r->config.keep_ns / 4 < HOLD_FLUSH_NS ? r->config.keep_ns / 4 :
								      HOLD_FLUSH_NS);
}

/* Something that was taken is not on the disk yet. With the lock held. */
static bool is_pending(const struct cw_recorder *r)
{
	return r->ready || r->begun_at || r->unsynced;
}

/* With the lock held. */
static bool sync_is_due(const struct cw_recorder *r)
{
	if (!r->unsynced)
		return false;
	return (r->urgent && !r->ready && !r->begun_at) || now_ns() >= r->unsynced + FLUSH_NS;
}

static void wait_for_work(struct cw_recorder *r)
{
	uint64_t until = flush_time(r);

	if (r->unsynced && r->unsynced + FLUSH_NS < until)
		until = r->unsynced + FLUSH_NS;
	if (r->keys && r->unsealed && r->unsealed_since + SEAL_NS < until)
		until = r->unsealed_since + SEAL_NS;
	if (until == UINT64_MAX)
		pthread_cond_wait(&r->wake, &r->lock);
	else
		wait_until(r, until);
}

/* With the lock held again after a sync. */
static void note_synced(struct cw_recorder *r)
{
	r->unsynced = r->unsynced_events = 0;
	r->synced_at = now_ns();
}

/* As write_oldest(), for what is written. */
static int sync_now(struct cw_recorder *r)
{
	int e;

	pthread_mutex_unlock(&r->lock);
	e = sync_file(r);
	pthread_mutex_lock(&r->lock);
	if (!e)
		note_synced(r);
	pthread_cond_signal(&r->written);
	return e;
}

/* One block. Called and returns with the lock held, and lets go of it in between. */
static int write_oldest(struct cw_recorder *r)
{
	struct cw_trace_block *b = &r->pool[r->first];
	struct cw_trace_policy_copy *policy = r->policy[r->first];
	struct due due = r->due[r->first];
	bool synced = due.sync || r->config.keep_ns;
	int e;

	r->policy[r->first] = NULL;
	pthread_mutex_unlock(&r->lock);
	if (r->config.keep_ns) {
		e = hold_events(r, b, &policy);
	} else {
		e = write_events(r, b);
		if (!e && due.sync)
			e = sync_file(r);
		set_in_force(r, policy);
		policy = NULL;
		if (!e && segment_is_due(r)) {
			e = next_segment(r);
			synced = true;
		}
	}
	free(policy);
	pthread_mutex_lock(&r->lock);
	if (!e) {
		if (!r->unsynced)
			r->unsynced = due.begun_at;
		r->unsynced_events += b->events;
		if (synced)
			note_synced(r);
		r->first = (r->first + 1) % POOL;
		r->ready--;
	}
	pthread_cond_signal(&r->written);
	return e;
}

/* As write_oldest(), for what is held. */
static int write_out(struct cw_recorder *r)
{
	struct cw_recorder_loss shortage = { 0 };
	int e;

	r->write_out = false;
	r->writing_out = true;
	pthread_mutex_unlock(&r->lock);
	e = write_held(r);
	if (!e)
		e = sync_file(r);
	if (!e && segment_is_due(r))
		e = next_segment(r);
	shortage.events = r->hold.short_events;
	shortage.from_ns = r->hold.short_from;
	shortage.to_ns = r->hold.short_to;
	r->hold.short_events = 0;
	pthread_mutex_lock(&r->lock);
	if (shortage.events) {
		shortage.events += r->short_of.events;
		if (r->short_of.events)
			shortage.from_ns = r->short_of.from_ns;
		r->short_of = shortage;
		note_told(r);
	}
	if (!e)
		note_synced(r);
	r->writing_out = false;
	pthread_cond_signal(&r->written);
	return e;
}

static int seal_now(struct cw_recorder *r, bool last)
{
	int e;

	pthread_mutex_unlock(&r->lock);
	e = last ? write_end(r) : write_seal(r, false);
	if (!e)
		e = sync_file(r);
	pthread_mutex_lock(&r->lock);
	if (!e)
		note_synced(r);
	return e;
}

static void work(struct cw_recorder *r)
{
	int e = 0;

	/* An error comes back only when the time of close is over. */
	while (!e) {
		r->urgent = r->urgent && is_pending(r);
		if (r->ready < POOL && now_ns() >= flush_time(r))
			close_block(r, true);
		if (sync_is_due(r))
			e = sync_now(r);
		else if (r->ready)
			e = write_oldest(r);
		else if (r->write_out && !r->urgent)
			e = write_out(r);
		else if (r->stop)
			break;
		else if (seal_is_due(r))
			e = seal_now(r, false);
		else
			wait_for_work(r);
	}
	if (!e)
		e = seal_now(r, true);
	if (e) {
		set_error(r, e);
		/* No half block stays, if that can be had. */
		(void)!ftruncate(r->fd, (off_t)r->offset);
	}
}

static void *run(void *arg)
{
	struct cw_recorder *r = arg;
	bool abandoned;

	cw_caps_keep(0); /* an open file needs none */
	pthread_mutex_lock(&r->lock);
	work(r);
	r->finished = true;
	abandoned = r->abandoned;
	pthread_cond_signal(&r->ended);
	pthread_mutex_unlock(&r->lock);
	if (abandoned)
		recorder_free(r);
	return NULL;
}

/* ---- opening ---- */

static int start_thread(struct cw_recorder *r)
{
	sigset_t all, before;
	int e;

	sigfillset(&all); /* signals are the caller's business, and SIGXFSZ must be an error */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	e = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (e)
		return -e;
	pthread_setname_np(r->thread, "cw-recorder");
	return 0;
}

static void init_locks(struct cw_recorder *r)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->wake, &attr);
	pthread_cond_init(&r->ended, &attr);
	pthread_cond_init(&r->written, &attr);
	pthread_condattr_destroy(&attr);
}

static int write_head(struct cw_recorder *r, const uint8_t previous[CW_TRACE_HASH])
{
	const struct cw_recorder_config *c = &r->config;
	struct cw_trace_head h = { .major = CW_TRACE_MAJOR, .minor = CW_TRACE_MINOR,
				   .flags = c->keep_ns ? CW_TRACE_IS_KEPT : 0,
				   .wall_ns = c->wall_ns ? c->wall_ns :
							   clock_ns(CLOCK_REALTIME),
				   .boot_ns = c->boot_ns ? c->boot_ns :
							   clock_ns(CLOCK_BOOTTIME) };
	struct cw_trace_block_head keys = { .type = CW_TRACE_BLOCK_KEYS,
					    .boot_min = h.boot_ns, .boot_max = h.boot_ns,
					    .wall_min = h.wall_ns, .wall_max = h.wall_ns };
	uint8_t t[CW_TRACE_HEAD_SIZE];
	const uint8_t *links;
	size_t len;
	int e;

	snprintf(h.boot_id, sizeof(h.boot_id), "%s", c->boot_id ? c->boot_id : "");
	snprintf(h.hub, sizeof(h.hub), "%s", c->hub ? c->hub : "");
	snprintf(h.version, sizeof(h.version), "%s", c->version ? c->version : "");
	memcpy(h.previous, previous, sizeof(h.previous));
	if (RAND_bytes(h.id, sizeof(h.id)) != 1)
		return -EIO;
	cw_trace_head_put(&h, t);
	if (EVP_Digest(t, sizeof(t), r->chain, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	e = write_all(r, t, sizeof(t));
	if (e || !r->keys)
		return e;
	links = cw_trace_keys_links(r->keys, &len);
	return write_block(r, &keys, links, len);
}

/* A file of its own that has nothing yet: it gets the name when it can be read. */
static int begin_file(struct cw_recorder *r, const char *fresh)
{
	if (unlink(fresh) && errno != ENOENT)
		return -errno;
	r->fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (r->fd < 0)
		return -errno;
	r->offset = r->sequence = r->events = r->index_at = r->seal_at = 0;
	r->unsealed = r->n_index = 0;
	memset(&r->index_head, 0, sizeof(r->index_head));
	r->begun_ns = now_ns();
	return 0;
}

/*
 * `last`: what the file names as the block before it; NULL: that of the file that is there.
 * `sealed`: without keys there is no file.
 */
static int open_file(struct cw_recorder *r, const uint8_t *last, bool sealed, struct cw_buf *notes)
{
	const struct cw_recorder_config *c = &r->config;
	uint8_t previous[CW_TRACE_HASH] = { 0 };
	cw_auto_free char *fresh = cw_trace_fresh_name(c->path);
	int e = fresh ? 0 : -ENOMEM;

	if (last)
		memcpy(previous, last, sizeof(previous));
	else if (!e)
		e = cw_trace_last_of(c->path, fresh, previous);
	if (!e)
		e = begin_file(r, fresh);
	if (!e && c->keys && !r->keys) {
		e = cw_trace_keys_open(c->keys, &r->keys);
		if (e && notes)
			cw_buf_printf(notes, "%s: no keys can be had there: %s; the trace is "
				      "chained but not sealed\n", c->keys, strerror(-e));
		e = sealed ? e : 0;
	}
	if (!e)
		e = write_head(r, previous);
	if (!e)
		e = sync_file(r);
	return e ? e : cw_trace_put_in_place(c->path, fresh, notes);
}

static const char *copy(const char *s, bool *failed)
{
	char *t = s ? strdup(s) : NULL;

	*failed = *failed || (s && !t);
	return t;
}

static int take_config(struct cw_recorder *r, const struct cw_recorder_config *c)
{
	bool failed = false;

	r->config = *c;
	r->config.path = copy(c->path, &failed);
	r->config.keys = copy(c->keys, &failed);
	r->config.boot_id = copy(c->boot_id, &failed);
	r->config.hub = copy(c->hub, &failed);
	r->config.version = copy(c->version, &failed);
	r->hold.age_ns = c->keep_ns;
	r->hold.bytes_max = c->keep_bytes ? c->keep_bytes : CW_TRACE_KEEP_BYTES;
	return failed ? -ENOMEM : 0;
}

int cw_recorder_open(const struct cw_recorder_config *config, struct cw_buf *notes,
		     struct cw_recorder **ret_recorder)
{
	struct cw_recorder *r = calloc(1, sizeof(*r));
	int e = 0;

	if (!r)
		return -ENOMEM;
	r->fd = -1;
	init_locks(r);
	r->interner = calloc(1, sizeof(*r->interner));
	if (!r->interner || cw_zip_new(&r->zip))
		e = -ENOMEM;
	if (!e)
		e = take_config(r, config);
	r->stop = true; /* nothing is tried again here */
	if (!e)
		e = open_file(r, NULL, false, notes);
	r->stop = false;
	if (!e && keep_budget(r))
		cw_buf_printf(notes, "%s: older ones cannot be looked at; the budget does not hold "
			      "for them\n", config->path);
	if (!e)
		e = start_thread(r);
	if (e) {
		recorder_free(r);
		return e;
	}
	*ret_recorder = r;
	return 0;
}

/* ---- the caller ---- */

/* The block to fill; NULL: all wait to be written. With the lock held. */
static struct cw_trace_block *filling(struct cw_recorder *r)
{
	struct cw_trace_block *b;

	if (r->begun && cw_trace_block_is_full(&r->pool[(r->first + r->ready) % POOL])) {
		close_block(r, false);
		pthread_cond_signal(&r->wake);
	}
	if (r->ready == POOL)
		return NULL;
	b = &r->pool[(r->first + r->ready) % POOL];
	if (!r->begun)
		cw_trace_block_reset(b, r->interner);
	r->begun = true;
	return b;
}

static void note_content(struct cw_recorder *r)
{
	if (r->begun_at)
		return;
	r->begun_at = now_ns();
	pthread_cond_signal(&r->wake);
}

static int add_event(struct cw_recorder *r, const struct cw_event *e)
{
	struct cw_trace_block *b = filling(r);
	int error = b ? cw_trace_block_add_event(b, r->interner, e) : -ENOSPC;

	if (error && b && b->raw.len) {
		/* Large as it is, it may fit into a block of its own. */
		close_block(r, false);
		pthread_cond_signal(&r->wake);
		b = filling(r);
		error = b ? cw_trace_block_add_event(b, r->interner, e) : -ENOSPC;
	}
	if (error && b)
		r->begun = false; /* what it interned is void */
	return error;
}

bool cw_recorder_event(struct cw_recorder *r, const struct cw_event *e)
{
	bool taken;

	pthread_mutex_lock(&r->lock);
	taken = !add_event(r, e);
	if (taken) {
		r->last = r->block;
		note_content(r);
	} else {
		if (!r->loss.events++)
			r->loss.from_ns = e->boot_ns;
		r->loss.to_ns = e->boot_ns;
		r->loss.error = r->error;
	}
	pthread_mutex_unlock(&r->lock);
	return taken;
}

bool cw_recorder_policy(struct cw_recorder *r, bool reload, const char *name, const char *text,
			size_t len)
{
	enum cw_trace_policy_how how = reload ? CW_TRACE_POLICY_RELOAD : CW_TRACE_POLICY_START;
	struct cw_trace_policy_copy *own = cw_trace_policy_copy(how, name, text, len), **slot;
	struct cw_trace_block *b;
	int error = own ? -ENOSPC : -ENOMEM;

	pthread_mutex_lock(&r->lock);
	b = own ? filling(r) : NULL;
	if (b)
		error = cw_trace_block_add_policy(b, how, name, text, len);
	if (!error) {
		slot = &r->policy[b - r->pool];
		free(*slot);
		*slot = own;
		own = NULL;
		note_content(r);
	}
	pthread_mutex_unlock(&r->lock);
	free(own);
	return !error;
}

void cw_recorder_urgent(struct cw_recorder *r, bool flagged)
{
	pthread_mutex_lock(&r->lock);
	r->urgent = is_pending(r);
	r->write_out = r->config.keep_ns;
	/* If the event's block is closed already, the next one says it: one too many, if any. */
	if (flagged && r->last == r->block && r->begun)
		r->pool[(r->first + r->ready) % POOL].flags |= CW_TRACE_HAS_FLAG;
	else if (flagged)
		r->flagged = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

void cw_recorder_flush(struct cw_recorder *r, unsigned int timeout_ms)
{
	uint64_t end = now_ns() + timeout_ms * 1000000ULL;
	struct timespec t = { .tv_sec = (time_t)(end / CW_NSEC_PER_SEC),
			      .tv_nsec = (long)(end % CW_NSEC_PER_SEC) };
	int e = 0;

	pthread_mutex_lock(&r->lock);
	r->urgent = is_pending(r);
	r->write_out = r->config.keep_ns;
	r->synced_at = 0; /* not after a pause, as in a flood */
	pthread_cond_signal(&r->wake);
	while ((is_pending(r) || r->write_out || r->writing_out) && !r->error && !e)
		e = pthread_cond_timedwait(&r->written, &r->lock, &t);
	pthread_mutex_unlock(&r->lock);
}

bool cw_recorder_take_loss(struct cw_recorder *r, struct cw_recorder_loss *ret_loss)
{
	bool taken;

	pthread_mutex_lock(&r->lock);
	taken = r->loss.events && r->ready + 1 < POOL;
	if (taken) {
		*ret_loss = r->loss;
		memset(&r->loss, 0, sizeof(r->loss));
	}
	pthread_mutex_unlock(&r->lock);
	return taken;
}

bool cw_recorder_take_dropped(struct cw_recorder *r, struct cw_trace_dropped *ret_dropped)
{
	bool taken;

	pthread_mutex_lock(&r->lock);
	taken = r->n_dropped;
	if (taken) {
		*ret_dropped = r->dropped[0];
		memmove(r->dropped, r->dropped + 1, (r->n_dropped - 1) * sizeof(*r->dropped));
		r->n_dropped--;
		note_told(r);
	}
	pthread_mutex_unlock(&r->lock);
	return taken;
}

bool cw_recorder_take_short(struct cw_recorder *r, struct cw_recorder_loss *ret_loss)
{
	bool taken;

	pthread_mutex_lock(&r->lock);
	taken = r->short_of.events;
	if (taken) {
		*ret_loss = r->short_of;
		memset(&r->short_of, 0, sizeof(r->short_of));
		note_told(r);
	}
	pthread_mutex_unlock(&r->lock);
	return taken;
}

/* Only the caller's own calls change the loss. */
bool cw_recorder_has_loss(const struct cw_recorder *r)
{
	return r->loss.events || __atomic_load_n(&r->told, __ATOMIC_RELAXED);
}

int cw_recorder_error(const struct cw_recorder *r)
{
	return __atomic_load_n(&r->error, __ATOMIC_RELAXED);
}

/* Events that were taken and not written. With the lock held. */
static uint64_t count_waiting(const struct cw_recorder *r)
{
	uint64_t events = r->loss.events + r->unsynced_events;

	for (unsigned int i = 0; i < r->ready; i++)
		events += r->pool[(r->first + i) % POOL].events;
	if (r->begun_at)
		events += r->pool[(r->first + r->ready) % POOL].events;
	return events;
}

uint64_t cw_recorder_close(struct cw_recorder *r, unsigned int timeout_ms)
{
	uint64_t end, lost;
	struct timespec t;
	bool finished;
	int e = 0;

	if (!r)
		return 0;
	pthread_mutex_lock(&r->lock);
	r->deadline = now_ns() + timeout_ms * 1000000ULL;
	r->stop = true;
	pthread_cond_signal(&r->wake);
	end = r->deadline + GRACE_MS * 1000000ULL;
	t = (struct timespec){ .tv_sec = (time_t)(end / CW_NSEC_PER_SEC),
			       .tv_nsec = (long)(end % CW_NSEC_PER_SEC) };
	while (!r->finished && !e)
		e = pthread_cond_timedwait(&r->ended, &r->lock, &t);
	finished = r->finished;
	r->abandoned = !finished;
	if (!finished) /* before the unlock, after which the thread may free */
		pthread_detach(r->thread);
	lost = count_waiting(r);
	pthread_mutex_unlock(&r->lock);
	if (finished) {
		pthread_join(r->thread, NULL);
		recorder_free(r);
	}
	return lost;
}
