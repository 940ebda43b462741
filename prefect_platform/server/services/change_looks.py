"""The last look at what changed in each project, shared by all who watch it in this process."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

Revisions = dict[str, tuple[Any, ...]]
"""By the name of a list: numbers that move with it."""


@dataclass
class ChangeLooks:
    found: dict[str, tuple[float, Revisions]] = field(default_factory=dict)
    """By project: uptime of the look, and what was seen."""
    locks: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
