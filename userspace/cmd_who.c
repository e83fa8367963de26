// SPDX-License-Identifier: Apache-2.0
/*
 * camwarden who: the processes that hold a camera, a microphone or a recording at this moment. The
 * kernel is asked if it may be, else /proc; neither opens what it tells of. Descriptors, and
 * mappings from /proc in either case.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "cmd.h"
#include "decode/decode.h"
#include "enrich/enrich.h"
#include "policy/policy.h"
#include "procfs.h"
#include "sink/json.h"
#include "sink/table.h"
#include "sink/text.h"
#include "source/holders.h"

#define ROWS_MAX    65536
#define DEVICES_MAX 128
#define MAJOR_V4L2  81
#define NS_PER_MS   1000000

static const char help[] =
	"Usage: camwarden who [OPTION...]\n"
	"\n"
	"Tells which processes hold a camera, a microphone or a recording at this moment: the\n"
	"person behind each and from where, since when, and the frames taken so far. Exits at\n"
	"once. As root it sees every process, else only your own.\n"
	"\n"
	"Since when and frames are known while camwarden run is running.\n"
	"\n"
	"      --policy FILE     what is watched, and what it is called; without it every camera\n"
	"                        and microphone, and the folders of known recorders\n"
	"      --format FORMAT   text (default) or json, one event a line\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 done, whether anybody does or not, 2 usage or invalid policy, 3 could\n"
	"not look.\n";

/* An object that a process has, by however many descriptors. */
struct row {
	uint32_t pid, fd, n_fds; /* the first descriptor */
	bool mapped;
	uint32_t rdev, dev; /* of a device; of the file system */
	uint64_t ino, file;
	uint32_t access;
	uint32_t root; /* CW_NO_ASSET: a device, or a recording that is elsewhere now */
	char *path;
};

struct device {
	uint32_t rdev;
	struct cw_device_info info; /* kind CW_ASSET_NONE: not watched */
};

struct who {
	const char *policy_path;
	enum cw_format format;
	struct cw_policy *policy;
	struct cw_enrich *enrich;
	struct cw_procfs *procfs;
	struct cw_agent_maps *agent;
	const char *root[CW_ASSETS_MAX];
	int root_fd[CW_ASSETS_MAX];
	unsigned int n_roots;
	struct device device[DEVICES_MAX];
	unsigned int n_devices;
	struct row *rows;
	size_t n, room, untold;
	bool by_kernel;
	uint64_t boot_ns, wall_ns; /* now */
	char boot_id[40], hub[65];
	struct cw_printer printer; /* its style only */
	struct cw_buf out;
};

/* ---- what is watched ---- */

static void add_device(struct who *w, uint32_t rdev, const struct cw_device_info *info)
{
	if (w->n_devices < DEVICES_MAX)
		w->device[w->n_devices++] = (struct device){ rdev, *info };
}

/* A node that the policy calls a camera is one. */
static void add_node(struct who *w, const struct cw_policy_asset *a)
{
	const char *node = a->device ? a->device : a->by_id;
	struct cw_device_info info = { .kind = a->kind };
	struct stat st;

	if (!node || stat(node, &st) || !S_ISCHR(st.st_mode))
		return;
	if (!cw_device_look(major(st.st_rdev), minor(st.st_rdev), &info) &&
	    info.kind != CW_ASSET_NONE)
		return;
	info.kind = a->kind;
	snprintf(info.node, sizeof(info.node), "%s", node);
	add_device(w, CW_MKDEV(major(st.st_rdev), minor(st.st_rdev)), &info);
}

