from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option

if TYPE_CHECKING:
    from prefect_platform.wire.projects import Project


@click.command()
@click.argument("name")
@json_option
def command(name: str, as_json: bool) -> None:
    """One project, with the Prefect that it talks to."""
    from prefect_platform.cli import output

    with connected() as client:
        project = client.projects.get(name)
    print(output.as_json(project) if as_json else output.facts(_facts(project)))


def _facts(project: Project) -> list[tuple[str, object]]:
    return [
        ("project", project.name),
        ("role", project.role and project.role.value),
        ("prefect", project.orchestrator_url),
        ("prefect ui", project.orchestrator_ui_url),
        ("prefect secret", project.orchestrator_secret),
        ("work pool", project.work_pool),
        ("created", project.created_at),
    ]


def talks_to(project: Project) -> str:
    """What a change of a project is answered with: where it stands, and what is wrong there."""
    as_whom = f", with the key in secret {project.orchestrator_secret}" if project.orchestrator_secret else ""
    first = f"Project {project.name} talks to {project.orchestrator_url}{as_whom}."
    return "\n".join([first, *(f"Note: {note}" for note in project.notes)])
