// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: whatever comes out of the rings becomes the right event, or is refused; the
 * table of processes stays small, forgets in the right order, and tells each access by the program
 * that made it although it may have exec'ed or ended since.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "decode/decode.h"

#define LIVE_MAX  2048 /* as in decode.c */
#define ENDED_MAX 256
#define ROOT	  "/srv/rec"

/* ---- surroundings ---- */

static struct cw_task map_task; /* what the kernel's map knows; tgid 0: nothing */
static unsigned int asked;

static const char *exe_path(void *ctx, const struct cw_exe_key *key)
{
	static char path[32];

	(void)ctx;
	if (key->ino == 404)
		return NULL;
	snprintf(path, sizeof(path), "/exe/%llu", (unsigned long long)key->ino);
	return path;
}

static const char *asset_root(void *ctx, uint32_t asset)
{
	(void)ctx;
	return asset == 0 ? ROOT : NULL;
}

static int map_lookup(void *ctx, uint32_t tgid, struct cw_task *ret_task)
{
	(void)ctx;
	asked++;
	if (!map_task.tgid || map_task.tgid != tgid)
		return -ENOENT;
	*ret_task = map_task;
	return 0;
}

static int setup(void **state)
{
	struct cw_decode_ops ops = { .exe_path = exe_path, .asset_root = asset_root,
				     .task = map_lookup };

	memset(&map_task, 0, sizeof(map_task));
	asked = 0;
	return cw_decode_new(&ops, (struct cw_decode **)state);
}

static int teardown(void **state)
{
	cw_decode_free(*state);
	return 0;
}

/* ---- records ---- */

/* Names as the kernel side writes them: "a/b/c" becomes "c\0b\0a\0". */
static uint32_t names(char *room, size_t size, const char *path)
{
	char copy[1024];
	uint32_t len = 0;
	char *slash;

	assert_true(strlen(path) < sizeof(copy));
	strcpy(copy, path);
	do {
		const char *leaf;

		slash = strrchr(copy, '/');
		leaf = slash ? slash + 1 : copy;
		assert_true(len + strlen(leaf) + 1 <= size);
		strcpy(room + len, leaf);
		len += (uint32_t)strlen(leaf) + 1;
		if (slash)
			*slash = '\0';
	} while (slash);
	return len;
}

static struct cw_record_process process(uint32_t tgid, uint64_t start, const char *exe,
					const char *argv, size_t argv_len)
{
	struct cw_record_process r = { .hdr = { .size = sizeof(r), .type = CW_RECORD_PROCESS,
						.time_ns = 1000 } };

	r.task.tgid = tgid;
	r.task.start_ns = start;
	r.task.ppid = 1;
	r.task.exe.ino = 77;
	r.ns_pid = tgid;
	r.path_len = names(r.path, sizeof(r.path), exe);
	r.argv_len = r.argv_total = (uint32_t)argv_len;
	memcpy(r.argv, argv, argv_len);
	r.cgroup_id = 5;
	r.cgroup_len = names(r.cgroup, sizeof(r.cgroup), "system.slice/motion.service");
	return r;
}

static struct cw_record_access opened(uint32_t tgid, uint64_t start, const char *path)
{
	struct cw_record_access r = {
		.hdr = { .size = sizeof(r), .type = CW_RECORD_ACCESS, .rung = CW_RUNG_LSM,
			 .time_ns = 5000000000ULL },
		.actor = { .tgid = tgid, .tid = tgid, .start_ns = start, .uid = 1001,
			   .login_uid = CW_NO_UID, .session = CW_NO_UID, .comm = "cat" },
		.op = CW_OP_OPEN, .asset = 0, .access = CW_ABI_READ, .ino = 12, .mode = S_IFREG,
		.dev = CW_MKDEV(8, 1), .fd = ~0u, .open_id = 9, .since_ns = 4000000000ULL,
		.opener_tgid = tgid, .opener_start_ns = start, .path_flags = CW_PATH_IN_ASSET,
	};

	r.path_len = names(r.path, sizeof(r.path), path);
	return r;
}

static void give(struct cw_decode *d, const void *r, struct cw_event *e,
		 struct cw_decoded_record *ret)
{
	assert_int_equal(cw_decode_record(d, r, ((const struct cw_record *)r)->size, e, ret), 0);
}

static void give_process(struct cw_decode *d, const struct cw_record_process *r)
{
	struct cw_decoded_record ret;
	struct cw_event e;

	give(d, r, &e, &ret);
	assert_int_equal(ret.type, CW_DECODED_NOTHING);
}

static void give_exit(struct cw_decode *d, uint32_t tgid, uint64_t start)
{
	struct cw_record_exit r = { .hdr = { .size = sizeof(r), .type = CW_RECORD_EXIT },
				    .start_ns = start, .tgid = tgid };
	struct cw_decoded_record ret;
	struct cw_event e;

	give(d, &r, &e, &ret);
}

/* The executable that an access of this process is told with. */
static const char *exe_of(struct cw_decode *d, uint32_t tgid, uint64_t start)
{
	struct cw_record_access r = opened(tgid, start, "f");
	struct cw_decoded_record ret;
	struct cw_event e;

	give(d, &r, &e, &ret);
	return e.process.exe;
}

static uint64_t uint_of(const struct cw_event *e, const char *key)
{
	const struct cw_detail *d = cw_event_detail(e, key);

	if (!d)
		fail_msg("there is no detail '%s'", key);
	return d->u;
}

static const char *string_of(const struct cw_event *e, const char *key)
{
	const struct cw_detail *d = cw_event_detail(e, key);

	assert_true(!d || d->type == CW_DETAIL_STRING);
	return d ? d->s : NULL;
}

