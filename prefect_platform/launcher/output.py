"""What a run prints: one pipe for its descriptors 1 and 2 and those of everything below it.

The reader takes bytes as they come and never waits for the network, so a run is never held up by the
platform. What is not on disk yet is what stands in the pipe, the chunk that was just read, and the few
bytes that the masking holds back. Together they are 64 KiB at most: that is what a killed launcher loses.
"""

from __future__ import annotations

import os
import select
import threading
import time

from prefect_platform.launcher.linux import limit_pipe, unread_bytes
from prefect_platform.launcher.source import Source

PIPE_BYTES = 32 << 10
CHUNK = 24 << 10
"""Leaves 8 KiB of the 64, of which the masking holds back less than 64 bytes."""
CATCH_UP_SECONDS = 0.005


class Output:
    """A pipe whose write end goes to the engine, and the thread that reads it to its end."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._read, self.write_end = os.pipe2(os.O_CLOEXEC)
        limit_pipe(self._read, PIPE_BYTES)
        self._abandoned, self._abandon = os.pipe2(os.O_CLOEXEC)
        self._reading = threading.Lock()
        """Held from the moment bytes leave the pipe until the source has them."""
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)

    def start(self) -> None:
        """Close the launcher's own write end and begin to read; call after the engine has it."""
        os.close(self.write_end)
        self._thread.start()

    def discard(self) -> None:
        """Close everything; for an engine that was never started."""
        for descriptor in (self._read, self.write_end, self._abandoned, self._abandon):
            os.close(descriptor)

    def finish(self, seconds: float) -> bool:
        """Wait until every writer has closed the pipe and all of it was read.

        After `seconds` the rest is given up; false says so.
        """
        self._thread.join(seconds)
        whole = not self._thread.is_alive()
        os.close(self._abandon)
        self._thread.join()
        return whole

    def catch_up(self) -> None:
        """Wait until the source has everything that stands in the pipe now."""
        while not self._is_empty():
            time.sleep(CATCH_UP_SECONDS)

    def _is_empty(self) -> bool:
        with self._reading:
            return self._ended or not unread_bytes(self._read)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        poll.register(self._abandoned, 0)
        while all(fd != self._abandoned for fd, _ in poll.poll()):
            with self._reading:
                data = os.read(self._read, CHUNK)
                self._source.write(data)
            if not data:
                break
        with self._reading:
            self._ended = True
            os.close(self._read)