static void list_watched(struct who *w)
{
	for (size_t i = 0; i < cw_policy_n_assets(w->policy); i++) {
		const struct cw_policy_asset *a = cw_policy_asset(w->policy, i);

		if (a->kind == CW_ASSET_CAMERA || a->kind == CW_ASSET_MICROPHONE)
			add_node(w, a);
		if (!a->path || w->n_roots == CW_ASSETS_MAX)
			continue;
		w->root[w->n_roots] = a->path;
		w->root_fd[w->n_roots++] = open(a->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
}

/* NULL: no camera and no microphone. */
static const struct cw_device_info *find_device(struct who *w, uint32_t rdev)
{
	struct cw_device_info info = { 0 };

	for (unsigned int i = 0; i < w->n_devices; i++)
		if (w->device[i].rdev == rdev)
			return w->device[i].info.kind ? &w->device[i].info : NULL;
	if (cw_device_look(CW_MAJOR(rdev), CW_MINOR(rdev), &info)) {
		info.kind = CW_MAJOR(rdev) == MAJOR_V4L2 ? CW_ASSET_CAMERA : CW_ASSET_NONE;
		info.dev_major = CW_MAJOR(rdev);
		info.dev_minor = CW_MINOR(rdev);
	}
	if (w->n_devices == DEVICES_MAX) /* all are asked for again, but those of the policy */
		w->n_devices = DEVICES_MAX / 2;
	add_device(w, rdev, &info);
	return info.kind ? &w->device[w->n_devices - 1].info : NULL;
}

static uint32_t root_of_path(const struct who *w, const char *path)
{
	for (uint32_t i = 0; path && i < w->n_roots; i++) {
		size_t len = strlen(w->root[i]);

		if (!strncmp(path, w->root[i], len) && (path[len] == '/' || len == 1))
			return i;
	}
	return CW_NO_ASSET;
}

/* ---- who holds it ---- */

static struct row *find_row(struct who *w, const struct cw_holding *h)
{
	struct row *r;
	size_t room = w->room ? w->room * 2 : 64;

	for (size_t i = w->n; i > 0 && w->n - i < 4096; i--) {
		r = &w->rows[i - 1];
		if (r->pid == h->tgid && r->rdev == h->rdev &&
		    (h->rdev || (r->ino == h->ino && r->dev == h->dev)))
			return r;
	}
	if (w->n == w->room && w->room < ROWS_MAX) {
		r = realloc(w->rows, room * sizeof(*r));
		if (r) {
			w->rows = r;
			w->room = room;
		}
	}
	if (w->n == w->room) {
		w->untold++;
		return NULL;
	}
	r = &w->rows[w->n++];
	*r = (struct row){ .pid = h->tgid, .rdev = h->rdev, .dev = h->dev, .ino = h->ino,
			   .root = h->asset, .fd = h->fd, .file = h->file };
	return r;
}

/* `path` is taken over. */
static void take_descriptor(struct who *w, const struct cw_holding *h, char *path)
{
	struct row *r = find_row(w, h);

	if (!r) {
		free(path);
		return;
	}
	if (!r->path)
		r->path = CW_TAKE_PTR(path);
	free(path);
	r->n_fds++;
	r->access |= h->access;
}

static bool is_watched(struct who *w, const struct cw_holding *h)
{
	if (S_ISCHR(h->mode))
		return find_device(w, h->rdev);
	return S_ISREG(h->mode) && (h->asset != CW_NO_ASSET ||
				    cw_agent_marked(w->agent, h->ino, h->dev, h->gen));
}

static void take_holding(void *ctx, const struct cw_holding *h)
{
	struct who *w = ctx;
	char name[32];

	if (!is_watched(w, h))
		return;
	snprintf(name, sizeof(name), "fd/%u", h->fd);
	take_descriptor(w, h, cw_procfs_link(h->tgid, name));
}

/* The same of one descriptor by /proc. What a file system has to be asked for is not asked. */
static void look_at_descriptor(struct who *w, uint32_t pid, int dir, const char *name)
{
	struct cw_holding h = { .tgid = pid, .asset = CW_NO_ASSET };
	char fd[32], *path;
	struct statx st;
	struct stat link;

	if (statx(dir, name, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &st))
		return;
	h.mode = st.stx_mode;
	if (!S_ISCHR(h.mode) && !S_ISREG(h.mode))
		return;
	h.fd = (uint32_t)strtoul(name, NULL, 10);
	h.ino = st.stx_ino;
	h.dev = CW_MKDEV(st.stx_dev_major, st.stx_dev_minor);
	if (S_ISCHR(h.mode))
		h.rdev = CW_MKDEV(st.stx_rdev_major, st.stx_rdev_minor);
	snprintf(fd, sizeof(fd), "fd/%u", h.fd);
	path = cw_procfs_link(pid, fd);
	if (S_ISREG(h.mode))
		h.asset = root_of_path(w, path);
	if (!fstatat(dir, name, &link, AT_SYMLINK_NOFOLLOW))
		h.access = (link.st_mode & S_IRUSR ? CW_ABI_READ : 0) |
			   (link.st_mode & S_IWUSR ? CW_ABI_WRITE : 0);
	if (is_watched(w, &h))
		take_descriptor(w, &h, path);
	else
		free(path);
}

static void look_at_descriptors(struct who *w, uint32_t pid)
{
	struct dirent *d;
	char path[32];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir)))
		if (*d->d_name != '.')
			look_at_descriptor(w, pid, dirfd(dir), d->d_name);
	if (dir)
		closedir(dir);
}

