"""A launcher that talks to nobody and does what a test tells it: `python stand_in_launcher.py --claim FILE`.

Like the real one it reads and removes its claim, adopts orphans and ends by SIGTERM. Orders are lines
in the named pipe `orders` of its directory:

    exit N        end with this code
    die           end by SIGKILL
    deaf          ignore SIGTERM from now on
    child         start a process that waits; its pid goes to the file `child`
    daemon        the same, forked twice and in a session of its own
    stray         the same, with an empty environment
    grow N        start a process that holds N MiB

Standard library alone.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

LAUNCHES, ORDERS = ".launches", "orders"
SUBREAPER = 36
SLEEP = ("/bin/sleep", "600")


def main(claim: Path) -> NoReturn:
    told = json.loads(claim.read_text())
    directory = Path(told["directory"])
    signal.signal(signal.SIGTERM, leave)
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    with (directory.parent / LAUNCHES).open("a") as launches:
        launches.write(f"{told['workload_id']}\n")
    claim.unlink()
    os.mkfifo(directory / ORDERS)  # who sees it may count on all of the above
    # Open for both ways, or the pipe would end with the first who writes.
    with os.fdopen(os.open(directory / ORDERS, os.O_RDWR), "rb", buffering=0) as orders:
        while True:
            obey(directory, orders.readline().decode().split())


def leave(number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(128 + number)


def obey(directory: Path, order: list[str]) -> None:
    match order:
        case ["exit", code]:
            os._exit(int(code))
        case ["die"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["deaf"]:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            note(directory, "deaf", "yes")
        case ["child"]:
            note(directory, "child", subprocess.Popen(SLEEP).pid)
        case ["daemon"]:
            daemon(directory, "daemon", dict(os.environ))
        case ["stray"]:
            daemon(directory, "stray", {})
        case ["grow", mebibytes]:
            note(directory, "grow", hog(int(mebibytes)))
        case _:
            raise SystemExit(f"no such order: {order}")


def hog(mebibytes: int) -> int:
    """Start a process that holds so much, and return its pid once it does."""
    code = f"import time; held = b'x' * ({mebibytes} << 20); print(flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE)
    if process.stdout is not None:
        process.stdout.readline()
    return process.pid


def daemon(directory: Path, name: str, environment: dict[str, str]) -> None:
    """Fork twice with a new session in between, and let the one in between end."""
    middle = os.fork()
    if middle:
        os.waitpid(middle, 0)
        return
    os.setsid()
    last = os.fork()
    if last:
        note(directory, name, last)
        os._exit(0)
    os.execve(SLEEP[0], SLEEP, environment)  # noqa: S606


def note(directory: Path, name: str, fact: object) -> None:
    """Whole or not at all: somebody waits for it."""
    (directory / f".{name}").write_text(str(fact))
    (directory / f".{name}").replace(directory / name)


if __name__ == "__main__":
    main(Path(sys.argv[sys.argv.index("--claim") + 1]))
