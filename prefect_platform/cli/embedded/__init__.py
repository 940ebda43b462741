"""A whole platform on one machine: a supervisor and its parts. Nothing here knows of flows or runs.

The parts die with the supervisor, whatever ends it; what the platform has started for runs does not.
"""
