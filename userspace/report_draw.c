// SPDX-License-Identifier: Apache-2.0
/* What is drawn: the time line, a row for each who at each asset, and hand-overs as chains. */
#include "base/calendar.h"
#include "report_html.h"
#include "sink/json.h"

#define LANE_ROWS 12u /* of one asset; the others are told in words */

/* Part of the axis that is in use, and how coarse. Bins [from, to). */
struct scale {
	const struct cw_report *r;
	unsigned int from, to, step;
};

/* ---- scale ---- */

static void note_used(const struct cw_report_bits *b, struct scale *s)
{
	unsigned int at = 0, begin, n;

	while (cw_report_axis_run(b, 1, &at, &begin, &n)) {
		s->from = begin < s->from ? begin : s->from;
		s->to = begin + n > s->to ? begin + n : s->to;
	}
}

static void find_scale(const struct cw_report *r, unsigned int step, struct scale *s)
{
	*s = (struct scale){ .r = r, .from = CW_REPORT_BINS, .step = step };
	for (uint32_t i = 0; i < r->row_keys.n; i++)
		for (unsigned int m = 0; m < CW_MARK_MAX; m++)
			note_used(&r->rows[i].mark[m], s);
	for (unsigned int i = 0; i < CW_BAND_MAX; i++)
		note_used(&r->axis.band[i], s);
	s->from -= s->from % step;
	if (s->to <= s->from)
		s->to = s->from + 1;
	while (s->to % step)
		s->to++;
}

static double percent(const struct scale *s, unsigned int bin)
{
	bin = bin < s->from ? s->from : bin > s->to ? s->to : bin;
	return 100.0 * (bin - s->from) / (s->to - s->from);
}

static uint64_t time_of(const struct scale *s, unsigned int bin)
{
	return s->r->axis.begin_ns + bin * s->r->axis.width_ns;
}

/* ---- marks ---- */

static void write_bars(const struct scale *s, const struct cw_report_bits *bits, const char *what,
		       const char *shape, struct cw_buf *b)
{
	unsigned int at = 0, begin, n;

	while (cw_report_axis_run(bits, s->step, &at, &begin, &n)) {
		double x = percent(s, begin);

		cw_buf_printf(b, "<rect x=\"%.2f%%\" width=\"%.2f%%\" %s><title>%s, ", x,
			      percent(s, begin + n) - x, shape, what);
		cw_html_duration(b, (double)(n * s->r->axis.width_ns) / 1e9);
		cw_buf_puts(b, " at most</title></rect>");
	}
}

/* A tick each; those that touch become one block. */
static void write_ticks(const struct scale *s, const struct cw_report_bits *bits, bool flagged,
			struct cw_buf *b)
{
	const char *tick = flagged ? "y1=\"1\" y2=\"9\" class=\"x\"" :
				     "y1=\"23\" y2=\"30\" class=\"o\"";
	const char *block = flagged ? "y=\"1\" height=\"8\" class=\"g\"" :
				      "y=\"23\" height=\"7\" class=\"h\"";
	unsigned int at = 0, begin, n;

	while (cw_report_axis_run(bits, s->step, &at, &begin, &n)) {
		double x = percent(s, begin);

		if (n <= s->step)
			cw_buf_printf(b, "<line x1=\"%.2f%%\" x2=\"%.2f%%\" %s />", x, x, tick);
		else
			cw_buf_printf(b, "<rect x=\"%.2f%%\" width=\"%.2f%%\" %s />", x,
				      percent(s, begin + n) - x, block);
	}
}

/* A sign each; where they would cover each other, a frame with a few of them. */
static void write_signs(const struct scale *s, const struct cw_report_bits *bits, const char *sign,
			bool flagged, struct cw_buf *b)
{
	unsigned int at = 0, begin, n, every;

	while (cw_report_axis_run(bits, s->step, &at, &begin, &n)) {
		double x = percent(s, begin);

		every = s->step * (n > 16 * s->step ? 48 : 8);
		if (n > 16 * s->step)
			cw_buf_printf(b, "<rect x=\"%.2f%%\" width=\"%.2f%%\" %s height=\"9\" />",
				      x, percent(s, begin + n) - x,
				      flagged ? "class=\"k\" y=\"0\"" : "class=\"m\" y=\"22\"");
		for (unsigned int i = begin; i < begin + n; i += every)
			cw_buf_printf(b, "<use href=\"#%s\" x=\"%.2f%%\" />", sign, percent(s, i));
	}
}

