"""Versions that a client and its cluster must share, or tasks fail in ways that nobody understands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMED = ("dask", "distributed", "cloudpickle")


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Each version that is not the same, by what `distributed.versions.get_versions` says on either side."""
    mine, other = _python(ours), _python(theirs)
    found = [] if mine[:2] == other[:2] else [_said("Python", _dotted(mine), _dotted(other))]
    here, there = ours["packages"], theirs["packages"]
    return found + [
        _said(name, here.get(name), there.get(name)) for name in NAMED if here.get(name) != there.get(name)
    ]


def _said(name: str, ours: object, theirs: object) -> str:
    return f"{name} {ours or 'missing'} here, {theirs or 'missing'} in the cluster"


def _python(said: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(dict(said["host"]).get("python", "").split(".")[:3])


def _dotted(version: tuple[Any, ...]) -> str:
    return ".".join(map(str, version))
