// SPDX-License-Identifier: Apache-2.0
/*
 * One thread does everything but writing the output and the trace: it waits for the rings,
 * fanotify, device events, mounts, signals and deadlines, and hands each record through decode,
 * enrich, policy, trace and sink. There is no regular tick: what is not watched costs nothing.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>

#include "base/caps.h"
#include "base/sha256.h"
#include "pipeline_state.h"
#include "sink/text.h"
#include "source/seed.h"
#include "trace/segments.h"

#define CANARY_EVERY_NS	  (60 * CW_NSEC_PER_SEC)
#define CANARY_PATIENCE_NS (5 * CW_NSEC_PER_SEC)
#define OUTPUT_ROOM	  (1024 * 1024)
#define OUTPUT_SPARE	  (OUTPUT_ROOM / 4)
#define CLOSE_PATIENCE_MS 2000

/* ---- time and messages ---- */

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * CW_NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

uint64_t cw_pipeline_now(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

void cw_pipeline_say(const char *format, ...)
{
	cw_auto_buf struct cw_buf b = { 0 };
	char text[2048];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	cw_text_safe(&b, text);
	fprintf(stderr, "camwarden: %s\n", b.data ? b.data : text);
}

/* Lines that were gathered, each as a message of its own. */
static void say_lines(const char *prefix, const char *lines)
{
	for (const char *at = lines, *end; at && *at; at = *end ? end + 1 : end) {
		end = strchrnul(at, '\n');
		cw_pipeline_say("%s%.*s", prefix, (int)(end - at), at);
	}
}

/* ---- the way of one event ---- */

static void print(struct pipeline *p, const struct cw_event *e)
{
	if (!cw_printer_take(&p->printer, e))
		return;
	/* A burst waits in the rings for a slow sink; before they are full, lines are dropped. */
	cw_writer_set_patient(p->writer, cw_kernel_has_room(p->kernel));
	/* A flood on recordings does not displace a camera: as in the rings. */
	cw_writer_set_spare(p->writer, e->asset.kind == CW_ASSET_RECORDINGS ? OUTPUT_SPARE : 0);
	if (p->printer.line.error)
		cw_pipeline_say("out of memory, event %llu is not written",
		    (unsigned long long)e->seq);
	else
		cw_writer_put(p->writer, p->printer.line.data, p->printer.line.len, e->boot_ns);
}

/* What the recorder says of itself is no reason to keep its file longer than others. */
static bool is_about_trace(const struct cw_event *e)
{
	const struct cw_detail *class = e->kind == CW_KIND_GAP ? cw_event_detail(e, "class") : NULL;

	return class && class->type == CW_DETAIL_STRING &&
	       (cw_streq(class->s, "rotation") || cw_streq(class->s, "keep"));
}

/* The trace gets the event as it was found, without what a policy made of it. */
void cw_pipeline_deliver(struct pipeline *p, struct cw_event *e)
{
	e->seq = ++p->seq;
	e->time_ns = e->boot_ns + p->wall_offset_ns;
	e->boot_id = p->boot_id;
	e->hub = p->hub;
	if (p->recorder)
		cw_recorder_event(p->recorder, e);
	if (p->config->record)
		return;
	cw_policy_judge(p->policy, e);
	if (p->recorder && e->verdict.decision == CW_DECISION_FLAG)
		cw_recorder_urgent(p->recorder, !is_about_trace(e));
	print(p, e);
}

void cw_pipeline_begin_event(struct pipeline *p, struct cw_event *e, enum cw_kind kind)
{
	(void)p;
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->boot_ns = cw_pipeline_now();
	e->origin.login_uid = CW_NO_UID;
	e->origin.session = CW_NO_UID;
}

void cw_pipeline_deliver_gap(struct pipeline *p, const char *class, uint64_t lost, uint64_t from_ns,
			uint64_t to_ns)
{
	struct cw_event e;

	cw_pipeline_begin_event(p, &e, CW_KIND_GAP);
	cw_event_add_uint(&e, "lost", lost);
	cw_event_add_string(&e, "class", class);
	cw_event_add_time(&e, "from", from_ns + p->wall_offset_ns);
	cw_event_add_time(&e, "to", to_ns + p->wall_offset_ns);
	cw_pipeline_deliver(p, &e);
}

static void deliver_canary(struct pipeline *p, bool ok, const char *wrong)
{
	struct cw_event e;

	cw_pipeline_begin_event(p, &e, CW_KIND_CANARY);
	cw_event_add_bool(&e, "ok", ok);
	if (!ok)
		cw_event_add_string(&e, "wrong", wrong);
	cw_pipeline_deliver(p, &e);
}

void cw_pipeline_deliver_access(struct pipeline *p, struct cw_event *e, const struct cw_proc *proc)
{
	cw_enrich_event(p->enrich, e, proc);
	p->events++;
	cw_pipeline_deliver(p, e);
}

/* ---- records ---- */

static void take_canary(struct pipeline *p, int answer)
{
	if (answer < 0)
		deliver_canary(p, false, p->canary.wrong);
	else if (!p->canary.flying)
		deliver_canary(p, true, NULL);
}

/* Who gets at a core dump gets at what the process had touched that it is of. */
static void take_core(struct pipeline *p, const struct cw_event *e,
		      const struct cw_decoded_record *d)
{
	struct cw_event peek;

	for (unsigned int at = 0; cw_assets_core(&p->assets, e, d, &at, &peek);)
		cw_pipeline_deliver_access(p, &peek, d->proc);
}

static bool identify(struct pipeline *p, struct cw_event *e, struct cw_decoded_record *d)
{
	bool attempt = d->type == CW_DECODED_ATTEMPT;

	if (e->kind == CW_KIND_MOUNT)
		return attempt ? cw_assets_look_up_mount(&p->assets, e, d) :
				 cw_assets_identify_mount(&p->assets, e, d);
	return attempt ? cw_assets_look_up(&p->assets, e, d) :
			 cw_assets_identify(&p->assets, e, d);
}

static int take_record(void *ctx, const struct cw_record *r, size_t size)
{
	struct pipeline *p = ctx;
	struct cw_decoded_record d;
	struct cw_event e;
	bool flying = p->canary.flying;
	int answer;

	if (cw_decode_record(p->decode, r, size, &e, &d)) {
		cw_pipeline_deliver_gap(p, "malformed", 1, cw_pipeline_now(), cw_pipeline_now());
		return 0;
	}
	switch (d.type) {
	case CW_DECODED_NOTHING:
		return 0;
	case CW_DECODED_TREE:
		/* Not at once: a compiler makes many, and until then opens ask all ancestors. */
		if (!p->next_names_ns)
			p->next_names_ns = cw_pipeline_now() + NAMES_EVERY_NS;
		return 0;
	case CW_DECODED_RESCAN:
		if (d.path)
			cw_trees_rescan_later(p, d.asset, d.path);
		return 0;
	case CW_DECODED_TAMPER:
		cw_tamper_take(p, &e, &d);
		return 0;
	case CW_DECODED_ATTEMPT:
	case CW_DECODED_EVENT:
		break;
	}
	if (d.asset == CW_ASSET_MAYBE) {
		cw_trees_read_names(p);
		d.asset = cw_kernel_marked(p->kernel, d.ino, d.dev);
		if (d.asset == CW_NO_ASSET)
			return 0;
	}
	cw_enrich_process(p->enrich, d.proc);
	if (d.proc && !e.process.exe_sha256 && d.proc->sha256[0])
		e.process.exe_sha256 = d.proc->sha256;
	e.process.unit = d.proc ? d.proc->unit : NULL;
	e.process.container = d.proc ? d.proc->container : NULL;
	answer = cw_canary_check(&p->canary, &e, &d);
	if (answer) {
		if (flying && !p->canary.flying)
			take_canary(p, answer);
		return 0;
	}
	if (d.asset == CW_ASSET_CORE) {
		take_core(p, &e, &d);
		return 0;
	}
	if (e.kind == CW_KIND_PEEK && d.target_ino)
		cw_assets_note_core(&p->assets, &e, &d);
	if (cw_self_file_event(&e, d.asset)) {
		cw_pipeline_deliver_access(p, &e, d.proc);
		cw_tamper_mark_soon(p);
		return 0;
	}
	if (identify(p, &e, &d)) {
		if (e.kind == CW_KIND_UNLINK)
			cw_assets_note_removed(&p->assets, &e, &d);
		else if (e.kind == CW_KIND_GONE)
			cw_assets_name_gone(&p->assets, &e, &d);
		cw_pipeline_deliver_access(p, &e, d.proc);
	}
	if (r->type == CW_RECORD_ACCESS)
		cw_kernel_set_quiet(p->kernel, (const struct cw_record_access *)r,
				    e.verdict.decision != CW_DECISION_FLAG);
	/* A root may be about to be moved or removed. */
	if ((e.kind == CW_KIND_RENAME || e.kind == CW_KIND_UNLINK) &&
	    cw_event_detail(&e, "directory"))
		cw_trees_check_roots_soon(p);
	return 0;
}

/* ---- losses ---- */

/* A whole file of the trace went for its budget, or will soon; its last block names it. */
static void deliver_dropped(struct pipeline *p, const struct cw_trace_dropped *d)
{
	char last[CW_SHA256_HEX];
	struct cw_event e;

	cw_sha256_hex(d->last, last);
	cw_pipeline_begin_event(p, &e, CW_KIND_GAP);
	cw_event_add_uint(&e, "lost", d->soon ? 0 : d->events);
	cw_event_add_string(&e, "class", "rotation");
	cw_event_add_time(&e, "from", d->from_ns);
	cw_event_add_time(&e, "to", d->to_ns);
	cw_event_add_string(&e, "file", d->name);
	cw_event_add_string(&e, "last_block", last);
	if (!d->soon) {
		p->dropped_files++;
		p->dropped_events += d->events;
	}
	cw_event_add_uint(&e, "files_in_all", p->dropped_files);
	cw_event_add_uint(&e, "lost_in_all", p->dropped_events);
	cw_pipeline_deliver(p, &e);
	cw_pipeline_say(d->soon ? "the budget of the trace is nearly used up: %s goes next" :
				  "the budget of the trace is used up: %s was deleted", d->name);
}

static void tell_trace(struct pipeline *p)
{
	struct cw_trace_dropped dropped;
	struct cw_recorder_loss loss;

	if (cw_recorder_take_loss(p->recorder, &loss))
		cw_pipeline_deliver_gap(p, "trace", loss.events, loss.from_ns, loss.to_ns);
	if (cw_recorder_take_short(p->recorder, &loss))
		cw_pipeline_deliver_gap(p, "keep", loss.events, loss.from_ns, loss.to_ns);
	while (cw_recorder_take_dropped(p->recorder, &dropped))
		deliver_dropped(p, &dropped);
}

/* What ended without a word: on the tracepoint rung, descriptors of high numbers. */
static void sweep(struct pipeline *p, uint64_t now)
{
	uint64_t n = cw_kernel_sweep(p->kernel);

	if (n)
		cw_pipeline_deliver_gap(p, "opens", n, p->swept_ns, now);
	p->swept_ns = now;
}

/* Of trees, as they are walked: at the start, and when a folder comes in. */
static void tell_blind(struct pipeline *p, uint64_t now)
{
	struct cw_watch_blind blind = cw_watch_blind(p->watch);
	uint64_t unmarked = blind.unmarked - p->blind.unmarked;
	uint64_t unnamed = blind.unnamed - p->blind.unnamed;
	struct cw_event e;

	if (unmarked)
		cw_pipeline_deliver_gap(p, "inodes", unmarked, p->losses_since_ns, now);
	if (unnamed) {
		cw_pipeline_begin_event(p, &e, CW_KIND_GAP);
		cw_event_add_uint(&e, "lost", 0); /* none yet */
		cw_event_add_string(&e, "class", "folders");
		cw_event_add_time(&e, "from", p->losses_since_ns + p->wall_offset_ns);
		cw_event_add_uint(&e, "folders", unnamed);
		cw_pipeline_deliver(p, &e);
	}
	p->blind = blind;
}

static void tell_losses(struct pipeline *p)
{
	static const char *const names[] = {
		"devices", "files", "processes", "tasks", "opens", "inodes", "executables",
		"connections", "streams", "uses", "paths", "attempts", "touches", "tampers",
	};
	struct cw_loss_count losses[CW_LOSS_MAX];
	struct cw_writer_loss out;
	uint64_t now = cw_pipeline_now();

	_Static_assert(CW_ARRAY_SIZE(names) == CW_LOSS_MAX, "a class of loss lacks its name");
	if (cw_kernel_take_losses(p->kernel, losses))
		for (int i = 0; i < CW_LOSS_MAX; i++)
			if (losses[i].count)
				cw_pipeline_deliver_gap(p, names[i], losses[i].count,
							p->losses_since_ns,
					    losses[i].last_ns);
	if (losses[CW_LOSS_OPENS].count || cw_kernel_needs_sweep(p->kernel))
		sweep(p, now);
	/* That a folder came in may be among it. */
	if (losses[CW_LOSS_FILES].count && !cw_kernel_tree_is_clean(p->kernel) &&
	    !cw_watch_unstable(p->watch))
		cw_trees_rescan_all_later(p);
	tell_blind(p, now);
	p->losses_since_ns = now;
	if (p->writer && cw_writer_take_loss(p->writer, &out))
		cw_pipeline_deliver_gap(p, "output", out.lines, out.from_ns, out.to_ns);
	if (p->recorder)
		tell_trace(p);
}

/* Tells once when a file cannot be written, and once when it can again. */
static void tell_error(const char *path, int error, int *told)
{
	if (error == *told)
		return;
	*told = error;
	if (error)
		cw_pipeline_say("cannot write %s: %s; what does not fit into memory meanwhile is "
				"counted",
		    path, strerror(-error));
	else
		cw_pipeline_say("%s can be written again", path);
}

static void tell_output(struct pipeline *p)
{
	const char *output = p->config->output ? p->config->output : "standard output";

	if (p->recorder)
		tell_error(p->config->trace, cw_recorder_error(p->recorder), &p->trace_error);
	if (!p->writer)
		return;
	if (cw_writer_broken(p->writer))
		p->stopping = true;
	else
		tell_error(output, cw_writer_error(p->writer), &p->output_error);
}

/* ---- policy ---- */

static void deliver_policy(struct pipeline *p, bool ok, const char *error)
{
	struct cw_event e;

	if (p->config->record)
		return;
	cw_pipeline_begin_event(p, &e, CW_KIND_POLICY);
	cw_event_add_bool(&e, "ok", ok);
	cw_event_add_string(&e, "sha256", cw_policy_sha256(p->policy));
	cw_event_add_string(&e, "file", cw_policy_name(p->policy));
	if (error)
		cw_event_add_string(&e, "error", error);
	cw_pipeline_deliver(p, &e);
}

/* From here on the policy is in force; a replay takes it up at the same place. */
static void record_policy(struct pipeline *p, bool reload)
{
	size_t len;
	const char *text = cw_policy_text(p->policy, &len);

	if (!p->recorder || p->config->record)
		return;
	if (!cw_recorder_policy(p->recorder, reload, cw_policy_name(p->policy), text, len))
		cw_pipeline_say("%s: no room for the policy; a replay has to be given it",
				p->config->trace);
}

static void apply_assets(struct pipeline *p, bool quiet)
{
	cw_auto_buf struct cw_buf found = { 0 }, problems = { 0 };

	cw_assets_apply(&p->assets, p->policy, &found, &problems);
	if (!quiet && found.data)
		fprintf(stderr, "\nWatching\n%s", found.data);
	say_lines("", problems.data);
	if (!p->n_rescans)
		cw_trees_complete(p, cw_kernel_tree_gen(p->kernel));
	cw_trees_check_roots(p);
}

static void reload_policy(struct pipeline *p)
{
	cw_auto_buf struct cw_buf errors = { 0 };
	struct cw_policy *next = NULL;

	if (cw_policy_load_or_default(p->config->policy, &errors, &next)) {
		say_lines("", errors.data);
		cw_pipeline_say("the policy is not reloaded, the one in force stays");
		deliver_policy(p, false, errors.data);
		return;
	}
	cw_policy_keep_usage(next, p->policy);
	cw_kernel_forget_quiet(p->kernel);
	cw_policy_free(p->policy);
	p->policy = next;
	record_policy(p, true);
	apply_assets(p, true);
	cw_pipeline_say("policy reloaded: %zu assets, %zu grants", cw_policy_n_assets(next),
	    cw_policy_n_grants(next));
	deliver_policy(p, true, NULL);
}

/* ---- start ---- */

static void read_line(const char *path, char *room, size_t size)
{
	cw_auto_fclose FILE *f = fopen(path, "re");

	if (!f || !fgets(room, (int)size, f))
		room[0] = '\0';
	room[strcspn(room, "\n")] = '\0';
}

static const char *exe_path(void *ctx, const struct cw_exe_key *key)
{
	struct pipeline *p = ctx;
	struct cw_exe exe;

	if (cw_kernel_exe(p->kernel, key, &exe) || !exe.path_len)
		return NULL;
	cw_buf_reset(&p->exe_path);
	cw_decode_path(&p->exe_path, exe.path,
		       exe.path_len < CW_PATH_SIZE ? exe.path_len : CW_PATH_SIZE, exe.path_flags,
		       NULL);
	return p->exe_path.data;
}

static const char *asset_root(void *ctx, uint32_t asset)
{
	struct pipeline *p = ctx;

	return cw_watch_root(p->watch, asset);
}

static int kernel_task(void *ctx, uint32_t tgid, struct cw_task *ret_task)
{
	struct pipeline *p = ctx;

	return cw_kernel_task(p->kernel, tgid, ret_task);
}

static int open_uevents(void)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_KOBJECT_UEVENT);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -errno;
	}
	return fd;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int open_output(struct pipeline *p)
{
	int r;

	if (p->config->record)
		return 0;
	r = cw_writer_open(p->config->output, OUTPUT_ROOM, &p->writer);
	if (r) {
		cw_pipeline_say("cannot open %s: %s; name a file that can be written",
		    p->config->output ? p->config->output : "standard output", strerror(-r));
		return r;
	}
	if (!p->config->output)
		cw_printer_ask_terminal(&p->printer);
	return 0;
}

