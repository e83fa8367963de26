# SPDX-License-Identifier: Apache-2.0
# All recorded results of scripts/bench as Markdown.
def cell: if . == null then "–" else tostring | gsub("\\|"; "\\|") end;
def row: "| " + (map(cell) | join(" | ")) + " |";
def table: (.columns | row), ("|" + (.columns | to_entries
		| map(if .key == 0 then "---" else "---:" end) | join("|")) + "|"), (.rows[] | row);
.[] | "## \(.title)",
"`\(.command)`, \(.date), \(.machine.kernel) (\(.machine.arch)), \(.machine.cpu), "
	+ "\(.machine.cores) cores.", "",
(.tables[] | (if .title then "**\(.title)**", "" else empty end), table, ""),
(if .notes // [] | length > 0 then (.notes[] | "- " + .), "" else empty end)
