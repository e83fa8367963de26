/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watched trees: marks their directories and files in the kernel, and notices when a root is
 * not what it was. Owns the list of roots by index, which records carry. On the lower rung it also
 * owns the fanotify group that tells of names.
 */
#ifndef CW_WATCH_H
#define CW_WATCH_H

#include "base/buf.h"
#include "source/kernel.h"

struct cw_watch;

/* What became of a root. */
enum cw_root_state {
	CW_ROOT_WATCHED,
	CW_ROOT_MISSING,     /* nothing there */
	CW_ROOT_NOT_A_DIRECTORY,
	CW_ROOT_UNREADABLE,
	CW_ROOT_REPLACED,    /* another directory has its name now */
	CW_ROOT_MOUNTED_OVER,
};

const char *cw_root_state_name(enum cw_root_state s);

int cw_watch_new(struct cw_kernel *k, bool names_by_fanotify, struct cw_watch **ret_watch);
void cw_watch_free(struct cw_watch *w);

/*
 * Watches a tree; *ret_index is its index, *ret_files how many files and directories were marked.
 * -ENOENT, -ENOTDIR, -EACCES: kept and tried again by cw_watch_check. -ENOSPC: too many trees.
 */
int cw_watch_add(struct cw_watch *w, const char *path, uint32_t *ret_index, size_t *ret_files);
/* Path of a root by index; NULL: no such index. */
const char *cw_watch_root(const struct cw_watch *w, uint32_t index);
size_t cw_watch_n(const struct cw_watch *w);
/* False: nothing stands there that could be watched. */
bool cw_root_is_there(enum cw_root_state s);
enum cw_root_state cw_watch_state(const struct cw_watch *w, uint32_t index);
/*
 * True if a tree lies on a file system whose inode numbers last only as long as the inode is in
 * memory (FAT, exFAT, overlays, maybe FUSE and SMB): marks of folders may be lost there, so every
 * open has to ask all ancestors.
 */
bool cw_watch_unstable(const struct cw_watch *w);

/* What was met in trees that cannot be watched as the rest is, since the start. */
struct cw_watch_blind {
	uint64_t unmarked; /* could not be opened, or lie too deep: found by their directory */
	uint64_t unnamed;  /* directories of which fanotify cannot tell names */
};

struct cw_watch_blind cw_watch_blind(const struct cw_watch *w);

/* Looks at every root again; `changed` is told of each whose state is another now. */
void cw_watch_check(struct cw_watch *w,
		    void (*changed)(void *ctx, uint32_t index, enum cw_root_state s), void *ctx);
/* A directory that came into a tree. -ENOENT: not there (yet). */
int cw_watch_rescan(struct cw_watch *w, uint32_t index, const char *path);
/* One came in, and it is not known which: all that is below every root is marked again. */
void cw_watch_rescan_all(struct cw_watch *w);

/* Readable when a root was moved, removed or unmounted; cw_watch_check() takes it in. */
int cw_watch_roots_fd(const struct cw_watch *w);
/* Mounts changed: file systems that are mounted below a root belong to its tree. */
void cw_watch_mounts(struct cw_watch *w);

/* ---- names by fanotify ---- */
enum cw_name_change {
	CW_NAME_DELETED,
	CW_NAME_MOVED,
	CW_NAME_LINKED,
	CW_NAME_ATTRIBUTES,
};

struct cw_name_event {
	enum cw_name_change change;
	uint32_t pid;
	uint32_t index;	      /* of the tree; the one moved out of, or into */
	uint64_t ino;	      /* 0: not known */
	uint32_t dev;	      /* the kernel's form */
	uint32_t mode;
	int last;	      /* of a deletion: 1 last name, 0 others are left, -1 not known */
	bool directory;
	const char *path;     /* full; live until the next call */
	const char *to;	      /* moved: new path; NULL: out of every tree */
};

/* Readable when fanotify has something; -1 if it is not used. */
int cw_watch_fd(const struct cw_watch *w);
/* Takes what fanotify has. True if events wait for cw_watch_next(). */
bool cw_watch_read(struct cw_watch *w);
/*
 * The next event that is older than `age_ms` (the calls that caused it have returned by then). 1:
 * an event, 0: none, -EAGAIN: later. Loss of the queue is counted in *ret_lost.
 */
int cw_watch_next(struct cw_watch *w, unsigned int age_ms, struct cw_name_event *ret_event,
		  uint64_t *ret_lost);

#endif
