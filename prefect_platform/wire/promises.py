"""The six promises of a run, as its launcher found them at the start: kept or broken, never assumed."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from prefect_platform.wire.base import Request


class PromiseName(StrEnum):
    SIZE = "size"
    """It is the size you asked for."""
    GPU = "gpu"
    """It has a GPU your code can use."""
    ENVIRONMENT = "environment"
    """It has the exact same environment as the notebook."""
    CODE = "code"
    """All of the code."""
    SECRETS = "secrets"
    """All of the credentials and secrets."""
    LOGS = "logs"
    """Logs you cannot see in Prefect."""


class Promise(Request):
    """One promise. A wire model both ways: launchers send it, people read it."""

    name: PromiseName
    kept: bool
    summary: str = Field(max_length=1024)
    """One sentence: what was asked and what was found."""
    differences: list[str] = Field(default=[], max_length=200)
    """Each thing that is not as it was asked for."""


class PromisesReport(Request):
    """What the launcher found, all of it at once; a later report replaces an earlier one."""

    promises: list[Promise] = Field(max_length=6)
