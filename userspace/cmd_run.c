// SPDX-License-Identifier: Apache-2.0
/* camwarden run: monitor this machine. */
#include <getopt.h>

#include "cmd.h"
#include "model/coverage.h"
#include "trace/recorder.h"

static const char help[] =
	"Usage: camwarden run [OPTION...]\n"
	"\n"
	"Watches the cameras, microphones and recordings of this machine and prints a line for\n"
	"each access that the policy does not grant, until Ctrl-C.\n"
	"\n"
	"      --policy FILE     what is watched and who may (camwarden check --print-default\n"
	"                        shows the built-in one)\n"
	"      --format FORMAT   text (default) or json, one event a line\n"
	"      --output FILE     append there instead of printing; opened again on SIGUSR1\n"
	"      --all             every event, not only flags\n"
	"      --trace FILE      also record every event with every fact, for camwarden replay\n"
	"      --keys DIR        where the keys that seal the trace are (default:\n"
	"                        " CW_TRACE_KEYS_DIR ")\n"
	"      --duration SEC    end by itself\n"
	"      --quiet           say nothing about what is found at start\n"
	"      --rung RUNG       use no better probes than lsm (default), fentry, kprobe or\n"
	"                        tracepoint, to see what a lesser kernel would see\n"
	"  -h, --help            this text\n"
	"\n"
	"SIGHUP reads the policy again. Exit status: 0 nothing was flagged, 1 something was,\n"
	"2 usage or invalid policy, 3 could not run.\n";

static int usage_error(const char *what, const char *which)
{
	fprintf(stderr, "camwarden run: %s%s; see camwarden run --help\n", what, which);
	return CW_EXIT_USAGE;
}

int cw_parse_duration(const char *s, unsigned int *ret)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno || end == s || *end || *s == '-' || !n || n > 366ul * 86400)
		return -EINVAL;
	*ret = (unsigned int)n;
	return 0;
}

static int parse_option(struct cw_run_config *c, int option, const char *value)
{
	switch (option) {
	case 'p':
		c->policy = value;
		return 0;
	case 'o':
		c->output = value;
		return 0;
	case 't':
		c->trace = value;
		return 0;
	case 'k':
		c->keys = value;
		return 0;
	case 'a':
		c->all = true;
		return 0;
	case 'q':
		c->quiet = true;
		return 0;
	case 'f':
		if (!cw_streq(value, "text") && !cw_streq(value, "json"))
			return usage_error("--format is text or json, not ", value);
		c->format = *value == 'j' ? CW_FORMAT_JSON : CW_FORMAT_TEXT;
		return 0;
	case 'd':
		return cw_parse_duration(value, &c->duration_s) ?
			       usage_error("--duration is a number of seconds, not ", value) : 0;
	case 'r':
		return cw_rung_parse(value, &c->best) ?
			       usage_error("--rung is lsm, fentry, kprobe or tracepoint, not ",
					   value) : 0;
	case ':':
		return usage_error("a value is missing behind ", value);
	default:
		return usage_error("unknown option ", value);
	}
}

int cw_cmd_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "policy", required_argument, NULL, 'p' },
		{ "format", required_argument, NULL, 'f' },
		{ "output", required_argument, NULL, 'o' },
		{ "all", no_argument, NULL, 'a' },
		{ "trace", required_argument, NULL, 't' },
		{ "keys", required_argument, NULL, 'k' },
		{ "duration", required_argument, NULL, 'd' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "rung", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct cw_run_config config = { .best = CW_PROBE_LSM, .keys = CW_TRACE_KEYS_DIR };
	int option, r;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return CW_EXIT_OK;
		}
		r = parse_option(&config, option, optarg ? optarg : argv[optind - 1]);
		if (r)
			return r;
	}
	if (optind < argc)
		return usage_error("unexpected argument ", argv[optind]);
	return cw_pipeline_run(&config);
}
