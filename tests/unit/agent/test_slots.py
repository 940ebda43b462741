from __future__ import annotations

import anyio
import pytest

from prefect_platform.agent.slots import Slots


def test_a_claim_under_way_holds_a_slot() -> None:
    slots = Slots()
    slots.hold("a")
    assert slots.free(3, slots.mark()) == 2
    assert "a" in slots


def test_an_attempt_that_the_answer_cannot_count_yet_still_holds_its_slot() -> None:
    slots = Slots()
    slots.hold("a")
    asked = slots.mark()
    slots.known("a")  # while the platform was answering
    assert slots.free(1, asked) == 0
    assert slots.free(1, slots.mark()) == 1


def test_a_lost_claim_frees_its_slot() -> None:
    slots = Slots()
    slots.hold("a")
    slots.drop("a")
    assert slots.free(1, slots.mark()) == 1


def test_there_are_never_fewer_than_none() -> None:
    slots = Slots()
    slots.hold("a")
    assert slots.free(0, slots.mark()) == 0


@pytest.mark.asyncio
async def test_empty_waits_for_the_last() -> None:
    slots = Slots()
    slots.hold("a")
    slots.hold("b")
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(slots.empty)
            slots.known("a")
            slots.drop("b")
    await slots.empty()
