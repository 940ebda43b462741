"""`Orchestrator` over Prefect's REST API. No Prefect package is needed here, only its addresses.

Every request is safe to repeat: reads by nature, a new run by its idempotency key, a state by its
transition id. So all of them are tried again when Prefect is busy, slow or starting.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prefect_platform.errors import Conflict, NotFound, OrchestratorUnavailable, UsageError, foreign
from prefect_platform.names import nearest
from prefect_platform.server.config import OrchestratorSettings
from prefect_platform.server.services.orchestrator import (
    FlowRunState,
    PrefectDeployment,
    TaskRunState,
    UpcomingRun,
)
from prefect_platform.wire.orchestrators import cloud_api_url, is_loopback
from prefect_platform.wire.retry_after import Told

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 15.0
CONNECT_SECONDS = 3.0
PAUSES = (0.1, 0.4, 1.5)
"""Seconds before each further try."""
BUSY = frozenset({429, 502, 503, 504})
BATCH = 200
"""Most flow runs that Prefect gives at once."""
PARENTS = "__parents__"
"""Among the inputs of a task run: what called it."""
LONGEST_WAIT_SECONDS = 12.0
"""Of one call, for as long as Prefect asks callers to wait (429): whoever called us waits too."""
FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})


class PrefectOrchestrator:
    """The Prefect server or Cloud workspace that the settings name."""

    def __init__(self, settings: OrchestratorSettings, pauses: Sequence[float] = PAUSES) -> None:
        self._settings = settings
        self._pauses = pauses
        self._client: httpx.AsyncClient | None = None
        self._told = Told()

    async def check(self) -> str:
        # Whoever asks this asks again: the answer of this moment is wanted, not of a moment later.
        response = await self._send("GET", "/admin/version", None, pauses=())
        if response.status_code == 404 and cloud_api_url(self._settings.url):
            # Prefect Cloud tells no version; what only a key opens says as much.
            path = "/work_pools/filter"
            self._answer("POST", path, await self._send("POST", path, {"limit": 1}, pauses=()))
            return "Prefect Cloud"
        return str(self._answer("GET", "/admin/version", response))

    async def create_run(
        self,
        deployment_id: str,
        parameters: Mapping[str, Any],
        tags: Sequence[str],
        scheduled_time: datetime | None,
        idempotency_key: str | None,
    ) -> FlowRunState:
        state: dict[str, Any] = {"type": "SCHEDULED"}
        if scheduled_time is not None:
            state["state_details"] = {"scheduled_time": scheduled_time.isoformat()}
        body = {
            "parameters": dict(parameters),
            "tags": list(tags),
            "state": state,
            "idempotency_key": idempotency_key or str(uuid.uuid4()),
        }
        if parameters:
            await self._check_names(deployment_id, parameters)
        return _state(await self._ask("POST", f"/deployments/{deployment_id}/create_flow_run", body))

    async def _check_names(self, deployment_id: str, parameters: Mapping[str, Any]) -> None:
        """Prefect takes any name, and the run then fails where nobody looks."""
        deployment = await self._ask("GET", f"/deployments/{deployment_id}")
        known = (deployment.get("parameter_openapi_schema") or {}).get("properties")
        for name in parameters:
            if known is not None and name not in known:
                takes = f"It takes {', '.join(known)}." if known else "It takes none."
                raise UsageError(f"The flow has no parameter {name!r}.{nearest(name, known)} {takes}")

    async def read_runs(self, flow_run_ids: Sequence[str]) -> dict[str, FlowRunState]:
        found: dict[str, FlowRunState] = {}
        for start in range(0, len(flow_run_ids), BATCH):
            wanted = {"id": {"any_": list(flow_run_ids[start : start + BATCH])}}
            rows = await self._ask("POST", "/flow_runs/filter", {"flow_runs": wanted, "limit": BATCH})
            found.update({row["id"]: _state(row) for row in rows})
        return found

    async def cancel_run(self, flow_run_id: str, reason: str) -> FlowRunState:
        state = {
            "type": "CANCELLING",
            "name": "Cancelling",
            "message": reason,
            "state_details": {"transition_id": str(uuid.uuid4())},
        }
        answer = await self._ask(
            "POST", f"/flow_runs/{flow_run_id}/set_state", {"state": state, "force": False}
        )
        # The HTTP status says nothing about a proposed state; a repeat of ours is answered REJECT too.
        now = _state(await self._ask("GET", f"/flow_runs/{flow_run_id}"))
        if answer.get("status") != "ACCEPT" and now.state_type not in FINAL | {"CANCELLING"}:
            why = foreign(str((answer.get("details") or {}).get("reason") or "no reason given"))
            raise Conflict(f"Prefect does not cancel run {now.name!r}, which is {now.state_name}: {why}")
        return now

    async def run_parameters(self, flow_run_id: str) -> dict[str, Any]:
        found = await self._ask("GET", f"/flow_runs/{flow_run_id}")
        return dict(found.get("parameters") or {})

    async def task_runs(self, flow_run_id: str, limit: int) -> list[TaskRunState]:
        found: dict[str, TaskRunState] = {}
        for offset in range(0, limit, BATCH):
            body = {
                "flow_runs": {"id": {"any_": [flow_run_id]}},
                "sort": "EXPECTED_START_TIME_ASC",
                "limit": BATCH,
                "offset": offset,
            }
            rows = await self._ask("POST", "/task_runs/filter", body)
            # By id: those that were due in the same moment have no order, and may come on two pages.
            found.update({row["id"]: _task(row) for row in rows})
            if len(rows) < BATCH:
                break
        return list(found.values())[:limit]

    async def upcoming_runs(self, deployment_ids: Sequence[str], limit: int) -> list[UpcomingRun]:
        found: list[UpcomingRun] = []
        for start in range(0, len(deployment_ids), BATCH):
            wanted = {
                "deployment_id": {"any_": list(deployment_ids[start : start + BATCH])},
                "state": {"type": {"any_": ["SCHEDULED"]}},
            }
            body = {
                "flow_runs": wanted,
                "sort": "NEXT_SCHEDULED_START_TIME_ASC",
                "limit": min(limit, BATCH),
            }
            rows = await self._ask("POST", "/flow_runs/filter", body)
            found += [upcoming for row in rows if (upcoming := _upcoming(row)) is not None]
        return sorted(found, key=lambda one: one.due)[:limit]

    async def read_deployment(self, deployment_id: str) -> PrefectDeployment:
        found = await self._ask("GET", f"/deployments/{deployment_id}")
        return PrefectDeployment(
            paused=bool(found.get("paused")),
            schedules=list(found.get("schedules") or []),
            parameters=dict(found.get("parameters") or {}),
            parameter_schema=dict(found.get("parameter_openapi_schema") or {}),
            enforced=bool(found.get("enforce_parameter_schema")),
        )

    async def set_paused(self, deployment_id: str, paused: bool) -> None:
        await self._ask("PATCH", f"/deployments/{deployment_id}", {"paused": paused})

    async def delete_deployment(self, deployment_id: str) -> None:
        # Prefect keeps the automations of a deployment when it deletes the deployment.
        for path in (
            f"/automations/owned-by/prefect.deployment.{deployment_id}",
            f"/deployments/{deployment_id}",
        ):
            try:
                await self._ask("DELETE", path)
            except NotFound:
                continue

    async def list_schedules(self, deployment_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self._ask("GET", f"/deployments/{deployment_id}/schedules")
        return found

    async def list_automations(self, deployment_id: str) -> list[str]:
        found = await self._ask("GET", f"/automations/related-to/prefect.deployment.{deployment_id}")
        return sorted(one["name"] for one in found)

    async def set_schedule_active(self, deployment_id: str, schedule_id: str, active: bool) -> None:
        await self._ask("PATCH", f"/deployments/{deployment_id}/schedules/{schedule_id}", {"active": active})

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        """The JSON of an answer of success, None for an empty one.

        Raises:
            NotFound: Prefect does not know the thing.
            UsageError: Prefect refuses the request; its words are repeated.
            OrchestratorUnavailable: no answer, or one that is not Prefect's.
        """
        return self._answer(method, path, await self._send(method, path, body))

    async def _send(
        self, method: str, path: str, body: object, pauses: Sequence[float] | None = None
    ) -> httpx.Response:
        import httpx  # a platform that talks to nobody yet starts faster and smaller without it

        left = iter((*(self._pauses if pauses is None else pauses), None))
        patience = LONGEST_WAIT_SECONDS if pauses is None else 0.0
        while True:
            patience = await self._wait_as_told(patience)
            client = self._client = self._client or self._open()
            try:
                response = await client.request(method, path, json=body)
            except httpx.TransportError as error:
                if (pause := next(left)) is None:
                    raise self._unavailable(f"does not answer ({type(error).__name__})") from error
            else:
                if self._told.hear(response.status_code, response.headers.get("retry-after")):
                    continue
                if response.status_code not in BUSY or (pause := next(left)) is None:
                    return response
            await asyncio.sleep(pause)

    async def _wait_as_told(self, patience: float) -> float:
        """Wait for as long as Prefect asked; what is left of `patience` seconds.

        Raises:
            OrchestratorUnavailable: it asks for longer.
        """
        while wait := self._told.remaining:
            if wait > patience:
                raise self._unavailable(f"answers 429 and asks to be left alone for {wait:.0f} s")
            patience -= wait
            await asyncio.sleep(wait)
        return patience

    def _open(self) -> httpx.AsyncClient:
        import httpx

        headers, auth = {}, None
        if self._settings.api_key is not None:
            headers["Authorization"] = f"Bearer {self._settings.api_key}"
        elif self._settings.auth_string is not None:
            user, _, password = self._settings.auth_string.partition(":")
            auth = httpx.BasicAuth(user, password)
        return httpx.AsyncClient(
            base_url=self._settings.url,
            headers=headers,
            auth=auth,
            timeout=httpx.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS),
            trust_env=not is_loopback(urlsplit(self._settings.url).hostname or ""),
        )

    def _answer(self, method: str, path: str, response: httpx.Response) -> Any:
        status = response.status_code
        if status in (401, 403):
            raise self._unavailable(
                f"refuses our credentials ({status}): set PREFECT_PLATFORM_ORCHESTRATOR_AUTH_STRING or "
                "PREFECT_PLATFORM_ORCHESTRATOR_API_KEY, or the secret of a project with a Prefect of its own"
            )
        if status == 404:
            raise NotFound(f"Prefect at {self._settings.url} does not know {path.strip('/')}.")
        if status in (400, 409, 422):
            raise UsageError(f"Prefect refuses this: {_said(response)}", prefect_status=status)
        if not response.is_success:
            raise self._unavailable(f"answers {status} to {method} {path}")
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise self._unavailable(
                f"answers {method} {path} with something that is not Prefect's"
            ) from error

    def _unavailable(self, what: str) -> OrchestratorUnavailable:
        return OrchestratorUnavailable(
            f"Prefect at {self._settings.url} {what}. Nothing was lost: call again once it answers "
            "(`prefect-platform status` shows whether it does)."
        )


def _said(response: httpx.Response) -> str:
    """Prefect's own words, without the JSON around them."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return foreign(response.text)
    return foreign(
        detail.removeprefix("Error creating flow run: ") if isinstance(detail, str) else str(detail)
    )


