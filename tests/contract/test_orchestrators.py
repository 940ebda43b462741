"""The orchestrator suite on the one in memory and on a real Prefect server, and faults of the real one."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from prefect_platform.errors import Conflict, NotFound, OrchestratorUnavailable, UsageError
from prefect_platform.server.config import OrchestratorSettings
from prefect_platform.server.services.orchestrator import Orchestrator, TaskRunState
from prefect_platform.server.services.orchestrator_memory import MemoryOrchestrator
from prefect_platform.server.services.orchestrator_prefect import PrefectOrchestrator
from prefect_platform.testing.cloud_gateway import CloudGateway, cloud_gateway
from prefect_platform.testing.orchestrator_contract import OrchestratorContract, Stage
from prefect_platform.testing.prefect_calls import Prefect


class MemoryStage:
    def __init__(self) -> None:
        self.memory = MemoryOrchestrator()
        self.orchestrator: Orchestrator = self.memory

    async def deployment(self, crons: Sequence[str] = ()) -> str:
        return self.memory.add_deployment(schedules=[{"schedule": {"cron": cron}} for cron in crons])

    async def task(self, flow_run_id: str, key: str, upstream: Sequence[str], parent: str | None) -> str:
        made = TaskRunState(
            str(uuid.uuid4()),
            key,
            key,
            "PENDING",
            "Pending",
            None,
            None,
            tuple(dict.fromkeys(upstream)),
            parent,
        )
        self.memory.tasks.setdefault(flow_run_id, []).append(made)
        return made.id

    async def report(self, flow_run_id: str, state_type: str) -> None:
        self.memory.set_state(flow_run_id, state_type)


class PrefectStage:
    def __init__(self, url: str) -> None:
        self.orchestrator: Orchestrator = PrefectOrchestrator(OrchestratorSettings(url=url))
        self.prefect = Prefect(url)

    async def deployment(self, crons: Sequence[str] = ()) -> str:
        flow = await self.post("/flows/", {"name": f"flow-{uuid.uuid4()}"})
        schedules = [
            {"schedule": {"cron": cron}, "slug": f"s{n}", "active": True} for n, cron in enumerate(crons)
        ]
        made = await self.post("/deployments/", {"name": "d", "flow_id": flow["id"], "schedules": schedules})
        return str(made["id"])

    async def task(self, flow_run_id: str, key: str, upstream: Sequence[str], parent: str | None) -> str:
        def given(ids: Sequence[str]) -> list[dict[str, str]]:
            return [{"input_type": "task_run", "id": one} for one in ids]

        parameter = {"input_type": "parameter", "name": "n"}
        inputs = {"x": [*given(upstream), parameter]} | ({"__parents__": given([parent])} if parent else {})
        body = {
            "flow_run_id": flow_run_id,
            "task_key": key,
            "name": key,
            "dynamic_key": str(uuid.uuid4()),
            "task_inputs": inputs,
            "state": {"type": "PENDING"},
        }
        return str((await self.post("/task_runs/", body))["id"])

    async def report(self, flow_run_id: str, state_type: str) -> None:
        answer = await self.post(
            f"/flow_runs/{flow_run_id}/set_state", {"state": {"type": state_type}, "force": True}
        )
        assert answer["status"] == "ACCEPT"

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = await asyncio.to_thread(self.prefect.call, "POST", path, body)
        return found

    async def aclose(self) -> None:
        self.prefect.http.close()
        await self.orchestrator.aclose()


class TestMemory(OrchestratorContract):
    @pytest_asyncio.fixture
    async def stage(self) -> Stage:
        return MemoryStage()

    @pytest.mark.asyncio
    async def test_it_can_be_taken_away(self) -> None:
        stage = MemoryStage()
        deployment = await stage.deployment()
        stage.memory.down = True
        with pytest.raises(OrchestratorUnavailable):
            await stage.orchestrator.check()
        with pytest.raises(OrchestratorUnavailable):
            await stage.orchestrator.delete_deployment(deployment)


@pytest.mark.slow
@pytest.mark.timeout(180)
class TestPrefect(OrchestratorContract):
    @pytest_asyncio.fixture
    async def stage(self, prefect_server: str) -> AsyncIterator[PrefectStage]:
        stage = PrefectStage(prefect_server)
        yield stage
        await stage.aclose()

    @pytest.mark.asyncio
    async def test_automations_go_with_their_deployment(self, stage: PrefectStage) -> None:
        deployment = await stage.deployment()
        await stage.post(
            "/automations/",
            {
                "name": "on event",
                "trigger": {
                    "type": "event",
                    "posture": "Reactive",
                    "expect": ["x.y"],
                    "threshold": 1,
                    "within": 0,
                },
                "actions": [{"type": "run-deployment", "source": "selected", "deployment_id": deployment}],
                "owner_resource": f"prefect.deployment.{deployment}",
            },
        )
        related = f"/automations/related-to/prefect.deployment.{deployment}"
        assert stage.prefect.call("GET", related)
        assert await stage.orchestrator.list_automations(deployment) == ["on event"]
        await stage.orchestrator.delete_deployment(deployment)
        assert stage.prefect.call("GET", related) == []

    @pytest.mark.asyncio
    async def test_parameters_that_do_not_fit_are_refused_in_prefects_words(
        self, stage: PrefectStage
    ) -> None:
        flow = await stage.post("/flows/", {"name": f"flow-{uuid.uuid4()}"})
        schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
        made = await stage.post(
            "/deployments/",
            {
                "name": "d",
                "flow_id": flow["id"],
                "parameter_openapi_schema": schema,
                "enforce_parameter_schema": True,
            },
        )
        with pytest.raises(UsageError, match=r"^Prefect refuses this: Validation failed for field 'n'"):
            await stage.orchestrator.create_run(made["id"], {"n": "many"}, [], None, None)
        with pytest.raises(
            UsageError, match=r"^The flow has no parameter 'nn'. Did you mean 'n'\? It takes n."
        ):
            await stage.orchestrator.create_run(made["id"], {"n": 1, "nn": 1}, [], None, None)

    @pytest.mark.asyncio
    async def test_runs_that_a_schedule_made_name_it(self, stage: PrefectStage) -> None:
        deployment = await stage.deployment(["0 2 * * *"])
        await stage.post(f"/deployments/{deployment}/schedule", {"min_runs": 3, "max_runs": 3})
        [schedule] = (await stage.orchestrator.read_deployment(deployment)).schedules
        found = await stage.orchestrator.upcoming_runs([deployment], 3)
        assert [one.schedule_id for one in found] == [schedule["id"]] * 3
        assert found[0].due < found[1].due < found[2].due
        assert {one.due.hour for one in found} == {2}

    @pytest.mark.asyncio
    async def test_more_runs_than_prefect_gives_at_once(self, stage: PrefectStage) -> None:
        made = await stage.orchestrator.create_run(await stage.deployment(), {}, [], None, None)
        asked = [*(str(uuid.uuid4()) for _ in range(250)), made.flow_run_id]
        assert set(await stage.orchestrator.read_runs(asked)) == {made.flow_run_id}


class CloudStage(PrefectStage):
    """The orchestrator comes through the gateway, the test does not."""

    def __init__(self, url: str, gateway: CloudGateway) -> None:
        super().__init__(url)
        self.orchestrator = PrefectOrchestrator(OrchestratorSettings(gateway.url, api_key=gateway.key))


@pytest.mark.slow
@pytest.mark.timeout(180)
class TestCloud(OrchestratorContract):
    @pytest_asyncio.fixture
    async def stage(self, prefect_server: str) -> AsyncIterator[CloudStage]:
        with cloud_gateway(prefect_server) as gateway:
            stage = CloudStage(prefect_server, gateway)
            yield stage
            await stage.aclose()
            assert gateway.refused == 0

    @pytest.mark.asyncio
    async def test_cloud_tells_no_version_and_a_key_is_looked_at(self, prefect_server: str) -> None:
        with cloud_gateway(prefect_server) as gateway:
            for key, told in (
                (gateway.key, "Prefect Cloud"),
                ("pnu_wrong", r"refuses our credentials \(401\)"),
            ):
                prefect = PrefectOrchestrator(OrchestratorSettings(gateway.url, api_key=key))
                if key == gateway.key:
                    assert await prefect.check() == told
                else:
                    with pytest.raises(OrchestratorUnavailable, match=told):
                        await prefect.check()
                await prefect.aclose()


# Faults, from a Prefect that a test plays


RUN = {"id": "r-1", "name": "brave-otter", "state": {"type": "RUNNING", "name": "Running", "message": None}}


class Played:
    """Answers in the order given, and remembers what was asked."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            (int(x.split(":")[1]) for x in head.lower().split("\r\n") if x.startswith("content-length")), 0
        )
        self.asked.append(head + (await reader.readexactly(length)).decode())
        status, body = self.answers.pop(0)
        if status:
            wait = f"Retry-After: {body}\r\n" if status == 429 and body else ""
            length = len(body.encode())
            head = f"HTTP/1.1 {status} x\r\nContent-Length: {length}\r\n{wait}Connection: close\r\n\r\n"
            writer.write((head + body).encode())
            await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def playing(
    *answers: tuple[int, str], tries: int = 2, **settings: str
) -> AsyncIterator[tuple[Played, PrefectOrchestrator]]:
    played = Played(*answers)
    server = await asyncio.start_server(played.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    found = PrefectOrchestrator(
        OrchestratorSettings(url=f"http://127.0.0.1:{port}/api", **settings), [0.0] * (tries - 1)
    )
    yield played, found
    await found.aclose()
    server.close()
    await server.wait_closed()


@pytest.mark.asyncio
@pytest.mark.parametrize("first", [(503, "busy"), (502, "<html>"), (429, ""), (0, "")])
async def test_a_busy_prefect_is_asked_again_with_the_same_key(first: tuple[int, str]) -> None:
    async with playing(first, (201, json.dumps(RUN))) as (played, prefect):
        made = await prefect.create_run("d-1", {}, [], None, None)
    assert made.name == "brave-otter"
    keys = [json.loads(one.split("\r\n\r\n")[1])["idempotency_key"] for one in played.asked]
    assert len(keys) == 2
    assert keys[0] == keys[1] != ""


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((503, ""), "answers 503"),
        ((500, "trace"), "answers 500"),
        ((0, ""), "does not answer"),
        ((200, "<html>login</html>"), "not Prefect's"),
        ((401, ""), "ORCHESTRATOR_AUTH_STRING"),
    ],
)
async def test_what_is_not_an_answer_is_unavailable_with_the_next_step(
    answer: tuple[int, str], told: str
) -> None:
    async with playing(answer, answer) as (_, prefect):
        with pytest.raises(OrchestratorUnavailable, match=told) as caught:
            await prefect.list_schedules("d-1")
    assert "Nothing was lost" in caught.value.message
    assert "http://127.0.0.1:" in caught.value.message