static void write_bands(const struct scale *s, struct cw_buf *b)
{
	static const char *const what[CW_BAND_MAX] = {
		[CW_BAND_GAP] = "gap: events were lost",
		[CW_BAND_DOWN] = "the agent was not running",
		[CW_BAND_ABSENT] = "not among these traces",
		[CW_BAND_BLIND] = "canary failed, or interference",
	};

	for (unsigned int i = 0; i < CW_BAND_MAX; i++)
		write_bars(s, &s->r->axis.band[i], what[i], "y=\"0\" height=\"32\" class=\"b\"", b);
}

static void write_svg(const struct scale *s, const struct cw_report_row *row, struct cw_buf *b)
{
	cw_buf_puts(b, "<svg height=\"32\" role=\"img\"><title>");
	cw_html_text(b, s->r->whos[row->who].name);
	cw_buf_puts(b, " at ");
	cw_html_text(b, s->r->lanes[row->lane].name);
	cw_buf_printf(b, "</title><desc>%llu flagged; captures: %llu, accesses: %llu, "
		      "changes: %llu, refusals: %llu</desc>", (unsigned long long)row->flags,
		      (unsigned long long)(row->n[CW_MARK_CAPTURE] +
					   row->n[CW_MARK_CAPTURE_FLAG]),
		      (unsigned long long)(row->n[CW_MARK_OPEN] + row->n[CW_MARK_OPEN_FLAG]),
		      (unsigned long long)(row->n[CW_MARK_CHANGE] + row->n[CW_MARK_CHANGE_FLAG]),
		      (unsigned long long)(row->n[CW_MARK_REFUSED] +
					   row->n[CW_MARK_REFUSED_FLAG]));
	cw_buf_puts(b, "<line class=\"base\" x1=\"0\" x2=\"100%\" y1=\"16\" y2=\"16\" />");
	write_bands(s, b);
	write_bars(s, &row->mark[CW_MARK_HELD], "open", "y=\"15\" height=\"2\" class=\"a\"", b);
	write_bars(s, &row->mark[CW_MARK_HELD_FLAG], "open, flagged",
		   "y=\"15\" height=\"2\" class=\"g\"", b);
	write_bars(s, &row->mark[CW_MARK_CAPTURE], "capture",
		   "y=\"11\" height=\"10\" class=\"a\"", b);
	write_bars(s, &row->mark[CW_MARK_CAPTURE_FLAG], "capture, flagged",
		   "y=\"10\" height=\"12\" class=\"f\"", b);
	write_ticks(s, &row->mark[CW_MARK_OPEN], false, b);
	write_ticks(s, &row->mark[CW_MARK_OPEN_FLAG], true, b);
	write_signs(s, &row->mark[CW_MARK_REFUSED], "sr", false, b);
	write_signs(s, &row->mark[CW_MARK_REFUSED_FLAG], "sq", true, b);
	write_signs(s, &row->mark[CW_MARK_CHANGE], "sc", false, b);
	write_signs(s, &row->mark[CW_MARK_CHANGE_FLAG], "sx", true, b);
	cw_buf_puts(b, "</svg>");
}

/* ---- rows ---- */

static void write_number(struct cw_buf *b, uint64_t n, const char *one, const char *many)
{
	if (!n)
		return;
	if (b->len && b->data[b->len - 1] != '>')
		cw_buf_puts(b, ", ");
	cw_html_counted(b, n, one, many);
}

static void write_label(const struct scale *s, const struct cw_report_row *row, struct cw_buf *b)
{
	cw_buf_puts(b, "<div><b>");
	cw_html_who(b, s->r, row->who);
	cw_buf_puts(b, "</b>");
	if (row->flags)
		cw_buf_puts(b, " <b class=\"s s3\">flagged</b>");
	cw_buf_puts(b, "<small>");
	write_number(b, row->n[CW_MARK_CAPTURE] + row->n[CW_MARK_CAPTURE_FLAG], "capture",
		     "captures");
	if (row->captured_s > 0) {
		cw_buf_puts(b, " of ");
		cw_html_duration(b, row->captured_s);
	}
	write_number(b, row->frames, "frame", "frames");
	write_number(b, row->n[CW_MARK_OPEN] + row->n[CW_MARK_OPEN_FLAG], "access", "accesses");
	write_number(b, row->n[CW_MARK_CHANGE] + row->n[CW_MARK_CHANGE_FLAG], "change", "changes");
	write_number(b, row->n[CW_MARK_REFUSED] + row->n[CW_MARK_REFUSED_FLAG], "refusal",
		     "refusals");
	cw_buf_puts(b, "</small></div>");
}

