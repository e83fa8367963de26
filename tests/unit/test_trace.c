// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: an event comes back from a trace as it went in, whatever is in it; and no
 * change to a trace, by accident or on purpose, goes unnoticed, takes the reader down, or keeps it
 * from what is still whole.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>
#include <cmocka.h>
#include <openssl/evp.h>

#include "sink/json.h"
#include "trace/keys.h"
#include "trace/recorder.h"
#include "trace/verify.h"
#include "trace/zip.h"
#include "traces.h"

#define PATIENCE_MS 20000

static char dir[] = "/tmp/cw-trace-XXXXXX";
static char keys[64], path[64];

static const char *argv_max[CW_TRACE_ARGS_MAX + 1];
static char long_text[CW_TRACE_STRING_MAX];

/* ---- events ---- */

static void fill(struct cw_event *e, uint64_t seq)
{
	static const char *argv[] = { "ffmpeg", "-i", "\x1b[2J\xff\n\"", NULL };

	memset(e, 0, sizeof(*e));
	e->seq = seq;
	e->boot_ns = 1000000000ULL * seq + 7;
	e->time_ns = 1795494959000000000ULL + e->boot_ns;
	e->boot_id = "b007";
	e->hub = "hub-1";
	e->kind = CW_KIND_OPEN;
	e->probe = CW_PROBE_LSM;
	e->asset = (struct cw_asset){ .name = "front", .kind = CW_ASSET_CAMERA, .dev_major = 81,
				      .path = "/dev/video0", .inode = 77, .access = 3 };
	e->process = (struct cw_process){ .pid = 811, .tid = 812, .start_ns = 72000000000ULL,
					  .exe = "/usr/bin/ffmpeg", .argv = argv, .uid = 1001,
					  .n_ancestors = 1, .ancestors = { { 640, 5, NULL } } };
	e->origin = (struct cw_origin){ .type = CW_ORIGIN_REMOTE, .login_uid = 1001,
					.session = CW_NO_UID, .family = AF_INET, .peer_port = 9 };
	inet_pton(AF_INET, "203.0.113.7", &e->origin.peer.v4);
	cw_event_add_uint(e, "flags", seq);
}

/* Every field at its end. */
static void fill_max(struct cw_event *e)
{
	memset(long_text, 'x', sizeof(long_text) - 1);
	for (unsigned int i = 0; i < CW_TRACE_ARGS_MAX; i++)
		argv_max[i] = i % 2 ? "" : "\xc0\xaf\x7f";
	memset(e, 0, sizeof(*e));
	e->seq = e->boot_ns = UINT64_MAX;
	e->time_ns = 1;
	e->boot_id = "b007";
	e->hub = "hub-1";
	e->kind = CW_KIND_MAX - 1;
	e->probe = CW_PROBE_MAX - 1;
	e->result = INT32_MIN;
	e->asset = (struct cw_asset){ long_text, CW_ASSET_SELF, "a", "b", "c", "d", true,
				      UINT32_MAX, UINT32_MAX, UINT64_MAX, UINT32_MAX,
				      "e", "f", "g" };
	e->process = (struct cw_process){
		.pid = UINT32_MAX, .tid = UINT32_MAX, .ns_pid = UINT32_MAX, .ppid = UINT32_MAX,
		.start_ns = UINT64_MAX, .exe = "", .exe_inode = UINT64_MAX, .exe_dev_major = 8,
		.exe_dev_minor = UINT32_MAX, .exe_sha256 = "00", .exe_deleted = true,
		.comm = "\n", .argv = argv_max, .argv_cut = true, .uid = 1, .euid = 2, .gid = 3,
		.cap_effective = UINT64_MAX, .user = "u", .unit = "v", .cgroup = "w",
		.container = "x", .n_ancestors = CW_ANCESTORS_MAX,
		.code = CW_CODE_WRITTEN, .code_path = long_text, .code_pid = UINT32_MAX,
	};
	for (unsigned int i = 0; i < CW_ANCESTORS_MAX; i++)
		e->process.ancestors[i] = (struct cw_ancestor){ i, UINT64_MAX - i, long_text };
	e->origin = (struct cw_origin){ .type = CW_ORIGIN_KERNEL, .login_uid = CW_NO_UID,
					.login_user = "r", .session = 4, .tty = "pts/9",
					.family = AF_INET6, .peer_port = 65535,
					.local_port = 65535, .outbound = true, .via = "z",
					.seeded = true, .hop_pid = UINT32_MAX,
					.hop_exe = "h", .hop_login_uid = 1001,
					.hop_login_user = long_text, .hop_local = true };
	memset(&e->origin.peer, 0xfe, sizeof(e->origin.peer));
	cw_event_add_uint(e, "u", UINT64_MAX);
	cw_event_add_int(e, "i", INT64_MIN);
	cw_event_add_double(e, "d", -1e300 * 1e300);
	cw_event_add_string(e, "s", long_text);
	cw_event_add_string(e, "null", NULL);
	cw_event_add_bool(e, "b", true);
	cw_event_add_time(e, "t", UINT64_MAX);
	while (e->n_detail < CW_DETAILS_MAX)
		cw_event_add_double(e, "", 0.1);
}

static void assert_same_string(const char *a, const char *b)
{
	assert_int_equal(!a, !b);
	if (a)
		assert_string_equal(a, b);
}

/* The JSON form has nearly all; the rest is compared here. */
static void assert_same(const struct cw_event *a, const struct cw_event *b)
{
	cw_auto_buf struct cw_buf ja = { 0 }, jb = { 0 };

	cw_json_event(&ja, a);
	cw_json_event(&jb, b);
	assert_string_equal(ja.data, jb.data);
	assert_int_equal(a->process.exe_dev_major, b->process.exe_dev_major);
	assert_int_equal(a->process.exe_dev_minor, b->process.exe_dev_minor);
	for (unsigned int i = 0; i < a->process.n_ancestors; i++)
		assert_int_equal(a->process.ancestors[i].start_ns,
				 b->process.ancestors[i].start_ns);
	for (unsigned int i = 0; a->process.argv && a->process.argv[i]; i++)
		assert_same_string(a->process.argv[i], b->process.argv[i]);
	assert_same_string(a->asset.path, b->asset.path);
	assert_int_equal(a->origin.family, b->origin.family);
	assert_int_equal(a->origin.hop_local, b->origin.hop_local);
	for (unsigned int i = 0; i < a->n_detail; i++) {
		assert_int_equal(a->detail[i].type, b->detail[i].type);
		if (a->detail[i].type == CW_DETAIL_STRING)
			assert_same_string(a->detail[i].s, b->detail[i].s);
		else
			assert_memory_equal(&a->detail[i].u, &b->detail[i].u, 8);
	}
}

