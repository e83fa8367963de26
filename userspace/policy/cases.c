// SPDX-License-Identifier: Apache-2.0
/* Expectation cases: events that a file describes, judged in its order, and what came of them. */
#include <arpa/inet.h>

#include "policy/compiled.h"
#include "policy/schema.h"

/* Noon of a Monday: where no case gives a time, hours and days at least make sense. */
#define FIRST_TIME_NS (946900800ULL * CW_NSEC_PER_SEC)
#define PID	      1000
#define EXPECTED_TIME "ISO 8601 with Z or an offset, such as 2026-12-01T09:00:00Z"

struct one_case {
	struct cw_policy *p;
	const char *name;
	struct cw_event e;
	bool has_time;
	int decision; /* enum cw_decision, or -1 */
	int class;    /* enum cw_class, or -1 */
	const char *grant;
};

/* A message about a value that is shown. */
#define bad(r, node, expected)                                                             \
	do {                                                                               \
		char shown_[CW_POLICY_SHOWN];                                              \
		cw_policy_fault(r, node, "%s '%s' is not known; expected %s",              \
				(node)->key ? (node)->key->text : "value",                 \
				cw_policy_shown((node)->text, shown_, sizeof(shown_)),     \
				expected);                                                 \
	} while (0)

static const char *text_of(struct cw_policy_reader *r, const struct cw_policy_node *node,
			   const char *expected)
{
	return cw_policy_text_of(r, node, node->key ? node->key->text : "value", expected);
}

static bool number_of(struct cw_policy_reader *r, const struct cw_policy_node *node, uint64_t max,
		      uint64_t *ret_value)
{
	const char *text = text_of(r, node, "a whole number");

	if (!text)
		return false;
	if (!cw_policy_parse_uint(text, max, ret_value))
		return true;
	bad(r, node, "a whole number");
	return false;
}

/* The key names the field. `names` and `fields` go together. */
static void set_text(struct cw_policy_reader *r, const struct cw_policy_node *node,
		     const char *const *names, const char **const *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], node->key->text))
			*fields[i] = text_of(r, node, "a text");
}

/* event.asset */

static void take_asset_kind(struct cw_policy_reader *r, const struct cw_policy_node *node,
			    void *object)
{
	struct one_case *c = object;
	const char *text = text_of(r, node, "the kind of an asset");
	int kind = text ? cw_asset_kind_parse(text) : 0;

	if (kind < 0)
		bad(r, node, "camera, microphone, recordings, shm, disk or self");
	else
		c->e.asset.kind = (enum cw_asset_kind)kind;
}

/* An asset's name stands for all that the policy says of it. */
static void take_asset_name(struct cw_policy_reader *r, const struct cw_policy_node *node,
			    void *object)
{
	struct one_case *c = object;
	struct cw_asset *a = &c->e.asset;
	const char *text = text_of(r, node, "the name of an asset");

	for (size_t i = 0; text && i < c->p->n_assets; i++) {
		const struct cw_policy_asset *asset = &c->p->assets[i].pub;

		if (strcmp(asset->name, text))
			continue;
		a->name = asset->name;
		a->kind = a->kind ? a->kind : asset->kind;
		a->node = a->node ? a->node : asset->device;
		a->by_id = a->by_id ? a->by_id : asset->by_id;
		a->card = a->card ? a->card : asset->card;
		a->bus = a->bus ? a->bus : asset->bus;
		a->root = a->root ? a->root : asset->path;
		return;
	}
	if (text)
		bad(r, node, "an asset of the policy");
}

static void take_asset_text(struct cw_policy_reader *r, const struct cw_policy_node *node,
			    void *object)
{
	static const char *const names[] = { "node", "path", "root", "by-id", "card", "bus",
					     "driver" };
	struct cw_asset *a = &((struct one_case *)object)->e.asset;
	const char **const fields[] = { &a->node, &a->path, &a->root,	&a->by_id,
					&a->card, &a->bus,  &a->driver };

	set_text(r, node, names, fields, CW_ARRAY_SIZE(names));
}

