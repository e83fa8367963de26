// SPDX-License-Identifier: Apache-2.0
/* camwarden record: a trace of what happens on this machine, without a verdict. */
#include <getopt.h>

#include "cmd.h"
#include "trace/recorder.h"

static const char help[] =
	"Usage: camwarden record -o FILE [OPTION...]\n"
	"\n"
	"Records every access to the cameras, microphones and recordings of this machine, with\n"
	"every fact about it, until Ctrl-C. Nothing is judged: camwarden replay does that, under\n"
	"any policy. What is watched is what the built-in policy names.\n"
	"\n"
	"  -o, --output FILE     the trace; one that is there already is renamed first\n"
	"      --keys DIR        where the keys that seal the trace are (default:\n"
	"                        " CW_TRACE_KEYS_DIR ")\n"
	"      --duration SEC    end by itself\n"
	"      --quiet           say nothing about what is found at start\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 done, 2 usage, 3 could not run.\n";

static int usage_error(const char *what, const char *which)
{
	fprintf(stderr, "camwarden record: %s%s; see camwarden record --help\n", what, which);
	return CW_EXIT_USAGE;
}

int cw_cmd_record(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "keys", required_argument, NULL, 'k' },
		{ "duration", required_argument, NULL, 'd' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct cw_run_config config = { .best = CW_PROBE_LSM, .record = true,
					.keys = CW_TRACE_KEYS_DIR };
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":ho:", options, NULL)) != -1) {
		switch (option) {
		case 'h':
			fputs(help, stdout);
			return CW_EXIT_OK;
		case 'o':
			config.trace = optarg;
			break;
		case 'k':
			config.keys = optarg;
			break;
		case 'q':
			config.quiet = true;
			break;
		case 'd':
			if (cw_parse_duration(optarg, &config.duration_s))
				return usage_error("--duration is a number of seconds, not ",
						   optarg);
			break;
		case ':':
			return usage_error("a value is missing behind ", argv[optind - 1]);
		default:
			return usage_error("unknown option ", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return usage_error("unexpected argument ", argv[optind]);
	if (!config.trace)
		return usage_error("a file for the trace is needed: -o FILE", "");
	return cw_pipeline_run(&config);
}
