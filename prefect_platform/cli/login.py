from __future__ import annotations

import click

from prefect_platform.cli.connection import json_option


@click.command()
@click.argument("url")
@click.option("--token", help="By default it is asked for, so that no shell remembers it.")
@click.option("--project", default="default", show_default=True, help="The project you work in.")
@json_option
def command(url: str, token: str | None, project: str, as_json: bool) -> None:
    """Work with a platform elsewhere: check a token and keep it in the profile."""
    from prefect_platform.cli import output
    from prefect_platform.client.api import PlatformClient
    from prefect_platform.client.profile import Profile, profile_path, write_profile
    from prefect_platform.client.settings import clean_url

    address = clean_url(url)
    secret = (token or click.prompt("Token", hide_input=True, err=True)).strip()
    with PlatformClient(address, secret) as client:
        me = client.me()
        client.projects.get(project)
    path = profile_path()
    write_profile(path, Profile(address, secret, project))
    if as_json:
        print(output.as_json({"me": me, "profile": str(path)}))
    else:
        print(f"Signed in to {address} as {me.subject}, project {project}. The profile is {path}.")
