// SPDX-License-Identifier: Apache-2.0
/* The calendar repeats every 400 years of 146097 days; years begin in March here. */
#include "base/calendar.h"

int64_t cw_days_of(int64_t year, unsigned int month, unsigned int day)
{
	unsigned int in_year;
	int64_t era;

	year -= month <= 2;
	era = year / 400;
	in_year = (153 * (month + (month > 2 ? -3U : 9U)) + 2) / 5 + day - 1;
	year -= era * 400;
	return era * 146097 + year * 365 + year / 4 - year / 100 + in_year - 719468;
}

void cw_date_of(int64_t days, int64_t *ret_year, unsigned int *ret_month, unsigned int *ret_day)
{
	int64_t z = days + 719468, era = z / 146097, in_era = z - era * 146097;
	int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	unsigned int in_year = (unsigned int)(in_era - (365 * year + year / 4 - year / 100));
	unsigned int mp = (5 * in_year + 2) / 153;

	*ret_day = in_year - (153 * mp + 2) / 5 + 1;
	*ret_month = mp < 10 ? mp + 3 : mp - 9;
	*ret_year = year + era * 400 + (*ret_month <= 2);
}

char *cw_put_padded(char *p, uint64_t v, unsigned int width)
{
	for (unsigned int i = width; i > 0; i--, v /= 10)
		p[i - 1] = (char)('0' + v % 10);
	return p + width;
}

char *cw_put_seconds(char *p, int64_t seconds)
{
	int64_t days = seconds / CW_DAY_S - (seconds % CW_DAY_S < 0), year;
	unsigned int in_day = (unsigned int)(seconds - days * CW_DAY_S), month, day;

	cw_date_of(days, &year, &month, &day);
	p = cw_put_padded(p, (uint64_t)year, 4);
	*p++ = '-';
	p = cw_put_padded(p, month, 2);
	*p++ = '-';
	p = cw_put_padded(p, day, 2);
	*p++ = 'T';
	p = cw_put_padded(p, in_day / 3600, 2);
	*p++ = ':';
	p = cw_put_padded(p, in_day / 60 % 60, 2);
	*p++ = ':';
	return cw_put_padded(p, in_day % 60, 2);
}
