// SPDX-License-Identifier: Apache-2.0
/* The flags, what was deleted or copied, and the list of all events with the sums of the rest. */
#include "report_html.h"
#include "sink/text.h"

#define OPEN_ROWS 8u /* a list of a flag that is longer is folded */
#define FOLD_ROWS 30u /* likewise others */

/* ---- one event ---- */

static void write_result(struct cw_buf *b, const struct cw_report_item *i)
{
	cw_buf_printf(b, "<code class=\"w0\">%s</code>", cw_kind_name((enum cw_kind)i->kind));
	if (i->result < 0) {
		cw_buf_puts(b, " refused: ");
		cw_text_errno(b, i->result);
	}
}

/* `with_who`: not where all are of the same. */
static void write_item(const struct cw_report *r, struct cw_html_table *t,
		       const struct cw_report_item *i, bool with_who)
{
	struct cw_buf *b = t->b;

	cw_html_row(t);
	cw_html_cell(t);
	cw_html_event(b, r, &i->at);
	cw_html_cell(t);
	cw_html_time(b, i->at.time_ns);
	if (with_who) {
		cw_html_cell(t);
		cw_html_who(b, r, i->who);
	}
	cw_html_cell(t);
	write_result(b, i);
	cw_html_cell(t);
	if (i->lane == UINT32_MAX && !i->path) {
		cw_buf_puts(b, "–");
	} else {
		cw_html_lane(b, r, i->lane);
		if (i->path) {
			cw_buf_puts(b, " <code>");
			cw_html_text(b, i->path);
			cw_buf_puts(b, "</code>");
		}
	}
	cw_html_cell(t);
	if (i->exe)
		cw_html_program(b, i->exe, i->pid);
	else
		cw_buf_puts(b, "–");
	if (with_who) {
		cw_html_cell(t);
		cw_html_verdict(b, i->decision, i->severity);
	}
	cw_html_cell(t);
	cw_buf_puts(b, i->more ? "<span class=\"y\">" : "–");
	if (i->more)
		cw_html_safe(b, i->more);
	cw_buf_puts(b, i->more ? "</span>" : "");
}

static const char *const item_heads[] = { "Event", "Time", "Who", "What", "Asset", "Program",
					  "Verdict", "Detail", NULL };
static const char *const own_heads[] = { "Event", "Time", "What", "Asset", "Program", "Detail",
					 NULL };

uint64_t cw_html_items(const struct cw_report *r, struct cw_buf *b, uint64_t kinds, size_t end)
{
	uint64_t listed = 0, fits = 0;
	struct cw_html_table t;

	for (size_t i = 0; i < r->n_items; i++)
		listed += kinds >> r->items[i].kind & 1;
	if (!listed)
		return 0;
	cw_buf_printf(b, "<details%s><summary>One by one</summary>\n",
		      listed <= FOLD_ROWS ? " open=\"open\"" : "");
	cw_html_table_begin(&t, b, NULL, item_heads);
	for (size_t i = 0; i < r->n_items && b->len < end; i++)
		if (kinds >> r->items[i].kind & 1) {
			write_item(r, &t, &r->items[i], true);
			fits++;
		}
	cw_html_table_end(&t);
	cw_buf_puts(b, "</details>\n");
	if (fits < listed) {
		cw_buf_puts(b, "<p>");
		cw_html_counted(b, listed - fits, "more stands", "more stand");
		cw_buf_puts(b, " under <a href=\"#events\">Events</a>.</p>\n");
	}
	return listed;
}

/* ---- flags ---- */

struct order {
	uint32_t n, which[CW_REPORT_GROUPS_MAX];
};

/* Worst first; of equals people before programs, then as they came. */
static int by_severity(const void *pa, const void *pb, void *ctx)
{
	const struct cw_report *r = ctx;
	uint32_t ia = *(const uint32_t *)pa, ib = *(const uint32_t *)pb;
	const struct cw_report_group *a = &r->groups[ia], *b = &r->groups[ib];
	bool person_a = r->whos[a->who].person, person_b = r->whos[b->who].person;

	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	if (person_a != person_b)
		return person_a ? -1 : 1;
	return ia < ib ? -1 : 1;
}

static void term(struct cw_buf *b, const char *name)
{
	cw_buf_printf(b, "</dd><dt>%s</dt><dd>", name);
}

