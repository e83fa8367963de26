// SPDX-License-Identifier: Apache-2.0
/*
 * The queue is a ring of entries, {length, boot_ns} and the bytes. The caller appends at its end
 * and the thread writes from its head; the head moves only after the write, so the thread reads the
 * bytes without the lock and a failed write loses nothing.
 *
 * The thread must not sleep in write(2), or close could hang: it waits with poll(2) for whatever is
 * not a file, and then writes at most PIPE_BUF bytes, which a pipe that is writable takes at once.
 * (Another writer to the same pipe can get between the two; then close leaves the thread behind.)
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "base/caps.h"
#include "sink/writer.h"

#define RETRY_MS     200
#define AGAIN_MS     10 /* poll(2) said writable and write(2) EAGAIN: do not spin */
#define PATIENCE_MS  100 /* the caller's, for a queue that is full */
#define GRACE_MS     100 /* for the thread to notice that the time of close is over */
#define LOSS_ROOM    8192
#define ROOM_MIN     256
#define BATCH_IOV    64
#define BATCH_BYTES  (256 * 1024)

struct entry {
	uint64_t len;
	uint64_t boot_ns;
};

_Static_assert(sizeof(struct entry) == 16, "writer.h tells the size");

struct target {
	int fd; /* -1: none */
	bool file; /* regular: never waits, takes any length */
	bool terminal;
	bool torn; /* ends within a line that is not ours */
};

struct cw_writer {
	char *path; /* NULL: standard output */
	size_t room;
	pthread_t thread;
	int wake_fd; /* ends the poll of the thread */

	/* Of the thread alone. */
	struct target out;
	size_t done; /* bytes of the first entry that are written */

	pthread_mutex_t lock; /* for all below */
	pthread_cond_t wake;
	pthread_cond_t ended;
	pthread_cond_t taken; /* room was made */
	bool patient; /* of the caller alone */
	size_t spare; /* the same */
	bool stuck; /* nothing was, for as long as the caller waits */
	size_t head, used;
	struct target next; /* reopened, not yet in use */
	struct cw_writer_loss loss;
	int error; /* written under the lock, read without */
	bool broken; /* the same */
	bool stop, finished, abandoned;
	struct timespec deadline;
	char ring[];
};

static void deadline_in(unsigned int ms, struct timespec *ret_ts)
{
	clock_gettime(CLOCK_MONOTONIC, ret_ts);
	ret_ts->tv_sec += ms / 1000;
	ret_ts->tv_nsec += (long)(ms % 1000) * 1000000;
	if (ret_ts->tv_nsec >= 1000000000) {
		ret_ts->tv_sec++;
		ret_ts->tv_nsec -= 1000000000;
	}
}

/* Milliseconds until then, rounded up; 0: it is over. */
static int ms_left(const struct timespec *deadline)
{
	struct timespec now;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (int64_t)(deadline->tv_sec - now.tv_sec) * 1000000000 + deadline->tv_nsec -
	     now.tv_nsec;
	if (ns <= 0)
		return 0;
	return ns > 3600000000000LL ? 3600000 : (int)((ns + 999999) / 1000000);
}

/* ---- the ring ---- */

static void ring_in(struct cw_writer *w, size_t at, const void *data, size_t len)
{
	size_t pos = at % w->room, first = w->room - pos;

	if (first > len)
		first = len;
	memcpy(w->ring + pos, data, first);
	memcpy(w->ring, (const char *)data + first, len - first);
}

static struct entry ring_entry(const struct cw_writer *w, size_t at)
{
	size_t pos = at % w->room, first = w->room - pos;
	struct entry en;

	if (first > sizeof(en))
		first = sizeof(en);
	memcpy(&en, w->ring + pos, first);
	memcpy((char *)&en + first, w->ring, sizeof(en) - first);
	return en;
}

static void ring_pop(struct cw_writer *w, const struct entry *en)
{
	w->head = (w->head + sizeof(*en) + en->len) % w->room;
	w->used -= sizeof(*en) + en->len;
}

static void count_loss(struct cw_writer *w, uint64_t boot_ns)
{
	/* What a broken pipe takes from the queue is older than what was refused before. */
	if (!w->loss.lines++ || boot_ns < w->loss.from_ns)
		w->loss.from_ns = boot_ns;
	if (boot_ns > w->loss.to_ns)
		w->loss.to_ns = boot_ns;
	w->loss.error = w->error;
}

static void drop_queue(struct cw_writer *w)
{
	while (w->used) {
		struct entry en = ring_entry(w, w->head);

		ring_pop(w, &en);
		count_loss(w, en.boot_ns);
	}
	w->done = 0;
}

/* ---- the descriptor ---- */

