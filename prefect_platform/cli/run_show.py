from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from prefect_platform.wire.logs import LogSource
    from prefect_platform.wire.promises import Promise
    from prefect_platform.wire.runs import Attempt, RunDetail, Workload


@click.command()
@click.argument("run")
@project_option
@json_option
def command(run: str, project: str | None, as_json: bool) -> None:
    """One run: its attempts, their timeline and why they ended."""
    from prefect_platform.cli import output
    from prefect_platform.cli.found_run import find_run

    with connected(project) as client:
        found = find_run(client, run)
        sources = client.logs.sources(found.id)
    click.echo(
        output.as_json({"run": found, "logs": sources}) if as_json else "\n\n".join(_shown(found, sources))
    )


def _shown(run: RunDetail, sources: Sequence[LogSource]) -> Iterator[str]:
    from prefect_platform.cli import output
    from prefect_platform.cli.cluster_words import text

    yield output.facts(
        [
            ("run", run.name),
            ("id", run.id),
            ("flow", f"{run.flow_name} version {run.version_number}"),
            ("deployment", run.deployment_name),
            ("status", (run.status.value if run.status else "waiting")),
            ("reason", run.reason),
            ("in prefect", run.prefect_state),
            ("created", run.created_at),
            ("queued", None if run.queued_seconds is None else output.duration(run.queued_seconds)),
            ("took", output.between(run.started_at, run.ended_at)),
            ("address", run.url),
        ]
    )
    for attempt in run.attempt_list:
        yield _attempt(attempt)
    for cluster in run.clusters:
        yield f"Dask cluster\n{text(cluster)}"
    rows = [
        (s.source, output.size(s.size), f"{s.lines:,}", _seal(s), ", ".join(g.reason for g in s.gaps))
        for s in sources
    ]
    yield output.table(("log", "size", "lines", "sealed", "gaps"), rows, nothing="No log yet.")


def _attempt(attempt: Attempt) -> str:
    """When each state and step was reached, from the request for the attempt on."""
    from prefect_platform.cli import output

    workload = attempt.workload
    moments: list[tuple[datetime, str, str | None]] = [
        (move.at, move.status.value, f"{move.reason or ''} ({move.actor})") for move in workload.transitions
    ]
    moments += [(step.at, f"  {step.name}", step.detail) for step in workload.steps]
    begun = workload.created_at
    rows = [(f"{(at - begun).total_seconds():.3f} s", name, note) for at, name, note in sorted(moments)]
    width = max((len(name) for _, name, _ in rows), default=0)
    lines = [
        f"{after:>12}  {name.ljust(width)}  {output.cell(note)}".rstrip(" -") for after, name, note in rows
    ]
    head = f"attempt {attempt.number}: {attempt.status.value}" + (
        f" - {attempt.reason}" if attempt.reason else ""
    )
    lines.append(f"{'':>12}  {given(workload)}")
    peak = workload.end.peak_memory_bytes if workload.end else None
    if peak is not None:
        lines.append(f"{'':>12}  at most {output.size(peak)} of {output.size(workload.memory_bytes)} memory")
    lines += _promises(workload.promises or [])
    return "\n".join([head, *lines])


def given(workload: Workload) -> str:
    """What it was given, or is to be given: `large: 2 cores, 16 GiB; GPU-…`."""
    from prefect_platform.wire.gpus import words
    from prefect_platform.wire.quantities import shown_bytes, shown_cores

    named = f"{workload.size}: " if workload.size else ""
    gpu = f", {words(workload.gpu)}" if workload.gpu else ""
    devices = f": {', '.join(workload.gpus)}" if workload.gpus else ""
    return f"{named}{shown_cores(workload.cores)}, {shown_bytes(workload.memory_bytes)} memory{gpu}{devices}"


def _promises(promises: Sequence[Promise]) -> Iterator[str]:
    """Kept or broken, one a line; a broken one is red, with what is not as it was asked for."""
    for promise in promises:
        word = (
            click.style("kept  ", fg="green") if promise.kept else click.style("broken", fg="red", bold=True)
        )
        yield f"{promise.name.value:>12}  {word}  {promise.summary}"
        yield from (f"{'':>12}          {difference}" for difference in promise.differences)


def _seal(source: LogSource) -> str:
    if source.removed_at is not None:
        return f"removed {source.removed_at.date().isoformat()} by retention"
    return f"SHA-256 {source.sha256[:12]}" if source.sealed_at and source.sha256 else "not yet"
