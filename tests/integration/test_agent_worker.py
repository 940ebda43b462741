"""The agent as a Prefect worker: found by its entry point, shown by Prefect, a process that ends at once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.workers.base import BaseWorker

from prefect_platform.agent import prefect_private
from prefect_platform.agent.worker import PlatformWorker
from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.agent_world import world
from prefect_platform.testing.embedded import until
from prefect_platform.testing.live_server import live_server
from prefect_platform.wire.work_pool import base_job_template

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@contextmanager
def process(command: list[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    with log.open("wb") as output:
        running = subprocess.Popen(command, env=clean | env, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield running
    finally:
        running.kill()
        running.wait(30)


@pytest.fixture
def platform() -> Iterator[PlatformClient]:
    with live_server() as server, PlatformClient(server.url, server.token) as client:
        yield client


@pytest.fixture
def environment(platform: PlatformClient, prefect_server: str, tmp_path: Path) -> dict[str, str]:
    return {
        "PREFECT_PLATFORM_URL": platform.url,
        "PREFECT_PLATFORM_TOKEN": platform.agents.create("default", "local").token,
        "PREFECT_API_URL": prefect_server,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "DO_NOT_TRACK": "1",
    }


def workers(prefect_server: str, pool: str) -> list[dict[str, Any]]:
    answer = httpx.post(f"{prefect_server}/work_pools/{pool}/workers/filter", json={}, timeout=30)
    return list(answer.json()) if answer.is_success else []


def online(prefect_server: str, pool: str) -> str | None:
    """Name of the worker that Prefect shows as online."""
    return next((w["name"] for w in workers(prefect_server, pool) if w["status"] == "ONLINE"), None)


def test_prefect_finds_the_worker_by_its_type() -> None:
    assert BaseWorker.get_worker_class_from_type("platform") is PlatformWorker
    assert PlatformWorker.get_default_base_job_template() == base_job_template()
    assert set(base_job_template()["job_configuration"]) <= set(PlatformWorker.job_configuration.model_fields)


def test_the_private_side_of_prefect_is_where_we_look_for_it() -> None:
    worker = PlatformWorker(work_pool_name="p", work_queues=["b", "a"], limit=3)
    assert prefect_private.pool_name(worker) == "p"
    assert prefect_private.queue_names(worker) == ["a", "b"]
    assert prefect_private.run_limit(worker) == 3
    worker._last_polled_time = worker._last_polled_time.subtract(hours=1)
    assert not worker.is_worker_still_polling(10)
    prefect_private.mark_polled(worker)
    assert worker.is_worker_still_polling(10)


def test_the_process_is_shown_and_ends_at_once(
    platform: PlatformClient, environment: dict[str, str], prefect_server: str, tmp_path: Path
) -> None:
    pool = platform.installation().work_pool
    log = tmp_path / "agent.log"
    with process([sys.executable, "-m", "prefect_platform", "agent", "run"], environment, log) as agent:
        assert until(lambda: online(prefect_server, pool), 60, f"the worker; {log.read_text()}") == "local"

        def polled() -> bool:
            (shown,) = platform.agents.list("default")
            return shown.report is not None and shown.report.last_poll_at is not None

        until(polled, 30, "the report")
        (shown,) = platform.agents.list("default")
        assert shown.report is not None
        assert (shown.report.work_pool, shown.report.problem) == (pool, None)
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(10) == 0, log.read_text()
        assert "Traceback" not in log.read_text()


def test_prefects_own_command_serves_the_pool_too(
    platform: PlatformClient, environment: dict[str, str], prefect_server: str, tmp_path: Path
) -> None:
    pool = platform.installation().work_pool
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "platform"]
    with process([*command, "--name", "by-prefect"], environment, tmp_path / "worker.log"):
        found = until(lambda: online(prefect_server, pool), 60, (tmp_path / "worker.log").read_text())
        assert found == "by-prefect"


def test_a_pool_that_is_not_the_platforms_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "other", "--type", "platform"]
    with process(command, environment, tmp_path / "worker.log") as worker:
        assert worker.wait(60) != 0
    assert "not 'other'" in (tmp_path / "worker.log").read_text()


def test_a_token_that_is_not_an_agents_is_refused(
    platform: PlatformClient, environment: dict[str, str], tmp_path: Path
) -> None:
    env = environment | {"PREFECT_PLATFORM_TOKEN": "pp_agent_" + "x" * 43}
    log = tmp_path / "agent.log"
    with process([sys.executable, "-m", "prefect_platform", "agent", "run"], env, log) as agent:
        assert agent.wait(60) == 1
    assert "Traceback" not in log.read_text()


@pytest.mark.asyncio
async def test_run_once_takes_what_is_due_and_returns(prefect_server: str) -> None:
    async with world(prefect_server) as w:
        runs = [await w.start() for _ in range(2)]
        worker = PlatformWorker(work_pool_name=w.pool, name="once")
        worker.platform = w.platform.as_agent()
        await asyncio.wait_for(worker.start(run_once=True, printer=lambda _: None), 60)
        assert {a.flow_run_id for a in w.platform.attempts.values()} == set(runs)
