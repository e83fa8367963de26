// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#define FIRST_WIDTH_NS (CW_NSEC_PER_SEC / 1000)

static bool is_set(const struct cw_report_bits *b, unsigned int i)
{
	return b->word[i / 64] >> (i % 64) & 1;
}

/* Two bins become one; in the lower half, or in the upper one if earlier times are to come. */
static void halve(struct cw_report_bits *b, bool earlier)
{
	struct cw_report_bits next = { 0 };
	unsigned int shift = earlier ? CW_REPORT_BINS / 2 : 0;

	for (unsigned int i = 0; i < CW_REPORT_BINS; i++)
		if (is_set(b, i))
			next.word[(shift + i / 2) / 64] |= 1ULL << ((shift + i / 2) % 64);
	*b = next;
}

static void widen(struct cw_report *r, bool earlier)
{
	struct cw_report_axis *a = &r->axis;

	for (uint32_t i = 0; i < r->row_keys.n; i++)
		for (unsigned int m = 0; m < CW_MARK_MAX; m++)
			halve(&r->rows[i].mark[m], earlier);
	for (unsigned int i = 0; i < CW_BAND_MAX; i++)
		halve(&a->band[i], earlier);
	if (earlier) /* may wrap below 1970; differences stay right */
		a->begin_ns -= a->width_ns * CW_REPORT_BINS;
	a->width_ns *= 2;
}

void cw_report_axis_reach(struct cw_report *r, uint64_t time_ns)
{
	struct cw_report_axis *a = &r->axis;

	if (!a->width_ns) {
		a->begin_ns = time_ns;
		a->width_ns = FIRST_WIDTH_NS;
	}
	/* 2^63 ns are 292 years: the width ends doubling before it wraps. */
	while ((int64_t)(time_ns - a->begin_ns) < 0 && a->width_ns < 1ULL << 52)
		widen(r, true);
	while ((time_ns - a->begin_ns) / a->width_ns >= CW_REPORT_BINS && a->width_ns < 1ULL << 52)
		widen(r, false);
}

static unsigned int bin_of(const struct cw_report_axis *a, uint64_t ns)
{
	uint64_t i;

	if ((int64_t)(ns - a->begin_ns) < 0)
		return 0;
	i = (ns - a->begin_ns) / a->width_ns;
	return i < CW_REPORT_BINS ? (unsigned int)i : CW_REPORT_BINS - 1;
}

void cw_report_axis_mark(struct cw_report *r, struct cw_report_bits *bits, uint64_t from_ns,
			 uint64_t to_ns)
{
	unsigned int from, to;

	if (!r->axis.width_ns)
		return;
	from = bin_of(&r->axis, from_ns);
	to = bin_of(&r->axis, to_ns);
	for (unsigned int i = from; i <= to; i++)
		bits->word[i / 64] |= 1ULL << (i % 64);
}

static bool any_set(const struct cw_report_bits *b, unsigned int i, unsigned int step)
{
	for (unsigned int k = 0; k < step; k++)
		if (is_set(b, i + k))
			return true;
	return false;
}

bool cw_report_axis_run(const struct cw_report_bits *bits, unsigned int step, unsigned int *at,
			unsigned int *ret_begin, unsigned int *ret_n)
{
	unsigned int i = *at, begin;

	while (i < CW_REPORT_BINS && !any_set(bits, i, step))
		i += step;
	if (i >= CW_REPORT_BINS)
		return false;
	begin = i;
	while (i < CW_REPORT_BINS && any_set(bits, i, step))
		i += step;
	*at = i;
	*ret_begin = begin;
	*ret_n = i - begin;
	return true;
}
