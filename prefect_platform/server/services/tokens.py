"""Tokens: made once, shown once, kept as a hash, and known again on every call.

A secret is 256 random bits, so SHA-256 without salt is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform._version import __version__
from prefect_platform.errors import Forbidden, NotFound, UsageError
from prefect_platform.names import new_id
from prefect_platform.server.db.tables import MemberRow, ProjectRow, TokenRow, UserRow
from prefect_platform.server.services import projects
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.paging import page
from prefect_platform.server.services.parts import KnownCaller, Parts
from prefect_platform.wire.base import Page
from prefect_platform.wire.projects import Role
from prefect_platform.wire.tokens import Me, Token, TokenCreate, TokenCreated, TokenKind

CACHE_SECONDS = 5.0
"""How long a revoked token may still pass on another replica. Here it ends at once."""
CACHE_ENTRIES = 10_000
MAX_DAYS = 3650

_PREFIXES = {
    TokenKind.USER: "pp_user_",
    TokenKind.AGENT: "pp_agent_",
    TokenKind.WORKLOAD: "pp_workload_",
    TokenKind.USER_CODE: "pp_code_",
}


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


async def resolve(parts: Parts, secret: str) -> Caller | None:
    """Who holds this secret; None if nobody does, or not any more."""
    key = digest(secret)
    known = parts.known_callers.get(key)
    if known is not None and known.until > parts.clock.uptime() and not _over(known.expires_at, parts):
        return known.caller
    async with parts.database.reader() as session:
        found = (
            await session.execute(
                select(TokenRow, UserRow)
                .outerjoin(UserRow, UserRow.id == TokenRow.user_id)
                .where(TokenRow.hash == key)
            )
        ).one_or_none()
    if found is None or found[0].revoked_at is not None or _over(found[0].expires_at, parts):
        parts.known_callers.pop(key, None)
        return None
    return _remember(parts, key, found[0], found[1])


async def standing(session: AsyncSession, parts: Parts, token_id: str) -> Caller | None:
    """Whose token this is, while it is good: for what lives no longer than the token that made it."""
    token = await session.get(TokenRow, token_id)
    if token is None or token.revoked_at is not None or _over(token.expires_at, parts):
        return None
    return _caller(token, await session.get(UserRow, token.user_id) if token.user_id else None)


def _over(expires_at: datetime | None, parts: Parts) -> bool:
    return expires_at is not None and expires_at <= parts.clock.now()


def _remember(parts: Parts, key: str, token: TokenRow, user: UserRow | None) -> Caller:
    caller = _caller(token, user)
    if len(parts.known_callers) >= CACHE_ENTRIES:
        parts.known_callers.clear()
    parts.known_callers[key] = KnownCaller(caller, parts.clock.uptime() + CACHE_SECONDS, token.expires_at)
    return caller


def _caller(token: TokenRow, user: UserRow | None) -> Caller:
    kind = TokenKind(token.kind)
    if kind is TokenKind.USER and user is not None:
        # A token for one project is for CI: it does not carry its owner's rights over the installation.
        admin = user.admin and token.project_id is None
        return Caller(kind, token.id, user.name, user.id, admin, token.project_id, token.subject_id)
    return Caller(
        kind, token.id, token.subject_id or token.id, project_id=token.project_id, subject_id=token.subject_id
    )


async def issue(
    session: AsyncSession,
    parts: Parts,
    *,
    kind: TokenKind,
    label: str,
    user_id: str | None = None,
    project_id: str | None = None,
    subject_id: str | None = None,
    expires_at: datetime | None = None,
) -> tuple[TokenRow, str]:
    """Make a token; the secret is returned here and never again."""
    return await issue_at(
        session,
        parts.clock.now(),
        kind=kind,
        label=label,
        user_id=user_id,
        project_id=project_id,
        subject_id=subject_id,
        expires_at=expires_at,
    )


async def issue_at(
    session: AsyncSession,
    now: datetime,
    *,
    kind: TokenKind,
    label: str,
    user_id: str | None = None,
    project_id: str | None = None,
    subject_id: str | None = None,
    expires_at: datetime | None = None,
) -> tuple[TokenRow, str]:
    """`issue` for the time before there are parts: the first start."""
    secret = _PREFIXES[kind] + secrets.token_urlsafe(32)
    row = TokenRow(
        id=new_id("tk"),
        kind=kind.value,
        hash=digest(secret),
        label=label,
        user_id=user_id,
        project_id=project_id,
        subject_id=subject_id,
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
    )
    session.add(row)
    await session.flush()
    return row, secret


async def create(parts: Parts, caller: Caller, request: TokenCreate) -> TokenCreated:
    """A further token of the caller's own, for all their projects or for one."""
    if request.kind is not TokenKind.USER:
        raise UsageError(
            f"Tokens of kind {request.kind.value!r} are not made here: an agent gets its token from "
            "`prefect-platform agent create`, a workload from the platform."
        )
    if request.days is not None and not 1 <= request.days <= MAX_DAYS:
        raise UsageError(f"days is {request.days}: a token lives 1 to {MAX_DAYS} days, or without an end.")
    check_may_issue(caller)
    async with parts.database.session() as session:
        project = await _limit(session, caller, request.project)
        expires_at = parts.clock.now() + timedelta(days=request.days) if request.days else None
        row, secret = await issue(
            session,
            parts,
            kind=TokenKind.USER,
            label=request.label,
            user_id=caller.user_id,
            project_id=project.id if project else None,
            expires_at=expires_at,
        )
    return shown_once(row, secret, project.name if project else None)


