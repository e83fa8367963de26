// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: the hash is always that of the inode that was asked for, as it is now; what
 * was read once is not read again; nothing but a regular file is ever opened.
 */
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include <cmocka.h>

#include "enrich/exe.h"

#define ABC  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define NONE "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static char dir[64];
static struct cw_exe_cache *cache;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/cw-exe-XXXXXX");
	return mkdtemp(dir) ? cw_exe_cache_new("/proc", &cache) : -1;
}

static int tear_down(void **state)
{
	(void)state;
	cw_exe_cache_free(cache);
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct stat look(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st;
}

static void put(int fd, const void *data, size_t len)
{
	assert_int_equal(pwrite(fd, data, len, 0), len);
}

static struct stat make(const char *name, const void *data, size_t len, char ret_path[128])
{
	int fd;

	snprintf(ret_path, 128, "%s/%s", dir, name);
	fd = open(ret_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	assert_true(fd >= 0);
	put(fd, data, len);
	close(fd);
	return look(ret_path);
}

/* Returns once a file that was changed now is old enough to be remembered. */
static void settle(void)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_REALTIME, &begin);
	do {
		clock_gettime(CLOCK_REALTIME, &now);
	} while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 <
		 120);
}

static void hashes_buffers(void **state)
{
	char hex[CW_SHA256_HEX];

	(void)state;
	assert_int_equal(cw_sha256("abc", 3, hex), 0);
	assert_string_equal(hex, ABC);
	assert_int_equal(cw_sha256("", 0, hex), 0);
	assert_string_equal(hex, NONE);
}

static void hashes_by_path(void **state)
{
	static char big[300001];
	char path[128], hex[CW_SHA256_HEX], expected[CW_SHA256_HEX];
	struct stat st = make("abc", "abc", 3, path);

	(void)state;
	assert_int_equal(cw_exe_hash(cache, 0, path, st.st_ino, hex), 0);
	assert_string_equal(hex, ABC);
	assert_int_equal(cw_exe_hashed_bytes(cache), 3);

	st = make("empty", "", 0, path);
	assert_int_equal(cw_exe_hash(cache, 0, path, st.st_ino, hex), 0);
	assert_string_equal(hex, NONE);

	/* More than one chunk, and not a multiple of it. */
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 31);
	st = make("big", big, sizeof(big), path);
	assert_int_equal(cw_sha256(big, sizeof(big), expected), 0);
	assert_int_equal(cw_exe_hash(cache, 0, path, st.st_ino, hex), 0);
	assert_string_equal(hex, expected);
}

static void hashes_by_pid(void **state)
{
	struct stat st = look("/proc/self/exe");
	char hex[CW_SHA256_HEX], expected[CW_SHA256_HEX];
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	uint32_t pid = (uint32_t)getpid();

	(void)state;
	assert_true(n > 0);
	self[n] = '\0';
	assert_int_equal(cw_exe_hash(cache, 0, self, st.st_ino, expected), 0);
	assert_int_equal(cw_exe_hash(cache, pid, NULL, st.st_ino, hex), 0);
	assert_string_equal(hex, expected);
	/* The process is gone, or another by that number: the path still leads there. */
	assert_int_equal(cw_exe_hash(cache, UINT32_MAX, self, st.st_ino, hex), 0);
	assert_string_equal(hex, expected);
}

