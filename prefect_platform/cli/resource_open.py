from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command("open")
@click.argument("name")
@click.option("--browser/--no-browser", default=True, help="Whether to open it, beside printing the link.")
@project_option
def command(name: str, browser: bool, project: str | None) -> None:
    """Print the link that opens a resource, by NAME or KIND/NAME, once; and open it in a browser."""
    from prefect_platform.cli.found_resource import found

    with connected(project) as client:
        one = found(client, name)
        link = client.resources.open(client.project, one.kind, one.name)
    print(link.url)
    if browser:
        import webbrowser

        webbrowser.open(link.url)
