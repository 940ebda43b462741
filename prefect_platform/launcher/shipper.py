"""The one thread that talks to the platform while a run goes on: steps, log bytes, heartbeats, the end.

It sends the first byte after a silence at once, then as often as the platform asks for, and without
pause while more than `HURRY_BYTES` wait. While the platform is away it tries again for ever; the
spool keeps what is written meanwhile. Only a refusal by the platform itself that lasts ends a run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from prefect_platform.launcher.channel import Channel, Lost
from prefect_platform.launcher.connection import API, Backoff, Connection
from prefect_platform.launcher.faults import CallFault, LaunchFault, Refused, Unreachable
from prefect_platform.launcher.report import Steps
from prefect_platform.launcher.source import Source
from prefect_platform.wire.launch import LaunchSpec

HURRY_BYTES = 1 << 20
HEARTBEAT_SECONDS = 8.0
REFUSED_SECONDS = 60.0
"""A refusal that lasts this long means that for the platform this workload is over."""
SILENCE_SECONDS = 5.0
"""A silence of the platform that is worth a sentence in the log."""
LONGEST_INTERVAL = 5.0


class Shipper:
    """Made before the engine is started, so that bytes can be written; runs from `start` on.

    `stop` is called with a reason when the platform wants the end; `ended` once the thread is through.
    """

    def __init__(
        self,
        connection: Connection,
        spec: LaunchSpec,
        stop: Callable[[str], None],
        ended: Callable[[], None],
        complain: Callable[[str], None],
    ) -> None:
        self.delivered = False
        """Whether the platform has the result."""
        self.through = False
        """Whether everything has been done that will be."""
        self._connection = connection
        self._base = f"{API}/workloads/{spec.workload_id}"
        self._interval = spec.log.interval
        self._stop, self._ended, self._stderr = stop, ended, complain
        self._channels: list[Channel] = []
        self._steps: Steps | None = None
        self._result: dict[str, Any] | None = None
        self._deadline = float("inf")
        self._over = False
        self._outage = Outage(self._say)
        self._backoff = Backoff()
        self._sent_at = 0.0
        self._wake, self._hurry, self._closing = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)

    def attach(self, source: Source) -> None:
        """Ship this source too. The first one carries the heartbeat and the shipper's own sentences."""
        self._channels.append(Channel(self._connection, self._base, source))

    def report(self, steps: Steps) -> None:
        """Deliver these steps."""
        self._steps = steps

    def grown(self) -> None:
        """A source has new bytes."""
        if not self._wake.is_set():
            self._wake.set()
        if self._backlog() >= HURRY_BYTES and not self._hurry.is_set():
            self._hurry.set()

    def hurry(self) -> None:
        """There is something to send that should not wait."""
        self._wake.set()
        self._hurry.set()

    def start(self) -> None:
        """Begin; a second call does nothing."""
        if self._thread.ident is None:
            self._thread.start()

    def finish(self, result: dict[str, Any], seconds: float) -> None:
        """Send what is left, seal the sources, which are closed by now, and deliver `result`.

        Returns at once; `ended` is called when that is done, or has failed, or after `seconds`.
        """
        self._result = result
        self.hasten(seconds)
        self._closing.set()
        self.hurry()
        self.start()

    def hasten(self, seconds: float) -> None:
        """Give up after so many seconds from now, if that is sooner."""
        self._deadline = min(self._deadline, time.monotonic() + seconds)

    def _run(self) -> None:
        try:
            while not self._over and time.monotonic() < self._deadline:
                self._attempt()
        finally:
            self._connection.close()
            self.through = True
            self._ended()

    def _attempt(self) -> None:
        """One round, and the pause after it."""
        self._wake.clear()
        self._hurry.clear()
        closing = self._closing.is_set()
        try:
            if closing:
                self._close()
            else:
                self._round()
        except (Unreachable, Refused) as fault:
            if self._outage.lasts(fault):
                self._stop(f"the platform refuses this workload: {fault}")
            self._rest(closing)
            return
        self._outage.over()
        self._backoff.reset()
        if not closing:
            self._pause()

    def _rest(self, closing: bool) -> None:
        """Wait before the next attempt; the end of the run is tried at once."""
        seconds = min(self._backoff.pause(), max(0.0, self._deadline - time.monotonic()))
        if closing:
            time.sleep(seconds)
        else:
            self._closing.wait(seconds)

    def _pause(self) -> None:
        """Until there is something to send, and the interval since the last time has passed."""
        due = self._sent_at + HEARTBEAT_SECONDS - time.monotonic()
        self._wake.wait(max(0.0, due))
        early = self._sent_at + self._interval - time.monotonic()
        if early > 0 and self._backlog() < HURRY_BYTES:
            self._hurry.wait(early)

    def _backlog(self) -> int:
        return sum(channel.backlog for channel in self._channels)

    def _round(self) -> None:
        """Everything that waits, a batch of each source at most."""
        self._send_steps()
        for channel in self._channels:
            if channel.backlog:
                self._append(channel)
        if time.monotonic() - self._sent_at >= HEARTBEAT_SECONDS:
            self._append(self._channels[0])

    def _append(self, channel: Channel) -> None:
        try:
            answer = channel.append()
        except Lost as fault:
            self._give_up(channel, fault)
            return
        self._sent_at = time.monotonic()
        interval = answer.get("interval")
        if isinstance(interval, int | float):
            self._interval = min(max(0.0, float(interval)), LONGEST_INTERVAL)
        if answer.get("stop") is True:
            self._stop("the platform asked for the end")

    def _send_steps(self) -> None:
        """A report that is refused is dropped: the timeline is worth less than the log."""
        while self._steps and (report := self._steps.first()):
            try:
                self._connection.post(f"{self._base}/{report.of}", report.body)
            except Refused as fault:
                self._say(f"The platform refused {report.body.get('name', report.of)}: {fault}")
            self._steps.delivered()

    def _close(self) -> None:
        """The rest of every source, its seal, and the result, which no refused source holds up."""
        self._send_steps()
        for channel in self._channels:
            try:
                while not channel.sealed and not channel.given_up:
                    if time.monotonic() > self._deadline:
                        return
                    if channel.backlog or not channel.known:
                        self._append(channel)
                    else:
                        channel.seal()
            except (Refused, Lost) as fault:
                self._give_up(channel, fault)
        try:
            self._connection.post(f"{self._base}/result", self._result or {})
            self.delivered = True
        except Refused as fault:
            self._complain(f"The platform refused the result: {fault}")
        self._over = True

    def _give_up(self, channel: Channel, fault: LaunchFault) -> None:
        channel.given_up = True
        self._complain(f"The rest of {channel.source.name} stays in the spool: {fault}")

    def _say(self, sentence: str) -> None:
        self._channels[0].source.say(sentence)

    def _complain(self, sentence: str) -> None:
        """Where the platform takes no more, the launcher's own stderr is the last place to say so."""
        self._say(sentence)
        self._stderr(sentence)


class Outage:
    """The time in which the platform does not answer, or refuses, and what is said about it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._since: float | None = None
        self._refused_since: float | None = None
        self._said = False

    def lasts(self, fault: CallFault) -> bool:
        """Note one more failure; true where refusals have lasted so long that they must be meant."""
        now = time.monotonic()
        self._since = self._since or now
        if not self._said and now - self._since >= SILENCE_SECONDS:
            self._said = True
            self._say(f"{fault} The run goes on; its output is kept on disk until the platform takes it.")
        if not isinstance(fault, Refused):
            self._refused_since = None
            return False
        self._refused_since = self._refused_since or now
        return now - self._refused_since >= REFUSED_SECONDS

    def over(self) -> None:
        """The platform has answered."""
        if self._said and self._since is not None:
            self._say(f"The platform answers again, after {time.monotonic() - self._since:.0f} s.")
        self._since = self._refused_since = None
        self._said = False
