/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is watched on this machine: joins the assets of the policy to the devices and folders that
 * are really there, and says which event is about which. Part of the pipeline.
 */
#ifndef CW_ASSETS_H
#define CW_ASSETS_H

#include "decode/decode.h"
#include "enrich/disk.h"
#include "enrich/enrich.h"
#include "policy/policy.h"
#include "source/watch.h"

#define CW_CORES_MAX 32

/* What is in a core dump: one object that its process had touched. */
struct cw_core {
	uint64_t ino; /* of the core */
	uint32_t dev;
	uint32_t victim_pid;
	struct cw_decoded_record object;
	struct cw_asset asset;
	char *path; /* of the object; NULL: unknown */
};

#define CW_GONE_MAX 64

/* A name that was removed lately. */
struct cw_gone {
	uint64_t ino; /* 0: none */
	uint32_t dev;
	char *path;
};

struct cw_assets {
	struct cw_kernel *kernel;
	struct cw_watch *watch;
	struct cw_enrich *enrich;
	bool retired[CW_ASSETS_MAX]; /* trees that the policy no longer names */
	/* Device numbers that the policy names by a node that is no camera by itself. */
	struct cw_stand_in {
		uint32_t rdev;
		enum cw_asset_kind kind;
		char node[128];
	} stand_in[CW_ASSETS_MAX];
	unsigned int n_stand_ins;
	struct cw_gone gone[CW_GONE_MAX]; /* the oldest goes */
	unsigned int next_gone;
	struct cw_buf holders; /* of the last that was removed */
	struct cw_disks *disks; /* below the trees, for each its index; NULL: none */
	uint32_t disk_tree[CW_DISKS_MAX];
	struct cw_core core[CW_CORES_MAX]; /* the oldest goes */
	unsigned int next_core;
	char real_name[4096]; /* of the object that was looked up last */
};

/*
 * Watches the devices and the assets of `p`, at start and after a reload. What cannot be watched is
 * a line in `problems`; `found` gets a line for each asset that is watched.
 */
void cw_assets_apply(struct cw_assets *a, const struct cw_policy *p, struct cw_buf *found,
		     struct cw_buf *problems);
/* Devices came or went: majors that drivers choose, cameras behind usbfs. */
void cw_assets_refresh_devices(struct cw_assets *a);
/* ---- disks.c ---- */
/* Trees, mounts or block devices changed: which devices and files have what is in the trees. */
void cw_assets_refresh_disks(struct cw_assets *a);
/* The same answer as cw_assets_identify(), for an object of asset CW_ASSET_BELOW. */
bool cw_assets_identify_disk(struct cw_assets *a, struct cw_event *e,
			     const struct cw_decoded_record *r);
/* True: the device is below a tree. */
bool cw_assets_is_disk(const struct cw_assets *a, uint32_t mode, uint32_t rdev);

/* ---- holders.c ---- */
/* A name of a recording is removed: adds who has the file open or mapped, by what is remembered. */
void cw_assets_note_removed(struct cw_assets *a, struct cw_event *e,
			    const struct cw_decoded_record *r);
/* The file is gone: adds the name that it had last. */
void cw_assets_name_gone(struct cw_assets *a, struct cw_event *e,
			 const struct cw_decoded_record *r);

/* ---- mounts.c ---- */
/* The same answer for a change of mounts, and for one that is known by a path only. */
bool cw_assets_identify_mount(struct cw_assets *a, struct cw_event *e,
			      const struct cw_decoded_record *r);
bool cw_assets_look_up_mount(struct cw_assets *a, struct cw_event *e,
			     const struct cw_decoded_record *r);

/*
 * Completes the asset part of an event about a device or a tree. False: the object turned out not
 * to be watched (a codec, a playback device, a retired tree), and the event is nobody's business.
 */
bool cw_assets_identify(struct cw_assets *a, struct cw_event *e,
			const struct cw_decoded_record *r);
/* A core dump that was written: what `e` was about is in it. */
void cw_assets_note_core(struct cw_assets *a, const struct cw_event *e,
			 const struct cw_decoded_record *r);
/*
 * An access to a core dump becomes one to what is in it: *at counts, from 0. False: nothing
 * (more) is known to be in it. Strings live until the next call.
 */
bool cw_assets_core(struct cw_assets *a, const struct cw_event *e,
		    const struct cw_decoded_record *r, unsigned int *at,
		    struct cw_event *ret_event);
void cw_assets_free(struct cw_assets *a);
/* Finds the object of a call that named it by path; the same answer. */
bool cw_assets_look_up(struct cw_assets *a, struct cw_event *e, struct cw_decoded_record *r);

#endif
