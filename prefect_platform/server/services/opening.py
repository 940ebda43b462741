"""Opening a resource in a browser: where it is, and who may."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, Forbidden, UsageError
from prefect_platform.server.db.tables import ResourceRow, WorkloadRow
from prefect_platform.server.services import (
    content,
    jupyter_servers,
    jupyter_tokens,
    projects,
    resource_moves,
    resources,
)
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.contents import Upstream
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.jupyter_state import OpenLink
from prefect_platform.wire.resources import ResourceKind, ResourceStatus, ResourceTarget
from prefect_platform.wire.runs import Target

HOME = "/lab"
PREFIX = "rs"
"""What the ids of resources with pages begin with."""


def serve(parts: Parts) -> None:
    """Have the pages of resources answered for, from now on."""

    async def resolve(session: AsyncSession, label: str) -> Upstream | None:
        return await behind(session, parts, label)

    parts.contents.register(PREFIX, resolve)
    parts.contents.acted = partial(jupyter_servers.acted, parts)


async def behind(session: AsyncSession, parts: Parts, resource_id: str) -> Upstream | None:
    """What a label stands for; None if there is no such resource, or one without pages."""
    row = await session.get(ResourceRow, resource_id)
    if row is None or row.deleted_at is not None or row.kind != ResourceKind.JUPYTER_SERVER:
        return None
    start = await session.get(WorkloadRow, row.workload_id) if row.workload_id else None
    runs = start is not None and jupyter_servers.is_open(start)
    ends = runs and start is not None and _is_to_end(row, start)
    where = jupyter_servers.address(start) if start is not None and runs and not ends else None
    parsed = urlsplit(where or "")
    return Upstream(
        kind=row.kind,
        name=row.name,
        project_id=row.project_id,
        workload_id=row.workload_id,
        address=(parsed.hostname, parsed.port) if parsed.hostname and parsed.port else None,
        state=(
            ResourceStatus.STOPPING if ends else resource_moves.status(row, start, parts.clock.now())
        ).value,
        headers=(jupyter_tokens.header(parts, start.id),) if start is not None and where else (),
        user_id=row.owner_id,  # in it somebody works as its owner
        home=HOME,
    )


def _is_to_end(row: ResourceRow, start: WorkloadRow) -> bool:
    """Then nobody is led there any more: whoever takes its port next must not be sent what opens it."""
    return row.target != ResourceTarget.RUNNING or row.restart or start.target == Target.STOPPED


async def link(parts: Parts, caller: Caller, project_name: str, kind: ResourceKind, name: str) -> OpenLink:
    """What opens a resource in the caller's browser, once.

    Raises:
        UsageError: nothing of this kind has pages.
        Forbidden: it is another user's.
        Conflict: it does not run.
    """
    async with parts.database.session() as session:
        project = await projects.member(session, caller, project_name)
        row = await resources.live(session, project, kind, name)
        found = await behind(session, parts, row.id)
        if found is None:
            raise UsageError(f"{kind.value} {name!r} has no pages to open.")
        if found.user_id != caller.user_id:
            raise Forbidden(f"{kind.value} {name!r} is another user's: in it one works as its owner.")
        if found.address is None:
            raise Conflict(f"{kind.value} {name!r} is {found.state}: it can be opened once it runs.")
        return OpenLink(url=await content.link(session, parts, caller, row.id))
