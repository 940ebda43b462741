from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from prefect_platform.launcher.ending import Circumstances, reason
from prefect_platform.launcher.process import Exit

PLAIN = Circumstances(
    exit=Exit(0, None, 0),
    began=True,
    receipt=False,
    stop_reason=None,
    killed=False,
    out_of_memory=None,
    tail="",
)
TRACEBACK = """Traceback (most recent call last):
  File "flows.py", line 1, in <module>
ModuleNotFoundError: No module named 'polars'
"""


def test_an_orderly_end_needs_no_sentence() -> None:
    assert reason(replace(PLAIN, receipt=True)) is None
    assert reason(replace(PLAIN, receipt=True, stop_reason="SIGTERM received")) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "exit code 0 without reporting how its flow ended"),
        ({"exit": Exit(5, None, 0)}, "exit code 5 without reporting"),
        ({"exit": Exit(1, None, 0), "began": False, "tail": TRACEBACK}, "No module named 'polars'"),
        ({"exit": Exit(1, None, 0), "began": False}, "exit code 1 before the flow began"),
        (
            {"exit": Exit(64, None, 0), "began": False, "tail": "x\nregistered with 3.10"},
            "registered with 3.10",
        ),
        ({"exit": Exit(None, signal.SIGSEGV, 0)}, "signal 11 (SIGSEGV)"),
        ({"exit": Exit(None, signal.SIGRTMIN + 3, 0)}, "signal 37"),
        ({"exit": Exit(None, signal.SIGKILL, 0)}, "Neither the platform nor the launcher sent that"),
        ({"exit": Exit(None, signal.SIGKILL, 0), "out_of_memory": "Out of memory."}, "Out of memory."),
        ({"stop_reason": "SIGTERM received"}, "Cancelled (SIGTERM received)."),
        ({"stop_reason": "x", "killed": True}, "did not end in its grace period"),
        ({"stop_reason": "x", "killed": True, "began": False}, "The flow had not begun"),
    ],
)
def test_each_end_has_its_sentence(change: dict[str, object], words: str) -> None:
    assert words in str(reason(replace(PLAIN, **change)))  # type: ignore[arg-type]
