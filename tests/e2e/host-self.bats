#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal: what is done to the agent on a kernel of which it has the lowest rung is told, with the
# process that did it; and what cannot be told leaves a hole that the next start tells of.

load host.bash

setup() {
	host_setup
	# Otherwise all is in the name of the shell that started it.
	host_start --trace "$W/hub.trace" --keys "$W/keys"
}

teardown() { host_teardown; }

# Everything to a file of its own for each start, by --output.
host_start() {
	STARTS=$((${STARTS:-0} + 1))
	local arguments=(run --all --format json --policy "$POLICY" --quiet
		--output "$W/events.$STARTS" "$@")

	# shellcheck disable=SC2034 # lib.bash reads what cw_start would set
	CW_DIR=$BATS_TEST_TMPDIR CW_EVENTS=$W/events.$STARTS CW_LOG=$W/log CW_MARK=0
	: >>"$CW_EVENTS"
	# shellcheck disable=SC2034
	printf -v CW_COMMAND '%q ' "$CAMWARDEN" "${arguments[@]}"
	"$CAMWARDEN" "${arguments[@]}" 2>>"$CW_LOG" </dev/null 3>&- &
	CW_PID=$!
	wait_event ".kind == \"canary\" and .detail.ok == true and .process == null" "$CW_START_LIMIT" >/dev/null
}

# by COMMAND…: in a process of its own, whose id is in BY.
by() {
	"$@" 3>&- &
	BY=$!
	wait "$BY"
}

@test "a signal that stops the agent: by whom, when it goes on" {
	by bash -c "kill -STOP $CW_PID"
	kill -CONT "$CW_PID"
	expect ".kind == \"tamper\" and .detail.what == \"signal\" and .process.pid == $BY"
	is '.detail.signal == "STOP" and .asset.kind == "self" and .verdict.class == "tamper" and
		.verdict.severity == "critical" and .process.exe == "/usr/bin/bash" and .result == 0'
}

@test "TERM by a stranger is told, by the parent it is only the end; HUP is neither" {
	by bash -c "kill -HUP $CW_PID"
	expect '.kind == "policy" and .seq > 10'
	by bash -c "kill -TERM $CW_PID"
	expect ".kind == \"tamper\" and .process.pid == $BY and .detail.signal == \"TERM\""
	expect '.kind == "stop"'
	count_is 1 '.kind == "tamper" and .detail.what == "signal"'
	stop_camwarden
	host_start
	stop_camwarden
	count_is 1 '.kind == "stop"'
	count_is 0 '.kind == "tamper" and .detail.what == "signal"'
}

@test "each way to change the policy, with who did it" {
	by bash -c "echo '# more' >>'$POLICY'"
	expect ".kind == \"tamper\" and .process.pid == $BY and .detail.how == \"opened for writing\""
	is ".asset.path == \"$POLICY\" and .detail.what == \"policy\" and .asset.kind == \"self\""
	by chmod 600 "$POLICY"
	expect ".process.pid == $BY and .detail.how == \"attributes changed\""
	cp "$POLICY" "$W/new"
	by mv "$W/new" "$POLICY"
	expect ".process.pid == $BY and .detail.how == \"replaced\" and .process.exe == \"/usr/bin/mv\""
	# What stands there now is watched, too.
	by bash -c "echo '# more' >>'$POLICY'"
	expect ".process.pid == $BY and .detail.how == \"opened for writing\""
	by rm "$POLICY"
	expect ".process.pid == $BY and .detail.how == \"removed\""
	none '.detail.what == "policy" and .verdict.severity != "critical"'
}

