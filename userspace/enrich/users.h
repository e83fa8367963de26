/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User names by uid, cached; the cache is emptied when /etc/passwd changes. Names that come from
 * elsewhere (a directory server) are asked again after five minutes, failures after ten seconds.
 *
 * A name is handed on as the bytes that NSS gave: it may hold anything but NUL.
 */
#ifndef CW_USERS_H
#define CW_USERS_H

#include "base/base.h"

struct cw_users;

int cw_users_new(struct cw_users **ret_users);
/*
 * The same for the files below `root`. "/" asks NSS, so a directory server counts and can take its
 * time; any other root is read from its etc/passwd alone.
 */
int cw_users_new_root(const char *root, struct cw_users **ret_users);
void cw_users_free(struct cw_users *u);
/* NULL: no such user, or the unset uid (UINT32_MAX). Lives until the next call. */
const char *cw_users_name(struct cw_users *u, uint32_t uid);
/*
 * True for a uid that belongs to a person: UID_MIN of /etc/login.defs (default 1000) to 65533, or
 * to UID_MAX where that is higher. /etc/login.defs as the last call of cw_users_name() found it.
 */
bool cw_users_is_person(const struct cw_users *u, uint32_t uid);
/* Makes the next call look at the files again; otherwise that is done once a second at most. */
void cw_users_recheck(struct cw_users *u);

#endif