static void take_dev(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	struct cw_asset *a = &((struct one_case *)object)->e.asset;
	const char *text = text_of(r, node, "a device number such as \"81:0\"");
	const char *colon = text ? strchr(text, ':') : NULL;
	uint64_t major, minor;
	char *head;

	if (!text)
		return;
	head = cw_policy_take_copy(r, text, colon ? (size_t)(colon - text) : 0);
	if (!head)
		return;
	if (!colon || cw_policy_parse_uint(head, 4095, &major) ||
		   cw_policy_parse_uint(colon + 1, 1048575, &minor)) {
		bad(r, node, "a device number such as \"81:0\"");
	} else {
		a->dev_major = (uint32_t)major;
		a->dev_minor = (uint32_t)minor;
	}
}

static void take_inode(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	number_of(r, node, UINT64_MAX, &((struct one_case *)object)->e.asset.inode);
}

static void take_access_bit(struct cw_policy_reader *r, const struct cw_policy_node *node,
			    void *object)
{
	struct cw_asset *a = &((struct one_case *)object)->e.asset;

	for (uint32_t bit = CW_ACCESS_READ; bit <= CW_ACCESS_EXEC; bit <<= 1)
		if (cw_streq(cw_access_name((enum cw_access)bit), node->text)) {
			a->access |= bit;
			return;
		}
	bad(r, node, "read, write, create, truncate, delete or exec");
}

static void take_access(struct cw_policy_reader *r, const struct cw_policy_node *node,
			void *object)
{
	cw_policy_walk_list(r, node, "access", "a list such as [read, write]", take_access_bit,
			    object);
}

static void take_asset(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	static const struct cw_policy_key keys[] = {
		{ "kind", take_asset_kind, NULL }, { "name", take_asset_name, NULL },
		{ "node", take_asset_text, NULL }, { "path", take_asset_text, NULL },
		{ "root", take_asset_text, NULL }, { "by-id", take_asset_text, NULL },
		{ "card", take_asset_text, NULL }, { "bus", take_asset_text, NULL },
		{ "driver", take_asset_text, NULL }, { "dev", take_dev, NULL },
		{ "inode", take_inode, NULL },	   { "access", take_access, NULL },
	};
	struct one_case *c = object;
	size_t n_before = r->faults->n;

	cw_policy_walk(r, node, "'asset'", keys, CW_ARRAY_SIZE(keys), c);
	if (!c->e.asset.kind && r->faults->n == n_before)
		cw_policy_fault(r, node, "'asset' is of no kind; expected 'kind', or the 'name' of"
					 " an asset of the policy");
}

/* event.process */

static void take_process_text(struct cw_policy_reader *r, const struct cw_policy_node *node,
			      void *object)
{
	static const char *const names[] = { "exe", "user", "unit", "container", "comm",
					     "cgroup" };
	struct cw_process *p = &((struct one_case *)object)->e.process;
	const char **const fields[] = { &p->exe,  &p->user, &p->unit, &p->container,
					&p->comm, &p->cgroup };

	set_text(r, node, names, fields, CW_ARRAY_SIZE(names));
}

static void take_sha256(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	const char *text = text_of(r, node, "64 hexadecimal digits");
	char hex[65];

	if (!text)
		return;
	if (cw_policy_parse_sha256(text, hex)) {
		bad(r, node, "64 hexadecimal digits");
		return;
	}
	((struct one_case *)object)->e.process.exe_sha256 = cw_policy_take_copy(r, hex, 64);
}

static bool bool_of(struct cw_policy_reader *r, const struct cw_policy_node *node)
{
	const char *text = text_of(r, node, "true or false");

	if (text && strcmp(text, "true") && strcmp(text, "false"))
		bad(r, node, "true or false");
	return cw_streq(text, "true");
}

static void take_deleted(struct cw_policy_reader *r, const struct cw_policy_node *node,
			 void *object)
{
	((struct one_case *)object)->e.process.exe_deleted = bool_of(r, node);
}

/* "written", or the file that was mapped. */
static void take_code(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	struct cw_process *p = &((struct one_case *)object)->e.process;
	const char *text = text_of(r, node, "the path of what was mapped, or 'written'");

	if (!text)
		return;
	p->code = strcmp(text, "written") ? CW_CODE_OWNER : CW_CODE_WRITTEN;
	p->code_path = p->code == CW_CODE_WRITTEN ? NULL : text;
}

