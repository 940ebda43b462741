"""The first process of every workload, in the user's own image: standard library and `wire.launch` alone."""
