// SPDX-License-Identifier: Apache-2.0
/*
 * Writes a trace of a made-up but plausible hub, always the same one for the same options: 30
 * cameras, 8 microphones and 12 folders of recordings; recorders that cut their files every few
 * minutes, clean up and are restarted; cron jobs at night; a web server; 40 people who come in by
 * ssh, use sudo, copy what they were granted and now and then what they were not; refusals, losses,
 * restarts of the agent. The policy that it writes grants what is meant to happen.
 *
 * Only the random id in the head of each file differs from run to run.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <poll.h>
#include <time.h>

#include "trace/recorder.h"

#define START_S	    1793491200ull /* 2026-11-01T00:00:00Z, a Sunday */
#define DAY_S	    86400ull
#define CAMERAS	    30u
#define MICROPHONES 8u
#define FOLDERS	    12u
#define PEOPLE	    40u
#define SERVICES    CW_ARRAY_SIZE(services)

struct actor {
	struct cw_process process;
	struct cw_origin origin;
};

struct sim {
	uint64_t random;
	uint64_t begin_ns, step_ns; /* of the first event, between two events in the mean */
	uint64_t events, n;
	uint64_t seq, boot_ns, offset_ns, open_id;
	uint32_t pid, audit;
	unsigned int boot;
	uint64_t next_canary_ns;
	struct cw_recorder *recorder;
	struct cw_event e;
	struct actor *service;
	struct camera {
		uint64_t clip, inode, open_id, begun_ns;
		uint64_t kept; /* clips before this one are deleted */
	} camera[CAMERAS];
	char path[160], to[160], text[PEOPLE][3][64];
};

/* ---- the hub ---- */

static const struct {
	const char *exe, *comm, *user, *unit, *argv[8];
	uint32_t uid;
} services[] = {
	{ "/usr/bin/motion", "motion", "motion", "motion.service",
	  { "/usr/bin/motion", "-n", "-c", "/etc/motion/motion.conf" }, 110 },
	{ "/usr/lib/zoneminder/zmc", "zmc", "zoneminder", "zoneminder.service",
	  { "/usr/lib/zoneminder/zmc", "-m", "2" }, 111 },
	{ "/usr/sbin/nginx", "nginx", "www-data", "nginx.service",
	  { "nginx: worker process" }, 33 },
	{ "/usr/bin/rsync", "rsync", "root", "backup.service",
	  { "rsync", "-a", "--delete", "/srv/cctv/", "/mnt/backup/cctv" }, 0 },
	{ "/usr/bin/find", "find", "root", "cron.service",
	  { "find", "/srv/cctv", "-mtime", "+28", "-delete" }, 0 },
	{ "/usr/bin/ffmpeg", "ffmpeg", "cctv", "thumbnails.service",
	  { "ffmpeg", "-loglevel", "error", "-i", "pipe:0", "-vf", "scale=320:-1" }, 112 },
	{ "/usr/bin/arecord", "arecord", "cctv", "doorbell.service",
	  { "arecord", "-q", "-D", "hw:1,0", "-f", "S16_LE" }, 112 },
	{ "/usr/lib/systemd/systemd-udevd", "(udev-worker)", "root", "systemd-udevd.service",
	  { "(udev-worker)" }, 0 },
};

enum service { MOTION, ZM, NGINX, RSYNC, FIND, THUMBNAILS, ARECORD, UDEV };

static const char *const names[PEOPLE] = {
	"alice", "bob", "carla", "deniz", "elif", "farid", "greta", "hugo", "ines", "jonas",
	"kaya", "lena", "mara", "nils", "olga", "pavel", "quentin", "rosa", "sven", "tara",
	"udo", "vera", "wanda", "xaver", "yusuf", "zoe", "anton", "bela", "chiara", "david",
	"emil", "fatma", "goran", "hanna", "igor", "jana", "karl", "luisa", "mika", "nora",
};

/* The last ones work for others: support from outside, and four that nothing was granted. */
#define OFFICE	 30u
#define STRANGER 36u

static const char *const tools[] = {
	"/usr/bin/ffprobe", "/usr/bin/cat", "/usr/bin/scp", "/usr/bin/ffmpeg", "/usr/bin/vlc",
};

static uint64_t draw(struct sim *s, uint64_t below)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return below ? (s->random >> 8) % below : 0;
}

