"""Clusters through their service and keeper, on both databases: who may, what is refused, what is made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from prefect_platform.errors import Conflict, Forbidden, NotFound, UsageError
from prefect_platform.server.controller import admission
from prefect_platform.server.controller.clusters import ClusterKeeper
from prefect_platform.server.db.tables import ClusterRow, FlowVersionRow, WorkloadRow
from prefect_platform.server.services import (
    attempts,
    capacity,
    cluster_opening,
    cluster_reports,
    cluster_tls,
    clusters,
    ends,
    launches,
    runs,
)
from prefect_platform.server.services.callers import Caller
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.clusters import (
    AdaptRequest,
    Cluster,
    ClusterCreate,
    ClusterStatus,
    ScaleRequest,
    SchedulerReport,
    report_key,
)
from prefect_platform.wire.dask_spec import AdaptRange, DaskSpec
from prefect_platform.wire.flows import PythonInfo
from prefect_platform.wire.runs import Attempt, ResultReport, Status
from prefect_platform.wire.tokens import TokenKind
from tests import server_calls
from tests.server_scene import GIB, Scene, scene

pytestmark = pytest.mark.asyncio
PYTHON = PythonInfo(**server_calls.PYTHON)
ADDRESS, DASHBOARD = "tls://127.0.0.1:8786", "http://127.0.0.1:8787"


@pytest_asyncio.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(database_url, tmp_path) as made:
        made.parts.machine.set(4.0, 8 * GIB)
        yield made


async def create(stage: Scene, caller: Caller | None = None, name: str | None = None, **spec: Any) -> Cluster:
    request = ClusterCreate(name=name, spec=DaskSpec(**spec), python=PYTHON)
    return await clusters.create(stage.parts, caller or stage.user, "default", request)


async def show(stage: Scene, cluster: Cluster) -> Cluster:
    return await clusters.show(stage.parts, stage.user, "default", cluster.id)


async def rows(stage: Scene, cluster_id: str) -> list[WorkloadRow]:
    found = select(WorkloadRow).where(WorkloadRow.cluster_id == cluster_id)
    async with stage.parts.database.reader() as session:
        return list(await session.scalars(found.order_by(WorkloadRow.cluster_number)))


async def keep(stage: Scene) -> None:
    await ClusterKeeper(stage.parts).round()


def code(stage: Scene, workload_id: str) -> Caller:
    return Caller(
        TokenKind.USER_CODE, "tk-c", workload_id, project_id=stage.agent.project_id, subject_id=workload_id
    )


async def tell(stage: Scene, cluster: Cluster, **report: Any) -> None:
    scheduler = cluster.members[0].workload_id
    told = SchedulerReport(**{"address": ADDRESS, "dashboard_address": DASHBOARD} | report)
    await cluster_reports.report(stage.parts, code(stage, scheduler), scheduler, told)


async def end(stage: Scene, workload_id: str, **report: Any) -> None:
    told = ResultReport(**{"exit_code": 0, "signal": None} | report)
    async with stage.parts.database.session() as session:
        row = await session.get_one(WorkloadRow, workload_id)
        row.status = Status.RUNNING.value
        await ends.end(session, row, told, "test", stage.parts.clock.now())


async def with_dask(stage: Scene, memory_bytes: int = GIB, **spec: Any) -> Attempt:
    version_id = await stage.version(memory_bytes=memory_bytes)
    async with stage.parts.database.session() as session:
        row = await session.get_one(FlowVersionRow, version_id)
        row.settings = {**row.settings, "dask": DaskSpec(**spec).model_dump(mode="json")}
    return await stage.attempt(flow_version_id=version_id)


async def cluster_of(stage: Scene, attempt: Attempt) -> Cluster:
    project = str(stage.agent.project_id)
    return (await clusters.of_run(stage.parts, stage.user, project, [attempt.workload.id]))[0]


async def test_a_cluster_of_a_user_waits_for_room_with_all_its_members(stage: Scene) -> None:
    made = await create(stage, n_workers=3)
    assert (made.status, made.owner_kind.value, made.user) == (ClusterStatus.QUEUED, "user", "ana")
    assert [one.name for one in made.members] == ["dask-scheduler", *(f"dask-worker-{n}" for n in (1, 2, 3))]
    assert made.spec.idle_timeout_seconds == clusters.IDLE_SECONDS
    await admission.admit(stage.parts)
    assert {row.status for row in await rows(stage, made.id)} == {"provisioning"}


async def test_what_there_is_no_room_for_waits_with_the_reason_and_holds_up_nobody(stage: Scene) -> None:
    made = await create(stage, n_workers=20)
    run = await stage.attempt()
    assert (await capacity.show(stage.parts)).queued == 1, "its members take no slot of a run"
    await admission.admit(stage.parts)
    found = await show(stage, made)
    waiting = [one for one in found.members if one.status == "queued"]
    assert len(found.members) - len(waiting) == 8
    assert "waits for memory: it needs 1 GiB" in str(waiting[0].reason)
    assert (await stage.row(WorkloadRow, run.workload.id)).status == "queued", "their room is taken for now"
    await clusters.scale(stage.parts, stage.user, "default", made.name, ScaleRequest(n_workers=2))
    await keep(stage)
    for row in await rows(stage, made.id):
        if (row.cluster_number or 0) > 2 and row.status != "queued":
            await end(stage, row.id)
    await admission.admit(stage.parts)
    assert (await stage.row(WorkloadRow, run.workload.id)).status == "provisioning"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"worker_size": "hugee"}, "worker_size: There is no size 'hugee'"),
        ({"scheduler_size": "nope"}, "scheduler_size: There is no size 'nope'"),
        ({"worker_size": "4xlarge"}, "worker_size: it could never start here"),
    ],
)
async def test_what_can_never_be_is_refused_by_its_parameter(
    stage: Scene, spec: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        await create(stage, **spec)
    async with stage.parts.database.reader() as session:
        assert await session.scalar(select(ClusterRow.id)) is None


async def test_a_name_is_taken_until_the_cluster_has_ended(stage: Scene) -> None:
    first = await create(stage, name="mine")
    with pytest.raises(Conflict, match="open cluster named 'mine'"):
        await create(stage, name="mine")
    await clusters.close(stage.parts, stage.user, "default", "mine")
    await keep(stage)
    found = await show(stage, first)
    assert (found.status, found.reason) == (ClusterStatus.STOPPED, "It was closed.")
    await create(stage, name="mine")


async def test_who_may_see_change_and_connect(stage: Scene) -> None:
    made = await create(stage)
    member = await server_calls.user(stage.parts, "ben", "member")
    owner = await server_calls.user(stage.parts, "olga", "owner")
    for somebody in (member, owner):
        assert (await clusters.show(stage.parts, somebody, "default", made.name)).id == made.id
        with pytest.raises(Forbidden, match="only they can connect to it"):
            await clusters.connection(stage.parts, somebody, "default", made.name, None, 0)
    with pytest.raises(Forbidden, match="works for ana: only they can change it"):
        await clusters.close(stage.parts, member, "default", made.name)
    await clusters.scale(stage.parts, owner, "default", made.name, ScaleRequest(n_workers=2))
    with pytest.raises(NotFound):
        await clusters.show(stage.parts, stage.stranger, "default", made.name)
    with pytest.raises(NotFound):
        await clusters.show(stage.parts, code(stage, "wl-other"), "default", made.name)


async def test_the_key_is_kept_encrypted_and_given_to_who_connects(stage: Scene) -> None:
    made = await create(stage)
    found = await clusters.connection(stage.parts, stage.user, "default", made.name, None, 0)
    row = await stage.row(ClusterRow, made.id)
    assert "PRIVATE KEY" in found.tls.key
    assert found.tls.key not in row.private_key
    assert "PRIVATE KEY" not in row.private_key + row.wrapped_key
    assert found.tls.key not in repr(found)
    assert cluster_tls.opened(stage.parts.keyring, row).certificate == found.tls.certificate


async def test_a_scheduler_tells_where_it_is_and_hears_what_is_wanted(stage: Scene) -> None:
    made = await create(stage, n_workers=2)
    await tell(stage, made, workers=1)
    found = await show(stage, made)
    assert (found.status, found.scheduler_address, found.workers_ready) == (
        ClusterStatus.RUNNING, ADDRESS, 1,
    )  # fmt: skip
    scheduler = made.members[0].workload_id
    caller = code(stage, scheduler)
    bounds = AdaptRange(minimum=1, maximum=4)
    await clusters.adapt(stage.parts, stage.user, "default", made.name, AdaptRequest(adapt=bounds))
    orders = await cluster_reports.report(
        stage.parts,
        caller,
        scheduler,
        SchedulerReport(address=ADDRESS, dashboard_address=DASHBOARD, wanted=9),
    )
    assert (orders.n_workers, orders.adapt, orders.stopping) == (4, bounds, False)
    await clusters.scale(stage.parts, stage.user, "default", made.name, ScaleRequest(n_workers=3))
    orders = await cluster_reports.report(stage.parts, caller, scheduler, SchedulerReport(address=ADDRESS))
    assert (orders.n_workers, orders.adapt) == (3, None)
    worker = made.members[1].workload_id
    with pytest.raises(NotFound, match="no scheduler of a cluster"):
        await cluster_reports.report(stage.parts, code(stage, worker), worker, SchedulerReport())
    with pytest.raises(NotFound):
        await cluster_reports.report(stage.parts, code(stage, worker), scheduler, SchedulerReport())


async def test_idle_ends_it_with_the_reason(stage: Scene) -> None:
    made = await create(stage, idle_timeout_seconds=5.0)
    await tell(stage, made)
    await tell(stage, made, idle=True)
    assert (await show(stage, made)).reason == "Nothing was done in it for 5 s."
    assert (await stage.row(ClusterRow, made.id)).target == "stopped"


async def leased(stage: Scene, keeper: ClusterKeeper) -> Cluster:
    request = ClusterCreate(python=PYTHON, lease_seconds=60)
    made = await clusters.create(stage.parts, stage.user, "default", request)
    await keeper.round()
    return made


async def test_it_ends_when_nobody_renews_its_lease(database_url: str, tmp_path: Path) -> None:
    clock = ManualClock()
    async with scene(database_url, tmp_path, clock=clock) as stage:
        stage.parts.machine.set(4.0, 8 * GIB)
        keeper = ClusterKeeper(stage.parts)
        made, stays = await leased(stage, keeper), await create(stage)
        await clock.advance(50)
        await clusters.renew(stage.parts, stage.user, "default", made.id)
        await keeper.round()
        await clock.advance(50)
        await keeper.round()
        assert (await show(stage, made)).status is ClusterStatus.QUEUED, "it was renewed in time"
        await clock.advance(11)
        await keeper.round()
        found = await show(stage, made)
        assert (found.status, found.reason) == (
            ClusterStatus.STOPPED,
            "Whoever made it was not heard of for 60 s.",
        )
        assert (await show(stage, stays)).status is ClusterStatus.QUEUED, "without a lease it stays"
        with pytest.raises(Conflict, match="has ended or is about to"):
            await clusters.renew(stage.parts, stage.user, "default", made.id)


async def test_neither_a_machine_that_slept_nor_a_platform_that_was_away_ends_a_lease(
    database_url: str, tmp_path: Path
) -> None:
    clock = ManualClock()
    async with scene(database_url, tmp_path, clock=clock) as stage:
        stage.parts.machine.set(4.0, 8 * GIB)
        keeper = ClusterKeeper(stage.parts)
        made = await leased(stage, keeper)
        clock.machine_sleeps(3600)
        await keeper.round()
        assert (await show(stage, made)).status is ClusterStatus.QUEUED
        await clock.advance(61)
        another = ClusterKeeper(stage.parts)
        await another.round()
        assert (await show(stage, made)).status is ClusterStatus.QUEUED, (
            "to a new platform it has just been made"
        )
        await clock.advance(61)
        await another.round()
        assert (await show(stage, made)).status is ClusterStatus.STOPPED


async def test_a_worker_that_its_scheduler_gave_up_is_ended_by_force_and_replaced(stage: Scene) -> None:
    made = await create(stage, n_workers=2)
    await admission.admit(stage.parts)
    for lost in (["dask-worker-2", "dask-worker-77", "dask-scheduler", "<b>"], ["dask-worker-2"]):
        await tell(stage, made, workers=1, lost=lost)
    stopped = next(row for row in await rows(stage, made.id) if row.cluster_number == 2)
    assert (stopped.target, stopped.grace_seconds) == ("stopped", 0.0)
    await keep(stage)
    found = await show(stage, made)
    assert [one.name for one in found.members][-1] == "dask-worker-3"
    [event] = found.events
    assert (event.member, event.reason) == ("dask-worker-2", cluster_reports.LOST_WORKER)
    await end(stage, stopped.id, exit_code=None, signal=9)
    await keep(stage)
    assert len((await show(stage, made)).events) == 1, "its end is no other loss"


async def test_a_run_costs_what_its_cluster_does(stage: Scene) -> None:
    attempt = await with_dask(stage, n_workers=1)
    cluster = await cluster_of(stage, attempt)
    now = stage.parts.clock.now()
    async with stage.parts.database.session() as session:
        for workload_id, price in (
            (attempt.workload.id, 0.5),
            *((one.workload_id, 0.25) for one in cluster.members),
        ):
            row = await session.get_one(WorkloadRow, workload_id)
            row.admitted_at, row.price_per_hour = now - timedelta(hours=2), price
    page = await runs.listing(stage.parts, stage.user, "default", None, None, None, None)
    assert page.items[0].price == pytest.approx(2 * (0.5 + 0.25 + 0.25), rel=1e-3), "still open"
    assert page.items[0].workers == 1


async def test_a_worker_that_is_lost_is_replaced_and_told_of(stage: Scene) -> None:
    made = await create(stage, n_workers=2)
    await tell(stage, made, workers=2)
    await end(stage, made.members[1].workload_id, exit_code=None, signal=9, peak_memory_bytes=GIB)
    await keep(stage)
    await keep(stage)
    found = await show(stage, made)
    assert [one.name for one in found.members if one.status != "ended"] == [
        "dask-scheduler", "dask-worker-2", "dask-worker-3",
    ]  # fmt: skip
    assert found.events[0].member == "dask-worker-1"
    assert "killed by SIGKILL" in found.events[0].reason


async def test_workers_that_end_at_once_are_replaced_ever_later_and_then_no_more(stage: Scene) -> None:
    made = await create(stage, n_workers=1)
    for _ in range(6):
        async with stage.parts.database.session() as session:
            (await session.get_one(ClusterRow, made.id)).next_worker_at = None
        await keep(stage)
        last = (await rows(stage, made.id))[-1]
        await end(stage, last.id, exit_code=1, last_lines="ModuleNotFoundError: No module named 'x'")
        await keep(stage)
    found = await show(stage, made)
    assert str(found.reason).startswith("Workers end soon after their start. The last of 6: ")
    assert "No module named 'x'" in str(found.reason)


async def test_a_run_with_a_cluster_is_admitted_with_all_that_it_needs(stage: Scene) -> None:
    attempt = await with_dask(stage, n_workers=2)
    cluster = await cluster_of(stage, attempt)
    assert (cluster.owner_kind.value, cluster.owner_id) == ("attempt", attempt.flow_run_id)
    assert {one.reason for one in cluster.members} == {"It starts with its run."}
    await admission.admit(stage.parts)
    assert (await stage.row(WorkloadRow, attempt.workload.id)).status == "provisioning"
    assert {row.status for row in await rows(stage, cluster.id)} == {"provisioning"}


async def test_or_not_at_all(stage: Scene) -> None:
    holds = await stage.attempt(flow_version_id=await stage.version(memory_bytes=6 * GIB))
    await admission.admit(stage.parts)
    attempt = await with_dask(stage, n_workers=4)
    cluster = await cluster_of(stage, attempt)
    await admission.admit(stage.parts)
    assert (await stage.row(WorkloadRow, attempt.workload.id)).status == "queued"
    assert {row.status for row in await rows(stage, cluster.id)} == {"queued"}
    await end(stage, holds.workload.id, receipt="COMPLETED")
    await admission.admit(stage.parts)
    assert {row.status for row in await rows(stage, cluster.id)} == {"provisioning"}


async def test_more_workers_than_a_machine_can_have_begin_with_what_it_has(stage: Scene) -> None:
    attempt = await with_dask(stage, n_workers=40)
    cluster = await cluster_of(stage, attempt)
    await admission.admit(stage.parts)
    assert (await stage.row(WorkloadRow, attempt.workload.id)).status == "provisioning"
    statuses = [row.status for row in await rows(stage, cluster.id)]
    assert (statuses.count("provisioning"), statuses.count("queued")) == (7, 34)  # a scheduler and 6 workers


async def test_a_run_that_has_no_room_even_with_one_worker_ends_with_the_reason(stage: Scene) -> None:
    attempt = await with_dask(stage, memory_bytes=7 * GIB + GIB // 2, n_workers=1)
    await admission.admit(stage.parts)
    found = await attempts.show(stage.parts, stage.agent, attempt.id)
    assert found.status is Status.CRASHED
    assert "together with the scheduler and one worker of its Dask cluster" in str(found.reason)
    await keep(stage)
    assert (await cluster_of(stage, attempt)).status in (ClusterStatus.STOPPING, ClusterStatus.STOPPED)


async def test_the_cluster_ends_with_its_run_whatever_ended_it(stage: Scene) -> None:
    attempt = await with_dask(stage, n_workers=2)
    await admission.admit(stage.parts)
    await end(stage, attempt.workload.id, exit_code=None, signal=9)
    await keep(stage)
    cluster = await cluster_of(stage, attempt)
    assert (cluster.status, cluster.reason) == (ClusterStatus.STOPPING, "Its run has ended.")
    assert {row.target for row in await rows(stage, cluster.id)} == {"stopped"}


async def test_a_lost_scheduler_ends_the_run_as_crashed_for_that(stage: Scene) -> None:
    attempt = await with_dask(stage, n_workers=1)
    await admission.admit(stage.parts)
    cluster = await cluster_of(stage, attempt)
    await end(stage, cluster.members[0].workload_id, exit_code=None, signal=9)
    await keep(stage)
    assert not await stage.stop_wanted(attempt.workload.id), "its engine sees that by itself"
    await end(stage, attempt.workload.id, exit_code=1, receipt="CRASHED")
    found = await attempts.show(stage.parts, stage.agent, attempt.id)
    assert found.status is Status.CRASHED
    assert str(found.reason).startswith("Its Dask cluster was lost. Its scheduler was lost: It was killed by")


async def test_one_that_does_not_see_it_is_ended_by_force_and_not_cancelled(stage: Scene) -> None:
    attempt = await with_dask(stage, n_workers=1)
    await admission.admit(stage.parts)
    cluster = await cluster_of(stage, attempt)
    for one in cluster.members:
        await end(stage, one.workload_id, exit_code=None, signal=9)
    await keep(stage)
    assert (await cluster_of(stage, attempt)).status is ClusterStatus.STOPPING
    async with stage.parts.database.session() as session:
        row = await session.get_one(WorkloadRow, attempt.workload.id)
        before = (stage.parts.clock.now() - timedelta(seconds=31)).isoformat()
        row.steps = [{**step, "at": before} for step in row.steps]
    await keep(stage)
    row = await stage.row(WorkloadRow, attempt.workload.id)
    assert (row.target, row.cancel_requested_by, row.grace_seconds) == ("stopped", None, 0.0)
    await keep(stage)
    assert (await cluster_of(stage, attempt)).status is ClusterStatus.FAILED


async def test_a_failed_run_tells_of_the_workers_that_were_lost(stage: Scene) -> None:
    attempt = await with_dask(stage, n_workers=1)
    await admission.admit(stage.parts)
    cluster = await cluster_of(stage, attempt)
    await tell(stage, cluster, workers=1)
    await end(stage, cluster.members[1].workload_id, exit_code=None, signal=11)
    await keep(stage)
    await end(stage, attempt.workload.id, exit_code=1, receipt="FAILED", last_lines="KilledWorker: no")
    found = await attempts.show(stage.parts, stage.agent, attempt.id)
    assert "dask-worker-1 of its Dask cluster was lost: It was killed by SIGSEGV" in str(found.reason)


async def test_code_reaches_the_cluster_of_its_own_run_alone(stage: Scene) -> None:
    first, second = await with_dask(stage), await with_dask(stage)
    mine, other = await cluster_of(stage, first), await cluster_of(stage, second)
    caller = code(stage, first.workload.id)
    found = await clusters.connection_of_workload(stage.parts, caller, first.workload.id, None, 0)
    assert found.cluster_id == mine.id
    worker = code(stage, mine.members[1].workload_id)
    found = await clusters.connection_of_workload(stage.parts, worker, str(worker.subject_id), None, 0)
    assert found.cluster_id == mine.id
    with pytest.raises(NotFound):
        await clusters.connection_of_workload(stage.parts, caller, second.workload.id, None, 0)
    with pytest.raises(NotFound):
        await clusters.connection(stage.parts, caller, "default", other.name, None, 0)
    plain = await stage.attempt()
    with pytest.raises(NotFound, match=r"no Dask cluster: register its flow with dask=DaskCluster"):
        await clusters.connection_of_workload(
            stage.parts, code(stage, plain.workload.id), plain.workload.id, None, 0
        )


async def test_code_of_a_run_makes_clusters_that_end_with_it_and_workers_make_none(stage: Scene) -> None:
    attempt = await with_dask(stage)
    made = await create(stage, code(stage, attempt.workload.id))
    assert (made.owner_kind.value, made.owner_id, made.user) == ("attempt", attempt.flow_run_id, "ana")
    worker = code(stage, (await cluster_of(stage, attempt)).members[1].workload_id)
    with pytest.raises(Forbidden, match="A worker of a cluster makes no clusters"):
        await create(stage, worker)


async def test_what_a_scheduler_and_a_worker_are_told(stage: Scene) -> None:
    made = await create(stage, n_workers=1, processes=2, threads=3)
    await admission.admit(stage.parts)
    told = []
    for one in made.members:
        caller = stage.launcher(one.workload_id)
        told.append(await launches.claim(stage.parts, caller, one.workload_id, f"l-{one.name}"))
    scheduler, worker = told
    assert [one["program"]["source"] for one in told] == ["dask-scheduler", "dask-worker-1"]
    assert worker["program"]["arguments"][:2] == ["-m", "prefect_platform.dask_cluster.worker"]
    files = {one["name"]: one["content"] for one in worker["program"]["files"]}
    assert '"processes": 2, "threads": 3' in files["dask/member.json"]
    assert "PRIVATE KEY" in files["dask/cluster.key"]
    assert (
        files["dask/cluster.pem"]
        == {one["name"]: one["content"] for one in scheduler["program"]["files"]}["dask/cluster.pem"]
    )


async def test_two_keepers_make_each_worker_once(stage: Scene) -> None:
    made = await create(stage, n_workers=1)
    await clusters.scale(stage.parts, stage.user, "default", made.name, ScaleRequest(n_workers=5))
    keepers = ClusterKeeper(stage.parts), ClusterKeeper(stage.on(stage.parts.database))
    for keeper in keepers:
        await keeper.round()
    assert [row.cluster_number for row in await rows(stage, made.id)] == [0, 1, 2, 3, 4, 5]


async def test_a_member_that_outlives_its_cluster_is_ended(
    stage: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    made = await create(stage)
    before = stage.parts.clock.now() - timedelta(seconds=31)
    async with stage.parts.database.session() as session:
        (await session.get_one(ClusterRow, made.id)).ended_at = before
        worker = await session.get_one(WorkloadRow, made.members[1].workload_id)
        worker.status = Status.RUNNING.value
    await ClusterKeeper(stage.parts).sweep()
    assert await stage.stop_wanted(made.members[1].workload_id)
    assert (await stage.row(WorkloadRow, made.members[0].workload_id)).status == "crashed"
    assert f"outlived cluster {made.id}" in caplog.text


async def test_the_dashboard_is_there_while_the_cluster_is(stage: Scene) -> None:
    made = await create(stage)
    with pytest.raises(Conflict, match="its dashboard can be opened while it runs"):
        await cluster_opening.link(stage.parts, stage.user, "default", made.name)
    await tell(stage, made)
    async with stage.parts.database.reader() as session:
        found = await cluster_opening.behind(session, made.id)
        assert found is not None
        assert (found.address, found.user_id, found.home) == (("127.0.0.1", 8787), None, "/status")
    await clusters.close(stage.parts, stage.user, "default", made.name)
    async with stage.parts.database.reader() as session:
        found = await cluster_opening.behind(session, made.id)
        assert found is not None
        assert found.address is None


@pytest.mark.parametrize("address", ["http://example.org:80", "http://127.0.0.1:0", "http://127.0.0.1:1/x"])
async def test_no_dashboard_elsewhere_is_believed(address: str) -> None:
    with pytest.raises(ValueError, match="dashboard_address"):
        SchedulerReport(dashboard_address=address)


async def test_a_report_is_that_of_its_own_scheduler(stage: Scene) -> None:
    made = await create(stage)
    scheduler = made.members[0].workload_id
    await tell(stage, made, report="a" * 64)
    assert not (await show(stage, made)).has_report
    with pytest.raises(NotFound, match="no performance report yet"):
        await cluster_opening.report(stage.parts, stage.user, "default", made.name)
    await clusters.close(stage.parts, stage.user, "default", made.name)
    await tell(stage, made, report=report_key(scheduler))
    assert (await show(stage, made)).has_report


async def test_a_closed_cluster_cannot_be_changed_and_closing_again_is_no_fault(stage: Scene) -> None:
    made = await create(stage)
    for _ in range(2):
        found = await clusters.close(stage.parts, stage.user, "default", made.name)
        assert found.status is ClusterStatus.STOPPING
    with pytest.raises(Conflict, match=r"has ended or is about to \(It was closed\): make a new one"):
        await clusters.scale(stage.parts, stage.user, "default", made.name, ScaleRequest(n_workers=2))
