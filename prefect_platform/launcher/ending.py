"""How a run ended, in one sentence with the cause and the next step where there is one to tell."""

from __future__ import annotations

import re
import signal
from dataclasses import asdict, dataclass
from typing import Any

from prefect_platform.launcher.engine import WRONG_PYTHON
from prefect_platform.launcher.process import Exit

EXCEPTION = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|NotFound|Warning)\b.*")
MAX_QUOTED = 300
HINTS = {
    signal.SIGKILL: "Neither the platform nor the launcher sent that; the system's log may say who did.",
    signal.SIGSEGV: "That is a fault in compiled code; `faulthandler.enable()` in the flow shows where.",
    signal.SIGTERM: "Somebody outside of the platform sent that.",
}


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


def reason(facts: Circumstances) -> str | None:
    """The sentence; nothing for an orderly end."""
    if facts.receipt:
        return None
    if facts.stop_reason is not None:
        return _cancelled(facts)
    if facts.out_of_memory:
        return facts.out_of_memory
    if facts.exit.signal is not None:
        return _signalled(facts.exit.signal)
    return _exited(facts)


def _cancelled(facts: Circumstances) -> str:
    if not facts.killed:
        return f"Cancelled ({facts.stop_reason})."
    when = "It did not end in its grace period" if facts.began else "The flow had not begun"
    return f"Cancelled ({facts.stop_reason}). {when}, so its processes were killed."


def _signalled(number: int) -> str:
    try:
        known = signal.Signals(number)
    except ValueError:  # a real-time signal has no name
        return f"The run was ended by signal {number}."
    hint = HINTS.get(known, "")
    return f"The run was ended by signal {number} ({known.name}). {hint}".rstrip()


def _exited(facts: Circumstances) -> str:
    last = _last_exception(facts.tail)
    if facts.began:
        how = "without reporting how its flow ended, as after `os._exit`"
        return f"The engine ended with exit code {facts.exit.code} {how}. {last}".rstrip()
    if facts.exit.code == WRONG_PYTHON:
        return facts.tail.strip().rpartition("\n")[2] or f"The engine ended with exit code {WRONG_PYTHON}."
    return f"The engine ended with exit code {facts.exit.code} before the flow began. {last}".rstrip()


def _last_exception(tail: str) -> str:
    """The last line of a traceback, where the output ends with one."""
    lines = [line for line in tail.splitlines() if EXCEPTION.match(line)]
    return lines[-1][:MAX_QUOTED] if lines else ""
