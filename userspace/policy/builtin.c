// SPDX-License-Identifier: Apache-2.0
/*
 * The policy of a machine that has none. One table of recorders; what of it is installed below the
 * root is granted by executable and unit, and nothing else is. Reads names and links, no content.
 */
#include <limits.h>
#include <sys/stat.h>

#include "policy/policy.h"

#define LINKS_MAX 16

struct recorder {
	const char *name;
	const char *marks[4];	   /* any of these: it is installed */
	const char *exes[8];	   /* what it runs, of those that exist */
	const char *units[4];	   /* of those that exist */
	const char *recordings[3]; /* of those that exist */
	bool opens_only;	   /* looks at a device, never takes pictures */
	bool disks;		   /* the device is a disk */
};

static const struct recorder recorders[] = {
	{
		.name = "motion",
		.marks = { "/usr/bin/motion", "/usr/local/bin/motion" },
		.exes = { "/usr/bin/motion", "/usr/local/bin/motion" },
		.units = { "motion.service" },
		.recordings = { "/var/lib/motion" },
	},
	{
		/* A script: the interpreter is its executable, and it starts motion itself. */
		.name = "motionEye",
		.marks = { "/usr/bin/meyectl", "/usr/local/bin/meyectl" },
		.exes = { "/usr/bin/python3", "/usr/bin/motion", "/usr/local/bin/motion",
			  "/usr/bin/ffmpeg" },
		.units = { "motioneye.service" },
		.recordings = { "/var/lib/motioneye" },
	},
	{
		.name = "ZoneMinder",
		.marks = { "/usr/bin/zmc", "/usr/local/bin/zmc" },
		.exes = { "/usr/bin/zmc", "/usr/bin/zma", "/usr/bin/zmu", "/usr/bin/zm_rtsp_server",
			  "/usr/bin/perl", "/usr/bin/ffmpeg", "/usr/local/bin/zmc" },
		.units = { "zoneminder.service" },
		.recordings = { "/var/cache/zoneminder/events", "/var/lib/zoneminder/events" },
	},
	{
		.name = "go2rtc",
		.marks = { "/usr/local/bin/go2rtc", "/usr/bin/go2rtc" },
		.exes = { "/usr/local/bin/go2rtc", "/usr/bin/go2rtc", "/usr/bin/ffmpeg" },
		.units = { "go2rtc.service" },
	},
	{
		.name = "MediaMTX",
		.marks = { "/usr/local/bin/mediamtx", "/usr/bin/mediamtx" },
		.exes = { "/usr/local/bin/mediamtx", "/usr/bin/mediamtx", "/usr/bin/ffmpeg" },
		.units = { "mediamtx.service" },
	},
	{
		.name = "uStreamer",
		.marks = { "/usr/bin/ustreamer", "/usr/local/bin/ustreamer" },
		.exes = { "/usr/bin/ustreamer", "/usr/local/bin/ustreamer" },
		.units = { "ustreamer.service", "ustreamer@.service", "crowsnest.service" },
	},
	{
		.name = "mjpg-streamer",
		.marks = { "/usr/local/bin/mjpg_streamer", "/usr/bin/mjpg_streamer" },
		.exes = { "/usr/local/bin/mjpg_streamer", "/usr/bin/mjpg_streamer" },
		.units = { "mjpg_streamer.service", "mjpg_streamer@.service", "webcamd.service" },
	},
	{
		.name = "Moonfire NVR",
		.marks = { "/usr/local/bin/moonfire-nvr", "/usr/bin/moonfire-nvr" },
		.exes = { "/usr/local/bin/moonfire-nvr", "/usr/bin/moonfire-nvr" },
		.units = { "moonfire-nvr.service" },
		.recordings = { "/var/lib/moonfire-nvr/sample", "/var/lib/moonfire-nvr/db" },
	},
	{
		/* Not a recorder: asks every camera that is plugged in for its name. */
		.name = "udev",
		.marks = { "/usr/lib/udev/v4l_id", "/lib/udev/v4l_id" },
		.exes = { "/usr/lib/udev/v4l_id", "/lib/udev/v4l_id" },
		.units = { "systemd-udevd.service" },
		.opens_only = true,
	},
	{
		/* Nor these: they ask a disk what it is, and how it is. */
		.name = "udev (disks)",
		.marks = { "/usr/lib/systemd/systemd-udevd", "/lib/systemd/systemd-udevd" },
		.exes = { "/usr/lib/systemd/systemd-udevd", "/lib/systemd/systemd-udevd" },
		.units = { "systemd-udevd.service" },
		.opens_only = true,
		.disks = true,
	},
	{
		.name = "smartd",
		.marks = { "/usr/sbin/smartd" },
		.exes = { "/usr/sbin/smartd" },
		.units = { "smartmontools.service", "smartd.service" },
		.opens_only = true,
		.disks = true,
	},
	{
		.name = "udisks",
		.marks = { "/usr/libexec/udisks2/udisksd", "/usr/lib/udisks2/udisksd" },
		.exes = { "/usr/libexec/udisks2/udisksd", "/usr/lib/udisks2/udisksd" },
		.units = { "udisks2.service" },
		.opens_only = true,
		.disks = true,
	},
};

