"""Prefect's own command, with garbage collected beside the event loop: `python -m … server start …`.

A Prefect server on SQLite can stand still for a minute. A request that waits for the write lock
waits in a thread of its own; if meanwhile a cursor of that connection becomes garbage and is
collected on the event loop's thread, the loop waits for the connection, the connection for the
lock, and the lock for the loop, until SQLite gives up after 60 s and everybody is told "database is
locked". Collected in another thread, only that thread waits. Nothing else of Prefect is changed.
"""

from __future__ import annotations

import gc
import runpy
import threading
import time

_YOUNG_SECONDS = 1.0
_OLD_EVERY = 20
"""Every so many collections of young objects, one of all."""


def collect_beside(pause: float = _YOUNG_SECONDS) -> threading.Thread:
    """Collect garbage in a thread of its own from now on, and nowhere else."""
    gc.disable()
    thread = threading.Thread(target=_collect, args=(pause,), name="garbage", daemon=True)
    thread.start()
    return thread


def _collect(pause: float) -> None:
    rounds = 0
    while True:
        time.sleep(pause)
        rounds += 1
        gc.collect(1 if rounds % _OLD_EVERY else 2)


def main() -> None:
    """Become `python -m prefect`, with the arguments of this process."""
    collect_beside()
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
