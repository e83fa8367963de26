// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "assets.h"

/* Which of a major's nodes are cameras or microphones is looked up when one is opened. */
static const unsigned int whole_majors[] = {
	81,  /* V4L2 */
	116, /* ALSA */
	14,  /* OSS */
	189, /* usbfs */
};

/* ---- devices ---- */

/* The major number that the kernel gave a driver by name; 0: none. */
static unsigned int dynamic_major(const char *name)
{
	cw_auto_fclose FILE *f = fopen("/proc/devices", "re");
	char line[128], word[100];
	unsigned int n;

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Block", 5))
			break;
		if (sscanf(line, "%u %99s", &n, word) == 2 && !strcmp(word, name))
			return n;
	}
	return 0;
}

static bool whole_major(unsigned int major)
{
	for (size_t i = 0; i < CW_ARRAY_SIZE(whole_majors); i++)
		if (whole_majors[i] == major)
			return true;
	return false;
}

void cw_assets_refresh_devices(struct cw_assets *a)
{
	cw_auto_free struct cw_device_info *list = NULL;
	unsigned int media = dynamic_major("media"), usbmon = dynamic_major("usbmon");
	size_t n = 0;

	for (size_t i = 0; i < CW_ARRAY_SIZE(whole_majors); i++)
		cw_kernel_watch_major(a->kernel, whole_majors[i], false, true);
	if (media)
		cw_kernel_watch_major(a->kernel, media, false, true);
	if (usbmon)
		cw_kernel_watch_major(a->kernel, usbmon, false, true);
	cw_enrich_forget_device(a->enrich, UINT32_MAX, 0);
	cw_kernel_heed_nodes(a->kernel);
	if (cw_device_list("/", &list, &n))
		return;
	for (size_t i = 0; i < n; i++)
		if (list[i].kind != CW_ASSET_NONE && !whole_major(list[i].dev_major) &&
		    list[i].dev_major != media && list[i].dev_major != usbmon)
			cw_kernel_watch_device(a->kernel, list[i].dev_major, list[i].dev_minor,
					       false, CW_NO_ASSET);
}

static void list_devices(struct cw_buf *found)
{
	cw_auto_free struct cw_device_info *list = NULL;
	size_t n = 0, shown = 0;

	if (!cw_device_list("/", &list, &n))
		for (size_t i = 0; i < n; i++) {
			if (list[i].kind == CW_ASSET_NONE)
				continue;
			cw_buf_printf(found, "  %-11s %-24s %s%s%s\n",
				      cw_asset_kind_name(list[i].kind), list[i].node, list[i].card,
				      *list[i].bus ? ", " : "", list[i].bus);
			shown++;
		}
	if (!shown)
		cw_buf_puts(found, "  no camera and no microphone here now; one that is plugged in "
				   "later is watched before its first open\n");
}

static struct cw_stand_in *find_stand_in(struct cw_assets *a, uint32_t rdev)
{
	for (unsigned int i = 0; i < a->n_stand_ins; i++)
		if (a->stand_in[i].rdev == rdev)
			return &a->stand_in[i];
	return NULL;
}

/* A node that the policy calls a camera is one, whatever its driver says. */
static void watch_node(struct cw_assets *a, const struct cw_policy_asset *pa,
		       struct cw_buf *problems)
{
	const char *node = pa->device ? pa->device : pa->by_id;
	const struct cw_device_info *info;
	struct cw_stand_in *s;
	struct stat st;
	uint32_t rdev;

