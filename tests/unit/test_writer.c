// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: whatever happens to the other end (slow, stuck, gone, full, rotated), the
 * caller is never held up, no line is torn, and lines written + lines lost = lines given.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <cmocka.h>

#include "base/buf.h"
#include "sink/writer.h"

#define PATIENCE_MS 20000

static char dir[] = "/tmp/cw-writer-XXXXXX";
static char path[64], other[64];

/* A write(2) that does not return, as on a dead network file system: test_stuck_in_write() only. */
static bool stick;
static sem_t stuck, unstick;

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	if (__atomic_load_n(&stick, __ATOMIC_ACQUIRE)) {
		sem_post(&stuck);
		sem_wait(&unstick);
	}
	return syscall(SYS_writev, fd, iov, n);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Waits for the condition, looking every millisecond. */
#define WAIT_FOR(condition)                                              \
	do {                                                             \
		int64_t end_ = now_ms() + PATIENCE_MS;                   \
		while (!(condition)) {                                   \
			if (now_ms() > end_)                             \
				fail_msg("never: %s", #condition);       \
			poll(NULL, 0, 1);                                \
		}                                                        \
	} while (0)

/* Line `i`: its number, and as many bytes as the number says, so that a torn one shows. */
static size_t make_line(char *line, unsigned int i)
{
	size_t pad = i * 37 % 900;
	size_t n = (size_t)sprintf(line, "%u %zu ", i, pad);

	memset(line + n, 'a' + (int)(i % 26), pad);
	line[n + pad] = '\n';
	return n + pad + 1;
}

static bool put_line(struct cw_writer *w, unsigned int i)
{
	char line[1024];

	return cw_writer_put(w, line, make_line(line, i), i + 1000);
}

/* Counts the lines in `text` and asserts each whole and in rising order; a torn last one may be. */
static unsigned int count_lines(const char *text, size_t len, bool torn_end, long *last)
{
	const char *end = text + len, *nl;
	unsigned int n = 0;
	char line[1024];

	for (; text < end; text = nl + 1, n++) {
		long i = strtol(text, NULL, 10);
		size_t size = make_line(line, (unsigned int)i);

		nl = memchr(text, '\n', (size_t)(end - text));
		if (!nl && torn_end)
			break;
		assert_non_null(nl);
		assert_int_equal(nl + 1 - text, size);
		assert_memory_equal(text, line, size);
		assert_true(i > *last);
		*last = i;
	}
	return n;
}

static void read_fd(int fd, struct cw_buf *b)
{
	char chunk[5000];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		cw_buf_add(b, chunk, (size_t)n);
}

static void read_file(const char *name, struct cw_buf *b)
{
	cw_auto_close int fd = open(name, O_RDONLY);

	assert_true(fd >= 0);
	read_fd(fd, b);
	cw_buf_add(b, "", 0);
}

static void assert_file(const char *name, const char *expected)
{
	cw_auto_buf struct cw_buf b = { 0 };

	read_file(name, &b);
	assert_string_equal(b.data, expected);
}

static void write_file(const char *name, const char *text)
{
	cw_auto_fclose FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
}

static struct cw_writer *open_writer(const char *name, size_t room)
{
	struct cw_writer *w = NULL;

	assert_int_equal(cw_writer_open(name, room, &w), 0);
	return w;
}

/* A writer to one end of a pipe; the caller closes the other. */
static struct cw_writer *open_pipe(size_t room, int *ret_read_fd)
{
	char name[64];
	int fd[2];
	struct cw_writer *w;

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd[1]);
	w = open_writer(name, room);
	close(fd[1]);
	*ret_read_fd = fd[0];
	return w;
}


