/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event: what every stage hands to the next. Plain data; owns nothing. Strings are UTF-8 or raw
 * bytes from the kernel, NUL-terminated, and belong to whoever filled the event in; they live until
 * the stage that received the event returns. A NULL string means "unknown" and is shown as such.
 *
 * docs/events.md describes the fields for readers of the JSON form.
 */
#ifndef CW_EVENT_H
#define CW_EVENT_H

#include <netinet/in.h>

#include "base/base.h"
#include "base/buf.h"

#define CW_SCHEMA	    "camwarden.event/1"
#define CW_ANCESTORS_MAX    8
#define CW_DETAILS_MAX	    16
#define CW_NO_UID	    UINT32_MAX /* unset login uid, as the kernel spells it */

enum cw_kind {
	CW_KIND_OPEN,
	CW_KIND_DENIED,
	CW_KIND_RECEIVE,
	CW_KIND_USE,
	CW_KIND_MAP,
	CW_KIND_STREAM,
	CW_KIND_CLOSE,
	CW_KIND_CREATE,
	CW_KIND_RENAME,
	CW_KIND_LINK,
	CW_KIND_UNLINK,
	CW_KIND_TRUNCATE,
	CW_KIND_ATTR,
	CW_KIND_MOUNT,
	CW_KIND_PEEK,
	CW_KIND_RAWDISK,
	CW_KIND_EGRESS,
	CW_KIND_TAMPER,
	CW_KIND_GAP,
	CW_KIND_COVERAGE,
	CW_KIND_CANARY,
	CW_KIND_START,
	CW_KIND_STOP,
	CW_KIND_POLICY,
	CW_KIND_GONE, /* a recording's content, with its last name and user */
	CW_KIND_COPY,
	CW_KIND_MAX,
};

enum cw_probe {
	CW_PROBE_NONE, /* made by the agent itself */
	CW_PROBE_LSM,
	CW_PROBE_FENTRY,
	CW_PROBE_KPROBE,
	CW_PROBE_TRACEPOINT,
	CW_PROBE_FANOTIFY,
	CW_PROBE_ITERATOR, /* found at start */
	CW_PROBE_PROC,	   /* the same, by way of /proc */
	CW_PROBE_MAX,
};

enum cw_asset_kind {
	CW_ASSET_NONE,
	CW_ASSET_CAMERA,
	CW_ASSET_MICROPHONE,
	CW_ASSET_RECORDINGS,
	CW_ASSET_SHM,
	CW_ASSET_DISK,
	CW_ASSET_SELF,
	CW_ASSET_KIND_MAX,
};

/* What the access asked for; bits of cw_asset.access. */
enum cw_access {
	CW_ACCESS_READ = 1 << 0,
	CW_ACCESS_WRITE = 1 << 1,
	CW_ACCESS_CREATE = 1 << 2,
	CW_ACCESS_TRUNCATE = 1 << 3,
	CW_ACCESS_DELETE = 1 << 4,
	CW_ACCESS_EXEC = 1 << 5,
};

enum cw_origin_type {
	CW_ORIGIN_UNKNOWN,
	CW_ORIGIN_SERVICE,
	CW_ORIGIN_LOGIN,
	CW_ORIGIN_REMOTE,
	CW_ORIGIN_CONTAINER,
	CW_ORIGIN_KERNEL,
	CW_ORIGIN_MAX,
};

enum cw_decision {
	CW_DECISION_NONE, /* no policy was asked (record) or the kind is not judged */
	CW_DECISION_ALLOW,
	CW_DECISION_FLAG,
	CW_DECISION_MAX,
};

enum cw_class {
	CW_CLASS_NONE,
	CW_CLASS_EMPLOYEE,
	CW_CLASS_REMOTE,
	CW_CLASS_SERVICE,
	CW_CLASS_LIMIT,
	CW_CLASS_TAMPER,
	CW_CLASS_BLIND,
	CW_CLASS_MAX,
};

enum cw_severity {
	CW_SEVERITY_NONE,
	CW_SEVERITY_LOW,
	CW_SEVERITY_MEDIUM,
	CW_SEVERITY_HIGH,
	CW_SEVERITY_CRITICAL,
	CW_SEVERITY_MAX,
};

/* Why code in a process is neither of its executable nor of the system. */
enum cw_code_kind {
	CW_CODE_NONE,
	CW_CODE_OWNER,	  /* mapped from a file that is not root's */
	CW_CODE_WRITABLE, /* mapped from one that others can write to */
	CW_CODE_NAMELESS, /* mapped from one that has no name */
	CW_CODE_WRITTEN,  /* another process wrote to its memory */
	CW_CODE_MAX,
};

struct cw_asset {
	const char *name;  /* of the policy or made up: "front-door", "camera /dev/video0" */
	enum cw_asset_kind kind;
	const char *path;  /* as the kernel resolves the object; NULL where it cannot */
	const char *root;  /* recordings: the watched directory that the object belongs to */
	const char *node;  /* devices: the kernel's own name, whatever path was used */
	const char *by_id; /* devices: a stable link of udev to the node; NULL: none */
	bool path_partial; /* the path was longer than the record could take: its head is cut */
	uint32_t dev_major; /* of the node of a device; of the file system of a file */
	uint32_t dev_minor;
	uint64_t inode;
	uint32_t access; /* enum cw_access */
	const char *driver; /* V4L2 or ALSA identity; NULL for files */
	const char *bus;
	const char *card;
};

struct cw_ancestor {
	uint32_t pid;
	uint64_t start_ns;
	const char *exe;
};