/* Devices are mapped shared or not at all; the rest is looked at only if it is a recording. */
static void look_at_mapping(struct who *w, uint32_t pid, const char *line)
{
	struct cw_holding h = { .tgid = pid, .asset = CW_NO_ASSET, .mode = S_IFREG };
	unsigned long long from, to, ino;
	unsigned int major, minor;
	char perms[8], name[128];
	struct stat st;
	struct row *r;
	int at = 0;

	if (sscanf(line, "%llx-%llx %7s %*x %x:%x %llu %n", &from, &to, perms, &major, &minor,
		   &ino, &at) != 6 || !ino || !at)
		return;
	h.ino = ino;
	h.dev = CW_MKDEV(major, minor);
	if (perms[3] == 's') {
		snprintf(name, sizeof(name), "/proc/%u/map_files/%llx-%llx", pid, from, to);
		if ((!stat(name, &st) || !stat(line + at, &st)) && S_ISCHR(st.st_mode)) {
			h.mode = st.st_mode;
			h.rdev = CW_MKDEV(major(st.st_rdev), minor(st.st_rdev));
		}
	}
	if (S_ISREG(h.mode))
		h.asset = root_of_path(w, line + at);
	r = is_watched(w, &h) ? find_row(w, &h) : NULL;
	if (!r)
		return;
	r->mapped = true;
	r->access |= (perms[0] == 'r' ? CW_ABI_READ : 0) | (perms[1] == 'w' ? CW_ABI_WRITE : 0);
	if (!r->path)
		r->path = strdup(line + at);
}