static void take_process_number(struct cw_policy_reader *r, const struct cw_policy_node *node,
				void *object)
{
	struct cw_process *p = &((struct one_case *)object)->e.process;
	uint64_t value;

	if (!number_of(r, node, UINT32_MAX - 1, &value))
		return;
	if (!strcmp(node->key->text, "uid"))
		p->uid = p->euid = (uint32_t)value;
	else
		p->pid = p->tid = (uint32_t)value;
}

static void take_ancestor(struct cw_policy_reader *r, const struct cw_policy_node *node,
			  void *object)
{
	struct cw_process *p = object;

	if (p->n_ancestors == CW_ANCESTORS_MAX)
		cw_policy_fault(r, node, "too many ancestors; expected at most %d",
				CW_ANCESTORS_MAX);
	else
		p->ancestors[p->n_ancestors++].exe = node->text;
}

static void take_ancestors(struct cw_policy_reader *r, const struct cw_policy_node *node,
			   void *object)
{
	struct cw_process *p = &((struct one_case *)object)->e.process;

	/* One program may well be there twice, so not by cw_policy_walk_list(). */
	if (node->type != CW_POLICY_LIST) {
		if (text_of(r, node, "executables, nearest first"))
			take_ancestor(r, node, p);
		return;
	}
	cw_policy_each(item, node)
		if (cw_policy_text_of(r, item, "ancestor", "an executable"))
			take_ancestor(r, item, p);
}

static void take_process(struct cw_policy_reader *r, const struct cw_policy_node *node,
			 void *object)
{
	static const struct cw_policy_key keys[] = {
		{ "exe", take_process_text, NULL },	  { "sha256", take_sha256, NULL },
		{ "exe-deleted", take_deleted, NULL },	  { "user", take_process_text, NULL },
		{ "uid", take_process_number, NULL },	  { "unit", take_process_text, NULL },
		{ "container", take_process_text, NULL }, { "comm", take_process_text, NULL },
		{ "cgroup", take_process_text, NULL },	  { "pid", take_process_number, NULL },
		{ "ancestors", take_ancestors, NULL },	  { "code", take_code, NULL },
	};

	cw_policy_walk(r, node, "'process'", keys, CW_ARRAY_SIZE(keys), object);
}

/* event.origin */

static void take_origin_type(struct cw_policy_reader *r, const struct cw_policy_node *node,
			     void *object)
{
	const char *text = text_of(r, node, "the type of an origin");
	int type = text ? cw_origin_parse(text) : 0;

	if (type < 0)
		bad(r, node, "service, login, remote, container, kernel or unknown");
	else
		((struct one_case *)object)->e.origin.type = (enum cw_origin_type)type;
}

static void take_login(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	struct cw_origin *o = &((struct one_case *)object)->e.origin;
	const char *text = text_of(r, node, "a user name or uid");
	uint64_t uid;

	if (!text)
		return;
	if (!cw_policy_parse_uint(text, CW_NO_UID - 1, &uid))
		o->login_uid = (uint32_t)uid;
	else
		o->login_user = text;
}

static void take_login_uid(struct cw_policy_reader *r, const struct cw_policy_node *node,
			   void *object)
{
	uint64_t uid;

	if (number_of(r, node, CW_NO_UID - 1, &uid))
		((struct one_case *)object)->e.origin.login_uid = (uint32_t)uid;
}

/* "203.0.113.7:51512", "[2001:db8::1]:51512", or without the port. */
static bool set_peer(struct cw_policy_reader *r, const char *text, struct cw_origin *o)
{
	bool bracket = text[0] == '[';
	const char *first = strchr(text, ':');
	bool bare_v6 = !bracket && first && strchr(first + 1, ':');
	const char *end = bracket ? strchr(text, ']') : bare_v6 ? NULL : first;
	const char *port = bracket && end ? end + 1 : end;
	size_t len = end ? (size_t)(end - text) - bracket : strlen(text);
	char *addr = cw_policy_take_copy(r, text + bracket, len);
	uint64_t value = 0;

	if (!addr || (bracket && !end))
		return false;
	if (port && *port && (*port != ':' || cw_policy_parse_uint(port + 1, 65535, &value)))
		return false;
	if (inet_pton(AF_INET, addr, &o->peer.v4) == 1)
		o->family = AF_INET;
	else if (inet_pton(AF_INET6, addr, &o->peer.v6) == 1)
		o->family = AF_INET6;
	else
		return false;
	o->peer_port = (uint16_t)value;
	return true;
}

