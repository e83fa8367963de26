// SPDX-License-Identifier: Apache-2.0
/*
 * camwarden replay: traces through the same policy and printer as `run`. Never looks at the
 * machine it runs on.
 */
#include "cmd.h"
#include "traces.h"

static const char help[] =
	"Usage: camwarden replay [OPTION...] FILE...\n"
	"\n"
	"Judges the events of traces and prints a line for each one that is flagged: for the\n"
	"policy that was in force the same lines as camwarden run, for another one what it\n"
	"would have said. Needs no root, no probes and nothing of the machine that was\n"
	"recorded. Several traces are merged by boot and time; - is standard input.\n"
	"\n"
	"      --policy FILE     judge by this one instead of those in the trace\n"
	"      --format FORMAT   text (default) or json, one event a line\n"
	"      --since TIME      only events at or after then: 2026-11-24T04:30:00Z, or a day\n"
	"      --until TIME      only events before then; a day is meant to its end\n"
	"      --all             every event, not only flags\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 nothing was flagged, 1 something was, 2 usage or invalid policy,\n"
	"3 a trace could not be read, or was damaged and nothing was flagged in the rest.\n";

struct options {
	struct cw_traces_config traces;
	enum cw_format format;
	bool all;
};

static int print(struct cw_traces *t, struct cw_printer *p)
{
	const struct cw_event *e;
	int r;

	while ((r = cw_traces_next(t, &e)) == 1) {
		if (!cw_printer_take(p, e))
			continue;
		if (p->line.error)
			return -ENOMEM;
		if (fwrite(p->line.data, p->line.len, 1, stdout) != 1)
			return -errno;
	}
	return !r && fflush(stdout) ? -errno : r;
}

static bool is_printed(const void *printer, const struct cw_event *e)
{
	return cw_printer_wants(printer, e);
}

static int replay(struct options *o)
{
	struct cw_printer p = { .format = o->format, .all = o->all };
	struct cw_traces *t = NULL;
	int status;

	o->traces.keep = is_printed;
	o->traces.ctx = &p;
	status = cw_traces_open(&o->traces, &t);

	if (status)
		return status;
	cw_printer_ask_terminal(&p);
	status = cw_traces_status(t, print(t, &p));
	if (!status && cw_traces_unjudged(t) && p.format == CW_FORMAT_TEXT && !p.all)
		fputs("camwarden replay: a trace has no policy (camwarden record); give one by "
		      "--policy, or see every event by --all\n", stderr);
	if (!status && cw_traces_damaged(t) && !p.flags)
		status = CW_EXIT_FAILED;
	if (!status && p.flags)
		status = CW_EXIT_FLAGGED;
	cw_traces_free(t);
	cw_printer_free(&p);
	return status;
}

static int take(void *into, int option, const char *value)
{
	struct options *o = into;

	switch (option) {
	case 'a':
		o->all = true;
		return 0;
	case 'f':
		return cw_take_format("replay", value, &o->format);
	default:
		return cw_traces_take(&o->traces, option, value);
	}
}

int cw_cmd_replay(int argc, char **argv)
{
	static const struct option options[] = {
		CW_TRACES_OPTIONS,
		{ "format", required_argument, NULL, 'f' },
		{ "all", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct cw_verb verb = { "replay", help, ":h", options, take };
	struct options o = { .traces = { .verb = verb.name, .judge = true,
					 .until_ns = UINT64_MAX } };
	int status = cw_read_options(&verb, &o, argc, argv);

	if (status == CW_GO_ON)
		status = cw_traces_take_paths(&o.traces, argc - optind, argv + optind);
	if (status == CW_GO_ON)
		status = cw_check_times(verb.name, o.traces.since_ns, o.traces.until_ns);
	return status == CW_GO_ON ? replay(&o) : status;
}
