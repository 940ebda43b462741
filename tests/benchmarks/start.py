"""`make bench-start`: from "run it" to the first line of user code, ours and stock Prefect in turn.

The user code writes the time of its first and last line to a file, so that nothing in between is measured by
anybody's log. Also: cron lateness, the end of a run, readiness and memory of the platform.
"""

from __future__ import annotations

import compileall
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

import prefect_platform
from prefect_platform.testing.embedded import Embedded, embedded, launch, until
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.runs import FINAL
from tests.benchmarks.measure import Figure, report

ROUNDS = int(os.environ.get("ROUNDS", "8"))
CRON_ROUNDS = max(2, ROUNDS - 2)
CRON = "* * * * * */20"
"""Every twenty seconds: Prefect's sixth field is the seconds."""

FLOW = """
import sys
import time
from pathlib import Path

from prefect import flow


@flow
def stamped(out: str = "", cron: str = "") -> None:
    first = time.time()
    if cron:
        with open(cron, "a") as lines:
            lines.write(f"{first}\\n")
        return
    Path(out).write_text(f"{first} {time.time()}")
"""


def begin(prefect: Prefect, deployment: str, out: Path) -> tuple[str, float]:
    """Create a run; its id and the time just before the call."""
    start = time.time()
    body = {"parameters": {"out": str(out)}, "state": {"type": "SCHEDULED"}}
    run = prefect.call("POST", f"deployments/{deployment}/create_flow_run", body)
    return run["id"], start


def wait_final(prefect: Prefect, run: str) -> None:
    final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
    until(lambda: prefect.call("GET", f"flow_runs/{run}")["state_type"] in final, 120, f"run {run} to end")


def register(platform: Embedded, folder: Path, name: str, *options: str) -> str:
    """Register the stamped flow with us; the id of the deployment in Prefect."""
    command = [
        sys.executable,
        "-m",
        "prefect_platform",
        "flow",
        "register",
        f"{folder / 'stamped.py'}:stamped",
    ]
    subprocess.run(
        [*command, "--name", name, *options], env=platform.environment, check=True, stdout=subprocess.DEVNULL
    )
    flow = platform.client().flows.find("default", "stamped")
    assert flow is not None
    return next(d.prefect_deployment_id for d in flow.deployments if d.name == name)


def deploy_stock(
    prefect: Prefect, folder: Path, pool: str, name: str, cron: str | None = None, out: str = ""
) -> str:
    """The same file as a stock deployment in a process pool."""
    flow = prefect.call("POST", "flows/", {"name": "stamped-stock"})["id"]
    body = {
        "name": name,
        "flow_id": flow,
        "work_pool_name": pool,
        "entrypoint": "stamped.py:stamped",
        "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}}],
        "parameters": {"cron": out} if cron else {},
        "schedules": [{"schedule": {"cron": cron, "timezone": "UTC"}, "slug": "cron"}] if cron else [],
    }
    return str(prefect.call("POST", "deployments/", body)["id"])


@contextlib.contextmanager
def stock_worker(platform: Embedded, pool: str, folder: Path, **settings: str) -> Iterator[None]:
    """A stock process worker on its own pool."""
    env = (
        platform.environment
        | {"PREFECT_API_URL": platform.prefect_api, "PREFECT_HOME": str(folder / pool)}
        | settings
    )
    with (folder / f"{pool}.log").open("wb") as log:
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
        worker = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        prefect = Prefect(platform.prefect_api)
        path = f"work_pools/{pool}/workers/filter"

        def online() -> bool:
            with contextlib.suppress(httpx.HTTPStatusError):
                return any(w["status"] == "ONLINE" for w in prefect.call("POST", path, {}))
            return False

        until(online, 60, f"the stock worker of {pool}")
        yield
    finally:
        worker.terminate()
        worker.wait(30)


def stamps(out: Path) -> tuple[float, float]:
    first, last = out.read_text().split()
    return float(first), float(last)


