"""Everything that comes before the engine, in order: code, secrets, interpreter, promises, start script.

Nothing of the user's runs before all six promises were looked at; the start script is the first that does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from prefect_platform.launcher import code, disk, engine, gpu, results, size, start_script
from prefect_platform.launcher.connection import Connection
from prefect_platform.launcher.environment import Environment
from prefect_platform.launcher.faults import BundleFault, EngineFault, SourceFault, Unreachable
from prefect_platform.launcher.fetching import Fetched, Fetching
from prefect_platform.launcher.forked import EngineStart, Forked
from prefect_platform.launcher.interpreter import Interpreter, ask
from prefect_platform.launcher.logbook import Logbook
from prefect_platform.launcher.process import end_leftovers
from prefect_platform.launcher.promises import Promises
from prefect_platform.launcher.repositories import Repositories
from prefect_platform.launcher.secrets import Secrets
from prefect_platform.launcher.signals import Signals
from prefect_platform.launcher.start_script import StartScript
from prefect_platform.launcher.subject import Subject
from prefect_platform.launcher.surroundings import variables, working_directory
from prefect_platform.launcher.timeout import Deadline
from prefect_platform.wire.launch import LaunchSpec, Program

DRAIN_SECONDS = 5.0
"""How long output may still come when every process of the run is gone."""


class Preparation:
    """Prepares one attempt; afterwards it starts the engine, and frees what it took."""

    def __init__(
        self,
        spec: LaunchSpec,
        subject: Subject,
        directory: Path,
        log: Logbook,
        signals: Signals,
        inherited: Mapping[str, str],
    ) -> None:
        self._spec, self._subject, self._directory = spec, subject, directory
        self._log, self._signals, self._inherited = log, signals, inherited
        self._promises = Promises(log.steps.promise)
        self._fetching = Fetching(spec, directory, log, signals, inherited, pulled=subject.pulled)
        self._secrets = Secrets(spec, directory, inherited)
        self._environment = Environment(spec, log, signals, inherited, self._early)
        self._interpreter = spec.interpreter
        self._given = {**spec.environment, **gpu.variables(spec)}
        """Variables that the run is given, as far as its interpreter can make use of them."""
        self._place = directory
        self._children: list[Forked] = []
        """Forked in advance: the start script if there is one, and the engine last."""
        self._script: StartScript | None = None
        self.deadline = Deadline(spec.timeout_seconds)
        """Of the start script and the engine together. Counts from the start script on."""

    def prepare(self, connection: Connection, rest: Callable[[float, Unreachable], None]) -> None:
        """Check and fetch what the engine needs, and run the start script.

        Raises:
            LaunchFault: something that was asked for cannot be had.
        """
        spec = self._spec
        self._log.say(f"Workload {spec.workload_id}: {self._subject.title}, with {spec.interpreter}.")
        self._signals.check()
        fetched = self._fetch(connection, rest)
        self._place = fetched.place
        self._signals.check()
        self._secrets.put(self._promises, self._log.say)
        self._look(fetched)
        self._promises.tell()
        self._signals.check()
        if said := self._subject.check():
            self._log.say(said)
        self._log.steps.add("checked")
        self.deadline = Deadline(spec.timeout_seconds)
        self._run_start_script()
        self._signals.check()

    def start_engine(self, added: Mapping[str, str], output: int) -> int:
        """Start the engine with these variables too; `output` becomes its descriptors 1 and 2. Its pid.

        Raises:
            EngineFault: it cannot be started.
            EnvironmentFault: its working directory cannot be had.
        """
        given = self._variables(**added)
        start = EngineStart(
            self._interpreter,
            self._subject.arguments(self._place),
            given,
            self._directory_of(given),
            output,
            self._subject.what,
        )
        return self._children.pop().become(start) if self._children else engine.start_engine(start)

    def drained(self) -> bool:
        """Whether the output of the start script was read to its end, once nothing of it is left."""
        return self._script is None or self._script.finish(DRAIN_SECONDS)

    def give_up(self) -> None:
        """No engine is started: tell the promises as far as they were looked at, and end what was started."""
        self._promises.tell()
        while self._children:
            self._children.pop().dismiss()
        end_leftovers(self._signals.sleep)
        if self._script is not None:
            self._script.finish(DRAIN_SECONDS)

    def release(self) -> None:
        """The attempt has ended: take away what nobody else may find, and free what others may want."""
        self._secrets.remove(self._log.say)
        self._environment.release()

    def _fetch(self, connection: Connection, rest: Callable[[float, Unreachable], None]) -> Fetched:
        try:
            fetched = self._fetching.fetch(connection, rest)
            return fetched if self._spec.program is None else self._bring(fetched, self._spec.program)
        except (BundleFault, SourceFault) as fault:
            self._promises.break_("code", str(fault))
            raise

    def _bring(self, fetched: Fetched, program: Program) -> Fetched:
        """What a program works on: room for it, and its repositories. There is a single thread yet, which is
        what git is started from."""
        if not program.repositories and program.disk_bytes is None:
            return fetched
        self._place = fetched.place
        place = self._directory_of(self._variables())
        disk.check(place, program.disk_bytes)
        wanted = Repositories(place, self._directory, self._inherited, self._signals, self._log.say)
        brought = wanted.bring(program.repositories)
        if brought:
            self._log.steps.add("repositories-ready", brought)
        return replace(fetched, what=brought) if brought else fetched

    def _look(self, fetched: Fetched) -> None:
        """Compare what is here with what was asked for."""
        spec = self._spec
        size.judge(self._promises, spec, *size.look())
        interpreter = self._environment.find(self._ask(), self._promises, fetched.place)
        self._interpreter = interpreter.executable
        code.judge(self._promises, fetched.what, interpreter)
        if spec.program is not None and interpreter.missing:
            raise EngineFault(
                f"{self._subject.title} cannot start: {interpreter.executable} has no "
                f"{', '.join(interpreter.missing)}. Install it there, or add it to `packages`."
            )
        self._given = results.variables(self._given, interpreter, self._log.say)
        self._open_logs()
        with_it = replace(spec, interpreter=self._interpreter)
        if found := gpu.check(self._promises, with_it, fetched.place, self._variables(), self._signals):
            self._log.say(f"The run has {found}.")

    def _ask(self) -> Callable[[str], Interpreter]:
        """Asks an interpreter what it is, and for the modules that the flow imports."""
        spec, place = self._spec, self._place
        modules = self._subject.modules(place)
        shared = Path(spec.shared_directory) if spec.shared_directory else None
        given = engine.environment(self._inherited, self._given, self._subject.variables(place))
        return lambda executable: ask(executable, modules, place, given, shared, self._signals)

    def _open_logs(self) -> None:
        if self._script_text is not None:
            self._log.more(start_script.SOURCE)
        names = ", ".join(source.name for source in self._log.sources)
        self._promises.keep("logs", f"Every byte of {names} is numbered and kept.")

    @property
    def _script_text(self) -> str | None:
        return self._spec.wanted.start_script if self._spec.wanted is not None else None

    def _early(self) -> None:
        """Let heartbeats and output flow from here on. That takes threads, after which nothing may be forked:
        so what is to be started is forked now, and waits."""
        if not self._children:
            self._children = [Forked() for _ in range(1 if self._script_text is None else 2)]
            self._log.shipper.start()

    def _run_start_script(self) -> None:
        text = self._script_text
        if text is None:
            return
        self._early()
        self._script = StartScript(text, self._directory, self._log, self._signals)
        given = self._variables()
        directory = self._directory_of(given)
        self._script.run(self._children.pop(0), given, directory, self._spec.grace_seconds, self.deadline)

    def _variables(self, **added: str) -> dict[str, str]:
        """Variables of the start script and, with a few that are added, of the engine."""
        spec = self._spec
        given = {**self._given, **added, "PREFECT_PLATFORM_WORKLOAD_ID": spec.workload_id}
        found = engine.environment(self._inherited, given, self._subject.variables(self._place))
        return found if spec.wanted is None else {**found, **variables(self._interpreter, found.get("PATH"))}

    def _directory_of(self, given: Mapping[str, str]) -> Path:
        wanted = self._spec.wanted
        return self._place if wanted is None else working_directory(wanted, self._place, given)
