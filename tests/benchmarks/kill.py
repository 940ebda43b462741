"""`make bench-kill [KILLS=300]`: random `kill -9` of server, agent, launcher and flow while runs write.

A run writes numbered blocks and counts, in a file that outlives it, the bytes that `write` has taken.
Afterwards every log is compared with what the run must have written: bytes lost are those counted and not
in the log. For a killed launcher up to one pipe (64 KiB) may be missing and must be marked.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.wire.runs import FINAL
from tests.benchmarks.measure import Figure, report
from tests.benchmarks.start import Prefect

KILLS = int(os.environ.get("KILLS", "300"))
RUNS_AT_ONCE = 3
PIPE = 64 * 1024
SEED = 20260101

FLOW = """
import os
import struct
import time

from prefect import flow


@flow
def writer(journal: str = "", seconds: float = 20) -> None:
    with open(journal, "r+b", buffering=0) as counter:
        taken, n, end = 0, 0, time.monotonic() + seconds
        while time.monotonic() < end:
            block = b"".join(b"%012d %s\\n" % (n + i, b"." * 50) for i in range(20))
            n += 20
            view = memoryview(block)
            while view:
                done = os.write(1, view)
                view, taken = view[done:], taken + done
                os.pwrite(counter.fileno(), struct.pack("<Q", taken), 0)
            time.sleep(0.002)