static bool chance(struct sim *s, unsigned int of_10000)
{
	return draw(s, 10000) < of_10000;
}

/* 64 digits that are always the same for the same executable. */
static const char *hash_of(const char *exe)
{
	static struct {
		const char *exe;
		char hex[65];
	} known[32];
	uint64_t h = 1469598103934665603ull;
	size_t i = 0;

	while (i < CW_ARRAY_SIZE(known) - 1 && known[i].exe && strcmp(known[i].exe, exe))
		i++;
	if (known[i].exe && !strcmp(known[i].exe, exe))
		return known[i].hex;
	for (const char *c = exe; *c; c++)
		h = (h ^ (uint8_t)*c) * 1099511628211ull;
	for (unsigned int k = 0; k < 4; k++, h = (h ^ k) * 1099511628211ull)
		snprintf(known[i].hex + 16 * k, 17, "%016llx", (unsigned long long)h);
	known[i].exe = exe;
	return known[i].hex;
}

static void set_exe(struct cw_process *p, const char *exe)
{
	const char *name = strrchr(exe, '/') + 1;

	p->exe = exe;
	p->exe_inode = 4000 + strlen(exe) * 17 + (uint8_t)name[0];
	p->exe_dev_major = 8;
	p->exe_dev_minor = 1;
	p->exe_sha256 = hash_of(exe);
	p->comm = name;
}

static void start_service(struct sim *s, unsigned int i)
{
	static char cgroup[SERVICES][64];
	struct actor *a = &s->service[i];

	memset(a, 0, sizeof(*a));
	s->pid += 1 + (uint32_t)draw(s, 40);
	snprintf(cgroup[i], sizeof(cgroup[i]), "/system.slice/%s", services[i].unit);
	set_exe(&a->process, services[i].exe);
	a->process.pid = a->process.tid = a->process.ns_pid = s->pid;
	a->process.ppid = 1;
	a->process.start_ns = s->boot_ns > 1000000 ? s->boot_ns - draw(s, 1000000) : 1;
	a->process.comm = services[i].comm;
	a->process.argv = (const char **)(uintptr_t)services[i].argv;
	a->process.uid = a->process.euid = a->process.gid = services[i].uid;
	a->process.cap_effective = services[i].uid ? 0 : 0x1ffffffffffull;
	a->process.user = services[i].user;
	a->process.unit = services[i].unit;
	a->process.cgroup = cgroup[i];
	a->process.n_ancestors = 1;
	a->process.ancestors[0] = (struct cw_ancestor){ 1, 1, "/usr/lib/systemd/systemd" };
	a->origin.type = CW_ORIGIN_SERVICE;
	a->origin.login_uid = a->origin.session = CW_NO_UID;
}

static void set_peer(struct cw_origin *o, unsigned int who, uint64_t from)
{
	char address[32];

	if (who < OFFICE)
		snprintf(address, sizeof(address), "10.20.%u.%u", who / 10, 10 + who);
	else if (who < STRANGER)
		snprintf(address, sizeof(address), "198.51.100.%u", 20 + who);
	else
		snprintf(address, sizeof(address), "203.0.113.%u", 1 + (unsigned int)from % 250);
	o->family = AF_INET;
	inet_pton(AF_INET, address, &o->peer.v4);
	o->peer_port = (uint16_t)(49152 + from % 16000);
	o->local_port = 22;
	o->via = "/usr/sbin/sshd";
}

