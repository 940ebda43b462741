"""Moves workloads from status towards target. The only caller of a backend."""
