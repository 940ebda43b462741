from __future__ import annotations

from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest
from prefect.events import Event, Resource

from prefect_platform.agent.problems import Problems
from prefect_platform.agent.wake import Bell, Events


@pytest.mark.asyncio
async def test_a_bell_that_nobody_rings_is_waited_for_in_vain() -> None:
    assert not await Bell().wait(0.01)


@pytest.mark.asyncio
async def test_rings_while_busy_are_one_ring() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    assert await bell.wait(10)
    assert not await bell.wait(0.01)


@pytest.mark.asyncio
async def test_a_ring_wakes_who_waits() -> None:
    bell = Bell()
    heard: list[bool] = []

    async def wait() -> None:
        heard.append(await bell.wait(None))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.lowlevel.checkpoint()
            bell.ring()
    assert heard == [True]


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def events(heard: list[str]) -> Events:
    def note(word: str) -> Callable[[], None]:
        return lambda: heard.append(word)

    return Events(
        "http://none",
        Problems(),
        on_scheduled=note("scheduled"),
        on_end=note("end"),
        on_cancelling=heard.append,
    )


@pytest.mark.parametrize(
    ("name", "kind", "reaction"),
    [
        ("Scheduled", "SCHEDULED", ["scheduled"]),
        ("AwaitingRetry", "SCHEDULED", ["scheduled"]),
        ("Resuming", "SCHEDULED", ["scheduled"]),
        ("Late", "SCHEDULED", ["scheduled"]),
        ("Pending", "PENDING", []),
        ("Running", "RUNNING", []),
        ("Completed", "COMPLETED", ["end"]),
        ("Suspended", "PAUSED", ["end"]),
        ("Cancelling", "CANCELLING", ["the-run"]),
    ],
)
def test_what_an_event_means(
    events: Events, heard: list[str], name: str, kind: str, reaction: list[str]
) -> None:
    resource = {
        "prefect.resource.id": "prefect.flow-run.the-run",
        "prefect.state-name": name,
        "prefect.state-type": kind,
    }
    events.hear(Event(event=f"prefect.flow-run.{name}", resource=Resource(resource)))
    assert heard == reaction
