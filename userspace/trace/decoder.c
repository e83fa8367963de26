// SPDX-License-Identifier: Apache-2.0
#include "trace/decoder.h"
#include "trace/zip.h"

struct cw_trace_decoder {
	struct cw_unzip *unzip;
	uint8_t *raw;
	size_t cap;
	struct cw_trace_unpacker *unpacker;
};

int cw_trace_decoder_new(struct cw_trace_decoder **ret_decoder)
{
	struct cw_trace_decoder *d = calloc(1, sizeof(*d));
	int e;

	if (!d)
		return -ENOMEM;
	e = cw_unzip_new(&d->unzip);
	if (!e)
		e = cw_trace_unpacker_new(&d->unpacker);
	if (e) {
		cw_trace_decoder_free(d);
		return e;
	}
	*ret_decoder = d;
	return 0;
}

void cw_trace_decoder_free(struct cw_trace_decoder *d)
{
	if (!d)
		return;
	cw_unzip_free(d->unzip);
	cw_trace_unpacker_free(d->unpacker);
	free(d->raw);
	free(d);
}

int cw_trace_decoder_inflate(struct cw_trace_decoder *d, const struct cw_trace_block_head *h,
			     const void *payload, const uint8_t **ret_raw)
{
	uint8_t *raw;
	int e;

	if (h->raw > d->cap || !d->raw) {
		raw = realloc(d->raw, h->raw ? h->raw : 1);
		if (!raw)
			return -ENOMEM;
		d->raw = raw;
		d->cap = h->raw;
	}
	e = cw_unzip_unpack(d->unzip, payload, h->packed, d->raw, h->raw);
	if (e)
		return e;
	*ret_raw = d->raw;
	return 0;
}

int cw_trace_decoder_begin(struct cw_trace_decoder *d, const struct cw_trace_head *file,
			   const struct cw_trace_block_head *h, const void *payload,
			   const struct cw_trace_filter *filter)
{
	const uint8_t *raw;
	int e = cw_trace_decoder_inflate(d, h, payload, &raw);

	if (!e)
		cw_trace_unpacker_begin(d->unpacker, file, raw, h->raw);
	if (!e)
		cw_trace_unpacker_filter(d->unpacker, filter);
	return e;
}

int cw_trace_decoder_next(struct cw_trace_decoder *d, struct cw_event *ret_event,
			  struct cw_trace_policy *ret_policy)
{
	return cw_trace_unpacker_next(d->unpacker, ret_event, ret_policy);
}

uint64_t cw_trace_decoder_unknown(const struct cw_trace_decoder *d)
{
	return cw_trace_unpacker_unknown(d->unpacker);
}
