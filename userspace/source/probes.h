/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object of all programs, loaded. Most of a start goes into the kernel's verifier, which looks
 * at one program after the other: so maps and variables are one object, and where there are two
 * processors, two more of the same have half of the programs each, and share them. Private to the
 * source module.
 */
#ifndef CW_SOURCE_PROBES_H
#define CW_SOURCE_PROBES_H

#include <bpf/libbpf.h>

#include "base/buf.h"
#include "source/ladder.h"

#define CW_PROBES_THREADS 2

struct probes_bpf;

struct cw_probes {
	struct probes_bpf *skel; /* maps and variables */
	struct bpf_object *object[1 + CW_PROBES_THREADS]; /* that of skel first */
	unsigned int n_objects;
	struct cw_probe_program {
		char name[32];
		int fd;
	} program[CW_PROGRAMS_MAX]; /* all programs that are loaded */
	unsigned int n;
};

/*
 * Opens it for what the ladder found. Until cw_probes_load() variables may be set, and programs of
 * `skel` be chosen (bpf_program__set_autoload).
 */
int cw_probes_open(const struct cw_ladder *l, struct cw_probes *ret_probes);
int cw_probes_load(struct cw_probes *p, const struct cw_ladder *l, struct cw_buf *errors);
/* The descriptor of a program that is loaded, or -1. */
int cw_probes_find(const struct cw_probes *p, const char *name);
/* By what its section says. NULL, with errno: it failed; ENOENT: there is no such program. */
struct bpf_link *cw_probes_attach(const struct cw_probes *p, const char *name);
/* After the last cw_probes_attach(): gives back the memory that only that needs. */
void cw_probes_settle(struct cw_probes *p);
/* Also of one that was not opened, all zero. */
void cw_probes_close(struct cw_probes *p);

#endif
