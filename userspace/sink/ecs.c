// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>

#include "sink/ecs.h"
#include "sink/object.h"
#include "sink/text.h"

static void add_list_of_one(struct cw_buf *b, const char *key, const char *s)
{
	cw_object_list(b, key);
	cw_object_text(b, NULL, s);
	cw_object_list_end(b);
}

static const char *category_of(const struct cw_event *e)
{
	if (e->kind == CW_KIND_POLICY)
		return "configuration";
	return cw_kind_is_access(e->kind) ? "file" : "host";
}

/* One of those that the schema expects of the category. */
static const char *type_of(const struct cw_event *e)
{
	uint32_t access = e->asset.access;

	switch (e->kind) {
	case CW_KIND_START:
		return "start";
	case CW_KIND_STOP:
		return "end";
	case CW_KIND_CREATE:
	case CW_KIND_LINK:
		return "creation";
	case CW_KIND_UNLINK:
		return "deletion";
	case CW_KIND_RENAME:
	case CW_KIND_TRUNCATE:
	case CW_KIND_ATTR:
	case CW_KIND_MOUNT:
		return "change";
	case CW_KIND_CLOSE:
		return "info";
	case CW_KIND_POLICY:
		return "change";
	default:
		break;
	}
	if (!cw_kind_is_access(e->kind))
		return "info";
	if (access & CW_ACCESS_CREATE)
		return "creation";
	return access & (CW_ACCESS_WRITE | CW_ACCESS_TRUNCATE) && !(access & CW_ACCESS_READ) ?
		       "change" :
		       "access";
}

static void add_event(struct cw_buf *b, const struct cw_event *e)
{
	static const unsigned int severities[CW_SEVERITY_MAX] = {
		[CW_SEVERITY_LOW] = 21, [CW_SEVERITY_MEDIUM] = 47, [CW_SEVERITY_HIGH] = 73,
		[CW_SEVERITY_CRITICAL] = 99, /* as Elastic's own rules grade */
	};
	const struct cw_detail *seconds = cw_event_detail(e, "seconds");
	bool flag = e->verdict.decision == CW_DECISION_FLAG;

	cw_object_open(b, "event");
	cw_object_text(b, "kind", flag ? "alert" : "event");
	cw_object_list(b, "category");
	cw_object_text(b, NULL, category_of(e));
	if (flag)
		cw_object_text(b, NULL, "intrusion_detection");
	cw_object_list_end(b);
	cw_object_list(b, "type");
	cw_object_text(b, NULL, type_of(e));
	if (flag && strcmp(type_of(e), "info"))
		cw_object_text(b, NULL, "info");
	cw_object_list_end(b);
	cw_object_text(b, "action", cw_kind_name(e->kind));
	cw_object_text(b, "outcome", e->result < 0 ? "failure" : "success");
	cw_object_text(b, "module", "camwarden");
	cw_object_text(b, "dataset", "camwarden.event");
	cw_object_text(b, "provider", cw_probe_name(e->probe));
	cw_object_uint(b, "sequence", e->seq);
	cw_object_uid(b, "id", e, "");
	if (e->result < 0)
		cw_object_number_text(b, "code", (uint64_t)-(int64_t)e->result);
	if (flag && (unsigned int)e->verdict.severity < CW_SEVERITY_MAX)
		cw_object_uint(b, "severity", severities[e->verdict.severity]);
	cw_object_text(b, "reason", e->verdict.why);
	if (seconds && seconds->type == CW_DETAIL_DOUBLE && seconds->d >= 0 && seconds->d < 1e9)
		cw_object_uint(b, "duration", (uint64_t)(seconds->d * 1e9));
	cw_object_close(b);
}

/* Whose rights it had; who logged in is camwarden.login. */
static void add_rights(struct cw_buf *b, const struct cw_process *p)
{
	if (p->uid == CW_NO_UID && !p->user)
		return;
	cw_object_open(b, "user");
	if (p->uid != CW_NO_UID)
		cw_object_number_text(b, "id", p->uid);
	cw_object_text(b, "name", p->user);
	if (p->euid != p->uid)
		cw_object_user(b, "effective", "id", p->euid, NULL);
	cw_object_close(b);
}

