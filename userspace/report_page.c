// SPDX-License-Identifier: Apache-2.0
/*
 * The page as a whole: its head, the answer, what the traces prove, who it was by breadth, and what
 * could not be seen. Each section has its share of the page's size and says what it left out.
 */
#include "report_html.h"

#define WHOS_SHOWN     100u
#define POLICIES_SHOWN 8u
#define HOLES_SHOWN    8u

/* The person, program or recorder of the most flags, and so on, as an order of indexes. */
struct order {
	const struct cw_report *r;
	uint32_t n, which[CW_REPORT_WHO_MAX + 1];
};

/* ---- head ---- */

static void write_list(struct cw_buf *b, const struct cw_report_list *l)
{
	if (!l->n)
		cw_buf_puts(b, "<i>unknown</i>");
	for (unsigned int i = 0; i < l->n; i++) {
		cw_buf_puts(b, i ? ", " : "");
		cw_html_value(b, l->item[i]);
	}
	if (l->more)
		cw_buf_puts(b, " and more");
}

static void write_head(const struct cw_report *r, struct cw_buf *b)
{
	cw_auto_buf struct cw_buf title = { 0 };

	if (r->title) {
		cw_html_text(&title, r->title);
	} else {
		cw_buf_puts(&title, "Who was at the cameras of ");
		if (!r->hubs.n)
			cw_buf_puts(&title, "an unknown hub");
		for (unsigned int i = 0; i < r->hubs.n; i++) {
			cw_buf_puts(&title, i ? ", " : "");
			cw_html_text(&title, r->hubs.item[i]);
		}
		cw_buf_puts(&title, r->hubs.more ? " and more" : "");
	}
	b->error = b->error ? b->error : title.error;
	cw_buf_puts(b, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\" />\n"
		    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		    "style-src 'unsafe-inline'; img-src data:\" />\n"
		    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n"
		    "<meta name=\"referrer\" content=\"no-referrer\" />\n");
	cw_buf_printf(b, "<meta name=\"generator\" content=\"camwarden %s\" />\n<title>",
		      CW_VERSION);
	cw_buf_puts(b, title.data ? title.data : "");
	cw_buf_puts(b, "</title>\n<style>");
	cw_buf_puts(b, cw_html_style);
	cw_buf_puts(b, "</style></head>\n<body><header>\n"
		    "<p class=\"over\">camwarden report: access to cameras, microphones and "
		    "recordings</p>\n<h1>");
	cw_buf_puts(b, title.data ? title.data : "");
	cw_buf_puts(b, "</h1>\n");
}

/* ---- the answer ---- */

static int by_flags(const void *pa, const void *pb, void *ctx)
{
	const struct cw_report *r = ctx;
	const struct cw_report_who *a = &r->whos[*(const uint32_t *)pa];
	const struct cw_report_who *b = &r->whos[*(const uint32_t *)pb];

	if (a->worst != b->worst)
		return a->worst > b->worst ? -1 : 1;
	if (a->flags != b->flags)
		return a->flags > b->flags ? -1 : 1;
	return *(const uint32_t *)pa < *(const uint32_t *)pb ? -1 : 1;
}

/* Recordings, then devices, then how long, then events: how much one got to see. */
static int by_breadth(const void *pa, const void *pb, void *ctx)
{
	const struct cw_report *r = ctx;
	const struct cw_report_who *a = &r->whos[*(const uint32_t *)pa];
	const struct cw_report_who *b = &r->whos[*(const uint32_t *)pb];
	int da = __builtin_popcountll(a->devices), db = __builtin_popcountll(b->devices);

	if (a->recordings != b->recordings)
		return a->recordings > b->recordings ? -1 : 1;
	if (da != db)
		return da > db ? -1 : 1;
	if (a->captured_s != b->captured_s)
		return a->captured_s > b->captured_s ? -1 : 1;
	if (a->events != b->events)
		return a->events > b->events ? -1 : 1;
	return *(const uint32_t *)pa < *(const uint32_t *)pb ? -1 : 1;
}

enum pick { FLAGGED, PEOPLE, PROGRAMS };

static void pick(const struct cw_report *r, enum pick which, struct order *o)
{
	o->n = 0;
	for (uint32_t i = CW_REPORT_NOBODY + 1; i <= CW_REPORT_WHO_MAX; i++) {
		const struct cw_report_who *w = &r->whos[i];

		if (w->events && (which == FLAGGED ? w->flags > 0 :
					  which == PEOPLE ? w->person : !w->person))
			o->which[o->n++] = i;
	}
	qsort_r(o->which, o->n, sizeof(*o->which), which == FLAGGED ? by_flags : by_breadth,
		(void *)(uintptr_t)r);
}

static void write_severities(const struct cw_report *r, struct cw_buf *b)
{
	const char *before = "";

	for (int i = CW_SEVERITY_CRITICAL; i >= CW_SEVERITY_NONE; i--) {
		if (!r->by_severity[i])
			continue;
		cw_buf_puts(b, before);
		cw_html_count(b, r->by_severity[i]);
		cw_buf_printf(b, " %s", cw_severity_name((enum cw_severity)i));
		before = ", ";
	}
}

