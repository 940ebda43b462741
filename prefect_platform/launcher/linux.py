"""What only Linux offers: dying with the parent, adopting orphans, and the facts in /proc and cgroups.

Everything else in the launcher is POSIX. On another system these say "no" or "not known", and the
rest works without them.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import sys
import termios
from collections.abc import Iterator, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
F_SETPIPE_SZ = 1031
PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
IS_LINUX = sys.platform.startswith("linux")
UNBOUNDED = 1 << 60
"""Version 1 of cgroups says "no limit" by a number about as large."""
OOM_COUNTS = ("memory.events", "memory.oom_control")
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


def become_subreaper() -> None:
    """From now on every orphan below this process becomes its child, so none can be lost sight of."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(signum: int) -> None:
    """Send this process `signum` when the thread that forked it ends. Kept across exec."""
    _prctl(PR_SET_PDEATHSIG, signum)


def limit_pipe(descriptor: int, size: int) -> None:
    """Let a pipe hold no more than so many bytes; elsewhere it holds what the system gives it."""
    if IS_LINUX:
        fcntl.fcntl(descriptor, F_SETPIPE_SZ, size)


def unread_bytes(descriptor: int) -> int:
    """How much stands in a pipe."""
    told = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, told)
    return told[0]


def _prctl(option: int, argument: int) -> None:
    if not IS_LINUX:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(argument), 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}, {argument})")


def descendants(root: int) -> list[int]:
    """Every process below `root` that has not ended, parents before children."""
    below: dict[int, list[int]] = {}
    for pid, parent in _living():
        below.setdefault(parent, []).append(pid)
    found = list(below.get(root, []))
    for pid in found:
        found.extend(below.get(pid, []))
    return found


def _living() -> Iterator[tuple[int, int]]:
    """(pid, parent) of every process that is not a zombie."""
    for name in os.listdir(PROC) if IS_LINUX else ():  # noqa: PTH208 - a path for each process is dear
        if name.isdigit():
            fields = _text(PROC / name / "stat").rpartition(")")[2].split()
            if len(fields) > 1 and fields[0] not in "ZX":
                yield int(name), int(fields[1])


def command_name(pid: int) -> str:
    return _text(PROC / str(pid) / "comm").strip() or "?"


def resident_bytes(pid: int) -> int:
    """Resident memory of one process; 0 if it is gone."""
    fields = _text(PROC / str(pid) / "statm").split()
    return int(fields[1]) * PAGE if len(fields) > 1 else 0


def proportional_bytes(pid: int) -> int:
    """Memory of one process, pages shared with others counted in shares; 0 if it is gone."""
    for line in _text(PROC / str(pid) / "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def busy_seconds(pid: int) -> float:
    """Time that cores have worked for one process and for those below it that have ended; 0 if it is gone."""
    fields = _text(PROC / str(pid) / "stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def cgroups_above(controller: str, proc: Path = PROC, cgroups: Path = CGROUPS) -> Sequence[Path]:
    """Our cgroup for a controller and every one above it, ours first, in either version. The folders are
    elsewhere in tests."""
    unified: Sequence[Path] = ()
    for line in _text(proc / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            unified = _upwards(cgroups, path)
        elif controller in controllers.split(","):
            return _upwards(cgroups / controller, path)
    return unified


def _upwards(base: Path, path: str) -> Sequence[Path]:
    parts = [part for part in path.split("/") if part not in ("", "..")]
    chain = [base.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]
    return [group for group in chain if group.is_dir()]


def memory_limits(proc: Path = PROC, cgroups: Path = CGROUPS) -> Iterator[tuple[int, Path]]:
    """Every limit of memory that holds for this process, in bytes, with the cgroup that has it."""
    for group in cgroups_above("memory", proc, cgroups):
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _text(group / name).strip()
            if text.isdigit() and int(text) < UNBOUNDED:
                yield int(text), group


def memory_limit(proc: Path = PROC, cgroups: Path = CGROUPS) -> int | None:
    """The narrowest of them, if there is one."""
    return min((limit for limit, _ in memory_limits(proc, cgroups)), default=None)


def oom_kills() -> int | None:
    """How often the kernel killed for want of memory, here or (without a cgroup of our own) anywhere."""
    here = [group / name for group in cgroups_above("memory")[:1] for name in OOM_COUNTS]
    for path in (*here, PROC / "vmstat"):
        for line in _text(path).splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill":
                return int(value)
    return None


def _text(path: Path) -> str:
    """Contents of a file of /proc or a cgroup; nothing if it, or the process, is gone."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
