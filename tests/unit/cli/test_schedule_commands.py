"""Schedules of flows: seen, paused and resumed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from prefect_platform.server.services.orchestrator_memory import MemoryDeployment
from tests.unit.cli.scene import Scene

CRON = {
    "id": "s-1",
    "slug": "nightly-utc",
    "active": True,
    "schedule": {"cron": "0 3 * * *", "timezone": "UTC"},
}
HOURLY = {"id": "s-2", "slug": "hourly", "active": True, "schedule": {"interval": 3600.0}}


@pytest.fixture
def deployment(platform: Scene) -> MemoryDeployment:
    """Of flow `etl`, with two schedules."""
    platform.register({"flow.py": b"pass\n"})
    found = next(iter(platform.orchestrator.deployments.values()))
    found.schedules = [{**CRON}, {**HOURLY}]
    return found


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()[1:]]


def test_they_are_listed_with_what_they_start_next(platform: Scene, deployment: MemoryDeployment) -> None:
    platform.orchestrator.schedule_run(deployment.id, datetime(2030, 1, 1, 3, tzinfo=UTC), "s-1")
    shown = rows(platform.type("schedule", "list", "etl").stdout)
    assert [row[:3] for row in shown] == [
        ["nightly-utc", "nightly", "active"],
        ["hourly", "nightly", "active"],
    ]
    assert shown[0][3:] == ["0", "3", "*", "*", "*", "UTC", "2030-01-01", "03:00:00"]
    assert shown[1][3:] == ["every", "1", "h", "00", "min", "-", "-"]
    found = json.loads(platform.type("schedule", "list", "etl", "--json").stdout)
    assert found[0]["schedules"][0]["slug"] == "nightly-utc"
    [due] = rows(platform.type("schedule", "next").stdout)
    assert due[:5] == ["2030-01-01", "03:00:00", "-", "etl", "nightly"]


def test_one_is_paused_and_resumed(platform: Scene, deployment: MemoryDeployment) -> None:
    for verb, active, word in (("pause", False, "paused"), ("resume", True, "active")):
        done = platform.type("schedule", verb, "etl", "nightly-utc")
        assert done.exit_code == 0, done.stderr
        assert [row[2] for row in rows(done.stdout)] == [word, "active"]
        assert [one["active"] for one in deployment.schedules] == [active, True]


def test_all_of_a_deployment_are_paused_and_resumed(platform: Scene, deployment: MemoryDeployment) -> None:
    assert "deployment paused" in platform.type("schedule", "pause", "etl").stdout
    assert deployment.paused
    done = platform.type("schedule", "resume", "etl", "--deployment", "nightly", "--json")
    assert json.loads(done.stdout)[0]["paused"] is False
    assert not deployment.paused


def test_what_is_not_there_is_named(platform: Scene, deployment: MemoryDeployment) -> None:
    done = platform.type("schedule", "pause", "etl", "hourli")
    assert done.exit_code == 2
    assert "The flow has no schedule 'hourli'. Did you mean 'hourly'?" in done.stderr
    done = platform.type("schedule", "pause", "etl", "--deployment", "weekly")
    assert "The flow has no deployment 'weekly'" in done.stderr
    platform.client.flows.delete(platform.client.flows.find("default", "etl").id)
    assert "has no flow 'etl'" in platform.type("schedule", "list", "etl").stderr


def test_a_flow_without_schedules(platform: Scene) -> None:
    platform.register({"flow.py": b"pass\n"})
    assert platform.type("schedule", "list", "etl").stdout == "It has no schedule.\n"
    assert platform.type("schedule", "next").stdout == "No run waits for its time.\n"
