// SPDX-License-Identifier: Apache-2.0
/*
 * Other names for the object: links, renames, paths that lead there on a detour or that
 * nobody can write down, and directories which come into the watched tree or leave it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attacks.h"

static int open_and_prove(const struct attack *a, const char *path)
{
	return attack_prove_opened(a, open(path, O_RDONLY | O_CLOEXEC), path, "open");
}

static int plant(const struct attack *a, const char *path)
{
	int err = attack_plant(a, AT_FDCWD, path);

	if (!err)
		return 0;
	errno = -err;
	attack_cannot(a, "make %s", path);
	return err;
}

/* A case that was skipped on the way is done. */
static int done(const struct attack *a, int err)
{
	return a->result->skipped[0] ? 0 : err;
}

static int run_symlink(const struct attack *a)
{
	char *path = attack_name(a, a->tmp, "symlink");

	if (symlink(a->target, path))
		return attack_fail(a, "symlink %s", path);
	return open_and_prove(a, path);
}

static int run_dotdot(const struct attack *a)
{
	const char *name = strrchr(a->parent, '/') + 1;

	return open_and_prove(a, *name ? text_of("%s/../%s/./%s", a->parent, name, a->base) :
				 text_of("/../%s", a->base));
}

static int run_proc_root(const struct attack *a)
{
	return open_and_prove(a, text_of("/proc/self/root%s", a->target));
}

static int run_dirfd(const struct attack *a)
{
	int fd, dirfd = open(a->parent, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dirfd < 0)
		return attack_fail(a, "open %s", a->parent);
	fd = openat(dirfd, a->base, O_RDONLY | O_CLOEXEC);
	close(dirfd);
	return attack_prove_opened(a, fd, a->target, "openat");
}

static int run_chroot(const struct attack *a)
{
	if (geteuid())
		return attack_skip(a, "not root");
	if (chroot(a->parent))
		return attack_cannot(a, "chroot to %s", a->parent);
	return open_and_prove(a, text_of("/%s", a->base));
}

static int run_cwd(const struct attack *a)
{
	if (chdir(a->parent))
		return attack_fail(a, "chdir %s", a->parent);
	return attack_prove_opened(a, open(a->base, O_RDONLY | O_CLOEXEC), a->target, "open");
}

static int run_hard_link(const struct attack *a)
{
	char *path = attack_name(a, a->parent, "link");

	if (link(a->target, path))
		return attack_cannot(a, "link %s", path);
	return open_and_prove(a, path);
}

static int run_rename(const struct attack *a)
{
	char *path = text_of("%s/attack-%d-renamed", a->parent, (int)getpid());

	undo_add(a, UNDO_RENAME, path, a->target, 0, 0);
	if (rename(a->target, path))
		return attack_cannot(a, "rename to %s", path);
	return open_and_prove(a, path);
}

static int run_mknod(const struct attack *a)
{
	char *path = attack_name(a, a->tmp, "node");
	struct statvfs fs;
	int err;

	if (!statvfs(a->tmp, &fs) && fs.f_flag & ST_NODEV)
		return attack_skip(a, "%s is mounted nodev", a->tmp);
	err = plant(a, path);
	return err ? done(a, err) : open_and_prove(a, path);
}

static int run_unlinked(const struct attack *a)
{
	char *path = attack_name(a, a->dir, "unlinked");
	int fd, err = plant(a, path);

	if (err)
		return done(a, err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || unlink(path))
		return attack_fail(a, "open and unlink %s", path);
	err = attack_prove_opened(a, open(text_of("/proc/self/fd/%d", fd), O_RDONLY | O_CLOEXEC),
				  path, "reopen unlinked");
	close(fd);
	return err;
}

static int need_outside(const struct attack *a)
{
	if (a->outside)
		return 0;
	attack_skip(a, "needs --outside, a directory on the file system of %s", a->dir);
	return -ENOENT;
}

static int run_moved_out(const struct attack *a)
{
	char *inside, *outside;
	int err = need_outside(a);

	if (err)
		return 0;
	inside = attack_name(a, a->dir, "file");
	outside = attack_name(a, a->outside, "file");
	err = plant(a, inside);
	if (err)
		return done(a, err);
	if (rename(inside, outside))
		return attack_cannot(a, "rename %s to %s", inside, outside);
	return open_and_prove(a, outside);
}

static int run_long_path(const struct attack *a)
{
	char name[201], *top = attack_name(a, a->dir, "deep");
	int i, err;

	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	if (mkdir(top, 0700) || chdir(top))
		return attack_fail(a, "mkdir %s", top);
	for (i = 0; i < 24; i++) {
		if (mkdir(name, 0700) || chdir(name))
			return attack_fail(a, "mkdir %d levels below %s", i + 1, top);
	}
	err = plant(a, "object");
	if (err)
		return done(a, err);
	return attack_prove_opened(a, open("object", O_RDONLY | O_CLOEXEC),
				   text_of("%s/%s/.../object", top, name), "open");
}

static int run_not_utf8(const struct attack *a)
{
	char *path = attack_name(a, a->dir, "\xff\xfe\x80\x01name");
	int err = plant(a, path);

	return err ? done(a, err) : open_and_prove(a, path);
}