/* ---- paths ---- */

static void assert_path(const char *leaf_first, size_t len, uint32_t flags, const char *root,
			const char *expected)
{
	cw_auto_buf struct cw_buf b = { 0 };

	cw_decode_path(&b, leaf_first, len, flags, root);
	assert_string_equal(b.data, expected);
}

static void test_paths(void **state)
{
	(void)state;
	assert_path("leaf\0dir\0", 9, 0, NULL, "/dir/leaf");
	assert_path("", 0, 0, NULL, "/");
	assert_path("a\0", 2, 0, NULL, "/a");
	/* Cut: the head is missing, and that is to be seen. */
	assert_path("leaf\0dir\0", 9, CW_PATH_CUT, NULL, "…/dir/leaf");
	assert_path("leaf\0", 5, CW_PATH_IN_FS, NULL, "…/leaf");
	/* Below the root of a tree, which the agent knows by its whole path. */
	assert_path("leaf\0dir\0", 9, CW_PATH_IN_ASSET, ROOT, ROOT "/dir/leaf");
	assert_path("", 0, CW_PATH_IN_ASSET, ROOT, ROOT);
	assert_path("leaf\0", 5, CW_PATH_IN_ASSET, NULL, "…/leaf");
	/* Bytes that are no UTF-8 pass as they are. */
	assert_path("\xff\0", 2, 0, NULL, "/\xff");
	/* What the kernel side never writes must do no harm. */
	assert_path("no end", 6, 0, NULL, "/no end");
	assert_path("\0\0", 2, 0, NULL, "//");
}

/* ---- an access ---- */

static void test_open(void **state)
{
	static const char argv[] = "cat\0-u\0a";
	struct cw_record_process p = process(7, 70, "usr/bin/cat", argv, sizeof(argv));
	struct cw_record_access a = opened(7, 70, "day/a.mp4");
	struct cw_decoded_record ret;
	struct cw_event e;

	p.task.n_lineage = 2;
	p.task.lineage[0] = (struct cw_lineage){ .tgid = 6, .start_ns = 60, .exe = { .ino = 60 } };
	p.task.lineage[1] = (struct cw_lineage){ .tgid = 1, .start_ns = 1, .exe = { .ino = 404 } };
	strcpy(p.task.tty, "pts3");
	give_process(*state, &p);
	give(*state, &a, &e, &ret);
	assert_int_equal(ret.type, CW_DECODED_EVENT);
	assert_int_equal(ret.asset, 0);
	assert_int_equal(ret.rdev, 0);
	assert_int_equal(e.kind, CW_KIND_OPEN);
	assert_int_equal(e.probe, CW_PROBE_LSM);
	assert_int_equal(e.boot_ns, 5000000000ULL);
	assert_int_equal(e.asset.kind, CW_ASSET_RECORDINGS);
	assert_string_equal(e.asset.path, ROOT "/day/a.mp4");
	assert_int_equal(e.asset.dev_major, 8);
	assert_int_equal(e.asset.access, CW_ACCESS_READ);
	assert_string_equal(e.process.exe, "/usr/bin/cat");
	assert_string_equal(e.process.comm, "cat");
	assert_string_equal(e.process.argv[0], "cat");
	assert_string_equal(e.process.argv[2], "a");
	assert_null(e.process.argv[3]);
	assert_false(e.process.argv_cut);
	assert_string_equal(e.process.cgroup, "/system.slice/motion.service");
	assert_int_equal(e.process.n_ancestors, 2);
	assert_string_equal(e.process.ancestors[0].exe, "/exe/60");
	assert_null(e.process.ancestors[1].exe);
	assert_string_equal(e.origin.tty, "pts/3");
	assert_int_equal(e.origin.family, 0);
	assert_int_equal(uint_of(&e, "open_id"), 9);
	assert_null(cw_event_detail(&e, "opener_pid"));
	assert_null(cw_event_detail(&e, "before_start"));
}

static void test_device(void **state)
{
	struct cw_record_access a = opened(7, 70, "dev/video0");
	struct cw_decoded_record ret;
	struct cw_event e;

	a.mode = S_IFCHR;
	a.rdev = CW_MKDEV(81, 3);
	a.asset = CW_NO_ASSET;
	a.path_flags = 0;
	give(*state, &a, &e, &ret);
	assert_int_equal(e.asset.kind, CW_ASSET_CAMERA);
	assert_int_equal(e.asset.dev_major, 81);
	assert_int_equal(e.asset.dev_minor, 3);
	assert_int_equal(ret.rdev, CW_MKDEV(81, 3));
	assert_string_equal(e.asset.path, "/dev/video0");
}

static void test_connection(void **state)
{
	struct cw_record_process p = process(7, 70, "usr/bin/cat", "cat", 4);
	struct cw_record_access a = opened(7, 70, "a");
	struct cw_decoded_record ret;
	struct cw_event e;

	p.task.conn = (struct cw_conn){ .family = AF_INET, .peer_port = 51512, .local_port = 22,
					.peer = { 203, 0, 113, 7 }, .via = { .ino = 22 },
					.hop_tgid = 5, .hop = { .ino = 33 },
					.hop_login_uid = 1001 };
	give_process(*state, &p);
	give(*state, &a, &e, &ret);
	assert_int_equal(e.origin.family, AF_INET);
	assert_int_equal(ntohl(e.origin.peer.v4.s_addr), 0xcb007107);
	assert_int_equal(e.origin.peer_port, 51512);
	assert_int_equal(e.origin.local_port, 22);
	assert_string_equal(e.origin.via, "/exe/22");
	assert_false(e.origin.seeded);
	assert_false(e.origin.outbound);
	assert_int_equal(e.origin.hop_pid, 5);
	assert_string_equal(e.origin.hop_exe, "/exe/33");
	assert_int_equal(e.origin.hop_login_uid, 1001);
}

