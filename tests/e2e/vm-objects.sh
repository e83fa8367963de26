#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: every way to a camera and to a recording that build/attacks knows is seen on
# the LSM rung, by the process that went it and for the object that it got at. What is not seen yet
# stands in NOT_YET with the reason; whoever makes it seen takes its line out.
#
# vm: --disk 64
# limit: 450
# paired

# shellcheck disable=SC2016 # jq's own variables
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/e2e/lib.bash
. tests/e2e/lib.bash

ATTACKS=$(dirname "$CAMWARDEN")/attacks
RECORDINGS=/mnt/disk/rec
CLIP=$RECORDINGS/clip.mp4
IMAGE=/run/image # with a file system that holds recordings, too
STACK=/run/stack # the same, in a mapped device over a partition
RESULTS=/run/attacks
FRAMES=12

# case<TAB>why it is not seen
NOT_YET=$'
other-video\trow 28: only for the camera: vivid\'s further nodes are outputs and metadata
'

write_policy() {
	cat >/run/policy.yaml <<-END
		version: 1
		assets:
		  camera:  {kind: camera}
		  mics:    {kind: microphone}
		  footage: {kind: recordings, path: $RECORDINGS}
		  in-image: {kind: recordings, path: /mnt/image}
		  in-stack: {kind: recordings, path: /mnt/stack}
		  disks:   {kind: disk}
	END
}

# attack NAME TARGET: $RESULTS/NAME has what it did; all events of it are there afterwards.
attack() {
	local name=$1 target=$2 status=0

	"$ATTACKS" --target "$target" --frames "$FRAMES" "${@:3}" >"$RESULTS/$name" 2>"$RESULTS/$name.log" ||
		status=$?
	: >"$RECORDINGS/done-$name"
	cat "$RECORDINGS/done-$name"
	wait_event ".kind == \"open\" and .process.comm == \"cat\" and
		.asset.path == \"$RECORDINGS/done-$name\"" 30 >/dev/null || return
	echo "$status" >"$RESULTS/$name.status"
}

# Joins what was done with what was seen, by process and object.
JOIN='
def of($c): select(if $c.rdev then .asset.dev == $c.rdev
	else .asset.dev == $c.dev and .asset.inode == $c.ino end);
($later | split("\n") | map(select(. != "") | split("\t")[0])) as $names |
(reduce inputs as $e ({}; .[$e.process.pid // 0 | tostring] += [$e | {kind, result, detail, asset, process,
	decision: .verdict.decision}])) as $by |
