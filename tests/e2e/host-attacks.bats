#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Goal: of all ways to a recording that tests/attacks knows, the agent sees those that the coverage
# table does not exclude for this kernel.

load host.bash

# bats runs a test in a function: the tables have to be global.
# What the tracepoint rung cannot see, as "camwarden coverage" says. One that is seen nevertheless is
# no failure. NAME: the sentence of the table that excludes it.
declare -gA EXCLUDED=(
	[ring-direct]="open: io_uring's own descriptors"
	[ring-inherited]="use: reads by io_uring"
	[ring-polled]="open: SQPOLL rings"
	[fanotify]="open: what the kernel opens for itself"
	[overlay]="open: what the kernel opens for itself (overlayfs opens the real file)"
	[seccomp]="receive: by a seccomp supervisor"
	[aio]="use: io_submit"
	[denied-number]="denied: the object is looked up after the call; its node is gone by then"
	[link]="names: a further name that is gone again at once"
	[shared-table]="use: a table that two processes share"
	[raw-loop]="disks: a loop device that is put over one by who has it open already"
	[core]="peek: who reads a core dump"
	[proc-mem-early]="peek: /proc/PID/mem opened before there was anything to see"
)

# What a hand-over has to come out as. Without an entry: any event of the object by that process.
declare -gA KIND=(
	[link-in]=open [tree-in]=open [new-directories]=open [exchange]=open [tmpfile]=open
	[open-63]=open [open-64]=open
	[int80]=open [int80-receive]=receive [int80-map]=map [x32]=open
	[scm-rights]=receive [pidfd-getfd]=receive
	[fork-read]=use [sendfile]=use [splice]=use [copy-range]=use
	[map]=map
	[peek-heap]=peek [proc-mem]=peek [ptrace]=peek [ptrace-early]=peek [traceme]=peek
	[rename]=rename [link]=link [unlink]=unlink [truncate]=truncate [ftruncate]=truncate
	[chmod]=attr [chown]=attr [acl]=attr [denied-nobody]=denied
)

setup() {
	host_setup
	[[ -x $CW_TOP/build/attacks ]] || make -C "$CW_TOP" -s attacks
	ATTACKS=$CW_TOP/build/attacks
}

teardown() { host_teardown; }

# One line for each case: seen or not, by pid and object.
join_cases() {
	jq -rn --slurpfile events <(jq -c -R 'fromjson? | select(.process != null)' "$CW_EVENTS") '
		($events | map({key: "\(.process.pid) \(.asset.inode)", kind})
			| group_by(.key) | map({key: .[0].key, value: map(.kind)}) | from_entries)
			as $seen
		| inputs
		| [.case, (if .skipped then "skipped"
			elif (.reached or .denied | not) then "failed"
			else ([$seen["\(.pid) \(.ino)"] // [] | .[]] | unique
				| if length == 0 then "missed" else join(",") end) end)]
		| @tsv' "$1"
}

@test "every way to a recording that the coverage table does not exclude is seen" {
	"$ATTACKS" --make "$REC/clip"
	host_start
	"$ATTACKS" --all --target "$REC/clip" --dir "$REC" >"$W/cases" 2>"$W/said" || true
	none '.kind == "gap"'
	join_cases "$W/cases" >"$W/joined"
	local name result wrong=()
	while IFS=$'\t' read -r name result; do
		echo "$name: $result"
		case $result in
		skipped | failed) continue ;;
		missed) [[ -n ${EXCLUDED[$name]:-} ]] || wrong+=("$name is missed") ;;
		*) [[ -z ${KIND[$name]:-} || -n ${EXCLUDED[$name]:-} || ,$result, == *",${KIND[$name]},"* ]] ||
			wrong+=("$name is $result, not ${KIND[$name]}") ;;
		esac
	done <"$W/joined"
	# Most of them ran: else this proves nothing.
	(($(grep -cvE 'skipped|failed' "$W/joined") >= 40))
	((${#wrong[@]} == 0)) || {
		printf '%s\n' "${wrong[@]}" >&2
		return 1
	}
}