/* A program that has no name in this mount namespace: deleted, or never had one. */
static void hashes_what_has_no_name(void **state)
{
	char proc[80], link[128], target[64], path[128], hex[CW_SHA256_HEX];
	struct cw_exe_cache *c;
	struct stat st;
	int fd = memfd_create("evil", MFD_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	put(fd, "abc", 3);
	assert_int_equal(fstat(fd, &st), 0);
	snprintf(proc, sizeof(proc), "%s/proc", dir);
	assert_int_equal(mkdir(proc, 0755), 0);
	snprintf(link, sizeof(link), "%s/proc/77", dir);
	assert_int_equal(mkdir(link, 0755), 0);
	strcat(link, "/exe");
	snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
	assert_int_equal(symlink(target, link), 0);

	assert_int_equal(cw_exe_cache_new(proc, &c), 0);
	assert_int_equal(cw_exe_hash(c, 77, NULL, st.st_ino, hex), 0);
	assert_string_equal(hex, ABC);
	close(fd);

	st = make("deleted", "abc", 3, path);
	/* Takes the number that was free, to which the link leads. */
	assert_int_equal(open(path, O_RDONLY | O_CLOEXEC), fd);
	assert_int_equal(unlink(path), 0);
	memset(hex, 0, sizeof(hex));
	assert_int_equal(cw_exe_hash(c, 77, path, st.st_ino, hex), 0);
	assert_string_equal(hex, ABC);
	close(fd);
	cw_exe_cache_free(c);
}

static void refuses_another_file(void **state)
{
	char path[128], hex[CW_SHA256_HEX] = "untouched";
	struct stat st = make("a", "abc", 3, path), self = look("/proc/self/exe");
	uint32_t pid = (uint32_t)getpid();

	(void)state;
	assert_int_equal(cw_exe_hash(cache, 0, path, st.st_ino + 1, hex), -ESTALE);
	assert_int_equal(cw_exe_hash(cache, pid, path, st.st_ino ^ self.st_ino, hex), -ESTALE);
	assert_int_equal(cw_exe_hash(cache, pid, NULL, st.st_ino, hex), -ESTALE);
	assert_int_equal(cw_exe_hash(cache, 0, NULL, st.st_ino, hex), -ESTALE);
	assert_int_equal(cw_exe_hash(cache, 0, "relative", st.st_ino, hex), -ESTALE);
	assert_int_equal(cw_exe_hash(cache, 0, "/does/not/exist", st.st_ino, hex), -ESTALE);
	/* The right inode number, elsewhere. */
	assert_int_equal(cw_exe_hash_on(cache, 0, path, 251, 7, st.st_ino, hex),
			 major(st.st_dev) == 251 && minor(st.st_dev) == 7 ? 0 : -ESTALE);
	assert_string_equal(hex, "untouched");
	assert_int_equal(cw_exe_hashed_bytes(cache), 0);
	assert_int_equal(cw_exe_hash_on(cache, 0, path, major(st.st_dev), minor(st.st_dev),
					st.st_ino, hex), 0);
	assert_string_equal(hex, ABC);
}

static void reads_regular_files_only(void **state)
{
	char path[128], hex[CW_SHA256_HEX] = "untouched";
	struct stat st = look(dir);

	(void)state;
	assert_int_equal(cw_exe_hash(cache, 0, dir, st.st_ino, hex), -EINVAL);
	st = look("/dev/null");
	assert_int_equal(cw_exe_hash(cache, 0, "/dev/null", st.st_ino, hex), -EINVAL);
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	st = look(path);
	assert_int_equal(cw_exe_hash(cache, 0, path, st.st_ino, hex), -EINVAL);
	assert_string_equal(hex, "untouched");
}

static void refuses_what_is_too_large(void **state)
{
	char path[128], hex[CW_SHA256_HEX] = "untouched";
	struct stat st = make("huge", "", 0, path);

	(void)state;
	assert_int_equal(truncate(path, CW_EXE_SIZE_MAX + 1), 0);
	assert_int_equal(cw_exe_hash(cache, 0, path, st.st_ino, hex), -EFBIG);
	assert_int_equal(cw_exe_hashed_bytes(cache), 0);
	assert_string_equal(hex, "untouched");
}

static void reads_once(void **state)
{
	char path[128], hex[CW_SHA256_HEX];
	struct stat st = make("a", "abc", 3, path);

	(void)state;
	settle();
	for (int i = 0; i < 10; i++) {
		assert_int_equal(cw_exe_hash(cache, 0, path, st.st_ino, hex), 0);
		assert_string_equal(hex, ABC);
	}
	if (st.st_ctim.tv_nsec && st.st_mtim.tv_nsec)
		assert_int_equal(cw_exe_hashed_bytes(cache), 3);
}

/* The size and even the time of change are as before; only the content is not. */
static void sees_every_change(void **state)
{
	char path[128], hex[CW_SHA256_HEX], expected[CW_SHA256_HEX], text[3];
	struct stat st = make("a", "abc", 3, path);
	struct timespec times[2] = { st.st_atim, st.st_mtim };
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	(void)state;
	for (int i = 0; i < 300; i++) {
		memcpy(text, (const char[]){ (char)i, (char)(i >> 8), 'x' }, 3);
		put(fd, text, 3);
		assert_int_equal(futimens(fd, times), 0);
		assert_int_equal(cw_sha256(text, 3, expected), 0);
		assert_int_equal(cw_exe_hash(cache, 0, path, st.st_ino, hex), 0);
		assert_string_equal(hex, expected);
	}
	close(fd);
}

static void forgets_the_least_recent(void **state)
{
	static struct stat files[CW_EXE_CACHE_MAX + 1];
	static char paths[CW_EXE_CACHE_MAX + 1][128];
	char hex[CW_SHA256_HEX], name[16];
	uint64_t all = CW_EXE_CACHE_MAX * 3ULL;

	(void)state;
	for (int i = 0; i <= CW_EXE_CACHE_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		files[i] = make(name, "abc", 3, paths[i]);
		if (!files[i].st_ctim.tv_nsec || !files[i].st_mtim.tv_nsec)
			skip(); /* a file system without fractions of seconds, or a rare moment */
	}
	settle();
	for (int i = 0; i < CW_EXE_CACHE_MAX; i++)
		assert_int_equal(cw_exe_hash(cache, 0, paths[i], files[i].st_ino, hex), 0);
	assert_int_equal(cw_exe_hashed_bytes(cache), all);
	/* The first is used again, so the second has to go for the last. */
	assert_int_equal(cw_exe_hash(cache, 0, paths[0], files[0].st_ino, hex), 0);
	assert_int_equal(cw_exe_hash(cache, 0, paths[CW_EXE_CACHE_MAX],
				     files[CW_EXE_CACHE_MAX].st_ino, hex), 0);
	assert_int_equal(cw_exe_hashed_bytes(cache), all + 3);
	assert_int_equal(cw_exe_hash(cache, 0, paths[0], files[0].st_ino, hex), 0);
	assert_int_equal(cw_exe_hashed_bytes(cache), all + 3);
	assert_int_equal(cw_exe_hash(cache, 0, paths[1], files[1].st_ino, hex), 0);
	assert_int_equal(cw_exe_hashed_bytes(cache), all + 6);
	assert_string_equal(hex, ABC);
}

static void remembers_no_failure(void **state)
{
	char path[128], hex[CW_SHA256_HEX];
	struct stat st = make("a", "abc", 3, path);

	(void)state;
	settle();
	assert_int_equal(truncate(path, CW_EXE_SIZE_MAX + 1), 0);
	assert_int_equal(cw_exe_hash(cache, 0, path, st.st_ino, hex), -EFBIG);
	assert_int_equal(truncate(path, 3), 0);
	assert_int_equal(cw_exe_hash(cache, 0, path, st.st_ino, hex), 0);
	assert_string_equal(hex, ABC);
}

static int scribbled_fd;
static bool scribbling;

static void *scribble(void *arg)
{
	char c = 0;

	while (__atomic_load_n(&scribbling, __ATOMIC_RELAXED)) {
		c++;
		if (pwrite(scribbled_fd, &c, 1, 0) != 1)
			return arg;
	}
	return NULL;
}

static void gives_up_on_a_moving_file(void **state)
{
	char path[128], hex[CW_SHA256_HEX] = "untouched";
	struct stat st = make("a", "abc", 3, path);
	pthread_t thread;
	void *failed;
	int r;

	(void)state;
	/* Takes longer to read than the clock of the file system needs to tick. */
	assert_int_equal(truncate(path, 128 << 20), 0);
	scribbled_fd = open(path, O_WRONLY | O_CLOEXEC);
	scribbling = true;
	assert_int_equal(pthread_create(&thread, NULL, scribble, &st), 0);
	r = cw_exe_hash(cache, 0, path, st.st_ino, hex);
	__atomic_store_n(&scribbling, false, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, &failed), 0);
	close(scribbled_fd);
	assert_null(failed);
	assert_int_equal(r, -ESTALE);
	assert_string_equal(hex, "untouched");
	/* Read twice, not for ever. */
	assert_int_equal(cw_exe_hashed_bytes(cache), 256 << 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_buffers),
		TEST(hashes_by_path),
		TEST(hashes_by_pid),
		TEST(hashes_what_has_no_name),
		TEST(refuses_another_file),
		TEST(reads_regular_files_only),
		TEST(refuses_what_is_too_large),
		TEST(reads_once),
		TEST(sees_every_change),
		TEST(forgets_the_least_recent),
		TEST(remembers_no_failure),
		TEST(gives_up_on_a_moving_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
