/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of the Gregorian calendar, and times as text: no time zone, no locale. */
#ifndef CW_CALENDAR_H
#define CW_CALENDAR_H

#include "base/base.h"

#define CW_DAY_S	    86400
#define CW_DAY_NS	    (CW_DAY_S * CW_NSEC_PER_SEC)
#define CW_CALENDAR_SECONDS 19 /* characters of "2026-11-24T04:30:00" */

/* Days since 1970-01-01 of a date, and back. */
int64_t cw_days_of(int64_t year, unsigned int month, unsigned int day);
void cw_date_of(int64_t days, int64_t *ret_year, unsigned int *ret_month, unsigned int *ret_day);

/* `v` with exactly `width` digits, no NUL; returns what is behind them. */
char *cw_put_padded(char *p, uint64_t v, unsigned int width);
/* Seconds since 1970 as "2026-11-24T04:30:00", no NUL; returns what is behind it. */
char *cw_put_seconds(char *p, int64_t seconds);

#endif
