#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: devices that come after the agent, or were open before it, are covered and
# named for what they are, also a USB camera that is asked without its driver; what is no camera and
# no microphone is not taken for one.
#
# vm: --vivid none --no-sound
# limit: 450

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/vm/people.sh
. tests/vm/people.sh
# shellcheck source=tests/vm/gadget.sh
. tests/vm/gadget.sh
# shellcheck source=tests/e2e/lib.bash
. tests/e2e/lib.bash

FRAMES=8
CW_EVENT_LIMIT=30
SESSION=/run/session

nothing_here() {
	grep -q 'no camera and no microphone here now' "$CW_LOG"
	grep -q "there is no device /dev/video0 now" "$CW_LOG"
	[[ $(CW_MARK=0 count_events '.verdict.decision == "flag"') == 0 ]]
}

# The first open comes at once, however long the agent takes to hear of the driver.
driver_comes() {
	local event

	mark_events
	modprobe vivid n_devs=1 num_inputs=1 input_types=0
	v4l2-ctl -d /dev/video0 --stream-mmap --stream-count="$FRAMES" >/dev/null 2>&1
	event=$(wait_event '.kind == "open" and .process.comm == "v4l2-ctl" and .asset.dev == "81:0"')
	holds "$event" '.asset.kind == "camera"' '.asset.node == "/dev/video0"' \
		'.asset.driver == "vivid"' '.asset.bus == "platform:vivid-000"' \
		'.asset.card == "vivid"' '.asset.name == "front-door"' '.result == 0'
	event=$(wait_event '.kind == "stream" and .detail.phase == "stop"')
	holds "$event" ".detail.frames == $FRAMES" '.asset.name == "front-door"'
}

# node_with CAPABILITY: the first video node that has it.
node_with() {
	local node

	for node in /dev/video*; do
		! v4l2-ctl -d "$node" -D | sed -n '/Device Caps/,$p' | grep -q "$1" ||
			{ echo "$node"; return; }
	done
	fail "no node with $1"
}

not_cameras() {
	local node

	mark_events
	for node in "$(node_with 'Video Output$')" "$(node_with 'Metadata Capture$')"; do
		head -c 0 "$node"
		bash -c "exec 5<>$node"
	done
	bash -c 'exec 5</dev/video0'
	wait_event '.kind == "close" and .asset.dev == "81:0" and .process.comm == "bash"' >/dev/null
	[[ $(count_events '.kind == "open" and .process.comm == "bash" and .asset.dev != "81:0"') == 0 ]] ||
		fail "$(events '.kind == "open" and .process.comm == "bash"')"
}

aliases() {
	mark_events
	mknod /run/alias c 81 0
	bash -c 'exec 5</run/alias'
	holds "$(wait_event '.kind == "open" and .asset.path == "/run/alias"')" \
		'.asset.name == "front-door"' '.asset.node == "/dev/video0"' '.asset.kind == "camera"'
	unshare --mount bash -c 'mkdir /run/second && mount -t devtmpfs none /run/second &&
		exec 5</run/second/video0'
	holds "$(wait_event '.kind == "open" and .asset.path == "/run/second/video0"')" \
		'.asset.name == "front-door"' '.process.comm == "bash"'
}

more_come() {
	local event

	modprobe -r vivid
	mark_events
	modprobe vivid n_devs=2 node_types=0x1,0x1 num_inputs=1,1 input_types=0,0
	v4l2-ctl -d /dev/video1 --stream-mmap --stream-count="$FRAMES" >/dev/null 2>&1
	event=$(wait_event '.kind == "open" and .process.comm == "v4l2-ctl"')
	# The number was an output's before.
	holds "$event" '.asset.dev == "81:1"' '.asset.bus == "platform:vivid-001"' \
		'.asset.kind == "camera"' '.asset.name == "/dev/video1"'
	holds "$(wait_event '.kind == "stream" and .detail.phase == "stop"')" ".detail.frames == $FRAMES"
}

