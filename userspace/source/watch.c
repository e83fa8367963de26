// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fanotify.h>
#include <pthread.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>

#include "source/watch.h"

#define DEPTH_MAX   64
#define NAMES_MAX   (32u << 10) /* bytes of names that are gathered before they are marked */
#define TWO_THREADS 64u /* names from which on a second thread is worth it */
#define PENDING_MAX 16384
#ifndef FAN_RENAME
#define FAN_RENAME 0x10000000
#define FAN_EVENT_INFO_TYPE_OLD_DFID_NAME 10
#define FAN_EVENT_INFO_TYPE_NEW_DFID_NAME 12
#endif
#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200 /* Linux 6.5, 96b2b072ee62 */
#endif
#ifndef FAN_REPORT_TARGET_FID
#define FAN_REPORT_TARGET_FID 0x00001000
#endif

#define NAME_EVENTS (FAN_CREATE | FAN_DELETE | FAN_DELETE_SELF | FAN_ATTRIB | FAN_ONDIR | \
		     FAN_EVENT_ON_CHILD)

/*
 * Which directory. A number that was freed is given out again, often to the next directory that is
 * made; the handle has the generation that tells the two apart.
 */
struct identity {
	dev_t dev;
	ino_t ino; /* 0: none */
	unsigned int len;
	unsigned char handle[MAX_HANDLE_SZ];
};

struct root {
	char *path;
	enum cw_root_state state;
	struct identity now;
	struct identity home; /* the first that was there: what a mount covers and uncovers */
};

/* A watched directory by its file handle, for fanotify. */
struct dir {
	struct dir *next;
	uint32_t index;
	bool opens; /* handles of its file system can be opened */
	char *path;
	unsigned int len;
	int type;
	unsigned char handle[MAX_HANDLE_SZ];
};

struct pending {
	uint64_t at_ms;
	struct cw_name_event e;
	char *path, *to;
};

#define DIR_SLOTS 1024

struct cw_watch {
	struct cw_kernel *k;
	struct root root[CW_ASSETS_MAX];
	uint32_t n;
	struct cw_watch_blind blind;
	bool unstable;
	int roots; /* inotify, on the roots alone */
	int fan;
	bool names_by_fanotify;
	bool renames; /* the kernel has FAN_RENAME */
	bool batches; /* cw_kernel_mark() works */
	struct dir *dirs[DIR_SLOTS];
	struct pending *pending; /* those that wait start at head */
	size_t head, n_pending, room;
	uint64_t lost;
	char *path, *to; /* of the event handed out last */
};

static const char *const state_names[] = {
	"watched", "missing", "not a directory", "not readable", "replaced", "mounted over",
};

const char *cw_root_state_name(enum cw_root_state s)
{
	return (unsigned int)s < CW_ARRAY_SIZE(state_names) ? state_names[s] : "invalid";
}

