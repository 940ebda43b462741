"""What sizes turned out to be enough for, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event

from prefect_platform.errors import NotFound
from prefect_platform.names import new_id
from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services import resources, size_evidence
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.resources import Resource, ResourceCreate, ResourceKind
from prefect_platform.wire.runs import WorkloadKind
from tests import server_calls
from tests.server_scene import GIB, Scene, scene

pytestmark = pytest.mark.asyncio
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest_asyncio.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(database_url, tmp_path, clock=ManualClock()) as made:
        yield made


async def ended(stage: Scene, size: str | None, peak: int | None, days: float = 0, **fields: Any) -> None:
    """A start that ended some days ago."""
    row = WorkloadRow(**{
        "id": new_id("wl"), "kind": "run-attempt", "project_id": stage.agent.project_id, "target": "running",
        "status": "succeeded", "cores": 1.0, "memory_bytes": 4 * GIB, "grace_seconds": 5.0, "priority": 0,
        "handle": {}, "steps": [], "created_at": NOW, "ended_at": NOW - timedelta(days=days), "size": size,
        "end": {"peak_memory_bytes": peak},
    } | fields)  # fmt: skip
    async with stage.parts.database.session() as session:
        session.add(row)


async def told(
    stage: Scene, kind: WorkloadKind = WorkloadKind.RUN_ATTEMPT, resource: str | None = None
) -> dict[str | None, tuple[int, int]]:
    found = await size_evidence.listing(stage.parts, stage.user, "default", kind, resource)
    return {one.size: (one.starts, one.peak_memory_bytes) for one in found}


async def test_each_size_has_the_highest_peak_of_its_starts(stage: Scene) -> None:
    for size, peak in (("small", 2 * GIB), ("small", 3 * GIB), ("large", 9 * GIB), (None, GIB)):
        await ended(stage, size, peak)
    assert await told(stage) == {"small": (2, 3 * GIB), "large": (1, 9 * GIB), None: (1, GIB)}


async def test_what_says_nothing_of_it_is_left_out(stage: Scene) -> None:
    await ended(stage, "small", None)
    await ended(stage, "small", 3 * GIB, end=None)
    await ended(stage, "small", 3 * GIB, ended_at=None, status="running")
    await ended(stage, "small", 3 * GIB, days=31)
    await ended(stage, "small", 3 * GIB, kind="jupyter-server")
    assert await told(stage) == {}
    assert await told(stage, WorkloadKind.JUPYTER_SERVER) == {"small": (1, 3 * GIB)}


async def test_only_the_last_ones_count(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size_evidence, "LOOKED_AT", 2)
    for days, peak in ((3, 9 * GIB), (2, 2 * GIB), (1, 3 * GIB)):
        await ended(stage, "small", peak, days)
    assert await told(stage) == {"small": (2, 3 * GIB)}


async def test_one_resource_alone_is_asked_for_by_its_id(stage: Scene) -> None:
    made: list[Resource] = []
    for name in ("mine", "theirs"):
        wanted = ResourceCreate(kind=ResourceKind.JUPYTER_SERVER, name=name, start=False)
        found = await resources.create(stage.parts, stage.user, "default", wanted)
        made.append(found)
        await ended(stage, name, GIB, kind="jupyter-server", resource_id=found.id)
    kind = WorkloadKind.JUPYTER_SERVER
    assert await told(stage, kind, made[0].id) == {"mine": (1, GIB)}
    assert await told(stage, kind, "nobody") == {}


async def test_who_is_no_member_is_told_nothing(stage: Scene) -> None:
    stranger = await server_calls.user(stage.parts, "stranger")
    with pytest.raises(NotFound):
        await size_evidence.listing(stage.parts, stranger, "default", WorkloadKind.RUN_ATTEMPT, None)


async def test_it_is_one_statement_however_many_starts_there_are(stage: Scene) -> None:
    statements: list[str] = []
    engine = stage.parts.database.engine.sync_engine

    def note(*told: Any) -> None:
        statements.append(told[2])

    counts = []
    for sizes in (1, 5):
        for number in range(sizes):
            await ended(stage, f"size-{sizes}-{number}", GIB)
        statements.clear()
        event.listen(engine, "before_cursor_execute", note)
        await told(stage)
        event.remove(engine, "before_cursor_execute", note)
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert sum("workloads" in one for one in statements) == 1
