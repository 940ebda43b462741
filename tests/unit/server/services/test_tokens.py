"""Tokens: hashed at rest, known until they end, manageable by who owns them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from prefect_platform.errors import Forbidden, NotFound, UsageError
from prefect_platform.server.db.tables import TokenRow
from prefect_platform.server.services import tokens, users, workload_tokens
from prefect_platform.server.services.parts import Parts
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.tokens import TokenCreate, TokenKind
from prefect_platform.wire.users import UserCreate
from tests import server_calls


async def issue(parts: Parts, kind: TokenKind, **fields: object) -> str:
    async with parts.database.session() as session:
        _, secret = await tokens.issue(session, parts, kind=kind, label="x", **fields)  # type: ignore[arg-type]
    return secret


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "prefix"),
    [
        (TokenKind.USER, "pp_user_"),
        (TokenKind.AGENT, "pp_agent_"),
        (TokenKind.WORKLOAD, "pp_workload_"),
        (TokenKind.USER_CODE, "pp_code_"),
    ],
)
async def test_a_token_is_known_by_its_secret_which_is_nowhere(
    parts: Parts, kind: TokenKind, prefix: str
) -> None:
    owner = await server_calls.owner(parts)
    place = {"user_id": owner.user_id} if kind is TokenKind.USER else {"subject_id": "wl-7"}
    secret = await issue(parts, kind, **place)
    caller = await tokens.resolve(parts, secret)
    assert caller is not None
    assert (caller.kind, caller.name) == (kind, owner.name if kind is TokenKind.USER else "wl-7")
    assert secret.startswith(prefix)
    assert len(secret) == len(prefix) + 43
    async with parts.database.reader() as session:
        for row in await session.scalars(select(TokenRow)):
            assert secret not in str(vars(row))
    assert await tokens.resolve(parts, secret[:-1] + ("A" if secret[-1] != "A" else "B")) is None


@pytest.mark.asyncio
async def test_an_expired_token_ends_even_in_the_cache(parts: Parts) -> None:
    assert isinstance(parts.clock, ManualClock)
    secret = await issue(parts, TokenKind.AGENT, expires_at=parts.clock.now() + timedelta(seconds=2))
    assert await tokens.resolve(parts, secret) is not None
    await parts.clock.advance(2)
    assert await tokens.resolve(parts, secret) is None


@pytest.mark.asyncio
async def test_a_revoked_subject_is_unknown_after_the_cache_ran_out(parts: Parts) -> None:
    assert isinstance(parts.clock, ManualClock)
    secret = await issue(parts, TokenKind.WORKLOAD, subject_id="wl-1")
    assert await tokens.resolve(parts, secret) is not None
    async with parts.database.session() as session:
        await workload_tokens.revoke(session, "wl-1", TokenKind.WORKLOAD, parts.clock.now())
    await parts.clock.advance(tokens.CACHE_SECONDS)
    assert await tokens.resolve(parts, secret) is None


@pytest.mark.asyncio
async def test_a_user_revokes_at_once_and_only_what_is_theirs(parts: Parts) -> None:
    owner, other = await server_calls.owner(parts), await server_calls.user(parts, "ana", "member")
    made = await tokens.create(parts, owner, TokenCreate(label="ci", days=3))
    assert made.expires_at == parts.clock.now() + timedelta(days=3)
    assert await tokens.resolve(parts, made.secret) is not None
    with pytest.raises(NotFound):
        await tokens.revoke(parts, other, made.id)
    await tokens.revoke(parts, owner, made.id)
    await tokens.revoke(parts, owner, made.id)
    assert await tokens.resolve(parts, made.secret) is None
    assert made.id not in {one.id for one in (await tokens.listing(parts, other, None, None)).items}


@pytest.mark.asyncio
async def test_owners_of_a_project_see_and_revoke_its_agents_tokens(parts: Parts) -> None:
    owner, member = await server_calls.owner(parts), await server_calls.user(parts, "ana", "member")
    secret = await issue(
        parts, TokenKind.AGENT, subject_id="ag-1", project_id=await server_calls.project_id(parts)
    )
    caller = await tokens.resolve(parts, secret)
    assert caller is not None
    listed = (await tokens.listing(parts, owner, None, None)).items
    assert (caller.token_id, "default") in {(one.id, one.project) for one in listed}
    with pytest.raises(NotFound):
        await tokens.revoke(parts, member, caller.token_id)
    await tokens.revoke(parts, owner, caller.token_id)
    assert await tokens.resolve(parts, secret) is None


@pytest.mark.asyncio
async def test_a_token_for_one_project_cannot_grow(parts: Parts) -> None:
    owner = await server_calls.owner(parts)
    made = await tokens.create(parts, owner, TokenCreate(label="ci", project="default"))
    limited = await tokens.resolve(parts, made.secret)
    assert limited is not None
    assert (limited.admin, limited.project_id) == (False, await server_calls.project_id(parts))
    with pytest.raises(Forbidden, match="limited to one project"):
        await tokens.create(parts, limited, TokenCreate(label="more"))
    assert [one.id for one in (await tokens.listing(parts, limited, None, None)).items] == [made.id]


@pytest.mark.asyncio
async def test_what_is_not_made_here_is_refused(parts: Parts) -> None:
    owner = await server_calls.owner(parts)
    with pytest.raises(UsageError, match="agent create"):
        await tokens.create(parts, owner, TokenCreate(label="x", kind=TokenKind.AGENT))
    with pytest.raises(UsageError, match="days is 0"):
        await tokens.create(parts, owner, TokenCreate(label="x", days=0))
    with pytest.raises(NotFound, match="'nowhere'"):
        await tokens.create(parts, owner, TokenCreate(label="x", project="nowhere"))


@pytest.mark.asyncio
async def test_only_administrators_make_users(parts: Parts) -> None:
    owner, other = await server_calls.owner(parts), await server_calls.user(parts, "ana", "owner")
    made = await users.create(parts, owner, UserCreate(name="bea"))
    caller = await tokens.resolve(parts, made.secret)
    assert caller is not None
    assert (caller.name, caller.admin) == ("bea", False)
    with pytest.raises(Forbidden, match="administrator"):
        await users.create(parts, other, UserCreate(name="cleo"))
    with pytest.raises(Exception, match="'bea' exists already"):
        await users.create(parts, owner, UserCreate(name="bea"))


@pytest.mark.asyncio
async def test_me(parts: Parts) -> None:
    agent = await server_calls.agent(parts)
    told = await tokens.me(parts, agent)
    assert (told.kind, told.subject, told.project) == (TokenKind.AGENT, "ag-1", "default")
    assert told.installation_id == parts.installation_id
