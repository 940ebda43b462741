"""What every log store must do. Subclass `LogStoreContract` in a test module and say how to make one:

class TestMyLogs(LogStoreContract):
    def make(self, directory: Path) -> LogStore:
        return MyLogs(directory)
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefect_platform.errors import Conflict, DigestMismatch, OffsetMismatch, UsageError
from prefect_platform.server.stores.log_marks import COARSE_MS
from prefect_platform.server.stores.logs import LogStore, Mark, Stat

WORKLOAD, SOURCE = "wl-01jd0example", "flow"

pieces = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.text("a\n", max_size=30).map(str.encode),
        st.integers(1, 300_000).map(lambda n: (b"x" * 61 + b"\n") * (n // 62) + b"y" * (n % 62)),
    ),
    min_size=1,
    max_size=6,
)
plans = st.lists(
    st.tuples(pieces, st.integers(0, 40), st.integers(0, 400), st.booleans()), min_size=1, max_size=6
)
"""Pieces of one round, how many bytes of what is held are sent again, time that passes, a restart."""


@dataclass
class Model:
    """A source as plain bytes and the time of every append's first byte."""

    data: bytes = b""
    marks: list[Mark] = field(default_factory=list)

    def line_starts(self) -> list[int]:
        return [0, *(n + 1 for n, byte in enumerate(self.data) if byte == 10)]

    def find_time(self, ms: int) -> int:
        return next((mark.offset for mark in self.marks if mark.ms >= ms), len(self.data))

    def arrived(self, offset: int) -> int:
        return next(mark.ms for mark in reversed(self.marks) if mark.offset <= offset)


