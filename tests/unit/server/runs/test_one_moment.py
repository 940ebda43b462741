"""A reader sees one moment, whatever is written while it reads: an attempt and its workload agree."""

from __future__ import annotations

import pytest

from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services import workloads
from tests.server_scene import Scene


@pytest.mark.asyncio
async def test_a_reader_sees_one_moment(stage: Scene) -> None:
    attempt = await stage.attempt()
    async with stage.parts.database.reader() as reader:
        before = await reader.get(WorkloadRow, attempt.workload.id)
        assert before is not None
        async with stage.parts.database.session() as session:
            row = await workloads.locked(session, attempt.workload.id)
            assert row is not None
            row.cores = 7.0
        after = await reader.get(WorkloadRow, attempt.workload.id, populate_existing=True)
        assert after is not None
        assert after.cores == 1.0
    assert (await stage.row(WorkloadRow, attempt.workload.id)).cores == 7.0
