# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the bats files of the running kernel share (tests/e2e/host*.bats), on top of lib.bash.
#
#   host_setup          a directory of its own: $W, readable by everybody; $REC is the watched folder
#                       in it; $POLICY; $ACTOR is tests/e2e/actor.c, compiled
#   host_teardown       stops what runs, removes $W, says how to reproduce
#   expect FILTER [SEC] wait_event into $EVENT, or the test fails
#   is FILTER           $EVENT must satisfy it
#   none FILTER         no event so far does; after something that came later was seen
#   count_is N FILTER   so many events do, so far
#   eventually COMMAND… until it succeeds, bounded by $CW_EVENT_LIMIT seconds
#   as_nobody COMMAND…
#   hide_types          $CAMWARDEN, $OWN until now, finds a kernel that does not describe its types;
#                       $TYPES is a file that does
#   background COMMAND…  in the background with its output in $W/out.N; sets BG_PID, BG_OUT

# shellcheck source=tests/e2e/lib.bash
. "${BASH_SOURCE[0]%/*}/lib.bash"

KERNEL_TYPES=/sys/kernel/btf/vmlinux

host_setup() {
	((EUID == 0)) || skip "needs root"
	W=$(mktemp -d /tmp/camwarden-host.XXXXXX)
	chmod 755 "$W"
	REC=$W/rec
	POLICY=$W/policy.yaml
	BACKGROUND=()
	mkdir "$REC"
	host_policy ""
	# shellcheck disable=SC2034 # for the tests
	ACTOR=$(host_actor)
}

# Once for all tests of a run of bats.
host_actor() {
	local program=${BATS_RUN_TMPDIR:-$W}/actor

	[[ -x $program ]] || gcc -O2 -static -pthread -o "$program" "$CW_TOP/tests/e2e/actor.c"
	# bats keeps its directories to itself; nobody has to run it, too.
	cp "$program" "$W/actor"
	echo "$W/actor"
}

# host_policy [LINE…]: LINEs are further assets.
# shellcheck disable=SC2120 # tests pass them
host_policy() {
	{
		printf 'version: 1\nassets:\n  footage: {kind: recordings, path: %s}\n' "$REC"
		[[ -z ${1:-} ]] || printf '  %s\n' "$@"
		printf 'grants:\n  - {name: tac reads, allow: open, on: footage, to: {exe: /usr/bin/tac}}\n'
	} >"$POLICY"
}

host_start() {
	cw_start --policy "$POLICY" --quiet "$@"
}

expect() {
	EVENT=$(wait_event "$@") || return 1
}

is() {
	jq -e "$1" <<<"$EVENT" >/dev/null || {
		printf 'not so: %s\n  in %s\n' "$1" "$EVENT" >&2
		return 1
	}
}

# The events that are on their way have come when that of an access after them has.
none() {
	local beacon=$REC/.beacon.$RANDOM$RANDOM found

	: >"$beacon"
	wait_event ".kind == \"close\" and .asset.path == \"$beacon\"" >/dev/null
	found=$(events "$1" | head -n 3)
	[[ -z $found ]] || {
		printf 'came, though: %s\n' "$found" >&2
		return 1
	}
}

eventually() {
	local end=$((SECONDS + CW_EVENT_LIMIT))

	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || {
			echo "not in $CW_EVENT_LIMIT s: $*" >&2
			return 1
		}
		read -r -t 0.02 <> <(:) || true
	done
}

# count_is NUMBER FILTER
count_is() {
	[[ $(count_events "$2") == "$1" ]]
}

as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"
}

background() {
	BG_OUT=$W/out.${#BACKGROUND[@]}
	: >"$BG_OUT"
	"$@" >"$BG_OUT" 2>&1 </dev/null 3>&- &
	BG_PID=$!
	BACKGROUND+=("$BG_PID")
}

# The mount that hides them is in a namespace of the agent's own.
hide_types() {
	[[ -e $KERNEL_TYPES ]] || skip "the kernel has no types ($KERNEL_TYPES) that could be hidden"
	OWN=$CAMWARDEN
	TYPES=$W/types.btf
	cp "$KERNEL_TYPES" "$TYPES"
	mkdir "$W/nothing"
	cat >"$W/hidden" <<-END
		#!/bin/bash
		exec unshare -m bash -c \
			'mount --bind $W/nothing ${KERNEL_TYPES%/*} && exec $OWN "\$@"' - "\$@"
	END
	chmod +x "$W/hidden"
	CAMWARDEN=$W/hidden
}

# The first line that a background command prints.
first_line() {
	eventually grep -q . "$1"
	head -n 1 "$1"
}

host_teardown() {
	local pid status=0

	[[ -n ${W:-} ]] || return 0
	CAMWARDEN=${OWN:-$CAMWARDEN}
	e2e_teardown || status=1
	for pid in "${BACKGROUND[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	while read -r pid; do
		umount -l "$pid" 2>/dev/null || true
	done < <(findmnt -rno TARGET | grep "^$W/" | sort -r)
	rm -rf "$W"
	[[ -n ${BATS_TEST_COMPLETED:-} ]] ||
		printf 'reproduce: sudo env CAMWARDEN=%s bats --filter %q %s\n' "$CAMWARDEN" \
			"$BATS_TEST_DESCRIPTION" "$BATS_TEST_FILENAME"
	return "$status"
}
