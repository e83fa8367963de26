/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys that seal traces. Two chains, so that whoever steals what is there now can seal nothing
 * that lies in the past:
 *
 * - From start to start: the directory holds one private key, the root of the next start. A start
 *   signs a link with it, {next root, first seal key}, and overwrites it with the next root's.
 * - From seal to seal: seal keys live in memory only. Each seal names the key of the next one, and
 *   the key that signed is destroyed.
 *
 * A trace carries the links that lead from the first root to its own first seal key.
 */
#ifndef CW_TRACE_KEYS_H
#define CW_TRACE_KEYS_H

#include "trace/format.h"

#define CW_TRACE_LINK_SIZE 168u
#define CW_TRACE_SEAL_SIZE 216u

struct cw_trace_link {
	uint64_t index; /* 0: the first start ever */
	uint8_t root[CW_TRACE_KEY];
	uint8_t next_root[CW_TRACE_KEY];
	uint8_t seal_key[CW_TRACE_KEY];
	uint8_t signature[CW_TRACE_SIGNATURE]; /* by root */
};

struct cw_trace_seal {
	uint32_t flags;
	uint64_t epoch;	   /* 0: the first seal of the file */
	uint64_t sequence; /* of the block before it, the last that is sealed */
	uint64_t offset;   /* bytes that are sealed */
	uint64_t boot_ns, wall_ns;
	uint64_t events; /* in all blocks so far */
	uint8_t hash[CW_TRACE_HASH]; /* of the block before */
	uint8_t key[CW_TRACE_KEY];
	uint8_t next_key[CW_TRACE_KEY];
	uint8_t signature[CW_TRACE_SIGNATURE]; /* by key */
};

void cw_trace_link_put(const struct cw_trace_link *l, uint8_t out[CW_TRACE_LINK_SIZE]);
void cw_trace_link_get(const uint8_t in[CW_TRACE_LINK_SIZE], struct cw_trace_link *ret_link);
void cw_trace_seal_put(const struct cw_trace_seal *s, uint8_t out[CW_TRACE_SEAL_SIZE]);
void cw_trace_seal_get(const uint8_t in[CW_TRACE_SEAL_SIZE], struct cw_trace_seal *ret_seal);
/* Are the signatures those of the keys that they name? */
bool cw_trace_link_is_signed(const struct cw_trace_link *l);
bool cw_trace_seal_is_signed(const struct cw_trace_seal *s);

struct cw_trace_keys;

/*
 * Makes the directory and the first root if they are not there, takes one start's link, destroys
 * the root that signed it. -EBADMSG: what the directory holds does not fit together.
 */
int cw_trace_keys_open(const char *dir, struct cw_trace_keys **ret_keys);
void cw_trace_keys_free(struct cw_trace_keys *k);
/* The links up to the present start, at most CW_TRACE_LINKS_MAX: bytes as in the file. */
const uint8_t *cw_trace_keys_links(const struct cw_trace_keys *k, size_t *ret_len);
/* Fills in epoch, keys and signature, and destroys the key that signed. */
int cw_trace_keys_seal(struct cw_trace_keys *k, struct cw_trace_seal *s);

/* A public key, from a PEM file or 64 hexadecimal digits. -EINVAL: it is neither. */
int cw_trace_key_read(const char *file_or_hex, uint8_t ret_key[CW_TRACE_KEY]);
/* From 64 hexadecimal digits only: what stands in a trace names no file to open. */
bool cw_trace_key_read_hex(const char *hex, uint8_t ret_key[CW_TRACE_KEY]);

#endif