/* Who we are, and the file that tells it. */
static int open_trace(struct pipeline *p)
{
	struct cw_recorder_config c = { .path = p->config->trace, .keys = p->config->keys,
					.boot_id = p->boot_id, .hub = p->hub,
					.version = CW_VERSION,
					.segment_bytes = p->config->segment_bytes,
					.segment_age_ns = p->config->segment_age_ns,
					.budget = p->config->trace_budget,
					.keep_ns = p->config->keep_ns,
					.keep_bytes = p->config->keep_bytes };
	cw_auto_buf struct cw_buf notes = { 0 };
	int r;

	read_line("/proc/sys/kernel/random/boot_id", p->boot_id, sizeof(p->boot_id));
	gethostname(p->hub, sizeof(p->hub) - 1);
	if (!p->config->trace)
		return 0;
	r = cw_recorder_open(&c, &notes, &p->recorder);
	say_lines("", notes.data);
	if (r)
		cw_pipeline_say("cannot record to %s: %s; name a file that can be made",
				p->config->trace,
		    strerror(-r));
	return r;
}

static int open_stages(struct pipeline *p)
{
	struct cw_decode_ops ops = { .ctx = p, .exe_path = exe_path, .asset_root = asset_root,
				     .task = kernel_task };
	bool fanotify = cw_ladder_on(&p->ladder, CW_CAP_NAMES, CW_PROBE_FANOTIFY);
	int r;

	r = cw_enrich_new(&p->enrich);
	if (!r)
		r = cw_decode_new(&ops, &p->decode);
	if (!r)
		r = cw_watch_new(p->kernel, fanotify, &p->watch);
	if (r) {
		cw_pipeline_say("cannot start: %s", strerror(-r));
		return r;
	}
	if (fanotify && cw_watch_fd(p->watch) < 0)
		cw_pipeline_say("this kernel has no fanotify with file handles (Linux 5.9, "
				"CONFIG_FANOTIFY): "
		    "names that are removed or moved are not seen");
	p->assets.kernel = p->kernel;
	p->assets.watch = p->watch;
	p->assets.enrich = p->enrich;
	return 0;
}

