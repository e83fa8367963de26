#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# shellcheck disable=SC2016 # dollars for jq and for the shells that are watched
#
# Goal: camwarden who tells who holds a recording or a stand-in camera at this moment, with the agent
# and without, with the kernel's help and without, and is no access itself.

bats_require_minimum_version 1.5.0

load host.bash

setup() {
	host_setup
	host_policy 'stand-in: {kind: camera, device: /dev/full}'
	echo picture >"$REC/clip"
}
teardown() { host_teardown; }

# who [COMMAND…]: its answer in JSON, in $ANSWER; what it says beside in $W/said. COMMAND runs it.
who() {
	ANSWER=$("$@" "$CAMWARDEN" who --policy "$POLICY" --format json 2>"$W/said")
}

# has FILTER: a line of the answer satisfies it.
has() {
	jq -se "any(.[]; $1)" <<<"$ANSWER" >/dev/null || {
		printf 'not there: %s\n  in %s\n' "$1" "$ANSWER" >&2
		return 1
	}
}

# held PROGRAM FILE: in the background, holding it; sets BG_PID.
held() {
	local fifo=$W/fifo.$RANDOM

	mkfifo "$fifo"
	background bash -c 'exec "$@" <"$0"' "$fifo" "$ACTOR" "$@"
	# shellcheck disable=SC2034 # open until the test ends
	exec {BG_END}>"$fifo"
	first_line "$BG_OUT"
}

@test "without an agent: a file and a device, with the person and what is not known" {
	held hold "$REC/clip"
	local pid=$BG_PID
	held hold /dev/full
	who
	has ".process.pid == $pid and .asset.name == \"footage\" and .asset.path == \"$REC/clip\" and
		.asset.kind == \"recordings\" and .asset.root == \"$REC\" and .asset.access == [\"read\"] and
		.process.exe == \"$ACTOR\" and .process.uid == 0 and .origin.type == \"service\" and
		.detail.not_before != null and .detail.since == null and .detail.frames == null"
	has ".process.pid == $BG_PID and .asset.name == \"stand-in\" and .asset.kind == \"camera\" and
		.asset.dev == \"1:7\" and .process.ancestors[0].pid == $BASHPID"
	run -0 "$CAMWARDEN" who --policy "$POLICY"
	[[ $output == *stand-in*"fd 3"*/dev/full*"actor[$BG_PID]"*footage*"not before "*"$REC/clip"* ]]
}

@test "nobody is an answer" {
	run -0 "$CAMWARDEN" who --policy "$POLICY"
	[[ $output == *"nobody holds a camera, a microphone or a recording"* ]]
	who
	[ -z "$ANSWER" ]
}

@test "a mapping holds, although its descriptor is closed" {
	held mapped "$REC/clip"
	who
	has ".process.pid == $BG_PID and .kind == \"map\" and .detail.mapped and
		.detail.descriptors == 0 and .asset.path == \"$REC/clip\""
	run -0 "$CAMWARDEN" who --policy "$POLICY"
	[[ $output == *mapped*"$REC/clip"* && $output != *"fd 0"* ]]
}

@test "by the folder that a file lies in, not by the name under which it was opened" {
	mkdir "$W/other"
	mount --bind "$REC" "$W/other"
	held hold "$W/other/clip"
	who
	has ".process.pid == $BG_PID and .asset.name == \"footage\" and .asset.root == \"$REC\""
	umount -l "$W/other"
}

@test "with the agent: since when to the moment, also of a recording that left its folder" {
	host_start
	local before after
	before=$(date +%s)
	held hold "$REC/clip"
	after=$(date +%s)
	ln "$REC/clip" "$W/outside"
	local inside=$BG_PID
	held hold "$W/outside"
	eventually count_is 1 ".kind == \"open\" and .process.pid == $BG_PID"
	who
	has ".process.pid == $inside and (.detail.since | sub(\"\\\\.[0-9]+\"; \"\") | fromdate |
		. >= $before - 1 and . <= $after + 1) and .detail.not_before == null"
	has ".process.pid == $BG_PID and .asset.path == \"$W/outside\" and .detail.since != null"
	[[ $(<"$W/said") != *"is not running"* ]]
	none '.process.comm == "camwarden" and .kind != "tamper"'
}

@test "an open file that was handed on: who opened it" {
	host_start
	mkfifo "$W/handed"
	background bash -c 'exec 9<"$0"; bash -c "echo ready; read -t 60 x <&8; :" 8<>"$1"' \
		"$REC/clip" "$W/handed"
	eventually count_is 1 '.kind == "open" and .process.comm == "bash"'
	first_line "$BG_OUT"
	who
	has ".process.ppid == $BG_PID and .detail.opener_pid == $BG_PID"
}

@test "without the kernel's help it looks at /proc, and says so" {
	held hold "$REC/clip"
	local drop=-sys_admin,-bpf,-perfmon
	who setpriv --bounding-set=$drop --inh-caps=$drop
	has ".process.pid == $BG_PID and .asset.name == \"footage\" and .probe == \"agent\" and
		.asset.access == [\"read\"]"
	grep -q "the kernel could not be asked" "$W/said"
	grep -q "camwarden run is not running, or is not ours to ask" "$W/said"
}

@test "who is not root sees his own" {
	chmod 755 "$REC"
	held hold "$REC/clip"
	background setpriv --reuid=65534 --regid=65534 --clear-groups "$ACTOR" hold "$REC/clip"
	local root=$BG_PID
	who as_nobody
	[[ $ANSWER != *"\"pid\":$root,"* ]]
	grep -q "not root" "$W/said"
}

@test "hostile names arrive harmless" {
	local name=$'\e[2J\n\xff=1'

	echo picture >"$REC/$name"
	held hold "$REC/$name"
	who
	has ".process.pid == $BG_PID"
	run -0 "$CAMWARDEN" who --policy "$POLICY"
	[[ $output == *'\x1b[2J\n\xff=1'* && $output != *$'\e'* ]]
}

@test "usage" {
	run -0 "$CAMWARDEN" who --help
	[[ $output == Usage:* ]]
	run -2 "$CAMWARDEN" who --nonsense
	run -2 "$CAMWARDEN" who surplus
	run -2 "$CAMWARDEN" who --format xml
	run -3 "$CAMWARDEN" who --policy /nonexistent
	echo 'version: 2' >"$W/bad.yaml"
	run -2 "$CAMWARDEN" who --policy "$W/bad.yaml"
	run -3 bash -c '"$0" who --policy "$1" >/dev/full' "$CAMWARDEN" "$POLICY"
}