static void write_who(const struct cw_event *e, struct cw_buf *b)
{
	const struct cw_origin *o = &e->origin;

	cw_buf_printf(b, "%s", cw_origin_name(o->type));
	if (o->login_uid != CW_NO_UID) {
		cw_buf_puts(b, ", login ");
		cw_html_value(b, o->login_user);
		cw_buf_printf(b, " (uid %u)", o->login_uid);
	}
	if (o->session != CW_NO_UID)
		cw_buf_printf(b, ", session %u", o->session);
	if (o->tty) {
		cw_buf_puts(b, ", terminal ");
		cw_html_value(b, o->tty);
	}
	if (o->via) {
		cw_buf_puts(b, o->outbound ? ", over a connection that the hub made, by " :
					     ", let in by ");
		cw_html_value(b, o->via);
	}
	if (o->local_port)
		cw_buf_printf(b, " on port %u", o->local_port);
	if (o->hop_pid) {
		cw_buf_puts(b, o->hop_local ? ", a connection of this machine by " :
					      ", by way of ");
		cw_html_program(b, o->hop_exe, o->hop_pid);
		if (o->hop_login_uid != CW_NO_UID) {
			cw_buf_puts(b, " of login ");
			cw_html_value(b, o->hop_login_user);
			cw_buf_printf(b, " (uid %u)", o->hop_login_uid);
		}
	}
	cw_buf_puts(b, o->seeded ? "; was there before camwarden started" : "");
}

static void write_as(const struct cw_process *p, struct cw_buf *b)
{
	cw_html_value(b, p->user);
	cw_buf_printf(b, " (uid %u", p->uid);
	if (p->euid != p->uid)
		cw_buf_printf(b, ", effectively %u", p->euid);
	cw_buf_putc(b, ')');
	if (p->cap_effective)
		cw_buf_printf(b, ", capabilities <code>%016llx</code>",
			      (unsigned long long)p->cap_effective);
	if (p->unit) {
		cw_buf_puts(b, ", unit ");
		cw_html_value(b, p->unit);
	}
	if (p->container) {
		cw_buf_puts(b, ", container ");
		cw_html_value(b, p->container);
	}
}

/* Evidence of the first event of the group. */
static void write_process(const struct cw_event *e, struct cw_buf *b)
{
	const struct cw_process *p = &e->process;
	cw_auto_buf struct cw_buf chain = { 0 }, command = { 0 }, code = { 0 };

	cw_code_put(&code, p);
	cw_text_chain(&chain, p);
	cw_text_command(&command, p);
	b->error = b->error ? b->error : chain.error ? chain.error : command.error;
	term(b, "Origin");
	write_who(e, b);
	term(b, "Chain");
	cw_buf_puts(b, "<code>");
	cw_html_safe(b, chain.data ? chain.data : "");
	cw_buf_puts(b, "</code>");
	term(b, "Command");
	cw_buf_puts(b, "<code>");
	cw_html_safe(b, command.data ? command.data : "");
	cw_buf_puts(b, "</code>");
	term(b, "Executable");
	cw_html_code(b, p->exe);
	cw_buf_puts(b, p->exe_deleted ? " (deleted)" : "");
	cw_buf_puts(b, "<br />SHA-256 ");
	cw_html_code(b, p->exe_sha256);
	if (p->code) {
		term(b, "Foreign code");
		cw_html_safe(b, code.data ? code.data : "");
	}
	term(b, "Runs as");
	write_as(p, b);
}

static void write_asset(const struct cw_asset *a, struct cw_buf *b)
{
	cw_buf_puts(b, cw_asset_kind_name(a->kind));
	if (a->node) {
		cw_buf_putc(b, ' ');
		cw_html_code(b, a->node);
	}
	if (a->root) {
		cw_buf_puts(b, " below ");
		cw_html_code(b, a->root);
	}
	if (a->card) {
		cw_buf_puts(b, ", ");
		cw_html_value(b, a->card);
	}
	if (a->bus) {
		cw_buf_puts(b, ", ");
		cw_html_value(b, a->bus);
	}
}

static void write_kinds(const struct cw_report_group *g, struct cw_buf *b)
{
	const char *before = "";

	for (unsigned int k = 0; k < CW_KIND_MAX; k++) {
		if (!g->kinds[k])
			continue;
		cw_buf_printf(b, "%s%s", before, cw_kind_name((enum cw_kind)k));
		if (g->n > 1) {
			cw_buf_puts(b, " × ");
			cw_html_count(b, g->kinds[k]);
		}
		before = ", ";
	}
	if (g->frames) {
		cw_buf_puts(b, "; ");
		cw_html_counted(b, g->frames, "frame", "frames");
	}
}

