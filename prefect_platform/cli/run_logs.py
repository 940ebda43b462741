from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from prefect_platform.cli.connection import connected, json_option, project_option
from prefect_platform.errors import NotFound, Removed

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient
    from prefect_platform.wire.logs import LogSource
    from prefect_platform.wire.runs import RunDetail

_LOOKS = ("search", "level", "first_error")
"""Options that look for lines; one of them at a time."""


@click.command()
@click.argument("run")
@click.option(
    "-f", "--follow", "live", is_flag=True, help="Go on until the run is over; exit 0 if it succeeded."
)
@click.option("--source", help="Only this source, as its exact bytes: `flow`, `launcher`.")
@click.option("--tail", type=click.IntRange(1), help="Only the last lines of each source.")
@click.option("--search", metavar="TEXT", help="Only lines with this text, each with its source and number.")
@click.option("--case", is_flag=True, help="With --search: upper and lower case are not the same.")
@click.option("--level", type=click.Choice(["error", "warning"]), help="Only lines that are as grave.")
@click.option("--first-error", is_flag=True, help="Only the line that says what went wrong.")
@project_option
@json_option
def command(run: str, project: str | None, as_json: bool, **asked: Any) -> None:
    """Print the log of a run, follow it, or look for lines in it."""
    from prefect_platform.cli.found_run import find_run

    _check(as_json, **asked)
    with connected(project) as client:
        _show(client, find_run(client, run), as_json, **asked)


def _check(as_json: bool, *, live: bool, tail: int | None, case: bool, **looked_for: Any) -> None:
    """Raises UsageError for options that do not go together."""
    names = [f"--{name.replace('_', '-')}" for name in _LOOKS if looked_for[name]]
    if len(names) > 1:
        raise click.UsageError(f"{' and '.join(names)} do not go together.")
    if live and tail:
        raise click.UsageError("--tail and --follow do not go together.")
    if names and (live or tail):
        raise click.UsageError(
            f"{names[0]} looks in what is there: it goes with neither --follow nor --tail."
        )
    if case and not looked_for["search"]:
        raise click.UsageError("--case goes with --search.")
    if as_json and not names:
        raise click.UsageError("--json goes with --search, --level and --first-error: a log is bytes.")


def _show(
    client: PlatformClient,
    found: RunDetail,
    as_json: bool,
    *,
    live: bool,
    source: str | None,
    tail: int | None,
    search: str | None,
    case: bool,
    level: str | None,
    first_error: bool,
) -> None:
    from prefect_platform.cli import following, log_search
    from prefect_platform.wire.logs import LogLevel

    if first_error:
        log_search.show_first_error(client, found, as_json)
    elif search or level:
        wanted = LogLevel(level) if level else None
        log_search.show(client, found, search, wanted, case=case, source=source, as_json=as_json)
    elif live:
        sys.exit(0 if following.follow(client, found.id, source) else 1)
    else:
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
