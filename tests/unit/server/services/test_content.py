"""Links, tickets and sessions of users' content: used once, bound, bounded, and over with what made them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import delete, select

from prefect_platform.errors import Conflict, Forbidden, NotFound
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import ContentSessionRow, ContentTicketRow, MemberRow
from prefect_platform.server.services import content, tokens
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.tokens import TokenKind
from tests import server_calls
from tests.content_scene import Resources

ADDRESS = ("127.0.0.1", 1)


async def with_token(parts: Parts, caller: Caller, **fields: object) -> Caller:
    """The same user, by a token that is in the database."""
    async with parts.database.session() as session:
        row, _ = await tokens.issue(
            session, parts, kind=TokenKind.USER, label="x", user_id=caller.user_id, **fields  # type: ignore[arg-type]
        )  # fmt: skip
    return replace(caller, token_id=row.id)


async def owner(parts: Parts) -> Caller:
    return await with_token(parts, await server_calls.owner(parts))


async def resource(parts: Parts, **fields: object) -> tuple[Resources, str]:
    resources = Resources(parts)
    return resources, resources.add(await server_calls.project_id(parts), ADDRESS, **fields)


async def link(parts: Parts, caller: Caller, label: str) -> str:
    async with parts.database.session() as session:
        return await content.link(session, parts, caller, label)


async def ticket(parts: Parts, caller: Caller, label: str) -> str:
    return parse_qs(urlsplit(await link(parts, caller, label)).query)["ticket"][0]


async def cookie(parts: Parts, caller: Caller, label: str) -> str:
    return (await content.enter(parts, label, await ticket(parts, caller, label)))[0]


def clock(parts: Parts) -> ManualClock:
    assert isinstance(parts.clock, ManualClock)
    return parts.clock


@pytest.mark.asyncio
async def test_a_link_opens_one_resource_and_its_secret_is_nowhere(parts: Parts) -> None:
    caller, (_, label) = await owner(parts), await resource(parts, home="/lab")
    url = urlsplit(await link(parts, caller, label))
    assert (url.scheme, url.netloc, url.path) == ("http", f"{label}.localhost:4280", "/_platform/enter")
    secret = parse_qs(url.query)["ticket"][0]
    assert len(secret) == 43
    session_secret, upstream = await content.enter(parts, label, secret)
    assert upstream.home == "/lab"
    visit = await content.visit(parts, label, ["junk", session_secret])
    assert visit is not None
    assert visit.upstream == upstream
    async with parts.database.reader() as session:
        for table in (ContentTicketRow, ContentSessionRow):
            for row in await session.scalars(select(table)):
                assert not {secret, session_secret} & {str(value) for value in vars(row).values()}
    assert secret not in repr(visit)
    assert session_secret not in repr(visit)


@pytest.mark.asyncio
async def test_a_ticket_is_used_once_even_by_two_at_once(parts: Parts) -> None:
    caller, (_, label) = await owner(parts), await resource(parts)
    secret = await ticket(parts, caller, label)
    both = await asyncio.gather(
        *(content.enter(parts, label, secret) for _ in range(2)), return_exceptions=True
    )
    refused = [one for one in both if isinstance(one, BaseException)]
    assert len(refused) == 1
    assert "was used already" in str(refused[0])


@pytest.mark.asyncio
async def test_a_ticket_expires_and_is_for_one_label(parts: Parts) -> None:
    caller, (resources, label) = await owner(parts), await resource(parts)
    other = resources.add(await server_calls.project_id(parts), ADDRESS)
    secret = await ticket(parts, caller, label)
    for wrong in (other, "te-unknown"):
        with pytest.raises(Forbidden, match="is not known here"):
            await content.enter(parts, wrong, secret)
    for nonsense in ("", "x" * 5000, "\0"):
        with pytest.raises(Forbidden, match="is not known here"):
            await content.enter(parts, label, nonsense)
    await clock(parts).advance(content.TICKET_SECONDS)
    with pytest.raises(Forbidden, match=r"has expired.*resource open NAME"):
        await content.enter(parts, label, secret)


@pytest.mark.asyncio
async def test_a_session_is_for_one_label(parts: Parts) -> None:
    caller, (resources, label) = await owner(parts), await resource(parts)
    other = resources.add(await server_calls.project_id(parts), ADDRESS)
    secret = await cookie(parts, caller, label)
    assert await content.visit(parts, other, [secret]) is None
    assert await content.visit(parts, label, []) is None
    assert await content.visit(parts, label, ["x"] * content.MOST_COOKIES + [secret]) is None


@pytest.mark.asyncio
async def test_a_session_lives_on_while_it_is_used(parts: Parts) -> None:
    caller, (_, label) = await owner(parts), await resource(parts)
    secret = await cookie(parts, caller, label)
    first = await content.visit(parts, label, [secret])
    assert first is not None
    assert not first.renewed
    for _ in range(3):
        await clock(parts).advance(content.SESSION_SECONDS - 1)
        found = await content.visit(parts, label, [secret])
        assert found is not None
        assert found.renewed
    await clock(parts).advance(content.SESSION_SECONDS)
    assert await content.visit(parts, label, [secret]) is None


async def revoked(parts: Parts, caller: Caller, _: Resources, __: str) -> None:
    await tokens.revoke(parts, caller, caller.token_id)


async def no_member(parts: Parts, caller: Caller, _: Resources, __: str) -> None:
    async with parts.database.session() as session:
        await session.execute(delete(MemberRow).where(MemberRow.user_id == caller.user_id))
    parts.contents.forget()


async def deleted(parts: Parts, _: Caller, resources: Resources, label: str) -> None:
    del resources.known[label]
    parts.contents.forget()


async def given_away(parts: Parts, _: Caller, resources: Resources, label: str) -> None:
    resources.change(label, user_id="us-another")
    parts.contents.forget()


@pytest.mark.asyncio
@pytest.mark.parametrize("end", [revoked, no_member, deleted, given_away])
async def test_what_ended_ends_tickets_sessions_and_open_visits(
    parts: Parts, end: Callable[..., object]
) -> None:
    caller, (resources, label) = await owner(parts), await resource(parts)
    secret, unused = await cookie(parts, caller, label), await ticket(parts, caller, label)
    visit = await content.visit(parts, label, [secret])
    assert visit is not None
    with parts.contents.visiting(visit):
        await content.end_visits(parts)
        assert not visit.ended.done()
        await end(parts, caller, resources, label)  # type: ignore[misc]
        await content.end_visits(parts)
        assert visit.ended.result()
    with pytest.raises((Forbidden, NotFound)):
        await content.enter(parts, label, unused)
    try:
        assert await content.visit(parts, label, [secret]) is None
    except (Forbidden, NotFound):
        assert end in (no_member, given_away)
    assert not parts.contents.visits


@pytest.mark.asyncio
async def test_a_revocation_elsewhere_is_seen_in_time(parts: Parts) -> None:
    caller, (_, label) = await owner(parts), await resource(parts)
    secret = await cookie(parts, caller, label)
    assert await content.visit(parts, label, [secret]) is not None
    elsewhere = Parts(
        parts.config, parts.installation_id, Database(parts.database.url), parts.blobs, parts.logs,
        parts.orchestrator, parts.clock, parts.keyring, results=parts.results,
    )  # fmt: skip
    await tokens.revoke(elsewhere, caller, caller.token_id)
    await elsewhere.database.aclose()
    await clock(parts).advance(content.KNOWN_SECONDS)
    assert await content.visit(parts, label, [secret]) is None


@pytest.mark.asyncio
async def test_a_session_ends_with_the_term_of_its_token(parts: Parts) -> None:
    until = parts.clock.now() + timedelta(hours=1)
    caller = await with_token(parts, await server_calls.owner(parts), expires_at=until)
    _, label = await resource(parts)
    secret = await cookie(parts, caller, label)
    await clock(parts).advance(3600)
    assert await content.visit(parts, label, [secret]) is None


@pytest.mark.asyncio
async def test_who_may_have_a_link(parts: Parts) -> None:
    project, me = await server_calls.project_id(parts), await owner(parts)
    member = await with_token(parts, await server_calls.user(parts, "mia", "member"))
    stranger = await with_token(parts, await server_calls.user(parts, "sam"))
    resources, shared = await resource(parts)
    mine = resources.add(project, ADDRESS, user_id=me.user_id)
    assert await link(parts, member, shared)
    assert await link(parts, me, mine)
    with pytest.raises(Forbidden, match="another user's"):
        await link(parts, member, mine)
    for label in (shared, mine):
        with pytest.raises(NotFound):
            await link(parts, stranger, label)
    for nothing in ("te-00000000000000000000000000", "xx-00000000000000000000000000", "", "../x", "\0"):
        with pytest.raises(NotFound):
            await link(parts, me, nothing)
    with pytest.raises(Forbidden, match="Only a user's token"):
        await link(parts, await server_calls.agent(parts), shared)


@pytest.mark.asyncio
async def test_a_platform_that_others_reach_needs_a_domain(parts: Parts) -> None:
    caller, (_, label) = await owner(parts), await resource(parts)
    served = replace(parts, config=replace(parts.config, url="https://platform.example.org"))
    with pytest.raises(Conflict, match="PREFECT_PLATFORM_CONTENT_DOMAIN"):
        await link(served, caller, label)
    domain = replace(served, config=replace(served.config, content_domain="content.example.net"))
    assert (await link(domain, caller, label)).startswith(
        f"https://{label}.content.example.net/_platform/enter?"
    )


@pytest.mark.asyncio
async def test_what_is_over_is_swept(parts: Parts) -> None:
    caller, (_, label) = await owner(parts), await resource(parts)
    secret = await cookie(parts, caller, label)
    await ticket(parts, caller, label)
    assert await content.sweep(parts) == 0
    await clock(parts).advance(content.TICKET_SECONDS)
    assert await content.sweep(parts) == 2
    assert await content.visit(parts, label, [secret]) is not None
    await clock(parts).advance(content.SESSION_SECONDS)
    assert await content.sweep(parts) == 1


@pytest.mark.asyncio
async def test_what_was_read_before_a_revocation_is_not_remembered_after(parts: Parts) -> None:
    caller, (resources, label) = await owner(parts), await resource(parts)
    secret = await cookie(parts, caller, label)
    resolve = resources.resolve

    async def slow(session: object, asked: str) -> object:
        found = await resolve(session, asked)  # type: ignore[arg-type]
        parts.contents.forget()  # as a revocation that comes just now does
        return found

    parts.contents.register("te", slow)  # type: ignore[arg-type]
    assert await content.visit(parts, label, [secret]) is not None
    assert not parts.contents.known


@pytest.mark.asyncio
async def test_a_resource_that_cannot_be_looked_up_ends_the_visits_of_others_all_the_same(
    parts: Parts,
) -> None:
    caller, (resources, broken) = await owner(parts), await resource(parts)
    other = resources.add(await server_calls.project_id(parts), ADDRESS)
    visits = [
        await content.visit(parts, label, [await cookie(parts, caller, label)]) for label in (broken, other)
    ]
    assert visits[0] is not None
    assert visits[1] is not None

    async def resolve(_: object, label: str) -> None:
        if label == broken:
            raise ValueError("Port out of range 0-65535")

    parts.contents.register("te", resolve)  # type: ignore[arg-type]
    with parts.contents.visiting(visits[0]), parts.contents.visiting(visits[1]):
        await content.end_visits(parts)
    assert not visits[0].ended.done()
    assert "has ended" in visits[1].ended.result()


# What a visitor does


@pytest.mark.asyncio
async def test_what_a_visitor_does_is_noted_behind_their_back_and_again_after_a_failure(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    busy = asyncio.Event()

    async def acted(workload_id: str) -> None:
        heard.append(workload_id)
        await busy.wait()
        if len(heard) == 1:
            raise OSError("database is locked")

    parts.contents.acted = acted
    parts.contents.act("wl-1", 0.0)
    await asyncio.sleep(0)
    parts.contents.act("wl-1", 1.0)
    busy.set()
    await parts.contents.settled(5.0)
    assert heard == ["wl-1"], "once in ten seconds"
    assert "wl-1 could not be noted" in caplog.text
    parts.contents.act("wl-1", 2.0)
    await parts.contents.settled(5.0)
    parts.contents.act("wl-1", 3.0)
    await parts.contents.settled(5.0)
    assert heard == ["wl-1"] * 2


@pytest.mark.asyncio
async def test_what_cannot_be_noted_in_time_is_left_at_the_end(parts: Parts) -> None:
    async def never(_: str) -> None:
        await asyncio.Event().wait()

    parts.contents.acted = never
    parts.contents.act("wl-1", 0.0)
    await parts.contents.settled(0.0)
    assert not parts.contents._acting
