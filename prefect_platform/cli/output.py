"""How things look: aligned columns, local times, durations that people read, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel

NOTHING = "-"


def table(header: Sequence[str], rows: Iterable[Sequence[object]], *, nothing: str) -> str:
    """Columns two spaces apart, or the sentence `nothing` where there are no rows."""
    cells = [[cell(value) for value in row] for row in rows]
    if not cells:
        return nothing
    lines = [[name.upper() for name in header], *cells]
    widths = [max(len(line[n]) for line in lines) for n in range(len(header))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def cell(value: object) -> str:
    """One value as text on one line."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, datetime):
        return moment(value)
    return " ".join(str(value).split())


def facts(pairs: Iterable[tuple[str, object]], indent: str = "") -> str:
    """Names and values in two columns; what has no value is left out."""
    known = [(name, cell(value)) for name, value in pairs if value is not None and value != ""]
    width = max((len(name) for name, _ in known), default=0)
    return "\n".join(f"{indent}{name.ljust(width)}  {value}" for name, value in known)


def moment(at: datetime) -> str:
    """A time in this machine's zone, to the second."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`, `5 d 03 h`."""
    if seconds is None:
        return NOTHING
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    for size, small, high, low in ((3600, 60, "min", "s"), (86400, 3600, "h", "min")):
        if whole < size:
            big, rest = divmod(whole, small)
            return f"{big} {high} {rest if low == 's' else rest // 60:02} {low}"
    return f"{whole // 86400} d {whole % 86400 // 3600:02} h"


def between(start: datetime | None, end: datetime | None) -> str:
    """How long it took, or has taken by now."""
    return NOTHING if start is None else duration(((end or datetime.now(UTC)) - start).total_seconds())


def ago(at: datetime | None) -> str:
    return "never" if at is None else f"{between(at, None)} ago"


def size(count: int) -> str:
    """Bytes as people say them."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def as_json(value: BaseModel | Sequence[BaseModel] | object) -> str:
    """JSON of an answer, or of a list of them."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False)


def _plain(value: object) -> object:
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
