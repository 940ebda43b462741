"""How far a reader of live logs has come: the ids of its events, by which it goes on."""

from __future__ import annotations

import base64
import json

from prefect_platform.errors import UsageError, foreign

Place = tuple[str, str]
"""Workload and source."""


class Cursor:
    """Offsets by place. A place that is told of as sealed has nothing more to come."""

    def __init__(self, offsets: dict[Place, int] | None = None, told: set[Place] | None = None) -> None:
        self.offsets = offsets or {}
        self.told = told or set()

    def encoded(self) -> str:
        """The id of an event of a whole run: every offset, negative (and one less) where sealed."""
        found = {
            f"{workload}/{source}": -offset - 1 if (workload, source) in self.told else offset
            for (workload, source), offset in self.offsets.items()
        }
        text = json.dumps(found, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode()


def of_run(last_event_id: str | None) -> Cursor:
    """Raises UsageError for an id that is not one of ours."""
    if not last_event_id:
        return Cursor()
    try:
        found = json.loads(base64.b64decode(last_event_id, altchars=b"-_", validate=True))
        places = {tuple(key.split("/")): int(offset) for key, offset in found.items()}
        offsets = {(key[0], key[1]): value if value >= 0 else -value - 1 for key, value in places.items()}
        told = {(key[0], key[1]) for key, value in places.items() if value < 0}
    except (ValueError, AttributeError, IndexError, TypeError, OverflowError, RecursionError) as error:
        raise _unknown(last_event_id) from error
    return Cursor(offsets, told)


def of_source(place: Place, last_event_id: str | None) -> Cursor:
    """The id of an event of one source is its offset. Raises UsageError for anything else."""
    if not last_event_id:
        return Cursor()
    if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 19):
        raise _unknown(last_event_id)
    return Cursor({place: int(last_event_id)})


def _unknown(last_event_id: str) -> UsageError:
    return UsageError(
        f"Last-Event-ID {foreign(last_event_id)!r} is not the id of an event of this log: leave it out to "
        "read from the beginning."
    )