static void test_file(void **state)
{
	struct cw_writer *w;
	struct stat st;
	mode_t before = umask(0);

	(void)state;
	w = open_writer(path, 4096);
	umask(before);
	assert_true(cw_writer_put(w, "one\n", 4, 1));
	assert_true(cw_writer_put(w, "", 0, 1));
	assert_true(cw_writer_put(w, "two\nand more\n", 13, 2));
	assert_int_equal(cw_writer_close(w, PATIENCE_MS), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	w = open_writer(path, 4096);
	assert_true(cw_writer_put(w, "three\n", 6, 3));
	assert_false(cw_writer_broken(w));
	assert_int_equal(cw_writer_error(w), 0);
	assert_int_equal(cw_writer_close(w, PATIENCE_MS), 0);
	assert_file(path, "one\ntwo\nand more\nthree\n");
	assert_int_equal(cw_writer_close(NULL, 0), 0);
}

static void test_torn_file(void **state)
{
	struct cw_writer *w;

	(void)state;
	write_file(path, "whole\nto");
	w = open_writer(path, 4096);
	assert_int_equal(cw_writer_close(w, PATIENCE_MS), 0); /* nothing to say: untouched */
	assert_file(path, "whole\nto");
	w = open_writer(path, 4096);
	cw_writer_put(w, "next\n", 5, 1);
	cw_writer_put(w, "last\n", 5, 1);
	assert_int_equal(cw_writer_close(w, PATIENCE_MS), 0);
	assert_file(path, "whole\nto\nnext\nlast\n");
}

static void test_refused(void **state)
{
	struct cw_writer *w = NULL;

	(void)state;
	assert_int_equal(cw_writer_open(path, 255, &w), -EINVAL);
	assert_int_equal(cw_writer_open(path, SIZE_MAX, &w), -EINVAL);
	assert_int_equal(cw_writer_open("/nonexistent/file", 4096, &w), -ENOENT);
	assert_int_equal(cw_writer_open(dir, 4096, &w), -EISDIR);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(cw_writer_open(path, 4096, &w), -ENXIO);
	assert_null(w);
}

struct reader {
	pthread_t thread;
	int fd;
	struct cw_buf text;
};

/* Reads little by little, so that the pipe is mostly full. */
static void *read_slowly(void *arg)
{
	struct reader *r = arg;
	char chunk[700];
	ssize_t n;

	while ((n = read(r->fd, chunk, sizeof(chunk))) > 0) {
		cw_buf_add(&r->text, chunk, (size_t)n);
		if (r->text.len % 5 == 0)
			poll(NULL, 0, 1);
	}
	return NULL;
}

/* Losses taken on the way and at the end: the sum is exact, and time only goes on. */
static void test_slow_reader(void **state)
{
	struct reader r = { 0 };
	struct cw_writer *w = open_pipe(20000, &r.fd);
	unsigned int total = 20000, put = 0, written;
	struct cw_writer_loss loss;
	uint64_t lost = 0, to = 0;
	long last = -1;

	(void)state;
	fcntl(r.fd, F_SETPIPE_SZ, 4096);
	assert_int_equal(pthread_create(&r.thread, NULL, read_slowly, &r), 0);
	for (unsigned int i = 0; i < total; i++) {
		if (cw_writer_take_loss(w, &loss)) {
			lost += loss.lines;
			assert_true(loss.from_ns > to && loss.to_ns >= loss.from_ns);
			assert_int_equal(loss.error, 0);
			to = loss.to_ns;
			assert_true(put_line(w, i)); /* there is room for the line that tells */
			put++;
		} else {
			put += put_line(w, i);
		}
		if (i % 50 == 0)
			poll(NULL, 0, 1);
	}
	lost += cw_writer_close(w, PATIENCE_MS);
	pthread_join(r.thread, NULL);
	close(r.fd);
	written = count_lines(r.text.data, r.text.len, false, &last);
	assert_int_equal(written, put);
	assert_int_equal(written + lost, total);
	assert_true(lost > 0);
	cw_buf_free(&r.text);
}

static void test_take_loss(void **state)
{
	int fd;
	struct cw_writer *w = open_pipe(1024, &fd);
	struct cw_writer_loss loss = { .lines = 77 };
	unsigned int i = 0, lost = 0;
	struct reader r = { .fd = fd };

	(void)state;
	fcntl(fd, F_SETPIPE_SZ, 4096);
	assert_false(cw_writer_take_loss(w, &loss));
	for (int64_t end = now_ms() + 200; now_ms() < end; i++)
		lost += !put_line(w, i);
	assert_true(lost > 0);
	assert_int_equal(pthread_create(&r.thread, NULL, read_slowly, &r), 0);
	WAIT_FOR(cw_writer_take_loss(w, &loss));
	assert_int_equal(loss.lines, lost);
	assert_true(loss.from_ns >= 1000 && loss.to_ns < i + 1000 && loss.from_ns < loss.to_ns);
	assert_int_equal(loss.error, 0);
	assert_false(cw_writer_take_loss(w, &loss));
	assert_false(cw_writer_put(w, dir, 100000, 5)); /* larger than the queue: never read */
	assert_int_equal(cw_writer_close(w, PATIENCE_MS), 1);
	pthread_join(r.thread, NULL);
	close(fd);
	cw_buf_free(&r.text);
}

static void test_full_disk(void **state)
{
	struct cw_writer *w = open_writer("/dev/full", 4096);
	struct cw_writer_loss loss;
	unsigned int total = 100, put = 0;
	int64_t start;

	(void)state;
	put += put_line(w, 0);
	WAIT_FOR(cw_writer_error(w) == -ENOSPC);
	for (unsigned int i = 1; i < total; i++)
		put += put_line(w, i);
	assert_true(put < total);
	assert_false(cw_writer_broken(w));
	assert_false(cw_writer_take_loss(w, &loss));
	start = now_ms();
	assert_int_equal(cw_writer_close(w, 100), total);
	assert_true(now_ms() - start < 5000);
}

static void limit_file_size(rlim_t max)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* After a test, also one that failed half-way. */
static int clean(void **state)
{
	(void)state;
	limit_file_size(RLIM_INFINITY);
	unlink(path);
	unlink(other);
	return 0;
}

/* The disk is full within a line, and later has room: the line goes on where it stopped. */
static void test_disk_recovers(void **state)
{
	struct cw_writer *w = open_writer(path, 32768);
	cw_auto_buf struct cw_buf b = { 0 };
	struct stat st;
	long last = -1;

	(void)state;
	limit_file_size(1001);
	for (unsigned int i = 10; i < 30; i++)
		assert_true(put_line(w, i));
	WAIT_FOR(cw_writer_error(w) == -EFBIG);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 1001);
	limit_file_size(RLIM_INFINITY);
	WAIT_FOR(cw_writer_error(w) == 0);
	assert_int_equal(cw_writer_close(w, PATIENCE_MS), 0);
	read_file(path, &b);
	assert_int_equal(count_lines(b.data, b.len, false, &last), 20);
}

