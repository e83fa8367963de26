/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes finished lines and writes them from a thread of its own, so that a slow pipe or a full disk
 * never holds up the caller. Owns the descriptor, the thread and a bounded queue. What does not fit
 * or cannot be written is counted by line, never silently dropped.
 *
 * All calls but the thread's own work come from one thread of the caller; cw_writer_broken() and
 * cw_writer_error() may come from any.
 */
#ifndef CW_WRITER_H
#define CW_WRITER_H

#include "base/base.h"

struct cw_writer;

/* What was lost since the last cw_writer_take_loss(). */
struct cw_writer_loss {
	uint64_t lines; /* calls of cw_writer_put() */
	uint64_t from_ns; /* the boot_ns given with the first and the last of them */
	uint64_t to_ns;
	int error; /* the negative errno of write(2) in force then, 0: the queue was full */
};

/*
 * `path` NULL: standard output (never closed, never made non-blocking). A file is appended to and
 * created with mode 0640; a FIFO that nobody reads is -ENXIO. `room` is the size of the queue in
 * bytes, allocated once (-EINVAL below 256); each line takes 16 bytes more than its length. A torn
 * last line that an earlier failure left in the file is completed by a newline before the next one.
 */
int cw_writer_open(const char *path, size_t room, struct cw_writer **ret_writer);
/*
 * Never blocks, unless the caller is patient. One call, one line (or several that belong
 * together). False: counted as lost. While the disk is full, what is queued waits and the write is
 * tried again five times a second; a line that was written in part goes on where it stopped.
 */
bool cw_writer_put(struct cw_writer *w, const char *data, size_t len, uint64_t boot_ns);
/*
 * From now on a full queue is waited for, as long as writes go on: 100 ms for a line at most, and
 * not again before something was written. For a caller who has room elsewhere meanwhile.
 */
void cw_writer_set_patient(struct cw_writer *w, bool patient);
/*
 * From now on a line finds the queue full when less than `spare` bytes (half of the queue at most)
 * would be left: for those that come often, so that they do not displace the others.
 */
void cw_writer_set_spare(struct cw_writer *w, size_t spare);
/*
 * True and the loss, if there was one and the queue has room again for the line that tells of it:
 * 8 KiB, or half of a smaller queue. Never true while the writer is broken.
 */
bool cw_writer_take_loss(struct cw_writer *w, struct cw_writer_loss *ret_loss);
/* True while there is a loss that was not taken: the room for its line has to be asked for. */
bool cw_writer_has_loss(struct cw_writer *w);
/*
 * Opens the path again (logrotate); on failure the old file stays and the errno is returned. 0 for
 * standard output. The file changes between two lines: what is queued may still go to the old one,
 * in order. If the old one cannot take the rest of a line, that line is written whole to the new.
 */
int cw_writer_reopen(struct cw_writer *w);
/*
 * True once nobody reads any more (EPIPE, a terminal that is gone); what was queued counts as lost,
 * with that error. The caller should end.
 */
bool cw_writer_broken(const struct cw_writer *w);
/* The negative errno of the last write(2) if it failed, 0 as soon as one succeeds again. */
int cw_writer_error(const struct cw_writer *w);
/* Waits until what was put is written, as long as that works, for `timeout_ms` at most. */
void cw_writer_flush(struct cw_writer *w, unsigned int timeout_ms);
/*
 * Writes out what is queued, for `timeout_ms` at most, and frees. Returns lines lost for good:
 * those not written, and a loss that was never taken. A thread that is stuck in write(2) (a dead
 * network file system) is left behind; it frees what is left if it ever returns.
 */
uint64_t cw_writer_close(struct cw_writer *w, unsigned int timeout_ms);

#endif
