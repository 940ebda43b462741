"""What a workload used of cores, memory and GPUs, over its life."""

from __future__ import annotations

from prefect_platform.wire.base import Answer, Identifier, When

MOST_POINTS = 2000


class Sample(Answer):
    """The time from the point before to `at`."""

    at: When
    cores: float
    """Mean: 1.5 is one core all the time and another half of it."""
    memory_bytes: int
    """The most at once, of all its processes together."""
    gpu_percent: float | None
    """How busy its GPUs were on average; None where it has none, or their driver does not tell."""
    gpu_memory_bytes: int | None
    """The most in use, of all its GPUs together."""


class Samples(Answer):
    """A workload's declared size, and what it used of it, oldest first."""

    workload_id: Identifier
    cores: float
    memory_bytes: int
    gpus: int
    points: list[Sample]