/* At the same severity: a person rather than a program, frames, a deletion. */
static unsigned int gravity(const struct cw_report *r, const struct cw_report_group *g)
{
	return (unsigned int)g->severity * 8 + r->whos[g->who].person * 4 + (g->frames > 0) * 2 +
	       (g->kinds[CW_KIND_UNLINK] > 0);
}

/* Of what the agent says of itself, or of what people and programs did. */
static const struct cw_report_group *worst_group(const struct cw_report *r, bool agent)
{
	const struct cw_report_group *worst = NULL;

	for (uint32_t i = 0; i < r->group_keys.n; i++) {
		const struct cw_report_group *g = &r->groups[i];

		if (!g->sample || (g->who == CW_REPORT_NOBODY) != agent)
			continue;
		if (!worst || gravity(r, g) > gravity(r, worst))
			worst = g;
	}
	return worst;
}

static void write_worst(const struct cw_report *r, struct cw_buf *b, bool agent)
{
	const struct cw_report_group *g = worst_group(r, agent);

	if (!g)
		return;
	cw_buf_puts(b, agent ? "<p>Camwarden itself told of a " : "<p>The worst that was done is ");
	cw_html_verdict(b, CW_DECISION_FLAG, g->severity);
	if (!agent) {
		cw_buf_puts(b, ": ");
		cw_html_who(b, r, g->who);
	}
	if (g->from) {
		cw_buf_puts(b, " from ");
		cw_html_value(b, g->from);
	}
	cw_buf_printf(b, "%s<code>%s</code>", agent ? " " : ", ", cw_kind_name(g->sample->kind));
	if (g->lane != UINT32_MAX) {
		cw_buf_puts(b, " at ");
		cw_html_lane(b, r, g->lane);
	}
	cw_buf_puts(b, ", ");
	cw_html_time(b, g->first.time_ns);
	cw_buf_puts(b, " (event ");
	cw_html_event(b, r, &g->first);
	cw_buf_puts(b, ").</p>\n");
}

static void write_flagged(const struct cw_report *r, struct cw_buf *b)
{
	struct order o = { 0 };

	pick(r, FLAGGED, &o);
	cw_buf_puts(b, "<div class=\"say bad\"><p><span class=\"tag\">Flagged.</span> ");
	cw_html_counted(b, r->flags, "event is", "events are");
	cw_buf_puts(b, " flagged (");
	write_severities(r, b);
	cw_buf_puts(b, ") of ");
	cw_html_count(b, r->events);
	cw_buf_puts(b, " in all");
	for (uint32_t i = 0; i < o.n && i < 4; i++) {
		cw_buf_puts(b, !i ? ": by " : i + 1 == o.n ? " and " : ", ");
		cw_html_who(b, r, o.which[i]);
		cw_buf_puts(b, " (");
		cw_html_count(b, r->whos[o.which[i]].flags);
		cw_buf_putc(b, ')');
	}
	if (o.n > 4)
		cw_buf_printf(b, " and %u more", o.n - 4);
	cw_buf_puts(b, o.n ? "" : ", all by camwarden itself");
	cw_buf_puts(b, ".</p>\n");
	write_worst(r, b, false);
	write_worst(r, b, true);
	cw_buf_puts(b, "</div>\n");
}

static void write_calm(const struct cw_report *r, struct cw_buf *b)
{
	bool judged = r->n_policies > 0;

	cw_buf_printf(b, "<div class=\"say %s\"><p><span class=\"tag\">%s</span> ",
		      judged && r->events ? "good" : "warn",
		      !r->events ? "Nothing to report." :
		      judged ? "Nothing flagged." : "Not judged.");
	if (!r->events)
		cw_buf_puts(b, "No event lies in the time that was asked for.");
	else if (judged)
		cw_html_counted(b, r->events, "event was judged, and none was flagged.",
				"events were judged, and none was flagged.");
	else
		cw_buf_puts(b, "The traces hold no policy, and none was given (--policy): "
			    "this report tells what happened, not what was permitted.");
	cw_buf_puts(b, "</p></div>\n");
}

/* Part of an enumeration, if there is any of it. */
static void put_part(struct cw_buf *b, unsigned int *parts, uint64_t n, const char *one,
		     const char *many)
{
	if (!n)
		return;
	cw_buf_puts(b, (*parts)++ ? ", " : "");
	cw_html_counted(b, n, one, many);
}

/* Of events that are in none of the traces, though they stand on either side of one that is. */
static uint64_t numbers_missing(const struct cw_report *r)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < r->n_proofs; i++) {
		const struct cw_report_proof *p = &r->proofs[i];

		cw_add_up(&n, p->trace.seq_missing);
		if (p->before >= 0)
			cw_add_up(&n, cw_trace_between(&r->proofs[p->before].trace, &p->trace));
	}
	return n;
}

static unsigned int kept_traces(const struct cw_report *r)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < r->n_proofs; i++)
		n += (r->proofs[i].trace.head.flags & CW_TRACE_IS_KEPT) != 0;
	return n;
}

