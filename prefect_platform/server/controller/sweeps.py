"""What time alone makes superfluous: kept answers, and tokens of workloads that are gone."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from prefect_platform.server.db.tables import IdempotencyRow, TokenRow
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.tokens import TokenKind

SWEEP_SECONDS = 3600.0
ANSWERS_KEPT = timedelta(days=1)
TOKENS_KEPT = timedelta(days=7)
"""How long the tokens of workloads are kept after their end, for who looks into a refusal."""


async def sweep(parts: Parts) -> None:
    """Delete what is older than it is of use."""
    now = parts.clock.now()
    async with parts.database.session() as session:
        await session.execute(delete(IdempotencyRow).where(IdempotencyRow.created_at < now - ANSWERS_KEPT))
        await session.execute(
            delete(TokenRow).where(
                TokenRow.kind.in_([TokenKind.WORKLOAD.value, TokenKind.USER_CODE.value]),
                TokenRow.revoked_at < now - TOKENS_KEPT,
            )
        )