class LogStoreContract:
    """The contract of `LogStore`, as tests."""

    def make(self, directory: Path) -> LogStore:
        raise NotImplementedError

    def again(self, store: LogStore, directory: Path) -> LogStore:
        """The store as a new process sees it; the same one where nothing outlives the process."""
        return self.make(directory)

    @pytest.fixture
    def store(self, tmp_path: Path) -> LogStore:
        return self.make(tmp_path)

    @pytest.mark.asyncio
    async def test_what_was_appended_is_read(self, store: LogStore) -> None:
        assert await store.append(WORKLOAD, SOURCE, 0, b"one\ntwo", [Mark(0, 1000)]) == 7
        assert await store.append(WORKLOAD, SOURCE, 7, b"!\n", [Mark(7, 2000)]) == 9
        assert await store.read(WORKLOAD, SOURCE, 0, 100) == b"one\ntwo!\n"
        assert await store.read(WORKLOAD, SOURCE, 4, 7) == b"two"
        assert await store.stat(WORKLOAD, SOURCE) == Stat(9, 2, 1000, 2000, None, None)

    @pytest.mark.asyncio
    async def test_nothing_is_known_of_an_absent_source(self, store: LogStore) -> None:
        assert await store.stat(WORKLOAD, SOURCE) == Stat(0, 0, None, None, None, None)
        assert await store.read(WORKLOAD, SOURCE, 0, 10) == b""
        assert await store.find_line(WORKLOAD, SOURCE, 3) == 0
        assert await store.line_at(WORKLOAD, SOURCE, 0) == 0
        assert await store.find_time(WORKLOAD, SOURCE, 5) == 0
        assert await store.times(WORKLOAD, SOURCE, 0, 10) == []
        assert await store.sources(WORKLOAD) == []
        await store.delete(WORKLOAD)

    @pytest.mark.asyncio
    async def test_an_append_beyond_the_end_is_told_where_the_end_is(self, store: LogStore) -> None:
        await store.append(WORKLOAD, SOURCE, 0, b"abc", [])
        for data in (b"x", b""):
            with pytest.raises(OffsetMismatch) as error:
                await store.append(WORKLOAD, SOURCE, 4, data, [])
            assert error.value.data["size"] == 3
        assert await store.read(WORKLOAD, SOURCE, 0, 9) == b"abc"

    @pytest.mark.asyncio
    async def test_what_is_held_is_not_written_again(self, store: LogStore) -> None:
        await store.append(WORKLOAD, SOURCE, 0, b"abcdef", [])
        assert await store.append(WORKLOAD, SOURCE, 0, b"abc", []) == 6
        assert await store.append(WORKLOAD, SOURCE, 6, b"", []) == 6
        assert await store.append(WORKLOAD, SOURCE, 4, b"efgh", []) == 8
        assert await store.read(WORKLOAD, SOURCE, 0, 99) == b"abcdefgh"

    @pytest.mark.asyncio
    async def test_a_seal_needs_the_right_size_and_digest(self, store: LogStore) -> None:
        await store.append(WORKLOAD, SOURCE, 0, b"abc\n", [Mark(0, 5)])
        sha256 = hashlib.sha256(b"abc\n").hexdigest()
        with pytest.raises(OffsetMismatch) as error:
            await store.seal(WORKLOAD, SOURCE, 3, sha256, 9)
        assert error.value.data["size"] == 4
        with pytest.raises(DigestMismatch):
            await store.seal(WORKLOAD, SOURCE, 4, "0" * 64, 9)
        assert (await store.stat(WORKLOAD, SOURCE)).sha256 is None
        sealed = await store.seal(WORKLOAD, SOURCE, 4, sha256, 9)
        assert sealed == Stat(4, 1, 5, 5, sha256, 9)
        assert await store.seal(WORKLOAD, SOURCE, 4, sha256, 77) == sealed
        with pytest.raises(DigestMismatch):
            await store.seal(WORKLOAD, SOURCE, 4, "0" * 64, 9)

    @pytest.mark.asyncio
    async def test_a_sealed_source_takes_only_what_it_has(self, store: LogStore, tmp_path: Path) -> None:
        await store.append(WORKLOAD, SOURCE, 0, b"abc", [])
        await store.seal(WORKLOAD, SOURCE, 3, hashlib.sha256(b"abc").hexdigest(), 9)
        for each in (store, self.again(store, tmp_path)):
            assert await each.append(WORKLOAD, SOURCE, 1, b"bc", []) == 3
            with pytest.raises(Conflict) as error:
                await each.append(WORKLOAD, SOURCE, 3, b"d", [])
            assert error.value.data["size"] == 3
            assert await each.read(WORKLOAD, SOURCE, 0, 9) == b"abc"

    @pytest.mark.asyncio
    async def test_what_is_overwritten_is_what_is_sealed(self, store: LogStore, tmp_path: Path) -> None:
        """Also where another process had counted the bytes as they were before."""
        other = self.again(store, tmp_path)
        before, after = b"one secret\nof two lines\nend", b"one ******\n************\nend"
        await store.append(WORKLOAD, SOURCE, 0, before[:12], [Mark(0, 5)])
        await other.append(WORKLOAD, SOURCE, 12, before[12:], [])
        await store.overwrite(WORKLOAD, SOURCE, 4, after[4:23])
        for each in (store, other):
            assert await each.read(WORKLOAD, SOURCE, 0, 99) == after
            assert (await each.stat(WORKLOAD, SOURCE)).lines == 3
        was, now = hashlib.sha256(before).hexdigest(), hashlib.sha256(after).hexdigest()
        assert (await other.seal(WORKLOAD, SOURCE, len(after), now, 9)).sha256 == now
        with pytest.raises(DigestMismatch):
            await store.seal(WORKLOAD, SOURCE, len(after), was, 9)

    @pytest.mark.asyncio
    async def test_only_what_is_held_and_open_can_be_overwritten(self, store: LogStore) -> None:
        await store.append(WORKLOAD, SOURCE, 0, b"abc", [])
        for source, offset in ((SOURCE, 2), (SOURCE, 9), ("other", 0)):
            with pytest.raises(OffsetMismatch):
                await store.overwrite(WORKLOAD, source, offset, b"**")
        await store.seal(WORKLOAD, SOURCE, 3, hashlib.sha256(b"abc").hexdigest(), 9)
        with pytest.raises(Conflict):
            await store.overwrite(WORKLOAD, SOURCE, 0, b"**")
        assert await store.read(WORKLOAD, SOURCE, 0, 9) == b"abc"
        assert await store.sources(WORKLOAD) == [SOURCE]

    @pytest.mark.asyncio
    async def test_an_empty_source_can_be_sealed(self, store: LogStore) -> None:
        await store.seal(WORKLOAD, SOURCE, 0, hashlib.sha256(b"").hexdigest(), 9)
        assert await store.sources(WORKLOAD) == [SOURCE]

    @pytest.mark.asyncio
    async def test_sources_and_workloads_are_apart(self, store: LogStore) -> None:
        await store.append(WORKLOAD, "launcher", 0, b"l", [])
        await store.append(WORKLOAD, "flow", 0, b"f", [])
        await store.append("wl-other", "flow", 0, b"o", [])
        assert await store.sources(WORKLOAD) == ["flow", "launcher"]
        await store.delete(WORKLOAD)
        assert await store.sources(WORKLOAD) == []
        assert await store.read("wl-other", "flow", 0, 9) == b"o"
        assert await store.append(WORKLOAD, "flow", 0, b"anew", []) == 4

    @pytest.mark.asyncio
    @pytest.mark.parametrize("name", ["", "..", "a/b", "a\n", "A", "a.log", "-a", "a" * 65, "é"])
    async def test_a_source_has_a_plain_name(self, store: LogStore, name: str) -> None:
        with pytest.raises(UsageError):
            await store.append(WORKLOAD, name, 0, b"x", [])
        with pytest.raises(UsageError):
            await store.read(WORKLOAD, name, 0, 1)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("name", ["", ".", "..", "a..", "a/b", "../a", "a\n", "a\0", "-a", "a" * 129])
    async def test_a_workload_has_a_plain_id(self, store: LogStore, name: str) -> None:
        with pytest.raises(UsageError):
            await store.append(name, SOURCE, 0, b"x", [])
        with pytest.raises(UsageError):
            await store.sources(name)
        with pytest.raises(UsageError):
            await store.delete(name)

    @pytest.mark.asyncio
    async def test_any_bytes_are_kept(self, store: LogStore, tmp_path: Path) -> None:
        data = bytes(range(256)) + b"\0" * 1000 + b"\xff\xfe" + "é".encode()[:1]
        await store.append(WORKLOAD, SOURCE, 0, data, [])
        assert await self.again(store, tmp_path).read(WORKLOAD, SOURCE, 0, 10_000) == data

    @pytest.mark.asyncio
    async def test_a_clock_set_back_is_held(self, store: LogStore) -> None:
        await store.append(WORKLOAD, SOURCE, 0, b"a", [Mark(0, 5000)])
        await store.append(WORKLOAD, SOURCE, 1, b"b", [Mark(1, 1000)])
        await store.append(WORKLOAD, SOURCE, 2, b"c", [Mark(2, 9000)])
        assert await store.times(WORKLOAD, SOURCE, 0, 3) == [Mark(0, 5000), Mark(2, 9000)]
        assert await store.times(WORKLOAD, SOURCE, 1, 2) == [Mark(0, 5000)]
        assert await store.find_time(WORKLOAD, SOURCE, 6000) == 2

    @pytest.mark.asyncio
    async def test_without_times_everything_may_be_recent(self, store: LogStore) -> None:
        await store.append(WORKLOAD, SOURCE, 0, b"a", [])
        assert await store.find_time(WORKLOAD, SOURCE, 6000) == 0

    @pytest.mark.asyncio
    async def test_changes_are_told(self, store: LogStore) -> None:
        async with aclosing(cast(AsyncGenerator[None, None], store.changes(WORKLOAD))) as changes:
            await anext(changes)
            await store.append("wl-other", SOURCE, 0, b"x", [])
            waiting = asyncio.ensure_future(anext(changes))
            await asyncio.sleep(0)
            assert not waiting.done()
            await store.append(WORKLOAD, SOURCE, 0, b"x", [])
            await asyncio.wait_for(waiting, 10)
            await store.seal(WORKLOAD, SOURCE, 1, hashlib.sha256(b"x").hexdigest(), 1)
            await asyncio.wait_for(anext(changes), 10)

    @pytest.mark.asyncio
    async def test_appends_at_once_make_one_stream(self, store: LogStore, tmp_path: Path) -> None:
        """Two writers, each sending what it takes for the rest: nothing is doubled or torn."""
        data = b"".join(b"%07d\n" % n for n in range(20_000))

        async def send(each: LogStore, piece: int) -> None:
            size = 0
            while size < len(data):
                size = await each.append(WORKLOAD, SOURCE, size, data[size : size + piece], [Mark(size, 7)])

        other = self.again(store, tmp_path)
        await asyncio.gather(send(store, 1013), send(other, 4093), send(store, 9001))
        assert await store.read(WORKLOAD, SOURCE, 0, len(data) + 1) == data
        for each in (store, other):
            sealed = await each.seal(WORKLOAD, SOURCE, len(data), hashlib.sha256(data).hexdigest(), 1)
            assert sealed.lines == 20_000

    # One method for many stores is the point of a suite; a slow disk is no fault of theirs.
    @settings(
        max_examples=40,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
    )
    @given(plan=plans)
    def test_any_interleaving_is_the_byte_string(
        self, plan: list[tuple[list[bytes], int, int, bool]]
    ) -> None:
        with tempfile.TemporaryDirectory() as name:
            asyncio.run(self._follow(Path(name), plan))

    async def _follow(self, directory: Path, plan: list[tuple[list[bytes], int, int, bool]]) -> None:
        store, model, now = self.make(directory), Model(), 1_000_000
        for round_pieces, overlap, passed, restart in plan:
            for piece in round_pieces:
                start = max(0, len(model.data) - overlap)
                data = model.data[start:] + piece
                size = await store.append(WORKLOAD, SOURCE, start, data, [Mark(start, now)])
                if piece:
                    model.marks.append(Mark(len(model.data), now))
                model.data += piece
                assert size == len(model.data)
                now += passed
            store = self.again(store, directory) if restart else store
            await _compare(store, model)
        sha256 = hashlib.sha256(model.data).hexdigest()
        assert (await store.seal(WORKLOAD, SOURCE, len(model.data), sha256, 1)).sha256 == sha256