/* A person who logs in, as the process of `tool`; through sudo now and then. */
static void log_in(struct sim *s, unsigned int who, const char *tool, struct actor *ret)
{
	bool root = chance(s, 500), console = who < OFFICE && chance(s, 300);
	uint64_t shell_ns = s->boot_ns - draw(s, s->boot_ns / 16 + 1);
	struct cw_process *p = &ret->process;
	unsigned int n = 0;

	memset(ret, 0, sizeof(*ret));
	s->pid += 5 + (uint32_t)draw(s, 60);
	if (s->pid > 4000000)
		s->pid = 3000;
	s->audit++;
	snprintf(s->text[who][0], sizeof(s->text[who][0]), "session-%u.scope", s->audit);
	snprintf(s->text[who][1], sizeof(s->text[who][1]),
		 "/user.slice/user-%u.slice/session-%u.scope", 1001 + who, s->audit);
	snprintf(s->text[who][2], sizeof(s->text[who][2]), "pts/%u", s->audit % 8);
	set_exe(p, tool);
	p->pid = p->tid = p->ns_pid = s->pid;
	p->ppid = s->pid - 3;
	p->start_ns = s->boot_ns - draw(s, 2000000);
	p->uid = p->euid = p->gid = root ? 0 : 1001 + who;
	p->cap_effective = root ? 0x1ffffffffffull : 0;
	p->user = root ? "root" : names[who];
	p->unit = s->text[who][0];
	p->cgroup = s->text[who][1];
	if (root)
		p->ancestors[n++] = (struct cw_ancestor){ s->pid - 1, shell_ns, "/usr/bin/sudo" };
	p->ancestors[n++] = (struct cw_ancestor){ s->pid - 3, shell_ns, "/usr/bin/bash" };
	p->ancestors[n++] = (struct cw_ancestor){ s->pid - 4, shell_ns, console ?
						  "/usr/bin/login" : "/usr/sbin/sshd" };
	p->ancestors[n++] = (struct cw_ancestor){ 1, 1, "/usr/lib/systemd/systemd" };
	p->n_ancestors = n;
	ret->origin = (struct cw_origin){ .type = console ? CW_ORIGIN_LOGIN : CW_ORIGIN_REMOTE,
					  .login_uid = 1001 + who, .login_user = names[who],
					  .session = s->audit,
					  .tty = console ? "tty1" : s->text[who][2] };
	if (!console)
		set_peer(&ret->origin, who, draw(s, 1 << 20));
}

/* ---- one event ---- */

static struct cw_event *begin(struct sim *s, enum cw_kind kind, const struct actor *who)
{
	struct cw_event *e = &s->e;

	memset(e, 0, sizeof(*e));
	s->boot_ns += 20000 + draw(s, s->step_ns < 1000000 ? s->step_ns / 4 + 1 : 400000);
	e->seq = ++s->seq;
	e->boot_ns = s->boot_ns;
	e->time_ns = s->boot_ns + s->offset_ns;
	e->kind = kind;
	e->origin.login_uid = e->origin.session = CW_NO_UID;
	if (who) {
		e->process = who->process;
		e->origin = who->origin;
		e->probe = CW_PROBE_LSM;
	}
	return e;
}

/* Blocks are written as fast as the disk takes them. */
static void put(struct sim *s)
{
	struct cw_recorder_loss tried;

	if (!s->recorder) {
		s->n++;
		return;
	}
	while (!cw_recorder_event(s->recorder, &s->e))
		poll(NULL, 0, 1);
	/* Nothing was lost: it was tried again. */
	while (cw_recorder_has_loss(s->recorder) && !cw_recorder_take_loss(s->recorder, &tried))
		poll(NULL, 0, 1);
	s->n++;
}

static void on_device(struct cw_event *e, bool microphone, unsigned int i, uint32_t access)
{
	static char nodes[CAMERAS + MICROPHONES][24], text[CAMERAS + MICROPHONES][3][64];
	unsigned int at = microphone ? CAMERAS + i : i;
	char *node = nodes[at];

	if (!node[0]) {
		snprintf(node, sizeof(nodes[at]),
			 microphone ? "/dev/snd/pcmC%uD0c" : "/dev/video%u",
			 microphone ? i : 2 * i);
		snprintf(text[at][0], 64, microphone ? "microphone %s" : "camera %s", node);
		snprintf(text[at][1], 64, "usb-0000:00:14.0-%u.%u", i / 4 + 1, i % 4 + 1);
		snprintf(text[at][2], 64, "/dev/v4l/by-id/usb-Acme_Dome_%04u-video-index0",
			 4100 + i * 7);
	}
	e->asset = (struct cw_asset){
		.name = text[at][0], .kind = microphone ? CW_ASSET_MICROPHONE : CW_ASSET_CAMERA,
		.path = node, .node = node, .by_id = microphone ? NULL : text[at][2],
		.dev_major = microphone ? 116 : 81, .dev_minor = microphone ? 24 + i : 2 * i,
		.inode = 300 + at, .access = access,
		.driver = microphone ? "snd_usb_audio" : "uvcvideo", .bus = text[at][1],
		.card = microphone ? "Acme Boundary Mic" : i % 3 ? "Acme Dome 4K" : "Acme Bullet",
	};
}

