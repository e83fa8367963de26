// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "alive.h"

#define PREFIX	  "alive."
#define FILES_MAX 64 /* more than that were not left by us */

/* In the byte order of the machine: it is read on the same one. */
struct content {
	char magic[8];
	char boot_id[40];
	uint64_t boot_ns, wall_ns;
	uint32_t pid, pad;
};

_Static_assert(sizeof(struct content) == 72, "content");

static const char magic[8] = "CWALIVE1";

struct cw_alive {
	char *path;
	int fd; /* locked while we run */
	struct content *content;
};

/* True: whoever made that file is not running any more, and it says until when he was. */
static bool left_behind(int dir, const char *name, struct cw_alive_hole *ret_hole)
{
	cw_auto_close int fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct content c = {};
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || flock(fd, LOCK_EX | LOCK_NB))
		return false;
	unlinkat(dir, name, 0);
	if (pread(fd, &c, sizeof(c), 0) != sizeof(c) || memcmp(c.magic, magic, sizeof(magic)) ||
	    !memchr(c.boot_id, '\0', sizeof(c.boot_id)) || !c.wall_ns)
		return false;
	memcpy(ret_hole->boot_id, c.boot_id, sizeof(c.boot_id));
	ret_hole->boot_ns = c.boot_ns;
	ret_hole->wall_ns = c.wall_ns;
	ret_hole->pid = c.pid;
	return true;
}

static void look_around(const char *dir, void (*fn)(void *ctx, const struct cw_alive_hole *h),
			void *ctx)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	int n = 0;

	while (d && n < FILES_MAX && (de = readdir(d))) {
		struct cw_alive_hole h;

		if (strncmp(de->d_name, PREFIX, strlen(PREFIX)))
			continue;
		n++;
		if (left_behind(dirfd(d), de->d_name, &h))
			fn(ctx, &h);
	}
	if (d)
		closedir(d);
}

static int make(struct cw_alive *a, const char *dir, const char *boot_id)
{
	struct content c = { .pid = (uint32_t)getpid() };

	memcpy(c.magic, magic, sizeof(magic));
	snprintf(c.boot_id, sizeof(c.boot_id), "%s", boot_id);
	if (asprintf(&a->path, "%s/" PREFIX "XXXXXX", dir) < 0) {
		a->path = NULL;
		return -ENOMEM;
	}
	a->fd = mkostemp(a->path, O_CLOEXEC);
	if (a->fd < 0 || flock(a->fd, LOCK_EX | LOCK_NB) ||
	    pwrite(a->fd, &c, sizeof(c), 0) != sizeof(c))
		return -errno;
	a->content = mmap(NULL, sizeof(c), PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, 0);
	if (a->content == MAP_FAILED) {
		a->content = NULL;
		return -errno;
	}
	return 0;
}

int cw_alive_open(const char *dir, const char *boot_id,
		  void (*fn)(void *ctx, const struct cw_alive_hole *h), void *ctx,
		  struct cw_alive **ret_alive)
{
	struct cw_alive *a;
	int r;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	look_around(dir, fn, ctx);
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->fd = -1;
	r = make(a, dir, boot_id);
	if (r)
		cw_alive_close(a);
	else
		*ret_alive = a;
	return r;
}

void cw_alive_sign(struct cw_alive *a, uint64_t boot_ns, uint64_t wall_ns)
{
	if (!a)
		return;
	a->content->boot_ns = boot_ns;
	a->content->wall_ns = wall_ns;
}

const char *cw_alive_path(const struct cw_alive *a)
{
	return a ? a->path : NULL;
}

void cw_alive_close(struct cw_alive *a)
{
	if (!a)
		return;
	if (a->content)
		munmap(a->content, sizeof(*a->content));
	if (a->path && a->fd >= 0)
		unlink(a->path);
	cw_closep(&a->fd);
	free(a->path);
	free(a);
}
