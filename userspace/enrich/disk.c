// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "enrich/disk.h"

const struct cw_disk *cw_disk_find(const struct cw_disks *disks, enum cw_disk_kind kind,
				   unsigned int dev_major, unsigned int dev_minor)
{
	for (size_t i = 0; i < disks->n; i++)
		if (disks->disk[i].kind == kind && disks->disk[i].dev_major == dev_major &&
		    disks->disk[i].dev_minor == dev_minor)
			return &disks->disk[i];
	return NULL;
}

/* False: it is there already, or there is no room. */
static bool put(struct cw_disks *disks, enum cw_disk_kind kind, unsigned int dev_major,
		unsigned int dev_minor, const char *name)
{
	struct cw_disk *d;

	for (size_t i = 0; i < disks->n; i++)
		if (kind == CW_DISK_FILE && disks->disk[i].kind == kind &&
		    cw_streq(disks->disk[i].name, name))
			return false;
	if (kind != CW_DISK_FILE && cw_disk_find(disks, kind, dev_major, dev_minor))
		return false;
	if (disks->n == CW_DISKS_MAX) {
		disks->full = true;
		return false;
	}
	d = &disks->disk[disks->n++];
	d->kind = kind;
	d->dev_major = dev_major;
	d->dev_minor = dev_minor;
	snprintf(d->name, sizeof(d->name), "%s", name);
	return true;
}

/* The first line of a file in sysfs; false: it is not there. */
static bool read_first(const char *dir, const char *name, char *line, size_t size)
{
	char path[PATH_MAX];
	cw_auto_fclose FILE *f = NULL;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return false;
	f = fopen(path, "re");
	if (!f || !fgets(line, (int)size, f))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return true;
}

static bool read_number(const char *dir, unsigned int *ret_major, unsigned int *ret_minor)
{
	char line[64];

	return read_first(dir, "dev", line, sizeof(line)) &&
	       sscanf(line, "%u:%u", ret_major, ret_minor) == 2;
}

/* Kernel names may have a '!' for the '/' that a node's name has. */
static void node_name(const char *dir, char ret_name[PATH_MAX])
{
	const char *base = strrchr(dir, '/');

	snprintf(ret_name, PATH_MAX, "/dev/%s", base ? base + 1 : dir);
	for (char *s = ret_name; *s; s++)
		if (*s == '!')
			*s = '/';
}

/* fn for each entry of a folder in sysfs whose name begins so. */
static void each_entry(const char *dir, const char *sub, const char *begin,
		       void (*fn)(const char *root, const char *dir, struct cw_disks *disks),
		       const char *root, struct cw_disks *disks)
{
	char path[PATH_MAX], entry[PATH_MAX];
	struct dirent *de;
	DIR *d;

	if (snprintf(path, sizeof(path), "%s/%s", dir, sub) >= (int)sizeof(path))
		return;
	d = opendir(path);
	while (d && (de = readdir(d)))
		if (de->d_name[0] != '.' && !strncmp(de->d_name, begin, strlen(begin)) &&
		    snprintf(entry, sizeof(entry), "%s/%s", path, de->d_name) < (int)sizeof(entry))
			fn(root, entry, disks);
	if (d)
		closedir(d);
}

static void add_raw(const char *root, const char *dir, struct cw_disks *disks)
{
	unsigned int dev_major, dev_minor;
	char name[PATH_MAX];

	(void)root;
	node_name(dir, name);
	if (read_number(dir, &dev_major, &dev_minor))
		put(disks, CW_DISK_RAW, dev_major, dev_minor, name);
}

/* The file system that the file behind a loop device is on has its content, too. */
static void add_file(const char *root, const char *dir, struct cw_disks *disks)
{
	char path[PATH_MAX];
	struct stat st;

	if (!read_first(dir, "loop/backing_file", path, sizeof(path)) ||
	    !put(disks, CW_DISK_FILE, 0, 0, path) || !cw_streq(root, "/"))
		return;
	if (!stat(path, &st))
		cw_disk_add(root, major(S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev),
			    minor(S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev), disks);
}

/* False: it is no block device, or was added before. */
static bool add_block(const char *dir, char ret_real[PATH_MAX], struct cw_disks *disks)
{
	unsigned int dev_major, dev_minor;
	char name[PATH_MAX];

	if (!realpath(dir, ret_real) || !read_number(ret_real, &dev_major, &dev_minor))
		return false;
	node_name(ret_real, name);
	return put(disks, CW_DISK_BLOCK, dev_major, dev_minor, name);
}

/* What stands on a device that has the content; what else that stands on has not. */
static void add_above(const char *root, const char *dir, struct cw_disks *disks)
{
	char real[PATH_MAX];

	if (add_block(dir, real, disks))
		each_entry(real, "holders", "", add_above, root, disks);
}

static void add_dir(const char *root, const char *dir, struct cw_disks *disks)
{
	char real[PATH_MAX], up[PATH_MAX], name[PATH_MAX], line[64];

	if (!add_block(dir, real, disks))
		return;
	add_file(root, real, disks);
	each_entry(real, "slaves", "", add_dir, root, disks);
	each_entry(real, "holders", "", add_above, root, disks);
	if (read_first(real, "partition", line, sizeof(line)) &&
	    snprintf(up, sizeof(up), "%s/..", real) < (int)sizeof(up))
		add_dir(root, up, disks);
	each_entry(real, "device/scsi_generic", "", add_raw, root, disks);
	each_entry(real, "device/bsg", "", add_raw, root, disks);
	each_entry(real, "device", "ng", add_raw, root, disks);
	if (snprintf(up, sizeof(up), "%s/device", real) < (int)sizeof(up) && realpath(up, name))
		add_raw(root, name, disks);
}

/* Loop devices over a device or a file of the list: they have no holder there. */
static void add_loop(const char *root, const char *dir, struct cw_disks *disks)
{
	char path[PATH_MAX];
	struct stat st;
	bool known = false;

	if (!read_first(dir, "loop/backing_file", path, sizeof(path)))
		return;
	for (size_t i = 0; i < disks->n && !known; i++)
		known = disks->disk[i].kind != CW_DISK_RAW && cw_streq(disks->disk[i].name, path);
	/* A node of somebody's own has another name. */
	known = known || (cw_streq(root, "/") && !stat(path, &st) && S_ISBLK(st.st_mode) &&
			  cw_disk_find(disks, CW_DISK_BLOCK, major(st.st_rdev), minor(st.st_rdev)));
	if (known)
		add_dir(root, dir, disks);
}

void cw_disk_add(const char *root, unsigned int dev_major, unsigned int dev_minor,
		 struct cw_disks *disks)
{
	char path[PATH_MAX];
	size_t before = disks->n;

	snprintf(path, sizeof(path), "%s/sys/dev/block/%u:%u", root, dev_major, dev_minor);
	add_dir(root, path, disks);
	if (disks->n == before)
		return;
	snprintf(path, sizeof(path), "%s/sys", root);
	each_entry(path, "block", "loop", add_loop, root, disks);
}
