"""The text of messages: without secrets, without control characters, bounded, and plain.

Names of flows, exceptions and logs are somebody else's text. No secret of the project is in a message,
whether or not the run was given it; nothing in it moves a terminal, hides what is written or calls people.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import NotFound, SecretUnavailable
from prefect_platform.masking.encodings import encoded
from prefect_platform.masking.masker import MASK, masked
from prefect_platform.masking.matcher import matcher
from prefect_platform.names import TOKEN
from prefect_platform.server.db.tables import ProjectRow, SecretRow, SecretUseRow
from prefect_platform.server.services import launch_specs, orchestrators, secret_values
from prefect_platform.server.services.parts import Parts

MAX_LINE = 300
"""Characters of one line of foreign text."""
_CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.")
"""What moves or colours a terminal."""
_HIDING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""Writes text backwards, or is not seen."""
_CALLS = re.compile(r"@(?=(?:everyone|here|channel|all|room)\b)|<(?=[!@#&])", re.IGNORECASE)
"""What chat services read as a call to people."""
_CUT = "…"


class Masks:
    """The secrets that no message of a project, or of one of its workloads, may show."""

    def __init__(self, values: Iterable[str]) -> None:
        self._matcher = matcher(values, large=False)

    def data(self, data: bytes) -> bytes:
        """The same bytes, masked; also the beginning of a secret that somebody cut off."""
        data = TOKEN.sub(lambda found: MASK * len(found[0]), data)
        if self._matcher is None:
            return data
        data = masked(data, self._matcher.spans(data))
        cut = encoded(_CUT)
        lines = [
            self._begun(line, cut) if line.rstrip().endswith(cut) else line for line in data.split(b"\n")
        ]
        return b"\n".join(lines)

    def _begun(self, line: bytes, cut: bytes) -> bytes:
        whole = line.rstrip().removesuffix(cut)
        hold = self._matcher.pending(whole) if self._matcher else len(whole)
        return whole[:hold] + MASK * (len(whole) - hold) + cut

    def text(self, text: str) -> str:
        """Text with its lines, masked and plain. Masked twice: what was left out may have parted a secret."""
        once = plain(self.data(encoded(text)).decode("utf-8", "replace"))
        return self.data(encoded(once)).decode("utf-8", "replace")

    def line(self, text: str, most: int = MAX_LINE) -> str:
        """Text on one line, of at most so many characters."""
        return short(" ".join(self.text(text).split()), most)


def plain(text: str) -> str:
    """Without control characters (but ends of lines), and without what calls people in a chat."""
    text = _CONTROLS.sub("", text).replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    kept = (
        letter
        for letter in text
        if letter == "\n" or (unicodedata.category(letter) not in ("Cc", "Cs") and letter not in _HIDING)
    )
    return _CALLS.sub(lambda found: f"{found[0]}\u200b", "".join(kept))


def short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}{_CUT}"


async def masks(session: AsyncSession, parts: Parts, project_id: str, workload_id: str | None) -> Masks:
    """Every secret of the project, and what this workload was given.

    A secret for its Prefect that is gone has no value to mask; one that is there is among the project's.

    Raises:
        Unavailable, DigestMismatch: the keyring cannot open one: then nothing can be told safely.
    """
    project = await session.get_one(ProjectRow, project_id)
    values = set(launch_specs.credentials(parts.config.orchestrator))
    with suppress(SecretUnavailable):
        values.update(launch_specs.credentials(await orchestrators.settings(session, parts, project)))
    values.update(await _newest(session, parts, project_id))
    if workload_id is not None:
        values.update(await _given(session, parts, workload_id))
        known = parts.log_masks.known(workload_id)
        values.update(known.values if known else ())
    values.update([value.strip() for value in values])
    return await asyncio.to_thread(Masks, values)


async def _newest(session: AsyncSession, parts: Parts, project_id: str) -> list[str]:
    rows = await session.scalars(
        select(SecretRow).where(SecretRow.project_id == project_id, SecretRow.deleted_at.is_(None))
    )
    return [await secret_values.read(session, parts.keyring, row, row.version) for row in rows.all()]


async def _given(session: AsyncSession, parts: Parts, workload_id: str) -> list[str]:
    """By the ledger: also versions that were replaced since."""
    found = await session.execute(
        select(SecretRow, SecretUseRow.version)
        .join(SecretUseRow, SecretUseRow.secret_id == SecretRow.id)
        .where(SecretUseRow.workload_id == workload_id)
    )
    values: list[str] = []
    for row, version in found.all():
        with suppress(NotFound):  # deleted since
            values.append(await secret_values.read(session, parts.keyring, row, version))
    return values
