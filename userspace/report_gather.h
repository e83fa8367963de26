/* SPDX-License-Identifier: Apache-2.0 */
/* Private to what gathers a report: report_gather.c, report_chains.c. */
#ifndef CW_REPORT_GATHER_H
#define CW_REPORT_GATHER_H

#include "report.h"
#include "sink/text.h"

void cw_report_list_add(struct cw_report_list *l, const char *item);

int cw_report_chains_new(struct cw_report *r);
void cw_report_chains_take(struct cw_report *r, uint32_t who, uint32_t lane,
			   const struct cw_event *e, const struct cw_report_moment *at);
/* Another run of the agent gives the numbers of open files anew. */
void cw_report_chains_forget(struct cw_report *r);

#endif