	if (!node)
		return;
	if (stat(node, &st) || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))) {
		cw_buf_printf(problems, "asset '%s': there is no device %s now; if it is a camera "
			      "or a microphone it is watched as soon as it comes\n", pa->name,
			      node);
		return;
	}
	rdev = CW_MKDEV(major(st.st_rdev), minor(st.st_rdev)) |
	       (S_ISBLK(st.st_mode) ? CW_BLOCK_BIT : 0);
	info = cw_enrich_device(a->enrich, major(st.st_rdev), minor(st.st_rdev));
	if (S_ISCHR(st.st_mode) && info->kind != CW_ASSET_NONE && info->driver[0])
		return;
	s = find_stand_in(a, rdev);
	if (!s && a->n_stand_ins < CW_ARRAY_SIZE(a->stand_in))
		s = &a->stand_in[a->n_stand_ins++];
	if (!s) {
		cw_buf_printf(problems, "asset '%s': more than %u devices are named by the policy, "
			      "%s is not watched\n", pa->name, CW_ASSETS_MAX, node);
		return;
	}
	s->rdev = rdev;
	s->kind = pa->kind;
	snprintf(s->node, sizeof(s->node), "%s", node);
	cw_kernel_watch_device(a->kernel, major(st.st_rdev), minor(st.st_rdev),
			       S_ISBLK(st.st_mode), CW_NO_ASSET);
}

/* ---- trees ---- */

static const char *remedy(int r)
{
	switch (r) {
	case -ENOENT: return "there is no such directory; it is watched as soon as it is made";
	case -ENOTDIR: return "that is not a directory; name the directory of the recordings";
	case -ELOOP: return "too many symbolic links on the way; name the directory itself";
	case -ENOSPC: return "too many recordings folders; name a common parent";
	case -EIO: return "the probes did not see it opened, so it is not watched; please report";
	default: return strerror(-r);
	}
}

static uint32_t find_tree(const struct cw_assets *a, const char *path)
{
	for (uint32_t i = 0; i < cw_watch_n(a->watch); i++)
		if (cw_streq(cw_watch_root(a->watch, i), path))
			return i;
	return CW_NO_ASSET;
}

static void watch_tree(struct cw_assets *a, const struct cw_policy_asset *pa, struct cw_buf *found,
		       struct cw_buf *problems)
{
	uint32_t index = find_tree(a, pa->path);
	size_t files = 0;
	int r;

	if (index != CW_NO_ASSET) {
		a->retired[index] = false;
		return;
	}
	r = cw_watch_add(a->watch, pa->path, &index, &files);
	if (r)
		cw_buf_printf(problems, "asset '%s', %s: %s\n", pa->name, pa->path, remedy(r));
	else
		cw_buf_printf(found, "  %-11s %-24s %zu %s\n", cw_asset_kind_name(pa->kind),
			      pa->path, files, files == 1 ? "object" : "files and folders");
}

static void describe_blind(struct cw_watch_blind blind, struct cw_buf *problems)
{
	if (blind.unmarked)
		cw_buf_printf(problems,
			      "%llu files or folders could not be opened to be marked; they are "
			      "found by their folder, not under another name\n",
			      (unsigned long long)blind.unmarked);
	if (blind.unnamed)
		cw_buf_printf(problems,
			      "of %llu folders renames, links and deletions are not told: on this "
			      "rung fanotify tells of them, and not on every file system (tmpfs "
			      "since Linux 5.13, overlays since 6.6); keep recordings on ext4, "
			      "xfs or btrfs, or use a kernel with BPF LSM or kprobes\n",
			      (unsigned long long)blind.unnamed);
}

void cw_assets_apply(struct cw_assets *a, const struct cw_policy *p, struct cw_buf *found,
		     struct cw_buf *problems)
{
	bool any = false;

	for (uint32_t i = 0; i < cw_watch_n(a->watch); i++)
		a->retired[i] = true;
	a->n_stand_ins = 0;
	cw_assets_refresh_devices(a);
	list_devices(found);
	for (size_t i = 0; i < cw_policy_n_assets(p); i++) {
		const struct cw_policy_asset *pa = cw_policy_asset(p, i);

		if (pa->path) {
			watch_tree(a, pa, found, problems);
			any = true;
		} else {
			watch_node(a, pa, problems);
		}
	}
	cw_assets_refresh_disks(a);
	if (!any)
		cw_buf_puts(found, "  no recordings folder: no known recorder is installed and the "
				   "policy names none; add one under assets, for example\n"
				   "    footage: {kind: recordings, path: /var/lib/motion}\n");
	describe_blind(cw_watch_blind(a->watch), problems);
}

