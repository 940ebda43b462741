"""`prefect-platform run`."""

from __future__ import annotations

import click

from prefect_platform.cli.commands import Commands


@click.group(
    cls=Commands,
    lazy={
        "start": ("run_start", "Start a flow now."),
        "list": ("run_list", "Runs, newest first."),
        "show": ("run_show", "One run: its attempts, their timeline and why they ended."),
        "logs": ("run_logs", "Print the log of a run, or follow it."),
        "cancel": ("run_cancel", "Cancel a run."),
    },
)
def command() -> None:
    """Start, list, follow and cancel runs."""
