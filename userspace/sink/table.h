/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of cells as an aligned table for people, as CSV (RFC 4180) or as one JSON object a line.
 * Whatever is in a cell arrives harmless: terminal commands are shown, not sent; what a spreadsheet
 * would take for a formula gets an apostrophe in front.
 */
#ifndef CW_TABLE_H
#define CW_TABLE_H

#include "base/buf.h"

enum cw_table_form { CW_TABLE_TEXT, CW_TABLE_CSV, CW_TABLE_JSON };

enum cw_table_color { CW_TABLE_PLAIN, CW_TABLE_DIM, CW_TABLE_WARN, CW_TABLE_ALARM,
		      CW_TABLE_COLOR_MAX };

struct cw_table_column {
	const char *key; /* of CSV and JSON; in upper case the title of a table */
	bool right;	 /* numbers */
};

struct cw_table;

/*
 * `width`: columns of the terminal, to which long cells are cut; 0: nothing is cut. The columns
 * must live on. What is ready to be written is in *out after each row; the caller empties it.
 */
int cw_table_new(enum cw_table_form form, const struct cw_table_column *columns, unsigned int n,
		 unsigned int width, bool color, struct cw_buf *out, struct cw_table **ret_table);
void cw_table_free(struct cw_table *t);

/* The next cell of the row; the last one ends it. NULL: not known. */
void cw_table_text(struct cw_table *t, const char *raw, enum cw_table_color color);
/* The same, already made harmless as cw_text_safe() does. */
void cw_table_safe(struct cw_table *t, const char *safe, enum cw_table_color color);
/* `at_least`: it is that or more. In JSON that is a key of its own, KEY_at_least, if it is so. */
void cw_table_number(struct cw_table *t, uint64_t n, bool at_least);
/* With one decimal; in JSON and CSV with three. */
void cw_table_real(struct cw_table *t, double d, bool at_least);
/* What waits for the widths of columns to be known. Without any row: a table's titles. */
void cw_table_finish(struct cw_table *t);

#endif
