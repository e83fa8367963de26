/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices and files have the content of a file system, below it: the partition, the disk it
 * is on, what a device mapper or a RAID put together, what stands on the same device, a loop
 * device's file, and the raw nodes of a disk. From sysfs; opens nothing but its files.
 */
#ifndef CW_DISK_H
#define CW_DISK_H

#include "base/base.h"

#define CW_DISKS_MAX 256

enum cw_disk_kind {
	CW_DISK_BLOCK,
	CW_DISK_RAW, /* a character device: sg, bsg, NVMe */
	CW_DISK_FILE, /* behind a loop device */
};

struct cw_disk {
	enum cw_disk_kind kind;
	unsigned int dev_major, dev_minor; /* of a file: the caller's, 0 at first */
	uint64_t ino;			   /* the same */
	char name[256]; /* "/dev/sda1"; of a file its path */
};

struct cw_disks {
	struct cw_disk disk[CW_DISKS_MAX];
	size_t n;
	bool full; /* there are more */
};

/*
 * Adds the block device of that number and all that has its content, each once. `root` is "/" live;
 * tests give a directory with sys/ in it. A number that is no block device adds nothing.
 */
void cw_disk_add(const char *root, unsigned int dev_major, unsigned int dev_minor,
		 struct cw_disks *disks);
/* The one of that kind and number, or NULL. */
const struct cw_disk *cw_disk_find(const struct cw_disks *disks, enum cw_disk_kind kind,
				   unsigned int dev_major, unsigned int dev_minor);

#endif
