"""Which Prefect a project talks to, as whom, and when that may change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prefect_platform.errors import (
    Conflict,
    Forbidden,
    OrchestratorUnavailable,
    SecretUnavailable,
    UsageError,
)
from prefect_platform.server.config import OrchestratorSettings
from prefect_platform.server.db.tables import AttemptRow, FlowRow, ProjectRow
from prefect_platform.server.services import (
    deletions,
    flows,
    installation,
    orchestrators,
    project_changes,
    projects,
    registration,
    runs,
    secrets,
)
from prefect_platform.server.services.orchestrator_cache import KEPT, Access, Orchestrators
from prefect_platform.server.services.orchestrator_memory import MemoryOrchestrator
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.projects import MemberSet, Project, ProjectChange, ProjectCreate
from prefect_platform.wire.runs import CancelRequest
from prefect_platform.wire.secrets import SecretSet
from tests import server_calls
from tests.server_scene import Scene

pytestmark = pytest.mark.asyncio
THEIRS = "https://prefect.example/api"


class Made(MemoryOrchestrator):
    """A connection that remembers what it was made with, and whether it is open."""

    all: list[Made] = []

    def __init__(self, settings: OrchestratorSettings) -> None:
        super().__init__()
        self.settings, self.closed = settings, False
        Made.all.append(self)

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def made() -> list[Made]:
    Made.all = []
    return Made.all


@pytest.fixture
def parts(parts: Parts) -> Parts:
    ours = OrchestratorSettings(auth_string="the:installation's")
    return replace(
        parts, config=replace(parts.config, orchestrator=ours), orchestrators=Orchestrators(make=Made)
    )


async def project(parts: Parts, **fields: str) -> tuple[Project, str]:
    owner = await server_calls.owner(parts)
    shown = await projects.create(parts, owner, ProjectCreate(name="team", **fields))
    async with parts.database.reader() as session:
        return shown, (await projects.member(session, owner, "team")).id


async def settings(parts: Parts, project_id: str) -> OrchestratorSettings:
    async with parts.database.reader() as session:
        return await orchestrators.settings(session, parts, await session.get_one(ProjectRow, project_id))


async def keep(parts: Parts, value: str, name: str = "cloud") -> None:
    await secrets.put(parts, await server_calls.owner(parts), "team", name, SecretSet(value=value))


async def change(parts: Parts, **fields: str | None) -> Project:
    return await project_changes.change(
        parts, await server_calls.owner(parts), "team", ProjectChange(**fields)
    )


async def test_a_project_without_one_of_its_own_has_the_installations(parts: Parts, made: list[Made]) -> None:
    for fields in ({}, {"orchestrator_url": parts.config.orchestrator.url + "/"}):
        owner = await server_calls.owner(parts)
        name = f"p{len(fields)}"
        shown = await projects.create(parts, owner, ProjectCreate(name=name, **fields))
        assert (shown.orchestrator_url, shown.notes) == (parts.config.orchestrator.url, [])
        async with parts.database.reader() as session:
            project_id = (await projects.member(session, owner, name)).id
        assert await orchestrators.of(parts, project_id) is parts.orchestrator
        assert await settings(parts, project_id) == parts.config.orchestrator
    assert made == []


async def test_another_prefect_never_gets_the_installations_credentials(
    parts: Parts, made: list[Made]
) -> None:
    _, project_id = await project(parts, orchestrator_url=THEIRS)
    found = await orchestrators.of(parts, project_id)
    assert isinstance(found, Made)
    assert found.settings == OrchestratorSettings(url=THEIRS)
    assert await orchestrators.of(parts, project_id) is found
    assert len(made) == 1


@pytest.mark.parametrize(
    ("value", "auth_string", "api_key"),
    [(" pnu_key\n", None, "pnu_key"), ("ana:s:cret", "ana:s:cret", None)],
)
async def test_a_secret_is_a_key_or_a_user_with_password(
    parts: Parts, value: str, auth_string: str | None, api_key: str | None
) -> None:
    _, project_id = await project(parts, orchestrator_url=THEIRS, orchestrator_secret="cloud")
    await keep(parts, value)
    assert await settings(parts, project_id) == OrchestratorSettings(THEIRS, None, auth_string, api_key)


async def test_a_secret_replaces_the_credentials_at_the_installations_own(parts: Parts) -> None:
    _, project_id = await project(parts, orchestrator_secret="cloud")
    await keep(parts, "pnu_key")
    found = await settings(parts, project_id)
    assert (found.url, found.auth_string, found.api_key) == (
        parts.config.orchestrator.url,
        None,
        "pnu_key",
    )


async def test_a_new_version_of_the_secret_is_another_connection(parts: Parts, made: list[Made]) -> None:
    _, project_id = await project(parts, orchestrator_url=THEIRS, orchestrator_secret="cloud")
    await keep(parts, "first-key")
    first = await orchestrators.of(parts, project_id)
    await keep(parts, "second-key")
    second = await orchestrators.of(parts, project_id)
    assert first is not second
    assert [one.settings.api_key for one in made] == ["first-key", "second-key"]
    await parts.orchestrators.aclose()
    assert all(one.closed for one in made)


async def test_a_secret_that_is_not_there_is_told_with_the_next_step(parts: Parts) -> None:
    shown, project_id = await project(parts, orchestrator_url=THEIRS, orchestrator_secret="cloud")
    assert "has no secret 'cloud'" in shown.notes[0]
    assert "prefect-platform secret set cloud --project team" in shown.notes[0]
    with pytest.raises(OrchestratorUnavailable, match="secret set cloud"):
        await orchestrators.of(parts, project_id)
    with pytest.raises(SecretUnavailable, match="secret set cloud"):
        await settings(parts, project_id)
    await keep(parts, "two\nlines")
    with pytest.raises(OrchestratorUnavailable, match="no key of Prefect"):
        await orchestrators.of(parts, project_id)


@pytest.mark.parametrize(
    "url",
    [
        "https://ana:pass-word@prefect.example/api",
        "prefect.example/api",
        "ftp://prefect.example/api",
        "http:///api",
        "http://[::1/api",
        "http://host:port/api",
        "https://prefect.example/api?key=pass-word",
        "https://prefect.example/api#x",
        "https://prefect.example/\napi",
    ],
)
async def test_what_is_no_address_is_refused_and_no_password_repeated(parts: Parts, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        await project(parts, orchestrator_url=url)
    assert "pass-word" not in caught.value.message
    await project(parts)
    with pytest.raises(UsageError):
        await change(parts, orchestrator_url=url)


async def test_a_prefect_that_does_not_answer_is_taken_with_a_word(parts: Parts) -> None:
    away = replace(parts, orchestrators=Orchestrators())
    shown, _ = await project(away, orchestrator_url="http://127.0.0.1:1/api")
    assert shown.orchestrator_url == "http://127.0.0.1:1/api"
    assert "does not answer" in shown.notes[0]


async def test_it_changes_while_there_are_no_flows(parts: Parts) -> None:
    _, project_id = await project(parts)
    owner = await server_calls.owner(parts)
    assert (await change(parts, orchestrator_url=THEIRS)).orchestrator_url == THEIRS
    await registration.register(parts, owner, "team", server_calls.registration())
    with pytest.raises(
        Conflict, match=r"has flows in Prefect at https://prefect.example/api.*'[^']+'.*Delete"
    ):
        await change(parts, orchestrator_url=None)
    assert (await change(parts, orchestrator_url=THEIRS + "/")).orchestrator_url == THEIRS
    await keep(parts, "pnu_key")
    assert (await change(parts, orchestrator_secret="cloud")).orchestrator_secret == "cloud"
    shown = await projects.show(parts, owner, "team")
    assert (shown.orchestrator_url, shown.orchestrator_secret) == (THEIRS, "cloud")
    (flow,) = (await flows.listing(parts, owner, "team", None, None, None)).items
    await deletions.delete_flow(parts, owner, flow.id, cancel_runs=False)
    found = await change(parts, orchestrator_url=None, orchestrator_secret=None)
    assert (found.orchestrator_url, found.orchestrator_secret) == (parts.config.orchestrator.url, None)
    assert await orchestrators.of(parts, project_id) is parts.orchestrator


async def test_only_an_owner_changes_it(parts: Parts) -> None:
    await project(parts)
    ana = await server_calls.user(parts, "ana")
    await projects.set_member(parts, await server_calls.owner(parts), "team", MemberSet(user="ana"))
    with pytest.raises(Forbidden, match="Only an owner"):
        await project_changes.change(parts, ana, "team", ProjectChange(orchestrator_url=THEIRS))


async def test_a_start_moves_the_projects_that_follow_and_no_others(parts: Parts) -> None:
    _, project_id = await project(parts, orchestrator_url=THEIRS)
    moved = replace(parts.config, orchestrator=OrchestratorSettings("http://127.0.0.1:4999/api"))
    await installation.prepare(moved, parts.database, parts.clock)
    async with parts.database.reader() as session:
        default = await session.get_one(ProjectRow, await server_calls.project_id(parts))
        assert default.orchestrator_url == "http://127.0.0.1:4999/api"
        assert (await session.get_one(ProjectRow, project_id)).orchestrator_url == THEIRS


async def test_runs_start_and_end_in_the_projects_own_prefect(stage: Scene) -> None:
    parts = replace(stage.parts, orchestrators=Orchestrators(make=Made))
    async with parts.database.session() as session:
        row = await session.get_one(ProjectRow, str(stage.agent.project_id))
        row.orchestrator_url, row.orchestrator_own = THEIRS, True
    theirs = await orchestrators.of(parts, str(stage.agent.project_id))
    assert isinstance(theirs, Made)
    theirs.deployments = stage.orchestrator.deployments
    run = await runs.start(parts, stage.user, stage.flow_id, RunRequest(), None)
    assert set(theirs.runs) == {run.id}
    assert run.url == f"https://prefect.example/v2/runs/flow-run/{run.id}"
    theirs.set_state(run.id, "CANCELLED")
    assert (await runs.show(parts, stage.user, run.id)).status == "cancelled"
    other = await runs.start(parts, stage.user, stage.flow_id, RunRequest(), None)
    await runs.cancel(parts, stage.user, other.id, CancelRequest(reason="no longer wanted"))
    assert theirs.runs[other.id].state_type == "CANCELLED"
    assert stage.orchestrator.runs == {}


async def test_it_stays_while_a_run_is_to_be_settled_there(stage: Scene) -> None:
    attempt = await stage.attempt()
    async with stage.parts.database.session() as session:
        row = await session.get_one(ProjectRow, str(stage.agent.project_id))
        name = row.name
    async with stage.parts.database.session() as session:
        (await session.get_one(FlowRow, stage.flow_id)).deleted_at = stage.parts.clock.now()
    wanted = ProjectChange(orchestrator_url=THEIRS)
    with pytest.raises(Conflict, match="1 runs that go on or wait to be settled"):
        await project_changes.change(stage.parts, stage.user, name, wanted)
    async with stage.parts.database.session() as session:
        (await session.get_one(AttemptRow, attempt.id)).settled_at = stage.parts.clock.now()
    moved = replace(stage.parts, orchestrators=Orchestrators(make=Made))
    assert (await project_changes.change(moved, stage.user, name, wanted)).orchestrator_url == THEIRS


async def test_connections_are_bounded() -> None:
    kept = Orchestrators(make=Made)
    for number in range(KEPT + 5):
        await kept.open(Access(f"http://h{number}/api"), OrchestratorSettings())
    assert [one.closed for one in Made.all] == [True] * 5 + [False] * KEPT