/* What its only event would say in a list of its own. */
static void write_only(const struct cw_event *e, struct cw_buf *b)
{
	cw_auto_buf struct cw_buf text = { 0 };

	if (e->asset.path) {
		term(b, "Path");
		cw_html_code(b, e->asset.path);
	}
	if (e->result < 0) {
		term(b, "Refused");
		cw_text_errno(b, e->result);
	}
	for (unsigned int i = 0; i < e->n_detail && i < CW_DETAILS_MAX; i++) {
		if (cw_streq(e->detail[i].key, "open_id"))
			continue;
		cw_buf_puts(&text, text.len ? ", " : "");
		cw_text_detail(&text, &e->detail[i]);
	}
	b->error = b->error ? b->error : text.error;
	if (!text.len)
		return;
	term(b, "Detail");
	cw_html_safe(b, text.data);
}

static void write_occurrences(const struct cw_report *r, uint32_t which, struct cw_buf *b,
			      size_t end)
{
	const struct cw_report_group *g = &r->groups[which];
	struct cw_html_table t;
	uint64_t listed = 0;

	cw_buf_printf(b, "<details%s><summary>Events of this group</summary>\n",
		      g->n <= OPEN_ROWS ? " open=\"open\"" : "");
	for (size_t i = 0; i < r->n_items && b->len < end; i++)
		if (r->items[i].group == which) {
			if (!listed++)
				cw_html_table_begin(&t, b, NULL, own_heads);
			write_item(r, &t, &r->items[i], false);
		}
	if (listed)
		cw_html_table_end(&t);
	if (listed < g->n) {
		cw_buf_puts(b, "<p>");
		cw_html_counted(b, g->n - listed, "more event", "more events");
		cw_buf_puts(b, " of this group, up to event ");
		cw_html_event(b, r, &g->last);
		cw_buf_puts(b, ", found no room here; the sums under Events hold them.</p>\n");
	}
	cw_buf_puts(b, "</details>\n");
}

static void write_group_head(const struct cw_report *r, const struct cw_report_group *g,
			     struct cw_buf *b)
{
	cw_buf_printf(b, "<article class=\"v%u\"><h3>", (unsigned int)g->severity);
	cw_html_verdict(b, CW_DECISION_FLAG, g->severity);
	cw_buf_puts(b, " ");
	cw_html_who(b, r, g->who);
	if (g->from) {
		cw_buf_puts(b, " from ");
		cw_html_value(b, g->from);
	}
	if (g->lane != UINT32_MAX) {
		cw_buf_puts(b, " at ");
		cw_html_lane(b, r, g->lane);
	}
	cw_buf_puts(b, ": ");
	write_kinds(g, b);
	cw_buf_puts(b, "</h3>\n<p class=\"why\">");
	cw_html_value(b, g->sample->verdict.why ? g->sample->verdict.why :
						  g->sample->verdict.rule);
	if (g->last_why && !cw_streq(g->last_why, g->sample->verdict.why)) {
		cw_buf_puts(b, "; the last: ");
		cw_html_value(b, g->last_why);
	}
	cw_buf_puts(b, "</p>\n");
}

static void write_group(const struct cw_report *r, uint32_t which, struct cw_buf *b, size_t end)
{
	const struct cw_report_group *g = &r->groups[which];
	const struct cw_event *e = g->sample;

	if (!e)
		return;
	write_group_head(r, g, b);
	cw_buf_puts(b, "<dl><dt>When</dt><dd>");
	cw_html_time(b, g->first.time_ns);
	cw_buf_puts(b, " (event ");
	cw_html_event(b, r, &g->first);
	cw_buf_putc(b, ')');
	if (g->n > 1) {
		cw_buf_puts(b, " to ");
		cw_html_time(b, g->last.time_ns);
		cw_buf_puts(b, " (event ");
		cw_html_event(b, r, &g->last);
		cw_buf_putc(b, ')');
	}
	term(b, "Rule");
	cw_html_value(b, e->verdict.rule);
	cw_buf_printf(b, ", class %s", cw_class_name(g->class));
	if (e->verdict.technique) {
		cw_buf_puts(b, ", ATT&amp;CK ");
		cw_html_value(b, e->verdict.technique);
	}
	if (e->asset.kind != CW_ASSET_NONE) {
		term(b, "Asset");
		write_asset(&e->asset, b);
	}
	if (e->process.pid)
		write_process(e, b);
	if (g->n == 1)
		write_only(e, b);
	cw_buf_puts(b, "</dd></dl>\n");
	if (g->n > 1)
		write_occurrences(r, which, b, end);
	cw_buf_puts(b, "</article>\n");
}

