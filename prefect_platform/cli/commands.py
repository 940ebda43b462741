"""Groups whose commands are imported only when they are called: `--help` costs no more than click.

Each command is `command` in a module of its own; the group holds its name, its module and the first
line of its help. Errors of the platform become `Error: …` and an exit code here, and nowhere else.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import click

from prefect_platform.errors import NotFound, PlatformError, UsageError
from prefect_platform.names import nearest

FAILED, USAGE = 1, 2


class Commands(click.Group):
    """`lazy`: name → (module below `prefect_platform.cli`, one line of help)."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return None
        module = importlib.import_module(f"prefect_platform.cli.{self.lazy[cmd_name][0]}")
        return cast(click.Command, module.command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.lazy and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}.{nearest(args[0], self.lazy)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.lazy.items()])


class Root(Commands):
    """The outermost group: the name of the program, and what becomes of errors."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["prog_name"] = "prefect-platform"
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _spoken():
            try:
                return super().invoke(ctx)
            except PlatformError as error:
                kind = Misused if isinstance(error, UsageError | NotFound) else Failed
                raise kind(error.message) from error


class Failed(click.ClickException):
    exit_code = FAILED


class Misused(click.ClickException):
    exit_code = USAGE


@contextmanager
def _spoken() -> Iterator[None]:
    """Warnings as one line for people instead of a file and a line number."""
    with warnings.catch_warnings():
        warnings.showwarning = _say
        yield


def _say(message: Warning | str, *_: object, **__: object) -> None:
    print(f"Warning: {message}", file=sys.stderr)


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Imports of an optional part of this distribution, told by name where it is not installed.

    Raises:
        UsageError: something that the extra brings is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing.startswith("prefect_platform"):
            raise
        raise UsageError(
            f"This command needs {missing!r}, which is not installed: pip install 'prefect-platform[{name}]'"
        ) from error
