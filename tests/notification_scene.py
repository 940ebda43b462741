"""A platform's database with a run in it that ends, and rules that tell of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from prefect_platform.server.config import NotificationSettings
from prefect_platform.server.db.tables import NotificationRow
from prefect_platform.server.services import (
    launches,
    notification_delivery,
    notification_rules,
    secrets,
    workloads,
)
from prefect_platform.server.services.parts import Parts
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.notifications import NotificationRule, NotificationRuleCreate
from prefect_platform.wire.runs import Attempt, ResultReport, Status
from prefect_platform.wire.secrets import SecretSet
from tests.server_calls import sha256
from tests.server_scene import Scene, scene

SCHEMES = ("json", "jsons", "mailto")
LOG = b"Traceback (most recent call last):\nValueError: no rows\n"


@dataclass
class Notifying:
    """A scene whose clock a test moves."""

    scene: Scene
    clock: ManualClock

    @property
    def parts(self) -> Parts:
        return self.scene.parts

    async def secret(self, name: str, value: str) -> None:
        await secrets.put(self.parts, self.scene.user, "default", name, SecretSet(value=value))

    async def rule(self, url: str, name: str = "team", **fields: Any) -> NotificationRule:
        await self.secret(f"{name}-address", url)
        request = NotificationRuleCreate.model_validate({"name": name, "target": f"{name}-address"} | fields)
        return await notification_rules.create(self.parts, self.scene.user, "default", request)

    async def shown(self, name: str = "team") -> NotificationRule:
        return await notification_rules.show(self.parts, self.scene.user, "default", name)

    async def run(self, flow_run_id: str | None = None) -> Attempt:
        """An attempt whose user code runs."""
        attempt = await self.scene.attempt(flow_run_id)
        async with self.parts.database.session() as session:
            row = await workloads.locked(session, attempt.workload.id)
            assert row is not None
            for status in (Status.PROVISIONING, Status.STARTING, Status.RUNNING):
                await workloads.move(session, row, status, "test", None, self.clock.now())
        return attempt

    async def log(self, attempt: Attempt, data: bytes = LOG, source: str = "flow") -> None:
        """A sealed log."""
        await self.parts.logs.append(attempt.workload.id, source, 0, data, [])
        await self.parts.logs.seal(attempt.workload.id, source, len(data), sha256(data), 0)

    async def end(
        self, attempt: Attempt, receipt: str | None = "FAILED", lines: str = LOG.decode(), **report: Any
    ) -> None:
        """The launcher's last word."""
        values = {"exit_code": 1, "signal": None, "receipt": receipt, "last_lines": lines} | report
        launcher = self.scene.launcher(attempt.workload.id)
        await launches.result(self.parts, launcher, attempt.workload.id, ResultReport.model_validate(values))

    async def failed(self, lines: str = LOG.decode()) -> Attempt:
        """A run that failed, with its log."""
        attempt = await self.run()
        await self.log(attempt, lines.encode())
        await self.end(attempt, lines=lines)
        return attempt

    async def outbox(self) -> list[NotificationRow]:
        async with self.parts.database.reader() as session:
            found = select(NotificationRow).order_by(NotificationRow.created_at, NotificationRow.id)
            return list((await session.scalars(found)).all())

    async def turns(self, parts: Parts | None = None) -> None:
        """A turn for every rule that has something due."""
        parts = parts or self.parts
        for rule_id in await notification_delivery.due(parts):
            await notification_delivery.deliver(parts, rule_id)


@asynccontextmanager
async def notifying(
    database_url: str, data_dir: Path, *, send_seconds: float = 30.0
) -> AsyncIterator[Notifying]:
    clock = ManualClock()
    async with scene(database_url, data_dir, clock=clock) as made:
        settings = NotificationSettings(SCHEMES, send_seconds)
        made.parts = replace(made.parts, config=replace(made.parts.config, notifications=settings))
        yield Notifying(made, clock)
