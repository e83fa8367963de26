#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: on the LSM rung everything that is done to the agent is told with who did it,
# before it takes effect, and a hardened agent refuses it to all but process 1.
#
# vm: --vivid none --no-sound
# limit: 300
# paired

# shellcheck disable=SC2016 # jq's own variables
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/e2e/lib.bash
. tests/e2e/lib.bash
ATTACKS=$(dirname "$CAMWARDEN")/attacks

RECORDINGS=/run/recordings
# Twice started, on a machine that others share.
CASES=(self-stop self-tgkill self-pidfd self-sigio self-attach self-memory self-getfd self-limit
	self-map self-map-write self-link self-policy self-trace self-replace)
# What the event of a case has to say.
declare -A WHAT=(
	[self-stop]='.detail.what == "signal" and .detail.signal == "STOP"'
	[self-tgkill]='.detail.what == "signal" and .detail.signal == "TSTP"'
	[self-pidfd]='.detail.what == "signal" and .detail.signal == "TSTP"'
	[self-sigio]='.detail.what == "signal" and .detail.signal == "TSTP"'
	[self-attach]='.detail.what == "ptrace"' [self-memory]='.detail.what == "ptrace"'
	[self-getfd]='.detail.what == "ptrace"' [self-limit]='.detail.what == "limit"'
	[self-map]='.detail.what == "bpf map"' [self-map-write]='.detail.what == "bpf map"'
	[self-link]='.detail.what == "bpf link"'
	[self-policy]='.detail.what == "policy" and .detail.how == "opened for writing"'
	[self-trace]='.detail.what == "trace" and .detail.how == "opened for writing"'
	[self-replace]='.detail.what == "policy" and .detail.how == "replaced"'
	[foreign-bpf]='.detail.what == "foreign bpf program" and .detail.name == "foreign"'
)

# run_case NAME: RESULT is its line, PID_OF who did it.
run_case() {
	RESULT=$("$ATTACKS" --agent "$CW_PID" "$1") || fail "$1: $RESULT"
	PID_OF=$(jq .pid <<<"$RESULT")
}

