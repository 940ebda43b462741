"""Flows that end in every way a process can end, for the tests of runs."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from prefect import flow, suspend_flow_run, task
from prefect.deployments import run_deployment


def touch(marker: str) -> None:
    if marker:
        Path(marker).write_text(str(time.time()))


def on_cancel(flow, flow_run, state) -> None:
    print("cancellation hook ran", flush=True)


@flow
def end(how: str = "return", marker: str = "") -> int:
    print(f"ending by {how}", flush=True)
    touch(marker)
    if how == "raise":
        raise ValueError("the last straw")
    if how == "exit-3":
        sys.exit(3)
    if how.startswith("_exit-"):
        os.write(1, b"last words without newline")
        os._exit(int(how.removeprefix("_exit-")))
    if how.startswith("signal-"):
        os.kill(os.getpid(), int(how.removeprefix("signal-")))
        time.sleep(30)
    return 7


@flow(on_cancellation=[on_cancel])
def wait(marker: str = "", seconds: float = 120) -> None:
    print("waiting", flush=True)
    touch(marker)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)


@flow
def stubborn(marker: str = "") -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    print("ignores signals", flush=True)
    touch(marker)
    while True:
        time.sleep(0.05)


@flow
def daemons(marker: str = "") -> None:
    """Leaves a process that forked twice, made a session of its own and holds the output open."""
    code = "import os, sys, time; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); "
    code += "open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    subprocess.run([sys.executable, "-c", code, marker], check=True)
    while not Path(marker).exists() or not Path(marker).read_text():
        time.sleep(0.01)
    print("left a daemon", flush=True)


@flow
def bytes_of_every_kind() -> None:
    os.write(1, b"NUL \x00 and invalid \xff\xfe\xc3\x28 UTF-8\n")
    os.write(2, b"from descriptor 2\n")
    subprocess.run(["/bin/sh", "-c", "echo from a shell; echo and its errors >&2"], check=True)
    os.write(1, b"y" * 3_000_000 + b"\n")
    os.write(1, b"no newline at the end")


@flow
def flood(mib: int = 200) -> None:
    block = b"".join(b"%07d %s\n" % (n, b"z" * 55) for n in range(1 << 14))
    for _ in range(mib):
        view = memoryview(block)
        while view:
            view = view[os.write(1, view) :]


@flow
def pauses(marker: str = "") -> str:
    if not Path(marker).exists():
        touch(marker)
        print("suspending", flush=True)
        suspend_flow_run(timeout=300)
    print("resumed", flush=True)
    return "done"


@flow
def once_bitten(marker: str = "") -> str:
    """Dies the first time and works the second."""
    if not Path(marker).exists():
        touch(marker)
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(30)
    print("worked this time", flush=True)
    return "done"


@flow
def parent(child: str = "", marker: str = "", child_marker: str = "", seconds: float = 120) -> str:
    touch(marker)
    run = run_deployment(child, parameters={"marker": child_marker, "seconds": seconds}, poll_interval=0.2)
    return run.state.name


@task
async def double(x: int) -> int:
    await asyncio.sleep(0)
    return 2 * x


@flow
async def many(n: int = 5) -> int:
    futures = double.map(range(n))
    found = [future.result() for future in futures]
    print(f"sum {sum(found)}", flush=True)
    return sum(found)
