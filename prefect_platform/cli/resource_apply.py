from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option

if TYPE_CHECKING:
    from prefect_platform.wire.recipes import RecipeOutcome

SIGNS = {"create": "+", "change": "~", "unchanged": "="}


@click.command()
@click.option("-f", "--file", "files", multiple=True, required=True, help="Recipe, folder of them, or -.")
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--no-start", is_flag=True, help="Do not start what is made.")
@project_option
@json_option
def command(
    files: tuple[str, ...], dry_run: bool, yes: bool, no_start: bool, project: str | None, as_json: bool
) -> None:
    """Make and change resources as their recipes say; shows the plan first. Again: nothing more is done."""
    from prefect_platform.cli import output, recipe_files

    recipes = recipe_files.read(files)
    with connected(project) as client:
        plan = client.resources.apply(client.project, recipes, dry_run=True)
        if not as_json:
            print(shown(plan))
        todo = [one for one in plan if one.action != "unchanged"]
        if todo and not dry_run:
            if not yes and not as_json:
                click.confirm(f"Apply {len(todo)} of {len(plan)}?", abort=True)
            plan = client.resources.apply(client.project, recipes, start=not no_start)
    if as_json:
        print(output.as_json(plan))
    elif todo and not dry_run:
        print(_done(plan))


def shown(plan: Sequence[RecipeOutcome]) -> str:
    """The plan for people: what is made, what is changed from what to what, what has to be restarted."""
    lines = []
    for one in plan:
        restart = "  (needs a restart)" if one.needs_restart else ""
        lines.append(f"{SIGNS[one.action]} {one.kind.value} {one.name}  {one.action.value}{restart}")
        if one.action == "change":
            lines += [f"    {ch.field}: {_value(ch.before)} -> {_value(ch.after)}" for ch in one.changes]
    return "\n".join(lines)


def _value(value: object) -> str:
    return "default" if value is None else str(value)


def _done(plan: Sequence[RecipeOutcome]) -> str:
    waiting = [one for one in plan if one.needs_restart]
    made = sum(one.action == "create" for one in plan)
    changed = sum(one.action == "change" for one in plan)
    text = f"{made} made, {changed} changed, {len(plan) - made - changed} as they were."
    if waiting:
        names = " ".join(f"{one.kind.value}/{one.name}" for one in waiting)
        text += f" What runs goes on as it was until: prefect-platform resource restart {names}"
    return text
