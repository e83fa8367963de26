// SPDX-License-Identifier: Apache-2.0
/*
 * Usage: access count FILE N [PROCESSES]      opens and closes FILE N times in all; accesses/s
 *        access pace FILE SECONDS PER_SECOND [PROCESSES]  the same at that pace; how many it made
 *        access latency FILE N WORD [LOG]     opens FILE, waits for the line with WORD on standard
 *                                             input (or that LOG grows by), N times; nanoseconds
 *
 * Prints one JSON object.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what)
{
	fprintf(stderr, "access: %s: %s\n", what, strerror(errno));
	exit(3);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void one(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail(path);
	close(fd);
}

static void many(const char *path, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		one(path);
}

/* A hundredth of a second at a time. */
static uint64_t paced(const char *path, uint64_t seconds, uint64_t per_second)
{
	uint64_t begin = now(), made = 0, due;
	struct timespec pause = { 0, 200000 };

	for (uint64_t t = 0; t < seconds * 1000000000ull; t = now() - begin) {
		due = per_second * t / 1000000000ull;
		while (made < due && now() - begin < seconds * 1000000000ull) {
			uint64_t some = due - made < 64 ? due - made : 64;

			many(path, some);
			made += some;
		}
		nanosleep(&pause, NULL);
	}
	return made;
}

static int load(int argc, char **argv, int pace)
{
	int processes = argc > 4 + pace ? atoi(argv[4 + pace]) : 1;
	uint64_t n = strtoull(argv[3], NULL, 10), begin, took, total = 0;
	uint64_t *made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			      0);

	if (made == MAP_FAILED || processes < 1 || processes > 64)
		fail("processes");
	begin = now();
	for (int i = 0; i < processes; i++) {
		if (fork())
			continue;
		if (pace) {
			made[i] = paced(argv[2], n, strtoull(argv[4], NULL, 10) / processes);
		} else {
			made[i] = n / processes;
			many(argv[2], made[i]);
		}
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	took = now() - begin;
	for (int i = 0; i < processes; i++)
		total += made[i];
	printf("{\"opens\": %llu, \"seconds\": %.3f, \"per_second\": %.0f}\n",
	       (unsigned long long)total, took / 1e9, total / (took / 1e9));
	return 0;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Waits for a line with the word. A file is read again and again. */
static void wait_line(int fd, int file, const char *word)
{
	static char buf[65536];
	size_t have = 0, len = strlen(word);
	ssize_t n;

	for (;;) {
		n = read(fd, buf + have, sizeof(buf) - 1 - have);
		if (n < 0 || (n == 0 && !file))
			fail("no more lines");
		if (n == 0) {
			sched_yield();
			continue;
		}
		have += (size_t)n;
		buf[have] = '\0';
		if (strstr(buf, word))
			return;
		if (have > len) {
			memmove(buf, buf + have - len, len);
			have = len;
		}
	}
}

static int latency(int argc, char **argv)
{
	uint64_t n = strtoull(argv[3], NULL, 10), *took = calloc(n, sizeof(*took)), begin;
	int file = argc > 5, fd = 0;

	if (!took || !n)
		fail("N");
	if (file) {
		fd = open(argv[5], O_RDONLY | O_CLOEXEC);
		if (fd < 0 || lseek(fd, 0, SEEK_END) < 0)
			fail(argv[5]);
	}
	for (uint64_t i = 0; i < n; i++) {
		begin = now();
		one(argv[2]);
		wait_line(fd, file, argv[4]);
		took[i] = now() - begin;
		usleep(100);
	}
	qsort(took, n, sizeof(*took), by_size);
	printf("{\"n\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n",
	       (unsigned long long)n, took[n / 2] / 1e3, took[n - 1 - n / 100] / 1e3,
	       took[n - 1] / 1e3);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && !strcmp(argv[1], "count"))
		return load(argc, argv, 0);
	if (argc >= 5 && !strcmp(argv[1], "pace"))
		return load(argc, argv, 1);
	if (argc >= 5 && !strcmp(argv[1], "latency"))
		return latency(argc, argv);
	fputs("usage: access count|pace|latency ...\n", stderr);
	return 2;
}
