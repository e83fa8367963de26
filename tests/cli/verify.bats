#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# camwarden verify and report on traces of several files: what one proves, what all of them prove
# together, and what is said of one that is missing. What verify finds in one file is in
# replay.bats and lies.bats.

bats_require_minimum_version 1.5.0

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	camwarden=${CAMWARDEN:-$top/build/camwarden}
	generate=$top/build/bench/generate
	golden=$top/tests/golden
	cd "$BATS_TEST_TMPDIR" || return 1
	[[ -x $generate ]] || make -s -C "$top" build/bench/generate
}

# segments N [EVENTS]: traces t1.cw to tN.cw of so many events, each following on the one before, with their key.
segments() {
	local n=0 file

	"$generate" -o s.cw --events $(($1 * ${2:-100})) --days 30 --segments "$1" \
		--keys keys 2>/dev/null
	for file in s.cw.* s.cw; do
		n=$((n + 1))
		mv "$file" "t$n.cw"
	done
	[ "$n" = "$1" ]
	key=keys/camwarden.pub
}

# The page as text, on one line.
words() {
	sed '/<style>/,/<\/style>/d; s/<[^>]*>//g' "$1" | tr '\n' ' '
}

@test "all files of a trace: proven, and each follows on the one before" {
	segments 4
	run -0 "$camwarden" verify --key $key t2.cw t4.cw t1.cw t3.cw
	[ "$(grep -c '^  PROVEN ' <<<"$output")" = 4 ]
	[ "$(grep -c '^  before   t[123].cw, and nothing between' <<<"$output")" = 3 ]
	[[ $output != *NOT* && $output != *"after  "* ]]
}

@test "one is missing: none is said to be all, and the status is 1" {
	segments 4
	run -1 "$camwarden" verify --key $key t1.cw t3.cw t4.cw
	[ "$(grep -c '^  PROVEN   the 100 events of this file are' <<<"$output")" = 3 ]
	[[ $output == *"NOT      complete: before t3.cw stood another trace that is not among these"* ]]
	[ "$(grep -c 'NOT  ' <<<"$output")" = 1 ]
	run -1 "$camwarden" verify --key $key t3.cw t4.cw
	[[ $output == *"NOT      complete: before t3.cw stood"* ]]
}

@test "a file alone: that it is one of more is said, and is no fault" {
	segments 2
	run -0 "$camwarden" verify --key $key t2.cw
	[[ $output == *"before   another trace, which is not given: this is one segment of more"* ]]
	run -0 "$camwarden" verify --key $key t1.cw
	[[ $output != *"segment of more"* ]]
}

@test "a last file without a stop says that there may be more; one that another follows does not" {
	run -0 "$camwarden" verify "$golden/trace-1.1-kept.cw"
	[[ $output == *"after    the recording went on in another trace, or ended without a stop"* ]]
	run -0 "$camwarden" verify "$golden/trace-1.1.cw"
	[[ $output != *"after   "* ]]
}

@test "report: one is missing, in head, timeline and runs" {
	segments 4 750
	"$camwarden" report --key $key -o page.html t1.cw t3.cw t4.cw || [ $? = 1 ]
	xmllint --noout page.html
	text=$(words page.html)
	[[ $text == *"Evidence verified, but not complete."* && $text != *"Evidence verified. "* ]]
	[[ $text =~ "at least one trace is missing between 2026-11-"[0-9:.\ ]+" and 2026-11-" ]]
	[[ $text == *"Not everything may have been seen."*"1 place where a trace is missing"* ]]
	[[ $text == *"This is not complete: the traces hold not all that was recorded"* ]]
	[[ $text == *"except where a trace is not among these"* ]]
	grep -q '<title>not among these traces, [1-9] d ' page.html
	run -1 grep -o 'the agent was not running, [0-9]* d' page.html
	"$camwarden" report --key $key -o page.html t*.cw || [ $? = 1 ]
	text=$(words page.html)
	[[ $text == *"Evidence verified. "* && $text != *"is not among"* ]]
	run -1 grep '<title>not among these traces' page.html
}

@test "report: the status says that one is missing" {
	segments 3
	printf 'version: 1\nassets: {c: {kind: camera, device: /dev/none}}\n' >none.yaml
	"$camwarden" report --policy none.yaml --key $key t1.cw t2.cw >page.html
	run -1 "$camwarden" report --policy none.yaml --key $key -o page.html t1.cw t3.cw
	[[ $(words page.html) == *"Nothing flagged."*"Evidence verified, but not complete."* ]]
}

