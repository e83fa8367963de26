// SPDX-License-Identifier: Apache-2.0
/* What the bytes of the traces prove: as camwarden verify, for the head of the report. */
#include <fcntl.h>

#include "report.h"

static void on_problem(void *ctx, const struct cw_trace_problem *problem)
{
	struct cw_report_proof *p = ctx;

	if (problem->fault == CW_TRACE_NEWER) {
		p->newer = true;
		return;
	}
	if (p->faults < CW_REPORT_PROBLEMS_MAX) {
		p->problem[p->faults].offset = problem->offset;
		p->problem[p->faults].sequence = problem->sequence;
		p->problem[p->faults].wall_ns = problem->wall_ns;
		snprintf(p->problem[p->faults].what, sizeof(p->problem[0].what), "%s",
			 problem->what);
	}
	p->faults++;
}

static int hash_file(const char *path, char ret_hex[CW_SHA256_HEX])
{
	cw_auto_close int fd = cw_streq(path, "-") ? dup(STDIN_FILENO) :
						     open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : cw_sha256_fd(fd, ret_hex);
}

void cw_report_prove(struct cw_report_proof *p, const char *path, const uint8_t *key)
{
	struct cw_trace_reader *r = NULL;

	p->path = path;
	p->before = CW_TRACE_FIRST;
	p->error = hash_file(path, p->sha256);
	if (!p->error)
		p->error = cw_trace_reader_open(path, on_problem, p, &r);
	if (!p->error)
		p->error = cw_trace_verify(r, on_problem, NULL, p, key, &p->trace);
	cw_trace_reader_free(r);
	p->proven = !p->error && cw_trace_is_proven(&p->trace, p->faults, key != NULL);
}

/* What lies before it: from the end of the last trace of that hub until this one begins. */
static void find_hole(struct cw_report_proof *proofs, unsigned int n, struct cw_report_proof *p)
{
	p->hole_to_ns = p->trace.events ? p->trace.wall_first : p->trace.head.wall_ns;
	for (unsigned int i = 0; i < n; i++) {
		const struct cw_trace_report *t = &proofs[i].trace;

		if (&proofs[i] != p && cw_streq(t->head.hub, p->trace.head.hub) &&
		    t->wall_last <= p->hole_to_ns && t->wall_last > p->hole_from_ns)
			p->hole_from_ns = t->wall_last;
	}
}

int cw_report_link(struct cw_report_proof *proofs, unsigned int n)
{
	cw_auto_free const struct cw_trace_report **reports = calloc(n, sizeof(*reports));
	unsigned int by, drop;

	if (!reports)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++)
		reports[i] = &proofs[i].trace;
	for (unsigned int i = 0; i < n; i++) {
		if (proofs[i].error)
			continue;
		proofs[i].before = cw_trace_before(reports, n, i, &by, &drop);
		if (proofs[i].before == CW_TRACE_ABSENT)
			find_hole(proofs, n, &proofs[i]);
	}
	return 0;
}

unsigned int cw_report_holes(const struct cw_report *r)
{
	unsigned int holes = 0;

	for (unsigned int i = 0; i < r->n_proofs; i++)
		holes += r->proofs[i].before == CW_TRACE_ABSENT;
	return holes;
}
