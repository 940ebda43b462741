"""Figures of environments: taking a fingerprint, and what a built environment adds to a start.

Launchers, `uv` and packages are real, the platform is played. Packages come from the index that `uv` is set
up for; a first build, which is not measured, brings them into its cache.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from prefect_platform.distributions import Distribution, scan
from prefect_platform.testing.launcher_platform import launcher_platform
from prefect_platform.testing.launcher_scene import launched, spec
from prefect_platform.wire.launch import Builder, WantedEnvironment
from tests import wheels
from tests.benchmarks.measure import Figure

ROUNDS, BUILDS = 10, 3
DISTRIBUTIONS = 400
PACKAGES = (
    "attrs",
    "click",
    "jinja2",
    "markupsafe",
    "numpy",
    "packaging",
    "python-dateutil",
    "pyyaml",
    "six",
    "tzdata",
)
CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
END_SECONDS = 300.0

FINGERPRINT = """
import json, sys, time
from prefect_platform.distributions import fingerprint, scan
told = []
for _ in range(2):
    began = time.perf_counter()
    found = scan([sys.argv[1]])
    fingerprint("3.11.7", "CPython", found.values())
    told.append((time.perf_counter() - began) * 1000)
assert len(found) == int(sys.argv[2])
print(json.dumps(told))
"""


def figures() -> list[Figure]:
    """All figures of environments."""
    with tempfile.TemporaryDirectory(prefix="bench-environments-") as directory:
        first, again = fingerprints(Path(directory) / "site-packages")
        cached, build = starts(Path(directory))
    return [
        Figure("fingerprint_ms", "ms", "<= 150", ours=first),
        Figure("fingerprint_again_ms", "ms", "<= 20", ours=again),
        Figure("environment_cached_ms", "ms", "<= 150", ours=cached),
        Figure("environment_build_s", "s", "<= 15", ours=build),
    ]


def fingerprints(site: Path) -> tuple[list[float], list[float]]:
    """Milliseconds for 400 distributions, the first time in a process and the second."""
    for number in range(DISTRIBUTIONS):
        told = site / f"package_{number}-1.{number}.dist-info"
        told.mkdir(parents=True)
        if number % 20 == 0:
            (told / "direct_url.json").write_text(
                json.dumps({"url": "file:///p", "dir_info": {"editable": True}})
            )
    os.utime(site, (0, 0))  # as it is when nothing was installed just now
    samples = []
    for _ in range(ROUNDS):
        command = [sys.executable, "-c", FINGERPRINT, str(site), str(DISTRIBUTIONS)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        samples.append(json.loads(done.stdout))
    return [one[0] for one in samples], [one[1] for one in samples]


def starts(directory: Path) -> tuple[list[float], list[float]]:
    """Milliseconds that a kept environment takes in a start, seconds that ten packages take to build."""
    index = directory / "index"
    wheels.engine_wheel(index)
    registered = directory / "registered"
    wheels.interpreter(registered, index, "prefect")
    runs = _Runs(directory, registered)
    runs.start("warm")
    build = [runs.start(f"shared-{number}") for number in range(BUILDS)]
    cached = [runs.start("warm") * 1000 for _ in range(ROUNDS)]
    return cached, build


class _Runs:
    """Starts, one after the other."""

    def __init__(self, directory: Path, registered: Path) -> None:
        self._directory, self._registered = directory, registered
        site = next(registered.glob("lib/python*/site-packages"))
        self._captured = list(scan([str(site)]).values())
        self._number = 0

    def start(self, shared: str) -> float:
        """Seconds until the environment of one start was ready; what is built is kept below `shared`."""
        self._number += 1
        with launcher_platform(self._directory / f"platform-{self._number}") as played:
            launch_spec = spec(
                played, str(self._registered / "bin" / "python"), wanted=_wanted(self._captured),
                builder=Builder(wheels.UV), shared_directory=str(self._directory / shared),
            )  # fmt: skip
            with launched(played, self._directory / f"run-{self._number}", launch_spec) as launch:
                assert launch.wait(END_SECONDS) == 0, launch.stderr
            step = played.step("environment-ready")
            assert step is not None, played.result
            return float(step["detail"].rpartition(", ")[2].removesuffix(" s"))


def _wanted(captured: list[Distribution]) -> WantedEnvironment:
    return WantedEnvironment(
        fingerprint="f" * 64, python_version=platform.python_version(),
        implementation=platform.python_implementation(), distributions=captured, packages=list(_pinned()),
    )  # fmt: skip


def _pinned() -> Iterator[str]:
    for line in CONSTRAINTS.read_text().splitlines():
        if line.partition("==")[0] in PACKAGES:
            yield line


if __name__ == "__main__":
    from tests.benchmarks.measure import report

    report("promises_environments", figures())
