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


def test_an_orderly_end_needs_no_sentence() -> None:
    assert reason(replace(PLAIN, receipt=True)) is None
    assert reason(replace(PLAIN, receipt=True, stop_reason="SIGTERM received")) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"exit": Exit(64, None, 0), "began": False, "tail": "x\nregistered with 3.10\n"},
            "registered with 3.10",
        ),
        ({"exit": Exit(None, signal.SIGKILL, 0), "out_of_memory": "Out of memory."}, "Out of memory."),
        ({"stop_reason": "SIGTERM received"}, "Cancelled (SIGTERM received)."),
        ({"stop_reason": "x", "killed": True}, "did not end in its grace period"),
        ({"stop_reason": "x", "killed": True, "began": False}, "The flow had not begun"),
    ],
)
def test_what_only_the_launcher_knows(change: dict[str, object], words: str) -> None:
    assert words in str(reason(replace(PLAIN, **change)))  # type: ignore[arg-type]


@pytest.mark.parametrize("end", [Exit(0, None, 0), Exit(5, None, 0), Exit(None, signal.SIGSEGV, 0)])
def test_the_rest_is_for_the_platform_to_say(end: Exit) -> None:
    assert reason(replace(PLAIN, exit=end)) is None
    assert reason(replace(PLAIN, exit=Exit(64, None, 0), tail="a flow that exits with 64")) is None
