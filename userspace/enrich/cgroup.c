// SPDX-License-Identifier: Apache-2.0
/*
 * Unit and container of a control group, from the text of its path alone. Never reads the cgroup
 * file system. A name that does not fit is left out, never cut: cut, it could be another's.
 */
#include <ctype.h>

#include "enrich/cgroup.h"

#define ID_LEN	     64 /* of a container, in the path */
#define ID_SHORT_LEN 12 /* as docker ps and podman ps show it */

/* One component of the path. */
struct part {
	const char *s;
	size_t len;
};

static bool equals(const struct part *p, const char *s)
{
	return strlen(s) == p->len && !memcmp(p->s, s, p->len);
}

static bool starts_with(const struct part *p, const char *s)
{
	size_t len = strlen(s);

	return p->len > len && !memcmp(p->s, s, len);
}

static bool ends_with(const struct part *p, const char *s)
{
	size_t len = strlen(s);

	return p->len > len && !memcmp(p->s + p->len - len, s, len);
}

/* False at the end. Of a group that was removed, the kernel's mark is no part of the name. */
static bool next_part(const char **pos, struct part *ret_part)
{
	static const char deleted[] = " (deleted)";
	struct part p = { *pos + strspn(*pos, "/"), 0 };

	p.len = strcspn(p.s, "/");
	if (!p.len)
		return false;
	*pos = p.s + p.len;
	if (!**pos && ends_with(&p, deleted))
		p.len -= sizeof(deleted) - 1;
	*ret_part = p;
	return true;
}

/* "\x2d" at s: the character; -1: no escape. A NUL or a slash is never meant by one. */
static int escaped_char(const char *s, size_t len)
{
	char hex[3] = {};
	int value;

	if (len < 4 || s[0] != '\\' || s[1] != 'x' || !isxdigit((unsigned char)s[2]) ||
	    !isxdigit((unsigned char)s[3]))
		return -1;
	memcpy(hex, s + 2, 2);
	value = (int)strtoul(hex, NULL, 16);
	return value && value != '/' ? value : -1;
}

/* Copies without systemd's escapes; leaves `ret` empty if it does not fit. */
static void unescape(struct part p, char ret[CW_UNIT_SIZE])
{
	size_t n = 0;

	ret[0] = '\0';
	if (p.len >= CW_UNIT_SIZE)
		return;
	for (size_t i = 0; i < p.len; n++) {
		int c = escaped_char(p.s + i, p.len - i);

		ret[n] = c < 0 ? p.s[i] : (char)c;
		i += c < 0 ? 1 : 4;
	}
	ret[n] = '\0';
}

static bool is_unit(const struct part *p)
{
	static const char *const suffixes[] = { ".service", ".scope", ".socket", ".mount",
						".swap" };

	for (size_t i = 0; i < CW_ARRAY_SIZE(suffixes); i++)
		if (ends_with(p, suffixes[i]))
			return true;
	return false;
}

static void copy_unit(struct part p, char ret_unit[CW_UNIT_SIZE])
{
	/* systemd puts it before what the kernel could take for a file of its own. */
	if (p.s[0] == '_') {
		p.s++;
		p.len--;
	}
	unescape(p, ret_unit);
}

static bool is_id(const char *s)
{
	for (size_t i = 0; i < ID_LEN; i++)
		if (!isdigit((unsigned char)s[i]) && (s[i] < 'a' || s[i] > 'f'))
			return false;
	return true;
}

/*
 * "<id>", "docker-<id>.scope", "libpod-<id>", "kubepods-….slice:cri-containerd:<id>". The monitor
 * of a container ("libpod-conmon-<id>.scope") is a process of the hub, not of the container.
 */
static bool is_engine_container(struct part p, char ret_container[CW_UNIT_SIZE])
{
	static const char scope[] = ".scope", monitor[] = "conmon-";
	struct part prefix;

	if (ends_with(&p, scope))
		p.len -= sizeof(scope) - 1;
	if (p.len < ID_LEN || !is_id(p.s + p.len - ID_LEN))
		return false;
	prefix = (struct part){ p.s, p.len - ID_LEN };
	if (prefix.len && prefix.s[prefix.len - 1] != '-' && prefix.s[prefix.len - 1] != ':')
		return false;
	if (equals(&prefix, monitor) || ends_with(&prefix, "-conmon-"))
		return false;
	memcpy(ret_container, p.s + prefix.len, ID_SHORT_LEN);
	ret_container[ID_SHORT_LEN] = '\0';
	return true;
}

/* What is between prefix and suffix, if anything is. */
static bool take_name(const struct part *p, const char *prefix, const char *suffix,
		      char ret_container[CW_UNIT_SIZE])
{
	size_t before = strlen(prefix), after = strlen(suffix);

	if (p->len <= before + after || !starts_with(p, prefix) ||
	    memcmp(p->s + p->len - after, suffix, after))
		return false;
	unescape((struct part){ p->s + before, p->len - before - after }, ret_container);
	return true;
}

/* libvirt's "machine-qemu\x2d1\x2dname.scope" holds the emulator, a program of the hub. */
static bool is_virtual_machine(const struct part *p)
{
	return starts_with(p, "machine-qemu\\x2d") || starts_with(p, "machine-qemu-");
}

/* `before` and `after`: the neighbours; empty at the ends of the path. */
static bool is_container(const struct part *before, const struct part *p,
			 const struct part *after, char ret_container[CW_UNIT_SIZE])
{
	if (is_engine_container(*p, ret_container))
		return true;
	if (take_name(p, "lxc.payload.", "", ret_container))
		return true;
	if (equals(before, "lxc") || equals(before, "lxc.payload"))
		return take_name(p, "", "", ret_container);
	/* systemd-nspawn itself, beside "payload". */
	if (equals(after, "supervisor") || is_virtual_machine(p))
		return false;
	return take_name(p, "systemd-nspawn@", ".service", ret_container) ||
	       take_name(p, "machine-", ".scope", ret_container);
}

struct result {
	struct part unit; /* empty: none */
	bool only_slices_above; /* the unit */
	bool has_container;
	char container[CW_UNIT_SIZE];
};

static void walk(const char *cgroup, struct result *ret_result)
{
	struct part before = { "", 0 }, p, after;
	bool only_slices = true, more;
	struct result r = {};
	const char *pos = cgroup;

	more = next_part(&pos, &p);
	while (more) {
		more = next_part(&pos, &after);
		if (!more)
			after = (struct part){ "", 0 };
		if (!r.has_container)
			r.has_container = is_container(&before, &p, &after, r.container);
		if (is_unit(&p)) {
			r.unit = p;
			r.only_slices_above = only_slices;
		}
		only_slices = only_slices && ends_with(&p, ".slice");
		before = p;
		p = after;
	}
	*ret_result = r;
}

void cw_cgroup_parse(const char *cgroup, char ret_unit[CW_UNIT_SIZE],
		     char ret_container[CW_UNIT_SIZE])
{
	struct result r;

	ret_unit[0] = '\0';
	ret_container[0] = '\0';
	if (!cgroup)
		return;
	walk(cgroup, &r);
	if (r.unit.len)
		copy_unit(r.unit, ret_unit);
	if (r.has_container)
		memcpy(ret_container, r.container, sizeof(r.container));
}

bool cw_cgroup_unit_is_system(const char *cgroup)
{
	struct result r;

	if (!cgroup)
		return false;
	walk(cgroup, &r);
	return r.unit.len && r.only_slices_above;
}
