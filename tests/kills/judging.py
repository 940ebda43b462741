"""Whether a log and an end are true, from what was written, what was killed and what is told.

Nothing is excused that is not named here: a log is lines of Prefect's, then an exact prefix of what was
written, then either Prefect's last lines or the mark of a gap, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from prefect_platform.wire.logs import Gap
from prefect_platform.wire.runs import Status
from tests.kills.writing import LINE_BYTES, Journal, written

PIPE_BYTES = 64 << 10
"""What a killed launcher may lose of a source."""
_PREFECT = re.compile(rb"(?:\d\d:\d\d:\d\d\.\d{3} \| [^\n]*\n)*")
_MARKER = re.compile(rb"\n\[prefect-platform\] up to (\d+) bytes may be missing here: [^\n]+\n")


@dataclass(frozen=True)
class Told:
    """What the platform and Prefect say of a run that is over."""

    status: Status
    reason: str | None
    prefect: str
    """Type of Prefect's state."""
    log: bytes
    gaps: Sequence[Gap]
    left_over: Sequence[str] = ()
    """Processes of it that live."""


@dataclass
class Verdict:
    """On one run."""

    part: str
    """What of it was killed, and when; `none` for a run that had only the platform killed around it."""
    taken: int
    missing: int
    lost: int
    """Bytes missing that had to be there, or without a mark."""
    problems: list[str] = field(default_factory=list)


def judge(part: str, journal: Journal, told: Told) -> Verdict:
    """The verdict on a run whose `part` was killed: `launcher …`, `flow …` or `none`."""
    kept, problems = _kept(told.log)
    missing = max(0, journal.taken - kept)
    marked = bool(told.gaps) and _MARKER.search(told.log[-4096:]) is not None
    allowed = PIPE_BYTES if part.startswith("launcher") and marked else 0
    if bool(told.gaps) != (_MARKER.search(told.log[-4096:]) is not None):
        problems.append(f"gaps are {list(told.gaps)}, and the log ends with {told.log[-200:]!r}")
    if told.gaps and not part.startswith("launcher"):
        problems.append(f"a gap is marked, and no launcher was killed: {list(told.gaps)}")
    problems += _status(part, journal, told)
    problems += [f"still lives: {name}" for name in told.left_over]
    return Verdict(part, journal.taken, missing, missing if missing > allowed else 0, problems)


def _kept(log: bytes) -> tuple[int, list[str]]:
    """How many bytes of what was written are in the log, and what there is that should not be."""
    first = written(LINE_BYTES)
    begin = _begin(log, first)
    body = log[begin:]
    expected = written(len(body))
    kept = len(body) if body == expected else _common(body, expected)
    if _PREFECT.fullmatch(body[kept - kept % LINE_BYTES :]):  # its time may begin as our next line does
        kept -= kept % LINE_BYTES
    rest, before = body[kept:], log[:begin]
    problems = []
    if _PREFECT.fullmatch(before) is None:
        problems.append(f"before the first line: {before[-200:]!r}")
    if rest and _PREFECT.fullmatch(rest) is None and _ended_by_marker(rest) is None:
        problems.append(f"after {kept} bytes as written: {rest[:200]!r}")
    return kept, problems


def _ended_by_marker(rest: bytes) -> re.Match[bytes] | None:
    """Lines of Prefect's, whole but for the last, then the mark."""
    found = _MARKER.search(rest)
    if found is None or found.end() != len(rest):
        return None
    before = rest[: found.start()]
    whole = before[: before.rfind(b"\n") + 1]
    return found if _PREFECT.fullmatch(whole) is not None else None


def _begin(log: bytes, first: bytes) -> int:
    """Where the writing begins: at the first line, or at the last one if that was cut off in it."""
    begin = log.find(first)
    if begin >= 0:
        return begin
    tail = _MARKER.split(log)[0]
    last = tail.rfind(b"\n") + 1
    return last if tail[last:] and first.startswith(tail[last:]) else len(tail)


def _common(one: bytes, other: bytes) -> int:
    """Length of the common beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def _status(part: str, journal: Journal, told: Told) -> list[str]:
    """Whether the end is the true one, says why, and is Prefect's too."""
    problems = []
    agreed = {Status.SUCCEEDED: "COMPLETED", Status.CRASHED: "CRASHED"}
    if agreed.get(told.status) != told.prefect:
        problems.append(f"the platform says {told.status}, Prefect {told.prefect} ({told.reason})")
    if told.status is Status.SUCCEEDED and not journal.done:
        problems.append("it is said to have succeeded, and did not come to its end")
    if told.status is Status.CRASHED and part == "none":
        problems.append(f"it crashed, and nothing of it was killed: {told.reason}")
    if told.status is Status.CRASHED and part.startswith("flow") and "SIGKILL" not in (told.reason or ""):
        problems.append(f"its reason does not name SIGKILL: {told.reason}")
    if told.status is Status.CRASHED and part.startswith("launcher") and "launcher" not in _low(told.reason):
        problems.append(f"its reason does not name the launcher: {told.reason}")
    return problems


def _low(reason: str | None) -> str:
    return (reason or "").lower()
