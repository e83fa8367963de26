#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: what camwarden costs everybody else stays below the limits of
# tests/bench/limits.json, in instructions, which do not wobble.
#
# vm: --icount --vivid none --no-sound --disk 64
# limit: 500
# early

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/e2e/lib.bash
. tests/e2e/lib.bash

LIMITS=tests/bench/limits.json
MEASURED=/run/measured

# Ten instructions more or less are the clock's, in each of the two counts that are compared.
SLACK=20

measure() {
	local words=() operation rung

	[[ -x build/bench/operations && -x build/bench/empty ]] ||
		fail "build/bench/operations is not built; run: make bench"
	for operation in $(jq -r 'map(.operation) | unique[]' "$LIMITS"); do
		words+=(--operation "$operation")
	done
	for rung in $(jq -r 'map(.rung) | unique[]' "$LIMITS"); do
		words+=(--rung "$rung")
	done
	bash tests/bench/instructions.sh --guest "${words[@]}" | jq -R -c 'fromjson?' >>"$MEASURED.raw"
	[[ $(jq -s 'map(select(.state | startswith("gaps:")) | .cost.lost) | add' "$MEASURED.raw") \
		== 0 ]] || fail "events were lost meanwhile"
	jq -s 'reduce (.[] | .state as $s | .cost | to_entries[] | [[$s, .key], .value]) as [$path, $n] ({};
		setpath($path; [getpath($path) // $n, $n] | min))' "$MEASURED.raw" >"$MEASURED"
}

below() {
	local rung=$1 wrong

	wrong=$(jq -r --slurpfile m "$MEASURED" --arg rung "$rung" --argjson slack "$SLACK" '
		.[] | select(.rung == $rung) | . as $l
		| $m[0]["camwarden:" + $rung][$l.operation]
			- $m[0][if $l.above == "empty" then "empty:" + $rung else "nothing" end][$l.operation]
		| select(. == null or . > $l.limit + $slack)
		| "\($l.operation): \(.) above \($l.above), at most \($l.limit)"' "$LIMITS") || return
	[[ -z $wrong ]] || fail "$wrong"
}

# Which pages the kernel's memory comes from moves a whole measurement, with camwarden or without, by
# some tens of instructions. Of two the lower counts; what costs more is above its limit in both.
again() {
	below "$1" && return
	measure
	below "$1"
}

lsm() { again lsm; }
tracepoint() { again tracepoint; }

scenario "operations are measured" measure
scenario "LSM rung: opens, reads, writes, ioctls and other calls" lsm
scenario "tracepoint rung: opens and any other call" tracepoint
scenarios_done
