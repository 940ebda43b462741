"""What the platform saw of a Jupyter server, beside what it sees of every resource."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from prefect_platform.wire.base import Answer, Request, When

LONGEST_EXTENSION = 30 * 86400.0


class JupyterStep(StrEnum):
    """How far a start has come."""

    QUEUED = "queued"
    ENVIRONMENT = "environment"
    START_SCRIPT = "start-script"
    STARTING = "starting"
    READY = "ready"


class JupyterState(Answer):
    step: JupyterStep | None
    """Of its start; none where it does not run."""
    active_at: When | None
    """When somebody or something last worked in it."""
    stops_at: When | None
    """When it is stopped if nothing is done in it until then; none where it never is."""
    warned_at: When | None
    """When it was told that this is near."""
    stopped_because: str | None
    """Why the platform stopped it, if it did."""


class ResourceExtend(Request):
    """Do not stop it before so many seconds from now have passed."""

    seconds: float = Field(gt=0, le=LONGEST_EXTENSION)


class OpenLink(Answer):
    """What opens a resource in a browser, once and soon."""

    url: str = Field(repr=False)
