from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option

if TYPE_CHECKING:
    from prefect_platform.wire.deletions import Deletion, DeletionPlan, DoomedDeployment


@click.command()
@click.argument("flow")
@project_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--cancel-runs", is_flag=True, help="Cancel the open runs of the flow with it.")
@click.option("--dry-run", is_flag=True, help="Only show what goes and what stays.")
@json_option
def command(
    flow: str, project: str | None, yes: bool, cancel_runs: bool, dry_run: bool, as_json: bool
) -> None:
    """Delete a flow with its deployments in Prefect, versions and code. Runs and logs stay."""
    from prefect_platform.cli import output

    with connected(project) as client:
        plan = client.flows.deletion_plan(client.flows.find(client.project, flow).id)
        if dry_run or not as_json:
            print(output.as_json(plan) if as_json else shown(plan))
        if dry_run:
            return
        _check_open(plan, cancel_runs)
        if not yes:
            click.confirm(f"Delete flow {plan.flow_name} of project {plan.project}?", abort=True, err=as_json)
        done = client.flows.delete(plan.flow_id, cancel_runs=cancel_runs)
    print(output.as_json(done) if as_json else _said(done))


def _check_open(plan: DeletionPlan, cancel_runs: bool) -> None:
    """Not asked for yes first and refused then; the platform looks again."""
    if plan.open_run_count and not cancel_runs:
        raise click.ClickException(
            f"Flow {plan.flow_name} has {_count(plan.open_run_count, 'open run')}: wait for the end, or add "
            "--cancel-runs. Nothing was deleted."
        )


def _said(done: Deletion) -> str:
    from prefect_platform.wire.deletions import DeletionState

    if done.state is DeletionState.DELETED:
        return f"Flow {done.flow_name} is deleted."
    waits = f" It waits: {done.reason}" if done.reason else ""
    return (
        f"Flow {done.flow_name} is being deleted, which goes on by itself; `prefect-platform flow list` "
        f"shows it until it is done.{waits}"
    )


def shown(plan: DeletionPlan) -> str:
    """What goes, ends and stays, a line each."""
    lines = [f"Deleting flow {plan.flow_name} of project {plan.project}:"]
    lines += [f"  {what:5}  {text}" for what, text in _lines(plan)]
    return "\n".join(lines)


def _lines(plan: DeletionPlan) -> Iterator[tuple[str, str]]:
    from prefect_platform.cli import output

    for deployment in plan.deployments:
        yield "goes", _deployment(deployment)
    if plan.problem:
        yield "", f"what hangs on them is not known, and goes too: {plan.problem}"
    yield "goes", _count(plan.versions, "version")
    size = output.size(sum(bundle.size for bundle in plan.bundles))
    yield "goes", f"{_count(len(plan.bundles), 'bundle')} of code that nobody else uses, {size}"
    if plan.secrets:
        yield "ends", f"that runs of it get {', '.join(plan.secrets)}; the secrets stay"
    if plan.open_run_count:
        named = ", ".join(f"{run.name} ({run.status})" for run in plan.open_runs[:10])
        yield "ends", f"{_count(plan.open_run_count, 'open run')}: {named}{_more(plan.open_run_count - 10)}"
    kept = f"runs {_days(plan.run_days)}, logs {_days(plan.log_days)} after the end"
    yield "stays", f"{_count(plan.runs_kept, 'run')} with their logs: {kept}"


def _deployment(deployment: DoomedDeployment) -> str:
    parts = [f"deployment {deployment.name} in Prefect"]
    for word, found in (("schedule", deployment.schedules), ("automation", deployment.automations)):
        if found:
            parts.append(f"{_count(len(found), word)} ({'; '.join(found)})")
    return ", ".join(parts)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _more(number: int) -> str:
    return f" and {number:,} more" if number > 0 else ""


def _days(number: int) -> str:
    return _count(number, "day") if number else "for ever"
