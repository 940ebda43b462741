"""Files of secrets, with real launchers and the real backend: gone with the run, whatever ended it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_platform.backends.local import LocalBackend
from prefect_platform.launcher.secret_files import RECORD, SecretFiles
from prefect_platform.testing.backend_contract import started, workload
from prefect_platform.testing.backend_stages import LocalStage
from prefect_platform.testing.launcher_platform import LauncherPlatform, launcher_platform
from prefect_platform.testing.launcher_scene import Launched, launched, script, spec
from prefect_platform.wire.launch import AttachedSecret, LaunchSpec, SecretFile

VALUE = "correct horse battery\nstaple\n"
SHOWS = """
import pathlib, os
place = pathlib.Path(os.environ["HOME"], ".cage", "key")
print(len(place.read_text()), oct(place.stat().st_mode & 0o777), flush=True)
print(place.read_text(), os.environ["KEY"], flush=True)
"""
WAITS = "\nimport time\nwhile True: time.sleep(0.05)\n"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[LauncherPlatform]:
    with launcher_platform(tmp_path / "platform") as made:
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "user").mkdir()
    return tmp_path / "user"


def asked(platform: LauncherPlatform, tmp_path: Path, home: Path, code: str) -> LaunchSpec:
    return spec(
        platform,
        script(tmp_path, code),
        environment={"HOME": str(home), "KEY": "the other value"},
        secrets=[VALUE, "the other value"],
        shared_directory=str(tmp_path / "shared"),
        attached_secrets=[
            AttachedSecret("key", 2, None, "~/.cage/key"),
            AttachedSecret("two", 1, "KEY", None),
        ],
        secret_files=[SecretFile("key", "~/.cage/key", 0o400, VALUE)],
    )


def ended(launch: Launched) -> None:
    assert launch.wait() == 0, launch.stderr


def test_a_run_reads_its_secrets_and_leaves_none(
    platform: LauncherPlatform, tmp_path: Path, home: Path
) -> None:
    with launched(platform, tmp_path / "w", asked(platform, tmp_path, home, SHOWS)) as launch:
        ended(launch)
    first, *rest = platform.log("flow").splitlines()
    assert first == f"{len(VALUE)} 0o400".encode()
    assert b"horse" not in b"".join(rest)
    assert b"other" not in b"".join(rest)
    assert not (home / ".cage" / "key").exists()
    (promise,) = (one for one in platform.promises if one["name"] == "secrets")
    assert promise == {
        "name": "secrets", "kept": True, "differences": [],
        "summary": "key version 2 as ~/.cage/key; two version 1 as $KEY.",
    }  # fmt: skip
    assert b"horse" not in platform.log("launcher")


def test_a_run_that_fails_leaves_none(platform: LauncherPlatform, tmp_path: Path, home: Path) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with launched(platform, tmp_path / "w", asked(platform, tmp_path, home, code)) as launch:
        ended(launch)
    assert not (home / ".cage" / "key").exists()


def test_a_start_that_is_refused_leaves_none(platform: LauncherPlatform, tmp_path: Path, home: Path) -> None:
    platform.flow_run_state = "CANCELLED"
    with launched(platform, tmp_path / "w", asked(platform, tmp_path, home, SHOWS)) as launch:
        ended(launch)
    assert platform.log("flow") == b""
    assert not (home / ".cage" / "key").exists()


def test_a_link_out_of_home_ends_the_start_before_user_code(
    platform: LauncherPlatform, tmp_path: Path, home: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (home / ".cage").symlink_to(tmp_path / "outside")
    with launched(platform, tmp_path / "w", asked(platform, tmp_path, home, SHOWS)) as launch:
        ended(launch)
    assert platform.result is not None
    assert "Secret 'key'" in platform.result["reason"]
    assert "leads out of home" in platform.result["reason"]
    assert platform.log("flow") == b""
    assert list((tmp_path / "outside").iterdir()) == []
    (promise,) = (one for one in platform.promises if one["name"] == "secrets")
    assert promise["kept"] is False


@pytest.mark.asyncio
async def test_the_backend_removes_what_a_killed_launcher_left(tmp_path: Path, home: Path) -> None:
    stage = LocalStage(tmp_path / "workloads")
    try:
        backend = LocalBackend(stage.directory, launcher=("/bin/sh", "-c", "exit 0"))
        work = workload()
        handle = await started(backend, work)
        directory = stage.directory / work.workload_id
        files = SecretFiles(home, directory, tmp_path / "shared")
        files.write(SecretFile("key", "~/.cage/key", 0o400, VALUE))
        assert json.loads((directory / RECORD).read_text())[0]["path"] == str(home / ".cage" / "key")
        for one in files._open:
            one.close()
        while (await backend.observe({"w": handle}))["w"].phase != "ended":
            await backend.wait_for_change(0.1)
        await backend.remove(handle)
        assert not (home / ".cage" / "key").exists()
        assert not directory.exists()
        await backend.close()
    finally:
        await stage.close()


def test_a_launcher_that_is_killed_leaves_a_record_for_that(
    platform: LauncherPlatform, tmp_path: Path, home: Path
) -> None:
    with launched(platform, tmp_path / "w", asked(platform, tmp_path, home, SHOWS + WAITS)) as launch:
        platform.wait(lambda: platform.log("flow"), "user code")
        launch.process.kill()
        launch.process.wait(20)
    assert (home / ".cage" / "key").exists()
    (left,) = json.loads((tmp_path / "w" / RECORD).read_text())
    assert left["path"] == str(home / ".cage" / "key")
    assert (tmp_path / "w" / RECORD).stat().st_mode & 0o777 == 0o600
    assert VALUE not in (tmp_path / "w" / RECORD).read_text()