$attacks[] | select(.skipped == null) | . as $c |
{case, row, c: $c, later: (.case | IN($names[])),
	seen: [$by[.pid | tostring] // [] | .[] | of($c)],
	mounts: [$by[.pid | tostring] // [] | .[] | select(.kind == "mount")]}'

# joined NAME FILTER: prints what FILTER selects of the joined cases.
joined() {
	[[ -e $RESULTS/$1.joined ]] || jq -n -c --slurpfile attacks "$RESULTS/$1" \
		--arg later "$NOT_YET" "$JOIN" "$CW_EVENTS" >"$RESULTS/$1.joined"
	jq -c --arg exe "$ATTACKS" "$2" "$RESULTS/$1.joined"
}

none() {
	local found

	found=$(joined "$@")
	[[ -z $found ]] || { printf '%s\n' "$found" | cut -c 1-1500; return 1; }
}

brief='{case, row, pid: .c.pid, object: .c.object, result: .c.result, frames: .c.frames,
	seen: [.seen[] | [.kind, .result, .detail]]}'

camera_done() { [[ $(<"$RESULTS/camera.status") == 0 ]]; }
file_done() { [[ $(<"$RESULTS/file.status") == 0 ]]; }

# rows FROM TO NAME: enough cases of these rows were tried, and each was seen and flagged.
rows() {
	local from=$1 to=$2 name=$3 least=$4 tried

	tried=$(joined "$name" "select(.row >= $from and .row <= $to) | .case" | wc -l)
	((tried >= least)) || fail "only $tried cases were tried, of at least $least"
	none "$name" "select(.row >= $from and .row <= $to and (.c.benign | not) and (.later | not) and
		(.seen | map(select(.decision == \"flag\")) | length) == 0) | $brief"
}

camera_names() { rows 1 13 camera 30; }
file_names() { rows 1 13 file 36; }
camera_descriptors() { rows 14 19 camera 9; }
file_descriptors() { rows 14 19 file 10; }
camera_memory() { rows 20 22 camera 8; looked_into camera; }
file_memory() { rows 20 22 file 7; looked_into file; }
# Also those that happen in the agent's own mount namespace and are no object of the tree.
mounts() {
	rows 26 26 camera 2
	rows 26 26 file 3
	none camera 'select((.case | IN("mount-over", "mount-over-here")) and
		(.mounts | any(.asset.dev == "81:0" and .detail.what == "bound") | not)) | {case, mounts}'
	mark_events
	mkdir /run/elsewhere
	mount --bind "$RECORDINGS" /run/elsewhere
	holds "$(wait_event '.kind == "mount"')" '.detail.what == "bound"' '.asset.name == "footage"' \
		'.asset.path == "/run/elsewhere"' ".detail.from == \"$RECORDINGS\"" \
		'.process.comm == "mount"' '.verdict.decision == "flag"'
	umount /run/elsewhere
	# Beside a bind mount the kernel does not look at MS_PRIVATE.
	mark_events
	python3 -c 'import ctypes, sys; ctypes.CDLL(None).mount(sys.argv[1].encode(), b"/run/elsewhere",
		None, 0x41000, None)' "$RECORDINGS"
	holds "$(wait_event '.kind == "mount" and .detail.what != "unmounted"')" \
		'.detail.what == "bound"' '.asset.path == "/run/elsewhere"' \
		".detail.from == \"$RECORDINGS\"" '.process.comm == "python3"'
	umount /run/elsewhere
	wait_event '.kind == "mount" and .detail.what == "unmounted" and .asset.name == "footage" and
		.process.comm == "umount"' >/dev/null
	mount -t tmpfs above /mnt
	wait_event '.kind == "mount" and .asset.path == "/mnt" and .detail.what == "mounted" and
		.detail.from == "above" and .process.comm == "mount"' >/dev/null
	wait_event '.kind == "tamper" and .detail.state == "missing"' >/dev/null
	umount /mnt
	wait_event '.kind == "mount" and .asset.path == "/mnt" and .detail.what == "unmounted"' >/dev/null
	mkdir -p /run/other
	mount -t tmpfs other /run/other
	umount /run/other
	[[ $(count_events '.kind == "mount" and .asset.path == "/run/other"') == 0 ]]
	none file 'select((.case | IN("mount-over", "mount-over-here")) and
		(.mounts | any(.detail.what == "mounted") | not)) | {case, mounts}'
}

raw_disks() {
	rows 25 25 file 3
	attack image /mnt/image/clip.mp4 raw-disk raw-image
	rows 25 25 image 2
	none file "select(.row == 25 and (.seen | any(.kind == \"rawdisk\" and
		.asset.kind == \"disk\" and .detail.below == \"$RECORDINGS\") | not)) | $brief"
	none image 'select(.seen | any(.kind == "rawdisk" and .detail.below == "/mnt/image") | not)'" | $brief"
}

# An image, its loop device, the partition there, what is mapped over it: each has the recordings.
make_stack() {
	truncate -s 24M "$STACK"
	echo 'start=2048, type=83' | sfdisk -q --label dos "$STACK"
	STACK_LOOP=$(losetup -P -f --show "$STACK")
	map_stack recordings
	mkfs.ext4 -q /dev/mapper/recordings
	mkdir /mnt/stack
	mount /dev/mapper/recordings /mnt/stack
}

# map_stack NAME: the partition once more.
map_stack() {
	dmsetup --noudevsync create "$1" --table "0 40000 linear ${STACK_LOOP}p1 0"
	dmsetup mknodes
}

twin_seen() {
	head -c 1 /dev/mapper/twin >/dev/null
	[[ $(count_events '.kind == "rawdisk" and .asset.path == "/dev/mapper/twin"') != 0 ]]
}

stack() {
	local path

	map_stack twin
	mark_events
	wait_until 20 twin_seen # the kernel has told the agent of it
	for path in /dev/mapper/recordings /dev/mapper/twin "${STACK_LOOP}p1" "$STACK_LOOP" "$STACK"; do
		mark_events
		head -c 1 "$path" >/dev/null
		holds "$(wait_event '.kind == "rawdisk" and .process.comm == "head"')" \
			".asset.path == \"$path\"" '.asset.kind == "disk"' \
			'.detail.below == "/mnt/stack"' '.verdict.decision == "flag"'
	done
}

changes() { rows 24 24 file 4; rows 24 24 camera 2; }
outside() { rows 0 0 file 2; }
other_nodes() { rows 28 29 file 8; }

# Pairs of a case of recordings and the kind of event that it must give.
kinds() {
	none file '({"rename": "rename", "rename-open": "rename", "exchange": "rename",
		"moved-out": "rename", "hard-link": "link", "link": "link", "link-in": "link",
		"unlink": "unlink", "unlinked": "unlink", "truncate": "truncate",
		"ftruncate": "truncate", "acl": "attr", "chmod": "attr", "chown": "attr", "scm-rights": "receive",
		"pidfd-getfd": "receive", "fork-read": "use", "exec": "use", "map": "map"})[.case] as $k |
		select($k and ([.seen[] | select(.kind == $k and .result == 0)] | length) == 0)'" | $brief"
}

