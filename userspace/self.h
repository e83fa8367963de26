/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent lives on: its program, policy, trace, output, keys, unit and control group. Marks
 * the files so that a change by anybody else is seen, and keeps who they are. Part of the pipeline.
 */
#ifndef CW_SELF_H
#define CW_SELF_H

#include "decode/decode.h"
#include "source/kernel.h"

#define CW_SELF_FILES_MAX 160

struct cw_self_file {
	enum cw_self_kind kind;
	char *path;
	uint64_t ino;
	uint64_t dev;
	unsigned int handle_len; /* names are told by fanotify: which object it is */
	unsigned char handle[128];
	bool gone; /* told already that it is no longer what it was */
};

struct cw_self {
	struct cw_kernel *kernel;
	struct cw_self_file file[CW_SELF_FILES_MAX];
	unsigned int n;
	bool full;
	int fan; /* fanotify, where no hook tells of names; -1 */
	_Alignas(8) char buf[2048]; /* its events, those from `at` on are left */
	size_t at, end;
};

struct cw_self_config {
	const char *policy, *output, *trace, *keys, *state; /* NULL: there is none */
	bool fanotify;
};

void cw_self_start(struct cw_self *s, struct cw_kernel *k, bool fanotify);
void cw_self_stop(struct cw_self *s);
/* Marks what is there now; again and again, because files come and are replaced. */
void cw_self_mark(struct cw_self *s, const struct cw_self_config *c);

/*
 * Makes an event about tampering of one about a file of ours. False: it is none (closed, or merely
 * read).
 */
bool cw_self_file_event(struct cw_event *e, uint32_t asset);

/* "policy", "trace" and so on. */
const char *cw_self_name(enum cw_self_kind kind);

/* What fanotify has to say of one of the files. */
struct cw_self_change {
	struct cw_self_file *file;
	uint32_t pid;
	bool moved; /* else: its attributes changed, among which is the number of its names */
};

/* What became of its name, in words; NULL: nothing, or that is told already. */
const char *cw_self_became(struct cw_self_file *f, bool moved);

/* Takes the next one; false: none is left. Live until the next call of cw_self_mark(). */
bool cw_self_next_change(struct cw_self *s, struct cw_self_change *ret_change);

#endif
