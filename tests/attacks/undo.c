// SPDX-License-Identifier: Apache-2.0
/*
 * Puts back what the cases changed. The records are in the shared result, so they survive
 * the case's process; the runner goes through them backwards.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attacks.h"

void undo_add(const struct attack *a, enum undo_kind kind, const char *path, const char *text,
	      uint64_t number, uint64_t number2)
{
	struct result *r = a->result;
	struct undo *u;

	if (r->undos == UNDO_MAX || strlen(path) >= UNDO_PATH ||
	    (text && strlen(text) >= UNDO_PATH)) {
		fprintf(stderr, "attacks: cannot note how to restore %s\n", path);
		_exit(ENOBUFS);
	}
	u = &r->undo[r->undos];
	u->kind = kind;
	u->number = number;
	u->number2 = number2;
	strcpy(u->path, path);
	strcpy(u->text, text ? text : "");
	r->undos++;
}

/* By descriptor, because the paths below may be longer than a path can be. */
static int remove_at(int dirfd, const char *name)
{
	struct dirent *entry;
	struct stat st;
	DIR *dir;
	int fd;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		return unlinkat(dirfd, name, 0) && errno != ENOENT ? -errno : 0;

	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			remove_at(fd, entry->d_name);
	}
	closedir(dir);
	return unlinkat(dirfd, name, AT_REMOVEDIR) ? -errno : 0;
}

int remove_tree(const char *path)
{
	return remove_at(AT_FDCWD, path);
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int undo_one(const struct undo *u)
{
	struct stat st;
	int err = 0;

	switch (u->kind) {
	case UNDO_REMOVE:
		return remove_tree(u->path);
	case UNDO_RENAME:
		/* Without it the case did not come so far. */
		err = rename(u->path, u->text) && errno != ENOENT;
		break;
	case UNDO_LENGTH:
		err = truncate(u->path, (off_t)u->number);
		break;
	case UNDO_MODE:
		if (stat(u->path, &st) || (st.st_mode & 07777) != (mode_t)u->number)
			err = chmod(u->path, (mode_t)u->number);
		break;
	case UNDO_OWNER:
		if (stat(u->path, &st) || st.st_uid != (uid_t)u->number ||
		    st.st_gid != (gid_t)u->number2)
			err = chown(u->path, (uid_t)u->number, (gid_t)u->number2);
		break;
	case UNDO_XATTR:
		if (getxattr(u->path, u->text, NULL, 0) >= 0)
			err = removexattr(u->path, u->text);
		break;
	case UNDO_UNMOUNT:
		err = umount2(u->path, MNT_DETACH) && errno != EINVAL;
		break;
	case UNDO_WRITE:
		return write_text(u->path, u->text);
	}
	return err ? -errno : 0;
}

void undo_all(struct result *r)
{
	while (r->undos) {
		const struct undo *u = &r->undo[--r->undos];
		int err = undo_one(u);

		if (err)
			fprintf(stderr, "attacks: %s is not as it was: %s\n", u->path,
				strerror(-err));
	}
}
