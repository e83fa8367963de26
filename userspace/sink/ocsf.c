// SPDX-License-Identifier: Apache-2.0
/* Numbers are those of the schema, by their captions. */
#include <netinet/in.h>

#include "sink/object.h"
#include "sink/ocsf.h"
#include "sink/text.h"

#define MILLISECOND 1000000ULL

enum class_uid {
	BASE_EVENT = 0,
	FILE_ACTIVITY = 1001,
	DETECTION_FINDING = 2004,
	APPLICATION_LIFECYCLE = 6002,
};

enum file_activity {
	FILE_CREATE = 1,
	FILE_READ = 2,
	FILE_UPDATE = 3,
	FILE_DELETE = 4,
	FILE_RENAME = 5,
	FILE_SET_SECURITY = 7,
	FILE_MOUNT = 12,
	FILE_OPEN = 14,
	OTHER = 99,
};

enum severity_id { INFORMATIONAL = 1, LOW = 2, MEDIUM = 3, HIGH = 4, CRITICAL = 5 };
enum file_type { TYPE_UNKNOWN = 0, TYPE_REGULAR = 1, TYPE_FOLDER = 2, TYPE_CHARACTER_DEVICE = 3,
		 TYPE_BLOCK_DEVICE = 4 };
enum observable { SEEN_HOSTNAME = 1, SEEN_IP = 2, SEEN_USER_NAME = 4, SEEN_FILE_NAME = 7,
		  SEEN_HASH = 8, SEEN_PROCESS_NAME = 9, SEEN_FILE_PATH = 45 };
#define SHA_256 3

static const struct {
	enum file_activity id;
	const char *name;
} file_captions[] = {
	{ FILE_CREATE, "Create" }, { FILE_READ, "Read" },     { FILE_UPDATE, "Update" },
	{ FILE_DELETE, "Delete" }, { FILE_RENAME, "Rename" }, { FILE_SET_SECURITY, "Set Security" },
	{ FILE_MOUNT, "Mount" },   { FILE_OPEN, "Open" },
};

static enum file_activity file_activity_of(const struct cw_event *e)
{
	switch (e->kind) {
	case CW_KIND_OPEN:
	case CW_KIND_DENIED:
	case CW_KIND_RAWDISK:
		return e->asset.access & CW_ACCESS_CREATE ? FILE_CREATE : FILE_OPEN;
	case CW_KIND_CREATE:
		return FILE_CREATE;
	case CW_KIND_STREAM:
		return FILE_READ;
	case CW_KIND_MAP:
		return e->asset.access & CW_ACCESS_READ ? FILE_READ : FILE_UPDATE;
	case CW_KIND_TRUNCATE:
		return FILE_UPDATE;
	case CW_KIND_UNLINK:
		return FILE_DELETE;
	case CW_KIND_RENAME:
		return FILE_RENAME;
	case CW_KIND_ATTR:
		return FILE_SET_SECURITY;
	case CW_KIND_MOUNT:
		return FILE_MOUNT;
	default:
		return OTHER;
	}
}

static const char *file_caption(enum file_activity id, const struct cw_event *e)
{
	for (size_t i = 0; i < CW_ARRAY_SIZE(file_captions); i++)
		if (file_captions[i].id == id)
			return file_captions[i].name;
	return cw_kind_name(e->kind);
}

static enum severity_id severity_of(const struct cw_event *e)
{
	static const enum severity_id ids[CW_SEVERITY_MAX] = {
		[CW_SEVERITY_NONE] = INFORMATIONAL, [CW_SEVERITY_LOW] = LOW,
		[CW_SEVERITY_MEDIUM] = MEDIUM, [CW_SEVERITY_HIGH] = HIGH,
		[CW_SEVERITY_CRITICAL] = CRITICAL,
	};

	if (e->verdict.decision != CW_DECISION_FLAG ||
	    (unsigned int)e->verdict.severity >= CW_SEVERITY_MAX)
		return INFORMATIONAL;
	return ids[e->verdict.severity];
}

static void add_severity(struct cw_buf *b, const struct cw_event *e)
{
	static const char *const captions[] = { "Unknown", "Informational", "Low", "Medium", "High",
						"Critical" };

	cw_object_uint(b, "severity_id", severity_of(e));
	cw_object_text(b, "severity", captions[severity_of(e)]);
}

