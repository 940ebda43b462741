"""One start of a run: check, fetch, unpack, look once more, start the engine, stay to the end of it."""

from __future__ import annotations

import selectors
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from prefect_platform.launcher import code, engine, gpu, results, size, start_script
from prefect_platform.launcher.bundle import fetch, unpack
from prefect_platform.launcher.connection import Connection
from prefect_platform.launcher.control import ControlChannel
from prefect_platform.launcher.ending import Circumstances, End, reason
from prefect_platform.launcher.environment import Environment
from prefect_platform.launcher.faults import EngineFault, LaunchFault, Unreachable
from prefect_platform.launcher.flow_run import check_wanted
from prefect_platform.launcher.forked import Forked
from prefect_platform.launcher.interpreter import ask
from prefect_platform.launcher.logbook import Logbook
from prefect_platform.launcher.memory import TreeMemory, amount
from prefect_platform.launcher.output import Output
from prefect_platform.launcher.process import Exit, end_leftovers
from prefect_platform.launcher.promises import Promises
from prefect_platform.launcher.secrets import Secrets
from prefect_platform.launcher.signals import Signals
from prefect_platform.launcher.start_script import StartScript
from prefect_platform.launcher.surroundings import variables, working_directory
from prefect_platform.launcher.timeout import Deadline
from prefect_platform.launcher.watch import Watch
from prefect_platform.wire.launch import Bundle, LaunchSpec

