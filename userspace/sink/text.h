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
 * container, the unit or the origin; then " as USER" if the process runs as another one. What
 * groups events by person groups by this.
 */
void cw_text_subject(struct cw_buf *b, const struct cw_event *e);
/* The command line as one would type it; control bytes escaped. "unknown" if it is. */
void cw_text_command(struct cw_buf *b, const struct cw_process *p);

#endif
