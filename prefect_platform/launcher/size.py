"""The promise of the size: cores and memory that this process may use, against what was asked for.

What counts is the narrowest of everything that bounds a process: the machine, affinity, every cgroup above
it in either version, and its own limits.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prefect_platform.launcher.linux import CGROUPS, PROC, cgroups_above, memory_limits
from prefect_platform.launcher.memory import amount
from prefect_platform.launcher.promises import Promises
from prefect_platform.wire.launch import LaunchSpec

NEARLY = 0.999
"""A limit may be rounded down to a whole page."""


@dataclass(frozen=True)
class Bound:
    """One thing that bounds a process, and to how much."""

    amount: float
    by: str


def look(proc: Path = PROC, cgroups: Path = CGROUPS) -> tuple[Bound, Bound]:
    """The narrowest bounds of cores and of memory. The folders are elsewhere in tests."""
    cores = min(
        [Bound(float(_affinity()), "its affinity"), *_quotas(proc, cgroups)], key=lambda one: one.amount
    )
    found = [*_machine(proc), *_cgroup_memory(proc, cgroups), *_limits()]
    memory = min(found, key=lambda one: one.amount, default=Bound(0.0, "nothing that can be read here"))
    return cores, memory


def judge(promises: Promises, spec: LaunchSpec, cores: Bound, memory: Bound) -> None:
    """Keep or break the promise."""
    missing = list(_missing(spec, cores, memory))
    found = f"this process may use {_cores(cores.amount)} and {amount(int(memory.amount))}"
    if missing:
        promises.break_("size", f"{_asked(spec)} asked for; {found}.", missing)
    elif memory.amount > spec.memory_bytes:
        promises.keep("size", f"{_asked(spec)} asked for; {found}: admitted and watched, not enforced.")
    else:
        promises.keep("size", f"{_asked(spec)} asked for; {found}.")


def _missing(spec: LaunchSpec, cores: Bound, memory: Bound) -> Iterator[str]:
    if cores.amount < spec.cores * NEARLY:
        yield f"cores: {spec.cores:g} asked for, {cores.amount:g} found (bounded by {cores.by})"
    if memory.amount < spec.memory_bytes * NEARLY:
        yield (
            f"memory: {amount(spec.memory_bytes)} asked for, {amount(int(memory.amount))} found "
            f"(bounded by {memory.by})"
        )


def _asked(spec: LaunchSpec) -> str:
    named = f"{spec.size}: " if spec.size else ""
    cores = f"{_cores(spec.cores)} and " if spec.cores else ""
    return f"{named}{cores}{amount(spec.memory_bytes)}"


def _cores(count: float) -> str:
    return f"{count:g} core{'' if count == 1 else 's'}"


def _affinity() -> int:
    told = getattr(os, "sched_getaffinity", None)  # Linux alone
    return len(told(0)) if told else os.cpu_count() or 1


def _machine(proc: Path) -> Iterator[Bound]:
    for line in _text(proc / "meminfo").splitlines():
        if line.startswith("MemTotal:"):
            yield Bound(float(int(line.split()[1]) * 1024), "the machine")


def _limits() -> Iterator[Bound]:
    for number, name in ((resource.RLIMIT_AS, "RLIMIT_AS"), (resource.RLIMIT_DATA, "RLIMIT_DATA")):
        soft, _ = resource.getrlimit(number)
        if soft != resource.RLIM_INFINITY:
            yield Bound(float(soft), name)


def _cgroup_memory(proc: Path, cgroups: Path) -> Iterator[Bound]:
    for limit, group in memory_limits(proc, cgroups):
        yield Bound(float(limit), f"cgroup {_shown(group, cgroups)}")


def _quotas(proc: Path, cgroups: Path) -> Iterator[Bound]:
    for group in cgroups_above("cpu", proc, cgroups):
        both = _text(group / "cpu.max").split() or [
            _text(group / "cpu.cfs_quota_us").strip(), _text(group / "cpu.cfs_period_us").strip()
        ]  # fmt: skip
        if len(both) == 2 and both[0].isdigit() and both[1].isdigit() and int(both[1]):
            yield Bound(int(both[0]) / int(both[1]), f"cgroup {_shown(group, cgroups)}")


def _shown(group: Path, cgroups: Path) -> str:
    return f"/{group.relative_to(cgroups)}".replace("/.", "/")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # this kernel, or this container, does not tell
        return ""
