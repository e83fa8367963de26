#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: on the kernel that runs here no capability of the tracepoint rung, which every
# kernel has, falls in silence. scripts/matrix does the same for the other rungs and kernels.

load host

@test "tracepoint rung: every capability is on the rung of tests/coverage" {
	local file

	file=$CW_TOP/tests/coverage/$(uname -r | cut -d . -f 1-2)-$(uname -m)-tracepoint.txt
	[[ -e $file ]] || skip "tests/coverage has no file for kernel $(uname -r)"
	# Without the hooks: which of them a kernel of this version has is a matter of its configuration.
	diff <(cut -d : -f 1 "$file") <("$CAMWARDEN" coverage --rung tracepoint --format json |
		jq -r '.capabilities[] | "\(.capability) \(.rung)"')
}
