"""Rules and transactions, one file a resource. Services write `target`; none calls a backend."""