node_kinds() {
	none camera 'select((.case | IN("rename", "link", "unlink")) and
		(.case as $k | [.seen[] | select(.kind == $k)] | length) == 0)'" | $brief"
}

# Each look into memory says how it was done, and into whose.
looked_into() {
	none "$1" '({"peek-heap": "process_vm_readv", "peek-frame": "process_vm_readv",
		"proc-mem": "/proc/PID/mem", "proc-mem-early": "/proc/PID/mem", "ptrace": "ptrace",
		"ptrace-early": "ptrace", "traceme": "ptrace", "core": "core dump",
		"pidfd-getfd": "pidfd_getfd"})[.case] as $by |
		select($by and (.c.from_pid as $from | [.seen[] | select(.kind == "peek" and
			.detail.victim_pid == $from) | .detail.by] != [$by]))'" | $brief"
}

# Of a process that wrote its title over its arguments the kernel reads a page, for who asks for them.
title_read() {
	local pid

	mark_events
	perl -e '$0 = "recorder " . "x" x 3000; open(my $h, "<", $ARGV[0]); sleep 60' "$CLIP" &
	pid=$!
	wait_event ".kind == \"open\" and .process.pid == $pid" >/dev/null
	ps -ef >/dev/null
	cat "/proc/$pid/cmdline" "/proc/$pid/environ" >/dev/null
	head -c 1 "/proc/$pid/mem" >/dev/null 2>&1 || true # at address 0: asked, and told
	kill "$pid"
	holds "$(wait_event ".kind == \"peek\" and .detail.victim_pid == $pid")" '.process.comm == "head"'
	[[ $(count_events ".kind == \"peek\" and .detail.victim_pid == $pid") == 1 ]]
}

handed_over() {
	local name

	for name in camera file; do
		none "$name" 'select(.row >= 14 and .row <= 19 and .c.from_pid != null and (.later | not) and
			(.c.from_pid as $from | [.seen[] | select(.kind | IN("receive", "use", "map"))] |
			length == 0 or any(.detail.opener_pid != $from)))'" | $brief"
	done
}

