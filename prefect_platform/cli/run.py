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
        "logs": ("run_logs", "Print, follow or search the log of a run."),
        "tasks": ("run_tasks", "The task runs of a run, and what each waited for."),
        "parameters": ("run_parameters", "What a run was started with."),
        "environment": ("run_environment", "The packages of a run beside those that were registered."),
        "cancel": ("run_cancel", "Cancel a run."),
    },
)
def command() -> None:
    """Start, list, follow and cancel runs."""
