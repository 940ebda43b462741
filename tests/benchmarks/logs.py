"""`make bench-logs`: a printed line until it is readable, 10,000 of them, appends, a 10-million-line log.

Stock Prefect's figures come from the same flow with `get_run_logger` in a stock process pool: what it
prints by other means never reaches Prefect at all.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from pathlib import Path

import httpx

from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.runs import FINAL
from tests.benchmarks.measure import Figure, report
from tests.benchmarks.start import create_pool, stock_worker

LINES = 10_000
BIG_MIB = 400
LONG_LINES = 10_000_000
ROUNDS = 5

FLOW = """
import os
import time

from prefect import flow
from prefect.logging import get_run_logger


@flow
def chatty(kind: str = "lines", count: int = 10, stock: bool = False) -> None:
    say = get_run_logger().info if stock else print
    if kind == "slow":
        for _ in range(count):
            say(f"stamp {time.time()}")
            time.sleep(0.1)
    elif kind == "big":
        block = (b"x" * 99 + b"\\\\n") * 10_000
        os.write(1, f"begin {time.time()}\\\\n".encode())
        for _ in range(count):
            view = memoryview(block)
            while view:
                view = view[os.write(1, view):]
    else:
        say(f"begin {time.time()}")
        for n in range(count):
            say(f"line {n} of {count}, and some text as a real line has")
"""


def register(platform: Embedded, folder: Path) -> str:
    import subprocess
    import sys

    command = [sys.executable, "-m", "prefect_platform", "flow", "register", f"{folder / 'chatty.py'}:chatty"]
    subprocess.run(
        [*command, "--name", "logs"], env=platform.environment, check=True, stdout=subprocess.DEVNULL
    )
    flow = platform.client().flows.find("default", "chatty")
    assert flow is not None
    return flow.deployments[0].prefect_deployment_id


def begin(prefect: Prefect, deployment: str, **parameters: object) -> str:
    body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    return str(prefect.call("POST", f"deployments/{deployment}/create_flow_run", body)["id"])


def workload_of(client: PlatformClient, run: str) -> str:
    def look() -> str | None:
        try:
            sources = client.logs.sources(run)
        except Exception as error:  # the run is not known before its first attempt
            if getattr(error, "code", "") == "not-found":
                return None
            raise
        return next((s.workload_id for s in sources if s.source == "flow" and s.size), None)

    return until(look, 60, "the first output of the run")


def line_visible(platform: Embedded, mine: str, other: str) -> Figure:
    """Printed → received by somebody who watches."""
    figure = Figure("line_visible_s", "s", "p95 <= 0.5 watched")
    client, prefect = platform.client(), Prefect(platform.prefect_api)
    run = begin(prefect, mine, kind="slow", count=60)
    workload_of(client, run)
    for chunk in client.logs.follow(run):
        now = time.time()
        figure.ours += [
            now - float(line.split()[1]) for line in chunk.text.splitlines() if line.startswith("stamp ")
        ]
    run = begin(prefect, other, kind="slow", count=60, stock=True)
    seen: set[str] = set()
    while not stock_final(prefect, run) or len(seen) < 60:
        for row in stock_logs(prefect, run, 0):
            if row["message"].startswith("stamp ") and row["id"] not in seen:
                seen.add(row["id"])
                figure.stock.append(time.time() - float(row["message"].split()[1]))
        time.sleep(0.02)
    return figure


def stock_final(prefect: Prefect, run: str) -> bool:
    return prefect.call("GET", f"flow_runs/{run}")["state_type"] in {"COMPLETED", "FAILED", "CRASHED"}


def stock_logs(prefect: Prefect, run: str, offset: int) -> list[dict[str, str]]:
    body = {"logs": {"flow_run_id": {"any_": [run]}}, "limit": 200, "offset": offset, "sort": "TIMESTAMP_ASC"}
    rows: list[dict[str, str]] = prefect.call("POST", "logs/filter", body)
    return rows


def ten_thousand(platform: Embedded, mine: str, other: str) -> Figure:
    """First of 10,000 lines printed → the last one readable."""
    figure = Figure("ten_thousand_lines_s", "s", "<= 0.5")
    client, prefect = platform.client(), Prefect(platform.prefect_api)
    for _ in range(ROUNDS):
        run = begin(prefect, mine, kind="lines", count=LINES)
        workload = workload_of(client, run)
        last = f"line {LINES - 1} of"
        until(lambda w=workload, t=last: t in client.logs.read(w, "flow", tail=50).text, 60, "the last line")
        end = time.time()
        head = client.logs.read(workload, "flow", start=0, end=100_000).text
        figure.ours.append(end - stamp(head))
        until(lambda r=run: client.runs.get(r).status in FINAL, 60, "the end")

        run = begin(prefect, other, kind="lines", count=LINES, stock=True)
        until(lambda r=run: stock_logs(prefect, r, LINES), 180, "Prefect's last line")
        end = time.time()
        first = next(row for row in stock_logs(prefect, run, 0) if row["message"].startswith("begin "))
        figure.stock.append(end - float(first["message"].split()[1]))
    return figure


def stamp(text: str) -> float:
    return float(next(line for line in text.splitlines() if line.startswith("begin ")).split()[1])


def append_rate(platform: Embedded, mine: str) -> Figure:
    """One run that writes as fast as it can, until all of it is in the store."""
    figure = Figure("append_mb_per_s", "MB/s", ">= 50")
    client, prefect = platform.client(), Prefect(platform.prefect_api)
    for _ in range(3):
        run = begin(prefect, mine, kind="big", count=BIG_MIB)
        workload = workload_of(client, run)
        wanted = BIG_MIB * 1_000_000
        until(lambda r=run, w=wanted: flow_size(client, r) >= w, 120, "all of it")
        end = time.time()
        begun = stamp(client.logs.read(workload, "flow", start=0, end=100_000).text)
        figure.ours.append(wanted / 1e6 / (end - begun))
        until(lambda r=run: client.runs.get(r).status in FINAL, 60, "the end")
    return figure


def flow_size(client: PlatformClient, run: str) -> int:
    return next((s.size for s in client.logs.sources(run) if s.source == "flow"), 0)


def complete(client: PlatformClient, run: str) -> bool:
    """Whether the controller is done with the run's log."""
    steps = client.runs.get(run).attempt_list[-1].workload.steps
    return any(step.name == "logs-complete" for step in steps)


