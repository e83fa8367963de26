#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: scripts/bench memory [--rung RUNG]
#
# Memory of the agent, resident and in the kernel's maps, at its start and after a million
# events, with 1, 1,000 and 100,000 watched files; the time from exec to watching; the size of the
# stripped program.

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh

rung=lsm work=

# Called at exit.
# shellcheck disable=SC2317
clean_up() {
	[[ -z $AGENT ]] || kill "$AGENT" 2>/dev/null || true
	rm -rf "$work"
}

resident() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$AGENT/status"
}

# What its descriptors say of maps and programs, in KiB; each object once.
locked() {
	cat /proc/"$AGENT"/fdinfo/* 2>/dev/null | awk '
		$1 == "memlock:" { bytes = $2 }
		$1 == "map_id:" || $1 == "prog_id:" { if (!seen[$1 $2]++) sum += bytes }
		END { print int(sum / 1024) }'
}

ms_now() {
	local t=${EPOCHREALTIME/[.,]/}

	echo $((t / 1000))
}

# measure FILES: a row.
measure() {
	local files=$1 begin ready rss kernel

	seq -f "$work/rec/f%.0f" "$files" | xargs touch
	begin=$(ms_now)
	bench_start "$work/events" --policy "$work/policy.yaml" --rung "$rung"
	ready=$(($(ms_now) - begin))
	rss=$(resident) kernel=$(locked)
	"$BUILD/bench/access" count "$work/rec/file" 500000 >/dev/null
	jq -cn --argjson row "[$files, $ready, $rss, $kernel, $(resident), $(locked)]" '$row'
	bench_stop
	((GAPS == 0)) || bench_say "$GAPS accesses were counted as lost"
}

main() {
	local rows=() files size

	bench_rung_options "$@"
	need_root
	bench_build access
	work=$(mktemp -d)
	trap clean_up EXIT
	bench_policy "$work"
	cp "$CAMWARDEN" "$work/stripped"
	strip "$work/stripped"
	size=$(stat -c %s "$work/stripped")
	for files in 1 1000 100000; do
		rows+=("$(measure "$files")")
		bench_say "${rows[-1]}"
	done
	printf '%s\n' "${rows[@]}" | jq -s --argjson size "$size" --arg rung "$rung" '{
		title: "Memory and start",
		tables: [{columns: ["watched files", "exec to watching, ms", "resident at start, KiB",
			"maps and programs, KiB", "resident after 1,000,000 events", "maps then"],
			rows: .}],
		notes: ["Best rung allowed: \($rung). Stripped program: \($size / 1024 | round) KiB."]}'
}

main "$@"
