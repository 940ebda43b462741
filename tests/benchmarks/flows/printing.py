"""A flow that prints the time, at moments that nothing else is in step with."""

import random
import time

from prefect import flow


@flow
def printing(lines: int) -> None:
    print("begins", flush=True)
    time.sleep(5)  # until somebody follows
    for _ in range(lines):
        time.sleep(random.uniform(0.15, 0.6))
        print(f"printed at {time.time():.6f}", flush=True)
