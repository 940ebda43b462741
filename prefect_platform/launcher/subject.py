"""What a workload runs: the engine of a flow run, or a program of its own such as an agent.

Everything else in the life of a workload is the same for both; what differs stands here.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Protocol

from prefect_platform.launcher import code, engine
from prefect_platform.launcher.control import ControlChannel
from prefect_platform.launcher.faults import EngineFault, EnvironmentFault
from prefect_platform.launcher.flow_run import check_wanted
from prefect_platform.launcher.readiness import Readiness
from prefect_platform.launcher.secret_files import write_private
from prefect_platform.launcher.signals import Signals
from prefect_platform.wire.launch import FlowRun, LaunchSpec, Program

FLOW = "flow"
"""Log source of what a flow prints."""
PROGRAM = "program"
"""Folder of a program's own files, in the directory of its workload."""


class Control(Protocol):
    """How the process is asked to end, and what it says of its own end."""

    was_connected: bool
    understood: bool
    receipt: dict[str, str] | None

    @property
    def environment(self) -> dict[str, str]: ...

    def begin(self) -> None:
        """The process was started."""
        ...

    def cancel(self) -> bool: ...

    def drain(self) -> None: ...

    def close(self) -> None: ...


class Subject(Protocol):
    """One thing that can be run."""

    source: str
    """Of the log that its output goes to."""
    title: str
    what: str
    """What people call its process."""
    pulled: bool
    """Whether it fetches its code by itself."""

    def modules(self, place: Path) -> list[str]:
        """Modules that its interpreter must have, for the code in `place`."""
        ...

    def check(self) -> str | None:
        """A last look at whether it is still wanted, as a sentence. Raises: LaunchFault, if it is not."""
        ...

    def variables(self, place: Path) -> dict[str, str]:
        """Variables that are its own."""
        ...

    def arguments(self, place: Path) -> tuple[str, ...]: ...

    def control(
        self, selector: selectors.BaseSelector, started: Callable[[str | None], None], token: str
    ) -> Control:
        """`started` is told once it does its work, with where it answers if it does."""
        ...


def subject(spec: LaunchSpec, directory: Path, signals: Signals) -> Subject:
    """What a spec asks for.

    Raises:
        EngineFault: it asks for nothing.
    """
    if spec.flow_run is not None:
        return FlowSubject(spec, spec.flow_run, signals)
    if spec.program is not None:
        return ProgramSubject(spec.program, directory, signals)
    raise EngineFault("The platform asks for neither a flow nor a program: update prefect-platform here.")


class FlowSubject:
    """Prefect's engine, for one flow run."""

    source, what = FLOW, "engine"

    def __init__(self, spec: LaunchSpec, flow_run: FlowRun, signals: Signals) -> None:
        self._version, self._flow_run, self._signals = spec.python_version, flow_run, signals
        self.title, self.pulled = flow_run.entrypoint, flow_run.pulled

    def modules(self, place: Path) -> list[str]:
        return [] if self.pulled else code.imports(self._flow_run.entrypoint, place)

    def check(self) -> str:
        return check_wanted(self._flow_run, self._signals)

    def variables(self, place: Path) -> dict[str, str]:
        return engine.variables(self._flow_run, place)

    def arguments(self, place: Path) -> tuple[str, ...]:
        return engine.arguments(self._version, place)

    def control(
        self, selector: selectors.BaseSelector, started: Callable[[str | None], None], token: str
    ) -> Control:
        return ControlChannel(selector, lambda: started(None), token)


class ProgramSubject:
    """A program: it ends by SIGTERM, and its exit code says how it went."""

    what, pulled = "process", False

    def __init__(self, program: Program, directory: Path, signals: Signals) -> None:
        self._program, self._signals = program, signals
        self._directory = directory / PROGRAM
        self.source, self.title = program.source, program.title

    @cached_property
    def _port(self) -> int:
        """Found when it is first needed: the longer ago, the more likely somebody else has taken it."""
        return _free_port()

    def modules(self, place: Path) -> list[str]:
        return self._program.modules

    def check(self) -> None:
        """Its files are written here, as late as can be. Raises: EnvironmentFault, where they cannot be."""
        for file in self._program.files:
            path = self._directory / file.name
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_private(path, file.content)
            except OSError as error:
                raise EnvironmentFault(
                    f"{self.title} needs its file {path}, which cannot be written: {error.strerror}."
                ) from error

    def variables(self, place: Path) -> dict[str, str]:
        return {name: self._filled(value, place) for name, value in self._program.variables.items()}

    def arguments(self, place: Path) -> tuple[str, ...]:
        return tuple(self._filled(one, place) for one in self._program.arguments)

    def control(
        self, selector: selectors.BaseSelector, started: Callable[[str | None], None], token: str
    ) -> Control:
        port = self._port if self._program.ready_path is not None else 0
        return Readiness(self._program, port, started, self._signals)

    def _filled(self, text: str, code: Path) -> str:
        text = text.replace("{directory}", str(self._directory)).replace("{code}", str(code))
        return text.replace("{port}", str(self._port)) if "{port}" in text else text


def _free_port() -> int:
    """A port that nobody listens on. If somebody takes it meanwhile, the program says so, and ends."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
