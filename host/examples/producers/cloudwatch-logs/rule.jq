def log_events:
  {log_group: .logGroup, log_stream: .logStream} as $log
  | .logEvents[]
  | (.message | try fromjson catch null) as $json
  | (if ($json | type) == "object" then $json else {message} end)
    + {event_id: .id, time: (.timestamp / 1000 | todate)} + $log;

if .messageType == "DATA_MESSAGE" then log_events
elif .messageType == "CONTROL_MESSAGE" then empty
else error("no_log_message: messageType: expected DATA_MESSAGE or CONTROL_MESSAGE, found \(.messageType | tojson)")
end