static void write_unseen(const struct cw_report *r, struct cw_buf *b)
{
	uint64_t gaps = r->kinds[CW_KIND_GAP];
	unsigned int parts = 0;

	if (r->lost || gaps) {
		parts++;
		cw_html_counted(b, r->lost, "event was lost", "events were lost");
		cw_buf_printf(b, " in %llu gap%s", (unsigned long long)gaps, gaps == 1 ? "" : "s");
	}
	put_part(b, &parts, r->blind_canaries, "canary failed", "canaries failed");
	put_part(b, &parts, r->tampers, "interference with camwarden itself",
		 "interferences with camwarden itself");
	put_part(b, &parts, numbers_missing(r), "number is missing between the events",
		 "numbers are missing between the events");
	put_part(b, &parts, cw_report_holes(r), "place where a trace is missing",
		 "places where a trace is missing");
	cw_buf_puts(b, ". ");
}

static void write_sight(const struct cw_report *r, struct cw_buf *b)
{
	bool whole = !r->lost && !r->blind_canaries && !r->tampers && !r->gap_keys.n &&
		     !numbers_missing(r) && !cw_report_holes(r);

	if (!r->events)
		return;
	cw_buf_printf(b, "<div class=\"say %s\"><p><span class=\"tag\">%s</span> ",
		      whole ? "good" : "warn",
		      whole ? "No loss was told." : "Not everything may have been seen.");
	if (whole)
		cw_buf_puts(b, "The agent told of no lost event, and every canary came through. ");
	else
		write_unseen(r, b);
	cw_buf_puts(b, "What this kernel cannot show at all stands under "
		    "<a href=\"#blind\">Gaps and blind spots</a>.</p></div>\n");
}

static void write_kept(const struct cw_report *r, struct cw_buf *b)
{
	unsigned int kept = kept_traces(r);

	if (!kept)
		return;
	cw_buf_puts(b, "<div class=\"say warn\"><p><span class=\"tag\">Only what was around flags."
		    "</span> ");
	if (r->n_proofs == 1)
		cw_buf_puts(b, "The trace was");
	else
		cw_buf_printf(b, "%u of %u traces %s", kept, r->n_proofs,
			      kept == 1 ? "was" : "were");
	cw_buf_puts(b, " written with --keep: what was seen while nothing was flagged is not in "
		    "it, and not in this report.</p></div>\n");
}

/* ---- proofs ---- */

/* Each trace may be whole, and all together not. */
static void write_holes(const struct cw_report *r, struct cw_buf *b)
{
	unsigned int shown = 0, holes = cw_report_holes(r);

	if (!holes)
		return;
	cw_buf_puts(b, "<b>What was recorded is not all here:</b> at least one trace is missing ");
	for (unsigned int i = 0; i < r->n_proofs && shown < HOLES_SHOWN; i++) {
		const struct cw_report_proof *p = &r->proofs[i];

		if (p->before != CW_TRACE_ABSENT)
			continue;
		cw_buf_puts(b, shown++ ? "; and " : "");
		cw_buf_puts(b, p->hole_from_ns ? "between " : "before ");
		if (p->hole_from_ns) {
			cw_html_time(b, p->hole_from_ns);
			cw_buf_puts(b, " and ");
		}
		cw_html_time(b, p->hole_to_ns);
	}
	if (holes > shown)
		cw_buf_printf(b, "; and at %u more places", holes - shown);
	cw_buf_puts(b, ". ");
}

static void write_proof_line(const struct cw_report *r, struct cw_buf *b)
{
	unsigned int proven = 0;
	bool all, complete = !cw_report_holes(r);

	for (unsigned int i = 0; i < r->n_proofs; i++)
		proven += r->proofs[i].proven;
	all = proven == r->n_proofs;
	cw_buf_printf(b, "<div class=\"say %s\"><p><span class=\"tag\">%s</span> ",
		      !all ? "bad" : complete ? "good" : "warn",
		      !all ? "Evidence not proven." :
		      complete ? "Evidence verified." : "Evidence verified, but not complete.");
	if (all)
		cw_buf_printf(b, "%s as %s: none of %s events was removed, added, moved or "
			      "changed. %s", r->n_proofs == 1 ? "The trace is" : "All traces are",
			      r->has_key ? "the hub of the given key recorded it" : "recorded",
			      r->n_proofs == 1 ? "its" : "their",
			      r->has_key ? "" :
			      "By which hub is not proven: no key was given (--key). ");
	else
		cw_buf_printf(b, "%u of %u %s whole, unchanged and sealed to the end%s. What is "
			      "missing, and where it breaks: ", proven, r->n_proofs,
			      r->n_proofs == 1 ? "trace is" : "traces are",
			      r->has_key ? " by the hub of the given key" : "");
	write_holes(r, b);
	cw_buf_puts(b, "<a href=\"#proof\">Verification</a>.</p></div>\n");
}

static void write_doubts(const struct cw_report *r, const struct cw_report_proof *p,
			 struct cw_buf *b)
{
	const struct cw_trace_report *t = &p->trace;

