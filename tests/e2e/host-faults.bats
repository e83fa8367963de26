#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal: what goes wrong around the agent is told, survived, and nothing is lost in silence or left
# behind in the kernel.

# Tests are subshells, and the variables are those of lib.bash.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034

bats_require_minimum_version 1.5.0
load host.bash

setup() { host_setup; }
teardown() { host_teardown; }

# run_agent ARGUMENT…: in the foreground, for at most 20 s; sets status and output.
run_agent() {
	run timeout 20 "$CAMWARDEN" run "$@" 3>&-
}

says() {
	[[ $output == *"$1"* ]] || {
		printf 'not said: %s\nbut: %s\n' "$1" "$output" >&2
		return 1
	}
}

logged() {
	eventually grep -qF -- "$1" "$CW_LOG"
}

# Ids of what the agent has in the kernel, by its descriptors: "prog 7", "map 12", "link 3".
own_objects() {
	sed -nE 's/^(prog|map|link)_id:\s*([0-9]+)$/\1 \2/p' "/proc/$1"/fdinfo/* 2>/dev/null | sort -u
}

kernel_objects() {
	local what

	for what in prog map link; do
		bpftool -j "$what" list | jq -r ".[] | \"$what \(.id)\""
	done | sort -u
}

# gone FILE: none of the objects that it lists is in the kernel any more.
gone() {
	[[ -z $(comm -12 "$1" <(kernel_objects)) ]]
}

# seen FILE: an access to it comes out.
seen() {
	mark_events
	"$ACTOR" open "$1"
	expect ".kind == \"open\" and .asset.path == \"$1\" and .process.comm == \"actor\""
}

# --- start ---

@test "not root: exit status 3 and what to do" {
	chmod 755 "$W"
	run timeout 20 setpriv --reuid=65534 --regid=65534 --clear-groups -- "$CAMWARDEN" run \
		--policy "$POLICY"
	[[ $status == 3 ]]
	says "root"
}

@test "no type information in the kernel: exit status 3 and what is needed" {
	[[ -e /sys/kernel/btf/vmlinux ]] || skip "this kernel has none to take away"
	run -3 unshare --mount sh -c 'mount -t tmpfs none /sys/kernel/btf && "$0" run' "$CAMWARDEN"
	[[ $output == *"does not describe its types"*"--btf FILE"*"CONFIG_DEBUG_INFO_BTF=y"* ]]
}

@test "a kernel that is too old: exit status 3 and what is needed" {
	# The kernel calls itself 2.6 for this process.
	run -3 setarch --uname-2.6 "$CAMWARDEN" run
	[[ $output == *"is too old; Linux 5.10 or newer is needed"* ]]
}

@test "no tracefs: nothing is missing" {
	run -0 --separate-stderr unshare --mount sh -c '
		for each in /sys/kernel/tracing /sys/kernel/debug; do
			mount -t tmpfs none "$each" || exit 9
		done
		"$0" run --quiet --format json --policy "$1" --duration 3' "$CAMWARDEN" "$POLICY"
	[[ $output == *'"kind":"canary"'*'"ok":true'* ]]
}

@test "unreadable policy: exit status 3, its name and why" {
	run_agent --policy "$W/nowhere.yaml"
	[[ $status == 3 ]]
	says "$W/nowhere.yaml"
	says "No such file"
}

@test "invalid policy: exit status 2, file, line and column" {
	printf 'version: 1\nassets:\n  a: {kind: camera}\ngrants:\n  - {name: x, alow: open}\n' >"$POLICY"
	run_agent --policy "$POLICY"
	[[ $status == 2 ]]
	says "$POLICY:5:15: unknown key 'alow'"
}

@test "a device that is not there: told, and the rest is watched" {
	echo picture >"$REC/clip"
	host_policy "front: {kind: camera, device: $W/nothere}"
	host_start
	logged "$W/nothere"
	seen "$REC/clip"
}

@test "a device of the policy that comes later is watched after a reload" {
	host_policy "front: {kind: camera, device: $W/fakecam}"
	host_start
	logged "$W/fakecam"
	mknod "$W/fakecam" c 1 7
	kill -HUP "$CW_PID"
	expect '.kind == "policy" and .detail.ok == true and .seq > 2'
	seen "$W/fakecam"
	is '.asset.name == "front"'
}

@test "--output that cannot be opened: exit status 3 and its name" {
	run_agent --policy "$POLICY" --output "$W/no/such/file"
	[[ $status == 3 ]]
	says "$W/no/such/file"
}

@test "--duration ends by itself: 0 if nothing was flagged, else 1" {
	run_agent --policy "$POLICY" --quiet --duration 1 --format json
	[[ $status == 0 ]]
	says '"kind":"stop"'
	background "$CAMWARDEN" run --policy "$POLICY" --quiet --duration 4 --format json
	eventually grep -q '"kind":"canary"' "$BG_OUT"
	: >"$REC/file"
	local status=0
	wait "$BG_PID" || status=$?
	[[ $status == 1 ]]
}

@test "SIGTERM after nothing: 0; text output tells a flag in one line" {
	host_start
	stop_camwarden TERM
	[[ $CW_STATUS == 0 ]]
	background "$CAMWARDEN" run --policy "$POLICY"
	eventually grep -q 'watching' "$BG_OUT"
	"$ACTOR" open "$REC"
	eventually grep -q "$REC" "$BG_OUT"
	kill -INT "$BG_PID"
}

# --- the watched folder ---

@test "folder missing at start, then made" {
	rmdir "$REC"
	host_start
	logged "there is no such directory"
	mkdir "$REC"
	logged "$REC is there now and watched"
	: >"$REC/file"
	seen "$REC/file"
}

@test "folder deleted: message and tamper; made again: watched" {
	: >"$REC/file"
	host_start
	rm -r "$REC"
	expect '.kind == "tamper" and .detail.state == "missing"'
	is ".asset.path == \"$REC\" and .verdict.class == \"tamper\""
	logged "$REC: the recordings folder is missing"
	mkdir "$REC"
	logged "$REC is there now and watched"
	: >"$REC/again"
	seen "$REC/again"
}

@test "folder replaced by another: both are watched, and it is told" {
	: >"$REC/old"
	host_start
	mv "$REC" "$W/was"
	mkdir "$REC"
	: >"$REC/new"
	expect '.kind == "tamper"'
	eventually grep -qE 'replaced|is there now and watched' "$CW_LOG"
	seen "$REC/new"
	seen "$W/was/old"
}

@test "folder replaced by a symlink: what it leads to is watched" {
	mkdir "$W/elsewhere"
	: >"$W/elsewhere/file"
	host_start
	rmdir "$REC"
	ln -s "$W/elsewhere" "$REC"
	expect '.kind == "tamper"'
	eventually grep -qE 'replaced|is there now and watched' "$CW_LOG"
	seen "$W/elsewhere/file"
}

@test "folder mounted over: tamper and message; the old files and the new; unmounted again" {
	: >"$REC/old"
	exec 8<"$REC"
	host_start 8<&-
	mount -t tmpfs camwarden-test "$REC"
	expect '.kind == "tamper" and .detail.state == "mounted over"'
	logged "$REC: the recordings folder is mounted over"
	: >"$REC/new"
	seen "$REC/new"
	"$ACTOR" open "/proc/$BASHPID/fd/8/old"
	expect ".kind == \"open\" and (.asset.path | endswith(\"/old\"))"
	mark_events
	umount "$REC"
	exec 8<&-
	logged "$REC is there now and watched"
	seen "$REC/old"
}

@test "folder on another file system (tmpfs): accesses and names" {
	mount -t tmpfs camwarden-test "$REC"
	: >"$REC/a"
	host_start
	seen "$REC/a"
	mkdir -p "$REC/x/y" && : >"$REC/x/y/z"
	expect ".kind == \"open\" and .asset.path == \"$REC/x/y/z\""
	mv "$REC/a" "$REC/b"
	expect '.kind == "rename"'
	is ".asset.path == \"$REC/a\" and .detail.to == \"$REC/b\""
	rm "$REC/b"
	expect '.kind == "unlink"'
	is ".asset.path == \"$REC/b\" and .detail.last == true"
}

@test "two folders of the policy, one inside the other" {
	mkdir "$REC/inner"
	: >"$REC/inner/file"
	: >"$REC/outer"
	host_policy "deep: {kind: recordings, path: $REC/inner}"
	host_start
	seen "$REC/inner/file"
	is '.asset.name == "deep"'
	seen "$REC/outer"
	is '.asset.name == "footage"'
}

# --- output ---

@test "full disk under --output: told, counted, nothing torn" {
	mkdir "$W/small"
	mount -t tmpfs -o size=256k camwarden-test "$W/small"
	echo picture >"$REC/clip"
	background "$CAMWARDEN" run --all --format json --quiet --policy "$POLICY" \
		--output "$W/small/events"
	CW_PID=$BG_PID CW_LOG=$BG_OUT CW_EVENTS=$W/small/events CW_MARK=0
	wait_event '.kind == "canary"' >/dev/null
	"$ACTOR" touch "$REC/clip" 3000 >/dev/null
	logged "cannot write $W/small/events: No space left on device"
	mount -o remount,size=64m "$W/small"
	logged "$W/small/events can be written again"
	wait_event '.kind == "gap" and .detail.class == "output"' >/dev/null
	# An access, whose event comes after all that was queued.
	seen "$REC/clip"
	stop_camwarden
	run jq -n -e "[inputs] | length" "$CW_EVENTS"
	((status == 0))
	local lost there
	lost=$(jq -n '[inputs | select(.kind == "gap" and .detail.class == "output") | .detail.lost]
		| add' "$CW_EVENTS")
	there=$(wc -l <"$CW_EVENTS")
	echo "lost $lost, there $there, last $(tail -n 1 "$CW_EVENTS" | jq .seq)"
	[[ $((lost + there)) == $(tail -n 1 "$CW_EVENTS" | jq .seq) ]]
}

@test "a slow reader of a pipe: the ring goes on, the gap adds up" {
	echo picture >"$REC/clip"
	mkfifo "$W/pipe"
	exec 7<>"$W/pipe"
	"$CAMWARDEN" run --all --format json --quiet --policy "$POLICY" >"$W/pipe" 2>"$W/log" \
		3>&- 7<&- &
	CW_PID=$! CW_LOG=$W/log
	BACKGROUND+=("$CW_PID")
	# Nobody reads. The agent's queue and the pipe fill up.
	timeout 10 bash -c "until grep -q . <&7; do :; done" || true
	"$ACTOR" touch "$REC/clip" 3000 >/dev/null
	exec 6<"$W/pipe" 7>&-
	cat <&6 >"$W/events" 3>&- &
	BACKGROUND+=("$!")
	CW_EVENTS=$W/events CW_MARK=1 # of the first line, grep has taken the head
	wait_event '.kind == "gap" and .detail.class == "output"' >/dev/null
	seen "$REC/clip"
	stop_camwarden
	exec 6<&-
	# The first line was eaten by grep's buffer: count from the first whole one.
	local lost there first
	first=$(jq -R 'fromjson? | .seq' "$CW_EVENTS" | head -n 1)
	lost=$(jq -n -R '[inputs | fromjson? | select(.kind == "gap" and .detail.class == "output")
		| .detail.lost] | add' "$CW_EVENTS")
	there=$(jq -R 'fromjson? | .seq' "$CW_EVENTS" | wc -l)
	echo "first $first, lost $lost, there $there, last $(tail -n 1 "$CW_EVENTS" | jq .seq)"
	[[ $((first - 1 + lost + there)) == $(tail -n 1 "$CW_EVENTS" | jq .seq) ]]
	# Nothing was lost on the way to the agent.
	[[ -z $(jq -c -R 'fromjson? | select(.kind == "gap" and .detail.class != "output")' \
		"$CW_EVENTS") ]]
}

@test "SIGUSR1 opens --output again" {
	background "$CAMWARDEN" run --all --format json --quiet --policy "$POLICY" \
		--output "$W/events"
	CW_PID=$BG_PID CW_LOG=$BG_OUT CW_EVENTS=$W/events CW_MARK=0
	wait_event '.kind == "canary"' >/dev/null
	mv "$W/events" "$W/events.1"
	kill -USR1 "$CW_PID"
	eventually test -e "$W/events"
	: >"$REC/file"
	wait_event ".kind == \"open\" and .asset.path == \"$REC/file\"" >/dev/null
	stop_camwarden
	[[ $(head -n 1 "$W/events.1" | jq -r .kind) == start ]]
	[[ $(cat "$W/events.1" "$W/events" | jq .seq | paste -sd' ') == \
		$(seq -s' ' "$(tail -n 1 "$W/events" | jq .seq)") ]]
}

@test "the reader of standard output is gone: the agent ends" {
	"$CAMWARDEN" run --all --format json --quiet --policy "$POLICY" 2>"$W/log" 3>&- \
		> >(head -n 3 >"$W/head") &
	CW_PID=$!
	BACKGROUND+=("$CW_PID")
	eventually test -s "$W/head"
	local pid=$CW_PID
	for _ in {1..20}; do
		"$ACTOR" open "$REC"
	done
	eventually eval "! kill -0 $pid"
	CW_PID=
}

# --- policy ---

@test "SIGHUP: a good policy is taken, a bad one is refused with its place" {
	echo picture >"$REC/clip"
	host_start
	seen "$REC/clip"
	is '.verdict.decision == "flag"'
	sed -i "s|exe: /usr/bin/tac|exe: $ACTOR|" "$POLICY"
	kill -HUP "$CW_PID"
	expect '.kind == "policy" and .detail.ok == true'
	is ".detail.sha256 == \"$(sha256sum <"$POLICY" | cut -d' ' -f1)\""
	seen "$REC/clip"
	is '.verdict.decision == "allow"'
	echo 'nonsense: true' >>"$POLICY"
	mark_events
	kill -HUP "$CW_PID"
	expect '.kind == "policy" and .detail.ok == false'
	is ".detail.error | contains(\"$POLICY:\")"
	logged "the one in force stays"
	seen "$REC/clip"
	is '.verdict.decision == "allow"'
}

@test "SIGHUP: a folder that the new policy adds is watched, one that it drops is not" {
	mkdir "$W/second"
	: >"$W/second/file"
	: >"$REC/file"
	host_start
	host_policy
	sed -i "s|path: $REC}|path: $W/second}|" "$POLICY"
	kill -HUP "$CW_PID"
	expect '.kind == "policy" and .seq > 2'
	seen "$W/second/file"
	mark_events
	"$ACTOR" open "$REC/file"
	"$ACTOR" open "$W/second/file"
	expect ".kind == \"close\" and .asset.path == \"$W/second/file\""
	[[ $(count_events ".asset.path == \"$REC/file\"") == 0 ]]
}

# --- end ---

@test "SIGINT leaves nothing behind: no program, map, link or mount" {
	local mounts
	mounts=$(cat /proc/self/mountinfo)
	host_start
	own_objects "$CW_PID" >"$W/objects"
	grep -q prog "$W/objects" && grep -q map "$W/objects" && grep -q link "$W/objects"
	stop_camwarden INT
	[[ $CW_STATUS == 0 ]]
	eventually gone "$W/objects"
	[[ $(cat /proc/self/mountinfo) == "$mounts" ]]
}

@test "SIGKILL leaves nothing in the kernel" {
	host_start
	own_objects "$CW_PID" >"$W/objects"
	[[ -s $W/objects ]]
	kill -KILL "$CW_PID"
	wait "$CW_PID" || true
	CW_PID=
	eventually gone "$W/objects"
}

@test "two agents at once do not confuse each other" {
	echo picture >"$REC/clip"
	host_start
	mkdir "$W/other"
	local first_pid=$CW_PID first_events=$CW_EVENTS
	background "$CAMWARDEN" run --all --format json --quiet --policy "$POLICY"
	local second=$BG_PID second_events=$BG_OUT
	eventually grep -q '"kind":"canary"' "$second_events"
	"$ACTOR" touch "$REC/clip" 100 >/dev/null
	eventually eval "[[ \$(grep -c '\"kind\":\"close\"' $second_events) == 100 ]]"
	eventually eval "[[ \$(grep -c '\"kind\":\"open\"' $second_events) == 100 ]]"
	eventually eval "[[ \$(grep -c '\"comm\":\"actor\"' $first_events) == 200 ]]"
	kill -INT "$second"
	wait "$second" || true
	seen "$REC/clip"
	[[ $CW_PID == "$first_pid" ]]
	[[ $(jq -c 'select(.kind == "canary" and .detail.ok == false)' "$first_events" "$second_events") == "" ]]
	[[ $(jq -c 'select(.kind == "gap")' "$first_events" "$second_events") == "" ]]
}
