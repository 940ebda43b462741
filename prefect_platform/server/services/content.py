"""Sign-in to users' own web servers: a one-time link, then a cookie for one resource's host alone.

The platform's token never comes near a page of a user. It makes a *ticket*: 256 random bits, kept as a hash,
good once, for a minute, for one label. The browser that brings it gets a *session*: again random bits, kept
as a hash, for that label. Ticket and session live no longer than the token that made the link, the user's
membership and the resource; that is looked up in the database, so other replicas hear of it too.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, Forbidden, NotFound, PlatformError
from prefect_platform.server.db.tables import ContentSessionRow, ContentTicketRow
from prefect_platform.server.services import projects, tokens
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.contents import KnownSession, Upstream, Visit
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.orchestrators import is_loopback

ENTRANCE = "/_platform/enter"
TICKET_SECONDS = 60
SESSION_SECONDS = 12 * 3600
"""Life of a session, counted again from its use."""
RENEW_SECONDS = 600
"""A session in use gets a new term this often, not at every request."""
KNOWN_SECONDS = 5.0
"""How long what was looked up is believed. In this process a revocation ends it at once."""
KNOWN_SESSIONS = 10_000
MOST_COOKIES = 8
"""Cookies of our name that are tried: a page may plant some of its own beside ours."""
HOW_TO_OPEN = "Open it with `prefect-platform resource open NAME`, or from its page in the platform."

_log = logging.getLogger(__name__)


async def link(session: AsyncSession, parts: Parts, caller: Caller, label: str) -> str:
    """The address that opens the content of a resource in the caller's browser, once, within a minute.

    Raises:
        NotFound: there is no such resource, or the caller may not know of it.
        Forbidden: it is another user's, or this is no user's token.
        Conflict: the platform has no content domain that other machines could reach.
    """
    upstream = await _resolved(session, parts, label)
    if upstream is None:
        raise NotFound(f"There is no resource {label!r}.")
    await _admit(session, caller, upstream)
    _check_domain(parts)
    secret = secrets.token_urlsafe(32)
    expires_at = parts.clock.now() + timedelta(seconds=TICKET_SECONDS)
    session.add(
        ContentTicketRow(
            hash=tokens.digest(secret),
            label=label,
            token_id=caller.token_id,
            expires_at=expires_at,
            used_at=None,
        )
    )
    return f"{parts.config.content_url(label)}{ENTRANCE}?ticket={secret}"


def page(parts: Parts, label: str) -> str | None:
    """Where a resource is, for who is signed in there; others read how to open it. None if nobody else could
    reach it."""
    return f"{parts.config.content_url(label)}/" if _is_reached(parts) else None


def _is_reached(parts: Parts) -> bool:
    config = parts.config
    host = (urlsplit(config.url).hostname or "") if config.url else config.host.strip("[]")
    return config.content_domain.partition(":")[0] != "localhost" or is_loopback(host)


def _check_domain(parts: Parts) -> None:
    config = parts.config
    if not _is_reached(parts):
        raise Conflict(
            f"The platform is at {config.public_url}, but resources are served below `localhost`, which is "
            "every visitor's own machine: set PREFECT_PLATFORM_CONTENT_DOMAIN to a wildcard domain."
        )


async def enter(parts: Parts, label: str, ticket: str) -> tuple[str, Upstream]:
    """Use up a ticket: the cookie's value for the browser that brought it, and where it goes.

    Raises:
        Forbidden: the ticket is unknown here, used, expired, or its user may not open this any more.
    """
    async with parts.database.session() as session:
        row = await used_up(session, parts, label, ticket, HOW_TO_OPEN)
        caller = await tokens.standing(session, parts, row.token_id)
        upstream = await _resolved(session, parts, label)
        if caller is None or upstream is None:
            raise Forbidden(f"Who made this link may not open this resource any more. {HOW_TO_OPEN}")
        await _admit(session, caller, upstream)
        secret, now = secrets.token_urlsafe(32), parts.clock.now()
        session.add(
            ContentSessionRow(
                hash=tokens.digest(secret),
                label=label,
                token_id=row.token_id,
                created_at=now,
                expires_at=now + timedelta(seconds=SESSION_SECONDS),
            )
        )
    return secret, upstream


async def used_up(
    session: AsyncSession, parts: Parts, label: str, ticket: str, next_step: str
) -> ContentTicketRow:
    """The ticket, marked as used in one statement: of two that bring it, one gets through.

    Raises:
        Forbidden: it is unknown here, used or expired; `next_step` ends the message.
    """
    key, now = tokens.digest(ticket), parts.clock.now()
    mine = (ContentTicketRow.hash == key, ContentTicketRow.label == label)
    unused = (ContentTicketRow.used_at.is_(None), ContentTicketRow.expires_at > now)
    marked = await session.execute(update(ContentTicketRow).where(*mine, *unused).values(used_at=now))
    row = await session.scalar(select(ContentTicketRow).where(*mine))
    if row is not None and isinstance(marked, CursorResult) and marked.rowcount:
        return row
    if row is None:
        state = "is not known here"
    else:
        state = "was used already" if row.used_at is not None else "has expired"
    raise Forbidden(f"This link {state}: each is good once, for a short time. {next_step}")


async def visit(parts: Parts, label: str, cookies: Iterable[str]) -> Visit | None:
    """The visit of whoever holds one of these cookies; None if nobody does, or not any more.

    Raises:
        NotFound, Forbidden: a signed-in visitor may not open this any more.
    """
    for cookie in list(cookies)[:MOST_COOKIES]:
        key = tokens.digest(cookie)
        known, renewed = parts.contents.known.get((label, key)), False
        if known is None or known.until <= parts.clock.uptime():
            known, renewed = await _look_up(parts, label, key)
        if known is not None:
            ended = asyncio.get_running_loop().create_future()
            return Visit(key, cookie, label, known.upstream, renewed, ended)
    return None


async def _look_up(parts: Parts, label: str, key: str) -> tuple[KnownSession | None, bool]:
    before = parts.contents.forgotten
    parts.contents.known.pop((label, key), None)
    async with parts.database.reader() as session:
        row = await session.get(ContentSessionRow, key)
        upstream = await _open_to(session, parts, row, label)
    if row is None or upstream is None:
        return None, False
    renewed = await _renew(parts, row)
    if len(parts.contents.known) >= KNOWN_SESSIONS:
        parts.contents.known.clear()
    known = KnownSession(upstream, parts.clock.uptime() + KNOWN_SECONDS)
    if parts.contents.forgotten == before:
        parts.contents.known[(label, key)] = known
    return known, renewed


async def _open_to(
    session: AsyncSession, parts: Parts, row: ContentSessionRow | None, label: str
) -> Upstream | None:
    """What a session opens, if it still opens it."""
    if row is None or row.label != label or row.expires_at <= parts.clock.now():
        return None
    caller = await tokens.standing(session, parts, row.token_id)
    upstream = await _resolved(session, parts, label) if caller is not None else None
    if caller is None or upstream is None:
        return None
    await _admit(session, caller, upstream)
    return upstream


async def _renew(parts: Parts, row: ContentSessionRow) -> bool:
    """A new term for a session in use, now and then."""
    until = parts.clock.now() + timedelta(seconds=SESSION_SECONDS)
    if until - row.expires_at < timedelta(seconds=RENEW_SECONDS):
        return False
    async with parts.database.session() as session:
        await session.execute(
            update(ContentSessionRow).where(ContentSessionRow.hash == row.hash).values(expires_at=until)
        )
    return True


async def current(parts: Parts, label: str) -> Upstream | None:
    """What is behind a label now, past everything that is remembered."""
    for found in [one for one in parts.contents.known if one[0] == label]:
        del parts.contents.known[found]
    async with parts.database.reader() as session:
        return await _resolved(session, parts, label)


async def _resolved(session: AsyncSession, parts: Parts, label: str) -> Upstream | None:
    resolver = parts.contents.resolver(label)
    return await resolver(session, label) if resolver is not None else None


async def _admit(session: AsyncSession, caller: Caller, upstream: Upstream) -> None:
    await projects.reachable(session, caller, upstream.project_id)
    if caller.user_id is None:
        raise Forbidden("Only a user's token opens resources in a browser.")
    if upstream.user_id not in (None, caller.user_id):
        raise Forbidden(f"{upstream.kind} {upstream.name!r} is another user's: only they may open it.")


async def watch(parts: Parts) -> None:
    """For ever: end the visits, open WebSockets and streams among them, of who may not be there any more."""
    while True:
        try:
            async with asyncio.timeout(KNOWN_SECONDS):
                await parts.contents.changed.wait()
        except TimeoutError:
            pass
        parts.contents.changed.clear()
        try:
            await end_visits(parts)
        except Exception:  # noqa: BLE001 - a database that does not answer is asked again; the visits stay meanwhile
            _log.exception("visits could not be looked at; it is tried again in %s s", KNOWN_SECONDS)


async def end_visits(parts: Parts) -> None:
    """One look at all visits, with one question for each session."""
    found: dict[tuple[str, str], list[Visit]] = defaultdict(list)
    for one in parts.contents.visits:
        found[(one.label, one.key)].append(one)
    for (label, key), visits in found.items():
        try:
            reason = await _reason_to_leave(parts, label, key)
        except Exception:  # noqa: BLE001 - what fails for one resource ends the visits of the others all the same
            _log.exception("visits of %s could not be looked at; it is tried again in a moment", label)
            continue
        for one in visits if reason else ():
            if not one.ended.done():
                one.ended.set_result(reason)


async def _reason_to_leave(parts: Parts, label: str, key: str) -> str:
    try:
        async with parts.database.reader() as session:
            row = await session.get(ContentSessionRow, key)
            upstream = await _open_to(session, parts, row, label)
    except PlatformError as error:
        return error.message
    return "" if upstream is not None else f"This sign-in has ended. {HOW_TO_OPEN}"


async def sweep(parts: Parts) -> int:
    """Remove tickets and sessions that are over; how many."""
    now, removed = parts.clock.now(), 0
    async with parts.database.session() as session:
        for table in (ContentTicketRow, ContentSessionRow):
            result = await session.execute(delete(table).where(table.expires_at <= now))
            removed += result.rowcount if isinstance(result, CursorResult) else 0
    return removed
