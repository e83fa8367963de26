/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every module may use: cleanup attributes, size and bit helpers. Nothing here allocates or
 * logs.
 */
#ifndef CW_BASE_H
#define CW_BASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CW_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CW_NSEC_PER_SEC	 1000000000ULL
#define CW_PRINTF(f, a)	 __attribute__((format(printf, f, a)))

/* Frees or closes what the variable owns when it leaves its scope. */
#define CW_CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void cw_freep(void *p)
{
	free(*(void **)p);
}

static inline void cw_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cw_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define cw_auto_free  CW_CLEANUP(cw_freep)
#define cw_auto_close CW_CLEANUP(cw_closep)
#define cw_auto_fclose CW_CLEANUP(cw_fclosep)

/* Hands ownership on: yields the pointer and leaves NULL behind. */
#define CW_TAKE_PTR(p)               \
	({                           \
		__typeof__(p) t_ = (p); \
		(p) = NULL;          \
		t_;                  \
	})

#define CW_TAKE_FD(fd)       \
	({                   \
		int t_ = (fd); \
		(fd) = -1;   \
		t_;          \
	})

/* The last component of a path, the path itself if that is empty; NULL for NULL. */
static inline const char *cw_base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash && slash[1] ? slash + 1 : path;
}

/* A sum of what stands in a file, which may be anything: it stays at the top. */
static inline void cw_add_up(uint64_t *sum, uint64_t n)
{
	*sum = n > UINT64_MAX - *sum ? UINT64_MAX : *sum + n;
}

/* Before the end of a range of time; UINT64_MAX: it has none. */
static inline bool cw_is_before(uint64_t ns, uint64_t end_ns)
{
	return ns < end_ns || end_ns == UINT64_MAX;
}

static inline bool cw_streq(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

#endif
