"""The installation: one platform with an id of its own."""

from __future__ import annotations

from prefect_platform.wire.base import Answer


class Installation(Answer):
    id: str
    version: str
    work_pool: str
    backend: str


class Check(Answer):
    """One thing that `/ready` and `doctor` look at."""

    name: str
    ok: bool
    detail: str


class Readiness(Answer):
    ready: bool
    checks: list[Check]
