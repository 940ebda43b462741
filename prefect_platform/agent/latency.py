"""How long runs took from the look that found them to their engine, since this agent started. Pure."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

from prefect_platform.agent.histogram import Histogram
from prefect_platform.wire.agents import LatencyBucket
from prefect_platform.wire.runs import Attempt, Status

_KEPT = 1000
"""Runs under way that are remembered; of more the oldest are not measured."""


class Latencies:
    """Each start is measured once."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, datetime] = OrderedDict()
        self._histogram = Histogram()

    def found(self, flow_run_id: str, at: datetime) -> None:
        """A look found this run, and it is being claimed."""
        self._found[flow_run_id] = at
        self._found.move_to_end(flow_run_id)
        if len(self._found) > _KEPT:
            self._found.popitem(last=False)

    def see(self, attempt: Attempt) -> None:
        """Measure an attempt whose engine has started; each is measured once."""
        found = self._found.get(attempt.flow_run_id)
        ran = next((m.at for m in attempt.workload.transitions if m.status is Status.RUNNING), None)
        if found is None or ran is None or ran < found:
            return  # not under way here, not started yet, or an attempt before the one that was found
        del self._found[attempt.flow_run_id]
        self._histogram.add((ran - found).total_seconds())

    def buckets(self) -> list[LatencyBucket]:
        return self._histogram.buckets()