bool cw_root_is_there(enum cw_root_state s)
{
	return s == CW_ROOT_WATCHED || s == CW_ROOT_REPLACED || s == CW_ROOT_MOUNTED_OVER;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- fanotify: directories by handle ---- */

static unsigned int slot_of(const unsigned char *handle, unsigned int len)
{
	unsigned int h = 2166136261u;

	for (unsigned int i = 0; i < len; i++)
		h = (h ^ handle[i]) * 16777619u;
	return h % DIR_SLOTS;
}

static struct dir *find_dir(struct cw_watch *w, const struct file_handle *h)
{
	struct dir *d = w->dirs[slot_of(h->f_handle, h->handle_bytes)];

	for (; d; d = d->next)
		if (d->len == h->handle_bytes && d->type == h->handle_type &&
		    !memcmp(d->handle, h->f_handle, d->len))
			return d;
	return NULL;
}

static void forget_dir(struct cw_watch *w, const struct dir *dir)
{
	struct dir **at = &w->dirs[slot_of(dir->handle, dir->len)], *d;

	while (*at && *at != dir)
		at = &(*at)->next;
	d = *at;
	if (!d)
		return;
	*at = d->next;
	free(d->path);
	free(d);
}

union handle {
	struct file_handle h;
	char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

/*
 * The handle by which fanotify will name a directory. 1: it can be opened; 0: it only tells files
 * apart (overlays, since 6.5).
 */
static int handle_of(int fd, struct file_handle *h)
{
	int mount_id;

	h->handle_bytes = MAX_HANDLE_SZ;
	if (!name_to_handle_at(fd, "", h, &mount_id, AT_EMPTY_PATH))
		return 1;
	if (errno != EOPNOTSUPP)
		return -errno;
	h->handle_bytes = MAX_HANDLE_SZ;
	return name_to_handle_at(fd, "", h, &mount_id, AT_EMPTY_PATH | AT_HANDLE_FID) ? -errno : 0;
}

/*
 * The inode that a handle names. ext4 and most others: number, generation. shmem: generation,
 * number. False: of a file system whose handles are not read.
 */
static bool inode_of_handle(const struct file_handle *h, struct cw_wanted_inode *ret_inode)
{
	uint32_t v[3];

	if (!h || h->handle_type != 1 || (h->handle_bytes != 8 && h->handle_bytes != 12))
		return false;
	memcpy(v, h->f_handle, h->handle_bytes);
	*ret_inode = h->handle_bytes == 8 ?
		(struct cw_wanted_inode){ .ino = v[0], .gen = v[1] } :
		(struct cw_wanted_inode){ .ino = v[1] | (uint64_t)v[2] << 32, .gen = v[0] };
	return true;
}

/* Tells of names in a directory from now on. */
static int fan_add(struct cw_watch *w, int fd, uint32_t index, const char *path)
{
	union handle u;
	uint64_t moves = w->renames ? FAN_RENAME : FAN_MOVED_FROM | FAN_MOVED_TO;
	struct dir *d;
	unsigned int slot;
	int opens;

	if (w->fan < 0)
		return 0;
	opens = handle_of(fd, &u.h);
	if (opens < 0)
		return opens;
	if (fanotify_mark(w->fan, FAN_MARK_ADD | FAN_MARK_ONLYDIR, NAME_EVENTS | moves, fd, "."))
		return -errno;
	d = find_dir(w, &u.h);
	if (d) {
		char *copy = strdup(path);

		if (copy) {
			free(d->path);
			d->path = copy;
			d->index = index;
		}
		return copy ? 0 : -ENOMEM;
	}
	d = calloc(1, sizeof(*d));
	if (!d || !(d->path = strdup(path))) {
		free(d);
		return -ENOMEM;
	}
	d->index = index;
	d->opens = opens;
	d->len = u.h.handle_bytes;
	d->type = u.h.handle_type;
	memcpy(d->handle, u.h.f_handle, d->len);
	slot = slot_of(d->handle, d->len);
	d->next = w->dirs[slot];
	w->dirs[slot] = d;
	return 0;
}

/* ---- marking ---- */

/* It could not be marked: does that matter? What is gone again, and links, carry no mark. */
static bool is_missed(int dir, const char *name, int error)
{
	struct stat st;

	if (error == -ENOENT)
		return false;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno != ENOENT;
	return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
}

/* A directory that is walked, and how what is in it can be marked. */
struct place {
	int fd;
	uint32_t index;
	const char *path;
	unsigned int depth;
	bool by_handle; /* its files are on this device and mount: */
	uint32_t dev;
	int mount;
};

/*
 * Can the inodes of a directory's files be told by their handles? They can if the directory's own
 * can: the kernel side has marked it, by its own idea of number, device and generation.
 */
static void try_handles(struct cw_watch *w, struct place *p)
{
	struct cw_wanted_inode own;
	union handle u;
	struct stat st;

	u.h.handle_bytes = MAX_HANDLE_SZ;
	if (!w->batches || fstat(p->fd, &st) ||
	    name_to_handle_at(p->fd, "", &u.h, &p->mount, AT_EMPTY_PATH) ||
	    !inode_of_handle(&u.h, &own))
		return;
	p->dev = CW_MKDEV(major(st.st_dev), minor(st.st_dev));
	p->by_handle = cw_kernel_knows(w->k, own.ino, p->dev, own.gen, p->index);
}

/* Files in one directory, by name, one behind the other, each with its NUL. */
struct share {
	struct cw_kernel *k;
	const struct place *in;
	const char *at, *end;
	size_t marked, failed;
	struct cw_wanted_inode wanted[CW_WANTED_MAX];
	unsigned int n_wanted;
};

static void mark_wanted(struct share *s)
{
	bool failed = s->n_wanted && cw_kernel_mark(s->k, s->in->dev, s->in->index, s->wanted,
						    s->n_wanted);

	*(failed ? &s->failed : &s->marked) += s->n_wanted;
	s->n_wanted = 0;
}

/* By its handle, with others. False: it has to be touched. */
static bool want(struct share *s)
{
	union handle u;
	int mount;

	u.h.handle_bytes = MAX_HANDLE_SZ;
	if (!s->in->by_handle || name_to_handle_at(s->in->fd, s->at, &u.h, &mount, 0) ||
	    mount != s->in->mount || !inode_of_handle(&u.h, &s->wanted[s->n_wanted]))
		return false;
	if (++s->n_wanted == CW_WANTED_MAX)
		mark_wanted(s);
	return true;
}

static void *mark_share(void *ctx)
{
	struct share *s = ctx;

	for (; s->at < s->end; s->at += strlen(s->at) + 1) {
		int fd;

		if (want(s))
			continue;
		fd = cw_kernel_touch(s->k, s->in->fd, s->at, O_NOFOLLOW, s->in->index);
		if (fd >= 0)
			close(fd);
		s->marked += fd >= 0;
		s->failed += fd < 0 && is_missed(s->in->fd, s->at, fd);
	}
	mark_wanted(s);
	return NULL;
}

/* Two halves at once: of a start with many recordings, most of the time goes here. */
static void mark_files(struct cw_watch *w, const struct place *in, struct cw_buf *names,
		       size_t n_names, size_t *n)
{
	struct share own = { .k = w->k, .in = in }, other = { .k = w->k, .in = in };
	const char *half;
	pthread_t thread;
	bool two = n_names >= TWO_THREADS;

	if (!n_names)
		return;
	own.at = names->data;
	own.end = names->data + names->len;
	if (two) {
		half = own.at + strlen(own.at + names->len / 2) + names->len / 2 + 1;
		other.end = own.end;
		own.end = other.at = half;
		two = !pthread_create(&thread, NULL, mark_share, &other);
	}
	if (!two)
		own.end = names->data + names->len;
	mark_share(&own);
	if (two)
		pthread_join(thread, NULL);
	*n += own.marked + other.marked;
	w->blind.unmarked += own.failed + other.failed;
	cw_buf_reset(names);
}

static unsigned char type_of(int fd, const struct dirent *de)
{
	struct stat st;

	if (de->d_type != DT_UNKNOWN || fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW))
		return de->d_type;
	return S_ISDIR(st.st_mode) ? DT_DIR : S_ISREG(st.st_mode) ? DT_REG : DT_CHR;
}

static int walk(struct cw_watch *w, int fd, uint32_t index, const char *path, unsigned int depth,
		size_t *n);

static void walk_child(struct cw_watch *w, const struct place *p, const char *name, size_t *n)
{
	cw_auto_free char *child = NULL;
	int touched = cw_kernel_touch(w->k, p->fd, name, O_NOFOLLOW | O_DIRECTORY, p->index);

	if (touched < 0) {
		w->blind.unmarked += is_missed(p->fd, name, touched);
		return;
	}
	(*n)++;
	if (asprintf(&child, "%s/%s", p->path, name) > 0)
		walk(w, touched, p->index, child, p->depth + 1, n);
	else
		close(touched);
}

static bool numbers_last(const struct statfs *fs)
{
	return !CW_NUMBERS_PASS((uint32_t)fs->f_type);
}

/* Marks what is in a directory that is marked itself; takes `fd`. */
static int walk(struct cw_watch *w, int fd, uint32_t index, const char *path, unsigned int depth,
		size_t *n)
{
	struct place here = { .fd = fd, .index = index, .path = path, .depth = depth };
	cw_auto_buf struct cw_buf names = { 0 };
	size_t n_names = 0;
	DIR *dir;
	struct dirent *de;
	struct statfs fs;

	/* First the notifications, then the content: what comes in between is told. */
	if (fan_add(w, fd, index, path))
		w->blind.unnamed++;
	if (!fstatfs(fd, &fs) && !numbers_last(&fs))
		w->unstable = true;
	dir = depth < DEPTH_MAX ? fdopendir(fd) : NULL;
	if (!dir) {
		w->blind.unmarked++;
		close(fd);
		return depth < DEPTH_MAX ? -errno : 0;
	}
	try_handles(w, &here);
	/* What is neither is not opened, which would do something; its directory tells of it. */
	while ((de = readdir(dir))) {
		unsigned char type;

		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		type = type_of(fd, de);
		if (type == DT_DIR)
			walk_child(w, &here, de->d_name, n);
		if (type != DT_REG)
			continue;
		cw_buf_add(&names, de->d_name, strlen(de->d_name) + 1);
		n_names++;
		w->blind.unmarked += names.error != 0; /* -ENOMEM: this name is not in it */
		if (names.error || names.len > NAMES_MAX) {
			mark_files(w, &here, &names, n_names, n);
			n_names = 0;
		}
	}
	mark_files(w, &here, &names, n_names, n);
	closedir(dir);
	return 0;
}

static enum cw_root_state state_of_error(int r)
{
	return r == -ENOENT ? CW_ROOT_MISSING :
	       r == -ENOTDIR || r == -ELOOP ? CW_ROOT_NOT_A_DIRECTORY : CW_ROOT_UNREADABLE;
}

static int identify(int dirfd, const char *path, int flags, struct identity *ret)
{
	union handle u;
	struct stat st;
	int mount_id;

	memset(ret, 0, sizeof(*ret));
	if (fstatat(dirfd, path, &st, flags & AT_EMPTY_PATH))
		return -errno;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	u.h.handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(dirfd, path, &u.h, &mount_id, flags))
		return 0; /* a file system without handles: the number has to do */
	ret->len = u.h.handle_bytes;
	memcpy(ret->handle, u.h.f_handle, ret->len);
	return 0;
}

