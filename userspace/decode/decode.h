/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of the kernel side become events. Owns the table of processes and of open files that
 * records refer to. Bounded in memory; reads nothing of the machine but what it is handed.
 */
#ifndef CW_DECODE_H
#define CW_DECODE_H

#include "base/buf.h"
#include "model/process.h"

struct cw_decode;

#define CW_PEEK_BY_CORE "core dump" /* detail `by` of a peek */

/* Questions that decode asks its surroundings. */
struct cw_decode_ops {
	void *ctx;
	/* Path of an executable by its inode, turned; NULL: unknown. Lives until the next call. */
	const char *(*exe_path)(void *ctx, const struct cw_exe_key *key);
	/* Root directory of a recordings asset; NULL: no such asset. */
	const char *(*asset_root)(void *ctx, uint32_t asset);
	/* What the kernel side knows of a process without a record. Negative errno. */
	int (*task)(void *ctx, uint32_t tgid, struct cw_task *ret_task);
};

int cw_decode_new(const struct cw_decode_ops *ops, struct cw_decode **ret_decode);
void cw_decode_free(struct cw_decode *d);

enum cw_decoded {
	CW_DECODED_NOTHING, /* a record for the tables alone */
	CW_DECODED_EVENT,
	CW_DECODED_ATTEMPT, /* an event whose object the caller has to look up: path, dirfd */
	CW_DECODED_RESCAN,  /* the directory `path` of asset index has come in */
	CW_DECODED_TREE,
	CW_DECODED_TAMPER, /* an event about the agent itself */
};

/* What a record said beyond the event. Strings live until the next call. */
struct cw_decoded_record {
	enum cw_decoded type;
	struct cw_proc *proc; /* NULL: none */
	uint32_t asset;	      /* index, CW_NO_ASSET */
	uint32_t rdev;	      /* of a device; the kernel's form */
	uint64_t ino;
	uint32_t dev;
	uint32_t mode;
	const char *path; /* attempt: as given; rescan: where */
	const char *base; /* attempt: what a relative path starts from; NULL: unknown */
	int32_t dirfd;
	const char *target;  /* the file that it went into, what is bound; NULL: unknown */
	uint64_t target_ino; /* that file; what a loop device was put over; 0: none */
	uint32_t target_dev;
	uint64_t tamper; /* number of the record; who did it may wait for it to be told */
	bool urgent;	 /* he does */
	bool stops;	 /* the agent, for a while */
};

/*
 * Fills *ret_event, except its times of day, sequence and names that enrichment finds. -EBADMSG:
 * not a record of this version; nothing is taken from it.
 */
int cw_decode_record(struct cw_decode *d, const void *data, size_t size,
		     struct cw_event *ret_event, struct cw_decoded_record *ret);

/* The process of that key, known or not; NULL: no memory. */
struct cw_proc *cw_decode_process(struct cw_decode *d, uint32_t tgid, uint64_t start_ns);
/*
 * The process has ended, or no record will tell that it has: it is kept for the records that may
 * still come, and is among the first to go.
 */
void cw_decode_ended(struct cw_decode *d, struct cw_proc *p);
/* Fills the process and origin parts of an event. */
void cw_decode_fill(struct cw_event *e, const struct cw_proc *p, const struct cw_actor *a);

/* "leaf\0dir\0" to "/dir/leaf", below `root` if the flags say so; appended to `out`. */
void cw_decode_path(struct cw_buf *out, const char *leaf_first, size_t len, uint32_t flags,
		    const char *root);
size_t cw_decode_n_processes(const struct cw_decode *d);

#endif
