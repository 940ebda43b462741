"""Deleting a flow: what would go, what would stay, and how far a deletion is."""

from __future__ import annotations

from enum import StrEnum

from prefect_platform.wire.base import Answer, Identifier, Sha256


class DeletionState(StrEnum):
    DELETING = "deleting"
    """It has begun and goes on by itself; the same call tells how far it is."""
    DELETED = "deleted"


class DoomedDeployment(Answer):
    """A deployment that is taken out of Prefect."""

    name: str
    prefect_deployment_id: str
    schedules: list[str]
    """In words: `cron 0 2 * * *`, `every 3600 s (paused)`."""
    automations: list[str]
    """Names of Prefect's automations about it. Those that it owns go; others stay, without a deployment to
    act on."""


class DoomedBundle(Answer):
    """Stored code that nobody else uses."""

    code_digest: Sha256
    size: int


class OpenRun(Answer):
    id: Identifier
    name: str
    status: str
    """As the platform sees it, or Prefect's state where nothing was started here yet."""


class DeletionPlan(Answer):
    """What deleting a flow does. Nothing is changed by asking for it."""

    flow_id: Identifier
    flow_name: str
    project: str
    deployments: list[DoomedDeployment]
    versions: int
    bundles: list[DoomedBundle]
    secrets: list[str]
    """Names of secrets that no run of this flow gets any more; the secrets stay."""
    open_runs: list[OpenRun]
    """Oldest first, at most 100 of them."""
    open_run_count: int
    runs_kept: int
    """Runs that stay with their sealed logs until retention."""
    run_days: int
    """Retention of runs in days; 0 is for ever."""
    log_days: int
    problem: str | None = None
    """Why Prefect could not be asked; its schedules and automations go all the same."""


class Deletion(Answer):
    """How far the deletion of a flow is."""

    flow_id: Identifier
    flow_name: str
    state: DeletionState
    reason: str | None = None
    """What it waits for."""