static const char *folder_of(unsigned int camera)
{
	static char folder[FOLDERS][32];
	unsigned int i = camera % FOLDERS;

	if (!folder[i][0])
		snprintf(folder[i], sizeof(folder[i]), "/srv/cctv/site%02u", i + 1);
	return folder[i];
}

static void put_clip(unsigned int camera, uint64_t clip, const char *end, char out[160])
{
	time_t when = (time_t)(START_S + clip % (1u << 20) * 240);
	struct tm tm;

	gmtime_r(&when, &tm);
	snprintf(out, 160, "%s/camera%02u/%04d-%02d-%02d/%02d%02d%02d-%llu%s", folder_of(camera),
		 camera + 1, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		 tm.tm_sec, (unsigned long long)clip, end);
}

static void on_clip(struct sim *s, unsigned int camera, uint64_t clip, const char *end,
		    uint32_t access)
{
	put_clip(camera, clip, end, s->path);
	s->e.asset = (struct cw_asset){
		.name = folder_of(camera), .kind = CW_ASSET_RECORDINGS, .path = s->path,
		.root = folder_of(camera), .dev_major = 8, .dev_minor = 17,
		.inode = 100000 + clip * CAMERAS + camera, .access = access,
	};
}

static void add_close(struct sim *s, uint64_t id, double seconds, uint64_t bytes)
{
	cw_event_add_uint(&s->e, "open_id", id);
	cw_event_add_double(&s->e, "seconds", seconds);
	cw_event_add_uint(&s->e, "bytes", bytes);
	put(s);
}

/* Opens a clip, reads it, closes it. */
static void read_clip(struct sim *s, const struct actor *who, unsigned int camera, uint64_t clip)
{
	uint64_t id = ++s->open_id;

	begin(s, CW_KIND_OPEN, who);
	on_clip(s, camera, clip, ".mp4", CW_ACCESS_READ);
	cw_event_add_uint(&s->e, "open_id", id);
	put(s);
	begin(s, CW_KIND_CLOSE, who);
	on_clip(s, camera, clip, ".mp4", CW_ACCESS_READ);
	add_close(s, id, (double)draw(s, 20000) / 1000, draw(s, 40000000));
}

static void capture(struct sim *s, const struct actor *who, bool microphone, unsigned int i)
{
	uint64_t id = ++s->open_id, frames = draw(s, 9000);
	uint32_t access = CW_ACCESS_READ | (microphone ? 0 : CW_ACCESS_WRITE);

	on_device(begin(s, CW_KIND_OPEN, who), microphone, i, access);
	cw_event_add_uint(&s->e, "open_id", id);
	put(s);
	on_device(begin(s, CW_KIND_STREAM, who), microphone, i, access);
	cw_event_add_uint(&s->e, "open_id", id);
	cw_event_add_string(&s->e, "phase", "start");
	put(s);
	on_device(begin(s, CW_KIND_STREAM, who), microphone, i, access);
	cw_event_add_uint(&s->e, "open_id", id);
	cw_event_add_string(&s->e, "phase", "stop");
	cw_event_add_double(&s->e, "seconds", (double)frames / 25);
	cw_event_add_uint(&s->e, "frames", frames);
	put(s);
	on_device(begin(s, CW_KIND_CLOSE, who), microphone, i, access);
	add_close(s, id, (double)frames / 25 + 0.4, 0);
}

/* ---- scenes ---- */

static uint64_t clip_of(struct sim *s, unsigned int camera)
{
	const struct camera *c = &s->camera[camera];

	return c->clip > c->kept ? c->kept + draw(s, c->clip - c->kept) : c->kept;
}

/* A recorder ends a clip, names it and begins the next; old ones go now and then. */
static void record_clip(struct sim *s)
{
	unsigned int i = (unsigned int)draw(s, CAMERAS);
	const struct actor *who = &s->service[i % 2 ? ZM : MOTION];
	const uint32_t write = CW_ACCESS_WRITE | CW_ACCESS_CREATE;
	struct camera *c = &s->camera[i];

	if (c->open_id) {
		begin(s, CW_KIND_CLOSE, who);
		on_clip(s, i, c->clip, ".part", write);
		add_close(s, c->open_id, (double)(s->boot_ns - c->begun_ns) / 1e9,
			  30000000 + draw(s, 9000000));
		begin(s, CW_KIND_RENAME, who);
		on_clip(s, i, c->clip, ".part", 0);
		put_clip(i, c->clip, ".mp4", s->to);
		cw_event_add_string(&s->e, "to", s->to);
		cw_event_add_bool(&s->e, "to_watched", true);
		put(s);
		c->clip++;
	}
	c->open_id = ++s->open_id;
	begin(s, CW_KIND_OPEN, who);
	on_clip(s, i, c->clip, ".part", write);
	cw_event_add_uint(&s->e, "open_id", c->open_id);
	put(s);
	c->begun_ns = s->boot_ns;
	if (c->clip - c->kept < 400)
		return;
	begin(s, CW_KIND_UNLINK, &s->service[FIND]);
	on_clip(s, i, c->kept++, ".mp4", CW_ACCESS_DELETE);
	cw_event_add_bool(&s->e, "last", true);
	put(s);
}

