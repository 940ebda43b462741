"""A flow that shows what it signs in to Prefect with, and ends as it is told to."""

from __future__ import annotations

import os
import time
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import INPUTS
from prefect.events import DeploymentEventTrigger

from prefect_platform import register


@task(cache_policy=INPUTS)
def square(n: int) -> int:
    return n * n


@flow
def life(how: str = "return", marker: str = "") -> int:
    auth, key = os.environ.get("PREFECT_API_AUTH_STRING", ""), os.environ.get("PREFECT_API_KEY", "")
    print(f"signed in as [{auth}] with [{auth.partition(':')[2]}] or [{key}]", flush=True)
    if marker:
        with Path(marker).open("a") as file:
            file.write(f"{how}\n")
    if how == "wait":
        while True:
            time.sleep(0.05)
    if how == "fail-once" and Path(marker).read_text().count("\n") == 1:
        raise ValueError("the first time")
    return square(7)


if __name__ == "__main__":
    marker = os.environ["MARKER"]
    trigger = DeploymentEventTrigger(
        expect={"orchestrators.bell"}, parameters={"how": "return", "marker": marker}
    )
    print(register(life, name="test", triggers=[trigger]).url)
