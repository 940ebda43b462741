"""Projects: who is no member is told that there is none."""

from __future__ import annotations

import pytest

from prefect_platform.errors import Conflict, Forbidden, NotFound
from prefect_platform.server.services import projects
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.projects import MemberSet, ProjectCreate, Role
from prefect_platform.wire.tokens import TokenKind
from tests import server_calls


@pytest.mark.asyncio
async def test_membership_decides_and_absence_is_not_told_from_ignorance(parts: Parts) -> None:
    owner, stranger = await server_calls.owner(parts), await server_calls.user(parts, "eve")
    assert (await projects.show(parts, owner, "default")).role is Role.OWNER
    with pytest.raises(NotFound) as secret:
        await projects.show(parts, stranger, "default")
    with pytest.raises(NotFound) as absent:
        await projects.show(parts, stranger, "nothing")
    assert secret.value.message.replace("default", "nothing") == absent.value.message
    assert (await projects.listing(parts, stranger, None, None)).items == []


@pytest.mark.asyncio
async def test_what_is_no_person_reaches_its_one_project(parts: Parts) -> None:
    owner, agent = await server_calls.owner(parts), await server_calls.agent(parts)
    await projects.create(parts, owner, ProjectCreate(name="other"))
    assert (await projects.show(parts, agent, "default")).role is Role.MEMBER
    with pytest.raises(NotFound):
        await projects.show(parts, agent, "other")
    lost = Caller(TokenKind.WORKLOAD, "tk", "wl-1", subject_id="wl-1")
    with pytest.raises(NotFound):
        await projects.show(parts, lost, "default")


@pytest.mark.asyncio
async def test_owners_set_members_and_one_owner_stays(parts: Parts) -> None:
    owner, ana = await server_calls.owner(parts), await server_calls.user(parts, "ana")
    await projects.set_member(parts, owner, "default", MemberSet(user="ana"))
    with pytest.raises(Forbidden, match="Only an owner"):
        await projects.set_member(parts, ana, "default", MemberSet(user="ana", role=Role.OWNER))
    with pytest.raises(Conflict, match="without an owner"):
        await projects.set_member(parts, owner, "default", MemberSet(user=owner.name))
    await projects.set_member(parts, owner, "default", MemberSet(user="ana", role=Role.OWNER))
    told = await projects.set_member(parts, owner, "default", MemberSet(user=owner.name))
    assert told.role is Role.MEMBER
    with pytest.raises(NotFound, match="'zoe'"):
        await projects.set_member(parts, ana, "default", MemberSet(user="zoe"))


@pytest.mark.asyncio
async def test_making_projects(parts: Parts) -> None:
    owner = await server_calls.owner(parts)
    made = await projects.create(parts, owner, ProjectCreate(name="team"))
    assert made.work_pool == f"platform-{parts.installation_id}"
    with pytest.raises(Conflict, match="'team' exists already"):
        await projects.create(parts, owner, ProjectCreate(name="team"))


def test_a_loopback_orchestrator_keeps_its_identity_when_its_port_moves() -> None:
    key = projects.orchestrator_key
    assert key("http://127.0.0.1:4200/api") == key("http://localhost:4207/api/") == key("http://[::1]:1/api")
    assert key("https://Prefect.example/api") != key("https://prefect.example:8443/api")
    assert key("https://Prefect.example/api") == key("https://prefect.example/api/")
    assert key("https://api.prefect.cloud/api/accounts/a/workspaces/b") != key(
        "https://api.prefect.cloud/api/accounts/a/workspaces/c"
    )