/* ---- writing ---- */

static struct cw_recorder *start_at(const char *file)
{
	struct cw_recorder_config c = { .path = file, .keys = keys, .boot_id = "b007",
					.hub = "hub-1", .version = "test" };
	cw_auto_buf struct cw_buf notes = { 0 };
	struct cw_recorder *r = NULL;

	assert_int_equal(cw_recorder_open(&c, &notes, &r), 0);
	return r;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static off_t size_of(const char *file)
{
	struct stat st;

	return stat(file, &st) ? 0 : st.st_size;
}

static void wait_for_growth(const char *file, off_t from)
{
	for (int64_t end = now_ms() + PATIENCE_MS; size_of(file) <= from; poll(NULL, 0, 1))
		if (now_ms() > end)
			fail_msg("%s does not grow", file);
}

/* `n` events, a block each: the recorder is waited for. */
static void write_trace(const char *file, unsigned int n)
{
	struct cw_recorder *r = start_at(file);
	static const char policy[] = "version: 1\nassets: {c: {kind: camera}}\n";
	struct cw_event e;

	assert_true(cw_recorder_policy(r, false, "p.yaml", policy, sizeof(policy) - 1));
	for (unsigned int i = 1; i <= n; i++) {
		off_t before = size_of(file);

		fill(&e, i);
		assert_true(cw_recorder_event(r, &e));
		cw_recorder_urgent(r, true);
		wait_for_growth(file, before);
	}
	assert_int_equal(cw_recorder_close(r, PATIENCE_MS), 0);
}

/* ---- a trace in memory ---- */

struct image {
	uint8_t *p;
	size_t len;
	size_t at[64]; /* of its blocks */
	unsigned int n;
};

static void load(const char *file, struct image *i)
{
	cw_auto_fclose FILE *f = fopen(file, "re");
	struct cw_trace_block_head h;

	assert_non_null(f);
	memset(i, 0, sizeof(*i));
	i->p = malloc(1 << 20);
	i->len = fread(i->p, 1, 1 << 20, f);
	for (size_t at = CW_TRACE_HEAD_SIZE; at + CW_TRACE_BLOCK_SIZE <= i->len && i->n < 64;) {
		if (cw_trace_block_head_get(i->p + at, &h))
			break;
		i->at[i->n++] = at;
		at += CW_TRACE_BLOCK_SIZE + h.packed;
	}
	i->at[i->n] = i->len - CW_TRACE_FOOTER_SIZE;
}

struct told {
	unsigned int n;
	uint64_t limit, first;
	char what[256];
	unsigned int faults[CW_TRACE_UNREADABLE + 1];
};

static void on_problem(void *ctx, const struct cw_trace_problem *p)
{
	struct told *t = ctx;

	if (!t->n++) {
		t->first = p->offset;
		snprintf(t->what, sizeof(t->what), "%s", p->what);
	}
	t->faults[p->fault]++;
	if (p->offset > t->limit)
		fail_msg("offset %llu of %llu", (unsigned long long)p->offset,
			 (unsigned long long)t->limit);
}

static int memory_file(const void *p, size_t len, char name[64])
{
	int fd = memfd_create("trace", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), len);
	snprintf(name, 64, "/proc/self/fd/%d", fd);
	return fd;
}

/* Events of a time that could be read, in order; what was said about the rest. */
static unsigned int read_range(const char *file, size_t limit, uint64_t since, uint64_t until,
			       struct told *ret_told)
{
	struct cw_trace_reader *r = NULL;
	struct cw_trace_policy policy;
	struct cw_event e, expected;
	unsigned int n = 0;
	int got;

	memset(ret_told, 0, sizeof(*ret_told));
	ret_told->limit = limit;
	got = cw_trace_reader_open(file, on_problem, ret_told, &r);
	if (got) {
		assert_true(got == -EBADMSG || got == -ENOTSUP);
		ret_told->n++;
		return 0;
	}
	if (since || until)
		cw_trace_reader_range(r, since, until);
	while ((got = cw_trace_reader_next(r, &e, &policy)) > 0) {
		if (got == 2)
			continue;
		fill(&expected, e.seq);
		if (cw_trace_reader_head(r)->damaged) {
			expected.boot_id = e.boot_id;
			expected.hub = e.hub;
		}
		assert_same(&expected, &e);
		n++;
	}
	assert_int_equal(got, 0);
	cw_trace_reader_free(r);
	return n;
}

static unsigned int read_all(const char *file, size_t limit, struct told *ret_told)
{
	return read_range(file, limit, 0, 0, ret_told);
}

static bool is_proven(const char *file, size_t limit, const uint8_t *key, struct told *ret_told)
{
	struct cw_trace_reader *r = NULL;
	struct cw_trace_report report;

	memset(ret_told, 0, sizeof(*ret_told));
	ret_told->limit = limit;
	if (cw_trace_reader_open(file, on_problem, ret_told, &r)) {
		snprintf(ret_told->what, sizeof(ret_told->what), "no trace");
		return false;
	}
	assert_int_equal(cw_trace_verify(r, on_problem, NULL, ret_told, key, &report), 0);
	cw_trace_reader_free(r);
	return !ret_told->n && report.ended && report.seals &&
	       report.sealed_events == report.events && (!key || report.key_found);
}

static bool image_is_proven(const struct image *i, const uint8_t *key, struct told *ret_told)
{
	char name[64];
	int fd = memory_file(i->p, i->len, name);
	bool proven = is_proven(name, i->len, key, ret_told);

	close(fd);
	return proven;
}

