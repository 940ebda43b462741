"""What a size comes to here, and what is refused at registration, before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from prefect_platform.errors import NotFound, RegistrationError, Unavailable, UsageError
from prefect_platform.server.db.tables import FlowRow
from prefect_platform.server.services import catalogue, registration, sizes
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.sizes import Needs
from prefect_platform.wire.flows import RegisterAnswer, VersionSettings
from prefect_platform.wire.sizes import GpuRequest
from tests import server_calls
from tests.nvidia.fake import GIB, gpu

MINE = b"""
sizes:
  - {name: small, cores: 1, memory: 1GiB}
  - {name: wide, cores: 6, memory: 1GiB}
  - {name: huge, cores: 1, memory: 999GiB}
  - {name: gpu-1, cores: 1, memory: 1GiB, gpu: A100}
  - {name: gone, cores: 1, memory: 1GiB, disabled: "Sold out; take small."}
"""
ONE = gpu(1)


@pytest.fixture
def here(parts: Parts) -> Parts:
    """A machine of 4 cores and 8 GiB, with a catalogue of its own."""
    found = replace(parts, catalogue=catalogue.read(MINE, "mine.yaml"))
    found.machine.set(4.0, 8 * GIB)
    return found


def settings(**fields: Any) -> VersionSettings:
    return VersionSettings.model_validate({"python": server_calls.PYTHON, **fields})


def unavailable(parts: Parts) -> dict[str, str | None]:
    return {size.name: size.unavailable for size in sizes.listing(parts).items}


async def register(parts: Parts, **fields: Any) -> RegisterAnswer:
    return await registration.register(
        parts, await server_calls.owner(parts), "default", server_calls.registration(settings=fields)
    )


async def refused(parts: Parts, **fields: Any) -> str:
    with pytest.raises(RegistrationError) as caught:
        await register(parts, **fields)
    async with parts.database.reader() as session:
        assert (await session.scalar(select(func.count()).select_from(FlowRow))) == 0
    return caught.value.message


@pytest.mark.asyncio
async def test_every_size_says_whether_it_can_be_had_here(here: Parts) -> None:
    assert unavailable(here) == {
        "small": None,
        "wide": "it needs 6 cores, and this machine has 4",
        "huge": "it needs 999 GiB of memory, and this machine gives runs 8 GiB",
        "gpu-1": "1 GPU (A100) asked for, and this machine has no GPU",
        "gone": "Sold out; take small.",
        "machine": None,
    }
    here.machine.set(4.0, 8 * GIB, [ONE])
    assert unavailable(here)["gpu-1"] is None
    assert sizes.listing(here).gpus == [ONE]
    machine = sizes.listing(here).items[-1]
    assert machine.display == "all of this machine, 4 cores, 8 GiB, 1 GPU"
    assert (machine.cores, machine.memory_bytes, machine.gpu) == (4.0, 8 * GIB, GpuRequest(count=1))


@pytest.mark.asyncio
async def test_a_broken_driver_is_said_where_a_gpu_is_missing(here: Parts) -> None:
    here.machine.set(4.0, 8 * GIB, [], "The driver does not answer.")
    assert str(unavailable(here)["gpu-1"]).endswith("has no GPU (The driver does not answer.)")


@pytest.mark.asyncio
async def test_where_the_infrastructure_queues_nothing_is_too_large_and_there_is_no_machine(
    here: Parts,
) -> None:
    here.machine.set_unbounded()
    assert unavailable(here) == {
        "small": None, "wide": None, "huge": None, "gpu-1": None, "gone": "Sold out; take small.",
    }  # fmt: skip
    sizes.check(here, settings(size="huge", gpu={"count": 8}))
    with pytest.raises(RegistrationError, match="no size 'machine'"):
        sizes.check(here, settings(size="machine"))


@pytest.mark.asyncio
async def test_what_a_version_needs_is_the_catalogues_at_the_time(here: Parts) -> None:
    assert sizes.needs(here, settings(cores=3, memory_bytes=5)) == Needs(3, 5)
    assert sizes.needs(here, settings(size="small", cores=3)) == Needs(1, GIB)
    assert sizes.needs(here, settings(size="gpu-1")) == Needs(1, GIB, GpuRequest(type="A100"))
    asked = GpuRequest(count=2)
    assert sizes.needs(here, settings(size="gpu-1", gpu=asked.model_dump())) == Needs(1, GIB, asked)
    later = replace(
        here, catalogue=catalogue.read(b"sizes: [{name: small, cores: 2, memory: 3GiB}]", "later")
    )
    assert sizes.needs(later, settings(size="small")) == Needs(2, 3 * GIB)
    with pytest.raises(NotFound, match=r"no size 'wide'.*There are small, machine"):
        sizes.needs(later, settings(size="wide"))
    with pytest.raises(UsageError, match="Sold out; take small"):
        sizes.needs(here, settings(size="gone"))


@pytest.mark.asyncio
async def test_all_of_a_machine_that_nobody_looked_at_yet(parts: Parts) -> None:
    with pytest.raises(Unavailable, match="try again"):
        sizes.needs(parts, settings(size="machine"))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"size": "smal"}, ["no size 'smal'", "Did you mean 'small'?", "There are small, wide"]),
        ({"size": "SMALL"}, ["Did you mean 'small'?"]),
        ({"size": "machin"}, ["Did you mean 'machine'?"]),
        ({"size": "'; DROP TABLE flows; --"}, ["no size \"'; DROP"]),
        ({"size": "../../etc/passwd"}, ["no size '../../etc/passwd'"]),
        ({"size": "größe/\u202e"}, ["no size 'größe/"]),
        ({"size": "x" * 255}, ["no size 'xxx"]),
        ({"size": "gone"}, ["'gone' is not offered: Sold out; take small."]),
        ({"size": "wide"}, ["'wide' cannot start here: it needs 6 cores", "size list"]),
        ({"size": "huge"}, ["999 GiB of memory"]),
        ({"size": "gpu-1"}, ["1 GPU (A100) asked for, and this machine has no GPU"]),
        ({"gpu": {"count": 1}}, ["could never start here: 1 GPU asked for, and this machine has no GPU"]),
        ({"size": "small", "gpu": {"type": "H1000"}}, ["'small' cannot start", "did you mean 'H100'?"]),
    ],
)
async def test_refused_before_anything_is_written(
    here: Parts, fields: dict[str, Any], words: list[str]
) -> None:
    message = await refused(here, **fields)
    for word in words:
        assert word in message
    assert len(message) < 700


@pytest.mark.asyncio
async def test_a_registration_with_a_size_is_a_version_of_its_own(here: Parts) -> None:
    first = await register(here)
    second = await register(here, size="small")
    again = await register(here, size="small")
    assert (first.version.number, second.version.number, again.created) == (1, 2, False)
    assert second.changes == ["size: none -> small"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("run", "note"),
    [
        ({"timeout_seconds": 60}, None),
        ({}, None),
        ({"image": "a/b:1", "timeout_seconds": 60}, "image has no effect here, on the memory backend"),
        (
            {"shm_bytes": 1, "node_selector": {"a": "b"}, "volumes": [{"claim": "d", "path": "/d"}]},
            "node_selector, volumes and shm have no effect here",
        ),
    ],
)
async def test_what_has_no_effect_here_is_said(here: Parts, run: dict[str, Any], note: str | None) -> None:
    answer = await register(here, run=run)
    if note is None:
        assert answer.notes == []
    else:
        assert note in answer.notes[0]
        assert "with the Kubernetes backend" in answer.notes[0]
    assert answer.version.settings.run is not None


@pytest.mark.asyncio
async def test_old_versions_stay_what_they_are(here: Parts) -> None:
    from prefect_platform.server.services.versions import fingerprint

    request = server_calls.registration()
    assert fingerprint(request.code, request.settings) == fingerprint(
        request.code, VersionSettings.model_validate({"python": server_calls.PYTHON})
    )
    named: Callable[..., str] = lambda **fields: fingerprint(request.code, settings(**fields))  # noqa: E731
    assert (
        len({named(), named(size="small"), named(gpu={"count": 1}), named(run={"timeout_seconds": 5})}) == 4
    )
