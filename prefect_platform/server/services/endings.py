"""Why a workload ended, as one sentence with the cause and the next step. Pure functions.

The order is by who knows best: the infrastructure (out of memory, evicted), then the launcher, then
what the engine wrote last, then the signal or the exit code.
"""

from __future__ import annotations

import re
import signal as signals
from dataclasses import dataclass
from typing import NamedTuple

from prefect_platform.errors import foreign

_EXCEPTION = re.compile(
    r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Exit|Interrupt|NotFound|Warning))(?:: (.*))?$"
)
_ANY_EXCEPTION = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:: .*)?$")
"""What ends a traceback: there the name may be any."""
_TRACEBACK = ("Traceback (most recent call last):", '  File "')
_MISSING_MODULE = re.compile(r"No module named '([^']+)'")
MIB, GIB = 1 << 20, 1 << 30
FAR_BELOW = 0.5
"""Of the memory that was declared: what had used less is hardly ended by the kernel for its memory."""


@dataclass(frozen=True)
class Ending:
    """Everything that is known of an end."""

    exit_code: int | None = None
    signal: int | None = None
    receipt: str | None = None
    reason: str | None = None
    """The launcher's or the infrastructure's own sentence."""
    last_lines: str | None = None
    ran: bool = False
    """Whether user code had started."""
    interpreter: str = "python"
    memory_bytes: int = GIB
    peak_memory_bytes: int | None = None
    cancelled_by: str | None = None
    cancel_reason: str | None = None
    grace_seconds: float = 30.0


class _Words(NamedTuple):
    """What people call the thing that ended, and what they can do."""

    what: str
    more_memory: str
    again: str


RUN = _Words("The run", "register the flow with more memory", " Start the run again if that was not meant.")
PROGRAM = _Words("It", "give it more memory_bytes in its spec", "")
MEMBER = _Words("It", "give its cluster a larger worker_size", "")
"""A scheduler or worker of Dask."""


def sentence(ending: Ending) -> str | None:
    """Why it ended; None where there is nothing to explain."""
    receipt = (ending.receipt or "").upper()
    if receipt == "COMPLETED":
        return None
    if receipt in {"PAUSED", "SCHEDULED"} and not ending.cancelled_by:
        return "The run is suspended: it goes on as a new attempt when Prefect resumes it."
    if ending.cancelled_by and receipt not in {"FAILED", "CRASHED"}:
        return _cancelled(ending)
    return ending.reason or _found(receipt, ending)


def of_program(ending: Ending, words: _Words = PROGRAM) -> str | None:
    """Why something that is no flow ended, such as an agent; None where there is nothing to explain."""
    if ending.cancelled_by:
        return _cancelled(ending)
    if ending.reason:
        return ending.reason
    if ending.signal:
        return _signalled(ending, words)
    if ending.exit_code is None:
        return "Its launcher was lost, and it ended with it."
    said = last_exception(ending.last_lines) or _last_line(ending.last_lines)
    how = f"It ended with exit code {ending.exit_code}"
    return f"{how}: {said}" if said else f"{how}, and said nothing."


def _last_line(text: str | None) -> str | None:
    lines = [line for line in (text or "").splitlines() if line.strip()]
    return foreign(lines[-1]) if lines else None


def _found(receipt: str, ending: Ending) -> str:
    if receipt:
        return _reported(receipt, ending)
    if ending.signal:
        return _signalled(ending, RUN)
    return _exited(ending) if ending.ran else _never_started(ending)


def last_exception(last_lines: str | None) -> str | None:
    """The last line that names an exception, as Python prints it at the end of a traceback."""
    found, inside = None, False
    for line in (last_lines or "").splitlines():
        ends = inside and bool(line) and not line[0].isspace()
        if _EXCEPTION.match(line.strip()) or (ends and _ANY_EXCEPTION.match(line)):
            found = foreign(line)
        inside = line.startswith(_TRACEBACK) or (inside and not ends)
    return found


def _cancelled(ending: Ending) -> str:
    why = f": {ending.cancel_reason}" if ending.cancel_reason not in (None, "", "cancelled") else ""
    text = f"Cancelled by {ending.cancelled_by}{why}."
    if ending.signal == signals.SIGKILL:
        text += f" It had not ended {ending.grace_seconds:g} s after it was asked to, and was killed."
    return text


def _reported(receipt: str, ending: Ending) -> str:
    error = last_exception(ending.last_lines)
    if receipt == "FAILED":
        return f"The flow failed: {error}" if error else "The flow failed; the end of its log says where."
    if receipt == "CRASHED":
        if error and not error.startswith("SystemExit"):
            return f"Prefect recorded a crash: {error}"
        return (
            f"The flow ended its own process ({error or 'sys.exit, or a signal'}) and Prefect recorded a "
            "crash; let the flow return or raise instead."
        )
    return f"The engine ended while Prefect still says {receipt.lower()}; an agent settles it."


def _signalled(ending: Ending, words: _Words) -> str:
    number = ending.signal or 0
    try:
        name = signals.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    before = "" if ending.ran or words is not RUN else ", before user code started"
    return f"{words.what} was killed by {name}{before}{_advice(name, ending, words)}"


def _advice(name: str, ending: Ending, words: _Words) -> str:
    if name == "SIGKILL":
        return _killed(ending, words)
    if name in {"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT"}:
        return ": native code in one of its libraries failed. Set PYTHONFAULTHANDLER=1 to see where."
    return f", sent by something other than the platform.{words.again}"


def _killed(ending: Ending, words: _Words) -> str:
    form, unit = ("{:.1f} GiB", GIB) if ending.memory_bytes >= GIB else ("{:.0f} MiB", MIB)
    declared, peak = form.format(ending.memory_bytes / unit), ending.peak_memory_bytes
    used = form.format(peak / unit).split()[0] if peak else ""
    if peak and peak < FAR_BELOW * ending.memory_bytes:
        return (
            f", not by the platform. It had used {used} of {declared} when last looked at: either it grew at "
            f"once and the kernel ended it for want of memory (dmesg says so; then {words.more_memory}), or "
            "somebody sent the signal."
        )
    told = f"declared {declared}, it had used {used}" if used else f"declared {declared}"
    return (
        f", not by the platform: usually the kernel, out of memory ({told}). See the kernel's log (dmesg), "
        f"or {words.more_memory}."
    )


def _exited(ending: Ending) -> str:
    if ending.exit_code is None:
        return "The launcher was lost, and nothing says how the run ended. Start it again."
    how = f"with exit code {ending.exit_code} before the flow had finished"
    if ending.exit_code == 0:
        return f"The process ended {how}: something called os._exit(0). Let the flow return instead."
    error = last_exception(ending.last_lines)
    if error:
        return f"The process ended {how}: {error}"
    return (
        f"The process ended {how}, without Python's usual end (os._exit, or a native library). "
        "The end of the log may say more."
    )


def _never_started(ending: Ending) -> str:
    error = last_exception(ending.last_lines)
    missing = _MISSING_MODULE.search(error or "")
    if error and missing:
        return (
            f"{error}: install it in {ending.interpreter}, or register again from an environment that has it."
        )
    if error:
        return f"The flow could not be loaded: {error}. Correct it and register again."
    if ending.exit_code is None:
        return "The launcher was lost before user code started. Start the run again."
    line = _last_line(ending.last_lines)
    said = f": {line}" if line else ", and it said nothing"
    return f"The engine ended with exit code {ending.exit_code} before user code started{said}."
