// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: whenever the recorder is killed, loses power or finds the disk full, also
 * between any two steps of going on in a new file, what was synced is there once and in its order,
 * nothing but the end of the last file is torn, and the next start goes on with the same chain.
 *
 * The functions that change the disk are defined here, in the place of the C library's, and count:
 * from the n-th of them on, or from its middle, the disk stays as it is, as if the process had been
 * killed then; for every n until the recorder comes to its end. A power cut is that, and then what
 * was not synced is taken back: bytes of files, and names of the directory from the last on.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <malloc.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <cmocka.h>

#include "trace/keys.h"
#include "trace/recorder.h"
#include "trace/segments.h"
#include "trace/verify.h"

#define PATIENCE_MS 20000
#define SEGMENT	    1200u
#define BUDGET	    ((192u << 10) + 4 * SEGMENT) /* with the room that is kept for a last block */
#define FILES_MAX   16u
#define NAMES_MAX   8u

static char dir[] = "/tmp/cw-crash-XXXXXX";
static char home[64], keys[80], path[80], aside[80];

/* What came of one round of recording. */
static struct disk {
	unsigned int steps;   /* so far */
	unsigned int syncs;   /* of them, of files */
	unsigned int die_at;  /* 0: never */
	unsigned int fail_at; /* 0: never; then there is no room, once */
	bool half;	      /* it dies in the middle of it, if it writes */
	bool dead;
	uint64_t synced;	/* events that were flushed to the disk */
	unsigned int n_files;
	struct {
		ino_t ino;
		off_t synced;
	} file[FILES_MAX];
	unsigned int n_names; /* changes of the directory that were not synced */
	struct {
		char is[96], was[96]; /* empty `is`: it was removed */
		char back[96];	      /* what had the name `is`, or was removed; empty: nothing */
	} name[NAMES_MAX];
	unsigned int n_aside, dropped;
} disk;

static bool watching;

/* ---- the disk ---- */

enum step { STEP_DONE, STEP_DEAD, STEP_HALF, STEP_FULL };

static enum step step(void)
{
	if (!watching)
		return STEP_DONE;
	if (disk.dead)
		return STEP_DEAD;
	if (++disk.steps == disk.die_at) {
		disk.dead = true;
		return disk.half ? STEP_HALF : STEP_DEAD;
	}
	errno = ENOSPC;
	return disk.steps == disk.fail_at ? STEP_FULL : STEP_DONE;
}

static void note_sync(int fd)
{
	struct stat st;
	unsigned int i = 0;

	if (!watching || fstat(fd, &st))
		return;
	if (S_ISDIR(st.st_mode)) {
		disk.n_names = 0;
		return;
	}
	while (i < disk.n_files && disk.file[i].ino != st.st_ino)
		i++;
	if (i == FILES_MAX)
		abort();
	disk.n_files += i == disk.n_files;
	disk.file[i].ino = st.st_ino;
	disk.file[i].synced = st.st_size;
	disk.syncs++;
}

/* Another name for what has `name`, so that it can come back; empty: it is not there. */
static void keep_aside(const char *name, char back[96])
{
	snprintf(back, 96, "%s/%u", aside, disk.n_aside++);
	if (syscall(SYS_linkat, AT_FDCWD, name, AT_FDCWD, back, 0))
		*back = '\0';
}

static void note_name(const char *is, const char *was, const char *back)
{
	if (disk.n_names == NAMES_MAX)
		abort();
	snprintf(disk.name[disk.n_names].is, 96, "%s", is);
	snprintf(disk.name[disk.n_names].was, 96, "%s", was);
	snprintf(disk.name[disk.n_names++].back, 96, "%s", back);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	enum step now = step();
	size_t part = len;
	struct stat st;

	if (now == STEP_FULL)
		return -1;
	if (now == STEP_DEAD)
		return (ssize_t)len;
	/* What is overwritten in place lies in one sector, of which disks write all or nothing. */
	if (now == STEP_HALF && !fstat(fd, &st) && at >= st.st_size)
		part /= 2;
	return syscall(SYS_pwrite64, fd, data, part, at) == (ssize_t)part ? (ssize_t)len : -1;
}

int fdatasync(int fd)
{
	enum step now = step();

	if (now == STEP_DONE)
		note_sync(fd);
	return now == STEP_FULL ? -1 : 0;
}

