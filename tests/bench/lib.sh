# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the parts of scripts/bench share. Sourced by tests/bench/*.sh; works below the checkout, in
# a guest of scripts/vm, too.
#
#   bench_build PROGRAM…   build/bench/PROGRAM; dies if it cannot be made
#   bench_say MESSAGE      progress, on stderr: stdout is for the result
#   bench_start FILE [ARGUMENT…]  camwarden run in the background with its events in FILE (JSON);
#                          returns when it says that it is watching; sets AGENT
#   bench_stop             ends it and waits; sets GAPS to the events that it counted as lost

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

TOP=$(cw_top)
BUILD=${BUILD:-$TOP/build}
CAMWARDEN=${CAMWARDEN:-$BUILD/camwarden}
AGENT=
AGENT_EVENTS=

bench_say() {
	printf '  %s\n' "$*" >&2
}

bench_build() {
	local program

	[[ -x $CAMWARDEN ]] || cw_die "no $CAMWARDEN; run: make"
	for program; do
		make -s -C "$TOP" "build/bench/$program" >&2 || cw_die "cannot build $program"
	done
}

# A guest under instruction counting is slow; nothing else bounds this.
bench_start() {
	local events=$1

	shift
	: >"$events"
	AGENT_EVENTS=$events
	"$CAMWARDEN" run --format json "$@" >>"$events" 2>"$events.log" </dev/null &
	AGENT=$!
	grep -q -m 1 '^camwarden: watching' < <(timeout "${BENCH_START_LIMIT:-120}" \
		tail -n +1 -F -s 0.1 --pid="$AGENT" "$events.log" 2>/dev/null) || {
		cat "$events.log" >&2
		cw_die "camwarden is not watching"
	}
}

bench_stop() {
	[[ -n $AGENT ]] || return 0
	kill "$AGENT" 2>/dev/null || true
	wait "$AGENT" || true
	AGENT=
	# shellcheck disable=SC2034 # for the parts
	GAPS=$(jq -s 'map(select(.kind == "gap") | .detail.lost) | add // 0' "$AGENT_EVENTS")
}
