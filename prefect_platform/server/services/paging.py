"""Cursor paging: newest first, by key, so that a page costs the same wherever it lies.

A cursor is opaque to callers: base64 of the key of the last item that was given.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Select, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from prefect_platform.errors import UsageError
from prefect_platform.wire.base import storable

Row = TypeVar("Row")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


async def page(
    session: AsyncSession,
    statement: Select[tuple[Row]],
    keys: Sequence[InstrumentedAttribute[Any]],
    cursor: str | None,
    limit: int | None = None,
    *,
    ascending: bool = False,
) -> tuple[list[Row], str | None]:
    """One page of a select of one entity, and the cursor of the next page (None at the end).

    `keys` are columns of that entity which together are unique; the listing is sorted by them,
    descending unless `ascending`. `limit` is cut to `MAX_LIMIT`.

    Raises:
        UsageError: the cursor is none of ours, or the limit is not positive.
    """
    size = min(DEFAULT_LIMIT if limit is None else limit, MAX_LIMIT)
    if size < 1:
        raise UsageError(f"limit is {limit}: ask for 1 to {MAX_LIMIT} items.")
    if cursor is not None:
        statement = statement.where(_beyond(keys, decode(cursor, len(keys)), ascending=ascending))
    order = [key.asc() if ascending else key.desc() for key in keys]
    statement = statement.order_by(None).order_by(*order).limit(size + 1)
    rows = list((await session.scalars(statement)).all())
    if len(rows) <= size:
        return rows, None
    last = rows[size - 1]
    return rows[:size], encode([getattr(last, key.key) for key in keys])


def _beyond(
    keys: Sequence[InstrumentedAttribute[Any]], values: Sequence[Any], *, ascending: bool
) -> ColumnElement[bool]:
    if not all(_fits(key, value) for key, value in zip(keys, values, strict=True)):
        raise _foreign_cursor()
    bound = [literal(value, key.type) for key, value in zip(keys, values, strict=True)]
    return tuple_(*keys) > tuple_(*bound) if ascending else tuple_(*keys) < tuple_(*bound)


def _fits(key: InstrumentedAttribute[Any], value: Any) -> bool:
    """Whether a database could have given this value for that column: a cursor may be made up."""
    if not isinstance(value, key.type.python_type):
        return False
    if isinstance(value, int):
        return abs(value) < (1 << 63 if isinstance(key.type, BigInteger) else 1 << 31)
    if isinstance(value, datetime):
        # The years at either end of the calendar do not exist in every time zone.
        return value.tzinfo is not None and 1 < value.year < 9999
    return storable(value)


def encode(values: Sequence[Any]) -> str:
    """The cursor for a key of strings, numbers and instants."""
    plain = [{"at": value.isoformat()} if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def decode(cursor: str, length: int) -> list[Any]:
    """The key in a cursor.

    Raises:
        UsageError: this is no cursor of ours, or one of another listing.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        found = [datetime.fromisoformat(v["at"]) if isinstance(v, dict) else v for v in values]
    except (binascii.Error, ValueError, TypeError, KeyError, RecursionError) as error:
        raise _foreign_cursor() from error
    if len(found) != length:
        raise _foreign_cursor()
    return found


def _foreign_cursor() -> UsageError:
    return UsageError("This is not a cursor of this listing: give back the one that the last page carried.")
