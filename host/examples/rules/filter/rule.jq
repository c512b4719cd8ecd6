select(.environment == "production" and .level != "debug")
