# SPDX-License-Identifier: Apache-2.0
# One result of scripts/bench as text: the first column to the left, figures to the right.
def cell: if . == null then "–" else tostring end;
def width: map(length) | max;
def pad($n; $left): if $left then . + " " * ($n - length) else " " * ($n - length) + . end;
def columns: [.columns] + .rows | map(map(cell)) | transpose;
def table:
	[columns | to_entries[] | .key as $k | .value as $v | ($v | width) as $w
		| $v | map(pad($w; $k == 0))]
	| transpose | map(join("  ") | sub(" +$"; "")) | .[];
"", .title, "\(.command), \(.machine.kernel), \(.machine.cpu), \(.machine.cores) cores",
(.tables[] | "", (.title // empty), table),
"", (.notes // [] | .[] | "- " + .)
