"""Sizes: named amounts of cores, memory and GPUs that a run can ask for."""

from __future__ import annotations

from pydantic import Field

from prefect_platform.wire.base import Answer, Label, Request


class GpuRequest(Request):
    """GPUs that a run asks for; every bound that is given holds for each of them."""

    count: int = Field(default=1, ge=1, le=64)
    type: Label | None = None
    """Part of the device's name, such as `A100`; any device where none is given."""
    min_memory_bytes: int | None = Field(default=None, ge=0)
    max_memory_bytes: int | None = Field(default=None, ge=0)


class Gpu(Answer):
    """One device of a machine."""

    uuid: str
    name: str
    memory_bytes: int


class Size(Answer):
    """An entry of the catalogue, and whether this platform has room for one."""

    name: Label
    display: str
    cores: float
    memory_bytes: int
    disk_bytes: int | None
    shm_bytes: int | None
    gpu: GpuRequest | None
    price_per_hour: float | None
    disabled_message: str | None
    """Why the operator does not offer it, if they do not."""
    unavailable: str | None
    """Why it cannot start here, if it cannot: disabled, too large for the machine, no such GPU."""


class SizeEvidence(Answer):
    """How much memory the last starts with one size needed."""

    size: Label | None
    """None: those that asked for cores and memory instead."""
    starts: int
    """As many as ended lately and told their peak."""
    peak_memory_bytes: int
    """The highest of them. More than the size has where one was ended for that."""


class SizeList(Answer):
    """The catalogue in the operator's order, and the devices that this platform allocates by itself."""

    items: list[Size]
    gpus: list[Gpu] = []