@test "report: what --keep wrote says so on top, and where it tells who saw how much" {
	"$camwarden" report -o page.html "$golden/trace-1.1-kept.cw" || [ $? = 1 ]
	xmllint --noout page.html
	head=$(sed '/<\/header>/q' page.html | words /dev/stdin)
	[[ $head == *"Only what was around flags. The trace was written with --keep"* ]]
	[[ $(words page.html) == *"This is not complete: the traces hold only what was around flags"* ]]
	"$camwarden" report -o page.html "$golden/trace-1.1.cw" || [ $? = 1 ]
	[[ $(words page.html) != *"Only what was around flags"* ]]
}

@test "report: numbers that no event has are told on top, and where it tells who saw how much" {
	cp "$golden/trace-1.1.cw" broken.cw
	printf X | dd of=broken.cw bs=1 seek=$(($(stat -c %s broken.cw) / 2)) conv=notrunc status=none
	"$camwarden" report -o page.html broken.cw 2>err || [ $? = 1 ]
	head=$(sed '/<\/header>/q' page.html | words /dev/stdin)
	[[ $head =~ "Not everything may have been seen. "[^.]*[0-9]+" number"s?" "(is|are)" missing" ]]
	[[ $(words page.html) == *"This is not complete: the traces hold not all"* ]]
}

@test "what --keep wrote: the readers of events say so on standard error, and a policy in itself" {
	local verb kept=$golden/trace-1.1-kept.cw

	printf 'version: 1\nassets: {c: {kind: camera}}\n' >none.yaml
	for verb in query learn "diff --policy none.yaml" "export --as jsonl"; do
		# shellcheck disable=SC2086 # a verb with its options
		"$camwarden" $verb "$kept" "$golden/trace-1.1.cw" >out 2>err || [ $? = 1 ]
		[ "$(grep -c "kept.cw: holds only what was around flags (--keep)" err)" = 1 ]
		run -1 grep "trace-1.1.cw: holds" err
	done
	[ "$("$camwarden" learn "$kept" 2>err | grep -c '^# Only what was around flags')" = 1 ]
	run -1 grep 'around flags' <("$camwarden" learn "$golden/trace-1.1.cw" 2>/dev/null)
}

@test "more starts than a trace has links: all together lead back to the first key" {
	segments 270
	run -0 "$camwarden" verify --key $key t*.cw
	[ "$(grep -c '^  PROVEN ' <<<"$output")" = 270 ]
	run -1 "$camwarden" verify --key $key t270.cw
	[[ $output == *"its links begin at start 15, so this key, which may be older, proves"* ]]
	[[ $output == *"give the traces in between as well"* && $output != *"its keys do not"* ]]
	# One that both reach is enough.
	run -1 "$camwarden" verify --key $key t270.cw t100.cw
	[[ $output != *"which may be older"* && $output == *"NOT      complete"* ]]
	"$camwarden" report --key $key -o page.html t270.cw || [ $? = 1 ]
	[[ $(words page.html) == *"its links begin at start 15, so this key"* ]]
	"$camwarden" report --key $key -o page.html t270.cw t100.cw || [ $? = 1 ]
	[[ $(words page.html) == *"Evidence verified, but not complete."* ]]
}

@test "what comes through a pipe is read once, and proven with the others" {
	segments 3
	run -0 "$camwarden" verify --key $key t1.cw - <(cat t3.cw) < <(cat t2.cw)
	[ "$(grep -c '^  PROVEN ' <<<"$output")" = 3 ]
	run -0 "$camwarden" verify --key $key t1.cw - t3.cw <t2.cw
	[ "$(grep -c '^  PROVEN ' <<<"$output")" = 3 ]
}

@test "a trace of another hub beside those of the key is not of its hub" {
	segments 2
	run -1 "$camwarden" verify --key $key t1.cw t2.cw "$golden/trace-1.1.cw"
	[ "$(grep -c '^  PROVEN ' <<<"$output")" = 2 ]
	[ "$(grep -c 'NOT      of this hub: its keys do not lead back' <<<"$output")" = 1 ]
}

@test "a name with escapes stays text, also in the progress on a terminal" {
	segments 2
	export camwarden key name=$'a\e[31m.cw'
	mv t1.cw "$name"
	# shellcheck disable=SC2016 # for the shell within
	run -0 script -qec '"$camwarden" verify --key "$key" "$name"' /dev/null
	[[ $output == *'a\x1b[31m.cw'* && $output != *$'\e[31m'* ]]
}