static void test_kernel_thread(void **state)
{
	struct cw_record_access a = opened(7, 70, "a");
	struct cw_decoded_record ret;
	struct cw_event e;

	a.actor.task_flags = 0x00200000;
	give(*state, &a, &e, &ret);
	assert_int_equal(e.origin.type, CW_ORIGIN_KERNEL);
}

/* ---- details ---- */

static void test_stream_details(void **state)
{
	struct cw_record_access a = opened(7, 70, "dev/video0");
	struct cw_decoded_record ret;
	struct cw_event e;

	a.mode = S_IFCHR;
	a.op = CW_OP_STREAM_START;
	give(*state, &a, &e, &ret);
	assert_int_equal(e.kind, CW_KIND_STREAM);
	assert_string_equal(string_of(&e, "phase"), "start");
	assert_null(cw_event_detail(&e, "frames"));
	a.op = CW_OP_STREAM_STOP;
	a.frames = 30;
	a.bytes = 900;
	give(*state, &a, &e, &ret);
	assert_string_equal(string_of(&e, "phase"), "stop");
	assert_int_equal(uint_of(&e, "frames"), 30);
	assert_int_equal(uint_of(&e, "bytes"), 900);
	assert_true(cw_event_detail(&e, "seconds")->d == 1.0);
	/* A microphone: samples are not counted, and 0 frames would be a lie. */
	a.frames = a.bytes = 0;
	give(*state, &a, &e, &ret);
	assert_null(cw_event_detail(&e, "frames"));
	assert_null(cw_event_detail(&e, "bytes"));
}

static void test_close_details(void **state)
{
	struct cw_record_access a = opened(7, 70, "a");
	struct cw_decoded_record ret;
	struct cw_event e;

	a.op = CW_OP_CLOSE;
	a.bytes = 4096;
	give(*state, &a, &e, &ret);
	assert_true(cw_event_detail(&e, "seconds")->d == 1.0);
	assert_int_equal(uint_of(&e, "bytes"), 4096);
	/* A clock that seems to run backwards gives no time, not a huge one. */
	a.since_ns = a.hdr.time_ns + 1;
	give(*state, &a, &e, &ret);
	assert_true(cw_event_detail(&e, "seconds")->d == 0);
}

static void test_other_details(void **state)
{
	struct cw_record_access a = opened(7, 70, "a");
	struct cw_decoded_record ret;
	struct cw_event e;

	a.op = CW_OP_RECEIVE;
	a.opener_tgid = 6;
	a.opener_start_ns = 60;
	a.hdr.rung = CW_RUNG_ITERATOR;
	give(*state, &a, &e, &ret);
	assert_int_equal(uint_of(&e, "opener_pid"), 6);
	assert_int_equal(uint_of(&e, "opener_start_ns"), 60);
	assert_int_equal(uint_of(&e, "before_start"), 1);
	a.hdr.rung = CW_RUNG_PROC;
	give(*state, &a, &e, &ret);
	assert_int_equal(uint_of(&e, "before_start"), 1);
	assert_string_equal(cw_probe_name(e.probe), "proc");

	a = opened(7, 70, "a");
	a.op = CW_OP_UNLINK;
	a.nlink = 1;
	give(*state, &a, &e, &ret);
	assert_int_equal(uint_of(&e, "last"), 1);
	a.nlink = 2;
	give(*state, &a, &e, &ret);
	assert_int_equal(uint_of(&e, "last"), 0);
	a.mode = S_IFDIR;
	give(*state, &a, &e, &ret);
	assert_null(cw_event_detail(&e, "last"));
	assert_int_equal(uint_of(&e, "directory"), 1);

	a = opened(7, 70, "a");
	a.op = CW_OP_TRUNCATE;
	a.size_bytes = 100;
	a.bytes = 10;
	give(*state, &a, &e, &ret);
	assert_int_equal(uint_of(&e, "size_before"), 100);
	assert_int_equal(uint_of(&e, "size_after"), 10);
}

static void test_denied(void **state)
{
	static const struct { int32_t result; const char *name; } cases[] = {
		{ -EBUSY, "EBUSY" }, { -ENXIO, "ENXIO" }, { -EACCES, "EACCES" },
		{ -4095, NULL }, { 0, NULL }, { 16, NULL }, { INT32_MIN, NULL },
	};
	struct cw_record_access a = opened(7, 70, "a");
	struct cw_decoded_record ret;
	struct cw_event e;

	a.op = CW_OP_DENIED;
	for (size_t i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		a.result = cases[i].result;
		give(*state, &a, &e, &ret);
		assert_int_equal(e.kind, CW_KIND_DENIED);
		assert_int_equal(e.result, cases[i].result);
		if (cases[i].name)
			assert_string_equal(string_of(&e, "error"), cases[i].name);
		else
			assert_null(cw_event_detail(&e, "error"));
	}
}

