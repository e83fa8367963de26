/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is alike, counted under one key: how often, first and last. Bounded, whatever comes: beyond
 * the room that was asked for nothing new is taken, and what found none is counted.
 */
#ifndef CW_TALLY_H
#define CW_TALLY_H

#include "base/buf.h"

struct cw_tally;

/* The first member of what the caller keeps for each key. */
struct cw_tally_entry {
	char *key;
	uint64_t hash;
	uint64_t count;
	uint64_t first_ns, last_ns; /* since 1970 */
};

/*
 * `size` bytes for each of at most `max` entries, zeroed, whose keys take `key_bytes` together at
 * most; `drop` (or NULL) frees what is in one.
 */
int cw_tally_new(unsigned int max, size_t key_bytes, size_t size, void (*drop)(void *entry),
		 struct cw_tally **ret_tally);
void cw_tally_free(struct cw_tally *t);
/*
 * Counts one at `ns` under `key`, which was gathered in a buffer: parts that may hold anything are
 * put there by cw_tally_key(). *ret_entry->count is 1 if it is new. -ENOSPC: there is no room, and
 * this is counted; -ENOMEM.
 */
int cw_tally_add(struct cw_tally *t, const struct cw_buf *key, uint64_t ns, void **ret_entry);
/* Appends one part of a key, NULL too, so that no two lists of parts give the same key. */
void cw_tally_key(struct cw_buf *key, const char *part);
unsigned int cw_tally_n(const struct cw_tally *t);
/* In the order in which they were made, until they are sorted by cw_tally_sort(). */
void *cw_tally_at(const struct cw_tally *t, unsigned int i);
/* Nothing can be added afterwards. */
void cw_tally_sort(struct cw_tally *t, int (*compare)(const void *a, const void *b));
/* How often there was no room. */
uint64_t cw_tally_lost(const struct cw_tally *t);

#endif
