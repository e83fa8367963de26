#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: where others have filled a hook, what it was for falls to the next rung, it
# alone, and that is told.
#
# vm: --vivid none --no-sound
# limit: 360
# long

# shellcheck disable=SC2016 # jq's own variables
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/e2e/lib.bash
. tests/e2e/lib.bash

rung_of() {
	jq -r --arg c "$1" 'select(.kind == "coverage" and .detail.capability == $c) | .detail.rung' \
		"$CW_EVENTS"
}

filled() {
	local count

	coproc CROWD { build/crowd security_socket_connect; }
	read -r -t 60 count <&"${CROWD[0]}" || fail "no program was attached"
	((count > 1)) || fail "only $count programs were attached"
	cw_start --rung fentry
	grep "cannot attach fexit__socket_connect" "$CW_LOG" || fail "nothing is said: $(<"$CW_LOG")"
	[[ $(rung_of egress) == kprobe ]] || fail "egress: $(rung_of egress)"
	[[ $(rung_of open) == fentry ]] || fail "open: $(rung_of open)"
}

scenario "a hook that others have filled: its capability falls by one rung, and no other" filled
scenarios_done