struct cw_process {
	uint32_t pid; /* thread group id in the initial pid namespace; 0: no process */
	uint32_t tid;
	uint32_t ns_pid; /* pid in its own namespace */
	uint32_t ppid;
	uint64_t start_ns; /* since boot */
	const char *exe;
	uint64_t exe_inode;
	uint32_t exe_dev_major;
	uint32_t exe_dev_minor;
	const char *exe_sha256; /* 64 hexadecimal digits */
	bool exe_deleted;   /* the executable has no name any more */
	enum cw_code_kind code;  /* the first of it that it, or a parent, got since the exec */
	const char *code_path; /* the file; written: the executable of who did it */
	uint32_t code_pid;  /* who mapped or wrote it */
	const char *comm;
	const char **argv; /* NULL-terminated; NULL: unknown */
	bool argv_cut;
	uint32_t uid;
	uint32_t euid;
	uint32_t gid;
	uint64_t cap_effective;
	const char *user;
	const char *unit;
	const char *cgroup;
	const char *container;
	unsigned int n_ancestors;
	struct cw_ancestor ancestors[CW_ANCESTORS_MAX]; /* nearest first; the last member */
};

struct cw_origin {
	enum cw_origin_type type;
	uint32_t login_uid; /* CW_NO_UID: nobody logged in */
	const char *login_user;
	uint32_t session; /* audit session; CW_NO_UID: none */
	const char *tty;
	int family; /* AF_INET, AF_INET6 or 0: no peer */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	} peer;
	uint16_t peer_port;
	uint16_t local_port;
	bool outbound; /* the connection was made by the hub, not accepted */
	const char *via; /* executable that accepted (or made) the connection */
	/*
	 * The process of this machine that made the connection which was accepted here: a jump
	 * host, a tunnel, a proxy. The peer is then the one behind it. 0: none, or unknown.
	 */
	uint32_t hop_pid;
	const char *hop_exe;
	uint32_t hop_login_uid;
	const char *hop_login_user;
	bool hop_local; /* nobody is behind that process: the peer is this machine */
	bool seeded; /* was there before the agent */
};

enum cw_detail_type { CW_DETAIL_UINT, CW_DETAIL_INT, CW_DETAIL_DOUBLE, CW_DETAIL_STRING,
		      CW_DETAIL_BOOL, CW_DETAIL_TIME };

struct cw_detail {
	const char *key; /* a literal */
	enum cw_detail_type type;
	union {
		uint64_t u; /* UINT, BOOL; TIME: nanoseconds since 1970 */
		int64_t i;
		double d;
		const char *s;
	};
};

struct cw_verdict {
	enum cw_decision decision;
	enum cw_class class;
	enum cw_severity severity;
	const char *grant; /* name of the grant that allowed; NULL */
	const char *rule;
	const char *why;
	const char *technique; /* MITRE ATT&CK id; NULL */
};

struct cw_event {
	uint64_t seq;
	uint64_t time_ns; /* wall clock, nanoseconds since 1970-01-01 UTC */
	uint64_t boot_ns; /* CLOCK_BOOTTIME */
	const char *boot_id;
	const char *hub;
	enum cw_kind kind;
	enum cw_probe probe;
	int result; /* 0 or negative errno of the access */
	struct cw_asset asset;	   /* kind CW_ASSET_NONE: none */
	struct cw_process process; /* pid 0: none */
	struct cw_origin origin;
	struct cw_detail detail[CW_DETAILS_MAX];
	unsigned int n_detail;
	struct cw_verdict verdict;
};

/* Names as in the JSON form. Never NULL. */
const char *cw_kind_name(enum cw_kind kind);
const char *cw_probe_name(enum cw_probe probe);
const char *cw_asset_kind_name(enum cw_asset_kind kind);
const char *cw_origin_name(enum cw_origin_type type);
const char *cw_decision_name(enum cw_decision decision);
const char *cw_class_name(enum cw_class class);
const char *cw_severity_name(enum cw_severity severity);
const char *cw_access_name(enum cw_access bit);
/* "mapped" or "written"; and why what is mapped counts: "owner", "writable", "no name", or NULL. */
const char *cw_code_how(enum cw_code_kind code);
const char *cw_code_why(enum cw_code_kind code);
/* "it runs code of /tmp/x.so, which is not root's"; nothing if there is none. */
void cw_code_put(struct cw_buf *out, const struct cw_process *p);
/* The reverse: the value, or -ENOENT. */
int cw_kind_parse(const char *name);
int cw_asset_kind_parse(const char *name);
int cw_origin_parse(const char *name);
int cw_class_parse(const char *name);

/* Append one detail; beyond CW_DETAILS_MAX the call is ignored (asserted in debug builds). */
void cw_event_add_uint(struct cw_event *e, const char *key, uint64_t value);
void cw_event_add_int(struct cw_event *e, const char *key, int64_t value);
void cw_event_add_double(struct cw_event *e, const char *key, double value);
void cw_event_add_string(struct cw_event *e, const char *key, const char *value);
void cw_event_add_bool(struct cw_event *e, const char *key, bool value);
void cw_event_add_time(struct cw_event *e, const char *key, uint64_t ns);
/* The detail of that key, or NULL. */
const struct cw_detail *cw_event_detail(const struct cw_event *e, const char *key);

/*
 * The uid of the person who logged in, be it at the other end of a connection of this machine, and
 * the name (NULL: unknown). CW_NO_UID: nobody did, and *ret_name is not set.
 */
uint32_t cw_origin_login(const struct cw_origin *o, const char **ret_name);
/* The peer's address and its size in bytes; IPv4 inside IPv6 is IPv4. 0: no peer. */
unsigned int cw_origin_peer(const struct cw_origin *o, const void **ret_addr);

/* True for kinds that policy judges as an access to an asset. */
bool cw_kind_is_access(enum cw_kind kind);

#endif
