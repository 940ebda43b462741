# ruff: noqa: E501 - a cell reads best as one string
"""Registration through real parts: a platform server, a Prefect server, and files as a user has them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.events import DeploymentEventTrigger
from prefect.schedules import Cron

from prefect_platform import register
from prefect_platform.client.api import PlatformClient
from prefect_platform.client.transport import Transport
from prefect_platform.errors import OrchestratorUnavailable, RegistrationError
from prefect_platform.flows.prefect_api import PrefectApi
from prefect_platform.server.config import OrchestratorSettings, ServerConfig
from prefect_platform.server.services.orchestrator_prefect import PrefectOrchestrator
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.flows import VersionStatus
from prefect_platform.wire.work_pool import base_job_template
from tests.kernel import kernel
from tests.unit.flows.installed import flow_in_site_packages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CODE = """
from prefect import flow, task

@task
def double(x):
    return 2 * x

@flow
def {name}(day: str = "today", n: int = 1) -> int:
    "Docstring."
    return double.fn(n)
"""


@dataclass
class World:
    """A platform and its Prefect."""

    server: LiveServer
    prefect: str
    client: PlatformClient

    def ask(self, method: str, path: str, body: object = None) -> Any:
        return Prefect(self.prefect).call(method, path, body)

    def read(self, path: str) -> Any:
        return self.ask("GET", path)

    def deployment(self, flow: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.read(f"/deployments/name/{flow}/{name}")
        return found

    def automations(self, deployment_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.read(f"/automations/related-to/prefect.deployment.{deployment_id}")
        return found

    def register(self, flow: Flow[..., Any] | str, **options: Any) -> Any:
        return register(flow, url=self.server.url, token=self.server.token, **options)


def make_pool(prefect: str, name: str) -> None:
    body = {"name": name, "type": "platform", "base_job_template": base_job_template()}
    Prefect(prefect).call("POST", "work_pools/", body)


@pytest.fixture(scope="module")
def world(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    settings = OrchestratorSettings(url=prefect_server)
    config = ServerConfig(data_dir=Path("unused"), backend="memory", orchestrator=settings)
    with live_server(
        tmp_path_factory.mktemp("platform"), config=config, orchestrator=PrefectOrchestrator(settings)
    ) as server:
        client = PlatformClient(server.url, server.token)
        make_pool(prefect_server, client.projects.get("default").work_pool)
        yield World(server, prefect_server, client)
        client.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with one flow in it, named like nothing else."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("")
    name = "etl_" + tmp_path.name.replace("-", "_")
    (folder / "flows.py").write_text(CODE.format(name=name))
    return folder


@pytest.fixture(autouse=True)
def _fresh_modules() -> Iterator[None]:
    """Each test's files are loaded anew, as in a new process."""
    yield
    for name in [name for name in sys.modules if name.partition("_")[0] in ("flows", "installed")]:
        del sys.modules[name]


def target(project: Path) -> str:
    name = (project / "flows.py").read_text().split("def etl_")[1].split("(")[0]
    return f"{project / 'flows.py'}:etl_{name}"


def test_everything_that_was_asked_stands_in_prefect(world: World, project: Path) -> None:
    made = world.register(
        target(project),
        name="nightly",
        cron="0 2 * * *",
        timezone="Europe/Berlin",
        parameters={"day": "2013-01-05"},
        tags=["prod"],
        concurrency_limit=1,
    )
    found = world.deployment(made.flow_name, "nightly")
    assert found["id"] == made.deployment_id
    assert found["work_pool_name"] == world.client.projects.get("default").work_pool
    assert found["parameters"] == {"day": "2013-01-05"}
    assert set(found["tags"]) == {"prod", "platform", "webhook-flow-storage", "127.0.0.1"}
    assert found["description"] == "Docstring."
    assert found["version"] == "1"
    assert found["global_concurrency_limit"]["limit"] == 1
    assert found["parameter_openapi_schema"]["properties"]["n"]["default"] == 1
    [schedule] = found["schedules"]
    assert schedule["schedule"]["cron"] == "0 2 * * *"
    assert schedule["schedule"]["timezone"] == "Europe/Berlin"
    assert found["job_variables"]["flow_version_id"] == made.version_id
    assert set(found["job_variables"]) == {"flow_version_id", "project", "cores", "memory_bytes"}
    assert world.server.token not in json.dumps(found), "no token ever stands in Prefect"
    assert world.client.flows.version(made.version_id).status is VersionStatus.READY
    assert made.url.endswith(f"/v2/deployments/deployment/{made.deployment_id}")
    assert "nightly" in repr(made)