WAIT_FOR_PLATFORM_SECONDS = 600.0
"""How long a start waits for a platform that does not answer."""
DRAIN_SECONDS = 5.0
"""How long output may still come when every process of the run is gone."""


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
    ) -> None:
        self._spec = spec
        self._directory = directory
        self._log = log
        self._signals = signals
        self._inherited = inherited
        self._promises = Promises(log.steps.promise)
        self._secrets = Secrets(spec, directory, inherited)
        self._environment = Environment(spec, log, signals, inherited, self._early)
        self._interpreter = spec.interpreter
        self._children: list[Forked] = []
        """Forked in advance: the start script if there is one, and the engine last."""
        self._script: StartScript | None = None
        self._given: Mapping[str, str] = spec.environment
        """Variables that the run is given, as far as its interpreter can make use of them."""

    def run(self, connection: Connection, patience: Patience) -> End:
        """Prepare and run the engine; whatever prevents that is the reason of the end."""
        try:
            place = self._prepare(connection, patience)
            with selectors.DefaultSelector() as selector:
                return self._supervise(place, selector)
        except LaunchFault as fault:
            self._promises.tell()
            self._log.say(str(fault))
            self._leave_nothing()
            return End(reason=str(fault))
        finally:
            self._secrets.remove(self._log.say)
            self._environment.release()

    def _prepare(self, connection: Connection, patience: Patience) -> Path:
        """Check and fetch what the engine needs. Returns the directory that it starts in."""
        spec = self._spec
        self._log.say(f"Workload {spec.workload_id}: {spec.flow_run.entrypoint}, with {spec.interpreter}.")
        self._signals.check()
        engine.check_interpreter(spec.interpreter)
        self._secrets.put(self._promises, self._log.say)
        place = self._directory / ("code" if spec.bundle else "work")
        what = self._fetch(spec.bundle, place, connection, patience) if spec.bundle else "It is installed"
        place.mkdir(exist_ok=True)
        self._signals.check()
        self._look(place, what)
        self._promises.tell()
        self._signals.check()
        self._log.say(check_wanted(spec.flow_run))
        self._log.steps.add("checked")
        self._run_start_script(place)
        self._signals.check()
        return place

    def _early(self) -> None:
        """Let heartbeats and output flow from here on. That takes threads, after which nothing may be forked:
        so what is to be started is forked now, and waits."""
        if not self._children:
            script = self._spec.wanted is not None and self._spec.wanted.start_script is not None
            self._children = [Forked() for _ in range(2 if script else 1)]
            self._log.shipper.start()

    def _run_start_script(self, place: Path) -> None:
        """The first code of the user's that runs, if this version has such a script."""
        wanted = self._spec.wanted
        if wanted is None or wanted.start_script is None:
            return
        self._early()
        self._script = StartScript(wanted.start_script, self._directory, self._log, self._signals)
        directory = working_directory(wanted, place, self._variables(place))
        self._script.run(self._children.pop(0), self._variables(place), directory, self._spec.grace_seconds)

    def _variables(self, place: Path, **added: str) -> dict[str, str]:
        """Variables of the start script and, with a few that are added, of the engine."""
        spec = self._spec
        given = {**self._given, **added, "PREFECT_PLATFORM_WORKLOAD_ID": spec.workload_id}
        found = engine.environment(self._inherited, given, spec.flow_run, place)
        return found if spec.wanted is None else {**found, **variables(self._interpreter, found.get("PATH"))}

    def _look(self, place: Path, what: str) -> None:
        """Compare what is here with what was asked for; nothing of the user's runs before this."""
        spec = self._spec
        shared = Path(spec.shared_directory) if spec.shared_directory else None
        self._given = {**spec.environment, **gpu.variables(spec)}
        given = engine.environment(self._inherited, self._given, spec.flow_run, place)
        modules = code.imports(spec.flow_run.entrypoint, place)
        interpreter = self._environment.find(
            lambda executable: ask(executable, modules, place, given, shared), self._promises, place
        )
        self._interpreter = interpreter.executable
        code.judge(self._promises, what, interpreter)
        if spec.wanted is not None and spec.wanted.start_script is not None:
            self._log.more(start_script.SOURCE)
        self._given = results.variables(self._given, interpreter, self._log.say)
        size.judge(self._promises, spec, *size.look())
        names = ", ".join(source.name for source in self._log.sources)
        self._promises.keep("logs", f"Every byte of {names} is numbered and kept.")
        if found := gpu.check(self._promises, replace(spec, interpreter=self._interpreter), place, given):
            self._log.say(f"The run has {found}.")

    def _fetch(self, bundle: Bundle, place: Path, connection: Connection, patience: Patience) -> str:
        """Fetch and unpack the code. Returns what it is, for people."""
        archive = self._directory / "bundle.zip"
        fetch(connection, bundle, archive, patience.rest)
        files = unpack(archive, place)
        detail = f"{files} files from {amount(bundle.size)}, SHA-256 {bundle.sha256[:16]}…"
        self._log.say(f"The code was fetched, and is the code that was registered: {detail}")
        self._log.steps.add("bundle-fetched", detail)
        return detail

    def _supervise(self, place: Path, selector: selectors.BaseSelector) -> End:
        """Start the engine and stay with it until nothing below it is left."""
        control = ControlChannel(selector, lambda: self._log.steps.add("running"))
        memory = TreeMemory(self._spec.memory_bytes)
        deadline = Deadline(self._spec.timeout_seconds)
        watch = Watch(
            selector, self._signals, control, memory, self._spec.grace_seconds, self._log.say, deadline
        )
        output = Output(self._log.flow)
        pid = self._start(place, control, output)
        ended = watch.until_end(pid)
        self._log.steps.add("engine-ended")
        self._drain(output)
        control.close()
        timed_out = deadline.sentence if watch.timed_out else None
        return self._end(ended, watch, control, memory, timed_out)

    def _start(self, place: Path, control: ControlChannel, output: Output) -> int:
        """Start the engine, and with it the threads that carry its output."""
        spec = self._spec
        given = self._variables(place, **control.environment)
        directory = place if spec.wanted is None else working_directory(spec.wanted, place, given)
        start = engine.EngineStart(
            self._interpreter,
            engine.arguments(spec.python_version, place),
            given,
            directory,
            output.write_end,
        )
        self._log.flow.spool.begin()
        try:
            pid = self._children.pop().become(start) if self._children else engine.start_engine(start)
        except EngineFault:
            output.discard()
            raise
        output.start()
        self._log.say(f"The engine was started (pid {pid}).")
        self._log.steps.add("engine-started", f"pid {pid}")
        self._log.shipper.start()
        return pid

    def _drain(self, output: Output) -> None:
        """End what the run left behind, and read its output to the end."""
        left = end_leftovers(self._signals.sleep)
        if left:
            self._log.say(f"The run left processes behind, which were ended: {', '.join(left)}.")
        whole = [one.finish(DRAIN_SECONDS) for one in (output, self._script) if one is not None]
        if not all(whole):
            self._log.say(
                "Something still holds the output of the run open; what it writes is not in the log."
            )
        self._log.steps.add("drained")

    def _leave_nothing(self) -> None:
        """Where no engine is started: end what was started before it."""
        for child in self._children:
            child.dismiss()
        if self._script is not None:
            end_leftovers(self._signals.sleep)
            self._script.finish(DRAIN_SECONDS)

    def _end(
        self, ended: Exit, watch: Watch, control: ControlChannel, memory: TreeMemory, timed_out: str | None
    ) -> End:
        facts = Circumstances(
            exit=ended,
            began=control.was_connected,
            receipt=control.receipt is not None,
            stop_reason=self._signals.stop_reason if watch.stopped else None,
            killed=watch.killed,
            out_of_memory=None if watch.killed else memory.out_of_memory(ended),
            tail=self._log.flow.tail,
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
