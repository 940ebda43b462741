"""Flows that say what they were given."""

import os
import time

from prefect import flow


@flow
def tells() -> str:
    print("devices:", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
    return "told"


@flow
def sleeps() -> None:
    print("sleeping", flush=True)
    time.sleep(120)
