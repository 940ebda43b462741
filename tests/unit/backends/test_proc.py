"""What `/proc` and cgroups say, from files that a test wrote, and from this very process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from prefect_platform.backends.local import LocalBackend
from prefect_platform.backends.local.proc import Exit, Proc, Process, opened, parse_stat, reap
from prefect_platform.errors import Unavailable

MEMINFO = "MemTotal:       8388608 kB\nMemFree: 1 kB\nMemAvailable:    4194304 kB\n"
STAT = "4242 (a (bad) name) {state} 17 4242 99 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 {threads} 0 123456 1000 25 0"


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    root, groups = tmp_path / "proc", tmp_path / "cgroup"
    (root / "self").mkdir(parents=True)
    groups.mkdir()
    (root / "meminfo").write_text(MEMINFO)
    (root / "vmstat").write_text("pgfault 7\noom_kill 3\n")
    return Proc(root, groups)


def write(directory: Path, **files: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_text(text)


def test_a_stat_line_with_any_name() -> None:
    stat = parse_stat(STAT.format(state="S", threads=1, flags=4194304))
    assert stat.process == Process(4242, 123456)
    assert (stat.parent, stat.session, stat.alive) == (17, 99, True)
    assert not stat.kernel
    assert parse_stat(STAT.format(state="I", threads=1, flags=69238880)).kernel
    assert stat.rss_bytes == 25 * os.sysconf("SC_PAGESIZE")


@pytest.mark.parametrize(("state", "threads", "alive"), [("Z", 1, False), ("X", 1, False), ("Z", 4, True)])
def test_a_zombie_is_dead_unless_other_threads_go_on(state: str, threads: int, alive: bool) -> None:
    assert parse_stat(STAT.format(state=state, threads=threads, flags=0)).alive is alive


def test_memory_of_a_machine_without_limits(proc: Proc) -> None:
    memory = proc.memory()
    assert (memory.total, memory.available, memory.oom_kills) == (8 << 30, 4 << 30, 3)


def test_the_smallest_limit_on_the_way_up_counts(proc: Proc, tmp_path: Path) -> None:
    write(tmp_path / "proc" / "self", cgroup="0::/outer/inner\n")
    inner = tmp_path / "cgroup" / "outer" / "inner"
    write(inner, memory__max="max\n", memory__current="1\n", memory__events="oom 9\noom_kill 5\n")
    write(
        inner.parent,
        memory__max=f"{2 << 30}\n",
        memory__current=f"{1536 << 20}\n",
        memory__stat=f"anon 1\ninactive_file {512 << 20}\n",
    )
    memory = proc.memory()
    assert (memory.total, memory.available, memory.oom_kills) == (2 << 30, 1 << 30, 5)


def test_version_one_limits_count_too(proc: Proc, tmp_path: Path) -> None:
    write(tmp_path / "proc" / "self", cgroup="5:cpu,cpuacct:/\n4:memory:/box\n0::/\n")
    write(
        tmp_path / "cgroup" / "memory" / "box",
        memory__limit_in_bytes=str(1 << 30),
        memory__usage_in_bytes=str(1 << 20),
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    )
    memory = proc.memory()
    assert (memory.total, memory.available) == (1 << 30, (1 << 30) - (1 << 20))
    assert memory.oom_kills == 2


def test_a_core_quota_bounds_the_affinity(proc: Proc, tmp_path: Path) -> None:
    assert proc.cores() == len(os.sched_getaffinity(0))
    write(tmp_path / "proc" / "self", cgroup="0::/\n")
    write(tmp_path / "cgroup", cpu__max="50000 100000\n")
    assert proc.cores() == 0.5
    write(tmp_path / "cgroup", cpu__max="max 100000\n")
    assert proc.cores() == len(os.sched_getaffinity(0))


def test_another_start_time_is_another_process() -> None:
    proc = Proc()
    me = proc.stat(os.getpid())
    assert me is not None
    assert proc.alive(me.process)
    stranger = Process(me.process.pid, me.process.started + 1)
    assert not proc.alive(stranger)
    assert not proc.send(stranger, signal.SIGKILL)


def test_what_is_gone_answers_nothing() -> None:
    proc, gone = Proc(), Process(2**22 + 1, 1)
    assert proc.stat(gone.pid) is None
    assert not proc.send(gone, signal.SIGKILL)
    assert proc.pss_bytes(gone.pid) is None
    assert proc.is_marked(gone.pid, "wl-1") is False
    proc.prefer_for_oom(gone.pid)


def test_the_sum_of_this_machine_is_plausible() -> None:
    proc = Proc()
    memory = proc.memory()
    assert memory.total > memory.available > 0
    assert proc.boot_id() == Proc().boot_id() != ""
    assert os.getpid() in proc.processes()
    assert (proc.pss_bytes(os.getpid()) or 0) > 1 << 20


@pytest.mark.parametrize(("code", "told"), [("exit 3", Exit(3, None)), ("kill -9 $$", Exit(None, 9))])
def test_an_end_is_told_once_and_leaves_no_zombie(code: str, told: Exit) -> None:
    process = subprocess.Popen(["/bin/sh", "-c", code])
    with opened(process.pid) as pidfd:
        assert pidfd is not None
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT)
        assert reap(pidfd) == told
        assert reap(pidfd) is None
    process.returncode = 0
    assert Proc().stat(process.pid) is None


def test_other_systems_are_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Unavailable, match="runs on Linux only, and this is darwin") as refused:
        LocalBackend(tmp_path)
    assert refused.value.message.count(".") == 1
