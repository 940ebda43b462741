"""What a registration tells in words: what differs from the last version, and what looks unintended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import FlowRow, FlowVersionRow
from prefect_platform.server.services import environments, flows
from prefect_platform.wire import environment_changes
from prefect_platform.wire.environments import EnvironmentSpec
from prefect_platform.wire.flows import Code, Deployment, RegisterRequest, VersionSettings
from prefect_platform.wire.git import shown

_NAMED_FILES = 5


async def previous(
    session: AsyncSession, version: FlowVersionRow, deployment: Deployment | None, *, created: bool
) -> FlowVersionRow | None:
    """The version that this one takes the place of: the deployed one, or else the one before it."""
    if deployment is None and not created:
        return version
    others = select(FlowVersionRow).where(FlowVersionRow.flow_id == version.flow_id)
    if deployment is not None:
        others = others.where(FlowVersionRow.number == deployment.version_number)
    else:
        others = others.where(FlowVersionRow.id != version.id)
    return (await session.scalars(others.order_by(FlowVersionRow.number.desc()).limit(1))).first()


async def changes(session: AsyncSession, before: FlowVersionRow | None, after: FlowVersionRow) -> list[str]:
    """What differs, one sentence a thing; nothing for the first version and for an unchanged one."""
    if before is None or before.id == after.id:
        return []
    return [
        *_code_changes(Code.model_validate(before.code), Code.model_validate(after.code)),
        *_settings(before, after),
        *environment_changes.changes(await _environment(session, before), await _environment(session, after)),
    ]


async def _environment(session: AsyncSession, version: FlowVersionRow) -> EnvironmentSpec | None:
    mark = VersionSettings.model_validate(version.settings).environment
    return await environments.find(session, version.project_id, mark) if mark else None


def _code_changes(before: Code, after: Code) -> Iterator[str]:
    if before.digest != after.digest:
        yield f"code: {_commits(before, after) or _files(before, after)}"
    if before.kind is not after.kind:
        yield f"kind of code: {before.kind.value} -> {after.kind.value}"
    if before.entrypoint != after.entrypoint:
        yield f"entrypoint: {before.entrypoint} -> {after.entrypoint}"


def _commits(before: Code, after: Code) -> str | None:
    if before.git is None or after.git is None:
        return None
    told = [f"commit {before.git.commit[:12]} -> {after.git.commit[:12]}"]
    if before.git.url != after.git.url:
        told.append(f"repository {shown(before.git.url)} -> {shown(after.git.url)}")
    return "; ".join(told)


def _files(before: Code, after: Code) -> str:
    old = {file.path: file.sha256 for file in before.files}
    new = {file.path: file.sha256 for file in after.files}
    found = [
        (word, sorted(paths))
        for word, paths in (
            ("changed", [path for path in new if path in old and new[path] != old[path]]),
            ("added", [path for path in new if path not in old]),
            ("removed", [path for path in old if path not in new]),
        )
        if paths
    ]
    return "; ".join(f"{_listed(paths)} {word}" for word, paths in found) or "changed"


def _listed(paths: list[str]) -> str:
    more = f" and {len(paths) - _NAMED_FILES} more" if len(paths) > _NAMED_FILES else ""
    return ", ".join(paths[:_NAMED_FILES]) + more


def _settings(before: FlowVersionRow, after: FlowVersionRow) -> Iterator[str]:
    old = dict(_flat(VersionSettings.model_validate(before.settings).model_dump(mode="json")))
    new = dict(_flat(VersionSettings.model_validate(after.settings).model_dump(mode="json")))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name) and name != "environment":  # told by what it is made of
            yield f"{name}: {_worded(name, old.get(name))} -> {_worded(name, new.get(name))}"


def _flat(value: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{above}{name}.")
        else:
            yield f"{above}{name}", item


def _worded(name: str, value: Any) -> str:
    if name.endswith("_bytes") and isinstance(value, int):
        return f"{value / (1 << 30):g} GiB" if value >= 1 << 30 else f"{value / (1 << 20):g} MiB"
    return "none" if value is None else str(value)


async def notes(
    session: AsyncSession,
    flow: FlowRow,
    before: FlowVersionRow | None,
    request: RegisterRequest,
    *,
    flow_is_new: bool,
) -> list[str]:
    """What somebody should know before they trust this registration."""
    found = []
    origin = str(before.code.get("origin", "")) if before is not None else request.code.origin
    if before is not None and origin != request.code.origin:
        found.append(
            f"The code of flow {flow.name!r} comes from {request.code.origin} now; version "
            f"{before.number} came from {origin}. If these are two different flows, give one of them "
            "another name."
        )
    if flow_is_new:
        found.extend(await _renamed(session, flow, request))
    return found


async def _renamed(session: AsyncSession, flow: FlowRow, request: RegisterRequest) -> list[str]:
    """A flow of another name from the same place: it was probably renamed, and the old one still runs."""
    statement = (
        select(FlowRow)
        .join(FlowVersionRow, FlowVersionRow.flow_id == FlowRow.id)
        .where(
            FlowRow.project_id == flow.project_id,
            FlowRow.id != flow.id,
            FlowRow.deleted_at.is_(None),
            FlowVersionRow.code["origin"].as_string() == request.code.origin,
            FlowVersionRow.code["entrypoint"].as_string() == request.code.entrypoint,
        )
        .distinct()
    )
    old = list((await session.scalars(statement)).all())
    deployments = await flows.deployments_of(session, [row.id for row in old])
    return [_rename_note(row.name, flow.name, deployments[row.id]) for row in old]


def _rename_note(old: str, new: str, deployments: list[Deployment]) -> str:
    names = ", ".join(one.name for one in deployments)
    still = (
        f"its deployments ({names}) and their schedules are still there" if names else "it is still listed"
    )
    return (
        f"The same code was registered as flow {old!r} before: if you renamed it to {new!r}, {still}. "
        f"`prefect-platform flow delete {old}` removes them; its runs and logs stay."
    )
