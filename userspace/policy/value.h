/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small values of the policy language, from text and back: numbers, times, networks, rates,
 * patterns. Private to the policy module. Never asks the machine: no locale, no time zone, no
 * user database. Every parser takes the whole text or nothing: 0 or -EINVAL.
 */
#ifndef CW_POLICY_VALUE_H
#define CW_POLICY_VALUE_H

#include "base/buf.h"

enum cw_policy_window {
	CW_POLICY_HOUR,
	CW_POLICY_DAY,
	CW_POLICY_WEEK,
	CW_POLICY_WINDOW_MAX,
};

struct cw_policy_rate {
	uint32_t max; /* 0: no limit */
	enum cw_policy_window window;
};

struct cw_policy_net {
	unsigned int size; /* bytes of the address: 4 or 16 */
	unsigned int bits;
	uint8_t addr[16];
};

/* Decimal digits only, at most `max`. */
int cw_policy_parse_uint(const char *s, uint64_t max, uint64_t *ret_value);
/* "+01:00", "-05:30" or "Z": seconds east of UTC. */
int cw_policy_parse_offset(const char *s, int *ret_offset_s);
/*
 * ISO 8601 with Z or an offset, in nanoseconds since 1970, years 1970 to 2399. A date alone means
 * its first moment, or with `end` the first moment of the day after, where clocks show `offset_s`.
 */
int cw_policy_parse_time(const char *s, int offset_s, bool end, uint64_t *ret_ns);
/* "09:00-17:00" in minutes of the day; the end may be 24:00 and may lie before the start. */
int cw_policy_parse_hours(const char *s, unsigned int *ret_from, unsigned int *ret_to);
/* "20/day". */
int cw_policy_parse_rate(const char *s, uint32_t max, struct cw_policy_rate *ret_rate);
/*
 * "10.0.0.0/8", "fe80::/10" or an address. -ERANGE: bits are set behind the prefix; *ret_net is
 * then the network without them. IPv4 written as IPv6 becomes IPv4.
 */
int cw_policy_parse_net(const char *s, struct cw_policy_net *ret_net);
bool cw_policy_net_has(const struct cw_policy_net *net, const void *addr, unsigned int size);
/* 64 hexadecimal digits, given back in lower case. */
int cw_policy_parse_sha256(const char *s, char ret_hex[65]);

/* Appends "2026-12-01T09:00:00+01:00", seconds only. */
void cw_policy_put_time(struct cw_buf *b, uint64_t ns, int offset_s);
void cw_policy_put_net(struct cw_buf *b, const struct cw_policy_net *net);

/*
 * `*` stands for any run of characters and `?` for one; neither for a slash if `path`. Everything
 * else stands for itself. Time is at most the product of both lengths, whoever chose the text.
 */
bool cw_policy_glob(const char *pattern, const char *text, bool path);

/* Seconds since 1970 of the start of the window that holds `s`, where clocks show `offset_s`. */
int64_t cw_policy_window_start(enum cw_policy_window window, int64_t s, int offset_s);
/* 0 is Monday. */
unsigned int cw_policy_weekday(int64_t local_s);
unsigned int cw_policy_minute_of_day(int64_t local_s);
extern const char *const cw_policy_window_names[CW_POLICY_WINDOW_MAX];
extern const char *const cw_policy_day_names[7];

#endif