static void test_move(void **state)
{
	struct cw_record_move m = { .access = opened(7, 70, "a"), .asset = 0, .replaced_ino = 44,
				    .path_flags = CW_PATH_IN_ASSET };
	struct cw_decoded_record ret;
	struct cw_event e;

	m.access.hdr.size = sizeof(m);
	m.access.op = CW_OP_RENAME;
	m.path_len = names(m.path, sizeof(m.path), "day/b");
	give(*state, &m, &e, &ret);
	assert_int_equal(e.kind, CW_KIND_RENAME);
	assert_string_equal(e.asset.path, ROOT "/a");
	assert_string_equal(string_of(&e, "to"), ROOT "/day/b");
	assert_int_equal(uint_of(&e, "to_watched"), 1);
	assert_int_equal(uint_of(&e, "replaced_inode"), 44);
	m.asset = CW_NO_ASSET;
	m.path_flags = CW_PATH_IN_FS;
	m.replaced_ino = 0;
	give(*state, &m, &e, &ret);
	assert_string_equal(string_of(&e, "to"), "…/day/b");
	assert_int_equal(uint_of(&e, "to_watched"), 0);
	assert_null(cw_event_detail(&e, "replaced_inode"));
}

static void test_attempt(void **state)
{
	struct cw_record_attempt r = {
		.hdr = { .size = sizeof(r), .type = CW_RECORD_ATTEMPT, .rung = CW_RUNG_TRACEPOINT },
		.actor = { .tgid = 7, .start_ns = 70 }, .op = CW_OP_DENIED, .result = -EACCES,
		.dirfd = 5, .path_len = 3, .path = "a/b",
	};
	struct cw_decoded_record ret;
	struct cw_event e;

	give(*state, &r, &e, &ret);
	assert_int_equal(ret.type, CW_DECODED_ATTEMPT);
	assert_string_equal(ret.path, "a/b");
	assert_int_equal(ret.dirfd, 5);
	assert_int_equal(e.kind, CW_KIND_DENIED);
	assert_string_equal(string_of(&e, "error"), "EACCES");
	r.op = CW_OP_TRUNCATE;
	r.result = 0;
	give(*state, &r, &e, &ret);
	assert_int_equal(e.kind, CW_KIND_TRUNCATE);
	assert_null(cw_event_detail(&e, "error"));
	/* A path that fills its room has no NUL. */
	memset(r.path, 'x', sizeof(r.path));
	r.path_len = UINT32_MAX;
	give(*state, &r, &e, &ret);
	assert_int_equal(strlen(ret.path), CW_PATH_SIZE - 1);
}

static void test_tamper(void **state)
{
	struct cw_record_tamper r = {
		.hdr = { .size = sizeof(r), .type = CW_RECORD_TAMPER, .rung = CW_RUNG_LSM },
		.actor = { .tgid = 7, .start_ns = 70 }, .what = CW_TAMPER_SIGNAL, .result = -EPERM,
		.arg = { SIGKILL, 1 }, .number = 3,
	};
	struct cw_decoded_record ret;
	struct cw_event e;

	give(*state, &r, &e, &ret);
	assert_int_equal(ret.type, CW_DECODED_TAMPER);
	assert_int_equal(ret.tamper, 3);
	assert_true(ret.urgent);
	assert_int_equal(e.kind, CW_KIND_TAMPER);
	assert_int_equal(e.asset.kind, CW_ASSET_SELF);
	assert_int_equal(e.process.pid, 7);
	assert_int_equal(e.result, -EPERM);
	assert_string_equal(string_of(&e, "what"), "signal");
	assert_string_equal(string_of(&e, "signal"), "KILL");
	assert_null(cw_event_detail(&e, "by_kernel"));
	r.arg[0] = UINT64_MAX;
	r.arg[1] = 0;
	give(*state, &r, &e, &ret);
	assert_null(cw_event_detail(&e, "signal"));
	assert_int_equal(uint_of(&e, "by_kernel"), 1);
	/* A name that fills its room has no NUL. */
	r.what = CW_TAMPER_MODULE;
	memset(r.name, 'x', sizeof(r.name));
	give(*state, &r, &e, &ret);
	assert_false(ret.urgent);
	assert_int_equal(strlen(string_of(&e, "name")), sizeof(r.name));
	r.what = CW_TAMPER_MEMORY;
	r.arg[0] = CW_MEMORY_KCORE;
	give(*state, &r, &e, &ret);
	assert_string_equal(string_of(&e, "what"), "kernel memory");
	assert_string_equal(string_of(&e, "name"), "/proc/kcore");
	r.arg[0] = CW_MEMORY_MAX;
	give(*state, &r, &e, &ret);
	assert_null(cw_event_detail(&e, "name"));
	r.what = CW_TAMPER_MAX;
	assert_int_equal(cw_decode_record(*state, &r, sizeof(r), &e, &ret), -EBADMSG);
}

static void test_rescan(void **state)
{
	struct cw_record_rescan r = {
		.hdr = { .size = sizeof(r), .type = CW_RECORD_RESCAN }, .asset = 0, .ino = 3,
		.path_flags = CW_PATH_IN_ASSET,
	};
	struct cw_record t = { .size = sizeof(t), .type = CW_RECORD_TREE };
	struct cw_decoded_record ret;
	struct cw_event e;

	r.path_len = names(r.path, sizeof(r.path), "new/below");
	give(*state, &r, &e, &ret);
	assert_int_equal(ret.type, CW_DECODED_RESCAN);
	assert_string_equal(ret.path, ROOT "/new/below");
	give(*state, &t, &e, &ret);
	assert_int_equal(ret.type, CW_DECODED_TREE);
}

/* ---- paths that come later by number ---- */

