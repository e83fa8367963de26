/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event as one line of JSON, the contract of docs/events.md. Deterministic: the same event
 * gives the same bytes on every machine, whatever its locale and C library.
 */
#ifndef CW_JSON_H
#define CW_JSON_H

#include "base/buf.h"
#include "model/event.h"

#define CW_JSON_TIME_SIZE 31 /* "2026-11-24T04:35:59.123456789Z" */
#define CW_JSON_PEER_SIZE 48 /* "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" */

/*
 * Appends the line and its newline. A byte that is not UTF-8 becomes the escape \ufffd, each; the
 * character U+FFFD itself is passed on as its three bytes, so the two differ in the line (not for a
 * reader that has parsed it).
 */
void cw_json_event(struct cw_buf *b, const struct cw_event *e);
/* Appends a JSON string with its quotes; NULL gives null. */
void cw_json_string(struct cw_buf *b, const char *s);
/* Appends the value of a detail. */
void cw_json_detail(struct cw_buf *b, const struct cw_detail *d);

/* How values are spelled, for sinks that show the same thing in another form. */

/* Nanoseconds since 1970 as UTC. Returns the length. */
size_t cw_json_time(uint64_t ns, char ret_text[CW_JSON_TIME_SIZE]);
/* The peer, "203.0.113.7:51512" or "[2001:db8::7]:51512". Returns the length, 0: no peer. */
size_t cw_json_peer(const struct cw_origin *o, char ret_text[CW_JSON_PEER_SIZE]);
/* Length and code point of the UTF-8 sequence that `s` begins with; 0: it is not one. */
unsigned int cw_json_utf8(const char *s, uint32_t *ret_code);

#endif
