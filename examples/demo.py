"""`make demo`: a notebook registers a flow, Prefect schedules it, the platform runs it, the log is sealed.

Starts a platform of its own below build/demo, executes examples/02-flight-delays as a user would, and shows
what came of it. Nothing here is special to the demo: the same commands and calls work by hand.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.wire.runs import FINAL, RunDetail

ROOT = Path(__file__).parents[1]
HOME = ROOT / "build" / "demo"
NOTEBOOK = ROOT / "examples" / "02-flight-delays"
TAIL = 24


class Steps:
    """Names each step as it begins and tells how long it took."""

    def __init__(self) -> None:
        self.began: float | None = None

    def begin(self, name: str) -> None:
        self.end()
        print(f"\n== {name}", flush=True)
        self.began = time.monotonic()

    def end(self) -> None:
        if self.began is not None:
            print(f"   {time.monotonic() - self.began:.1f} s", flush=True)
        self.began = None


def execute(platform: Embedded) -> None:
    """Run the notebook in a real kernel, in its own folder, with only the profile to find the platform."""
    os.environ.update(
        {k: v for k, v in platform.environment.items() if k.startswith(("XDG_", "PREFECT_PLATFORM_"))}
    )
    notebook = nbformat.read(NOTEBOOK / "flight_delays.ipynb", as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(NOTEBOOK)}}).execute()
    for cell in notebook.cells[-2:]:
        for output in cell.get("outputs", []):
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            print("\n".join(f"   {line}" for line in text.strip().splitlines()))


def finished_run(client: PlatformClient) -> RunDetail:
    newest = client.runs.list("default", limit=1).items[0]

    def over() -> RunDetail | None:
        run = client.runs.get(newest.id)
        sealed = all(source.sealed_at for source in client.logs.sources(run.id))
        return run if run.status in FINAL and sealed else None

    return until(over, 120, f"run {newest.name} to end and its log to be sealed")


def show_log(client: PlatformClient, run: RunDetail) -> None:
    """The end of the sealed log, with its size and digest."""
    for source in client.logs.sources(run.id):
        digest = (source.sha256 or "")[:16]
        print(f"   {source.source}: {source.size:,} bytes, {source.lines:,} lines, sealed, SHA-256 {digest}…")
    flow = next(source for source in client.logs.sources(run.id) if source.source == "flow")
    print()
    for line in client.logs.read(flow.workload_id, "flow", tail=TAIL).text.splitlines():
        print(f"   | {line}")


def show_timeline(run: RunDetail) -> None:
    """When each state and step of the attempt was reached, from its request on."""
    workload = run.attempt_list[-1].workload
    moments = [(move.at, str(move.status)) for move in workload.transitions]
    moments += [(step.at, step.name) for step in workload.steps]
    for at, name in sorted(moments):
        print(f"   {(at - workload.created_at).total_seconds():7.3f} s  {name}")


def show_promises(run: RunDetail) -> None:
    """What the launcher found before the flow began."""
    for promise in run.attempt_list[-1].workload.promises or []:
        print(f"   {promise.name:<12} {'kept' if promise.kept else 'BROKEN':<7} {promise.summary}")


def addresses(platform: Embedded, run: RunDetail) -> None:
    setting = f"XDG_CONFIG_HOME={os.path.relpath(platform.home / 'config')}"
    link = platform.client().tokens.sign_in_link().url.replace("/sign-in#", f"/sign-in?next=/runs/{run.id}#")
    print(f"   web UI        {link}  (once, within ten minutes)")
    print(f"   platform      {platform.profile['url']}  (OpenAPI at /api/v1/openapi.json)")
    print(f"   Prefect       {platform.prefect_api.removesuffix('/api')}")
    print(f"   this run      {run.url}")
    print(f"   command line  {setting} .venv/bin/prefect-platform run logs {run.id}")


def wait_for_interrupt() -> None:
    print("\nThe platform stays up. Ctrl-C stops it.", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print("Stopping ...", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="A notebook, a schedule, a run and its sealed log.")
    parser.add_argument("--once", action="store_true", help="stop at the end instead of waiting for Ctrl-C")
    options = parser.parse_args()
    shutil.rmtree(HOME, ignore_errors=True)
    steps = Steps()
    steps.begin("Start Prefect, the platform and an agent (prefect-platform up)")
    with embedded(HOME) as platform:
        client = platform.client()
        steps.begin("Execute examples/02-flight-delays in a notebook kernel: register, run, wait")
        execute(platform)
        steps.begin("The sealed log of the run")
        run = finished_run(client)
        show_log(client, run)
        steps.begin("Its timeline, from the agent's request for it")
        show_timeline(run)
        steps.end()
        steps.begin("The six promises, as they were found before the flow began")
        show_promises(run)
        steps.end()
        print(f"\n== {run.flow_name} / {run.name}: {run.status}" + (f" ({run.reason})" if run.reason else ""))
        addresses(platform, run)
        if not options.once:
            wait_for_interrupt()
    return 0 if run.status == "succeeded" else 1


if __name__ == "__main__":
    sys.exit(main())
