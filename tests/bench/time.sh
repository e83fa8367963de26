#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: scripts/bench time [--rounds N]
#        tests/bench/time.sh --lines [--rounds N] [--tree DIR] [--rung RUNG]…
#
# Time of unwatched work beside other monitors, on this machine, in turns: with nothing, camwarden
# (tracepoint rung), auditd with the same folder watched, fatrace, opensnoop and bpftrace counting
# opens. Medians, and ratios to nothing.
#
#   --lines   what was measured, {monitor, cost} or {why}, one a line, and no table; of the realistic
#             load the processor's time and not the elapsed
#   --tree    work in DIR, and let the realistic load read that and DIR/include

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh

# auditd last: the kernel goes on preparing for audit when it has ended. (So in all rounds but the
# first, for everybody.)
OTHERS=(fatrace opensnoop bpftrace auditd)
rounds=5 rungs=() lines='' tree=$TOP include=/usr/include work='' monitor=''
declare -A WHY=()

parse() {
	while (($#)); do
		case $1 in
		-h | --help) cw_usage "$0"; exit 0 ;;
		--rounds) cw_need_value "$1" $#; cw_need_number "$1" "$2"; rounds=$2; shift ;;
		--lines) lines=yes ;;
		--tree) cw_need_value "$1" $#; tree=$2 include=$2/include
			export TMPDIR=$2; shift ;;
		--rung) cw_need_value "$1" $#; rungs+=("$2"); shift ;;
		*) cw_usage_error "unknown argument $1" ;;
		esac
		shift
	done
	((${#rungs[@]})) || rungs=(tracepoint)
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
	camwarden*) bench_start "$work/events" --policy "$work/policy.yaml" --rung "${1#*, }"
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

# {operation: ns}, the load in ns as well: elapsed, or on a clock that stands still while the machine
# idles, of processor.
once() {
	local begin=${EPOCHREALTIME/[.,]/} load

	if [[ -n $lines ]]; then
		load=$(bench_load_cpu "$tree" "$include")
	else
		bench_load "$tree" "$include"
		load=$(((${EPOCHREALTIME/[.,]/} - begin) * 1000))
	fi
	"$BUILD/bench/operations" "$work/plain" getppid open_1 open_12 open_many \
		dev_null read ioctl mmap | jq -c --argjson load "$load" '. + {load: $load}'
}

main() {
	local round name cost monitors=(nothing)

	parse "$@"
	need_root
	[[ -n $lines ]] || bench_build operations access
	work=$(mktemp -d)
	trap clean_up EXIT
	bench_policy "$work"
	mkdir "$work/plain"
	touch "$work/canary"
	for name in "${rungs[@]}"; do
		monitors+=("camwarden, $name")
	done
	monitors+=("${OTHERS[@]}")
	once >/dev/null
	for ((round = 1; round <= rounds; round++)); do
		bench_say "round $round of $rounds"
		for name in "${monitors[@]}"; do
			[[ -z ${WHY[$name]:-} ]] || continue
			begin_monitor "$name" || continue
			cost=$(once)
			jq -c --arg monitor "$name" '{monitor: $monitor, cost: .}' <<<"$cost" >>"$work/lines"
			end_monitor
		done
	done
	for name in "${!WHY[@]}"; do
		jq -cn --arg name "$name" --arg why "${WHY[$name]}" '{why: {($name): $why}}'
	done >>"$work/lines"
	if [[ -n $lines ]]; then
		cat "$work/lines"
	else
		jq -s --arg title "Time, beside other monitors" --arg unit ns -f tests/bench/time.jq \
			--arg how "Ratios to nothing of medians of $rounds rounds, in turns; each of the others with nothing to tell of this work, or counting it." "$work/lines"
	fi
}

main "$@"
