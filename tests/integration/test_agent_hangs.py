"""An agent whose process lives and does nothing: found by its silence, ended, started again."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from prefect_platform.backends.local import LocalBackend
from prefect_platform.client.api import PlatformClient
from prefect_platform.server.controller import hangs
from prefect_platform.testing.embedded import until
from prefect_platform.testing.live_server import live_server
from prefect_platform.wire.resources import ResourceKind

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]
AGENT = ResourceKind.PREFECT_AGENT


def process_of(workload: str | None) -> psutil.Process | None:
    """The agent's process of one start."""
    for one in psutil.process_iter():
        try:
            ours = one.environ().get("PREFECT_PLATFORM_WORKLOAD_ID") == workload
            if ours and "agent run" in " ".join(one.cmdline()) and one.status() != psutil.STATUS_ZOMBIE:
                return one
        except psutil.Error:  # gone, or somebody else's
            continue
    return None


def test_one_that_stands_still_is_replaced(
    prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hangs, "HANGS_SECONDS", 12.0)  # an agent reports every 5 s
    monkeypatch.setattr(hangs, "LOOK_SECONDS", 2.0)
    backend = LocalBackend(tmp_path / "workloads")
    with live_server(tmp_path / "data", backend=backend) as server:
        with PlatformClient(server.url, server.token) as client:
            client.resources.create("default", AGENT, "still", {"prefect_api_url": prefect_server})
            until(lambda: client.agents.get("default", "still").report, 90, "its first report")
            first = client.resources.get("default", AGENT, "still").state.workload_id
            process = process_of(first)
            assert process is not None
            process.send_signal(signal.SIGSTOP)

            def replaced() -> str | None:
                state = client.resources.get("default", AGENT, "still").state
                return state.workload_id if state.workload_id != first else None

            second = until(replaced, 90, "another start")
            until(lambda: process_of(second), 60, "another process")
            state = client.resources.get("default", AGENT, "still").state
            assert state.restarts == 1
            assert "had not reported for 60 s, though its process lived" in (state.reason or "")
            client.resources.delete("default", AGENT, "still")
            until(lambda: not client.resources.list("default"), 60, "the end of it")
        server.call(backend.close())