static const char *const unit_folders[] = { "/etc/systemd/system", "/run/systemd/system",
					    "/usr/local/lib/systemd/system",
					    "/usr/lib/systemd/system", "/lib/systemd/system" };

/* Which the kernel will name: the end of the links at `path`, taken below `root`. */
static int resolve(const char *root, const char *path, char ret_path[PATH_MAX], mode_t *ret_mode)
{
	char now[PATH_MAX], below[PATH_MAX], target[PATH_MAX];

	if (snprintf(now, sizeof(now), "%s", path) >= (int)sizeof(now))
		return -ENAMETOOLONG;
	for (int i = 0; i < LINKS_MAX; i++) {
		struct stat st;
		ssize_t n;
		char *slash;

		if (snprintf(below, sizeof(below), "%s%s", root, now) >= (int)sizeof(below))
			return -ENAMETOOLONG;
		if (lstat(below, &st))
			return -errno;
		if (!S_ISLNK(st.st_mode)) {
			memcpy(ret_path, now, sizeof(now));
			*ret_mode = st.st_mode;
			return 0;
		}
		n = readlink(below, target, sizeof(target) - 1);
		if (n < 0)
			return -errno;
		target[n] = '\0';
		slash = strrchr(now, '/');
		if (target[0] != '/' && slash) /* relative to the folder of the link */
			slash[1] = '\0';
		else
			now[0] = '\0';
		if (strlen(now) + (size_t)n >= sizeof(now))
			return -ENAMETOOLONG;
		strcat(now, target);
	}
	return -ELOOP;
}

/* Removes ".", ".." and doubled slashes, in place, as a policy wants its paths. */
static void simplify(char *path)
{
	size_t len = 0;

	for (const char *s = path; *s;) {
		size_t n;

		s += strspn(s, "/");
		n = strcspn(s, "/");
		if (n == 2 && !memcmp(s, "..", 2)) {
			while (len > 0 && path[--len] != '/')
				;
		} else if (n && !(n == 1 && *s == '.')) {
			path[len++] = '/';
			memmove(path + len, s, n);
			len += n;
		}
		s += n;
	}
	path[len] = '\0';
}

/* A path that YAML takes as it stands; anything else is left out rather than quoted wrongly. */
static bool is_plain(const char *path)
{
	return path[0] == '/' && path[1] &&
	       !path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789/_.+@-")];
}

static bool in_list(const struct cw_buf *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *s = list->data; s && *s;) {
		size_t item = strcspn(s, ",");

		if (item == n && !memcmp(s, word, n))
			return true;
		s += item;
		s += strspn(s, ", ");
	}
	return false;
}

static void add_to_list(struct cw_buf *list, const char *word)
{
	if (!in_list(list, word))
		cw_buf_printf(list, "%s%s", list->len ? ", " : "", word);
}

static void add_existing(const char *root, const char *const *paths, size_t n, mode_t type,
			 struct cw_buf *list)
{
	char path[PATH_MAX];
	mode_t mode = 0;

	for (size_t i = 0; i < n && paths[i]; i++) {
		if (resolve(root, paths[i], path, &mode) || (mode & S_IFMT) != type)
			continue;
		simplify(path);
		if (is_plain(path))
			add_to_list(list, path);
	}
}

static bool has_unit(const char *root, const char *unit)
{
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < CW_ARRAY_SIZE(unit_folders); i++) {
		int n = snprintf(path, sizeof(path), "%s%s/%s", root, unit_folders[i], unit);

		/* A masked unit is a link to /dev/null and never runs. */
		if (n < (int)sizeof(path) && !stat(path, &st) && S_ISREG(st.st_mode))
			return true;
	}
	return false;
}

/* "name@.service" is the template of "name@anything.service". */
static void add_units(const char *root, const struct recorder *r, struct cw_buf *list)
{
	for (size_t i = 0; i < CW_ARRAY_SIZE(r->units) && r->units[i]; i++) {
		const char *at = strstr(r->units[i], "@.");
		char pattern[256];

		if (!has_unit(root, r->units[i]))
			continue;
		if (at) {
			snprintf(pattern, sizeof(pattern), "\"%.*s@*%s\"", (int)(at - r->units[i]),
				 r->units[i], at + 1);
			add_to_list(list, pattern);
		} else {
			add_to_list(list, r->units[i]);
		}
	}
}

