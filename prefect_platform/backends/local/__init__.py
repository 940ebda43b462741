"""Workloads as processes of one Linux machine.

`backend` keeps the contract; `launch` starts a launcher once; `exits` tells of ends at once; `tree` finds
and ends everything below a launcher; `memory_watch` ends who is over its declaration when memory runs
out; `recovery` reads what a dead launcher left; `proc` is the one module that knows `/proc` and cgroups.
"""

from prefect_platform.backends.local.backend import LocalBackend
from prefect_platform.backends.local.settings import MemoryPolicy

__all__ = ["LocalBackend", "MemoryPolicy"]