@pytest.mark.asyncio
async def test_it_waits_as_long_as_it_is_told_however_often() -> None:
    async with playing(*[(429, "0.01")] * 9, (200, "[]")) as (played, prefect):
        assert await prefect.list_schedules("d-1") == []
    assert len(played.asked) == 10


@pytest.mark.asyncio
async def test_it_does_not_wait_for_an_hour_and_lets_nobody_ask_meanwhile() -> None:
    async with playing((429, "3600")) as (played, prefect):
        for _ in range(3):
            with pytest.raises(OrchestratorUnavailable, match="left alone for 3600 s"):
                await prefect.list_schedules("d-1")
            with pytest.raises(OrchestratorUnavailable, match="left alone for 3600 s"):
                await prefect.check()
    assert len(played.asked) == 1


@pytest.mark.asyncio
async def test_nobody_listens() -> None:
    prefect = PrefectOrchestrator(OrchestratorSettings(url="http://127.0.0.1:1/api"), [0.0])
    with pytest.raises(OrchestratorUnavailable, match="ConnectError"):
        await prefect.check()
    await prefect.aclose()


@pytest.mark.asyncio
async def test_what_prefect_does_not_know() -> None:
    async with playing((404, "{}")) as (_, prefect):
        with pytest.raises(NotFound, match="deployments/d-1"):
            await prefect.list_schedules("d-1")


@pytest.mark.asyncio
async def test_a_refused_cancel_is_judged_by_its_status_not_its_code() -> None:
    refused = json.dumps({"status": "WAIT", "details": {"reason": "not now"}})
    async with playing((201, refused), (200, json.dumps(RUN))) as (_, prefect):
        with pytest.raises(Conflict, match=r"which is Running: not now"):
            await prefect.cancel_run("r-1", "please")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("settings", "header"),
    [({"auth_string": "ana:s:cret"}, "Basic YW5hOnM6Y3JldA=="), ({"api_key": "pnu_1"}, "Bearer pnu_1")],
)
async def test_credentials_go_along_and_are_not_shown(settings: dict[str, str], header: str) -> None:
    async with playing((200, '"3.8.8"'), **settings) as (played, prefect):
        assert await prefect.check() == "3.8.8"
    assert header.lower() in played.asked[0].lower()
    assert not any(secret in repr(OrchestratorSettings(**settings)) for secret in settings.values())
