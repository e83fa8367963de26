#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # dollars for jq and for the shells that are watched
#
# Goal: every kind of access to a recording and to a stand-in camera comes out on the running
# kernel, in the name of the right process.

load host.bash

setup() { host_setup; }
teardown() { host_teardown; }

@test "a reader: open and close with executable, argv, uid, parent and seconds" {
	echo picture >"$REC/clip"
	host_start
	cat "$REC/clip"
	expect '.kind == "open" and .process.comm == "cat"'
	is ".asset.name == \"footage\" and .asset.kind == \"recordings\""
	is ".asset.path == \"$REC/clip\" and .asset.root == \"$REC\""
	is ".asset.inode == $(stat -c %i "$REC/clip") and .asset.access == [\"read\"]"
	is ".asset.dev == \"$(mountpoint -d "$(findmnt -nvo TARGET -T "$REC")")\""
	is ".process.exe == \"$(realpath "$(command -v cat)")\""
	is ".process.argv == [\"cat\", \"$REC/clip\"]"
	is ".process.uid == 0 and .process.user == \"root\" and .process.ppid == $BASHPID"
	is ".process.ancestors[0] == {pid: $BASHPID, exe: \"$(realpath /proc/$BASHPID/exe)\"}"
	is ".process.exe_sha256 == \"$(sha256sum "$(realpath "$(command -v cat)")" | cut -d' ' -f1)\""
	is ".process.exe_inode == $(stat -Lc %i "$(command -v cat)")"
	is '.origin.type == "service" and .verdict.decision == "flag" and .verdict.class == "service"'
	is '.verdict.rule == "no grant" and .verdict.technique == "T1005" and .probe == "tracepoint"'
	local pid
	pid=$(jq .process.pid <<<"$EVENT")
	expect ".kind == \"close\" and .process.pid == $pid"
	is ".detail.seconds >= 0 and .asset.path == \"$REC/clip\""
}

@test "a uid that nobody has is told by its number, and the agent ends as ever" {
	echo picture >"$REC/clip"
	host_start
	setpriv --reuid 4242 --regid 4242 --clear-groups cat "$REC/clip"
	expect '.kind == "open" and .process.comm == "cat"'
	is '.process.uid == 4242 and .process.user == null'
	# Who asks for its name may load libraries for it, which go with the rest (nsswitch.conf).
	stop_camwarden
}

@test "a grant lets its program through, and only that" {
	echo picture >"$REC/clip"
	host_start
	tac "$REC/clip"
	head -n 1 "$REC/clip"
	expect '.kind == "open" and .process.comm == "tac"'
	is '.verdict.decision == "allow" and .verdict.grant == "tac reads"'
	expect '.kind == "open" and .process.comm == "head"'
	is '.verdict.decision == "flag" and (.verdict.why | contains("tac reads"))'
}

@test "create, write, truncate by descriptor and by path" {
	host_start
	dd if=/dev/zero of="$REC/new" bs=10 count=1 2>/dev/null
	expect '.kind == "open" and .process.comm == "dd"'
	is '.asset.access | contains(["write", "create"])'
	expect '.kind == "close" and .process.comm == "dd"'
	truncate -s 4 "$REC/new"
	expect '.kind == "truncate" and .process.comm == "truncate"'
	is ".detail.size_after == 4 and (.asset.access | contains([\"truncate\"]))"
	is ".asset.path == \"$REC/new\""
	"$ACTOR" truncate "$REC/new" 2
	expect '.kind == "truncate" and .process.comm == "actor"'
	is ".asset.path == \"$REC/new\" and .asset.inode == $(stat -c %i "$REC/new")"
	is ".process.exe == \"$ACTOR\""
	: >"$REC/new"
	expect ".kind == \"open\" and .process.pid == $BASHPID"
	is '.asset.access | contains(["truncate"])'
}

@test "truncate by a relative path, by a process that ends at once" {
	echo picture >"$REC/clip"
	host_start
	for i in {1..50}; do
		(cd "$W" && exec "$ACTOR" truncate rec/clip "$i")
	done
	eventually count_is 50 ".kind == \"truncate\""
}

