/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event for people: one aligned line, and under a flag the why and the chain. Control bytes of
 * names and arguments are shown escaped, never sent to the terminal. What is not known reads
 * "unknown".
 */
#ifndef CW_TEXT_H
#define CW_TEXT_H

#include "base/buf.h"
#include "model/event.h"

struct cw_text_style {
	bool color; /* the caller decides: terminal, NO_COLOR */
	/*
	 * Columns; 0: no wrapping or cutting. Else the indented lines are wrapped, and names on the
	 * first line are cut, so that a long one cannot push the person out of sight.
	 */
	unsigned int width;
};

void cw_text_event(struct cw_buf *b, const struct cw_event *e, const struct cw_text_style *style);
/*
 * Appends `s` with what a terminal would obey or hide made visible: \n, \x1b, \x7f, bytes that are
 * not UTF-8 as \xff, C1 controls, direction marks and invisible characters as \u202e, and the
 * backslash itself as \\. NULL gives "unknown".
 */
void cw_text_safe(struct cw_buf *b, const char *s);
/*
 * Who is behind an event, in as few words as can be: the person who logged in, else the kernel, the
 * container, the unit or the origin; then " as USER" if the process runs as another one.
 */
void cw_text_subject(struct cw_buf *b, const struct cw_event *e);
/* The command line as one would type it; control bytes escaped. "unknown" if it is. */
void cw_text_command(struct cw_buf *b, const struct cw_process *p);

/*
 * The person behind an event, in as few words as can be: who logged in, else the peer (its address
 * alone), else container, unit or type of origin; "unknown process" where there is none. Harmless
 * as cw_text_safe() makes it, like the next.
 */
void cw_text_person(struct cw_buf *b, const struct cw_event *e);
/* The person, who he acts as, and from where: "alice as root from 203.0.113.7:51512". */
void cw_text_who(struct cw_buf *b, const struct cw_event *e);
/* The executable's last name and the pid: "motion[640]". */
void cw_text_program(struct cw_buf *b, const struct cw_process *p);
/* "EACCES", or "errno 123" of those that accesses are not refused with. */
void cw_text_errno(struct cw_buf *b, int result);

/*
 * How many bytes of `s`, which is valid UTF-8 of `len` bytes, fit in `max` columns of a terminal,
 * and how many columns they take.
 */
size_t cw_text_fit(const char *s, size_t len, size_t max, size_t *ret_columns);

/* Who started whom, from the far end: "sshd[332] > bash[338] > rm[340]". */
void cw_text_chain(struct cw_buf *b, const struct cw_process *p);
/* "frames 250" */
void cw_text_detail(struct cw_buf *b, const struct cw_detail *d);

#endif
