"""Prefect's side of a registration: one deployment, created once and then patched.

What people did in Prefect's UI stays: paused or changed schedules, schedules of their own, a paused
deployment. Automations of the deployment are replaced, never piled up.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from prefect import Flow

from prefect_platform.errors import NotFound, RegistrationError
from prefect_platform.flows.arguments import Options
from prefect_platform.flows.prefect_api import PrefectApi
from prefect_platform.flows.schedules import PREFIX, WantedSchedule
from prefect_platform.names import LABEL_TAG, STORAGE_TAG, WORKER_TYPE, work_pool_name
from prefect_platform.wire.flows import Code, CodeKind, FlowVersion, VersionSettings
from prefect_platform.wire.gpus import words
from prefect_platform.wire.work_pool import installation_of


@dataclass(frozen=True)
class DeploymentSpec:
    """Everything that Prefect is told of a deployment."""

    flow_name: str
    body: dict[str, Any]
    schedules: list[WantedSchedule] = field(default_factory=list)
    triggers: list[Any] = field(default_factory=list)
    orchestrator: str = ""

    @property
    def name(self) -> str:
        return str(self.body["name"])

    @property
    def active(self) -> set[str]:
        """Slugs of the schedules that are not asked to rest."""
        return {schedule.slug for schedule in self.schedules if schedule.active}

    @property
    def digest(self) -> str:
        """Equal digests: there is nothing to tell Prefect."""
        schedules = [schedule.body() for schedule in self.schedules]
        triggers = [_canonical(trigger.model_dump(mode="json")) for trigger in self.triggers]
        told = [self.orchestrator, self.flow_name, self.body, schedules, triggers]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Applied:
    """What stands in Prefect now."""

    deployment_id: str
    flow_id: str
    written: bool
    notes: tuple[str, ...] = ()
    made: bool = False
    resting: frozenset[str] = frozenset()
    """Slugs of schedules that are paused."""

    @property
    def change(self) -> str:
        return "new" if self.made else "changed" if self.written else "unchanged"


def specify(
    flow: Flow[..., Any],
    options: Options,
    version: FlowVersion,
    pull_steps: list[dict[str, Any]],
    *,
    platform_url: str,
    project: str,
    work_pool: str,
    orchestrator: str,
) -> DeploymentSpec:
    """What to tell Prefect. It carries ids and names only: no secret and no token."""
    body: dict[str, Any] = {
        "name": options.name,
        "work_pool_name": work_pool,
        "entrypoint": prefect_entrypoint(version.code),
        "pull_steps": pull_steps,
        "path": None,
        "job_variables": {
            "flow_version_id": version.id,
            "project": project,
            **_declared(version.settings),
        },
        "parameters": options.parameters,
        "parameter_openapi_schema": flow.parameters.model_dump(mode="json", exclude_unset=True),
        "enforce_parameter_schema": options.enforce_parameter_schema,
        "tags": deployment_tags(options.tags, platform_url),
        "description": options.description,
        "version": options.version or str(version.number),
        "concurrency_limit": options.concurrency_limit,
        "concurrency_options": options.concurrency_options,
    }
    if options.paused is not None:
        body["paused"] = options.paused
    if options.work_queue_name is not None:
        body["work_queue_name"] = options.work_queue_name
    return DeploymentSpec(flow.name, body, options.schedules, options.triggers, orchestrator)


def _declared(settings: VersionSettings) -> dict[str, Any]:
    """What Prefect shows of it. Cores and memory of a size are the catalogue's, which may change."""
    if settings.size is not None:
        declared: dict[str, Any] = {"size": settings.size}
    else:
        declared = {"cores": settings.cores, "memory_bytes": settings.memory_bytes}
    return declared | ({"gpu": words(settings.gpu)} if settings.gpu else {})


def prefect_entrypoint(code: Code) -> str:
    """Prefect takes a colon for a path and a dot for a module, and knows of no folder to work in."""
    if code.kind is CodeKind.STORAGE:
        return code.entrypoint
    path = code.entrypoint.rpartition(":")[0]
    if not path.endswith(".py"):
        return code.entrypoint.replace(":", ".")
    above = code.git.subdirectory if code.git is not None else None
    return f"{above}/{code.entrypoint}" if above else code.entrypoint