static int by_flags(const void *pa, const void *pb, void *ctx)
{
	const struct cw_report *r = ctx;
	uint32_t ia = *(const uint32_t *)pa, ib = *(const uint32_t *)pb;
	const struct cw_report_row *a = &r->rows[ia], *b = &r->rows[ib];
	bool person_a = r->whos[a->who].person, person_b = r->whos[b->who].person;

	if (!a->flags != !b->flags)
		return a->flags ? -1 : 1;
	if (person_a != person_b)
		return person_a ? -1 : 1;
	return ia < ib ? -1 : 1;
}

static void write_lane_head(const struct scale *s, uint32_t lane, struct cw_buf *b)
{
	const struct cw_report_lane *l = &s->r->lanes[lane];

	cw_buf_puts(b, "<div class=\"lane\"><h3>");
	cw_html_lane(b, s->r, lane);
	if (l->what && l->what != l->name) {
		cw_buf_putc(b, ' ');
		cw_html_code(b, l->what);
	}
	cw_buf_printf(b, "</h3><p>%s", l->other ? "several" : cw_asset_kind_name(l->kind));
	if (l->card) {
		cw_buf_puts(b, ", ");
		cw_html_value(b, l->card);
	}
	if (l->bus) {
		cw_buf_puts(b, ", ");
		cw_html_value(b, l->bus);
	}
	cw_buf_puts(b, ": ");
	cw_html_counted(b, l->events, "event", "events");
	cw_buf_puts(b, ", ");
	cw_html_counted(b, l->flags, "flag", "flags");
	cw_buf_puts(b, "</p></div>\n");
}

/* Returns how many rows found no room. */
static uint32_t write_lane(const struct scale *s, uint32_t lane, struct cw_buf *b, size_t end)
{
	uint32_t rows[CW_REPORT_ROWS_MAX], n = 0, i;

	for (i = 0; i < s->r->row_keys.n; i++)
		if (s->r->rows[i].lane == lane)
			rows[n++] = i;
	if (!n || b->len >= end)
		return n;
	qsort_r(rows, n, sizeof(*rows), by_flags, (void *)(uintptr_t)s->r);
	write_lane_head(s, lane, b);
	for (i = 0; i < n && i < LANE_ROWS && b->len < end; i++) {
		cw_buf_puts(b, "<div class=\"row\">");
		write_label(s, &s->r->rows[rows[i]], b);
		write_svg(s, &s->r->rows[rows[i]], b);
		cw_buf_puts(b, "</div>\n");
	}
	if (i < n)
		cw_buf_printf(b, "<p>%u more were here and are not drawn; they are in the "
			      "sums.</p>\n", n - i);
	return 0;
}

static void write_axis(const struct scale *s, struct cw_buf *b)
{
	uint64_t begin = time_of(s, s->from), span = time_of(s, s->to) - begin;
	char t[CW_JSON_TIME_SIZE];

	cw_buf_puts(b, "<div class=\"row axis\"><span>UTC</span><div>");
	cw_html_time(b, begin);
	for (unsigned int i = 1; i <= 3; i++) {
		cw_json_time(begin + span / 4 * i, t);
		t[10] = ' ';
		cw_buf_printf(b, "<span class=\"w t\">%.*s</span>",
			      span < CW_DAY_NS / 1440 ? 12 : span < CW_DAY_NS ? 8 : 11,
			      t + (span < CW_DAY_NS ? 11 : 5));
	}
	cw_html_time(b, time_of(s, s->to));
	cw_buf_puts(b, "</div></div>\n");
}

