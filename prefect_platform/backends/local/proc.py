"""What only Linux can tell: everything that reads `/proc` and cgroups, or needs a pidfd, is here.

A process is named by pid *and* start time, so a pid that was given to another process is never
mistaken. Reads of what is gone answer None; a process may end between any two lines.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prefect_platform.errors import Unavailable

MARKER = "PREFECT_PLATFORM_WORKLOAD_ID"
"""Variable in the environment of a launcher and so of everything below it."""

LAUNCH = """set -C
read -r stat < /proc/$$/stat && echo "$0 $stat" > launcher.pid || exit 75
exec "$@" >&2
"""
"""Shell program that becomes the launcher. It first writes the boot id and its own stat line to a
file that it alone can create: of two that try, one runs. Its standard output ends when that is done."""

PREFERRED = 100
"""Added to a workload's badness, in thousandths of the memory there is, when the kernel chooses
whom to end: a run before the platform."""

_KERNEL_THREAD = 0x00200000
_PAGE = 4096 if sys.platform == "win32" else os.sysconf("SC_PAGESIZE")


@dataclass(frozen=True)
class Process:
    """One process of this boot, for good."""

    pid: int
    started: int
    """Clock ticks since the machine booted."""


@dataclass(frozen=True)
class Stat:
    """What `/proc/<pid>/stat` says."""

    process: Process
    parent: int
    session: int
    alive: bool
    """Not a zombie: a dead process that nobody has asked about yet is dead."""
    rss_bytes: int
    kernel: bool = False
    """A thread of the kernel, which is nobody's."""


@dataclass(frozen=True)
class Exit:
    """How a process of ours ended: one of the two."""

    code: int | None
    signal: int | None


@dataclass(frozen=True)
class MachineMemory:
    """Of the machine, or of the container where that is less."""

    total: int
    available: int
    oom_kills: int
    """Processes that the kernel ended for lack of memory, since some fixed time."""


