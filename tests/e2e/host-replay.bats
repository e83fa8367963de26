#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What was recorded live replays to the same bytes, also over a reload of the policy, and a kill
# costs no more than the last second. Needs root.
#
# Each test is a subshell of its own, and lib.bash reads what is set in it.
# shellcheck disable=SC2030,SC2031,SC2034

bats_require_minimum_version 1.5.0

load lib

setup() {
	((EUID == 0)) || skip "needs root"
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir footage
	cat >policy.yaml <<-END
		version: 1
		assets:
		  footage: {kind: recordings, path: $BATS_TEST_TMPDIR/footage}
		grants:
		  - name: copies
		    allow: [open]
		    on: [footage]
		    to: {exe: $(readlink -f "$(command -v cat)")}
	END
}

teardown() {
	e2e_teardown
	! mountpoint -q small || umount small
}

# Reads, writes, renames and removals by several programs.
access() {
	local i

	for i in 1 2 3; do
		printf 'frame %s\n' "$i" >"footage/$1-$i.mp4"
		cat "footage/$1-$i.mp4" >/dev/null
		head -c 1 "footage/$1-$i.mp4" >/dev/null
	done
	mv "footage/$1-1.mp4" "footage/$1-moved.mp4"
	rm "footage/$1-2.mp4"
}

start() {
	cw_start --policy policy.yaml --trace "$1" --keys keys
}

@test "replay prints what run printed, byte for byte" {
	start t.cw
	access a
	wait_event '.kind == "unlink" and (.asset.path | endswith("/a-2.mp4"))' >/dev/null
	stop_camwarden
	run --separate-stderr "$CAMWARDEN" replay --all --format json t.cw
	[ "$status" = "$CW_STATUS" ]
	[ -z "$stderr" ]
	cmp "$CW_EVENTS" <(printf '%s\n' "$output")
	run -0 "$CAMWARDEN" verify --key keys/camwarden.pub t.cw
}

@test "the same with --output, flags only" {
	"$CAMWARDEN" run --policy policy.yaml --trace t.cw --keys keys --format json \
		--output out.json --quiet 2>log 3>&- &
	CW_PID=$! CW_EVENTS=out.json CW_LOG=log CW_MARK=0
	: >>out.json
	wait_event '.kind == "canary" and .detail.ok == true' 30 >/dev/null
	access a
	wait_event '.kind == "unlink" and (.asset.path | endswith("/a-2.mp4"))' >/dev/null
	stop_camwarden
	"$CAMWARDEN" replay --format json t.cw >replayed.json || [ $? = 1 ]
	cmp out.json replayed.json
	[ "$(jq -c 'select(.verdict.decision == "flag")' replayed.json | wc -l)" -gt 3 ]
	[ "$(jq -c 'select(.verdict.decision == "allow")' replayed.json)" = "" ]
}

@test "a reload of the policy replays where it happened" {
	local cat head

	start t.cw
	access a
	wait_event '.kind == "unlink" and (.asset.path | endswith("/a-2.mp4"))' >/dev/null
	cat=$(readlink -f "$(command -v cat)") head=$(readlink -f "$(command -v head)")
	sed -i "s|exe: $cat|exe: $head|" policy.yaml
	mark_events
	kill -HUP "$CW_PID"
	wait_event '.kind == "policy" and .detail.ok' >/dev/null
	access b
	wait_event '.kind == "unlink" and (.asset.path | endswith("/b-2.mp4"))' >/dev/null
	# One that is not valid changes nothing.
	echo nonsense >policy.yaml
	kill -HUP "$CW_PID"
	wait_event '.kind == "policy" and .detail.ok == false' >/dev/null
	access c
	wait_event '.kind == "unlink" and (.asset.path | endswith("/c-2.mp4"))' >/dev/null
	stop_camwarden
	"$CAMWARDEN" replay --all --format json t.cw >replayed.json || [ $? = 1 ]
	cmp "$CW_EVENTS" replayed.json
}

