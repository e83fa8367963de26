/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a trace while it happens. Encodes on the caller's thread, compresses, writes, syncs and
 * seals on its own; a slow or full disk never holds up the caller. Owns the file, the thread and a
 * bounded number of blocks. What does not fit is counted by event, never silently dropped.
 *
 * What is older than one second is on disk, and what was called urgent as soon as the disk can.
 * All calls come from one thread of the caller.
 */
#ifndef CW_TRACE_RECORDER_H
#define CW_TRACE_RECORDER_H

#include "base/buf.h"
#include "model/event.h"

#define CW_TRACE_KEYS_DIR "/var/lib/camwarden/keys"

struct cw_recorder;

struct cw_recorder_config {
	const char *path;
	const char *keys; /* directory of the keys; NULL: the trace is not sealed */
	const char *boot_id;
	const char *hub;
	const char *version;
	uint64_t boot_ns, wall_ns; /* when the trace begins; 0: now */
	/* A new file is begun when the present one has that many bytes, or is that old. 0: never */
	uint64_t segment_bytes, segment_age_ns;
	uint64_t budget; /* of all files together; 0: none. At least twice segment_bytes */
	/*
	 * Nothing is written until something is urgent, and then the events of so long before it,
	 * as far as they have room in `keep_bytes` when packed. 0: all is written.
	 */
	uint64_t keep_ns, keep_bytes;
};

#define CW_TRACE_KEEP_BYTES (8u << 20)

struct cw_recorder_loss {
	uint64_t events; /* since the last take */
	uint64_t from_ns, to_ns; /* boot_ns of the first and the last */
	int error; /* of the disk then; 0: it was only too slow */
};

/* An old file that had to go for the budget, or will have to soon; see trace/segments.h. */
struct cw_trace_dropped;

/*
 * Creates the file, mode 0640. One that is there already is not touched but renamed to
 * PATH.TIME-OF-ITS-BEGINNING, and the new one names its last block, so that both are one chain.
 * Lines for people (renamed, cannot be sealed and why) go to `notes`.
 */
int cw_recorder_open(const struct cw_recorder_config *config, struct cw_buf *notes,
		     struct cw_recorder **ret_recorder);
/* Never blocks. False: counted as lost. seq, time_ns and boot_ns must be set. */
bool cw_recorder_event(struct cw_recorder *r, const struct cw_event *e);
/* A policy comes into force, for what is recorded after it. */
bool cw_recorder_policy(struct cw_recorder *r, bool reload, const char *name, const char *text,
			size_t len);
/*
 * What was recorded so far is written and synced at once. `flagged`: the last event was, so that
 * its file is among the last to go when the budget is used up.
 */
void cw_recorder_urgent(struct cw_recorder *r, bool flagged);
/* The same, and waits until it is, for `timeout_ms` at most. */
void cw_recorder_flush(struct cw_recorder *r, unsigned int timeout_ms);
/* True and a file that had to go; to be asked again until false. */
bool cw_recorder_take_dropped(struct cw_recorder *r, struct cw_trace_dropped *ret_dropped);
/*
 * True and what is missing from the time before that was written out, because it had no room in
 * memory: `events`, `from_ns`, `to_ns` of *ret_loss.
 */
bool cw_recorder_take_short(struct cw_recorder *r, struct cw_recorder_loss *ret_loss);
/* True and the loss, if there was one and there is room again for the event that tells of it. */
bool cw_recorder_take_loss(struct cw_recorder *r, struct cw_recorder_loss *ret_loss);
/* True while there is one of these to take. */
bool cw_recorder_has_loss(const struct cw_recorder *r);
/* The negative errno of the last write or sync if it failed, 0 as soon as one succeeds again. */
int cw_recorder_error(const struct cw_recorder *r);
/*
 * Writes what waits, index, last seal and footer, for `timeout_ms` at most, and frees. Returns
 * events that are lost for good. A thread that is stuck in a system call is left behind.
 */
uint64_t cw_recorder_close(struct cw_recorder *r, unsigned int timeout_ms);

#endif
