# SPDX-License-Identifier: Apache-2.0
#
# jq --slurpfile schema ecs.json -f ecs.jq: for each line of `camwarden export --as ecs` what does
# not fit, one a line; nothing if all is well. Fields of one's own stand below `camwarden`.
$schema[0] as $s
| . as $event
| ([paths(scalars) | {field: (map(strings) | join(".")), array: any(type == "number"),
    value: (. as $p | $event | getpath($p))}]) as $all
| ($s.required[] | . as $f | select([$all[] | select(.field == $f)] | length == 0) | "lacks \(.)"),
  (select($event.ecs.version != $s.version) | "ecs.version"),
  (select($s.kind | index($event.event.kind) | not) | "event.kind"),
  (select($s.outcome | index($event.event.outcome) | not) | "event.outcome"),
  ($event.event.category[]? | select($s.types[.] == null) | "event.category \(.)"),
  ([$event.event.category[]? | $s.types[.] // [] | .[]] as $expected
   | $event.event.type[]? | select(. as $t | $expected | index($t) | not) | "event.type \(.)"),
  ($all[] | select(.field | startswith("camwarden.") | not)
   | select(.array != (.field as $f | $s.arrays | index($f) != null))
   | "\(.field) is \(if .array then "an array" else "no array" end)"),
  ($all[] | select(.field | startswith("camwarden.") | not) | . as $leaf | $s.fields[.field] as $type
   | if $type == null then "no field \(.field) is known here"
     elif $type == "long" then select((.value | type) != "number") | "\(.field) is no number"
     elif $type == "date" then select(.value | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$") | not) | "\(.field) is no date"
     else select((.value | type) != "string") | "\(.field) is no text" end)