static bool same(const struct identity *a, const struct identity *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->len == b->len &&
	       !memcmp(a->handle, b->handle, a->len);
}

/*
 * A watch of inotify tells at once when the root goes, and keeps its inode in memory, with the mark
 * that the whole tree hangs on, without keeping the file system from being unmounted. It makes
 * every access on that file system dearer, so there is none where the kernel side tells of names,
 * and the mark stays without the inode.
 */
static void pin_root(struct cw_watch *w, int fd)
{
	char name[32];
	struct statfs fs;

	if (!w->names_by_fanotify && !fstatfs(fd, &fs) && numbers_last(&fs))
		return;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (w->roots < 0 || inotify_add_watch(w->roots, name, IN_DELETE_SELF | IN_MOVE_SELF) < 0)
		w->blind.unmarked++;
}

static int mark_root(struct cw_watch *w, uint32_t index, size_t *n)
{
	struct root *r = &w->root[index];
	cw_auto_free char *real = NULL;
	int fd = cw_kernel_touch(w->k, AT_FDCWD, r->path, O_DIRECTORY, index);

	if (fd < 0) {
		r->state = state_of_error(fd);
		return fd;
	}
	r->state = CW_ROOT_WATCHED;
	if (identify(fd, "", AT_EMPTY_PATH, &r->now)) {
		close(fd);
		return -EIO;
	}
	if (!r->home.ino)
		r->home = r->now;
	pin_root(w, fd);
	cw_kernel_set_root(w->k, index, r->now.ino);
	real = realpath(r->path, NULL);
	return walk(w, fd, index, real ? real : r->path, 0, n);
}

