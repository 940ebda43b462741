"""Where a rule's messages go: the newest value of the secret that it names, if that is allowed here."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import UsageError
from prefect_platform.server.db.tables import SecretRow
from prefect_platform.server.services import notification_sending, secret_values
from prefect_platform.server.services.parts import Parts


async def address(session: AsyncSession, parts: Parts, project_id: str, name: str) -> str:
    """The address in a secret. It is for the sender alone.

    Raises:
        UsageError: there is no such secret (any more), or it is no address that messages may go to.
        Unavailable, DigestMismatch: the keyring cannot open it.
    """
    row = await session.scalar(
        select(SecretRow).where(
            SecretRow.project_id == project_id, SecretRow.name == name, SecretRow.deleted_at.is_(None)
        )
    )
    if row is None:
        raise UsageError(f"There is no secret {name!r} any more: `prefect-platform secret set {name}`.")
    url = await secret_values.read(session, parts.keyring, row, row.version)
    problem = notification_sending.problem(url, parts.config.notifications.schemes)
    if problem is not None:
        raise UsageError(f"Secret {name!r} is no address for messages: {problem}.")
    return url
