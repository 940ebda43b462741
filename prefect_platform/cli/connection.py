"""Which platform and project a command works with; options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient

Command = TypeVar("Command", bound=Callable[..., Any])


def project_option(command: Command) -> Command:
    return click.option("--project", help="Project; by default the one of your profile.")(command)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def named_secret(command: Command) -> Command:
    """Argument and options of a command that shows something of one secret."""
    return click.argument("name")(project_option(json_option(command)))


def limit_option(command: Command) -> Command:
    kind = click.IntRange(1, 1000)
    return click.option("--limit", type=kind, default=50, show_default=True, help="At most so many.")(command)


@contextmanager
def connected(project: str | None = None) -> Iterator[PlatformClient]:
    """A client of the platform that environment or profile name; `client.project` is the one to use."""
    from prefect_platform.client.settings import connect

    client = connect(project=project)
    try:
        yield client
    finally:
        client.close()
