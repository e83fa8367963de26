// SPDX-License-Identifier: Apache-2.0
/*
 * The block device below the file. Where the file's first extent lies is found out by a
 * holder, so that the process which reads the disk has not touched the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attacks.h"

#define BLOCK 4096
#define AMOUNT 65536
#define UNUSABLE (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_ENCODED | \
		  FIEMAP_EXTENT_DATA_ENCRYPTED | FIEMAP_EXTENT_DATA_INLINE | \
		  FIEMAP_EXTENT_NOT_ALIGNED)

static int block_by_number(int fd, uint64_t *ret_offset)
{
	int block = 0, size = 0;

	if (ioctl(fd, FIGETBSZ, &size) || ioctl(fd, FIBMAP, &block))
		return -errno;
	if (!block)
		return -ENODATA;
	*ret_offset = (uint64_t)block * (uint64_t)size;
	return 0;
}

static int hold_offset(const struct attack *a, int sock)
{
	struct fiemap *map = calloc(1, sizeof(*map) + sizeof(map->fm_extents[0]));
	struct held *held = &a->result->held;
	int err = map ? hold_open(a, sock) : -ENOMEM;

	if (err)
		return err;
	map->fm_length = FIEMAP_MAX_OFFSET;
	map->fm_flags = FIEMAP_FLAG_SYNC;
	map->fm_extent_count = 1;
	if (fsync(held->fd))
		return -errno;
	if (ioctl(held->fd, FS_IOC_FIEMAP, map))
		return block_by_number(held->fd, &held->offset);
	if (!map->fm_mapped_extents || map->fm_extents[0].fe_flags & UNUSABLE)
		return -EOPNOTSUPP;
	held->offset = map->fm_extents[0].fe_physical;
	return 0;
}

/* Past the page cache, which may have what was there before. */
static int prove_raw(const struct attack *a, int fd, uint64_t offset, const char *object)
{
	struct stat st;
	void *data;
	ssize_t n;

	if (posix_memalign(&data, BLOCK, AMOUNT))
		return attack_fail(a, "no memory");
	if (fstat(fd, &st) || posix_fadvise(fd, (off_t)offset, AMOUNT, POSIX_FADV_DONTNEED))
		return attack_fail(a, "fadvise %s", object);
	n = pread(fd, data, AMOUNT, (off_t)offset);
	if (n < 0)
		return attack_fail(a, "read %s at %llu", object, (unsigned long long)offset);
	errno = ENODATA;
	if (!find_marker(data, (size_t)n))
		return attack_fail(a, "no marker on %s at %llu", object,
				   (unsigned long long)offset);
	return attack_reached(a, &st, object, "read marker from the disk");
}

static int open_raw(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);

	return fd < 0 && errno == EINVAL ? open(path, O_RDONLY | O_CLOEXEC) : fd;
}

static int read_at(const struct attack *a, const char *path, uint64_t start)
{
	int fd, err;

	fd = open_raw(path);
	if (fd < 0)
		return attack_fail(a, "open %s", path);
	err = prove_raw(a, fd, start + a->result->held.offset, path);
	close(fd);
	return err;
}

/* Learns the offset. Returns 1 when the case was skipped, negative when it failed. */
static int locate(const struct attack *a)
{
	struct holder holder;

	if (geteuid()) {
		attack_skip(a, "not root");
		return 1;
	}
	if (!major(a->stat.st_dev)) {
		attack_skip(a, "%s is on a file system without a block device", a->target);
		return 1;
	}
	if (holder_start(a, &holder, hold_offset)) {
		if (a->result->error != -EOPNOTSUPP && a->result->error != -EINVAL)
			return a->result->error;
		attack_skip(a, "this file system does not tell where %s lies", a->target);
		return 1;
	}
	holder_stop(&holder);
	return 0;
}

static int done(const struct attack *a, int err)
{
	return a->result->skipped[0] ? 0 : err;
}

static char *in_sys(dev_t dev, const char *name)
{
	return text_of("/sys/dev/block/%u:%u/%s", major(dev), minor(dev), name);
}

static int read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	int err = 0;

	if (!f)
		return -errno;
	if (fgets(line, (int)size, f))
		line[strcspn(line, "\n")] = '\0';
	else
		err = -EIO;
	fclose(f);
	return err;
}

/* The node in /dev of a device of this number, which sysfs names. */
static int find_node(const struct attack *a, const char *sys, dev_t dev, char **ret_path)
{
	char real[PATH_MAX];
	struct stat st;

	if (!realpath(sys, real))
		return attack_fail(a, "%s", sys);
	*ret_path = text_of("/dev%s", strrchr(real, '/'));
	if (!stat(*ret_path, &st) && S_ISBLK(st.st_mode) && st.st_rdev == dev)
		return 0;
	*ret_path = text_of("%s/disk", a->tmp);
	return mknod(*ret_path, S_IFBLK | 0600, dev) ? attack_fail(a, "mknod %s", *ret_path) : 0;
}

