"""Outcomes that come by themselves, on a real cluster in this process."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import distributed
import pytest

from prefect_platform.dask_cluster import small_outcomes
from prefect_platform.dask_cluster.ledger import Ledger
from prefect_platform.dask_cluster.small_outcomes import MOST_BYTES, Arrivals
from prefect_platform.dask_cluster.worker_side import Outcome
from tests import dask_scene


class State:
    """As much of Prefect's as an outcome looks at."""

    def __init__(self, data: Any) -> None:
        self.data = data


class Waiting:
    """Somebody who expects an outcome, and writes down what came."""

    def __init__(self) -> None:
        self.came: list[bytes | None] = []

    def arrived(self, outcome: bytes | None) -> None:
        self.came.append(outcome)

    def values(self) -> list[Any]:
        return [small_outcomes.received(one).state.data if one else None for one in self.came]


@pytest.fixture(scope="module")
def client() -> Iterator[distributed.Client]:
    with dask_scene.in_this_process() as found:
        found.register_plugin(Ledger())
        yield found


def sends(client: str, key: str, *values: Any) -> str:
    """A task that sends the outcomes of several executions, the last of which counts."""
    for value in values:
        small_outcomes.send(distributed.get_worker(), client, key, Outcome(State(value)))
    return "done"


def run(client: distributed.Client, key: str, *values: Any) -> None:
    client.submit(sends, client.id, key, *values, key=key).result()


def test_a_small_outcome_is_there_when_its_task_is_done(client: distributed.Client) -> None:
    first, second = Waiting(), Waiting()
    Arrivals.at(client).expect("first", first)
    Arrivals.at(client).expect("second", second)
    run(client, "first", {"a": 1})
    run(client, "second", "x")
    assert (first.values(), second.values()) == ([{"a": 1}], ["x"])


@pytest.mark.parametrize("large", ["x" * MOST_BYTES, "x" * (8 * MOST_BYTES)], ids=["as bytes", "in memory"])
def test_a_large_one_stays_and_takes_back_what_a_lost_worker_had_sent(
    client: distributed.Client, large: str
) -> None:
    waiting = Waiting()
    Arrivals.at(client).expect(f"grown-{len(large)}", waiting)
    run(client, f"grown-{len(large)}", 1, large)
    assert waiting.values() == [1, None]


def test_nobody_is_kept_alive_and_what_nobody_expects_is_dropped(client: distributed.Client) -> None:
    arrivals = Arrivals.at(client)
    arrivals.expect("gone", Waiting())
    gc.collect()
    assert "gone" not in arrivals._expecting
    run(client, "gone", 1)
    assert Arrivals.at(client) is arrivals
