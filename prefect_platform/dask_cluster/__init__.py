"""Dask clusters: their members, and the task runner. Nothing is imported before it is asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_platform.dask_cluster.task_runner import PlatformTaskRunner

__all__ = ["PlatformTaskRunner"]

_HOMES = {"PlatformTaskRunner": "task_runner"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
