"""The code of a run, brought to its place: as a bundle, as a commit, or not at all where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prefect_platform.launcher import code, git_source
from prefect_platform.launcher.bundle import fetch, unpack
from prefect_platform.launcher.connection import Connection
from prefect_platform.launcher.faults import Unreachable
from prefect_platform.launcher.logbook import Logbook
from prefect_platform.launcher.memory import amount
from prefect_platform.launcher.signals import Signals
from prefect_platform.wire.launch import Bundle, GitSource, LaunchSpec


@dataclass(frozen=True)
class Fetched:
    place: Path
    """Where the flow's modules are imported from."""
    what: str
    """What was fetched, for people."""


class Fetching:
    """Fetches the code of one attempt below its directory."""

    def __init__(
        self,
        spec: LaunchSpec,
        directory: Path,
        log: Logbook,
        signals: Signals,
        inherited: Mapping[str, str],
        *,
        pulled: bool,
    ) -> None:
        self._pulled = pulled
        self._spec, self._directory = spec, directory
        self._log, self._signals, self._inherited = log, signals, inherited

    def fetch(self, connection: Connection, rest: Callable[[float, Unreachable], None]) -> Fetched:
        """Fetch what is to be fetched.

        Raises:
            LaunchFault: it cannot be had, or is not what was registered.
        """
        spec = self._spec
        if spec.bundle:
            return self._bundle(spec.bundle, connection, rest)
        if spec.git:
            return self._commit(spec.git)
        place = self._directory / "work"
        place.mkdir(exist_ok=True)
        return Fetched(place, code.PULLED if self._pulled else "It is installed")

    def _bundle(
        self, bundle: Bundle, connection: Connection, rest: Callable[[float, Unreachable], None]
    ) -> Fetched:
        place, archive = self._directory / "code", self._directory / "bundle.zip"
        fetch(connection, bundle, archive, rest)
        files = unpack(archive, place)
        place.mkdir(exist_ok=True)
        detail = f"{files} files from {amount(bundle.size)}, SHA-256 {bundle.sha256[:16]}…"
        self._log.say(f"The code was fetched, and is the code that was registered: {detail}")
        self._log.steps.add("bundle-fetched", detail)
        return Fetched(place, detail)

    def _commit(self, source: GitSource) -> Fetched:
        place = self._directory / "code"
        shared = Path(self._spec.shared_directory) if self._spec.shared_directory else None
        wanted = git_source.Source(source, self._directory, shared, self._inherited, self._signals)
        found = wanted.provide(place, self._log.say)
        detail = f"{found.files} files, {amount(found.bytes)}, of commit {source.commit[:12]} of {source.url}"
        self._log.say(f"The code was fetched, and each file is the commit's: {detail}")
        self._log.steps.add("source-fetched", detail)
        return Fetched(git_source.working_directory(source, place), detail)
