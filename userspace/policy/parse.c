// SPDX-License-Identifier: Apache-2.0
/* From the tree to the policy: knows every key and value of the language. */
#include "policy/compiled.h"
#include "policy/schema.h"

#define NAME_MAX_LEN  128
#define ENTRIES_MAX   CW_POLICY_ENTRIES_MAX
#define LIMIT_MAX     1000000
#define MINIMUM	      "at least 'version: 1' and 'assets: {cameras: {kind: camera}}'"
#define KINDS	      "camera, microphone, recordings, shm or disk"
#define VERBS	      "open, stream, write or delete"
#define EXPECTED_TIME "ISO 8601 with Z or an offset, such as 2026-12-01T09:00:00Z, or a date"

_Static_assert(ENTRIES_MAX <= UINT16_MAX, "grants are kept by 16-bit numbers");

const char *const cw_policy_cond_names[CW_POLICY_COND_MAX] = {
	"exe",	  "sha256",   "user", "unit",  "container", "login", "origin", "peer",
	"parent", "ancestor", "code", "from",  "until",	    "hours", "days",
};
const char *const cw_policy_limit_names[CW_POLICY_LIMIT_MAX] = { "files", "cameras", "minutes" };

static const struct {
	const char *word; /* in `on`: every asset of the kind */
	enum cw_asset_kind kind;
} kind_words[] = {
	{ "cameras", CW_ASSET_CAMERA },	      { "microphones", CW_ASSET_MICROPHONE },
	{ "recordings", CW_ASSET_RECORDINGS }, { "shm", CW_ASSET_SHM },
	{ "disks", CW_ASSET_DISK },
};

static const struct {
	const char *name;
	enum cw_policy_verb verb;
} verbs[] = {
	{ "open", CW_POLICY_OPEN },
	{ "stream", CW_POLICY_STREAM },
	{ "write", CW_POLICY_WRITE },
	{ "delete", CW_POLICY_DELETE },
};

struct top {
	struct cw_policy *p;
	const struct cw_policy_node *assets;
	const struct cw_policy_node *grants;
	const struct cw_policy_node *timezone;
};

static struct cw_policy *policy_of(const struct cw_policy_reader *r)
{
	return r->context;
}

/* A message about a value that is shown: "what 'value' is ...". */
#define bad(r, node, what, problem, expected)                                             \
	do {                                                                              \
		char shown_[CW_POLICY_SHOWN];                                             \
		cw_policy_fault(r, node, "%s '%s' %s; expected %s", what,                 \
				cw_policy_shown((node)->text, shown_, sizeof(shown_)),    \
				problem, expected);                                       \
	} while (0)

/* Joins the components that a path is left with once "", "." and ".." are resolved. */
static char *simplest(struct cw_policy_arena *arena, const char *path)
{
	char *out = cw_policy_alloc(arena, strlen(path) + 2);
	size_t len = 0, n;

	if (!out)
		return NULL;
	for (const char *s = path; *s; s += n) {
		s += strspn(s, "/");
		n = strcspn(s, "/");
		if (n == 0 || (n == 1 && s[0] == '.'))
			continue;
		if (n == 2 && !memcmp(s, "..", 2)) {
			while (len > 0 && out[--len] != '/')
				;
			continue;
		}
		out[len++] = '/';
		memcpy(out + len, s, n);
		len += n;
	}
	if (!len)
		out[len++] = '/';
	out[len] = '\0';
	return out;
}

/* An absolute path in its simplest form, but for a slash at the end, which `folder` may have. */
static const char *path_of(struct cw_policy_reader *r, const struct cw_policy_node *node,
			   const char *what, const char *expected, bool folder)
{
	const char *text = cw_policy_text_of(r, node, what, expected);
	char shown[CW_POLICY_SHOWN];
	size_t len;
	char *path;

	if (!text)
		return NULL;
	if (text[0] != '/') {
		bad(r, node, what, "is not absolute", expected);
		return NULL;
	}
	path = simplest(r->arena, text);
	if (!path) {
		r->no_memory = true;
		return NULL;
	}
	len = strlen(path);
	if (strncmp(text, path, len) ||
	    (text[len] && !(folder && text[len] == '/' && !text[len + 1]))) {
		cw_policy_fault(r, node, "%s is not in its simplest form; expected '%s'", what,
				cw_policy_shown(path, shown, sizeof(shown)));
		return NULL;
	}
	if (len == 1) {
		bad(r, node, what, "is the root of everything", expected);
		return NULL;
	}
	return path;
}

/* Assets. */

