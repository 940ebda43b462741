from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, project_option


@click.command()
@click.argument("name")
@project_option
@json_option
def command(name: str, project: str | None, as_json: bool) -> None:
    """One notification, and what it was to send."""
    from prefect_platform.cli import output
    from prefect_platform.cli.notification_list import failure

    with connected(project) as client:
        rule = client.notifications.get(client.project, name)
        messages = client.notifications.messages(client.project, name)
    if as_json:
        print(output.as_json({"notification": rule, "messages": messages}))
        return
    print(
        output.facts(
            [
                ("notification", rule.name),
                ("to secret", rule.target),
                ("events", ", ".join(rule.events)),
                ("states", ", ".join(rule.states)),
                ("flows", ", ".join(rule.flows) or "all"),
                ("pause", f"{rule.pause_seconds} s"),
                ("enabled", "yes" if rule.enabled else "no"),
                ("by", rule.created_by),
                ("waiting", rule.waiting),
                ("last sent", output.ago(rule.last_sent_at)),
                ("last failure", failure(rule)),
            ]
        )
    )
    rows = [(m.created_at, m.status.value, m.tries, m.title or m.kind.value, m.reason) for m in messages]
    print("\n" + output.table(("at", "status", "tries", "message", "reason"), rows, nothing="Nothing yet."))
