/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing text buffer. A failed allocation is remembered in `error` and makes every later call a
 * no-op, so that a writer checks once, at its end.
 */
#ifndef CW_BUF_H
#define CW_BUF_H

#include "base/base.h"

struct cw_buf {
	char *data; /* NUL-terminated once anything was added; NULL before */
	size_t len;
	size_t cap;
	int error; /* 0 or -ENOMEM */
};

void cw_buf_reset(struct cw_buf *b); /* empties, keeps the memory and clears the error */
void cw_buf_free(struct cw_buf *b);
void cw_buf_add(struct cw_buf *b, const void *data, size_t len);
/* Where `len` bytes may be written; NULL: no memory. cw_buf_wrote() tells how many they became. */
char *cw_buf_room(struct cw_buf *b, size_t len);
void cw_buf_wrote(struct cw_buf *b, size_t len);
void cw_buf_puts(struct cw_buf *b, const char *s);
void cw_buf_putc(struct cw_buf *b, char c);
void cw_buf_pad(struct cw_buf *b, size_t n); /* adds n spaces */
void cw_buf_printf(struct cw_buf *b, const char *fmt, ...) CW_PRINTF(2, 3);

#define cw_auto_buf CW_CLEANUP(cw_buf_free)

#endif
