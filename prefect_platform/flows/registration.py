"""What `register` gives back: the registration, and the runs started from it."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from pydantic_core import to_jsonable_python

from prefect_platform.client.api import PlatformClient
from prefect_platform.errors import UsageError, foreign
from prefect_platform.names import nearest
from prefect_platform.wire import runs as wire
from prefect_platform.wire.flows import BundleFile, RunRequest
from prefect_platform.wire.logs import LogSource
from prefect_platform.wire.promises import Promise

_QUICK, _SLOW = 0.2, 1.0
"""Seconds between two looks at a run: at first, and after a while."""
_WAITING = frozenset({"Scheduled", "Late", "AwaitingRetry", "Retrying", "Resuming", "Paused", "Suspended"})
"""Names of Prefect states in which an ended attempt is not the end of the run."""


@dataclass(frozen=True)
class Registration:
    """A flow version and its deployment, as they stand after `register`."""

    flow_name: str
    deployment_name: str
    project: str
    version: int
    url: str
    """The deployment's page in Prefect's UI."""
    flow_id: str
    version_id: str
    deployment_id: str
    """Prefect's id of the deployment."""
    created: bool
    """Whether this made a new version."""
    deployment_change: str = "new"
    """`new`, `changed` or `unchanged`: what became of the deployment in Prefect."""
    changes: Sequence[str] = ()
    """What is new since the last version."""
    notes: Sequence[str] = ()
    """What somebody should know."""
    files: Sequence[BundleFile] = ()
    """What travels."""
    schedules: Sequence[str] = ()
    parameters: Sequence[str] = ()
    client: PlatformClient = field(repr=False, compare=False, kw_only=True)

    def run(self, **parameters: Any) -> Run:
        """Start it now.

        Args:
            parameters: Of the flow; those of the deployment stand where none is given.

        Raises:
            UsageError: the flow has no such parameter.
        """
        for name in parameters:
            if self.parameters and name not in self.parameters:
                raise UsageError(
                    f"The flow {self.flow_name!r} has no parameter {name!r}.{nearest(name, self.parameters)} "
                    f"It takes {', '.join(self.parameters)}."
                )
        try:
            values = to_jsonable_python(parameters)
        except ValueError as error:
            raise UsageError(
                f"A parameter cannot be written as JSON: {foreign(str(error))}. "
                "Use numbers, text, lists, dicts."
            ) from None
        request = RunRequest(deployment_name=self.deployment_name, parameters=values)
        return Run(self.client.flows.run(self.flow_id, request), self.client)

    @property
    def size(self) -> int:
        """Bytes of what travels, before compression."""
        return sum(file.size for file in self.files)

    def rows(self) -> list[tuple[str, str]]:
        """What people want to see of it, as label and text."""
        state = "new" if self.created else "unchanged"
        if not self.created and self.deployment_change != "unchanged":
            state += f", the deployment is {self.deployment_change}"
        rows = [
            ("flow", f"{self.flow_name}/{self.deployment_name}"),
            ("version", f"{self.version} ({state})"),
        ]
        rows += [("changed", change) for change in self.changes]
        rows += [("schedule", schedule) for schedule in self.schedules]
        if self.files:
            rows.append(("travels", _files(self.files, self.size)))
        return [*rows, ("page", self.url)]

    def _all_rows(self) -> list[tuple[str, str]]:
        return [*self.rows(), *(("note", note) for note in self.notes)]

    def __repr__(self) -> str:
        return "\n".join(f"{label:<9}{text}" for label, text in self._all_rows())

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td style='text-align:left;opacity:.6'>{html.escape(label)}</td>"
            f"<td style='text-align:left'>{_linked(text)}</td></tr>"
            for label, text in self._all_rows()
        )
        return f"<table>{cells}</table>"


