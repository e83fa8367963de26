// SPDX-License-Identifier: Apache-2.0
/*
 * User names. Owns a direct-mapped cache of 256 uids, so memory is bounded whatever uids come by.
 * Never guesses: a uid that cannot be resolved has no name.
 */
#include <ctype.h>
#include <pwd.h>
#include <sys/stat.h>
#include <time.h>

#include "enrich/users.h"

#define SLOTS		  256
#define NAME_SIZE	  256		 /* LOGIN_NAME_MAX of Linux, with the NUL */
#define LOOKUP_SIZE	  1024		 /* to begin with */
#define LOOKUP_SIZE_MAX	  (64 * 1024)	 /* a directory entry may not make us allocate more */
#define CHECK_INTERVAL_NS CW_NSEC_PER_SEC
#define KEEP_NAME_NS	  (300 * CW_NSEC_PER_SEC)
#define KEEP_FAILURE_NS	  (10 * CW_NSEC_PER_SEC)
#define DEFAULT_UID_MIN	  1000
#define LAST_PERSON	  65533 /* 65534 is nobody, 65535 the old unset uid */

struct slot {
	bool used;
	bool found;
	uint32_t uid;
	uint64_t until_ns;
	char name[NAME_SIZE];
};

/* What tells one state of a file from the next. All zero: no such file. */
struct file_state {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
	struct timespec ctime;
};

