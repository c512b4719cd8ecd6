{
  "$event": .,
  partition: {kind: (.type // "other")},
  routes: (if .type == "heartbeat" then ["lake"] else ["lake", "bus"] end)
}
