// SPDX-License-Identifier: Apache-2.0
#include "enrich/cgroup.h"
#include "enrich/enrich.h"
#include "enrich/exe.h"
#include "enrich/users.h"

#define DEVICES_MAX 64

struct cw_enrich {
	struct cw_users *users;
	struct cw_exe_cache *exes;
	struct cw_device_info devices[DEVICES_MAX];
	bool device_known[DEVICES_MAX];
	unsigned int next; /* device slot that gives way when all are taken */
	char user[256], login_user[256], hop_user[256];
};

int cw_enrich_new(struct cw_enrich **ret_enrich)
{
	struct cw_enrich *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	r = cw_users_new(&e->users);
	if (!r)
		r = cw_exe_cache_new("/proc", &e->exes);
	if (r) {
		cw_enrich_free(e);
		return r;
	}
	*ret_enrich = e;
	return 0;
}

void cw_enrich_free(struct cw_enrich *e)
{
	if (!e)
		return;
	cw_users_free(e->users);
	cw_exe_cache_free(e->exes);
	free(e);
}

/*
 * A user may name a unit of his own manager as he likes: it is told apart by the manager's name in
 * front, "user@1001.service/motion.service".
 */
static char *unit_name(const char *cgroup, const char *unit)
{
	const char *manager = strstr(cgroup, "user@");
	size_t len = manager ? strcspn(manager, "/") : 0;
	char *s = NULL;

	if (cw_cgroup_unit_is_system(cgroup))
		return strdup(unit);
	if (asprintf(&s, "%.*s/%s", (int)len, manager ? manager : "", unit) < 0)
		return NULL;
	return s;
}

void cw_enrich_place(struct cw_proc *p)
{
	char unit[CW_UNIT_SIZE], container[CW_UNIT_SIZE];

	if (!p || !p->cgroup || p->unit || p->container)
		return;
	cw_cgroup_parse(p->cgroup, unit, container);
	if (*unit)
		p->unit = unit_name(p->cgroup, unit);
	if (*container)
		p->container = strdup(container);
}

void cw_enrich_process(struct cw_enrich *e, struct cw_proc *p)
{
	if (!p || p->enriched)
		return;
	p->enriched = true;
	if (p->task.exe.ino && cw_exe_hash_on(e->exes, p->task.tgid, p->exe,
					      CW_MAJOR(p->task.exe.dev), CW_MINOR(p->task.exe.dev),
					      p->task.exe.ino, p->sha256))
		p->sha256[0] = '\0';
	cw_enrich_place(p);
}

static const char *user_name(struct cw_enrich *e, uint32_t uid, char *room, size_t size)
{
	const char *name = cw_users_name(e->users, uid);

	if (!name)
		return NULL;
	snprintf(room, size, "%s", name);
	return room;
}

/*
 * A login uid alone is no login: PAM sets one for every job of cron, root's included. A person's is
 * taken for one; another account's only where a terminal or a peer shows that somebody sits there.
 * A connection that ends where it began does not make a process remote: who made it counts.
 */
static enum cw_origin_type origin_type(const struct cw_enrich *e, const struct cw_event *ev,
				       const struct cw_proc *p)
{
	const struct cw_origin *o = &ev->origin;

	if (o->family && !o->hop_local)
		return CW_ORIGIN_REMOTE;
	if (o->hop_local && cw_users_is_person(e->users, o->hop_login_uid))
		return CW_ORIGIN_LOGIN;
	if (o->login_uid != CW_NO_UID && (o->tty || cw_users_is_person(e->users, o->login_uid)))
		return CW_ORIGIN_LOGIN;
	if (ev->process.container)
		return CW_ORIGIN_CONTAINER;
	return p && p->known ? CW_ORIGIN_SERVICE : CW_ORIGIN_UNKNOWN;
}

void cw_enrich_event(struct cw_enrich *e, struct cw_event *ev, const struct cw_proc *p)
{
	if (ev->process.uid != CW_NO_UID)
		ev->process.user = user_name(e, ev->process.uid, e->user, sizeof(e->user));
	if (ev->origin.login_uid != CW_NO_UID)
		ev->origin.login_user = user_name(e, ev->origin.login_uid, e->login_user,
						  sizeof(e->login_user));
	if (ev->origin.hop_pid && ev->origin.hop_login_uid != CW_NO_UID)
		ev->origin.hop_login_user = user_name(e, ev->origin.hop_login_uid, e->hop_user,
						      sizeof(e->hop_user));
	if (ev->origin.type == CW_ORIGIN_UNKNOWN)
		ev->origin.type = origin_type(e, ev, p);
}

static void identify(struct cw_device_info *info, uint32_t major, uint32_t minor)
{
	memset(info, 0, sizeof(*info));
	if (!cw_device_identify("/", major, minor, info))
		return;
	/* No such device: whoever opens the number gets nothing, but the attempt is news. */
	info->kind = major == 81 ? CW_ASSET_CAMERA : CW_ASSET_NONE;
	info->why_not = "no such device";
	info->dev_major = major;
	info->dev_minor = minor;
}

const struct cw_device_info *cw_enrich_device(struct cw_enrich *e, uint32_t major, uint32_t minor)
{
	unsigned int free_slot = DEVICES_MAX;

	for (unsigned int i = 0; i < DEVICES_MAX; i++) {
		if (e->device_known[i] && e->devices[i].dev_major == major &&
		    e->devices[i].dev_minor == minor)
			return &e->devices[i];
		if (!e->device_known[i] && free_slot == DEVICES_MAX)
			free_slot = i;
	}
	if (free_slot == DEVICES_MAX) {
		free_slot = e->next;
		e->next = (e->next + 1) % DEVICES_MAX;
	}
	identify(&e->devices[free_slot], major, minor);
	e->device_known[free_slot] = true;
	return &e->devices[free_slot];
}

void cw_enrich_forget_device(struct cw_enrich *e, uint32_t major, uint32_t minor)
{
	for (unsigned int i = 0; i < DEVICES_MAX; i++)
		if (major == UINT32_MAX ||
		    (e->devices[i].dev_major == major && e->devices[i].dev_minor == minor))
			e->device_known[i] = false;
}
