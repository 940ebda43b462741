"""Jupyter servers that cannot be used: what the resource, `status` and `doctor` say, and what goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from prefect_platform.cli import jupyter_words
from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.embedded import Embedded, until
from prefect_platform.wire.resources import Resource, ResourceStatus
from tests.jupyter_scene import (
    JUPYTER,
    command,
    ended,
    get,
    opened,
    pid,
    platform_of_ours,
    ready,
    typed,
    workload_of,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
READY_SECONDS = 8
CONFIG = """
mkdir -p "$JUPYTER_CONFIG_DIR"
cat > "$JUPYTER_CONFIG_DIR/jupyter_server_config.py" <<END
{}
END
"""
"""A start script that gives JupyterLab a configuration, as a user can."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """One that waits a few seconds for a server, not minutes."""
    home = tmp_path_factory.mktemp("jupyter-faults")
    with platform_of_ours(home, {"PREFECT_PLATFORM_JUPYTER_READY_SECONDS": str(READY_SECONDS)}) as found:
        yield found


@pytest.fixture
def client(platform: Embedded) -> Iterator[PlatformClient]:
    with platform.client() as found:
        yield found


def failed(client: PlatformClient, name: str, **spec: Any) -> Resource:
    """How a server ends that cannot be."""
    client.resources.create("default", JUPYTER, name, spec)
    found = ended(client, name)
    assert found.state.status is ResourceStatus.FAILED
    return found


def doctor(platform: Embedded, name: str) -> str:
    """What is wrong with a server, by `doctor`."""
    done = typed(platform, "doctor", "--json")
    assert done.returncode == 1, "something is wrong"
    [found] = [one for one in json.loads(done.stdout) if one["name"] == f"jupyter {name}"]
    assert not found["ok"]
    return str(found["detail"])


def check_left_down(client: PlatformClient, one: Resource) -> None:
    """Whoever works in it looks at why first: nothing starts it again, and nothing of it is left."""
    until(lambda: workload_of(client, one).ended_at, 30, "the end of its start")
    now = get(client, one.name).state
    assert (now.status, now.target, now.next_start_at) == ("failed", "stopped", None)
    assert (now.workload_id, now.restarts) == (one.state.workload_id, 0)


def test_one_that_never_answers(platform: Embedded, client: PlatformClient) -> None:
    script = CONFIG.format("import time; print('reads its data', flush=True); time.sleep(3600)")
    found = failed(client, "hangs", start_script=script)
    assert found.state.reason is not None
    assert f"Jupyter server 'hangs' did not answer within {READY_SECONDS} s" in found.state.reason
    assert found.state.jupyter is not None
    assert found.state.jupyter.step == "starting"
    assert "reads its data" in command(platform, "jupyter", "logs", "hangs")
    told = doctor(platform, "hangs")
    assert f"failed at step starting, never ready: {found.state.reason.rstrip('.')}." in told
    assert (
        "`prefect-platform jupyter logs hangs`, mend it, then `prefect-platform jupyter start hangs`" in told
    )
    assert "did not answer" in next(
        line for line in command(platform, "status").splitlines() if line.startswith("hangs ")
    )
    check_left_down(client, found)
    client.resources.update("default", JUPYTER, "hangs", {"start_script": CONFIG.format("# mended")})
    command(platform, "jupyter", "start", "hangs")
    assert ready(client, "hangs").state.reason is None
    command(platform, "jupyter", "delete", "--yes", "hangs")


def test_one_whose_jupyterlab_ends_by_itself(platform: Embedded, client: PlatformClient) -> None:
    found = failed(client, "dies", start_script=CONFIG.format("raise SystemExit('no licence for today')"))
    assert found.state.jupyter is not None
    assert found.state.jupyter.step == "starting"
    assert "exit code 1" in str(found.state.reason)
    assert "no licence for today" in command(platform, "jupyter", "logs", "dies")
    assert "failed at step starting, never ready" in doctor(platform, "dies")
    check_left_down(client, found)
    command(platform, "jupyter", "delete", "--yes", "dies")


def test_one_whose_start_script_fails(platform: Embedded, client: PlatformClient) -> None:
    found = failed(client, "script", start_script="echo begins\ncd /no/such/folder\n")
    assert "in line 2: cd /no/such/folder" in str(found.state.reason)
    assert found.state.jupyter is not None
    assert found.state.jupyter.step == "start-script"
    told = doctor(platform, "script")
    assert "failed at step start-script, never ready" in told
    assert "in line 2: cd /no/such/folder" in told
    check_left_down(client, found)
    command(platform, "jupyter", "delete", "--yes", "script")


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)], check=False)
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_one_with_less_disk_than_it_asks_for(
    platform: Embedded, client: PlatformClient, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        found = failed(client, "asks", working_directory=str(disk), disk_bytes=64 << 20)
        reason = str(found.state.reason)
        assert f"It asks for 64 MiB of disk in {disk}" in reason
        assert "8 MiB are free. Make room there, or ask for less." in reason
        assert "failed at step environment, never ready: It asks for 64 MiB" in doctor(platform, "asks")
        check_left_down(client, found)
        command(platform, "jupyter", "delete", "--yes", "asks")


def test_one_whose_disk_is_full(platform: Embedded, client: PlatformClient, tmp_path: Path) -> None:
    """It starts and can be opened, so that its user can delete something; what is not saved is told."""
    with small_disk(tmp_path / "disk", "8m") as disk:
        (disk / "old.bin").write_bytes(b"x" * (8 << 20))
        client.resources.create("default", JUPYTER, "full", {"working_directory": str(disk)})
        ready(client, "full")
        server = opened(platform, "full")
        model = {"type": "file", "format": "text", "content": "y" * 100_000}
        answer = httpx.put(
            f"{server.url}/api/contents/new.txt", json=model, headers=server.headers, timeout=30
        )
        assert answer.status_code >= 500
        assert "No space left" in answer.text + command(platform, "jupyter", "logs", "full")
        until(lambda: room(client, "full") == 0, 60, "the platform to see that it is full")
        told = doctor(platform, "full")
        assert "has 0 B left for its files: delete some in it, or notebooks cannot be saved" in told
        gone = httpx.delete(f"{server.url}/api/contents/old.bin", headers=server.headers, timeout=30)
        assert gone.status_code == 204
        server.put("/api/contents/new.txt", model)
        assert (disk / "new.txt").read_text() == model["content"]
        command(platform, "jupyter", "delete", "--yes", "full")


def room(client: PlatformClient, name: str) -> int | None:
    state = get(client, name).state.jupyter
    return None if state is None else state.free_bytes


def test_one_that_answers_nothing_any_more_is_left_alone_and_told(
    platform: Embedded, client: PlatformClient
) -> None:
    client.resources.create("default", JUPYTER, "frozen", {})
    one = ready(client, "frozen")
    assert "frozen" not in str(wrong(platform))
    process = pid(client, one)
    os.kill(process, signal.SIGSTOP)
    try:
        until(lambda: unanswered(client, "frozen"), 60, "the platform to ask in vain")
        later = datetime.now(UTC) + timedelta(seconds=jupyter_words.UNANSWERED_SECONDS)
        told = jupyter_words.stuck(get(client, "frozen"), later) or ""
    finally:
        os.kill(process, signal.SIGCONT)
    assert "what is done in it, and is not stopped for want of work meanwhile" in told
    assert "The Jupyter server does not answer" in told
    assert "prefect-platform jupyter restart frozen" in told
    until(lambda: unanswered(client, "frozen") == 0, 60, "it to answer again")
    assert get(client, "frozen").state.status is ResourceStatus.RUNNING
    command(platform, "jupyter", "delete", "--yes", "frozen")


def wrong(platform: Embedded) -> list[str]:
    return [one["name"] for one in json.loads(typed(platform, "doctor", "--json").stdout) if not one["ok"]]


def unanswered(client: PlatformClient, name: str) -> float:
    """Seconds, by the platform's clock, since the first look in vain."""
    state = get(client, name).state.jupyter
    at = client.transport.time()
    if state is None or state.unanswered_since is None or at is None:
        return 0.0
    return (at - state.unanswered_since).total_seconds()
