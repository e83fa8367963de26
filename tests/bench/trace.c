// SPDX-License-Identifier: Apache-2.0
/*
 * Usage: trace generate FILE EVENTS [KEYS]   a trace of made-up events, always the same ones
 *        trace read FILE                     decode; events/s
 *        trace judge FILE POLICY             decode and judge; events/s
 *        trace encode EVENTS                 what an event costs its caller while recording
 *
 * The events are those of a small hub: a recorder that writes a file a minute for each of four
 * cameras and removes old ones, a cron job that reads some, people by ssh who look at one camera
 * and a few files, and now and then someone who was not granted it.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <time.h>

#include "policy/policy.h"
#include "trace/reader.h"
#include "trace/recorder.h"

#define START_NS 1795494959000000000ULL

static const char policy_text[] =
	"version: 1\n"
	"assets:\n"
	"  cameras: {kind: camera}\n"
	"  footage: {kind: recordings, path: /var/lib/motion}\n"
	"grants:\n"
	"  - name: motion records\n"
	"    allow: [open, stream, write, delete]\n"
	"    on: [cameras, footage]\n"
	"    to: {exe: /usr/bin/motion, user: motion}\n"
	"  - name: nightly copy\n"
	"    allow: [open]\n"
	"    on: [footage]\n"
	"    to: {exe: /usr/bin/rsync, origin: service}\n"
	"  - name: support\n"
	"    allow: [open]\n"
	"    on: [footage]\n"
	"    to: {login: alice}\n"
	"    limit: {files: 20/day}\n";

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* others may be busy meanwhile */
	return (uint64_t)t.tv_sec * CW_NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static uint64_t seed = 88172645463325252ULL;

static uint64_t draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

struct maker {
	uint64_t seq, boot_ns, inode;
	char path[128], to[128];
};

static void begin(struct maker *m, struct cw_event *e, enum cw_kind kind)
{
	memset(e, 0, sizeof(*e));
	m->boot_ns += 1000 + draw(100000000);
	e->seq = ++m->seq;
	e->boot_ns = m->boot_ns;
	e->time_ns = START_NS + m->boot_ns;
	e->kind = kind;
	e->origin.login_uid = e->origin.session = CW_NO_UID;
}

static void by_motion(struct cw_event *e)
{
	static const char *argv[] = { "/usr/bin/motion", "-n", NULL };

	e->probe = CW_PROBE_LSM;
	e->process = (struct cw_process){
		.pid = 640, .tid = 641, .ns_pid = 640, .ppid = 1, .start_ns = 9000000000ULL,
		.exe = "/usr/bin/motion", .exe_inode = 4711, .exe_dev_major = 8,
		.exe_sha256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
		.comm = "motion", .argv = argv, .uid = 110, .euid = 110, .gid = 120,
		.user = "motion", .unit = "motion.service",
		.cgroup = "/system.slice/motion.service", .n_ancestors = 1,
		.ancestors = { { 1, 1, "/usr/lib/systemd/systemd" } },
	};
	e->origin.type = CW_ORIGIN_SERVICE;
}

static void by_rsync(struct cw_event *e, uint32_t pid)
{
	static const char *argv[] = { "rsync", "-a", "/var/lib/motion", "/mnt/backup", NULL };

	by_motion(e);
	e->process.pid = e->process.tid = e->process.ns_pid = pid;
	e->process.start_ns = pid * 1000000000ULL;
	e->process.exe = "/usr/bin/rsync";
	e->process.exe_sha256 =
		"fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9";
	e->process.comm = "rsync";
	e->process.argv = argv;
	e->process.uid = e->process.euid = 0;
	e->process.user = "root";
	e->process.unit = "cron.service";
	e->process.cgroup = "/system.slice/cron.service";
}

static void by_person(struct cw_event *e, uint32_t pid, bool alice)
{
	static const char *argv[] = { "cat", "front.mp4", NULL };

	by_rsync(e, pid);
	e->process.exe = "/usr/bin/cat";
	e->process.exe_sha256 =
		"baa5a0964d3320fbc0c6a922140453c8513ea24ab8fd0577034804a967248096";
	e->process.comm = "cat";
	e->process.argv = argv;
	e->process.uid = e->process.euid = alice ? 1001 : 1002;
	e->process.user = alice ? "alice" : "bob";
	e->process.unit = alice ? "session-1.scope" : "session-7.scope";
	e->process.cgroup = "/user.slice/user-1001.slice";
	e->process.ancestors[0] = (struct cw_ancestor){ pid - 1, 5, "/bin/bash" };
	e->process.ancestors[1] = (struct cw_ancestor){ pid - 2, 4, "/usr/sbin/sshd" };
	e->process.n_ancestors = 2;
	e->origin = (struct cw_origin){ .type = CW_ORIGIN_REMOTE,
					.login_uid = alice ? 1001 : 1002,
					.login_user = alice ? "alice" : "bob",
					.session = alice ? 1 : 7, .tty = "pts/0", .family = AF_INET,
					.peer_port = (uint16_t)(50000 + pid % 1000),
					.local_port = 22, .via = "/usr/sbin/sshd" };
	inet_pton(AF_INET, alice ? "192.0.2.10" : "203.0.113.7", &e->origin.peer.v4);
}