struct cw_users {
	bool nss;
	char *passwd;
	char *login_defs;
	struct file_state passwd_state;
	struct file_state login_defs_state;
	uint64_t next_check_ns;
	uint32_t uid_min;
	uint32_t uid_max;
	char *lookup; /* for the strings of a struct passwd */
	size_t lookup_size;
	struct slot slots[SLOTS];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * CW_NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* True if the file is not as `state` says, which is then brought up to date. */
static bool has_changed(const char *path, struct file_state *state)
{
	struct file_state is = {};
	struct stat st;

	if (!stat(path, &st))
		is = (struct file_state){ st.st_dev, st.st_ino, st.st_size, st.st_mtim,
					  st.st_ctim };
	if (is.dev == state->dev && is.ino == state->ino && is.size == state->size &&
	    same_time(&is.mtime, &state->mtime) && same_time(&is.ctime, &state->ctime))
		return false;
	*state = is;
	return true;
}

/* "UID_MIN  1000": sets the number if the line has that key and a uid. */
static void take_uid(const char *line, const char *key, uint32_t *ret_uid)
{
	size_t len = strlen(key);
	unsigned long long value;
	char *end;

	line += strspn(line, " \t");
	if (strncmp(line, key, len) || !strspn(line + len, " \t"))
		return;
	line += len + strspn(line + len, " \t\"");
	if (!isdigit((unsigned char)*line))
		return;
	/* Octal and hexadecimal as login.defs(5) has them. */
	value = strtoull(line, &end, 0);
	if (value < UINT32_MAX && !end[strspn(end, " \t\r\n\"")])
		*ret_uid = (uint32_t)value;
}

static void read_login_defs(struct cw_users *u)
{
	cw_auto_fclose FILE *f = fopen(u->login_defs, "re");
	cw_auto_free char *line = NULL;
	size_t size = 0;

	u->uid_min = DEFAULT_UID_MIN;
	u->uid_max = LAST_PERSON;
	if (!f)
		return;
	while (getline(&line, &size, f) > 0) {
		take_uid(line, "UID_MIN", &u->uid_min);
		take_uid(line, "UID_MAX", &u->uid_max);
	}
	/*
	 * UID_MAX bounds what useradd hands out, not who is a person: those of systemd-homed are
	 * above the usual 60000.
	 */
	if (u->uid_max < LAST_PERSON)
		u->uid_max = LAST_PERSON;
}

static void refresh(struct cw_users *u, uint64_t now)
{
	if (now < u->next_check_ns)
		return;
	u->next_check_ns = now + CHECK_INTERVAL_NS;
	if (has_changed(u->passwd, &u->passwd_state))
		for (size_t i = 0; i < SLOTS; i++)
			u->slots[i].used = false;
	if (has_changed(u->login_defs, &u->login_defs_state))
		read_login_defs(u);
}

/* Reads the file instead of asking NSS, by the rules of getpwuid_r(). */
static int from_file(struct cw_users *u, uint32_t uid, struct passwd *pw, struct passwd **found)
{
	cw_auto_fclose FILE *f = fopen(u->passwd, "re");
	int r;

	*found = NULL;
	if (!f)
		return errno;
	do {
		r = fgetpwent_r(f, pw, u->lookup, u->lookup_size, found);
	} while (!r && pw->pw_uid != uid);
	return r;
}

static int grow_lookup(struct cw_users *u)
{
	size_t size = u->lookup_size * 2;
	char *p;

	if (size > LOOKUP_SIZE_MAX)
		return -ERANGE;
	p = realloc(u->lookup, size);
	if (!p)
		return -ENOMEM;
	u->lookup = p;
	u->lookup_size = size;
	return 0;
}

/* -ENAMETOOLONG: a name that were cut could be somebody else's, so there is none. */
static int look_up(struct cw_users *u, uint32_t uid, char ret_name[NAME_SIZE])
{
	struct passwd pw, *found = NULL;
	size_t len;
	int r;

	for (;;) {
		r = u->nss ? getpwuid_r(uid, &pw, u->lookup, u->lookup_size, &found) :
			     from_file(u, uid, &pw, &found);
		if (r == EINTR)
			continue;
		if (r != ERANGE)
			break;
		r = grow_lookup(u);
		if (r < 0)
			return r;
	}
	if (!found || !pw.pw_name || !pw.pw_name[0])
		return r ? -r : -ENOENT;
	len = strlen(pw.pw_name);
	if (len >= NAME_SIZE)
		return -ENAMETOOLONG;
	memcpy(ret_name, pw.pw_name, len + 1);
	return 0;
}

static char *join(const char *root, const char *path)
{
	char *s;

	return asprintf(&s, "%s%s", cw_streq(root, "/") ? "" : root, path) < 0 ? NULL : s;
}

int cw_users_new_root(const char *root, struct cw_users **ret_users)
{
	struct cw_users *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->nss = cw_streq(root, "/");
	u->lookup_size = LOOKUP_SIZE;
	u->lookup = malloc(u->lookup_size);
	u->passwd = join(root, "/etc/passwd");
	u->login_defs = join(root, "/etc/login.defs");
	if (!u->lookup || !u->passwd || !u->login_defs) {
		cw_users_free(u);
		return -ENOMEM;
	}
	read_login_defs(u);
	refresh(u, now_ns());
	*ret_users = u;
	return 0;
}

int cw_users_new(struct cw_users **ret_users)
{
	return cw_users_new_root("/", ret_users);
}

void cw_users_free(struct cw_users *u)
{
	if (!u)
		return;
	free(u->passwd);
	free(u->login_defs);
	free(u->lookup);
	free(u);
}

const char *cw_users_name(struct cw_users *u, uint32_t uid)
{
	struct slot *slot = &u->slots[uid % SLOTS];
	uint64_t now = now_ns();

	if (uid == UINT32_MAX)
		return NULL;
	refresh(u, now);
	if (!slot->used || slot->uid != uid || now >= slot->until_ns) {
		slot->uid = uid;
		slot->found = !look_up(u, uid, slot->name);
		slot->until_ns = now + (slot->found ? KEEP_NAME_NS : KEEP_FAILURE_NS);
		slot->used = true;
	}
	return slot->found ? slot->name : NULL;
}

bool cw_users_is_person(const struct cw_users *u, uint32_t uid)
{
	if (uid == LAST_PERSON + 1 || uid == LAST_PERSON + 2)
		return false;
	return uid >= u->uid_min && uid <= u->uid_max;
}

void cw_users_recheck(struct cw_users *u)
{
	u->next_check_ns = 0;
}
