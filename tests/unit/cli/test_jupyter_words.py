"""What is said of Jupyter servers, with the evidence and the next step."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from prefect_platform.cli import jupyter_words
from prefect_platform.cli.checks.jupyter import checks
from prefect_platform.wire.resources import Resource, ResourceKind
from tests.unit.cli.scene import Scene

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def before(**ago: float) -> datetime:
    return NOW - timedelta(**ago)


def server(status: str = "running", jupyter: dict[str, object] | None = None, **state: object) -> Resource:
    ready = status == "running"
    told = {
        "step": "ready" if ready else None, "step_at": before(hours=3), "active_at": before(minutes=55),
        "stops_at": NOW + timedelta(minutes=65) if ready else None, "warned_at": None,
        "stopped_because": None,
    }  # fmt: skip
    seen = {
        "target": "running", "status": status, "reason": None, "workload_id": "wl-1", "restarts": 0,
        "started_at": before(hours=3) if ready else None, "next_start_at": None, "needs_restart": False,
        "jupyter": told | (jupyter or {}),
    }  # fmt: skip
    return Resource.model_validate(
        {
            "id": "rs-1", "kind": "jupyter-server", "name": "lab", "project": "default", "owner": "ana",
            "spec": {}, "state": seen | state, "created_at": NOW, "updated_at": NOW,
        }
    )  # fmt: skip


WELL = {
    "running": server(),
    "stopped": server("stopped", target="stopped"),
    "stopped for want of work": server("stopped", {"stopped_because": "nothing was done"}, target="stopped"),
    "stopping": server("stopping"),
    "starting": server("starting", {"step": "environment", "step_at": before(seconds=200)}),
    "quiet for a moment": server(jupyter={"unanswered_since": before(seconds=40), "problem": "It is quiet."}),
    "room enough": server(jupyter={"free_bytes": 1 << 30}),
}


@pytest.mark.parametrize("one", WELL.values(), ids=WELL)
def test_nothing_is_said_of_one_that_is_well(one: Resource) -> None:
    assert jupyter_words.stuck(one, NOW) is None


@pytest.mark.parametrize(
    ("one", "evidence", "step"),
    [
        (
            server("failed", {"step": "starting"}, target="stopped", reason="No answer."),
            "failed at step starting, never ready: No answer. See",
            "jupyter logs lab`, mend it, then `prefect-platform jupyter start lab`",
        ),
        (
            server("failed", {"step": "ready"}, target="stopped", reason="killed by SIGKILL"),
            "failed while it ran: killed by SIGKILL.",
            "jupyter start lab",
        ),
        (
            server("failed", target="stopped", reason="Its last start was lost."),
            "failed: Its last start was lost.",
            "jupyter start lab",
        ),
        (
            server("waiting", reason="There is no size 'big'.", next_start_at=NOW + timedelta(seconds=30)),
            "cannot be started: There is no size 'big'. It is tried again at ",
            "jupyter stop lab` gives up",
        ),
        (
            server("queued", {"step": "queued", "step_at": before(minutes=3)}),
            "waits for room for 3 min 00 s",
            "resource list` show what has it",
        ),
        (
            server("starting", {"step": "start-script", "step_at": before(minutes=9)}),
            "is at step start-script for 9 min 00 s",
            "jupyter restart lab",
        ),
        (
            server(jupyter={"unanswered_since": before(minutes=5), "problem": "It does not answer: X."}),
            "is not stopped for want of work meanwhile (It does not answer: X)",
            "jupyter restart lab",
        ),
        (
            server(jupyter={"free_bytes": 5 << 20}),
            "has 5.0 MiB left for its files",
            "delete some in it",
        ),
        (
            server(jupyter={"warned_at": before(minutes=4), "stops_at": NOW + timedelta(minutes=6)}),
            "was warned 4 min 00 s ago, nothing was done in it since, and it stops in 6 min 00 s",
            "jupyter extend lab --for 2h` keeps it",
        ),
        (
            server(
                jupyter={
                    "free_bytes": 0, "warned_at": before(minutes=40), "stops_at": before(minutes=30),
                    "unanswered_since": before(minutes=39), "problem": "It does not answer.",
                }
            ),
            "has not said for 39 min 00 s",
            "saved; was warned 40 min 00 s ago, nothing was done in it since, and it stops any moment",
        ),
    ],
)  # fmt: skip
def test_what_is_stuck_is_said_with_evidence_and_the_next_step(
    one: Resource, evidence: str, step: str
) -> None:
    found = jupyter_words.stuck(one, NOW) or ""
    assert evidence in found
    assert step in found


@pytest.mark.parametrize(
    ("one", "left", "status", "command"),
    [
        (server(), "1 h 05 min", "running", "prefect-platform jupyter open lab"),
        (server(jupyter={"stops_at": None}), "never", "running", "prefect-platform jupyter open lab"),
        (server("starting", {"step": "environment"}), None, "starting (environment)", None),
        (server("stopped", target="stopped"), None, "stopped", "prefect-platform jupyter start lab"),
        (server("failed", target="stopped"), None, "failed", "prefect-platform jupyter start lab"),
        (server("stopping"), None, "stopping", None),
    ],
)
def test_its_line_in_the_status(one: Resource, left: str | None, status: str, command: str | None) -> None:
    shown = (jupyter_words.left(one, NOW), jupyter_words.status(one), jupyter_words.next_step(one))
    assert shown == (left, status, command)


def test_status_and_doctor_list_them(platform: Scene) -> None:
    assert list(checks(platform.client)) == []
    assert "JUPYTER SERVER" not in platform.type("status").stdout
    platform.client.resources.create("default", ResourceKind.JUPYTER_SERVER, "lab", {}, start=False)
    [check] = checks(platform.client)
    assert (check.ok, check.detail) == (True, "servers: 1 stopped")
    done = platform.type("status")
    assert done.exit_code == 0
    [row] = [line for line in done.stdout.splitlines() if line.startswith("lab ")]
    assert "prefect-platform jupyter start lab" in row
    [told] = json.loads(platform.type("status", "--json").stdout)["jupyter_servers"]
    assert (told["name"], told["state"]["status"]) == ("lab", "stopped")