static void on_camera(struct cw_event *e, unsigned int n)
{
	static const char *const nodes[] = { "/dev/video0", "/dev/video2", "/dev/video4",
					     "/dev/video6" };
	static const char *const names[] = { "camera /dev/video0", "camera /dev/video2",
					     "camera /dev/video4", "camera /dev/video6" };

	e->asset = (struct cw_asset){ .name = names[n % 4], .kind = CW_ASSET_CAMERA,
				      .path = nodes[n % 4], .node = nodes[n % 4], .dev_major = 81,
				      .dev_minor = n % 4 * 2, .inode = 300 + n % 4, .access = 3,
				      .driver = "uvcvideo", .bus = "usb-0000:00:14.0-1",
				      .card = "HD Camera" };
}

static void on_file(struct maker *m, struct cw_event *e, uint64_t which)
{
	snprintf(m->path, sizeof(m->path), "/var/lib/motion/camera%u/2026-11-24/%06llu.mp4",
		 (unsigned int)(which % 4), (unsigned long long)which);
	e->asset = (struct cw_asset){ .name = "/var/lib/motion", .kind = CW_ASSET_RECORDINGS,
				      .path = m->path, .root = "/var/lib/motion", .dev_major = 8,
				      .dev_minor = 1, .inode = 100000 + which, .access = 1 };
}

static void add_close(struct cw_event *e)
{
	e->kind = CW_KIND_CLOSE;
	cw_event_add_double(e, "seconds", (double)draw(60000) / 1000);
	cw_event_add_uint(e, "bytes", draw(100000000));
}

/* The events come in pairs: an open and what follows it. */
static void make(struct maker *m, struct cw_event *e)
{
	static uint64_t open_file;
	static uint32_t pid = 2000;
	/* A short trace has one of each. */
	static const unsigned int each[] = { 0, 100, 750, 900, 985, 996, 998, 999 };
	static unsigned int who;
	bool second = m->seq & 1;

	begin(m, e, CW_KIND_OPEN);
	if (!second) {
		who = m->seq / 2 <= CW_ARRAY_SIZE(each) ? each[m->seq / 2 - 1] :
							 (unsigned int)draw(1000);
		open_file = who < 700 ? ++m->inode : draw(m->inode + 1);
		if (who >= 700 && who % 20 == 0)
			pid += 3;
	}
	if (who < 850)
		by_motion(e);
	else if (who < 980)
		by_rsync(e, pid);
	else
		by_person(e, pid, who < 995);
	if (who < 20 || who > 997)
		on_camera(e, who);
	else
		on_file(m, e, open_file);
	if (who < 700)
		e->asset.access = CW_ACCESS_WRITE | (second ? 0 : CW_ACCESS_CREATE);
	if (!second)
		cw_event_add_uint(e, "flags", who < 700 ? 0x241 : 0x8000);
	else if (who >= 700 && who < 850)
		e->kind = CW_KIND_UNLINK;
	else
		add_close(e);
	if (second && e->kind == CW_KIND_UNLINK)
		cw_event_add_bool(e, "last", true);
}

static void put(struct cw_recorder *r, const struct cw_event *e)
{
	while (!cw_recorder_event(r, e))
		poll(NULL, 0, 1);
}

static void put_agent(struct maker *m, struct cw_recorder *r, enum cw_kind kind)
{
	struct cw_event e;

	begin(m, &e, kind);
	if (kind == CW_KIND_GAP) {
		cw_event_add_uint(&e, "lost", 3);
		cw_event_add_string(&e, "class", "opens");
		cw_event_add_time(&e, "from", e.time_ns - 1000);
		cw_event_add_time(&e, "to", e.time_ns);
	} else if (kind == CW_KIND_CANARY) {
		cw_event_add_bool(&e, "ok", true);
	} else if (kind == CW_KIND_COVERAGE) {
		cw_event_add_string(&e, "capability", "open");
		cw_event_add_string(&e, "rung", "lsm");
		cw_event_add_string(&e, "hooks", "lsm/file_open");
		cw_event_add_string(&e, "blind", "");
	} else {
		cw_event_add_string(&e, "version", "0.1.0");
	}
	put(r, &e);
}

