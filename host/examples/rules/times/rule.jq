def iso:
  if type == "string" then . as $text | try fromdate catch error("invalid_time: time: no ISO 8601 time: \($text)")
  elif type != "number" then error("invalid_time: time: expected a number or a text, found \(type)")
  elif . >= 100000000000 then . / 1000   # milliseconds; as seconds, this would be after the year 5000
  else . end
  | todate;

.time |= iso
