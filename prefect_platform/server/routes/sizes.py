"""Sizes that runs can ask for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import size_evidence, sizes
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.base import Identifier
from prefect_platform.wire.runs import WorkloadKind
from prefect_platform.wire.sizes import SizeEvidence, SizeList
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["sizes"])


@router.get("/sizes")
async def listing(
    parts: Annotated[Parts, Depends(parts_of)],
    _caller: Annotated[Caller, Depends(allow(TokenKind.USER, TokenKind.AGENT, TokenKind.USER_CODE))],
) -> SizeList:
    """Every size of the catalogue, with why it cannot be had here if it cannot."""
    return sizes.listing(parts)


@router.get("/projects/{project}/sizes/evidence")
async def evidence(
    parts: Annotated[Parts, Depends(parts_of)],
    caller: Annotated[Caller, Depends(allow(TokenKind.USER))],
    project: str,
    kind: WorkloadKind = WorkloadKind.RUN_ATTEMPT,
    resource: Annotated[Identifier | None, Query()] = None,
) -> list[SizeEvidence]:
    """The highest memory of the last starts of a kind in a project, by size; of one `resource` alone, by its
    id."""
    return await size_evidence.listing(parts, caller, project, kind, resource)