static int run_raw(const struct attack *a)
{
	char *path;
	int err = locate(a);

	if (!err)
		err = find_node(a, in_sys(a->stat.st_dev, ""), a->stat.st_dev, &path);
	return err ? done(a, err) : read_at(a, path, 0);
}

static int run_raw_node(const struct attack *a)
{
	const char *path = text_of("%s/disk", a->tmp);
	int err = locate(a);

	if (err)
		return done(a, err);
	if (mknod(path, S_IFBLK | 0600, a->stat.st_dev))
		return attack_cannot(a, "mknod %s", path);
	return read_at(a, path, 0);
}

static int run_raw_parent(const struct attack *a)
{
	dev_t dev = a->stat.st_dev;
	char line[64], *path;
	unsigned int number[2];
	uint64_t start;
	int err;

	if (read_line(in_sys(dev, "start"), line, sizeof(line)) ||
	    access(in_sys(dev, "partition"), F_OK))
		return attack_skip(a, "%s is on no partition", a->target);
	start = strtoull(line, NULL, 10) * 512;
	if (read_line(in_sys(dev, "../dev"), line, sizeof(line)) ||
	    sscanf(line, "%u:%u", &number[0], &number[1]) != 2)
		return attack_fail(a, "no disk of the partition");
	err = locate(a);
	if (!err)
		err = find_node(a, in_sys(dev, ".."), makedev(number[0], number[1]), &path);
	return err ? done(a, err) : read_at(a, path, start);
}

static int run_backing_file(const struct attack *a)
{
	char path[PATH_MAX];
	int err;

	if (read_line(in_sys(a->stat.st_dev, "loop/backing_file"), path, sizeof(path)))
		return attack_skip(a, "%s is on no loop device", a->target);
	err = locate(a);
	return err ? done(a, err) : read_at(a, path, 0);
}

/* Nodes of our own, because the driver may not be loaded before its control is opened. */
static int free_loop(const struct attack *a, char **ret_path)
{
	const char *control = text_of("%s/loop-control", a->tmp);
	int fd, number;

	if (mknod(control, S_IFCHR | 0600, makedev(10, 237)))
		return attack_fail(a, "mknod %s", control);
	fd = open(control, O_RDWR | O_CLOEXEC);
	number = fd < 0 ? -1 : ioctl(fd, LOOP_CTL_GET_FREE);
	if (number < 0) {
		attack_skip(a, "no loop device: %s", strerror(errno));
		return 1;
	}
	close(fd);
	*ret_path = text_of("%s/loop", a->tmp);
	return mknod(*ret_path, S_IFBLK | 0600, makedev(7, (unsigned int)number)) ?
		       attack_fail(a, "mknod %s", *ret_path) : 0;
}

static int run_loop(const struct attack *a)
{
	struct loop_config config;
	char *disk, *path = NULL;
	int loop, err = locate(a);

	if (!err)
		err = find_node(a, in_sys(a->stat.st_dev, ""), a->stat.st_dev, &disk);
	if (!err)
		err = free_loop(a, &path);
	if (err)
		return done(a, err);
	memset(&config, 0, sizeof(config));
	config.fd = (uint32_t)open(disk, O_RDONLY | O_CLOEXEC);
	/* The last close ends it. */
	config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
	loop = open_raw(path);
	if ((int)config.fd < 0 || loop < 0)
		return attack_fail(a, "open %s and %s", disk, path);
	if (ioctl(loop, LOOP_CONFIGURE, &config))
		return errno == EINVAL ? attack_skip(a, "no LOOP_CONFIGURE") :
					 attack_fail(a, "LOOP_CONFIGURE");
	err = prove_raw(a, loop, a->result->held.offset, path);
	close(loop);
	return err;
}

const struct attack_case cases_disk[] = {
	{"raw-disk", 25, NEEDS_FILE, "marker read from the block device below", run_raw},
	{"raw-node", 25, NEEDS_FILE, "the same by a node of our own", run_raw_node},
	{"raw-parent", 25, NEEDS_FILE, "marker read from the disk of the partition",
	 run_raw_parent},
	{"raw-loop", 25, NEEDS_FILE, "marker read by a loop device over the block device",
	 run_loop},
	{"raw-image", 25, NEEDS_FILE, "marker read from the image behind a loop device",
	 run_backing_file},
	{0},
};
