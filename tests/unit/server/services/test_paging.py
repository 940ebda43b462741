"""Pages: newest first, every row once, whatever is added meanwhile."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from prefect_platform.errors import UsageError
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import FlowVersionRow, UserRow
from prefect_platform.server.services import paging

START = datetime(2026, 1, 1, tzinfo=UTC)


async def add(database: Database, numbers: range) -> None:
    async with database.session() as session:
        session.add_all(
            # Three rows share each instant, so the id has to break the tie.
            UserRow(id=f"us-{n:03}", name=f"n{n}", admin=False, created_at=START + timedelta(seconds=n // 3))
            for n in numbers
        )


@pytest.mark.asyncio
async def test_every_row_once_newest_first(database: Database) -> None:
    await add(database, range(23))
    seen, cursor = [], None
    while True:
        async with database.reader() as session:
            rows, cursor = await paging.page(
                session, select(UserRow), [UserRow.created_at, UserRow.id], cursor, 5
            )
        seen += [row.id for row in rows]
        if len(seen) == 5:
            await add(database, range(23, 26))  # newer than the cursor: not on a later page
        if cursor is None:
            break
    assert seen == [f"us-{n:03}" for n in range(22, -1, -1)]


@pytest.mark.asyncio
async def test_a_full_last_page_has_no_cursor(database: Database) -> None:
    await add(database, range(5))
    async with database.reader() as session:
        rows, cursor = await paging.page(session, select(UserRow), [UserRow.id], None, 5)
    assert (len(rows), cursor) == (5, None)


def cursors() -> list[str]:
    texts = [
        b"not json",
        b"{}",
        b'"text"',
        b"5",
        b'["a","b","c"]',
        b"[1]",
        b'[{"at":"yesterday"}]',
        b"[{}]",
        b'["\\u0000"]',
    ]
    return ["%%%", "é", *(base64.urlsafe_b64encode(text).decode() for text in texts)]


@pytest.mark.asyncio
@pytest.mark.parametrize("cursor", cursors())
async def test_a_foreign_cursor_is_refused(database: Database, cursor: str) -> None:
    async with database.reader() as session:
        with pytest.raises(UsageError, match="cursor"):
            await paging.page(session, select(UserRow), [UserRow.id], cursor, 5)


@pytest.mark.asyncio
async def test_limits(database: Database) -> None:
    await add(database, range(paging.MAX_LIMIT + 1))
    async with database.reader() as session:
        rows, cursor = await paging.page(session, select(UserRow), [UserRow.id], None, 10_000)
        assert len(rows) == paging.MAX_LIMIT
        assert cursor is not None
        with pytest.raises(UsageError, match="limit is 0"):
            await paging.page(session, select(UserRow), [UserRow.id], None, 0)


@given(
    st.lists(
        st.one_of(st.text(), st.integers(), st.datetimes(timezones=st.just(UTC))), min_size=1, max_size=4
    )
)
def test_a_cursor_comes_back_as_it_went(values: list[object]) -> None:
    assert paging.decode(paging.encode(values), len(values)) == values


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "text", [b"[99999999999]", b'["1"]', b"[null]", b'[{"at":"2026-01-01T00:00:00+00:00"}]']
)
async def test_a_made_up_key_is_refused_before_the_database_sees_it(database: Database, text: bytes) -> None:
    async with database.reader() as session:
        with pytest.raises(UsageError, match="cursor"):
            await paging.page(
                session,
                select(FlowVersionRow),
                [FlowVersionRow.number],
                base64.urlsafe_b64encode(text).decode(),
                5,
            )
