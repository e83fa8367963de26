#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: scripts/bench instructions [--kernel VERSION] [--rung RUNG]… [--write]
#
# Instructions that an operation costs, in a guest whose clock counts them (scripts/vm --icount):
# without anything, with programs that do nothing on the hooks that the rung uses, and with
# camwarden. A count repeats to about ten instructions, whatever else the machine does.
#
#   --write   put them into docs/coverage.md, too

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh

# The hooks that each rung hangs on the measured operations (userspace/source/ladder.c).
PROCESS="raw_tp/sched_process_fork raw_tp/sched_process_exec raw_tp/sched_process_exit"
SECURITY="file_permission file_ioctl mmap_file"
PTRACE="ptrace_access_check ptrace_access_check" # that of "peek" and that of "self"
PIN=kprobe/pin_user_pages_remote # before 6.5, see bpf/memory.bpf.h

# hooks KIND PREFIX NAME…: KIND/PREFIX_NAME for each.
hooks() {
	local kind=$1 prefix=$2

	shift 2
	printf "$kind/$prefix%s " "$@"
}
# shellcheck disable=SC2086 # lists of words
declare -A HOOKS=(
	[lsm]="$(hooks fentry bpf_lsm_ file_open $SECURITY) fentry/__fput fexit/chrdev_open
		lsm/d_instantiate lsm/inode_free_security lsm/sock_graft raw_tp/inet_sock_set_state
		lsm/task_kill $(hooks lsm '' $PTRACE) $PIN $PROCESS"
	[fentry]="$(hooks fexit security_ file_open $SECURITY) fentry/__fput fexit/chrdev_open
		$(hooks fentry security_ d_instantiate inode_free sock_graft)
		$(hooks fentry security_ task_kill) $(hooks fexit security_ $PTRACE)
		$PIN raw_tp/inet_sock_set_state $PROCESS"
	[kprobe]="$(hooks kprobe security_ file_open $SECURITY d_instantiate inode_free sock_graft)
		$(hooks kprobe security_ task_kill $PTRACE) $PIN
		kprobe/__fput kprobe/chrdev_open raw_tp/inet_sock_set_state $PROCESS"
	[tracepoint]="tp_btf/sys_exit raw_tp/inet_sock_set_state $PROCESS $PROCESS"
)
RUNGS=(lsm fentry kprobe tracepoint)

kernel=6.1 rungs=() guest='' write='' operations=()

parse() {
	while (($#)); do
		case $1 in
		-h | --help) cw_usage "$0"; exit 0 ;;
		--kernel) cw_need_value "$1" $#; kernel=$2; shift ;;
		--rung) cw_need_value "$1" $#; rungs+=("$2"); shift ;;
		--write) write=yes ;;
		--guest) guest=yes ;;
		--operation) operations+=("$2"); shift ;;
		*) cw_usage_error "unknown argument $1" ;;
		esac
		shift
	done
	((${#rungs[@]})) || rungs=("${RUNGS[@]}")
}

# --- in the guest -------------------------------------------------------------------------------

# tell STATE JSON: a line for the host.
tell() {
	jq -cn --arg state "$1" --argjson cost "$2" '{state: $state, cost: $cost}'
}

# `true` with its libraries on the measured file system.
guest_root() {
	local file

	for file in /bin/true $(ldd /bin/true | grep -o '/[^ ]*'); do
		mkdir -p "/mnt/disk/root${file%/*}"
		cp -L "$file" "/mnt/disk/root$file"
	done
}

# tell_load STATE: the realistic load.
tell_load() {
	tell "$1" "{\"load\": $(bench_load_cpu /mnt/disk/tree /mnt/disk/tree/include)}"
}

guest_policy() {
	mkdir -p /mnt/disk/allowed /mnt/disk/flagged
	touch /mnt/disk/allowed/file /mnt/disk/flagged/file
	cat >/run/policy.yaml <<-END
	version: 1
	assets:
	  cameras: {kind: camera}
	  allowed: {kind: recordings, path: /mnt/disk/allowed}
	  flagged: {kind: recordings, path: /mnt/disk/flagged}
	grants:
	  - {name: bench, allow: [open], on: allowed, to: {exe: $BUILD/bench/operations}}
	END
}

guest_empty() {
	local rung=$1 ready hooks

	read -r -a hooks -d '' <<<"${HOOKS[$rung]}" || true
	coproc EMPTY { exec "$BUILD/bench/empty" "${hooks[@]}"; }
	read -r ready <&"${EMPTY[0]}"
	[[ $ready == ready ]]
	tell "empty:$rung" "$("$BUILD/bench/operations" /mnt/disk "${operations[@]}")"
	((${#operations[@]})) || tell_load "empty:$rung"
	kill "$EMPTY_PID"
	wait "$EMPTY_PID" || true
}

wake_ups() {
	awk '$1 == "voluntary_ctxt_switches:" { print $2 }' "/proc/$AGENT/status"
}

guest_agent() {
	local rung=$1

	bench_start /run/events --policy /run/policy.yaml --rung "$rung"
	tell "camwarden:$rung" "$("$BUILD/bench/operations" /mnt/disk "${operations[@]}")"
	((${#operations[@]})) || { tell_load "camwarden:$rung"; guest_watched "$rung"; }
	bench_stop
	tell "gaps:$rung" "{\"lost\": $GAPS}"
}

guest_watched() {
	local rung=$1 before after

	before=$(wake_ups)
	tell "camwarden:$rung" "$("$BUILD/bench/operations" /mnt/disk allowed)"
	after=$(wake_ups)
	tell "wakeups:$rung" "{\"allowed\": $((after - before))}"
	tell "camwarden:$rung" "$("$BUILD/bench/operations" /mnt/disk flagged)"
}

in_guest() {
	local rung

	ip link set lo up
	guest_root
	bench_tree /mnt/disk/tree
	guest_policy
	tell nothing "$("$BUILD/bench/operations" /mnt/disk "${operations[@]}")"
	((${#operations[@]})) || {
		tell_load nothing
		tell nothing "$("$BUILD/bench/operations" /mnt/disk allowed flagged)"
	}
	for rung in "${rungs[@]}"; do
		guest_empty "$rung"
		guest_agent "$rung"
	done
}

# --- on the host --------------------------------------------------------------------------------

measure() {
	local options=(--kernel "$kernel" --icount --vivid none --no-sound --disk 128 --timeout 1500)
	local rung words=()

	for rung in "${rungs[@]}"; do
		words+=(--rung "$rung")
	done
	scripts/vm "${options[@]}" -- bash tests/bench/instructions.sh --guest "${words[@]}"
}

# write_document RESULT
write_document() {
	local table

	table=$(jq -r -f tests/bench/coverage.jq <<<"$1")
	TABLE=$table perl -0pi -e 's/(<!-- cost -->\n).*?(<!-- end of cost -->)/$1$ENV{TABLE}\n$2/s' \
		docs/coverage.md
}

main() {
	local lines result

	parse "$@"
	if [[ -n $guest ]]; then
		in_guest
		return
	fi
	bench_build operations empty
	lines=$(measure) || { printf '%s\n' "$lines" >&2; exit 1; }
	# What is no line of ours is a message of the guest's.
	result=$(jq -R 'fromjson?' <<<"$lines" |
		jq -s --arg kernel "$kernel" -f tests/bench/instructions.jq)
	[[ -z $write ]] || write_document "$result"
	printf '%s\n' "$result"
}

main "$@"