static void hub_key(uint8_t ret_key[CW_TRACE_KEY])
{
	char name[128];

	snprintf(name, sizeof(name), "%s/camwarden.pub", keys);
	assert_int_equal(cw_trace_key_read(name, ret_key), 0);
}

/* ---- round trip ---- */

static struct cw_trace_interner interner;

static void assert_round_trip(const struct cw_event *events, unsigned int n)
{
	static const struct cw_trace_head head = { .boot_id = "b007", .hub = "hub-1" };
	struct cw_trace_block b = { 0 };
	struct cw_trace_unpacker *u = NULL;
	struct cw_trace_policy policy;
	struct cw_event e;

	cw_trace_block_reset(&b, &interner);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(cw_trace_block_add_event(&b, &interner, &events[i]), 0);
	assert_int_equal(b.events, n);
	assert_int_equal(cw_trace_unpacker_new(&u), 0);
	cw_trace_unpacker_begin(u, &head, b.raw.data, b.raw.len);
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(cw_trace_unpacker_next(u, &e, &policy), 1);
		assert_same(&events[i], &e);
	}
	assert_int_equal(cw_trace_unpacker_next(u, &e, &policy), 0);
	assert_int_equal(cw_trace_unpacker_unknown(u), 0);
	cw_trace_unpacker_free(u);
	cw_buf_free(&b.raw);
}

static void test_round_trip(void **state)
{
	struct cw_event e[5];

	(void)state;
	fill(&e[0], 42);
	fill_max(&e[1]);
	memset(&e[2], 0, sizeof(e[2]));
	e[2].boot_id = "b007";
	e[2].hub = "hub-1";
	fill(&e[3], 41); /* back in number and time */
	fill_max(&e[4]);
	assert_round_trip(e, 5);
	for (unsigned int i = 0; i < 5; i++)
		assert_round_trip(&e[i], 1);
}

static void test_strings_stand_once(void **state)
{
	struct cw_trace_block b = { 0 };
	struct cw_event e;
	size_t first;

	(void)state;
	cw_trace_block_reset(&b, &interner);
	fill(&e, 1);
	assert_int_equal(cw_trace_block_add_event(&b, &interner, &e), 0);
	first = b.raw.len;
	fill(&e, 2);
	assert_int_equal(cw_trace_block_add_event(&b, &interner, &e), 0);
	assert_true(b.raw.len - first < 24);
	cw_buf_free(&b.raw);
}

/*
 * A process that is the last one but for one string, or one argument more or less, is another one,
 * though every pointer is as it was.
 */
static void test_changed_in_place(void **state)
{
	static char exe[] = "/usr/bin/cat", tty[] = "pts/1", last[] = "a.mp4", first[] = "cat";
	const char *args[CW_TRACE_ARGS_MAX + 2] = { first, "-u", last };
	static const struct cw_trace_head head = { .boot_id = "b007", .hub = "hub-1" };
	struct cw_trace_block b = { 0 };
	struct cw_trace_unpacker *u = NULL;
	struct cw_trace_policy policy;
	struct cw_event e, got;

	(void)state;
	cw_trace_block_reset(&b, &interner);
	fill(&e, 1);
	e.process.exe = exe;
	e.process.argv = args;
	e.origin.tty = tty;
	for (unsigned int i = 0; i < 10; i++) {
		switch (i) {
		case 1: exe[9] = 'r'; break;
		case 2: tty[4] = '2'; break;
		case 3: last[0] = 'b'; break;
		case 4: args[1] = "-n"; break;
		case 5: args[3] = "c.mp4"; break;
		case 6: args[2] = NULL; break;
		case 7: args[0] = NULL; break;
		case 8: e.process.argv = NULL; break;
		case 9: e.process.ancestors[0].exe = "/bin/dash"; break;
		}
		for (unsigned int twice = 0; twice < 2; twice++) {
			assert_int_equal(cw_trace_block_add_event(&b, &interner, &e), 0);
			assert_int_equal(b.n[CW_TRACE_RECORD_PROCESS], i + 1);
		}
		assert_int_equal(cw_trace_unpacker_new(&u), 0);
		cw_trace_unpacker_begin(u, &head, b.raw.data, b.raw.len);
		for (unsigned int k = 0; k < 2 * i + 2; k++)
			assert_int_equal(cw_trace_unpacker_next(u, &got, &policy), 1);
		assert_same(&e, &got);
		cw_trace_unpacker_free(u);
	}
	cw_buf_free(&b.raw);
}

/* More processes than a block takes, and all of them different. */
static void test_many_processes(void **state)
{
	struct cw_recorder *r;
	struct cw_trace_reader *reader = NULL;
	struct cw_trace_policy policy;
	struct cw_event e, got;
	uint64_t lost = 0;
	unsigned int n = 0;

	(void)state;
	r = start_at(path);
	for (unsigned int i = 1; i <= 5000; i++) {
		fill(&e, i);
		e.process.pid = i;
		for (int64_t end = now_ms() + PATIENCE_MS; !cw_recorder_event(r, &e); lost++) {
			assert_true(now_ms() < end);
			poll(NULL, 0, 1);
		}
	}
	assert_int_equal(cw_recorder_close(r, PATIENCE_MS), lost);
	assert_int_equal(cw_trace_reader_open(path, NULL, NULL, &reader), 0);
	while (cw_trace_reader_next(reader, &got, &policy) == 1) {
		fill(&e, ++n);
		e.process.pid = n;
		assert_same(&e, &got);
	}
	assert_int_equal(n, 5000);
	cw_trace_reader_free(reader);
	unlink(path);
}

