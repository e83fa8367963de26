// SPDX-License-Identifier: Apache-2.0
#include <sys/ioctl.h>

#include "printer.h"
#include "sink/json.h"

void cw_printer_ask_terminal(struct cw_printer *p)
{
	struct winsize w;

	if (!isatty(STDOUT_FILENO))
		return;
	p->style.color = !getenv("NO_COLOR") || !*getenv("NO_COLOR");
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &w))
		p->style.width = w.ws_col;
}

/* What the agent itself says is always printed; of the accesses only the flags, unless all. */
bool cw_printer_wants(const struct cw_printer *p, const struct cw_event *e)
{
	if (p->all || e->verdict.decision == CW_DECISION_FLAG)
		return true;
	return p->format == CW_FORMAT_JSON && !cw_kind_is_access(e->kind);
}

bool cw_printer_take(struct cw_printer *p, const struct cw_event *e)
{
	if (e->verdict.decision == CW_DECISION_FLAG) {
		p->flags++;
		p->flagged[e->verdict.class]++;
	}
	if (!cw_printer_wants(p, e))
		return false;
	cw_buf_reset(&p->line);
	if (p->format == CW_FORMAT_JSON)
		cw_json_event(&p->line, e);
	else
		cw_text_event(&p->line, e, &p->style);
	return true;
}

void cw_printer_summary(const struct cw_printer *p, FILE *f)
{
	fprintf(f, "%llu flags", (unsigned long long)p->flags);
	for (int c = 0, n = 0; c < CW_CLASS_MAX; c++)
		if (p->flagged[c])
			fprintf(f, "%s%llu %s", n++ ? ", " : ": ",
				(unsigned long long)p->flagged[c], cw_class_name(c));
}

void cw_printer_free(struct cw_printer *p)
{
	cw_buf_free(&p->line);
}