static void test_path_by_open_id(void **state)
{
	struct cw_record_access a = opened(7, 70, "day/a.mp4");
	struct cw_decoded_record ret;
	struct cw_event e;

	give(*state, &a, &e, &ret);
	a.op = CW_OP_CLOSE;
	a.path_len = a.path_flags = 0;
	give(*state, &a, &e, &ret);
	assert_string_equal(e.asset.path, ROOT "/day/a.mp4");
	/* Received without a path: the one it was opened by stays, and can be recalled again. */
	a.op = CW_OP_RECEIVE;
	for (int i = 0; i < 3; i++) {
		give(*state, &a, &e, &ret);
		assert_string_equal(e.asset.path, ROOT "/day/a.mp4");
	}
	/* Another open has nothing to do with it, even where it shares the place. */
	a.open_id += 4096;
	give(*state, &a, &e, &ret);
	assert_null(e.asset.path);
	/* Number 0 is no open at all. */
	a = opened(7, 70, "b");
	a.open_id = 0;
	give(*state, &a, &e, &ret);
	a.path_len = a.path_flags = 0;
	give(*state, &a, &e, &ret);
	assert_null(e.asset.path);
}

/* ---- processes ---- */

static void test_exec(void **state)
{
	struct cw_record_process p = process(7, 70, "bin/sh", "sh", 3);
	struct cw_decoded_record ret;
	struct cw_record_access a = opened(7, 70, "f");
	struct cw_event e;

	give_process(*state, &p);
	assert_string_equal(exe_of(*state, 7, 70), "/bin/sh");
	p = process(7, 70, "usr/bin/ffmpeg", "ffmpeg", 7);
	p.task.exe.ino = 78;
	p.hdr.time_ns++;
	give_process(*state, &p);
	give(*state, &a, &e, &ret);
	assert_string_equal(e.process.exe, "/usr/bin/ffmpeg");
	assert_string_equal(e.process.argv[0], "ffmpeg");
	/* The other ring brings what was before: it is history. */
	p = process(7, 70, "bin/sh", "sh", 3);
	give_process(*state, &p);
	assert_string_equal(exe_of(*state, 7, 70), "/usr/bin/ffmpeg");
}

/* The same program again, with other arguments: longer ones, shorter ones, a part of the old. */
static void test_exec_itself(void **state)
{
	static const struct { const char *argv; size_t len; const char *last; } cases[] = {
		{ "busybox\0cat", 12, "cat" },
		{ "busybox\0cat\0/srv/rec/a", 23, "/srv/rec/a" },
		{ "busybox\0cat", 12, "cat" },
		{ "busybox", 8, "busybox" },
	};
	struct cw_record_access a = opened(7, 70, "f");
	struct cw_decoded_record ret;
	struct cw_event e;

	for (size_t i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		struct cw_record_process p = process(7, 70, "bin/busybox", cases[i].argv,
						     cases[i].len);
		size_t n = 0;

		p.hdr.time_ns += i;
		give_process(*state, &p);
		give(*state, &a, &e, &ret);
		while (e.process.argv[n + 1])
			n++;
		assert_string_equal(e.process.argv[n], cases[i].last);
	}
}

/* A shell that replaces itself with its own like, on a socket: same program, same arguments. */
static void test_exec_on_socket(void **state)
{
	struct cw_record_process p = process(7, 70, "bin/bash", "bash", 5);
	struct cw_record_access a = opened(7, 70, "f");
	struct cw_decoded_record ret;
	struct cw_event e;

	give_process(*state, &p);
	p.hdr.time_ns++;
	p.task.conn = (struct cw_conn){ .family = AF_INET, .outbound = 1 };
	give_process(*state, &p);
	give(*state, &a, &e, &ret);
	assert_int_equal(e.origin.family, AF_INET);
	assert_true(e.origin.outbound);
}

/* Facts that enrichment found once stay when the other ring tells the same. */
static void test_twice(void **state)
{
	struct cw_record_process p = process(7, 70, "bin/sh", "sh", 3);
	struct cw_proc *proc;

	give_process(*state, &p);
	proc = cw_decode_process(*state, 7, 70);
	proc->enriched = true;
	strcpy(proc->sha256, "abc");
	proc->unit = strdup("motion.service");
	p.hdr.time_ns++;
	p.task.flags = CW_TASK_KNOWN;
	strcpy(p.task.tty, "pts1");
	give_process(*state, &p);
	assert_ptr_equal(cw_decode_process(*state, 7, 70), proc);
	assert_true(proc->enriched);
	assert_string_equal(proc->sha256, "abc");
	assert_string_equal(proc->unit, "motion.service");
	assert_string_equal(proc->task.tty, "pts/1");
	/* In another unit it is looked at anew. */
	p.cgroup_id++;
	give_process(*state, &p);
	assert_false(proc->enriched);
	assert_null(proc->unit);
}

/* Foreign code comes with a record that is made anew; of what it is, the path. */
static void test_code(void **state)
{
	struct cw_record_process p = process(7, 70, "usr/bin/cat", "cat", 4);
	struct cw_record_access a = opened(7, 70, "f");
	struct cw_decoded_record ret;
	struct cw_event e;

	give_process(*state, &p);
	give(*state, &a, &e, &ret);
	assert_int_equal(e.process.code, CW_CODE_NONE);
	assert_null(e.process.code_path);
	p.task.code = (struct cw_code){ .exe = { .ino = 33 }, .what = CW_FOREIGN_NAMELESS,
					.tgid = 6 };
	p.hdr.time_ns++;
	give_process(*state, &p);
	give(*state, &a, &e, &ret);
	assert_int_equal(e.process.code, CW_CODE_NAMELESS);
	assert_string_equal(e.process.code_path, "/exe/33");
	assert_int_equal(e.process.code_pid, 6);
	p.task.code = (struct cw_code){ .what = 77 }; /* of a kernel side that we do not know */
	p.hdr.time_ns++;
	give_process(*state, &p);
	give(*state, &a, &e, &ret);
	assert_int_equal(e.process.code, CW_CODE_NONE);
}