void cw_coverage_print(FILE *f, const struct cw_coverage *c);

static int try_kernel(struct pipeline *p, const struct cw_ladder_config *c, struct cw_buf *errors,
		      const char **ret_failed)
{
	int r = cw_ladder_decide(c, errors, &p->ladder);

	*ret_failed = NULL;
	if (r)
		return r;
	p->hardened = p->config->harden && !cw_ladder_harden(&p->ladder);
	r = cw_kernel_open(&p->ladder, errors, ret_failed, &p->kernel);
	cw_ladder_release(&p->ladder);
	return r;
}

/* Where a program cannot be attached, what it was for takes a lower rung. */
static int open_kernel(struct pipeline *p)
{
	struct cw_ladder_config c = { .best = p->config->best, .types = p->config->types };
	cw_auto_buf struct cw_buf errors = { 0 };
	const char *failed;
	int r;

	/* In an arena of its own, what a thread that loads needs for a moment would stay. */
	mallopt(M_ARENA_MAX, 1);
	/* Those that refuse (--harden) have none. */
	while ((r = try_kernel(p, &c, &errors, &failed)) && failed &&
	       !cw_ladder_without(&c, failed) && c.n_without < CW_WITHOUT_MAX) {
		say_lines("", errors.data);
		cw_buf_reset(&errors);
		c.without[c.n_without++] = failed;
	}
	if (r) {
		say_lines("", errors.data);
		return r;
	}
	/* To watch without it is better than not to watch. */
	if (p->config->harden && !p->hardened)
		cw_pipeline_say("--harden: cannot refuse anything on this kernel, only tell; boot "
				"with bpf in the list of security modules (lsm=…,bpf)");
	if (!p->config->quiet)
		cw_coverage_print(stderr, &p->ladder.coverage);
	return 0;
}