def deployment_tags(tags: list[str], platform_url: str) -> list[str]:
    """The user's tags and ours: what it is, how its code is stored, and on which platform."""
    host = urlsplit(platform_url).hostname or "platform"
    return list(dict.fromkeys([*tags, LABEL_TAG, STORAGE_TAG, host]))


def apply(api: PrefectApi, spec: DeploymentSpec, known_id: str | None, known_digest: str | None) -> Applied:
    """Make Prefect's deployment what `spec` says. Repeating it does no harm.

    Raises:
        OrchestratorUnavailable: Prefect does not answer; the same call repairs what it left.
        RegistrationError: Prefect refuses it.
    """
    if known_id is not None:
        current = _current(api, f"/deployments/{known_id}")
        if current is not None:
            if known_digest == spec.digest and _is_of(spec, current) and _rests_as_asked(spec, current):
                resting = _resting(current.get("schedules") or [], paused=bool(current.get("paused")))
                return Applied(known_id, str(current["flow_id"]), written=False, resting=resting)
            return _patch(api, spec, current)
    flow_id = str(api.post("/flows/", {"name": spec.flow_name})["id"])
    name = f"{quote(spec.flow_name, safe='')}/{quote(spec.name, safe='')}"
    current = _current(api, f"/deployments/name/{name}")
    return _patch(api, spec, current) if current is not None else _create(api, spec, flow_id)


def withdraw(api: PrefectApi, spec: DeploymentSpec, applied: Applied) -> bool:
    """Take back a deployment that `apply` made and that still is as it made it; whether there was one.

    One that was there before is whoever's it was, and one that another registration has taken over is its.
    """
    path = f"/deployments/{applied.deployment_id}"
    current = _current(api, path) if applied.made else None
    if current is None or not _is_of(spec, current):
        return False
    api.delete(f"/automations/owned-by/prefect.deployment.{applied.deployment_id}")
    api.delete(path)
    return True