class Proc:
    """Reads below `root` and `cgroups`, which tests put elsewhere."""

    def __init__(self, root: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        self._root, self._cgroups = root, cgroups
        self._boot_id = ""

    def boot_id(self) -> str:
        """Differs after every start of the machine."""
        if not self._boot_id:
            found = self._read("sys/kernel/random/boot_id") or self._value("stat", "btime")
            self._boot_id = str(found).strip()
        return self._boot_id

    # Processes

    def stat(self, pid: int) -> Stat | None:
        text = self._read(f"{pid}/stat")
        return parse_stat(text) if text else None

    def alive(self, process: Process) -> bool:
        stat = self.stat(process.pid)
        return stat is not None and stat.process == process and stat.alive

    def processes(self) -> dict[int, Stat]:
        """Every process that is alive now, by pid, but the kernel's own."""
        pids = [int(name) for name in os.listdir(self._root) if name.isdigit()]  # noqa: PTH208 - a tenth of the time
        found = ((pid, self.stat(pid)) for pid in pids)
        return {pid: stat for pid, stat in found if stat is not None and stat.alive and not stat.kernel}

    def is_marked(self, pid: int, workload_id: str) -> bool | None:
        """Whether `pid` was started below the launcher of this workload; None if it has no environment.

        It may have been emptied, or be that of a program that is just taking the place of another.
        """
        try:
            data = (self._root / str(pid) / "environ").read_bytes()
        except OSError:  # gone, or somebody else's
            return False
        return f"{MARKER}={workload_id}".encode() in data.split(b"\0") if data else None

    def pss_bytes(self, pid: int) -> int | None:
        """Memory of `pid` with shared pages counted in parts. Takes milliseconds for a GiB."""
        value = self._value(f"{pid}/smaps_rollup", "Pss:")
        return None if value is None else value * 1024

    def send(self, process: Process, number: signal.Signals) -> bool:
        """Signal exactly this process. False if it is gone.

        Raises:
            PermissionError: it belongs to somebody else.
        """
        with opened(process.pid) as pidfd:
            stat = None if pidfd is None else self.stat(process.pid)
            if pidfd is None or stat is None or stat.process != process:
                return False
            try:
                signal.pidfd_send_signal(pidfd, number)
            except ProcessLookupError:
                return False
            return True

    def prefer_for_oom(self, pid: int) -> None:
        """Let the kernel end this process and what comes below it before the platform."""
        try:
            (self._root / str(pid) / "oom_score_adj").write_text(str(PREFERRED))
        except OSError:  # it has ended already, or a container forbids it: nothing depends on it
            return

    # The machine

    def memory(self) -> MachineMemory:
        total = (self._value("meminfo", "MemTotal:") or 0) * 1024
        available = (self._value("meminfo", "MemAvailable:") or 0) * 1024
        for limit, free in self._memory_limits():
            total, available = min(total, limit), min(available, free)
        return MachineMemory(total, max(0, available), self._oom_kills())

    def cores(self) -> float:
        """Cores this process may use: affinity, and the quota of a container."""
        affinity = float(len(os.sched_getaffinity(0)))
        return min([affinity, *self._core_quotas()])

    def _memory_limits(self) -> Iterator[tuple[int, int]]:
        """(limit, what is left of it) of our memory cgroup and of each above it that has one."""
        for group in self._groups("memory"):
            for limit, usage, cache in (
                ("memory.max", "memory.current", "inactive_file"),
                ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
            ):
                bound, used = _number(group / limit), _number(group / usage)
                if bound is not None and used is not None:
                    yield bound, bound - used + (_line_value(group / "memory.stat", cache) or 0)

    def _oom_kills(self) -> int:
        """Our own cgroup's count where there is one: the machine's has other containers in it."""
        for group in self._groups("memory")[:1]:
            for name in ("memory.events", "memory.oom_control"):
                if (count := _line_value(group / name, "oom_kill")) is not None:
                    return count
        return self._value("vmstat", "oom_kill") or 0

    def _core_quotas(self) -> Iterator[float]:
        for group in self._groups("cpu"):
            quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
            both = (_text(group / "cpu.max") or "").split()
            if len(both) == 2 and both[0].isdigit():
                quota, period = int(both[0]), int(both[1])
            if quota is not None and period and quota > 0:
                yield quota / period

    def _groups(self, controller: str) -> list[Path]:
        """Our cgroup for `controller` and those above it, nearest first, in either version."""
        for line in (self._read("self/cgroup") or "").splitlines():
            number, controllers, path = line.split(":", 2)
            if controller in controllers.split(",") and number != "0":
                return _upwards(self._cgroups / controller, path)
        for line in (self._read("self/cgroup") or "").splitlines():
            if line.startswith("0::"):
                return _upwards(self._cgroups, line[3:])
        return []

    def _read(self, name: str) -> str | None:
        return _text(self._root / name)

    def _value(self, name: str, key: str) -> int | None:
        return _line_value(self._root / name, key)


def parse_stat(text: str) -> Stat:
    """A line of `/proc/<pid>/stat`; the name in it may hold spaces and parentheses."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    # A leader that has ended while other threads go on is shown as a zombie, and is not one.
    alive = fields[0] not in "ZX" or int(fields[17]) > 1
    return Stat(
        process=Process(int(head.split(None, 1)[0]), int(fields[19])),
        parent=int(fields[1]),
        session=int(fields[3]),
        alive=alive,
        rss_bytes=int(fields[21]) * _PAGE,
        kernel=bool(int(fields[6]) & _KERNEL_THREAD),
    )


@contextmanager
def opened(pid: int) -> Iterator[int | None]:
    """A pidfd for the length of a block, or None if there is no such process."""
    pidfd = open_pidfd(pid)
    try:
        yield pidfd
    finally:
        if pidfd is not None:
            os.close(pidfd)


def open_pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; the caller closes it."""
    if pid <= 0:
        return None
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def reap(pidfd: int) -> Exit | None:
    """How the process ended, if it was our child; it leaves no zombie then."""
    try:
        result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
    except ChildProcessError:  # somebody else's child, or asked before
        return None
    if result is None:
        return None
    if result.si_code == os.CLD_EXITED:
        return Exit(result.si_status, None)
    return Exit(None, result.si_status)


def require_linux() -> None:
    """Refuse every other system in one sentence."""
    if not sys.platform.startswith("linux"):
        raise Unavailable(
            f"The local backend runs on Linux only, and this is {sys.platform}:"
            " run the platform in a Linux container or virtual machine, or use one that runs elsewhere."
        )


def _upwards(base: Path, path: str) -> list[Path]:
    """`base/path` and every directory above it down to `base`, as far as they exist."""
    here = base / path.strip("/")
    chain = [here, *here.parents]
    return [group for group in chain[: chain.index(base) + 1] if group.is_dir()]


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace")
    except OSError:  # the process is gone, or this kernel does not tell
        return None


def _number(path: Path) -> int | None:
    text = (_text(path) or "").strip()
    return int(text) if text.lstrip("-").isdigit() else None


def _line_value(path: Path, key: str) -> int | None:
    """The number after `key` in a file of `key value` lines."""
    for line in (_text(path) or "").splitlines():
        fields = line.split()
        if len(fields) > 1 and fields[0] == key and fields[1].isdigit():
            return int(fields[1])
    return None
