// SPDX-License-Identifier: Apache-2.0
/*
 * A trace made of the fuzzer's bytes, through reader, range and verifier. The first byte chooses:
 * the bytes are a whole file; or the content of one block; or the contents of several, which are
 * wrapped with right checksums and chain, so that the fuzzer gets past those. Whatever they hold,
 * reading ends, and every event can be written as JSON.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <zlib.h>

#include "sink/json.h"
#include "trace_jobs.h"
#include "trace/verify.h"
#include "trace/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t file[256 << 10];

static void on_problem(void *ctx, const struct cw_trace_problem *p)
{
	*(uint64_t *)ctx += strlen(p->what) + p->offset;
}

static void use(const struct cw_event *e)
{
	cw_auto_buf struct cw_buf b = { 0 };

	cw_json_event(&b, e);
	if (!b.len || b.data[b.len - 1] != '\n')
		abort();
}

static void read_content(const uint8_t *data, size_t size)
{
	static const struct cw_trace_head head = { .hub = "hub" };
	static struct cw_trace_unpacker *u;
	struct cw_trace_policy policy;
	struct cw_event e;
	int r;

	if (!u && cw_trace_unpacker_new(&u))
		abort();
	cw_trace_unpacker_begin(u, &head, data, size);
	while ((r = cw_trace_unpacker_next(u, &e, &policy)) > 0) {
		if (r == 1)
			use(&e);
		else if (strlen(policy.name) > size || policy.len > size)
			abort();
	}
}

static void read_file(const char *name, bool ranged)
{
	struct cw_trace_reader *r = NULL;
	struct cw_trace_policy policy;
	struct cw_event e;
	uint64_t sum = 0;
	int got;

	if (cw_trace_reader_open(name, on_problem, &sum, &r))
		return;
	if (ranged)
		cw_trace_reader_range(r, 1000, 2000);
	while ((got = cw_trace_reader_next(r, &e, &policy)) > 0)
		if (got == 1)
			use(&e);
	cw_trace_reader_free(r);
}

static void verify_file(const char *name)
{
	struct cw_trace_reader *r = NULL;
	struct cw_trace_report report;
	uint64_t sum = 0;

	if (cw_trace_reader_open(name, on_problem, &sum, &r))
		return;
	if (cw_trace_verify(r, on_problem, NULL, &sum, NULL, &report))
		abort();
	cw_trace_reader_free(r);
}

/* The way of the verbs: blocks by threads, some of the processes unwanted. */
static bool is_odd(const void *ctx, const struct cw_process *p, const struct cw_origin *o)
{
	(void)ctx;
	(void)o;
	return p->pid & 1;
}

static void read_jobs(const char *name)
{
	static struct cw_jobs *jobs;
	struct cw_trace_reader *r = NULL;
	struct cw_job_rules rules = { .policies = true, .filter = { .until_ns = UINT64_MAX,
								    .process = is_odd } };
	struct cw_trace_policy policy;
	struct cw_trace_view view;
	struct cw_event *e;
	struct cw_job *job;
	uint64_t sum = 0;
	int got;

	if (!jobs && cw_jobs_new(&jobs))
		abort();
	if (cw_trace_reader_open(name, on_problem, &sum, &r))
		return;
	rules.file = cw_trace_reader_head(r);
	while (cw_trace_reader_events(r, &view) == 1) {
		if (cw_jobs_give(jobs, &rules, &view, &job))
			abort();
		while ((got = cw_jobs_next(jobs, job, &e, &policy)) > 0)
			if (got == 1)
				use(e);
		cw_trace_reader_decoded(r, cw_job_head(job), got, cw_job_unknown(job));
		cw_jobs_done(jobs, job);
	}
	cw_trace_reader_free(r);
}

static void read_bytes(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct cw_trace_survey survey;
	char name[64];

	if (fd < 0)
		fd = memfd_create("trace", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	read_file(name, false);
	read_file(name, true);
	verify_file(name);
	read_jobs(name);
	if (!cw_trace_survey(name, &survey) && survey.bytes != size)
		abort();
}

/* type, flags, two bytes of length, content; again and again. */
static size_t wrap(const uint8_t *data, size_t size)
{
	struct cw_trace_head head = { .major = CW_TRACE_MAJOR, .boot_id = "b", .hub = "h" };
	struct cw_trace_footer footer = { 0 };
	uint8_t chain[CW_TRACE_HASH];
	size_t at = CW_TRACE_HEAD_SIZE;
	uint64_t sequence = 0;

	cw_trace_head_put(&head, file);
	EVP_Digest(file, at, chain, NULL, EVP_sha256(), NULL);
	while (size > 4) {
		struct cw_trace_block_head h = { .type = data[0], .flags = data[1],
						 .sequence = ++sequence, .offset = at,
						 .seq_first = footer.index, .wall_max = data[1] };
		size_t len = (size_t)data[2] << 8 | data[3];
		uLongf n = sizeof(file) - at - CW_TRACE_BLOCK_SIZE - CW_TRACE_FOOTER_SIZE;

		data += 4;
		size -= 4;
		len = len < size ? len : size;
		if (compressBound(len) > n ||
		    compress2(file + at + CW_TRACE_BLOCK_SIZE, &n, data, len, 1) != Z_OK)
			break;
		h.raw = (uint32_t)len;
		h.packed = (uint32_t)n;
		h.crc = cw_zip_crc(file + at + CW_TRACE_BLOCK_SIZE, n);
		memcpy(h.previous, chain, sizeof(chain));
		cw_trace_block_head_put(&h, file + at);
		if (h.type == CW_TRACE_BLOCK_INDEX)
			footer.index = at;
		if (h.type == CW_TRACE_BLOCK_SEAL)
			footer.seal = at;
		EVP_Digest(file + at, CW_TRACE_BLOCK_SIZE + n, chain, NULL, EVP_sha256(), NULL);
		at += CW_TRACE_BLOCK_SIZE + n;
		data += len;
		size -= len;
	}
	cw_trace_footer_put(&footer, file + at);
	return at + CW_TRACE_FOOTER_SIZE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	switch (data[0] % 3) {
	case 0:
		read_bytes(data + 1, size - 1);
		break;
	case 1:
		read_content(data + 1, size - 1);
		break;
	default:
		read_bytes(file, wrap(data + 1, size - 1));
	}
	return 0;
}
