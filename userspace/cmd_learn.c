// SPDX-License-Identifier: Apache-2.0
/* camwarden learn: from traces to the least policy that would have allowed what services did. */
#include "cmd.h"
#include "learn.h"
#include "policy/value.h"
#include "traces.h"

#define MIN_DEFAULT 3

static const char help[] =
	"Usage: camwarden learn [OPTION...] FILE...\n"
	"\n"
	"Writes the least policy that would have allowed what services did in traces: for each\n"
	"asset who (executable, hash, unit, user, container, origin) and what (open, stream,\n"
	"write, delete), with counts and times as comments. What people did is listed in\n"
	"comments and never granted. Several traces are merged; - is standard input.\n"
	"\n"
	"  -o, --output FILE     write to FILE instead of standard output\n"
	"      --policy FILE     keep the assets of this policy; nothing else of it counts\n"
	"      --min N           mark grants that rest on fewer accesses (default 3)\n"
	"      --since TIME      only events at or after then: 2026-11-24T04:30:00Z, or a day\n"
	"      --until TIME      only events before then; a day is meant to its end\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 a policy was written, 2 usage or invalid policy, 3 a trace could not be\n"
	"read or was damaged, or the output could not be written.\n";

struct options {
	struct cw_traces_config traces;
	const char *output; /* NULL: standard output */
	uint64_t min;
};

static int read_events(struct cw_learn *l, struct cw_traces *t)
{
	const struct cw_event *e;
	int r;

	while ((r = cw_traces_next(t, &e)) == 1) {
		r = cw_learn_add(l, e);
		if (r)
			return r;
	}
	return r;
}

static int put_out(const struct options *o, const struct cw_buf *yaml)
{
	cw_auto_fclose FILE *file = NULL;
	FILE *f = stdout;
	int status = o->output ? cw_output_open("learn", o->output, o->traces.paths, o->traces.n,
						&file) :
				 0;

	if (status)
		return status;
	f = file ? file : stdout;
	if (fwrite(yaml->data, yaml->len, 1, f) != 1 || fflush(f)) {
		cw_traces_message("learn", o->output ? o->output : "standard output",
				  strerror(errno));
		return CW_EXIT_FAILED;
	}
	return 0;
}

static void summarize(const struct cw_learn_summary *s)
{
	fprintf(stderr, "camwarden learn: %u grants on %u assets, %u of them rare; ", s->grants,
		s->assets, s->rare);
	if (s->undecided)
		fprintf(stderr, "%llu accesses are not granted and listed for a decision\n",
			(unsigned long long)s->undecided);
	else
		fputs("nothing is left for a decision\n", stderr);
}

static int write_policy(const struct options *o, struct cw_learn *l)
{
	cw_auto_buf struct cw_buf yaml = { 0 }, errors = { 0 };
	struct cw_learn_summary s;
	int r = cw_learn_write(l, &errors, &yaml, &s), status;

	if (r) {
		fputs(errors.data ? errors.data : "", stderr);
		fprintf(stderr, "camwarden learn: no policy was written: %s\n", strerror(-r));
		return CW_EXIT_FAILED;
	}
	status = put_out(o, &yaml);
	if (!status && o->output)
		summarize(&s);
	return status;
}

static int learn(struct options *o)
{
	cw_auto_policy struct cw_policy *known = NULL;
	struct cw_learn *l = NULL;
	struct cw_traces *t = NULL;
	int status = o->traces.policy ? cw_take_policy(o->traces.policy, &known) : 0, r;

	if (!status)
		status = cw_traces_open(&o->traces, &t);
	if (status)
		return status;
	r = cw_learn_new(known, (unsigned int)o->min, &l);
	if (cw_traces_say_kept(t) && !r)
		cw_learn_kept(l);
	status = cw_traces_status(t, r ? r : read_events(l, t));
	/* Of what was read: a damaged trace is no reason to learn nothing. */
	if (l && !r)
		r = write_policy(o, l);
	if (!status)
		status = r ? r : cw_traces_damaged(t) ? CW_EXIT_FAILED : CW_EXIT_OK;
	cw_traces_free(t);
	cw_learn_free(l);
	return status;
}

static int take(void *into, int option, const char *value)
{
	struct options *o = into;

	switch (option) {
	case 'o':
		o->output = cw_streq(value, "-") ? NULL : value;
		return 0;
	case 'm':
		if (!cw_policy_parse_uint(value, UINT32_MAX, &o->min))
			return 0;
		return cw_usage_error("learn", "--min is a number of accesses, not ", value);
	default:
		return cw_traces_take(&o->traces, option, value);
	}
}

int cw_cmd_learn(int argc, char **argv)
{
	static const struct option options[] = {
		CW_TRACES_OPTIONS,
		{ "output", required_argument, NULL, 'o' },
		{ "min", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct cw_verb verb = { "learn", help, ":ho:", options, take };
	struct options o = { .traces = { .verb = verb.name, .judge = true,
					 .until_ns = UINT64_MAX },
			     .min = MIN_DEFAULT };
	int status = cw_read_options(&verb, &o, argc, argv);

	if (status == CW_GO_ON)
		status = cw_traces_take_paths(&o.traces, argc - optind, argv + optind);
	if (status == CW_GO_ON)
		status = cw_check_times(verb.name, o.traces.since_ns, o.traces.until_ns);
	return status == CW_GO_ON ? learn(&o) : status;
}
