# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Recorders as services, on /dev/video0, into /var/lib/motion. Sourced after people.sh, in a guest.
#
#   motion_start     motion of Debian, as motion.service and user motion
#   ffmpeg_start     the same with ffmpeg, as recorder.service and user motion
#   recorder_choose  motion where it is installed, else ffmpeg; sets RECORDER_UNIT, RECORDER_EXE
#   recorder_start   chooses and starts it
#   recording_wait [SECONDS]   until a recording has grown; prints its path

RECORDINGS=/var/lib/motion

recordings_setup() {
	# Once: whoever touches the folder while it is watched is flagged.
	[[ ! -e /run/people/recordings ]] || return 0
	: >/run/people/recordings
	getent passwd motion >/dev/null ||
		useradd --system --home-dir "$RECORDINGS" --groups video motion
	mkdir -p "$RECORDINGS"
	chown motion: "$RECORDINGS"
	# Employees of the hub may read here: that is the trouble camwarden is for.
	chmod 0755 "$RECORDINGS"
}

# Small pictures and a cheap codec: the guest has no hardware of its own.
motion_start() {
	recordings_setup
	cat >/run/people/motion.conf <<-END
		daemon off
		setup_mode off
		log_level 5
		target_dir $RECORDINGS
		video_device /dev/video0
		width 640
		height 360
		framerate 5
		emulate_motion on
		picture_output off
		movie_output on
		movie_codec mpeg4
		movie_max_time 5
		movie_filename %Y%m%d-%H%M%S
		webcontrol_port 0
		stream_port 0
	END
	chmod 0644 /run/people/motion.conf
	service_start motion.service motion /usr/bin/motion -c /run/people/motion.conf
}

ffmpeg_start() {
	recordings_setup
	service_start recorder.service motion /usr/bin/ffmpeg -nostdin -loglevel error \
		-f v4l2 -framerate 5 -video_size 640x360 -i /dev/video0 -c:v mpeg4 -flush_packets 1 \
		-f segment -segment_time 4 -strftime 1 "$RECORDINGS/%Y%m%d-%H%M%S.avi"
}

# shellcheck disable=SC2034 # for whoever sources this
recorder_choose() {
	RECORDER=ffmpeg RECORDER_UNIT=recorder.service
	[[ ! -x /usr/bin/motion ]] || RECORDER=motion RECORDER_UNIT=motion.service
	RECORDER_EXE=$(realpath "/usr/bin/$RECORDER")
}

recorder_start() {
	recorder_choose
	"${RECORDER}_start"
}

recording_found() {
	RECORDING=$(find "$RECORDINGS" -type f -size +0 -print -quit)
	[[ -n $RECORDING ]]
}

recording_wait() {
	local RECORDING=

	wait_until "${1:-20}" recording_found || return 1
	printf '%s\n' "$RECORDING"
}
