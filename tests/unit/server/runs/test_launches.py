"""What a launcher is told, once, and what becomes of the tokens."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from prefect_platform.errors import AlreadyClaimed, Conflict, NotFound, UsageError
from prefect_platform.server.config import OrchestratorSettings
from prefect_platform.server.db.tables import FlowVersionRow, ProjectRow, TokenRow, WorkloadRow
from prefect_platform.server.services import (
    attempts,
    environments,
    launch_specs,
    launches,
    tokens,
    workload_tokens,
    workloads,
)
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire import launch
from prefect_platform.wire.environments import EnvironmentSpec
from prefect_platform.wire.runs import Attempt, CancelRequest, ResultReport, Status, StepReport
from prefect_platform.wire.tokens import TokenKind
from tests.server_scene import Scene

pytestmark = pytest.mark.asyncio


async def placed(stage: Scene, **fields: object) -> tuple[Attempt, Caller]:
    """An attempt that has room, and its launcher's identity."""
    attempt = await stage.attempt(**fields)
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, attempt.workload.id)
        assert row is not None
        await workloads.move(session, row, Status.PROVISIONING, "test", None, stage.parts.clock.now())
        secret = await workload_tokens.issue(session, stage.parts, row, TokenKind.WORKLOAD)
    caller = await tokens.resolve(stage.parts, secret)
    assert caller is not None
    return attempt, caller


async def live_tokens(stage: Scene, workload_id: str) -> list[str]:
    async with stage.parts.database.reader() as session:
        found = await session.scalars(
            select(TokenRow.kind).where(TokenRow.subject_id == workload_id, TokenRow.revoked_at.is_(None))
        )
        return sorted(found)


async def test_a_claim_gives_everything_and_moves_the_workload(stage: Scene) -> None:
    attempt, launcher = await placed(stage)
    data = await launches.claim(stage.parts, launcher, attempt.workload.id, "l-1")
    spec = launch.decode(launch.LaunchSpec, data)
    assert (spec.workload_id, spec.attempt_id) == (attempt.workload.id, attempt.id)
    assert (spec.interpreter, spec.python_version) == ("/opt/py/bin/python", "3.11.7")
    assert spec.flow_run.id == attempt.flow_run_id
    assert spec.flow_run.entrypoint == "flow.py:etl"
    assert spec.bundle == launch.Bundle(f"/api/v1/flow-versions/{stage.version_id}/bundle", "b" * 64, 123)
    assert spec.grace_seconds == 5.0
    assert spec.log.cap_bytes == stage.parts.config.limits.log_cap_bytes
    assert (await launches.show(stage.parts, launcher, attempt.workload.id)).status is Status.STARTING
    code = await tokens.resolve(stage.parts, spec.environment["PREFECT_PLATFORM_TOKEN"])
    assert code is not None
    assert (code.kind, code.subject_id, code.project_id) == (
        TokenKind.USER_CODE, attempt.workload.id, stage.agent.project_id,
    )  # fmt: skip
    assert spec.environment["PREFECT_PLATFORM_TOKEN"] in spec.secrets
    assert spec.environment["PREFECT_PLATFORM_URL"] == stage.parts.config.public_url


async def test_the_same_launcher_may_claim_again_and_another_may_not(stage: Scene) -> None:
    attempt, launcher = await placed(stage)
    first = await launches.claim(stage.parts, launcher, attempt.workload.id, "l-1")
    again = await launches.claim(stage.parts, launcher, attempt.workload.id, "l-1")
    assert first["environment"]["PREFECT_PLATFORM_TOKEN"] != again["environment"]["PREFECT_PLATFORM_TOKEN"]
    assert await live_tokens(stage, attempt.workload.id) == ["user-code", "workload"]
    with pytest.raises(AlreadyClaimed, match="l-1"):
        await launches.claim(stage.parts, launcher, attempt.workload.id, "l-2")


async def test_a_claim_ends_every_other_launcher_token(stage: Scene) -> None:
    attempt, launcher = await placed(stage)
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, attempt.workload.id)
        assert row is not None
        other = await workload_tokens.issue(session, stage.parts, row, TokenKind.WORKLOAD)
    await launches.claim(stage.parts, launcher, attempt.workload.id, "l-1")
    assert await tokens.resolve(stage.parts, other) is None
    assert await live_tokens(stage, attempt.workload.id) == ["user-code", "workload"]


async def test_a_launcher_reaches_its_own_workload_alone(stage: Scene) -> None:
    attempt, _ = await placed(stage)
    _, stranger = await placed(stage)
    with pytest.raises(NotFound):
        await launches.claim(stage.parts, stranger, attempt.workload.id, "l-1")
    with pytest.raises(NotFound):
        await launches.show(stage.parts, stranger, attempt.workload.id)


async def test_what_was_cancelled_or_has_ended_is_not_launched(stage: Scene) -> None:
    attempt, launcher = await placed(stage)
    await attempts.cancel(stage.parts, stage.agent, attempt.id, CancelRequest())
    with pytest.raises(Conflict, match="cancelled before it started"):
        await launches.claim(stage.parts, launcher, attempt.workload.id, "l-1")
    attempt, launcher = await placed(stage)
    report = ResultReport(exit_code=None, signal=None)
    with pytest.raises(Conflict, match="not claimed"):
        await launches.result(stage.parts, launcher, attempt.workload.id, report)
    await launches.claim(stage.parts, launcher, attempt.workload.id, "l-1")
    await launches.result(stage.parts, launcher, attempt.workload.id, report)
    with pytest.raises(Conflict, match="has ended"):
        await launches.claim(stage.parts, launcher, attempt.workload.id, "l-1")


