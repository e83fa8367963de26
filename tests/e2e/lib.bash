# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What end-to-end tests share. Sourced by bats files (tests/e2e/host*.bats) on this machine and by
# scenario files (tests/e2e/vm-*.sh) inside a guest of scripts/vm.
#
# Around the agent:
#   cw_start [ARGUMENT…]          camwarden run --all --format json in the background; returns when
#                                 its canary has come through, so that nothing after it is missed
#   stop_camwarden [SIGNAL]       TERM unless told; sets CW_STATUS to its exit status. Then a replay
#                                 of the trace that cw_start had it write has to print the same
#                                 lines, byte for byte; CW_DIFFERS says where it did not
#   wait_event FILTER [SECONDS]   the first event (after mark_events) that jq's FILTER selects; it
#                                 may have been there already. Prints it; 1 when the time is up
#   events FILTER                 all that it selects so far, one a line
#   count_events FILTER
#   mark_events                   what is there so far does not count any more
#   cw_report                     command, last events and messages, for a failure
# Files: $CW_EVENTS (JSON lines), $CW_LOG (its stderr). $CAMWARDEN names another binary.
# $CW_NO_TRACE: cw_start records no trace, for tests that measure.
#
# In a guest, results as TAP:
#   scenario TITLE FUNCTION [ARGUMENT…]
#                                 runs FUNCTION in a subshell in which any failing command ends it
#   skip_scenario REASON          inside FUNCTION: what is missing
#   wait_until SECONDS COMMAND…   for what gives no event; 1 when the time is up
#   fail MESSAGE                  inside FUNCTION
#   holds EVENT FILTER…           inside FUNCTION: jq's FILTERs are true of the event
#   scenarios_done                last line of the file: the plan; without it the file counts as dead
# $CW_FILTER, a regular expression, selects by title. Head comments of scenario files tell
# scripts/test how to boot:  "# vm: --vivid n_devs=2 --disk 64"  and  "# limit: 240" (seconds).

CW_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CAMWARDEN=${CAMWARDEN:-$CW_TOP/build/camwarden}
CW_START_LIMIT=${CW_START_LIMIT:-120}
CW_EVENT_LIMIT=${CW_EVENT_LIMIT:-10}
CW_PID=
CW_STATUS=
CW_TRACE=
CW_DIFFERS=
CW_REPLAYS=0
# Not that of a camwarden that watches this machine, nor of another test.
export STATE_DIRECTORY=${BATS_TEST_TMPDIR:-$(mktemp -d)}

cw_start() {
	local arguments=(run --all --format json "$@")

	[[ -z ${CW_RUNG:-} || " $* " == *" --rung "* ]] || arguments+=(--rung "$CW_RUNG")
	CW_DIR=${BATS_TEST_TMPDIR:-${CW_DIR:-$(mktemp -d)}}
	CW_TRACE=
	if [[ -z ${CW_NO_TRACE:-} && " $* " != *" --trace "* ]]; then
		CW_TRACE=$CW_DIR/live.trace
		rm -f "$CW_TRACE"
		arguments+=(--trace "$CW_TRACE" --keys "$CW_DIR/live.keys")
	fi
	CW_EVENTS=$CW_DIR/events.json
	CW_LOG=$CW_DIR/camwarden.log
	CW_MARK=0
	CW_STATUS=
	printf -v CW_COMMAND '%q ' "$CAMWARDEN" "${arguments[@]}"
	: >"$CW_EVENTS"
	# Descriptor 3 is bats' own; whoever keeps it open keeps bats waiting.
	"$CAMWARDEN" "${arguments[@]}" >>"$CW_EVENTS" 2>"$CW_LOG" </dev/null 3>&- &
	CW_PID=$!
	wait_event '.kind == "canary" and .detail.ok == true' "$CW_START_LIMIT" >/dev/null || {
		echo "camwarden is not watching after $CW_START_LIMIT s, or has ended" >&2
		cw_report >&2
		return 1
	}
}

# The same language: jq needs half a second in a guest before it begins.
! command -v gojq >/dev/null || jq() { command gojq "$@"; }

# Nothing is polled: tail is woken by the file, and gives up when the agent is gone.
wait_event() {
	local filter=$1 limit=${2:-$CW_EVENT_LIMIT} found

	found=$(timeout "$limit" tail -n "+$((CW_MARK + 1))" -F -s 0.1 ${CW_PID:+--pid="$CW_PID"} \
		"$CW_EVENTS" 2>/dev/null | jq -c -n "first(inputs | select($filter))") || true
	if [[ -z $found ]]; then
		echo "no event in $limit s with: $filter" >&2
		return 1
	fi
	printf '%s\n' "$found"
}

# The last line may be half written.
events() {
	tail -n "+$((CW_MARK + 1))" "$CW_EVENTS" | jq -c -R "fromjson? | select($1)"
}

count_events() {
	events "$1" | wc -l
}

mark_events() {
	CW_MARK=$(wc -l <"$CW_EVENTS")
}