"""


@dataclass
class Writer:
    """One run, and where it counts what it wrote."""

    run: str
    journal: Path
    killed: str | None = None

    @property
    def taken(self) -> int:
        return int.from_bytes(self.journal.read_bytes()[:8], "little")


@dataclass
class Verdict:
    lost: int
    beyond: int
    """Bytes missing past what a killed launcher may lose, or missing without a mark."""
    wrong: bool


def start(prefect: Prefect, deployment: str, folder: Path, n: int) -> Writer:
    journal = folder / f"journal-{n}"
    journal.write_bytes(bytes(8))
    body = {"parameters": {"journal": str(journal)}, "state": {"type": "SCHEDULED"}}
    run = prefect.call("POST", f"deployments/{deployment}/create_flow_run", body)["id"]
    return Writer(run, journal)


def processes(platform: Embedded) -> dict[str, list[psutil.Process]]:
    """What may be killed now, by part."""
    found: dict[str, list[psutil.Process]] = {"server": [], "agent": [], "launcher": [], "flow": []}
    home = str(platform.home)
    for process in psutil.process_iter(["cmdline", "pid"]):
        command = " ".join(process.info["cmdline"] or [])
        try:
            if "prefect_platform server" in command and process.environ().get(
                "PREFECT_PLATFORM_HOME", ""
            ).startswith(home):
                found["server"].append(process)
            elif "prefect_platform agent run" in command and process.ppid() == platform.process.pid:
                found["agent"].append(process)
            elif "prefect_platform.launcher" in command and home in command:
                found["launcher"].append(process)
                found["flow"] += process.children()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def owner(process: psutil.Process, client: PlatformClient, writers: list[Writer]) -> Writer | None:
    """The run whose launcher or flow this is, by the id in its environment."""
    try:
        run = process.environ().get("PREFECT__FLOW_RUN_ID")
        for child in process.children():
            run = run or child.environ().get("PREFECT__FLOW_RUN_ID")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return next((writer for writer in writers if writer.run == run), None)


def judge(client: PlatformClient, writer: Writer) -> Verdict:
    """Compare the log with what the run must have written."""
    sources = until(lambda: sealed(client, writer.run), 120, f"the log of {writer.run} to be sealed")
    flow = next((source for source in sources if source.source == "flow"), None)
    raw = client.logs.raw(flow.workload_id, "flow") if flow else b""
    lines = [line for line in raw.split(b"\n") if line[:12].isdigit()]
    numbered = b"".join(line + b"\n" for line in lines)
    expected = b"".join(b"%012d %s\n" % (n, b"." * 50) for n in range(len(lines) + 1))
    # The last line may be cut where the writer or the launcher died.
    body = numbered.rstrip(b"\n")
    wrong = not expected.startswith(body)
    lost = max(0, writer.taken - len(body) - 1)
    allowed = PIPE if writer.killed == "launcher" else 0
    marked = bool(flow and flow.gaps) or lost == 0
    return Verdict(lost, lost if lost > allowed or not marked else 0, wrong)


def sealed(client: PlatformClient, run: str):
    if client.runs.get(run).status not in FINAL:
        return None
    sources = client.logs.sources(run)
    return sources if all(source.sealed_at for source in sources) else None


def settle(client: PlatformClient, writers: list[Writer], verdicts: dict[str, list[Verdict]]) -> list[Writer]:
    """Judge the runs that are over; those that go on."""
    going = []
    for writer in writers:
        run = next((r for r in client.runs.list("default", limit=50).items if r.id == writer.run), None)
        if run is not None and run.status in FINAL:
            verdicts.setdefault(writer.killed or "none", []).append(judge(client, writer))
        else:
            going.append(writer)
    return going


def main() -> None:
    choose = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="bench-kill-") as name:
        folder = Path(name)
        (folder / "writer.py").write_text(FLOW)
        with embedded(folder / "home") as platform:
            verdicts = campaign(platform, folder, choose)
    every = [verdict for part in verdicts.values() for verdict in part]
    for part, found in sorted(verdicts.items()):
        missing, beyond = sum(v.lost for v in found), sum(v.beyond for v in found)
        print(f"{part}: {len(found)} runs, {missing} bytes missing, {beyond} of them lost")
    figure = Figure("bytes_lost", "bytes", "0", ours=[float(sum(v.beyond for v in every))])
    report("kill", [figure])
    if any(v.wrong for v in every) or figure.ours[0]:
        sys.exit("bytes were lost or wrong")


def campaign(platform: Embedded, folder: Path, choose: random.Random) -> dict[str, list[Verdict]]:
    command = [sys.executable, "-m", "prefect_platform", "flow", "register", f"{folder / 'writer.py'}:writer"]
    subprocess.run(
        [*command, "--name", "kill"], env=platform.environment, check=True, stdout=subprocess.DEVNULL
    )
    client, prefect = platform.client(), Prefect(platform.prefect_api)
    flow = client.flows.find("default", "writer")
    assert flow is not None
    deployment = flow.deployments[0].prefect_deployment_id
    verdicts: dict[str, list[Verdict]] = {}
    writers: list[Writer] = []
    started = killed = 0
    while killed < KILLS:
        writers = settle(client, writers, verdicts)
        while len(writers) < RUNS_AT_ONCE:
            writers.append(start(prefect, deployment, folder, started))
            started += 1
        time.sleep(choose.uniform(0.05, 0.6))
        part = choose.choice(["server", "agent", "launcher", "flow"])
        candidates = processes(platform)[part]
        if not candidates:
            continue
        victim = choose.choice(candidates)
        writer = owner(victim, client, writers) if part in {"launcher", "flow"} else None
        if part in {"launcher", "flow"} and (writer is None or writer.killed or not writer.taken):
            continue
        os.kill(victim.pid, signal.SIGKILL)
        killed += 1
        if writer is not None:
            writer.killed = part
        if part == "server":
            until(
                lambda gone=victim: not gone.is_running() and reachable(client), 60, "the platform to be back"
            )
    deadline = time.monotonic() + 120
    while writers and time.monotonic() < deadline:
        writers = settle(client, writers, verdicts)
        time.sleep(0.2)
    if writers:
        raise TimeoutError(f"{len(writers)} runs never ended: {[writer.run for writer in writers]}")
    return verdicts


def reachable(client: PlatformClient) -> bool:
    from prefect_platform.errors import PlatformError

    try:
        client.me()
    except PlatformError:
        return False
    return True


if __name__ == "__main__":
    main()
