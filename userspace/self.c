// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "self.h"

static const char *const names[] = {
	[CW_SELF_PROGRAM] = "program", [CW_SELF_POLICY] = "policy", [CW_SELF_TRACE] = "trace",
	[CW_SELF_OUTPUT] = "output",   [CW_SELF_KEYS] = "keys",     [CW_SELF_UNIT] = "unit",
	[CW_SELF_CGROUP] = "control group", [CW_SELF_STATE] = "state",
};

_Static_assert(CW_ARRAY_SIZE(names) == CW_SELF_MAX, "a file of ours lacks its name");

/* ---- which files ---- */

static struct cw_self_file *find(struct cw_self *s, const char *path)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (cw_streq(s->file[i].path, path))
			return &s->file[i];
	return NULL;
}

/* Names of ours that go, where no hook tells of them: by a mark on the object itself. */
static void watch_name(struct cw_self *s, struct cw_self_file *f)
{
	union { struct file_handle h; char room[sizeof(struct file_handle) + 128]; } u;
	int mount_id;

	f->handle_len = 0;
	u.h.handle_bytes = sizeof(f->handle);
	if (s->fan < 0 || name_to_handle_at(AT_FDCWD, f->path, &u.h, &mount_id, AT_SYMLINK_FOLLOW))
		return;
	if (fanotify_mark(s->fan, FAN_MARK_ADD, FAN_ATTRIB | FAN_MOVE_SELF, AT_FDCWD, f->path))
		return;
	f->handle_len = u.h.handle_bytes;
	memcpy(f->handle, u.h.f_handle, f->handle_len);
}

static void take_up(struct cw_self *s, enum cw_self_kind kind, const char *path)
{
	struct cw_self_file *f = find(s, path);
	struct stat st;
	int fd;

	if (stat(path, &st) || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return;
	if (!f && s->n == CW_SELF_FILES_MAX) {
		s->full = true;
		return;
	}
	if (!f) {
		f = &s->file[s->n];
		memset(f, 0, sizeof(*f));
		f->path = strdup(path);
		if (!f->path)
			return;
		s->n++;
	}
	/* The mark may have gone with the object that had the name before. */
	if (f->ino == st.st_ino && f->dev == st.st_dev &&
	    cw_kernel_marked(s->kernel, st.st_ino, CW_MKDEV(major(st.st_dev), minor(st.st_dev))) ==
		    CW_SELF_ASSET + kind)
		return;
	/* A file that may only be written cannot be opened for reading; it has its mark by then. */
	fd = cw_kernel_touch(s->kernel, AT_FDCWD, path, 0, CW_SELF_ASSET + kind);
	if (fd >= 0)
		close(fd);
	f->kind = kind;
	f->ino = st.st_ino;
	f->dev = st.st_dev;
	f->gone = false;
	watch_name(s, f);
}

/* The files of a directory whose name begins with `prefix`. */
static void take_up_folder(struct cw_self *s, enum cw_self_kind kind, const char *dir,
			   const char *prefix)
{
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		cw_auto_free char *path = NULL;

		if (de->d_name[0] == '.' || strncmp(de->d_name, prefix, strlen(prefix)))
			continue;
		if (asprintf(&path, "%s/%s", dir, de->d_name) < 0)
			path = NULL;
		else
			take_up(s, kind, path);
	}
	if (d)
		closedir(d);
}

/* The trace, and those before it, which have its name and a time. */
static void take_up_traces(struct cw_self *s, const char *trace)
{
	cw_auto_free char *dir = strdup(trace);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	take_up(s, CW_SELF_TRACE, trace);
	if (!dir)
		return;
	if (slash)
		*slash = '\0';
	take_up_folder(s, CW_SELF_TRACE, !slash ? "." : *dir ? dir : "/",
		       slash ? slash + 1 : trace);
}

/* Our control group, as /proc/self/cgroup names it in version 2; false: there is none. */
static bool own_cgroup(char *room, size_t size)
{
	cw_auto_fclose FILE *f = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::/", 4)) {
			snprintf(room, size, "%s", line + 3);
			return true;
		}
	}
	return false;
}

/* What freezes or kills the group that we are in, or one above it. */
static void take_up_cgroups(struct cw_self *s, char *group)
{
	static const char *const files[] = { "cgroup.freeze", "cgroup.kill" };
	char path[PATH_MAX];

	for (char *end; (end = strrchr(group, '/')) && end[1]; *(end == group ? end + 1 : end) = 0)
		for (size_t i = 0; i < CW_ARRAY_SIZE(files); i++) {
			if (snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", group, files[i]) <
			    (int)sizeof(path))
				take_up(s, CW_SELF_CGROUP, path);
		}
}

/* The unit that started us, and what was added to it; a copy elsewhere that overrides it is not
 * there yet. */