static void add_product(struct cw_buf *b, const char *key)
{
	cw_object_open(b, key);
	cw_object_text(b, "name", "camwarden");
	cw_object_text(b, "vendor_name", "camwarden");
	cw_object_text(b, "version", CW_VERSION);
	cw_object_close(b);
}

static void add_class(struct cw_buf *b, enum class_uid class, unsigned int activity,
		      const char *name)
{
	static const struct {
		enum class_uid class;
		const char *name, *category;
	} captions[] = {
		{ BASE_EVENT, "Base Event", "Uncategorized" },
		{ FILE_ACTIVITY, "File System Activity", "System Activity" },
		{ DETECTION_FINDING, "Detection Finding", "Findings" },
		{ APPLICATION_LIFECYCLE, "Application Lifecycle", "Application Activity" },
	};

	cw_object_uint(b, "class_uid", class);
	cw_object_uint(b, "category_uid", class / 1000);
	cw_object_uint(b, "activity_id", activity);
	cw_object_uint(b, "type_uid", class * 100ULL + activity);
	cw_object_text(b, "activity_name", name);
	for (size_t i = 0; i < CW_ARRAY_SIZE(captions); i++) {
		if (captions[i].class != class)
			continue;
		cw_object_text(b, "class_name", captions[i].name);
		cw_object_text(b, "category_name", captions[i].category);
	}
}

/* Two classes know of a device, and a process of its container, only by a profile. */
static const char *profile_of(const struct cw_event *e, enum class_uid class)
{
	if (class == BASE_EVENT || class == APPLICATION_LIFECYCLE)
		return "host";
	return e->process.container ? "container" : NULL;
}

static void add_metadata(struct cw_buf *b, const struct cw_event *e, enum class_uid class)
{
	const char *profile = profile_of(e, class);

	cw_object_open(b, "metadata");
	cw_object_text(b, "version", CW_OCSF_VERSION);
	add_product(b, "product");
	cw_object_uid(b, "uid", e, class == DETECTION_FINDING ? "/finding" : "");
	cw_object_uint(b, "sequence", e->seq);
	cw_object_time(b, "original_time", e->time_ns);
	cw_object_text(b, "event_code", cw_kind_name(e->kind));
	if (profile) {
		cw_object_list(b, "profiles");
		cw_object_text(b, NULL, profile);
		cw_object_list_end(b);
	}
	cw_object_close(b);
}

static void add_head(struct cw_buf *b, const struct cw_event *e, enum class_uid class,
		     unsigned int activity, const char *name)
{
	add_class(b, class, activity, name);
	cw_object_uint(b, "time", e->time_ns / MILLISECOND);
	add_severity(b, e);
	add_metadata(b, e, class);
}

/* The hub. What kind of machine it is, no event says. */
static void add_device(struct cw_buf *b, const struct cw_event *e)
{
	cw_object_open(b, "device");
	cw_object_uint(b, "type_id", 0);
	cw_object_text(b, "hostname", e->hub ? e->hub : "unknown");
	cw_object_text(b, "boot_uid", e->boot_id);
	cw_object_close(b);
}

/* ---- who ---- */

static void add_executable(struct cw_buf *b, const char *exe, const char *sha256)
{
	if (!exe)
		return;
	cw_object_open(b, "file");
	cw_object_text(b, "name", cw_base_name(exe));
	cw_object_text(b, "path", exe);
	cw_object_uint(b, "type_id", TYPE_REGULAR);
	if (sha256) {
		cw_object_list(b, "hashes");
		cw_object_open(b, NULL);
		cw_object_uint(b, "algorithm_id", SHA_256);
		cw_object_text(b, "algorithm", "SHA-256");
		cw_object_text(b, "value", sha256);
		cw_object_close(b);
		cw_object_list_end(b);
	}
	cw_object_close(b);
}

static void add_parent(struct cw_buf *b, const struct cw_process *p)
{
	struct cw_ancestor parent = cw_object_parent(p);

	if (!parent.pid)
		return;
	cw_object_open(b, "parent_process");
	cw_object_uint(b, "pid", parent.pid);
	cw_object_text(b, "name", cw_base_name(parent.exe));
	add_executable(b, parent.exe, NULL);
	cw_object_close(b);
}

