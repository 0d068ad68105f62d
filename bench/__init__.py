"""What asgisec costs per request, beside what else could be used. `make bench` runs all of it."""
