#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# camwarden query on traces that are made here: who touched what, counted right, and whatever stands
# in a trace arrives harmless.

# shellcheck disable=SC2154 # "run" sets stderr

bats_require_minimum_version 1.5.0

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	camwarden=${CAMWARDEN:-$top/build/camwarden}
	golden=$top/tests/golden/trace-1.cw
	cd "$BATS_TEST_TMPDIR" || return 1
}

# make TRACE [POLICY] <events
make() {
	command -v python3 >/dev/null || skip "python3 is not installed"
	python3 "$top/tests/golden/write-trace.py" "$@"
}

# An event: opened PERSON PATH [TIME]
opened() {
	jq -nc --arg who "$1" --arg path "$2" --arg time "${3:-}" '{kind: "open",
		asset: {name: "footage", kind: "recordings", path: $path, root: "/srv", dev: "8:1",
			inode: ($path | explode | add), access: ["read"]},
		process: {pid: 7, start_ns: 5, exe: "/usr/bin/cat", comm: "cat", uid: 1001, user: "w"},
		origin: {type: "remote", login_uid: 1001, login_user: $who, session: 1,
			peer: "203.0.113.7:51512"}} + if $time == "" then {} else {time: $time} end'
}

# streamed PERSON PHASE [SECONDS]
streamed() {
	opened "$1" /dev/video0 | jq -c --arg phase "$2" --argjson s "${3:-null}" '.kind = "stream" |
		.asset = {name: "camera", kind: "camera", path: "/dev/video0", node: "/dev/video0",
			dev: "81:0", inode: 300} | .detail = {phase: $phase, seconds: $s}'
}

@test "without an option: every access, one a line, with its verdict" {
	run -0 --separate-stderr "$camwarden" query "$golden"
	[ "${#lines[@]}" = 41 ]
	[[ ${lines[0]} == "TIME  "*VERDICT*KIND*WHO*ASSET*PATH*PROGRAM ]]
	[[ $output == *"remote high  open"*"bob from 203.0.113.7:50003"*footage*cat\[2003\]* ]]
	[[ $output != *$'\e'* && $output != *canary* ]]
	[[ $stderr == *"not all was seen: 3 events lost, in 1 gaps"* ]]
}

@test "json is the events themselves, as replay prints them" {
	run -0 --separate-stderr "$camwarden" query --format json --login bob "$golden"
	[ "$output" = "$("$camwarden" replay --all --format json "$golden" |
		jq -c 'select(.origin.login_user == "bob") | .seq' | while read -r seq; do
			"$camwarden" replay --all --format json "$golden" | grep -F "\"seq\":$seq,"
		done)" ]
	[ "${#lines[@]}" = 6 ]
}

@test "who else touched it: breadth of each person, the widest first" {
	{
		opened alice /srv/1
		opened bob /srv/1
		opened bob /srv/2
		opened bob /srv/2
		opened carol /other/3
		streamed carol start
		streamed carol stop 90.0
	} | make t.cw
	run -0 --separate-stderr "$camwarden" query t.cw --asset /srv --by login
	[ "${#lines[@]}" = 4 ]
	[[ ${lines[1]} =~ ^bob\ +3\ +0\ +2\ +0\ +0\ +0\.0\  ]]
	[[ ${lines[2]} =~ ^alice\ +1\ +0\ +1\ +0\ +0\ +0\.0\  ]]
	run -0 "$camwarden" query t.cw --by login --format json --sort minutes --limit 1
	[[ $output == *'"person":"carol","person_type":"login","events":3,"flags":0,"recordings":1,"cameras":1,"microphones":0,"minutes":1.500,'* ]]
	[[ $output == *"2 more are not shown"* ]]
}

