"""Retention: what is over and old goes, in batches, whatever interrupts it; what is open or needed stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select, update

from prefect_platform.errors import NotFound, Removed
from prefect_platform.server.app import housekeeping
from prefect_platform.server.config import RetentionSettings
from prefect_platform.server.controller.resources import Keeper
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import (
    AgentRow,
    AttemptRow,
    BundleRow,
    EnvironmentRow,
    FlowVersionRow,
    LogGapRow,
    ResourceRow,
    RunRow,
    SecretUseRow,
    TransitionRow,
    WorkloadRow,
)
from prefect_platform.server.services import (
    bundles,
    deletions,
    environments,
    log_retention,
    logs,
    logs_live,
    logs_read,
    resources,
    retention,
    runs,
    secret_grants,
    secrets,
)
from prefect_platform.server.services.logs_read import Wanted
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.retention import Cutoffs, cutoffs
from prefect_platform.server.stores.logs import Mark
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.environments import EnvironmentSpec
from prefect_platform.wire.resources import ResourceCreate, ResourceKind
from prefect_platform.wire.runs import Attempt
from prefect_platform.wire.secrets import SecretSet
from tests import server_calls
from tests.server_scene import Scene, scene

DAY = timedelta(days=1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = b"one\ntwo\n"


# The rules


@pytest.mark.parametrize(
    ("runs_", "logs_", "expected"),
    [
        (365, 90, (NOW - 365 * DAY, NOW - 90 * DAY)),
        (30, 90, (NOW - 30 * DAY, NOW - 30 * DAY)),
        (30, 0, (NOW - 30 * DAY, NOW - 30 * DAY)),
        (0, 90, (None, NOW - 90 * DAY)),
        (0, 0, (None, None)),
    ],
)
def test_a_log_goes_with_its_run_if_not_earlier(runs_: int, logs_: int, expected: tuple[Any, Any]) -> None:
    settings = RetentionSettings(run_days=runs_, log_days=logs_, environment_days=0)
    assert cutoffs(settings, NOW) == Cutoffs(*expected, environments=None)


# The database


@pytest_asyncio.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(database_url, tmp_path, clock=ManualClock()) as made:
        yield made


async def count(parts: Parts, kind: type[object]) -> int:
    async with parts.database.reader() as session:
        return (await session.scalars(select(func.count()).select_from(kind))).one()


async def passed(stage: Scene, days: float) -> None:
    assert isinstance(stage.parts.clock, ManualClock)
    await stage.parts.clock.advance(days * 86400)


async def ended(stage: Scene, flow_run_id: str | None = None) -> Attempt:
    """An attempt with a log, and its end now."""
    made = await stage.attempt(flow_run_id)
    await written(stage, made)
    await stage.settle(made)
    return made


async def written(stage: Scene, made: Attempt) -> None:
    at = int(stage.parts.clock.now().timestamp() * 1000)
    await stage.parts.logs.append(made.workload.id, "flow", 0, TEXT, [Mark(0, at)])
    await stage.parts.logs.seal(made.workload.id, "flow", len(TEXT), server_calls.sha256(TEXT), at)


async def read(stage: Scene, made: Attempt, source: str = "flow") -> str:
    return (await logs_read.read(stage.parts, stage.user, made.workload.id, source, Wanted())).text


@pytest.mark.asyncio
async def test_a_log_that_was_removed_says_so_and_what_it_was(stage: Scene) -> None:
    made = await ended(stage)
    await passed(stage, 90)
    assert await log_retention.remove(stage.parts) == 0
    await passed(stage, 0.01)
    assert await log_retention.remove(stage.parts) == 1
    assert await log_retention.remove(stage.parts) == 0
    assert (await stage.parts.logs.stat(made.workload.id, "flow")).size == 0
    with pytest.raises(Removed, match=r"was removed on 2026-04-01.*LOG_DAYS.* 2 lines, 8 bytes, SHA-256 "):
        await read(stage, made)
    with pytest.raises(NotFound, match="no log source 'other'"):
        await read(stage, made, "other")
    for follow in (
        logs_live.follow_run(stage.parts, stage.user, made.flow_run_id, None),
        logs_live.follow_source(stage.parts, stage.user, made.workload.id, "flow", None),
    ):
        with pytest.raises(Removed):
            await follow
    [info] = await logs_read.sources_of_run(stage.parts, stage.user, made.flow_run_id)
    assert (info.size, info.lines, info.sha256) == (8, 2, server_calls.sha256(TEXT))
    assert info.removed_at == stage.parts.clock.now()
    assert (await runs.show(stage.parts, stage.user, made.flow_run_id)).attempts == 1


@pytest.mark.asyncio
async def test_logs_for_ever(stage: Scene) -> None:
    made = await ended(stage)
    await passed(stage, 36_000)
    kept = with_settings(stage, run_days=0, log_days=0)
    await housekeeping.sweep(kept)
    assert await read(stage, made) == TEXT.decode()


def with_settings(stage: Scene, **days: int) -> Parts:
    settings = replace(stage.parts.config.retention, **days)
    return replace(stage.parts, config=replace(stage.parts.config, retention=settings))


@pytest.mark.asyncio
async def test_a_run_goes_with_all_that_is_its_own(stage: Scene) -> None:
    made = await ended(stage)
    again = await ended(stage, made.flow_run_id)
    async with stage.parts.database.session() as session:
        session.add(LogGapRow(workload_id=again.workload.id, source="flow", offset=0, reason="x"))
    young = await later(stage, 300)
    await passed(stage, 66)
    await housekeeping.sweep(stage.parts)
    for kind in (RunRow, AttemptRow, WorkloadRow, TransitionRow):
        assert await count(stage.parts, kind) == 1
    assert await count(stage.parts, LogGapRow) == 0
    for workload in (made.workload.id, again.workload.id):
        assert await stage.parts.logs.sources(workload) == []
    with pytest.raises(NotFound):
        await runs.show(stage.parts, stage.user, made.flow_run_id)
    assert await read(stage, young) == TEXT.decode()


async def later(stage: Scene, days: float) -> Attempt:
    await passed(stage, days)
    return await ended(stage)


@pytest.mark.asyncio
async def test_what_is_open_unsettled_or_not_cleaned_up_stays(stage: Scene) -> None:
    queued = await stage.attempt()
    suspended, unsettled, unclean = [await ended(stage) for _ in range(3)]
    async with stage.parts.database.session() as session:
        (await session.get_one(RunRow, suspended.flow_run_id)).ended_at = None
        (await session.get_one(AttemptRow, unsettled.id)).settled_at = None
        (await session.get_one(WorkloadRow, unclean.workload.id)).removed_at = None
    await passed(stage, 3_000)
    await housekeeping.sweep(stage.parts)
    assert await count(stage.parts, RunRow) == 4
    for made in (suspended, unsettled, unclean):
        assert await read(stage, made) == TEXT.decode()
    assert (await runs.show(stage.parts, stage.user, queued.flow_run_id)).status == "queued"
    assert await count(stage.parts, BundleRow) == 1


@pytest.mark.asyncio
async def test_many_go_in_batches_and_one_that_cannot_keeps_no_other(
    stage: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    made = [await ended(stage) for _ in range(8)]
    forget = stage.parts.logs.delete

    async def broken(workload_id: str) -> None:
        if workload_id == made[0].workload.id:
            raise OSError("input/output error")
        await forget(workload_id)

    await passed(stage, 366)
    with monkeypatch.context() as patched:
        patched.setattr(stage.parts.logs, "delete", broken)
        assert await log_retention.remove(stage.parts) == 7
        assert await retention.forget_runs(stage.parts) == 7
    assert "cannot be removed" in caplog.text
    with pytest.raises(Removed):
        await read(stage, made[0])
    await housekeeping.sweep(stage.parts)
    assert await count(stage.parts, RunRow) == 0


class Killed(BaseException):
    """The server ends here."""


@pytest.mark.asyncio
@pytest.mark.parametrize("where", ["before the bytes", "after the bytes"])
async def test_an_end_in_the_middle_never_shows_an_empty_log(
    stage: Scene, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await ended(stage)
    forget = stage.parts.logs.delete

    async def killed(workload_id: str) -> None:
        if where == "after the bytes":
            await forget(workload_id)
        raise Killed

    await passed(stage, 91)
    with monkeypatch.context() as patched:
        patched.setattr(stage.parts.logs, "delete", killed)
        with pytest.raises(Killed):
            await log_retention.remove(stage.parts)
    with pytest.raises(Removed, match="8 bytes"):
        await read(stage, made)
    assert await log_retention.remove(stage.parts) == 1
    with pytest.raises(Removed, match="8 bytes"):
        await read(stage, made)
    assert await stage.parts.logs.sources(made.workload.id) == []


@pytest.mark.asyncio
async def test_two_replicas_at_once(stage: Scene, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 4)
    old = [await ended(stage) for _ in range(12)]
    await passed(stage, 275)
    middle = [await ended(stage) for _ in range(6)]
    await passed(stage, 91)
    database = Database(database_url)
    other = stage.on(database)
    for _ in range(2):
        await asyncio.gather(housekeeping.sweep(stage.parts), housekeeping.sweep(other))
    assert await count(stage.parts, RunRow) == len(middle)
    for made in old:
        assert await stage.parts.logs.sources(made.workload.id) == []
    for made in middle:
        with pytest.raises(Removed, match="8 bytes"):
            await read(stage, made)
    await database.aclose()


@pytest.mark.asyncio
async def test_the_ledger_outlives_the_run(stage: Scene) -> None:
    await secrets.put(stage.parts, stage.user, "default", "aws-key", SecretSet(value="geheim-geheim"))
    made = await ended(stage)
    async with stage.parts.database.session() as session:
        row = await session.get_one(WorkloadRow, made.workload.id)
        await secret_grants.give_one(session, stage.parts, row, "aws-key")
    [before] = await ledger(stage)
    await passed(stage, 366)
    await housekeeping.sweep(stage.parts)
    assert await count(stage.parts, RunRow) == 0
    assert await count(stage.parts, SecretUseRow) == 1
    [after] = await ledger(stage)
    assert (before.run_removed, after.run_removed) == (False, True)
    assert after == before.model_copy(update={"run_removed": True})
    assert (after.run_id, after.flow, after.flow_version) == (made.flow_run_id, "etl", 1)
    await deletions.delete_flow(stage.parts, stage.user, stage.flow_id, cancel_runs=False)
    assert await ledger(stage) == [after]


async def ledger(stage: Scene) -> list[Any]:
    return (await secrets.uses(stage.parts, stage.user, "default", "aws-key", None, None)).items


async def start_of(stage: Scene, name: str) -> str:
    """A start of an agent that has ended, with a log."""
    request = ResourceCreate(kind=ResourceKind.PREFECT_AGENT, name=name, spec={}, start=True)
    await resources.create(stage.parts, stage.user, "default", request)
    await Keeper(stage.parts).round()
    found = await resources.show(stage.parts, stage.user, "default", request.kind, name)
    workload = str(found.state.workload_id)
    await stage.parts.logs.append(workload, "agent", 0, TEXT, [Mark(0, 0)])
    async with stage.parts.database.session() as session:
        row = await session.get_one(WorkloadRow, workload)
        row.status, row.ended_at = "crashed", stage.parts.clock.now()
        row.removed_at = row.ended_at
    return workload


@pytest.mark.asyncio
async def test_ended_starts_of_resources_go_but_for_the_last(stage: Scene) -> None:
    first = await start_of(stage, "night")
    await Keeper(stage.parts).round()  # notes the end
    await passed(stage, 1)
    await Keeper(stage.parts).round()  # starts it again
    last = (
        await resources.show(stage.parts, stage.user, "default", ResourceKind.PREFECT_AGENT, "night")
    ).state.workload_id
    assert last not in (None, first)
    await passed(stage, 100)
    await housekeeping.sweep(stage.parts)
    assert await stage.parts.logs.sources(first) == []
    assert await stage.row(WorkloadRow, first) is not None
    await passed(stage, 300)
    await housekeeping.sweep(stage.parts)
    assert await stage.row(WorkloadRow, first) is None
    assert await stage.row(WorkloadRow, str(last)) is not None


@pytest.mark.asyncio
async def test_versions_of_a_deleted_flow_go_with_their_last_run(stage: Scene) -> None:
    await ended(stage)
    await deletions.delete_flow(stage.parts, stage.user, stage.flow_id, cancel_runs=False)
    await passed(stage, 364)
    await housekeeping.sweep(stage.parts)
    assert await count(stage.parts, FlowVersionRow) == 1
    await passed(stage, 2)
    await housekeeping.sweep(stage.parts)
    assert await count(stage.parts, FlowVersionRow) == 0


@pytest.mark.asyncio
async def test_a_flow_that_stays_keeps_all_its_versions(stage: Scene) -> None:
    await stage.version()
    await passed(stage, 3_000)
    await housekeeping.sweep(stage.parts)
    assert await count(stage.parts, FlowVersionRow) == 2


async def code(stage: Scene, digest: str, data: bytes) -> str:
    """Another version with code of its own, and no deployment."""
    sha256 = server_calls.sha256(data)
    version = await stage.version()
    async with stage.parts.database.session() as session:
        await session.execute(
            update(FlowVersionRow)
            .where(FlowVersionRow.id == version)
            .values(code_digest=digest, created_at=stage.parts.clock.now())
        )
    await bundles.put(stage.parts, stage.user, "default", digest, sha256, server_calls.pieces(data))
    return version


@pytest.mark.asyncio
async def test_code_that_no_deployment_names_goes_when_it_was_long_unused(stage: Scene) -> None:
    await code(stage, "d" * 64, b"unused")
    used = await code(stage, "e" * 64, b"used")
    await passed(stage, 29)
    made = await stage.attempt(flow_version_id=used)
    await stage.settle(made)
    await passed(stage, 2)
    for _ in range(2):
        await housekeeping.sweep(stage.parts)
    assert await stage.parts.blobs.size(server_calls.sha256(b"unused")) is None
    assert await stage.parts.blobs.size(server_calls.sha256(b"used")) == 4
    assert await count(stage.parts, BundleRow) == 2, "that of the deployment, and that of the run"
    await passed(stage, 30)
    await housekeeping.sweep(with_settings(stage, bundle_days=0))
    assert await count(stage.parts, BundleRow) == 2
    await housekeeping.sweep(stage.parts)
    assert await count(stage.parts, BundleRow) == 1


@pytest.mark.asyncio
async def test_environments_that_no_version_names_go(stage: Scene) -> None:
    marks = [await environment(stage, text) for text in ("named", "not named")]
    async with stage.parts.database.session() as session:
        row = await session.get_one(FlowVersionRow, stage.version_id)
        row.settings = {**row.settings, "environment": marks[0]}
    await passed(stage, 30)
    assert await retention.forget_environments(stage.parts) == 0
    await environment(stage, "young")
    await passed(stage, 0.01)
    assert await retention.forget_environments(with_settings(stage, environment_days=0)) == 0
    assert await retention.forget_environments(stage.parts) == 1
    async with stage.parts.database.reader() as session:
        found = set(await session.scalars(select(EnvironmentRow.fingerprint)))
    assert marks[0] in found
    assert marks[1] not in found
    assert len(found) == 2


async def environment(stage: Scene, text: str) -> str:
    from prefect_platform.server.db.tables import ProjectRow

    async with stage.parts.database.session() as session:
        project = await session.get_one(ProjectRow, stage.agent.project_id)
        spec = EnvironmentSpec(python_version="3.11.7", variables={"TEXT": text})
        return await environments.ensure(session, stage.parts, stage.user, project, spec)


@pytest.mark.asyncio
async def test_a_job_that_fails_keeps_no_other(
    stage: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(parts: Parts) -> int:
        raise OSError("the disk is away")

    await ended(stage)
    await passed(stage, 366)
    monkeypatch.setattr(housekeeping, "JOBS", (("nothing", broken), *housekeeping.JOBS))
    await housekeeping.sweep(stage.parts)
    assert await count(stage.parts, RunRow) == 0
    assert "housekeeping of nothing failed" in caplog.text


@pytest.mark.asyncio
async def test_a_run_that_begins_anew_while_it_would_go_stays(stage: Scene) -> None:
    made = await ended(stage)
    await passed(stage, 366)
    assert await log_retention.remove(stage.parts) == 1
    again = await stage.attempt(made.flow_run_id)
    assert await retention.forget_runs(stage.parts) == 0
    await written(stage, again)
    assert await read(stage, again) == TEXT.decode()
    with pytest.raises(Removed):
        await read(stage, made)
    infos = await logs.source_infos(stage.parts, [made.workload.id, again.workload.id])
    assert [info.removed_at is None for info in infos] == [False, True]


@pytest.mark.asyncio
async def test_a_deleted_agent_goes_with_the_last_run_that_names_it(stage: Scene) -> None:
    kept, gone = [await start_of(stage, name) for name in ("kept", "gone")]
    async with stage.parts.database.session() as session:
        for workload in (kept, gone):
            start = await session.get_one(WorkloadRow, workload)
            resource = await session.get_one(ResourceRow, start.resource_id)
            resource.target, resource.deleted_at = "deleted", stage.parts.clock.now()
    agent = str((await stage.row(WorkloadRow, kept)).resource_id)
    other = str((await stage.row(WorkloadRow, gone)).resource_id)
    await passed(stage, 300)
    attempt = await ended(replace(stage, agent=replace(stage.agent, subject_id=agent)))
    await passed(stage, 66)
    await housekeeping.sweep(stage.parts)
    for table in (ResourceRow, AgentRow):
        assert await stage.row(table, other) is None
        assert await stage.row(table, agent) is not None
    await passed(stage, 366)
    await housekeeping.sweep(stage.parts)
    assert await stage.row(AttemptRow, attempt.id) is None
    for table in (ResourceRow, AgentRow):
        assert await stage.row(table, agent) is None