def bare_engine(platform: Embedded, prefect: Prefect, deployment: str, folder: Path, out: Path) -> float:
    """`python -m prefect.engine` alone, from exec to the first line of user code."""
    run, _ = begin(prefect, deployment, out)
    env = platform.environment | {
        "PREFECT_API_URL": platform.prefect_api,
        "PREFECT__FLOW_RUN_ID": run,
        "PREFECT__FLOW_ENTRYPOINT": f"{folder / 'stamped.py'}:stamped",
        "PREFECT_HOME": str(platform.data / "prefect-runs"),
    }
    start = time.time()
    subprocess.run([sys.executable, "-m", "prefect.engine"], env=env, check=True, capture_output=True)
    return stamps(out)[0] - start


def starts(platform: Embedded, folder: Path) -> list[Figure]:
    default = Figure("create_to_user_code_s", "s", "<= 2.0 and <= bare engine + 0.7")
    tuned = Figure("create_to_user_code_tuned_s", "s", "stock worker that polls every second")
    bare = Figure("bare_engine_s", "s", "python -m prefect.engine alone")
    end = Figure("end_to_sealed_s", "s", "<= 1.5")
    prefect = Prefect(platform.prefect_api)
    mine = register(platform, folder, "start")
    client = platform.client()
    parked = deploy_stock(prefect, folder, create_pool(prefect, "parked"), "parked")
    with (
        stock_worker(platform, create_pool(prefect, "default-poll"), folder),
        stock_worker(platform, create_pool(prefect, "tuned"), folder, PREFECT_WORKER_QUERY_SECONDS="1"),
    ):
        slow = deploy_stock(prefect, folder, "default-poll", "default-poll")
        quick = deploy_stock(prefect, folder, "tuned", "tuned")
        for n in range(ROUNDS + 1):
            taken: dict[str, float] = {}
            out = folder / f"ours-{n}"
            run, start = begin(prefect, mine, out)
            until(out.exists, 120, "our first line")
            sealed = until(lambda run=run: sealed_at(client, run), 60, "a sealed log")
            taken["ours"], taken["end"] = stamps(out)[0] - start, sealed - stamps(out)[1]
            for key, deployment in (("slow", slow), ("quick", quick)):
                out = folder / f"{key}-{n}"
                run, start = begin(prefect, deployment, out)
                wait_final(prefect, run)
                taken[key] = stamps(out)[0] - start
            taken["bare"] = bare_engine(platform, prefect, parked, folder, folder / f"bare-{n}")
            if n:  # the first of each warms caches
                default.ours.append(taken["ours"])
                default.stock.append(taken["slow"])
                tuned.ours.append(taken["ours"])
                tuned.stock.append(taken["quick"])
                bare.ours.append(taken["bare"])
                end.ours.append(taken["end"])
    return [default, tuned, bare, end]


def create_pool(prefect: Prefect, name: str) -> str:
    prefect.call("POST", "work_pools/", {"name": name, "type": "process"})
    return name


def sealed_at(client: Any, run: str) -> float | None:
    """The time, once the run is shown finished and every source of its log is sealed."""
    found = client.runs.get(run)
    if found.status not in FINAL:
        return None
    sources = client.logs.sources(run)
    return time.time() if sources and all(source.sealed_at for source in sources) else None


def cron(platform: Embedded, folder: Path) -> Figure:
    """Due → first line, for a schedule of ours and the same in a stock pool with the default poll."""
    figure = Figure("cron_lateness_s", "s", "<= 0.5")
    prefect = Prefect(platform.prefect_api)
    ours, theirs = folder / "cron-ours", folder / "cron-stock"
    mine = register(platform, folder, "cron", "--cron", CRON, "--param", f'cron="{ours}"')
    with stock_worker(platform, create_pool(prefect, "cron"), folder):
        other = deploy_stock(prefect, folder, "cron", "cron", CRON, str(theirs))

        def enough() -> bool:
            return all(
                path.exists() and len(path.read_text().split()) > CRON_ROUNDS for path in (ours, theirs)
            )

        until(enough, 300, "the cron runs")
        for deployment in (mine, other):
            prefect.call("PATCH", f"deployments/{deployment}", {"paused": True})
    # The first of each was scheduled after the deployment was made, and may have been late for that.
    figure.ours = [lateness(float(line)) for line in ours.read_text().split()[1:]]
    figure.stock = [lateness(float(line)) for line in theirs.read_text().split()[1:]]
    return figure