@test "rename, link, unlink, chmod, chown, with the right person" {
	echo picture >"$REC/a"
	host_start
	mv "$REC/a" "$REC/b"
	expect '.kind == "rename"'
	is ".asset.path == \"$REC/a\" and .detail.to == \"$REC/b\" and .process.comm == \"mv\""
	is ".process.argv == [\"mv\", \"$REC/a\", \"$REC/b\"] and .process.ppid == $BASHPID"
	ln "$REC/b" "$REC/c"
	expect '.kind == "link"'
	is ".detail.to == \"$REC/c\" and .process.comm == \"ln\""
	is ".asset.inode == $(stat -c %i "$REC/b")"
	rm "$REC/b"
	expect '.kind == "unlink"'
	is ".asset.path == \"$REC/b\" and .detail.last == false and .process.comm == \"rm\""
	is '.asset.access == ["delete"]'
	chmod 600 "$REC/c"
	expect '.kind == "attr" and .process.comm == "chmod"'
	is ".asset.path == \"$REC/c\""
	chown 1:1 "$REC/c"
	expect '.kind == "attr" and .process.comm == "chown"'
	mark_events
	rm "$REC/c"
	expect '.kind == "unlink"'
	is ".asset.path == \"$REC/c\" and .detail.last == true and .verdict.technique == \"T1070.004\""
}

@test "a recording moved out stays watched" {
	echo picture >"$REC/clip"
	host_start
	mv "$REC/clip" "$W/outside"
	expect '.kind == "rename"'
	is ".asset.path == \"$REC/clip\""
	cat "$W/outside"
	expect '.kind == "open" and .process.comm == "cat"'
	is ".asset.path == \"$W/outside\" and .asset.name == \"footage\""
}

@test "denied: EACCES as nobody, by absolute and by relative path" {
	echo picture >"$REC/clip"
	chmod 600 "$REC/clip"
	host_start
	run as_nobody "$ACTOR" open "$REC/clip"
	((status))
	expect '.kind == "denied" and .process.uid == 65534'
	is ".result == -13 and .detail.error == \"EACCES\" and .asset.path == \"$REC/clip\""
	is ".process.exe == \"$ACTOR\" and .process.user == \"nobody\" and .asset.name == \"footage\""
	is '.verdict.decision == "flag"'
	mark_events
	for _ in {1..50}; do
		(cd "$W" && as_nobody "$ACTOR" open rec/clip || true) 2>/dev/null
	done
	eventually count_is 50 ".kind == \"denied\" and .process.uid == 65534"
}

@test "denied: by mkdir, a name that is not there and an unwatched file say nothing" {
	echo other >"$W/other"
	chmod 600 "$W/other"
	host_start
	run as_nobody "$ACTOR" open "$W/other"
	run as_nobody "$ACTOR" open "$REC/nothing"
	none '.kind == "denied"'
}

@test "a directory moved in: its files are seen at once" {
	host_start
	for i in {1..50}; do
		mkdir -p "$W/new$i/below"
		echo x >"$W/new$i/below/file"
	done
	mark_events
	for i in {1..50}; do
		mv "$W/new$i" "$REC/" && "$ACTOR" open "$REC/new$i/below/file"
	done
	eventually count_is 50 ".kind == \"open\" and .process.comm == \"actor\""
}

