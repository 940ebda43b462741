"""Files of logs: damage is mended, a full disk is told, several processes may write."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path

import pytest

from prefect_platform.errors import InternalError, StorageFull
from prefect_platform.server.stores.file_logs import FileLogs
from prefect_platform.server.stores.file_logs.line_index import STRIDE
from prefect_platform.server.stores.logs import Mark

WORKLOAD, SOURCE = "wl-01jdab", "flow"
LINES = b"".join(b"line %06d\n" % n for n in range(60_000))


def path(directory: Path, suffix: str) -> Path:
    return directory / "ab" / WORKLOAD / f"{SOURCE}.{suffix}"


async def filled(directory: Path) -> None:
    store = FileLogs(directory)
    for start in range(0, len(LINES), 100_000):
        piece = LINES[start : start + 100_000]
        await store.append(WORKLOAD, SOURCE, start, piece, [Mark(start, 1_000_000 + start)])
    await store.aclose()


async def assert_lines(directory: Path, data: bytes = LINES) -> None:
    store = FileLogs(directory)
    assert (await store.stat(WORKLOAD, SOURCE)).lines == data.count(b"\n")
    for line in (0, 1, 20_000, data.count(b"\n") - 1):
        offset = await store.find_line(WORKLOAD, SOURCE, line)
        assert await store.read(WORKLOAD, SOURCE, offset, offset + 12) == b"line %06d" % line + b"\n"
        assert await store.line_at(WORKLOAD, SOURCE, offset + 3) == line
    await store.aclose()


def damaged(data: bytes, how: str) -> bytes:
    middle = len(data) // 2
    return {
        "gone": b"",
        "torn": data[:-5],
        "flipped": data[:middle] + bytes([data[middle] ^ 0x40]) + data[middle + 1 :],
        "garbage": os.urandom(len(data)),
        "zeros": bytes(len(data)),
        "too long": data + data,
    }[how]


@pytest.mark.asyncio
@pytest.mark.parametrize("how", ["gone", "torn", "flipped", "garbage", "zeros", "too long"])
async def test_a_damaged_line_index_is_counted_anew(tmp_path: Path, how: str) -> None:
    await filled(tmp_path)
    lines = path(tmp_path, "lines")
    right = lines.read_bytes()
    assert len(right) == len(LINES) // STRIDE * 12
    lines.write_bytes(damaged(right, how))
    await assert_lines(tmp_path)
    assert lines.read_bytes()[: len(right)] == right
    await assert_lines(tmp_path)


@pytest.mark.asyncio
@pytest.mark.parametrize("how", ["gone", "torn", "garbage", "zeros", "too long"])
async def test_damaged_times_cost_only_precision(tmp_path: Path, how: str) -> None:
    await filled(tmp_path)
    times = path(tmp_path, "times")
    times.write_bytes(damaged(times.read_bytes(), how))
    store = FileLogs(tmp_path)
    size = (await store.stat(WORKLOAD, SOURCE)).size
    assert await store.find_time(WORKLOAD, SOURCE, 1_000_000 + size // 2) <= size
    for mark in await store.times(WORKLOAD, SOURCE, 0, size):
        assert mark.ms == 1_000_000 + mark.offset or how == "garbage"
    await store.append(WORKLOAD, SOURCE, size, b"more\n", [Mark(size, 1 << 41)])
    assert (await store.times(WORKLOAD, SOURCE, size, size + 1))[0].ms == 1 << 41


@pytest.mark.asyncio
async def test_a_log_that_was_cut_is_as_long_as_it_is(tmp_path: Path) -> None:
    await filled(tmp_path)
    store = FileLogs(tmp_path)
    assert (await store.stat(WORKLOAD, SOURCE)).size == len(LINES)
    os.truncate(path(tmp_path, "log"), 330_000)
    assert (await store.stat(WORKLOAD, SOURCE)).size == 330_000
    await assert_lines(tmp_path, LINES[:330_000])
    size = await store.append(WORKLOAD, SOURCE, 330_000, LINES[330_000:], [])
    sha256 = hashlib.sha256(LINES).hexdigest()
    assert (await store.seal(WORKLOAD, SOURCE, size, sha256, 1)).sha256 == sha256


@pytest.mark.asyncio
async def test_a_sealed_log_is_written_by_nobody(tmp_path: Path) -> None:
    await filled(tmp_path)
    await FileLogs(tmp_path).seal(WORKLOAD, SOURCE, len(LINES), hashlib.sha256(LINES).hexdigest(), 7)
    assert path(tmp_path, "log").stat().st_mode & 0o777 == 0o400
    assert path(tmp_path, "sealed").stat().st_mode & 0o777 == 0o400
    await assert_lines(tmp_path)


@pytest.mark.asyncio
async def test_a_damaged_seal_is_said(tmp_path: Path) -> None:
    await filled(tmp_path)
    path(tmp_path, "sealed").write_bytes(b"{")
    with pytest.raises(InternalError, match=r"flow\.sealed is damaged"):
        await FileLogs(tmp_path).append(WORKLOAD, SOURCE, len(LINES), b"x", [])


@pytest.mark.asyncio
async def test_files_are_private(tmp_path: Path) -> None:
    await filled(tmp_path)
    assert path(tmp_path, "log").stat().st_mode & 0o777 == 0o600
    assert path(tmp_path, "log").parent.stat().st_mode & 0o777 == 0o700


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.asyncio
async def test_only_so_many_files_stay_open(tmp_path: Path) -> None:
    store = FileLogs(tmp_path, open_sources=4)
    await store.append("wl-first", SOURCE, 0, b"x", [])
    before = open_files()
    for number in range(40):
        await store.append(f"wl-{number}", SOURCE, 0, b"x", [])
        await store.read("wl-0", SOURCE, 0, 1)
    assert open_files() - before <= 3 * 3
    await store.aclose()
    assert open_files() == before - 3


@pytest.mark.asyncio
async def test_a_line_of_fifty_megabytes_without_an_end(tmp_path: Path) -> None:
    store, piece, size = FileLogs(tmp_path), b"\0x" * (2 << 20), 0
    for _ in range(13):
        size = await store.append(WORKLOAD, SOURCE, size, piece, [Mark(size, 1)])
    await store.append(WORKLOAD, SOURCE, size, b"\nsecond", [])
    assert await store.find_line(WORKLOAD, SOURCE, 1) == size + 1
    assert await store.line_at(WORKLOAD, SOURCE, size) == 0
    assert (await FileLogs(tmp_path).stat(WORKLOAD, SOURCE)).lines == 2


@pytest.mark.asyncio
async def test_a_deleted_workload_can_begin_anew(tmp_path: Path) -> None:
    """Also where another process still has the old files open."""
    store, other = FileLogs(tmp_path), FileLogs(tmp_path)
    for each in (store, other):
        await each.append(WORKLOAD, SOURCE, 0, b"old", [])
    await other.delete(WORKLOAD)
    assert (await store.stat(WORKLOAD, SOURCE)).size == 0
    await store.append(WORKLOAD, SOURCE, 0, b"anew", [])
    assert await other.read(WORKLOAD, SOURCE, 0, 9) == b"anew"


@pytest.mark.asyncio
async def test_another_process_is_noticed(tmp_path: Path) -> None:
    store, other = FileLogs(tmp_path), FileLogs(tmp_path)
    async with aclosing(store.changes(WORKLOAD)) as changes:
        await anext(changes)
        await other.append(WORKLOAD, SOURCE, 0, b"x", [])
        await asyncio.wait_for(anext(changes), 10)


WRITER = """
import asyncio, sys
from pathlib import Path
from prefect_platform.errors import OffsetMismatch
from prefect_platform.server.stores.file_logs import FileLogs
from prefect_platform.server.stores.logs import Mark

