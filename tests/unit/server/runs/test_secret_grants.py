"""Secrets at the claim: given to this attempt, written into the ledger, or the reason of a crash."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from prefect_platform.errors import Conflict, SecretUnavailable
from prefect_platform.server.db.tables import (
    FlowVersionRow,
    SecretUseRow,
    SecretVersionRow,
    WorkloadRow,
)
from prefect_platform.server.services import (
    environments,
    launches,
    runs,
    secret_grants,
    secret_values,
    secrets,
    work,
)
from prefect_platform.server.services.callers import Caller
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire import launch
from prefect_platform.wire.environments import EnvironmentSpec
from prefect_platform.wire.launch import AttachedSecret, SecretFile
from prefect_platform.wire.runs import Attempt, Status
from prefect_platform.wire.secrets import SecretAttachment, SecretSet
from tests.server_scene import Scene
from tests.unit.server.runs.test_launches import placed

pytestmark = pytest.mark.asyncio
AS_VARIABLE = SecretAttachment(secret="aws-key", variable="AWS_KEY")
AS_FILE = SecretAttachment(secret="ssh-key", path="~/.ssh/id", mode=0o400)


async def put(stage: Scene, name: str, value: str) -> None:
    await secrets.put(stage.parts, stage.user, "default", name, SecretSet(value=value))


async def attach(stage: Scene, *attachments: SecretAttachment) -> None:
    """Make these the secrets of the scene's version."""
    spec = EnvironmentSpec(python_version="3.11.7", secrets=list(attachments))
    async with stage.parts.database.session() as session:
        row = await session.get(FlowVersionRow, stage.version_id)
        assert row is not None
        project: Any = await secrets.projects.member(session, stage.user, "default")
        mark = await environments.ensure(session, stage.parts, stage.user, project, spec)
        row.settings = {**row.settings, "environment": mark}


async def claimed(stage: Scene) -> tuple[Attempt, Caller, launch.LaunchSpec]:
    attempt, launcher = await placed(stage, started_by="ana")
    data = await launches.claim(stage.parts, launcher, attempt.workload.id, "l-1")
    return attempt, launcher, launch.decode(launch.LaunchSpec, data)


async def ledger(stage: Scene, name: str) -> list[Any]:
    return list((await secrets.uses(stage.parts, stage.user, "default", name, None, None)).items)


async def test_a_claim_gives_the_newest_versions_and_notes_them(stage: Scene) -> None:
    await put(stage, "aws-key", "an older value")
    await put(stage, "aws-key", "a fresh value")
    await put(stage, "ssh-key", "-----BEGIN-----\nkey\n")
    await attach(stage, AS_VARIABLE, AS_FILE)
    attempt, launcher, spec = await claimed(stage)
    assert spec.environment["AWS_KEY"] == "a fresh value"
    assert spec.secret_files == [SecretFile("ssh-key", "~/.ssh/id", 0o400, "-----BEGIN-----\nkey\n")]
    assert {"a fresh value", "-----BEGIN-----\nkey\n", "-----BEGIN-----\nkey"} <= set(spec.secrets)
    assert spec.attached_secrets == [
        AttachedSecret("aws-key", 2, "AWS_KEY", None),
        AttachedSecret("ssh-key", 1, None, "~/.ssh/id"),
    ]
    assert "fresh" not in repr(spec)
    assert "BEGIN" not in repr(spec)
    (use,) = await ledger(stage, "aws-key")
    assert (use.version, use.run_id, use.attempt_id) == (2, attempt.flow_run_id, attempt.id)
    assert (use.flow_version_id, use.user) == (stage.version_id, "ana")
    await launches.claim(stage.parts, launcher, attempt.workload.id, "l-1")
    assert await ledger(stage, "aws-key") == [use], "a claim that is repeated notes nothing twice"


async def test_one_secret_in_two_places_is_one_use(stage: Scene) -> None:
    await put(stage, "aws-key", "the value")
    await attach(stage, AS_VARIABLE, SecretAttachment(secret="aws-key", path="~/key"))
    _, _, spec = await claimed(stage)
    assert (spec.environment["AWS_KEY"], spec.secret_files[0].value) == ("the value", "the value")
    assert len(await ledger(stage, "aws-key")) == 1


async def test_a_short_value_is_given_and_not_masked(stage: Scene) -> None:
    await put(stage, "aws-key", "12345")
    await attach(stage, AS_VARIABLE)
    _, _, spec = await claimed(stage)
    assert spec.environment["AWS_KEY"] == "12345"
    assert "12345" not in spec.secrets


async def test_a_deleted_secret_ends_the_attempt_with_its_name(stage: Scene) -> None:
    await put(stage, "aws-key", "the value")
    await put(stage, "ssh-key", "the other value")
    await attach(stage, AS_VARIABLE, AS_FILE)
    await secrets.remove(stage.parts, stage.user, "default", "aws-key")
    attempt, launcher = await placed(stage)
    for told in ("Secret 'aws-key' of project 'default' was deleted", "has ended"):
        with pytest.raises(Conflict, match=told):
            await launches.claim(stage.parts, launcher, attempt.workload.id, "l-1")
    run = await runs.show(stage.parts, stage.user, attempt.flow_run_id)
    assert run.status is Status.CRASHED
    assert run.reason is not None
    assert "'aws-key'" in run.reason
    assert "secret set aws-key" in run.reason
    assert await ledger(stage, "ssh-key") == [], "nothing was given"
    found = await work.work(stage.parts, stage.agent, None, 0)
    assert [one.id for one in found.unsettled] == [attempt.id], "Prefect is told by an agent"