@test "mkdir -p a/b/c and a file there at once, 200 times: none is lost" {
	host_start
	for i in {1..200}; do
		mkdir -p "$REC/$i/b/c" && echo x >"$REC/$i/b/c/file"
	done
	eventually count_is 200 ".kind == \"open\" and
		(.asset.path | endswith(\"/file\"))"
	none '.kind == "gap"'
}

@test "hundreds of files from before the start are watched by names outside; one mounted over, too" {
	local other n

	mkdir "$W/out"
	for n in {1..700}; do
		: >"$REC/f$n"
	done
	ln "$REC/f"* "$W/out"
	: >"$REC/below"
	other=$(mktemp -p /dev/shm camwarden-host.XXXXXX)
	mount --bind "$other" "$REC/below"
	host_start
	umount "$REC/below"
	cat "$W/out/f"* "$other"
	rm "$other"
	none '.kind == "gap"'
	count_is 700 ".kind == \"open\" and .process.comm == \"cat\" and .asset.name == \"footage\" and
		(.asset.path | startswith(\"$W/out/f\"))"
	count_is 1 ".kind == \"open\" and .process.comm == \"cat\" and .asset.path == \"$other\""
}

@test "a file from outside that is linked in is watched by its outside name" {
	echo picture >"$W/outside"
	host_start
	cat "$W/outside"
	ln "$W/outside" "$REC/inside"
	expect '.kind == "link"'
	"$ACTOR" open "$W/outside"
	expect '.kind == "open" and .process.comm == "actor"'
	is ".asset.path == \"$W/outside\" and .asset.name == \"footage\""
	none '.process.comm == "cat"'
}

@test "… and at once, 100 times: none is lost" {
	local i
	for ((i = 0; i < 100; i++)); do
		echo picture >"$W/outside$i"
	done
	host_start
	for ((i = 0; i < 100; i++)); do
		ln "$W/outside$i" "$REC/" && "$ACTOR" open "$W/outside$i"
	done
	eventually count_is 100 '.kind == "open" and .process.comm == "actor"'
	eventually count_is 100 '.kind == "close" and .process.comm == "actor"'
}

@test "a file with two names that nobody watches says nothing" {
	echo other >"$W/one"
	host_start
	local i
	for ((i = 0; i < 20; i++)); do
		ln -f "$W/one" "$W/two" && "$ACTOR" open "$W/two"
	done
	none '.process.comm == "actor"'
}

# found_at_start PROBE [ARGUMENT…]
found_at_start() {
	echo picture >"$REC/clip"
	mkfifo "$W/fifo"
	"$ACTOR" hold "$REC/clip" <"$W/fifo" >"$W/held" 3>&- &
	local holder=$!
	BACKGROUND+=("$holder")
	exec 9>"$W/fifo"
	eventually grep -q held "$W/held"
	host_start "${@:2}" 9>&-
	expect ".kind == \"open\" and .probe == \"$1\" and .process.pid == $holder"
	is '.detail.before_start == true and .origin.seeded == true'
	is ".process.exe == \"$ACTOR\" and .asset.path == \"$REC/clip\""
	exec 9>&-
	expect ".kind == \"close\" and .process.pid == $holder"
	count_is 2 ".process.pid == $holder"
}

@test "what was open before the start is found" {
	found_at_start iterator
}

@test "what was open before the start is found by /proc where there are no iterators" {
	hide_types
	found_at_start proc --btf "$TYPES"
}

@test "a stand-in camera by device number: the node, an alias, a refusal" {
	local cam=$W/fakecam alias=$W/elsewhere/other

	mknod "$cam" c 1 7
	chmod 600 "$cam"
	host_policy "front: {kind: camera, device: $cam}"
	host_start
	"$ACTOR" open "$cam"
	expect ".kind == \"open\" and .asset.path == \"$cam\""
	is '.asset.name == "front" and .asset.kind == "camera" and .asset.dev == "1:7"'
	is '.verdict.decision == "flag" and .verdict.technique == "T1125"'
	is ".process.exe == \"$ACTOR\""
	mkdir "$W/elsewhere"
	mknod "$alias" c 1 7
	"$ACTOR" open "$alias"
	expect ".kind == \"open\" and .asset.path == \"$alias\""
	is '.asset.name == "front" and .asset.kind == "camera"'
	"$ACTOR" open /dev/full
	expect '.kind == "open" and .asset.path == "/dev/full"'
	is '.asset.name == "front"'
	run as_nobody "$ACTOR" open "$cam"
	((status))
	expect '.kind == "denied"'
	is '.asset.name == "front" and .result == -13 and .process.uid == 65534'
	"$ACTOR" open /dev/zero
	none '.asset.dev == "1:5"'
}
