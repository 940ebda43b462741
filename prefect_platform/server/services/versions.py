"""Flow versions: immutable, numbered from 1 within their flow, equal if code and settings are."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import NotFound
from prefect_platform.names import new_id
from prefect_platform.server.db.tables import BundleRow, FlowRow, FlowVersionRow, UserRow
from prefect_platform.server.services import projects, workloads
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.paging import page
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.base import Page
from prefect_platform.wire.flows import Code, FlowVersion, RegisterRequest, VersionSettings, VersionStatus
from prefect_platform.wire.tokens import TokenKind


def canonical(value: Any) -> str:
    """SHA-256 over the canonical JSON of a value: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


FIRST_SETTINGS = frozenset({"python", "cores", "memory_bytes", "grace_seconds"})
"""Settings of the first release. Others count only where they are not at their default, so that what was
registered before they existed stays the version that it is."""


def fingerprint(code: Code, settings: VersionSettings) -> str:
    """What makes two versions one: the code's digest, how it is entered, and the settings. Not where
    the code came from: the same notebook at another path is the same version."""
    said = settings.model_dump(mode="json", exclude_defaults=True)
    counted = {**said, **settings.model_dump(mode="json", include=set(FIRST_SETTINGS))}
    return canonical([code.digest, code.entrypoint, code.kind.value, counted])


async def ensure(
    session: AsyncSession, parts: Parts, caller: Caller, flow: FlowRow, request: RegisterRequest
) -> tuple[FlowVersionRow, bool]:
    """The version of this code and these settings, and whether it was made now."""
    mark = fingerprint(request.code, request.settings)
    found = await session.scalar(
        select(FlowVersionRow).where(FlowVersionRow.flow_id == flow.id, FlowVersionRow.fingerprint == mark)
    )
    if found is not None:
        return found, False
    row = FlowVersionRow(
        id=new_id("fv"),
        flow_id=flow.id,
        project_id=flow.project_id,
        number=(await latest_number(session, flow.id) or 0) + 1,
        fingerprint=mark,
        status=VersionStatus.REGISTERING.value,
        code_digest=request.code.digest,
        code=request.code.model_dump(mode="json"),
        settings=request.settings.model_dump(mode="json"),
        created_by=caller.user_id,
        created_at=parts.clock.now(),
    )
    session.add(row)
    await session.flush()
    return row, True


async def latest_number(session: AsyncSession, flow_id: str) -> int | None:
    numbers = select(func.max(FlowVersionRow.number)).where(FlowVersionRow.flow_id == flow_id)
    return (await session.scalars(numbers)).one()


async def find(session: AsyncSession, caller: Caller, version_id: str) -> FlowVersionRow:
    """A version that the caller reaches.

    Raises:
        NotFound: there is none, or it is not the caller's. A workload reaches its own version alone.
    """
    row = await session.get(FlowVersionRow, version_id)
    if row is None:
        raise _absent(version_id)
    if caller.kind in (TokenKind.WORKLOAD, TokenKind.USER_CODE):
        own = await workloads.version_of(session, str(caller.subject_id))
        if own is None or own.id != row.id:
            raise _absent(version_id)
    try:
        await projects.reachable(session, caller, row.project_id)
    except NotFound as error:
        raise _absent(version_id) from error
    return row


def _absent(version_id: str) -> NotFound:
    return NotFound(f"There is no flow version {version_id!r}.")


async def show(parts: Parts, caller: Caller, version_id: str) -> FlowVersion:
    async with parts.database.reader() as session:
        row = await find(session, caller, version_id)
        return (await rendered(session, [row]))[0]


async def listing(
    parts: Parts, caller: Caller, flow_id: str, cursor: str | None, limit: int | None
) -> Page[FlowVersion]:
    """Every version of a flow, newest first."""
    async with parts.database.reader() as session:
        flow = await session.get(FlowRow, flow_id)
        if flow is None or flow.deleted_at is not None:
            raise NotFound(f"There is no flow {flow_id!r}.")
        await projects.reachable(session, caller, flow.project_id)
        statement = select(FlowVersionRow).where(FlowVersionRow.flow_id == flow_id)
        rows, following = await page(session, statement, [FlowVersionRow.number], cursor, limit)
        return Page[FlowVersion](items=await rendered(session, rows), cursor=following)


async def rendered(session: AsyncSession, rows: list[FlowVersionRow]) -> list[FlowVersion]:
    """These versions with the names that belong to them, in as many queries as for one."""
    flows = await _names(session, FlowRow, {row.flow_id for row in rows})
    users = await _names(session, UserRow, {row.created_by for row in rows})
    bundles = await _bundles(session, rows)
    return [
        FlowVersion(
            id=row.id,
            flow_id=row.flow_id,
            flow_name=flows[row.flow_id],
            number=row.number,
            status=VersionStatus(row.status),
            code=Code.model_validate(row.code),
            settings=VersionSettings.model_validate(row.settings),
            bundle_sha256=bundle.sha256 if bundle else None,
            bundle_size=bundle.size if bundle else None,
            created_by=users[row.created_by],
            created_at=row.created_at,
        )
        for row in rows
        for bundle in [bundles.get((row.project_id, row.code_digest))]
    ]


async def _names(session: AsyncSession, kind: type[FlowRow | UserRow], ids: set[str]) -> dict[str, str]:
    found = await session.execute(select(kind.id, kind.name).where(kind.id.in_(ids)))
    return {row.id: row.name for row in found}


async def _bundles(session: AsyncSession, rows: list[FlowVersionRow]) -> dict[tuple[str, str], BundleRow]:
    found = await session.scalars(
        select(BundleRow).where(
            BundleRow.project_id.in_({row.project_id for row in rows}),
            BundleRow.code_digest.in_({row.code_digest for row in rows}),
        )
    )
    return {(row.project_id, row.code_digest): row for row in found}
