// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>

#include "base/calendar.h"
#include "policy/value.h"

#define YEAR_MIN 1970
#define YEAR_MAX 2399

const char *const cw_policy_window_names[CW_POLICY_WINDOW_MAX] = { "hour", "day", "week" };
const char *const cw_policy_day_names[7] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int cw_policy_parse_uint(const char *s, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		unsigned int digit = (unsigned int)(*s - '0');

		if (!is_digit(*s) || digit > max || value > (max - digit) / 10)
			return -EINVAL;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return 0;
}

/* Exactly `n` digits at *s, which moves behind them. */
static bool take_digits(const char **s, unsigned int n, unsigned int *ret_value)
{
	unsigned int value = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (!is_digit((*s)[i]))
			return false;
		value = value * 10 + (unsigned int)((*s)[i] - '0');
	}
	*s += n;
	*ret_value = value;
	return true;
}

static bool take_char(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

static bool take_offset(const char **s, int *ret_offset_s)
{
	unsigned int hours, minutes;
	bool west;

	if (take_char(s, 'Z')) {
		*ret_offset_s = 0;
		return true;
	}
	west = **s == '-';
	if (!take_char(s, '+') && !take_char(s, '-'))
		return false;
	if (!take_digits(s, 2, &hours) || !take_char(s, ':') || !take_digits(s, 2, &minutes))
		return false;
	if (minutes > 59 || hours * 60 + minutes > 14 * 60)
		return false;
	*ret_offset_s = (int)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return true;
}

int cw_policy_parse_offset(const char *s, int *ret_offset_s)
{
	int offset_s;

	if (!take_offset(&s, &offset_s) || *s)
		return -EINVAL;
	*ret_offset_s = offset_s;
	return 0;
}

static bool take_date(const char **s, int64_t *ret_days)
{
	unsigned int year, month, day, got_month, got_day;
	int64_t got_year;

	if (!take_digits(s, 4, &year) || !take_char(s, '-') || !take_digits(s, 2, &month) ||
	    !take_char(s, '-') || !take_digits(s, 2, &day))
		return false;
	if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	/* A day that the month does not have comes back as another date. */
	*ret_days = cw_days_of(year, month, day);
	cw_date_of(*ret_days, &got_year, &got_month, &got_day);
	return got_year == year && got_month == month && got_day == day;
}

static bool take_fraction(const char **s, uint64_t *ret_ns)
{
	uint64_t ns = 0, unit = CW_NSEC_PER_SEC / 10;

	if (!is_digit(**s))
		return false;
	for (; is_digit(**s); (*s)++, unit /= 10)
		ns += (uint64_t)(**s - '0') * unit;
	*ret_ns = ns;
	return true;
}

int cw_policy_parse_time(const char *s, int offset_s, bool end, uint64_t *ret_ns)
{
	unsigned int hour = 0, minute = 0, second = 0;
	uint64_t fraction = 0;
	int64_t days, total;

	if (!take_date(&s, &days))
		return -EINVAL;
	if (*s) {
		if (!take_char(&s, 'T') || !take_digits(&s, 2, &hour) || !take_char(&s, ':') ||
		    !take_digits(&s, 2, &minute))
			return -EINVAL;
		if (take_char(&s, ':') && !take_digits(&s, 2, &second))
			return -EINVAL;
		if (take_char(&s, '.') && !take_fraction(&s, &fraction))
			return -EINVAL;
		if (hour > 23 || minute > 59 || second > 59 || !take_offset(&s, &offset_s) || *s)
			return -EINVAL;
	} else if (end) {
		days++;
	}
	total = days * CW_DAY_S + hour * 3600 + minute * 60 + second - offset_s;
	if (total < 0)
		return -EINVAL;
	*ret_ns = (uint64_t)total * CW_NSEC_PER_SEC + fraction;
	return 0;
}

static bool take_clock(const char **s, unsigned int *ret_minutes)
{
	unsigned int hour, minute;

	if (!take_digits(s, 2, &hour) || !take_char(s, ':') || !take_digits(s, 2, &minute))
		return false;
	*ret_minutes = hour * 60 + minute;
	return minute <= 59 && *ret_minutes <= 24 * 60;
}

int cw_policy_parse_hours(const char *s, unsigned int *ret_from, unsigned int *ret_to)
{
	unsigned int from, to;

	if (!take_clock(&s, &from) || !take_char(&s, '-') || !take_clock(&s, &to) || *s)
		return -EINVAL;
	if (from == 24 * 60)
		return -EINVAL;
	*ret_from = from;
	*ret_to = to;
	return 0;
}

int cw_policy_parse_rate(const char *s, uint32_t max, struct cw_policy_rate *ret_rate)
{
	const char *slash = strchr(s, '/');
	char digits[16];
	uint64_t value;

	if (!slash || (size_t)(slash - s) >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, s, (size_t)(slash - s));
	digits[slash - s] = '\0';
	if (cw_policy_parse_uint(digits, max, &value) || value == 0)
		return -EINVAL;
	for (int i = 0; i < CW_POLICY_WINDOW_MAX; i++) {
		if (strcmp(slash + 1, cw_policy_window_names[i]))
			continue;
		*ret_rate = (struct cw_policy_rate){ (uint32_t)value, (enum cw_policy_window)i };
		return 0;
	}
	return -EINVAL;
}

/* Clears what lies behind the prefix; true if something did. */
static bool clear_host(struct cw_policy_net *net)
{
	bool was_set = false;

	for (unsigned int i = 0; i < net->size; i++) {
		unsigned int keep = net->bits > 8 * i ? net->bits - 8 * i : 0;
		uint8_t mask = keep >= 8 ? 0xff : (uint8_t)(0xff00U >> keep);

		was_set = was_set || (net->addr[i] & ~mask);
		net->addr[i] &= mask;
	}
	return was_set;
}

int cw_policy_parse_net(const char *s, struct cw_policy_net *ret_net)
{
	const char *slash = strchr(s, '/');
	size_t len = slash ? (size_t)(slash - s) : strlen(s);
	struct cw_policy_net net = { 0 };
	char addr[INET6_ADDRSTRLEN];
	uint64_t bits;
	int r;

	if (len >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, s, len);
	addr[len] = '\0';
	net.size = strchr(addr, ':') ? 16 : 4;
	if (inet_pton(net.size == 16 ? AF_INET6 : AF_INET, addr, net.addr) != 1)
		return -EINVAL;
	net.bits = net.size * 8;
	if (slash) {
		/* "/08" would be read as octal by some. */
		if ((slash[1] == '0' && slash[2]) ||
		    cw_policy_parse_uint(slash + 1, net.bits, &bits))
			return -EINVAL;
		net.bits = (unsigned int)bits;
	}
	r = clear_host(&net) ? -ERANGE : 0;
	if (net.size == 16 && net.bits >= 96 &&
	    IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)net.addr)) {
		memmove(net.addr, net.addr + 12, 4);
		memset(net.addr + 4, 0, 12);
		net.size = 4;
		net.bits -= 96;
	}
	*ret_net = net;
	return r;
}

