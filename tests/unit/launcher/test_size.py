"""The promise of the size: every thing that bounds a process is looked at, and the narrowest counts."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from prefect_platform.launcher.linux import memory_limit
from prefect_platform.launcher.promises import Promises
from prefect_platform.launcher.report import Promise
from prefect_platform.launcher.size import Bound, judge, look
from prefect_platform.wire.launch import FlowRun, LaunchSpec

GIB = 1 << 30


def machine(root: Path, cgroup: str, files: Mapping[str, str]) -> tuple[Path, Path]:
    """A `/proc` of 64 GiB with this cgroup line, and these files of cgroups."""
    proc, cgroups = root / "proc", root / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(f"MemTotal: {64 << 20} kB\nMemFree: 1 kB\n")
    (proc / "self" / "cgroup").write_text(cgroup)
    cgroups.mkdir()
    for name, text in files.items():
        path = cgroups / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return proc, cgroups


def spec(**changes: Any) -> LaunchSpec:
    plain: dict[str, Any] = {
        "workload_id": "w1", "attempt_id": "a1", "interpreter": sys.executable, "python_version": "3.11.7",
        "environment": {}, "secrets": [], "flow_run": FlowRun("f1", "http://127.0.0.1:1", "flow.py:etl"),
        "bundle": None, "grace_seconds": 1.0, "memory_bytes": 16 * GIB, "cores": 2.0, "size": "large",
    }  # fmt: skip
    return LaunchSpec(**plain | changes)


def judged(asked: LaunchSpec, cores: Bound, memory: Bound) -> Promise:
    told: list[Promise] = []
    promises = Promises(told.extend)
    judge(promises, asked, cores, memory)
    promises.tell()
    return next(one for one in told if one.name == "size")


def test_a_bare_machine(tmp_path: Path) -> None:
    cores, memory = look(*machine(tmp_path, "0::/\n", {}))
    assert cores == Bound(float(len(os.sched_getaffinity(0))), "its affinity")
    assert memory == Bound(64.0 * GIB, "the machine")
    assert memory_limit(tmp_path / "proc", tmp_path / "cgroup") is None


def test_the_narrowest_cgroup_above_it_counts(tmp_path: Path) -> None:
    files = {
        "a/b/memory.max": "max\n", "a/b/cpu.max": "max 100000\n",
        "a/memory.max": f"{8 * GIB}\n", "a/cpu.max": "50000 100000\n",
    }  # fmt: skip
    cores, memory = look(*machine(tmp_path, "0::/a/b\n", files))
    assert cores == Bound(0.5, "cgroup /a")
    assert memory == Bound(8.0 * GIB, "cgroup /a")
    assert memory_limit(tmp_path / "proc", tmp_path / "cgroup") == 8 * GIB


def test_version_one_of_cgroups(tmp_path: Path) -> None:
    files = {
        "memory/box/memory.limit_in_bytes": f"{4 * GIB}\n", "memory/memory.limit_in_bytes": f"{1 << 62}\n",
        "cpu/box/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_quota_us": "25000\n",
        "cpu/box/cpu.cfs_period_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n",
    }  # fmt: skip
    line = "4:memory:/box\n3:cpuset:/\n1:cpu:/box\n0::/\n"
    cores, memory = look(*machine(tmp_path, line, files))
    assert cores == Bound(0.25, "cgroup /cpu")
    assert memory == Bound(4.0 * GIB, "cgroup /memory/box")


@pytest.mark.parametrize("line", ["", "nonsense\n", "0::/../../etc\n", "0::/gone\n", "x:memory:/\n0:\n"])
def test_a_line_that_nobody_expects_is_no_bound(tmp_path: Path, line: str) -> None:
    (tmp_path / "memory.max").write_text("1\n")
    _, memory = look(*machine(tmp_path, line, {"etc-not": "1"}))
    assert memory == Bound(64.0 * GIB, "the machine")


def test_without_proc_nothing_is_known_and_nothing_raised(tmp_path: Path) -> None:
    assert look(tmp_path / "none", tmp_path / "none")[1].amount == 0.0


def test_a_limit_of_the_process_counts() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_DATA, (1 << 29, 1 << 29))\n"
        "from prefect_platform.launcher.size import look; print(look()[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == f"Bound(amount={float(1 << 29)}, by='RLIMIT_DATA')"
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY


def test_more_than_was_asked_for_is_kept_and_says_that_nothing_enforces_it() -> None:
    promise = judged(spec(), Bound(8.0, "its affinity"), Bound(64.0 * GIB, "the machine"))
    assert promise.kept
    assert promise.summary == (
        "large: 2 cores and 16 GiB asked for; this process may use 8 cores and 64 GiB: admitted and watched, "
        "not enforced."
    )


def test_exactly_what_was_asked_for_is_enforced_by_something() -> None:
    promise = judged(spec(), Bound(2.0, "cgroup /a"), Bound(16.0 * GIB, "cgroup /a"))
    assert promise.kept
    assert "not enforced" not in promise.summary


def test_less_is_broken_and_says_what_bounds_it() -> None:
    promise = judged(spec(), Bound(1.0, "its affinity"), Bound(8.0 * GIB, "cgroup /a"))
    assert not promise.kept
    assert promise.differences == (
        "cores: 2 asked for, 1 found (bounded by its affinity)",
        "memory: 16 GiB asked for, 8 GiB found (bounded by cgroup /a)",
    )


def test_a_limit_that_is_rounded_to_a_page_is_no_difference() -> None:
    assert judged(spec(), Bound(2.0, "a"), Bound(16.0 * GIB - 4096, "a")).kept


def test_a_spec_of_an_older_platform_tells_no_cores() -> None:
    promise = judged(spec(cores=0.0, size=None), Bound(1.0, "a"), Bound(64.0 * GIB, "a"))
    assert promise.kept
    assert promise.summary.startswith("16 GiB asked for;")
