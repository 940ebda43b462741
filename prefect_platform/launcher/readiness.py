"""When a program can be used, and how it is asked to end: what the control channel is to an engine."""

from __future__ import annotations

import threading
from collections.abc import Callable

from prefect_platform.launcher.signals import Signals
from prefect_platform.launcher.timeout import shown
from prefect_platform.wire.launch import Program

ASK_SECONDS = 0.05
ANSWER_SECONDS = 5.0
HOST = "127.0.0.1"


class Readiness:
    """Asks a program until it answers, in a thread of its own; one that never does is ended."""

    def __init__(
        self, program: Program, port: int, started: Callable[[str | None], None], signals: Signals
    ) -> None:
        self.was_connected = False
        self.understood = True
        """SIGTERM is all that a program has to understand."""
        self.receipt: dict[str, str] | None = None
        self.environment: dict[str, str] = {}
        self._program, self._port = program, port
        self._started, self._signals = started, signals
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="readiness", daemon=True)

    def begin(self) -> None:
        """The program was started."""
        if self._program.ready_path is None:
            self._ready(None)
        else:
            self._thread.start()

    def cancel(self) -> bool:
        return True

    def drain(self) -> None:
        """There is nothing to read."""

    def close(self) -> None:
        """The program has ended."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _ready(self, address: str | None) -> None:
        self.was_connected = True
        self._started(address)

    def _run(self) -> None:
        left = self._program.ready_seconds
        while not self._over.wait(ASK_SECONDS):
            left -= ASK_SECONDS
            if self._answers():
                self._ready(f"http://{HOST}:{self._port}")
                return
            if left <= 0:
                waited = shown(self._program.ready_seconds)
                self._signals.request_stop(f"{self._program.title} did not answer within {waited}")
                return

    def _answers(self) -> bool:
        """Any answer that is no error of the program's own counts: it may well ask for a password."""
        import http.client

        connection = http.client.HTTPConnection(HOST, self._port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", self._program.ready_path or "/")
            return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
        except (OSError, http.client.HTTPException):  # nobody listens yet
            return False
        finally:
            connection.close()