int fsync(int fd)
{
	return fdatasync(fd);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	enum step now = step();
	char back[96] = "";
	int r;

	if (now == STEP_FULL || now == STEP_DEAD)
		return now == STEP_DEAD ? 0 : -1;
	if (watching)
		keep_aside(to, back);
	r = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	if (!r && watching)
		note_name(to, from, back);
	return r;
}

int rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *name)
{
	enum step now = step();
	char back[96] = "";
	int r;

	if (now == STEP_FULL || now == STEP_DEAD)
		return now == STEP_DEAD ? 0 : -1;
	if (watching)
		keep_aside(name, back);
	r = (int)syscall(SYS_unlinkat, AT_FDCWD, name, 0);
	if (!r && watching)
		note_name("", name, back);
	return r;
}

/* ---- recording ---- */

static struct cw_recorder *start(uint64_t budget, uint64_t segment)
{
	struct cw_recorder_config c = { .path = path, .keys = keys, .boot_id = "b007",
					.hub = "hub-1", .segment_bytes = segment,
					.budget = budget };
	static const char policy[] = "version: 1\n";
	cw_auto_buf struct cw_buf notes = { 0 };
	struct cw_recorder *r = NULL;

	if (cw_recorder_open(&c, &notes, &r))
		return NULL;
	cw_recorder_policy(r, false, "p.yaml", policy, sizeof(policy) - 1);
	return r;
}

/* Paths that do not compress. False: no room for it. */
static bool put(struct cw_recorder *r, uint64_t seq)
{
	static uint64_t random = 88172645463325252ULL;
	struct cw_event e;
	char name[400];

	for (size_t i = 0; i < sizeof(name) - 1; i++) {
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		name[i] = (char)('0' + (random >> 58));
	}
	name[sizeof(name) - 1] = '\0';
	memset(&e, 0, sizeof(e));
	e.seq = seq;
	e.boot_ns = seq * CW_NSEC_PER_SEC;
	e.time_ns = 1795494959000000000ULL + e.boot_ns;
	e.asset.kind = CW_ASSET_CAMERA;
	e.asset.path = name;
	return cw_recorder_event(r, &e);
}

/* `n` events from `seq` on, each on the disk before the next. */
static void record(uint64_t seq, unsigned int n, uint64_t budget)
{
	struct cw_recorder *r = start(budget, SEGMENT);
	struct cw_trace_dropped d;

	watching = watching || disk.fail_at; /* no room at a start is an error */
	for (uint64_t i = seq; r && i < seq + n && !disk.dead; i++) {
		put(r, i);
		do
			cw_recorder_flush(r, 2000);
		while (cw_recorder_error(r) && !disk.dead && !poll(NULL, 0, 5));
		if (!disk.dead)
			disk.synced = i;
		while (cw_recorder_take_dropped(r, &d))
			disk.dropped += !d.soon;
	}
	cw_recorder_close(r, disk.dead ? 0 : PATIENCE_MS);
	watching = false;
}

/* ---- what is left ---- */

struct left {
	unsigned int n;
	struct {
		struct cw_trace_report report; /* first: the order is by it */
		char name[330];
		unsigned int torn, faults;
	} file[FILES_MAX];
};

static void on_problem(void *ctx, const struct cw_trace_problem *p)
{
	unsigned int *counts = ctx;

	counts[p->fault == CW_TRACE_TORN ? 0 : 1]++;
}

static void look_at(struct left *all, const char *name, const uint8_t *key)
{
	struct cw_trace_reader *r = NULL;
	unsigned int counts[2] = { 0 };

	assert_true(all->n < FILES_MAX);
	snprintf(all->file[all->n].name, sizeof(all->file[0].name), "%s/%s", home, name);
	assert_int_equal(cw_trace_reader_open(all->file[all->n].name, on_problem, counts, &r), 0);
	assert_int_equal(cw_trace_verify(r, on_problem, NULL, counts, key,
					 &all->file[all->n].report), 0);
	cw_trace_reader_free(r);
	all->file[all->n].torn = counts[0];
	all->file[all->n++].faults = counts[1];
}

static int by_begin(const void *a, const void *b)
{
	const struct cw_trace_report *x = a, *y = b;

	return x->head.boot_ns < y->head.boot_ns ? -1 : x->head.boot_ns > y->head.boot_ns;
}

static void look(struct left *all, const uint8_t *key)
{
	struct dirent *e;
	DIR *d = opendir(home);

	memset(all, 0, sizeof(*all));
	while ((e = readdir(d)))
		if (!strncmp(e->d_name, "t.cw", 4))
			look_at(all, e->d_name, key);
	closedir(d);
	qsort(all->file, all->n, sizeof(all->file[0]), by_begin);
}

