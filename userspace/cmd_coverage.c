// SPDX-License-Identifier: Apache-2.0
/* camwarden coverage: what this kernel lets be seen, by which hooks, and what not. */
#include "cmd.h"
#include "sink/json.h"
#include "source/ladder.h"

void cw_coverage_print(FILE *f, const struct cw_coverage *c);

static const char help[] =
	"Usage: camwarden coverage [--format text|json] [--rung RUNG] [--btf FILE]\n"
	"\n"
	"Finds out which hooks this kernel offers and prints, for each capability, the rung in\n"
	"use, its hooks, what it cannot see and what would bring a better one.\n"
	"\n"
	"      --format FORMAT   text (default) or json, one object\n"
	"      --rung RUNG       as if the kernel had no better probes than that\n"
	"      --btf FILE        the kernel's types, for one that does not know them itself, as\n"
	"                        scripts/btf makes it\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 done, 2 usage, 3 could not be found out.\n";

#define INDENT 26
#define WIDTH  96

/* Words of `s` behind what stands in the line already, up to INDENT; further lines hang. */
static void print_wrapped(FILE *f, const char *label, const char *s)
{
	int column = INDENT + fprintf(f, "%s", label);

	for (const char *blank = ""; *s; blank = " ") {
		int n = (int)strcspn(s, " ");

		if (*blank && column + 1 + n > WIDTH) {
			column = INDENT + 2;
			fprintf(f, "\n%*s", column, "");
			blank = "";
		}
		column += fprintf(f, "%s%.*s", blank, n, s);
		s += n + (s[n] == ' ');
	}
	fputc('\n', f);
}

static void print_fact(FILE *f, const char *label, const char *s)
{
	fprintf(f, "%*s", INDENT, "");
	print_wrapped(f, label, s);
}

void cw_coverage_print(FILE *f, const struct cw_coverage *c)
{
	fprintf(f, "Coverage on %s\n", c->kernel);
	for (int i = 0; i < CW_CAP_MAX; i++) {
		const struct cw_coverage_row *r = &c->row[i];

		fprintf(f, "  %-11s %-11s ", cw_capability_name(i),
			r->rung == CW_PROBE_NONE ? "NOT SEEN" : cw_probe_name(r->rung));
		print_wrapped(f, "", r->hooks);
		if (*r->blind)
			print_fact(f, "misses: ", r->blind);
		if (r->improve)
			print_fact(f, "better: ", r->improve);
	}
}

static int print_json(const struct cw_coverage *c)
{
	cw_auto_buf struct cw_buf b = { 0 };

	cw_buf_puts(&b, "{\"schema\":\"camwarden.coverage/1\",\"kernel\":");
	cw_json_string(&b, c->kernel);
	cw_buf_puts(&b, ",\"capabilities\":[");
	for (int i = 0; i < CW_CAP_MAX; i++) {
		const struct cw_coverage_row *r = &c->row[i];

		cw_buf_printf(&b, "%s{\"capability\":\"%s\",\"rung\":\"%s\",\"hooks\":",
			      i ? "," : "", cw_capability_name(i),
			      r->rung == CW_PROBE_NONE ? "none" : cw_probe_name(r->rung));
		cw_json_string(&b, r->hooks);
		cw_buf_puts(&b, ",\"blind\":");
		cw_json_string(&b, r->blind);
		cw_buf_puts(&b, ",\"improve\":");
		cw_json_string(&b, r->improve);
		cw_buf_putc(&b, '}');
	}
	cw_buf_puts(&b, "]}\n");
	if (b.error || fputs(b.data, stdout) == EOF)
		return CW_EXIT_FAILED;
	return CW_EXIT_OK;
}

struct options {
	enum cw_format format;
	enum cw_probe best;
	const char *types;
};

static int show(const struct options *o)
{
	cw_auto_buf struct cw_buf errors = { 0 };
	struct cw_ladder_config config = { .best = o->best, .types = o->types, .attach = true };
	struct cw_ladder ladder;

	if (cw_ladder_decide(&config, &errors, &ladder)) {
		fprintf(stderr, "camwarden: %s", errors.data ? errors.data : "failed\n");
		return CW_EXIT_FAILED;
	}
	cw_ladder_release(&ladder);
	if (o->format == CW_FORMAT_JSON)
		return print_json(&ladder.coverage);
	cw_coverage_print(stdout, &ladder.coverage);
	return CW_EXIT_OK;
}

static int take(void *into, int option, const char *value)
{
	struct options *o = into;

	if (option == 'f')
		return cw_take_format("coverage", value, &o->format);
	if (option == 'r')
		return cw_take_rung("coverage", value, &o->best);
	o->types = value;
	return 0;
}

int cw_cmd_coverage(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "rung", required_argument, NULL, 'r' },
		{ "btf", required_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct cw_verb verb = { "coverage", help, ":h", options, take };
	struct options o = { .best = CW_PROBE_LSM };
	int status = cw_read_options(&verb, &o, argc, argv);

	if (status != CW_GO_ON)
		return status;
	if (optind < argc)
		return cw_usage_error("coverage", "unexpected argument ", argv[optind]);
	return show(&o);
}