async def test_all_deleted_secrets_are_named(stage: Scene) -> None:
    await put(stage, "aws-key", "the value")
    await put(stage, "ssh-key", "the other value")
    await attach(stage, AS_VARIABLE, AS_FILE)
    for name in ("aws-key", "ssh-key"):
        await secrets.remove(stage.parts, stage.user, "default", name)
    with pytest.raises(SecretUnavailable, match="'aws-key', 'ssh-key'"):
        await claimed(stage)


async def test_a_value_that_was_altered_ends_the_attempt_in_words(stage: Scene) -> None:
    await put(stage, "aws-key", "the value")
    await attach(stage, AS_VARIABLE)
    async with stage.parts.database.session() as session:
        await session.execute(update(SecretVersionRow).values(ciphertext="AAAA"))
    with pytest.raises(SecretUnavailable, match="Version 1 of secret 'aws-key' cannot be read"):
        await claimed(stage)


async def test_more_than_a_process_can_be_given_is_refused(stage: Scene) -> None:
    names = [f"big-{n}" for n in range(17)]
    for name in names:
        await put(stage, name, "x" * (64 << 10))
    await attach(
        stage, *(SecretAttachment(secret=name, variable=name.upper().replace("-", "_")) for name in names)
    )
    with pytest.raises(SecretUnavailable, match=f"at most {secret_grants.MAX_GIVEN_BYTES}"):
        await claimed(stage)
    async with stage.parts.database.reader() as session:
        assert (await session.scalars(select(SecretUseRow))).all() == []


async def test_what_a_workload_was_given_can_be_read_again_for_its_log(stage: Scene) -> None:
    """A platform that was restarted, or another replica, masks with the versions that were handed over."""
    await put(stage, "aws-key", "the value given")
    await put(stage, "ssh-key", "another value")
    await attach(stage, AS_VARIABLE, AS_FILE)
    attempt, _, _ = await claimed(stage)
    await put(stage, "aws-key", "a newer one")
    found = await secret_grants.given(stage.parts, attempt.workload.id)
    assert sorted(found) == ["another value", "the value given"]
    await secrets.remove(stage.parts, stage.user, "default", "ssh-key")
    assert await secret_grants.given(stage.parts, attempt.workload.id) == ["the value given"]
    assert await secret_grants.given(stage.parts, "wl-none") == []


async def test_the_secret_of_a_repository_is_given_alone_and_noted(stage: Scene) -> None:
    await put(stage, "git-token", "me:ghp_of_the_repository")
    attempt, _ = await placed(stage, started_by="ana")
    async with stage.parts.database.session() as session:
        row = await session.get_one(WorkloadRow, attempt.workload.id)
        value = await secret_grants.give_one(session, stage.parts, row, "git-token")
    assert value == "me:ghp_of_the_repository"
    assert [use.attempt_id for use in await ledger(stage, "git-token")] == [attempt.id]
    await secrets.remove(stage.parts, stage.user, "default", "git-token")
    async with stage.parts.database.session() as session:
        with pytest.raises(SecretUnavailable, match="git-token"):
            await secret_grants.give_one(session, stage.parts, row, "git-token")


async def kept(stage: Scene) -> list[int]:
    async with stage.parts.database.reader() as session:
        return sorted(await session.scalars(select(SecretVersionRow.number)))


async def removed(stage: Scene, workload_id: str) -> None:
    """The end of a workload: its log is sealed, its directory gone."""
    async with stage.parts.database.session() as session:
        await session.execute(
            update(WorkloadRow)
            .where(WorkloadRow.id == workload_id)
            .values(removed_at=stage.parts.clock.now())
        )


async def test_replaced_values_are_deleted_once_no_log_needs_them(stage: Scene) -> None:
    clock = ManualClock()
    stage.parts = replace(stage.parts, clock=clock)
    await attach_key(stage)
    await put(stage, "aws-key", "the second value")
    attempt, _, spec = await claimed(stage)
    assert spec.environment["AWS_KEY"] == "the second value"
    await put(stage, "aws-key", "the third value")
    assert await secret_values.reap(stage.parts) == 0, "a claim under way may have one of them in hand"
    await clock.advance(secret_values.REPLACED.total_seconds() + 1)
    assert await secret_values.reap(stage.parts) == 1
    assert await kept(stage) == [2, 3]
    assert await secret_grants.given(stage.parts, attempt.workload.id) == ["the second value"]
    await removed(stage, attempt.workload.id)
    assert await secret_values.reap(stage.parts) == 1
    assert await kept(stage) == [3]
    assert await secret_values.reap(stage.parts) == 0
    assert [use.version for use in await ledger(stage, "aws-key")] == [2]
    assert (await claimed(stage))[2].environment["AWS_KEY"] == "the third value"


async def test_another_secret_is_no_reason_to_delete_or_to_keep(stage: Scene) -> None:
    clock = ManualClock()
    stage.parts = replace(stage.parts, clock=clock)
    await attach_key(stage)
    for n in range(3):
        await put(stage, "other-key", f"value number {n}")
    await claimed(stage)
    await clock.advance(secret_values.REPLACED.total_seconds() + 1)
    assert await secret_values.reap(stage.parts) == 2
    assert await kept(stage) == [1, 3]


async def attach_key(stage: Scene) -> None:
    await put(stage, "aws-key", "the first value")
    await attach(stage, AS_VARIABLE)
