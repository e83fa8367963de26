#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal: camwarden export gives other tools what they expect: the lines of run, a table that is safe
# in a spreadsheet, and what the public schemas require. Needs no root.

bats_require_minimum_version 1.5.0

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	camwarden=${CAMWARDEN:-$top/build/camwarden}
	trace=$top/tests/golden/trace-1.cw
	schema=$top/tests/schema
	cd "$BATS_TEST_TMPDIR" || return 1
}

# A copy of the golden trace whose hub has the name that is given.
with_hub() {
	command -v python3 >/dev/null || skip "python3 is not installed"
	python3 - "$trace" "$1" >hub.cw <<-'END'
		import os, sys, zlib
		d = bytearray(open(sys.argv[1], "rb").read())
		name = os.fsencode(sys.argv[2])
		d[80:80 + len(name) + 1] = name + b"\0"
		d[20:24] = bytes(4)
		d[20:24] = zlib.crc32(d[:256]).to_bytes(4, "little")
		sys.stdout.buffer.write(d)
	END
}

@test "jsonl is what replay prints" {
	"$camwarden" export --as jsonl "$trace" >all.jsonl
	"$camwarden" replay --all --format json "$trace" >replay.jsonl || [ $? = 1 ]
	diff all.jsonl replay.jsonl
	[ -s all.jsonl ]
}

@test "csv has a row of names and as many cells in every row, ended by CR LF" {
	"$camwarden" export --as csv "$trace" >all.csv
	[ "$(head -c 15 all.csv)" = "time,seq,hub,bo" ]
	[ "$(wc -l <all.csv)" = $(($(jq -s length "${trace%.cw}.json") + 1)) ]
	[ "$(grep -c $'\r$' all.csv)" = "$(wc -l <all.csv)" ]
	command -v python3 >/dev/null || skip "python3 is not installed"
	python3 - <<-'END'
		import csv, json, subprocess
		rows = list(csv.DictReader(open("all.csv", newline=""), strict=True))
		names = open("all.csv").readline().strip().split(",")
		assert all(None not in r and None not in r.values() for r in rows)
		assert len(set(names)) == len(names)
		flagged = [r for r in rows if r["decision"] == "flag"]
		assert flagged and all(r["why"] and r["class"] and r["severity"] for r in flagged)
		cat = [r for r in rows if r["command"] == "cat front.mp4"]
		assert cat and cat[0]["login_user"] in ("alice", "bob") and cat[0]["peer"]
	END
}

@test "csv: what a spreadsheet takes for a formula gets an apostrophe in front" {
	for start in = + - @ ＝ ＋; do
		with_hub "${start}cmd|' /C calc'!A0"
		"$camwarden" export --as csv hub.cw >hub.csv
		[ "$(grep -cF ",\"'${start}cmd|' /C calc'!A0\"," hub.csv)" = $(($(wc -l <hub.csv) - 1)) ]
	done
	with_hub $'\t=1'
	"$camwarden" export --as csv hub.cw >hub.csv
	grep -qF ',\t=1,' hub.csv
	run -1 grep -qP '\t|\x1b' hub.csv
}

@test "csv: quotes, commas, line ends and escapes stay in their cell" {
	with_hub $'a,"b"\n\e[31mc'
	"$camwarden" export --as csv hub.cw >hub.csv
	grep -qF ',"a,""b""\n\x1b[31mc",' hub.csv
	[ "$(wc -l <hub.csv)" = $(($(jq -s length "${trace%.cw}.json") + 1)) ]
}

