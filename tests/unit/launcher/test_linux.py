from __future__ import annotations

import os
import subprocess
import sys

from prefect_platform.launcher import linux
from prefect_platform.launcher.memory import TreeMemory, amount
from prefect_platform.launcher.process import Exit

WAIT = "import sys; data = bytearray(50 << 20); print('up', flush=True); sys.stdin.read()"


def test_descendants_and_their_memory() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in linux.descendants(os.getpid())
        assert linux.resident_bytes(child.pid) > 50 << 20
        assert linux.proportional_bytes(child.pid) > 50 << 20
        assert linux.command_name(child.pid).startswith("python")
        memory = TreeMemory(1 << 30)
        memory.look()
        assert memory.peak_bytes > 50 << 20
        assert memory.due_in() > 0
        child.kill()
    assert linux.resident_bytes(child.pid) == 0
    assert child.pid not in linux.descendants(os.getpid())


def test_out_of_memory_is_a_kill_while_the_kernel_counted_one(monkeypatch) -> None:
    monkeypatch.setattr("prefect_platform.launcher.memory.oom_kills", iter([3, 4, 4, 4]).__next__)
    memory = TreeMemory(16 << 30)
    memory.ended(Exit(None, 9, 17_000_000_000))
    sentence = memory.out_of_memory(Exit(None, 9, 0))
    assert sentence is not None
    assert "out of memory at 15.8 GiB of " in sentence
    assert memory.out_of_memory(Exit(None, 11, 0)) is None
    assert memory.out_of_memory(Exit(1, None, 0)) is None


def test_a_kill_without_the_kernel_is_another_thing(monkeypatch) -> None:
    monkeypatch.setattr("prefect_platform.launcher.memory.oom_kills", lambda: 3)
    assert TreeMemory(1).out_of_memory(Exit(None, 9, 0)) is None


def test_the_kernel_counts_kills_somewhere() -> None:
    assert isinstance(linux.oom_kills(), int)


def test_amounts() -> None:
    assert [amount(n) for n in (5, 2048, 3 << 20, 15 << 30)] == ["5 bytes", "2 KiB", "3 MiB", "15 GiB"]
