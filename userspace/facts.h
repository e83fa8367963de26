/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts of an event by name, for what is asked of traces: the fields of the query language and
 * what events are grouped by. Reads the event only, and never changes it, so that any thread may
 * ask.
 */
#ifndef CW_FACTS_H
#define CW_FACTS_H

#include "model/event.h"

#define CW_FACT_ROOM 128

enum cw_fact {
	CW_FACT_LOGIN,
	CW_FACT_USER,
	CW_FACT_ASSET,
	CW_FACT_PATH,
	CW_FACT_EXE,
	CW_FACT_SHA256,
	CW_FACT_COMM,
	CW_FACT_UNIT,
	CW_FACT_CONTAINER,
	CW_FACT_VIA,
	CW_FACT_TTY,
	CW_FACT_PEER,
	CW_FACT_KIND,
	CW_FACT_CLASS,
	CW_FACT_SEVERITY,
	CW_FACT_DECISION,
	CW_FACT_ORIGIN,
	CW_FACT_PROBE,
	CW_FACT_GRANT,
	CW_FACT_HUB,
	CW_FACT_BOOT,
	CW_FACT_TIME,
	CW_FACT_HOURS,
	CW_FACT_PID,
	CW_FACT_PPID,
	CW_FACT_UID,
	CW_FACT_EUID,
	CW_FACT_SESSION,
	CW_FACT_PORT,
	CW_FACT_INODE,
	CW_FACT_SEQ,
	CW_FACT_FRAMES,
	CW_FACT_BYTES,
	CW_FACT_SECONDS,
	CW_FACT_MAX,
};

enum cw_fact_type {
	CW_FACT_TEXT,
	CW_FACT_PERSON, /* a name, or the uid */
	CW_FACT_OBJECT, /* name, kind or path of an asset */
	CW_FACT_PROGRAM, /* path, last name or SHA-256 */
	CW_FACT_NET,
	CW_FACT_WORD, /* of a known list */
	CW_FACT_MOMENT,
	CW_FACT_CLOCK, /* hours of the day */
	CW_FACT_NUMBER,
	CW_FACT_REAL,
};

const char *cw_fact_name(enum cw_fact f);
enum cw_fact_type cw_fact_type(enum cw_fact f);
/* The fact of that name, or -ENOENT. */
int cw_fact_find(const char *name);
/* The part of an event that it is in: what is known of it before the whole event is. */
enum cw_fact_part {
	CW_FACT_OF_PROCESS = 1 << 0,
	CW_FACT_OF_ASSET = 1 << 1,
	CW_FACT_OF_EVENT = 1 << 2,
	CW_FACT_OF_VERDICT = 1 << 3, /* also the name of an asset, which the policy may change */
};
enum cw_fact_part cw_fact_part(enum cw_fact f);

/*
 * The fact as text, raw, in the event or in `room`; NULL: unknown. Of a person without a name the
 * uid; of a peer the address without its port. Times and hours are none of this.
 */
const char *cw_fact_text(enum cw_fact f, const struct cw_event *e, char room[CW_FACT_ROOM]);
/* Of a number: false if unknown. */
bool cw_fact_number(enum cw_fact f, const struct cw_event *e, uint64_t *ret_number);
bool cw_fact_real(enum cw_fact f, const struct cw_event *e, double *ret_real);
/* Of a word: its place in the list, and the word at a place (NULL: the list is shorter). */
unsigned int cw_fact_word(enum cw_fact f, const struct cw_event *e);
const char *cw_fact_word_name(enum cw_fact f, unsigned int i);

#endif
