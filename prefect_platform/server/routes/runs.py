"""Runs, for people: start, list, look, cancel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import environment_reports, run_cancels, run_parameters, runs, task_runs
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.base import Page, When
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.run_environments import RunEnvironment
from prefect_platform.wire.run_parameters import RunParameters
from prefect_platform.wire.runs import (
    CancelledRun,
    CancelRequest,
    CancelRunsRequest,
    Run,
    RunDetail,
    RunSort,
    Status,
)
from prefect_platform.wire.task_runs import TaskRuns
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["runs"])

PartsHere = Annotated[Parts, Depends(parts_of)]
User = Annotated[Caller, Depends(allow(TokenKind.USER))]


@router.post("/flows/{flow_id}/runs", status_code=201)
async def start(
    parts: PartsHere,
    caller: User,
    flow_id: str,
    request: RunRequest,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Run:
    """Start a deployment of a flow now, or at a time."""
    return await runs.start(parts, caller, flow_id, request, idempotency_key)


@router.get("/projects/{project}/runs")
async def listing(
    parts: PartsHere,
    caller: User,
    project: str,
    flow: str | None = None,
    status: Status | None = None,
    text: Annotated[str | None, Query(max_length=255)] = None,
    since: When | None = None,
    sort: RunSort = RunSort.NEWEST,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[Run]:
    """Runs of a project, newest first unless `sort` says otherwise. `flow` is a flow's name or id; `text`
    stands in the name of the run or of its flow; `since` leaves out what was made before."""
    return await runs.listing(parts, caller, project, flow, status, cursor, limit, text, since, sort)


@router.post("/projects/{project}/runs/cancel")
async def cancel_several(
    parts: PartsHere, caller: User, project: str, request: CancelRunsRequest
) -> list[CancelledRun]:
    """End up to 200 runs. Each is answered for itself: `code` and `problem` say why one was not."""
    return await run_cancels.cancel(parts, caller, project, request)


@router.get("/runs/{run_id}")
async def show(parts: PartsHere, caller: User, run_id: str) -> RunDetail:
    """One run with all its attempts."""
    return await runs.show(parts, caller, run_id)


@router.get("/runs/{run_id}/task-runs")
async def tasks(parts: PartsHere, caller: User, run_id: str) -> TaskRuns:
    """The first 2,000 task runs of a run and what each waited for, as Prefect holds them."""
    return await task_runs.of_run(parts, caller, run_id)


@router.get("/runs/{run_id}/parameters")
async def parameters(parts: PartsHere, caller: User, run_id: str) -> RunParameters:
    """What a run was started with, as Prefect holds it: without secrets, and bounded."""
    return await run_parameters.of_run(parts, caller, run_id)


@router.get("/runs/{run_id}/environment")
async def environment(parts: PartsHere, caller: User, run_id: str) -> RunEnvironment:
    """The environment of a run's last attempt beside the one that was registered, package by package."""
    return await environment_reports.of_run(parts, caller, run_id)


@router.post("/runs/{run_id}/cancel")
async def cancel(
    parts: PartsHere, caller: User, run_id: str, request: CancelRequest | None = None
) -> RunDetail:
    """End a run, here and in Prefect."""
    return await runs.cancel(parts, caller, run_id, request or CancelRequest())
