from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option

if TYPE_CHECKING:
    from prefect_platform.wire.run_environments import RunEnvironment


@click.command()
@click.argument("run")
@click.option("--all", "everything", is_flag=True, help="Packages that are as they were registered, too.")
@project_option
@json_option
def command(run: str, everything: bool, project: str | None, as_json: bool) -> None:
    """The environment that a run had, and how it differs from the one that was registered."""
    from prefect_platform.cli import output
    from prefect_platform.cli.found_run import find_run

    with connected(project) as client:
        found = client.runs.environment(find_run(client, run).id)
    print(output.as_json(found) if as_json else "\n\n".join(_shown(found, everything)))


def _shown(found: RunEnvironment, everything: bool) -> Iterator[str]:
    from prefect_platform.cli import output

    then, now = found.registered, found.found
    yield (
        output.facts(
            [
                ("attempt", found.attempt),
                ("python", now and f"{now.implementation} {now.python_version} at {now.executable}"),
                ("registered with", then and f"{then.implementation} {then.python_version}"),
                ("platform", now and now.platform),
                ("how", now and now.how),
                ("packages", now and now.packages),
                ("fingerprint", now and now.fingerprint[:12]),
                ("registered as", then and then.fingerprint[:12]),
                ("added", then and ", ".join(then.requirements)),
                ("variables", then and ", ".join(then.variables)),
                ("secrets", then and ", ".join(then.secrets)),
            ]
        )
        or "No environment was captured: register the flow again."
    )
    if now is None:
        yield "Nobody has looked at it yet: that is done when an attempt starts."
    rows = [(one.name, one.registered, one.found) for one in found.packages if one.differs or everything]
    yield output.table(("package", "registered", "run"), rows, nothing="No package differs.")
    if now is not None and now.more_differences:
        yield f"{now.more_differences:,} more packages differ."
