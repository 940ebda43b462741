"""`FileLogs`: the log store of one machine, or of several processes on one file system."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from prefect_platform.errors import OffsetMismatch
from prefect_platform.server.stores.disk import full_disk, private_directory
from prefect_platform.server.stores.file_logs.open_sources import OpenSources
from prefect_platform.server.stores.file_logs.source import Source
from prefect_platform.server.stores.log_changes import Changes
from prefect_platform.server.stores.log_places import checked
from prefect_platform.server.stores.logs import Mark, Stat

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")
EMPTY = Stat(0, 0, None, None, None, None)


class FileLogs:
    """Logs below `directory`, at `<last two characters of the workload>/<workload>/<source>.log`."""

    def __init__(self, directory: Path, *, open_sources: int = 128) -> None:
        self.directory = directory
        self._sources = OpenSources(open_sources)
        self._changes = Changes()

    async def append(
        self, workload_id: str, source: str, offset: int, data: bytes, marks: Sequence[Mark]
    ) -> int:
        base = self._base(workload_id, source)
        if not data:
            return await self._no_bytes(workload_id, source, offset)
        size = await asyncio.to_thread(self._create, base, Source.append, offset, data, marks)
        self._changes.tell(workload_id)
        return size

    async def overwrite(self, workload_id: str, source: str, offset: int, data: bytes) -> None:
        await asyncio.to_thread(self._create, self._base(workload_id, source), Source.overwrite, offset, data)
        self._changes.tell(workload_id)

    async def seal(self, workload_id: str, source: str, size: int, sha256: str, ms: int) -> Stat:
        base = self._base(workload_id, source)
        found = await asyncio.to_thread(self._create, base, Source.seal, size, sha256, ms)
        self._changes.tell(workload_id)
        return found

    async def stat(self, workload_id: str, source: str) -> Stat:
        return await self._ask(EMPTY, workload_id, source, Source.stat)

    async def sources(self, workload_id: str) -> list[str]:
        return [name for name, *_ in await self._look(workload_id)]

    async def read(self, workload_id: str, source: str, start: int, end: int) -> bytes:
        return await self._ask(b"", workload_id, source, Source.read, start, end)

    async def find_line(self, workload_id: str, source: str, line: int) -> int:
        return await self._ask(0, workload_id, source, Source.find_line, line)

    async def line_at(self, workload_id: str, source: str, offset: int) -> int:
        return await self._ask(0, workload_id, source, Source.line_at, offset)

    async def find_time(self, workload_id: str, source: str, ms: int) -> int:
        return await self._ask(0, workload_id, source, Source.find_time, ms)

    async def times(self, workload_id: str, source: str, start: int, end: int) -> list[Mark]:
        return await self._ask([], workload_id, source, Source.times, start, end)

    async def delete(self, workload_id: str) -> None:
        checked(workload_id)
        directory = self._directory(workload_id)
        await asyncio.to_thread(self._delete, directory)
        self._changes.tell(workload_id)

    def changes(self, workload_id: str) -> AsyncIterator[None]:
        checked(workload_id)
        return self._changes.watch(workload_id, lambda: self._look(workload_id))

    async def aclose(self) -> None:
        """Close every file. The store goes on working: it opens them again."""
        await asyncio.to_thread(self._sources.close)

    def _directory(self, workload_id: str) -> Path:
        return self.directory / workload_id[-2:] / workload_id

    def _base(self, workload_id: str, source: str) -> Path:
        checked(workload_id, source)
        return self._directory(workload_id) / source

    async def _no_bytes(self, workload_id: str, source: str, offset: int) -> int:
        """An append without bytes only asks where the source ends."""
        size = (await self.stat(workload_id, source)).size
        if offset > size:
            raise OffsetMismatch(f"Source {source!r} of workload {workload_id} ends at {size}.", size=size)
        return size

    async def _ask(
        self,
        absent: Answer,
        workload_id: str,
        source: str,
        call: Callable[Concatenate[Source, Asked], Answer],
        *args: Asked.args,
        **kwargs: Asked.kwargs,
    ) -> Answer:
        base = self._base(workload_id, source)

        def ask() -> Answer:
            with full_disk(self.directory), self._sources.use(base) as found:
                return absent if found is None else call(found, *args, **kwargs)

        return await asyncio.to_thread(ask)

    def _create(
        self,
        base: Path,
        call: Callable[Concatenate[Source, Asked], Answer],
        *args: Asked.args,
        **kwargs: Asked.kwargs,
    ) -> Answer:
        with full_disk(self.directory):
            private_directory(base.parent)
            with self._sources.use(base, create=True) as source:
                assert source is not None  # it was to be made
                return call(source, *args, **kwargs)

    def _delete(self, directory: Path) -> None:
        self._sources.forget(directory)
        try:
            shutil.rmtree(directory)
        except FileNotFoundError:
            return

    async def _look(self, workload_id: str) -> tuple[tuple[str, int, bool], ...]:
        """Sources with their sizes and whether they are sealed, sorted, without opening any."""
        checked(workload_id)
        return await asyncio.to_thread(_listed, self._directory(workload_id))


def _listed(directory: Path) -> tuple[tuple[str, int, bool], ...]:
    try:
        with os.scandir(directory) as entries:
            sizes = {entry.name: entry.stat().st_size for entry in entries}
    except FileNotFoundError:
        return ()
    names = sorted(name.removesuffix(".log") for name in sizes if name.endswith(".log"))
    found = ((name, sizes[f"{name}.log"], f"{name}.sealed" in sizes) for name in names)
    return tuple(item for item in found if item[1] or item[2])