def test_unchanged_is_left_as_it_is(world: World, project: Path) -> None:
    first = world.register(target(project), cron="0 2 * * *")
    before = world.deployment(first.flow_name, first.deployment_name)
    second = world.register(target(project), cron="0 2 * * *")
    after = world.deployment(first.flow_name, first.deployment_name)
    assert (second.version, second.created, list(second.changes)) == (1, False, [])
    assert after["updated"] == before["updated"], "nothing was written"


def test_a_deployment_that_somebody_changed_meanwhile_is_put_right(world: World, project: Path) -> None:
    """As by another registration at the same moment, whose version Prefect holds and the platform does not."""
    made = world.register(target(project))
    path = f"/deployments/{made.deployment_id}"
    right = world.read(path)["job_variables"]
    world.ask("PATCH", path, {"job_variables": {**right, "flow_version_id": "fv-of-somebody-else"}})
    again = world.register(target(project))
    assert (again.version, again.deployment_change) == (1, "changed")
    assert world.read(path)["job_variables"] == right


def test_changed_code_is_a_new_version_of_the_same_deployment(world: World, project: Path) -> None:
    first = world.register(target(project))
    (project / "more.py").write_text("X = 1\n")
    second = world.register(target(project))
    assert (second.version, second.created) == (2, True)
    assert second.deployment_id == first.deployment_id
    assert any("more.py added" in change for change in second.changes)
    assert world.deployment(first.flow_name, first.deployment_name)["version"] == "2"


def test_what_people_did_in_prefect_stays(world: World, project: Path) -> None:
    made = world.register(target(project), cron="0 2 * * *", interval=timedelta(hours=1))
    path = f"/deployments/{made.deployment_id}/schedules"
    schedules = world.read(path)
    cron = next(s for s in schedules if "cron" in s["schedule"])
    world.ask("PATCH", f"{path}/{cron['id']}", {"active": False})
    own = [{"schedule": {"cron": "5 5 * * *"}, "slug": "by-hand", "active": True}]
    world.ask("POST", path, own)
    (project / "more.py").write_text("X = 1\n")
    world.register(target(project), cron="0 2 * * *")
    left = {s["slug"]: s for s in world.read(path)}
    assert left[cron["slug"]]["active"] is False, "paused stays paused"
    assert left[cron["slug"]]["id"] == cron["id"], "it is the same schedule"
    assert "by-hand" in left, "a schedule of somebody's own stays"
    assert len(left) == 2, "the interval is wanted no more"
    changed = world.register(target(project), cron="0 3 * * *")
    again = [s for s in world.read(path) if s["schedule"].get("cron") == "0 3 * * *"]
    assert [s["active"] for s in again] == [False]
    assert any("stays paused" in note for note in changed.notes)
    assert [text for text in changed.schedules if "paused" in text] == ["cron 0 3 * * *, paused"]
    again = world.register(target(project), cron="0 3 * * *")
    assert (again.deployment_change, again.schedules) == ("unchanged", ("cron 0 3 * * *, paused",))


def test_not_paused_wakes_what_somebody_paused(world: World, project: Path) -> None:
    made = world.register(target(project), cron="0 2 * * *", paused=False)
    path = f"/deployments/{made.deployment_id}/schedules"
    [cron] = world.read(path)
    world.ask("PATCH", f"{path}/{cron['id']}", {"active": False})
    assert world.register(target(project), cron="0 2 * * *").schedules == ("cron 0 2 * * *, paused",)
    woken = world.register(target(project), cron="0 2 * * *", paused=False)
    assert (woken.deployment_change, woken.schedules) == ("changed", ("cron 0 2 * * *",))
    assert [(s["id"], s["active"]) for s in world.read(path)] == [(cron["id"], True)]


def test_automations_are_replaced_not_piled_up(world: World, project: Path) -> None:
    def trigger(event: str) -> DeploymentEventTrigger:
        return DeploymentEventTrigger(expect={event}, parameters={"n": 2})

    made = world.register(target(project), triggers=[trigger("a"), trigger("b")])
    assert len(world.automations(made.deployment_id)) == 2
    world.register(target(project), triggers=[trigger("a"), trigger("b")])
    assert len(world.automations(made.deployment_id)) == 2
    world.register(target(project), triggers=[trigger("c")])
    assert [a["trigger"]["expect"] for a in world.automations(made.deployment_id)] == [["c"]]
    world.register(target(project))
    assert world.automations(made.deployment_id) == []


def test_a_limit_and_a_schedule_can_be_taken_away(world: World, project: Path) -> None:
    made = world.register(target(project), concurrency_limit=2, cron="@daily", paused=True)
    assert world.deployment(made.flow_name, made.deployment_name)["paused"] is True
    world.register(target(project))
    found = world.deployment(made.flow_name, made.deployment_name)
    assert found["global_concurrency_limit"] is None
    assert found["schedules"] == []
    assert found["paused"] is True, "not said, so as it is"


