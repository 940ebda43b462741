"""Schedules and parameters of deployments, through the API, as Prefect has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from prefect_platform.wire.flows import RunRequest
from tests.unit.cli.scene import Scene, scene

SCHEMA = {"type": "object", "properties": {"day": {"type": "string"}}}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path) as found:
        yield found


@pytest.fixture
def flow(place: Scene) -> str:
    version = place.register({"flow.py": b"from prefect import flow\n"})
    deployment = next(iter(place.orchestrator.deployments.values()))
    deployment.parameters, deployment.parameter_schema = {"day": "today"}, SCHEMA
    deployment.schedules = [
        {"id": "s-1", "active": True, "schedule": {"cron": "0 2 * * *", "timezone": "Europe/Prague"}},
        {
            "id": "s-2",
            "active": False,
            "schedule": {"interval": 3600.0, "anchor_date": "2026-01-01T00:00:00Z"},
        },
    ]
    return version.flow_id


def call(place: Scene, method: str, path: str) -> requests.Response:
    url = f"{place.server.url}/api/v1{path}"
    return requests.request(method, url, headers=place.server.headers, timeout=10)


def schedules(answer: requests.Response) -> dict[str, tuple[Any, ...]]:
    assert answer.status_code == 200, answer.text
    found = answer.json()["schedules"]
    return {one["id"]: (one["kind"], one["text"], one["timezone"], one["active"]) for one in found}


def test_a_deployment_is_shown_as_prefect_has_it(place: Scene, flow: str) -> None:
    answer = call(place, "GET", f"/flows/{flow}/deployments/nightly")
    assert schedules(answer) == {
        "s-1": ("cron", "0 2 * * *", "Europe/Prague", True),
        "s-2": ("interval", "3600.0", None, False),
    }
    assert answer.json()["parameters"] == {"day": "today"}
    assert answer.json()["parameter_schema"] == SCHEMA
    assert answer.json()["version_number"] == 1


def test_a_schedule_is_paused_and_resumed(place: Scene, flow: str) -> None:
    one = f"/flows/{flow}/deployments/nightly/schedules"
    assert schedules(call(place, "POST", f"{one}/s-1/pause"))["s-1"][3] is False
    assert schedules(call(place, "POST", f"{one}/s-1/pause"))["s-1"][3] is False
    assert schedules(call(place, "POST", f"{one}/s-1/resume"))["s-1"][3] is True


def test_what_is_not_there_is_named(place: Scene, flow: str) -> None:
    answer = call(place, "POST", f"/flows/{flow}/deployments/nightly/schedules/s-9/pause")
    assert (answer.status_code, "has no schedule 's-9'" in answer.json()["detail"]) == (404, True)
    answer = call(place, "GET", f"/flows/{flow}/deployments/nightli")
    assert (answer.status_code, "nightly" in answer.json()["detail"]) == (404, True)


def test_what_is_due_is_told_by_flow(place: Scene, flow: str) -> None:
    assert call(place, "GET", "/projects/default/scheduled-runs").json() == []
    at = datetime.now(UTC).replace(microsecond=0)
    for hours in (2, 1):
        place.client.flows.run(flow, RunRequest(scheduled_time=at + timedelta(hours=hours)))
    found = call(place, "GET", "/projects/default/scheduled-runs?limit=1").json()
    assert [(one["flow_name"], one["deployment_name"]) for one in found] == [("etl", "nightly")]
    assert datetime.fromisoformat(found[0]["due_at"]) == at + timedelta(hours=1)


def test_a_prefect_that_is_away_is_said_to_be(place: Scene, flow: str) -> None:
    place.orchestrator.down = True
    for path in (f"/flows/{flow}/deployments/nightly", "/projects/default/scheduled-runs"):
        answer = call(place, "GET", path)
        assert (answer.status_code, answer.json()["code"]) == (503, "orchestrator-unavailable")
