"""Workloads, for their launchers: claim, steps, promises, result."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import environment_reports, launches
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.promises import PromisesReport
from prefect_platform.wire.run_environments import FoundEnvironment
from prefect_platform.wire.runs import ClaimRequest, Renewed, ResultReport, StepReport, Workload
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["workloads"])

PartsHere = Annotated[Parts, Depends(parts_of)]
Launcher = Annotated[Caller, Depends(allow(TokenKind.WORKLOAD))]
Reader = Annotated[Caller, Depends(allow(TokenKind.USER, TokenKind.AGENT, TokenKind.WORKLOAD))]


@router.get("/workloads/{workload_id}")
async def show(parts: PartsHere, caller: Reader, workload_id: str) -> Workload:
    return await launches.show(parts, caller, workload_id)


@router.post("/workloads/{workload_id}/claim")
async def claim(
    parts: PartsHere, caller: Launcher, workload_id: str, request: ClaimRequest
) -> dict[str, Any]:
    """Everything the launcher needs. The same launcher may ask again; another one is refused."""
    return await launches.claim(parts, caller, workload_id, request.launcher_id)


@router.post("/workloads/{workload_id}/steps")
async def step(parts: PartsHere, caller: Launcher, workload_id: str, request: StepReport) -> Workload:
    """One step of the launcher; `running` says that user code runs."""
    return await launches.step(parts, caller, workload_id, request)


@router.post("/workloads/{workload_id}/promises")
async def promises(parts: PartsHere, caller: Launcher, workload_id: str, request: PromisesReport) -> Workload:
    """What the launcher found of the six promises before it started user code."""
    return await launches.promises(parts, caller, workload_id, request)


@router.post("/workloads/{workload_id}/environment", status_code=204)
async def environment(
    parts: PartsHere, caller: Launcher, workload_id: str, request: FoundEnvironment
) -> None:
    """Which environment the launcher found for a run."""
    await environment_reports.take(parts, caller, workload_id, request)


@router.post("/workloads/{workload_id}/renewal")
async def renew(parts: PartsHere, caller: Launcher, workload_id: str) -> Renewed:
    """The file of a program that runs out, anew: the sign-in of who works in a Jupyter server."""
    return await launches.renew(parts, caller, workload_id)


@router.post("/workloads/{workload_id}/result")
async def result(parts: PartsHere, caller: Launcher, workload_id: str, request: ResultReport) -> Workload:
    """The launcher's last word, after its logs are sealed."""
    return await launches.result(parts, caller, workload_id, request)
