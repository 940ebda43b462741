"""The platform as agents see it: the fake that tests use, and the real one behind its client."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import anyio
import pytest

from prefect_platform.agent.platform import ClientPlatform, Platform
from prefect_platform.client.api import PlatformClient
from prefect_platform.errors import Conflict, NotFound, UsageError
from prefect_platform.testing.agent_platform import FakePlatform
from prefect_platform.testing.live_server import live_server
from prefect_platform.wire.agents import AgentReport
from prefect_platform.wire.flows import RegisterAnswer
from prefect_platform.wire.runs import Attempt, AttemptRequest, Settlement, Status, Work
from tests import server_calls

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]


@dataclass
class Scene:
    platform: Platform
    version: str

    def request(self, **fields: str) -> AttemptRequest:
        given = {
            "flow_run_id": str(uuid.uuid4()),
            "pending_state_id": str(uuid.uuid4()),
            "flow_version_id": self.version,
            "flow_run_name": "bold-squid",
            "prefect_deployment_id": str(uuid.uuid4()),
        }
        return AttemptRequest(**(given | fields))

    async def ended(self, attempt: Attempt) -> Attempt:
        """The attempt, cancelled and gone."""
        await self.platform.cancel(attempt.id, "enough")
        if isinstance(fake := getattr(self.platform, "fake", None), FakePlatform):
            fake.end(attempt.id)
        with anyio.fail_after(30):
            cursor: str | None = None
            while True:
                work = await self.platform.work(cursor, 5)
                cursor = work.cursor
                if found := [a for a in work.unsettled if a.id == attempt.id]:
                    return found[0]


@pytest.fixture(params=["fake", "client"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    if request.param == "fake":
        yield Scene(FakePlatform("platform-x").as_agent(), "fv-1")
        return
    with live_server() as server, PlatformClient(server.url, server.token) as user:
        body = server_calls.registration()
        path = "/api/v1/projects/default/flows/register"
        version = user.transport.call("POST", path, RegisterAnswer, body=body).version.id
        token = user.agents.create("default", "local").token
        with PlatformClient(server.url, token) as client:
            yield Scene(ClientPlatform(client), version)


async def test_one_pending_state_has_one_attempt(scene: Scene) -> None:
    request = scene.request()
    first, second = await scene.platform.ask(request), await scene.platform.ask(request)
    assert (first.id, first.number) == (second.id, 1)


async def test_the_next_pending_state_has_the_next_attempt(scene: Scene) -> None:
    request = scene.request()
    first = await scene.platform.ask(request)
    again = scene.request(flow_run_id=request.flow_run_id)
    assert (await scene.platform.ask(again)).number == first.number + 1


async def test_an_unknown_version_is_not_found(scene: Scene) -> None:
    with pytest.raises(NotFound, match="fv-unknown"):
        await scene.platform.ask(scene.request(flow_version_id="fv-unknown"))


async def test_an_open_attempt_is_listed_and_cannot_be_settled(scene: Scene) -> None:
    attempt = await scene.platform.ask(scene.request())
    work: Work = await scene.platform.work(None, 0)
    assert attempt.id in {a.id for a in work.open}
    with pytest.raises(Conflict):
        await scene.platform.settle(attempt.id, settlement(Status.CRASHED, "CRASHED"))


async def test_work_answers_as_soon_as_there_is_news(scene: Scene) -> None:
    before = await scene.platform.work(None, 0)
    news: list[Work] = []

    async def wait() -> None:
        news.append(await scene.platform.work(before.cursor, 20))

    with anyio.fail_after(15):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await scene.platform.ask(scene.request())
    assert news[0].cursor != before.cursor


async def test_work_without_news_answers_in_time(scene: Scene) -> None:
    before = await scene.platform.work(None, 0)
    with anyio.fail_after(15):
        assert (await scene.platform.work(before.cursor, 0.1)).cursor == before.cursor


async def test_an_ended_attempt_stays_in_the_outbox_until_it_is_settled(scene: Scene) -> None:
    attempt = await scene.ended(await scene.platform.ask(scene.request()))
    again = await scene.platform.work(None, 0)
    assert attempt.id in {a.id for a in again.unsettled}
    done = await scene.platform.settle(attempt.id, settlement(Status.CANCELLED, "CANCELLED"))
    assert (done.status, done.settled_at is None) == (Status.CANCELLED, False)
    after = await scene.platform.work(None, 0)
    assert attempt.id not in {a.id for a in (*after.unsettled, *after.open)}
    assert (
        await scene.platform.settle(attempt.id, settlement(Status.CANCELLED, "CANCELLED"))
    ).id == attempt.id


async def test_a_cancel_from_prefect_is_not_sent_back(scene: Scene) -> None:
    attempt = await scene.platform.ask(scene.request())
    await scene.platform.cancel(attempt.id, "cancelled in Prefect")
    assert (await scene.platform.work(None, 0)).cancel == []
    assert (await scene.platform.attempt(attempt.id)).workload.cancel_requested_by is not None


async def test_a_settlement_that_contradicts_itself_is_refused(scene: Scene) -> None:
    attempt = await scene.ended(await scene.platform.ask(scene.request()))
    with pytest.raises(UsageError):
        await scene.platform.settle(attempt.id, settlement(Status.SUCCEEDED, "CRASHED"))


async def test_an_agent_is_told_who_it_is_and_what_to_serve(scene: Scene) -> None:
    report = AgentReport(version="1", prefect_version="3", work_pool="p", problem="None, really.")
    agent = await scene.platform.report(report)
    assert (agent.project, agent.report) == ("default", report)
    pool = await scene.platform.work_pool()
    assert pool.name.startswith("platform-")
    variables = pool.base_job_template["variables"]
    assert isinstance(variables, dict)
    assert variables["additionalProperties"] is False
    assert {"flow_version_id", "project", "cores", "memory_bytes"} <= set(variables["properties"])
    assert (await scene.platform.capacity()).slots >= 0


async def test_what_is_not_there_is_not_found(scene: Scene) -> None:
    with pytest.raises(NotFound):
        await scene.platform.attempt("at-none")


def settlement(status: Status, kind: str) -> Settlement:
    return Settlement(status=status, prefect_state=kind.title(), prefect_state_type=kind)
