// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: from a made-up sysfs, every device and file that has the content of a file
 * system is found, each once, and what has not is left out.
 */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "enrich/disk.h"

static char root[64];
static struct cw_disks disks;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	(void)state;
	memset(&disks, 0, sizeof(disks));
	strcpy(root, "/tmp/cw-disk-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The place of `path` below the root, with the directories above it. */
static const char *place(const char *path)
{
	static char full[512];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *s = strchr(full + strlen(root) + 1, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		assert_true(!mkdir(full, 0755) || errno == EEXIST);
		*s = '/';
	}
	return full;
}

static void file(const char *path, const char *text)
{
	FILE *f = fopen(place(path), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void to(const char *target, const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", root, target);
	assert_int_equal(symlink(full, place(path)), 0);
}

/* A block device: its folder below sys/devices, and the way to it by number. */
static void device(const char *dir, const char *number)
{
	char path[512], text[32];

	snprintf(path, sizeof(path), "sys/devices/%s/dev", dir);
	snprintf(text, sizeof(text), "%s\n", number);
	file(path, text);
	snprintf(path, sizeof(path), "sys/dev/block/%s", number);
	snprintf(text, sizeof(text), "sys/devices/%s", dir);
	to(text, path);
}

static bool has(enum cw_disk_kind kind, unsigned int dev_major, unsigned int dev_minor,
		const char *name)
{
	const struct cw_disk *d = cw_disk_find(&disks, kind, dev_major, dev_minor);

	return d && cw_streq(d->name, name);
}

static void test_partition(void **state)
{
	(void)state;
	device("sda", "8:0");
	device("sda/sda1", "8:1");
	device("sda/sda2", "8:2");
	file("sys/devices/sda/sda1/partition", "1\n");
	file("sys/devices/sda/sda2/partition", "2\n");
	file("sys/devices/sda/device/scsi_generic/sg0/dev", "21:0\n");
	file("sys/devices/sda/device/bsg/0:0:0:0/dev", "250:0\n");
	cw_disk_add(root, 8, 1, &disks);
	assert_true(has(CW_DISK_BLOCK, 8, 1, "/dev/sda1"));
	assert_true(has(CW_DISK_BLOCK, 8, 0, "/dev/sda"));
	assert_true(has(CW_DISK_RAW, 21, 0, "/dev/sg0"));
	assert_true(has(CW_DISK_RAW, 250, 0, "/dev/0:0:0:0"));
	assert_int_equal(disks.n, 4); /* not the other partition */
	cw_disk_add(root, 8, 1, &disks);
	assert_int_equal(disks.n, 4);
}

static void test_nvme(void **state)
{
	(void)state;
	device("nvme0/nvme0n1", "259:0");
	file("sys/devices/nvme0/dev", "240:0\n");
	file("sys/devices/nvme0/ng0n1/dev", "241:0\n");
	to("sys/devices/nvme0", "sys/devices/nvme0/nvme0n1/device");
	cw_disk_add(root, 259, 0, &disks);
	assert_true(has(CW_DISK_BLOCK, 259, 0, "/dev/nvme0n1"));
	assert_true(has(CW_DISK_RAW, 240, 0, "/dev/nvme0"));
	assert_true(has(CW_DISK_RAW, 241, 0, "/dev/ng0n1"));
	assert_int_equal(disks.n, 3);
}

/* A volume over two disks; another volume on one of them, which lies on a third disk, too. */
static void test_mapper(void **state)
{
	(void)state;
	device("dm-0", "253:0");
	device("dm-1", "253:1");
	device("sda", "8:0");
	device("sdb", "8:16");
	device("sdc", "8:32");
	to("sys/devices/sda", "sys/devices/dm-0/slaves/sda");
	to("sys/devices/sdb", "sys/devices/dm-0/slaves/sdb");
	to("sys/devices/sda", "sys/devices/dm-1/slaves/sda");
	to("sys/devices/sdc", "sys/devices/dm-1/slaves/sdc");
	to("sys/devices/dm-0", "sys/devices/sda/holders/dm-0");
	to("sys/devices/dm-1", "sys/devices/sda/holders/dm-1");
	to("sys/devices/dm-0", "sys/devices/sdb/holders/dm-0");
	cw_disk_add(root, 253, 0, &disks);
	assert_true(has(CW_DISK_BLOCK, 253, 0, "/dev/dm-0"));
	assert_true(has(CW_DISK_BLOCK, 8, 0, "/dev/sda"));
	assert_true(has(CW_DISK_BLOCK, 8, 16, "/dev/sdb"));
	assert_true(has(CW_DISK_BLOCK, 253, 1, "/dev/dm-1"));
	assert_int_equal(disks.n, 4); /* not the third disk */
}

static void test_loop(void **state)
{
	(void)state;
	device("loop0", "7:0");
	device("loop1", "7:1");
	device("loop2", "7:2");
	device("cciss!c0d0", "104:0");
	file("sys/devices/loop0/loop/backing_file", "/srv/image with blank\n");
	file("sys/devices/loop1/loop/backing_file", "/dev/loop0\n");
	file("sys/devices/loop2/loop/backing_file", "/srv/other\n");
	to("sys/devices/loop0", "sys/block/loop0");
	to("sys/devices/loop1", "sys/block/loop1");
	to("sys/devices/loop2", "sys/block/loop2");
	cw_disk_add(root, 7, 0, &disks);
	assert_true(has(CW_DISK_BLOCK, 7, 0, "/dev/loop0"));
	assert_true(has(CW_DISK_BLOCK, 7, 1, "/dev/loop1"));
	assert_true(has(CW_DISK_FILE, 0, 0, "/srv/image with blank"));
	assert_null(cw_disk_find(&disks, CW_DISK_BLOCK, 7, 2));
	cw_disk_add(root, 104, 0, &disks);
	assert_true(has(CW_DISK_BLOCK, 104, 0, "/dev/cciss/c0d0"));
}

/* What is no device, a circle, and more than there is room for. */
static void test_odd(void **state)
{
	char dir[32], number[32], path[128];

	(void)state;
	cw_disk_add(root, 8, 1, &disks);
	assert_int_equal(disks.n, 0);
	device("md0", "9:0");
	file("sys/devices/broken/dev", "none\n");
	to("sys/devices/md0", "sys/devices/md0/slaves/md0");
	to("sys/devices/broken", "sys/devices/md0/slaves/broken");
	for (int i = 0; i < CW_DISKS_MAX; i++) {
		snprintf(dir, sizeof(dir), "sd%d", i);
		snprintf(number, sizeof(number), "8:%d", i);
		device(dir, number);
		snprintf(path, sizeof(path), "sys/devices/md0/slaves/sd%d", i);
		snprintf(number, sizeof(number), "sys/devices/sd%d", i);
		to(number, path);
	}
	cw_disk_add(root, 9, 0, &disks);
	assert_int_equal(disks.n, CW_DISKS_MAX);
	assert_true(disks.full);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_partition), T(test_nvme), T(test_mapper), T(test_loop), T(test_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
