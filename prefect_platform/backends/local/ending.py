"""What is told of a workload that ended: how, and why in one sentence."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path

from prefect_platform.backends.base import Observed, Phase
from prefect_platform.backends.local import recovery
from prefect_platform.backends.local.memory_watch import MemoryWatch, Watched, kernel_sentence
from prefect_platform.backends.local.place import ENDED_BY, LAUNCHER_LOG
from prefect_platform.backends.local.proc import Exit
from prefect_platform.errors import foreign

KILLED = int(signal.SIGKILL)
NEVER_STARTED = Observed(Phase.ENDED, reason="It was stopped before its launcher was started.")
MACHINE_RESTARTED = Observed(
    Phase.ENDED, reason="The machine restarted while it ran. Start it again if its work is still wanted."
)


def observed(watched: Watched, exited: Exit | None, memory: MemoryWatch) -> Observed:
    """The last observation of a workload of which nothing lives. Reads its directory."""
    directory = watched.place.directory
    result = recovery.end(directory).result
    killed_by = _killed_by(watched, memory) if _was_killed(result, exited) else None
    told = exited or _told(result)
    peak = [size for size in (watched.peak, _whole(result, "peak_memory_bytes")) if size]
    return Observed(
        Phase.ENDED,
        exit_code=told.code,
        signal=told.signal,
        reason=killed_by or _unreported(directory, result, exited),
        peak_memory_bytes=max(peak, default=None),
    )


def _was_killed(result: Mapping[str, object] | None, exited: Exit | None) -> bool:
    """Whether it ended as what the kernel kills does; a run that ended well did not."""
    if exited is not None and exited.signal == KILLED:
        return True
    if result is None:
        return exited is None
    return _whole(result, "signal") == KILLED or _whole(result, "exit_code") == 128 + KILLED


def _told(result: Mapping[str, object] | None) -> Exit:
    return Exit(_whole(result, "exit_code"), _whole(result, "signal"))


def _whole(result: Mapping[str, object] | None, name: str) -> int | None:
    value = result.get(name) if result is not None else None
    return value if isinstance(value, int) else None


def _killed_by(watched: Watched, memory: MemoryWatch) -> str | None:
    """Whose doing the end was, if it was ours or the kernel's."""
    known = watched.reason or _kept(watched.place.directory)
    if known is None and memory.suspects_kernel(watched):
        return kernel_sentence(watched)
    return known


def _kept(directory: Path) -> str | None:
    """The sentence that an earlier platform process wrote down."""
    return recovery.last_words(directory / ENDED_BY)


def _unreported(directory: Path, result: Mapping[str, object] | None, exited: Exit | None) -> str | None:
    """Why there is no result, as far as anybody can tell; nothing where none is missed."""
    delivered = exited is not None and exited.code == 0
    if result is not None or delivered:
        return None
    words = recovery.last_words(directory / LAUNCHER_LOG)
    said = f" Its last words: {foreign(words)}" if words else ""
    return f"The launcher ended{_how(exited)} before it could report.{said}"


def _how(exited: Exit | None) -> str:
    if exited is None:
        return ""
    if exited.signal is None:
        return f" with exit code {exited.code}"
    known = exited.signal in {int(one) for one in signal.Signals}
    return f" by signal {exited.signal}" + (f" ({signal.Signals(exited.signal).name})" if known else "")
