// SPDX-License-Identifier: Apache-2.0
/*
 * Gathers. An asset is named by the events: a device by its link in by-id where there is one, since
 * numbers change when it is plugged elsewhere, else by its node; a recording by the folder that is
 * watched. Which of the assets of the finished policy an object belongs to is asked of the policy
 * itself, at the end; so a use keeps those facts of its object that matching looks at.
 */
#include "base/calendar.h"
#include "learn_state.h"
#include "policy/write.h"
#include "sink/json.h"
#include "sink/text.h"


static void drop_asset(void *entry)
{
	struct cw_learn_asset *a = entry;

	free(a->text);
	free(a->hint);
}

static void drop_use(void *entry)
{
	struct cw_learn_use *u = entry;
	const char *const texts[] = { u->object.node, u->object.by_id, u->object.card,
				      u->object.bus,  u->object.root,  u->object.path,
				      u->exe,	      u->sha256,       u->unit,
				      u->user,	      u->container,    u->code };

	for (size_t i = 0; i < CW_ARRAY_SIZE(texts); i++)
		free((char *)texts[i]);
}

static void drop_decision(void *entry)
{
	struct cw_learn_decision *d = entry;

	free(d->who);
	free(d->what);
}

int cw_learn_new(const struct cw_policy *known, unsigned int min, struct cw_learn **ret_learn)
{
	size_t room = CW_LEARN_POLICY_MAX - (known ? cw_policy_n_assets(known) : 0);
	struct cw_learn *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->known = known;
	l->min = min;
	room = room < CW_LEARN_ASSETS_MAX ? room : CW_LEARN_ASSETS_MAX;
	r = cw_tally_new((unsigned int)room, CW_LEARN_ASSET_BYTES, sizeof(struct cw_learn_asset),
			 drop_asset, &l->assets);
	if (!r)
		r = cw_tally_new(CW_LEARN_USES_MAX, CW_LEARN_KEY_BYTES,
				 sizeof(struct cw_learn_use), drop_use, &l->uses);
	if (!r)
		r = cw_tally_new(CW_LEARN_DECISIONS_MAX, CW_LEARN_KEY_BYTES,
				 sizeof(struct cw_learn_decision), drop_decision, &l->decisions);
	if (r) {
		cw_learn_free(l);
		return r;
	}
	*ret_learn = l;
	return 0;
}

void cw_learn_free(struct cw_learn *l)
{
	if (!l)
		return;
	cw_tally_free(l->assets);
	cw_tally_free(l->uses);
	cw_tally_free(l->decisions);
	cw_buf_free(&l->key);
	cw_buf_free(&l->text);
	free(l->hub);
	free(l);
}

/* A copy; NULL stays NULL. False: no memory. */
static bool keep(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

/* ---- assets ---- */

static bool is_device(enum cw_asset_kind kind)
{
	return kind == CW_ASSET_CAMERA || kind == CW_ASSET_MICROPHONE || kind == CW_ASSET_DISK;
}

static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return path && !strncmp(path, folder, len) && (path[len] == '/' || !path[len]);
}

/* The deepest folder that came so far, holds `path`, and lies in `root` unless that is NULL. */
static const char *deepest(const struct cw_learn *l, enum cw_asset_kind kind, const char *path,
			   const char *root)
{
	const char *best = NULL;

	for (unsigned int i = 0; i < cw_tally_n(l->assets); i++) {
		const struct cw_learn_asset *a = cw_tally_at(l->assets, i);

		if (a->kind == kind && a->by == CW_LEARN_PATH && is_below(path, a->text) &&
		    (!root || is_below(a->text, root)) &&
		    (!best || strlen(a->text) > strlen(best)))
			best = a->text;
	}
	for (size_t i = 0; l->known && i < cw_policy_n_assets(l->known); i++) {
		const struct cw_policy_asset *a = cw_policy_asset(l->known, i);

		if (a->kind == kind && a->path && is_below(path, a->path) &&
		    (!root || is_below(a->path, root)) &&
		    (!best || strlen(a->path) > strlen(best)))
			best = a->path;
	}
	return best;
}