/* directory/sub/file below a new directory; the file has a marker. */
static int plant_tree(const struct attack *a, const char *directory)
{
	const char *sub = text_of("%s/sub", directory);

	if (mkdir(directory, 0700) || mkdir(sub, 0700)) {
		attack_fail(a, "mkdir %s", sub);
		return a->result->error;
	}
	return plant(a, text_of("%s/file", sub));
}

static int move_tree(const struct attack *a, const char *from_dir, const char *to_dir)
{
	char *from = attack_name(a, from_dir, "tree"), *to = attack_name(a, to_dir, "moved");
	int err = plant_tree(a, from);

	if (err)
		return done(a, err);
	if (rename(from, to))
		return attack_cannot(a, "rename %s to %s", from, to);
	return open_and_prove(a, text_of("%s/sub/file", to));
}

static int run_tree_in(const struct attack *a)
{
	return need_outside(a) ? 0 : move_tree(a, a->outside, a->dir);
}

static int run_tree_out(const struct attack *a)
{
	return need_outside(a) ? 0 : move_tree(a, a->dir, a->outside);
}

static int run_new_directories(const struct attack *a)
{
	char *path = attack_name(a, a->dir, "a");
	int err;

	if (mkdir(path, 0700) || mkdir(text_of("%s/b", path), 0700) ||
	    mkdir(text_of("%s/b/c", path), 0700))
		return attack_fail(a, "mkdir %s/b/c", path);
	path = text_of("%s/b/c/file", path);
	err = plant(a, path);
	return err ? done(a, err) : open_and_prove(a, path);
}

static int run_link_in(const struct attack *a)
{
	char *inside, *outside;
	int err = need_outside(a);

	if (err)
		return 0;
	outside = attack_name(a, a->outside, "file");
	inside = attack_name(a, a->dir, "link");
	err = plant(a, outside);
	if (err)
		return done(a, err);
	if (link(outside, inside))
		return attack_cannot(a, "link %s to %s", outside, inside);
	return open_and_prove(a, outside);
}

/* The file that was inside has an outside name afterwards, and the directory misses none. */
static int run_exchange(const struct attack *a)
{
	char *inside, *outside;
	int err = need_outside(a);

	if (err)
		return 0;
	inside = attack_name(a, a->dir, "file");
	outside = attack_name(a, a->outside, "file");
	err = plant(a, inside);
	if (!err)
		err = plant(a, outside);
	if (err)
		return done(a, err);
	if (renameat2(AT_FDCWD, inside, AT_FDCWD, outside, RENAME_EXCHANGE))
		return errno == EINVAL ? attack_skip(a, "no RENAME_EXCHANGE here") :
					 attack_cannot(a, "exchange %s and %s", inside, outside);
	return open_and_prove(a, outside);
}

static int run_tmpfile(const struct attack *a)
{
	char *path = attack_name(a, a->dir, "named");
	int err, fd = open(a->dir, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);

	if (fd < 0)
		return attack_cannot(a, "O_TMPFILE in %s", a->dir);
	err = write_marker(fd, "planted");
	if (err || linkat(AT_FDCWD, text_of("/proc/self/fd/%d", fd), AT_FDCWD, path,
			  AT_SYMLINK_FOLLOW))
		return attack_fail(a, "link the nameless file to %s", path);
	close(fd);
	return open_and_prove(a, path);
}

const struct attack_case cases_names[] = {
	{"symlink", 2, NEEDS_ANY, "open by a symbolic link elsewhere", run_symlink},
	{"dotdot", 2, NEEDS_ANY, "open by a path with ..", run_dotdot},
	{"proc-root", 2, NEEDS_ANY, "open by /proc/self/root", run_proc_root},
	{"dirfd", 2, NEEDS_ANY, "openat relative to a directory's descriptor", run_dirfd},
	{"chroot", 2, NEEDS_ANY, "chroot to its directory, open", run_chroot},
	{"cwd", 2, NEEDS_ANY, "open relative to the working directory", run_cwd},
	{"hard-link", 3, NEEDS_ANY, "hard link, open by the new name", run_hard_link},
	{"rename-open", 3, NEEDS_ANY, "rename, open by the new name, rename back", run_rename},
	{"mknod", 5, NEEDS_CAMERA, "second node with the same numbers elsewhere", run_mknod},
	{"unlinked", 8, NEEDS_ANY, "new object in the directory, unlinked, reopened by /proc",
	 run_unlinked},
	{"moved-out", 8, NEEDS_FILE, "new file in the directory, moved out, then opened",
	 run_moved_out},
	{"long-path", 9, NEEDS_ANY, "new object in the directory, its path longer than 4096 bytes",
	 run_long_path},
	{"not-utf8", 9, NEEDS_ANY, "new object in the directory, its name not UTF-8",
	 run_not_utf8},
	{"tree-in", 10, NEEDS_FILE, "directory moved in, a file below it opened at once",
	 run_tree_in},
	{"tree-out", 10, NEEDS_FILE, "directory moved out, a file below it opened", run_tree_out},
	{"new-directories", 10, NEEDS_FILE, "a/b/c made, a file made there and opened at once",
	 run_new_directories},
	{"link-in", 10, NEEDS_FILE, "outside file linked in, opened by its outside name",
	 run_link_in},
	{"exchange", 10, NEEDS_FILE, "files inside and outside exchanged, the inner one opened",
	 run_exchange},
	{"tmpfile", 10, NEEDS_FILE, "nameless file given a name in the directory, then opened",
	 run_tmpfile},
	{0},
};
