"""What differs from kind to kind of resource: one file a kind, found by `kind_of`."""

from __future__ import annotations

from prefect_platform.server.services.kinds.agents import Agents
from prefect_platform.server.services.kinds.base import Kind
from prefect_platform.server.services.kinds.jupyter_servers import JupyterServers
from prefect_platform.wire.resources import ResourceKind

KINDS: dict[ResourceKind, Kind] = {kind.name: kind for kind in (Agents(), JupyterServers())}


def kind_of(name: str) -> Kind:
    """The kind of a stored resource."""
    return KINDS[ResourceKind(name)]
