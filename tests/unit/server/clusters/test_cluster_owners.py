"""What is said of members that a run's cluster lost."""

from __future__ import annotations

import pytest

from prefect_platform.server.services.cluster_owners import of_members


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (["dask-worker-1"], "dask-worker-1 of its Dask cluster was lost: why"),
        (["dask-worker-1"] * 3, "dask-worker-1 of its Dask cluster was lost 3 times: why"),
        (
            ["dask-worker-2", "dask-worker-1", "dask-worker-2"],
            "dask-worker-2, dask-worker-1 of its Dask cluster were lost, dask-worker-2 last: why",
        ),
        (
            ["a", "b", "c", "d", "e", "f", "g"],
            "a, b, c, d, e and 2 more of its Dask cluster were lost, g last: why",
        ),
    ],
)
def test_each_that_was_lost_is_named(members: list[str], said: str) -> None:
    assert of_members(members, "why") == said