static void write_key(struct cw_buf *b)
{
	static const char *const keys[][2] = {
		{ "<rect width=\"100%\" y=\"3\" height=\"10\" class=\"a\" />", "capture" },
		{ "<rect width=\"100%\" y=\"2\" height=\"12\" class=\"f\" />", "capture, flagged" },
		{ "<rect width=\"100%\" y=\"7\" height=\"2\" class=\"a\" />", "device open" },
		{ "<line x1=\"50%\" x2=\"50%\" y1=\"8\" y2=\"15\" class=\"o\" />",
		  "access: below the line" },
		{ "<line x1=\"50%\" x2=\"50%\" y1=\"1\" y2=\"9\" class=\"x\" />",
		  "access, flagged: above it" },
		{ "<use href=\"#sc\" x=\"50%\" y=\"-18\" />", "deletion or change" },
		{ "<use href=\"#sx\" x=\"50%\" y=\"3\" />", "deletion or change, flagged" },
		{ "<use href=\"#sr\" x=\"50%\" y=\"-18\" />", "refused" },
		{ "<use href=\"#sq\" x=\"50%\" y=\"3\" />", "refused, flagged" },
		{ "<rect width=\"100%\" y=\"0\" height=\"16\" class=\"b\" />",
		  "gap, nobody was looking, or not among these traces" },
	};

	cw_buf_puts(b, "<ul class=\"key\" aria-label=\"Key\">");
	for (size_t i = 0; i < CW_ARRAY_SIZE(keys); i++)
		cw_buf_printf(b, "<li><svg height=\"16\" aria-hidden=\"true\">%s</svg>%s</li>\n",
			      keys[i][0], keys[i][1]);
	cw_buf_puts(b, "</ul>\n");
}

static const char definitions[] =
	"<svg width=\"0\" height=\"0\" style=\"position:absolute\" aria-hidden=\"true\"><defs>"
	"<pattern id=\"hf\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
	"patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" class=\"hf\" />"
	"<line x1=\"0\" x2=\"0\" y1=\"0\" y2=\"6\" class=\"hl\" /></pattern>"
	"<pattern id=\"hg\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" "
	"patternTransform=\"rotate(-45)\"><line x1=\"0\" x2=\"0\" y1=\"0\" y2=\"7\" class=\"gl\" />"
	"</pattern>"
	"<path id=\"sc\" d=\"M-4 23l8 7M4 23l-8 7\" class=\"m\" />"
	"<path id=\"sx\" d=\"M-4.500 0l9 9M4.500 0l-9 9\" class=\"k\" />"
	"<circle id=\"sr\" cy=\"26.500\" r=\"3.500\" class=\"m\" />"
	"<circle id=\"sq\" cy=\"5\" r=\"3.500\" class=\"k\" /></defs></svg>\n";

static void write_lanes(const struct scale *s, struct cw_buf *b, size_t end)
{
	static const enum cw_asset_kind order[] = { CW_ASSET_CAMERA, CW_ASSET_MICROPHONE,
						    CW_ASSET_RECORDINGS, CW_ASSET_SHM,
						    CW_ASSET_DISK, CW_ASSET_SELF };
	uint32_t left = 0;

	for (size_t k = 0; k < CW_ARRAY_SIZE(order) * 2; k++) /* of a kind flagged ones first */
		for (uint32_t i = 0; i < s->r->lane_keys.n; i++)
			if (s->r->lanes[i].kind == order[k / 2] &&
			    (s->r->lanes[i].flags ? 0 : 1) == k % 2)
				left += write_lane(s, i, b, end);
	left += write_lane(s, CW_REPORT_LANES_MAX - 1, b, end);
	if (left)
		cw_buf_printf(b, "<p>%u more rows found no room here; their events are in the "
			      "sums under <a href=\"#events\">Events</a>.</p>\n", left);
}

void cw_report_write_timeline(const struct cw_report *r, struct cw_buf *b, size_t room)
{
	struct scale s;
	size_t begin;
	unsigned int step = 2;

	cw_buf_puts(b, "<section><h2 id=\"timeline\">Timeline</h2>\n");
	if (!r->row_keys.n) {
		cw_buf_puts(b, "<p>No access to any asset was seen.</p></section>\n");
		return;
	}
	cw_buf_puts(b, "<p class=\"lead\">A group for each camera, microphone and tree of "
		    "recordings, a row for each who was there. ");
	begin = b->len;
	/* Coarser, until it fits; at the coarsest, what does not fit is told. */
	for (; step <= 16; step *= 2) {
		find_scale(r, step, &s);
		b->len = begin;
		cw_buf_puts(b, "One step is ");
		cw_html_duration(b, (double)(r->axis.width_ns * step) / 1e9);
		cw_buf_puts(b, "; whatever is shorter, or lies closer together, is drawn as one."
			    "</p>\n");
		cw_buf_puts(b, definitions);
		write_key(b);
		write_axis(&s, b);
		write_lanes(&s, b, step == 16 ? begin + room : SIZE_MAX);
		if (b->error || b->len - begin <= room)
			break;
	}
	write_axis(&s, b);
	cw_buf_puts(b, "</section>\n");
}