sound_comes() {
	mark_events
	modprobe snd-aloop
	arecord -q -D hw:0,0 -f S16_LE -r 8000 -d 1 /run/sound.wav
	holds "$(wait_event '.kind == "open" and .process.comm == "arecord"')" \
		'.asset.kind == "microphone"' '.asset.node == "/dev/snd/pcmC0D0c"' \
		'.asset.name == "mics"' '.verdict.decision == "flag"' '.verdict.technique == "T1123"'
	wait_event '.kind == "close" and .process.comm == "arecord"' >/dev/null
	mark_events
	aplay -q -D hw:0,0 /run/sound.wav
	bash -c 'exec 5</dev/video0'
	wait_event '.kind == "close" and .process.comm == "bash"' >/dev/null
	[[ $(count_events '.process.comm == "aplay"') == 0 ]]
}

# is_usb EVENT NAME: the camera that calls itself so, by its node in usbfs.
is_usb() {
	holds "$1" ".asset.node == \"$GADGET_USB\"" '.asset.dev | startswith("189:")' \
		'.asset.kind == "camera"' ".asset.card == \"$2\"" '.verdict.decision == "flag"' \
		'.verdict.technique == "T1125"' '.result == 0'
}

# libuvc and its kin need no driver: they claim the interface and ask the camera themselves.
usb_camera() {
	local attack pid

	modprobe -qn dummy_hcd || skip_scenario "this kernel has no USB gadgets (dummy_hcd)"
	gadget_plug camera "camera one"
	mark_events
	attack=$("$(dirname "$CAMWARDEN")/attacks" --target /dev/video0 usbfs)
	holds "$attack" '.reached' '.skipped == null' ".object == \"$GADGET_USB\""
	pid=$(jq .pid <<<"$attack")
	is_usb "$(wait_event ".kind == \"open\" and .process.pid == $pid and
		.asset.path == \"$GADGET_USB\"")" "camera one"
	wait_event ".kind == \"close\" and .process.pid == $pid and
		.asset.path == \"$GADGET_USB\"" >/dev/null
	bash -c "exec 5<>$GADGET_USB; (exec 6<&5; head -c 1 <&6 >/dev/null)"
	holds "$(wait_event '.kind == "use" and .process.comm == "head"')" \
		".asset.path == \"$GADGET_USB\"" '.detail.opener_pid > 0'
	gadget_unplug
}

bus_opened() {
	bash -c "exec 5</dev/usbmon$1"
	[[ $(count_events '.kind == "open" and .process.comm == "bash"') != 0 ]]
}

