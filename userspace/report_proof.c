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
	p->before = -1;
	p->error = hash_file(path, p->sha256);
	if (!p->error)
		p->error = cw_trace_reader_open(path, on_problem, p, &r);
	if (!p->error)
		p->error = cw_trace_verify(r, on_problem, NULL, p, key, &p->trace);
	cw_trace_reader_free(r);
	p->proven = !p->error && cw_trace_is_proven(&p->trace, p->faults, key != NULL);
}

/* Each trace names the last block of the one before it, if there was one. */
void cw_report_link(struct cw_report_proof *proofs, unsigned int n)
{
	static const uint8_t none[CW_TRACE_HASH];

	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *previous = proofs[i].trace.head.previous;

		if (proofs[i].error || !memcmp(previous, none, sizeof(none)))
			continue;
		proofs[i].before = -2;
		for (unsigned int k = 0; k < n; k++)
			if (k != i && !memcmp(proofs[k].trace.last_hash, previous, CW_TRACE_HASH))
				proofs[i].before = (int)k;
	}
}