static int generate(const char *path, uint64_t n, const char *keys)
{
	struct cw_recorder_config c = { .path = path, .keys = keys, .hub = "hub-1",
					.boot_id = "3881f880-af78-4449-a4d7-7c2275d36c13",
					.version = "0.1.0", .boot_ns = 60 * CW_NSEC_PER_SEC,
					.wall_ns = START_NS + 60 * CW_NSEC_PER_SEC };
	cw_auto_buf struct cw_buf notes = { 0 };
	struct maker m = { .boot_ns = 60 * CW_NSEC_PER_SEC };
	struct cw_recorder *r;
	struct cw_event e;
	int error = cw_recorder_open(&c, &notes, &r);

	fputs(notes.data ? notes.data : "", stderr);
	if (error) {
		fprintf(stderr, "%s: %s\n", path, strerror(-error));
		return 3;
	}
	cw_recorder_policy(r, false, "policy.yaml", policy_text, sizeof(policy_text) - 1);
	put_agent(&m, r, CW_KIND_START);
	put_agent(&m, r, CW_KIND_COVERAGE);
	put_agent(&m, r, CW_KIND_CANARY);
	m.seq++; /* one that was lost, and pairs begin with an even number */
	for (uint64_t i = 0; i < n; i++) {
		make(&m, &e);
		put(r, &e);
		if (i == n / 2)
			cw_recorder_policy(r, true, "policy.yaml", policy_text,
					   sizeof(policy_text) - 1);
	}
	put_agent(&m, r, CW_KIND_GAP);
	put_agent(&m, r, CW_KIND_STOP);
	return cw_recorder_close(r, 60000) ? 3 : 0;
}

static int encode(uint64_t n)
{
	static struct cw_trace_interner interner;
	struct cw_trace_block b = { 0 };
	struct maker m = { 0 };
	struct cw_event e[256];
	uint64_t spent = 0, begin_ns;

	cw_trace_block_reset(&b, &interner);
	for (uint64_t i = 0; i < n; i += CW_ARRAY_SIZE(e)) {
		static char paths[CW_ARRAY_SIZE(e)][128];

		for (size_t k = 0; k < CW_ARRAY_SIZE(e); k++) {
			make(&m, &e[k]);
			memcpy(paths[k], m.path, sizeof(m.path));
			if (e[k].asset.path == m.path)
				e[k].asset.path = paths[k];
		}
		begin_ns = clock_ns();
		for (size_t k = 0; k < CW_ARRAY_SIZE(e); k++) {
			if (cw_trace_block_is_full(&b))
				cw_trace_block_reset(&b, &interner);
			cw_trace_block_add_event(&b, &interner, &e[k]);
		}
		spent += clock_ns() - begin_ns;
	}
	printf("%llu events encoded, %.0f ns of CPU each\n", (unsigned long long)n,
	       (double)spent / (double)n);
	cw_buf_free(&b.raw);
	return 0;
}

static int read_trace(const char *path, const char *policy)
{
	cw_auto_buf struct cw_buf errors = { 0 };
	cw_auto_policy struct cw_policy *p = NULL;
	struct cw_trace_reader *r = NULL;
	struct cw_trace_policy t;
	struct cw_event e;
	uint64_t n = 0, flags = 0, size, begin_ns = clock_ns(), ns;
	int got;

	if ((policy && cw_policy_load(policy, &errors, &p)) ||
	    cw_trace_reader_open(path, NULL, NULL, &r)) {
		fprintf(stderr, "cannot read %s\n%s", path, errors.data ? errors.data : "");
		return 3;
	}
	while ((got = cw_trace_reader_next(r, &e, &t)) > 0) {
		if (got == 2)
			continue;
		n++;
		if (p) {
			cw_policy_judge(p, &e);
			flags += e.verdict.decision == CW_DECISION_FLAG;
		}
	}
	ns = clock_ns() - begin_ns;
	cw_trace_reader_at(r, &size);
	printf("%llu events, %.1f bytes each, %llu flags, %.3f s of CPU, %.2f million events/s\n",
	       (unsigned long long)n, (double)size / (double)n, (unsigned long long)flags,
	       (double)ns / 1e9, (double)n * 1e3 / (double)ns);
	cw_trace_reader_free(r);
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (!strcmp(verb, "generate") && (argc == 4 || argc == 5))
		return generate(argv[2], strtoull(argv[3], NULL, 10), argc == 5 ? argv[4] : NULL);
	if (!strcmp(verb, "read") && argc == 3)
		return read_trace(argv[2], NULL);
	if (!strcmp(verb, "judge") && argc == 4)
		return read_trace(argv[2], argv[3]);
	if (!strcmp(verb, "encode") && argc == 3)
		return encode(strtoull(argv[2], NULL, 10));
	fprintf(stderr, "Usage: trace generate FILE EVENTS [KEYS] | read FILE | "
			"judge FILE POLICY | encode EVENTS\n");
	return 2;
}
