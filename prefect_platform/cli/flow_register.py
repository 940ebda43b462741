from __future__ import annotations

import dataclasses
from typing import Any

import click

from prefect_platform.cli.commands import extra
from prefect_platform.cli.connection import json_option, project_option
from prefect_platform.cli.dask_options import dask, dask_options
from prefect_platform.cli.environment_options import environment, environment_options
from prefect_platform.cli.parameters import param_option, parameters
from prefect_platform.cli.trigger_option import trigger_option, triggers

LISTS = frozenset({"tags", "secrets", "include", "triggers"})
"""What `register` takes as a list, also one of a single item."""


@click.command()
@click.argument("flow", metavar="PATH.PY:FLOW|PACKAGE.MODULE:FLOW|NOTEBOOK.IPYNB|git+URL@REF#PATH.PY:FLOW")
@click.option("--name", help="Of the deployment; by default the flow's own name.")
@click.option("--cron", multiple=True, help="Such as '0 2 * * *'. May be given again.")
@click.option("--interval", multiple=True, type=float, metavar="SECONDS", help="May be given again.")
@click.option("--rrule", multiple=True, help="Such as 'FREQ=WEEKLY;BYDAY=MO'. May be given again.")
@click.option("--timezone", help="Of the schedules, such as Europe/Berlin.")
@param_option
@trigger_option
@click.option("--tag", "tags", multiple=True, help="Of the deployment and its runs. May be given again.")
@click.option("--description", help="By default the flow's docstring.")
@click.option("--version", help="Prefect's own label; by default the platform's version number.")
@click.option("--paused/--not-paused", default=None, help="Whether its schedules rest; by default as it is.")
@click.option("--concurrency-limit", type=click.IntRange(1), help="Runs at a time.")
@click.option("--enforce-parameter-schema/--no-enforce-parameter-schema", default=None,
              help="Whether Prefect checks parameters; by default it does.")  # fmt: skip
@click.option("--work-pool", help="Pool that an agent of the project serves; by default the installation's.")
@click.option("--work-queue", "work_queue_name", help="Queue of the work pool.")
@click.option("--grace", "grace_seconds", type=float, metavar="SECONDS",
              help="Time a run has to end after it is cancelled; by default 30.")  # fmt: skip
@click.option("--secret", "secrets", multiple=True, metavar="NAME[=VARIABLE|:PATH[:MODE]]",
              help="A secret that runs get. May be given again.")  # fmt: skip
@environment_options
@click.option("--size", help="Of the catalogue; `prefect-platform size list` shows them.")
@click.option("--gpu", metavar="COUNT|TYPE|MEMORY", help="Such as 1, A100:2, 24GB.. or 40GB..80GB:2.")
@dask_options
@click.option("--include", multiple=True, metavar="PATTERN",
              help="Files that travel too, such as 'sql/**'. May be given again.")  # fmt: skip
@click.option("--source-secret", metavar="NAME", help="Secret that opens a private git repository.")
@click.option("--timeout", metavar="DURATION", help="Wall time of one attempt, such as 2h or 90min.")
@project_option
@json_option
def command(flow: str, params: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Store a flow's code and make or update its deployment in Prefect. Unchanged is left as it is."""
    given, environment_given = parameters(params), environment(options)
    options["triggers"] = tuple(triggers(options["triggers"]))
    from prefect_platform.cli import output

    with extra("flows"):
        from prefect_platform.flows.register import register
        from prefect_platform.flows.run_config import KubernetesRun

    dask_given = dask(options)
    timeout = options.pop("timeout")
    if timeout is not None:
        options["run"] = KubernetesRun(timeout=timeout)

    found = register(flow, parameters=given or None, **environment_given, **dask_given, **_given(options))
    if as_json:
        facts = {f.name: getattr(found, f.name) for f in dataclasses.fields(found) if f.name != "client"}
        print(output.as_json(facts))
        return
    print(output.facts(found.rows()))
    for note in found.notes:
        click.echo(f"Note: {note}", err=True)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Only what was said: what was not is `register`'s to decide. One schedule is itself, several a list."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        if value is None or value == ():
            continue
        if isinstance(value, tuple):
            found[name] = list(value) if len(value) > 1 or name in LISTS else value[0]
        else:
            found[name] = value
    return found
