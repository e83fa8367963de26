// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "canary.h"

int cw_canary_start(struct cw_canary *c, struct cw_kernel *k)
{
	char name[32];
	struct stat st;
	ssize_t n;
	int touched;

	memset(c, 0, sizeof(*c));
	c->kernel = k;
	c->fd = memfd_create("camwarden-canary", MFD_CLOEXEC);
	if (c->fd < 0)
		return -errno;
	n = readlink("/proc/self/exe", c->exe, sizeof(c->exe) - 1);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", c->fd);
	touched = cw_kernel_touch(k, AT_FDCWD, name, 0, CW_CANARY_ASSET);
	if (touched < 0 || n <= 0 || fstat(c->fd, &st)) {
		snprintf(c->wrong, sizeof(c->wrong), "its object could not be marked: %s",
			 strerror(touched < 0 ? -touched : errno));
		return touched < 0 ? touched : -EIO;
	}
	close(touched);
	c->ino = st.st_ino;
	cw_kernel_set_canary(k, c->ino);
	return 0;
}

void cw_canary_stop(struct cw_canary *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void cw_canary_fly(struct cw_canary *c, uint64_t now_ns)
{
	char name[32];
	int fd;

	c->flying = true;
	c->since_ns = now_ns;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", c->fd);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
}

static bool same_file(const char *a, const char *b)
{
	size_t n = a ? strlen(a) : 0;

	/* A program that was replaced while it runs is "… (deleted)" in /proc. */
	return n && !strncmp(a, b, n) && (!b[n] || !strcmp(b + n, " (deleted)"));
}

int cw_canary_check(struct cw_canary *c, const struct cw_event *e,
		    const struct cw_decoded_record *r)
{
	if (r->asset != CW_CANARY_ASSET)
		return 0;
	if (e->kind != CW_KIND_OPEN || !c->flying)
		return 1; /* its close, or a late one: nothing to learn from */
	c->flying = false;
	if (r->ino != c->ino)
		snprintf(c->wrong, sizeof(c->wrong), "inode %llu came, %llu was opened",
			 (unsigned long long)r->ino, (unsigned long long)c->ino);
	else if (e->process.pid != (uint32_t)getpid())
		snprintf(c->wrong, sizeof(c->wrong), "process %u came, %u opened it",
			 e->process.pid, (unsigned int)getpid());
	else if (!same_file(e->process.exe, c->exe))
		snprintf(c->wrong, sizeof(c->wrong), "executable %.90s came, it is %.90s",
			 e->process.exe ? e->process.exe : "unknown", c->exe);
	else if (!(e->asset.access & CW_ACCESS_READ) || e->result)
		snprintf(c->wrong, sizeof(c->wrong), "access %x, result %d came, it was read, 0",
			 e->asset.access, e->result);
	else
		return 1;
	return -1;
}
