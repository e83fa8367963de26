#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal: whatever names stand in a trace, export, learn and diff write what their readers take for
# text and nothing else. Needs no root.

bats_require_minimum_version 1.5.0

# As JSON strings; \udcXX is a byte that is not UTF-8.
NAMES=('"=cmd|calc"' '"@SUM(1)"' '"+1"' '"-1"' '"\\t=1"' '"\\u001b[2J\\u001b]0;x\\u0007"' '"a\\nb: c\\n- d"'
	'"a\\rb"' '"<script>alert(1)</script>"' '"\\u202Egnp.exe"' '"\\udcff\\udc80"' '"\"quoted\", b"'
	'"back\\\\slash"' '"null"' '"~"' '"{a: b}"' '"# no"' '"*"' '"&a"' '"!!int 1"' '"\\u0085\\u2028"'
	'"\\u009b31m"' '"\\ufeff"' '"a  b "')

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	camwarden=${CAMWARDEN:-$top/build/camwarden}
	schema=$top/tests/schema
	cd "$BATS_TEST_TMPDIR" || return 1
	command -v python3 >/dev/null || skip "python3 is not installed"
	for name in "${NAMES[@]}"; do
		events "$name"
	done | python3 "$top/tests/golden/write-trace.py" hostile.cw
	printf 'version: 1\nassets: {c: {kind: camera}}\n' >none.yaml
}

# Two events with that name (JSON) in all places that have one.
events() {
	local name=$1

	printf '{"kind": "open", "asset": {"name": %s, "kind": "recordings", "path": "/srv/x", ' "$name"
	printf '"root": "/srv", "access": ["read"]}, "process": {"pid": 7, "exe": "/usr/bin/x", '
	printf '"comm": %s, "argv": ["x", %s], "uid": 1, "user": %s, "unit": "x.service", ' \
		"$name" "$name" "$name"
	printf '"ancestors": [{"pid": 1, "exe": %s}]}, "origin": {"type": "service"}, ' "$name"
	printf '"detail": {"note": %s}}\n' "$name"
	printf '{"kind": "rename", "asset": {"name": %s, "kind": "recordings", "path": %s, ' "$name" "$name"
	printf '"root": %s, "access": []}, "process": {"pid": 7, "exe": %s, "comm": %s, "uid": 1, ' \
		"$name" "$name" "$name"
	printf '"user": %s, "unit": %s, "cgroup": %s, "container": %s}, "origin": {"type": "login", ' \
		"$name" "$name" "$name" "$name"
	printf '"login_uid": 2, "login_user": %s, "session": 3, "tty": %s, "via": %s}, ' \
		"$name" "$name" "$name"
	printf '"detail": {"to": %s}}\n' "$name"
}

# Fails if a control character but the ends of lines, or a byte that is not UTF-8, is in the file.
is_harmless() {
	python3 - "$1" <<-'END'
		import sys, unicodedata
		text = open(sys.argv[1], encoding="utf-8", newline="").read()
		bad = [c for c in text if unicodedata.category(c) == "Cc" and c not in "\r\n"]
		bad += [c for c in text if 0x202a <= ord(c) <= 0x202e or ord(c) in (0x2028, 0x2029)]
		sys.exit(repr(bad[:9]) if bad else 0)
	END
}

@test "export" {
	for form in jsonl csv ocsf ecs; do
		"$camwarden" export --as $form --policy none.yaml hostile.cw >out.$form
		is_harmless out.$form
	done
	n=$((2 * ${#NAMES[@]}))
	[ "$(jq -s length out.jsonl)" = "$n" ]
	[ "$(jq -s length out.ecs)" = "$n" ]
	[ "$(jq -s length out.ocsf)" = $((2 * n)) ]
	run -0 jq -r --slurpfile schema "$schema/ocsf.json" -f "$schema/ocsf.jq" out.ocsf
	[ "$output" = "" ]
	run -0 jq -r --slurpfile schema "$schema/ecs.json" -f "$schema/ecs.jq" out.ecs
	[ "$output" = "" ]
	python3 - "$n" <<-'END'
		import csv, sys
		rows = list(csv.reader(open("out.csv", newline="", encoding="utf-8"), strict=True))
		assert len(rows) == int(sys.argv[1]) + 1
		result = rows[0].index("result")
		for row in rows:
		    assert len(row) == len(rows[0])
		    for i, cell in enumerate(row):
		        assert cell[:1] not in ("=", "+", "-", "@") or i == result, cell
	END
}

@test "learn: what services did is granted, whatever they are called" {
	"$camwarden" learn hostile.cw >learned.yaml
	is_harmless learned.yaml
	run -0 "$camwarden" check learned.yaml
	"$camwarden" replay --policy learned.yaml --format json hostile.cw |
		jq -c 'select(.verdict.decision == "flag") | .origin.type' | sort -u >flagged
	[ "$(cat flagged)" = '"login"' ]
	python3 -c 'import yaml' 2>/dev/null || skip "python3-yaml is not installed"
	python3 -c 'import yaml; p = yaml.safe_load(open("learned.yaml"))
assert p["version"] == 1 and all(isinstance(g["name"], str) for g in p["grants"])
assert all(isinstance(x, str) for g in p["grants"] for x in g["to"].values())'
}

@test "diff" {
	"$camwarden" learn hostile.cw >learned.yaml
	for format in text json; do
		run -1 "$camwarden" diff --format $format --all --policy none.yaml \
			--policy learned.yaml hostile.cw
		printf '%s\n' "$output" >out
		is_harmless out
	done
	jq -s -e 'map(select(.summary)) | .[0].summary.flag_to_allow > 0' out
}

@test "tampering, gaps and refusals stay flagged by what is learned" {
	{
		events '"x"' | head -1
		events '"x"' | head -1 | jq -c '.kind = "denied" | .result = -13 | .process.exe = "/usr/bin/y"'
		events '"x"' | head -1 | jq -c '.kind = "open" | .asset.kind = "self"'
		printf '{"kind": "%s", "detail": {"lost": 1, "class": "files"}}\n' gap
		printf '{"kind": "tamper", "detail": {"what": "x"}}\n{"kind": "canary", "detail": {"ok": false}}\n'
	} | python3 "$top/tests/golden/write-trace.py" mixed.cw
	"$camwarden" learn mixed.cw >learned.yaml
	[ "$(grep -c -- '- name' learned.yaml)" = 1 ]
	run -1 grep /usr/bin/y learned.yaml
	grep -q '# 1 attempts were refused' learned.yaml
	[ "$("$camwarden" replay --policy learned.yaml --format json mixed.cw |
		jq -r 'select(.verdict.decision == "flag") | .kind' | xargs)" = "denied open gap tamper canary" ]
}
