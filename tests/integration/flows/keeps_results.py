"""Flows whose tasks tell in a file that they ran, so that a test sees which did not run again."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import INPUTS


def tell(marker: str, what: str) -> None:
    with Path(marker).open("a") as file:
        file.write(f"{what}\n")


@task(cache_policy=INPUTS, cache_expiration=timedelta(hours=1))
def square(marker: str, n: int) -> int:
    tell(marker, "square")
    return n * n


@flow
def cached(marker: str, n: int = 7) -> int:
    found = square(marker, n)
    print("the square is", found)
    return found


@task
def first(marker: str) -> str:
    tell(marker, "first")
    return "kept over the fall"


@task
def second(marker: str, given: str) -> str:
    tell(marker, "second")
    return given.upper()


@flow
def falls_once(marker: str) -> str:
    given = first(marker)
    fallen = Path(f"{marker}.fallen")
    if not fallen.exists():
        fallen.touch()
        os._exit(7)
    return second(marker, given)
