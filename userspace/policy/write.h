/* SPDX-License-Identifier: Apache-2.0 */
/* Text as a policy spells it, so that it reads back as the same bytes, whatever it is. */
#ifndef CW_POLICY_WRITE_H
#define CW_POLICY_WRITE_H

#include "base/buf.h"

#define CW_POLICY_TEXT_MAX 1024 /* bytes of a value that is written */

/*
 * False for what no value of a policy can be: nothing, control characters, bytes that are not
 * UTF-8; and for what is longer than CW_POLICY_TEXT_MAX.
 */
bool cw_policy_can_hold(const char *s);
/* The same for a path that stands for itself: absolute, in its simplest form, without wildcards. */
bool cw_policy_can_hold_path(const char *s);
/*
 * Appends a scalar of YAML for a text that can be held: plain where every reader takes it for this
 * text, else in double quotes, with what the eye cannot see or could mistake as escapes.
 */
void cw_policy_put_text(struct cw_buf *b, const char *s);
/* Leaves at most `max` bytes of it, whole characters, and "..." if there was more. */
void cw_policy_cut_text(struct cw_buf *b, size_t max);

#endif
