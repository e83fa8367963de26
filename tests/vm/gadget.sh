# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# USB devices for tests in a virtual machine, on a bus that ends in itself: build/gadget is their
# firmware. Sourced by what runs inside the guest of scripts/vm, as root, after people.sh and
# lib.bash. No driver takes them: a camera's would ask questions that hold the bus for minutes where
# the firmware is slow to answer, and those that come by usbfs need none.
#
#   gadget_plug camera|other NAME   comes; returns when usbfs has it, with GADGET_USB its node there
#   gadget_unplug                   goes

GADGET_PID=

# The node of the device that calls itself so; it may go while it is looked at.
gadget_find() {
	local device product='' bus='' number=''

	for device in /sys/bus/usb/devices/*; do
		{ read -r product <"$device/product" && read -r bus <"$device/busnum" &&
			read -r number <"$device/devnum"; } 2>/dev/null || continue
		[[ $product == "$1" ]] || continue
		printf -v GADGET_USB '/dev/bus/usb/%03d/%03d' "$bus" "$number"
		[[ ! -c $GADGET_USB ]] || return 0
	done
	return 1
}

gadget_gone() {
	! gadget_find "$1"
}

gadget_start() {
	local file

	for file in /run/gadget/*; do
		"$CW_TOP/build/gadget" "$file" "$@" &
		GADGET_PID=$!
		break
	done
	wait_until 60 gadget_find "$2"
}

gadget_ended() {
	! kill -0 "$GADGET_PID" 2>/dev/null
}

# Only one can be plugged in, and it may be slow to go. It may have ended by itself.
gadget_stop() {
	kill "$GADGET_PID" 2>/dev/null || true
	wait_until 60 gadget_ended || fail "the firmware does not end"
}

gadget_plug() {
	modprobe -a dummy_hcd gadgetfs
	mkdir -p /run/gadget
	mountpoint -q /run/gadget || mount -t gadgetfs none /run/gadget
	# The host gives up on a device that is slow to answer; then it is plugged in once more.
	gadget_start "$@" || { gadget_stop && gadget_start "$@"; } ||
		fail "the device '$2' does not come"
	GADGET_NAME=$2
}

gadget_unplug() {
	gadget_stop
	wait_until 30 gadget_gone "$GADGET_NAME" || fail "the device '$GADGET_NAME' does not go"
}
