"""`prefect-platform`: the command line."""

from __future__ import annotations

import click

from prefect_platform._version import __version__
from prefect_platform.cli.commands import Root


@click.group(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"]},
    lazy={
        "up": ("up", "Start a platform on this machine: Prefect, the platform, an agent."),
        "down": ("down", "Stop the platform that `up` started on this machine."),
        "status": ("status", "Show which parts run, which agents were seen and which runs are open."),
        "doctor": ("doctor", "Check every part and say what to do about what is wrong."),
        "open": ("open", "Open the web UI in a browser, signed in."),
        "login": ("login", "Work with a platform elsewhere: check a token and keep it."),
        "flow": ("flow", "Register flows; see them, their versions and what differs."),
        "schedule": ("schedule", "See, pause and resume the schedules of flows."),
        "run": ("run", "Start, list, follow and cancel runs."),
        "resource": ("resource", "Agents and other resources: recipes, starts, stops, logs."),
        "jupyter": ("jupyter", "Make, open, start, stop and delete Jupyter servers."),
        "cluster": ("cluster", "See, scale and end Dask clusters."),
        "size": ("size", "Show the sizes that runs can ask for."),
        "usage": ("usage", "Show hours and price by flow, run, user, size and day."),
        "agent": ("agent", "Make, see, stop and delete agents, or be one."),
        "secret": ("secret", "Set, list and delete secrets, and see which runs used them."),
        "notification": ("notification", "Be told of events by mail, chat or webhook."),
        "project": ("project", "List and create projects."),
        "token": ("token", "Create, list and revoke your tokens."),
        "server": ("server", "Run the platform server in the foreground."),
        "launch": ("launch", "Be the first process of a workload."),
    },
)
@click.version_option(__version__, prog_name="prefect-platform")
def main() -> None:
    """Register Prefect flows; run them with their code and every byte of their log."""
