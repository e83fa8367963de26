#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: scripts/bench time [--rounds N]
#
# Time of unwatched work beside other monitors, on this machine, in turns: with nothing, camwarden
# (tracepoint rung), auditd with the same folder watched, fatrace, opensnoop and bpftrace counting
# opens. Medians, and ratios to nothing.

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh

MONITORS=(nothing camwarden auditd fatrace opensnoop bpftrace)
rounds=5 work='' monitor=''
declare -A WHY=()

parse() {
	while (($#)); do
		case $1 in
		-h | --help) cw_usage "$0"; exit 0 ;;
		--rounds) cw_need_value "$1" $#; cw_need_number "$1" "$2"; rounds=$2; shift ;;
		*) cw_usage_error "unknown argument $1" ;;
		esac
		shift
	done
}

# Called at exit.
# shellcheck disable=SC2317
clean_up() {
	end_monitor
	rm -rf "$work"
}

# is_ready NAME: it has told of an open of $work/canary, or hangs on its tracepoint.
is_ready() {
	cat "$work/canary" >/dev/null
	if [[ $1 == bpftrace ]]; then
		[[ $(readlink /proc/"$monitor"/fd/* 2>/dev/null) == *perf_event* ]]
	else
		grep -q canary "$work/$1.out" 2>/dev/null
	fi
}

# begin_monitor NAME: 1 and WHY[NAME] if it cannot run here.
begin_monitor() {
	local log=$work/$1.log

	monitor=
	case $1 in
	nothing) return ;;
	camwarden) bench_start "$work/events" --policy "$work/policy.yaml" --rung tracepoint
		return ;;
	auditd) bench_auditd "$work/rec" || { WHY[auditd]=$AUDIT_WHY; return 1; }
		return ;;
	fatrace) fatrace -o "$work/fatrace.out" >"$log" 2>&1 & ;;
	opensnoop) opensnoop >"$work/opensnoop.out" 2>"$log" & ;;
	bpftrace) bpftrace -e 'tracepoint:syscalls:sys_exit_openat { @[comm] = count(); }' \
		>/dev/null 2>"$log" & ;;
	esac
	monitor=$!
	for _ in {1..150}; do
		kill -0 "$monitor" 2>/dev/null || break
		! is_ready "$1" || return 0
		sleep 0.1
	done
	WHY[$1]="not ready after 15 s; $(head -n 1 "$log")"
	end_monitor
	return 1
}

end_monitor() {
	bench_stop
	bench_auditd_end
	[[ -z $monitor ]] || { kill "$monitor" 2>/dev/null || true; wait "$monitor" 2>/dev/null || true; }
	monitor=
	rm -f "$work/fatrace.out" "$work/opensnoop.out"
}

# {operation: ns}, the load in ns as well.
once() {
	local begin=${EPOCHREALTIME/[.,]/} end

	bench_load "$TOP" /usr/include
	end=${EPOCHREALTIME/[.,]/}
	"$BUILD/bench/operations" "$work/plain" getppid open_1 open_12 dev_null read ioctl mmap |
		jq -c --argjson load $(((end - begin) * 1000)) '. + {load: $load}'
}

main() {
	local round name

	parse "$@"
	need_root
	bench_build operations access
	work=$(mktemp -d)
	trap clean_up EXIT
	bench_policy "$work"
	mkdir "$work/plain"
	touch "$work/canary"
	once >/dev/null
	for ((round = 1; round <= rounds; round++)); do
		bench_say "round $round of $rounds"
		for name in "${MONITORS[@]}"; do
			[[ -z ${WHY[$name]:-} ]] || continue
			begin_monitor "$name" || continue
			jq -c --arg monitor "$name" '{monitor: $monitor, cost: .}' <<<"$(once)" >>"$work/lines"
			end_monitor
		done
	done
	for name in "${!WHY[@]}"; do
		jq -cn --arg name "$name" --arg why "${WHY[$name]}" '{($name): $why}'
	done | jq -s add >"$work/why"
	jq -s --slurpfile why "$work/why" --argjson rounds "$rounds" -f tests/bench/time.jq \
		"$work/lines"
}

main "$@"
