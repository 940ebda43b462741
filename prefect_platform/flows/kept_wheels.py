"""Wheels that this process has made, kept for the next registration while no file of them changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping

from prefect_platform.flows.capture.captured import Entry
from prefect_platform.flows.capture.file_state import FileState, settled


class KeptWheels:
    """The ones used last, as many as there is room for."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[Mapping[str, FileState], Entry]] = OrderedDict()

    def wheel(self, name: Hashable, files: Mapping[str, FileState], make: Callable[[], Entry]) -> Entry:
        """The wheel of this name; `files` are those that it is made of, by their path in it."""
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None and kept[0] == files:
                self._kept.move_to_end(name)
                return kept[1]
        lasting = settled(files.values())
        made = make()
        if lasting:
            self._keep(name, files, made)
        return made

    def _keep(self, name: Hashable, files: Mapping[str, FileState], made: Entry) -> None:
        with self._lock:
            self._kept.pop(name, None)
            self._kept[name] = files, made
            while sum(one.size for _, one in self._kept.values()) > self._most_bytes:
                self._kept.popitem(last=False)
