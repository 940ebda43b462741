"""Register Prefect flows from a notebook; run them with their code, size and every byte of log.

Public names are loaded on first use (PEP 562), so that importing this package costs
neither Prefect nor an HTTP library. Inner modules never import from here.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from prefect_platform._version import __version__

if TYPE_CHECKING:
    from prefect_platform.client.settings import connect
    from prefect_platform.client.sizes import describe_sizes
    from prefect_platform.dask_cluster.cluster import PlatformCluster
    from prefect_platform.dask_cluster.task_runner import PlatformTaskRunner
    from prefect_platform.flows.dask import DaskCluster
    from prefect_platform.flows.register import register
    from prefect_platform.flows.registration import Registration, Run
    from prefect_platform.flows.run_config import KubernetesRun
    from prefect_platform.flows.storage import WebhookStorage

__all__ = [
    "DaskCluster",
    "KubernetesRun",
    "PlatformCluster",
    "PlatformTaskRunner",
    "Registration",
    "Run",
    "WebhookStorage",
    "__version__",
    "connect",
    "describe_sizes",
    "register",
]

_HOMES = {
    "DaskCluster": "flows.dask",
    "KubernetesRun": "flows.run_config",
    "PlatformCluster": "dask_cluster.cluster",
    "PlatformTaskRunner": "dask_cluster.task_runner",
    "Registration": "flows.registration",
    "Run": "flows.registration",
    "WebhookStorage": "flows.storage",
    "connect": "client.settings",
    "describe_sizes": "client.sizes",
    "register": "flows.register",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
