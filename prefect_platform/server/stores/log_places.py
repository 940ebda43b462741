"""Names that come from outside and become keys or paths: checked here, by every log store."""

from __future__ import annotations

import re

from prefect_platform.errors import UsageError, foreign
from prefect_platform.wire.logs import SOURCE

WORKLOAD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
"""No dots: neither the name nor a part of it can be a path of its own."""


def checked(workload_id: str, source: str | None = None) -> None:
    """Raises UsageError for what cannot be a workload's id or a source's name."""
    if not WORKLOAD.fullmatch(workload_id):
        raise UsageError(f"{foreign(workload_id)!r} is not the id of a workload.")
    if source is not None and not SOURCE.fullmatch(source):
        raise UsageError(
            f"{foreign(source)!r} is not the name of a log source: lowercase letters, digits and dashes, "
            "at most 64, beginning with a letter."
        )
