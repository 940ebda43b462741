"""Which processes a worker is, with and without GPUs and dask-cuda."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from prefect_platform.dask_cluster import member as members
from prefect_platform.dask_cluster import worker
from prefect_platform.dask_cluster.member import Member, group_of

CUDA = """
class CUDAWorker:
    def __init__(self, address, **settings):
        self.told = {"address": address} | settings
"""
ADDRESS = "tls://127.0.0.1:1"


def member(directory: Path, **fields: Any) -> Member:
    values: dict[str, Any] = {
        "name": "dask-worker-3", "workload_id": "wl-1", "cluster": "c", "processes": 2, "threads": 4,
        "memory_bytes": 8 << 30, "gpus": 2, "idle_timeout_seconds": None, "directory": directory,
    }  # fmt: skip
    return Member(**values | fields)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Dask's own workers and nannies that were asked for."""
    found: list[tuple[str, dict[str, Any]]] = []
    for kind in ("Worker", "Nanny"):
        monkeypatch.setattr(
            f"distributed.{kind}", lambda address, kind=kind, **settings: found.append((kind, settings))
        )
    monkeypatch.delitem(sys.modules, "dask_cuda", raising=False)
    monkeypatch.setattr(members, "security", lambda _: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")
    return found


def test_with_dask_cuda_its_worker_has_a_process_for_each_gpu(
    started: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dask_cuda.py").write_text(CUDA)
    monkeypatch.syspath_prepend(str(tmp_path))
    [one] = worker._processes(member(tmp_path), ADDRESS)
    assert (one.told["address"], one.told["name"], one.told["nthreads"]) == (ADDRESS, "dask-worker-3", 4)
    assert one.told["memory_limit"] == 4 << 30, "of each process"
    assert started == []
    worker._processes(member(tmp_path, gpus=0), ADDRESS)
    worker._processes(member(tmp_path, processes=1), ADDRESS)
    assert [kind for kind, _ in started] == ["Nanny", "Nanny", "Worker"], "for other shapes it is not meant"


def test_without_it_each_process_sees_its_own_gpu_first(
    started: list[tuple[str, dict[str, Any]]], tmp_path: Path
) -> None:
    worker._processes(member(tmp_path), ADDRESS)
    assert [(kind, one["name"], one["env"]) for kind, one in started] == [
        ("Nanny", "dask-worker-3", {"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"}),
        ("Nanny", "dask-worker-3.1", {"CUDA_VISIBLE_DEVICES": "GPU-b,GPU-a"}),
    ]


@pytest.mark.parametrize(
    ("name", "worker"),
    [
        ("dask-worker-3", "dask-worker-3"),
        ("dask-worker-3.1", "dask-worker-3"),
        ("dask-worker-12-1", "dask-worker-12"),
        ("somebody-elses", "somebody-elses"),
        (0, "0"),
    ],
)
def test_a_process_belongs_to_its_worker(name: object, worker: str) -> None:
    assert group_of(name) == worker