static void read_by_service(struct sim *s, enum service service)
{
	unsigned int i = (unsigned int)draw(s, CAMERAS), n = 1 + (unsigned int)draw(s, 12);
	struct actor *who = &s->service[service];

	if (service != NGINX)
		start_service(s, service); /* a process each time */
	for (uint64_t clip = clip_of(s, i); n-- && clip <= s->camera[i].clip; clip++)
		read_clip(s, who, i, clip);
}

static void visit(struct sim *s, unsigned int who, unsigned int clips)
{
	const char *tool = tools[draw(s, CW_ARRAY_SIZE(tools))];
	unsigned int camera = (who + (unsigned int)draw(s, 3)) % CAMERAS;
	const char *argv[] = { strrchr(tool, '/') + 1, NULL, NULL };
	char path[160];
	struct actor a;

	log_in(s, who, tool, &a);
	a.process.argv = argv;
	argv[1] = path;
	while (clips--) {
		uint64_t clip = clip_of(s, camera);

		put_clip(camera, clip, ".mp4", path);
		read_clip(s, &a, camera, clip);
		if (chance(s, 400))
			camera = (camera + 1) % CAMERAS;
	}
}

static void look_live(struct sim *s, unsigned int who)
{
	static const char *argv[] = { "ffmpeg", "-f", "v4l2", "-i", "/dev/video0", "live.mkv",
				      NULL };
	struct actor a;

	log_in(s, who, "/usr/bin/ffmpeg", &a);
	a.process.argv = argv;
	capture(s, &a, chance(s, 1500), (unsigned int)draw(s, MICROPHONES));
}

/* Someone goes through what is not his, hides it, and sends it away. */
static void incident(struct sim *s)
{
	unsigned int who = (unsigned int)draw(s, 2) ? STRANGER + (unsigned int)draw(s, 4) :
						       (unsigned int)draw(s, PEOPLE);
	unsigned int camera = (unsigned int)draw(s, CAMERAS), n = 3 + (unsigned int)draw(s, 40);
	static const char *argv[] = { "tar", "cf", "-", "/srv/cctv", NULL };
	struct actor a;

	log_in(s, who, "/usr/bin/tar", &a);
	a.process.argv = argv;
	while (n--)
		read_clip(s, &a, camera, clip_of(s, camera));
	begin(s, CW_KIND_EGRESS, &a);
	on_clip(s, camera, clip_of(s, camera), ".mp4", CW_ACCESS_READ);
	cw_event_add_string(&s->e, "peer", "203.0.113.99:443");
	put(s);
	capture(s, &a, false, camera);
	begin(s, CW_KIND_RENAME, &a);
	on_clip(s, camera, clip_of(s, camera), ".mp4", 0);
	cw_event_add_string(&s->e, "to", "/tmp/.cache/x.bin");
	cw_event_add_bool(&s->e, "to_watched", false);
	put(s);
	begin(s, CW_KIND_UNLINK, &a);
	on_clip(s, camera, clip_of(s, camera), ".mp4", CW_ACCESS_DELETE);
	cw_event_add_bool(&s->e, "last", true);
	put(s);
}

static void refusal(struct sim *s)
{
	unsigned int who = (unsigned int)draw(s, PEOPLE);
	struct actor a;
	bool busy = chance(s, 3000);

	log_in(s, who, tools[draw(s, CW_ARRAY_SIZE(tools))], &a);
	on_device(begin(s, CW_KIND_DENIED, &a), false, (unsigned int)draw(s, CAMERAS),
		  CW_ACCESS_READ | CW_ACCESS_WRITE);
	s->e.result = busy ? -EBUSY : -EACCES;
	cw_event_add_string(&s->e, "error", busy ? "EBUSY" : "EACCES");
	put(s);
}

