"""Runs that are kept going while parts are killed, and judged when they are over.

A thread of its own does both, so that waiting for a platform that is away never holds up the killing.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from prefect_platform.errors import NotFound, Unavailable
from prefect_platform.server.services.workloads import COMPLETE
from prefect_platform.testing.embedded import Embedded
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.runs import FINAL, Attempt, RunDetail
from tests.kills.judging import Told, Verdict, judge
from tests.kills.victims import left_over
from tests.kills.writing import PAUSES, WRITE_LINES, Journal

AT_ONCE = 6
LONGEST_SECONDS = 14.0
PATIENCE_SECONDS = 150.0
"""A run, its log and its status are over so long after its start or after the last kill, whichever is later.

While a server is killed faster than it can begin to serve, nothing is promised but that nothing is lost;
`slowest` says how long a run took all the same.
"""


class Runs:
    """Keeps `AT_ONCE` runs going until `stop`, then waits for the last of them."""

    def __init__(
        self, platform: Embedded, deployment: str, journals: Path, kills: Mapping[str, str], seed: int
    ) -> None:
        self.verdicts: list[Verdict] = []
        self.failure: BaseException | None = None
        self.slowest = 0.0
        """Seconds from the start of a run until it was over."""
        self._quiet_since = float("inf")
        self._journals, self._kills, self._deployment = journals, kills, deployment
        self._client, self._prefect = platform.client(), Prefect(platform.prefect_api, keep_alive=False)
        self._random = random.Random(seed)
        self._going: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="runs", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Start no more, and wait until every run was judged. Raises what went wrong on the way."""
        self._quiet_since = time.monotonic()
        self._stopping.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            while self._going or not self._stopping.is_set():
                while len(self._going) < AT_ONCE and not self._stopping.is_set():
                    self._start()
                for run in list(self._going):
                    self._look(run)
                time.sleep(0.2)
        except BaseException as error:  # told by `stop`, in the thread that asks
            self.failure = error

    def _start(self) -> None:
        lines = self._random.choice(WRITE_LINES)
        parameters = {
            "journals": str(self._journals),
            "seconds": self._random.uniform(2.0, LONGEST_SECONDS),
            "lines": lines,
            "pause": PAUSES[lines],
        }
        path = f"deployments/{self._deployment}/create_flow_run"
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        self._going[self._prefect.call("POST", path, body)["id"]] = time.monotonic()

    def _look(self, run: str) -> None:
        """Judge a run if it is over; a platform that is away is asked again."""
        try:
            detail = self._client.runs.get(run)
        except (Unavailable, NotFound):  # killed a moment ago; or nobody has picked the run up yet
            detail = None
        attempt = detail.attempt_list[-1] if detail is not None and detail.attempt_list else None
        if detail is not None and attempt is not None and _over(detail, attempt):
            try:
                told = self._told(detail, attempt)
            except Unavailable:
                return
            workload_id = attempt.workload.id
            part = self._kills.get(workload_id, "none")
            self.verdicts.append(judge(part, Journal.read(self._journals, workload_id), told))
            if self.verdicts[-1].problems or self.verdicts[-1].lost:
                self.verdicts[-1].problems.insert(0, f"run {run}, workload {workload_id}")
            self.slowest = max(self.slowest, time.monotonic() - self._going.pop(run))
        elif time.monotonic() - max(self._going[run], self._quiet_since) > PATIENCE_SECONDS:
            raise TimeoutError(f"Run {run} is not over after {PATIENCE_SECONDS:g} s: {detail}")

    def _told(self, detail: RunDetail, attempt: Attempt) -> Told:
        workload_id = attempt.workload.id
        flow = next((s for s in self._client.logs.sources(detail.id) if s.source == "flow"), None)
        assert detail.status is not None
        return Told(
            status=detail.status,
            reason=detail.reason,
            prefect=self._prefect.call("GET", f"flow_runs/{detail.id}")["state_type"],
            log=self._client.logs.raw(workload_id, "flow") if flow else b"",
            gaps=flow.gaps if flow else [],
            left_over=left_over(workload_id),
        )


def _over(detail: RunDetail, attempt: Attempt) -> bool:
    return detail.status in FINAL and any(step.name == COMPLETE for step in attempt.workload.steps)
