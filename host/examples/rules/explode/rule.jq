del(.items) as $order
| .items | to_entries[]
| $order + .value + {line: (.key + 1)}
