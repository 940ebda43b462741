"""The agent that `up` sees to: made once, left as somebody wants it, restarted where addresses have moved."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from prefect_platform.cli.embedded import agent
from prefect_platform.client.api import PlatformClient
from prefect_platform.wire.agents import AgentReport
from prefect_platform.wire.resources import ResourceTarget
from tests.unit.cli.scene import Scene


def test_it_is_made_once_and_whoever_stopped_it_keeps_it_stopped(platform: Scene) -> None:
    first = agent.keep(platform.client, "default", moved=False)
    again = agent.keep(platform.client, "default", moved=False)
    assert first is not None
    assert again is not None
    assert (again.id, again.state.target) == (first.id, ResourceTarget.RUNNING)
    platform.client.resources.stop("default", agent.AGENT, agent.AGENT_NAME)
    for moved in (False, True):
        stopped = agent.keep(platform.client, "default", moved=moved)
        assert stopped is not None
        assert stopped.state.target is ResourceTarget.STOPPED


def test_its_like_of_an_older_version_is_waited_for(platform: Scene) -> None:
    made = platform.client.agents.create("default", agent.AGENT_NAME)
    with PlatformClient(platform.server.url, made.token) as older:
        older.agents.report(AgentReport(version="0", prefect_version="3", work_pool="p"))
    assert agent.keep(platform.client, "default", moved=False) is None


def test_it_serves_once_it_has_looked_for_runs_since(platform: Scene) -> None:
    made = platform.client.agents.create("default", agent.AGENT_NAME)

    def serves(began: float, *, without_prefect: bool = False) -> bool:
        return agent.serves(platform.client, "default", began, without_prefect=without_prefect)

    began = time.time() - 60
    assert not serves(began)
    report = AgentReport(version="0", prefect_version="3", work_pool="p", problem="Prefect is away.")
    with PlatformClient(platform.server.url, made.token) as it:
        it.agents.report(report)
        assert not serves(began)
        assert serves(began, without_prefect=True)
        it.agents.report(report.model_copy(update={"last_poll_at": datetime.now(UTC)}))
    assert serves(began)
    assert not serves(time.time() + 60), "what it did before does not count"