	cw_buf_puts(b, "<ul>");
	if (t->no_seals)
		cw_buf_puts(b, "<li>Not sealed at all: anyone may have written this.</li>");
	else if (r->has_key && !t->key_found && t->has_links && t->first_link)
		cw_buf_printf(b, "<li>Not known to be of the hub whose key was given: its links "
			      "begin at start %llu, so this key, which may be older, proves "
			      "nothing: give the traces in between as well.</li>",
			      (unsigned long long)t->first_link + 1);
	else if (r->has_key && !t->key_found)
		cw_buf_puts(b, "<li>Not of the hub whose key was given: its keys do not lead "
			    "back to it.</li>");
	if (!t->ended)
		cw_buf_puts(b, "<li>Not ended in order: what was recorded at the end may be "
			    "missing.</li>");
	if (!t->no_seals && t->sealed_events != t->events) {
		cw_buf_puts(b, "<li>Not sealed: the last ");
		cw_html_counted(b, t->events - t->sealed_events, "event", "events");
		cw_buf_puts(b, ".</li>");
	}
	for (unsigned int i = 0; i < p->faults && i < CW_REPORT_PROBLEMS_MAX; i++) {
		cw_buf_puts(b, "<li>Broken at ");
		if (p->problem[i].sequence)
			cw_buf_printf(b, "block %llu, ",
				      (unsigned long long)p->problem[i].sequence);
		cw_buf_puts(b, "byte ");
		cw_html_count(b, p->problem[i].offset);
		if (p->problem[i].wall_ns) {
			cw_buf_puts(b, ", after ");
			cw_html_time(b, p->problem[i].wall_ns);
		}
		cw_buf_puts(b, ": ");
		cw_html_text(b, p->problem[i].what);
		cw_buf_puts(b, ".</li>");
	}
	if (p->faults > CW_REPORT_PROBLEMS_MAX)
		cw_buf_printf(b, "<li>Broken at %u more places.</li>",
			      p->faults - CW_REPORT_PROBLEMS_MAX);
	if (p->newer)
		cw_buf_puts(b, "<li>Parts are of a later version and were passed over.</li>");
	cw_buf_puts(b, "</ul>\n");
}

static void write_seal(const struct cw_report_proof *p, struct cw_buf *b)
{
	char root[CW_SHA256_HEX];

	if (!p->trace.seals) {
		cw_buf_puts(b, "none");
		return;
	}
	cw_html_counted(b, p->trace.seals, "valid seal", "valid seals");
	cw_buf_puts(b, ", the last of ");
	cw_html_time(b, p->trace.sealed_wall_ns);
	if (!p->trace.has_links)
		return;
	cw_sha256_hex(p->trace.first_root, root); /* 32 bytes like any */
	cw_buf_printf(b, ", leading back to key <code>%s</code> of start %llu of the hub", root,
		      (unsigned long long)p->trace.first_link + 1);
}

static void write_clock(const struct cw_report_proof *p, struct cw_buf *b)
{
	const struct cw_trace_report *t = &p->trace;

	if (!t->n_jumps)
		cw_buf_puts(b, "was not set");
	for (uint64_t i = 0; i < t->n_jumps && i < CW_TRACE_JUMPS_MAX; i++) {
		cw_buf_printf(b, "%sset by %+.3f s before ", i ? "; " : "",
			      (double)t->jump[i].by_ns / 1e9);
		cw_html_time(b, t->jump[i].wall_ns);
	}
	if (t->n_jumps > CW_TRACE_JUMPS_MAX)
		cw_buf_printf(b, "; %llu times in all", (unsigned long long)t->n_jumps);
}

static void write_before(const struct cw_report *r, const struct cw_report_proof *p,
			 struct cw_buf *b)
{
	uint64_t between;

	if (p->before == CW_TRACE_FIRST)
		return;
	cw_buf_puts(b, "</dd><dt>Continues</dt><dd>");
	if (p->before == CW_TRACE_DROPPED)
		cw_buf_puts(b, "another trace, which was deleted for the budget");
	else if (p->before == CW_TRACE_ABSENT)
		cw_buf_puts(b, "another trace, which is not among these");
	if (p->before < 0)
		return;
	between = cw_trace_between(&r->proofs[p->before].trace, &p->trace);
	cw_buf_printf(b, "trace %d, and ", p->before + 1);
	if (between)
		cw_html_counted(b, between, "event between was not recorded",
				"events between were not recorded");
	else
		cw_buf_puts(b, "nothing lies between");
}

static void write_proof_facts(const struct cw_report *r, const struct cw_report_proof *p,
			      struct cw_buf *b)
{
	const struct cw_trace_report *t = &p->trace;

	cw_buf_puts(b, "<dl><dt>SHA-256 of the file</dt><dd>");
	cw_html_code(b, p->sha256);
	cw_buf_puts(b, "</dd><dt>Recorded by</dt><dd>camwarden ");
	cw_html_value(b, t->head.version);
	cw_buf_puts(b, " on ");
	cw_html_value(b, t->head.hub);
	cw_buf_puts(b, ", boot ");
	cw_html_code(b, t->head.boot_id);
	cw_buf_puts(b, "</dd><dt>Events</dt><dd>");
	cw_html_count(b, t->events);
	if (t->events) {
		cw_buf_puts(b, ", ");
		cw_html_time(b, t->wall_first);
		cw_buf_puts(b, " to ");
		cw_html_time(b, t->wall_last);
	}
	cw_buf_puts(b, "; numbers ");
	cw_html_count(b, t->seq_first);
	cw_buf_puts(b, " to ");
	cw_html_count(b, t->seq_last);
	cw_buf_puts(b, ", ");
	cw_html_count(b, t->seq_missing);
	cw_buf_puts(b, " missing</dd><dt>Seals</dt><dd>");
	write_seal(p, b);
	cw_buf_puts(b, "</dd><dt>Clock</dt><dd>");
	write_clock(p, b);
	write_before(r, p, b);
	cw_buf_puts(b, "</dd></dl>\n");
}

