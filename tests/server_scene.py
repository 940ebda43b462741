"""A scene for tests of runs, logs and the controller: one project with a flow to run in it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect_platform.names import new_id
from prefect_platform.server.config import RunSettings, ServerConfig
from prefect_platform.server.db import migrate
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import (
    AgentRow,
    AttemptRow,
    BundleRow,
    DeploymentRow,
    FlowRow,
    FlowVersionRow,
    InstallationRow,
    MemberRow,
    ProjectRow,
    RunRow,
    UserRow,
    WorkloadRow,
)
from prefect_platform.server.services import attempts
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.clock import Clock, SystemClock
from prefect_platform.server.services.orchestrator_memory import MemoryOrchestrator
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.memory_blobs import MemoryBlobs
from prefect_platform.server.stores.memory_keyring import MemoryKeyring
from prefect_platform.server.stores.memory_logs import MemoryLogs
from prefect_platform.wire.runs import Attempt, AttemptRequest, Status, Target
from prefect_platform.wire.tokens import TokenKind

GIB = 1 << 30


@dataclass
class Scene:
    """One project with one flow version, a user, an agent; all of it in memory but the database."""

    parts: Parts
    user: Caller
    agent: Caller
    stranger: Caller
    """A user who is no member."""
    version_id: str
    flow_id: str
    deployment_id: str

    @property
    def orchestrator(self) -> MemoryOrchestrator:
        assert isinstance(self.parts.orchestrator, MemoryOrchestrator)
        return self.parts.orchestrator

    def launcher(self, workload_id: str) -> Caller:
        return Caller(
            TokenKind.WORKLOAD, "tk-none", workload_id, None, False, self.agent.project_id, workload_id
        )

    def request(self, flow_run_id: str | None = None, **fields: Any) -> AttemptRequest:
        values: dict[str, Any] = {
            "flow_run_id": flow_run_id or str(uuid.uuid4()),
            "pending_state_id": str(uuid.uuid4()),
            "flow_version_id": self.version_id,
            "flow_run_name": "brave-otter",
            "prefect_deployment_id": self.deployment_id,
        }
        return AttemptRequest(**values | fields)

    async def attempt(self, flow_run_id: str | None = None, **fields: Any) -> Attempt:
        """An attempt at a run that Prefect has as Pending."""
        request = self.request(flow_run_id, **fields)
        self.orchestrator.set_state(request.flow_run_id, "PENDING")
        return await attempts.create(self.parts, self.agent, request)

    async def version(self, *, cores: float = 1.0, memory_bytes: int = GIB, kind: str = "source") -> str:
        """Another version of the flow."""
        async with self.parts.database.session() as session:
            row = version_row(
                self.flow_id, str(self.agent.project_id), str(self.user.user_id), cores, memory_bytes, kind
            )
            session.add(row)
        return row.id

    async def settle(self, attempt: Attempt, at: datetime | None = None) -> None:
        """Its processes are gone, Prefect has spoken, and the controller is done with it."""
        at = at or self.parts.clock.now()
        self.orchestrator.set_state(attempt.flow_run_id, "COMPLETED")
        async with self.parts.database.session() as session:
            workload = await session.get_one(WorkloadRow, attempt.workload.id)
            workload.status, workload.ended_at, workload.removed_at = Status.SUCCEEDED.value, at, at
            (await session.get_one(AttemptRow, attempt.id)).settled_at = at
            run = await session.get_one(RunRow, attempt.flow_run_id)
            run.status, run.ended_at, run.prefect_state = Status.SUCCEEDED.value, at, "Completed"

    async def stop_wanted(self, workload_id: str) -> bool:
        return bool((await self.row(WorkloadRow, workload_id)).target == Target.STOPPED)

    async def row(self, kind: type[Any], key: str) -> Any:
        async with self.parts.database.reader() as session:
            return await session.get(kind, key)

    def on(self, database: Database, **changes: Any) -> Parts:
        """The same platform, as another replica has it."""
        return Parts(
            self.parts.config,
            self.parts.installation_id,
            database,
            self.parts.blobs,
            self.parts.logs,
            self.parts.orchestrator,
            changes.get("clock", self.parts.clock),
            self.parts.keyring,
            results=self.parts.results,
        )


def version_row(
    flow_id: str, project_id: str, user_id: str, cores: float, memory_bytes: int, kind: str
) -> FlowVersionRow:
    number = uuid.uuid4().int % 1_000_000_000
    return FlowVersionRow(
        id=new_id("fv"), flow_id=flow_id, project_id=project_id, number=number, fingerprint=f"{number:064d}",
        status="ready", code_digest="c" * 64,
        code={"kind": kind, "digest": "c" * 64, "entrypoint": "flow.py:etl", "origin": "etl.ipynb"},
        settings={
            "python": {"version": "3.11.7", "executable": "/opt/py/bin/python", "implementation": "CPython"},
            "cores": cores, "memory_bytes": memory_bytes, "grace_seconds": 5.0,
        },
        created_by=user_id, created_at=SystemClock().now(),
    )  # fmt: skip


@asynccontextmanager
async def scene(
    url: str, data_dir: Path, *, clock: Clock | None = None, runs: RunSettings | None = None
) -> AsyncIterator[Scene]:
    """A platform's database with a project in it."""
    database, clock = Database(url), clock or SystemClock()
    await migrate.upgrade(database)
    config = ServerConfig(data_dir=data_dir, runs=runs or RunSettings(scan_seconds=0.05))
    parts = Parts(
        config,
        "inst",
        database,
        MemoryBlobs(),
        MemoryLogs(),
        MemoryOrchestrator(),
        clock,
        MemoryKeyring(),
        results=MemoryBlobs(),
    )
    parts.machine.set(4.0, 8 * GIB)
    try:
        yield await _fill(parts)
    finally:
        await database.aclose()


