#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal: many accesses by processes that live for a millisecond all come out, in the right names; the
# agent stays small, and does nothing when nothing watched happens.

load host.bash

RSS_MAX_KB=12288

setup() { host_setup; }
teardown() { host_teardown; }

rss_kb() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$CW_PID/status"
}

# In clock ticks, of all threads.
cpu_ticks() {
	sed 's/.*) //' "/proc/$CW_PID/stat" | awk '{ print $12 + $13 }'
}

assert_small() {
	local kb

	kb=$(rss_kb)
	echo "resident: $kb KiB"
	((kb <= RSS_MAX_KB))
}

@test "at rest: no time is used, little memory" {
	host_start
	local before after
	before=$(cpu_ticks)
	# Five seconds in which others work on files that nobody watches.
	timeout 5 bash -c 'while :; do head -c 1 /etc/passwd >/dev/null; done' || true
	after=$(cpu_ticks)
	echo "ticks in 5 s: $((after - before))"
	((after - before <= 1))
	assert_small
}

@test "10000 short-lived processes: 10000 opens, each by the right one, no gap, 12 MiB" {
	echo picture >"$REC/clip"
	host_start
	"$ACTOR" flood 10000 "$REC/clip" &
	local parent=$! begin=$SECONDS
	wait "$parent"
	echo "flood: $((SECONDS - begin)) s"
	expect '.kind == "close" and .process.argv[3] == "9999"' 30
	assert_small
	jq -c -R "fromjson? | select(.kind == \"open\" and .asset.path == \"$REC/clip\")" \
		"$CW_EVENTS" >"$W/opens"
	[[ $(wc -l <"$W/opens") == 10000 ]]
	[[ $(jq -r '.process.argv[3]' "$W/opens" | sort -un | wc -l) == 10000 ]]
	[[ $(jq -r .process.pid "$W/opens" | sort -u | wc -l) == 10000 ]]
	run jq -c "select(.process.exe != \"$ACTOR\" or .process.ppid != $parent or
		.process.uid != 0 or .process.argv[0:3] != [\"actor\", \"open\", \"$REC/clip\"] or
		.process.ancestors[0] != {pid: $parent, exe: \"$ACTOR\"} or
		.process.exe_sha256 == null or .origin.type != \"service\" or
		.verdict.class != \"service\")" "$W/opens"
	[[ -z $output ]]
	[[ $(count_events '.kind == "close"') == 10000 ]]
	[[ $(count_events '.kind == "gap"') == 0 ]]
	# The numbers of a stream have no hole.
	[[ $(wc -l <"$CW_EVENTS") == $(tail -n 1 "$CW_EVENTS" | jq .seq) ]]
}

@test "memory stays flat" {
	local first last
	echo picture >"$REC/clip"
	host_start
	"$ACTOR" flood 2500 "$REC/clip"
	"$ACTOR" touch "$REC/clip" 5000 >/dev/null
	expect '.kind == "close" and .process.argv[1] == "open"'
	first=$(rss_kb)
	for _ in 1 2; do
		"$ACTOR" flood 2500 "$REC/clip"
		"$ACTOR" touch "$REC/clip" 5000 >/dev/null
	done
	none false
	last=$(rss_kb)
	echo "resident: $first KiB, then $last KiB"
	((last <= first + 256))
	assert_small
}

@test "a flood of refusals at files that nobody watches does not displace an access" {
	echo picture >"$REC/clip"
	: >"$W/private"
	chmod 600 "$W/private"
	host_start
	local i flooders=()
	for i in 1 2; do
		as_nobody "$ACTOR" refused "$W/private" 200000 3>&- &
		flooders+=("$!")
	done
	for ((i = 0; i < 200; i++)); do
		"$ACTOR" open "$REC/clip" "$i"
	done
	wait "${flooders[@]}"
	expect '.kind == "close" and .process.argv[3] == "199"' 30
	count_is 200 '.kind == "open" and .process.argv[1] == "open"'
	none '.kind == "gap" and .detail.class == "files"'
}