/* The disk stays full within a line: what is left is told; the next writer begins a new line. */
static void test_disk_stays_full(void **state)
{
	struct cw_writer *w = open_writer(path, 32768);
	cw_auto_buf struct cw_buf b = { 0 };
	unsigned int written;
	long last = -1;

	(void)state;
	limit_file_size(1001);
	for (unsigned int i = 10; i < 30; i++)
		assert_true(put_line(w, i));
	WAIT_FOR(cw_writer_error(w) == -EFBIG);
	written = 20 - (unsigned int)cw_writer_close(w, 50);
	limit_file_size(RLIM_INFINITY);
	read_file(path, &b);
	assert_int_equal(count_lines(b.data, b.len, true, &last), written);
	w = open_writer(path, 4096);
	cw_writer_put(w, "next\n", 5, 1);
	assert_int_equal(cw_writer_close(w, PATIENCE_MS), 0);
	cw_buf_reset(&b);
	read_file(path, &b);
	assert_int_equal(b.len, 1001 + 6);
	assert_string_equal(b.data + 1001, "\nnext\n");
}

static void test_nobody_reads(void **state)
{
	int fd;
	struct cw_writer *w = open_pipe(100000, &fd);
	struct cw_writer_loss loss;
	unsigned int put = 0;

	(void)state;
	signal(SIGPIPE, SIG_DFL); /* would end the test */
	fcntl(fd, F_SETPIPE_SZ, 4096);
	for (unsigned int i = 0; i < 50; i++)
		put += put_line(w, i);
	assert_int_equal(put, 50);
	assert_false(cw_writer_broken(w));
	close(fd);
	WAIT_FOR(cw_writer_broken(w));
	assert_int_equal(cw_writer_error(w), -EPIPE);
	assert_false(put_line(w, 50));
	assert_false(cw_writer_take_loss(w, &loss));
	/* Some of the 50 were in the pipe already. */
	assert_in_range(cw_writer_close(w, PATIENCE_MS), 20, 51);
}

