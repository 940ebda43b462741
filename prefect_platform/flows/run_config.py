"""`KubernetesRun`: how runs of a flow are started, for who wants to say more than a size.

Everything is checked where it is written, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from prefect_platform.errors import RegistrationError, foreign
from prefect_platform.names import nearest
from prefect_platform.wire.quantities import byte_count, seconds
from prefect_platform.wire.run_options import RunOptions, Toleration, Volume

_SAID = {"shm_bytes": "shm", "timeout_seconds": "timeout"}
_EXAMPLES = {
    "image": "image='registry.example.com/team/etl:1.4'",
    "node_selector": "node_selector={'example.com/pool': 'large'}",
    "tolerations": "tolerations=[{'key': 'spot', 'operator': 'Exists', 'effect': 'NoSchedule'}]",
    "volumes": "volumes=[{'claim': 'datasets', 'path': '/data', 'read_only': True}]",
    "shm": "shm='2GiB'",
    "timeout": "timeout='2h'",
}


class KubernetesRun:
    """Options of the runs of a flow, for `register(flow, run=KubernetesRun(timeout="2h"))`.

    `timeout` holds everywhere. The others take effect with the Kubernetes backend; registration says so
    where they have none.
    """

    def __init__(
        self,
        *,
        image: str | None = None,
        node_selector: Mapping[str, str] | None = None,
        tolerations: Sequence[Mapping[str, Any]] | None = None,
        volumes: Sequence[Mapping[str, Any]] | None = None,
        shm: str | int | None = None,
        timeout: str | float | timedelta | None = None,
        **unknown: Any,
    ) -> None:
        """Check and keep what is given.

        Args:
            image: of the container; by default the platform's.
            node_selector: labels of the nodes that may run it.
            tolerations: taints of nodes that may run it all the same: key, operator, value, effect.
            volumes: claims to mount: claim, path, read_only.
            shm: size of `/dev/shm`, such as `"2GiB"`.
            timeout: wall time of one attempt, such as `"2h"`, seconds or a timedelta. It counts from the
                start of the start script on, or of the engine where there is none.
            unknown: refused, with the nearest name.

        Raises:
            RegistrationError: something is wrong; the message names it and gives an example.
        """
        for name in unknown:
            raise RegistrationError(
                f"KubernetesRun() has no `{foreign(name)}`.{nearest(name, _EXAMPLES)} "
                f"It takes {', '.join(_EXAMPLES)}."
            )
        given = {
            "image": image,
            "node_selector": _mapping("node_selector", node_selector),
            "tolerations": _mappings("tolerations", tolerations),
            "volumes": _mappings("volumes", volumes),
            "shm_bytes": _bytes(shm),
            "timeout_seconds": _seconds(timeout),
        }
        try:
            self.options = RunOptions.model_validate({k: v for k, v in given.items() if v is not None})
        except ValidationError as error:
            raise _refused(error) from None
        _check_tolerations(self.options.tolerations)
        _check_volumes(self.options.volumes)

    def __repr__(self) -> str:
        given = self.options.model_dump(mode="json", exclude_defaults=True)
        return f"KubernetesRun({', '.join(f'{_SAID.get(k, k)}={v!r}' for k, v in given.items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KubernetesRun) and other.options == self.options

    __hash__ = None  # type: ignore[assignment]


def check_run(value: object) -> RunOptions | None:
    """What `register` was given as `run`.

    Raises:
        RegistrationError: it is no `KubernetesRun`.
    """
    if value is None:
        return None
    if isinstance(value, KubernetesRun):
        return value.options if value.options != RunOptions() else None
    raise RegistrationError(
        f"run is {foreign(repr(value))}: expected run=KubernetesRun(...), such as "
        "run=KubernetesRun(timeout='2h')."
    )


def _wrong(name: str, value: object, why: str) -> RegistrationError:
    return RegistrationError(
        f"KubernetesRun({name}={foreign(repr(value))}): {why.rstrip('.')}, such as {_EXAMPLES[name]}."
    )


def _mapping(name: str, value: object) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise _wrong(name, value, "expected a dict of text")
    return dict(value)


def _mappings(name: str, value: object) -> list[dict[str, Any]] | None:
    if value is None:
        return None
    if isinstance(value, Mapping | str) or not isinstance(value, Sequence):
        raise _wrong(name, value, "expected a list of dicts")
    for item in value:
        if not isinstance(item, Mapping):
            raise _wrong(name, value, "expected a list of dicts")
    return [dict(item) for item in value]


def _bytes(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    try:
        return byte_count(value if isinstance(value, str) else "")
    except ValueError as error:
        raise _wrong("shm", value, str(error)) from None


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return seconds(value if isinstance(value, str) else "")
    except ValueError as error:
        raise _wrong("timeout", value, str(error)) from None


def _refused(error: ValidationError) -> RegistrationError:
    """The first thing that is wrong, in the words that it was given in."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = [str(part) for part in first["loc"]]
    if not place:  # text that no database takes, wherever it stands
        return RegistrationError(f"KubernetesRun(...): {first['msg']}.")
    name = _SAID.get(place[0], place[0])
    where = ".".join(part for part in place[1:] if part != "[key]")
    why = f"{foreign(where)}: {first['msg']}" if where else str(first["msg"])
    if first["type"] == "extra_forbidden":
        kind = Toleration if name == "tolerations" else Volume
        why = f"there is no `{foreign(place[-1])}`.{nearest(place[-1], kind.model_fields)} Expected it"
    return _wrong(name, first["input"], why)


def _check_tolerations(tolerations: Sequence[Toleration]) -> None:
    for one in tolerations:
        shown = one.model_dump(mode="json", exclude_none=True)
        if one.operator == "Exists" and one.value is not None:
            raise _wrong("tolerations", shown, "a value needs operator 'Equal'")
        if one.operator == "Equal" and (one.key is None or one.value is None):
            raise _wrong("tolerations", shown, "operator 'Equal' needs a key and a value")


def _check_volumes(volumes: Sequence[Volume]) -> None:
    paths = [volume.path.rstrip("/") or "/" for volume in volumes]
    for number, path in enumerate(paths):
        if ".." in path.split("/") or path == "/":
            raise _wrong("volumes", path, "a path is absolute, has no .. in it and is not / itself")
        if path in paths[:number]:
            raise _wrong("volumes", path, "two volumes are mounted at this path; give each its own")
