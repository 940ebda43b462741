"""What a resource needs next, as a table; and what follows from an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from prefect_platform.server.db.tables import ResourceRow, WorkloadRow
from prefect_platform.server.services import resource_moves
from prefect_platform.server.services.resource_moves import Move
from prefect_platform.wire.resources import ResourceStatus, ResourceTarget

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
RUNNING, STOPPED, DELETED = (one.value for one in ResourceTarget)


def resource(target: str = RUNNING, **fields: object) -> ResourceRow:
    plain = {"restart": False, "next_start_at": None, "failures": 0, "restarts": 0, "reason": None}
    return ResourceRow(target=target, **(plain | fields))


def start(status: str = "running", **fields: object) -> WorkloadRow:
    plain = {"target": "running", "created_at": NOW - timedelta(seconds=10), "ended_at": None, "end": None}
    return WorkloadRow(status=status, **(plain | fields))


CASES = [
    ("made", resource(next_start_at=NOW), None, Move.START, ResourceStatus.STARTING),
    ("made and not started", resource(STOPPED), None, None, ResourceStatus.STOPPED),
    ("waits for room", resource(), start("queued"), None, ResourceStatus.QUEUED),
    ("is placed", resource(), start("provisioning"), None, ResourceStatus.STARTING),
    ("runs", resource(), start(), None, ResourceStatus.RUNNING),
    ("to be stopped", resource(STOPPED), start(), Move.STOP, ResourceStatus.RUNNING),
    ("asked to stop", resource(STOPPED), start(target="stopped"), None, ResourceStatus.STOPPING),
    ("has stopped", resource(STOPPED), start("cancelled"), None, ResourceStatus.STOPPED),
    ("failed", resource(STOPPED, reason="No room."), start("failed"), None, ResourceStatus.FAILED),
    ("to be restarted", resource(restart=True), start(), Move.STOP, ResourceStatus.STOPPING),
    ("ended by itself", resource(), start("failed"), Move.NOTE_END, ResourceStatus.STARTING),
    (
        "waits after an end",
        resource(next_start_at=NOW + timedelta(seconds=1), reason="Lost."),
        start("failed"),
        None,
        ResourceStatus.WAITING,
    ),
    ("is due again", resource(next_start_at=NOW), start("failed"), Move.START, ResourceStatus.STARTING),
    ("to be deleted", resource(DELETED), start(), Move.STOP, ResourceStatus.DELETING),
    ("deleted, traces left", resource(DELETED), start("cancelled"), None, ResourceStatus.DELETING),
    (
        "deleted, nothing left",
        resource(DELETED),
        start("cancelled", removed_at=NOW),
        Move.FORGET,
        ResourceStatus.DELETING,
    ),
    ("deleted, never started", resource(DELETED), None, Move.FORGET, ResourceStatus.DELETING),
]


@pytest.mark.parametrize(("what", "row", "last", "move", "status"), CASES, ids=[case[0] for case in CASES])
def test_the_next_move(
    what: str, row: ResourceRow, last: WorkloadRow | None, move: Move | None, status: ResourceStatus
) -> None:
    facts = resource_moves.facts_of(row, last, NOW)
    assert resource_moves.next_move(facts, draining=False) is move
    assert resource_moves.status(row, last, NOW) is status


def test_nothing_starts_while_the_platform_is_being_stopped() -> None:
    facts = resource_moves.facts_of(resource(next_start_at=NOW), None, NOW)
    assert resource_moves.next_move(facts, draining=True) is None


def test_pauses_grow_from_end_to_end_and_are_bounded() -> None:
    pauses = [resource_moves.pause(failures).total_seconds() for failures in (0, 1, 2, 3, 10, 1000)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 60.0, 60.0]


def ended(seconds: float, **fields: object) -> WorkloadRow:
    return start(
        "crashed", ended_at=NOW - timedelta(seconds=10 - seconds), end={"reason": "Killed."}, **fields
    )


def test_what_is_always_on_comes_back_soon_and_later_each_time() -> None:
    row = resource()
    for failures, seconds in ((1, 0.5), (2, 1.0), (3, 2.0)):
        resource_moves.note_end(row, ended(1), always_on=True, now=NOW)
        assert (row.failures, row.restarts, row.reason) == (failures, failures, "Killed.")
        assert row.next_start_at == NOW + timedelta(seconds=seconds)
        row.next_start_at = None


def test_one_that_ran_for_long_is_back_at_once() -> None:
    row = resource(failures=9, restarts=9)
    long_ago = start("crashed", created_at=NOW - timedelta(hours=1), ended_at=NOW, end={"reason": "Killed."})
    resource_moves.note_end(row, long_ago, always_on=True, now=NOW)
    assert (row.failures, row.restarts, row.next_start_at) == (0, 10, NOW)


def test_the_end_of_the_platform_is_no_failure() -> None:
    row = resource()
    resource_moves.note_end(row, ended(1, cancel_requested_by="ana"), always_on=True, now=NOW)
    assert (row.failures, row.restarts, row.reason, row.next_start_at) == (0, 0, None, NOW)


def test_one_that_hangs_is_ended_and_counted() -> None:
    facts = resource_moves.facts_of(resource(), start(), NOW, hangs=True)
    assert resource_moves.next_move(facts, draining=False) is Move.STOP
    asked = resource_moves.facts_of(resource(), start(target="stopped"), NOW, hangs=True)
    assert resource_moves.next_move(asked, draining=False) is None
    row = resource()
    hung = ended(1, cancel_requested_by="platform", cancel_reason=resource_moves.HANGS)
    resource_moves.note_end(row, hung, always_on=True, now=NOW)
    assert (row.restarts, row.failures) == (1, 1)
    assert row.reason == "It had not reported for 60 s, though its process lived, and was ended."


def test_a_restart_that_was_asked_for_follows_at_once() -> None:
    row = resource(restart=True)
    resource_moves.note_end(row, ended(1), always_on=False, now=NOW)
    assert (row.restart, row.restarts, row.next_start_at) == (False, 0, NOW)


def test_what_is_not_always_on_stays_down_and_says_why() -> None:
    row = resource()
    resource_moves.note_end(row, ended(1), always_on=False, now=NOW)
    assert (row.target, row.reason, row.next_start_at) == (STOPPED, "Killed.", None)