static void deliver_start(struct pipeline *p)
{
	struct cw_event e;

	record_policy(p, false);
	cw_pipeline_begin_event(p, &e, CW_KIND_START);
	cw_event_add_string(&e, "version", CW_VERSION);
	cw_event_add_string(&e, "kernel", p->ladder.coverage.kernel);
	cw_event_add_bool(&e, "hardened", p->hardened);
	cw_pipeline_deliver(p, &e);
	cw_life_start(p);
	deliver_policy(p, true, NULL);
	for (int c = 0; c < CW_CAP_MAX; c++) {
		const struct cw_coverage_row *row = &p->ladder.coverage.row[c];

		cw_pipeline_begin_event(p, &e, CW_KIND_COVERAGE);
		cw_event_add_string(&e, "capability", cw_capability_name(c));
		cw_event_add_string(&e, "rung", row->rung == CW_PROBE_NONE ?
							"none" : cw_probe_name(row->rung));
		cw_event_add_string(&e, "hooks", row->hooks);
		cw_event_add_string(&e, "blind", row->blind);
		cw_pipeline_deliver(p, &e);
	}
}

static void update_wall(struct pipeline *p)
{
	cw_life_clock(p, clock_ns(CLOCK_REALTIME) - cw_pipeline_now());
}

/*
 * What is needed to the end: maps and programs of modules that come later (BPF, PERFMON), processes
 * of others (SYS_PTRACE), files of others, and by their handles (DAC_READ_SEARCH).
 */
