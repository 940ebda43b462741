"""Resources: what has an owner and can be started again and again, such as an agent or a Jupyter server.

`spec` is what somebody wants and is a document of its kind's model; `state` is what was seen. The two are
never mixed: a recipe holds the first alone.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from prefect_platform.wire.base import Answer, Identifier, Name, Request, When
from prefect_platform.wire.jupyter_state import JupyterState


class ResourceKind(StrEnum):
    PREFECT_AGENT = "prefect-agent"
    JUPYTER_SERVER = "jupyter-server"


class ResourceTarget(StrEnum):
    """What is wanted of a resource."""

    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"


class ResourceStatus(StrEnum):
    """What was seen of a resource."""

    STOPPED = "stopped"
    QUEUED = "queued"
    """Wanted, but there is no room yet."""
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    WAITING = "waiting"
    """It ended by itself, and is started again after a pause that grows from end to end."""
    FAILED = "failed"
    """It ended by itself, and somebody has to start it again."""
    DELETING = "deleting"


class ResourceState(Answer):
    """What the platform saw of a resource."""

    target: ResourceTarget
    status: ResourceStatus
    reason: str | None
    """Why its last start ended, if it should not have."""
    workload_id: Identifier | None
    """Its last start, whose log can be read."""
    started_at: When | None
    """When the last start could be used."""
    next_start_at: When | None
    restarts: int
    """Starts that nobody asked for."""
    needs_restart: bool
    """It runs as it was before its spec was changed."""
    jupyter: JupyterState | None = None
    """What only a Jupyter server has."""


class Resource(Answer):
    id: Identifier
    kind: ResourceKind
    name: str
    project: str
    owner: str
    spec: dict[str, Any]
    state: ResourceState
    created_at: When
    updated_at: When


class ResourceCreate(Request):
    kind: ResourceKind
    name: Name
    spec: dict[str, Any] = Field(default={}, max_length=100)
    start: bool = True
    """Whether to start it at once."""


class ResourceUpdate(Request):
    """Another spec. What runs goes on as it is until it is restarted."""

    spec: dict[str, Any] = Field(max_length=100)
    unchanged_since: When | None = None
    """`updated_at` of the resource as the caller read it: refused if somebody changed it after that."""
