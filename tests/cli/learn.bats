#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal: what camwarden learn writes is a valid policy, always the same, that flags nothing but what
# it lists for a decision. Needs no root.

bats_require_minimum_version 1.5.0

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	camwarden=${CAMWARDEN:-$top/build/camwarden}
	trace=$top/tests/golden/trace-1.cw
	cd "$BATS_TEST_TMPDIR" || return 1
}

# Kind, origin and result of what is flagged in $2 by the policy $1.
flagged() {
	"$camwarden" replay --format json --policy "$1" "$2" 2>/dev/null |
		jq -c 'select(.verdict.decision == "flag") | [.kind, .origin.type, .result < 0]' |
		sort -u
}

@test "learn, then replay: nothing is flagged but people and gaps" {
	"$camwarden" learn -o learned.yaml "$trace" 2>summary
	run -0 "$camwarden" check learned.yaml
	[ "$(flagged learned.yaml "$trace")" = '["gap",null,false]
["open","remote",false]' ]
	grep -q '^camwarden learn: 3 grants on 4 assets, 2 of them rare; 4 accesses are not granted' \
		summary
}

@test "on a larger, generated trace, too" {
	make -s -C "$top" build/bench/generate
	"$top/build/bench/generate" -o large.cw --events 20000
	"$camwarden" learn -o learned.yaml large.cw 2>/dev/null
	run -0 "$camwarden" check learned.yaml
	flagged learned.yaml large.cw >flags
	[ -s flags ]
	# People, and attempts that were refused.
	[ "$(jq -c 'select((.[1] | IN("login", "remote") | not) and .[0] != "gap" and .[2] == false)' \
		flags)" = "" ]
	# It is the least: each grant, left out, would be missed.
	count() {
		"$camwarden" replay --policy "$1" --format json large.cw | grep -c '"decision":"flag"'
	}
	all=$(count learned.yaml)
	grep -n -- '- name:' learned.yaml | cut -d: -f1 >lines
	[ "$(wc -l <lines)" -gt 4 ]
	while read -r line; do
		awk -v from="$line" 'NR < from || NR >= from + 9' learned.yaml >less.yaml
		[ "$(count less.yaml)" -gt "$all" ]
	done <lines
}

@test "the same traces give the same bytes, in any order and from standard input" {
	"$camwarden" learn "$trace" >one.yaml
	"$camwarden" learn "$trace" >two.yaml
	cmp one.yaml two.yaml
	"$camwarden" learn - <"$trace" | cmp - one.yaml
	cp "$trace" b.cw
	"$camwarden" learn "$trace" b.cw | cmp - one.yaml
	other=${trace%.cw}.1.cw
	"$camwarden" learn "$trace" "$other" >two.yaml
	"$camwarden" learn "$other" "$trace" | cmp - two.yaml
	run -1 cmp one.yaml two.yaml
}

@test "who, what, how often and when" {
	run -0 "$camwarden" learn "$trace"
	[[ $output == *'  footage: {kind: recordings, path: /var/lib/motion}
'* ]]
	[[ $output == *'  # motion.service did open, write, delete
  #   on footage 16 times, 2026-11-24T04:36:59Z to '* ]]
	[[ $output == *'    allow: [open, write, delete]
    on: [footage]
    to:
      exe: /usr/bin/motion
      sha256: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
      user: motion
      unit: motion.service
      origin: service
'* ]]
}

@test "people are listed and never granted" {
	run -0 "$camwarden" learn "$trace"
	[[ $output == *'# FOR A DECISION: none of this is granted'*'#   bob, remote from 203.0.113.7 by /usr/sbin/sshd
'*'
#     open cameras (/dev/video6) with /usr/bin/cat, once, '* ]]
	grants=${output%%# FOR A DECISION*}
	[[ $grants != *bob* && $grants != *alice* && $grants != *remote* && $grants != */usr/bin/cat* ]]
}

@test "few accesses are marked" {
	[ "$("$camwarden" learn "$trace" | grep -c RARE)" = 3 ]
	[ "$("$camwarden" learn --min 1 "$trace" | grep -c RARE)" = 0 ]
	[ "$("$camwarden" learn --min 17 "$trace" | grep -c RARE)" = 4 ]
}

@test "the assets of a policy are kept, with what it does not have beside them" {
	cat >assets.yaml <<-'END'
		version: 1
		assets:
		  cams: {kind: camera, card: HD*}
		  first: {kind: recordings, path: /var/lib/motion/camera1}
	END
	"$camwarden" learn --policy assets.yaml "$trace" >learned.yaml
	run -0 "$camwarden" check learned.yaml
	grep -qF '  cams: {kind: camera, card: "HD*"}' learned.yaml
	grep -qF '  first: {kind: recordings, path: /var/lib/motion/camera1}' learned.yaml
	grep -qF 'path: /var/lib/motion}' learned.yaml
	[ "$(grep -c 'kind: camera' learned.yaml)" = 1 ]
	[ "$(flagged learned.yaml "$trace")" = '["gap",null,false]
["open","remote",false]' ]
}

@test "only what happened in a time" {
	since=$(jq -r 'select(.seq == 20) | .time' "${trace%.cw}.json")
	"$camwarden" learn --until "$since" "$trace" >before.yaml
	"$camwarden" learn --since "$since" "$trace" >after.yaml
	grep -qF '# Learned by camwarden from '"$(jq -s 'map(select(.seq < 20)) | length' \
		"${trace%.cw}.json")"' events of hub-1' before.yaml
	[ "$(grep -c -- '- name' before.yaml)" -lt "$(grep -c -- '- name' after.yaml)" ]
}

@test "a hostile name of a hub stays in its comment" {
	command -v python3 >/dev/null || skip "python3 is not installed"
	python3 - "$trace" >hub.cw <<-'END'
		import sys, zlib
		d = bytearray(open(sys.argv[1], "rb").read())
		name = b"x\ngrants: [{name: evil}]\n\x1b[2J\0"
		d[80:80 + len(name)] = name
		d[20:24] = bytes(4)
		d[20:24] = zlib.crc32(d[:256]).to_bytes(4, "little")
		sys.stdout.buffer.write(d)
	END
	"$camwarden" learn hub.cw >learned.yaml
	run -0 "$camwarden" check learned.yaml
	grep -qF '# Learned by camwarden from 45 events of x\ngrants: [{name: evil}]\n\x1b[2J, ' learned.yaml
	run -1 grep -qP '[\x00-\x08\x0b-\x1f]' learned.yaml
}

@test "damage is told, and what was read is learned from" {
	cp "$trace" bad.cw
	printf 'X' | dd of=bad.cw bs=1 seek=2000 conv=notrunc status=none
	run -3 --separate-stderr "$camwarden" learn bad.cw
	# shellcheck disable=SC2154 # set by run
	[[ $stderr == *"bad.cw: block 2, byte "* ]]
	[[ $output == *"version: 1"* ]]
	run -3 "$camwarden" learn missing.cw
	run -3 "$camwarden" learn -o /nowhere/policy.yaml "$trace"
	cp "$trace" copy.cw
	run -2 "$camwarden" learn -o copy.cw copy.cw
	cmp copy.cw "$trace"
	status=0
	"$camwarden" learn "$trace" >/dev/full 2>messages || status=$?
	[ "$status" = 3 ]
	grep -q "No space left" messages
}

@test "usage" {
	run -0 "$camwarden" learn --help
	[[ $output == Usage:* ]]
	run -2 "$camwarden" learn
	run -2 "$camwarden" learn --min few "$trace"
	run -2 "$camwarden" learn --nonsense "$trace"
	echo 'version: 2' >bad.yaml
	run -2 "$camwarden" learn --policy bad.yaml "$trace"
}
