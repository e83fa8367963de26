// SPDX-License-Identifier: Apache-2.0
/* How bad a flag is and what it is called elsewhere: tables only. */
#include "policy/compiled.h"

enum action { ACTION_READ, ACTION_CHANGE, ACTION_DESTROY };

static enum action action_of(const struct cw_event *e)
{
	switch (e->kind) {
	case CW_KIND_UNLINK:
	case CW_KIND_TRUNCATE:
		return ACTION_DESTROY;
	case CW_KIND_CREATE:
	case CW_KIND_RENAME:
	case CW_KIND_LINK:
	case CW_KIND_ATTR:
	case CW_KIND_MOUNT:
		return ACTION_CHANGE;
	default:
		break;
	}
	if (e->asset.access & (CW_ACCESS_DELETE | CW_ACCESS_TRUNCATE))
		return ACTION_DESTROY;
	/* Who can read and write has read. */
	if ((e->asset.access & (CW_ACCESS_WRITE | CW_ACCESS_CREATE)) &&
	    !(e->asset.access & CW_ACCESS_READ))
		return ACTION_CHANGE;
	return ACTION_READ;
}

/*
 * T1125 Video Capture, T1123 Audio Capture, T1005 Data from Local System, T1565.001 Stored Data
 * Manipulation, T1070.004 File Deletion, T1006 Direct Volume Access. Devices are not told apart by
 * action. A refused attempt is medium whatever it was after.
 */
static const struct {
	enum cw_asset_kind kind;
	enum action action;
	const char *technique;
	enum cw_severity employee;
	enum cw_severity remote;
	enum cw_severity service;
} grades[] = {
#define LOW    CW_SEVERITY_LOW
#define MEDIUM CW_SEVERITY_MEDIUM
#define HIGH   CW_SEVERITY_HIGH
	{ CW_ASSET_CAMERA, ACTION_READ, "T1125", HIGH, HIGH, HIGH },
	{ CW_ASSET_CAMERA, ACTION_CHANGE, "T1125", HIGH, HIGH, HIGH },
	{ CW_ASSET_CAMERA, ACTION_DESTROY, "T1125", HIGH, HIGH, HIGH },
	{ CW_ASSET_MICROPHONE, ACTION_READ, "T1123", HIGH, HIGH, HIGH },
	{ CW_ASSET_MICROPHONE, ACTION_CHANGE, "T1123", HIGH, HIGH, HIGH },
	{ CW_ASSET_MICROPHONE, ACTION_DESTROY, "T1123", HIGH, HIGH, HIGH },
	{ CW_ASSET_RECORDINGS, ACTION_READ, "T1005", MEDIUM, HIGH, MEDIUM },
	{ CW_ASSET_RECORDINGS, ACTION_CHANGE, "T1565.001", MEDIUM, HIGH, MEDIUM },
	{ CW_ASSET_RECORDINGS, ACTION_DESTROY, "T1070.004", HIGH, HIGH, MEDIUM },
	{ CW_ASSET_SHM, ACTION_READ, "T1125", MEDIUM, HIGH, MEDIUM },
	{ CW_ASSET_SHM, ACTION_CHANGE, "T1565.001", MEDIUM, HIGH, MEDIUM },
	{ CW_ASSET_SHM, ACTION_DESTROY, "T1070.004", MEDIUM, HIGH, MEDIUM },
	{ CW_ASSET_DISK, ACTION_READ, "T1006", HIGH, HIGH, MEDIUM },
	{ CW_ASSET_DISK, ACTION_CHANGE, "T1006", HIGH, HIGH, MEDIUM },
	{ CW_ASSET_DISK, ACTION_DESTROY, "T1006", HIGH, HIGH, MEDIUM },
};

/* Lost sight of a device, or of who people are, leaves questions that nothing else answers. */
static const struct {
	const char *class;
	enum cw_severity severity;
} gaps[] = {
	{ "files", HIGH },
	{ "names", HIGH },
	{ "folders", HIGH },
	{ "attempts", HIGH },
	{ "streams", MEDIUM },
	{ "paths", MEDIUM },
	{ "output", MEDIUM },
	{ "rotation", MEDIUM },
	{ "keep", MEDIUM },
};

enum cw_class cw_policy_class(const struct cw_event *e)
{
	if (e->origin.type == CW_ORIGIN_REMOTE || (e->origin.family && !e->origin.hop_local))
		return CW_CLASS_REMOTE;
	return e->origin.type == CW_ORIGIN_LOGIN ? CW_CLASS_EMPLOYEE : CW_CLASS_SERVICE;
}

static enum cw_severity severity_of(const struct cw_event *e, enum cw_class class, size_t grade)
{
	if (e->kind == CW_KIND_DENIED || class == CW_CLASS_LIMIT)
		return MEDIUM;
	if (class == CW_CLASS_REMOTE)
		return grades[grade].remote;
	return class == CW_CLASS_EMPLOYEE ? grades[grade].employee : grades[grade].service;
}

void cw_policy_grade(const struct cw_event *e, enum cw_class class, struct cw_verdict *ret_verdict)
{
	enum action action = action_of(e);

	ret_verdict->decision = CW_DECISION_FLAG;
	ret_verdict->class = class;
	ret_verdict->severity = MEDIUM;
	ret_verdict->technique = NULL;
	for (size_t i = 0; i < CW_ARRAY_SIZE(grades); i++) {
		if (grades[i].kind != e->asset.kind || grades[i].action != action)
			continue;
		ret_verdict->severity = severity_of(e, class, i);
		ret_verdict->technique = grades[i].technique;
		return;
	}
}

enum cw_severity cw_policy_gap_severity(const struct cw_event *e)
{
	const struct cw_detail *d = cw_event_detail(e, "class");

	for (size_t i = 0; d && d->type == CW_DETAIL_STRING && i < CW_ARRAY_SIZE(gaps); i++)
		if (cw_streq(d->s, gaps[i].class))
			return gaps[i].severity;
	return CW_SEVERITY_CRITICAL;
}
