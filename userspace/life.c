// SPDX-License-Identifier: Apache-2.0
/*
 * When the agent was not running, and what the clock did: holes left by one that ended without a
 * word, time in which this one was stopped or frozen, and jumps of the wall clock.
 */
#include <sys/timerfd.h>
#include <time.h>

#include "pipeline_state.h"

#define LATE_NS	 (5 * CW_NSEC_PER_SEC) /* overslept by that much: it was not let run */
#define JUMP_NS	 (CW_NSEC_PER_SEC / 20) /* less is the clock being slowed or hurried */
#define STOP_NS	 CW_NSEC_PER_SEC	       /* a stop that took less is only told as tampering */
#define CHECK_NS (CW_NSEC_PER_SEC / 5)

/* Time in which the machine itself sleeps is no hole. */
static uint64_t awake_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * CW_NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

/* ---- the one before ---- */

static void take_hole(void *ctx, const struct cw_alive_hole *h)
{
	struct pipeline *p = ctx;
	struct cw_event e;

	cw_pipeline_begin_event(p, &e, CW_KIND_GAP);
	cw_event_add_string(&e, "class", "agent");
	cw_event_add_time(&e, "from", h->wall_ns);
	cw_event_add_time(&e, "to", e.boot_ns + p->wall_offset_ns);
	cw_event_add_string(&e, "ended", cw_streq(h->boot_id, p->boot_id) ?
						 "without a stop" : "with the boot");
	cw_event_add_uint(&e, "pid", h->pid);
	cw_pipeline_deliver(p, &e);
}

static const char *state_dir(const struct pipeline *p, char *room, size_t size)
{
	const char *set = getenv("STATE_DIRECTORY"); /* systemd.exec(5); several, with colons */

	if (p->config->state)
		return p->config->state;
	if (!set || *set != '/')
		return CW_STATE_DIR;
	snprintf(room, size, "%.*s", (int)strcspn(set, ":"), set);
	return room;
}

void cw_life_start(struct pipeline *p)
{
	char room[4096];
	const char *dir = state_dir(p, room, sizeof(room));
	int r = cw_alive_open(dir, p->boot_id, take_hole, p, &p->alive);

	if (r)
		cw_pipeline_say("%s: %s; if camwarden is killed, the next start cannot tell since "
				"when", dir, strerror(-r));
	cw_life_sign(p);
}

void cw_life_sign(struct pipeline *p)
{
	uint64_t now = cw_pipeline_now();

	cw_alive_sign(p->alive, now, now + p->wall_offset_ns);
	p->last_sign_ns = now;
}

/* ---- stopped ---- */

void cw_life_sleeps(struct pipeline *p, int timeout_ms)
{
	p->wake_ns = timeout_ms < 0 ? UINT64_MAX :
				      awake_ns() + (uint64_t)timeout_ms * 1000000ull;
}

void cw_life_stops(struct pipeline *p, uint64_t since_ns)
{
	p->stopped_ns = since_ns;
}

/* Not stopped, it would be awake by then: next_deadline() sees to it. */
uint64_t cw_life_check_ns(const struct pipeline *p)
{
	return p->stopped_ns ? p->stopped_ns + CHECK_NS : UINT64_MAX;
}

void cw_life_woke(struct pipeline *p)
{
	uint64_t now = cw_pipeline_now(), awake = awake_ns(), from = p->stopped_ns;
	bool late = p->wake_ns != UINT64_MAX && awake > p->wake_ns + LATE_NS;

	if (!late && now < cw_life_check_ns(p))
		return;
	if (!from)
		from = now - (awake - p->wake_ns);
	if (now - from > STOP_NS)
		cw_pipeline_deliver_gap(p, "stopped", 0, from, now);
	p->stopped_ns = 0;
}

/* ---- the wall clock ---- */

void cw_life_clock(struct pipeline *p, uint64_t offset_ns)
{
	int64_t jump = (int64_t)(offset_ns - p->wall_offset_ns);
	uint64_t old = p->wall_offset_ns;
	struct cw_event e;

	p->wall_offset_ns = offset_ns;
	p->clock_set = false;
	if (!old || (jump < (int64_t)JUMP_NS && jump > -(int64_t)JUMP_NS))
		return;
	/* Who set it stands in a record that comes after this. */
	p->clock_set = true;
	p->old_offset_ns = old;
	cw_pipeline_begin_event(p, &e, CW_KIND_TAMPER);
	e.asset.kind = CW_ASSET_SELF;
	e.asset.name = "camwarden";
	cw_event_add_string(&e, "what", "wall clock jumped");
	cw_event_add_time(&e, "from", e.boot_ns + old);
	cw_event_add_time(&e, "to", e.boot_ns + offset_ns);
	cw_event_add_double(&e, "seconds", (double)jump / 1e9);
	cw_pipeline_deliver(p, &e);
}

/* Readable when the clock is set. -1: the kernel has none; then it shows at the next event. */
int cw_life_clock_fd(void)
{
	struct itimerspec never = { .it_value.tv_sec = INT32_MAX };
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd >= 0 &&
	    timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL)) {
		close(fd);
		return -1;
	}
	return fd;
}