# How, why and from where, by the case: also to who only inherited it.
foreign_code() {
	local name

	for name in camera file; do
		rows 23 23 "$name" 6
		none "$name" '({"preload": ["mapped", "owner"], "preload-memfd": ["mapped", "no name"],
			"write-vm": ["written", null], "write-mem": ["written", null],
			"write-ptrace": ["written", null]})[.case] as $code | select($code and
			(.seen | any(.kind == "open" and [.process.code.how, .process.code.why] == $code and
			(.process.code.path // "" | length) > 0) | not)) | {case, c, seen: [.seen[] | .process.code]}'
	done
	[[ $(CW_MARK=0 count_events '.process.comm == "cat" and .process.code') == 0 ]]
}

# Of all buffers that a process gets, one event of a sort; the exporter's own use is none.
buffers() {
	joined camera 'select(.case == "dmabuf-passed")' | grep -q . || fail "no dma-buf was passed"
	none camera "select(.case == \"dmabuf\" and ([.seen[] | select(.kind == \"map\" and
		.detail.by == \"dma-buf\" and .detail.opener_pid != .process.pid)] | length) != 1) | $brief"
	none camera "select(.case == \"dmabuf-passed\" and ([.seen[] | [.kind, .detail.by, .asset.path]] !=
		[[\"receive\", \"dma-buf\", \"/dev/video0\"], [\"map\", \"dma-buf\", \"/dev/video0\"],
		[\"close\", \"dma-buf\", \"/dev/video0\"]])) | $brief"
	holder=$(jq 'select(.case == "dmabuf-passed") | .from_pid' "$RESULTS/camera")
	diff - <(CW_MARK=0 seen_of "$holder") <<-END
		open null
		stream null
		map dma-buf
		close null
	END
}

seen_of() {
	jq -r --argjson pid "$1" 'select(.process.pid == $pid and .asset.kind == "camera" and
		.detail.phase != "stop") | "\(.kind) \(.detail.by)"' "$CW_EVENTS"
}

refused() {
	local name

	for name in camera file; do
		none "$name" 'select((.case | IN("denied-nobody", "denied-number")) and (.c.result as $r |
			[.seen[] | select(.kind == "denied" and .result == $r)] | length) != 1)'" | $brief"
	done
	# vivid lets a second user open, and refuses the stream.
	none camera 'select(.case == "denied-busy" and
		([.seen[] | select(.kind == "open")] | length) != 1)'" | $brief"
}

frames() {
	local tried

	tried=$(joined camera 'select(.case | startswith("stream-")) | .case' | wc -l)
	((tried == 7)) || fail "$tried ways to stream, not 7"
	none camera 'select((.case | startswith("stream-")) and (.c.frames as $n |
		[.seen[] | select(.kind == "stream" and .detail.phase == "stop")] |
		length != 1 or (.[0].detail.frames // 0) != $n))'" | $brief"
	none camera 'select((.case | startswith("stream-")) and
		([.seen[] | select(.kind == "stream" and .detail.phase == "start")] | length) != 1)'" | $brief"
}

samples() {
	none file 'select((.case | IN("alsa-record", "alsa-read")) and
		([.seen[] | select(.kind == "stream") | .detail.phase] != ["start", "stop"]))'" | $brief"
	joined file 'select(.case == "alsa-read")' | grep -q . || fail "nobody read a microphone"
}

whose() {
	local name

	for name in camera file; do
		none "$name" 'select(.case != "exec-memfd" and (.seen | any(.process.exe != $exe or
			.process.argv == null or .process.uid == null or
			.process.ancestors[0].exe == null)))'" | $brief"
	done
}

playback() {
	none camera "select(.c.benign and (.seen | length) > 0) | $brief"
}

nothing_lost() {
	[[ $(CW_MARK=0 count_events '.kind == "gap"') == 0 ]] || fail "events were lost"
}

# 192.0.2.1 is nobody; there is no way to it either, but it is asked for.
connections() {
	local clip=$RECORDINGS/sent self=$BASHPID

	echo sent >"$clip"
	echo seen >"$RECORDINGS/seen"
	mark_events
	# The last of the two is named, which was touched before, too.
	bash -c "read -r <$clip; read -r <$RECORDINGS/seen; read -r <$clip; exec 3<>/dev/tcp/127.0.0.1/9; (exec 4<>/dev/udp/192.0.2.1/9)
		exec 5<>/dev/udp/192.0.2.1/7; exec 6<>/dev/udp/192.0.2.1/9" 2>/dev/null || true
	echo >/dev/udp/192.0.2.1/9 || true
	holds "$(wait_event '.kind == "egress"')" '.detail.to == "192.0.2.1:9"' '.detail.protocol == "udp"' \
		'.detail.age >= 0' '.detail.inherited == true' '.asset.name == "footage"' \
		".asset.path == \"$clip\"" '.process.comm == "bash"' '.verdict.decision == "flag"'
	wait_event '.kind == "egress" and .detail.to == "192.0.2.1:7" and .detail.inherited == null' >/dev/null
	: >"$RECORDINGS/after"
	wait_event ".asset.path == \"$RECORDINGS/after\"" >/dev/null
	# This shell wrote the file, and counts as having touched it.
	[[ $(count_events ".kind == \"egress\" and .process.pid == $self") == 1 ]]
	[[ $(count_events '.kind == "egress"') == 3 ]]
}