static void take_kind(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	static const char *const kinds[] = { "camera", "microphone", "recordings", "shm", "disk" };
	struct cw_policy_asset_rules *a = object;
	const char *text = cw_policy_text_of(r, node, "kind", KINDS), *close;
	char shown[CW_POLICY_SHOWN];

	if (!text)
		return;
	for (size_t i = 0; i < CW_ARRAY_SIZE(kinds); i++)
		if (!strcmp(text, kinds[i]))
			a->pub.kind = (enum cw_asset_kind)cw_asset_kind_parse(text);
	if (a->pub.kind)
		return;
	close = cw_policy_suggest(r, text, kinds, CW_ARRAY_SIZE(kinds));
	cw_policy_shown(text, shown, sizeof(shown));
	if (close)
		cw_policy_fault(r, node, "unknown kind '%s'; did you mean '%s'? Expected " KINDS,
				shown, close);
	else
		cw_policy_fault(r, node, "unknown kind '%s'; expected " KINDS, shown);
}

static void take_device(struct cw_policy_reader *r, const struct cw_policy_node *node,
			void *object)
{
	const char *expected = "an absolute path such as /dev/video0";
	struct cw_policy_asset_rules *a = object;
	const char *path = path_of(r, node, "device", expected, false);

	if (path && strchr(path, '*'))
		bad(r, node, "device", "is a pattern",
		    "one device ('card' and 'bus' take patterns)");
	a->pub.device = path;
}

static void take_by_id(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	const char *expected = "a name below /dev/v4l/by-id or /dev/snd/by-id, or its whole path";
	struct cw_policy_asset_rules *a = object;
	const char *text = cw_policy_text_of(r, node, "by-id", expected);

	if (!text)
		return;
	if (strchr(text, '*'))
		bad(r, node, "by-id", "is a pattern", "one name ('card' and 'bus' take patterns)");
	if (text[0] == '/')
		text = path_of(r, node, "by-id", expected, false);
	else if (strchr(text, '/'))
		bad(r, node, "by-id", "is neither a name nor absolute", expected);
	a->pub.by_id = text;
}

static void take_card(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	struct cw_policy_asset_rules *a = object;

	a->pub.card = cw_policy_text_of(r, node, "card", "a card's name; * and ? are wildcards");
}

static void take_bus(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	struct cw_policy_asset_rules *a = object;

	a->pub.bus = cw_policy_text_of(r, node, "bus", "a bus address; * and ? are wildcards");
}

static void take_path(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	const char *expected = "an absolute folder such as /var/lib/motion";
	struct cw_policy_asset_rules *a = object;
	const char *path = path_of(r, node, "path", expected, true);

	if (path && strchr(path, '*'))
		bad(r, node, "path", "is a pattern", expected);
	a->pub.path = path;
}

static const struct cw_policy_key asset_keys[] = {
	{ "kind", take_kind, KINDS },	   { "device", take_device, NULL },
	{ "card", take_card, NULL },	   { "bus", take_bus, NULL },
	{ "by-id", take_by_id, NULL },	   { "path", take_path, NULL },
};

static const struct cw_policy_node *find_key(const struct cw_policy_node *map, const char *name)
{
	if (map->type != CW_POLICY_MAP)
		return NULL;
	cw_policy_each(value, map)
		if (value->key->type == CW_POLICY_SCALAR && !strcmp(value->key->text, name))
			return value->key;
	return NULL;
}

/* Which keys go with which kind. */
static void check_asset(struct cw_policy_reader *r, const struct cw_policy_node *node,
			struct cw_policy_asset_rules *a)
{
	const char *kind = cw_asset_kind_name(a->pub.kind);
	bool tree = a->pub.kind == CW_ASSET_RECORDINGS || a->pub.kind == CW_ASSET_SHM;

	for (size_t i = 1; a->pub.kind && i < CW_ARRAY_SIZE(asset_keys); i++) {
		const char *name = asset_keys[i].name;
		const struct cw_policy_node *key = find_key(node, name);
		bool fits = tree == !strcmp(name, "path");

		if (a->pub.kind == CW_ASSET_DISK)
			fits = !strcmp(name, "device");
		if (key && !fits)
			cw_policy_fault(r, key, "'%s' does not describe %s; expected %s", name,
					kind,
					tree ? "'path'" :
					a->pub.kind == CW_ASSET_DISK ?
					       "'device'" :
					       "'device', 'card', 'bus' or 'by-id'");
	}
	if (tree && !find_key(node, "path"))
		cw_policy_fault(r, node, "asset '%s' lacks 'path'; expected an absolute folder",
				a->pub.name);
	/* One exact name of a device says more than any pattern. */
	a->weight = (a->pub.device ? 8 : 0) + (a->pub.by_id ? 8 : 0) + (a->pub.bus ? 2 : 0) +
		    (a->pub.card ? 1 : 0);
}

