# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the parts of scripts/bench share. Sourced by tests/bench/*.sh; works below the checkout, in
# a guest of scripts/vm, too.
#
#   bench_build PROGRAM…   build/bench/PROGRAM; dies if it cannot be made
#   bench_say MESSAGE      progress, on stderr: stdout is for the result
#   bench_start FILE [ARGUMENT…]  camwarden run in the background with its events in FILE (JSON);
#                          returns when it says that it is watching; sets AGENT
#   bench_tree DIR         a copy of what bench_load reads, as DIR and DIR/include
#   bench_load TOP INCLUDE  realistic work: tar, find, and a compiler on a copy of this tree and on
#                          headers: many opens of many files
#   bench_load_cpu TOP INCLUDE  prints the ns of processor time that it takes
#   bench_stop             ends it and waits; sets GAPS to the events that it counted as lost

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

TOP=$(cw_top)
BUILD=${BUILD:-$TOP/build}
CAMWARDEN=${CAMWARDEN:-$BUILD/camwarden}
AGENT=
AGENT_EVENTS=

# bench_rung_options ARGUMENT…: sets rung and, where a part has it, seconds.
# shellcheck disable=SC2034 # for the parts
bench_rung_options() {
	while (($#)); do
		case $1 in
		-h | --help) cw_usage "$0"; exit 0 ;;
		--rung) cw_need_value "$1" $#; rung=$2; shift ;;
		--seconds) cw_need_value "$1" $#; cw_need_number "$1" "$2"; seconds=$2; shift ;;
		*) cw_usage_error "unknown argument $1" ;;
		esac
		shift
	done
}

bench_say() {
	printf '  %s\n' "$*" >&2
}

bench_build() {
	local program

	[[ -x $CAMWARDEN ]] || cw_die "no $CAMWARDEN; run: make"
	for program; do
		make -s -C "$TOP" "build/bench/$program" >&2 || cw_die "cannot build $program"
	done
}

bench_tree() {
	mkdir -p "$1"
	cp -r "$TOP"/{bpf,userspace,tests,docs} "$1"
	cp -r /usr/include/linux "$1/include"
}

bench_load() {
	tar cf - -C "$1" bpf userspace tests docs | cat >/dev/null
	find "$1/userspace" "$1/tests" "$2" -type f -newer /nonexistent 2>/dev/null || true
	find "$2" -name '*.h' -size +1k -exec head -c 1 {} + >/dev/null
	for _ in 1 2 3; do
		gcc -c -O0 -D_GNU_SOURCE -I"$1/userspace" -I"$1/bpf" -o /dev/null "$1/userspace/base/buf.c"
	done
}

# What the processes of the load run, in a kernel that accounts by the clock, which counts
# instructions in a guest of scripts/vm --icount. The least of four; the first brings the files into
# memory.
bench_load_cpu() {
	local TIMEFORMAT='%3U %3S' user system least='' spent

	for _ in 1 2 3 4; do
		read -r user system < <({ time bench_load "$@" >/dev/null 2>&1; } 2>&1)
		spent=$(((10#${user/./} + 10#${system/./}) * 1000000))
		[[ -n $least ]] && ((spent >= least)) || least=$spent
	done
	printf '%s\n' "$least"
}

# A guest under instruction counting is slow; nothing else bounds this.
bench_start() {
	local events=$1

	shift
	: >"$events"
	AGENT_EVENTS=$events
	"$CAMWARDEN" run --format json "$@" >>"$events" 2>"$events.log" </dev/null &
	AGENT=$!
	grep -q -m 1 '^camwarden: watching' < <(timeout "${BENCH_START_LIMIT:-120}" \
		tail -n +1 -F -s 0.1 --pid="$AGENT" "$events.log" 2>/dev/null) || {
		cat "$events.log" >&2
		cw_die "camwarden is not watching"
	}
}

bench_stop() {
	[[ -n $AGENT ]] || return 0
	kill "$AGENT" 2>/dev/null || true
	wait "$AGENT" || true
	AGENT=
	# shellcheck disable=SC2034 # for the parts
	GAPS=$(jq -s 'map(select(.kind == "gap") | .detail.lost) | add // 0' "$AGENT_EVENTS")
}

# bench_policy DIR: DIR/rec and DIR/other are watched; build/bench/access may open what is in the
# first, nobody what is in the second. Writes DIR/policy.yaml.
bench_policy() {
	mkdir -p "$1/rec" "$1/other"
	echo picture >"$1/rec/file"
	echo picture >"$1/other/file"
	chmod 755 "$1"
	cat >"$1/policy.yaml" <<-END
	version: 1
	assets:
	  rec:   {kind: recordings, path: $1/rec}
	  other: {kind: recordings, path: $1/other}
	grants:
	  - {name: bench, allow: [open], on: rec, to: {exe: $BUILD/bench/access}}
	END
}

# bench_auditd DIRECTORY: auditd with one watch; sets AUDIT_LOG; 1: it cannot run, AUDIT_WHY.
AUDITD=
AUDIT_WHY=
export AUDIT_WHY
bench_auditd() {
	AUDIT_WHY=
	AUDIT_DIR=$(mktemp -d)
	AUDIT_LOG=$AUDIT_DIR/audit.log
	cat >"$AUDIT_DIR/auditd.conf" <<-END
	log_file = $AUDIT_LOG
	log_format = RAW
	flush = NONE
	write_logs = yes
	max_log_file = 2000
	max_log_file_action = IGNORE
	space_left = 75
	admin_space_left = 50
	END
	chmod 640 "$AUDIT_DIR/auditd.conf"
	auditd -n -c "$AUDIT_DIR" >"$AUDIT_DIR/messages" 2>&1 &
	AUDITD=$!
	if ! auditctl -D >/dev/null 2>"$AUDIT_DIR/why" || ! auditctl -b 65536 >/dev/null ||
		! auditctl -w "$1" -p rwa -k bench >/dev/null 2>>"$AUDIT_DIR/why" ||
		! kill -0 "$AUDITD"; then
		AUDIT_WHY=$(cat "$AUDIT_DIR/why" "$AUDIT_DIR/messages" | head -n 2 | paste -sd ' ')
		bench_auditd_end
		return 1
	fi
}

bench_auditd_end() {
	[[ -n $AUDITD ]] || return 0
	auditctl -D >/dev/null 2>&1 || true
	kill "$AUDITD" 2>/dev/null || true
	wait "$AUDITD" 2>/dev/null || true
	auditctl -e 0 >/dev/null 2>&1 || true
	rm -rf "$AUDIT_DIR"
	AUDITD=
}
