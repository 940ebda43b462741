"""The values of secrets: encrypted for the one row that keeps them, read for the one run that gets them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from prefect_platform.errors import NotFound
from prefect_platform.server.db.tables import (
    SecretRow,
    SecretUseRow,
    SecretVersionRow,
    WorkloadRow,
)
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores import envelope
from prefect_platform.server.stores.envelope import Envelope
from prefect_platform.server.stores.keyring import Keyring, Wrapped

REPLACED = timedelta(hours=1)
"""How long a value is kept after the next one: a claim under way has it in hand, and notes it last."""


def context(secret: SecretRow, number: int) -> bytes:
    """What a value is bound to: nobody who writes the database can make it pass for another's."""
    return json.dumps(["prefect-platform secret", secret.project_id, secret.id, number]).encode()


def keep(
    session: AsyncSession, keyring: Keyring, secret: SecretRow, value: str, user_id: str | None, at: datetime
) -> None:
    """Keep a value as the version that `secret.version` says."""
    sealed = envelope.close(keyring, value, context(secret, secret.version))
    session.add(
        SecretVersionRow(
            secret_id=secret.id,
            number=secret.version,
            key_id=sealed.key.key_id,
            wrapped_key=sealed.key.text,
            ciphertext=sealed.ciphertext,
            created_by=user_id,
            created_at=at,
        )
    )


async def read(session: AsyncSession, keyring: Keyring, secret: SecretRow, number: int) -> str:
    """The value of a version. Whoever calls this writes the ledger, or masks with it.

    Raises:
        NotFound: this version has no value any more.
        Unavailable, DigestMismatch: the keyring cannot open it.
    """
    row = await session.get(SecretVersionRow, (secret.id, number))
    if row is None:
        raise NotFound(f"Version {number} of secret {secret.name!r} has no value any more.")
    sealed = Envelope(Wrapped(row.key_id, row.wrapped_key), row.ciphertext)
    return envelope.opened(keyring, sealed, context(secret, number))


async def reap(parts: Parts) -> int:
    """Delete values that were replaced, and that no attempt has whose log may still grow; their number.

    The newest version of a secret stays, and the ledger does too.
    """
    newer = aliased(SecretVersionRow)
    replaced = exists().where(
        newer.secret_id == SecretVersionRow.secret_id,
        newer.number > SecretVersionRow.number,
        newer.created_at < parts.clock.now() - REPLACED,
    )
    needed = (
        select(SecretUseRow.id)
        .join(WorkloadRow, WorkloadRow.id == SecretUseRow.workload_id)
        .where(
            SecretUseRow.secret_id == SecretVersionRow.secret_id,
            SecretUseRow.version == SecretVersionRow.number,
            WorkloadRow.removed_at.is_(None),
        )
        .exists()
    )
    async with parts.database.session() as session:
        gone = await session.scalars(
            delete(SecretVersionRow)
            .where(replaced, ~needed)
            .returning(SecretVersionRow.number)
            .execution_options(synchronize_session=False)
        )
        return len(gone.all())
