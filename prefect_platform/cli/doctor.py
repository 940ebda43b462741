from __future__ import annotations

import sys

import click

from prefect_platform.cli.connection import json_option


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Check every part and say what to do about what is wrong. Exit 1 if something is."""
    from prefect_platform.cli import output
    from prefect_platform.cli.checks import all_checks
    from prefect_platform.cli.embedded.places import Places
    from prefect_platform.cli.embedded.settings import data_dir, prefect_credentials

    found = []
    for check in all_checks(Places(data_dir()), prefect_credentials()):
        found.append(check)
        if not as_json:
            print(
                f"{'ok   ' if check.ok else 'WRONG'}  {check.name:<14}  {output.cell(check.detail)}",
                flush=True,
            )
    if as_json:
        print(output.as_json(found))
    wrong = sum(not check.ok for check in found)
    if wrong and not as_json:
        print(f"\n{wrong} of {len(found)} checks found something wrong.")
    sys.exit(1 if wrong else 0)
