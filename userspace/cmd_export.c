// SPDX-License-Identifier: Apache-2.0
/* camwarden export: the events of traces, judged, in the forms that other tools read. */
#include "cmd.h"
#include "sink/csv.h"
#include "sink/ecs.h"
#include "sink/json.h"
#include "sink/ocsf.h"
#include "traces.h"

static const char help[] =
	"Usage: camwarden export --as FORM [OPTION...] FILE...\n"
	"\n"
	"Writes the events of traces for other tools, judged by the policies in the traces.\n"
	"Several traces are merged by boot and time; - is standard input.\n"
	"\n"
	"      --as FORM         jsonl   the lines of camwarden run --all --format json\n"
	"                        csv     a table with a row of names, safe for spreadsheets\n"
	"                        ocsf    Open Cybersecurity Schema Framework "
	CW_OCSF_VERSION ", JSON\n"
	"                        ecs     Elastic Common Schema " CW_ECS_VERSION ", JSON\n"
	"  -o, --output FILE     write to FILE instead of standard output\n"
	"      --policy FILE     judge by this one instead of those in the trace\n"
	"      --since TIME      only events at or after then: 2026-11-24T04:30:00Z, or a day\n"
	"      --until TIME      only events before then; a day is meant to its end\n"
	"      --flagged         only what is flagged\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 done, 2 usage or invalid policy, 3 a trace could not be read or was\n"
	"damaged, or the output could not be written.\n";

static const struct form {
	const char *name;
	void (*put)(struct cw_buf *b, const struct cw_event *e);
	void (*header)(struct cw_buf *b); /* NULL: none */
} forms[] = {
	{ "jsonl", cw_json_event, NULL },
	{ "csv", cw_csv_event, cw_csv_header },
	{ "ocsf", cw_ocsf_event, NULL },
	{ "ecs", cw_ecs_event, NULL },
};

struct options {
	struct cw_traces_config traces;
	const struct form *form;
	const char *output; /* NULL: standard output */
};

static bool is_flagged(const void *ctx, const struct cw_event *e)
{
	(void)ctx;
	return e->verdict.decision == CW_DECISION_FLAG;
}

static int flush(struct cw_buf *line, FILE *f)
{
	if (line->error)
		return line->error;
	if (line->len && fwrite(line->data, line->len, 1, f) != 1)
		return -errno;
	cw_buf_reset(line);
	return 0;
}

static int write_events(struct cw_traces *t, const struct form *form, FILE *f)
{
	cw_auto_buf struct cw_buf line = { 0 };
	const struct cw_event *e;
	int r = 0;

	if (form->header)
		form->header(&line);
	r = flush(&line, f);
	while (!r && (r = cw_traces_next(t, &e)) == 1) {
		form->put(&line, e);
		r = flush(&line, f);
	}
	return !r && fflush(f) ? -errno : r;
}

static int export(const struct options *o)
{
	cw_auto_fclose FILE *file = NULL;
	struct cw_traces *t = NULL;
	int status = cw_traces_open(&o->traces, &t);

	if (!status)
		cw_traces_say_kept(t);
	if (!status && o->output)
		status = cw_output_open("export", o->output, o->traces.paths, o->traces.n, &file);
	if (!status)
		status = cw_traces_status(t, write_events(t, o->form, file ? file : stdout));
	if (!status && cw_traces_damaged(t))
		status = CW_EXIT_FAILED;
	cw_traces_free(t);
	return status;
}

static int take_form(struct options *o, const char *value)
{
	for (size_t i = 0; i < CW_ARRAY_SIZE(forms); i++) {
		if (!cw_streq(value, forms[i].name))
			continue;
		o->form = &forms[i];
		return 0;
	}
	return cw_usage_error("export", "--as is jsonl, csv, ocsf or ecs, not ", value);
}

static int take(void *into, int option, const char *value)
{
	struct options *o = into;

	switch (option) {
	case 'a':
		return take_form(o, value);
	case 'o':
		o->output = cw_streq(value, "-") ? NULL : value;
		return 0;
	case 'f':
		o->traces.keep = is_flagged;
		return 0;
	default:
		return cw_traces_take(&o->traces, option, value);
	}
}

int cw_cmd_export(int argc, char **argv)
{
	static const struct option options[] = {
		CW_TRACES_OPTIONS,
		{ "as", required_argument, NULL, 'a' },
		{ "output", required_argument, NULL, 'o' },
		{ "flagged", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct cw_verb verb = { "export", help, ":ho:", options, take };
	struct options o = { .traces = { .verb = verb.name, .judge = true,
					 .until_ns = UINT64_MAX } };
	int status = cw_read_options(&verb, &o, argc, argv);

	if (status == CW_GO_ON)
		status = cw_traces_take_paths(&o.traces, argc - optind, argv + optind);
	if (status == CW_GO_ON)
		status = cw_check_times(verb.name, o.traces.since_ns, o.traces.until_ns);
	if (status == CW_GO_ON && !o.form)
		status = cw_usage_error("export", "--as is needed", "");
	return status == CW_GO_ON ? export(&o) : status;
}
