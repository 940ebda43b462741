"""Hits of a search on the terminal, a line each as they are found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from prefect_platform.cli import output
from prefect_platform.cli.following import labels
from prefect_platform.client.logs import MOST_HITS

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient
    from prefect_platform.wire.logs import LogHit, LogLevel
    from prefect_platform.wire.runs import RunDetail


def show(
    client: PlatformClient,
    run: RunDetail,
    text: str | None,
    level: LogLevel | None,
    *,
    case: bool,
    source: str | None,
    as_json: bool,
) -> None:
    """Print every line with a text or of a level."""
    sources = [source] if source is not None else []
    hits = client.logs.search(run.id, text, level=level, case=case, sources=sources)
    count = _print(run, hits, as_json)
    if count == MOST_HITS:
        click.echo(f"These are the first {count:,} lines; there may be more.", err=True)


def show_first_error(client: PlatformClient, run: RunDetail, as_json: bool) -> None:
    """Print the line that says what went wrong."""
    hit = client.logs.first_error(run.id)
    _print(run, [] if hit is None else [hit], as_json)


def _print(run: RunDetail, hits: Iterable[LogHit], as_json: bool) -> int:
    """How many there were."""
    if as_json:
        found = list(hits)
        print(output.as_json(found))
        return len(found)
    before, count = labels(run), 0
    for count, hit in enumerate(hits, 1):  # noqa: B007 - the last number is how many there were
        click.echo(f"{before.get(hit.workload_id, '')}{hit.source}:{hit.line + 1} | {_marked(hit)}")
    if not count:
        click.echo("No line is like that.", err=True)
    return count


def _marked(hit: LogHit) -> str:
    found = click.style(hit.text[hit.start : hit.end], fg="red", bold=True)
    return f"{hit.text[: hit.start]}{found}{hit.text[hit.end :]}"
