"""From the start of the engine to its end: signals, the control channel, memory, and the ladder of a stop.

The ladder: tell the engine through its control channel that SIGTERM will mean a cancellation; once it
has understood, SIGTERM to the engine alone; after the grace period SIGKILL to everything. A SIGTERM
that the engine does not expect would make it report a crash, so without a channel there is only SIGKILL.
"""

from __future__ import annotations

import selectors
import signal
import time
from collections.abc import Callable

from prefect_platform.launcher.memory import TreeMemory
from prefect_platform.launcher.process import Exit, kill_all, reap, send
from prefect_platform.launcher.signals import Signals
from prefect_platform.launcher.subject import Control
from prefect_platform.launcher.timeout import Deadline

KILL_AGAIN_SECONDS = 0.5


class Watch:
    """Watches one engine. `say` writes a sentence to the launcher's source."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        signals: Signals,
        control: Control,
        memory: TreeMemory,
        grace_seconds: float,
        say: Callable[[str], None],
        deadline: Deadline | None = None,
    ) -> None:
        self.stopped = False
        """Whether a stop was begun before the engine had ended."""
        self.timed_out = False
        """Whether that was because it ran for too long."""
        self.killed = False
        """Whether the engine was sent SIGKILL from here."""
        self._selector, self._signals = selector, signals
        self._control, self._memory = control, memory
        self._grace, self._say = grace_seconds, say
        self._deadline = deadline or Deadline(None)
        self._kill_at = float("inf")
        self._terminated = False
        selector.register(signals.wake_fd, selectors.EVENT_READ, signals.clear)

    def until_end(self, pid: int) -> Exit:
        """Serve everything until the engine `pid` has ended."""
        while (end := reap(pid)) is None:
            self._memory.look()
            self._step(pid)
            for key, _ in self._selector.select(self._timeout()):
                key.data()
        self._control.drain()
        self._memory.ended(end)
        return end

    def _timeout(self) -> float:
        due = self._memory.due_in() if self.stopped else min(self._memory.due_in(), self._deadline.due_in())
        return min(due, max(0.0, self._kill_at - time.monotonic()))

    def _step(self, pid: int) -> None:
        """The next rung of the ladder, if it is time for one."""
        if self._signals.stop_reason is not None and not self.stopped:
            self._begin(self._signals.stop_reason)
        elif self._deadline.passed and not self.stopped:
            self._time_out(pid)
        if not self.stopped:
            return
        if time.monotonic() >= self._kill_at:
            self._kill(pid)
        elif self._control.understood and not self._terminated:
            self._terminated = True
            send(pid, signal.SIGTERM)

    def _begin(self, reason: str) -> None:
        self.stopped = True
        now = time.monotonic()
        if self._control.receipt is not None:
            self._kill_at = now + self._grace
            self._say(
                f"Stopping ({reason}): the flow has ended already; its process has {self._grace:g} s to go."
            )
        elif self._control.cancel():
            self._kill_at = now + self._grace
            self._say(f"Stopping ({reason}): it was told, and has {self._grace:g} s to end.")
        else:
            self._kill_at = now
            self._say(f"Stopping ({reason}): the flow cannot be told, so its processes are killed.")

    def _time_out(self, pid: int) -> None:
        """A plain SIGTERM: to Prefect this is a crash, which alerts people, and no cancellation, which is
        somebody's wish."""
        self.stopped = self.timed_out = self._terminated = True
        self._kill_at = time.monotonic() + self._grace
        self._say(f"{self._deadline.sentence} Its processes have {self._grace:g} s to end.")
        send(pid, signal.SIGTERM)

    def _kill(self, pid: int) -> None:
        if not self.killed and self._grace and self._control.was_connected:
            self._say(f"The run has not ended within {self._grace:g} s; its processes are killed.")
        self.killed = True
        self._kill_at = time.monotonic() + KILL_AGAIN_SECONDS
        send(pid, signal.SIGKILL)
        kill_all()
