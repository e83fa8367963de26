// SPDX-License-Identifier: Apache-2.0
/* Who still has a file that loses its name, and which name that was when the file is gone. */
#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "assets.h"

#define LISTED_MAX   4
#define ENTRIES_MAX  4096 /* descriptors and mappings of one process that are looked at */

struct search {
	struct cw_assets *a;
	uint64_t ino;
	uint32_t dev;
	unsigned int n;
};

/* Is the file among the links of that folder of /proc/PID? */
static bool among(uint32_t tgid, const char *folder, const struct search *s)
{
	char path[64];
	struct dirent *de;
	struct stat st;
	bool found = false;
	int left = ENTRIES_MAX;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%u/%s", tgid, folder);
	d = opendir(path);
	while (d && !found && left-- && (de = readdir(d)))
		found = !fstatat(dirfd(d), de->d_name, &st, 0) && st.st_ino == s->ino &&
			CW_MKDEV(major(st.st_dev), minor(st.st_dev)) == s->dev;
	if (d)
		closedir(d);
	return found;
}

static void take(void *ctx, uint32_t tgid)
{
	struct search *s = ctx;
	struct cw_buf *list = &s->a->holders;
	char path[32], exe[PATH_MAX];
	ssize_t n;

	if (!among(tgid, "fd", s) && !among(tgid, "map_files", s))
		return;
	if (s->n++ >= LISTED_MAX) {
		if (s->n == LISTED_MAX + 1)
			cw_buf_puts(list, ", …");
		return;
	}
	snprintf(path, sizeof(path), "/proc/%u/exe", tgid);
	n = readlink(path, exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';
	cw_buf_printf(list, "%s%s[%u]", list->len ? ", " : "", exe, tgid);
}

void cw_assets_note_removed(struct cw_assets *a, struct cw_event *e,
			    const struct cw_decoded_record *r)
{
	struct search s = { .a = a, .ino = r->ino, .dev = r->dev };
	struct cw_gone *g;

	if (!S_ISREG(r->mode) || r->asset >= CW_ASSETS_MAX)
		return;
	cw_buf_reset(&a->holders);
	cw_kernel_each_toucher(a->kernel, r->ino, r->dev, take, &s);
	if (a->holders.len && !a->holders.error)
		cw_event_add_string(e, "held_by", a->holders.data);
	g = &a->gone[a->next_gone++ % CW_GONE_MAX];
	free(g->path);
	g->path = e->asset.path ? strdup(e->asset.path) : NULL;
	g->ino = r->ino;
	g->dev = r->dev;
}

void cw_assets_name_gone(struct cw_assets *a, struct cw_event *e,
			 const struct cw_decoded_record *r)
{
	for (unsigned int i = 0; i < CW_GONE_MAX; i++) {
		struct cw_gone *g = &a->gone[i];

		if (g->ino != r->ino || g->dev != r->dev)
			continue;
		e->asset.path = g->path;
		g->ino = 0;
	}
}