/* An event larger than any block is counted as lost, and those around it are not. */
static void test_too_large(void **state)
{
	static char text[64][CW_TRACE_STRING_MAX];
	static const char *argv[65];
	struct cw_recorder *r = start_at(path);
	struct cw_recorder_loss loss;
	struct told told;
	struct cw_event e;

	(void)state;
	for (unsigned int i = 0; i < 64; i++) {
		memset(text[i], 'a' + (int)i % 26, sizeof(text[i]) - 1);
		text[i][0] = (char)('0' + i);
		argv[i] = text[i];
	}
	fill(&e, 1);
	assert_true(cw_recorder_event(r, &e));
	fill(&e, 2);
	e.process.argv = argv;
	assert_false(cw_recorder_event(r, &e));
	fill(&e, 3);
	assert_true(cw_recorder_event(r, &e));
	assert_true(cw_recorder_take_loss(r, &loss));
	assert_int_equal(loss.events, 1);
	assert_int_equal(cw_recorder_close(r, PATIENCE_MS), 0);
	assert_int_equal(read_all(path, 1 << 20, &told), 2);
	unlink(path);
}

/* ---- on disk in time ---- */

static void test_on_disk(void **state)
{
	struct cw_recorder *r = start_at(path);
	struct told told;
	struct cw_event e;
	off_t before = size_of(path);
	int64_t begin = now_ms();

	(void)state;
	fill(&e, 1);
	assert_true(cw_recorder_event(r, &e));
	wait_for_growth(path, before);
	assert_in_range(now_ms() - begin, 300, 1000);
	before = size_of(path);
	fill(&e, 2);
	assert_true(cw_recorder_event(r, &e));
	begin = now_ms();
	cw_recorder_urgent(r, true);
	wait_for_growth(path, before);
	assert_in_range(now_ms() - begin, 0, 299);
	/* As it is, without an end: */
	assert_int_equal(read_all(path, 1 << 20, &told), 2);
	assert_int_equal(cw_recorder_close(r, PATIENCE_MS), 0);
	unlink(path);
}

/* A full disk holds nobody up; what does not fit is counted, what fits is whole. */
static void test_full(void **state)
{
	struct rlimit before, limit;
	struct cw_recorder *r = start_at(path);
	struct cw_recorder_loss loss = { 0 };
	struct told told;
	struct cw_event e;
	unsigned int seq = 0;
	uint64_t lost = 0, from = 0;

	(void)state;
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = (rlim_t)size_of(path) + 3000;
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int64_t end = now_ms() + PATIENCE_MS; !lost || !cw_recorder_error(r);) {
		int64_t begin = now_ms();

		fill(&e, ++seq);
		e.process.argv = NULL;
		if (!cw_recorder_event(r, &e)) {
			from = lost++ ? from : e.boot_ns;
			poll(NULL, 0, 1);
			/* As long as the disk is slow and not full. */
			lost = cw_recorder_take_loss(r, &loss) ? 0 : lost;
		}
		assert_true(now_ms() - begin < 1000);
		assert_true(now_ms() < end);
	}
	assert_int_equal(cw_recorder_error(r), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &before);
	for (int64_t end = now_ms() + PATIENCE_MS; !cw_recorder_take_loss(r, &loss);
	     poll(NULL, 0, 1))
		assert_true(now_ms() < end);
	assert_int_equal(loss.events, lost);
	assert_int_equal(loss.from_ns, from);
	assert_int_equal(cw_recorder_close(r, PATIENCE_MS), 0);
	assert_true(is_proven(path, 1 << 30, NULL, &told));
	unlink(path);
}

/* ---- what is done to a trace ---- */

static void test_whole(void **state)
{
	struct told told;
	uint8_t key[CW_TRACE_KEY], other[CW_TRACE_KEY] = { 1 };

	(void)state;
	write_trace(path, 3);
	assert_int_equal(read_all(path, 1 << 20, &told), 3);
	assert_int_equal(told.n, 0);
	hub_key(key);
	assert_true(is_proven(path, 1 << 20, NULL, &told));
	assert_true(is_proven(path, 1 << 20, key, &told));
	assert_false(is_proven(path, 1 << 20, other, &told));
	unlink(path);
}

/* How many lines a verb writes to standard error for this trace. */
static unsigned int lines_said(char *name)
{
	struct cw_traces_config c = { .verb = "test", .paths = &name, .n = 1,
				      .until_ns = UINT64_MAX };
	struct cw_traces *t = NULL;
	const struct cw_event *e;
	unsigned int lines = 0;
	char said[1024];
	int fd = memfd_create("said", MFD_CLOEXEC), before = dup(STDERR_FILENO), status;
	ssize_t len;

	dup2(fd, STDERR_FILENO);
	status = cw_traces_open(&c, &t);
	while (!status && cw_traces_next(t, &e) == 1)
		;
	cw_traces_free(t);
	dup2(before, STDERR_FILENO);
	close(before);
	len = pread(fd, said, sizeof(said), 0);
	close(fd);
	for (ssize_t at = 0; at < len; at++)
		lines += said[at] == '\n';
	return lines;
}

static void test_truncation(void **state)
{
	struct image i;
	struct told told;
	char name[64];
	int fd;

	(void)state;
	write_trace(path, 3);
	load(path, &i);
	fd = memory_file(i.p, i.len, name);
	for (size_t len = i.len; len-- > 0;) {
		unsigned int whole = 0, n;

		assert_int_equal(ftruncate(fd, (off_t)len), 0);
		n = read_all(name, i.len, &told);
		assert_true(told.n);
		/* Blocks: keys, policy and event 1, or each of its own; then one an event. */
		for (unsigned int b = 0; b < i.n; b++) {
			struct cw_trace_block_head h;

			assert_int_equal(cw_trace_block_head_get(i.p + i.at[b], &h), 0);
			whole += i.at[b + 1] <= len ? h.events : 0;
		}
		assert_int_equal(n, len < CW_TRACE_HEAD_SIZE ? 0 : whole);
		/* Of blocks that are passed over, too, and in the words of each verb. */
		read_range(name, i.len, 1, 2, &told);
		assert_true(told.n);
		assert_int_equal(lines_said(name), 1);
		assert_false(is_proven(name, i.len, NULL, &told));
		assert_int_equal(told.n, len >= CW_TRACE_HEAD_SIZE);
		assert_int_equal(told.faults[CW_TRACE_TORN], told.n);
	}
	close(fd);
	free(i.p);
	unlink(path);
}