@test "per person and day, in the time zone that is asked for" {
	{
		opened bob /srv/1 2026-11-24T22:30:00Z
		opened bob /srv/2 2026-11-24T23:30:00Z
		opened alice /srv/2 2026-11-24T23:40:00Z
	} | make t.cw
	run -0 "$camwarden" query t.cw --by login,day --format csv
	[ "$(cut -d, -f1,3,4 <<<"$output" | tr -d '\r')" = "$(printf '%s\n' person,day,events \
		bob,2026-11-24,2 alice,2026-11-24,1)" ]
	run -0 "$camwarden" query t.cw --by day,login --format csv --timezone +01:00
	[ "$(cut -d, -f1,2,4 <<<"$output" | tr -d '\r')" = "$(printf '%s\n' day,person,events \
		2026-11-24,bob,1 2026-11-25,alice,1 2026-11-25,bob,1)" ]
	run -0 "$camwarden" query t.cw --hours 00:00-01:00 --timezone +01:00 --format json
	[ "${#lines[@]}" = 2 ]
}

@test "days of since and until are those of the time zone, wherever it stands" {
	{
		opened bob /srv/1 2026-11-20T22:30:00Z
		opened bob /srv/2 2026-11-21T21:59:59Z
		opened bob /srv/3 2026-11-21T22:00:00Z
	} | make t.cw
	local day=(--since 2026-11-21 --until 2026-11-21)
	run -0 "$camwarden" query t.cw --timezone +02:00 "${day[@]}" --format json
	[ "$(jq -r .asset.path <<<"$output" | paste -sd ' ')" = "/srv/1 /srv/2" ]
	[ "$output" = "$("$camwarden" query t.cw "${day[@]}" --format json --timezone +02:00)" ]
	[ "$output" = "$("$camwarden" query t.cw --where 'time = 2026-11-21' --format json \
		--timezone +02:00)" ]
	run -0 "$camwarden" query t.cw "${day[@]}" --format json
	[ "$(jq -r .asset.path <<<"$output" | paste -sd ' ')" = "/srv/2 /srv/3" ]
	run -0 "$camwarden" query t.cw --since 2026-11-21T22:00:00Z --timezone +02:00 --format json
	[ "${#lines[@]}" = 1 ]
}

@test "a capture that still runs makes minutes a lower bound" {
	{ streamed bob start; streamed bob stop 30.0; streamed bob start; } | make t.cw
	run -0 "$camwarden" query t.cw --by login
	[[ $output == *">=0.5"* ]]
	run -0 "$camwarden" query t.cw --by login --format json
	[ "$(jq -c '[.minutes, .minutes_at_least]' <<<"$output")" = "[0.5,true]" ]
}

@test "of a capture that began before --since only what is inside counts" {
	{ opened bob /srv/1 2026-11-24T10:00:00Z; streamed bob stop 3600.0; } | make t.cw
	run -0 "$camwarden" query t.cw --since 2026-11-24T09:59:01Z --by login --format json
	[ "$(jq -c .minutes <<<"$output")" = 1 ]
}

@test "a capture over midnight counts on each of its days, in the time zone that is asked for" {
	{
		opened bob /srv/1 2026-11-23T06:00:00Z
		streamed bob stop 201600.0
	} | jq -c '.time = "2026-11-23T06:00:00Z"' | make t.cw
	run -0 "$camwarden" query t.cw --by login,day --format json
	[ "$(jq -sc 'sort_by(.day) | map([.day, .events, .minutes])' <<<"$output")" = \
		'[["2026-11-20",0,120],["2026-11-21",0,1440],["2026-11-22",0,1440],["2026-11-23",2,360]]' ]
	[ "$(jq -r 'select(.events == 0) | .first, .last' <<<"$output" | sort -u)" = null ]
	run -0 "$camwarden" query t.cw --by day --timezone +02:00 --format json
	[ "$(jq -c '[.day, .minutes]' <<<"$output" | paste -sd ' ')" = \
		'["2026-11-21",1440] ["2026-11-22",1440] ["2026-11-23",480]' ]
	run -0 "$camwarden" query t.cw --by hour --since 2026-11-23T03:30:00Z
	[[ $output == *"2026-11-23 03:00  "*" 30.0  "*"2026-11-23 04:00 "*" 60.0  "* ]]
}

@test "a capture that claims thousands of years is no endless work" {
	streamed bob stop 1e300 | make t.cw
	run -0 --separate-stderr "$camwarden" query t.cw --by login,hour --format csv
	[ "${#lines[@]}" = 10002 ]
	[[ $output == *"bob,login,(more than can be told apart),0,"* ]]
	[[ $stderr == *"minutes of the time before are in a group of their own"* ]]
}