@test "limits count the same, and over a reload" {
	sed -i 's|^    to: .*|&\n    limit: {files: 2/day}|' policy.yaml
	start t.cw
	access a
	wait_event '.kind == "unlink" and (.asset.path | endswith("/a-2.mp4"))' >/dev/null
	mark_events
	kill -HUP "$CW_PID"
	wait_event '.kind == "policy"' >/dev/null
	access b
	wait_event '.kind == "unlink" and (.asset.path | endswith("/b-2.mp4"))' >/dev/null
	stop_camwarden
	[ "$(jq -c 'select(.verdict.class == "limit")' "$CW_EVENTS" | wc -l)" -gt 0 ]
	"$CAMWARDEN" replay --all --format json t.cw >replayed.json || [ $? = 1 ]
	cmp "$CW_EVENTS" replayed.json
}

@test "killed in the middle: all that is older than a second is there" {
	start t.cw
	access a
	wait_event '.kind == "unlink" and (.asset.path | endswith("/a-2.mp4"))' >/dev/null
	cat footage/a-3.mp4 >/dev/null
	wait_event '.kind == "close" and (.asset.path | endswith("/a-3.mp4"))' >/dev/null
	# The file itself says when its second is over; nothing is flagged meanwhile.
	last=$(tail -n 1 "$CW_EVENTS" | jq .seq)
	deadline=$((SECONDS + 2))
	until (($("$CAMWARDEN" replay --all --format json t.cw 2>/dev/null | tail -n 1 |
		jq .seq) >= last)); do
		((SECONDS <= deadline))
	done
	n_lines=$(wc -l <"$CW_EVENTS")
	stop_camwarden KILL || true
	"$CAMWARDEN" replay --all --format json t.cw >replayed.json || [ $? = 1 ]
	cmp <(head -n "$n_lines" "$CW_EVENTS") <(head -n "$n_lines" replayed.json)
	run -1 "$CAMWARDEN" verify --key keys/camwarden.pub t.cw
	[[ $output == *"NOT      ended"* && $output != *"NOT      of this hub"* ]]
	# The next start keeps it, and goes on from it.
	start t.cw
	stop_camwarden
	[ "$(find . -name 't.cw*' | wc -l)" = 2 ]
	run "$CAMWARDEN" verify t.cw t.cw.*
	[[ $output == *"and nothing between"* ]]
}