static void write_proofs(const struct cw_report *r, struct cw_buf *b, size_t room)
{
	size_t end = b->len + room;

	cw_buf_puts(b, "<section><h2 id=\"proof\">Verification</h2>\n<p class=\"lead\">Each trace "
		    "was followed from its first byte to its last: checksums, the chain of "
		    "blocks, seals, event numbers, clock. <code>camwarden verify</code> repeats "
		    "it.</p>\n");
	for (unsigned int i = 0; i < r->n_proofs; i++) {
		const struct cw_report_proof *p = &r->proofs[i];

		if (b->len > end) {
			cw_buf_printf(b, "<p>%u more traces were verified and do not fit here; "
				      "<code>camwarden verify</code> shows them.</p>\n",
				      r->n_proofs - i);
			break;
		}
		cw_buf_printf(b, "<div class=\"say %s\"><h3>Trace %u: ",
			      p->proven ? "good" : "bad", i + 1);
		cw_html_value(b, p->path);
		cw_buf_printf(b, "</h3>\n<p><span class=\"tag\">%s</span></p>\n",
			      p->proven ? "Proven: whole, unchanged, sealed to its end." :
			      p->error ? "Not proven: it could not be read." : "Not proven.");
		if (!p->proven && !p->error)
			write_doubts(r, p, b);
		if (!p->error)
			write_proof_facts(r, p, b);
		cw_buf_puts(b, "</div>\n");
	}
	cw_buf_puts(b, "</section>\n");
}

/* ---- facts ---- */

static void write_policies(const struct cw_report *r, struct cw_buf *b)
{
	cw_buf_puts(b, "<dt>Policy</dt><dd>");
	if (!r->n_policies)
		cw_buf_puts(b, "none: nothing was judged");
	for (uint32_t i = 0; i < r->n_policies && i < POLICIES_SHOWN; i++) {
		cw_buf_puts(b, i ? "<br />" : "");
		cw_html_value(b, r->policies[i].name);
		cw_buf_puts(b, r->policy_file ? " (given for this report)" : " (from the trace)");
		cw_buf_puts(b, ", SHA-256 ");
		cw_html_code(b, r->policies[i].sha256);
		cw_buf_puts(b, ", ");
		cw_html_counted(b, r->policies[i].events, "event", "events");
	}
	if (r->n_policies > POLICIES_SHOWN || r->policies_more)
		cw_buf_printf(b, "<br />and %s%u more", r->policies_more ? "at least " : "",
			      r->n_policies - POLICIES_SHOWN);
	cw_buf_puts(b, "</dd>\n");
}

static void write_range(const struct cw_report *r, struct cw_buf *b)
{
	if (!r->since_ns && r->until_ns == UINT64_MAX)
		return;
	cw_buf_puts(b, "<dt>Asked for</dt><dd>");
	if (r->since_ns) {
		cw_buf_puts(b, "from ");
		cw_html_time(b, r->since_ns);
	}
	if (r->until_ns != UINT64_MAX) {
		cw_buf_puts(b, " until before ");
		cw_html_time(b, r->until_ns);
	}
	cw_buf_puts(b, "; what is outside is not in this report</dd>\n");
}

static void write_facts(const struct cw_report *r, struct cw_buf *b)
{
	cw_buf_puts(b, "<dl><dt>Hub</dt><dd>");
	write_list(b, &r->hubs);
	cw_buf_puts(b, r->kernels.n ? ", Linux " : "");
	if (r->kernels.n)
		write_list(b, &r->kernels);
	cw_buf_puts(b, "</dd>\n<dt>Boot</dt><dd>");
	write_list(b, &r->boots);
	cw_buf_puts(b, "</dd>\n<dt>Time</dt><dd>");
	if (r->events) {
		cw_html_time(b, r->first.time_ns);
		cw_buf_puts(b, " to ");
		cw_html_time(b, r->last.time_ns);
		cw_buf_puts(b, " (");
		cw_html_duration(b, r->last.time_ns > r->first.time_ns ?
				 (double)(r->last.time_ns - r->first.time_ns) / 1e9 : 0);
		cw_buf_puts(b, "), all times UTC");
	}
	cw_buf_puts(b, "</dd>\n");
	write_range(r, b);
	write_policies(r, b);
	cw_buf_puts(b, "<dt>Made from</dt><dd>");
	cw_html_counted(b, r->n_proofs, "trace", "traces");
	cw_buf_puts(b, ", ");
	cw_html_counted(b, r->events, "event", "events");
	cw_buf_puts(b, ": ");
	cw_html_count(b, r->flags);
	cw_buf_puts(b, " flagged, ");
	cw_html_count(b, r->allowed);
	cw_buf_puts(b, " allowed, ");
	cw_html_count(b, r->unjudged);
	cw_buf_printf(b, " not judged; by camwarden %s</dd></dl>\n", CW_VERSION);
}