def _current(api: PrefectApi, path: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = api.get(path)
    except NotFound:
        return None
    return found


def _is_of(spec: DeploymentSpec, current: dict[str, Any]) -> bool:
    """Whether Prefect holds this version: another registration may have come between, or somebody's edit."""
    name = "flow_version_id"
    held = current.get("job_variables") or {}
    return bool(held.get(name) == spec.body["job_variables"][name])


def _rests_as_asked(spec: DeploymentSpec, current: dict[str, Any]) -> bool:
    """Whether `paused` says nothing, or what is so already."""
    paused = spec.body.get("paused")
    if paused is False and any(s["slug"] in spec.active and not s["active"] for s in current["schedules"]):
        return False
    return paused is None or paused is bool(current.get("paused"))


def _resting(schedules: list[dict[str, Any]], *, paused: bool) -> frozenset[str]:
    return frozenset(str(s["slug"]) for s in schedules if s.get("slug") and (paused or not s["active"]))


def _create(api: PrefectApi, spec: DeploymentSpec, flow_id: str) -> Applied:
    schedules = [schedule.body() for schedule in spec.schedules]
    try:
        made = api.post("/deployments/", spec.body | {"flow_id": flow_id, "schedules": schedules})
    except (NotFound, RegistrationError) as error:
        raise _pool_missing(api, spec) or error from None
    deployment_id = str(made["id"])
    _replace_triggers(api, spec, deployment_id, had_any=False)
    resting = _resting(schedules, paused=bool(spec.body.get("paused")))
    return Applied(deployment_id, flow_id, written=True, made=True, resting=resting)


def _patch(api: PrefectApi, spec: DeploymentSpec, current: dict[str, Any]) -> Applied:
    deployment_id = str(current["id"])
    body = {key: value for key, value in spec.body.items() if key != "name"}
    try:
        api.patch(f"/deployments/{deployment_id}", body)
    except (NotFound, RegistrationError) as error:
        raise _pool_missing(api, spec) or error from None
    schedules, notes = _sync_schedules(api, spec, deployment_id, current.get("schedules") or [])
    _replace_triggers(api, spec, deployment_id, had_any=True)
    resting = _resting(schedules, paused=bool(spec.body.get("paused", current.get("paused"))))
    return Applied(deployment_id, str(current["flow_id"]), written=True, notes=tuple(notes), resting=resting)


def _sync_schedules(
    api: PrefectApi, spec: DeploymentSpec, deployment_id: str, present: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Add what is wanted and missing, take away ours that is wanted no more, touch nothing else.

    Gives the wanted schedules as they stand, and what should be said of them.
    """
    path, notes = f"/deployments/{deployment_id}/schedules", list[str]()
    awake = spec.body.get("paused") is False
    ours = {s["slug"]: s for s in present if str(s.get("slug") or "").startswith(PREFIX)}
    wanted = {schedule.slug: schedule for schedule in spec.schedules}
    gone = [schedule for slug, schedule in ours.items() if slug not in wanted]
    new = [schedule.body() for slug, schedule in wanted.items() if slug not in ours]
    for body in new:
        before = [s for s in gone if _family(s["slug"]) == _family(body["slug"])]
        if before and not any(s["active"] for s in before) and body["active"] and not awake:
            body["active"] = False
            notes.append("The schedule was paused in Prefect and stays paused after its change.")
    # The new before the old goes: a failure between the two leaves one too many, never none.
    if new:
        api.post(path, new, again=False)
    for schedule in gone:
        api.delete(f"{path}/{schedule['id']}")
    kept = [schedule for slug, schedule in ours.items() if slug in wanted]
    for schedule in kept:
        if awake and schedule["slug"] in spec.active and not schedule["active"]:
            api.patch(f"{path}/{schedule['id']}", {"active": True})
            schedule["active"] = True
    return kept + new, notes


def _family(slug: str) -> str:
    return slug.rpartition("-")[0]


def _replace_triggers(api: PrefectApi, spec: DeploymentSpec, deployment_id: str, *, had_any: bool) -> None:
    """Prefect keeps automations of a deployment through every change, so the old ones go first."""
    if had_any:
        api.delete(f"/automations/owned-by/prefect.deployment.{deployment_id}")
    for number, trigger in enumerate(spec.triggers):
        trigger = trigger.model_copy(deep=True)  # noqa: PLW2901 - the user's object stays as it is
        trigger.name = trigger.name or f"{spec.flow_name}/{spec.name} automation {number + 1}"
        trigger.set_deployment_id(deployment_id)
        automation = trigger.as_automation().model_dump(mode="json")
        automation["owner_resource"] = f"prefect.deployment.{deployment_id}"
        api.post("/automations/", automation, again=False)


def check_pool(api: PrefectApi, name: str, ours: str) -> None:
    """Refuse a pool that was named and is not what an agent of this installation makes of it.

    `ours` is the installation's own pool, which tells it from others.

    Raises:
        RegistrationError: it has another type, or is another installation's.
    """
    pool = _current(api, f"/work_pools/{quote(name, safe='')}")
    if pool is None:
        return  # its agent makes it when it starts; writing the deployment says what is missing
    if pool["type"] != WORKER_TYPE:
        raise RegistrationError(
            f"work_pool: {name!r} of Prefect at {api.url} is of type {pool['type']!r}, and no agent of this "
            f"platform takes runs from it: name one of type {WORKER_TYPE!r}."
        )
    owner = installation_of(pool["base_job_template"])
    if owner is not None and work_pool_name(owner) != ours:
        raise RegistrationError(
            f"work_pool: {name!r} of Prefect at {api.url} is served by another installation of the platform, "
            f"{owner}: name another."
        )


def _pool_missing(api: PrefectApi, spec: DeploymentSpec) -> RegistrationError | None:
    pool = spec.body["work_pool_name"]
    if _current(api, f"/work_pools/{quote(pool, safe='')}") is not None:
        return None
    return RegistrationError(
        f"Prefect at {api.url} has no work pool {pool!r} yet: no agent of this platform has signed in "
        "there. Start one "
        "with `prefect-platform up`, or `prefect-platform agent run`, then register again: the same call "
        "repairs it."
    )


def _canonical(value: Any) -> Any:
    """Without the random ids of a trigger, and with its sets in order."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items() if key != "id"}
    if isinstance(value, list):
        items = [_canonical(item) for item in value]
        return sorted(items) if all(isinstance(item, str) for item in items) else items
    return value
