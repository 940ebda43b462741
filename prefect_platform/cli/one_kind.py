"""Commands of `resource` for one kind alone: names need no kind before them, everything else is shared."""

from __future__ import annotations

from typing import Any

import click


def of_kind(kind: str, command: click.Command, text: str) -> click.Command:
    """`command`, which takes `name` or `names`, for resources of this kind, with a help text of its own."""

    def named(name: str) -> str:
        return f"{kind}/{name.removeprefix(f'{kind}/')}"

    def callback(**given: Any) -> Any:
        if "name" in given:
            given["name"] = named(given["name"])
        if "names" in given:
            given["names"] = tuple(map(named, given["names"]))
        assert command.callback is not None
        return command.callback(**given)

    return click.Command(command.name, callback=callback, params=command.params, help=text)