/* By a buffer that the camera exported: the camera, and how. */
static void test_buffer(void **state)
{
	struct cw_record_access a = opened(7, 70, "");
	struct cw_decoded_record ret;
	struct cw_event e;

	a.op = CW_OP_MAP;
	a.mode = S_IFCHR;
	a.rdev = CW_MKDEV(81, 2);
	a.path_len = a.path_flags = 0;
	a.flags = CW_ACCESS_BUFFER;
	a.opener_tgid = 6;
	give(*state, &a, &e, &ret);
	assert_int_equal(e.asset.dev_major, 81);
	assert_int_equal(e.asset.dev_minor, 2);
	assert_string_equal(string_of(&e, "by"), "dma-buf");
	assert_int_equal(uint_of(&e, "opener_pid"), 6);
	a.flags = 0;
	give(*state, &a, &e, &ret);
	assert_null(string_of(&e, "by"));
}

static void test_argv(void **state)
{
	struct cw_record_process p = process(7, 70, "bin/sh", "", 0);
	struct cw_proc *proc = NULL;

	/* As much as there is room for, in one word without an end. */
	p.argv_len = CW_ARGV_SIZE;
	p.argv_total = CW_ARGV_SIZE + 1;
	memset(p.argv, 'x', sizeof(p.argv));
	give_process(*state, &p);
	proc = cw_decode_process(*state, 7, 70);
	assert_int_equal(strlen(proc->argv[0]), CW_ARGV_SIZE);
	assert_null(proc->argv[1]);
	assert_true(proc->argv_cut);
	/* More words than are kept. */
	memset(p.argv, 0, sizeof(p.argv));
	p.argv_total = CW_ARGV_SIZE;
	p.hdr.time_ns++;
	give_process(*state, &p);
	assert_string_equal(proc->argv[CW_ARGS_MAX - 1], "");
	assert_null(proc->argv[CW_ARGS_MAX]);
	assert_true(proc->argv_cut);
	/* None that could be read. */
	p.argv_len = 0;
	p.hdr.time_ns++;
	give_process(*state, &p);
	assert_null(proc->argv[0]);
	assert_true(proc->argv_cut);
}

/* Its record was lost: the kernel side's map may still know. */
static void test_record_lost(void **state)
{
	map_task = (struct cw_task){ .tgid = 7, .start_ns = 70, .exe = { .ino = 5 },
				     .n_lineage = UINT32_MAX, .ppid = 3 };
	memset(map_task.tty, 'x', sizeof(map_task.tty));
	assert_string_equal(exe_of(*state, 7, 70), "/exe/5");
	assert_int_equal(asked, 1);
	assert_string_equal(exe_of(*state, 7, 70), "/exe/5");
	assert_int_equal(asked, 1);
	/* Not to be taken for an earlier process of that number. */
	assert_null(exe_of(*state, 7, 69));
}

static void test_seeded(void **state)
{
	struct cw_record_process p = process(7, 70, "bin/sh", "sh", 3);
	struct cw_proc *proc;

	/* The agent worked the connection out after the kernel side had told of the process. */
	map_task = (struct cw_task){ .tgid = 7, .start_ns = 70,
				     .conn = { .family = AF_INET, .seeded = 1 } };
	p.task.flags = CW_TASK_SEEDED;
	give_process(*state, &p);
	proc = cw_decode_process(*state, 7, 70);
	assert_int_equal(proc->task.conn.family, AF_INET);
	p.hdr.time_ns++;
	give_process(*state, &p);
	assert_int_equal(proc->task.conn.family, AF_INET);
}

static void test_bounded(void **state)
{
	char argv[32];

	for (uint32_t i = 1; i <= 10 * LIVE_MAX; i++) {
		struct cw_record_process p;

		snprintf(argv, sizeof(argv), "%u", i);
		p = process(i, i, "bin/true", argv, strlen(argv) + 1);
		give_process(*state, &p);
		/* Process 1 works on all the time. */
		assert_string_equal(exe_of(*state, 1, 1), "/bin/true");
	}
	assert_int_equal(cw_decode_n_processes(*state), LIVE_MAX);
	/* The least used went. */
	assert_non_null(exe_of(*state, 1, 1));
	assert_null(exe_of(*state, 2, 2));
}

/* Records of one that has ended are still on their way: the first to end is the first to go. */
static void test_ended(void **state)
{
	for (uint32_t i = 1; i <= 2 * ENDED_MAX; i++) {
		struct cw_record_process p = process(i, i, "bin/true", "true", 5);

		give_process(*state, &p);
		give_exit(*state, i, i);
		give_exit(*state, i, i); /* the other ring's */
	}
	assert_int_equal(cw_decode_n_processes(*state), ENDED_MAX);
	for (uint32_t i = ENDED_MAX + 1; i <= 2 * ENDED_MAX; i++)
		assert_string_equal(exe_of(*state, i, i), "/bin/true");
	assert_null(exe_of(*state, ENDED_MAX, ENDED_MAX));
	/* Of one that nobody knows. */
	give_exit(*state, 99999, 1);
}

static void test_same_pid(void **state)
{
	struct cw_record_process p = process(7, 70, "bin/sh", "sh", 3);

	give_process(*state, &p);
	give_exit(*state, 7, 70);
	p = process(7, 71, "bin/cat", "cat", 4);
	give_process(*state, &p);
	assert_string_equal(exe_of(*state, 7, 70), "/bin/sh");
	assert_string_equal(exe_of(*state, 7, 71), "/bin/cat");
}

