"""Environments as people and launchers see them, and how two of them differ in words."""

from __future__ import annotations

import pytest

from prefect_platform.errors import NotFound
from prefect_platform.server.config import EnvironmentSettings
from prefect_platform.server.services import environments, registration, run_environments
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire import launch
from prefect_platform.wire.environment_changes import changes
from prefect_platform.wire.environments import Distribution, EnvironmentSpec, Origin
from prefect_platform.wire.flows import RegisterAnswer
from prefect_platform.wire.secrets import SecretAttachment
from tests import server_calls

SPEC = EnvironmentSpec(
    python_version="3.11.7",
    distributions=[
        Distribution(name="numpy", version="2.4.5"),
        Distribution(name="repo", version="1", origin=Origin.VCS, url="git+https://h/r", commit="a" * 40),
    ],
    packages=["polars"],
    variables={"REGION": "eu-geheim"},
    start_script="echo hello",
    working_directory="~/work",
)


def changed(**update: object) -> EnvironmentSpec:
    return EnvironmentSpec.model_validate(SPEC.model_dump(mode="json") | update)


async def registered(parts: Parts, spec: EnvironmentSpec | None) -> RegisterAnswer:
    owner = await server_calls.owner(parts)
    asked = server_calls.registration().model_copy(update={"environment": spec})
    return await registration.register(parts, owner, "default", asked)


@pytest.mark.asyncio
async def test_one_is_shown_to_members_of_its_project_alone(parts: Parts) -> None:
    mark = (await registered(parts, SPEC)).version.settings.environment
    assert mark is not None
    owner, stranger = await server_calls.owner(parts), await server_calls.user(parts, "bob")
    shown = await environments.show(parts, owner, "default", mark)
    assert (shown.spec, shown.project, shown.created_by) == (SPEC, "default", "root")
    with pytest.raises(NotFound, match="no project 'default'"):
        await environments.show(parts, stranger, "default", mark)
    for wrong in ("0" * 64, mark[:12], "x" * 10_000, "../" + mark, "'; drop"):
        with pytest.raises(NotFound, match="There is no environment"):
            await environments.show(parts, owner, "default", wrong)


@pytest.mark.asyncio
async def test_all_are_listed_newest_first_page_by_page(parts: Parts) -> None:
    for number in range(3):
        await registered(parts, changed(variables={"N": str(number)}))
    owner = await server_calls.owner(parts)
    first = await environments.listing(parts, owner, "default", None, 2)
    rest = await environments.listing(parts, owner, "default", first.cursor, 2)
    assert [one.spec.variables["N"] for one in (*first.items, *rest.items)] == ["2", "1", "0"]
    assert rest.cursor is None


@pytest.mark.asyncio
async def test_a_registration_tells_what_of_the_environment_differs(parts: Parts) -> None:
    assert (await registered(parts, SPEC)).changes == []
    newer = [Distribution(name="numpy", version="2.4.6").model_dump(mode="json")]
    answer = await registered(parts, changed(distributions=newer, variables={"ZONE": "b", "REGION": "us"}))
    assert answer.created
    assert answer.changes == [
        "numpy 2.4.5 -> 2.4.6",
        "repo 1 (commit aaaaaaaaaaaa) removed",
        "variable REGION changed",
        "variable ZONE added",
    ]


def test_every_part_is_told_and_no_value_of_a_variable() -> None:
    secret = SecretAttachment(secret="db", variable="DB")
    after = changed(
        python_version="3.11.8", packages=["polars>=1"], variables={}, start_script=None,
        working_directory="/x", secrets=[secret.model_dump()],
        distributions=[{"name": "numpy", "version": "2.4.5", "origin": "editable"}],
    )  # fmt: skip
    told = changes(SPEC, after)
    assert told == [
        "CPython 3.11.7 -> CPython 3.11.8",
        "numpy 2.4.5 -> 2.4.5 (editable)",
        "repo 1 (commit aaaaaaaaaaaa) removed",
        "requirement polars>=1 added",
        "requirement polars removed",
        "variable REGION removed",
        "start script removed",
        "working directory changed",
        "secret db as DB attached",
    ]
    assert "geheim" not in " ".join(changes(after, SPEC))
    assert changes(SPEC, SPEC) == changes(None, None) == []
    assert changes(None, SPEC) == ["environment: captured now"]


def test_of_very_many_packages_the_first_are_named() -> None:
    many = [Distribution(name=f"p{n:03}", version="1").model_dump(mode="json") for n in range(300)]
    told = changes(changed(distributions=[]), changed(distributions=many))
    assert (told[0], told[-1], len(told)) == ("p000 1 added", "280 more packages differ", 21)


def test_what_a_launcher_is_told_survives_the_wire() -> None:
    wanted = run_environments.wanted(SPEC, "f" * 64, strict=True)
    assert launch.decode(launch.WantedEnvironment, launch.encode(wanted)) == wanted
    assert [(one.name, one.origin, one.commit) for one in wanted.distributions][1] == (
        "repo",
        "vcs",
        "a" * 40,
    )
    assert "echo hello" not in repr(wanted)


def test_how_environments_are_built_here() -> None:
    settings = EnvironmentSettings(uv="/opt/uv", cache_bytes=5, keep_days=2)
    assert run_environments.builder(settings) == launch.Builder("/opt/uv", 5, 172_800.0)
    found = run_environments.builder(EnvironmentSettings())
    assert found is not None
    assert found.uv.endswith("uv"), "the one that was installed with the platform"
