# SPDX-License-Identifier: Apache-2.0
# Lines of tests/bench/time.sh, {monitor, cost: {operation: ns}} or {why: {monitor: reason}}, as a
# result: ratios to nothing. $unit: what a clock's nanosecond is there.
def median: sort | .[length / 2 | floor];
def names: {getppid: "any other system call (getppid)", open_1: "open+close, depth 1",
	open_12: "open+close, depth 12",
	open_many: "open+close, depth 1, table of descriptors grown",
	dev_null: "open+close of /dev/null", read: "read", ioctl: "ioctl", mmap: "mmap+munmap",
	load: "tar, find, compile"};
def shown: if $unit != "ns" then .
	elif . > 1e6 then "\(. / 1e6 | round) ms"
	else "\(. / 10 | round | . / 100) µs" end;
def figures: map(select(.cost));
([figures[].monitor] | reduce .[] as $m ([]; if index([$m]) then . else . + [$m] end) - ["nothing"])
	as $monitors
| (figures | group_by(.monitor) | map({(.[0].monitor): [.[].cost]}) | add) as $all
| {
	title: $title,
	rows: $all,
	tables: [{
		columns: (["unwatched work", "nothing"] + $monitors),
		rows: [names | to_entries[] | .key as $op
			| ([$all.nothing[][$op]] | median) as $base
			| [.value, ($base | shown)] + [$monitors[] as $m
				| ([$all[$m][][$op]] | median) / $base * 1000 | round / 1000]]
	}],
	notes: ([$how, "fatrace and opensnoop write a line for each open, into a file."]
		+ [.[].why // empty | to_entries[] | "\(.key) did not run here: \(.value)"])
}
