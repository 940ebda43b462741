"""Garbage is collected, and never on the thread that made it: that would be the event loop's."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import gc, threading
from prefect_platform.agent.prefect_server import collect_beside

collect_beside(0.01)
where = []
gone = threading.Event()

class Cursor:
    def __init__(self):
        self.me = self
    def __del__(self):
        where.append(threading.current_thread().name)
        gone.set()

Cursor()
objects = [[] for _ in range(100_000)]  # would collect at once
assert gone.wait(10)
print(where[0], gc.isenabled())
"""


def test_garbage_is_collected_beside_the_loop() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["garbage", "False"]


def test_it_is_prefects_own_command() -> None:
    command = [sys.executable, "-m", "prefect_platform.agent.prefect_server", "server", "start", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "--host" in done.stdout
