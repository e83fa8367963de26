// SPDX-License-Identifier: Apache-2.0
/* Which tree a change of mounts concerns, where the object itself does not tell. */
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "assets.h"

static uint32_t tree_below(const struct cw_assets *a, const char *path)
{
	size_t len = path ? strlen(path) : 0;

	while (len && path[len - 1] == '/')
		len--;
	for (uint32_t i = 0; len && i < cw_watch_n(a->watch); i++) {
		const char *root = cw_watch_root(a->watch, i);

		if (!a->retired[i] && !strncmp(root, path, len) &&
		    (root[len] == '/' || !root[len]))
			return i;
	}
	return CW_NO_ASSET;
}

/* What was bound elsewhere, as the process named it. */
static uint32_t tree_of_source(const struct cw_assets *a, const struct cw_event *e,
			       const char *source)
{
	char path[PATH_MAX];
	struct stat st;
	uint32_t mark;

	if (snprintf(path, sizeof(path), "/proc/%u/%s%s", e->process.pid,
		     *source == '/' ? "root" : "cwd/", source) >= (int)sizeof(path))
		return CW_NO_ASSET;
	/* It may have ended; names mean the same to most others. */
	if (stat(path, &st) && stat(source, &st))
		return CW_NO_ASSET;
	mark = cw_kernel_marked(a->kernel, st.st_ino,
				CW_MKDEV(major(st.st_dev), minor(st.st_dev)));
	return mark < cw_watch_n(a->watch) ? mark : tree_below(a, source);
}

static bool concerns(struct cw_assets *a, struct cw_event *e, uint32_t tree)
{
	if (tree >= cw_watch_n(a->watch) || a->retired[tree])
		return false;
	e->asset.kind = CW_ASSET_RECORDINGS;
	e->asset.name = e->asset.root = cw_watch_root(a->watch, tree);
	return true;
}

bool cw_assets_identify_mount(struct cw_assets *a, struct cw_event *e,
			      const struct cw_decoded_record *r)
{
	uint32_t tree = CW_NO_ASSET;

	if (r->asset != CW_NO_ASSET || r->rdev)
		return cw_assets_identify(a, e, r);
	if (e->asset.path && !e->asset.path_partial)
		tree = tree_below(a, e->asset.path);
	if (tree == CW_NO_ASSET && r->target)
		tree = tree_of_source(a, e, r->target);
	return concerns(a, e, tree);
}

bool cw_assets_look_up_mount(struct cw_assets *a, struct cw_event *e,
			     const struct cw_decoded_record *r)
{
	char *path = a->real_name;

	if (*r->path == '/' || !r->base)
		snprintf(path, sizeof(a->real_name), "%s", r->path);
	else
		snprintf(path, sizeof(a->real_name), "%s/%s", r->base, r->path);
	e->asset.path = path;
	e->asset.access = CW_ACCESS_WRITE;
	return concerns(a, e, tree_below(a, path));
}