void cw_report_write_flags(const struct cw_report *r, struct cw_buf *b, size_t room)
{
	size_t end = b->len + room;
	struct order o = { .n = r->group_keys.n };
	uint64_t left = r->groups_lost;
	uint32_t i;

	for (i = 0; i < o.n; i++)
		o.which[i] = i;
	qsort_r(o.which, o.n, sizeof(*o.which), by_severity, (void *)(uintptr_t)r);
	cw_buf_puts(b, "<section><h2 id=\"flags\">Flags</h2>\n");
	if (!r->flags) {
		cw_buf_puts(b, r->n_policies ? "<p>Nothing was flagged.</p></section>\n" :
			    "<p>Nothing was judged: there is no policy.</p></section>\n");
		return;
	}
	cw_buf_puts(b, "<p class=\"lead\">");
	cw_html_counted(b, r->flags, "flag", "flags");
	cw_buf_puts(b, " in ");
	cw_html_counted(b, o.n, "group", "groups");
	cw_buf_puts(b, ", worst first. A group is the same person or program, asset, executable "
		    "and reason; process and command are those of its first event.</p>\n");
	for (i = 0; i < o.n && b->len < end; i++)
		write_group(r, o.which[i], b, b->len + (end - b->len) / 4);
	for (; i < o.n; i++)
		left += r->groups[o.which[i]].n;
	if (left) {
		cw_buf_puts(b, "<p>");
		cw_html_counted(b, left, "more flag", "more flags");
		cw_buf_puts(b, " found no room here; the sums under <a href=\"#events\">Events</a> "
			    "hold them.</p>\n");
	}
	cw_buf_puts(b, "</section>\n");
}

/* ---- sums ---- */

static void write_sum_row(const struct cw_report *r, const struct cw_report_cell *c,
			  struct cw_html_table *t)
{
	struct cw_buf *b = t->b;

	cw_html_row(t);
	cw_html_cell(t);
	cw_html_count(b, c->n - c->listed);
	cw_html_cell(t);
	cw_html_who(b, r, c->who);
	cw_html_cell(t);
	cw_buf_printf(b, "<code class=\"w0\">%s</code>", c->kind == CW_KIND_MAX ? "various" :
					    cw_kind_name(c->kind));
	cw_html_cell(t);
	cw_html_lane(b, r, c->lane);
	cw_html_cell(t);
	cw_html_verdict(b, c->decision, c->severity);
	cw_html_cell(t);
	cw_html_time(b, c->first.time_ns);
	cw_buf_puts(b, " (event ");
	cw_html_event(b, r, &c->first);
	cw_buf_puts(b, ") – ");
	cw_html_time(b, c->last.time_ns);
	cw_buf_puts(b, " (event ");
	cw_html_event(b, r, &c->last);
	cw_buf_putc(b, ')');
}

static bool is_summed(const struct cw_report *r, uint32_t i, bool changes)
{
	const struct cw_report_cell *c = &r->cells[i];

	return c->n > c->listed && (!changes || cw_report_is_change(r, c->kind));
}

/* The rows of what is not listed; `changes`: only of those kinds. Adds up to what is given back. */
static void write_sums(const struct cw_report *r, struct cw_buf *b, bool changes, size_t end)
{
	static const char *const heads[] = { "Events", "Who", "What", "Asset", "Verdict",
					     "First – last", NULL };
	uint64_t left = 0, sorts = 0;
	struct cw_html_table t;

	cw_html_table_begin(&t, b, "Summed up: events that are not listed one by one", heads);
	for (uint32_t i = 0; i <= CW_REPORT_CELLS_MAX; i++) {
		if (i >= r->cell_keys.n && i < CW_REPORT_CELLS_MAX)
			continue;
		if (!is_summed(r, i, changes))
			continue;
		if (b->len < end) {
			write_sum_row(r, &r->cells[i], &t);
		} else {
			left += r->cells[i].n - r->cells[i].listed;
			sorts++;
		}
	}
	cw_html_table_end(&t);
	if (!left)
		return;
	cw_buf_puts(b, "<p>");
	cw_html_counted(b, left, "more event", "more events");
	cw_buf_puts(b, " of ");
	cw_html_counted(b, sorts, "more sort", "more sorts");
	cw_buf_puts(b, " found no room in this table.</p>\n");
}

