#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: scripts/bench replay [--events N] [--sample N] [--runs N]
#
# What a trace costs to write, to keep and to read: a made-up month of a hub (10 million events,
# tests/bench/generate.c), judged by a policy of 50 grants, on one core and on all; and what others
# need for the same questions about the same events (a sample of them, 50000).
# Seconds are of CPU, so that they hold on a busy machine, but for those called elapsed.

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh

events=10000000 sample=50000 runs=3
repeats=20 # of a command that takes a few hundredths of a second, in which its CPU is told
rows_speed=() rows_others=()
work=

parse() {
	while (($#)); do
		case $1 in
		-h | --help) cw_usage "$0"; exit 0 ;;
		--events) cw_need_value "$1" $#; events=$2; shift ;;
		--sample) cw_need_value "$1" $#; sample=$2; shift ;;
		--runs) cw_need_value "$1" $#; runs=$2; shift ;;
		*) cw_usage_error "unknown argument $1" ;;
		esac
		shift
	done
}

# measure COMMAND…: the least CPU of the runs in cpu, the least elapsed in elapsed, the most
# memory in mib. What it prints goes nowhere; 1 is "something was flagged", or "nothing was found".
measure() {
	local run user system wall kib status

	cpu=999999 elapsed=999999 mib=0
	for ((run = 0; run < runs; run++)); do
		status=0
		/usr/bin/time -q -o "$work/time" -f '%U %S %e %M' "$@" >/dev/null 2>"$work/stderr" ||
			status=$?
		((status <= 1)) || { cat "$work/stderr" >&2; cw_die "failed ($status): $*"; }
		read -r user system wall kib <"$work/time"
		cpu=$(calc "$user + $system < $cpu ? $user + $system : $cpu")
		elapsed=$(calc "$wall < $elapsed ? $wall : $elapsed")
		mib=$(calc "$kib / 1024 > $mib ? $kib / 1024 : $mib")
	done
}

calc() {
	awk "BEGIN { print ($1) }"
}

# speed WHAT EVENTS COMMAND…: a row of the first table.
speed() {
	local what=$1 n=$2

	shift 2
	bench_say "$what"
	measure "$@"
	rows_speed+=("$(jq -cn --arg what "$what" --argjson n "$n" --argjson cpu "$cpu" \
		--argjson elapsed "$elapsed" --argjson mib "$mib" \
		'[$what, $cpu, $elapsed, (if $n > 0 and $cpu > 0 then
			($n / $cpu / 10000 | round / 100) else null end), ($mib * 10 | round / 10)]')")
}

# measure_repeated COMMAND…: its CPU, in cpu, as one of many.
measure_repeated() {
	# shellcheck disable=SC2016 # of sh
	measure sh -c 'n=$1; shift
		while [ "$n" -gt 0 ]; do
			"$@" || { status=$?; [ "$status" -eq 1 ] || exit "$status"; }
			n=$((n - 1))
		done' sh "$repeats" "$@"
	cpu=$(calc "$cpu / $repeats")
}

# other QUESTION TOOL COMMAND…: a row of the second; the first tool asked is what others are held
# against.
other() {
	local question=$1 tool=$2

	shift 2
	bench_say "$question: $tool"
	measure_repeated "$@"
	[[ $tool != camwarden* ]] || base=$cpu
	rows_others+=("$(jq -cn --arg q "$question" --arg tool "$tool" --argjson cpu "$cpu" \
		--argjson base "$base" '[$q, $tool, ($cpu * 10000 | round / 10000),
			(if $base > 0 then ($cpu / $base * 10 | round / 10) else null end)]')")
}