static int add_asset(struct cw_learn *l, const struct cw_event *e, enum cw_learn_by by,
		     const char *text)
{
	struct cw_learn_asset *a;
	void *entry;
	int r;

	cw_buf_reset(&l->key);
	cw_buf_printf(&l->key, "%d %d ", e->asset.kind, by);
	cw_tally_key(&l->key, text);
	r = cw_tally_add(l->assets, &l->key, e->time_ns, &entry);
	if (r)
		return r;
	a = entry;
	if (a->tally.count > 1)
		return 0;
	a->kind = e->asset.kind;
	a->by = by;
	a->number = cw_tally_n(l->assets) - 1;
	return keep(&a->text, text) && keep(&a->hint, e->asset.name) ? 0 : -ENOMEM;
}

/* What matching looks at, of a device. -ENOENT: a policy cannot describe it. */
static int take_device(struct cw_learn *l, const struct cw_event *e, struct cw_asset *ret_object)
{
	const struct cw_asset *a = &e->asset;
	const char *node = a->node ? a->node : a->path;

	*ret_object = (struct cw_asset){ .kind = a->kind, .node = a->node, .by_id = a->by_id,
					 .card = a->card, .bus = a->bus,
					 .path = a->node ? NULL : a->path };
	if (l->known && cw_policy_asset_of(l->known, ret_object))
		return 0;
	if (a->kind != CW_ASSET_DISK && cw_policy_can_hold_path(a->by_id))
		return add_asset(l, e, CW_LEARN_BY_ID, a->by_id);
	if (cw_policy_can_hold_path(node))
		return add_asset(l, e, CW_LEARN_DEVICE, node);
	return -ENOENT;
}

/* The folder of a file that no asset holds; false: there is none that can be written. */
static bool new_folder(struct cw_learn *l, const struct cw_asset *a, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	cw_buf_reset(&l->text);
	if (a->root)
		cw_buf_puts(&l->text, a->root);
	else if (slash)
		cw_buf_add(&l->text, path, (size_t)(slash - path));
	return l->text.len && cw_policy_can_hold_path(l->text.data);
}

/*
 * Of a file its folder: the watched one, or a finer one within that is an asset by itself. A path
 * that leads elsewhere does not change whose a file is.
 */
static int take_file(struct cw_learn *l, const struct cw_event *e, struct cw_asset *ret_object)
{
	const struct cw_asset *a = &e->asset;
	const char *path = a->path_partial ? NULL : a->path;
	const char *folder = deepest(l, a->kind, path, a->root);
	int r = 0;

	*ret_object = (struct cw_asset){ .kind = a->kind, .root = a->root };
	if (!folder && !(l->known && cw_policy_asset_of(l->known, ret_object))) {
		if (!new_folder(l, a, path))
			return -ENOENT;
		r = add_asset(l, e, CW_LEARN_PATH, l->text.data);
		folder = deepest(l, a->kind, path, a->root);
	}
	/* Names of single files are no facts that matching needs. */
	ret_object->path = folder && !cw_streq(folder, a->root) ? folder : NULL;
	return r;
}

static int take_object(struct cw_learn *l, const struct cw_event *e, struct cw_asset *ret_object)
{
	return is_device(e->asset.kind) ? take_device(l, e, ret_object) :
					  take_file(l, e, ret_object);
}

/* ---- what is not granted ---- */

static void put_who(struct cw_buf *b, const struct cw_event *e)
{
	const struct cw_origin *o = &e->origin;
	char peer[CW_JSON_PEER_SIZE];

	if (!e->process.pid) {
		cw_buf_puts(b, "unknown process");
		return;
	}
	cw_text_subject(b, e);
	cw_buf_printf(b, ", %s", cw_origin_name(o->type));
	if (cw_json_peer(o, peer)) {
		*strrchr(peer, ':') = '\0'; /* ports differ each time */
		cw_buf_printf(b, " %s %s", o->outbound ? "to" : "from", peer);
	}
	if (o->via) {
		cw_buf_puts(b, " by ");
		cw_text_safe(b, o->via);
	}
}

/* "open footage (/dev/video0) with /usr/bin/cat" */
static void put_what(struct cw_buf *b, const struct cw_event *e)
{
	const char *object = e->asset.name ? e->asset.name :
			     e->asset.root ? e->asset.root :
			     e->asset.node ? e->asset.node :
					     e->asset.path;

	cw_buf_printf(b, "%s ", cw_kind_name(e->kind));
	if (cw_policy_verbs(e) != CW_POLICY_OPEN) {
		cw_buf_putc(b, '(');
		cw_policy_put_verbs(b, cw_policy_verbs(e), " and ");
		cw_buf_puts(b, ") ");
	}
	cw_text_safe(b, object);
	if (e->asset.node && object != e->asset.node) {
		cw_buf_puts(b, " (");
		cw_text_safe(b, e->asset.node);
		cw_buf_putc(b, ')');
	}
	cw_buf_puts(b, " with ");
	cw_text_safe(b, e->process.exe ? e->process.exe : e->process.comm);
}