@test "ocsf has what the schema requires" {
	with_hub 'hub "1"'
	for f in "$top"/tests/golden/*.cw hub.cw; do
		"$camwarden" export --as ocsf "$f" >all.ocsf
		run -0 jq -r --slurpfile schema "$schema/ocsf.json" -f "$schema/ocsf.jq" all.ocsf
		[ "$output" = "" ]
	done
}

@test "ocsf: the schema's checker finds what is missing" {
	"$camwarden" export --as ocsf "$trace" >all.ocsf
	check() {
		jq -c "$1" all.ocsf | jq -r --slurpfile schema "$schema/ocsf.json" \
			-f "$schema/ocsf.jq" | grep -q "$2"
	}
	check 'del(.device)' '1001: lacks device'
	check 'del(.file.name)' 'file lacks name'
	check 'del(.finding_info.uid)' '2004: finding_info lacks uid'
	check 'del(.metadata.product.name)' 'metadata.product has none'
	check '.type_uid += 1' 'type_uid'
	check '.class_uid = 7' 'no class that is known here'
	check '.observables[0].type_id = 99' 'observable device.hostname is of type 1'
	check '.device.type_id = 42' 'device.type_id is 42'
	check '.status_id = 42' '2004: status_id'
	check 'del(.metadata.profiles)' '6002: device without the profile host'
	check '.actor.process.container.uid = "a"' '1001: container without the profile container'
}

@test "ocsf: a line for each access, one more for each flag, and devices are files" {
	"$camwarden" export --as ocsf "$trace" >all.ocsf
	count() {
		jq -c "select($1)" "$2" | wc -l
	}
	json=${trace%.cw}.json
	[ "$(count '.class_uid == 1001' all.ocsf)" = "$(count '.asset != null' "$json")" ]
	[ "$(count '.class_uid == 2004' all.ocsf)" = "$(count '.verdict.decision == "flag"' "$json")" ]
	[ "$(count '.class_uid == 6002' all.ocsf)" = 2 ]
	[ "$(count '.class_uid == 1001 and .unmapped.asset_kind == "camera" and .file.type_id == 3' \
		all.ocsf)" = "$(count '.asset.kind == "camera"' "$json")" ]
	# A finding leads to its activity.
	jq -r 'select(.class_uid == 2004) | .finding_info.related_events[0].uid // empty' all.ocsf |
		sort >from
	jq -r 'select(.class_uid == 1001) | .metadata.uid' all.ocsf | sort >to
	[ -s from ]
	[ "$(comm -23 from to)" = "" ]
	[ "$(jq -r .metadata.uid all.ocsf | sort | uniq -d)" = "" ]
}

@test "ecs has what the schema requires, and only fields that it has" {
	for f in "$top"/tests/golden/*.cw; do
		"$camwarden" export --as ecs "$f" | jq -r --slurpfile schema "$schema/ecs.json" \
			-f "$schema/ecs.jq" >faults
		[ ! -s faults ]
	done
	"$camwarden" export --as ecs "$trace" >all.ecs
	run -0 jq -r --slurpfile schema "$schema/ecs.json" -f "$schema/ecs.jq" all.ecs
	[ "$output" = "" ]
	[ "$(jq -c 'select(.event.kind == "alert")' all.ecs | wc -l)" = \
		"$(jq -c 'select(.verdict.decision == "flag")' "${trace%.cw}.json" | wc -l)" ]
	[ "$(jq -s 'map(select(.source.ip == "203.0.113.7" and .event.kind == "alert" and
		.process.hash.sha256 and .threat.technique.id and .camwarden.login.name == "bob"))
		| length > 0' all.ecs)" = true ]
}

@test "ecs: the schema's checker finds what does not fit" {
	"$camwarden" export --as ecs "$trace" >all.ecs
	check() {
		jq -c "$1" all.ecs | jq -r --slurpfile schema "$schema/ecs.json" \
			-f "$schema/ecs.jq" | grep -q "$2"
	}
	check 'del(.["@timestamp"])' 'lacks @timestamp'
	check '.event.type = ["end"]' 'event.type end'
	check '.process.pidd = 1' 'no field process.pidd'
	check '.event.sequence = "1"' 'event.sequence is no number'
	check '.event.category = "file"' 'event.category is no array'
	check '.user.name = ["a"]' 'user.name is an array'
}

@test "the other end of a connection that the hub made is where it went" {
	command -v python3 >/dev/null || skip "python3 is not installed"
	jq -nc '{kind: "open", asset: {name: "c", kind: "camera", node: "/dev/video0", access: ["read"]},
		process: {pid: 7, exe: "/bin/sh", uid: 0}, origin: {type: "remote", outbound: true,
		peer: "[2001:db8::7]:4444"}}' | python3 "$top/tests/golden/write-trace.py" out.cw
	printf 'version: 1\nassets: {c: {kind: camera}}\n' >none.yaml
	"$camwarden" export --as ecs --policy none.yaml out.cw >out.ecs
	jq -e '.destination == {ip: "2001:db8::7", port: 4444} and .source == null' out.ecs
	"$camwarden" export --as ocsf --policy none.yaml out.cw >out.ocsf
	jq -s -e 'map(.evidences[0]?.dst_endpoint.ip // empty) == ["2001:db8::7"]' out.ocsf
	run -0 jq -r --slurpfile schema "$schema/ocsf.json" -f "$schema/ocsf.jq" out.ocsf
	[ "$output" = "" ]
}

@test "what a rename that succeeded leads to is a file; an address is none" {
	command -v python3 >/dev/null || skip "python3 is not installed"
	jq -nc '{asset: {name: "r", kind: "recordings", path: "/v/a.mp4", access: ["write"]},
		process: {pid: 7, exe: "/bin/sh", uid: 0, container: "c1"}} |
		. + {kind: "rename", detail: {to: "/v/b.mp4"}},
		. + {kind: "rename", result: -13, detail: {to: "/v/b.mp4"}},
		. + {kind: "egress", detail: {to: "203.0.113.7:443"}},
		{kind: "coverage"}' | python3 "$top/tests/golden/write-trace.py" out.cw
	printf 'version: 1\nassets: {r: {kind: recordings, path: /v}}\n' >none.yaml
	"$camwarden" export --as ocsf --policy none.yaml out.cw >out.ocsf
	jq -s -e 'map(select(.class_uid == 1001) | .file_result.path) ==
		["/v/b.mp4", null, null]' out.ocsf
	jq -s -e 'map(.metadata.profiles[0]) | unique == ["container", "host"]' out.ocsf
	run -0 jq -r --slurpfile schema "$schema/ocsf.json" -f "$schema/ocsf.jq" out.ocsf
	[ "$output" = "" ]
	"$camwarden" export --as ecs --policy none.yaml out.cw >out.ecs
	jq -s -e 'map(.camwarden.detail.to // empty) | length == 3' out.ecs
	run -0 jq -r --slurpfile schema "$schema/ecs.json" -f "$schema/ecs.jq" out.ecs
	[ "$output" = "" ]
}

@test "flagged, since and until select; another policy judges" {
	run -0 --separate-stderr "$camwarden" export --as jsonl --flagged "$trace"
	[ "$(jq -s -c 'map(.verdict.decision) | unique' <<<"$output")" = '["flag"]' ]
	since=$(jq -r 'select(.seq == 20) | .time' "${trace%.cw}.json")
	until=$(jq -r 'select(.seq == 30) | .time' "${trace%.cw}.json")
	run -0 "$camwarden" export --as jsonl --since "$since" --until "$until" "$trace"
	[ "$(jq -s -c 'map(.seq)' <<<"$output")" = "[20,21,22,23,24,25,26,27,28,29]" ]
	printf 'version: 1\nassets: {c: {kind: camera}}\n' >none.yaml
	run -0 "$camwarden" export --as jsonl --policy none.yaml "$trace"
	[ "$(jq -c 'select(.verdict.decision == "allow")' <<<"$output")" = "" ]
}

@test "a file for the output; the trace itself is never overwritten" {
	cp "$trace" copy.cw
	run -0 "$camwarden" export --as csv -o out.csv copy.cw
	[ "$output" = "" ]
	[ "$(stat -c %a out.csv)" = 640 ]
	"$camwarden" export --as csv copy.cw | cmp - out.csv
	"$camwarden" export --as jsonl -o out.csv copy.cw
	[ "$(head -c 9 out.csv)" = '{"schema"' ]
	ln copy.cw link
	for f in copy.cw ./copy.cw link; do
		run -2 "$camwarden" export --as csv -o "$f" copy.cw
		[[ $output == *"this is what is read"* ]]
		cmp copy.cw "$trace"
	done
	run -3 "$camwarden" export --as csv -o /nowhere/out copy.cw
}

@test "errors" {
	for form in jsonl csv ocsf ecs; do
		status=0
		"$camwarden" export --as $form "$trace" >/dev/full 2>messages || status=$?
		[ "$status" = 3 ]
		grep -q "No space left" messages
		head -c 2000 "$trace" >cut.cw
		"$camwarden" export --as $form cut.cw >/dev/null
		cp "$trace" bad.cw
		printf 'X' | dd of=bad.cw bs=1 seek=2000 conv=notrunc status=none
		run -3 --separate-stderr "$camwarden" export --as $form bad.cw
		# shellcheck disable=SC2154 # set by run
		[[ $stderr == *"bad.cw: block 2, byte "* ]]
	done
	run -3 "$camwarden" export --as csv missing.cw
}

@test "usage" {
	run -0 "$camwarden" export --help
	[[ $output == Usage:* ]]
	run -2 "$camwarden" export "$trace"
	[[ $output == *"--as is needed"* ]]
	run -2 "$camwarden" export --as xml "$trace"
	[[ $output == *"jsonl, csv, ocsf or ecs, not xml"* ]]
	run -2 "$camwarden" export --as csv
}
