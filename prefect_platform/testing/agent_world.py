"""A real Prefect server, a work pool on it, and agents of a platform in memory."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import anyio
import httpx
from prefect.settings import PREFECT_API_URL, temporary_settings

from prefect_platform.agent.agent import PlatformAgent
from prefect_platform.testing.agent_platform import FakePlatform
from prefect_platform.wire.runs import Attempt
from prefect_platform.wire.work_pool import base_job_template


class World:
    """What a test does to Prefect, as its user, its engine or its UI."""

    def __init__(self, api: str, http: httpx.AsyncClient) -> None:
        self.api = api
        self.http = http
        self.pool = f"platform-{uuid.uuid4().hex[:12]}"
        self.platform = FakePlatform(self.pool)
        self.deployment = ""

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. A server on SQLite answers 500 or 503 when two writes meet: ask again."""
        for _ in range(20):
            response = await self.http.request(method, path, json=body)
            if response.status_code not in (500, 503):
                break
            await asyncio.sleep(0.1)
        response.raise_for_status()
        return response.json() if response.content else None

    async def deploy(self, name: str = "d", variables: dict[str, Any] | None = None, **fields: Any) -> str:
        flow = await self.call("POST", "/flows/", {"name": f"flow-of-{self.pool}"})
        body = {
            "name": name,
            "flow_id": flow["id"],
            "work_pool_name": self.pool,
            "job_variables": {"flow_version_id": "fv-1"} if variables is None else variables,
        }
        return str((await self.call("POST", "/deployments/", body | fields))["id"])

    async def start(self, deployment: str | None = None, due: datetime | None = None, **fields: Any) -> str:
        details = {} if due is None else {"scheduled_time": due.isoformat()}
        state = {"type": "SCHEDULED", "name": "Scheduled", "state_details": details}
        path = f"/deployments/{deployment or self.deployment}/create_flow_run"
        return str((await self.call("POST", path, {"state": state} | fields))["id"])

    async def propose(self, run: str, kind: str, name: str | None = None, **details: Any) -> dict[str, Any]:
        state = {"type": kind, "name": name or kind.title(), "state_details": details}
        return dict(await self.call("POST", f"/flow_runs/{run}/set_state", {"state": state, "force": False}))

    async def read(self, run: str) -> dict[str, Any]:
        return dict(await self.call("GET", f"/flow_runs/{run}"))

    async def state(self, run: str) -> str:
        return str((await self.read(run))["state"]["name"])

    async def until_state(self, run: str, name: str) -> dict[str, Any]:
        """The flow run, once Prefect shows this state."""
        await until(lambda: self._is(run, name), f"{run} to be {name}")
        return await self.read(run)

    async def _is(self, run: str, name: str) -> bool:
        return await self.state(run) == name

    async def attempt(self, run: str, number: int = 1) -> Attempt:
        """The attempt of this number, once there is one."""

        def found() -> list[Attempt]:
            return [a for a in self.platform.attempts.values() if (a.flow_run_id, a.number) == (run, number)]

        await self.platform.until(lambda: bool(found()))
        return found()[0]

    async def running(self, run: str, number: int = 1) -> Attempt:
        """The attempt, with its engine running."""
        attempt = await self.attempt(run, number)
        self.platform.run(attempt.id)
        await self.propose(run, "RUNNING")
        return attempt

    async def settled(self, attempt: Attempt) -> Attempt:
        await self.platform.until(lambda: attempt.id in self.platform.settlements)
        return self.platform.attempts[attempt.id]

    @asynccontextmanager
    async def agent(self, agent_id: str = "ag-1", **options: Any) -> AsyncIterator[PlatformAgent]:
        """An agent that has looked at Prefect once; gone without a word at the end."""
        async with anyio.create_task_group() as tasks:
            agent = PlatformAgent(self.platform.as_agent(agent_id), **({"sweep_seconds": 1.0} | options))
            tasks.start_soon(agent.serve)
            with anyio.fail_after(30):
                await agent.ready.wait()
            yield agent
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def world(api: str) -> AsyncIterator[World]:
    """A pool with one deployment `d` on the Prefect server at `api`."""
    limits = httpx.Limits(keepalive_expiry=3)  # The server hangs up after five seconds.
    async with httpx.AsyncClient(base_url=api, timeout=60, limits=limits) as http:
        made = World(api, http)
        body = {"name": made.pool, "type": "platform", "base_job_template": base_job_template()}
        await made.call("POST", "/work_pools/", body)
        made.deployment = await made.deploy()
        with temporary_settings({PREFECT_API_URL: api}):
            yield made


async def until(look: Callable[[], Any], what: str, seconds: float = 30) -> None:
    """Ask again and again until `look` answers truly.

    Raises:
        TimeoutError: it did not in time; the message says what was waited for.
    """
    try:
        async with asyncio.timeout(seconds):
            while True:
                found = look()
                if await found if hasattr(found, "__await__") else found:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(f"waited {seconds:g} s for {what}") from None


class Wire:
    """A TCP relay to a server, which can be cut and mended."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._relays: set[asyncio.Task[None]] = set()
        self.port = 0

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.gather(*self._relays)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = asyncio.current_task()
        assert relay is not None
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, back}
        await asyncio.gather(_copy(reader, back), _copy(there, writer))
        self._open -= {writer, back}


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except (ConnectionError, OSError):
        pass  # The wire was cut.
    target.close()