static int put_decision(struct cw_learn *l, const struct cw_event *e, enum cw_learn_reason reason)
{
	cw_auto_buf struct cw_buf who = { 0 };
	struct cw_learn_decision *d;
	void *entry;
	int r;

	put_who(&who, e);
	cw_policy_cut_text(&who, CW_LEARN_TEXT_LEN);
	cw_buf_reset(&l->text);
	put_what(&l->text, e);
	cw_policy_cut_text(&l->text, CW_LEARN_TEXT_LEN);
	if (who.error || l->text.error)
		return -ENOMEM;
	cw_buf_reset(&l->key);
	cw_buf_printf(&l->key, "%d ", reason);
	cw_tally_key(&l->key, who.data);
	cw_tally_key(&l->key, l->text.data);
	r = cw_tally_add(l->decisions, &l->key, e->time_ns, &entry);
	if (r)
		return r == -ENOSPC ? 0 : r;
	d = entry;
	if (d->tally.count > 1)
		return 0;
	d->reason = reason;
	return keep(&d->who, who.data) && keep(&d->what, l->text.data) ? 0 : -ENOMEM;
}

/* A user as a condition: his name, or his number where the name could be taken for another. */
static bool user_of(const struct cw_process *p, char ret_uid[16], const char **ret_user)
{
	const char *name = p->user;

	if (cw_policy_can_hold(name) && !strpbrk(name, " \t:/,*?") && !strchr("+-", *name) &&
	    name[strspn(name, "0123456789")]) {
		*ret_user = name;
		return true;
	}
	if (p->uid == CW_NO_UID)
		return false;
	snprintf(ret_uid, 16, "%u", p->uid);
	*ret_user = ret_uid;
	return true;
}

static bool can_be_written(const struct cw_process *p)
{
	const char *unit = p->unit, *container = p->container, *hash = p->exe_sha256;

	if (hash && (strlen(hash) != 64 || hash[strspn(hash, "0123456789abcdef")]))
		return false;
	return cw_policy_can_hold_path(p->exe) &&
	       (!unit || (cw_policy_can_hold(unit) && !strpbrk(unit, "*?") && strchr(unit, '.'))) &&
	       (!container || (cw_policy_can_hold(container) && !strpbrk(container, "*?/")));
}

/* CW_LEARN_REASON_MAX: nothing stands against a grant. */
static enum cw_learn_reason reason_against(const struct cw_event *e)
{
	const char *user;
	char uid[16];

	if (e->kind == CW_KIND_PEEK || e->kind == CW_KIND_MOUNT ||
	    (e->kind == CW_KIND_STREAM && e->asset.kind != CW_ASSET_CAMERA &&
	     e->asset.kind != CW_ASSET_MICROPHONE))
		return CW_LEARN_ACT;
	if (e->asset.kind == CW_ASSET_NONE)
		return CW_LEARN_NO_ASSET;
	if (e->origin.type == CW_ORIGIN_LOGIN || e->origin.type == CW_ORIGIN_REMOTE ||
	    e->origin.family)
		return CW_LEARN_PERSON;
	if (e->origin.type == CW_ORIGIN_KERNEL)
		return CW_LEARN_KERNEL;
	if (e->origin.type != CW_ORIGIN_SERVICE && e->origin.type != CW_ORIGIN_CONTAINER)
		return CW_LEARN_STRANGER;
	if (!e->process.pid || !e->process.exe)
		return CW_LEARN_NO_EXE;
	if (e->process.exe_deleted)
		return CW_LEARN_DELETED_EXE;
	if (!can_be_written(&e->process) || !user_of(&e->process, uid, &user))
		return CW_LEARN_UNWRITABLE;
	return CW_LEARN_REASON_MAX;
}

/* ---- what is ---- */

static void count_day(struct cw_learn_use *u, uint64_t ns)
{
	if (ns / CW_DAY_NS != u->day) {
		u->day = ns / CW_DAY_NS;
		u->day_count = 0;
	}
	u->day_count++;
	u->day_max = u->day_count > u->day_max ? u->day_count : u->day_max;
}