static void write_contents(struct cw_buf *b)
{
	cw_buf_puts(b, "<nav aria-label=\"Contents\"><ul>"
		    "<li><a href=\"#proof\">Verification</a></li>"
		    "<li><a href=\"#people\">People</a></li><li><a href=\"#flags\">Flags</a></li>"
		    "<li><a href=\"#timeline\">Timeline</a></li>"
		    "<li><a href=\"#handovers\">Hand-overs</a></li>"
		    "<li><a href=\"#changes\">Deletions and copies</a></li>"
		    "<li><a href=\"#blind\">Gaps and blind spots</a></li>"
		    "<li><a href=\"#events\">Events</a></li>"
		    "<li><a href=\"#reading\">How to read this</a></li></ul></nav>\n");
}

/* ---- people ---- */

static void write_at_least(struct cw_buf *b, uint64_t n, bool more)
{
	cw_buf_puts(b, more ? "at least " : "");
	cw_html_count(b, n);
}

static void write_where(const struct cw_report_who *w, struct cw_buf *b)
{
	bool any = false;

	for (unsigned int i = 0; i < CW_ORIGIN_MAX; i++) {
		if (!(w->origins >> i & 1))
			continue;
		cw_buf_puts(b, any ? ", " : "");
		cw_buf_puts(b, cw_origin_name((enum cw_origin_type)i));
		any = true;
	}
	if (w->from.n) {
		cw_buf_puts(b, ": ");
		write_list(b, &w->from);
	}
	if (w->sessions.n) {
		cw_buf_puts(b, w->sessions.n > 1 ? "; sessions " : "; session ");
		write_list(b, &w->sessions);
	}
}

static void write_captured(const struct cw_report_who *w, struct cw_buf *b)
{
	if (w->captured_s <= 0 && !w->frames)
		cw_buf_puts(b, "nothing");
	else
		cw_html_duration(b, w->captured_s);
	if (w->frames) {
		cw_buf_puts(b, ", ");
		cw_html_counted(b, w->frames, "frame", "frames");
	}
	if (w->held_s >= 0.005) {
		cw_buf_puts(b, "; devices open ");
		cw_html_duration(b, w->held_s);
	}
}

static void write_who_row(const struct cw_report *r, uint32_t who, struct cw_html_table *t)
{
	const struct cw_report_who *w = &r->whos[who];
	struct cw_buf *b = t->b;

	cw_html_row(t);
	cw_html_cell(t);
	cw_html_who(b, r, who);
	if (w->other) {
		cw_buf_puts(b, " (no room to tell them apart)");
	} else if (!w->person) {
		cw_buf_puts(b, " as ");
		cw_html_value(b, w->acts_as);
	}
	cw_html_cell(t);
	write_where(w, b);
	if (!w->person && w->unit) {
		cw_buf_puts(b, w->origins ? ": " : "");
		cw_html_value(b, w->unit);
	}
	cw_html_cell(t);
	write_at_least(b, w->recordings, w->recordings_more);
	cw_html_cell(t);
	write_at_least(b, (uint64_t)__builtin_popcountll(w->devices), w->devices_more);
	cw_html_cell(t);
	write_captured(w, b);
	cw_html_cell(t);
	if (w->flags)
		cw_html_verdict(b, CW_DECISION_FLAG, w->worst);
	cw_buf_puts(b, w->flags ? "\302\240×\302\240" : "none");
	if (w->flags)
		cw_html_count(b, w->flags);
	cw_html_cell(t);
	cw_html_count(b, w->events);
	cw_buf_puts(b, w->events == 1 ? " on " : ", ");
	cw_html_counted(b, w->days, "day", "days");
	cw_html_cell(t);
	cw_html_time(b, w->first.time_ns);
	cw_buf_puts(b, " – ");
	cw_html_time(b, w->last.time_ns);
}

static void write_whos(const struct cw_report *r, struct cw_buf *b, enum pick which, size_t end)
{
	static const char *const heads[] = { "Who", "From where", "Recordings", "Devices",
					     "Captured", "Flags", "Events", "First – last", NULL };
	static const char *const captions[] = { [PEOPLE] = "People, by how much they saw",
						[PROGRAMS] = "Programs and services: nobody was "
							     "logged in" };
	struct cw_html_table t;
	struct order o = { 0 };
	uint32_t i;

	pick(r, which, &o);
	if (!o.n) {
		if (which == PEOPLE)
			cw_buf_puts(b, "<p>No person was seen at any watched object.</p>\n");
		return;
	}
	cw_html_table_begin(&t, b, captions[which], heads);
	for (i = 0; i < o.n && i < WHOS_SHOWN && b->len < end; i++)
		write_who_row(r, o.which[i], &t);
	cw_html_table_end(&t);
	if (i < o.n)
		cw_buf_printf(b, "<p>%u more, who reached less, are not in this table. Their "
			      "events are in the sums under <a href=\"#events\">Events</a>.</p>\n",
			      o.n - i);
}

