#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: a kernel that offers nothing but tracepoints still tells who opened a camera,
# who was refused, how many frames were taken and from where the person came.
#
# vm: --vivid none --no-sound
# limit: 300
# paired

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/vm/people.sh
. tests/vm/people.sh
# shellcheck source=tests/e2e/lib.bash
. tests/e2e/lib.bash

FRAMES=20
RECORDINGS=/run/recordings

rungs() {
	CW_MARK=0
	[[ $(count_events '.kind == "coverage" and (.detail.rung | IN("lsm", "fentry", "kprobe"))') == 0 ]]
	[[ $(count_events '.kind == "coverage" and .detail.capability == "open" and
		.detail.rung == "tracepoint"') == 1 ]]
}

streams() {
	local event

	mark_events
	v4l2-ctl -d /dev/video0 --stream-mmap --stream-count="$FRAMES" >/dev/null 2>&1
	event=$(wait_event '.kind == "close" and .asset.path == "/dev/video0"')
	holds "$event" '.process.comm == "v4l2-ctl"' '.detail.seconds > 0'
	holds "$(wait_event '.kind == "open"')" '.probe == "tracepoint"' '.result == 0' \
		'.asset.dev == "81:0"' '.asset.driver == "vivid"' '.process.exe == "/usr/bin/v4l2-ctl"' \
		'.process.argv[1] == "-d"' '.process.uid == 0' '.verdict.decision == "flag"'
	holds "$(wait_event '.kind == "stream" and .detail.phase == "stop"')" \
		".detail.frames == $FRAMES" '.process.comm == "v4l2-ctl"'
	[[ $(count_events '.kind == "stream"') == 2 ]]
}

denied() {
	mark_events
	if setpriv --reuid nobody --regid nogroup --clear-groups cat /dev/video0 2>/dev/null; then
		fail "nobody can read the camera"
	fi
	holds "$(wait_event '.kind == "denied"')" '.result == -13' '.process.user == "nobody"' \
		'.asset.path == "/dev/video0"' '.asset.kind == "camera"' '.verdict.decision == "flag"'
}

inherited() {
	mark_events
	# The shell opens, v4l2-ctl's cousin uses: head reads by the descriptor that it inherits.
	bash -c 'exec 5<>/dev/video0; (head -c 1 <&5 >/dev/null); exec 5<&-'
	holds "$(wait_event '.kind == "open" and .process.comm == "bash"')" '.asset.dev == "81:0"'
	holds "$(wait_event '.kind == "use"')" '.process.comm == "head"' '.detail.opener_pid > 0'
	wait_event '.kind == "close" and .process.comm == "bash"' >/dev/null
}

remote() {
	mark_events
	ssh_as alice "v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=5" >/dev/null 2>&1
	holds "$(wait_event '.kind == "open"')" '.verdict.class == "remote"' \
		'.origin.type == "remote"' '.origin.login_user == "alice"' \
		'.origin.peer | test("^10\\.77\\.0\\.2:[0-9]+$")' '.origin.local_port == 22' \
		'.origin.via | endswith("/sshd")' '.origin.seeded == false'
	holds "$(wait_event '.kind == "stream" and .detail.phase == "stop"')" '.detail.frames == 5' \
		'.origin.login_user == "alice"'
}

recording() {
	mark_events
	ssh_as alice "cat $RECORDINGS/clip; sudo mv $RECORDINGS/clip $RECORDINGS/moved
		sudo rm $RECORDINGS/moved" >/dev/null
	holds "$(wait_event '.kind == "open" and .process.comm == "cat"')" \
		".asset.path == \"$RECORDINGS/clip\"" '.verdict.class == "remote"'
	holds "$(wait_event '.kind == "rename"')" '.origin.login_user == "alice"' '.process.uid == 0' \
		".asset.path == \"$RECORDINGS/clip\"" ".detail.to == \"$RECORDINGS/moved\""
	holds "$(wait_event '.kind == "unlink"')" '.origin.login_user == "alice"' \
		".asset.path == \"$RECORDINGS/moved\"" '.verdict.class == "remote"'
}

nothing_lost() {
	CW_MARK=0
	[[ $(count_events '.kind == "gap" or (.kind == "canary" and .detail.ok == false)') == 0 ]]
}

modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0
people_setup alice
network_setup
sshd_start
mkdir -p "$RECORDINGS"
echo picture >"$RECORDINGS/clip"
cat >/run/policy.yaml <<END
version: 1
assets:
  camera:  {kind: camera}
  footage: {kind: recordings, path: $RECORDINGS}
END
cw_start --rung tracepoint --policy /run/policy.yaml || echo "# goes on, to show what fails"
scenario "no better rung is in use" rungs
scenario "open, stream with its frames, and close of a camera" streams
scenario "a refused open" denied
scenario "a descriptor that was inherited" inherited
scenario "alice watches over ssh" remote
scenario "alice reads, moves and deletes a recording over ssh" recording
scenario "nothing was lost" nothing_lost
stop_camwarden
scenarios_done
