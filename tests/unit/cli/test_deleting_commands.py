"""`flow delete`, and logs whose time is over, as somebody sees them who types."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefect_platform.cli.embedded import disk as disks
from prefect_platform.cli.embedded.disk import disk
from prefect_platform.testing.embedded import until
from prefect_platform.wire.runs import Run
from tests.unit.cli.scene import Scene

FILES = {"flow.py": b"x = 1\n"}


def deployment(platform: Scene) -> str:
    return next(iter(platform.client.flows.find("default", "etl").deployments)).prefect_deployment_id


def scheduled(platform: Scene) -> None:
    """A registered flow with a schedule and an automation."""
    platform.register(FILES)
    known = platform.orchestrator.deployments[deployment(platform)]
    known.schedules = [{"id": "s", "schedule": {"cron": "0 2 * * *"}, "active": False}]
    known.automations = ["when late"]


def test_a_dry_run_shows_what_goes_and_what_stays(platform: Scene) -> None:
    scheduled(platform)
    run = Run.model_validate_json(platform.type("run", "start", "etl", "--json").stdout)
    shown = platform.type("flow", "delete", "etl", "--dry-run")
    assert shown.exit_code == 0
    for line in (
        "Deleting flow etl of project default:",
        "goes   deployment nightly in Prefect, 1 schedule (cron 0 2 * * * (paused)), 1 automation (when",
        "goes   1 version",
        "goes   1 bundle of code that nobody else uses, ",
        f"ends   1 open run: {run.name} (scheduled)",
        "stays  1 run with their logs: runs 365 days, logs 90 days after the end",
    ):
        assert line in shown.stdout
    plan = json.loads(platform.type("flow", "delete", "etl", "--dry-run", "--json").stdout)
    assert (plan["flow_name"], plan["open_run_count"], plan["versions"]) == ("etl", 1, 1)
    assert deployment(platform) in platform.orchestrator.deployments


def test_open_runs_are_in_the_way_until_they_are_told_to_go(platform: Scene) -> None:
    platform.register(FILES)
    run = Run.model_validate_json(platform.type("run", "start", "etl", "--json").stdout)
    refused = platform.type("flow", "delete", "etl", "--yes")
    assert refused.exit_code == 1
    assert "has 1 open run: wait for the end, or add --cancel-runs. Nothing was deleted." in refused.stderr
    done = platform.type("flow", "delete", "etl", "--yes", "--cancel-runs")
    assert done.stdout.endswith("Flow etl is deleted.\n")
    assert platform.client.runs.get(run.id).status == "cancelled"


def test_it_asks_and_a_no_leaves_everything(platform: Scene) -> None:
    scheduled(platform)
    assert platform.type("flow", "delete", "etl", input="n\n").exit_code == 1
    assert deployment(platform) in platform.orchestrator.deployments
    done = platform.type("flow", "delete", "etl", input="y\n")
    assert "Delete flow etl of project default?" in done.stdout
    assert done.exit_code == 0
    assert platform.orchestrator.deployments == {}
    missing = platform.type("flow", "delete", "etl", "--yes")
    assert (missing.exit_code, "has no flow 'etl'" in missing.stderr) == (2, True)


def test_json_is_nothing_but_json(platform: Scene) -> None:
    platform.register(FILES)
    done = platform.type("flow", "delete", "etl", "--yes", "--json")
    assert json.loads(done.stdout)["state"] == "deleted"


def test_while_prefect_is_down_it_says_what_it_waits_for(platform: Scene) -> None:
    platform.register(FILES)
    platform.orchestrator.down = True
    done = platform.type("flow", "delete", "etl", "--yes")
    assert done.exit_code == 0
    assert "is not known, and goes too: Prefect (in memory) does not answer" in done.stdout
    assert "Flow etl is being deleted, which goes on by itself" in done.stdout
    assert "deleting" in platform.type("flow", "list").stdout
    shown = platform.type("flow", "show", "etl").stdout
    assert "It waits: Prefect (in memory) does not answer" in shown
    started = platform.type("run", "start", "etl")
    assert started.exit_code != 0
    assert "Flow 'etl' is being deleted since" in started.stderr
    platform.orchestrator.down = False
    assert platform.type("flow", "delete", "etl", "--yes").stdout.endswith("Flow etl is deleted.\n")


def test_a_log_whose_time_is_over_says_so(platform: Scene) -> None:
    from prefect_platform.server.services import log_retention

    platform.register(FILES)
    run = Run.model_validate_json(platform.type("run", "start", "etl", "--json").stdout)
    launched = platform.launched(run)
    launched.write("flow", b"one\ntwo\n")
    launched.end()
    platform.backend.end(launched.workload_id)
    until(lambda: cleaned_up(platform, launched.workload_id), 10, "the controller is done")
    age(platform, run.id)
    assert platform.server.call(log_retention.remove(platform.server.parts)) == 1
    for words in (
        ("run", "logs", run.id),
        ("run", "logs", run.id, "--tail", "1"),
        ("run", "logs", "-f", run.id),
    ):
        done = platform.type(*words)
        assert done.exit_code != 0
        assert done.stdout == ""
        assert "was removed on" in done.stderr
        assert "It had 2 lines, 8 bytes, SHA-256 " in done.stderr
    assert "by retention" in platform.type("run", "show", run.id).stdout


def cleaned_up(platform: Scene, workload_id: str) -> bool:
    from prefect_platform.server.db.tables import WorkloadRow

    async def look() -> bool:
        async with platform.server.parts.database.reader() as session:
            return (await session.get_one(WorkloadRow, workload_id)).removed_at is not None

    return platform.server.call(look())


def age(platform: Scene, run_id: str) -> None:
    """Let a run have ended a hundred days ago."""
    from datetime import timedelta

    from prefect_platform.server.db.tables import RunRow

    async def change() -> None:
        async with platform.server.parts.database.session() as session:
            run = await session.get_one(RunRow, run_id)
            run.ended_at = platform.server.parts.clock.now() - timedelta(days=100)

    platform.server.call(change())


def test_disk_use_is_counted_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        (tmp_path / "logs" / f"{n}").mkdir(parents=True)
        (tmp_path / "logs" / f"{n}" / "flow.log").write_bytes(b"x" * 100)
    (tmp_path / "logs" / "elsewhere").symlink_to("/")
    found = disk(tmp_path)
    assert found is not None
    assert [(use.name, use.whole) for use in found.stores] == [
        ("logs", True), ("bundles", True), ("results", True),
    ]  # fmt: skip
    assert found.stores[0].bytes == 500 + len("/")
    assert found.free_bytes > 0
    monkeypatch.setattr(disks, "MOST_FILES", 2)
    bounded = disk(tmp_path)
    assert bounded is not None
    assert not bounded.stores[0].whole
    assert disk(tmp_path / "nothing") is None