void cw_report_write_people(const struct cw_report *r, struct cw_buf *b, size_t room)
{
	cw_buf_puts(b, "<section><h2 id=\"people\">People</h2>\n<p class=\"lead\">Who reached how "
		    "many distinct recordings, and cameras and microphones. Captured is the sum "
		    "of all streams of frames; a device that was only open is told apart. A "
		    "person is the login, kept over sudo and su.</p>\n");
	if (kept_traces(r) || numbers_missing(r) || cw_report_holes(r))
		cw_buf_printf(b, "<p><b>This is not complete:</b> the traces hold %s. Whoever is "
			      "here may have reached more, and whoever is not may have been "
			      "there.</p>\n", kept_traces(r) ? "only what was around flags" :
			      "not all that was recorded");
	write_whos(r, b, PEOPLE, b->len + room / 2);
	write_whos(r, b, PROGRAMS, b->len + room / 2);
	cw_buf_puts(b, "</section>\n");
}

/* ---- gaps and blind spots ---- */

static void write_gaps(const struct cw_report *r, struct cw_buf *b)
{
	static const char *const heads[] = { "Class", "Gaps", "Events lost", "From", "To", NULL };
	struct cw_html_table t;

	if (!r->kinds[CW_KIND_GAP]) {
		cw_buf_puts(b, "<p>No gap: the agent told of no lost event.</p>\n");
		return;
	}
	cw_html_table_begin(&t, b, "Events that were lost, by what they were", heads);
	for (uint32_t i = 0; i < CW_REPORT_NOTES_MAX; i++) {
		const struct cw_report_gap *g = &r->gaps[i];

		if (!g->n)
			continue;
		cw_html_row(&t);
		cw_html_cell(&t);
		cw_html_value(b, i == CW_REPORT_NOTES_MAX - 1 ? "others" : g->class);
		cw_html_cell(&t);
		cw_html_count(b, g->n);
		cw_html_cell(&t);
		cw_html_count(b, g->lost);
		cw_html_cell(&t);
		cw_html_time(b, g->from_ns);
		cw_html_cell(&t);
		cw_html_time(b, g->to_ns);
	}
	cw_html_table_end(&t);
}

static void write_coverage(const struct cw_report *r, struct cw_buf *b)
{
	static const char *const heads[] = { "Capability", "Seen by", "What stays out of sight",
					     "Runs", NULL };
	struct cw_html_table t;

	if (!r->coverage_keys.n) {
		cw_buf_puts(b, "<p>What the kernel could show is not told in these events: it "
			    "comes at the start of a run.</p>\n");
		return;
	}
	cw_html_table_begin(&t, b, "What the kernel could show, and what not", heads);
	for (uint32_t i = 0; i < r->coverage_keys.n; i++) {
		const struct cw_report_coverage *c = &r->coverage[i];

		cw_html_row(&t);
		cw_html_cell(&t);
		cw_html_value(b, c->capability);
		cw_html_cell(&t);
		if (cw_streq(c->rung, "none"))
			cw_buf_puts(b, "<b>not seen at all</b>");
		else
			cw_html_value(b, c->rung);
		if (c->hooks && *c->hooks) {
			cw_buf_puts(b, " (");
			cw_html_value(b, c->hooks);
			cw_buf_putc(b, ')');
		}
		cw_html_cell(&t);
		if (c->blind && *c->blind)
			cw_html_value(b, c->blind);
		else
			cw_buf_puts(b, "nothing that is known");
		cw_html_cell(&t);
		cw_html_count(b, c->n);
	}
	cw_html_table_end(&t);
	if (r->coverage_more)
		cw_buf_puts(b, "<p>More rows of coverage differ and are not shown; they are events "
			    "of kind coverage.</p>\n");
}

static void write_bound(struct cw_buf *b, uint64_t n, const char *what)
{
	if (!n)
		return;
	cw_buf_puts(b, "<li>");
	cw_html_count(b, n);
	cw_buf_printf(b, " %s</li>\n", what);
}

/* What the report itself had no room for. */
static void write_bounds(const struct cw_report *r, struct cw_buf *b)
{
	uint64_t any = r->strings.refused + r->rows_lost + r->groups_lost + r->chains_lost +
		       r->seen_lost + r->runs_lost + r->whos[CW_REPORT_WHO_MAX].events +
		       r->lanes[CW_REPORT_LANES_MAX - 1].events + r->cells[CW_REPORT_CELLS_MAX].n;

	if (!any)
		return;
	cw_buf_puts(b, "<h3>Bounds of this report</h3><p>Its memory is bounded. All events are "
		    "counted, but:</p><ul>\n");
	write_bound(b, r->whos[CW_REPORT_WHO_MAX].events,
		    "events are of persons or programs beyond the first 511, told as “others”");
	write_bound(b, r->lanes[CW_REPORT_LANES_MAX - 1].events,
		    "events are at assets beyond the first 63, told as “other assets”");
	write_bound(b, r->cells[CW_REPORT_CELLS_MAX].n,
		    "events are of sorts beyond the first 8,192, summed in one row");
	write_bound(b, r->groups_lost,
		    "flags are of groups beyond the first 512, in the sums only");
	write_bound(b, r->rows_lost, "marks are missing from the timeline");
	write_bound(b, r->runs_lost, "openings were drawn by their end only");
	write_bound(b, r->chains_lost, "hand-overs beyond 256 kinds are not drawn");
	write_bound(b, r->seen_lost, "times a recording could not be told from those seen before; "
		    "the counts concerned say “at least”");
	write_bound(b, r->strings.refused,
		    "names found no room and read “(no room for this name)”");
	cw_buf_puts(b, "</ul>\n");
}

