/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events in the Elastic Common Schema, version 8.11, a line each: a flag is an alert, everything
 * else an event. What the schema has no field for stands under `camwarden`, as the schema asks of
 * fields of one's own.
 */
#ifndef CW_ECS_H
#define CW_ECS_H

#include "base/buf.h"
#include "model/event.h"

#define CW_ECS_VERSION "8.11.0"

void cw_ecs_event(struct cw_buf *b, const struct cw_event *e);

#endif
