"""Answers to mutating calls, kept for a day: a repeat with the same key gets the same answer.

Only answers of success are kept: a call that failed changed nothing and may be tried again. An answer
that holds a token is not kept either, since secrets are never stored; its repeat is told so. Of a request a
keyed mark is kept: it may hold a secret, which must not be guessed from what the database keeps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, IdempotencyConflict, Unavailable, UsageError
from prefect_platform.names import TOKEN
from prefect_platform.server.db.tables import IdempotencyRow
from prefect_platform.server.services.parts import Parts

KEPT = timedelta(days=1)
UNDER_WAY = timedelta(seconds=60)
"""A first call that has not ended by then has died with its server; the repeat takes its place."""
MAX_KEY = 128

_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_WITHHELD = ""
"""Stands in for a body that held a secret: no JSON answer is empty."""


@dataclass(frozen=True)
class Kept:
    """The answer to the first call."""

    status: int
    body: str | None


async def begin(parts: Parts, token_id: str, key: str, request: bytes) -> Kept | None:
    """Reserve a key for a call that starts now, or give the answer of the call that had it before.

    Raises:
        IdempotencyConflict: the key came with another request, or its answer was a secret.
        Conflict: the first call with this key is still under way.
    """
    if not _KEY.fullmatch(key):
        raise UsageError(f"Idempotency-Key must be 1 to {MAX_KEY} printable characters without spaces.")
    row = IdempotencyRow(
        token_id=token_id,
        key=key,
        request_hash=parts.keyring.mark(request),
        status=None,
        body=None,
        created_at=parts.clock.now(),
    )
    try:
        async with parts.database.session() as session:
            found = await session.get(IdempotencyRow, (token_id, key))
            if found is None:
                session.add(row)
                return None
            return await _known(session, parts, found, request)
    except IntegrityError as error:  # the same key came twice at the same moment, on two replicas
        raise _under_way(key) from error


async def _known(session: AsyncSession, parts: Parts, found: IdempotencyRow, request: bytes) -> Kept | None:
    age = parts.clock.now() - found.created_at
    same = age < KEPT and _is_same(parts, found, request)
    if age >= KEPT or (found.status is None and age >= UNDER_WAY and same):
        await _take_over(session, parts, found, parts.keyring.mark(request))
        return None
    if not same:
        raise IdempotencyConflict(
            f"Idempotency-Key {found.key!r} came with another request before: a new request needs a new key."
        )
    if found.status is None:
        raise _under_way(found.key)
    if found.body == _WITHHELD:
        raise IdempotencyConflict(
            f"The call with Idempotency-Key {found.key!r} was done before. Its answer held a secret, which "
            "is shown once and not stored: revoke what it made, and call again with a new key.",
            done=True,
        )
    return Kept(found.status, found.body)


def _is_same(parts: Parts, found: IdempotencyRow, request: bytes) -> bool:
    try:
        return parts.keyring.is_mark(found.request_hash, request)
    except Unavailable as error:
        raise IdempotencyConflict(
            f"Idempotency-Key {found.key!r} came before, under a key that the keyring of the platform has no "
            "more, so nobody can tell whether with this request: look whether it was done, and if not call "
            "again with a new key."
        ) from error


async def _take_over(session: AsyncSession, parts: Parts, found: IdempotencyRow, request_hash: str) -> None:
    taken = await session.execute(
        update(IdempotencyRow)
        .where(
            IdempotencyRow.token_id == found.token_id,
            IdempotencyRow.key == found.key,
            IdempotencyRow.created_at == found.created_at,
        )
        .values(request_hash=request_hash, status=None, body=None, created_at=parts.clock.now())
        .returning(IdempotencyRow.key)
        .execution_options(synchronize_session=False)
    )
    if taken.first() is None:
        raise _under_way(found.key)


def _under_way(key: str) -> Conflict:
    return Conflict(
        f"The first call with Idempotency-Key {key!r} is still under way: ask again in a moment.",
        under_way=True,
    )


async def finish(parts: Parts, token_id: str, key: str, status: int, body: bytes) -> None:
    """Keep the answer of success of the call that reserved this key."""
    text = (_WITHHELD if TOKEN.search(body) else body.decode()) if body else None
    async with parts.database.session() as session:
        await session.execute(
            update(IdempotencyRow)
            .where(IdempotencyRow.token_id == token_id, IdempotencyRow.key == key)
            .values(status=status, body=text)
        )


async def release(parts: Parts, token_id: str, key: str) -> None:
    """Forget a call that did not succeed."""
    async with parts.database.session() as session:
        await session.execute(
            delete(IdempotencyRow).where(
                IdempotencyRow.token_id == token_id,
                IdempotencyRow.key == key,
                IdempotencyRow.status.is_(None),
            )
        )


async def sweep(parts: Parts) -> int:
    """Forget what is older than a day; the number of answers forgotten."""
    async with parts.database.session() as session:
        forgotten = await session.scalars(
            delete(IdempotencyRow)
            .where(IdempotencyRow.created_at < parts.clock.now() - KEPT)
            .returning(IdempotencyRow.key)
        )
        return len(forgotten.all())


async def forget_interrupted(parts: Parts) -> None:
    """At the start of the only server on a database: no call can be under way."""
    async with parts.database.session() as session:
        await session.execute(delete(IdempotencyRow).where(IdempotencyRow.status.is_(None)))
