// SPDX-License-Identifier: Apache-2.0
/* camwarden coverage: what this kernel lets be seen, by which hooks, and what not. */
#include <getopt.h>

#include "cmd.h"
#include "sink/json.h"
#include "source/ladder.h"

void cw_coverage_print(FILE *f, const struct cw_coverage *c);

static const char help[] =
	"Usage: camwarden coverage [--format text|json] [--rung RUNG]\n"
	"\n"
	"Finds out which hooks this kernel offers and prints, for each capability, the rung in\n"
	"use, its hooks, what it cannot see and what would bring a better one.\n"
	"\n"
	"      --format FORMAT   text (default) or json, one object\n"
	"      --rung RUNG       as if the kernel had no better probes than that\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 done, 2 usage, 3 could not be found out.\n";

/* Words of `s` in lines of at most `width`, each further one indented. */
static void print_wrapped(FILE *f, const char *label, const char *s, int indent, int width)
{
	int column = indent + (int)strlen(label);

	fprintf(f, "%*s%s", indent, "", label);
	while (*s) {
		int n = (int)strcspn(s, " ");

		if (column + n > width) {
			fprintf(f, "\n%*s", indent + 2, "");
			column = indent + 2;
		}
		fprintf(f, "%.*s%s", n, s, s[n] ? " " : "");
		column += n + 1;
		s += n + (s[n] == ' ');
	}
	fputc('\n', f);
}

void cw_coverage_print(FILE *f, const struct cw_coverage *c)
{
	fprintf(f, "Coverage on %s\n", c->kernel);
	for (int i = 0; i < CW_CAP_MAX; i++) {
		const struct cw_coverage_row *r = &c->row[i];

		fprintf(f, "  %-11s %-11s ", cw_capability_name(i),
			r->rung == CW_PROBE_NONE ? "NOT SEEN" : cw_probe_name(r->rung));
		print_wrapped(f, "", r->hooks, 0, 66);
		if (*r->blind)
			print_wrapped(f, "misses: ", r->blind, 26, 96);
		if (r->improve)
			print_wrapped(f, "better: ", r->improve, 26, 96);
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

static int parse_rung(const char *s)
{
	for (int p = CW_PROBE_LSM; p <= CW_PROBE_TRACEPOINT; p++)
		if (cw_streq(s, cw_probe_name((enum cw_probe)p)))
			return p;
	return -1;
}

static int show(enum cw_probe best, bool json)
{
	cw_auto_buf struct cw_buf errors = { 0 };
	struct cw_ladder ladder;

	if (cw_ladder_decide(best, &errors, &ladder)) {
		fprintf(stderr, "camwarden: %s", errors.data ? errors.data : "failed\n");
		return CW_EXIT_FAILED;
	}
	if (json)
		return print_json(&ladder.coverage);
	cw_coverage_print(stdout, &ladder.coverage);
	return CW_EXIT_OK;
}

static int usage_error(const char *what, const char *which)
{
	fprintf(stderr, "camwarden coverage: %s%s; see camwarden coverage --help\n", what, which);
	return CW_EXIT_USAGE;
}

int cw_cmd_coverage(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "rung", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool json = false;
	int option, best = CW_PROBE_LSM;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (option) {
		case 'h':
			fputs(help, stdout);
			return CW_EXIT_OK;
		case 'f':
			if (!cw_streq(optarg, "json") && !cw_streq(optarg, "text"))
				return usage_error("--format is text or json, not ", optarg);
			json = *optarg == 'j';
			break;
		case 'r':
			best = parse_rung(optarg);
			if (best <= 0)
				return usage_error("--rung is lsm, fentry, kprobe or tracepoint, "
						   "not ", optarg);
			break;
		case ':':
			return usage_error("a value is missing behind ", argv[optind - 1]);
		default:
			return usage_error("unknown option ", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return usage_error("unexpected argument ", argv[optind]);
	return show((enum cw_probe)best, json);
}