void cw_report_write_blind(const struct cw_report *r, struct cw_buf *b, size_t room)
{
	size_t end = b->len + room;
	uint64_t jumps = 0, faults = 0;

	for (unsigned int i = 0; i < r->n_proofs; i++) {
		jumps += r->proofs[i].trace.n_jumps;
		faults += r->proofs[i].faults;
	}
	cw_buf_puts(b, "<section><h2 id=\"blind\">Gaps and blind spots</h2>\n"
		    "<p class=\"lead\">What "
		    "this report cannot tell, because it was lost, could not be seen, or nobody "
		    "was looking.</p>\n");
	write_gaps(r, b);
	cw_html_items(r, b, 1ULL << CW_KIND_GAP | 1ULL << CW_KIND_TAMPER, end);
	cw_buf_puts(b, "<dl><dt>Canaries</dt><dd>");
	cw_html_counted(b, r->canaries, "access of camwarden’s own",
			"accesses of camwarden’s own");
	cw_buf_puts(b, " looked for at the far end; ");
	cw_html_count(b, r->blind_canaries);
	cw_buf_puts(b, " did not come through</dd>\n<dt>Interference</dt><dd>");
	cw_html_counted(b, r->tampers, "time", "times");
	cw_buf_puts(b, " with camwarden or what it watches</dd>\n<dt>Runs</dt><dd>");
	cw_html_counted(b, r->starts, "start", "starts");
	cw_buf_puts(b, ", ");
	cw_html_counted(b, r->stops, "stop", "stops");
	cw_buf_puts(b, " of the agent; between a stop and the next start nobody was looking");
	if (cw_report_holes(r))
		cw_buf_puts(b, ", except where a trace is not among these: what happened there is "
			    "not in this report");
	cw_buf_puts(b, "</dd>\n<dt>Still open</dt><dd>");
	cw_html_counted(b, r->still_open, "device or capture", "devices or captures");
	cw_buf_puts(b, " at the end of a run: how long it went on is not known</dd>\n"
		    "<dt>Clock</dt><dd>set ");
	cw_html_counted(b, jumps, "time", "times");
	cw_buf_puts(b, " by more than a second</dd>\n<dt>Damage</dt><dd>");
	cw_html_counted(b, faults, "place", "places");
	cw_buf_puts(b, " in the traces; see <a href=\"#proof\">Verification</a></dd></dl>\n");
	write_coverage(r, b);
	write_bounds(r, b);
	cw_buf_puts(b, "</section>\n");
}

/* ---- the whole ---- */

static void write_reading(const struct cw_report *r, struct cw_buf *b)
{
	cw_buf_puts(b, "<section><h2 id=\"reading\">How to read this</h2>\n<ul>\n"
		    "<li>Times are UTC, in the order of ISO 8601, to the millisecond; the trace "
		    "has nanoseconds. They are those of the hub’s clock.</li>\n"
		    "<li>An event is found by its number: <code>camwarden replay --all --format "
		    "json TRACE | grep '\"seq\":42,'</code>");
	cw_buf_puts(b, r->n_proofs > 1 ? "; 2/42 is event 42 of trace 2.</li>\n" : ".</li>\n");
	cw_buf_puts(b, "<li>Flagged is what no grant of the policy covers. It is a question, not "
		    "yet an answer: the line below its head names the nearest grant and what it "
		    "lacks.</li>\n"
		    "<li>Names, paths and arguments are shown as they were found. What could "
		    "deceive the eye is written out: <code>\\n</code>, <code>\\x1b</code>, "
		    "<code>\\u202e</code>; a backslash is <code>\\\\</code>.</li>\n"
		    "<li>An open alone is no capture: “captured” means that frames were "
		    "taken.</li>\n"
		    "<li>What is not known reads <i>unknown</i>.</li>\n"
		    "<li>The same traces, policy and options give this page again, byte for byte. "
		    "It needs no network and runs no script.</li>\n</ul></section>\n");
}

int cw_report_write(struct cw_report *r, struct cw_buf *b)
{
	size_t size = r->max_size;

	write_head(r, b);
	if (r->flags)
		write_flagged(r, b);
	else
		write_calm(r, b);
	write_kept(r, b);
	write_proof_line(r, b);
	write_sight(r, b);
	write_facts(r, b);
	write_contents(b);
	cw_buf_puts(b, "</header>\n<main>\n");
	write_proofs(r, b, size / 20);
	cw_report_write_people(r, b, size / 10);
	cw_report_write_flags(r, b, size / 4);
	cw_report_write_timeline(r, b, size / 8);
	cw_report_write_chains(r, b, size / 20);
	cw_report_write_changes(r, b, size / 10);
	cw_report_write_blind(r, b, size / 20);
	cw_report_write_events(r, b, size / 4);
	write_reading(r, b);
	cw_buf_printf(b, "</main>\n<footer><p>camwarden %s</p></footer></body></html>\n",
		      CW_VERSION);
	return b->error;
}
