// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>

#include "base/buf.h"

void cw_buf_reset(struct cw_buf *b)
{
	b->len = 0;
	b->error = 0;
	if (b->data)
		b->data[0] = '\0';
}

void cw_buf_free(struct cw_buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

/* Makes room for `more` bytes and the NUL. */
static bool reserve(struct cw_buf *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 256;
	char *data;

	if (b->error)
		return false;
	if (b->cap - b->len > more)
		return true;
	while (cap - b->len <= more)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data) {
		b->error = -ENOMEM;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void cw_buf_add(struct cw_buf *b, const void *data, size_t len)
{
	if (!reserve(b, len))
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

char *cw_buf_room(struct cw_buf *b, size_t len)
{
	return reserve(b, len) ? b->data + b->len : NULL;
}

void cw_buf_wrote(struct cw_buf *b, size_t len)
{
	b->len += len;
	b->data[b->len] = '\0';
}

void cw_buf_puts(struct cw_buf *b, const char *s)
{
	cw_buf_add(b, s, strlen(s));
}

void cw_buf_putc(struct cw_buf *b, char c)
{
	cw_buf_add(b, &c, 1);
}

void cw_buf_pad(struct cw_buf *b, size_t n)
{
	if (!reserve(b, n))
		return;
	memset(b->data + b->len, ' ', n);
	b->len += n;
	b->data[b->len] = '\0';
}

void cw_buf_printf(struct cw_buf *b, const char *fmt, ...)
{
	size_t room = b->error ? 0 : b->cap - b->len;
	va_list ap;
	int n;

	/* It mostly fits; where it does not, the second time it does. */
	va_start(ap, fmt);
	n = vsnprintf(room ? b->data + b->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= room && reserve(b, (size_t)n)) {
		va_start(ap, fmt);
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
		va_end(ap);
	} else if (n < 0 || (size_t)n >= room) {
		if (room)
			b->data[b->len] = '\0';
		return;
	}
	b->len += (size_t)n;
}
