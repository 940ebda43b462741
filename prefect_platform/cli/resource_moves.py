"""What is asked of resources by name, one after the other: to start, to stop, to start anew."""

from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


def moving(verb: str, done: str, text: str) -> click.Command:
    """The command that asks `verb` of each resource named, and says `KIND NAME done.`"""

    @click.command(verb, help=text)
    @click.argument("names", nargs=-1, required=True)
    @project_option
    def command(names: tuple[str, ...], project: str | None) -> None:
        from prefect_platform.cli.found_resource import found

        with connected(project) as client:
            move = getattr(client.resources, verb)
            for name in names:
                one = found(client, name)
                move(client.project, one.kind, one.name)
                print(f"{one.kind.value} {one.name} {done}.")

    return command