static void add_process(struct cw_buf *b, const struct cw_event *e)
{
	const struct cw_process *p = &e->process;
	cw_auto_buf struct cw_buf t = { 0 };

	cw_object_open(b, "process");
	cw_object_uint(b, "pid", p->pid);
	if (p->tid)
		cw_object_uint(b, "tid", p->tid);
	cw_object_text(b, "name", p->exe ? cw_base_name(p->exe) : p->comm);
	if (p->argv) {
		cw_text_command(&t, p);
		cw_object_text(b, "cmd_line", t.data);
	}
	if (cw_object_started(e))
		cw_object_uint(b, "created_time", cw_object_started(e) / MILLISECOND);
	add_executable(b, p->exe, p->exe_sha256);
	cw_object_user(b, "user", "uid", p->uid, p->user);
	add_parent(b, p);
	if (p->container) {
		cw_object_open(b, "container");
		cw_object_text(b, "uid", p->container);
		cw_object_close(b);
	}
	cw_object_close(b);
}

static void add_actor(struct cw_buf *b, const struct cw_event *e)
{
	const struct cw_origin *o = &e->origin;

	cw_object_open(b, "actor");
	if (!e->process.pid) {
		cw_object_text(b, "app_name", "unknown");
		cw_object_close(b);
		return;
	}
	add_process(b, e);
	if (o->login_uid != CW_NO_UID)
		cw_object_user(b, "user", "uid", o->login_uid, o->login_user);
	else
		cw_object_user(b, "user", "uid", e->process.uid, e->process.user);
	if (o->session != CW_NO_UID || o->tty || o->family) {
		cw_object_open(b, "session");
		if (o->session != CW_NO_UID)
			cw_object_number_text(b, "uid", o->session);
		cw_object_text(b, "terminal", o->tty);
		cw_object_bool(b, "is_remote", o->type == CW_ORIGIN_REMOTE);
		cw_object_close(b);
	}
	cw_object_text(b, "app_name", e->process.unit);
	cw_object_close(b);
}

/* ---- what ---- */

static enum file_type type_of(const struct cw_event *e)
{
	switch (e->asset.kind) {
	case CW_ASSET_CAMERA:
	case CW_ASSET_MICROPHONE:
		return TYPE_CHARACTER_DEVICE;
	case CW_ASSET_DISK:
		return TYPE_BLOCK_DEVICE;
	case CW_ASSET_NONE:
		return TYPE_UNKNOWN;
	default:
		return cw_event_detail(e, "directory") ? TYPE_FOLDER : TYPE_REGULAR;
	}
}

static const char *path_of(const struct cw_asset *a)
{
	return a->path ? a->path : a->node;
}

static void add_file(struct cw_buf *b, const struct cw_event *e)
{
	const char *path = path_of(&e->asset);

	cw_object_open(b, "file");
	cw_object_text(b, "name", path ? cw_base_name(path) : "unknown");
	cw_object_text(b, "path", path);
	cw_object_uint(b, "type_id", type_of(e));
	if (e->asset.inode)
		cw_object_number_text(b, "uid", e->asset.inode);
	cw_object_text(b, "desc", e->asset.card);
	cw_object_close(b);
}

/* What a rename, a link or a copy led to; a connection leads to no file. */
static void add_file_result(struct cw_buf *b, const struct cw_event *e)
{
	const struct cw_detail *to = cw_event_detail(e, "to");

	if (!to || to->type != CW_DETAIL_STRING || !to->s || !cw_kind_is_access(e->kind) ||
	    e->kind == CW_KIND_EGRESS || e->result < 0)
		return;
	cw_object_open(b, "file_result");
	cw_object_text(b, "name", cw_base_name(to->s));
	cw_object_text(b, "path", to->s);
	cw_object_uint(b, "type_id", type_of(e));
	cw_object_close(b);
}

static void add_unmapped(struct cw_buf *b, const struct cw_event *e)
{
	const struct cw_verdict *v = &e->verdict;

	cw_object_open(b, "unmapped");
	cw_object_text(b, "probe", cw_probe_name(e->probe));
	cw_object_text(b, "asset", e->asset.name);
	if (e->asset.kind != CW_ASSET_NONE)
		cw_object_text(b, "asset_kind", cw_asset_kind_name(e->asset.kind));
	cw_object_text(b, "node", e->asset.node);
	cw_object_text(b, "by_id", e->asset.by_id);
	if (e->process.pid) {
		cw_object_text(b, "origin", cw_origin_name(e->origin.type));
		cw_object_peer_ip(b, "peer_ip", &e->origin);
		if (e->origin.family)
			cw_object_uint(b, "peer_port", e->origin.peer_port);
		cw_object_text(b, "via", e->origin.via);
		cw_object_code(b, "code", &e->process);
	}
	if (v->decision != CW_DECISION_NONE)
		cw_object_text(b, "decision", cw_decision_name(v->decision));
	cw_object_text(b, "grant", v->grant);
	cw_object_details(b, "detail", e);
	cw_object_close(b);
}

