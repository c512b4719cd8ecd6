def reject($field; $why): error("invalid_field: \($field): \($why)");
def found: {"array": "an array", "object": "an object", "null": "null"}[type] // "a \(type)";
def need($field; $kind; $expected):
  if has($field) | not then error("missing_field: \($field): missing")
  elif (.[$field] | type) != $kind then reject($field; "expected \($expected), found \(.[$field] | found)")
  else . end;

need("event_uuid"; "string"; "a string") | need("event_name"; "string"; "a string")
| (.event_name / ":") as [$type, $subtype]
| if ($type // "") == ""
  then reject("event_name"; "expected an event type before the first colon, found none") else . end
| need("created_at"; "number"; "a number of seconds since 1970")
| if .created_at < -62167219200 or .created_at >= 253402300800
  then reject("created_at"; "out of range, the years 0000 to 9999 are supported") else . end
| del(.created_datetime, .event_type, .event_subtype)
  + {created_datetime: (.created_at | todate), event_type: $type, event_subtype: $subtype}
