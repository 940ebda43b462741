"""The six promises: what was asked for, and what this launcher finds, before any user code runs.

Each check is a function of its own near what it checks; here they come together, always all six, so that
none is missing where something went wrong before it was looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prefect_platform.launcher.report import Promise

NAMES = ("size", "gpu", "environment", "code", "secrets", "logs")
"""In the order in which people read them."""


class Promises:
    """What was found so far. `tell` is called with all six, whenever one was found."""

    def __init__(self, tell: Callable[[Iterable[Promise]], None]) -> None:
        self._tell = tell
        self._found: dict[str, Promise] = {}

    def keep(self, name: str, summary: str) -> None:
        """A promise is kept."""
        self._found[name] = Promise(name, kept=True, summary=summary)

    def break_(self, name: str, summary: str, differences: Iterable[str] = ()) -> None:
        """A promise is broken; `differences` name each thing that is not as it was asked for."""
        self._found[name] = Promise(name, kept=False, summary=summary, differences=tuple(differences))

    def found(self, name: str) -> bool:
        """Whether this one was looked at."""
        return name in self._found

    def tell(self) -> None:
        """Report all six: those that were not looked at count as broken."""
        self._tell(self._found.get(name) or _not_looked_at(name) for name in NAMES)


def _not_looked_at(name: str) -> Promise:
    return Promise(name, kept=False, summary="The start ended before this was looked at.")
