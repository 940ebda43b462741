"""How a run ended, and why where only the launcher can know it.

What follows from an exit code, a signal or the last lines is for the platform to say: it also knows
what was asked for, and says the same where a launcher was lost.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from prefect_platform.launcher.engine import WRONG_PYTHON
from prefect_platform.launcher.process import Exit


@dataclass(frozen=True)
class End:
    """The end of a workload, in the fields of the result report."""

    exit_code: int | None = None
    signal: int | None = None
    receipt: str | None = None
    receipt_state_name: str | None = None
    peak_memory_bytes: int | None = None
    reason: str | None = None

    def document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Circumstances:
    """What a sentence about an end is made of."""

    exit: Exit
    began: bool
    """Whether the flow had begun to run."""
    receipt: bool
    """Whether the engine had reported its end."""
    stop_reason: str | None
    """Why a stop was begun before the end, if one was."""
    killed: bool
    """Whether the launcher killed it."""
    out_of_memory: str | None
    tail: str
    """The last lines of output."""
    timed_out: str | None = None
    """The sentence about its timeout, if that was why it was stopped."""


def reason(facts: Circumstances) -> str | None:
    """The sentence; nothing where the platform finds it in the facts that it is told anyway."""
    if facts.timed_out is not None:
        return facts.timed_out
    if facts.receipt:
        return None
    if facts.stop_reason is not None:
        return _cancelled(facts)
    if facts.exit.code == WRONG_PYTHON and not facts.began:
        return facts.tail.strip().rpartition("\n")[2] or None
    return facts.out_of_memory


def _cancelled(facts: Circumstances) -> str:
    if not facts.killed:
        return f"Cancelled ({facts.stop_reason})."
    when = "It did not end in its grace period" if facts.began else "The flow had not begun"
    return f"Cancelled ({facts.stop_reason}). {when}, so its processes were killed."
