// SPDX-License-Identifier: Apache-2.0
/*
 * The object by another mount, or hidden under one. Mounts are made in a private mount
 * namespace that ends with the case, except where the case is about the caller's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "attacks.h"

/* <sys/mount.h> cannot be included with <linux/mount.h>. */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
	  const void *data);
int umount2(const char *target, int flags);
#define UNMOUNT_DETACH 2

#ifndef DEVTMPFS_NAME
#define DEVTMPFS_NAME "devtmpfs"
#endif

/* Returns 0 when the namespace is ours, 1 when the case was skipped. */
static int private_mounts(const struct attack *a)
{
	if (!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 0;
	attack_skip(a, "private mount namespace: %s", strerror(errno));
	return 1;
}

static int open_and_prove(const struct attack *a, const char *path)
{
	return attack_prove_opened(a, open(path, O_RDONLY | O_CLOEXEC), path, "open");
}

static int run_bind(const struct attack *a)
{
	const char *path = text_of("%s/bound", a->tmp);
	int fd;

	if (private_mounts(a))
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return attack_fail(a, "make %s", path);
	close(fd);
	if (mount(a->target, path, NULL, MS_BIND, NULL))
		return attack_cannot(a, "bind mount on %s", path);
	return open_and_prove(a, path);
}

static int run_bind_directory(const struct attack *a)
{
	if (private_mounts(a))
		return 0;
	if (mount(a->parent, a->tmp, NULL, MS_BIND, NULL))
		return attack_cannot(a, "bind mount on %s", a->tmp);
	return open_and_prove(a, text_of("%s/%s", a->tmp, a->base));
}

static int run_open_tree(const struct attack *a)
{
	int fd, tree = (int)syscall(SYS_open_tree, AT_FDCWD, a->parent,
				    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0)
		return attack_cannot(a, "open_tree %s", a->parent);
	fd = openat(tree, a->base, O_RDONLY | O_CLOEXEC);
	close(tree);
	return attack_prove_opened(a, fd, a->target, "openat in a detached mount of");
}

static int run_devtmpfs(const struct attack *a)
{
	if (private_mounts(a))
		return 0;
	if (mount(DEVTMPFS_NAME, a->tmp, DEVTMPFS_NAME, 0, NULL))
		return attack_cannot(a, "mount devtmpfs on %s", a->tmp);
	return open_and_prove(a, text_of("%s/%s", a->tmp, a->base));
}

static int run_fsmount(const struct attack *a)
{
	int fd, tree, fs = (int)syscall(SYS_fsopen, DEVTMPFS_NAME, FSOPEN_CLOEXEC);

	if (fs < 0)
		return attack_cannot(a, "fsopen devtmpfs");
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return attack_cannot(a, "fsconfig devtmpfs");
	tree = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	close(fs);
	if (tree < 0)
		return attack_cannot(a, "fsmount devtmpfs");
	fd = openat(tree, a->base, O_RDONLY | O_CLOEXEC);
	close(tree);
	return attack_prove_opened(a, fd, a->target, "openat in a devtmpfs mounted nowhere");
}

/* The merged file is overlayfs's own inode; the kernel opens the real one behind it. */
static int run_overlay(const struct attack *a)
{
	const char *empty = text_of("%s/empty", a->tmp), *merged = text_of("%s/merged", a->tmp);
	int fd, err;

	if (private_mounts(a))
		return 0;
	if (mkdir(empty, 0700) || mkdir(merged, 0700))
		return attack_fail(a, "mkdir %s", merged);
	if (mount("overlay", merged, "overlay", MS_RDONLY,
		  text_of("lowerdir=%s:%s", empty, a->parent)))
		return errno == EINVAL ? attack_skip(a, "overlayfs over %s: invalid", a->parent) :
					 attack_cannot(a, "overlayfs over %s", a->parent);
	fd = open(text_of("%s/%s", merged, a->base), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return attack_fail(a, "open in %s", merged);
	err = read_marker(fd);
	close(fd);
	errno = -err;
	return err ? attack_fail(a, "read marker in %s", merged) :
		     attack_reached(a, &a->stat, text_of("%s/%s", merged, a->base),
				    "read marker");
}

/* One line of mountinfo: the fields we need, for the mount that holds st. */
static int find_mount(const struct stat *st, const char *below, char *ret_point, char *ret_type)
{
	char *line = NULL, point[PATH_MAX], type[64];
	unsigned int dev_major, dev_minor;
	size_t size = 0, length = 0;
	FILE *f = fopen("/proc/self/mountinfo", "re");

	if (!f)
		return -errno;
	while (getline(&line, &size, f) > 0) {
		const char *tail = strstr(line, " - ");

		if (sscanf(line, "%*s %*s %u:%u %*s %4095s", &dev_major, &dev_minor, point) != 3 ||
		    !tail || sscanf(tail, " - %63s", type) != 1)
			continue;
		if (makedev(dev_major, dev_minor) != st->st_dev ||
		    strncmp(point, below, strlen(point)) || strlen(point) < length)
			continue;
		length = strlen(point);
		strcpy(ret_point, point);
		strcpy(ret_type, type);
	}
	free(line);
	fclose(f);
	return length ? 0 : -ENOENT;
}

static int run_second_mount(const struct attack *a)
{
	char point[PATH_MAX], type[64];
	const char *node = text_of("%s/disk", a->tmp), *copy = text_of("%s/copy", a->tmp);
	size_t length;

	if (!major(a->stat.st_dev))
		return attack_skip(a, "%s is on a file system without a block device", a->target);
	if (private_mounts(a))
		return 0;
	if (find_mount(&a->stat, a->target, point, type))
		return attack_skip(a, "no mount with the device of %s", a->target);
	if (mknod(node, S_IFBLK | 0600, a->stat.st_dev) || mkdir(copy, 0700))
		return attack_cannot(a, "make %s", node);
	if (mount(node, copy, type, 0, NULL))
		return attack_cannot(a, "second %s mount on %s", type, copy);
	length = strlen(point);
	return open_and_prove(a, text_of("%s/%s", copy, a->target + length + (length > 1)));
}

/*
 * The target's directory (a camera: its node) disappears from the tree. The proof is that the
 * path now leads elsewhere, while the object is still reached.
 */
static int hide(const struct attack *a, int (*how)(const struct attack *a))
{
	int fd, path = open(a->target, O_PATH | O_CLOEXEC), err;
	struct stat st;

	if (path < 0)
		return attack_fail(a, "open O_PATH %s", a->target);
	err = how(a);
	if (err)
		return a->result->skipped[0] ? 0 : err;
	if (!stat(a->target, &st) && st.st_ino == a->stat.st_ino && st.st_dev == a->stat.st_dev) {
		errno = EEXIST;
		return attack_fail(a, "%s is still to be seen", a->target);
	}
	fd = open(text_of("/proc/self/fd/%d", path), O_RDONLY | O_CLOEXEC);
	close(path);
	return attack_prove_opened(a, fd, a->target, "reopen hidden");
}

static int cover(const struct attack *a)
{
	int err;

	if (a->camera)
		err = mount("/dev/null", a->target, NULL, MS_BIND, NULL);
	else
		err = mount("tmpfs", a->parent, "tmpfs", 0, "size=4k");
	if (!err)
		return 0;
	attack_cannot(a, "mount over %s", a->camera ? a->target : a->parent);
	return -1;
}

static int detach(const struct attack *a)
{
	char point[PATH_MAX], type[64];

	if (find_mount(&a->stat, a->target, point, type) || !strcmp(point, "/")) {
		attack_skip(a, "%s is on the root file system", a->target);
		return -1;
	}
	/* In a copy of the namespace the mounts are as they were, but ours to take away. */
	if (!umount2(point, UNMOUNT_DETACH))
		return 0;
	attack_cannot(a, "unmount %s", point);
	return -1;
}

static int run_mount_over(const struct attack *a)
{
	return private_mounts(a) ? 0 : hide(a, cover);
}

static int run_mount_over_here(const struct attack *a)
{
	/* Before it happens; to unmount what is no mount does nothing. */
	if (geteuid())
		return attack_skip(a, "not root");
	undo_add(a, UNDO_UNMOUNT, a->camera ? a->target : a->parent, NULL, 0, 0);
	return hide(a, cover);
}

static int run_unmount(const struct attack *a)
{
	return private_mounts(a) ? 0 : hide(a, detach);
}

const struct attack_case cases_mounts[] = {
	{"bind-mount", 4, NEEDS_ANY, "bind mount of the object in a private namespace", run_bind},
	{"bind-directory", 4, NEEDS_ANY, "bind mount of its directory", run_bind_directory},
	{"open-tree", 4, NEEDS_ANY, "open in a copy of its mount that is mounted nowhere",
	 run_open_tree},
	{"devtmpfs", 4, NEEDS_CAMERA, "second devtmpfs in a private namespace", run_devtmpfs},
	{"fsmount", 4, NEEDS_CAMERA, "second devtmpfs by fsopen and fsmount, mounted nowhere",
	 run_fsmount},
	{"overlay", 4, NEEDS_FILE, "overlayfs over its directory, which opens the file itself",
	 run_overlay},
	{"second-mount", 4, NEEDS_FILE, "the same block device mounted a second time",
	 run_second_mount},
	{"mount-over", 26, NEEDS_ANY, "mount over it in a private namespace", run_mount_over},
	{"mount-over-here", 26, NEEDS_ANY, "mount over it in the caller's namespace, undone",
	 run_mount_over_here},
	{"unmount", 26, NEEDS_ANY, "its mount detached in a private namespace", run_unmount},
	{0},
};
