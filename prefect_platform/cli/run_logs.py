from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, project_option
from prefect_platform.errors import NotFound, Removed

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient
    from prefect_platform.wire.logs import LogSource
    from prefect_platform.wire.runs import RunDetail


@click.command()
@click.argument("run")
@click.option(
    "-f", "--follow", "live", is_flag=True, help="Go on until the run is over; exit 0 if it succeeded."
)
@click.option("--source", help="Only this source, as its exact bytes: `flow`, `launcher`.")
@click.option("--tail", type=click.IntRange(1), help="Only the last lines of each source.")
@project_option
def command(run: str, live: bool, source: str | None, tail: int | None, project: str | None) -> None:
    """Print the log of a run, or follow it."""
    from prefect_platform.cli import following
    from prefect_platform.cli.found_run import find_run

    if live and tail:
        raise click.UsageError("--tail and --follow do not go together.")
    with connected(project) as client:
        found = find_run(client, run)
        if live:
            sys.exit(0 if following.follow(client, found.id, source) else 1)
        chosen = _chosen(found, client.logs.sources(found.id), source)
        _print(client, found, _kept(chosen), tail)


def _kept(sources: Sequence[LogSource]) -> Sequence[LogSource]:
    """Those that are there. Of each that retention removed, it is told beside the log that it was.

    Raises:
        Removed: that is all of them.
    """
    gone = [source.removal for source in sources if source.removal]
    if gone and len(gone) == len(sources):
        raise Removed("\n".join(gone))
    for words in gone:
        click.echo(words, err=True)
    return [source for source in sources if not source.removal]


def _chosen(run: RunDetail, sources: Sequence[LogSource], wanted: str | None) -> Sequence[LogSource]:
    if wanted is None:
        return sources
    chosen = [source for source in sources if source.source == wanted]
    if not chosen:
        known = ", ".join(sorted({source.source for source in sources})) or "nothing yet"
        raise NotFound(f"The log of run {run.name} has no source {wanted!r}. It has: {known}.")
    return chosen


def _print(client: PlatformClient, run: RunDetail, sources: Sequence[LogSource], tail: int | None) -> None:
    from prefect_platform.cli.following import Lines, labels

    out = sys.stdout.buffer
    if len(sources) == 1:
        for piece in _pieces(client, sources[0], tail):
            out.write(piece)
    else:
        lines, before = Lines(out), labels(run)
        for source in sources:
            for piece in _pieces(client, source, tail):
                lines.write(f"{before.get(source.workload_id, '')}{source.source}", piece)
            lines.close()
    out.flush()


def _pieces(client: PlatformClient, source: LogSource, tail: int | None) -> Iterator[bytes]:
    start, end = 0, source.size
    if tail is not None:
        last = client.logs.read(source.workload_id, source.source, tail=tail)
        start, end = last.offset, last.end
    return client.logs.pieces(source.workload_id, source.source, start, end)
