// SPDX-License-Identifier: Apache-2.0
/*
 * Hashes of executables. Owns the cache. Never opens anything but the regular file that was asked
 * for: a look with O_PATH, which has no effect on a device or a pipe, comes first, and only that
 * very file is then opened for reading. Never maps the file, whose truncation would kill the agent.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "enrich/exe.h"

#define CHUNK (64 * 1024)
/*
 * A change so soon after another may leave the times of the file as they are: the kernel stamps
 * files by a clock that ticks every 1 to 10 ms, and some file systems keep whole seconds only.
 */
#define TICK_NS	       (100 * 1000 * 1000ULL)
#define COARSE_TICK_NS (2100 * 1000 * 1000ULL)

struct key {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
	struct timespec ctime;
};

struct entry {
	struct key key;
	uint64_t last_use;
	char hex[CW_SHA256_HEX];
};

struct cw_exe_cache {
	char *proc;
	uint64_t uses;
	uint64_t hashed_bytes;
	size_t n;
	struct entry entries[CW_EXE_CACHE_MAX];
	unsigned char chunk[CHUNK];
};

/* Which file it must be. */
struct wanted {
	bool with_dev;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t ino;
};

static void free_digest(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static struct key key_of(const struct stat *st)
{
	return (struct key){ st->st_dev, st->st_ino, st->st_size, st->st_mtim, st->st_ctim };
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* By member: the padding of the structure says nothing. */
static bool same_key(const struct key *a, const struct key *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->size == b->size &&
	       same_time(&a->mtime, &b->mtime) && same_time(&a->ctime, &b->ctime);
}

static struct entry *find(struct cw_exe_cache *c, const struct key *key)
{
	for (size_t i = 0; i < c->n; i++)
		if (same_key(&c->entries[i].key, key))
			return &c->entries[i];
	return NULL;
}

/* A free entry, or that of least recent use. */
static struct entry *make_room(struct cw_exe_cache *c)
{
	struct entry *oldest = &c->entries[0];

	if (c->n < CW_EXE_CACHE_MAX)
		return &c->entries[c->n++];
	for (size_t i = 1; i < c->n; i++)
		if (c->entries[i].last_use < oldest->last_use)
			oldest = &c->entries[i];
	return oldest;
}

/*
 * True if a later change of the file is sure to change its key. Time that lies ahead is no reason
 * to doubt: a board without a clock starts in the past of its files.
 */
static bool has_settled(const struct key *key)
{
	bool coarse = !key->ctime.tv_nsec || !key->mtime.tv_nsec;
	int64_t tick = coarse ? COARSE_TICK_NS : TICK_NS;
	struct timespec now;
	int64_t age;

	clock_gettime(CLOCK_REALTIME, &now);
	if (llabs((long long)now.tv_sec - (long long)key->ctime.tv_sec) > 3)
		return true;
	age = ((int64_t)now.tv_sec - key->ctime.tv_sec) * (int64_t)CW_NSEC_PER_SEC +
	      now.tv_nsec - key->ctime.tv_nsec;
	return age > tick || age < -tick;
}

static int digest_once(struct cw_exe_cache *c, int fd, EVP_MD_CTX *ctx,
		       unsigned char ret_digest[EVP_MAX_MD_SIZE])
{
	uint64_t total = 0;
	off_t offset = 0;
	ssize_t n;

	if (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return -EIO;
	while ((n = pread(fd, c->chunk, sizeof(c->chunk), offset)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		offset += n;
		total += (uint64_t)n;
		c->hashed_bytes += (uint64_t)n;
		/* The size was checked, but the file may grow faster than it is read. */
		if (total > CW_EXE_SIZE_MAX)
			return -EFBIG;
		if (EVP_DigestUpdate(ctx, c->chunk, (size_t)n) != 1)
			return -EIO;
	}
	return EVP_DigestFinal_ex(ctx, ret_digest, NULL) == 1 ? 0 : -EIO;
}

/* Hashes the open file between two looks at it that agree; sets what it was then. */
static int digest_stable(struct cw_exe_cache *c, int fd, struct key *ret_key,
			 char ret_hex[CW_SHA256_HEX])
{
	CW_CLEANUP(free_digest) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct stat before, after;
	int r;

	if (!ctx)
		return -ENOMEM;
	for (int attempt = 0; attempt < 2; attempt++) {
		if (fstat(fd, &before))
			return -errno;
		r = digest_once(c, fd, ctx, digest);
		if (r < 0)
			return r;
		if (fstat(fd, &after))
			return -errno;
		if (before.st_size != after.st_size || !same_time(&before.st_mtim, &after.st_mtim))
			continue;
		/* The earlier look: a rename or chmod since then costs one more reading. */
		*ret_key = key_of(&before);
		cw_sha256_hex(digest, ret_hex);
		return 0;
	}
	return -ESTALE;
}

static bool is_wanted(const struct wanted *w, const struct stat *st)
{
	if ((uint64_t)st->st_ino != w->ino)
		return false;
	if (!w->with_dev || (!w->dev_major && !major(st->st_dev)))
		return true;
	return major(st->st_dev) == w->dev_major && minor(st->st_dev) == w->dev_minor;
}

/* Opens the file that an O_PATH descriptor stands for: that one, whatever its name is by now. */
static int reopen(int fd)
{
	char link[64];
	int r;

	/* The real procfs, also where the cache was given another. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	r = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return r < 0 ? -errno : r;
}

/* Reads the file behind an O_PATH descriptor, and keeps the result once it cannot go stale. */
static int hash_unknown(struct cw_exe_cache *c, int at, char ret_hex[CW_SHA256_HEX])
{
	cw_auto_close int fd = reopen(at);
	char hex[CW_SHA256_HEX];
	struct entry *e;
	struct key key = {};
	int r;

	if (fd < 0)
		return fd;
	r = digest_stable(c, fd, &key, hex);
	if (r < 0)
		return r;
	memcpy(ret_hex, hex, sizeof(hex));
	if (!has_settled(&key))
		return 0;
	/* It may have changed since it was looked up, into what is known already. */
	e = find(c, &key);
	if (!e)
		e = make_room(c);
	e->key = key;
	e->last_use = ++c->uses;
	memcpy(e->hex, hex, sizeof(hex));
	return 0;
}

static int hash_file(struct cw_exe_cache *c, const char *path, const struct wanted *w,
		     char ret_hex[CW_SHA256_HEX])
{
	cw_auto_close int at = open(path, O_PATH | O_CLOEXEC);
	struct entry *e;
	struct stat st;
	struct key key;

	if (at < 0)
		return errno == ENOENT || errno == ESRCH || errno == ENOTDIR ? -ESTALE : -errno;
	if (fstat(at, &st))
		return -errno;
	if (!is_wanted(w, &st))
		return -ESTALE;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > CW_EXE_SIZE_MAX)
		return -EFBIG;

	key = key_of(&st);
	e = find(c, &key);
	if (!e)
		return hash_unknown(c, at, ret_hex);
	e->last_use = ++c->uses;
	memcpy(ret_hex, e->hex, sizeof(e->hex));
	return 0;
}

static int hash_wanted(struct cw_exe_cache *c, uint32_t pid, const char *path,
		       const struct wanted *w, char ret_hex[CW_SHA256_HEX])
{
	cw_auto_free char *link = NULL;
	int by_pid = -ESTALE, by_path;

	/* First, because it works for a deleted file, a memfd and in other mount namespaces. */
	if (pid) {
		if (asprintf(&link, "%s/%u/exe", c->proc, pid) < 0) {
			link = NULL;
			return -ENOMEM;
		}
		by_pid = hash_file(c, link, w, ret_hex);
		if (!by_pid)
			return 0;
	}
	if (!path || path[0] != '/')
		return by_pid;
	by_path = hash_file(c, path, w, ret_hex);
	return !by_path || by_pid == -ESTALE ? by_path : by_pid;
}

int cw_exe_hash(struct cw_exe_cache *c, uint32_t pid, const char *path, uint64_t ino,
		char ret_hex[CW_SHA256_HEX])
{
	struct wanted w = { .ino = ino };

	return hash_wanted(c, pid, path, &w, ret_hex);
}

int cw_exe_hash_on(struct cw_exe_cache *c, uint32_t pid, const char *path, uint32_t dev_major,
		   uint32_t dev_minor, uint64_t ino, char ret_hex[CW_SHA256_HEX])
{
	struct wanted w = { true, dev_major, dev_minor, ino };

	return hash_wanted(c, pid, path, &w, ret_hex);
}

uint64_t cw_exe_hashed_bytes(const struct cw_exe_cache *c)
{
	return c->hashed_bytes;
}

int cw_exe_cache_new(const char *proc, struct cw_exe_cache **ret_cache)
{
	struct cw_exe_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->proc = strdup(proc);
	if (!c->proc) {
		free(c);
		return -ENOMEM;
	}
	*ret_cache = c;
	return 0;
}

void cw_exe_cache_free(struct cw_exe_cache *c)
{
	if (!c)
		return;
	free(c->proc);
	free(c);
}
