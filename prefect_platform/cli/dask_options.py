"""Options of `flow register` about the Dask cluster of a run, and what `register` is told of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
_OPTIONS = (
    click.option("--dask-workers", type=int, help="Each run gets a Dask cluster with so many workers."),
    click.option("--dask-worker-size", metavar="SIZE", help="Of its workers, by the name of the catalogue."),
    click.option("--dask-scheduler-size", metavar="SIZE", help="Of its scheduler."),
    click.option("--dask-worker-gpu", metavar="COUNT|TYPE|MEMORY", help="Of each worker, as --gpu."),
    click.option("--dask-processes", type=int, help="Of each worker; by default 1, or one for each GPU."),
    click.option("--dask-threads", type=int, help="Of each process; by default as many as there are cores."),
    click.option("--dask-adapt", metavar="MIN:MAX", help="Let the scheduler choose the number of workers."),
    click.option("--dask-spot/--no-dask-spot", default=None,
                 help="Whether workers may stand on machines that can be taken away."),
)  # fmt: skip
_ARGUMENTS = {
    "dask_workers": "n_workers",
    "dask_worker_size": "worker_size",
    "dask_scheduler_size": "scheduler_size",
    "dask_worker_gpu": "gpu",
    "dask_processes": "processes",
    "dask_threads": "threads",
    "dask_adapt": "adapt",
    "dask_spot": "spot",
}


def dask_options(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def dask(options: dict[str, Any]) -> dict[str, Any]:
    """These options, taken out of all, as an argument of `register`.

    Raises:
        click.BadParameter: the bounds are no two numbers.
    """
    given = {name: options.pop(option) for option, name in _ARGUMENTS.items()}
    said = {name: value for name, value in given.items() if value is not None}
    if not said:
        return {}
    if "adapt" in said:
        said["adapt"] = _bounds(said["adapt"])
    from prefect_platform.flows.dask import DaskCluster

    return {"dask": DaskCluster(**said)}


def _bounds(text: str) -> tuple[int, int]:
    low, _, high = text.partition(":")
    try:
        return int(low), int(high)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no two numbers of workers, such as 2:8.", param_hint="--dask-adapt"
        ) from None
