#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal: a trace whose checksums and chain are right and whose numbers lie, as only who writes files by
# hand makes them, is told of by verify, with the place; and no reader crashes, hangs, or takes
# memory for what it claims. Needs no root.

bats_require_minimum_version 1.5.0

setup_file() {
	command -v python3 >/dev/null || return 0
	for ((i = 0; i < 600; i++)); do
		printf '{"kind": "open", "asset": {"name": "cam", "kind": "camera", "path": "/dev/video0"}, '
		printf '"process": {"pid": %d, "exe": "/usr/bin/x", "uid": 1}}\n' $((i + 2))
	done | python3 "$BATS_TEST_DIRNAME/../golden/write-trace.py" "$BATS_FILE_TMPDIR/base.cw"
}

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	camwarden=${CAMWARDEN:-$top/build/camwarden}
	cd "$BATS_TEST_TMPDIR" || return 1
	command -v python3 >/dev/null || skip "python3 is not installed"
	cp "$BATS_FILE_TMPDIR/base.cw" .
	printf 'version: 1\nassets: {c: {kind: camera}}\n' >none.yaml
}

# lie FILE: base.cw with other headers or contents, and all checksums right. The standard input is
# Python: `blocks` are [header, content] to be changed, header(i, h) is called at last, packed{} has
# payloads by number, place is where the footer says that index and seal are.
lie() {
	python3 -c '
import hashlib, struct, sys, zlib
data, blocks, packed, at, place = open("base.cw", "rb").read(), [], {}, 256, (0, 0)
while data[at:at + 4] == b"CWB\n":
    h = bytearray(data[at:at + 128])
    size, = struct.unpack_from("<I", h, 20)
    blocks.append([h, zlib.decompress(data[at + 128:at + 128 + size])])
    at += 128 + size
def n(v):
    return bytes([v & 127 | 128]) + n(v >> 7) if v > 127 else bytes([v])
def record(kind, body):
    return n(kind) + n(len(body)) + body
def policy(text, digest=None, name=b"p\0"):
    return record(5, n(0) + n(len(name)) + name + (digest or hashlib.sha256(text).digest()) + text)
def header(i, h):
    pass
exec(sys.stdin.read())
out = data[:256]
chain = hashlib.sha256(out).digest()
for i, (h, content) in enumerate(blocks):
    h = bytearray(h)
    payload = packed.get(i) or zlib.compress(content)
    struct.pack_into("<QII", h, 8, i + 1, len(content), len(payload))
    struct.pack_into("<I", h, 60, zlib.crc32(payload))
    struct.pack_into("<32s", h, 64, chain)
    struct.pack_into("<Q", h, 112, len(out))
    header(i, h)
    struct.pack_into("<I", h, 124, zlib.crc32(bytes(h[:124])))
    out += h + payload
    chain = hashlib.sha256(h + payload).digest()
footer = b"CWEND\r\n\x1a" + struct.pack("<QQI", *place, 0)
open(sys.argv[1], "wb").write(out + footer + struct.pack("<I", zlib.crc32(footer)))' "$1"
}

# No verb ends but by itself, soon, and in 256 MiB; what it writes has no escape sequence in it.
survives() {
	local verb status memory=262144
	local verbs=("replay --all" "query --by login" report verify)

	if grep -qF __asan_init "$camwarden"; then
		# A sanitizer reserves more than any machine has. It takes its time, too, and these
		# four have all of the reader.
		memory=unlimited
	else
		verbs+=(learn "diff --policy none.yaml" "export --as csv"
			"replay --since 2026-11-24T04:37:00Z")
	fi
	for verb in "${verbs[@]}"; do
		status=0
		# shellcheck disable=SC2086 # with its options
		(
			ulimit -v "$memory"
			exec timeout 20 "$camwarden" $verb "$1"
		) >out 2>&1 || status=$?
		((status <= 3)) || { echo "$verb $1: $status"; tail -n 3 out; return 1; }
		! grep -q $'\e' out
	done
}

# told FILE TEXT: verify says so, of a block and a byte.
told() {
	survives "$1"
	run -1 "$camwarden" verify "$1"
	[[ $output =~ BROKEN\ +(block\ [0-9]+,\ )?byte\ [0-9]+.*:\ $2 ]] || {
		echo "not told: $2"
		echo "$output"
		return 1
	}
}

@test "nothing but a lie is told" {
	lie same.cw <<<""
	survives same.cw
	run -1 "$camwarden" verify same.cw # it has no seals
	[[ $output != *BROKEN* ]]
}

@test "headers that lie about number, times, events and policy" {
	local at

	for at in "56, 2**32 - 1" "56, 0"; do
		lie count.cw <<<"header = lambda i, h: struct.pack_into('<I', h, $at)"
		told count.cw "the header of this block does not tell its events"
	done
	for at in 24 32 40 48 96 104; do
		lie times.cw <<<"header = lambda i, h: struct.pack_into('<Q', h, $at, 2**63)"
		told times.cw "the header of this block does not tell its events"
	done
	lie flag.cw <<<"header = lambda i, h: struct.pack_into('<I', h, 120, 1)"
	told flag.cw "the header of this block does not tell its events"
	lie unflagged.cw <<<'blocks[0][1] = policy(b"version: 1\n") + blocks[0][1]'
	told unflagged.cw "the header of this block does not tell its events"
	# What a later version may have put there is no excuse for the next block.
	lie unknown.cw <<-'END'
		blocks[0][1] = record(99, b"later") + blocks[0][1]
		header = lambda i, h: i and struct.pack_into("<I", h, 56, 1)
	END
	told unknown.cw "the header of this block does not tell its events"
}