static void drop_rights(void)
{
	int r = cw_caps_keep(1ull << CAP_BPF | 1ull << CAP_PERFMON | 1ull << CAP_SYS_PTRACE |
			     1ull << CAP_DAC_READ_SEARCH);

	if (r)
		cw_pipeline_say("cannot give up rights that are not needed any more: %s",
				strerror(-r));
}

static int start(struct pipeline *p)
{
	unsigned int sessions = 0;
	int r;

	update_wall(p);
	p->losses_since_ns = p->skipped_since_ns = cw_pipeline_now();
	r = open_stages(p);
	if (r)
		return r;
	deliver_start(p);
	apply_assets(p, p->config->quiet);
	cw_tamper_start(p);
	r = cw_seed_run(p->kernel, &sessions);
	if (r)
		cw_pipeline_say("what was open before the start cannot be found: %s", strerror(-r));
	else if (sessions && !p->config->quiet)
		cw_pipeline_say("%u processes of sessions from elsewhere were here before",
				sessions);
	cw_kernel_freeze(p->kernel);
	if (cw_canary_start(&p->canary, p->kernel))
		deliver_canary(p, false, p->canary.wrong);
	p->signals = open_signals();
	p->uevents = open_uevents();
	p->clock = cw_life_clock_fd();
	p->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	malloc_trim(0); /* loading the probes took megabytes that nothing needs any more */
	drop_rights();
	p->next_canary_ns = cw_pipeline_now();
	if (p->config->duration_s)
		p->end_ns = cw_pipeline_now() + p->config->duration_s * CW_NSEC_PER_SEC;
	return 0;
}