static void check_asset_name(struct cw_policy_reader *r, const struct cw_policy_node *key,
			     const struct cw_policy_asset_rules *a)
{
	const struct cw_policy *p = policy_of(r);
	char shown[CW_POLICY_SHOWN];

	cw_policy_shown(a->pub.name, shown, sizeof(shown));
	if (key->len > NAME_MAX_LEN)
		cw_policy_fault(r, key, "asset name '%s' is too long; expected at most %d bytes",
				shown, NAME_MAX_LEN);
	for (const struct cw_policy_asset_rules *o = p->assets; o != a; o++)
		if (cw_streq(o->pub.name, a->pub.name)) {
			cw_policy_fault(r, key,
					"asset '%s' is given twice, first in line %u; expected a"
					" name of its own", shown, o->pub.line);
			break;
		}
}

/*
 * An asset may be called like a kind only if both mean the same: it is of that kind, and describes
 * all of it or is the only one. Else a grant on the word would reach further than on the asset.
 */
static void check_kind_word(struct cw_policy_reader *r, const struct cw_policy *p,
			    struct cw_policy_asset_rules *a, const char *word,
			    enum cw_asset_kind kind)
{
	size_t n = 0;

	if (strcmp(word, a->pub.name) || !a->pub.kind)
		return;
	for (size_t i = 0; i < p->n_assets; i++)
		n += p->assets[i].pub.kind == kind;
	if (a->pub.kind == kind && (n == 1 || (!a->weight && !a->pub.path)))
		return;
	cw_policy_fault_at(r->faults, a->pub.line, a->column,
			   "in a grant the word '%s' means every %s; expected another name for"
			   " this asset", word, cw_asset_kind_name(kind));
	a->sound = false;
}

static void take_asset(struct cw_policy_reader *r, const struct cw_policy_node *node)
{
	struct cw_policy *p = policy_of(r);
	struct cw_policy_asset_rules *a = &p->assets[p->n_assets];
	const char *name = cw_policy_text_of(r, node->key, "asset name", "a name");
	cw_auto_buf struct cw_buf what = { 0 };
	char shown[CW_POLICY_SHOWN];
	size_t n_before = r->faults->n;

	if (!name)
		return;
	p->n_assets++;
	a->pub.name = name;
	a->pub.line = node->key->line;
	a->column = node->key->column;
	cw_buf_printf(&what, "asset '%s'", cw_policy_shown(name, shown, sizeof(shown)));
	if (what.error) {
		r->no_memory = true;
		return;
	}
	cw_policy_walk(r, node, what.data, asset_keys, CW_ARRAY_SIZE(asset_keys), a);
	check_asset(r, node, a);
	check_asset_name(r, node->key, a);
	a->sound = r->faults->n == n_before && !r->no_memory;
}

static void take_assets(struct cw_policy_reader *r, const struct cw_policy_node *node)
{
	struct cw_policy *p = policy_of(r);

	if (node->type != CW_POLICY_MAP || !node->n) {
		cw_policy_fault(r, node, "'assets' is %s; expected a map such as"
				" 'cameras: {kind: camera}'",
				node->type == CW_POLICY_LIST ? "a list" :
				node->type == CW_POLICY_MAP || cw_policy_is_null(node) ?
							       "empty" :
							       "a text");
		return;
	}
	p->assets = cw_policy_take_memory(r, node->n * sizeof(*p->assets));
	if (!p->assets)
		return;
	cw_policy_each(value, node)
		take_asset(r, value);
	for (size_t i = 0; i < p->n_assets; i++)
		for (size_t j = 0; j < CW_ARRAY_SIZE(kind_words); j++)
			check_kind_word(r, p, &p->assets[i], kind_words[j].word,
					kind_words[j].kind);
}

/* Conditions: one parser for each kind of value. */

static const char *const origins[] = { "service", "login", "remote", "container", "kernel",
				       "unknown" };
static const char *const expected_values[CW_POLICY_FROM] = {
	[CW_POLICY_EXE] = "an absolute path such as /usr/bin/motion",
	[CW_POLICY_SHA256] = "64 hexadecimal digits",
	[CW_POLICY_USER] = "a user name or uid",
	[CW_POLICY_UNIT] = "a systemd unit with its type, such as motion.service",
	[CW_POLICY_CONTAINER] = "the id or name of a container",
	[CW_POLICY_LOGIN] = "a user name or uid",
	[CW_POLICY_ORIGIN] = "service, login, remote, container, kernel or unknown",
	[CW_POLICY_PEER] = "an address or a network such as 10.0.0.0/8",
	[CW_POLICY_PARENT] = "an absolute path such as /usr/bin/motion",
	[CW_POLICY_ANCESTOR] = "an absolute path such as /usr/bin/motion",
	[CW_POLICY_CODE] = "any (no 'code': none but its own and the system's)",
};

