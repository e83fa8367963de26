// SPDX-License-Identifier: Apache-2.0
#include "trace/hold.h"

static uint64_t size_of(const struct cw_trace_held *b)
{
	return sizeof(*b) + b->head.packed +
	       (b->policy ? sizeof(*b->policy) + b->policy->len : 0);
}

struct cw_trace_policy_copy *cw_trace_policy_copy(enum cw_trace_policy_how how, const char *name,
						  const char *text, size_t len)
{
	size_t name_len = strlen(name) + 1;
	struct cw_trace_policy_copy *p = malloc(sizeof(*p) + name_len + len);

	if (!p)
		return NULL;
	p->how = how;
	p->len = len;
	memcpy(p->name, name, name_len);
	memcpy(p->name + name_len, text, len);
	p->text = p->name + name_len;
	return p;
}

struct cw_trace_held *cw_trace_hold_take(struct cw_trace_hold *h)
{
	struct cw_trace_held *b = h->first;

	if (!b)
		return NULL;
	h->first = b->next;
	if (!h->first)
		h->last = NULL;
	h->bytes -= size_of(b);
	return b;
}

void cw_trace_held_free(struct cw_trace_held *b)
{
	if (b)
		free(b->policy);
	free(b);
}

/* The policy that falls out is in force for what stays. */
static void drop_first(struct cw_trace_hold *h)
{
	struct cw_trace_held *b = cw_trace_hold_take(h);

	if (b->policy) {
		free(h->policy);
		h->policy = b->policy;
		b->policy = NULL;
	}
	cw_trace_held_free(b);
}

static void note_short(struct cw_trace_hold *h, const struct cw_trace_block_head *head)
{
	if (!h->short_events)
		h->short_from = head->boot_min;
	h->short_events += head->events;
	h->short_to = head->boot_max;
}

void cw_trace_hold_age(struct cw_trace_hold *h, uint64_t now_ns)
{
	uint64_t oldest = now_ns > h->age_ns ? now_ns - h->age_ns : 0;

	while (h->first && h->first->head.boot_max < oldest)
		drop_first(h);
	if (h->short_events && h->short_to < oldest)
		h->short_events = 0; /* it would have gone by now anyway */
}

int cw_trace_hold_add(struct cw_trace_hold *h, const struct cw_trace_block_head *head,
		      const void *payload, struct cw_trace_policy_copy *policy)
{
	struct cw_trace_held *b = malloc(sizeof(*b) + head->packed);

	if (!b) {
		free(policy);
		return -ENOMEM;
	}
	*b = (struct cw_trace_held){ .head = *head, .policy = policy };
	memcpy(b->payload, payload, head->packed);
	while (h->first && h->bytes + size_of(b) > h->bytes_max) {
		note_short(h, &h->first->head);
		drop_first(h);
	}
	if (h->last)
		h->last->next = b;
	else
		h->first = b;
	h->last = b;
	h->bytes += size_of(b);
	return 0;
}

void cw_trace_hold_free(struct cw_trace_hold *h)
{
	struct cw_trace_held *b;

	while ((b = cw_trace_hold_take(h)))
		cw_trace_held_free(b);
	free(h->policy);
}
