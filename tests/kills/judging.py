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
    log, mark = _without_mark(told.log)
    kept, problems = _kept(log, cut=mark is not None)
    missing = max(0, journal.taken - kept)
    allowed = PIPE_BYTES if part.startswith("launcher") and told.gaps and mark is not None else 0
    if bool(told.gaps) != (mark is not None):
        problems.append(f"gaps are {list(told.gaps)}, and the log ends with {told.log[-200:]!r}")
    if told.gaps and not part.startswith("launcher"):
        problems.append(f"a gap is marked, and no launcher was killed: {list(told.gaps)}")
    problems += _status(part, journal, told)
    problems += [f"still lives: {name}" for name in told.left_over]
    return Verdict(part, journal.taken, missing, missing if missing > allowed else 0, problems)


def _without_mark(log: bytes) -> tuple[bytes, re.Match[bytes] | None]:
    """The log before the mark of a gap at its end, and that mark."""
    found = _MARKER.search(log, max(0, len(log) - 1000))
    if found is None or found.end() != len(log):
        return log, None
    return log[: found.start()], found


def _kept(log: bytes, *, cut: bool) -> tuple[int, list[str]]:
    """How many bytes of what was written are in the log, and what there is that should not be."""
    begin = _begin(log, written(LINE_BYTES))
    before, body = log[:begin], log[begin:]
    kept = _common(body, written(len(body)))
    rounded = body[kept - kept % LINE_BYTES :]
    if kept < len(body) and _prefect(rounded, cut=cut):  # its time may begin as our next line does
        kept -= kept % LINE_BYTES
    problems = []
    if not _prefect(before, cut=cut and not body):
        problems.append(f"before the first line: {before[-200:]!r}")
    if not _prefect(body[kept:], cut=cut):
        problems.append(f"after {kept} bytes as written: {body[kept:][:200]!r}")
    return kept, problems


def _prefect(text: bytes, *, cut: bool) -> bool:
    """Whether this is lines of Prefect's; where the log was cut off, the last need not be whole."""
    whole = text[: text.rfind(b"\n") + 1] if cut else text
    return _PREFECT.fullmatch(whole) is not None and (text == whole or text[len(whole) :][:1].isdigit())


def _begin(log: bytes, first: bytes) -> int:
    """Where the writing begins: at the first line, or at the last one if that was cut off in it."""
    begin = log.find(first)
    if begin >= 0:
        return begin
    last = log.rfind(b"\n") + 1
    return last if log[last:] and first.startswith(log[last:]) else len(log)


def _common(one: bytes, other: bytes) -> int:
    """Length of the common beginning."""
    low, high = len(one) if one == other else 0, min(len(one), len(other))
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
