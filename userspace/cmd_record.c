// SPDX-License-Identifier: Apache-2.0
/* camwarden record: a trace of what happens on this machine, without a verdict. */
#include "alive.h"
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
	"      --trace-size SIZE begin a new file when it has that many bytes: 64M; the one\n"
	"                        before is renamed to FILE.TIME\n"
	"      --trace-age TIME  and when it is that old: 1d\n"
	"      --trace-budget SIZE  of all its files; beyond that the oldest go, those in which\n"
	"                        something was flagged last\n"
	"      --state DIR       where it leaves until when it ran, for the next start\n"
	"                        (default: " CW_STATE_DIR ")\n"
	"      --duration SEC    end by itself\n"
	"      --quiet           say nothing about what is found at start\n"
	"      --btf FILE        the kernel's types, for one that does not know them itself, as\n"
	"                        scripts/btf makes it\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 done, 2 usage, 3 could not run.\n";

static int take(void *into, int option, const char *value)
{
	struct cw_run_config *c = into;

	if (option != 'o')
		return cw_take_record("record", c, option, value);
	c->trace = value;
	return 0;
}

int cw_cmd_record(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		CW_RECORD_OPTIONS,
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct cw_verb verb = { "record", help, ":ho:", options, take };
	struct cw_run_config config = { .best = CW_PROBE_LSM, .record = true,
					.keys = CW_TRACE_KEYS_DIR };
	int status = cw_read_options(&verb, &config, argc, argv);

	if (status != CW_GO_ON)
		return status;
	if (optind < argc)
		return cw_usage_error("record", "unexpected argument ", argv[optind]);
	if (!config.trace)
		return cw_usage_error("record", "a file for the trace is needed: -o FILE", "");
	status = cw_check_segments("record", &config);
	return status ? status : cw_pipeline_run(&config);
}
