"""The file of a program that the platform gives anew before it runs out, in a thread of its own.

Time is the day's: a machine that slept for an hour has let it run out, and asks as soon as it is awake.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from prefect_platform.launcher.connection import API, Connection
from prefect_platform.launcher.faults import CallFault
from prefect_platform.launcher.logbook import Logbook
from prefect_platform.launcher.subject import PROGRAM
from prefect_platform.wire.launch import LaunchSpec

LOOK_SECONDS = 15.0
AGAIN_SECONDS = 30.0
"""After an answer that was none. The old file is good for longer than that."""


class Renewal:
    """Begun with the program, and ended with it; nothing where no file is renewed."""

    def __init__(self, spec: LaunchSpec, directory: Path, connection: Connection, log: Logbook) -> None:
        self._program, self._log = spec.program, log
        self._place = directory / PROGRAM
        self._path = f"{API}/workloads/{spec.workload_id}/renewal"
        self._calls = connection
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="renewal", daemon=True)

    def begin(self) -> None:
        if self._program is not None and self._program.renewed is not None:
            self._thread.start()

    def close(self) -> None:
        """A call that is under way is not waited for: the platform gives nothing to what has ended."""
        self._over.set()

    def _run(self) -> None:
        connection = self._calls.another()
        pause = self._program.renew_seconds if self._program is not None else 0.0
        due = time.time() + pause
        while not self._over.wait(max(0.0, min(LOOK_SECONDS, due - time.time()))):
            if time.time() >= due:
                due = time.time() + (pause if self._renewed(connection) else min(AGAIN_SECONDS, pause))
        connection.close()

    def _renewed(self, connection: Connection) -> bool:
        """Whether the file is new now."""
        try:
            answer = connection.post(self._path, {})
            content, secrets = answer["content"], answer["secrets"]
            self._log.redaction.add(map(str, secrets))
            self._write(str(content))
        except (CallFault, KeyError, TypeError, OSError) as fault:
            self._log.say(f"The sign-in of this program could not be renewed; again in a moment: {fault}")
            return False
        return True

    def _write(self, content: str) -> None:
        """In place of the old one, whole: whoever reads it meanwhile gets one or the other."""
        path = self._place / str(self._program.renewed if self._program is not None else "")
        draft = path.with_name(f".{path.name}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        if not self._over.is_set():
            draft.replace(path)
