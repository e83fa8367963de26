// SPDX-License-Identifier: Apache-2.0
/*
 * Changes to the object that need not read it: length, permissions, names. What can be put
 * back is done to the target, what destroys is done to a new object in its directory. The
 * proof is that the change is to be seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attacks.h"

#define ACL_NAME "system.posix_acl_access"

/* See <linux/posix_acl_xattr.h>, which not every system installs. */
struct acl_entry {
	uint16_t tag;
	uint16_t permissions;
	uint32_t id;
};

struct acl {
	uint32_t version;
	struct acl_entry entry[5];
};

static int seen(const struct attack *a, bool changed, const char *how)
{
	errno = EBADMSG;
	return changed ? attack_reached(a, &a->stat, a->target, how) : attack_fail(a, "%s", how);
}

static bool has_length(const struct attack *a, off_t length)
{
	struct stat st;

	return !stat(a->target, &st) && st.st_size == length;
}

/* One byte longer, because the other way would destroy the recording. */
static int run_truncate(const struct attack *a)
{
	off_t length = a->stat.st_size;

	undo_add(a, UNDO_LENGTH, a->target, NULL, (uint64_t)length, 0);
	if (truncate(a->target, length + 1))
		return attack_fail(a, "truncate");
	return seen(a, has_length(a, length + 1), "truncate");
}

static int run_ftruncate(const struct attack *a)
{
	off_t length = a->stat.st_size;
	int fd = open(a->target, O_WRONLY | O_CLOEXEC), err;

	if (fd < 0)
		return attack_fail(a, "open");
	undo_add(a, UNDO_LENGTH, a->target, NULL, (uint64_t)length, 0);
	err = ftruncate(fd, length + 1);
	close(fd);
	return err ? attack_fail(a, "ftruncate") :
		     seen(a, has_length(a, length + 1), "ftruncate");
}

static int run_chmod(const struct attack *a)
{
	mode_t mode = a->stat.st_mode & 07777;
	struct stat st;

	undo_add(a, UNDO_MODE, a->target, NULL, mode, 0);
	if (chmod(a->target, mode ^ 0004))
		return attack_fail(a, "chmod");
	return seen(a, !stat(a->target, &st) && (st.st_mode & 07777) == (mode ^ 0004), "chmod");
}

static int run_chown(const struct attack *a)
{
	uid_t other = a->stat.st_uid == ATTACK_NOBODY ? 0 : ATTACK_NOBODY;
	struct stat st;

	if (geteuid())
		return attack_skip(a, "not root");
	/* The change of owner may take mode bits away. */
	undo_add(a, UNDO_MODE, a->target, NULL, a->stat.st_mode & 07777, 0);
	undo_add(a, UNDO_OWNER, a->target, NULL, a->stat.st_uid, a->stat.st_gid);
	if (chown(a->target, other, a->stat.st_gid))
		return attack_cannot(a, "chown");
	return seen(a, !stat(a->target, &st) && st.st_uid == other, "chown");
}

static int run_acl(const struct attack *a)
{
	mode_t mode = a->stat.st_mode;
	const struct acl acl = {2, {
		{0x01, (uint16_t)(mode >> 6 & 7), UINT32_MAX},	/* owner */
		{0x02, 4, ATTACK_NOBODY},			/* user */
		{0x04, (uint16_t)(mode >> 3 & 7), UINT32_MAX},	/* group */
		{0x10, 7, UINT32_MAX},				/* mask */
		{0x20, (uint16_t)(mode & 7), UINT32_MAX},	/* others */
	}};
	char now[sizeof(acl)];

	if (getxattr(a->target, ACL_NAME, NULL, 0) > 0)
		return attack_skip(a, "%s has an access list already", a->target);
	undo_add(a, UNDO_MODE, a->target, NULL, mode & 07777, 0);
	undo_add(a, UNDO_XATTR, a->target, ACL_NAME, 0, 0);
	if (setxattr(a->target, ACL_NAME, &acl, sizeof(acl), 0))
		return attack_cannot(a, "setxattr " ACL_NAME);
	return seen(a, getxattr(a->target, ACL_NAME, now, sizeof(now)) == sizeof(acl) &&
			       !memcmp(now, &acl, sizeof(acl)), "setxattr");
}

static bool is_target(const struct attack *a, const char *path)
{
	struct stat st;

	return !stat(path, &st) && st.st_dev == a->stat.st_dev && st.st_ino == a->stat.st_ino;
}

static int run_rename(const struct attack *a)
{
	char *path = text_of("%s/attack-%d-renamed", a->parent, (int)getpid());

	undo_add(a, UNDO_RENAME, path, a->target, 0, 0);
	if (rename(a->target, path))
		return attack_cannot(a, "rename to %s", path);
	return seen(a, is_target(a, path), "rename");
}

static int run_link(const struct attack *a)
{
	char *path = attack_name(a, a->parent, "link");

	if (link(a->target, path))
		return attack_cannot(a, "link %s", path);
	return seen(a, is_target(a, path), "link");
}

/* A new object; "keep" has it open when its name goes. */
static int unlink_new(const struct attack *a, bool keep)
{
	char *path = attack_name(a, a->dir, "unlinked");
	int fd = -1, err = attack_plant(a, AT_FDCWD, path);
	struct stat st, gone;

	if (err) {
		errno = -err;
		return attack_cannot(a, "make %s", path);
	}
	if (stat(path, &st))
		return attack_fail(a, "stat %s", path);
	if (keep) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return attack_fail(a, "open %s", path);
	}
	if (unlink(path))
		return attack_fail(a, "unlink %s", path);
	if (keep)
		return attack_prove_opened(a, fd, path, "use unlinked");
	errno = EEXIST;
	return stat(path, &gone) ? attack_reached(a, &st, path, "unlink") :
				   attack_fail(a, "unlink %s", path);
}

static int run_unlink(const struct attack *a)
{
	return unlink_new(a, false);
}

static int run_unlink_open(const struct attack *a)
{
	return unlink_new(a, true);
}

const struct attack_case cases_changes[] = {
	{"rename", 3, NEEDS_ANY, "rename and back, without an open", run_rename},
	{"link", 3, NEEDS_ANY, "hard link, without an open", run_link},
	{"unlink", 8, NEEDS_ANY, "new object in the directory, unlinked", run_unlink},
	{"unlink-open", 8, NEEDS_ANY, "new object, unlinked while open, then used",
	 run_unlink_open},
	{"truncate", 24, NEEDS_FILE, "truncate by path, one byte longer", run_truncate},
	{"ftruncate", 24, NEEDS_FILE, "ftruncate, one byte longer", run_ftruncate},
	{"chmod", 24, NEEDS_ANY, "chmod", run_chmod},
	{"chown", 24, NEEDS_ANY, "chown to nobody", run_chown},
	{"acl", 24, NEEDS_ANY, "access list for nobody", run_acl},
	{0},
};
