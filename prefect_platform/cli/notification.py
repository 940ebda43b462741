"""`prefect-platform notification`."""

from __future__ import annotations

import click

from prefect_platform.cli.commands import Commands


@click.group(
    cls=Commands,
    lazy={
        "create": ("notification_create", "Be told of events by mail, chat or webhook."),
        "list": ("notification_list", "The notifications of a project, and what became of the last message."),
        "show": ("notification_show", "One notification, and what it was to send."),
        "test": ("notification_test", "Send a message now, and say what became of it."),
        "enable": ("notification_enable", "Send again."),
        "disable": ("notification_disable", "Send nothing; what waits is dropped."),
        "delete": ("notification_delete", "Delete a notification; its secret stays."),
    },
)
def command() -> None:
    """Make notifications, test them, and see what was sent."""
