"""What a launcher let through is masked by the platform, told as a fault, and sealed all the same."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_platform.errors import Conflict, DigestMismatch, StorageFull, Unavailable, UsageError
from prefect_platform.masking.matcher import Matcher, footprint, matcher
from prefect_platform.server.config import OrchestratorSettings
from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services import launches, log_masking, logs, workloads
from prefect_platform.server.services.log_masks import AGAIN_SECONDS, LogMasks
from prefect_platform.server.services.logs import Piece
from prefect_platform.server.stores.logs import Mark
from prefect_platform.server.stores.memory_logs import MemoryLogs
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.logs import LogSource, SealRequest
from prefect_platform.wire.runs import Status, StepReport
from tests.server_scene import Scene
from tests.unit.masking.references import expected

SECRET, OTHER = "s3cret-value", "value-of-another"
STARS = b"*" * len(SECRET)


async def given_secrets(stage: Scene, *values: str) -> str:
    """A workload whose claim was answered by this process."""
    found = (await stage.attempt()).workload.id
    stage.parts.log_masks.given(found, values)
    return found


async def send(stage: Scene, workload_id: str, offset: int, data: bytes, source: str = "flow") -> int:
    caller = stage.launcher(workload_id)
    return (await logs.append(stage.parts, caller, workload_id, source, Piece(offset, data, []))).size


async def seal(stage: Scene, workload_id: str, data: bytes) -> LogSource:
    request = SealRequest(size=len(data), sha256=hashlib.sha256(data).hexdigest())
    return await logs.seal(stage.parts, stage.launcher(workload_id), workload_id, "flow", request)


async def stored(stage: Scene, workload_id: str, source: str = "flow") -> bytes:
    return await stage.parts.logs.read(workload_id, source, 0, 1 << 30)


async def masked_steps(stage: Scene, workload_id: str) -> list[str]:
    steps = (await stage.row(WorkloadRow, workload_id)).steps
    return [step["detail"] for step in steps if step["name"].startswith(log_masking.STEP)]


@pytest.mark.asyncio
async def test_a_claim_tells_what_to_look_for(stage: Scene) -> None:
    found = (await stage.attempt()).workload.id
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, found)
        assert row is not None
        await workloads.move(session, row, Status.PROVISIONING, "test", None, stage.parts.clock.now())
    spec = await launches.claim(stage.parts, stage.launcher(found), found, "l1")
    token = spec["secrets"][0]
    await send(stage, found, 0, f"my token is {token}\n".encode())
    assert await stored(stage, found) == b"my token is " + b"*" * len(token) + b"\n"


@pytest.mark.asyncio
async def test_a_hit_is_told_as_a_fault_and_never_with_the_value(
    stage: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    found = await given_secrets(stage, SECRET)
    with caplog.at_level(logging.WARNING):
        await send(stage, found, 0, b"an ordinary line\n")
        assert not caplog.records
        await send(stage, found, 17, f"it is {SECRET}\n".encode())
        await send(stage, found, 36, f"it is {SECRET}\n".encode())
    assert await stored(stage, found) == b"an ordinary line\n" + (b"it is " + STARS + b"\n") * 2
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert found in told[0]
    assert "source flow from offset 23 on" in told[0]
    (step,) = await masked_steps(stage, found)
    assert "12 bytes at offset 23 of flow" in step
    assert "fault of prefect-platform" in step
    assert SECRET not in f"{told}{step}"


@pytest.mark.asyncio
async def test_a_flood_of_hits_is_told_ever_more_rarely(
    stage: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    found = await given_secrets(stage, SECRET)
    with caplog.at_level(logging.WARNING):
        for n in range(100):
            await send(stage, found, 12 * n, SECRET.encode())
    assert len(caplog.records) == 7
    assert len(await masked_steps(stage, found)) == 1
    assert await stored(stage, found) == STARS * 100


@pytest.mark.asyncio
@pytest.mark.parametrize("cut", [1, 6, len(SECRET) - 1])
async def test_what_two_appends_cut_is_overwritten_in_place(stage: Scene, cut: int) -> None:
    found, data = await given_secrets(stage, SECRET), f"it is {SECRET}.\n".encode()
    await send(stage, found, 0, data[: 6 + cut])
    await send(stage, found, 6 + cut, data[6 + cut :])
    assert await stored(stage, found) == b"it is " + STARS + b".\n"
    assert (await seal(stage, found, data)).sha256 == hashlib.sha256(b"it is " + STARS + b".\n").hexdigest()


@pytest.mark.asyncio
async def test_a_replica_without_the_end_reads_it_again(stage: Scene) -> None:
    """Restarted between two appends, with the values read again."""

    async def read(workload_id: str) -> Sequence[str]:
        return [SECRET] if workload_id == found else []

    found = await given_secrets(stage, SECRET)
    await send(stage, found, 0, f"it is {SECRET[:5]}".encode())
    stage.parts = replace(stage.parts, log_masks=LogMasks(read))
    await send(stage, found, 11, SECRET[5:].encode())
    assert await stored(stage, found) == b"it is " + STARS


@pytest.mark.asyncio
async def test_a_replica_without_the_values_takes_the_append_as_it_is(stage: Scene) -> None:
    found = (await stage.attempt()).workload.id
    await send(stage, found, 0, SECRET.encode())
    assert await stored(stage, found) == SECRET.encode()
    assert (await seal(stage, found, SECRET.encode())).sealed_at is not None


@pytest.mark.asyncio
async def test_values_that_cannot_be_read_stop_no_log(stage: Scene, caplog: pytest.LogCaptureFixture) -> None:
    async def read(_workload_id: str) -> Sequence[str]:
        raise Conflict("The keyring lacks the key.")

    stage.parts = replace(stage.parts, log_masks=LogMasks(read))
    found = (await stage.attempt()).workload.id
    await send(stage, found, 0, b"one")
    await send(stage, found, 3, b"two")
    assert await stored(stage, found) == b"onetwo"
    assert [record.getMessage() for record in caplog.records] == [
        f"The log of workload {found} is not looked at for its secrets: The keyring lacks the key."
    ]


@pytest.mark.asyncio
async def test_values_that_could_not_be_read_are_read_again(
    stage: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """One refusal is no reason never to look again: the keyring may be back a moment later."""
    asked = []

    async def read(workload_id: str) -> Sequence[str]:
        asked.append(workload_id)
        if len(asked) < 4:
            raise Unavailable("The keyring lacks the key.")
        return [SECRET]

    clock = ManualClock()
    stage.parts = replace(stage.parts, log_masks=LogMasks(read), clock=clock)
    found, offset = (await stage.attempt()).workload.id, 0
    for _ in range(3):
        offset = await send(stage, found, offset, SECRET.encode())
        offset = await send(stage, found, offset, SECRET.encode())
        await clock.advance(AGAIN_SECONDS)
    assert asked == [found] * 3, "not with every append"
    assert len(caplog.records) == 2, "told ever more rarely"
    await send(stage, found, offset, SECRET.encode())
    assert (await stored(stage, found))[offset:] == STARS
    await clock.advance(AGAIN_SECONDS)
    await send(stage, found, offset + len(SECRET), b"more")
    assert len(asked) == 4, "what is known is not read again"


@pytest.mark.asyncio
async def test_what_a_claim_gave_outlives_a_read_that_failed(stage: Scene) -> None:
    async def read(workload_id: str) -> Sequence[str]:
        stage.parts.log_masks.given(workload_id, [SECRET])  # a claim that was answered meanwhile
        raise Unavailable("The keyring lacks the key.")

    stage.parts = replace(stage.parts, log_masks=LogMasks(read))
    found = (await stage.attempt()).workload.id
    await send(stage, found, 0, SECRET.encode())
    assert await stored(stage, found) == STARS
    known = stage.parts.log_masks.known(found)
    assert known is not None
    assert known.again_at is None


@pytest.mark.asyncio
async def test_a_matcher_is_made_once_for_all_sources(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def counted(values: Iterable[str], *, large: bool = True) -> Matcher | None:
        made.append(1)
        return matcher(values, large=large)

    monkeypatch.setattr("prefect_platform.server.services.log_masks.matcher", counted)
    found = await given_secrets(stage, SECRET)
    sources = ("flow", "launcher", "environment", "start-script")
    await asyncio.gather(*(send(stage, found, 0, SECRET.encode(), source) for source in sources))
    stage.parts.log_masks.given(found, [SECRET])
    await send(stage, found, len(SECRET), SECRET.encode())
    assert made == [1]
    assert [await stored(stage, found, source) for source in sources[1:]] == [STARS] * 3


@pytest.mark.asyncio
async def test_what_is_known_is_in_no_repr(stage: Scene) -> None:
    found = await given_secrets(stage, SECRET)
    await send(stage, found, 0, f"{SECRET} {SECRET[:8]}".encode())
    assert SECRET[:8] not in f"{stage.parts!r}{stage.parts.log_masks.known(found)!r}"


@pytest.mark.asyncio
async def test_the_key_of_prefect_is_known_to_every_replica(stage: Scene) -> None:
    orchestrator = OrchestratorSettings(url="http://127.0.0.1:4200/api", api_key="pnu_a-key-of-prefect")
    stage.parts = replace(stage.parts, config=replace(stage.parts.config, orchestrator=orchestrator))
    found = (await stage.attempt()).workload.id
    await send(stage, found, 0, b"pnu_a-key-of-prefect")
    assert await stored(stage, found) == b"*" * 20


@pytest.mark.asyncio
async def test_without_secrets_the_bytes_themselves_pass(stage: Scene) -> None:
    class Seen(MemoryLogs):
        given: list[bytes] = []

        async def append(
            self, workload_id: str, source: str, offset: int, data: bytes, marks: Sequence[Mark]
        ) -> int:
            self.given.append(data)
            return await super().append(workload_id, source, offset, data, marks)

    stage.parts = replace(stage.parts, logs=Seen())
    found, data = await given_secrets(stage, "short"), b"any bytes"
    await send(stage, found, 0, data)
    assert Seen.given[0] is data


@pytest.mark.asyncio
async def test_a_seal_compares_what_came(stage: Scene) -> None:
    data = f"it is {SECRET}, and goes on\n".encode()
    found = await given_secrets(stage, SECRET)
    await send(stage, found, 0, data[:10])
    await send(stage, found, 10, data[10:])
    with pytest.raises(DigestMismatch):
        await seal(stage, found, data.replace(b"goes", b"went"))
    first = await seal(stage, found, data)
    assert first.sealed_at is not None
    assert first.sha256 == hashlib.sha256(await stored(stage, found)).hexdigest()
    assert await seal(stage, found, data) == first


@pytest.mark.asyncio
async def test_after_a_restart_a_masked_source_is_sealed_over_what_is_stored(stage: Scene) -> None:
    data = f"it is {SECRET}\n".encode()
    found = await given_secrets(stage, SECRET)
    await send(stage, found, 0, data)
    stage.parts = replace(stage.parts, log_masks=LogMasks())
    info = await seal(stage, found, data)
    assert info.sha256 == hashlib.sha256(b"it is " + STARS + b"\n").hexdigest()


@pytest.mark.asyncio
async def test_bytes_sent_again_change_nothing(stage: Scene) -> None:
    data = f"it is {SECRET} and more\n".encode()
    found = await given_secrets(stage, SECRET)
    for end in (9, 9, 20, len(data)):
        assert await send(stage, found, 0, data[:end]) == end
    assert await send(stage, found, 8, data[8:]) == len(data)
    assert await stored(stage, found) == b"it is " + STARS + b" and more\n"
    assert (await seal(stage, found, data)).sealed_at is not None


class Filling(MemoryLogs):
    """Takes three bytes of an append, once, and then has room again."""

    full = True

    async def append(
        self, workload_id: str, source: str, offset: int, data: bytes, marks: Sequence[Mark]
    ) -> int:
        if offset and self.full:
            self.full = False
            await super().append(workload_id, source, offset, data[:3], marks)
            raise StorageFull("There is no room left.")
        return await super().append(workload_id, source, offset, data, marks)


@pytest.mark.asyncio
async def test_a_disk_that_fills_within_a_secret(stage: Scene) -> None:
    stage.parts = replace(stage.parts, logs=Filling())
    data = f"it is {SECRET}, {OTHER}\n".encode()
    found = await given_secrets(stage, SECRET, OTHER)
    await send(stage, found, 0, data[:9])
    with pytest.raises(StorageFull) as error:
        await send(stage, found, 9, data[9:])
    assert error.value.data["size"] == 12
    await send(stage, found, 12, data[12:])
    assert await stored(stage, found) == b"it is " + STARS + b", " + b"*" * len(OTHER) + b"\n"
    assert (await seal(stage, found, data)).sealed_at is not None


@pytest.mark.asyncio
async def test_what_is_recovered_is_looked_at_and_markers_are_not(stage: Scene) -> None:
    found = await given_secrets(stage, SECRET, "[prefect-platform]")
    await logs.append_recovered(stage.parts, found, "flow", 0, f"{SECRET} ".encode())
    gap = await logs.mark_gap(stage.parts, found, "flow", 5, None, "cut")
    assert await stored(stage, found) == STARS + b" \n[prefect-platform] 5 bytes are missing here: cut\n"
    assert await logs.mark_gap(stage.parts, found, "flow", 5, None, "cut") == gap
    await logs.seal_as_is(stage.parts, found)
    (info,) = await logs.source_infos(stage.parts, [found])
    assert info.sha256 == hashlib.sha256(await stored(stage, found)).hexdigest()


@pytest.mark.asyncio
async def test_a_launcher_cannot_tell_that_something_was_masked(stage: Scene) -> None:
    found = (await stage.attempt()).workload.id
    report = StepReport(name=f"{log_masking.STEP}flow", at=stage.parts.clock.now())
    with pytest.raises(UsageError):
        await launches.step(stage.parts, stage.launcher(found), found, report)


def test_many_workloads_are_not_kept_for_ever() -> None:
    masks = LogMasks()
    for n in range(1000):
        masks.given(f"wl-{n}", [SECRET])
    assert masks.known("wl-0") is None
    assert masks.known("wl-999") is not None
    masks.forget("wl-999")
    assert masks.known("wl-999") is None


def test_what_matchers_take_of_memory_is_bounded() -> None:
    masks = LogMasks(most_bytes=footprint([SECRET]) * 10)
    for n in range(20):
        masks.given(f"wl-{n}", [SECRET])
    assert [n for n in range(20) if masks.known(f"wl-{n}")] == list(range(10, 20))
    masks.given("wl-large", ["x" * len(SECRET) * 8])
    assert [n for n in range(20) if masks.known(f"wl-{n}")] == [18, 19]
    masks.given("wl-vast", ["x" * 4096])
    assert masks.known("wl-vast") is not None, "the one that speaks is kept, whatever it takes"
    assert masks.known("wl-large") is None


@pytest.mark.asyncio
async def test_sources_do_not_mix(stage: Scene) -> None:
    found = await given_secrets(stage, SECRET)
    await send(stage, found, 0, SECRET[:6].encode(), "flow")
    await send(stage, found, 0, SECRET[6:].encode(), "launcher")
    assert await stored(stage, found, "launcher") == SECRET[6:].encode()
    await send(stage, found, 6, SECRET[6:].encode(), "flow")
    assert await stored(stage, found, "flow") == STARS


@pytest.mark.asyncio
async def test_any_pieces_are_stored_as_if_they_had_come_at_once(stage: Scene) -> None:
    values = ["ababab", "babba\nab", "aabbaabb"]
    found = matcher(values)
    assert found is not None
    cases: list[list[bytes]] = []

    @settings(max_examples=60, deadline=None, database=None)
    @given(st.lists(st.text("ab\n", min_size=1, max_size=12).map(str.encode), min_size=1, max_size=8))
    def collect(pieces: list[bytes]) -> None:
        cases.append(pieces)

    collect()
    for pieces in cases:
        workload_id, offset = await given_secrets(stage, *values), 0
        for piece in pieces:
            offset = await send(stage, workload_id, offset, piece)
        assert await stored(stage, workload_id) == expected(b"".join(pieces), found._automaton._needles)