static bool is_pattern(const char *text)
{
	return strpbrk(text, "*?") != NULL;
}

static void value_of_exe(struct cw_policy_reader *r, const struct cw_policy_node *node,
			 const char *what, const char *expected, struct cw_policy_value *v)
{
	v->text = path_of(r, node, what, expected, false);
	if (!v->text)
		return;
	v->pattern = is_pattern(v->text);
	/* Whoever writes [ab] next to a star expects a shell's pattern, and would never match. */
	if (v->pattern && strpbrk(v->text, "[]\\"))
		bad(r, node, what, "has wildcards that are not known", "no wildcards but * and ?");
}

static void value_of_sha256(struct cw_policy_reader *r, const struct cw_policy_node *node,
			    const char *what, const char *expected, struct cw_policy_value *v)
{
	char hex[65];

	if (cw_policy_parse_sha256(node->text, hex)) {
		bad(r, node, what, "is no SHA-256", expected);
		return;
	}
	v->text = cw_policy_take_copy(r, hex, 64);
}

static void value_of_user(struct cw_policy_reader *r, const struct cw_policy_node *node,
			  const char *what, const char *expected, struct cw_policy_value *v)
{
	uint64_t uid;

	v->text = node->text;
	if (strpbrk(node->text, " \t:/,*?")) {
		bad(r, node, what, "is no user", expected);
	} else if (node->text[strspn(node->text, "0123456789")] == '\0') {
		v->number = true;
		if (cw_policy_parse_uint(node->text, CW_NO_UID - 1, &uid))
			bad(r, node, what, "is out of range", "a uid from 0 to 4294967294");
		else
			v->uid = (uint32_t)uid;
	} else if (node->text[0] == '-' || node->text[0] == '+') {
		bad(r, node, what, "is no user", expected);
	}
}

static void value_of_unit(struct cw_policy_reader *r, const struct cw_policy_node *node,
			  const char *what, const char *expected, struct cw_policy_value *v)
{
	v->text = node->text;
	v->pattern = is_pattern(node->text);
	if (!v->pattern && !strchr(node->text, '.'))
		bad(r, node, what, "is no unit", expected);
}

static void value_of_container(struct cw_policy_reader *r, const struct cw_policy_node *node,
			       const char *what, const char *expected, struct cw_policy_value *v)
{
	v->text = node->text;
	v->pattern = is_pattern(node->text);
	if (strchr(node->text, '/'))
		bad(r, node, what, "is no container", expected);
}

static void value_of_origin(struct cw_policy_reader *r, const struct cw_policy_node *node,
			    const char *what, const char *expected, struct cw_policy_value *v)
{
	const char *close;
	int origin = cw_origin_parse(node->text);

	v->text = node->text;
	if (origin >= 0) {
		v->origin = (enum cw_origin_type)origin;
		return;
	}
	close = cw_policy_suggest(r, node->text, origins, CW_ARRAY_SIZE(origins));
	bad(r, node, what, "is not known", close ? close : expected);
}

static void value_of_peer(struct cw_policy_reader *r, const struct cw_policy_node *node,
			  const char *what, const char *expected, struct cw_policy_value *v)
{
	cw_auto_buf struct cw_buf text = { 0 };
	int error = cw_policy_parse_net(node->text, &v->net);

	if (error == -EINVAL) {
		bad(r, node, what, "is no network", expected);
		return;
	}
	cw_policy_put_net(&text, &v->net);
	if (text.error)
		r->no_memory = true;
	else if (error)
		bad(r, node, what, "has bits set behind its prefix", text.data);
	else
		v->text = cw_policy_take_copy(r, text.data, text.len);
}

static void value_of_code(struct cw_policy_reader *r, const struct cw_policy_node *node,
			  const char *what, const char *expected, struct cw_policy_value *v)
{
	v->text = node->text;
	if (strcmp(node->text, "any"))
		bad(r, node, what, "is not known", expected);
}

static void (*const value_of[CW_POLICY_FROM])(struct cw_policy_reader *r,
					      const struct cw_policy_node *node, const char *what,
					      const char *expected, struct cw_policy_value *v) = {
	[CW_POLICY_EXE] = value_of_exe,	      [CW_POLICY_SHA256] = value_of_sha256,
	[CW_POLICY_USER] = value_of_user,     [CW_POLICY_UNIT] = value_of_unit,
	[CW_POLICY_CONTAINER] = value_of_container, [CW_POLICY_LOGIN] = value_of_user,
	[CW_POLICY_ORIGIN] = value_of_origin, [CW_POLICY_PEER] = value_of_peer,
	[CW_POLICY_PARENT] = value_of_exe,    [CW_POLICY_ANCESTOR] = value_of_exe,
	[CW_POLICY_CODE] = value_of_code,
};