static void test_stuck_pipe(void **state)
{
	int fd;
	struct cw_writer *w = open_pipe(200000, &fd);
	cw_auto_buf struct cw_buf b = { 0 };
	unsigned int total = 300;
	uint64_t lost;
	int64_t start;
	long last = -1;

	(void)state;
	for (unsigned int i = 0; i < total; i++)
		assert_true(put_line(w, i));
	start = now_ms();
	lost = cw_writer_close(w, 100);
	assert_in_range(now_ms() - start, 90, 5000);
	read_fd(fd, &b);
	close(fd);
	assert_int_equal(count_lines(b.data, b.len, true, &last) + lost, total);
	assert_true(lost > 0);
}

/* Standard output: a blocking pipe that is stuck, and stays open and blocking. */
static void test_stdout(void **state)
{
	cw_auto_close int saved = dup(STDOUT_FILENO);
	cw_auto_buf struct cw_buf b = { 0 };
	struct cw_writer *w;
	uint64_t lost;
	int fd[2], flags;
	long last = -1;

	(void)state;
	fflush(stdout);
	assert_int_equal(pipe(fd), 0);
	dup2(fd[1], STDOUT_FILENO);
	close(fd[1]);
	w = open_writer(NULL, 200000);
	for (unsigned int i = 0; i < 300; i++)
		put_line(w, i);
	lost = cw_writer_reopen(w) ? 1000 : cw_writer_close(w, 50);
	flags = fcntl(STDOUT_FILENO, F_GETFL);
	dup2(saved, STDOUT_FILENO);
	read_fd(fd[0], &b);
	close(fd[0]);
	assert_int_equal(flags & O_NONBLOCK, 0);
	assert_int_equal(flags & O_ACCMODE, O_WRONLY);
	assert_int_equal(count_lines(b.data, b.len, true, &last) + lost, 300);
}

static unsigned int count_threads(void)
{
	cw_auto_fclose FILE *f = fopen("/proc/self/status", "r");
	unsigned int n = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Threads: %u", &n) == 1)
			break;
	return n;
}

static void test_stuck_in_write(void **state)
{
	unsigned int threads = count_threads();
	struct cw_writer *w = open_writer(path, 4096);
	int64_t start;

	(void)state;
	sem_init(&stuck, 0, 0);
	sem_init(&unstick, 0, 0);
	__atomic_store_n(&stick, true, __ATOMIC_RELEASE);
	assert_true(put_line(w, 1));
	sem_wait(&stuck);
	assert_true(put_line(w, 2));
	start = now_ms();
	assert_int_equal(cw_writer_close(w, 50), 2);
	assert_true(now_ms() - start < 5000);
	__atomic_store_n(&stick, false, __ATOMIC_RELEASE);
	sem_post(&unstick);
	WAIT_FOR(count_threads() == threads); /* it ended, and freed what it had */
}