# told RESULT: all cases, each joined with the events of its process. Prints what is not as it has
# to be.
told() {
	local name list='' end

	for name in "${CASES[@]}"; do
		list+="${list:+, }{\"$name\": (${WHAT[$name]})}"
	done
	"$ATTACKS" --agent "$CW_PID" "${CASES[@]}" >/run/cases || cat /run/cases
	# The last of them comes last.
	end=$(jq -s 'last | .pid' /run/cases)
	wait_event ".process.pid == $end and .kind == \"tamper\"" 30 >/dev/null
	jq -n -c --argjson result "$1" --slurpfile cases /run/cases "
		[inputs | select(.kind == \"tamper\" and .process != null)] as \$events |
		\$cases[] | . as \$c |
		[\$events[] | select(.process.pid == \$c.pid and .result == \$result and
			.asset.kind == \"self\" and .verdict.class == \"tamper\" and .probe == \"lsm\" and
			(.process.exe | endswith(\"/attacks\")) and .origin.type == \"service\") |
			([$list] | add)[\$c.case]] as \$good |
		select(any(\$good[]; .) | not) | {untold: .case, said: \$c}" "$CW_EVENTS"
}

seen() {
	local wrong

	wrong=$(told 0)
	[[ -z $wrong ]] || fail "$wrong"
	# The map of marks is frozen: nobody writes it.
	wrong=$(jq -c 'select(if .case == "self-map-write" then .denied else .reached end | not)' /run/cases)
	[[ -z $wrong ]] || fail "$wrong"
}

foreign() {
	run_case foreign-bpf
	wait_event ".kind == \"tamper\" and .process.pid == $PID_OF and ${WHAT[foreign-bpf]}" >/dev/null
	modprobe dummy
	holds "$(wait_event '.kind == "tamper" and .detail.name == "dummy"')" \
		'.detail.what == "kernel module"' '.process.comm == "modprobe"' '.verdict.rule == "everyday"'
}

# By another node, and by another mount of the same: the name does not matter.
all_memory() {
	local node=/run/other-mem

	mknod "$node" c 1 1
	mkdir /run/other-proc
	mount -t proc none /run/other-proc
	bash -c "exec 5</dev/port; exec 6<$node; exec 7<$node; exec 8</run/other-proc/kcore"
	holds "$(wait_event '.detail.what == "kernel memory" and .detail.name == "/proc/kcore"')" \
		'.process.comm == "bash"' '.asset.kind == "self"' '.verdict.severity == "high"'
	holds "$(events '.detail.what == "kernel memory" and .process.comm == "bash"' | head -n 1)" \
		'.detail.name == "/dev/mem"' '.verdict.rule == "everyday"'
	[[ $(count_events '.detail.what == "kernel memory" and .process.comm == "bash"') == 2 ]]
	umount /run/other-proc
	rm "$node"
}

# The kernel refuses the first on some versions (5.10, 7.3): then it has no effect, and is told.
blinded() {
	local old debug=/run/other-debug

	old=$(</proc/sys/kernel/ftrace_enabled)
	mark_events
	bash -c "echo $old >/proc/sys/kernel/ftrace_enabled"
	holds "$(wait_event '.detail.what == "kernel tracing" and .detail.name == "ftrace_enabled"')" \
		'.process.comm == "bash"' '.verdict.severity == "critical"'
	mkdir "$debug"
	mount -t debugfs none "$debug"
	bash -c "echo 1 >$debug/kprobes/enabled"
	holds "$(wait_event '.detail.what == "kernel tracing" and .detail.name == "kprobes"')" \
		'.process.comm == "bash"'
	umount "$debug"
	cat /proc/sys/kernel/ftrace_enabled >/dev/null
	bash -c 'echo 1000 >/proc/self/loginuid; echo 1001 >/proc/self/loginuid'
	holds "$(wait_event '.detail.what == "login uid"')" '.detail.from == 1000' \
		'.origin.login_uid == 1000' '.verdict.severity == "critical"'
	modprobe loop
	truncate -s 16M /run/frozen
	mkfs.ext4 -q /run/frozen
	mkdir /run/other-disk
	mount -o loop /run/frozen /run/other-disk
	fsfreeze -f /run/other-disk
	fsfreeze -u /run/other-disk
	holds "$(wait_event '.detail.what == "frozen file system"')" '.process.comm == "fsfreeze"' \
		'.detail.name | startswith("loop")' '.verdict.rule == "everyday"'
	umount /run/other-disk
	[[ $(count_events '.detail.what == "kernel tracing"') == 2 ]]
	[[ $(count_events '.detail.what == "login uid"') == 1 ]]
}

clock() {
	local first

	first=$(jq -n 'last(inputs | .boot_ns)' "$CW_EVENTS")
	run_case clock-back
	holds "$(wait_event ".detail.what == \"wall clock\" and .process.pid == $PID_OF")" \
		'.detail.seconds < -3599 and .detail.seconds > -3601' '.probe == "lsm"'
	holds "$(wait_event '.detail.what == "wall clock jumped"')" '.process == null' \
		'.detail.from > .detail.to' '.detail.seconds < -3599' '.verdict.severity == "high"' \
		".boot_ns > $first"
	date -s "@$(($(date +%s) + 3600))" >/dev/null
	holds "$(wait_event '.detail.what == "wall clock jumped" and .detail.seconds > 3500')" \
		'.verdict.decision == "allow"'
}

freeze() {
	local group=/sys/fs/cgroup/cwtest

	mkdir -p /sys/fs/cgroup
	mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup ||
		skip_scenario "this kernel has no control groups of version 2"
	mkdir -p "$group"
	echo "$CW_PID" >"$group/cgroup.procs"
	echo 1 >"$group/cgroup.freeze"
	echo picture >"$RECORDINGS/clip"
	read -r -t 2 <> <(:) || true # how long it is frozen
	echo 0 >"$group/cgroup.freeze"
	holds "$(wait_event '.detail.what == "freeze"')" '.process.comm == "bash" or .process.comm == "vm-self.sh"'
	holds "$(wait_event '.kind == "gap" and .detail.class == "stopped"')" '.detail.from < .detail.to' \
		'.detail.lost == 0'
	wait_event '.kind == "open" and (.asset.path | endswith("/clip"))' >/dev/null
	echo "$CW_PID" >/sys/fs/cgroup/cgroup.procs
}

killed() {
	local last

	run_case self-kill
	wait "$CW_PID" 2>/dev/null || true
	# By the one that it ended, before it ended.
	last=$(jq -c "select(.kind == \"tamper\" and .process.pid == $PID_OF)" "$CW_EVENTS")
	holds "$last" '.detail.signal == "KILL"' '.result == 0' '.probe == "lsm"'
	[[ $(count_events '.kind == "stop"') == 0 ]]
	"$CAMWARDEN" replay --format json --all /run/hub.trace 2>/run/replay.log >/run/replayed ||
		cat /run/replay.log
	jq -e -n "[inputs | select(.kind == \"tamper\" and .process.pid == $PID_OF and
			.detail.signal == \"KILL\")] | length == 1" /run/replayed >/dev/null || {
		tail -n 2 /run/replayed
		fail "the trace lacks it"
	}
}

again() {
	holds "$(wait_event '.kind == "gap" and .detail.class == "agent"')" \
		'.detail.ended == "without a stop"' '.detail.from < .detail.to'
	CW_MARK=0
	[[ $(count_events '.kind == "start" and .detail.hardened == true') == 1 ]]
}

refused() {
	local wrong

	wrong=$(told -1)
	[[ -z $wrong ]] || fail "$wrong"
	# Of a signal that the kernel sends for somebody nobody is told whether it came.
	wrong=$(jq -c 'select(if .case == "self-sigio" then .reached else .denied end | not)' /run/cases)
	[[ -z $wrong ]] || fail "$wrong"
	run_case self-kill
	[[ $(jq -r '.denied' <<<"$RESULT") == true ]] || fail "$RESULT"
	[[ -e /proc/$CW_PID ]] || fail "it is gone"
	if kill -TERM "$CW_PID" 2>/dev/null; then
		fail "its parent can end it"
	fi
	kill -HUP "$CW_PID"
	wait_event '.kind == "policy" and .detail.ok == true' >/dev/null
	# Others are nobody's business.
	bash -c 'kill -TERM $$; exit 1' || [[ $? == 143 ]]
}

ended_by_init() {
	[[ $(count_events '.kind == "stop"') == 0 ]]
	read -r -t 0.2 <> <(:) || true
	grep -q "^State:.[SR]" "/proc/$CW_PID/status"
}

mkdir -p "$RECORDINGS"
cat >/run/policy.yaml <<END
version: 1
assets:
  footage: {kind: recordings, path: $RECORDINGS}
END
export STATE_DIRECTORY=/run/state
start_agent() {
	local arguments=(run --all --format json --quiet --policy /run/policy.yaml --trace /run/hub.trace
		--keys /run/keys --output "$CW_EVENTS" "$@")

	CW_COMMAND="${arguments[*]}" CW_MARK=0
	"$CAMWARDEN" "${arguments[@]}" 2>>"$CW_LOG" </dev/null &
	CW_PID=$!
	wait_event '.kind == "canary" and .detail.ok == true' "$CW_START_LIMIT" >/dev/null ||
		echo "# goes on, to show what fails"
}
CW_LOG=/run/log
CW_EVENTS=/run/events.json
: >"$CW_EVENTS"
start_agent
scenario "all that is done to the agent is told, before it takes effect" seen
scenario "a foreign BPF program, and a kernel module" foreign
scenario "all memory is opened: by whom" all_memory
scenario "what would blind it, or hide who does it: by whom" blinded
scenario "the wall clock set back: by whom, and how far it jumped" clock
scenario "frozen by its control group: by whom, and the gap" freeze
scenario "SIGKILL: told by the agent that it ends, also in the trace" killed
CW_EVENTS=/run/events-2.json
: >"$CW_EVENTS"
start_agent --harden
scenario "started again: since when nothing was watched" again
scenario "hardened: the same is refused, and told" refused
scenario "hardened: it runs on" ended_by_init
scenarios_done
