"""How much room there is at a place of this machine. A file system that hangs holds up nobody but itself."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

ANSWER_SECONDS = 2.0


class FreeRoom:
    """Asked in threads, at most one a place: of a file system that hangs, no more of them wait every time."""

    def __init__(self) -> None:
        self._asked: dict[Path, asyncio.Task[int | None]] = {}

    async def at(self, place: Path) -> int | None:
        """Bytes that a user may still write there; None where that cannot be said, or not in time."""
        task = self._asked.get(place)
        if task is None:
            task = self._asked[place] = asyncio.create_task(asyncio.to_thread(_free, place), name="free room")
            task.add_done_callback(lambda _: self._asked.pop(place, None))
        done, _ = await asyncio.wait([task], timeout=ANSWER_SECONDS)
        return task.result() if done else None


def _free(place: Path) -> int | None:
    try:
        found = os.statvfs(place)
    except OSError:  # it is not there (yet), or not ours to see
        return None
    return found.f_bavail * found.f_frsize
