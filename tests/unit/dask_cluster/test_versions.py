"""Differences between a flow and its cluster."""

from __future__ import annotations

from prefect_platform.dask_cluster.versions import differences, installed

MINE = {"python": "3.11", "dask": "2026.8.0", "prefect": "3.8.8"}


def test_nothing_to_say_when_all_agree() -> None:
    assert differences(MINE, {"the scheduler": dict(MINE), "tcp://a": {"python": "3.11"}}) == []


def test_each_difference_once_with_the_places() -> None:
    places = {f"tcp://{n}": MINE | {"dask": "2025.1.0", "prefect": None} for n in range(5)}
    assert differences(MINE, places) == [
        "dask is 2026.8.0 here and 2025.1.0 on tcp://0, tcp://1, tcp://2 and 2 more",
        "prefect is 3.8.8 here and not installed on tcp://0, tcp://1, tcp://2 and 2 more",
    ]


def test_all_that_is_compared_is_installed_here() -> None:
    assert all(installed().values())