/* ---- events ---- */

static void name_device(struct cw_event *e, const struct cw_device_info *info)
{
	e->asset.kind = info->kind;
	e->asset.node = info->node[0] ? info->node : NULL;
	e->asset.by_id = info->by_id[0] ? info->by_id : NULL;
	e->asset.driver = info->driver[0] ? info->driver : NULL;
	e->asset.bus = info->bus[0] ? info->bus : NULL;
	e->asset.card = info->card[0] ? info->card : NULL;
	if (!e->asset.path)
		e->asset.path = e->asset.node;
	e->asset.name = e->asset.node ? e->asset.node : e->asset.path;
}

static bool identify_device(struct cw_assets *a, struct cw_event *e,
			    const struct cw_decoded_record *r)
{
	bool block = S_ISBLK(r->mode);
	struct cw_stand_in *s = find_stand_in(a, r->rdev | (block ? CW_BLOCK_BIT : 0));
	const struct cw_device_info *info;

	if (s) {
		e->asset.kind = s->kind;
		e->asset.node = s->node;
		e->asset.name = s->node;
		if (!e->asset.path)
			e->asset.path = s->node;
		if (s->kind == CW_ASSET_DISK && e->kind == CW_KIND_OPEN)
			e->kind = CW_KIND_RAWDISK;
		return true;
	}
	if (block || r->asset == CW_ASSET_BELOW)
		return cw_assets_identify_disk(a, e, r);
	info = cw_enrich_device(a->enrich, CW_MAJOR(r->rdev), CW_MINOR(r->rdev));
	if (info->kind == CW_ASSET_NONE) {
		if (r->ino)
			cw_kernel_ignore_node(a->kernel, r->rdev, r->ino, r->dev);
		return false;
	}
	name_device(e, info);
	return true;
}

bool cw_assets_identify(struct cw_assets *a, struct cw_event *e,
			const struct cw_decoded_record *r)
{
	if (S_ISCHR(r->mode) || S_ISBLK(r->mode))
		return identify_device(a, e, r);
	if (r->asset == CW_ASSET_BELOW)
		return cw_assets_identify_disk(a, e, r);
	if (r->asset >= cw_watch_n(a->watch) || a->retired[r->asset])
		return false;
	e->asset.kind = CW_ASSET_RECORDINGS;
	e->asset.root = cw_watch_root(a->watch, r->asset);
	e->asset.name = e->asset.root;
	return true;
}

/* ---- core dumps ---- */

void cw_assets_note_core(struct cw_assets *a, const struct cw_event *e,
			 const struct cw_decoded_record *r)
{
	const struct cw_detail *victim = cw_event_detail(e, "victim_pid");
	struct cw_core *c = &a->core[a->next_core++ % CW_CORES_MAX];

	free(c->path);
	c->path = e->asset.path ? strdup(e->asset.path) : NULL;
	c->ino = r->target_ino;
	c->dev = r->target_dev;
	c->victim_pid = victim ? (uint32_t)victim->u : 0;
	c->object = *r;
	c->object.target = NULL;
	c->asset = (struct cw_asset){ .dev_major = e->asset.dev_major,
				      .dev_minor = e->asset.dev_minor, .inode = e->asset.inode };
}

/* Who opened it himself and maps it then has been told of. */
static bool gets_at(const struct cw_event *e)
{
	return e->kind == CW_KIND_OPEN || e->kind == CW_KIND_RECEIVE || e->kind == CW_KIND_USE ||
	       (e->kind == CW_KIND_MAP && cw_event_detail(e, "opener_pid"));
}