async def _fill(parts: Parts) -> Scene:
    at = parts.clock.now()
    user, other, project = new_id("us"), new_id("us"), new_id("pr")
    flow, agent = new_id("fl"), new_id("ag")
    version = version_row(flow, project, user, 1.0, GIB, "source")
    version.number = 1
    orchestrator = parts.orchestrator
    assert isinstance(orchestrator, MemoryOrchestrator)
    deployment = orchestrator.add_deployment("nightly")
    async with parts.database.session() as session:
        session.add(InstallationRow(id="inst", created_at=at))
        session.add_all(
            UserRow(id=key, name=name, admin=name == "ana", created_at=at)
            for key, name in ((user, "ana"), (other, "bob"))
        )
        session.add(
            ProjectRow(
                id=project, name="default", orchestrator_url="http://127.0.0.1:4200/api", created_at=at
            )
        )
        await session.flush()
        session.add(MemberRow(project_id=project, user_id=user, role="owner"))
        session.add(
            FlowRow(
                id=flow,
                project_id=project,
                identity=flow.rjust(64, "0"),
                name="etl",
                owner_id=user,
                created_at=at,
                updated_at=at,
            )
        )
        session.add(AgentRow(id=agent, project_id=project, name="first", report=None, created_at=at))
        session.add(
            BundleRow(project_id=project, code_digest="c" * 64, sha256="b" * 64, size=123, created_at=at)
        )
        await session.flush()
        session.add(version)
        await session.flush()
        session.add(
            DeploymentRow(
                id=new_id("dp"),
                flow_id=flow,
                name="nightly",
                version_id=version.id,
                prefect_deployment_id=deployment,
                prefect_flow_id="pf-1",
                spec_digest="d" * 64,
                updated_at=at,
            )
        )
    return Scene(
        parts,
        Caller(TokenKind.USER, "tk-user", "ana", user, True),
        Caller(TokenKind.AGENT, "tk-agent", agent, None, False, project, agent),
        Caller(TokenKind.USER, "tk-other", "bob", other, False),
        version.id, flow, deployment,
    )  # fmt: skip


async def until(look: Any, seconds: float = 10.0) -> Any:
    """What an async `look` gives once it is true."""
    async with asyncio.timeout(seconds):
        while not (found := await look()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)  # nobody tells of what only the database shows
        return found
