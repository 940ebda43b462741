"""Devices belong to one workload at a time, from admission to the end; who can never have any is told why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from prefect_platform.backends.memory import MemoryBackend
from prefect_platform.errors import NoCapacity, NotFound
from prefect_platform.server.controller import admission
from prefect_platform.server.controller.controller import Controller
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import FlowVersionRow, WorkloadRow
from prefect_platform.server.services import attempts, capacity, catalogue, ends, launches
from prefect_platform.wire.runs import Attempt, ResultReport, Status
from prefect_platform.wire.sizes import Gpu
from tests.nvidia.fake import gpu
from tests.server_scene import GIB, Scene, scene, until

pytestmark = pytest.mark.asyncio

A, B, T = gpu(1), gpu(2), gpu(3, "Tesla T4", 15 * GIB)
MINE = b"""
sizes:
  - {name: small, cores: 1, memory: 1GiB}
  - {name: gpu-1, cores: 1, memory: 1GiB, gpu: A100}
  - {name: wide, cores: 6, memory: 1GiB}
"""


@pytest_asyncio.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(database_url, tmp_path) as found:
        found.parts = replace(found.parts, catalogue=catalogue.read(MINE, "mine.yaml"))
        found.parts.machine.set(4.0, 8 * GIB, [A, B, T])
        yield found


async def version(stage: Scene, **settings: Any) -> str:
    """A version that asks for this."""
    version_id = await stage.version()
    async with stage.parts.database.session() as session:
        row = await session.get(FlowVersionRow, version_id)
        assert row is not None
        row.settings = {**row.settings, **settings}
    return version_id


async def asks(stage: Scene, gpu: dict[str, Any] | None = None, **settings: Any) -> Attempt:
    return await stage.attempt(flow_version_id=await version(stage, gpu=gpu, **settings))


async def row(stage: Scene, attempt: Attempt) -> WorkloadRow:
    found: WorkloadRow = await stage.row(WorkloadRow, attempt.workload.id)
    return found


async def given(stage: Scene, attempt: Attempt) -> tuple[str, Sequence[str]]:
    found = await row(stage, attempt)
    return found.status, found.gpus or []


async def end(stage: Scene, attempt: Attempt) -> None:
    async with stage.parts.database.session() as session:
        found = await session.get(WorkloadRow, attempt.workload.id)
        assert found is not None
        await ends.end(
            session,
            found,
            ResultReport(exit_code=0, signal=None, receipt="COMPLETED"),
            "test",
            stage.parts.clock.now(),
        )


async def test_each_gets_its_own_and_the_next_waits_until_one_is_free(stage: Scene) -> None:
    first, second, third = [await asks(stage, {"type": "A100"}) for _ in range(3)]
    await admission.admit(stage.parts)
    assert await given(stage, first) == ("provisioning", [A.uuid])
    assert await given(stage, second) == ("provisioning", [B.uuid])
    assert await given(stage, third) == ("queued", [])
    await admission.admit(stage.parts)
    assert await given(stage, third) == ("queued", [])
    await end(stage, first)
    await admission.admit(stage.parts)
    assert await given(stage, third) == ("provisioning", [A.uuid])
    assert await given(stage, first) == ("succeeded", [A.uuid])  # it is still told which it had


async def test_the_smallest_that_will_do_is_given_and_none_twice(stage: Scene) -> None:
    any_two, three = await asks(stage, {"count": 2}), await asks(stage, {"count": 1})
    await admission.admit(stage.parts)
    assert await given(stage, any_two) == ("provisioning", [T.uuid, A.uuid])
    assert await given(stage, three) == ("provisioning", [B.uuid])


async def test_who_waits_for_a_gpu_holds_up_none_who_asks_for_none(stage: Scene) -> None:
    holder = await asks(stage, {"count": 3})
    await admission.admit(stage.parts)
    waits, plain, behind = (
        await asks(stage, {"type": "T4"}),
        await asks(stage),
        await asks(stage, {"count": 1}),
    )
    await admission.admit(stage.parts)
    assert [(await given(stage, one))[0] for one in (waits, plain, behind)] == [
        "queued",
        "provisioning",
        "queued",
    ]
    await end(stage, holder)
    await admission.admit(stage.parts)
    assert await given(stage, waits) == ("provisioning", [T.uuid])
    assert await given(stage, behind) == ("provisioning", [A.uuid])


async def test_who_asks_for_gpus_does_not_overtake_who_waits_for_some(stage: Scene) -> None:
    await asks(stage, {"type": "T4"})
    await admission.admit(stage.parts)
    waits, other = await asks(stage, {"count": 3}), await asks(stage, {"type": "A100"})
    await admission.admit(stage.parts)
    assert (await given(stage, waits), await given(stage, other)) == (("queued", []), ("queued", []))


async def test_not_even_a_whole_batch_of_them_does(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "BATCH", 2)
    await asks(stage, {"count": 3})
    await admission.admit(stage.parts)
    waits = [await asks(stage, {"count": 1}) for _ in range(3)]
    plain = await asks(stage)
    assert (await capacity.show(stage.parts)).slots >= 1
    await admission.admit(stage.parts)
    assert [(await given(stage, one))[0] for one in (*waits, plain)] == ["queued"] * 3 + ["provisioning"]


async def test_those_who_wait_for_gpus_leave_a_slot_to_those_who_need_none(stage: Scene) -> None:
    await asks(stage, {"count": 3})
    await admission.admit(stage.parts)
    assert (await capacity.show(stage.parts)).slots == 7  # 8 GiB, 1 held
    for _ in range(9):
        await asks(stage, {"count": 1})
    found = await capacity.show(stage.parts)
    assert (found.slots, found.child_slots, found.queued) == (1, 1, 9)
    for _ in range(7):
        await asks(stage)
    assert (await capacity.show(stage.parts)).slots == 0


async def test_memory_still_holds_up_everybody(stage: Scene) -> None:
    await asks(stage, memory_bytes=8 * GIB)
    await admission.admit(stage.parts)
    waits, behind = await asks(stage, {"count": 1}), await asks(stage)
    await admission.admit(stage.parts)
    assert [(await given(stage, one))[0] for one in (waits, behind)] == ["queued", "queued"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gpu": {"type": "H100"}}, "1 GPU (H100) asked for, and this machine has 2 x NVIDIA A100"),
        ({"gpu": {"count": 4}}, "4 GPUs asked for, and this machine has"),
        ({"size": "wide"}, "Size 'wide' can never start here: it needs 6 cores, and this machine has 4."),
        ({"size": "small", "gpu": {"count": 4}}, "Size 'small' can never start here: 4 GPUs asked for"),
    ],
)
async def test_what_can_never_be_had_ends_with_what_was_asked_and_what_there_is(
    stage: Scene, settings: dict[str, Any], words: str
) -> None:
    attempt = await asks(stage, **settings)
    await admission.admit(stage.parts)
    found = await attempts.show(stage.parts, stage.agent, attempt.id)
    assert found.status is Status.CRASHED
    assert words in str(found.reason)


async def test_a_machine_without_gpus(stage: Scene) -> None:
    stage.parts.machine.set(4.0, 8 * GIB, [], "The driver does not answer.")
    attempt = await asks(stage, {"count": 1})
    await admission.admit(stage.parts)
    found = await attempts.show(stage.parts, stage.agent, attempt.id)
    assert found.reason == (
        "It can never start here: 1 GPU asked for, and this machine has no GPU (The driver does not answer.)."
    )


async def steps(stage: Scene, attempt: Attempt) -> list[str | None]:
    found = await attempts.show(stage.parts, stage.agent, attempt.id)
    return [step.detail for step in found.workload.steps if step.name == admission.WAITS_FOR_GPUS]


async def test_while_the_driver_does_not_answer_who_asks_waits_with_the_reason(stage: Scene) -> None:
    """As after a restart of the platform in the middle of an update of the driver."""
    stage.parts.machine.set(4.0, 8 * GIB, [], "The driver does not answer.", gpus_known=False)
    attempt, sized, plain = (
        await asks(stage, {"count": 1}),
        await asks(stage, size="gpu-1"),
        await asks(stage),
    )
    for _ in range(3):
        await admission.admit(stage.parts)
    assert [(await given(stage, one))[0] for one in (attempt, sized, plain)] == [
        "queued",
        "queued",
        "provisioning",
    ]
    why = "1 GPU asked for, and this machine has no GPU (The driver does not answer.)"
    assert await steps(stage, attempt) == [why], "told once"
    stage.parts.machine.set(4.0, 8 * GIB, [], "It still does not.", gpus_known=False)
    await admission.admit(stage.parts)
    assert await steps(stage, attempt) == [
        why,
        why.replace("The driver does", "It still does").replace("not answer", "not"),
    ]
    stage.parts.machine.set(4.0, 8 * GIB, [T])
    await admission.admit(stage.parts)
    assert await given(stage, attempt) == ("provisioning", [T.uuid])
    assert (await attempts.show(stage.parts, stage.agent, sized.id)).status is Status.CRASHED


async def test_who_waits_for_a_driver_holds_up_nobody_and_what_is_known_is_given(stage: Scene) -> None:
    stage.parts.machine.set(4.0, 8 * GIB, [A], "The driver does not answer.", gpus_known=False)
    two, one = await asks(stage, {"count": 2}), await asks(stage, {"count": 1})
    await admission.admit(stage.parts)
    assert await given(stage, two) == ("queued", [])
    assert await given(stage, one) == ("provisioning", [A.uuid])
    stage.parts.machine.set(4.0, 8 * GIB, [A])
    await admission.admit(stage.parts)
    assert (await given(stage, two))[0] == "crashed"


async def test_all_of_the_machine_waits_until_it_is_empty_and_is_what_it_is_then(stage: Scene) -> None:
    before, whole = await asks(stage), await asks(stage, size="machine")
    await admission.admit(stage.parts)
    assert (await given(stage, whole))[0] == "queued"
    await end(stage, before)
    stage.parts.machine.set(6.0, 7 * GIB, [A])
    await admission.admit(stage.parts)
    found = await row(stage, whole)
    assert (found.status, found.cores, found.memory_bytes, found.gpus) == (
        "provisioning",
        6.0,
        7 * GIB,
        [A.uuid],
    )
    assert found.size == "machine"


async def test_a_size_is_the_catalogues_at_the_time_of_the_attempt(stage: Scene) -> None:
    attempt = await asks(stage, size="gpu-1")
    assert (attempt.workload.size, attempt.workload.cores, attempt.workload.memory_bytes) == (
        "gpu-1",
        1.0,
        GIB,
    )
    assert attempt.workload.gpu is not None
    await admission.admit(stage.parts)
    found = await attempts.show(stage.parts, stage.agent, attempt.id)
    assert found.workload.gpus == [A.uuid]


async def test_a_size_that_has_gone_is_refused_with_its_name(stage: Scene) -> None:
    with pytest.raises(NotFound, match=r"no size 'gone'.*There are small, gpu-1, wide, machine\. Register"):
        await asks(stage, size="gone")


async def test_capacity_tells_every_device_and_those_that_are_free(stage: Scene) -> None:
    attempt = await asks(stage, {"type": "A100"})
    await admission.admit(stage.parts)
    found = await capacity.show(stage.parts)
    assert found.gpus == [A, B, T]
    assert found.free_gpus == [B.uuid, T.uuid]
    await end(stage, attempt)
    assert (await capacity.show(stage.parts)).free_gpus == [A.uuid, B.uuid, T.uuid]


async def test_the_launcher_is_told_what_to_find_and_what_to_show(stage: Scene) -> None:
    attempt, plain = await asks(stage, {"type": "A100"}), await asks(stage, run={"timeout_seconds": 7200})
    await admission.admit(stage.parts)
    told = await launches.claim(stage.parts, stage.launcher(attempt.workload.id), attempt.workload.id, "l1")
    assert told["visible_gpus"] == A.uuid
    assert told["gpu"]["words"] == "1 GPU (A100)"
    assert (told["gpu"]["given"], told["gpu"]["count"], told["timeout_seconds"]) == ([A.uuid], 1, None)
    told = await launches.claim(stage.parts, stage.launcher(plain.workload.id), plain.workload.id, "l2")
    assert (told["visible_gpus"], told["gpu"], told["timeout_seconds"]) == ("-1", None, 7200.0)
    assert (told["size"], told["cores"]) == (None, 1.0)


async def test_where_the_machine_has_no_gpu_nothing_is_said_of_any(stage: Scene) -> None:
    stage.parts.machine.set(4.0, 8 * GIB)
    plain = await asks(stage)
    await admission.admit(stage.parts)
    told = await launches.claim(stage.parts, stage.launcher(plain.workload.id), plain.workload.id, "l1")
    assert told["visible_gpus"] is None


async def test_a_start_that_finds_no_room_gives_its_device_back(stage: Scene) -> None:
    backend = MemoryBackend(cores=4.0, memory_bytes=8 * GIB, gpus=[A])
    backend.refuse(NoCapacity("The machine is out of processes."))
    attempt = await asks(stage, {"count": 1})
    controller = Controller(stage.parts, backend)
    await controller.start()

    async def back() -> bool:
        moves = (await attempts.show(stage.parts, stage.agent, attempt.id)).workload.transitions
        return [move.status for move in moves][:3] == [Status.QUEUED, Status.PROVISIONING, Status.QUEUED]

    await until(back)
    assert await given(stage, attempt) in (("queued", []), ("provisioning", [A.uuid]))
    await controller.stop()


@pytest.mark.slow
@pytest.mark.parametrize("round_", range(3))
async def test_two_replicas_never_give_one_device_twice(
    postgres_url: str, tmp_path: Path, round_: int
) -> None:
    async with scene(postgres_url, tmp_path) as stage:
        other = Database(postgres_url)
        replica = stage.on(other)
        machine: list[Gpu] = [A, B, T]
        for parts in (stage.parts, replica):
            parts.machine.set(40.0, 80 * GIB, machine)
        wanted = [await asks(stage, {"count": 1}) for _ in range(5)]
        await asyncio.gather(*(admission.admit(parts) for parts in (stage.parts, replica) * 3))
        held = [uuid for one in wanted for uuid in (await given(stage, one))[1]]
        assert sorted(held) == sorted(one.uuid for one in machine)
        await other.aclose()