static void look_at_mappings(struct who *w, uint32_t pid)
{
	cw_auto_fclose FILE *f = NULL;
	cw_auto_free char *line = NULL;
	size_t size = 0;
	char path[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	f = fopen(path, "re");
	while (f && (n = getline(&line, &size, f)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		look_at_mapping(w, pid, line);
	}
}

static int look_at_processes(struct who *w)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	uint64_t pid;

	if (!dir)
		return -errno;
	while ((d = readdir(dir))) {
		pid = strtoul(d->d_name, NULL, 10);
		if (!pid || pid == (uint64_t)getpid())
			continue;
		if (!w->by_kernel)
			look_at_descriptors(w, (uint32_t)pid);
		look_at_mappings(w, (uint32_t)pid);
	}
	closedir(dir);
	return 0;
}

/* ---- one of them ---- */

static void fill_asset(struct who *w, const struct row *r, struct cw_event *e)
{
	const struct cw_device_info *info = r->rdev ? find_device(w, r->rdev) : NULL;
	uint32_t dev = r->rdev ? r->rdev : r->dev;
	struct cw_asset *a = &e->asset;

	a->kind = info ? info->kind : CW_ASSET_RECORDINGS;
	a->path = r->path;
	a->inode = r->ino;
	a->access = r->access;
	a->dev_major = CW_MAJOR(dev);
	a->dev_minor = CW_MINOR(dev);
	if (info) {
		a->node = info->node[0] ? info->node : NULL;
		a->by_id = info->by_id[0] ? info->by_id : NULL;
		a->driver = info->driver[0] ? info->driver : NULL;
		a->bus = info->bus[0] ? info->bus : NULL;
		a->card = info->card[0] ? info->card : NULL;
		a->name = a->node ? a->node : a->path;
	} else {
		a->root = r->root < w->n_roots ? w->root[r->root] : NULL;
		a->name = a->root;
	}
}

/* Code of others in it, which the agent saw come. */
static void take_code(const struct who *w, struct cw_proc *proc, const struct cw_code *code)
{
	cw_auto_buf struct cw_buf path = { 0 };
	struct cw_exe exe;

	proc->task.code = *code;
	if (!code->what || !cw_agent_exe(w->agent, &code->exe, &exe) || !exe.path_len)
		return;
	cw_decode_path(&path, exe.path, exe.path_len < CW_PATH_SIZE ? exe.path_len : CW_PATH_SIZE,
		       exe.path_flags, NULL);
	free(proc->code_path);
	proc->code_path = path.error ? NULL : CW_TAKE_PTR(path.data);
}

/* What the agent saw of it since its fork is more than what is left to see. */
static void take_agents_word(const struct who *w, struct cw_proc *proc)
{
	uint64_t start_ns = proc->task.start_ns;
	struct cw_task t;

	if (!cw_agent_task(w->agent, proc->task.tgid, &t) || t.start_ns < start_ns ||
	    t.start_ns - start_ns > 20 * NS_PER_MS) /* /proc counts in ticks */
		return;
	if (t.conn.family) {
		free(proc->via);
		proc->via = t.conn.via_tgid ? cw_procfs_link(t.conn.via_tgid, "exe") : NULL;
		proc->hop_exe = t.conn.hop_tgid ? cw_procfs_link(t.conn.hop_tgid, "exe") : NULL;
		proc->task.conn = t.conn;
	}
	proc->task.flags = t.flags;
	take_code(w, proc, &t.code);
}

static uint64_t wall_of(const struct who *w, uint64_t boot_ns)
{
	return boot_ns < w->boot_ns ? w->wall_ns - (w->boot_ns - boot_ns) : w->wall_ns;
}

static void add_facts(const struct who *w, const struct row *r, struct cw_event *e)
{
	struct cw_stream stream;
	struct cw_holding h = { .file = r->file, .ino = r->ino, .rdev = r->rdev, .tgid = r->pid,
				.fd = r->fd };
	uint64_t since_ns;
	uint32_t opener;
	bool known = r->n_fds && cw_agent_open(w->agent, &h, &since_ns, &opener);

	if (known)
		cw_event_add_time(e, "since", wall_of(w, since_ns));
	else
		cw_event_add_time(e, "not_before", wall_of(w, e->process.start_ns));
	if (known && opener != r->pid)
		cw_event_add_uint(e, "opener_pid", opener);
	if (r->rdev && cw_agent_stream(w->agent, r->pid, r->rdev, &stream)) {
		if (stream.frames)
			cw_event_add_uint(e, "frames", stream.frames);
		if (w->boot_ns > stream.first_ns)
			cw_event_add_double(e, "seconds",
					    (double)(w->boot_ns - stream.first_ns) / 1e9);
	}
	cw_event_add_uint(e, "descriptors", r->n_fds);
	if (r->n_fds)
		cw_event_add_uint(e, "fd", r->fd);
	cw_event_add_bool(e, "mapped", r->mapped);
}

/* -ESRCH: the process has ended meanwhile. */
static int fill_event(struct who *w, const struct row *r, struct cw_proc *proc,
		      struct cw_actor *actor, struct cw_event *e)
{
	int ret = cw_procfs_read(w->procfs, r->pid, true, proc, actor);

	if (ret)
		return ret;
	memset(e, 0, sizeof(*e));
	e->kind = r->n_fds ? CW_KIND_OPEN : CW_KIND_MAP;
	e->probe = w->by_kernel && r->n_fds ? CW_PROBE_ITERATOR : CW_PROBE_NONE;
	e->time_ns = w->wall_ns;
	e->boot_ns = w->boot_ns;
	e->boot_id = w->boot_id;
	e->hub = w->hub;
	take_agents_word(w, proc);
	cw_enrich_process(w->enrich, proc);
	cw_decode_fill(e, proc, actor);
	cw_enrich_event(w->enrich, e, proc);
	fill_asset(w, r, e);
	add_facts(w, r, e);
	cw_policy_judge(w->policy, e); /* for the name: the policy in force may be another one */
	memset(&e->verdict, 0, sizeof(e->verdict));
	return 0;
}

/* ---- showing ---- */

static const struct cw_table_column columns[] = {
	{ "asset", false },  { "since", false }, { "who", false },     { "frames", true },
	{ "how", false },    { "path", false },	 { "program", false },
};

static void put_since(struct cw_table *t, const struct cw_event *e)
{
	const struct cw_detail *since = cw_event_detail(e, "since");
	const struct cw_detail *after = cw_event_detail(e, "not_before");
	const struct cw_detail *d = since ? since : after;
	char time[CW_JSON_TIME_SIZE], text[64];

	cw_json_time(d ? d->u : 0, time);
	snprintf(text, sizeof(text), "%s%.10s %.8sZ", since ? "" : "not before ", time, time + 11);
	cw_table_safe(t, text, CW_TABLE_PLAIN);
}

static void put_how(struct cw_table *t, const struct row *r)
{
	char text[64];

	if (r->n_fds > 1)
		snprintf(text, sizeof(text), "%u descriptors", r->n_fds);
	else
		snprintf(text, sizeof(text), "fd %u", r->fd);
	if (r->mapped)
		snprintf(text + (r->n_fds ? strlen(text) : 0), 16, "%smapped",
			 r->n_fds ? ", " : "");
	cw_table_safe(t, text, CW_TABLE_PLAIN);
}

static void put_row(struct cw_table *t, const struct row *r, const struct cw_event *e)
{
	const struct cw_detail *frames = cw_event_detail(e, "frames");
	cw_auto_buf struct cw_buf who = { 0 }, program = { 0 }, code = { 0 };

	cw_text_who(&who, e);
	cw_text_program(&program, &e->process);
	if (e->process.code) {
		cw_code_put(&code, &e->process);
		cw_buf_puts(&program, "; ");
		cw_text_safe(&program, code.data);
	}
	cw_table_text(t, e->asset.name ? e->asset.name : cw_asset_kind_name(e->asset.kind),
		      CW_TABLE_PLAIN);
	put_since(t, e);
	cw_table_safe(t, who.data, CW_TABLE_PLAIN);
	if (frames)
		cw_table_number(t, frames->u, false);
	else
		cw_table_safe(t, NULL, CW_TABLE_PLAIN);
	put_how(t, r);
	cw_table_text(t, e->asset.path, CW_TABLE_PLAIN);
	cw_table_safe(t, program.data, CW_TABLE_PLAIN);
}

static int flush(struct who *w)
{
	if (w->out.error)
		return w->out.error;
	if (w->out.len && fwrite(w->out.data, w->out.len, 1, stdout) != 1)
		return -errno;
	cw_buf_reset(&w->out);
	return fflush(stdout) ? -errno : 0;
}

/* Cameras first, then microphones. */
static int by_kind(const void *pa, const void *pb)
{
	const struct row *a = pa, *b = pb;
	bool file_a = !a->rdev, file_b = !b->rdev;

	if (file_a != file_b)
		return file_a ? 1 : -1;
	if (a->rdev != b->rdev)
		return a->rdev < b->rdev ? -1 : 1;
	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

static int show(struct who *w, struct cw_table *t)
{
	size_t shown = 0;

	if (w->n)
		qsort(w->rows, w->n, sizeof(*w->rows), by_kind);
	for (size_t i = 0; i < w->n; i++) {
		struct cw_actor actor;
		struct cw_proc proc;
		struct cw_event e;

		if (fill_event(w, &w->rows[i], &proc, &actor, &e))
			continue;
		e.seq = ++shown;
		if (w->format == CW_FORMAT_JSON)
			cw_json_event(&w->out, &e);
		else
			put_row(t, &w->rows[i], &e);
		cw_procfs_forget(&proc);
	}
	if (w->format == CW_FORMAT_TEXT && shown)
		cw_table_finish(t);
	if (w->format == CW_FORMAT_TEXT && !shown)
		cw_buf_puts(&w->out, "nobody holds a camera, a microphone or a recording\n");
	return flush(w);
}

/* What this answer does not hold. */
static void say_what_is_missing(const struct who *w, int kernel)
{
	if (geteuid())
		fputs("camwarden who: not root: of others' processes little or nothing is seen\n",
		      stderr);
	if (kernel)
		fprintf(stderr, "camwarden who: the kernel could not be asked (%s): recordings are "
			"found by their names only\n", kernel == -EOPNOTSUPP ?
			"it does not describe its types, BTF" : strerror(-kernel));
	if (!w->agent)
		fputs("camwarden who: camwarden run is not running, or is not ours to ask: frames "
		      "are not known, and of the time only when each process began\n", stderr);
	if (w->untold)
		fprintf(stderr, "camwarden who: %zu more are not shown\n", w->untold);
}

/* ---- the whole ---- */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * CW_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void read_machine(struct who *w)
{
	cw_auto_fclose FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (f && fgets(w->boot_id, sizeof(w->boot_id), f))
		w->boot_id[strcspn(w->boot_id, "\n")] = '\0';
	gethostname(w->hub, sizeof(w->hub) - 1);
	w->boot_ns = clock_ns(CLOCK_BOOTTIME);
	w->wall_ns = clock_ns(CLOCK_REALTIME);
}

static int look(struct who *w, struct cw_table *t)
{
	int kernel, r = cw_enrich_new(&w->enrich);

	if (!r)
		r = cw_procfs_new(&w->procfs);
	if (r)
		return r;
	list_watched(w);
	if (cw_agent_maps_open(&w->agent))
		w->agent = NULL;
	kernel = cw_holders_scan(w->root_fd, w->n_roots, take_holding, w);
	w->by_kernel = !kernel;
	read_machine(w);
	r = look_at_processes(w);
	if (!r)
		r = show(w, t);
	if (!r)
		say_what_is_missing(w, kernel);
	return r;
}

static void free_who(struct who *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->rows[i].path);
	free(w->rows);
	for (unsigned int i = 0; i < w->n_roots; i++)
		cw_closep(&w->root_fd[i]);
	cw_agent_maps_free(w->agent);
	cw_procfs_free(w->procfs);
	cw_enrich_free(w->enrich);
	cw_policy_free(w->policy);
	cw_buf_free(&w->out);
}

static int who(struct who *w)
{
	cw_auto_buf struct cw_buf errors = { 0 };
	struct cw_table *t = NULL;
	int r = cw_policy_load_or_default(w->policy_path, &errors, &w->policy);

	if (r) {
		fputs(errors.data ? errors.data : "", stderr);
		return r == -EINVAL ? CW_EXIT_USAGE : CW_EXIT_FAILED;
	}
	cw_printer_ask_terminal(&w->printer);
	r = cw_table_new(CW_TABLE_TEXT, columns, CW_ARRAY_SIZE(columns), w->printer.style.width,
			 w->printer.style.color, &w->out, &t);
	if (!r)
		r = look(w, t);
	cw_table_free(t);
	if (r)
		fprintf(stderr, "camwarden who: %s\n", strerror(-r));
	return r ? CW_EXIT_FAILED : CW_EXIT_OK;
}

static int take(void *into, int option, const char *value)
{
	struct who *w = into;

	if (option == 'p') {
		w->policy_path = value;
		return 0;
	}
	return cw_take_format("who", value, &w->format);
}

int cw_cmd_who(int argc, char **argv)
{
	static const struct option options[] = {
		{ "policy", required_argument, NULL, 'p' },
		{ "format", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct cw_verb verb = { "who", help, ":h", options, take };
	struct who w = { .format = CW_FORMAT_TEXT };
	int status = cw_read_options(&verb, &w, argc, argv);

	if (status == CW_GO_ON && optind < argc)
		status = cw_usage_error(verb.name, "unexpected argument ", argv[optind]);
	if (status == CW_GO_ON)
		status = who(&w);
	free_who(&w);
	return status;
}