@test "trace, output and keys: who writes there; who reads is no news" {
	cat "$W/hub.trace" "$CW_EVENTS" "$POLICY" "$W"/keys/* >"$W/all"
	by bash -c ": >>'$W/hub.trace'"
	expect ".process.pid == $BY and .detail.what == \"trace\""
	by bash -c ": >>'$CW_EVENTS'"
	expect ".process.pid == $BY and .detail.what == \"output\""
	is '.verdict.severity == "medium"'
	by bash -c ": >>'$W/keys/root.key'"
	expect ".process.pid == $BY and .detail.what == \"keys\""
	by touch "$W/keys/another"
	expect ".process.pid == $BY and .detail.what == \"keys\" and (.asset.path | endswith(\"another\"))"
	none '.kind == "tamper" and .process.comm == "cat"'
}

@test "who takes hold of its maps, programs and links; once for each process" {
	by bpftool map show >/dev/null
	expect ".process.pid == $BY and .detail.what == \"bpf map\""
	is '.detail.id > 0 and .process.comm == "bpftool"'
	by bpftool prog show >/dev/null
	expect ".process.pid == $BY and .detail.what == \"bpf program\""
	by bpftool link show >/dev/null
	expect ".process.pid == $BY and .detail.what == \"bpf link\""
	none 'false'
	count_is 1 ".process.pid == $BY and .detail.what == \"bpf link\""
}

@test "ptrace, and a look into the agent's memory: by whom" {
	local attack what

	attack=$("$(dirname "$CAMWARDEN")/attacks" --target "$POLICY" --agent "$CW_PID" \
		self-attach self-memory)
	while read -r what; do
		jq -e .reached <<<"$what"
		expect ".kind == \"tamper\" and .process.pid == $(jq .pid <<<"$what")"
		is '.detail.what == "ptrace" and .asset.kind == "self" and .result == 0 and
			.probe == "tracepoint" and .verdict.class == "tamper"'
	done <<<"$attack"
	count_is 2 '.kind == "tamper" and .detail.what == "ptrace"'
}

@test "killed: the next start tells since when nothing was watched, and what is open already" {
	echo picture >"$REC/clip"
	background tail -f "$REC/clip"
	expect '.kind == "open" and .process.comm == "tail"'
	stop_camwarden KILL || true
	local killed=$EPOCHSECONDS
	host_start
	expect '.kind == "gap" and .detail.class == "agent"'
	is '.detail.ended == "without a stop" and .detail.lost == null and .verdict.class == "blind"'
	((killed - $(jq -r '.detail.from | sub("[.].*";"Z") | fromdate' <<<"$EVENT") <= 10))
	is ".detail.from < .detail.to and .seq == 2"
	expect ".kind == \"open\" and .process.pid == $BG_PID"
	is '.detail.before_start == true and .probe == "iterator"'
	# An orderly end leaves none.
	stop_camwarden
	host_start
	none '.kind == "gap"'
}

@test "stopped and let go on: a gap with its times, and nothing of it is lost" {
	bash -c "kill -STOP $CW_PID"
	echo picture >"$REC/clip"
	read -r -t 1.5 <> <(:) || true # how long it is stopped
	kill -CONT "$CW_PID"
	expect '.kind == "gap" and .detail.class == "stopped"'
	is '.detail.from < .detail.to and .detail.lost == 0'
	expect '.kind == "open" and (.asset.path | endswith("/clip"))'
	expect '.kind == "tamper" and .detail.signal == "STOP"'
}

@test "stop tells by which signal and of whom; rights that are not needed are given up" {
	local task caps
	for task in /proc/"$CW_PID"/task/*; do
		caps=$(awk '$1 == "CapEff:" { print $2 }' "$task/status")
		echo "$(<"$task/comm"): $caps"
		case $(<"$task/comm") in
		# DAC_READ_SEARCH, SYS_PTRACE, PERFMON, BPF
		camwarden) [[ $caps == 000000c000080004 ]] ;;
		*) [[ $caps == 0000000000000000 ]] ;;
		esac
		grep -q $'^NoNewPrivs:\t1' "$task/status"
		[[ $(awk '$1 == "CapBnd:" { print $2 }' "$task/status") == "$caps" ]]
	done
	# Not dumpable: its memory belongs to root, whoever runs it.
	[[ $(stat -c %u "/proc/$CW_PID/mem") == 0 ]]
	kill -TERM "$CW_PID"
	expect '.kind == "stop"'
	is ".detail.signal == \"TERM\" and .detail.by_pid == $$ and .detail.by_uid == 0"
}

@test "--harden where only a security module could: says so, and watches" {
	grep -qv bpf /sys/kernel/security/lsm 2>/dev/null || skip "BPF is a security module here"
	stop_camwarden
	host_start --harden --rung tracepoint
	grep -q 'cannot refuse anything on this kernel' "$CW_LOG"
	expect '.kind == "start"'
	is '.detail.hardened == false'
}