/* True if the last byte before where we shall write is not a newline. */
static bool ends_torn(int fd)
{
	cw_auto_close int in = -1;
	char name[64], last;
	struct stat st;
	off_t at;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	at = fcntl(fd, F_GETFL) & O_APPEND ? st.st_size : lseek(fd, 0, SEEK_CUR);
	if (at <= 0)
		return false;
	/* The same inode whatever became of the path; ours is open for writing only. */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	in = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return in >= 0 && pread(in, &last, 1, at - 1) == 1 && last != '\n';
}

static int target_init(int fd, struct target *ret_target)
{
	struct target t = { .fd = fd };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	t.file = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode);
	t.terminal = S_ISCHR(st.st_mode) && isatty(fd);
	*ret_target = t;
	return 0;
}

static int target_open(const char *path, struct target *ret_target)
{
	cw_auto_close int fd = -1;
	int r;

	if (!path)
		return target_init(STDOUT_FILENO, ret_target);
	/* Not blocking: a FIFO without a reader must not hang the agent. */
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	if (fd < 0)
		return -errno;
	r = target_init(fd, ret_target);
	if (!r)
		(void)CW_TAKE_FD(fd);
	return r;
}

static void target_close(const struct cw_writer *w, const struct target *t)
{
	if (w->path && t->fd >= 0)
		close(t->fd);
}

/* ---- the thread ---- */

