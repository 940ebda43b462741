"""Deleting through real parts: registered with a real Prefect, and looked for there afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.events import DeploymentEventTrigger
from prefect.schedules import Cron

from prefect_platform import register
from prefect_platform.client.api import PlatformClient
from prefect_platform.errors import Conflict
from prefect_platform.server.config import OrchestratorSettings, ServerConfig
from prefect_platform.server.services.orchestrator_prefect import PrefectOrchestrator
from prefect_platform.testing.embedded import until
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.deletions import DeletionState
from prefect_platform.wire.flows import FlowState
from prefect_platform.wire.work_pool import base_job_template

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CODE = """
from prefect import flow

@flow
def {name}(n: int = 1) -> int:
    return n
"""


@dataclass
class World:
    server: LiveServer
    client: PlatformClient
    prefect: Prefect
    flow: str
    """Of this test alone."""
    path: Path

    def register(self, **options: Any) -> Any:
        target = f"{self.path}:{self.flow}"
        return register(target, url=self.server.url, token=self.server.token, **options)

    def gone(self, path: str) -> bool:
        try:
            self.prefect.call("GET", path)
        except httpx.HTTPStatusError as error:
            return error.response.status_code == 404
        return False

    def runs(self, deployment_id: str) -> list[dict[str, Any]]:
        body = {"flow_runs": {"deployment_id": {"any_": [deployment_id]}}}
        found: list[dict[str, Any]] = self.prefect.call("POST", "/flow_runs/filter", body)
        return found


def settings_of(prefect_url: str) -> ServerConfig:
    return ServerConfig(
        data_dir=Path("unused"), backend="memory", orchestrator=OrchestratorSettings(url=prefect_url)
    )


@pytest.fixture
def world(prefect_server: str, tmp_path: Path) -> Iterator[World]:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("")
    name = "etl_" + "".join(one if one.isalnum() else "_" for one in tmp_path.name)
    (folder / "flows.py").write_text(CODE.format(name=name))
    config = settings_of(prefect_server)
    with live_server(
        tmp_path / "platform", config=config, orchestrator=PrefectOrchestrator(config.orchestrator)
    ) as server:
        with PlatformClient(server.url, server.token) as client:
            pool = client.projects.get("default").work_pool
            body = {"name": pool, "type": "platform", "base_job_template": base_job_template()}
            prefect = Prefect(prefect_server)
            prefect.call("POST", "work_pools/", body)
            yield World(server, client, prefect, name, folder / "flows.py")
            prefect.http.close()
    for module in [one for one in sys.modules if one.partition("_")[0] == "flows"]:
        del sys.modules[module]


def test_nothing_is_left_in_prefect_and_registering_brings_it_back(world: World) -> None:
    made = world.register(
        schedules=[Cron("0 2 * * *")], triggers=[DeploymentEventTrigger(expect={"x.y"}, name="on x")]
    )
    where = f"/deployments/{made.deployment_id}"
    related = f"/automations/related-to/prefect.deployment.{made.deployment_id}"
    assert world.prefect.call("GET", f"{where}/schedules")
    plan = world.client.flows.deletion_plan(made.flow_id)
    [deployment] = plan.deployments
    assert deployment.schedules == ["cron 0 2 * * *"]
    assert len(deployment.automations) == len(world.prefect.call("GET", related)) == 1
    assert plan.problem is None
    done = world.client.flows.delete(made.flow_id)
    assert (done.state, done.reason) == (DeletionState.DELETED, None)
    assert world.gone(where)
    assert world.gone(f"{where}/schedules")
    assert world.prefect.call("GET", related) == []
    assert world.runs(made.deployment_id) == []
    assert world.client.flows.list("default").items == []
    again = world.register(schedules=[Cron("0 2 * * *")])
    assert again.flow_id == made.flow_id
    assert world.prefect.call("GET", f"/deployments/{again.deployment_id}/schedules")
    world.client.flows.delete(again.flow_id)


def test_open_runs_are_cancelled_in_prefect_and_stay_there(world: World) -> None:
    made = world.register()
    run = made.run()
    with pytest.raises(Conflict, match="--cancel-runs"):
        world.client.flows.delete(made.flow_id)
    assert not world.gone(f"/deployments/{made.deployment_id}")
    done = world.client.flows.delete(made.flow_id, cancel_runs=True)
    assert done.state is DeletionState.DELETED
    assert world.prefect.call("GET", f"/flow_runs/{run.id}")["state"]["type"] == "CANCELLED"
    assert world.client.runs.get(run.id).status == "cancelled"


def test_a_server_that_ended_in_the_middle_is_made_up_for_by_the_next(
    world: World, prefect_server: str, tmp_path: Path
) -> None:
    """The first server cannot reach Prefect, and is stopped; the next one finds what it left by itself."""
    made = world.register(schedules=[Cron("0 2 * * *")])
    nowhere = OrchestratorSettings(url="http://127.0.0.1:1/api")
    away = replace(settings_of(prefect_server), orchestrator=nowhere)
    data, url = tmp_path / "platform", f"/deployments/{made.deployment_id}"
    with live_server(data, config=away, orchestrator=PrefectOrchestrator(nowhere, [])) as second:
        with PlatformClient(second.url, second.token) as client:
            told = client.flows.delete(made.flow_id)
            assert told.state is DeletionState.DELETING
            assert "Prefect at http://127.0.0.1:1/api does not answer" in (told.reason or "")
            assert client.flows.get(made.flow_id).state is FlowState.DELETING
    assert not world.gone(url)
    config = settings_of(prefect_server)
    with live_server(data, config=config, orchestrator=PrefectOrchestrator(config.orchestrator)):
        until(lambda: world.gone(url), 30, "the deletion goes on")
        until(lambda: not world.client.flows.list("default").items, 30, "the flow is deleted")
