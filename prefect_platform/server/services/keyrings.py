"""The keyring in use: opened and checked at the start, and changed without a stop.

A server that cannot read what its database holds does not start: it would crash runs one by one instead.
"""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Forbidden, PlatformError, UsageError
from prefect_platform.server.config import ServerConfig
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import SecretRow, SecretVersionRow
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.secret_values import context
from prefect_platform.server.stores import envelope
from prefect_platform.server.stores.file_keyring import FileKeyring
from prefect_platform.server.stores.keyring import Keyring, Wrapped
from prefect_platform.wire.secrets import KeyRotated, KeyRotation

FILE = "keyring"
"""In the data directory, where no other is named."""
BATCH = 200
"""Data keys that one transaction brings under another key."""


async def opened(config: ServerConfig, database: Database) -> Keyring:
    """The keyring that the settings name. With SQLite one is made at the first start.

    Raises:
        UsageError: the database is shared and no keyring is named, or the file cannot be used.
    """
    if config.keyring is not None:
        return FileKeyring(config.keyring)
    if not database.is_sqlite:
        raise UsageError(
            "PREFECT_PLATFORM_KEYRING is not set. This database is shared, so the keys that protect its "
            "secrets are yours to keep, the same for every server: make a file, (umask 077; openssl rand "
            "-base64 32 > FILE), name it with PREFECT_PLATFORM_KEYRING, and keep a copy elsewhere."
        )
    path = config.data_dir / FILE
    if not path.exists() and (kept := sum((await _counts(database)).values())):
        raise UsageError(
            f"The key file {path} is gone, and the database holds {kept} secret values that only it can "
            "open. Put it back from your copy. The page on secrets says what to do if it is lost for good."
        )
    return FileKeyring.make(path)


async def check(database: Database, keyring: Keyring) -> None:
    """Refuse a keyring that cannot open what the database holds.

    Raises:
        UsageError: keys are missing, or a value was altered; the message says how many and what to do.
    """
    counts, have = await _counts(database), keyring.key_ids()
    lost = {key_id: count for key_id, count in counts.items() if key_id not in have}
    if lost:
        raise UsageError(_lost(keyring, lost, sum(counts.values())))
    async with database.reader() as session:
        for key_id in counts:
            await _try(session, keyring, key_id)


def _lost(keyring: Keyring, lost: dict[str, int], total: int) -> str:
    some = sum(lost.values())
    how = "another file than they were kept with" if some == total else "an older or shortened copy"
    named = ", ".join(f"{key_id} ({count})" for key_id, count in sorted(lost.items()))
    return (
        f"{keyring.name} does not open {some} of {total} secret values: it lacks the keys {named}. It is "
        f"{how}: put the lost keys back into it, on any line but the first, and start again."
    )


async def _try(session: AsyncSession, keyring: Keyring, key_id: str) -> None:
    found = (
        await session.execute(
            select(SecretRow, SecretVersionRow)
            .join(SecretRow, SecretRow.id == SecretVersionRow.secret_id)
            .where(SecretVersionRow.key_id == key_id)
            .limit(1)
        )
    ).first()
    if found is None:
        return
    secret, version = found
    try:
        keyring.unwrap(Wrapped(key_id, version.wrapped_key), context(secret, version.number))
    except PlatformError as error:
        raise UsageError(
            f"Version {version.number} of secret {secret.name!r} cannot be opened with {keyring.name}. "
            f"{error.message}"
        ) from error


async def _counts(database: Database) -> dict[str, int]:
    """How many values are under each key."""
    async with database.reader() as session:
        rows = await session.execute(
            select(SecretVersionRow.key_id, func.count()).group_by(SecretVersionRow.key_id)
        )
        return {row[0]: row[1] for row in rows}


async def rotate(parts: Parts, caller: Caller, request: KeyRotation) -> KeyRotated:
    """Bring every data key under the first key of the ring, after adding a key if one is asked for.

    May be cut short and called again: while something is under an older key, no further key is added. Two
    servers at once do the same work between them, row by row. Old keys stay in the ring: backups need them.

    Raises:
        Forbidden: the caller is no administrator.
    """
    if not caller.admin:
        raise Forbidden("Only an administrator of this installation rotates its keys.")
    before = parts.keyring.key_ids()[0]
    if request.new_key and not await _unfinished(parts, before):
        parts.keyring.add_key(before)
    moved = 0
    while batch := await _batch(parts, parts.keyring.key_ids()[0]):  # another may have added one meanwhile
        moved += await _move(parts, batch)
    needed = await _counts(parts.database)
    first, *older = parts.keyring.key_ids()
    unused = [key_id for key_id in older if key_id not in needed]
    return KeyRotated(key_id=first, added=first != before, rewrapped=moved, unused=unused)


async def _unfinished(parts: Parts, first: str) -> bool:
    """Whether values wait for the first key, which so is a fresh one."""
    counts = await _counts(parts.database)
    return any(key_id != first for key_id in counts)


async def _batch(parts: Parts, first: str) -> list[tuple[SecretVersionRow, Wrapped]]:
    """Some rows that are under another key, each with what its data key is to be."""
    async with parts.database.reader() as session:
        rows = await session.execute(
            select(SecretRow, SecretVersionRow)
            .join(SecretRow, SecretRow.id == SecretVersionRow.secret_id)
            .where(SecretVersionRow.key_id != first)
            .limit(BATCH)
        )
        return [
            (
                version,
                envelope.rewrapped(
                    parts.keyring,
                    Wrapped(version.key_id, version.wrapped_key),
                    context(secret, version.number),
                ),
            )
            for secret, version in rows
        ]


async def _move(parts: Parts, batch: list[tuple[SecretVersionRow, Wrapped]]) -> int:
    """Write those rows that nobody has written meanwhile; their number."""
    moved = 0
    async with parts.database.session() as session:
        for version, wrapped in batch:
            done = await session.execute(
                update(SecretVersionRow)
                .where(
                    SecretVersionRow.secret_id == version.secret_id,
                    SecretVersionRow.number == version.number,
                    SecretVersionRow.wrapped_key == version.wrapped_key,
                )
                .values(key_id=wrapped.key_id, wrapped_key=wrapped.text)
                .returning(SecretVersionRow.number)
                .execution_options(synchronize_session=False)
            )
            moved += len(done.all())
    return moved
