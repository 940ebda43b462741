"""How a run finds its cluster: the file that its launcher keeps."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from prefect_platform.dask_cluster import discovery
from prefect_platform.errors import ClusterUnavailable, UsageError

READY = {
    "state": "ready",
    "address": "tcp://10.0.0.7:8786",
    "tls": None,
    "dashboard": "http://d",
    "reason": None,
}


def write(path: Path, content: Any) -> dict[str, str]:
    """As the launcher does: the file is replaced as a whole."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content))
    new.replace(path)
    return {discovery.VARIABLE: str(path)}


def test_a_ready_cluster(tmp_path: Path) -> None:
    found = discovery.own_cluster(write(tmp_path / "dask.json", READY))
    assert found == discovery.Connection("tcp://10.0.0.7:8786", None, "http://d")


def test_certificates_make_encryption_required(tmp_path: Path) -> None:
    tls = {"ca": "/run/ca.pem", "cert": "/run/cert.pem", "key": "/run/key.pem"}
    found = discovery.own_cluster(write(tmp_path / "dask.json", READY | {"tls": tls}))
    assert found.security is not None
    assert found.security.require_encryption
    assert found.security.tls_ca_file == "/run/ca.pem"
    assert found.security.tls_client_key == "/run/key.pem"


def test_a_cluster_that_starts_is_waited_for(tmp_path: Path) -> None:
    environment = write(tmp_path / "dask.json", {"state": "starting"})
    done: list[discovery.Connection] = []
    waiting = threading.Thread(target=lambda: done.append(discovery.own_cluster(environment)))
    waiting.start()
    write(tmp_path / "dask.json", READY)
    waiting.join(10)
    assert [one.address for one in done] == ["tcp://10.0.0.7:8786"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"state": "failed", "reason": "no room for 4 workers"}, "failed to start: no room for 4 workers"),
        ({"state": "sleeping"}, "says state 'sleeping'; known are starting, ready, failed"),
        ({"state": "ready"}, "says ready, but names no address"),
        (READY | {"tls": {"ca": "x"}}, "tls lacks cert, key"),
        ([], "is not a JSON object"),
    ],
    ids=["failed", "unknown", "no-address", "half-tls", "no-object"],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(ClusterUnavailable, match=message):
        discovery.own_cluster(write(tmp_path / "dask.json", content))


def test_half_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "dask.json").write_text("{")
    with pytest.raises(ClusterUnavailable, match="is not JSON"):
        discovery.own_cluster({discovery.VARIABLE: str(tmp_path / "dask.json")})


@pytest.mark.parametrize("exists", [True, False], ids=["starting", "no-file"])
def test_the_wait_has_an_end(tmp_path: Path, exists: bool) -> None:
    environment = write(tmp_path / "dask.json", {"state": "starting", "reason": "queued: 2 GiB too few"})
    if not exists:
        (tmp_path / "dask.json").unlink()
    with pytest.raises(ClusterUnavailable, match=r"not ready within 0\.1 s"):
        discovery.own_cluster(environment, wait_seconds=0.1)


def test_a_process_without_a_cluster_is_told_what_to_do() -> None:
    assert not discovery.is_known({})
    with pytest.raises(UsageError, match=r"dask=DaskCluster|cluster= or an address="):
        discovery.own_cluster({})