/* ---- what is no record ---- */

static void test_malformed(void **state)
{
	static const size_t sizes[] = {
		[CW_RECORD_PROCESS] = sizeof(struct cw_record_process),
		[CW_RECORD_ACCESS] = sizeof(struct cw_record_access),
		[CW_RECORD_EXIT] = sizeof(struct cw_record_exit),
		[CW_RECORD_ATTEMPT] = sizeof(struct cw_record_attempt),
		[CW_RECORD_RESCAN] = sizeof(struct cw_record_rescan),
		[CW_RECORD_TAMPER] = sizeof(struct cw_record_tamper),
		[CW_RECORD_TREE] = sizeof(struct cw_record),
	};
	union {
		struct cw_record hdr;
		struct cw_record_access access;
		char room[sizeof(struct cw_record_process) + 8];
	} u = { 0 };
	struct cw_decoded_record ret;
	struct cw_event e;

	for (uint32_t type = 0; type < 256; type++) {
		bool known = type && type < CW_ARRAY_SIZE(sizes);

		for (uint32_t size = 0; size <= sizeof(u); size++) {
			bool fits = known && size >= sizes[type];

			u.hdr = (struct cw_record){ .size = size, .type = (uint16_t)type };
			assert_int_equal(cw_decode_record(*state, &u, size, &e, &ret),
					 fits ? 0 : -EBADMSG);
			/* Longer than what the ring gave. */
			u.hdr.size = size + 1;
			assert_int_equal(cw_decode_record(*state, &u, size, &e, &ret), -EBADMSG);
		}
	}
	u.access = opened(7, 70, "a");
	u.access.op = CW_OP_MAX;
	assert_int_equal(cw_decode_record(*state, &u, sizeof(u.access), &e, &ret), -EBADMSG);
	u.access.op = CW_OP_OPEN;
	u.access.hdr.rung = CW_RUNG_MAX;
	assert_int_equal(cw_decode_record(*state, &u, sizeof(u.access), &e, &ret), -EBADMSG);
}

/* Lengths and counts that lie, strings without an end. */
static void test_lies(void **state)
{
	struct cw_record_process p = process(7, 70, "bin/sh", "sh", 3);
	struct cw_record_access a = opened(7, 70, "f");
	struct cw_decoded_record ret;
	struct cw_event e;

	memset(p.path, 'x', sizeof(p.path));
	memset(p.argv, 'x', sizeof(p.argv));
	memset(p.cgroup, 'x', sizeof(p.cgroup));
	memset(p.task.tty, 'x', sizeof(p.task.tty));
	p.path_len = p.argv_len = p.cgroup_len = p.task.n_lineage = UINT32_MAX;
	give_process(*state, &p);
	memset(a.path, 'x', sizeof(a.path));
	memset(a.actor.comm, 'x', sizeof(a.actor.comm));
	a.path_len = UINT32_MAX;
	give(*state, &a, &e, &ret);
	assert_int_equal(strlen(e.process.exe), 1 + CW_PATH_SIZE);
	assert_int_equal(strlen(e.process.cgroup), 1 + CW_CGROUP_SIZE);
	assert_int_equal(strlen(e.process.argv[0]), CW_ARGV_SIZE);
	assert_int_equal(strlen(e.origin.tty), CW_TTY_SIZE - 1);
	assert_int_equal(e.process.n_ancestors, CW_LINEAGE_MAX);
	assert_null(e.process.comm);
}

static void test_peek(void **state)
{
	struct cw_record_touch t = {
		.access = opened(7, 70, ""), .touch_ns = 3500000000ULL, .victim_tgid = 5,
		.victim_start_ns = 50, .victim_exe = { .ino = 60 }, .way = CW_PEEK_CORE,
		.target_ino = 44, .target_dev = CW_MKDEV(8, 2),
	};
	struct cw_decoded_record ret;
	struct cw_event e;

	t.access.hdr.size = sizeof(t);
	t.access.op = CW_OP_PEEK;
	t.path_len = names(t.path, sizeof(t.path), "var/core");
	give(*state, &t, &e, &ret);
	assert_int_equal(e.kind, CW_KIND_PEEK);
	assert_string_equal(string_of(&e, "by"), "core dump");
	assert_int_equal(uint_of(&e, "victim_pid"), 5);
	assert_int_equal(uint_of(&e, "victim_start_ns"), 50);
	assert_string_equal(string_of(&e, "victim_exe"), "/exe/60");
	assert_string_equal(string_of(&e, "file"), "/var/core");
	assert_true(cw_event_detail(&e, "age")->d == 1.5);
	assert_int_equal(ret.target_ino, 44);
	assert_int_equal(ret.target_dev, CW_MKDEV(8, 2));
	/* A way that this version does not know; no file. */
	t.way = 99;
	t.target_ino = 0;
	give(*state, &t, &e, &ret);
	assert_string_equal(string_of(&e, "by"), "unknown");
	assert_null(cw_event_detail(&e, "file"));
	/* What an access has no room for. */
	t.access.hdr.size = sizeof(t.access);
	assert_int_equal(cw_decode_record(*state, &t, sizeof(t), &e, &ret), -EBADMSG);
}