async def main(directory, total, piece):
    store, size = FileLogs(Path(directory)), 0
    while size < total:
        lines = range(size // 12, (size + piece) // 12 + 2)
        data = b"".join(b"%011d\\n" % n for n in lines)[size % 12 :][:piece]
        size = await store.append("wl-01jdab", "flow", size, data[: total - size], [Mark(size, size)])

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


def writer(directory: Path, total: int, piece: int) -> subprocess.Popen[bytes]:
    arguments = [str(directory), str(total), str(piece)]
    return subprocess.Popen([sys.executable, "-c", WRITER, *arguments])


def numbered(size: int) -> bytes:
    return b"".join(b"%011d\n" % n for n in range(size // 12 + 1))[:size]


@pytest.mark.slow
@pytest.mark.asyncio
async def test_two_processes_write_one_log(tmp_path: Path) -> None:
    total = 12 * 150_000
    writers = [writer(tmp_path, total, piece) for piece in (5_003, 9_001)]
    assert [await asyncio.to_thread(each.wait, 50) for each in writers] == [0, 0]
    store = FileLogs(tmp_path)
    assert await store.read(WORKLOAD, SOURCE, 0, total + 1) == numbered(total)
    sha256 = hashlib.sha256(numbered(total)).hexdigest()
    assert (await store.seal(WORKLOAD, SOURCE, total, sha256, 1)).lines == 150_000
    marks = await store.times(WORKLOAD, SOURCE, 0, total)
    assert all(mark.offset == mark.ms for mark in marks)
    assert [mark.offset for mark in marks] == sorted({mark.offset for mark in marks})


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_killed_process_leaves_a_right_beginning(tmp_path: Path) -> None:
    size = 0
    for round_number in range(5):
        process = writer(tmp_path, 1 << 40, 70_001)
        deadline = time.monotonic() + 30
        while _size(tmp_path) < size + (round_number + 1) * 300_000:
            assert time.monotonic() < deadline, "the writer did not write"
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        store = FileLogs(tmp_path)
        size = (await store.stat(WORKLOAD, SOURCE)).size
        assert size == _size(tmp_path)
        assert await store.read(WORKLOAD, SOURCE, 0, size) == numbered(size)
        assert (await store.stat(WORKLOAD, SOURCE)).lines == -(-size // 12)
        for line in (0, size // 24, size // 12 - 1):
            assert await store.find_line(WORKLOAD, SOURCE, line) == line * 12
        assert all(mark.offset == mark.ms for mark in await store.times(WORKLOAD, SOURCE, 0, size))
        await store.aclose()


def _size(directory: Path) -> int:
    try:
        return path(directory, "log").stat().st_size
    except FileNotFoundError:
        return 0


@pytest.mark.asyncio
async def test_a_full_disk_is_told_and_nothing_is_lost(small_disk: Path) -> None:
    store, size = FileLogs(small_disk), 400_003
    await store.append(WORKLOAD, SOURCE, 0, LINES[:size], [Mark(0, 1)])
    with pytest.raises(StorageFull, match="no room left"):
        await store.append(WORKLOAD, SOURCE, size, LINES[size:], [Mark(size, 1000)])
    held = (await store.stat(WORKLOAD, SOURCE)).size
    assert held >= size
    assert await store.read(WORKLOAD, SOURCE, 0, held) == LINES[:held]
    (small_disk / "ballast").unlink()
    assert await store.append(WORKLOAD, SOURCE, size, LINES[size:], []) == len(LINES)
    await store.seal(WORKLOAD, SOURCE, len(LINES), hashlib.sha256(LINES).hexdigest(), 1)
    await assert_lines(small_disk)
    await store.aclose()


LIMITED = """
import asyncio, resource, sys
from pathlib import Path
from prefect_platform.errors import StorageFull
from prefect_platform.server.stores.file_logs import FileLogs

async def main(directory):
    store = FileLogs(Path(directory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    await store.append("wl-01jdab", "flow", 0, b"a" * 9_000, [])
    try:
        await store.append("wl-01jdab", "flow", 9_000, b"b" * 9_000, [])
    except StorageFull:
        print((await store.stat("wl-01jdab", "flow")).size)

asyncio.run(main(sys.argv[1]))
"""


def test_a_file_over_its_limit_is_a_full_disk(tmp_path: Path) -> None:
    """What was written before the fault is counted."""
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=50)
    assert found.stdout == "10000\n"