static void take_value(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	struct cw_policy_cond *c = object;
	struct cw_policy_value *v = &c->values[c->n];

	value_of[c->kind](r, node, cw_policy_cond_names[c->kind], expected_values[c->kind], v);
	if (!v->text)
		return;
	v->len = strlen(v->text);
	c->n++;
}

static void add_cond(struct cw_policy_grant_rules *g, enum cw_policy_cond_kind kind,
		     const struct cw_policy_node *node)
{
	struct cw_policy_cond *c = &g->conds[kind];

	c->kind = kind;
	c->line = node->line;
	c->column = node->column;
	g->n_conds |= (size_t)1 << kind; /* a set until the grant is whole: see pack_conds() */
}

static void take_cond(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	struct cw_policy_grant_rules *g = object;
	size_t kind = 0, n_before = r->faults->n;
	struct cw_policy_cond *c;

	while (strcmp(cw_policy_cond_names[kind], node->key->text))
		kind++;
	c = &g->conds[kind];
	c->values = cw_policy_take_memory(r, (cw_policy_list_size(node) + 1) * sizeof(*c->values));
	if (!c->values)
		return;
	add_cond(g, (enum cw_policy_cond_kind)kind, node->key);
	cw_policy_walk_list(r, node, cw_policy_cond_names[kind], expected_values[kind], take_value,
			    c);
	c->sound = r->faults->n == n_before;
}

/* Grants. */

static void take_to(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	struct cw_policy_key keys[CW_POLICY_FROM] = { 0 };

	if (node->type == CW_POLICY_SCALAR && !strcmp(node->text, "anyone"))
		return;
	if (node->type != CW_POLICY_MAP || !node->n) {
		cw_policy_fault(r, node, "'to' %s; expected conditions such as"
				" {exe: /usr/bin/motion}, or 'anyone' for a grant to everybody",
				node->type == CW_POLICY_MAP || cw_policy_is_null(node) ?
					"is empty" :
					"is not a map");
		return;
	}
	for (size_t i = 0; i < CW_POLICY_FROM; i++)
		keys[i] = (struct cw_policy_key){ cw_policy_cond_names[i], take_cond, NULL };
	cw_policy_walk(r, node, "'to'", keys, CW_POLICY_FROM, object);
}

static void take_name(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	const struct cw_policy *p = policy_of(r);
	struct cw_policy_grant_rules *g = object;
	const char *name = cw_policy_text_of(r, node, "name", "a name");
	char shown[CW_POLICY_SHOWN];
	cw_auto_buf struct cw_buf rule = { 0 };

	if (!name)
		return;
	cw_policy_shown(name, shown, sizeof(shown));
	if (node->len > NAME_MAX_LEN)
		cw_policy_fault(r, node, "name '%s' is too long; expected at most %d bytes", shown,
				NAME_MAX_LEN);
	for (const struct cw_policy_grant_rules *o = p->grants; o != g; o++)
		if (cw_streq(o->pub.name, name)) {
			cw_policy_fault(r, node,
					"grant '%s' is given twice, first in line %u; expected a"
					" name of its own", shown, o->pub.line);
			break;
		}
	g->pub.name = name;
	cw_buf_printf(&rule, "grant '%s'", name);
	g->rule = rule.error ? NULL : cw_policy_take_copy(r, rule.data, rule.len);
	r->no_memory = r->no_memory || rule.error;
}

static void take_verb(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	const char *names[CW_ARRAY_SIZE(verbs)], *close;
	struct cw_policy_grant_rules *g = object;

	for (size_t i = 0; i < CW_ARRAY_SIZE(verbs); i++) {
		names[i] = verbs[i].name;
		if (strcmp(node->text, names[i]))
			continue;
		g->verbs |= verbs[i].verb;
		return;
	}
	close = cw_policy_suggest(r, node->text, names, CW_ARRAY_SIZE(names));
	if (close)
		bad(r, node, "verb", "is not known", close);
	else
		bad(r, node, "verb", "is not known", VERBS);
}

static void take_allow(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	cw_policy_walk_list(r, node, "allow", VERBS, take_verb, object);
}

