"""`--param name=value`: the value as JSON, or as a string where it is no JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def param_option(command: Command) -> Command:
    text = "name=value; the value is JSON, or else a string. May be given again."
    return click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help=text)(command)


def parameters(pairs: Iterable[str]) -> dict[str, Any]:
    """The parameters that `--param` gave.

    Raises:
        click.BadParameter: one has no `=`, or a name came twice.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{pair!r}: expected name=value.", param_hint="--param")
        if name in found:
            raise click.BadParameter(f"{name!r} is given twice.", param_hint="--param")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
