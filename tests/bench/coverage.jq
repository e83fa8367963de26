# SPDX-License-Identifier: Apache-2.0
# A result of tests/bench/instructions.sh as the table of docs/coverage.md: what an operation that
# concerns nothing watched costs more, with hooks that do nothing and with camwarden's.
def operations: [
	["getppid", "any other system call", "–"], ["open_4", "`open` and `close`, depth 4", "`open`, `close`"],
	["dev_null", "the same of `/dev/null`", "`open`, `denied`, `close`"], ["read", "`pread`", "`use`, `peek`"],
	["write", "`pwrite`", "`use`"], ["ioctl", "`ioctl`", "`use`, `stream`"], ["mmap", "`mmap` and `munmap`", "`map`"],
	["kill", "`kill`", "`self`"], ["ptrace", "`ptrace`, to attach", "`peek`, `self`"],
	["peek", "`process_vm_readv`", "`peek`, `self`, `code`"],
	["spawn", "`fork`, `exec`, exit", "`process`"], ["accept", "TCP `connect`, `accept`, `close`", "`connection`, `egress`"]
];
def more($a; $b): if $a == null or $b == null then "–" else "+\($a - $b)" | sub("\\+-"; "−") end;
.cost as $c
| ($c | keys_unsorted | map(select(startswith("camwarden:")) | sub("camwarden:"; ""))) as $rungs
| "Linux \(.kernel), x86-64. Of each rung: its hooks with programs that do nothing / with camwarden.",
"",
"| operation | capabilities | without | \($rungs | join(" | ")) |",
"|---|---|---:|\($rungs | map("---:|") | add)",
(operations[] | . as [$op, $name, $caps]
	| "| \($name) | \($caps) | \($c.nothing[$op] // "–") | \([$rungs[]
		| more($c["empty:" + .][$op]; $c.nothing[$op]) + " / "
			+ more($c["camwarden:" + .][$op]; $c.nothing[$op])] | join(" | ")) |")