def lateness(moment: float) -> float:
    """Seconds since the nearest time that is due, so that an early start shows as negative."""
    late = moment % 20
    return late if late < 19 else late - 20


def ready_own(folder: Path, prefect_api: str) -> list[Figure]:
    """`up` beside a Prefect that runs already, until the platform answers: first on an empty directory, then
    again on the used one."""
    first, warm = (Figure(f"ready_{kind}_s", "s", "<= 1.5 of our own") for kind in ("first", "warm"))
    environment = {"PREFECT_API_URL": prefect_api}
    for n in range(min(3, ROUNDS)):
        for figure in (first, warm):
            figure.ours.append(ready_after(folder / f"own-{n}", environment, answers))
    return [first, warm]


def ready_whole(folder: Path) -> list[Figure]:
    """`up` with a Prefect server of its own, until everything is ready."""
    first, warm = (Figure(f"ready_{kind}_with_prefect_s", "s", "-") for kind in ("first", "warm"))
    for n in range(min(3, ROUNDS)):
        for figure in (first, warm):
            figure.ours.append(ready_after(folder / f"whole-{n}", {}, Embedded.ready))
    return [first, warm]


def ready_after(home: Path, environment: dict[str, str], ready: Callable[[Embedded], bool]) -> float:
    """Seconds from the start of `up` until it is ready; it is stopped again."""
    start = time.monotonic()
    running = launch(home, environment=environment)
    try:
        until(lambda: ready(running), 120, "`up` to be ready")
        return time.monotonic() - start
    finally:
        running.stop()


def answers(platform: Embedded) -> bool:
    """Whether the platform answers a signed-in call."""
    if platform.process.poll() is not None:
        raise RuntimeError(platform.output)
    try:
        state = platform.state
        url = state["platform"]["url"] if "platform" in state else state["urls"]["platform"]
        return httpx.get(f"{url}/health", timeout=1).status_code == 200
    except (OSError, ValueError, KeyError, httpx.HTTPError):
        return False


def memory(platform: Embedded) -> list[Figure]:
    figure = Figure("idle_mib", "MiB", "<= 150")
    me = psutil.Process(platform.process.pid)
    for child in me.children(recursive=True):
        command = " ".join(child.cmdline())
        size = child.memory_info().rss / 2**20
        if "prefect_platform server" in command:
            figure.ours.append(size)
        elif "prefect_server server" in command:
            figure.stock.append(size)
    return [figure]


def main() -> None:
    os.environ.pop("PREFECT_API_URL", None)
    # As an installed package has it; a checkout has none where PYTHONDONTWRITEBYTECODE is set.
    compileall.compile_dir(Path(prefect_platform.__file__).parent, quiet=1)
    with tempfile.TemporaryDirectory(prefix="bench-start-") as name:
        folder = Path(name)
        (folder / "stamped.py").write_text(FLOW)
        figures: list[Figure] = []
        try:
            with embedded(folder / "home") as platform:
                time.sleep(5)  # idle is what is measured next
                figures += memory(platform)
                figures += starts(platform, folder)
                figures.append(cron(platform, folder))
                figures += ready_own(folder, platform.prefect_api)
            figures += ready_whole(folder)
        finally:  # minutes went into what is there already
            print(datetime.now(UTC).isoformat(timespec="seconds"))
            report("start", figures)


if __name__ == "__main__":
    main()
