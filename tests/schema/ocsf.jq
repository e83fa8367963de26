# SPDX-License-Identifier: Apache-2.0
#
# jq --slurpfile schema ocsf.json -f ocsf.jq: for each line of `camwarden export --as ocsf` what it
# lacks, as "class: fault", one a line; nothing if all is well.
$schema[0] as $s
| . as $event
| def fault($text): "\($event.class_uid): \($text)";
  # What a class or an object has only by a profile, and the event does not name that.
  def unprofiled($rules; $has):
    ($rules.profiles // {}) | to_entries[] | . as $need
    | select($has[$need.key] != null)
    | select($event.metadata.profiles // [] | index($need.value) | not)
    | fault("\($need.key) without the profile \($need.value)");
  ($s.classes[.class_uid | tostring]) as $class
  | if $class == null then fault("no class that is known here") else
    (($s.base + $class.required)[] | select($event[.] == null) | fault("lacks \(.)")),
    unprofiled($class; $event),
    (select($event.type_uid != $event.class_uid * 100 + $event.activity_id) | fault("type_uid")),
    (select($event.category_uid != ($event.class_uid / 1000 | floor)) | fault("category_uid")),
    (select($class.activities | index($event.activity_id) | not) | fault("activity_id")),
    (select($s.severities | index($event.severity_id) | not) | fault("severity_id")),
    (select(($event.time | type) != "number" or $event.time < 1e12 or $event.time > 1e13)
     | fault("time is not milliseconds")),
    (select($event.metadata.version != $s.version) | fault("metadata.version")),
    (select($event.activity_id == 99 and ($event.activity_name == null)) | fault("activity_name")),
    # An object is known by the last key of its path; what has no place in the schema is not looked at.
    (paths(type == "object")
     | select(length > 0 and .[0] != "unmapped")
     | . as $path
     | (map(strings) | last) as $name
     | ($event | getpath($path)) as $object
     | $s.objects[$name] as $rules
     | if $rules == null then fault("no object '\($name)' is known here") else
         (($rules.required // []) + ($rules.recommended // []) | .[] | select($object[.] == null)
          | fault("\($path | join(".") ) lacks \(.)")),
         (select($rules.at_least_one != null
                 and ([$rules.at_least_one[] | select($object[.] != null)] | length == 0))
          | fault("\($path | map(tostring) | join(".")) has none of what it needs")),
         unprofiled($rules; $object),
         ($s.enums | to_entries[] | (.key / ".") as $at
          | select($at[0] == $name and $object[$at[1]] != null)
          | .value as $values | select($values | index($object[$at[1]]) | not)
          | fault("\($name).\($at[1]) is \($object[$at[1]])"))
       end),
    # Every observable names a place that is there, with that value.
    ($event.observables // [] | .[] | . as $o
     | ($o.name | [scan("[a-z_]+|[0-9]+") | (tonumber? // .)]) as $path
     | (select(($event | getpath($path)) != $o.value) | fault("observable \($o.name)")),
       # … and its type is that of the attribute, by its name or by that of its object and its own.
       ($path | map(strings) | ($s.observables[.[-1]] // $s.observables[.[-2:] | join(".")]) as $type
        | select($type != $o.type_id) | fault("observable \($o.name) is of type \($type)"))),
    (select($event.class_uid == 2004) | $s.enums[".status_id"] as $values
     | select($event.status_id != null and ($values | index($event.status_id) | not))
     | fault("status_id"))
    end
