#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: scripts/bench latency [N]
#
# From the begin of an access that is flagged to its line at the reader of the output: N accesses
# (default: 10000), one after the other, on an idle machine and beside two processes that keep it
# busy; beside auditd's own log, where auditd can run.

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh

work='' busy=()

# Called at exit.
# shellcheck disable=SC2317
clean_up() {
	bench_busy_end
	bench_auditd_end
	rm -rf "$work"
}

bench_busy() {
	for _ in 1 2; do
		(while :; do "$BUILD/bench/access" count /etc/passwd 20000 >/dev/null; done) &
		busy+=($!)
	done
}

bench_busy_end() {
	((${#busy[@]})) || return 0
	kill "${busy[@]}" 2>/dev/null || true
	busy=()
}

# The agent writes into a pipe that the measuring program reads.
of_camwarden() {
	local agent

	mkfifo "$work/lines"
	"$CAMWARDEN" run --format json --policy "$work/policy.yaml" >"$work/lines" 2>"$work/log" &
	agent=$!
	{
		grep -q -m 1 '^camwarden: watching' < <(timeout 60 tail -n +1 -F -s 0.1 \
			--pid="$agent" "$work/log" 2>/dev/null) || cw_die "camwarden does not watch"
		"$BUILD/bench/access" latency "$work/other/file" "$1" '"kind":"open"'
		kill "$agent"
	} <"$work/lines"
	wait "$agent" || true
	rm "$work/lines"
}

of_auditd() {
	bench_auditd "$work/other" || return
	"$BUILD/bench/access" latency "$work/other/file" "$1" 'type=SYSCALL' "$AUDIT_LOG"
	bench_auditd_end
}

row() {
	jq -c --arg name "$1" '[$name, .n, .p50_us, .p99_us, .max_us]'
}

main() {
	local n=${1:-10000} fewer rows=()

	case $n in -h | --help) cw_usage "$0"; exit 0 ;; esac
	cw_need_number N "$n"
	need_root
	bench_build access
	work=$(mktemp -d)
	trap clean_up EXIT
	bench_policy "$work"
	fewer=$((n / 10 + 1))
	rows+=("$(of_camwarden "$n" | row "camwarden, idle")")
	bench_busy
	rows+=("$(of_camwarden "$fewer" | row "camwarden, beside two busy processes")")
	bench_busy_end
	if bench_auditd "$work/other"; then
		bench_auditd_end
		rows+=("$(of_auditd "$n" | row "auditd, its log, idle")")
		bench_busy
		rows+=("$(of_auditd "$fewer" | row "auditd, its log, beside two busy processes")")
	else
		bench_say "auditd cannot run here: $AUDIT_WHY"
	fi
	printf '%s\n' "${rows[@]}" | jq -s --arg why "${AUDIT_WHY:-}" '{
		title: "Latency",
		tables: [{columns: ["from access to line", "accesses", "p50 µs", "p99 µs", "max µs"],
			rows: .}],
		notes: (["The line is read from a pipe, auditd'"'"'s from its log as soon as it is there."]
			+ if $why == "" then [] else ["auditd did not run: \($why)"] end)}'
}

main "$@"
