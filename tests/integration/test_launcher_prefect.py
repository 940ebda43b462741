"""A launcher with Prefect's own engine below it, and a real Prefect server beside it."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from prefect_platform.testing.launcher_platform import LauncherPlatform, launcher_platform
from prefect_platform.testing.launcher_scene import Launched, launched, spec
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.launch import Bundle, FlowRun, LaunchSpec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

FLOWS = """
import os, time
from helper import greeting
from prefect import flow

@flow
def good():
    print(greeting)
    os.system("echo from a subprocess")

@flow
def bad():
    raise ValueError("as planned")

def told(flow, flow_run, state):
    print("on_cancellation ran", flush=True)

@flow(on_cancellation=[told])
def waiting():
    print("waiting", flush=True)
    time.sleep(60)

@flow
def vanishing():
    print("gone", flush=True)
    os._exit(0)
"""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[LauncherPlatform]:
    with launcher_platform(tmp_path / "platform") as made:
        yield made


def bundle(platform: LauncherPlatform) -> Bundle:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("flows.py", FLOWS)
        archive.writestr("helper.py", "greeting = 'hello from beside the flow'")
    platform.bundle = buffer.getvalue()
    digest = hashlib.sha256(platform.bundle).hexdigest()
    return Bundle("/api/v1/flow-versions/v1/bundle", digest, len(platform.bundle))


class Scene:
    """One flow run in Prefect, pending, and the spec of its launcher."""

    def __init__(self, api: str, platform: LauncherPlatform, tmp_path: Path, name: str) -> None:
        self.prefect = Prefect(api)
        flow = self.prefect.call("POST", "/flows/", {"name": name})
        body = {"flow_id": flow["id"], "state": {"type": "PENDING", "name": "Pending"}}
        self.id = self.prefect.call("POST", "/flow_runs/", body)["id"]
        self.spec: LaunchSpec = spec(
            platform,
            sys.executable,
            bundle=bundle(platform),
            flow_run=FlowRun(self.id, api, f"flows.py:{name}"),
            environment={"PREFECT_HOME": str(tmp_path / "home"), "DO_NOT_TRACK": "1"},
            grace_seconds=20.0,
        )

    @property
    def state(self) -> str:
        return str(self.prefect.call("GET", f"/flow_runs/{self.id}")["state"]["type"])

    def cancel(self) -> None:
        body: dict[str, Any] = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        self.prefect.call("POST", f"/flow_runs/{self.id}/set_state", body)


def run(scene: Scene, platform: LauncherPlatform, tmp_path: Path) -> Launched:
    with launched(platform, tmp_path / "w", scene.spec) as launch:
        assert launch.wait(60) == 0, launch.stderr
    return launch


def test_a_flow_completes(prefect_server: str, platform: LauncherPlatform, tmp_path: Path) -> None:
    scene = Scene(prefect_server, platform, tmp_path, "good")
    run(scene, platform, tmp_path)
    assert scene.state == "COMPLETED"
    assert platform.result is not None
    assert platform.result["receipt"] == "COMPLETED"
    assert (platform.result["exit_code"], platform.result["reason"]) == (0, None)
    assert b"hello from beside the flow\nfrom a subprocess\n" in platform.log("flow")
    assert b"Warning" not in platform.log("flow"), "what we do before the engine is nobody's news"
    assert [step["name"] for step in platform.steps] == [
        "claimed",
        "bundle-fetched",
        "checked",
        "engine-started",
        "running",
        "engine-ended",
        "drained",
    ]


def test_a_flow_fails(prefect_server: str, platform: LauncherPlatform, tmp_path: Path) -> None:
    scene = Scene(prefect_server, platform, tmp_path, "bad")
    run(scene, platform, tmp_path)
    assert scene.state == "FAILED"
    assert platform.result is not None
    assert platform.result["receipt"] == "FAILED"
    assert "ValueError: as planned" in platform.result["last_lines"]


def test_a_cancelled_flow_runs_its_hook(
    prefect_server: str, platform: LauncherPlatform, tmp_path: Path
) -> None:
    scene = Scene(prefect_server, platform, tmp_path, "waiting")
    with launched(platform, tmp_path / "w", scene.spec) as launch:
        platform.wait(lambda: b"waiting" in platform.log("flow"), "the flow", 60)
        scene.cancel()
        launch.terminate()
        assert launch.wait(60) == 0
    assert scene.state == "CANCELLED"
    assert b"on_cancellation ran" in platform.log("flow")
    assert platform.result is not None
    assert platform.result["exit_code"] == 0


def test_a_flow_that_vanishes_leaves_no_receipt(
    prefect_server: str, platform: LauncherPlatform, tmp_path: Path
) -> None:
    scene = Scene(prefect_server, platform, tmp_path, "vanishing")
    run(scene, platform, tmp_path)
    assert scene.state == "RUNNING"
    assert platform.result is not None
    assert (platform.result["exit_code"], platform.result["receipt"]) == (0, None)
    assert platform.log("flow").endswith(b"gone\n")


def test_a_flow_that_cannot_be_loaded(
    prefect_server: str, platform: LauncherPlatform, tmp_path: Path
) -> None:
    scene = Scene(prefect_server, platform, tmp_path, "absent")
    run(scene, platform, tmp_path)
    assert scene.state == "PENDING"
    assert platform.result is not None
    assert platform.result["exit_code"] == 1
    assert "absent" in platform.result["last_lines"]
    assert platform.step("running") is None
