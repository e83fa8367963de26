// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "trace/segments.h"

struct segment {
	char name[96];
	struct cw_trace_survey survey;
};

struct segments {
	struct segment *one;
	size_t n, cap;
	uint64_t bytes;
};

static void note(struct cw_buf *notes, const char *path, const char *name)
{
	if (notes)
		cw_buf_printf(notes, "%s was there already; it is %s now\n", path, name);
}

static int read_head(const char *path, struct cw_trace_head *ret_head)
{
	struct cw_trace_reader *r = NULL;
	int e = cw_trace_reader_open(path, NULL, NULL, &r);

	if (!e)
		*ret_head = *cw_trace_reader_head(r);
	cw_trace_reader_free(r);
	return e;
}

/* Never over another file, where the file system can promise that. */
static int rename_free(const char *from, const char *to)
{
	if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (!access(to, F_OK))
		return -EEXIST;
	return rename(from, to) ? -errno : 0;
}

static int move_aside(const char *path, const struct stat *st, struct cw_buf *notes)
{
	char name[4200], stamp[32];
	struct cw_trace_head head;
	struct tm tm;
	time_t s = read_head(path, &head) || head.damaged ?
			   st->st_mtime : (time_t)(head.wall_ns / CW_NSEC_PER_SEC);
	int e = -EEXIST;

	gmtime_r(&s, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	for (unsigned int i = 0; e == -EEXIST && i < 1000; i++) {
		int n = i ? snprintf(name, sizeof(name), "%s.%s.%u", path, stamp, i) :
			    snprintf(name, sizeof(name), "%s.%s", path, stamp);

		e = n < (int)sizeof(name) ? rename_free(path, name) : -ENAMETOOLONG;
	}
	if (!e)
		note(notes, path, name);
	return e;
}

/* So that names survive a power cut; where this cannot be had, they are those of the disk. */
static void sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	cw_auto_free char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	cw_auto_close int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0)
		(void)fsync(fd);
}

char *cw_trace_fresh_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	int head = slash ? (int)(slash - path) + 1 : 0;
	char *name = NULL;

	return asprintf(&name, "%.*s.%s.new", head, path, path + head) < 0 ? NULL : name;
}

int cw_trace_last_of(const char *path, const char *fresh, uint8_t ret_last[CW_TRACE_HASH])
{
	static const uint8_t none[CW_TRACE_HASH];
	struct cw_trace_head head;
	struct stat st;

	/* Killed between the two names of cw_trace_put_in_place(): that is done first. */
	if (access(path, F_OK) && !read_head(fresh, &head) && !head.damaged &&
	    memcmp(head.previous, none, sizeof(none)) && rename(fresh, path))
		return -errno;
	if (stat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(st.st_mode))
		return -EEXIST;
	cw_trace_last_hash(path, ret_last); /* what is no trace has none */
	return 0;
}

int cw_trace_put_in_place(const char *path, const char *fresh, struct cw_buf *notes)
{
	struct stat st;
	int e = stat(path, &st) ? -errno : 0;

	if (!e && st.st_size)
		e = move_aside(path, &st, notes);
	if (e && e != -ENOENT)
		return e;
	if (rename(fresh, path))
		return -errno;
	sync_directory(path);
	return 0;
}

/* ---- the budget ---- */

/* ".20261124T043559Z", and ".3" if there were several in that second. */
static bool is_stamp(const char *s)
{
	static const char form[] = ".dddddddd" "Tdddddd" "Z";

	for (size_t i = 0; form[i]; i++, s++)
		if (form[i] == 'd' ? *s < '0' || *s > '9' : *s != form[i])
			return false;
	return !*s || (*s == '.' && s[1] && !s[1 + strspn(s + 1, "0123456789")]);
}

static int add_segment(struct segments *all, const char *dir, const char *name)
{
	struct segment *more;
	char path[4200];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path) ||
	    strlen(name) >= sizeof(more->name) || lstat(path, &st) || !S_ISREG(st.st_mode))
		return 0;
	if (all->n == CW_TRACE_SEGMENTS_MAX)
		return -E2BIG;
	if (all->n == all->cap) {
		more = realloc(all->one, (all->cap ? 2 * all->cap : 16) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		all->one = more;
		all->cap = all->cap ? 2 * all->cap : 16;
	}
	snprintf(all->one[all->n].name, sizeof(all->one->name), "%s", name);
	if (cw_trace_survey(path, &all->one[all->n].survey))
		return 0; /* not a trace: not ours to count or to delete */
	all->bytes += all->one[all->n++].survey.bytes;
	return 0;
}

static int list_segments(const char *dir, const char *base, struct segments *all)
{
	size_t len = strlen(base);
	struct dirent *entry;
	DIR *d = opendir(dir);
	int e = 0;

	if (!d)
		return -errno;
	while (!e && (entry = readdir(d)))
		if (!strncmp(entry->d_name, base, len) && is_stamp(entry->d_name + len))
			e = add_segment(all, dir, entry->d_name);
	closedir(d);
	return e;
}

/* The one that goes first; NULL: there is none. */
static struct segment *first_to_go(struct segments *all)
{
	struct segment *best = NULL;

	for (size_t i = 0; i < all->n; i++) {
		struct segment *s = &all->one[i];

		if (!best || s->survey.flagged < best->survey.flagged ||
		    (s->survey.flagged == best->survey.flagged &&
		     s->survey.head.wall_ns < best->survey.head.wall_ns))
			best = s;
	}
	return best;
}

static struct cw_trace_dropped describe(const struct segment *s, bool soon)
{
	struct cw_trace_dropped d = { .soon = soon, .events = s->survey.events,
				      .from_ns = s->survey.wall_min, .to_ns = s->survey.wall_max };

	snprintf(d.name, sizeof(d.name), "%s", s->name);
	memcpy(d.last, s->survey.last, sizeof(d.last));
	return d;
}

static int drop(struct segments *all, const char *dir, struct segment *s)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/%s", dir, s->name);
	if (unlink(path) && errno != ENOENT)
		return -errno;
	all->bytes -= s->survey.bytes;
	*s = all->one[--all->n];
	return 0;
}

int cw_trace_keep_budget(const char *path, uint64_t room, uint64_t budget,
			 void (*tell)(void *ctx, const struct cw_trace_dropped *d), void *ctx)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t len = slash ? (size_t)(slash - path) : 0;
	struct segments all = { 0 };
	struct cw_trace_dropped d;
	struct segment *s;
	unsigned int gone = 0;
	char dir[4096];
	int e;

	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	snprintf(dir, sizeof(dir), "%.*s", slash && len ? (int)len : 1, slash ? path : ".");
	e = list_segments(dir, base, &all);
	for (; !e && all.bytes + room > budget && (s = first_to_go(&all)); gone++) {
		d = describe(s, false);
		e = drop(&all, dir, s);
		if (!e)
			tell(ctx, &d);
	}
	if (!e && !gone && all.bytes + 2 * room > budget && (s = first_to_go(&all))) {
		d = describe(s, true);
		tell(ctx, &d);
	}
	free(all.one);
	return e;
}
