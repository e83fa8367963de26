// SPDX-License-Identifier: Apache-2.0
/* How every verb reads its options and says what is wrong with them. */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "cmd.h"
#include "model/coverage.h"
#include "policy/value.h"
#include "sink/json.h"
#include "traces.h"

#define DURATION_MAX (366ul * 86400)
#define SEGMENT_MIN  (64ull << 10)
#define BUDGET_MIN   (1ull << 20)

int cw_usage_error(const char *verb, const char *what, const char *which)
{
	fprintf(stderr, "camwarden %s: %s%s; see camwarden %s --help\n", verb, what, which, verb);
	return CW_EXIT_USAGE;
}

int cw_read_options(const struct cw_verb *v, void *into, int argc, char **argv)
{
	int option, status;

	optind = 0; /* the verb's own arguments, from their start */
	opterr = 0;
	while ((option = getopt_long(argc, argv, v->shorts, v->options, NULL)) != -1) {
		switch (option) {
		case 'h':
			fputs(v->help, stdout);
			return fflush(stdout) ? CW_EXIT_FAILED : CW_EXIT_OK;
		case ':':
			return cw_usage_error(v->name, "a value is missing behind ",
					      argv[optind - 1]);
		case '?':
			return cw_usage_error(v->name, "unknown option ", argv[optind - 1]);
		}
		status = v->take(into, option, optarg);
		if (status)
			return status;
	}
	return CW_GO_ON;
}

int cw_take_format(const char *verb, const char *value, enum cw_format *ret_format)
{
	if (!cw_streq(value, "text") && !cw_streq(value, "json"))
		return cw_usage_error(verb, "--format is text or json, not ", value);
	*ret_format = *value == 'j' ? CW_FORMAT_JSON : CW_FORMAT_TEXT;
	return 0;
}

static int take_duration(const char *verb, const char *value, unsigned int *ret_seconds)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno || end == value || *end || *value == '-' || !n || n > DURATION_MAX)
		return cw_usage_error(verb, "--duration is a number of seconds, not ", value);
	*ret_seconds = (unsigned int)n;
	return 0;
}

int cw_take_rung(const char *verb, const char *value, enum cw_probe *ret_best)
{
	if (!cw_rung_parse(value, ret_best))
		return 0;
	return cw_usage_error(verb, "--rung is lsm, fentry, kprobe or tracepoint, not ", value);
}

