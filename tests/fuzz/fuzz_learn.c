// SPDX-License-Identifier: Apache-2.0
/*
 * Events made of the fuzzer's bytes, with names of every sort, learned from. What comes out is a
 * policy; learned once more, it is the same bytes; and judged by it, an event is flagged only if
 * there is a reason not to grant it. First of all, a text that a policy can hold reads back as
 * itself.
 */
#include <assert.h>
#include <netinet/in.h>

#include "learn.h"
#include "policy/write.h"

#define EVENTS_MAX 48

struct input {
	const uint8_t *p;
	size_t left;
	char pool[65536]; /* strings of the events */
	size_t used;
};

static unsigned int byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

/* One of the sane ones, NULL, or up to 31 bytes of anything; *odd tells. */
static const char *pick(struct input *in, const char *const *sane, unsigned int n, bool *odd)
{
	unsigned int which = byte(in) % (n + 2);
	char *s = in->pool + in->used;
	size_t len;

	if (which < n)
		return sane[which];
	if (which == n)
		return NULL;
	len = byte(in) % 32;
	if (!len || in->used + len + 1 > sizeof(in->pool))
		return NULL;
	for (size_t i = 0; i < len; i++)
		if (!(s[i] = (char)byte(in)))
			break;
	s[len] = '\0';
	in->used += len + 1;
	*odd = true;
	return s;
}

#define PICK(in, list, odd) pick(in, list, CW_ARRAY_SIZE(list), odd)

static void take_asset(struct input *in, struct cw_asset *a, bool *odd)
{
	static const char *const nodes[] = { "/dev/video0", "/dev/video2", "/dev/snd/pcmC0D0c" };
	static const char *const links[] = { "/dev/v4l/by-id/usb-A-video-index0",
					     "/dev/v4l/by-id/usb-B-video-index0" };
	static const char *const roots[] = { "/srv", "/srv/in", "/srv/in/a b", "/var/lib/motion" };
	static const char *const paths[] = { "/srv/x.mp4", "/srv/in/x.mp4", "/srv/in/a b/x.mp4",
					     "/srv/in/a b/c/x.mp4", "/srvx/y",
					     "/var/lib/motion/1/x" };
	static const char *const names[] = { "front", "cameras", "recordings", "null", "a: b #c" };
	static const char *const cards[] = { "HD Camera", "C920" };

	a->kind = (enum cw_asset_kind)(byte(in) % CW_ASSET_KIND_MAX);
	a->name = PICK(in, names, odd);
	a->access = byte(in) % 64;
	if (a->kind == CW_ASSET_RECORDINGS || a->kind == CW_ASSET_SHM) {
		a->root = PICK(in, roots, odd);
		a->path = PICK(in, paths, odd);
		a->path_partial = byte(in) % 16 == 0;
		return;
	}
	a->node = PICK(in, nodes, odd);
	a->by_id = PICK(in, links, odd);
	a->card = PICK(in, cards, odd);
	a->path = byte(in) % 4 ? a->node : PICK(in, nodes, odd);
}

/* True if anything in it is odd. */
static bool take_event(struct input *in, struct cw_event *e)
{
	static const char *const exes[] = { "/usr/bin/motion", "/usr/bin/a b", "/usr/bin/\"q\"",
					    "/opt/\xc3\xa4/x" };
	static const char *const users[] = { "motion", "root", "no", "true" };
	static const char *const units[] = { "motion.service", "cam@1.service",
					     "user@1000.service/x.service" };
	static const char *const containers[] = { "0123456789ab", "front" };
	static const char *const hashes[] = {
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
	};
	bool odd = false;

	e->kind = (enum cw_kind)(byte(in) % CW_KIND_MAX);
	e->time_ns = 1764590400 * CW_NSEC_PER_SEC + byte(in) * 3600 * CW_NSEC_PER_SEC;
	e->result = byte(in) % 8 ? 0 : -EBUSY;
	take_asset(in, &e->asset, &odd);
	e->process.pid = byte(in) % 8;
	e->process.uid = byte(in) % 2 ? 1001 : 0;
	e->process.exe = PICK(in, exes, &odd);
	e->process.exe_deleted = byte(in) % 8 == 0;
	e->process.exe_sha256 = PICK(in, hashes, &odd);
	e->process.user = PICK(in, users, &odd);
	e->process.unit = PICK(in, units, &odd);
	e->process.container = PICK(in, containers, &odd);
	e->origin.type = (enum cw_origin_type)(byte(in) % CW_ORIGIN_MAX);
	e->origin.login_uid = byte(in) % 4 ? CW_NO_UID : 1001;
	e->origin.login_user = PICK(in, users, &odd);
	e->origin.session = CW_NO_UID;
	e->origin.family = byte(in) % 8 ? 0 : AF_INET;
	e->hub = PICK(in, users, &odd);
	e->process.code = (enum cw_code_kind)(byte(in) % 16);
	if (e->process.code >= CW_CODE_MAX)
		e->process.code = CW_CODE_NONE;
	e->process.code_path = e->process.code ? e->process.exe : NULL;
	return odd;
}