@test "what the policy says is judged here: names of assets, flags" {
	cat >p.yaml <<-'END'
		version: 1
		assets: {night: {kind: recordings, path: /srv/night}, day: {kind: recordings, path: /srv}}
		grants: [{name: g, allow: open, on: day, to: {login: bob}}]
	END
	{ opened bob /srv/1; opened bob /srv/night/2; } | jq -c 'del(.asset.name)' | make t.cw p.yaml
	run -0 "$camwarden" query t.cw --flagged --format json
	[ "$(jq -r '.asset.name + " " + .verdict.class' <<<"$output")" = "night remote" ]
	run -0 "$camwarden" query t.cw --asset day --format json
	[ "${#lines[@]}" = 1 ]
	run -0 "$camwarden" query t.cw --class remote,limit --by class --format json
	[ "$(jq -r .class <<<"$output")" = remote ]
	run -0 "$camwarden" query t.cw --where 'grant = g' --format json
	[ "${#lines[@]}" = 1 ]
}

@test "a trace without a policy says so where it matters" {
	opened bob /srv/1 | make t.cw
	run -0 "$camwarden" query t.cw --flagged
	[[ $output == *"no event fits"*"has no policy"* ]]
	run -0 "$camwarden" query t.cw --login bob
	[[ $output != *"has no policy"* ]]
}

@test "one of a list must fit, of several options all" {
	n() {
		"$camwarden" query --format json "$@" "$golden" 2>/dev/null | wc -l
	}
	[ "$(n --login alice)" = 2 ]
	[ "$(n --login alice,bob)" = 8 ]
	[ "$(n --login alice --login 1002)" = 8 ]
	[ "$(n --login alice,bob --kind open)" = 4 ]
	[ "$(n --where 'login = alice or login = bob' --where 'kind = open')" = 4 ]
	[ "$(n --peer 203.0.113.0/24)" = "$(n --login bob)" ]
	[ "$(n --exe cat)" = "$(n --exe '/usr/bin/ca?')" ]
	[ "$(n --exe "$(printf 'baa5a0964d3320fbc0c6a922140453c8513ea24ab8fd0577034804a967248096')")" = 8 ]
	[ "$(n --asset cameras)" = "$(n --asset '/dev/video*')" ]
	[ "$(n --asset /dev/video0,/dev/video2,/dev/video4,/dev/video6)" = "$(n --asset cameras)" ]
	[ "$(n --kind gap)" = 1 ]
	[ "$(n --hub hub-1 --boot 3881f880-af78-4449-a4d7-7c2275d36c13)" = 40 ]
	[ "$(n --pid 640)" = 28 ]
	[ "$(n --where 'not login')" = 32 ]
	[ "$(n --denied)" = 0 ]
}

@test "what is wrong in an expression is told with its place" {
	run -2 "$camwarden" query --where 'login = alice and nto exe' "$golden"
	[[ $output == *"--where: column 19: 'nto' is nothing that is known of an event; expected"* ]]
	[[ ${lines[1]} == '    login = alice and nto exe' ]]
	[[ ${lines[2]} == '                      ^' ]]
	run -2 "$camwarden" query --where $'comm = "\e[2J' "$golden"
	[[ $output != *$'\e'* ]]
	run -2 "$camwarden" query --kind opne "$golden"
	[[ $output == *"--kind: 'opne' is no kind; expected one of open, denied"* ]]
	run -2 "$camwarden" query --peer 10.1.2.3/8 "$golden"
	[[ $output == *"expected 10.0.0.0/8"* ]]
}

