"""A backend that runs no process: a test says what happens, and sees what was asked for.

It keeps the same contract as every backend (`prefect_platform.testing.backend_contract`), so code
that works with it works with the others. What would be machines and disks is an `Infrastructure`;
two `MemoryBackend` objects over one are the platform before and after a restart.
"""

from __future__ import annotations

import asyncio
import signal as signals
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from prefect_platform.backends.base import (
    Capacity,
    Handle,
    Observed,
    Phase,
    RecoveredEnd,
    RecoveredLog,
    WorkloadSpec,
)
from prefect_platform.errors import Conflict, NotFound, PlatformError
from prefect_platform.wire.sizes import Gpu

PIECE = 1 << 20
"""Largest piece of recovered log, in bytes."""


@dataclass
class Workload:
    """One scripted workload."""

    spec: WorkloadSpec
    observed: Observed = field(default_factory=lambda: Observed(Phase.PENDING))
    launched: bool = False
    logs: dict[str, bytes] = field(default_factory=dict)
    complete: frozenset[str] = frozenset()
    result: Mapping[str, object] | None = None


@dataclass
class Infrastructure:
    """What outlives a backend object: the workloads, and a record of what was asked for."""

    workloads: dict[str, Workload] = field(default_factory=dict)
    launches: list[WorkloadSpec] = field(default_factory=list)
    stops: list[tuple[str, float]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    refusals: list[PlatformError] = field(default_factory=list)


class MemoryBackend:
    """`Backend` for tests. Scripted with `run`, `end`, `vanish` and `refuse`."""

    name = "memory"

    def __init__(
        self,
        infrastructure: Infrastructure | None = None,
        *,
        cores: float = 4.0,
        memory_bytes: int = 8 << 30,
        gpus: Sequence[Gpu] = (),
        unlimited: bool = False,
        runs_at_once: bool = False,
        obeys: bool = True,
    ) -> None:
        """Make a backend of the given size.

        Args:
            infrastructure: that of an earlier backend object, to play a restart.
            cores: what `capacity` tells.
            memory_bytes: what `capacity` tells.
            gpus: what `capacity` tells.
            unlimited: `capacity` tells None: the infrastructure queues by itself.
            runs_at_once: a started workload is RUNNING without a call of `run`.
            obeys: `stop` ends a workload at once, by SIGTERM; otherwise the test ends it.
        """
        self.infrastructure = infrastructure or Infrastructure()
        self.size: Capacity | None = None if unlimited else Capacity(cores, memory_bytes, tuple(gpus))
        self._runs_at_once, self._obeys = runs_at_once, obeys
        self._changed = asyncio.Event()

    @property
    def launches(self) -> list[WorkloadSpec]:
        """Every launcher that was started, in order; one that is here twice was started twice."""
        return self.infrastructure.launches

    @property
    def stops(self) -> list[tuple[str, float]]:
        """Workload id and grace in seconds of every stop of something that lived."""
        return self.infrastructure.stops

    @property
    def removed(self) -> list[str]:
        return self.infrastructure.removed

    # What a test says

    def refuse(self, error: PlatformError) -> None:
        """The next step of a start raises `error`; several queue up."""
        self.infrastructure.refusals.append(error)

    def run(self, workload_id: str) -> None:
        """The launcher runs now."""
        workload = self._known(workload_id)
        workload.observed = replace(workload.observed, phase=Phase.RUNNING)
        self._changed.set()

    def write(self, workload_id: str, source: str, data: bytes) -> None:
        """The launcher wrote `data` to its spool."""
        logs = self._known(workload_id).logs
        logs[source] = logs.get(source, b"") + data

    def end(
        self,
        workload_id: str,
        *,
        exit_code: int | None = 0,
        signal: int | None = None,
        reason: str | None = None,
        result: Mapping[str, object] | None = None,
        logs: Mapping[str, bytes] | None = None,
        complete: Sequence[str] | None = None,
        peak_memory_bytes: int | None = None,
    ) -> None:
        """The launcher is gone.

        Args:
            workload_id: which one.
            exit_code: of the launcher; none where `signal` is given.
            signal: that ended the launcher.
            reason: the infrastructure's own sentence.
            result: what the launcher wrote down as its ResultReport; none if it did not get so far.
            logs: what it left in its spool, beside what `write` put there.
            complete: sources that it closed; by default all of them if there is a result.
            peak_memory_bytes: what the infrastructure saw.
        """
        workload = self._known(workload_id)
        workload.observed = Observed(
            Phase.ENDED, None if signal else exit_code, signal, reason, peak_memory_bytes
        )
        workload.logs.update(logs or {})
        workload.result = result
        closed = complete if complete is not None else (workload.logs if result is not None else ())
        workload.complete = frozenset(closed)
        self._changed.set()

    def vanish(self, workload_id: str) -> None:
        """The infrastructure knows nothing of it any more."""
        del self.infrastructure.workloads[self._known(workload_id).spec.workload_id]
        self._changed.set()

    # The contract

    async def start(self, spec: WorkloadSpec, handle: Handle) -> AsyncIterator[Handle]:
        workload = self.infrastructure.workloads.setdefault(spec.workload_id, Workload(spec))
        self._refuse_if_told()
        yield {"workload_id": spec.workload_id}
        self._refuse_if_told()
        if not workload.launched:
            workload.launched = True
            self.infrastructure.launches.append(spec)
            if self._runs_at_once:
                self.run(spec.workload_id)
        yield {"workload_id": spec.workload_id, "launched": 1}

    async def stop(self, handle: Handle, grace_seconds: float) -> None:
        workload = self._find(handle)
        if workload is None or workload.observed.phase is Phase.ENDED:
            return
        self.stops.append((workload.spec.workload_id, grace_seconds))
        if not workload.launched:
            workload.launched = True
            self.end(
                workload.spec.workload_id, exit_code=None, reason="It was stopped before it was started."
            )
        elif self._obeys:
            self.end(workload.spec.workload_id, signal=int(signals.SIGTERM))

    async def observe(self, handles: Mapping[str, Handle]) -> dict[str, Observed]:
        found = {key: self._find(handle) for key, handle in handles.items()}
        return {key: one.observed if one else Observed(Phase.ABSENT) for key, one in found.items()}

    async def wait_for_change(self, timeout: float) -> None:
        with suppress(TimeoutError):  # running out of time is one of the two ways this returns
            await asyncio.wait_for(self._changed.wait(), timeout)
        self._changed.clear()

    async def recover_logs(self, handle: Handle, have: Mapping[str, int]) -> AsyncIterator[RecoveredLog]:
        workload = self._find(handle)
        for source, data in sorted(workload.logs.items()) if workload else ():
            for offset in range(have.get(source, 0), len(data), PIECE):
                yield RecoveredLog(source, offset, data[offset : offset + PIECE])

    async def recover_end(self, handle: Handle) -> RecoveredEnd:
        workload = self._find(handle)
        if workload is None:
            return RecoveredEnd(None, frozenset())
        return RecoveredEnd(workload.result, workload.complete, begun=frozenset(workload.logs))

    async def remove(self, handle: Handle) -> None:
        workload = self._find(handle)
        if workload is not None:
            if workload.launched and workload.observed.phase is not Phase.ENDED:
                raise Conflict(
                    f"Workload {workload.spec.workload_id} still runs: stop it before it is removed."
                )
            del self.infrastructure.workloads[workload.spec.workload_id]
            self.removed.append(workload.spec.workload_id)

    async def capacity(self, running: Sequence[str]) -> Capacity | None:
        return self.size

    def _find(self, handle: Handle) -> Workload | None:
        return self.infrastructure.workloads.get(str(handle.get("workload_id")))

    def _known(self, workload_id: str) -> Workload:
        if workload_id not in self.infrastructure.workloads:
            known = ", ".join(self.infrastructure.workloads) or "none"
            raise NotFound(f"Workload {workload_id} was not started here; started: {known}.")
        return self.infrastructure.workloads[workload_id]

    def _refuse_if_told(self) -> None:
        if self.infrastructure.refusals:
            raise self.infrastructure.refusals.pop(0)