static void unknown_asset(struct cw_policy_reader *r, const struct cw_policy_node *node)
{
	const struct cw_policy *p = policy_of(r);
	const char *names[ENTRIES_MAX + CW_ARRAY_SIZE(kind_words)], *close;
	const char *expected = "a name under 'assets', or cameras, microphones, recordings, shm or"
			       " disks";
	char shown[CW_POLICY_SHOWN];
	size_t n = 0;

	for (size_t i = 0; i < p->n_assets; i++)
		names[n++] = p->assets[i].pub.name;
	for (size_t i = 0; i < CW_ARRAY_SIZE(kind_words); i++)
		names[n++] = kind_words[i].word;
	close = cw_policy_suggest(r, node->text, names, n);
	cw_policy_shown(node->text, shown, sizeof(shown));
	if (close)
		cw_policy_fault(r, node, "unknown asset '%s'; did you mean '%s'? Expected %s",
				shown, close, expected);
	else
		cw_policy_fault(r, node, "unknown asset '%s'; expected %s", shown, expected);
}

static void take_on_item(struct cw_policy_reader *r, const struct cw_policy_node *node,
			 void *object)
{
	const struct cw_policy *p = policy_of(r);
	struct cw_policy_grant_rules *g = object;
	enum cw_asset_kind kind = CW_ASSET_NONE;
	bool found = false;

	if (!p->n_assets) /* there is a fault about that already */
		return;
	for (size_t i = 0; i < CW_ARRAY_SIZE(kind_words); i++)
		if (!strcmp(kind_words[i].word, node->text))
			kind = kind_words[i].kind;
	for (size_t i = 0; i < p->n_assets; i++) {
		const struct cw_policy_asset *a = &p->assets[i].pub;

		if (kind ? a->kind == kind : !strcmp(a->name, node->text))
			g->on[i] = found = true;
		else if (kind && !a->kind) /* a fault about its kind: nothing to say here */
			found = true;
	}
	if (!found && kind)
		bad(r, node, "on", "means every asset of a kind, and there is none",
		    "an asset of that kind under 'assets'");
	else if (!found)
		unknown_asset(r, node);
}

static void take_on(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	cw_policy_walk_list(r, node, "on", "names of assets", take_on_item, object);
}

static void take_from(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	struct cw_policy_grant_rules *g = object;
	const char *text = cw_policy_text_of(r, node, "from", EXPECTED_TIME);

	if (!text)
		return;
	if (cw_policy_parse_time(text, policy_of(r)->offset_s, false, &g->pub.from_ns))
		bad(r, node, "from", "is no time", EXPECTED_TIME);
	else
		add_cond(g, CW_POLICY_FROM, node);
}

static void take_until(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	struct cw_policy_grant_rules *g = object;
	const char *text = cw_policy_text_of(r, node, "until", EXPECTED_TIME);

	if (!text)
		return;
	if (cw_policy_parse_time(text, policy_of(r)->offset_s, true, &g->pub.until_ns))
		bad(r, node, "until", "is no time", EXPECTED_TIME);
	else
		add_cond(g, CW_POLICY_UNTIL, node);
}

static void take_hours(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	const char *expected = "from and to such as \"09:00-17:00\"";
	struct cw_policy_grant_rules *g = object;
	const char *text = cw_policy_text_of(r, node, "hours", expected);

	if (!text)
		return;
	if (cw_policy_parse_hours(text, &g->hours_from, &g->hours_to))
		bad(r, node, "hours", "are no hours", expected);
	else if (g->hours_from == g->hours_to)
		bad(r, node, "hours", "are empty",
		    "an end other than the start (no 'hours': always)");
	else
		add_cond(g, CW_POLICY_HOURS, node);
}

static void take_day(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	struct cw_policy_grant_rules *g = object;

	for (unsigned int i = 0; i < 7; i++) {
		if (strcmp(node->text, cw_policy_day_names[i]))
			continue;
		g->days |= 1U << i;
		return;
	}
	bad(r, node, "day", "is not known", "mon, tue, wed, thu, fri, sat or sun");
}

static void take_days(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	if (cw_policy_walk_list(r, node, "days", "days such as [mon, tue]", take_day, object))
		add_cond(object, CW_POLICY_DAYS, node);
}

static void take_rate(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	static const unsigned int minutes[] = { 60, 24 * 60, 7 * 24 * 60 };
	const char *expected = "a whole number from 1 to 1000000 per hour, day or week, such as"
			       " 20/day";
	const char *name = node->key->text;
	const char *text = cw_policy_text_of(r, node, name, expected);
	struct cw_policy_grant_rules *g = object;
	struct cw_policy_rate rate;
	size_t i = 0;

	if (!text)
		return;
	if (cw_policy_parse_rate(text, LIMIT_MAX, &rate)) {
		bad(r, node, name, "is no limit", expected);
		return;
	}
	while (strcmp(cw_policy_limit_names[i], name))
		i++;
	if (i == CW_POLICY_MINUTES && rate.max > minutes[rate.window])
		bad(r, node, name, "can never be reached",
		    "at most 60/hour, 1440/day or 10080/week");
	g->limits[i] = rate;
	g->limited = true;
}

