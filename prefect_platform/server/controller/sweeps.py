"""Tokens of workloads and agents that are long gone: refused since their end, and then forgotten."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, exists, or_

from prefect_platform.server.db.tables import ContentSessionRow, ContentTicketRow, TokenRow
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.tokens import TokenKind

SWEEP_SECONDS = 3600.0
KEPT = timedelta(days=7)
"""After the end, for who looks into a refusal."""

KINDS = (TokenKind.WORKLOAD.value, TokenKind.USER_CODE.value, TokenKind.AGENT.value)


async def sweep(parts: Parts) -> None:
    """Delete what is older than it is of use."""
    before = parts.clock.now() - KEPT
    # People's own tokens stay, for who looks back; those of their Jupyter servers come every half hour.
    of_starts = or_(TokenRow.kind.in_(KINDS), TokenRow.subject_id.is_not(None))
    over = or_(TokenRow.revoked_at < before, TokenRow.expires_at < before)
    named = [exists().where(one.token_id == TokenRow.id) for one in (ContentTicketRow, ContentSessionRow)]
    async with parts.database.session() as session:
        await session.execute(delete(TokenRow).where(of_starts, over, *(~one for one in named)))
