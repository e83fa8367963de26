/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judged events to lines, the same for what happens now (run) and what a trace tells (replay):
 * which of them are printed, and how. Where the lines go is the caller's business.
 */
#ifndef CW_PRINTER_H
#define CW_PRINTER_H

#include "base/buf.h"
#include "model/event.h"
#include "sink/text.h"

enum cw_format { CW_FORMAT_TEXT, CW_FORMAT_JSON };

struct cw_printer {
	enum cw_format format;
	bool all; /* allowed accesses, too */
	struct cw_text_style style;
	struct cw_buf line;
	uint64_t flags, flagged[CW_CLASS_MAX];
};

/* Colour and width, if standard output is a terminal. */
void cw_printer_ask_terminal(struct cw_printer *p);
/* Would the event be printed? Changes nothing; every flag is. */
bool cw_printer_wants(const struct cw_printer *p, const struct cw_event *e);
/*
 * Counts the event, and puts its line into p->line. False: it is not one to be printed. The caller
 * looks at p->line.error.
 */
bool cw_printer_take(struct cw_printer *p, const struct cw_event *e);
/* "3 flags: 2 employee, 1 service" */
void cw_printer_summary(const struct cw_printer *p, FILE *f);
void cw_printer_free(struct cw_printer *p);

#endif