bool cw_assets_core(struct cw_assets *a, const struct cw_event *e,
		    const struct cw_decoded_record *r, unsigned int *at,
		    struct cw_event *ret_event)
{
	while (gets_at(e) && *at < CW_CORES_MAX) {
		struct cw_core *c = &a->core[(*at)++];

		if (!c->ino || c->ino != r->ino || c->dev != r->dev)
			continue;
		*ret_event = *e;
		ret_event->kind = CW_KIND_PEEK;
		ret_event->asset = c->asset;
		ret_event->asset.path = c->path;
		ret_event->asset.access = e->asset.access;
		cw_event_add_string(ret_event, "by", CW_PEEK_BY_CORE);
		cw_event_add_uint(ret_event, "victim_pid", c->victim_pid);
		if (e->asset.path)
			cw_event_add_string(ret_event, "file", e->asset.path);
		if (cw_assets_identify(a, ret_event, &c->object))
			return true;
	}
	return false;
}

void cw_assets_free(struct cw_assets *a)
{
	free(a->disks);
	cw_buf_free(&a->holders);
	for (unsigned int i = 0; i < CW_GONE_MAX; i++)
		free(a->gone[i].path);
	for (unsigned int i = 0; i < CW_CORES_MAX; i++)
		free(a->core[i].path);
}

/* ---- refused opens ---- */

/* Where the path of a call leads, seen with the caller's root, directory and descriptors. */
static int open_named(const struct cw_event *e, const struct cw_decoded_record *r)
{
	cw_auto_free char *path = NULL;
	unsigned int pid = e->process.pid;
	int n, fd;

	if (*r->path == '/')
		n = asprintf(&path, "/proc/%u/root%s", pid, r->path);
	else if (r->dirfd == AT_FDCWD)
		n = asprintf(&path, "/proc/%u/cwd/%s", pid, r->path);
	else
		n = asprintf(&path, "/proc/%u/fd/%d/%s", pid, r->dirfd, r->path);
	if (n < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_PATH | O_CLOEXEC);
	/* The process may have ended already; names mean the same to most others. */
	if (fd < 0 && *r->path == '/') {
		fd = open(r->path, O_PATH | O_CLOEXEC);
	} else if (fd < 0 && r->base) {
		free(path);
		if (asprintf(&path, "%s/%s", r->base, r->path) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		fd = open(path, O_PATH | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

/* The name that the kernel has for what was found, not the one that the process used. */
static const char *real_name(struct cw_assets *a, int fd)
{
	char name[32];
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, a->real_name, sizeof(a->real_name) - 1);
	if (n <= 0)
		return NULL;
	a->real_name[n] = '\0';
	return a->real_name;
}

bool cw_assets_look_up(struct cw_assets *a, struct cw_event *e, struct cw_decoded_record *r)
{
	cw_auto_close int fd = open_named(e, r);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return false;
	r->mode = st.st_mode;
	r->ino = st.st_ino;
	r->dev = CW_MKDEV(major(st.st_dev), minor(st.st_dev));
	e->asset.inode = st.st_ino;
	e->asset.path = real_name(a, fd);
	if (!e->asset.path)
		e->asset.path = r->path;
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
		r->rdev = CW_MKDEV(major(st.st_rdev), minor(st.st_rdev));
		e->asset.dev_major = major(st.st_rdev);
		e->asset.dev_minor = minor(st.st_rdev);
		if (cw_assets_is_disk(a, st.st_mode, r->rdev)) {
			r->asset = CW_ASSET_BELOW;
			return identify_device(a, e, r);
		}
		/* Only classes that are watched whole are asked for their identity. */
		if (!find_stand_in(a, r->rdev | (S_ISBLK(st.st_mode) ? CW_BLOCK_BIT : 0)) &&
		    (!S_ISCHR(st.st_mode) || !whole_major(major(st.st_rdev))))
			return false;
		return identify_device(a, e, r);
	}
	e->asset.dev_major = major(st.st_dev);
	e->asset.dev_minor = minor(st.st_dev);
	r->asset = cw_kernel_marked(a->kernel, r->ino, r->dev);
	return cw_assets_identify(a, e, r);
}
