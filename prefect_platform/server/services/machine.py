"""`Machine`: the room for workloads as this process knows it. The controller writes it, services read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prefect_platform.wire.sizes import Gpu


@dataclass
class Machine:
    """Memory is hard, cores are soft. Nothing fits until the controller has looked once."""

    known: bool = False
    """Whether the controller has asked its backend yet."""
    bounded: bool = True
    """False where the infrastructure queues by itself what does not fit."""
    cores: float = 0.0
    memory_bytes: int = 0
    gpus: Sequence[Gpu] = ()
    """Devices that the platform gives to one workload at a time."""
    gpu_problem: str | None = None
    """Why devices that may be there cannot be used."""
    gpus_known: bool = True
    """False while the driver does not answer: there may be other devices than these."""
    draining: bool = False
    """The platform is being stopped: it takes nothing new."""

    def set(
        self,
        cores: float,
        memory_bytes: int,
        gpus: Sequence[Gpu] = (),
        gpu_problem: str | None = None,
        *,
        gpus_known: bool = True,
    ) -> None:
        self.known, self.bounded, self.cores, self.memory_bytes = True, True, cores, memory_bytes
        self.gpus, self.gpu_problem, self.gpus_known = tuple(gpus), gpu_problem, gpus_known

    def set_unbounded(self) -> None:
        self.known, self.bounded = True, False