/* ---- hand-overs ---- */

static const char *deed(enum cw_kind kind)
{
	switch (kind) {
	case CW_KIND_OPEN:
		return "opened";
	case CW_KIND_RECEIVE:
		return "received";
	case CW_KIND_USE:
		return "inherited and used";
	case CW_KIND_MAP:
		return "mapped";
	case CW_KIND_STREAM:
		return "streamed";
	default:
		return cw_kind_name(kind);
	}
}

static void write_step(const struct cw_report *r, const struct cw_report_chain *c, uint32_t i,
		       struct cw_buf *b)
{
	const struct cw_report_step *s = &c->step[i];

	cw_buf_printf(b, "<li><div class=\"step%s\"><small>%s", s->flagged ? " x" : "",
		      deed(s->kind));
	if (s->n > 1) {
		cw_buf_puts(b, " × ");
		cw_html_count(b, s->n);
	}
	cw_buf_puts(b, "</small>");
	if (!i && !c->opener_seen) {
		cw_buf_printf(b, "<b>process %u</b><small>before what is told here</small>"
			      "</div></li>", s->pid);
		return;
	}
	cw_buf_puts(b, "<b>");
	cw_html_program(b, s->exe, s->pid);
	cw_buf_puts(b, "</b>");
	cw_html_who(b, r, s->who);
	cw_buf_puts(b, s->flagged ? " <b class=\"s s3\">flagged</b>" : "");
	cw_buf_puts(b, "<small>");
	cw_html_time(b, s->at.time_ns);
	cw_buf_puts(b, ", event ");
	cw_html_event(b, r, &s->at);
	cw_buf_puts(b, "</small></div></li>\n");
}

static void write_chain(const struct cw_report *r, const struct cw_report_chain *c,
			struct cw_buf *b)
{
	cw_buf_puts(b, "<h3>");
	cw_html_lane(b, r, c->lane);
	if (c->path) {
		cw_buf_puts(b, " <code>");
		cw_html_text(b, c->path);
		cw_buf_puts(b, "</code>");
	}
	if (c->same) {
		cw_buf_puts(b, ", and ");
		cw_html_count(b, c->same);
		cw_buf_puts(b, " more like this");
	}
	cw_buf_puts(b, "</h3>\n<ol class=\"chain\">");
	for (uint32_t i = 0; i < c->n_steps; i++)
		write_step(r, c, i, b);
	cw_buf_puts(b, "</ol>\n");
	if (c->more_steps)
		cw_buf_puts(b, "<p>More processes used it.</p>\n");
}

void cw_report_write_chains(const struct cw_report *r, struct cw_buf *b, size_t room)
{
	size_t end = b->len + room;
	uint32_t left = 0;

	cw_buf_puts(b, "<section><h2 id=\"handovers\">Hand-overs</h2>\n");
	if (!r->n_chains) {
		cw_buf_puts(b, "<p>No open file was seen to be used by another process than "
			    "the one that opened it.</p></section>\n");
		return;
	}
	cw_buf_puts(b, "<p class=\"lead\">Open files that another process than their opener "
		    "received, inherited, used or mapped. Flagged ones first.</p>\n");
	for (int flagged = 1; flagged >= 0; flagged--)
		for (uint32_t i = 0; i < r->n_chains; i++) {
			if (r->chains[i].flagged != flagged)
				continue;
			if (b->len < end)
				write_chain(r, &r->chains[i], b);
			else
				left++;
		}
	if (left)
		cw_buf_printf(b, "<p>%u more kinds of hand-overs found no room here; their events "
			      "are in the sums under <a href=\"#events\">Events</a>.</p>\n", left);
	cw_buf_puts(b, "</section>\n");
}
