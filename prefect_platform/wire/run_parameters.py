"""Parameters of a run, as Prefect holds them: masked, and no more of them than people read."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from prefect_platform.wire.base import Answer


class CutKind(StrEnum):
    """What was left out of a value."""

    TEXT = "text"
    """Characters at the end of a text, or of a key."""
    ITEMS = "items"
    """Entries at the end of a list or object."""
    DEPTH = "depth"
    """A list or object that lies too deep; null stands in its place."""


class Cut(Answer):
    """One place at which something was left out."""

    path: str = Field(description="JSON Pointer to the value, below `parameters`.")
    kind: CutKind
    left_out: int = Field(description="Characters or entries.")


class RunParameters(Answer):
    """What a run was started with."""

    parameters: dict[str, Any]
    cuts: list[Cut] = Field(description="What was left out; empty where `parameters` is all of it.")
    large_numbers: dict[str, str] = Field(
        description="By JSON Pointer: whole numbers that a browser would round, as they are written."
    )
