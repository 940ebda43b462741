from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option

if TYPE_CHECKING:
    from prefect_platform.wire.notifications import NotificationRule


@click.command()
@project_option
@json_option
def command(project: str | None, as_json: bool) -> None:
    """The notifications of a project, and what became of the last message."""
    from prefect_platform.cli import output

    with connected(project) as client:
        found = client.notifications.list(client.project)
        name = client.project
    if as_json:
        print(output.as_json(found))
        return
    rows = [
        (r.name, r.target, ", ".join(r.events), ", ".join(r.flows) or "all", "yes" if r.enabled else "no",
         r.waiting, output.ago(r.last_sent_at), failure(r))
        for r in found
    ]  # fmt: skip
    header = ("name", "to secret", "events", "flows", "enabled", "waiting", "last sent", "last failure")
    print(output.table(header, rows, nothing=f"No notifications in {name}."))


def failure(rule: NotificationRule) -> str | None:
    """When and why the last try that failed did."""
    from prefect_platform.cli import output

    if rule.last_failed_at is None:
        return None
    return f"{output.ago(rule.last_failed_at)}: {rule.last_failure}"
