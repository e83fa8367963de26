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

# make_system NAME: mounted at $BASE/NAME, with what is none of the recordings in out/.
make_system() {
	local name=$1 at=$BASE/$1

	mkdir -p "$at"
	if [[ $name == fuse ]]; then
		mkdir "$BASE/source"
		bindfs --no-allow-other "$BASE/source" "$at"
	else
		truncate -s 320M "$at.img"
		${MAKE[$name]} "$at.img" >/dev/null 2>&1
		mount -o loop -t "$name" "$at.img" "$at"
	fi
	mkdir "$at/rec" "$at/out"
}

# fill NAME: for one run, in rec/RUNG and out/RUNG.
fill() {
	local number at=$BASE/$1

	mkdir -p "$at/rec/$RUNG/old" "$at/out/$RUNG"
	for number in {1..4}; do
		echo picture >"$at/rec/$RUNG/old/$number"
		echo other >"$at/out/$RUNG/$number"
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
	local rec=$BASE/$1/rec/$RUNG out=$BASE/$1/out/$RUNG

	[[ -n ${MADE[$1]:-} ]] || skip_scenario "this kernel has no $1"
	reads "$rec/old/1"
	forget
	reads "$rec/old/2"
	reads "$rec/old/1"
	reads_unseen "$out/1" "$rec/old/1"
	mkdir -p "$rec/new/a/b"
	echo picture >"$rec/new/a/b/file"
	forget
	reads "$rec/new/a/b/file"
	mv "$out/2" "$rec/moved-in"
	reads "$rec/moved-in"
	reads "$rec/old/3" # in memory, where its number passes
	mv "$rec/old/3" "$out/moved-out"
	reads "$out/moved-out"
	! passing "$1" || return 0
	forget
	reads "$out/moved-out"
	ln "$rec/old/4" "$out/linked-out"
	forget
	reads "$out/linked-out"
}

# The numbers of inodes are those of the subvolume, and a snapshot's are those of what it shows.
snapshot() {
	local at=$BASE/btrfs copy=$BASE/btrfs/$RUNG

	[[ -n ${MADE[btrfs]:-} ]] || skip_scenario "this kernel has no btrfs"
	btrfs -q subvolume snapshot "$at" "$copy"
	forget
	reads "$copy/rec/$RUNG/old/1"
	reads_unseen "$copy/out/$RUNG/1" "$at/rec/$RUNG/old/1"
}

# On the tracepoint rung a file system without handles cannot tell of names, which is said.
nothing_lost() {
	CW_MARK=0
	[[ -z $(events '.kind == "canary" and .detail.ok == false') ]]
	[[ -z $(events ".kind == \"gap\" and (.detail.class != \"folders\" or \"$RUNG\" == \"lsm\")") ]]
}

# run_on RUNG
run_on() {
	local name

	RUNG=$1
	for name in "${!MADE[@]}"; do
		fill "$name"
	done
	cw_start --policy /run/policy.yaml --rung "$RUNG"
	for name in "${SYSTEMS[@]}"; do
		scenario "$RUNG: recordings on $name are found again, and nothing else" recordings_on "$name"
	done
	scenario "$RUNG: recordings in a snapshot of btrfs are recordings" snapshot
	scenario "$RUNG: nothing was lost" nothing_lost
	stop_camwarden
}

mkdir -p "$BASE"
mount -t tmpfs -o size=3G none "$BASE"
modprobe loop
declare -A MADE=()
printf 'version: 1\nassets:\n' >/run/policy.yaml
for name in "${SYSTEMS[@]}"; do
	modprobe -q "$name" || continue
	make_system "$name"
	MADE[$name]=yes
	printf '  %s: {kind: recordings, path: %s}\n' "$name" "$BASE/$name/rec" >>/run/policy.yaml
done
run_on lsm
run_on tracepoint
scenarios_done
