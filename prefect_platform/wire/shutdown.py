"""The end of a platform on one machine."""

from __future__ import annotations

from pydantic import Field

from prefect_platform.wire.base import Answer, Request


class ShutdownRequest(Request):
    grace_seconds: float = Field(default=30.0, ge=0, le=3600)


class ShutdownAnswer(Answer):
    cancelled: int
    """Workloads that were open."""
    still_open: int
    """Those whose processes had not ended when the grace was over."""
    unsettled: int
    """Those that ended, but whose flow run Prefect may still show as running."""
    problems: list[str]
    """What Prefect could not be told, in sentences."""