static void test_reopen(void **state)
{
	struct cw_writer *w = open_writer(path, 65536);
	cw_auto_buf struct cw_buf b = { 0 };
	unsigned int put = 0, old;
	uint64_t lost;
	long last = -1;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		put += put_line(w, i);
		if (i == 500) {
			rename(path, other);
			assert_int_equal(cw_writer_reopen(w), 0);
		}
		if (i > 500 && i % 10 == 0) /* the same file again: nothing between the lines */
			assert_int_equal(cw_writer_reopen(w), 0);
	}
	lost = cw_writer_close(w, PATIENCE_MS);
	read_file(other, &b);
	old = count_lines(b.data, b.len, false, &last);
	cw_buf_reset(&b);
	read_file(path, &b);
	assert_int_equal(old + count_lines(b.data, b.len, false, &last), put);
	assert_int_equal(put + lost, 1000);
}

static void test_reopen_fails(void **state)
{
	struct cw_writer *w = open_writer(path, 4096);

	(void)state;
	rename(path, other);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(cw_writer_reopen(w), -EISDIR);
	assert_int_equal(rmdir(path), 0);
	assert_true(cw_writer_put(w, "still\n", 6, 1));
	assert_int_equal(cw_writer_close(w, PATIENCE_MS), 0);
	assert_file(other, "still\n");
}

/* The old file is full within a line and rotated away: the new one has that line whole. */
static void test_reopen_full(void **state)
{
	struct cw_writer *w = open_writer(path, 32768);
	cw_auto_buf struct cw_buf b = { 0 };
	unsigned int old;
	struct stat st;
	long last = -1;

	(void)state;
	limit_file_size(1001);
	for (unsigned int i = 10; i < 15; i++)
		assert_true(put_line(w, i));
	WAIT_FOR(cw_writer_error(w) == -EFBIG);
	rename(path, other);
	assert_int_equal(cw_writer_reopen(w), 0);
	WAIT_FOR(stat(path, &st) == 0 && st.st_size > 0);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(cw_writer_close(w, PATIENCE_MS), 0);
	read_file(other, &b);
	assert_int_equal(b.len, 1001);
	old = count_lines(b.data, b.len, true, &last);
	cw_buf_reset(&b);
	read_file(path, &b);
	assert_int_equal(old + count_lines(b.data, b.len, false, &last), 5);
}

static void *watch(void *arg)
{
	const struct cw_writer *w = arg;
	unsigned int n = 0;

	while (!cw_writer_broken(w) && !cw_writer_error(w))
		n++;
	return (void *)(uintptr_t)(n ? 1 : 2);
}

/* Another thread may ask for the state at any time. */
static void test_state_from_any_thread(void **state)
{
	int fd;
	struct cw_writer *w = open_pipe(4096, &fd);
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, watch, w), 0);
	put_line(w, 1);
	close(fd);
	put_line(w, 2);
	WAIT_FOR(!put_line(w, 3) && cw_writer_broken(w));
	pthread_join(thread, NULL);
	cw_writer_close(w, PATIENCE_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_file, clean),
		cmocka_unit_test_teardown(test_torn_file, clean),
		cmocka_unit_test_teardown(test_refused, clean),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_take_loss),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test_teardown(test_disk_recovers, clean),
		cmocka_unit_test_teardown(test_disk_stays_full, clean),
		cmocka_unit_test(test_nobody_reads),
		cmocka_unit_test(test_stuck_pipe),
		cmocka_unit_test(test_stdout),
		cmocka_unit_test_teardown(test_stuck_in_write, clean),
		cmocka_unit_test_teardown(test_reopen, clean),
		cmocka_unit_test_teardown(test_reopen_fails, clean),
		cmocka_unit_test_teardown(test_reopen_full, clean),
		cmocka_unit_test(test_state_from_any_thread),
	};
	int failed;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/out", dir);
	snprintf(other, sizeof(other), "%s/out.1", dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