# Messages to an address of no family, and what has no ports. Not told are the end of a connection,
# a message to whom the socket is connected to, and what getaddrinfo(3) does to sort addresses.
portless() {
	local pid

	echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range
	mark_events
	python3 - "$CLIP" <<-'END'
		import ctypes, sys
		from socket import *
		from struct import pack
		libc = ctypes.CDLL(None)
		v4 = lambda family, to, port=0: pack("=H2s4s8x", family, port.to_bytes(2, "big"), inet_aton(to))
		v6 = lambda family, to: pack("=HHI16sI", family, 9, 0, inet_pton(AF_INET6, to), 0)
		send = lambda s, to: libc.sendto(s.fileno(), b"12345678", 8, 0, to, len(to))
		connect = lambda s, to: libc.connect(s.fileno(), to, len(to))
		open(sys.argv[1], "rb").read(1)
		udp, udp6 = socket(AF_INET, SOCK_DGRAM), socket(AF_INET6, SOCK_DGRAM)
		connect(udp, v4(AF_INET, "192.0.2.20"))
		connect(udp, v4(AF_UNSPEC, "192.0.2.21", 9))
		send(udp6, v6(AF_UNSPEC, "2001:db8::22"))
		send(udp, v4(AF_UNSPEC, "192.0.2.23", 9))
		connect(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), v4(AF_INET, "192.0.2.24", 9))
		send(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), v4(AF_UNSPEC, "192.0.2.25"))
		send(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), v6(AF_UNSPEC, "2001:db8::26"))
		connect(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), v4(AF_INET, "192.0.2.27"))
		send(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6), v6(AF_INET6, "2001:db8::28"))
		connect(udp, v4(AF_INET, "192.0.2.29", 9))
	END
	pid=$(wait_event '.kind == "egress" and .detail.to == "192.0.2.29:9"' | jq .process.pid)
	diff - <(jq -r --argjson pid "$pid" 'select(.kind == "egress" and .process.pid == $pid) |
		"\(.detail.to) \(.detail.protocol)"' "$CW_EVENTS") <<-END
		192.0.2.23:9 udp
		192.0.2.24 other
		192.0.2.25 other
		2001:db8::26 other
		192.0.2.27 other
		2001:db8::28 other
		192.0.2.29:9 udp
	END
}

copies() {
	local clip=$RECORDINGS/copied

	echo copied >"$clip"
	mark_events
	cp "$clip" /mnt/disk/direct
	holds "$(wait_event '.kind == "copy" and .detail.by == "copy_file_range"')" \
		'.detail.to == "/mnt/disk/direct"' '.detail.probable == null' ".asset.path == \"$clip\"" \
		".detail.to_inode == $(stat -c %i /mnt/disk/direct)" '.process.comm == "cp"' \
		'.verdict.decision == "flag"'
	mark_events
	cat "$clip" >/run/copied
	holds "$(wait_event '.kind == "copy"')" '.detail.to == "/run/copied"' '.detail.probable == true' \
		'.process.comm == "cat"' ".asset.path == \"$clip\""
	mark_events
	bash -c "read -r line <$clip; echo \$line >/run/later; echo >/dev/null; echo \$line >$RECORDINGS/again" >/dev/null
	holds "$(wait_event '.kind == "copy"')" '.detail.to == "/run/later"' '.detail.probable == true'
	wait_event ".kind == \"close\" and .asset.path == \"$RECORDINGS/again\"" >/dev/null
	[[ $(count_events '.kind == "copy"') == 1 ]]
}

