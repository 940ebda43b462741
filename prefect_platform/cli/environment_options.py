"""Options of a command that are about the environment of a run, and what `register` is told of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option("--env", multiple=True, metavar="NAME=VALUE",
                 help="A variable of the run. May be given again."),
    click.option("--package", "packages", multiple=True, metavar="REQUIREMENT",
                 help="Added to what is installed, such as 'polars>=1'. May be given again."),
    click.option("--requirements", type=_FILE, help="The same, as a requirements file."),
    click.option("--start-script", type=_FILE, help="Bash, run before the flow; ends the run if it fails."),
    click.option("--working-directory", metavar="PATH",
                 help="Where the run starts; made if it is not there."),
    click.option("--strict/--no-strict", default=None,
                 help="Whether a run whose packages differ from those here ends before the flow begins."),
)  # fmt: skip


def environment_options(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def environment(options: dict[str, Any]) -> dict[str, Any]:
    """These options, taken out of all, as arguments of `register`.

    Raises:
        click.BadParameter: a variable has no `=`, or a name came twice.
    """
    variables: dict[str, str] = {}
    for pair in options.pop("env"):
        name, equals, value = pair.partition("=")
        if not equals or not name:
            # What was given may be a value: it is not repeated.
            raise click.BadParameter("expected NAME=VALUE.", param_hint="--env")
        if name in variables:
            raise click.BadParameter(f"{name!r} is given twice.", param_hint="--env")
        variables[name] = value
    packages = list(options.pop("packages"))
    return {"env": variables or None, "packages": packages or None}