static void take_limit(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	struct cw_policy_key keys[CW_POLICY_LIMIT_MAX];

	if (node->type == CW_POLICY_MAP && !node->n) {
		cw_policy_fault(r, node, "'limit' is empty; expected files, cameras or minutes");
		return;
	}
	for (size_t i = 0; i < CW_POLICY_LIMIT_MAX; i++)
		keys[i] = (struct cw_policy_key){ cw_policy_limit_names[i], take_rate, NULL };
	cw_policy_walk(r, node, "'limit'", keys, CW_POLICY_LIMIT_MAX, object);
}

static void take_reason(struct cw_policy_reader *r, const struct cw_policy_node *node,
			void *object)
{
	struct cw_policy_grant_rules *g = object;

	g->pub.reason = cw_policy_text_of(r, node, "reason", "one line of text");
}

static const struct cw_policy_key grant_keys[] = {
	{ "name", take_name, "a name of its own" },
	{ "allow", take_allow, "a list of open, stream, write, delete" },
	{ "on", take_on, "names of assets" },
	{ "to", take_to, "conditions such as {exe: /usr/bin/motion}, or 'anyone'" },
	{ "from", take_from, NULL },
	{ "until", take_until, NULL },
	{ "hours", take_hours, NULL },
	{ "days", take_days, NULL },
	{ "limit", take_limit, NULL },
	{ "reason", take_reason, NULL },
};

/*
 * Who names an executable means what it does, and not what others made it do: without 'code: any'
 * there is a condition that nobody wrote.
 */
static void settle_code(struct cw_policy_reader *r, struct cw_policy_grant_rules *g)
{
	const size_t exe = (size_t)1 << CW_POLICY_EXE, hash = (size_t)1 << CW_POLICY_SHA256;
	const size_t code = (size_t)1 << CW_POLICY_CODE;
	struct cw_policy_cond *c = &g->conds[CW_POLICY_CODE];

	if (g->n_conds & code && !(g->n_conds & (exe | hash)))
		cw_policy_fault_at(r->faults, c->line, c->column,
				   "'code' says nothing without 'exe' or 'sha256'; expected one of"
				   " them, or no 'code'");
	if (g->n_conds & code)
		g->n_conds &= ~code;
	else if (g->n_conds & (exe | hash)) {
		g->n_conds |= code;
		c->kind = CW_POLICY_CODE;
	}
}

/* From a set indexed by kind to a list in the same order. */
static void pack_conds(struct cw_policy_grant_rules *g)
{
	size_t set = g->n_conds, n = 0;

	for (size_t i = 0; i < CW_POLICY_COND_MAX; i++)
		if (set & ((size_t)1 << i))
			g->conds[n++] = g->conds[i];
	g->n_conds = n;
}

static void take_grant(struct cw_policy_reader *r, const struct cw_policy_node *node)
{
	struct cw_policy *p = policy_of(r);
	struct cw_policy_grant_rules *g = &p->grants[p->n_grants];
	size_t n_before = r->faults->n;

	g->pub.line = node->line;
	g->column = node->column;
	g->pub.until_ns = UINT64_MAX;
	g->on = cw_policy_take_memory(r, p->n_assets + 1);
	if (!g->on)
		return;
	p->n_grants++;
	cw_policy_walk(r, node, "a grant", grant_keys, CW_ARRAY_SIZE(grant_keys), g);
	settle_code(r, g);
	pack_conds(g);
	g->sound = r->faults->n == n_before && !r->no_memory;
	cw_policy_check_grant(r, p, g);
}

static void take_grants(struct cw_policy_reader *r, const struct cw_policy_node *node)
{
	struct cw_policy *p = policy_of(r);

	if (node->type != CW_POLICY_LIST) {
		cw_policy_fault(r, node, "'grants' is %s; expected a list of grants, each"
				" beginning with '- name:' ([] grants nothing to anybody)",
				node->type == CW_POLICY_MAP ? "a map" :
				cw_policy_is_null(node)	    ? "empty" :
							      "a text");
		return;
	}
	if (!node->n)
		return;
	p->grants = cw_policy_take_memory(r, node->n * sizeof(*p->grants));
	if (!p->grants)
		return;
	cw_policy_each(item, node)
		take_grant(r, item);
}

/* The whole. */

static void take_version(struct cw_policy_reader *r, const struct cw_policy_node *node,
			 void *object)
{
	const char *text = cw_policy_text_of(r, node, "version", "1");

	(void)object;
	if (text && strcmp(text, "1"))
		bad(r, node, "version", "is not known", "1");
}

static void keep_assets(struct cw_policy_reader *r, const struct cw_policy_node *node,
			void *object)
{
	(void)r;
	((struct top *)object)->assets = node;
}

