/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs in the kernel: loads and attaches what the ladder chose, sets what is watched, reads
 * the rings and the loss counters. Owns every BPF object; all of it goes with the process, nothing
 * is pinned. Never judges and never names.
 */
#ifndef CW_KERNEL_H
#define CW_KERNEL_H

#include "abi.h"
#include "base/buf.h"
#include "source/ladder.h"

struct cw_kernel;

/*
 * Loads and attaches. *ret_failed: the program that could not be attached (others have filled its
 * hook), for a ladder without it; NULL: something else went wrong, or nothing.
 */
int cw_kernel_open(const struct cw_ladder *ladder, struct cw_buf *errors, const char **ret_failed,
		   struct cw_kernel **ret_kernel);
void cw_kernel_close(struct cw_kernel *k);

/* To be called when all that was there before is known: most maps are read-only from then on. */
void cw_kernel_freeze(struct cw_kernel *k);
/* What was done to the agent is told up to this number; who waits for that goes on. */
void cw_kernel_tampers_told(struct cw_kernel *k, uint64_t number);

/* Attaches what lives in a module that may have been loaded since: the V4L2 tracepoints. */
bool cw_kernel_attach_modules(struct cw_kernel *k);

/* Every device of a major number (whole), or only those told with cw_kernel_watch_device. */
void cw_kernel_watch_major(struct cw_kernel *k, unsigned int major, bool block, bool whole);
int cw_kernel_watch_device(struct cw_kernel *k, unsigned int major, unsigned int minor, bool block,
			   uint32_t asset);
/* This node of a watched major is no camera and no microphone. */
int cw_kernel_ignore_node(struct cw_kernel *k, uint32_t rdev, uint64_t ino, uint32_t dev);
/* None is ignored any more: devices came or went, and numbers may be given out again. */
void cw_kernel_heed_nodes(struct cw_kernel *k);
/*
 * Opens `name` below `dirfd` read-only and marks what it is as part of `asset`: the program in the
 * kernel sees the open, and with it which inode that is. Returns the descriptor; -EIO: opened, but
 * no program saw it; another negative errno: could not be opened. This and cw_kernel_mark() may be
 * called by the first thread and, at the same time, by one other.
 */
int cw_kernel_touch(struct cw_kernel *k, int dirfd, const char *name, int flags, uint32_t asset);
/*
 * Marks `n` inodes of one file system, CW_WANTED_MAX at most, as part of `asset`. `dev` and the
 * numbers are those of the kernel, see cw_kernel_knows(). -ENOTSUPP and others: none was marked.
 */
int cw_kernel_mark(struct cw_kernel *k, uint32_t dev, uint32_t asset,
		   const struct cw_wanted_inode *inodes, unsigned int n);
/* Is that the number, device and generation by which the kernel marked something of `asset`? */
bool cw_kernel_knows(struct cw_kernel *k, uint64_t ino, uint32_t dev, uint32_t gen, uint32_t asset);
/* The asset whose mark an inode carries, or CW_NO_ASSET. */
uint32_t cw_kernel_marked(struct cw_kernel *k, uint64_t ino, uint32_t dev);
void cw_kernel_set_root(struct cw_kernel *k, uint32_t asset, uint64_t ino);
void cw_kernel_set_canary(struct cw_kernel *k, uint64_t ino);

/* Generation of the trees; marks are complete for `gen` when the caller says so. */
uint64_t cw_kernel_tree_gen(const struct cw_kernel *k);
void cw_kernel_tree_clean(struct cw_kernel *k, uint64_t gen);
bool cw_kernel_tree_is_clean(const struct cw_kernel *k);

/*
 * Until then (CLOCK_BOOTTIME; 0: not at all) the rings are looked into without being woken, at
 * least so often that a record waits for CW_QUIET_NS at most.
 */
void cw_kernel_will_look(struct cw_kernel *k, uint64_t until_ns);
/* An access like this one by the same process to the same object need (not) wake us. */
void cw_kernel_set_quiet(struct cw_kernel *k, const struct cw_record_access *r, bool quiet);
void cw_kernel_forget_quiet(struct cw_kernel *k);
/* A record waits, or is being written. */
bool cw_kernel_has_records(const struct cw_kernel *k);

/* Readable when records wait. */
/* True while every ring is less than half full: the caller can take its time. */
bool cw_kernel_has_room(const struct cw_kernel *k);
int cw_kernel_fd(const struct cw_kernel *k);
typedef int (*cw_record_fn)(void *ctx, const struct cw_record *r, size_t size);
/*
 * Hands waiting records to `fn`, some thousands at most, and the devices' first all along: a flood
 * of the others neither keeps them waiting nor the caller. Negative errno, or how many.
 */
int cw_kernel_consume(struct cw_kernel *k, cw_record_fn fn, void *ctx);

/*
 * Forgets descriptors of processes that are gone: those above what the program at exit looks at,
 * and those whose end was lost. Returns how many there were; their close was not told.
 */
uint64_t cw_kernel_sweep(struct cw_kernel *k);
/* True if a process has ended since that may have left some. */
bool cw_kernel_needs_sweep(const struct cw_kernel *k);

/* Losses since the last call, by class (CW_LOSS_MAX entries). True if there are any. */
bool cw_kernel_take_losses(struct cw_kernel *k, struct cw_loss_count ret_losses[CW_LOSS_MAX]);

/*
 * Runs of programs that the kernel left out since the last call, because another run of the same
 * was interrupted (since 5.12). Asks for every program, so not for the hot path.
 */
uint64_t cw_kernel_take_skipped(struct cw_kernel *k);

/* What the kernel side knows of a process, alive or ended lately. -ENOENT. */
int cw_kernel_task(struct cw_kernel *k, uint32_t tgid, struct cw_task *ret_task);
/* Every process that the kernel side knows. `fn` must not add or remove any. */
void cw_kernel_each_task(struct cw_kernel *k, void (*fn)(void *ctx, const struct cw_task *t),
			 void *ctx);
/* Every process that touched that file, as far as it is remembered. */
void cw_kernel_each_toucher(struct cw_kernel *k, uint64_t ino, uint32_t dev,
			    void (*fn)(void *ctx, uint32_t tgid), void *ctx);
int cw_kernel_set_conn(struct cw_kernel *k, uint32_t tgid, uint64_t start_ns,
		       const struct cw_conn *conn);
/* Tells that a socket was accepted before the agent started. */
int cw_kernel_set_inbound(struct cw_kernel *k, const struct cw_accepted *a);
int cw_kernel_exe(struct cw_kernel *k, const struct cw_exe_key *key, struct cw_exe *ret_exe);
/* Who made the last call that changes names; ret_process: the record of that process. -ENOENT. */
int cw_kernel_namer(struct cw_kernel *k, uint32_t tgid, struct cw_namer *ret_namer,
		    struct cw_record_process *ret_process);

/*
 * Runs the iterators: processes first, then descriptors. `fn` gets each socket found. -EOPNOTSUPP:
 * the ladder chose none.
 */
int cw_kernel_seed(struct cw_kernel *k, void (*fn)(void *ctx, const struct cw_found *f), void *ctx);
/*
 * The same for one process, whose folder in /proc is open as `folder`, and for a descriptor that it
 * has. 1: that is a socket, in *ret_found.
 */
int cw_kernel_seed_process(struct cw_kernel *k, int folder);
int cw_kernel_seed_descriptor(struct cw_kernel *k, int folder, uint32_t fd,
			      struct cw_found *ret_found);

#endif