/* Everything that stands against a grant, said once more, and anything that is odd. */
static bool may_be_flagged(const struct cw_event *e, bool odd)
{
	const struct cw_asset *a = &e->asset;
	bool file = a->kind == CW_ASSET_RECORDINGS || a->kind == CW_ASSET_SHM;
	bool captures = a->kind == CW_ASSET_CAMERA || a->kind == CW_ASSET_MICROPHONE;
	const char *path = a->path_partial ? NULL : a->path;

	if (odd || !cw_kind_is_access(e->kind) || e->kind == CW_KIND_DENIED || e->result < 0)
		return true;
	if (e->kind == CW_KIND_PEEK || e->kind == CW_KIND_MOUNT ||
	    (e->kind == CW_KIND_STREAM && !captures))
		return true;
	if (a->kind == CW_ASSET_NONE || a->kind == CW_ASSET_SELF ||
	    (file ? !a->root && !path : !a->node && !a->by_id && !a->path))
		return true;
	if (a->kind == CW_ASSET_DISK && !a->node && !a->path)
		return true;
	if (e->origin.type != CW_ORIGIN_SERVICE && e->origin.type != CW_ORIGIN_CONTAINER)
		return true;
	return e->origin.family || !e->process.pid || !e->process.exe || e->process.exe_deleted;
}

static void learn(const struct cw_policy *known, struct cw_event *events, size_t n,
		  struct cw_buf *yaml)
{
	cw_auto_buf struct cw_buf errors = { 0 };
	struct cw_learn_summary s;
	struct cw_learn *l;
	int r;

	assert(!cw_learn_new(known, 3, &l));
	for (size_t i = 0; i < n; i++)
		assert(!cw_learn_add(l, &events[i]));
	r = cw_learn_write(l, &errors, yaml, &s);
	if (r)
		fprintf(stderr, "%s%s\n", yaml->data, errors.data ? errors.data : "");
	assert(!r);
	cw_learn_free(l);
}

static void check_text(const char *text)
{
	cw_auto_policy struct cw_policy *p = NULL;
	cw_auto_buf struct cw_buf yaml = { 0 }, errors = { 0 };

	if (!cw_policy_can_hold(text) || strlen(text) > 120 || !strcmp(text, "microphones") ||
	    !strcmp(text, "recordings") || !strcmp(text, "shm") || !strcmp(text, "disks"))
		return;
	cw_buf_puts(&yaml, "version: 1\nassets:\n  ");
	cw_policy_put_text(&yaml, text);
	cw_buf_puts(&yaml, ": {kind: camera, card: ");
	cw_policy_put_text(&yaml, text);
	cw_buf_puts(&yaml, "}\n");
	assert(!cw_policy_parse("p", yaml.data, yaml.len, &errors, &p));
	assert(!strcmp(cw_policy_asset(p, 0)->name, text));
	assert(!strcmp(cw_policy_asset(p, 0)->card, text));
}

static void check(const struct cw_policy *known, struct cw_event *events, const bool *odd,
		  size_t n)
{
	cw_auto_buf struct cw_buf yaml = { 0 }, again = { 0 }, errors = { 0 };
	cw_auto_policy struct cw_policy *p = NULL;

	learn(known, events, n, &yaml);
	learn(known, events, n, &again);
	assert(yaml.len == again.len && !memcmp(yaml.data, again.data, yaml.len));
	for (size_t i = 0; i < yaml.len; i++)
		assert((unsigned char)yaml.data[i] >= 0x20 || yaml.data[i] == '\n');
	assert(!cw_policy_parse("learned", yaml.data, yaml.len, &errors, &p));
	for (size_t i = 0; i < n; i++) {
		struct cw_event e = events[i];

		cw_policy_judge(p, &e);
		if (e.verdict.decision != CW_DECISION_FLAG || may_be_flagged(&e, odd[i]))
			continue;
		fprintf(stderr, "event %zu: %s\n%s", i, e.verdict.why, yaml.data);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char known_text[] =
		"version: 1\n"
		"assets:\n"
		"  cameras: {kind: camera, card: HD*}\n"
		"  inner: {kind: recordings, path: /srv/in/a b}\n";
	cw_auto_policy struct cw_policy *known = NULL;
	struct cw_event events[EVENTS_MAX] = { 0 };
	struct input in = { .p = data, .left = size };
	bool odd[EVENTS_MAX], with = byte(&in) % 2;
	size_t n = 0;

	for (; n < EVENTS_MAX && in.left; n++) {
		odd[n] = take_event(&in, &events[n]);
		if (events[n].process.exe)
			check_text(events[n].process.exe);
	}
	if (with)
		assert(!cw_policy_parse("k", known_text, sizeof(known_text) - 1, NULL, &known));
	check(known, events, odd, n);
	return 0;
}