static void test_flips(void **state)
{
	struct image i;
	struct told told;
	char name[64];
	unsigned int n;
	int fd;

	(void)state;
	write_trace(path, 3);
	load(path, &i);
	fd = memory_file(i.p, i.len, name);
	for (size_t at = 0; at < i.len; at++) {
		for (unsigned int bit = 0; bit < 8; bit += 7) {
			uint8_t c = i.p[at] ^ (uint8_t)(1 << bit);

			assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
			/* Behind magic and version, the header takes no event with it. */
			n = read_all(name, i.len, &told);
			assert_true(told.n);
			assert_true(at < 10 ? !n : at < CW_TRACE_HEAD_SIZE ? n == 3 : n <= 3);
			assert_false(is_proven(name, i.len, NULL, &told));
			assert_true(told.n || at < 10);
			/* Named where it is: in this block, or where the footer should be. */
			if (told.n && told.first > at)
				fail_msg("byte %zu: told of %llu: %s", at,
					 (unsigned long long)told.first, told.what);
		}
		assert_int_equal(pwrite(fd, i.p + at, 1, (off_t)at), 1);
	}
	assert_true(is_proven(name, i.len, NULL, &told));
	close(fd);
	free(i.p);
	unlink(path);
}

static void cut_block(struct image *i, unsigned int b)
{
	size_t len = i->at[b + 1] - i->at[b];

	memmove(i->p + i->at[b], i->p + i->at[b + 1], i->len - i->at[b + 1]);
	i->len -= len;
}

static void test_removal(void **state)
{
	struct image i;
	struct told told;

	(void)state;
	write_trace(path, 3);
	load(path, &i);
	for (unsigned int b = 0; b < i.n; b++) {
		struct image cut = i;
		uint8_t *copy = malloc(i.len);

		memcpy(copy, i.p, i.len);
		cut.p = copy;
		cut_block(&cut, b);
		assert_false(image_is_proven(&cut, NULL, &told));
		assert_true(told.n > 0);
		if (b + 1 < i.n) {
			assert_int_equal(told.first, i.at[b]);
			assert_true(told.faults[CW_TRACE_MISSING] > 0);
		}
		free(copy);
	}
	free(i.p);
	unlink(path);
}

static void test_reordering(void **state)
{
	struct image i;
	struct told told;
	uint8_t *copy;
	size_t a, b, end;

	(void)state;
	write_trace(path, 3);
	load(path, &i);
	a = i.at[2];
	b = i.at[3];
	end = i.at[4];
	copy = malloc(i.len);
	memcpy(copy, i.p, i.len);
	memcpy(copy + a, i.p + b, end - b);
	memcpy(copy + a + (end - b), i.p + a, b - a);
	memcpy(i.p, copy, i.len);
	assert_false(image_is_proven(&i, NULL, &told));
	assert_int_equal(told.first, a);
	free(copy);
	free(i.p);
	unlink(path);
}

/* A block of another trace of the same hub, numbered and placed alike. */
static void test_splicing(void **state)
{
	struct image i, other;
	struct told told;
	char second[80];

	(void)state;
	snprintf(second, sizeof(second), "%s/second.cw", dir);
	write_trace(path, 3);
	write_trace(second, 3);
	load(path, &i);
	load(second, &other);
	/* All from its second block on: that is whole in itself, but not sealed for this head. */
	memcpy(i.p + i.at[2], other.p + other.at[2], i.at[3] - i.at[2]);
	assert_false(image_is_proven(&i, NULL, &told));
	assert_int_equal(told.first, i.at[2]);
	free(i.p);
	free(other.p);
	unlink(path);
	unlink(second);
}

/* Puts a block with that content in the place of block `b`, with all its checksums right. */
static void replace_block(struct image *i, unsigned int b, const uint8_t *raw, size_t len)
{
	struct cw_trace_block_head h;
	uint8_t packed[4096], *copy = malloc(1 << 20);
	uLongf n = sizeof(packed);
	size_t rest = i->len - i->at[b + 1];

	assert_int_equal(cw_trace_block_head_get(i->p + i->at[b], &h), 0);
	assert_int_equal(compress(packed, &n, raw, len), Z_OK);
	h.raw = (uint32_t)len;
	h.packed = (uint32_t)n;
	h.crc = cw_zip_crc(packed, n);
	memcpy(copy, i->p, i->at[b]);
	cw_trace_block_head_put(&h, copy + i->at[b]);
	memcpy(copy + i->at[b] + CW_TRACE_BLOCK_SIZE, packed, n);
	memcpy(copy + i->at[b] + CW_TRACE_BLOCK_SIZE + n, i->p + i->at[b + 1], rest);
	i->len = i->at[b] + CW_TRACE_BLOCK_SIZE + n + rest;
	free(i->p);
	i->p = copy;
}

static unsigned int find_block(const struct image *i, enum cw_trace_block_type type)
{
	struct cw_trace_block_head h;

	for (unsigned int b = 0; b < i->n; b++)
		if (!cw_trace_block_head_get(i->p + i->at[b], &h) && h.type == type)
			return b;
	fail_msg("no block of type %d", (int)type);
	return 0;
}

static void unpack_block(const struct image *i, unsigned int b, uint8_t *raw, uLongf *len)
{
	struct cw_trace_block_head h;

	assert_int_equal(cw_trace_block_head_get(i->p + i->at[b], &h), 0);
	assert_int_equal(uncompress(raw, len, i->p + i->at[b] + CW_TRACE_BLOCK_SIZE, h.packed),
			 Z_OK);
}

/* The seal says another thing, and everything that needs no key is put right. */
static void test_forged_seal(void **state)
{
	struct image i;
	struct told told;
	uint8_t raw[4096];
	uLongf len = sizeof(raw);
	unsigned int b;

	(void)state;
	write_trace(path, 3);
	load(path, &i);
	b = find_block(&i, CW_TRACE_BLOCK_SEAL);
	unpack_block(&i, b, raw, &len);
	assert_int_equal(len, CW_TRACE_SEAL_SIZE);
	raw[40] ^= 1; /* its time */
	replace_block(&i, b, raw, len);
	assert_false(image_is_proven(&i, NULL, &told));
	assert_int_equal(told.first, i.at[b]);
	assert_non_null(strstr(told.what, "forged"));
	free(i.p);
	unlink(path);
}

