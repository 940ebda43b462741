"""Tokens of workloads that are long gone: refused since their end, and then forgotten."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from prefect_platform.server.db.tables import TokenRow
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.tokens import TokenKind

SWEEP_SECONDS = 3600.0
KEPT = timedelta(days=7)
"""After the end, for who looks into a refusal."""

KINDS = (TokenKind.WORKLOAD.value, TokenKind.USER_CODE.value)


async def sweep(parts: Parts) -> None:
    """Delete what is older than it is of use."""
    before = parts.clock.now() - KEPT
    async with parts.database.session() as session:
        await session.execute(delete(TokenRow).where(TokenRow.kind.in_(KINDS), TokenRow.revoked_at < before))
