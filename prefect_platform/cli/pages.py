"""Listings page by page, up to the number asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from prefect_platform.wire.base import Page

Item = TypeVar("Item")
_LARGEST = 200


def collect(fetch: Callable[[str | None, int], Page[Item]], limit: int) -> list[Item]:
    """The first `limit` items; `fetch` takes a cursor and the size of a page."""
    found: list[Item] = []
    cursor: str | None = None
    while len(found) < limit:
        page = fetch(cursor, min(_LARGEST, limit - len(found)))
        found += page.items
        cursor = page.cursor
        if cursor is None:
            break
    return found[:limit]
