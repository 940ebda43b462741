"""Usage on both databases: what counts, from when to when, at which price, and by what it can be told."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from sqlalchemy import event, text

from prefect_platform.errors import NotFound, UsageError
from prefect_platform.names import new_id
from prefect_platform.server.db.tables import AttemptRow, FlowRow, RunRow, WorkloadRow
from prefect_platform.server.services import attempts, catalogue, runs, usage, usage_sums, workloads
from prefect_platform.server.services.usage_period import period
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.runs import Status
from prefect_platform.wire.usage import Usage, UsageBy
from tests.server_scene import GIB, Scene, scene

pytestmark = pytest.mark.asyncio
START = datetime(2026, 1, 1, tzinfo=UTC)
"""Where a manual clock begins."""


@pytest_asyncio.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(database_url, tmp_path, clock=ManualClock()) as made:
        yield made


def clock(stage: Scene) -> ManualClock:
    assert isinstance(stage.parts.clock, ManualClock)
    return stage.parts.clock


async def ask(stage: Scene, *by: str, timezone: str = "UTC", **bounds: str) -> Usage:
    since, until = bounds.get("since"), bounds.get("until")
    return await usage.show(stage.parts, stage.user, "default", since, until, by or ["flow"], timezone)


async def hold(stage: Scene, began: datetime | None, ended: datetime | None, **fields: Any) -> str:
    """A workload that held its room for this time; of a run if `run` names one."""
    run = fields.pop("run", None)
    row = WorkloadRow(**{
        "id": new_id("wl"), "kind": "run-attempt", "project_id": stage.agent.project_id, "target": "running",
        "status": "succeeded" if ended else "running", "cores": 1.0, "memory_bytes": GIB,
        "grace_seconds": 5.0, "priority": 0, "handle": {}, "steps": [], "created_at": START,
        "admitted_at": began, "ended_at": ended, "flow_id": stage.flow_id,
    } | fields)  # fmt: skip
    async with stage.parts.database.session() as session:
        session.add(row)
        await session.flush()
        if run is not None:
            await attempt_row(stage, session, row.id, run)
    return row.id


async def attempt_row(stage: Scene, session: Any, workload_id: str, run: str) -> None:
    if await session.get(RunRow, run) is None:
        session.add(
            RunRow(
                id=run, project_id=stage.agent.project_id, flow_id=stage.flow_id, version_id=stage.version_id,
                name=f"name-of-{run}", attempts=0, created_at=START,
            )
        )  # fmt: skip
        await session.flush()
    session.add(
        AttemptRow(
            id=new_id("at"), project_id=stage.agent.project_id, run_id=run, workload_id=workload_id,
            version_id=stage.version_id, number=random.getrandbits(30), pending_state_id=new_id("st"),
        )
    )  # fmt: skip


async def move(stage: Scene, workload_id: str, *statuses: Status) -> None:
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, workload_id)
        assert row is not None
        for status in statuses:
            await workloads.move(session, row, status, "test", None, stage.parts.clock.now())


async def test_it_counts_from_the_room_to_the_end_and_up_to_now_meanwhile(stage: Scene) -> None:
    attempt = await stage.attempt()
    await clock(stage).advance(3600)
    assert (await ask(stage)).rows == [], "whoever waits pays nothing"
    await move(stage, attempt.workload.id, Status.PROVISIONING)
    await clock(stage).advance(1800)
    assert (await ask(stage)).total.hours == 0.5
    await move(stage, attempt.workload.id, Status.STARTING, Status.RUNNING, Status.SUCCEEDED)
    await clock(stage).advance(1800)
    found = await ask(stage)
    assert [(row.flow, row.hours, row.core_hours, row.memory_gib_hours) for row in found.rows] == [
        ("etl", 0.5, 0.5, 0.5)
    ]


async def test_a_start_that_found_no_room_after_all_counts_nothing(stage: Scene) -> None:
    attempt = await stage.attempt()
    await move(stage, attempt.workload.id, Status.PROVISIONING)
    await clock(stage).advance(60)
    await move(stage, attempt.workload.id, Status.QUEUED)
    assert (await ask(stage)).rows == []
    await clock(stage).advance(3540)
    await move(stage, attempt.workload.id, Status.PROVISIONING)
    await clock(stage).advance(3600)
    assert (await ask(stage)).total.hours == 1.0


async def test_the_price_is_the_one_at_the_start(stage: Scene) -> None:
    def priced(price: float) -> Any:
        entry = f"sizes:\n  - {{name: small, cores: 1, memory: 1GiB, price_per_hour: {price}}}\n"
        return replace(stage.parts, catalogue=catalogue.read(entry.encode(), "mine.yaml"))

    version = await stage.version()
    async with stage.parts.database.session() as session:
        await session.execute(
            text("UPDATE flow_versions SET settings = :settings WHERE id = :id"),
            {
                "id": version,
                "settings": '{"python": {"version": "3.11.7", "executable": "/x"}, "size": "small"}',
            },
        )
    for price in (1.5, 100.0):
        request = stage.request(flow_version_id=version, started_by="cyd")
        made = await attempts.create(priced(price), stage.agent, request)
        await move(stage, made.workload.id, Status.PROVISIONING)
        await clock(stage).advance(3600)
        await move(stage, made.workload.id, Status.CANCELLED)
    found = await ask(stage, "size,user")
    assert [(row.size, row.user, row.hours, row.price) for row in found.rows] == [
        ("small", "cyd", 2.0, 101.5)
    ]
    assert found.total.unpriced_hours == 0


async def test_hours_without_a_price_are_told_and_add_nothing(stage: Scene) -> None:
    await hold(stage, START, START + timedelta(hours=2), size="small", price_per_hour=3.0)
    await hold(stage, START, START + timedelta(hours=4))
    await hold(stage, START, START + timedelta(hours=1), size="small", price_per_hour=0.0)
    await clock(stage).advance(86400)
    found = await ask(stage, "size")
    told = [(row.size, row.hours, row.price, row.unpriced_hours) for row in found.rows]
    assert told == [("small", 3.0, 6.0, 0.0), (None, 4.0, None, 4.0)]
    assert (found.total.hours, found.total.price, found.total.unpriced_hours) == (7.0, 6.0, 4.0)
    await hold(stage, None, START)  # cancelled while it waited
    assert (await ask(stage, "size")).total == found.total


async def test_gpus_and_memory_are_what_was_held(stage: Scene) -> None:
    await hold(stage, START, START + timedelta(hours=3), gpu={"count": 2}, cores=0.5, memory_bytes=GIB // 2)
    await clock(stage).advance(86400)
    total = (await ask(stage)).total
    assert (total.core_hours, total.memory_gib_hours, total.gpu_hours) == (1.5, 1.5, 6.0)


async def test_only_what_lies_in_the_period_counts(stage: Scene) -> None:
    await hold(stage, START, START + timedelta(days=3))
    await clock(stage).advance(10 * 86400)
    for bounds, hours in (
        ({"since": "2026-01-02", "until": "2026-01-03"}, 24),
        ({"since": "2026-01-03T12:00", "until": "2026-01-09"}, 12),
        ({"since": "2025-12-01", "until": "2026-01-01T01:00"}, 1),
        ({"since": "2026-01-02", "until": "2026-01-02"}, 0),
        ({"since": "2025-01-01", "until": "2026-01-01"}, 0),
        ({"since": "2026-01-04", "until": "2026-01-05"}, 0),
        ({"since": "2027-01-01", "until": "2028-01-01"}, 0),
    ):
        assert (await ask(stage, **bounds)).total.hours == hours, bounds
        assert sum(row.hours for row in (await ask(stage, "day", **bounds)).rows) == hours, bounds


async def test_open_ones_end_now_for_periods_that_do_not(stage: Scene) -> None:
    await hold(stage, START, None)
    await clock(stage).advance(2 * 3600)
    assert (await ask(stage, until="2027-01-01", since="2026-01-01")).total.hours == 2
    assert (await ask(stage, "day", until="2027-01-01", since="2026-01-01")).total.hours == 2
    assert (await ask(stage, since="2026-06-01", until="2026-07-01")).rows == []


async def test_a_clock_that_was_set_back_counts_nothing(stage: Scene) -> None:
    await hold(stage, START + timedelta(hours=5), START + timedelta(hours=4))
    await clock(stage).advance(86400)
    assert (await ask(stage)).rows == []
    assert (await ask(stage, "day")).rows == []


async def test_a_night_is_cut_at_midnight_of_the_zone_that_is_asked_for(stage: Scene) -> None:
    begin = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
    await hold(stage, begin, begin + timedelta(hours=24))
    await clock(stage).advance(120 * 86400)
    paris = await ask(stage, "day", timezone="Europe/Paris", since="2026-03-01", until="2026-04-01")
    assert [(row.day, row.hours) for row in paris.rows] == [
        (date(2026, 3, 28), 0.5), (date(2026, 3, 29), 23.0), (date(2026, 3, 30), 0.5),
    ]  # fmt: skip
    utc = await ask(stage, "day", since="2026-03-01", until="2026-04-01")
    assert [(row.day, row.hours) for row in utc.rows] == [(date(2026, 3, 28), 1.5), (date(2026, 3, 29), 22.5)]


async def test_labels_and_their_order(stage: Scene) -> None:
    other = FlowRow(
        id="fl-2", project_id=stage.agent.project_id, identity="2" * 64, name="a-flow",
        owner_id=stage.stranger.user_id, created_at=START, updated_at=START,
    )  # fmt: skip
    async with stage.parts.database.session() as session:
        session.add(other)
    hour = timedelta(hours=1)
    await hold(stage, START, START + hour, run="r1", started_by="zoe")
    await hold(stage, START, START + 2 * hour, run="r1", started_by="zoe")
    await hold(stage, START, START + 4 * hour, flow_id="fl-2")
    await hold(stage, START, START + 8 * hour, flow_id=None, kind="agent", started_by="ana")
    await clock(stage).advance(86400)
    assert [(row.user, row.hours) for row in (await ask(stage, "user")).rows] == [
        ("ana", 8), ("bob", 4), ("zoe", 3),
    ]  # fmt: skip
    assert [(row.flow, row.hours) for row in (await ask(stage, "flow")).rows] == [
        ("a-flow", 4), ("etl", 3), (None, 8),
    ]  # fmt: skip
    by_run = (await ask(stage, "kind", "run")).rows
    assert [(row.kind, row.run, row.run_name, row.hours) for row in by_run] == [
        ("agent", None, None, 8), ("run-attempt", "r1", "name-of-r1", 3), ("run-attempt", None, None, 4),
    ]  # fmt: skip
    everything = await ask(stage, "day,kind", "size,user,run,flow,day")
    assert len(everything.rows) == 3
    assert everything.by == [UsageBy.DAY, UsageBy.KIND, UsageBy.SIZE, UsageBy.USER, UsageBy.RUN, UsageBy.FLOW]
    assert everything.total.hours == 15


async def test_who_started_a_run_is_known_to_its_workload_even_if_an_agent_was_faster(stage: Scene) -> None:
    run = await runs.start(stage.parts, stage.user, stage.flow_id, RunRequest(), None)
    first = await stage.attempt(run.id)
    assert (await stage.row(WorkloadRow, first.workload.id)).started_by == "ana"
    attempt = await stage.attempt()
    row = await stage.row(WorkloadRow, attempt.workload.id)
    assert (row.flow_id, row.started_by) == (stage.flow_id, None)
    async with stage.parts.database.session() as session:
        found = await session.get(RunRow, attempt.flow_run_id)
        assert found is not None
        await runs._say_who(session, found, "ana")
    assert (await stage.row(WorkloadRow, attempt.workload.id)).started_by == "ana"


async def test_members_alone_see_it(stage: Scene) -> None:
    for project in ("default", "no-such", "x" * 5000):
        with pytest.raises(NotFound, match="no project"):
            await usage.show(stage.parts, stage.stranger, project, None, None, ["flow"], "UTC")


async def test_another_projects_hours_are_not_ours(stage: Scene) -> None:
    from prefect_platform.server.services import projects
    from prefect_platform.wire.projects import ProjectCreate

    await projects.create(stage.parts, stage.stranger, ProjectCreate(name="theirs"))
    await hold(stage, START, None)
    await clock(stage).advance(3600)
    theirs = await usage.show(stage.parts, stage.stranger, "theirs", None, None, ["flow"], "UTC")
    assert (theirs.rows, theirs.total.hours, theirs.total.price) == ([], 0, 0)


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (["flows"], "Did you mean 'flow'?"), (["flow,dya"], "Did you mean 'day'?"), ([""], "by ''"),
        (["flow,"], "by ''"), (["FLOW"], "no usage by"),
        (["x" * 9000], "but by flow, run, user, size, kind, day"),
    ],
)  # fmt: skip
async def test_unknown_words_are_refused_with_the_nearest(stage: Scene, by: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        await ask(stage, *by)
    assert said in caught.value.message


async def test_more_rows_than_an_answer_holds_are_refused(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "MOST_ROWS", 2)
    await hold(stage, START, START + timedelta(days=2))
    await clock(stage).advance(30 * 86400)
    assert len((await ask(stage, "day")).rows) == 2
    await hold(stage, START + timedelta(days=4), START + timedelta(days=5))
    with pytest.raises(UsageError, match=r"more than 2 rows: ask for a shorter time, or by less than day\."):
        await ask(stage, "day")


ZONES = [
    "UTC",
    "Europe/Paris",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
]
QUARTER = timedelta(minutes=15)


def slowly(
    held: list[tuple[datetime, datetime, float]], since: datetime, until: datetime, zone: ZoneInfo
) -> dict[date, tuple[float, float]]:
    """Hours and core hours by day, by going through every quarter of an hour: no zone changes within one."""
    found: dict[date, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for began, ended, cores in held:
        at, last = max(began, since), min(ended, until)
        while at < last:
            following = min(last, at - (at - START) % QUARTER + QUARTER)
            hours = (following - at) / timedelta(hours=1)
            day = found[at.astimezone(zone).date()]
            day[0], day[1] = day[0] + hours, day[1] + hours * cores
            at = following
    return {day: (hours, cores) for day, (hours, cores) in found.items()}


@pytest.mark.parametrize("zone", ZONES)
async def test_the_database_adds_up_what_going_through_the_time_adds_up(stage: Scene, zone: str) -> None:
    chance = random.Random(zone)
    held = []
    for _ in range(40):
        began = START + timedelta(milliseconds=chance.randrange(330 * 86_400_000))
        ended = began + timedelta(milliseconds=chance.choice([90_000_000, 7_200_000, 600_000_000]))
        held.append((began, ended, chance.choice([0.5, 1.0, 4.0])))
        await hold(stage, *held[-1][:2], cores=held[-1][2])
    await clock(stage).advance(365 * 86400)
    for since, until in (("2026-01-01", "2026-12-20"), ("2026-03-29T01:30:00Z", "2026-11-01T04:45:00Z")):
        found = await ask(stage, "day", timezone=zone, since=since, until=until)
        expected = slowly(held, found.since, found.until, ZoneInfo(zone))
        assert {row.day: (row.hours, row.core_hours) for row in found.rows} == {
            day: (pytest.approx(hours, abs=1e-5), pytest.approx(cores, abs=1e-5))
            for day, (hours, cores) in expected.items()
        }
        whole = await ask(stage, timezone=zone, since=since, until=until)
        assert whole.total.hours == pytest.approx(found.total.hours, abs=1e-4)


@contextmanager
def statements(stage: Scene) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    engine = stage.parts.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


async def test_many_workloads_are_one_statement_and_few_rows(stage: Scene) -> None:
    for hour in range(120):
        await hold(stage, START + timedelta(hours=hour), START + timedelta(hours=hour + 1), run=f"r{hour}")
    await clock(stage).advance(30 * 86400)
    with statements(stage) as few:
        assert len((await ask(stage, "flow,user,day")).rows) == 5
    assert len([one for one in few if "FROM workloads" in one]) == 1
    assert len(few) <= 6, few


async def test_sqlite_reads_the_index_alone(stage: Scene) -> None:
    """A workload's own row is wide and its run's is elsewhere: neither is looked at, by whatever is asked."""
    if not stage.parts.database.is_sqlite:
        pytest.skip("how PostgreSQL goes about it depends on its statistics")
    wanted = period("2026-01-01", "2026-02-01", "Europe/Paris", START)
    by = [UsageBy.FLOW, UsageBy.USER, UsageBy.SIZE, UsageBy.KIND, UsageBy.DAY]
    statement = usage_sums.statement("pr", wanted, by, START)
    compiled = statement.compile(dialect=stage.parts.database.engine.dialect)
    async with stage.parts.database.reader() as session:
        connection = await session.connection()
        values = tuple(compiled.params[name] for name in compiled.positiontup or ())
        bound = tuple(
            one.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(one, datetime) else one for one in values
        )
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", bound)
        found = [row[3] for row in plan]
    reads = [line for line in found if "workloads" in line]
    assert len(reads) == 2
    assert all("COVERING INDEX ix_workloads_usage (project_id=? AND ended_at" in line for line in reads)
    assert not any("attempts" in line or "runs" in line for line in found)
