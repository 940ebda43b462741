"""Environments that the launchers of a machine have built, in one folder that they share.

Each has a folder of its own, and beside it a lock file: who builds holds it alone, who uses it shares it,
and who cleans takes only what nobody holds. The kernel lets go of a lock when its last holder has died,
whatever killed it. An environment without its mark, which is written last, is half-built and built anew.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prefect_platform.launcher.signals import Signals

READY = ".ready"
LOOK_SECONDS = 0.1


class Lock:
    """The lock of one environment."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def share(self) -> bool:
        return self._take(fcntl.LOCK_SH)

    def own(self) -> bool:
        return self._take(fcntl.LOCK_EX)

    def release(self) -> None:
        os.close(self.descriptor)

    def _take(self, kind: int) -> bool:
        try:
            fcntl.flock(self.descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class EnvironmentCache:
    """The folder of all environments."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def ready(self, key: str) -> tuple[Path, Lock] | None:
        """The environment `key` if it is there. It stays for as long as the lock is held."""
        place = self._directory / key
        if not (place / READY).exists():
            return None
        lock = Lock(self._directory / f"{key}.lock")
        if lock.share() and _used(place):
            return place, lock
        lock.release()
        return None

    def use(
        self, key: str, build: Callable[[Path, Lock], None], waiting: Callable[[], None], signals: Signals
    ) -> tuple[Path, Lock]:
        """The environment `key`, built first if it is not there. It stays for as long as the lock is held.

        Raises:
            OSError: the folder cannot be written.
            Stopped: the end was asked for while another launcher builds it.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        place, lock = self._directory / key, Lock(self._directory / f"{key}.lock")
        try:
            told = False
            while not (lock.share() and _used(place)):
                if lock.own():
                    if not (place / READY).exists():
                        _make(place, lock, build)
                elif not told:
                    told = True
                    waiting()
                else:
                    signals.sleep(LOOK_SECONDS)
                signals.check()
        except BaseException:
            lock.release()
            raise
        return place, lock

    def clean(self, cache_bytes: int, keep_seconds: float) -> list[str]:
        """Delete what was not used for so long, and the longest unused while all together are too large.
        Returns the names of what went."""
        found = sorted(self._ready(), key=lambda one: one[1])
        total, gone = sum(size for _, _, size in found), list[str]()
        for key, used, size in found:
            if total <= cache_bytes and time.time() - used <= keep_seconds:
                continue
            with self._alone(key) as free:
                if free:
                    shutil.rmtree(self._directory / key, ignore_errors=True)
                    total -= size
                    gone.append(key)
        return gone

    def _ready(self) -> Iterator[tuple[str, float, int]]:
        """Key, time of last use and size of each."""
        for mark in self._directory.glob(f"*/{READY}"):
            with suppress(OSError, ValueError, KeyError):
                yield mark.parent.name, mark.stat().st_mtime, int(json.loads(mark.read_text())["bytes"])

    @contextmanager
    def _alone(self, key: str) -> Iterator[bool]:
        lock = Lock(self._directory / f"{key}.lock")
        try:
            yield lock.own()
        finally:
            lock.release()


def _used(place: Path) -> bool:
    """Whether it is ready; then it was used now."""
    try:
        os.utime(place / READY)
    except OSError:
        return False
    return True


def _make(place: Path, lock: Lock, build: Callable[[Path, Lock], None]) -> None:
    """Build it from nothing. What went wrong leaves nothing, as far as that can be."""
    with suppress(FileNotFoundError):
        shutil.rmtree(place)
    try:
        build(place, lock)
        draft = place / f"{READY}.part"
        draft.write_text(json.dumps({"bytes": _size(place)}))
        draft.replace(place / READY)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _size(place: Path) -> int:
    total = 0
    for folder, _, names in os.walk(place):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512  # noqa: PTH118
    return total
