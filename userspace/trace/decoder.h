/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One block of events, from compressed bytes to events. Knows of no file and says nothing, so that
 * several can work at once, each for a thread of its own. The content may come from an adversary:
 * see unpack.c.
 */
#ifndef CW_TRACE_DECODER_H
#define CW_TRACE_DECODER_H

#include "trace/block.h"

struct cw_trace_decoder;

int cw_trace_decoder_new(struct cw_trace_decoder **ret_decoder);
void cw_trace_decoder_free(struct cw_trace_decoder *d);
/* -EPROTO: the payload is no zlib stream of the length that the header says. Or -ENOMEM. */
int cw_trace_decoder_inflate(struct cw_trace_decoder *d, const struct cw_trace_block_head *h,
			     const void *payload, const uint8_t **ret_raw);
/*
 * The same, for the events in it. The payload is not needed any more then, `file` and `filter` are
 * until the next begin. `filter` NULL: every event.
 */
int cw_trace_decoder_begin(struct cw_trace_decoder *d, const struct cw_trace_head *file,
			   const struct cw_trace_block_head *h, const void *payload,
			   const struct cw_trace_filter *filter);
/* As cw_trace_unpacker_next(): 1 event, 2 policy, 0 end, -EBADMSG. */
int cw_trace_decoder_next(struct cw_trace_decoder *d, struct cw_event *ret_event,
			  struct cw_trace_policy *ret_policy);
/* As cw_trace_unpacker_unknown(). */
uint64_t cw_trace_decoder_unknown(const struct cw_trace_decoder *d);

#endif
