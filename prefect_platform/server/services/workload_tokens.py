"""The tokens of a workload: one for its launcher, a weaker one for the user's code.

A start that is resumed issues another launcher token, because the first was never stored; whichever
the launcher claims with stays, and every other one ends there. User code's token ends with the run,
the launcher's when the infrastructure of the workload is gone. A start of a Jupyter server also has a token
of its owner, short-lived and for that project alone, which is renewed while it runs.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import TokenRow, WorkloadRow
from prefect_platform.server.services import tokens
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.tokens import TokenKind

OWNER_SECONDS = 3600.0
"""Life of an owner's token in a workload."""
RENEW_SECONDS = OWNER_SECONDS / 2


async def issue(session: AsyncSession, parts: Parts, row: WorkloadRow, kind: TokenKind) -> str:
    """A fresh token of this kind for a workload; the secret itself, which is stored nowhere."""
    _, secret = await tokens.issue(
        session, parts, kind=kind, label=row.id, project_id=row.project_id, subject_id=row.id
    )
    return secret


async def for_owner(session: AsyncSession, parts: Parts, row: WorkloadRow, user_id: str, label: str) -> str:
    """A user's token for who works inside of a workload. The one before it stays good until its own end, so
    that nobody fails who has just read it; the one before that is gone."""
    at = parts.clock.now()
    expires_at = at + timedelta(seconds=OWNER_SECONDS)
    mine = select(TokenRow).where(
        TokenRow.subject_id == row.id, TokenRow.kind == TokenKind.USER.value, TokenRow.revoked_at.is_(None)
    )
    for old in (await session.scalars(mine.order_by(TokenRow.created_at.desc(), TokenRow.id))).all()[1:]:
        parts.known_callers.pop(old.hash, None)
        old.revoked_at = at
    _, secret = await tokens.issue(
        session,
        parts,
        kind=TokenKind.USER,
        label=label,
        user_id=user_id,
        project_id=row.project_id,
        subject_id=row.id,
        expires_at=expires_at,
    )
    return secret


async def revoke(
    session: AsyncSession, workload_id: str, kind: TokenKind, at: datetime, *, keep: str | None = None
) -> None:
    """End every token of this kind that a workload has, except the one whose id is `keep`."""
    statement = update(TokenRow).where(
        TokenRow.subject_id == workload_id, TokenRow.kind == kind.value, TokenRow.revoked_at.is_(None)
    )
    if keep is not None:
        statement = statement.where(TokenRow.id != keep)
    await session.execute(statement.values(revoked_at=at))
