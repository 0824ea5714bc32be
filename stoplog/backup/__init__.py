"""`stoplog backup` and `stoplog restore`: control's database away from its machine, encrypted, and back, verified."""
