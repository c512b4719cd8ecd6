def value:
  if has("S") then .S
  elif has("N") then .N | tonumber
  elif has("BOOL") then .BOOL
  elif has("NULL") then null
  elif has("M") then .M | map_values(value)
  elif has("L") then .L | map(value)
  elif has("NS") then .NS | map(tonumber)
  else .SS // .B // .BS // error("unknown_type: \(tojson) has no type of DynamoDB")
  end;
def item: if . == null then null else map_values(value) end;

if .eventSource != "aws:dynamodb" then error("no_change: eventSource: expected aws:dynamodb") else . end
| .dynamodb as $change
| (if $change.ApproximateCreationDateTimePrecision == "MICROSECOND" then 1000000 else 1000 end) as $unit
| {
    event_id: .eventID,
    event_type: (.eventName | ascii_downcase),
    table: .tableName,
    time: ($change.ApproximateCreationDateTime / $unit | todate),
    keys: ($change.Keys | item),
    old: ($change.OldImage | item),
    new: ($change.NewImage | item)
  }
