"""`--trigger JSON|FILE`: Prefect's deployment triggers, as `register(triggers=[...])` takes them as dicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from prefect_platform.errors import foreign

Command = TypeVar("Command", bound=Callable[..., Any])
LARGEST = 1 << 20
"""Bytes of a file of triggers."""
_EXAMPLE = """such as '{"type": "event", "expect": ["file.arrived"]}'"""


def trigger_option(command: Command) -> Command:
    text = "A deployment trigger of Prefect: a JSON object, or a file with one or a list. May be given again."
    return click.option("--trigger", "triggers", multiple=True, metavar="JSON|FILE", help=text)(command)


def triggers(given: Iterable[str]) -> list[dict[str, Any]]:
    """The triggers that `--trigger` gave; what one may say is for `register` to check.

    Raises:
        click.BadParameter: a file cannot be read, or something is no JSON object.
    """
    return [found for text in given for found in _one(text.strip())]


def _one(text: str) -> list[dict[str, Any]]:
    inline = text.startswith(("{", "["))
    where = "it" if inline else text
    try:
        value = json.loads(text if inline else _content(text))
    except (ValueError, RecursionError) as error:
        raise _wrong(f"{where} is no JSON: {error}; expected an object, {_EXAMPLE}") from None
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(one, dict) for one in found):
        raise _wrong(f"{where} holds no JSON object, {_EXAMPLE}, or list of them")
    return found


def _content(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        what = f"{foreign(name)!r} is no JSON object, {_EXAMPLE}, and no file that can be read"
        raise _wrong(f"{what}: {why}") from None
    if len(data) > LARGEST:
        raise _wrong(f"{name} has more than {LARGEST} bytes: it holds no triggers")
    return data.decode("utf-8")


def _wrong(why: str) -> click.BadParameter:
    return click.BadParameter(f"{why}.", param_hint="--trigger")