async def _compare(store: LogStore, model: Model) -> None:
    size, starts = len(model.data), model.line_starts()
    stat = await store.stat(WORKLOAD, SOURCE)
    begun = size > 0 and not model.data.endswith(b"\n")
    assert (stat.size, stat.lines) == (size, model.data.count(b"\n") + begun)
    assert await store.read(WORKLOAD, SOURCE, 0, size + 1) == model.data
    for line in {0, 1, len(starts) // 2, len(starts) - 1, len(starts), len(starts) + 5}:
        wanted = starts[line] if line < len(starts) else size
        assert await store.find_line(WORKLOAD, SOURCE, line) == wanted
    for offset in {0, size // 3, max(0, size - 1), size}:
        assert await store.line_at(WORKLOAD, SOURCE, offset) == model.data.count(b"\n", 0, offset)
        await _compare_times(store, model, offset)


async def _compare_times(store: LogStore, model: Model, offset: int) -> None:
    """Marks are coarse: never later than the truth, and by less than `COARSE_MS` earlier."""
    if offset >= len(model.data):
        return
    told = await store.times(WORKLOAD, SOURCE, offset, offset + 1)
    truth = model.arrived(offset)
    assert truth - COARSE_MS < told[0].ms <= truth
    for ms in (truth, truth + 1):
        found = await store.find_time(WORKLOAD, SOURCE, ms)
        assert model.find_time(ms - COARSE_MS) <= found <= model.find_time(ms)