static void take_peer(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	const char *text = text_of(r, node, "an address, with or without a port");

	if (text && !set_peer(r, text, &((struct one_case *)object)->e.origin))
		bad(r, node, "an address such as 203.0.113.7 or \"[2001:db8::1]:51512\"");
}

static void take_origin(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	static const struct cw_policy_key keys[] = {
		{ "type", take_origin_type, NULL },
		{ "login", take_login, NULL },
		{ "login-uid", take_login_uid, NULL },
		{ "peer", take_peer, NULL },
	};

	cw_policy_walk(r, node, "'origin'", keys, CW_ARRAY_SIZE(keys), object);
}

/* event.detail */

static void take_detail_text(struct cw_policy_reader *r, const struct cw_policy_node *node,
			     void *object)
{
	const char *text = text_of(r, node, "a text");

	if (text)
		cw_event_add_string(&((struct one_case *)object)->e, node->key->text, text);
}

static void take_detail_bool(struct cw_policy_reader *r, const struct cw_policy_node *node,
			     void *object)
{
	cw_event_add_bool(&((struct one_case *)object)->e, node->key->text, bool_of(r, node));
}

static void take_detail_uint(struct cw_policy_reader *r, const struct cw_policy_node *node,
			     void *object)
{
	uint64_t value;

	if (number_of(r, node, UINT64_MAX, &value))
		cw_event_add_uint(&((struct one_case *)object)->e, node->key->text, value);
}

static void take_seconds(struct cw_policy_reader *r, const struct cw_policy_node *node,
			 void *object)
{
	const char *text = text_of(r, node, "seconds such as 12.5");
	uint64_t whole = 0, fraction = 0, scale = 1;
	const char *point;
	char *head;

	if (!text)
		return;
	point = strchr(text, '.');
	head = cw_policy_take_copy(r, text, point ? (size_t)(point - text) : strlen(text));
	for (const char *s = point ? point + 1 : ""; *s; s++)
		scale *= scale < CW_NSEC_PER_SEC ? 10 : 1;
	if (!head || cw_policy_parse_uint(head, 1000000000, &whole) ||
	    (point && cw_policy_parse_uint(point + 1, CW_NSEC_PER_SEC - 1, &fraction))) {
		bad(r, node, "seconds such as 12.5");
		return;
	}
	cw_event_add_double(&((struct one_case *)object)->e, "seconds",
			    (double)whole + (double)fraction / (double)scale);
}

static void take_detail(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	static const struct cw_policy_key keys[] = {
		{ "seconds", take_seconds, NULL },   { "bytes", take_detail_uint, NULL },
		{ "frames", take_detail_uint, NULL }, { "lost", take_detail_uint, NULL },
		{ "phase", take_detail_text, NULL }, { "class", take_detail_text, NULL },
		{ "ok", take_detail_bool, NULL },
	};

	cw_policy_walk(r, node, "'detail'", keys, CW_ARRAY_SIZE(keys), object);
}

/* The event and the case. */

static void take_event_kind(struct cw_policy_reader *r, const struct cw_policy_node *node,
			    void *object)
{
	const char *expected = "a kind of event such as open, stream, close or unlink";
	const char *text = text_of(r, node, expected);
	int kind = text ? cw_kind_parse(text) : 0;

	if (kind < 0)
		bad(r, node, expected);
	else
		((struct one_case *)object)->e.kind = (enum cw_kind)kind;
}

static void take_event_time(struct cw_policy_reader *r, const struct cw_policy_node *node,
			    void *object)
{
	struct one_case *c = object;
	const char *text = text_of(r, node, EXPECTED_TIME);

	if (text && cw_policy_parse_time(text, c->p->offset_s, false, &c->e.time_ns))
		bad(r, node, EXPECTED_TIME);
	c->has_time = true;
}