/* Bytes of header and footer that mean nothing yet are what was written, too. */
static void test_zeros(void **state)
{
	struct image i;
	struct told told;
	uint8_t *footer;

	(void)state;
	write_trace(path, 3);
	load(path, &i);
	i.p[250] = 1;
	memset(i.p + 20, 0, 4);
	cw_put_le(i.p + 20, cw_zip_crc(i.p, CW_TRACE_HEAD_SIZE), 4);
	assert_false(image_is_proven(&i, NULL, &told));
	assert_int_equal(told.first, i.at[0]);
	i.p[250] = 0;
	memset(i.p + 20, 0, 4);
	cw_put_le(i.p + 20, cw_zip_crc(i.p, CW_TRACE_HEAD_SIZE), 4);
	assert_true(image_is_proven(&i, NULL, &told));
	footer = i.p + i.at[i.n];
	footer[25] = 1;
	cw_put_le(footer + 28, cw_zip_crc(footer, 28), 4);
	assert_false(image_is_proven(&i, NULL, &told));
	assert_int_equal(told.first, i.len);
	free(i.p);
	unlink(path);
}

/* No hash covers the header of the last seal. */
static void test_last_seal(void **state)
{
	struct cw_trace_block_head h, was;
	struct image i;
	struct told told;
	unsigned int b;

	(void)state;
	write_trace(path, 3);
	load(path, &i);
	b = find_block(&i, CW_TRACE_BLOCK_SEAL);
	assert_int_equal(b, i.n - 1);
	assert_int_equal(cw_trace_block_head_get(i.p + i.at[b], &was), 0);
	for (unsigned int field = 0; field < 8; field++) {
		h = was;
		switch (field) {
		case 0: h.boot_min--; break;
		case 1: h.boot_max++; break;
		case 2: h.wall_min--; break;
		case 3: h.wall_max++; break;
		case 4: h.seq_first++; break;
		case 5: h.seq_last++; break;
		case 6: h.events++; break;
		case 7: h.flags ^= 4; break;
		}
		cw_trace_block_head_put(&h, i.p + i.at[b]);
		assert_false(image_is_proven(&i, NULL, &told));
		assert_int_equal(told.first, i.at[b]);
	}
	free(i.p);
	unlink(path);
}

/* Ends before the end, and whatever comes behind it. */
static void test_behind_the_end(void **state)
{
	struct image i;
	struct told told;
	char name[64];
	size_t end;
	int fd;

	(void)state;
	write_trace(path, 3);
	load(path, &i);
	end = i.len;
	for (unsigned int n = 1; n < 4; n++) {
		memcpy(i.p + end + (n - 1) * CW_TRACE_FOOTER_SIZE, i.p + i.at[i.n],
		       CW_TRACE_FOOTER_SIZE);
		for (i.len = end + (n - 1) * CW_TRACE_FOOTER_SIZE + 1;
		     i.len <= end + n * CW_TRACE_FOOTER_SIZE; i.len++) {
			assert_false(image_is_proven(&i, NULL, &told));
			assert_int_equal(told.first, end);
			assert_true(told.faults[CW_TRACE_DAMAGED]);
		}
	}
	/* One between two blocks: they are read, and it is told. */
	i.len = end;
	memmove(i.p + i.at[2] + CW_TRACE_FOOTER_SIZE, i.p + i.at[2], end - i.at[2]);
	memcpy(i.p + i.at[2], i.p + end, CW_TRACE_FOOTER_SIZE);
	i.len += CW_TRACE_FOOTER_SIZE;
	fd = memory_file(i.p, i.len, name);
	assert_int_equal(read_all(name, i.len, &told), 3);
	assert_int_equal(told.first, i.at[2] + CW_TRACE_FOOTER_SIZE);
	assert_int_equal(read_range(name, i.len, 1, UINT64_MAX, &told), 3);
	assert_int_equal(told.first, i.at[2] + CW_TRACE_FOOTER_SIZE);
	close(fd);
	free(i.p);
	unlink(path);
}

/* Somebody seals the blocks anew, with the keys of a later start of the same hub. */
static void test_stolen_keys(void **state)
{
	struct cw_trace_keys *later = NULL;
	struct cw_trace_seal s;
	struct image i;
	struct told told;
	uint8_t raw[65536], key[CW_TRACE_KEY];
	uLongf len = sizeof(raw);
	const uint8_t *links;
	size_t n;
	unsigned int b;

	(void)state;
	hub_key(key);
	write_trace(path, 3);
	load(path, &i);
	assert_int_equal(cw_trace_keys_open(keys, &later), 0);
	b = find_block(&i, CW_TRACE_BLOCK_SEAL);
	unpack_block(&i, b, raw, &len);
	cw_trace_seal_get(raw, &s);
	assert_int_equal(cw_trace_keys_seal(later, &s), 0);
	cw_trace_seal_put(&s, raw);
	replace_block(&i, b, raw, CW_TRACE_SEAL_SIZE);
	assert_false(image_is_proven(&i, key, &told));
	assert_int_equal(told.first, i.at[b]);
	assert_non_null(strstr(told.what, "forged"));
	/* With the links of the later start, the chain of blocks breaks instead. */
	links = cw_trace_keys_links(later, &n);
	b = find_block(&i, CW_TRACE_BLOCK_KEYS);
	replace_block(&i, b, links, n);
	assert_false(image_is_proven(&i, key, &told));
	assert_non_null(strstr(told.what, "chain"));
	cw_trace_keys_free(later);
	free(i.p);
	unlink(path);
}

/* ---- other ways to read ---- */

