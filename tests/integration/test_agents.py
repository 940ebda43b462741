"""Agents that the platform keeps, through the real parts: several, their queues, and whatever ends one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.resources import ResourceKind, ResourceStatus
from prefect_platform.wire.runs import FINAL, Status
from prefect_platform.wire.work_pool import installation_of
from tests.kills import taking
from tests.kills.steps import STEPS, gateway

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
AGENT = ResourceKind.PREFECT_AGENT


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with embedded(tmp_path_factory.mktemp("agents")) as running:
        yield running


def command(platform: Embedded, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prefect_platform", *words],
        env=platform.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def prefect(platform: Embedded) -> Prefect:
    return Prefect(platform.prefect_api, keep_alive=False)


def polls(platform: Embedded, name: str) -> bool:
    report = platform.client().agents.get("default", name).report
    return report is not None and report.last_poll_at is not None


def test_queues_are_made_as_the_spec_says_and_an_update_changes_them(platform: Embedded) -> None:
    done = command(
        platform,
        "agent",
        "create",
        "queued",
        "--queue",
        "slow",
        "--queue",
        "fast,priority=1,concurrency_limit=2",
    )
    assert done.returncode == 0, done.stderr
    until(lambda: polls(platform, "queued"), 90, "the agent to serve")
    pool = platform.client().installation().work_pool

    def queues() -> dict[str, tuple[int, int | None]]:
        found = prefect(platform).call("POST", f"work_pools/{pool}/queues/filter", {})
        return {one["name"]: (one["priority"], one["concurrency_limit"]) for one in found}

    assert queues()["fast"] == (1, 2)
    assert queues()["slow"][1] is None
    client = platform.client()
    spec = {"queues": [{"name": "fast", "concurrency_limit": 5}]}
    assert client.resources.update("default", AGENT, "queued", spec).state.needs_restart
    assert command(platform, "agent", "restart", "queued").returncode == 0
    until(lambda: queues()["fast"] == (1, 5), 60, "the limit to be changed")
    assert command(platform, "agent", "delete", "queued", "--yes").returncode == 0
    until(lambda: command(platform, "agent", "show", "queued").returncode != 0, 60, "the agent to be gone")


def test_several_share_a_pool_and_each_run_goes_to_one(platform: Embedded, tmp_path: Path) -> None:
    client, names = platform.client(), ["one", "two"]
    for name in names:
        client.resources.create("default", AGENT, name, {})
    for name in names:
        until(lambda name=name: polls(platform, name), 90, f"agent {name}")
    deployment, journal = taking.register(platform, tmp_path), tmp_path / "journal"
    body = {"parameters": {"journal": str(journal)}, "state": {"type": "SCHEDULED"}}
    path = f"deployments/{deployment}/create_flow_run"
    runs = [prefect(platform).call("POST", path, body)["id"] for _ in range(6)]

    def over() -> bool:
        found = {run.id: run for run in client.runs.list("default").items}
        return all(run in found and found[run].status in FINAL for run in runs)

    until(over, 180, "the runs")
    assert sorted(journal.read_text().split()) == sorted(runs)
    assert {client.runs.get(run).attempts for run in runs} == {1}
    for name in names:
        client.resources.delete("default", AGENT, name)


def test_agents_on_two_pools_take_their_own_runs_alone(platform: Embedded, tmp_path: Path) -> None:
    """An agent makes its pool, a flow lands there by name, and the other agent leaves its runs alone."""
    client = platform.client()
    done = command(platform, "agent", "create", "gpu", "--work-pool", "gpu-pool")
    assert done.returncode == 0, done.stderr
    until(lambda: polls(platform, "gpu"), 90, "the agent of the pool")
    until(lambda: polls(platform, "local"), 90, "the agent of the installation's pool")
    pool = prefect(platform).call("GET", "work_pools/gpu-pool")
    assert (pool["type"], installation_of(pool["base_job_template"])) == (
        "platform",
        client.installation().id,
    )
    journal, ids = tmp_path / "journal", {}
    for name in ("gpu", "local"):
        ids[name] = client.agents.get("default", name).id
    body = {"parameters": {"journal": str(journal)}, "state": {"type": "SCHEDULED"}}
    taken: dict[str, str] = {}
    for name, options in (("gpu", ("--work-pool", "gpu-pool")), ("local", ())):
        deployment = taking.register(platform, tmp_path, *options)  # the same one moves back
        path = f"deployments/{deployment}/create_flow_run"
        taken |= {prefect(platform).call("POST", path, body)["id"]: ids[name] for _ in range(3)}

    def over() -> bool:
        found = {run.id: run for run in client.runs.list("default").items}
        return all(run in found and found[run].status in FINAL for run in taken)

    until(over, 180, "the runs")
    assert sorted(journal.read_text().split()) == sorted(taken)
    assert {run: [one.agent_id for one in client.runs.get(run).attempt_list] for run in taken} == {
        run: [agent] for run, agent in taken.items()
    }
    assert "work pool" in command(platform, "agent", "show", "gpu").stdout
    client.resources.delete("default", AGENT, "gpu")


def test_a_pool_that_cannot_be_served_is_refused_in_words(platform: Embedded, tmp_path: Path) -> None:
    client = platform.client()
    prefect(platform).call("POST", "work_pools/", {"name": "stock", "type": "process"})
    client.resources.create("default", AGENT, "stocked", {"work_pool": "stock"})

    def why() -> str | None:
        return client.resources.get("default", AGENT, "stocked").state.reason

    assert "Work pool 'stock' is of type 'process', not 'platform'" in str(until(why, 90, "its reason"))
    with pytest.raises(RuntimeError, match=r"'stock' of Prefect at .* is of type 'process', and no agent"):
        taking.register(platform, tmp_path, "--work-pool", "stock")
    client.resources.delete("default", AGENT, "stocked")
    with pytest.raises(RuntimeError, match=r"no agent of project 'default' serves work pool 'stcok'"):
        taking.register(platform, tmp_path, "--work-pool", "stcok")


def test_a_changed_address_leaves_the_runs_where_they_are(platform: Embedded, tmp_path: Path) -> None:
    """Two addresses of one Prefect: the run goes on with the first, and whoever is left tells its end."""
    client, sign = platform.client(), tmp_path / "sign"
    deployment = taking.register(platform, tmp_path)
    client.resources.stop("default", AGENT, "local")
    with (
        gateway(platform.prefect_api, lambda: 0) as first,
        gateway(platform.prefect_api, lambda: 0) as second,
    ):
        client.resources.create("default", AGENT, "moves", {"prefect_api_url": first.api})
        until(lambda: polls(platform, "moves"), 90, "the agent")
        parameters = {"journal": str(tmp_path / "journal"), "dies": True, "sign": str(sign)}
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        run = prefect(platform).call("POST", f"deployments/{deployment}/create_flow_run", body)["id"]
        until((tmp_path / "journal").exists, 120, "the run to work")
        before = client.agents.get("default", "moves").report
        assert client.resources.update(
            "default", AGENT, "moves", {"prefect_api_url": second.api}
        ).state.needs_restart
        client.resources.restart("default", AGENT, "moves")

        def another() -> bool:
            report = client.agents.get("default", "moves").report
            return None not in (before, report) and report.started_at != before.started_at

        until(another, 90, "the agent at its new address")
        assert str(client.runs.get(run).url).startswith(first.api.removesuffix("/api"))
        sign.touch()
        until(lambda: client.runs.get(run).status in FINAL, 120, "the run to be settled")
        found = client.runs.get(run)
        assert (found.status, found.attempts) == (Status.CRASHED, 1)
        assert prefect(platform).call("GET", f"flow_runs/{run}")["state_type"] == "CRASHED"
        client.resources.delete("default", AGENT, "moves")
        client.resources.start("default", AGENT, "local")


def test_a_wrong_key_is_waited_out_in_words(platform: Embedded) -> None:
    """A Prefect with authentication on, as far as its answer to a wrong password goes."""
    import http.server
    import threading

    class Refuses(http.server.BaseHTTPRequestHandler):
        def _no(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = _no  # noqa: N815 - as the library spells it

        def log_message(self, *_: object) -> None:
            """Nothing."""

    client = platform.client()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client.secrets.set("default", "wrong-key", "admin:wrong-password")
        spec = {
            "prefect_api_url": f"http://127.0.0.1:{server.server_port}/api",
            "prefect_secret": "wrong-key",
        }
        client.resources.create("default", AGENT, "refused", spec)

        def told() -> str | None:
            report = client.agents.get("default", "refused").report
            return report.problem if report is not None else None

        problem = until(told, 90, "its words")
        assert "answers 401: it does not accept our key" in problem
        shown = client.agents.get("default", "refused").resource
        assert shown is not None
        assert (shown.state.status, shown.state.restarts) == (ResourceStatus.RUNNING, 0)
        log = command(platform, "agent", "logs", "refused")
        assert "does not accept our key" in log.stdout
        assert "wrong-password" not in log.stdout
        client.resources.delete("default", AGENT, "refused")
        server.shutdown()


def test_a_killed_launcher_is_followed_by_another_agent(platform: Embedded) -> None:
    client = platform.client()
    until(lambda: polls(platform, "local"), 60, "the agent")
    (before,) = taking.agent_processes(platform, "local")
    launcher = before.parent()
    assert launcher is not None
    launcher.send_signal(signal.SIGKILL)
    until(
        lambda: [p for p in taking.agent_processes(platform, "local") if p.pid != before.pid], 60, "another"
    )
    assert not before.is_running() or before.status() == psutil.STATUS_ZOMBIE
    assert "launcher ended by signal 9 (SIGKILL)" in (
        client.resources.get("default", AGENT, "local").state.reason or ""
    )


def test_one_by_hand_works_beside_those_of_the_platform(platform: Embedded, tmp_path: Path) -> None:
    client = platform.client()
    with pytest.raises(Exception, match="keeps an agent named 'local' itself"):
        client.agents.create("default", "local")
    made = client.agents.create("default", "mine")
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps({"url": client.url, "token": made.token, "project": "default"}))
    clean = {k: v for k, v in platform.environment.items() if not k.startswith("PREFECT")}
    by_hand = subprocess.Popen(
        [sys.executable, "-m", "prefect_platform", "agent", "run"],
        env={
            **clean,
            "PREFECT_PLATFORM_PROFILE": str(profile),
            "PREFECT_API_URL": platform.prefect_api,
            "PREFECT_HOME": str(tmp_path / "prefect"),
        },
    )
    try:
        until(lambda: polls(platform, "mine"), 90, "the agent by hand")
        assert client.agents.get("default", "mine").resource is None
        with pytest.raises(Exception, match="'mine' is run by hand"):
            client.resources.create("default", AGENT, "mine", {})
        assert "by hand" in command(platform, "agent", "list").stdout
    finally:
        by_hand.terminate()
        by_hand.wait(30)


def test_no_run_is_lost_or_done_twice_whenever_its_agent_is_killed(
    platform: Embedded, tmp_path: Path
) -> None:
    outcome = taking.taking(platform, tmp_path, kills=len(STEPS))
    assert outcome.problems == []
    assert sum(outcome.kills.values()) == len(STEPS)
