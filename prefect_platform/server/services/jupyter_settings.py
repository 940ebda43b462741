"""What JupyterLab keeps for its user: over restarts, apart from other servers, and gone with the server."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
from pathlib import Path

from sqlalchemy import select

from prefect_platform.server.db.tables import ResourceRow
from prefect_platform.server.services.parts import Parts

_IDS = re.compile(r"rs-[0-9a-hjkmnp-tv-z]{26}")
_log = logging.getLogger(__name__)


def folder(parts: Parts, resource_id: str) -> Path:
    return _all(parts) / resource_id


def _all(parts: Parts) -> Path:
    return parts.config.data_dir / "shared" / "jupyter"


async def sweep(parts: Parts) -> int:
    """Remove the folders of servers that are no more; how many.

    They go when a server is deleted. A platform that ends just then, or a file that cannot be removed just
    then, leaves them to this. Listed before the rows are read: a server is known before it has a folder.
    """
    found = await asyncio.to_thread(_listed, _all(parts))
    if not found:
        return 0
    async with parts.database.reader() as session:
        there = select(ResourceRow.id).where(ResourceRow.id.in_(found), ResourceRow.deleted_at.is_(None))
        kept = set(await session.scalars(there))
    gone = [await asyncio.to_thread(_remove, folder(parts, one)) for one in found if one not in kept]
    return sum(gone)


def _listed(place: Path) -> list[str]:
    """Names of ours alone: what somebody else has put there is theirs."""
    if not place.is_dir():
        return []
    return sorted(one.name for one in place.iterdir() if _IDS.fullmatch(one.name))


def _remove(place: Path) -> bool:
    try:
        shutil.rmtree(place)
    except OSError as error:
        _log.warning("%s of a deleted Jupyter server cannot be removed; again in an hour: %s", place, error)
        return False
    return True