/*
 * One chain without a hole, torn nowhere but at the end of `may_be_torn`; returns its last event.
 * `whole`: from the first event on, and not only from what the budget left.
 */
static uint64_t check(const struct left *all, unsigned int may_be_torn, bool whole)
{
	static const uint8_t none[CW_TRACE_HASH];
	uint64_t seq = 0;

	for (unsigned int i = 0; i < all->n; i++) {
		const struct cw_trace_report *t = &all->file[i].report;

		assert_int_equal(all->file[i].faults, 0);
		/* One that was begun, and then came the kill, has no end either. */
		if (i != may_be_torn && t->events)
			assert_true(t->ended && !all->file[i].torn);
		assert_true(t->has_links);
		if (i || whole)
			assert_memory_equal(t->head.previous,
					    i ? all->file[i - 1].report.last_hash : none,
					    CW_TRACE_HASH);
		assert_int_equal(t->seq_missing, 0);
		if (t->events && (seq || whole))
			assert_int_equal(t->seq_first, seq + 1);
		seq = t->events ? t->seq_last : seq;
	}
	return seq;
}

/* ---- a round ---- */

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(name);
}

static void remove_all(const char *name)
{
	assert_int_equal(nftw(name, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

struct round {
	unsigned int die_at, fail_at;
	unsigned int events; /* two or three fill a file */
	uint64_t budget;
	bool half, power;
	unsigned int undo; /* the last so many changes of names, at most */
	unsigned int part; /* of what was not synced, so many thirds stay */
};

static void undo_names(unsigned int n)
{
	for (; n && disk.n_names; n--) {
		const char *is = disk.name[--disk.n_names].is, *was = disk.name[disk.n_names].was;
		const char *back = disk.name[disk.n_names].back;

		if (*is)
			assert_int_equal(rename(is, was), 0);
		if (*back)
			assert_int_equal(link(back, *is ? is : was), 0);
	}
}

static void cut_files(unsigned int thirds)
{
	struct dirent *e;
	DIR *d = opendir(home);
	char name[330];
	struct stat st;

	while ((e = readdir(d))) {
		off_t synced = 0;

		snprintf(name, sizeof(name), "%s/%s", home, e->d_name);
		if (stat(name, &st) || !S_ISREG(st.st_mode))
			continue;
		for (unsigned int i = 0; i < disk.n_files; i++)
			if (disk.file[i].ino == st.st_ino)
				synced = disk.file[i].synced;
		if (st.st_size > synced)
			assert_int_equal(truncate(name, synced + (st.st_size - synced) *
							thirds / 3), 0);
	}
	closedir(d);
}

static void make_home(void)
{
	assert_int_equal(mkdir(home, 0700), 0);
	assert_int_equal(mkdir(aside, 0700), 0);
}

static void play(const struct round *r)
{
	make_home();
	disk = (struct disk){ .die_at = r->die_at, .fail_at = r->fail_at, .half = r->half };
	watching = !r->fail_at;
	record(1, r->events, r->budget);
	if (!r->power)
		return;
	undo_names(r->undo);
	cut_files(r->part);
}

/* Whatever was before, the next start goes on. */
static void go_on(uint64_t seq, unsigned int torn, bool whole)
{
	uint8_t key[CW_TRACE_KEY];
	char name[120];
	struct left all;

	record(seq + 1, 4, 0);
	snprintf(name, sizeof(name), "%s/camwarden.pub", keys);
	assert_int_equal(cw_trace_key_read(name, key), 0);
	look(&all, key);
	assert_int_equal(check(&all, torn, whole), seq + 4);
	for (unsigned int i = 0; i < all.n; i++)
		assert_true(all.file[i].report.key_found);
}

/* False: the recorder came to its end. */
static bool survives(const struct round *r)
{
	struct left all;
	uint64_t seq;
	bool dead;

	play(r);
	dead = disk.dead;
	assert_true(dead || !r->budget || disk.dropped);
	look(&all, NULL);
	seq = check(&all, dead ? all.n - 1 : UINT32_MAX, !r->budget);
	if (seq < disk.synced || seq > disk.synced + 1)
		fail_msg("step %u: %u events were synced, %u are there", disk.steps,
			 (unsigned int)disk.synced, (unsigned int)seq);
	disk = (struct disk){ 0 };
	go_on(seq, all.n - 1, !r->budget);
	remove_all(home);
	return dead;
}

/* Every step; every third under a sanitizer, which takes three times as long. */
#ifdef CW_SANITIZED
#define STRIDE 3
#else
#define STRIDE 1
#endif

/* How many steps there are. */
static unsigned int survives_all(struct round r)
{
	unsigned int steps = 1;

	for (r.die_at += !r.die_at; survives(&r); r.die_at += STRIDE)
		steps += STRIDE;
	return steps;
}

/* ---- the tests ---- */

static void test_killed_between_steps(void **state)
{
	(void)state;
	assert_true(survives_all((struct round){ .events = 4 }) > 40);
}

static void test_killed_within_steps(void **state)
{
	(void)state;
	survives_all((struct round){ .events = 4, .half = true });
}

/* What was not synced is gone, or all but the newest name, and a third of the bytes stay. */
static void test_power_cut(void **state)
{
	(void)state;
	survives_all((struct round){ .events = 4, .power = true, .undo = NAMES_MAX });
	survives_all((struct round){ .events = 4, .power = true, .undo = 1, .part = 1,
				     .half = true });
}

/* The same while old files are deleted, which begins behind what the others do. */
static void test_budget(void **state)
{
	struct round r = { .die_at = 85, .events = 7, .budget = BUDGET };

	(void)state;
	assert_true(survives_all(r) > 40);
	r.power = true;
	r.undo = NAMES_MAX;
	survives_all(r);
}

/* No room, once, at each step: it is tried again, and nothing is missing. */
static void test_full(void **state)
{
	struct round r = { .fail_at = 1, .events = 3 };
	struct left all;

	(void)state;
	do {
		play(&r);
		look(&all, NULL);
		assert_int_equal(check(&all, UINT32_MAX, true), r.events);
		remove_all(home);
	} while (disk.steps >= r.fail_at++);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool all_is_synced(void)
{
	struct stat st;

	return !stat(path, &st) && disk.n_files && disk.file[0].synced == st.st_size;
}

/* Milliseconds until `n` events that came at once, some 300 a block, are on the disk. */
static uint64_t flood(uint64_t n, bool flagged)
{
	struct cw_recorder *r;
	struct left all;
	uint64_t begun;

	make_home();
	r = start(0, 0);
	cw_recorder_flush(r, PATIENCE_MS);
	disk = (struct disk){ 0 };
	watching = true;
	for (uint64_t seq = 1; seq <= n; seq++)
		while (!put(r, seq))
			poll(NULL, 0, 1);
	begun = now_ms();
	if (flagged)
		cw_recorder_urgent(r, true);
	do {
		poll(NULL, 0, 10);
		look(&all, NULL);
	} while (!(all.file[0].report.events == n && all_is_synced()) &&
		 now_ms() < begun + PATIENCE_MS);
	begun = now_ms() - begun;
	watching = false;
	assert_int_equal(all.file[0].report.events, n);
	assert_true(all_is_synced());
	cw_recorder_close(r, PATIENCE_MS);
	remove_all(home);
	return begun;
}

/* Not every block is synced, but a flag at once, and all before it is a second old. */
static void test_flood(void **state)
{
	uint64_t flagged = UINT64_MAX, plain = UINT64_MAX, took;

	(void)state;
	for (unsigned int i = 0; i < 5; i++) { /* the least: other processes take time, too */
		took = flood(3000, true);
		assert_true(disk.syncs < 10);
		flagged = took < flagged ? took : flagged;
		took = flood(3000, false);
		assert_true(disk.syncs < 10);
		plain = took < plain ? took : plain;
	}
	assert_true(flagged < 250);
	assert_true(plain < 1000);
}

static int set_up(void **state)
{
	(void)state;
	mallopt(M_MMAP_THRESHOLD, 64 << 20); /* many readers one after the other */
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	if (!mkdtemp(dir))
		return -1;
	snprintf(home, sizeof(home), "%s/home", dir);
	snprintf(aside, sizeof(aside), "%s/aside", home);
	snprintf(keys, sizeof(keys), "%s/keys", home);
	snprintf(path, sizeof(path), "%s/t.cw", home);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	remove_all(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_between_steps),
		cmocka_unit_test(test_killed_within_steps),
		cmocka_unit_test(test_power_cut),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_flood),
	};

	return cmocka_run_group_tests_name("crash", tests, set_up, tear_down);
}
