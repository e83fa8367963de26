#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal: camwarden check takes good policies, names the place of every fault of bad ones, and runs
# cases. Needs no root.

setup() {
	CAMWARDEN=${CAMWARDEN:-$BATS_TEST_DIRNAME/../../build/camwarden}
	EXAMPLES=$BATS_TEST_DIRNAME/../../docs/examples
	cd "$BATS_TEST_TMPDIR" || return
	cat >good.yaml <<-'END'
		version: 1
		assets:
		  footage: {kind: recordings, path: /var/lib/motion}
		grants:
		  - {name: alice, allow: open, on: footage, to: {login: alice, origin: remote}, limit: {files: 1/day}}
	END
}

check() {
	run timeout 20 "$CAMWARDEN" check "$@" 3>&-
}

says() {
	[[ $output == *"$1"* ]] || {
		printf 'not said: %s\nbut: %s\n' "$1" "$output" >&2
		return 1
	}
}

@test "a good policy and the example: status 0" {
	check good.yaml
	[[ $status == 0 ]]
	check "$EXAMPLES/policy.yaml"
	[[ $status == 0 ]]
}

@test "the built-in policy is valid, and is written to standard output" {
	"$CAMWARDEN" check --print-default >default.yaml
	grep -q '^version: 1' default.yaml
	check default.yaml
	[[ $status == 0 ]]
}

@test "all faults of a file in one run, in its order, each with line and column" {
	cat >bad.yaml <<-'END'
		version: 1
		assets:
		  front: {kind: webcam}
		  footage: {kind: recordings, path: lib}
		grants:
		  - {name: a, alow: open, on: footage, to: anyone}
		  - {name: b, allow: open, on: frnt, to: {peer: 10.1.2.3/8}}
	END
	check bad.yaml
	[[ $status == 2 ]]
	says "bad.yaml:3:17:"
	says "bad.yaml:4:37:"
	says "bad.yaml:6:15: unknown key 'alow'"
	says "did you mean 'allow'"
	says "bad.yaml:7:32: unknown asset 'frnt'"
	says "expected 10.0.0.0/8"
	[[ $(grep -oE '^bad.yaml:[0-9]+' <<<"$output" | sort -t: -k2 -n -s) == \
		$(grep -oE '^bad.yaml:[0-9]+' <<<"$output") ]]
}

@test "not YAML, empty, missing, a directory, too large" {
	printf 'version: 1\nassets: {a: [\n' >broken.yaml
	check broken.yaml
	[[ $status == 2 ]]
	says "broken.yaml:"
	: >empty.yaml
	check empty.yaml
	[[ $status == 2 ]]
	says "empty.yaml:1:1:"
	check nowhere.yaml
	[[ $status == 3 ]]
	says "nowhere.yaml"
	check .
	[[ $status == 3 ]]
	head -c 1100000 /dev/zero | tr '\0' '#' >large.yaml
	check large.yaml
	((status == 2 || status == 3))
	says "large.yaml"
}

@test "control characters in a policy do not reach the terminal" {
	printf 'version: 1\nassets:\n  "a\\e[31m": {kind: camera, devise: x}\n' >odd.yaml
	check odd.yaml
	[[ $status == 2 ]]
	[[ $output != *$'\e'* ]]
}

@test "cases: all pass 0, one fails 1, invalid 2, missing 3" {
	cat >cases.yaml <<-'END'
		- name: alice from afar
		  event: {asset: {name: footage, inode: 1}, origin: {type: remote, login: alice}}
		  expect: allow
		  grant: alice
		- name: her second file
		  event: {asset: {name: footage, inode: 2}, origin: {type: remote, login: alice}}
		  expect: flag
		  class: limit
	END
	check good.yaml --cases cases.yaml
	[[ $status == 0 ]]
	sed 's/class: limit/class: remote/' cases.yaml >wrong.yaml
	check good.yaml --cases wrong.yaml
	[[ $status == 1 ]]
	says "wrong.yaml:5: case 'her second file': expected"
	printf -- '- {name: a, event: {}, expect: maybe}\n' >invalid.yaml
	check good.yaml --cases invalid.yaml
	[[ $status == 2 ]]
	says "invalid.yaml:1:"
	check good.yaml --cases nowhere.yaml
	[[ $status == 3 ]]
	says "nowhere.yaml"
}

@test "what this machine does not have is a warning, no fault" {
	cat >far.yaml <<-'END'
		version: 1
		assets:
		  front: {kind: camera, device: /dev/nothing-here}
		  footage: {kind: recordings, path: /nothing/here}
		grants: []
	END
	check far.yaml
	[[ $status == 0 ]]
	says "/dev/nothing-here"
	says "/nothing/here"
}
