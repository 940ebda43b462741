"""How two environments differ, one sentence a thing: for a registration and for `flow diff`.

Never a value of a variable: it may be one that nobody should read in passing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefect_platform.wire.environments import Distribution, EnvironmentSpec

_NAMED = 20
"""Packages that are named; of more only the number is told."""


def changes(before: EnvironmentSpec | None, after: EnvironmentSpec | None) -> list[str]:
    """What differs. An environment that was not captured is told, and compared with nothing."""
    if before is None or after is None:
        return (
            [] if before is after else ["environment: captured now" if after else "environment: not captured"]
        )
    return [
        *_python(before, after),
        *_packages(before, after),
        *(f"requirement {line} {word}" for line, word in _sets(before.packages, after.packages)),
        *_variables(before.variables, after.variables),
        *_texts(before, after),
        *_secrets(before, after),
    ]


def _python(before: EnvironmentSpec, after: EnvironmentSpec) -> Iterator[str]:
    old, new = (f"{one.implementation} {one.python_version}" for one in (before, after))
    if old != new:
        yield f"{old} -> {new}"


def _packages(before: EnvironmentSpec, after: EnvironmentSpec) -> Iterator[str]:
    old = {one.name: _told(one) for one in before.distributions}
    new = {one.name: _told(one) for one in after.distributions}
    found = [
        f"{name} {new[name]} added"
        if name not in old
        else f"{name} {old[name]} removed"
        if name not in new
        else f"{name} {old[name]} -> {new[name]}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    yield from found[:_NAMED]
    if len(found) > _NAMED:
        yield f"{len(found) - _NAMED} more packages differ"


def _told(one: Distribution) -> str:
    if one.commit:
        return f"{one.version} (commit {one.commit[:12]})"
    return one.version if one.origin == "index" else f"{one.version} ({one.origin.value})"


def _variables(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            word = "added" if name not in old else "removed" if name not in new else "changed"
            yield f"variable {name} {word}"


def _texts(before: EnvironmentSpec, after: EnvironmentSpec) -> Iterator[str]:
    for name in ("start_script", "working_directory"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            word = "added" if old is None else "removed" if new is None else "changed"
            yield f"{name.replace('_', ' ')} {word}"


def _secrets(before: EnvironmentSpec, after: EnvironmentSpec) -> Iterator[str]:
    old, new = ({_attached(one) for one in spec.secrets} for spec in (before, after))
    yield from (f"secret {one} attached" for one in sorted(new - old))
    yield from (f"secret {one} no longer attached" for one in sorted(old - new))


def _attached(one: Any) -> str:
    return f"{one.secret} as {one.variable or one.path}"


def _sets(old: list[str], new: list[str]) -> Iterator[tuple[str, str]]:
    yield from ((line, "added") for line in new if line not in old)
    yield from ((line, "removed") for line in old if line not in new)
