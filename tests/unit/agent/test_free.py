"""Room for newcomers and room for children: a parent that waits must never wait for its own place."""

from __future__ import annotations

import pytest

from prefect_platform.agent.flow_run import FlowRun, State
from prefect_platform.agent.pickup import Free


def run(name: str) -> tuple[FlowRun, str]:
    """A run whose name begins with `c` is a child."""
    parent = "task" if name.startswith("c") else None
    return FlowRun(name, name, State("s", "SCHEDULED", "Scheduled"), parent_task_run_id=parent), "v"


@pytest.mark.parametrize(
    ("free", "wanted", "taken"),
    [
        (Free(0, 0), ["a", "c1"], []),
        (Free(0, 2), ["a", "c1", "b", "c2", "c3"], ["c1", "c2"]),
        (Free(1, 3), ["a", "b", "c1", "c2", "c3"], ["a", "c1", "c2"]),
        (Free(2, 0), ["a", "c1", "c2"], ["a", "c1"]),
    ],
)
def test_children_may_be_taken_where_newcomers_may_not(
    free: Free, wanted: list[str], taken: list[str]
) -> None:
    assert [found.id for found, _ in free.share([run(name) for name in wanted])] == taken