static void add_parent(struct cw_buf *b, const struct cw_process *p)
{
	struct cw_ancestor parent = cw_object_parent(p);

	if (!parent.pid)
		return;
	cw_object_open(b, "parent");
	cw_object_uint(b, "pid", parent.pid);
	cw_object_text(b, "executable", parent.exe);
	cw_object_text(b, "name", cw_base_name(parent.exe));
	cw_object_close(b);
}

static void add_process(struct cw_buf *b, const struct cw_event *e)
{
	const struct cw_process *p = &e->process;

	cw_object_open(b, "process");
	cw_object_uint(b, "pid", p->pid);
	cw_object_text(b, "name", p->exe ? cw_base_name(p->exe) : p->comm);
	cw_object_text(b, "executable", p->exe);
	if (p->argv) {
		cw_auto_buf struct cw_buf t = { 0 };
		size_t n = 0;

		cw_object_list(b, "args");
		for (; p->argv[n]; n++)
			cw_object_text(b, NULL, p->argv[n]);
		cw_object_list_end(b);
		cw_object_uint(b, "args_count", n);
		cw_text_command(&t, p);
		cw_object_text(b, "command_line", t.data);
	}
	if (cw_object_started(e))
		cw_object_time(b, "start", cw_object_started(e));
	if (p->tid) {
		cw_object_open(b, "thread");
		cw_object_uint(b, "id", p->tid);
		cw_object_close(b);
	}
	if (p->exe_sha256) {
		cw_object_open(b, "hash");
		cw_object_text(b, "sha256", p->exe_sha256);
		cw_object_close(b);
	}
	add_parent(b, p);
	cw_object_close(b);
}

static void add_file(struct cw_buf *b, const struct cw_event *e)
{
	const char *path = e->asset.path ? e->asset.path : e->asset.node;
	const char *slash = path ? strrchr(path, '/') : NULL;
	bool device = e->asset.kind == CW_ASSET_CAMERA || e->asset.kind == CW_ASSET_MICROPHONE ||
		      e->asset.kind == CW_ASSET_DISK;

	cw_object_open(b, "file");
	cw_object_text(b, "path", path);
	cw_object_text(b, "name", cw_base_name(path));
	if (slash && slash > path) {
		cw_auto_free char *directory = strndup(path, (size_t)(slash - path));

		cw_object_text(b, "directory", directory);
	}
	cw_object_text(b, "type",
		       device ? "device" : cw_event_detail(e, "directory") ? "dir" : "file");
	if (e->asset.inode)
		cw_object_number_text(b, "inode", e->asset.inode);
	cw_object_close(b);
}

static void add_network(struct cw_buf *b, const struct cw_origin *o)
{
	if (!o->family)
		return;
	/* The hub is at the other end; a connection that it made leads to the peer. */
	cw_object_open(b, o->outbound ? "destination" : "source");
	cw_object_peer_ip(b, "ip", o);
	cw_object_uint(b, "port", o->peer_port);
	cw_object_close(b);
	cw_object_open(b, "network");
	cw_object_text(b, "direction", o->outbound ? "egress" : "ingress");
	cw_object_close(b);
}

static void add_threat(struct cw_buf *b, const char *technique)
{
	const char *sub;
	char whole[16];

	cw_object_technique(technique, whole, &sub);
	cw_object_open(b, "threat");
	cw_object_text(b, "framework", "MITRE ATT&CK");
	cw_object_open(b, "technique");
	add_list_of_one(b, "id", whole);
	if (sub) {
		cw_object_open(b, "subtechnique");
		add_list_of_one(b, "id", sub);
		cw_object_close(b);
	}
	cw_object_close(b);
	cw_object_close(b);
}