/* ---- deletions and copies ---- */

void cw_report_write_changes(const struct cw_report *r, struct cw_buf *b, size_t room)
{
	size_t end = b->len + room;
	uint64_t all = 0;

	for (unsigned int k = 0; k < CW_KIND_MAX; k++)
		all += cw_report_is_change(r, k) ? r->kinds[k] : 0;
	cw_buf_puts(b, "<section><h2 id=\"changes\">Deletions, moves and copies</h2>\n"
		    "<p class=\"lead\">Recordings that were deleted, renamed, linked, cut short or "
		    "changed in their rights. “last yes” means that no other name was left; "
		    "“to_watched no” that it was moved out of the watched folder. What was copied "
		    "by reading is an <code>open</code>, under Flags and Events.</p>\n");
	if (!all) {
		cw_buf_puts(b, "<p>None was seen.</p></section>\n");
		return;
	}
	if (cw_html_items(r, b, r->change_kinds, end) < all)
		write_sums(r, b, true, end + room);
	cw_buf_puts(b, "</section>\n");
}

/* ---- all events ---- */

static const char *const level_names[CW_REPORT_LEVELS] = {
	"flags of high and critical severity, the first 100 of each group",
	"other flags, likewise",
	"what camwarden says of itself, and refusals, deletions and changes by people",
	"further flags, and whatever else people did",
	"what programs were allowed to do, and canaries that came through",
};

/* The list has its share: what does not fit is counted with the sums. */
static uint64_t write_list(struct cw_report *r, struct cw_buf *b, size_t end)
{
	struct cw_html_table t;
	uint64_t n = 0;

	cw_buf_printf(b, "<details%s><summary>One by one</summary>\n",
		      r->n_items <= FOLD_ROWS ? " open=\"open\"" : "");
	cw_html_table_begin(&t, b, NULL, item_heads);
	for (size_t i = 0; i < r->n_items; i++) {
		if (b->len < end) {
			write_item(r, &t, &r->items[i], true);
			n++;
		} else {
			r->cells[r->items[i].cell].listed--;
		}
	}
	cw_html_table_end(&t);
	cw_buf_puts(b, "</details>\n");
	return n;
}

static void write_account(const struct cw_report *r, struct cw_buf *b, uint64_t listed,
			  uint64_t rows)
{
	cw_buf_puts(b, "<p id=\"account\">");
	cw_html_counted(b, r->events, "event", "events");
	cw_buf_puts(b, " in all: ");
	cw_html_count(b, listed);
	cw_buf_puts(b, " listed one by one, ");
	cw_html_count(b, r->events - listed);
	cw_buf_puts(b, " summed up in ");
	cw_html_counted(b, rows, "row", "rows");
	cw_buf_puts(b, ".</p>\n");
	if (r->level < CW_REPORT_LEVELS) {
		cw_buf_puts(b, "<p>The list was thinned by level. Listed:</p><ul>");
		for (unsigned int i = 0; i < r->level; i++)
			cw_buf_printf(b, "<li>%s</li>", level_names[i]);
		cw_buf_puts(b, "</ul><p>Only summed up:</p><ul>");
		for (unsigned int i = r->level; i < CW_REPORT_LEVELS; i++)
			cw_buf_printf(b, "<li>%s</li>", level_names[i]);
		cw_buf_puts(b, "</ul>\n");
	}
	if (r->n_items == r->max_items)
		cw_buf_puts(b, "<p>There were more of the listed sorts than there is room; the "
			    "first ones are listed, the rest is summed up.</p>\n");
}

void cw_report_write_events(struct cw_report *r, struct cw_buf *b, size_t room)
{
	cw_auto_buf struct cw_buf table = { 0 };
	uint64_t listed, rows = 0;

	listed = write_list(r, &table, room);
	for (uint32_t i = 0; i <= CW_REPORT_CELLS_MAX; i++)
		rows += (i < r->cell_keys.n || i == CW_REPORT_CELLS_MAX) && is_summed(r, i, false);
	cw_buf_puts(b, "<section><h2 id=\"events\">Events</h2>\n");
	write_account(r, b, listed, rows);
	if (rows)
		write_sums(r, b, false, b->len + room / 2);
	if (table.data)
		cw_buf_add(b, table.data, table.len);
	b->error = b->error ? b->error : table.error;
	cw_buf_puts(b, "</section>\n");
}
