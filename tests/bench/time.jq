# SPDX-License-Identifier: Apache-2.0
# Lines of tests/bench/time.sh, {monitor, cost: {operation: ns}}, as a result.
def median: sort | .[length / 2 | floor];
def names: {getppid: "any other system call (getppid)", open_1: "open+close, depth 1",
	open_12: "open+close, depth 12", dev_null: "open+close of /dev/null", read: "read",
	ioctl: "ioctl", mmap: "mmap+munmap", load: "tar, find, compile"};
def shown: if . > 1e6 then "\(. / 1e6 | round) ms" else "\(. / 10 | round | . / 100) µs" end;
(group_by(.monitor) | map({(.[0].monitor): [.[].cost]}) | add) as $all
| ($all | keys_unsorted - ["nothing"] | sort_by({camwarden: 0}[.] // 1)) as $monitors
| {
	title: "Time, beside other monitors",
	rows: $all,
	tables: [{
		columns: (["unwatched work", "nothing"] + $monitors),
		rows: [names | to_entries[] | .key as $op
			| ([$all.nothing[][$op]] | median) as $base
			| [.value, ($base | shown)] + [$monitors[] as $m
				| ([$all[$m][][$op]] | median) / $base * 100 | round / 100]]
	}],
	notes: (["Ratios to nothing of medians of \($rounds) rounds, in turns; camwarden on its tracepoint rung, each of the others with nothing to tell of this work, or counting it.",
		"fatrace and opensnoop write a line for each open, into a file."]
		+ [$why[0] // {} | to_entries[] | "\(.key) did not run here: \(.value)"])
}
