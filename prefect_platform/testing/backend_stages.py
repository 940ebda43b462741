"""The ground under a backend, as a test moves it: `Stage`, and one each for the backends that ship."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from prefect_platform.backends.base import Backend
from prefect_platform.backends.local import LocalBackend
from prefect_platform.backends.local.launch import Launching
from prefect_platform.backends.local.place import PID_FILE, RESULT, SPOOL, Place
from prefect_platform.backends.local.proc import Proc, opened, reap
from prefect_platform.backends.local.recovery import CLOSED
from prefect_platform.backends.local.tree import Tree
from prefect_platform.backends.memory import Infrastructure, MemoryBackend
from prefect_platform.testing import stand_in_launcher

WAIT_SECONDS = 20.0


class Stage(Protocol):
    """What a backend runs on. Everything here happens without the backend's knowing."""

    def backend(self) -> Backend:
        """A new backend object, as after a restart of the platform."""
        ...

    async def run(self, workload_id: str) -> None:
        """Return when the launcher runs."""
        ...

    async def leave(
        self, workload_id: str, logs: Mapping[str, bytes], result: Mapping[str, object] | None
    ) -> None:
        """The launcher writes down logs, and closes them all if there is a result."""
        ...

    async def end(self, workload_id: str, exit_code: int) -> None:
        """The launcher ends by itself."""
        ...

    async def vanish(self, workload_id: str) -> None:
        """The infrastructure loses every trace of it."""
        ...

    def launches(self) -> list[str]:
        """Workload ids of all launchers that were ever started, twice if it was twice."""
        ...

    async def close(self) -> None:
        """End and free everything."""
        ...


@dataclass
class MemoryStage:
    """Under `MemoryBackend`."""

    infrastructure: Infrastructure = field(default_factory=Infrastructure)

    def backend(self) -> MemoryBackend:
        self._last = MemoryBackend(self.infrastructure)
        return self._last

    async def run(self, workload_id: str) -> None:
        self._last.run(workload_id)

    async def leave(
        self, workload_id: str, logs: Mapping[str, bytes], result: Mapping[str, object] | None
    ) -> None:
        workload = self.infrastructure.workloads[workload_id]
        workload.logs.update(logs)
        workload.result = result
        workload.complete = frozenset(logs if result is not None else ())

    async def end(self, workload_id: str, exit_code: int) -> None:
        workload = self.infrastructure.workloads[workload_id]
        complete = sorted(workload.complete)
        self._last.end(workload_id, exit_code=exit_code, result=workload.result, complete=complete)

    async def vanish(self, workload_id: str) -> None:
        self._last.vanish(workload_id)

    def launches(self) -> list[str]:
        return [spec.workload_id for spec in self.infrastructure.launches]

    async def close(self) -> None:
        self.infrastructure.workloads.clear()


class LocalStage:
    """Under `LocalBackend`, with stand-in launchers in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._backends: list[LocalBackend] = []

    def backend(self, **options: Any) -> LocalBackend:
        """A new one; `options` go to its constructor."""
        command = (sys.executable, "-I", "-S", str(Path(stand_in_launcher.__file__)))
        self._backends.append(LocalBackend(self.directory, launcher=command, **options))
        return self._backends[-1]

    async def run(self, workload_id: str) -> None:
        await appeared(self.directory / workload_id / stand_in_launcher.ORDERS)

    async def order(self, workload_id: str, order: str) -> None:
        """Tell a stand-in launcher what to do; see there."""
        pipe = self.directory / workload_id / stand_in_launcher.ORDERS
        await appeared(pipe)
        descriptor = os.open(pipe, os.O_RDWR)  # does not wait for the launcher to open it
        try:
            os.write(descriptor, f"{order}\n".encode())
            await asyncio.to_thread(_drained, descriptor)
        finally:
            os.close(descriptor)

    async def pid(self, workload_id: str, name: str) -> int:
        """Order a process of this name to be started, and return its pid."""
        await self.order(workload_id, name)
        return int((await appeared(self.directory / workload_id / name.split(maxsplit=1)[0])).read_text())

    async def leave(
        self, workload_id: str, logs: Mapping[str, bytes], result: Mapping[str, object] | None
    ) -> None:
        for source, data in logs.items():
            write_spool(self.directory / workload_id, source, data, closed=result is not None)
        if result is not None:
            (self.directory / workload_id / RESULT).write_text(json.dumps(result))

    async def end(self, workload_id: str, exit_code: int) -> None:
        await self.order(workload_id, f"exit {exit_code}")

    async def vanish(self, workload_id: str) -> None:
        self._kill(workload_id)
        shutil.rmtree(self.directory / workload_id)

    def launches(self) -> list[str]:
        record = self.directory / stand_in_launcher.LAUNCHES
        return record.read_text().split() if record.exists() else []

    async def close(self) -> None:
        for backend in self._backends:
            await backend.close()
        for pid_file in self.directory.glob(f"*/{PID_FILE}"):
            self._kill(pid_file.parent.name)

    def _kill(self, workload_id: str) -> None:
        """End everything of a workload, and reap its launcher if that is a child of ours."""
        proc = Proc()
        place = Launching((), {}, proc).find(Place.of(self.directory, workload_id, 0))
        if place is None or place.launcher is None:
            return
        Tree(proc, place).kill(WAIT_SECONDS)
        with opened(place.launcher.pid) as pidfd:
            if pidfd is not None:
                reap(pidfd)


def write_spool(
    directory: Path, source: str, data: bytes, *, start: int = 0, segment: int = 3 << 20, closed: bool = True
) -> None:
    """Lay down a spool as a launcher does, with `data` at offset `start` of the source."""
    folder = directory / SPOOL / source
    folder.mkdir(parents=True)
    for offset in range(0, len(data), segment):
        (folder / f"{start + offset:020d}").write_bytes(data[offset : offset + segment])
    (folder / "marks").write_bytes(b"")
    if closed:
        size = start + len(data)
        (folder / CLOSED).write_text(
            json.dumps({"size": size, "sha256": sha256(data).hexdigest(), "left_out": 0})
        )


async def appeared(path: Path) -> Path:
    """`path`, once it is there.

    Raises:
        TimeoutError: it does not come.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while not path.exists():  # noqa: ASYNC240 - a look in a test's directory
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} has not appeared")
        await asyncio.sleep(0.005)
    return path


def _drained(descriptor: int) -> None:
    """Wait until what was written to a named pipe was read: closing it earlier would lose it."""
    import fcntl
    import struct
    import termios

    deadline = time.monotonic() + WAIT_SECONDS
    while struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4))[0]:
        if time.monotonic() > deadline:
            raise TimeoutError("nobody read the order")
        time.sleep(0.002)
