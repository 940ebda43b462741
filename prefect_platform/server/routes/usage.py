"""Usage of a project, as JSON and as a table for spreadsheets."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.routes import usage_csv
from prefect_platform.server.services import usage
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.tokens import TokenKind
from prefect_platform.wire.usage import Usage

router = APIRouter(tags=["usage"])

CSV = {"text/csv": {"schema": {"type": "string"}}}


@router.get("/projects/{project}/usage", response_model=Usage, responses={200: {"content": CSV}})
async def show(
    parts: Annotated[Parts, Depends(parts_of)],
    caller: Annotated[Caller, Depends(allow(TokenKind.USER))],
    project: str,
    since: str | None = None,
    until: str | None = None,
    by: Annotated[list[str] | None, Query()] = None,
    timezone: str = "UTC",
    format: str | None = None,  # noqa: A002 - the word of the API
    accept: Annotated[str, Header()] = "",
) -> Usage | Response:
    """Hours, core, memory and GPU hours, and price in [`since`, `until`): by default the last 30 days. Dates
    mean midnight in `timezone`. `by` is any of flow, run, user, size, kind and day, with commas between; by
    default flow. `format` is json or csv; without it the `Accept` header decides."""
    as_csv = usage_csv.wanted(format, accept)
    found = await usage.show(parts, caller, project, since, until, by or ["flow"], timezone)
    return usage_csv.response(found) if as_csv else found
