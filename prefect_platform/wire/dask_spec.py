"""What somebody wants of a Dask cluster, for every run of a flow or for their own work."""

from __future__ import annotations

from pydantic import Field, model_validator

from prefect_platform.wire.base import Label, Request
from prefect_platform.wire.sizes import GpuRequest

MOST_WORKERS = 1000
MOST_PROCESSES, MOST_THREADS = 64, 1024
LONGEST_SECONDS = 366 * 86400.0


class AdaptRange(Request):
    """Bounds between which the scheduler chooses the number of workers, by the work there is."""

    minimum: int = Field(ge=0, le=MOST_WORKERS)
    maximum: int = Field(ge=1, le=MOST_WORKERS)

    @model_validator(mode="after")
    def _in_order(self) -> AdaptRange:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum ({self.minimum}) is more than maximum ({self.maximum})")
        return self


class DaskSpec(Request):
    """What somebody wants of a cluster. Sizes are names of the catalogue."""

    n_workers: int = Field(default=1, ge=1, le=MOST_WORKERS)
    """At the start; with `adapt` only until the scheduler has chosen."""
    worker_size: Label | None = None
    """By default what a run without a size has: 1 core and 1 GiB, a setting of the platform."""
    scheduler_size: Label | None = None
    """By default half a GiB, and cores as they are free."""
    processes: int | None = Field(default=None, ge=1, le=MOST_PROCESSES)
    """Of a worker; by default one for each of its GPUs, else one."""
    threads: int | None = Field(default=None, ge=1, le=MOST_THREADS)
    """Of a process; by default the worker's cores, shared among its processes."""
    gpu: GpuRequest | None = None
    """Of each worker, in place of its size's."""
    spot: bool = False
    """Whether workers may stand on machines that can be taken away; a preference, for backends with such."""
    adapt: AdaptRange | None = None
    idle_timeout_seconds: float | None = Field(default=None, gt=0, le=LONGEST_SECONDS)
    """It ends after so long without a task. One that belongs to an attempt has none."""
    lifetime_seconds: float | None = Field(default=None, gt=0, le=LONGEST_SECONDS)

    @property
    def minimum(self) -> int:
        """Workers without which nothing is to begin."""
        return self.n_workers if self.adapt is None else max(1, self.adapt.minimum)

    @property
    def first(self) -> int:
        """Workers that it starts with."""
        if self.adapt is None:
            return self.n_workers
        return min(max(self.n_workers, self.adapt.minimum), self.adapt.maximum)
