"""`prefect-platform cluster`."""

from __future__ import annotations

import click

from prefect_platform.cli.commands import Commands


@click.group(
    cls=Commands,
    lazy={
        "list": ("cluster_list", "The Dask clusters of a project, and what each belongs to."),
        "show": ("cluster_show", "One cluster: its workers, and what became of those it lost."),
        "scale": ("cluster_scale", "Want so many workers, or let the scheduler choose."),
        "open": ("cluster_open", "Open the Dask dashboard of a cluster in a browser."),
        "logs": ("cluster_logs", "What the scheduler or a worker has written."),
        "report": ("cluster_report", "The performance report of a cluster that has ended."),
        "delete": ("cluster_delete", "End clusters; their logs stay."),
    },
)
def command() -> None:
    """See, scale and end Dask clusters."""