static bool is_installed(const char *root, const struct recorder *r)
{
	char path[PATH_MAX];
	mode_t mode = 0;

	for (size_t i = 0; i < CW_ARRAY_SIZE(r->marks) && r->marks[i]; i++)
		if (!resolve(root, r->marks[i], path, &mode) && S_ISREG(mode))
			return true;
	return false;
}

/* The assets of one recorder into `assets`, their names into `names`. */
static void put_recordings(const char *root, const struct recorder *r, struct cw_buf *seen,
			   struct cw_buf *assets, struct cw_buf *names)
{
	cw_auto_buf struct cw_buf found = { 0 };
	unsigned int n = 0;

	add_existing(root, r->recordings, CW_ARRAY_SIZE(r->recordings), S_IFDIR, &found);
	for (const char *s = found.data; s && *s;) {
		size_t len = strcspn(s, ",");
		char name[64], path[PATH_MAX];

		snprintf(path, sizeof(path), "%.*s", (int)len, s);
		s += len;
		s += strspn(s, ", ");
		if (in_list(seen, path))
			continue;
		add_to_list(seen, path);
		n++;
		if (n == 1)
			snprintf(name, sizeof(name), "%s recordings", r->name);
		else
			snprintf(name, sizeof(name), "%s recordings %u", r->name, n);
		cw_buf_printf(assets, "  %s: {kind: recordings, path: %s}\n", name, path);
		add_to_list(names, name);
	}
}

static void put_grant(const char *root, const struct recorder *r, const struct cw_buf *names,
		      struct cw_buf *grants)
{
	cw_auto_buf struct cw_buf exes = { 0 }, units = { 0 };

	add_existing(root, r->exes, CW_ARRAY_SIZE(r->exes), S_IFREG, &exes);
	add_units(root, r, &units);
	if (!units.len || !exes.len) {
		cw_buf_printf(grants,
			      "  # %s is installed, but not as a unit of systemd: no grant\n",
			      r->name);
		return;
	}
	cw_buf_printf(grants, "  - name: %s\n", r->name);
	cw_buf_printf(grants, "    allow: [%s]\n",
		      r->opens_only ? "open" : "open, stream, write, delete");
	cw_buf_printf(grants, "    on: [%s%s%s]\n", r->disks ? "disks" : "cameras",
		      names->len ? ", " : "", names->len ? names->data : "");
	cw_buf_printf(grants, "    to: {exe: [%s], unit: [%s]}\n", exes.data, units.data);
}

static const char header[] =
	"# The built-in policy of this machine: every camera, microphone and disk, and what the\n"
	"# recorders that are installed here need. Whatever else gets at them is flagged.\n"
	"# To change it, save it to a file and name that with --policy.\n"
	"version: 1\n"
	"assets:\n"
	"  cameras: {kind: camera}\n"
	"  microphones: {kind: microphone}\n"
	"  disks: {kind: disk}\n";

int cw_policy_default(const char *root, struct cw_buf *ret_yaml)
{
	cw_auto_buf struct cw_buf seen = { 0 }, assets = { 0 }, grants = { 0 };
	const char *below = cw_streq(root, "/") ? "" : root;

	for (size_t i = 0; i < CW_ARRAY_SIZE(recorders); i++) {
		cw_auto_buf struct cw_buf names = { 0 };

		if (!is_installed(below, &recorders[i]))
			continue;
		put_recordings(below, &recorders[i], &seen, &assets, &names);
		put_grant(below, &recorders[i], &names, &grants);
		if (names.error)
			return names.error;
	}
	if (seen.error || assets.error || grants.error)
		return -ENOMEM;
	cw_buf_puts(ret_yaml, header);
	if (assets.len)
		cw_buf_puts(ret_yaml, assets.data);
	/* A list of nothing but comments would be no list. */
	if (grants.len && strstr(grants.data, "- name:"))
		cw_buf_printf(ret_yaml, "grants:\n%s", grants.data);
	else
		cw_buf_printf(ret_yaml, "%sgrants: []\n", grants.len ? grants.data : "");
	return ret_yaml->error;
}

int cw_policy_load_or_default(const char *path, struct cw_buf *errors,
			      struct cw_policy **ret_policy)
{
	cw_auto_buf struct cw_buf yaml = { 0 };
	int r;

	if (path)
		return cw_policy_load(path, errors, ret_policy);
	r = cw_policy_default("/", &yaml);
	return r ? r : cw_policy_parse("built-in policy", yaml.data, yaml.len, errors, ret_policy);
}