@test "a full disk loses nothing silently, and recording goes on when there is room" {
	local i bash

	bash=$(readlink -f "$(command -v bash)")
	sed -i "s|exe: .*}|exe: $bash}|; s|allow: .*|allow: [open, write]|" policy.yaml
	mkdir small
	mount -t tmpfs -o size=1m tmpfs small || skip "tmpfs cannot be mounted"
	"$CAMWARDEN" run --policy policy.yaml --trace small/t.cw --keys keys --format json \
		--output out.json --quiet 2>log 3>&- &
	CW_PID=$! CW_EVENTS=out.json CW_LOG=log CW_MARK=0
	: >>out.json
	wait_event '.kind == "canary" and .detail.ok == true' 30 >/dev/null
	dd if=/dev/zero of=small/filler bs=4k status=none || true
	# More than the blocks in memory take.
	for ((i = 0; i < 25000; i++)); do
		: >footage/x
	done
	rm small/filler
	wait_event '.kind == "gap" and .detail.class == "trace"' 20 >gap.json
	stop_camwarden
	cp small/t.cw .
	umount small
	grep -q "small/t.cw: No space left on device" log
	"$CAMWARDEN" replay --all --format json t.cw >replayed.json || [ $? = 1 ]
	# What is missing is what the gap says.
	[ "$(jq .detail.lost gap.json)" -gt 0 ]
	[ "$(jq -s '(map(select(.kind == "gap" and .detail.class == "trace") | .detail.lost) | add)
		== (last.seq - length)' replayed.json)" = true ]
	run -0 "$CAMWARDEN" verify --key keys/camwarden.pub t.cw
}

# Until the trace has the event with that number.
wait_written() {
	local end=$((SECONDS + 10))

	until "$CAMWARDEN" replay --all --format json "$1" 2>/dev/null | grep -q "\"seq\":$2,"; do
		((SECONDS < end))
		read -r -t 0.05 <> <(:) || true
	done
}

@test "--keep: what came before each flag is in the trace, once; the next start goes on" {
	local round flag i

	printf frame >footage/x
	for round in 1 2; do
		cw_start --policy policy.yaml --trace t.cw --keys keys --keep 1m
		for i in 1 2 3; do
			mark_events
			cat footage/x >/dev/null
			head -c 1 footage/x >/dev/null
			flag=$(wait_event '.verdict.decision == "flag" and .kind == "open" and
				(.process.exe | endswith("/head"))' | jq .seq)
			wait_written t.cw "$flag"
		done
		cat footage/x >/dev/null # is granted: nobody asks for it
		wait_event '.kind == "close" and (.process.exe | endswith("/cat")) and
			.seq > '"$flag" >/dev/null
		CW_MARK=0
		stop_camwarden
		"$CAMWARDEN" replay --all --format json t.cw >replayed.json || [ $? = 1 ]
		events ".seq <= $flag" | jq .seq >live
		jq ".seq | select(. <= $flag)" replayed.json | cmp live -
		run -0 jq -r "select(.seq > $flag) | .process.exe // empty" replayed.json
		[[ $output != *cat* ]]
	done
	run -0 "$CAMWARDEN" verify --key keys/camwarden.pub t.cw*
	[ "$(grep -c "kept     is only what was around flags" <<<"$output")" = 2 ]
	[[ $output == *"t.cw."*" follows"* || $output == *"before   "*"t.cw."* ]]
}

@test "a trace in several files replays as one; killed at any time, the next start goes on with it" {
	local i n between=0

	cw_start --policy policy.yaml --trace t.cw --keys keys --trace-size 64K
	for ((i = 0; i < 2500; i++)); do
		: >"footage/$RANDOM$RANDOM$RANDOM"
	done
	wait_event '.kind == "tamper"' 1 2>/dev/null && return 1 # it is its own file
	stop_camwarden
	(($(find . -name 't.cw*' | wc -l) > 2))
	"$CAMWARDEN" replay --all --format json t.cw* >replayed.json || [ $? = 1 ]
	cmp "$CW_EVENTS" replayed.json
	for n in 1 2 3; do
		cw_start --policy policy.yaml --trace t.cw --keys keys --trace-size 64K
		for ((i = 0; i < 700 * n; i++)); do
			: >"footage/$RANDOM$RANDOM$RANDOM"
		done
		stop_camwarden KILL || [ "$CW_STATUS" = 137 ]
		[ ! -e .t.cw.new ] || between=$((between + 1))
	done
	start t.cw
	stop_camwarden
	"$CAMWARDEN" verify --key keys/camwarden.pub t.cw* >verified || [ $? = 1 ]
	# Each has another before it but the first, and the killed ones lack their end, and nothing else.
	[ "$(grep -c '^  before ' verified)" = $(($(find . -name 't.cw*' | wc -l) - 1)) ]
	run -1 grep 'not among these' verified
	# Or the next file has no name yet, while the one before has its end.
	(($(grep -c '^  NOT      ended' verified) + between >= 3))
	"$CAMWARDEN" replay --all --format json t.cw* >replayed.json || [ $? = 1 ]
	[ "$(jq -c 'select(.kind == "gap" and .detail.ended == "without a stop")' replayed.json |
		wc -l)" = 3 ]
	run -1 grep -v 'the file ends within\|the end is missing' <(grep BROKEN verified)
}

@test "record writes the trace only, and a policy judges it later" {
	"$CAMWARDEN" record -o r.cw --keys keys --duration 3 >out 2>log 3>&-
	[ ! -s out ]
	run -0 "$CAMWARDEN" verify --key keys/camwarden.pub r.cw
	"$CAMWARDEN" replay --all --format json r.cw >none.json
	[ "$(jq -c 'select(.kind | IN("start", "canary", "stop")) | .kind' none.json | sort -u |
		wc -l)" = 3 ]
	[ "$(jq -c 'select(.verdict != null)' none.json)" = "" ]
	# What is flagged depends on who was at the cameras of this machine.
	"$CAMWARDEN" replay --policy policy.yaml r.cw || [ $? = 1 ]
}

@test "a trace that cannot be made is an error before anything is watched" {
	run -3 "$CAMWARDEN" record -o /proc/none/r.cw --keys keys --duration 3
	[[ $output == *"cannot record to /proc/none/r.cw"* ]]
}