/* ---- the agent ---- */

static void say(struct sim *s, enum cw_kind kind)
{
	static const char *const classes[] = { "files", "names", "opens", "output" };

	begin(s, kind, NULL);
	if (kind == CW_KIND_GAP) {
		cw_event_add_uint(&s->e, "lost", 1 + draw(s, 200));
		cw_event_add_string(&s->e, "class", classes[draw(s, CW_ARRAY_SIZE(classes))]);
		cw_event_add_time(&s->e, "from", s->e.time_ns - 1 - draw(s, 2000000000));
		cw_event_add_time(&s->e, "to", s->e.time_ns);
	} else if (kind == CW_KIND_CANARY) {
		cw_event_add_bool(&s->e, "ok", true);
	} else if (kind == CW_KIND_COVERAGE) {
		cw_event_add_string(&s->e, "capability", "open");
		cw_event_add_string(&s->e, "rung", "lsm");
		cw_event_add_string(&s->e, "hooks", "lsm/file_open lsm/file_receive");
		cw_event_add_string(&s->e, "blind", "");
	} else if (kind == CW_KIND_STOP) {
		cw_event_add_string(&s->e, "version", "0.1.0");
		cw_event_add_uint(&s->e, "events", s->n);
		cw_event_add_uint(&s->e, "flags", s->n / 1000);
	} else {
		cw_event_add_string(&s->e, "version", "0.1.0");
		cw_event_add_string(&s->e, "kernel", "6.1.0-30-amd64 x86_64");
	}
	put(s);
}

static void start_agent(struct sim *s)
{
	say(s, CW_KIND_START);
	for (unsigned int i = 0; i < 3; i++)
		say(s, CW_KIND_COVERAGE);
	say(s, CW_KIND_CANARY);
}

/* One thing that happens, by the hour of the day. */
static void step(struct sim *s)
{
	uint64_t second = (s->boot_ns + s->offset_ns) / CW_NSEC_PER_SEC;
	unsigned int hour = (unsigned int)(second % DAY_S / 3600);
	unsigned int what = (unsigned int)draw(s, 10000);
	unsigned int people = hour >= 7 && hour < 19 ? 500 : 30, night = hour == 2 ? 4000 : 0;

	if (s->boot_ns >= s->next_canary_ns) {
		s->next_canary_ns = s->boot_ns + 60 * CW_NSEC_PER_SEC;
		say(s, CW_KIND_CANARY);
	} else if (what < people) {
		visit(s, (unsigned int)draw(s, OFFICE), 1 + (unsigned int)draw(s, 8));
	} else if (what < people + 20) {
		visit(s, OFFICE + (unsigned int)draw(s, STRANGER - OFFICE), 4);
	} else if (what < people + 50) {
		look_live(s, (unsigned int)draw(s, OFFICE));
	} else if (what < people + 52) {
		incident(s);
	} else if (what < people + 80) {
		refusal(s);
	} else if (what < people + 81) {
		say(s, CW_KIND_GAP);
	} else if (what < people + 280) {
		unsigned int camera = (unsigned int)draw(s, CAMERAS);

		capture(s, &s->service[camera % 2 ? ZM : MOTION], false, camera);
	} else if (what < people + 330) {
		capture(s, &s->service[ARECORD], true, (unsigned int)draw(s, MICROPHONES));
	} else if (what < people + 1500) {
		read_by_service(s, NGINX);
	} else if (what < people + 1900) {
		read_by_service(s, THUMBNAILS);
	} else if (what < people + 2000 + night) {
		read_by_service(s, RSYNC);
	} else {
		record_clip(s);
	}
}

/* ---- the policy ---- */

static void write_person(FILE *f, unsigned int who, bool limits)
{
	fprintf(f, "  - name: %s looks after site %u\n    allow: [open, stream]\n", names[who],
		who % FOLDERS + 1);
	fprintf(f, "    on: [site%02u, site%02u, site%02u, camera%02u]\n", who % FOLDERS + 1,
		(who + 1) % FOLDERS + 1, (who + 2) % FOLDERS + 1, who % CAMERAS + 1);
	if (who < OFFICE)
		fprintf(f, "    to: {login: %s, origin: [login, remote]}\n    hours: "
			"\"06:00-20:00\"\n", names[who]);
	else
		fprintf(f, "    to: {login: %s, peer: 198.51.100.0/24}\n", names[who]);
	if (limits && who % 3 == 0)
		fputs("    limit: {files: 200/day, cameras: 20/day}\n", f);
}