# The same events as auditd writes them for a watch on folders and devices.
audit_log() {
	jq -r 'select(.process != null) | (.time | sub("\\.[0-9]+Z$"; "Z") | fromdate) as $s |
		"msg=audit(\($s).\(.time[20:23]):\(.seq)):" as $id |
		(.origin.login_uid // 4294967295) as $auid |
		"type=SYSCALL \($id) arch=c000003e syscall=257 success=\(if .result == 0 then "yes" else "no" end) exit=\(.result) a0=ffffff9c a1=7ffd0 a2=0 a3=0 items=1 ppid=\(.process.ppid) pid=\(.process.pid) auid=\($auid) uid=\(.process.uid) gid=\(.process.gid) euid=\(.process.euid) suid=\(.process.euid) fsuid=\(.process.euid) egid=\(.process.gid) sgid=\(.process.gid) fsgid=\(.process.gid) tty=\(.origin.tty // "(none)" | gsub("/"; "")) ses=\(.origin.session // 4294967295) comm=\"\(.process.comm)\" exe=\"\(.process.exe)\" subj=unconfined key=\"\(.asset.kind)\"",
		"type=CWD \($id) cwd=\"/\"",
		"type=PATH \($id) item=0 name=\"\(.asset.path)\" inode=\(.asset.inode) dev=08:11 mode=0100640 ouid=110 ogid=120 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0",
		"type=PROCTITLE \($id) proctitle=\"\(.process.comm)\""' "$1"
}

# record [COMMAND…]: the trace, made by way of the command; in record_us the µs of CPU that an event
# costs over not recording it.
record() {
	local dry

	measure "$@" "$BUILD/bench/generate" --events "$events" --dry -o /dev/null
	dry=$cpu
	rm -f "$work/month.cw"*
	measure "$@" "$BUILD/bench/generate" --events "$events" \
		--policy "$work/policy.yaml" -o "$work/month.cw"
	record_us=$(calc "($cpu - $dry) * 1000000 / $events")
}

make_traces() {
	bench_build generate
	bench_say "a trace of $events events"
	record
	record_us_all=$record_us
	bench_say "a trace of $events events, on one core"
	record taskset -c 0
	bytes=$(calc "$(stat -c %s "$work/month.cw") / $events")
	"$BUILD/bench/generate" --events "$sample" --days 1 --policy "$work/policy.yaml" \
		-o "$work/sample.cw"
	"$CAMWARDEN" replay --all --format json "$work/sample.cw" >"$work/sample.jsonl" || true
	audit_log "$work/sample.jsonl" >"$work/audit.log"
	gzip -kf "$work/sample.jsonl"
}

read_ours() {
	local one="taskset -c 0" month=$work/month.cw

	# shellcheck disable=SC2086 # words
	{
		speed "replay, one core" "$events" $one "$CAMWARDEN" replay "$month"
		speed "replay, all cores" "$events" "$CAMWARDEN" replay "$month"
		speed "query of one person, one core" "$events" $one "$CAMWARDEN" query \
			--login alice --by day "$month"
		speed "query of one person, all cores" "$events" "$CAMWARDEN" query \
			--login alice --by day "$month"
		speed "query of one hour" 0 "$CAMWARDEN" query --since 2026-11-15T10:00:00Z \
			--until 2026-11-15T11:00:00Z "$month"
		speed "verify" "$events" "$CAMWARDEN" verify "$month"
	}
}

read_others() {
	local cw=$work/sample.cw log=$work/audit.log q

	q='what did alice touch'
	other "$q" 'camwarden query' "$CAMWARDEN" query --login alice "$cw"
	other "$q" 'ausearch, auditd log' ausearch --input "$log" --loginuid 1001 --format csv
	other "$q" 'jq, JSON lines' jq -c 'select(.origin.login_user == "alice")' "$work/sample.jsonl"
	other "$q" 'zcat, grep' bash -c "zcat '$work/sample.jsonl.gz' | grep '\"login_user\":\"alice\"'"
	# By file, aureport takes time by the square of their number.
	q='how often did which program touch anything'
	other "$q" 'camwarden query' "$CAMWARDEN" query --by program "$cw"
	other "$q" 'aureport, auditd log' aureport --input "$log" --executable --summary
	# shellcheck disable=SC2016 # of jq
	other "$q" 'jq, JSON lines' jq -n 'reduce inputs as $e ({}; .[$e.process.exe // ""] += 1)' \
		"$work/sample.jsonl"
}

main() {
	parse "$@"
	work=$(mktemp -d)
	# shellcheck disable=SC2064 # now
	trap "rm -rf '$work'" EXIT
	make_traces
	read_ours
	read_others
	printf '%s\n' "${rows_speed[@]}" | jq -s . >"$work/speed.json"
	printf '%s\n' "${rows_others[@]}" | jq -s . >"$work/others.json"
	jq -n --argjson events "$events" --argjson sample "$sample" --argjson runs "$runs" \
		--argjson repeats "$repeats" --argjson bytes "$bytes" \
		--argjson us "$record_us" --argjson us_all "$record_us_all" --argjson audit "$(stat -c %s "$work/audit.log")" \
		--argjson jsonl "$(stat -c %s "$work/sample.jsonl")" \
		--argjson gz "$(stat -c %s "$work/sample.jsonl.gz")" \
		--argjson cw "$(stat -c %s "$work/sample.cw")" \
		--slurpfile speed "$work/speed.json" --slurpfile others "$work/others.json" '
		def round1: . * 10 | round / 10;
		{title: "Traces: writing, keeping, reading",
		notes: ["CPU and elapsed are the least of \($runs) runs, memory the most; each run of the second table is \($repeats) of the command, one after the other, and its CPU that of one.",
			"Recording is all threads: encoding, compression, hashes, writing, syncing. On all cores its two threads run at once, and where two processors are one core, each takes time from the other.",
			"The events of the second and third table are \($sample) of the same hub; the log of auditd is made from them, a record of SYSCALL, CWD, PATH and PROCTITLE each."],
		tables: [
			{title: "A month of \($events) events, policy of 50 grants",
			columns: ["what", "CPU, s", "elapsed, s", "million events/s of CPU", "memory, MiB"],
			rows: $speed[0]},
			{title: "The same question to others", columns: ["question", "tool", "CPU, s",
				"times camwarden"], rows: $others[0]},
			{title: "Bytes an event, and CPU to record one", columns: ["what", "amount"],
			rows: [["trace, the month: bytes", ($bytes | round1)],
				["trace, the sample: bytes", ($cw / $sample | round1)],
				["JSON lines: bytes", ($jsonl / $sample | round1)],
				["JSON lines, gzip: bytes", ($gz / $sample | round1)],
				["auditd log: bytes", ($audit / $sample | round1)],
				["recording, one core: µs of CPU", ($us * 100 | round / 100)],
				["recording, all cores: µs of CPU", ($us_all * 100 | round / 100)]]}]}'
}

main "$@"