int cw_watch_add(struct cw_watch *w, const char *path, uint32_t *ret_index, size_t *ret_files)
{
	size_t n = 1;
	uint32_t index = w->n;
	int r;

	if (index >= CW_ASSETS_MAX)
		return -ENOSPC;
	w->root[index].path = strdup(path);
	if (!w->root[index].path)
		return -ENOMEM;
	w->n++;
	r = mark_root(w, index, &n);
	*ret_index = index;
	*ret_files = r ? 0 : n;
	return r;
}

const char *cw_watch_root(const struct cw_watch *w, uint32_t index)
{
	return index < w->n ? w->root[index].path : NULL;
}

size_t cw_watch_n(const struct cw_watch *w)
{
	return w->n;
}

enum cw_root_state cw_watch_state(const struct cw_watch *w, uint32_t index)
{
	return w->root[index].state;
}

bool cw_watch_unstable(const struct cw_watch *w)
{
	return w->unstable;
}

struct cw_watch_blind cw_watch_blind(const struct cw_watch *w)
{
	return w->blind;
}

/* True: the root is not what it was when it was looked at last. */
static bool look_at(const struct root *r, enum cw_root_state *ret_state)
{
	struct identity id;
	struct stat st;

	if (stat(r->path, &st)) {
		*ret_state = state_of_error(-errno);
		return *ret_state != r->state;
	}
	if (!S_ISDIR(st.st_mode)) {
		*ret_state = CW_ROOT_NOT_A_DIRECTORY;
		return *ret_state != r->state;
	}
	*ret_state = CW_ROOT_WATCHED;
	if (!cw_root_is_there(r->state))
		return true;
	if (identify(AT_FDCWD, r->path, AT_SYMLINK_FOLLOW, &id) || same(&id, &r->now))
		return false;
	if (!same(&id, &r->home))
		*ret_state = id.dev != r->now.dev ? CW_ROOT_MOUNTED_OVER : CW_ROOT_REPLACED;
	return true;
}

