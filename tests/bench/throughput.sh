#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: scripts/bench throughput [--rung RUNG] [--seconds N]
#
# Watched accesses (an open and a close are two) that come through without loss, at growing pace,
# and what happens at ten times that: every access must be told or counted as lost.

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh

PACES=(5000 10000 25000 50000 75000 100000 125000 150000)
rung=lsm seconds=4 work=

# Called at exit.
# shellcheck disable=SC2317
clean_up() {
	[[ -z $AGENT ]] || kill "$AGENT" 2>/dev/null || true
	rm -rf "$work"
}

# attempt LABEL ARGUMENT…: of build/bench/access; a row as JSON.
attempt() {
	local label=$1 made told

	shift
	bench_start "$work/events" --policy "$work/policy.yaml" --rung "$rung"
	made=$("$BUILD/bench/access" "$@")
	bench_stop
	told=$(sed -n 's/^camwarden: \([0-9]*\) accesses.*/\1/p' "$work/events.log")
	jq -cn --arg name "$label" --argjson made "$made" --argjson told "${told:-0}" \
		--argjson lost "$GAPS" --argjson classes "$(jq -s 'map(select(.kind == "gap").detail
			| {(.class): .lost}) | map(to_entries) | add // [] | group_by(.key)
			| map({(.[0].key): (map(.value) | add)}) | add // {}' "$work/events")" \
		'{name: $name, opens: $made.opens, accesses: ($made.opens * 2),
			per_second: ($made.per_second * 2), told: $told, lost: $lost, classes: $classes}'
}

main() {
	local pace row best=0 rows=()

	bench_rung_options "$@"
	need_root
	bench_build access
	work=$(mktemp -d)
	trap clean_up EXIT
	bench_policy "$work"
	for pace in "${PACES[@]}"; do
		row=$(attempt "$((pace * 2))/s asked for" pace "$work/rec/file" "$seconds" "$pace" 1)
		bench_say "$row"
		rows+=("$row")
		[[ $(jq .lost <<<"$row") == 0 ]] || break
		best=$(jq '.per_second | floor' <<<"$row")
	done
	row=$(attempt "as fast as two processes can" count "$work/rec/file" $((seconds * 300000)) 2)
	rows+=("$row")
	printf '%s\n' "${rows[@]}" | jq -s --arg rung "$rung" --argjson best "$best" '{
		title: "Throughput",
		rows: .,
		tables: [{columns: ["pace", "accesses", "per second", "told", "counted as lost",
			"neither"],
			rows: map([.name, .accesses, (.per_second | round), .told, .lost,
				.accesses - .told - .lost])}],
		notes: ["One process opens and closes one watched file that it may; \($rung) rung, if the kernel has it.",
			"Most without loss: \($best)/s."]}'
}

main "$@"