static void test_mount(void **state)
{
	struct cw_record_mount m = { .access = opened(7, 70, "var"), .given = 1,
				     .change = CW_MOUNT_BIND, .path_len = 4, .path = "/rec" };
	struct cw_decoded_record ret;
	struct cw_event e;

	m.access.hdr.size = sizeof(m);
	m.access.op = CW_OP_MOUNT;
	m.access.asset = CW_NO_ASSET;
	m.access.path_flags = 0;
	give(*state, &m, &e, &ret);
	assert_int_equal(e.kind, CW_KIND_MOUNT);
	assert_string_equal(e.asset.path, "/var");
	assert_string_equal(string_of(&e, "what"), "bound");
	assert_string_equal(string_of(&e, "from"), "/rec");
	assert_string_equal(ret.target, "/rec");
	m.given = 0;
	m.change = CW_MOUNT_MOVE;
	m.path_len = names(m.path, sizeof(m.path), "srv/rec");
	give(*state, &m, &e, &ret);
	assert_string_equal(string_of(&e, "from"), "/srv/rec");
	/* Nothing was mounted; lengths that lie. */
	m.change = UINT32_MAX;
	m.path_len = 0;
	give(*state, &m, &e, &ret);
	assert_string_equal(string_of(&e, "what"), "unknown");
	assert_null(cw_event_detail(&e, "from"));
	memset(m.path, 'x', sizeof(m.path));
	m.path_len = UINT32_MAX;
	m.given = 1;
	give(*state, &m, &e, &ret);
	assert_int_equal(strlen(string_of(&e, "from")), CW_PATH_SIZE - 1);
	m.access.hdr.size = sizeof(m.access);
	assert_int_equal(cw_decode_record(*state, &m, sizeof(m), &e, &ret), -EBADMSG);
}

static void test_egress(void **state)
{
	struct cw_record_touch t = {
		.access = opened(7, 70, ""), .touch_ns = 4500000000ULL, .way = 2,
		.touch_flags = CW_TOUCH_FORKED,
		.conn = { .family = AF_INET, .peer = { 203, 0, 113, 7 }, .peer_port = 443 },
	};
	struct cw_decoded_record ret;
	struct cw_event e;

	t.access.hdr.size = sizeof(t);
	t.access.op = CW_OP_EGRESS;
	give(*state, &t, &e, &ret);
	assert_int_equal(e.kind, CW_KIND_EGRESS);
	assert_string_equal(string_of(&e, "to"), "203.0.113.7:443");
	assert_string_equal(string_of(&e, "protocol"), "udp");
	assert_true(cw_event_detail(&e, "age")->d == 0.5);
	assert_true(cw_event_detail(&e, "inherited")->u);
	assert_null(cw_event_detail(&e, "victim_pid"));
	t.conn.family = AF_INET6;
	t.way = 1;
	give(*state, &t, &e, &ret);
	assert_string_equal(string_of(&e, "to"), "[cb00:7107::]:443");
	assert_string_equal(string_of(&e, "protocol"), "tcp");
	t.conn.peer_port = 0;
	t.way = 3;
	give(*state, &t, &e, &ret);
	assert_string_equal(string_of(&e, "to"), "cb00:7107::");
	assert_string_equal(string_of(&e, "protocol"), "other");
}

static void test_copy(void **state)
{
	struct cw_record_touch t = { .access = opened(7, 70, ""), .way = CW_COPY_RANGE,
				     .target_ino = 44, .target_dev = CW_MKDEV(8, 2) };
	struct cw_decoded_record ret;
	struct cw_event e;

	t.access.hdr.size = sizeof(t);
	t.access.op = CW_OP_COPY;
	t.path_len = names(t.path, sizeof(t.path), "tmp/a");
	give(*state, &t, &e, &ret);
	assert_int_equal(e.kind, CW_KIND_COPY);
	assert_string_equal(string_of(&e, "to"), "/tmp/a");
	assert_string_equal(string_of(&e, "to_dev"), "8:2");
	assert_int_equal(uint_of(&e, "to_inode"), 44);
	assert_string_equal(string_of(&e, "by"), "copy_file_range");
	assert_null(cw_event_detail(&e, "probable"));
	t.way = CW_COPY_PROBABLE;
	give(*state, &t, &e, &ret);
	assert_true(cw_event_detail(&e, "probable")->u);
	t.way = 99;
	give(*state, &t, &e, &ret);
	assert_true(cw_event_detail(&e, "probable")->u);
}

static void test_name_left(void **state)
{
	struct cw_record_move m = { .access = opened(7, 70, "a"), .asset = 0 };
	struct cw_decoded_record ret;
	struct cw_event e;

	m.access.hdr.size = sizeof(m);
	m.access.op = CW_OP_UNLINK;
	m.access.nlink = 3;
	m.path_flags = CW_PATH_IN_ASSET;
	m.path_len = names(m.path, sizeof(m.path), "b");
	give(*state, &m, &e, &ret);
	assert_int_equal(uint_of(&e, "names_left"), 2);
	assert_string_equal(string_of(&e, "other_name"), ROOT "/b");
	assert_false(cw_event_detail(&e, "last")->u);
	m.access.op = CW_OP_GONE;
	give(*state, &m, &e, &ret);
	assert_int_equal(e.kind, CW_KIND_GONE);
	assert_false(cw_kind_is_access(e.kind));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_paths), T(test_open), T(test_device), T(test_connection),
		T(test_kernel_thread), T(test_stream_details), T(test_close_details),
		T(test_other_details), T(test_denied), T(test_move), T(test_attempt),
		T(test_rescan), T(test_tamper), T(test_path_by_open_id),
		T(test_exec), T(test_exec_itself),
		T(test_exec_on_socket), T(test_twice), T(test_argv),
		T(test_code), T(test_buffer), T(test_record_lost),
		T(test_seeded), T(test_bounded), T(test_ended), T(test_same_pid),
		T(test_malformed), T(test_lies), T(test_peek),
		T(test_egress), T(test_copy), T(test_name_left), T(test_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
