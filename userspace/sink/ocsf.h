/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events in the Open Cybersecurity Schema Framework, version 1.7.0 (schema.ocsf.io), a line each:
 *
 * - an access becomes File System Activity (1001). A camera or microphone is a file of the type
 *   "character device" there: Peripheral Activity (1010) knows only of devices that come and go.
 * - a flag becomes a Detection Finding (2004); a flagged access has both lines, and the finding
 *   names the activity in finding_info.related_events.
 * - start and stop of the agent become Application Lifecycle (6002), and what else it says of
 *   itself without being flagged a Base Event (0).
 *
 * What the schema has no place for stands in `unmapped`.
 */
#ifndef CW_OCSF_H
#define CW_OCSF_H

#include "base/buf.h"
#include "model/event.h"

#define CW_OCSF_VERSION "1.7.0"

void cw_ocsf_event(struct cw_buf *b, const struct cw_event *e);

#endif
