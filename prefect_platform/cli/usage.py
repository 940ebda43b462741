from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option

if TYPE_CHECKING:
    from prefect_platform.wire.usage import Usage, UsageAmounts, UsageBy, UsageRow

AMOUNTS = ("hours", "core-hours", "GiB-hours", "GPU-hours", "price", "unpriced-hours")


@click.command()
@click.option("--since", help="A date or time; by default 30 days before the end.")
@click.option("--until", help="A date or time that is not included; by default now.")
@click.option(
    "--by", default="flow", show_default=True, help="Any of flow, run, user, size, kind and day: flow,day."
)
@click.option(
    "--timezone", default="UTC", show_default=True, help="Where days begin and end, such as Europe/Paris."
)
@project_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
def command(
    since: str | None,
    until: str | None,
    by: str,
    timezone: str,
    project: str | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Hours and price of what a project ran, with totals."""
    from prefect_platform.cli import output

    if as_csv and as_json:
        raise click.UsageError("--csv and --json: take one of them.")
    with connected(project) as client:
        if as_csv:
            text = client.usage.csv(client.project, since=since, until=until, by=by, timezone=timezone)
            click.echo(text.encode(), nl=False)  # bytes: the ends of its lines are the format's own
            return
        found = client.usage.get(client.project, since=since, until=until, by=by, timezone=timezone)
    print(output.as_json(found) if as_json else _shown(found))


def _shown(usage: Usage) -> str:
    from zoneinfo import ZoneInfo

    from prefect_platform.cli import output

    zone = ZoneInfo(usage.timezone)
    begin, end = (f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (usage.since, usage.until))
    heading = f"Project {usage.project}, {begin} to {end} ({usage.timezone})"
    header = (*(by.value for by in usage.by), *AMOUNTS)
    rows = [(*_labels(row, usage.by), *_amounts(row)) for row in usage.rows]
    if rows:
        rows.append(("total", *[""] * (len(usage.by) - 1), *_amounts(usage.total)))
    return f"{heading}\n\n{output.table(header, rows, nothing='Nothing held room in that time.')}"


def _labels(row: UsageRow, by: list[UsageBy]) -> list[object]:
    return [row.run_name or row.run if one.value == "run" else getattr(row, one.value) for one in by]


def _amounts(sums: UsageAmounts) -> list[str]:
    hours = (sums.hours, sums.core_hours, sums.memory_gib_hours, sums.gpu_hours)
    price = "" if sums.price is None else f"{sums.price:.2f}"
    return [*(f"{one:.3f}" for one in hours), price, f"{sums.unpriced_hours:.3f}"]
