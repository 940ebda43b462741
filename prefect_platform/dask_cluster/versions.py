"""Python, dask, distributed and Prefect must agree between client, scheduler and workers."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable, Mapping
from typing import Any

import distributed

from prefect_platform.errors import UsageError

COMPARED = ("dask", "distributed", "cloudpickle", "prefect", "prefect-platform")
"""Distributions whose versions must be equal."""


def installed() -> dict[str, str | None]:
    """What this process has. Python by its first two numbers, as pickles of functions do not go further."""
    return {"python": _python(), **{name: _version(name) for name in COMPARED}}


def _python() -> str:
    return ".".join(platform.python_version_tuple()[:2])


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def check(client: distributed.Client) -> None:
    """Compare this process with the cluster.

    Raises:
        UsageError: they differ; the message has every difference.
    """
    mine = installed()
    # what dask itself can answer: nothing of ours is needed there, nor the same Python
    known: Any = client.get_versions()
    places = {"the scheduler": known["scheduler"], **dict(known["workers"].items())}
    _raise_if(differences(mine, {place: _of_dask(found) for place, found in places.items()}))
    probe = _probe(COMPARED)
    found = {"the scheduler": client.run_on_scheduler(probe), **client.run(probe)}
    _raise_if(differences(mine, found))


def _of_dask(found: Mapping[str, Any] | None) -> dict[str, str | None]:
    if not found:
        return {}
    python = ".".join(str(found["host"]["python"]).split(".")[:2])
    return {"python": python} | {name: found["packages"].get(name) for name in ("dask", "distributed")}


def _probe(names: Iterable[str]) -> Any:
    names = tuple(names)

    def versions() -> dict[str, str | None]:
        # a function in a function travels by value: the other side may lack this module
        import importlib.metadata

        found: dict[str, str | None] = {}
        for name in names:
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                found[name] = None
        return found

    return versions


def differences(mine: Mapping[str, str | None], places: Mapping[str, Mapping[str, str | None]]) -> list[str]:
    """One line for every name that differs somewhere."""
    lines = []
    for name, version in mine.items():
        others: dict[str | None, list[str]] = {}
        for place, found in places.items():
            if name in found and found[name] != version:
                others.setdefault(found[name], []).append(place)
        lines += [
            f"{name} is {version or 'not installed'} here and {other or 'not installed'} on {_some(where)}"
            for other, where in others.items()
        ]
    return lines


def _some(places: list[str]) -> str:
    shown = ", ".join(places[:3])
    return shown if len(places) <= 3 else f"{shown} and {len(places) - 3} more"


def _raise_if(lines: list[str]) -> None:
    if lines:
        raise UsageError(
            "This flow and its Dask cluster do not fit together, so no task was run: "
            + "; ".join(lines)
            + ". Start the cluster from the environment of the flow, or install the same versions."
        )