void cw_watch_check(struct cw_watch *w,
		    void (*changed)(void *ctx, uint32_t index, enum cw_root_state s), void *ctx)
{
	char buf[4096];

	while (w->roots >= 0 && read(w->roots, buf, sizeof(buf)) > 0)
		; /* that something happened is all there is to know */
	for (uint32_t i = 0; i < w->n; i++) {
		struct root *r = &w->root[i];
		enum cw_root_state now, before = r->state;
		size_t n = 0;

		if (!look_at(r, &now))
			continue;
		/* What stands there now is watched, too; the old inodes keep their marks. */
		if (cw_root_is_there(now) && mark_root(w, i, &n)) {
			r->state = before; /* it changes under our hands; the next look tells */
			continue;
		}
		r->state = now;
		changed(ctx, i, now);
	}
}

int cw_watch_rescan(struct cw_watch *w, uint32_t index, const char *path)
{
	size_t n = 0;
	int fd;

	if (index >= w->n)
		return -EINVAL;
	fd = cw_kernel_touch(w->k, AT_FDCWD, path, O_DIRECTORY | O_NOFOLLOW, index);
	return fd < 0 ? fd : walk(w, fd, index, path, 0, &n);
}

static void mounted_below(struct cw_watch *w, const char *point)
{
	for (uint32_t i = 0; i < w->n; i++) {
		size_t len = strlen(w->root[i].path);

		if (!strncmp(point, w->root[i].path, len) && point[len] == '/')
			cw_watch_rescan(w, i, point);
	}
}