static void drain_wake(struct cw_writer *w)
{
	uint64_t n;

	while (read(w->wake_fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
}

/* Waits until `fd` (-1: none) takes bytes, something happens or the time is over. True: it does. */
static bool wait_fd(struct cw_writer *w, int fd, int timeout_ms)
{
	struct pollfd p[] = { { .fd = w->wake_fd, .events = POLLIN },
			      { .fd = fd, .events = POLLOUT } };

	if (poll(p, CW_ARRAY_SIZE(p), timeout_ms) <= 0)
		return false;
	if (p[0].revents)
		drain_wake(w);
	return p[1].revents; /* errors too: write(2) names them */
}

/* What to write now: from the head on, at most `max` bytes. `used` is from under the lock. */
static int gather(const struct cw_writer *w, size_t head, size_t used, struct iovec *iov)
{
	size_t left = w->out.file ? BATCH_BYTES : PIPE_BUF;
	size_t done = w->done;
	int n = 0;

	if (w->out.torn) {
		iov[n++] = (struct iovec){ .iov_base = (char *)"\n", .iov_len = 1 };
		left--;
	}
	while (used && left && n + 2 <= BATCH_IOV) {
		struct entry en = ring_entry(w, head);
		size_t pos = (head + sizeof(en) + done) % w->room;
		size_t len = en.len - done < left ? en.len - done : left;
		size_t first = w->room - pos < len ? w->room - pos : len;

		iov[n++] = (struct iovec){ .iov_base = (char *)w->ring + pos, .iov_len = first };
		if (first < len)
			iov[n++] = (struct iovec){ .iov_base = (char *)w->ring,
						   .iov_len = len - first };
		left -= len;
		head = (head + sizeof(en) + en.len) % w->room;
		used -= sizeof(en) + en.len;
		done = 0;
	}
	return n;
}

/* Takes `n` written bytes off the queue. */
static void consume(struct cw_writer *w, size_t n)
{
	if (n && w->out.torn) {
		w->out.torn = false;
		n--;
	}
	while (n) {
		struct entry en = ring_entry(w, w->head);

		if (n < en.len - w->done) {
			w->done += n;
			return;
		}
		n -= en.len - w->done;
		w->done = 0;
		ring_pop(w, &en);
	}
	w->stuck = false;
	pthread_cond_signal(&w->taken);
}

static void set_error(struct cw_writer *w, int error)
{
	__atomic_store_n(&w->error, error, __ATOMIC_RELAXED);
}

static void fail(struct cw_writer *w, int error)
{
	set_error(w, error);
	pthread_cond_signal(&w->taken);
	if (error == -EPIPE || error == -ECONNRESET || (error == -EIO && w->out.terminal)) {
		__atomic_store_n(&w->broken, true, __ATOMIC_RELAXED);
		drop_queue(w);
	}
}

/*
 * The new file comes into use between two lines; within one only if the old file fails, and then
 * the line, still in the queue, begins again. The old one is closed at once: on a full disk that
 * may be what makes room. Whether the new one ends torn is known only now: it may be the old one.
 * Called and returns with the lock held.
 */
static void change_file(struct cw_writer *w)
{
	struct target old = w->out;

	if (w->next.fd < 0 || (w->done && !w->error))
		return;
	w->out = w->next;
	w->next.fd = -1;
	w->done = 0;
	set_error(w, 0);
	__atomic_store_n(&w->broken, false, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&w->lock);
	target_close(w, &old);
	w->out.torn = ends_torn(w->out.fd);
	pthread_mutex_lock(&w->lock);
}

/* One write(2). Called and returns with the lock held, and lets go of it in between. */
static void write_some(struct cw_writer *w)
{
	struct iovec iov[BATCH_IOV];
	size_t head = w->head, used = w->used;
	int timeout = w->stop ? ms_left(&w->deadline) : -1;
	int error, n;
	ssize_t len;

	pthread_mutex_unlock(&w->lock);
	if (!w->out.file && !wait_fd(w, w->out.fd, timeout)) {
		pthread_mutex_lock(&w->lock);
		return;
	}
	n = gather(w, head, used, iov);
	len = writev(w->out.fd, iov, n);
	error = len < 0 ? -errno : 0;
	if (error == -EAGAIN)
		wait_fd(w, -1, AGAIN_MS);
	pthread_mutex_lock(&w->lock);
	if (len >= 0) {
		set_error(w, 0);
		consume(w, (size_t)len);
	} else if (error != -EINTR && error != -EAGAIN) {
		fail(w, error);
	}
}

/* After a failed write: a while, or until the caller wants something. */
static void wait_retry(struct cw_writer *w)
{
	int ms = RETRY_MS;

	if (w->stop && ms_left(&w->deadline) < ms)
		ms = ms_left(&w->deadline);
	pthread_mutex_unlock(&w->lock);
	wait_fd(w, -1, ms);
	pthread_mutex_lock(&w->lock);
}

static void writer_free(struct cw_writer *w)
{
	target_close(w, &w->out);
	target_close(w, &w->next);
	close(w->wake_fd);
	pthread_cond_destroy(&w->wake);
	pthread_cond_destroy(&w->ended);
	pthread_cond_destroy(&w->taken);
	pthread_mutex_destroy(&w->lock);
	free(w->path);
	free(w);
}

static void *run(void *arg)
{
	struct cw_writer *w = arg;
	bool abandoned;

	cw_caps_keep(0); /* an open file needs none */
	pthread_mutex_lock(&w->lock);
	for (;;) {
		change_file(w);
		if (w->stop && (!w->used || !ms_left(&w->deadline)))
			break;
		if (!w->used && w->next.fd < 0) {
			pthread_cond_wait(&w->wake, &w->lock);
		} else if (w->used) {
			write_some(w);
			if (w->error && w->used)
				wait_retry(w);
		}
	}
	w->finished = true;
	abandoned = w->abandoned;
	pthread_cond_signal(&w->ended);
	pthread_mutex_unlock(&w->lock);
	if (abandoned)
		writer_free(w);
	return NULL;
}

/* ---- the caller ---- */

static int start_thread(struct cw_writer *w)
{
	sigset_t all, before;
	int r;

	/* Signals are the caller's business, and SIGPIPE, SIGXFSZ must come back as errors. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return -r;
	pthread_setname_np(w->thread, "cw-writer");
	return 0;
}

static void init_locks(struct cw_writer *w)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, &attr);
	pthread_cond_init(&w->ended, &attr);
	pthread_cond_init(&w->taken, &attr);
	pthread_condattr_destroy(&attr);
}

int cw_writer_open(const char *path, size_t room, struct cw_writer **ret_writer)
{
	struct target none = { .fd = -1 };
	struct cw_writer *w;
	int r;

	if (room < ROOM_MIN || room > SIZE_MAX / 2 - sizeof(*w))
		return -EINVAL;
	w = malloc(sizeof(*w) + room);
	if (!w)
		return -ENOMEM;
	memset(w, 0, sizeof(*w));
	w->room = room;
	w->out = none;
	w->next = none;
	init_locks(w);
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = w->wake_fd < 0 ? -errno : 0;
	if (!r && path) {
		w->path = strdup(path);
		r = w->path ? 0 : -ENOMEM;
	}
	if (!r)
		r = target_open(path, &w->out);
	w->out.torn = !r && ends_torn(w->out.fd);
	if (!r)
		r = start_thread(w);
	if (r) {
		writer_free(w);
		return r;
	}
	*ret_writer = w;
	return 0;
}

static bool has_room(const struct cw_writer *w, size_t len)
{
	size_t room = w->room - w->spare;

	return !w->broken && w->used + sizeof(struct entry) + len <= room;
}

/*
 * A burst can come faster than the other end takes it. Called with the lock held. One that does
 * not move costs the caller one wait, not one a line.
 */
static void wait_for_room(struct cw_writer *w, size_t len)
{
	struct timespec until;

	deadline_in(PATIENCE_MS, &until);
	while (w->patient && !has_room(w, len) && len < w->room / 2 && !w->error && !w->broken &&
	       !w->stuck)
		if (pthread_cond_timedwait(&w->taken, &w->lock, &until) == ETIMEDOUT)
			w->stuck = true;
}

void cw_writer_set_spare(struct cw_writer *w, size_t spare)
{
	w->spare = spare < w->room / 2 ? spare : w->room / 2;
}

void cw_writer_set_patient(struct cw_writer *w, bool patient)
{
	w->patient = patient;
}

bool cw_writer_put(struct cw_writer *w, const char *data, size_t len, uint64_t boot_ns)
{
	struct entry en = { .len = len, .boot_ns = boot_ns };
	bool fits;

	if (!len)
		return true;
	pthread_mutex_lock(&w->lock);
	wait_for_room(w, len);
	fits = has_room(w, len);
	if (fits) {
		ring_in(w, w->head + w->used, &en, sizeof(en));
		ring_in(w, w->head + w->used + sizeof(en), data, len);
		w->used += sizeof(en) + len;
		pthread_cond_signal(&w->wake);
	} else {
		count_loss(w, boot_ns);
	}
	pthread_mutex_unlock(&w->lock);
	return fits;
}

bool cw_writer_take_loss(struct cw_writer *w, struct cw_writer_loss *ret_loss)
{
	size_t need = w->room / 2 < LOSS_ROOM ? w->room / 2 : LOSS_ROOM;
	bool taken;

	pthread_mutex_lock(&w->lock);
	taken = w->loss.lines && !w->broken && w->room - w->used >= need;
	if (taken) {
		*ret_loss = w->loss;
		memset(&w->loss, 0, sizeof(w->loss));
	}
	pthread_mutex_unlock(&w->lock);
	return taken;
}

/* With the lock held: whatever the thread waits for, it looks up. */
bool cw_writer_has_loss(struct cw_writer *w)
{
	bool has;

	pthread_mutex_lock(&w->lock);
	has = w->loss.lines && !w->broken;
	pthread_mutex_unlock(&w->lock);
	return has;
}

static void wake_thread(struct cw_writer *w)
{
	const uint64_t one = 1;

	pthread_cond_signal(&w->wake);
	while (write(w->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

int cw_writer_reopen(struct cw_writer *w)
{
	struct target opened, old;
	int r;

	if (!w->path)
		return 0;
	r = target_open(w->path, &opened);
	if (r)
		return r;
	pthread_mutex_lock(&w->lock);
	old = w->next; /* asked for again before it came into use */
	w->next = opened;
	wake_thread(w);
	pthread_mutex_unlock(&w->lock);
	target_close(w, &old);
	return 0;
}

bool cw_writer_broken(const struct cw_writer *w)
{
	return __atomic_load_n(&w->broken, __ATOMIC_RELAXED);
}

int cw_writer_error(const struct cw_writer *w)
{
	return __atomic_load_n(&w->error, __ATOMIC_RELAXED);
}

/* Lines that were put and not written. With the lock held. */
static uint64_t count_queue(const struct cw_writer *w)
{
	uint64_t lines = 0;

	for (size_t at = 0; at < w->used; lines++)
		at += sizeof(struct entry) + ring_entry(w, w->head + at).len;
	return lines;
}

void cw_writer_flush(struct cw_writer *w, unsigned int timeout_ms)
{
	struct timespec until;
	int r = 0;

	deadline_in(timeout_ms, &until);
	pthread_mutex_lock(&w->lock);
	while (w->used && !w->error && !w->broken && !r)
		r = pthread_cond_timedwait(&w->taken, &w->lock, &until);
	pthread_mutex_unlock(&w->lock);
}

uint64_t cw_writer_close(struct cw_writer *w, unsigned int timeout_ms)
{
	struct timespec patience;
	bool finished;
	uint64_t lost;
	int r = 0;

	if (!w)
		return 0;
	pthread_mutex_lock(&w->lock);
	deadline_in(timeout_ms, &w->deadline);
	deadline_in(timeout_ms + GRACE_MS, &patience);
	w->stop = true;
	wake_thread(w);
	while (!w->finished && !r)
		r = pthread_cond_timedwait(&w->ended, &w->lock, &patience);
	finished = w->finished;
	w->abandoned = !finished;
	if (!finished) /* before the unlock, after which the thread may free */
		pthread_detach(w->thread);
	lost = w->loss.lines + count_queue(w);
	pthread_mutex_unlock(&w->lock);
	if (finished) {
		pthread_join(w->thread, NULL);
		writer_free(w);
	}
	return lost;
}
