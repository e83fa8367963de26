/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of the page. What comes from events goes through cw_html_text() or cw_html_value() and
 * nothing else; it cannot leave its place, whatever it says. The page is well-formed XML, too.
 */
#ifndef CW_REPORT_HTML_H
#define CW_REPORT_HTML_H

#include "report.h"

/* Style sheet of the page. */
extern const char cw_html_style[];

/*
 * Text of an event: what a browser would obey or hide is made visible as cw_text_safe() does, and
 * markup becomes text. Very long ones are cut, which is said. NULL gives "unknown".
 */
void cw_html_text(struct cw_buf *b, const char *s);
/* The same of text that cw_text_safe() made harmless already. */
void cw_html_safe(struct cw_buf *b, const char *s);
/* A text of an event in an element of its own, so that its direction stays inside. */
void cw_html_value(struct cw_buf *b, const char *s);
void cw_html_code(struct cw_buf *b, const char *s);

/* "1,204,331" */
void cw_html_count(struct cw_buf *b, uint64_t n);
/* "1 flag", "1,204 flags" */
void cw_html_counted(struct cw_buf *b, uint64_t n, const char *one, const char *many);
/* "2026-11-24 04:36:59.085", UTC */
void cw_html_time(struct cw_buf *b, uint64_t ns);
/* "1.8 s", "12 min 5 s", "2 d 4 h" */
void cw_html_duration(struct cw_buf *b, double seconds);
/* "2.4 MB" */
void cw_html_bytes(struct cw_buf *b, uint64_t bytes);
/* The number of an event; with that of its trace if there are several: "2/42". */
void cw_html_event(struct cw_buf *b, const struct cw_report *r, const struct cw_report_moment *at);

/* A table whose rows become cards where there is no room for columns. */
struct cw_html_table {
	struct cw_buf *b;
	const char *const *heads; /* NULL-terminated */
	unsigned int column;
};

/* `caption` NULL: none. */
void cw_html_table_begin(struct cw_html_table *t, struct cw_buf *b, const char *caption,
			 const char *const *heads);
void cw_html_row(struct cw_html_table *t);  /* ends the one before */
void cw_html_cell(struct cw_html_table *t); /* likewise; the first of a row is its head */
void cw_html_table_end(struct cw_html_table *t);

/* ---- what the sections share ---- */

/* The person or program, and the hub if there are several. */
void cw_html_who(struct cw_buf *b, const struct cw_report *r, uint32_t who);
void cw_html_lane(struct cw_buf *b, const struct cw_report *r, uint32_t lane);
void cw_html_verdict(struct cw_buf *b, unsigned int decision, unsigned int severity);
/* Those of the list that are of these kinds (bits), folded if many. Returns how many there are. */
uint64_t cw_html_items(const struct cw_report *r, struct cw_buf *b, uint64_t kinds, size_t end);
/* Last component of the path of an executable. */
void cw_html_program(struct cw_buf *b, const char *exe, uint32_t pid);

/* ---- the sections, in files of their own ---- */

void cw_report_write_flags(const struct cw_report *r, struct cw_buf *b, size_t room);
void cw_report_write_timeline(const struct cw_report *r, struct cw_buf *b, size_t room);
void cw_report_write_chains(const struct cw_report *r, struct cw_buf *b, size_t room);
void cw_report_write_changes(const struct cw_report *r, struct cw_buf *b, size_t room);
void cw_report_write_blind(const struct cw_report *r, struct cw_buf *b, size_t room);
void cw_report_write_events(struct cw_report *r, struct cw_buf *b, size_t room);
void cw_report_write_people(const struct cw_report *r, struct cw_buf *b, size_t room);

#endif