def _state(row: Mapping[str, Any]) -> FlowRunState:
    state = row.get("state") or {}
    return FlowRunState(
        flow_run_id=row["id"],
        name=row["name"],
        state_type=state.get("type") or row.get("state_type") or "PENDING",
        state_name=state.get("name") or row.get("state_name") or "Pending",
        message=state.get("message"),
        start_time=_time(row.get("start_time")),
        end_time=_time(row.get("end_time")),
    )


def _task(row: Mapping[str, Any]) -> TaskRunState:
    inputs = dict(row.get("task_inputs") or {})
    parents = _task_ids(inputs.pop(PARENTS, []))
    return TaskRunState(
        id=row["id"],
        name=row["name"],
        task_key=row["task_key"],
        state_type=row.get("state_type") or "PENDING",
        state_name=row.get("state_name") or "Pending",
        start_time=_time(row.get("start_time")),
        end_time=_time(row.get("end_time")),
        upstream=tuple(dict.fromkeys(one for given in inputs.values() for one in _task_ids(given))),
        parent_id=parents[0] if parents else None,
    )


def _task_ids(given: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of what a task was given, the task runs: constants and parameters have no id."""
    return [str(one["id"]) for one in given if one.get("input_type") == "task_run"]


def _upcoming(row: Mapping[str, Any]) -> UpcomingRun | None:
    due = _time(row.get("next_scheduled_start_time") or row.get("expected_start_time"))
    if due is None:
        return None
    by = row.get("created_by") or {}
    return UpcomingRun(
        flow_run_id=row["id"],
        name=row["name"],
        deployment_id=row["deployment_id"],
        due=due,
        state_name=row.get("state_name") or "Scheduled",
        schedule_id=by.get("id") if row.get("auto_scheduled") else None,
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