/* ---- the loop ---- */

static void take_signals(struct pipeline *p)
{
	struct signalfd_siginfo s;

	while (read(p->signals, &s, sizeof(s)) == sizeof(s)) {
		int r;

		switch (s.ssi_signo) {
		case SIGHUP:
			reload_policy(p);
			break;
		case SIGUSR1:
			r = p->writer ? cw_writer_reopen(p->writer) : 0;
			if (r)
				cw_pipeline_say("cannot open %s again: %s; the old file is written "
						"on",
				    p->config->output, strerror(-r));
			break;
		default:
			p->stopping = true;
			p->stop_signal = s.ssi_signo;
			p->stop_pid = s.ssi_code <= 0 ? s.ssi_pid : 0;
			p->stop_uid = s.ssi_uid;
		}
	}
}

static void take_uevents(struct pipeline *p)
{
	char buf[4096];
	bool devices = false, modules = false, disks = false;
	ssize_t n;

	while ((n = recv(p->uevents, buf, sizeof(buf) - 1, 0)) > 0) {
		buf[n] = '\0';
		for (char *s = buf; s < buf + n; s += strlen(s) + 1) {
			modules = modules || !strcmp(s, "SUBSYSTEM=module");
			devices = devices || !strcmp(s, "SUBSYSTEM=video4linux") ||
				  !strcmp(s, "SUBSYSTEM=sound") || !strcmp(s, "SUBSYSTEM=media") ||
				  !strcmp(s, "SUBSYSTEM=usb") || !strcmp(s, "SUBSYSTEM=usbmon");
			disks = disks || !strcmp(s, "SUBSYSTEM=block");
		}
	}
	if (modules)
		cw_kernel_attach_modules(p->kernel);
	if (devices || modules)
		cw_assets_refresh_devices(&p->assets);
	if (disks)
		cw_assets_refresh_disks(&p->assets);
}

static void tell_skipped(struct pipeline *p)
{
	uint64_t n = cw_kernel_take_skipped(p->kernel), now = cw_pipeline_now();

	if (n)
		cw_pipeline_deliver_gap(p, "skipped", n, p->skipped_since_ns, now);
	p->skipped_since_ns = now;
}

/* What is done once a minute: the canary, and what nothing tells of. */
static void run_canary(struct pipeline *p)
{
	uint64_t now = cw_pipeline_now();

	if (p->canary.flying && now - p->canary.since_ns > CANARY_PATIENCE_NS) {
		p->canary.flying = false;
		deliver_canary(p, false, "no event came of it within 5 seconds");
	}
	if (now < p->next_canary_ns)
		return;
	p->next_canary_ns = now + CANARY_EVERY_NS;
	tell_skipped(p);
	cw_trees_check_roots(p);
	cw_tamper_mark(p);
	sweep(p, now);
	if (p->canary.fd < 0 || !p->canary.ino)
		deliver_canary(p, false, "it has no object");
	else
		cw_canary_fly(&p->canary, now);
}