static void add_related(struct cw_buf *b, const struct cw_event *e)
{
	cw_object_open(b, "related");
	if (e->hub)
		add_list_of_one(b, "hosts", e->hub);
	if (e->process.user || e->origin.login_user) {
		cw_object_list(b, "user");
		cw_object_text(b, NULL, e->process.user);
		if (!cw_streq(e->process.user, e->origin.login_user))
			cw_object_text(b, NULL, e->origin.login_user);
		cw_object_list_end(b);
	}
	if (e->origin.family) {
		cw_object_list(b, "ip");
		cw_object_peer_ip(b, NULL, &e->origin);
		cw_object_list_end(b);
	}
	if (e->process.exe_sha256)
		add_list_of_one(b, "hash", e->process.exe_sha256);
	cw_object_close(b);
}

static void add_own(struct cw_buf *b, const struct cw_event *e)
{
	const struct cw_verdict *v = &e->verdict;

	cw_object_open(b, "camwarden");
	if (e->asset.kind != CW_ASSET_NONE) {
		cw_object_open(b, "asset");
		cw_object_text(b, "name", e->asset.name);
		cw_object_text(b, "kind", cw_asset_kind_name(e->asset.kind));
		cw_object_text(b, "root", e->asset.root);
		cw_object_text(b, "node", e->asset.node);
		cw_object_text(b, "by_id", e->asset.by_id);
		cw_object_text(b, "card", e->asset.card);
		cw_object_close(b);
	}
	if (e->process.pid) {
		cw_object_text(b, "origin", cw_origin_name(e->origin.type));
		cw_object_text(b, "unit", e->process.unit);
		cw_object_user(b, "login", "id", e->origin.login_uid, e->origin.login_user);
		cw_object_text(b, "tty", e->origin.tty);
		cw_object_text(b, "via", e->origin.via);
		cw_object_code(b, "code", &e->process);
	}
	if (v->decision != CW_DECISION_NONE) {
		cw_object_text(b, "decision", cw_decision_name(v->decision));
		if (v->class != CW_CLASS_NONE)
			cw_object_text(b, "class", cw_class_name(v->class));
		cw_object_text(b, "grant", v->grant);
	}
	cw_object_details(b, "detail", e);
	cw_object_close(b);
}

/* What a person reads in a list of lines. */
static void add_message(struct cw_buf *b, const struct cw_event *e)
{
	cw_auto_buf struct cw_buf t = { 0 };

	cw_buf_puts(&t, cw_kind_name(e->kind));
	if (e->asset.name) {
		cw_buf_putc(&t, ' ');
		cw_text_safe(&t, e->asset.name);
	}
	if (e->process.pid) {
		cw_buf_puts(&t, " by ");
		cw_text_subject(&t, e);
	}
	cw_object_text(b, "message", t.error ? "" : t.data);
}

void cw_ecs_event(struct cw_buf *b, const struct cw_event *e)
{
	const struct cw_verdict *v = &e->verdict;

	cw_object_open(b, NULL);
	cw_object_time(b, "@timestamp", e->time_ns);
	add_message(b, e);
	cw_object_open(b, "ecs");
	cw_object_text(b, "version", CW_ECS_VERSION);
	cw_object_close(b);
	add_event(b, e);
	if (e->hub || e->boot_id) {
		cw_object_open(b, "host");
		cw_object_text(b, "name", e->hub);
		if (e->boot_id) {
			cw_object_open(b, "boot");
			cw_object_text(b, "id", e->boot_id);
			cw_object_close(b);
		}
		cw_object_close(b);
	}
	if (e->process.pid) {
		add_rights(b, &e->process);
		add_process(b, e);
		add_network(b, &e->origin);
	}
	if (e->process.container) {
		cw_object_open(b, "container");
		cw_object_text(b, "id", e->process.container);
		cw_object_close(b);
	}
	if (e->asset.kind != CW_ASSET_NONE)
		add_file(b, e);
	if (v->rule) {
		cw_object_open(b, "rule");
		cw_object_text(b, "name", v->rule);
		cw_object_close(b);
	}
	if (v->technique)
		add_threat(b, v->technique);
	add_related(b, e);
	add_own(b, e);
	cw_object_close(b);
	cw_buf_putc(b, '\n');
}