bool cw_policy_net_has(const struct cw_policy_net *net, const void *addr, unsigned int size)
{
	unsigned int whole = net->bits / 8, rest = net->bits % 8;
	const uint8_t *a = addr;

	if (net->size != size || memcmp(net->addr, a, whole))
		return false;
	return !rest || !((net->addr[whole] ^ a[whole]) & (uint8_t)(0xff00U >> rest));
}

int cw_policy_parse_sha256(const char *s, char ret_hex[65])
{
	char hex[65];
	size_t i;

	for (i = 0; s[i] && i < 64; i++) {
		hex[i] = s[i] >= 'A' && s[i] <= 'F' ? (char)(s[i] - 'A' + 'a') : s[i];
		if (!is_digit(hex[i]) && (hex[i] < 'a' || hex[i] > 'f'))
			return -EINVAL;
	}
	if (i != 64 || s[i])
		return -EINVAL;
	hex[64] = '\0';
	memcpy(ret_hex, hex, sizeof(hex));
	return 0;
}

void cw_policy_put_time(struct cw_buf *b, uint64_t ns, int offset_s)
{
	unsigned int minutes = (unsigned int)abs(offset_s) / 60;
	char text[CW_CALENDAR_SECONDS + 6], *p;

	p = cw_put_seconds(text, (int64_t)(ns / CW_NSEC_PER_SEC) + offset_s);
	if (offset_s) {
		*p++ = offset_s < 0 ? '-' : '+';
		p = cw_put_padded(p, minutes / 60, 2);
		*p++ = ':';
		p = cw_put_padded(p, minutes % 60, 2);
	} else {
		*p++ = 'Z';
	}
	cw_buf_add(b, text, (size_t)(p - text));
}

void cw_policy_put_net(struct cw_buf *b, const struct cw_policy_net *net)
{
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(net->size == 16 ? AF_INET6 : AF_INET, net->addr, addr, sizeof(addr));
	cw_buf_puts(b, addr);
	if (net->bits != net->size * 8)
		cw_buf_printf(b, "/%u", net->bits);
}

bool cw_policy_glob(const char *pattern, const char *text, bool path)
{
	const char *star = NULL, *resume = NULL;

	/* Only the last star ever needs another try: an earlier one took the least it could. */
	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
		} else if (*pattern == *text || (*pattern == '?' && !(path && *text == '/'))) {
			pattern++;
			text++;
		} else if (star && !(path && *resume == '/')) {
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static int64_t floor_to(int64_t s, int64_t unit)
{
	int64_t rest = s % unit;

	return s - rest - (rest < 0 ? unit : 0);
}

int64_t cw_policy_window_start(enum cw_policy_window window, int64_t s, int offset_s)
{
	int64_t local = s + offset_s, week = 7 * CW_DAY_S;

	if (window == CW_POLICY_HOUR)
		return floor_to(local, 3600) - offset_s;
	if (window == CW_POLICY_DAY)
		return floor_to(local, CW_DAY_S) - offset_s;
	/* 1970 began on a Thursday; a week begins on Monday. */
	return floor_to(local + 3 * CW_DAY_S, week) - 3 * CW_DAY_S - offset_s;
}

unsigned int cw_policy_weekday(int64_t local_s)
{
	int64_t day = floor_to(local_s, CW_DAY_S) / CW_DAY_S;

	return (unsigned int)(((day + 3) % 7 + 7) % 7);
}

unsigned int cw_policy_minute_of_day(int64_t local_s)
{
	return (unsigned int)((local_s - floor_to(local_s, CW_DAY_S)) / 60);
}
