#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: on a hub whose recordings are on an overlay, the tracepoint rung tells of what
# is opened, renamed and deleted there, and claims nothing about names that are left.
#
# vm: --kernel 6.12 --vivid none --no-sound
# limit: 240
# long

# shellcheck disable=SC2016 # jq's own variables
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/e2e/lib.bash
. tests/e2e/lib.bash

BASE=/run/overlay
ROOT=$BASE/merged/clips

# There since before the agent, in the lower layer.
lower_opened() {
	mark_events
	cat "$ROOT/old.mp4" >/dev/null
	holds "$(wait_event '.kind == "open" and .process.comm == "cat"')" \
		".asset.path == \"$ROOT/old.mp4\"" '.asset.kind == "recordings"'
}

# Written to, it is copied up: another inode below, the same recording above.
copied_up() {
	mark_events
	echo more >>"$ROOT/old.mp4"
	cat "$ROOT/old.mp4" >/dev/null
	holds "$(wait_event '.kind == "open" and .process.comm == "cat"')" \
		".asset.path == \"$ROOT/old.mp4\""
}

made_and_renamed() {
	mark_events
	mkdir "$ROOT/today"
	echo picture >"$ROOT/today/new.part"
	mv "$ROOT/today/new.part" "$ROOT/today/new.mp4"
	holds "$(wait_event '.kind == "rename"')" ".detail.to == \"$ROOT/today/new.mp4\"" \
		'.process.comm == "mv"'
	cat "$ROOT/today/new.mp4" >/dev/null
	holds "$(wait_event '.kind == "open" and .process.comm == "cat"')" \
		".asset.path == \"$ROOT/today/new.mp4\""
}

deleted() {
	mark_events
	ln "$ROOT/today/new.mp4" "$ROOT/today/twin.mp4"
	rm "$ROOT/today/new.mp4"
	holds "$(wait_event '.kind == "unlink" and .process.comm == "rm"')" \
		".asset.path == \"$ROOT/today/new.mp4\"" '.detail.last != true'
	cat "$ROOT/today/twin.mp4" >/dev/null
	wait_event '.kind == "open" and .process.comm == "cat"' >/dev/null
}

nothing_lost() {
	CW_MARK=0
	[[ $(count_events '.kind == "gap"') == 0 ]]
}

mkdir -p "$BASE"
mount -t tmpfs none "$BASE"
mkdir -p "$BASE"/{lower/clips,upper,work,merged}
echo picture >"$BASE/lower/clips/old.mp4"
mount -t overlay none -o "lowerdir=$BASE/lower,upperdir=$BASE/upper,workdir=$BASE/work" "$BASE/merged"
cat >/run/policy.yaml <<END
version: 1
assets:
  footage: {kind: recordings, path: $ROOT}
END
cw_start --rung tracepoint --policy /run/policy.yaml
scenario "a recording of the lower layer is opened" lower_opened
scenario "one that was copied up is the same recording" copied_up
scenario "a new folder, a new recording, its new name" made_and_renamed
scenario "of two names one is deleted: not said to be the last" deleted
scenario "nothing was lost, and no folder is said to be out of sight" nothing_lost
stop_camwarden
scenarios_done
