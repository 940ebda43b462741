"""Environments that differ, and those that are built: real launchers, a real uv, an index in a folder."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform as python
import signal
import stat
import subprocess
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from prefect_platform import _version
from prefect_platform.distributions import EDITABLE, Distribution, scan
from prefect_platform.testing.embedded import until
from prefect_platform.testing.launcher_platform import LauncherPlatform, launcher_platform
from prefect_platform.testing.launcher_scene import Launched, alive, launched, spec
from prefect_platform.wire.launch import Builder, Bundle, LaunchSpec, WantedEnvironment
from tests import wheels

pytestmark = pytest.mark.timeout(120)


@dataclass
class Scene:
    """An index in a folder, an interpreter that registered, and a platform."""

    platform: LauncherPlatform
    directory: Path
    index: Path
    registered: Path
    """Its virtual environment."""
    captured: list[Distribution]
    runs: int = 0

    @property
    def environments(self) -> Path:
        return self.directory / "shared" / "environments"

    @property
    def built(self) -> list[Path]:
        """Every environment that is ready."""
        return sorted(mark.parent for mark in self.environments.glob("*/.ready"))

    def spec(self, packages: Sequence[str] = (), show: str = "", **changes: Any) -> LaunchSpec:
        wanted = WantedEnvironment(
            fingerprint="f" * 64,
            python_version=python.python_version(),
            implementation=python.python_implementation(),
            distributions=changes.pop("distributions", self.captured),
            packages=list(packages),
            strict=changes.pop("strict", False),
        )
        given = {
            "wanted": wanted,
            "builder": Builder(wheels.UV),
            "shared_directory": str(self.directory / "shared"),
            "environment": {**wheels.environment(self.index), "SHOW": show},
            **changes,
        }
        return spec(self.platform, str(self.registered / "bin" / "python"), **given)

    def run(self, packages: Sequence[str] = (), show: str = "", **changes: Any) -> Launched:
        self.runs += 1
        name = f"run{self.runs}"
        with launcher_platform(self.directory / f"{name}-platform") as self.platform:
            made = self.spec(packages, show, **changes)
            with launched(self.platform, self.directory / name, made) as launch:
                assert launch.wait(100) == 0, launch.stderr
        return launch

    @property
    def promise(self) -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in self.platform.promises if one["name"] == "environment")
        return found

    @property
    def flow(self) -> list[str]:
        return self.platform.log("flow").decode().splitlines()

    @property
    def reason(self) -> str:
        assert self.platform.result is not None
        return str(self.platform.result["reason"])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    index, registered = tmp_path / "index", tmp_path / "registered"
    wheels.engine_wheel(index)
    for version in ("1.0", "1.1"):
        wheels.wheel(index, "base", version)
        wheels.wheel(index, "added", version, requires=["base"])
    wheels.interpreter(registered, index, "prefect", "base==1.0")
    captured = list(scan([str(next(registered.glob("lib/python*/site-packages")))]).values())
    with launcher_platform(tmp_path / "platform") as platform:
        yield Scene(platform, tmp_path, index, registered, captured)


def test_as_it_was_registered_it_is_used_in_place(scene: Scene) -> None:
    scene.run(show="base")
    assert scene.promise["kept"], scene.promise
    assert scene.promise["summary"].endswith("with 2 packages, as registered.")
    assert scene.flow == [f"engine {scene.registered}", "base 1.0"]
    assert not scene.built
    assert "environment" not in scene.platform.logs


def test_differences_are_named_and_the_run_goes_on_where_nothing_can_be_built(scene: Scene) -> None:
    wheels.install(scene.registered, scene.index, "base==1.1", "added")
    scene.run(show="base", builder=None)
    assert not scene.promise["kept"]
    assert scene.promise["differences"] == [
        "added: not wanted, found 1.1",
        "base: wanted 1.0, found 1.1",
    ]
    assert scene.flow == [f"engine {scene.registered}", "base 1.1"]


def test_strict_stops_it_before_user_code_with_the_differences(scene: Scene) -> None:
    wheels.install(scene.registered, scene.index, "base==1.1")
    scene.run(builder=None, strict=True)
    assert "strict=True" in scene.reason
    assert b"nothing builds one" in scene.platform.log("launcher")
    assert "base: wanted 1.0, found 1.1" in scene.reason
    assert not scene.promise["kept"]
    assert scene.flow == []


def test_another_patch_release_of_python_is_told(scene: Scene) -> None:
    made = scene.spec()
    assert made.wanted is not None
    scene.run(wanted=replace(made.wanted, python_version="3.11.999"))
    assert scene.promise["differences"] == [
        f"python: wanted CPython 3.11.999, found CPython {python.python_version()}"
    ]
    assert not scene.built


def test_added_packages_are_built_on_top_once_and_kept(scene: Scene) -> None:
    scene.run(["added<1.1"], show="base added")
    assert scene.promise["kept"], scene.promise
    assert "added<1.1 added" in scene.promise["summary"]
    [place] = scene.built
    assert scene.flow == [f"engine {place}", "base 1.0", "added 1.0"]
    assert "added==1.0" in scene.platform.log("environment").decode()
    assert "built" in step(scene, "environment-ready")
    site = next(place.glob("lib/python*/site-packages"))
    assert (site / "added" / "__pycache__").is_dir(), "it was compiled"
    assert not (site / "base").exists(), "what is there already is not installed again"
    scene.run(["added<1.1"], show="added")
    assert scene.flow == [f"engine {place}", "added 1.0"]
    assert "kept since it was built" in step(scene, "environment-ready")
    assert "environment" not in scene.platform.logs


def step(scene: Scene, name: str) -> str:
    return str(next(one["detail"] for one in scene.platform.steps if one["name"] == name))


def test_a_requirement_keeps_what_was_captured_where_it_can(scene: Scene) -> None:
    """`base` alone, or a bound that 1.0 meets, is no reason for 1.1."""
    scene.run(["base>=0.5", "added==1.1"], show="base added")
    assert scene.flow[1:] == ["base 1.0", "added 1.1"]
    scene.run(["base>=1.1"], show="base")
    assert scene.flow[1:] == ["base 1.1"]
    assert scene.promise["kept"], scene.promise


def test_one_that_has_changed_since_is_built_as_it_was(scene: Scene) -> None:
    wheels.install(scene.registered, scene.index, "base==1.1", "added")
    scene.run(show="base added", strict=True)
    [place] = scene.built
    assert scene.flow == [f"engine {place}", "base 1.0", "added missing"]
    assert scene.promise["kept"], scene.promise
    assert b"it has changed since it was registered" in scene.platform.log("launcher")


def test_what_no_index_has_comes_as_a_wheel_with_the_code(scene: Scene) -> None:
    wheels.install(scene.registered, scene.index, "base==1.1")
    made = wheels.wheel(scene.directory, "mine", "0.1")
    editable = [*scene.captured, Distribution("mine", "0.1", EDITABLE, "file:///home/u/mine")]
    with launcher_platform(scene.directory / "with-code") as scene.platform:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("flows.py", "import mine\n")
            archive.write(made, f".wheels/{made.name}")
        scene.platform.bundle = buffer.getvalue()
        digest = hashlib.sha256(scene.platform.bundle).hexdigest()
        bundle = Bundle("/api/v1/flow-versions/v1/bundle", digest, len(scene.platform.bundle))
        launch_spec = scene.spec(show="mine base", distributions=editable, bundle=bundle)
        with launched(scene.platform, scene.directory / "w", launch_spec) as launch:
            assert launch.wait(60) == 0
    assert scene.flow[1:] == ["mine 0.1", "base 1.0"]
    assert all(one["kept"] for one in scene.platform.promises if one["name"] in ("environment", "code"))


def test_the_platforms_own_package_comes_with_what_is_built(scene: Scene) -> None:
    wheels.install(scene.registered, scene.index, "base==1.1")
    ours = Distribution("prefect-platform", _version.__version__, EDITABLE, "file:///home/u/platform")
    scene.run(distributions=[*scene.captured, ours], show="prefect_platform.flows.storage", strict=True)
    assert scene.flow[1:] == ["prefect_platform.flows.storage found"]
    assert scene.promise["kept"], scene.promise


def test_one_that_is_gone_is_built_as_it_was(scene: Scene) -> None:
    scene.registered.rename(scene.directory / "elsewhere")
    scene.run(show="base")
    [place] = scene.built
    assert scene.flow == [f"engine {place}", "base 1.0"]


def test_one_that_is_gone_and_cannot_be_built_is_named(scene: Scene) -> None:
    scene.registered.rename(scene.directory / "elsewhere")
    scene.run(distributions=[Distribution("gone", "9.9")])
    assert f"{scene.registered}/bin/python, does not exist" in scene.reason


def test_what_cannot_be_built_is_used_as_it_is_and_told(scene: Scene) -> None:
    gone = [*scene.captured, Distribution("mine", "0.1", EDITABLE, "file:///home/u/mine")]
    scene.run(distributions=gone, show="base")
    assert scene.flow == [f"engine {scene.registered}", "base 1.0"]
    assert scene.promise["differences"] == ["mine: wanted 0.1 (editable), not installed"]
    assert b"mine 0.1 (editable, file:///home/u/mine) did not come from an index" in scene.platform.log(
        "launcher"
    )


def test_packages_are_added_to_what_cannot_be_built_and_every_difference_is_told(scene: Scene) -> None:
    wheels.wheel(scene.index, "more", "1.0")
    wheels.install(scene.registered, scene.index, "more")
    gone = [*scene.captured, Distribution("mine", "0.1", EDITABLE, "file:///home/u/mine")]
    scene.run(["added==1.0"], distributions=gone, show="base added more")
    assert scene.flow[1:] == ["base 1.0", "added 1.0", "more 1.0"]
    assert scene.promise["differences"] == [
        "mine: wanted 0.1 (editable), not installed",
        "more: not wanted, found 1.0",
    ]


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        (["no-such-thing"], "no-such-thing was not found"),
        (["added==7"], "there is no version of added==7"),
        (["added==1.0", "added==1.1"], "your requirements are unsatisfiable"),
        (["base==1.0", "clash"], "clash depend on base==1.1"),
    ],
)
def test_the_resolvers_message_is_the_reason(scene: Scene, packages: list[str], said: str) -> None:
    wheels.wheel(scene.index, "clash", "1.0", requires=["base==1.1"])
    scene.run(packages)
    assert scene.reason.startswith("The environment of this version cannot be built: ")
    assert said in scene.reason
    assert "Traceback" not in scene.reason
    assert "\n" not in scene.reason
    assert not list(scene.environments.glob("*/")), "nothing is left of it"
    assert scene.flow == []


def uv_that(scene: Scene, code: str) -> Builder:
    """A `uv` that does something first."""
    path = scene.directory / "uv"
    path.write_text(f'#!/bin/bash\n{code}\nexec {wheels.UV} "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Builder(str(path))


def test_two_runs_that_want_one_environment_build_it_once(scene: Scene) -> None:
    counted = uv_that(scene, f'[ "$1" = venv ] && echo built >> {scene.directory}/count && sleep 1')
    with launcher_platform(scene.directory / "other") as other:
        first = scene.spec(["added"], show="added", builder=counted)
        with launched(scene.platform, scene.directory / "a", first) as one:
            until((scene.directory / "count").exists, 30, "the first build")
            with launched(other, scene.directory / "b", first) as two:
                assert (one.wait(60), two.wait(60)) == (0, 0)
        assert (scene.directory / "count").read_text() == "built\n"
        assert b"added 1.1" in scene.platform.log("flow")
        assert b"added 1.1" in other.log("flow")
        assert b"Another run builds this environment" in other.log("launcher")


def test_a_build_that_was_killed_in_the_middle_is_done_anew(scene: Scene) -> None:
    slow = uv_that(scene, f'[ "$2" = install ] && echo $$ > {scene.directory}/pid && sleep 1000')
    with launched(scene.platform, scene.directory / "a", scene.spec(["added"], builder=slow)) as launch:
        until((scene.directory / "pid").exists, 30, "the build")
        launch.process.kill()
        launch.wait()
    [half] = [place for place in scene.environments.iterdir() if place.is_dir()]
    assert not (half / ".ready").exists()
    pid = int((scene.directory / "pid").read_text())
    os.killpg(os.getpgid(pid), signal.SIGKILL)  # as the backend does, once it sees the launcher gone
    until(lambda: not alive(pid), 10, "the end of uv")
    (half / "lib").mkdir(exist_ok=True)
    (half / "lib" / "half").write_text("of something")
    scene.run(["added"], show="added")
    assert scene.flow == [f"engine {half}", "added 1.1"]
    assert not (half / "lib" / "half").exists()


def test_a_half_built_one_is_nobodys_while_its_uv_still_writes(scene: Scene) -> None:
    """The launcher is gone, and what it had started goes on: the lock is not free before both are."""
    slow = uv_that(scene, f'[ "$2" = install ] && echo $$ > {scene.directory}/pid && sleep 3')
    with launched(scene.platform, scene.directory / "a", scene.spec(["added"], builder=slow)) as launch:
        until((scene.directory / "pid").exists, 30, "the build")
        launch.process.kill()
        launch.wait()
    pid = int((scene.directory / "pid").read_text())
    scene.run(["added"], show="added")
    assert not alive(pid)
    assert scene.flow[1:] == ["added 1.1"]
    assert b"Another run builds this environment" in scene.platform.log("launcher")


def test_a_stop_ends_a_build(scene: Scene) -> None:
    slow = uv_that(scene, f'[ "$2" = install ] && echo $$ > {scene.directory}/pid && sleep 1000')
    with launched(scene.platform, scene.directory / "a", scene.spec(["added"], builder=slow)) as launch:
        until((scene.directory / "pid").exists, 30, "the build")
        launch.terminate()
        assert launch.wait(30) == 0
    assert "Cancelled before the run was started" in scene.reason
    assert not alive(int((scene.directory / "pid").read_text()))
    assert not list(scene.environments.glob("*/"))


def test_a_full_disk_is_told_and_leaves_nothing(scene: Scene) -> None:
    """A disk of a few hundred KiB holds the environments."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(made(scene.environments))],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("this user may mount nothing")
    try:
        blob = {"added/data.txt": "x" * 4_000_000}
        wheels.wheel(scene.index, "added", "1.2", files=blob)
        scene.run(["added==1.2"])
        assert "No space left on device" in scene.reason
        assert "Make room there" in scene.reason or str(scene.environments) in scene.reason
        assert not list(scene.environments.glob("*/"))
    finally:
        subprocess.run(["umount", str(scene.environments)], check=True)


