#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal: the commands explain themselves, tell wrong usage from a machine that cannot, and exit as
# documented. Needs no root; what root would get further with is run as nobody.

setup() {
	CAMWARDEN=${CAMWARDEN:-$BATS_TEST_DIRNAME/../../build/camwarden}
	VERBS=(run check coverage)
	cd "$BATS_TEST_TMPDIR" || return
}

cw() {
	run timeout 20 "$CAMWARDEN" "$@" 3>&-
}

as_nobody() {
	if ((EUID)); then
		run timeout 20 "$CAMWARDEN" "$@" 3>&-
	else
		run timeout 20 setpriv --reuid=65534 --regid=65534 --clear-groups -- "$CAMWARDEN" \
			"$@" 3>&-
	fi
}

says() {
	[[ $output == *"$1"* ]] || {
		printf 'not said: %s\nbut: %s\n' "$1" "$output" >&2
		return 1
	}
}

@test "--help: every verb, on standard output, status 0" {
	local verb option
	for option in --help -h help; do
		cw "$option"
		[[ $status == 0 ]]
		for verb in "${VERBS[@]}"; do
			says "$verb"
		done
	done
	[[ -z $("$CAMWARDEN" --help 2>&1 >/dev/null) ]]
}

@test "--help of every verb: its usage, no line over 100 columns" {
	local verb
	for verb in "${VERBS[@]}"; do
		cw "$verb" --help
		[[ $status == 0 ]]
		says "Usage: camwarden $verb"
		says "Exit status"
		[[ -z $(awk 'length > 100' <<<"$output") ]]
		[[ -z $("$CAMWARDEN" "$verb" --help 2>&1 >/dev/null) ]]
		cw "$verb" -h
		[[ $status == 0 ]]
	done
}

@test "every option of a verb's help is in its manual page" {
	local verb option
	for verb in "${VERBS[@]}"; do
		for option in $("$CAMWARDEN" "$verb" --help | grep -oE '^ +(-., )?--[a-z-]+' |
			grep -oE -- '--[a-z-]+'); do
			[[ $option != --help ]] || continue
			grep -q -- "${option#--}" "$BATS_TEST_DIRNAME/../../docs/man/camwarden-$verb.1" || {
				echo "$verb $option is not in the manual" >&2
				return 1
			}
		done
	done
}

@test "--version: name, number and the libraries in use" {
	cw --version
	[[ $status == 0 && $output =~ ^camwarden\ [0-9]+\.[0-9]+\.[0-9]+.*libbpf.*"traces packed by "(ISA-L|libdeflate|zlib)" "[0-9].*", unpacked by "(libdeflate|zlib)" "[0-9] ]]
}

@test "no command, and one that is not there: status 2, on standard error" {
	cw
	[[ $status == 2 ]]
	says "Usage:"
	cw fly
	[[ $status == 2 ]]
	says "no command 'fly'"
	[[ -z $("$CAMWARDEN" fly 2>/dev/null) ]]
}

@test "wrong usage of run: status 2, what was wrong, and where help is" {
	local arguments
	while read -r arguments; do
		# shellcheck disable=SC2086 # words
		cw run $arguments
		[[ $status == 2 ]] || { echo "run $arguments: $status" >&2; return 1; }
		says "${arguments##* }"
		says "camwarden run --help"
	done <<-'END'
		--nonsense
		-x
		--policy
		--format xml
		--duration 0
		--duration -1
		--duration 5s
		--duration 99999999999
		--rung ladder
		--trace-size 64X
		--trace-age 1y
		--trace-budget 0
		--keep soon
		--keep-size -1
		surplus
	END
}

@test "wrong usage of coverage and check: status 2" {
	cw coverage --nonsense
	[[ $status == 2 ]]
	says "--nonsense"
	cw coverage --format xml
	[[ $status == 2 ]]
	cw coverage surplus
	[[ $status == 2 ]]
	cw check
	[[ $status == 2 ]]
	cw check one two
	[[ $status == 2 ]]
	cw check --nonsense
	[[ $status == 2 ]]
	says "--nonsense"
}

@test "not root: run and coverage say so, status 3" {
	as_nobody run --duration 1
	[[ $status == 3 ]]
	says "root"
	as_nobody coverage
	[[ $status == 3 ]]
	says "root"
}

@test "not root: a policy that is wrong is told first" {
	printf 'version: 2\n' >bad.yaml
	chmod 644 bad.yaml
	chmod 755 . .. ../..
	as_nobody run --policy "$PWD/bad.yaml"
	[[ $status == 2 ]]
	says "bad.yaml:1:"
}
