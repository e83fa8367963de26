#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal: a kernel that does not describe its types is watched by those of a file, on what rungs it
# has; a file that does not fit is refused with a word on where a fitting one comes from. Here the
# kernel's own description is hidden from the agent by a mount that only the agent has.

# Tests are subshells, and the variables are those of lib.bash.
# shellcheck disable=SC2030,SC2031

load host.bash

setup_file() {
	[[ $EUID != 0 || ! -e $KERNEL_TYPES ]] ||
		"$CW_TOP/scripts/btf" "$KERNEL_TYPES" "$BATS_FILE_TMPDIR/small.btf" 3>&-
}

setup() {
	host_setup
	SMALL=$BATS_FILE_TMPDIR/small.btf
	hide_types
}

teardown() { host_teardown; }

says() {
	[[ $output == *"$1"* ]] || {
		printf 'not said: %s\nbut: %s\n' "$1" "$output" >&2
		return 1
	}
}

# refused FILE REASON
refused() {
	run "$CAMWARDEN" coverage --btf "$1"
	[[ $status == 3 ]]
	says "$1"
	says "$2"
}

capabilities() {
	"$@" --format json | jq -r '.capabilities[] | "\(.capability) \(.rung): \(.hooks)"'
}

@test "types: without any, it says where they can be had" {
	for verb in coverage run "record -o $W/trace"; do
		# shellcheck disable=SC2086 # words
		run timeout 20 "$CAMWARDEN" $verb 3>&-
		[[ $status == 3 ]]
		says "--btf FILE"
		says scripts/btf
	done
}

@test "types: a file that is not there, has none, or is of another kernel is refused" {
	refused "$W/none" "No such file"
	refused "$CW_TOP/README.md" "no type information"
	refused "$OWN" "no type information"
	# The programs' own idea of the kernel's types: only the fields that they read.
	refused "$CW_TOP/build/bpf/types.o" "of another kernel than $(uname -r)"
}

@test "types: the kernel's own are used where it has them" {
	run "$OWN" coverage --btf "$W/none"
	[[ $status == 0 ]]
	[[ $output != *"$W/none"* ]]
}

@test "types: from a small file or a whole one, no other capability falls" {
	(($(stat -c %s "$SMALL") < 65536))
	capabilities "$OWN" coverage >"$W/own" --rung kprobe
	capabilities "$CAMWARDEN" coverage --btf "$SMALL" >"$W/small"
	capabilities "$CAMWARDEN" coverage --btf "$TYPES" >"$W/whole"
	diff "$W/whole" "$W/small"
	diff <(grep -v ^seed "$W/own") <(grep -v ^seed "$W/small")
	grep -x 'seed proc: /proc/PID /proc/PID/fd' "$W/small"
	run "$CAMWARDEN" coverage --btf "$SMALL"
	says "its types from $SMALL"
}

@test "types: with a small file accesses and refusals are seen, with who it was" {
	echo picture >"$REC/clip"
	host_start --btf "$SMALL"
	chmod 600 "$REC/clip"
	"$ACTOR" open "$REC/clip"
	expect ".kind == \"open\" and .asset.path == \"$REC/clip\" and .process.comm == \"actor\""
	is ".process.exe == \"$ACTOR\" and .process.uid == 0 and .process.ppid == $$"
	run as_nobody "$ACTOR" open "$REC/clip"
	expect '.kind == "denied"'
	is ".asset.path == \"$REC/clip\" and .process.uid == 65534 and .result == -13"
	stop_camwarden
	[[ -z $CW_DIFFERS ]]
}

@test "scripts/btf: what is not a kernel's is refused" {
	local input

	for input in "$CW_TOP/README.md" "$CW_TOP/build/camwarden" "$W/none"; do
		run "$CW_TOP/scripts/btf" "$input" "$W/out" 3>&-
		[[ $status == 3 ]]
		says "$input"
		[[ ! -e $W/out ]]
	done
	run "$CW_TOP/scripts/btf" "$input"
	[[ $status == 2 ]]
	says --help
}

@test "scripts/btf: DWARF is translated" {
	command -v pahole >/dev/null || skip "pahole is not installed (scripts/deps btf)"
	echo 'struct task_struct { long a; int tgid; } t; struct task_struct *f(void) { return &t; }' |
		gcc -x c -g -shared -fPIC -o "$W/kernel" -
	"$CW_TOP/scripts/btf" "$W/kernel" "$W/out" 3>&-
	refused "$W/out" "of another kernel than $(uname -r)"
}
