"""What pages of flows and runs ask for, over HTTP: schedules, parameters, task runs, cancelling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from prefect_platform.server.services.orchestrator import TaskRunState
from prefect_platform.server.services.orchestrator_memory import MemoryOrchestrator
from prefect_platform.testing.live_server import LiveServer, live_server
from tests import server_calls

DUE = datetime(2030, 1, 1, 3, tzinfo=UTC)
CRON = {"slug": "platform-cron-1", "schedule": {"cron": "0 3 * * *", "timezone": "Europe/Berlin"}}


@dataclass
class Place:
    server: LiveServer
    prefect: MemoryOrchestrator
    flow: str
    deployment: str

    def ask(self, method: str, path: str, **rest: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.server.token}"}
        answer = httpx.request(method, f"{self.server.url}/api/v1{path}", headers=headers, **rest)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()


@pytest.fixture
def place() -> Iterator[Place]:
    with live_server() as server:
        prefect = server.parts.orchestrator
        assert isinstance(prefect, MemoryOrchestrator)
        found = Place(server, prefect, "", prefect.add_deployment("nightly", [CRON]))
        code = {"kind": "module", "entrypoint": "a.b:c"}
        settings = {"cores": 1.0, "memory_bytes": 1 << 30, "grace_seconds": 1.0}
        wanted = server_calls.registration(code=code, settings=settings).model_dump(mode="json")
        made = found.ask("POST", "/projects/default/flows/register", json=wanted)
        found.flow = made["flow"]["id"]
        confirm = {
            "deployment_name": "nightly", "prefect_deployment_id": found.deployment, "prefect_flow_id": "pf",
            "spec_digest": "d" * 64,
        }  # fmt: skip
        found.ask("POST", f"/flow-versions/{made['version']['id']}/confirm", json=confirm)
        yield found


def test_schedules_and_what_they_start_next(place: Place) -> None:
    schedule = place.prefect.deployments[place.deployment].schedules[0]["id"]
    run = place.prefect.schedule_run(place.deployment, DUE, schedule)
    [coming] = place.ask("GET", "/projects/default/scheduled-runs")
    assert coming == {
        "run_id": run, "name": f"run-{run[:8]}", "flow_id": place.flow, "flow_name": "etl",
        "deployment_name": "nightly", "due": "2030-01-01T03:00:00Z", "late": False,
    }  # fmt: skip
    [found] = place.ask("GET", f"/flows/{place.flow}/schedules")
    assert (found["deployment_name"], found["paused"]) == ("nightly", False)
    assert found["schedules"] == [
        {
            "slug": "platform-cron-1", "active": True, "cron": "0 3 * * *", "interval_seconds": None,
            "rrule": None, "timezone": "Europe/Berlin", "parameters": {},
            "next_times": ["2030-01-01T03:00:00Z"],
        }
    ]  # fmt: skip


def test_pausing_and_resuming(place: Place) -> None:
    for word, active in (("pause", False), ("resume", True)):
        path = f"/flows/{place.flow}/schedules/platform-cron-1/{word}"
        [found] = place.ask("POST", path, params={"deployment": "nightly"})
        assert found["schedules"][0]["active"] is active
        assert place.prefect.deployments[place.deployment].schedules[0]["active"] is active
        [found] = place.ask("POST", f"/flows/{place.flow}/deployments/nightly/{word}")
        assert found["paused"] is place.prefect.deployments[place.deployment].paused is not active


def test_what_runs_take(place: Place) -> None:
    place.prefect.deployments[place.deployment].parameters = {"n": 1}
    assert place.ask("GET", f"/flows/{place.flow}/parameters") == [
        {"deployment_name": "nightly", "parameter_schema": {}, "parameters": {"n": 1}, "enforced": True}
    ]


def test_task_runs_and_cancelling_together(place: Place) -> None:
    runs = [place.ask("POST", f"/flows/{place.flow}/runs", json={})["id"] for _ in range(2)]
    place.prefect.tasks[runs[0]] = [TaskRunState("t-1", "load-0", "load", "RUNNING", "Running", DUE, None)]
    assert place.ask("GET", f"/runs/{runs[0]}/task-runs") == {
        "items": [
            {
                "id": "t-1", "name": "load-0", "task_key": "load", "state_type": "RUNNING",
                "state_name": "Running", "started_at": "2030-01-01T03:00:00Z", "ended_at": None,
                "upstream": [], "parent_id": None,
            }
        ],
        "truncated": False,
    }  # fmt: skip
    body = {"run_ids": [*runs, "nobody"]}
    found = place.ask("POST", "/projects/default/runs/cancel", json=body)
    assert [(one["run_id"], one["code"]) for one in found] == [
        (runs[0], None),
        (runs[1], None),
        ("nobody", "not-found"),
    ]
    params = {"sort": "oldest", "since": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
    listed = place.ask("GET", "/projects/default/runs", params=params)["items"]
    assert [(one["id"], one["prefect_state"]) for one in listed] == [(key, "Cancelled") for key in runs]


def test_what_a_run_was_started_with(place: Place) -> None:
    secret = "correct-horse-battery"
    place.ask("POST", "/projects/default/secrets/key", json={"value": secret})
    place.prefect.deployments[place.deployment].parameters = {"region": "eu"}
    given = {"html": "<b>\u202e\u001b[2J", "id": 1 << 60, "long": "x" * 1_000_000, "url": f"//:{secret}@h"}
    run = place.ask("POST", f"/flows/{place.flow}/runs", json={"parameters": given})["id"]
    found = place.ask("GET", f"/runs/{run}/parameters")
    shown = found["parameters"]
    assert (shown["region"], shown["html"], shown["id"]) == ("eu", given["html"], 1 << 60)
    assert shown["url"] == f"//:{'*' * len(secret)}@h"
    assert found["large_numbers"] == {"/id": str(1 << 60)}
    assert found["cuts"] == [{"path": "/long", "kind": "text", "left_out": 1_000_000 - len(shown["long"])}]
    assert len(str(found)) < 100_000


def test_the_environment_of_a_run_that_nobody_has_looked_at(place: Place) -> None:
    run = place.ask("POST", f"/flows/{place.flow}/runs", json={})["id"]
    assert place.ask("GET", f"/runs/{run}/environment") == {
        "attempt": None, "workload_id": None, "registered": None, "found": None, "packages": [],
    }  # fmt: skip