static void take_up_unit(struct cw_self *s, const char *group)
{
	static const char *const places[] = { "/etc/systemd/system", "/run/systemd/system",
					      "/usr/local/lib/systemd/system",
					      "/usr/lib/systemd/system", "/lib/systemd/system" };
	const char *unit = strrchr(group, '/');
	size_t len = unit ? strlen(unit) : 0;
	char path[PATH_MAX];

	if (len < 9 || strcmp(unit + len - 8, ".service"))
		return;
	for (size_t i = 0; i < CW_ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "%s%s", places[i], unit);
		take_up(s, CW_SELF_UNIT, path);
		snprintf(path, sizeof(path), "%s%s.d", places[i], unit);
		take_up(s, CW_SELF_UNIT, path);
		take_up_folder(s, CW_SELF_UNIT, path, "");
	}
}

void cw_self_mark(struct cw_self *s, const struct cw_self_config *c)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n > 0) {
		path[n] = '\0';
		take_up(s, CW_SELF_PROGRAM, path);
	}
	if (c->policy)
		take_up(s, CW_SELF_POLICY, c->policy);
	if (c->output)
		take_up(s, CW_SELF_OUTPUT, c->output);
	if (c->trace)
		take_up_traces(s, c->trace);
	if (c->trace && c->keys) {
		take_up(s, CW_SELF_KEYS, c->keys);
		take_up_folder(s, CW_SELF_KEYS, c->keys, "");
	}
	if (c->state)
		take_up(s, CW_SELF_STATE, c->state);
	if (own_cgroup(path, sizeof(path))) {
		take_up_unit(s, path);
		take_up_cgroups(s, path);
	}
}

void cw_self_start(struct cw_self *s, struct cw_kernel *k, bool fanotify)
{
	memset(s, 0, sizeof(*s));
	s->kernel = k;
	s->fan = fanotify ? fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_CLOEXEC |
					  FAN_NONBLOCK, O_RDONLY | O_LARGEFILE) : -1;
}

void cw_self_stop(struct cw_self *s)
{
	for (unsigned int i = 0; i < s->n; i++)
		free(s->file[i].path);
	s->n = 0;
	cw_closep(&s->fan);
}

/* ---- events ---- */

static const char *how(const struct cw_event *e)
{
	switch (e->kind) {
	case CW_KIND_OPEN:
		return "opened for writing";
	case CW_KIND_RECEIVE:
		return e->asset.access & CW_ACCESS_WRITE ? "received for writing" : NULL;
	case CW_KIND_RENAME:
		return "renamed";
	case CW_KIND_LINK:
		return "linked";
	case CW_KIND_UNLINK:
		return e->asset.access & CW_ACCESS_WRITE ? "replaced" : "removed";
	case CW_KIND_TRUNCATE:
		return "truncated";
	case CW_KIND_ATTR:
		return "attributes changed";
	default:
		return NULL;
	}
}

bool cw_self_file_event(struct cw_event *e, uint32_t asset)
{
	const char *done = how(e);

	if (!done || asset - CW_SELF_ASSET >= CW_SELF_MAX)
		return false;
	e->kind = CW_KIND_TAMPER;
	e->asset.kind = CW_ASSET_SELF;
	e->asset.name = names[asset - CW_SELF_ASSET];
	e->asset.root = NULL;
	cw_event_add_string(e, "what", names[asset - CW_SELF_ASSET]);
	cw_event_add_string(e, "how", done);
	return true;
}

/* ---- names, by fanotify ---- */

const char *cw_self_name(enum cw_self_kind kind)
{
	return kind < CW_SELF_MAX ? names[kind] : "invalid";
}

static struct cw_self_file *find_handle(struct cw_self *s, const struct file_handle *h)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (s->file[i].handle_len == h->handle_bytes && h->handle_bytes &&
		    !memcmp(s->file[i].handle, h->f_handle, h->handle_bytes))
			return &s->file[i];
	return NULL;
}

const char *cw_self_became(struct cw_self_file *f, bool moved)
{
	struct stat st;
	bool there = !stat(f->path, &st);

	if (f->gone || (there && st.st_ino == f->ino && st.st_dev == f->dev))
		return NULL;
	f->gone = true;
	return moved ? "renamed" : there ? "replaced" : "removed";
}

bool cw_self_next_change(struct cw_self *s, struct cw_self_change *ret_change)
{
	const struct fanotify_event_info_fid *fid;
	struct fanotify_event_metadata m;
	struct cw_self_file *f;
	ssize_t n;

	while (s->fan >= 0) {
		if (s->at >= s->end) {
			n = read(s->fan, s->buf, sizeof(s->buf));
			if (n <= 0)
				return false;
			s->at = 0;
			s->end = (size_t)n;
		}
		memcpy(&m, s->buf + s->at, sizeof(m));
		fid = (const void *)(s->buf + s->at + m.metadata_len);
		s->at += m.event_len;
		if (m.pid == getpid() || m.mask & FAN_Q_OVERFLOW ||
		    m.event_len < m.metadata_len + sizeof(*fid))
			continue;
		f = find_handle(s, (const void *)fid->handle);
		if (!f)
			continue;
		*ret_change = (struct cw_self_change){ .file = f, .pid = (uint32_t)m.pid,
						       .moved = m.mask & FAN_MOVE_SELF };
		return true;
	}
	return false;
}
