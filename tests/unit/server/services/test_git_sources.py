"""Code of git repositories and of Prefect's storages, as the platform takes it and gives it to launchers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from prefect_platform.errors import RegistrationError, SecretUnavailable
from prefect_platform.server.db.tables import FlowVersionRow, WorkloadRow
from prefect_platform.server.services import bundles, git_sources, registration, secrets, versions
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.flows import RegisterAnswer, RegisterRequest
from prefect_platform.wire.secrets import SecretSet
from tests import server_calls

COMMIT = "c0ffee" + "0" * 34
GIT = {"url": "https://host.example/org/repo.git", "commit": COMMIT}


def request(git: Mapping[str, Any] | None = None, **settings: Any) -> RegisterRequest:
    code = {"kind": "git", "git": {**GIT, **(git or {})}, "entrypoint": "flows.py:etl"}
    return server_calls.registration(code=code, settings=settings)


async def put(parts: Parts, value: str) -> None:
    owner = await server_calls.owner(parts)
    await secrets.put(parts, owner, "default", "git-token", SecretSet(value=value))


async def register(parts: Parts, wanted: RegisterRequest) -> RegisterAnswer:
    return await registration.register(parts, await server_calls.owner(parts), "default", wanted)


async def told(parts: Parts, answer: RegisterAnswer) -> Any:
    async with parts.database.session() as session:
        version = await session.get(FlowVersionRow, answer.version.id)
        assert version is not None
        return await git_sources.source(
            session, parts, WorkloadRow(id="wl-1", project_id=version.project_id), version
        )


@pytest.mark.asyncio
async def test_a_commit_needs_no_upload(parts: Parts) -> None:
    answer = await register(parts, request())
    assert not answer.bundle_missing
    source = await told(parts, answer)
    assert (source.url, source.commit, source.token, source.scope) == (GIT["url"], COMMIT, None, "")
    caller = await server_calls.owner(parts)
    assert await bundles.source(parts, caller, answer.version.id) == []


@pytest.mark.asyncio
async def test_another_commit_is_told_in_words(parts: Parts) -> None:
    await register(parts, request())
    other = server_calls.registration(
        digest="e" * 64,
        code={"kind": "git", "git": {**GIT, "commit": "d" * 40}, "entrypoint": "flows.py:etl"},
    )
    assert (await register(parts, other)).changes == ["code: commit c0ffee000000 -> dddddddddddd"]


@pytest.mark.asyncio
async def test_another_secret_is_another_version(parts: Parts) -> None:
    await put(parts, "me:ghp_of_the_repository")
    first = await register(parts, request())
    second = await register(parts, request(source_secret="git-token"))
    assert second.version.id != first.version.id
    assert second.changes == ["source_secret: none -> git-token"]


@pytest.mark.asyncio
async def test_a_secret_that_is_missing_says_its_name(parts: Parts) -> None:
    """At registration, and again at the start of a run where it was deleted since."""
    with pytest.raises(RegistrationError, match="has no secret 'git-token'"):
        await register(parts, request(source_secret="git-token"))
    await put(parts, "me:ghp_of_the_repository")
    answer = await register(parts, request(source_secret="git-token"))
    await secrets.remove(parts, await server_calls.owner(parts), "default", "git-token")
    with pytest.raises(SecretUnavailable, match="prefect-platform secret set git-token"):
        await told(parts, answer)


@pytest.mark.asyncio
async def test_a_secret_without_a_repository_is_refused(parts: Parts) -> None:
    with pytest.raises(RegistrationError, match="comes from none"):
        await register(parts, server_calls.registration(settings={"source_secret": "git-token"}))


@pytest.mark.asyncio
async def test_paths_are_the_operators_choice(parts: Parts) -> None:
    local = request({"url": "/srv/git/repo.git"})
    for config in (
        replace(parts.config, local_repositories=False),
        replace(parts.config, host="0.0.0.0"),
    ):
        with pytest.raises(RegistrationError, match="LOCAL_REPOSITORIES"):
            await register(replace(parts, config=config), local)
    answer = await register(parts, local)
    assert (await told(parts, answer)).local


@pytest.mark.parametrize(
    "git",
    [
        {"url": "https://me:s3cret@host/r"},
        {"url": "ext::sh -c x"},
        {"url": "--upload-pack=x"},
        {"url": "https://host/r\n"},
        {"url": "x" * 10_000},
        {"commit": "main"},
        {"commit": "--help"},
        {"subdirectory": "../x"},
        {"subdirectory": "/etc"},
        {"subdirectory": "a\0b"},
        {"directories": ["../x"]},
        {"directories": ["a"] * 201},
        {"token": "s3cret"},
    ],
)
def test_what_a_caller_cannot_store(git: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request(git)


@pytest.mark.parametrize("kind", ["source", "files", "module", "storage"])
def test_only_git_is_in_git(kind: str) -> None:
    with pytest.raises(ValidationError, match="nowhere else"):
        server_calls.registration(code={"kind": kind, "git": GIT})
    with pytest.raises(ValidationError, match="kind `git`"):
        server_calls.registration(code={"kind": "git"})


def test_what_was_registered_before_is_the_version_that_it_was() -> None:
    """Fields that came later change no fingerprint."""
    plain = server_calls.registration()
    found = versions.fingerprint(plain.code, plain.settings)
    assert found == versions.canonical(
        [
            plain.code.digest,
            plain.code.entrypoint,
            "source",
            plain.settings.model_dump(mode="json", include=set(versions.FIRST_SETTINGS)),
        ]
    )


def test_tokens_are_masked() -> None:
    from prefect_platform.wire.launch import GitSource

    assert git_sources.to_mask(GitSource("u", COMMIT, token="s3cret")) == ["s3cret"]
    assert git_sources.to_mask(GitSource("u", COMMIT)) == []
    assert git_sources.to_mask(None) == []
    assert "s3cret" not in repr(GitSource("u", COMMIT, token="s3cret"))