class Run:
    """One run. Nothing of it lives here: every look asks the platform."""

    def __init__(self, run: wire.Run, client: PlatformClient) -> None:
        self._run = run
        self._client = client

    @property
    def id(self) -> str:
        return self._run.id

    @property
    def name(self) -> str:
        return self._run.name

    @property
    def url(self) -> str | None:
        """The run's page in Prefect's UI."""
        return self._run.url

    @property
    def state(self) -> str:
        """Where it stands now: `scheduled`, a status of its last attempt, or a Prefect state, `suspended`."""
        self._run = self._client.runs.get(self.id)
        return _state(self._run)

    @property
    def reason(self) -> str | None:
        """Why it ended as it did, where there is something to tell."""
        return self._run.reason

    @property
    def promises(self) -> list[Promise]:
        """The six promises of its last attempt, each kept or broken; none before its launcher has looked."""
        attempts = self._client.runs.get(self.id).attempt_list
        return list(attempts[-1].workload.promises or []) if attempts else []

    def wait(self, timeout: float | None = None) -> str:
        """Wait for its end and give its last state. `timeout` is in seconds; None waits for ever.

        Raises:
            TimeoutError: it goes on after that time. Nothing is cancelled.
        """
        started = time.monotonic()
        while True:
            state = self.state
            passed = time.monotonic() - started
            if _over(self._run):
                return state
            if timeout is not None and passed >= timeout:
                raise TimeoutError(
                    f"Run {self.name} is {state} after {timeout:g} s. It goes on; wait again, or cancel()."
                )
            time.sleep(_QUICK if passed < 10 * _SLOW else _SLOW)

    def follow(self, file: TextIO | None = None) -> str:
        """Show its log as it is written, until it is over. Interrupting stops the showing, not the run."""
        out, before, open_line = file or sys.stdout, "", False
        try:
            for chunk in self._client.logs.follow(self.id):
                # Two sources may stop in the middle of a line: neither breaks into the other's.
                out.write("\n" * (open_line and chunk.source != before) + chunk.text)
                out.flush()
                before, open_line = chunk.source, not chunk.text.endswith("\n")
        except KeyboardInterrupt:
            out.write(f"\nRun {self.name} goes on; run.follow() shows it again, run.cancel() ends it.\n")
            return self.state
        state = self.wait()
        out.write(
            "\n" * open_line
            + f"Run {self.name}: {state}"
            + (f": {self.reason}" if self.reason else "")
            + "\n"
        )
        return state

    def logs(self, source: str | None = None) -> str:
        """Everything it has written so far, oldest first, or only one source, such as `flow`. What retention
        removed stands there as a line that says so.

        Raises:
            UsageError: it has no such source; the message names those it has.
        """
        sources = self._client.logs.sources(self.id)
        chosen = [found for found in sources if source in (None, found.source)]
        if source is not None and not chosen and sources:
            known = sorted({found.source for found in sources})
            raise UsageError(
                f"Run {self.name} has no log {source!r}.{nearest(source, known)} It has {', '.join(known)}."
            )
        return "".join(self._text(found) for found in chosen)

    def _text(self, found: LogSource) -> str:
        if found.removal:
            return f"[prefect-platform] {found.removal}\n"
        return self._client.logs.raw(found.workload_id, found.source).decode("utf-8", "replace")

    def cancel(self, reason: str = "cancelled") -> str:
        """Ask for its end. It ends within its grace period; `wait` tells when."""
        self._run = self._client.runs.cancel(self.id, reason)
        return _state(self._run)

    def __repr__(self) -> str:
        return f"Run {self.name} ({self.id}): {_state(self._run)}" + (f"\n{self.url}" if self.url else "")


def _state(run: wire.Run) -> str:
    if run.prefect_state in _WAITING or run.status is None:
        return (run.prefect_state or "scheduled").lower()
    return run.status.value


def _over(run: wire.Run) -> bool:
    if run.prefect_state in _WAITING:
        return False
    return run.ended_at is not None or run.status in wire.FINAL


def _files(files: Sequence[BundleFile], size: int) -> str:
    shown = ", ".join(f"{file.path} ({readable(file.size)})" for file in files[:6])
    return shown if len(files) <= 6 else f"{shown} and {len(files) - 6} more, {readable(size)} in all"


def readable(size: int) -> str:
    """A size for people."""
    number = float(size)
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def _linked(text: str) -> str:
    safe = html.escape(text)
    return (
        f"<a href='{safe}' target='_blank'>{safe}</a>" if text.startswith(("http://", "https://")) else safe
    )
