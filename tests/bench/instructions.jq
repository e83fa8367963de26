# SPDX-License-Identifier: Apache-2.0
# Lines of tests/bench/instructions.sh, {state, cost: {operation: instructions}}, as a result.
def names: {
	getppid: "any other system call (getppid)",
	open_1: "open+close, depth 1", open_4: "open+close, depth 4", open_12: "open+close, depth 12",
	open_many: "open+close, depth 1, table of descriptors grown",
	dev_null: "open+close of /dev/null", read: "read", write: "write", ioctl: "ioctl",
	mmap: "mmap+munmap", kill: "kill with signal 0", ptrace: "ptrace, to attach", peek: "process_vm_readv, one byte",
	spawn: "fork+exec+exit of true", accept: "TCP connect+accept+close",
	load: "tar, find, compile",
	allowed: "open+close, watched, allowed", flagged: "open+close, watched, flagged"
};
def signed: if . == null then null elif . >= 0 then "+\(.)" else tostring end;
def minus($a; $b): if $a == null or $b == null then null else $a - $b end;
(reduce .[] as $line ({}; .[$line.state] += $line.cost)) as $all
| ($all | keys_unsorted | map(select(startswith("camwarden:")) | sub("camwarden:"; ""))) as $rungs
| {
	title: "Instructions",
	kernel: $kernel,
	cost: $all,
	tables: [$rungs[] as $rung | {
		title: "\($rung) rung",
		columns: ["operation", "without", "empty hooks", "camwarden", "above empty hooks", "%"],
		rows: [names | to_entries[] | .key as $op | $all.nothing[$op] as $base
			| $all["empty:" + $rung][$op] as $empty | $all["camwarden:" + $rung][$op] as $with
			| [.value, $base, (minus($empty; $base) | signed), (minus($with; $base) | signed),
				(minus($with; $empty) | signed),
				(minus($with; $base) / $base * 1000 | round / 10 | signed)]]
	}],
	notes: ["Guest: Debian's \($kernel) on an emulated processor, ext4; unwatched files are on the file system that also has the watched trees.",
		"Empty hooks: programs that return at once, on the hooks that the operations pass on this rung.",
		"Of watched opens, what the caller pays; the agent's own work is not in it.",
		($rungs[] | "\(.): the agent slept and was woken \($all["wakeups:" + .].allowed) times in 4,000 watched, allowed opens; \($all["gaps:" + .].lost) records lost.")]
}