/* ---- what a search finds it by ---- */

static void add_observable(struct cw_buf *b, const char *name, enum observable type,
			   const char *value)
{
	if (!value)
		return;
	cw_object_open(b, NULL);
	cw_object_text(b, "name", name);
	cw_object_uint(b, "type_id", type);
	cw_object_text(b, "value", value);
	cw_object_close(b);
}

/* The peer is where a connection came from, or where one of the hub's own went to. */
static const char *endpoint_of(const struct cw_origin *o)
{
	return o->outbound ? "dst_endpoint" : "src_endpoint";
}

/* Their names are places in the line. */
static void add_observables(struct cw_buf *b, const struct cw_event *e, bool finding)
{
	const struct cw_process *p = &e->process;
	const char *path = path_of(&e->asset);

	cw_object_list(b, "observables");
	add_observable(b, "device.hostname", SEEN_HOSTNAME, e->hub);
	add_observable(b, finding ? "evidences[0].file.path" : "file.path", SEEN_FILE_PATH, path);
	add_observable(b, finding ? "evidences[0].actor.process.name" : "actor.process.name",
		       SEEN_PROCESS_NAME, p->exe ? cw_base_name(p->exe) : p->comm);
	if (p->exe)
		add_observable(b,
			       finding ? "evidences[0].actor.process.file.hashes[0].value" :
					 "actor.process.file.hashes[0].value",
			       SEEN_HASH, p->exe_sha256);
	add_observable(b, finding ? "evidences[0].actor.user.name" : "actor.user.name",
		       SEEN_USER_NAME,
		       e->origin.login_uid != CW_NO_UID ? e->origin.login_user : p->user);
	if (e->origin.family) {
		cw_object_open(b, NULL);
		cw_object_text(b, "name", !finding ? "unmapped.peer_ip" :
					  e->origin.outbound ? "evidences[0].dst_endpoint.ip" :
							       "evidences[0].src_endpoint.ip");
		cw_object_uint(b, "type_id", SEEN_IP);
		cw_object_peer_ip(b, "value", &e->origin);
		cw_object_close(b);
	}
	cw_object_list_end(b);
}

/* ---- lines ---- */

static void put_file_activity(struct cw_buf *b, const struct cw_event *e)
{
	enum file_activity id = file_activity_of(e);

	cw_object_open(b, NULL);
	add_head(b, e, FILE_ACTIVITY, id, file_caption(id, e));
	cw_object_uint(b, "status_id", e->result < 0 ? 2 : 1);
	cw_object_text(b, "status", e->result < 0 ? "Failure" : "Success");
	if (e->result < 0)
		cw_object_number_text(b, "status_code", (uint64_t)-(int64_t)e->result);
	cw_object_text(b, "message", e->verdict.why);
	add_device(b, e);
	add_actor(b, e);
	add_file(b, e);
	add_file_result(b, e);
	add_observables(b, e, false);
	add_unmapped(b, e);
	cw_object_close(b);
	cw_buf_putc(b, '\n');
}

static void add_attack(struct cw_buf *b, const char *technique)
{
	const char *sub;
	char whole[16];

	cw_object_technique(technique, whole, &sub);
	cw_object_list(b, "attacks");
	cw_object_open(b, NULL);
	cw_object_open(b, "technique");
	cw_object_text(b, "uid", whole);
	cw_object_close(b);
	if (sub) {
		cw_object_open(b, "sub_technique");
		cw_object_text(b, "uid", sub);
		cw_object_close(b);
	}
	cw_object_close(b);
	cw_object_list_end(b);
}