deletion() {
	local clip=$RECORDINGS/deleted holder

	echo deleted >"$clip"
	ln "$clip" "$RECORDINGS/second"
	mark_events
	rm "$clip"
	holds "$(wait_event '.kind == "unlink"')" '.detail.last == false' '.detail.names_left == 1' \
		".detail.other_name == \"$RECORDINGS/second\""
	exec 5<"$RECORDINGS/second"
	holder=$BASHPID
	mark_events
	rm "$RECORDINGS/second"
	holds "$(wait_event '.kind == "unlink"')" '.detail.last == true' \
		".detail.held_by | contains(\"bash[$holder]\")"
	[[ $(count_events '.kind == "gone"') == 0 ]]
	exec 5<&-
	holds "$(wait_event '.kind == "gone"')" ".asset.path == \"$RECORDINGS/second\"" \
		'.asset.name == "footage"' '.verdict == null or .verdict.decision == null'
}

# The table tells the truth: a line whose case is seen everywhere has to go.
not_yet() {
	local found

	found=$({
		joined camera 'select(.later) | [.case, (.seen | length)]'
		joined file 'select(.later) | [.case, (.seen | length)]'
	} | jq -s -r 'group_by(.[0])[] | select(all(.[1] > 0)) |
		"\(.[0][0]) is seen now; take it out of NOT_YET"')
	[[ -z $found ]] || fail "$found"
}

mkdir -p "$RECORDINGS" "$RESULTS"
"$ATTACKS" --make "$CLIP"
truncate -s 16M "$IMAGE"
mkfs.ext4 -q "$IMAGE"
mkdir /mnt/image
modprobe loop
mount -t ext4 "$(losetup -f --show "$IMAGE")" /mnt/image
"$ATTACKS" --make /mnt/image/clip.mp4
modprobe dm-mod
make_stack
write_policy
cw_start --policy /run/policy.yaml || echo "# goes on, to show what fails"
# Not a scenario: the others look at what came of it, whichever are asked for. In shells of their own,
# for who writes to a recording counts as having touched it.
(attack camera /dev/video0 --all) || echo "# goes on, to show what fails"
(attack file "$CLIP" --all) || echo "# goes on, to show what fails"
scenario "every attack on the camera does what it should" camera_done
scenario "every attack on a recording does what it should" file_done
scenario "camera: every name and every call of rows 1 to 13 is seen" camera_names
scenario "recording: every name and every call of rows 1 to 13 is seen" file_names
scenario "camera: descriptors and bytes of rows 14 to 19 are seen" camera_descriptors
scenario "recording: descriptors and bytes of rows 14 to 19 are seen" file_descriptors
scenario "camera: who reads the memory of a process that holds it is seen" camera_memory
scenario "recording: who reads the memory of a process that holds it is seen" file_memory
scenario "who reads arguments and variables alone looks into no memory" title_read
scenario "who reads the disk below the recordings, or the image behind it, is seen" raw_disks
scenario "a partition, its disk and what is mapped over it are the disk below, too" stack
scenario "who mounts over recordings, shows them elsewhere or takes them away is told" mounts
scenario "ways that are not in the catalogue are seen" outside
scenario "cut files, changed modes and owners are seen" changes
scenario "other nodes and microphones are seen, playback is none" other_nodes
scenario "a playback device is no microphone" playback
scenario "each change of a recording has its own kind" kinds
scenario "a camera's node that is renamed, linked or unlinked is seen" node_kinds
scenario "who opened what is handed over is told" handed_over
scenario "code of others in a process is told with what it does" foreign_code
scenario "dma-bufs that a camera exports are the camera, to whoever else gets at them" buffers
scenario "refused attempts have the kernel's reason" refused
scenario "frames are counted exactly: mapped, user pointers, read, threads, passed on" frames
scenario "samples of a microphone are a stream, by ioctl and by read" samples
scenario "every event names program, command line, user and parent" whose
scenario "nothing was lost" nothing_lost
scenario "who touched a recording and connects to elsewhere is told, once" connections
scenario "messages without a family and protocols without ports are told as well" portless
scenario "copies out of a tree are told, as what they are or as probable" copies
scenario "a deletion tells what is left, who holds it, and when it is gone" deletion
scenario "the table of what is not seen yet is true" not_yet
stop_camwarden
scenarios_done