def check_may_issue(caller: Caller) -> None:
    """Raises: Forbidden, for a token that ends with a workload: what it made would outlive it."""
    if caller.kind is TokenKind.USER and caller.subject_id is not None:
        raise Forbidden(
            "The token of a Jupyter server makes no other tokens: those would outlive it. Make one where you "
            "are signed in yourself."
        )


def shown_once(row: TokenRow, secret: str, project: str | None = None) -> TokenCreated:
    """The answer that carries the secret itself."""
    return TokenCreated.model_validate({**_fields(row, project), "secret": secret})


async def _limit(session: AsyncSession, caller: Caller, project: str | None) -> ProjectRow | None:
    if project is not None:
        return await projects.member(session, caller, project)
    if caller.project_id is not None:
        raise Forbidden(
            "This token is limited to one project: name it, so that the new token is limited too."
        )
    return None


async def listing(parts: Parts, caller: Caller, cursor: str | None, limit: int | None) -> Page[Token]:
    """The caller's own tokens, and those of the agents in projects that they own."""
    async with parts.database.reader() as session:
        rows, following = await page(
            session, select(TokenRow).where(_manageable(caller)), [TokenRow.id], cursor, limit
        )
        names = await projects.names(session, {row.project_id for row in rows if row.project_id})
    return Page[Token](
        items=[Token.model_validate(_fields(row, names.get(row.project_id or ""))) for row in rows],
        cursor=following,
    )


async def revoke(parts: Parts, caller: Caller, token_id: str) -> None:
    """End a token, here at once and elsewhere within `CACHE_SECONDS`. Again is a no-op."""
    async with parts.database.session() as session:
        row = await session.scalar(select(TokenRow).where(TokenRow.id == token_id, _manageable(caller)))
        if row is None:
            raise NotFound(f"You have no token {token_id!r}: see `GET /api/v1/tokens`.")
        row.revoked_at = row.revoked_at or parts.clock.now()
    parts.known_callers.pop(row.hash, None)
    parts.contents.forget()


async def me(parts: Parts, caller: Caller) -> Me:
    """Who the caller is, in the words of the answer."""
    async with parts.database.reader() as session:
        names = await projects.names(session, {caller.project_id} if caller.project_id else set())
    return Me(
        kind=caller.kind,
        subject=caller.name,
        project=names.get(caller.project_id or ""),
        installation_id=parts.installation_id,
        version=__version__,
    )


def _manageable(caller: Caller) -> ColumnElement[bool]:
    owned = select(MemberRow.project_id).where(
        MemberRow.user_id == caller.user_id, MemberRow.role == Role.OWNER.value
    )
    # What a start of a Jupyter server is given ends with it, and is nobody's to keep.
    mine = and_(TokenRow.user_id == caller.user_id, TokenRow.subject_id.is_(None))
    agents = and_(TokenRow.kind == TokenKind.AGENT.value, TokenRow.project_id.in_(owned))
    allowed = or_(mine, agents)
    return allowed if caller.project_id is None else and_(allowed, TokenRow.project_id == caller.project_id)


def _fields(row: TokenRow, project: str | None) -> dict[str, object]:
    return {
        "id": row.id,
        "kind": row.kind,
        "label": row.label,
        "project": project,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
    }
