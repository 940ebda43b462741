"""What all six promises together add to a start: `promises_ms`.

A real launcher, a real interpreter with 400 distributions, a bundle and a secret; the platform is played.
Counted is everything between the code's arrival and the engine's start.
"""

from __future__ import annotations

import hashlib
import io
import platform
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from prefect_platform.distributions import scan
from prefect_platform.testing.launcher_platform import LauncherPlatform, launcher_platform
from prefect_platform.testing.launcher_scene import launched, spec
from prefect_platform.wire.launch import AttachedSecret, Bundle, LaunchSpec, WantedEnvironment
from tests import wheels
from tests.benchmarks.measure import Figure

ROUNDS, DISTRIBUTIONS = 20, 400
END_SECONDS = 60.0
FLOW = "import json, os, sqlite3\n\ndef main():\n    pass\n"


def figures() -> list[Figure]:
    """One start warms what launchers share; the others are measured."""
    with tempfile.TemporaryDirectory(prefix="bench-promises-") as directory:
        samples = list(starts(Path(directory)))
    return [Figure("promises_ms", "ms", "<= 100", ours=samples[1:])]


def starts(directory: Path) -> Iterator[float]:
    wheels.engine_wheel(directory / "index")
    registered = directory / "registered"
    wheels.interpreter(registered, directory / "index", "prefect")
    site = next(registered.glob("lib/python*/site-packages"))
    for number in range(DISTRIBUTIONS):
        (site / f"package_{number}-1.{number}.dist-info").mkdir()
    wanted = WantedEnvironment(
        fingerprint="f" * 64, python_version=platform.python_version(),
        implementation=platform.python_implementation(), distributions=list(scan([str(site)]).values()),
    )  # fmt: skip
    for number in range(ROUNDS + 1):
        with launcher_platform(directory / f"platform-{number}") as played:
            launch = _spec(played, registered / "bin" / "python", wanted, directory / "shared")
            yield _milliseconds(played, launch, directory / f"run-{number}")


def _spec(played: LauncherPlatform, interpreter: Path, wanted: WantedEnvironment, shared: Path) -> LaunchSpec:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("flows.py", FLOW)
    played.bundle = buffer.getvalue()
    digest = hashlib.sha256(played.bundle).hexdigest()
    return spec(
        played, str(interpreter), wanted=wanted,
        bundle=Bundle("/api/v1/flow-versions/v1/bundle", digest, len(played.bundle)),
        shared_directory=str(shared), environment={"KEY": "correct horse"},
        secrets=["correct horse"], attached_secrets=[AttachedSecret("key", 1, "KEY", None)],
    )  # fmt: skip


def _milliseconds(played: LauncherPlatform, launch: LaunchSpec, place: Path) -> float:
    with launched(played, place, launch) as running:
        assert running.wait(END_SECONDS) == 0, running.stderr
    assert [one["kept"] for one in played.promises] == [True] * 6, played.promises
    fetched, checked = (played.step(name) for name in ("bundle-fetched", "checked"))
    assert fetched is not None
    assert checked is not None
    took = datetime.fromisoformat(checked["at"]) - datetime.fromisoformat(fetched["at"])
    return took.total_seconds() * 1000


if __name__ == "__main__":
    from tests.benchmarks.measure import report

    report("promises_start", figures())
