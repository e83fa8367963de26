// SPDX-License-Identifier: Apache-2.0
#include "report_html.h"
#include "sink/json.h"
#include "sink/text.h"

#define TEXT_MAX 2048u /* bytes of one text; the trace has all of it */

void cw_html_safe(struct cw_buf *b, const char *s)
{
	static const char special[] = "&<>\"'";
	static const char *const as[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;" };

	for (size_t n; *s; s++) {
		n = strcspn(s, special);
		cw_buf_add(b, s, n);
		s += n;
		if (!*s)
			return;
		cw_buf_puts(b, as[strchr(special, *s) - special]);
	}
}

void cw_html_text(struct cw_buf *b, const char *s)
{
	cw_auto_buf struct cw_buf safe = { 0 };
	size_t cut = TEXT_MAX;

	cw_text_safe(&safe, s);
	if (safe.error)
		b->error = safe.error;
	if (safe.len > TEXT_MAX) {
		while (cut && ((unsigned char)safe.data[cut] & 0xc0) == 0x80)
			cut--;
		safe.data[cut] = '\0';
	}
	cw_html_safe(b, safe.data ? safe.data : "");
	if (safe.len > TEXT_MAX)
		cw_buf_printf(b, "… (%zu more bytes)", safe.len - cut);
}

static void element(struct cw_buf *b, const char *name, const char *s)
{
	if (!s) {
		cw_buf_puts(b, "<i>unknown</i>");
		return;
	}
	cw_buf_printf(b, "<%s>", name);
	cw_html_text(b, s);
	cw_buf_printf(b, "</%s>", name);
}

void cw_html_value(struct cw_buf *b, const char *s)
{
	element(b, "bdi", s);
}

void cw_html_code(struct cw_buf *b, const char *s)
{
	element(b, "code", s);
}

void cw_html_count(struct cw_buf *b, uint64_t n)
{
	if (n >= 1000) {
		cw_html_count(b, n / 1000);
		cw_buf_printf(b, ",%03u", (unsigned int)(n % 1000));
	} else {
		cw_buf_printf(b, "%u", (unsigned int)n);
	}
}

void cw_html_counted(struct cw_buf *b, uint64_t n, const char *one, const char *many)
{
	cw_html_count(b, n);
	cw_buf_printf(b, " %s", n == 1 ? one : many);
}

void cw_html_time(struct cw_buf *b, uint64_t ns)
{
	char t[CW_JSON_TIME_SIZE];

	cw_json_time(ns, t);
	cw_buf_printf(b, "<span class=\"t\">%.10s %.12s</span>", t, t + 11);
}

void cw_html_duration(struct cw_buf *b, double seconds)
{
	uint64_t s = (uint64_t)seconds;

	if (seconds < 60)
		cw_buf_printf(b, seconds < 10 ? "%.2f s" : "%.1f s", seconds);
	else if (s < 3600)
		cw_buf_printf(b, "%u min %u s", (unsigned int)(s / 60), (unsigned int)(s % 60));
	else if (s < 86400)
		cw_buf_printf(b, "%u h %u min", (unsigned int)(s / 3600),
			      (unsigned int)(s / 60 % 60));
	else
		cw_buf_printf(b, "%llu d %u h", (unsigned long long)(s / 86400),
			      (unsigned int)(s / 3600 % 24));
}

void cw_html_bytes(struct cw_buf *b, uint64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double n = (double)bytes;
	unsigned int i = 0;

	for (; n >= 1000 && i < CW_ARRAY_SIZE(units) - 1; i++)
		n /= 1000;
	cw_buf_printf(b, i ? "%.1f %s" : "%.0f %s", n, units[i]);
}

void cw_html_event(struct cw_buf *b, const struct cw_report *r, const struct cw_report_moment *at)
{
	cw_buf_puts(b, "<span class=\"n\">");
	if (r->n_proofs > 1)
		cw_buf_printf(b, "%u/", at->file + 1);
	cw_buf_printf(b, "%llu</span>", (unsigned long long)at->seq);
}

/* ---- tables ---- */

void cw_html_table_begin(struct cw_html_table *t, struct cw_buf *b, const char *caption,
			 const char *const *heads)
{
	*t = (struct cw_html_table){ .b = b, .heads = heads };
	cw_buf_puts(b, "<table>");
	if (caption)
		cw_buf_printf(b, "<caption>%s</caption>", caption);
	cw_buf_puts(b, "<thead><tr>");
	for (size_t i = 0; heads[i]; i++)
		cw_buf_printf(b, "<th scope=\"col\">%s</th>", heads[i]);
	cw_buf_puts(b, "</tr></thead><tbody>\n");
}

static void end_cell(struct cw_html_table *t)
{
	if (t->column)
		cw_buf_puts(t->b, t->column == 1 ? "</th>" : "</td>");
}

static void end_row(struct cw_html_table *t)
{
	end_cell(t);
	if (t->column)
		cw_buf_puts(t->b, "</tr>\n");
	t->column = 0;
}

void cw_html_row(struct cw_html_table *t)
{
	end_row(t);
	cw_buf_puts(t->b, "<tr>");
}

void cw_html_cell(struct cw_html_table *t)
{
	end_cell(t);
	cw_buf_printf(t->b, t->column ? "<td data-l=\"%s\">" : "<th scope=\"row\" data-l=\"%s\">",
		      t->heads[t->column]);
	t->column++;
}

void cw_html_table_end(struct cw_html_table *t)
{
	end_row(t);
	cw_buf_puts(t->b, "</tbody></table>\n");
}

/* ---- what the sections share ---- */

void cw_html_who(struct cw_buf *b, const struct cw_report *r, uint32_t who)
{
	const struct cw_report_who *w = &r->whos[who];

	cw_html_value(b, w->name);
	if (r->hubs.n > 1 && w->hub) {
		cw_buf_puts(b, " on ");
		cw_html_value(b, w->hub);
	}
}

void cw_html_lane(struct cw_buf *b, const struct cw_report *r, uint32_t lane)
{
	const struct cw_report_lane *l;

	if (lane == UINT32_MAX) {
		cw_buf_puts(b, "no asset");
		return;
	}
	l = &r->lanes[lane];
	if (l->name)
		cw_html_value(b, l->name);
	else
		cw_html_value(b, l->what);
	if (r->hubs.n > 1 && l->hub) {
		cw_buf_puts(b, " on ");
		cw_html_value(b, l->hub);
	}
}

void cw_html_verdict(struct cw_buf *b, unsigned int decision, unsigned int severity)
{
	if (decision == CW_DECISION_FLAG)
		cw_buf_printf(b, "<b class=\"s s%u\">%s</b>", severity,
			      cw_severity_name((enum cw_severity)severity));
	else
		cw_buf_puts(b, decision == CW_DECISION_ALLOW ? "allowed" : "–");
}

void cw_html_program(struct cw_buf *b, const char *exe, uint32_t pid)
{
	cw_html_value(b, cw_base_name(exe));
	if (pid)
		cw_buf_printf(b, "<span class=\"n\">[%u]</span>", pid);
}

/* ---- looks ---- */

/*
 * System fonts; colours with a contrast of 4.5 or more on their ground in both schemes. Nothing is
 * told by colour alone.
 */
const char cw_html_style[] =
	":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--mut:#57606a;--line:#d4d9df;"
	"--card:#f6f7f9;--bad:#a4161a;--badbg:#fdf0ef;--warn:#7a4d00;--warnbg:#fdf6e7;"
	"--good:#1b5e3a;--goodbg:#eef7f1;--acc:#1f4e8c;--bar:#5b7fb0;--hatch:#8a929b}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e6e9ec;--mut:#a5aeb7;"
	"--line:#363d45;--card:#1c2126;--bad:#ff8f88;--badbg:#2d1a1b;--warn:#f0b862;"
	"--warnbg:#2a2315;--good:#7fd1a3;--goodbg:#16251c;--acc:#8fbbf5;--bar:#6f97cd;"
	"--hatch:#7b848d}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,-apple-system,"
	"\"Segoe UI\",Roboto,\"Noto Sans\",\"Liberation Sans\",Arial,sans-serif;"
	"overflow-wrap:anywhere;-webkit-text-size-adjust:100%}\n"
	"main,header,footer{max-width:70rem;margin:0 auto;padding:0 1.25rem}\n"
	"header{padding-top:2rem}footer{padding-bottom:3rem;color:var(--mut)}\n"
	"h1{font-size:1.75rem;line-height:1.2;margin:.25rem 0 1rem;font-weight:650;"
	"letter-spacing:-.01em}\n"
	"h2{font-size:1.3rem;line-height:1.25;margin:3rem 0 .5rem;padding-top:.75rem;"
	"border-top:2px solid var(--fg);font-weight:650}\n"
	"h3{font-size:1.05rem;line-height:1.35;margin:1.75rem 0 .5rem;font-weight:650}\n"
	"p,ul,ol,dl,table{margin:.5rem 0 1rem}.lead{color:var(--mut);max-width:46rem}\n"
	".over{font-size:.85rem;color:var(--mut);margin:0;letter-spacing:.02em}\n"
	"a{color:var(--acc);text-underline-offset:.15em}\n"
	"bdi{unicode-bidi:isolate}i{color:var(--mut)}\n"
	"code,.n,.t{font-variant-numeric:tabular-nums}\n"
	"code{font:.875em/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\","
	"\"Liberation Mono\",monospace;unicode-bidi:isolate}\n"
	"nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;padding:0}\n"
	".say{border-left:.3rem solid var(--mut);background:var(--card);padding:.9rem 1.1rem;"
	"margin:1rem 0;border-radius:0 .3rem .3rem 0}.say p{margin:.3rem 0}.say h3{margin:0}\n"
	".say.bad{border-color:var(--bad);background:var(--badbg)}\n"
	".say.warn{border-color:var(--warn);background:var(--warnbg)}\n"
	".say.good{border-color:var(--good);background:var(--goodbg)}\n"
	".tag{font-weight:700;letter-spacing:.01em}.bad>.tag,.bad .tag{color:var(--bad)}"
	".warn .tag{color:var(--warn)}.good .tag{color:var(--good)}\n"
	"dl{display:grid;grid-template-columns:minmax(6.5rem,max-content) minmax(0,1fr);"
	"gap:.2rem 1.25rem}dt{color:var(--mut)}dd{margin:0}\n"
	"table{border-collapse:collapse;width:100%;font-size:.9rem;line-height:1.4}\n"
	"caption{text-align:left;color:var(--mut);padding-bottom:.35rem;font-size:.9rem}\n"
	"th,td{text-align:left;vertical-align:top;padding:.4rem .9rem .4rem 0;"
	"border-bottom:1px solid var(--line);font-weight:400;min-width:3.6rem;"
	"overflow-wrap:break-word}tbody th{min-width:5rem}"
	"td[data-l=Who],td[data-l=Detail]{min-width:7rem}"
	"td code,td bdi,th bdi,.y{overflow-wrap:anywhere}.w0{white-space:nowrap}\n"
	"thead th{color:var(--mut);font-size:.8rem;border-bottom:1px solid var(--mut);"
	"white-space:nowrap}tbody th{font-weight:600}\n"
	".t{white-space:nowrap}\n"
	".s{font-weight:650;white-space:nowrap}.s:before{content:\"\\25B2\\A0\";font-size:.75em}\n"
	".s4,.s3{color:var(--bad)}.s2{color:var(--warn)}.s1,.s0{color:var(--mut)}\n"
	"article{border:1px solid var(--line);border-radius:.4rem;padding:.9rem 1.1rem 1rem;"
	"margin:1rem 0;break-inside:avoid}article h3{margin:0 0 .4rem}\n"
	"article.v3,article.v4{border-left:.3rem solid var(--bad)}"
	"article.v2{border-left:.3rem solid var(--warn)}"
	"article dl{margin:.6rem 0;font-size:.92rem}.why{margin:.3rem 0}\n"
	"details{margin:.5rem 0}summary{cursor:pointer;color:var(--acc)}\n"
	".lane{margin:1.5rem 0 .25rem}.lane h3{margin:0}.lane p{margin:.1rem 0 .4rem;"
	"color:var(--mut);font-size:.9rem}\n"
	".row{display:grid;grid-template-columns:15rem minmax(0,1fr);gap:0 1rem;align-items:center;"
	"border-top:1px solid var(--line);padding:.3rem 0;font-size:.88rem;line-height:1.3;"
	"break-inside:avoid}\n"
	".row small{display:block;color:var(--mut);font-size:.95em}\n"
	".row svg,.key svg{display:block;width:100%;overflow:visible}\n"
	".axis{font-size:.8rem;color:var(--mut)}.axis div{display:flex;"
	"justify-content:space-between;gap:.5rem}\n"
	".key{display:flex;flex-wrap:wrap;gap:.3rem 1.25rem;list-style:none;padding:0;"
	"font-size:.88rem}.key li{display:flex;gap:.5rem;align-items:center}"
	".key svg{width:2.2rem}\n"
	".a{fill:var(--bar);stroke:var(--bar)}.f{fill:url(#hf);stroke:var(--bad)}"
	".o{stroke:var(--bar)}.x{stroke:var(--bad);stroke-width:2}.h{fill:var(--bar)}"
	".g{fill:var(--bad)}.b{fill:url(#hg);stroke:var(--hatch);stroke-opacity:.6}"
	".hf{fill:var(--badbg)}.hl{stroke:var(--bad);stroke-width:3}.gl{stroke:var(--hatch);"
	"stroke-width:1.5}.m{fill:none;stroke:var(--fg);stroke-width:1.6}"
	".k{fill:var(--bg);fill-opacity:.01;stroke:var(--bad);stroke-width:2.2}"
	".base{stroke:var(--line)}\n"
	".chain{display:flex;flex-wrap:wrap;list-style:none;padding:0;gap:.4rem 0;margin:.4rem 0 "
	"1rem;break-inside:avoid}\n"
	".chain li{display:flex;align-items:center}.chain li+li:before{content:\"\\2192\";"
	"padding:0 .6rem;font-size:1.3rem;color:var(--mut)}\n"
	".step{border:1px solid var(--line);background:var(--card);border-radius:.35rem;"
	"padding:.4rem .75rem;font-size:.88rem;line-height:1.35;min-width:8rem}\n"
	".step.x{border:2px solid var(--bad);stroke:none}.step b{display:block}"
	".step small{display:block;color:var(--mut)}.step .s{display:inline}\n"
	"@media screen and (max-width:62rem){table,tbody,tr,th,td{display:block;width:auto}"
	"thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}"
	"caption{display:block}\n"
	"tbody tr{border:1px solid var(--line);border-radius:.35rem;padding:.4rem .75rem;"
	"margin:0 0 .6rem}\n"
	"tbody th,tbody td{position:relative;border:0;padding:.12rem 0 .12rem 6.75rem;min-width:0;"
	"min-height:1.6rem}tbody th:before,tbody td:before{content:attr(data-l);position:absolute;"
	"left:0;width:6.25rem;color:var(--mut);font-weight:400;font-size:.85rem;line-height:1.5}"
	".axis .w{display:none}}\n"
	"@media screen and (max-width:46rem){body{font-size:15px}"
	"main,header,footer{padding-left:1rem;"
	"padding-right:1rem}header{padding-top:1.25rem}h1{font-size:1.45rem}h2{margin-top:2.25rem}"
	".row{grid-template-columns:minmax(0,1fr);gap:.3rem}\n"
	"dl{grid-template-columns:minmax(0,1fr);gap:0}dt{font-size:.85rem;margin-top:.45rem}\n"
	".t{white-space:normal}\n"
	".chain{flex-direction:column;gap:0}.chain li{display:block}"
	".chain li+li:before{content:\"\\2193\";display:block;padding:.05rem 1rem;line-height:1.2}"
	".axis .t{max-width:48%}.axis .t:last-child{text-align:right}}\n"
	"@media print{@page{size:A4;margin:16mm 14mm}:root{font-size:12px;color-scheme:light;"
	"--bg:#fff;--fg:#000;"
	"--mut:#444;--line:#bbb;--card:#fff;--bad:#8c1216;--badbg:#fff;--warn:#6b4300;"
	"--warnbg:#fff;--good:#174f31;--goodbg:#fff;--acc:#000;--bar:#46658f;--hatch:#777}\n"
	"body{font-size:10pt}main,header,footer{max-width:none;padding:0}nav{display:none}"
	"h2{break-after:avoid;margin-top:1.5rem}h3,caption{break-after:avoid}tr{break-inside:avoid}"
	"thead{display:table-header-group}"
	".say{border:1px solid var(--line);border-left:.3rem solid}"
	"a[href^=http]:after{content:\" (\" attr(href) \")\"}summary{list-style:none;color:inherit}"
	"details::details-content{content-visibility:visible;display:block;height:auto}}\n";
