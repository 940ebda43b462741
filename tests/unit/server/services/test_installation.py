"""The first start makes an installation; later ones find it, and hand out a token that works."""

from __future__ import annotations

import asyncio
import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from prefect_platform.server.config import OrchestratorSettings, ServerConfig
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import InstallationRow, ProjectRow, TokenRow
from prefect_platform.server.services import installation, tokens
from prefect_platform.server.services.clock import SystemClock
from prefect_platform.server.services.orchestrator_memory import MemoryOrchestrator
from prefect_platform.server.services.parts import Parts
from tests import server_calls


def bootstrap(config: ServerConfig) -> dict[str, str]:
    found: dict[str, str] = json.loads((config.data_dir / "bootstrap.json").read_text())
    return found


@pytest.mark.asyncio
async def test_the_first_token_is_handed_over_in_a_private_file(parts: Parts) -> None:
    path = parts.config.data_dir / "bootstrap.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = bootstrap(parts.config)
    assert (told["url"], told["project"]) == (parts.config.public_url, "default")
    caller = await tokens.resolve(parts, told["token"])
    assert caller is not None
    assert (caller.admin, caller.name) == (True, told["user"])


@pytest.mark.asyncio
async def test_a_later_start_changes_nothing(parts: Parts) -> None:
    before = bootstrap(parts.config)
    again = await installation.prepare(parts.config, parts.database, parts.clock)
    assert (again, bootstrap(parts.config)) == (parts.installation_id, before)
    async with parts.database.reader() as session:
        assert await session.scalar(select(func.count(TokenRow.id))) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("damage", ["lost", "cut", "revoked"])
async def test_a_token_that_opens_nothing_is_replaced(parts: Parts, damage: str) -> None:
    path, before = parts.config.data_dir / "bootstrap.json", bootstrap(parts.config)
    if damage == "lost":
        path.unlink()
    elif damage == "cut":
        path.write_text('{"url": "http')
    else:
        caller = await tokens.resolve(parts, before["token"])
        assert caller is not None
        await tokens.revoke(parts, caller, caller.token_id)
    await installation.prepare(parts.config, parts.database, parts.clock)
    after = bootstrap(parts.config)
    assert after["token"] != before["token"]
    assert await tokens.resolve(parts, after["token"]) is not None


@pytest.mark.asyncio
async def test_projects_follow_the_orchestrator_of_the_settings(parts: Parts) -> None:
    moved = replace(
        parts.config, port=4999, orchestrator=OrchestratorSettings(url="http://127.0.0.1:4201/api")
    )
    await installation.prepare(moved, parts.database, parts.clock)
    assert bootstrap(moved)["url"] == "http://127.0.0.1:4999"
    async with parts.database.reader() as session:
        assert await session.scalar(select(ProjectRow.orchestrator_url)) == "http://127.0.0.1:4201/api"


@pytest.mark.asyncio
async def test_two_first_starts_at_once_make_one_installation(database_url: str, tmp_path: Path) -> None:
    databases = [Database(database_url), Database(database_url)]
    config = ServerConfig(data_dir=tmp_path)
    found = await asyncio.gather(*(installation.prepare(config, one, SystemClock()) for one in databases))
    assert found[0] == found[1]
    async with databases[0].reader() as session:
        assert await session.scalar(select(func.count(InstallationRow.id))) == 1
    for one in databases:
        await one.aclose()


@pytest.mark.asyncio
async def test_ready_without_prefect_and_says_so(parts: Parts) -> None:
    assert isinstance(parts.orchestrator, MemoryOrchestrator)
    assert (await server_calls.owner(parts)).admin
    parts.orchestrator.down = True
    told = await installation.readiness(parts)
    assert told.ready
    assert [(check.name, check.ok) for check in told.checks] == [("database", True), ("prefect", False)]
