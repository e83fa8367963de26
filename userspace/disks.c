// SPDX-License-Identifier: Apache-2.0
/*
 * The disks below the watched trees: who reads them raw reads the recordings, whatever the file
 * system says.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "assets.h"

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (path[len] == '/' || !path[len]);
}

/* What is found from here on belongs to tree `index`. */
static void add_device(struct cw_assets *a, struct cw_disks *disks, dev_t dev, uint32_t index)
{
	size_t before = disks->n;

	if (major(dev))
		cw_disk_add("/", major(dev), minor(dev), disks);
	for (size_t i = before; i < disks->n; i++)
		a->disk_tree[i] = index;
}

/*
 * A file system may have a number of its own (btrfs), or stand below a root: proc(5), mountinfo has
 * the number, the mount point and what was mounted.
 */
static void add_mounts(struct cw_assets *a, struct cw_disks *disks, const char *root, dev_t dev,
		       uint32_t index)
{
	cw_auto_fclose FILE *f = fopen("/proc/self/mountinfo", "re");
	cw_auto_free char *line = NULL;
	char point[4096], source[4096];
	unsigned int dev_major, dev_minor;
	size_t room = 0;
	struct stat st;

	while (f && getline(&line, &room, f) > 0) {
		const char *rest = strstr(line, " - ");

		if (!rest || sscanf(line, "%*d %*d %u:%u %*s %4095s", &dev_major, &dev_minor,
				    point) != 3 ||
		    sscanf(rest, " - %*s %4095s", source) != 1)
			continue;
		if (makedev(dev_major, dev_minor) != dev && !is_below(point, root))
			continue;
		if (dev_major)
			add_device(a, disks, makedev(dev_major, dev_minor), index);
		else if (source[0] == '/' && !stat(source, &st) && S_ISBLK(st.st_mode))
			add_device(a, disks, st.st_rdev, index);
	}
}

static void watch_disk(struct cw_assets *a, struct cw_disk *d)
{
	uint32_t mark;
	struct stat st;
	int fd;

	if (d->kind != CW_DISK_FILE) {
		cw_kernel_watch_device(a->kernel, d->dev_major, d->dev_minor,
				       d->kind == CW_DISK_BLOCK, CW_ASSET_BELOW);
		return;
	}
	if (stat(d->name, &st) || !S_ISREG(st.st_mode))
		return;
	d->dev_major = major(st.st_dev);
	d->dev_minor = minor(st.st_dev);
	d->ino = st.st_ino;
	mark = cw_kernel_marked(a->kernel, st.st_ino,
				CW_MKDEV(major(st.st_dev), minor(st.st_dev)));
	if (mark != CW_NO_ASSET)
		return; /* a recording is one already */
	fd = cw_kernel_touch(a->kernel, AT_FDCWD, d->name, 0, CW_ASSET_BELOW);
	if (fd >= 0)
		close(fd);
}

void cw_assets_refresh_disks(struct cw_assets *a)
{
	struct cw_disks *disks = calloc(1, sizeof(*disks));
	struct stat st;

	if (!disks)
		return;
	for (uint32_t i = 0; i < cw_watch_n(a->watch); i++) {
		const char *root = cw_watch_root(a->watch, i);

		if (a->retired[i] || stat(root, &st))
			continue;
		add_device(a, disks, st.st_dev, i);
		add_mounts(a, disks, root, st.st_dev, i);
	}
	for (size_t i = 0; i < disks->n; i++)
		watch_disk(a, &disks->disk[i]);
	free(a->disks);
	a->disks = disks;
}

static const struct cw_disk *find(const struct cw_assets *a, uint32_t mode, uint32_t rdev)
{
	return a->disks ? cw_disk_find(a->disks, S_ISBLK(mode) ? CW_DISK_BLOCK : CW_DISK_RAW,
				       CW_MAJOR(rdev), CW_MINOR(rdev)) : NULL;
}

/* `dev` 0: on whichever file system. */
static const struct cw_disk *find_file(const struct cw_assets *a, uint64_t ino, uint32_t dev)
{
	for (size_t i = 0; a->disks && i < a->disks->n; i++) {
		const struct cw_disk *d = &a->disks->disk[i];

		if (d->kind == CW_DISK_FILE && d->ino == ino &&
		    (!dev || CW_MKDEV(d->dev_major, d->dev_minor) == dev))
			return d;
	}
	return NULL;
}

bool cw_assets_is_disk(const struct cw_assets *a, uint32_t mode, uint32_t rdev)
{
	return find(a, mode, rdev) != NULL;
}

/* What a loop device stands over, which may be gone from sysfs already. */
static const struct cw_disk *find_source(const struct cw_assets *a,
					 const struct cw_decoded_record *r)
{
	return r->target_dev ? find(a, S_IFBLK, r->target_dev) :
	       r->target_ino ? find_file(a, r->target_ino, 0) : NULL;
}

bool cw_assets_identify_disk(struct cw_assets *a, struct cw_event *e,
			     const struct cw_decoded_record *r)
{
	bool device = S_ISBLK(r->mode) || S_ISCHR(r->mode);
	const struct cw_disk *d = device ? find(a, r->mode, r->rdev) : find_file(a, r->ino, r->dev);
	const struct cw_disk *below;

	/* A loop device that was just put over one of them is told before sysfs has it. */
	if (!d && S_ISBLK(r->mode) && CW_MAJOR(r->rdev) == CW_LOOP_MAJOR) {
		cw_assets_refresh_disks(a);
		d = find(a, r->mode, r->rdev);
	}
	if (device && !d && CW_MAJOR(r->rdev) != CW_LOOP_MAJOR)
		return false;
	e->asset.kind = CW_ASSET_DISK;
	e->asset.root = NULL;
	e->asset.node = d && device ? d->name : NULL;
	if (!e->asset.path)
		e->asset.path = e->asset.node;
	e->asset.name = e->asset.node ? e->asset.node : e->asset.path;
	if (e->kind == CW_KIND_OPEN)
		e->kind = CW_KIND_RAWDISK;
	/* The kernel's word first: the number may have been given to another disk since. */
	below = find_source(a, r);
	if (!below)
		below = d;
	if (below)
		cw_event_add_string(e, "below",
				    cw_watch_root(a->watch,
						  a->disk_tree[below - a->disks->disk]));
	return true;
}
