"""Which resources the keeper reads: those that have something to do, and no others, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select

from prefect_platform.server.db.tables import ResourceRow, WorkloadRow
from prefect_platform.server.services import resource_moves
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.resources import ResourceTarget
from prefect_platform.wire.runs import Status, Target
from tests.server_scene import Scene, scene


@pytest_asyncio.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(database_url, tmp_path, clock=ManualClock()) as made:
        yield made


STARTS = (
    None,
    {"status": Status.RUNNING, "target": Target.RUNNING},
    {"status": Status.QUEUED, "target": Target.STOPPED},
    {"status": Status.CRASHED, "target": Target.RUNNING},
    {"status": Status.CANCELLED, "target": Target.STOPPED, "removed": True},
)
PLAIN = {
    "kind": "agent",
    "cores": 0,
    "memory_bytes": 1,
    "grace_seconds": 1,
    "priority": 0,
    "handle": {},
    "steps": [],
}


def rows(stage: Scene) -> Iterator[tuple[ResourceRow, WorkloadRow | None]]:
    """Every state that a resource and its last start may be in together."""
    now = stage.parts.clock.now()
    soon, past = now + timedelta(seconds=1), now - timedelta(seconds=1)
    every = product(ResourceTarget, (False, True), (None, past, soon), STARTS)
    for number, (target, restart, next_start_at, last) in enumerate(every):
        start = None
        if last is not None:
            start = WorkloadRow(
                id=f"wl-{number}", project_id=stage.agent.project_id, target=last["target"].value,
                status=last["status"].value, removed_at=now if last.get("removed") else None, created_at=now,
                **PLAIN,
            )  # fmt: skip
        yield ResourceRow(
            id=f"rs-{number}", project_id=stage.agent.project_id, kind="prefect-agent", name=f"a-{number}",
            owner_id=stage.user.user_id, spec={}, spec_digest="d", target=target.value,
            workload_id=start.id if start else None, restarts=0, failures=0, restart=restart,
            next_start_at=next_start_at, created_at=now, updated_at=now,
        ), start  # fmt: skip


@pytest.mark.asyncio
async def test_what_is_read_is_what_has_something_to_do(stage: Scene) -> None:
    now, every = stage.parts.clock.now(), list(rows(stage))
    async with stage.parts.database.session() as session:
        session.add_all([start for _, start in every if start is not None])
        session.add_all([row for row, _ in every])
    hanging = {start.id for number, (_, start) in enumerate(every) if start is not None and number % 2}
    expected = {
        row.id
        for row, start in every
        if resource_moves.next_move(
            resource_moves.facts_of(row, start, now, hangs=start is not None and start.id in hanging),
            draining=False,
        )
    }
    assert 0 < len(expected) < len(every)
    async with stage.parts.database.reader() as session:
        found = await session.scalars(
            select(ResourceRow.id)
            .outerjoin(WorkloadRow, WorkloadRow.id == ResourceRow.workload_id)
            .where(resource_moves.may_move(now, hanging))
        )
        assert set(found) == expected
