// SPDX-License-Identifier: Apache-2.0
/* Owns nothing. Reads the event only; never asks the machine, so replay reads as live did. */
#include "sink/json.h"
#include "sink/text.h"

#define LABEL_WIDTH 11 /* four of indent, "chain:" as the widest, a space */
#define MIN_WIDTH   40 /* below this, wrapping hurts more than it helps */
#define ASSET_WIDTH 28
#define WHO_WIDTH   40

static bool is_hidden(uint32_t code)
{
	return (code >= 0x7f && code <= 0x9f) || code == 0xad || code == 0x61c || code == 0x180e ||
	       (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
	       (code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe0fff) ||
	       (code & 0xfffe) == 0xfffe; /* no characters, and malformed in XML */
}

/* How many of the next bytes are shown as they are: most are. */
static unsigned int plain_run(const char *s)
{
	unsigned int n = 0;

	while (s[n] >= ' ' && s[n] <= '~' && s[n] != '\\')
		n++;
	return n;
}

void cw_text_safe(struct cw_buf *b, const char *s)
{
	static const char from[] = "\\\n\r\t", to[] = "\\nrt";
	const char *at;
	unsigned int n;
	uint32_t code;

	if (!s)
		s = "unknown";
	for (; *s; s += n) {
		n = plain_run(s);
		if (n) {
			cw_buf_add(b, s, n);
			continue;
		}
		n = cw_json_utf8(s, &code);
		at = strchr(from, *s);
		if (at)
			cw_buf_printf(b, "\\%c", to[at - from]);
		else if (!n || code < 0x20 || code == 0x7f)
			cw_buf_printf(b, "\\x%02x", (unsigned char)*s);
		else if (is_hidden(code))
			cw_buf_printf(b, code > 0xffff ? "\\U%08x" : "\\u%04x", code);
		else
			cw_buf_add(b, s, n);
		n = n ? n : 1;
	}
}

/* In quotes; a quote inside is spelled `escape`. */
static void add_quoted(struct cw_buf *b, const char *s, char quote, const char *escape)
{
	const char *end;

	cw_buf_putc(b, quote);
	for (; (end = strchr(s, quote)); s = end + 1) {
		cw_auto_buf struct cw_buf part = { 0 };

		cw_buf_add(&part, s, (size_t)(end - s));
		cw_text_safe(b, part.data);
		cw_buf_puts(b, escape);
	}
	cw_text_safe(b, s);
	cw_buf_putc(b, quote);
}

/* A name that could be taken for the text around it is put in quotes. */
static void add_name(struct cw_buf *b, const char *s)
{
	if (s && (!*s || strpbrk(s, " \"'(),>")))
		add_quoted(b, s, '"', "\\\"");
	else
		cw_text_safe(b, s);
}

/* Words and a name, if there is one. */
static void add_if(struct cw_buf *b, const char *words, const char *name)
{
	if (!name)
		return;
	cw_buf_puts(b, words);
	add_name(b, name);
}

/* An argument as one would type it, so that the command line can be read without doubt. */
static void add_arg(struct cw_buf *b, const char *s)
{
	static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "@%+=:,./_-";

	if (!*s || s[strspn(s, bare)])
		add_quoted(b, s, '\'', "'\\''");
	else
		cw_text_safe(b, s);
}

/* The executable, not the name that the process gave itself. */
static void add_program(struct cw_buf *b, const char *exe, const char *comm, uint32_t pid)
{
	add_name(b, exe ? cw_base_name(exe) : comm);
	cw_buf_printf(b, "[%u]", pid);
}

void cw_text_program(struct cw_buf *b, const struct cw_process *p)
{
	add_program(b, p->exe, p->comm, p->pid);
}

static void add_time(struct cw_buf *b, uint64_t ns)
{
	char t[CW_JSON_TIME_SIZE];

	cw_json_time(ns, t);
	cw_buf_printf(b, "%.10s %.8sZ", t, t + 11);
}

void cw_text_errno(struct cw_buf *b, int result)
{
	static const struct {
		int err;
		const char *name;
	} known[] = {
		{ EPERM, "EPERM" },   { EACCES, "EACCES" }, { EBUSY, "EBUSY" },
		{ ENOENT, "ENOENT" }, { ENODEV, "ENODEV" }, { ENXIO, "ENXIO" },
		{ EROFS, "EROFS" },   { EINVAL, "EINVAL" },
	};

	for (size_t i = 0; i < CW_ARRAY_SIZE(known); i++) {
		if (known[i].err == -(int64_t)result) {
			cw_buf_puts(b, known[i].name);
			return;
		}
	}
	cw_buf_printf(b, "errno %lld", -(long long)result);
}

static void add_value(struct cw_buf *b, const struct cw_detail *d)
{
	switch (d->type) {
	case CW_DETAIL_UINT:
		cw_buf_printf(b, "%llu", (unsigned long long)d->u);
		return;
	case CW_DETAIL_INT:
		cw_buf_printf(b, "%lld", (long long)d->i);
		return;
	case CW_DETAIL_DOUBLE:
		cw_buf_printf(b, "%.3f", d->d);
		return;
	case CW_DETAIL_STRING:
		add_name(b, d->s);
		return;
	case CW_DETAIL_BOOL:
		cw_buf_puts(b, d->u ? "yes" : "no");
		return;
	case CW_DETAIL_TIME:
		if (d->u)
			add_time(b, d->u);
		else
			cw_buf_puts(b, "unknown");
		return;
	}
	cw_buf_puts(b, "unknown");
}

/* The value of one detail; a sentence says "unknown" where the event lacks it. */
static void add_detail(struct cw_buf *b, const struct cw_event *e, const char *key)
{
	const struct cw_detail *d = cw_event_detail(e, key);

	if (d)
		add_value(b, d);
	else
		cw_buf_puts(b, "unknown");
}

void cw_text_detail(struct cw_buf *b, const struct cw_detail *d)
{
	cw_text_safe(b, d->key);
	cw_buf_putc(b, ' ');
	add_value(b, d);
}

/* "frames 250, seconds 10.000"; those whose key is in `said` (space around each) are left out. */
static void add_details(struct cw_buf *b, const struct cw_event *e, const char *said,
			const char *before)
{
	for (unsigned int i = 0; i < e->n_detail && i < CW_DETAILS_MAX; i++) {
		const struct cw_detail *d = &e->detail[i];
		char word[64];

		snprintf(word, sizeof(word), " %s ", d->key);
		if (strstr(said, word))
			continue;
		cw_buf_puts(b, before);
		cw_text_detail(b, d);
		before = ", ";
	}
}

static void add_user(struct cw_buf *b, const char *name, uint32_t uid)
{
	if (name)
		add_name(b, name);
	else if (uid == CW_NO_UID)
		cw_buf_puts(b, "unknown user");
	else
		cw_buf_printf(b, "uid %u", uid);
}

/* In as few words as can be: the person, else the service or container. */
static void add_person(struct cw_buf *b, const struct cw_event *e)
{
	const struct cw_origin *o = &e->origin;
	const struct cw_process *p = &e->process;
	const char *name = NULL;
	uint32_t uid = cw_origin_login(o, &name);

	if (uid != CW_NO_UID)
		add_user(b, name, uid);
	else if (o->type == CW_ORIGIN_KERNEL)
		cw_buf_puts(b, "the kernel");
	else if (p->container)
		add_if(b, "container ", p->container);
	else if (p->unit)
		add_name(b, p->unit);
	else
		cw_buf_printf(b, "%s origin", cw_origin_name(o->type));
}

void cw_text_person(struct cw_buf *b, const struct cw_event *e)
{
	char peer[CW_JSON_PEER_SIZE];
	const char *name;

	if (!e->process.pid) {
		cw_buf_puts(b, "unknown process");
	} else if (cw_origin_login(&e->origin, &name) == CW_NO_UID &&
		   cw_json_peer(&e->origin, peer)) {
		*strrchr(peer, ':') = '\0'; /* the port is another one each time */
		cw_buf_printf(b, "peer %s", peer);
	} else {
		add_person(b, e);
	}
}

void cw_text_subject(struct cw_buf *b, const struct cw_event *e)
{
	const struct cw_origin *o = &e->origin;
	const struct cw_process *p = &e->process;
	bool person = o->login_uid != CW_NO_UID;

	add_person(b, e);
	if (o->type != CW_ORIGIN_KERNEL && (!person || p->euid != o->login_uid)) {
		cw_buf_puts(b, " as ");
		add_user(b, p->uid == p->euid ? p->user : NULL, p->euid);
	}
}

/* "ssh session 1, pts/0": the program that let the person in, by its short name. */
static void add_session(struct cw_buf *b, const struct cw_origin *o, const char *before,
			const char *after)
{
	const char *via = cw_base_name(o->via);
	bool ssh = via && !strncmp(via, "sshd", 4);
	bool session = o->session != CW_NO_UID && o->login_uid != CW_NO_UID;

	if (!via && !session && !o->tty)
		return;
	cw_buf_puts(b, before);
	if (ssh)
		cw_buf_puts(b, "ssh");
	else
		add_if(b, "via ", via);
	if (session)
		cw_buf_printf(b, "%ssession %u", ssh ? " " : via ? ", " : "", o->session);
	add_if(b, via || session ? ", " : "", o->tty);
	cw_buf_puts(b, after);
}

static void add_peer(struct cw_buf *b, const struct cw_origin *o)
{
	char peer[CW_JSON_PEER_SIZE];

	if (o->hop_local)
		cw_buf_puts(b, " over loopback");
	else if (cw_json_peer(o, peer))
		cw_buf_printf(b, " %s %s", o->outbound ? "over its connection to" : "from", peer);
	else if (o->type == CW_ORIGIN_REMOTE)
		cw_buf_puts(b, " from unknown peer");
}

void cw_text_who(struct cw_buf *b, const struct cw_event *e)
{
	if (!e->process.pid) {
		cw_buf_puts(b, "unknown process");
		return;
	}
	cw_text_subject(b, e);
	add_peer(b, &e->origin);
}

static void add_asset(struct cw_buf *b, const struct cw_asset *a)
{
	const char *path = a->path ? a->path : a->node;

	if (a->kind == CW_ASSET_NONE) {
		cw_buf_puts(b, "unknown object");
		return;
	}
	if (a->name)
		add_name(b, a->name);
	else
		cw_buf_printf(b, "unknown %s", cw_asset_kind_name(a->kind));
	cw_buf_puts(b, " (");
	if (path && a->path_partial)
		cw_buf_puts(b, "...");
	add_name(b, path);
	cw_buf_puts(b, ")");
}

/* Columns of a character that cw_text_safe() lets pass, as terminals have it (UAX #11, Mn). */
static size_t width_of(uint32_t code)
{
	static const struct {
		uint32_t from, to;
		size_t width;
	} ranges[] = {
		{ 0x300, 0x36f, 0 },	 { 0x483, 0x489, 0 },	  { 0x591, 0x5bd, 0 },
		{ 0x610, 0x61a, 0 },	 { 0x64b, 0x65f, 0 },	  { 0x6d6, 0x6dc, 0 },
		{ 0x1100, 0x115f, 2 },	 { 0x1ab0, 0x1aff, 0 },	  { 0x1dc0, 0x1dff, 0 },
		{ 0x20d0, 0x20f0, 0 },	 { 0x2e80, 0x303e, 2 },	  { 0x3041, 0xa4cf, 2 },
		{ 0xac00, 0xd7a3, 2 },	 { 0xf900, 0xfaff, 2 },	  { 0xfe00, 0xfe0f, 0 },
		{ 0xfe20, 0xfe2f, 0 },	 { 0xfe30, 0xfe6f, 2 },	  { 0xff00, 0xff60, 2 },
		{ 0xffe0, 0xffe6, 2 },	 { 0x1f300, 0x1f64f, 2 }, { 0x1f900, 0x1f9ff, 2 },
		{ 0x20000, 0x3fffd, 2 },
	};

	for (size_t i = 0; i < CW_ARRAY_SIZE(ranges) && code >= ranges[i].from; i++)
		if (code <= ranges[i].to)
			return ranges[i].width;
	return 1;
}

size_t cw_text_fit(const char *s, size_t len, size_t max, size_t *ret_columns)
{
	size_t i = 0, columns = 0, width;
	uint32_t code = 0;
	unsigned int n;

	for (; i < len; i += n) {
		n = width = 1;
		if (s[i] < ' ' || s[i] > '~') { /* most is plain */
			n = cw_json_utf8(s + i, &code);
			width = n ? width_of(code) : 1;
			n = n ? n : 1;
		}
		if (columns + width > max)
			break;
		columns += width;
	}
	*ret_columns = columns;
	return i;
}

/* Columns of `s`, `len` bytes of valid UTF-8. */
static size_t columns(const char *s, size_t len)
{
	size_t n;

	cw_text_fit(s, len, SIZE_MAX, &n);
	return n;
}

/* Bytes of the first `n` columns of `s`. */
static size_t bytes_of(const char *s, size_t len, size_t n)
{
	size_t got;

	return cw_text_fit(s, len, n, &got);
}

/* Appends the field and pads it to `width`; a longer one is cut at `max` (0: never). */
static void add_field(struct cw_buf *b, const struct cw_buf *field, size_t width, size_t max)
{
	size_t n;

	if (field->error) {
		b->error = field->error;
		return;
	}
	n = columns(field->data, field->len);
	if (max && n > max) {
		cw_buf_add(b, field->data, cw_text_fit(field->data, field->len, max - 3, &n));
		cw_buf_puts(b, "...");
		n += 3;
	} else {
		cw_buf_add(b, field->data, field->len);
	}
	if (n < width)
		cw_buf_pad(b, width - n);
	cw_buf_puts(b, "  ");
}

static void add_access_line(struct cw_buf *b, const struct cw_event *e, unsigned int width)
{
	cw_auto_buf struct cw_buf asset = { 0 }, who = { 0 };
	size_t max = width ? (width > 3 * MIN_WIDTH ? width / 3 : MIN_WIDTH) : 0;

	add_asset(&asset, &e->asset);
	add_field(b, &asset, ASSET_WIDTH, max);
	if (!e->process.pid) {
		cw_buf_puts(b, "unknown process");
		return;
	}
	cw_text_subject(&who, e);
	add_peer(&who, &e->origin);
	add_session(&who, &e->origin, " (", ")");
	add_field(b, &who, WHO_WIDTH, max ? max + MIN_WIDTH : 0);
	add_program(b, e->process.exe, e->process.comm, e->process.pid);
}

static void say_gap(struct cw_buf *b, const struct cw_event *e)
{
	const struct cw_detail *d = cw_event_detail(e, "class");
	const char *class = d && d->type == CW_DETAIL_STRING ? d->s : NULL;

	if (cw_streq(class, "folders")) {
		add_detail(b, e, "folders");
		cw_buf_puts(b, " folders cannot tell of renames, links and deletions, since ");
		add_detail(b, e, "from");
		return;
	}
	if (cw_streq(class, "agent")) {
		cw_buf_puts(b, "nothing was watched between ");
	} else {
		cw_buf_puts(b, "lost ");
		add_detail(b, e, "lost");
		cw_buf_puts(b, " events of class ");
		add_detail(b, e, "class");
		cw_buf_puts(b, " between ");
	}
	add_detail(b, e, "from");
	cw_buf_puts(b, " and ");
	add_detail(b, e, "to");
	add_details(b, e, " lost class from to ", "; ");
}

static void say_coverage(struct cw_buf *b, const struct cw_event *e)
{
	const struct cw_detail *rung = cw_event_detail(e, "rung");
	const struct cw_detail *blind = cw_event_detail(e, "blind");

	add_detail(b, e, "capability");
	if (rung && rung->type == CW_DETAIL_STRING && cw_streq(rung->s, "none")) {
		cw_buf_puts(b, ": not seen");
	} else {
		cw_buf_puts(b, ": seen by ");
		add_detail(b, e, "rung");
	}
	if (blind && blind->type == CW_DETAIL_STRING && blind->s && *blind->s) {
		cw_buf_puts(b, "; blind to: ");
		cw_text_safe(b, blind->s);
	}
	add_details(b, e, " capability rung blind ", "; ");
}

/* `good` or `bad` by the detail "ok". */
static void say_ok(struct cw_buf *b, const struct cw_event *e, const char *good, const char *bad)
{
	const struct cw_detail *ok = cw_event_detail(e, "ok");

	cw_buf_puts(b, ok && ok->u ? good : bad);
	add_details(b, e, " ok ", "; ");
}

/* What the agent says of itself, as a sentence; every detail is in it. */
static void add_sentence(struct cw_buf *b, const struct cw_event *e)
{
	switch (e->kind) {
	case CW_KIND_GAP:
		say_gap(b, e);
		return;
	case CW_KIND_COVERAGE:
		say_coverage(b, e);
		return;
	case CW_KIND_CANARY:
		say_ok(b, e, "an access of our own came through the whole path",
		       "an access of our own did NOT come through");
		return;
	case CW_KIND_POLICY:
		say_ok(b, e, "policy in force", "policy refused, the one before stays in force");
		return;
	case CW_KIND_START:
	case CW_KIND_STOP:
		cw_buf_puts(b, "camwarden ");
		add_detail(b, e, "version");
		cw_buf_puts(b, e->kind == CW_KIND_START ? " started on " : " stopped on ");
		add_name(b, e->hub);
		add_details(b, e, " version ", "; ");
		return;
	case CW_KIND_TAMPER:
		cw_buf_puts(b, "camwarden itself was interfered with");
		add_details(b, e, "", "; ");
		return;
	default:
		cw_buf_puts(b, "said by the agent");
		add_details(b, e, "", "; ");
		return;
	}
}

/* The agent speaks of itself: no process did something to an asset. */
static bool is_sentence(const struct cw_event *e)
{
	return !cw_kind_is_access(e->kind) && !e->process.pid && e->asset.kind == CW_ASSET_NONE;
}

static const char *color_of(const struct cw_verdict *v)
{
	if (v->decision == CW_DECISION_ALLOW)
		return "\033[2m";
	if (v->decision != CW_DECISION_FLAG)
		return "";
	if (v->severity >= CW_SEVERITY_HIGH)
		return "\033[1;31m";
	return v->severity == CW_SEVERITY_MEDIUM ? "\033[33m" : "";
}

static void add_first_line(struct cw_buf *b, const struct cw_event *e,
			   const struct cw_text_style *style)
{
	static const char *const tags[CW_DECISION_MAX] = { "-", "allow", "FLAG" };
	const struct cw_verdict *v = &e->verdict;
	bool flag = v->decision == CW_DECISION_FLAG;
	const char *color = style->color ? color_of(v) : "";

	add_time(b, e->time_ns);
	cw_buf_printf(b, "  %s%-5s  %-8s  %-8s", color,
		      (unsigned int)v->decision < CW_DECISION_MAX ? tags[v->decision] : "invalid",
		      flag ? cw_class_name(v->class) : "-",
		      flag ? cw_severity_name(v->severity) : "-");
	if (flag && *color) /* of a flag only the head is coloured: the rest must stay readable */
		cw_buf_puts(b, "\033[0m");
	cw_buf_printf(b, "  %-8s  ", cw_kind_name(e->kind));
	if (is_sentence(e))
		add_sentence(b, e);
	else
		add_access_line(b, e, style->width);
	if (!is_sentence(e) && e->result < 0) {
		cw_buf_puts(b, "  refused: ");
		cw_text_errno(b, e->result);
	}
	if (!is_sentence(e) && !flag)
		add_details(b, e, "", "  ");
	if (v->decision == CW_DECISION_ALLOW)
		add_if(b, "  grant ", v->grant);
	if (!flag && *color)
		cw_buf_puts(b, "\033[0m");
	cw_buf_putc(b, '\n');
}

/* How much of `s` goes on one line of `room` columns: to the last space, or hard in a long word. */
static size_t break_at(const char *s, size_t len, size_t room)
{
	size_t end = bytes_of(s, len, room);

	if (end == len || s[end] == ' ')
		return end;
	for (size_t i = end - 1; i > 0; i--)
		if (s[i] == ' ')
			return i;
	return end;
}

static void add_line(struct cw_buf *b, const char *label, const struct cw_buf *text,
		     const struct cw_text_style *style)
{
	size_t width = style->width < MIN_WIDTH ? MIN_WIDTH : style->width;
	const char *s = text->len ? text->data : "unknown";
	size_t left = strlen(s), n;

	if (text->error)
		b->error = text->error;
	do {
		n = style->width ? break_at(s, left, width - LABEL_WIDTH) : left;
		cw_buf_printf(b, "    %-*s", LABEL_WIDTH - 4, label);
		cw_buf_add(b, s, n);
		cw_buf_putc(b, '\n');
		label = "";
		n += left > n && s[n] == ' ';
		s += n;
		left -= n;
	} while (left);
}

/* "by way of /usr/bin/ssh[811] of bob": what made the connection on this machine. */
static void say_hop(struct cw_buf *b, const struct cw_origin *o)
{
	if (!o->hop_pid)
		return;
	cw_buf_puts(b, o->hop_local ? ", a connection of this machine by " : ", by way of ");
	add_name(b, o->hop_exe ? o->hop_exe : "unknown");
	cw_buf_printf(b, "[%u]", o->hop_pid);
	if (o->hop_login_uid == CW_NO_UID)
		return;
	cw_buf_puts(b, " of ");
	add_user(b, o->hop_login_user, o->hop_login_uid);
}

static void say_who(struct cw_buf *b, const struct cw_event *e)
{
	const struct cw_origin *o = &e->origin;
	const struct cw_process *p = &e->process;
	char peer[CW_JSON_PEER_SIZE];

	if (o->login_uid == CW_NO_UID) {
		cw_buf_printf(b, "nobody logged in, %s origin", cw_origin_name(o->type));
	} else {
		add_name(b, o->login_user);
		cw_buf_printf(b, " (login uid %u), ", o->login_uid);
		if (o->session == CW_NO_UID)
			cw_buf_puts(b, "no session");
		else
			cw_buf_printf(b, "session %u", o->session);
	}
	add_if(b, ", ", o->tty);
	if (cw_json_peer(o, peer))
		cw_buf_printf(b, ", %s %s", o->outbound ? "connected out to" : "peer", peer);
	else if (o->type == CW_ORIGIN_REMOTE)
		cw_buf_puts(b, ", peer unknown");
	if (o->local_port)
		cw_buf_printf(b, ", local port %u", o->local_port);
	add_if(b, " through ", o->via);
	say_hop(b, o);
	cw_buf_puts(b, "; runs as ");
	add_user(b, p->user, p->uid);
	if (p->euid != p->uid) {
		cw_buf_puts(b, ", effectively ");
		add_user(b, NULL, p->euid);
	}
	add_if(b, ", unit ", p->unit);
	add_if(b, ", container ", p->container);
	if (o->seeded)
		cw_buf_puts(b, "; was there before camwarden started");
}

static void say_what(struct cw_buf *b, const struct cw_event *e)
{
	const struct cw_asset *a = &e->asset;
	const char *before = ", ";

	if (a->path_partial)
		cw_buf_puts(b, "(head cut) ...");
	add_name(b, a->path ? a->path : a->node);
	if (a->path && !cw_streq(a->node, a->path))
		add_if(b, " = ", a->node);
	if (a->card) {
		cw_buf_puts(b, " \"");
		cw_text_safe(b, a->card);
		cw_buf_puts(b, "\" (");
		cw_text_safe(b, a->bus);
		cw_buf_puts(b, ")");
	}
	cw_buf_printf(b, ", %s", cw_asset_kind_name(a->kind));
	for (uint32_t left = a->access; left; left &= left - 1) {
		cw_buf_puts(b, before);
		cw_buf_puts(b, cw_access_name((enum cw_access)(left & -left)));
		before = " ";
	}
	if (e->result < 0) {
		cw_buf_puts(b, ", refused: ");
		cw_text_errno(b, e->result);
	} else {
		cw_buf_printf(b, ", result %d", e->result);
	}
}

void cw_text_chain(struct cw_buf *b, const struct cw_process *p)
{
	unsigned int n = p->n_ancestors < CW_ANCESTORS_MAX ? p->n_ancestors : CW_ANCESTORS_MAX;

	if (!n && p->ppid)
		cw_buf_printf(b, "unknown[%u] > ", p->ppid);
	for (unsigned int i = n; i > 0; i--) {
		add_program(b, p->ancestors[i - 1].exe, NULL, p->ancestors[i - 1].pid);
		cw_buf_puts(b, " > ");
	}
	add_program(b, p->exe, p->comm, p->pid);
}

static void say_exe(struct cw_buf *b, const struct cw_process *p)
{
	cw_auto_buf struct cw_buf code = { 0 };

	add_name(b, p->exe);
	if (p->exe_deleted)
		cw_buf_puts(b, " (deleted)");
	cw_buf_puts(b, ", sha256 ");
	cw_text_safe(b, p->exe_sha256);
	if (p->comm && (!p->exe || strncmp(cw_base_name(p->exe), p->comm, 15)))
		add_if(b, ", calls itself ", p->comm);
	if (!p->code)
		return;
	cw_code_put(&code, p);
	cw_buf_puts(b, "; ");
	cw_text_safe(b, code.data);
}

void cw_text_command(struct cw_buf *b, const struct cw_process *p)
{
	if (!p->argv)
		cw_buf_puts(b, "unknown");
	for (size_t i = 0; p->argv && p->argv[i]; i++) {
		cw_buf_puts(b, i ? " " : "");
		add_arg(b, p->argv[i]);
	}
	if (p->argv_cut)
		cw_buf_puts(b, " ... (longer)");
}

static void say_why(struct cw_buf *b, const struct cw_verdict *v)
{
	cw_text_safe(b, v->why);
	if (v->rule && !cw_streq(v->rule, v->why)) {
		cw_buf_puts(b, " [");
		cw_text_safe(b, v->rule);
		cw_buf_puts(b, "]");
	}
	if (v->technique) {
		cw_buf_puts(b, " [");
		cw_text_safe(b, v->technique);
		cw_buf_puts(b, "]");
	}
}

static void add_process_lines(struct cw_buf *b, const struct cw_event *e, struct cw_buf *t,
			      const struct cw_text_style *style)
{
	cw_buf_reset(t);
	say_who(t, e);
	add_line(b, "who:", t, style);
	if (e->asset.kind != CW_ASSET_NONE) {
		cw_buf_reset(t);
		say_what(t, e);
		add_line(b, "what:", t, style);
	}
	cw_buf_reset(t);
	cw_text_chain(t, &e->process);
	add_line(b, "chain:", t, style);
	cw_buf_reset(t);
	say_exe(t, &e->process);
	add_line(b, "exe:", t, style);
	cw_buf_reset(t);
	cw_text_command(t, &e->process);
	add_line(b, "cmd:", t, style);
}

/* The event number leads to the same event in the trace and in the JSON form. */
static void add_flag_lines(struct cw_buf *b, const struct cw_event *e,
			   const struct cw_text_style *style)
{
	cw_auto_buf struct cw_buf t = { 0 };

	say_why(&t, &e->verdict);
	add_line(b, "why:", &t, style);
	if (e->process.pid)
		add_process_lines(b, e, &t, style);
	cw_buf_reset(&t);
	cw_buf_printf(&t, "event %llu, probe %s", (unsigned long long)e->seq,
		      cw_probe_name(e->probe));
	if (!is_sentence(e))
		add_details(&t, e, "", ", ");
	add_line(b, "more:", &t, style);
}

void cw_text_event(struct cw_buf *b, const struct cw_event *e, const struct cw_text_style *style)
{
	add_first_line(b, e, style);
	if (e->verdict.decision == CW_DECISION_FLAG)
		add_flag_lines(b, e, style);
}
