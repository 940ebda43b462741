"""`prefect-platform resource`."""

from __future__ import annotations

import click

from prefect_platform.cli.commands import Commands


@click.group(
    cls=Commands,
    lazy={
        "apply": ("resource_apply", "Make and change resources as their recipes say."),
        "export": ("resource_export", "Recipes of resources, as YAML."),
        "clone": ("resource_clone", "Make another resource with the spec of one."),
        "schema": ("resource_schema", "The JSON Schema of recipes."),
        "list": ("resource_list", "The resources of a project, and how they are."),
        "show": ("resource_show", "One resource: what is wanted of it, and what was seen."),
        "start": ("resource_start", "Start resources."),
        "stop": ("resource_stop", "Stop resources, with their grace."),
        "restart": ("resource_restart", "End what runs of resources, and start them anew."),
        "open": ("resource_open", "Open a resource in a browser."),
        "extend": ("resource_extend", "Do not stop a resource for want of work for some time."),
        "logs": ("resource_logs", "The log of a resource's last start."),
        "delete": ("resource_delete", "Stop a resource, and forget it; its logs stay."),
    },
)
def command() -> None:
    """Agents and other resources: recipes, starts, stops, logs."""
