"""Deleting through real parts: registered with a real Prefect, and looked for there afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.events import DeploymentEventTrigger
from prefect.schedules import Cron

from prefect_platform import register
from prefect_platform.client.api import PlatformClient
from prefect_platform.client.flows import Flows
from prefect_platform.errors import Conflict, RegistrationError
from prefect_platform.server.config import OrchestratorSettings, ServerConfig
from prefect_platform.server.services.orchestrator_prefect import PrefectOrchestrator
from prefect_platform.testing.embedded import until
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.deletions import DeletionState
from prefect_platform.wire.flows import ConfirmRequest, FlowState
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

    def delete(self, flow_id: str) -> None:
        """Delete with open runs, again while a busy Prefect cannot do it yet."""
        until(lambda: self._deleted(flow_id), 60, "the flow is deleted")

    def _deleted(self, flow_id: str) -> bool:
        return self.client.flows.delete(flow_id, cancel_runs=True).state is DeletionState.DELETED

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


@contextmanager
def platform(data: Path, prefect_url: str, flows: tuple[str, Path]) -> Iterator[World]:
    """A platform on a data directory that another may have had before."""
    settings = OrchestratorSettings(url=prefect_url)
    config = ServerConfig(data_dir=data, backend="memory", orchestrator=settings)
    prefect, orchestrator = Prefect(prefect_url), PrefectOrchestrator(settings)
    with (
        live_server(data, config=config, orchestrator=orchestrator) as server,
        PlatformClient(server.url, server.token) as client,
        prefect.http,
    ):
        yield World(server, client, prefect, *flows)
        server.call(orchestrator.aclose())


def make_pool(world: World) -> None:
    name = world.client.projects.get("default").work_pool
    world.prefect.call(
        "POST", "work_pools/", {"name": name, "type": "platform", "base_job_template": base_job_template()}
    )


@pytest.fixture
def flows(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A flow of this test alone, and its file."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("")
    name = "etl_" + "".join(one if one.isalnum() else "_" for one in tmp_path.name)
    (folder / "flows.py").write_text(CODE.format(name=name))
    yield name, folder / "flows.py"
    for module in [one for one in sys.modules if one.partition("_")[0] == "flows"]:
        del sys.modules[module]


@pytest.fixture
def world(prefect_server: str, tmp_path: Path, flows: tuple[str, Path]) -> Iterator[World]:
    with platform(tmp_path / "platform", prefect_server, flows) as found:
        make_pool(found)
        yield found


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
    world.delete(made.flow_id)
    assert world.gone(where)
    assert world.gone(f"{where}/schedules")
    assert world.prefect.call("GET", related) == []
    assert world.runs(made.deployment_id) == []
    assert world.client.flows.list("default").items == []
    again = world.register(schedules=[Cron("0 2 * * *")])
    assert again.flow_id == made.flow_id
    assert world.prefect.call("GET", f"/deployments/{again.deployment_id}/schedules")
    world.delete(again.flow_id)


def test_open_runs_are_cancelled_in_prefect_and_stay_there(world: World) -> None:
    made = world.register()
    run = made.run()
    with pytest.raises(Conflict, match="--cancel-runs"):
        world.client.flows.delete(made.flow_id)
    assert not world.gone(f"/deployments/{made.deployment_id}")
    world.delete(made.flow_id)
    assert world.prefect.call("GET", f"/flow_runs/{run.id}")["state"]["type"] == "CANCELLED"
    assert world.client.runs.get(run.id).status == "cancelled"


@pytest.mark.parametrize("others", [False, True], ids=["nobody else", "another registration"])
def test_a_flow_that_is_deleted_while_it_is_registered(
    world: World, monkeypatch: pytest.MonkeyPatch, others: bool
) -> None:
    """Prefect keeps nothing of it, unless somebody else has registered it again meanwhile."""
    confirm, late = Flows.confirm, list[ConfirmRequest]()

    def deleted_first(self: Flows, version_id: str, request: ConfirmRequest) -> Any:
        if not late:
            late.append(request)
            monkeypatch.setattr(Flows, "confirm", confirm)
            world.delete(self.list("default").items[0].id)
            if others:
                world.register(description="another")
        return confirm(self, version_id, request)

    monkeypatch.setattr(Flows, "confirm", deleted_first)
    with pytest.raises(RegistrationError, match="was deleted while it was registered"):
        world.register(triggers=[DeploymentEventTrigger(expect={"x.y"}, name="on x")])
    where = f"/deployments/{late[0].prefect_deployment_id}"
    related = f"/automations/related-to/prefect.deployment.{late[0].prefect_deployment_id}"
    assert world.gone(where) is not others
    assert world.prefect.call("GET", related) == []
    again = world.register(description="another")
    assert again.created is not others
    assert world.prefect.call("GET", f"/deployments/{again.deployment_id}")


def test_a_server_that_ended_in_the_middle_is_made_up_for_by_the_next(
    prefect_server: str, tmp_path: Path, flows: tuple[str, Path]
) -> None:
    """One that cannot reach Prefect is stopped; the next finds by itself what it left."""
    data = tmp_path / "platform"
    with platform(data, prefect_server, flows) as first:
        make_pool(first)
        made = first.register(schedules=[Cron("0 2 * * *")])
    where = f"/deployments/{made.deployment_id}"
    with platform(data, "http://127.0.0.1:1/api", flows) as second:
        told = second.client.flows.delete(made.flow_id)
        assert told.state is DeletionState.DELETING
        assert "Prefect at http://127.0.0.1:1/api does not answer" in (told.reason or "")
        assert second.client.flows.get(made.flow_id).state is FlowState.DELETING
    with platform(data, prefect_server, flows) as third:
        until(lambda: third.gone(where), 30, "the deletion goes on")
        until(lambda: not third.client.flows.list("default").items, 30, "the flow is deleted")
