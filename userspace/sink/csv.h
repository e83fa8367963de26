/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as rows of a table, RFC 4180: comma, quotes where needed, CR LF. Columns only ever come
 * behind the present ones. What is not known is empty. Cells are shown as text is on a terminal
 * (cw_text_safe), and one that a spreadsheet would take for a formula gets an apostrophe in front.
 */
#ifndef CW_CSV_H
#define CW_CSV_H

#include "base/buf.h"
#include "model/event.h"

/* The row of names. */
void cw_csv_header(struct cw_buf *b);
void cw_csv_event(struct cw_buf *b, const struct cw_event *e);
/*
 * Appends a cell, with the comma before it unless it is the first of its row, which may not be
 * empty. NULL: empty. `s` has no control characters.
 */
void cw_csv_cell(struct cw_buf *b, const char *s);

#endif
