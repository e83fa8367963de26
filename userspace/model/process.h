/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process as the agent remembers it: what the kernel side told, and the facts that enrichment
 * found once. Kept by decode, filled by enrich. Key: (tgid, start time).
 */
#ifndef CW_PROCESS_H
#define CW_PROCESS_H

#include "abi.h"
#include "model/event.h"

#define CW_ARGS_MAX 64

struct cw_proc {
	struct cw_proc *hash_next;
	struct cw_proc *newer, *older; /* least recently used goes first */
	struct cw_task task;	       /* origin and lineage, as of the last exec */
	uint64_t record_ns;	       /* when the record was made that all this is from */
	uint32_t ns_pid;
	bool known;    /* the kernel side's record of it was seen */
	bool enriched; /* the facts below were looked for */
	bool exited;
	bool argv_cut;
	char *exe; /* allocated; NULL: unknown */
	char *cgroup;
	uint64_t cgroup_id;
	char *argv_data;		  /* the strings that argv points into */
	size_t argv_len;
	const char *argv[CW_ARGS_MAX + 1]; /* NULL-terminated; argv[0] NULL: unknown */
	char *ancestor_exe[CW_LINEAGE_MAX];
	char *via;
	char *hop_exe;
	char *code_path; /* of foreign code */
	char sha256[65]; /* "" : unknown */
	char *unit;
	char *container;
};

#endif