static void keep_grants(struct cw_policy_reader *r, const struct cw_policy_node *node,
			void *object)
{
	(void)r;
	((struct top *)object)->grants = node;
}

static void keep_timezone(struct cw_policy_reader *r, const struct cw_policy_node *node,
			  void *object)
{
	(void)r;
	((struct top *)object)->timezone = node;
}

static void take_timezone(struct cw_policy_reader *r, const struct cw_policy_node *node)
{
	const char *expected = "a fixed offset such as \"+01:00\" (names of zones mean other hours"
			       " on other machines)";
	const char *text = cw_policy_text_of(r, node, "timezone", expected);

	if (text && cw_policy_parse_offset(text, &policy_of(r)->offset_s))
		bad(r, node, "timezone", "is no offset", expected);
}

/* The heaviest description of a device wins, the longest path of a folder, else the first. */
static int compare_ranks(const void *x, const void *y)
{
	const struct cw_policy_rank *a = x, *b = y;

	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	if (a->path_len != b->path_len)
		return a->path_len > b->path_len ? -1 : 1;
	return a->asset < b->asset ? -1 : 1;
}

static void rank_assets(struct cw_policy_reader *r, struct cw_policy *p)
{
	for (size_t kind = 0; kind < CW_ASSET_KIND_MAX; kind++) {
		struct cw_policy_rank *rank;
		size_t n = 0;

		rank = cw_policy_take_memory(r, (p->n_assets + 1) * sizeof(*rank));
		if (!rank)
			return;
		for (size_t i = 0; i < p->n_assets; i++) {
			const struct cw_policy_asset_rules *a = &p->assets[i];
			const char *path = a->pub.path;

			if (a->pub.kind == kind)
				rank[n++] = (struct cw_policy_rank){
					path, path ? (uint32_t)strlen(path) : 0, (uint16_t)i,
					a->weight,
				};
		}
		qsort(rank, n, sizeof(*rank), compare_ranks);
		p->kinds[kind].rank = rank;
		p->kinds[kind].n = n;
	}
}

/* For each asset its grants, those without a limit first: they settle an event at once. */
static void index_grants(struct cw_policy_reader *r, struct cw_policy *p)
{
	for (size_t a = 0; a < p->n_assets; a++) {
		struct cw_policy_asset_rules *asset = &p->assets[a];

		asset->grants = cw_policy_take_memory(r, (p->n_grants + 1) *
							 sizeof(*asset->grants));
		if (!asset->grants)
			return;
		for (int limited = 0; limited < 2; limited++)
			for (size_t g = 0; g < p->n_grants; g++) {
				const struct cw_policy_grant_rules *rules = &p->grants[g];

				if (!rules->on[a] || rules->limited != limited)
					continue;
				asset->grants[asset->n_grants++] = (struct cw_policy_candidate){
					cw_policy_exe_filter(rules), (uint16_t)g,
					(uint8_t)rules->verbs,
				};
			}
	}
}

static void compile_tree(struct cw_policy_reader *r, const struct cw_policy_node *root)
{
	static const struct cw_policy_key keys[] = {
		{ "version", take_version, "'version: 1'" },
		{ "timezone", keep_timezone, NULL },
		{ "assets", keep_assets, "a map such as 'cameras: {kind: camera}'" },
		{ "grants", keep_grants, NULL },
	};
	struct cw_policy *p = policy_of(r);
	struct top top = { .p = p };

	cw_policy_walk(r, root, "the policy", keys, CW_ARRAY_SIZE(keys), &top);
	/* In the order in which they need each other, whatever that of the file. */
	if (top.timezone)
		take_timezone(r, top.timezone);
	if (top.assets)
		take_assets(r, top.assets);
	if (top.grants && !r->no_memory)
		take_grants(r, top.grants);
	if (r->no_memory)
		return;
	cw_policy_check_doubles(r, p);
	rank_assets(r, p);
	index_grants(r, p);
}

int cw_policy_compile(struct cw_policy *p, struct cw_policy_faults *faults)
{
	struct cw_policy_reader r = { .arena = &p->arena, .faults = faults, .context = p };
	struct cw_policy_node *root = NULL;
	int err = cw_policy_tree_load(p->text, p->len, &p->arena, faults, &root);

	if (err == -ENODATA || (!err && cw_policy_is_null(root))) {
		cw_policy_fault_at(faults, 1, 1, "the policy is empty; expected " MINIMUM);
		return -EINVAL;
	}
	if (err)
		return err;
	compile_tree(&r, root);
	if (r.no_memory || faults->error)
		return -ENOMEM;
	return faults->n ? -EINVAL : 0;
}
