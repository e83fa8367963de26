/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the types of the kernel that runs are described (BTF): by itself, or by a file for those
 * that do not. Owns the check that a file fits.
 */
#ifndef CW_TYPES_H
#define CW_TYPES_H

#include "base/buf.h"

struct btf;

struct cw_types {
	struct btf *btf;  /* owned */
	const char *path; /* the file they are from; NULL: where libbpf finds them by itself */
	bool kernel;	  /* the kernel knows them, too, which hooks by type need */
};

/* Does the kernel that runs describe its types? */
bool cw_types_in_kernel(void);

/*
 * `path`: used if the kernel has no types of its own; NULL: none. Faults are a line in `errors` and
 * a negative errno: -EOPNOTSUPP, there are none; others: the file is no BTF, or of another kernel.
 */
int cw_types_open(const char *path, struct cw_buf *errors, struct cw_types *ret_types);
void cw_types_close(struct cw_types *t);

/* How many parameters a function has, or what a tracepoint gives its programs. -ENOENT. */
int cw_types_args(const struct cw_types *t, const char *name, bool tracepoint);

#endif
