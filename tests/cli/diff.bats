#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal: camwarden diff tells which past events two policies judge differently, how often, and why.
# Needs no root.

bats_require_minimum_version 1.5.0

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	camwarden=${CAMWARDEN:-$top/build/camwarden}
	trace=$top/tests/golden/trace-1.cw
	cd "$BATS_TEST_TMPDIR" || return 1
	cat >old.yaml <<-'END'
		version: 1
		assets:
		  footage: {kind: recordings, path: /var/lib/motion}
		grants:
		  - {name: motion, allow: [open, write, delete], on: footage, to: {exe: /usr/bin/motion}}
	END
	sed 's/, delete//' old.yaml >new.yaml
}

diffs() {
	"$camwarden" diff --format json "$@" | jq -c "$filter"
}

@test "policies that agree: 0, and a summary" {
	run -0 "$camwarden" diff --policy old.yaml --policy old.yaml "$trace"
	[ "$output" = "45 events, 45 judged alike" ]
}

@test "what is not granted any more: how often, who, and why, old and new" {
	run -1 "$camwarden" diff --policy old.yaml --policy new.yaml "$trace"
	[[ $output == "allow -> flag (service, medium): 4 times, 2026-11-24T04:36:59Z to 2026-11-24T04:37:00Z
    what:  unlink footage (/var/lib/motion/camera0/2026-11-24/000000.mp4)
    who:   motion.service as motion, /usr/bin/motion[640]
    old:   grant 'motion'
    new:   no grant: nearest grant 'motion': it does not allow delete
45 events, 41 judged alike
4 allow -> flag" ]]
	run -1 "$camwarden" diff --policy new.yaml --policy old.yaml "$trace"
	[[ $output == "flag (service, medium) -> allow: 4 times"*"4 flag -> allow" ]]
}

@test "json has both verdicts, an example, and counts that agree with replay" {
	filter='select(.from == "allow" and .to == "flag") |
		[.count, .old.grant, .new.class, .example.kind, .example.verdict.decision]'
	[ "$(diffs --policy old.yaml --policy new.yaml "$trace")" = \
		'[4,"motion","service","unlink","flag"]' ]
	flags() {
		"$camwarden" replay --format json --policy "$1" "$trace" |
			grep -c '"decision":"flag"'
	}
	filter='select(.summary) | .summary.allow_to_flag'
	[ "$(diffs --policy old.yaml --policy new.yaml "$trace")" = \
		$(($(flags new.yaml) - $(flags old.yaml))) ]
}

@test "with one policy it is held against those in the trace" {
	run -1 "$camwarden" diff --policy old.yaml "$trace"
	[[ $output == *"old:   grant 'nightly copy'"*"new:   no grant: "* ]]
	# The policy of the trace against itself.
	cat >same.yaml <<-'END'
		version: 1
		assets:
		  cameras: {kind: camera}
		  footage: {kind: recordings, path: /var/lib/motion}
		grants:
		  - {name: motion records, allow: [open, stream, write, delete], on: [cameras, footage],
		     to: {exe: /usr/bin/motion, user: motion}}
		  - {name: nightly copy, allow: [open], on: [footage], to: {exe: /usr/bin/rsync, origin: service}}
		  - {name: support, allow: [open], on: [footage], to: {login: alice}, limit: {files: 20/day}}
	END
	run -0 "$camwarden" diff --policy same.yaml "$trace"
}

@test "class and severity count as a change, the words alone do not" {
	sed 's/name: motion,/name: other,/' old.yaml >renamed.yaml
	run -0 "$camwarden" diff --policy old.yaml --policy renamed.yaml "$trace"
	cat >limit-a.yaml <<-'END'
		version: 1
		assets:
		  footage: {kind: recordings, path: /var/lib/motion}
		grants:
		  - {name: motion, allow: [open, write], on: footage, to: {exe: /usr/bin/motion}, limit: {files: 1/day}}
	END
	sed '/- {name/d; s/grants:/grants: []/' limit-a.yaml >none.yaml
	run -1 "$camwarden" diff --policy limit-a.yaml --policy none.yaml "$trace"
	[[ $output == *"flag (limit, medium) -> flag (service, medium)"* ]]
	[[ $output == *"flagged by both, with another class or severity"* ]]
}

@test "limits count from the start, whatever part is asked for" {
	cat >limit-a.yaml <<-'END'
		version: 1
		assets:
		  footage: {kind: recordings, path: /var/lib/motion}
		grants:
		  - {name: motion, allow: [open, write, delete], on: footage, to: {exe: /usr/bin/motion}, limit: {files: 3/day}}
	END
	since=$(jq -r 'select(.seq == 30) | .time' "${trace%.cw}.json")
	"$camwarden" replay --format json --policy limit-a.yaml --since "$since" "$trace" |
		jq -c 'select(.verdict.class == "limit") | .seq' >flagged || true
	filter='select(.summary) | .summary.allow_to_flag'
	[ "$(diffs --policy old.yaml --policy limit-a.yaml --since "$since" "$trace")" = \
		"$(wc -l <flagged)" ]
	[ -s flagged ]
}

@test "all: what both judge alike, too" {
	run -0 "$camwarden" diff --all --policy old.yaml --policy old.yaml "$trace"
	[[ $output == *"allow -> allow: "* && $output == *"flag (remote, high) -> flag (remote, high)"* ]]
}

@test "a trace without a policy needs two" {
	command -v python3 >/dev/null || skip "python3 is not installed"
	run -1 --separate-stderr "$camwarden" diff --policy old.yaml "$trace"
	# shellcheck disable=SC2154 # set by run
	[ "$stderr" = "" ]
}

@test "errors and usage" {
	run -0 "$camwarden" diff --help
	[[ $output == Usage:* ]]
	run -2 "$camwarden" diff "$trace"
	[[ $output == *"--policy is needed"* ]]
	run -2 "$camwarden" diff --policy old.yaml --policy old.yaml --policy old.yaml "$trace"
	[[ $output == *"--policy can be given twice"* ]]
	echo 'version: 2' >bad.yaml
	run -2 "$camwarden" diff --policy bad.yaml --policy old.yaml "$trace"
	[[ $output == *bad.yaml:1:* ]]
	run -3 "$camwarden" diff --policy missing.yaml --policy old.yaml "$trace"
	run -3 "$camwarden" diff --policy old.yaml --policy new.yaml missing.cw
	cp "$trace" bad.cw
	printf 'X' | dd of=bad.cw bs=1 seek=2000 conv=notrunc status=none
	run -3 "$camwarden" diff --policy old.yaml --policy old.yaml bad.cw
	status=0
	"$camwarden" diff --policy old.yaml --policy new.yaml "$trace" >/dev/full 2>messages || status=$?
	[ "$status" = 3 ]
	grep -q "No space left" messages
}
