"""Agents before Prefect Cloud's shape: a key, limits, events, and a Prefect that is away."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_KEY, PREFECT_API_URL, PREFECT_CLOUD_API_URL, temporary_settings

from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.agent_world import World, until, world
from prefect_platform.testing.cloud_gateway import CloudGateway, cloud_gateway
from prefect_platform.testing.embedded import until as waited
from prefect_platform.testing.live_server import live_server
from prefect_platform.wire.runs import Status
from tests.integration.test_agent_worker import process

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def gateway(prefect_server: str) -> Iterator[CloudGateway]:
    with cloud_gateway(prefect_server) as made:
        yield made


@asynccontextmanager
async def behind(prefect_server: str, gateway: CloudGateway) -> AsyncIterator[World]:
    """The world of a Prefect whose agents come through the gateway; its user does not."""
    settings = {
        PREFECT_API_URL: gateway.url,
        PREFECT_API_KEY: gateway.key,
        PREFECT_CLOUD_API_URL: gateway.cloud_api_url,
    }
    async with world(prefect_server) as made:
        with temporary_settings(settings):
            yield made


@pytest.mark.asyncio
async def test_events_wake_it_through_an_authenticated_socket(
    prefect_server: str, gateway: CloudGateway
) -> None:
    async with (
        behind(prefect_server, gateway) as w,
        w.agent(poll_seconds=3600, sweep_seconds=3600) as agent,
    ):
        await until(lambda: agent.problems.sentence() is None, "the subscription")
        attempt = await w.running(await w.start())
        await w.propose(attempt.flow_run_id, "COMPLETED")
        w.platform.end(attempt.id, exit_code=0)
        assert (await w.settled(attempt)).status is Status.SUCCEEDED
    assert (gateway.sockets, gateway.refused) == (["events/out"], 0)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "step",
    ["get_scheduled_flow_runs", "flow_runs/filter", "queues/filter", "deployments/filter", "set_state", ""],
)
async def test_a_burst_of_429_in_any_step_loses_nothing_and_doubles_nothing(
    prefect_server: str, gateway: CloudGateway, step: str
) -> None:
    async with behind(prefect_server, gateway) as w:
        # A limit of the pool makes it poll as a worker does, too.
        await w.call("PATCH", f"/work_pools/{w.pool}", {"concurrency_limit": 50})
        await _burst(w, gateway, step)


async def _burst(w: World, gateway: CloudGateway, step: str) -> None:
    before = gateway.limited
    gateway.limit(5, 0.2, lambda _method, path: step in path)  # before the first look, which may be kept
    async with w.agent(poll_seconds=0.2) as agent:
        w.platform.slots = 100
        runs = [await w.start() for _ in range(4)]
        attempts = [await w.running(run) for run in runs]
        for attempt in attempts:
            w.platform.end(attempt.id, exit_code=3)
        for attempt in attempts:
            assert (await w.settled(attempt)).status is Status.CRASHED
        assert sorted(a.flow_run_id for a in w.platform.attempts.values()) == sorted(runs)
        assert [await w.state(run) for run in runs] == ["Crashed"] * 4
        await until(lambda: agent.problems.sentence() is None, "the problems to be over")
    assert gateway.limited > before


@pytest.mark.asyncio
async def test_a_limit_for_an_hour_is_told_and_nothing_is_sent_meanwhile(
    prefect_server: str, gateway: CloudGateway
) -> None:
    async with behind(prefect_server, gateway) as w, w.agent(poll_seconds=0.1) as agent:
        gateway.limit(1000, 3600)
        told = "429 and asks to be left alone for 3600 s"
        await until(lambda: told in (agent.problems.sentence() or ""), "the limit to be told")
        run = await w.start()
        sent = gateway.limited
        for _ in range(3):
            await agent.look()
        assert gateway.limited == sent
        assert await w.state(run) == "Scheduled"
    gateway.limit(0)
    async with w_again(w, gateway):
        await w.attempt(run)


@asynccontextmanager
async def w_again(w: World, gateway: CloudGateway) -> AsyncIterator[None]:
    """Another process of the same agent."""
    settings = {
        PREFECT_API_URL: gateway.url,
        PREFECT_API_KEY: gateway.key,
        PREFECT_CLOUD_API_URL: gateway.cloud_api_url,
    }
    with temporary_settings(settings):
        async with w.agent():
            yield


@pytest.mark.asyncio
async def test_a_prefect_that_is_away_is_told_with_its_time_and_comes_back(
    prefect_server: str, gateway: CloudGateway
) -> None:
    async with behind(prefect_server, gateway) as w, w.agent(poll_seconds=0.2) as agent:
        attempt = await w.running(await w.start())
        gateway.down()
        await until(lambda: "does not answer" in (agent.problems.sentence() or ""), "the problem")
        since = agent.problems.since
        assert since is not None
        run = await w.start()
        w.platform.end(attempt.id, exit_code=3)
        gateway.up()
        await w.attempt(run)
        assert (await w.settled(attempt)).status is Status.CRASHED
        await until(lambda: agent.problems.since is None, "the problems to be over")


@pytest.mark.asyncio
async def test_runs_that_are_late_are_counted_with_the_reason(prefect_server: str) -> None:
    from datetime import UTC, datetime, timedelta

    async with world(prefect_server) as w, w.agent(poll_seconds=0.2) as agent:
        w.platform.slots = 0
        due = datetime.now(UTC) - timedelta(minutes=2)
        run = await w.start(due=due)
        report = agent._report
        await until(lambda: report().late_runs == 1, "the run to be counted")
        assert report().late_since == due
        assert "no room" in (report().late_reason or "")
        await w.call("PATCH", f"/work_pools/{w.pool}", {"is_paused": True})
        await until(lambda: "pool is paused" in (report().late_reason or ""), "the pause")
        await w.call("PATCH", f"/work_pools/{w.pool}", {"is_paused": False})
        w.platform.slots = 5
        await w.attempt(run)
        await until(lambda: report().late_runs == 0, "nothing to be late")


def test_a_wrong_key_is_told_and_set_right_without_a_restart(gateway: CloudGateway, tmp_path: Path) -> None:
    right = gateway.key
    with live_server() as server, PlatformClient(server.url, server.token) as client:
        environment = gateway.environment | {
            "PREFECT_API_KEY": "pnu_wrong",
            "PREFECT_PLATFORM_URL": client.url,
            "PREFECT_PLATFORM_TOKEN": client.agents.create("default", "local").token,
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "DO_NOT_TRACK": "1",
        }
        log = tmp_path / "agent.log"

        def report() -> Any:
            (agent,) = client.agents.list("default")
            return agent.report

        def wrong() -> bool:
            return "answers 401: it does not accept our key" in ((report() and report().problem) or "")

        with process([sys.executable, "-m", "prefect_platform", "agent", "run"], environment, log) as agent:
            waited(wrong, 60, f"the report; {log.read_text()}")
            assert agent.poll() is None, log.read_text()
            gateway.key = "pnu_wrong"  # whoever has made the key gives it its rights
            waited(lambda: report().last_poll_at is not None, 60, "the first look")
            waited(lambda: report().problem is None, 60, "the problem to be over")
            assert agent.poll() is None
        assert right not in log.read_text()
        assert "pnu_wrong" not in log.read_text()
