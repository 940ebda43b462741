"""What `PlatformCluster` is asked for, checked before anything is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from prefect_platform.errors import RegistrationError, UsageError, foreign
from prefect_platform.flows.secrets import check_secrets
from prefect_platform.flows.variables import check_variables, secret_notes
from prefect_platform.names import nearest
from prefect_platform.wire import gpus
from prefect_platform.wire.clusters import ClusterCreate
from prefect_platform.wire.dask_spec import MOST_WORKERS, AdaptRange, DaskSpec
from prefect_platform.wire.flows import PythonInfo
from prefect_platform.wire.quantities import seconds
from prefect_platform.wire.secrets import SecretAttachment

SHAPE = (
    "n_workers", "worker_size", "scheduler_size", "processes", "threads", "gpu", "spot", "adapt",
    "idle_timeout", "lifetime", "env", "secrets",
)  # fmt: skip
"""What a cluster is. It is chosen when the cluster is made, and stays."""
KNOWN = (
    "name", *SHAPE, "project", "url", "token", "asynchronous", "loop", "quiet", "shutdown_on_close",
    "start_timeout",
)  # fmt: skip


@dataclass(frozen=True)
class ClusterOptions:
    """What was asked of a cluster, checked."""

    name: str | None
    spec: DaskSpec
    variables: dict[str, str]
    secrets: list[SecretAttachment]
    notes: tuple[str, ...]
    """What somebody should know."""


def check(given: Mapping[str, Any]) -> ClusterOptions:
    """The arguments of `PlatformCluster`; what is not given is None.

    Raises:
        UsageError: one of them is wrong; the message names it and gives an example.
    """
    try:
        variables, secrets = check_variables(given.get("env")), check_secrets(given.get("secrets"))
    except RegistrationError as error:
        raise UsageError(error.message) from None
    return ClusterOptions(
        name=_name(given.get("name")),
        spec=_spec(given),
        variables=variables,
        secrets=secrets,
        notes=tuple(secret_notes(variables)),
    )


def check_unknown(unknown: Mapping[str, Any]) -> None:
    """Refuse keywords that `PlatformCluster` does not have, with the nearest that it has."""
    for name in unknown:
        raise unknown_of("PlatformCluster", name, KNOWN)


def unknown_of(what: str, name: str, known: Sequence[str]) -> UsageError:
    """A keyword that there is not, with the nearest that there is."""
    return UsageError(f"{what} has no `{name}`.{nearest(name, known)} It takes {', '.join(known)}.")


def check_changes(name: str, changes: Mapping[str, Any]) -> None:
    """Refuse to change the shape of a cluster that runs."""
    check_unknown({key: value for key, value in changes.items() if key not in SHAPE})
    for key in changes:
        raise UsageError(
            f"The {key} of a cluster that runs stays as it is: close {name!r} and make a new one with "
            f"PlatformCluster(name={name!r}, {key}=...). scale() and adapt() change how many workers it has."
        )


def workers(value: Any, what: str = "n_workers", least: int = 0) -> int:
    """A number of workers."""
    return _whole(what, value, least, MOST_WORKERS, f"{what}={max(least, 4)}")


def adapt_range(minimum: Any, maximum: Any) -> AdaptRange:
    """Bounds to adapt between, both of them given."""
    for what, value in (("minimum", minimum), ("maximum", maximum)):
        if value is None:
            raise UsageError(
                f"To adapt, the {what} number of workers is needed too, such as minimum=0, maximum=10."
            )
    least, most = workers(minimum, "minimum"), workers(maximum, "maximum", 1)
    if least > most:
        raise UsageError(f"minimum={least} is more than maximum={most}: no number of workers is both.")
    return AdaptRange(minimum=least, maximum=most)


def duration(what: str, value: Any) -> float | None:
    """Seconds of a number, a timedelta, or text such as `2h`."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, str):
        try:
            value = seconds(value)
        except ValueError as error:
            raise UsageError(f"{what}={foreign(repr(value))}: {error}.") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise UsageError(
            f"{what}={foreign(repr(value))} must be seconds, more than 0, or such as {what}='2h'."
        )
    return float(value)


def _spec(given: Mapping[str, Any]) -> DaskSpec:
    n_workers = given.get("n_workers")
    fields = {
        "n_workers": 1 if n_workers is None else workers(n_workers, least=1),
        "worker_size": _size("worker_size", given.get("worker_size")),
        "scheduler_size": _size("scheduler_size", given.get("scheduler_size")),
        "processes": _count("processes", given.get("processes"), 64),
        "threads": _count("threads", given.get("threads"), 1024),
        "gpu": gpus.parse(given.get("gpu")),
        "spot": _flag("spot", given.get("spot")),
        "adapt": _adapt(given.get("adapt")),
        "idle_timeout_seconds": duration("idle_timeout", given.get("idle_timeout")),
        "lifetime_seconds": duration("lifetime", given.get("lifetime")),
    }
    return DaskSpec.model_validate(_valid(lambda: DaskSpec(**fields)))


def _adapt(value: Any) -> AdaptRange | None:
    if value is None or isinstance(value, AdaptRange):
        return value
    if isinstance(value, Mapping) and set(value) == {"minimum", "maximum"}:
        return adapt_range(value["minimum"], value["maximum"])
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise UsageError(
            f"adapt={foreign(repr(value))}: expected the least and the most workers, such as adapt=(1, 10)."
        )
    return adapt_range(*value)


def _name(value: Any) -> str | None:
    if value is not None:
        python = PythonInfo(version="3.11.0", executable="python")
        _valid(lambda: ClusterCreate(name=value, python=python), f"name={foreign(repr(value))}: ")
    return value  # type: ignore[no-any-return]


def _size(what: str, value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise UsageError(
            f"{what} is {foreign(repr(value))}: expected the name of a size, such as {what}='large'; "
            "describe_sizes() shows them."
        )
    return value.strip() if value is not None else None


def _count(what: str, value: Any, most: int) -> int | None:
    return None if value is None else _whole(what, value, 1, most, f"{what}=2")


def _whole(what: str, value: Any, least: int, most: int, example: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UsageError(
            f"{what}={foreign(repr(value))} must be a whole number from {least} to {most}, such as {example}."
        )
    return value


def _flag(what: str, value: Any) -> bool:
    if value is not None and not isinstance(value, bool):
        raise UsageError(f"{what} is {foreign(repr(value))}: expected True or False.")
    return bool(value)


def _valid(make: Callable[[], Any], prefix: str = "") -> Any:
    try:
        return make()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]).removesuffix("_seconds")
        if prefix and first["type"] == "string_pattern_mismatch":
            raise UsageError(
                f"{prefix}a name has lowercase letters, digits and dashes, such as name='my-cluster'."
            ) from None
        raise UsageError(f"{prefix or f'{where}: '}{first['msg']}.") from None
