"""Sessions of browsers in the platform's own web UI.

They are kept as the sessions at users' web servers are (`content.py`), under a label of their own: random
bits as a hash, no longer good than the token that they come from. Signing out ends them at once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from sqlalchemy import delete, update

from prefect_platform._version import __version__
from prefect_platform.errors import Forbidden, NotSignedIn
from prefect_platform.server.db.tables import ContentSessionRow, ContentTicketRow
from prefect_platform.server.services import content, projects, tokens
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.sessions import Session, SignIn, SignInLink
from prefect_platform.wire.tokens import TokenKind

LABEL = "platform"
"""No resource has it: their ids have a prefix and a dash."""
TICKET_SECONDS = 600
RENEW_SECONDS = 600
"""A session in use gets a new term this often."""
COOKIE_SECONDS = 90 * 86400
"""How long a browser keeps the cookie; how long it is good is the platform's to say."""
MOST_COOKIES = 8
HOW_TO_SIGN_IN = "`prefect-platform open` makes a link that signs a browser in."


@dataclass(frozen=True)
class SignedIn:
    """A browser, known by its cookie."""

    caller: Caller
    secret: str
    expires_at: datetime


def csrf_token(secret: str) -> str:
    """What a page must show to write: one of another site cannot know it, though its requests may carry the
    cookie. Made from the cookie, so that nothing has to be kept; the cookie cannot be made from it."""
    return hmac.new(secret.encode(), b"prefect-platform csrf", hashlib.sha256).hexdigest()


async def link(parts: Parts, caller: Caller) -> SignInLink:
    """A link that signs one browser in as the caller, once.

    Raises:
        Forbidden: the token ends with a workload, and so would the session.
    """
    tokens.check_may_issue(caller)
    secret = secrets.token_urlsafe(32)
    expires_at = parts.clock.now() + timedelta(seconds=TICKET_SECONDS)
    async with parts.database.session() as session:
        session.add(
            ContentTicketRow(
                hash=tokens.digest(secret),
                label=LABEL,
                token_id=caller.token_id,
                expires_at=expires_at,
                used_at=None,
            )
        )
    return SignInLink(url=f"{parts.config.public_url}/sign-in#ticket={quote(secret)}", expires_at=expires_at)


async def sign_in(parts: Parts, request: SignIn) -> SignedIn:
    """A session for the browser that brings a ticket or a token.

    Raises:
        Forbidden: the ticket is unknown, used or expired, or the token is no person's.
        NotSignedIn: the platform does not know the token.
    """
    token_id = await _token_behind(parts, request)
    secret, now = secrets.token_urlsafe(32), parts.clock.now()
    expires_at = now + _term(parts)
    async with parts.database.session() as session:
        caller = await tokens.standing(session, parts, token_id)
        if caller is None:
            raise Forbidden(f"Who made this link may not sign in any more. {HOW_TO_SIGN_IN}")
        session.add(
            ContentSessionRow(
                hash=tokens.digest(secret),
                label=LABEL,
                token_id=token_id,
                created_at=now,
                expires_at=expires_at,
            )
        )
    return SignedIn(caller, secret, expires_at)


async def _token_behind(parts: Parts, request: SignIn) -> str:
    if request.ticket is not None:
        async with parts.database.session() as session:
            row = await content.used_up(session, parts, LABEL, request.ticket, HOW_TO_SIGN_IN)
            return row.token_id
    caller = await tokens.resolve(parts, request.token or "")
    if caller is None:
        raise NotSignedIn(f"The platform does not know this token, or it has expired. {HOW_TO_SIGN_IN}")
    if caller.kind is not TokenKind.USER or caller.subject_id is not None:
        raise Forbidden("Only a person's own token signs a browser in.")
    return caller.token_id


def _term(parts: Parts) -> timedelta:
    return timedelta(hours=parts.config.session_hours)


async def signed_in(parts: Parts, cookies: Iterable[str]) -> SignedIn | None:
    """Whose browser holds one of these cookies; None if nobody's, or not any more."""
    for cookie in list(cookies)[:MOST_COOKIES]:
        found = await _look_up(parts, cookie)
        if found is not None:
            return found
    return None


async def _look_up(parts: Parts, cookie: str) -> SignedIn | None:
    now = parts.clock.now()
    async with parts.database.reader() as session:
        row = await session.get(ContentSessionRow, tokens.digest(cookie))
        if row is None or row.label != LABEL or row.expires_at <= now:
            return None
        caller = await tokens.standing(session, parts, row.token_id)
    if caller is None:
        return None
    return SignedIn(caller, cookie, await _renewed(parts, row))


async def _renewed(parts: Parts, row: ContentSessionRow) -> datetime:
    """When the session ends; in use it gets a new term now and then."""
    until = parts.clock.now() + _term(parts)
    if until - row.expires_at < timedelta(seconds=RENEW_SECONDS):
        return row.expires_at
    async with parts.database.session() as session:
        await session.execute(
            update(ContentSessionRow).where(ContentSessionRow.hash == row.hash).values(expires_at=until)
        )
    return until


async def sign_out(parts: Parts, secret: str) -> None:
    """End a session, everywhere at once. Again is a no-op."""
    async with parts.database.session() as session:
        await session.execute(
            delete(ContentSessionRow).where(
                ContentSessionRow.hash == tokens.digest(secret), ContentSessionRow.label == LABEL
            )
        )


async def view(parts: Parts, caller: Caller, found: SignedIn | None) -> Session:
    """The session of a browser, or what is the same for a bearer token."""
    async with parts.database.reader() as session:
        names = await projects.names(session, {caller.project_id} if caller.project_id else set())
    return Session(
        user=caller.name,
        admin=caller.admin,
        project=names.get(caller.project_id or ""),
        csrf_token=csrf_token(found.secret) if found else None,
        expires_at=found.expires_at if found else None,
        installation_id=parts.installation_id,
        version=__version__,
        backend=parts.config.backend,
    )