static bool keep_use(struct cw_learn_use *u, const struct cw_asset *object,
		     const struct cw_event *e, const char *user)
{
	const struct cw_process *p = &e->process;
	cw_auto_buf struct cw_buf code = { 0 };

	cw_code_put(&code, p);
	u->object.kind = object->kind;
	u->origin = e->origin.type;
	return keep((char **)&u->object.node, object->node) &&
	       keep((char **)&u->object.by_id, object->by_id) &&
	       keep((char **)&u->object.card, object->card) &&
	       keep((char **)&u->object.bus, object->bus) &&
	       keep((char **)&u->object.root, object->root) &&
	       keep((char **)&u->object.path, object->path) && keep(&u->exe, p->exe) &&
	       keep(&u->sha256, p->exe_sha256) && keep(&u->unit, p->unit) &&
	       keep(&u->user, user) && keep(&u->container, p->container) &&
	       keep(&u->code, code.data) && !code.error;
}

static int add_use(struct cw_learn *l, const struct cw_event *e, const struct cw_asset *object)
{
	const struct cw_process *p = &e->process;
	const char *user = NULL;
	struct cw_learn_use *u;
	char uid[16];
	void *entry;
	int r;

	user_of(p, uid, &user);
	cw_buf_reset(&l->key);
	cw_buf_printf(&l->key, "%d %d ", object->kind, e->origin.type);
	{
		const char *const parts[] = { object->node, object->by_id, object->card,
					      object->bus,  object->root,  object->path,
					      p->exe,	    p->exe_sha256, p->unit,
					      user,	    p->container,
					      p->code ? "code" : NULL };

		for (size_t i = 0; i < CW_ARRAY_SIZE(parts); i++)
			cw_tally_key(&l->key, parts[i]);
	}
	r = cw_tally_add(l->uses, &l->key, e->time_ns, &entry);
	if (r)
		return r;
	u = entry;
	u->verbs |= cw_policy_verbs(e);
	/* Judged by the known policy, it would be said of what that one does not grant. */
	u->flagged += !l->known && e->verdict.decision == CW_DECISION_FLAG;
	count_day(u, e->time_ns);
	if (u->tally.count > 1)
		return 0;
	u->assets_before = cw_tally_n(l->assets);
	return keep_use(u, object, e, user) ? 0 : -ENOMEM;
}

static int take_stream(struct cw_learn *l, const struct cw_event *e)
{
	l->first_ns = !l->events || e->time_ns < l->first_ns ? e->time_ns : l->first_ns;
	l->last_ns = e->time_ns > l->last_ns ? e->time_ns : l->last_ns;
	l->events++;
	l->gaps += e->kind == CW_KIND_GAP;
	if (!e->hub || l->several_hubs)
		return 0;
	if (!l->hub)
		return keep(&l->hub, e->hub) ? 0 : -ENOMEM;
	l->several_hubs = strcmp(l->hub, e->hub) != 0;
	return 0;
}

void cw_learn_kept(struct cw_learn *l)
{
	l->kept = true;
}

int cw_learn_add(struct cw_learn *l, const struct cw_event *e)
{
	enum cw_learn_reason against;
	struct cw_asset object;
	int r = take_stream(l, e);

	/* Whoever acts against the monitor is flagged, whatever is granted. */
	if (r || !cw_kind_is_access(e->kind) || e->asset.kind == CW_ASSET_SELF ||
	    !cw_policy_verbs(e))
		return r;
	against = reason_against(e);
	if (e->asset.kind != CW_ASSET_NONE)
		r = take_object(l, e, &object);
	if (r == -ENOENT) {
		against = against == CW_LEARN_REASON_MAX ? CW_LEARN_UNWRITABLE : against;
		r = 0;
	}
	if (e->kind == CW_KIND_DENIED || e->result < 0) {
		l->refused++;
		return r == -ENOSPC ? 0 : r;
	}
	if (!r && against == CW_LEARN_REASON_MAX)
		r = add_use(l, e, &object);
	else if (!r || (r == -ENOSPC && against != CW_LEARN_REASON_MAX))
		r = put_decision(l, e, against);
	if (r == -ENOSPC) {
		l->without_room++;
		r = 0;
	}
	return r;
}
