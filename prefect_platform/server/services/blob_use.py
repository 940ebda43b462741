"""Whether a blob is used, and what is done about it, as one step: see `alone`."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.services.parts import Parts


async def alone(session: AsyncSession, parts: Parts, sha256: str) -> None:
    """Be the only one, until the session ends, who looks whether a blob is used and acts on it.

    That is why a store is asked inside a session by those who call this and nowhere else: between "nothing
    names it" and "it is deleted" nothing may begin to. On SQLite every writing session is alone already.
    """
    if not parts.database.is_sqlite:
        number = int(sha256[:15], 16)
        await session.execute(select(func.pg_advisory_xact_lock(number)))
