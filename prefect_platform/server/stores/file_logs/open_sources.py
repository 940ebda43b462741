"""The sources whose files are open: the ones used last, and no more than so many."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect_platform.server.stores.file_logs.source import Source


class OpenSources:
    """Hands out open sources to threads; closes the longest unused ones past `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, Source] = OrderedDict()
        self._users: dict[Source, int] = {}
        """How many threads use a source now; one that is used stays open, also when forgotten."""

    @contextmanager
    def use(self, base: Path, *, create: bool = False) -> Iterator[Source | None]:
        """The source, kept open inside the block; None if there is none and it is not to be made."""
        with self._lock:
            source = self._take(base, create=create)
        if source is None:
            yield None
            return
        try:
            yield source
        finally:
            with self._lock:
                self._users[source] -= 1
                self._close_unused()

    def forget(self, directory: Path) -> None:
        """Close every source below a directory, now or when its last user is done."""
        with self._lock:
            for base in [base for base in self._open if base.parent == directory]:
                del self._open[base]
            self._close_unused()

    def close(self) -> None:
        with self._lock:
            self._open.clear()
            self._close_unused()

    def _take(self, base: Path, *, create: bool) -> Source | None:
        source = self._open.get(base)
        if source is not None and source.deleted:
            del self._open[base]
            source = None
        if source is None:
            try:
                source = Source(base, create=create)
            except FileNotFoundError:
                if create:
                    raise
                return None
            self._open[base] = source
        self._open.move_to_end(base)
        self._users[source] = self._users.get(source, 0) + 1
        return source

    def _close_unused(self) -> None:
        for base, source in list(self._open.items()):
            if len(self._open) <= self._limit:
                break
            if not self._users[source]:
                del self._open[base]
        kept = set(self._open.values())
        for source in [source for source, users in self._users.items() if not users and source not in kept]:
            del self._users[source]
            source.close()