/* proc(5): the fifth field is the mount point, blanks in it written as \040. */
void cw_watch_mounts(struct cw_watch *w)
{
	cw_auto_fclose FILE *f = fopen("/proc/self/mountinfo", "re");
	cw_auto_free char *line = NULL;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		char *point, *in, *out;

		if (sscanf(line, "%*d %*d %*s %*s %ms", &point) != 1)
			continue;
		for (in = out = point; *in; out++) {
			unsigned int c;

			if (*in == '\\' && sscanf(in + 1, "%3o", &c) == 1) {
				*out = (char)c;
				in += 4;
			} else {
				*out = *in++;
			}
		}
		*out = '\0';
		mounted_below(w, point);
		free(point);
	}
}

void cw_watch_rescan_all(struct cw_watch *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		enum cw_root_state state = w->root[i].state;
		size_t n = 0;

		if (!w->root[i].now.ino)
			continue;
		mark_root(w, i, &n);
		/* What became of the root itself, cw_watch_check tells. */
		w->root[i].state = state;
	}
}

/* ---- fanotify: reading ---- */

/* Makes room at the end of the queue, by moving it to the front or by growth up to a bound. */
static bool reserve_pending(struct cw_watch *w)
{
	size_t room = w->room ? w->room * 2 : 64;
	struct pending *grown;

	if (w->head + w->n_pending < w->room)
		return true;
	if (w->head > w->room / 2) {
		memmove(w->pending, w->pending + w->head, w->n_pending * sizeof(*w->pending));
		w->head = 0;
		return true;
	}
	if (room > PENDING_MAX)
		return false;
	grown = realloc(w->pending, room * sizeof(*grown));
	if (!grown)
		return false;
	w->pending = grown;
	w->room = room;
	return true;
}

static void push_event(struct cw_watch *w, const struct cw_name_event *e, char *path, char *to)
{
	struct pending *p;

	if (!path || !reserve_pending(w)) {
		w->lost++;
		free(path);
		free(to);
		return;
	}
	p = &w->pending[w->head + w->n_pending++];
	p->at_ms = now_ms();
	p->e = *e;
	p->path = path;
	p->to = to;
}

/* The parts of one fanotify event. */
struct parts {
	const struct dir *dir, *to_dir;
	const char *name, *to_name;
	const struct file_handle *object;
};

static void take_part(struct cw_watch *w, const struct fanotify_event_info_header *h,
		      struct parts *p)
{
	const struct fanotify_event_info_fid *fid = (const void *)h;
	const struct file_handle *fh = (const void *)fid->handle;
	const char *name = (const char *)fh->f_handle + fh->handle_bytes;

	switch (h->info_type) {
	case FAN_EVENT_INFO_TYPE_FID:
		p->object = fh;
		break;
	case FAN_EVENT_INFO_TYPE_DFID_NAME:
	case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
		p->dir = find_dir(w, fh);
		p->name = name;
		break;
	case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME:
		p->to_dir = find_dir(w, fh);
		p->to_name = name;
		break;
	}
}

static char *join(const struct dir *d, const char *name)
{
	char *s = NULL;

	if (!d || asprintf(&s, "%s%s%s", d->path, *name && strcmp(name, ".") ? "/" : "",
			   strcmp(name, ".") ? name : "") < 0)
		return NULL;
	return s;
}

static void stat_object(struct cw_name_event *e, const char *path)
{
	struct stat st;

	if (!path || lstat(path, &st))
		return;
	e->ino = st.st_ino;
	e->dev = CW_MKDEV(major(st.st_dev), minor(st.st_dev));
	e->mode = st.st_mode;
	e->last = st.st_nlink;
}

