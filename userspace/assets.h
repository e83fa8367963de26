/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is watched on this machine: joins the assets of the policy to the devices and folders that
 * are really there, and says which event is about which. Part of the pipeline.
 */
#ifndef CW_ASSETS_H
#define CW_ASSETS_H

#include "decode/decode.h"
#include "enrich/enrich.h"
#include "policy/policy.h"
#include "source/watch.h"

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

/*
 * Completes the asset part of an event about a device or a tree. False: the object turned out not
 * to be watched (a codec, a playback device, a retired tree), and the event is nobody's business.
 */
bool cw_assets_identify(struct cw_assets *a, struct cw_event *e,
			const struct cw_decoded_record *r);
/* Finds the object of a call that named it by path; the same answer. */
bool cw_assets_look_up(struct cw_assets *a, struct cw_event *e, struct cw_decoded_record *r);

#endif