/* A file cannot be written, or a loss waits to be told: nothing wakes us when that is over. */
static bool has_trouble(const struct pipeline *p)
{
	if (p->writer && (cw_writer_error(p->writer) || cw_writer_has_loss(p->writer)))
		return true;
	return p->recorder && (cw_recorder_error(p->recorder) || cw_recorder_has_loss(p->recorder));
}

/* Milliseconds until something has to be done, -1: nothing. */
static int next_deadline(const struct pipeline *p, int names_ms)
{
	uint64_t now = cw_pipeline_now(), at = p->next_canary_ns;

	if (p->end_ns && p->end_ns < at)
		at = p->end_ns;
	if (p->next_roots_ns && p->next_roots_ns < at)
		at = p->next_roots_ns;
	if (p->next_names_ns && p->next_names_ns < at)
		at = p->next_names_ns;
	if (p->next_self_ns && p->next_self_ns < at)
		at = p->next_self_ns;
	if (cw_life_check_ns(p) < at)
		at = cw_life_check_ns(p);
	if (p->canary.flying && p->canary.since_ns + CANARY_PATIENCE_NS < at)
		at = p->canary.since_ns + CANARY_PATIENCE_NS;
	if (p->rescan_all_ns && p->rescan_all_ns < at)
		at = p->rescan_all_ns;
	if (p->next_look_ns && p->next_look_ns < at)
		at = p->next_look_ns;
	if (cw_kernel_has_records(p->kernel) && now + 1000000 < at)
		at = now + 1000000;
	if (p->n_rescans && now + 10 * 1000000 < at)
		at = now + 10 * 1000000;
	if (has_trouble(p) && now + CW_NSEC_PER_SEC / 4 < at)
		at = now + CW_NSEC_PER_SEC / 4;
	if (names_ms >= 0 && now + (uint64_t)names_ms * 1000000 < at)
		at = now + (uint64_t)names_ms * 1000000;
	return at <= now ? 0 : (int)((at - now + 999999) / 1000000);
}

static void run_deadlines(struct pipeline *p)
{
	uint64_t now = cw_pipeline_now();

	if (p->next_roots_ns && now >= p->next_roots_ns)
		cw_trees_check_roots(p);
	if (p->rescan_all_ns && now >= p->rescan_all_ns)
		cw_trees_rescan_all(p);
	if (p->next_self_ns && now >= p->next_self_ns)
		cw_tamper_run(p);
	run_canary(p);
	if (p->end_ns && now >= p->end_ns)
		p->stopping = true;
}

/*
 * What was judged before comes without waking us, as long as we look by ourselves: for half a
 * second after the last record. Then one more look, for what was on its way just then. Where every
 * event is printed, somebody waits for it.
 */
static void plan_look(struct pipeline *p, bool any)
{
	uint64_t now = cw_pipeline_now();

	if (p->config->all || (!any && (!p->next_look_ns || now < p->next_look_ns)))
		return;
	if (any) {
		cw_kernel_will_look(p->kernel, now + CW_QUIET_NS);
		p->next_look_ns = now + CW_QUIET_NS;
	} else {
		cw_kernel_will_look(p->kernel, 0);
		p->next_look_ns = p->looked_idle ? 0 : now + CW_QUIET_NS;
	}
	p->looked_idle = !any;
}

static void drain(struct pipeline *p)
{
	update_wall(p);
	plan_look(p, cw_kernel_consume(p->kernel, take_record, p) > 0);
	tell_losses(p); /* before any tree is said to be complete */
	if (p->n_rescans)
		cw_trees_run_rescans(p);
}

static void loop(struct pipeline *p)
{
	struct pollfd fds[] = {
		{ .fd = cw_kernel_fd(p->kernel), .events = POLLIN },
		{ .fd = p->signals, .events = POLLIN },
		{ .fd = cw_watch_fd(p->watch), .events = POLLIN },
		{ .fd = p->uevents, .events = POLLIN },
		{ .fd = p->mounts, .events = POLLPRI },
		{ .fd = cw_watch_roots_fd(p->watch), .events = POLLIN },
		{ .fd = p->self.fan, .events = POLLIN },
		{ .fd = p->clock, .events = POLLIN },
	};
	int names_ms = 0;

	while (!p->stopping) {
		int wait_ms = next_deadline(p, names_ms), r;

		cw_life_sleeps(p, wait_ms);
		r = poll(fds, CW_ARRAY_SIZE(fds), wait_ms);
		if (r < 0 && errno != EINTR)
			break;
		drain(p);
		names_ms = cw_trees_run_names(p);
		if (fds[1].revents)
			take_signals(p);
		cw_life_woke(p);
		cw_life_sign(p);
		if (fds[3].revents & POLLIN)
			take_uevents(p);
		if (fds[4].revents & (POLLPRI | POLLERR)) {
			cw_trees_check_roots(p);
			cw_watch_mounts(p->watch);
			cw_assets_refresh_disks(&p->assets);
		}
		if (fds[5].revents & POLLIN)
			cw_trees_check_roots(p);
		if (fds[6].revents & POLLIN)
			cw_tamper_mark_soon(p);
		/* That it was set is all there is to read; the jump itself is told by now. */
		if (fds[7].revents & POLLIN)
			(void)!read(p->clock, &(uint64_t){ 0 }, sizeof(uint64_t));
		run_deadlines(p);
		tell_output(p);
	}
}

