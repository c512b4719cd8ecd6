. + {source: "web", schema_version: 2}
| .tags += [if (.amount // 0) >= 1000 then "large" else "usual" end]
