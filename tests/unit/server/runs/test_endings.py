"""The sentence that says why a run ended."""

from __future__ import annotations

import itertools
import signal

import pytest

from prefect_platform.server.services.endings import MEMBER, Ending, last_exception, of_program, sentence

TRACEBACK = """
Traceback (most recent call last):
  File "flow.py", line 1, in <module>
    import polars
ModuleNotFoundError: No module named 'polars'
09:00:00.000 | ERROR   | prefect.engine - Execution of flow run 'x' exited with unexpected exception
"""


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (Ending(receipt="COMPLETED"), None),
        (Ending(receipt="COMPLETED", signal=9), None),
        (
            Ending(receipt="PAUSED"),
            "The run is suspended: it goes on as a new attempt when Prefect resumes it.",
        ),
        (Ending(receipt="FAILED", last_lines="ValueError: no rows"), "The flow failed: ValueError: no rows"),
        (Ending(receipt="FAILED"), "The flow failed; the end of its log says where."),
        (
            Ending(receipt="CRASHED", last_lines="SystemExit: 3"),
            (
                "The flow ended its own process (SystemExit: 3) and Prefect recorded a crash; "
                "let the flow return or raise instead."
            ),
        ),
        (Ending(reason="killed by the memory watch", signal=9, ran=True), "killed by the memory watch"),
        (
            Ending(exit_code=0, ran=True),
            (
                "The process ended with exit code 0 before the flow had finished: something called "
                "os._exit(0). Let the flow return instead."
            ),
        ),
        (
            Ending(exit_code=1, last_lines=TRACEBACK, interpreter="/opt/py/bin/python"),
            (
                "ModuleNotFoundError: No module named 'polars': install it in /opt/py/bin/python, or "
                "register again from an environment that has it."
            ),
        ),
        (
            Ending(exit_code=1, last_lines="SyntaxError: invalid syntax\n"),
            "The flow could not be loaded: SyntaxError: invalid syntax. Correct it and register again.",
        ),
        (Ending(), "The launcher was lost before user code started. Start the run again."),
        (
            Ending(signal=signal.SIGKILL, ran=True, memory_bytes=2 << 30, peak_memory_bytes=3 << 30),
            (
                "The run was killed by SIGKILL, not by the platform: usually the kernel, out of memory "
                "(declared 2.0 GiB, it had used 3.0). See the kernel's log (dmesg), or register the flow "
                "with more memory."
            ),
        ),
        (
            Ending(signal=signal.SIGKILL, ran=True, memory_bytes=2 << 30, peak_memory_bytes=200 << 20),
            (
                "The run was killed by SIGKILL, not by the platform. It had used 0.2 of 2.0 GiB when last "
                "looked at: either it grew at once and the kernel ended it for want of memory (dmesg says "
                "so; then register the flow with more memory), or somebody sent the signal."
            ),
        ),
        (
            Ending(signal=signal.SIGSEGV, ran=True),
            (
                "The run was killed by SIGSEGV: native code in one of its libraries failed. "
                "Set PYTHONFAULTHANDLER=1 to see where."
            ),
        ),
        (Ending(cancelled_by="ana", signal=15), "Cancelled by ana."),
        (
            Ending(cancelled_by="ana", cancel_reason="wrong day", receipt="CANCELLED"),
            "Cancelled by ana: wrong day.",
        ),
        (
            Ending(cancelled_by="Prefect", signal=9, grace_seconds=5),
            "Cancelled by Prefect. It had not ended 5 s after it was asked to, and was killed.",
        ),
    ],
)
def test_says(ending: Ending, said: str | None) -> None:
    assert sentence(ending) == said


def test_every_other_end_has_a_sentence_with_an_end() -> None:
    receipts = [None, "FAILED", "CRASHED", "RUNNING", "PENDING", "CANCELLING", "CANCELLED"]
    for receipt, ran, exit_code, number in itertools.product(
        receipts, [True, False], [None, 0, 5], [None, 9, 11, 15, 64]
    ):
        said = sentence(Ending(receipt=receipt, ran=ran, exit_code=exit_code, signal=number))
        assert said
        assert said[0].isupper()
        assert "\n" not in said


def test_the_last_exception_is_found_behind_log_lines() -> None:
    assert last_exception(TRACEBACK) == "ModuleNotFoundError: No module named 'polars'"
    own = 'Traceback (most recent call last):\n  File "f.py", line 1\n    go()\nshop.SoldOut: none\nand: on\n'
    assert last_exception(own) == "shop.SoldOut: none"
    assert last_exception("a line\nanother: line") is None
    assert last_exception(None) is None


def test_a_program_that_was_out_of_memory_is_given_more_in_its_spec() -> None:
    said = of_program(
        Ending(signal=signal.SIGKILL, ran=True, memory_bytes=256 << 20, peak_memory_bytes=300 << 20)
    )
    assert said == (
        "It was killed by SIGKILL, not by the platform: usually the kernel, out of memory "
        "(declared 256 MiB, it had used 300). See the kernel's log (dmesg), "
        "or give it more memory_bytes in its spec."
    )
    said = of_program(Ending(signal=signal.SIGTERM, ran=True))
    assert said == "It was killed by SIGTERM, sent by something other than the platform."


def test_a_member_of_a_cluster_is_advised_of_its_clusters_size() -> None:
    said = of_program(Ending(signal=signal.SIGKILL, ran=True), MEMBER)
    assert said is not None
    assert "give its cluster a larger worker_size" in said