static void take_result(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	const char *expected = "0, or the negative number of an error such as -13";
	const char *text = text_of(r, node, expected);
	uint64_t value = 0;

	if (!text)
		return;
	if (text[0] == '-' ? cw_policy_parse_uint(text + 1, 4095, &value) : strcmp(text, "0"))
		bad(r, node, expected);
	((struct one_case *)object)->e.result = -(int)value;
}

static void take_event(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	static const struct cw_policy_key keys[] = {
		{ "kind", take_event_kind, NULL }, { "time", take_event_time, NULL },
		{ "result", take_result, NULL },   { "asset", take_asset, NULL },
		{ "process", take_process, NULL }, { "origin", take_origin, NULL },
		{ "detail", take_detail, NULL },
	};

	cw_policy_walk(r, node, "'event'", keys, CW_ARRAY_SIZE(keys), object);
}

static void take_case_name(struct cw_policy_reader *r, const struct cw_policy_node *node,
			   void *object)
{
	((struct one_case *)object)->name = text_of(r, node, "a name");
}

static void take_expect(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	const char *text = text_of(r, node, "allow, flag or none");

	for (int i = 0; text && i < CW_DECISION_MAX; i++)
		if (cw_streq(cw_decision_name((enum cw_decision)i), text)) {
			((struct one_case *)object)->decision = i;
			return;
		}
	if (text)
		bad(r, node, "allow, flag or none");
}

static void take_class(struct cw_policy_reader *r, const struct cw_policy_node *node, void *object)
{
	const char *expected = "employee, remote, service, limit, tamper or blind";
	const char *text = text_of(r, node, expected);
	int class = text ? cw_class_parse(text) : 0;

	if (class < 0 || (text && class == CW_CLASS_NONE))
		bad(r, node, expected);
	else if (text)
		((struct one_case *)object)->class = class;
}

static void take_case_grant(struct cw_policy_reader *r, const struct cw_policy_node *node,
			    void *object)
{
	struct one_case *c = object;

	c->grant = text_of(r, node, "the name of a grant");
	for (size_t i = 0; c->grant && i < c->p->n_grants; i++)
		if (!strcmp(c->p->grants[i].pub.name, c->grant))
			return;
	if (c->grant)
		bad(r, node, "a grant of the policy");
}

static const struct cw_policy_key case_keys[] = {
	{ "name", take_case_name, "a name" },
	{ "event", take_event, "a map such as {kind: open, asset: {name: front-door}}" },
	{ "expect", take_expect, "allow, flag or none" },
	{ "class", take_class, NULL },
	{ "grant", take_case_grant, NULL },
};

/* What only one of the decisions has is expected with that decision. */
static void check_case(struct cw_policy_reader *r, const struct cw_policy_node *node,
		       const struct one_case *c)
{
	if (c->class >= 0 && c->decision >= 0 && c->decision != CW_DECISION_FLAG)
		cw_policy_fault(r, node, "'class' is of a flag; expected 'expect: flag'");
	if (c->grant && c->decision >= 0 && c->decision != CW_DECISION_ALLOW)
		cw_policy_fault(r, node, "'grant' is of an allow; expected 'expect: allow'");
}

static void report(const struct one_case *c, const char *file, unsigned int line,
		   struct cw_buf *out)
{
	const struct cw_verdict *v = &c->e.verdict;
	char name[CW_POLICY_SHOWN];

	cw_buf_printf(out, "%s:%u: case '%s': expected %s", file, line,
		      cw_policy_shown(c->name, name, sizeof(name)),
		      cw_decision_name((enum cw_decision)c->decision));
	if (c->class >= 0)
		cw_buf_printf(out, " of class %s", cw_class_name((enum cw_class)c->class));
	if (c->grant)
		cw_buf_printf(out, " by grant '%s'", c->grant);
	cw_buf_printf(out, "; came %s", cw_decision_name(v->decision));
	if (v->decision == CW_DECISION_FLAG)
		cw_buf_printf(out, " of class %s, severity %s", cw_class_name(v->class),
			      cw_severity_name(v->severity));
	if (v->rule)
		cw_buf_printf(out, ": %s", v->rule);
	if (v->why)
		cw_buf_printf(out, ": %s", v->why);
	cw_buf_putc(out, '\n');
}

static bool passes(const struct one_case *c)
{
	const struct cw_verdict *v = &c->e.verdict;

	return (int)v->decision == c->decision && (c->class < 0 || (int)v->class == c->class) &&
	       (!c->grant || cw_streq(v->grant, c->grant));
}