/* "-2h" */
static int parse_ago(const char *value, uint64_t *ret_ns)
{
	static const struct {
		char unit;
		unsigned int seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	size_t len = strlen(value);
	uint64_t n, now = (uint64_t)time(NULL);
	char digits[16];

	if (*value != '-' || len < 3 || len - 2 >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, value + 1, len - 2);
	digits[len - 2] = '\0';
	if (cw_policy_parse_uint(digits, DURATION_MAX, &n))
		return -EINVAL;
	for (size_t i = 0; i < CW_ARRAY_SIZE(units); i++) {
		if (units[i].unit != value[len - 1])
			continue;
		n *= units[i].seconds;
		*ret_ns = n < now ? (now - n) * CW_NSEC_PER_SEC : 0;
		return 0;
	}
	return -EINVAL;
}

int cw_take_key(const char *verb, const char *value, uint8_t ret_key[CW_TRACE_KEY])
{
	int e = cw_trace_key_read(value, ret_key);

	if (e == -EINVAL)
		return cw_usage_error(verb, "no Ed25519 public key: ", value);
	if (e)
		cw_traces_message(verb, value, strerror(-e));
	return e ? CW_EXIT_FAILED : 0;
}

int cw_take_time(const char *verb, const char *value, bool end, uint64_t *ret_ns)
{
	return cw_take_local_time(verb, value, 0, end, ret_ns);
}

int cw_take_local_time(const char *verb, const char *value, int offset_s, bool end,
		       uint64_t *ret_ns)
{
	if (!cw_policy_parse_time(value, offset_s, end, ret_ns) || !parse_ago(value, ret_ns))
		return 0;
	return cw_usage_error(verb, end ? "--until is a time like 2026-11-24T04:30:00Z, or -2h for "
					  "two hours ago, not " :
					  "--since is a time like 2026-11-24T04:30:00Z, or -2h for "
					  "two hours ago, not ",
			      value);
}

int cw_check_times(const char *verb, uint64_t since_ns, uint64_t until_ns)
{
	char since[CW_JSON_TIME_SIZE], until[CW_JSON_TIME_SIZE], times[160];

	if (since_ns <= until_ns)
		return CW_GO_ON;
	cw_json_time(since_ns, since);
	cw_json_time(until_ns, until);
	snprintf(times, sizeof(times), "%s is later than --until %s", since, until);
	return cw_usage_error(verb, "--since ", times);
}

int cw_take_policy(const char *path, struct cw_policy **ret_policy)
{
	cw_auto_buf struct cw_buf errors = { 0 };
	int e = cw_policy_load(path, &errors, ret_policy);

	if (!e)
		return 0;
	fputs(errors.data ? errors.data : "", stderr);
	return e == -EINVAL ? CW_EXIT_USAGE : CW_EXIT_FAILED;
}

static bool is_one_of(const struct stat *st, char *const *inputs, unsigned int n)
{
	struct stat in;

	for (unsigned int i = 0; i < n; i++)
		if (!stat(inputs[i], &in) && in.st_dev == st->st_dev && in.st_ino == st->st_ino)
			return true;
	return false;
}

int cw_output_open(const char *verb, const char *path, char *const *inputs, unsigned int n,
		   FILE **ret_file)
{
	cw_auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
	struct stat st;
	FILE *file;

	if (fd < 0 || fstat(fd, &st)) {
		cw_traces_message(verb, path, strerror(errno));
		return CW_EXIT_FAILED;
	}
	if (S_ISREG(st.st_mode) && is_one_of(&st, inputs, n)) {
		cw_traces_message(verb, path, "this is what is read; nothing was written");
		return CW_EXIT_USAGE;
	}
	if (S_ISREG(st.st_mode) && ftruncate(fd, 0)) {
		cw_traces_message(verb, path, strerror(errno));
		return CW_EXIT_FAILED;
	}
	file = fdopen(fd, "w");
	if (!file)
		return CW_EXIT_FAILED;
	fd = -1; /* the stream's now */
	*ret_file = file;
	return 0;
}

/* A number with one of these letters behind it, or none; 0: it is none, or not from 1 to max. */
static uint64_t parse_scaled(const char *value, const char *letters, const uint64_t *scales,
			     uint64_t max)
{
	const char *letter;
	uint64_t scale;
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (errno || *value < '0' || *value > '9')
		return 0;
	letter = *end ? strchr(letters, *end) : letters;
	if (!letter || (*end && end[1]))
		return 0;
	scale = *end ? scales[letter - letters] : 1;
	return n <= max / scale ? n * scale : 0;
}

int cw_take_size(const char *verb, const char *option, const char *value, uint64_t *ret_bytes)
{
	static const uint64_t scales[] = { 1ull << 10, 1ull << 20, 1ull << 30, 1ull << 40 };
	char what[80];

	*ret_bytes = parse_scaled(value, "KMGT", scales, 1ull << 50);
	if (*ret_bytes)
		return 0;
	snprintf(what, sizeof(what), "%s is a size like 64M, not ", option);
	return cw_usage_error(verb, what, value);
}

int cw_take_span(const char *verb, const char *option, const char *value, uint64_t *ret_ns)
{
	static const uint64_t scales[] = { 1, 60, 3600, 86400 };
	char what[80];

	*ret_ns = parse_scaled(value, "smhd", scales, DURATION_MAX) * CW_NSEC_PER_SEC;
	if (*ret_ns)
		return 0;
	snprintf(what, sizeof(what), "%s is a time like 10m, not ", option);
	return cw_usage_error(verb, what, value);
}

int cw_take_record(const char *verb, struct cw_run_config *c, int option, const char *value)
{
	switch (option) {
	case 'k':
		c->keys = value;
		return 0;
	case 's':
		c->state = value;
		return 0;
	case 'b':
		c->types = value;
		return 0;
	case 'q':
		c->quiet = true;
		return 0;
	case 'd':
		return take_duration(verb, value, &c->duration_s);
	case 'S':
		return cw_take_size(verb, "--trace-size", value, &c->segment_bytes);
	case 'A':
		return cw_take_span(verb, "--trace-age", value, &c->segment_age_ns);
	case 'B':
		return cw_take_size(verb, "--trace-budget", value, &c->trace_budget);
	default:
		return CW_GO_ON;
	}
}

int cw_check_segments(const char *verb, struct cw_run_config *c)
{
	bool any = c->segment_bytes || c->segment_age_ns || c->trace_budget;

	if (any && !c->trace)
		return cw_usage_error(verb, "--trace-size, --trace-age and --trace-budget need ",
				      "--trace");
	if (c->trace_budget && !c->segment_bytes)
		c->segment_bytes = c->trace_budget / 16 > SEGMENT_MIN ? c->trace_budget / 16 :
									SEGMENT_MIN;
	if (c->segment_bytes && c->segment_bytes < SEGMENT_MIN)
		return cw_usage_error(verb, "--trace-size is at least ", "64K");
	if (c->trace_budget && (c->trace_budget < 4 * c->segment_bytes ||
				c->trace_budget < BUDGET_MIN))
		return cw_usage_error(verb, "--trace-budget is at least 1M and four times ",
				      "--trace-size");
	return 0;
}
