"""What a workload has to tell: the launcher's own sentences, the output of the run, and the steps."""

from __future__ import annotations

from pathlib import Path

from prefect_platform.launcher.redaction import Redaction
from prefect_platform.launcher.report import Steps
from prefect_platform.launcher.shipper import Shipper
from prefect_platform.launcher.source import Source
from prefect_platform.launcher.spool import Spool
from prefect_platform.wire.launch import LogSettings


class Logbook:
    """The sources of a run and its steps, on their way to disk and platform from the first byte."""

    def __init__(
        self, directory: Path, settings: LogSettings, redaction: Redaction, shipper: Shipper, output: str
    ) -> None:
        """`output` names the source of what the workload's process writes."""
        self.redaction = redaction
        self.shipper = shipper
        self._spool = directory / "spool"
        self._settings = settings
        self.launcher = self._source("launcher")
        self.output = self._source(output)
        self._more: dict[str, Source] = {}
        self.steps = Steps(redaction, shipper.hurry)
        shipper.report(self.steps)

    @property
    def sources(self) -> tuple[Source, ...]:
        """In the order in which people read them."""
        return self.launcher, *self._more.values(), self.output

    def more(self, name: str, *, patient: bool = False) -> Source:
        """A source that not every run has, such as `start-script`; opened when it is first asked for. What
        comes on a `patient` one waits for other bytes to go, or for the next heartbeat."""
        if name not in self._more:
            source = self._source(name, patient=patient)
            source.spool.begin()
            self._more[name] = source
        return self._more[name]

    def _source(self, name: str, *, patient: bool = False) -> Source:
        spool = Spool(self._spool / name, self._settings.segment_bytes)
        grown = _nothing if patient else self.shipper.grown
        source = Source(name, spool, self.redaction.stream(), self._settings.cap_bytes, grown)
        self.shipper.attach(source)
        return source

    def say(self, sentence: str) -> None:
        """Write a sentence of the launcher's own."""
        self.launcher.say(sentence)

    def close(self) -> None:
        """End all sources, that of the launcher's own sentences last."""
        for source in self._more.values():
            source.close()
        self.output.close()
        self.launcher.close()


def _nothing() -> None:
    """Nobody is woken."""
