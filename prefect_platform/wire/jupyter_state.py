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
    """How far its start is; of one that failed, how far it had come. None where it is stopped."""
    step_at: When | None = None
    """Since when it is there."""
    active_at: When | None
    """When somebody or something last worked in it."""
    stops_at: When | None
    """When it is stopped if nothing is done in it until then; none where it never is."""
    warned_at: When | None
    """When it was told that this is near."""
    stopped_because: str | None
    """Why the platform stopped it, if it did."""
    unanswered_since: When | None = None
    """Since when it has not told the platform what is done in it. Until it does nobody stops it for want
    of work."""
    problem: str | None = None
    """What the platform heard instead."""
    free_bytes: int | None = None
    """Room where its files lie, as far as the platform sees that."""


class ResourceExtend(Request):
    """Do not stop it before so many seconds from now have passed."""

    seconds: float = Field(gt=0, le=LONGEST_EXTENSION)


class OpenLink(Answer):
    """What opens a resource in a browser, once and soon."""

    url: str = Field(repr=False)