/* The root is a list, or a map with the only key `cases`. */
static const struct cw_policy_node *list_of(struct cw_policy_reader *r,
					    const struct cw_policy_node *root)
{
	if (root->type == CW_POLICY_MAP && root->n == 1 &&
	    root->child->key->type == CW_POLICY_SCALAR &&
	    !strcmp(root->child->key->text, "cases"))
		root = root->child;
	if (root->type == CW_POLICY_LIST && root->n)
		return root;
	cw_policy_fault(r, root, "there are no cases; expected a list of cases, each beginning"
				 " with '- name:'");
	return NULL;
}

static void read_case(struct cw_policy_reader *r, const struct cw_policy_node *node,
		      struct cw_policy *p, struct one_case *c)
{
	*c = (struct one_case){ .p = p, .decision = -1, .class = -1 };
	c->e.process.pid = c->e.process.tid = PID;
	c->e.process.uid = c->e.process.euid = CW_NO_UID;
	c->e.origin.login_uid = c->e.origin.session = CW_NO_UID;
	cw_policy_walk(r, node, "a case", case_keys, CW_ARRAY_SIZE(case_keys), c);
	check_case(r, node, c);
}

static int read_cases(struct cw_policy *p, const char *text, size_t len,
		      struct cw_policy_reader *r, const struct cw_policy_node **ret_list)
{
	struct cw_policy_node *root = NULL;
	struct one_case c;
	int err = cw_policy_tree_load(text, len, r->arena, r->faults, &root);

	if (err == -ENODATA) {
		cw_policy_fault_at(r->faults, 1, 1, "there are no cases; expected a list of cases");
		return -EINVAL;
	}
	if (err)
		return err;
	*ret_list = list_of(r, root);
	/* Everything is read before anything is judged: a fault is never half a run. */
	if (*ret_list)
		cw_policy_each(node, *ret_list)
			read_case(r, node, p, &c);
	if (r->no_memory || r->faults->error)
		return -ENOMEM;
	return r->faults->n ? -EINVAL : 0;
}

static void run_list(struct cw_policy *p, const char *file, struct cw_policy_reader *r,
		     const struct cw_policy_node *list, struct cw_buf *out,
		     unsigned int *ret_passed, unsigned int *ret_failed)
{
	uint64_t time_ns = FIRST_TIME_NS;
	struct one_case c;

	*ret_passed = *ret_failed = 0;
	cw_policy_each(node, list) {
		read_case(r, node, p, &c);
		if (!c.has_time)
			c.e.time_ns = time_ns;
		time_ns = c.e.time_ns;
		cw_policy_judge(p, &c.e);
		if (passes(&c)) {
			(*ret_passed)++;
			continue;
		}
		(*ret_failed)++;
		report(&c, file, node->line, out);
	}
}

static int run_text(struct cw_policy *p, const char *file, const char *text, size_t len,
		    struct cw_buf *out, unsigned int *ret_passed, unsigned int *ret_failed)
{
	struct cw_policy_arena arena = { 0 };
	struct cw_policy_faults faults = { 0 };
	struct cw_policy_reader r = { .arena = &arena, .faults = &faults };
	const struct cw_policy_node *list = NULL;
	int err = read_cases(p, text, len, &r, &list);

	cw_policy_faults_write(&faults, file, out);
	if (!err) {
		run_list(p, file, &r, list, out, ret_passed, ret_failed);
		err = *ret_failed ? 1 : 0;
	}
	cw_policy_faults_free(&faults);
	cw_policy_arena_free(&arena);
	return err;
}

int cw_policy_run_cases(struct cw_policy *p, const char *file, struct cw_buf *out,
			unsigned int *ret_passed, unsigned int *ret_failed)
{
	cw_auto_free char *text = NULL;
	size_t len = 0;
	int r = cw_policy_file_read(file, &text, &len);

	if (r) {
		cw_buf_printf(out, "%s: cannot be read: %s; expected cases\n", file, strerror(-r));
		return r;
	}
	r = run_text(p, file, text, len, out, ret_passed, ret_failed);
	return out->error ? out->error : r;
}
