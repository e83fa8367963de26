/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nested JSON for sinks that write another schema than ours: objects and lists are opened and
 * closed, members follow each other, and what is not known is left out. Keys are literals but those
 * of details. Where a comma belongs is told by the last byte that was written.
 */
#ifndef CW_OBJECT_H
#define CW_OBJECT_H

#include "base/buf.h"
#include "model/event.h"

/* `key` NULL: a member of a list, or the line itself. */
void cw_object_open(struct cw_buf *b, const char *key);
void cw_object_close(struct cw_buf *b);
void cw_object_list(struct cw_buf *b, const char *key);
void cw_object_list_end(struct cw_buf *b);
void cw_object_text(struct cw_buf *b, const char *key, const char *s); /* NULL: left out */
void cw_object_uint(struct cw_buf *b, const char *key, uint64_t v);
void cw_object_int(struct cw_buf *b, const char *key, int64_t v);
void cw_object_bool(struct cw_buf *b, const char *key, bool v);
void cw_object_number_text(struct cw_buf *b, const char *key, uint64_t v); /* "1001" */
void cw_object_time(struct cw_buf *b, const char *key, uint64_t ns);
/* The address of a peer without its port; nothing if there is none. */
void cw_object_peer_ip(struct cw_buf *b, const char *key, const struct cw_origin *o);
/* An object of the details of an event, if it has any. */
void cw_object_details(struct cw_buf *b, const char *key, const struct cw_event *e);
/* In words what foreign code runs in the process; nothing, if none. */
void cw_object_code(struct cw_buf *b, const char *key, const struct cw_process *p);

/* Names the event for good: "BOOT/NANOSECONDS SINCE BOOT/NUMBER", and what is put behind. */
void cw_object_uid(struct cw_buf *b, const char *key, const struct cw_event *e, const char *behind);
/* An object of name and number; nothing if neither is known. */
void cw_object_user(struct cw_buf *b, const char *key, const char *uid_key, uint32_t uid,
		    const char *name);
/* The parent of a process as far as it is known; pid 0: not at all. */
struct cw_ancestor cw_object_parent(const struct cw_process *p);
/* When its process started, nanoseconds since 1970; 0: unknown. */
uint64_t cw_object_started(const struct cw_event *e);
/* "T1565" of "T1565.001"; *ret_sub is NULL if there is no number behind a dot. */
void cw_object_technique(const char *technique, char ret_whole[16], const char **ret_sub);

#endif
