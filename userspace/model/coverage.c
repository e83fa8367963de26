// SPDX-License-Identifier: Apache-2.0
#include "model/coverage.h"

static const char *const names[] = {
	[CW_CAP_OPEN] = "open",		[CW_CAP_DENIED] = "denied",
	[CW_CAP_RECEIVE] = "receive",	[CW_CAP_USE] = "use",
	[CW_CAP_MAP] = "map",		[CW_CAP_BUFFERS] = "buffers",
	[CW_CAP_CLOSE] = "close",
	[CW_CAP_STREAM] = "stream",	[CW_CAP_NAMES] = "names",
	[CW_CAP_ATTRIBUTES] = "attributes", [CW_CAP_PEEK] = "peek",
	[CW_CAP_CODE] = "code",
	[CW_CAP_EGRESS] = "egress",	[CW_CAP_COPY] = "copy",
	[CW_CAP_MOUNTS] = "mounts",	[CW_CAP_DISKS] = "disks",
	[CW_CAP_PROCESS] = "process",
	[CW_CAP_CONNECTION] = "connection", [CW_CAP_SEED] = "seed",
	[CW_CAP_SELF] = "self",
};

_Static_assert(CW_ARRAY_SIZE(names) == CW_CAP_MAX, "a capability lacks its name");

const char *cw_capability_name(enum cw_capability c)
{
	return (unsigned int)c < CW_CAP_MAX ? names[c] : "invalid";
}

int cw_rung_parse(const char *name, enum cw_probe *ret_rung)
{
	for (enum cw_probe p = CW_PROBE_LSM; p <= CW_PROBE_TRACEPOINT; p++)
		if (cw_streq(name, cw_probe_name(p))) {
			*ret_rung = p;
			return 0;
		}
	return -EINVAL;
}
