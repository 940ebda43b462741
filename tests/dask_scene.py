"""What Prefect recorded of a flow run, in a form that two runs of one flow share."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import distributed
import httpx
from prefect import Flow
from prefect.client.schemas.objects import State

SETTLE_SECONDS = 30.0
NO_PORT_TO_SHARE = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
"""For the scheduler of a `LocalCluster`, which takes port 8787 otherwise and warns if another test has it."""
_IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@contextmanager
def in_this_process() -> Iterator[distributed.Client]:
    """A cluster of one worker without processes of its own, for what of Dask is private."""
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, scheduler_kwargs=NO_PORT_TO_SHARE
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@dataclass
class Recorded:
    """Everything that should be equal; `run_id` is for asking again."""

    run_id: str
    state: tuple[str, str]
    value: Any
    task_runs: Counter[Any]
    inputs: Counter[Any]
    logs: Counter[Any]

    def comparable(self) -> tuple[Any, ...]:
        return self.state, self.value, self.task_runs, self.inputs, self.logs


def run(flow: Flow[Any, Any]) -> tuple[str, Any]:
    """The final state of one run of `flow`, and the run's id."""
    state = flow(return_state=True)
    if asyncio.iscoroutine(state):
        state = asyncio.run(state)
    return str(state.state_details.flow_run_id), state


def value_of(state: Any) -> Any:
    result = state.result(raise_on_failure=False)
    if isinstance(result, list) and result and isinstance(result[0], State):
        return [(one.name, value_of(one)) for one in result]
    if isinstance(result, BaseException):
        return type(result).__name__, _IDS.sub("ID", str(result))
    return result


def until(condition: Callable[[], bool]) -> bool:
    """Whether it came true in time; Prefect records a little later."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def recorded(url: str, run_id: str, state: Any) -> Recorded:
    runs = _with_subflows(url, run_id)
    tasks = [
        task for run in runs for task in _pages(url, "task_runs", {"flow_runs": {"id": {"any_": [run]}}})
    ]
    names = {task["id"]: task["name"] for task in tasks}
    return Recorded(
        run_id,
        (state.type.value, state.name),
        value_of(state),
        Counter(_facts(task) for task in tasks),
        Counter(edge for task in tasks for edge in _edges(task, names)),
        Counter(_line(log, names) for run in runs for log in _logs(url, run) if log["task_run_id"]),
    )


def _with_subflows(url: str, run_id: str) -> list[str]:
    children = httpx.post(
        f"{url}/flow_runs/filter", json={"flow_runs": {"parent_flow_run_id": {"any_": [run_id]}}}
    ).json()
    return [run_id, *(one for child in children for one in _with_subflows(url, child["id"]))]


def _facts(task: dict[str, Any]) -> tuple[Any, ...]:
    message = _IDS.sub("ID", str((task["state"] or {}).get("message")))
    return (
        *(_steady(task["name"]), task["state_name"], message, task["run_count"], task["flow_run_run_count"]),
        *(tuple(sorted(task["tags"])), task["empirical_policy"]["retries"]),
    )


def _steady(name: str) -> str:
    """Without the random ending of names that nobody chose."""
    return re.sub(r"-[0-9a-f]{3}$", "", _IDS.sub("ID", name))


def _edges(task: dict[str, Any], names: dict[str, str]) -> list[tuple[str, str, str]]:
    return [
        (_steady(task["name"]), parameter, _steady(names.get(source.get("id"), source["input_type"])))
        for parameter, sources in task["task_inputs"].items()
        for source in sources
    ]


def _line(log: dict[str, Any], names: dict[str, str]) -> tuple[str, int, str, str]:
    first = str(log["message"]).partition("\n")[0]
    return _steady(names.get(log["task_run_id"], "?")), log["level"], log["name"], _IDS.sub("ID", first)


def _logs(url: str, run_id: str) -> list[dict[str, Any]]:
    return _pages(url, "logs", {"logs": {"flow_run_id": {"any_": [run_id]}}})


def _pages(url: str, what: str, query: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = httpx.post(f"{url}/{what}/filter", json=query | {"limit": 200, "offset": len(found)}).json()
        found += page
        if len(page) < 200:
            return found
