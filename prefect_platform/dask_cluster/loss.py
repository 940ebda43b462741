"""What to say of a worker that was lost, from what the scheduler had seen of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from prefect_platform.errors import ResultLost, WorkerLost

_HOW = {
    "handle-worker-cleanup": "its connection broke, as when its process is killed or crashes",
    "check-worker-ttl": "it had not been heard of for too long",
    "retire-workers": "it was retired",
    "scheduler-restart": "the cluster was restarted",
    "worker-close": "it was closed",
    "close-worker": "it was closed",
}
NEAR_LIMIT = 0.9
"""Of its memory limit: a worker that used more and died has most likely been killed for it."""


def explain(task: str, answer: Mapping[str, Any]) -> WorkerLost:
    """The error for a task whose earlier execution was lost with its worker."""
    worker, how = answer["lost"], _how(answer.get("how"))
    facts = {"task": task, "worker": worker["address"], "executions": answer["executions"]}
    if answer["finished"]:
        return ResultLost(
            f"The result of task {task!r} was lost with {_who(worker)}, which alone had it ({how}). "
            "The task is not run again by itself; persist_result=True or retries= would bring it back.",
            **facts,
        )
    return WorkerLost(
        f"{_who(worker).capitalize()} was lost while task {task!r} ran on it: {how}. {_memory(worker)}",
        **facts,
    )


def _who(worker: Mapping[str, Any]) -> str:
    known = [f"name {worker['name']}"] if worker.get("name") else []
    if worker.get("process"):
        known.append(f"process {worker['process']}")
    return f"worker {worker['address']}" + (f" ({', '.join(known)})" if known else "")


def _how(stimulus: str | None) -> str:
    for beginning, words in _HOW.items():
        if stimulus and stimulus.startswith(beginning):
            return words
    return "the scheduler did not say why"


def _memory(worker: Mapping[str, Any]) -> str:
    used, limit = worker.get("memory_used"), worker.get("memory_limit")
    if not used or not limit:
        return "Retries of the task would run it again on another worker."
    text = f"It used {_size(used)} of {_size(limit)} when the task began."
    if used > NEAR_LIMIT * limit:
        return text + " Give the workers more memory."
    return text + " Retries of the task would run it again on another worker."


def _size(amount: float) -> str:
    step = min(4, int(math.log(max(amount, 1), 1024)))
    return f"{amount / 1024**step:.1f} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[step]}"
