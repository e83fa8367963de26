#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# camwarden report: what the page says, that it is well formed, and how a real browser shows it. The
# page of hostile events is made by tests/unit/test_report.c, which tells what must not be in it.

bats_require_minimum_version 1.5.0

CHROMIUM=(chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run
	--disable-background-networking --disable-component-update --disable-sync
	--hide-scrollbars)

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	camwarden=${CAMWARDEN:-$top/build/camwarden}
	golden=$top/tests/golden
	trace=$golden/trace-1.cw
	cd "$BATS_TEST_TMPDIR" || return 1
}

well_formed() {
	xmllint --noout "$1"
}

# The page as text, on one line.
words() {
	sed '/<style>/,/<\/style>/d; s/<[^>]*>//g' "$1" | tr '\n' ' '
}

need_chromium() {
	command -v chromium >/dev/null || skip "chromium is not installed (scripts/deps test)"
}

# browser ARGUMENT… URL: its messages go to browser.log, what it says if it fails to the test.
browser() {
	timeout 120 "${CHROMIUM[@]}" --user-data-dir="$BATS_TEST_TMPDIR/profile" \
		--enable-logging=stderr --log-net-log="$BATS_TEST_TMPDIR/net.json" "$@" \
		2>browser.log || {
		echo "chromium failed with $?:" >&2
		tail -n 20 browser.log >&2
		return 1
	}
}

# Width and height of a PNG (RFC 2083: big-endian, at byte 16).
png_size() {
	od -An -tu1 -j16 -N8 "$1" | {
		read -r _ _ a b _ _ c d
		echo "$((a * 256 + b))x$((c * 256 + d))"
	}
}

# The hostile page of the unit test.
hostile_page() {
	[[ -x $top/build/unit/test_report ]] || make -s -C "$top" build/unit/test_report
	CW_REPORT_PAGE=$PWD/hostile.html "$top/build/unit/test_report" >unit.log 2>&1 || {
		cat unit.log
		return 1
	}
}