def made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def test_the_longest_unused_goes_when_there_are_too_many_but_none_in_use(scene: Scene) -> None:
    small = Builder(wheels.UV, cache_bytes=1)
    scene.run(["added==1.0"], builder=small)
    [first] = scene.built
    scene.run(["added==1.1"], builder=small)
    [second] = scene.built
    assert second != first, "the first was deleted when the second was built; the second is in use"
    assert f"Environment {first.name} was deleted" in scene.platform.log("environment").decode()


def test_one_that_nobody_used_for_long_goes(scene: Scene) -> None:
    scene.run(["added==1.0"])
    [first] = scene.built
    os.utime(first / ".ready", (0, 0))
    scene.run(["added==1.1"])
    assert first not in scene.built
    assert json.loads((scene.built[0] / ".ready").read_text())["bytes"] > 10_000


def test_no_uv_where_packages_are_added(scene: Scene) -> None:
    scene.run(["added"], builder=None)
    assert "on this machine nothing builds one" in scene.reason
    scene.run(["added"], builder=Builder("/nowhere/uv"))
    assert "/nowhere/uv cannot be started" in scene.reason


def test_a_kept_environment_adds_little_to_a_start(scene: Scene) -> None:
    scene.run(["added"])
    began = time.monotonic()
    scene.run(["added"])
    took = float(step(scene, "environment-ready").rpartition(", ")[2].removesuffix(" s"))
    assert took < time.monotonic() - began
