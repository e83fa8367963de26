#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: what comes into a watched folder with its content is watched to its last level,
# also when it does not stand where it came in by the time the agent looks.
#
# vm: --disk 64
# limit: 300
# paired

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/e2e/lib.bash
. tests/e2e/lib.bash

RECORDINGS=/mnt/disk/rec
OUTSIDE=/mnt/disk/out
# The agent looks for a folder for 2 s where it came in, and walks all trees 2 s later. What is
# wrong shows only after that, and by no event.
SETTLED=5

# folder NAME…: each with a file four levels below.
folders() {
	local name

	for name; do
		mkdir -p "$OUTSIDE/$name/a/b/c"
		echo x >"$OUTSIDE/$name/a/b/c/f"
	done
}

reads() {
	cat "$1" >/dev/null
	wait_event ".kind == \"open\" and .process.comm == \"cat\" and .asset.path == \"$1\"" >/dev/null
}

at_once() {
	folders at-once
	mv "$OUTSIDE/at-once" "$RECORDINGS/"
	reads "$RECORDINGS/at-once/a/b/c/f"
}

# Both renames by one process, so that they are microseconds apart.
renamed() {
	folders renamed
	python3 -c 'import os, sys
os.rename(sys.argv[1], sys.argv[2])
os.rename(sys.argv[2], sys.argv[3])' "$OUTSIDE/renamed" "$RECORDINGS/first" "$RECORDINGS/second"
	sleep "$SETTLED"
	reads "$RECORDINGS/second/a/b/c/f"
}

# More than the agent keeps in mind.
many() {
	local names=() number

	for number in {1..100}; do
		names+=("many-$number")
	done
	folders "${names[@]}"
	mv "$OUTSIDE"/many-* "$RECORDINGS/"
	sleep "$SETTLED"
	for number in 1 50 100; do
		reads "$RECORDINGS/many-$number/a/b/c/f"
	done
}

# A node, a nameless file that gets a name, and a file three new folders below: no open made them.
made() {
	python3 - "$RECORDINGS" <<-'END'
	import os, sys
	top = sys.argv[1]
	os.mknod(top + "/node", 0o100644)
	fd = os.open(top, os.O_TMPFILE | os.O_RDWR)
	os.link("/proc/self/fd/%d" % fd, top + "/linked", src_dir_fd=0) # linkat(2), which follows
	os.makedirs(top + "/x/y/z")
	os.mknod(top + "/x/y/z/node", 0o100644)
	END
	reads "$RECORDINGS/node"
	reads "$RECORDINGS/linked"
	reads "$RECORDINGS/x/y/z/node"
}

mkdir -p "$RECORDINGS" "$OUTSIDE"
printf 'version: 1\nassets:\n  footage: {kind: recordings, path: %s}\n' "$RECORDINGS" >/run/policy.yaml
cw_start --policy /run/policy.yaml
scenario "a folder that is moved in is watched to its last level at once" at_once
scenario "what other calls than open make is watched from its first open" made
scenario "one that is renamed as soon as it came in does not hide its content" renamed
scenario "nor do a hundred that come at once" many
stop_camwarden
scenarios_done
