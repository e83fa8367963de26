#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: on this kernel every capability stands on the rung that tests/coverage says, so
# that none falls in silence; and on that rung one access is one event, of the right kind, by the
# right process, whatever the kernel and the machine.
#
# $CW_BOOTED: the best rung that this guest has (lsm, fentry, kprobe); lsm unless told.
# $CW_RUNG: a lower one to ask for. $CW_HIDE_TYPES: the kernel's types are hidden, and are in a small
# file instead: its name, or "yes" to make it here. $CW_WRITE: a directory to write the coverage to instead.
#
# limit: 300
# early

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/e2e/lib.bash
. tests/e2e/lib.bash

# fanotify tells of names on a disk only, before 5.13.
RECORDINGS=/run/recordings
! mountpoint -q /mnt/disk || RECORDINGS=/mnt/disk/recordings
BOOTED=${CW_BOOTED:-lsm}
RUNG=${CW_RUNG:-$BOOTED}
EXPECTED=tests/coverage/$(uname -r | cut -d . -f 1-2)-$(uname -m)-$RUNG${CW_HIDE_TYPES:+-btf}.txt
ARGUMENTS=(${CW_RUNG:+--rung "$CW_RUNG"})
SEED=iterator
CW_START_LIMIT=200

coverage() {
	"$CAMWARDEN" coverage --format json "${ARGUMENTS[@]}" |
		jq -r '.capabilities[] | "\(.capability) \(.rung): \(.hooks)"'
}

as_expected() {
	if [[ -n ${CW_WRITE:-} ]]; then
		coverage >"$CW_WRITE/${EXPECTED##*/}"
		return
	fi
	[[ -e $EXPECTED ]] || fail "no $EXPECTED; scripts/matrix --write makes it, for you to read"
	diff "$EXPECTED" <(coverage)
}

# What was done to the clip's tree and the devices since mark_events, in its order; close, and what a
# program opens besides (the folder that ls or chmod looks at), aside.
told() {
	events '.asset.kind != null and .kind != "close" and (.asset.kind != "recordings" or
			.kind != "open" or (.asset.path | endswith("clip")))' |
		jq -r --arg rung "$RUNG" '[.kind, .process.comm, (.asset.path | sub(".*/"; "")), .result,
			if .probe == $rung or .kind == "stream" or
				($rung == "tracepoint" and .probe == "fanotify") then empty
			else .probe end] | join(" ")'
}

# On the tracepoint rung fanotify tells of names: a link by its new one, and of no content that goes.
# Of calls it sees the result, where hooks see them before the driver is asked; and on arm64 sound
# drivers refuse to map their state.
expected() {
	if [[ $RUNG == tracepoint ]]; then
		[[ $(uname -m) != aarch64 ]] || set -- -e '/^map arecord /d'
		sed -e 's/^link ln clip /link ln again /; /^gone /d' "$@"
	else
		cat
	fi
}

accesses() {
	mark_events
	cat "$RECORDINGS/clip" >/dev/null
	chmod 600 "$RECORDINGS/clip"
	ln "$RECORDINGS/clip" "$RECORDINGS/again"
	mkdir "$RECORDINGS/day"
	mv "$RECORDINGS/clip" "$RECORDINGS/day/moved"
	rm "$RECORDINGS/again"
	truncate -s 1 "$RECORDINGS/day/moved"
	rm "$RECORDINGS/day/moved"
	rmdir "$RECORDINGS/day"
	setpriv --reuid nobody --regid nogroup --clear-groups cat /dev/video0 2>/dev/null || :
	v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=10 >/dev/null 2>&1
	arecord -q -D hw:0,0 -f cd -s 4410 /dev/null
	wait_event '.kind == "close" and .process.comm == "arecord" and
		(.asset.path | startswith("/dev/snd/pcm"))' 30 >/dev/null
	expected <<-END | diff - <(told)
		open cat clip 0
		attr chmod clip 0
		link ln clip 0
		rename mv clip 0
		unlink rm again 0
		truncate truncate moved 0
		unlink rm moved 0
		gone rm moved 0
		unlink rmdir day 0
		denied cat video0 -13
		open v4l2-ctl video0 0
		open v4l2-ctl media0 0
		map v4l2-ctl video0 0
		stream v4l2-ctl video0 0
		stream v4l2-ctl video0 0
		open arecord pcmC0D0c 0
		map arecord pcmC0D0c 0
		stream arecord pcmC0D0c 0
		stream arecord pcmC0D0c 0
	END
	holds "$(wait_event '.kind == "stream" and .process.comm == "v4l2-ctl" and
		.detail.phase == "stop"')" '.detail.frames == 10'
}

seeded() {
	holds "$(CW_MARK=0 wait_event '(.asset.path // "") | endswith("held")')" \
		".probe == \"$SEED\"" ".process.pid == $$"
}

nothing_lost() {
	CW_MARK=0
	[[ $(count_events '.kind == "gap" or (.kind == "canary" and .detail.ok == false)') == 0 ]]
}

hide_types() {
	if [[ $CW_HIDE_TYPES == yes ]]; then
		CW_HIDE_TYPES=/run/small.btf
		scripts/btf /sys/kernel/btf/vmlinux "$CW_HIDE_TYPES"
	fi
	mkdir /run/nothing
	mount --bind /run/nothing /sys/kernel/btf
	ARGUMENTS+=(--btf "$CW_HIDE_TYPES")
	SEED=proc
}

# The traces in tests/golden were written on x86-64.
elsewhere() {
	local trace
	local said='[.seq, .time, .kind, .process.exe, .asset.path, .origin.peer, .verdict.decision,
		.verdict.class]'

	for trace in tests/golden/*.cw; do
		{ "$CAMWARDEN" replay --all --format json "$trace" || (($? == 1)); } | jq -c "$said" |
			diff <(jq -c "$said" "${trace%.cw}.json") -
		"$CAMWARDEN" verify --key "${trace%.cw}.pub" "$trace" | grep '^  PROVEN ' >/dev/null
	done
}

mkdir -p "$RECORDINGS"
echo picture >"$RECORDINGS/clip"
echo picture >"$RECORDINGS/held"
cat >/run/policy.yaml <<END
version: 1
assets:
  camera:  {kind: camera}
  mics:    {kind: microphone}
  footage: {kind: recordings, path: $RECORDINGS}
END
[[ -z ${CW_HIDE_TYPES:-} ]] || hide_types
scenario "$RUNG: every capability is on the rung of ${EXPECTED##*/}" as_expected
cw_start "${ARGUMENTS[@]}" --policy /run/policy.yaml || echo "# goes on, to show what fails"
scenario "$RUNG: one event for each access, in order" accesses
scenario "$RUNG: nothing was lost" nothing_lost
stop_camwarden || echo "# status $CW_STATUS"
exec 7<"$RECORDINGS/held"
cw_start "${ARGUMENTS[@]}" --policy /run/policy.yaml || echo "# goes on, to show what fails"
scenario "$RUNG: what was open before the agent is found" seeded
stop_camwarden
[[ $(uname -m) == x86_64 ]] || scenario "traces of another architecture read as they do there" elsewhere
scenarios_done
