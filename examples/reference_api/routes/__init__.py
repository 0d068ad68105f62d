"""The routes, one file per kind of thing. Each has a `router` that is given what it uses."""
