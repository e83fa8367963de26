#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: recordings are found again by what they are on each file system that hubs keep
# them on, also when the kernel has dropped them from memory meanwhile, and nothing else is taken
# for one.
#
# vm: --vivid none --no-sound
# limit: 590
# long

# shellcheck disable=SC2016 # jq's own variables
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/e2e/lib.bash
. tests/e2e/lib.bash

BASE=/run/systems
SYSTEMS=(ext4 xfs btrfs f2fs vfat exfat fuse)

# What makes each, and what its driver is called.
declare -A MAKE=([ext4]='mkfs.ext4 -q' [xfs]='mkfs.xfs -q' [btrfs]='mkfs.btrfs -q' [f2fs]='mkfs.f2fs -q'
	[vfat]=mkfs.vfat [exfat]=mkfs.exfat [fuse]='')

# An inode has its number there for as long as it is in memory: what left the tree is lost then.
passing() {
	[[ $1 == *fat || $1 == fuse ]]
}

# make_system NAME: mounted at $BASE/NAME, with recordings in rec/ and what is none in out/.
make_system() {
	local name=$1 at=$BASE/$1 number

	mkdir -p "$at"
	if [[ $name == fuse ]]; then
		mkdir "$BASE/source"
		bindfs --no-allow-other "$BASE/source" "$at"
	else
		truncate -s 320M "$at.img"
		${MAKE[$name]} "$at.img" >/dev/null 2>&1
		mount -o loop -t "$name" "$at.img" "$at"
	fi
	mkdir -p "$at/rec/old/deep" "$at/out"
	for number in {1..4}; do
		echo picture >"$at/rec/old/deep/$number"
		echo other >"$at/out/$number"
	done
}

forget() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

# What cat opens is told, by this name.
reads() {
	mark_events
	cat "$1" >/dev/null
	holds "$(wait_event '.kind == "open" and .process.comm == "cat"')" ".asset.path == \"$1\""
}

# Something that is told follows, so that nothing is in between that has yet to come.
reads_unseen() {
	mark_events
	cat "$1" >/dev/null
	head -c 1 "$2" >/dev/null
	wait_event '.kind == "open" and .process.comm == "head"' >/dev/null
	[[ $(count_events '.process.comm == "cat"') == 0 ]]
}

recordings_on() {
	local at=$BASE/$1

	modprobe -qn "$1" || skip_scenario "this kernel has no $1"
	reads "$at/rec/old/deep/1"
	forget
	reads "$at/rec/old/deep/2"
	reads "$at/rec/old/deep/1"
	reads_unseen "$at/out/1" "$at/rec/old/deep/1"
	mkdir -p "$at/rec/new/a/b"
	echo picture >"$at/rec/new/a/b/file"
	forget
	reads "$at/rec/new/a/b/file"
	mv "$at/out/2" "$at/rec/moved-in"
	reads "$at/rec/moved-in"
	reads "$at/rec/old/deep/3" # in memory, where its number passes
	mv "$at/rec/old/deep/3" "$at/out/moved-out"
	reads "$at/out/moved-out"
	! passing "$1" || return 0
	forget
	reads "$at/out/moved-out"
	ln "$at/rec/old/deep/4" "$at/out/linked-out"
	forget
	reads "$at/out/linked-out"
}

# The numbers of inodes are those of the subvolume, and a snapshot's are those of what it shows.
snapshot() {
	local at=$BASE/btrfs

	modprobe -qn btrfs || skip_scenario "this kernel has no btrfs"
	btrfs -q subvolume snapshot "$at" "$at/snapshot"
	forget
	reads "$at/snapshot/rec/old/deep/1"
	reads_unseen "$at/snapshot/out/1" "$at/rec/old/deep/1"
}

nothing_lost() {
	CW_MARK=0
	[[ -z $(events '.kind == "gap" and .detail.class != "folders"') ]]
}

mkdir -p "$BASE"
mount -t tmpfs -o size=3G none "$BASE"
modprobe loop
printf 'version: 1\nassets:\n' >/run/policy.yaml
for name in "${SYSTEMS[@]}"; do
	modprobe -q "$name" || continue
	make_system "$name"
	printf '  %s: {kind: recordings, path: %s}\n' "$name" "$BASE/$name/rec" >>/run/policy.yaml
done
cw_start --policy /run/policy.yaml
for name in "${SYSTEMS[@]}"; do
	scenario "recordings on $name are found again, and nothing else" recordings_on "$name"
done
scenario "recordings in a snapshot of btrfs are recordings" snapshot
scenario "nothing was lost" nothing_lost
stop_camwarden
scenarios_done