async def test_a_module_has_no_bundle(stage: Scene) -> None:
    version = await stage.version(kind="module")
    attempt, launcher = await placed(stage, flow_version_id=version)
    data = await launches.claim(stage.parts, launcher, attempt.workload.id, "l-1")
    assert data["bundle"] is None


async def test_the_end_revokes_the_codes_token_and_keeps_the_launchers_for_a_repeat(stage: Scene) -> None:
    attempt, launcher = await placed(stage)
    await launches.claim(stage.parts, launcher, attempt.workload.id, "l-1")
    report = ResultReport(exit_code=0, signal=None, receipt="COMPLETED")
    first = await launches.result(stage.parts, launcher, attempt.workload.id, report)
    again = await launches.result(stage.parts, launcher, attempt.workload.id, report)
    assert first == again
    assert first.status is Status.SUCCEEDED
    assert await live_tokens(stage, attempt.workload.id) == ["workload"]


async def test_steps_are_bounded_and_some_are_the_platforms_own(stage: Scene) -> None:
    attempt, launcher = await placed(stage)
    at = stage.parts.clock.now()
    with pytest.raises(UsageError, match="the platform's own"):
        await launches.step(
            stage.parts, launcher, attempt.workload.id, StepReport(name=workloads.GONE, at=at)
        )
    async with stage.parts.database.session() as session:
        row = await session.get(WorkloadRow, attempt.workload.id)
        assert row is not None
        for n in range(launches.MAX_STEPS):
            workloads.note(row, f"step {n}", at)
    with pytest.raises(UsageError, match="no more are kept"):
        await launches.step(stage.parts, launcher, attempt.workload.id, StepReport(name="one more", at=at))


async def test_signs_of_life_are_written_now_and_then(stage: Scene) -> None:
    attempt, _ = await placed(stage)
    assert not await stage.stop_wanted(attempt.workload.id)
    await workloads.seen(stage.parts, attempt.workload.id)
    first = (await stage.row(WorkloadRow, attempt.workload.id)).last_seen_at
    await workloads.seen(stage.parts, attempt.workload.id)
    assert (await stage.row(WorkloadRow, attempt.workload.id)).last_seen_at == first is not None
    await attempts.cancel(stage.parts, stage.agent, attempt.id, CancelRequest())
    assert await stage.stop_wanted(attempt.workload.id)


async def test_a_claim_tells_the_environment_of_the_version(stage: Scene) -> None:
    asked = EnvironmentSpec(
        python_version="3.11.7", variables={"REGION": "eu"}, packages=["x"],
        start_script="true", working_directory="/w",
    )  # fmt: skip
    async with stage.parts.database.session() as session:
        version = await session.get(FlowVersionRow, stage.version_id)
        assert version is not None
        project = await session.get(ProjectRow, version.project_id)
        assert project is not None
        mark = await environments.ensure(session, stage.parts, stage.user, project, asked)
        version.settings = {**version.settings, "environment": mark, "strict": True}
    attempt, launcher = await placed(stage)
    spec = launch.decode(
        launch.LaunchSpec, await launches.claim(stage.parts, launcher, attempt.workload.id, "l-1")
    )
    assert spec.environment["REGION"] == "eu"
    assert spec.wanted is not None
    assert (spec.wanted.fingerprint, spec.wanted.strict, spec.wanted.packages) == (mark, True, ["x"])
    assert (spec.wanted.start_script, spec.wanted.working_directory) == ("true", "/w")
    assert spec.builder is not None


async def test_the_environment_of_a_run(stage: Scene) -> None:
    config = replace(
        stage.parts.config,
        data_dir=Path("/data"),
        orchestrator=OrchestratorSettings("http://prefect:4200/api", auth_string="admin:secret"),
    )
    found = launch_specs.environment(config, config.orchestrator, "in-1", "default", "pp_code_x")
    assert found["PREFECT_API_URL"] == "http://prefect:4200/api"
    assert found["PREFECT_UI_URL"] == "http://prefect:4200/v2", "the engine prints the run's page below it"
    assert found["PREFECT_API_AUTH_STRING"] == "admin:secret"
    assert found["PREFECT_HOME"] == "/data/prefect-runs"
    assert "PYTHONUNBUFFERED" not in found, "a stream without a buffer loses the rest of a partial write"
    assert found["PREFECT_DEFAULT_RESULT_STORAGE_BLOCK"] == "platform-results/default-in-1"
    assert found["PREFECT_RESULTS_LOCAL_STORAGE_PATH"] == "/data/results/default"
    encoded = base64.b64encode(b"admin:secret").decode()
    assert launch_specs.authorization(config.orchestrator) == f"Basic {encoded}"
    assert set(launch_specs.credentials(config.orchestrator)) == {
        "admin:secret",
        encoded,
        "secret",
    }
    cloud = OrchestratorSettings(api_key="pnu_key")
    assert launch_specs.authorization(cloud) == "Bearer pnu_key"
    assert launch_specs.credentials(cloud) == ["pnu_key"]
    assert launch_specs.authorization(OrchestratorSettings()) is None
