// SPDX-License-Identifier: Apache-2.0
/* camwarden run: monitor this machine. */
#include "alive.h"
#include "cmd.h"
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
	"      --trace-size SIZE begin a new file when it has that many bytes: 64M; the one\n"
	"                        before is renamed to FILE.TIME\n"
	"      --trace-age TIME  and when it is that old: 1d\n"
	"      --trace-budget SIZE  of all its files; beyond that the oldest go, those in which\n"
	"                        something was flagged last\n"
	"      --keep TIME       write nothing to the trace but what happened within TIME (10m)\n"
	"                        before something was flagged; hold the rest in memory\n"
	"      --keep-size SIZE  of that memory (default: 8M)\n"
	"      --state DIR       where it leaves until when it ran, for the next start\n"
	"                        (default: " CW_STATE_DIR ")\n"
	"      --harden          refuse what would stop or change camwarden: signals, ptrace, its\n"
	"                        BPF objects, its files; only process 1 may (needs BPF LSM)\n"
	"      --duration SEC    end by itself\n"
	"      --quiet           say nothing about what is found at start\n"
	"      --rung RUNG       use no better probes than lsm (default), fentry, kprobe or\n"
	"                        tracepoint, to see what a lesser kernel would see\n"
	"      --btf FILE        the kernel's types, for one that does not know them itself, as\n"
	"                        scripts/btf makes it\n"
	"  -h, --help            this text\n"
	"\n"
	"SIGHUP reads the policy again. Exit status: 0 nothing was flagged, 1 something was,\n"
	"2 usage or invalid policy, 3 could not run.\n";

static int take(void *into, int option, const char *value)
{
	struct cw_run_config *c = into;

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
	case 'H':
		c->harden = true;
		return 0;
	case 'a':
		c->all = true;
		return 0;
	case 'f':
		return cw_take_format("run", value, &c->format);
	case 'r':
		return cw_take_rung("run", value, &c->best);
	case 'K':
		return cw_take_span("run", "--keep", value, &c->keep_ns);
	case 'M':
		return cw_take_size("run", "--keep-size", value, &c->keep_bytes);
	default:
		return cw_take_record("run", c, option, value);
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
		CW_RECORD_OPTIONS,
		{ "keep", required_argument, NULL, 'K' },
		{ "keep-size", required_argument, NULL, 'M' },
		{ "harden", no_argument, NULL, 'H' },
		{ "rung", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct cw_verb verb = { "run", help, ":h", options, take };
	struct cw_run_config config = { .best = CW_PROBE_LSM, .keys = CW_TRACE_KEYS_DIR };
	int status = cw_read_options(&verb, &config, argc, argv);

	if (status != CW_GO_ON)
		return status;
	if (optind < argc)
		return cw_usage_error("run", "unexpected argument ", argv[optind]);
	if (config.keep_ns && !config.trace)
		return cw_usage_error("run", "--keep needs ", "--trace");
	if (config.keep_bytes && !config.keep_ns)
		return cw_usage_error("run", "--keep-size needs ", "--keep");
	status = cw_check_segments("run", &config);
	return status ? status : cw_pipeline_run(&config);
}