static void test_pipe(void **state)
{
	struct image i;
	struct cw_trace_reader *r = NULL;
	struct cw_trace_policy policy;
	struct told told = { .limit = 1 << 20 };
	struct cw_event e;
	int fds[2], before = dup(STDIN_FILENO), n = 0, got;

	(void)state;
	write_trace(path, 5);
	load(path, &i);
	assert_int_equal(pipe(fds), 0);
	assert_true(i.len < 65536);
	assert_int_equal(write(fds[1], i.p, i.len), i.len);
	close(fds[1]);
	dup2(fds[0], STDIN_FILENO);
	assert_int_equal(cw_trace_reader_open("-", on_problem, &told, &r), 0);
	while ((got = cw_trace_reader_next(r, &e, &policy)) > 0)
		n += got == 1;
	assert_int_equal(n, 5);
	assert_int_equal(told.n, 0);
	cw_trace_reader_free(r);
	dup2(before, STDIN_FILENO);
	close(before);
	close(fds[0]);
	free(i.p);
	unlink(path);
}

/* Blocks of other times are not read; with the index and without it the answer is the same. */
static void test_range(void **state)
{
	const uint64_t base = 1795494959000000000ULL;
	struct image i;

	(void)state;
	write_trace(path, 9);
	load(path, &i);
	for (unsigned int footer = 0; footer < 2; footer++) {
		struct told told = { .limit = i.len };
		struct cw_trace_reader *r = NULL;
		struct cw_trace_policy policy;
		struct cw_event e;
		char name[64];
		int fd = memory_file(i.p, footer ? i.len : i.len - CW_TRACE_FOOTER_SIZE, name);
		uint64_t seqs = 0;
		int got, policies = 0;

		assert_int_equal(cw_trace_reader_open(name, on_problem, &told, &r), 0);
		cw_trace_reader_range(r, base + 4000000000ULL, base + 6000000000ULL);
		while ((got = cw_trace_reader_next(r, &e, &policy)) > 0) {
			if (got == 1)
				seqs |= 1ULL << e.seq;
			policies += got == 2;
		}
		assert_int_equal(got, 0);
		/* The block of the policy comes along, alone or with the first event. */
		assert_int_equal(seqs & ~2ULL, 1 << 4 | 1 << 5);
		assert_int_equal(policies, 1);
		assert_int_equal(told.n, !footer);
		cw_trace_reader_free(r);
		close(fd);
	}
	free(i.p);
	unlink(path);
}

/* An index that says another time of every block, all checksums right: verify tells. */
static void test_forged_index(void **state)
{
	struct cw_trace_block_head h;
	struct image i;
	struct told told;
	uint8_t raw[4096];
	uLongf len = sizeof(raw);
	unsigned int b;
	char name[64];
	int fd;

	(void)state;
	write_trace(path, 9);
	load(path, &i);
	b = find_block(&i, CW_TRACE_BLOCK_INDEX);
	unpack_block(&i, b, raw, &len);
	for (size_t at = 0; at < len; at += 48) {
		cw_put_le(raw + at + 24, 5, 8);
		cw_put_le(raw + at + 32, 4, 8);
	}
	replace_block(&i, b, raw, len);
	assert_int_equal(cw_trace_block_head_get(i.p + i.at[b], &h), 0);
	h.wall_min = 4;
	h.wall_max = 5;
	cw_trace_block_head_put(&h, i.p + i.at[b]);
	fd = memory_file(i.p, i.len, name);
	assert_false(is_proven(name, i.len, NULL, &told));
	assert_int_equal(told.first, i.at[b]);
	close(fd);
	free(i.p);
	unlink(path);
}

/* A reader of this version passes over what a later one adds. */
static void test_newer(void **state)
{
	static const struct cw_trace_head head = { .hub = "h" };
	struct cw_trace_block b = { 0 };
	struct cw_trace_unpacker *u = NULL;
	struct cw_trace_policy policy;
	struct cw_event e;
	size_t before, len;
	uint8_t *p;

	(void)state;
	cw_trace_block_reset(&b, &interner);
	cw_buf_add(&b.raw, "\x63\x03xyz", 5); /* a record of type 99 */
	fill(&e, 1);
	assert_int_equal(cw_trace_block_add_event(&b, &interner, &e), 0);
	/* One of an unknown kind, with an unknown detail type, and a field more. */
	before = b.raw.len;
	fill(&e, 2);
	e.detail[0].type = (enum cw_detail_type)100;
	assert_int_equal(cw_trace_block_add_event(&b, &interner, &e), 0);
	p = (uint8_t *)b.raw.data + before;
	len = b.raw.len - before;
	assert_int_equal(p[0], CW_TRACE_RECORD_EVENT);
	assert_int_equal(p[len - 1], 0); /* length of the detail's value */
	p[len - 1] = 2;
	p[1] = (uint8_t)(p[1] + 5);
	cw_buf_add(&b.raw, "ab" "new", 5);
	fill(&e, 3);
	e.kind = CW_KIND_MAX;
	assert_int_equal(cw_trace_block_add_event(&b, &interner, &e), 0);
	fill(&e, 4);
	assert_int_equal(cw_trace_block_add_event(&b, &interner, &e), 0);

	assert_int_equal(cw_trace_unpacker_new(&u), 0);
	cw_trace_unpacker_begin(u, &head, b.raw.data, b.raw.len);
	assert_int_equal(cw_trace_unpacker_next(u, &e, &policy), 1);
	assert_int_equal(e.seq, 1);
	assert_int_equal(cw_trace_unpacker_next(u, &e, &policy), 1);
	assert_int_equal(e.seq, 2);
	assert_int_equal(e.n_detail, 0);
	assert_int_equal(cw_trace_unpacker_next(u, &e, &policy), 1);
	assert_int_equal(e.seq, 4);
	assert_int_equal(cw_trace_unpacker_next(u, &e, &policy), 0);
	assert_int_equal(cw_trace_unpacker_unknown(u), 3);
	cw_trace_unpacker_free(u);
	cw_buf_free(&b.raw);
}

