"""What is said of a lost worker."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_platform.dask_cluster.loss import explain
from prefect_platform.errors import ResultLost, WorkerLost

WORKER = {
    "address": "tcp://10.0.0.8:1",
    "name": "3",
    "process": 42,
    "memory_used": 1 << 30,
    "memory_limit": 2 << 30,
}
ANSWER = {
    "lost": WORKER,
    "executions": 1,
    "finished": False,
    "lost_at": 1.0,
    "how": "handle-worker-cleanup-1",
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {},
            r"Worker tcp://10\.0\.0\.8:1 \(name 3, process 42\) was lost while task 'sum' ran on it: its",
        ),
        ({}, r"used 1\.0 GiB of 2\.0 GiB when the task began\. Retries of the task"),
        ({"how": "check-worker-ttl-1795819080.73"}, "not been heard of"),
        ({"how": "retire-workers-1"}, "it was retired"),
        ({"how": None}, "did not say why"),
        ({"lost": WORKER | {"memory_used": 2 << 30}}, "more memory"),
        ({"lost": {"address": "tcp://x"}}, "Worker tcp://x was lost"),
    ],
    ids=["who", "memory", "silent", "retired", "unknown", "full", "little-known"],
)
def test_a_loss_is_explained(change: dict[str, Any], words: str) -> None:
    error = explain("sum", ANSWER | change)
    assert type(error) is WorkerLost
    with pytest.raises(WorkerLost, match=words):
        raise error


def test_a_lost_result_is_another_thing() -> None:
    error = explain("sum", ANSWER | {"finished": True})
    assert type(error) is ResultLost
    assert "persist_result=True" in error.message
    assert error.data["worker"] == "tcp://10.0.0.8:1"
