"""The start script of a version: run by `bash -e` before the engine, as user code in the run's environment.

Its output is the log source `start-script`. The line that failed is told by bash itself: a trap on errors,
set before the script by a file that bash reads first, writes its number down.
"""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from prefect_platform.launcher.child import attend
from prefect_platform.launcher.faults import EngineFault, ScriptFault
from prefect_platform.launcher.forked import EngineStart, Forked
from prefect_platform.launcher.logbook import Logbook
from prefect_platform.launcher.output import Output
from prefect_platform.launcher.process import Exit
from prefect_platform.launcher.signals import Signals
from prefect_platform.launcher.timeout import Deadline

SOURCE = "start-script"
LINE = 200
"""Characters of a line of the script that a sentence repeats."""
PRELUDE = """unset BASH_ENV
trap '_failed=$?; if ((BASH_SUBSHELL == 0)); then echo "$_failed $LINENO" > {report}; fi' ERR
"""


class StartScript:
    """One start script. What it leaves running lives with the run, and its output goes on."""

    def __init__(self, text: str, directory: Path, log: Logbook, signals: Signals) -> None:
        self._text, self._log, self._signals = text, log, signals
        self._file = directory / "start-script.sh"
        self._prelude = directory / "start-script.trap"
        self._report = directory / "start-script.failed"
        self._output = Output(log.more(SOURCE))
        self._started = False

    def run(
        self,
        child: Forked,
        environment: Mapping[str, str],
        place: Path,
        grace_seconds: float,
        deadline: Deadline,
    ) -> None:
        """Run it to its end.

        Raises:
            ScriptFault: it failed, and the text names the line; or it was still running at `deadline`.
            Stopped: the end was asked for meanwhile.
        """
        began = time.monotonic()
        end = attend(self._start(child, environment, place), self._signals, grace_seconds, deadline)
        detail = f"{time.monotonic() - began:.3f} s"
        self._log.steps.add("start-script-ended", detail)
        self._signals.check()
        if deadline.passed:
            raise ScriptFault(f"{deadline.sentence} That was in its start script.")
        if end.code != 0:
            self._output.catch_up()
            raise ScriptFault(f"The start script failed {self._how(end)}.")
        self._log.say(f"The start script has ended, after {detail}.")

    def finish(self, seconds: float) -> bool:
        """Read its output to the end, once nothing of it is left. False: something still holds it open."""
        if not self._started:
            self._output.discard()
            return True
        return self._output.finish(seconds)

    def _start(self, child: Forked, environment: Mapping[str, str], place: Path) -> int:
        bash = shutil.which("bash", path=environment.get("PATH"))
        if bash is None:
            child.dismiss()
            raise ScriptFault("The start script needs bash, which is not found on PATH.")
        try:
            self._file.write_text(self._text, encoding="utf-8")
            self._prelude.write_text(PRELUDE.format(report=shlex.quote(str(self._report))))
        except OSError as error:
            child.dismiss()
            raise ScriptFault(f"The start script cannot be written: {error.strerror}.") from error
        variables = {**environment, "BASH_ENV": str(self._prelude)}
        arguments = ("-eE", str(self._file))
        try:
            pid = child.become(
                EngineStart(bash, arguments, variables, place, self._output.write_end, what="start script")
            )
        except EngineFault as fault:
            raise ScriptFault(str(fault)) from fault
        self._output.start()
        self._started = True
        self._log.say(f"The start script was started (pid {pid}).")
        self._log.steps.add("start-script-started", f"pid {pid}")
        return pid

    def _how(self, end: Exit) -> str:
        """Where it failed and with what, for people."""
        what = f"by signal {end.signal}" if end.signal is not None else f"with exit code {end.code}"
        line = self._line()
        if line is not None:
            lines = self._text.splitlines()
            text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
            return f"{what} in line {line}: {text[:LINE]}"
        last = self._log.more(SOURCE).tail.strip().rpartition("\n")[2]
        return f"{what}; the last that it said: {last[:LINE]}" if last else what

    def _line(self) -> int | None:
        try:
            status, line = self._report.read_text().split()
        except (OSError, ValueError):
            return None
        return int(line) if status.isdigit() and line.isdigit() else None
