"""What the agent asks of Prefect, one method a question. Public REST routes only.

States are proposed, never forced: Prefect's own rules decide, and `status` in the answer says
what became of the proposal. The HTTP code says nothing about that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from prefect_platform.agent.flow_run import FlowRun, State, read_flow_run, read_state
from prefect_platform.agent.prefect_http import PrefectHttp
from prefect_platform.errors import Conflict, NotFound, UsageError
from prefect_platform.names import WORKER_TYPE
from prefect_platform.wire.agents import WorkQueue
from prefect_platform.wire.work_pool import installation_of

_PAGE = 200
"""Most items that Prefect gives in one answer."""
_PAGES = 25
"""Bound on one listing; the next sweep sees the rest."""


@dataclass(frozen=True)
class Proposal:
    """A state to propose."""

    type: str
    name: str
    transition_id: str
    """The same on every repetition, so that a lost answer is recognised."""
    message: str | None = None
    scheduled_time: datetime | None = None

    def body(self) -> dict[str, Any]:
        details: dict[str, Any] = {"transition_id": self.transition_id}
        if self.scheduled_time is not None:
            details["scheduled_time"] = self.scheduled_time.isoformat()
        state = {"type": self.type, "name": self.name, "message": self.message, "state_details": details}
        return {"state": state, "force": False}


@dataclass(frozen=True)
class Verdict:
    """Prefect's answer to a proposal."""

    status: str
    """`ACCEPT`, `REJECT`, `ABORT` or `WAIT`."""
    state: State | None
    """The state that holds now, where the answer says so."""
    reason: str | None
    delay_seconds: float | None = None


@dataclass(frozen=True)
class Rules:
    """What a pool lets through now."""

    paused: bool
    limited: bool
    """The pool or one of its queues has a concurrency limit: only a poll tells what it leaves room for."""
    open_queues: Mapping[str, int]
    """Priority of each queue that is not paused, by id; 1 comes first."""


