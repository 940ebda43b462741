"""Every argument of `register` is checked here, before anything is written anywhere."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.exceptions import ParameterTypeError
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from prefect_platform.errors import RegistrationError, foreign
from prefect_platform.flows import dask, sizing
from prefect_platform.flows.capture.included import check_include
from prefect_platform.flows.capture.stored import Wish, check_secret_name
from prefect_platform.flows.schedules import WantedSchedule, wanted_schedules
from prefect_platform.flows.secrets import check_secrets
from prefect_platform.flows.sizing import Sizing
from prefect_platform.names import nearest
from prefect_platform.wire.dask_spec import DaskSpec
from prefect_platform.wire.secrets import SecretAttachment

_BANNED = "/%&><"
_PLATFORMS = {
    "work_pool_name": "the platform chooses the work pool, or work_pool='...' names one that an agent serves",
    "job_variables": "the platform sets the job variables",
    "image": "runs start with the interpreter that registered; on Kubernetes, run=KubernetesRun(image=...)",
    "build": "the platform takes the code as it is; there is no image to build",
    "push": "the platform takes the code as it is; there is no image to push",
    "entrypoint_type": "the platform finds the entrypoint",
    "print_next_steps": "the Registration shows what to do next",
    "ignore_warnings": "there are no warnings of a work pool",
    "version_type": "versions are numbered by the platform",
}
KNOWN = (
    "name", "project", "url", "token", "cron", "interval", "rrule", "schedule", "schedules", "timezone",
    "parameters", "tags", "triggers", "concurrency_limit", "description", "version", "paused",
    "enforce_parameter_schema", "work_pool", "work_queue_name", "grace_seconds", "secrets",
    "env", "packages", "requirements", "start_script", "working_directory", "strict",
    "include", "source_secret", *sizing.KNOWN, *dask.KNOWN,
)  # fmt: skip


_SCHEDULES = ("cron", "interval", "rrule", "schedule", "schedules", "timezone")


@dataclass(frozen=True)
class Options:
    """What was asked of a deployment, checked."""

    name: str
    schedules: list[WantedSchedule] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    triggers: list[Any] = field(default_factory=list)
    concurrency_limit: int | None = None
    concurrency_options: dict[str, Any] | None = None
    description: str | None = None
    version: str | None = None
    paused: bool | None = None
    enforce_parameter_schema: bool = True
    work_pool: str | None = None
    work_queue_name: str | None = None
    grace_seconds: float = 30.0
    secrets: list[SecretAttachment] = field(default_factory=list)
    sizing: Sizing = field(default_factory=Sizing)
    dask: DaskSpec | None = None
    wish: Wish = field(default_factory=Wish)
    """What should travel beside the flow, and what opens its repository."""


def check_flow(flow: object) -> Flow[..., Any]:
    """The flow.

    Raises:
        RegistrationError: it is something else; the message says what.
    """
    if isinstance(flow, Flow):
        return flow
    if inspect.iscoroutine(flow):
        flow.close()
        raise RegistrationError(
            "register() was given a coroutine: where a loop runs, as in a notebook, write "
            f"`await {flow.__qualname__}(...)` and register what it gives."
        )
    name = getattr(flow, "__name__", None)
    if callable(flow) and name:
        raise RegistrationError(
            f"`{name}` is not a flow: put `@flow` (from prefect import flow) above its `def`."
        )
    raise RegistrationError(
        f"register() takes a flow, or text such as 'path.py:flow'; it was given {type(flow).__name__} "
        f"{foreign(repr(flow))}."
    )


def check_unknown(unknown: Mapping[str, Any]) -> None:
    """Refuse keywords that `register` does not have, with the nearest that it has."""
    for name in unknown:
        if name in _PLATFORMS:
            raise RegistrationError(f"register() has no `{name}`: {_PLATFORMS[name]}.")
        raise RegistrationError(
            f"register() has no `{name}`.{nearest(name, KNOWN)} It takes {', '.join(KNOWN)}."
        )


def check_options(flow: Flow[..., Any], given: Mapping[str, Any]) -> Options:
    """All options of `register` together; what is not given is None.

    Raises:
        RegistrationError: one of them is wrong; the message names it and gives an example.
    """
    limit, collisions = _concurrency(given.get("concurrency_limit"))
    name, description = given.get("name"), given.get("description")
    return Options(
        name=_name("name", name if name is not None else flow.name),
        schedules=wanted_schedules(**{kind: given.get(kind) for kind in _SCHEDULES}),
        parameters=check_parameters(flow, given.get("parameters")),
        tags=_tags(given.get("tags")),
        triggers=_triggers(given.get("triggers")),
        concurrency_limit=limit,
        concurrency_options=collisions,
        description=_text("description", description if description is not None else flow.description),
        version=_text("version", given.get("version")),
        paused=_flag("paused", given.get("paused")),
        enforce_parameter_schema=_flag("enforce_parameter_schema", given.get("enforce_parameter_schema"))
        is not False,
        work_pool=_text("work_pool", given.get("work_pool")),
        work_queue_name=_text("work_queue_name", given.get("work_queue_name")),
        grace_seconds=_grace(given.get("grace_seconds")),
        secrets=check_secrets(given.get("secrets")),
        sizing=sizing.check_sizing(given),
        dask=dask.check_dask(given),
        wish=Wish(check_include(given.get("include")), check_secret_name(given.get("source_secret"))),
    )


def _name(what: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RegistrationError(f"{what} is {value!r}: expected text, such as {what}='nightly'.")
    bad = next((char for char in value if char in _BANNED or ord(char) < 32), None)
    if bad is not None or len(value) > 255:
        why = f"{bad!r} is not allowed in it" if bad is not None else "it is longer than 255 characters"
        raise RegistrationError(
            f"{what}={foreign(value)!r} cannot be used: {why}. Choose such as {what}='nightly'."
        )
    return value


def check_parameters(flow: Flow[..., Any], parameters: Any) -> dict[str, Any]:
    """Default parameters of the deployment, as JSON values."""
    if parameters is None:
        return {}
    if not isinstance(parameters, Mapping):
        raise RegistrationError(
            f"parameters is {parameters!r}: expected a dict such as parameters={{'year': 2013}}."
        )
    known = flow.parameters.properties
    for name in parameters:
        if name not in known:
            has = f"It takes {', '.join(known)}." if known else "It takes none."
            raise RegistrationError(
                f"The flow {flow.name!r} has no parameter {name!r}.{nearest(str(name), known)} {has}"
            )
    try:
        checked: dict[str, Any] = to_jsonable_python(dict(parameters))
        _check_types(flow, dict(parameters))
    except ParameterTypeError as error:
        why = (
            str(error)
            .removeprefix("Flow run received invalid parameters:")
            .replace("\n - ", "; ")
            .strip("; ")
        )
        raise RegistrationError(f"parameters do not fit the flow {flow.name!r}: {foreign(why)}.") from None
    except (PydanticSerializationError, ValueError) as error:
        raise RegistrationError(
            f"parameters cannot be written as JSON: {foreign(str(error))}. Use numbers, text, lists, dicts."
        ) from None
    return checked


def _check_types(flow: Flow[..., Any], parameters: dict[str, Any]) -> None:
    """Types are checked as the run will, unless some values come only then."""
    later = any(isinstance(value, dict) and "__prefect_kind" in value for value in parameters.values())
    missing = set(flow.parameters.required or ()) - set(parameters)
    if flow.should_validate_parameters and not later and not missing:
        with _silent("prefect.flows"):
            flow.validate_parameters(parameters)


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """Prefect logs what it raises; here the raised one is enough."""
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _tags(tags: Any) -> list[str]:
    if tags is None:
        return []
    if isinstance(tags, str) or not isinstance(tags, Iterable):
        raise RegistrationError(f"tags is {tags!r}: expected a list of text, such as tags=['prod'].")
    found = list(tags)
    for tag in found:
        if not isinstance(tag, str) or not tag:
            raise RegistrationError(f"The tag {tag!r} is not text, as in tags=['prod'].")
    return list(dict.fromkeys(found))


def _triggers(triggers: Any) -> list[Any]:
    if triggers is None:
        return []
    from prefect.events import DeploymentTriggerTypes

    adapter: TypeAdapter[Any] = TypeAdapter(DeploymentTriggerTypes)
    given = triggers if isinstance(triggers, list | tuple) else [triggers]
    found = []
    for trigger in given:
        try:
            found.append(adapter.validate_python(trigger) if isinstance(trigger, dict) else trigger)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise RegistrationError(f"A trigger cannot be read: {where}: {first['msg']}.") from None
        if not hasattr(found[-1], "as_automation"):
            raise RegistrationError(
                f"A trigger is {type(trigger).__name__}: expected one of prefect.events, such as "
                "DeploymentEventTrigger(expect={'file.arrived'})."
            )
    return found


def _concurrency(limit: Any) -> tuple[int | None, dict[str, Any] | None]:
    options = None
    if isinstance(limit, ConcurrencyLimitConfig):
        options = limit.model_dump(mode="json", exclude={"limit"}, exclude_none=True)
        limit = limit.limit
    if limit is None:
        return None, None
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise RegistrationError(
            f"concurrency_limit={limit!r} must be a whole number of runs from 1 on, such as "
            "concurrency_limit=1."
        )
    return limit, options


def _grace(seconds: Any) -> float:
    if seconds is None:
        return Options.grace_seconds
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 3600:
        raise RegistrationError(
            f"grace_seconds={seconds!r} must lie between 0 and 3600, such as grace_seconds=30."
        )
    return float(seconds)


def _text(what: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise RegistrationError(f"{what} is {value!r}: expected text.")
    return value


def _flag(what: str, value: Any) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise RegistrationError(f"{what} is {value!r}: expected True or False.")
    return value
