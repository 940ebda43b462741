"""How a run is started beside its size: what `KubernetesRun(...)` says, as it is stored with a version."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from prefect_platform.wire.base import Request

MOST = 50
"""Selectors, tolerations or volumes of one run."""
LONGEST_TIMEOUT = 366 * 86400.0

_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_DOMAIN = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?){0,9}"
LabelKey = Annotated[str, StringConstraints(pattern=rf"^({_DOMAIN}/)?{_NAME}$", max_length=317)]
"""The key of a Kubernetes label: `gpu`, or `example.com/pool`."""
LabelValue = Annotated[str, StringConstraints(pattern=rf"^({_NAME})?$", max_length=63)]
ObjectName = Annotated[str, StringConstraints(pattern=rf"^{_DOMAIN}$", max_length=253)]
MountPath = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f:]*$", max_length=1024)]
Image = Annotated[
    str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$", min_length=1, max_length=512)
]


class TolerationOperator(StrEnum):
    EQUAL = "Equal"
    EXISTS = "Exists"


class TaintEffect(StrEnum):
    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(Request):
    """A taint of nodes that a run may be placed on all the same."""

    key: LabelKey | None = None
    """None tolerates every taint."""
    operator: TolerationOperator = TolerationOperator.EXISTS
    value: LabelValue | None = None
    effect: TaintEffect | None = None
    """None: every effect."""


class Volume(Request):
    """A PersistentVolumeClaim, mounted at a path."""

    claim: ObjectName
    path: MountPath
    read_only: bool = False


class RunOptions(Request):
    """Everything that `KubernetesRun` takes; what a backend cannot do has no effect there."""

    image: Image | None = None
    node_selector: dict[LabelKey, LabelValue] = Field(default={}, max_length=MOST)
    tolerations: list[Toleration] = Field(default=[], max_length=MOST)
    volumes: list[Volume] = Field(default=[], max_length=MOST)
    shm_bytes: int | None = Field(default=None, gt=0, le=1 << 50)
    timeout_seconds: float | None = Field(default=None, gt=0, le=LONGEST_TIMEOUT)
    """Wall time of one attempt, from the start of its start script on, or of its engine where it has none."""