stop_camwarden() {
	local signal=${1:-TERM} limit=${2:-15}

	[[ -n $CW_PID ]] || return 0
	kill -s "$signal" "$CW_PID" 2>/dev/null || true
	if ! timeout "$limit" tail -f -s 0.05 --pid="$CW_PID" /dev/null; then
		kill -s KILL "$CW_PID" 2>/dev/null || true
		echo "camwarden did not end within $limit s after SIG$signal" >&2
	fi
	CW_STATUS=0
	wait "$CW_PID" || CW_STATUS=$?
	CW_PID=
	((CW_STATUS < 3)) || return 1
	cw_replay_live
}

# What did not fit into output or trace is missing there, and both say so.
cw_replay_live() {
	local difference

	[[ -s $CW_TRACE ]] || return 0
	! grep -q '"kind":"gap".*"class":"\(output\|trace\)"' "$CW_EVENTS" || return 0
	CW_REPLAYS=$((CW_REPLAYS + 1))
	# What was flagged is flagged again, by its exit status.
	difference=$({ "$CAMWARDEN" replay --all --format json "$CW_TRACE" 2>&1 || :; } |
		cmp - "$CW_EVENTS" 2>&1) || {
		CW_DIFFERS="a replay of $CW_TRACE is not what was printed: $difference"
		echo "$CW_DIFFERS" >&2
	}
}

cw_report() {
	echo "command: ${CW_COMMAND:-none}"
	[[ ! -s ${CW_LOG:-} ]] || { echo "its messages:"; tail -n 20 "$CW_LOG"; }
	[[ ! -s ${CW_EVENTS:-} ]] || {
		echo "its last events, of $(wc -l <"$CW_EVENTS"):"
		tail -n 12 "$CW_EVENTS" | jq -c -R 'fromjson? | select(.kind != "coverage") | {seq, time, kind, result,
			asset: .asset.name, path: .asset.path, exe: .process.exe,
			origin: .origin.type, detail, decision: .verdict.decision,
			class: .verdict.class, why: .verdict.why}
			| with_entries(select(.value != null and .value != {}))'
	}
}

# For teardown() of bats files: nothing stays behind, and a failure says how it came about.
e2e_teardown() {
	stop_camwarden TERM || true
	[[ -n ${BATS_TEST_COMPLETED:-} ]] || cw_report
	[[ -z $CW_DIFFERS ]]
}

# --- in a guest ---------------------------------------------------------------------------------

CW_SCENARIOS=0
CW_FAILED=0

# wait_until SECONDS COMMAND…: tries often; only for conditions that cannot be waited on.
wait_until() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))

	shift
	until "$@"; do
		((${EPOCHREALTIME/./} < end)) || return 1
		sleep 0.05
	done
}

skip_scenario() {
	printf '%s\n' "$*" >"$CW_SKIP_REASON"
	exit 77
}

# In bats its own helpers may have the name already.
declare -F fail >/dev/null || fail() {
	echo "$*" >&2
	return 1
}

# holds EVENT FILTER…: each is true of the event; one call of jq for all of them.
holds() {
	local event=$1 program=empty number=0 filter wrong

	shift
	[[ -n $event ]] || fail "there is no event"
	for filter; do
		program+=", ((try ($filter) catch false) as \$ok | if \$ok then empty else
			\$ARGS.positional[$((number++))] end)"
	done
	wrong=$(jq -r "$program" --args "$@" <<<"$event")
	[[ -z $wrong ]] || fail "not true: $wrong; of $(jq -c '{seq, kind, probe, result,
		path: .asset.path, detail, origin, verdict,
		process: (.process | {pid, exe, unit, user, ancestors})}' <<<"$event")"
}

scenario() {
	local title=$1 output status flags=$-

	shift

	[[ $title =~ ${CW_FILTER:-} ]] || return 0
	CW_SKIP_REASON=$(mktemp)
	output=$(mktemp)
	CW_SCENARIOS=$((CW_SCENARIOS + 1))
	# Not in a condition: there "set -e" has no effect, also not inside.
	set +e
	(
		set -Eeuo pipefail
		trap 'echo "${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND: status $?" >&2' ERR
		"$@"
	) >"$output" 2>&1
	status=$?
	[[ $flags != *e* ]] || set -e
	case $status in
	0) printf 'ok %d - %s\n' "$CW_SCENARIOS" "$title" ;;
	77) printf 'ok %d - %s # SKIP %s\n' "$CW_SCENARIOS" "$title" "$(<"$CW_SKIP_REASON")" ;;
	*)
		CW_FAILED=$((CW_FAILED + 1))
		printf 'not ok %d - %s\n' "$CW_SCENARIOS" "$title"
		{ tail -n 40 "$output"; cw_report 2>&1; } | sed 's/^/# /'
		;;
	esac
	rm -f "$output" "$CW_SKIP_REASON"
}

replays_are_same() {
	[[ -z $CW_DIFFERS ]] || fail "$CW_DIFFERS"
	((CW_REPLAYS)) || skip_scenario "nothing was printed and recorded without a loss"
}

scenarios_done() {
	scenario "a replay prints what was printed live, byte for byte" replays_are_same
	printf '1..%d\n' "$CW_SCENARIOS"
	exit $((CW_FAILED > 0))
}
