"""A flow that notes when it begins, and one that notes when the workers of its cluster are there."""

import time
from pathlib import Path

from prefect import flow
from prefect.context import FlowRunContext


@flow
def alone(out: str) -> None:
    Path(out).write_text(str(time.time()))


@flow
def clustered(out: str) -> None:
    FlowRunContext.get().task_runner.client.wait_for_workers(4, timeout=120)
    Path(out).write_text(str(time.time()))