/* 50 grants: 10 to services, 40 to 36 people. */
static int write_policy(const char *path, bool limits)
{
	static const char *const fixed[][4] = {
		{ "motion records", "open, stream, write", "cameras, recordings",
		  "exe: /usr/bin/motion, unit: motion.service" },
		{ "zoneminder records", "open, stream, write", "cameras, recordings",
		  "exe: /usr/lib/zoneminder/zmc, unit: zoneminder.service" },
		{ "the web server shows clips", "open", "recordings",
		  "exe: /usr/sbin/nginx, unit: nginx.service, origin: service" },
		{ "backup", "open", "recordings", "exe: /usr/bin/rsync, unit: backup.service" },
		{ "old clips go", "open, delete", "recordings",
		  "exe: /usr/bin/find, unit: cron.service" },
		{ "thumbnails", "open", "recordings",
		  "exe: /usr/bin/ffmpeg, unit: thumbnails.service" },
		{ "the doorbell listens", "open, stream", "microphones",
		  "exe: /usr/bin/arecord, unit: doorbell.service" },
		{ "devices are named", "open", "cameras",
		  "exe: /usr/lib/systemd/systemd-udevd, unit: systemd-udevd.service" },
		{ "snapshots by hand", "open, stream", "camera01, camera02",
		  "exe: /usr/bin/ffmpeg, user: cctv" },
		{ "integrity check", "open", "site01, site02",
		  "exe: /usr/bin/sha256sum, unit: integrity.service" },
	};
	FILE *f = fopen(path, "w");

	if (!f)
		return -errno;
	fputs("version: 1\nassets:\n", f);
	for (unsigned int i = 0; i < CAMERAS; i++)
		fprintf(f, "  camera%02u: {kind: camera, device: /dev/video%u}\n", i + 1, 2 * i);
	for (unsigned int i = 0; i < MICROPHONES; i++)
		fprintf(f, "  microphone%u: {kind: microphone, device: /dev/snd/pcmC%uD0c}\n",
			i + 1, i);
	for (unsigned int i = 0; i < FOLDERS; i++)
		fprintf(f, "  site%02u: {kind: recordings, path: %s}\n", i + 1, folder_of(i));
	fputs("grants:\n", f);
	for (size_t i = 0; i < CW_ARRAY_SIZE(fixed); i++)
		fprintf(f, "  - name: %s\n    allow: [%s]\n    on: [%s]\n    to: {%s}\n",
			fixed[i][0], fixed[i][1], fixed[i][2], fixed[i][3]);
	for (unsigned int i = 0; i < STRANGER; i++)
		write_person(f, i, limits);
	for (unsigned int i = 0; i < 4; i++)
		fprintf(f, "  - name: %s is on call\n    allow: [open, stream]\n    on: cameras\n"
			"    to: {login: %s, peer: 10.20.0.0/16}\n    days: [sat, sun]\n", names[i],
			names[i]);
	return fclose(f) ? -errno : 0;
}

/* ---- the whole ---- */

struct options {
	const char *output, *policy, *keys;
	uint64_t events, days, seed, segments;
	bool limits, dry;
};

static int begin_segment(struct sim *s, const struct options *o, uint64_t segment)
{
	char boot[40];
	struct cw_recorder_config c = { .path = o->output, .keys = o->keys, .hub = "hub-1",
					.boot_id = boot, .version = CW_VERSION };
	cw_auto_buf struct cw_buf notes = { 0 };
	int e;

	s->seq = 0; /* a run of its own */
	/* Every other time the whole hub was restarted. */
	if (segment && segment % 2 == 0) {
		s->boot++;
		s->offset_ns += s->boot_ns;
		s->boot_ns = 20 * CW_NSEC_PER_SEC;
		s->offset_ns -= s->boot_ns;
		s->next_canary_ns = 0;
		for (unsigned int i = 0; i < SERVICES; i++)
			start_service(s, i);
		for (unsigned int i = 0; i < CAMERAS; i++)
			s->camera[i].open_id = 0;
	}
	snprintf(boot, sizeof(boot), "3881f880-af78-4449-a4d7-7c22%08x", s->boot);
	c.boot_ns = s->boot_ns;
	c.wall_ns = s->boot_ns + s->offset_ns;
	if (o->dry)
		return 0;
	e = cw_recorder_open(&c, &notes, &s->recorder);
	fputs(notes.data ? notes.data : "", stderr);
	return e;
}