class PrefectApi:
    """Raises what `PrefectHttp.call` raises."""

    def __init__(self, http: PrefectHttp) -> None:
        self._http = http

    @property
    def address(self) -> str:
        return self._http.address

    async def poll(
        self, pool: str, *, before: datetime, limit: int, queues: Sequence[str] = ()
    ) -> list[FlowRun]:
        """Scheduled runs due before a time, as a worker asks for them: pauses and limits are honoured.

        Prefect marks queues and deployments as polled a moment later. On SQLite these writes make
        others' calls fail with 503, so this is asked no oftener than it must be.
        """
        body: dict[str, Any] = {"scheduled_before": before.isoformat(), "limit": max(1, min(limit, _PAGE))}
        if queues:
            body["work_queue_names"] = list(queues)
        answer = await self._http.call("POST", f"/work_pools/{pool}/get_scheduled_flow_runs", body)
        return [read_flow_run(item["flow_run"]) for item in answer]

    async def waiting(self, pool: str, *, before: datetime) -> list[FlowRun]:
        """Scheduled runs due before a time, earliest first. A plain read: nothing is honoured or marked."""
        body = {
            "work_pools": {"name": {"any_": [pool]}},
            "flow_runs": {
                "state": {"type": {"any_": ["SCHEDULED"]}},
                "next_scheduled_start_time": {"before_": before.isoformat()},
            },
            "sort": "NEXT_SCHEDULED_START_TIME_ASC",
            "limit": _PAGE,
        }
        found = [read_flow_run(item) for item in await self._http.call("POST", "/flow_runs/filter", body)]
        return [run for run in found if not run.retries_in_process]

    async def rules(self, pool: str, queues: Sequence[str] = ()) -> Rules:
        """What the pool lets through, of all its queues or of some."""
        body = {"limit": _PAGE}
        found = await self._http.call("POST", f"/work_pools/{pool}/queues/filter", body)
        shown = await self._http.call("GET", f"/work_pools/{pool}")
        limits = [item["concurrency_limit"] for item in (shown, *found)]
        return Rules(
            paused=bool(shown["is_paused"]),
            limited=any(limit is not None for limit in limits),
            open_queues={
                str(item["id"]): int(item["priority"] or 1)
                for item in found
                if not item["is_paused"] and (not queues or item["name"] in queues)
            },
        )

    async def propose(self, flow_run_id: str, proposal: Proposal) -> Verdict:
        """Propose a state, unforced."""
        answer = await self._http.call("POST", f"/flow_runs/{flow_run_id}/set_state", proposal.body())
        details = answer.get("details") or {}
        return Verdict(
            status=answer["status"],
            state=read_state(answer["state"]) if answer.get("state") else None,
            reason=details.get("reason"),
            delay_seconds=details.get("delay_seconds"),
        )

    async def read_run(self, flow_run_id: str) -> FlowRun:
        return read_flow_run(await self._http.call("GET", f"/flow_runs/{flow_run_id}"))

    async def states_of(self, flow_run_id: str) -> list[State]:
        """Every state the run has had."""
        answer = await self._http.call("GET", f"/flow_run_states/?flow_run_id={flow_run_id}")
        return [read_state(item) for item in answer]

    async def runs_in(self, pool: str, state_type: str) -> list[FlowRun]:
        """Runs of a pool that are in one type of state."""
        return await self._find(
            {
                "work_pools": {"name": {"any_": [pool]}},
                "flow_runs": {"state": {"type": {"any_": [state_type]}}},
            }
        )

    async def those_in(self, ids: Sequence[str], state_type: str) -> list[FlowRun]:
        """Of these runs, the ones that are in one type of state."""
        found: list[FlowRun] = []
        for first in range(0, len(ids), _PAGE):
            wanted = {"id": {"any_": ids[first : first + _PAGE]}, "state": {"type": {"any_": [state_type]}}}
            found += await self._find({"flow_runs": wanted})
        return found

    async def children_of(self, flow_run_id: str) -> list[FlowRun]:
        """Runs that a run made: nested in its process, or started as deployments."""
        return await self._find({"flow_runs": {"parent_flow_run_id": {"any_": [flow_run_id]}}})

    async def _find(self, body: Mapping[str, Any]) -> list[FlowRun]:
        found: list[FlowRun] = []
        for page in range(_PAGES):
            asked = {**body, "limit": _PAGE, "offset": page * _PAGE, "sort": "ID_DESC"}
            items = await self._http.call("POST", "/flow_runs/filter", asked)
            found += [read_flow_run(item) for item in items]
            if len(items) < _PAGE:
                break
        return found

    async def job_variables(self, deployment_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Job variables of deployments as they stand now; deleted deployments are left out."""
        ids = sorted(set(deployment_ids))
        if not ids:
            return {}
        body = {"deployments": {"id": {"any_": ids}}, "limit": _PAGE}
        answer = await self._http.call("POST", "/deployments/filter", body)
        return {str(item["id"]): dict(item.get("job_variables") or {}) for item in answer}

    async def flow_run_of_task(self, task_run_id: str) -> str | None:
        """The run that a task run belongs to, or None where Prefect does not know it (yet)."""
        try:
            answer = await self._http.call("GET", f"/task_runs/{task_run_id}")
        except NotFound:
            return None
        found = answer.get("flow_run_id")
        return None if found is None else str(found)

    async def note_attempt(self, flow_run_id: str, attempt_id: str) -> None:
        """Show the attempt as the run's infrastructure: Prefect then knows there is something to cancel."""
        await self._http.call("PATCH", f"/flow_runs/{flow_run_id}", {"infrastructure_pid": attempt_id})

    async def note_page(self, flow_run_id: str, page: str) -> None:
        """Lead from the run in Prefect's UI to its page in ours: log, timeline and promises are there."""
        artifact = {
            "type": "markdown",
            "description": "This run on the platform",
            "data": f"[Log, timeline and cause of this run]({page})",
            "flow_run_id": flow_run_id,
        }
        await self._http.call("POST", "/artifacts/", artifact)

    async def serve_pool(self, name: str, template: Mapping[str, Any]) -> str:
        """Make the pool, or bring its template up to date; its id. One that nobody serves yet becomes ours.

        Raises:
            UsageError: there is a pool of this name that has another type, or is another installation's.
        """
        pool = await self._pool(name) or await self._make_pool(name, template)
        if pool["type"] != WORKER_TYPE:
            raise UsageError(
                f"Work pool {name!r} is of type {pool['type']!r}, not {WORKER_TYPE!r}. "
                "Delete it in Prefect, and the agent makes it anew, or give the agent another work_pool."
            )
        owner = installation_of(pool["base_job_template"])
        if owner not in (None, installation_of(template)):
            raise UsageError(
                f"Work pool {name!r} of Prefect at {self.address} is served by another installation of the "
                f"platform, {owner}: give the agent another work_pool."
            )
        if pool["base_job_template"] != template:
            await self._http.call("PATCH", f"/work_pools/{name}", {"base_job_template": dict(template)})
        return str(pool["id"])

    async def keep_queues(self, pool: str, queues: Sequence[WorkQueue]) -> None:
        """Make those of the queues that there are not, and bring the others up to date, each once."""
        if not queues:
            return
        found = await self._http.call("POST", f"/work_pools/{pool}/queues/filter", {"limit": _PAGE})
        known = {item["name"]: item for item in found}
        for queue in queues:
            wanted = queue.model_dump(include={"priority", "concurrency_limit"}, exclude_none=True)
            if queue.name not in known:
                await self._make_queue(pool, {"name": queue.name, **wanted})
            elif changed := {key: value for key, value in wanted.items() if known[queue.name][key] != value}:
                path = f"/work_pools/{pool}/queues/{quote(queue.name, safe='')}"
                await self._http.call("PATCH", path, changed)

    async def _make_queue(self, pool: str, body: Mapping[str, Any]) -> None:
        with suppress(Conflict):  # another agent was faster
            await self._http.call("POST", f"/work_pools/{pool}/queues", body)

    async def _pool(self, name: str) -> dict[str, Any] | None:
        try:
            return dict(await self._http.call("GET", f"/work_pools/{name}"))
        except NotFound:
            return None

    async def _make_pool(self, name: str, template: Mapping[str, Any]) -> dict[str, Any]:
        body = {"name": name, "type": WORKER_TYPE, "base_job_template": dict(template)}
        try:
            return dict(await self._http.call("POST", "/work_pools/", body))
        except Conflict:  # Another agent, or the worker's own start, was faster.
            return dict(await self._http.call("GET", f"/work_pools/{name}"))
