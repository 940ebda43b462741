"""What a cluster needs next: every rule by itself, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prefect_platform.server.db.tables import ClusterRow, WorkloadRow
from prefect_platform.server.services import cluster_moves
from prefect_platform.server.services.cluster_moves import Facts, Moves
from prefect_platform.wire.clusters import ClusterStatus
from prefect_platform.wire.runs import Status

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)


def cluster(**fields: Any) -> ClusterRow:
    values: dict[str, Any] = {
        "id": "dc-1", "name": "night", "owner_kind": "user", "spec": {}, "target": "running", "n_workers": 2,
        "scaled_at": NOW, "failures": 0, "workers_ready": 0, "created_at": LONG_AGO, "next_worker_at": None,
        "scheduler_address": "tls://127.0.0.1:1", "failed": False, "ended_at": None, "reason": None,
    }  # fmt: skip
    return ClusterRow(**values | fields)


def member(number: int, status: Status = Status.RUNNING, **fields: Any) -> WorkloadRow:
    ended = status in (Status.SUCCEEDED, Status.FAILED, Status.CRASHED, Status.CANCELLED)
    values: dict[str, Any] = {
        "id": f"wl-{number}", "cluster_number": number, "status": status.value, "target": "running",
        "created_at": LONG_AGO, "ended_at": NOW if ended else None, "end": None, "cancel_requested_by": None,
    }  # fmt: skip
    return WorkloadRow(**values | fields)


def moves(
    row: ClusterRow,
    *members: WorkloadRow,
    owner_open: bool = True,
    draining: bool = False,
    abandoned: bool = False,
    now: datetime = NOW,
) -> Moves:
    return cluster_moves.next_moves(Facts(row, members, owner_open, now, draining, abandoned))


def test_nothing_is_due_where_all_is_as_it_is_wanted() -> None:
    assert not moves(cluster(), member(0), member(1), member(2, Status.STARTING))


def test_workers_that_are_missing_are_made() -> None:
    assert moves(cluster(n_workers=4), member(0), member(1)).add == 3


def test_none_is_made_before_the_pause_is_over() -> None:
    row = cluster(next_worker_at=NOW + timedelta(seconds=1))
    assert not moves(row, member(0), member(1))
    assert moves(row, member(0), member(1), now=NOW + timedelta(seconds=1)).add == 1


def test_a_worker_that_leaves_in_good_order_is_no_loss() -> None:
    found = moves(cluster(n_workers=1), member(0), member(1), member(2, Status.SUCCEEDED))
    assert ([one.id for one in found.note], found.lost, found.add) == (["wl-2"], [], 0)


def test_one_that_ends_otherwise_is_lost_and_noted_before_it_is_replaced() -> None:
    found = moves(cluster(), member(0), member(1), member(2, Status.CRASHED))
    assert ([one.id for one in found.lost], found.add) == (["wl-2"], 0)


def test_too_many_are_left_to_the_scheduler_but_for_those_without_data() -> None:
    row = cluster(n_workers=1)
    found = moves(row, member(0), member(1), member(2), member(3, Status.QUEUED))
    assert [one.id for one in found.stop] == ["wl-3"]


def test_a_scheduler_that_does_not_let_them_go_is_not_waited_for_for_ever() -> None:
    row = cluster(n_workers=1)
    later = NOW + timedelta(seconds=cluster_moves.RETIRE_SECONDS + 1)
    assert [one.id for one in moves(row, member(0), member(1), member(2), now=later).stop] == ["wl-2"]


def test_before_there_is_a_scheduler_the_newest_go() -> None:
    row = cluster(n_workers=1, scheduler_address=None)
    assert [one.id for one in moves(row, member(0, Status.STARTING), member(1), member(2)).stop] == ["wl-2"]


@pytest.mark.parametrize(
    ("fields", "arguments", "reason"),
    [
        ({"owner_kind": "attempt"}, {"owner_open": False}, "its run has ended"),
        ({"owner_kind": "jupyter-server"}, {"owner_open": False}, "its Jupyter server was stopped"),
        ({}, {"draining": True}, "the platform was stopped"),
        ({"lease_seconds": 60.0}, {"abandoned": True}, "whoever made it was not heard of for 60 s"),
        ({"spec": {"lifetime_seconds": 3600}}, {}, "its lifetime of 3600 s is over"),
    ],
)
def test_what_ends_a_cluster_without_failing_it(
    fields: dict[str, Any], arguments: dict[str, Any], reason: str
) -> None:
    found = moves(cluster(**fields), member(0), member(1), member(2), **arguments)
    assert (found.end, found.failed, found.add) == (reason, False, 0)


def test_without_its_scheduler_a_cluster_has_failed() -> None:
    lost = member(0, Status.CRASHED, end={"reason": "It was killed by SIGKILL."})
    found = moves(cluster(), lost, member(1))
    assert (found.end, found.failed) == ("its scheduler was lost: It was killed by SIGKILL.", True)


def test_workers_that_never_come_up_fail_it_and_one_that_has_does_not() -> None:
    last = member(7, Status.FAILED, end={"reason": "No module named 'numpy'."})
    row = cluster(failures=cluster_moves.MOST_FAILURES - 1)
    assert moves(row, member(0), last).end == (
        "workers end soon after their start. The last of 6: No module named 'numpy'."
    )
    assert moves(cluster(failures=5, workers_ready=1), member(0), member(1), last).end is None


def test_a_scheduler_that_runs_goes_first_and_then_the_others() -> None:
    row = cluster(target="stopped")
    found = moves(row, member(0), member(1), member(2, Status.QUEUED))
    assert [one.id for one in found.stop] == ["wl-0", "wl-2"]
    gone = member(0, Status.CANCELLED)
    assert [one.id for one in moves(row, gone, member(1)).stop] == ["wl-1"]
    assert not moves(row, member(1, target="stopped")).stop


def test_it_is_over_when_nothing_is_left() -> None:
    row = cluster(target="stopped")
    assert moves(row, member(0, Status.CANCELLED), member(1, Status.CANCELLED)).over
    assert not moves(row, member(1, target="stopped")).over


@pytest.mark.parametrize(
    ("fields", "scheduler", "expected"),
    [
        ({"scheduler_address": None}, None, ClusterStatus.QUEUED),
        ({"scheduler_address": None}, member(0, Status.QUEUED), ClusterStatus.QUEUED),
        ({"scheduler_address": None}, member(0, Status.STARTING), ClusterStatus.STARTING),
        ({}, member(0), ClusterStatus.RUNNING),
        ({"target": "stopped"}, member(0), ClusterStatus.STOPPING),
        ({"ended_at": NOW}, None, ClusterStatus.STOPPED),
        ({"ended_at": NOW, "failed": True}, None, ClusterStatus.FAILED),
    ],
)
def test_what_people_are_told(
    fields: dict[str, Any], scheduler: WorkloadRow | None, expected: ClusterStatus
) -> None:
    assert cluster_moves.status(cluster(**fields), scheduler) is expected