@pytest.mark.parametrize(
    "options",
    [
        {"cron": "@daily"},
        {"cron": "*/10 * * * * *"},
        {"cron": ["0 2 * * *", "0 3 * * *"]},
        {"rrule": "FREQ=WEEKLY;BYDAY=MO,TH"},
        {"interval": 3600},
        {"schedules": [Cron("0 2 * * *", timezone="America/New_York", slug="early", parameters={"n": 3})]},
    ],
)
def test_schedules_that_we_accept_prefect_accepts(
    world: World, project: Path, options: dict[str, Any]
) -> None:
    made = world.register(target(project), **options)
    found = world.deployment(made.flow_name, made.deployment_name)["schedules"]
    assert len(found) == len(options["cron"]) if isinstance(options.get("cron"), list) else len(found) == 1
    assert all(s["slug"].startswith("platform-") for s in found)


def test_prefect_down_leaves_nothing_that_shows(
    world: World, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = world.client.projects.get("default")

    def down(self: Any, name: str) -> Any:
        return replace_url(real)

    def replace_url(project: Any) -> Any:
        return project.model_copy(update={"orchestrator_url": "http://127.0.0.1:9/api"})

    with monkeypatch.context() as patch:
        patch.setattr("prefect_platform.client.projects.Projects.get", down)
        with pytest.raises(OrchestratorUnavailable, match=r"127\.0\.0\.1:9"):
            world.register(target(project))
    name = target(project).rpartition(":")[2].replace("_", "-")
    [flow] = world.client.flows.list("default", name=name).items
    [version] = world.client.flows.versions(flow.id).items
    assert version.status is VersionStatus.REGISTERING
    assert flow.deployments == []
    repaired = world.register(target(project))
    assert world.client.flows.version(repaired.version_id).status is VersionStatus.READY
    assert repaired.version == 1


def test_a_deployment_deleted_in_prefect_is_made_again(world: World, project: Path) -> None:
    made = world.register(target(project))
    world.ask("DELETE", f"/deployments/{made.deployment_id}")
    again = world.register(target(project))
    assert again.deployment_id != made.deployment_id
    assert world.deployment(made.flow_name, made.deployment_name)["id"] == again.deployment_id


def test_a_missing_work_pool_is_told_in_words(prefect_server: str, project: Path, tmp_path: Path) -> None:
    settings = OrchestratorSettings(url=prefect_server)
    config = ServerConfig(data_dir=tmp_path, backend="memory", orchestrator=settings)
    with (
        live_server(tmp_path / "other", config=config) as server,
        pytest.raises(RegistrationError, match=r"no work pool 'platform-.*agent run"),
    ):
        register(target(project), url=server.url, token=server.token)


def test_a_run_is_started_with_parameters(world: World, project: Path) -> None:
    made = world.register(target(project), parameters={"n": 1})
    run = made.run(n=5)
    found = world.read(f"/flow_runs/{run.id}")
    assert found["parameters"]["n"] == 5
    assert run.state in ("scheduled", "late")
    assert run.cancel()
    assert run.wait(timeout=10) == "cancelled"


def test_the_bundle_can_be_fetched_and_unpacked(world: World, project: Path, tmp_path: Path) -> None:
    from prefect_platform.flows.storage import pull_bundle

    made = world.register(target(project))
    step = world.deployment(made.flow_name, made.deployment_name)["pull_steps"][0]
    inputs = step["prefect_platform.flows.storage.pull_bundle"]
    assert inputs.pop("token") == "{{ $PREFECT_PLATFORM_TOKEN }}"
    found = pull_bundle(**inputs, token=world.server.token, directory=str(tmp_path / "code"))
    assert (Path(found["directory"]) / "flows.py").read_text() == (project / "flows.py").read_text()


def test_it_works_under_a_running_event_loop(world: World, project: Path) -> None:
    async def cell() -> Any:
        return world.register(target(project))

    assert asyncio.run(cell()).version == 1


def test_a_stock_worker_runs_what_a_cell_registered(world: World, tmp_path: Path) -> None:
    """From a real kernel to `prefect worker start --type process`, which knows nothing of our agent."""
    with kernel(
        tmp_path, {"PREFECT_PLATFORM_URL": world.server.url, "PREFECT_PLATFORM_TOKEN": world.server.token}
    ) as nb:
        shown = nb.run(
            "from dataclasses import dataclass\nfrom prefect import flow, task\nfrom prefect_platform import register",
            "@dataclass\nclass Pair:\n    a: int\n    b: int",
            "PAIRS = [Pair(1, 2), Pair(3, 4)]",
            "@task\ndef add(pair: Pair) -> int:\n    return pair.a + pair.b",
            "@flow(name='stock-cell')\ndef etl(extra: int = 0) -> int:\n"
            "    total = sum(add.map(PAIRS).result()) + extra\n    print('total', total)\n"
            "    assert total == 15, total\n    return total",
            "registration = register(etl, parameters={'extra': 5}, cron='0 7 * * *')\nregistration",
        )
    assert "stock-cell/stock-cell" in shown
    assert "stock_cell.py" in shown
    found = world.deployment("stock-cell", "stock-cell")
    world.ask("POST", "/work_pools/", {"name": "stock", "type": "process"})
    moved = {
        "work_pool_name": "stock",
        "job_variables": {"env": {"PREFECT_PLATFORM_TOKEN": world.server.token}},
    }
    world.ask("PATCH", f"/deployments/{found['id']}", moved)
    run = world.ask("POST", f"/deployments/{found['id']}/create_flow_run", {})
    worker = subprocess.Popen(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", "stock", "--type", "process", "--run-once"],
        cwd=tmp_path,
        env={**os.environ, "PREFECT_API_URL": world.prefect, "PREFECT_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    said, _ = worker.communicate(timeout=90)
    state = world.read(f"/flow_runs/{run['id']}")["state"]
    assert state["type"] == "COMPLETED", f"{state}\n{said}"


def test_unchanged_costs_three_calls(world: World, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.register(target(project), cron="@daily")
    calls: list[str] = []
    prefect, platform = PrefectApi.request, Transport.call

    def asked(self: Any, method: str, path: str, *rest: Any, **more: Any) -> Any:
        calls.append(f"{method} {path.partition('?')[0]}")
        return (prefect if isinstance(self, PrefectApi) else platform)(self, method, path, *rest, **more)

    monkeypatch.setattr(PrefectApi, "request", asked)
    monkeypatch.setattr(Transport, "call", asked)
    made = world.register(target(project), cron="@daily")
    assert calls == [
        "GET /api/v1/projects/default",
        "POST /api/v1/projects/default/flows/register",
        f"GET /deployments/{made.deployment_id}",
    ]


def test_another_flow_under_the_same_name_is_told(world: World, project: Path, tmp_path: Path) -> None:
    first = world.register(target(project))
    other = tmp_path / "other"
    shutil.copytree(project, other)
    (other / "flows.py").write_text((project / "flows.py").read_text().replace("2 * x", "3 * x"))
    second = world.register(target(other))
    assert second.flow_id == first.flow_id
    assert any(str(project) in note or str(other) in note for note in second.notes), second.notes


def test_a_renamed_flow_is_another_flow(world: World, project: Path) -> None:
    first = world.register(target(project))
    text = (project / "flows.py").read_text()
    (project / "flows.py").write_text(
        text.replace("@flow", "@flow(name='renamed-" + project.parent.name + "')")
    )
    sys.modules.pop("flows", None)
    second = world.register(target(project))
    assert second.flow_id != first.flow_id
    assert second.version == 1


def test_an_installed_flow_needs_no_bundle(world: World) -> None:
    with flow_in_site_packages() as name:
        made = world.register(f"{name}:etl", name="installed")
    found = world.deployment("etl", "installed")
    assert found["entrypoint"] == f"{name}.etl", "as Prefect names a flow of a module"
    assert found["pull_steps"] in (None, [])
    assert world.client.flows.version(made.version_id).status is VersionStatus.READY


def test_a_script_registers_its_own_flow(world: World, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("N = 2\n")
    (tmp_path / "job.py").write_text(
        "from prefect import flow\nimport beside\nfrom prefect_platform import register\n\n"
        "@flow(name='of-a-script')\ndef etl():\n    return beside.N\n\n"
        "if __name__ == '__main__':\n    print(register(etl).version)\n"
    )
    env = {
        **os.environ,
        "PREFECT_PLATFORM_URL": world.server.url,
        "PREFECT_PLATFORM_TOKEN": world.server.token,
    }
    done = subprocess.run(
        [sys.executable, "job.py"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "1\n", done.stderr
    flow = world.client.flows.find("default", "of-a-script")
    [version] = world.client.flows.versions(flow.id).items
    assert version.code.entrypoint == "of_a_script.py:etl"
    assert version.code.origin == str(tmp_path / "job.py")
    assert {file.path for file in version.code.files} == {"of_a_script.py", "beside.py"}
    texts = {file.path: file.text for file in world.client.flows.source(version.id)}
    assert "register" not in texts["of_a_script.py"]
