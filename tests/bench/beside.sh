#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: scripts/bench beside [--kernel VERSION]
#
# Instructions of unwatched work beside other monitors, in a guest that has BPF LSM and whose clock
# counts them: camwarden on its best and its lowest rung, and what scripts/bench time has.

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh

kernel=6.1 guest=''

parse() {
	while (($#)); do
		case $1 in
		-h | --help) cw_usage "$0"; exit 0 ;;
		--kernel) cw_need_value "$1" $#; kernel=$2; shift ;;
		--guest) guest=yes ;;
		*) cw_usage_error "unknown argument $1" ;;
		esac
		shift
	done
}

main() {
	local lines

	parse "$@"
	if [[ -n $guest ]]; then
		bench_tree /mnt/disk/tree
		bash tests/bench/time.sh --lines --rounds 1 --tree /mnt/disk/tree --rung lsm --rung tracepoint
		return
	fi
	bench_build operations access
	lines=$(scripts/vm --kernel "$kernel" --icount --vivid none --no-sound --disk 128 \
		--memory 2048 --timeout 1500 -- bash "$0" --guest) || {
		printf '%s\n' "$lines" >&2
		exit 1
	}
	# What is no line of ours is a message of the guest's.
	jq -R 'fromjson? | objects' <<<"$lines" | jq -s --arg title "Instructions, beside other monitors" \
		--arg unit instructions -f tests/bench/time.jq --arg how "Guest: Debian's $kernel on an emulated processor, ext4. Ratios to nothing; each of the others with nothing to tell of this work, or counting it. Of the load what its processes run, not the monitor."
}

main "$@"
