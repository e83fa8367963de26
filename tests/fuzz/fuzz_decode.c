// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a sequence of records from the rings. The decoder refuses or takes each; what it
 * makes of one can be printed, its strings end, its counts are within bounds, and the table of
 * processes stays small.
 *
 * Input: for each record a byte for its type, a byte for its size (see take), then its bytes; what
 * the input lacks is 0. Types from 128 on come as their own kind of trouble: a size that lies.
 */
#include <assert.h>

#include "decode/decode.h"
#include "sink/json.h"
#include "sink/text.h"

#define RECORDS_MAX   64
#define PROCESSES_MAX (2048 + 256) /* as in decode.c */

struct input {
	const uint8_t *data;
	size_t left;
};

static size_t take(struct input *in, void *room, size_t n)
{
	if (n > in->left)
		n = in->left;
	memcpy(room, in->data, n);
	in->data += n;
	in->left -= n;
	return n;
}

static const char *exe_path(void *ctx, const struct cw_exe_key *key)
{
	static char path[32];

	(void)ctx;
	if (key->ino % 3 == 0)
		return NULL;
	snprintf(path, sizeof(path), "/exe/%llu", (unsigned long long)key->ino);
	return path;
}

static const char *asset_root(void *ctx, uint32_t asset)
{
	(void)ctx;
	return asset % 3 ? "/srv/rec" : NULL;
}

/* The kernel side's map is as old as the record before. */
static int map_lookup(void *ctx, uint32_t tgid, struct cw_task *ret_task)
{
	const struct cw_task *t = ctx;

	if (tgid % 2)
		return -ENOENT;
	*ret_task = *t;
	ret_task->tgid = tgid;
	return 0;
}

static void check(const struct cw_decode *d, struct cw_event *e, const struct cw_decoded_record *r)
{
	struct cw_text_style style = { .width = 80 };
	cw_auto_buf struct cw_buf b = { 0 };

	assert(cw_decode_n_processes(d) <= PROCESSES_MAX);
	if (r->type == CW_DECODED_RESCAN)
		assert(!r->path || strlen(r->path) < 2 * CW_PATH_SIZE);
	if (r->type != CW_DECODED_EVENT && r->type != CW_DECODED_ATTEMPT)
		return;
	assert(r->type == CW_DECODED_EVENT || strlen(r->path) < CW_PATH_SIZE);
	assert(e->kind < CW_KIND_MAX && e->probe < CW_PROBE_MAX);
	assert(e->n_detail <= CW_DETAILS_MAX && e->process.n_ancestors <= CW_ANCESTORS_MAX);
	e->time_ns = e->boot_ns;
	cw_json_event(&b, e);
	assert(!b.error && b.len > 2 && strchr(b.data, '\n') == b.data + b.len - 1);
	cw_text_event(&b, e, &style);
}

/* By the place in sizes[], which old inputs rely on. */
static uint16_t type_of(size_t i)
{
	return i == 7 ? CW_RECORD_ACCESS : i == 8 ? CW_RECORD_TAMPER : (uint16_t)i;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t sizes[] = {
		sizeof(struct cw_record), sizeof(struct cw_record_process),
		sizeof(struct cw_record_access), sizeof(struct cw_record_exit),
		sizeof(struct cw_record_attempt), sizeof(struct cw_record_rescan),
		sizeof(struct cw_record), sizeof(struct cw_record_move),
		sizeof(struct cw_record_tamper),
	};
	struct cw_task task = { 0 };
	struct cw_decode_ops ops = { .ctx = &task, .exe_path = exe_path,
				     .asset_root = asset_root, .task = map_lookup };
	struct input in = { data, size };
	struct cw_decode *d;
	uint8_t head[2];

	assert(!cw_decode_new(&ops, &d));
	for (int i = 0; i < RECORDS_MAX && take(&in, head, 2) == 2; i++) {
		size_t n = sizes[head[0] % CW_ARRAY_SIZE(sizes)];
		struct cw_decoded_record ret;
		struct cw_record *r;
		struct cw_event e;

		/* The byte for the size makes it less or more by a few. */
		if (head[1] >= 128)
			n = n + head[1] > 192 + sizeof(*r) ? n + head[1] - 192 : sizeof(*r);
		/* In memory of its own, so that a byte too far is seen. */
		r = calloc(1, n);
		assert(r);
		take(&in, (char *)r + offsetof(struct cw_record, rung),
		     n - offsetof(struct cw_record, rung));
		r->type = type_of(head[0] % CW_ARRAY_SIZE(sizes));
		r->size = (uint32_t)(head[0] >= 128 ? n + head[0] : n);
		if (!cw_decode_record(d, r, n, &e, &ret))
			check(d, &e, &ret);
		if (n >= sizeof(struct cw_record_process))
			task = ((struct cw_record_process *)r)->task;
		free(r);
	}
	cw_decode_free(d);
	return 0;
}
