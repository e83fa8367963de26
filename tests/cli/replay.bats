#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# camwarden replay and verify on the golden traces and on damaged copies of them: no root, no
# probes. Every released version of the format has a golden trace, which must be read for ever.

bats_require_minimum_version 1.5.0

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	camwarden=${CAMWARDEN:-$top/build/camwarden}
	golden=$top/tests/golden
	trace=$golden/trace-1.cw
	cd "$BATS_TEST_TMPDIR" || return 1
}

# The facts; what a policy says of them may be worded better one day.
facts() {
	sed 's/,"verdict":.*//'
}

@test "golden traces read as ever: facts, decisions, classes" {
	for f in "$golden"/*.cw; do
		run -1 --separate-stderr "$camwarden" replay --all --format json "$f"
		[ -z "$stderr" ]
		diff <(facts <"${f%.cw}.json") <(facts <<<"$output")
		diff <(jq -c '.verdict | .decision, .class' "${f%.cw}.json") \
			<(jq -c '.verdict | .decision, .class' <<<"$output")
		run -0 "$camwarden" verify --key "${f%.cw}.pub" "$f"
		[[ $output == *PROVEN* ]]
		# What --keep wrote says so.
		[[ $f != *-kept.cw || $output == *"kept     is only what was around flags"* ]]
	done
}

@test "without --all the flags and what the agent says, as in run" {
	run -1 --separate-stderr "$camwarden" replay --format json "$trace"
	[ "$output" = "$("$camwarden" replay --all --format json "$trace" | jq -c \
		'select(.verdict.decision == "flag" or (.kind | IN("start", "stop", "policy",
		"coverage", "canary", "gap"))) | .seq' | while read -r seq; do
			grep -F "\"seq\":$seq," "$golden/trace-1.json"
		done)" ]
}

@test "text names the person and the why" {
	run -1 --separate-stderr "$camwarden" replay "$trace"
	[[ $output == *bob* && $output == *203.0.113.7* && $output == *gap* ]]
	[[ $output != *$'\e'* ]]
}

@test "standard input gives the same" {
	run -1 --separate-stderr "$camwarden" replay --all --format json - <"$trace"
	[ "$output" = "$("$camwarden" replay --all --format json "$trace")" ]
	# shellcheck disable=SC2002 # a pipe it must be
	piped=$(cat "$trace" | "$camwarden" replay --all --format json -) || [ $? = 1 ]
	[ "$output" = "$piped" ]
}

@test "every verb reads standard input, a file and a pipe, and only once" {
	printf 'version: 1\nassets: {c: {kind: camera}}\n' >none.yaml
	local verb verbs=(replay query report learn "diff --policy none.yaml" verify "export --as jsonl")
	for verb in "${verbs[@]}"; do
		# shellcheck disable=SC2086 # with its options
		{
			"$camwarden" $verb - <"$trace" >a 2>&1 || [ $? = 1 ]
			"$camwarden" $verb - < <(cat "$trace") >b 2>&1 || [ $? = 1 ]
			run -2 "$camwarden" $verb - - <"$trace"
		}
		[ -s a ]
		cmp a b
	done
}

@test "another policy gives other verdicts, and the same facts" {
	printf 'version: 1\nassets: {c: {kind: camera}}\n' >none.yaml
	run -1 --separate-stderr "$camwarden" replay --all --format json --policy none.yaml "$trace"
	[ "$(jq -c 'select(.verdict.decision == "allow")' <<<"$output")" = "" ]
	[ "$(wc -l <<<"$output")" = "$(wc -l <"$golden/trace-1.json")" ]
}

@test "an invalid policy is usage, a missing one cannot run" {
	echo 'version: 2' >bad.yaml
	run -2 "$camwarden" replay --policy bad.yaml "$trace"
	[[ $output == *bad.yaml:1:* ]]
	run -3 "$camwarden" replay --policy missing.yaml "$trace"
}

@test "since and until select, with the end of the trace and without" {
	since=$(jq -r 'select(.seq == 20) | .time' "$golden/trace-1.json")
	until=$(jq -r 'select(.seq == 30) | .time' "$golden/trace-1.json")
	head -c -32 "$trace" >no-footer.cw
	for f in "$trace" no-footer.cw; do
		run --separate-stderr "$camwarden" replay --all --format json --since "$since" \
			--until "$until" "$f"
		[ "$(jq -s -c 'map(.seq)' <<<"$output")" = "[20,21,22,23,24,25,26,27,28,29]" ]
	done
	run -2 "$camwarden" replay --since yesterday "$trace"
}

@test "since later than until is wrong usage, of every verb that takes them" {
	touch policy.yaml
	for verb in replay query report learn "diff --policy policy.yaml" "export --as csv"; do
		# shellcheck disable=SC2086 # words
		run -2 "$camwarden" $verb --until 2026-11-21T10:00:00Z --since 2026-11-22 "$trace"
		[[ $output == "camwarden ${verb%% *}: --since 2026-11-22T00:00:00.000000000Z is later than --until 2026-11-21T10:00:00.000000000Z; "* ]]
	done
	run -0 "$camwarden" replay --since 2026-11-22 --until 2026-11-22 "$trace"
	run -0 "$camwarden" replay --since 2026-11-22T00:00:00Z --until 2026-11-22T00:00:00Z "$trace"
}

@test "traces are merged by time, whatever their order" {
	with_header_byte 224 1 # another one of the same boot
	run -1 --separate-stderr "$camwarden" replay --all --format json later.cw "$trace"
	[ "$(jq -s 'map(.boot_ns) | . == sort' <<<"$output")" = true ]
	[ "$(jq -s length <<<"$output")" = 90 ]
	[ -z "$stderr" ]
}

@test "a trace that is given twice is read once, the longer of the two" {
	head -c 2000 "$trace" >short.cw
	cp "$trace" $'copy\e.cw'
	for files in "short.cw $trace" "$trace short.cw" "$trace short.cw $trace" $'short.cw copy\e.cw'; do
		# shellcheck disable=SC2086 # several
		run -1 --separate-stderr "$camwarden" replay --all --format json $files
		[ "${#lines[@]}" = 45 ]
		[[ $stderr == *"camwarden replay: short.cw: the same trace as "*", not read again"* ]]
		[[ $stderr != *$'\e'* ]]
	done
}

@test "a file that cannot be read keeps nobody from the others" {
	printf 'version: 1\nassets: {c: {kind: camera}}\n' >none.yaml
	local verb
	for verb in replay "query --login bob" learn "diff --policy none.yaml" "export --as jsonl" \
		report; do
		# shellcheck disable=SC2086 # with its options
		{
			"$camwarden" $verb "$trace" >expected 2>messages || [ $? = 1 ]
			run -3 "$camwarden" $verb none.yaml missing.cw
			status=0
			"$camwarden" $verb none.yaml "$trace" missing.cw >out 2>messages || status=$?
		}
		[ "$status" = 3 ]
		[[ $verb == report ]] || cmp out expected
		grep -q "45 events" out || [[ $verb != report ]]
		grep -q "^camwarden ${verb%% *}: none.yaml: this is no trace" messages
		grep -q "^camwarden ${verb%% *}: missing.cw: No such file" messages
	done
}

@test "pipes with a name are read like standard input" {
	"$camwarden" replay --all "$trace" >expected || [ $? = 1 ]
	"$camwarden" replay --all <(cat "$trace") >out || [ $? = 1 ]
	cmp out expected
	mkfifo fifo
	cat "$trace" >fifo &
	timeout 20 "$camwarden" replay --all fifo >out || [ $? = 1 ]
	cmp out expected
	timeout 20 "$camwarden" verify <(cat "$trace")
	run -3 timeout 20 "$camwarden" report fifo
	[[ $output == *"fifo: this is no file"*"as -" ]]
}

@test "a trace that was cut reads to its last whole block and says where it ends" {
	# In the middle of its events.
	head -c 2000 "$trace" >cut.cw
	run --separate-stderr "$camwarden" replay --all --format json cut.cw
	[[ $stderr == *"byte "*"the file ends within this block"* ]]
	run -1 "$camwarden" verify cut.cw
	[[ $output == *"NOT      ended"* ]]
}

@test "a trace that was cut between two blocks, or behind its header, says so in every verb" {
	printf 'version: 1\nassets: {c: {kind: camera}}\n' >none.yaml
	local verb size end=$(($(stat -c %s "$trace") - 32))
	local verbs=("replay --policy none.yaml" "query --login bob" report learn
		"diff --policy none.yaml" "export --as jsonl" verify)
	for size in 256 $end; do
		head -c "$size" "$trace" >cut.cw
		for verb in "${verbs[@]}"; do
			# As for a trace of an agent that was killed: told, and no failure.
			# shellcheck disable=SC2086 # with its options
			"$camwarden" $verb cut.cw >out 2>messages || [ $? = 1 ]
			[ "$(cat messages out | grep -c \
				"^\(camwarden\|  BROKEN\) .*byte $size.*: the end is missing")" = 1 ]
		done
	done
}

@test "one changed bit in the header takes no event away, and is told" {
	cp "$trace" bad.cw
	printf '\xff' | dd of=bad.cw bs=1 seek=24 conv=notrunc status=none
	run -3 --separate-stderr "$camwarden" export --as jsonl bad.cw
	[ "${#lines[@]}" = 45 ]
	[[ $stderr == *"bad.cw: byte 0: the header of the file is damaged"* ]]
	run -1 "$camwarden" verify bad.cw
	[[ $output == *"BROKEN   byte 0: "* && $output != *PROVEN* ]]
}

@test "a changed byte is found, and named by block, byte and time" {
	cp "$trace" bad.cw
	printf 'X' | dd of=bad.cw bs=1 seek=2000 conv=notrunc status=none
	run -1 "$camwarden" verify bad.cw
	[[ $output == *"BROKEN   block 2, byte "*": the content of this block is damaged"* ]]
	run -3 --separate-stderr "$camwarden" replay bad.cw
	[[ $stderr == *"bad.cw: block 2, byte "* ]]
}

@test "a key of another hub proves nothing" {
	openssl genpkey -algorithm ed25519 2>/dev/null | openssl pkey -pubout -out other.pub
	run -1 "$camwarden" verify --key other.pub "$trace"
	[[ $output == *"NOT      of this hub"* ]]
	run -2 "$camwarden" verify --key "$trace" "$trace"
	run -3 "$camwarden" verify --key missing.pub "$trace"
}

@test "what is no trace is refused with a reason" {
	echo hello >text
	run -3 "$camwarden" replay text
	[[ $output == *"text: this is no trace"* ]]
	run -3 "$camwarden" replay missing.cw
	[[ $output == *"No such file"* ]]
	run -3 "$camwarden" replay /
	: >empty
	run -3 "$camwarden" replay empty
	run -1 "$camwarden" verify text
	run -3 "$camwarden" verify missing.cw
}

# A copy whose header has another byte at that offset, and its checksum right again.
with_header_byte() {
	command -v python3 >/dev/null || skip "python3 is not installed"
	python3 - "$trace" "$1" "$2" >later.cw <<-'END'
		import sys, zlib
		d = bytearray(open(sys.argv[1], "rb").read())
		d[int(sys.argv[2])] = int(sys.argv[3])
		d[20:24] = bytes(4)
		d[20:24] = zlib.crc32(d[:256]).to_bytes(4, "little")
		sys.stdout.buffer.write(d)
	END
}

@test "a trace of a later major version says so" {
	with_header_byte 8 2
	run -3 "$camwarden" replay later.cw
	[[ $output == *"needs a later version"* ]]
	run -3 "$camwarden" verify later.cw
}

@test "a trace of a later minor version says so and is read" {
	with_header_byte 10 99
	run -1 --separate-stderr "$camwarden" replay --all --format json later.cw
	[ "$(grep -c "later version" <<<"$stderr")" = 1 ]
	diff <(facts <"$golden/trace-1.json") <(facts <<<"$output")
}

@test "a trace cannot send commands to the terminal" {
	# A name of the hub, as an adversary would write it.
	with_header_byte 80 27
	run -1 "$camwarden" verify later.cw
	[[ $output == *'hub      \x1bub-1'* && $output != *$'\e'* ]]
}

@test "many traces are open one after the other" {
	command -v python3 >/dev/null || skip "python3 is not installed"
	python3 - "$trace" <<-'END'
		import sys, zlib
		for i in range(100):
		    d = bytearray(open(sys.argv[1], "rb").read())
		    d[28] = i           # of the wall clock: some seconds
		    d[40] = 33 + i % 90 # of the boot id
		    d[41] = 33 + i // 90
		    d[20:24] = bytes(4)
		    d[20:24] = zlib.crc32(d[:256]).to_bytes(4, "little")
		    open("%d.cw" % i, "wb").write(d)
	END
	ulimit -n 32
	run -1 --separate-stderr "$camwarden" replay --all --format json ./*.cw
	[ "${#lines[@]}" = 4500 ]
	[ -z "$stderr" ]
}

@test "a full disk behind the output is an error" {
	status=0
	"$camwarden" replay --all --format json "$trace" >/dev/full 2>messages || status=$?
	[ "$status" = 3 ]
	grep -q "No space left" messages
}

@test "usage" {
	for verb in record replay verify; do
		run -0 "$camwarden" $verb --help
		[[ $output == Usage:* ]]
		run -2 "$camwarden" $verb
		run -2 "$camwarden" $verb --nonsense
	done
	run -2 "$camwarden" replay - -
	run -2 "$camwarden" replay --format xml "$trace"
	run -2 "$camwarden" record -o x --duration 0
}

@test "a reader written from docs/trace-format.md alone sees the same facts" {
	command -v python3 >/dev/null || skip "python3 is not installed"
	for f in "$golden"/*.cw; do
		python3 "$golden/read-trace.py" "$f" | jq -S -c 'del(.asset.name?)' >read.json
		jq -S -c 'del(.verdict) | del(.asset.name?)' "${f%.cw}.json" >expected.json
		cmp read.json expected.json
	done
	# One of them has what is new in each version.
	run -0 jq -r '.origin.hop.login_user // empty' "$golden/trace-1.1.json"
	[ "${lines[0]}" = alice ]
}
