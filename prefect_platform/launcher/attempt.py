"""One start of a run: prepare it, start the engine, stay to the end of it."""

from __future__ import annotations

import selectors
import time
from collections.abc import Mapping
from pathlib import Path

from prefect_platform.launcher.connection import Connection
from prefect_platform.launcher.ending import Circumstances, End, reason
from prefect_platform.launcher.faults import LaunchFault, Unreachable
from prefect_platform.launcher.logbook import Logbook
from prefect_platform.launcher.memory import TreeMemory
from prefect_platform.launcher.nvml import GpuUse
from prefect_platform.launcher.output import Output
from prefect_platform.launcher.preparation import DRAIN_SECONDS, Preparation
from prefect_platform.launcher.process import Exit, end_leftovers, kill_all
from prefect_platform.launcher.renewal import Renewal
from prefect_platform.launcher.samples import Samples
from prefect_platform.launcher.signals import Signals
from prefect_platform.launcher.subject import Control, subject
from prefect_platform.launcher.watch import Watch
from prefect_platform.wire.launch import SAMPLES_SOURCE, LaunchSpec

WAIT_FOR_PLATFORM_SECONDS = 600.0
"""How long a start waits for a platform that does not answer."""


class Patience:
    """Waits between attempts to reach the platform, until the start has waited long enough."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._deadline = time.monotonic() + WAIT_FOR_PLATFORM_SECONDS

    def rest(self, seconds: float, fault: Unreachable) -> None:
        """Wait. Raises: Stopped, if the end is asked for; `fault`, when there is no patience left."""
        self._signals.check()
        self._signals.sleep(seconds)
        self._signals.check()
        if time.monotonic() > self._deadline:
            raise fault


class Attempt:
    """From a claimed spec to the end of everything it started."""

    def __init__(
        self,
        spec: LaunchSpec,
        directory: Path,
        log: Logbook,
        signals: Signals,
        inherited: Mapping[str, str],
        control_token: str,
    ) -> None:
        self._spec, self._log, self._signals = spec, log, signals
        self._control_token = control_token
        self._subject = subject(spec, directory, signals)
        self._preparation = Preparation(spec, self._subject, directory, log, signals, inherited)
        self._directory = directory

    def run(self, connection: Connection, patience: Patience) -> End:
        """Prepare and run the engine; whatever prevents that is the reason of the end."""
        try:
            self._preparation.prepare(connection, patience.rest)
            with selectors.DefaultSelector() as selector:
                return self._supervise(selector, Renewal(self._spec, self._directory, connection, self._log))
        except LaunchFault as fault:
            self._log.say(str(fault))
            self._preparation.give_up()
            return End(reason=str(fault))
        except Exception:  # a fault of ours: nothing of the user's lives on while its files are taken away
            kill_all()
            self._preparation.give_up()
            raise
        finally:
            self._preparation.release()

    def _supervise(self, selector: selectors.BaseSelector, renewal: Renewal) -> End:
        """Start the engine and stay with it until nothing below it is left."""
        control = self._subject.control(selector, self._running, self._control_token)
        memory = TreeMemory(self._spec.memory_bytes)
        deadline = self._preparation.deadline
        watch = Watch(
            selector, self._signals, control, memory, self._spec.grace_seconds, self._log.say, deadline
        )
        output = Output(self._log.output)
        samples = self._samples(memory)
        pid = self._start(control, output)
        renewal.begin()
        samples.begin()
        ended = watch.until_end(pid)
        samples.close()
        renewal.close()
        self._log.steps.add("engine-ended")
        self._drain(output)
        control.close()
        timed_out = deadline.sentence if watch.timed_out else None
        return self._end(ended, watch, control, memory, timed_out)

    def _samples(self, memory: TreeMemory) -> Samples:
        given = self._spec.gpu.given if self._spec.gpu is not None else []
        return Samples(lambda: self._log.more(SAMPLES_SOURCE, patient=True), memory, GpuUse(given))

    def _running(self, address: str | None) -> None:
        self._log.steps.add("running", address)

    def _start(self, control: Control, output: Output) -> int:
        """Start the engine, and with it the threads that carry its output."""
        self._log.output.spool.begin()
        try:
            pid = self._preparation.start_engine(control.environment, output.write_end)
        except LaunchFault:
            output.discard()
            raise
        output.start()
        self._log.say(f"The {self._subject.what} was started (pid {pid}).")
        self._log.steps.add("engine-started", f"pid {pid}")
        self._log.shipper.start()
        control.begin()
        return pid

    def _drain(self, output: Output) -> None:
        """End what the run left behind, and read its output to the end."""
        left = end_leftovers(self._signals.sleep)
        if left:
            self._log.say(f"The run left processes behind, which were ended: {', '.join(left)}.")
        if not all([output.finish(DRAIN_SECONDS), self._preparation.drained()]):
            self._log.say(
                "Something still holds the output of the run open; what it writes is not in the log."
            )
        self._log.steps.add("drained")

    def _end(
        self, ended: Exit, watch: Watch, control: Control, memory: TreeMemory, timed_out: str | None
    ) -> End:
        facts = Circumstances(
            exit=ended,
            began=control.was_connected,
            receipt=control.receipt is not None,
            stop_reason=self._signals.stop_reason if watch.stopped else None,
            killed=watch.killed,
            out_of_memory=None if watch.killed else memory.out_of_memory(ended),
            tail=self._log.output.tail,
            timed_out=timed_out,
        )
        receipt = control.receipt or {}
        return End(
            exit_code=ended.code,
            signal=ended.signal,
            receipt=receipt.get("state_type"),
            receipt_state_name=receipt.get("state_name"),
            peak_memory_bytes=memory.peak_bytes,
            reason=reason(facts),
        )
