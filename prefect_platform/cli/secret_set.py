from __future__ import annotations

import sys
from pathlib import Path

import click

from prefect_platform.cli.connection import connected, json_option, project_option
from prefect_platform.errors import UsageError


@click.command()
@click.argument("name")
@click.argument("stdin", metavar="[-]", required=False)
@click.option("--from-file", type=click.Path(path_type=Path), help="A file with the value; - is stdin.")
@project_option
@json_option
def command(name: str, stdin: str | None, from_file: Path | None, project: str | None, as_json: bool) -> None:
    """Keep a new value under NAME, as its next version. Nobody can read it again but runs it is attached to.

    The value is asked for without being shown, or read from a file, or from stdin (-). It is never an
    argument: shells and process lists remember those. Of a single line the end of the line is left out.
    """
    from prefect_platform.cli import output

    value = _value(name, stdin, from_file)
    with connected(project) as client:
        secret = client.secrets.set(client.project, name, value)
    print(output.as_json(secret) if as_json else f"Secret {secret.name} is at version {secret.version}.")
    if not secret.maskable:
        click.echo(
            "Warning: the value has fewer than 6 characters, so it is not masked: a flow that prints it "
            "shows it in its log.",
            err=True,
        )


def _value(name: str, stdin: str | None, path: Path | None) -> str:
    if stdin not in (None, "-"):
        raise UsageError(
            f"The value of {name!r} is no argument, since shells and process lists remember those: leave it "
            "out to be asked for it, or use --from-file or -. If this was the value, set another one."
        )
    if stdin and path is not None:
        raise UsageError("The value comes from stdin (-) or from --from-file: give one of them.")
    if stdin is None and path is None:
        return str(click.prompt("Value", hide_input=True, confirmation_prompt=True, err=True))
    return _text(Path("-") if path is None else path)


def _text(path: Path) -> str:
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        text = data.decode()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text in UTF-8: encode it first, with base64 for example.") from None
    single = text.removesuffix("\n").removesuffix("\r")
    return text if "\n" in single else single
