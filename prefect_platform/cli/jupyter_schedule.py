from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, project_option
from prefect_platform.errors import UsageError

if TYPE_CHECKING:
    from prefect_platform.wire.jupyter_spec import JupyterSpec
    from prefect_platform.wire.secrets import SecretAttachment


@click.command()
@click.argument("name")
@click.argument("notebook")
@click.option("--as", "flow_name", help="Name of the deployment; by default the notebook's.")
@click.option("--cron", multiple=True, help="Such as '0 2 * * *'. May be given again.")
@click.option("--interval", multiple=True, metavar="SECONDS", help="May be given again.")
@click.option("--timezone", help="Of the schedules, such as Europe/Berlin.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="May be given again.")
@click.option("--include", multiple=True, metavar="PATTERN", help="Files that travel too.")
@project_option
def command(
    name: str,
    notebook: str,
    flow_name: str | None,
    cron: tuple[str, ...],
    interval: tuple[str, ...],
    timezone: str | None,
    params: tuple[str, ...],
    include: tuple[str, ...],
    project: str | None,
) -> None:
    """Register NOTEBOOK of the Jupyter server NAME as a flow, with the server's size, packages, variables,
    start script and secrets. Its path is below the server's working directory."""
    from prefect_platform.wire.jupyter_spec import JupyterSpec
    from prefect_platform.wire.resources import ResourceKind

    with connected(project) as client:
        one = client.resources.get(client.project, ResourceKind.JUPYTER_SERVER, name)
        project_name = client.project
    spec = JupyterSpec.model_validate(one.spec)
    folder = Path(spec.working_directory or f"~/jupyter/{one.project}/{one.name}").expanduser()
    said = {
        "--name": [flow_name] if flow_name else [],
        "--cron": cron,
        "--interval": interval,
        "--timezone": [timezone] if timezone else [],
        "--param": params,
        "--include": include,
        "--project": [project_name],
    }
    with tempfile.TemporaryDirectory(prefix="prefect-platform-") as directory:
        words = [*_options(said), *_of_server(spec, Path(directory))]
        sys.exit(_register(spec.interpreter or sys.executable, folder / notebook, words))


def _register(interpreter: str, notebook: Path, words: Sequence[str]) -> int:
    """Register with the server's own interpreter: its packages are those of the runs."""
    if not Path(interpreter).is_file():
        raise UsageError(
            f"The interpreter of this server, {interpreter}, is not on this machine: register the notebook "
            "in the server itself, with register('notebook.ipynb')."
        )
    command = [interpreter, "-m", "prefect_platform", "flow", "register", str(notebook), *words]
    return subprocess.run(command, check=False).returncode


def _of_server(spec: JupyterSpec, directory: Path) -> Iterator[str]:
    """What the runs have of the server."""
    from prefect_platform.wire import gpus

    files = {"--start-script": spec.start_script, "--requirements": spec.requirements}
    for option, text in files.items():
        if text:
            path = directory / option.strip("-")
            path.write_text(text, encoding="utf-8")
            yield from (option, str(path))
    yield from _options(
        {
            "--size": [spec.size] if spec.size else [],
            "--gpu": [gpus.said(spec.gpu)] if spec.gpu else [],
            "--env": [f"{name}={value}" for name, value in spec.variables.items()],
            "--package": spec.packages,
            "--secret": [_secret(one) for one in spec.secrets],
        }
    )


def _secret(one: SecretAttachment) -> str:
    return f"{one.secret}={one.variable}" if one.variable else f"{one.secret}:{one.path}:{one.mode:04o}"


def _options(said: dict[str, Sequence[str]]) -> Iterator[str]:
    for option, values in said.items():
        for value in values:
            yield from (option, value)
