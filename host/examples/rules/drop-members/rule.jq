del(.ip, .user.address)
| walk(if type == "object" then del(.password, .token) else . end)