/* Every byte of a block's content changed, below the checksum: nothing is believed unseen. */
static void test_malformed_content(void **state)
{
	static const struct cw_trace_head head = { .hub = "h" };
	struct cw_trace_block b = { 0 };
	struct cw_trace_unpacker *u = NULL;
	struct cw_trace_policy policy;
	struct cw_event e;

	(void)state;
	cw_trace_block_reset(&b, &interner);
	assert_int_equal(cw_trace_block_add_policy(&b, CW_TRACE_POLICY_START, "p", "x", 1), 0);
	for (uint64_t i = 1; i < 4; i++) {
		fill(&e, i);
		assert_int_equal(cw_trace_block_add_event(&b, &interner, &e), 0);
	}
	assert_int_equal(cw_trace_unpacker_new(&u), 0);
	for (size_t at = 0; at < b.raw.len; at++) {
		for (unsigned int value = 0; value < 256; value++) {
			cw_auto_buf struct cw_buf out = { 0 };
			char was = b.raw.data[at];
			int r;

			b.raw.data[at] = (char)value;
			cw_trace_unpacker_begin(u, &head, b.raw.data, b.raw.len);
			while ((r = cw_trace_unpacker_next(u, &e, &policy)) > 0)
				if (r == 1)
					cw_json_event(&out, &e);
			assert_true(r == 0 || r == -EBADMSG);
			b.raw.data[at] = was;
		}
	}
	for (size_t len = 0; len < b.raw.len; len++) {
		uint8_t *exact = malloc(len ? len : 1);

		memcpy(exact, b.raw.data, len);
		cw_trace_unpacker_begin(u, &head, exact, len);
		while (cw_trace_unpacker_next(u, &e, &policy) > 0)
			;
		free(exact);
	}
	cw_trace_unpacker_free(u);
	cw_buf_free(&b.raw);
}

/* ---- keys and segments ---- */

static void test_keys(void **state)
{
	struct cw_trace_keys *k = NULL;
	struct cw_trace_link first, second;
	struct cw_trace_seal s = { 0 }, t = { 0 };
	struct stat st;
	char own[80], name[128];
	const uint8_t *links;
	size_t len;

	(void)state;
	snprintf(own, sizeof(own), "%s/a/b/keys", dir);
	assert_int_equal(cw_trace_keys_open(own, &k), 0);
	snprintf(name, sizeof(name), "%s/root.key", own);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	links = cw_trace_keys_links(k, &len);
	assert_int_equal(len, CW_TRACE_LINK_SIZE);
	cw_trace_link_get(links, &first);
	assert_true(cw_trace_link_is_signed(&first));
	assert_int_equal(cw_trace_keys_seal(k, &s), 0);
	assert_int_equal(cw_trace_keys_seal(k, &t), 0);
	assert_true(cw_trace_seal_is_signed(&s) && cw_trace_seal_is_signed(&t));
	assert_memory_equal(s.key, first.seal_key, CW_TRACE_KEY);
	assert_memory_equal(t.key, s.next_key, CW_TRACE_KEY);
	assert_int_equal(t.epoch, 1);
	t.events++;
	assert_false(cw_trace_seal_is_signed(&t));
	cw_trace_keys_free(k);

	assert_int_equal(cw_trace_keys_open(own, &k), 0);
	links = cw_trace_keys_links(k, &len);
	assert_int_equal(len, 2 * CW_TRACE_LINK_SIZE);
	cw_trace_link_get(links + CW_TRACE_LINK_SIZE, &second);
	assert_memory_equal(second.root, first.next_root, CW_TRACE_KEY);
	assert_int_equal(second.index, 1);
	cw_trace_keys_free(k);
	/* A power cut between link and root: the link is made again. */
	snprintf(name, sizeof(name), "%s/links", own);
	{
		cw_auto_close int fd = open(name, O_RDWR | O_CLOEXEC);
		uint8_t bytes[2 * CW_TRACE_LINK_SIZE];

		assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
		memcpy(second.root, second.next_root, CW_TRACE_KEY);
		second.index = 2;
		cw_trace_link_put(&second, bytes);
		assert_int_equal(pwrite(fd, bytes, 100, 2 * CW_TRACE_LINK_SIZE), 100);
		assert_int_equal(cw_trace_keys_open(own, &k), 0);
		cw_trace_keys_free(k);
		assert_int_equal(lseek(fd, 0, SEEK_END), 3 * CW_TRACE_LINK_SIZE);
		/* A root that does not belong to the links is noticed. */
		assert_int_equal(ftruncate(fd, CW_TRACE_LINK_SIZE), 0);
		assert_int_equal(cw_trace_keys_open(own, &k), -EBADMSG);
	}
}

/* A trace that is there is kept, and the next one names its end. */
static void test_moved_aside(void **state)
{
	struct cw_trace_reader *r = NULL;
	cw_auto_buf struct cw_buf notes = { 0 };
	struct cw_recorder_config c = { .path = path, .keys = keys };
	struct cw_recorder *recorder = NULL;
	uint8_t last[CW_TRACE_HASH];
	struct told told;
	char *moved;

	(void)state;
	write_trace(path, 2);
	assert_int_equal(cw_trace_last_hash(path, last), 0);
	assert_int_equal(cw_recorder_open(&c, &notes, &recorder), 0);
	assert_int_equal(cw_recorder_close(recorder, PATIENCE_MS), 0);
	assert_int_equal(cw_trace_reader_open(path, NULL, NULL, &r), 0);
	assert_memory_equal(cw_trace_reader_head(r)->previous, last, CW_TRACE_HASH);
	cw_trace_reader_free(r);
	moved = strstr(notes.data, "it is ") + 6;
	moved[strcspn(moved, " ")] = '\0';
	assert_int_equal(read_all(moved, 1 << 20, &told), 2);
	unlink(moved);
	unlink(path);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(keys, sizeof(keys), "%s/keys", dir);
	snprintf(path, sizeof(path), "%s/t.cw", dir);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_strings_stand_once),
		cmocka_unit_test(test_changed_in_place),
		cmocka_unit_test(test_many_processes),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_on_disk),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_removal),
		cmocka_unit_test(test_reordering),
		cmocka_unit_test(test_splicing),
		cmocka_unit_test(test_forged_seal),
		cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_last_seal),
		cmocka_unit_test(test_behind_the_end),
		cmocka_unit_test(test_stolen_keys),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_forged_index),
		cmocka_unit_test(test_newer),
		cmocka_unit_test(test_malformed_content),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_moved_aside),
	};

	return cmocka_run_group_tests_name("trace", tests, set_up, tear_down);
}