def long_log(platform: Embedded, mine: str) -> list[Figure]:
    """Ten million lines put into the store of a finished run, then opened through the API."""
    from prefect_platform.server.stores.file_logs import FileLogs
    from prefect_platform.server.stores.logs import Mark

    opened = Figure("log_open_s", "s", "<= 0.3")
    sought = Figure("log_seek_s", "s", "<= 0.3")
    searched = Figure("log_search_s", "s", "<= 5, all of it")
    first_hit = Figure("log_first_hit_s", "s", "of a search in it")
    client, prefect = platform.client(), Prefect(platform.prefect_api)
    run = begin(prefect, mine, kind="lines", count=1)
    workload = workload_of(client, run)
    # Only then does nobody look for sources that a launcher left open.
    until(lambda: complete(client, run), 60, "the end")

    async def fill() -> None:
        store, offset, digest = FileLogs(platform.data / "logs"), 0, hashlib.sha256()
        for first in range(0, LONG_LINES, 50_000):
            data = b"".join(
                b"line %d and the text that a line has, as they come\n" % n
                for n in range(first, first + 50_000)
            )
            digest.update(data)
            for at in range(0, len(data), 1 << 20):
                piece = data[at : at + (1 << 20)]
                offset = await store.append(
                    workload, "long", offset, piece, [Mark(offset, int(time.time() * 1000))]
                )
        await store.seal(workload, "long", offset, digest.hexdigest(), int(time.time() * 1000))

    asyncio.run(fill())
    for n in range(20):
        start = time.perf_counter()
        end = client.logs.read(workload, "long", tail=200)
        opened.ours.append(time.perf_counter() - start)
        assert end.text.splitlines()[-1].startswith(f"line {LONG_LINES - 1} ")
        wanted = (n * 4_999_999 + 17) % LONG_LINES
        start = time.perf_counter()
        piece = client.logs.read(workload, "long", line=wanted, count=200)
        sought.ours.append(time.perf_counter() - start)
        assert piece.text.startswith(f"line {wanted} ")
    for _ in range(3):
        searched.ours.append(search(platform, run, "a word that no line has", end=True))
        first_hit.ours.append(search(platform, run, "line 4999 and", end=False))
    return [opened, sought, searched, first_hit]


def search(platform: Embedded, run: str, text: str, *, end: bool) -> float:
    """Seconds until the last event of a search, or until its first hits."""
    client = platform.client()
    start = time.perf_counter()
    headers = {"Authorization": f"Bearer {platform.profile['token']}"}
    url = f"{client.url}/api/v1/runs/{run}/logs/search"
    wanted = "event: end" if end else "event: hits"
    with httpx.stream("GET", url, params={"q": text}, headers=headers, timeout=120) as answer:
        next(line for line in answer.iter_lines() if line == wanted)
        return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-logs-") as name:
        folder = Path(name)
        (folder / "chatty.py").write_text(FLOW.replace("\\\\n", "\\n"))
        with embedded(folder / "home") as platform:
            prefect = Prefect(platform.prefect_api)
            mine = register(platform, folder)
            pool = create_pool(prefect, "stock")
            flow = prefect.call("POST", "flows/", {"name": "chatty-stock"})["id"]
            step = {"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}}
            body = {
                "name": "stock",
                "flow_id": flow,
                "work_pool_name": pool,
                "entrypoint": "chatty.py:chatty",
                "pull_steps": [step],
            }
            other = str(prefect.call("POST", "deployments/", body)["id"])
            figures: list[Figure] = []
            try:
                figures += long_log(platform, mine)
                figures.append(append_rate(platform, mine))
                with stock_worker(platform, pool, folder, PREFECT_WORKER_QUERY_SECONDS="1"):
                    figures.append(line_visible(platform, mine, other))
                    figures.append(ten_thousand(platform, mine, other))
            finally:  # minutes went into what is there already
                report("logs", figures)


if __name__ == "__main__":
    main()
