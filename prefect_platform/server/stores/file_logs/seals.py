"""The seal of a source: a small file beside the log, there whole or not at all."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from prefect_platform.errors import InternalError
from prefect_platform.server.stores.disk import write_file


@dataclass(frozen=True)
class Seal:
    size: int
    sha256: str
    ms: int


def read_seal(path: Path) -> Seal | None:
    """The seal, or None while the source is open.

    Raises:
        InternalError: there is one that cannot be read; nothing may be appended or sealed over it.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return Seal(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise InternalError(
            f"The seal {path} is damaged. The log beside it is as it was: move the seal away to open the "
            "source again, and seal it anew."
        ) from error


def write_seal(path: Path, seal: Seal) -> None:
    write_file(path, json.dumps(asdict(seal)).encode(), 0o400)