@test "sizes that lie, and a bomb" {
	for size in 10 2097152; do
		lie size.cw <<<"header = lambda i, h: struct.pack_into('<I', h, 16, $size)"
		told size.cw "the content of this block cannot be decompressed"
	done
	lie huge.cw <<<"header = lambda i, h: struct.pack_into('<I', h, 16, 2**32 - 1)"
	told huge.cw "the rest of the file is no block"
	lie bomb.cw <<<"packed[0] = zlib.compress(bytes(400 << 20))"
	told bomb.cw "the content of this block cannot be decompressed"
	lie zeros.cw <<<"blocks[:] = [[blocks[0][0], bytes(2 << 20)]] * 40"
	survives zeros.cw
}

@test "records that lie" {
	for record in "n(4) + n(2**63)" "n(1) + n(2) + b'ab'" "record(1, b'a\\0') * 20000" \
		"record(4, n(0) * 5 + n(2**40) + n(1) + n(0))" "record(1, b'') * 3"; do
		lie record.cw <<<"blocks[0][1] = $record + blocks[0][1]"
		told record.cw "the content of this block is malformed"
	done
}

@test "policies that lie" {
	flagged='header = lambda i, h: i or struct.pack_into("<I", h, 120, 1)'
	lie hash.cw <<<"blocks[0][1] = policy(open('none.yaml', 'rb').read(), bytes(32)) + blocks[0][1]; $flagged"
	told hash.cw "a policy is not the one that its hash names"
	run -3 "$camwarden" replay hash.cw
	[[ $output == *"not the one that its hash names"* ]]
	lie bad.cw <<<"blocks[0][1] = policy(b'\\x1b[2J: [\\n' * 99, name=b'\\x1b]0;x\\0') + blocks[0][1]; $flagged"
	survives bad.cw
	run -3 "$camwarden" replay bad.cw
	[[ $output == *"is not valid for this version"* && $output != *$'\e'* ]]
	lie many.cw <<-END
		text = b"version: 1\\nassets: {c: {kind: camera}}\\n"
		blocks[0][1] = policy(text) * 5000 + blocks[0][1]; $flagged
	END
	survives many.cw
}

@test "indexes, footers, keys and seals that lie" {
	for place in "(2**64 - 1, 256)" "(256, 256)" "(2**63, 2**63)"; do
		lie footer.cw <<<"place = $place"
		told footer.cw "the footer does not tell where index and seal are"
	done
	lie index.cw <<-'END'
		h = bytearray(blocks[0][0])
		struct.pack_into("<H", h, 6, 4)
		place = (sum(128 + len(zlib.compress(c)) for _, c in blocks) + 256, 0)
		blocks.append([h, struct.pack("<QQQQQII", 256, 0, 0, 0, 2**64 - 1, 1, 0) * 1024])
	END
	told index.cw "the index does not tell the blocks that are there"
	# An index leads nowhere twice.
	run "$camwarden" replay --all --format json --since 2026-11-24T04:36:30Z index.cw
	[ "$(grep -c '"schema"' <<<"$output")" -le 600 ]
	for what in "2, b'\\xff' * 216|this seal is forged" "2, b''|this seal is too short" \
		"3, b'\\xff' * 100|keys stand where no writer puts them"; do
		lie block.cw <<-END
			kind, content = ${what%|*}
			h = bytearray(blocks[0][0])
			struct.pack_into("<H", h, 6, kind)
			blocks.append([h, content])
		END
		told block.cw "${what#*|}"
	done
}

@test "numbers and sums at their ends stay there, and no event is left out for its time" {
	for wall in 0 1 9223372036854775807 9223372036854775808 18446744073709551615; do
		printf '{"wall": %s, "boot_ns": %s, "seq": %s}\n' "$wall" "$wall" "$wall"
	done >events
	printf '{"kind": "gap", "detail": {"lost": 18446744073709551615, "class": "x"}}\n%.0s' 1 2 >>events
	for seconds in -1.0 NaN Infinity -Infinity 1e308; do
		printf '{"kind": "stream", "asset": {"kind": "camera"}, "process": {"pid": 9, "uid": 1}, '
		printf '"detail": {"frames": 18446744073709551615, "seconds": %s}}\n' $seconds
	done >>events
	python3 "$top/tests/golden/write-trace.py" ends.cw <events
	survives ends.cw
	"$camwarden" replay --all --format json ends.cw >out
	[ "$(jq -s length out)" = 12 ]
	run -1 "$camwarden" verify ends.cw
	[[ $output == *" 18446744073709551615 events lost"* ]]
	"$camwarden" query ends.cw >out 2>messages
	grep -q " 18446744073709551615 events lost" messages
	"$camwarden" report ends.cw >page.html || [ $? = 1 ]
	grep -q "18,446,744,073,709,551,615 events were lost" page.html
}

@test "a gap that gives a path where the hash of a block should be opens nothing" {
	mkfifo never
	echo '{"kind": "gap", "detail": {"lost": 1, "class": "rotation", "last_block": "never"}}' |
		python3 "$top/tests/golden/write-trace.py" gap.cw
	survives gap.cw
}
