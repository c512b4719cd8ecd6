if (.detail | type) != "object" then error("no_detail: detail: expected an object, found \(.detail | type)") else . end
| .detail + {event_id: .id, event_type: ."detail-type", event_time: .time}