@test "every section, in its order, and it is well-formed" {
	run -1 --separate-stderr "$camwarden" report --key "$golden/trace-1.pub" -o page.html "$trace"
	[ -z "$stderr" ] && [ -z "$output" ]
	well_formed page.html
	[ "$(grep -o '<h2 id="[a-z]*"' page.html | cut -d '"' -f 2 | tr '\n' ' ')" = \
		"proof people flags timeline handovers changes blind events reading " ]
	grep -q "default-src 'none'; style-src 'unsafe-inline'; img-src data:" page.html
	[ "$(grep -c -iE '<script|<link|<iframe|javascript:|src=|url\(http' page.html)" = 0 ]
}

@test "the head answers: how many, by whom, the worst, and what is proven" {
	"$camwarden" report --key "$golden/trace-1.pub" -o page.html "$trace" || [ $? = 1 ]
	text=$(words page.html)
	flags=$(jq -s 'map(select(.verdict.decision == "flag")) | length' "$golden/trace-1.json")
	[[ $text == *"Who was at the cameras of hub-1"* ]]
	[[ $text == *"$flags events are flagged"*"of 45 in all: by bob ("* ]]
	[[ $text == *"The worst that was done is high: bob from 203.0.113.7, open at footage"* ]]
	[[ $text == *"Evidence verified. The trace is as the hub of the given key recorded it:"* ]]
	[[ $text == *"3 events were lost in 1 gap"* ]]
	[[ $text == *"$(sha256sum <"$trace" | cut -c1-64)"* ]]
	[[ $text == *"3881f880-af78-4449-a4d7-7c2275d36c13"* ]]
}

@test "people, why, evidence, gaps, coverage" {
	"$camwarden" report -o page.html "$trace" || [ $? = 1 ]
	text=$(words page.html)
	[[ $text == *"aliceremote: 192.0.2.10; session 1"* && $text == *"bobremote: 203.0.113.7"* ]]
	[[ $text == *"By which hub is not proven: no key was given"* ]]
	[[ $text == *"nearest grant &#39;motion records&#39;: executable /usr/bin/cat is not"* ]]
	[[ $text == *"baa5a0964d3320fbc0c6a922140453c8513ea24ab8fd0577034804a967248096"* ]]
	[[ $text == *"bash["*"] &gt; cat["* ]]
	[[ $text == *"opens13"* ]] # class, gaps, events lost
	[[ $text == *"openlsm (lsm/file_open)nothing that is known"* ]]
}

@test "each event is listed once, or in a sum" {
	"$camwarden" report -o page.html "$trace" || [ $? = 1 ]
	[[ $(words page.html) == *"45 events in all: 45 listed one by one, 0 summed up in 0 rows."* ]]
	sed -n '/id="events"/,$p' page.html | grep -o 'data-l="Event"><span class="n">[0-9]*' |
		sed 's/.*>//' >listed
	jq .seq "$golden/trace-1.json" | diff - listed
}

@test "a trace that was changed says so on top, with the place" {
	cp "$trace" broken.cw
	printf 'X' | dd of=broken.cw bs=1 seek=1500 conv=notrunc status=none
	"$camwarden" report -o page.html broken.cw || [ $? = 1 ]
	well_formed page.html
	head=$(sed '/<\/header>/q' page.html | words /dev/stdin)
	[[ $head == *"Evidence not proven. 0 of 1 trace is whole"* ]]
	[[ $(words page.html) =~ "Broken at block "[0-9]+", byte "[0-9,]+ ]]
	"$camwarden" verify broken.cw >verified || [ $? = 1 ]
	[ "$(grep -c '>Broken at ' <(sed 's/<li>/\n>/g' page.html))" = "$(grep -c BROKEN verified)" ]
}

@test "the wrong key, a cut trace" {
	run -1 "$camwarden" report --key "$(printf '%064d' 1)" -o page.html "$trace"
	[[ $(words page.html) == *"Not of the hub whose key was given"* ]]
	head -c 1200 "$trace" >cut.cw
	run "$camwarden" report -o page.html cut.cw
	[[ $(words page.html) == *"Not proven."*"Not ended in order"* ]]
}

@test "several traces, a policy, a range, a title" {
	cp "$golden/trace-1.1.cw" second.cw
	printf 'version: 1\nassets: {c: {kind: camera}}\n' >none.yaml
	run -1 "$camwarden" report --policy none.yaml --title 'Case <7>' -o page.html "$trace" second.cw
	well_formed page.html
	text=$(words page.html)
	[[ $text == *"Case &lt;7&gt;"*"none.yaml (given for this report)"* ]]
	[[ $text == *"Trace 2: second.cw"* && $text == *"2/13"* ]]
	since=$(jq -r 'select(.seq == 20) | .time' "$golden/trace-1.json")
	until=$(jq -r 'select(.seq == 30) | .time' "$golden/trace-1.json")
	"$camwarden" report --since "$since" --until "$until" -o page.html "$trace"
	[[ $(words page.html) == *"Nothing flagged. 10 events were judged"*"what is outside is not in"* ]]
}

@test "the same traces give the same page, to a file or printed" {
	"$camwarden" report -o a.html "$trace" || [ $? = 1 ]
	"$camwarden" report "$trace" >b.html || [ $? = 1 ]
	cmp a.html b.html
}

@test "standard input: a file, from where it stands, and a pipe" {
	"$camwarden" report - <"$trace" >a.html || [ $? = 1 ]
	sed "s|$trace|-|g; s|${trace##*/}|-|g" <("$camwarden" report "$trace") | cmp - a.html
	# shellcheck disable=SC2002 # a pipe it must be
	cat "$trace" | "$camwarden" report -o b.html - || [ $? = 1 ]
	cmp a.html b.html
	{ printf 'skip me'; cat "$trace"; } >later
	{ head -c 7 >/dev/null; "$camwarden" report -o c.html -; } < <(cat later) || [ $? = 1 ]
	cmp a.html c.html
	exec 4<later
	dd bs=1 count=7 <&4 of=/dev/null status=none
	"$camwarden" report -o - - <&4 >d.html || [ $? = 1 ]
	cmp a.html d.html
	[ ! -e - ]
	run -2 "$camwarden" report - - <"$trace"
}

@test "standard input that cannot be kept says why, and what is no trace is not kept at all" {
	export TMPDIR=$PWD/missing
	run -3 "$camwarden" report - < <(cat "$trace")
	[[ $output == *"$TMPDIR: standard input is read more than once"*"No such file"*TMPDIR* ]]
	TMPDIR=$PWD
	run -3 timeout 20 "$camwarden" report - < <(cat /dev/zero)
	[ "$output" = "camwarden report: -: this is no trace, or its first 256 bytes are damaged" ]
	((EUID == 0)) || skip "needs root for a small file system"
	mkdir small
	mount -t tmpfs -o size=256k none small || skip "cannot mount a tmpfs"
	TMPDIR=$PWD/small
	run timeout 20 "$camwarden" report - < <(cat "$trace" /dev/zero)
	umount small
	[ "$status" = 3 ]
	[[ $output == *"No space left on device after "[0-9]*" bytes; TMPDIR names another directory"* ]]
}

@test "a trace is not written over, by whatever name; what is wrong is said" {
	cp "$trace" t.cw
	ln t.cw other.html
	run -2 "$camwarden" report -o other.html t.cw
	[[ $output == *"this is what is read; nothing was written"* ]]
	cmp t.cw "$trace"
	run -2 "$camwarden" report
	run -2 "$camwarden" report --max-size 1G "$trace"
	run -3 "$camwarden" report missing.cw
	run -3 "$camwarden" report -o /dev/full "$trace"
	run -3 "$camwarden" report -o missing/page.html "$trace"
}

@test "hostile names stay text: well-formed, and no event leaves its place" {
	hostile_page
	well_formed hostile.html
	[ "$(xmllint --html --xpath 'count(//script)' hostile.html 2>/dev/null)" = 0 ]
}

# bats test_tags=browser
@test "browser: pictures at two widths, and in print" {
	need_chromium
	"$camwarden" report -o page.html "$trace" || [ $? = 1 ]
	for width in 390 1280; do
		browser --window-size=$width,2000 --screenshot="$PWD/$width.png" "file://$PWD/page.html"
		[ "$(png_size $width.png)" = "${width}x2000" ]
		(($(stat -c %s $width.png) > 40000)) # not blank
	done
	browser --no-pdf-header-footer --print-to-pdf="$PWD/page.pdf" "file://$PWD/page.html"
	[ "$(head -c 5 page.pdf)" = "%PDF-" ]
	(($(stat -c %s page.pdf) > 40000))
}

# A page in frames of several widths; what is folded is opened. Frames have the layout of a screen
# of that width, which no window of the browser may have.
frames() {
	local page width

	page=$(sed 's/&/\&amp;/g; s/"/\&quot;/g' "$1")
	echo '<!DOCTYPE html><pre id="out"></pre>'
	for width in 320 390 768 1280; do
		printf '<iframe width="%s" height="600" style="border:0" srcdoc="%s"></iframe>\n' \
			"$width" "$page"
	done
	cat <<-'END'
		<script>
		addEventListener("load", () => {
			for (const f of document.querySelectorAll("iframe")) {
				const d = f.contentDocument, e = d.documentElement;
				for (const x of d.querySelectorAll("details"))
					x.open = true;
				const wide = [...d.querySelectorAll("body *")].filter(x =>
					x.getBoundingClientRect().right > f.clientWidth + 1);
				document.getElementById("out").textContent +=
					`width ${f.width}: ${e.scrollWidth <= f.clientWidth ? "fits" :
					"is " + e.scrollWidth + " wide"} ${wide.filter(x =>
					!x.closest("svg")).length} scripts ${d.scripts.length}\n`;
			}
		});
		</script>
	END
}

fits_everywhere() {
	frames "$1" >frames.html
	browser --dump-dom "file://$PWD/frames.html" >dom.html
	sed -n '/<pre id="out">/,/<\/pre>/p' dom.html | sed 's/<[^>]*>//g' | grep . >fits
	diff fits - <<-'END'
		width 320: fits 0 scripts 0
		width 390: fits 0 scripts 0
		width 768: fits 0 scripts 0
		width 1280: fits 0 scripts 0
	END
}

# bats test_tags=browser
@test "browser: nothing is wider than the screen, from 320 to 1280, whatever the names" {
	need_chromium
	hostile_page
	"$camwarden" report -o page.html "$trace" || [ $? = 1 ]
	fits_everywhere page.html
	fits_everywhere hostile.html
}

# bats test_tags=browser
@test "browser: no error, no message, no request" {
	need_chromium
	hostile_page
	for page in "$PWD/hostile.html" /dev/stdin; do
		[[ $page != /dev/stdin ]] || {
			page=$PWD/page.html
			"$camwarden" report -o page.html "$trace" || [ $? = 1 ]
		}
		browser --screenshot="$PWD/a.png" "file://$page"
		! grep CONSOLE browser.log
		! grep -oE '"url":"(https?|wss?|ftp):[^"]*"' net.json
	done
	# The check itself: what the page must not do is seen if it does it.
	sed 's|</main>|<img src="http://127.0.0.1:9/x" alt="" /></main>|' page.html >bad.html
	browser --screenshot="$PWD/a.png" "file://$PWD/bad.html"
	grep -q 'CONSOLE.*Content Security Policy' browser.log
}