/* A watched directory by its handle: its path may be longer than a call takes. */
static int open_dir(const struct cw_watch *w, const struct dir *d)
{
	union handle u;
	cw_auto_close int root = -1;
	int fd;

	root = open(w->root[d->index].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	u.h.handle_bytes = d->len;
	u.h.handle_type = d->type;
	memcpy(u.h.f_handle, d->handle, d->len);
	fd = open_by_handle_at(root, &u.h, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void object_came(struct cw_watch *w, const struct dir *dir, const char *name,
			const char *path, const struct cw_name_event *e)
{
	cw_auto_close int in = open_dir(w, dir);
	size_t n = 0;
	/* Of a file another name may lie outside: the inode has to carry the mark. */
	int from = in < 0 ? AT_FDCWD : in;
	const char *at = in < 0 ? path : name;
	int fd = cw_kernel_touch(w->k, from, at, O_NOFOLLOW | (e->directory ? O_DIRECTORY : 0),
				 dir->index);

	/* A folder that is gone leaves a path; one that is too long does not show that it is. */
	if (fd < 0)
		w->blind.unmarked += !(in == -ESTALE && fd == -ENAMETOOLONG) &&
				     is_missed(from, at, fd);
	else if (e->directory)
		walk(w, fd, dir->index, path, 0, &n);
	else
		close(fd);
}

/* Still there under another name, or held open? -1: not known. */
static int last_name(struct cw_watch *w, const struct parts *p)
{
	cw_auto_close int dir = -1;
	cw_auto_close int fd = -1;
	struct stat st;

	if (!p->object || !p->dir->opens)
		return -1;
	dir = open(w->root[p->dir->index].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = dir < 0 ? -1 : open_by_handle_at(dir, (struct file_handle *)p->object,
					      O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ESTALE ? 1 : -1;
	return fstat(fd, &st) ? -1 : st.st_nlink == 0;
}

static void take_created(struct cw_watch *w, const struct parts *p, struct cw_name_event *e,
			 char *path)
{
	struct stat st;

	if (e->directory || (!lstat(path, &st) && S_ISREG(st.st_mode) && st.st_nlink > 1))
		object_came(w, p->dir, p->name, path, e);
	if (e->directory || lstat(path, &st) || !S_ISREG(st.st_mode) || st.st_nlink < 2) {
		free(path); /* creation itself is told by the open */
		return;
	}
	e->change = CW_NAME_LINKED;
	stat_object(e, path);
	push_event(w, e, path, NULL);
}

static void take_moved(struct cw_watch *w, struct parts *p, struct cw_name_event *e, uint64_t mask)
{
	char *path = join(p->dir, p->name ? p->name : "");
	char *to = NULL;

	if (mask & FAN_RENAME) {
		to = join(p->to_dir, p->to_name ? p->to_name : "");
	} else if (mask & FAN_MOVED_TO) {
		to = path;
		path = NULL;
		p->to_dir = p->dir;
	}
	if (to) {
		object_came(w, p->to_dir, p->to_name ? p->to_name : p->name, to, e);
		stat_object(e, to);
		e->index = p->to_dir->index;
	}
	if (p->dir)
		e->index = p->dir->index;
	e->change = CW_NAME_MOVED;
	if (!path)
		path = strdup("…");
	push_event(w, e, path, to);
}

static void take_event(struct cw_watch *w, const struct fanotify_event_metadata *m,
		       const char *at, const char *end)
{
	struct cw_name_event e = { .pid = (uint32_t)m->pid, .last = -1,
				   .directory = m->mask & FAN_ONDIR };
	struct cw_wanted_inode object;
	struct parts p = {};
	char *path;

	if (m->mask & FAN_Q_OVERFLOW) {
		w->lost++;
		return;
	}
	while (at + sizeof(struct fanotify_event_info_header) <= end) {
		const struct fanotify_event_info_header *h = (const void *)at;

		if (!h->len || at + h->len > end)
			break;
		take_part(w, h, &p);
		at += h->len;
	}
	if ((!p.dir && !p.to_dir) || m->pid == getpid())
		return;
	if (m->mask & FAN_DELETE_SELF) {
		if (p.dir)
			forget_dir(w, p.dir);
		return;
	}
	e.ino = inode_of_handle(p.object, &object) ? object.ino : 0;
	if (m->mask & (FAN_RENAME | FAN_MOVED_FROM | FAN_MOVED_TO)) {
		take_moved(w, &p, &e, m->mask);
		return;
	}
	if (!p.dir)
		return;
	e.index = p.dir->index;
	path = join(p.dir, p.name ? p.name : "");
	if (!path)
		return;
	if (m->mask & FAN_DELETE) {
		e.change = CW_NAME_DELETED;
		e.last = last_name(w, &p);
		push_event(w, &e, path, NULL);
	} else if (m->mask & FAN_CREATE) {
		take_created(w, &p, &e, path);
	} else if (m->mask & FAN_ATTRIB) {
		e.change = CW_NAME_ATTRIBUTES;
		stat_object(&e, path);
		push_event(w, &e, path, NULL);
	} else {
		free(path);
	}
}

int cw_watch_roots_fd(const struct cw_watch *w)
{
	return w->roots;
}

int cw_watch_fd(const struct cw_watch *w)
{
	return w->fan;
}

bool cw_watch_read(struct cw_watch *w)
{
	_Alignas(struct fanotify_event_metadata) char buf[16384];
	struct fanotify_event_metadata m;
	ssize_t n;

	while (w->fan >= 0 && (n = read(w->fan, buf, sizeof(buf))) > 0) {
		/* Events are aligned to 4 bytes, their 64-bit fields therefore not. */
		for (const char *at = buf, *end = buf + n; at + sizeof(m) <= end;
		     at += m.event_len) {
			memcpy(&m, at, sizeof(m));
			if (m.event_len < sizeof(m) || m.event_len > (size_t)(end - at))
				break;
			take_event(w, &m, at + m.metadata_len, at + m.event_len);
		}
	}
	return w->n_pending > 0;
}

int cw_watch_next(struct cw_watch *w, unsigned int age_ms, struct cw_name_event *ret_event,
		  uint64_t *ret_lost)
{
	struct pending *p;

	*ret_lost = w->lost;
	w->lost = 0;
	if (!w->n_pending)
		return 0;
	p = &w->pending[w->head];
	if (now_ms() - p->at_ms < age_ms)
		return -EAGAIN;
	free(w->path);
	free(w->to);
	w->path = CW_TAKE_PTR(p->path);
	w->to = CW_TAKE_PTR(p->to);
	*ret_event = p->e;
	ret_event->path = w->path;
	ret_event->to = w->to;
	w->n_pending--;
	w->head = w->n_pending ? w->head + 1 : 0;
	return 1;
}

/* ---- life ---- */

static void open_fanotify(struct cw_watch *w)
{
	unsigned int base = FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_REPORT_FID | FAN_CLOEXEC |
			    FAN_NONBLOCK | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS;

	/* 5.17 brought FAN_RENAME and FAN_REPORT_TARGET_FID together. */
	w->fan = fanotify_init(base | FAN_REPORT_TARGET_FID, O_RDONLY | O_LARGEFILE);
	w->renames = w->fan >= 0;
	if (w->fan < 0)
		w->fan = fanotify_init(base, O_RDONLY | O_LARGEFILE);
}

int cw_watch_new(struct cw_kernel *k, bool names_by_fanotify, struct cw_watch **ret_watch)
{
	struct cw_watch *w = calloc(1, sizeof(*w));
	struct cw_wanted_inode none;

	if (!w)
		return -ENOMEM;
	w->k = k;
	w->fan = -1;
	w->names_by_fanotify = names_by_fanotify;
	w->roots = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	w->batches = !cw_kernel_mark(k, 0, CW_NO_ASSET, &none, 0);
	if (names_by_fanotify)
		open_fanotify(w);
	*ret_watch = w;
	return 0;
}

void cw_watch_free(struct cw_watch *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; i < w->n; i++)
		free(w->root[i].path);
	for (size_t i = 0; i < DIR_SLOTS; i++)
		while (w->dirs[i]) {
			struct dir *d = w->dirs[i];

			w->dirs[i] = d->next;
			free(d->path);
			free(d);
		}
	for (size_t i = w->head; i < w->head + w->n_pending; i++) {
		free(w->pending[i].path);
		free(w->pending[i].to);
	}
	free(w->pending);
	free(w->path);
	free(w->to);
	cw_closep(&w->fan);
	cw_closep(&w->roots);
	free(w);
}
