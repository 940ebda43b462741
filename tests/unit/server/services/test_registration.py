"""Registration: identity, versions, what is told, and what becomes of the half-done."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from prefect_platform.errors import Conflict, NotFound
from prefect_platform.server.services import bundles, deletions, flows, registration, versions
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.orchestrator_memory import MemoryOrchestrator
from prefect_platform.server.services.parts import Parts
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.flows import ConfirmRequest, Flow, RegisterAnswer, VersionStatus
from tests import server_calls
from tests.server_calls import registration as wanted

CODE = server_calls.zipped({"bundle.json": b"{}", "flow.py": b"print(1)\n"})


async def register(parts: Parts, caller: Caller | None = None, **fields: Any) -> RegisterAnswer:
    caller = caller or await server_calls.owner(parts)
    return await registration.register(parts, caller, "default", wanted(**fields))


async def upload(parts: Parts, digest: str = server_calls.DIGEST) -> None:
    caller = await server_calls.owner(parts)
    sha256 = server_calls.sha256(CODE)
    await bundles.put(parts, caller, "default", digest, sha256, server_calls.pieces(CODE))


async def confirm(parts: Parts, version_id: str, name: str = "nightly", prefect_id: str = "pd-1") -> Flow:
    request = ConfirmRequest(
        deployment_name=name, prefect_deployment_id=prefect_id, prefect_flow_id="pf-1", spec_digest="d" * 64
    )
    return await registration.confirm(parts, await server_calls.owner(parts), version_id, request)


@pytest.mark.asyncio
async def test_a_whole_registration(parts: Parts) -> None:
    first = await register(parts)
    assert (first.created, first.bundle_missing, first.deployment) == (True, True, None)
    assert (first.version.number, first.version.status) == (1, VersionStatus.REGISTERING)
    assert (first.changes, first.notes) == ([], [])
    with pytest.raises(Conflict, match="has not been uploaded"):
        await confirm(parts, first.version.id)
    await upload(parts)
    flow = await confirm(parts, first.version.id)
    assert [(one.name, one.version_number) for one in flow.deployments] == [("nightly", 1)]
    again = await register(parts)
    assert (again.created, again.bundle_missing) == (False, False)
    assert again.version.id == first.version.id
    assert again.version.status is VersionStatus.READY
    assert again.version.bundle_sha256 == server_calls.sha256(CODE)
    assert again.deployment is not None
    assert again.deployment.prefect_deployment_id == "pd-1"


@pytest.mark.asyncio
async def test_origin_and_python_path_do_what_they_should_to_the_version(parts: Parts) -> None:
    first = await register(parts)
    moved = await register(parts, code={"origin": "elsewhere.ipynb"})
    assert (moved.created, moved.version.number) == (False, 1)
    entered = await register(parts, code={"entrypoint": "flow.py:other"})
    assert (entered.created, entered.version.number) == (True, 2)
    assert entered.flow.id == first.flow.id
    back = await register(parts)
    assert (back.created, back.version.number, back.flow.latest_version) == (False, 1, 2)


@pytest.mark.asyncio
async def test_changes_are_told_against_what_is_deployed(parts: Parts) -> None:
    files = [
        {"path": "flow.py", "size": 1, "sha256": "1" * 64},
        {"path": "old.py", "size": 1, "sha256": "2" * 64},
    ]
    first = await register(parts, code={"files": files})
    await upload(parts)
    await confirm(parts, first.version.id)
    files = [
        {"path": "flow.py", "size": 1, "sha256": "3" * 64},
        {"path": "new.py", "size": 1, "sha256": "4" * 64},
    ]
    second = await register(
        parts,
        digest="e" * 64,
        code={"files": files, "entrypoint": "flow.py:main"},
        settings={"cores": 2, "memory_bytes": 1 << 31},
    )
    assert second.changes == [
        "code: flow.py changed; new.py added; old.py removed",
        "entrypoint: flow.py:etl -> flow.py:main",
        "cores: 1.0 -> 2.0",
        "memory_bytes: 1 GiB -> 2 GiB",
    ]
    repaired = await register(
        parts,
        digest="e" * 64,
        code={"files": files, "entrypoint": "flow.py:main"},
        settings={"cores": 2, "memory_bytes": 1 << 31},
    )
    assert (repaired.created, repaired.changes) == (False, second.changes)
    assert (await register(parts, code={"files": []})).changes == []


@pytest.mark.asyncio
async def test_code_from_elsewhere_under_the_same_name_is_pointed_out(parts: Parts) -> None:
    await register(parts)
    other = await register(parts, digest="e" * 64, code={"origin": "work/copy.ipynb"})
    assert len(other.notes) == 1
    assert "work/copy.ipynb" in other.notes[0]
    assert "version 1 came from work/etl.ipynb" in other.notes[0]


@pytest.mark.asyncio
async def test_a_renamed_flow_is_noticed_once_with_what_to_do(parts: Parts) -> None:
    first = await register(parts)
    await upload(parts)
    await confirm(parts, first.version.id)
    renamed = await register(parts, flow="etl-2")
    assert len(renamed.notes) == 1
    assert "as flow 'etl' before" in renamed.notes[0]
    assert "deployments (nightly)" in renamed.notes[0]
    assert "flow delete etl" in renamed.notes[0]
    assert (await register(parts, flow="etl-2", digest="e" * 64)).notes == []
    assert (await register(parts, flow="third", code={"entrypoint": "flow.py:third"})).notes == []


@pytest.mark.asyncio
async def test_the_same_registration_at_the_same_moment_makes_one_version(parts: Parts) -> None:
    found = await asyncio.gather(*(register(parts) for _ in range(6)))
    assert len({one.version.id for one in found}) == 1
    assert [one.created for one in found].count(True) == 1


@pytest.mark.asyncio
async def test_different_versions_at_the_same_moment_get_different_numbers(parts: Parts) -> None:
    found = await asyncio.gather(*(register(parts, digest=f"{n:064x}") for n in range(4)))
    assert sorted(one.version.number for one in found) == [1, 2, 3, 4]


@pytest.mark.asyncio
async def test_the_same_confirmation_at_the_same_moment_makes_one_deployment(parts: Parts) -> None:
    made = await register(parts)
    await upload(parts)
    for name in "abcdefgh":
        await asyncio.gather(*(confirm(parts, made.version.id, name, f"pd-{name}") for _ in range(6)))
    flow = await confirm(parts, made.version.id, "a", "pd-a")
    assert sorted(one.name for one in flow.deployments) == list("abcdefgh")


@pytest.mark.asyncio
async def test_two_versions_confirmed_at_the_same_moment_share_one_deployment(parts: Parts) -> None:
    versions = [(await register(parts, digest=f"{n:064x}")).version.id for n in range(2)]
    for n in range(2):
        await upload(parts, f"{n:064x}")
    await asyncio.gather(*(confirm(parts, one) for one in versions))
    flow = await confirm(parts, versions[0])
    assert [one.name for one in flow.deployments] == ["nightly"]


@pytest.mark.asyncio
async def test_strangers_learn_nothing(parts: Parts) -> None:
    made = await register(parts)
    eve, agent = await server_calls.user(parts, "eve"), await server_calls.agent(parts)
    for call in (
        registration.register(parts, eve, "default", wanted()),
        flows.show(parts, eve, made.flow.id),
        flows.listing(parts, eve, "default", None, None, None),
        versions.show(parts, eve, made.version.id),
        versions.listing(parts, eve, made.flow.id, None, None),
        bundles.source(parts, eve, made.version.id),
    ):
        with pytest.raises(NotFound):
            await call
    assert (await versions.show(parts, agent, made.version.id)).id == made.version.id


@pytest.mark.asyncio
async def test_a_module_needs_no_bundle(parts: Parts) -> None:
    made = await register(parts, code={"kind": "module", "entrypoint": "package.flows:etl"})
    assert not made.bundle_missing
    assert (await confirm(parts, made.version.id)).deployments
    assert await bundles.source(parts, await server_calls.owner(parts), made.version.id) == []


@pytest.mark.asyncio
async def test_listing_by_name_and_all_versions(parts: Parts) -> None:
    owner = await server_calls.owner(parts)
    for name in ("a", "b", "c"):
        made = await register(parts, flow=name, code={"origin": f"{name}.ipynb"})
    await register(parts, flow="c", digest="e" * 64, code={"origin": "c.ipynb"})
    listed = await flows.listing(parts, owner, "default", None, None, 2)
    rest = await flows.listing(parts, owner, "default", None, listed.cursor, 2)
    assert sorted(one.name for one in (*listed.items, *rest.items)) == ["a", "b", "c"]
    assert [one.name for one in (await flows.listing(parts, owner, "default", "b", None, None)).items] == [
        "b"
    ]
    numbers = [one.number for one in (await versions.listing(parts, owner, made.flow.id, None, None)).items]
    assert numbers == [2, 1]


@pytest.mark.asyncio
async def test_a_deleted_flow_is_revived_by_registering_it(parts: Parts) -> None:
    assert isinstance(parts.orchestrator, MemoryOrchestrator)
    owner, prefect_id = await server_calls.owner(parts), parts.orchestrator.add_deployment()
    made = await register(parts)
    await upload(parts)
    await confirm(parts, made.version.id, prefect_id=prefect_id)
    await deletions.delete_flow(parts, owner, made.flow.id, cancel_runs=False)
    assert parts.orchestrator.deployments == {}
    with pytest.raises(NotFound):
        await flows.show(parts, owner, made.flow.id)
    revived = await register(parts)
    assert (revived.flow.id, revived.flow.deployments) == (made.flow.id, [])


@pytest.mark.asyncio
async def test_versions_that_nothing_confirmed_are_reaped_after_a_day(parts: Parts) -> None:
    assert isinstance(parts.clock, ManualClock)
    kept = await register(parts)
    await upload(parts)
    await confirm(parts, kept.version.id)
    await register(parts, digest="e" * 64)
    await upload(parts, "e" * 64)
    await register(parts, flow="never")
    await parts.clock.advance(registration.UNCONFIRMED.total_seconds())
    assert (await registration.reap(parts), await bundles.reap(parts)) == (0, 0)
    await parts.clock.advance(1)
    assert (await registration.reap(parts), await bundles.reap(parts)) == (2, 1)
    owner = await server_calls.owner(parts)
    assert [one.name for one in (await flows.listing(parts, owner, "default", None, None, None)).items] == [
        "etl"
    ]
    again = await register(parts)
    assert (again.version.id, again.bundle_missing) == (kept.version.id, False)


def test_identity_is_of_project_name_and_orchestrator_alone() -> None:
    url = "https://prefect.example/api"
    base = registration.identity("default", "etl", url)
    assert base == registration.identity("default", "etl", url + "/")
    assert (
        len({base, registration.identity("x", "etl", url), registration.identity("default", "x", url)}) == 3
    )
    assert base != registration.identity("default", "etl", "https://other.example/api")
