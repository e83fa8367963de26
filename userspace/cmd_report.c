// SPDX-License-Identifier: Apache-2.0
/*
 * camwarden report: traces to one page for whoever has to find out, or to judge. Reads each trace
 * more than once: its bytes, for what they prove, and its events. Never looks at the machine it
 * runs on.
 */
#include <sys/stat.h>

#include "cmd.h"
#include "report.h"
#include "spool.h"
#include "trace/roots.h"
#include "traces.h"

#define SIZE_DEFAULT (5u << 20)
#define SIZE_MIN     (256u << 10)
#define SIZE_LIMIT   (256u << 20)

static const char help[] =
	"Usage: camwarden report [OPTION...] FILE...\n"
	"\n"
	"Writes one HTML page from traces: what they prove, who saw how much, what was flagged\n"
	"and why, a timeline for each camera, hand-overs, deletions, and what could not be\n"
	"seen. The page needs no network and no script. The same traces give the same page.\n"
	"- is standard input.\n"
	"\n"
	"  -o, --output FILE     write there instead of printing; never one of the traces\n"
	"      --policy FILE     judge by this one instead of those in the trace\n"
	"      --key KEY         the hub's public key, a PEM file or 64 hexadecimal digits\n"
	"      --since TIME      only events at or after then: 2026-11-24T04:30:00Z, or a day\n"
	"      --until TIME      only events before then; a day is meant to its end\n"
	"      --title TEXT      head of the page\n"
	"      --max-size SIZE   of the page: 500K, 5M (default); what does not fit is summed up\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 nothing was flagged and all traces are proven, 1 something was flagged,\n"
	"a trace is not proven, or one is missing between several, 2 usage or invalid policy,\n"
	"3 a trace could not be read or the page not be written.\n";

struct options {
	struct cw_traces_config traces;
	const char *output, *title;
	size_t max_size;
	uint8_t key[CW_TRACE_KEY];
	bool has_key;
};

/* ---- options ---- */

static int take_size(const char *value, size_t *ret_size)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (!errno && *value >= '0' && *value <= '9' && n <= SIZE_LIMIT &&
	    (cw_streq(end, "K") || cw_streq(end, "M"))) {
		n <<= *end == 'K' ? 10 : 20;
		if (n >= SIZE_MIN && n <= SIZE_LIMIT) {
			*ret_size = n;
			return 0;
		}
	}
	return cw_usage_error("report", "--max-size is 256K to 256M, not ", value);
}

static int take(void *into, int option, const char *value)
{
	struct options *o = into;

	switch (option) {
	case 'o':
		o->output = cw_streq(value, "-") ? NULL : value;
		return 0;
	case 't':
		o->title = value;
		return 0;
	case 'k':
		o->has_key = true;
		return cw_take_key("report", value, o->key);
	case 'm':
		return take_size(value, &o->max_size);
	default:
		return cw_traces_take(&o->traces, option, value);
	}
}

/* ---- work ---- */

static int gather(struct cw_traces *t, struct cw_report *r)
{
	const struct cw_event *e;
	int got;

	while ((got = cw_traces_next(t, &e)) == 1) {
		const struct cw_policy *p = cw_traces_policy(t);

		cw_report_take(r, e, cw_traces_which(t), p ? cw_policy_name(p) : NULL,
			       p ? cw_policy_sha256(p) : NULL);
	}
	return got ? got : cw_report_end(r);
}

static int write_page(const struct options *o, const struct cw_buf *page)
{
	cw_auto_fclose FILE *f = NULL;
	FILE *out;
	int status = o->output ? cw_output_open("report", o->output, o->traces.paths, o->traces.n,
						&f) : 0;

	if (status)
		return status;
	out = f ? f : stdout;
	if (fwrite(page->data, page->len, 1, out) != 1 || fflush(out)) {
		cw_traces_message("report", f ? o->output : "standard output", strerror(errno));
		return CW_EXIT_FAILED;
	}
	return CW_EXIT_OK;
}

static int make_page(struct options *o, struct cw_report *r)
{
	cw_auto_buf struct cw_buf page = { 0 };
	struct cw_traces *t = NULL;
	int status = cw_traces_open(&o->traces, &t), e;

	if (status)
		return status;
	e = gather(t, r);
	status = cw_traces_status(t, e);
	cw_traces_free(t);
	if (e)
		return status;
	if (cw_report_write(r, &page)) {
		cw_traces_message("report", "the page", strerror(ENOMEM));
		return CW_EXIT_FAILED;
	}
	/* Of what could be read. */
	e = write_page(o, &page);
	return e ? e : status;
}

static int report(struct options *o)
{
	cw_auto_free struct cw_report_proof *proofs = calloc(o->traces.n, sizeof(*proofs));
	cw_auto_free uint8_t(*keys)[CW_TRACE_KEY] = calloc(o->traces.n, sizeof(*keys));
	struct cw_report *r = NULL;
	bool proven = true;
	int status;

	if (!proofs || !keys ||
	    (o->has_key && cw_trace_roots_follow(o->key, o->traces.paths, o->traces.n, keys)) ||
	    cw_report_new(o->max_size, &r)) {
		cw_traces_message("report", "memory", strerror(ENOMEM));
		return CW_EXIT_FAILED;
	}
	for (unsigned int i = 0; i < o->traces.n; i++) {
		cw_report_prove(&proofs[i], o->traces.paths[i], o->has_key ? keys[i] : NULL);
		proven &= proofs[i].proven;
	}
	r->error = cw_report_link(proofs, o->traces.n);
	r->proofs = proofs;
	r->n_proofs = o->traces.n;
	r->title = o->title;
	r->policy_file = o->traces.policy;
	r->since_ns = o->traces.since_ns;
	r->until_ns = o->traces.until_ns;
	r->has_key = o->has_key;
	/* Of one trace alone nothing was promised. */
	proven &= o->traces.n == 1 || !cw_report_holes(r);
	status = make_page(o, r);
	if (!status && (r->flags || !proven))
		status = CW_EXIT_FLAGGED;
	cw_report_free(r);
	return status;
}

/* A trace is read more than once, which only a file can be. */
static int make_readable(const char *path)
{
	struct stat st;

	if (cw_streq(path, "-"))
		return cw_spool_stdin("report");
	if (stat(path, &st) || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return 0; /* who opens it tells what is wrong */
	cw_traces_message("report", path, "this is no file, and is read more than once; give it "
			  "to standard input, as -");
	return CW_EXIT_FAILED;
}

int cw_cmd_report(int argc, char **argv)
{
	static const struct option options[] = {
		CW_TRACES_OPTIONS,
		{ "output", required_argument, NULL, 'o' },
		{ "key", required_argument, NULL, 'k' },
		{ "title", required_argument, NULL, 't' },
		{ "max-size", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct cw_verb verb = { "report", help, ":ho:", options, take };
	struct options o = { .traces = { .verb = verb.name, .judge = true,
					 .until_ns = UINT64_MAX },
			     .max_size = SIZE_DEFAULT };
	int status = cw_read_options(&verb, &o, argc, argv);

	if (status == CW_GO_ON)
		status = cw_traces_take_paths(&o.traces, argc - optind, argv + optind);
	if (status == CW_GO_ON)
		status = cw_check_times(verb.name, o.traces.since_ns, o.traces.until_ns);
	if (status != CW_GO_ON)
		return status;
	status = 0;
	for (unsigned int i = 0; !status && i < o.traces.n; i++)
		status = make_readable(o.traces.paths[i]);
	return status ? status : report(&o);
}