static int run(struct sim *s, const struct options *o, const char *text, size_t len)
{
	int e = 0;

	for (uint64_t i = 0; i < o->segments && !e; i++) {
		uint64_t until = s->events * (i + 1) / o->segments;

		e = begin_segment(s, o, i);
		if (e)
			return e;
		if (text && s->recorder &&
		    !cw_recorder_policy(s->recorder, false, o->policy, text, len))
			e = -EIO;
		start_agent(s);
		while (s->n + 1 < until) {
			uint64_t due = s->begin_ns + s->n * s->step_ns + draw(s, s->step_ns);

			if (s->boot_ns + s->offset_ns < due)
				s->boot_ns = due - s->offset_ns;
			step(s);
		}
		say(s, CW_KIND_STOP);
		if (cw_recorder_close(s->recorder, 600000))
			e = -EIO;
	}
	return e;
}

static int generate(const struct options *o)
{
	struct sim s = { .random = 88172645463325252ull + o->seed * 2654435761u,
			 .events = o->events, .pid = 600, .audit = 1,
			 .begin_ns = START_S * CW_NSEC_PER_SEC, .boot_ns = 30 * CW_NSEC_PER_SEC };
	cw_auto_buf struct cw_buf text = { 0 };
	static struct actor service[SERVICES];
	int e = 0;

	s.service = service;
	s.offset_ns = s.begin_ns - s.boot_ns;
	s.step_ns = o->days * DAY_S * CW_NSEC_PER_SEC / o->events;
	for (unsigned int i = 0; i < SERVICES; i++)
		start_service(&s, i);
	for (unsigned int i = 0; i < CAMERAS; i++)
		s.camera[i].clip = 100 + i;
	if (o->policy)
		e = write_policy(o->policy, o->limits);
	if (!e && o->policy) {
		FILE *f = fopen(o->policy, "r");
		char part[4096];
		size_t n;

		while (f && (n = fread(part, 1, sizeof(part), f)))
			cw_buf_add(&text, part, n);
		if (!f || text.error || fclose(f))
			e = -EIO;
	}
	if (!e)
		e = run(&s, o, text.data, text.len);
	if (e)
		fprintf(stderr, "generate: %s\n", strerror(-e));
	return e ? 3 : 0;
}

static int usage(int status)
{
	fputs("Usage: generate -o FILE [--events N] [--days D] [--seed S] [--segments K]\n"
	      "                [--policy FILE [--limits]] [--keys DIR] [--dry]\n"
	      "\n"
	      "A made-up trace. --policy writes a policy of 50 grants, which the trace holds too;\n"
	      "--limits: some of its grants have limits. --segments: several files, FILE the last\n"
	      "of them, the hub restarted at every other one. --dry: all but the trace.\n",
	      status ? stderr : stdout);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "events", required_argument, NULL, 'e' },
		{ "days", required_argument, NULL, 'd' },
		{ "seed", required_argument, NULL, 's' },
		{ "segments", required_argument, NULL, 'n' },
		{ "policy", required_argument, NULL, 'p' },
		{ "limits", no_argument, NULL, 'l' },
		{ "dry", no_argument, NULL, 'D' },
		{ "keys", required_argument, NULL, 'k' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .events = 100000, .days = 30, .seed = 1, .segments = 1 };
	int c;

	while ((c = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
		if (c == 'e')
			o.events = strtoull(optarg, NULL, 10);
		else if (c == 'd')
			o.days = strtoull(optarg, NULL, 10);
		else if (c == 's')
			o.seed = strtoull(optarg, NULL, 10);
		else if (c == 'n')
			o.segments = strtoull(optarg, NULL, 10);
		else if (c == 'p')
			o.policy = optarg;
		else if (c == 'l')
			o.limits = true;
		else if (c == 'k')
			o.keys = optarg;
		else if (c == 'D')
			o.dry = true;
		else if (c == 'o')
			o.output = optarg;
		else
			return usage(c == 'h' ? 0 : 2);
	}
	if (!o.output || optind < argc || !o.days || !o.segments || o.events / o.segments < 100)
		return usage(2);
	return generate(&o);
}
