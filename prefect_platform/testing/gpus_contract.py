"""The suite that everything passes that tells a machine's GPUs.

class TestMine(GpusContract):
    def make_gpus(self, directory: Path, gpus: Sequence[Gpu]) -> Gpus: ...
    def make_broken(self, directory: Path) -> Gpus: ...
    def make_none(self, directory: Path) -> Gpus: ...
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from prefect_platform.backends.local.gpus import Found, Gpus
from prefect_platform.wire.sizes import Gpu

GIB = 1 << 30
TWO = (
    Gpu(uuid="GPU-00000000-0000-4000-8000-000000000001", name="NVIDIA A100-SXM4-40GB", memory_bytes=40 * GIB),
    Gpu(uuid="GPU-00000000-0000-4000-8000-000000000002", name="Tesla T4", memory_bytes=15 * GIB),
)


class GpusContract(ABC):
    """Subclass it in a test module."""

    @abstractmethod
    def make_gpus(self, directory: Path, gpus: Sequence[Gpu]) -> Gpus:
        """A machine with these devices."""

    @abstractmethod
    def make_broken(self, directory: Path) -> Gpus:
        """A machine whose driver does not answer."""

    @abstractmethod
    def make_none(self, directory: Path) -> Gpus:
        """A machine without a driver."""

    def test_every_device_is_told_with_its_name_and_memory(self, tmp_path: Path) -> None:
        assert self.make_gpus(tmp_path, TWO).look() == Found(TWO)

    def test_the_order_stays(self, tmp_path: Path) -> None:
        gpus = self.make_gpus(tmp_path, TWO)
        assert [gpu.uuid for gpu in gpus.look().gpus] == [gpu.uuid for gpu in gpus.look().gpus]

    def test_no_driver_is_no_problem(self, tmp_path: Path) -> None:
        assert self.make_none(tmp_path).look() == Found()

    def test_a_broken_driver_is_told_and_gives_nothing(self, tmp_path: Path) -> None:
        found = self.make_broken(tmp_path).look()
        assert not found.gpus
        assert found.problem
        assert not found.known
