/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which program serves which capability on this kernel. Owns the table of rungs; decides, loads
 * nothing but tiny test programs.
 */
#ifndef CW_LADDER_H
#define CW_LADDER_H

#include "base/buf.h"
#include "model/coverage.h"
#include "source/types.h"

#define CW_RUNG_PROGRAMS_MAX 20
#define CW_PROGRAMS_MAX	     128
#define CW_WITHOUT_MAX	     16

/* One way to a capability: all its programs, or the way is not there. */
struct cw_way {
	enum cw_capability capability;
	enum cw_probe rung;
	/* Names in bpf/; "a|b": the first that the kernel has; "?a": left out if not there. */
	const char *programs[CW_RUNG_PROGRAMS_MAX];
	const char *blind;
	const char *improve;
	/*
	 * Whatever follows an open file takes it from where the opens are seen: as files by hooks,
	 * or as descriptors by system calls. Programs that two rungs share belong to that of the
	 * opens.
	 */
	enum {
		CW_NEEDS_NOTHING,
		CW_NEEDS_OPEN_LSM,
		CW_NEEDS_FILES,
		CW_NEEDS_DESCRIPTORS,
	} needs;
};

enum cw_hook_kind {
	CW_HOOK_LSM,
	CW_HOOK_LSM_ENTRY, /* fentry at the function that a hook calls */
	CW_HOOK_FENTRY,
	CW_HOOK_FEXIT,
	CW_HOOK_KPROBE,
	CW_HOOK_KRETPROBE,
	CW_HOOK_TP_BTF,
	CW_HOOK_RAW_TP, /* a tracepoint by its name */
	CW_HOOK_ITER,
	CW_HOOK_DEMAND, /* run by the agent itself */
	CW_HOOK_MAX,
};

struct cw_ladder_config {
	enum cw_probe best; /* CW_PROBE_LSM for all, or lower: what a lesser kernel would see */
	const char *types;  /* a file that describes the kernel's types (BTF), or NULL: its own */
	bool attach;	    /* each hook is tried by attaching: slow, and sure */
	const char *without[CW_WITHOUT_MAX]; /* programs that could not be attached */
	unsigned int n_without;
};

struct cw_ladder {
	struct cw_ladder_config config;
	struct cw_types types; /* closed when all is decided */
	/* What the calibration object saw. */
	enum { CW_UNTRIED, CW_RUNS, CW_FAILS } runs[CW_HOOK_MAX];
	bool raw_tp;
	bool preemptible; /* a process can take the processor from another inside the kernel */
	unsigned int hz; /* jiffies a second; 0: unknown */
	bool io_complete_by_cqe;
	bool global_functions; /* else the programs for kernels before 5.13 */
	const struct cw_way *way[CW_CAP_MAX]; /* NULL: none */
	const char *program[CW_PROGRAMS_MAX]; /* chosen, by name in bpf/ */
	unsigned int n_programs;
	struct cw_coverage coverage;
	struct cw_ladder_hold *hold; /* see cw_ladder_release() */
};

/*
 * Finds out and decides. Faults that end the matter (no permission, no types, kernel too old) are a
 * line in `errors` and a negative errno.
 */
int cw_ladder_decide(const struct cw_ladder_config *config, struct cw_buf *errors,
		     struct cw_ladder *ret_ladder);

/* To be called when the probes are attached, or are not going to be. */
void cw_ladder_release(struct cw_ladder *l);

/*
 * Has what is done to the agent refused, too. -EOPNOTSUPP: only a security module can, and BPF is
 * none here; nothing is changed then.
 */
int cw_ladder_harden(struct cw_ladder *l);

/* True if that program is left out already. */
bool cw_ladder_without(const struct cw_ladder_config *c, const char *program);
/* True if the program of that name was chosen. */
bool cw_ladder_uses(const struct cw_ladder *l, const char *program);
/* True if the capability is served by that rung. */
bool cw_ladder_on(const struct cw_ladder *l, enum cw_capability c, enum cw_probe rung);

#endif