# What passes on its bus has the pictures in it, too. Number 0 is all buses.
usb_bus() {
	local bus own

	{ modprobe -qn dummy_hcd && modprobe -qn usbmon; } ||
		skip_scenario "this kernel has no USB gadgets, or no usbmon"
	gadget_plug camera "camera three"
	own=$((10#$(cut -d / -f 5 <<<"$GADGET_USB")))
	modprobe usbmon
	for bus in 0 "$own"; do
		mark_events
		# Its number is the kernel's choice, and known from then on.
		wait_until 20 bus_opened "$bus"
		holds "$(wait_event '.kind == "open" and .process.comm == "bash"')" \
			".asset.node == \"/dev/usbmon$bus\"" '.asset.kind == "camera"' \
			'.asset.card == "camera three"' '.verdict.decision == "flag"'
	done
	gadget_unplug
}

# Its next place on the bus has another number; what takes that one's is no camera.
usb_again() {
	modprobe -qn dummy_hcd || skip_scenario "this kernel has no USB gadgets (dummy_hcd)"
	gadget_plug camera "camera two"
	mark_events
	head -c 18 "$GADGET_USB" >/dev/null
	is_usb "$(wait_event '.kind == "open" and .process.comm == "head"')" "camera two"
	gadget_unplug
	gadget_plug other "no camera"
	mark_events
	head -c 18 "$GADGET_USB" >/dev/null
	bash -c 'exec 5</dev/video0'
	wait_event '.kind == "close" and .process.comm == "bash" and .asset.dev == "81:0"' >/dev/null
	[[ $(count_events '.process.comm == "head"') == 0 ]]
	gadget_unplug
}

# A session of alice that has a camera open, waiting for a word.
session_start() {
	mkfifo "$SESSION"
	chmod 666 "$SESSION"
	ssh_as alice "exec 5<>/dev/video0; echo ready >$SESSION; read <$SESSION
		v4l2-ctl -d /dev/video1 --stream-mmap --stream-count=3; read <$SESSION" \
		>/dev/null 2>&1 &
	read -r <"$SESSION"
}

open_before() {
	CW_MARK=0
	holds "$(wait_event '.probe == "iterator" and .asset.dev == "81:0"')" \
		'.detail.before_start == true' '.origin.seeded == true' '.kind == "open"' \
		'.origin.login_user == "alice"' '.origin.peer | test("^10\\.77\\.0\\.2:")' \
		'.origin.local_port == 22' '.verdict.class == "remote"'
}

session_before() {
	mark_events
	echo go >"$SESSION"
	holds "$(wait_event '.kind == "open" and .asset.dev == "81:1"')" \
		'.origin.login_user == "alice"' '.origin.peer | test("^10\\.77\\.0\\.2:")' \
		'.origin.seeded == true' '.origin.via | endswith("/sshd")' \
		'.verdict.class == "remote"'
	wait_event '.kind == "close" and .asset.dev == "81:1"' >/dev/null
	mark_events
	echo go >"$SESSION"
	holds "$(wait_event '.kind == "close" and .asset.dev == "81:0"')" \
		'.origin.login_user == "alice"'
}

# who_at DEVICE: what camwarden who says of it.
who_at() {
	"$CAMWARDEN" who --policy /run/policy.yaml --format json | jq -c "select(.asset.dev == \"$1\")"
}

who_without_agent() {
	holds "$(who_at 81:0)" '.asset.name == "front-door"' '.process.comm == "bash"' \
		'.origin.login_user == "alice"' '.origin.peer | test("^10\\.77\\.0\\.2:")' \
		'.origin.type == "remote"' '.detail.not_before != null' '.detail.frames == null'
}

who_takes_frames() {
	local pid answer

	mark_events
	v4l2-ctl -d /dev/video1 --stream-mmap --stream-count=100000 >/dev/null 2>&1 &
	pid=$!
	wait_event '.kind == "stream" and .detail.phase == "start" and .asset.dev == "81:1"' >/dev/null
	answer=$(who_at 81:1)
	holds "$answer" ".process.pid == $pid" '.detail.frames > 0' '.detail.since != null' \
		'.detail.descriptors == 1' '.asset.kind == "camera"' '.detail.mapped'
	holds "$(who_at 81:0)" '.origin.login_user == "alice"' \
		'.origin.peer | test("^10\\.77\\.0\\.2:")' '.detail.frames == null'
	kill "$pid"
	wait_event ".kind == \"close\" and .process.pid == $pid" >/dev/null
	[[ -z $(who_at 81:1) ]]
	[[ $(count_events '.process.comm == "camwarden" and .kind != "tamper"') == 0 ]]
}

nothing_lost() {
	[[ $(CW_MARK=0 count_events '.kind == "gap" or (.kind == "canary" and .detail.ok == false)') == 0 ]]
}

cat >/run/policy.yaml <<END
version: 1
assets:
  front-door: {kind: camera, device: /dev/video0}
  mics:       {kind: microphone}
END
people_setup alice
network_setup
sshd_start
cw_start --policy /run/policy.yaml || echo "# goes on, to show what fails"
scenario "without a device camwarden starts and says so" nothing_here
scenario "a driver that is loaded later: its first open, its name and its frames" driver_comes
scenario "outputs and metadata are no cameras" not_cameras
scenario "another node and another devtmpfs lead to the same camera" aliases
scenario "a camera that takes the number of an output is one" more_come
scenario "a sound card that comes later: capture is a microphone, playback is not" sound_comes
scenario "a USB camera that is claimed through usbfs, without its driver" usb_camera
scenario "a USB camera that comes again, and a device that is none" usb_again
scenario "a USB camera by what passes on its bus" usb_bus
scenario "nothing was lost" nothing_lost
people_devices
stop_camwarden
session_start
scenario "without an agent camwarden who names the person and the peer" who_without_agent
cw_start --policy /run/policy.yaml || echo "# goes on, to show what fails"
scenario "what was open before the start is found, with its peer" open_before
scenario "camwarden who counts the frames that are being taken" who_takes_frames
scenario "a session from before the start keeps its peer" session_before
scenario "nothing was lost after the second start" nothing_lost
stop_camwarden
scenarios_done