/* "open of camera front-door by bob: remote" */
static void add_title(struct cw_buf *b, const struct cw_event *e)
{
	cw_auto_buf struct cw_buf t = { 0 };

	cw_buf_printf(&t, "%s", cw_kind_name(e->kind));
	if (e->asset.kind != CW_ASSET_NONE)
		cw_buf_printf(&t, " of %s %s", cw_asset_kind_name(e->asset.kind),
			      e->asset.name ? e->asset.name : "unknown");
	if (e->process.pid) {
		cw_buf_puts(&t, " by ");
		cw_text_subject(&t, e);
	}
	cw_buf_printf(&t, ": %s", cw_class_name(e->verdict.class));
	cw_object_text(b, "title", t.error ? "" : t.data);
}

static void add_finding_info(struct cw_buf *b, const struct cw_event *e, bool activity)
{
	const struct cw_verdict *v = &e->verdict;

	cw_object_open(b, "finding_info");
	cw_object_uid(b, "uid", e, "");
	add_title(b, e);
	cw_object_text(b, "desc", v->why);
	cw_object_uint(b, "created_time", e->time_ns / MILLISECOND);
	cw_object_list(b, "types");
	cw_object_text(b, NULL, cw_class_name(v->class));
	cw_object_list_end(b);
	cw_object_open(b, "analytic");
	cw_object_text(b, "name", v->rule ? v->rule : "unknown");
	cw_object_uint(b, "type_id", 1); /* rule */
	cw_object_close(b);
	if (v->technique)
		add_attack(b, v->technique);
	if (activity) {
		cw_object_list(b, "related_events");
		cw_object_open(b, NULL);
		cw_object_uid(b, "uid", e, "");
		cw_object_uint(b, "type_uid", FILE_ACTIVITY * 100ULL + file_activity_of(e));
		cw_object_close(b);
		cw_object_list_end(b);
	}
	cw_object_close(b);
}

static void add_evidence(struct cw_buf *b, const struct cw_event *e)
{
	if (!e->process.pid && e->asset.kind == CW_ASSET_NONE)
		return;
	cw_object_list(b, "evidences");
	cw_object_open(b, NULL);
	add_actor(b, e);
	if (e->asset.kind != CW_ASSET_NONE)
		add_file(b, e);
	if (e->origin.family) {
		cw_object_open(b, endpoint_of(&e->origin));
		cw_object_peer_ip(b, "ip", &e->origin);
		cw_object_uint(b, "port", e->origin.peer_port);
		cw_object_close(b);
	}
	cw_object_close(b);
	cw_object_list_end(b);
}

static void put_finding(struct cw_buf *b, const struct cw_event *e, bool activity)
{
	cw_object_open(b, NULL);
	add_head(b, e, DETECTION_FINDING, 1, "Create");
	cw_object_uint(b, "status_id", 1);
	cw_object_text(b, "status", "New");
	cw_object_bool(b, "is_alert", true);
	cw_object_text(b, "message", e->verdict.why);
	add_device(b, e);
	add_finding_info(b, e, activity);
	add_evidence(b, e);
	if (e->asset.kind != CW_ASSET_NONE) {
		cw_object_list(b, "resources");
		cw_object_open(b, NULL);
		cw_object_text(b, "name", e->asset.name ? e->asset.name : "unknown");
		cw_object_text(b, "type", cw_asset_kind_name(e->asset.kind));
		cw_object_close(b);
		cw_object_list_end(b);
	}
	add_observables(b, e, true);
	add_unmapped(b, e);
	cw_object_close(b);
	cw_buf_putc(b, '\n');
}

/* The agent says something of itself that is no flag. */
static void put_agent(struct cw_buf *b, const struct cw_event *e)
{
	bool start = e->kind == CW_KIND_START, stop = e->kind == CW_KIND_STOP;

	cw_object_open(b, NULL);
	if (start || stop)
		add_head(b, e, APPLICATION_LIFECYCLE, start ? 3 : 4, start ? "Start" : "Stop");
	else
		add_head(b, e, BASE_EVENT, OTHER, cw_kind_name(e->kind));
	cw_object_text(b, "message", cw_kind_name(e->kind));
	if (start || stop)
		add_product(b, "app");
	add_device(b, e);
	add_unmapped(b, e);
	cw_object_close(b);
	cw_buf_putc(b, '\n');
}

void cw_ocsf_event(struct cw_buf *b, const struct cw_event *e)
{
	bool activity = cw_kind_is_access(e->kind);
	bool flag = e->verdict.decision == CW_DECISION_FLAG;

	if (activity)
		put_file_activity(b, e);
	if (flag)
		put_finding(b, e, activity);
	if (!activity && !flag)
		put_agent(b, e);
}
