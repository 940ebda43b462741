from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from prefect_platform.cli.connection import connected, json_option, project_option
from prefect_platform.cli.environment_options import environment

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
SHUTOFFS = ["1h", "6h", "24h", "3d", "7d", "never"]


@click.command()
@click.argument("name")
@click.option("--description", help="What it is for.")
@click.option("--size", help="Of the catalogue, or `machine`; `prefect-platform size list` shows them.")
@click.option("--cores", type=float, help="In place of a size.")
@click.option("--memory", metavar="AMOUNT", help="In place of a size, such as 4GiB.")
@click.option("--gpu", metavar="COUNT|TYPE|MEMORY", help="Such as 1, A100:2, 24GB.. or 40GB..80GB:2.")
@click.option("--disk", metavar="AMOUNT", help="Room for its files that has to be there at a start.")
@click.option("--interpreter", metavar="PATH", help="The Python that runs it; by default the platform's own.")
@click.option("--package", "packages", multiple=True, metavar="REQUIREMENT",
              help="Added to what the interpreter has. May be given again.")  # fmt: skip
@click.option("--requirements", type=_FILE, help="The same, as a requirements file.")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="A variable. May be given again.")
@click.option("--start-script", type=_FILE, help="Bash, run before it at each start.")
@click.option(
    "--working-directory", metavar="PATH", help="Absolute or ~/…; by default ~/jupyter/PROJECT/NAME."
)
@click.option("--git", multiple=True, metavar="URL[@REF]", help="A repository to clone. May be given again.")
@click.option("--reclone", is_flag=True, help="Clone the repositories anew at each start.")
@click.option("--git-secret", metavar="NAME", help="Secret that opens the repositories.")
@click.option("--secret", "secrets", multiple=True, metavar="NAME[=VARIABLE|:PATH[:MODE]]",
              help="A secret that it gets. May be given again.")  # fmt: skip
@click.option("--shutoff", type=click.Choice(SHUTOFFS), help="After so long without work it is stopped; 1h.")
@click.option("--no-start", is_flag=True, help="Make it, and start it later.")
@project_option
@json_option
def command(name: str, no_start: bool, project: str | None, as_json: bool, **options: Any) -> None:
    """Make a Jupyter server: a JupyterLab on the platform, where `register` works with no set-up."""
    from prefect_platform.cli import output
    from prefect_platform.wire.resources import ResourceKind

    spec = _spec(options)
    with connected(project) as client:
        made = client.resources.create(
            client.project, ResourceKind.JUPYTER_SERVER, name, spec, start=not no_start
        )
    status = made.state.status.value
    then = "" if no_start else f" `prefect-platform jupyter open {made.name}` opens it."
    print(output.as_json(made) if as_json else f"Jupyter server {made.name} is {status}.{then}")


def _spec(options: dict[str, Any]) -> dict[str, Any]:
    """Only what was said."""
    from prefect_platform.wire.quantities import byte_count

    said = environment(options)
    said["variables"] = said.pop("env")
    for option, field in (("memory", "memory_bytes"), ("disk", "disk_bytes")):
        given = options.pop(option)
        said[field] = None if given is None else _read(option, byte_count, given)
    for option in ("requirements", "start_script"):
        file = options.pop(option)
        said[option] = None if file is None else file.read_text(encoding="utf-8")
    said["gpu"] = _gpu(options.pop("gpu"))
    said["secrets"] = _secrets(options.pop("secrets"))
    said["git"] = _git(options)
    return {field: value for field, value in {**options, **said}.items() if value not in (None, [], {})}


def _read(option: str, how: Any, text: str) -> Any:
    try:
        return how(text)
    except ValueError as error:
        raise click.BadParameter(f"{text}: {error}.", param_hint=f"--{option}") from None


def _gpu(text: str | None) -> dict[str, Any] | None:
    from prefect_platform.wire.gpus import parse

    found = None if text is None else parse(text)
    return None if found is None else found.model_dump(mode="json")


def _secrets(given: tuple[str, ...]) -> list[dict[str, Any]]:
    from prefect_platform.flows.secrets import check_secrets

    return [one.model_dump(mode="json", exclude_defaults=True) for one in check_secrets(given)]


def _git(options: dict[str, Any]) -> list[dict[str, Any]]:
    urls, reclone, secret = (options.pop(name) for name in ("git", "reclone", "git_secret"))
    found = []
    for text in urls:
        head, at, ref = text.rpartition("@")
        place = head.partition("://")[2] or head
        plain = not at or "/" not in place  # the `@` of a user, or none
        one = {"url": text} if plain else {"url": head, "ref": ref}
        one |= {"on_restart": "reclone"} if reclone else {}
        found.append(one | ({"secret": secret} if secret else {}))
    return found
