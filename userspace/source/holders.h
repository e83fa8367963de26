/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds what at this moment, as the kernel has it: an iterator over descriptors that is loaded,
 * read and gone; and what a running agent's maps say of it. Only reads, keeps nothing.
 */
#ifndef CW_HOLDERS_H
#define CW_HOLDERS_H

#include "abi.h"
#include "base/buf.h"

/*
 * Hands every descriptor of a character device or a regular file, of every process but this one, to
 * `fn`; `asset` of it is the index in `roots` (at most CW_ASSETS_MAX descriptors of folders) of the
 * folder that it lies in. A negative errno, and nothing was handed out: the kernel cannot, or we
 * must not.
 */
int cw_holders_scan(const int *roots, unsigned int n,
		    void (*fn)(void *ctx, const struct cw_holding *h), void *ctx);

/* The maps of every running agent of this version. */
struct cw_agent_maps;

/* -ENOENT: no agent runs; -EPERM: we must not ask. */
int cw_agent_maps_open(struct cw_agent_maps **ret_maps);
void cw_agent_maps_free(struct cw_agent_maps *m);
/*
 * Since when the descriptor is open (since boot) and who opened it. `file` of it 0: not known, then
 * only an agent that follows descriptors by number can tell.
 */
bool cw_agent_open(const struct cw_agent_maps *m, const struct cw_holding *h,
		   uint64_t *ret_since_ns, uint32_t *ret_opener);
/* Frames that the process took out of the device in the capture that runs. */
bool cw_agent_stream(const struct cw_agent_maps *m, uint32_t tgid, uint32_t rdev,
		     struct cw_stream *ret_stream);
/* Is that inode a recording, wherever it is now? `gen` 0: not known. */
bool cw_agent_marked(const struct cw_agent_maps *m, uint64_t ino, uint32_t dev, uint32_t gen);
bool cw_agent_task(const struct cw_agent_maps *m, uint32_t tgid, struct cw_task *ret_task);
/* The path of an executable, or of other code, that an agent still knows. */
bool cw_agent_exe(const struct cw_agent_maps *m, const struct cw_exe_key *key,
		  struct cw_exe *ret_exe);

#endif
