{"userId": "user_id", "ts": "created_at"} as $names
| with_entries(.key |= ($names[.] // .))
