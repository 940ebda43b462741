"""`DaskCluster`: the cluster that each run of a flow has of its own; and its names in the old product."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from prefect_platform.errors import RegistrationError, UsageError, foreign
from prefect_platform.names import nearest
from prefect_platform.wire import gpus
from prefect_platform.wire.dask_spec import AdaptRange, DaskSpec

KNOWN = ("dask", "dask_cluster_kwargs", "dask_adapt_kwargs")
ARGUMENTS = (
    "n_workers", "worker_size", "scheduler_size", "processes", "threads", "gpu", "adapt", "spot",
)  # fmt: skip
OLD = {"nprocs": "processes", "nthreads": "threads", "worker_is_spot": "spot"}
"""Names of the old product's arguments, and what they are called here."""
IGNORED = frozenset({"autoclose", "shutdown_on_close", "scheduler_service_wait_timeout"})
"""Old arguments that ask for what is always so, or is no question any more."""
NEEDED = ("distributed", "cloudpickle")
_EXAMPLES = {
    "n_workers": "n_workers=4",
    "worker_size": "worker_size='large'",
    "scheduler_size": "scheduler_size='medium'",
    "processes": "processes=2",
    "threads": "threads=4",
    "adapt": "adapt=(2, 8)",
    "spot": "spot=True",
}


class DaskCluster:
    """A Dask cluster for each run of a flow: `register(flow, dask=DaskCluster(n_workers=4))`.

    It starts at the same time as the run, belongs to it alone, and is gone when the run is. The flow's tasks
    run on it, without any change to the flow.
    """

    def __init__(  # noqa: D417 - arguments that belong together share a line
        self,
        n_workers: int = 1,
        *,
        worker_size: str | None = None,
        scheduler_size: str | None = None,
        processes: int | None = None,
        threads: int | None = None,
        gpu: int | str | None = None,
        adapt: tuple[int, int] | None = None,
        spot: bool = False,
        **unknown: Any,
    ) -> None:
        """Check and keep what is given.

        Args:
            n_workers: workers at the start, from 1 on.
            worker_size, scheduler_size: names of the catalogue; by default 1 core and 1 GiB for a worker, and
                half a GiB for the scheduler.
            processes: of each worker; by default one, or one for each of its GPUs.
            threads: of each process; by default the cores of its worker, shared among its processes.
            gpu: of each worker, as in `register`; in place of what its size has.
            adapt: the least and the greatest number of workers, between which the scheduler chooses.
            spot: whether workers may stand on machines that can be taken away, where there are such.
            unknown: refused, with the nearest name.

        Raises:
            RegistrationError: an argument is wrong; the message names it and gives an example.
        """
        for name in unknown:
            raise RegistrationError(
                f"DaskCluster has no `{name}`.{nearest(name, ARGUMENTS)} It takes {', '.join(ARGUMENTS)}."
            )
        self.spec = _spec(
            n_workers=n_workers,
            worker_size=worker_size,
            scheduler_size=scheduler_size,
            processes=processes,
            threads=threads,
            gpu=_gpu(gpu),
            adapt=_bounds(adapt),
            spot=spot,
        )

    def __repr__(self) -> str:
        said = self.spec.model_dump(exclude_defaults=True)
        return f"DaskCluster({', '.join(f'{name}={value!r}' for name, value in said.items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DaskCluster) and self.spec == other.spec

    def __hash__(self) -> int:
        return hash(self.spec.model_dump_json())


def check_dask(given: Mapping[str, Any]) -> DaskSpec | None:
    """What `register` is told of a cluster, under its new names or the old ones.

    Raises:
        RegistrationError: something is wrong; the message names it and gives an example.
    """
    found, old = given.get("dask"), given.get("dask_cluster_kwargs")
    adapt = given.get("dask_adapt_kwargs")
    if found is not None and (old is not None or adapt is not None):
        raise RegistrationError(
            "dask= and dask_cluster_kwargs= say the same: give dask=DaskCluster(...) alone."
        )
    if found is None and old is None:
        if adapt is not None:
            raise RegistrationError(
                "dask_adapt_kwargs without a cluster adapts nothing: write dask=DaskCluster(adapt=(2, 8))."
            )
        return None
    if found is None:
        found = _from_old(old, adapt)
    if not isinstance(found, DaskCluster):
        raise RegistrationError(
            f"dask is {foreign(repr(found))}: expected a DaskCluster, such as dask=DaskCluster(n_workers=4)."
        )
    _check_installed()
    return found.spec


def warn_of_old(given: Mapping[str, Any], stacklevel: int) -> None:
    """Say what the old names are now, at the line that called `register`."""
    for name in ("dask_cluster_kwargs", "dask_adapt_kwargs"):
        if given.get(name) is not None:
            words = "dask=DaskCluster(...)" if name.endswith("cluster_kwargs") else "DaskCluster(adapt=...)"
            warnings.warn(
                f"register({name}=...) is called {words} now.", DeprecationWarning, stacklevel=stacklevel + 1
            )


def _from_old(old: Any, adapt: Any) -> DaskCluster:
    """An empty dict means a cluster with defaults, as it did."""
    for name, value in (("dask_cluster_kwargs", old), ("dask_adapt_kwargs", adapt)):
        if value is not None and not isinstance(value, Mapping):
            raise RegistrationError(f"{name} is {foreign(repr(value))}: expected a dict.")
    said = {OLD.get(name, name): value for name, value in old.items() if name not in IGNORED}
    for name in said:
        if name not in ARGUMENTS:
            known = [*ARGUMENTS, *OLD]
            raise RegistrationError(f"dask_cluster_kwargs has no {name!r}.{nearest(str(name), known)}")
    if adapt:
        for name in adapt:
            if name not in ("minimum", "maximum"):
                raise RegistrationError(f"dask_adapt_kwargs has no {name!r}: it takes minimum and maximum.")
        said["adapt"] = (adapt.get("minimum"), adapt.get("maximum"))
    return DaskCluster(**said)


def _gpu(value: Any) -> Any:
    try:
        return gpus.parse(value)
    except UsageError as error:
        raise RegistrationError(error.message) from None


def _bounds(value: Any) -> AdaptRange | None:
    if value is None or isinstance(value, AdaptRange):
        return value
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise RegistrationError(
            f"adapt is {foreign(repr(value))}: expected the least and the greatest number of workers, "
            f"{_EXAMPLES['adapt']}."
        )
    low, high = value
    try:
        return AdaptRange.model_validate({"minimum": low, "maximum": high}, strict=True)
    except ValidationError as error:
        why = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise RegistrationError(f"adapt=({low!r}, {high!r}) cannot be: {foreign(why)}.") from None


def _spec(**said: Any) -> DaskSpec:
    try:
        return DaskSpec.model_validate(said, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "dask"
        example = f", such as {_EXAMPLES[name]}" if name in _EXAMPLES else ""
        raise RegistrationError(
            f"{name}={foreign(repr(said.get(name)))} cannot be: {foreign(first['msg'].lower())}{example}."
        ) from None


def _check_installed() -> None:
    lost = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lost:
        raise RegistrationError(
            f"A run with a Dask cluster needs {' and '.join(lost)} in its interpreter: "
            "pip install 'prefect-platform[dask]', and register again."
        )
