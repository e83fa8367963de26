/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adds to an event what the machine knows: names of users, hash of the executable, unit, container,
 * identity of a device, type of origin. Each fact once per process or device; what cannot be found
 * stays unknown.
 */
#ifndef CW_ENRICH_H
#define CW_ENRICH_H

#include "enrich/device.h"
#include "model/process.h"

struct cw_enrich;

int cw_enrich_new(struct cw_enrich **ret_enrich);
void cw_enrich_free(struct cw_enrich *e);

/* Unit and container alone, which takes no time. */
void cw_enrich_place(struct cw_proc *p);
/* The facts of a process that are looked for once, before its first event is filled in. */
void cw_enrich_process(struct cw_enrich *e, struct cw_proc *p);
/* Names and type of origin of an event whose process part is filled in. Strings: until the next. */
void cw_enrich_event(struct cw_enrich *e, struct cw_event *ev, const struct cw_proc *p);

/* The identity of a device number, cached. Never NULL; kind CW_ASSET_NONE: not to be watched. */
const struct cw_device_info *cw_enrich_device(struct cw_enrich *e, uint32_t major, uint32_t minor);
/* A number may belong to another device now; or all may (major UINT32_MAX). */
void cw_enrich_forget_device(struct cw_enrich *e, uint32_t major, uint32_t minor);

#endif