@test "hostile names arrive harmless in every format" {
	{
		opened $'\e[2J\e]0;x\a' $'/srv/=HYPERLINK("http://evil")\r\n,x'
		opened '=1+1' '/srv/<script>alert(1)</script>'
		opened '@SUM(A1)' $'/srv/\u202egpj.exe'
		jq -nc '{kind: "open", asset: {name: "-2+3", kind: "recordings", path: "/srv/\udcff\udcfe"},
			process: {pid: 9, exe: "/bin/+x"}, origin: {login_uid: 5, login_user: "|a\u009bb"}}'
	} | make t.cw
	for format in table csv json; do
		for by in '' login,file,program; do
			run -0 --separate-stderr "$camwarden" query --format "$format" ${by:+--by "$by"} t.cw
			[ "$(LC_ALL=C tr -d '\n\r\40-\176\200-\377' <<<"$output" | wc -c)" = 0 ]
			[ "$(LC_ALL=C grep -c $'\xc2[\x80-\x9f]\|\xe2\x80\xae' <<<"$output" || true)" = 0 ]
			iconv -f UTF-8 -t UTF-8 <<<"$output" >/dev/null
		done
	done
	run -0 "$camwarden" query --format csv --by login t.cw
	[[ $output == *"\"'=1+1\","* && $output == *'"""@SUM(A1)""",'* ]]
	command -v python3 >/dev/null || skip "python3 is not installed"
	"$camwarden" query --format csv t.cw 2>/dev/null | python3 -c '
		import csv, sys
		rows = list(csv.reader(open(0, newline="")))
		assert len(rows) == 5 and all(len(r) == len(rows[0]) for r in rows), rows
		assert not any(c[:1] in ("=", "+", "-", "@", "\t", "\r") for r in rows for c in r), rows
	' | cat
	"$camwarden" query --format json --by login,file t.cw | jq -e . >/dev/null
}

@test "standard input, several traces, segments in any order" {
	run -0 "$camwarden" query --format json - <"$golden"
	[ "$(grep -c '"schema"' <<<"$output")" = 40 ]
	opened bob /srv/1 2026-11-25T00:00:00Z | jq -c '.boot_ns = 1' | make later.cw
	run -0 --separate-stderr "$camwarden" query --format json later.cw "$golden"
	[ "$(tail -n 1 <<<"$output" | jq -r .asset.path)" = /srv/1 ]
}

@test "damage is told and is status 3, with the answer of the rest" {
	cp "$golden" bad.cw
	printf 'X' | dd of=bad.cw bs=1 seek=2000 conv=notrunc status=none
	run -3 --separate-stderr "$camwarden" query bad.cw
	[[ $stderr == *"bad.cw: block 2, byte "* ]]
	run -3 "$camwarden" query missing.cw
	run -3 "$camwarden" query --by login bad.cw
}

@test "a full disk behind the output is an error" {
	for format in table csv json; do
		# shellcheck disable=SC2016 # for the shell within
		run -3 bash -c '"$0" query --format "$1" "$2" >/dev/full' "$camwarden" "$format" "$golden"
		[[ $output == *"No space left"* ]]
	done
}

@test "nothing that fits is said, and is no failure" {
	run -0 --separate-stderr "$camwarden" query --login nobody "$golden"
	[ -z "$output" ]
	[[ $stderr == *"no event fits"* ]]
	run -0 --separate-stderr "$camwarden" query --login nobody --by login --format csv "$golden"
	[ "${#lines[@]}" = 1 ]
}

@test "usage" {
	run -0 "$camwarden" query --help
	[[ $output == Usage:* ]]
	run -2 "$camwarden" query
	run -2 "$camwarden" query --nonsense "$golden"
	run -2 "$camwarden" query --format xml "$golden"
	run -2 "$camwarden" query --by shoe "$golden"
	run -2 "$camwarden" query --by login,login "$golden"
	run -2 "$camwarden" query --by login,asset,day,hour,kind "$golden"
	run -2 "$camwarden" query --sort events "$golden"
	run -2 "$camwarden" query --by login --sort shoe "$golden"
	run -2 "$camwarden" query --limit 0 "$golden"
	run -2 "$camwarden" query --timezone CET "$golden"
	run -2 "$camwarden" query --since yesterday "$golden"
	run -2 "$camwarden" query --login a,,b "$golden"
	run -2 "$camwarden" query - - <"$golden"
	run -0 "$camwarden" query --since -36500d "$golden"
	run -2 "$camwarden" query --since -2w "$golden"
}