/* ---- end ---- */

/* Who asked for the end, if somebody did; a terminal's Ctrl-C is sent by the kernel. */
static void add_stopper(struct pipeline *p, struct cw_event *e)
{
	const char *name = p->stop_signal ? sigabbrev_np((int)p->stop_signal) : NULL;

	if (!name)
		return;
	cw_event_add_string(e, "signal", name);
	if (!p->stop_pid)
		return;
	cw_event_add_uint(e, "by_pid", p->stop_pid);
	cw_event_add_uint(e, "by_uid", p->stop_uid);
}

static void finish(struct pipeline *p)
{
	struct cw_event e;
	uint64_t lost;

	if (p->decode) {
		drain(p);
		cw_trees_run_names(p);
		tell_skipped(p);
		cw_pipeline_begin_event(p, &e, CW_KIND_STOP);
		cw_event_add_string(&e, "version", CW_VERSION);
		cw_event_add_uint(&e, "events", p->events);
		if (!p->config->record)
			cw_event_add_uint(&e, "flags", p->printer.flags);
		add_stopper(p, &e);
		cw_pipeline_deliver(p, &e);
	}
	cw_alive_close(CW_TAKE_PTR(p->alive));
	lost = cw_recorder_close(p->recorder, CLOSE_PATIENCE_MS);
	if (lost)
		cw_pipeline_say("%s: %llu events could not be recorded", p->config->trace,
		    (unsigned long long)lost);
	lost = cw_writer_close(p->writer, CLOSE_PATIENCE_MS);
	if (lost)
		cw_pipeline_say("%llu lines could not be written", (unsigned long long)lost);
}

static void summary(const struct pipeline *p)
{
	fprintf(stderr, "camwarden: %llu accesses", (unsigned long long)p->events);
	if (!p->config->record) {
		fputs(", ", stderr);
		cw_printer_summary(&p->printer, stderr);
	}
	fputc('\n', stderr);
}

static void free_pipeline(struct pipeline *p)
{
	cw_canary_stop(&p->canary);
	cw_assets_free(&p->assets);
	cw_self_stop(&p->self);
	for (unsigned int i = 0; i < p->n_rescans; i++)
		free(p->rescan[i].path);
	cw_decode_free(p->decode);
	cw_watch_free(p->watch);
	cw_kernel_close(p->kernel);
	cw_enrich_free(p->enrich);
	cw_policy_free(p->policy);
	cw_printer_free(&p->printer);
	cw_buf_free(&p->exe_path);
	cw_closep(&p->signals);
	cw_closep(&p->uevents);
	cw_closep(&p->mounts);
	cw_closep(&p->clock);
}

int cw_pipeline_run(const struct cw_run_config *config)
{
	struct pipeline p = { .config = config, .signals = -1, .uevents = -1, .mounts = -1,
			      .canary.fd = -1, .self.fan = -1, .clock = -1,
			      .printer = { .format = config->format, .all = config->all } };
	cw_auto_buf struct cw_buf errors = { 0 };
	int status = CW_EXIT_FAILED, r;

	cw_caps_close_process();
	r = cw_policy_load_or_default(config->policy, &errors, &p.policy);
	if (r) {
		say_lines("", errors.data);
		free_pipeline(&p);
		return r == -EINVAL ? CW_EXIT_USAGE : CW_EXIT_FAILED;
	}
	if (!open_kernel(&p) && !open_output(&p)) {
		if (!open_trace(&p) && !start(&p)) {
			/* The kernel's type information is large, and was needed only to load. */
			malloc_trim(0);
			if (p.recorder) /* how it began is in the trace, whatever comes */
				cw_recorder_urgent(p.recorder, false);
			if (!config->quiet)
				fprintf(stderr, "\ncamwarden: %s%s; Ctrl-C ends\n",
					config->record ? "recording to " : "watching",
					config->record ? config->trace : "");
			loop(&p);
			status = p.printer.flags ? CW_EXIT_FLAGGED : CW_EXIT_OK;
		}
		finish(&p);
		if (status != CW_EXIT_FAILED && !config->quiet)
			summary(&p);
		status = p.printer.flags && status == CW_EXIT_OK ? CW_EXIT_FLAGGED : status;
	}
	free_pipeline(&p);
	return status;
}
